/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processors as far as address translation goes (arch/x86/include/asm/
 * tlbflush.h, mmu_context.h, tlbbatch.h): what each remembers of the page
 * tables, and how it is made to forget.
 */
#ifndef FAULTLINE_MM_TLB_H_
#define FAULTLINE_MM_TLB_H_

#include "mm/mm_types.h"
#include "mm/pgtable.h"
#include "mm/sync/cpumask.h"
#include "mm/sync/machine.h"
#include "mm/sync/sched.h"

FL_BEGIN_DECLS

#define TLB_FLUSH_ALL (~(kulong)0)
/* Pages; a longer range is flushed as a whole mm (x86). */
#define TLB_SINGLE_PAGE_FLUSH_CEILING 33

/* ---- the processor ---- */
/*
 * From here to user_walk_end the task's processor is in the middle of an
 * instruction, or has interrupts off: a flush waits for it, so tables and
 * pages that it finds are not freed.  Must not sleep, nor nest.  task is
 * current; if the processor ran another address space it switches first.
 */
void user_walk_begin(struct task_struct *task);
void user_walk_end(struct task_struct *task);
/* Whether the task's processor is between the two. */
bool user_walk_active(const struct task_struct *task);

/* The next three between user_walk_begin and user_walk_end of task only. */
/* What is remembered of the page at addr; an empty pte: nothing. */
pte_t tlb_lookup(const struct task_struct *task, kulong addr);
/* pte: as it stood in the table, present, with the bits that were set. */
void tlb_fill(struct task_struct *task, kulong addr, pte_t pte);
/* The processor's own invlpg. */
void tlb_drop(struct task_struct *task, kulong addr);

/* ---- flushing: no pte lock is needed, any may be held ---- */
/*
 * When it returns, no processor has an old entry of [start, end) of the mm any
 * more, nor is any in the middle of an access that began with one.  Bytes,
 * page aligned; TLB_FLUSH_ALL as the end means everything.
 */
void flush_tlb_mm_range(struct mm_struct *mm, kulong start, kulong end,
			kulong vmflag);
#define flush_tlb_mm(mm) flush_tlb_mm_range(mm, 0, TLB_FLUSH_ALL, 0)
#define flush_tlb_range(vma, start, end)                                       \
	flush_tlb_mm_range((vma)->vm_mm, start, end, (vma)->vm_flags)
#define flush_tlb_page(vma, addr)                                              \
	flush_tlb_mm_range((vma)->vm_mm, addr, (addr) + PAGE_SIZE, VM_NONE)
/* The entry at addr is right, but a processor faulted on an older one: x86
 * forgot that one when it faulted. */
#ifdef CONFIG_X86_64
#define flush_tlb_fix_spurious_fault(vma, addr) ((void)(vma), (void)(addr))
#else
#define flush_tlb_fix_spurious_fault(vma, addr) flush_tlb_page(vma, addr)
#endif

/* The pte as it was; the pte lock is held. */
pte_t ptep_clear_flush(struct vm_area_struct *vma, kulong address, pte_t *ptep);

/* current's processor gives the mm up, as it exits. */
void leave_mm(struct mm_struct *mm);
/* Nobody uses the mm any more, and it is about to be freed: processors that
 * still have it loaded let go of it. */
void tlb_destroy_mm(struct mm_struct *mm);

/* Another processor than current's has the mm loaded. */
bool mm_runs_elsewhere(const struct mm_struct *mm);
/* Reclaim's batch, of current: the processors that may remember ptes of mm,
 * and the flush of all that were added. */
void arch_tlbbatch_add_mm(struct cpumask *batch, struct mm_struct *mm);
void arch_tlbbatch_flush(struct cpumask *batch);

/* ---- flushes that somebody owes ---- */
static inline bool mm_tlb_flush_pending(const struct mm_struct *mm)
{
	return atomic_read(&mm->tlb_flush_pending) > 0;
}
/* Somebody else beside the caller. */
static inline bool mm_tlb_flush_nested(const struct mm_struct *mm)
{
	return atomic_read(&mm->tlb_flush_pending) > 1;
}
static inline void inc_tlb_flush_pending(struct mm_struct *mm)
{
	atomic_inc(&mm->tlb_flush_pending);
}
static inline void dec_tlb_flush_pending(struct mm_struct *mm)
{
	atomic_dec(&mm->tlb_flush_pending);
}
/* Could a processor have it in its TLB?  Of PROT_NONE only as it was before. */
static inline bool pte_accessible(const struct mm_struct *mm, pte_t pte)
{
	if (pte.pte & _PAGE_PRESENT)
		return true;
	return (pte.pte & _PAGE_PROTNONE) && mm_tlb_flush_pending(mm);
}

/* Under the pte lock: reclaim has cleared entries of the mm and not flushed
 * them yet, so what is not in the table may be in a TLB.  mm/rmap_walk.cc */
void flush_tlb_batched_pending(struct mm_struct *mm);

FL_END_DECLS

#endif /* FAULTLINE_MM_TLB_H_ */
