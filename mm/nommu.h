/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory management without an MMU: what the files nommu*.cc share and offer
 * to the rest of a build without CONFIG_MMU (the file-wide variables of
 * mm/nommu.c; mm/internal.h).
 *
 * An address that a program uses is a physical address: a frame of RAM, or a
 * byte of the ROM window.  Kernel code that looks at the bytes translates it
 * with phys_to_virt, as the arena of a machine does not lie there.
 *
 * Lock order: mmap_sem > nommu_region_sem > page lock, i_mmap_rwsem.
 */
#ifndef FAULTLINE_MM_NOMMU_H_
#define FAULTLINE_MM_NOMMU_H_

#include "mm/mm.h"

FL_BEGIN_DECLS

struct vm_region;

/* CONFIG_NOMMU_INITIAL_TRIM_EXCESS */
#define NOMMU_TRIM_EXCESS 1

/* One for each machine, from boot on. */
struct nommu {
	struct kmem_cache *vm_region_jar;
	struct rb_root nommu_region_tree;     /* nommu_region_sem */
	struct rw_semaphore nommu_region_sem;
	/* An allocation gives its end back when that is at least so many
	 * pages; 0: never. */
	int sysctl_nr_trim_pages;
	atomic_long_t mmap_pages_allocated; /* of all copies, pages */
};

static inline struct nommu *current_nommu(void)
{
	return current_machine()->nommu;
}

/* ---- nommu.cc ---- */
void mmap_init(struct machine *machine);
struct vm_area_struct *find_vma_exact(struct mm_struct *mm, kulong addr,
				      kulong len);
/* sem held for write. */
void add_vma_to_mm(struct mm_struct *mm, struct vm_area_struct *vma);
/* current's own cached lookups are the only ones that count. */
void delete_vma_from_mm(struct vm_area_struct *vma);
/* The vma is in no mm any more; its region loses a user. */
void delete_vma(struct mm_struct *mm, struct vm_area_struct *vma);

/* ---- nommu_region.cc; nommu_region_sem held for write but as noted ---- */
/* BUG when another region begins at the same address. */
void add_nommu_region(struct vm_region *region);
void delete_nommu_region(struct vm_region *region);
/* Takes the semaphore. */
void put_nommu_region(struct vm_region *region);
/* Pages of [from, to), bytes, page aligned; no lock. */
void free_page_series(kulong from, kulong to);
/* Reports FL_REPORT_BAD for each thing wrong with the tree and what it holds;
 * how many.  Held for reading, or nobody else runs. */
u32 validate_nommu_regions(struct machine *machine);
u64 count_nommu_regions(struct machine *machine);

/* ---- nommu_munmap.cc ---- */
/*
 * Before `inode` is cut from size to newsize bytes: -ETXTBSY when the part
 * that goes is mapped shared; else 0, and no region reaches behind newsize.
 */
int nommu_shrink_inode_mappings(struct inode *inode, u64 size, u64 newsize);

FL_END_DECLS

#endif /* FAULTLINE_MM_NOMMU_H_ */
