/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of mm/ share among themselves and offer to nobody else
 * (mm/internal.h, the statics of mm/mmap.c).
 */
#ifndef FAULTLINE_MM_INTERNAL_H_
#define FAULTLINE_MM_INTERNAL_H_

#include "mm/mm.h"

FL_BEGIN_DECLS

/*
 * The three callbacks of an augmented tree, as static functions called
 * name_propagate, name_copy and name_rotate, and their table `name`.  field
 * of type holds what compute(node) gives.  propagate stops where nothing
 * changes.
 */
#define FL_RB_CALLBACKS(name, type, rbfield, field, compute)                  \
	static void name##_propagate(struct rb_node *rb, struct rb_node *stop) \
	{                                                                     \
		while (rb != stop) {                                          \
			type *node = rb_entry(rb, type, rbfield);             \
			kulong augmented = compute(node);                     \
			if (node->field == augmented)                         \
				break;                                        \
			node->field = augmented;                              \
			rb = rb_parent(&node->rbfield);                       \
		}                                                             \
	}                                                                     \
	static void name##_copy(struct rb_node *old, struct rb_node *next)    \
	{                                                                     \
		rb_entry(next, type, rbfield)->field =                        \
			rb_entry(old, type, rbfield)->field;                  \
	}                                                                     \
	static void name##_rotate(struct rb_node *old, struct rb_node *next)  \
	{                                                                     \
		type *node = rb_entry(old, type, rbfield);                    \
		rb_entry(next, type, rbfield)->field = node->field;           \
		node->field = compute(node);                                  \
	}                                                                     \
	static const struct rb_augment_callbacks name = {                     \
		name##_propagate, name##_copy, name##_rotate                  \
	};

static inline kulong fl_min(kulong a, kulong b)
{
	return a < b ? a : b;
}
static inline kulong fl_max(kulong a, kulong b)
{
	return a > b ? a : b;
}

/* First and last page of the object that a vma maps: its interval key. */
static inline kulong vma_start_pgoff(const struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}
static inline kulong vma_last_pgoff(const struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

/*
 * Changes of i_mmap exclude the cache maintenance of aliasing data caches:
 * ARM takes the tree lock for it, x86 nothing.
 */
static inline void flush_dcache_mmap_lock(struct address_space *mapping)
{
#ifdef CONFIG_ARM
	spin_lock(&mapping->tree_lock);
#else
	(void)mapping;
#endif
}
static inline void flush_dcache_mmap_unlock(struct address_space *mapping)
{
#ifdef CONFIG_ARM
	spin_unlock(&mapping->tree_lock);
#else
	(void)mapping;
#endif
}

/* Where free_pgtables stops at the latest; 0: at the end of the tables. */
#ifdef CONFIG_ARM
#define USER_PGTABLES_CEILING TASK_SIZE
#else
#define USER_PGTABLES_CEILING ((kulong)0)
#endif

/* prot and flags of the uapi headers; prot values are also VM_ bits. */
#define PROT_READ 0x1
#define PROT_WRITE 0x2
#define PROT_EXEC 0x4
#define PROT_SEM 0x8
#define PROT_NONE 0x0
#define PROT_GROWSDOWN 0x01000000
#define PROT_GROWSUP 0x02000000
#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_TYPE 0x0f
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_32BIT 0x40
#define MAP_GROWSDOWN 0x0100
#define MAP_DENYWRITE 0x0800
#define MAP_EXECUTABLE 0x1000
#define MAP_LOCKED 0x2000
#define MAP_NORESERVE 0x4000
#define MAP_POPULATE 0x8000
#define MAP_NONBLOCK 0x10000
#define MAP_STACK 0x20000

/* The lowest address an ordinary process may map (mmap_min_addr). */
#define MMAP_MIN_ADDR ((kulong)0x10000)

/* Data segment, heap and stack: readable and writable. */
static inline kulong vm_data_default_flags(const struct mm_struct *mm)
{
	return VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC |
	       (mm->read_implies_exec ? VM_EXEC : 0);
}

/* VM_READ, VM_WRITE and VM_EXEC as prot asks. */
static inline kulong calc_vm_prot_bits(kulong prot)
{
	return prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* ---- mmap.cc ---- */
/* -ENOMEM when [addr, end) overlaps a vma; else where to link a new one. */
int find_vma_links(struct mm_struct *mm, kulong addr, kulong end,
		   struct vm_area_struct **pprev, struct rb_node ***rb_link,
		   struct rb_node **rb_parent);
/* sem held for write: list and tree of the mm, not i_mmap, not map_count. */
void __vma_link(struct mm_struct *mm, struct vm_area_struct *vma,
		struct vm_area_struct *prev, struct rb_node **rb_link,
		struct rb_node *rb_parent);
/* The tree's half alone; the list is right already. */
void __vma_link_rb(struct mm_struct *mm, struct vm_area_struct *vma,
		   struct rb_node **rb_link, struct rb_node *rb_parent);
/* i_mmap_rwsem held for write. */
void __vma_link_file(struct vm_area_struct *vma);
void __remove_shared_vm_struct(struct vm_area_struct *vma,
			       struct address_space *mapping);
void vma_link(struct mm_struct *mm, struct vm_area_struct *vma,
	      struct vm_area_struct *prev, struct rb_node **rb_link,
	      struct rb_node *rb_parent);
/*
 * A vma like *vmap for [addr, addr + len), which must be free, or a neighbour
 * of the place that has grown over it; NULL: no memory.  *vmap changes when it
 * was merged into the result.  *need_rmap_locks: a reverse map walk may come
 * to the new place first, so that moving a pte needs the rmap locks.
 * sem held for write.
 */
struct vm_area_struct *copy_vma(struct vm_area_struct **vmap, kulong addr,
				kulong len, pgoff_t pgoff,
				bool *need_rmap_locks);

/*
 * Links a vma of the caller's where nothing is; sem held for write.  0, or
 * -ENOMEM: something is there, or it may not be charged.
 */
int insert_vm_struct(struct mm_struct *mm, struct vm_area_struct *vma);

/* ---- mremap.cc ---- */
/* Bytes that were moved: fewer than len when a table could not be had.  sem
 * held for write. */
kulong move_page_tables(struct vm_area_struct *vma, kulong old_addr,
			struct vm_area_struct *new_vma, kulong new_addr,
			kulong len, bool need_rmap_locks);

/* ---- limits.cc ---- */
#define OVERCOMMIT_GUESS 0
#define OVERCOMMIT_ALWAYS 1
#define OVERCOMMIT_NEVER 2
void rlimits_init(struct mm_struct *mm);
/* Private writable memory has to be backed by something one day. */
bool accountable_mapping(kulong vm_flags);
/* Pages of [addr, end) that are mapped; sem held. */
kulong count_vma_pages_range(struct mm_struct *mm, kulong addr, kulong end);
/* -ENOSPC when a heap up to brk and the data segment are beyond rlim. */
int check_data_rlimit(kulong rlim, kulong brk, kulong start, kulong end_data,
		      kulong start_data);

/* ---- vma_adjust.cc: around a change of vm_start, vm_end or vm_pgoff; the
 * rwsem of the anon_vma held for write ---- */
void anon_vma_interval_tree_pre_update_vma(struct vm_area_struct *vma);
void anon_vma_interval_tree_post_update_vma(struct vm_area_struct *vma);

/* ---- mlock.cc ---- */
/* The page is locked; its Mlocked mark. */
void mlock_vma_page(struct page *page);
void munlock_vma_page(struct page *page);
/* The page has lost its last pte. */
void clear_page_mlock(struct page *page);
/* A new anonymous page of the vma, mapped by nobody else. */
void lru_cache_add_active_or_unevictable(struct page *page,
					 struct vm_area_struct *vma);
/* [start, end) of a locked vma: clears VM_LOCKED of the vma and the marks.
 * sem held for write, or nobody else is left. */
void munlock_vma_pages_range(struct vm_area_struct *vma, kulong start,
			     kulong end);
static inline void munlock_vma_pages_all(struct vm_area_struct *vma)
{
	munlock_vma_pages_range(vma, vma->vm_start, vma->vm_end);
}

/* ---- munmap.cc ---- */
/* sem held for write; vma is in no list any more, its neighbours are prev and
 * what follows prev. */
void unmap_region(struct mm_struct *mm, struct vm_area_struct *vma,
		  struct vm_area_struct *prev, kulong start, kulong end);

/* ---- unmapped_area.cc: the gaps in mm_rb; sem held for write ---- */
/* Bytes of the largest hole right below a vma of the subtree. */
kulong vma_compute_subtree_gap(struct vm_area_struct *vma);
/* To be called when vm_start, or vm_end of the vma below, has changed. */
void vma_gap_update(struct vm_area_struct *vma);
void vma_rb_insert(struct vm_area_struct *vma, struct rb_root *root);
void vma_rb_erase(struct vm_area_struct *vma, struct rb_root *root);
/* Where a process without a random layout starts mapping, downwards. */
kulong mmap_base(kulong task_size);

FL_END_DECLS

#endif /* FAULTLINE_MM_INTERNAL_H_ */
