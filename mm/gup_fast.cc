// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting hold of user pages without a lock (the generic fast GUP of mm/gup.c
 * of 4.13, which x86 uses since that release).
 *
 *   __get_user_pages_fast      gup_{pud,pmd,pte}_range
 *   get_user_pages_fast
 *
 * Interrupts are off in 4.13 while the tables are walked, so that nobody who
 * wants to free one of them gets an answer to his TLB flush.  Here the walker
 * is marked as a processor in the middle of an access (user_walk_begin), and a
 * flush waits for it.  A page is referenced only if its count is not
 * zero, and only if its entry is still the same afterwards.
 *
 * A frame that is special, or an entry that does not permit the access, ends
 * the walk; the rest is left to the slow path.  Where a pte cannot say
 * "special" nothing is ever found here: classic ARM has no fast GUP (there
 * mm/util.c has the fallback).
 *
 * Left out: huge pages, device pagemaps, protection keys.
 */
#include "mm/fault.h"
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/mm.h"
#include "mm/pgtable.h"
#include "mm/sync/sched.h"

extern "C" {

#if __HAVE_ARCH_PTE_SPECIAL
static bool pte_access_permitted(pte_t pte, int write)
{
	const pteval_t need =
	    _PAGE_PRESENT | _PAGE_USER | (write ? _PAGE_RW : 0);

	return (pte.pte & need) == need;
}

/* Entries are passed by value: each is read once. */
static bool gup_pte_range(pmd_t pmd, kulong addr, kulong end, int write,
			  struct page **pages, int *nr)
{
	pte_t *ptep = pte_offset_map(&pmd, addr);

	do {
		const pte_t pte = fl_read_pte(ptep);
		struct page *page;

		if (!pte_access_permitted(pte, write))
			return false;
		if (pte_special(pte))
			return false;
		VM_BUG_ON(!pfn_valid(pte_pfn(pte)));
		page = pfn_to_page(pte_pfn(pte));
		if (!get_page_unless_zero(page))
			return false;
		if (unlikely(!pte_same(pte, fl_read_pte(ptep)))) {
			put_page(page);
			return false;
		}
		SetPageReferenced(page);
		pages[(*nr)++] = page;
	} while (ptep++, addr += PAGE_SIZE, addr != end);
	return true;
}
#else
static bool gup_pte_range(pmd_t pmd, kulong addr, kulong end, int write,
			  struct page **pages, int *nr)
{
	(void)pmd;
	(void)addr;
	(void)end;
	(void)write;
	(void)pages;
	(void)nr;
	return false;
}
#endif

static bool gup_pmd_range(pud_t pud, kulong addr, kulong end, int write,
			  struct page **pages, int *nr)
{
	pmd_t *pmdp = pmd_offset(&pud, addr);
	kulong next;

	do {
		const pmd_t pmd = {FL_ENTRY_READ(pmdp->pmd)};

		next = pmd_addr_end(addr, end);
		if (pmd_none(&pmd))
			return false;
		if (!gup_pte_range(pmd, addr, next, write, pages, nr))
			return false;
	} while (pmdp++, addr = next, addr != end);
	return true;
}

static bool gup_pud_range(pgd_t pgd, kulong addr, kulong end, int write,
			  struct page **pages, int *nr)
{
	pud_t *pudp = pud_offset(&pgd, addr);
	kulong next;

	do {
		const pud_t pud = {FL_ENTRY_READ(pudp->pud)};

		next = pud_addr_end(addr, end);
		if (pud_none(&pud))
			return false;
		if (!gup_pmd_range(pud, addr, next, write, pages, nr))
			return false;
	} while (pudp++, addr = next, addr != end);
	return true;
}

int __get_user_pages_fast(kulong start, int nr_pages, int write,
			  struct page **pages)
{
	struct task_struct *task = current;
	const kulong len = (kulong)nr_pages << PAGE_SHIFT;
	kulong addr, end, next;
	pgd_t *pgdp;
	int nr = 0;

	start &= PAGE_MASK;
	addr = start;
	end = start + len;
	if (unlikely(!len || len > TASK_SIZE || start > TASK_SIZE - len))
		return 0;

	user_walk_begin(task);
	pgdp = pgd_offset(task->mm, addr);
	do {
		const pgd_t pgd = {FL_ENTRY_READ(pgdp->pgd)};

		next = pgd_addr_end(addr, end);
		if (pgd_none(&pgd))
			break;
		if (!gup_pud_range(pgd, addr, next, write, pages, &nr))
			break;
	} while (pgdp++, addr = next, addr != end);
	user_walk_end(task);
	return nr;
}

int get_user_pages_fast(kulong start, int nr_pages, int write,
			struct page **pages)
{
	int nr = 0, ret = 0;

	start &= PAGE_MASK;
	if (start + ((kulong)nr_pages << PAGE_SHIFT) >= start) {
		nr = __get_user_pages_fast(start, nr_pages, write, pages);
		ret = nr;
	}
	if (nr < nr_pages) {
		ret = (int)get_user_pages_unlocked(
		    start + ((kulong)nr << PAGE_SHIFT), (kulong)(nr_pages - nr),
		    pages + nr, write ? FOLL_WRITE : 0);
		/* Those of the fast walk are done, whatever came later. */
		if (nr > 0)
			ret = ret < 0 ? nr : ret + nr;
	}
	return ret;
}

} /* extern "C" */
