// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking pages out of a file's page cache, after mm/truncate.c of 4.13.
 *
 *   truncate_inode_pages_range, truncate_inode_pages_final
 *   truncate_inode_page            truncate_complete_page
 *   truncate_pagecache, truncate_setsize
 *   invalidate_mapping_pages       invalidate_inode_page
 *   invalidate_inode_pages2_range  invalidate_complete_page2
 *
 * A fault must not bring back what truncation takes away.  The file's size
 * changes first; then
 *
 *   1. mappings of what is cut off are zapped, private copies included
 *   2. each page leaves the cache under its lock, and is unmapped again if a
 *      fault came in between.  A fault looks at the size under the same lock:
 *      either it is before the page goes, and 2 finds its pte, or it is after,
 *      and there is no page, or not the mapping's
 *   3. mappings are zapped again: a private copy could be made of a page up to
 *      the moment when it left the cache
 *
 *	inode->i_mutex
 *	  page lock
 *	    mapping->i_mmap_rwsem   unmap_mapping_range
 *	      pte lock
 *	    mapping->tree_lock
 *
 * One page is looked up at a time, where 4.13 holds references on up to 14.
 *
 * Left out: write-back, buffers, DAX, huge pages, shadow entries, laundering,
 * pagecache_isize_extended (blocks smaller than a page only).
 */
#include "mm/fault.h"
#include "mm/fs.h"
#include "mm/internal.h"
#include "mm/mm.h"
#include "mm/radix_tree.h"
#include "mm/rmap.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"

extern "C" {

/* Page locked.  Its content is of no use to anybody any more. */
static int truncate_complete_page(struct address_space *mapping,
				  struct page *page)
{
	if (READ_ONCE(page->mapping) != mapping)
		return -EIO;
	TestClearPageDirty(page);
	delete_from_page_cache(page);
	return 0;
}

int truncate_inode_page(struct address_space *mapping, struct page *page)
{
	if (page_mapped(page))
		unmap_mapping_range(mapping, (loff_t)page->index << PAGE_SHIFT,
				    (loff_t)PAGE_SIZE, 0);
	return truncate_complete_page(mapping, page);
}

/* Zeroes what the range takes of the page at index, if that is cached. */
static void truncate_partial_page(struct address_space *mapping, pgoff_t index,
				  u32 from, u32 to)
{
	struct page *page = find_lock_page(mapping, index);

	if (!page)
		return;
	zero_user_segment(page, from, to);
	unlock_page(page);
	put_page(page);
}

/* What can be had without waiting goes first. */
static void truncate_unlocked_pages(struct address_space *mapping,
				    pgoff_t start, pgoff_t end)
{
	pgoff_t index = start;
	struct page *page;

	while (index < end &&
	       (page = find_get_next_page(mapping, &index, end - 1)) != NULL) {
		if (trylock_page(page)) {
			truncate_inode_page(mapping, page);
			unlock_page(page);
		}
		put_page(page);
		cond_resched();
		index++;
	}
}

void truncate_inode_pages_range(struct address_space *mapping, loff_t lstart,
				loff_t lend)
{
	const u32 partial_start = (u32)((u64)lstart & (PAGE_SIZE - 1));
	const u64 after = (u64)lend + 1; /* 0: no end */
	u32 partial_end = (u32)(after & (PAGE_SIZE - 1));
	/* Whole pages; end is the first one that stays. */
	const pgoff_t start =
	    (pgoff_t)(((u64)lstart + PAGE_SIZE - 1) >> PAGE_SHIFT);
	const pgoff_t end =
	    after ? (pgoff_t)(after >> PAGE_SHIFT) : ~(pgoff_t)0;
	pgoff_t index;

	if (!READ_ONCE(mapping->nrpages))
		return;
	truncate_unlocked_pages(mapping, start, end);

	if (partial_start) {
		u32 top = PAGE_SIZE;

		if (start > end) {
			/* All within one page. */
			top = partial_end;
			partial_end = 0;
		}
		truncate_partial_page(mapping, start - 1, partial_start, top);
	}
	if (partial_end)
		truncate_partial_page(mapping, end, 0, partial_end);

	if (start >= end)
		return;

	/* Until a look from the start on finds nothing: a fault that saw the
	 * old size may still add pages. */
	index = start;
	for (;;) {
		struct page *page;

		cond_resched();
		page = index < end
			   ? find_get_next_page(mapping, &index, end - 1)
			   : NULL;
		if (!page) {
			if (index == start)
				break;
			index = start;
			continue;
		}
		lock_page(page);
		truncate_inode_page(mapping, page);
		unlock_page(page);
		put_page(page);
		index++;
	}
}

void truncate_inode_pages_final(struct address_space *mapping)
{
	truncate_inode_pages_range(mapping, 0, (loff_t)-1);
	VM_BUG_ON(mapping->nrpages);
	radix_tree_destroy(mapping);
}

void truncate_pagecache(struct inode *inode, loff_t newsize)
{
	struct address_space *mapping = inode->i_mapping;
	const loff_t holebegin =
	    (newsize + (loff_t)PAGE_SIZE - 1) & ~((loff_t)PAGE_SIZE - 1);

	unmap_mapping_range(mapping, holebegin, 0, 1);
	truncate_inode_pages(mapping, newsize);
	unmap_mapping_range(mapping, holebegin, 0, 1);
}

void truncate_setsize(struct inode *inode, loff_t newsize)
{
	i_size_write(inode, newsize);
	truncate_pagecache(inode, newsize);
}

/* ---- invalidation: pages whose content can be had again ---- */

/* Page locked.  True: it is out of the cache; nobody else has a reference. */
static bool invalidate_inode_page(struct page *page)
{
	struct address_space *mapping = READ_ONCE(page->mapping);

	if (!mapping || PageDirty(page) || page_mapped(page))
		return false;
	return remove_mapping(mapping, page);
}

kulong invalidate_mapping_pages(struct address_space *mapping, pgoff_t start,
				pgoff_t end)
{
	pgoff_t index = start;
	struct page *page;
	kulong count = 0;

	while (index <= end &&
	       (page = find_get_next_page(mapping, &index, end)) != NULL) {
		if (trylock_page(page)) {
			count += invalidate_inode_page(page);
			unlock_page(page);
		}
		put_page(page);
		cond_resched();
		if (index++ == end)
			break;
	}
	return count;
}

/* Page locked and not mapped; others may have references. */
static bool invalidate_complete_page2(struct address_space *mapping,
				      struct page *page)
{
	if (READ_ONCE(page->mapping) != mapping)
		return false;
	spin_lock(&mapping->tree_lock);
	if (PageDirty(page)) {
		spin_unlock(&mapping->tree_lock);
		return false;
	}
	__delete_from_page_cache(page);
	spin_unlock(&mapping->tree_lock);
	put_page(page); /* the cache's */
	return true;
}

int invalidate_inode_pages2_range(struct address_space *mapping, pgoff_t start,
				  pgoff_t end)
{
	bool did_range_unmap = false;
	pgoff_t index = start;
	struct page *page;
	int ret = 0;

	if (!READ_ONCE(mapping->nrpages))
		return 0;
	while (index <= end &&
	       (page = find_get_next_page(mapping, &index, end)) != NULL) {
		lock_page(page);
		if (READ_ONCE(page->mapping) == mapping) {
			/* The first time the whole rest of the range goes. */
			if (page_mapped(page)) {
				unmap_mapping_range(
				    mapping, (loff_t)index << PAGE_SHIFT,
				    did_range_unmap ? (loff_t)PAGE_SIZE
						    : (loff_t)(1 + end - index)
							  << PAGE_SHIFT,
				    0);
				did_range_unmap = true;
			}
			BUG_ON(page_mapped(page));
			if (!invalidate_complete_page2(mapping, page))
				ret = -EBUSY;
		}
		unlock_page(page);
		put_page(page);
		cond_resched();
		if (index++ == end)
			break;
	}
	return ret;
}

} /* extern "C" */
