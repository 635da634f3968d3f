// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ptes and pages say about each other, beyond the checks of 4.13:
 *
 *   - a page's mapcount is the number of (vma, pte) that a walk over its
 *     reverse map finds, over all address spaces
 *   - it has a reference for each of them, and one for the cache
 *   - no migration entry is left when nobody migrates
 *
 * A reference more is no mistake: somebody has pinned the page.
 *
 * Locks: none are taken; nobody else runs.
 */
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/report_bad.h"
#include "mm/rmap.h"
#include "mm/swapops.h"

/* 1 if the vma maps the page where the page says that it should. */
static int maps_page(struct vm_area_struct *vma, struct page *page)
{
	const kulong addr =
	    vma->vm_start + ((page->index - vma->vm_pgoff) << PAGE_SHIFT);
	pte_t pte;

	if (addr < vma->vm_start || addr >= vma->vm_end)
		return 0;
	return next_pte(vma->vm_mm, addr, addr + PAGE_SIZE, &pte) == addr &&
	       pte_present(pte) && pte_pfn(pte) == page_to_pfn(page);
}

/* Walks are bounded by how many vmas and chains there are. */
static int count_rmap(struct page *page)
{
	struct machine *machine = current_machine();
	u64 bound = kmem_cache_objects(machine->vm_area_cachep) +
		    kmem_cache_objects(machine->anon_vma_chain_cachep) + 16;
	const pgoff_t pgoff = page->index;
	int found = 0;

	if (PageAnon(page)) {
		struct rb_root *root = &page_anon_vma(page)->rb_root;
		struct anon_vma_chain *avc =
		    anon_vma_interval_tree_iter_first(root, pgoff, pgoff);

		for (; avc && bound--;
		     avc = anon_vma_interval_tree_iter_next(avc, pgoff, pgoff))
			found += maps_page(avc->vma, page);
	} else {
		struct vm_area_struct *vma;

		vma_interval_tree_foreach(vma, &page->mapping->i_mmap, pgoff,
					  pgoff)
		{
			if (!bound--)
				break;
			found += maps_page(vma, page);
		}
	}
	return found;
}

static u32 check_page(struct vm_area_struct *vma, kulong addr,
		      struct page *page)
{
	const int cache = !PageAnon(page);
	u32 bad = 0;
	int found;

	/* Entered by a driver: in no cache, and no walk leads to it. */
	if (!page->mapping)
		return 0;
	found = count_rmap(page);
	if (page_mapcount(page) != found)
		REPORT_BAD(bad,
			   "vma %llx: page at %llx: mapcount %d, rmap finds %d",
			   KL(vma->vm_start), KL(addr), page_mapcount(page),
			   found);
	if (page_ref_count(page) < page_mapcount(page) + cache)
		REPORT_BAD(bad,
			   "vma %llx: page at %llx: refcount %d, mapcount %d",
			   KL(vma->vm_start), KL(addr), page_ref_count(page),
			   page_mapcount(page));
	return bad;
}

static u32 validate_pte(struct vm_area_struct *vma, kulong addr, pte_t pte)
{
	struct page *page;
	u32 bad = 0;

	if (!pte_present(pte)) {
		REPORT_BAD(bad, "vma %llx: entry at %llx is not a pte: %llx",
			   KL(vma->vm_start), KL(addr), KL(pte.pte));
		return bad;
	}
	/* What vm_normal_page would complain about was said at the fault. */
	if (pte_special(pte) || !pfn_valid(pte_pfn(pte)))
		return 0;
	page = vm_normal_page(vma, addr, pte);
	return page ? check_page(vma, addr, page) : 0;
}

u32 validate_pages(struct mm_struct *mm)
{
	struct vm_area_struct *vma = mm->mmap;
	u32 bad = 0;

	for (int i = 0; vma && i < mm->map_count + 16; i++) {
		kulong addr = vma->vm_start;
		pte_t pte;

		while ((addr = next_pte(mm, addr, vma->vm_end, &pte)) <
		       vma->vm_end) {
			bad += validate_pte(vma, addr, pte);
			addr += PAGE_SIZE;
		}
		vma = vma->vm_next;
	}
	return bad;
}
