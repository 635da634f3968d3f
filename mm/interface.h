/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one C interface of a kernel build, as the harness sees it.
 *
 * A kernel build exports a single symbol, `faultline_kernel`, of type
 * struct fl_kernel.  Addresses and lengths are 64-bit whatever the modelled
 * architecture is; kernel structures are opaque.  Included by the host and by
 * the kernel build; no kulong here.
 *
 * Calls marked [task] run as `current`: the host has set *current_slot() on
 * this thread to the task.  They may park, and in an explored build may
 * switch or never return.  Calls marked [host] never park and are made while
 * no task of the machine is inside model code.
 *
 * Errors: functions that return int or int64_t give 0 or more for success
 * and -errno (kernel numbers) for failure.
 */
#ifndef FAULTLINE_MM_INTERFACE_H_
#define FAULTLINE_MM_INTERFACE_H_

#include <stdint.h>

#include "mm/sync/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

struct machine;
struct task_struct;
struct mm_struct;
struct file;
struct super_block;

#define FL_KERNEL_ABI 1

/* prot, flags and advice values are those of the x86 uapi headers. */
#define FL_PROT_READ 1
#define FL_PROT_WRITE 2
#define FL_PROT_EXEC 4
#define FL_MAP_SHARED 1
#define FL_MAP_PRIVATE 2
#define FL_MAP_FIXED 0x10
#define FL_MAP_ANONYMOUS 0x20

enum fl_access_kind { FL_LOAD = 0, FL_STORE = 1, FL_EXEC = 2 };

struct fl_machine_config {
	uint32_t struct_bytes;
	uint32_t cpus;
	uint64_t ram_pages;     /* page frames of RAM */
	uint64_t slab_bytes;    /* room for slab objects */
	uint64_t rom_bytes;     /* window that stands for flash; may be 0 */
	uint64_t rom_phys;      /* its physical address, page aligned */
	uint32_t max_map_count; /* sysctl vm.max_map_count; 0: 65530 */
	uint32_t fault_around_bytes; /* 0: 64 KiB */
	uint64_t fixes_off;     /* bit i: fix i of fix_name() is off */
	uint32_t alloc_may_fail; /* every allocation is a choice point */
	uint32_t reuse_freed;   /* freed memory may be handed out again at once */
	uint32_t pat_off;       /* x86 without CONFIG_X86_PAT: no tracking */
	uint32_t reserved;
};

/* <signal.h> has a macro of the name; the layout must not depend on it. */
#pragma push_macro("si_addr")
#undef si_addr
/* What an access by user code came to. */
struct fl_user_result {
	int32_t sig;      /* 0, or the signal the task got (SIGSEGV 11, ...) */
	int32_t si_code;  /* SEGV_MAPERR 1, SEGV_ACCERR 2, BUS_ADRERR 2 */
	union {           /* faulting address, bytes */
		uint64_t fault_address;
		uint64_t si_addr; /* not usable where <signal.h> is included */
	};
	uint64_t value;   /* bytes loaded, little endian, zero extended */
	uint32_t faults;  /* page faults taken */
};
#pragma pop_macro("si_addr")

/* One mapped page, for `maps` and for tests. */
struct fl_page_info {
	uint64_t address;
	uint64_t pfn;
	uint32_t present, write, special, rom; /* 0 or 1 each */
	int32_t refcount, mapcount;            /* -1 where there is no struct page */
	const char *backing; /* "rom", "page cache", "anonymous", "zero page" */
};

struct fl_machine_stats {
	uint64_t free_pages, ram_pages;
	uint64_t slab_objects; /* live, all caches */
	uint64_t minor_faults, major_faults;
};

struct fl_kernel {
	uint32_t abi; /* FL_KERNEL_ABI */
	uint32_t struct_bytes;
	const char *arch;       /* "x86-64", "arm" */
	uint32_t explored;      /* 1: instrumented */
	uint32_t physmem;       /* CONFIG_CRAMFS_PHYSMEM */
	uint32_t kulong_bits;   /* 64 or 32 */
	uint32_t page_shift;    /* 12 */
	uint32_t pgtable_levels; /* 4 or 2 */
	uint64_t task_size;     /* first address beyond user space, bytes */

	/* Once per process, before anything else. */
	void (*attach)(const struct fl_runtime *runtime);
	/* This thread's `current`; stays valid for the thread's life. */
	struct task_struct **(*current_slot)(void);

	/* ---- machine [host] ---- */
	/* Bytes of arena that a machine of this configuration needs. */
	uint64_t (*machine_bytes)(const struct fl_machine_config *config);
	/*
	 * Boots a machine in `arena`, page aligned and zeroed.  Everything the
	 * machine ever is lives there; dropping the memory destroys it.
	 * NULL: the configuration makes no sense; *error says why.
	 */
	struct machine *(*machine_boot)(void *arena, uint64_t bytes,
					const struct fl_machine_config *config,
					const char **error);
	/* Where the ROM window's bytes are in the arena; NULL without ROM. */
	void *(*machine_rom)(struct machine *machine, uint64_t *bytes);
	void (*machine_stats)(struct machine *machine,
			      struct fl_machine_stats *stats);
	/*
	 * Part of the arena whose content has no meaning between calls
	 * (decompressor workspace): not restored, not compared.
	 */
	void *(*machine_scratch)(struct machine *machine, uint64_t *bytes);
	const char *(*variant_name)(uint32_t i); /* NULL past the last */
	const char *(*variant_summary)(uint32_t i);
	const char *(*fix_name)(uint32_t i);
	const char *(*fix_summary)(uint32_t i);

	/* ---- file systems [task] ---- */
	/*
	 * mount -t fstype -o options.  cramfs_physmem takes
	 * "physaddr=N[KMG],variant=NAME".
	 */
	int (*mount)(const char *fstype, const char *options,
		     struct super_block **sb);
	/* -EBUSY while a file of it is open. */
	int (*umount)(struct super_block *sb);
	int (*open)(struct super_block *sb, const char *path,
		    struct file **file);
	void (*close)(struct file *file);
	int64_t (*file_size)(struct file *file); /* [host] bytes */
	/* pread(2) into host memory, through the page cache. */
	int64_t (*file_read)(struct file *file, void *to, uint64_t bytes,
			     uint64_t position);

	/* ---- processes [host] ---- */
	struct mm_struct *(*mm_create)(struct machine *machine);
	/* The task takes a reference to mm (NULL: a kernel thread). */
	struct task_struct *(*task_create)(struct machine *machine,
					   struct mm_struct *mm,
					   const char *comm, uint32_t cpu,
					   void *host);
	struct machine *(*task_machine)(struct task_struct *task);
	/* mmput by the creator, [task]. */
	void (*mm_put)(struct mm_struct *mm);
	/* do_exit of current, [task]: the last user of an mm tears it down. */
	void (*task_exit)(void);
	/* Frees what task_create made, [host], after task_exit. */
	void (*task_free)(struct task_struct *task);

	/* ---- system calls [task] ---- */
	int64_t (*sys_mmap)(uint64_t addr, uint64_t len, uint32_t prot,
			    uint32_t flags, struct file *file, uint64_t offset);
	int64_t (*sys_munmap)(uint64_t addr, uint64_t len);
	int64_t (*sys_mprotect)(uint64_t addr, uint64_t len, uint32_t prot);
	int64_t (*sys_madvise)(uint64_t addr, uint64_t len, uint32_t advice);
	/* kill(2) of a task of the machine, host cookie as given. */
	int64_t (*sys_kill)(struct task_struct *task, int32_t sig);
	/* futex(2) FUTEX_WAKE_OP-style atomic store of value at addr. */
	int64_t (*sys_futex_op)(uint64_t addr, uint32_t value);

	/* ---- the CPU and the other users of the fault path [task] ---- */
	/*
	 * One access by user code: kind enum fl_access_kind, size 1, 2, 4 or
	 * 8 bytes within a page, value for a store.  Faults are taken as the
	 * architecture does until the access is done or a signal is due.
	 */
	void (*user_access)(uint32_t kind, uint64_t addr, uint32_t size,
			    uint64_t value, struct fl_user_result *result);
	/* A caller in the style of UML: handle_mm_fault on one vma pointer
	 * until the pte is there. */
	void (*uml_access)(uint32_t kind, uint64_t addr, uint32_t size,
			   uint64_t value, struct fl_user_result *result);
	/* A caller in the style of sparc32: ignores VM_FAULT_RETRY. */
	void (*sparc32_access)(uint32_t kind, uint64_t addr, uint32_t size,
			       uint64_t value, struct fl_user_result *result);
	/* KVM's hva_to_pfn_remapped on a PFNMAP vma.  *pfn: page frame. */
	int64_t (*kvm_hva_to_pfn)(uint64_t addr, uint32_t write, uint64_t *pfn);
	/* A fatal signal is pending on the task. [host] */
	uint32_t (*task_killed)(struct task_struct *task);

	/* ---- looking at things [host] ---- */
	/*
	 * /proc/PID/maps as text.  Returns the bytes needed without the NUL,
	 * writing at most `bytes` with it.
	 */
	uint64_t (*proc_maps)(struct mm_struct *mm, char *text, uint64_t bytes);
	/* Calls visit for each page of user space that has a pte. */
	void (*page_walk)(struct mm_struct *mm,
			  void (*visit)(const struct fl_page_info *info,
					void *cookie),
			  void *cookie);
	/*
	 * The kernel's own self-checks (validate_mm, interval trees, counts,
	 * refcounts).  Each fault found is reported through
	 * runtime->report as FL_REPORT_BAD; returns how many.
	 */
	uint32_t (*check_mm)(struct mm_struct *mm);
	/* After every mm is gone and all is unmounted: what is left over. */
	uint32_t (*check_machine)(struct machine *machine);
};

extern const struct fl_kernel faultline_kernel
	__attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif

#endif /* FAULTLINE_MM_INTERFACE_H_ */
