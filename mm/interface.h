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
struct pipe_inode_info;

#define FL_KERNEL_ABI 1

/* prot, flags and advice values are those of the x86 uapi headers. */
#define FL_PROT_READ 1
#define FL_PROT_WRITE 2
#define FL_PROT_EXEC 4
#define FL_MAP_SHARED 1
#define FL_MAP_PRIVATE 2
#define FL_MAP_FIXED 0x10
#define FL_MAP_ANONYMOUS 0x20
#define FL_MAP_32BIT 0x40 /* x86-64 only */
#define FL_MAP_GROWSDOWN 0x100
#define FL_MAP_LOCKED 0x2000
#define FL_MAP_NORESERVE 0x4000
#define FL_MAP_POPULATE 0x8000
#define FL_MREMAP_MAYMOVE 1
#define FL_MREMAP_FIXED 2

/* Resources of set_rlimit, as in the uapi header. */
#define FL_RLIMIT_DATA 2
#define FL_RLIMIT_STACK 3
#define FL_RLIMIT_MEMLOCK 8
#define FL_RLIMIT_AS 9
#define FL_MLOCK_ONFAULT 1
#define FL_MCL_CURRENT 1
#define FL_MCL_FUTURE 2
#define FL_MCL_ONFAULT 4
#define FL_MS_ASYNC 1
#define FL_MS_INVALIDATE 2
#define FL_MS_SYNC 4

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
	uint32_t overcommit_memory; /* sysctl vm.*; 0 guess, 1 always, 2 never */
	uint32_t overcommit_ratio;  /* percent of RAM; 0: 50 */
	uint32_t reserved;
	uint64_t overcommit_kbytes; /* 0: the ratio counts */
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

/* What exec is given, and what came of it. */
struct fl_exec {
	const char *filename;    /* for the program to see (AT_EXECFN) */
	const char *const *argv; /* argc strings in host memory */
	const char *const *envp;
	uint32_t argc, envc;
	/*
	 * Pages, at most 2047, that the stack ends below its highest place: what
	 * 4.13 takes at random, here 0 unless somebody wants it moved.
	 */
	uint32_t stack_shift;
	int32_t sig; /* out: 11 when it failed where there is no way back */
	uint64_t entry, sp; /* out: where the program starts, bytes */
};

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

#define FL_MS_RDONLY 1
/* open_flags */
#define FL_O_RDONLY 0
#define FL_O_WRONLY 1
#define FL_O_RDWR 2
#define FL_O_CREAT 0100
#define FL_O_EXCL 0200
#define FL_O_TRUNC 01000
#define FL_FALLOC_KEEP_SIZE 1
#define FL_FALLOC_PUNCH_HOLE 2
#define FL_FADV_DONTNEED 4
/* whence of file_lseek */
#define FL_SEEK_SET 0
#define FL_SEEK_CUR 1
#define FL_SEEK_END 2
#define FL_SEEK_DATA 3
#define FL_SEEK_HOLE 4

/* stat(2).  Times are all 0. */
struct fl_stat {
	uint64_t ino;
	int64_t size;    /* bytes */
	uint64_t blocks; /* of 512 bytes */
	uint32_t mode;   /* type and permissions */
	uint32_t nlink, uid, gid;
	uint32_t rdev;    /* major << 8 | minor */
	uint32_t blksize; /* bytes */
};

/* statfs(2) */
struct fl_statfs {
	uint64_t type;    /* the file system's magic */
	uint64_t bsize;   /* bytes */
	uint64_t blocks, bfree, bavail; /* in units of bsize */
	uint64_t files, ffree;
	uint32_t namelen; /* bytes */
	uint32_t fsid[2];
};

/* An entry of a directory. */
struct fl_dirent {
	uint64_t ino;
	uint64_t position; /* the file's position behind the entry, bytes */
	uint32_t type;     /* DT_*: the mode's highest four bits */
	uint32_t name_len; /* bytes */
	char name[256];    /* NUL terminated */
};

struct fl_kernel {
	uint32_t abi; /* FL_KERNEL_ABI */
	uint32_t struct_bytes;
	const char *arch;       /* "x86-64", "arm", "arm-nommu" */
	uint32_t explored;      /* 1: instrumented */
	uint32_t physmem;       /* CONFIG_CRAMFS_PHYSMEM */
	uint32_t kulong_bits;   /* 64 or 32 */
	uint32_t page_shift;    /* 12 */
	uint32_t pgtable_levels; /* 4 or 2; 0: no MMU */
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
	 * mount -t fstype -o options.
	 *
	 * cramfs_physmem, an image in memory:
	 * "physaddr=N[KMG],variant=NAME".  Not with physmem == 0.
	 *
	 * cramfs, an image on a simulated disk, which is a part of the ROM
	 * window: "dev=N[KMG]" where it begins, bytes from the start of the
	 * window, a multiple of 512 (0); "size=N[KMG]" its bytes (up to the
	 * end of the window); "bad=FIRST-LAST" sectors of 512 bytes that
	 * cannot be read.  "variant=NAME" is accepted and has no effect.
	 *
	 * tmpfs, of half of the RAM at most, and ramfs: empty, no options.
	 *
	 * -ENODEV: no such file system; -EINVAL: options, or no valid image;
	 * -ENOMEM.
	 */
	int (*mount)(const char *fstype, const char *options,
		     struct super_block **sb);
	/*
	 * mount -o remount.  *flags: FL_MS_* wanted, on return those in
	 * force: cramfs grants anything and stays read-only.
	 */
	int (*remount)(struct super_block *sb, uint32_t *flags);
	/* -ENOSYS where the file system has none. */
	int (*statfs)(struct super_block *sb, struct fl_statfs *to);
	/* -EBUSY while a file of it is open. */
	int (*umount)(struct super_block *sb);
	/*
	 * stat(2), or lstat(2) without `follow`.  Paths start at the root of
	 * the file system and may hold ".", ".." and symbolic links, absolute
	 * ones counted from that root.  -ENOENT, -ENOTDIR, -ELOOP (more than
	 * 40 links), -ENAMETOOLONG, -EIO (damaged directory or link),
	 * -ENOMEM.
	 */
	int (*stat)(struct super_block *sb, const char *path, uint32_t follow,
		    struct fl_stat *to);
	/*
	 * readlink(2): the bytes written, without NUL, at most `bytes`.
	 * -EINVAL: not a link, or bytes is 0; and as stat.
	 */
	int64_t (*readlink)(struct super_block *sb, const char *path, char *to,
			    uint64_t bytes);
	/* open(2) for reading, directories too.  As stat; -ENXIO: neither a
	 * file nor a directory. */
	int (*open)(struct super_block *sb, const char *path,
		    struct file **file);
	/*
	 * open(2) as flags say (FL_O_*), which has a file made in the root
	 * directory of a tmpfs or ramfs.  As open; -EROFS, -EISDIR, -EEXIST,
	 * -ENOSPC (no memory for an inode), -EINVAL (flags).
	 */
	int (*open_flags)(struct super_block *sb, const char *path,
			  uint32_t flags, struct file **file);
	void (*close)(struct file *file);
	int64_t (*file_size)(struct file *file); /* [host] bytes */
	void (*file_stat)(struct file *file, struct fl_stat *to); /* [host] */
	/*
	 * pread(2) into host memory, through the page cache.  Less than asked
	 * at the end of the file, or before a page that cannot be read; -EIO
	 * if that is the first.  -EISDIR, -EINVAL (position).
	 */
	int64_t (*file_read)(struct file *file, void *to, uint64_t bytes,
			     uint64_t position);
	/* pwrite(2) from host memory: bytes written.  -EBADF: not open for
	 * writing; -EINVAL, -EFBIG, -ENOSPC, -ENOMEM, -EINTR. */
	int64_t (*file_write)(struct file *file, const void *from,
			      uint64_t bytes, uint64_t position);
	/* ftruncate(2) to so many bytes.  -EINVAL: not open for writing;
	 * -EFBIG. */
	int64_t (*file_truncate)(struct file *file, uint64_t bytes);
	/* fallocate(2), mode FL_FALLOC_*.  -EINVAL, -EBADF, -EOPNOTSUPP,
	 * -EFBIG, -ENOSPC, -ENOMEM, -EINTR. */
	int64_t (*file_fallocate)(struct file *file, uint32_t mode,
				  uint64_t offset, uint64_t bytes);
	/* posix_fadvise(2): bytes; 0 or -EINVAL. */
	int64_t (*file_fadvise)(struct file *file, uint64_t offset,
				uint64_t bytes, uint32_t advice);
	/*
	 * invalidate_inode_pages2_range, as a network file system does when
	 * it hears that its copy is old: pages [first, last], mapped or not.
	 * -EBUSY: one is dirty, and stays.
	 */
	int64_t (*file_invalidate)(struct file *file, uint64_t first,
				   uint64_t last);
	/*
	 * lseek(2): the new position.  -EINVAL: whence, or a position below 0
	 * or above what the file system allows (2^31 - 1).  SEEK_DATA and
	 * SEEK_HOLE take the file for one piece of data: -ENXIO at or beyond
	 * its end.
	 */
	int64_t (*file_lseek)(struct file *file, int64_t offset, int32_t whence);
	/*
	 * getdents64(2): up to `count` entries from the file's position on,
	 * which moves behind them; 0 at the end.  -ENOTDIR; -EINVAL: a
	 * position inside an entry (cramfs: not a multiple of 4); -EIO: a
	 * damaged entry is the next one; -ENOMEM.
	 */
	int64_t (*file_readdir)(struct file *file, struct fl_dirent *to,
				uint64_t count);
	/* pipe(2), of 16 buffers; NULL: no memory. */
	struct pipe_inode_info *(*pipe_create)(void);
	/* Drops the pages that are still in it. */
	void (*pipe_release)(struct pipe_inode_info *pipe);
	/*
	 * splice(2) from *position, which moves on: the pipe then refers to
	 * pages of the page cache.  The bytes moved, 0 at the end of the
	 * file, short when the pipe is full; -EAGAIN when it was full to
	 * begin with; -EINVAL: position, or not a regular file; otherwise as
	 * file_read.
	 */
	int64_t (*file_splice_read)(struct file *file, uint64_t *position,
				    struct pipe_inode_info *pipe,
				    uint64_t bytes);
	/* read(2) of what is in the pipe; 0 when it is empty. */
	int64_t (*pipe_read)(struct pipe_inode_info *pipe, void *to,
			     uint64_t bytes);

	/* ---- processes [host] ---- */
	struct mm_struct *(*mm_create)(struct machine *machine);
	/*
	 * setrlimit(2) of the process: soft and hard limit, bytes, ~0 for none.
	 * -EINVAL: soft above hard, or no such resource.
	 */
	int (*set_rlimit)(struct mm_struct *mm, uint32_t resource,
			  uint64_t soft, uint64_t hard);
	/*
	 * Where exec would have put the data segment and the heap, bytes, on
	 * page boundaries: start_data <= end_data <= start_brk.  Before the
	 * first sys_brk.  -EINVAL otherwise.  A new mm has an empty data segment
	 * and its heap at the same place (mm_init.cc).
	 */
	int (*set_start_brk)(struct mm_struct *mm, uint64_t start_data,
			     uint64_t end_data, uint64_t start_brk);
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
	/* flags: FL_MREMAP_*; new_addr counts with FL_MREMAP_FIXED only. */
	int64_t (*sys_mremap)(uint64_t addr, uint64_t old_len,
			      uint64_t new_len, uint32_t flags,
			      uint64_t new_addr);
	/* The end of the heap afterwards, bytes: `brk`, or what it was before
	 * when that cannot be had.  0 asks.  -EINTR when killed. */
	int64_t (*sys_brk)(uint64_t brk);
	/*
	 * fork(2) as far as memory goes: child, made by task_create without
	 * an mm and not running yet, gets a copy of current's.  -ENOMEM
	 * whatever went wrong, -EINTR when current was killed meanwhile.
	 */
	int64_t (*sys_fork)(struct task_struct *child);
	/*
	 * execve(2) of an open file; an interpreter is looked for from the root
	 * of its file system.  0, or what 4.13 says: -EACCES, -ENOEXEC, -ELIBBAD,
	 * -EIO, -E2BIG, -ENOMEM, ...  With exec->sig set the task has the new
	 * memory, such as it is, and is to end.  -EAGAIN: other tasks of the
	 * process are left (4.13 kills them).  -EINVAL: a kernel thread.
	 */
	int64_t (*sys_execve)(struct file *file, struct fl_exec *exec);
	/*
	 * The core dump of current's memory, which nobody else uses.  filter:
	 * /proc/PID/coredump_filter, 0x33 at first; signr: the signal it dies
	 * of.  emit gets the file from its beginning on, data NULL for bytes
	 * that are a hole, and returns 0 to go on.  0; -EIO: emit did not;
	 * -ENOMEM; -EAGAIN: other tasks use it all the same.
	 */
	int64_t (*core_dump)(uint32_t filter, int32_t signr,
			     int32_t (*emit)(const void *data, uint64_t bytes,
					     void *cookie),
			     void *cookie);
	/* kill(2) of a task of the machine, host cookie as given. */
	int64_t (*sys_kill)(struct task_struct *task, int32_t sig);
	/*
	 * ioctls of the process's userfaultfd, see mm/userfaultfd.h: bytes.
	 * register: pages of [addr, addr + len) that are missing are served by
	 * the process from now on; copy: brings the page at addr, its first 8
	 * bytes value, the others 0; wake: who waits there looks again.
	 */
	int64_t (*uffd_register)(uint64_t addr, uint64_t len);
	int64_t (*uffd_copy)(uint64_t addr, uint64_t value);
	int64_t (*uffd_zeropage)(uint64_t addr);
	int64_t (*uffd_wake)(uint64_t addr, uint64_t len);
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
	/*
	 * The stack pointer of current in user mode, bytes, for the rule of x86
	 * that a stack grows for accesses near it only.  0, the value at first:
	 * any access may grow it.
	 */
	void (*set_user_sp)(uint64_t sp);
	/* A caller in the style of UML: handle_mm_fault on one vma pointer
	 * until the pte is there. */
	void (*uml_access)(uint32_t kind, uint64_t addr, uint32_t size,
			   uint64_t value, struct fl_user_result *result);
	/* A caller in the style of sparc32: ignores VM_FAULT_RETRY. */
	void (*sparc32_access)(uint32_t kind, uint64_t addr, uint32_t size,
			       uint64_t value, struct fl_user_result *result);
	/* KVM's hva_to_pfn: get_user_pages, or the pte of a VM_IO or VM_PFNMAP
	 * vma.  *pfn: page frame.  -EFAULT, -EHWPOISON. */
	int64_t (*kvm_hva_to_pfn)(uint64_t addr, uint32_t write, uint64_t *pfn);
	/*
	 * What kernel threads do to the pages of the machine, oldest first;
	 * any task may run it.  kswapd: frees up to nr clean pages of the
	 * page cache.  Returns how many.
	 */
	int64_t (*reclaim)(uint64_t nr);
	/* kcompactd: moves up to nr pages to other frames; how many moved. */
	int64_t (*migrate)(uint64_t nr);
	/* kswapd, aging: walks the mappings of up to nr pages to see who used
	 * them; how many ptes had. */
	int64_t (*rmap_walk)(uint64_t nr);
	/* The OOM killer, asked by hand (sysrq f): 0, or -EAGAIN. */
	int64_t (*oom_kill)(void);
	/* oom_reaper: zaps the private memory of the victims; how many. */
	int64_t (*oom_reap)(void);
	/* /proc/PID/oom_score_adj: -1000 (never) to 1000.  [host] */
	int32_t (*set_oom_score_adj)(struct task_struct *task,
				     int32_t oom_score_adj);
	/* ---- system calls on ranges of pages [task] ---- */
	/* bytes; flags of mlock2: FL_MLOCK_ONFAULT, of mlockall: FL_MCL_*. */
	int64_t (*sys_mlock)(uint64_t addr, uint64_t len);
	int64_t (*sys_mlock2)(uint64_t addr, uint64_t len, uint32_t flags);
	int64_t (*sys_munlock)(uint64_t addr, uint64_t len);
	int64_t (*sys_mlockall)(uint32_t flags);
	int64_t (*sys_munlockall)(void);
	int64_t (*sys_msync)(uint64_t addr, uint64_t len, uint32_t flags);
	/* One byte a page, 0 or 1, is stored from the user address vec on. */
	int64_t (*sys_mincore)(uint64_t addr, uint64_t len, uint64_t vec);

	/* ---- the kernel's copies from and to user memory [task] ---- */
	/* Bytes; less than asked at the end of the file or of what can be
	 * reached, -EFAULT when there is nothing before that. */
	int64_t (*sys_pread64)(struct file *file, uint64_t addr,
			       uint64_t bytes, int64_t position);
	int64_t (*sys_pwrite64)(struct file *file, uint64_t addr,
				uint64_t bytes, int64_t position);
	/* write(2) to, and vmsplice(2) into, a pipe that is read at once into
	 * host memory (NULL: thrown away). */
	int64_t (*sys_write_pipe)(uint64_t addr, uint64_t bytes, void *to);
	int64_t (*sys_vmsplice)(uint64_t addr, uint64_t bytes, void *to);
	/* process_vm_readv, or _writev: between `local` of current and
	 * `remote` of task. */
	int64_t (*process_vm_rw)(struct task_struct *task, uint64_t local,
				 uint64_t remote, uint64_t bytes,
				 uint32_t write);
	/* ptrace's access_process_vm: bytes moved from or to host memory. */
	int64_t (*ptrace_access)(struct task_struct *task, uint64_t addr,
				 void *buf, uint32_t bytes, uint32_t write);

	/* ---- pages that are held [task] ---- */
	/*
	 * As a driver does: get_user_pages_fast of at most 16 pages.  How many,
	 * their frame numbers in pfns; each is held until gup_unpin.
	 */
	int64_t (*gup_pin)(uint64_t addr, uint32_t nr_pages, uint32_t write,
			   uint64_t *pfns);
	void (*gup_unpin)(uint64_t pfn, uint32_t dirty);
	/*
	 * The same for one page, whose reference the task itself keeps until
	 * task_unpin_all or its end.  -EBUSY: it holds as many as it can.
	 */
	int64_t (*task_pin)(uint64_t addr, uint32_t write);
	/* As vfio_pin; a page, if it is one, is kept by the task. */
	int64_t (*task_vfio_pin)(uint64_t addr, uint32_t write, uint64_t *pfn);
	void (*task_unpin_all)(void);
	/* As vfio does, which takes the frame of a PFNMAP vma as it is. */
	int64_t (*vfio_pin)(uint64_t addr, uint32_t write, uint64_t *pfn);
	void (*vfio_unpin)(uint64_t pfn, uint32_t dirty);
	/* The device reads or writes a frame.  0, -EINVAL, -EIO. */
	int64_t (*gup_pin_access)(uint64_t pfn, uint32_t write,
				  uint32_t offset, void *buf, uint32_t bytes);
	/*
	 * As a uprobe does: finds every private mapping of that byte of the
	 * file in every process.  How many; visit (may be NULL) hears of each.
	 */
	int64_t (*uprobe_register)(struct file *file, uint64_t offset,
				   void (*visit)(uint64_t addr,
						 uint32_t opcode, void *cookie),
				   void *cookie);
	/* A fatal signal is pending on the task. [host] */
	uint32_t (*task_killed)(struct task_struct *task);
	/*
	 * PTRACE_ATTACH (on 1), PTRACE_DETACH (on 0), as far as mm knows of
	 * it: without an MMU a traced task shares none of its private
	 * mappings.
	 */
	void (*set_ptrace)(struct task_struct *task, uint32_t on);

	/* ---- looking at things [host] ---- */
	/*
	 * /proc/PID/maps as text.  Returns the bytes needed without the NUL,
	 * writing at most `bytes` with it.
	 */
	uint64_t (*proc_maps)(struct mm_struct *mm, char *text, uint64_t bytes);
	/* /proc/PID/smaps likewise. */
	uint64_t (*proc_smaps)(struct mm_struct *mm, char *text,
			       uint64_t bytes);
	/*
	 * /proc/PID/pagemap, as root reads it: one entry for each of `pages`
	 * pages from addr, page aligned.  Returns how many lie in user space.
	 */
	uint64_t (*proc_pagemap)(struct mm_struct *mm, uint64_t addr,
				 uint64_t pages, uint64_t *entries);
	/* The mm of a task, no reference taken; NULL: none (any more). */
	struct mm_struct *(*task_mm)(struct task_struct *task);
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
	/*
	 * Those checks that hold while tasks run: list, tree and interval
	 * trees of vmas, at any step of an explored build.  Called for the
	 * host's own purposes by whoever runs; what it reads is no access of
	 * the model.  0 while mmap_sem is held for writing.
	 */
	uint32_t (*check_mm_step)(struct mm_struct *mm);
	/* After every mm is gone and all is unmounted: what is left over. */
	uint32_t (*check_machine)(struct machine *machine);
};

extern const struct fl_kernel faultline_kernel
	__attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif

#endif /* FAULTLINE_MM_INTERFACE_H_ */
