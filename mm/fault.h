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
#include "mm/tlb.h"

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
/*
 * The same for size bytes within one page, to or from the kernel's buf, as one
 * instruction.  FL_STORE copies from buf.
 */
int mmu_copy(u32 kind, kulong addr, void *buf, u32 size, u32 *error_code);
/* __copy_from_user_inatomic of the page at addr; nonzero: not readable. */
int copy_user_page_inatomic(void *to, kulong addr);

/* ---- cpu.cc: the same with an MMU and without ---- */
/* size 1, 2, 4 or 8 bytes; little endian. */
u64 load_bytes(const char *from, u32 size);
void store_bytes(char *to, u32 size, u64 value);
void copy_bytes(char *to, const char *from, u32 size);
/* The bytes lie in the ROM window, where a store has no effect. */
bool in_rom(const struct machine *machine, const char *bytes);
/* Before an access: task->fault_sig is forgotten. */
void user_access_begin(struct task_struct *task, struct fl_user_result *result);
/* As on the way back to user mode: true when a signal ends the access. */
bool user_signal(struct task_struct *task, struct fl_user_result *result);

/* ---- oom_kill.cc ---- */
/* VM_FAULT_OOM in user mode; no lock held.  The caller faults again. */
void pagefault_out_of_memory(void);

/* ---- mm_init.cc ---- */
/* The task's mm with one more user (mmput), or NULL. */
struct mm_struct *get_task_mm(struct task_struct *task);

/* ---- process_vm_access.cc, nommu_access.cc ---- */
/* Bytes moved between mm and the kernel's buf; sem not held.  gup_flags:
 * FOLL_FORCE, FOLL_WRITE; task may be NULL. */
int __access_remote_vm(struct task_struct *task, struct mm_struct *mm,
		       kulong addr, void *buf, int len, u32 gup_flags);
int access_process_vm(struct task_struct *task, kulong addr, void *buf,
		      int len, u32 gup_flags);

/* ---- the callers behind the C interface, see interface.h ---- */
void user_access(u32 kind, u64 addr, u32 size, u64 value,
		 struct fl_user_result *result);
void uml_access(u32 kind, u64 addr, u32 size, u64 value,
		struct fl_user_result *result);
void sparc32_access(u32 kind, u64 addr, u32 size, u64 value,
		    struct fl_user_result *result);
s64 futex_op(u64 addr, u32 value);
s64 kvm_hva_to_pfn(u64 addr, u32 write, u64 *pfn);
s64 sys_mlock(u64 start, u64 len);
s64 sys_mlock2(u64 start, u64 len, u32 flags);
s64 sys_munlock(u64 start, u64 len);
s64 sys_mlockall(u32 flags);
s64 sys_munlockall(void);
s64 sys_msync(u64 start, u64 len, u32 flags);
s64 sys_mincore(u64 start, u64 len, u64 vec);
s64 sys_pread64(struct file *file, u64 addr, u64 bytes, s64 position);
s64 sys_pwrite64(struct file *file, u64 addr, u64 bytes, s64 position);
s64 sys_write_pipe(u64 addr, u64 bytes, void *to);
s64 sys_vmsplice(u64 addr, u64 bytes, void *to);
s64 process_vm_rw(struct task_struct *task, u64 local, u64 remote, u64 bytes,
		  u32 vm_write);
s64 ptrace_access(struct task_struct *task, u64 addr, void *buf, u32 bytes,
		  u32 write);
s64 vfio_pin(u64 addr, u32 write, u64 *pfn);
void vfio_unpin(u64 pfn, u32 dirty);
s64 gup_pin(u64 addr, u32 nr_pages, u32 write, u64 *pfns);
void gup_unpin(u64 pfn, u32 dirty);
s64 task_pin(u64 addr, u32 write);
s64 task_vfio_pin(u64 addr, u32 write, u64 *result);
void task_unpin_all(void);
s64 gup_pin_access(u64 pfn, u32 write, u32 offset, void *buf, u32 bytes);
s64 uprobe_register(struct file *file, u64 offset,
		    void (*visit)(u64 addr, u32 opcode, void *cookie),
		    void *cookie);

/* ---- boot ---- */
void pgtable_cache_init(struct machine *machine); /* pgtable.cc */
void vfs_caches_init(struct machine *machine);	  /* fs.cc */

FL_END_DECLS

#endif /* FAULTLINE_MM_FAULT_H_ */
