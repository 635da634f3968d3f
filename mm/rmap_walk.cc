// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks over all mappings of a page: the other half of mm/rmap.c of 4.13.
 *
 *   rmap_walk                   rmap_walk_anon, rmap_walk_file, vma_address
 *   page_get_anon_vma, page_lock_anon_vma_read
 *   page_referenced             page_referenced_one
 *   page_mkclean                page_mkclean_one
 *   try_to_unmap                try_to_unmap_one
 *   try_to_unmap_flush
 *
 * mmap_sem is not taken: what keeps the vmas and their tables is the lock of
 * the tree that they are found in.
 *
 *     page lock                       keeps page->mapping of a file
 *       mapping->i_mmap_rwsem  read   or
 *       anon_vma->root->rwsem  read
 *         pte lock
 *
 * An anon_vma is not kept by the page: whoever finds one through a page that
 * is mapped may see it go.  Its memory stays an anon_vma for as long as
 * rcu_read_lock_typesafe is held (SLAB_TYPESAFE_BY_RCU), so its count and its
 * root may be looked at, and "still mapped" afterwards proves that it is the
 * right one.
 *
 * vm_start and vm_pgoff are read twice, once by the tree and once by
 * vma_address; both are stable only for who changes them under the rmap locks.
 *
 * Left out: huge pages, KSM, swap entries, MADV_FREE's lazy pages, idle page
 * tracking, hardware poison, mmu notifiers, high water marks.  A VM_LOCKED
 * mapping stops try_to_unmap and marks the page, which stays on the list.
 */
#include "mm/rmap.h"
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/swapops.h"
#include "mm/tlb.h"

extern "C" {

/*
 * Where the vma maps the page.  The caller found the vma by an interval that
 * holds the page, so outside of the vma means that the tree lies: vm_start
 * and vm_pgoff changed while the vma was in it.
 */
static kulong vma_address(struct page *page, struct vm_area_struct *vma)
{
	const kulong address =
	    vma->vm_start + ((page->index - vma->vm_pgoff) << PAGE_SHIFT);

	VM_BUG_ON_VMA(address < vma->vm_start || address >= vma->vm_end, vma);
	return address;
}

static bool page_is_anon_mapping(kulong mapping)
{
	return (mapping & PAGE_MAPPING_ANON) != 0;
}

struct anon_vma *page_get_anon_vma(struct page *page)
{
	struct anon_vma *anon_vma = NULL;
	kulong anon_mapping;

	rcu_read_lock_typesafe();
	anon_mapping = KULONG(READ_ONCE(page->mapping));
	if (!page_is_anon_mapping(anon_mapping) || !page_mapped(page))
		goto out;
	anon_vma = (struct anon_vma *)KPTR(anon_mapping - PAGE_MAPPING_ANON);
	if (!atomic_inc_not_zero(&anon_vma->refcount)) {
		anon_vma = NULL;
		goto out;
	}
	/* The count may be that of the object's next life. */
	if (!page_mapped(page)) {
		rcu_read_unlock_typesafe();
		put_anon_vma(anon_vma);
		return NULL;
	}
out:
	rcu_read_unlock_typesafe();
	return anon_vma;
}

struct anon_vma *page_lock_anon_vma_read(struct page *page)
{
	struct anon_vma *anon_vma = NULL;
	struct anon_vma *root_anon_vma;
	kulong anon_mapping;

	rcu_read_lock_typesafe();
	anon_mapping = KULONG(READ_ONCE(page->mapping));
	if (!page_is_anon_mapping(anon_mapping) || !page_mapped(page))
		goto out;
	anon_vma = (struct anon_vma *)KPTR(anon_mapping - PAGE_MAPPING_ANON);
	root_anon_vma = READ_ONCE(anon_vma->root);
	if (down_read_trylock(&root_anon_vma->rwsem)) {
		/* anon_vma_free waits for the lock: mapped now is mapped. */
		if (!page_mapped(page)) {
			up_read(&root_anon_vma->rwsem);
			anon_vma = NULL;
		}
		goto out;
	}

	/* To sleep, it must be pinned first. */
	if (!atomic_inc_not_zero(&anon_vma->refcount)) {
		anon_vma = NULL;
		goto out;
	}
	if (!page_mapped(page)) {
		rcu_read_unlock_typesafe();
		put_anon_vma(anon_vma);
		return NULL;
	}
	rcu_read_unlock_typesafe();
	anon_vma_lock_read(anon_vma);
	if (atomic_dec_and_test(&anon_vma->refcount)) {
		/* Freeing takes the lock that is held here. */
		anon_vma_unlock_read(anon_vma);
		__put_anon_vma(anon_vma);
		anon_vma = NULL;
	}
	return anon_vma;
out:
	rcu_read_unlock_typesafe();
	return anon_vma;
}

static struct anon_vma *rmap_walk_anon_lock(struct page *page,
					    struct rmap_walk_control *rwc)
{
	struct anon_vma *anon_vma;

	if (rwc->anon_lock)
		return rwc->anon_lock(page);
	/* The caller has a reference on the anon_vma, or mmap_sem. */
	anon_vma = page_anon_vma(page);
	if (anon_vma)
		anon_vma_lock_read(anon_vma);
	return anon_vma;
}

/* False: the walk has ended. */
static bool rmap_walk_one(struct page *page, struct vm_area_struct *vma,
			  struct rmap_walk_control *rwc)
{
	const kulong address = vma_address(page, vma);

	cond_resched();
	if (rwc->invalid_vma && rwc->invalid_vma(vma, rwc->arg))
		return true;
	if (!rwc->rmap_one(page, vma, address, rwc->arg))
		return false;
	return !(rwc->done && rwc->done(page));
}

static void rmap_walk_anon(struct page *page, struct rmap_walk_control *rwc)
{
	struct anon_vma *anon_vma = rmap_walk_anon_lock(page, rwc);
	const pgoff_t pgoff = page->index;
	struct anon_vma_chain *avc;

	if (!anon_vma)
		return;
	for (avc = anon_vma_interval_tree_iter_first(&anon_vma->rb_root, pgoff,
						     pgoff);
	     avc; avc = anon_vma_interval_tree_iter_next(avc, pgoff, pgoff))
		if (!rmap_walk_one(page, avc->vma, rwc))
			break;
	anon_vma_unlock_read(anon_vma);
}

static void rmap_walk_file(struct page *page, struct rmap_walk_control *rwc)
{
	struct address_space *mapping = READ_ONCE(page->mapping);
	const pgoff_t pgoff = page->index;
	struct vm_area_struct *vma;

	VM_BUG_ON_PAGE(!PageLocked(page), page);
	if (!mapping)
		return;
	i_mmap_lock_read(mapping);
	vma_interval_tree_foreach(vma, &mapping->i_mmap, pgoff, pgoff)
	{
		if (!rmap_walk_one(page, vma, rwc))
			break;
	}
	i_mmap_unlock_read(mapping);
}

void rmap_walk(struct page *page, struct rmap_walk_control *rwc)
{
	if (PageAnon(page))
		rmap_walk_anon(page, rwc);
	else
		rmap_walk_file(page, rwc);
}

/* ---- who used it ---- */

struct page_referenced_arg {
	int mapcount;
	int referenced;
	kulong vm_flags;
};

/* The stale bit in a TLB is not flushed on x86: it costs a wrong guess. */
static bool ptep_clear_flush_young(struct vm_area_struct *vma, kulong address,
				   pte_t *ptep)
{
	const bool young =
	    __atomic_fetch_and(&ptep->pte, ~(pteval_t)_PAGE_ACCESSED,
			       __ATOMIC_SEQ_CST) &
	    _PAGE_ACCESSED;

#ifndef CONFIG_X86_64
	if (young)
		flush_tlb_page(vma, address);
#else
	(void)vma;
	(void)address;
#endif
	return young;
}

static bool page_referenced_one(struct page *page, struct vm_area_struct *vma,
				kulong address, void *arg)
{
	struct page_referenced_arg *pra = (struct page_referenced_arg *)arg;
	struct page_vma_mapped_walk pvmw = {page, vma,  address, NULL,
					    NULL, NULL, 0};
	int referenced = 0;

	while (page_vma_mapped_walk(&pvmw)) {
		if (vma->vm_flags & VM_LOCKED) {
			page_vma_mapped_walk_done(&pvmw);
			pra->vm_flags |= VM_LOCKED;
			return false;
		}
		/* Read in sequence is read once. */
		if (ptep_clear_flush_young(vma, pvmw.address, pvmw.pte) &&
		    likely(!(vma->vm_flags & VM_SEQ_READ)))
			referenced++;
		pra->mapcount--;
	}
	if (referenced) {
		pra->referenced++;
		pra->vm_flags |= vma->vm_flags;
	}
	return pra->mapcount != 0;
}

int page_referenced(struct page *page, bool is_locked, kulong *vm_flags)
{
	struct page_referenced_arg pra = {page_mapcount(page), 0, 0};
	struct rmap_walk_control rwc = {&pra, page_referenced_one, NULL,
					page_lock_anon_vma_read, NULL};
	bool we_locked = false;

	*vm_flags = 0;
	if (!page_mapped(page) || !READ_ONCE(page->mapping))
		return 0;
	if (!is_locked && !PageAnon(page)) {
		we_locked = trylock_page(page);
		if (!we_locked)
			return 1;
	}
	rmap_walk(page, &rwc);
	*vm_flags = pra.vm_flags;
	if (we_locked)
		unlock_page(page);
	return pra.referenced;
}

/* ---- who may write to it ---- */

static bool page_mkclean_one(struct page *page, struct vm_area_struct *vma,
			     kulong address, void *arg)
{
	struct page_vma_mapped_walk pvmw = {page, vma,  address,  NULL,
					    NULL, NULL, PVMW_SYNC};
	int *cleaned = (int *)arg;

	while (page_vma_mapped_walk(&pvmw)) {
		pte_t entry = fl_read_pte(pvmw.pte);

		if (!pte_dirty(entry) && !pte_write(entry))
			continue;
		entry = ptep_clear_flush(vma, pvmw.address, pvmw.pte);
		entry = pte_mkclean(pte_wrprotect(entry));
		set_pte_at(vma->vm_mm, address, pvmw.pte, entry);
		(*cleaned)++;
	}
	return true;
}

static bool invalid_mkclean_vma(struct vm_area_struct *vma, void *arg)
{
	(void)arg;
	return !(vma->vm_flags & VM_SHARED);
}

int page_mkclean(struct page *page)
{
	int cleaned = 0;
	struct rmap_walk_control rwc = {&cleaned, page_mkclean_one, NULL, NULL,
					invalid_mkclean_vma};

	BUG_ON(!PageLocked(page));
	if (!page_mapped(page) || PageAnon(page) || !READ_ONCE(page->mapping))
		return 0;
	rmap_walk(page, &rwc);
	return cleaned;
}

/* ---- nobody maps it ---- */

/* Only what needs an interrupt is worth it.  ARM has no batches: the flush
 * comes with each pte. */
static bool should_defer_flush(const struct mm_struct *mm, u32 flags)
{
#ifdef CONFIG_X86_64
	return (flags & TTU_BATCH_FLUSH) && mm_runs_elsewhere(mm);
#else
	(void)mm;
	(void)flags;
	return false;
#endif
}

void try_to_unmap_flush(void)
{
	struct task_struct *task = current;

	if (!task->tlb_flush_required)
		return;
	arch_tlbbatch_flush(&task->tlb_flush_cpumask);
	task->tlb_flush_required = false;
	task->tlb_flush_writable = false;
}

void try_to_unmap_flush_dirty(void)
{
	if (current->tlb_flush_writable)
		try_to_unmap_flush();
}

/* Behind the clearing of the pte, under its lock. */
static void set_tlb_ubc_flush_pending(struct mm_struct *mm, bool writable)
{
	struct task_struct *task = current;

	arch_tlbbatch_add_mm(&task->tlb_flush_cpumask, mm);
	task->tlb_flush_required = true;
	WRITE_ONCE(mm->tlb_flush_batched, true);
	/* A dirty page may be dirtied again through a TLB. */
	if (writable)
		task->tlb_flush_writable = true;
}

/*
 * The flag is one for the mm, and set under other locks than this one: a flush
 * may be one too many, but what this lock's table has lost is flushed.
 */
void flush_tlb_batched_pending(struct mm_struct *mm)
{
	if (READ_ONCE(mm->tlb_flush_batched)) {
		flush_tlb_mm(mm);
		WRITE_ONCE(mm->tlb_flush_batched, false);
	}
}

/*
 * The pte is gone, pte lock held: what stands there now, what is counted.
 * False: the entry had to be put back, as the page can go nowhere.
 */
static bool ttu_replace_pte(struct page *page, struct vm_area_struct *vma,
			    struct page_vma_mapped_walk *pvmw, pte_t pteval,
			    u32 flags)
{
	struct mm_struct *mm = vma->vm_mm;

	if (flags & TTU_MIGRATION) {
		/* Still counted as resident: it comes back. */
		set_pte_at(mm, pvmw->address, pvmw->pte,
			   swp_entry_to_pte(make_migration_entry(
			       page, pte_write(pteval))));
		return true;
	}
	if (PageAnon(page)) {
		/* There is no swap: 4.13 comes here with swap entries only. */
		WARN_ON_ONCE(1);
		set_pte_at(mm, pvmw->address, pvmw->pte, pteval);
		return false;
	}
	add_mm_counter(mm, mm_counter(page), -1);
	return true;
}

static bool try_to_unmap_one(struct page *page, struct vm_area_struct *vma,
			     kulong address, void *arg)
{
	struct page_vma_mapped_walk pvmw = {page, vma,  address, NULL,
					    NULL, NULL, 0};
	const u32 flags = *(const u32 *)arg;
	pte_t pteval;

	if ((flags & TTU_MUNLOCK) && !(vma->vm_flags & VM_LOCKED))
		return true;

	while (page_vma_mapped_walk(&pvmw)) {
		if (!(flags & TTU_IGNORE_MLOCK)) {
			if (vma->vm_flags & VM_LOCKED) {
				/* Under the pte lock: munlock comes after. */
				mlock_vma_page(page);
				goto stop;
			}
			if (flags & TTU_MUNLOCK)
				continue;
		}
		if (!(flags & TTU_IGNORE_ACCESS) &&
		    ptep_clear_flush_young(vma, pvmw.address, pvmw.pte))
			goto stop;

		if (should_defer_flush(vma->vm_mm, flags)) {
			/* A dirty page is written out only after the flush;
			 * here dirty pages are kept. */
			pteval = ptep_get_and_clear(pvmw.pte);
			set_tlb_ubc_flush_pending(vma->vm_mm,
						  pte_dirty(pteval));
		} else {
			pteval = ptep_clear_flush(vma, pvmw.address, pvmw.pte);
		}
		/* The bit moves to the page now that nobody can set it. */
		if (pte_dirty(pteval))
			set_page_dirty(page);
		if (!ttu_replace_pte(page, vma, &pvmw, pteval, flags))
			goto stop;
		page_remove_rmap(page);
		put_page(page);
	}
	return true;
stop:
	page_vma_mapped_walk_done(&pvmw);
	return false;
}

/* exec moves the ptes of such a stack without a lock that is known here. */
static bool is_vma_temporary_stack(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_GROWSDOWN) &&
	       (vma->vm_flags & VM_STACK_INCOMPLETE_SETUP) ==
		   VM_STACK_INCOMPLETE_SETUP;
}

static bool invalid_migration_vma(struct vm_area_struct *vma, void *arg)
{
	(void)arg;
	return is_vma_temporary_stack(vma);
}

static bool page_mapcount_is_zero(struct page *page)
{
	return !page_mapcount(page);
}

bool try_to_unmap(struct page *page, u32 flags)
{
	struct rmap_walk_control rwc = {&flags, try_to_unmap_one,
					page_mapcount_is_zero,
					page_lock_anon_vma_read, NULL};

	/*
	 * Else an entry for migration might be left where the walk that takes
	 * it out again does not look: exec changes vm_start of a temporary
	 * stack before it moves the ptes.
	 */
	if ((flags & TTU_MIGRATION) && PageAnon(page))
		rwc.invalid_vma = invalid_migration_vma;
	rmap_walk(page, &rwc);
	return !page_mapcount(page);
}

} /* extern "C" */
