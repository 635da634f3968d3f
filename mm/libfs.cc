// SPDX-License-Identifier: GPL-2.0-only
/*
 * What file systems in memory share, after fs/libfs.c of 4.13.
 *
 *   simple_lookup, simple_link, dcache_readdir
 *   simple_setattr, simple_readpage, simple_write_begin, simple_write_end
 *   noop_fsync
 *
 * There is no dentry cache, so a directory keeps its entries in a list of its
 * inode; simple_link is d_instantiate and dget.  An entry holds no reference:
 * an inode with a name stays until its super block goes.
 *
 * Locks: i_mutex of the directory; of the file for setattr and write.
 */
#include "mm/fault.h"
#include "mm/fs.h"
#include "mm/sync/machine.h"
#include "mm/sync/string.h"

extern "C" {

/* ---- directories ---- */

int simple_lookup(struct inode *dir, const struct qstr *name,
		  struct inode **inode)
{
	struct dentry *dentry;

	list_for_each_entry(dentry, &dir->i_entries, struct dentry, d_child)
	{
		if (dentry->d_name.len == name->len &&
		    !memcmp(dentry->d_name.name, name->name, name->len)) {
			*inode = dentry->d_inode;
			atomic_inc(&dentry->d_inode->i_count);
			return 0;
		}
	}
	return -ENOENT;
}

int simple_link(struct inode *dir, const struct qstr *name, struct inode *inode)
{
	struct dentry *dentry = (struct dentry *)kmem_cache_zalloc(
	    dir->i_sb->s_machine->dentry_cachep, GFP_KERNEL);

	if (!dentry)
		return -ENOMEM;
	memcpy(dentry->d_iname, name->name, name->len);
	dentry->d_name.name = dentry->d_iname;
	dentry->d_name.len = name->len;
	dentry->d_inode = inode;
	list_add_tail(&dentry->d_child, &dir->i_entries);
	return 0;
}

void simple_release_entries(struct inode *dir)
{
	struct dentry *dentry, *next;

	list_for_each_entry_safe(dentry, next, &dir->i_entries, struct dentry,
				 d_child)
	{
		list_del(&dentry->d_child);
		kmem_cache_free(dir->i_sb->s_machine->dentry_cachep, dentry);
	}
}

/* Positions 0 and 1 are the dots, the n-th entry is at n + 2. */
int dcache_readdir(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	struct dentry *dentry;
	loff_t at = 2;

	while (ctx->pos < 2) {
		if (!dir_emit(ctx, "..", (int)ctx->pos + 1, dir->i_ino,
			      S_IFDIR >> 12))
			return 0;
		ctx->pos++;
	}
	list_for_each_entry(dentry, &dir->i_entries, struct dentry, d_child)
	{
		if (at++ < ctx->pos)
			continue;
		if (!dir_emit(ctx, dentry->d_name.name, (int)dentry->d_name.len,
			      dentry->d_inode->i_ino,
			      (dentry->d_inode->i_mode & S_IFMT) >> 12))
			return 0;
		ctx->pos++;
	}
	return 0;
}

const struct file_operations simple_dir_operations = {
    .llseek = generic_file_llseek,
    .read = generic_read_dir,
    .mmap = NULL,
    .get_unmapped_area = NULL,
    .mmap_capabilities = NULL,
    .splice_read = NULL,
    .iterate_shared = dcache_readdir,
    .read_iter = NULL,
    .write_iter = NULL,
    .fsync = noop_fsync,
    .fallocate = NULL,
};

/* ---- files ---- */

int noop_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	(void)file;
	(void)start;
	(void)end;
	(void)datasync;
	return 0;
}

void zero_user_segment(struct page *page, u32 start, u32 end)
{
	if (start < end)
		memset((char *)kmap(page) + start, 0, end - start);
	kunmap(page);
}

int simple_setattr(struct inode *inode, const struct iattr *attr)
{
	if (attr->ia_valid & ATTR_SIZE) {
		const int error = inode_newsize_ok(inode, attr->ia_size);

		if (error)
			return error;
		truncate_setsize(inode, attr->ia_size);
	}
	return 0;
}

int simple_readpage(struct file *file, struct page *page)
{
	(void)file;
	zero_user_segment(page, 0, PAGE_SIZE);
	SetPageUptodate(page);
	unlock_page(page);
	return 0;
}

int simple_write_begin(struct file *file, struct address_space *mapping,
		       loff_t pos, u32 len, struct page **pagep)
{
	struct page *page =
	    grab_cache_page_write_begin(mapping, (pgoff_t)(pos >> PAGE_SHIFT));

	(void)file;
	if (!page)
		return -ENOMEM;
	*pagep = page;
	if (!PageUptodate(page) && len != PAGE_SIZE) {
		const u32 from = (u32)((u64)pos & (PAGE_SIZE - 1));

		zero_user_segment(page, 0, from);
		zero_user_segment(page, from + len, PAGE_SIZE);
	}
	return 0;
}

int simple_write_end(struct file *file, struct address_space *mapping,
		     loff_t pos, u32 len, u32 copied, struct page *page)
{
	struct inode *inode = mapping->host;

	(void)file;
	if (!PageUptodate(page)) {
		if (copied < len) {
			const u32 from = (u32)((u64)pos & (PAGE_SIZE - 1));

			zero_user_segment(page, from + copied, from + len);
		}
		SetPageUptodate(page);
	}
	/* Nothing else moves the end: i_mutex is held. */
	if (pos + (loff_t)copied > inode->i_size)
		i_size_write(inode, pos + (loff_t)copied);
	set_page_dirty(page);
	unlock_page(page);
	put_page(page);
	return (int)copied;
}

} /* extern "C" */
