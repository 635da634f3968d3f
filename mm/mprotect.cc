// SPDX-License-Identifier: GPL-2.0-only
/*
 * mprotect, after mm/mprotect.c of 4.13: change_protection with its walk,
 * mprotect_fixup, do_mprotect_pkey (here do_mprotect).
 *
 * Left out: protection keys, NUMA balancing, huge pages, swap entries proper,
 * READ_IMPLIES_EXEC, soft-dirty ptes (each dirty one counts as one).
 *
 * Locks: mmap_sem for writing; a page table's lock around its entries.
 */
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/swapops.h"
#include "mm/tlb.h"

/* Which protection the page will have is not known yet: none for writing. */
static kulong change_migration_entry(struct mm_struct *mm, kulong addr,
				     pte_t *pte, pte_t oldpte)
{
	swp_entry_t entry = pte_to_swp_entry(oldpte);

	if (!is_write_migration_entry(entry))
		return 0;
	make_migration_entry_read(&entry);
	set_pte_at(mm, addr, pte, swp_entry_to_pte(entry));
	return 1;
}

static kulong change_pte_range(struct vm_area_struct *vma, pmd_t *pmd,
			       kulong addr, kulong end, pgprot_t newprot,
			       bool dirty_accountable)
{
	struct mm_struct *mm = vma->vm_mm;
	spinlock_t *ptl;
	kulong pages = 0;
	pte_t *start_pte = pte_offset_map_lock(mm, pmd, addr, &ptl);
	pte_t *pte = start_pte;

	flush_tlb_batched_pending(mm);
	do {
		pte_t entry;

		entry = fl_read_pte(pte);
		if (!pte_present(entry)) {
			pages += change_migration_entry(mm, addr, pte, entry);
			continue;
		}
		/* Taken out whole: a CPU may set accessed or dirty just now */
		entry = ptep_get_and_clear(pte);
		entry = pte_modify(entry, newprot);
		/* The file knows already that this one is written to. */
		if (dirty_accountable && pte_dirty(entry))
			entry = pte_mkwrite(entry);
		set_pte_at(mm, addr, pte, entry);
		pages++;
	} while (pte++, addr += PAGE_SIZE, addr != end);
	pte_unmap_unlock(start_pte, ptl);
	return pages;
}

static kulong change_pmd_range(struct vm_area_struct *vma, pud_t *pud,
			       kulong addr, kulong end, pgprot_t newprot,
			       bool dirty_accountable)
{
	pmd_t *pmd = pmd_offset(pud, addr);
	kulong next, pages = 0;

	do {
		next = pmd_addr_end(addr, end);
		if (!pmd_none(pmd))
			pages +=
			    change_pte_range(vma, pmd, addr, next, newprot, dirty_accountable);
	} while (pmd++, addr = next, addr != end);
	return pages;
}

static kulong change_pud_range(struct vm_area_struct *vma, pgd_t *pgd,
			       kulong addr, kulong end, pgprot_t newprot,
			       bool dirty_accountable)
{
	pud_t *pud = pud_offset(pgd, addr);
	kulong next, pages = 0;

	do {
		next = pud_addr_end(addr, end);
		if (!pud_none(pud))
			pages +=
			    change_pmd_range(vma, pud, addr, next, newprot, dirty_accountable);
	} while (pud++, addr = next, addr != end);
	return pages;
}

static bool protection_flush(const struct mm_struct *mm)
{
#if FAULTLINE_PLANTED
	return fl_fixed(mm->machine, FL_FIX_PLANTED_MPROTECT_FLUSH);
#else
	(void)mm;
	return true;
#endif
}

/* Pages whose entry was changed. */
kulong change_protection(struct vm_area_struct *vma, kulong start, kulong end,
			 pgprot_t newprot, bool dirty_accountable)
{
	struct mm_struct *mm = vma->vm_mm;
	pgd_t *pgd = pgd_offset(mm, start);
	kulong addr = start, next, pages = 0;

	BUG_ON(start >= end);
	inc_tlb_flush_pending(mm);
	do {
		next = pgd_addr_end(addr, end);
		if (!pgd_none(pgd))
			pages +=
			    change_pud_range(vma, pgd, addr, next, newprot,
					     dirty_accountable);
	} while (pgd++, addr = next, addr != end);

	/* No CPU may go on with the old rights once mprotect has returned. */
	if (pages && protection_flush(mm))
		flush_tlb_range(vma, start, end);
	dec_tlb_flush_pending(mm);
	return pages;
}

/*
 * newflags for [start, end), which lies in vma.  *pprev: the vma before, then
 * the one that covers the range.  Merging comes first, for it needs no
 * splitting; both may fail with -ENOMEM, after which one split may have
 * happened and no flag has changed.
 */
int mprotect_fixup(struct vm_area_struct *vma, struct vm_area_struct **pprev,
		   kulong start, kulong end, kulong newflags)
{
	const kulong uncounted =
	    VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE;
	struct mm_struct *mm = vma->vm_mm;
	kulong oldflags = vma->vm_flags;
	klong nrpages = (klong)((end - start) >> PAGE_SHIFT);
	bool dirty_accountable;
	kulong charged = 0;
	pgoff_t pgoff;
	int error;

	if (newflags == oldflags) {
		*pprev = vma;
		return 0;
	}

	if (newflags & VM_WRITE) {
		/* The limits that becoming data runs into, not those that it
		 * was beyond before. */
		if (!may_expand_vm(mm, newflags, (kulong)nrpages) &&
		    may_expand_vm(mm, oldflags, (kulong)nrpages))
			return -ENOMEM;
		/* Once counted, a private mapping stays counted. */
		if (!(oldflags & uncounted)) {
			charged = (kulong)nrpages;
			if (security_vm_enough_memory(mm, charged))
				return -ENOMEM;
			newflags |= VM_ACCOUNT;
		}
	}

	pgoff = vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT);
	*pprev = vma_merge(mm, *pprev, start, end, newflags, vma->anon_vma,
			   vma->vm_file, pgoff);
	if (*pprev) {
		vma = *pprev;
		WARN_ON((vma->vm_flags ^ newflags) & ~(kulong)VM_SOFTDIRTY);
	} else {
		*pprev = vma;
		if (start != vma->vm_start) {
			error = split_vma(mm, vma, start, 1);
			if (error)
				goto fail;
		}
		if (end != vma->vm_end) {
			error = split_vma(mm, vma, end, 0);
			if (error)
				goto fail;
		}
	}

	vma->vm_flags = newflags;
	dirty_accountable = vma_wants_writenotify(vma);
	vma_set_page_prot(vma);
	change_protection(vma, start, end, vma->vm_page_prot,
			  dirty_accountable);

	/* A locked private mapping is to take no major fault: copy now. */
	if ((oldflags & (VM_WRITE | VM_SHARED | VM_LOCKED)) == VM_LOCKED &&
	    (newflags & VM_WRITE))
		(void)populate_vma_page_range(vma, start, end, NULL);

	vm_stat_account(mm, oldflags, -nrpages);
	vm_stat_account(mm, newflags, nrpages);
	return 0;

fail:
	vm_unacct_memory(charged);
	return error;
}

/* [start, end) vma by vma; what was done before an error stays done. */
static int mprotect_range(struct mm_struct *mm, kulong start, kulong end,
			  kulong prot, kulong grows)
{
	const bool rier = mm->read_implies_exec && (prot & PROT_READ);
	struct vm_area_struct *vma = find_vma(mm, start), *prev;

	if (!vma)
		return -ENOMEM;
	prev = vma->vm_prev;
	if (grows & PROT_GROWSDOWN) {
		if (vma->vm_start >= end)
			return -ENOMEM;
		start = vma->vm_start;
		if (!(vma->vm_flags & VM_GROWSDOWN))
			return -EINVAL;
	} else {
		if (vma->vm_start > start)
			return -ENOMEM;
		/* No vma of these architectures grows up. */
		if (grows & PROT_GROWSUP)
			return -EINVAL;
	}
	if (start > vma->vm_start)
		prev = vma;

	for (;;) {
		const kulong rwx = VM_READ | VM_WRITE | VM_EXEC;
		kulong newflags;
		kulong part_end = fl_min(vma->vm_end, end);
		int error;

		/* From the first that allows it on, also where it is not. */
		if (rier && (vma->vm_flags & VM_MAYEXEC))
			prot |= PROT_EXEC;
		newflags = calc_vm_prot_bits(prot) | (vma->vm_flags & ~rwx);
		/* Four bits up stands whether it is allowed at all. */
		if (newflags & ~(newflags >> 4) & rwx)
			return -EACCES;
		error = mprotect_fixup(vma, &prev, start, part_end, newflags);
		if (error)
			return error;

		start = fl_max(part_end, prev->vm_end);
		if (start >= end)
			return 0;
		vma = prev->vm_next;
		if (!vma || vma->vm_start != start)
			return -ENOMEM;
	}
}

s64 do_mprotect(kulong start, size_t bytes, kulong prot)
{
	const kulong grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	struct mm_struct *mm = current->mm;
	kulong len, end;
	int error;

	prot &= ~(kulong)(PROT_GROWSDOWN | PROT_GROWSUP);
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP))
		return -EINVAL;
	if (offset_in_page(start))
		return -EINVAL;
	if (!bytes)
		return 0;
	len = PAGE_ALIGN((kulong)bytes);
	end = start + len;
	if (end <= start)
		return -ENOMEM;
	if (prot & ~(kulong)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;

	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	error = mprotect_range(mm, start, end, prot, grows);
	up_write(&mm->mmap_sem);
	return error;
}
