// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a path to an inode, and to an open file.
 *
 *   path_lookup                    path_lookupat, link_path_walk,
 *                                  walk_component, get_link of fs/namei.c
 *   page_get_link                  fs/namei.c
 *   filp_open, filp_open_flags     fs/open.c, do_last, lookup_open
 *   alloc_file                     fs/file_table.c
 *
 * A path is walked with the i_mutex of the root directory held, instead of
 * each directory's in turn: so an inode that iget_locked has just made is
 * seen by nobody else before it is filled in (4.13: I_NEW).  There is no
 * dentry that knows its parent, so a walk remembers the directories it came
 * through, for "..".
 *
 * Links are followed in the middle of a path always, at its end when asked;
 * more than 40 in one walk are too many.  The root of the file system is the
 * root that absolute ones start from.
 *
 * Left out: a dentry cache (every open walks), mount points, permissions,
 * fifos that wait for a writer (-ENXIO, as for devices without a driver).
 */
#include "mm/fault.h"
#include "mm/fs.h"
#include "mm/sync/machine.h"
#include "mm/sync/string.h"

extern "C" {

#define MAXSYMLINKS 40

/* A directory on the way, but for the root; the one above it is `parent`. */
struct walked_dir {
	struct walked_dir *parent;
	struct inode *inode; /* referenced */
};

/* What is left of a path in which a link stood. */
struct saved_path {
	const char *name;
	struct delayed_call done; /* for the text of the link walked now */
};

struct nameidata {
	struct super_block *sb;
	struct inode *inode;	    /* where the walk is, referenced */
	struct walked_dir *parents; /* of inode */
	u32 total_link_count;
	u32 depth;
	struct saved_path *stack; /* MAXSYMLINKS, NULL before the first link */
};

/* ---- links ---- */

static void page_put_link(void *arg)
{
	put_page((struct page *)arg);
}

const char *page_get_link(struct inode *inode, struct delayed_call *done)
{
	struct page *page = read_mapping_page(inode->i_mapping, 0, NULL);
	loff_t len = i_size_read(inode);
	char *text;

	if (IS_ERR(page))
		return (const char *)page;
	text = (char *)page_address(page);
	if (len > (loff_t)PAGE_SIZE - 1)
		len = (loff_t)PAGE_SIZE - 1;
	text[len] = '\0';
	done->fn = page_put_link;
	done->arg = page;
	return text;
}

const struct inode_operations page_symlink_inode_operations = {
    .lookup = NULL,
    .get_link = page_get_link,
    .create = NULL,
    .setattr = NULL,
};

/* ---- walking ---- */

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

static void forget_parents(struct nameidata *nd)
{
	while (nd->parents) {
		struct walked_dir *dir = nd->parents;

		nd->parents = dir->parent;
		iput(dir->inode);
		kfree(dir);
	}
}

static void nd_jump_root(struct nameidata *nd)
{
	forget_parents(nd);
	iput(nd->inode);
	nd->inode = nd->sb->s_root;
	atomic_inc(&nd->inode->i_count);
}

static void follow_dotdot(struct nameidata *nd)
{
	struct walked_dir *dir = nd->parents;

	if (!dir) {
		nd_jump_root(nd);
		return;
	}
	nd->parents = dir->parent;
	iput(nd->inode);
	nd->inode = dir->inode;
	kfree(dir);
}

/* Goes from nd->inode to child, whose reference it takes over. */
static int step_into(struct nameidata *nd, struct inode *child)
{
	if (nd->inode == nd->sb->s_root) {
		/* Reached again through a damaged image: as from the start. */
		forget_parents(nd);
		iput(nd->inode);
	} else if (S_ISDIR(child->i_mode)) {
		struct walked_dir *dir =
		    (struct walked_dir *)kmalloc(sizeof(*dir), GFP_KERNEL);

		if (!dir) {
			iput(child);
			return -ENOMEM;
		}
		dir->parent = nd->parents;
		dir->inode = nd->inode;
		nd->parents = dir;
	} else {
		iput(nd->inode);
	}
	nd->inode = child;
	return 0;
}

/*
 * Makes *path the text of the link, what was left of it comes after; nothing
 * happens for an empty text.  Takes over the reference to link.
 */
static int pick_link(struct nameidata *nd, struct inode *link,
		     const char **path)
{
	struct saved_path *saved;
	struct delayed_call done = {NULL, NULL};
	const char *text;
	int error = -ELOOP;

	if (nd->total_link_count++ >= MAXSYMLINKS)
		goto out;
	error = -ENOMEM;
	if (!nd->stack)
		nd->stack = (struct saved_path *)kmalloc(
		    MAXSYMLINKS * sizeof(*nd->stack), GFP_KERNEL);
	if (!nd->stack)
		goto out;
	text = link->i_op->get_link(link, &done);
	error = (int)PTR_ERR(text);
	if (IS_ERR(text))
		goto out;
	error = 0;
	if (*text == '/')
		nd_jump_root(nd);
	if (!*text) {
		do_delayed_call(&done);
		goto out;
	}
	saved = &nd->stack[nd->depth++];
	saved->name = *path;
	saved->done = done;
	*path = text;
out:
	iput(link);
	return error;
}

static void pop_link(struct nameidata *nd, const char **path)
{
	struct saved_path *saved = &nd->stack[--nd->depth];

	*path = saved->name;
	do_delayed_call(&saved->done);
}

/* name: scratch for a component.  On success nd->inode is what was found. */
static int link_path_walk(struct nameidata *nd, const char *path, char *name,
			  bool follow)
{
	bool want_dir = false;

	for (;;) {
		struct inode *child = NULL;
		struct qstr component;
		const int len = next_component(&path, name);
		int error;

		if (len < 0)
			return len;
		if (len == 0) {
			if (nd->depth) {
				pop_link(nd, &path);
				want_dir |= *path == '/';
				continue;
			}
			if (want_dir && !S_ISDIR(nd->inode->i_mode))
				return -ENOTDIR;
			return 0;
		}
		if (!S_ISDIR(nd->inode->i_mode) || !nd->inode->i_op ||
		    !nd->inode->i_op->lookup)
			return -ENOTDIR;
		want_dir = *path == '/';
		if (len == 1 && name[0] == '.')
			continue;
		if (len == 2 && name[0] == '.' && name[1] == '.') {
			follow_dotdot(nd);
			continue;
		}
		component.len = (u32)len;
		component.name = name;
		error = nd->inode->i_op->lookup(nd->inode, &component, &child);
		if (error)
			return error;
		if (S_ISLNK(child->i_mode) && child->i_op &&
		    child->i_op->get_link && (follow || nd->depth || *path))
			error = pick_link(nd, child, &path);
		else
			error = step_into(nd, child);
		if (error)
			return error;
	}
}

/* name: NAME_MAX + 1 bytes of scratch. */
static int path_lookup_with(struct super_block *sb, const char *path,
			    bool follow, char *name, struct inode **result)
{
	struct nameidata nd = {sb, sb->s_root, NULL, 0, 0, NULL};
	int error;

	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	mutex_lock(&sb->s_root->i_mutex);
	atomic_inc(&nd.inode->i_count);
	error = link_path_walk(&nd, path, name, follow);
	while (nd.depth)
		pop_link(&nd, &path);
	if (nd.stack)
		kfree(nd.stack);
	forget_parents(&nd);
	mutex_unlock(&sb->s_root->i_mutex);
	if (error)
		iput(nd.inode);
	else
		*result = nd.inode;
	return error;
}

int path_lookup(struct super_block *sb, const char *path, bool follow,
		struct inode **inode)
{
	char *name = (char *)kmalloc(NAME_MAX + 1, GFP_KERNEL);
	int error;

	if (!name)
		return -ENOMEM;
	error = path_lookup_with(sb, path, follow, name, inode);
	kfree(name);
	return error;
}

/* ---- opening ---- */

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

/* An empty file and its dentry; NULL: no memory. */
static struct file *get_empty_filp(struct machine *machine)
{
	struct dentry *dentry = (struct dentry *)kmem_cache_zalloc(
	    machine->dentry_cachep, GFP_KERNEL);
	struct file *file;

	if (!dentry)
		return NULL;
	file =
	    (struct file *)kmem_cache_zalloc(machine->filp_cachep, GFP_KERNEL);
	if (!file) {
		kmem_cache_free(machine->dentry_cachep, dentry);
		return NULL;
	}
	file->f_dentry = dentry;
	return file;
}

static void put_empty_filp(struct machine *machine, struct file *file)
{
	kmem_cache_free(machine->dentry_cachep, file->f_dentry);
	kmem_cache_free(machine->filp_cachep, file);
}

/* Takes over the reference to inode. */
static void do_dentry_open(struct file *file, struct inode *inode,
			   const char *path, const struct file_operations *fop,
			   u32 mode)
{
	struct dentry *dentry = file->f_dentry;

	d_set_name(dentry, path);
	dentry->d_inode = inode;
	atomic_set(&dentry->d_count, 1);
	file->f_inode = inode;
	file->f_op = fop;
	file->f_mapping = inode->i_mapping;
	file_ra_state_init(&file->f_ra, file->f_mapping);
	file->f_mode = mode;
	spin_lock_init_named(&file->f_lock, "file->f_lock");
	atomic_long_set(&file->f_count, 1);
	atomic_inc(&inode->i_sb->s_files);
}

struct file *alloc_file(struct inode *inode, const char *path,
			const struct file_operations *fop, u32 mode)
{
	struct file *file = get_empty_filp(inode->i_sb->s_machine);

	if (file)
		do_dentry_open(file, inode, path, fop, mode);
	return file;
}

/* 0 when it can be opened as a file or a directory. */
static int may_open(const struct inode *inode)
{
	if (!S_ISREG(inode->i_mode) && !S_ISDIR(inode->i_mode))
		return -ENXIO;
	return inode->i_fop ? 0 : -ENODEV;
}

int filp_open(struct super_block *sb, const char *path, struct file **result)
{
	struct machine *machine = sb->s_machine;
	struct file *file = get_empty_filp(machine);
	struct inode *inode = NULL;
	int error;

	if (!file)
		return -ENOMEM;
	error =
	    path_lookup_with(sb, path, true, file->f_dentry->d_iname, &inode);
	if (error)
		goto out_file;
	error = may_open(inode);
	if (error)
		goto out_inode;
	do_dentry_open(file, inode, path, inode->i_fop,
		       sb->s_readonly || S_ISDIR(inode->i_mode)
			   ? FMODE_READ
			   : FMODE_READ | FMODE_WRITE);
	*result = file;
	return 0;

out_inode:
	iput(inode);
out_file:
	put_empty_filp(machine, file);
	return error;
}

/* The entry of the root directory, made if flags say so. */
static int lookup_open(struct super_block *sb, const char *path, u32 flags,
		       char *name, struct inode **inode)
{
	struct inode *dir = sb->s_root;
	struct qstr component;
	int error, len;

	if (!(flags & O_CREAT))
		return path_lookup_with(sb, path, true, name, inode);
	len = next_component(&path, name);
	if (len < 0)
		return len;
	if (!len || *path)
		return -EISDIR;
	component.len = (u32)len;
	component.name = name;
	mutex_lock(&dir->i_mutex);
	error = dir->i_op->lookup(dir, &component, inode);
	if (!error && (flags & O_EXCL)) {
		iput(*inode);
		error = -EEXIST;
	} else if (error == -ENOENT) {
		error = sb->s_readonly || !dir->i_op->create
			    ? -EROFS
			    : dir->i_op->create(dir, &component, 0644, inode);
	}
	mutex_unlock(&dir->i_mutex);
	return error;
}

int filp_open_flags(struct super_block *sb, const char *path, u32 flags,
		    struct file **result)
{
	static const u32 modes[] = {FMODE_READ, FMODE_WRITE,
				    FMODE_READ | FMODE_WRITE};
	const u32 known = O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC;
	struct machine *machine = sb->s_machine;
	struct inode *inode = NULL;
	struct file *file;
	int error;

	if ((flags & ~known) || (flags & O_ACCMODE) > O_RDWR)
		return -EINVAL;
	file = get_empty_filp(machine);
	if (!file)
		return -ENOMEM;
	error = lookup_open(sb, path, flags, file->f_dentry->d_iname, &inode);
	if (error)
		goto out_file;
	error = may_open(inode);
	if (!error && (flags & O_ACCMODE)) {
		if (S_ISDIR(inode->i_mode))
			error = -EISDIR;
		else if (sb->s_readonly)
			error = -EROFS;
	}
	if (error) {
		iput(inode);
		goto out_file;
	}
	do_dentry_open(file, inode, path, inode->i_fop,
		       modes[flags & O_ACCMODE]);
	if (flags & O_TRUNC) {
		error = do_truncate(file, 0);
		if (error) {
			fput(file);
			return error;
		}
	}
	*result = file;
	return 0;

out_file:
	put_empty_filp(machine, file);
	return error;
}

} /* extern "C" */
