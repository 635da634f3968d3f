/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries of a page table that are neither empty nor present
 * (include/linux/swapops.h).  There is no swap device, so the only ones are
 * migration entries: a page that is on the way to another frame, and whether
 * it could be written.  Who finds one waits for the page's lock.
 *
 * In the model's layout: one bit that no present pte has, _PAGE_RW for "may
 * be written", and the frame number where a pte has it.
 */
#ifndef FAULTLINE_MM_SWAPOPS_H_
#define FAULTLINE_MM_SWAPOPS_H_

#include "mm/pgtable.h"
#include "mm/sync/bug.h"

FL_BEGIN_DECLS

#define _PAGE_SWP_MIGRATION 0x010

typedef struct {
	pteval_t val;
} swp_entry_t;

static inline bool is_swap_pte(pte_t pte)
{
	return !pte_none(pte) && !pte_present(pte);
}
static inline swp_entry_t pte_to_swp_entry(pte_t pte)
{
	swp_entry_t entry = { pte.pte };
	return entry;
}
static inline pte_t swp_entry_to_pte(swp_entry_t entry)
{
	pte_t pte = { entry.val };
	return pte;
}
static inline swp_entry_t make_migration_entry(struct page *page, bool write)
{
	swp_entry_t entry = { (pteval_t)(page_to_pfn(page) << PAGE_SHIFT) |
			      _PAGE_SWP_MIGRATION |
			      (write ? _PAGE_RW : 0) };
	return entry;
}
static inline bool is_migration_entry(swp_entry_t entry)
{
	return (entry.val & (_PAGE_SWP_MIGRATION | _PAGE_PRESENT |
			     _PAGE_PROTNONE)) == _PAGE_SWP_MIGRATION;
}
static inline bool is_write_migration_entry(swp_entry_t entry)
{
	return is_migration_entry(entry) && (entry.val & _PAGE_RW);
}
/* The page is locked as long as such an entry exists. */
static inline struct page *migration_entry_to_page(swp_entry_t entry)
{
	struct page *page = pfn_to_page(FL_ENTRY_PFN(entry.val));

	BUG_ON(!PageLocked(page));
	return page;
}
static inline void make_migration_entry_read(swp_entry_t *entry)
{
	entry->val &= ~(pteval_t)_PAGE_RW;
}

FL_END_DECLS

#endif /* FAULTLINE_MM_SWAPOPS_H_ */
