// SPDX-License-Identifier: GPL-2.0-only
/*
 * How KVM finds the frame behind a host address that has no page structs
 * (virt/kvm/kvm_main.c of 4.13).
 *
 *   kvm_hva_to_pfn             hva_to_pfn, from where get_user_pages failed
 *   hva_to_pfn_remapped        follow_pfn, fixup_user_fault, follow_pfn again
 *                              on the same vma unless the lock was dropped
 *
 * mmap_sem is taken for read here.  A frame that has a struct page is
 * referenced while the lock is held and let go at once after it, as the guest
 * would when its own mapping goes.
 *
 * Left out: the fast paths before it, async faults, memory slots.
 */
#include "mm/fault.h"
#include "mm/mm.h"
#include "mm/pgtable.h"
#include "mm/sync/sched.h"

extern "C" {

static int hva_to_pfn_remapped(struct vm_area_struct *vma, kulong addr,
			       bool write_fault, kulong *pfn)
{
	int ret = follow_pfn(vma, addr, pfn);

	if (ret) {
		bool unlocked = false;

		ret = fixup_user_fault(current, current->mm, addr,
				       write_fault ? FAULT_FLAG_WRITE : 0,
				       &unlocked);
		if (unlocked)
			return -EAGAIN;
		if (ret)
			return ret;
		ret = follow_pfn(vma, addr, pfn);
		if (ret)
			return ret;
	}
	return 0;
}

/* kvm_is_reserved_pfn: nothing that could be counted. */
static struct page *kvm_get_pfn(kulong pfn)
{
	struct page *page;

	if (!pfn_valid(pfn))
		return NULL;
	page = pfn_to_page(pfn);
	if (PageReserved(page))
		return NULL;
	get_page(page);
	return page;
}

s64 kvm_hva_to_pfn(u64 addr, u32 write, u64 *result)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	struct page *page = NULL;
	kulong pfn = 0;
	int ret;

	if (addr >= (u64)TASK_SIZE)
		return -EFAULT;
	down_read(&mm->mmap_sem);
	do {
		vma = find_vma_intersection(mm, (kulong)addr, (kulong)addr + 1);
		if (vma && (vma->vm_flags & (VM_IO | VM_PFNMAP)))
			ret =
			    hva_to_pfn_remapped(vma, (kulong)addr, write, &pfn);
		else
			ret = -EFAULT;
	} while (ret == -EAGAIN);
	if (!ret)
		page = kvm_get_pfn(pfn);
	up_read(&mm->mmap_sem);
	if (page)
		put_page(page);
	if (!ret)
		*result = pfn;
	return ret;
}

} /* extern "C" */
