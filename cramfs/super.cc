// SPDX-License-Identifier: GPL-2.0-only
//
// Mounting a cramfs image that lies in memory: file system type
// cramfs_physmem.
//
//   cramfs_physmem_mount, cramfs_physmem_fill_super   the series of August
//                                                     2017, and 4.13's
//   cramfs_read_super, cramfs_finalize_super          cramfs_fill_super
//   cramfs_put_super                                  cramfs_kill_sb
//
// Options: "physaddr=N[KMG]", mandatory, the physical address of the image
// (0x for hexadecimal, a leading 0 for octal); "variant=NAME", which
// implementation of direct mapping to use, v3 when not given.
//
// Stricter than the kernel, which checks none of this: the image has to lie
// inside the ROM window, and options have to be known and well formed.  An
// image without FSID_VERSION_2 does not tell its size; it may be read as far
// as the window goes, at most 2^28 bytes.
//
// Left out: statfs, remount, block devices, the silent flag.
//
// Locks: none on entry and exit; the read mutex is taken to read.

#include "cramfs/cramfs.h"

#include "mm/sync/bug.h"
#include "mm/sync/page.h"
#include "mm/sync/slab.h"
#include "mm/sync/string.h"

#define CRAMFS_DEFAULT_VARIANT "v3"
#define CRAMFS_MAX_SIZE (1u << 28) /* what a 26-bit word offset reaches */

struct cramfs_options {
	u64 physaddr;
	const struct file_operations *fops;
};

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

// The number in text[0..len): digits in base 10, 8 or 16, then at most one of
// K, M, G.  False unless it is all of that and fits.
static bool memparse(const char *text, size_t len, u64 *value)
{
	u64 base = 10, result = 0;
	size_t i = 0, digits = 0;
	u32 shift = 0;

	if (len && text[0] == '0') {
		base = 8;
		if (len > 1 && (text[1] | 0x20) == 'x') {
			base = 16;
			i = 2;
		}
	}
	for (; i < len && (u64)digit_value(text[i]) < base; i++, digits++) {
		if (result > (~(u64)0 - 15) / base)
			return false;
		result = result * base + (u64)digit_value(text[i]);
	}
	if (!digits)
		return false;
	if (i < len) {
		switch (text[i] | 0x20) {
		case 'g':
			shift = 30;
			break;
		case 'm':
			shift = 20;
			break;
		case 'k':
			shift = 10;
			break;
		default:
			return false;
		}
		i++;
	}
	if (i != len || (result << shift) >> shift != result)
		return false;
	*value = result << shift;
	return true;
}

// The value of option `name` when text[0..len) is "name=value", else NULL.
static const char *option_value(const char *text, size_t len, const char *name,
				size_t *value_len)
{
	size_t name_len = strlen(name);

	if (len <= name_len || strncmp(text, name, name_len) ||
	    text[name_len] != '=')
		return NULL;
	*value_len = len - name_len - 1;
	return text + name_len + 1;
}

static int cramfs_parse_options(const char *text,
				struct cramfs_options *options)
{
	bool have_address = false;

	options->physaddr = 0;
	if (cramfs_find_variant(CRAMFS_DEFAULT_VARIANT,
				strlen(CRAMFS_DEFAULT_VARIANT), &options->fops))
		return -EINVAL;
	while (text && *text) {
		const char *comma = strchr(text, ',');
		size_t len = comma ? (size_t)(comma - text) : strlen(text);
		const char *value;
		size_t value_len;

		value = option_value(text, len, "physaddr", &value_len);
		if (value) {
			if (!memparse(value, value_len, &options->physaddr)) {
				pr_err("cramfs: physaddr is not a number\n");
				return -EINVAL;
			}
			have_address = true;
		} else if ((value = option_value(text, len, "variant",
						 &value_len))) {
			if (cramfs_find_variant(value, value_len,
						&options->fops)) {
				pr_err("cramfs: unknown variant in \"%s\"\n",
				       text);
				return -EINVAL;
			}
		} else {
			pr_err("cramfs: unknown mount option in \"%s\"\n",
			       text);
			return -EINVAL;
		}
		text = comma ? comma + 1 : NULL;
	}
	if (!have_address) {
		pr_err("cramfs: mount option physaddr= is missing\n");
		return -EINVAL;
	}
	if (!options->physaddr ||
	    (kulong)options->physaddr != options->physaddr) {
		pr_err("cramfs: physaddr %#llx is no address of an image\n",
		       KL(options->physaddr));
		return -EINVAL;
	}
	if (!PAGE_ALIGNED(options->physaddr)) {
		pr_err("cramfs: physaddr %#llx is not page aligned\n",
		       KL(options->physaddr));
		return -EINVAL;
	}
	return 0;
}

static void cramfs_put_super(struct super_block *sb)
{
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);

	sb->s_fs_info = NULL;
	if (sbi)
		kmem_cache_free(sb->s_machine->cramfs_sb_cachep, sbi);
}

static const struct super_operations cramfs_ops = {
    .put_super = cramfs_put_super,
    .evict_inode = NULL,
};

static void cramfs_copy_super(struct super_block *sb, u32 offset,
			      struct cramfs_super *super)
{
	mutex_lock(cramfs_read_mutex(sb));
	memcpy(super, cramfs_read(sb, offset, sizeof(*super)), sizeof(*super));
	mutex_unlock(cramfs_read_mutex(sb));
}

// Finds the superblock and checks what the kernel checks of it.  `window`:
// bytes from the image's start to the end of the ROM window.
static int cramfs_read_super(struct super_block *sb, u64 window,
			     struct cramfs_super *super)
{
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);
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
		if (super->size > window) {
			pr_err("cramfs: image of %u bytes exceeds the memory "
			       "at its address\n",
			       super->size);
			return -EINVAL;
		}
		sbi->size = super->size;
		sbi->blocks = super->fsid.blocks;
		sbi->files = super->fsid.files;
	} else {
		sbi->size =
		    window < CRAMFS_MAX_SIZE ? (kulong)window : CRAMFS_MAX_SIZE;
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

static int cramfs_physmem_fill_super(struct super_block *sb,
				     const struct cramfs_options *options)
{
	struct machine *machine = sb->s_machine;
	u64 rom_end = machine->rom_phys + machine->rom_bytes;
	struct cramfs_sb_info *sbi;
	struct cramfs_super super;
	int ret;

	sbi = (struct cramfs_sb_info *)kmem_cache_zalloc(
	    machine->cramfs_sb_cachep, GFP_KERNEL);
	if (!sbi)
		return -ENOMEM;
	sb->s_fs_info = sbi;
	sb->s_op = &cramfs_ops;
	sb->s_readonly = true;
	sbi->physmem_fops = options->fops;
#if FAULTLINE_PLANTED
	cramfs_planted_init(&sbi->planted);
#endif

	if (options->physaddr < machine->rom_phys ||
	    options->physaddr >= rom_end ||
	    rom_end - options->physaddr < PAGE_SIZE) {
		pr_err("cramfs: no ROM at physaddr %#llx\n",
		       KL(options->physaddr));
		return -EINVAL;
	}
	sbi->linear_phys_addr = (kulong)options->physaddr;
	sbi->linear_virt_addr = (char *)phys_to_virt(options->physaddr);

	ret = cramfs_read_super(sb, rom_end - options->physaddr, &super);
	if (ret)
		return ret;
	pr_info("cramfs: image of %lu KB at %#llx\n", KL(sbi->size / 1024),
		KL(options->physaddr));
	return cramfs_finalize_super(sb, &super.root);
}

static int cramfs_physmem_mount(struct machine *machine, const char *text,
				struct super_block **result)
{
	struct cramfs_options options;
	struct super_block *sb;
	int ret = cramfs_parse_options(text, &options);

	if (ret)
		return ret;
	sb = sget(machine);
	if (!sb)
		return -ENOMEM;
	ret = cramfs_physmem_fill_super(sb, &options);
	if (ret) {
		deactivate_super(sb);
		return ret;
	}
	*result = sb;
	return 0;
}

const struct file_system_type cramfs_physmem_fs_type = {
    .name = "cramfs_physmem",
    .mount = cramfs_physmem_mount,
};
