/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walk from a page to the ptes that map it, and what is done with it
 * (include/linux/rmap.h).  The short operations on a page's counters and a
 * vma's anon_vma stand in mm.h.
 */
#ifndef FAULTLINE_MM_RMAP_H_
#define FAULTLINE_MM_RMAP_H_

#include "mm/mm.h"
#include "mm/pgtable.h"

FL_BEGIN_DECLS

/* ---- rmap.cc ---- */
struct anon_vma *page_anon_vma(struct page *page); /* NULL: not anonymous */
static inline void get_anon_vma(struct anon_vma *anon_vma)
{
	atomic_inc(&anon_vma->refcount);
}
/* The last reference frees it, and its root's may go with it. */
void put_anon_vma(struct anon_vma *anon_vma);
void __put_anon_vma(struct anon_vma *anon_vma);
static inline void anon_vma_lock_read(struct anon_vma *anon_vma)
{
	down_read(&anon_vma->root->rwsem);
}
static inline void anon_vma_unlock_read(struct anon_vma *anon_vma)
{
	up_read(&anon_vma->root->rwsem);
}

/* ---- page_vma_mapped.cc ---- */
#define PVMW_SYNC 1      /* look under the lock only */
#define PVMW_MIGRATION 2 /* the page's migration entries, not its ptes */
/* page, vma, address, flags are the caller's; the rest is NULL at first. */
struct page_vma_mapped_walk {
	struct page *page;
	struct vm_area_struct *vma;
	kulong address;
	pmd_t *pmd;
	pte_t *pte;
	spinlock_t *ptl;
	u32 flags;
};
/*
 * True: pte maps the page, ptl is held.  Called again, or when it is false,
 * nothing is held.  Something that keeps the tables is held by the caller
 * (the rmap lock through which the vma was found).
 */
bool page_vma_mapped_walk(struct page_vma_mapped_walk *pvmw);
/* Drops ptl before the walk has come to its end. */
static inline void
page_vma_mapped_walk_done(struct page_vma_mapped_walk *pvmw)
{
	if (pvmw->ptl)
		spin_unlock(pvmw->ptl);
	pvmw->ptl = NULL;
}

/* ---- rmap_walk.cc ---- */
struct rmap_walk_control {
	void *arg;
	/* False ends the walk.  The rmap lock is held, no pte lock. */
	bool (*rmap_one)(struct page *page, struct vm_area_struct *vma,
			 kulong address, void *arg);
	bool (*done)(struct page *page);         /* may be NULL; true: enough */
	struct anon_vma *(*anon_lock)(struct page *page); /* may be NULL */
	bool (*invalid_vma)(struct vm_area_struct *vma, void *arg); /* too */
};
/* Every vma that may map the page; the page is locked if a file's. */
void rmap_walk(struct page *page, struct rmap_walk_control *rwc);
/* With the root's rwsem held for read, or NULL: the page is not mapped. */
struct anon_vma *page_lock_anon_vma_read(struct page *page);
/* With a reference, or NULL likewise. */
struct anon_vma *page_get_anon_vma(struct page *page);

#ifdef CONFIG_MMU
/*
 * How many ptes were used since the last call; clears their accessed bits.
 * *vm_flags: those of the vmas that used it.  is_locked: the page is.
 */
int page_referenced(struct page *page, bool is_locked, kulong *vm_flags);
/* Write-protects and cleans the page's shared mappings; page locked.  How
 * many it was. */
int page_mkclean(struct page *page);

#define TTU_MIGRATION 0x1     /* leave migration entries behind */
#define TTU_MUNLOCK 0x2       /* only look for a VM_LOCKED mapping */
#define TTU_IGNORE_MLOCK 0x8
#define TTU_IGNORE_ACCESS 0x10
#define TTU_BATCH_FLUSH 0x40  /* the caller flushes: try_to_unmap_flush */
/* True: nobody maps the page any more.  Page locked and referenced. */
bool try_to_unmap(struct page *page, u32 flags);
/* Flushes what TTU_BATCH_FLUSH put off; before the pages are freed. */
void try_to_unmap_flush(void);
/* The same, if any of it was dirty; before the pages are written out. */
void try_to_unmap_flush_dirty(void);
#else
#define TTU_BATCH_FLUSH 0x40
/* No pte maps anything. */
static inline int page_referenced(struct page *page, bool is_locked,
				  kulong *vm_flags)
{
	(void)page;
	(void)is_locked;
	*vm_flags = 0;
	return 0;
}
static inline bool try_to_unmap(struct page *page, u32 flags)
{
	(void)page;
	(void)flags;
	return false;
}
static inline void try_to_unmap_flush(void)
{
}
static inline void try_to_unmap_flush_dirty(void)
{
}
#endif

/* ---- memory_unmap.cc ---- */
/* sem held; the ptes of [addr, end), which lies in the vma. */
void unmap_page_range(struct mmu_gather *tlb, struct vm_area_struct *vma,
		      kulong addr, kulong end,
		      const struct zap_details *details);

/* ---- migrate.cc ---- */
/* a_ops->migratepage of a mapping whose pages are nothing but memory. */
int migrate_page(struct address_space *mapping, struct page *newpage,
		 struct page *page);
/* Sleeps until the entry at address, if one is there, is a pte again.  sem
 * held for read, pte lock not. */
void migration_entry_wait(struct mm_struct *mm, pmd_t *pmd, kulong address);
/*
 * Moves up to nr pages of the LRU list to other frames, oldest first, as
 * compaction does.  How many it moved.
 */
s64 compact_pages(u64 nr);

/* ---- vmscan.cc ---- */
/* True: the clean page, which nobody but the caller and the cache has, is out
 * of the cache; the caller's reference is the last.  Page locked. */
bool remove_mapping(struct address_space *mapping, struct page *page);
/* Frees up to nr pages of the page cache, oldest first.  How many it freed. */
s64 reclaim_pages(u64 nr);
/* Asks of the nr oldest pages of the LRU list who used them.  How many ptes
 * had been. */
s64 age_pages(u64 nr);

/* ---- oom_kill.cc ---- */
/* The points of a task, 0: it is not to be killed. */
kulong oom_badness(struct task_struct *task, kulong totalpages);
/* True: somebody is, or was already, chosen to die.  oom_lock held. */
bool out_of_memory(void);
/* Chooses and kills as out_of_memory; 0, or -EAGAIN when nobody could be. */
s64 oom_kill(void);
/* Zaps what the victims that wait for it have private; how many mms it was. */
s64 oom_reap(void);

FL_END_DECLS

#endif /* FAULTLINE_MM_RMAP_H_ */
