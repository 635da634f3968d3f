// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a page to the vmas that map it: the half of mm/rmap.c of 4.13 that
 * builds and counts.
 *
 *   __anon_vma_prepare, anon_vma_clone, anon_vma_fork, unlink_anon_vmas
 *   put_anon_vma, __put_anon_vma
 *   page_add_new_anon_rmap, page_add_anon_rmap, page_move_anon_rmap
 *   page_add_file_rmap, page_remove_rmap
 *
 * The walks over them are in rmap_walk.cc.
 *
 * Lock order:
 *   mmap_sem
 *     page lock
 *       mapping->i_mmap_rwsem
 *         anon_vma->root->rwsem
 *           mm->page_table_lock or pte lock
 *
 * A vma's chain list is protected by mmap_sem and page_table_lock, the chains
 * of an anon_vma by its root's rwsem.  An anon_vma may serve several vmas
 * (pieces of one, neighbours that could merge); degree counts its vmas and
 * children, refcount keeps the memory.
 *
 * A child's vma is linked to its parent's anon_vmas, where the pages are that
 * both still share, and to one of its own for the pages that it will copy.
 *
 * Left out: huge pages, KSM, mapped-page statistics.
 */
#include "mm/internal.h"
#include "mm/mm.h"
#include "mm/rmap.h"
#include "mm/sync/sched.h"

extern "C" {

static struct anon_vma *anon_vma_alloc(struct machine *machine)
{
	struct anon_vma *anon_vma = (struct anon_vma *)kmem_cache_alloc(
	    machine->anon_vma_cachep, GFP_KERNEL);

	if (anon_vma) {
		init_rwsem_named(&anon_vma->rwsem, "anon_vma->rwsem");
		anon_vma->rb_root.rb_node = NULL;
		atomic_set(&anon_vma->refcount, 1);
		anon_vma->degree = 1; /* the vma that it is made for */
		anon_vma->parent = anon_vma;
		anon_vma->root = anon_vma;
	}
	return anon_vma;
}

static void anon_vma_free(struct anon_vma *anon_vma)
{
	VM_BUG_ON(atomic_read(&anon_vma->refcount));
	/* A walker that saw the count above zero may still hold the lock. */
	if (rwsem_is_locked(&anon_vma->root->rwsem)) {
		anon_vma_lock_write(anon_vma);
		anon_vma_unlock_write(anon_vma);
	}
	/* Who found it by a page may still look at its count and root. */
	kmem_cache_free_typesafe(current_machine()->anon_vma_cachep, anon_vma,
				 &anon_vma->deferred);
}

void __put_anon_vma(struct anon_vma *anon_vma)
{
	struct anon_vma *root = anon_vma->root;

	anon_vma_free(anon_vma);
	if (root != anon_vma && atomic_dec_and_test(&root->refcount))
		anon_vma_free(root);
}

void put_anon_vma(struct anon_vma *anon_vma)
{
	if (atomic_dec_and_test(&anon_vma->refcount))
		__put_anon_vma(anon_vma);
}

static struct anon_vma_chain *anon_vma_chain_alloc(gfp_t gfp)
{
	return (struct anon_vma_chain *)kmem_cache_alloc(
	    current_machine()->anon_vma_chain_cachep, gfp);
}

static void anon_vma_chain_free(struct anon_vma_chain *avc)
{
	kmem_cache_free(current_machine()->anon_vma_chain_cachep, avc);
}

static void anon_vma_chain_link(struct vm_area_struct *vma,
				struct anon_vma_chain *avc,
				struct anon_vma *anon_vma)
{
	avc->vma = vma;
	avc->anon_vma = anon_vma;
	list_add(&avc->same_vma, &vma->anon_vma_chain);
	anon_vma_interval_tree_insert(avc, &anon_vma->rb_root);
}

/*
 * Gives the vma an anon_vma, a neighbour's if they could merge one day.
 * mmap_sem is held for read only: page_table_lock decides between threads,
 * and the loser gives back what it allocated.
 */
int __anon_vma_prepare(struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	struct anon_vma *anon_vma, *allocated = NULL;
	struct anon_vma_chain *avc = anon_vma_chain_alloc(GFP_KERNEL);

	if (!avc)
		return -ENOMEM;
	anon_vma = find_mergeable_anon_vma(vma);
	if (!anon_vma) {
		anon_vma = anon_vma_alloc(mm->machine);
		if (unlikely(!anon_vma)) {
			anon_vma_chain_free(avc);
			return -ENOMEM;
		}
		allocated = anon_vma;
	}

	anon_vma_lock_write(anon_vma);
	spin_lock(&mm->page_table_lock);
	if (likely(!vma->anon_vma)) {
		/* Read without the lock by the next fault on this vma. */
		WRITE_ONCE(vma->anon_vma, anon_vma);
		anon_vma_chain_link(vma, avc, anon_vma);
		anon_vma->degree++;
		allocated = NULL;
		avc = NULL;
	}
	spin_unlock(&mm->page_table_lock);
	anon_vma_unlock_write(anon_vma);

	if (unlikely(allocated))
		put_anon_vma(allocated);
	if (unlikely(avc))
		anon_vma_chain_free(avc);
	return 0;
}

/* All anon_vmas of a vma have one root, so one lock serves the whole list. */
static struct anon_vma *lock_anon_vma_root(struct anon_vma *root,
					   struct anon_vma *anon_vma)
{
	struct anon_vma *new_root = anon_vma->root;

	if (new_root != root) {
		if (WARN_ON_ONCE(root))
			up_write(&root->rwsem);
		root = new_root;
		down_write(&root->rwsem);
	}
	return root;
}

static void unlock_anon_vma_root(struct anon_vma *root)
{
	if (root)
		up_write(&root->rwsem);
}

/*
 * Links dst to every anon_vma of src.  On failure dst is linked to none and
 * has no anon_vma: -ENOMEM.
 */
int anon_vma_clone(struct vm_area_struct *dst, struct vm_area_struct *src)
{
	struct anon_vma_chain *avc, *pavc;
	struct anon_vma *root = NULL;

	list_for_each_entry_reverse(pavc, &src->anon_vma_chain,
				    struct anon_vma_chain, same_vma)
	{
		struct anon_vma *anon_vma;

		avc = anon_vma_chain_alloc(GFP_ATOMIC);
		if (unlikely(!avc)) {
			unlock_anon_vma_root(root);
			root = NULL;
			avc = anon_vma_chain_alloc(GFP_KERNEL);
			if (!avc)
				goto enomem_failure;
		}
		anon_vma = pavc->anon_vma;
		root = lock_anon_vma_root(root, anon_vma);
		anon_vma_chain_link(dst, avc, anon_vma);

		/* An anon_vma without vmas and with one child may be reused;
		 * a root never qualifies, being its own parent. */
		if (!dst->anon_vma && anon_vma != src->anon_vma &&
		    anon_vma->degree < 2)
			dst->anon_vma = anon_vma;
	}
	if (dst->anon_vma)
		dst->anon_vma->degree++;
	unlock_anon_vma_root(root);
	return 0;

enomem_failure:
	/* Else unlink would take off a degree that was never put on. */
	dst->anon_vma = NULL;
	unlink_anon_vmas(dst);
	return -ENOMEM;
}

/*
 * Links a child's vma, a copy of pvma with no chain yet, to the anon_vmas of
 * pvma and to one for its own pages: one in the chain that no living process
 * adds pages to any more (see anon_vma_clone), or else a new one below
 * pvma's.  -ENOMEM: the vma is linked to none.
 */
int anon_vma_fork(struct vm_area_struct *vma, struct vm_area_struct *pvma)
{
	struct anon_vma_chain *avc;
	struct anon_vma *anon_vma;
	int error;

	if (!pvma->anon_vma)
		return 0;
	vma->anon_vma = NULL;
	error = anon_vma_clone(vma, pvma);
	if (error)
		return error;
	if (vma->anon_vma)
		return 0;

	anon_vma = anon_vma_alloc(vma->vm_mm->machine);
	if (!anon_vma)
		goto out_error;
	avc = anon_vma_chain_alloc(GFP_KERNEL);
	if (!avc)
		goto out_error_free_anon_vma;

	anon_vma->root = pvma->anon_vma->root;
	anon_vma->parent = pvma->anon_vma;
	/* The lock that this one uses lives in the root. */
	get_anon_vma(anon_vma->root);
	vma->anon_vma = anon_vma;
	anon_vma_lock_write(anon_vma);
	anon_vma_chain_link(vma, avc, anon_vma);
	anon_vma->parent->degree++;
	anon_vma_unlock_write(anon_vma);
	return 0;

out_error_free_anon_vma:
	put_anon_vma(anon_vma);
out_error:
	unlink_anon_vmas(vma);
	return -ENOMEM;
}

/*
 * Two passes: an anon_vma cannot be freed under its root's lock, as freeing
 * may take that lock.
 */
void unlink_anon_vmas(struct vm_area_struct *vma)
{
	struct anon_vma_chain *avc, *next;
	struct anon_vma *root = NULL;

	list_for_each_entry_safe(avc, next, &vma->anon_vma_chain,
				 struct anon_vma_chain, same_vma)
	{
		struct anon_vma *anon_vma = avc->anon_vma;

		root = lock_anon_vma_root(root, anon_vma);
		anon_vma_interval_tree_remove(avc, &anon_vma->rb_root);
		if (!anon_vma->rb_root.rb_node) {
			anon_vma->parent->degree--;
			continue;
		}
		list_del(&avc->same_vma);
		anon_vma_chain_free(avc);
	}
	if (vma->anon_vma)
		vma->anon_vma->degree--;
	unlock_anon_vma_root(root);

	list_for_each_entry_safe(avc, next, &vma->anon_vma_chain,
				 struct anon_vma_chain, same_vma)
	{
		struct anon_vma *anon_vma = avc->anon_vma;

		WARN_ON(anon_vma->degree);
		put_anon_vma(anon_vma);
		list_del(&avc->same_vma);
		anon_vma_chain_free(avc);
	}
}

bool PageAnon(struct page *page)
{
	return (KULONG(READ_ONCE(page->mapping)) & PAGE_MAPPING_ANON) != 0;
}

struct anon_vma *page_anon_vma(struct page *page)
{
	const kulong mapping = KULONG(READ_ONCE(page->mapping));

	if (!(mapping & PAGE_MAPPING_ANON))
		return NULL;
	return (struct anon_vma *)KPTR(mapping - PAGE_MAPPING_ANON);
}

static void set_page_anon_vma(struct page *page, struct anon_vma *anon_vma)
{
	/* Pointer and tag in one store: PageAnon is asked without a lock. */
	WRITE_ONCE(page->mapping, (struct address_space *)KPTR(
				      KULONG(anon_vma) + PAGE_MAPPING_ANON));
}

void page_move_anon_rmap(struct page *page, struct vm_area_struct *vma)
{
	VM_BUG_ON_PAGE(!PageLocked(page), page);
	VM_BUG_ON_VMA(!vma->anon_vma, vma);
	set_page_anon_vma(page, vma->anon_vma);
}

/* exclusive: nobody else maps it; else only the oldest anon_vma is right. */
static void __page_set_anon_rmap(struct page *page, struct vm_area_struct *vma,
				 kulong address, bool exclusive)
{
	struct anon_vma *anon_vma = vma->anon_vma;

	BUG_ON(!anon_vma);
	if (PageAnon(page))
		return;
	if (!exclusive)
		anon_vma = anon_vma->root;
	set_page_anon_vma(page, anon_vma);
	page->index = linear_page_index(vma, address);
}

void page_add_anon_rmap(struct page *page, struct vm_area_struct *vma,
			kulong address)
{
	const bool first = atomic_inc_and_test(&page->_mapcount);

	VM_BUG_ON_PAGE(!PageLocked(page), page);
	if (first) {
		__page_set_anon_rmap(page, vma, address, false);
		return;
	}
	BUG_ON(page_anon_vma(page)->root != vma->anon_vma->root);
	BUG_ON(page->index != linear_page_index(vma, address));
}

/* The page is new: nobody but the caller knows it, the pte lock is held. */
void page_add_new_anon_rmap(struct page *page, struct vm_area_struct *vma,
			    kulong address)
{
	VM_BUG_ON_VMA(address < vma->vm_start || address >= vma->vm_end, vma);
	page->flags |= (kulong)1 << PG_swapbacked;
	atomic_set(&page->_mapcount, 0);
	__page_set_anon_rmap(page, vma, address, true);
}

void page_add_file_rmap(struct page *page)
{
	atomic_inc(&page->_mapcount);
}

void page_remove_rmap(struct page *page)
{
	if (atomic_add_negative(-1, &page->_mapcount) &&
	    unlikely(PageMlocked(page)))
		clear_page_mlock(page);
}

} /* extern "C" */
