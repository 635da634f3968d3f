// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does this vma map this page at this address?  mm/page_vma_mapped.c of 4.13:
 * page_vma_mapped_walk, map_pte, check_pte.
 *
 * The tables are gone through without a lock: the caller holds the rmap lock
 * by which it found the vma, and free_pgtables takes the vma out of the rmap
 * before it frees a table.  The entry itself is looked at once without its
 * lock, to spare most walks the lock, and then for good under it.
 *
 * Left out: huge pages, so the walk has one entry at most.
 */
#include "mm/rmap.h"
#include "mm/swapops.h"

extern "C" {

static bool not_found(struct page_vma_mapped_walk *pvmw)
{
	page_vma_mapped_walk_done(pvmw);
	return false;
}

/* False: it is plain without the lock that nothing is there. */
static bool map_pte(struct page_vma_mapped_walk *pvmw)
{
	pvmw->pte = pte_offset_map(pvmw->pmd, pvmw->address);
	if (!(pvmw->flags & PVMW_SYNC)) {
		const pte_t pte = fl_read_pte(pvmw->pte);

		if (pvmw->flags & PVMW_MIGRATION ? !is_swap_pte(pte)
						 : !pte_present(pte))
			return false;
	}
	pvmw->ptl = pte_lockptr(pvmw->pmd);
	spin_lock(pvmw->ptl);
	return true;
}

static bool check_pte(const struct page_vma_mapped_walk *pvmw)
{
	const pte_t pte = fl_read_pte(pvmw->pte);

	if (pvmw->flags & PVMW_MIGRATION) {
		if (!is_swap_pte(pte) ||
		    !is_migration_entry(pte_to_swp_entry(pte)))
			return false;
		return migration_entry_to_page(pte_to_swp_entry(pte)) ==
		       pvmw->page;
	}
	return pte_present(pte) && pte_pfn(pte) == page_to_pfn(pvmw->page);
}

bool page_vma_mapped_walk(struct page_vma_mapped_walk *pvmw)
{
	const struct mm_struct *mm = pvmw->vma->vm_mm;
	pgd_t *pgd;
	pud_t *pud;

	if (pvmw->pte)
		return not_found(pvmw);
	pgd = pgd_offset(mm, pvmw->address);
	if (pgd_none(pgd))
		return false;
	pud = pud_offset(pgd, pvmw->address);
	if (pud_none(pud))
		return false;
	pvmw->pmd = pmd_offset(pud, pvmw->address);
	if (pmd_none(pvmw->pmd))
		return false;
	if (!map_pte(pvmw) || !check_pte(pvmw))
		return not_found(pvmw);
	return true;
}

} /* extern "C" */
