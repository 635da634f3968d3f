/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct machine: all the state there is.  It stands at the start of its
 * arena, everything else of the machine follows in the same arena:
 *
 *   | machine | CPUs | scratch | slab region | mem_map | RAM frames | ROM |
 *
 * Which lock protects what stands beside each field; what has no note is
 * constant after machine_boot.
 */
#ifndef FAULTLINE_MM_SYNC_MACHINE_H_
#define FAULTLINE_MM_SYNC_MACHINE_H_

#include "mm/interface.h"
#include "mm/sync/cpumask.h"
#include "mm/sync/list.h"
#include "mm/sync/lock.h"
#include "mm/sync/page.h"
#include "mm/sync/percpu_counter.h"
#include "mm/sync/sched.h"
#include "mm/sync/types.h"

FL_BEGIN_DECLS

#define FL_MAX_CACHES 32
#define FL_BIT_WAIT_BUCKETS 64
#define FL_SCRATCH_BYTES (96 * 1024)

struct super_block;
struct cramfs_read_buffers;

struct kmem_cache {
	struct machine *machine;
	const char *name;
	u32 object_bytes; /* as asked for */
	u32 stride;       /* with redzone and alignment */
	spinlock_t lock;
	void *free_first;  /* lock; LIFO, or FIFO in explored builds */
	void *free_last;   /* lock */
	u64 live;          /* lock */
	u64 ever;          /* lock */
};

struct bit_wait_bucket {
	spinlock_t lock;
	struct list_head waiters; /* lock */
};

/* Later upstream fixes that are switches; see fix_name(). */
enum fl_fix {
	FL_FIX_FAULT_PREALLOC, /* do_fault's preallocated pte page freed
				  through a saved mm, fc8efd2ddfed */
	FL_FIX_MM_FAULT_ERROR, /* mm_fault_error keeps no vma, a3c4fb7c9c2e */
	FL_FIX_VMA_IS_ANONYMOUS, /* vma_is_anonymous false positives,
				    bfd40eaff5ab */
	FL_FIX_CRAMFS_LAST_BLOCK, /* a last direct raw block may be whole */
	FL_FIX_CRAMFS_SHORT_ENTRY, /* directory entries by their own length */
	FL_FIX_CRAMFS_ALIAS, /* one inode for each entry */
	FL_FIX_CRAMFS_BOUNDS, /* nothing outside the image is mapped */
	FL_FIX_MMAP_REGION_UNACCT, /* a mapping that its file refuses gives
				      back the commit it was charged */
	FL_FIX_PAT_FORK, /* a fork that fails gives PAT's range back,
			    dc84bc2aba85 */
	FL_FIX_SHMEM_FAULT_PIN, /* shmem_fault holds the file while it waits
				   without mmap_sem, 8897c1b1a179 */
	FL_FIX_VMACACHE_WRAP, /* 64-bit sequence numbers, 7a9cdebdcc17 */
	FL_FIX_KVM_REFCOUNT, /* KVM counts only what is counted,
				f8be156be163 */
	FL_FIX_HANDLE_USERFAULT, /* handle_userfault does not take mmap_sem
				    back (5.7) */
	FL_FIX_MOVE_PTES_FLUSH, /* mremap flushes before others can free
				   what it moved, eb66ae030829 */
#if FAULTLINE_PLANTED
	/* Not the kernel's: off plants a bug for the checkers' tests. */
	FL_FIX_PLANTED_MPROTECT_FLUSH, /* mprotect flushes */
	FL_FIX_PLANTED_FREE_AFTER_FLUSH, /* pages go after the flush */
#endif
	FL_FIXES
};

/* mm/fixes.cc */
struct fl_fix_text {
	enum fl_fix fix;
	const char *name, *summary;
};
extern const struct fl_fix_text fl_fix_texts[FL_FIXES];

#define FL_TLB_ENTRIES 64

/*
 * A processor (cpu_tlbstate of 4.13, and the TLB itself); see mm/tlb.cc.
 * busy protects the rest: who made it 1 is the processor, or interrupts it.
 */
struct cpu_tlbstate {
	u32 busy; /* atomic; 1: in the middle of an instruction */
	u32 cpu;  /* its number */
	u32 filled; /* 0: no slot is in use */
	struct mm_struct *loaded_mm; /* whose tables it walks, or NULL */
	struct {
		kulong tag; /* virtual page + 1; 0: empty */
		kulong pte; /* as read, with what was set in it */
	} tlb[FL_TLB_ENTRIES]; /* direct mapped by the page's number */
} __attribute__((aligned(64)));

struct machine {
	struct fl_machine_config config;
	char *arena;
	u64 arena_bytes;

	struct cpu_tlbstate *cpu_tlbstate; /* config.cpus of them */

	void *scratch; /* FL_SCRATCH_BYTES, see machine_scratch() */
	char *slab_base, *slab_end;
	char *slab_next; /* slab_lock */
	spinlock_t slab_lock;
	struct kmem_cache caches[FL_MAX_CACHES];
	u32 nr_caches;

	struct page *mem_map;
	char *ram;
	kulong ram_pfn, ram_pages;
	spinlock_t free_lock;
	struct list_head free_pages; /* free_lock */
	u64 nr_free;                 /* free_lock */
	char *rom;
	phys_addr_t rom_phys;
	u64 rom_bytes;

	/* Pages of the page cache and of processes, oldest first. */
	struct list_head lru; /* lru_lock */
	spinlock_t lru_lock;  /* raw */
	u64 nr_lru;           /* lru_lock */

	struct mutex oom_lock;
	spinlock_t oom_reaper_lock;
	struct task_struct *oom_reaper_list; /* oom_reaper_lock */
	atomic_t oom_victims;

	spinlock_t typesafe_lock; /* raw */
	u32 typesafe_readers;     /* typesafe_lock */
	struct rcu_deferred *typesafe_objects; /* typesafe_lock */

	struct bit_wait_bucket bit_wait[FL_BIT_WAIT_BUCKETS];
	struct list_head tasks; /* tasks_lock */
	spinlock_t tasks_lock;

	struct page *zero_page; /* ZERO_PAGE(0), reserved */
	struct task_struct init_task; /* `current` of [host] calls */
	u32 sysctl_max_map_count;
	kulong fault_around_bytes;
	u64 fixes_off; /* bit per enum fl_fix */

	/* Committed memory, pages; see mm/limits.cc. */
	struct percpu_counter vm_committed_as;
	struct percpu_counter nr_file_pages; /* in any page cache */
	struct percpu_counter nr_shmem;      /* of those: of shmem */
	u32 sysctl_overcommit_memory;        /* 0 guess, 1 always, 2 never */
	u32 sysctl_overcommit_ratio;         /* percent of RAM */
	kulong sysctl_overcommit_kbytes;     /* 0: the ratio counts */
	kulong sysctl_user_reserve_kbytes, sysctl_admin_reserve_kbytes;

	struct kmem_cache *task_cachep;
	struct kmem_cache *mm_cachep, *vm_area_cachep;
	struct kmem_cache *anon_vma_cachep, *anon_vma_chain_cachep;
	struct kmem_cache *filp_cachep, *inode_cachep, *dentry_cachep,
		*sb_cachep, *radix_cachep, *cramfs_sb_cachep,
		*cramfs_buffers_cachep, *shmem_inode_cachep;
	struct super_block *shm_mnt; /* of files without a name, shmem.cc */
	struct kmem_cache *kmalloc_caches[8]; /* 32 ... 4096 bytes */
	struct kmem_cache *pgd_cachep; /* ARM: 8 KiB, more than a frame */

	/* What boot itself keeps, for check_machine to compare with. */
	u64 boot_free_pages;
	u64 boot_objects[FL_MAX_CACHES];

	struct list_head super_blocks; /* sb_lock */
	spinlock_t sb_lock;

	/* Reserved PAT ranges (x86): a list of struct pat_range, pat_lock. */
	struct list_head pat_ranges;
	spinlock_t pat_lock;
	u64 nr_pat_ranges; /* pat_lock */

	struct nommu *nommu; /* mm/nommu.h; NULL: there is an MMU */

	struct mutex cramfs_read_mutex; /* cramfs' read_mutex */
	/* cramfs_read_mutex; cramfs' read buffers, NULL: nobody needs them */
	struct cramfs_read_buffers *cramfs_read_buffers;
};

static inline struct machine *current_machine(void)
{
	return current->machine;
}
static inline bool fl_fixed(const struct machine *machine, enum fl_fix fix)
{
	return !((machine->fixes_off >> fix) & 1);
}

/* machine_bytes, machine_boot, ... of struct fl_kernel, sync's part. */
u64 machine_layout_bytes(const struct fl_machine_config *config);
/* Arena, slab, mem_map, free pages, tasks list; no caches of mm yet. */
struct machine *machine_init(void *arena, u64 bytes,
			     const struct fl_machine_config *config,
			     const char **error);

/*
 * A [host] call runs as the machine's init_task: makes it `current` and
 * returns who was; machine_leave puts that back.
 */
struct task_struct *machine_enter(struct machine *machine);
void machine_leave(struct task_struct *before);

/* ---- events, for code that is not instrumented ---- */
extern struct fl_runtime fl_runtime __attribute__((visibility("hidden")));
void fl_attach_runtime(const struct fl_runtime *runtime);
void fl_event_at(u32 kind, const void *obj, u64 size, u32 arg,
		 const char *name, const void *pc);
#define FL_HERE __builtin_return_address(0)
#define fl_event(kind, obj, size, arg, name)                               \
	do {                                                               \
		if (unlikely(fl_runtime.event != NULL))                    \
			fl_event_at(kind, obj, size, arg, name, FL_HERE);  \
	} while (0)
static inline u32 fl_choose(u32 n, u32 why)
{
	return fl_runtime.choose(n, why);
}

FL_END_DECLS

#endif /* FAULTLINE_MM_SYNC_MACHINE_H_ */
