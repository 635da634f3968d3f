// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking mappings away, after mm/mmap.c of 4.13: __split_vma, split_vma,
 * do_munmap, detach_vmas_to_be_unmapped, unmap_region, remove_vma,
 * remove_vma_list, vm_munmap, exit_mmap.
 *
 * Left out: userfaultfd, memory policies, huge pages, the high water marks.
 *
 * Locks: mmap_sem for writing, except exit_mmap, which is alone and takes
 * none.  Underneath: i_mmap_rwsem and the rwsem of the anon_vma's root.
 */
#include "mm/internal.h"

/* Without the limit check, for callers that have made theirs. */
int __split_vma(struct mm_struct *mm, struct vm_area_struct *vma, kulong addr,
		int new_below)
{
	struct kmem_cache *cache = mm->machine->vm_area_cachep;
	struct vm_area_struct *new_vma;
	int err;

	new_vma = (struct vm_area_struct *)kmem_cache_alloc(cache, GFP_KERNEL);
	if (!new_vma)
		return -ENOMEM;

	*new_vma = *vma;
	INIT_LIST_HEAD(&new_vma->anon_vma_chain);
	if (new_below) {
		new_vma->vm_end = addr;
	} else {
		new_vma->vm_start = addr;
		new_vma->vm_pgoff += (addr - vma->vm_start) >> PAGE_SHIFT;
	}

	err = anon_vma_clone(new_vma, vma);
	if (err)
		goto out_free_vma;
	if (new_vma->vm_file)
		get_file(new_vma->vm_file);
	if (new_vma->vm_ops && new_vma->vm_ops->open)
		new_vma->vm_ops->open(new_vma);

	if (new_below)
		err = __vma_adjust(
		    vma, addr, vma->vm_end,
		    vma->vm_pgoff + ((addr - new_vma->vm_start) >> PAGE_SHIFT),
		    new_vma, NULL);
	else
		err = __vma_adjust(vma, vma->vm_start, addr, vma->vm_pgoff,
				   new_vma, NULL);
	if (!err)
		return 0;

	if (new_vma->vm_ops && new_vma->vm_ops->close)
		new_vma->vm_ops->close(new_vma);
	if (new_vma->vm_file)
		fput(new_vma->vm_file);
	unlink_anon_vmas(new_vma);
out_free_vma:
	kmem_cache_free(cache, new_vma);
	return err;
}

int split_vma(struct mm_struct *mm, struct vm_area_struct *vma, kulong addr,
	      int new_below)
{
	if (mm->map_count >= (int)mm->machine->sysctl_max_map_count)
		return -ENOMEM;
	return __split_vma(mm, vma, addr, new_below);
}

/* Closes and frees the vma; returns the next of its list. */
static struct vm_area_struct *remove_vma(struct vm_area_struct *vma)
{
	struct vm_area_struct *next = vma->vm_next;

	if (vma->vm_ops && vma->vm_ops->close)
		vma->vm_ops->close(vma);
	if (vma->vm_file)
		fput(vma->vm_file);
	kmem_cache_free(vma->vm_mm->machine->vm_area_cachep, vma);
	return next;
}

static void remove_vma_list(struct mm_struct *mm, struct vm_area_struct *vma)
{
	kulong nr_accounted = 0;

	do {
		const kulong nrpages = vma_pages(vma);

		if (vma->vm_flags & VM_ACCOUNT)
			nr_accounted += nrpages;
		vm_stat_account(mm, vma->vm_flags, -(klong)nrpages);
		vma = remove_vma(vma);
	} while (vma);
	vm_unacct_memory(nr_accounted);
}

/*
 * Pages first, tables next, and both are free only after the flush at the
 * end.  Tables stay where a neighbour may need them: everything between the
 * end of prev and the start of the next vma may go.
 */
void unmap_region(struct mm_struct *mm, struct vm_area_struct *vma,
		  struct vm_area_struct *prev, kulong start, kulong end)
{
	struct vm_area_struct *next = prev ? prev->vm_next : mm->mmap;
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, mm, start, end);
	unmap_vmas(&tlb, vma, start, end);
	free_pgtables(&tlb, vma, prev ? prev->vm_end : FIRST_USER_ADDRESS,
		      next ? next->vm_start : USER_PGTABLES_CEILING);
	tlb_finish_mmu(&tlb, start, end);
}

/* Cuts the vmas from vma up to end out of tree and list. */
static void detach_vmas_to_be_unmapped(struct mm_struct *mm,
				       struct vm_area_struct *vma,
				       struct vm_area_struct *prev, kulong end)
{
	struct vm_area_struct **insertion_point =
	    prev ? &prev->vm_next : &mm->mmap;
	struct vm_area_struct *tail;

	vma->vm_prev = NULL;
	do {
		vma_rb_erase(vma, &mm->mm_rb);
		mm->map_count--;
		tail = vma;
		vma = vma->vm_next;
	} while (vma && vma->vm_start < end);
	*insertion_point = vma;
	if (vma) {
		vma->vm_prev = prev;
		vma_gap_update(vma);
	} else {
		mm->highest_vm_end = prev ? prev->vm_end : 0;
	}
	tail->vm_next = NULL;

	vmacache_invalidate(mm);
}

static void munlock_range(struct mm_struct *mm, struct vm_area_struct *vma,
			  kulong end)
{
	for (; vma && vma->vm_start < end; vma = vma->vm_next) {
		if (!(vma->vm_flags & VM_LOCKED))
			continue;
		mm->locked_vm -= vma_pages(vma);
		munlock_vma_pages_all(vma);
	}
}

int do_munmap(struct mm_struct *mm, kulong start, size_t bytes)
{
	struct vm_area_struct *vma, *prev, *last;
	kulong end, len;
	int error;

	if (offset_in_page(start) || start > TASK_SIZE ||
	    bytes > TASK_SIZE - start)
		return -EINVAL;
	len = PAGE_ALIGN((kulong)bytes);
	if (!len)
		return -EINVAL;

	vma = find_vma(mm, start);
	if (!vma)
		return 0;
	prev = vma->vm_prev;
	end = start + len;
	if (vma->vm_start >= end)
		return 0;

	if (start > vma->vm_start) {
		/*
		 * Only a hole in the middle leaves one vma more than there
		 * was; otherwise the limit may be passed for a moment, since
		 * unmapping is how a process gets below it again.
		 */
		if (end < vma->vm_end &&
		    mm->map_count >= (int)mm->machine->sysctl_max_map_count)
			return -ENOMEM;
		error = __split_vma(mm, vma, start, 0);
		if (error)
			return error;
		prev = vma;
	}

	last = find_vma(mm, end);
	if (last && end > last->vm_start) {
		error = __split_vma(mm, last, end, 1);
		if (error)
			return error;
	}
	vma = prev ? prev->vm_next : mm->mmap;

	if (mm->locked_vm)
		munlock_range(mm, vma, end);

	detach_vmas_to_be_unmapped(mm, vma, prev, end);
	unmap_region(mm, vma, prev, start, end);
	remove_vma_list(mm, vma);
	return 0;
}

int vm_munmap(kulong start, size_t len)
{
	struct mm_struct *mm = current->mm;
	int ret;

	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	ret = do_munmap(mm, start, len);
	up_write(&mm->mmap_sem);
	return ret;
}

/* Tree, list and counts stay as they are: nobody will look any more. */
void exit_mmap(struct mm_struct *mm)
{
	struct vm_area_struct *vma = mm->mmap;
	struct mmu_gather tlb;
	kulong nr_accounted = 0;

	if (mm->locked_vm)
		munlock_range(mm, vma, TASK_SIZE);
	if (!vma)
		return;

	tlb_gather_mmu(&tlb, mm, 0, (kulong)-1);
	unmap_vmas(&tlb, vma, 0, (kulong)-1);
	free_pgtables(&tlb, vma, FIRST_USER_ADDRESS, USER_PGTABLES_CEILING);
	tlb_finish_mmu(&tlb, 0, (kulong)-1);

	while (vma) {
		if (vma->vm_flags & VM_ACCOUNT)
			nr_accounted += vma_pages(vma);
		vma = remove_vma(vma);
	}
	vm_unacct_memory(nr_accounted);
}
