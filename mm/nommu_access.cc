// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting hold of user pages, and reaching into another process, without an
 * MMU: after mm/nommu.c of 4.13.
 *
 *   get_user_pages, .._locked, .._unlocked, .._remote, __get_user_pages
 *   get_user_pages_fast        mm/util.c: no faster than the others
 *   access_process_vm, __access_remote_vm, ptrace_access
 *   fixup_user_fault           a BUG: include/linux/mm.h
 *
 * Nothing is ever faulted in.  get_user_pages refuses VM_IO and VM_PFNMAP, but
 * a file mapped in place in ROM has neither, and 4.13 then makes a struct page
 * up from the address: here that is the BUG of pfn_to_page.
 *
 * ptrace moves at most to the end of the vma that the address lies in, and
 * asks for VM_MAYREAD or VM_MAYWRITE only, whatever it is about to do.
 *
 * Left out: follow_pfn's callers (KVM); cache maintenance.
 *
 * Locks: mmap_sem for reading.
 */
#include "mm/fault.h"
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/nommu.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"

extern "C" {

klong __get_user_pages(struct task_struct *task, struct mm_struct *mm,
		       kulong start, kulong nr_pages, u32 gup_flags,
		       struct page **pages, struct vm_area_struct **vmas,
		       int *nonblocking)
{
	const kulong vm_flags =
	    ((gup_flags & FOLL_WRITE) ? VM_WRITE | VM_MAYWRITE
				      : VM_READ | VM_MAYREAD) &
	    ((gup_flags & FOLL_FORCE) ? VM_MAYREAD | VM_MAYWRITE
				      : VM_READ | VM_WRITE);
	kulong i;

	(void)task;
	(void)nonblocking;
	for (i = 0; i < nr_pages; i++) {
		struct vm_area_struct *vma = find_vma(mm, start);

		if (!vma || vma->vm_flags & (VM_IO | VM_PFNMAP) ||
		    !(vm_flags & vma->vm_flags))
			break;
		if (pages) {
			pages[i] = pfn_to_page(start >> PAGE_SHIFT);
			get_page(pages[i]);
		}
		if (vmas)
			vmas[i] = vma;
		start = (start + PAGE_SIZE) & PAGE_MASK;
	}
	return i ? (klong)i : -EFAULT;
}

klong get_user_pages(kulong start, kulong nr_pages, u32 gup_flags,
		     struct page **pages, struct vm_area_struct **vmas)
{
	return __get_user_pages(current, current->mm, start, nr_pages,
				gup_flags, pages, vmas, NULL);
}

klong get_user_pages_locked(kulong start, kulong nr_pages, u32 gup_flags,
			    struct page **pages, int *locked)
{
	(void)locked;
	return get_user_pages(start, nr_pages, gup_flags, pages, NULL);
}

klong get_user_pages_unlocked(kulong start, kulong nr_pages,
			      struct page **pages, u32 gup_flags)
{
	struct mm_struct *mm = current->mm;
	klong ret;

	down_read(&mm->mmap_sem);
	ret = __get_user_pages(current, mm, start, nr_pages, gup_flags, pages,
			       NULL, NULL);
	up_read(&mm->mmap_sem);
	return ret;
}

klong get_user_pages_remote(struct task_struct *task, struct mm_struct *mm,
			    kulong start, kulong nr_pages, u32 gup_flags,
			    struct page **pages, struct vm_area_struct **vmas,
			    int *locked)
{
	(void)locked;
	return __get_user_pages(task, mm, start, nr_pages, gup_flags, pages,
				vmas, NULL);
}

int get_user_pages_fast(kulong start, int nr_pages, int write,
			struct page **pages)
{
	return (int)get_user_pages_unlocked(start, (kulong)nr_pages, pages,
					    write ? FOLL_WRITE : 0);
}

int fixup_user_fault(struct task_struct *task, struct mm_struct *mm,
		     kulong address, u32 fault_flags, bool *unlocked)
{
	(void)task;
	(void)mm;
	(void)address;
	(void)fault_flags;
	(void)unlocked;
	BUG();
}

/* ---- ptrace ---- */

int __access_remote_vm(struct task_struct *task, struct mm_struct *mm,
		       kulong addr, void *buf, int len, u32 gup_flags)
{
	const bool write = gup_flags & FOLL_WRITE;
	struct vm_area_struct *vma;
	u32 error_code;

	(void)task;
	down_read(&mm->mmap_sem);
	vma = find_vma(mm, addr);
	if (!vma) {
		len = 0;
		goto out;
	}
	/* Addresses wrap before they reach the last vma's end. */
	if (addr + (kulong)len >= vma->vm_end)
		len = (int)(vma->vm_end - addr);
	if (!(vma->vm_flags & (write ? VM_MAYWRITE : VM_MAYREAD)))
		len = 0;
	else if (len && mmu_copy(write ? FL_STORE : FL_LOAD, addr, buf,
				 (u32)len, &error_code))
		len = 0;
out:
	up_read(&mm->mmap_sem);
	return len;
}

int access_process_vm(struct task_struct *task, kulong addr, void *buf, int len,
		      u32 gup_flags)
{
	struct mm_struct *mm;
	int ret;

	if (addr + (kulong)len < addr)
		return 0;
	mm = get_task_mm(task);
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

} /* extern "C" */
