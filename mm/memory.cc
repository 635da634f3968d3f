// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page fault, as mm/memory.c of 4.13 handles it.
 *
 *   handle_mm_fault -> __handle_mm_fault -> handle_pte_fault
 *     no pte: do_anonymous_page, or do_fault ->
 *       do_read_fault (do_fault_around), do_cow_fault, do_shared_fault
 *         __do_fault, finish_fault -> alloc_set_pte -> pte_alloc_one_map
 *     an entry that is not present: do_swap_page
 *     read-only pte and a write: do_wp_page -> wp_page_reuse, wp_page_copy,
 *       wp_page_shared, wp_pfn_shared
 *
 * mmap_sem is held for read on entry and on exit, except when VM_FAULT_RETRY
 * comes back: then a handler dropped it.  Nothing here looks at the vma again
 * once a handler may have dropped it, except through vmf->vma where 4.13 does:
 * finish_fault believes vmf->vma, and vmf->pmd as it was found before the
 * handler ran.
 *
 * Lock order below mmap_sem: page lock, i_mmap_rwsem, anon_vma rwsem,
 * page_table_lock, pte lock.
 *
 * Two later fixes are switches.  FL_FIX_FAULT_PREALLOC: do_fault frees an
 * unused preallocated pte page through an mm it saved, not through the vma.
 * FL_FIX_VMA_IS_ANONYMOUS: a vma of a file that has no vm_ops is not served
 * anonymous memory but SIGBUS.
 *
 * Left out: huge pages, swap (of do_swap_page the branch for migration entries
 * is there), KSM, NUMA hinting, userfaultfd, memory cgroups, DAX (DONE_COW
 * passes through), pfn_mkwrite, dirty throttling and file times.
 */
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/mm.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"
#include "mm/swapops.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/userfaultfd.h"

extern "C" {

static inline pte_t maybe_mkwrite(pte_t pte, const struct vm_area_struct *vma)
{
	return likely(vma->vm_flags & VM_WRITE) ? pte_mkwrite(pte) : pte;
}

static inline int pte_alloc(struct mm_struct *mm, pmd_t *pmd, kulong addr)
{
	return unlikely(pmd_none(pmd)) ? __pte_alloc(mm, pmd, addr) : 0;
}

/* The OOM reaper may have zapped private memory: it must not come back. */
static inline int check_stable_address_space(struct mm_struct *mm)
{
	return unlikely(test_bit(MMF_UNSTABLE, &mm->flags)) ? VM_FAULT_SIGBUS
							    : 0;
}

static bool fault_is_anonymous(const struct vm_area_struct *vma)
{
	if (!vma_is_anonymous(vma))
		return false;
	return !vma->vm_file ||
	       !fl_fixed(vma->vm_mm->machine, FL_FIX_VMA_IS_ANONYMOUS);
}

static int do_anonymous_page(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct mm_struct *mm = vma->vm_mm;
	struct page *page = NULL;
	int ret = 0;
	pte_t entry;

	if (vma->vm_flags & VM_SHARED)
		return VM_FAULT_SIGBUS;
	if (pte_alloc(mm, vmf->pmd, vmf->address))
		return VM_FAULT_OOM;

	if (!(vmf->flags & FAULT_FLAG_WRITE)) {
		entry = pte_mkspecial(
		    mk_pte(mm->machine->zero_page, vma->vm_page_prot));
	} else {
		if (unlikely(anon_vma_prepare(vma)))
			return VM_FAULT_OOM;
		page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
		if (!page)
			return VM_FAULT_OOM;
		SetPageUptodate(page);
		entry = mk_pte(page, vma->vm_page_prot);
		if (vma->vm_flags & VM_WRITE)
			entry = pte_mkwrite(pte_mkdirty(entry));
	}

	vmf->pte = pte_offset_map_lock(mm, vmf->pmd, vmf->address, &vmf->ptl);
	if (!pte_none(fl_read_pte(vmf->pte)))
		goto release;
	/* Under the lock, or the reaper could zap just before this. */
	ret = check_stable_address_space(mm);
	if (ret)
		goto release;
	if (unlikely(userfaultfd_missing(vma))) {
		pte_unmap_unlock(vmf->pte, vmf->ptl);
		if (page)
			put_page(page);
		return handle_userfault(vmf);
	}
	if (page) {
		add_mm_counter(mm, MM_ANONPAGES, 1);
		page_add_new_anon_rmap(page, vma, vmf->address);
		lru_cache_add_active_or_unevictable(page, vma);
	}
	set_pte_at(mm, vmf->address, vmf->pte, entry);
	pte_unmap_unlock(vmf->pte, vmf->ptl);
	return ret;
release:
	if (page)
		put_page(page);
	pte_unmap_unlock(vmf->pte, vmf->ptl);
	return ret;
}

/* The page comes back locked and referenced in vmf->page. */
static int __do_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	int ret = vma->vm_ops->fault(vmf);

	if (unlikely(ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY |
			    VM_FAULT_DONE_COW)))
		return ret;
	if (unlikely(!(ret & VM_FAULT_LOCKED)))
		lock_page(vmf->page);
	else
		VM_BUG_ON_PAGE(!PageLocked(vmf->page), vmf->page);
	return ret;
}

static int pte_alloc_one_map(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;

	if (pmd_none(vmf->pmd)) {
		if (vmf->prealloc_pte) {
			vmf->ptl = pmd_lock_of(mm, vmf->pmd);
			spin_lock(vmf->ptl);
			if (likely(pmd_none(vmf->pmd))) {
				atomic_long_inc(&mm->nr_ptes);
				pmd_populate(mm, vmf->pmd, vmf->prealloc_pte);
				vmf->prealloc_pte = NULL;
			}
			spin_unlock(vmf->ptl);
		} else if (unlikely(__pte_alloc(mm, vmf->pmd, vmf->address))) {
			return VM_FAULT_OOM;
		}
	}
	vmf->pte = pte_offset_map_lock(mm, vmf->pmd, vmf->address, &vmf->ptl);
	return 0;
}

/*
 * Enters page at vmf->address, taking over the caller's reference.  vmf->pte,
 * if already mapped, is locked; if it is not NULL afterwards the caller has to
 * unlock it, whatever came back.  VM_FAULT_NOPAGE: somebody was faster.
 */
int alloc_set_pte(struct vm_fault *vmf, struct page *page)
{
	struct vm_area_struct *vma = vmf->vma;
	const bool write = vmf->flags & FAULT_FLAG_WRITE;
	pte_t entry;
	int ret;

	if (!vmf->pte) {
		ret = pte_alloc_one_map(vmf);
		if (ret)
			return ret;
	}
	if (unlikely(!pte_none(fl_read_pte(vmf->pte))))
		return VM_FAULT_NOPAGE;

	entry = mk_pte(page, vma->vm_page_prot);
	if (write)
		entry = maybe_mkwrite(pte_mkdirty(entry), vma);
	if (write && !(vma->vm_flags & VM_SHARED)) {
		add_mm_counter(vma->vm_mm, MM_ANONPAGES, 1);
		page_add_new_anon_rmap(page, vma, vmf->address);
		lru_cache_add_active_or_unevictable(page, vma);
	} else {
		add_mm_counter(vma->vm_mm, mm_counter_file(page), 1);
		page_add_file_rmap(page);
	}
	set_pte_at(vma->vm_mm, vmf->address, vmf->pte, entry);
	return 0;
}

/* The page is locked; on success its reference belongs to the pte. */
int finish_fault(struct vm_fault *vmf)
{
	struct page *page;
	int ret = 0;

	if ((vmf->flags & FAULT_FLAG_WRITE) &&
	    !(vmf->vma->vm_flags & VM_SHARED))
		page = vmf->cow_page;
	else
		page = vmf->page;

	/* Reads too: the copy that was here may have been reaped. */
	if (!(vmf->vma->vm_flags & VM_SHARED))
		ret = check_stable_address_space(vmf->vma->vm_mm);
	if (!ret)
		ret = alloc_set_pte(vmf, page);
	if (vmf->pte)
		pte_unmap_unlock(vmf->pte, vmf->ptl);
	return ret;
}

/*
 * Maps what the cache already has around the address: an aligned window that
 * lies in one pte page and in the vma.  The pte page is allocated before, as
 * map_pages runs under RCU.  VM_FAULT_NOPAGE when the address is served.
 */
static int do_fault_around(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const kulong address = vmf->address;
	const kulong nr_pages =
	    READ_ONCE(vma->vm_mm->machine->fault_around_bytes) >> PAGE_SHIFT;
	const kulong mask = ~(nr_pages * PAGE_SIZE - 1) & PAGE_MASK;
	pgoff_t start_pgoff = vmf->pgoff;
	pgoff_t end_pgoff;
	int ret = 0;

	vmf->address = fl_max(address & mask, vma->vm_start);
	start_pgoff -=
	    ((address - vmf->address) >> PAGE_SHIFT) & (PTRS_PER_PTE - 1);

	end_pgoff = start_pgoff - pte_index(vmf->address) + PTRS_PER_PTE - 1;
	end_pgoff = fl_min(end_pgoff, vma_pages(vma) + vma->vm_pgoff - 1);
	end_pgoff = fl_min(end_pgoff, start_pgoff + nr_pages - 1);

	if (pmd_none(vmf->pmd)) {
		vmf->prealloc_pte = pte_alloc_one(vma->vm_mm, vmf->address);
		if (!vmf->prealloc_pte)
			goto out;
	}

	vma->vm_ops->map_pages(vmf, start_pgoff, end_pgoff);

	if (!vmf->pte)
		goto out;
	/* Signed: a pointer is wider than a kulong in an ARM build. */
	vmf->pte -=
	    (klong)((vmf->address >> PAGE_SHIFT) - (address >> PAGE_SHIFT));
	if (!pte_none(fl_read_pte(vmf->pte)))
		ret = VM_FAULT_NOPAGE;
	pte_unmap_unlock(vmf->pte, vmf->ptl);
out:
	vmf->address = address;
	vmf->pte = NULL;
	return ret;
}

static int do_read_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	int ret;

	if (vma->vm_ops->map_pages &&
	    vma->vm_mm->machine->fault_around_bytes >> PAGE_SHIFT > 1) {
		ret = do_fault_around(vmf);
		if (ret)
			return ret;
	}

	ret = __do_fault(vmf);
	if (unlikely(ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY)))
		return ret;

	ret |= finish_fault(vmf);
	unlock_page(vmf->page);
	if (unlikely(ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY)))
		put_page(vmf->page);
	return ret;
}

/*
 * The anon_vma is prepared on the vma the fault came with, before the handler
 * runs; the pte is entered in the vma that vmf names afterwards.
 */
static int do_cow_fault(struct vm_fault *vmf)
{
	int ret;

	if (unlikely(anon_vma_prepare(vmf->vma)))
		return VM_FAULT_OOM;
	vmf->cow_page = alloc_page(GFP_HIGHUSER_MOVABLE);
	if (!vmf->cow_page)
		return VM_FAULT_OOM;

	ret = __do_fault(vmf);
	if (unlikely(ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY)))
		goto uncharge_out;
	if (ret & VM_FAULT_DONE_COW)
		return ret;

	memcpy(kmap(vmf->cow_page), kmap(vmf->page), PAGE_SIZE);
	SetPageUptodate(vmf->cow_page);

	ret |= finish_fault(vmf);
	unlock_page(vmf->page);
	put_page(vmf->page);
	if (unlikely(ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY)))
		goto uncharge_out;
	return ret;
uncharge_out:
	put_page(vmf->cow_page);
	return ret;
}

/* No locks but mmap_sem; the page comes back locked, or 0: try again. */
static int do_page_mkwrite(struct vm_fault *vmf)
{
	struct page *page = vmf->page;
	const u32 old_flags = vmf->flags;
	int ret;

	vmf->flags = FAULT_FLAG_WRITE | FAULT_FLAG_MKWRITE;
	ret = vmf->vma->vm_ops->page_mkwrite(vmf);
	vmf->flags = old_flags;
	if (unlikely(ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE)))
		return ret;
	if (unlikely(!(ret & VM_FAULT_LOCKED))) {
		lock_page(page);
		if (!READ_ONCE(page->mapping)) {
			unlock_page(page);
			return 0;
		}
		ret |= VM_FAULT_LOCKED;
	} else
		VM_BUG_ON_PAGE(!PageLocked(page), page);
	return ret;
}

/* Page locked on entry, unlocked on exit. */
static void fault_dirty_shared_page(struct page *page)
{
	set_page_dirty(page);
	VM_BUG_ON_PAGE(PageAnon(page), page);
	unlock_page(page);
}

static int do_shared_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	int ret = __do_fault(vmf);
	int tmp;

	if (unlikely(ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY)))
		return ret;

	if (vma->vm_ops->page_mkwrite) {
		unlock_page(vmf->page);
		tmp = do_page_mkwrite(vmf);
		if (unlikely(!tmp ||
			     (tmp & (VM_FAULT_ERROR | VM_FAULT_NOPAGE)))) {
			put_page(vmf->page);
			return tmp;
		}
	}

	ret |= finish_fault(vmf);
	if (unlikely(ret &
		     (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY))) {
		unlock_page(vmf->page);
		put_page(vmf->page);
		return ret;
	}
	fault_dirty_shared_page(vmf->page);
	return ret;
}

static int do_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct machine *machine = vma->vm_mm->machine;
	struct mm_struct *saved_mm = vma->vm_mm;
	int ret;

	if (unlikely(!vma->vm_ops || !vma->vm_ops->fault))
		ret = VM_FAULT_SIGBUS;
	else if (!(vmf->flags & FAULT_FLAG_WRITE))
		ret = do_read_fault(vmf);
	else if (!(vma->vm_flags & VM_SHARED))
		ret = do_cow_fault(vmf);
	else
		ret = do_shared_fault(vmf);

	/* The handler may have let the vma go: 4.13 looks at it all the same.
	 */
	if (vmf->prealloc_pte) {
		if (fl_fixed(machine, FL_FIX_FAULT_PREALLOC))
			pte_free(saved_mm, vmf->prealloc_pte);
		else
			pte_free(vma->vm_mm, vmf->prealloc_pte);
		vmf->prealloc_pte = NULL;
	}
	return ret;
}

/*
 * The processor may set accessed and dirty in the entry meanwhile; as both
 * are set in `entry` whenever it is written, nothing is lost.
 */
static bool ptep_set_access_flags(struct vm_area_struct *vma, kulong address,
				  pte_t *ptep, pte_t entry, bool dirty)
{
	const bool changed = !pte_same(fl_read_pte(ptep), entry);

#ifdef CONFIG_X86_64
	/* Not flushed: who has the older entry faults once and forgets it. */
	(void)vma;
	(void)address;
	if (changed && dirty)
		set_pte(ptep, entry);
#else
	(void)dirty;
	if (changed) {
		set_pte(ptep, entry);
		flush_tlb_fix_spurious_fault(vma, address);
	}
#endif
	return changed;
}

/* The pte may be written as it is.  pte lock held; dropped. */
static void wp_page_reuse(struct vm_fault *vmf)
{
	pte_t entry = pte_mkyoung(vmf->orig_pte);

	entry = maybe_mkwrite(pte_mkdirty(entry), vmf->vma);
	ptep_set_access_flags(vmf->vma, vmf->address, vmf->pte, entry, true);
	pte_unmap_unlock(vmf->pte, vmf->ptl);
}

/* A frame without a page is copied through the user's own mapping. */
static void cow_user_page(struct page *to, struct page *from, kulong address)
{
	if (likely(from))
		memcpy(kmap(to), kmap(from), PAGE_SIZE);
	else if (copy_user_page_inatomic(kmap(to), address & PAGE_MASK))
		memset(kmap(to), 0, PAGE_SIZE);
}

/* A reference on vmf->page (may be NULL) is held, and dropped here. */
static int wp_page_copy(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct mm_struct *mm = vma->vm_mm;
	struct page *old_page = vmf->page;
	struct page *new_page;
	bool page_copied = false;
	pte_t entry;

	if (unlikely(anon_vma_prepare(vma)))
		goto oom;
	if (is_zero_pfn(mm, pte_pfn(vmf->orig_pte))) {
		new_page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
		if (!new_page)
			goto oom;
	} else {
		new_page = alloc_page(GFP_HIGHUSER_MOVABLE);
		if (!new_page)
			goto oom;
		cow_user_page(new_page, old_page, vmf->address);
	}
	SetPageUptodate(new_page);

	vmf->pte = pte_offset_map_lock(mm, vmf->pmd, vmf->address, &vmf->ptl);
	if (likely(pte_same(fl_read_pte(vmf->pte), vmf->orig_pte))) {
		if (!old_page) {
			add_mm_counter(mm, MM_ANONPAGES, 1);
		} else if (!PageAnon(old_page)) {
			add_mm_counter(mm, mm_counter_file(old_page), -1);
			add_mm_counter(mm, MM_ANONPAGES, 1);
		}
		entry = mk_pte(new_page, vma->vm_page_prot);
		entry = maybe_mkwrite(pte_mkdirty(entry), vma);
		/* Cleared and flushed first: no two processors may ever see
		 * the two pages at one time. */
		ptep_clear_flush(vma, vmf->address, vmf->pte);
		page_add_new_anon_rmap(new_page, vma, vmf->address);
		lru_cache_add_active_or_unevictable(new_page, vma);
		set_pte_at(mm, vmf->address, vmf->pte, entry);
		/* Only now: until the pte is switched the old page counts as
		 * mapped, or its other owner would write to it. */
		if (old_page)
			page_remove_rmap(old_page);
		new_page = old_page;
		page_copied = true;
	}
	if (new_page)
		put_page(new_page);
	pte_unmap_unlock(vmf->pte, vmf->ptl);

	if (old_page) {
		if (page_copied && (vma->vm_flags & VM_LOCKED)) {
			lock_page(old_page);
			if (PageMlocked(old_page))
				munlock_vma_page(old_page);
			unlock_page(old_page);
		}
		put_page(old_page);
	}
	return page_copied ? VM_FAULT_WRITE : 0;
oom:
	if (old_page)
		put_page(old_page);
	return VM_FAULT_OOM;
}

static int finish_mkwrite_fault(struct vm_fault *vmf)
{
	WARN_ON_ONCE(!(vmf->vma->vm_flags & VM_SHARED));
	vmf->pte = pte_offset_map_lock(vmf->vma->vm_mm, vmf->pmd, vmf->address,
				       &vmf->ptl);
	if (!pte_same(fl_read_pte(vmf->pte), vmf->orig_pte)) {
		pte_unmap_unlock(vmf->pte, vmf->ptl);
		return VM_FAULT_NOPAGE;
	}
	wp_page_reuse(vmf);
	return 0;
}

static int wp_pfn_shared(struct vm_fault *vmf)
{
	wp_page_reuse(vmf);
	return VM_FAULT_WRITE;
}

static int wp_page_shared(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;

	get_page(vmf->page);
	if (vma->vm_ops && vma->vm_ops->page_mkwrite) {
		int tmp;

		pte_unmap_unlock(vmf->pte, vmf->ptl);
		tmp = do_page_mkwrite(vmf);
		if (unlikely(!tmp ||
			     (tmp & (VM_FAULT_ERROR | VM_FAULT_NOPAGE)))) {
			put_page(vmf->page);
			return tmp;
		}
		tmp = finish_mkwrite_fault(vmf);
		if (unlikely(tmp & (VM_FAULT_ERROR | VM_FAULT_NOPAGE))) {
			unlock_page(vmf->page);
			put_page(vmf->page);
			return tmp;
		}
	} else {
		wp_page_reuse(vmf);
		lock_page(vmf->page);
	}
	fault_dirty_shared_page(vmf->page);
	put_page(vmf->page);
	return VM_FAULT_WRITE;
}

/* A write to a present read-only pte.  pte lock held; dropped. */
static int do_wp_page(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const bool shared =
	    (vma->vm_flags & (VM_WRITE | VM_SHARED)) == (VM_WRITE | VM_SHARED);

	vmf->page = vm_normal_page(vma, vmf->address, vmf->orig_pte);
	if (!vmf->page) {
		if (shared)
			return wp_pfn_shared(vmf);
		pte_unmap_unlock(vmf->pte, vmf->ptl);
		return wp_page_copy(vmf);
	}

	if (PageAnon(vmf->page)) {
		if (!trylock_page(vmf->page)) {
			get_page(vmf->page);
			pte_unmap_unlock(vmf->pte, vmf->ptl);
			lock_page(vmf->page);
			vmf->pte = pte_offset_map_lock(vma->vm_mm, vmf->pmd,
						       vmf->address, &vmf->ptl);
			if (!pte_same(fl_read_pte(vmf->pte), vmf->orig_pte)) {
				unlock_page(vmf->page);
				pte_unmap_unlock(vmf->pte, vmf->ptl);
				put_page(vmf->page);
				return 0;
			}
			put_page(vmf->page);
		}
		/* reuse_swap_page: nobody else maps it. */
		if (page_mapcount(vmf->page) <= 1) {
			page_move_anon_rmap(vmf->page, vma);
			unlock_page(vmf->page);
			wp_page_reuse(vmf);
			return VM_FAULT_WRITE;
		}
		unlock_page(vmf->page);
	} else if (unlikely(shared)) {
		return wp_page_shared(vmf);
	}

	get_page(vmf->page);
	pte_unmap_unlock(vmf->pte, vmf->ptl);
	return wp_page_copy(vmf);
}

/*
 * An entry that is neither empty nor present.  Without swap it says that the
 * page is on its way to another frame: wait for that, and fault again if the
 * new pte does not do.
 */
static int do_swap_page(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;

	/* Has it changed since it was read?  Then look again. */
	if (!pte_same(fl_read_pte(vmf->pte), vmf->orig_pte))
		return 0;
	if (is_migration_entry(pte_to_swp_entry(vmf->orig_pte))) {
		migration_entry_wait(vma->vm_mm, vmf->pmd, vmf->address);
		return 0;
	}
	print_bad_pte(vma, vmf->address, vmf->orig_pte);
	return VM_FAULT_SIGBUS;
}

static int handle_pte_fault(struct vm_fault *vmf)
{
	pte_t entry;

	if (unlikely(pmd_none(vmf->pmd))) {
		/* The table comes late: a handler may not need one. */
		vmf->pte = NULL;
	} else {
		vmf->pte = pte_offset_map(vmf->pmd, vmf->address);
		vmf->orig_pte = fl_read_pte(vmf->pte);
		if (pte_none(vmf->orig_pte)) {
			pte_unmap(vmf->pte);
			vmf->pte = NULL;
		}
	}

	if (!vmf->pte)
		return fault_is_anonymous(vmf->vma) ? do_anonymous_page(vmf)
						    : do_fault(vmf);

	if (unlikely(!pte_present(vmf->orig_pte)))
		return do_swap_page(vmf);

	vmf->ptl = pte_lockptr(vmf->pmd);
	spin_lock(vmf->ptl);
	entry = vmf->orig_pte;
	if (likely(pte_same(fl_read_pte(vmf->pte), entry))) {
		if (vmf->flags & FAULT_FLAG_WRITE) {
			if (!pte_write(entry))
				return do_wp_page(vmf);
			entry = pte_mkdirty(entry);
		}
		entry = pte_mkyoung(entry);
		if (!ptep_set_access_flags(vmf->vma, vmf->address, vmf->pte,
					   entry,
					   vmf->flags & FAULT_FLAG_WRITE) &&
		    (vmf->flags & FAULT_FLAG_WRITE))
			flush_tlb_fix_spurious_fault(vmf->vma, vmf->address);
	}
	pte_unmap_unlock(vmf->pte, vmf->ptl);
	return 0;
}

static int __handle_mm_fault(struct vm_area_struct *vma, kulong address,
			     u32 flags)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_fault vmf;

	vmf.vma = vma;
	vmf.flags = flags;
	vmf.gfp_mask = GFP_KERNEL;
	vmf.pgoff = linear_page_index(vma, address);
	vmf.address = address & PAGE_MASK;
	vmf.orig_pte.pte = 0;
	vmf.cow_page = NULL;
	vmf.page = NULL;
	vmf.pte = NULL;
	vmf.ptl = NULL;
	vmf.prealloc_pte = NULL;
	vmf.pmd = NULL;

	vmf.pud = pud_alloc(mm, pgd_offset(mm, address), address);
	if (!vmf.pud)
		return VM_FAULT_OOM;
	vmf.pmd = pmd_alloc(mm, vmf.pud, address);
	if (!vmf.pmd)
		return VM_FAULT_OOM;
	return handle_pte_fault(&vmf);
}

int handle_mm_fault(struct vm_area_struct *vma, kulong address, u32 flags)
{
	return __handle_mm_fault(vma, address, flags);
}

} /* extern "C" */
