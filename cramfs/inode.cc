// SPDX-License-Identifier: GPL-2.0-only
//
// Inodes and directories of cramfs (4.13's fs/cramfs/inode.c, with the direct
// read path and the choice of file operations of the physmem series).
//
//   cramino, get_cramfs_inode   inode numbers; what a file can do
//   cramfs_read                 cramfs_direct_read
//   cramfs_lookup               one component of a path
//
// Left out: readdir (nothing lists a directory here), following symbolic
// links, special files, times, and the buffers of the block device path.
// Other than the kernel, lookup reads an entry by its own length instead of
// the longest possible one, so that a directory may end near the end of the
// image; and it compares first bytes as unsigned ones on every architecture.
//
// Locks: lookup takes the read mutex; it is not held on entry or exit.

#include "cramfs/cramfs.h"

#include "mm/sync/bug.h"
#include "mm/sync/page.h"
#include "mm/sync/string.h"

static const struct file_operations cramfs_ro_fops = {
    .llseek = generic_file_llseek,
    .read = generic_file_read,
    .mmap = generic_file_readonly_mmap,
    .get_unmapped_area = NULL,
    .mmap_capabilities = NULL,
};

// What has data is known by where the data is, so equal contents are one
// inode; anything else by its place in the directory.  The lowest two bits
// tell the two apart: data and entries start at multiples of 4.
static kulong cramino(const struct cramfs_inode *cino, u32 offset)
{
	if (!cino->offset || !cino->size)
		return offset + 1;
	/* Old tools gave devices and fifos an offset that means nothing. */
	switch (cino->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
		return (kulong)cino->offset << 2;
	default:
		return offset + 1;
	}
}

static int cramfs_lookup(struct inode *dir, const struct qstr *name,
			 struct inode **result);

static const struct inode_operations cramfs_dir_inode_operations = {
    .lookup = cramfs_lookup,
};

static const struct file_operations cramfs_directory_operations = {
    .llseek = generic_file_llseek,
    .read = NULL,
    .mmap = NULL,
    .get_unmapped_area = NULL,
    .mmap_capabilities = NULL,
};

struct inode *get_cramfs_inode(struct super_block *sb,
			       const struct cramfs_inode *cramfs_inode,
			       u32 offset)
{
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);
	struct inode *inode;
	bool fresh;

	inode = iget_locked(sb, cramino(cramfs_inode, offset), &fresh);
	if (!inode)
		return (struct inode *)ERR_PTR(-ENOMEM);
	if (!fresh)
		return inode;

	switch (cramfs_inode->mode & S_IFMT) {
	case S_IFREG:
		inode->i_fop = &cramfs_ro_fops;
		inode->i_data.a_ops = &cramfs_aops;
		if (IS_ENABLED(CONFIG_CRAMFS_PHYSMEM) &&
		    sbi->flags & CRAMFS_FLAG_EXT_BLOCK_POINTERS &&
		    sbi->linear_phys_addr && sbi->physmem_fops)
			inode->i_fop = sbi->physmem_fops;
		break;
	case S_IFDIR:
		inode->i_op = &cramfs_dir_inode_operations;
		inode->i_fop = &cramfs_directory_operations;
		break;
	case S_IFLNK:
		inode->i_fop = &cramfs_ro_fops;
		inode->i_data.a_ops = &cramfs_aops;
		break;
	default:
		inode->i_rdev = cramfs_inode->size;
	}
	inode->i_mode = (umode_t)cramfs_inode->mode;
	inode->i_uid = cramfs_inode->uid;
	inode->i_gid = cramfs_inode->gid;
	if (!(inode->i_ino & 3)) {
		inode->i_size = cramfs_inode->size;
		inode->i_blocks = (cramfs_inode->size - 1) / 512 + 1;
	}
	return inode;
}

void *cramfs_read(struct super_block *sb, u32 offset, u32 len)
{
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);

	if (!len)
		return NULL;
	if (len > sbi->size || offset > sbi->size - len) {
		if (len > PAGE_SIZE)
			return NULL;
		return page_address(sb->s_machine->zero_page);
	}
	return sbi->linear_virt_addr + offset;
}

// 0 and *result with a reference; -ENOENT; -EIO for an entry without a name.
static int cramfs_lookup(struct inode *dir, const struct qstr *name,
			 struct inode **result)
{
	struct super_block *sb = dir->i_sb;
	bool sorted = CRAMFS_SB(sb)->flags & CRAMFS_FLAG_SORTED_DIRS;
	const u8 first = (u8)name->name[0];
	int ret = -ENOENT;
	u32 offset = 0;

	mutex_lock(cramfs_read_mutex(sb));
	while (offset < dir->i_size) {
		u32 dir_off = (u32)OFFSET(dir) + offset;
		const struct cramfs_inode *de;
		const char *de_name;
		u32 namelen;
		int order;

		de = (const struct cramfs_inode *)cramfs_read(sb, dir_off,
							      sizeof(*de));
		namelen = (u32)de->namelen << 2;
		if (!namelen) {
			ret = -EIO;
			break;
		}
		de_name = (const char *)cramfs_read(
		    sb, dir_off + (u32)sizeof(*de), namelen);

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
