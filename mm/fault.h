/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fault half of mm shares among its files: memory*.cc, user.cc,
 * fault.cc, gup.cc, futex.cc, kvm.cc.
 */
#ifndef FAULTLINE_MM_FAULT_H_
#define FAULTLINE_MM_FAULT_H_

#include "mm/interface.h"
#include "mm/mm.h"
#include "mm/pgtable.h"

FL_BEGIN_DECLS

/* ---- memory_map.cc ---- */
/* Reports FL_REPORT_BAD "Bad page map"; the caller goes on. */
void print_bad_pte(struct vm_area_struct *vma, kulong addr, pte_t pte);
/* The pte of addr, its tables allocated, *ptl held.  NULL: no memory. */
pte_t *get_locked_pte(struct mm_struct *mm, kulong addr, spinlock_t **ptl);
static inline bool is_zero_pfn(struct mm_struct *mm, kulong pfn)
{
	return pfn == page_to_pfn(mm->machine->zero_page);
}

/* ---- user.cc: what the processor does by itself ---- */
/*
 * One access through the page tables of current->mm, sem not needed: kind is
 * enum fl_access_kind, size 1, 2, 4 or 8, *value what is stored or loaded.
 * 0 when done; else *error_code (PF_* bits) says what the fault would be, or
 * -EIO when no memory answers at the physical address.
 */
int mmu_access(u32 kind, kulong addr, u32 size, u64 *value, u32 *error_code);
/* __copy_from_user_inatomic of the page at addr; nonzero: not readable. */
int copy_user_page_inatomic(void *to, kulong addr);

/* ---- oom_kill.cc ---- */
/* VM_FAULT_OOM in user mode; no lock held.  The caller faults again. */
void pagefault_out_of_memory(void);

/* ---- the callers behind the C interface, see interface.h ---- */
void user_access(u32 kind, u64 addr, u32 size, u64 value,
		 struct fl_user_result *result);
void uml_access(u32 kind, u64 addr, u32 size, u64 value,
		struct fl_user_result *result);
void sparc32_access(u32 kind, u64 addr, u32 size, u64 value,
		    struct fl_user_result *result);
s64 futex_op(u64 addr, u32 value);
s64 kvm_hva_to_pfn(u64 addr, u32 write, u64 *pfn);

/* ---- boot ---- */
void pgtable_cache_init(struct machine *machine); /* pgtable.cc */
void vfs_caches_init(struct machine *machine);	  /* fs.cc */

FL_END_DECLS

#endif /* FAULTLINE_MM_FAULT_H_ */
