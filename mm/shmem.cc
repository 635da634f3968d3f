// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of tmpfs and of shared memory without a file, after mm/shmem.c of
 * 4.13.  Files and mounts are in shmem_fs.cc.
 *
 *   shmem_getpage_gfp      the page of an index: found, or made
 *   shmem_fault
 *   shmem_setattr, shmem_undo_range, shmem_truncate_range
 *   shmem_fallocate        FALLOC_FL_PUNCH_HOLE too
 *   shmem_reacct_size, shmem_acct_block, shmem_recalc_inode
 *
 * The pages of the cache are all there is of a file.  A page is locked when it
 * enters the cache and stays so until it is up to date; the size of the file
 * is asked again under that lock, so a page that truncation did not see goes
 * at once.
 *
 *	inode->i_mutex           changes of size, write, punching
 *	  page lock
 *	    mapping->i_mmap_rwsem
 *	      pte lock
 *	    mapping->tree_lock
 *	    info->lock           alloced
 *	  inode->i_lock          i_private: the range that is punched just now
 *
 * Memory is charged as a whole, when a file without a name is made (it may not
 * be NORESERVE), or page by page, in the files of a mount: then it is -ENOSPC
 * where there is none, and SIGBUS for a mapping.
 *
 * A fault into a range that is being punched waits for the end of that, or
 * punching might never end.  Who waits gives up mmap_sem if it may; then
 * nothing keeps the vma, and with it the file.  FL_FIX_SHMEM_FAULT_PIN: 4.13
 * takes the inode's i_lock all the same when it wakes up (8897c1b1a179 pins the
 * file).
 *
 * Left out: swap, huge pages, seals, policies, userfaultfd, cgroups.
 */
#include "mm/shmem.h"
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/rmap.h"
#include "mm/sync/machine.h"
#include "mm/sync/sched.h"

extern "C" {

/* What inode->i_private points to, on its stack, while shmem_fallocate runs. */
struct shmem_falloc {
	bool punch;		  /* faults into the range wait */
	pgoff_t start, next;	  /* pages [start, next) */
	struct list_head waiters; /* i_lock; struct shmem_fault_wait */
};

/* On the stack of who waits. */
struct shmem_fault_wait {
	struct list_head list; /* i_lock; empty: woken */
	struct task_struct *task;
};

/* ---- accounting ---- */

static int shmem_reacct_size(kulong flags, loff_t oldsize, loff_t newsize)
{
	const kulong before = VM_ACCT(oldsize), after = VM_ACCT(newsize);

	if (flags & VM_NORESERVE)
		return 0;
	if (after > before)
		return security_vm_enough_memory(current->mm, after - before);
	vm_unacct_memory(before - after);
	return 0;
}

static int shmem_acct_block(kulong flags, kulong pages)
{
	return flags & VM_NORESERVE
		   ? security_vm_enough_memory(current->mm, pages)
		   : 0;
}

static void shmem_unacct_blocks(kulong flags, kulong pages)
{
	if (flags & VM_NORESERVE)
		vm_unacct_memory(pages);
}

/* info->lock held.  Pages may have left the cache without asking. */
static void shmem_recalc_inode(struct inode *inode)
{
	struct shmem_inode_info *info = SHMEM_I(inode);
	struct shmem_sb_info *sbinfo = SHMEM_SB(inode->i_sb);
	const klong freed =
	    (klong)info->alloced - (klong)READ_ONCE(inode->i_mapping->nrpages);

	if (freed <= 0)
		return;
	if (sbinfo->max_blocks)
		percpu_counter_add(&sbinfo->used_blocks, -freed);
	info->alloced -= (kulong)freed;
	inode->i_blocks -= (u64)freed * BLOCKS_PER_PAGE;
	shmem_unacct_blocks(info->flags, (kulong)freed);
}

static void shmem_recalc(struct inode *inode)
{
	struct shmem_inode_info *info = SHMEM_I(inode);

	spin_lock(&info->lock);
	shmem_recalc_inode(inode);
	spin_unlock(&info->lock);
}

/* ---- pages ---- */

static void shmem_unacct_page(struct inode *inode)
{
	struct shmem_sb_info *sbinfo = SHMEM_SB(inode->i_sb);

	if (sbinfo->max_blocks)
		percpu_counter_add(&sbinfo->used_blocks, -1);
	shmem_unacct_blocks(SHMEM_I(inode)->flags, 1);
}

/* Charged and locked; or ERR_PTR of -ENOSPC, -ENOMEM. */
static struct page *shmem_alloc_and_acct_page(struct inode *inode)
{
	struct shmem_sb_info *sbinfo = SHMEM_SB(inode->i_sb);
	struct page *page;

	if (shmem_acct_block(SHMEM_I(inode)->flags, 1))
		return (struct page *)ERR_PTR(-ENOSPC);
	if (sbinfo->max_blocks) {
		if (percpu_counter_read(&sbinfo->used_blocks) >
		    (s64)sbinfo->max_blocks - 1) {
			shmem_unacct_blocks(SHMEM_I(inode)->flags, 1);
			return (struct page *)ERR_PTR(-ENOSPC);
		}
		percpu_counter_add(&sbinfo->used_blocks, 1);
	}
	page = alloc_page(GFP_HIGHUSER_MOVABLE);
	if (!page) {
		shmem_unacct_page(inode);
		return (struct page *)ERR_PTR(-ENOMEM);
	}
	lock_page(page);
	SetPageSwapBacked(page);
	return page;
}

/* A new page in the cache, locked, not up to date; or ERR_PTR. */
static struct page *shmem_add_page(struct inode *inode, pgoff_t index)
{
	struct shmem_inode_info *info = SHMEM_I(inode);
	struct page *page = shmem_alloc_and_acct_page(inode);
	int error;

	if (IS_ERR(page))
		return page;
	error = add_to_page_cache_locked(page, inode->i_mapping, index);
	if (error) {
		shmem_unacct_page(inode);
		unlock_page(page);
		put_page(page);
		return (struct page *)ERR_PTR(error);
	}
	lru_cache_add(page);

	spin_lock(&info->lock);
	info->alloced++;
	inode->i_blocks += BLOCKS_PER_PAGE;
	shmem_recalc_inode(inode);
	spin_unlock(&info->lock);
	return page;
}

int shmem_getpage_gfp(struct inode *inode, pgoff_t index, struct page **pagep,
		      enum sgp_type sgp)
{
	struct address_space *mapping = inode->i_mapping;
	const loff_t pos = (loff_t)index << PAGE_SHIFT;
	bool alloced = false;
	struct page *page;
	int once = 0;
	int error;

	if (index > (pgoff_t)(MAX_LFS_FILESIZE >> PAGE_SHIFT))
		return -EFBIG;
repeat:
	page = find_lock_page(mapping, index);
	if (sgp <= SGP_CACHE && pos >= i_size_read(inode)) {
		error = -EINVAL;
		goto unlock;
	}
	/* Made by fallocate, and nobody has written to it yet? */
	if (page && !PageUptodate(page)) {
		if (sgp != SGP_READ)
			goto clear;
		unlock_page(page);
		put_page(page);
		page = NULL;
	}
	if (page || sgp == SGP_READ) {
		*pagep = page;
		return 0;
	}

	page = shmem_add_page(inode, index);
	if (IS_ERR(page)) {
		error = (int)PTR_ERR(page);
		page = NULL;
		goto unlock;
	}
	alloced = true;
	if (sgp == SGP_FALLOC)
		sgp = SGP_WRITE;
clear:
	/* A writer clears what it does not fill; fallocate's own pages stay as
	 * they are, so that it can take them back. */
	if (sgp != SGP_WRITE && !PageUptodate(page)) {
		zero_user_segment(page, 0, PAGE_SIZE);
		SetPageUptodate(page);
	}

	/* Truncated since it was looked at?  From now on truncation finds the
	 * page, and waits for its lock. */
	if (sgp <= SGP_CACHE && pos >= i_size_read(inode)) {
		if (alloced) {
			ClearPageDirty(page);
			delete_from_page_cache(page);
			shmem_recalc(inode);
		}
		error = -EINVAL;
		goto unlock;
	}
	*pagep = page;
	return 0;

unlock:
	if (page) {
		unlock_page(page);
		put_page(page);
	}
	if (error == -ENOSPC && !once++) {
		shmem_recalc(inode);
		goto repeat;
	}
	if (error == -EEXIST) /* somebody was faster */
		goto repeat;
	return error;
}

/* ---- faults ---- */

/*
 * True: the page was in a range that was being punched, and that has ended.
 * *ret: VM_FAULT_RETRY, mmap_sem is dropped, or VM_FAULT_NOPAGE.
 */
static bool shmem_wait_for_punch(struct vm_fault *vmf, struct inode *inode,
				 int *ret)
{
	struct vm_area_struct *vma = vmf->vma;
	struct shmem_fault_wait wait;
	struct shmem_falloc *falloc;
	struct file *fpin = NULL;

	spin_lock(&inode->i_lock);
	falloc = (struct shmem_falloc *)inode->i_private;
	if (!falloc || !falloc->punch || vmf->pgoff < falloc->start ||
	    vmf->pgoff >= falloc->next) {
		spin_unlock(&inode->i_lock);
		return false;
	}

	*ret = VM_FAULT_NOPAGE;
	if ((vmf->flags & FAULT_FLAG_ALLOW_RETRY) &&
	    !(vmf->flags & FAULT_FLAG_RETRY_NOWAIT)) {
		if (fl_fixed(inode->i_sb->s_machine, FL_FIX_SHMEM_FAULT_PIN))
			fpin = get_file(vma->vm_file);
		up_read(&vma->vm_mm->mmap_sem);
		*ret = VM_FAULT_RETRY;
	}
	wait.task = current;
	list_add_tail(&wait.list, &falloc->waiters);
	set_current_state(TASK_UNINTERRUPTIBLE);
	spin_unlock(&inode->i_lock);
	schedule_on(falloc, "shmem_fault");

	/* falloc is not there any more; wait.list is empty, but its last user
	 * may not have let go of it. */
	spin_lock(&inode->i_lock);
	set_current_state(TASK_RUNNING);
	if (!list_empty(&wait.list))
		list_del_init(&wait.list);
	spin_unlock(&inode->i_lock);
	if (fpin)
		fput(fpin);
	return true;
}

static int shmem_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	int ret = VM_FAULT_LOCKED;
	int error;

	if (unlikely(READ_ONCE(inode->i_private)) &&
	    shmem_wait_for_punch(vmf, inode, &ret))
		return ret;
	error = shmem_getpage_gfp(inode, vmf->pgoff, &vmf->page, SGP_CACHE);
	if (error)
		return error == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	return ret;
}

const struct vm_operations_struct shmem_vm_ops = {
    .open = NULL,
    .close = NULL,
    .mremap = NULL,
    .fault = shmem_fault,
    .map_pages = filemap_map_pages,
    .page_mkwrite = NULL,
    .access = NULL,
};

bool vma_is_shmem(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &shmem_vm_ops;
}

/* ---- taking pages out ---- */

/* unfalloc: only what fallocate made and nobody has used.  Page locked. */
static void shmem_undo_page(struct address_space *mapping, struct page *page,
			    bool unfalloc)
{
	if (unfalloc && PageUptodate(page))
		return;
	if (READ_ONCE(page->mapping) == mapping)
		truncate_inode_page(mapping, page);
}

static void shmem_zero_partial_page(struct inode *inode, pgoff_t index,
				    u32 from, u32 to)
{
	struct page *page = NULL;

	/* Beyond the end there is nothing to be read, nor to be zeroed. */
	(void)shmem_getpage_gfp(inode, index, &page, SGP_READ);
	if (!page)
		return;
	zero_user_segment(page, from, to);
	set_page_dirty(page);
	unlock_page(page);
	put_page(page);
}

/* Bytes [lstart, lend]; lend -1: to the end. */
static void shmem_undo_range(struct inode *inode, loff_t lstart, loff_t lend,
			     bool unfalloc)
{
	struct address_space *mapping = inode->i_mapping;
	const u32 partial_start = (u32)((u64)lstart & (PAGE_SIZE - 1));
	const u64 after = (u64)lend + 1;
	u32 partial_end = (u32)(after & (PAGE_SIZE - 1));
	const pgoff_t start =
	    (pgoff_t)(((u64)lstart + PAGE_SIZE - 1) >> PAGE_SHIFT);
	const pgoff_t end =
	    after ? (pgoff_t)(after >> PAGE_SHIFT) : ~(pgoff_t)0;
	pgoff_t index = start;
	struct page *page;

	while (index < end &&
	       (page = find_get_next_page(mapping, &index, end - 1)) != NULL) {
		if (trylock_page(page)) {
			shmem_undo_page(mapping, page, unfalloc);
			unlock_page(page);
		}
		put_page(page);
		cond_resched();
		index++;
	}

	if (partial_start) {
		u32 top = PAGE_SIZE;

		if (start > end) {
			top = partial_end;
			partial_end = 0;
		}
		shmem_zero_partial_page(inode, start - 1, partial_start, top);
	}
	if (partial_end)
		shmem_zero_partial_page(inode, end, 0, partial_end);
	if (start >= end)
		return;

	index = start;
	while (index < end) {
		cond_resched();
		page = find_get_next_page(mapping, &index, end - 1);
		if (!page) {
			/* A hole need not stay empty; an end does. */
			if (index == start || end != ~(pgoff_t)0)
				break;
			index = start;
			continue;
		}
		lock_page(page);
		shmem_undo_page(mapping, page, unfalloc);
		unlock_page(page);
		put_page(page);
		index++;
	}
	shmem_recalc(inode);
}

void shmem_truncate_range(struct inode *inode, loff_t lstart, loff_t lend)
{
	shmem_undo_range(inode, lstart, lend, false);
}

/* i_mutex held.  The size first: see truncate.cc. */
int shmem_setattr(struct inode *inode, const struct iattr *attr)
{
	struct shmem_inode_info *info = SHMEM_I(inode);
	const loff_t oldsize = inode->i_size, newsize = attr->ia_size;
	const loff_t holebegin =
	    (newsize + (loff_t)PAGE_SIZE - 1) & ~((loff_t)PAGE_SIZE - 1);
	int error;

	if (!(attr->ia_valid & ATTR_SIZE))
		return 0;
	error = inode_newsize_ok(inode, newsize);
	if (error)
		return error;
	if (newsize != oldsize) {
		error = shmem_reacct_size(info->flags, oldsize, newsize);
		if (error)
			return error;
		i_size_write(inode, newsize);
	}
	if (newsize <= oldsize) {
		if (oldsize > holebegin)
			unmap_mapping_range(inode->i_mapping, holebegin, 0, 1);
		if (READ_ONCE(info->alloced))
			shmem_truncate_range(inode, newsize, (loff_t)-1);
		/* Private copies that were made meanwhile. */
		if (oldsize > holebegin)
			unmap_mapping_range(inode->i_mapping, holebegin, 0, 1);
	}
	return 0;
}

/* i_mutex held. */
static void shmem_punch_hole(struct inode *inode, loff_t offset, loff_t len)
{
	const u64 mask = PAGE_SIZE - 1;
	const u64 unmap_start = ((u64)offset + mask) & ~mask;
	const u64 unmap_end = ((u64)(offset + len) & ~mask) - 1;
	struct shmem_fault_wait *wait, *next;
	struct shmem_falloc falloc;

	falloc.punch = true;
	falloc.start = (pgoff_t)(unmap_start >> PAGE_SHIFT);
	falloc.next = (pgoff_t)((unmap_end + 1) >> PAGE_SHIFT);
	INIT_LIST_HEAD(&falloc.waiters);
	spin_lock(&inode->i_lock);
	WRITE_ONCE(inode->i_private, (void *)&falloc);
	spin_unlock(&inode->i_lock);

	if (unmap_end > unmap_start)
		unmap_mapping_range(inode->i_mapping, (loff_t)unmap_start,
				    (loff_t)(1 + unmap_end - unmap_start), 0);
	shmem_truncate_range(inode, offset, offset + len - 1);
	/* Not once more: private copies stay. */

	spin_lock(&inode->i_lock);
	WRITE_ONCE(inode->i_private, (void *)NULL);
	list_for_each_entry_safe(wait, next, &falloc.waiters,
				 struct shmem_fault_wait, list)
	{
		list_del_init(&wait->list);
		wake_up_process(wait->task);
	}
	spin_unlock(&inode->i_lock);
}

/* i_mutex held.  Pages for all of [offset, offset + len), or none of those
 * that it made. */
static int shmem_preallocate(struct inode *inode, loff_t offset, loff_t len)
{
	struct shmem_sb_info *sbinfo = SHMEM_SB(inode->i_sb);
	const pgoff_t start = (pgoff_t)(offset >> PAGE_SHIFT);
	const pgoff_t end =
	    (pgoff_t)((offset + len + (loff_t)PAGE_SIZE - 1) >> PAGE_SHIFT);
	struct shmem_falloc falloc;
	int error = 0;
	pgoff_t index;

	if (sbinfo->max_blocks && end - start > sbinfo->max_blocks)
		return -ENOSPC;
	falloc.punch = false;
	falloc.start = falloc.next = start;
	INIT_LIST_HEAD(&falloc.waiters);
	spin_lock(&inode->i_lock);
	WRITE_ONCE(inode->i_private, (void *)&falloc);
	spin_unlock(&inode->i_lock);

	for (index = start; index < end; index++) {
		struct page *page;

		if (fatal_signal_pending(current))
			error = -EINTR;
		else
			error =
			    shmem_getpage_gfp(inode, index, &page, SGP_FALLOC);
		if (error) {
			if (index > start)
				shmem_undo_range(
				    inode, (loff_t)start << PAGE_SHIFT,
				    ((loff_t)index << PAGE_SHIFT) - 1, true);
			break;
		}
		falloc.next++;
		set_page_dirty(page);
		unlock_page(page);
		put_page(page);
		cond_resched();
	}

	spin_lock(&inode->i_lock);
	WRITE_ONCE(inode->i_private, (void *)NULL);
	spin_unlock(&inode->i_lock);
	return error;
}

int shmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	int error = 0;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	mutex_lock(&inode->i_mutex);
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		shmem_punch_hole(inode, offset, len);
		goto out;
	}
	error = inode_newsize_ok(inode, offset + len);
	if (!error)
		error = shmem_preallocate(inode, offset, len);
	if (!error && !(mode & FALLOC_FL_KEEP_SIZE) &&
	    offset + len > inode->i_size)
		i_size_write(inode, offset + len);
out:
	mutex_unlock(&inode->i_mutex);
	return error;
}

} /* extern "C" */
