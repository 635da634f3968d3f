// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faulting on behalf of a user (mm/gup.c of 4.13).
 *
 *   fixup_user_fault           with vma_permits_fault
 *
 * mmap_sem is held for read on entry and on exit.  It may be dropped between
 * only if the caller passes `unlocked`; the caller then has to forget every
 * vma it knew.  Nothing here asks whether the vma is VM_IO or VM_PFNMAP: this
 * is how such mappings' handlers are reached from inside the kernel.
 *
 * Left out: get_user_pages and friends, which refuse VM_IO and VM_PFNMAP
 * before they fault.
 */
#include "mm/fault.h"
#include "mm/mm.h"
#include "mm/sync/sched.h"

extern "C" {

static bool vma_permits_fault(const struct vm_area_struct *vma, u32 fault_flags)
{
	return (vma->vm_flags &
		(fault_flags & FAULT_FLAG_WRITE ? VM_WRITE : VM_READ)) != 0;
}

static int vm_fault_to_errno(int fault)
{
	if (fault & VM_FAULT_OOM)
		return -ENOMEM;
	if (fault & (VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE))
		return -EFAULT;
	if (fault & (VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV))
		return -EFAULT;
	return 0;
}

/*
 * *unlocked = true.  Nobody passes NULL and gets here, unless a handler
 * answered RETRY although it was not allowed to: then this is the oops.
 */
static void set_unlocked(bool *unlocked)
{
	/* The compiler must not conclude anything from the store. */
	__asm__("" : "+r"(unlocked));
#if !FAULTLINE_EXPLORED
	if (unlikely(!unlocked)) {
		fl_warn(FL_REPORT_OOPS, __FILE__, __LINE__, "fixup_user_fault",
			"BUG: unable to handle kernel NULL pointer "
			"dereference: *unlocked");
		BUG();
	}
#endif
	*unlocked = true;
}

int fixup_user_fault(struct task_struct *task, struct mm_struct *mm,
		     kulong address, u32 fault_flags, bool *unlocked)
{
	struct vm_area_struct *vma;
	int ret, major = 0;

	if (unlocked)
		fault_flags |= FAULT_FLAG_ALLOW_RETRY;
retry:
	vma = find_extend_vma(mm, address);
	if (!vma || address < vma->vm_start)
		return -EFAULT;
	if (!vma_permits_fault(vma, fault_flags))
		return -EFAULT;

	ret = handle_mm_fault(vma, address, fault_flags);
	major |= ret & VM_FAULT_MAJOR;
	if (ret & VM_FAULT_ERROR) {
		const int err = vm_fault_to_errno(ret);

		BUG_ON(!err);
		return err;
	}
	if (ret & VM_FAULT_RETRY) {
		down_read(&mm->mmap_sem);
		if (!(fault_flags & FAULT_FLAG_TRIED)) {
			set_unlocked(unlocked);
			fault_flags &= ~(u32)FAULT_FLAG_ALLOW_RETRY;
			fault_flags |= FAULT_FLAG_TRIED;
			goto retry;
		}
	}
	if (task) {
		if (major)
			task->maj_flt++;
		else
			task->min_flt++;
	}
	return 0;
}

} /* extern "C" */
