// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting clean pages of the page cache back from whoever maps them, after
 * mm/vmscan.c of 4.13: shrink_inactive_list, shrink_page_list,
 * page_check_references, __remove_mapping, remove_mapping; and of shrink_active_list the
 * question who used a page (age_pages).
 *
 * Any task may run it, as kswapd or as one that reclaims for itself; no lock
 * is held on entry.
 *
 *	page lock         tried only
 *	  rmap locks      page_referenced, try_to_unmap
 *	  tree_lock       __remove_mapping
 *
 * A page goes when the cache and the scanner hold the only two references:
 * the count is frozen first and "dirty" is looked at afterwards, as whoever
 * had a reference may have written before letting it go.  Processors forget
 * the unmapped pages in one flush at the end, before any of them is free.
 *
 * Left out: everything that decides when and how much to reclaim (watermarks,
 * zones, priorities, cgroups, balance of lists): the caller names a number.
 * Writing out dirty pages, swap, shadow entries, slab shrinkers.  A page that
 * is "activated" goes to the young end of the one list.
 */
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/rmap.h"

extern "C" {

#define SWAP_CLUSTER_MAX 32
/*
 * The first look at a page takes its accessed bits and marks it, the second
 * one may free it.
 */
#define RECLAIM_PASSES 3

enum page_references {
	PAGEREF_RECLAIM,
	PAGEREF_RECLAIM_CLEAN,
	PAGEREF_KEEP,
	PAGEREF_ACTIVATE
};

static bool TestClearPageReferenced(struct page *page)
{
	return test_and_clear_bit(PG_referenced, &page->flags);
}

static enum page_references page_check_references(struct page *page)
{
	bool referenced_page;
	kulong vm_flags;
	int referenced_ptes = page_referenced(page, true, &vm_flags);

	referenced_page = TestClearPageReferenced(page);
	/* Locked in memory: try_to_unmap will see that too. */
	if (vm_flags & VM_LOCKED)
		return PAGEREF_RECLAIM;
	if (referenced_ptes) {
		if (PageSwapBacked(page))
			return PAGEREF_ACTIVATE;
		/* Every mapped page was used once: when it was mapped. */
		SetPageReferenced(page);
		if (referenced_page || referenced_ptes > 1)
			return PAGEREF_ACTIVATE;
		if (vm_flags & VM_EXEC)
			return PAGEREF_ACTIVATE;
		return PAGEREF_KEEP;
	}
	if (referenced_page && !PageSwapBacked(page))
		return PAGEREF_RECLAIM_CLEAN;
	return PAGEREF_RECLAIM;
}

/* True: out of the cache, and its references are frozen. */
static bool __remove_mapping(struct address_space *mapping, struct page *page)
{
	BUG_ON(!PageLocked(page));
	BUG_ON(mapping != READ_ONCE(page->mapping));
	spin_lock(&mapping->tree_lock);
	if (!page_ref_freeze(page, 2))
		goto cannot_free;
	if (unlikely(PageDirty(page))) {
		page_ref_unfreeze(page, 2);
		goto cannot_free;
	}
	__delete_from_page_cache(page);
	spin_unlock(&mapping->tree_lock);
	return true;
cannot_free:
	spin_unlock(&mapping->tree_lock);
	return false;
}

bool remove_mapping(struct address_space *mapping, struct page *page)
{
	if (!__remove_mapping(mapping, page))
		return false;
	page_ref_unfreeze(page, 1);
	return true;
}

/* Page locked.  True: it is nobody's any more. */
static bool shrink_locked_page(struct page *page)
{
	struct address_space *mapping;

	if (PageMlocked(page))
		return false;
	switch (page_check_references(page)) {
	case PAGEREF_ACTIVATE:
	case PAGEREF_KEEP:
		return false;
	case PAGEREF_RECLAIM:
	case PAGEREF_RECLAIM_CLEAN:
		break;
	}
	/* add_to_swap: there is no swap. */
	if (PageAnon(page))
		return false;
	mapping = READ_ONCE(page->mapping);
	if (page_mapped(page) && !try_to_unmap(page, TTU_BATCH_FLUSH))
		return false;
	if (PageDirty(page))
		return false;
	return mapping && __remove_mapping(mapping, page);
}

/* Isolated pages, linked by lru.  Those that stay are put back; how many went
 * to the allocator. */
static u64 shrink_page_list(struct list_head *page_list)
{
	struct list_head free_pages, ret_pages;
	struct page *page, *next;
	u64 nr_reclaimed = 0;

	INIT_LIST_HEAD(&free_pages);
	INIT_LIST_HEAD(&ret_pages);
	list_for_each_entry_safe(page, next, page_list, struct page, lru)
	{
		bool reclaimed = false;

		cond_resched();
		list_del_init(&page->lru);
		if (trylock_page(page)) {
			reclaimed = shrink_locked_page(page);
			/* Nobody waits for the lock of a page that nobody
			 * has: 4.13 just clears the bit. */
			unlock_page(page);
		}
		list_add_tail(&page->lru,
			      reclaimed ? &free_pages : &ret_pages);
	}
	try_to_unmap_flush();
	list_for_each_entry_safe(page, next, &free_pages, struct page, lru)
	{
		list_del_init(&page->lru);
		free_hot_cold_page(page);
		nr_reclaimed++;
	}
	list_for_each_entry_safe(page, next, &ret_pages, struct page, lru)
	{
		list_del_init(&page->lru);
		putback_lru_page(page);
	}
	return nr_reclaimed;
}

/* Takes up to nr off the old end of the list. */
static u64 isolate_lru_pages(u64 nr, struct list_head *dst)
{
	u64 taken = 0;

	while (taken < nr) {
		struct page *page = isolate_oldest_lru_page();

		if (!page)
			break;
		list_add_tail(&page->lru, dst);
		taken++;
	}
	return taken;
}

static u64 shrink_inactive_list(u64 nr_to_scan, u64 *scanned)
{
	struct list_head page_list;

	INIT_LIST_HEAD(&page_list);
	*scanned = isolate_lru_pages(nr_to_scan, &page_list);
	return shrink_page_list(&page_list);
}

s64 reclaim_pages(u64 nr)
{
	u64 reclaimed = 0;
	int pass;

	for (pass = 0; pass < RECLAIM_PASSES && reclaimed < nr; pass++) {
		u64 left = READ_ONCE(current_machine()->nr_lru);

		while (left && reclaimed < nr) {
			u64 batch = nr - reclaimed, scanned;

			if (batch > SWAP_CLUSTER_MAX)
				batch = SWAP_CLUSTER_MAX;
			if (batch > left)
				batch = left;
			reclaimed += shrink_inactive_list(batch, &scanned);
			if (!scanned)
				break;
			left -= scanned;
		}
	}
	return (s64)reclaimed;
}

s64 age_pages(u64 nr)
{
	struct list_head l_hold;
	struct page *page, *next;
	s64 referenced = 0;

	INIT_LIST_HEAD(&l_hold);
	isolate_lru_pages(nr, &l_hold);
	list_for_each_entry_safe(page, next, &l_hold, struct page, lru)
	{
		kulong vm_flags;

		cond_resched();
		list_del_init(&page->lru);
		referenced += page_referenced(page, false, &vm_flags);
		putback_lru_page(page);
	}
	return referenced;
}

} /* extern "C" */
