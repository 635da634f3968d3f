// SPDX-License-Identifier: GPL-2.0-only
/*
 * How KVM finds the frame behind a host address (virt/kvm/kvm_main.c of 4.13).
 *
 *   kvm_hva_to_pfn             hva_to_pfn without async and atomic
 *   hva_to_pfn_slow            get_user_pages_unlocked; after a read fault
 *                              the fast walk, for a frame that may be written
 *   check_user_page_hwpoison
 *   hva_to_pfn_remapped        follow_pfn, fixup_user_fault, follow_pfn again
 *                              on the same vma unless the lock was dropped
 *
 * Ordinary memory is a page with a reference.  Where there is no page to be
 * had and the vma is VM_IO or VM_PFNMAP, mmap_sem is taken for read and the
 * frame number is read from the pte; such a frame is referenced only if it has
 * a struct page.  What was referenced is let go at once, as the guest would
 * when its own mapping goes.
 *
 * FL_FIX_KVM_REFCOUNT: 4.13 took a reference to any frame that has a struct
 * page and is not reserved, also to one whose driver counts nothing: the last
 * reference given back then freed it under the driver (CVE-2021-22543).
 * Fixed, a frame with a count of 0 is refused.
 *
 * Left out: async faults (and with them hva_to_pfn_fast, which serves only
 * those), memory slots.
 */
#include "mm/fault.h"
#include "mm/gup.h"
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

/* False: the frame cannot be had.  *page: what is to be let go again, or NULL
 * for what is not counted (kvm_is_reserved_pfn). */
static bool kvm_get_pfn(kulong pfn, struct page **page)
{
	*page = NULL;
	if (!pfn_valid(pfn) || PageReserved(pfn_to_page(pfn)))
		return true;
	if (fl_fixed(current_machine(), FL_FIX_KVM_REFCOUNT) &&
	    !get_page_unless_zero(pfn_to_page(pfn)))
		return false;
	*page = pfn_to_page(pfn);
	if (!fl_fixed(current_machine(), FL_FIX_KVM_REFCOUNT))
		get_page(*page);
	return true;
}

/* 1 and a referenced frame, or what get_user_pages said. */
static klong hva_to_pfn_slow(kulong addr, bool write_fault, kulong *pfn)
{
	struct page *page[1];
	const klong npages = get_user_pages_unlocked(
	    addr, 1, page, FOLL_HWPOISON | (write_fault ? (u32)FOLL_WRITE : 0));

	if (npages != 1)
		return npages;
	/* A guest that only read may have it writable if that costs nothing. */
	if (!write_fault) {
		struct page *wpage[1];

		if (__get_user_pages_fast(addr, 1, 1, wpage) == 1) {
			put_page(page[0]);
			page[0] = wpage[0];
		}
	}
	*pfn = page_to_pfn(page[0]);
	return 1;
}

/* sem held. */
static bool check_user_page_hwpoison(kulong addr)
{
	return get_user_pages(addr, 1, FOLL_HWPOISON | FOLL_WRITE, NULL,
			      NULL) == -EHWPOISON;
}

s64 kvm_hva_to_pfn(u64 addr, u32 write, u64 *result)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	struct page *page = NULL;
	kulong pfn = 0;
	klong npages;
	int ret;

	if (addr >= (u64)TASK_SIZE)
		return -EFAULT;
	npages = hva_to_pfn_slow((kulong)addr, write, &pfn);
	if (npages == 1) {
		put_page(pfn_to_page(pfn));
		*result = pfn;
		return 0;
	}

	down_read(&mm->mmap_sem);
	if (npages == -EHWPOISON || check_user_page_hwpoison((kulong)addr)) {
		up_read(&mm->mmap_sem);
		return -EHWPOISON;
	}
	do {
		vma = find_vma_intersection(mm, (kulong)addr, (kulong)addr + 1);
		if (vma && (vma->vm_flags & (VM_IO | VM_PFNMAP)))
			ret =
			    hva_to_pfn_remapped(vma, (kulong)addr, write, &pfn);
		else
			ret = -EFAULT;
	} while (ret == -EAGAIN);
	if (!ret && !kvm_get_pfn(pfn, &page))
		ret = -EFAULT;
	up_read(&mm->mmap_sem);
	if (page)
		put_page(page);
	if (!ret)
		*result = pfn;
	return ret;
}

} /* extern "C" */
