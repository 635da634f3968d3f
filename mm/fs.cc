// SPDX-License-Identifier: GPL-2.0-only
/*
 * As much of the VFS as a read-only file system and mmap need.
 *
 *   get_file, fput                 fs/file_table.c
 *   sget, deactivate_super         fs/super.c (generic_shutdown_super)
 *   iget_locked, iput              fs/inode.c
 *   filp_open                      fs/open.c, fs/namei.c
 *   generic_file_llseek            fs/read_write.c
 *
 * An inode stays on its super block's list, with its page cache, when its
 * last reference goes; deactivate_super evicts all.  An open file holds one
 * reference on its inode and counts in sb->s_files; a mapping holds one on
 * its file.  The path is walked with the i_mutex of the root directory held,
 * instead of each directory's in turn: so an inode that iget_locked has just
 * made is seen by nobody else before it is filled in (4.13: I_NEW).
 *
 * Left out: a dentry cache (every open walks), symlinks, mount points, inode
 * hashing and reclaim, deferral of the last fput to the return to user mode.
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

struct super_block *sget(struct machine *machine)
{
	struct super_block *sb = (struct super_block *)kmem_cache_zalloc(
	    machine->sb_cachep, GFP_KERNEL);

	if (!sb)
		return NULL;
	sb->s_machine = machine;
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
	kmem_cache_free(inode->i_sb->s_machine->inode_cachep, inode);
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
	struct inode *inode = (struct inode *)kmem_cache_zalloc(
	    sb->s_machine->inode_cachep, GFP_KERNEL);

	if (!inode)
		return NULL;
	inode->i_sb = sb;
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

void iput(struct inode *inode)
{
	if (!inode)
		return;
	BUG_ON(atomic_dec_return(&inode->i_count) < 0);
}

/* ---- files ---- */

/*
 * The next component of *path, copied into name (NAME_MAX + 1 bytes).  Its
 * length, 0 at the end of the path, or -ENAMETOOLONG.
 */
static int next_component(const char **path, char *name)
{
	const char *at = *path;
	u32 len = 0;

	while (*at == '/')
		at++;
	while (at[len] && at[len] != '/')
		len++;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, at, len);
	name[len] = '\0';
	*path = at + len;
	return (int)len;
}

/*
 * 0 and *inode with a reference.  name is scratch.  i_mutex of the root is
 * held.
 */
static int link_path_walk(struct super_block *sb, const char *path, char *name,
			  struct inode **result)
{
	struct inode *inode = sb->s_root;
	int error;

	atomic_inc(&inode->i_count);
	for (;;) {
		struct inode *child = NULL;
		struct qstr component;
		const int len = next_component(&path, name);

		error = len;
		if (len < 0)
			break;
		if (len == 0) {
			*result = inode;
			return 0;
		}
		if (len == 1 && name[0] == '.')
			continue;
		error = -ENOTDIR;
		if (!S_ISDIR(inode->i_mode) || !inode->i_op ||
		    !inode->i_op->lookup)
			break;
		component.len = (u32)len;
		component.name = name;
		error = inode->i_op->lookup(inode, &component, &child);
		if (error)
			break;
		iput(inode);
		inode = child;
	}
	iput(inode);
	return error;
}

/*
 * d_iname keeps the whole path if it fits (else its last component), without
 * a leading slash; d_name is the last component, as in the kernel.
 */
static void d_set_name(struct dentry *dentry, const char *path)
{
	const char *last = path;
	const char *at;
	size_t bytes;

	while (*path == '/')
		path++;
	last = path;
	for (at = path; *at; at++)
		if (at[0] == '/' && at[1] && at[1] != '/')
			last = at + 1;
	if ((size_t)(at - path) > NAME_MAX)
		path = last;
	bytes = (size_t)(at - path);
	if (bytes > NAME_MAX)
		bytes = NAME_MAX;
	memcpy(dentry->d_iname, path, bytes);
	dentry->d_iname[bytes] = '\0';
	dentry->d_name.name = dentry->d_iname + (last - path);
	dentry->d_name.len = (u32)strlen(dentry->d_name.name);
}

int filp_open(struct super_block *sb, const char *path, struct file **result)
{
	struct machine *machine = sb->s_machine;
	struct inode *inode = NULL;
	struct dentry *dentry;
	struct file *file;
	int error;

	dentry = (struct dentry *)kmem_cache_zalloc(machine->dentry_cachep,
						    GFP_KERNEL);
	if (!dentry)
		return -ENOMEM;
	file =
	    (struct file *)kmem_cache_zalloc(machine->filp_cachep, GFP_KERNEL);
	error = -ENOMEM;
	if (!file)
		goto out_dentry;

	mutex_lock(&sb->s_root->i_mutex);
	error = link_path_walk(sb, path, dentry->d_iname, &inode);
	mutex_unlock(&sb->s_root->i_mutex);
	if (error)
		goto out_file;
	error = -EISDIR;
	if (S_ISDIR(inode->i_mode))
		goto out_inode;
	error = -ELOOP;
	if (S_ISLNK(inode->i_mode))
		goto out_inode;
	error = -ENXIO;
	if (!S_ISREG(inode->i_mode))
		goto out_inode;

	d_set_name(dentry, path);
	dentry->d_inode = inode;
	atomic_set(&dentry->d_count, 1);
	file->f_inode = inode;
	file->f_dentry = dentry;
	file->f_op = inode->i_fop;
	file->f_mapping = inode->i_mapping;
	file->f_mode = sb->s_readonly ? FMODE_READ : FMODE_READ | FMODE_WRITE;
	atomic_long_set(&file->f_count, 1);
	atomic_inc(&sb->s_files);
	*result = file;
	return 0;

out_inode:
	iput(inode);
out_file:
	kmem_cache_free(machine->filp_cachep, file);
out_dentry:
	kmem_cache_free(machine->dentry_cachep, dentry);
	return error;
}

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

/* whence: 0 from the start, 1 from the position, 2 from the end. */
s64 generic_file_llseek(struct file *file, loff_t offset, int whence)
{
	loff_t base;

	switch (whence) {
	case 0:
		base = 0;
		break;
	case 1:
		base = file->f_pos;
		break;
	case 2:
		base = i_size_read(file->f_inode);
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &base) || base < 0)
		return -EINVAL;
	file->f_pos = base;
	return base;
}

} /* extern "C" */
