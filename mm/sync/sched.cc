// SPDX-License-Identifier: GPL-2.0-only
//
// Sleeping, waking and signals (kernel/sched/core.c, kernel/signal.c).
//
// A sleeper sets its state, looks at what it waits for, and calls
// schedule_on.  A waker makes that true first and looks at the state after.
// Both sides are fully ordered, so one of them sees the other: no wake-up is
// lost.  The runtime's token may be stale (a wake-up that came after the
// sleeper had already seen its condition); the state decides, not the token.
//
// Left out: handlers, masks, siginfo queues, stop and trace states, run
// queues (the runtime is the scheduler).  No locks.

#include "mm/sync/sched.h"

#include "mm/sync/internal.h"

namespace {

u64 signal_bit(int sig)
{
	return (u64)1 << (sig - 1);
}

u64 pending_signals(const struct task_struct *task)
{
	return __atomic_load_n(&task->pending, __ATOMIC_SEQ_CST);
}

void store_state(struct task_struct *task, u32 state)
{
	fl_dirty(&task->state, sizeof(task->state));
	__atomic_store_n(&task->state, state, __ATOMIC_SEQ_CST);
}

bool try_to_wake_up(struct task_struct *task, u32 states)
{
	u32 state = __atomic_load_n(&task->state, __ATOMIC_SEQ_CST);

	fl_dirty(&task->state, sizeof(task->state));
	do {
		if (!(state & states))
			return false;
	} while (!__atomic_compare_exchange_n(&task->state, &state,
					      TASK_RUNNING, false,
					      __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	fl_runtime.unpark(task->host);
	return true;
}

} // namespace

bool signal_pending_state(u32 state)
{
	const u64 pending = pending_signals(current);

	if (!(state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)))
		return false;
	if (state & TASK_INTERRUPTIBLE)
		return pending != 0;
	return (pending & signal_bit(SIGKILL)) != 0;
}

void schedule_on(const void *obj, const char *why)
{
	struct task_struct *task = current;

	for (;;) {
		const u32 state =
			__atomic_load_n(&task->state, __ATOMIC_SEQ_CST);

		if (state == TASK_RUNNING)
			return;
		if (signal_pending_state(state)) {
			store_state(task, TASK_RUNNING);
			return;
		}
		fl_runtime.park(task->host, obj, why);
	}
}

void set_current_state(u32 state)
{
	store_state(current, state);
}

bool wake_up_process(struct task_struct *task)
{
	return try_to_wake_up(task, TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE);
}

void send_sig(int sig, struct task_struct *task)
{
	BUG_ON(sig < 1 || sig > 64);
	fl_event(FL_EV_SIGNAL, task->host, 0, (u32)sig, task->comm);
	fl_marked_access(&task->pending, sizeof(task->pending),
			 FL_ACCESS_WRITE | FL_ACCESS_RMW, FL_HERE);
	fl_dirty(&task->pending, sizeof(task->pending));
	__atomic_fetch_or(&task->pending, signal_bit(sig), __ATOMIC_SEQ_CST);
	try_to_wake_up(task, sig == SIGKILL ?
				     TASK_INTERRUPTIBLE | TASK_WAKEKILL :
				     TASK_INTERRUPTIBLE);
}

struct mm_struct *task_grab_mm(struct task_struct *task, size_t count_offset)
{
	struct mm_struct *mm;

	raw_spin_lock(&task->alloc_lock);
	mm = task->mm;
	if (mm) {
		atomic_t *count =
			(atomic_t *)(void *)((char *)mm + count_offset);

		fl_dirty(count, sizeof(*count));
		atomic_inc(count);
	}
	raw_spin_unlock(&task->alloc_lock);
	return mm;
}

void task_set_mm(struct mm_struct *mm)
{
	struct task_struct *task = current;

	fl_marked_access(&task->mm, sizeof(task->mm),
			 FL_ACCESS_WRITE | FL_ACCESS_VOLATILE, FL_HERE);
	fl_dirty(&task->mm, sizeof(task->mm));
	raw_spin_lock(&task->alloc_lock);
	__atomic_store_n(&task->mm, mm, __ATOMIC_RELAXED);
	raw_spin_unlock(&task->alloc_lock);
}

void clear_signals(struct task_struct *task)
{
	fl_marked_access(&task->pending, sizeof(task->pending),
			 FL_ACCESS_WRITE | FL_ACCESS_RMW, FL_HERE);
	fl_dirty(&task->pending, sizeof(task->pending));
	__atomic_fetch_and(&task->pending, signal_bit(SIGKILL),
			   __ATOMIC_SEQ_CST);
}

bool signal_pending(const struct task_struct *task)
{
	fl_marked_access(&task->pending, sizeof(task->pending), 0, FL_HERE);
	return pending_signals(task) != 0;
}

bool fatal_signal_pending(const struct task_struct *task)
{
	fl_marked_access(&task->pending, sizeof(task->pending), 0, FL_HERE);
	return (pending_signals(task) & signal_bit(SIGKILL)) != 0;
}

void force_sig_fault(int sig, int code, kulong address)
{
	struct task_struct *task = current;

	fl_dirty(&task->fault_sig, sizeof(task->fault_sig));
	fl_dirty(&task->fault_code, sizeof(task->fault_code));
	fl_dirty(&task->fault_addr, sizeof(task->fault_addr));
	task->fault_sig = sig;
	task->fault_code = code;
	task->fault_addr = address;
}

void cond_resched(void)
{
	fl_event(FL_EV_MARK, current, 0, 0, "cond_resched");
}

void rcu_read_lock(void)
{
	struct task_struct *task = current;

	fl_dirty(&task->rcu_depth, sizeof(task->rcu_depth));
	task->rcu_depth++;
	fl_event(FL_EV_MARK, NULL, 0, task->rcu_depth, "rcu_read_lock");
}

void rcu_read_unlock(void)
{
	struct task_struct *task = current;

	fl_event(FL_EV_MARK, NULL, 0, task->rcu_depth, "rcu_read_unlock");
	BUG_ON(task->rcu_depth == 0);
	fl_dirty(&task->rcu_depth, sizeof(task->rcu_depth));
	task->rcu_depth--;
}
