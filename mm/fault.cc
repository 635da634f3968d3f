// SPDX-License-Identifier: GPL-2.0-only
/*
 * The architecture's page fault: who calls handle_mm_fault for user code.
 *
 *   do_page_fault              __do_page_fault of arch/x86/mm/fault.c, in an
 *                              ARM build do_page_fault of arch/arm/mm/fault.c
 *   access_error, mm_fault_error, bad_area
 *
 * No lock is held on entry or exit.  mmap_sem is tried first, as a fault in
 * kernel mode must not sleep for it before its address was found in the
 * exception table (here all are), and is held for read over handle_mm_fault unless that
 * dropped it (VM_FAULT_RETRY).  One retry, without ALLOW_RETRY; a fatal
 * signal that arrives while waiting ends it.
 *
 * FL_FIX_MM_FAULT_ERROR: 4.13 carried the vma into the error path, where
 * mmap_sem is no longer held, to read its protection key; fixed, the key is
 * read before the handler runs.
 *
 * Left out: kernel-space faults, prefetch errata, protection
 * keys as such (every key is 0), perf and kprobes hooks.
 */
#include "mm/fault.h"
#include "mm/mm.h"
#include "mm/sync/sched.h"

extern "C" {

/* Kernel mode: the access is in the exception table, its fixup gives up. */
static void no_context(void)
{
	current->fixup_exception = 1;
}

static void bad_area_nosemaphore(u32 error_code, kulong address, int code)
{
	if (error_code & PF_USER)
		force_sig_fault(SIGSEGV, code, address);
	else
		no_context();
}

static void bad_area(struct mm_struct *mm, u32 error_code, kulong address,
		     int code)
{
	up_read(&mm->mmap_sem);
	bad_area_nosemaphore(error_code, address, code);
}

static bool access_error(u32 error_code, const struct vm_area_struct *vma)
{
#ifdef CONFIG_ARM
	kulong mask = VM_READ | VM_WRITE | VM_EXEC;

	if (error_code & PF_WRITE)
		mask = VM_WRITE;
	if (error_code & PF_INSTR)
		mask = VM_EXEC;
	return !(vma->vm_flags & mask);
#else
	if (error_code & PF_WRITE)
		return !(vma->vm_flags & VM_WRITE);
	if (error_code & PF_PROT)
		return true;
	return !(vma->vm_flags & (VM_READ | VM_EXEC | VM_WRITE));
#endif
}

static u32 vma_pkey(const struct vm_area_struct *vma)
{
#ifdef CONFIG_X86_64
	return (u32)(vma->vm_flags >> 32) & 0xf;
#else
	return (u32)(vma->vm_flags >> 31);
#endif
}

/* vma is NULL when the key was read in time.  mmap_sem is not held. */
static void mm_fault_error(u32 error_code, kulong address,
			   const struct vm_area_struct *vma, u32 pkey,
			   int fault)
{
	if (fatal_signal_pending(current) && !(error_code & PF_USER)) {
		no_context();
		return;
	}
	if (fault & VM_FAULT_OOM) {
		if (!(error_code & PF_USER))
			no_context();
		else
			pagefault_out_of_memory();
		return;
	}
	BUG_ON(!(fault & (VM_FAULT_SIGBUS | VM_FAULT_HWPOISON |
			  VM_FAULT_HWPOISON_LARGE | VM_FAULT_SIGSEGV)));
	if (!(error_code & PF_USER)) {
		no_context();
		return;
	}
	if (vma)
		pkey = vma_pkey(vma);
	/* The key goes into the siginfo, which this model leaves out. */
	__asm__ __volatile__("" : : "r"(pkey));
	if (fault & VM_FAULT_SIGSEGV)
		bad_area_nosemaphore(error_code, address, SEGV_MAPERR);
	else
		force_sig_fault(SIGBUS, BUS_ADRERR, address);
}

/*
 * vma, the first above address, is a stack and now reaches down to it.  On x86
 * user code has no business far below its stack pointer: as far as one
 * instruction may reach that moves the pointer only afterwards (enter).
 */
static bool grow_stack(struct vm_area_struct *vma, kulong address,
		       u32 error_code)
{
	if (!(vma->vm_flags & VM_GROWSDOWN))
		return false;
#ifdef CONFIG_X86_64
	if ((error_code & PF_USER) &&
	    address + 65536 + 32 * sizeof(kulong) < current->sp)
		return false;
#else
	(void)error_code;
#endif
	return !expand_stack(vma, address);
}

void do_page_fault(kulong address, u32 error_code)
{
	struct task_struct *task = current;
	struct mm_struct *mm = task->mm;
	u32 flags = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE;
	struct vm_area_struct *vma;
	int fault, major = 0;
	u32 pkey = 0;
	bool fixed;

	/* An address in the kernel's half, or a copy that must not sleep. */
	if (unlikely(!mm || address >= TASK_SIZE || task->pagefault_disabled)) {
		bad_area_nosemaphore(error_code, address, SEGV_MAPERR);
		return;
	}
	if (error_code & PF_USER)
		flags |= FAULT_FLAG_USER;
	if (error_code & PF_WRITE)
		flags |= FAULT_FLAG_WRITE;
	if (error_code & PF_INSTR)
		flags |= FAULT_FLAG_INSTRUCTION;

	if (unlikely(!down_read_trylock(&mm->mmap_sem))) {
	retry:
		down_read(&mm->mmap_sem);
	}
	vma = find_vma(mm, address);
	if (unlikely(!vma || (vma->vm_start > address &&
			      !grow_stack(vma, address, error_code)))) {
		bad_area(mm, error_code, address, SEGV_MAPERR);
		return;
	}
	if (unlikely(access_error(error_code, vma))) {
		bad_area(mm, error_code, address, SEGV_ACCERR);
		return;
	}

	fixed = fl_fixed(task->machine, FL_FIX_MM_FAULT_ERROR);
	if (fixed)
		pkey = vma_pkey(vma);
	fault = handle_mm_fault(vma, address, flags);
	major |= fault & VM_FAULT_MAJOR;

	if (unlikely(fault & VM_FAULT_RETRY)) {
		/* mmap_sem is not held.  With handle_userfault fixed, user
		 * mode gets its signal before the fault is taken again. */
		if ((flags & FAULT_FLAG_USER) && signal_pending(task) &&
		    fl_fixed(task->machine, FL_FIX_HANDLE_USERFAULT))
			return;
		if (flags & FAULT_FLAG_ALLOW_RETRY) {
			flags &= ~(u32)FAULT_FLAG_ALLOW_RETRY;
			flags |= FAULT_FLAG_TRIED;
			if (!fatal_signal_pending(task))
				goto retry;
		}
		if (!(flags & FAULT_FLAG_USER))
			no_context();
		return;
	}

	up_read(&mm->mmap_sem);
	if (unlikely(fault & VM_FAULT_ERROR)) {
		mm_fault_error(error_code, address, fixed ? NULL : vma, pkey,
			       fault);
		return;
	}
	if (major)
		task->maj_flt++;
	else
		task->min_flt++;
}

} /* extern "C" */
