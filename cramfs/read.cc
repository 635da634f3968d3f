// SPDX-License-Identifier: GPL-2.0-only
//
// Reading pieces of the image (cramfs_read of 4.13 and of the physmem series).
//
//   cramfs_direct_read   an image in memory: in place
//   cramfs_blkdev_read   on a device: through one of two buffers of four
//                        pages, which all mounts of the machine share
//
// Four pages, so that eight kilobytes (a block at its longest) fit wherever in
// a page they begin.
//
// Kept from 4.13: a page that the device cannot read, or that there is no
// memory for, is zeros in the buffer, and stays so until the buffer is used
// for something else; the end of a device that is not a whole page is not read.
//
// Other than 4.13, a range whose end wraps past 2^32 never counts as found in
// a buffer (mainline since 672ca9dd13f1).  And where a range outside an image
// in memory is longer than a page the answer is NULL: the kernel hands out the
// zero page, with what lies behind it.
//
// Locks: the read mutex is held; page locks are taken inside.

#include "cramfs/cramfs.h"

#include "mm/sync/bug.h"
#include "mm/sync/page.h"
#include "mm/sync/slab.h"
#include "mm/sync/string.h"

#define READ_BUFFERS 2
#define NEXT_BUFFER(i) ((i) ^ 1u)
#define BLKS_PER_BUF 4u
#define BUFFER_SIZE (BLKS_PER_BUF * (u32)PAGE_SIZE)

struct cramfs_read_buffers {
	u32 mounts;
	u32 next_buffer;
	u32 buffer_blocknr[READ_BUFFERS]; /* pages; all ones: nothing read */
	struct super_block *buffer_dev[READ_BUFFERS];
	u8 read_buffers[READ_BUFFERS][BLKS_PER_BUF << PAGE_SHIFT];
};

size_t cramfs_read_buffers_bytes(void)
{
	return sizeof(struct cramfs_read_buffers);
}

int cramfs_get_read_buffers(struct machine *machine)
{
	struct cramfs_read_buffers *buffers;

	mutex_lock(&machine->cramfs_read_mutex);
	buffers = machine->cramfs_read_buffers;
	if (!buffers) {
		buffers = (struct cramfs_read_buffers *)kmem_cache_alloc(
		    machine->cramfs_buffers_cachep, GFP_KERNEL);
		if (!buffers) {
			mutex_unlock(&machine->cramfs_read_mutex);
			return -ENOMEM;
		}
		buffers->mounts = 0;
		buffers->next_buffer = 0;
		machine->cramfs_read_buffers = buffers;
	}
	buffers->mounts++;
	/* The super block may stand where an earlier one stood. */
	for (u32 i = 0; i < READ_BUFFERS; i++) {
		buffers->buffer_blocknr[i] = ~0u;
		buffers->buffer_dev[i] = NULL;
	}
	mutex_unlock(&machine->cramfs_read_mutex);
	return 0;
}

void cramfs_put_read_buffers(struct machine *machine)
{
	struct cramfs_read_buffers *buffers;

	mutex_lock(&machine->cramfs_read_mutex);
	buffers = machine->cramfs_read_buffers;
	if (--buffers->mounts == 0) {
		machine->cramfs_read_buffers = NULL;
		kmem_cache_free(machine->cramfs_buffers_cachep, buffers);
	}
	mutex_unlock(&machine->cramfs_read_mutex);
}

// Page `index` of the device with a reference; NULL where there is none.
static struct page *read_device_page(struct super_block *sb, u32 index)
{
	struct inode *bd_inode = sb->s_bdev->bd_inode;
	struct page *page;

	if (index >= (u64)bd_inode->i_size >> PAGE_SHIFT)
		return NULL;
	page = read_mapping_page(bd_inode->i_mapping, index, NULL);
	return IS_ERR(page) ? NULL : page;
}

static void *cramfs_blkdev_read(struct super_block *sb, u32 offset, u32 len)
{
	struct cramfs_read_buffers *buffers =
	    sb->s_machine->cramfs_read_buffers;
	struct page *pages[BLKS_PER_BUF];
	u32 blocknr = offset >> PAGE_SHIFT;
	u32 buffer;

	offset &= (u32)PAGE_SIZE - 1;
	for (u32 i = 0; i < READ_BUFFERS; i++) {
		u32 blk_offset;

		if (buffers->buffer_dev[i] != sb ||
		    blocknr < buffers->buffer_blocknr[i])
			continue;
		blk_offset = (blocknr - buffers->buffer_blocknr[i])
			     << PAGE_SHIFT;
		blk_offset += offset;
		if (blk_offset > BUFFER_SIZE || blk_offset + len > BUFFER_SIZE)
			continue;
		return buffers->read_buffers[i] + blk_offset;
	}

	/* All pages are there before the first one goes into the buffer. */
	for (u32 i = 0; i < BLKS_PER_BUF; i++)
		pages[i] = read_device_page(sb, blocknr + i);

	buffer = buffers->next_buffer;
	buffers->next_buffer = NEXT_BUFFER(buffer);
	buffers->buffer_blocknr[buffer] = blocknr;
	buffers->buffer_dev[buffer] = sb;
	for (u32 i = 0; i < BLKS_PER_BUF; i++) {
		u8 *data = buffers->read_buffers[buffer] + i * PAGE_SIZE;

		if (pages[i]) {
			memcpy(data, kmap(pages[i]), PAGE_SIZE);
			kunmap(pages[i]);
			put_page(pages[i]);
		} else {
			memset(data, 0, PAGE_SIZE);
		}
	}
	return buffers->read_buffers[buffer] + offset;
}

static void *cramfs_direct_read(struct super_block *sb, u32 offset, u32 len)
{
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);

	if (len > sbi->size || offset > sbi->size - len) {
		if (len > PAGE_SIZE)
			return NULL;
		return page_address(sb->s_machine->zero_page);
	}
	return sbi->linear_virt_addr + offset;
}

void *cramfs_read(struct super_block *sb, u32 offset, u32 len)
{
	if (!len)
		return NULL;
	if (IS_ENABLED(CONFIG_CRAMFS_PHYSMEM) &&
	    CRAMFS_SB(sb)->linear_virt_addr)
		return cramfs_direct_read(sb, offset, len);
	return cramfs_blkdev_read(sb, offset, len);
}
