// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page cache, reading and faults on files (mm/filemap.c of 4.13).
 *
 *   find_get_page, find_lock_page, add_to_page_cache_lru,
 *   add_to_page_cache_locked, delete_from_page_cache
 *   lock_page, unlock_page, __lock_page_or_retry
 *   filemap_fault, filemap_map_pages
 *   generic_file_read_iter, generic_file_read, generic_file_mmap,
 *   generic_file_readonly_mmap
 *   read_mapping_page
 *
 * Writing is in filemap_write.cc, taking pages out in truncate.cc, reading
 * ahead in readahead.cc.
 *
 * Lock order:
 *   mmap_sem
 *     page lock                   a bit of page->flags, sleeping
 *       mapping->i_mmap_rwsem
 *         pte lock
 *           mapping->tree_lock
 *
 * A lookup holds only rcu_read_lock: it takes a reference on what it found
 * unless the count is zero, and then looks whether the slot still names the
 * same page.  tree_lock excludes writers.  Readers of page->mapping hold the
 * page lock.
 *
 * Left out: dirty accounting and write-back, shadow entries, looking up many
 * pages at once.
 */
#include "mm/fault.h"
#include "mm/fs.h"
#include "mm/internal.h"
#include "mm/mm.h"
#include "mm/radix_tree.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/uaccess.h"

extern "C" {

void address_space_init_once(struct address_space *mapping)
{
	memset(mapping, 0, sizeof(*mapping));
	spin_lock_init_named(&mapping->tree_lock, "mapping->tree_lock");
	init_rwsem_named(&mapping->i_mmap_rwsem, "mapping->i_mmap_rwsem");
	mapping->i_mmap.rb_node = NULL;
}

/* ---- the page lock ---- */

bool trylock_page(struct page *page)
{
	return bit_trylock(PG_locked, &page->flags, "page_lock");
}

void lock_page(struct page *page)
{
	bit_lock(PG_locked, &page->flags, "page_lock");
}

int lock_page_killable(struct page *page)
{
	return bit_lock_killable(PG_locked, &page->flags, "page_lock");
}

void unlock_page(struct page *page)
{
	VM_BUG_ON_PAGE(!PageLocked(page), page);
	bit_unlock(PG_locked, &page->flags, "page_lock");
}

int wait_on_page_locked(struct page *page, bool killable)
{
	return PageLocked(page)
		   ? wait_on_bit(PG_locked, &page->flags, "page_lock", killable)
		   : 0;
}

/*
 * 1: the page is locked, mmap_sem still held.  0: it is not; mmap_sem was
 * dropped, unless the caller asked not to wait at all.  With ALLOW_RETRY the
 * lock is only waited for, not taken: the caller will start over.  Without,
 * only a KILLABLE waiter that was killed gives up.
 */
int __lock_page_or_retry(struct page *page, struct mm_struct *mm, u32 flags)
{
	if (flags & FAULT_FLAG_ALLOW_RETRY) {
		if (flags & FAULT_FLAG_RETRY_NOWAIT)
			return 0;
		up_read(&mm->mmap_sem);
		(void)wait_on_page_locked(page, flags & FAULT_FLAG_KILLABLE);
		return 0;
	}
	if (flags & FAULT_FLAG_KILLABLE) {
		if (lock_page_killable(page)) {
			up_read(&mm->mmap_sem);
			return 0;
		}
	} else {
		lock_page(page);
	}
	return 1;
}

/* ---- the tree ---- */

/* Takes a reference on what the slot names now; NULL when it is empty. */
static struct page *get_slot_page(void **slot)
{
	for (;;) {
		struct page *page = (struct page *)radix_tree_deref_slot(slot);

		if (!page)
			return NULL;
		if (!get_page_unless_zero(page))
			continue;
		/* Freed and reused for something else meanwhile? */
		if (likely(page == radix_tree_deref_slot(slot)))
			return page;
		put_page(page);
	}
}

struct page *find_get_page(struct address_space *mapping, pgoff_t index)
{
	struct page *page = NULL;
	void **slot;

	rcu_read_lock();
	slot = radix_tree_lookup_slot(mapping, index);
	if (slot)
		page = get_slot_page(slot);
	rcu_read_unlock();
	return page;
}

struct page *find_lock_page(struct address_space *mapping, pgoff_t index)
{
	struct page *page;

repeat:
	page = find_get_page(mapping, index);
	if (!page)
		return NULL;
	lock_page(page);
	/* Truncated while the lock was waited for? */
	if (unlikely(READ_ONCE(page->mapping) != mapping)) {
		unlock_page(page);
		put_page(page);
		goto repeat;
	}
	VM_BUG_ON_PAGE(page->index != index, page);
	return page;
}

struct page *find_get_next_page(struct address_space *mapping, pgoff_t *index,
				pgoff_t last)
{
	struct page *page = NULL;
	pgoff_t at = *index;

	rcu_read_lock();
	for (;;) {
		void **slot = radix_tree_next_slot(mapping, at, last, &at);

		if (!slot)
			break;
		page = get_slot_page(slot);
		/* Emptied meanwhile: the next one. */
		if (page || at++ == last)
			break;
	}
	rcu_read_unlock();
	if (page)
		*index = at;
	return page;
}

/* The tree's nodes are allocated without tree_lock, as preloading does. */
static int page_cache_tree_insert(struct address_space *mapping,
				  struct page *page)
{
	struct kmem_cache *cache = current_machine()->radix_cachep;
	struct radix_node *spare = NULL;
	int error;

	for (;;) {
		spin_lock(&mapping->tree_lock);
		error = radix_tree_insert(mapping, page->index, page, &spare);
		if (!error)
			mapping->nrpages++;
		spin_unlock(&mapping->tree_lock);
		if (error != -EAGAIN)
			break;
		spare =
		    (struct radix_node *)kmem_cache_zalloc(cache, GFP_KERNEL);
		if (!spare)
			return -ENOMEM;
	}
	if (spare)
		kmem_cache_free(cache, spare);
	if (!error) {
		percpu_counter_add(&current_machine()->nr_file_pages, 1);
		if (PageSwapBacked(page))
			percpu_counter_add(&current_machine()->nr_shmem, 1);
	}
	return error;
}

int add_to_page_cache_locked(struct page *page, struct address_space *mapping,
			     pgoff_t index)
{
	int error;

	get_page(page);
	WRITE_ONCE(page->mapping, mapping);
	page->index = index;
	error = page_cache_tree_insert(mapping, page);
	if (unlikely(error)) {
		WRITE_ONCE(page->mapping, (struct address_space *)NULL);
		put_page(page);
	}
	return error;
}

/* 0 and the page locked, or -EEXIST, -ENOMEM and it is not. */
int add_to_page_cache_lru(struct page *page, struct address_space *mapping,
			  pgoff_t index, gfp_t gfp)
{
	int error;

	(void)gfp;
	lock_page(page);
	error = add_to_page_cache_locked(page, mapping, index);
	if (unlikely(error))
		unlock_page(page);
	else
		lru_cache_add(page);
	return error;
}

void __delete_from_page_cache(struct page *page)
{
	struct address_space *mapping = READ_ONCE(page->mapping);

	VM_BUG_ON_PAGE(page_mapped(page), page);
	BUG_ON(radix_tree_delete(mapping, page->index) != page);
	mapping->nrpages--;
	percpu_counter_add(&current_machine()->nr_file_pages, -1);
	if (PageSwapBacked(page))
		percpu_counter_add(&current_machine()->nr_shmem, -1);
	WRITE_ONCE(page->mapping, (struct address_space *)NULL);
}

void delete_from_page_cache(struct page *page)
{
	struct address_space *mapping = READ_ONCE(page->mapping);

	BUG_ON(!PageLocked(page));
	spin_lock(&mapping->tree_lock);
	__delete_from_page_cache(page);
	spin_unlock(&mapping->tree_lock);
	put_page(page);
}

/* 0 also when somebody else read the page first; or -errno of readpage. */
static int page_cache_read(struct file *file, pgoff_t index, gfp_t gfp)
{
	struct address_space *mapping = file->f_mapping;
	struct page *page = alloc_page(gfp);
	int ret;

	if (!page)
		return -ENOMEM;
	ret = add_to_page_cache_lru(page, mapping, index, gfp);
	if (ret == 0)
		ret = mapping->a_ops->readpage(file, page);
	else if (ret == -EEXIST)
		ret = 0;
	put_page(page);
	return ret;
}

/* ---- faults ---- */

#ifdef CONFIG_MMU

static int lock_page_or_retry(struct page *page, struct mm_struct *mm,
			      u32 flags)
{
	return trylock_page(page) || __lock_page_or_retry(page, mm, flags);
}

static pgoff_t max_index(struct inode *inode)
{
	return (pgoff_t)((i_size_read(inode) + (loff_t)PAGE_SIZE - 1) >>
			 PAGE_SHIFT);
}

/*
 * vm_ops->fault of a file: the page of vmf->pgoff, locked, up to date, within
 * the file.  VM_FAULT_RETRY: the page was locked and mmap_sem is dropped.
 */
int filemap_fault(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;
	struct address_space *mapping = file->f_mapping;
	struct inode *inode = mapping->host;
	const pgoff_t offset = vmf->pgoff;
	struct page *page;
	int ret = 0;
	int error;

	if (unlikely(offset >= max_index(inode)))
		return VM_FAULT_SIGBUS;

	page = find_get_page(mapping, offset);
	if (page && !(vmf->flags & FAULT_FLAG_TRIED)) {
		do_async_mmap_readahead(vmf->vma, file, page, offset);
	} else if (!page) {
		do_sync_mmap_readahead(vmf->vma, file, offset);
		ret = VM_FAULT_MAJOR;
	retry_find:
		page = find_get_page(mapping, offset);
		if (!page)
			goto no_cached_page;
	}

	if (!lock_page_or_retry(page, vmf->vma->vm_mm, vmf->flags)) {
		put_page(page);
		return ret | VM_FAULT_RETRY;
	}
	if (unlikely(READ_ONCE(page->mapping) != mapping)) {
		unlock_page(page);
		put_page(page);
		goto retry_find;
	}
	VM_BUG_ON_PAGE(page->index != offset, page);

	if (unlikely(!PageUptodate(page)))
		goto page_not_uptodate;

	/* Under the page lock, which truncation takes after the new size. */
	if (unlikely(offset >= max_index(inode))) {
		unlock_page(page);
		put_page(page);
		return VM_FAULT_SIGBUS;
	}
	vmf->page = page;
	return ret | VM_FAULT_LOCKED;

no_cached_page:
	error = page_cache_read(file, offset, vmf->gfp_mask);
	if (error >= 0)
		goto retry_find;
	return error == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;

page_not_uptodate:
	/* An earlier read failed: once more, and now its error counts. */
	ClearPageError(page);
	error = mapping->a_ops->readpage(file, page);
	if (!error) {
		(void)wait_on_page_locked(page, false);
		if (!PageUptodate(page))
			error = -EIO;
	}
	put_page(page);
	if (!error)
		goto retry_find;
	return VM_FAULT_SIGBUS;
}

/*
 * Maps the pages of [start_pgoff, end_pgoff] that can be had without waiting:
 * up to date, unlocked, in the file.  Never sleeps.  vmf->pte, if it becomes
 * set, is left mapped and locked for the caller.
 */
void filemap_map_pages(struct vm_fault *vmf, pgoff_t start_pgoff,
		       pgoff_t end_pgoff)
{
	struct file *file = vmf->vma->vm_file;
	struct address_space *mapping = file->f_mapping;
	pgoff_t last_pgoff = start_pgoff;
	pgoff_t index = start_pgoff;
	void **slot;

	rcu_read_lock();
	for (;;) {
		struct page *page;

		slot = radix_tree_next_slot(mapping, index, end_pgoff, &index);
		if (!slot)
			break;
		page = get_slot_page(slot);
		if (unlikely(!page))
			goto next;
		/* A mark is for a fault to meet. */
		if (!PageUptodate(page) || PageReadahead(page))
			goto skip;
		if (!trylock_page(page))
			goto skip;
		if (READ_ONCE(page->mapping) != mapping || !PageUptodate(page))
			goto unlock;
		if (page->index >= max_index(mapping->host))
			goto unlock;

		if (file->f_ra.mmap_miss > 0)
			file->f_ra.mmap_miss--;
		vmf->address += (index - last_pgoff) << PAGE_SHIFT;
		if (vmf->pte)
			vmf->pte += index - last_pgoff;
		last_pgoff = index;
		if (alloc_set_pte(vmf, page))
			goto unlock;
		unlock_page(page);
		goto next;
	unlock:
		unlock_page(page);
	skip:
		put_page(page);
	next:
		if (index++ == end_pgoff)
			break;
	}
	rcu_read_unlock();
}

const struct vm_operations_struct generic_file_vm_ops = {
    NULL,							  /* open */
    NULL,							  /* close */
    NULL,							  /* mremap */
    filemap_fault, filemap_map_pages, filemap_page_mkwrite, NULL, /* access */
};

int generic_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (!file->f_mapping->a_ops || !file->f_mapping->a_ops->readpage)
		return -ENOSYS;
	vma->vm_ops = &generic_file_vm_ops;
	return 0;
}

int generic_file_readonly_mmap(struct file *file, struct vm_area_struct *vma)
{
	if ((vma->vm_flags & VM_SHARED) && (vma->vm_flags & VM_MAYWRITE))
		return -EINVAL;
	return generic_file_mmap(file, vma);
}

#else /* CONFIG_MMU: mmap copies the file, and no access faults */

int generic_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	(void)file;
	(void)vma;
	return -ENOSYS;
}

int generic_file_readonly_mmap(struct file *file, struct vm_area_struct *vma)
{
	(void)file;
	(void)vma;
	return -ENOSYS;
}

#endif /* CONFIG_MMU */

/* ---- read(2) ---- */

struct page *find_or_read_page(struct file *file, pgoff_t index,
			       pgoff_t last_index)
{
	struct address_space *mapping = file->f_mapping;
	struct page *page;
	int error;

	for (;;) {
		if (fatal_signal_pending(current))
			return (struct page *)ERR_PTR(-EINTR);
		page = find_get_page(mapping, index);
		if (!page) {
			page_cache_sync_readahead(mapping, file, index,
						  last_index - index);
			page = find_get_page(mapping, index);
		}
		if (!page) {
			error = page_cache_read(file, index, GFP_KERNEL);
			if (error)
				return (struct page *)ERR_PTR(error);
			continue;
		}
		if (PageReadahead(page))
			page_cache_async_readahead(mapping, file, page, index,
						   last_index - index);
		if (PageUptodate(page))
			return page;
		error = wait_on_page_locked(page, true);
		if (error)
			break;
		if (PageUptodate(page))
			return page;

		error = lock_page_killable(page);
		if (error)
			break;
		if (!READ_ONCE(page->mapping)) {
			unlock_page(page);
			put_page(page);
			continue;
		}
		if (PageUptodate(page)) {
			unlock_page(page);
			return page;
		}
		ClearPageError(page);
		error = mapping->a_ops->readpage(file, page);
		if (error)
			break;
		error = wait_on_page_locked(page, true);
		if (error)
			break;
		if (!PageUptodate(page)) {
			error = -EIO;
			break;
		}
		return page;
	}
	put_page(page);
	return (struct page *)ERR_PTR(error);
}

/* do_read_cache_page: waits for whoever reads the page, killed or not. */
struct page *read_mapping_page(struct address_space *mapping, pgoff_t index,
			       struct file *file)
{
	struct page *page;
	int error;

repeat:
	page = find_get_page(mapping, index);
	if (!page) {
		page = alloc_page(GFP_KERNEL);
		if (!page)
			return (struct page *)ERR_PTR(-ENOMEM);
		error = add_to_page_cache_lru(page, mapping, index, GFP_KERNEL);
		if (unlikely(error)) {
			put_page(page);
			if (error == -EEXIST)
				goto repeat;
			return (struct page *)ERR_PTR(error);
		}
		goto filler;
	}
	if (PageUptodate(page))
		return page;
	(void)wait_on_page_locked(page, false);
	if (PageUptodate(page))
		return page;
	lock_page(page);
	if (!READ_ONCE(page->mapping)) {
		unlock_page(page);
		put_page(page);
		goto repeat;
	}
	if (PageUptodate(page)) {
		unlock_page(page);
		return page;
	}
filler:
	error = mapping->a_ops->readpage(file, page);
	if (!error) {
		(void)wait_on_page_locked(page, false);
		if (PageUptodate(page))
			return page;
		error = -EIO;
	}
	put_page(page);
	return (struct page *)ERR_PTR(error);
}

/* Behind the last page of [pos, pos + bytes). */
pgoff_t last_page_index(loff_t pos, u64 bytes)
{
	return (pgoff_t)(((u64)pos + bytes + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

/*
 * Bytes read, less than asked at the end of the file; or -errno if none.  The
 * page is only referenced while it is copied: a copy to user memory may fault,
 * and the fault may want that very page.
 */
s64 generic_file_read_iter(struct file *file, loff_t *pos, struct iov_iter *to)
{
	struct inode *inode = file->f_mapping->host;
	const pgoff_t last_index = last_page_index(*pos, iov_iter_count(to));
	s64 done = 0;

	if (*pos < 0)
		return -EINVAL;
	while (iov_iter_count(to)) {
		const u64 offset = (u64)*pos & (PAGE_SIZE - 1);
		struct page *page;
		loff_t left, page_start;
		u64 nr, copied;

		cond_resched();
		/* The size of a read-only file stays; others only grow. */
		left = i_size_read(inode) - *pos;
		if (left <= 0)
			break;
		page = find_or_read_page(file, (pgoff_t)(*pos >> PAGE_SHIFT),
					 last_index);
		if (IS_ERR(page))
			return done ? done : PTR_ERR(page);
		nr = PAGE_SIZE - offset;
		if (nr > (u64)left)
			nr = (u64)left;
		copied = copy_page_to_iter(page, offset, nr, to);
		put_page(page);
		page_start = *pos & ~(loff_t)(PAGE_SIZE - 1);
		*pos += (loff_t)copied;
		done += (s64)copied;
		file->f_ra.prev_pos =
		    page_start | (*pos & (loff_t)(PAGE_SIZE - 1));
		if (copied < nr && iov_iter_count(to))
			return done ? done : -EFAULT;
	}
	return done;
}

s64 generic_file_read(struct file *file, char *to, size_t bytes, loff_t *pos)
{
	struct iov_iter iter;

	iov_iter_kernel(&iter, to, bytes);
	return generic_file_read_iter(file, pos, &iter);
}

} /* extern "C" */
