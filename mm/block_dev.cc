// SPDX-License-Identifier: GPL-2.0-only
/*
 * A simulated disk: read-only, its content a part of the ROM window.
 *
 *   blkdev_get, blkdev_put         fs/block_dev.c: an inode in a pseudo file
 *                                  system, whose page cache is the device's
 *   blkdev_readpage                block_read_full_page of fs/buffer.c
 *
 * A page is read at once, by a copy.  What lies behind the end of the device
 * is zeros; a page with a sector that cannot be read is left not up to date,
 * and readpage itself says 0, as where the error comes with the interrupt.
 *
 * Left out: requests and queues, partitions, buffer heads, sharing of one
 * device by several mounts (each has a page cache of its own), writing.
 *
 * Locks: readpage is entered with the page locked and unlocks it.
 */
#include "mm/fault.h"
#include "mm/fs.h"
#include "mm/sync/machine.h"
#include "mm/sync/string.h"

extern "C" {

#define SECTOR_SHIFT 9
/* As every disk has them that says nothing else, bytes, and as brd has. */
#define VM_MAX_READAHEAD (128u << 10)
#define DISK_MAX_SECTORS 1024u

static bool has_bad_sector(const struct block_device *bdev, u64 pos, u64 bytes)
{
	return bdev->bd_bad_first <= bdev->bd_bad_last &&
	       pos >> SECTOR_SHIFT <= bdev->bd_bad_last &&
	       (pos + bytes - 1) >> SECTOR_SHIFT >= bdev->bd_bad_first;
}

static int blkdev_readpage(struct file *file, struct page *page)
{
	const struct inode *inode = page->mapping->host;
	const struct block_device *bdev =
	    (const struct block_device *)inode->i_private;
	const struct machine *machine = inode->i_sb->s_machine;
	const u64 pos = (u64)page->index << PAGE_SHIFT;
	const u64 size = (u64)inode->i_size;
	u64 bytes = pos < size ? size - pos : 0;
	char *data = (char *)kmap(page);

	if (bytes > PAGE_SIZE)
		bytes = PAGE_SIZE;
	if (bytes && has_bad_sector(bdev, pos, bytes)) {
		pr_err("blk_update_request: I/O error, dev rom, sector %llu\n",
		       pos >> SECTOR_SHIFT);
		SetPageError(page);
	} else {
		memcpy(data, machine->rom + bdev->bd_rom_offset + pos,
		       (size_t)bytes);
		memset(data + bytes, 0, PAGE_SIZE - (size_t)bytes);
		SetPageUptodate(page);
	}
	kunmap(page);
	unlock_page(page);
	return 0;
}

static const struct address_space_operations def_blk_aops = {
    .readpage = blkdev_readpage,
    .write_begin = NULL,
    .write_end = NULL,
    .migratepage = NULL,
};

int blkdev_get(struct machine *machine, u64 rom_offset, u64 bytes,
	       struct block_device **result)
{
	struct block_device *bdev = (struct block_device *)kmalloc(
	    sizeof(*bdev), GFP_KERNEL | __GFP_ZERO);
	bool fresh;

	if (!bdev)
		return -ENOMEM;
	bdev->bd_super = sget(machine);
	if (!bdev->bd_super)
		goto out_free;
	bdev->bd_inode = iget_locked(bdev->bd_super, 1, &fresh);
	if (!bdev->bd_inode)
		goto out_super;
	bdev->bd_inode->i_mode = S_IFBLK;
	bdev->bd_inode->i_size = (loff_t)bytes;
	bdev->bd_inode->i_private = bdev;
	bdev->bd_inode->i_data.a_ops = &def_blk_aops;
	bdev->bd_rom_offset = rom_offset;
	bdev->bd_bdi.ra_pages = VM_MAX_READAHEAD / PAGE_SIZE;
	bdev->bd_bdi.io_pages = DISK_MAX_SECTORS >> (PAGE_SHIFT - SECTOR_SHIFT);
	bdev->bd_super->s_bdi = &bdev->bd_bdi;
	bdev->bd_bad_first = 1;
	*result = bdev;
	return 0;

out_super:
	deactivate_super(bdev->bd_super);
out_free:
	kfree(bdev);
	return -ENOMEM;
}

void blkdev_put(struct block_device *bdev)
{
	iput(bdev->bd_inode);
	deactivate_super(bdev->bd_super);
	kfree(bdev);
}

} /* extern "C" */
