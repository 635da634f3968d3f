// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an mm, after kernel/fork.c of 4.13: mm_alloc, mm_init, mmput,
 * mmget_not_zero, get_task_mm, mmdrop with __mmdrop; exit_mm of
 * kernel/exit.c; and the caches of proc_caches_init and anon_vma_init.
 *
 * mm_users counts the tasks that use the address space; when it reaches zero
 * the mappings go.  All users together hold one mm_count; when that reaches
 * zero the structure goes.
 *
 * Left out: the exe file, AIO, KSM, huge pages, the list of all mms, core
 * dumps that wait in exit_mm, lazy TLB.
 * Locks: none but mmap_sem in exit_mm; mmput may sleep.
 */
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/sync/sched.h"
#include "mm/tlb.h"

/*
 * Where the heap of a process begins that no exec has built: where 4.13 puts a
 * position-independent program (ELF_ET_DYN_BASE).
 */
#ifdef CONFIG_X86_64
#define DEFAULT_START_BRK PAGE_ALIGN(TASK_SIZE / 3 * 2)
#else
#define DEFAULT_START_BRK ((kulong)0x00400000)
#endif

void mm_caches_init(struct machine *machine)
{
	machine->vm_area_cachep = kmem_cache_create(
	    machine, "vm_area_struct", sizeof(struct vm_area_struct));
	machine->mm_cachep =
	    kmem_cache_create(machine, "mm_struct", sizeof(struct mm_struct));
	machine->anon_vma_cachep =
	    kmem_cache_create(machine, "anon_vma", sizeof(struct anon_vma));
	machine->anon_vma_chain_cachep = kmem_cache_create(
	    machine, "anon_vma_chain", sizeof(struct anon_vma_chain));
}

/*
 * What is an mm's own and not its parent's.  highest_vm_end is left as it is,
 * as in 4.13: the first vma linked in will set it.  NULL, and the mm is freed:
 * no memory for the pgd.
 */
struct mm_struct *mm_init(struct mm_struct *mm)
{
	mm->mmap = NULL;
	mm->mm_rb.rb_node = NULL;
	mm->vmacache_seqnum = 0;
	atomic_set(&mm->mm_users, 1);
	atomic_set(&mm->mm_count, 1);
	init_rwsem(&mm->mmap_sem);
	atomic_long_set(&mm->nr_ptes, 0);
	atomic_long_set(&mm->nr_pmds, 0);
	atomic_long_set(&mm->nr_puds, 0);
	mm->map_count = 0;
	mm->locked_vm = 0;
	mm->pinned_vm = 0;
	for (int i = 0; i < NR_MM_COUNTERS; i++)
		atomic_long_set(&mm->rss_stat[i], 0);
	spin_lock_init(&mm->page_table_lock);
	/* None of the bits here is inherited (MMF_INIT_MASK). */
	mm->flags = 0;
	for (int i = 0; i < FL_CPUMASK_WORDS; i++)
		mm->cpu_vm_mask.bits[i] = 0;
	atomic_set(&mm->tlb_flush_pending, 0);
	mm->tlb_flush_batched = false;
	spin_lock_init(&mm->userfaultfd_ctx.lock);
	INIT_LIST_HEAD(&mm->userfaultfd_ctx.waiters);
	mm->def_flags = 0;

#ifdef CONFIG_MMU
	mm->pgd = pgd_alloc(mm);
	if (!mm->pgd) {
		kmem_cache_free(mm->machine->mm_cachep, mm);
		return NULL;
	}
#endif
	return mm;
}

/* One user and one reference, the caller's; NULL: no memory. */
struct mm_struct *mm_alloc(struct machine *machine)
{
	struct mm_struct *mm = (struct mm_struct *)kmem_cache_zalloc(
	    machine->mm_cachep, GFP_KERNEL);

	if (!mm)
		return NULL;
	mm->machine = machine;
	mm->task_size = TASK_SIZE;
	rlimits_init(mm);
#ifdef CONFIG_MMU
	mm->mmap_base = mmap_base(TASK_SIZE);
	mm->start_data = DEFAULT_START_BRK;
	mm->end_data = DEFAULT_START_BRK;
	mm->start_brk = DEFAULT_START_BRK;
	mm->brk = DEFAULT_START_BRK;
#endif
	return mm_init(mm);
}

/* The tables' root goes before the check, which then has seen all frees. */
static void __mmdrop(struct mm_struct *mm)
{
#ifdef CONFIG_MMU
	tlb_destroy_mm(mm);
	pgd_free(mm, mm->pgd);
#endif
	check_mm(mm);
	kmem_cache_free(mm->machine->mm_cachep, mm);
}

void mmdrop(struct mm_struct *mm)
{
	int left = atomic_dec_return(&mm->mm_count);

	fl_event(FL_EV_REF_PUT, &mm->mm_count, sizeof(mm->mm_count), (u32)left,
		 "mm_count");
	if (!left)
		__mmdrop(mm);
}

void mmput(struct mm_struct *mm)
{
	int left = atomic_dec_return(&mm->mm_users);

	fl_event(FL_EV_REF_PUT, &mm->mm_users, sizeof(mm->mm_users), (u32)left,
		 "mm_users");
	if (left)
		return;
	exit_mmap(mm);
	mmdrop(mm);
}

/* True: a user was added.  False: the last one has gone already. */
bool mmget_not_zero(struct mm_struct *mm)
{
	if (!atomic_inc_not_zero(&mm->mm_users))
		return false;
	fl_event(FL_EV_REF_GET, &mm->mm_users, sizeof(mm->mm_users),
		 (u32)atomic_read(&mm->mm_users), "mm_users");
	return true;
}

struct mm_struct *get_task_mm(struct task_struct *task)
{
	return task_grab_mm(task, offsetof(struct mm_struct, mm_users));
}

void mmgrab(struct mm_struct *mm)
{
	int now = atomic_inc_return(&mm->mm_count);

	fl_event(FL_EV_REF_GET, &mm->mm_count, sizeof(mm->mm_count), (u32)now,
		 "mm_count");
}

/*
 * current lets go of its mm: under the lock for reading, as where a core dump
 * might be waiting for it.  Whoever is last tears it down.  The OOM victim's
 * mark goes only after that, so that no second victim is chosen while the
 * first still gives memory back.
 */
void exit_mm(void)
{
	struct task_struct *task = current;
	struct mm_struct *mm = task->mm;

	if (!mm)
		return;
	down_read(&mm->mmap_sem);
	task_set_mm(NULL);
	up_read(&mm->mmap_sem);
#ifdef CONFIG_MMU
	leave_mm(mm);
#endif
	vmacache_flush(task);
	mmput(mm);
	exit_oom_victim();
}
