// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of a parent in its child: the quarter of mm/memory.c of 4.13 that
 * fork runs.
 *
 *   copy_page_range        copy_{pud,pmd,pte}_range, copy_one_pte
 *   page_dup_rmap          include/linux/mm.h
 *
 * Both mmap_sems are held for writing.  The destination's pte lock is taken
 * first, the source's inside it; nobody else knows the destination yet, so no
 * other order can meet this one.
 *
 * A vma without anon_vma that is no device mapping is not copied: faults will
 * fill the child's tables.  What may be copied on write loses the write bit
 * on both sides, and the parent's processors must be told afterwards
 * (dup_mmap flushes).
 *
 * Left out: swap entries proper, huge pages, mmu notifiers, p4d (folded),
 * the break every 32 entries when somebody waits for one of the locks.
 */
#include "mm/fault.h"
#include "mm/mm.h"
#include "mm/pgtable.h"
#include "mm/swapops.h"

extern "C" {

static inline void page_dup_rmap(struct page *page)
{
	atomic_inc(&page->_mapcount);
}

/* Atomically, as a processor may set accessed or dirty meanwhile. */
static inline void ptep_set_wrprotect(pte_t *ptep)
{
	__atomic_fetch_and(&ptep->pte, ~(pteval_t)_PAGE_RW, __ATOMIC_SEQ_CST);
}

/* A page on its way to another frame: the child waits for it as well. */
static pte_t copy_migration_entry(pte_t *src_pte, pte_t pte, kulong vm_flags,
				  klong *rss)
{
	swp_entry_t entry = pte_to_swp_entry(pte);

	if (!is_migration_entry(entry))
		return pte;
	rss[mm_counter(migration_entry_to_page(entry))]++;
	if (is_write_migration_entry(entry) && is_cow_mapping(vm_flags)) {
		make_migration_entry_read(&entry);
		pte = swp_entry_to_pte(entry);
		set_pte(src_pte, pte);
	}
	return pte;
}

static void copy_one_pte(struct mm_struct *dst_mm, pte_t *dst_pte,
			 pte_t *src_pte, struct vm_area_struct *vma,
			 kulong addr, klong *rss)
{
	const kulong vm_flags = vma->vm_flags;
	pte_t pte = fl_read_pte(src_pte);
	struct page *page;

	if (unlikely(!pte_present(pte))) {
		pte = copy_migration_entry(src_pte, pte, vm_flags, rss);
		set_pte_at(dst_mm, addr, dst_pte, pte);
		return;
	}

	if (is_cow_mapping(vm_flags)) {
		ptep_set_wrprotect(src_pte);
		pte = pte_wrprotect(pte);
	}
	/* The child has not written to it yet. */
	if (vm_flags & VM_SHARED)
		pte = pte_mkclean(pte);
	pte = pte_mkold(pte);

	page = vm_normal_page(vma, addr, pte);
	if (page) {
		get_page(page);
		page_dup_rmap(page);
		rss[mm_counter(page)]++;
	}
	set_pte_at(dst_mm, addr, dst_pte, pte);
}

static int copy_pte_range(struct mm_struct *dst_mm, struct mm_struct *src_mm,
			  pmd_t *dst_pmd, pmd_t *src_pmd,
			  struct vm_area_struct *vma, kulong addr, kulong end)
{
	spinlock_t *src_ptl, *dst_ptl;
	klong rss[NR_MM_COUNTERS];
	pte_t *src_pte, *dst_pte;
	int i;

	(void)src_mm;
	for (i = 0; i < NR_MM_COUNTERS; i++)
		rss[i] = 0;
	if (unlikely(pmd_none(dst_pmd)) && __pte_alloc(dst_mm, dst_pmd, addr))
		return -ENOMEM;
	dst_pte = pte_offset_map_lock(dst_mm, dst_pmd, addr, &dst_ptl);
	src_pte = pte_offset_map(src_pmd, addr);
	src_ptl = pte_lockptr(src_pmd);
	spin_lock_nested(src_ptl, SINGLE_DEPTH_NESTING);
	do {
		if (!pte_none(fl_read_pte(src_pte)))
			copy_one_pte(dst_mm, dst_pte, src_pte, vma, addr, rss);
	} while (dst_pte++, src_pte++, addr += PAGE_SIZE, addr != end);
	spin_unlock(src_ptl);
	for (i = 0; i < NR_MM_COUNTERS; i++)
		if (rss[i])
			add_mm_counter(dst_mm, i, rss[i]);
	pte_unmap_unlock(dst_pte, dst_ptl);
	cond_resched();
	return 0;
}

static int copy_pmd_range(struct mm_struct *dst_mm, struct mm_struct *src_mm,
			  pud_t *dst_pud, pud_t *src_pud,
			  struct vm_area_struct *vma, kulong addr, kulong end)
{
	pmd_t *dst_pmd = pmd_alloc(dst_mm, dst_pud, addr);
	pmd_t *src_pmd = pmd_offset(src_pud, addr);
	kulong next;

	if (!dst_pmd)
		return -ENOMEM;
	do {
		next = pmd_addr_end(addr, end);
		if (!pmd_none(src_pmd) &&
		    copy_pte_range(dst_mm, src_mm, dst_pmd, src_pmd, vma, addr,
				   next))
			return -ENOMEM;
	} while (dst_pmd++, src_pmd++, addr = next, addr != end);
	return 0;
}

static int copy_pud_range(struct mm_struct *dst_mm, struct mm_struct *src_mm,
			  pgd_t *dst_pgd, pgd_t *src_pgd,
			  struct vm_area_struct *vma, kulong addr, kulong end)
{
	pud_t *dst_pud = pud_alloc(dst_mm, dst_pgd, addr);
	pud_t *src_pud = pud_offset(src_pgd, addr);
	kulong next;

	if (!dst_pud)
		return -ENOMEM;
	do {
		next = pud_addr_end(addr, end);
		if (!pud_none(src_pud) &&
		    copy_pmd_range(dst_mm, src_mm, dst_pud, src_pud, vma, addr,
				   next))
			return -ENOMEM;
	} while (dst_pud++, src_pud++, addr = next, addr != end);
	return 0;
}

/*
 * 0, -ENOMEM, or -EINVAL when the memory type of a device mapping could not
 * be had again (x86); what was copied so far stays, the child's exit_mmap
 * takes it away.
 *
 * FL_FIX_PAT_FORK: exit_mmap frees the memory type by the child's first pte.
 * 4.13 leaves it to that even where there is no such pte: a warning, and the
 * range stays reserved.  Fixed, the range goes back at once.
 */
int copy_page_range(struct mm_struct *dst_mm, struct mm_struct *src_mm,
		    struct vm_area_struct *dst_vma, struct vm_area_struct *vma)
{
	const bool pat_fixed = fl_fixed(dst_mm->machine, FL_FIX_PAT_FORK);
	kulong addr = vma->vm_start, next;
	const kulong end = vma->vm_end;
	pgd_t *src_pgd, *dst_pgd;

	if (!(vma->vm_flags & (VM_HUGETLB | VM_PFNMAP | VM_MIXEDMAP)) &&
	    !vma->anon_vma)
		return 0;

	if (unlikely(vma->vm_flags & VM_PFNMAP)) {
		int ret = track_pfn_copy(vma);

		if (ret) {
			if (pat_fixed)
				dst_vma->vm_flags &= ~(kulong)VM_PAT;
			return ret;
		}
	}

	dst_pgd = pgd_offset(dst_mm, addr);
	src_pgd = pgd_offset(src_mm, addr);
	do {
		next = pgd_addr_end(addr, end);
		if (!pgd_none(src_pgd) &&
		    copy_pud_range(dst_mm, src_mm, dst_pgd, src_pgd, vma, addr,
				   next)) {
			if (pat_fixed && (vma->vm_flags & VM_PFNMAP))
				untrack_pfn_copy(dst_vma, vma);
			return -ENOMEM;
		}
	} while (dst_pgd++, src_pgd++, addr = next, addr != end);
	return 0;
}

} /* extern "C" */
