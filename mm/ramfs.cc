// SPDX-License-Identifier: GPL-2.0-only
/*
 * ramfs, after fs/ramfs of 4.13: files in the page cache and nowhere else, by
 * the generic functions alone.
 *
 *   ramfs_get_inode, ramfs_mknod, ramfs_fill_super
 *
 * Unlike in tmpfs a page is not swap backed, and the first write to a page of
 * a shared mapping goes through ->page_mkwrite (generic_file_mmap).  Memory is
 * not accounted and holes cannot be punched.  A page that was never written to
 * is clean: reclaim may drop it, and reading makes it anew, of zeros.
 *
 * Left out: directories other than the root, mount options.
 */
#include "mm/fs.h"
#include "mm/mm.h"

extern "C" {

#define RAMFS_MAGIC 0x858458f6

extern const struct inode_operations ramfs_dir_inode_operations;
extern const struct inode_operations ramfs_file_inode_operations;
extern const struct file_operations ramfs_file_operations;
extern const struct address_space_operations ramfs_aops;

static struct inode *ramfs_get_inode(struct super_block *sb, umode_t mode)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_mode = mode;
	if (S_ISDIR(mode)) {
		inode->i_op = &ramfs_dir_inode_operations;
		inode->i_fop = &simple_dir_operations;
	} else {
		inode->i_op = &ramfs_file_inode_operations;
		inode->i_fop = &ramfs_file_operations;
		inode->i_mapping->a_ops = &ramfs_aops;
	}
	return inode;
}

static int ramfs_create(struct inode *dir, const struct qstr *name,
			umode_t mode, struct inode **result)
{
	struct inode *inode = ramfs_get_inode(dir->i_sb, S_IFREG | mode);
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

static void ramfs_evict_inode(struct inode *inode)
{
	if (S_ISDIR(inode->i_mode))
		simple_release_entries(inode);
	else
		truncate_inode_pages_final(inode->i_mapping);
}

/* simple_statfs */
static int ramfs_statfs(struct super_block *sb, struct kstatfs *buf)
{
	(void)sb;
	buf->f_type = RAMFS_MAGIC;
	buf->f_bsize = PAGE_SIZE;
	buf->f_namelen = NAME_MAX;
	return 0;
}

static const struct super_operations ramfs_ops = {
    .alloc_inode = NULL,
    .destroy_inode = NULL,
    .put_super = NULL,
    .evict_inode = ramfs_evict_inode,
    .statfs = ramfs_statfs,
    .remount_fs = NULL,
};

static int ramfs_mount(struct machine *machine, const char *options,
		       struct super_block **result)
{
	struct super_block *sb;

	if (*options)
		return -EINVAL;
	sb = sget(machine);
	if (!sb)
		return -ENOMEM;
	sb->s_op = &ramfs_ops;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_root = ramfs_get_inode(sb, S_IFDIR | 0755);
	if (!sb->s_root) {
		deactivate_super(sb);
		return -ENOMEM;
	}
	*result = sb;
	return 0;
}

const struct inode_operations ramfs_dir_inode_operations = {
    .lookup = simple_lookup,
    .get_link = NULL,
    .create = ramfs_create,
    .setattr = NULL,
};

const struct inode_operations ramfs_file_inode_operations = {
    .lookup = NULL,
    .get_link = NULL,
    .create = NULL,
    .setattr = simple_setattr,
};

const struct address_space_operations ramfs_aops = {
    .readpage = simple_readpage,
    .write_begin = simple_write_begin,
    .write_end = simple_write_end,
    .migratepage = NULL,
};

const struct file_operations ramfs_file_operations = {
    .llseek = generic_file_llseek,
    .read = NULL,
    .mmap = generic_file_mmap,
    .get_unmapped_area = NULL,
    .mmap_capabilities = NULL,
    .splice_read = generic_file_splice_read,
    .iterate_shared = NULL,
    .read_iter = generic_file_read_iter,
    .write_iter = generic_file_write_iter,
    .fsync = noop_fsync,
    .fallocate = NULL,
};

const struct file_system_type ramfs_fs_type = {"ramfs", ramfs_mount};

} /* extern "C" */
