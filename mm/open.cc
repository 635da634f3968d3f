// SPDX-License-Identifier: GPL-2.0-only
/*
 * What changes a file's size or its place in memory, after fs/open.c and
 * mm/fadvise.c of 4.13.
 *
 *   do_truncate          do_sys_ftruncate, notify_change
 *   inode_newsize_ok     fs/attr.c
 *   vfs_fallocate        vfs_fadvise (sys_fadvise64_64)
 *
 * The inode's i_mutex is taken here by do_truncate, and by ->fallocate itself.
 *
 * Left out: times, privileges, leases, freezing, RLIMIT_FSIZE; readahead, so
 * that of fadvise only DONTNEED does anything.
 */
#include "mm/fault.h"
#include "mm/fs.h"
#include "mm/sync/sched.h"

extern "C" {

#define POSIX_FADV_DONTNEED 4
#define POSIX_FADV_NOREUSE 5

int inode_newsize_ok(const struct inode *inode, loff_t size)
{
	if (size > inode->i_size && size > inode->i_sb->s_maxbytes)
		return -EFBIG;
	return 0;
}

int do_truncate(struct file *file, loff_t length)
{
	struct inode *inode = file_inode(file);
	const struct iattr attr = {ATTR_SIZE, length};
	int error;

	if (length < 0 || !S_ISREG(inode->i_mode) ||
	    !(file->f_mode & FMODE_WRITE))
		return -EINVAL;
	if (!inode->i_op || !inode->i_op->setattr)
		return -EPERM;
	mutex_lock(&inode->i_mutex);
	error = inode->i_op->setattr(inode, &attr);
	mutex_unlock(&inode->i_mutex);
	return error;
}

int vfs_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);

	if (offset < 0 || len <= 0)
		return -EINVAL;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	/* A hole never moves the end. */
	if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (S_ISDIR(inode->i_mode))
		return -EISDIR;
	if (!S_ISREG(inode->i_mode))
		return -ENODEV;
	if ((u64)offset + (u64)len > (u64)inode->i_sb->s_maxbytes)
		return -EFBIG;
	if (!file->f_op->fallocate)
		return -EOPNOTSUPP;
	return file->f_op->fallocate(file, mode, offset, len);
}

int vfs_fadvise(struct file *file, loff_t offset, loff_t len, int advice)
{
	const u64 mask = PAGE_SIZE - 1;
	u64 endbyte = (u64)offset + (u64)len; /* inclusive, below */
	pgoff_t start_index, end_index;

	if (len < 0)
		return -EINVAL;
	if (advice < 0 || advice > POSIX_FADV_NOREUSE)
		return -EINVAL;
	if (advice != POSIX_FADV_DONTNEED)
		return 0;

	/* No length, or an overflow: as far as possible. */
	endbyte = !len || (loff_t)endbyte < len ? ~(u64)0 : endbyte - 1;
	start_index = (pgoff_t)(((u64)offset + mask) >> PAGE_SHIFT);
	end_index = (pgoff_t)(endbyte >> PAGE_SHIFT);
	/* Whole pages only. */
	if ((endbyte & mask) != mask) {
		if (!end_index)
			return 0;
		end_index--;
	}
	if (end_index >= start_index) {
		const kulong count = invalidate_mapping_pages(
		    file->f_mapping, start_index, end_index);

		/* Some may have been busy a moment ago. */
		if (count < end_index - start_index + 1)
			invalidate_mapping_pages(file->f_mapping, start_index,
						 end_index);
	}
	return 0;
}

} /* extern "C" */
