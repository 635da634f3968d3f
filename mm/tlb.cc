// SPDX-License-Identifier: GPL-2.0-only
/*
 * The TLB of each processor and its flushing, after arch/x86/mm/tlb.c of 4.13.
 *
 *   user_walk_begin            switch_mm_irqs_off, when another mm runs now
 *   flush_tlb_mm_range         flush_tlb_func_local, flush_tlb_func_remote,
 *                              native_flush_tlb_others
 *   ptep_clear_flush           mm/pgtable-generic.c
 *   leave_mm
 *   arch_tlbbatch_add_mm, arch_tlbbatch_flush, mm_runs_elsewhere
 *
 * A processor is a TLB, the mm that it has loaded, and one bit: it is in the
 * middle of an instruction (or has interrupts off).  Who wants to interrupt
 * it waits for the end of that, then makes it forget; who runs on it waits
 * while it answers.  So the bit is the lock of all the rest, and the flush may
 * come from any thread:
 *
 *	CPU of A                        CPU of B
 *	  busy = 1                        pte = none
 *	  remembers the page? use it      A in mm_cpumask?
 *	  else walk, remember, use          wait for busy == 0, forget
 *	  busy = 0                        free the page
 *
 * The bit of mm_cpumask is set before the first walk in the mm and read after
 * the pte has changed: one of the two sees the other.
 *
 * The TLB itself is not instrumented, as nobody but its own processor has
 * access to it.  It is direct mapped, and forgets otherwise only what another
 * page of the same slot displaces.  A page is remembered when it is used and
 * never ahead; pages without permission are not remembered at all, and tables
 * on the way neither.
 *
 * As before PCIDs (4.14) a switch of the mm forgets everything.  A processor
 * switches when a task of another mm accesses user memory on it, not before;
 * until then it stays with what it has loaded, as one that runs a kernel
 * thread does (lazy TLB).  Tasks may share a processor.
 *
 * Left out: global and huge entries, lazy mode's own state (an exiting task's
 * processor leaves the mm at once, and no mm_count is held), statistics,
 * UV, ASIDs and broadcast of ARM, where each flush is one of these too.
 *
 * Locks: none taken but that bit; none needed.
 */
#include "mm/tlb.h"

#define FL_UNINSTRUMENTED __attribute__((noinline, no_sanitize("thread")))
/* *(ptr) is about to be written by code that is not instrumented. */
#define HW_DIRTY(ptr) fl_event(FL_EV_DIRTY, ptr, sizeof(*(ptr)), 0, NULL)

extern "C" {

static FL_UNINSTRUMENTED struct cpu_tlbstate *
cpu_of(const struct task_struct *task)
{
	return &task->machine->cpu_tlbstate[task->cpu];
}

static void cpu_begin(struct cpu_tlbstate *cpu)
{
	while (cmpxchg(&cpu->busy, 0u, 1u) != 0)
		fl_runtime.relax(current->host, &cpu->busy);
}

static void cpu_end(struct cpu_tlbstate *cpu)
{
	smp_store_release(&cpu->busy, 0u);
}

/* ---- one processor; busy is the caller's ---- */

static FL_UNINSTRUMENTED void forget_all(struct cpu_tlbstate *cpu)
{
	u32 i;

	if (!cpu->filled)
		return;
	HW_DIRTY(&cpu->filled);
	HW_DIRTY(&cpu->tlb);
	cpu->filled = 0;
	for (i = 0; i < FL_TLB_ENTRIES; i++)
		cpu->tlb[i].tag = 0;
}

static FL_UNINSTRUMENTED void forget_slot(struct cpu_tlbstate *cpu, u32 slot)
{
	HW_DIRTY(&cpu->tlb[slot]);
	cpu->tlb[slot].tag = 0;
}

static FL_UNINSTRUMENTED void forget_range(struct cpu_tlbstate *cpu,
					   kulong start, kulong end)
{
	const kulong first = start >> PAGE_SHIFT;
	const kulong pages = (end - start) >> PAGE_SHIFT;
	u32 i, slot;

	if (!cpu->filled)
		return;
	if (pages < FL_TLB_ENTRIES) {
		for (i = 0; i < pages; i++) {
			slot = (u32)(first + i) % FL_TLB_ENTRIES;
			if (cpu->tlb[slot].tag == first + i + 1)
				forget_slot(cpu, slot);
		}
		return;
	}
	for (slot = 0; slot < FL_TLB_ENTRIES; slot++)
		if (cpu->tlb[slot].tag - 1 - first < pages)
			forget_slot(cpu, slot);
}

static FL_UNINSTRUMENTED void cpumask_set_cpu(u32 cpu, struct cpumask *mask)
{
	HW_DIRTY(mask);
	__atomic_fetch_or(&mask->bits[cpu / 64], (u64)1 << cpu % 64,
			  __ATOMIC_SEQ_CST);
}

static FL_UNINSTRUMENTED void cpumask_clear_cpu(u32 cpu, struct cpumask *mask)
{
	HW_DIRTY(mask);
	__atomic_fetch_and(&mask->bits[cpu / 64], ~((u64)1 << cpu % 64),
			   __ATOMIC_SEQ_CST);
}

static FL_UNINSTRUMENTED u64 cpumask_word(const struct cpumask *mask, u32 i)
{
	return __atomic_load_n(&mask->bits[i], __ATOMIC_SEQ_CST);
}

/* next may be NULL: none.  The last look at the mm before is the one that
 * takes the processor out of its mask: from then on it may be freed. */
static FL_UNINSTRUMENTED void switch_mm(struct cpu_tlbstate *cpu,
					struct mm_struct *next)
{
	struct mm_struct *prev = cpu->loaded_mm;

	HW_DIRTY(&cpu->loaded_mm);
	cpu->loaded_mm = next;
	if (next)
		cpumask_set_cpu(cpu->cpu, &next->cpu_vm_mask);
	forget_all(cpu);
	if (prev)
		cpumask_clear_cpu(cpu->cpu, &prev->cpu_vm_mask);
}

static FL_UNINSTRUMENTED bool has_loaded(const struct cpu_tlbstate *cpu,
					 const struct mm_struct *mm)
{
	return cpu->loaded_mm == mm;
}

/* ---- what a task's own processor does ---- */

void user_walk_begin(struct task_struct *task)
{
	struct cpu_tlbstate *cpu = cpu_of(task);
	struct mm_struct *mm = task->mm;

	cpu_begin(cpu);
	if (unlikely(!has_loaded(cpu, mm)) && mm)
		switch_mm(cpu, mm);
}

void user_walk_end(struct task_struct *task)
{
	cpu_end(cpu_of(task));
}

bool user_walk_active(const struct task_struct *task)
{
	return smp_load_acquire(&cpu_of(task)->busy) != 0;
}

FL_UNINSTRUMENTED pte_t tlb_lookup(const struct task_struct *task, kulong addr)
{
	const struct cpu_tlbstate *cpu =
	    &task->machine->cpu_tlbstate[task->cpu];
	const kulong page = addr >> PAGE_SHIFT;
	const u32 slot = (u32)page % FL_TLB_ENTRIES;
	pte_t pte = {0};

	if (cpu->tlb[slot].tag == page + 1)
		pte.pte = cpu->tlb[slot].pte;
	return pte;
}

FL_UNINSTRUMENTED void tlb_fill(struct task_struct *task, kulong addr,
				pte_t pte)
{
	struct cpu_tlbstate *cpu = &task->machine->cpu_tlbstate[task->cpu];
	const kulong page = addr >> PAGE_SHIFT;
	const u32 slot = (u32)page % FL_TLB_ENTRIES;

	HW_DIRTY(&cpu->tlb[slot]);
	cpu->tlb[slot].tag = page + 1;
	cpu->tlb[slot].pte = pte.pte;
	if (!cpu->filled) {
		HW_DIRTY(&cpu->filled);
		cpu->filled = 1;
	}
}

void tlb_drop(struct task_struct *task, kulong addr)
{
	addr &= PAGE_MASK;
	forget_range(cpu_of(task), addr, addr + PAGE_SIZE);
}

/* ---- flushes ---- */

/* At one processor: mm NULL is whatever it has loaded. */
static void flush_tlb_func(struct cpu_tlbstate *cpu, const struct mm_struct *mm,
			   kulong start, kulong end)
{
	cpu_begin(cpu);
	fl_event(FL_EV_MARK, cpu, 0,
		 (u32)(cpu - current_machine()->cpu_tlbstate), "flush_tlb");
	if (!mm || has_loaded(cpu, mm)) {
		if (end == TLB_FLUSH_ALL)
			forget_all(cpu);
		else
			forget_range(cpu, start, end);
	}
	cpu_end(cpu);
}

/* One's own first, then an interrupt to each other one. */
static void flush_tlb_cpus(const struct cpumask *mask,
			   const struct mm_struct *mm, kulong start, kulong end)
{
	struct machine *machine = current_machine();
	const u32 self = current->cpu;
	u32 i, cpu;

	if (cpumask_word(mask, self / 64) >> self % 64 & 1)
		flush_tlb_func(&machine->cpu_tlbstate[self], mm, start, end);
	for (i = 0; i * 64 < machine->config.cpus; i++) {
		u64 word = cpumask_word(mask, i);

		for (; word; word &= word - 1) {
			cpu = i * 64 + (u32)__builtin_ctzll(word);
			if (cpu != self)
				flush_tlb_func(&machine->cpu_tlbstate[cpu], mm,
					       start, end);
		}
	}
}

void flush_tlb_mm_range(struct mm_struct *mm, kulong start, kulong end,
			kulong vmflag)
{
	/* Behind the change of the ptes: see above. */
	smp_mb();
	(void)vmflag; /* VM_HUGETLB only */
#ifdef CONFIG_X86_64
	if (end == TLB_FLUSH_ALL ||
	    ((end - start) >> PAGE_SHIFT) > TLB_SINGLE_PAGE_FLUSH_CEILING) {
		start = 0;
		end = TLB_FLUSH_ALL;
	}
#endif
	flush_tlb_cpus(&mm->cpu_vm_mask, mm, start, end);
}

/* No processor uses the old entry any more when this returns. */
pte_t ptep_clear_flush(struct vm_area_struct *vma, kulong address, pte_t *ptep)
{
	const pte_t pte = ptep_get_and_clear(ptep);

	if (pte_accessible(vma->vm_mm, pte))
		flush_tlb_page(vma, address);
	return pte;
}

void leave_mm(struct mm_struct *mm)
{
	struct cpu_tlbstate *cpu = cpu_of(current);

	cpu_begin(cpu);
	if (has_loaded(cpu, mm))
		switch_mm(cpu, NULL);
	cpu_end(cpu);
}

void tlb_destroy_mm(struct mm_struct *mm)
{
	struct machine *machine = mm->machine;
	u32 i;

	for (i = 0; i * 64 < machine->config.cpus; i++) {
		u64 word = cpumask_word(&mm->cpu_vm_mask, i);

		for (; word; word &= word - 1) {
			struct cpu_tlbstate *cpu =
			    &machine->cpu_tlbstate[i * 64 +
						   (u32)__builtin_ctzll(word)];

			cpu_begin(cpu);
			if (has_loaded(cpu, mm))
				switch_mm(cpu, NULL);
			cpu_end(cpu);
		}
	}
}

FL_UNINSTRUMENTED bool mm_runs_elsewhere(const struct mm_struct *mm)
{
	const u32 self = current->cpu;
	u32 i;

	for (i = 0; i < FL_CPUMASK_WORDS; i++) {
		u64 word =
		    __atomic_load_n(&mm->cpu_vm_mask.bits[i], __ATOMIC_SEQ_CST);

		if (i == self / 64)
			word &= ~((u64)1 << self % 64);
		if (word)
			return true;
	}
	return false;
}

FL_UNINSTRUMENTED void arch_tlbbatch_add_mm(struct cpumask *batch,
					    struct mm_struct *mm)
{
	u32 i;

	/* Behind the change of the pte, as in flush_tlb_mm_range. */
	smp_mb();
	HW_DIRTY(batch);
	for (i = 0; i < FL_CPUMASK_WORDS; i++)
		batch->bits[i] |=
		    __atomic_load_n(&mm->cpu_vm_mask.bits[i], __ATOMIC_SEQ_CST);
}

static FL_UNINSTRUMENTED void cpumask_clear(struct cpumask *mask)
{
	u32 i;

	HW_DIRTY(mask);
	for (i = 0; i < FL_CPUMASK_WORDS; i++)
		mask->bits[i] = 0;
}

void arch_tlbbatch_flush(struct cpumask *batch)
{
	flush_tlb_cpus(batch, NULL, 0, TLB_FLUSH_ALL);
	cpumask_clear(batch);
}

} /* extern "C" */
