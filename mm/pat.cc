// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations of physical ranges for one cache attribute (x86), after
 * arch/x86/mm/pat.c and pat_rbtree.c of 4.13: track_pfn_remap,
 * track_pfn_copy, untrack_pfn, reserve_pfn_range, free_pfn_range,
 * reserve_memtype, free_memtype.
 *
 * remap_pfn_range over a whole vma reserves the whole range and marks the vma
 * VM_PAT; over a part it reserves nothing.  Unmapping a VM_PAT vma frees the
 * range that its *present* size and first pte stand for.  Whoever changes the
 * size of such a vma in between frees a range that was never reserved, and
 * leaks the reserved one.  A machine with pat_off is a kernel without
 * CONFIG_X86_PAT.
 *
 * Left out: the attributes themselves.  Every mapping here asks for the same
 * one, so ranges may overlap and never conflict.  The ranges are a list
 * sorted by start, where 4.13 has a tree.  Other architectures track nothing.
 *
 * Locks: pat_lock (memtype_lock) around the list; mmap_sem held for writing by
 * the caller, except on the way of exit_mmap.
 */
#include "mm/internal.h"

#ifdef CONFIG_X86_64

struct pat_range {
	u64 start, end; /* bytes, physical; end is exclusive */
	struct list_head node;
};

/* Some byte of the range is RAM, whose pages carry their own attribute. */
static bool pat_pagerange_is_ram(const struct machine *machine, u64 start,
				 u64 end)
{
	u64 ram_start = (u64)machine->ram_pfn << PAGE_SHIFT;
	u64 ram_end = ram_start + ((u64)machine->ram_pages << PAGE_SHIFT);

	return start < ram_end && end > ram_start;
}

static int reserve_memtype(struct machine *machine, u64 start, u64 end)
{
	struct pat_range *range, *at;

	BUG_ON(start >= end);
	range = (struct pat_range *)kmalloc(sizeof(*range), GFP_KERNEL);
	if (!range)
		return -ENOMEM;
	range->start = start;
	range->end = end;

	spin_lock(&machine->pat_lock);
	list_for_each_entry(at, &machine->pat_ranges, struct pat_range, node)
	{
		if (start <= at->start)
			break;
	}
	/* Before `at`, which is the head itself when all start lower. */
	list_add_tail(&range->node, &at->node);
	machine->nr_pat_ranges++;
	spin_unlock(&machine->pat_lock);
	return 0;
}

/* The lowest range that ends at end and starts at start, or only below it. */
static struct pat_range *memtype_match(struct machine *machine, u64 start,
				       u64 end, bool exact)
{
	struct pat_range *at;

	list_for_each_entry(at, &machine->pat_ranges, struct pat_range, node)
	{
		if (at->end == end &&
		    (exact ? at->start == start : at->start < start))
			return at;
	}
	return NULL;
}

/*
 * A whole range, or else the end of one, as shrinking by mremap frees it.
 * What matches neither was never reserved: the kernel logs that and goes on.
 */
static void free_memtype(struct machine *machine, u64 start, u64 end)
{
	struct pat_range *range, *whole = NULL;

	spin_lock(&machine->pat_lock);
	range = memtype_match(machine, start, end, true);
	if (range) {
		list_del(&range->node);
		machine->nr_pat_ranges--;
		whole = range;
	} else {
		range = memtype_match(machine, start, end, false);
		if (range)
			range->end = start;
	}
	spin_unlock(&machine->pat_lock);

	if (!range) {
		pr_info("x86/PAT: %s freeing invalid memtype "
			"[mem %#010llx-%#010llx]\n",
			current->comm, start, end - 1);
		return;
	}
	if (whole)
		kfree(whole);
}

/* 0 or -ENOMEM. */
int track_pfn_remap(struct vm_area_struct *vma, kulong pfn, kulong addr,
		    kulong size)
{
	struct machine *machine = vma->vm_mm->machine;
	u64 paddr = (u64)pfn << PAGE_SHIFT;
	int ret = 0;

	if (machine->config.pat_off || addr != vma->vm_start ||
	    size != vma->vm_end - vma->vm_start)
		return 0;
	if (!pat_pagerange_is_ram(machine, paddr, paddr + size))
		ret = reserve_memtype(machine, paddr, paddr + size);
	if (!ret)
		vma->vm_flags |= VM_PAT;
	return ret;
}

/*
 * A child's mapping is reserved once more, by the size that the parent's has
 * now and the frame its first pte names.  Where there is no such pte, the
 * vma was cut or copied since it was marked: a warning, and -EINVAL.
 */
int track_pfn_copy(struct vm_area_struct *vma)
{
	struct machine *machine = vma->vm_mm->machine;
	const kulong size = vma->vm_end - vma->vm_start;
	kulong pfn;
	u64 paddr;

	if (!(vma->vm_flags & VM_PAT))
		return 0;
	if (follow_pfn(vma, vma->vm_start, &pfn)) {
		WARN_ON_ONCE(1);
		return -EINVAL;
	}
	paddr = (u64)pfn << PAGE_SHIFT;
	if (pat_pagerange_is_ram(machine, paddr, paddr + size))
		return 0;
	return reserve_memtype(machine, paddr, paddr + size);
}

void untrack_pfn_copy(struct vm_area_struct *dst_vma,
		      struct vm_area_struct *vma)
{
	kulong pfn;

	if (!(dst_vma->vm_flags & VM_PAT))
		return;
	if (follow_pfn(vma, vma->vm_start, &pfn)) {
		WARN_ON_ONCE(1);
		return;
	}
	untrack_pfn(dst_vma, pfn, vma->vm_end - vma->vm_start);
}

/* pfn and size both 0: all that the vma has, as far as its ptes tell. */
void untrack_pfn(struct vm_area_struct *vma, kulong pfn, kulong size)
{
	struct machine *machine = vma->vm_mm->machine;
	u64 paddr;

	if (!(vma->vm_flags & VM_PAT))
		return;
	if (!pfn && !size) {
		if (follow_pfn(vma, vma->vm_start, &pfn)) {
			WARN_ON_ONCE(1);
			return;
		}
		size = vma->vm_end - vma->vm_start;
	}
	paddr = (u64)pfn << PAGE_SHIFT;
	if (!pat_pagerange_is_ram(machine, paddr, paddr + size))
		free_memtype(machine, paddr, paddr + size);
	vma->vm_flags &= ~(kulong)VM_PAT;
}

void untrack_pfn_moved(struct vm_area_struct *vma)
{
	vma->vm_flags &= ~(kulong)VM_PAT;
}

#else /* CONFIG_X86_64 */

int track_pfn_remap(struct vm_area_struct *vma, kulong pfn, kulong addr,
		    kulong size)
{
	return 0;
}

int track_pfn_copy(struct vm_area_struct *vma)
{
	return 0;
}

void untrack_pfn_copy(struct vm_area_struct *dst_vma,
		      struct vm_area_struct *vma)
{
}

void untrack_pfn(struct vm_area_struct *vma, kulong pfn, kulong size)
{
}

void untrack_pfn_moved(struct vm_area_struct *vma)
{
}

#endif /* CONFIG_X86_64 */
