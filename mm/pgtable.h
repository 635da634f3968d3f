/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walking and building page tables (arch/x86/include/asm/pgtable.h,
 * pgalloc.h, arch/arm likewise).  Hardware and other CPUs look at entries
 * without a lock, so every access is marked.  A store publishes what the
 * entry points to (the kernel's smp_wmb before it), a load is ordered before
 * the use of what it found (the kernel has the data dependency for that).
 */
#ifndef FAULTLINE_MM_PGTABLE_H_
#define FAULTLINE_MM_PGTABLE_H_

#include "mm/mm_types.h"
#include "mm/sync/page.h"

FL_BEGIN_DECLS

#define FL_ENTRY_READ(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define FL_ENTRY_WRITE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)
#define FL_TABLE_FLAGS ((kulong)0x67) /* present, rw, user, accessed, dirty */
#define FL_ENTRY_PFN(v) ((kulong)(v) >> PAGE_SHIFT)

static inline void *fl_table_va(kulong entry)
{
	return phys_to_virt((phys_addr_t)(entry & PAGE_MASK));
}

static inline kulong pte_pfn(pte_t pte)
{
	return FL_ENTRY_PFN(pte.pte);
}
static inline pte_t pfn_pte(kulong pfn, pgprot_t prot)
{
	pte_t pte = { (pfn << PAGE_SHIFT) | prot.pgprot };
	return pte;
}
static inline pte_t mk_pte(struct page *page, pgprot_t prot)
{
	return pfn_pte(page_to_pfn(page), prot);
}
#define FL_PTE_TEST(name, bits)                  \
	static inline bool name(pte_t pte)       \
	{                                        \
		return (pte.pte & (bits)) != 0;  \
	}
#define FL_PTE_SET(name, set, clear)                                       \
	static inline pte_t name(pte_t pte)                                \
	{                                                                  \
		pte.pte = (pte.pte | (pteval_t)(set)) & ~(pteval_t)(clear); \
		return pte;                                                \
	}
FL_PTE_TEST(pte_present, _PAGE_PRESENT | _PAGE_PROTNONE)
FL_PTE_TEST(pte_write, _PAGE_RW)
FL_PTE_TEST(pte_exec, _PAGE_EXEC)
FL_PTE_TEST(pte_young, _PAGE_ACCESSED)
FL_PTE_TEST(pte_dirty, _PAGE_DIRTY)
FL_PTE_TEST(pte_user, _PAGE_USER)
FL_PTE_SET(pte_mkwrite, _PAGE_RW, 0)
FL_PTE_SET(pte_wrprotect, 0, _PAGE_RW)
FL_PTE_SET(pte_mkyoung, _PAGE_ACCESSED, 0)
FL_PTE_SET(pte_mkold, 0, _PAGE_ACCESSED)
FL_PTE_SET(pte_mkdirty, _PAGE_DIRTY, 0)
FL_PTE_SET(pte_mkclean, 0, _PAGE_DIRTY)
#if __HAVE_ARCH_PTE_SPECIAL
FL_PTE_TEST(pte_special, _PAGE_SPECIAL)
FL_PTE_SET(pte_mkspecial, _PAGE_SPECIAL, 0)
#else
static inline bool pte_special(pte_t pte)
{
	(void)pte;
	return false;
}
static inline pte_t pte_mkspecial(pte_t pte)
{
	return pte;
}
#endif
static inline bool pte_none(pte_t pte)
{
	return pte.pte == 0;
}
static inline bool pte_same(pte_t a, pte_t b)
{
	return a.pte == b.pte;
}
/* Keeps frame, accessed, dirty, special; takes the rest from prot. */
static inline pte_t pte_modify(pte_t pte, pgprot_t prot)
{
	const pteval_t keep = (pteval_t)PAGE_MASK | _PAGE_ACCESSED |
			      _PAGE_DIRTY |
			      (__HAVE_ARCH_PTE_SPECIAL ? _PAGE_SPECIAL : 0);
	pte.pte = (pte.pte & keep) | (prot.pgprot & ~keep);
	return pte;
}
static inline void set_pte(pte_t *ptep, pte_t pte)
{
	FL_ENTRY_WRITE(ptep->pte, pte.pte);
}
#define set_pte_at(mm, addr, ptep, pte) set_pte(ptep, pte)
static inline pte_t fl_read_pte(const pte_t *ptep)
{
	pte_t pte = { FL_ENTRY_READ(ptep->pte) };
	return pte;
}
/* Atomically, as a CPU may set the dirty bit meanwhile. */
static inline pte_t ptep_get_and_clear(pte_t *ptep)
{
	pte_t pte = { __atomic_exchange_n(&ptep->pte, (pteval_t)0,
					  __ATOMIC_SEQ_CST) };
	return pte;
}

#ifdef CONFIG_MMU

/* ---- descending.  *_offset do not check; *_none_or_clear_bad style tests
 * are pgd_none and so on.  ARM: pud and pmd are the pgd entry itself. ---- */
static inline kulong pgd_index(kulong addr)
{
	return (addr >> PGDIR_SHIFT) & (PTRS_PER_PGD - 1);
}
static inline kulong pte_index(kulong addr)
{
	return (addr >> PAGE_SHIFT) & (PTRS_PER_PTE - 1);
}
static inline pgd_t *pgd_offset(const struct mm_struct *mm, kulong addr)
{
	return mm->pgd + pgd_index(addr);
}
#if CONFIG_PGTABLE_LEVELS == 4
static inline bool pgd_none(const pgd_t *pgd)
{
	return FL_ENTRY_READ(pgd->pgd) == 0;
}
static inline bool pud_none(const pud_t *pud)
{
	return FL_ENTRY_READ(pud->pud) == 0;
}
static inline pud_t *pud_offset(const pgd_t *pgd, kulong addr)
{
	return (pud_t *)fl_table_va(FL_ENTRY_READ(pgd->pgd)) +
	       ((addr >> PUD_SHIFT) & (PTRS_PER_PUD - 1));
}
static inline pmd_t *pmd_offset(const pud_t *pud, kulong addr)
{
	return (pmd_t *)fl_table_va(FL_ENTRY_READ(pud->pud)) +
	       ((addr >> PMD_SHIFT) & (PTRS_PER_PMD - 1));
}
#else
static inline bool pgd_none(const pgd_t *pgd)
{
	(void)pgd;
	return false;
}
static inline bool pud_none(const pud_t *pud)
{
	(void)pud;
	return false;
}
static inline pud_t *pud_offset(pgd_t *pgd, kulong addr)
{
	(void)addr;
	return (pud_t *)(void *)pgd;
}
static inline pmd_t *pmd_offset(pud_t *pud, kulong addr)
{
	(void)addr;
	return (pmd_t *)(void *)pud;
}
#endif
static inline bool pmd_none(const pmd_t *pmd)
{
	return FL_ENTRY_READ(pmd->pmd) == 0;
}
static inline struct page *pmd_page(const pmd_t *pmd)
{
	return pfn_to_page(FL_ENTRY_PFN(FL_ENTRY_READ(pmd->pmd)));
}
static inline pte_t *pte_offset_map(const pmd_t *pmd, kulong addr)
{
	return (pte_t *)fl_table_va(FL_ENTRY_READ(pmd->pmd)) + pte_index(addr);
}
/* The lock of the pte page that *pmd points to (split ptlocks). */
static inline spinlock_t *pte_lockptr(const pmd_t *pmd)
{
	return &pmd_page(pmd)->ptl;
}
/* The lock of the entries of a pmd page: mm->page_table_lock. */
#define pmd_lock_of(mm, pmd) (&(mm)->page_table_lock)
/* Maps and locks; *ptlp is the lock to drop. */
pte_t *pte_offset_map_lock(struct mm_struct *mm, pmd_t *pmd, kulong addr,
			   spinlock_t **ptlp);
#define pte_unmap_unlock(pte, ptl) spin_unlock(ptl)
#define pte_unmap(pte) ((void)(pte))

static inline kulong fl_addr_end(kulong addr, kulong end, kulong size)
{
	kulong boundary = (addr + size) & ~(size - 1);

	return boundary - 1 < end - 1 ? boundary : end;
}
#define pgd_addr_end(addr, end) fl_addr_end(addr, end, PGDIR_SIZE)
#define pud_addr_end(addr, end) fl_addr_end(addr, end, PUD_SIZE)
#define pmd_addr_end(addr, end) fl_addr_end(addr, end, PMD_SIZE)

/* mm/pagewalk.cc: the first entry in [addr, end) that is not empty; or end. */
kulong next_pte(struct mm_struct *mm, kulong addr, kulong end, pte_t *pte);

/* ---- building (mm/pgtable.cc).  NULL: no memory. ---- */
pgd_t *pgd_alloc(struct mm_struct *mm);
void pgd_free(struct mm_struct *mm, pgd_t *pgd);
pud_t *pud_alloc(struct mm_struct *mm, pgd_t *pgd, kulong addr);
pmd_t *pmd_alloc(struct mm_struct *mm, pud_t *pud, kulong addr);
/* Allocates the pte page if *pmd has none; 0 or -ENOMEM. */
int __pte_alloc(struct mm_struct *mm, pmd_t *pmd, kulong addr);
pgtable_t pte_alloc_one(struct mm_struct *mm, kulong addr);
void pte_free(struct mm_struct *mm, pgtable_t pte);
void pmd_populate(struct mm_struct *mm, pmd_t *pmd, pgtable_t pte);
struct mmu_gather;
void free_pgd_range(struct mmu_gather *tlb, kulong addr, kulong end,
		    kulong floor, kulong ceiling);

#endif /* CONFIG_MMU */

FL_END_DECLS

#endif /* FAULTLINE_MM_PGTABLE_H_ */
