/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between a kernel build and whatever runs it.
 *
 * A kernel build (mm/ and cramfs/ compiled for one architecture, native or
 * explored) is a shared object.  It needs a handful of services from its
 * host: to block and wake tasks, to take every nondeterministic decision, to
 * learn of events and to report what went wrong.  They come in one table,
 * attached once when the object is loaded and constant from then on.
 *
 * Included by the kernel build and by the host: no kulong, only fixed-width
 * types.  A task is known to the host by the `host` cookie that was given
 * when the task was made.
 *
 * Native runtime: tasks are threads; `event` and `access` are NULL and cost
 * one predictable branch.  Explored runtime: tasks are fibers of one thread;
 * `event` and `access` are the scheduling points, so any of them may switch
 * to another task, or never return because the execution was abandoned.
 */
#ifndef FAULTLINE_MM_SYNC_RUNTIME_H_
#define FAULTLINE_MM_SYNC_RUNTIME_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What happened.  The comment says what obj, size, arg and name hold. */
enum fl_event_kind {
	FL_EV_NONE = 0,
	/* Locks.  obj: the lock; arg: enum fl_lock_mode; name: its class. */
	FL_EV_LOCK,        /* about to try; nothing has been done yet */
	FL_EV_LOCKED,      /* obtained */
	FL_EV_LOCK_FAILED, /* trylock refused, or killed while waiting */
	FL_EV_UNLOCK,      /* about to release; still held */
	FL_EV_UNLOCKED,    /* released, waiters were woken */
	FL_EV_DOWNGRADED,  /* held for write before, for read now */
	FL_EV_LOCK_INIT,   /* the lock (size bytes) came into being */
	/* Memory.  obj: first byte; size: bytes; name: the cache. */
	FL_EV_ALLOC,      /* slab object handed out */
	FL_EV_FREE,       /* slab object about to be given back */
	FL_EV_PAGE_ALLOC, /* page frame(s) handed out; obj: its bytes */
	FL_EV_PAGE_FREE,  /* page frame(s) about to be given back */
	/* Reference counts.  obj: the counter; arg: value after. */
	FL_EV_REF_GET,
	FL_EV_REF_PUT,
	/* Accesses that the compiler does not see.  obj, size. */
	FL_EV_RANGE_READ,  /* kernel reads through host code (zlib, ...) */
	FL_EV_RANGE_WRITE, /* kernel writes through host code */
	FL_EV_USER_READ,   /* a CPU in user mode reads a page frame */
	FL_EV_USER_WRITE,  /* a CPU in user mode writes a page frame */
	/*
	 * Uninstrumented code (locks, allocators) is about to write
	 * [obj, obj+size).  No access to check, not a scheduling point: it
	 * only tells the snapshot which pages will differ.
	 */
	FL_EV_DIRTY,
	/* A point worth naming in a trace.  name: text; arg: value. */
	FL_EV_MARK,
	FL_EV_SIGNAL, /* obj: host cookie of the target; arg: signal */
	FL_EV_KINDS
};

enum fl_lock_mode {
	FL_LOCK_READ = 1,
	FL_LOCK_WRITE = 2, /* also mutex, spinlock, page lock */
	FL_LOCK_MODE = 3,
	FL_LOCK_TRY = 4,      /* never blocks */
	FL_LOCK_KILLABLE = 8, /* gives up on a fatal signal */
	FL_LOCK_SPIN = 16     /* spinlock: waiting burns a CPU */
};

struct fl_event {
	uint32_t kind; /* enum fl_event_kind */
	uint32_t arg;
	const void *obj;
	uint64_t size;
	const char *name; /* static string in the kernel build, or NULL */
	const void *pc;   /* call site in kernel code */
};

/* Flags of an instrumented access. */
enum fl_access_flags {
	FL_ACCESS_WRITE = 1,
	FL_ACCESS_ATOMIC = 2,   /* marked: volatile or __atomic */
	FL_ACCESS_RMW = 4,      /* read-modify-write in one step */
	FL_ACCESS_VOLATILE = 8, /* READ_ONCE, WRITE_ONCE (with ATOMIC) */
	FL_ACCESS_RANGE = 16    /* struct copy, memcpy, memset */
};

/* Why a decision is asked for: shown in traces, part of no semantics. */
enum fl_choose_why {
	FL_CHOOSE_SCHED = 0,  /* which task runs next */
	FL_CHOOSE_ALLOC_FAIL, /* 1: this allocation fails */
	FL_CHOOSE_REUSE,      /* which freed object is handed out */
	FL_CHOOSE_SIGNAL,     /* 1: the signal arrives now */
	FL_CHOOSE_PAGE_STATE, /* is the page locked, uptodate, ... */
	FL_CHOOSE_SPURIOUS,   /* 1: spurious failure or wake-up */
	FL_CHOOSE_WHYS
};

enum fl_report_kind {
	FL_REPORT_BUG = 1, /* BUG, BUG_ON, VM_BUG_ON: does not return */
	FL_REPORT_OOPS,    /* the kernel dereferenced nonsense: likewise */
	FL_REPORT_WARN,    /* WARN_ON: returns */
	FL_REPORT_BAD      /* "Bad page map", "Bad rss-counter": returns */
};

struct fl_runtime {
	uint32_t struct_bytes; /* sizeof(struct fl_runtime) */
	/*
	 * Blocks the calling task until unpark(host) was called for it since
	 * its last park returned (one token; unpark before park makes park
	 * return at once).  May return spuriously.  obj: what is waited for;
	 * why: a word for the trace.
	 */
	void (*park)(void *host, const void *obj, const char *why);
	/* Callable by any task of the machine.  Not a scheduling point. */
	void (*unpark)(void *host);
	/* A number below n; n >= 1.  n == 1 returns 0 and is not recorded. */
	uint32_t (*choose)(uint32_t n, uint32_t why);
	/*
	 * A spin loop that saw `watched` in a state it cannot use.  Explored:
	 * the task does not run again before another task has run.
	 */
	void (*relax)(void *host, const void *watched);
	/* NULL when nobody listens. */
	void (*event)(const struct fl_event *event);
	void (*access)(const void *addr, uint32_t size, uint32_t flags,
		       const void *pc);
	/* function, file: static strings.  See enum fl_report_kind. */
	void (*report)(uint32_t kind, const char *file, int line,
		       const char *function, const char *text, const void *pc);
	/* One finished line of the kernel log, without newline. level 0..7 */
	void (*print)(int level, const char *text);
	/* Nanoseconds, monotonic.  Explored: a step counter. */
	uint64_t (*now)(void);
};

#ifdef __cplusplus
}
#endif

#endif /* FAULTLINE_MM_SYNC_RUNTIME_H_ */
