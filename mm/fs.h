/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mm needs of the VFS (include/linux/fs.h, dcache.h, pagemap.h): files,
 * inodes, address spaces, super blocks, and file system types.  A path is
 * walked component by component through inode_operations->lookup.
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

struct qstr {
	u32 len;
	const char *name; /* NUL terminated */
};
struct dentry {
	struct qstr d_name;
	struct inode *d_inode;
	atomic_t d_count;
	char d_iname[NAME_MAX + 1];
};

struct address_space_operations {
	/* Page locked on entry, unlocked on exit; 0 or -errno. */
	int (*readpage)(struct file *file, struct page *page);
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

struct inode_operations {
	/* 0 and *inode with a reference, or -errno. */
	int (*lookup)(struct inode *dir, const struct qstr *name,
		      struct inode **inode);
};

struct file_operations {
	s64 (*llseek)(struct file *file, loff_t offset, int whence);
	/* Bytes read into `to`, or -errno. */
	s64 (*read)(struct file *file, char *to, size_t bytes, loff_t *pos);
	int (*mmap)(struct file *file, struct vm_area_struct *vma);
	kulong (*get_unmapped_area)(struct file *file, kulong addr, kulong len,
				    kulong pgoff, kulong flags);
	unsigned (*mmap_capabilities)(struct file *file);
};

struct super_operations {
	void (*put_super)(struct super_block *sb);
	void (*evict_inode)(struct inode *inode);
};

struct super_block {
	struct list_head s_list; /* machine->sb_lock */
	struct machine *s_machine;
	const struct super_operations *s_op;
	struct inode *s_root;
	void *s_fs_info;
	bool s_readonly;
	spinlock_t s_inode_lock;
	struct list_head s_inodes; /* s_inode_lock */
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
};

struct file {
	struct inode *f_inode;
	struct dentry *f_dentry;
	const struct file_operations *f_op;
	struct address_space *f_mapping;
	atomic_long_t f_count;
	u32 f_mode;
	loff_t f_pos;
	u64 f_ra_last; /* readahead: last index read, pages */
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
void iput(struct inode *inode);
int filp_open(struct super_block *sb, const char *path, struct file **file);
s64 generic_file_llseek(struct file *file, loff_t offset, int whence);

/* mm/filemap.cc */
extern const struct vm_operations_struct generic_file_vm_ops;
s64 generic_file_read(struct file *file, char *to, size_t bytes, loff_t *pos);
int generic_file_readonly_mmap(struct file *file, struct vm_area_struct *vma);
int generic_file_mmap(struct file *file, struct vm_area_struct *vma);
int filemap_fault(struct vm_fault *vmf);
void filemap_map_pages(struct vm_fault *vmf, pgoff_t start_pgoff,
		       pgoff_t end_pgoff);
/* Reference held on return, or NULL. */
struct page *find_get_page(struct address_space *mapping, pgoff_t index);
int add_to_page_cache_lru(struct page *page, struct address_space *mapping,
			  pgoff_t index, gfp_t gfp);
/* Page locked; drops the cache's reference. */
void delete_from_page_cache(struct page *page);
/* Every page leaves the cache (inode eviction); BUG if one is mapped. */
void truncate_inode_pages_final(struct address_space *mapping);
void address_space_init_once(struct address_space *mapping);
void lock_page(struct page *page);
int lock_page_killable(struct page *page);
bool trylock_page(struct page *page);
void unlock_page(struct page *page);
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
