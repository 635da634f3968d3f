/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mm/ offers to itself, to file systems and to drivers
 * (include/linux/mm.h, rmap.h, mman.h, mm/internal.h).  "sem" in a comment is
 * the mm's mmap_sem.
 */
#ifndef FAULTLINE_MM_MM_H_
#define FAULTLINE_MM_MM_H_

#include "mm/fs.h"
#include "mm/mm_types.h"
#include "mm/sync/machine.h"

FL_BEGIN_DECLS

/* ---- mmap.cc ---- */
/* First vma with vm_end > addr, or NULL; sem held.  May start above addr. */
struct vm_area_struct *find_vma(struct mm_struct *mm, kulong addr);
struct vm_area_struct *find_vma_prev(struct mm_struct *mm, kulong addr,
				     struct vm_area_struct **pprev);
static inline struct vm_area_struct *
find_vma_intersection(struct mm_struct *mm, kulong start, kulong end)
{
	struct vm_area_struct *vma = find_vma(mm, start);

	return vma && end <= vma->vm_start ? NULL : vma;
}
/* Address, or -errno as a kulong; sem held for write.  *populate: bytes to
 * mm_populate from there once sem is dropped. */
kulong do_mmap(struct file *file, kulong addr, kulong len, kulong prot,
	       kulong flags, kulong pgoff, kulong *populate);
kulong mmap_region(struct file *file, kulong addr, kulong len,
		   kulong vm_flags, kulong pgoff);
int do_munmap(struct mm_struct *mm, kulong start, size_t len);
kulong get_unmapped_area(struct file *file, kulong addr, kulong len,
			 kulong pgoff, kulong flags);
/* -ENOMEM at the map limit; sem held for write. */
int split_vma(struct mm_struct *mm, struct vm_area_struct *vma, kulong addr,
	      int new_below);
int __split_vma(struct mm_struct *mm, struct vm_area_struct *vma, kulong addr,
		int new_below);
struct vm_area_struct *vma_merge(struct mm_struct *mm,
				 struct vm_area_struct *prev, kulong addr,
				 kulong end, kulong vm_flags,
				 struct anon_vma *anon_vma, struct file *file,
				 pgoff_t pgoff);
int __vma_adjust(struct vm_area_struct *vma, kulong start, kulong end,
		 pgoff_t pgoff, struct vm_area_struct *insert,
		 struct vm_area_struct *expand);
/* A near vma whose anon_vma may serve this one too; sem held. */
struct anon_vma *find_mergeable_anon_vma(struct vm_area_struct *vma);
void vm_stat_account(struct mm_struct *mm, kulong flags, klong pages);
void vma_set_page_prot(struct vm_area_struct *vma);
bool vma_wants_writenotify(const struct vm_area_struct *vma);
pgprot_t vm_get_page_prot(kulong vm_flags);
/* No other user of the mm is left; takes no sem. */
void exit_mmap(struct mm_struct *mm);
/* ksys entry points: take sem themselves. */
s64 vm_mmap_pgoff(struct file *file, kulong addr, kulong len, kulong prot,
		  kulong flags, kulong pgoff);
int vm_munmap(kulong start, size_t len);

/* The room that a stack which grows keeps free below itself, bytes. */
#define STACK_GUARD_GAP (256 * PAGE_SIZE)
/* Where a vma begins as far as others are concerned. */
static inline kulong vm_start_gap(const struct vm_area_struct *vma)
{
	kulong start = vma->vm_start;

	if (vma->vm_flags & VM_GROWSDOWN)
		start = start > STACK_GUARD_GAP ? start - STACK_GUARD_GAP : 0;
	return start;
}

/* ---- limits.cc ---- */
#define STACK_LIMIT ((kulong)8 << 20)
#define MLOCK_LIMIT ((kulong)64 << 10)
/* Once, at boot: what the reserves are depends on the memory then free. */
void overcommit_init(struct machine *machine);
/* The soft limit of current's process, bytes. */
kulong rlimit(u32 resource);
/* -EINVAL: no such resource, or soft above hard.  No lock. */
int set_rlimit(struct mm_struct *mm, u32 resource, u64 soft, u64 hard);
/* RLIMIT_AS, and RLIMIT_DATA if a mapping of vm_flags is data; sem held. */
bool may_expand_vm(struct mm_struct *mm, kulong vm_flags, kulong npages);
/* 0, or -EAGAIN when len more bytes must not be locked; sem held. */
int mlock_future_check(struct mm_struct *mm, kulong vm_flags, kulong len);
bool can_do_mlock(void);
/* Charges npages of committed memory: 0, or -ENOMEM and nothing charged.  mm:
 * who asks, NULL for the kernel. */
int security_vm_enough_memory(struct mm_struct *mm, kulong npages);
/* Gives charged pages back. */
void vm_unacct_memory(kulong pages);

/* ---- vmacache.cc ---- */
struct vm_area_struct *vmacache_find(struct mm_struct *mm, kulong addr);
void vmacache_update(kulong addr, struct vm_area_struct *vma);
void vmacache_flush(struct task_struct *task);
/* sem held for write. */
void vmacache_invalidate(struct mm_struct *mm);
#ifndef CONFIG_MMU
struct vm_area_struct *vmacache_find_exact(struct mm_struct *mm, kulong start,
					   kulong end);
#endif

/* ---- mprotect.cc ---- */
s64 do_mprotect(kulong start, size_t len, kulong prot);
int mprotect_fixup(struct vm_area_struct *vma, struct vm_area_struct **pprev,
		   kulong start, kulong end, kulong newflags);

/* ---- mremap.cc ---- */
s64 do_mremap(kulong addr, kulong old_len, kulong new_len, kulong flags,
	      kulong new_addr);

/* ---- brk.cc ---- */
/* The end of the heap afterwards, bytes; -EINTR. */
s64 do_sys_brk(kulong brk);
int do_brk_flags(kulong addr, kulong request, kulong flags);
/* The same for who does not hold sem; -EINTR when killed. */
int vm_brk_flags(kulong addr, kulong len, kulong flags);
/* -EINVAL unless page aligned, in order, and in user space.  [host] */
int set_start_brk(struct mm_struct *mm, u64 start_data, u64 end_data,
		  u64 start_brk);

/* ---- expand_stack.cc; sem held for read or write ---- */
int expand_downwards(struct vm_area_struct *vma, kulong address);
/* The vma is the first above address and has VM_GROWSDOWN. */
int expand_stack(struct vm_area_struct *vma, kulong address);
/* The vma of addr, grown down to it if it is a stack; NULL. */
struct vm_area_struct *find_extend_vma(struct mm_struct *mm, kulong addr);

/* ---- madvise.cc ---- */
s64 do_madvise(kulong start, size_t len, int behavior);

/* ---- interval_tree.cc: mapping->i_mmap and anon_vma->rb_root ---- */
void vma_interval_tree_insert(struct vm_area_struct *node,
			      struct rb_root *root);
/* node shares prev's start pgoff neighbourhood: placed right after prev. */
void vma_interval_tree_insert_after(struct vm_area_struct *node,
				    struct vm_area_struct *prev,
				    struct rb_root *root);
void vma_interval_tree_remove(struct vm_area_struct *node,
			      struct rb_root *root);
struct vm_area_struct *vma_interval_tree_iter_first(struct rb_root *root,
						    kulong first, kulong last);
struct vm_area_struct *vma_interval_tree_iter_next(struct vm_area_struct *node,
						   kulong first, kulong last);
#define vma_interval_tree_foreach(vma, root, first, last)               \
	for (vma = vma_interval_tree_iter_first(root, first, last); vma; \
	     vma = vma_interval_tree_iter_next(vma, first, last))
void anon_vma_interval_tree_insert(struct anon_vma_chain *node,
				   struct rb_root *root);
void anon_vma_interval_tree_remove(struct anon_vma_chain *node,
				   struct rb_root *root);
struct anon_vma_chain *
anon_vma_interval_tree_iter_first(struct rb_root *root, kulong first,
				  kulong last);
struct anon_vma_chain *
anon_vma_interval_tree_iter_next(struct anon_vma_chain *node, kulong first,
				 kulong last);

/* ---- rmap.cc ---- */
int __anon_vma_prepare(struct vm_area_struct *vma);
static inline int anon_vma_prepare(struct vm_area_struct *vma)
{
	/* No lock yet: __anon_vma_prepare looks again under page_table_lock. */
	return likely(READ_ONCE(vma->anon_vma)) ? 0 : __anon_vma_prepare(vma);
}
int anon_vma_clone(struct vm_area_struct *dst, struct vm_area_struct *src);
/* vma: the child's copy of pvma; both sems held for write.  0 or -ENOMEM. */
int anon_vma_fork(struct vm_area_struct *vma, struct vm_area_struct *pvma);
void unlink_anon_vmas(struct vm_area_struct *vma);
static inline void anon_vma_lock_write(struct anon_vma *anon_vma)
{
	down_write(&anon_vma->root->rwsem);
}
static inline void anon_vma_unlock_write(struct anon_vma *anon_vma)
{
	up_write(&anon_vma->root->rwsem);
}
/* pte lock held for all of these. */
void page_add_new_anon_rmap(struct page *page, struct vm_area_struct *vma,
			    kulong address);
void page_add_anon_rmap(struct page *page, struct vm_area_struct *vma,
			kulong address);
void page_add_file_rmap(struct page *page);
void page_remove_rmap(struct page *page);
void page_move_anon_rmap(struct page *page, struct vm_area_struct *vma);
bool PageAnon(struct page *page);

/* ---- memory.cc ---- */
/*
 * VM_FAULT bits.  sem held for read on entry and on return, except for
 * VM_FAULT_RETRY: not held (unless FAULT_FLAG_RETRY_NOWAIT).
 */
int handle_mm_fault(struct vm_area_struct *vma, kulong address, u32 flags);
int finish_fault(struct vm_fault *vmf);
int alloc_set_pte(struct vm_fault *vmf, struct page *page);
struct page *vm_normal_page(struct vm_area_struct *vma, kulong addr,
			    pte_t pte);
/* 0, -EINVAL, -ENOMEM; sem held for write.  addr, size: bytes, in the vma. */
int remap_pfn_range(struct vm_area_struct *vma, kulong addr, kulong pfn,
		    kulong size, pgprot_t prot);
/* 0, -EFAULT, -EBUSY, -ENOMEM; needs VM_MIXEDMAP. */
int vm_insert_mixed(struct vm_area_struct *vma, kulong addr, kulong pfn);
/* *pfn of a VM_IO or VM_PFNMAP mapping; -EINVAL when there is none. */
int follow_pfn(struct vm_area_struct *vma, kulong address, kulong *pfn);
struct mmu_gather {
	struct mm_struct *mm;
	kulong start, end; /* bytes; end 0: nothing to flush */
	bool fullmm;
	u32 nr;
	struct page *pages[64]; /* freed once the TLB is flushed */
};
/* start 0 and end ~0: the whole mm goes.  Otherwise a hint. */
void tlb_gather_mmu(struct mmu_gather *tlb, struct mm_struct *mm, kulong start,
		    kulong end);
void tlb_finish_mmu(struct mmu_gather *tlb, kulong start, kulong end);
/* The pte of addr was changed: to be flushed. */
void tlb_remove_tlb_entry(struct mmu_gather *tlb, kulong addr);
/* May flush and free at once when the batch is full. */
void tlb_remove_page(struct mmu_gather *tlb, struct page *page);
/* A table that covered addr (pte_free_tlb, pmd_free_tlb, pud_free_tlb). */
void tlb_remove_table(struct mmu_gather *tlb, struct page *table, kulong addr);
void unmap_vmas(struct mmu_gather *tlb, struct vm_area_struct *vma,
		kulong start, kulong end);
void zap_page_range(struct vm_area_struct *vma, kulong start, kulong size);
/*
 * Unmaps [holebegin, holebegin + holelen) of a file, rounded outwards to
 * pages, from every vma; holelen 0: to the end.  even_cows: private copies
 * too.  Bytes; i_mmap_rwsem not held.
 */
void unmap_mapping_range(struct address_space *mapping, loff_t holebegin,
			 loff_t holelen, int even_cows);
void free_pgtables(struct mmu_gather *tlb, struct vm_area_struct *vma,
		   kulong floor, kulong ceiling);
void unlink_file_vma(struct vm_area_struct *vma); /* mmap.cc */
kulong change_protection(struct vm_area_struct *vma, kulong start, kulong end,
			 pgprot_t newprot,
			 bool dirty_accountable); /* mprotect.cc */

/* In 4.13 a vma without vm_ops is anonymous, whatever else it is. */
static inline bool vma_is_anonymous(const struct vm_area_struct *vma)
{
	return !vma->vm_ops;
}
static inline bool is_cow_mapping(kulong flags)
{
	return (flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}
static inline pgoff_t linear_page_index(const struct vm_area_struct *vma,
					kulong address)
{
	return ((address - vma->vm_start) >> PAGE_SHIFT) + vma->vm_pgoff;
}
static inline void add_mm_counter(struct mm_struct *mm, int member, klong n)
{
	atomic_long_add(n, &mm->rss_stat[member]);
}
static inline kulong get_mm_counter(struct mm_struct *mm, int member)
{
	const klong n = atomic_long_read(&mm->rss_stat[member]);

	return n < 0 ? 0 : (kulong)n;
}
static inline kulong get_mm_rss(struct mm_struct *mm)
{
	return get_mm_counter(mm, MM_FILEPAGES) +
	       get_mm_counter(mm, MM_ANONPAGES) +
	       get_mm_counter(mm, MM_SHMEMPAGES);
}
static inline int mm_counter_file(struct page *page)
{
	return PageSwapBacked(page) ? MM_SHMEMPAGES : MM_FILEPAGES;
}
static inline int mm_counter(struct page *page)
{
	return PageAnon(page) ? MM_ANONPAGES : mm_counter_file(page);
}

/* ---- shmem.cc ---- */
/* Gives a shared vma without a file one that has no name; 0 or -errno.  sem
 * held for write. */
int shmem_zero_setup(struct vm_area_struct *vma);
/* Once, at boot: the mount that such files live in. */
void shmem_init(struct machine *machine);
bool vma_is_shmem(const struct vm_area_struct *vma);
extern const struct file_system_type shmem_fs_type;
/* ---- ramfs.cc ---- */
extern const struct file_system_type ramfs_fs_type;

/* ---- pat.cc (x86) ---- */
int track_pfn_remap(struct vm_area_struct *vma, kulong pfn, kulong addr,
		    kulong size);
/* fork, vma is the parent's: 0, -EINVAL, -ENOMEM. */
int track_pfn_copy(struct vm_area_struct *vma);
/* Undoes it: the child's copy of vma was not filled. */
void untrack_pfn_copy(struct vm_area_struct *dst_vma,
		      struct vm_area_struct *vma);
void untrack_pfn(struct vm_area_struct *vma, kulong pfn, kulong size);
/* The frames belong to another vma now. */
void untrack_pfn_moved(struct vm_area_struct *vma);

/* ---- fault.cc: the architecture's page fault; gup.cc, futex.cc ---- */
#define PF_PROT 1
#define PF_WRITE 2
#define PF_USER 4
#define PF_INSTR 16
/* x86's __do_page_fault: error_code of PF_*, no locks held. */
void do_page_fault(kulong address, u32 error_code);
/* 0, -EFAULT, -ENOMEM, -EHWPOISON; sem held for read on entry; on return too.
 * unlocked: set when sem was dropped in between; NULL: it may not be. */
int fixup_user_fault(struct task_struct *task, struct mm_struct *mm,
		     kulong address, u32 fault_flags, bool *unlocked);

/* ---- memory_copy.cc ---- */
/* 0, -ENOMEM, -EINVAL; both sems held for write; vma is src_mm's, dst_vma its
 * copy in dst_mm. */
int copy_page_range(struct mm_struct *dst_mm, struct mm_struct *src_mm,
		    struct vm_area_struct *dst_vma,
		    struct vm_area_struct *vma);

/* ---- fork.cc ---- */
/* child has no mm and does not run.  0, -ENOMEM, -EINTR. */
s64 sys_fork(struct task_struct *child);

/* ---- mm_init.cc (kernel/fork.c's half) ---- */
struct mm_struct *mm_alloc(struct machine *machine);
/* Frees mm and returns NULL without memory for its pgd. */
struct mm_struct *mm_init(struct mm_struct *mm);
void exit_mm(void); /* current's */
void exit_oom_victim(void); /* oom_kill.cc: after the mm is gone */
bool mmget_not_zero(struct mm_struct *mm);
void mmgrab(struct mm_struct *mm);
void mmput(struct mm_struct *mm);
void mmdrop(struct mm_struct *mm);
void mm_caches_init(struct machine *machine);

/* ---- debug.cc ---- */
/* Reports FL_REPORT_BAD for each thing wrong; returns how many.  sem held or
 * nobody else running. */
u32 validate_mm(struct mm_struct *mm);
/*
 * Those of its checks that hold at any step for who has mmap_sem for reading;
 * 0 while somebody may be changing what they look at.  Takes no lock.
 */
u32 validate_mm_running(struct mm_struct *mm);
/* debug_page.cc: the part of it that concerns ptes and pages. */
u32 validate_pages(struct mm_struct *mm);
/* vmacache.cc: a slot that the sequence number calls valid names a vma of the
 * mm.  Reports and counts likewise. */
u32 check_vmacaches(const struct mm_struct *mm);
/* check_mm of kernel/fork.c: at the end of an mm. */
void check_mm(struct mm_struct *mm);

/* ---- task_mmu.cc ---- */
u64 proc_pid_maps(struct mm_struct *mm, char *text, u64 bytes);
/* task_smaps.cc */
u64 proc_pid_smaps(struct mm_struct *mm, char *text, u64 bytes);
u64 pagemap_read(struct mm_struct *mm, u64 addr, u64 pages, u64 *entries);
void walk_page_info(struct mm_struct *mm,
		    void (*visit)(const struct fl_page_info *, void *),
		    void *cookie);

FL_END_DECLS

#endif /* FAULTLINE_MM_MM_H_ */
