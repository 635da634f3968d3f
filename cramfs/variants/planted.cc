// SPDX-License-Identifier: GPL-2.0-only
//
// Variants that behave like `paged` but for one planted bug each, so that a
// checker can be shown to fire: each finding has one cause, in a handler of a
// few lines.  Compiled only with FAULTLINE_PLANTED=1, never into a kernel
// build that is used for anything else.
//
// Every fault reaches the handler: there is no map_pages.  Like every variant
// they are used for the files of an image with extended block pointers.
//
// Locks: fault handlers hold mmap_sem for read, open and close for write.

#include "cramfs/cramfs.h"

#include "mm/mm.h"
#include "mm/sync/bug.h"
#include "mm/sync/page.h"
#include "mm/sync/slab.h"
#include "mm/sync/string.h"

#if FAULTLINE_PLANTED

#define PLANTED_BYTES 32u /* a whole object of the smallest kmalloc cache */

void cramfs_planted_init(struct cramfs_planted *planted)
{
	mutex_init_named(&planted->first, "planted_first");
	mutex_init_named(&planted->second, "planted_second");
	init_rwsem_named(&planted->sem, "planted_sem");
	planted->counter = 0;
	atomic_set(&planted->faults, 0);
	atomic_set(&planted->inflight, 0);
}

static struct cramfs_planted *planted_of(const struct vm_area_struct *vma)
{
	return &CRAMFS_SB(file_inode(vma->vm_file)->i_sb)->planted;
}

static int use_after_free_fault(struct vm_fault *vmf)
{
	u32 *object = (u32 *)kmalloc(PLANTED_BYTES, GFP_KERNEL);

	if (!object)
		return VM_FAULT_OOM;
	*object = (u32)vmf->pgoff;
	kfree(object);
	if (READ_ONCE(*object) != (u32)vmf->pgoff)
		pr_debug("cramfs: planted: the freed object changed\n");
	return filemap_fault(vmf);
}

static int double_free_fault(struct vm_fault *vmf)
{
	void *object = kmalloc(PLANTED_BYTES, GFP_KERNEL);

	if (!object)
		return VM_FAULT_OOM;
	kfree(object);
	kfree(object);
	return filemap_fault(vmf);
}

static int out_of_bounds_fault(struct vm_fault *vmf)
{
	u8 *object = (u8 *)kmalloc(PLANTED_BYTES, GFP_KERNEL);

	if (!object)
		return VM_FAULT_OOM;
	WRITE_ONCE(object[PLANTED_BYTES], (u8)0x5a);
	kfree(object);
	return filemap_fault(vmf);
}

// The page stays in the page cache, so private_ tells that its byte has been
// changed before.
static int wrong_data_fault(struct vm_fault *vmf)
{
	int ret = filemap_fault(vmf);

	if (ret & VM_FAULT_LOCKED && !vmf->page->private_) {
		vmf->page->private_ = 1;
		*(u8 *)page_address(vmf->page) ^= 0x80;
	}
	return ret;
}

static int bug_fault(struct vm_fault *vmf)
{
	struct cramfs_planted *planted = planted_of(vmf->vma);

	BUG_ON(atomic_inc_return(&planted->inflight) > 1);
	/* A scheduling point. */
	mutex_lock(&planted->first);
	mutex_unlock(&planted->first);
	atomic_dec(&planted->inflight);
	return filemap_fault(vmf);
}

static int deadlock_fault(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;

	down_write(&mm->mmap_sem);
	up_write(&mm->mmap_sem);
	return filemap_fault(vmf);
}

static int abba_fault(struct vm_fault *vmf)
{
	struct cramfs_planted *planted = planted_of(vmf->vma);
	bool odd = vmf->pgoff & 1;
	struct mutex *outer = odd ? &planted->second : &planted->first;
	struct mutex *inner = odd ? &planted->first : &planted->second;

	mutex_lock(outer);
	mutex_lock(inner);
	mutex_unlock(inner);
	mutex_unlock(outer);
	return filemap_fault(vmf);
}

static int lock_leak_fault(struct vm_fault *vmf)
{
	/* For read and by trylock: the leak itself makes nobody wait. */
	if (!down_read_trylock(&planted_of(vmf->vma)->sem))
		return VM_FAULT_SIGBUS;
	return filemap_fault(vmf);
}

static int wrong_release_fault(struct vm_fault *vmf)
{
	struct rw_semaphore *sem = &planted_of(vmf->vma)->sem;

	down_read(sem);
	up_write(sem);
	return filemap_fault(vmf);
}

static int leak_fault(struct vm_fault *vmf)
{
	if (!kmalloc(PLANTED_BYTES, GFP_KERNEL))
		return VM_FAULT_OOM;
	return filemap_fault(vmf);
}

static int race_fault(struct vm_fault *vmf)
{
	struct cramfs_planted *planted = planted_of(vmf->vma);

	atomic_inc(&planted->inflight);
	planted->counter++;
	atomic_inc(&planted->faults);
	atomic_dec(&planted->inflight);
	return filemap_fault(vmf);
}

// With a fault of another mm in progress the two counts need not agree.
static void race_close(struct vm_area_struct *area)
{
	struct cramfs_planted *planted = planted_of(area);

	if (!atomic_read(&planted->inflight))
		BUG_ON(planted->counter != (u32)atomic_read(&planted->faults));
}

#define PLANTED(variant, close_method)                                         \
	static const struct vm_operations_struct variant##_vm_ops = {          \
	    .open = NULL,                                                      \
	    .close = close_method,                                             \
	    .mremap = NULL,                                                    \
	    .fault = variant##_fault,                                          \
	    .map_pages = NULL,                                                 \
	    .page_mkwrite = NULL,                                              \
	};                                                                     \
	static int variant##_mmap(struct file *file,                           \
				  struct vm_area_struct *vma)                  \
	{                                                                      \
		int ret = generic_file_readonly_mmap(file, vma);               \
                                                                               \
		if (!ret)                                                      \
			vma->vm_ops = &variant##_vm_ops;                       \
		return ret;                                                    \
	}                                                                      \
	const struct file_operations cramfs_planted_##variant##_fops = {       \
	    .llseek = generic_file_llseek,                                     \
	    .read = generic_file_read,                                         \
	    .mmap = variant##_mmap,                                            \
	    .get_unmapped_area = NULL,                                         \
	    .mmap_capabilities = NULL,                                         \
	    .splice_read = generic_file_splice_read,                           \
	    .read_iter = generic_file_read_iter,                               \
	}

PLANTED(use_after_free, NULL);
PLANTED(double_free, NULL);
PLANTED(out_of_bounds, NULL);
PLANTED(wrong_data, NULL);
PLANTED(bug, NULL);
PLANTED(deadlock, NULL);
PLANTED(abba, NULL);
PLANTED(lock_leak, NULL);
PLANTED(wrong_release, NULL);
PLANTED(leak, NULL);
PLANTED(race, race_close);

#endif // FAULTLINE_PLANTED
