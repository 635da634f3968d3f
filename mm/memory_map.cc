// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device frames in user mappings: the third of mm/memory.c of 4.13 that
 * drivers call.
 *
 *   vm_normal_page, print_bad_pte
 *   remap_pfn_range                 remap_{pud,pmd,pte}_range
 *   vm_insert_mixed                 insert_page, insert_pfn
 *   follow_pfn                      __follow_pte_pmd
 *   get_locked_pte
 *
 * mmap_sem: write for remap_pfn_range (it writes vm_flags and vm_pgoff), read
 * is enough for the others; vm_normal_page is called with the pte lock held.
 *
 * Left out: vm_insert_page and vm_insert_pfn (cramfs calls neither), memory
 * types of vm_insert_mixed (track_pfn_insert only looks one up), devmap and
 * huge entries, the rate limit of "Bad page map".
 */
#include "mm/fault.h"
#include "mm/mm.h"
#include "mm/pgtable.h"

extern "C" {

void print_bad_pte(struct vm_area_struct *vma, kulong addr, pte_t pte)
{
	pr_err("BUG: Bad page map in process %s  pte:%08llx", current->comm,
	       (u64)pte.pte);
	pr_err("addr:%llx vm_flags:%08llx anon_vma:%p mapping:%p index:%llx",
	       (u64)addr, (u64)vma->vm_flags, vma->anon_vma,
	       vma->vm_file ? vma->vm_file->f_mapping : NULL,
	       (u64)linear_page_index(vma, addr));
	fl_warn(FL_REPORT_BAD, __FILE__, __LINE__, __func__,
		"BUG: Bad page map in process");
}

/*
 * The page that a pte of this vma counts, or NULL when it counts none.  A
 * pte that can say so itself says so.  Elsewhere the vma must tell: MIXEDMAP
 * counts whatever has a struct page; in PFNMAP the frame that lies at its
 * linear place from vm_pgoff is the device's, another one was put there by
 * copy-on-write.
 */
struct page *vm_normal_page(struct vm_area_struct *vma, kulong addr, pte_t pte)
{
	const kulong pfn = pte_pfn(pte);

	if (__HAVE_ARCH_PTE_SPECIAL) {
		if (likely(!pte_special(pte)))
			goto check_pfn;
		if (vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP))
			return NULL;
		if (!is_zero_pfn(vma->vm_mm, pfn))
			print_bad_pte(vma, addr, pte);
		return NULL;
	}

	if (unlikely(vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP))) {
		if (vma->vm_flags & VM_MIXEDMAP)
			return pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
		if (pfn ==
		    vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT))
			return NULL;
		if (!is_cow_mapping(vma->vm_flags))
			return NULL;
	}
	if (is_zero_pfn(vma->vm_mm, pfn))
		return NULL;
check_pfn:
	if (unlikely(!pfn_valid(pfn))) {
		print_bad_pte(vma, addr, pte);
		return NULL;
	}
	return pfn_to_page(pfn);
}

static pte_t *pte_alloc_map_lock(struct mm_struct *mm, pmd_t *pmd, kulong addr,
				 spinlock_t **ptl)
{
	if (unlikely(pmd_none(pmd)) && __pte_alloc(mm, pmd, addr))
		return NULL;
	return pte_offset_map_lock(mm, pmd, addr, ptl);
}

pte_t *get_locked_pte(struct mm_struct *mm, kulong addr, spinlock_t **ptl)
{
	pud_t *pud = pud_alloc(mm, pgd_offset(mm, addr), addr);
	pmd_t *pmd;

	if (!pud)
		return NULL;
	pmd = pmd_alloc(mm, pud, addr);
	if (!pmd)
		return NULL;
	return pte_alloc_map_lock(mm, pmd, addr, ptl);
}

static int insert_page(struct vm_area_struct *vma, kulong addr,
		       struct page *page, pgprot_t prot)
{
	struct mm_struct *mm = vma->vm_mm;
	int ret = -EBUSY;
	spinlock_t *ptl;
	pte_t *pte;

	if (PageAnon(page))
		return -EINVAL;
	pte = get_locked_pte(mm, addr, &ptl);
	if (!pte)
		return -ENOMEM;
	if (pte_none(fl_read_pte(pte))) {
		get_page(page);
		add_mm_counter(mm, mm_counter_file(page), 1);
		page_add_file_rmap(page);
		set_pte_at(mm, addr, pte, mk_pte(page, prot));
		ret = 0;
	}
	pte_unmap_unlock(pte, ptl);
	return ret;
}

static int insert_pfn(struct vm_area_struct *vma, kulong addr, kulong pfn,
		      pgprot_t prot)
{
	struct mm_struct *mm = vma->vm_mm;
	int ret = -EBUSY;
	spinlock_t *ptl;
	pte_t *pte = get_locked_pte(mm, addr, &ptl);

	if (!pte)
		return -ENOMEM;
	if (pte_none(fl_read_pte(pte))) {
		set_pte_at(mm, addr, pte, pte_mkspecial(pfn_pte(pfn, prot)));
		ret = 0;
	}
	pte_unmap_unlock(pte, ptl);
	return ret;
}

/*
 * Where a pte cannot say "special", MIXEDMAP tells the two kinds of frame
 * apart by pfn_valid, so a frame with a struct page has to be counted.
 */
int vm_insert_mixed(struct vm_area_struct *vma, kulong addr, kulong pfn)
{
	const pgprot_t prot = vma->vm_page_prot;

	BUG_ON(!(vma->vm_flags & VM_MIXEDMAP));
	if (addr < vma->vm_start || addr >= vma->vm_end)
		return -EFAULT;
	if (!__HAVE_ARCH_PTE_SPECIAL && pfn_valid(pfn))
		return insert_page(vma, addr, pfn_to_page(pfn), prot);
	return insert_pfn(vma, addr, pfn, prot);
}

static int remap_pte_range(struct mm_struct *mm, pmd_t *pmd, kulong addr,
			   kulong end, kulong pfn, pgprot_t prot)
{
	spinlock_t *ptl;
	pte_t *pte = pte_alloc_map_lock(mm, pmd, addr, &ptl);

	if (!pte)
		return -ENOMEM;
	do {
		BUG_ON(!pte_none(fl_read_pte(pte)));
		set_pte_at(mm, addr, pte, pte_mkspecial(pfn_pte(pfn, prot)));
		pfn++;
	} while (pte++, addr += PAGE_SIZE, addr != end);
	spin_unlock(ptl);
	return 0;
}

static int remap_pmd_range(struct mm_struct *mm, pud_t *pud, kulong addr,
			   kulong end, kulong pfn, pgprot_t prot)
{
	pmd_t *pmd = pmd_alloc(mm, pud, addr);
	kulong next;

	pfn -= addr >> PAGE_SHIFT;
	if (!pmd)
		return -ENOMEM;
	do {
		next = pmd_addr_end(addr, end);
		if (remap_pte_range(mm, pmd, addr, next,
				    pfn + (addr >> PAGE_SHIFT), prot))
			return -ENOMEM;
	} while (pmd++, addr = next, addr != end);
	return 0;
}

static int remap_pud_range(struct mm_struct *mm, pgd_t *pgd, kulong addr,
			   kulong end, kulong pfn, pgprot_t prot)
{
	pud_t *pud = pud_alloc(mm, pgd, addr);
	kulong next;

	pfn -= addr >> PAGE_SHIFT;
	if (!pud)
		return -ENOMEM;
	do {
		next = pud_addr_end(addr, end);
		if (remap_pmd_range(mm, pud, addr, next,
				    pfn + (addr >> PAGE_SHIFT), prot))
			return -ENOMEM;
	} while (pud++, addr = next, addr != end);
	return 0;
}

/*
 * A mapping that may be copied on write must be remapped whole: its vm_pgoff
 * becomes the first frame's number, by which vm_normal_page later tells the
 * device's frames from copies.  Any other mapping keeps vm_pgoff.
 */
int remap_pfn_range(struct vm_area_struct *vma, kulong addr, kulong pfn,
		    kulong size, pgprot_t prot)
{
	const kulong end = addr + PAGE_ALIGN(size);
	const kulong remap_pfn = pfn;
	struct mm_struct *mm = vma->vm_mm;
	kulong next;
	pgd_t *pgd;
	int err;

	if (is_cow_mapping(vma->vm_flags)) {
		if (addr != vma->vm_start || end != vma->vm_end)
			return -EINVAL;
		vma->vm_pgoff = pfn;
	}
#ifdef CONFIG_X86_64
	if (track_pfn_remap(vma, remap_pfn, addr, PAGE_ALIGN(size)))
		return -EINVAL;
#endif
	vma->vm_flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;

	BUG_ON(addr >= end);
	pfn -= addr >> PAGE_SHIFT;
	pgd = pgd_offset(mm, addr);
	do {
		next = pgd_addr_end(addr, end);
		err = remap_pud_range(mm, pgd, addr, next,
				      pfn + (addr >> PAGE_SHIFT), prot);
		if (err)
			break;
	} while (pgd++, addr = next, addr != end);
#ifdef CONFIG_X86_64
	if (err)
		untrack_pfn(vma, remap_pfn, PAGE_ALIGN(size));
#else
	(void)remap_pfn;
#endif
	return err;
}

static int follow_pte(struct mm_struct *mm, kulong address, pte_t **ptepp,
		      spinlock_t **ptlp)
{
	pgd_t *pgd = pgd_offset(mm, address);
	pud_t *pud;
	pmd_t *pmd;
	pte_t *pte;

	if (pgd_none(pgd))
		return -EINVAL;
	pud = pud_offset(pgd, address);
	if (pud_none(pud))
		return -EINVAL;
	pmd = pmd_offset(pud, address);
	if (pmd_none(pmd))
		return -EINVAL;
	pte = pte_offset_map_lock(mm, pmd, address, ptlp);
	if (!pte_present(fl_read_pte(pte))) {
		pte_unmap_unlock(pte, *ptlp);
		return -EINVAL;
	}
	*ptepp = pte;
	return 0;
}

int follow_pfn(struct vm_area_struct *vma, kulong address, kulong *pfn)
{
	spinlock_t *ptl;
	pte_t *pte;
	int ret;

	if (!(vma->vm_flags & (VM_IO | VM_PFNMAP)))
		return -EINVAL;
	ret = follow_pte(vma->vm_mm, address, &pte, &ptl);
	if (ret)
		return ret;
	*pfn = pte_pfn(fl_read_pte(pte));
	pte_unmap_unlock(pte, ptl);
	return 0;
}

} /* extern "C" */
