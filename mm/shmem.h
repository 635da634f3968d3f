/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What shmem.cc (pages) and shmem_fs.cc (files) share (mm/shmem.c).
 */
#ifndef FAULTLINE_MM_SHMEM_H_
#define FAULTLINE_MM_SHMEM_H_

#include "mm/fs.h"
#include "mm/mm.h"
#include "mm/sync/percpu_counter.h"

FL_BEGIN_DECLS

#define BLOCKS_PER_PAGE (PAGE_SIZE / 512)
#define VM_ACCT(size) (kulong)(((u64)(size) + PAGE_SIZE - 1) >> PAGE_SHIFT)

enum sgp_type {
	SGP_READ,  /* no page for a hole; not beyond the end */
	SGP_CACHE, /* a page for a hole; not beyond the end */
	SGP_WRITE, /* beyond the end too; a new page may not be up to date */
	SGP_FALLOC /* like WRITE, but an old page is made up to date */
};

struct shmem_inode_info {
	spinlock_t lock;
	kulong flags;	/* VM_NORESERVE: charged page by page */
	kulong alloced; /* lock; pages charged to the inode */
	struct inode vfs_inode;
};

struct shmem_sb_info {
	kulong max_blocks;		   /* pages; 0: no limit */
	struct percpu_counter used_blocks; /* pages */
};

static inline struct shmem_inode_info *SHMEM_I(struct inode *inode)
{
	return container_of(inode, struct shmem_inode_info, vfs_inode);
}
static inline struct shmem_sb_info *SHMEM_SB(struct super_block *sb)
{
	return (struct shmem_sb_info *)sb->s_fs_info;
}

/* ---- shmem.cc ---- */
/*
 * 0 and *pagep locked and referenced, or NULL (SGP_READ only: a hole).
 * -EINVAL: beyond the end (READ and CACHE); -ENOSPC, -ENOMEM, -EFBIG.
 */
int shmem_getpage_gfp(struct inode *inode, pgoff_t index, struct page **pagep,
		      enum sgp_type sgp);
/* Bytes [lstart, lend]; lend -1: to the end. */
void shmem_truncate_range(struct inode *inode, loff_t lstart, loff_t lend);
int shmem_setattr(struct inode *inode, const struct iattr *attr);
int shmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len);
extern const struct vm_operations_struct shmem_vm_ops;

FL_END_DECLS

#endif /* FAULTLINE_MM_SHMEM_H_ */
