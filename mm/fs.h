/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mm needs of the VFS (include/linux/fs.h, dcache.h, pagemap.h): files,
 * inodes, address spaces, super blocks, and file system types; pipes and block
 * devices as far as reading goes.  A path is walked component by component
 * through inode_operations->lookup, and ->get_link where a link stands.
 */
#ifndef FAULTLINE_MM_FS_H_
#define FAULTLINE_MM_FS_H_

#include "mm/mm_types.h"
#include "mm/sync/lock.h"
#include "mm/sync/types.h"

FL_BEGIN_DECLS

struct dentry;
struct inode;
struct super_block;
struct file;
struct iov_iter;

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define S_ISDIR(m) (((m)&S_IFMT) == S_IFDIR)
#define S_ISREG(m) (((m)&S_IFMT) == S_IFREG)
#define S_ISLNK(m) (((m)&S_IFMT) == S_IFLNK)

#define FMODE_READ 1
#define FMODE_WRITE 2
#define NAME_MAX 255
#define PATH_MAX 4096 /* bytes, the NUL included */

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define SEEK_DATA 3
#define SEEK_HOLE 4
/* s_maxbytes of a file system that does not say more, in bytes. */
#define MAX_NON_LFS ((loff_t)0x7fffffff)
/* What the page cache can index. */
#ifdef CONFIG_ARM
#define MAX_LFS_FILESIZE (((loff_t)PAGE_SIZE << (BITS_PER_KULONG - 1)) - 1)
#else
#define MAX_LFS_FILESIZE ((loff_t)0x7fffffffffffffff)
#endif
#define MS_RDONLY 1

/* What file_operations->mmap_capabilities may answer; no-MMU. */
#define NOMMU_MAP_COPY 0x00000001   /* privately, as a copy */
#define NOMMU_MAP_DIRECT 0x00000008 /* where it is, shared */
#define NOMMU_MAP_READ VM_MAYREAD
#define NOMMU_MAP_WRITE VM_MAYWRITE
#define NOMMU_MAP_EXEC VM_MAYEXEC
#define NOMMU_VMFLAGS (NOMMU_MAP_READ | NOMMU_MAP_WRITE | NOMMU_MAP_EXEC)

struct qstr {
	u32 len;
	const char *name; /* NUL terminated */
};
struct dentry {
	struct qstr d_name;
	struct inode *d_inode;
	atomic_t d_count;
	char d_iname[NAME_MAX + 1];
	/* An entry of a directory in memory: in its i_entries. */
	struct list_head d_child; /* the directory's i_mutex */
};

struct address_space_operations {
	/* Page locked on entry, unlocked on exit; 0 or -errno. */
	int (*readpage)(struct file *file, struct page *page);
	/*
	 * write_begin: the page that write(2) is to fill [pos, pos + len) of,
	 * locked and referenced; 0 or -errno.  write_end takes both back, and
	 * moves the file's end; bytes of `copied` that count, or -errno.
	 * i_mutex held.
	 */
	int (*write_begin)(struct file *file, struct address_space *mapping,
			   loff_t pos, u32 len, struct page **pagep);
	int (*write_end)(struct file *file, struct address_space *mapping,
			 loff_t pos, u32 len, u32 copied, struct page *page);
	/* NULL: a dirty page cannot be moved to another frame. */
	int (*migratepage)(struct address_space *mapping, struct page *newpage,
			   struct page *page);
};

/*
 * The page cache of one inode.  Pages sit in a radix tree keyed by index; a
 * page in the tree holds one reference for it.
 */
struct radix_node;
struct address_space {
	struct inode *host;
	spinlock_t tree_lock;
	struct radix_node *page_tree; /* tree_lock for writing; RCU to read */
	u32 tree_height;              /* tree_lock */
	atomic_t i_mmap_writable;
	struct rb_root i_mmap;            /* i_mmap_rwsem: interval tree */
	struct rw_semaphore i_mmap_rwsem;
	kulong nrpages;                   /* tree_lock */
	const struct address_space_operations *a_ops;
	kulong flags; /* AS_* */
};

/* What is due once a link's text is no longer needed. */
struct delayed_call {
	void (*fn)(void *arg);
	void *arg;
};
static inline void do_delayed_call(struct delayed_call *call)
{
	if (call->fn)
		call->fn(call->arg);
	call->fn = NULL;
}

#define ATTR_SIZE 8
struct iattr {
	u32 ia_valid;   /* ATTR_* */
	loff_t ia_size; /* bytes */
};

struct inode_operations {
	/* 0 and *inode with a reference, or -errno. */
	int (*lookup)(struct inode *dir, const struct qstr *name,
		      struct inode **inode);
	/*
	 * Of a symbolic link: its text, NUL terminated, good until *done is
	 * called; or an ERR_PTR, and nothing is due.
	 */
	const char *(*get_link)(struct inode *inode, struct delayed_call *done);
	/* A regular file; dir's i_mutex held.  0 and *inode with a reference,
	 * or -errno. */
	int (*create)(struct inode *dir, const struct qstr *name, umode_t mode,
		      struct inode **inode);
	/* The inode's i_mutex held; 0 or -errno. */
	int (*setattr)(struct inode *inode, const struct iattr *attr);
};

/* Who lists a directory: actor is called for each entry. */
struct dir_context {
	/*
	 * Nonzero: no room, not taken.  name: len bytes, no NUL after them.
	 * type: the mode's highest four bits (DT_*).
	 */
	int (*actor)(struct dir_context *ctx, const char *name, int len,
		     loff_t pos, u64 ino, unsigned int type);
	loff_t pos; /* bytes */
};
static inline bool dir_emit(struct dir_context *ctx, const char *name, int len,
			    u64 ino, unsigned int type)
{
	return ctx->actor(ctx, name, len, ctx->pos, ino, type) == 0;
}

/* Sizes in bytes, f_blocks in units of f_bsize. */
struct kstatfs {
	u64 f_type, f_bsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree;
	u32 f_fsid[2];
	u32 f_namelen;
};
struct pipe_inode_info;
struct block_device;

struct file_operations {
	s64 (*llseek)(struct file *file, loff_t offset, int whence);
	/* Bytes read into `to`, or -errno. */
	s64 (*read)(struct file *file, char *to, size_t bytes, loff_t *pos);
	int (*mmap)(struct file *file, struct vm_area_struct *vma);
	/* Where a direct mapping is to lie, or -errno: no-MMU. */
	kulong (*get_unmapped_area)(struct file *file, kulong addr, kulong len,
				    kulong pgoff, kulong flags);
	unsigned (*mmap_capabilities)(struct file *file); /* NOMMU_MAP_* */
	/* Bytes whose pages the pipe now refers to, or -errno. */
	s64 (*splice_read)(struct file *file, loff_t *pos,
			   struct pipe_inode_info *pipe, size_t bytes);
	/* Entries from ctx->pos on; 0 or -errno.  The inode is locked. */
	int (*iterate_shared)(struct file *file, struct dir_context *ctx);
	/* Bytes done, or -errno; both advance *pos and the iterator. */
	s64 (*read_iter)(struct file *file, loff_t *pos, struct iov_iter *to);
	s64 (*write_iter)(struct file *file, loff_t *pos,
			  struct iov_iter *from);
	/* [start, end], bytes; 0 or -errno. */
	int (*fsync)(struct file *file, loff_t start, loff_t end, int datasync);
	/* mode: FALLOC_FL_*; bytes; 0 or -errno. */
	int (*fallocate)(struct file *file, int mode, loff_t offset,
			 loff_t len);
};

struct super_operations {
	/* Both or none: inodes that are part of something larger.  Zeroed. */
	struct inode *(*alloc_inode)(struct super_block *sb);
	void (*destroy_inode)(struct inode *inode);
	void (*put_super)(struct super_block *sb);
	void (*evict_inode)(struct inode *inode);
	int (*statfs)(struct super_block *sb, struct kstatfs *buf);
	/* *flags: MS_* wanted on entry, granted on return. */
	int (*remount_fs)(struct super_block *sb, u32 *flags);
};

/* How much a device reads ahead of what is asked; pages. */
struct backing_dev_info {
	u32 ra_pages; /* of a file; 0: nothing */
	u32 io_pages; /* at once, when much is asked for */
};
extern const struct backing_dev_info noop_backing_dev_info; /* fs.cc */

struct super_block {
	struct list_head s_list; /* machine->sb_lock */
	struct machine *s_machine;
	const struct super_operations *s_op;
	struct inode *s_root;
	void *s_fs_info;
	struct block_device *s_bdev; /* NULL: no device behind it */
	const struct backing_dev_info *s_bdi;
	loff_t s_maxbytes;           /* largest file position */
	bool s_readonly;
	spinlock_t s_inode_lock;
	struct list_head s_inodes; /* s_inode_lock */
	kulong s_last_ino;         /* s_inode_lock; of new_inode */
	atomic_t s_files;          /* open files */
};

struct inode {
	umode_t i_mode;
	u32 i_uid, i_gid;
	kulong i_ino;
	loff_t i_size; /* bytes */
	u64 i_blocks;
	u32 i_rdev;
	const struct inode_operations *i_op;
	const struct file_operations *i_fop;
	struct super_block *i_sb;
	struct address_space *i_mapping;
	struct address_space i_data;
	atomic_t i_count;
	struct list_head i_sb_list; /* s_inode_lock */
	struct mutex i_mutex;
	void *i_private;
	u32 i_nlink;     /* 0: goes with its last reference */
	spinlock_t i_lock;
	struct list_head i_entries; /* i_mutex; of a directory in memory */
};

/* The readahead of one open file.  No lock: see readahead.cc. */
struct file_ra_state {
	pgoff_t start;  /* of the window, pages */
	u32 size;       /* of the window, pages */
	u32 async_size; /* pages before its end where the next one is begun */
	u32 ra_pages;   /* largest window, pages */
	u32 mmap_miss;  /* faults on pages that were not cached */
	loff_t prev_pos; /* last byte read(2), -1 at first */
};

struct file {
	struct inode *f_inode;
	struct dentry *f_dentry;
	const struct file_operations *f_op;
	struct address_space *f_mapping;
	atomic_long_t f_count;
	u32 f_mode;
	spinlock_t f_lock;
	loff_t f_pos; /* f_lock, where it is moved relative to itself */
	struct file_ra_state f_ra;
};

struct file_system_type {
	const char *name;
	/* 0 and *sb, or -errno.  options: the -o string, may be empty. */
	int (*mount)(struct machine *machine, const char *options,
		     struct super_block **sb);
};
/* Link-time table of the kernel build, NULL at the end. */
extern const struct file_system_type *const fl_file_systems[];
/* Link-time table of named variants (cramfs mmap implementations). */
struct fl_variant_name {
	const char *name, *summary;
};
extern const struct fl_variant_name fl_variant_names[]; /* name NULL: end */
/* Called once a machine has booted mm; creates the caches of cramfs. */
void fl_file_systems_init(struct machine *machine);

static inline struct inode *file_inode(const struct file *file)
{
	return file->f_inode;
}
static inline struct dentry *file_dentry(const struct file *file)
{
	return file->f_dentry;
}
static inline loff_t i_size_read(const struct inode *inode)
{
	return READ_ONCE(inode->i_size);
}
/* i_mutex held. */
static inline void i_size_write(struct inode *inode, loff_t size)
{
	WRITE_ONCE(inode->i_size, size);
}

/* mm/fs.cc */
struct file *get_file(struct file *file);
/* Drops a reference; the last one closes the file. */
void fput(struct file *file);
struct super_block *sget(struct machine *machine);
/* Drops every inode; BUG if one is still in use. */
void deactivate_super(struct super_block *sb);
/* The inode of that number, with a reference; *fresh when just made, then
 * the caller fills it in.  NULL: no memory. */
struct inode *iget_locked(struct super_block *sb, kulong ino, bool *fresh);
/* A new one with the next free number and a reference, or NULL. */
struct inode *new_inode(struct super_block *sb);
void iput(struct inode *inode);
s64 generic_file_llseek(struct file *file, loff_t offset, int whence);
/* read(2) of a directory: -EISDIR. */
s64 generic_read_dir(struct file *file, char *to, size_t bytes, loff_t *pos);
int iterate_dir(struct file *file, struct dir_context *ctx);
int vfs_statfs(struct super_block *sb, struct kstatfs *buf);
/* 0, also when MS_RDONLY was not wanted and stays; or -errno. */
int do_remount_sb(struct super_block *sb, u32 *flags);

/* mm/namei.cc */
/*
 * The inode at path, with a reference; a link in the last component is
 * followed only if `follow`.  -ENOENT, -ENOTDIR, -ENAMETOOLONG, -ELOOP (more
 * than 40 links), -ENOMEM, or what a lookup or a link's text failed with.
 */
int path_lookup(struct super_block *sb, const char *path, bool follow,
		struct inode **inode);
/* As above, and -ENXIO for devices, fifos and sockets. */
int filp_open(struct super_block *sb, const char *path, struct file **file);
/* inode_operations.get_link of links whose text is in the page cache. */
const char *page_get_link(struct inode *inode, struct delayed_call *done);
extern const struct inode_operations page_symlink_inode_operations;
/* open(2) flags that filp_open_flags knows. */
#define O_RDONLY 00
#define O_WRONLY 01
#define O_RDWR 02
#define O_ACCMODE 0003
#define O_CREAT 0100
#define O_EXCL 0200
#define O_TRUNC 01000
/*
 * As filp_open, for reading or writing as flags say.  Made with O_CREAT in the
 * root directory only; -EROFS where there is nothing to write, -EISDIR,
 * -EEXIST, -EINVAL (flags).
 */
int filp_open_flags(struct super_block *sb, const char *path, u32 flags,
		    struct file **file);
/* An open file of an inode, whose reference it takes over; or NULL: no
 * memory, and it does not.  path: what maps shows. */
struct file *alloc_file(struct inode *inode, const char *path,
			const struct file_operations *fop, u32 mode);

/* mm/open.cc */
/* ftruncate(2), fallocate(2), posix_fadvise(2), fsync(2); bytes. */
int do_truncate(struct file *file, loff_t length);
int vfs_fallocate(struct file *file, int mode, loff_t offset, loff_t len);
int vfs_fadvise(struct file *file, loff_t offset, loff_t len, int advice);
#define FALLOC_FL_KEEP_SIZE 0x01
#define FALLOC_FL_PUNCH_HOLE 0x02
/* 0, -EFBIG: beyond what the file system allows. */
int inode_newsize_ok(const struct inode *inode, loff_t size);

/* mm/libfs.cc: directories and files that are nothing but memory */
int simple_lookup(struct inode *dir, const struct qstr *name,
		  struct inode **inode);
/* Enters the inode under the name; -ENOMEM. */
int simple_link(struct inode *dir, const struct qstr *name,
		struct inode *inode);
/* Frees the entries of a directory that goes. */
void simple_release_entries(struct inode *dir);
int dcache_readdir(struct file *file, struct dir_context *ctx);
extern const struct file_operations simple_dir_operations;
int simple_setattr(struct inode *inode, const struct iattr *attr);
int simple_readpage(struct file *file, struct page *page);
int simple_write_begin(struct file *file, struct address_space *mapping,
		       loff_t pos, u32 len, struct page **pagep);
int simple_write_end(struct file *file, struct address_space *mapping,
		     loff_t pos, u32 len, u32 copied, struct page *page);
int noop_fsync(struct file *file, loff_t start, loff_t end, int datasync);
/* Zeroes bytes [start, end) of a page. */
void zero_user_segment(struct page *page, u32 start, u32 end);

/* mm/filemap_write.cc */
s64 generic_write_checks(struct file *file, const loff_t *pos,
			 struct iov_iter *from);
s64 generic_file_write_iter(struct file *file, loff_t *pos,
			    struct iov_iter *from);
s64 generic_perform_write(struct file *file, struct iov_iter *from, loff_t pos);
int filemap_page_mkwrite(struct vm_fault *vmf);
/* True when it was clean.  The page lock, or a pte lock, is held, or else
 * truncation may come in between (set_page_dirty_lock). */
bool set_page_dirty(struct page *page);
void set_page_dirty_lock(struct page *page);
/* The page with its lock and a reference, up to date or not; NULL. */
struct page *grab_cache_page_write_begin(struct address_space *mapping,
					 pgoff_t index);

/* mm/truncate.cc */
/* Bytes [lstart, lend]; lend -1: to the end, until nothing is left there.
 * No lock that the page lock comes after is held. */
void truncate_inode_pages_range(struct address_space *mapping, loff_t lstart,
				loff_t lend);
static inline void truncate_inode_pages(struct address_space *mapping,
					loff_t lstart)
{
	truncate_inode_pages_range(mapping, lstart, (loff_t)-1);
}
/* Page locked; 0, or -EIO: it is not the mapping's any more. */
int truncate_inode_page(struct address_space *mapping, struct page *page);
/* After i_size has changed; i_mutex held. */
void truncate_pagecache(struct inode *inode, loff_t newsize);
void truncate_setsize(struct inode *inode, loff_t newsize);
/* Pages [start, end]: those that are clean, unmapped and unlocked; how many. */
kulong invalidate_mapping_pages(struct address_space *mapping, pgoff_t start,
				pgoff_t end);
/* Pages [start, end], waiting and unmapping; 0 or -EBUSY: a page is dirty. */
int invalidate_inode_pages2_range(struct address_space *mapping, pgoff_t start,
				  pgoff_t end);

/* mm/block_dev.cc: a read-only disk whose content is a part of the ROM */
struct block_device {
	struct inode *bd_inode;      /* size in bytes, and the page cache */
	struct super_block *bd_super; /* bd_inode's own */
	u64 bd_rom_offset;           /* where in the ROM it begins, bytes */
	struct backing_dev_info bd_bdi; /* its own, and its user's, s_bdi */
	/* Sectors of 512 bytes that cannot be read; first > last: none. */
	u64 bd_bad_first, bd_bad_last;
};
/* 0 or -ENOMEM; the part of the ROM is the caller's to check. */
int blkdev_get(struct machine *machine, u64 rom_offset, u64 bytes,
	       struct block_device **bdev);
void blkdev_put(struct block_device *bdev);

/* mm/splice.cc */
#define PIPE_DEF_BUFFERS 16
/* A part of one page, which the pipe holds a reference to. */
struct pipe_buffer {
	struct page *page;
	u32 offset, len; /* bytes */
};
/* One user at a time, or `mutex` held. */
struct pipe_inode_info {
	struct mutex mutex;
	u32 curbuf, nrbufs; /* mutex */
	struct pipe_buffer bufs[PIPE_DEF_BUFFERS]; /* mutex */
};
struct pipe_inode_info *alloc_pipe_info(void);
void free_pipe_info(struct pipe_inode_info *pipe);
/* -EAGAIN when the pipe is full. */
s64 generic_file_splice_read(struct file *file, loff_t *pos,
			     struct pipe_inode_info *pipe, size_t bytes);
/* Bytes copied out, 0 when it is empty. */
s64 pipe_read(struct pipe_inode_info *pipe, char *to, size_t bytes);

/* mm/filemap.cc */
extern const struct vm_operations_struct generic_file_vm_ops;
s64 generic_file_read(struct file *file, char *to, size_t bytes, loff_t *pos);
s64 generic_file_read_iter(struct file *file, loff_t *pos, struct iov_iter *to);
int generic_file_readonly_mmap(struct file *file, struct vm_area_struct *vma);
int generic_file_mmap(struct file *file, struct vm_area_struct *vma);
int filemap_fault(struct vm_fault *vmf);
void filemap_map_pages(struct vm_fault *vmf, pgoff_t start_pgoff,
		       pgoff_t end_pgoff);
/*
 * The page, referenced and up to date, read if need be; or ERR_PTR of -EINTR
 * (killed), -ENOMEM, -EIO.
 */
/* Behind the last page of [pos, pos + bytes). */
pgoff_t last_page_index(loff_t pos, u64 bytes);
/* last_index: behind the last page that is wanted, for readahead. */
struct page *find_or_read_page(struct file *file, pgoff_t index,
			       pgoff_t last_index);

/* mm/readahead.cc */
void file_ra_state_init(struct file_ra_state *ra,
			const struct address_space *mapping);
/* The page at offset is not cached: reads it and maybe more, req_size pages
 * being wanted.  No error: look whether the page is there. */
void page_cache_sync_readahead(struct address_space *mapping, struct file *file,
			       pgoff_t offset, kulong req_size);
/* The page, at offset, is marked PG_readahead: begins the next window. */
void page_cache_async_readahead(struct address_space *mapping,
				struct file *file, struct page *page,
				pgoff_t offset, kulong req_size);
/* nr_to_read pages, as many as the device takes at once.  0 or -EINVAL. */
int force_page_cache_readahead(struct address_space *mapping, struct file *file,
			       pgoff_t offset, kulong nr_to_read);
/* The same for a fault, with mmap_sem held. */
void do_sync_mmap_readahead(struct vm_area_struct *vma, struct file *file,
			    pgoff_t offset);
void do_async_mmap_readahead(struct vm_area_struct *vma, struct file *file,
			     struct page *page, pgoff_t offset);
/* The same for whoever cannot be interrupted; file may be NULL. */
struct page *read_mapping_page(struct address_space *mapping, pgoff_t index,
			       struct file *file);
/* Reference held on return, or NULL. */
struct page *find_get_page(struct address_space *mapping, pgoff_t index);
/* Locked, too, and the mapping's. */
struct page *find_lock_page(struct address_space *mapping, pgoff_t index);
/* The first page at *index or above, up to and including last; *index is
 * where it was found. */
struct page *find_get_next_page(struct address_space *mapping, pgoff_t *index,
				pgoff_t last);
/* Page locked, and on no list: 0, or -EEXIST, -ENOMEM. */
int add_to_page_cache_locked(struct page *page, struct address_space *mapping,
			     pgoff_t index);
int add_to_page_cache_lru(struct page *page, struct address_space *mapping,
			  pgoff_t index, gfp_t gfp);
/* Page and tree_lock locked; the cache's reference is the caller's now. */
void __delete_from_page_cache(struct page *page);
/* Page locked; drops the cache's reference. */
void delete_from_page_cache(struct page *page);
/* Every page leaves the cache (inode eviction); BUG if one is mapped. */
void truncate_inode_pages_final(struct address_space *mapping);
void address_space_init_once(struct address_space *mapping);
void lock_page(struct page *page);
int lock_page_killable(struct page *page);
bool trylock_page(struct page *page);
void unlock_page(struct page *page);
/* 0 once it is not locked, or -EINTR: killable, and killed. */
int wait_on_page_locked(struct page *page, bool killable);
/* See facts in the definition: 1 locked, 0 not (mmap_sem may be dropped). */
int __lock_page_or_retry(struct page *page, struct mm_struct *mm, u32 flags);

static inline void i_mmap_lock_write(struct address_space *mapping)
{
	down_write(&mapping->i_mmap_rwsem);
}
static inline void i_mmap_unlock_write(struct address_space *mapping)
{
	up_write(&mapping->i_mmap_rwsem);
}
static inline void i_mmap_lock_read(struct address_space *mapping)
{
	down_read(&mapping->i_mmap_rwsem);
}
static inline void i_mmap_unlock_read(struct address_space *mapping)
{
	up_read(&mapping->i_mmap_rwsem);
}

FL_END_DECLS

#endif /* FAULTLINE_MM_FS_H_ */
