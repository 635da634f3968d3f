// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stacks that grow by being touched, after mm/mmap.c of 4.13:
 * acct_stack_growth, expand_downwards, expand_stack, find_extend_vma.
 *
 * A vma with VM_GROWSDOWN is grown by the fault below it.  mmap_sem is held
 * for reading only, so two faults may do this at once, to one stack or to two:
 *
 *   anon_vma rwsem     two faults below one vma: the second finds it grown.
 *                      Its anon_vma is made before, for this purpose.
 *   page_table_lock    two vmas of the mm, which may have two anon_vmas: the
 *                      holes in mm_rb and the counts of the mm
 *
 * vm_start and vm_pgoff thus change outside of __vma_adjust.  Nobody who
 * holds mmap_sem for reading may rely on the vm_start of a stack.
 *
 * Growth is charged as committed memory whether or not the vma has VM_ACCOUNT,
 * as in 4.13; what a mapping without it was charged never comes back.
 *
 * Left out: stacks that grow up; huge-page-only ranges.
 */
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/sync/sched.h"

/* 0, -ENOMEM.  size: of the vma when grown, bytes; grow: pages more. */
static int acct_stack_growth(struct vm_area_struct *vma, kulong size,
			     kulong grow)
{
	struct mm_struct *mm = vma->vm_mm;

	if (!may_expand_vm(mm, vma->vm_flags, grow))
		return -ENOMEM;
	if (size > rlimit(RLIMIT_STACK))
		return -ENOMEM;
	if (mlock_future_check(mm, vma->vm_flags, grow << PAGE_SHIFT))
		return -ENOMEM;
	/* Last, as it changes something. */
	if (security_vm_enough_memory(mm, grow))
		return -ENOMEM;
	return 0;
}

/*
 * Makes vma, the first above address, begin at the page of address.  0, also
 * when another task was faster; -ENOMEM: limits, or another mapping would come
 * closer than STACK_GUARD_GAP; -EPERM: below what may be mapped.  sem held.
 */
int expand_downwards(struct vm_area_struct *vma, kulong address)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *prev = vma->vm_prev;
	int error = 0;

	address &= PAGE_MASK;
	if (address < MMAP_MIN_ADDR)
		return -EPERM;

	/* Mappings without any access are guards themselves. */
	if (prev && !(prev->vm_flags & VM_GROWSDOWN) &&
	    (prev->vm_flags & (VM_WRITE | VM_READ | VM_EXEC)) &&
	    address - prev->vm_end < STACK_GUARD_GAP)
		return -ENOMEM;

	if (unlikely(anon_vma_prepare(vma)))
		return -ENOMEM;
	anon_vma_lock_write(vma->anon_vma);

	if (address < vma->vm_start) {
		const kulong size = vma->vm_end - address;
		const kulong grow = (vma->vm_start - address) >> PAGE_SHIFT;

		error = -ENOMEM;
		if (grow <= vma->vm_pgoff) {
			error = acct_stack_growth(vma, size, grow);
			if (!error) {
				spin_lock(&mm->page_table_lock);
				if (vma->vm_flags & VM_LOCKED)
					mm->locked_vm += grow;
				vm_stat_account(mm, vma->vm_flags, (klong)grow);
				anon_vma_interval_tree_pre_update_vma(vma);
				vma->vm_start = address;
				vma->vm_pgoff -= grow;
				anon_vma_interval_tree_post_update_vma(vma);
				vma_gap_update(vma);
				spin_unlock(&mm->page_table_lock);
			}
		}
	}
	anon_vma_unlock_write(vma->anon_vma);
	return error;
}

int expand_stack(struct vm_area_struct *vma, kulong address)
{
	return expand_downwards(vma, address);
}

struct vm_area_struct *find_extend_vma(struct mm_struct *mm, kulong addr)
{
	struct vm_area_struct *vma;
	kulong start;

	addr &= PAGE_MASK;
	vma = find_vma(mm, addr);
	if (!vma)
		return NULL;
	if (vma->vm_start <= addr)
		return vma;
	if (!(vma->vm_flags & VM_GROWSDOWN))
		return NULL;
	start = vma->vm_start;
	if (expand_stack(vma, addr))
		return NULL;
	if (vma->vm_flags & VM_LOCKED)
		(void)populate_vma_page_range(vma, addr, start, NULL);
	return vma;
}
