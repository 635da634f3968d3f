// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that a device holds on to.
 *
 *   vaddr_get_pfn, put_pfn     drivers/vfio/vfio_iommu_type1.c of 4.13
 *   is_invalid_reserved_pfn    likewise
 *   gup_pin, gup_unpin         any driver: get_user_pages_fast, then, some
 *                              time later, set_page_dirty_lock and put_page
 *   task_pin, task_vfio_pin, task_unpin_all   the same with the pages noted in
 *                              the task, as an open file of the driver would
 *   gup_pin_access             the device's own access to a pinned frame
 *
 * vfio takes the page first.  Where there is none to take it believes a
 * VM_PFNMAP vma: the frame is vm_pgoff plus the page's place in the vma, which
 * nobody holds on to and which need not be what the pte says.
 *
 * No lock is held on entry or exit, nor by whoever holds a pin.  The pins are
 * the host's to remember, as frame numbers.
 *
 * Left out: locked_vm and RLIMIT_MEMLOCK of what is pinned, the IOMMU.
 */
#include "mm/fault.h"
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/uaccess.h"

extern "C" {

static bool is_invalid_reserved_pfn(kulong pfn)
{
	return !pfn_valid(pfn) || PageReserved(pfn_to_page(pfn));
}

static int vaddr_get_pfn(struct mm_struct *mm, kulong vaddr, int write,
			 kulong *pfn)
{
	struct vm_area_struct *vma;
	struct page *page[1];
	int ret = get_user_pages_fast(vaddr, 1, write, page);

	if (ret == 1) {
		*pfn = page_to_pfn(page[0]);
		return 0;
	}

	down_read(&mm->mmap_sem);
	vma = find_vma_intersection(mm, vaddr, vaddr + 1);
	if (vma && (vma->vm_flags & VM_PFNMAP)) {
		*pfn = ((vaddr - vma->vm_start) >> PAGE_SHIFT) + vma->vm_pgoff;
		if (is_invalid_reserved_pfn(*pfn))
			ret = 0;
	}
	up_read(&mm->mmap_sem);
	return ret;
}

static void put_pfn(kulong pfn, bool dirty)
{
	struct page *page;

	if (is_invalid_reserved_pfn(pfn))
		return;
	page = pfn_to_page(pfn);
	if (dirty)
		set_page_dirty(page);
	put_page(page);
}

s64 vfio_pin(u64 addr, u32 write, u64 *result)
{
	kulong pfn = 0;
	int ret;

	if (!access_ok(addr, 1))
		return -EFAULT;
	ret = vaddr_get_pfn(current->mm, (kulong)addr, write != 0, &pfn);
	if (!ret)
		*result = pfn;
	return ret;
}

void vfio_unpin(u64 pfn, u32 dirty)
{
	put_pfn((kulong)pfn, dirty != 0);
}

/* ---- any driver ---- */

s64 gup_pin(u64 addr, u32 nr_pages, u32 write, u64 *pfns)
{
	struct page *pages[16];
	int got, i;

	if (!nr_pages || nr_pages > ARRAY_SIZE(pages))
		return -EINVAL;
	if (!access_ok(addr & ~(u64)(PAGE_SIZE - 1),
		       (u64)nr_pages << PAGE_SHIFT))
		return -EFAULT;
	got =
	    get_user_pages_fast((kulong)addr, (int)nr_pages, write != 0, pages);
	for (i = 0; i < got; i++)
		pfns[i] = page_to_pfn(pages[i]);
	return got;
}

void gup_unpin(u64 pfn, u32 dirty)
{
	struct page *page = pfn_to_page((kulong)pfn);

	if (dirty) {
		set_page_dirty_lock(page);
	}
	put_page(page);
}

s64 task_pin(u64 addr, u32 write)
{
	struct task_struct *task = current;
	int got;

	if (task->nr_pins == ARRAY_SIZE(task->pins))
		return -EBUSY;
	if (!access_ok(addr, 1))
		return -EFAULT;
	got = get_user_pages_fast((kulong)addr, 1, write != 0,
				  &task->pins[task->nr_pins]);
	if (got < 0)
		return got;
	task->nr_pins += (u32)got;
	return got == 1 ? 0 : -EFAULT;
}

s64 task_vfio_pin(u64 addr, u32 write, u64 *result)
{
	struct task_struct *task = current;
	s64 ret;

	if (task->nr_pins == ARRAY_SIZE(task->pins))
		return -EBUSY;
	ret = vfio_pin(addr, write, result);
	if (!ret && !is_invalid_reserved_pfn((kulong)*result))
		task->pins[task->nr_pins++] = pfn_to_page((kulong)*result);
	return ret;
}

void task_unpin_all(void)
{
	struct task_struct *task = current;

	while (task->nr_pins)
		put_page(task->pins[--task->nr_pins]);
}

s64 gup_pin_access(u64 pfn, u32 write, u32 offset, void *buf, u32 bytes)
{
	char *at;

	if (offset > PAGE_SIZE || bytes > PAGE_SIZE - offset)
		return -EINVAL;
	at = (char *)phys_to_virt((phys_addr_t)pfn << PAGE_SHIFT);
	if (!at)
		return -EIO;
	if (!write)
		memcpy(buf, at + offset, bytes);
	else if (pfn_valid((kulong)pfn)) /* a store to flash has no effect */
		memcpy(at + offset, buf, bytes);
	return 0;
}

} /* extern "C" */
