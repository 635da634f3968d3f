// SPDX-License-Identifier: GPL-2.0-only
//
// "[PATCH v3 4/5] cramfs: add mmap support", 31 August 2017, by Nicolas
// Pitre: the same functions with the same steps in the same order, bugs
// included.  To be read beside the patch.
//
//   cramfs_get_block_range                 how much of a file is in one piece
//   cramfs_vmasplit_fault, .._vmasplit_ops splits a partly mapped vma
//   cramfs_physmem_mmap                    maps what it can
//   cramfs_physmem_get_unmapped_area,
//   cramfs_physmem_mmap_capabilities       without an MMU
//
// `unsigned long` is kulong, and every computation keeps the patch's types:
// in an ARM build the packing of page offset and split address overflows
// where it does on a 32-bit kernel.
//
// Locks: mmap holds mmap_sem for write throughout.  The fault handler is
// entered with mmap_sem held for read and returns with it so held, having
// dropped it in between; only for VM_FAULT_RETRY it returns without.

#include "cramfs/cramfs.h"

#include "mm/mm.h"
#include "mm/sync/bug.h"
#include "mm/sync/string.h"

u32 cramfs_get_block_range(struct inode *inode, u32 pgoff, u32 *pages)
{
	struct super_block *sb = inode->i_sb;
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);
	u32 i;
	u32 *blockptrs, blockaddr;

	blockptrs =
	    (u32 *)(void *)(sbi->linear_virt_addr + OFFSET(inode) + pgoff * 4);
	blockaddr = blockptrs[0] & ~CRAMFS_BLK_FLAGS;
	i = 0;
	do {
		u32 expect = (u32)(blockaddr + i * (PAGE_SIZE >> 2));

		expect |=
		    CRAMFS_BLK_FLAG_DIRECT_PTR | CRAMFS_BLK_FLAG_UNCOMPRESSED;
		if (blockptrs[i] != expect) {
			pr_debug("cramfs: range: block %u/%u is %#x, not %#x\n",
				 pgoff + i, pgoff + *pages - 1, blockptrs[i],
				 expect);
			if (i == 0)
				return 0;
			break;
		}
	} while (++i < *pages);

	*pages = i;
	return blockaddr << 2;
}

static int cramfs_vmasplit_fault(struct vm_fault *vmf);

static const struct vm_operations_struct cramfs_vmasplit_ops = {
    .open = NULL,
    .close = NULL,
    .mremap = NULL,
    .fault = cramfs_vmasplit_fault,
    .map_pages = NULL,
    .page_mkwrite = NULL,
};

// Entered for a page of a vma that cramfs_physmem_mmap mapped in part.  Gives
// the part behind the direct mapping a vma of its own, whose pgoff is a file
// offset again, and lets the page cache serve the fault there.
//
// VM_FAULT_RETRY: a fatal signal came while waiting; mmap_sem is not held,
// whether or not the caller allowed that.  VM_FAULT_NOPAGE: somebody else has
// changed the vma meanwhile.  VM_FAULT_SIGSEGV: nothing there any more, or
// not the part to be split off.  VM_FAULT_OOM: no split (memory, map count).
static int cramfs_vmasplit_fault(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	struct vm_area_struct *vma, *new_vma;
	struct file *vma_file = get_file(vmf->vma->vm_file);
	kulong split_val, split_addr;
	unsigned int split_pgoff;
	int ret;

	/* Splitting takes the lock for write; there is no upgrade. */
	up_read(&mm->mmap_sem);
	if (down_write_killable(&mm->mmap_sem)) {
		fput(vma_file);
		return VM_FAULT_RETRY;
	}

	/* Anything may have happened to the address space by now. */
	ret = VM_FAULT_SIGSEGV;
	vma = find_vma(mm, vmf->address);
	if (!vma)
		goto out_fput;

	/* Another fault may have split it: back to user space, try again. */
	ret = VM_FAULT_NOPAGE;
	if (vma->vm_ops != &cramfs_vmasplit_ops || vma->vm_file != vma_file)
		goto out_fput;
	fput(vma_file);

	/* Where mmap said that the direct mapping ends. */
	split_val = KULONG(vma->vm_private_data);
	split_pgoff = split_val & 0xfff;
	split_addr = (split_val >> 12) << PAGE_SHIFT;
	if (split_addr < vma->vm_start) {
		/* The direct part and more was unmapped. */
		split_pgoff += (vma->vm_start - split_addr) >> PAGE_SHIFT;
		split_addr = vma->vm_start;
	}
	pr_debug("cramfs: fault: addr=%#lx vma=%#lx-%#lx split=%#lx\n",
		 KL(vmf->address), KL(vma->vm_start), KL(vma->vm_end),
		 KL(split_addr));
	ret = VM_FAULT_SIGSEGV;
	if (!split_val || split_addr > vmf->address ||
	    vma->vm_end <= vmf->address)
		goto out;

	if (unlikely(vma->vm_start == split_addr)) {
		new_vma = vma;
	} else {
		ret = VM_FAULT_OOM;
		if (split_vma(mm, vma, split_addr, 0) != 0)
			goto out;

		/* All of what stays below is mapped. */
		vma->vm_ops = NULL;

		new_vma = find_vma(mm, split_addr);
		BUG_ON(new_vma == vma);
		ret = VM_FAULT_SIGSEGV;
		if (!new_vma)
			goto out;
	}

	/* From here on an ordinary mapping of the file. */
	new_vma->vm_pgoff = split_pgoff;
	new_vma->vm_ops = &generic_file_vm_ops;
	new_vma->vm_flags &= ~(kulong)(VM_IO | VM_PFNMAP | VM_DONTEXPAND);
	vmf->vma = new_vma;
	vmf->pgoff = split_pgoff;
	vmf->pgoff += (vmf->address - new_vma->vm_start) >> PAGE_SHIFT;
	downgrade_write(&mm->mmap_sem);
	return filemap_fault(vmf);

out_fput:
	fput(vma_file);
out:
	downgrade_write(&mm->mmap_sem);
	return ret;
}

// 0, also when nothing could be mapped and the page cache serves it all;
// -EINVAL for a shared mapping that could become writable; what
// remap_pfn_range returns.  Why a direct mapping failed is told by pr_debug.
static int cramfs_physmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);
	struct super_block *sb = inode->i_sb;
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);
	unsigned int pages, vma_pages, max_pages, offset;
	kulong address;
	const char *fail_reason;
	int ret;

	if (!IS_ENABLED(CONFIG_MMU))
		return vma->vm_flags & (VM_SHARED | VM_MAYSHARE) ? 0 : -ENOSYS;

	if ((vma->vm_flags & VM_SHARED) && (vma->vm_flags & VM_MAYWRITE))
		return -EINVAL;

	fail_reason = "vma is writable";
	if (vma->vm_flags & VM_WRITE)
		goto fail;

	vma_pages =
	    (unsigned int)((vma->vm_end - vma->vm_start + PAGE_SIZE - 1) >>
			   PAGE_SHIFT);
	max_pages =
	    (unsigned int)((inode->i_size + PAGE_SIZE - 1) >> PAGE_SHIFT);
	fail_reason = "beyond file limit";
	if (vma->vm_pgoff >= max_pages)
		goto fail;
	pages = vma_pages;
	if (pages > max_pages - vma->vm_pgoff)
		pages = (unsigned int)(max_pages - vma->vm_pgoff);

	offset = cramfs_get_block_range(inode, (u32)vma->vm_pgoff, &pages);
	fail_reason = "unsuitable block layout";
	if (!offset)
		goto fail;
	address = sbi->linear_phys_addr + offset;
	fail_reason = "data is not page aligned";
	if (!PAGE_ALIGNED(address))
		goto fail;

	/* The end of the last page must not show another file's bytes. */
	if (unlikely(vma->vm_pgoff + pages == max_pages)) {
		unsigned int partial =
		    (unsigned int)offset_in_page(inode->i_size);

		if (partial) {
			char *data = sbi->linear_virt_addr + offset;

			data += (max_pages - 1) * PAGE_SIZE + partial;
			while (KULONG(data) & 7)
				if (*data++ != 0)
					goto nonzero;
			while (offset_in_page(data)) {
				if (*(u64 *)(void *)data != 0) {
				nonzero:
					pr_debug(
					    "cramfs: mmap: %s: last page is "
					    "shared\n",
					    file_dentry(file)->d_name.name);
					pages--;
					break;
				}
				data += 8;
			}
		}
	}

	if (pages) {
		/*
		 * Where only a part is mapped, faults will come for the rest.
		 * vm_pgoff will hold the pfn, so the file offset and the
		 * address where the rest begins are kept in one word: 12 bits
		 * for a page number in a file of at most 16 MiB, 20 for that
		 * of an address.
		 */
		if (pages != vma_pages) {
			unsigned int split_pgoff =
			    (unsigned int)(vma->vm_pgoff + pages);
			kulong split_pfn =
			    (vma->vm_start >> PAGE_SHIFT) + pages;
			kulong split_val = split_pgoff | (split_pfn << 12);

			vma->vm_private_data = KPTR(split_val);
			vma->vm_ops = &cramfs_vmasplit_ops;
			/* remap_pfn_range wants a private vma mapped whole. */
			vma->vm_end = vma->vm_start + pages * PAGE_SIZE;
		}

		ret = remap_pfn_range(vma, vma->vm_start, address >> PAGE_SHIFT,
				      pages * PAGE_SIZE, vma->vm_page_prot);
		vma->vm_end = vma->vm_start + vma_pages * PAGE_SIZE;
		if (ret)
			return ret;

		pr_debug("cramfs: mapped %s at 0x%08lx (%u/%u pages) to vma "
			 "0x%08lx, page_prot 0x%llx\n",
			 file_dentry(file)->d_name.name, KL(address), pages,
			 vma_pages, KL(vma->vm_start),
			 KL(pgprot_val(vma->vm_page_prot)));
		return 0;
	}
	fail_reason = "no suitable block remaining";

fail:
	pr_debug("cramfs: %s: direct mmap failed: %s\n",
		 file_dentry(file)->d_name.name, fail_reason);
	vma->vm_ops = &generic_file_vm_ops;
	return 0;
}

#ifndef CONFIG_MMU

// The address of the file's bytes themselves; -EINVAL beyond the file,
// -ENOSYS where they are not in one piece, so that mmap copies them.
static kulong cramfs_physmem_get_unmapped_area(struct file *file, kulong addr,
					       kulong len, kulong pgoff,
					       kulong flags)
{
	struct inode *inode = file_inode(file);
	struct super_block *sb = inode->i_sb;
	struct cramfs_sb_info *sbi = CRAMFS_SB(sb);
	unsigned int pages, block_pages, max_pages, offset;

	pages = (unsigned int)((len + PAGE_SIZE - 1) >> PAGE_SHIFT);
	max_pages =
	    (unsigned int)((inode->i_size + PAGE_SIZE - 1) >> PAGE_SHIFT);
	if (pgoff >= max_pages || pages > max_pages - pgoff)
		return (kulong)-EINVAL;
	block_pages = pages;
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
#endif

const struct file_operations cramfs_v3_fops = {
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
