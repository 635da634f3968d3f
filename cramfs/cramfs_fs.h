/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * On-disk format of cramfs, with the extended block pointers.
 *
 * An image is: optionally 512 bytes for boot code, the superblock, the
 * directories, then the data of files and symbolic links.  All offsets count
 * from the first byte of the image, the 512 bytes included.  An image is in
 * the byte order of the machine it was made for; the magic tells which.
 *
 * Inode, 12 bytes, field widths in bits in the order they stand:
 *
 *   word 0: mode 16, uid 16 | word 1: size 24, gid 8 | word 2: namelen 6,
 *   offset 26
 *
 * A little-endian image allocates the fields of each 32-bit little-endian
 * word from its least significant bit, a big-endian image those of each
 * big-endian word from its most significant bit.  So one is not the word
 * swap of the other: big-endian, the bytes are mode (2), uid (2), size (3),
 * gid (1), and a word with namelen in its top six bits.  The bit-fields below
 * are those of a little-endian image on a little-endian machine, which is all
 * a kernel build here runs on; host tools that know both byte orders encode
 * field by field (tools/codec.h).
 *
 * A file's data starts with one 32-bit block pointer for each block of
 * CRAMFS_BLOCK_SIZE bytes.  By the two flag bits of the pointer:
 *
 *   neither                  classic, compressed: the value is where the
 *                            block's zlib stream ends
 *   UNCOMPRESSED             classic, raw: where the block's bytes end
 *   DIRECT_PTR               value << 2 is where a 16-bit length stands, that
 *                            many bytes of zlib stream after it
 *   DIRECT_PTR|UNCOMPRESSED  value << 2 is where the block's raw bytes start;
 *                            a whole block of them, or in the last block of a
 *                            file what the size leaves
 *
 * A classic block starts where the one before it ends: a classic one at its
 * end pointer, a direct raw one a block after its start, a direct compressed
 * one after its stream; the first block after the pointer table.  A classic
 * block of length 0 is a hole.
 *
 * Compiles as C11 and C++20 and needs only <stdint.h>: kernel builds and host
 * tools share it.
 */
#ifndef FAULTLINE_CRAMFS_CRAMFS_FS_H_
#define FAULTLINE_CRAMFS_CRAMFS_FS_H_

#include <stdint.h>

#define CRAMFS_MAGIC 0x28cd3d45u
#define CRAMFS_MAGIC_WEND 0x453dcd28u	    /* the other byte order's magic */
#define CRAMFS_SIGNATURE "Compressed ROMFS" /* 16 bytes, no NUL */

#define CRAMFS_BLOCK_SIZE 4096u /* the page size; recorded nowhere */
#define CRAMFS_PAD_SIZE 512u	/* boot code in front, when there is any */

/* Widths of the inode's fields, in bits. */
#define CRAMFS_MODE_WIDTH 16
#define CRAMFS_UID_WIDTH 16
#define CRAMFS_SIZE_WIDTH 24
#define CRAMFS_GID_WIDTH 8
#define CRAMFS_NAMELEN_WIDTH 6
#define CRAMFS_OFFSET_WIDTH 26

/* Longest name in bytes: namelen counts 4-byte words. */
#define CRAMFS_MAXPATHLEN (((1 << CRAMFS_NAMELEN_WIDTH) - 1) << 2)

struct cramfs_inode {
	uint32_t mode : CRAMFS_MODE_WIDTH, uid : CRAMFS_UID_WIDTH;
	/* Bytes; of a device, its number: major << 8 | minor. */
	uint32_t size : CRAMFS_SIZE_WIDTH, gid : CRAMFS_GID_WIDTH;
	/*
	 * namelen: 4-byte words of name after the inode, padded with NULs.
	 * offset: of the data, in 4-byte words; 0 where there is none.
	 */
	uint32_t namelen : CRAMFS_NAMELEN_WIDTH, offset : CRAMFS_OFFSET_WIDTH;
};

struct cramfs_info {
	uint32_t crc; /* zlib's CRC-32 of superblock..size, this field as 0 */
	uint32_t edition;
	uint32_t blocks; /* data blocks, shared ones once */
	uint32_t files;	 /* nodes, the root included */
};

/* At offset 0 or CRAMFS_PAD_SIZE. */
struct cramfs_super {
	uint32_t magic;
	uint32_t size; /* bytes of the whole image, the pad included */
	uint32_t flags;
	uint32_t future; /* 0 */
	uint8_t signature[16];
	struct cramfs_info fsid;  /* valid with CRAMFS_FLAG_FSID_VERSION_2 */
	uint8_t name[16];	  /* no NUL when full */
	struct cramfs_inode root; /* namelen 0 */
};

/*
 * Superblock flags.  Those of 0xff may be ignored by who does not know them;
 * any other unknown one means the image cannot be read.
 */
#define CRAMFS_FLAG_FSID_VERSION_2 0x00000001u
#define CRAMFS_FLAG_SORTED_DIRS 0x00000002u
#define CRAMFS_FLAG_HOLES 0x00000100u
#define CRAMFS_FLAG_WRONG_SIGNATURE 0x00000200u /* reserved */
#define CRAMFS_FLAG_SHIFTED_ROOT_OFFSET 0x00000400u
#define CRAMFS_FLAG_EXT_BLOCK_POINTERS 0x00000800u

#define CRAMFS_SUPPORTED_FLAGS                                                 \
	(0x000000ffu | CRAMFS_FLAG_HOLES | CRAMFS_FLAG_WRONG_SIGNATURE |       \
	 CRAMFS_FLAG_SHIFTED_ROOT_OFFSET | CRAMFS_FLAG_EXT_BLOCK_POINTERS)

/* Block pointer flags; valid with CRAMFS_FLAG_EXT_BLOCK_POINTERS. */
#define CRAMFS_BLK_FLAG_UNCOMPRESSED 0x80000000u
#define CRAMFS_BLK_FLAG_DIRECT_PTR 0x40000000u
#define CRAMFS_BLK_FLAGS                                                       \
	(CRAMFS_BLK_FLAG_UNCOMPRESSED | CRAMFS_BLK_FLAG_DIRECT_PTR)
/* A direct pointer's value is an offset in units of 1 << this. */
#define CRAMFS_BLK_DIRECT_PTR_SHIFT 2

#ifdef __cplusplus
static_assert(sizeof(struct cramfs_inode) == 12, "on-disk inode");
static_assert(sizeof(struct cramfs_super) == 76, "on-disk superblock");
#else
_Static_assert(sizeof(struct cramfs_inode) == 12, "on-disk inode");
_Static_assert(sizeof(struct cramfs_super) == 76, "on-disk superblock");
#endif

#endif /* FAULTLINE_CRAMFS_CRAMFS_FS_H_ */
