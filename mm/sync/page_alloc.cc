// SPDX-License-Identifier: GPL-2.0-only
//
// Page frames and their reference counts (mm/page_alloc.c, mm/swap.c,
// include/linux/page_ref.h), and the conversions between struct page, pfn,
// physical address and kernel address.
//
// Free frames stand in one list whatever their neighbours do; a block of
// several (alloc_pages_exact: the block of the next power of two, of which the
// end is given back at once) is looked for in it, in the list's order.
//
// A freed frame is the next one handed out in a native build; in an explored
// one and under ASan it is the last, so that a stale use of it shows.
//
// Left out: buddies as such, zones, watermarks, reclaim on allocation, per-CPU
// lists, compound pages.  Locks: machine->free_lock, raw.

#include "mm/sync/page.h"

#include "mm/sync/internal.h"

namespace {

const bool free_list_is_fifo = FAULTLINE_EXPLORED || FL_ASAN;

void *frame_of(const struct machine *machine, const struct page *page)
{
	return machine->ram +
	       ((u64)(page - machine->mem_map) << PAGE_SHIFT);
}

void list_dirty(const struct list_head *item)
{
	fl_dirty(item, sizeof(*item));
}

const kulong buddy = (kulong)1 << PG_buddy;

// free_lock held.
void unlink_free_page(struct machine *machine, struct page *page)
{
	fl_dirty(page, sizeof(*page));
	list_dirty(page->lru.prev);
	list_dirty(page->lru.next);
	fl_dirty(&machine->nr_free, sizeof(machine->nr_free));
	list_del_init(&page->lru);
	page->flags = 0;
	machine->nr_free--;
}

struct page *pop_free_page(struct machine *machine)
{
	struct page *page = NULL;

	raw_spin_lock(&machine->free_lock);
	if (!list_empty(&machine->free_pages)) {
		page = list_first_entry(&machine->free_pages, struct page, lru);
		unlink_free_page(machine, page);
	}
	raw_spin_unlock(&machine->free_lock);
	return page;
}

// The block of `nr` frames, a power of two, that `page` lies in, if it is all
// free and all RAM; or NULL.  free_lock held.
struct page *free_block_of(struct machine *machine, struct page *page,
			   kulong nr)
{
	const kulong pfn = machine->ram_pfn + (kulong)(page - machine->mem_map);
	const kulong first = pfn & ~(nr - 1);
	struct page *block;

	if (first < machine->ram_pfn ||
	    first - machine->ram_pfn + nr > machine->ram_pages)
		return NULL;
	block = &machine->mem_map[first - machine->ram_pfn];
	for (kulong i = 0; i < nr; i++) {
		if (!(block[i].flags & buddy))
			return NULL;
	}
	return block;
}

// The first `want` frames of a free block of `nr`, off the list; or NULL.
struct page *pop_free_block(struct machine *machine, kulong nr, kulong want)
{
	struct page *page, *block = NULL;

	raw_spin_lock(&machine->free_lock);
	list_for_each_entry(page, &machine->free_pages, struct page, lru)
	{
		block = free_block_of(machine, page, nr);
		if (block)
			break;
	}
	for (kulong i = 0; block && i < want; i++)
		unlink_free_page(machine, &block[i]);
	raw_spin_unlock(&machine->free_lock);
	return block;
}

void push_free_pages(struct machine *machine, struct page **pages, u32 nr)
{
	u32 i;

	raw_spin_lock(&machine->free_lock);
	list_dirty(&machine->free_pages);
	fl_dirty(&machine->nr_free, sizeof(machine->nr_free));
	for (i = 0; i < nr; i++) {
		struct page *page = pages[i];

		fl_dirty(page, sizeof(*page));
		page->flags |= buddy;
		if (free_list_is_fifo) {
			list_dirty(machine->free_pages.prev);
			list_add_tail(&page->lru, &machine->free_pages);
		} else {
			list_dirty(machine->free_pages.next);
			list_add(&page->lru, &machine->free_pages);
		}
	}
	machine->nr_free += nr;
	raw_spin_unlock(&machine->free_lock);
}

// A page that still belongs to somebody is reported and freed all the same,
// as bad_page does.
void free_pages_check(struct page *page)
{
	const kulong forbidden = (kulong)1 << PG_locked | (kulong)1 << PG_lru |
				 (kulong)1 << PG_reserved |
				 (kulong)1 << PG_mlocked;
	const char *bad = NULL;

	if (page_mapcount(page) != 0)
		bad = "Bad page state: nonzero mapcount";
	else if (page->mapping)
		bad = "Bad page state: non-NULL mapping";
	else if (__atomic_load_n(&page->flags, __ATOMIC_RELAXED) & forbidden)
		bad = "Bad page state: PAGE_FLAGS_CHECK_AT_FREE flag(s) set";
	if (unlikely(bad))
		fl_warn(FL_REPORT_BAD, __FILE__, __LINE__, __func__, bad);
}

// All of a page's end but its way off the LRU list and onto the free list.
void free_page_prepare(struct machine *machine, struct page *page,
		       const void *pc)
{
	void *frame = frame_of(machine, page);

	// The last anon user's mark is not a mapping that is still there.
	fl_dirty(page, sizeof(*page));
	if ((uintptr_t)page->mapping & PAGE_MAPPING_ANON)
		page->mapping = NULL;
	free_pages_check(page);
	fl_event_at(FL_EV_PAGE_FREE, frame, PAGE_SIZE, 0, "page", pc);
	fl_poison(frame, PAGE_SIZE);
}

void free_hot_page(struct page *page, const void *pc)
{
	struct machine *machine = current_machine();

	__page_cache_release(page);
	free_page_prepare(machine, page, pc);
	push_free_pages(machine, &page, 1);
}

// Drops a reference; true when it was the last.
bool put_page_testzero(struct page *page, const void *pc)
{
	int after;

	VM_BUG_ON_PAGE(page_ref_count(page) <= 0, page);
	fl_dirty(&page->_refcount, sizeof(page->_refcount));
	after = atomic_dec_return(&page->_refcount);
	fl_event_at(FL_EV_REF_PUT, &page->_refcount, sizeof(page->_refcount),
		    (u32)after, "page", pc);
	return after == 0;
}

void init_page(struct page *page)
{
	page->flags = 0;
	page->mapping = NULL;
	page->index = 0;
	page->private_ = 0;
	atomic_set(&page->_mapcount, -1);
	// Last: a speculative get_page_unless_zero sees a finished page.
	smp_store_release(&page->_refcount.counter, 1);
}

bool chosen_to_fail(const struct machine *machine, gfp_t flags)
{
	return machine->config.alloc_may_fail && !(flags & __GFP_NOFAIL) &&
	       fl_choose(2, FL_CHOOSE_ALLOC_FAIL);
}

// One frame that is off the list; pc: who asked for it.
void prep_new_page(struct machine *machine, struct page *page, gfp_t flags,
		   const void *pc)
{
	void *frame = frame_of(machine, page);

	init_page(page);
	fl_unpoison(frame, PAGE_SIZE);
	if (flags & __GFP_ZERO) {
		fl_dirty(frame, PAGE_SIZE);
		fl_fill(frame, 0, PAGE_SIZE);
	}
	fl_event_at(FL_EV_PAGE_ALLOC, frame, PAGE_SIZE, 0, "page", pc);
}

} // namespace

void page_alloc_init(struct machine *machine)
{
	raw_spin_lock_init(&machine->free_lock, "free_lock");
	INIT_LIST_HEAD(&machine->free_pages);
	for (kulong i = 0; i < machine->ram_pages; i++) {
		struct page *page = &machine->mem_map[i];

		atomic_set(&page->_mapcount, -1);
		page->flags = buddy;
		list_add_tail(&page->lru, &machine->free_pages);
	}
	machine->nr_free = machine->ram_pages;
	machine->zero_page = pop_free_page(machine);
	init_page(machine->zero_page);
	SetPageReserved(machine->zero_page);
	fl_poison(machine->ram + PAGE_SIZE,
		  (u64)(machine->ram_pages - 1) << PAGE_SHIFT);
}

struct page *alloc_page(gfp_t flags)
{
	struct machine *machine = current_machine();
	struct page *page;

	if (chosen_to_fail(machine, flags))
		return NULL;
	page = pop_free_page(machine);
	if (!page) {
		BUG_ON(flags & __GFP_NOFAIL);
		return NULL;
	}
	prep_new_page(machine, page, flags, FL_HERE);
	return page;
}

u32 get_order(u64 bytes)
{
	u32 order = 0;

	while (((u64)PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

void *alloc_pages_exact(u64 bytes, gfp_t flags)
{
	struct machine *machine = current_machine();
	const kulong want = (kulong)((bytes + PAGE_SIZE - 1) >> PAGE_SHIFT);
	const u32 order = get_order(bytes);
	struct page *block;

	if (order >= MAX_ORDER || chosen_to_fail(machine, flags))
		return NULL;
	block = pop_free_block(machine, (kulong)1 << order, want);
	if (!block)
		return NULL;
	for (kulong i = 0; i < want; i++)
		prep_new_page(machine, &block[i], flags, FL_HERE);
	return frame_of(machine, block);
}

void __free_page(struct page *page)
{
	if (put_page_testzero(page, FL_HERE))
		free_hot_page(page, FL_HERE);
}

void get_page(struct page *page)
{
	int after;

	VM_BUG_ON_PAGE(page_ref_count(page) <= 0, page);
	fl_dirty(&page->_refcount, sizeof(page->_refcount));
	after = __atomic_add_fetch(&page->_refcount.counter, 1,
				   __ATOMIC_RELAXED);
	fl_event(FL_EV_REF_GET, &page->_refcount, sizeof(page->_refcount),
		 (u32)after, "page");
}

bool get_page_unless_zero(struct page *page)
{
	fl_dirty(&page->_refcount, sizeof(page->_refcount));
	if (!atomic_inc_not_zero(&page->_refcount))
		return false;
	fl_event(FL_EV_REF_GET, &page->_refcount, sizeof(page->_refcount),
		 (u32)page_ref_count(page), "page");
	return true;
}

void put_page(struct page *page)
{
	if (put_page_testzero(page, FL_HERE))
		free_hot_page(page, FL_HERE);
}

void release_pages(struct page **pages, u32 nr)
{
	struct machine *machine = current_machine();
	const void *pc = FL_HERE;
	u32 i, last = 0;

	for (i = 0; i < nr; i++)
		if (put_page_testzero(pages[i], pc))
			pages[last++] = pages[i];
	if (!last)
		return;
	release_lru_pages(machine, pages, last);
	for (i = 0; i < last; i++)
		free_page_prepare(machine, pages[i], pc);
	push_free_pages(machine, pages, last);
}

bool page_ref_freeze(struct page *page, int count)
{
	fl_marked_access(&page->_refcount, sizeof(page->_refcount),
			 FL_ACCESS_WRITE | FL_ACCESS_RMW, FL_HERE);
	fl_dirty(&page->_refcount, sizeof(page->_refcount));
	return cmpxchg(&page->_refcount.counter, count, 0) == count;
}

void page_ref_unfreeze(struct page *page, int count)
{
	VM_BUG_ON_PAGE(page_ref_count(page) != 0, page);
	fl_dirty(&page->_refcount, sizeof(page->_refcount));
	smp_store_release(&page->_refcount.counter, count);
}

void free_hot_cold_page(struct page *page)
{
	VM_BUG_ON_PAGE(page_ref_count(page) != 0, page);
	free_hot_page(page, FL_HERE);
}

bool pfn_valid(kulong pfn)
{
	const struct machine *machine = current_machine();

	return pfn >= machine->ram_pfn &&
	       pfn - machine->ram_pfn < machine->ram_pages;
}

struct page *pfn_to_page(kulong pfn)
{
	struct machine *machine = current_machine();

	BUG_ON(!pfn_valid(pfn));
	return &machine->mem_map[pfn - machine->ram_pfn];
}

kulong page_to_pfn(const struct page *page)
{
	const struct machine *machine = current_machine();

	return machine->ram_pfn + (kulong)(page - machine->mem_map);
}

void *page_address(const struct page *page)
{
	return frame_of(current_machine(), page);
}

void *phys_to_virt(phys_addr_t phys)
{
	const struct machine *machine = current_machine();
	const phys_addr_t ram = (phys_addr_t)machine->ram_pfn << PAGE_SHIFT;

	if (phys >= ram &&
	    phys - ram < (phys_addr_t)machine->ram_pages << PAGE_SHIFT)
		return machine->ram + (phys - ram);
	if (machine->rom && phys >= machine->rom_phys &&
	    phys - machine->rom_phys < machine->rom_bytes)
		return machine->rom + (phys - machine->rom_phys);
	return NULL;
}

struct page *virt_to_page(const void *address)
{
	struct machine *machine = current_machine();
	const char *at = (const char *)address;

	BUG_ON(at < machine->ram ||
	       at >= machine->ram +
			     ((u64)machine->ram_pages << PAGE_SHIFT));
	return &machine->mem_map[(u64)(at - machine->ram) >> PAGE_SHIFT];
}
