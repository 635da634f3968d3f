// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving the borders of vmas, after mm/mmap.c of 4.13: __vma_adjust,
 * vma_merge with its eight cases, is_mergeable_vma, is_mergeable_anon_vma,
 * can_vma_merge_before, can_vma_merge_after, anon_vma_compatible,
 * reusable_anon_vma, find_mergeable_anon_vma.
 *
 * vm_start, vm_end and vm_pgoff of a linked vma change only inside
 * __vma_adjust, where the vma is out of its interval trees, and in
 * expand_downwards (expand_stack.cc).
 *
 * Left out: memory policies, userfaultfd contexts, uprobes, transparent huge
 * pages.
 *
 * Locks: mmap_sem for writing, except find_mergeable_anon_vma, which holds it
 * for reading.  __vma_adjust takes, in this order, i_mmap_rwsem of the file
 * for writing, the rwsem of the anon_vma's root for writing, and on ARM the
 * tree lock around changes of i_mmap.
 */
#include "mm/internal.h"

void anon_vma_interval_tree_pre_update_vma(struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc;

	list_for_each_entry(avc, &vma->anon_vma_chain, struct anon_vma_chain,
			    same_vma)
	    anon_vma_interval_tree_remove(avc, &avc->anon_vma->rb_root);
}

void anon_vma_interval_tree_post_update_vma(struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc;

	list_for_each_entry(avc, &vma->anon_vma_chain, struct anon_vma_chain,
			    same_vma)
	    anon_vma_interval_tree_insert(avc, &avc->anon_vma->rb_root);
}

/* The half that a split made; it stands in i_mmap already. */
static void __insert_vm_struct(struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct vm_area_struct *prev;
	struct rb_node **rb_link, *rb_parent;

	if (find_vma_links(mm, vma->vm_start, vma->vm_end, &prev, &rb_link,
			   &rb_parent))
		BUG();
	__vma_link(mm, vma, prev, rb_link, rb_parent);
	mm->map_count++;
}

/* Out of tree and list; prev is known to the caller or NULL. */
static void __vma_unlink_common(struct mm_struct *mm,
				struct vm_area_struct *vma,
				struct vm_area_struct *prev)
{
	struct vm_area_struct *next;

	vma_rb_erase(vma, &mm->mm_rb);
	next = vma->vm_next;
	if (!prev)
		prev = vma->vm_prev;
	if (prev)
		prev->vm_next = next;
	else
		mm->mmap = next;
	if (next)
		next->vm_prev = prev;

	vmacache_invalidate(mm);
}

/* vma takes over the anonymous pages of next, which goes. */
static void anon_vma_merge(struct vm_area_struct *vma,
			   struct vm_area_struct *next)
{
	VM_BUG_ON_VMA(vma->anon_vma != next->anon_vma, vma);
	unlink_anon_vmas(next);
}

/* What becomes of the vma after the one that is adjusted. */
enum remove_next {
	KEEP_NEXT = 0,
	REMOVE_NEXT = 1,       /* cases 1 and 7 */
	REMOVE_NEXT_TWICE = 2, /* case 6, then once more as REMOVE_NEXT */
	REMOVE_SWAPPED = 3     /* case 8: vma and next have changed places */
};

/* One call of __vma_adjust; `vma` and `next` as its steps see them. */
struct vma_adjustment {
	struct mm_struct *mm;
	struct vm_area_struct *vma, *next, *insert;
	struct file *file;
	struct address_space *mapping;
	struct anon_vma *anon_vma;
	kulong start, end;
	pgoff_t pgoff;
	klong adjust_next; /* pages that next's lower border moves up */
	enum remove_next remove_next;
};

/*
 * Finds out which border moves over whom.  Where anonymous pages change
 * hands, the vma that gets them needs the other's anon_vma before anything
 * else happens: this may fail, the rest may not.
 */
static int vma_adjust_plan(struct vma_adjustment *a,
			   struct vm_area_struct *expand)
{
	struct vm_area_struct *exporter = NULL, *importer = NULL;
	struct vm_area_struct *vma = a->vma, *next = a->next;

	if (a->end >= next->vm_end) {
		if (next == expand) {
			/*
			 * Case 8.  next grows down over vma and stays: its
			 * flags and protection are right for all of the
			 * range as soon as rmap can see it.
			 */
			WARN_ON(a->end != next->vm_end);
			WARN_ON(a->file != next->vm_file);
			a->remove_next = REMOVE_SWAPPED;
			a->vma = next;
			a->next = vma;
		} else {
			WARN_ON(expand != vma);
			a->remove_next = a->end > next->vm_end
					     ? REMOVE_NEXT_TWICE
					     : REMOVE_NEXT;
			WARN_ON(a->remove_next == REMOVE_NEXT_TWICE &&
				a->end != next->vm_next->vm_end);
			/* The first pass of case 6 takes one of the two. */
			a->end = next->vm_end;
		}
		exporter = a->next;
		importer = a->vma;
		if (a->remove_next == REMOVE_NEXT_TWICE && !next->anon_vma)
			exporter = next->vm_next;
	} else if (a->end > next->vm_start) {
		/* Case 5: the border between the two moves up. */
		a->adjust_next =
		    (klong)((a->end - next->vm_start) >> PAGE_SHIFT);
		exporter = next;
		importer = vma;
		WARN_ON(expand != importer);
	} else if (a->end < vma->vm_end) {
		/* Case 4: it moves down. */
		a->adjust_next = -(klong)((vma->vm_end - a->end) >> PAGE_SHIFT);
		exporter = vma;
		importer = next;
		WARN_ON(expand != importer);
	}

	if (exporter && exporter->anon_vma && !importer->anon_vma) {
		importer->anon_vma = exporter->anon_vma;
		return anon_vma_clone(importer, exporter);
	}
	return 0;
}

/* The locks, the trees without the vmas, the new borders, the trees again. */
static void vma_adjust_borders(struct vma_adjustment *a, bool *start_changed,
			       bool *end_changed)
{
	struct vm_area_struct *vma = a->vma, *next = a->next;
	struct rb_root *root = NULL;

	if (a->file) {
		a->mapping = a->file->f_mapping;
		root = &a->mapping->i_mmap;
		i_mmap_lock_write(a->mapping);
		/*
		 * A split's new half is in i_mmap from now on, so that at no
		 * moment rmap misses a page; the two overlap until vma has
		 * its new border.
		 */
		if (a->insert)
			__vma_link_file(a->insert);
	}

	a->anon_vma = vma->anon_vma;
	if (!a->anon_vma && a->adjust_next)
		a->anon_vma = next->anon_vma;
	if (a->anon_vma) {
		WARN_ON(a->adjust_next && next->anon_vma &&
			a->anon_vma != next->anon_vma);
		anon_vma_lock_write(a->anon_vma);
		anon_vma_interval_tree_pre_update_vma(vma);
		if (a->adjust_next)
			anon_vma_interval_tree_pre_update_vma(next);
	}

	if (root) {
		flush_dcache_mmap_lock(a->mapping);
		vma_interval_tree_remove(vma, root);
		if (a->adjust_next)
			vma_interval_tree_remove(next, root);
	}

	if (a->start != vma->vm_start) {
		vma->vm_start = a->start;
		*start_changed = true;
	}
	if (a->end != vma->vm_end) {
		vma->vm_end = a->end;
		*end_changed = true;
	}
	vma->vm_pgoff = a->pgoff;
	if (a->adjust_next) {
		next->vm_start += (kulong)a->adjust_next << PAGE_SHIFT;
		next->vm_pgoff += (kulong)a->adjust_next;
	}

	if (root) {
		if (a->adjust_next)
			vma_interval_tree_insert(next, root);
		vma_interval_tree_insert(vma, root);
		flush_dcache_mmap_unlock(a->mapping);
	}
}

/* The list and tree of the mm, still under the rmap locks. */
static void vma_adjust_links(struct vma_adjustment *a, bool start_changed,
			     bool end_changed)
{
	struct vm_area_struct *vma = a->vma, *next = a->next;
	struct mm_struct *mm = a->mm;

	if (a->remove_next) {
		/* Swapped, vma stands behind next and is not its prev. */
		__vma_unlink_common(
		    mm, next, a->remove_next == REMOVE_SWAPPED ? NULL : vma);
		if (a->file)
			__remove_shared_vm_struct(next, a->mapping);
	} else if (a->insert) {
		__insert_vm_struct(mm, a->insert);
	} else {
		if (start_changed)
			vma_gap_update(vma);
		if (end_changed) {
			if (!next)
				mm->highest_vm_end = vma->vm_end;
			else if (!a->adjust_next)
				vma_gap_update(next);
		}
	}

	if (a->anon_vma) {
		anon_vma_interval_tree_post_update_vma(vma);
		if (a->adjust_next)
			anon_vma_interval_tree_post_update_vma(next);
		anon_vma_unlock_write(a->anon_vma);
	}
	if (a->mapping)
		i_mmap_unlock_write(a->mapping);
}

/* Frees next, which nothing refers to any more.  True: once again (case 6). */
static bool vma_adjust_free_next(struct vma_adjustment *a)
{
	struct vm_area_struct *vma = a->vma, *next = a->next;
	struct mm_struct *mm = a->mm;

	if (a->file)
		fput(a->file);
	if (next->anon_vma)
		anon_vma_merge(vma, next);
	mm->map_count--;
	kmem_cache_free(mm->machine->vm_area_cachep, next);

	/* Whose hole below has changed: vma's own when it grew down. */
	a->next = a->remove_next == REMOVE_SWAPPED ? vma : vma->vm_next;
	if (a->remove_next == REMOVE_NEXT_TWICE) {
		a->remove_next = REMOVE_NEXT;
		a->end = a->next->vm_end;
		return true;
	}
	if (a->next)
		vma_gap_update(a->next);
	else
		WARN_ON(mm->highest_vm_end != vma->vm_end);
	return false;
}

/*
 * Gives vma the borders [start, end) and the offset pgoff.  insert: the other
 * half of a split, to be linked in the same breath.  expand: whom vma_merge
 * wants to grow, vma or the next one.  0, or -ENOMEM before anything changed.
 *
 *  1. anon_vma for whoever gets pages
 *  2. i_mmap_rwsem; insert into i_mmap
 *  3. anon_vma rwsem; vma (and next) out of the anon trees
 *  4. vma (and next) out of i_mmap; new borders; into i_mmap again
 *  5. list and tree of the mm: removed, inserted, or only the holes
 *  6. anon trees again; unlock in the reverse order
 *  7. free what was swallowed, and for case 6 from step 2 again
 */
int __vma_adjust(struct vm_area_struct *vma, kulong start, kulong end,
		 pgoff_t pgoff, struct vm_area_struct *insert,
		 struct vm_area_struct *expand)
{
	struct vma_adjustment a;
	bool start_changed = false, end_changed = false;
	int error;

	a.mm = vma->vm_mm;
	a.vma = vma;
	a.next = vma->vm_next;
	a.insert = insert;
	a.file = vma->vm_file;
	a.mapping = NULL;
	a.anon_vma = NULL;
	a.start = start;
	a.end = end;
	a.pgoff = pgoff;
	a.adjust_next = 0;
	a.remove_next = KEEP_NEXT;

	if (a.next && !insert) {
		error = vma_adjust_plan(&a, expand);
		if (error)
			return error;
	}
	do {
		vma_adjust_borders(&a, &start_changed, &end_changed);
		vma_adjust_links(&a, start_changed, end_changed);
	} while (a.remove_next && vma_adjust_free_next(&a));
	return 0;
}

/*
 * vm_ops and vm_private_data are not compared: the same file is taken to mean
 * the same driver state.  A vma with ->close has something to release, so it
 * stays whole.
 */
static bool is_mergeable_vma(const struct vm_area_struct *vma,
			     const struct file *file, kulong vm_flags)
{
	if ((vma->vm_flags ^ vm_flags) & ~(kulong)VM_SOFTDIRTY)
		return false;
	if (vma->vm_file != file)
		return false;
	return !(vma->vm_ops && vma->vm_ops->close);
}

/* vma, if given, must not have inherited its anon_vma through a fork. */
static bool is_mergeable_anon_vma(const struct anon_vma *a,
				  const struct anon_vma *b,
				  const struct vm_area_struct *vma)
{
	if ((!a || !b) && (!vma || list_is_singular(&vma->anon_vma_chain)))
		return true;
	return a == b;
}

/* May a range that ends where vma starts become part of it? */
static bool can_vma_merge_before(const struct vm_area_struct *vma,
				 kulong vm_flags,
				 const struct anon_vma *anon_vma,
				 const struct file *file, pgoff_t pgoff)
{
	return is_mergeable_vma(vma, file, vm_flags) &&
	       is_mergeable_anon_vma(anon_vma, vma->anon_vma, vma) &&
	       vma->vm_pgoff == pgoff;
}

/* May a range that starts where vma ends become part of it? */
static bool can_vma_merge_after(const struct vm_area_struct *vma,
				kulong vm_flags,
				const struct anon_vma *anon_vma,
				const struct file *file, pgoff_t pgoff)
{
	return is_mergeable_vma(vma, file, vm_flags) &&
	       is_mergeable_anon_vma(anon_vma, vma->anon_vma, vma) &&
	       vma->vm_pgoff + vma_pages(vma) == pgoff;
}

/*
 * Joins [addr, end), which is about to get vm_flags, with prev, the vma after
 * it, or both.  The range is empty (mmap), or lies in one vma (mprotect,
 * madvise).  Returns the vma that covers it then, with its old flags, or NULL
 * when nothing was done.
 *
 *	A: the range, P: prev, N: the vma after P, F: the one after N
 *
 *	    AAAA
 *	PPPP    NNNN   1  PPPPPPPPPPPP    2  PPPPPPPPNNNN   3  PPPPNNNNNNNN
 *	  AAAA
 *	PPPPPPNNNNNN   4  PPNNNNNNNNNN
 *	      AAAA
 *	PPPPPPNNNNNN   5  PPPPPPPPPPNN
 *	    AAAA
 *	PPPPNNNNFFFF   6  PPPPPPPPPPPP    7  PPPPPPPPFFFF   8  PPPPFFFFFFFF
 */
struct vm_area_struct *vma_merge(struct mm_struct *mm,
				 struct vm_area_struct *prev, kulong addr,
				 kulong end, kulong vm_flags,
				 struct anon_vma *anon_vma, struct file *file,
				 pgoff_t pgoff)
{
	const pgoff_t pglen = (end - addr) >> PAGE_SHIFT;
	struct vm_area_struct *area, *next;
	bool with_prev, with_next;
	int err;

	if (vm_flags & VM_SPECIAL)
		return NULL;

	area = prev ? prev->vm_next : mm->mmap;
	next = area;
	if (area && area->vm_end == end) /* cases 6, 7, 8 */
		next = area->vm_next;

	WARN_ON(prev && addr <= prev->vm_start);
	WARN_ON(area && end > area->vm_end);
	WARN_ON(addr >= end);

	with_prev = prev && prev->vm_end == addr &&
		    can_vma_merge_after(prev, vm_flags, anon_vma, file, pgoff);
	with_next =
	    next && end == next->vm_start &&
	    can_vma_merge_before(next, vm_flags, anon_vma, file, pgoff + pglen);

	if (with_prev) {
		if (with_next &&
		    is_mergeable_anon_vma(prev->anon_vma, next->anon_vma, NULL))
			end = next->vm_end; /* cases 1, 6; else 2, 5, 7 */
		err = __vma_adjust(prev, prev->vm_start, end, prev->vm_pgoff,
				   NULL, prev);
		return err ? NULL : prev;
	}

	if (with_next) {
		if (prev && addr < prev->vm_end) /* case 4 */
			err = __vma_adjust(prev, prev->vm_start, addr,
					   prev->vm_pgoff, NULL, next);
		else /* cases 3 (area is next) and 8 (area goes) */
			err = __vma_adjust(area, addr, next->vm_end,
					   next->vm_pgoff - pglen, NULL, next);
		return err ? NULL : next;
	}
	return NULL;
}

/* Neighbours that some mprotect could make one vma again. */
static bool anon_vma_compatible(const struct vm_area_struct *a,
				const struct vm_area_struct *b)
{
	const kulong may_differ = VM_READ | VM_WRITE | VM_EXEC | VM_SOFTDIRTY;

	return a->vm_end == b->vm_start && a->vm_file == b->vm_file &&
	       !((a->vm_flags ^ b->vm_flags) & ~may_differ) &&
	       b->vm_pgoff ==
		   a->vm_pgoff + ((b->vm_start - a->vm_start) >> PAGE_SHIFT);
}

/*
 * With sem only read, another fault may just be giving `old` its anon_vma: one
 * read of the pointer, and a chain of one entry, make that harmless.
 */
static struct anon_vma *reusable_anon_vma(struct vm_area_struct *old,
					  const struct vm_area_struct *a,
					  const struct vm_area_struct *b)
{
	struct anon_vma *anon_vma;

	if (!anon_vma_compatible(a, b))
		return NULL;
	anon_vma = READ_ONCE(old->anon_vma);
	if (anon_vma && list_is_singular(&old->anon_vma_chain))
		return anon_vma;
	return NULL;
}

struct anon_vma *find_mergeable_anon_vma(struct vm_area_struct *vma)
{
	struct anon_vma *anon_vma;

	if (vma->vm_next) {
		anon_vma = reusable_anon_vma(vma->vm_next, vma, vma->vm_next);
		if (anon_vma)
			return anon_vma;
	}
	if (vma->vm_prev)
		return reusable_anon_vma(vma->vm_prev, vma->vm_prev, vma);
	return NULL;
}
