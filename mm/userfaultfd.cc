// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults that are served by the process, after fs/userfaultfd.c and
 * mm/userfaultfd.c of 4.13.
 *
 *   handle_userfault           userfaultfd_must_wait
 *   uffdio_register            userfaultfd_register
 *   uffdio_copy                userfaultfd_copy, mcopy_atomic, mcopy_atomic_pte
 *   uffdio_zeropage            userfaultfd_zeropage, mfill_zeropage_pte
 *   uffdio_wake                userfaultfd_wake, userfaultfd_wake_function
 *
 * A fault in a registered vma goes to sleep without mmap_sem, and is taken
 * again when it was woken:
 *
 *	fault (mmap_sem read)                 monitor
 *	  joins the sleepers, sets its state
 *	  page still missing?                 mmap_sem read, pte lock:
 *	  up_read(mmap_sem)                     brings the page
 *	  sleeps                              wakes the sleepers of that page
 *	  VM_FAULT_RETRY
 *
 * It joins first and looks at the tables after, so either it sees the page or
 * the monitor sees it.
 *
 * FL_FIX_HANDLE_USERFAULT: 4.13 wanted a signal that is not fatal to be served
 * before the fault is taken again, and so took mmap_sem back and returned
 * VM_FAULT_NOPAGE: to the caller as if it had never been dropped.  A caller
 * that goes on with the vma has none any more.  Fixed, it is VM_FAULT_RETRY,
 * and the caller of the handler goes back to user mode for the signal.
 *
 * Left out: the descriptor (each process has one, which is never closed) and
 * reading events from it, all features and events, write protection, shmem
 * and hugetlb, unregistering, copies of more than one page.  A fork's child is
 * not registered; mremap keeps it.  Merging goes by VM_UFFD_MISSING alone, as
 * an mm has one descriptor.
 *
 * Locks: mmap_sem, and under it the descriptor's lock.
 */
#include "mm/userfaultfd.h"

#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/rmap.h"
#include "mm/sync/sched.h"

extern "C" {

/* On the stack of who sleeps. */
struct userfaultfd_wait_queue {
	struct list_head entry; /* the descriptor's lock */
	struct task_struct *task;
	kulong address; /* of the page */
	bool waken;	/* atomic */
};

/* Without a lock on the tables: sem held for read.  True: nothing there. */
static bool userfaultfd_must_wait(struct mm_struct *mm, kulong address)
{
	pgd_t *pgd = pgd_offset(mm, address);
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(pgd))
		return true;
	pud = pud_offset(pgd, address);
	if (pud_none(pud))
		return true;
	pmd = pmd_offset(pud, address);
	if (pmd_none(pmd))
		return true;
	return pte_none(fl_read_pte(pte_offset_map(pmd, address)));
}

/* A fault from user mode may be left for any signal, others only to die. */
static bool userfault_signal(bool return_to_userland)
{
	return return_to_userland ? signal_pending(current)
				  : fatal_signal_pending(current);
}

static void userfault_sleep(struct userfaultfd_ctx *ctx,
			    struct userfaultfd_wait_queue *uwq, u32 state,
			    bool return_to_userland)
{
	while (!userfault_signal(return_to_userland)) {
		schedule_on(ctx, "userfault");
		if (READ_ONCE(uwq->waken))
			return;
		/* Woken for something else: the state first, then a look. */
		set_current_state(state);
		if (READ_ONCE(uwq->waken))
			return;
	}
}

int handle_userfault(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	struct userfaultfd_ctx *ctx = &mm->userfaultfd_ctx;
	const u32 user = FAULT_FLAG_USER | FAULT_FLAG_KILLABLE;
	const bool return_to_userland = (vmf->flags & user) == user;
	const u32 state =
	    return_to_userland ? TASK_INTERRUPTIBLE : TASK_KILLABLE;
	struct userfaultfd_wait_queue uwq;
	int ret = VM_FAULT_RETRY;

	if (unlikely(!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))) {
		BUG_ON(vmf->flags & FAULT_FLAG_RETRY_NOWAIT);
		return VM_FAULT_SIGBUS;
	}
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return ret;

	uwq.task = current;
	uwq.address = vmf->address;
	uwq.waken = false;
	spin_lock(&ctx->lock);
	list_add_tail(&uwq.entry, &ctx->waiters);
	set_current_state(state);
	spin_unlock(&ctx->lock);

	if (userfaultfd_must_wait(mm, vmf->address)) {
		up_read(&mm->mmap_sem);
		if (!userfault_signal(return_to_userland)) {
			userfault_sleep(ctx, &uwq, state, return_to_userland);
			ret |= VM_FAULT_MAJOR;
		}
	} else {
		up_read(&mm->mmap_sem);
	}
	set_current_state(TASK_RUNNING);

	if (return_to_userland && signal_pending(current) &&
	    !fatal_signal_pending(current) &&
	    !fl_fixed(mm->machine, FL_FIX_HANDLE_USERFAULT)) {
		down_read(&mm->mmap_sem);
		ret = VM_FAULT_NOPAGE;
	}

	spin_lock(&ctx->lock);
	list_del(&uwq.entry);
	spin_unlock(&ctx->lock);
	return ret;
}

static void wake_userfault(struct userfaultfd_ctx *ctx, kulong start,
			   kulong len)
{
	struct userfaultfd_wait_queue *uwq;

	spin_lock(&ctx->lock);
	list_for_each_entry(uwq, &ctx->waiters, struct userfaultfd_wait_queue,
			    entry)
	{
		if (uwq->address - start >= len)
			continue;
		WRITE_ONCE(uwq->waken, true);
		wake_up_process(uwq->task);
	}
	spin_unlock(&ctx->lock);
}

static int validate_range(u64 start, u64 len)
{
	if ((start | len) & (PAGE_SIZE - 1) || !len)
		return -EINVAL;
	if (start >= (u64)TASK_SIZE || len > (u64)TASK_SIZE - start)
		return -EINVAL;
	return 0;
}

/* One vma of the range: what of it lies inside becomes a vma of its own, or
 * part of a neighbour.  *prev: the vma before, then this one. */
static int register_vma(struct mm_struct *mm, struct vm_area_struct *vma,
			kulong start, kulong end, struct vm_area_struct **prev)
{
	const kulong new_flags = vma->vm_flags | VM_UFFD_MISSING;
	struct vm_area_struct *merged;
	int ret;

	if (vma->vm_flags == new_flags) {
		*prev = vma;
		return 0;
	}
	start = fl_max(start, vma->vm_start);
	end = fl_min(end, vma->vm_end);
	merged = vma_merge(
	    mm, *prev, start, end, new_flags, vma->anon_vma, vma->vm_file,
	    vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT));
	if (merged) {
		*prev = merged;
		return 0;
	}
	if (vma->vm_start < start) {
		ret = split_vma(mm, vma, start, 1);
		if (ret)
			return ret;
	}
	if (vma->vm_end > end) {
		ret = split_vma(mm, vma, end, 0);
		if (ret)
			return ret;
	}
	vma->vm_flags = new_flags;
	*prev = vma;
	return 0;
}

s64 uffdio_register(u64 from, u64 len)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma, *cur, *prev;
	kulong start, end;
	int ret = validate_range(from, len);

	if (ret)
		return ret;
	start = (kulong)from;
	end = start + (kulong)len;
	down_write(&mm->mmap_sem);
	ret = -EINVAL;
	vma = find_vma(mm, start);
	if (!vma || vma->vm_start >= end)
		goto out;
	for (cur = vma; cur && cur->vm_start < end; cur = cur->vm_next)
		if (!vma_is_anonymous(cur) || (cur->vm_flags & VM_SHARED))
			goto out;

	prev = vma->vm_start < start ? vma : vma->vm_prev;
	ret = 0;
	while (!ret && vma && vma->vm_start < end) {
		ret = register_vma(mm, vma, start, end, &prev);
		if (!ret) {
			start = prev->vm_end;
			vma = prev->vm_next;
		}
	}
out:
	up_write(&mm->mmap_sem);
	return ret;
}

/* page is NULL for the zero page; its reference is the pte's if this is 0. */
static int mfill_pte(struct mm_struct *mm, pmd_t *pmd,
		     struct vm_area_struct *vma, kulong addr, struct page *page)
{
	spinlock_t *ptl;
	pte_t *dst_pte;
	pte_t entry;
	int ret = -EEXIST;

	if (page) {
		entry = mk_pte(page, vma->vm_page_prot);
		if (vma->vm_flags & VM_WRITE)
			entry = pte_mkwrite(pte_mkdirty(entry));
	} else {
		entry = pte_mkspecial(
		    mk_pte(mm->machine->zero_page, vma->vm_page_prot));
	}
	dst_pte = pte_offset_map_lock(mm, pmd, addr, &ptl);
	if (!pte_none(fl_read_pte(dst_pte)))
		goto out;
	if (page) {
		add_mm_counter(mm, MM_ANONPAGES, 1);
		page_add_new_anon_rmap(page, vma, addr);
		lru_cache_add_active_or_unevictable(page, vma);
	}
	/* Nothing to flush: no processor remembers what was not there. */
	set_pte_at(mm, addr, dst_pte, entry);
	ret = 0;
out:
	pte_unmap_unlock(dst_pte, ptl);
	return ret;
}

static pmd_t *mm_alloc_pmd(struct mm_struct *mm, kulong address)
{
	pud_t *pud = pud_alloc(mm, pgd_offset(mm, address), address);

	return pud ? pmd_alloc(mm, pud, address) : NULL;
}

/* sem held for read: what the vma maps is stable, its being registered too. */
static int mcopy_atomic(struct mm_struct *mm, kulong dst, struct page *page)
{
	struct vm_area_struct *vma = find_vma(mm, dst);
	pmd_t *pmd;

	if (!vma || vma->vm_start > dst || !userfaultfd_missing(vma))
		return -ENOENT;
	if (!vma_is_anonymous(vma) || (vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (unlikely(anon_vma_prepare(vma)))
		return -ENOMEM;
	pmd = mm_alloc_pmd(mm, dst);
	if (!pmd || (pmd_none(pmd) && __pte_alloc(mm, pmd, dst)))
		return -ENOMEM;
	return mfill_pte(mm, pmd, vma, dst, page);
}

static s64 mcopy_and_wake(u64 dst, struct page *page)
{
	struct mm_struct *mm = current->mm;
	int ret;

	down_read(&mm->mmap_sem);
	ret = mcopy_atomic(mm, (kulong)dst, page);
	up_read(&mm->mmap_sem);
	if (!ret)
		wake_userfault(&mm->userfaultfd_ctx, (kulong)dst, PAGE_SIZE);
	return ret;
}

s64 uffdio_copy(u64 dst, u64 value)
{
	struct page *page;
	s64 ret = validate_range(dst, PAGE_SIZE);

	if (ret)
		return ret;
	page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
	if (!page)
		return -ENOMEM;
	*(u64 *)kmap(page) = value;
	SetPageUptodate(page);
	ret = mcopy_and_wake(dst, page);
	if (ret)
		put_page(page);
	return ret;
}

s64 uffdio_zeropage(u64 dst)
{
	const int ret = validate_range(dst, PAGE_SIZE);

	return ret ? ret : mcopy_and_wake(dst, NULL);
}

s64 uffdio_wake(u64 start, u64 len)
{
	const int ret = validate_range(start, len);

	if (!ret)
		wake_userfault(&current->mm->userfaultfd_ctx, (kulong)start,
			       (kulong)len);
	return ret;
}

} /* extern "C" */
