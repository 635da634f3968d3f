// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holes in the address space, after mm/mmap.c, arch/x86/mm/mmap.c and
 * arch/x86/kernel/sys_x86_64.c of 4.13: vma_compute_subtree_gap,
 * vma_gap_update, vma_rb_insert, vma_rb_erase, unmapped_area,
 * unmapped_area_topdown, arch_get_unmapped_area_topdown, get_unmapped_area,
 * mmap_base.
 *
 * mm_rb is augmented: rb_subtree_gap of a vma is the largest hole that lies
 * right below a vma of its subtree.  A new mapping goes into the highest hole
 * below mmap_base that is large enough; when there is none, into the lowest
 * one above TASK_UNMAPPED_BASE.
 *
 * Below a stack that grows its guard gap does not count as free.
 *
 * Left out: random layout, the legacy bottom-up layout (but for MAP_32BIT on
 * x86-64), cache colouring (no alignment is ever asked for), shared anonymous
 * memory.  A process has no right to map below MMAP_MIN_ADDR.  The room for
 * the stack is that of an RLIMIT_STACK of 8 MiB, as at exec.
 * Locks: mmap_sem for writing.
 */
#include "mm/internal.h"

#define SIZE_128M ((kulong)128 << 20)

/* Room of `length` bytes with low_limit <= start and end <= high_limit. */
struct vm_unmapped_area_info {
	kulong length, low_limit, high_limit;
};

static inline struct vm_area_struct *rb_to_vma(struct rb_node *rb)
{
	return rb_entry(rb, struct vm_area_struct, vm_rb);
}

static inline kulong hole_start(const struct vm_area_struct *vma)
{
	return vma->vm_prev ? vma->vm_prev->vm_end : 0;
}

kulong vma_compute_subtree_gap(struct vm_area_struct *vma)
{
	kulong gap = vm_start_gap(vma), below = hole_start(vma);

	/* A stack may have come closer to what is below than its guard gap;
	 * and while a neighbour changes, the two may overlap for a moment. */
	gap = gap > below ? gap - below : 0;
	if (vma->vm_rb.rb_left)
		gap =
		    fl_max(gap, rb_to_vma(vma->vm_rb.rb_left)->rb_subtree_gap);
	if (vma->vm_rb.rb_right)
		gap =
		    fl_max(gap, rb_to_vma(vma->vm_rb.rb_right)->rb_subtree_gap);
	return gap;
}

FL_RB_CALLBACKS(vma_gap_callbacks, struct vm_area_struct, vm_rb, rb_subtree_gap,
		vma_compute_subtree_gap)

void vma_gap_update(struct vm_area_struct *vma)
{
	vma_gap_callbacks_propagate(&vma->vm_rb, NULL);
}

void vma_rb_insert(struct vm_area_struct *vma, struct rb_root *root)
{
	rb_insert_augmented(&vma->vm_rb, root, &vma_gap_callbacks);
}

void vma_rb_erase(struct vm_area_struct *vma, struct rb_root *root)
{
	rb_erase_augmented(&vma->vm_rb, root, &vma_gap_callbacks);
}

/* The subtree below this child has a hole that is large enough. */
static struct vm_area_struct *promising(struct rb_node *child, kulong length)
{
	if (child && rb_to_vma(child)->rb_subtree_gap >= length)
		return rb_to_vma(child);
	return NULL;
}

/* Lowest fit. */
static kulong unmapped_area(const struct vm_unmapped_area_info *info)
{
	struct mm_struct *mm = current->mm;
	const kulong length = info->length;
	struct vm_area_struct *vma, *next;
	kulong start, end, high, low;

	if (info->high_limit < length)
		return (kulong)-ENOMEM;
	high = info->high_limit - length; /* the hole starts here at most */
	if (info->low_limit > high)
		return (kulong)-ENOMEM;
	low = info->low_limit + length; /* and ends here at least */

	vma = promising(mm->mm_rb.rb_node, length);
	if (!vma)
		goto highest;

	for (;;) {
		/* Leftwards as long as that can be right. */
		end = vm_start_gap(vma);
		if (end >= low) {
			next = promising(vma->vm_rb.rb_left, length);
			if (next) {
				vma = next;
				continue;
			}
		}
		start = hole_start(vma);
	check_current:
		if (start > high)
			return (kulong)-ENOMEM;
		if (end >= low && end > start && end - start >= length)
			return fl_max(start, info->low_limit);
		next = promising(vma->vm_rb.rb_right, length);
		if (next) {
			vma = next;
			continue;
		}
		/* Up, to the first node that has this one on its left. */
		for (;;) {
			struct rb_node *from = &vma->vm_rb;

			if (!rb_parent(from))
				goto highest;
			vma = rb_to_vma(rb_parent(from));
			if (from == vma->vm_rb.rb_left) {
				start = hole_start(vma);
				end = vm_start_gap(vma);
				goto check_current;
			}
		}
	}

highest:
	/* The room above the last vma follows no node. */
	start = mm->highest_vm_end;
	if (start > high)
		return (kulong)-ENOMEM;
	return fl_max(start, info->low_limit);
}

/* Highest fit. */
static kulong unmapped_area_topdown(const struct vm_unmapped_area_info *info)
{
	struct mm_struct *mm = current->mm;
	const kulong length = info->length;
	struct vm_area_struct *vma, *next;
	kulong start, end, high, low;

	if (info->high_limit < length)
		return (kulong)-ENOMEM;
	high = info->high_limit - length;
	if (info->low_limit > high)
		return (kulong)-ENOMEM;
	low = info->low_limit + length;

	if (mm->highest_vm_end <= high)
		return high;

	vma = promising(mm->mm_rb.rb_node, length);
	if (!vma)
		return (kulong)-ENOMEM;

	for (;;) {
		start = hole_start(vma);
		if (start <= high) {
			next = promising(vma->vm_rb.rb_right, length);
			if (next) {
				vma = next;
				continue;
			}
		}
	check_current:
		end = vm_start_gap(vma);
		if (end < low)
			return (kulong)-ENOMEM;
		if (start <= high && end > start && end - start >= length) {
			end = fl_min(end, info->high_limit);
			VM_BUG_ON(end - length < info->low_limit);
			VM_BUG_ON(end - length < start);
			return end - length;
		}
		next = promising(vma->vm_rb.rb_left, length);
		if (next) {
			vma = next;
			continue;
		}
		for (;;) {
			struct rb_node *from = &vma->vm_rb;

			if (!rb_parent(from))
				return (kulong)-ENOMEM;
			vma = rb_to_vma(rb_parent(from));
			if (from == vma->vm_rb.rb_right) {
				start = hole_start(vma);
				goto check_current;
			}
		}
	}
}

/* A third of the address space; ARM rounds it to 16 MiB. */
static kulong task_unmapped_base(void)
{
#ifdef CONFIG_ARM
	const kulong align = (kulong)16 << 20;
#else
	const kulong align = PAGE_SIZE;
#endif
	return (TASK_SIZE / 3 + align - 1) & ~(align - 1);
}

/* *addr, rounded up, is below end - len and free up to the next guard gap. */
static bool room_at(kulong *addr, kulong len, kulong end)
{
	struct vm_area_struct *vma;

	*addr = PAGE_ALIGN(*addr);
	vma = find_vma(current->mm, *addr);
	return end - len >= *addr && (!vma || *addr + len <= vm_start_gap(vma));
}

#ifdef CONFIG_X86_64
/* arch_get_unmapped_area and find_start_end for MAP_32BIT: from 1 to 2 GiB. */
static kulong arch_get_unmapped_area_32bit(kulong addr, kulong len)
{
	struct vm_unmapped_area_info info;

	info.length = len;
	info.low_limit = (kulong)0x40000000;
	info.high_limit = (kulong)0x80000000;
	if (len > info.high_limit)
		return (kulong)-ENOMEM;
	if (addr && room_at(&addr, len, info.high_limit))
		return addr;
	return unmapped_area(&info);
}
#endif

static kulong arch_get_unmapped_area_topdown(kulong addr, kulong len,
					     kulong flags)
{
	struct vm_unmapped_area_info info;

	if (len > TASK_SIZE)
		return (kulong)-ENOMEM;
	if (flags & MAP_FIXED)
		return addr;

#ifdef CONFIG_X86_64
	if (flags & MAP_32BIT)
		return arch_get_unmapped_area_32bit(addr, len);
#endif

	/* The wish is granted when all of the room is free. */
	if (addr && room_at(&addr, len, TASK_SIZE))
		return addr;

	info.length = len;
	info.low_limit = PAGE_SIZE;
	info.high_limit = current->mm->mmap_base;
	addr = unmapped_area_topdown(&info);
	if (!offset_in_page(addr))
		return addr;
	VM_BUG_ON(addr != (kulong)-ENOMEM);

	/* A full area below is no reason to fail while there is room above. */
	info.low_limit = task_unmapped_base();
	info.high_limit = TASK_SIZE;
	return unmapped_area(&info);
}

kulong get_unmapped_area(struct file *file, kulong addr, kulong len,
			 kulong pgoff, kulong flags)
{
	if (len > TASK_SIZE)
		return (kulong)-ENOMEM;

	if (file && file->f_op->get_unmapped_area)
		addr = file->f_op->get_unmapped_area(file, addr, len, pgoff,
						     flags);
	else
		addr = arch_get_unmapped_area_topdown(addr, len, flags);
	if (IS_ERR_VALUE(addr))
		return addr;

	if (addr > TASK_SIZE - len)
		return (kulong)-ENOMEM;
	if (offset_in_page(addr))
		return (kulong)-EINVAL;
	/* security_mmap_addr, for a task without CAP_SYS_RAWIO */
	if (addr < MMAP_MIN_ADDR)
		return (kulong)-EPERM;
	return addr;
}

kulong mmap_base(kulong task_size)
{
	kulong gap = STACK_LIMIT + STACK_GUARD_GAP;

	gap = fl_max(gap, SIZE_128M);
	gap = fl_min(gap, task_size / 6 * 5);
	return PAGE_ALIGN(task_size - gap);
}
