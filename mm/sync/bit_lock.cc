// SPDX-License-Identifier: GPL-2.0-only
//
// A bit as a sleeping lock: lock_page, unlock_page and wait_on_page_bit
// (mm/filemap.c, kernel/sched/wait_bit.c).
//
// Waiters queue in the machine, in a bucket found by the word's address,
// FIFO.  Unlock clears the bit, then wakes those that only wait for it to be
// clear and the first one that wants to set it; that one competes again.
//
// Who wants the bit and is killed must not take a wake-up with it.  So it
// tries for the bit before it looks at signals; unlock does not count a waiter
// that is awake already; and one that was counted and leaves all the same
// passes the wake-up on.  (The last of the three is missing in 4.13.  It takes
// a bit that is seen clear and found taken, which no explored execution has.)
//
// To only wait counts as taking the lock for read and releasing it: deadlock
// and ordering are the same as if it had.
//
// Left out: PG_waiters (whether the bucket is empty says as much), exclusive
// I/O waits.
// Locks: bucket->lock, raw.  Waiters stand on the waiting tasks' stacks.

#include "mm/sync/internal.h"

namespace {

struct BitWaiter {
	struct list_head list; // empty: not queued
	const kulong *word;
	int nr;
	bool wants_lock;
	struct task_struct *task;
};

struct bit_wait_bucket *bucket_of(const kulong *word)
{
	struct machine *machine = current_machine();
	const u64 offset = (u64)((uintptr_t)word - (uintptr_t)machine->arena);
	const u32 hash = (u32)(offset >> 3) * 0x9e3779b1u;

	FL_STATIC_ASSERT(FL_BIT_WAIT_BUCKETS == 64, "six bits of hash");
	return &machine->bit_wait[hash >> 26];
}

bool bit_is_set(int nr, const kulong *word)
{
	return (__atomic_load_n(word, __ATOMIC_ACQUIRE) >> nr) & 1;
}

bool bit_try(int nr, kulong *word)
{
	return !((__atomic_fetch_or(word, (kulong)1 << nr, __ATOMIC_ACQUIRE) >>
		  nr) &
		 1);
}

void enqueue(struct bit_wait_bucket *bucket, struct BitWaiter *waiter,
	     u32 state)
{
	fl_dirty(bucket, sizeof(*bucket));
	raw_spin_lock(&bucket->lock);
	if (list_empty(&waiter->list))
		list_add_tail(&waiter->list, &bucket->waiters);
	// Under the lock: a waker that dequeues sees the state as well.
	set_current_state(state);
	raw_spin_unlock(&bucket->lock);
}

// True when somebody has woken the waiter since it was queued last.
bool finish_wait(struct bit_wait_bucket *bucket, struct BitWaiter *waiter)
{
	bool woken;

	set_current_state(TASK_RUNNING);
	raw_spin_lock(&bucket->lock);
	woken = list_empty(&waiter->list);
	if (!woken)
		list_del_init(&waiter->list);
	raw_spin_unlock(&bucket->lock);
	return woken;
}

// Without the lock (waitqueue_active).  A waiter queues, then looks at the bit
// again; a waker clears the bit, then looks here; both are fully ordered, so
// one of them sees the other.
FL_NO_TSAN bool bucket_has_waiters(const struct bit_wait_bucket *bucket)
{
	return __atomic_load_n(&bucket->waiters.next, __ATOMIC_SEQ_CST) !=
	       &bucket->waiters;
}

void wake_up_bit(int nr, kulong *word)
{
	struct bit_wait_bucket *bucket = bucket_of(word);
	struct BitWaiter *waiter, *next;

	if (likely(!bucket_has_waiters(bucket)))
		return;
	fl_dirty(bucket, sizeof(*bucket));
	raw_spin_lock(&bucket->lock);
	list_for_each_entry_safe(waiter, next, &bucket->waiters,
				 struct BitWaiter, list) {
		const bool wanted = waiter->wants_lock;

		if (waiter->word != word || waiter->nr != nr)
			continue;
		if (bit_is_set(nr, word))
			break; // taken again: its unlock will wake them
		if (!wake_up_process(waiter->task))
			continue; // a signal was first
		list_del_init(&waiter->list);
		if (wanted)
			break;
	}
	raw_spin_unlock(&bucket->lock);
}

// 0 with the bit obtained (wants_lock) or seen clear, or -EINTR.
int wait_for_bit(int nr, kulong *word, bool wants_lock, u32 state,
		 const char *why)
{
	struct bit_wait_bucket *bucket = bucket_of(word);
	struct BitWaiter waiter;
	int error = 0;

	INIT_LIST_HEAD(&waiter.list);
	waiter.word = word;
	waiter.nr = nr;
	waiter.wants_lock = wants_lock;
	waiter.task = current;
	for (;;) {
		enqueue(bucket, &waiter, state);
		if (bit_is_set(nr, word))
			schedule_on(word, why);
		if (wants_lock ? bit_try(nr, word) : !bit_is_set(nr, word))
			break;
		if (signal_pending_state(state)) {
			error = -EINTR;
			break;
		}
	}
	if (finish_wait(bucket, &waiter) && error && wants_lock)
		wake_up_bit(nr, word);
	return error;
}

int bit_lock_state(int nr, kulong *word, u32 state)
{
	if (likely(bit_try(nr, word)))
		return 0;
	return wait_for_bit(nr, word, true, state, "lock_page");
}

} // namespace

void bit_lock(int nr, kulong *word, const char *name)
{
	fl_event(FL_EV_LOCK, word, sizeof(*word), FL_LOCK_WRITE, name);
	bit_lock_state(nr, word, TASK_UNINTERRUPTIBLE);
	fl_event(FL_EV_LOCKED, word, sizeof(*word), FL_LOCK_WRITE, name);
}

int bit_lock_killable(int nr, kulong *word, const char *name)
{
	const u32 mode = FL_LOCK_WRITE | FL_LOCK_KILLABLE;
	int error;

	fl_event(FL_EV_LOCK, word, sizeof(*word), mode, name);
	error = bit_lock_state(nr, word, TASK_KILLABLE);
	fl_event(error ? FL_EV_LOCK_FAILED : FL_EV_LOCKED, word, sizeof(*word),
		 mode, name);
	return error;
}

bool bit_trylock(int nr, kulong *word, const char *name)
{
	const u32 mode = FL_LOCK_WRITE | FL_LOCK_TRY;
	bool taken;

	fl_event(FL_EV_LOCK, word, sizeof(*word), mode, name);
	taken = bit_try(nr, word);
	fl_event(taken ? FL_EV_LOCKED : FL_EV_LOCK_FAILED, word, sizeof(*word),
		 mode, name);
	return taken;
}

void bit_unlock(int nr, kulong *word, const char *name)
{
	fl_event(FL_EV_UNLOCK, word, sizeof(*word), FL_LOCK_WRITE, name);
	BUG_ON(!bit_is_set(nr, word));
	__atomic_fetch_and(word, ~((kulong)1 << nr), __ATOMIC_SEQ_CST);
	wake_up_bit(nr, word);
	fl_event(FL_EV_UNLOCKED, word, sizeof(*word), FL_LOCK_WRITE, name);
}

int wait_on_bit(int nr, kulong *word, const char *name, bool killable)
{
	const u32 mode = FL_LOCK_READ | (killable ? FL_LOCK_KILLABLE : 0);
	int error = 0;

	fl_event(FL_EV_LOCK, word, sizeof(*word), mode, name);
	if (bit_is_set(nr, word))
		error = wait_for_bit(nr, word, false,
				     killable ? TASK_KILLABLE :
						TASK_UNINTERRUPTIBLE,
				     "wait_on_page");
	if (error) {
		fl_event(FL_EV_LOCK_FAILED, word, sizeof(*word), mode, name);
		return error;
	}
	fl_event(FL_EV_LOCKED, word, sizeof(*word), mode, name);
	fl_event(FL_EV_UNLOCK, word, sizeof(*word), FL_LOCK_READ, name);
	fl_event(FL_EV_UNLOCKED, word, sizeof(*word), FL_LOCK_READ, name);
	return 0;
}
