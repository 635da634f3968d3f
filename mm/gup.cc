// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting hold of user pages, and faulting on behalf of a user (mm/gup.c of
 * 4.13; its lockless half is gup_fast.cc).
 *
 *   follow_page_mask           follow_{pud,pmd}_mask, follow_page_pte,
 *                              follow_pfn_pte, no_page_table
 *   __get_user_pages           check_vma_flags, faultin_page
 *   __get_user_pages_locked    and get_user_pages, _locked, _unlocked, _remote
 *   populate_vma_page_range, __mm_populate, get_dump_page
 *   fixup_user_fault           with vma_permits_fault
 *
 * mmap_sem is held for read wherever a vma is used.  A fault may drop it only
 * where the caller said it may: then *nonblocking becomes 0, and the vma that
 * __get_user_pages keeps from page to page is never looked at again.  The vma
 * is looked up, and its flags are checked, on entry and where a vma ends, but
 * not after a fault.
 *
 * get_user_pages refuses VM_IO and VM_PFNMAP before it faults;
 * fixup_user_fault asks nobody: this is how such mappings' handlers are
 * reached from inside the kernel.
 *
 * Left out: huge pages, the gate vma, swap and migration entries, device
 * pagemaps, protection keys (every key is 0).
 */
#include "mm/gup.h"
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/mm.h"
#include "mm/pgtable.h"
#include "mm/sync/sched.h"

extern "C" {

static int vm_fault_to_errno(int fault, u32 foll_flags)
{
	if (fault & VM_FAULT_OOM)
		return -ENOMEM;
	if (fault & (VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE))
		return foll_flags & FOLL_HWPOISON ? -EHWPOISON : -EFAULT;
	if (fault & (VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV))
		return -EFAULT;
	return 0;
}

/* ---- looking ---- */

/* A dump leaves a hole where a fault would only make zeroes. */
static struct page *no_page_table(struct vm_area_struct *vma, u32 flags)
{
	if ((flags & FOLL_DUMP) && (!vma->vm_ops || !vma->vm_ops->fault))
		return (struct page *)ERR_PTR(-EFAULT);
	return NULL;
}

/* pte lock held. */
static int follow_pfn_pte(struct vm_area_struct *vma, kulong address,
			  pte_t *ptep, u32 flags)
{
	const pte_t pte = fl_read_pte(ptep);

	if (flags & FOLL_GET)
		return -EFAULT;
	if (flags & FOLL_TOUCH) {
		pte_t entry = pte_mkyoung(pte);

		if (flags & FOLL_WRITE)
			entry = pte_mkdirty(entry);
		if (!pte_same(pte, entry))
			set_pte_at(vma->vm_mm, address, ptep, entry);
	}
	return -EEXIST;
}

/*
 * FOLL_FORCE writes to a page that the vma does not let its owner write, but
 * only to the private copy that a write fault has made: FOLL_COW says that
 * this call saw the copy being made, the dirty bit that it is still there.
 */
static bool can_follow_write_pte(pte_t pte, u32 flags)
{
	return pte_write(pte) ||
	       ((flags & FOLL_FORCE) && (flags & FOLL_COW) && pte_dirty(pte));
}

static bool pte_protnone(pte_t pte)
{
	return (pte.pte & (_PAGE_PROTNONE | _PAGE_PRESENT)) == _PAGE_PROTNONE;
}

static void mark_page_accessed(struct page *page)
{
	if (!PageReferenced(page))
		SetPageReferenced(page);
}

static struct page *follow_page_pte(struct vm_area_struct *vma, kulong address,
				    pmd_t *pmd, u32 flags)
{
	struct mm_struct *mm = vma->vm_mm;
	struct page *page;
	spinlock_t *ptl;
	pte_t *ptep;
	pte_t pte;

	ptep = pte_offset_map_lock(mm, pmd, address, &ptl);
	pte = fl_read_pte(ptep);
	if (!pte_present(pte))
		goto no_page;
	if ((flags & FOLL_NUMA) && pte_protnone(pte))
		goto no_page;
	if ((flags & FOLL_WRITE) && !can_follow_write_pte(pte, flags)) {
		pte_unmap_unlock(ptep, ptl);
		return NULL;
	}

	page = vm_normal_page(vma, address, pte);
	if (unlikely(!page)) {
		if (flags & FOLL_DUMP) {
			page = (struct page *)ERR_PTR(-EFAULT);
			goto out;
		}
		if (!is_zero_pfn(mm, pte_pfn(pte))) {
			page = (struct page *)ERR_PTR(
			    follow_pfn_pte(vma, address, ptep, flags));
			goto out;
		}
		page = pfn_to_page(pte_pfn(pte));
	}

	/* Under the pte lock: the pte's own reference keeps the page so far. */
	if (flags & FOLL_GET)
		get_page(page);
	if (flags & FOLL_TOUCH) {
		if ((flags & FOLL_WRITE) && !pte_dirty(pte))
			set_page_dirty(page);
		mark_page_accessed(page);
	}
	if ((flags & FOLL_MLOCK) && (vma->vm_flags & VM_LOCKED)) {
		/* A page that is locked just now stays unmarked: who unmaps it
		 * will look at the vma. */
		if (READ_ONCE(page->mapping) && trylock_page(page)) {
			mlock_vma_page(page);
			unlock_page(page);
		}
	}
out:
	pte_unmap_unlock(ptep, ptl);
	return page;
no_page:
	pte_unmap_unlock(ptep, ptl);
	if (!pte_none(pte))
		return NULL;
	return no_page_table(vma, flags);
}

static struct page *follow_pmd_mask(struct vm_area_struct *vma, kulong address,
				    pud_t *pud, u32 flags)
{
	pmd_t *pmd = pmd_offset(pud, address);

	if (pmd_none(pmd))
		return no_page_table(vma, flags);
	return follow_page_pte(vma, address, pmd, flags);
}

static struct page *follow_pud_mask(struct vm_area_struct *vma, kulong address,
				    pgd_t *pgd, u32 flags)
{
	pud_t *pud = pud_offset(pgd, address);

	if (pud_none(pud))
		return no_page_table(vma, flags);
	return follow_pmd_mask(vma, address, pud, flags);
}

struct page *follow_page_mask(struct vm_area_struct *vma, kulong address,
			      u32 flags)
{
	pgd_t *pgd = pgd_offset(vma->vm_mm, address);

	if (pgd_none(pgd))
		return no_page_table(vma, flags);
	return follow_pud_mask(vma, address, pgd, flags);
}

/* ---- getting ---- */

/* 0: look again; -EBUSY: retry later, sem may be gone; -ENOENT: skip. */
static int faultin_page(struct task_struct *task, struct vm_area_struct *vma,
			kulong address, u32 *flags, int *nonblocking)
{
	u32 fault_flags = 0;
	int ret;

	/* mlock on fault: what is there is marked, nothing is brought in. */
	if ((*flags & (FOLL_POPULATE | FOLL_MLOCK)) == FOLL_MLOCK)
		return -ENOENT;
	if (*flags & FOLL_WRITE)
		fault_flags |= FAULT_FLAG_WRITE;
	if (*flags & FOLL_REMOTE)
		fault_flags |= FAULT_FLAG_REMOTE;
	if (nonblocking)
		fault_flags |= FAULT_FLAG_ALLOW_RETRY;
	if (*flags & FOLL_NOWAIT)
		fault_flags |= FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_RETRY_NOWAIT;
	if (*flags & FOLL_TRIED) {
		WARN_ON_ONCE(fault_flags & FAULT_FLAG_ALLOW_RETRY);
		fault_flags |= FAULT_FLAG_TRIED;
	}

	ret = handle_mm_fault(vma, address, fault_flags);
	if (ret & VM_FAULT_ERROR) {
		const int err = vm_fault_to_errno(ret, *flags);

		BUG_ON(!err);
		return err;
	}
	if (task) {
		if (ret & VM_FAULT_MAJOR)
			task->maj_flt++;
		else
			task->min_flt++;
	}
	if (ret & VM_FAULT_RETRY) {
		if (nonblocking)
			*nonblocking = 0;
		return -EBUSY;
	}
	/* The copy exists although the vma does not let the pte be writable:
	 * looking for a writable pte would never end. */
	if ((ret & VM_FAULT_WRITE) && !(vma->vm_flags & VM_WRITE))
		*flags |= FOLL_COW;
	return 0;
}

static int check_vma_flags(const struct vm_area_struct *vma, u32 gup_flags)
{
	const kulong vm_flags = vma->vm_flags;

	if (vm_flags & (VM_IO | VM_PFNMAP))
		return -EFAULT;
	if (gup_flags & FOLL_WRITE) {
		if (!(vm_flags & VM_WRITE)) {
			if (!(gup_flags & FOLL_FORCE))
				return -EFAULT;
			/* The only forced write is one into a private copy. */
			if (!is_cow_mapping(vm_flags))
				return -EFAULT;
		}
	} else if (!(vm_flags & VM_READ)) {
		if (!(gup_flags & FOLL_FORCE))
			return -EFAULT;
		if (!(vm_flags & VM_MAYREAD))
			return -EFAULT;
	}
	return 0;
}

klong __get_user_pages(struct task_struct *task, struct mm_struct *mm,
		       kulong start, kulong nr_pages, u32 gup_flags,
		       struct page **pages, struct vm_area_struct **vmas,
		       int *nonblocking)
{
	struct vm_area_struct *vma = NULL;
	klong i = 0;

	if (!nr_pages)
		return 0;
	VM_BUG_ON(!!pages != !!(gup_flags & FOLL_GET));
	if (!(gup_flags & FOLL_FORCE))
		gup_flags |= FOLL_NUMA;

	do {
		u32 foll_flags = gup_flags;
		struct page *page;

		if (!vma || start >= vma->vm_end) {
			vma = find_extend_vma(mm, start);
			if (!vma || check_vma_flags(vma, gup_flags))
				return i ? i : -EFAULT;
		}
	retry:
		/* No more memory for a task that is about to die. */
		if (unlikely(fatal_signal_pending(current)))
			return i ? i : -ERESTARTSYS;
		cond_resched();
		page = follow_page_mask(vma, start, foll_flags);
		if (!page) {
			const int ret = faultin_page(task, vma, start,
						     &foll_flags, nonblocking);

			switch (ret) {
			case 0:
				goto retry;
			case -EFAULT:
			case -ENOMEM:
			case -EHWPOISON:
				return i ? i : ret;
			case -EBUSY:
				return i;
			case -ENOENT:
				goto next_page;
			}
			BUG();
		} else if (PTR_ERR(page) == -EEXIST) {
			/* A frame, and no page that anybody could hold. */
			goto next_page;
		} else if (IS_ERR(page)) {
			return i ? i : PTR_ERR(page);
		}
		if (pages)
			pages[i] = page;
	next_page:
		if (vmas)
			vmas[i] = vma;
		i++;
		start += PAGE_SIZE;
		nr_pages--;
	} while (nr_pages);
	return i;
}

/*
 * Goes on after each retry: the page that asked for it is got without
 * ALLOW_RETRY, and the ones after it with it again.  notify_drop: the caller
 * gets *locked = 0 if sem was ever dropped, or the lock it believes in would
 * not be the one it took.
 */
static klong __get_user_pages_locked(struct task_struct *task,
				     struct mm_struct *mm, kulong start,
				     kulong nr_pages, struct page **pages,
				     struct vm_area_struct **vmas, int *locked,
				     bool notify_drop, u32 flags)
{
	bool lock_dropped = false;
	klong pages_done = 0;
	klong ret;

	if (locked) {
		BUG_ON(vmas);
		BUG_ON(*locked != 1);
	}
	if (pages)
		flags |= FOLL_GET;

	for (;;) {
		ret = __get_user_pages(task, mm, start, nr_pages, flags, pages,
				       vmas, locked);
		if (!locked)
			return ret;
		if (!*locked) {
			BUG_ON(ret < 0);
			BUG_ON((kulong)ret >= nr_pages);
		}
		/* Prefaulting does not insist. */
		if (!pages)
			return ret;

		if (ret > 0) {
			nr_pages -= (kulong)ret;
			pages_done += ret;
			if (!nr_pages)
				break;
		}
		if (*locked) {
			if (!pages_done)
				pages_done = ret;
			break;
		}
		pages += ret;
		start += (kulong)ret << PAGE_SHIFT;

		*locked = 1;
		lock_dropped = true;
		down_read(&mm->mmap_sem);
		ret = __get_user_pages(task, mm, start, 1, flags | FOLL_TRIED,
				       pages, NULL, NULL);
		if (ret != 1) {
			BUG_ON(ret > 1);
			if (!pages_done)
				pages_done = ret;
			break;
		}
		nr_pages--;
		pages_done++;
		if (!nr_pages)
			break;
		pages++;
		start += PAGE_SIZE;
	}
	if (notify_drop && lock_dropped && *locked) {
		up_read(&mm->mmap_sem);
		*locked = 0;
	}
	return pages_done;
}

klong get_user_pages_locked(kulong start, kulong nr_pages, u32 gup_flags,
			    struct page **pages, int *locked)
{
	return __get_user_pages_locked(current, current->mm, start, nr_pages,
				       pages, NULL, locked, true,
				       gup_flags | FOLL_TOUCH);
}

klong get_user_pages_unlocked(kulong start, kulong nr_pages,
			      struct page **pages, u32 gup_flags)
{
	struct mm_struct *mm = current->mm;
	int locked = 1;
	klong ret;

	down_read(&mm->mmap_sem);
	ret = __get_user_pages_locked(current, mm, start, nr_pages, pages, NULL,
				      &locked, false, gup_flags | FOLL_TOUCH);
	if (locked)
		up_read(&mm->mmap_sem);
	return ret;
}

klong get_user_pages_remote(struct task_struct *task, struct mm_struct *mm,
			    kulong start, kulong nr_pages, u32 gup_flags,
			    struct page **pages, struct vm_area_struct **vmas,
			    int *locked)
{
	return __get_user_pages_locked(task, mm, start, nr_pages, pages, vmas,
				       locked, true,
				       gup_flags | FOLL_TOUCH | FOLL_REMOTE);
}

klong get_user_pages(kulong start, kulong nr_pages, u32 gup_flags,
		     struct page **pages, struct vm_area_struct **vmas)
{
	return __get_user_pages_locked(current, current->mm, start, nr_pages,
				       pages, vmas, NULL, false,
				       gup_flags | FOLL_TOUCH);
}

struct page *get_dump_page(kulong addr)
{
	struct vm_area_struct *vma;
	struct page *page;

	if (__get_user_pages(current, current->mm, addr, 1,
			     FOLL_FORCE | FOLL_DUMP | FOLL_GET, &page, &vma,
			     NULL) < 1)
		return NULL;
	return page;
}

/* ---- populating ---- */

klong populate_vma_page_range(struct vm_area_struct *vma, kulong start,
			      kulong end, int *nonblocking)
{
	struct mm_struct *mm = vma->vm_mm;
	const kulong nr_pages = (end - start) / PAGE_SIZE;
	u32 gup_flags = FOLL_TOUCH | FOLL_POPULATE | FOLL_MLOCK;

	VM_BUG_ON(start & ~PAGE_MASK);
	VM_BUG_ON(end & ~PAGE_MASK);
	VM_BUG_ON_VMA(start < vma->vm_start, vma);
	VM_BUG_ON_VMA(end > vma->vm_end, vma);
	VM_BUG_ON(!rwsem_is_locked(&mm->mmap_sem));

	if (vma->vm_flags & VM_LOCKONFAULT)
		gup_flags &= ~(u32)FOLL_POPULATE;
	/* A private page is copied now; a shared one need not become dirty. */
	if ((vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		gup_flags |= FOLL_WRITE;
	/* Anything but PROT_NONE can be locked. */
	if (vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC))
		gup_flags |= FOLL_FORCE;
	return __get_user_pages(current, mm, start, nr_pages, gup_flags, NULL,
				NULL, nonblocking);
}

int __mm_populate(kulong start, kulong len, int ignore_errors)
{
	struct mm_struct *mm = current->mm;
	const kulong end = start + len;
	struct vm_area_struct *vma = NULL;
	kulong nstart, nend;
	int locked = 0;
	klong ret = 0;

	VM_BUG_ON(start & ~PAGE_MASK);
	VM_BUG_ON(len != PAGE_ALIGN(len));

	for (nstart = start; nstart < end; nstart = nend) {
		/* After a retry nothing that was known about vmas holds. */
		if (!locked) {
			locked = 1;
			down_read(&mm->mmap_sem);
			vma = find_vma(mm, nstart);
		} else if (nstart >= vma->vm_end) {
			vma = vma->vm_next;
		}
		if (!vma || vma->vm_start >= end)
			break;
		nend = fl_min(end, vma->vm_end);
		if (vma->vm_flags & (VM_IO | VM_PFNMAP))
			continue;
		if (nstart < vma->vm_start)
			nstart = vma->vm_start;
		ret = populate_vma_page_range(vma, nstart, nend, &locked);
		if (ret < 0) {
			if (ignore_errors) {
				ret = 0;
				continue;
			}
			break;
		}
		nend = nstart + (kulong)ret * PAGE_SIZE;
		ret = 0;
	}
	if (locked)
		up_read(&mm->mmap_sem);
	return (int)ret;
}

/* ---- faulting only ---- */

static bool vma_permits_fault(const struct vm_area_struct *vma, u32 fault_flags)
{
	return (vma->vm_flags &
		(fault_flags & FAULT_FLAG_WRITE ? VM_WRITE : VM_READ)) != 0;
}

/*
 * *unlocked = true.  Nobody passes NULL and gets here, unless a handler
 * answered RETRY although it was not allowed to: then this is the oops.
 */
static void set_unlocked(bool *unlocked)
{
	/* The compiler must not conclude anything from the store. */
	__asm__("" : "+r"(unlocked));
#if !FAULTLINE_EXPLORED
	if (unlikely(!unlocked)) {
		fl_warn(FL_REPORT_OOPS, __FILE__, __LINE__, "fixup_user_fault",
			"BUG: unable to handle kernel NULL pointer "
			"dereference: *unlocked");
		BUG();
	}
#endif
	*unlocked = true;
}

int fixup_user_fault(struct task_struct *task, struct mm_struct *mm,
		     kulong address, u32 fault_flags, bool *unlocked)
{
	struct vm_area_struct *vma;
	int ret, major = 0;

	if (unlocked)
		fault_flags |= FAULT_FLAG_ALLOW_RETRY;
retry:
	vma = find_extend_vma(mm, address);
	if (!vma || address < vma->vm_start)
		return -EFAULT;
	if (!vma_permits_fault(vma, fault_flags))
		return -EFAULT;

	ret = handle_mm_fault(vma, address, fault_flags);
	major |= ret & VM_FAULT_MAJOR;
	if (ret & VM_FAULT_ERROR) {
		const int err = vm_fault_to_errno(ret, 0);

		BUG_ON(!err);
		return err;
	}
	if (ret & VM_FAULT_RETRY) {
		down_read(&mm->mmap_sem);
		if (!(fault_flags & FAULT_FLAG_TRIED)) {
			set_unlocked(unlocked);
			fault_flags &= ~(u32)FAULT_FLAG_ALLOW_RETRY;
			fault_flags |= FAULT_FLAG_TRIED;
			goto retry;
		}
	}
	if (task) {
		if (major)
			task->maj_flt++;
		else
			task->min_flt++;
	}
	return 0;
}

} /* extern "C" */
