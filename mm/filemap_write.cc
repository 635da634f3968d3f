// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing to files by way of the page cache: the other half of mm/filemap.c of
 * 4.13, and what of mm/page-writeback.c is left without a disk.
 *
 *   generic_file_write_iter     generic_write_checks, __generic_file_write_iter
 *   generic_perform_write
 *   grab_cache_page_write_begin pagecache_get_page
 *   filemap_page_mkwrite
 *   set_page_dirty, set_page_dirty_lock   __set_page_dirty_no_writeback
 *
 * Lock order:
 *   inode->i_mutex
 *     mmap_sem          for reading, when the user's memory is faulted in
 *     page lock         from write_begin to write_end
 *
 * The user's memory is touched before the page is locked and then copied with
 * page faults disabled: it may be a mapping of that very page, and its fault
 * would wait for the lock.  A copy that comes out short all the same (the
 * memory was unmapped in between) tries again from there.
 *
 * Left out: direct and synchronous writes, O_APPEND, RLIMIT_FSIZE, privileges
 * and times, dirty accounting and throttling.  No file system here writes
 * back, so dirty is a mark that keeps a page, and nothing cleans it but its
 * end.
 */
#include "mm/fault.h"
#include "mm/fs.h"
#include "mm/internal.h"
#include "mm/sync/sched.h"
#include "mm/uaccess.h"

extern "C" {

/* ---- dirty pages ---- */

bool set_page_dirty(struct page *page)
{
	return !PageDirty(page) && !TestSetPageDirty(page);
}

void set_page_dirty_lock(struct page *page)
{
	lock_page(page);
	set_page_dirty(page);
	unlock_page(page);
}

/*
 * The first write to a page of a mapping.  Comes with a reference and without
 * the lock; VM_FAULT_LOCKED goes with it, VM_FAULT_NOPAGE: the page is the
 * file's no more, and the access starts over.
 */
int filemap_page_mkwrite(struct vm_fault *vmf)
{
	struct page *page = vmf->page;
	struct inode *inode = file_inode(vmf->vma->vm_file);

	lock_page(page);
	if (READ_ONCE(page->mapping) != inode->i_mapping) {
		unlock_page(page);
		return VM_FAULT_NOPAGE;
	}
	set_page_dirty(page);
	return VM_FAULT_LOCKED;
}

/* ---- write(2) ---- */

struct page *grab_cache_page_write_begin(struct address_space *mapping,
					 pgoff_t index)
{
	struct page *page;
	int error;

repeat:
	page = find_lock_page(mapping, index);
	if (page)
		return page;
	page = alloc_page(GFP_HIGHUSER_MOVABLE);
	if (!page)
		return NULL;
	error = add_to_page_cache_lru(page, mapping, index, GFP_KERNEL);
	if (unlikely(error)) {
		put_page(page);
		if (error == -EEXIST)
			goto repeat;
		return NULL;
	}
	return page;
}

/* i_mutex held.  Bytes that may be written from *pos on, 0, or -EFBIG. */
s64 generic_write_checks(struct file *file, const loff_t *pos,
			 struct iov_iter *from)
{
	const loff_t limit = file->f_mapping->host->i_sb->s_maxbytes;

	if (!iov_iter_count(from))
		return 0;
	if (*pos >= limit)
		return -EFBIG;
	if (from->count > (u64)(limit - *pos))
		from->count = (u64)(limit - *pos);
	return (s64)iov_iter_count(from);
}

/* Bytes written; -errno if none.  i_mutex held. */
s64 generic_perform_write(struct file *file, struct iov_iter *from, loff_t pos)
{
	struct address_space *mapping = file->f_mapping;
	const struct address_space_operations *a_ops = mapping->a_ops;
	s64 written = 0;
	int status = 0;

	do {
		const u32 offset = (u32)((u64)pos & (PAGE_SIZE - 1));
		struct page *page;
		u64 bytes, copied;

		bytes = PAGE_SIZE - offset;
		if (bytes > iov_iter_count(from))
			bytes = iov_iter_count(from);

		if (unlikely(iov_iter_fault_in_readable(from, bytes))) {
			status = -EFAULT;
			break;
		}
		if (fatal_signal_pending(current)) {
			status = -EINTR;
			break;
		}
		status =
		    a_ops->write_begin(file, mapping, pos, (u32)bytes, &page);
		if (unlikely(status < 0))
			break;
		copied =
		    iov_iter_copy_from_user_atomic(page, from, offset, bytes);
		status = a_ops->write_end(file, mapping, pos, (u32)bytes,
					  (u32)copied, page);
		if (unlikely(status < 0))
			break;
		copied = (u64)status;

		cond_resched();
		iov_iter_advance(from, copied);
		pos += (loff_t)copied;
		written += (s64)copied;
	} while (iov_iter_count(from));
	return written ? written : status;
}

s64 generic_file_write_iter(struct file *file, loff_t *pos,
			    struct iov_iter *from)
{
	struct inode *inode = file->f_mapping->host;
	s64 ret;

	mutex_lock(&inode->i_mutex);
	ret = generic_write_checks(file, pos, from);
	if (ret > 0) {
		ret = generic_perform_write(file, from, *pos);
		if (ret > 0)
			*pos += ret;
	}
	mutex_unlock(&inode->i_mutex);
	return ret;
}

} /* extern "C" */
