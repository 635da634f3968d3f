// SPDX-License-Identifier: GPL-2.0-only
/*
 * mremap, after mm/mremap.c of 4.13: get_old_pmd, alloc_new_pmd,
 * take_rmap_locks, drop_rmap_locks, move_ptes, move_page_tables, move_vma,
 * vma_to_resize, mremap_to, vma_expandable, sys_mremap (here do_mremap).
 * copy_vma is in mmap.cc.
 *
 * Left out: KSM, huge pages, swap and soft-dirty entries, userfaultfd, mmu
 * notifiers, arch_remap (nothing on these architectures), the high water
 * marks.
 *
 * FL_FIX_MOVE_PTES_FLUSH: 4.13 flushed late, a dirty entry before the lock of
 * the old table was dropped and everything else once after all; somebody who
 * finds the page at its new place and frees it flushes only that place
 * (CVE-2018-18281).  Fixed, both locks are held until after the flush.
 *
 * Locks: mmap_sem for writing.  Underneath, for a range that shares a table:
 * i_mmap_rwsem and the rwsem of the anon_vma's root (only when reverse maps
 * might see the new place first), the lock of the old table, the lock of the
 * new one.
 */
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/sync/sched.h"
#include "mm/tlb.h"

#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#define LATENCY_LIMIT (64 * PAGE_SIZE)

static pmd_t *get_old_pmd(struct mm_struct *mm, kulong addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(pgd))
		return NULL;
	pud = pud_offset(pgd, addr);
	if (pud_none(pud))
		return NULL;
	pmd = pmd_offset(pud, addr);
	return pmd_none(pmd) ? NULL : pmd;
}

static pmd_t *alloc_new_pmd(struct mm_struct *mm, kulong addr)
{
	pud_t *pud = pud_alloc(mm, pgd_offset(mm, addr), addr);

	return pud ? pmd_alloc(mm, pud, addr) : NULL;
}

static void take_rmap_locks(struct vm_area_struct *vma)
{
	if (vma->vm_file)
		i_mmap_lock_write(vma->vm_file->f_mapping);
	if (vma->anon_vma)
		anon_vma_lock_write(vma->anon_vma);
}

static void drop_rmap_locks(struct vm_area_struct *vma)
{
	if (vma->anon_vma)
		anon_vma_unlock_write(vma->anon_vma);
	if (vma->vm_file)
		i_mmap_unlock_write(vma->vm_file->f_mapping);
}

/*
 * Entries of one old and one new table.  A reverse map walk must see each page
 * at one of the two places at least: either because it comes to the old place
 * first, or because it is kept out (need_rmap_locks).
 */
static void move_ptes(struct vm_area_struct *vma, pmd_t *old_pmd,
		      kulong old_addr, kulong old_end,
		      struct vm_area_struct *new_vma, pmd_t *new_pmd,
		      kulong new_addr, bool need_rmap_locks, bool *need_flush)
{
	struct mm_struct *mm = vma->vm_mm;
	const bool fixed = fl_fixed(mm->machine, FL_FIX_MOVE_PTES_FLUSH);
	const kulong len = old_end - old_addr;
	spinlock_t *old_ptl, *new_ptl;
	pte_t *old_pte, *new_pte;
	bool force_flush = false;

	(void)new_vma; /* move_pte looks at its protection on sparc64 only */
	if (need_rmap_locks)
		take_rmap_locks(vma);

	/* Any order will do: whoever takes two holds mmap_sem for writing. */
	old_pte = pte_offset_map_lock(mm, old_pmd, old_addr, &old_ptl);
	new_pte = pte_offset_map(new_pmd, new_addr);
	new_ptl = pte_lockptr(new_pmd);
	if (new_ptl != old_ptl)
		spin_lock(new_ptl);
	flush_tlb_batched_pending(mm);

	for (; old_addr < old_end; old_pte++, old_addr += PAGE_SIZE, new_pte++,
				   new_addr += PAGE_SIZE) {
		pte_t pte;

		if (pte_none(fl_read_pte(old_pte)))
			continue;
		pte = ptep_get_and_clear(old_pte);
		/* Looked at when it is out: nobody can dirty it any more
		 * but through a TLB, and that is flushed in time. */
		if (pte_present(pte) && (fixed || pte_dirty(pte)))
			force_flush = true;
		set_pte_at(mm, new_addr, new_pte, pte);
	}

	if (fixed && force_flush)
		flush_tlb_range(vma, old_end - len, old_end);
	if (new_ptl != old_ptl)
		spin_unlock(new_ptl);
	if (!fixed) {
		if (force_flush)
			flush_tlb_range(vma, old_end - len, old_end);
		else
			*need_flush = true;
	}
	pte_unmap_unlock(old_pte, old_ptl);
	if (need_rmap_locks)
		drop_rmap_locks(vma);
}

kulong move_page_tables(struct vm_area_struct *vma, kulong old_addr,
			struct vm_area_struct *new_vma, kulong new_addr,
			kulong len, bool need_rmap_locks)
{
	const kulong old_end = old_addr + len;
	struct mm_struct *mm = vma->vm_mm;
	bool need_flush = false;
	kulong extent;

	for (; old_addr < old_end; old_addr += extent, new_addr += extent) {
		pmd_t *old_pmd, *new_pmd;

		cond_resched();
		/* Up to the end of both tables; right even if it wraps. */
		extent = ((old_addr + PMD_SIZE) & PMD_MASK) - old_addr;
		extent = fl_min(extent, old_end - old_addr);
		old_pmd = get_old_pmd(mm, old_addr);
		if (!old_pmd)
			continue;
		new_pmd = alloc_new_pmd(mm, new_addr);
		if (!new_pmd)
			break;
		if (pmd_none(new_pmd) && __pte_alloc(mm, new_pmd, new_addr))
			break;
		extent = fl_min(extent,
				((new_addr + PMD_SIZE) & PMD_MASK) - new_addr);
		extent = fl_min(extent, LATENCY_LIMIT);
		move_ptes(vma, old_pmd, old_addr, old_addr + extent, new_vma,
			  new_pmd, new_addr, need_rmap_locks, &need_flush);
	}
	if (need_flush)
		flush_tlb_range(vma, old_end - len, old_addr);
	return len + old_addr - old_end;
}

/*
 * [old_addr, old_addr + old_len) of vma to new_addr, which is free, as new_len
 * bytes.  new_addr, or -errno:
 *
 *  1. a vma at the new place; it overlaps nothing, so faults may come there
 *  2. the ptes, table by table, and ->mremap
 *  3. if that failed, the ptes back, and the new vma counts as the old one
 *  4. unmap the old one without giving back what was charged for it, since
 *     the new one goes on owing it
 */
static kulong move_vma(struct vm_area_struct *vma, kulong old_addr,
		       kulong old_len, kulong new_len, kulong new_addr,
		       bool *locked)
{
	struct mm_struct *mm = vma->vm_mm;
	const kulong vm_flags = vma->vm_flags;
	struct vm_area_struct *new_vma;
	kulong excess = 0, moved_len;
	bool need_rmap_locks, split = false;
	int err = 0;

	/* Both ends of the old vma may have to be split off, at the end, when
	 * it is too late to fail. */
	if (mm->map_count >= (int)mm->machine->sysctl_max_map_count - 3)
		return (kulong)-ENOMEM;

	new_vma =
	    copy_vma(&vma, new_addr, new_len,
		     vma->vm_pgoff + ((old_addr - vma->vm_start) >> PAGE_SHIFT),
		     &need_rmap_locks);
	if (!new_vma)
		return (kulong)-ENOMEM;

	moved_len = move_page_tables(vma, old_addr, new_vma, new_addr, old_len,
				     need_rmap_locks);
	if (moved_len < old_len)
		err = -ENOMEM;
	else if (vma->vm_ops && vma->vm_ops->mremap)
		err = vma->vm_ops->mremap(new_vma);

	if (unlikely(err)) {
		/* Cannot fail: the old tables are still there. */
		move_page_tables(new_vma, new_addr, vma, old_addr, moved_len,
				 true);
		vma = new_vma;
		old_len = new_len;
		old_addr = new_addr;
		new_addr = (kulong)(klong)err;
	}

	if (vm_flags & VM_ACCOUNT) {
		vma->vm_flags &= ~(kulong)VM_ACCOUNT;
		excess = vma->vm_end - vma->vm_start - old_len;
		split = old_addr > vma->vm_start &&
			old_addr + old_len < vma->vm_end;
	}

	/* do_munmap takes old_len off again, which is new_len after a failure.
	 */
	vm_stat_account(mm, vma->vm_flags, (klong)(new_len >> PAGE_SHIFT));

	/* Its frames are mapped elsewhere now: nothing to untrack here. */
	if (unlikely(vma->vm_flags & VM_PFNMAP))
		untrack_pfn_moved(vma);

	if (do_munmap(mm, old_addr, old_len) < 0) {
		/* It stays, uncounted; so must what is beside it. */
		vm_unacct_memory(excess >> PAGE_SHIFT);
		excess = 0;
	}

	/* What is left of the old vma, on one or both sides. */
	if (excess) {
		vma->vm_flags |= VM_ACCOUNT;
		if (split)
			vma->vm_next->vm_flags |= VM_ACCOUNT;
	}

	if (vm_flags & VM_LOCKED) {
		mm->locked_vm += new_len >> PAGE_SHIFT;
		*locked = true;
	}
	return new_addr;
}

/*
 * The vma that holds all of [addr, addr + old_len) and may become new_len long;
 * *p: pages of committed memory charged for that.  -EFAULT, -EINVAL, -EAGAIN
 * (RLIMIT_MEMLOCK), -ENOMEM as pointers.
 */
static struct vm_area_struct *vma_to_resize(kulong addr, kulong old_len,
					    kulong new_len, kulong *p)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma = find_vma(mm, addr);
	const kulong grow = new_len - old_len;
	kulong pgoff;

	if (!vma || vma->vm_start > addr)
		return (struct vm_area_struct *)ERR_PTR(-EFAULT);
	if (vma->vm_flags & VM_HUGETLB)
		return (struct vm_area_struct *)ERR_PTR(-EINVAL);
	if (old_len > vma->vm_end - addr)
		return (struct vm_area_struct *)ERR_PTR(-EFAULT);
	if (new_len == old_len)
		return vma;

	pgoff = ((addr - vma->vm_start) >> PAGE_SHIFT) + vma->vm_pgoff;
	if (pgoff + (new_len >> PAGE_SHIFT) < pgoff)
		return (struct vm_area_struct *)ERR_PTR(-EINVAL);
	if (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP))
		return (struct vm_area_struct *)ERR_PTR(-EFAULT);

	/* In bytes, unlike mlock_future_check. */
	if ((vma->vm_flags & VM_LOCKED) &&
	    (mm->locked_vm << PAGE_SHIFT) + grow > rlimit(RLIMIT_MEMLOCK))
		return (struct vm_area_struct *)ERR_PTR(-EAGAIN);
	if (!may_expand_vm(mm, vma->vm_flags, grow >> PAGE_SHIFT))
		return (struct vm_area_struct *)ERR_PTR(-ENOMEM);
	if (vma->vm_flags & VM_ACCOUNT) {
		if (security_vm_enough_memory(mm, grow >> PAGE_SHIFT))
			return (struct vm_area_struct *)ERR_PTR(-ENOMEM);
		*p = grow >> PAGE_SHIFT;
	}
	return vma;
}

static kulong mmap_flags_of(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_MAYSHARE ? MAP_SHARED : 0;
}

/* MREMAP_FIXED.  What is at the new place goes even if the rest fails. */
static kulong mremap_to(kulong addr, kulong old_len, kulong new_addr,
			kulong new_len, bool *locked)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	kulong charged = 0, ret;
	int error;

	if (offset_in_page(new_addr))
		return (kulong)-EINVAL;
	if (new_len > TASK_SIZE || new_addr > TASK_SIZE - new_len)
		return (kulong)-EINVAL;
	if (addr + old_len > new_addr && new_addr + new_len > addr)
		return (kulong)-EINVAL;

	error = do_munmap(mm, new_addr, new_len);
	if (error)
		return (kulong)(klong)error;
	if (old_len >= new_len) {
		/* With nothing to cut off this is -EINVAL, of no account. */
		error = do_munmap(mm, addr + new_len, old_len - new_len);
		if (error && old_len != new_len)
			return (kulong)(klong)error;
		old_len = new_len;
	}

	vma = vma_to_resize(addr, old_len, new_len, &charged);
	if (IS_ERR(vma))
		return (kulong)PTR_ERR(vma);

	ret = get_unmapped_area(vma->vm_file, new_addr, new_len,
				vma->vm_pgoff +
				    ((addr - vma->vm_start) >> PAGE_SHIFT),
				MAP_FIXED | mmap_flags_of(vma));
	if (!offset_in_page(ret))
		ret = move_vma(vma, addr, old_len, new_len, new_addr, locked);
	if (offset_in_page(ret))
		vm_unacct_memory(charged);
	return ret;
}

static bool vma_expandable(const struct vm_area_struct *vma, kulong delta)
{
	const kulong end = vma->vm_end + delta;

	if (end < vma->vm_end)
		return false;
	if (vma->vm_next && vma->vm_next->vm_start < end)
		return false;
	return !offset_in_page(get_unmapped_area(
	    NULL, vma->vm_start, end - vma->vm_start, 0, MAP_FIXED));
}

/* In place, when vma ends where the range does and there is room behind. */
static bool mremap_in_place(struct vm_area_struct *vma, kulong addr,
			    kulong old_len, kulong new_len, bool *locked,
			    kulong *ret)
{
	const kulong pages = (new_len - old_len) >> PAGE_SHIFT;
	struct mm_struct *mm = vma->vm_mm;

	if (old_len != vma->vm_end - addr ||
	    !vma_expandable(vma, new_len - old_len))
		return false;
	if (__vma_adjust(vma, vma->vm_start, addr + new_len, vma->vm_pgoff,
			 NULL, NULL)) {
		*ret = (kulong)-ENOMEM;
		return true;
	}
	vm_stat_account(mm, vma->vm_flags, (klong)pages);
	if (vma->vm_flags & VM_LOCKED) {
		mm->locked_vm += pages;
		*locked = true;
	}
	*ret = addr;
	return true;
}

/* new_addr, addr, or -errno; sem held for write.  new_len is not 0. */
static kulong mremap_locked(kulong addr, kulong old_len, kulong new_len,
			    kulong flags, kulong new_addr, bool *locked)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	kulong charged = 0;
	kulong ret;
	int error;

	if (flags & MREMAP_FIXED)
		return mremap_to(addr, old_len, new_addr, new_len, locked);

	/* Shrinking is unmapping the end, over however many vmas. */
	if (old_len >= new_len) {
		error = do_munmap(mm, addr + new_len, old_len - new_len);
		if (error && old_len != new_len)
			return (kulong)(klong)error;
		return addr;
	}

	vma = vma_to_resize(addr, old_len, new_len, &charged);
	if (IS_ERR(vma))
		return (kulong)PTR_ERR(vma);

	if (!mremap_in_place(vma, addr, old_len, new_len, locked, &ret)) {
		ret = (kulong)-ENOMEM;
		if (flags & MREMAP_MAYMOVE) {
			ret = get_unmapped_area(
			    vma->vm_file, 0, new_len,
			    vma->vm_pgoff +
				((addr - vma->vm_start) >> PAGE_SHIFT),
			    mmap_flags_of(vma));
			if (!offset_in_page(ret))
				ret = move_vma(vma, addr, old_len, new_len, ret,
					       locked);
		}
	}
	if (offset_in_page(ret))
		vm_unacct_memory(charged);
	return ret;
}

/*
 * The address of the mapping afterwards, or -EINVAL, -EFAULT, -ENOMEM,
 * -EAGAIN, -EINTR.  An old_len of 0 maps a second time what is at addr.
 */
s64 do_mremap(kulong addr, kulong old_len, kulong new_len, kulong flags,
	      kulong new_addr)
{
	struct mm_struct *mm = current->mm;
	bool locked = false;
	kulong ret;

	if (flags & ~(kulong)(MREMAP_FIXED | MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if (offset_in_page(addr))
		return -EINVAL;
	old_len = PAGE_ALIGN(old_len);
	new_len = PAGE_ALIGN(new_len);
	if (!new_len)
		return -EINVAL;

	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	ret = mremap_locked(addr, old_len, new_len, flags, new_addr, &locked);
	up_write(&mm->mmap_sem);
	if (locked && !IS_ERR_VALUE(ret) && new_len > old_len)
		mm_populate(ret + old_len, new_len - old_len);
	return IS_ERR_VALUE(ret) ? (s64)(klong)ret : (s64)ret;
}
