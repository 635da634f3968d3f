// SPDX-License-Identifier: GPL-2.0-only
//
// What became of the patch: cramfs_physmem_mmap of Linux 4.15.
//
//   cramfs_last_page_is_shared   looks behind the last block itself
//   cramfs_physmem_mmap          maps what it can, pages the rest
//   cramfs_physmem_get_unmapped_area,
//   cramfs_physmem_mmap_capabilities   without an MMU, as v3 had them
//
// It starts as an ordinary read-only mapping of the file.  Mapped whole, it
// becomes a PFNMAP whose vm_pgoff is a pfn; mapped in part, it becomes a
// MIXEDMAP with the direct pages inserted and vm_pgoff left alone, so that
// faults for the rest need nothing special and no vma is ever split.
//
// Locks: mmap_sem held for write throughout.

#include "cramfs/cramfs.h"

#include "mm/mm.h"
#include "mm/sync/bug.h"

#ifdef CONFIG_MMU

// Whether the bytes of the last block's page behind the end of the file are
// anything but zeros.  The last block is direct and raw.
static bool cramfs_last_page_is_shared(struct inode *inode)
{
	struct cramfs_sb_info *sbi = CRAMFS_SB(inode->i_sb);
	u32 partial = (u32)offset_in_page(inode->i_size);
	u32 last_page = (u32)(inode->i_size >> PAGE_SHIFT);
	const u32 *blockptrs;
	const char *data;
	u32 blockaddr;

	if (!partial)
		return false;
	blockptrs =
	    (const u32 *)(void *)(sbi->linear_virt_addr + OFFSET(inode));
	blockaddr = (blockptrs[last_page] & ~CRAMFS_BLK_FLAGS)
		    << CRAMFS_BLK_DIRECT_PTR_SHIFT;
	data = sbi->linear_virt_addr + blockaddr;
	for (u32 i = partial; i < PAGE_SIZE; i++)
		if (data[i])
			return true;
	return false;
}

// 0, also when the page cache serves it all; -EINVAL for a shared mapping
// that could become writable; -EFAULT, -EBUSY or -ENOMEM of the mapping
// functions.
static int cramfs_physmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);
	struct cramfs_sb_info *sbi = CRAMFS_SB(inode->i_sb);
	const kulong pgoff = vma->vm_pgoff;
	const char *bailout_reason;
	u32 pages, max_pages, offset;
	kulong address;
	int ret;

	ret = generic_file_readonly_mmap(file, vma);
	if (ret)
		return ret;

	bailout_reason = "vma is writable";
	if (vma->vm_flags & VM_WRITE)
		goto bailout;

	max_pages = (u32)((inode->i_size + PAGE_SIZE - 1) >> PAGE_SHIFT);
	bailout_reason = "beyond file limit";
	if (pgoff >= max_pages)
		goto bailout;
	pages = (u32)(max_pages - pgoff);
	if (vma_pages(vma) < pages)
		pages = (u32)vma_pages(vma);

	offset = cramfs_get_block_range(inode, (u32)pgoff, &pages);
	bailout_reason = "unsuitable block layout";
	if (!offset)
		goto bailout;
	address = sbi->linear_phys_addr + offset;
	bailout_reason = "data is not page aligned";
	if (!PAGE_ALIGNED(address))
		goto bailout;

	if (pgoff + pages == max_pages && cramfs_last_page_is_shared(inode)) {
		pr_debug("cramfs: mmap: %s: last page is shared\n",
			 file_dentry(file)->d_name.name);
		pages--;
	}
	bailout_reason = "no suitable block remaining";
	if (!pages)
		goto bailout;

	if (pages == vma_pages(vma)) {
		ret = remap_pfn_range(vma, vma->vm_start, address >> PAGE_SHIFT,
				      pages * PAGE_SIZE, vma->vm_page_prot);
	} else {
		vma->vm_flags |= VM_MIXEDMAP;
		for (u32 i = 0; i < pages && !ret; i++)
			ret =
			    vm_insert_mixed(vma, vma->vm_start + i * PAGE_SIZE,
					    (address >> PAGE_SHIFT) + i);
	}
	if (!ret)
		pr_debug("cramfs: mapped %s[%lu] at 0x%08lx (%u/%lu pages) to "
			 "vma 0x%08lx, page_prot 0x%llx\n",
			 file_dentry(file)->d_name.name, KL(pgoff), KL(address),
			 pages, KL(vma_pages(vma)), KL(vma->vm_start),
			 KL(pgprot_val(vma->vm_page_prot)));
	return ret;

bailout:
	pr_debug("cramfs: %s[%lu]: direct mmap impossible: %s\n",
		 file_dentry(file)->d_name.name, KL(pgoff), bailout_reason);
	return 0;
}

#else // CONFIG_MMU

// 0: what others may share can be used where it is; -ENOSYS: copy it.
static int cramfs_physmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	return vma->vm_flags & (VM_SHARED | VM_MAYSHARE) ? 0 : -ENOSYS;
}

// The address of the file's bytes themselves; -EINVAL beyond the file,
// -ENOSYS where they are not in one piece.
static kulong cramfs_physmem_get_unmapped_area(struct file *file, kulong addr,
					       kulong len, kulong pgoff,
					       kulong flags)
{
	struct inode *inode = file_inode(file);
	struct cramfs_sb_info *sbi = CRAMFS_SB(inode->i_sb);
	const u32 pages = (u32)((len + PAGE_SIZE - 1) >> PAGE_SHIFT);
	const u32 max_pages =
	    (u32)((inode->i_size + PAGE_SIZE - 1) >> PAGE_SHIFT);
	u32 block_pages = pages, offset;

	if (pgoff >= max_pages || pages > max_pages - pgoff)
		return (kulong)-EINVAL;
	offset = cramfs_get_block_range(inode, (u32)pgoff, &block_pages);
	if (!offset || block_pages != pages)
		return (kulong)-ENOSYS;
	addr = sbi->linear_phys_addr + offset;
	pr_debug("cramfs: get_unmapped for %s ofs %#lx siz %lu at 0x%08lx\n",
		 file_dentry(file)->d_name.name, KL(pgoff * PAGE_SIZE), KL(len),
		 KL(addr));
	return addr;
}

static unsigned cramfs_physmem_mmap_capabilities(struct file *file)
{
	return NOMMU_MAP_COPY | NOMMU_MAP_DIRECT | NOMMU_MAP_READ |
	       NOMMU_MAP_EXEC;
}

#endif // CONFIG_MMU

const struct file_operations cramfs_mainline_fops = {
    .llseek = generic_file_llseek,
    .read = generic_file_read,
    .mmap = cramfs_physmem_mmap,
#ifndef CONFIG_MMU
    .get_unmapped_area = cramfs_physmem_get_unmapped_area,
    .mmap_capabilities = cramfs_physmem_mmap_capabilities,
#else
    .get_unmapped_area = NULL,
    .mmap_capabilities = NULL,
#endif
    .splice_read = generic_file_splice_read,
    .read_iter = generic_file_read_iter,
};
