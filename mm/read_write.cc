// SPDX-License-Identifier: GPL-2.0-only
/*
 * read(2) and write(2) with user memory on one side.
 *
 *   sys_pread64, sys_pwrite64   vfs_read, vfs_write of fs/read_write.c
 *   sys_write_pipe              pipe_write of fs/pipe.c, with a reader that
 *                               takes each buffer as soon as it is full
 *   sys_vmsplice                vmsplice_to_pipe of fs/splice.c, likewise;
 *                               iov_iter_get_pages of lib/iov_iter.c
 *
 * No lock is held on entry or exit.  The copies fault in kernel mode: a range
 * that cannot be reached makes the result short, or -EFAULT if nothing went
 * through.  write(2) to a pipe counts whole buffers only, so what was copied
 * of a page before the fault is lost; vmsplice takes references to the pages
 * and so refuses VM_IO and VM_PFNMAP, from which write(2) may well copy.
 *
 * Left out: f_pos and its lock (only pread and pwrite are there), fsnotify,
 * mandatory locks, several segments; of pipes everything but the data path.
 */
#include "mm/fault.h"
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/sync/string.h"
#include "mm/uaccess.h"

extern "C" {

/* 0 and *bytes cut to what one call may move, or -errno. */
static int rw_verify_area(u64 addr, u64 *bytes, s64 position)
{
	if (position < 0)
		return -EINVAL;
	if (!access_ok(addr, *bytes))
		return -EFAULT;
	if (*bytes > MAX_RW_COUNT)
		*bytes = MAX_RW_COUNT;
	return 0;
}

s64 sys_pread64(struct file *file, u64 addr, u64 bytes, s64 position)
{
	loff_t pos = position;
	struct iov_iter to;
	int error;

	if (position < 0)
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (!file->f_op || !file->f_op->read_iter)
		return -EINVAL;
	error = rw_verify_area(addr, &bytes, position);
	if (error)
		return error;
	iov_iter_user(&to, (kulong)addr, bytes);
	return file->f_op->read_iter(file, &pos, &to);
}

s64 sys_pwrite64(struct file *file, u64 addr, u64 bytes, s64 position)
{
	loff_t pos = position;
	struct iov_iter from;
	int error;

	if (position < 0)
		return -EINVAL;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (!file->f_op || !file->f_op->write_iter)
		return -EINVAL;
	error = rw_verify_area(addr, &bytes, position);
	if (error)
		return error;
	iov_iter_user(&from, (kulong)addr, bytes);
	return file->f_op->write_iter(file, &pos, &from);
}

/* The reader's end: out is the host's, NULL throws the data away. */
static char *pipe_read_buf(struct page *page, u64 offset, u64 bytes, char *out)
{
	if (!out)
		return NULL;
	memcpy(out, (const char *)kmap(page) + offset, (size_t)bytes);
	kunmap(page);
	return out + bytes;
}

s64 sys_write_pipe(u64 addr, u64 bytes, void *to)
{
	char *out = (char *)to;
	struct iov_iter from;
	s64 ret = 0;

	if (!access_ok(addr, bytes))
		return -EFAULT;
	if (bytes > MAX_RW_COUNT)
		bytes = MAX_RW_COUNT;
	iov_iter_user(&from, (kulong)addr, bytes);
	while (iov_iter_count(&from)) {
		struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE);
		u64 copied;

		if (!page) {
			if (!ret)
				ret = -ENOMEM;
			break;
		}
		copied = copy_page_from_iter(page, 0, PAGE_SIZE, &from);
		if (copied < PAGE_SIZE && iov_iter_count(&from)) {
			if (!ret)
				ret = -EFAULT;
			put_page(page);
			break;
		}
		out = pipe_read_buf(page, 0, copied, out);
		put_page(page);
		ret += (s64)copied;
	}
	return ret;
}

#define PIPE_BUFFERS 16

/* Bytes in the pages got, the first *start bytes of them not asked for; or
 * -errno.  write: the pages are to be written to. */
static klong iov_iter_get_pages(struct iov_iter *i, struct page **pages,
				u32 maxpages, u64 *start, int write)
{
	const kulong addr = i->user & PAGE_MASK;
	kulong len;
	u32 nr;
	int got;

	*start = offset_in_page(i->user);
	len = (kulong)fl_min((kulong)i->count,
			     (kulong)(maxpages * PAGE_SIZE - *start));
	len += (kulong)*start;
	nr = (u32)((len + PAGE_SIZE - 1) >> PAGE_SHIFT);
	got = get_user_pages_fast(addr, (int)nr, write, pages);
	if (got < 0)
		return got;
	return (klong)((got == (int)nr ? len : (kulong)got * PAGE_SIZE) -
		       (kulong)*start);
}

s64 sys_vmsplice(u64 addr, u64 bytes, void *to)
{
	struct page *pages[PIPE_BUFFERS];
	char *out = (char *)to;
	struct iov_iter from;
	s64 total = 0;

	if (!access_ok(addr, bytes))
		return -EFAULT;
	if (bytes > MAX_RW_COUNT)
		bytes = MAX_RW_COUNT;
	iov_iter_user(&from, (kulong)addr, bytes);
	while (iov_iter_count(&from)) {
		u64 start, left;
		klong copied;
		u32 n;

		copied =
		    iov_iter_get_pages(&from, pages, PIPE_BUFFERS, &start, 0);
		if (copied <= 0)
			return total ? total : copied;
		left = (u64)copied;
		for (n = 0; left; n++, start = 0) {
			const u64 size =
			    fl_min((kulong)left, (kulong)(PAGE_SIZE - start));

			out = pipe_read_buf(pages[n], start, size, out);
			put_page(pages[n]);
			iov_iter_advance(&from, size);
			total += (s64)size;
			left -= size;
		}
	}
	return total;
}

} /* extern "C" */
