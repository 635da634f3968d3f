// SPDX-License-Identifier: GPL-2.0-only
//
// Directories of cramfs (4.13's fs/cramfs/inode.c).
//
//   cramfs_lookup    one component of a path
//   cramfs_readdir   entries, from a position on
//
// The kernel reads each entry as if it were as long as one can be, 264 bytes.
// Where an image in memory ends sooner than that, it sees zeros: readdir fails
// there, and lookup goes over the rest of the directory in steps of 12 bytes
// and finds nothing.  Here an entry is read by its own length, and one without
// a name is -EIO for both (FL_FIX_CRAMFS_SHORT_ENTRY off: as the kernel does
// it).
//
// Other than the kernel, lookup compares the first bytes of names, by which it
// leaves a sorted directory early, as unsigned ones on every architecture.
//
// Directories are at most 2^24 bytes and each step goes forward, so both end
// whatever the image holds.
//
// Locks: the read mutex is taken inside and not held while an entry is handed
// out.

#include "cramfs/cramfs.h"

#include "mm/sync/bug.h"
#include "mm/sync/slab.h"
#include "mm/sync/string.h"

// The entry at `offset` of the image, its name right behind it.
static const struct cramfs_inode *cramfs_read_entry(struct super_block *sb,
						    u32 offset)
{
	const struct cramfs_inode *de;

	/* In a buffer there is always room for the longest. */
	if (!CRAMFS_SB(sb)->linear_virt_addr ||
	    !cramfs_fixed(sb, FL_FIX_CRAMFS_SHORT_ENTRY))
		return (const struct cramfs_inode *)cramfs_read(
		    sb, offset, (u32)sizeof(*de) + CRAMFS_MAXPATHLEN);

	de = (const struct cramfs_inode *)cramfs_read(sb, offset, sizeof(*de));
	return (const struct cramfs_inode *)cramfs_read(
	    sb, offset, (u32)sizeof(*de) + ((u32)de->namelen << 2));
}

// 0 or -EINVAL, -ENOMEM; -EIO for an entry without a name, where ctx stays.
static int cramfs_readdir(struct file *file, struct dir_context *ctx)
{
	struct inode *inode = file_inode(file);
	struct super_block *sb = inode->i_sb;
	u32 offset;
	char *buf;
	int ret = 0;

	if (ctx->pos >= inode->i_size)
		return 0;
	offset = (u32)ctx->pos;
	if (offset & 3)
		return -EINVAL;

	buf = (char *)kmalloc(CRAMFS_MAXPATHLEN, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	while (offset < inode->i_size) {
		const struct cramfs_inode *de;
		u32 nextoffset;
		kulong ino;
		umode_t mode;
		int namelen;

		/* The entry is gone from its buffer once others may read. */
		mutex_lock(cramfs_read_mutex(sb));
		de = cramfs_read_entry(sb, (u32)OFFSET(inode) + offset);
		namelen = de->namelen << 2;
		memcpy(buf, de + 1, (size_t)namelen);
		ino = cramino(sb, de, (u32)OFFSET(inode) + offset);
		mode = (umode_t)de->mode;
		mutex_unlock(cramfs_read_mutex(sb));

		nextoffset = offset + (u32)sizeof(*de) + (u32)namelen;
		while (namelen && !buf[namelen - 1])
			namelen--;
		if (!namelen) {
			ret = -EIO;
			break;
		}
		if (!dir_emit(ctx, buf, namelen, ino, mode >> 12))
			break;
		ctx->pos = offset = nextoffset;
	}
	kfree(buf);
	return ret;
}

// 0 and *result with a reference; -ENOENT; -EIO for an entry without a name.
static int cramfs_lookup(struct inode *dir, const struct qstr *name,
			 struct inode **result)
{
	struct super_block *sb = dir->i_sb;
	const bool sorted = CRAMFS_SB(sb)->flags & CRAMFS_FLAG_SORTED_DIRS;
	const bool fixed = cramfs_fixed(sb, FL_FIX_CRAMFS_SHORT_ENTRY);
	const u8 first = (u8)name->name[0];
	int ret = -ENOENT;
	u32 offset = 0;

	mutex_lock(cramfs_read_mutex(sb));
	while (offset < dir->i_size) {
		const u32 dir_off = (u32)OFFSET(dir) + offset;
		const struct cramfs_inode *de = cramfs_read_entry(sb, dir_off);
		const char *de_name = (const char *)(de + 1);
		u32 namelen = (u32)de->namelen << 2;
		int order;

		if (!namelen && fixed) {
			ret = -EIO;
			break;
		}
		if (sorted && first < (u8)de_name[0])
			break;
		offset += (u32)sizeof(*de) + namelen;

		/* The padding makes lengths that differ by up to 3 alike. */
		if (((name->len + 3) & ~3u) != namelen)
			continue;
		while (namelen && !de_name[namelen - 1])
			namelen--;
		if (!namelen) {
			ret = -EIO;
			break;
		}
		if (namelen != name->len)
			continue;
		order = memcmp(name->name, de_name, namelen);
		if (!order) {
			struct inode *inode = get_cramfs_inode(sb, de, dir_off);

			ret = 0;
			if (IS_ERR(inode))
				ret = (int)PTR_ERR(inode);
			else
				*result = inode;
			break;
		}
		if (order < 0 && sorted)
			break;
	}
	mutex_unlock(cramfs_read_mutex(sb));
	return ret;
}

const struct inode_operations cramfs_dir_inode_operations = {
    .lookup = cramfs_lookup,
    .get_link = NULL,
    .create = NULL,
    .setattr = NULL,
};

const struct file_operations cramfs_directory_operations = {
    .llseek = generic_file_llseek,
    .read = generic_read_dir,
    .mmap = NULL,
    .get_unmapped_area = NULL,
    .mmap_capabilities = NULL,
    .splice_read = NULL,
    .iterate_shared = cramfs_readdir,
};
