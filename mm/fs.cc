// SPDX-License-Identifier: GPL-2.0-only
/*
 * As much of the VFS as file systems and mmap need.
 *
 *   get_file, fput                 fs/file_table.c
 *   sget, deactivate_super         fs/super.c (generic_shutdown_super)
 *   do_remount_sb                  fs/super.c
 *   iget_locked, new_inode, iput   fs/inode.c
 *   generic_file_llseek            fs/read_write.c
 *   generic_read_dir               fs/libfs.c
 *   iterate_dir, vfs_statfs        fs/readdir.c, fs/statfs.c
 *
 * An inode stays on its super block's list, with its page cache, when its
 * last reference goes, unless it has no name (i_nlink is 0);
 * deactivate_super evicts all.  An open file holds one
 * reference on its inode and counts in sb->s_files; a mapping holds one on
 * its file.  Paths are walked in namei.cc.
 *
 * iterate_dir holds the directory's i_mutex, where 4.13 holds a lock that is
 * shared between readers.
 *
 * Left out: inode hashing and reclaim, deferral of the last fput to the return
 * to user mode.
 */
#include "mm/fs.h"
#include "mm/fault.h"
#include "mm/radix_tree.h"
#include "mm/sync/machine.h"
#include "mm/sync/string.h"

extern "C" {

static void cache_init(struct machine *machine, struct kmem_cache **cache,
		       const char *name, size_t size)
{
	if (!*cache)
		*cache = kmem_cache_create(machine, name, size);
}

void vfs_caches_init(struct machine *machine)
{
	cache_init(machine, &machine->filp_cachep, "filp", sizeof(struct file));
	cache_init(machine, &machine->inode_cachep, "inode_cache",
		   sizeof(struct inode));
	cache_init(machine, &machine->dentry_cachep, "dentry",
		   sizeof(struct dentry));
	cache_init(machine, &machine->sb_cachep, "super_block",
		   sizeof(struct super_block));
	cache_init(machine, &machine->radix_cachep, "radix_tree_node",
		   sizeof(struct radix_node));
}

/* ---- super blocks ---- */

const struct backing_dev_info noop_backing_dev_info = {0, 0};

struct super_block *sget(struct machine *machine)
{
	struct super_block *sb = (struct super_block *)kmem_cache_zalloc(
	    machine->sb_cachep, GFP_KERNEL);

	if (!sb)
		return NULL;
	sb->s_machine = machine;
	sb->s_maxbytes = MAX_NON_LFS;
	sb->s_bdi = &noop_backing_dev_info;
	spin_lock_init_named(&sb->s_inode_lock, "sb->s_inode_lock");
	INIT_LIST_HEAD(&sb->s_inodes);
	spin_lock(&machine->sb_lock);
	list_add_tail(&sb->s_list, &machine->super_blocks);
	spin_unlock(&machine->sb_lock);
	return sb;
}

/* No reference to the inode is left, or it never was in the list. */
static void destroy_inode(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	if (sb->s_op && sb->s_op->destroy_inode)
		sb->s_op->destroy_inode(inode);
	else
		kmem_cache_free(sb->s_machine->inode_cachep, inode);
}

static void evict(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	spin_lock(&sb->s_inode_lock);
	list_del(&inode->i_sb_list);
	spin_unlock(&sb->s_inode_lock);
	if (sb->s_op && sb->s_op->evict_inode)
		sb->s_op->evict_inode(inode);
	else
		truncate_inode_pages_final(&inode->i_data);
	destroy_inode(inode);
}

void deactivate_super(struct super_block *sb)
{
	struct machine *machine = sb->s_machine;
	struct inode *inode, *next;

	if (sb->s_root)
		iput(sb->s_root);
	sb->s_root = NULL;
	list_for_each_entry_safe(inode, next, &sb->s_inodes, struct inode,
				 i_sb_list)
	{
		BUG_ON(atomic_read(&inode->i_count));
		evict(inode);
	}
	if (sb->s_op && sb->s_op->put_super)
		sb->s_op->put_super(sb);
	spin_lock(&machine->sb_lock);
	list_del(&sb->s_list);
	spin_unlock(&machine->sb_lock);
	kmem_cache_free(machine->sb_cachep, sb);
}

/* ---- inodes ---- */

/* s_inode_lock held. */
static struct inode *find_inode(struct super_block *sb, kulong ino)
{
	struct inode *inode;

	list_for_each_entry(inode, &sb->s_inodes, struct inode, i_sb_list)
	{
		if (inode->i_ino == ino) {
			atomic_inc(&inode->i_count);
			return inode;
		}
	}
	return NULL;
}

static struct inode *alloc_inode(struct super_block *sb)
{
	struct inode *inode;

	if (sb->s_op && sb->s_op->alloc_inode)
		inode = sb->s_op->alloc_inode(sb);
	else
		inode = (struct inode *)kmem_cache_zalloc(
		    sb->s_machine->inode_cachep, GFP_KERNEL);
	if (!inode)
		return NULL;
	inode->i_sb = sb;
	inode->i_nlink = 1;
	spin_lock_init_named(&inode->i_lock, "inode->i_lock");
	INIT_LIST_HEAD(&inode->i_entries);
	atomic_set(&inode->i_count, 1);
	mutex_init_named(&inode->i_mutex, "inode->i_mutex");
	address_space_init_once(&inode->i_data);
	inode->i_data.host = inode;
	inode->i_mapping = &inode->i_data;
	return inode;
}

struct inode *iget_locked(struct super_block *sb, kulong ino, bool *fresh)
{
	struct inode *inode, *old;

	*fresh = false;
	spin_lock(&sb->s_inode_lock);
	inode = find_inode(sb, ino);
	spin_unlock(&sb->s_inode_lock);
	if (inode)
		return inode;

	inode = alloc_inode(sb);
	if (!inode)
		return NULL;
	spin_lock(&sb->s_inode_lock);
	old = find_inode(sb, ino);
	if (!old) {
		inode->i_ino = ino;
		list_add_tail(&inode->i_sb_list, &sb->s_inodes);
		*fresh = true;
	}
	spin_unlock(&sb->s_inode_lock);
	if (old) {
		destroy_inode(inode);
		inode = old;
	}
	return inode;
}

struct inode *new_inode(struct super_block *sb)
{
	struct inode *inode = alloc_inode(sb);

	if (!inode)
		return NULL;
	spin_lock(&sb->s_inode_lock);
	inode->i_ino = ++sb->s_last_ino;
	list_add_tail(&inode->i_sb_list, &sb->s_inodes);
	spin_unlock(&sb->s_inode_lock);
	return inode;
}

void iput(struct inode *inode)
{
	int count;

	if (!inode)
		return;
	count = atomic_dec_return(&inode->i_count);
	BUG_ON(count < 0);
	if (!count && unlikely(!inode->i_nlink))
		evict(inode);
}

/* ---- files ---- */

struct file *get_file(struct file *file)
{
	atomic_long_inc(&file->f_count);
	return file;
}

void fput(struct file *file)
{
	struct super_block *sb;
	struct machine *machine;

	if (!atomic_long_dec_and_test(&file->f_count))
		return;
	sb = file->f_inode->i_sb;
	machine = sb->s_machine;
	iput(file->f_inode);
	kmem_cache_free(machine->dentry_cachep, file->f_dentry);
	kmem_cache_free(machine->filp_cachep, file);
	/* Last: from now on the super block may go. */
	(void)atomic_dec_return(&sb->s_files);
}

static s64 vfs_setpos(struct file *file, loff_t offset, loff_t maxsize)
{
	if (offset < 0 || offset > maxsize)
		return -EINVAL;
	if (offset != file->f_pos)
		file->f_pos = offset;
	return offset;
}

/* All of a file is data, with one hole behind its end. */
s64 generic_file_llseek(struct file *file, loff_t offset, int whence)
{
	const loff_t maxsize = file->f_inode->i_sb->s_maxbytes;
	const loff_t eof = i_size_read(file->f_inode);

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_END:
		offset = (loff_t)((u64)offset + (u64)eof);
		break;
	case SEEK_CUR:
		if (offset == 0)
			return file->f_pos;
		/* Two that move on from here must not count as one. */
		spin_lock(&file->f_lock);
		offset = vfs_setpos(
		    file, (loff_t)((u64)file->f_pos + (u64)offset), maxsize);
		spin_unlock(&file->f_lock);
		return offset;
	case SEEK_DATA:
		if ((u64)offset >= (u64)eof)
			return -ENXIO;
		break;
	case SEEK_HOLE:
		if ((u64)offset >= (u64)eof)
			return -ENXIO;
		offset = eof;
		break;
	default:
		return -EINVAL;
	}
	return vfs_setpos(file, offset, maxsize);
}

s64 generic_read_dir(struct file *file, char *to, size_t bytes, loff_t *pos)
{
	return -EISDIR;
}

/* Lists from the file's position on, and leaves it where ctx ended. */
int iterate_dir(struct file *file, struct dir_context *ctx)
{
	struct inode *inode = file_inode(file);
	int res;

	if (!file->f_op->iterate_shared)
		return -ENOTDIR;
	mutex_lock(&inode->i_mutex);
	ctx->pos = file->f_pos;
	res = file->f_op->iterate_shared(file, ctx);
	file->f_pos = ctx->pos;
	mutex_unlock(&inode->i_mutex);
	return res;
}

int vfs_statfs(struct super_block *sb, struct kstatfs *buf)
{
	if (!sb->s_op || !sb->s_op->statfs)
		return -ENOSYS;
	return sb->s_op->statfs(sb, buf);
}

int do_remount_sb(struct super_block *sb, u32 *flags)
{
	if (sb->s_op && sb->s_op->remount_fs) {
		const int error = sb->s_op->remount_fs(sb, flags);

		if (error)
			return error;
	}
	sb->s_readonly = *flags & MS_RDONLY;
	return 0;
}

} /* extern "C" */
