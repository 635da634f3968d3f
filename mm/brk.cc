// SPDX-License-Identifier: GPL-2.0-only
/*
 * The heap, after mm/mmap.c of 4.13: sys_brk (without CONFIG_COMPAT_BRK),
 * do_brk_flags, vm_brk_flags; and where exec would have put it.
 *
 * Left out: userfaultfd, perf.
 * Locks: takes mmap_sem for writing.
 */
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/sync/sched.h"

int set_start_brk(struct mm_struct *mm, u64 start_data, u64 end_data,
		  u64 start_brk)
{
	if (start_data > end_data || end_data > start_brk ||
	    start_brk >= TASK_SIZE ||
	    ((start_data | end_data | start_brk) & (PAGE_SIZE - 1)))
		return -EINVAL;
	mm->start_data = (kulong)start_data;
	mm->end_data = (kulong)end_data;
	mm->start_brk = (kulong)start_brk;
	mm->brk = (kulong)start_brk;
	return 0;
}

/*
 * Anonymous memory at [addr, addr + request), whatever was there; flags: more
 * vm_flags, VM_EXEC at most.  0, -EINVAL, -ENOMEM, -EAGAIN (RLIMIT_MEMLOCK);
 * sem held for write.
 */
int do_brk_flags(kulong addr, kulong request, kulong flags)
{
	struct mm_struct *mm = current->mm;
	const pgoff_t pgoff = addr >> PAGE_SHIFT;
	struct vm_area_struct *vma, *prev;
	struct rb_node **rb_link, *rb_parent;
	const kulong len = PAGE_ALIGN(request);
	const kulong npages = len >> PAGE_SHIFT;
	kulong where;
	int error;

	if (len < request)
		return -ENOMEM;
	if (!len)
		return 0;
	if (flags & ~(kulong)VM_EXEC)
		return -EINVAL;
	flags |= vm_data_default_flags(mm) | VM_ACCOUNT | mm->def_flags;

	where = get_unmapped_area(NULL, addr, len, 0, MAP_FIXED);
	if (offset_in_page(where))
		return (int)(klong)where;
	error = mlock_future_check(mm, mm->def_flags, len);
	if (error)
		return error;

	while (
	    find_vma_links(mm, addr, addr + len, &prev, &rb_link, &rb_parent)) {
		if (do_munmap(mm, addr, len))
			return -ENOMEM;
	}

	/* After what was there has been taken off the counts. */
	if (!may_expand_vm(mm, flags, npages))
		return -ENOMEM;
	if (mm->map_count > (int)mm->machine->sysctl_max_map_count)
		return -ENOMEM;
	if (security_vm_enough_memory(mm, npages))
		return -ENOMEM;

	vma = vma_merge(mm, prev, addr, addr + len, flags, NULL, NULL, pgoff);
	if (!vma) {
		vma = (struct vm_area_struct *)kmem_cache_zalloc(
		    mm->machine->vm_area_cachep, GFP_KERNEL);
		if (!vma) {
			vm_unacct_memory(npages);
			return -ENOMEM;
		}
		INIT_LIST_HEAD(&vma->anon_vma_chain);
		vma->vm_mm = mm;
		vma->vm_start = addr;
		vma->vm_end = addr + len;
		vma->vm_pgoff = pgoff;
		vma->vm_flags = flags;
		vma->vm_page_prot = vm_get_page_prot(flags);
		vma_link(mm, vma, prev, rb_link, rb_parent);
	}

	mm->total_vm += npages;
	mm->data_vm += npages;
	if (flags & VM_LOCKED)
		mm->locked_vm += npages;
	vma->vm_flags |= VM_SOFTDIRTY;
	return 0;
}

int vm_brk_flags(kulong addr, kulong len, kulong flags)
{
	struct mm_struct *mm = current->mm;
	bool populate;
	int ret;

	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	ret = do_brk_flags(addr, len, flags);
	populate = mm->def_flags & VM_LOCKED;
	up_write(&mm->mmap_sem);
	if (populate && !ret)
		mm_populate(addr, len);
	return ret;
}

/* True when mm->brk may become brk and the mappings say so. */
static bool brk_to(struct mm_struct *mm, kulong brk)
{
	const kulong newbrk = PAGE_ALIGN(brk), oldbrk = PAGE_ALIGN(mm->brk);
	const struct vm_area_struct *next;

	if (brk < mm->start_brk)
		return false;
	/* Before the pages are compared, as the limit counts bytes. */
	if (check_data_rlimit(rlimit(RLIMIT_DATA), brk, mm->start_brk,
			      mm->end_data, mm->start_data))
		return false;
	if (oldbrk == newbrk)
		return true;
	if (brk <= mm->brk)
		return !do_munmap(mm, newbrk, oldbrk - newbrk);

	/* A page stays free between the heap and what is above it. */
	next = find_vma(mm, oldbrk);
	if (next && newbrk + PAGE_SIZE > vm_start_gap(next))
		return false;
	return !do_brk_flags(oldbrk, newbrk - oldbrk, 0);
}

/* The end of the heap afterwards: brk, or the old one; -EINTR. */
s64 do_sys_brk(kulong brk)
{
	struct mm_struct *mm = current->mm;
	kulong end, oldbrk, newbrk;
	bool populate = false;

	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	oldbrk = PAGE_ALIGN(mm->brk);
	newbrk = PAGE_ALIGN(brk);
	if (brk_to(mm, brk)) {
		mm->brk = brk;
		populate = newbrk > oldbrk && (mm->def_flags & VM_LOCKED);
	}
	end = mm->brk;
	up_write(&mm->mmap_sem);
	if (populate)
		mm_populate(oldbrk, newbrk - oldbrk);
	return (s64)end;
}
