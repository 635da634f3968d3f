/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks, `current` and the signals that the fault path looks at
 * (include/linux/sched.h, sched/signal.h).
 */
#ifndef FAULTLINE_MM_SYNC_SCHED_H_
#define FAULTLINE_MM_SYNC_SCHED_H_

#include "mm/sync/cpumask.h"
#include "mm/sync/list.h"
#include "mm/sync/lock.h"
#include "mm/sync/types.h"

FL_BEGIN_DECLS

struct machine;
struct mm_struct;
struct page;
struct vm_area_struct;

#define TASK_COMM_LEN 16
#define VMACACHE_SIZE 4

#define TASK_RUNNING 0
#define TASK_INTERRUPTIBLE 1
#define TASK_UNINTERRUPTIBLE 2
#define TASK_WAKEKILL 128
#define TASK_KILLABLE (TASK_WAKEKILL | TASK_UNINTERRUPTIBLE)

#define SIGBUS 7
#define SIGKILL 9
#define SIGSEGV 11
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define BUS_ADRERR 2

struct vmacache {
	u64 seqnum;
	struct vm_area_struct *vmas[VMACACHE_SIZE];
};

struct task_struct {
	struct machine *machine;
	struct mm_struct *mm; /* NULL after exit_mm, and in kernel threads */
	struct vmacache vmacache;
	u32 cpu; /* below the machine's cpus */
	u32 state;              /* TASK_*; atomic */
	u32 rcu_depth;
	u64 pending;            /* bit n-1: signal n; atomic */
	int fault_sig;          /* what the last fault delivered, 0: nothing */
	int fault_code;
	u64 fault_addr;
	u64 min_flt, maj_flt;
	void *host;             /* the runtime's cookie */
	struct list_head tasks; /* machine->tasks */
	char comm[TASK_COMM_LEN];
	bool oom_victim; /* TIF_MEMDIE */
	int oom_score_adj;
	struct mm_struct *oom_mm; /* a victim's, mm_count held; oom_lock */
	struct task_struct *oom_reaper_list; /* oom_reaper_lock */
	bool oom_reaper_queued;              /* oom_reaper_lock */
	/* Own; tlb_ubc: ptes gone, TLBs of these processors not flushed. */
	bool tlb_flush_required;
	bool tlb_flush_writable; /* ... that were dirty */
	struct cpumask tlb_flush_cpumask;
	spinlock_t alloc_lock;   /* raw; native builds: mm of another task */
	kulong sp; /* in user mode, bytes; own task only */
	/* Own: page faults taken by the kernel go to the exception table at
	 * once while this is not 0 (pagefault_disable). */
	u32 pagefault_disabled;
	/* Own: the last fault in kernel mode was not served; the instruction's
	 * fixup runs (the exception table). */
	u32 fixup_exception;
	struct page *pins[8]; /* own: held by drivers, see task_pin() */
	u32 nr_pins;          /* own */
	u32 ptrace;           /* 1: somebody traces it */
};

extern __thread struct task_struct *fl_current
	__attribute__((visibility("hidden"), tls_model("initial-exec")));
/* Out of line: the variable is the runtime's, not model state. */
struct task_struct *get_current(void) __attribute__((pure));
#define current get_current()

/* Blocks until wake_up_process, with state already set by the caller. */
void schedule_on(const void *obj, const char *why);
void set_current_state(u32 state);
/*
 * task->mm, read by another task.  4.13 has task_lock for it, and so has a
 * native build; in an explored one each of the two is one step, and needs no
 * lock.  task_grab_mm: what it is now or NULL; the atomic_t that lies
 * count_offset bytes inside the mm was raised by one.
 */
struct mm_struct *task_grab_mm(struct task_struct *task, size_t count_offset);
/* current's becomes mm; NULL: none. */
void task_set_mm(struct mm_struct *mm);
/* True when the task was sleeping. */
bool wake_up_process(struct task_struct *task);
void send_sig(int sig, struct task_struct *task);
bool signal_pending(const struct task_struct *task);
bool fatal_signal_pending(const struct task_struct *task);
/* What is pending and not fatal has been served (do_signal). */
void clear_signals(struct task_struct *task);
/* Records the signal a fault delivers (force_sig_info_fault). */
void force_sig_fault(int sig, int code, kulong address);
void cond_resched(void);

FL_END_DECLS

#endif /* FAULTLINE_MM_SYNC_SCHED_H_ */
