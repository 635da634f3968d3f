// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a kernel without an MMU can check about itself, beyond
 * validate_nommu_regions of mm/nommu.c of 4.13: validate_mm, check_mm.
 *
 * Of an mm: list, tree and map_count agree and are in order; each vma has a
 * region, lies in it, and finds it in the tree; no region has fewer users than
 * there are vmas of it in the processes that have tasks; a vma of a file is
 * found in i_mmap by its first and its last page; no stale slot of the cache.
 *
 * Locks: none are taken.  mmap_sem is held for writing, or nobody else runs.
 */
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/nommu.h"
#include "mm/report_bad.h"
#include "mm/sync/sched.h"

static u32 check_list_and_tree(const struct mm_struct *mm)
{
	const int bound = mm->map_count + 16;
	const struct vm_area_struct *vma = mm->mmap, *prev = NULL;
	struct rb_node *node = rb_first(&mm->mm_rb);
	int count = 0;
	u32 bad = 0;

	for (; vma && count < bound; vma = vma->vm_next, count++) {
		if (vma->vm_mm != mm)
			REPORT_BAD(bad, "vma %llx: vm_mm is another mm",
				   KL(vma->vm_start));
		if (vma->vm_start >= vma->vm_end)
			REPORT_BAD(bad, "vm_start %llx, vm_end %llx",
				   KL(vma->vm_start), KL(vma->vm_end));
		if (vma->vm_prev != prev)
			REPORT_BAD(bad,
				   "vma %llx: vm_prev is not the vma before",
				   KL(vma->vm_start));
		if (prev && vma->vm_start < prev->vm_start)
			REPORT_BAD(bad, "vm_start %llx < pstart %llx",
				   KL(vma->vm_start), KL(prev->vm_start));
		if (node != &vma->vm_rb)
			REPORT_BAD(bad,
				   "vma %llx of the list is not at its place "
				   "in mm_rb",
				   KL(vma->vm_start));
		node = node ? rb_next(node) : NULL;
		prev = vma;
	}
	if (count != mm->map_count)
		REPORT_BAD(bad, "map_count %d vm_next %d", mm->map_count,
			   count);
	if (node)
		REPORT_BAD(bad, "mm_rb has more vmas than the list");
	return bad;
}

/* Vmas of the region in all processes that have a task. */
static int count_region_users(struct machine *machine,
			      const struct vm_region *region)
{
	struct list_head *tasks = &machine->tasks;
	struct task_struct *task, *other;
	int users = 0;

	list_for_each_entry(task, tasks, struct task_struct, tasks)
	{
		const struct vm_area_struct *vma;
		bool first = true;
		int bound;

		if (!task->mm)
			continue;
		/* Threads share one mm: only the first of them counts. */
		list_for_each_entry(other, tasks, struct task_struct, tasks)
		{
			if (other == task)
				break;
			if (other->mm == task->mm)
				first = false;
		}
		if (!first)
			continue;
		bound = task->mm->map_count + 16;
		for (vma = task->mm->mmap; vma && bound--; vma = vma->vm_next)
			users += vma->vm_region == region;
	}
	return users;
}

static bool region_in_tree(const struct machine *machine,
			   const struct vm_region *wanted)
{
	struct rb_node *node = machine->nommu->nommu_region_tree.rb_node;

	while (node) {
		const struct vm_region *region =
		    rb_entry(node, struct vm_region, vm_rb);

		if (region == wanted)
			return true;
		node = wanted->vm_start < region->vm_start ? node->rb_left
							   : node->rb_right;
	}
	return false;
}

static u32 check_vma_region(const struct mm_struct *mm,
			    const struct vm_area_struct *vma)
{
	const struct vm_region *region = vma->vm_region;
	u32 bad = 0;
	int users;

	if (!region) {
		REPORT_BAD(bad, "vma %llx has no region", KL(vma->vm_start));
		return bad;
	}
	if (!region_in_tree(mm->machine, region)) {
		REPORT_BAD(bad, "vma %llx: its region is not in the tree",
			   KL(vma->vm_start));
		return bad;
	}
	if (vma->vm_start < region->vm_start || vma->vm_end > region->vm_end)
		REPORT_BAD(bad, "vma %llx-%llx is outside of region %llx-%llx",
			   KL(vma->vm_start), KL(vma->vm_end),
			   KL(region->vm_start), KL(region->vm_end));
	if ((vma->vm_flags ^ region->vm_flags) & VM_MAPPED_COPY)
		REPORT_BAD(bad, "vma %llx and its region: one is a copy",
			   KL(vma->vm_start));
	users = count_region_users(mm->machine, region);
	if (users > region->vm_usage)
		REPORT_BAD(bad, "region %llx: vm_usage %d, found %d",
			   KL(region->vm_start), region->vm_usage, users);
	return bad;
}

static bool i_mmap_finds(struct rb_root *root,
			 const struct vm_area_struct *wanted, kulong pgoff)
{
	struct vm_area_struct *vma;

	vma_interval_tree_foreach(vma, root, pgoff, pgoff)
	{
		if (vma == wanted)
			return true;
	}
	return false;
}

static u32 check_vma_in_i_mmap(const struct vm_area_struct *vma)
{
	struct rb_root *root = &vma->vm_file->f_mapping->i_mmap;
	u32 bad = 0;

	if (!i_mmap_finds(root, vma, vma_start_pgoff(vma)) ||
	    !i_mmap_finds(root, vma, vma_last_pgoff(vma)))
		REPORT_BAD(bad, "i_mmap misses vma %llx-%llx, pages %llx-%llx",
			   KL(vma->vm_start), KL(vma->vm_end),
			   KL(vma_start_pgoff(vma)), KL(vma_last_pgoff(vma)));
	return bad;
}

u32 validate_mm(struct mm_struct *mm)
{
	const struct vm_area_struct *vma = mm->mmap;
	u32 bad = check_list_and_tree(mm);

	for (int i = 0; vma && i < mm->map_count + 16; i++) {
		bad += check_vma_region(mm, vma);
		if (vma->vm_file)
			bad += check_vma_in_i_mmap(vma);
		vma = vma->vm_next;
	}
	bad += check_vmacaches(mm);
	return bad + validate_nommu_regions(mm->machine);
}

/* Regions are not looked at: they change under locks of their own. */
u32 validate_mm_running(struct mm_struct *mm)
{
	if (!atomic_read(&mm->mm_users) || rwsem_has_writer(&mm->mmap_sem))
		return 0;
	return check_list_and_tree(mm) + check_vmacaches(mm);
}

/* At the very end of an mm.  Its pages were never counted: only the vmas. */
void check_mm(struct mm_struct *mm)
{
	u32 bad = 0;

	if (mm->map_count || mm->mmap)
		REPORT_BAD(bad, "mm:%p ends with %d vmas", (void *)mm,
			   mm->map_count);
}
