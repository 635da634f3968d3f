// SPDX-License-Identifier: GPL-2.0-only
/*
 * msync, after mm/msync.c of 4.13: sys_msync; vfs_fsync_range of fs/sync.c.
 *
 * Holes in the range are stepped over, and -ENOMEM tells of them at the end.
 * mmap_sem is held for reading, and dropped while a file is synced: then the
 * next vma is looked up anew, from where the synced one ended.
 */
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/sync/sched.h"

extern "C" {

#define MS_ASYNC 1
#define MS_INVALIDATE 2
#define MS_SYNC 4

static int vfs_fsync_range(struct file *file, loff_t start, loff_t end,
			   int datasync)
{
	if (!file->f_op->fsync)
		return -EINVAL;
	return file->f_op->fsync(file, start, end, datasync);
}

/* [start, end), page aligned and not empty; sem not held. */
static int msync_range(struct mm_struct *mm, kulong start, kulong end,
		       u32 flags)
{
	struct vm_area_struct *vma;
	int unmapped_error = 0;
	int error;

	down_read(&mm->mmap_sem);
	vma = find_vma(mm, start);
	for (;;) {
		struct file *file;
		loff_t fstart, fend;

		error = -ENOMEM;
		if (!vma)
			break;
		if (start < vma->vm_start) {
			start = vma->vm_start;
			if (start >= end)
				break;
			unmapped_error = -ENOMEM;
		}
		if ((flags & MS_INVALIDATE) && (vma->vm_flags & VM_LOCKED)) {
			error = -EBUSY;
			break;
		}
		file = vma->vm_file;
		fstart = (loff_t)(start - vma->vm_start) +
			 ((loff_t)vma->vm_pgoff << PAGE_SHIFT);
		fend = fstart + (loff_t)(fl_min(end, vma->vm_end) - start) - 1;
		start = vma->vm_end;
		if ((flags & MS_SYNC) && file && (vma->vm_flags & VM_SHARED)) {
			/* The vma may go as soon as the lock does. */
			get_file(file);
			up_read(&mm->mmap_sem);
			error = vfs_fsync_range(file, fstart, fend, 1);
			fput(file);
			if (error || start >= end)
				return error ? error : unmapped_error;
			down_read(&mm->mmap_sem);
			vma = find_vma(mm, start);
		} else {
			if (start >= end) {
				error = 0;
				break;
			}
			vma = vma->vm_next;
		}
	}
	up_read(&mm->mmap_sem);
	return error ? error : unmapped_error;
}

s64 sys_msync(u64 start, u64 len_in, u32 flags)
{
	kulong len, end;

	if (flags & ~(u32)(MS_ASYNC | MS_INVALIDATE | MS_SYNC))
		return -EINVAL;
	if (offset_in_page(start))
		return -EINVAL;
	if ((flags & MS_ASYNC) && (flags & MS_SYNC))
		return -EINVAL;
	if ((u64)(kulong)start != start || (u64)(kulong)len_in != len_in)
		return -ENOMEM;
	len = PAGE_ALIGN((kulong)len_in);
	end = (kulong)start + len;
	if (end < start)
		return -ENOMEM;
	if (end == start)
		return 0;
	return msync_range(current->mm, (kulong)start, end, flags);
}

} /* extern "C" */
