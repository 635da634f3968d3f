// SPDX-License-Identifier: GPL-2.0-only
/*
 * A child's address space, after kernel/fork.c of 4.13: dup_mmap, dup_mm,
 * copy_mm, and of copy_process what concerns memory.
 *
 *	oldmm->mmap_sem  write, killable
 *	  mm->mmap_sem   write, nested: nobody knows the child's mm yet
 *	    anon_vma->root->rwsem      anon_vma_fork
 *	    mapping->i_mmap_rwsem      the copy goes in right after the original
 *	    pte locks, child's first   copy_page_range
 *
 * A vma is visible to rmap before its ptes are copied: a walk that comes
 * between finds nothing there yet, and what it took from the parent's ptes
 * before, copy_page_range then does not see.
 *
 * When something fails, the child holds a part of the vmas and perhaps a part
 * of the last one's ptes: mmput takes them away as at exit.  Every failure is
 * -ENOMEM for who called fork.
 *
 * Left out: everything of a process that is not its memory; CLONE_VM and
 * vfork; uprobes, events of userfaultfd, KSM, khugepaged, the exe file, memory
 * policies.
 */
#include "mm/fault.h"
#include "mm/internal.h"

extern "C" {

/* Right of all that is there, as the parent's list comes in order. */
struct dup_place {
	struct vm_area_struct *prev, **pprev;
	struct rb_node **rb_link, *rb_parent;
};

/*
 * The child's copy of one vma, not linked into the mm, but in the anon_vmas
 * of the original and in i_mmap.  NULL: no memory, nothing has changed.
 */
static struct vm_area_struct *dup_vma(struct mm_struct *mm,
				      struct vm_area_struct *mpnt)
{
	struct kmem_cache *cache = mm->machine->vm_area_cachep;
	struct vm_area_struct *tmp =
	    (struct vm_area_struct *)kmem_cache_alloc(cache, GFP_KERNEL);
	struct file *file;

	if (!tmp)
		return NULL;
	*tmp = *mpnt;
	INIT_LIST_HEAD(&tmp->anon_vma_chain);
	tmp->vm_mm = mm;
	if (anon_vma_fork(tmp, mpnt)) {
		kmem_cache_free(cache, tmp);
		return NULL;
	}
	/* Locks on memory are not inherited, nor who serves its faults. */
	tmp->vm_flags &= VM_LOCKED_CLEAR_MASK & ~(kulong)VM_UFFD_MISSING;
	tmp->vm_next = NULL;
	tmp->vm_prev = NULL;

	file = tmp->vm_file;
	if (file) {
		struct address_space *mapping = file->f_mapping;

		get_file(file);
		i_mmap_lock_write(mapping);
		if (tmp->vm_flags & VM_SHARED)
			atomic_inc(&mapping->i_mmap_writable);
		flush_dcache_mmap_lock(mapping);
		vma_interval_tree_insert_after(tmp, mpnt, &mapping->i_mmap);
		flush_dcache_mmap_unlock(mapping);
		i_mmap_unlock_write(mapping);
	}
	return tmp;
}

static void dup_vma_link(struct mm_struct *mm, struct vm_area_struct *tmp,
			 struct dup_place *at)
{
	*at->pprev = tmp;
	at->pprev = &tmp->vm_next;
	tmp->vm_prev = at->prev;
	at->prev = tmp;

	__vma_link_rb(mm, tmp, at->rb_link, at->rb_parent);
	at->rb_link = &tmp->vm_rb.rb_right;
	at->rb_parent = &tmp->vm_rb;
	mm->map_count++;
}

static int dup_one_mapping(struct mm_struct *mm, struct mm_struct *oldmm,
			   struct vm_area_struct *mpnt, struct dup_place *at)
{
	struct vm_area_struct *tmp;
	kulong charge = 0;
	int retval;

	/* Charged to the parent, given back by the child's exit_mmap. */
	if (mpnt->vm_flags & VM_ACCOUNT) {
		charge = vma_pages(mpnt);
		if (security_vm_enough_memory(oldmm, charge))
			return -ENOMEM;
	}
	tmp = dup_vma(mm, mpnt);
	if (!tmp) {
		vm_unacct_memory(charge);
		return -ENOMEM;
	}
	dup_vma_link(mm, tmp, at);
	retval = copy_page_range(mm, oldmm, tmp, mpnt);

	/* Even after a failure: exit_mmap will call ->close. */
	if (tmp->vm_ops && tmp->vm_ops->open)
		tmp->vm_ops->open(tmp);
	return retval;
}

/* 0, -EINTR (the caller was killed while waiting), -ENOMEM, -EINVAL. */
static int dup_mmap(struct mm_struct *mm, struct mm_struct *oldmm)
{
	struct dup_place at = {NULL, &mm->mmap, &mm->mm_rb.rb_node, NULL};
	struct vm_area_struct *mpnt;
	int retval = 0;

	if (down_write_killable(&oldmm->mmap_sem))
		return -EINTR;
	down_write_nested(&mm->mmap_sem, SINGLE_DEPTH_NESTING);

	mm->total_vm = oldmm->total_vm;
	mm->data_vm = oldmm->data_vm;
	mm->exec_vm = oldmm->exec_vm;
	mm->stack_vm = oldmm->stack_vm;

	for (mpnt = oldmm->mmap; mpnt; mpnt = mpnt->vm_next) {
		if (mpnt->vm_flags & VM_DONTCOPY) {
			vm_stat_account(mm, mpnt->vm_flags,
					-(klong)vma_pages(mpnt));
			continue;
		}
		retval = dup_one_mapping(mm, oldmm, mpnt, &at);
		if (retval)
			break;
	}

	up_write(&mm->mmap_sem);
	/* The parent's ptes lost their write bits. */
	flush_tlb_mm(oldmm);
	up_write(&oldmm->mmap_sem);
	return retval;
}

/* One user, the caller's; NULL when it did not work out. */
static struct mm_struct *dup_mm(struct mm_struct *oldmm)
{
	struct mm_struct *mm = (struct mm_struct *)kmem_cache_alloc(
	    oldmm->machine->mm_cachep, GFP_KERNEL);

	if (!mm)
		return NULL;
	/* Without a lock; what is not constant is set again by what follows. */
	*mm = *oldmm;
	if (!mm_init(mm))
		return NULL;
	if (dup_mmap(mm, oldmm)) {
		mmput(mm);
		return NULL;
	}
	return mm;
}

/*
 * fork(2) as far as memory goes: child, a task that has no mm and does not
 * run yet, gets a copy of current's.  0, -ENOMEM, or -EINTR when a signal is
 * pending at the end: the call would be restarted after it, and a fatal one
 * leaves nobody to restart it.
 */
s64 sys_fork(struct task_struct *child)
{
	struct mm_struct *mm = NULL;

	BUG_ON(child->mm);
	if (current->mm) {
		mm = dup_mm(current->mm);
		if (!mm)
			return -ENOMEM;
	}
	if (signal_pending(current)) {
		if (mm)
			mmput(mm);
		return -EINTR;
	}
	vmacache_flush(child);
	child->oom_score_adj = current->oom_score_adj;
	child->sp = current->sp;
	WRITE_ONCE(child->mm, mm);
	return 0;
}

} /* extern "C" */
