// SPDX-License-Identifier: GPL-2.0-only
//
// Inodes of cramfs (4.13's fs/cramfs/inode.c, with the choice of file
// operations of the physmem series).
//
//   cramino, get_cramfs_inode   inode numbers; what a file can do
//
// The kernel numbers what has data by where the data is.  Tools store equal
// contents once, so different files are one inode to it, with the mode and
// owner of whichever is looked up first.  Here an inode is one entry, numbered
// by where that stands (FL_FIX_CRAMFS_ALIAS off: as the kernel does it).
//
// Nor does the kernel look where block pointers lead: an mmap method follows
// them, and the table itself, out of the image.  Here a file of which any
// part that could be mapped lies outside is not mapped directly at all
// (FL_FIX_CRAMFS_BOUNDS off: only its table is looked for, in the ROM; there
// is nothing to read behind).  The test stands here and not in the variants:
// they do what the patch does, and pointers do not change.
//
// Left out: times, which are 0; drivers behind device nodes.
//
// Locks: the read mutex is held, but while the root is made.

#include "cramfs/cramfs.h"

#include "mm/sync/bug.h"

static const struct file_operations cramfs_ro_fops = {
    .llseek = generic_file_llseek,
    .read = generic_file_read,
    .mmap = generic_file_readonly_mmap,
    .get_unmapped_area = NULL,
    .mmap_capabilities = NULL,
    .splice_read = generic_file_splice_read,
    .read_iter = generic_file_read_iter,
};

// Old tools gave devices and fifos an offset that means nothing.
static bool cramfs_has_data(const struct cramfs_inode *cino)
{
	if (!cino->offset || !cino->size)
		return false;
	switch (cino->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
		return true;
	default:
		return false;
	}
}

// Data and entries start at multiples of 4, so the two kinds never meet.
kulong cramino(struct super_block *sb, const struct cramfs_inode *cino,
	       u32 offset)
{
	if (cramfs_has_data(cino) && !cramfs_fixed(sb, FL_FIX_CRAMFS_ALIAS))
		return (kulong)cino->offset << 2;
	return (kulong)offset + 1;
}

// Whether an mmap method may be let near the file's block pointers.
static bool cramfs_may_map(struct super_block *sb, const struct inode *inode)
{
	const struct cramfs_sb_info *sbi = CRAMFS_SB(sb);
	const bool fixed = cramfs_fixed(sb, FL_FIX_CRAMFS_BOUNDS);
	const u32 partial = (u32)offset_in_page(inode->i_size);
	const u64 limit = fixed ? sbi->size : sbi->linear_bytes;
	u32 blocks = (u32)((inode->i_size + PAGE_SIZE - 1) >> PAGE_SHIFT);
	const u32 *blockptrs;

	if (OFFSET(inode) + (u64)blocks * 4 > limit)
		return false;
	if (!fixed)
		return true;
	blockptrs =
	    (const u32 *)(const void *)(sbi->linear_virt_addr + OFFSET(inode));
	for (u32 i = 0; i < blocks; i++) {
		const u64 start = (u64)(blockptrs[i] & ~CRAMFS_BLK_FLAGS)
				  << CRAMFS_BLK_DIRECT_PTR_SHIFT;
		u64 len = PAGE_SIZE;

		if ((blockptrs[i] & CRAMFS_BLK_FLAGS) != CRAMFS_BLK_FLAGS)
			continue;
		/*
		 * What is not page aligned is read, and never mapped; without
		 * an MMU alignment does not matter.
		 */
		if (IS_ENABLED(CONFIG_MMU) && i == blocks - 1 && partial &&
		    !PAGE_ALIGNED(start))
			len = partial;
		if (start + len > limit)
			return false;
	}
	return true;
}

static void cramfs_init_file(struct super_block *sb, struct inode *inode)
{
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);

	inode->i_fop = &cramfs_ro_fops;
	inode->i_data.a_ops = &cramfs_aops;
	if (!(IS_ENABLED(CONFIG_CRAMFS_PHYSMEM) &&
	      sbi->flags & CRAMFS_FLAG_EXT_BLOCK_POINTERS &&
	      sbi->linear_phys_addr && sbi->physmem_fops))
		return;
	if (cramfs_may_map(sb, inode))
		inode->i_fop = sbi->physmem_fops;
	else
		pr_debug("cramfs: inode %lu leads outside the image and is not "
			 "mapped directly\n",
			 KL(inode->i_ino));
}

struct inode *get_cramfs_inode(struct super_block *sb,
			       const struct cramfs_inode *cramfs_inode,
			       u32 offset)
{
	struct inode *inode;
	bool fresh;

	inode = iget_locked(sb, cramino(sb, cramfs_inode, offset), &fresh);
	if (!inode)
		return (struct inode *)ERR_PTR(-ENOMEM);
	if (!fresh)
		return inode;

	inode->i_mode = (umode_t)cramfs_inode->mode;
	inode->i_uid = cramfs_inode->uid;
	inode->i_gid = cramfs_inode->gid;
	if (cramfs_has_data(cramfs_inode)) {
		inode->i_private = KPTR((kulong)cramfs_inode->offset << 2);
		inode->i_size = cramfs_inode->size;
		inode->i_blocks = (cramfs_inode->size - 1) / 512 + 1;
	}

	switch (cramfs_inode->mode & S_IFMT) {
	case S_IFREG:
		cramfs_init_file(sb, inode);
		break;
	case S_IFDIR:
		inode->i_op = &cramfs_dir_inode_operations;
		inode->i_fop = &cramfs_directory_operations;
		break;
	case S_IFLNK:
		inode->i_op = &page_symlink_inode_operations;
		inode->i_data.a_ops = &cramfs_aops;
		break;
	default:
		/* The old form of a device number has 16 bits. */
		inode->i_rdev = (u16)cramfs_inode->size;
	}
	return inode;
}
