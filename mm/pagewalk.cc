// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stepping through the entries that are there, in place of the callbacks of
 * mm/pagewalk.c of 4.13: next_pte.
 *
 * Locks: mmap_sem, and whatever the caller needs to make use of an entry; the
 * tables are read as a processor reads them.
 */
#include "mm/internal.h"
#include "mm/pgtable.h"

extern "C" {

/*
 * The lowest address in [addr, end) whose entry is not empty, with the entry
 * in *pte; or end.  Both page aligned.  Missing tables are stepped over whole.
 */
kulong next_pte(struct mm_struct *mm, kulong addr, kulong end, pte_t *pte)
{
	while (addr < end) {
		pgd_t *pgd = pgd_offset(mm, addr);
		pud_t *pud;
		pmd_t *pmd;
		pte_t *ptep;
		kulong next;

		if (pgd_none(pgd)) {
			addr = pgd_addr_end(addr, end);
			continue;
		}
		pud = pud_offset(pgd, addr);
		if (pud_none(pud)) {
			addr = pud_addr_end(addr, end);
			continue;
		}
		pmd = pmd_offset(pud, addr);
		next = pmd_addr_end(addr, end);
		if (pmd_none(pmd)) {
			addr = next;
			continue;
		}
		ptep = pte_offset_map(pmd, addr);
		do {
			*pte = fl_read_pte(ptep);
			if (!pte_none(*pte))
				return addr;
		} while (ptep++, addr += PAGE_SIZE, addr != next);
	}
	return end;
}

} /* extern "C" */
