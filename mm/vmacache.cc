// SPDX-License-Identifier: GPL-2.0-only
/*
 * The per-task cache of find_vma, after mm/vmacache.c of 4.13: vmacache_find,
 * vmacache_update, vmacache_valid, vmacache_flush, vmacache_flush_all,
 * vmacache_invalidate; without an MMU, vmacache_find_exact.
 *
 * Four slots a task, chosen by page number.  They hold for one sequence number
 * of the mm; unlinking any vma makes a new number, which empties every task's
 * cache at its next lookup.
 *
 * FL_FIX_VMACACHE_WRAP: in 4.13 the number has 32 bits.  When it wraps, the
 * tasks of the mm are emptied by hand, but not when the mm has a single user:
 * that one looks at the number before it uses its cache.  A thread that it
 * makes later can bring the number round to the old one before it does
 * (CVE-2018-17182).  Fixed, the number has 64 bits and nothing is done.
 *
 * Left out: the event counters.
 * Locks: mmap_sem; for writing to invalidate.
 */
#include "mm/internal.h"
#include "mm/report_bad.h"

static inline u32 vmacache_hash(kulong addr)
{
	return (u32)(addr >> PAGE_SHIFT) & (VMACACHE_SIZE - 1);
}

void vmacache_flush(struct task_struct *task)
{
	for (u32 i = 0; i < VMACACHE_SIZE; i++)
		task->vmacache.vmas[i] = NULL;
}

/* sem held for write keeps the other tasks out of their caches. */
static void vmacache_flush_all(struct mm_struct *mm)
{
	struct machine *machine = mm->machine;
	struct task_struct *task;

	if (atomic_read(&mm->mm_users) == 1)
		return;

	spin_lock(&machine->tasks_lock);
	list_for_each_entry(task, &machine->tasks, struct task_struct, tasks)
	{
		if (task->mm == mm)
			vmacache_flush(task);
	}
	spin_unlock(&machine->tasks_lock);
}

void vmacache_invalidate(struct mm_struct *mm)
{
	mm->vmacache_seqnum++;
	if (fl_fixed(mm->machine, FL_FIX_VMACACHE_WRAP))
		return;
	mm->vmacache_seqnum = (u32)mm->vmacache_seqnum;
	if (unlikely(mm->vmacache_seqnum == 0))
		vmacache_flush_all(mm);
}

/* A task that looks into another mm has no cache for it. */
static bool vmacache_valid_mm(const struct mm_struct *mm)
{
	return current->mm == mm;
}

static bool vmacache_valid(struct mm_struct *mm)
{
	struct task_struct *task;

	if (!vmacache_valid_mm(mm))
		return false;
	task = current;
	if (mm->vmacache_seqnum != task->vmacache.seqnum) {
		task->vmacache.seqnum = mm->vmacache_seqnum;
		vmacache_flush(task);
		return false;
	}
	return true;
}

void vmacache_update(kulong addr, struct vm_area_struct *vma)
{
	if (vmacache_valid_mm(vma->vm_mm))
		current->vmacache.vmas[vmacache_hash(addr)] = vma;
}

struct vm_area_struct *vmacache_find(struct mm_struct *mm, kulong addr)
{
	if (!vmacache_valid(mm))
		return NULL;

	for (u32 i = 0; i < VMACACHE_SIZE; i++) {
		struct vm_area_struct *vma = current->vmacache.vmas[i];

		if (!vma)
			continue;
		if (WARN_ON_ONCE(vma->vm_mm != mm))
			break;
		if (vma->vm_start <= addr && vma->vm_end > addr)
			return vma;
	}
	return NULL;
}

#ifndef CONFIG_MMU
struct vm_area_struct *vmacache_find_exact(struct mm_struct *mm, kulong start,
					   kulong end)
{
	if (!vmacache_valid(mm))
		return NULL;

	for (u32 i = 0; i < VMACACHE_SIZE; i++) {
		struct vm_area_struct *vma = current->vmacache.vmas[i];

		if (vma && vma->vm_start == start && vma->vm_end == end)
			return vma;
	}
	return NULL;
}
#endif

/* ---- checking ---- */

static bool mm_has_vma(const struct mm_struct *mm,
		       const struct vm_area_struct *wanted)
{
	const struct vm_area_struct *vma = mm->mmap;

	for (int i = 0; vma && i < mm->map_count + 16; i++) {
		if (vma == wanted)
			return true;
		vma = vma->vm_next;
	}
	return false;
}

u32 check_vmacaches(const struct mm_struct *mm)
{
	struct list_head *tasks = &mm->machine->tasks;
	struct task_struct *task;
	u32 bad = 0;

	list_for_each_entry(task, tasks, struct task_struct, tasks)
	{
		if (task->mm != mm ||
		    task->vmacache.seqnum != mm->vmacache_seqnum)
			continue;
		for (u32 i = 0; i < VMACACHE_SIZE; i++) {
			const struct vm_area_struct *vma =
			    task->vmacache.vmas[i];

			if (vma && !mm_has_vma(mm, vma))
				REPORT_BAD(bad,
					   "vmacache slot %u of %s is "
					   "stale: %p",
					   i, task->comm, (const void *)vma);
		}
	}
	return bad;
}
