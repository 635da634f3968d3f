// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reaching into another process.
 *
 *   access_process_vm, __access_remote_vm    mm/memory.c of 4.13: ptrace's
 *                              peek and poke, /proc/PID/mem
 *   process_vm_rw              mm/process_vm_access.c: process_vm_readv and
 *                              process_vm_writev of one segment on each side
 *
 * ptrace forces its way (FOLL_FORCE) past the present protection of a vma, one
 * page at a time and with mmap_sem of the other process held for reading
 * throughout; what has no pages goes through vm_ops->access.  process_vm_rw
 * takes pages in batches and copies with no lock held, so its own half may
 * fault.
 *
 * Left out: credentials and ptrace attachment; batches larger than the array
 * on the stack (4.13 allocates one of up to two pages); cache maintenance of
 * aliasing caches.
 */
#include "mm/fault.h"
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/uaccess.h"

extern "C" {

#ifdef CONFIG_X86_64
#define CONFIG_HAVE_IOREMAP_PROT 1
#endif

/* What the device's own method moves; 0 or less: nothing. */
static int access_device(struct mm_struct *mm, kulong addr, void *buf, int len,
			 int write)
{
#ifdef CONFIG_HAVE_IOREMAP_PROT
	struct vm_area_struct *vma = find_vma(mm, addr);

	if (!vma || vma->vm_start > addr)
		return 0;
	if (vma->vm_ops && vma->vm_ops->access)
		return vma->vm_ops->access(vma, addr, buf, len, write);
#else
	(void)mm;
	(void)addr;
	(void)buf;
	(void)len;
	(void)write;
#endif
	return 0;
}

int __access_remote_vm(struct task_struct *task, struct mm_struct *mm,
		       kulong addr, void *buf, int len, u32 gup_flags)
{
	const int write = gup_flags & FOLL_WRITE;
	char *at = (char *)buf;

	down_read(&mm->mmap_sem);
	while (len) {
		const kulong offset = offset_in_page(addr);
		struct vm_area_struct *vma;
		struct page *page = NULL;
		int bytes;

		if (get_user_pages_remote(task, mm, addr, 1, gup_flags, &page,
					  &vma, NULL) <= 0) {
			bytes = access_device(mm, addr, at, len, write);
			if (bytes <= 0)
				break;
		} else {
			bytes = (int)fl_min((kulong)len, PAGE_SIZE - offset);
			if (write) {
				memcpy((char *)kmap(page) + offset, at,
				       (size_t)bytes);
				set_page_dirty_lock(page);
			} else {
				memcpy(at, (const char *)kmap(page) + offset,
				       (size_t)bytes);
			}
			kunmap(page);
			put_page(page);
		}
		len -= bytes;
		at += bytes;
		addr += (kulong)bytes;
	}
	up_read(&mm->mmap_sem);
	return (int)(at - (char *)buf);
}

int access_process_vm(struct task_struct *task, kulong addr, void *buf, int len,
		      u32 gup_flags)
{
	struct mm_struct *mm = get_task_mm(task);
	int ret;

	if (!mm)
		return 0;
	ret = __access_remote_vm(task, mm, addr, buf, len, gup_flags);
	mmput(mm);
	return ret;
}

s64 ptrace_access(struct task_struct *task, u64 addr, void *buf, u32 bytes,
		  u32 write)
{
	if (addr >= (u64)TASK_SIZE || bytes > 0x7fffffff)
		return 0;
	return access_process_vm(task, (kulong)addr, buf, (int)bytes,
				 FOLL_FORCE | (write ? FOLL_WRITE : 0));
}

/* ---- process_vm_readv, process_vm_writev ---- */

#define PVM_MAX_PP_ARRAY_COUNT 16

static int process_vm_rw_pages(struct page **pages, u64 offset, u64 len,
			       struct iov_iter *iter, int vm_write)
{
	while (len && iov_iter_count(iter)) {
		struct page *page = *pages++;
		u64 copy = PAGE_SIZE - offset;
		u64 copied;

		if (copy > len)
			copy = len;
		if (vm_write) {
			copied = copy_page_from_iter(page, offset, copy, iter);
			set_page_dirty_lock(page);
		} else {
			copied = copy_page_to_iter(page, offset, copy, iter);
		}
		len -= copied;
		if (copied < copy && iov_iter_count(iter))
			return -EFAULT;
		offset = 0;
	}
	return 0;
}

static int process_vm_rw_single_vec(kulong addr, kulong len,
				    struct iov_iter *iter, struct mm_struct *mm,
				    struct task_struct *task, int vm_write)
{
	struct page *process_pages[PVM_MAX_PP_ARRAY_COUNT];
	kulong start_offset = offset_in_page(addr);
	kulong pa = addr & PAGE_MASK;
	kulong nr_pages;
	int rc = 0;

	if (!len)
		return 0;
	nr_pages = (addr + len - 1) / PAGE_SIZE - addr / PAGE_SIZE + 1;
	while (!rc && nr_pages && iov_iter_count(iter)) {
		const kulong want = fl_min(nr_pages, PVM_MAX_PP_ARRAY_COUNT);
		int locked = 1;
		kulong bytes;
		klong pages;

		down_read(&mm->mmap_sem);
		pages = get_user_pages_remote(task, mm, pa, want,
					      vm_write ? FOLL_WRITE : 0,
					      process_pages, NULL, &locked);
		if (locked)
			up_read(&mm->mmap_sem);
		if (pages <= 0)
			return -EFAULT;

		bytes = fl_min((kulong)pages * PAGE_SIZE - start_offset, len);
		rc = process_vm_rw_pages(process_pages, start_offset, bytes,
					 iter, vm_write);
		len -= bytes;
		start_offset = 0;
		nr_pages -= (kulong)pages;
		pa += (kulong)pages * PAGE_SIZE;
		while (pages)
			put_page(process_pages[--pages]);
	}
	return rc;
}

s64 process_vm_rw(struct task_struct *task, u64 local, u64 remote, u64 bytes,
		  u32 vm_write)
{
	struct iov_iter iter;
	struct mm_struct *mm;
	s64 rc;

	if (!access_ok(local, bytes))
		return -EFAULT;
	if (!bytes)
		return 0;
	if ((u64)(kulong)remote != remote ||
	    (u64)(kulong)(remote + bytes - 1) != remote + bytes - 1)
		return -EFAULT;
	if (bytes > MAX_RW_COUNT)
		bytes = MAX_RW_COUNT;
	iov_iter_user(&iter, (kulong)local, bytes);
	mm = get_task_mm(task);
	if (!mm)
		return -ESRCH;
	rc = process_vm_rw_single_vec((kulong)remote, (kulong)bytes, &iter, mm,
				      task, (int)vm_write);
	/* Whatever went through counts, and hides the error. */
	if (bytes != iov_iter_count(&iter))
		rc = (s64)(bytes - iov_iter_count(&iter));
	mmput(mm);
	return rc;
}

} /* extern "C" */
