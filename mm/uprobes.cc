// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has mapped this place of a file, and where (kernel/events/uprobes.c of
 * 4.13).
 *
 *   build_map_info             with valid_vma, offset_to_vaddr, free_map_info
 *   uprobe_register            register_for_each_vma, as far as reading the
 *                              instruction where the breakpoint would go
 *
 * The interval tree of the file is searched under i_mmap_rwsem, which may not
 * be held while mmap_sem is taken.  So addresses are noted down first, each
 * with a reference to its mm, and each is looked up again later, under the
 * mm's mmap_sem for writing: what does not map this place of this file any
 * more is passed over.
 *
 * Left out: the breakpoint itself and everything that it needs.
 */
#include "mm/fault.h"
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"

extern "C" {

struct map_info {
	struct map_info *next;
	struct mm_struct *mm; /* one mm_users */
	kulong vaddr;
};

/* Only code that nobody may write to, so that a private copy is allowed. */
static bool valid_vma(const struct vm_area_struct *vma)
{
	const kulong flags = VM_HUGETLB | VM_MAYEXEC | VM_MAYSHARE | VM_WRITE;

	return vma->vm_file && (vma->vm_flags & flags) == VM_MAYEXEC;
}

static kulong offset_to_vaddr(const struct vm_area_struct *vma, loff_t offset)
{
	return vma->vm_start + (kulong)offset - (vma->vm_pgoff << PAGE_SHIFT);
}

static loff_t vaddr_to_offset(const struct vm_area_struct *vma, kulong vaddr)
{
	return ((loff_t)vma->vm_pgoff << PAGE_SHIFT) +
	       (loff_t)(vaddr - vma->vm_start);
}

static struct map_info *free_map_info(struct map_info *info)
{
	struct map_info *next = info->next;

	kfree(info);
	return next;
}

/*
 * The list, newest first, or ERR_PTR(-ENOMEM).  Counts first what it could not
 * allocate under the lock, allocates that without it, and starts over: more
 * mappings may have come.
 */
static struct map_info *build_map_info(struct address_space *mapping,
				       loff_t offset)
{
	const kulong pgoff = (kulong)(offset >> PAGE_SHIFT);
	struct map_info *curr = NULL;
	struct map_info *prev = NULL;
	struct map_info *info;
	struct vm_area_struct *vma;
	int more = 0;

again:
	i_mmap_lock_read(mapping);
	vma_interval_tree_foreach(vma, &mapping->i_mmap, pgoff, pgoff)
	{
		if (!valid_vma(vma))
			continue;
		if (!prev && !more) {
			prev = (struct map_info *)kmalloc(sizeof(*prev),
							  GFP_ATOMIC);
			if (prev)
				prev->next = NULL;
		}
		if (!prev) {
			more++;
			continue;
		}
		if (!atomic_inc_not_zero(&vma->vm_mm->mm_users))
			continue;
		info = prev;
		prev = prev->next;
		info->next = curr;
		curr = info;
		info->mm = vma->vm_mm;
		info->vaddr = offset_to_vaddr(vma, offset);
	}
	i_mmap_unlock_read(mapping);
	if (!more)
		goto out;

	prev = curr;
	while (curr) {
		mmput(curr->mm);
		curr = curr->next;
	}
	do {
		info = (struct map_info *)kmalloc(sizeof(*info), GFP_KERNEL);
		if (!info) {
			curr = (struct map_info *)ERR_PTR(-ENOMEM);
			goto out;
		}
		info->next = prev;
		prev = info;
	} while (--more);
	goto again;
out:
	while (prev)
		prev = free_map_info(prev);
	return curr;
}

/* The instruction's first byte, by the page that a breakpoint would replace.
 * sem held for write. */
static int read_opcode(struct mm_struct *mm, kulong vaddr, u8 *opcode)
{
	struct vm_area_struct *vma;
	struct page *page;
	const klong got = get_user_pages_remote(NULL, mm, vaddr, 1, FOLL_FORCE,
						&page, &vma, NULL);

	if (got <= 0)
		return got < 0 ? (int)got : -EFAULT;
	memcpy(opcode, (const char *)kmap(page) + offset_in_page(vaddr), 1);
	kunmap(page);
	put_page(page);
	return 0;
}

s64 uprobe_register(struct file *file, u64 offset_in,
		    void (*visit)(u64 addr, u32 opcode, void *cookie),
		    void *cookie)
{
	const loff_t offset = (loff_t)offset_in;
	struct inode *inode = file_inode(file);
	struct map_info *info;
	int found = 0;
	int err = 0;

	if (offset < 0 || offset > i_size_read(inode))
		return -EINVAL;
	info = build_map_info(inode->i_mapping, offset);
	if (IS_ERR(info))
		return PTR_ERR(info);
	while (info) {
		struct mm_struct *mm = info->mm;
		struct vm_area_struct *vma;
		u8 opcode = 0;

		if (err)
			goto free;
		down_write(&mm->mmap_sem);
		vma = find_vma(mm, info->vaddr);
		if (!vma || !valid_vma(vma) ||
		    file_inode(vma->vm_file) != inode)
			goto unlock;
		if (vma->vm_start > info->vaddr ||
		    vaddr_to_offset(vma, info->vaddr) != offset)
			goto unlock;
		err = read_opcode(mm, info->vaddr, &opcode);
		if (!err) {
			found++;
			if (visit)
				visit(info->vaddr, opcode, cookie);
		}
	unlock:
		up_write(&mm->mmap_sem);
	free:
		mmput(mm);
		info = free_map_info(info);
	}
	return err ? err : found;
}

} /* extern "C" */
