// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading ahead of what was asked for, after mm/readahead.c of 4.13, and the
 * part of mm/filemap.c by which a fault does so.
 *
 *   file_ra_state_init
 *   page_cache_sync_readahead, page_cache_async_readahead
 *   force_page_cache_readahead          madvise(MADV_WILLNEED)
 *   ondemand_readahead                  get_init_ra_size, get_next_ra_size,
 *                                       try_context_readahead, ra_submit
 *   __do_page_cache_readahead           read_pages
 *   do_sync_mmap_readahead, do_async_mmap_readahead
 *
 * The window of a file, [start, start + size), is what was asked of the device
 * last.  The page async_size before its end is marked PG_readahead: who meets
 * it has the next window read.
 *
 *	|<---------------- size ---------------->|
 *	|                      |<- async_size -->|
 *	start                  PG_readahead
 *
 * No lock: f_ra is a hint that tasks with the same struct file overwrite for
 * each other.  What is read is added to the page cache page by page, each
 * locked until it is read; an error is left to who wants the page.
 *
 * A file system without a device has ra_pages 0, and nothing here happens.
 *
 * Left out: congestion, plugging, ->readpages, swap and shadow entries (a page
 * once evicted counts as never read), POSIX_FADV_RANDOM.
 */
#include "mm/fs.h"
#include "mm/internal.h"
#include "mm/mm.h"
#include "mm/radix_tree.h"

#include "mm/sync/sched.h"

extern "C" {

#define MMAP_LOTSAMISS 100
/* force_page_cache_readahead goes in steps of so many bytes. */
#define FORCED_CHUNK (2u << 20)

void file_ra_state_init(struct file_ra_state *ra,
			const struct address_space *mapping)
{
	ra->start = 0;
	ra->size = ra->async_size = ra->mmap_miss = 0;
	ra->ra_pages = mapping->host->i_sb->s_bdi->ra_pages;
	ra->prev_pos = -1;
}

/* ---- the page cache around an index ---- */

static bool page_is_cached(struct address_space *mapping, pgoff_t index)
{
	void **slot;
	bool cached;

	rcu_read_lock();
	slot = radix_tree_lookup_slot(mapping, index);
	cached = slot && radix_tree_deref_slot(slot);
	rcu_read_unlock();
	return cached;
}

/* How many pages in a row are cached from index on, upwards (step 1) or
 * downwards (-1); at most max.  For page_cache_next_hole and _prev_hole. */
static kulong cached_run(struct address_space *mapping, pgoff_t index, int step,
			 kulong max)
{
	kulong n = 0;

	while (n < max && page_is_cached(mapping, index)) {
		n++;
		if (index == (step > 0 ? ~(pgoff_t)0 : 0))
			break;
		index += step;
	}
	return n;
}

/* ---- reading ---- */

/*
 * Those of the nr_to_read pages from offset on that are not cached and lie in
 * the file.  The page lookahead_size before the last is marked.  Stops when
 * memory is short.  How many were new.
 */
static kulong __do_page_cache_readahead(struct address_space *mapping,
					struct file *file, pgoff_t offset,
					kulong nr_to_read,
					kulong lookahead_size)
{
	const loff_t isize = i_size_read(mapping->host);
	struct list_head page_pool;
	struct page *page, *next;
	kulong page_idx, ret = 0;
	pgoff_t end_index;

	if (isize == 0)
		return 0;
	end_index = (pgoff_t)((isize - 1) >> PAGE_SHIFT);
	INIT_LIST_HEAD(&page_pool);

	/* All memory first: an allocation may have to wait, and what was begun
	 * to be read should not wait with it. */
	for (page_idx = 0; page_idx < nr_to_read; page_idx++) {
		const pgoff_t page_offset = offset + page_idx;

		if (page_offset > end_index)
			break;
		if (page_is_cached(mapping, page_offset))
			continue;
		page = alloc_page(GFP_KERNEL);
		if (!page)
			break;
		page->index = page_offset;
		if (page_idx == nr_to_read - lookahead_size)
			SetPageReadahead(page);
		list_add_tail(&page->lru, &page_pool);
		ret++;
	}

	list_for_each_entry_safe(page, next, &page_pool, struct page, lru)
	{
		list_del(&page->lru);
		if (add_to_page_cache_lru(page, mapping, page->index,
					  GFP_KERNEL) == 0)
			(void)mapping->a_ops->readpage(file, page);
		put_page(page);
	}
	return ret;
}

int force_page_cache_readahead(struct address_space *mapping, struct file *file,
			       pgoff_t offset, kulong nr_to_read)
{
	const struct backing_dev_info *bdi = mapping->host->i_sb->s_bdi;
	const kulong max_pages =
	    fl_max((kulong)bdi->io_pages, (kulong)file->f_ra.ra_pages);

	if (unlikely(!mapping->a_ops->readpage))
		return -EINVAL;
	nr_to_read = fl_min(nr_to_read, max_pages);
	while (nr_to_read) {
		const kulong this_chunk =
		    fl_min((kulong)(FORCED_CHUNK / PAGE_SIZE), nr_to_read);

		__do_page_cache_readahead(mapping, file, offset, this_chunk, 0);
		offset += this_chunk;
		nr_to_read -= this_chunk;
	}
	return 0;
}

static kulong ra_submit(const struct file_ra_state *ra,
			struct address_space *mapping, struct file *file)
{
	return __do_page_cache_readahead(mapping, file, ra->start, ra->size,
					 ra->async_size);
}

/* ---- how much ---- */

static u32 roundup_pow_of_two(kulong n)
{
	u32 power = 1;

	while (power < n)
		power <<= 1;
	return power;
}

/* Of the first window: for a read of 1 to 4 pages, of max 32, 4 to 16. */
static u32 get_init_ra_size(kulong size, kulong max)
{
	const u32 newsize = roundup_pow_of_two(size);

	if (newsize <= max / 32)
		return newsize * 4;
	if (newsize <= max / 4)
		return newsize * 2;
	return (u32)max;
}

static u32 get_next_ra_size(const struct file_ra_state *ra, kulong max)
{
	const u32 cur = ra->size;
	const u32 newsize = cur < max / 16 ? 4 * cur : 2 * cur;

	return (u32)fl_min((kulong)newsize, max);
}

/* True, with the window set: pages before offset are cached, so this looks
 * like one of several readers in sequence. */
static bool try_context_readahead(struct address_space *mapping,
				  struct file_ra_state *ra, pgoff_t offset,
				  kulong req_size, kulong max)
{
	kulong size = cached_run(mapping, offset - 1, -1, max);

	if (size <= req_size)
		return false;
	/* From the beginning of the file: a reader from the start. */
	if (size >= offset)
		size *= 2;
	ra->start = offset;
	ra->size = (u32)fl_min(size + req_size, max);
	ra->async_size = 1;
	return true;
}

/* hit: offset is a page marked PG_readahead; otherwise it is not cached. */
static kulong ondemand_readahead(struct address_space *mapping,
				 struct file_ra_state *ra, struct file *file,
				 bool hit, pgoff_t offset, kulong req_size)
{
	const struct backing_dev_info *bdi = mapping->host->i_sb->s_bdi;
	kulong max_pages = ra->ra_pages;

	/* A large read may have as much as the device takes at once. */
	if (req_size > max_pages && bdi->io_pages > max_pages)
		max_pages = fl_min(req_size, (kulong)bdi->io_pages);

	if (!offset)
		goto initial_readahead;

	/* Where the window said the next access would be: push it on. */
	if (offset == ra->start + ra->size - ra->async_size ||
	    offset == ra->start + ra->size) {
		ra->start += ra->size;
		ra->size = get_next_ra_size(ra, max_pages);
		ra->async_size = ra->size;
		goto readit;
	}

	/* A mark of another reader's window: its end is the next hole. */
	if (hit) {
		const kulong ahead =
		    1 + cached_run(mapping, offset + 1, 1, max_pages);

		if (ahead > max_pages)
			return 0;
		ra->start = offset + ahead;
		ra->size = (u32)(ahead + req_size);
		ra->size = get_next_ra_size(ra, max_pages);
		ra->async_size = ra->size;
		goto readit;
	}

	if (req_size > max_pages)
		goto initial_readahead;
	/* In sequence: the same page again, or the one behind. */
	if (offset - (pgoff_t)((u64)ra->prev_pos >> PAGE_SHIFT) <= 1)
		goto initial_readahead;
	if (try_context_readahead(mapping, ra, offset, req_size, max_pages))
		goto readit;
	/* At random: only what is wanted, and the window stays. */
	return __do_page_cache_readahead(mapping, file, offset, req_size, 0);

initial_readahead:
	ra->start = offset;
	ra->size = get_init_ra_size(req_size, max_pages);
	ra->async_size =
	    ra->size > req_size ? ra->size - (u32)req_size : ra->size;

readit:
	/* The page that is wanted would itself be the mark: both windows now.
	 */
	if (offset == ra->start && ra->size == ra->async_size) {
		ra->async_size = get_next_ra_size(ra, max_pages);
		ra->size += ra->async_size;
	}
	return ra_submit(ra, mapping, file);
}

void page_cache_sync_readahead(struct address_space *mapping, struct file *file,
			       pgoff_t offset, kulong req_size)
{
	struct file_ra_state *ra = &file->f_ra;

	if (!ra->ra_pages)
		return;
	ondemand_readahead(mapping, ra, file, false, offset, req_size);
}

void page_cache_async_readahead(struct address_space *mapping,
				struct file *file, struct page *page,
				pgoff_t offset, kulong req_size)
{
	struct file_ra_state *ra = &file->f_ra;

	if (!ra->ra_pages)
		return;
	ClearPageReadahead(page);
	ondemand_readahead(mapping, ra, file, true, offset, req_size);
}

/* ---- faults ---- */

/* mmap_sem held; the page is not cached. */
void do_sync_mmap_readahead(struct vm_area_struct *vma, struct file *file,
			    pgoff_t offset)
{
	struct address_space *mapping = file->f_mapping;
	struct file_ra_state *ra = &file->f_ra;

	if (vma->vm_flags & VM_RAND_READ || !ra->ra_pages)
		return;
	if (vma->vm_flags & VM_SEQ_READ) {
		page_cache_sync_readahead(mapping, file, offset, ra->ra_pages);
		return;
	}
	if (ra->mmap_miss < MMAP_LOTSAMISS * 10)
		ra->mmap_miss++;
	/* Reading around has not paid off here. */
	if (ra->mmap_miss > MMAP_LOTSAMISS)
		return;
	ra->start = offset > ra->ra_pages / 2 ? offset - ra->ra_pages / 2 : 0;
	ra->size = ra->ra_pages;
	ra->async_size = ra->ra_pages / 4;
	ra_submit(ra, mapping, file);
}

/* mmap_sem held; the caller has a reference on the page. */
void do_async_mmap_readahead(struct vm_area_struct *vma, struct file *file,
			     struct page *page, pgoff_t offset)
{
	struct file_ra_state *ra = &file->f_ra;

	if (vma->vm_flags & VM_RAND_READ)
		return;
	if (ra->mmap_miss > 0)
		ra->mmap_miss--;
	if (PageReadahead(page))
		page_cache_async_readahead(file->f_mapping, file, page, offset,
					   ra->ra_pages);
}

} /* extern "C" */
