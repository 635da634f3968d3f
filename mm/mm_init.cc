// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an mm, after kernel/fork.c of 4.13: mm_alloc with mm_init,
 * mmput, mmdrop with __mmdrop; and the caches of proc_caches_init and
 * anon_vma_init.
 *
 * mm_users counts the tasks that use the address space; when it reaches zero
 * the mappings go.  All users together hold one mm_count; when that reaches
 * zero the structure goes.
 *
 * Left out: dup_mm, the exe file, AIO, KSM, huge pages, the list of all mms.
 * Locks: none; mmput may sleep.
 */
#include "mm/internal.h"
#include "mm/pgtable.h"

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

/* One user and one reference, the caller's; NULL: no memory. */
struct mm_struct *mm_alloc(struct machine *machine)
{
	struct mm_struct *mm = (struct mm_struct *)kmem_cache_zalloc(
	    machine->mm_cachep, GFP_KERNEL);

	if (!mm)
		return NULL;
	mm->machine = machine;
	atomic_set(&mm->mm_users, 1);
	atomic_set(&mm->mm_count, 1);
	init_rwsem(&mm->mmap_sem);
	spin_lock_init(&mm->page_table_lock);
	mm->task_size = TASK_SIZE;
	mm->mmap_base = mmap_base(TASK_SIZE);
	rlimits_init(mm);
	mm->start_data = DEFAULT_START_BRK;
	mm->end_data = DEFAULT_START_BRK;
	mm->start_brk = DEFAULT_START_BRK;
	mm->brk = DEFAULT_START_BRK;

	mm->pgd = pgd_alloc(mm);
	if (!mm->pgd) {
		kmem_cache_free(machine->mm_cachep, mm);
		return NULL;
	}
	return mm;
}

/* The tables' root goes before the check, which then has seen all frees. */
static void __mmdrop(struct mm_struct *mm)
{
	pgd_free(mm, mm->pgd);
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
