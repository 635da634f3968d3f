// SPDX-License-Identifier: GPL-2.0-only
/*
 * tmpfs as a file system, and files without a name, after mm/shmem.c of 4.13.
 *
 *   shmem_write_begin, shmem_write_end, shmem_file_read_iter, shmem_mmap
 *   shmem_get_inode, shmem_mknod (shmem_create), shmem_evict_inode
 *   shmem_fill_super, shmem_statfs, shmem_init
 *   shmem_zero_setup       __shmem_file_setup, shmem_acct_size
 *
 * A shared mapping of no file gets one of its own, whose size is that of the
 * mapping; it lives in a mount of the machine and goes with its last vma.
 *
 * Left out: extended attributes, directories other than the root, mount
 * options, limits on inodes, SEEK_DATA and SEEK_HOLE by what is there (a file
 * counts as one piece of data), splice, SysV segments, memfd.
 */
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/rmap.h"
#include "mm/shmem.h"
#include "mm/sync/machine.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/uaccess.h"

extern "C" {

#define TMPFS_MAGIC 0x01021994

extern const struct super_operations shmem_ops;
extern const struct inode_operations shmem_dir_inode_operations;
extern const struct inode_operations shmem_inode_operations;
extern const struct address_space_operations shmem_aops;
extern const struct file_operations shmem_file_operations;

/* ---- read(2) and write(2) ---- */

static int shmem_write_begin(struct file *file, struct address_space *mapping,
			     loff_t pos, u32 len, struct page **pagep)
{
	(void)file;
	(void)len;
	return shmem_getpage_gfp(mapping->host, (pgoff_t)(pos >> PAGE_SHIFT),
				 pagep, SGP_WRITE);
}

static int shmem_write_end(struct file *file, struct address_space *mapping,
			   loff_t pos, u32 len, u32 copied, struct page *page)
{
	struct inode *inode = mapping->host;

	(void)file;
	(void)len;
	if (pos + (loff_t)copied > inode->i_size)
		i_size_write(inode, pos + (loff_t)copied);
	if (!PageUptodate(page)) {
		const u32 from = (u32)((u64)pos & (PAGE_SIZE - 1));

		zero_user_segment(page, 0, from);
		zero_user_segment(page, from + copied, PAGE_SIZE);
		SetPageUptodate(page);
	}
	set_page_dirty(page);
	unlock_page(page);
	put_page(page);
	return (int)copied;
}

/* Bytes of the page at index that lie in a file of that size. */
static u64 bytes_in_page(loff_t size, pgoff_t index)
{
	const loff_t left = size - ((loff_t)index << PAGE_SHIFT);

	if (left <= 0)
		return 0;
	return left < (loff_t)PAGE_SIZE ? (u64)left : PAGE_SIZE;
}

/* Holes are read without making pages for them. */
static s64 shmem_file_read_iter(struct file *file, loff_t *pos,
				struct iov_iter *to)
{
	struct inode *inode = file_inode(file);
	s64 retval = 0;
	int error = 0;

	if (*pos < 0)
		return -EINVAL;
	while (iov_iter_count(to)) {
		const u64 offset = (u64)*pos & (PAGE_SIZE - 1);
		const pgoff_t index = (pgoff_t)(*pos >> PAGE_SHIFT);
		struct page *page = NULL;
		u64 nr, ret;

		if (bytes_in_page(i_size_read(inode), index) <= offset)
			break;
		error = shmem_getpage_gfp(inode, index, &page, SGP_READ);
		if (error) {
			if (error == -EINVAL)
				error = 0;
			break;
		}
		if (page)
			unlock_page(page);
		/* Again: nothing excludes truncation here. */
		nr = bytes_in_page(i_size_read(inode), index);
		if (nr <= offset) {
			if (page)
				put_page(page);
			break;
		}
		nr -= offset;
		if (!page) {
			page = inode->i_sb->s_machine->zero_page;
			get_page(page);
		}
		if (nr > iov_iter_count(to))
			nr = iov_iter_count(to);
		ret = copy_page_to_iter(page, offset, nr, to);
		put_page(page);
		*pos += (loff_t)ret;
		retval += (s64)ret;
		if (ret < nr) {
			error = -EFAULT;
			break;
		}
		cond_resched();
	}
	return retval ? retval : error;
}

static int shmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	(void)file;
	vma->vm_ops = &shmem_vm_ops;
	return 0;
}

/* ---- inodes and super blocks ---- */

static int shmem_acct_size(kulong flags, loff_t size)
{
	return flags & VM_NORESERVE
		   ? 0
		   : security_vm_enough_memory(current->mm, VM_ACCT(size));
}

static void shmem_unacct_size(kulong flags, loff_t size)
{
	if (!(flags & VM_NORESERVE))
		vm_unacct_memory(VM_ACCT(size));
}

static struct inode *shmem_alloc_inode(struct super_block *sb)
{
	struct shmem_inode_info *info =
	    (struct shmem_inode_info *)kmem_cache_zalloc(
		sb->s_machine->shmem_inode_cachep, GFP_KERNEL);

	if (!info)
		return NULL;
	spin_lock_init_named(&info->lock, "info->lock");
	return &info->vfs_inode;
}

static void shmem_destroy_inode(struct inode *inode)
{
	kmem_cache_free(inode->i_sb->s_machine->shmem_inode_cachep,
			SHMEM_I(inode));
}

static void shmem_evict_inode(struct inode *inode)
{
	if (S_ISDIR(inode->i_mode)) {
		simple_release_entries(inode);
		return;
	}
	shmem_unacct_size(SHMEM_I(inode)->flags, inode->i_size);
	i_size_write(inode, 0);
	shmem_truncate_range(inode, 0, (loff_t)-1);
	WARN_ON(inode->i_blocks);
	truncate_inode_pages_final(inode->i_mapping);
}

/* flags: VM_NORESERVE counts. */
static struct inode *shmem_get_inode(struct super_block *sb, umode_t mode,
				     kulong flags)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_mode = mode;
	SHMEM_I(inode)->flags = flags & VM_NORESERVE;
	if (S_ISDIR(mode)) {
		inode->i_op = &shmem_dir_inode_operations;
		inode->i_fop = &simple_dir_operations;
	} else {
		inode->i_op = &shmem_inode_operations;
		inode->i_fop = &shmem_file_operations;
		inode->i_mapping->a_ops = &shmem_aops;
	}
	return inode;
}

/* shmem_mknod */
static int shmem_create(struct inode *dir, const struct qstr *name,
			umode_t mode, struct inode **result)
{
	struct inode *inode =
	    shmem_get_inode(dir->i_sb, S_IFREG | mode, VM_NORESERVE);
	int error;

	if (!inode)
		return -ENOSPC;
	error = simple_link(dir, name, inode);
	if (error) {
		inode->i_nlink = 0;
		iput(inode);
		return error;
	}
	*result = inode;
	return 0;
}

static int shmem_statfs(struct super_block *sb, struct kstatfs *buf)
{
	const struct shmem_sb_info *sbinfo = SHMEM_SB(sb);

	buf->f_type = TMPFS_MAGIC;
	buf->f_bsize = PAGE_SIZE;
	buf->f_namelen = NAME_MAX;
	if (sbinfo->max_blocks) {
		buf->f_blocks = sbinfo->max_blocks;
		buf->f_bavail = buf->f_bfree =
		    sbinfo->max_blocks -
		    (u64)percpu_counter_read(&sbinfo->used_blocks);
	}
	return 0;
}

static void shmem_put_super(struct super_block *sb)
{
	kfree(sb->s_fs_info);
	sb->s_fs_info = NULL;
}

static int shmem_fill_super(struct super_block *sb, kulong max_blocks)
{
	struct shmem_sb_info *sbinfo = (struct shmem_sb_info *)kmalloc(
	    sizeof(*sbinfo), GFP_KERNEL | __GFP_ZERO);

	if (!sbinfo)
		return -ENOMEM;
	sbinfo->max_blocks = max_blocks;
	sb->s_fs_info = sbinfo;
	sb->s_op = &shmem_ops;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_root = shmem_get_inode(sb, S_IFDIR | 01777, VM_NORESERVE);
	return sb->s_root ? 0 : -ENOMEM;
}

/* Half of the memory at most, as without a size= option. */
static int shmem_mount(struct machine *machine, const char *options,
		       struct super_block **result)
{
	struct super_block *sb;
	int error;

	if (*options)
		return -EINVAL;
	sb = sget(machine);
	if (!sb)
		return -ENOMEM;
	error = shmem_fill_super(sb, machine->ram_pages / 2);
	if (error) {
		deactivate_super(sb);
		return error;
	}
	*result = sb;
	return 0;
}

void shmem_init(struct machine *machine)
{
	struct super_block *sb;

	machine->shmem_inode_cachep = kmem_cache_create(
	    machine, "shmem_inode_cache", sizeof(struct shmem_inode_info));
	sb = sget(machine);
	BUG_ON(!sb || shmem_fill_super(sb, 0));
	/* Belongs to the machine: nobody unmounts it. */
	spin_lock(&machine->sb_lock);
	list_del_init(&sb->s_list);
	spin_unlock(&machine->sb_lock);
	machine->shm_mnt = sb;
}

/* ---- files without a name ---- */

/* flags: VM_NORESERVE counts.  Size in bytes. */
static struct file *__shmem_file_setup(const char *name, loff_t size,
				       kulong flags)
{
	struct super_block *sb = current_machine()->shm_mnt;
	struct inode *inode;
	struct file *file;

	if (size < 0 || size > MAX_LFS_FILESIZE)
		return (struct file *)ERR_PTR(-EINVAL);
	if (shmem_acct_size(flags, size))
		return (struct file *)ERR_PTR(-ENOMEM);
	inode = shmem_get_inode(sb, S_IFREG | 0777, flags);
	if (!inode)
		goto put_memory;
	inode->i_nlink = 0;
	file = alloc_file(inode, name, &shmem_file_operations,
			  FMODE_READ | FMODE_WRITE);
	if (!file) {
		/* Its size is still 0: what it was charged is taken back
		 * here. */
		iput(inode);
		goto put_memory;
	}
	i_size_write(inode, size);
	return file;

put_memory:
	shmem_unacct_size(flags, size);
	return (struct file *)ERR_PTR(-ENOMEM);
}

int shmem_zero_setup(struct vm_area_struct *vma)
{
	struct file *file = __shmem_file_setup(
	    "dev/zero", (loff_t)(vma->vm_end - vma->vm_start), vma->vm_flags);

	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	if (vma->vm_file)
		fput(vma->vm_file);
	vma->vm_file = file;
	vma->vm_ops = &shmem_vm_ops;
	return 0;
}

const struct super_operations shmem_ops = {
    .alloc_inode = shmem_alloc_inode,
    .destroy_inode = shmem_destroy_inode,
    .put_super = shmem_put_super,
    .evict_inode = shmem_evict_inode,
    .statfs = shmem_statfs,
    .remount_fs = NULL,
};

const struct inode_operations shmem_dir_inode_operations = {
    .lookup = simple_lookup,
    .get_link = NULL,
    .create = shmem_create,
    .setattr = NULL,
};

const struct inode_operations shmem_inode_operations = {
    .lookup = NULL,
    .get_link = NULL,
    .create = NULL,
    .setattr = shmem_setattr,
};

const struct address_space_operations shmem_aops = {
    .readpage = NULL,
    .write_begin = shmem_write_begin,
    .write_end = shmem_write_end,
    .migratepage = migrate_page,
};

const struct file_operations shmem_file_operations = {
    .llseek = generic_file_llseek,
    .read = NULL,
    .mmap = shmem_mmap,
    .get_unmapped_area = NULL,
    .mmap_capabilities = NULL,
    .splice_read = NULL,
    .iterate_shared = NULL,
    .read_iter = shmem_file_read_iter,
    .write_iter = generic_file_write_iter,
    .fsync = noop_fsync,
    .fallocate = shmem_fallocate,
};

const struct file_system_type shmem_fs_type = {"tmpfs", shmem_mount};

} /* extern "C" */
