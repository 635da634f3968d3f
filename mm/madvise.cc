// SPDX-License-Identifier: GPL-2.0-only
/*
 * madvise, after mm/madvise.c of 4.13: madvise_behavior, madvise_willneed,
 * madvise_dontneed_free, madvise_remove, madvise_vma,
 * madvise_behavior_valid, sys_madvise (here do_madvise).
 *
 * Left out: KSM, huge pages and memory failure, whose advice is EINVAL as in a
 * kernel built without them; userfaultfd.
 *
 * WILLNEED reads at most as much as the device takes at once, which is nothing
 * for a file system without one.  FREE takes the young and dirty bits of the
 * ptes and the swap-backed mark of the pages, so that who runs short of memory
 * may drop them; a write takes a page back.
 *
 * Locks: mmap_sem, for reading when no vm_flags change, else for writing.
 * REMOVE drops it while the file system works, and the next vma is found anew.
 */
#include "mm/fs.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/tlb.h"

enum {
	MADV_NORMAL = 0,
	MADV_RANDOM = 1,
	MADV_SEQUENTIAL = 2,
	MADV_WILLNEED = 3,
	MADV_DONTNEED = 4,
	MADV_FREE = 8,
	MADV_REMOVE = 9,
	MADV_DONTFORK = 10,
	MADV_DOFORK = 11,
	MADV_DONTDUMP = 16,
	MADV_DODUMP = 17
};

static bool madvise_need_mmap_write(int behavior)
{
	switch (behavior) {
	case MADV_REMOVE:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_FREE:
		return false;
	default:
		return true;
	}
}

static bool madvise_behavior_valid(int behavior)
{
	switch (behavior) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
		return true;
	default:
		return false;
	}
}

/* 0 and the flags after the advice, or -EINVAL. */
static int madvise_new_flags(kulong vm_flags, int behavior, kulong *new_flags)
{
	const kulong reading = VM_RAND_READ | VM_SEQ_READ;

	switch (behavior) {
	case MADV_NORMAL:
		vm_flags &= ~reading;
		break;
	case MADV_SEQUENTIAL:
		vm_flags = (vm_flags & ~reading) | VM_SEQ_READ;
		break;
	case MADV_RANDOM:
		vm_flags = (vm_flags & ~reading) | VM_RAND_READ;
		break;
	case MADV_DONTFORK:
		vm_flags |= VM_DONTCOPY;
		break;
	case MADV_DOFORK:
		if (vm_flags & VM_IO)
			return -EINVAL;
		vm_flags &= ~(kulong)VM_DONTCOPY;
		break;
	case MADV_DONTDUMP:
		vm_flags |= VM_DONTDUMP;
		break;
	case MADV_DODUMP:
		if (vm_flags & VM_SPECIAL)
			return -EINVAL;
		vm_flags &= ~(kulong)VM_DONTDUMP;
		break;
	default:
		BUG();
	}
	*new_flags = vm_flags;
	return 0;
}

/* At the limit: -ENOMEM; without memory: -EAGAIN, as it may work later. */
static int madvise_split(struct vm_area_struct *vma, kulong addr, int new_below)
{
	struct mm_struct *mm = vma->vm_mm;
	int error;

	if (mm->map_count >= (int)mm->machine->sysctl_max_map_count)
		return -ENOMEM;
	error = __split_vma(mm, vma, addr, new_below);
	return error == -ENOMEM ? -EAGAIN : error;
}

static int madvise_behavior(struct vm_area_struct *vma,
			    struct vm_area_struct **prev, kulong start,
			    kulong end, int behavior)
{
	kulong new_flags;
	pgoff_t pgoff;
	int error;

	error = madvise_new_flags(vma->vm_flags, behavior, &new_flags);
	if (error)
		return error;
	if (new_flags == vma->vm_flags) {
		*prev = vma;
		return 0;
	}

	pgoff = vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT);
	*prev = vma_merge(vma->vm_mm, *prev, start, end, new_flags,
			  vma->anon_vma, vma->vm_file, pgoff);
	if (*prev) {
		vma = *prev;
	} else {
		*prev = vma;
		if (start != vma->vm_start) {
			error = madvise_split(vma, start, 1);
			if (error)
				return error;
		}
		if (end != vma->vm_end) {
			error = madvise_split(vma, end, 0);
			if (error)
				return error;
		}
	}
	vma->vm_flags = new_flags;
	return 0;
}

/* A page that others map too, or that is locked just now, stays. */
static bool madvise_free_page(struct page *page)
{
	if (PageDirty(page)) {
		if (!trylock_page(page))
			return false;
		if (page_mapcount(page) != 1) {
			unlock_page(page);
			return false;
		}
		ClearPageDirty(page);
		unlock_page(page);
	}
	return true;
}

static void mark_page_lazyfree(struct page *page)
{
	if (PageAnon(page) && PageSwapBacked(page)) {
		ClearPageReferenced(page);
		ClearPageSwapBacked(page);
	}
}

static void madvise_free_pte_range(struct mmu_gather *tlb,
				   struct vm_area_struct *vma, pmd_t *pmd,
				   kulong addr, kulong end)
{
	struct mm_struct *mm = vma->vm_mm;
	spinlock_t *ptl;
	pte_t *start_pte = pte_offset_map_lock(mm, pmd, addr, &ptl);
	pte_t *pte = start_pte;

	flush_tlb_batched_pending(mm);
	do {
		pte_t ptent = fl_read_pte(pte);
		struct page *page;

		if (!pte_present(ptent))
			continue;
		page = vm_normal_page(vma, addr, ptent);
		if (!page || !madvise_free_page(page))
			continue;
		if (pte_young(ptent) || pte_dirty(ptent)) {
			/* Taken out whole: a CPU may set them just now. */
			ptent = ptep_get_and_clear(pte);
			ptent = pte_mkclean(pte_mkold(ptent));
			set_pte_at(mm, addr, pte, ptent);
			tlb_remove_tlb_entry(tlb, addr);
		}
		mark_page_lazyfree(page);
	} while (pte++, addr += PAGE_SIZE, addr != end);
	pte_unmap_unlock(start_pte, ptl);
	cond_resched();
}

static void madvise_free_page_range(struct mmu_gather *tlb,
				    struct vm_area_struct *vma, kulong addr,
				    kulong end)
{
	kulong next;

	for (; addr != end; addr = next) {
		pgd_t *pgd = pgd_offset(vma->vm_mm, addr);
		pud_t *pud;
		pmd_t *pmd;

		next = pgd_addr_end(addr, end);
		if (pgd_none(pgd))
			continue;
		pud = pud_offset(pgd, addr);
		next = pud_addr_end(addr, end);
		if (pud_none(pud))
			continue;
		pmd = pmd_offset(pud, addr);
		next = pmd_addr_end(addr, end);
		if (pmd_none(pmd))
			continue;
		madvise_free_pte_range(tlb, vma, pmd, addr, next);
	}
}

static int madvise_free_single_vma(struct vm_area_struct *vma, kulong start,
				   kulong end)
{
	struct mmu_gather tlb;

	if (!vma_is_anonymous(vma))
		return -EINVAL;
	/* A write from now on must set the dirty bit again. */
	tlb_gather_mmu(&tlb, vma->vm_mm, start, end);
	madvise_free_page_range(&tlb, vma, start, end);
	tlb_finish_mmu(&tlb, start, end);
	return 0;
}

static int madvise_dontneed_free(struct vm_area_struct *vma, kulong start,
				 kulong end, int behavior)
{
	if (vma->vm_flags & (VM_LOCKED | VM_HUGETLB | VM_PFNMAP))
		return -EINVAL;
	if (behavior == MADV_FREE)
		return madvise_free_single_vma(vma, start, end);
	zap_page_range(vma, start, end - start);
	return 0;
}

/* A hole in a file.  *prev NULL: mmap_sem may have been dropped. */
static int madvise_remove(struct vm_area_struct *vma,
			  struct vm_area_struct **prev, kulong start,
			  kulong end)
{
	struct mm_struct *mm = current->mm;
	struct file *file;
	loff_t offset;
	int error;

	*prev = NULL;
	if (vma->vm_flags & VM_LOCKED)
		return -EINVAL;
	file = vma->vm_file;
	if (!file)
		return -EINVAL;
	if ((vma->vm_flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return -EACCES;
	offset = (loff_t)(start - vma->vm_start) +
		 ((loff_t)vma->vm_pgoff << PAGE_SHIFT);

	/* The file system may want i_mutex, which comes before mmap_sem. */
	get_file(file);
	up_read(&mm->mmap_sem);
	error = vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      offset, (loff_t)(end - start));
	fput(file);
	down_read(&mm->mmap_sem);
	return error;
}

/* mmap_sem held for read.  Whether it could be read is not told. */
static void madvise_willneed(struct vm_area_struct *vma, kulong start,
			     kulong end)
{
	struct file *file = vma->vm_file;

	/* Nothing of anonymous memory is swapped out. */
	if (!file)
		return;
	(void)force_page_cache_readahead(file->f_mapping, file,
					 linear_page_index(vma, start),
					 (end - start) >> PAGE_SHIFT);
}

static int madvise_vma(struct vm_area_struct *vma, struct vm_area_struct **prev,
		       kulong start, kulong end, int behavior)
{
	switch (behavior) {
	case MADV_REMOVE:
		return madvise_remove(vma, prev, start, end);
	case MADV_WILLNEED:
		*prev = vma;
		madvise_willneed(vma, start, end);
		return 0;
	case MADV_FREE:
	case MADV_DONTNEED:
		*prev = vma;
		return madvise_dontneed_free(vma, start, end, behavior);
	default:
		return madvise_behavior(vma, prev, start, end, behavior);
	}
}

/* Holes in the range are stepped over, and -ENOMEM tells of them at the end. */
static int madvise_range(struct mm_struct *mm, kulong start, kulong end,
			 int behavior)
{
	struct vm_area_struct *vma, *prev;
	int unmapped_error = 0;

	vma = find_vma_prev(mm, start, &prev);
	if (vma && start > vma->vm_start)
		prev = vma;

	for (;;) {
		kulong part_end;
		int error;

		if (!vma)
			return -ENOMEM;
		if (start < vma->vm_start) {
			unmapped_error = -ENOMEM;
			start = vma->vm_start;
			if (start >= end)
				return -ENOMEM;
		}
		part_end = fl_min(vma->vm_end, end);
		error = madvise_vma(vma, &prev, start, part_end, behavior);
		if (error)
			return error;
		start = part_end;
		if (prev && start < prev->vm_end)
			start = prev->vm_end;
		if (start >= end)
			return unmapped_error;
		vma = prev ? prev->vm_next : find_vma(mm, start);
	}
}

s64 do_madvise(kulong start, size_t len_in, int behavior)
{
	struct mm_struct *mm = current->mm;
	bool write = madvise_need_mmap_write(behavior);
	kulong len, end;
	int error;

	if (!madvise_behavior_valid(behavior))
		return -EINVAL;
	if (offset_in_page(start))
		return -EINVAL;
	len = PAGE_ALIGN((kulong)len_in);
	if (len_in && !len)
		return -EINVAL;
	end = start + len;
	if (end < start)
		return -EINVAL;
	if (end == start)
		return 0;

	if (write) {
		if (down_write_killable(&mm->mmap_sem))
			return -EINTR;
	} else {
		down_read(&mm->mmap_sem);
	}
	error = madvise_range(mm, start, end, behavior);
	if (write)
		up_write(&mm->mmap_sem);
	else
		up_read(&mm->mmap_sem);
	return error;
}
