// SPDX-License-Identifier: GPL-2.0-only
/*
 * Building and taking down page tables: the allocating half of mm/memory.c
 * and arch/{x86,arm}/mm/pgtable.c.
 *
 *   pgd_alloc, pgd_free          arch/x86/mm/pgtable.c, arch/arm/mm/pgd.c
 *   pud_alloc, pmd_alloc         __pud_alloc, __pmd_alloc
 *   __pte_alloc, pte_alloc_one, pte_free, pmd_populate
 *   pte_offset_map_lock          include/linux/mm.h
 *   free_pgd_range               and free_{pud,pmd,pte}_range
 *
 * A table is a frame of the page allocator, zeroed.  The one exception is
 * ARM's pgd of 8 KiB, an object of the cache "pgd", as frames come one by one.
 * A table is linked in under mm->page_table_lock after another look whether
 * somebody was faster, and counted there; it is taken out by free_pgd_range
 * with mmap_sem held for write (or nobody else left) and goes through the
 * mmu_gather, so that no processor walks it any more when it is reused.
 *
 * Left out: kernel half of the tables, p4d (folded), huge entries, the pgd
 * list, page-table caches of their own (quicklists), NUMA.
 */
#include "mm/pgtable.h"
#include "mm/fault.h"
#include "mm/mm.h"
#include "mm/sync/string.h"

extern "C" {

void pgtable_cache_init(struct machine *machine)
{
#ifdef CONFIG_ARM
	machine->pgd_cachep =
	    kmem_cache_create(machine, "pgd", PTRS_PER_PGD * sizeof(pgd_t));
#else
	(void)machine;
#endif
}

pgd_t *pgd_alloc(struct mm_struct *mm)
{
#ifdef CONFIG_ARM
	return (pgd_t *)kmem_cache_zalloc(mm->machine->pgd_cachep, GFP_KERNEL);
#else
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	(void)mm;
	return page ? (pgd_t *)page_address(page) : NULL;
#endif
}

void pgd_free(struct mm_struct *mm, pgd_t *pgd)
{
#ifdef CONFIG_ARM
	kmem_cache_free(mm->machine->pgd_cachep, pgd);
#else
	(void)mm;
	put_page(virt_to_page(pgd));
#endif
}

#if CONFIG_PGTABLE_LEVELS == 4
static kulong table_entry(struct page *table)
{
	return (page_to_pfn(table) << PAGE_SHIFT) | FL_TABLE_FLAGS;
}

static int __pud_alloc(struct mm_struct *mm, pgd_t *pgd)
{
	struct page *table = alloc_page(GFP_KERNEL | __GFP_ZERO);

	if (!table)
		return -ENOMEM;
	spin_lock(&mm->page_table_lock);
	if (pgd_none(pgd)) {
		atomic_long_inc(&mm->nr_puds);
		FL_ENTRY_WRITE(pgd->pgd, table_entry(table));
		table = NULL;
	}
	spin_unlock(&mm->page_table_lock);
	if (table)
		put_page(table);
	return 0;
}

static int __pmd_alloc(struct mm_struct *mm, pud_t *pud)
{
	struct page *table = alloc_page(GFP_KERNEL | __GFP_ZERO);

	if (!table)
		return -ENOMEM;
	spin_lock(&mm->page_table_lock);
	if (pud_none(pud)) {
		atomic_long_inc(&mm->nr_pmds);
		FL_ENTRY_WRITE(pud->pud, table_entry(table));
		table = NULL;
	}
	spin_unlock(&mm->page_table_lock);
	if (table)
		put_page(table);
	return 0;
}

pud_t *pud_alloc(struct mm_struct *mm, pgd_t *pgd, kulong addr)
{
	if (unlikely(pgd_none(pgd)) && __pud_alloc(mm, pgd))
		return NULL;
	return pud_offset(pgd, addr);
}

pmd_t *pmd_alloc(struct mm_struct *mm, pud_t *pud, kulong addr)
{
	if (unlikely(pud_none(pud)) && __pmd_alloc(mm, pud))
		return NULL;
	return pmd_offset(pud, addr);
}
#else
pud_t *pud_alloc(struct mm_struct *mm, pgd_t *pgd, kulong addr)
{
	(void)mm;
	return pud_offset(pgd, addr);
}

pmd_t *pmd_alloc(struct mm_struct *mm, pud_t *pud, kulong addr)
{
	(void)mm;
	return pmd_offset(pud, addr);
}
#endif

pgtable_t pte_alloc_one(struct mm_struct *mm, kulong addr)
{
	struct page *table = alloc_page(GFP_KERNEL | __GFP_ZERO);

	(void)mm;
	(void)addr;
	if (table)
		spin_lock_init_named(&table->ptl, "ptl");
	return table;
}

void pte_free(struct mm_struct *mm, pgtable_t pte)
{
	(void)mm;
	put_page(pte);
}

void pmd_populate(struct mm_struct *mm, pmd_t *pmd, pgtable_t pte)
{
	(void)mm;
	FL_ENTRY_WRITE(pmd->pmd,
		       (page_to_pfn(pte) << PAGE_SHIFT) | FL_TABLE_FLAGS);
}

int __pte_alloc(struct mm_struct *mm, pmd_t *pmd, kulong addr)
{
	spinlock_t *ptl;
	pgtable_t table = pte_alloc_one(mm, addr);

	if (!table)
		return -ENOMEM;
	ptl = pmd_lock_of(mm, pmd);
	spin_lock(ptl);
	if (likely(pmd_none(pmd))) {
		atomic_long_inc(&mm->nr_ptes);
		pmd_populate(mm, pmd, table);
		table = NULL;
	}
	spin_unlock(ptl);
	if (table)
		pte_free(mm, table);
	return 0;
}

pte_t *pte_offset_map_lock(struct mm_struct *mm, pmd_t *pmd, kulong addr,
			   spinlock_t **ptlp)
{
	/* One look at the entry serves both, as in the kernel's macro. */
	const kulong entry = FL_ENTRY_READ(pmd->pmd);
	spinlock_t *ptl = &pfn_to_page(FL_ENTRY_PFN(entry))->ptl;
	pte_t *pte = (pte_t *)fl_table_va(entry) + pte_index(addr);

	(void)mm;
	*ptlp = ptl;
	spin_lock(ptl);
	return pte;
}

static void free_pte_range(struct mmu_gather *tlb, pmd_t *pmd, kulong addr)
{
	struct page *table = pmd_page(pmd);

	FL_ENTRY_WRITE(pmd->pmd, (kulong)0);
	tlb_remove_table(tlb, table, addr);
	atomic_long_dec(&tlb->mm->nr_ptes);
}

/*
 * May the table that covers [start & mask, + size of one entry above) go,
 * once [start, end) is unmapped?  Only if no vma before floor or from ceiling
 * on needs it; a ceiling of 0 is the top of the address space.
 */
#if CONFIG_PGTABLE_LEVELS == 4
static bool table_unneeded(kulong start, kulong end, kulong floor,
			   kulong ceiling, kulong mask)
{
	start &= mask;
	if (start < floor)
		return false;
	if (ceiling) {
		ceiling &= mask;
		if (!ceiling)
			return false;
	}
	return end - 1 <= ceiling - 1;
}
#endif

static void free_pmd_range(struct mmu_gather *tlb, pud_t *pud, kulong addr,
			   kulong end, kulong floor, kulong ceiling)
{
	const kulong start = addr;
	pmd_t *pmd = pmd_offset(pud, addr);
	kulong next;

	do {
		next = pmd_addr_end(addr, end);
		if (!pmd_none(pmd))
			free_pte_range(tlb, pmd, addr);
	} while (pmd++, addr = next, addr != end);
#if CONFIG_PGTABLE_LEVELS == 4
	if (!table_unneeded(start, end, floor, ceiling, PUD_MASK))
		return;
	pmd = pmd_offset(pud, start);
	FL_ENTRY_WRITE(pud->pud, (kulong)0);
	tlb_remove_table(tlb,
			 virt_to_page((void *)((uintptr_t)pmd & PAGE_MASK)),
			 start);
	atomic_long_dec(&tlb->mm->nr_pmds);
#else
	(void)start;
	(void)floor;
	(void)ceiling;
#endif
}

static void free_pud_range(struct mmu_gather *tlb, pgd_t *pgd, kulong addr,
			   kulong end, kulong floor, kulong ceiling)
{
	const kulong start = addr;
	pud_t *pud = pud_offset(pgd, addr);
	kulong next;

	do {
		next = pud_addr_end(addr, end);
		if (!pud_none(pud))
			free_pmd_range(tlb, pud, addr, next, floor, ceiling);
	} while (pud++, addr = next, addr != end);
#if CONFIG_PGTABLE_LEVELS == 4
	if (!table_unneeded(start, end, floor, ceiling, PGDIR_MASK))
		return;
	pud = pud_offset(pgd, start);
	FL_ENTRY_WRITE(pgd->pgd, (kulong)0);
	tlb_remove_table(tlb,
			 virt_to_page((void *)((uintptr_t)pud & PAGE_MASK)),
			 start);
	atomic_long_dec(&tlb->mm->nr_puds);
#else
	(void)start;
#endif
}

/*
 * Frees the tables that [addr, end) used and no vma below floor or from
 * ceiling on uses.  Comparisons are made on "last byte" values because an
 * end or ceiling of 0 means the top of the address space.
 */
void free_pgd_range(struct mmu_gather *tlb, kulong addr, kulong end,
		    kulong floor, kulong ceiling)
{
	kulong next;
	pgd_t *pgd;

	addr &= PMD_MASK;
	if (addr < floor) {
		addr += PMD_SIZE;
		if (!addr)
			return;
	}
	if (ceiling) {
		ceiling &= PMD_MASK;
		if (!ceiling)
			return;
	}
	if (end - 1 > ceiling - 1)
		end -= PMD_SIZE;
	if (addr > end - 1)
		return;

	pgd = pgd_offset(tlb->mm, addr);
	do {
		next = pgd_addr_end(addr, end);
		if (!pgd_none(pgd))
			free_pud_range(tlb, pgd, addr, next, floor, ceiling);
	} while (pgd++, addr = next, addr != end);
}

} /* extern "C" */
