// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking mappings away: the zapping third of mm/memory.c of 4.13.
 *
 *   tlb_gather_mmu, tlb_remove_page, tlb_remove_table, tlb_finish_mmu
 *   unmap_vmas, zap_page_range      unmap_single_vma, zap_{pmd,pte}_range
 *   unmap_mapping_range             unmap_mapping_range_tree,
 *                                   zap_page_range_single
 *   free_pgtables
 *
 * mmap_sem: write for unmap_vmas and free_pgtables (exit_mmap: nobody else is
 * left), read is enough for zap_page_range.  The pte lock is taken a table at
 * a time.  Pages are collected while it is held and lose their reference only
 * after the TLB flush, so nobody still writes to a page that is reused.
 *
 * unmap_mapping_range takes no mmap_sem: i_mmap_rwsem keeps the vmas in their
 * places and their tables from being freed.
 *
 * Left out: huge pages, swap entries proper, mmu notifiers, lazy mmu mode,
 * batches beyond the first (a full one is flushed in place, as when no page is
 * left for another).
 */
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/mm.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"
#include "mm/swapops.h"
#include "mm/sync/sched.h"
#include "mm/tlb.h"

extern "C" {

static void __tlb_reset_range(struct mmu_gather *tlb)
{
	tlb->start = ~(kulong)0;
	tlb->end = 0;
}

static void __tlb_adjust_range(struct mmu_gather *tlb, kulong addr,
			       kulong bytes)
{
	tlb->start = fl_min(tlb->start, addr);
	tlb->end = fl_max(tlb->end, addr + bytes);
}

void tlb_gather_mmu(struct mmu_gather *tlb, struct mm_struct *mm, kulong start,
		    kulong end)
{
	tlb->mm = mm;
	tlb->fullmm = !(start | (end + 1));
	tlb->nr = 0;
	__tlb_reset_range(tlb);
	inc_tlb_flush_pending(mm);
}

void tlb_remove_tlb_entry(struct mmu_gather *tlb, kulong addr)
{
	__tlb_adjust_range(tlb, addr, PAGE_SIZE);
}

static void tlb_flush_mmu_tlbonly(struct mmu_gather *tlb)
{
	if (!tlb->end)
		return;
	if (tlb->fullmm)
		flush_tlb_mm(tlb->mm);
	else
		flush_tlb_mm_range(tlb->mm, tlb->start, tlb->end, 0);
	__tlb_reset_range(tlb);
}

static void tlb_flush_mmu_free(struct mmu_gather *tlb)
{
	release_pages(tlb->pages, tlb->nr);
	tlb->nr = 0;
}

static void tlb_flush_mmu(struct mmu_gather *tlb)
{
#if FAULTLINE_PLANTED
	if (!fl_fixed(tlb->mm->machine, FL_FIX_PLANTED_FREE_AFTER_FLUSH))
		tlb_flush_mmu_free(tlb);
#endif
	tlb_flush_mmu_tlbonly(tlb);
	tlb_flush_mmu_free(tlb);
}

/* True when the batch is full now and must be flushed. */
static bool __tlb_remove_page(struct mmu_gather *tlb, struct page *page)
{
	tlb->pages[tlb->nr++] = page;
	return tlb->nr == ARRAY_SIZE(tlb->pages);
}

void tlb_remove_page(struct mmu_gather *tlb, struct page *page)
{
	if (__tlb_remove_page(tlb, page))
		tlb_flush_mmu(tlb);
}

/* A table may be in a walker's hands although no pte in it was ever set. */
void tlb_remove_table(struct mmu_gather *tlb, struct page *table, kulong addr)
{
	__tlb_adjust_range(tlb, addr, PAGE_SIZE);
	tlb_remove_page(tlb, table);
}

/*
 * Somebody else who holds mmap_sem for reading only may have cleared ptes of
 * this range and not flushed them yet.  This one found them empty; as what is
 * empty must be so for every processor when it returns, it flushes all.
 */
void tlb_finish_mmu(struct mmu_gather *tlb, kulong start, kulong end)
{
	if (mm_tlb_flush_nested(tlb->mm))
		__tlb_adjust_range(tlb, start, end - start);
	tlb_flush_mmu(tlb);
	dec_tlb_flush_pending(tlb->mm);
}

/* May this page be zapped?  Invalidation leaves private copies alone. */
static bool zap_wants_page(const struct zap_details *details, struct page *page)
{
	return !details || !page || !details->check_mapping ||
	       details->check_mapping == READ_ONCE(page->mapping);
}

static void zap_one_pte(struct mmu_gather *tlb, struct vm_area_struct *vma,
			kulong addr, pte_t *pte, pte_t ptent, klong *rss,
			bool *force_flush, const struct zap_details *details)
{
	struct page *page = vm_normal_page(vma, addr, ptent);

	if (!zap_wants_page(details, page))
		return;
	ptent = ptep_get_and_clear(pte);
	tlb_remove_tlb_entry(tlb, addr);
	if (unlikely(!page))
		return;
	if (!PageAnon(page) && pte_dirty(ptent)) {
		/* The flush comes before the pte lock is dropped: who cleans
		 * the page after it must not race with a stale TLB entry. */
		*force_flush = true;
		set_page_dirty(page);
	}
	rss[mm_counter(page)]--;
	page_remove_rmap(page);
	if (unlikely(page_mapcount(page) < 0))
		print_bad_pte(vma, addr, ptent);
	if (unlikely(__tlb_remove_page(tlb, page)))
		*force_flush = true;
}

/* A page on its way to another frame: who moves it will find nothing here. */
static void zap_swap_pte(struct vm_area_struct *vma, kulong addr, pte_t ptent,
			 klong *rss)
{
	const swp_entry_t entry = pte_to_swp_entry(ptent);

	if (is_migration_entry(entry))
		rss[mm_counter(migration_entry_to_page(entry))]--;
	else
		print_bad_pte(vma, addr, ptent);
}

static kulong zap_pte_range(struct mmu_gather *tlb, struct vm_area_struct *vma,
			    pmd_t *pmd, kulong addr, kulong end,
			    const struct zap_details *details)
{
	struct mm_struct *mm = tlb->mm;
	klong rss[NR_MM_COUNTERS];
	spinlock_t *ptl;
	pte_t *pte;
	bool force_flush;
	int i;

	do {
		for (i = 0; i < NR_MM_COUNTERS; i++)
			rss[i] = 0;
		force_flush = false;
		pte = pte_offset_map_lock(mm, pmd, addr, &ptl);
		flush_tlb_batched_pending(mm);
		do {
			const pte_t ptent = fl_read_pte(pte);

			if (pte_none(ptent))
				continue;
			if (unlikely(!pte_present(ptent))) {
				/* On its way to another frame: who asked for
				 * the page has its lock, or comes again. */
				if (unlikely(details))
					continue;
				zap_swap_pte(vma, addr, ptent, rss);
				set_pte(pte, pte_t{0});
				continue;
			}
			zap_one_pte(tlb, vma, addr, pte, ptent, rss,
				    &force_flush, details);
			if (unlikely(tlb->nr == ARRAY_SIZE(tlb->pages))) {
				addr += PAGE_SIZE;
				break;
			}
		} while (pte++, addr += PAGE_SIZE, addr != end);

		for (i = 0; i < NR_MM_COUNTERS; i++)
			if (rss[i])
				add_mm_counter(mm, i, rss[i]);
		if (force_flush)
			tlb_flush_mmu_tlbonly(tlb);
		spin_unlock(ptl);
		if (force_flush)
			tlb_flush_mmu_free(tlb);
	} while (force_flush && addr != end);
	return addr;
}

static void zap_pmd_range(struct mmu_gather *tlb, struct vm_area_struct *vma,
			  pud_t *pud, kulong addr, kulong end,
			  const struct zap_details *details)
{
	pmd_t *pmd = pmd_offset(pud, addr);
	kulong next;

	do {
		next = pmd_addr_end(addr, end);
		if (!pmd_none(pmd))
			next =
			    zap_pte_range(tlb, vma, pmd, addr, next, details);
		cond_resched();
	} while (pmd++, addr = next, addr != end);
}

static void zap_pud_range(struct mmu_gather *tlb, struct vm_area_struct *vma,
			  pgd_t *pgd, kulong addr, kulong end,
			  const struct zap_details *details)
{
	pud_t *pud = pud_offset(pgd, addr);
	kulong next;

	do {
		next = pud_addr_end(addr, end);
		if (!pud_none(pud))
			zap_pmd_range(tlb, vma, pud, addr, next, details);
	} while (pud++, addr = next, addr != end);
}

void unmap_page_range(struct mmu_gather *tlb, struct vm_area_struct *vma,
		      kulong addr, kulong end,
		      const struct zap_details *details)
{
	pgd_t *pgd;
	kulong next;

	BUG_ON(addr >= end);
	pgd = pgd_offset(vma->vm_mm, addr);
	do {
		next = pgd_addr_end(addr, end);
		if (!pgd_none(pgd))
			zap_pud_range(tlb, vma, pgd, addr, next, details);
	} while (pgd++, addr = next, addr != end);
}

static void unmap_single_vma(struct mmu_gather *tlb, struct vm_area_struct *vma,
			     kulong start_addr, kulong end_addr,
			     const struct zap_details *details)
{
	const kulong start = fl_max(vma->vm_start, start_addr);
	kulong end;

	if (start >= vma->vm_end)
		return;
	end = fl_min(vma->vm_end, end_addr);
	if (end <= vma->vm_start)
		return;
#ifdef CONFIG_X86_64
	if (unlikely(vma->vm_flags & VM_PFNMAP))
		untrack_pfn(vma, 0, 0);
#endif
	if (start != end)
		unmap_page_range(tlb, vma, start, end, details);
}

void unmap_vmas(struct mmu_gather *tlb, struct vm_area_struct *vma,
		kulong start, kulong end)
{
	for (; vma && vma->vm_start < end; vma = vma->vm_next)
		unmap_single_vma(tlb, vma, start, end, NULL);
}

void zap_page_range(struct vm_area_struct *vma, kulong start, kulong size)
{
	const kulong end = start + size;
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, vma->vm_mm, start, end);
	for (; vma && vma->vm_start < end; vma = vma->vm_next)
		unmap_single_vma(&tlb, vma, start, end, NULL);
	tlb_finish_mmu(&tlb, start, end);
}

/* ---- the mappings of a file ---- */

/* sem, or i_mmap_rwsem of the vma's file, held; [address, address + size) lies
 * in the vma. */
static void zap_page_range_single(struct vm_area_struct *vma, kulong address,
				  kulong size,
				  const struct zap_details *details)
{
	const kulong end = address + size;
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, vma->vm_mm, address, end);
	unmap_single_vma(&tlb, vma, address, end, details);
	tlb_finish_mmu(&tlb, address, end);
}

static void unmap_mapping_range_tree(struct rb_root *root,
				     const struct zap_details *details)
{
	struct vm_area_struct *vma;

	vma_interval_tree_foreach(vma, root, details->first_index,
				  details->last_index)
	{
		const pgoff_t vba = vma_start_pgoff(vma);
		const pgoff_t zba = fl_max(details->first_index, vba);
		const pgoff_t zea =
		    fl_min(details->last_index, vma_last_pgoff(vma));
		const kulong start =
		    ((zba - vba) << PAGE_SHIFT) + vma->vm_start;

		zap_page_range_single(vma, start, (zea - zba + 1) << PAGE_SHIFT,
				      details);
	}
}

void unmap_mapping_range(struct address_space *mapping, loff_t holebegin,
			 loff_t holelen, int even_cows)
{
	const u64 last = (u64)holebegin + (u64)holelen + PAGE_SIZE - 1;
	struct zap_details details;
	pgoff_t hlen = (pgoff_t)(((u64)holelen + PAGE_SIZE - 1) >> PAGE_SHIFT);

	details.first_index = (pgoff_t)((u64)holebegin >> PAGE_SHIFT);
	/* Beyond what a pgoff_t can count. */
	if ((last >> PAGE_SHIFT) & ~(u64) ~(pgoff_t)0)
		hlen = ~(pgoff_t)0 - details.first_index + 1;
	details.check_mapping = even_cows ? NULL : mapping;
	details.last_index = details.first_index + hlen - 1;
	if (details.last_index < details.first_index)
		details.last_index = ~(pgoff_t)0;

	i_mmap_lock_write(mapping);
	if (mapping->i_mmap.rb_node)
		unmap_mapping_range_tree(&mapping->i_mmap, &details);
	i_mmap_unlock_write(mapping);
}

/*
 * Takes each vma of the list out of the reverse maps before its tables go, so
 * that no rmap walk starts on tables that are being freed.  Vmas close to
 * each other go down in one call.
 */
void free_pgtables(struct mmu_gather *tlb, struct vm_area_struct *vma,
		   kulong floor, kulong ceiling)
{
	while (vma) {
		struct vm_area_struct *next = vma->vm_next;
		const kulong addr = vma->vm_start;

		unlink_anon_vmas(vma);
		unlink_file_vma(vma);
		while (next && next->vm_start <= vma->vm_end + PMD_SIZE) {
			vma = next;
			next = vma->vm_next;
			unlink_anon_vmas(vma);
			unlink_file_vma(vma);
		}
		free_pgd_range(tlb, addr, vma->vm_end, floor,
			       next ? next->vm_start : ceiling);
		vma = next;
	}
}

} /* extern "C" */
