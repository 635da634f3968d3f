// SPDX-License-Identifier: GPL-2.0-only
//
// struct rw_semaphore (kernel/locking/rwsem-xadd.c, rwsem.c, and the fast
// paths of arch/x86/include/asm/rwsem.h and include/asm-generic/rwsem.h).
//
// The count has two halves.  The low, active part counts readers, a writer,
// and whoever is just trying; the high part is negative as long as there is a
// writer or a queue:
//
//   0                           free
//   n                           n readers, nobody queued
//   WAITING_BIAS                queue, nobody active: up for grabs by writers
//   WAITING_BIAS + n            n readers and a queue; or one writer (n == 1)
//   2 * WAITING_BIAS + 1        a writer and a queue
//
// A writer adds WAITING_BIAS + 1, whoever queues first adds WAITING_BIAS.
// Each function below does the steps of its namesake in the kernel.
//
// Spinning before queueing (rwsem_optimistic_spin) is for native threads.  For
// fibers it is a single try: a writer that spins until the lock is released
// and then takes it ahead of the queue behaves as one that comes later, and
// the search has that execution as well.
// Left out: the queue among spinners (osq), lockdep's nesting variants.
//
// Locks: sem->wait_lock (raw) for the queue.  Waiters stand on the stacks of
// the tasks that wait.

#include "mm/sync/internal.h"

namespace {

#ifdef CONFIG_ARM
const klong ACTIVE_MASK = 0xffff;
#else
const klong ACTIVE_MASK = 0xffffffff;
#endif
const klong WAITING_BIAS = -ACTIVE_MASK - 1;
const klong READ_BIAS = 1;
const klong WRITE_BIAS = WAITING_BIAS + 1;

enum WaiterType { waiting_for_write, waiting_for_read };
enum WakeType {
	wake_any,
	wake_readers, // a front writer is left alone
	wake_read_owned // likewise; the caller holds the lock for read
};

struct RwsemWaiter {
	struct list_head list;
	struct task_struct *task; // atomic; NULL: the read lock is granted
	enum WaiterType type;
};

klong add_return(struct rw_semaphore *sem, klong value, int order)
{
	return order == __ATOMIC_RELEASE ?
		       __atomic_add_fetch(&sem->count.counter, value,
					  __ATOMIC_RELEASE) :
		       __atomic_add_fetch(&sem->count.counter, value,
					  __ATOMIC_ACQUIRE);
}

klong read_count(const struct rw_semaphore *sem)
{
	return __atomic_load_n(&sem->count.counter, __ATOMIC_RELAXED);
}

bool count_exchange(struct rw_semaphore *sem, klong *expected, klong wanted)
{
	return __atomic_compare_exchange_n(&sem->count.counter, expected,
					   wanted, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

struct task_struct *reader_owned(void)
{
	return (struct task_struct *)1;
}

void set_owner(struct rw_semaphore *sem, struct task_struct *owner)
{
	if (__atomic_load_n(&sem->owner, __ATOMIC_RELAXED) != owner)
		__atomic_store_n(&sem->owner, owner, __ATOMIC_RELAXED);
}

// The front of the queue, which is not empty, may go on: wait_lock held.  A
// front writer is returned for the caller to wake, it competes again; readers
// at the front are counted as holders, dequeued and woken here.
struct task_struct *mark_wake(struct rw_semaphore *sem, enum WakeType type)
{
	struct RwsemWaiter *waiter, *next;
	klong woken = 0, adjustment = 0;

	waiter = list_first_entry(&sem->wait_list, struct RwsemWaiter, list);
	if (waiter->type == waiting_for_write)
		return type == wake_any ? waiter->task : NULL;

	// Count the first reader before anything is granted: from then on no
	// writer can steal the lock, and if one has, take it back.
	if (type != wake_read_owned) {
		adjustment = READ_BIAS;
		while (add_return(sem, READ_BIAS, __ATOMIC_ACQUIRE) -
			       READ_BIAS <
		       WAITING_BIAS) {
			if (add_return(sem, -READ_BIAS, __ATOMIC_RELEASE) <
			    WAITING_BIAS)
				return NULL;
			// The writer left just now: once more.
		}
		set_owner(sem, reader_owned());
	}

	list_for_each_entry_safe(waiter, next, &sem->wait_list,
				 struct RwsemWaiter, list) {
		struct task_struct *task = waiter->task;

		if (waiter->type == waiting_for_write)
			break;
		woken++;
		list_del(&waiter->list);
		// Last: the waiter's stack frame is gone once it sees this.
		smp_store_release(&waiter->task, NULL);
		wake_up_process(task);
	}
	adjustment = woken * READ_BIAS - adjustment;
	if (list_empty(&sem->wait_list))
		adjustment -= WAITING_BIAS;
	if (adjustment)
		add_return(sem, adjustment, __ATOMIC_RELEASE);
	return NULL;
}

void rwsem_wake(struct rw_semaphore *sem, enum WakeType type)
{
	struct task_struct *task = NULL;

	raw_spin_lock(&sem->wait_lock);
	if (!list_empty(&sem->wait_list))
		task = mark_wake(sem, type);
	raw_spin_unlock(&sem->wait_lock);
	if (task)
		wake_up_process(task);
}

void rwsem_down_read_failed(struct rw_semaphore *sem)
{
	klong count, adjustment = -READ_BIAS;
	struct task_struct *task = NULL;
	struct RwsemWaiter waiter;

	waiter.task = current;
	waiter.type = waiting_for_read;
	raw_spin_lock(&sem->wait_lock);
	if (list_empty(&sem->wait_list))
		adjustment += WAITING_BIAS;
	list_add_tail(&waiter.list, &sem->wait_list);
	count = add_return(sem, adjustment, __ATOMIC_ACQUIRE);
	// The holder may have left meanwhile without seeing a queue; or only
	// readers hold it and this is the first in the queue, so may join.
	if (count == WAITING_BIAS ||
	    (count > WAITING_BIAS && adjustment != -READ_BIAS))
		task = mark_wake(sem, wake_any);
	raw_spin_unlock(&sem->wait_lock);
	if (task)
		wake_up_process(task);

	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (!smp_load_acquire(&waiter.task))
			break;
		schedule_on(sem, "down_read");
	}
	set_current_state(TASK_RUNNING);
}

// wait_lock held, the caller is queued; only writers can come in between.
bool try_write_lock(struct rw_semaphore *sem, klong count)
{
	klong expected = WAITING_BIAS;

	if (count != WAITING_BIAS)
		return false;
	if (!count_exchange(sem, &expected,
			    list_is_singular(&sem->wait_list) ?
				    WRITE_BIAS :
				    WRITE_BIAS + WAITING_BIAS))
		return false;
	set_owner(sem, current);
	return true;
}

// Steals: whoever is queued stays there.
bool try_write_lock_unqueued(struct rw_semaphore *sem)
{
	klong count = read_count(sem);

	while (count == 0 || count == WAITING_BIAS) {
		if (count_exchange(sem, &count, count + WRITE_BIAS)) {
			set_owner(sem, current);
			return true;
		}
	}
	return false;
}

bool optimistic_spin(struct rw_semaphore *sem)
{
	const u32 tries = FAULTLINE_EXPLORED ? 1 : FL_SPINS;

	for (u32 i = 0; i < tries; i++) {
		// Nobody knows whether readers run, so never spin on them.
		if (__atomic_load_n(&sem->owner, __ATOMIC_RELAXED) ==
		    reader_owned())
			return false;
		if (try_write_lock_unqueued(sem))
			return true;
		if (tries > 1)
			fl_pause();
	}
	return false;
}

// Leaves the queue without the lock.  The count tells others that there is a
// queue, and a wake-up may have come to the one that leaves: pass it on.
void leave_queue(struct rw_semaphore *sem, struct RwsemWaiter *waiter)
{
	struct task_struct *task = NULL;

	set_current_state(TASK_RUNNING);
	raw_spin_lock(&sem->wait_lock);
	list_del(&waiter->list);
	if (list_empty(&sem->wait_list))
		add_return(sem, -WAITING_BIAS, __ATOMIC_RELEASE);
	else
		task = mark_wake(sem, wake_any);
	raw_spin_unlock(&sem->wait_lock);
	if (task)
		wake_up_process(task);
}

int rwsem_down_write_failed(struct rw_semaphore *sem, u32 state)
{
	struct RwsemWaiter waiter;
	klong count;

	add_return(sem, -WRITE_BIAS, __ATOMIC_RELEASE);
	if (optimistic_spin(sem))
		return 0;

	waiter.task = current;
	waiter.type = waiting_for_write;
	raw_spin_lock(&sem->wait_lock);
	if (list_empty(&sem->wait_list)) {
		list_add_tail(&waiter.list, &sem->wait_list);
		count = add_return(sem, WAITING_BIAS, __ATOMIC_ACQUIRE);
	} else {
		list_add_tail(&waiter.list, &sem->wait_list);
		count = read_count(sem);
		// Readers hold it, and readers wait in front: let those join.
		if (count > WAITING_BIAS)
			mark_wake(sem, wake_readers);
	}

	set_current_state(state);
	while (!try_write_lock(sem, count)) {
		raw_spin_unlock(&sem->wait_lock);
		do {
			// Only here: who need not sleep is not killed.
			if (signal_pending_state(state)) {
				leave_queue(sem, &waiter);
				return -EINTR;
			}
			schedule_on(sem, "down_write");
			set_current_state(state);
			count = read_count(sem);
		} while (count & ACTIVE_MASK);
		raw_spin_lock(&sem->wait_lock);
	}
	set_current_state(TASK_RUNNING);
	list_del(&waiter.list);
	raw_spin_unlock(&sem->wait_lock);
	return 0;
}

int down_write_state(struct rw_semaphore *sem, u32 state)
{
	const klong old =
		add_return(sem, WRITE_BIAS, __ATOMIC_ACQUIRE) - WRITE_BIAS;
#ifdef CONFIG_ARM
	const bool taken = old == 0;
#else
	const bool taken = (old & ACTIVE_MASK) == 0;
#endif

	if (unlikely(!taken))
		return rwsem_down_write_failed(sem, state);
	set_owner(sem, current);
	return 0;
}

} // namespace

void init_rwsem_named(struct rw_semaphore *sem, const char *name)
{
	fl_event(FL_EV_LOCK_INIT, sem, sizeof(*sem), 0, name);
	sem->count.counter = 0;
	raw_spin_lock_init(&sem->wait_lock, name);
	INIT_LIST_HEAD(&sem->wait_list);
	sem->owner = NULL;
	sem->name = name;
}

void down_read(struct rw_semaphore *sem)
{
	fl_event(FL_EV_LOCK, sem, sizeof(*sem), FL_LOCK_READ, sem->name);
	if (unlikely(add_return(sem, READ_BIAS, __ATOMIC_ACQUIRE) <= 0))
		rwsem_down_read_failed(sem);
	set_owner(sem, reader_owned());
	fl_event(FL_EV_LOCKED, sem, sizeof(*sem), FL_LOCK_READ, sem->name);
}

bool down_read_trylock(struct rw_semaphore *sem)
{
	const u32 mode = FL_LOCK_READ | FL_LOCK_TRY;
	klong count;

	fl_event(FL_EV_LOCK, sem, sizeof(*sem), mode, sem->name);
	count = read_count(sem);
	while (count >= 0) {
		if (!count_exchange(sem, &count, count + READ_BIAS))
			continue;
		set_owner(sem, reader_owned());
		fl_event(FL_EV_LOCKED, sem, sizeof(*sem), mode, sem->name);
		return true;
	}
	fl_event(FL_EV_LOCK_FAILED, sem, sizeof(*sem), mode, sem->name);
	return false;
}

void down_write(struct rw_semaphore *sem)
{
	fl_event(FL_EV_LOCK, sem, sizeof(*sem), FL_LOCK_WRITE, sem->name);
	down_write_state(sem, TASK_UNINTERRUPTIBLE);
	fl_event(FL_EV_LOCKED, sem, sizeof(*sem), FL_LOCK_WRITE, sem->name);
}

int down_write_killable(struct rw_semaphore *sem)
{
	const u32 mode = FL_LOCK_WRITE | FL_LOCK_KILLABLE;
	int error;

	fl_event(FL_EV_LOCK, sem, sizeof(*sem), mode, sem->name);
	error = down_write_state(sem, TASK_KILLABLE);
	fl_event(error ? FL_EV_LOCK_FAILED : FL_EV_LOCKED, sem, sizeof(*sem),
		 mode, sem->name);
	return error;
}

bool down_write_trylock(struct rw_semaphore *sem)
{
	const u32 mode = FL_LOCK_WRITE | FL_LOCK_TRY;
	klong count = 0;
	bool taken;

	fl_event(FL_EV_LOCK, sem, sizeof(*sem), mode, sem->name);
#ifdef CONFIG_ARM
	taken = count_exchange(sem, &count, WRITE_BIAS);
#else
	count = read_count(sem);
	do {
		taken = (count & ACTIVE_MASK) == 0;
	} while (taken && !count_exchange(sem, &count, count + WRITE_BIAS));
#endif
	if (taken)
		set_owner(sem, current);
	fl_event(taken ? FL_EV_LOCKED : FL_EV_LOCK_FAILED, sem, sizeof(*sem),
		 mode, sem->name);
	return taken;
}

void up_read(struct rw_semaphore *sem)
{
	const char *name = sem->name;
	klong count;

	fl_event(FL_EV_UNLOCK, sem, sizeof(*sem), FL_LOCK_READ, name);
	count = add_return(sem, -READ_BIAS, __ATOMIC_RELEASE);
	if (unlikely(count < 0 && (count & ACTIVE_MASK) == 0))
		rwsem_wake(sem, wake_any);
	fl_event(FL_EV_UNLOCKED, sem, sizeof(*sem), FL_LOCK_READ, name);
}

void up_write(struct rw_semaphore *sem)
{
	const char *name = sem->name;
	klong count;

	fl_event(FL_EV_UNLOCK, sem, sizeof(*sem), FL_LOCK_WRITE, name);
	set_owner(sem, NULL);
	count = add_return(sem, -WRITE_BIAS, __ATOMIC_RELEASE);
#ifdef CONFIG_ARM
	if (unlikely(count < 0))
#else
	if (unlikely(count < 0 && (count & ACTIVE_MASK) == 0))
#endif
		rwsem_wake(sem, wake_any);
	fl_event(FL_EV_UNLOCKED, sem, sizeof(*sem), FL_LOCK_WRITE, name);
}

void downgrade_write(struct rw_semaphore *sem)
{
	klong count;

	fl_dirty(sem, sizeof(*sem));
	// The owner first: a spinner that saw the new count would go on.
	set_owner(sem, reader_owned());
	count = add_return(sem, -WAITING_BIAS, __ATOMIC_RELEASE);
	if (count < 0)
		rwsem_wake(sem, wake_read_owned);
	fl_event(FL_EV_DOWNGRADED, sem, sizeof(*sem), FL_LOCK_READ, sem->name);
}

bool rwsem_is_locked(struct rw_semaphore *sem)
{
	return read_count(sem) != 0;
}
