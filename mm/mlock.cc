// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locking mappings into memory, after mm/mlock.c of 4.13.
 *
 *   do_mlock, apply_vma_lock_flags, mlock_fixup, count_mm_mlocked_page_nr
 *   apply_mlockall_flags, sys_mlock, sys_mlock2, sys_munlock, sys_mlockall,
 *   sys_munlockall
 *   mlock_vma_page, munlock_vma_page, clear_page_mlock
 *   munlock_vma_pages_range    __munlock_pagevec_fill, __munlock_pagevec
 *   try_to_munlock             mm/rmap.c
 *   lru_cache_add_active_or_unevictable   mm/swap.c, on the one list there is
 *
 * A vma of VM_SPECIAL is never marked locked and mlock of it succeeds.  The
 * flags change under mmap_sem for writing; pages come in after it is dropped,
 * in a populate that looks everything up again.
 *
 * A page is marked (PG_mlocked) under its page lock, by a populate that finds
 * the vma still locked or by a fault that makes it.  munlock takes the mark
 * away first and then asks, under the page lock, whether another locked vma
 * maps the page: then it gets the mark back.
 *
 * Lock order: mmap_sem, page lock, rmap locks, pte lock.
 *
 * Left out: LRU lists, so a page is always "isolated"; statistics; huge pages;
 * SHM_LOCK.  No task has CAP_IPC_LOCK.
 */
#include "mm/fault.h"
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"
#include "mm/sync/sched.h"

extern "C" {

#define MLOCK_ONFAULT 0x01
#define MCL_CURRENT 1
#define MCL_FUTURE 2
#define MCL_ONFAULT 4
#define PAGEVEC_SIZE 14

struct pagevec {
	u32 nr;
	struct page *pages[PAGEVEC_SIZE];
};

/* ---- the mark of a page ---- */

void mlock_vma_page(struct page *page)
{
	BUG_ON(!PageLocked(page));
	(void)TestSetPageMlocked(page);
}

void clear_page_mlock(struct page *page)
{
	(void)TestClearPageMlocked(page);
}

void lru_cache_add_active_or_unevictable(struct page *page,
					 struct vm_area_struct *vma)
{
	VM_BUG_ON_PAGE(PageMlocked(page), page);
	if (unlikely((vma->vm_flags & (VM_LOCKED | VM_SPECIAL)) == VM_LOCKED))
		(void)TestSetPageMlocked(page);
	lru_cache_add(page);
}

static bool page_mapped_at(struct vm_area_struct *vma, kulong address,
			   struct page *page)
{
	struct mm_struct *mm = vma->vm_mm;
	pgd_t *pgd = pgd_offset(mm, address);
	spinlock_t *ptl;
	pud_t *pud;
	pmd_t *pmd;
	pte_t *pte;
	pte_t entry;

	if (pgd_none(pgd))
		return false;
	pud = pud_offset(pgd, address);
	if (pud_none(pud))
		return false;
	pmd = pmd_offset(pud, address);
	if (pmd_none(pmd))
		return false;
	pte = pte_offset_map_lock(mm, pmd, address, &ptl);
	entry = fl_read_pte(pte);
	pte_unmap_unlock(pte, ptl);
	return pte_present(entry) && pte_pfn(entry) == page_to_pfn(page);
}

/* The mark is set before the locks of the walk are dropped: a munlock of this
 * vma comes after it and clears it again. */
static bool try_to_munlock_one(struct page *page, struct vm_area_struct *vma,
			       kulong address, void *arg)
{
	(void)arg;
	if (!(vma->vm_flags & VM_LOCKED) || !page_mapped_at(vma, address, page))
		return true;
	mlock_vma_page(page);
	return false;
}

static void try_to_munlock(struct page *page)
{
	struct rmap_walk_control rwc = {};

	rwc.rmap_one = try_to_munlock_one;
	VM_BUG_ON_PAGE(!PageLocked(page), page);
	rmap_walk(page, &rwc);
}

/* Page locked.  A page mapped once was mapped by the caller only. */
static void __munlock_isolated_page(struct page *page)
{
	if (page_mapcount(page) > 1)
		try_to_munlock(page);
}

void munlock_vma_page(struct page *page)
{
	BUG_ON(!PageLocked(page));
	if (TestClearPageMlocked(page))
		__munlock_isolated_page(page);
}

/* ---- a range of pages ---- */

/*
 * pvec holds the page at start.  Pins what follows it in the same table, up to
 * the first entry without a page.  Where to go on, bytes.
 */
static kulong __munlock_pagevec_fill(struct pagevec *pvec,
				     struct vm_area_struct *vma, kulong start,
				     kulong end)
{
	spinlock_t *ptl;
	/* The table is there, for its page was found under this mmap_sem. */
	pte_t *pte = get_locked_pte(vma->vm_mm, start, &ptl);

	end = pgd_addr_end(start, end);
	end = pud_addr_end(start, end);
	end = pmd_addr_end(start, end);
	start += PAGE_SIZE;
	while (start < end) {
		struct page *page = NULL;
		pte_t entry;

		pte++;
		entry = fl_read_pte(pte);
		if (pte_present(entry))
			page = vm_normal_page(vma, start, entry);
		if (!page)
			break;
		get_page(page);
		start += PAGE_SIZE;
		pvec->pages[pvec->nr++] = page;
		if (pvec->nr == PAGEVEC_SIZE)
			break;
	}
	pte_unmap_unlock(pte, ptl);
	return start;
}

/* Drops the references of pvec.  All marks go before any page lock is taken. */
static void __munlock_pagevec(struct pagevec *pvec)
{
	u32 i;

	for (i = 0; i < pvec->nr; i++) {
		if (!TestClearPageMlocked(pvec->pages[i])) {
			put_page(pvec->pages[i]);
			pvec->pages[i] = NULL;
		}
	}
	for (i = 0; i < pvec->nr; i++) {
		struct page *page = pvec->pages[i];

		if (!page)
			continue;
		lock_page(page);
		__munlock_isolated_page(page);
		unlock_page(page);
		put_page(page);
	}
}

void munlock_vma_pages_range(struct vm_area_struct *vma, kulong start,
			     kulong end)
{
	/* First: whoever comes across a page from now on must not mark it. */
	vma->vm_flags &= VM_LOCKED_CLEAR_MASK;

	while (start < end) {
		/* FOLL_DUMP keeps the zero page and frames without a page out.
		 */
		struct page *page =
		    follow_page(vma, start, FOLL_GET | FOLL_DUMP);

		if (page && !IS_ERR(page)) {
			struct pagevec pvec;

			pvec.nr = 1;
			pvec.pages[0] = page;
			start = __munlock_pagevec_fill(&pvec, vma, start, end);
			__munlock_pagevec(&pvec);
		} else {
			start += PAGE_SIZE;
		}
		cond_resched();
	}
}

/* ---- vmas ---- */

/* newflags for [start, end) of vma.  *prev: the vma that covers it then. */
static int mlock_fixup(struct vm_area_struct *vma, struct vm_area_struct **prev,
		       kulong start, kulong end, kulong newflags)
{
	struct mm_struct *mm = vma->vm_mm;
	const kulong old_flags = vma->vm_flags;
	const bool lock = newflags & VM_LOCKED;
	const kulong nr_pages = (end - start) >> PAGE_SHIFT;
	pgoff_t pgoff;
	int ret = 0;

	if (newflags == vma->vm_flags || (vma->vm_flags & VM_SPECIAL))
		goto out;

	pgoff = vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT);
	*prev = vma_merge(mm, *prev, start, end, newflags, vma->anon_vma,
			  vma->vm_file, pgoff);
	if (*prev) {
		vma = *prev;
		goto success;
	}
	if (start != vma->vm_start) {
		ret = split_vma(mm, vma, start, 1);
		if (ret)
			goto out;
	}
	if (end != vma->vm_end) {
		ret = split_vma(mm, vma, end, 0);
		if (ret)
			goto out;
	}
success:
	if (!lock)
		mm->locked_vm -= nr_pages;
	else if (!(old_flags & VM_LOCKED))
		mm->locked_vm += nr_pages;
	if (lock)
		vma->vm_flags = newflags;
	else
		munlock_vma_pages_range(vma, start, end);
out:
	*prev = vma;
	return ret;
}

/* sem held for write.  What was done before an error stays done. */
static int apply_vma_lock_flags(kulong start, kulong len, kulong flags)
{
	const kulong end = start + len;
	struct vm_area_struct *vma, *prev;
	kulong nstart;

	VM_BUG_ON(offset_in_page(start));
	VM_BUG_ON(len != PAGE_ALIGN(len));
	if (end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	vma = find_vma(current->mm, start);
	if (!vma || vma->vm_start > start)
		return -ENOMEM;

	prev = vma->vm_prev;
	if (start > vma->vm_start)
		prev = vma;
	for (nstart = start;;) {
		const kulong newflags =
		    (vma->vm_flags & VM_LOCKED_CLEAR_MASK) | flags;
		const kulong part_end = fl_min(vma->vm_end, end);
		const int error =
		    mlock_fixup(vma, &prev, nstart, part_end, newflags);

		if (error)
			return error;
		nstart = fl_max(part_end, prev->vm_end);
		if (nstart >= end)
			return 0;
		vma = prev->vm_next;
		if (!vma || vma->vm_start != nstart)
			return -ENOMEM;
	}
}

/* Pages of the range that are locked already.  Counted in an int of bytes,
 * as 4.13 does, so that ranges of 2 GiB and more come out wrong. */
static int count_mm_mlocked_page_nr(struct mm_struct *mm, kulong start,
				    kulong len)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	u32 count = 0;

	if (!vma)
		vma = mm->mmap;
	for (; vma; vma = vma->vm_next) {
		if (start >= vma->vm_end)
			continue;
		if (start + len <= vma->vm_start)
			break;
		if (!(vma->vm_flags & VM_LOCKED))
			continue;
		if (start > vma->vm_start)
			count -= (u32)(start - vma->vm_start);
		if (start + len < vma->vm_end) {
			count += (u32)(start + len - vma->vm_start);
			break;
		}
		count += (u32)(vma->vm_end - vma->vm_start);
	}
	return (int)count >> PAGE_SHIFT;
}

/* A hole in the range, or what cannot be read, is -ENOMEM to mlock; no memory
 * now is worth another try. */
static int __mlock_posix_error_return(int retval)
{
	if (retval == -EFAULT)
		return -ENOMEM;
	if (retval == -ENOMEM)
		return -EAGAIN;
	return retval;
}

static int do_mlock(kulong start, kulong len, kulong flags)
{
	struct mm_struct *mm = current->mm;
	kulong locked, lock_limit;
	int error = -ENOMEM;

	if (!can_do_mlock())
		return -EPERM;
	len = PAGE_ALIGN(len + offset_in_page(start));
	start &= PAGE_MASK;
	lock_limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	locked = len >> PAGE_SHIFT;

	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	locked += mm->locked_vm;
	if (locked > lock_limit)
		locked -=
		    (kulong)(klong)count_mm_mlocked_page_nr(mm, start, len);
	if (locked <= lock_limit)
		error = apply_vma_lock_flags(start, len, flags);
	up_write(&mm->mmap_sem);
	if (error)
		return error;

	error = __mm_populate(start, len, 0);
	return error ? __mlock_posix_error_return(error) : 0;
}

/* Errors of single vmas are nobody's concern. */
static void apply_mlockall_flags(struct mm_struct *mm, u32 flags)
{
	struct vm_area_struct *vma, *prev = NULL;
	kulong to_add = 0;

	mm->def_flags &= VM_LOCKED_CLEAR_MASK;
	if (flags & MCL_FUTURE) {
		mm->def_flags |= VM_LOCKED;
		if (flags & MCL_ONFAULT)
			mm->def_flags |= VM_LOCKONFAULT;
		if (!(flags & MCL_CURRENT))
			return;
	}
	if (flags & MCL_CURRENT) {
		to_add |= VM_LOCKED;
		if (flags & MCL_ONFAULT)
			to_add |= VM_LOCKONFAULT;
	}
	for (vma = mm->mmap; vma; vma = prev->vm_next) {
		const kulong newflags =
		    (vma->vm_flags & VM_LOCKED_CLEAR_MASK) | to_add;

		(void)mlock_fixup(vma, &prev, vma->vm_start, vma->vm_end,
				  newflags);
		cond_resched();
	}
}

/* ---- system calls ---- */

/* An address or length that the machine's registers cannot hold. */
static bool too_wide(u64 start, u64 len)
{
	return (u64)(kulong)start != start || (u64)(kulong)len != len;
}

s64 sys_mlock2(u64 start, u64 len, u32 flags)
{
	if (flags & ~(u32)MLOCK_ONFAULT)
		return -EINVAL;
	if (too_wide(start, len))
		return -ENOMEM;
	return do_mlock((kulong)start, (kulong)len,
			VM_LOCKED |
			    (flags & MLOCK_ONFAULT ? VM_LOCKONFAULT : 0));
}

s64 sys_mlock(u64 start, u64 len)
{
	return sys_mlock2(start, len, 0);
}

s64 sys_munlock(u64 start_in, u64 len_in)
{
	struct mm_struct *mm = current->mm;
	kulong start = (kulong)start_in;
	const kulong len = PAGE_ALIGN((kulong)len_in + offset_in_page(start));
	int ret;

	if (too_wide(start_in, len_in))
		return -ENOMEM;
	start &= PAGE_MASK;
	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	ret = apply_vma_lock_flags(start, len, 0);
	up_write(&mm->mmap_sem);
	return ret;
}

s64 sys_mlockall(u32 flags)
{
	struct mm_struct *mm = current->mm;
	int ret = -ENOMEM;

	if (!flags || (flags & ~(u32)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)))
		return -EINVAL;
	if (!can_do_mlock())
		return -EPERM;
	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	if (!(flags & MCL_CURRENT) ||
	    mm->total_vm <= rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT) {
		apply_mlockall_flags(mm, flags);
		ret = 0;
	}
	up_write(&mm->mmap_sem);
	if (!ret && (flags & MCL_CURRENT))
		mm_populate(0, TASK_SIZE);
	return ret;
}

s64 sys_munlockall(void)
{
	struct mm_struct *mm = current->mm;

	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	apply_mlockall_flags(mm, 0);
	up_write(&mm->mmap_sem);
	return 0;
}

} /* extern "C" */
