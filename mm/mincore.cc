// SPDX-License-Identifier: GPL-2.0-only
/*
 * mincore, after mm/mincore.c of 4.13: sys_mincore, do_mincore,
 * mincore_pte_range, __mincore_unmapped_range, mincore_page; the walk of
 * mm/pagewalk.c as far as it is used.
 *
 * A page counts when it has a pte, or when the page cache of the vma's file
 * holds it up to date at the vma's linear index.  A VM_PFNMAP vma is not
 * walked at all, and where its vm_pgoff is a frame number the page cache is
 * asked at that index: so a direct mapping is never in core.
 *
 * mmap_sem is held for reading over a page full of answers, and dropped before
 * they are copied out.
 *
 * Left out: huge pages, swap, shmem.
 */
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/sync/sched.h"
#include "mm/uaccess.h"

extern "C" {

static u8 mincore_page(struct address_space *mapping, pgoff_t pgoff)
{
	struct page *page = find_get_page(mapping, pgoff);
	u8 present = 0;

	if (page) {
		present = PageUptodate(page);
		put_page(page);
	}
	return present;
}

static void __mincore_unmapped_range(kulong addr, kulong end,
				     struct vm_area_struct *vma, u8 *vec)
{
	const kulong nr = (end - addr) >> PAGE_SHIFT;
	pgoff_t pgoff = linear_page_index(vma, addr);
	kulong i;

	for (i = 0; i < nr; i++)
		vec[i] = vma->vm_file
			     ? mincore_page(vma->vm_file->f_mapping, pgoff + i)
			     : 0;
}

static void mincore_pte_range(pmd_t *pmd, kulong addr, kulong end,
			      struct vm_area_struct *vma, u8 *vec)
{
	spinlock_t *ptl;
	pte_t *start_pte = pte_offset_map_lock(vma->vm_mm, pmd, addr, &ptl);
	pte_t *pte = start_pte;

	do {
		if (pte_none(fl_read_pte(pte)))
			__mincore_unmapped_range(addr, addr + PAGE_SIZE, vma,
						 vec);
		else
			*vec = 1;
	} while (vec++, pte++, addr += PAGE_SIZE, addr != end);
	pte_unmap_unlock(start_pte, ptl);
	cond_resched();
}

static void mincore_pmd_range(pud_t *pud, kulong addr, kulong end,
			      struct vm_area_struct *vma, u8 *vec)
{
	pmd_t *pmd = pmd_offset(pud, addr);
	kulong next;

	do {
		next = pmd_addr_end(addr, end);
		if (pmd_none(pmd))
			__mincore_unmapped_range(addr, next, vma, vec);
		else
			mincore_pte_range(pmd, addr, next, vma, vec);
		vec += (next - addr) >> PAGE_SHIFT;
	} while (pmd++, addr = next, addr != end);
}

static void mincore_pud_range(pgd_t *pgd, kulong addr, kulong end,
			      struct vm_area_struct *vma, u8 *vec)
{
	pud_t *pud = pud_offset(pgd, addr);
	kulong next;

	do {
		next = pud_addr_end(addr, end);
		if (pud_none(pud))
			__mincore_unmapped_range(addr, next, vma, vec);
		else
			mincore_pmd_range(pud, addr, next, vma, vec);
		vec += (next - addr) >> PAGE_SHIFT;
	} while (pud++, addr = next, addr != end);
}

static void mincore_walk(struct vm_area_struct *vma, kulong addr, kulong end,
			 u8 *vec)
{
	pgd_t *pgd = pgd_offset(vma->vm_mm, addr);
	kulong next;

	if (vma->vm_flags & VM_PFNMAP) {
		__mincore_unmapped_range(addr, end, vma, vec);
		return;
	}
	do {
		next = pgd_addr_end(addr, end);
		if (pgd_none(pgd))
			__mincore_unmapped_range(addr, next, vma, vec);
		else
			mincore_pud_range(pgd, addr, next, vma, vec);
		vec += (next - addr) >> PAGE_SHIFT;
	} while (pgd++, addr = next, addr != end);
}

/* Pages answered for, of the vma at addr; or -ENOMEM.  sem held. */
static klong do_mincore(kulong addr, kulong pages, u8 *vec)
{
	struct vm_area_struct *vma = find_vma(current->mm, addr);
	kulong end;

	if (!vma || addr < vma->vm_start)
		return -ENOMEM;
	end = fl_min(vma->vm_end, addr + (pages << PAGE_SHIFT));
	mincore_walk(vma, addr, end, vec);
	return (klong)((end - addr) >> PAGE_SHIFT);
}

s64 sys_mincore(u64 start_in, u64 len, u64 vec_in)
{
	struct mm_struct *mm = current->mm;
	kulong start = (kulong)start_in;
	kulong vec = (kulong)vec_in;
	struct page *tmp;
	kulong pages;
	s64 ret = 0;

	if (offset_in_page(start_in))
		return -EINVAL;
	if (!access_ok(start_in, len))
		return -ENOMEM;
	pages = (kulong)(len >> PAGE_SHIFT) + (offset_in_page(len) != 0);
	if (!access_ok(vec_in, pages))
		return -EFAULT;
	tmp = alloc_page(GFP_KERNEL);
	if (!tmp)
		return -EAGAIN;
	while (pages) {
		u8 *answers = (u8 *)page_address(tmp);
		klong done;

		down_read(&mm->mmap_sem);
		done = do_mincore(start, fl_min(pages, PAGE_SIZE), answers);
		up_read(&mm->mmap_sem);
		if (done <= 0) {
			ret = done;
			break;
		}
		if (copy_to_user(vec, answers, (kulong)done)) {
			ret = -EFAULT;
			break;
		}
		pages -= (kulong)done;
		vec += (kulong)done;
		start += (kulong)done << PAGE_SHIFT;
	}
	put_page(tmp);
	return ret;
}

} /* extern "C" */
