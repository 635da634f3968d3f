// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving a page to another frame while processes use it, after mm/migrate.c of
 * 4.13: migration_entry_wait, migrate_pages, unmap_and_move,
 * __unmap_and_move, move_to_new_page, migrate_page, fallback_migrate_page,
 * migrate_page_move_mapping,
 * migrate_page_copy, remove_migration_ptes, remove_migration_pte; and, of
 * mm/compaction.c, who asks for it (compact_pages).
 *
 *   1. both pages locked
 *   2. every pte becomes a migration entry; who faults on one waits for the
 *      old page's lock
 *   3. with nobody left but the cache and the mover, the new page takes the
 *      old one's place, and its content
 *   4. every migration entry becomes a pte again, of the new page, or of the
 *      old one when step 3 found a reference too many
 *   5. both unlocked
 *
 * The mm of a pte is not locked: the rmap locks keep its tables.  A pte that
 * is copied by fork or moved while it is a migration entry is found again,
 * as fork inserts the child's vma behind the parent's in the trees.
 *
 * Left out: huge pages, KSM, write-back, buffers, movable pages that are not
 * on the LRU list, NUMA; of compaction the scanning of zones: pages come off
 * the LRU list, and new frames from the allocator.
 */
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/radix_tree.h"
#include "mm/rmap.h"
#include "mm/swapops.h"
#include "mm/sync/string.h"

extern "C" {

#define MIGRATE_PASSES 10
#define MIGRATE_FORCE_AFTER 2
#define COMPACT_CLUSTER_MAX 32

void migration_entry_wait(struct mm_struct *mm, pmd_t *pmd, kulong address)
{
	struct page *page;
	swp_entry_t entry;
	spinlock_t *ptl;
	pte_t *ptep = pte_offset_map_lock(mm, pmd, address, &ptl);
	const pte_t pte = fl_read_pte(ptep);

	if (!is_swap_pte(pte))
		goto out;
	entry = pte_to_swp_entry(pte);
	if (!is_migration_entry(entry))
		goto out;
	page = migration_entry_to_page(entry);
	/* Without one, the page is frozen: the mover is about to finish. */
	if (!get_page_unless_zero(page))
		goto out;
	pte_unmap_unlock(ptep, ptl);
	(void)wait_on_page_locked(page, false);
	put_page(page);
	return;
out:
	pte_unmap_unlock(ptep, ptl);
}

static bool remove_migration_pte(struct page *page, struct vm_area_struct *vma,
				 kulong address, void *old)
{
	struct page_vma_mapped_walk pvmw = {
	    (struct page *)old, vma,  address,
	    NULL,		NULL, NULL,
	    PVMW_SYNC | PVMW_MIGRATION};

	while (page_vma_mapped_walk(&pvmw)) {
		const pgprot_t prot = {READ_ONCE(vma->vm_page_prot.pgprot)};
		pte_t pte = pte_mkold(mk_pte(page, prot));

		get_page(page);
		/* mprotect may have taken the right away meanwhile. */
		if (is_write_migration_entry(
			pte_to_swp_entry(fl_read_pte(pvmw.pte))) &&
		    (vma->vm_flags & VM_WRITE))
			pte = pte_mkwrite(pte);
		set_pte_at(vma->vm_mm, pvmw.address, pvmw.pte, pte);
		if (PageAnon(page))
			page_add_anon_rmap(page, vma, pvmw.address);
		else
			page_add_file_rmap(page);
		if (vma->vm_flags & VM_LOCKED)
			mlock_vma_page(page);
	}
	return true;
}

/* new may be old, when it has to stay where it is. */
static void remove_migration_ptes(struct page *old, struct page *page)
{
	struct rmap_walk_control rwc = {old, remove_migration_pte, NULL, NULL,
					NULL};

	rmap_walk(page, &rwc);
}

/*
 * Puts newpage into page's place in the cache.  0, or -EAGAIN: somebody else
 * has a reference.  mapping is NULL for an anonymous page, which is in no
 * cache: without ptes nobody can find it.
 */
static int migrate_page_move_mapping(struct address_space *mapping,
				     struct page *newpage, struct page *page)
{
	int expected_count = 1;
	void **pslot;

	if (!mapping) {
		if (page_ref_count(page) != expected_count)
			return -EAGAIN;
		newpage->index = page->index;
		WRITE_ONCE(newpage->mapping, page->mapping);
		if (PageSwapBacked(page))
			SetPageSwapBacked(newpage);
		return 0;
	}

	spin_lock(&mapping->tree_lock);
	pslot = radix_tree_lookup_slot(mapping, page->index);
	expected_count += 1;
	if (page_ref_count(page) != expected_count || !pslot ||
	    radix_tree_deref_slot(pslot) != page ||
	    !page_ref_freeze(page, expected_count)) {
		spin_unlock(&mapping->tree_lock);
		return -EAGAIN;
	}
	newpage->index = page->index;
	WRITE_ONCE(newpage->mapping, page->mapping);
	get_page(newpage); /* the cache's */
	if (PageSwapBacked(page))
		SetPageSwapBacked(newpage);
	if (PageDirty(page)) {
		ClearPageDirty(page);
		SetPageDirty(newpage);
	}
	__atomic_store_n(pslot, (void *)newpage, __ATOMIC_RELEASE);
	page_ref_unfreeze(page, expected_count - 1);
	spin_unlock(&mapping->tree_lock);
	return 0;
}

static void migrate_page_copy(struct page *newpage, struct page *page)
{
	memcpy(kmap(newpage), kmap(page), PAGE_SIZE);
	if (PageError(page))
		SetPageError(newpage);
	if (PageReferenced(page))
		SetPageReferenced(newpage);
	if (PageUptodate(page))
		SetPageUptodate(newpage);
	if (PageDirty(page))
		SetPageDirty(newpage);
	if (PageMlocked(page)) {
		ClearPageMlocked(page);
		SetPageMlocked(newpage);
	}
}

int migrate_page(struct address_space *mapping, struct page *newpage,
		 struct page *page)
{
	int rc = migrate_page_move_mapping(mapping, newpage, page);

	if (!rc)
		migrate_page_copy(newpage, page);
	return rc;
}

/* A dirty page would have to be written out first, and nobody can. */
static int fallback_migrate_page(struct address_space *mapping,
				 struct page *newpage, struct page *page)
{
	if (PageDirty(page))
		return -EINVAL;
	return migrate_page(mapping, newpage, page);
}

static int move_to_new_page(struct page *newpage, struct page *page)
{
	struct address_space *mapping =
	    PageAnon(page) ? NULL : READ_ONCE(page->mapping);
	int rc;

	VM_BUG_ON_PAGE(!PageLocked(page), page);
	VM_BUG_ON_PAGE(!PageLocked(newpage), newpage);
	if (!mapping)
		rc = migrate_page(mapping, newpage, page);
	else if (mapping->a_ops->migratepage)
		rc = mapping->a_ops->migratepage(mapping, newpage, page);
	else
		rc = fallback_migrate_page(mapping, newpage, page);
	/* An anonymous page keeps the mark for whoever still looks at it. */
	if (!rc && !PageAnon(page))
		WRITE_ONCE(page->mapping, (struct address_space *)NULL);
	return rc;
}

static int __unmap_and_move(struct page *page, struct page *newpage, bool force)
{
	struct anon_vma *anon_vma = NULL;
	bool page_was_mapped = false;
	int rc = -EAGAIN;

	if (!trylock_page(page)) {
		if (!force)
			return rc;
		lock_page(page);
	}
	/* Once the last pte is gone nothing else keeps it. */
	if (PageAnon(page))
		anon_vma = page_get_anon_vma(page);
	if (unlikely(!trylock_page(newpage)))
		goto out_unlock;

	/* Truncated meanwhile: nothing to do, and nothing to move either. */
	if (READ_ONCE(page->mapping) && page_mapped(page)) {
		VM_BUG_ON_PAGE(PageAnon(page) && !anon_vma, page);
		try_to_unmap(page, TTU_MIGRATION | TTU_IGNORE_MLOCK |
				       TTU_IGNORE_ACCESS);
		page_was_mapped = true;
	}
	if (READ_ONCE(page->mapping) && !page_mapped(page))
		rc = move_to_new_page(newpage, page);
	if (page_was_mapped)
		remove_migration_ptes(page, rc ? page : newpage);

	unlock_page(newpage);
out_unlock:
	if (anon_vma)
		put_anon_vma(anon_vma);
	unlock_page(page);
	if (!rc)
		putback_lru_page(newpage);
	return rc;
}

/*
 * 0: moved, or nobody wanted the page any more; the caller's reference is
 * gone.  -EAGAIN, -ENOMEM, -EINVAL (it cannot be moved): the page is as it was
 * and still the caller's.
 */
static int unmap_and_move(struct page *page, bool force, bool *moved)
{
	struct page *newpage;
	int rc;

	if (page_ref_count(page) == 1) {
		put_page(page);
		return 0;
	}
	newpage = alloc_page(GFP_HIGHUSER_MOVABLE);
	if (!newpage)
		return -ENOMEM;
	rc = __unmap_and_move(page, newpage, force);
	if (rc) {
		put_page(newpage);
		return rc;
	}
	*moved = true;
	put_page(page);
	return 0;
}

/* Isolated pages, linked by lru.  How many moved; the others are put back. */
static u64 migrate_pages(struct list_head *from)
{
	struct page *page, *next;
	bool retry = true;
	u64 nr = 0;
	int pass;

	for (pass = 0; pass < MIGRATE_PASSES && retry; pass++) {
		retry = false;
		list_for_each_entry_safe(page, next, from, struct page, lru)
		{
			bool moved = false;
			int rc;

			cond_resched();
			list_del_init(&page->lru);
			rc = unmap_and_move(page, pass > MIGRATE_FORCE_AFTER,
					    &moved);
			nr += moved;
			if (!rc)
				continue;
			if (rc != -EAGAIN && rc != -ENOMEM) {
				/* It never will. */
				putback_lru_page(page);
				continue;
			}
			list_add_tail(&page->lru, &next->lru);
			if (rc == -ENOMEM)
				goto out;
			retry = true;
		}
	}
out:
	list_for_each_entry_safe(page, next, from, struct page, lru)
	{
		list_del_init(&page->lru);
		putback_lru_page(page);
	}
	return nr;
}

/* An anonymous page with more references than ptes is pinned: no use. */
static bool suitable_migration_source(struct page *page)
{
	return !PageAnon(page) || page_ref_count(page) - 1 <= page_mapcount(page);
}

s64 compact_pages(u64 nr)
{
	u64 scan = READ_ONCE(current_machine()->nr_lru), moved = 0;

	while (scan && moved < nr) {
		struct list_head pages;
		u64 taken = 0;

		INIT_LIST_HEAD(&pages);
		while (scan && taken < COMPACT_CLUSTER_MAX &&
		       moved + taken < nr) {
			struct page *page = isolate_oldest_lru_page();

			if (!page) {
				scan = 0;
				break;
			}
			scan--;
			if (!suitable_migration_source(page)) {
				putback_lru_page(page);
				continue;
			}
			list_add_tail(&page->lru, &pages);
			taken++;
		}
		moved += migrate_pages(&pages);
	}
	return (s64)moved;
}

} /* extern "C" */
