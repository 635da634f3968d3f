// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of a file moved into a pipe without copying, and copied out of it.
 *
 *   alloc_pipe_info, free_pipe_info, pipe_read    fs/pipe.c
 *   generic_file_splice_read                      fs/splice.c, with
 *                                                 generic_file_read_iter and
 *                                                 copy_page_to_iter_pipe
 *
 * The pipe holds a reference to each page, so a page outlives in it the
 * mapping, the file, and its place in the page cache.
 *
 * Left out: waiting (a full pipe is -EAGAIN, an empty one gives 0 bytes),
 * writing, packets, other kinds of buffers, resizing.
 *
 * Locks: pipe->mutex; page locks are taken inside.
 */
#include "mm/fault.h"
#include "mm/fs.h"
#include "mm/sync/machine.h"
#include "mm/sync/string.h"

extern "C" {

struct pipe_inode_info *alloc_pipe_info(void)
{
	struct pipe_inode_info *pipe = (struct pipe_inode_info *)kmalloc(
	    sizeof(*pipe), GFP_KERNEL | __GFP_ZERO);

	if (pipe)
		mutex_init_named(&pipe->mutex, "pipe->mutex");
	return pipe;
}

/* Drops the buffer at the head. */
static void pipe_buf_release(struct pipe_inode_info *pipe)
{
	struct pipe_buffer *buf = &pipe->bufs[pipe->curbuf];

	put_page(buf->page);
	buf->page = NULL;
	pipe->curbuf = (pipe->curbuf + 1) % PIPE_DEF_BUFFERS;
	pipe->nrbufs--;
}

void free_pipe_info(struct pipe_inode_info *pipe)
{
	while (pipe->nrbufs)
		pipe_buf_release(pipe);
	kfree(pipe);
}

/*
 * Takes over the reference to page if it is put into the pipe: false when
 * there is no room.
 */
static bool copy_page_to_pipe(struct pipe_inode_info *pipe, struct page *page,
			      u32 offset, u32 bytes)
{
	struct pipe_buffer *buf;

	if (pipe->nrbufs == PIPE_DEF_BUFFERS)
		return false;
	buf = &pipe->bufs[(pipe->curbuf + pipe->nrbufs) % PIPE_DEF_BUFFERS];
	buf->page = page;
	buf->offset = offset;
	buf->len = bytes;
	pipe->nrbufs++;
	return true;
}

s64 generic_file_splice_read(struct file *file, loff_t *pos,
			     struct pipe_inode_info *pipe, size_t bytes)
{
	struct inode *inode = file->f_mapping->host;
	const pgoff_t last_index = last_page_index(*pos, bytes);
	s64 done = 0;
	s64 error = 0;

	mutex_lock(&pipe->mutex);
	if (pipe->nrbufs == PIPE_DEF_BUFFERS && bytes)
		error = -EAGAIN;
	while (bytes && !error) {
		const u32 offset = (u32)(*pos & (loff_t)(PAGE_SIZE - 1));
		loff_t nr = (loff_t)PAGE_SIZE - offset;
		struct page *page;
		loff_t left;

		cond_resched();
		left = i_size_read(inode) - *pos;
		if (left <= 0)
			break;
		page = find_or_read_page(file, (pgoff_t)(*pos >> PAGE_SHIFT),
					 last_index);
		if (IS_ERR(page)) {
			error = PTR_ERR(page);
			break;
		}
		if (nr > left)
			nr = left;
		if (nr > (loff_t)bytes)
			nr = (loff_t)bytes;
		if (!copy_page_to_pipe(pipe, page, offset, (u32)nr)) {
			put_page(page);
			break;
		}
		*pos += nr;
		bytes -= (size_t)nr;
		done += nr;
	}
	mutex_unlock(&pipe->mutex);
	return done ? done : error;
}

s64 pipe_read(struct pipe_inode_info *pipe, char *to, size_t bytes)
{
	s64 done = 0;

	mutex_lock(&pipe->mutex);
	while (bytes && pipe->nrbufs) {
		struct pipe_buffer *buf = &pipe->bufs[pipe->curbuf];
		const u32 nr = buf->len < bytes ? buf->len : (u32)bytes;

		memcpy(to, (char *)kmap(buf->page) + buf->offset, nr);
		kunmap(buf->page);
		to += nr;
		bytes -= nr;
		done += nr;
		buf->offset += nr;
		buf->len -= nr;
		if (!buf->len)
			pipe_buf_release(pipe);
	}
	mutex_unlock(&pipe->mutex);
	return done;
}

} /* extern "C" */
