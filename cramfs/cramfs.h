/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the cramfs file system share: the mounted super block and
 * the entry points between them.  On-disk structures: cramfs_fs.h.
 *
 * The image lies in the ROM window of the machine and is read in place, or on
 * a block device and is read through buffers.  All reading of metadata happens
 * under machine->cramfs_read_mutex (the kernel's read_mutex), except that an
 * mmap method may look at the block pointers directly: nobody ever writes the
 * ROM.
 */
#ifndef FAULTLINE_CRAMFS_CRAMFS_H_
#define FAULTLINE_CRAMFS_CRAMFS_H_

#include "cramfs/cramfs_fs.h"
#include "mm/fs.h"
#include "mm/sync/machine.h"
#include "mm/sync/types.h"

/*
 * IS_ENABLED(CONFIG_X) in the kernel's sense, for the two options this file
 * system asks about: 1 when the option is set, else 0.
 */
#ifdef CONFIG_MMU
#define CRAMFS_CONFIG_MMU 1
#else
#define CRAMFS_CONFIG_MMU 0
#endif
#if defined(CONFIG_CRAMFS_PHYSMEM) && CONFIG_CRAMFS_PHYSMEM
#define CRAMFS_CONFIG_CRAMFS_PHYSMEM 1
#else
#define CRAMFS_CONFIG_CRAMFS_PHYSMEM 0
#endif
#ifndef IS_ENABLED
#define IS_ENABLED(option) CRAMFS_##option
#endif

FL_BEGIN_DECLS

#if FAULTLINE_PLANTED
/* State of the variants with a planted bug, see variants/planted.cc. */
struct cramfs_planted {
	struct mutex first, second;
	struct rw_semaphore sem;
	u32 counter;	   /* plain, written by every fault: the planted race */
	atomic_t faults;   /* what counter should be */
	atomic_t inflight; /* faults being handled */
};
#endif

/* Constant after the mount, but for what a planted bug does. */
struct cramfs_sb_info {
	kulong magic;
	kulong size; /* bytes of the image that may be read in place */
	kulong blocks;
	kulong files;
	kulong flags;		 /* CRAMFS_FLAG_* */
	kulong linear_phys_addr; /* of the image's first byte, page aligned */
	/* The same byte, for the kernel; NULL: on a block device. */
	char *linear_virt_addr;
	u64 linear_bytes; /* from there to the end of the ROM */
	/* Of regular files that may be mapped directly; NULL: none may. */
	const struct file_operations *physmem_fops;
#if FAULTLINE_PLANTED
	struct cramfs_planted planted;
#endif
};

static inline struct cramfs_sb_info *CRAMFS_SB(struct super_block *sb)
{
	return (struct cramfs_sb_info *)sb->s_fs_info;
}
static inline struct mutex *cramfs_read_mutex(struct super_block *sb)
{
	return &sb->s_machine->cramfs_read_mutex;
}
static inline bool cramfs_fixed(struct super_block *sb, enum fl_fix fix)
{
	return fl_fixed(sb->s_machine, fix);
}

/*
 * Byte offset in the image of an inode's data (its block pointers, or its
 * entries).  The kernel has only the inode number to keep it in.
 */
#define OFFSET(x) (KULONG((x)->i_private))

/* ---- super.cc ---- */
extern const struct file_system_type cramfs_physmem_fs_type;
extern const struct file_system_type cramfs_fs_type;

/* ---- options.cc ---- */
struct cramfs_options {
	const struct file_operations *fops; /* of the variant */
	u64 physaddr;
	/* The device: part of the ROM, bytes; size 0: as far as it goes. */
	u64 dev, dev_size;
	u64 bad_first, bad_last; /* sectors of 512 bytes; first > last: none */
};
/* 0, or -EINVAL for what is unknown, missing or no number; said why. */
int cramfs_parse_options(const char *text, bool physmem,
			 struct cramfs_options *options);

/* ---- read.cc ---- */
/*
 * The `len` bytes at `offset` of the image: in place, or in a buffer until
 * the call after the next.  NULL for len 0.  The read mutex is held.
 *
 * In place: zeros for a range that is not wholly inside the image, or NULL
 * when len exceeds a page.  From a device: zeros for each page that lies
 * behind its end or cannot be read.  len is at most 3 pages and 1 byte.
 */
void *cramfs_read(struct super_block *sb, u32 offset, u32 len);
/*
 * The read buffers, for one more mount of a device; all are invalid then.
 * -ENOMEM.  The read mutex is not held.
 */
int cramfs_get_read_buffers(struct machine *machine);
void cramfs_put_read_buffers(struct machine *machine);
size_t cramfs_read_buffers_bytes(void);

/* ---- inode.cc ---- */
/* The number of the inode whose entry stands at `offset` of the image. */
kulong cramino(struct super_block *sb, const struct cramfs_inode *cino,
	       u32 offset);
/*
 * The inode whose entry stands at `offset` of the image, with a reference, or
 * ERR_PTR(-ENOMEM).  The read mutex is held, or nobody else knows sb yet.
 */
struct inode *get_cramfs_inode(struct super_block *sb,
			       const struct cramfs_inode *cramfs_inode,
			       u32 offset);

/* ---- dir.cc ---- */
extern const struct inode_operations cramfs_dir_inode_operations;
extern const struct file_operations cramfs_directory_operations;

/* ---- readpage.cc ---- */
extern const struct address_space_operations cramfs_aops;

/* ---- uncompress.cc ---- */
/* 0, or -ENOMEM when the machine's scratch space is too small. */
int cramfs_uncompress_init(struct machine *machine);
/*
 * Inflates srclen bytes at src into at most dstlen bytes at dst: the bytes
 * written, or -EIO unless the stream ends within both.  Bytes after the end
 * of the stream are ignored.  The read mutex is held: there is one stream.
 */
int cramfs_uncompress_block(void *dst, int dstlen, const void *src, int srclen);

/* ---- variants/: one file each; a NULL table never maps directly ---- */
extern const struct file_operations cramfs_v3_fops;
extern const struct file_operations cramfs_mainline_fops;
extern const struct file_operations cramfs_paged_fops;
/*
 * How far a file's blocks can be mapped as one piece, from page pgoff of the
 * file on: each raw, direct, and right behind the one before it.  On entry
 * *pages is how many are wanted (1 or more, inside the file), on return how
 * many there are.  Returns the image offset of the first, 0 when there is
 * none (then *pages is as it was).  Nothing is checked: only a file whose
 * block pointers get_cramfs_inode has looked at comes here.
 */
u32 cramfs_get_block_range(struct inode *inode, u32 pgoff, u32 *pages);

/* ---- builtin.cc ---- */
/* *fops of the named variant; -EINVAL: there is no such variant. */
int cramfs_find_variant(const char *name, size_t len,
			const struct file_operations **fops);

#if FAULTLINE_PLANTED
/* ---- variants/planted.cc ---- */
void cramfs_planted_init(struct cramfs_planted *planted);
extern const struct file_operations cramfs_planted_use_after_free_fops;
extern const struct file_operations cramfs_planted_double_free_fops;
extern const struct file_operations cramfs_planted_out_of_bounds_fops;
extern const struct file_operations cramfs_planted_wrong_data_fops;
extern const struct file_operations cramfs_planted_bug_fops;
extern const struct file_operations cramfs_planted_deadlock_fops;
extern const struct file_operations cramfs_planted_abba_fops;
extern const struct file_operations cramfs_planted_lock_leak_fops;
extern const struct file_operations cramfs_planted_wrong_release_fops;
extern const struct file_operations cramfs_planted_leak_fops;
extern const struct file_operations cramfs_planted_race_fops;
#endif

FL_END_DECLS

#endif /* FAULTLINE_CRAMFS_CRAMFS_H_ */
