// SPDX-License-Identifier: GPL-2.0-only
//
// Mounting a cramfs image: file system types cramfs_physmem (it lies in
// memory) and cramfs (on a block device).
//
//   cramfs_physmem_mount, cramfs_physmem_fill_super,
//   cramfs_blkdev_mount, cramfs_blkdev_fill_super     the series of August
//                                                     2017, and 4.13's
//   cramfs_read_super, cramfs_finalize_super          cramfs_fill_super
//   cramfs_put_super                                  cramfs_kill_sb
//   cramfs_statfs, cramfs_remount                     the same
//
// Options: options.cc.
//
// Stricter than the kernel, which checks none of this: an image in memory has
// to lie inside the ROM window, and so has a device.  An image without
// FSID_VERSION_2 does not tell its size; it may be read as far as the window
// goes, at most 2^28 bytes.
//
// Left out: the silent flag; one super block for several mounts of a device.
//
// Locks: none on entry and exit; the read mutex is taken to read.

#include "cramfs/cramfs.h"

#include "mm/sync/bug.h"
#include "mm/sync/page.h"
#include "mm/sync/slab.h"
#include "mm/sync/string.h"

#define CRAMFS_MAX_SIZE (1u << 28) /* what a 26-bit word offset reaches */

static void cramfs_put_super(struct super_block *sb)
{
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);
	const bool on_device = sb->s_bdev != NULL;

	sb->s_fs_info = NULL;
	if (sbi)
		kmem_cache_free(sb->s_machine->cramfs_sb_cachep, sbi);
	if (on_device) {
		cramfs_put_read_buffers(sb->s_machine);
		blkdev_put(sb->s_bdev);
	}
}

// Asked for anything, the answer is read-only.
static int cramfs_remount(struct super_block *sb, u32 *flags)
{
	*flags |= MS_RDONLY;
	return 0;
}

static int cramfs_statfs(struct super_block *sb, struct kstatfs *buf)
{
	const u64 id = sb->s_bdev ? sb->s_bdev->bd_rom_offset >> PAGE_SHIFT : 0;

	buf->f_type = CRAMFS_MAGIC;
	buf->f_bsize = PAGE_SIZE;
	buf->f_blocks = CRAMFS_SB(sb)->blocks;
	buf->f_bfree = 0;
	buf->f_bavail = 0;
	buf->f_files = CRAMFS_SB(sb)->files;
	buf->f_ffree = 0;
	buf->f_fsid[0] = (u32)id;
	buf->f_fsid[1] = (u32)(id >> 32);
	buf->f_namelen = CRAMFS_MAXPATHLEN;
	return 0;
}

static const struct super_operations cramfs_ops = {
    .alloc_inode = NULL,
    .destroy_inode = NULL,
    .put_super = cramfs_put_super,
    .evict_inode = NULL,
    .statfs = cramfs_statfs,
    .remount_fs = cramfs_remount,
};

static void cramfs_copy_super(struct super_block *sb, u32 offset,
			      struct cramfs_super *super)
{
	mutex_lock(cramfs_read_mutex(sb));
	memcpy(super, cramfs_read(sb, offset, sizeof(*super)), sizeof(*super));
	mutex_unlock(cramfs_read_mutex(sb));
}

// Finds the superblock and checks what the kernel checks of it.
static int cramfs_read_super(struct super_block *sb, struct cramfs_super *super)
{
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);
	const bool direct = sbi->linear_virt_addr != NULL;
	kulong root_offset;

	/* Only the first page may be looked at until the size is known. */
	sbi->size = PAGE_SIZE;
	cramfs_copy_super(sb, 0, super);
	if (super->magic != CRAMFS_MAGIC) {
		if (super->magic == CRAMFS_MAGIC_WEND) {
			pr_err("cramfs: wrong endianness\n");
			return -EINVAL;
		}
		cramfs_copy_super(sb, CRAMFS_PAD_SIZE, super);
		if (super->magic != CRAMFS_MAGIC) {
			if (super->magic == CRAMFS_MAGIC_WEND)
				pr_err("cramfs: wrong endianness\n");
			else
				pr_err("cramfs: wrong magic\n");
			return -EINVAL;
		}
	}
	if (super->flags & ~CRAMFS_SUPPORTED_FLAGS) {
		pr_err("cramfs: unsupported filesystem features\n");
		return -EINVAL;
	}
	if (!S_ISDIR(super->root.mode)) {
		pr_err("cramfs: root is not a directory\n");
		return -EINVAL;
	}
	/* mkcramfs writes whatever the source directory had. */
	super->root.mode |= 0555;

	root_offset = (kulong)super->root.offset << 2;
	if (super->flags & CRAMFS_FLAG_FSID_VERSION_2) {
		if (direct && super->size > sbi->linear_bytes) {
			pr_err("cramfs: image of %u bytes exceeds the memory "
			       "at its address\n",
			       super->size);
			return -EINVAL;
		}
		sbi->size = super->size;
		sbi->blocks = super->fsid.blocks;
		sbi->files = super->fsid.files;
	} else {
		sbi->size = CRAMFS_MAX_SIZE;
		if (direct && sbi->linear_bytes < CRAMFS_MAX_SIZE)
			sbi->size = (kulong)sbi->linear_bytes;
		sbi->blocks = 0;
		sbi->files = 0;
	}
	sbi->magic = super->magic;
	sbi->flags = super->flags;
	if (root_offset == 0) {
		pr_info("cramfs: empty filesystem\n");
	} else if (!(super->flags & CRAMFS_FLAG_SHIFTED_ROOT_OFFSET) &&
		   root_offset != sizeof(*super) &&
		   root_offset != CRAMFS_PAD_SIZE + sizeof(*super)) {
		pr_err("cramfs: bad root offset %lu\n", KL(root_offset));
		return -EINVAL;
	}
	return 0;
}

static int cramfs_finalize_super(struct super_block *sb,
				 const struct cramfs_inode *cramfs_root)
{
	struct inode *root = get_cramfs_inode(sb, cramfs_root, 0);

	if (IS_ERR(root))
		return (int)PTR_ERR(root);
	sb->s_root = root;
	return 0;
}

// What both kinds of mount begin with: sb->s_fs_info, or -ENOMEM.
static int cramfs_alloc_sb_info(struct super_block *sb)
{
	struct cramfs_sb_info *sbi = (struct cramfs_sb_info *)kmem_cache_zalloc(
	    sb->s_machine->cramfs_sb_cachep, GFP_KERNEL);

	if (!sbi)
		return -ENOMEM;
	sb->s_fs_info = sbi;
	sb->s_op = &cramfs_ops;
	sb->s_readonly = true;
#if FAULTLINE_PLANTED
	cramfs_planted_init(&sbi->planted);
#endif
	return 0;
}

#if CRAMFS_CONFIG_CRAMFS_PHYSMEM
static int cramfs_physmem_fill_super(struct super_block *sb,
				     const struct cramfs_options *options)
{
	struct machine *machine = sb->s_machine;
	u64 rom_end = machine->rom_phys + machine->rom_bytes;
	struct cramfs_sb_info *sbi;
	struct cramfs_super super;
	int ret = cramfs_alloc_sb_info(sb);

	if (ret)
		return ret;
	sbi = CRAMFS_SB(sb);
	sbi->physmem_fops = options->fops;

	if (options->physaddr < machine->rom_phys ||
	    options->physaddr >= rom_end ||
	    rom_end - options->physaddr < PAGE_SIZE) {
		pr_err("cramfs: no ROM at physaddr %#llx\n",
		       KL(options->physaddr));
		return -EINVAL;
	}
	sbi->linear_phys_addr = (kulong)options->physaddr;
	sbi->linear_virt_addr = (char *)phys_to_virt(options->physaddr);
	sbi->linear_bytes = rom_end - options->physaddr;

	ret = cramfs_read_super(sb, &super);
	if (ret)
		return ret;
	pr_info("cramfs: image of %lu KB at %#llx\n", KL(sbi->size / 1024),
		KL(options->physaddr));
	return cramfs_finalize_super(sb, &super.root);
}
#endif

static int cramfs_blkdev_fill_super(struct super_block *sb,
				    const struct cramfs_options *options)
{
	struct machine *machine = sb->s_machine;
	u64 bytes = options->dev_size;
	struct cramfs_super super;
	int ret = cramfs_alloc_sb_info(sb);

	if (ret)
		return ret;
	if (options->dev >= machine->rom_bytes ||
	    bytes > machine->rom_bytes - options->dev) {
		pr_err("cramfs: no ROM for a device of %#llx bytes at %#llx\n",
		       KL(bytes), KL(options->dev));
		return -EINVAL;
	}
	if (!bytes)
		bytes = machine->rom_bytes - options->dev;

	ret = cramfs_get_read_buffers(machine);
	if (ret)
		return ret;
	ret = blkdev_get(machine, options->dev, bytes, &sb->s_bdev);
	if (ret) {
		cramfs_put_read_buffers(machine);
		return ret;
	}
	sb->s_bdi = &sb->s_bdev->bd_bdi;
	sb->s_bdev->bd_bad_first = options->bad_first;
	sb->s_bdev->bd_bad_last = options->bad_last;

	ret = cramfs_read_super(sb, &super);
	if (ret)
		return ret;
	return cramfs_finalize_super(sb, &super.root);
}

static int cramfs_mount(struct machine *machine, const char *text, bool physmem,
			int (*fill_super)(struct super_block *sb,
					  const struct cramfs_options *options),
			struct super_block **result)
{
	struct cramfs_options options;
	struct super_block *sb;
	int ret = cramfs_parse_options(text, physmem, &options);

	if (ret)
		return ret;
	sb = sget(machine);
	if (!sb)
		return -ENOMEM;
	ret = fill_super(sb, &options);
	if (ret) {
		deactivate_super(sb);
		return ret;
	}
	*result = sb;
	return 0;
}

#if CRAMFS_CONFIG_CRAMFS_PHYSMEM
static int cramfs_physmem_mount(struct machine *machine, const char *text,
				struct super_block **result)
{
	return cramfs_mount(machine, text, true, cramfs_physmem_fill_super,
			    result);
}

const struct file_system_type cramfs_physmem_fs_type = {
    .name = "cramfs_physmem",
    .mount = cramfs_physmem_mount,
};
#endif

static int cramfs_blkdev_mount(struct machine *machine, const char *text,
			       struct super_block **result)
{
	return cramfs_mount(machine, text, false, cramfs_blkdev_fill_super,
			    result);
}

const struct file_system_type cramfs_fs_type = {
    .name = "cramfs",
    .mount = cramfs_blkdev_mount,
};
