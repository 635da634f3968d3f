/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The structures of an address space (include/linux/mm_types.h, mm.h): mm,
 * vma, anon_vma, vm_fault.  Plain C structs with the kernel's field names;
 * the comment beside a field names the lock that protects it.
 */
#ifndef FAULTLINE_MM_MM_TYPES_H_
#define FAULTLINE_MM_MM_TYPES_H_

#include "mm/pgtable_types.h"
#include "mm/rbtree.h"
#include "mm/sync/cpumask.h"
#include "mm/sync/list.h"
#include "mm/sync/lock.h"
#include "mm/sync/page.h"
#include "mm/sync/slab.h"
#include "mm/sync/types.h"

FL_BEGIN_DECLS

struct file;
struct machine;
struct vm_area_struct;
struct vm_fault;

/* Bits of vm_flags. */
#define VM_NONE 0x0
#define VM_READ 0x1
#define VM_WRITE 0x2
#define VM_EXEC 0x4
#define VM_SHARED 0x8
#define VM_MAYREAD 0x10
#define VM_MAYWRITE 0x20
#define VM_MAYEXEC 0x40
#define VM_MAYSHARE 0x80
#define VM_GROWSDOWN 0x100
#define VM_UFFD_MISSING 0x200
#define VM_PFNMAP 0x400
#define VM_DENYWRITE 0x800
#define VM_LOCKED 0x2000
#define VM_IO 0x4000
#define VM_SEQ_READ 0x8000
#define VM_RAND_READ 0x10000
#define VM_DONTCOPY 0x20000
#define VM_DONTEXPAND 0x40000
#define VM_LOCKONFAULT 0x80000
#define VM_ACCOUNT 0x100000
#define VM_NORESERVE 0x200000
#define VM_HUGETLB 0x400000
#define VM_PAT 0x1000000
#define VM_MAPPED_COPY 0x1000000 /* no-MMU: the region owns its pages */
#define VM_DONTDUMP 0x4000000
#define VM_SOFTDIRTY 0x8000000
#define VM_MIXEDMAP 0x10000000
/* What munlock takes away. */
#define VM_LOCKED_CLEAR_MASK (~(kulong)(VM_LOCKED | VM_LOCKONFAULT))
/* A stack that exec has not yet moved to its place: no mapping has both. */
#define VM_STACK_INCOMPLETE_SETUP (VM_RAND_READ | VM_SEQ_READ)
#define VM_SPECIAL (VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP)

/* What a fault handler returns. */
#define VM_FAULT_OOM 0x0001
#define VM_FAULT_SIGBUS 0x0002
#define VM_FAULT_MAJOR 0x0004
#define VM_FAULT_WRITE 0x0008
#define VM_FAULT_HWPOISON 0x0010
#define VM_FAULT_HWPOISON_LARGE 0x0020
#define VM_FAULT_SIGSEGV 0x0040
#define VM_FAULT_NOPAGE 0x0100
#define VM_FAULT_LOCKED 0x0200
#define VM_FAULT_RETRY 0x0400
#define VM_FAULT_FALLBACK 0x0800
#define VM_FAULT_DONE_COW 0x1000
#define VM_FAULT_ERROR                                                  \
	(VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV |            \
	 VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE | VM_FAULT_FALLBACK)

/* What a caller of handle_mm_fault wants and allows. */
#define FAULT_FLAG_WRITE 0x01
#define FAULT_FLAG_MKWRITE 0x02
#define FAULT_FLAG_ALLOW_RETRY 0x04
#define FAULT_FLAG_RETRY_NOWAIT 0x08
#define FAULT_FLAG_KILLABLE 0x10
#define FAULT_FLAG_TRIED 0x20
#define FAULT_FLAG_USER 0x40
#define FAULT_FLAG_REMOTE 0x80
#define FAULT_FLAG_INSTRUCTION 0x100

struct vm_operations_struct {
	void (*open)(struct vm_area_struct *area);
	void (*close)(struct vm_area_struct *area);
	int (*mremap)(struct vm_area_struct *area);
	/* VM_FAULT bits; mmap_sem held for read on entry, see mm/memory.cc */
	int (*fault)(struct vm_fault *vmf);
	void (*map_pages)(struct vm_fault *vmf, pgoff_t start_pgoff,
			  pgoff_t end_pgoff);
	int (*page_mkwrite)(struct vm_fault *vmf);
	/* For access_process_vm where there are no pages: bytes done, or a
	 * negative number.  sem held for read. */
	int (*access)(struct vm_area_struct *vma, kulong addr, void *buf,
		      int len, int write);
};

struct anon_vma {
	struct anon_vma *root;
	struct rw_semaphore rwsem; /* the root's guards the whole tree */
	atomic_t refcount;
	unsigned degree;         /* root rwsem */
	struct anon_vma *parent;
	struct rb_root rb_root;  /* root rwsem: interval tree of chains */
	struct rcu_deferred deferred; /* once it is freed */
};

struct anon_vma_chain {
	struct vm_area_struct *vma;
	struct anon_vma *anon_vma;
	struct list_head same_vma; /* mmap_sem and page_table_lock */
	struct rb_node rb;         /* anon_vma->rwsem */
	kulong rb_subtree_last;    /* anon_vma->rwsem; pages */
};

struct vm_area_struct {
	/* mmap_sem; change only inside __vma_adjust while linked. */
	kulong vm_start; /* first byte */
	kulong vm_end;   /* first byte after */
	struct vm_area_struct *vm_next, *vm_prev; /* mmap_sem */
	struct rb_node vm_rb;                     /* mmap_sem */
	kulong rb_subtree_gap; /* mmap_sem; bytes: largest gap below in subtree */
	struct mm_struct *vm_mm;
	pgprot_t vm_page_prot; /* mmap_sem */
	kulong vm_flags;       /* mmap_sem */
	struct {
		struct rb_node rb;
		kulong rb_subtree_last; /* pages */
	} shared;              /* mapping->i_mmap_rwsem */
	struct list_head anon_vma_chain; /* mmap_sem and page_table_lock */
	struct anon_vma *anon_vma;       /* page_table_lock */
	const struct vm_operations_struct *vm_ops; /* mmap_sem */
	kulong vm_pgoff;       /* mmap_sem; pages, or a pfn (remap_pfn_range) */
	struct file *vm_file;  /* reference held, may be NULL */
	void *vm_private_data; /* mmap_sem; the driver's */
#ifndef CONFIG_MMU
	struct vm_region *vm_region; /* mmap_sem; one vm_usage of it */
#endif
};

#ifndef CONFIG_MMU
/*
 * Memory that one or more vmas, of any mm, map: a copy that belongs to the
 * region (VM_MAPPED_COPY), or what a device or file system lends.  Addresses
 * are physical, bytes.  All fields: nommu_region_sem, but vm_file and
 * vm_pgoff, which stay as they are while the region has one vma only.
 */
struct vm_region {
	struct rb_node vm_rb; /* by vm_start */
	kulong vm_flags;
	kulong vm_start, vm_end; /* what may be mapped */
	kulong vm_top;           /* end of what was allocated */
	kulong vm_pgoff;         /* pages, of vm_start in vm_file */
	struct file *vm_file;    /* reference held; NULL: anonymous */
	int vm_usage;            /* vmas */
	bool vm_icache_flushed;  /* an executable mapping was made */
};
#endif

/* Limits of a process that are modelled; bytes, as in the uapi header. */
#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_MEMLOCK 8
#define RLIMIT_AS 9
#define RLIM_NLIMITS 16
#define RLIM_INFINITY (~(kulong)0)

struct rlimit {
	kulong rlim_cur, rlim_max;
};

enum { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES,
       NR_MM_COUNTERS };

/* Entries of the auxiliary vector, kulongs. */
#define AT_VECTOR_SIZE (2 * (2 + 20 + 1))

/* The userfaultfd of a process, open from the start. */
struct userfaultfd_ctx {
	spinlock_t lock;
	struct list_head waiters; /* lock */
};

struct mm_struct {
	struct vm_area_struct *mmap; /* mmap_sem; sorted list */
	struct rb_root mm_rb;        /* mmap_sem */
	u64 vmacache_seqnum;         /* mmap_sem for write; read racily */
	kulong mmap_base;            /* top of the mmap area, bytes */
	kulong task_size;
	kulong highest_vm_end;       /* mmap_sem */
	pgd_t *pgd;
	atomic_t mm_users;
	atomic_t mm_count;
	atomic_long_t nr_ptes; /* pte pages */
	atomic_long_t nr_pmds; /* pmd pages (and pud pages: nr_puds) */
	atomic_long_t nr_puds;
	int map_count;                /* mmap_sem */
	spinlock_t page_table_lock;
	struct rw_semaphore mmap_sem;
	kulong total_vm, data_vm, exec_vm, stack_vm, locked_vm, pinned_vm;
	kulong def_flags;
	kulong start_code, end_code; /* bytes; constant after exec */
	kulong start_data, end_data; /* likewise */
	kulong start_brk, brk;       /* bytes; brk: mmap_sem for writing */
	kulong start_stack;          /* user's stack pointer at exec, bytes */
	kulong arg_start, arg_end, env_start, env_end; /* bytes; likewise */
	kulong saved_auxv[AT_VECTOR_SIZE]; /* pairs, AT_NULL at the end */
	/* PROT_READ is to mean PROT_EXEC too; of the task in 4.13. */
	bool read_implies_exec; /* own tasks, before the mm is shared */
#ifndef CONFIG_MMU
	kulong end_brk; /* bytes; the heap's area ends here (context.end_brk) */
#endif
	struct rlimit rlim[RLIM_NLIMITS]; /* read and written racily */
	atomic_long_t rss_stat[NR_MM_COUNTERS]; /* pages */
	kulong flags; /* MMF_*; atomic bits */
	/* Processors that have it loaded; atomic, see mm/tlb.cc. */
	struct cpumask cpu_vm_mask;
	/* How many change ptes now and flush later, in batches. */
	atomic_t tlb_flush_pending;
	/* Reclaim cleared ptes and flushes later; set under any pte lock. */
	bool tlb_flush_batched;
	struct userfaultfd_ctx userfaultfd_ctx;
	struct machine *machine;
};

#define MMF_UNSTABLE 22
#define MMF_OOM_SKIP 21

struct vm_fault {
	struct vm_area_struct *vma;
	u32 flags;        /* FAULT_FLAG_* */
	gfp_t gfp_mask;
	pgoff_t pgoff;    /* pages, from vma and address */
	kulong address;   /* page aligned */
	pmd_t *pmd;
	pud_t *pud;
	pte_t orig_pte;
	struct page *cow_page;
	struct page *page; /* result of ->fault, reference held */
	pte_t *pte;
	spinlock_t *ptl;
	pgtable_t prealloc_pte;
};

/* Which pages zapping is to take; NULL stands for all. */
struct zap_details {
	struct address_space *check_mapping; /* not NULL: only its own pages */
	pgoff_t first_index, last_index;     /* pages of the mapping */
};

static inline kulong vma_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
}

FL_END_DECLS

#endif /* FAULTLINE_MM_MM_TYPES_H_ */
