/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct page, the memory map and the page allocator
 * (include/linux/mm_types.h, page-flags.h, page_ref.h, gfp.h).
 *
 * RAM is `ram_pages` frames whose first pfn is the machine's ram_pfn; the ROM
 * window has no struct page (pfn_valid is false there), as memory outside the
 * kernel's own has none.
 */
#ifndef FAULTLINE_MM_SYNC_PAGE_H_
#define FAULTLINE_MM_SYNC_PAGE_H_

#include "mm/sync/atomic.h"
#include "mm/sync/bug.h"
#include "mm/sync/list.h"
#include "mm/sync/lock.h"
#include "mm/sync/slab.h"
#include "mm/sync/types.h"

FL_BEGIN_DECLS

struct address_space;

enum pageflags {
	PG_locked,
	PG_error,
	PG_referenced,
	PG_uptodate,
	PG_dirty,
	PG_lru,
	PG_active,
	PG_reserved,
	PG_swapbacked,
	PG_mlocked,
	PG_readahead, /* in 4.13 a second name of PG_reclaim */
	PG_buddy /* on the free list; machine->free_lock */
};

/* Low bit of page->mapping: it points to an anon_vma. */
#define PAGE_MAPPING_ANON 1

struct page {
	kulong flags;                  /* atomic bits, enum pageflags */
	struct address_space *mapping; /* page lock; or anon_vma | 1 */
	pgoff_t index;                 /* pages, in mapping or anon_vma */
	union {
		kulong private_; /* `private` to C */
#ifndef __cplusplus
		kulong private;
#endif
	};
	atomic_t _mapcount; /* ptes that map it, minus 1 */
	atomic_t _refcount; /* 0: free */
	struct list_head lru; /* free list, machine->lru, or who isolated it */
	spinlock_t ptl; /* when it is a pte or pmd page */
};

#define FL_PAGE_FLAG(Name, bit)                                       \
	static inline bool Page##Name(const struct page *page)        \
	{                                                             \
		return test_bit(bit, &page->flags);                   \
	}                                                             \
	static inline void SetPage##Name(struct page *page)           \
	{                                                             \
		set_bit(bit, &page->flags);                           \
	}                                                             \
	static inline void ClearPage##Name(struct page *page)         \
	{                                                             \
		clear_bit(bit, &page->flags);                         \
	}
FL_PAGE_FLAG(Locked, PG_locked)
FL_PAGE_FLAG(Error, PG_error)
FL_PAGE_FLAG(Referenced, PG_referenced)
/*
 * Publishes the content: the smp_wmb of SetPageUptodate and the smp_rmb of
 * PageUptodate.
 */
static inline bool PageUptodate(const struct page *page)
{
	return (__atomic_load_n(&page->flags, __ATOMIC_ACQUIRE) >>
		PG_uptodate) & 1;
}
static inline void SetPageUptodate(struct page *page)
{
	__atomic_fetch_or(&page->flags, (kulong)1 << PG_uptodate,
			  __ATOMIC_RELEASE);
}
static inline void ClearPageUptodate(struct page *page)
{
	clear_bit(PG_uptodate, &page->flags);
}
FL_PAGE_FLAG(Dirty, PG_dirty)
static inline bool TestSetPageDirty(struct page *page)
{
	return test_and_set_bit(PG_dirty, &page->flags);
}
static inline bool TestClearPageDirty(struct page *page)
{
	return test_and_clear_bit(PG_dirty, &page->flags);
}
FL_PAGE_FLAG(LRU, PG_lru)
FL_PAGE_FLAG(Readahead, PG_readahead)
FL_PAGE_FLAG(Reserved, PG_reserved)
FL_PAGE_FLAG(SwapBacked, PG_swapbacked)
FL_PAGE_FLAG(Mlocked, PG_mlocked)
static inline bool TestSetPageMlocked(struct page *page)
{
	return test_and_set_bit(PG_mlocked, &page->flags);
}
static inline bool TestClearPageMlocked(struct page *page)
{
	return test_and_clear_bit(PG_mlocked, &page->flags);
}

static inline int page_ref_count(struct page *page)
{
	return atomic_read(&page->_refcount);
}
static inline int page_mapcount(struct page *page)
{
	return atomic_read(&page->_mapcount) + 1;
}
static inline bool page_mapped(struct page *page)
{
	return page_mapcount(page) > 0;
}

/* Page allocator, order 0.  NULL when there is none, or chosen to fail. */
struct page *alloc_page(gfp_t flags);
/* The highest order the allocator serves is MAX_ORDER - 1. */
#define MAX_ORDER 11
/* The order of the smallest block of 2^order pages that holds `bytes` > 0. */
u32 get_order(u64 bytes);
/*
 * Whole pages for `bytes` > 0, without a hole between them, aligned as a block
 * of get_order(bytes) is; each of them with one reference of its own, dropped
 * by put_page.  NULL: no such block is free, it would be larger than the
 * allocator serves, or chosen to fail.
 */
void *alloc_pages_exact(u64 bytes, gfp_t flags);
/* Drops alloc_page's reference; refcount 0 -> back to the free list. */
void __free_page(struct page *page);
/* BUG unless somebody holds a reference already. */
void get_page(struct page *page);
/* Takes a reference unless the page is free: true when it did. */
bool get_page_unless_zero(struct page *page);
/* Drops a reference; the last one frees the page. */
void put_page(struct page *page);
/* The same for nr pages, whose array it writes over; what is freed leaves the
 * LRU list, and goes to the allocator, in one go. */
void release_pages(struct page **pages, u32 nr);

/*
 * Takes all `count` references at once, so that nobody can take another: true
 * when there were exactly so many.  Unfreeze: gives `count` back.
 */
bool page_ref_freeze(struct page *page, int count);
void page_ref_unfreeze(struct page *page, int count);
/* Frees a page whose references are frozen. */
void free_hot_cold_page(struct page *page);

/* ---- swap.cc: the machine's list of pages, oldest first ---- */
/* PG_lru is not set.  The list takes no reference. */
void lru_cache_add(struct page *page);
/* True: the page is off the list, and the caller has a reference. */
bool isolate_lru_page(struct page *page);
/* The same for the oldest; NULL: none is there. */
struct page *isolate_oldest_lru_page(void);
/* The caller's reference goes; the page is the youngest now. */
void putback_lru_page(struct page *page);
/* Off the list, if it is there: the last reference is gone. */
void __page_cache_release(struct page *page);

bool pfn_valid(kulong pfn);
struct page *pfn_to_page(kulong pfn); /* BUG unless pfn_valid */
kulong page_to_pfn(const struct page *page);
/* The frame's bytes, PAGE_SIZE of them (page_address, kmap). */
void *page_address(const struct page *page);
/* The bytes at a physical address in RAM or ROM; NULL when there is nothing. */
void *phys_to_virt(phys_addr_t phys);
struct page *virt_to_page(const void *address);
#define kmap(page) page_address(page)
#define kunmap(page) ((void)(page))

FL_END_DECLS

#endif /* FAULTLINE_MM_SYNC_PAGE_H_ */
