// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving memory back without an MMU, after mm/nommu.c of 4.13.
 *
 *   split_vma, shrink_vma      of anonymous memory
 *   do_munmap, vm_munmap
 *   do_mremap                  with sys_mremap
 *   nommu_shrink_inode_mappings
 *
 * What is unmapped must lie in one vma.  Of anonymous memory any whole pages
 * may go: its region has one user.  A mapping of a file goes whole or not at
 * all; it is found by its end, so a range that begins in one such vma and ends
 * where a later one does takes the later one, as in 4.13.
 *
 * total_vm does not go down before the end of the mm; a vma of a file whose
 * size mremap changes stays where it was in i_mmap, with its old end: both as
 * in 4.13.
 *
 * Left out: the warning for memory that was never mapped is not limited to
 * five times.
 *
 * Locks: mmap_sem for writing; nommu_region_sem inside.
 */
#include "mm/internal.h"
#include "mm/nommu.h"
#include "mm/sync/sched.h"

extern "C" {

/*
 * A vma and a region of their own for the pages below addr (new_below) or
 * those from it on.  -ENOMEM; also for a file's.
 */
int split_vma(struct mm_struct *mm, struct vm_area_struct *vma, kulong addr,
	      int new_below)
{
	struct nommu *nommu = mm->machine->nommu;
	struct vm_area_struct *fresh;
	struct vm_region *region;
	kulong npages;

	if (vma->vm_file)
		return -ENOMEM;
	if (mm->map_count >= (int)mm->machine->sysctl_max_map_count)
		return -ENOMEM;
	region = (struct vm_region *)kmem_cache_alloc(nommu->vm_region_jar,
						      GFP_KERNEL);
	if (!region)
		return -ENOMEM;
	fresh = (struct vm_area_struct *)kmem_cache_alloc(
	    mm->machine->vm_area_cachep, GFP_KERNEL);
	if (!fresh) {
		kmem_cache_free(nommu->vm_region_jar, region);
		return -ENOMEM;
	}

	*fresh = *vma;
	*region = *vma->vm_region;
	fresh->vm_region = region;
	INIT_LIST_HEAD(&fresh->anon_vma_chain);
	npages = (addr - vma->vm_start) >> PAGE_SHIFT;
	if (new_below) {
		region->vm_top = region->vm_end = fresh->vm_end = addr;
	} else {
		region->vm_start = fresh->vm_start = addr;
		region->vm_pgoff = fresh->vm_pgoff += npages;
	}
	if (fresh->vm_ops && fresh->vm_ops->open)
		fresh->vm_ops->open(fresh);

	delete_vma_from_mm(vma);
	down_write(&nommu->nommu_region_sem);
	delete_nommu_region(vma->vm_region);
	if (new_below) {
		vma->vm_region->vm_start = vma->vm_start = addr;
		vma->vm_region->vm_pgoff = vma->vm_pgoff += npages;
	} else {
		vma->vm_region->vm_end = vma->vm_end = addr;
		vma->vm_region->vm_top = addr;
	}
	add_nommu_region(vma->vm_region);
	add_nommu_region(region);
	up_write(&nommu->nommu_region_sem);
	add_vma_to_mm(mm, vma);
	add_vma_to_mm(mm, fresh);
	return 0;
}

/* [from, to), bytes, at the beginning or the end of an anonymous vma, goes. */
static int shrink_vma(struct mm_struct *mm, struct vm_area_struct *vma,
		      kulong from, kulong to)
{
	struct nommu *nommu = mm->machine->nommu;
	struct vm_region *region;

	delete_vma_from_mm(vma);
	if (from > vma->vm_start)
		vma->vm_end = from;
	else
		vma->vm_start = to;
	add_vma_to_mm(mm, vma);

	region = vma->vm_region;
	BUG_ON(region->vm_usage != 1);
	down_write(&nommu->nommu_region_sem);
	delete_nommu_region(region);
	if (from > region->vm_start) {
		/* With what was allocated beyond it. */
		to = region->vm_top;
		region->vm_top = region->vm_end = from;
	} else {
		region->vm_start = to;
	}
	add_nommu_region(region);
	up_write(&nommu->nommu_region_sem);

	free_page_series(from, to);
	return 0;
}

static int erase_whole_vma(struct mm_struct *mm, struct vm_area_struct *vma)
{
	delete_vma_from_mm(vma);
	delete_vma(mm, vma);
	return 0;
}

/* 0, -EINVAL, -ENOMEM (no memory to split, or the map limit). */
int do_munmap(struct mm_struct *mm, kulong start, size_t len)
{
	struct vm_area_struct *vma;
	kulong end;
	int ret;

	len = PAGE_ALIGN((kulong)len);
	if (!len)
		return -EINVAL;
	end = start + (kulong)len;
	vma = find_vma(mm, start);
	if (!vma) {
		pr_warn("munmap of memory not mmapped by process %s: "
			"0x%lx-0x%lx",
			current->comm, KL(start), KL(end - 1));
		return -EINVAL;
	}

	if (vma->vm_file) {
		do {
			if (start > vma->vm_start)
				return -EINVAL;
			if (end == vma->vm_end)
				return erase_whole_vma(mm, vma);
			vma = vma->vm_next;
		} while (vma);
		return -EINVAL;
	}

	if (start == vma->vm_start && end == vma->vm_end)
		return erase_whole_vma(mm, vma);
	if (start < vma->vm_start || end > vma->vm_end)
		return -EINVAL;
	if (offset_in_page(start))
		return -EINVAL;
	if (end != vma->vm_end && offset_in_page(end))
		return -EINVAL;
	if (start != vma->vm_start && end != vma->vm_end) {
		ret = split_vma(mm, vma, start, 1);
		if (ret < 0)
			return ret;
	}
	return shrink_vma(mm, vma, start, end);
}

int vm_munmap(kulong start, size_t len)
{
	struct mm_struct *mm = current->mm;
	int ret;

	down_write(&mm->mmap_sem);
	ret = do_munmap(mm, start, len);
	up_write(&mm->mmap_sem);
	return ret;
}

/*
 * Only the size of a mapping changes, inside what its region has; nothing is
 * moved, and what others may share stays as it is.
 */
static s64 __do_mremap(kulong addr, kulong old_len, kulong new_len,
		       kulong flags, kulong new_addr)
{
	struct vm_area_struct *vma;

	old_len = PAGE_ALIGN(old_len);
	new_len = PAGE_ALIGN(new_len);
	if (!old_len || !new_len)
		return -EINVAL;
	if (offset_in_page(addr))
		return -EINVAL;
	if ((flags & FL_MREMAP_FIXED) && new_addr != addr)
		return -EINVAL;
	vma = find_vma_exact(current->mm, addr, old_len);
	if (!vma)
		return -EINVAL;
	if (vma->vm_end != vma->vm_start + old_len)
		return -EFAULT;
	if (vma->vm_flags & VM_MAYSHARE)
		return -EPERM;
	if (new_len > vma->vm_region->vm_end - vma->vm_region->vm_start)
		return -ENOMEM;
	vma->vm_end = vma->vm_start + new_len;
	return (s64)vma->vm_start;
}

/* The address, or -EINVAL, -EFAULT, -EPERM (shareable), -ENOMEM. */
s64 do_mremap(kulong addr, kulong old_len, kulong new_len, kulong flags,
	      kulong new_addr)
{
	struct mm_struct *mm = current->mm;
	s64 ret;

	down_write(&mm->mmap_sem);
	ret = __do_mremap(addr, old_len, new_len, flags, new_addr);
	up_write(&mm->mmap_sem);
	return ret;
}

int nommu_shrink_inode_mappings(struct inode *inode, u64 size, u64 newsize)
{
	struct nommu *nommu = current_nommu();
	const pgoff_t low = (pgoff_t)(newsize >> PAGE_SHIFT);
	const pgoff_t high = (pgoff_t)((size + PAGE_SIZE - 1) >> PAGE_SHIFT);
	struct vm_area_struct *vma;
	int ret = 0;

	down_write(&nommu->nommu_region_sem);
	i_mmap_lock_read(inode->i_mapping);
	vma_interval_tree_foreach(vma, &inode->i_mapping->i_mmap, low, high)
	{
		if (vma->vm_flags & VM_SHARED) {
			ret = -ETXTBSY;
			goto out;
		}
	}
	/* Regions that reach further than any vma of theirs does. */
	vma_interval_tree_foreach(vma, &inode->i_mapping->i_mmap, 0, ~(kulong)0)
	{
		struct vm_region *region = vma->vm_region;
		u64 r_top;

		if (!(vma->vm_flags & VM_SHARED))
			continue;
		r_top = ((u64)region->vm_pgoff << PAGE_SHIFT) +
			(region->vm_top - region->vm_start);
		if (r_top > newsize) {
			region->vm_top -= (kulong)(r_top - newsize);
			if (region->vm_end > region->vm_top)
				region->vm_end = region->vm_top;
		}
	}
out:
	i_mmap_unlock_read(inode->i_mapping);
	up_write(&nommu->nommu_region_sem);
	return ret;
}

} /* extern "C" */
