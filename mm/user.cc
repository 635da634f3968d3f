// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a processor does for code in user mode: walk the page tables, check
 * permissions, set accessed and dirty, move the bytes.
 *
 *   mmu_access                 one try of one instruction
 *   mmu_copy                   one try of a string instruction in a page
 *   copy_user_page_inatomic    __copy_from_user_inatomic of a whole page
 *   user_access                instruction, fault, again; or a signal
 *
 * No lock of the kernel is held.  An access is one step for the TLB flush,
 * from the first look at the TLB until the bytes are moved (user_walk_begin).
 * So it never meets a table or a page that was freed, as on hardware, unless
 * the kernel forgot a flush.
 *
 * What the TLB remembers is believed: the tables are not looked at.  Only the
 * first store through a clean entry goes to them, to set the dirty bit.  A
 * fault for the lack of a permission forgets the entry on x86, so that it is
 * not taken twice for one that is out of date; on ARM the kernel does that.
 *
 * The bytes are moved by code that is not instrumented (cpu.cc): user programs
 * race as they like.  The event before it says which bytes of which frame.
 *
 * Left out: protection keys, SMAP, accesses across a page boundary, an
 * accessed bit that ARM's kernel would have to emulate.  Stores to ROM have no
 * effect, as the bus cycle of a store to flash without its unlock sequence.
 */
#include "mm/fault.h"
#include "mm/mm.h"
#include "mm/pgtable.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/tlb.h"

extern "C" {

/*
 * The entry of addr, or NULL when a table on the way is missing.  Each level
 * is read once, as a processor does: a table may be taken out between two
 * looks.
 */
static pte_t *walk_tables(struct mm_struct *mm, kulong addr)
{
	pgd_t pgd = {FL_ENTRY_READ(pgd_offset(mm, addr)->pgd)};
	pud_t pud;
	pmd_t pmd;

	if (pgd_none(&pgd))
		return NULL;
	pud.pud = FL_ENTRY_READ(pud_offset(&pgd, addr)->pud);
	if (pud_none(&pud))
		return NULL;
	pmd.pmd = FL_ENTRY_READ(pmd_offset(&pud, addr)->pmd);
	if (pmd_none(&pmd))
		return NULL;
	return pte_offset_map(&pmd, addr);
}

/*
 * 0 and *bytes where addr lies; or -EFAULT and the PF_* bits of the fault in
 * *error_code; or -EIO.  Between user_walk_begin and user_walk_end of task.
 */
static int translate(struct task_struct *task, kulong addr, u32 kind,
		     char **bytes, u32 *error_code)
{
	const u32 access = kind == FL_STORE  ? PF_WRITE
			   : kind == FL_EXEC ? PF_INSTR
					     : 0;
	const pteval_t want = _PAGE_PRESENT | _PAGE_USER |
			      (kind == FL_STORE ? _PAGE_RW : 0) |
			      (kind == FL_EXEC ? _PAGE_EXEC : 0);
	const pteval_t mark =
	    _PAGE_ACCESSED | (kind == FL_STORE ? _PAGE_DIRTY : 0);
	pte_t pte = tlb_lookup(task, addr);
	const bool known = !pte_none(pte);
	pte_t *ptep;

	if (known && (pte.pte & want) != want) {
		*error_code = access | PF_PROT;
		goto fault;
	}
	if (!known || (pte.pte & mark) != mark) {
		do {
			ptep = walk_tables(task->mm, addr);
			if (ptep)
				pte = fl_read_pte(ptep);
			if (!ptep || !(pte.pte & _PAGE_PRESENT)) {
				*error_code = access;
				goto fault;
			}
			if ((pte.pte & want) != want) {
				*error_code = access | PF_PROT;
				goto fault;
			}
			/* Only into an entry that is still the same one. */
		} while ((pte.pte & mark) != mark &&
			 cmpxchg(&ptep->pte, pte.pte, pte.pte | mark) !=
			     pte.pte);
		pte.pte |= mark;
		tlb_fill(task, addr, pte);
	}

	*bytes = (char *)phys_to_virt((phys_addr_t)pte_pfn(pte) << PAGE_SHIFT);
	if (!*bytes)
		return -EIO;
	*bytes += offset_in_page(addr);
	return 0;
fault:
#ifdef CONFIG_X86_64
	if (known)
		tlb_drop(task, addr);
#endif
	return -EFAULT;
}

int mmu_access(u32 kind, kulong addr, u32 size, u64 *value, u32 *error_code)
{
	struct task_struct *task = current;
	char *bytes;
	int ret;

	user_walk_begin(task);
	ret = translate(task, addr, kind, &bytes, error_code);
	if (!ret) {
		if (kind == FL_STORE) {
			fl_event(FL_EV_USER_WRITE, bytes, size, 0, NULL);
			if (likely(!in_rom(task->machine, bytes)))
				store_bytes(bytes, size, *value);
		} else {
			fl_event(FL_EV_USER_READ, bytes, size, 0, NULL);
			*value = load_bytes(bytes, size);
		}
	}
	user_walk_end(task);
	return ret;
}

int mmu_copy(u32 kind, kulong addr, void *buf, u32 size, u32 *error_code)
{
	struct task_struct *task = current;
	char *bytes;
	int ret;

	user_walk_begin(task);
	ret = translate(task, addr, kind, &bytes, error_code);
	if (!ret) {
		if (kind == FL_STORE) {
			fl_event(FL_EV_RANGE_READ, buf, size, 0, NULL);
			fl_event(FL_EV_USER_WRITE, bytes, size, 0, NULL);
			if (likely(!in_rom(task->machine, bytes)))
				copy_bytes(bytes, (const char *)buf, size);
		} else {
			fl_event(FL_EV_USER_READ, bytes, size, 0, NULL);
			fl_event(FL_EV_RANGE_WRITE, buf, size, 0, NULL);
			copy_bytes((char *)buf, bytes, size);
		}
	}
	user_walk_end(task);
	return ret;
}

int copy_user_page_inatomic(void *to, kulong addr)
{
	struct task_struct *task = current;
	u32 error_code;
	char *bytes;
	int ret;

	user_walk_begin(task);
	ret = translate(task, addr, FL_LOAD, &bytes, &error_code);
	if (!ret)
		memcpy(to, bytes, PAGE_SIZE);
	user_walk_end(task);
	return ret;
}

static void access_loop(u32 kind, u64 addr, u32 size, u64 value,
			struct fl_user_result *result,
			void (*fault)(kulong address, u32 error_code))
{
	struct task_struct *task = current;
	u32 error_code = 0;
	int ret;

	user_access_begin(task, result);

	/* No page table reaches there; the fault is the same everywhere. */
	if (unlikely(addr >= (u64)TASK_SIZE)) {
		result->faults = 1;
		result->sig = SIGSEGV;
		result->si_code = SEGV_MAPERR;
		result->si_addr = addr;
		return;
	}
	while (!user_signal(task, result)) {
		ret = mmu_access(kind, (kulong)addr, size, &value, &error_code);
		if (!ret) {
			if (kind != FL_STORE)
				result->value = value;
			return;
		}
		if (ret == -EIO) {
			force_sig_fault(SIGBUS, BUS_ADRERR, (kulong)addr);
			continue;
		}
		result->faults++;
		fault((kulong)addr, error_code | PF_USER);
	}
}

void user_access(u32 kind, u64 addr, u32 size, u64 value,
		 struct fl_user_result *result)
{
	access_loop(kind, addr, size, value, result, do_page_fault);
}

/*
 * arch/um: the vma is looked up once (and once more after a retry) and then
 * used for as many faults as it takes until the pte is present.
 */
static void uml_page_fault(kulong address, u32 error_code)
{
	struct task_struct *task = current;
	struct mm_struct *mm = task->mm;
	u32 flags =
	    FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE | FAULT_FLAG_USER;
	struct vm_area_struct *vma;
	int code = SEGV_MAPERR;
	pte_t *pte;
	int fault;

retry:
	down_read(&mm->mmap_sem);
	vma = find_vma(mm, address);
	if (!vma)
		goto out;
	if (vma->vm_start > address &&
	    (!(vma->vm_flags & VM_GROWSDOWN) || expand_stack(vma, address)))
		goto out;
	code = SEGV_ACCERR;
	if (error_code & PF_WRITE) {
		if (!(vma->vm_flags & VM_WRITE))
			goto out;
		flags |= FAULT_FLAG_WRITE;
	} else if (!(vma->vm_flags &
		     (error_code & PF_INSTR ? VM_EXEC : VM_READ | VM_EXEC))) {
		goto out;
	}

	do {
		fault = handle_mm_fault(vma, address, flags);
		if ((fault & VM_FAULT_RETRY) &&
		    (fl_fixed(task->machine, FL_FIX_HANDLE_USERFAULT)
			 ? signal_pending(task)
			 : fatal_signal_pending(task)))
			return;
		if (unlikely(fault & VM_FAULT_ERROR)) {
			if (fault & VM_FAULT_OOM) {
				up_read(&mm->mmap_sem);
				pagefault_out_of_memory();
				return;
			}
			if (fault & VM_FAULT_SIGSEGV)
				goto out;
			up_read(&mm->mmap_sem);
			force_sig_fault(SIGBUS, BUS_ADRERR, address);
			return;
		}
		if (flags & FAULT_FLAG_ALLOW_RETRY) {
			if (fault & VM_FAULT_MAJOR)
				task->maj_flt++;
			else
				task->min_flt++;
			if (fault & VM_FAULT_RETRY) {
				flags &= ~(u32)FAULT_FLAG_ALLOW_RETRY;
				flags |= FAULT_FLAG_TRIED;
				goto retry;
			}
		}
		pte = walk_tables(mm, address);
	} while (!pte || !pte_present(fl_read_pte(pte)));
	up_read(&mm->mmap_sem);
	return;
out:
	up_read(&mm->mmap_sem);
	force_sig_fault(SIGSEGV, code, address);
}

void uml_access(u32 kind, u64 addr, u32 size, u64 value,
		struct fl_user_result *result)
{
	access_loop(kind, addr, size, value, result, uml_page_fault);
}

/*
 * arch/sparc, force_user_fault: allows no retry, knows of none, and lets
 * mmap_sem go whatever came back.
 */
static void sparc32_page_fault(kulong address, u32 error_code)
{
	struct mm_struct *mm = current->mm;
	u32 flags = FAULT_FLAG_USER;
	struct vm_area_struct *vma;
	int code = SEGV_MAPERR;
	int fault;

	down_read(&mm->mmap_sem);
	vma = find_vma(mm, address);
	if (!vma)
		goto bad_area;
	if (vma->vm_start > address &&
	    (!(vma->vm_flags & VM_GROWSDOWN) || expand_stack(vma, address)))
		goto bad_area;
	code = SEGV_ACCERR;
	if (error_code & PF_WRITE) {
		if (!(vma->vm_flags & VM_WRITE))
			goto bad_area;
		flags |= FAULT_FLAG_WRITE;
	} else if (!(vma->vm_flags &
		     (error_code & PF_INSTR ? VM_EXEC : VM_READ | VM_EXEC))) {
		goto bad_area;
	}

	fault = handle_mm_fault(vma, address, flags);
	up_read(&mm->mmap_sem);
	if (fault & VM_FAULT_SIGSEGV)
		force_sig_fault(SIGSEGV, code, address);
	else if (fault & VM_FAULT_ERROR)
		force_sig_fault(SIGBUS, BUS_ADRERR, address);
	return;
bad_area:
	up_read(&mm->mmap_sem);
	force_sig_fault(SIGSEGV, code, address);
}

void sparc32_access(u32 kind, u64 addr, u32 size, u64 value,
		    struct fl_user_result *result)
{
	access_loop(kind, addr, size, value, result, sparc32_page_fault);
}

} /* extern "C" */
