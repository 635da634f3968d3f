// SPDX-License-Identifier: GPL-2.0-only
//
// The list of pages that reclaim and compaction look through (mm/swap.c,
// mm/vmscan.c): lru_cache_add, isolate_lru_page, putback_lru_page,
// __page_cache_release, the part of release_pages that concerns the list, and
// isolate_lru_pages for one page.
//
// A page is on the list iff PG_lru is set.  The list holds no reference: who
// takes a page off to work on it takes one first, and a page whose count has
// fallen to zero leaves the list on its way to the allocator.
//
// One list a machine, oldest first, where 4.13 has five for each node: active
// and inactive for anonymous and file pages, and the unevictable.  Pages are
// entered at once, not by way of per-CPU vectors, which in 4.13 hold a
// reference for a while.  Locks: machine->lru_lock, raw; no task is switched
// inside, so the list adds no scheduling points of its own.

#include "mm/sync/internal.h"
#include "mm/sync/page.h"

namespace {

void dirty_neighbours(const struct list_head *item)
{
	fl_dirty(item, sizeof(*item));
	fl_dirty(item->next, sizeof(*item));
	fl_dirty(item->prev, sizeof(*item));
}

void set_nr_lru(struct machine *machine, u64 nr)
{
	fl_dirty(&machine->nr_lru, sizeof(machine->nr_lru));
	machine->nr_lru = nr;
}

// lru_lock held; PG_lru is set.
void del_page_from_lru_list(struct machine *machine, struct page *page)
{
	dirty_neighbours(&page->lru);
	fl_dirty(&page->flags, sizeof(page->flags));
	ClearPageLRU(page);
	list_del_init(&page->lru);
	set_nr_lru(machine, machine->nr_lru - 1);
}

// lru_lock held.  False: the page is being freed.
bool take_reference(struct page *page)
{
	fl_dirty(&page->_refcount, sizeof(page->_refcount));
	return atomic_inc_not_zero(&page->_refcount);
}

void announce_reference(struct page *page)
{
	fl_event(FL_EV_REF_GET, &page->_refcount, sizeof(page->_refcount),
		 (u32)page_ref_count(page), "page");
}

} // namespace

void lru_cache_add(struct page *page)
{
	struct machine *machine = current_machine();

	raw_spin_lock(&machine->lru_lock);
	VM_BUG_ON_PAGE(PageLRU(page), page);
	fl_dirty(&page->flags, sizeof(page->flags));
	SetPageLRU(page);
	fl_dirty(&page->lru, sizeof(page->lru));
	fl_dirty(machine->lru.prev, sizeof(machine->lru));
	fl_dirty(&machine->lru, sizeof(machine->lru));
	list_add_tail(&page->lru, &machine->lru);
	set_nr_lru(machine, machine->nr_lru + 1);
	raw_spin_unlock(&machine->lru_lock);
}

bool isolate_lru_page(struct page *page)
{
	struct machine *machine = current_machine();
	bool taken = false;

	raw_spin_lock(&machine->lru_lock);
	if (PageLRU(page) && take_reference(page)) {
		del_page_from_lru_list(machine, page);
		taken = true;
	}
	raw_spin_unlock(&machine->lru_lock);
	if (taken)
		announce_reference(page);
	return taken;
}

struct page *isolate_oldest_lru_page(void)
{
	struct machine *machine = current_machine();
	struct page *page, *found = NULL;

	raw_spin_lock(&machine->lru_lock);
	list_for_each_entry(page, &machine->lru, struct page, lru)
	{
		if (take_reference(page)) {
			found = page;
			break;
		}
	}
	if (found)
		del_page_from_lru_list(machine, found);
	raw_spin_unlock(&machine->lru_lock);
	if (found)
		announce_reference(found);
	return found;
}

void putback_lru_page(struct page *page)
{
	lru_cache_add(page);
	put_page(page);
}

void release_lru_pages(struct machine *machine, struct page **pages, u32 nr)
{
	u32 i;

	raw_spin_lock(&machine->lru_lock);
	for (i = 0; i < nr; i++)
		if (PageLRU(pages[i]))
			del_page_from_lru_list(machine, pages[i]);
	raw_spin_unlock(&machine->lru_lock);
}

void __page_cache_release(struct page *page)
{
	struct machine *machine = current_machine();

	if (!PageLRU(page))
		return;
	raw_spin_lock(&machine->lru_lock);
	del_page_from_lru_list(machine, page);
	raw_spin_unlock(&machine->lru_lock);
}
