// SPDX-License-Identifier: GPL-2.0-only
//
// Filling a page of the page cache from the image (cramfs_readpage of 4.13
// and of the physmem series, with every kind of block pointer; the kinds
// stand in cramfs_fs.h).
//
// Kernels up to today take the last block of a file whose size is a multiple
// of the page for a hole when it is direct and raw, so that read() gives zeros
// where the direct mapping shows data.  Here it is whole
// (FL_FIX_CRAMFS_LAST_BLOCK off: as the kernel does it).
//
// Locks: the page is locked on entry and unlocked on exit; the read mutex is
// taken inside and covers everything that touches the image or the stream.

#include "cramfs/cramfs.h"

#include "mm/sync/bug.h"
#include "mm/sync/page.h"
#include "mm/sync/string.h"

static u32 cramfs_read_u32(struct super_block *sb, u32 offset)
{
	return *(const u32 *)cramfs_read(sb, offset, sizeof(u32));
}

// The length in front of a direct compressed block; any alignment.
static u32 cramfs_read_u16(struct super_block *sb, u32 offset)
{
	const u8 *bytes = (const u8 *)cramfs_read(sb, offset, sizeof(u16));

	return (u32)bytes[0] | (u32)bytes[1] << 8;
}

// Where block `index` of the file is stored: start offset, length 0 for a
// hole, raw or not.
struct cramfs_block {
	u32 start, len;
	bool uncompressed;
};

// Where the block after one with pointer `prev` starts, if it is classic.
static u32 cramfs_block_end(struct super_block *sb, u32 prev)
{
	u32 start = prev & ~CRAMFS_BLK_FLAGS;

	if (!(prev & CRAMFS_BLK_FLAG_DIRECT_PTR))
		return start;
	start <<= CRAMFS_BLK_DIRECT_PTR_SHIFT;
	if (prev & CRAMFS_BLK_FLAG_UNCOMPRESSED)
		start += (u32)PAGE_SIZE;
	else
		start += 2 + cramfs_read_u16(sb, start);
	/* Classic pointers reach no further. */
	return start & ~CRAMFS_BLK_FLAGS;
}

static void cramfs_locate_block(struct inode *inode, u32 index, u32 maxblock,
				struct cramfs_block *block)
{
	struct super_block *sb = inode->i_sb;
	u32 table = (u32)OFFSET(inode);
	u32 pointer = cramfs_read_u32(sb, table + index * 4);
	u32 value = pointer & ~CRAMFS_BLK_FLAGS;

	block->uncompressed = pointer & CRAMFS_BLK_FLAG_UNCOMPRESSED;
	if (pointer & CRAMFS_BLK_FLAG_DIRECT_PTR) {
		block->start = value << CRAMFS_BLK_DIRECT_PTR_SHIFT;
		if (!block->uncompressed) {
			block->len = cramfs_read_u16(sb, block->start);
			block->start += 2;
			return;
		}
		block->len = (u32)PAGE_SIZE;
		if (index == maxblock - 1 &&
		    (offset_in_page(inode->i_size) ||
		     !cramfs_fixed(sb, FL_FIX_CRAMFS_LAST_BLOCK)))
			block->len = (u32)offset_in_page(inode->i_size);
		return;
	}
	/* Pointers of this kind say where their block ends. */
	if (index)
		block->start = cramfs_block_end(
		    sb, cramfs_read_u32(sb, table + (index - 1) * 4));
	else
		block->start = table + maxblock * 4;
	block->len = value - block->start;
}

// Bytes written to pgdata, or -EIO.  The read mutex is held.
static int cramfs_fill_page(struct inode *inode, u32 index, u32 maxblock,
			    char *pgdata)
{
	struct super_block *sb = inode->i_sb;
	struct cramfs_block block;
	const void *data;

	cramfs_locate_block(inode, index, maxblock, &block);
	if (!block.len)
		return 0;
	if (block.len > 2 * PAGE_SIZE ||
	    (block.uncompressed && block.len > PAGE_SIZE)) {
		pr_err("cramfs: bad data blocksize %u\n", block.len);
		return -EIO;
	}
	data = cramfs_read(sb, block.start, block.len);
	if (!data) {
		pr_err("cramfs: block at %#x is outside the image\n",
		       block.start);
		return -EIO;
	}
	if (block.uncompressed) {
		memcpy(pgdata, data, block.len);
		return (int)block.len;
	}
	return cramfs_uncompress_block(pgdata, (int)PAGE_SIZE, data,
				       (int)block.len);
}

// Always 0, as in the kernel: a failure is told by the page, which is not
// up to date when it is unlocked.
static int cramfs_readpage(struct file *file, struct page *page)
{
	struct inode *inode = page->mapping->host;
	u32 maxblock = (u32)((inode->i_size + PAGE_SIZE - 1) >> PAGE_SHIFT);
	char *pgdata = (char *)kmap(page);
	int bytes_filled = 0;

	if (page->index < maxblock) {
		mutex_lock(cramfs_read_mutex(inode->i_sb));
		bytes_filled =
		    cramfs_fill_page(inode, (u32)page->index, maxblock, pgdata);
		mutex_unlock(cramfs_read_mutex(inode->i_sb));
	}
	if (unlikely(bytes_filled < 0)) {
		kunmap(page);
		ClearPageUptodate(page);
		SetPageError(page);
		unlock_page(page);
		return 0;
	}
	memset(pgdata + bytes_filled, 0, PAGE_SIZE - (size_t)bytes_filled);
	kunmap(page);
	/* Who sees the flag without the page lock must see the bytes too. */
	smp_wmb();
	SetPageUptodate(page);
	unlock_page(page);
	return 0;
}

const struct address_space_operations cramfs_aops = {
    .readpage = cramfs_readpage,
    .write_begin = NULL,
    .write_end = NULL,
    .migratepage = NULL,
};
