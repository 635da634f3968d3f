// SPDX-License-Identifier: GPL-2.0-only
//
// Spinlocks and mutexes (kernel/locking/spinlock.c, mutex.c).
//
// A spinlock is a test-and-set lock: 4.13's queue of spinners is left out, so
// who gets it next is anybody's guess here, which allows more than the kernel
// does and nothing less.
//
// A mutex is 4.13's: the owner word carries three flags in its low bits.
//   WAITERS  the queue is not empty, unlock has to wake the front
//   HANDOFF  the front waiter was woken and lost against a newcomer: the next
//            unlock gives the mutex to it and to nobody else
//   PICKUP   that has happened, the new owner has not noticed yet
// Left out: wait-wound contexts, interruptible and killable variants, and
// spinning for as long as the owner runs (native threads try a few times).
//
// Locks: mutex->wait_lock (raw) for the queue.  Waiters stand on the stacks of
// the tasks that wait.

#include "mm/sync/lock.h"

#include "mm/sync/internal.h"

namespace {

const uintptr_t mutex_waiters = 1;
const uintptr_t mutex_handoff = 2;
const uintptr_t mutex_pickup = 4;
const uintptr_t mutex_flags = 7;

struct MutexWaiter {
	struct list_head list;
	struct task_struct *task;
};

uintptr_t owner_word(const struct mutex *lock)
{
	return (uintptr_t)__atomic_load_n(&lock->owner, __ATOMIC_RELAXED);
}

bool owner_exchange(struct mutex *lock, uintptr_t *expected, uintptr_t wanted,
		    int order)
{
	struct task_struct *old = (struct task_struct *)*expected;
	const bool done = __atomic_compare_exchange_n(
		&lock->owner, &old, (struct task_struct *)wanted, false,
		order, __ATOMIC_RELAXED);

	*expected = (uintptr_t)old;
	return done;
}

void change_flags(struct mutex *lock, uintptr_t set, uintptr_t clear)
{
	uintptr_t owner = owner_word(lock);

	while (!owner_exchange(lock, &owner, (owner & ~clear) | set,
			       __ATOMIC_RELAXED))
		;
}

// Succeeds on a free mutex and on one that was handed to the caller.
bool mutex_try(struct mutex *lock)
{
	const uintptr_t task = (uintptr_t)current;
	uintptr_t owner = owner_word(lock);
	uintptr_t flags;

	do {
		flags = owner & mutex_flags;
		if (owner & ~mutex_flags) {
			if ((owner & ~mutex_flags) != task ||
			    !(flags & mutex_pickup))
				return false;
			flags &= ~mutex_pickup;
		}
		flags &= ~mutex_handoff;
	} while (!owner_exchange(lock, &owner, task | flags,
				 __ATOMIC_ACQUIRE));
	return true;
}

// A thread's short wait pays off because sections are short; a fiber's never
// does, nobody runs meanwhile.
bool mutex_spin(struct mutex *lock)
{
	if (FAULTLINE_EXPLORED)
		return mutex_try(lock);
	for (u32 i = 0; i < FL_SPINS; i++) {
		if (mutex_try(lock))
			return true;
		fl_pause();
	}
	return false;
}

void mutex_lock_slowpath(struct mutex *lock)
{
	struct MutexWaiter waiter;

	waiter.task = current;
	raw_spin_lock(&lock->wait_lock);
	if (mutex_try(lock)) {
		raw_spin_unlock(&lock->wait_lock);
		return;
	}
	list_add_tail(&waiter.list, &lock->wait_list);
	if (list_is_singular(&lock->wait_list))
		change_flags(lock, mutex_waiters, 0);
	set_current_state(TASK_UNINTERRUPTIBLE);
	while (!mutex_try(lock)) {
		raw_spin_unlock(&lock->wait_lock);
		schedule_on(lock, "mutex_lock");
		raw_spin_lock(&lock->wait_lock);
		// Before the next try, or an unlock in between goes unseen.
		if (lock->wait_list.next == &waiter.list)
			change_flags(lock, mutex_handoff, 0);
		set_current_state(TASK_UNINTERRUPTIBLE);
	}
	set_current_state(TASK_RUNNING);
	list_del(&waiter.list);
	if (list_empty(&lock->wait_list))
		change_flags(lock, 0, mutex_flags);
	raw_spin_unlock(&lock->wait_lock);
}

void mutex_unlock_slowpath(struct mutex *lock, bool handoff)
{
	struct task_struct *next = NULL;

	raw_spin_lock(&lock->wait_lock);
	if (!list_empty(&lock->wait_list))
		next = list_first_entry(&lock->wait_list, struct MutexWaiter,
					list)
			       ->task;
	if (handoff) {
		uintptr_t owner = owner_word(lock);
		uintptr_t wanted;

		do {
			wanted = (owner & mutex_waiters) | (uintptr_t)next;
			if (next)
				wanted |= mutex_pickup;
		} while (!owner_exchange(lock, &owner, wanted,
					 __ATOMIC_RELEASE));
	}
	raw_spin_unlock(&lock->wait_lock);
	if (next)
		wake_up_process(next);
}

bool spin_try(spinlock_t *lock)
{
	return !__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE);
}

} // namespace

void spin_lock_init_named(spinlock_t *lock, const char *name)
{
	fl_event(FL_EV_LOCK_INIT, lock, sizeof(*lock), FL_LOCK_SPIN, name);
	raw_spin_lock_init(lock, name);
}

void spin_lock(spinlock_t *lock)
{
	fl_event(FL_EV_LOCK, lock, sizeof(*lock), FL_LOCK_WRITE | FL_LOCK_SPIN,
		 lock->name);
	raw_spin_lock(lock);
	fl_event(FL_EV_LOCKED, lock, sizeof(*lock),
		 FL_LOCK_WRITE | FL_LOCK_SPIN, lock->name);
}

bool spin_trylock(spinlock_t *lock)
{
	const u32 mode = FL_LOCK_WRITE | FL_LOCK_SPIN | FL_LOCK_TRY;

	fl_event(FL_EV_LOCK, lock, sizeof(*lock), mode, lock->name);
	if (!spin_try(lock)) {
		fl_event(FL_EV_LOCK_FAILED, lock, sizeof(*lock), mode,
			 lock->name);
		return false;
	}
	fl_event(FL_EV_LOCKED, lock, sizeof(*lock), mode, lock->name);
	return true;
}

void spin_unlock(spinlock_t *lock)
{
	// Who gets the lock next may free it.
	const char *name = lock->name;

	fl_event(FL_EV_UNLOCK, lock, sizeof(*lock),
		 FL_LOCK_WRITE | FL_LOCK_SPIN, name);
	raw_spin_unlock(lock);
	fl_event(FL_EV_UNLOCKED, lock, sizeof(*lock),
		 FL_LOCK_WRITE | FL_LOCK_SPIN, name);
}

void mutex_init_named(struct mutex *lock, const char *name)
{
	fl_event(FL_EV_LOCK_INIT, lock, sizeof(*lock), 0, name);
	lock->owner = NULL;
	raw_spin_lock_init(&lock->wait_lock, name);
	INIT_LIST_HEAD(&lock->wait_list);
	lock->name = name;
}

void mutex_lock(struct mutex *lock)
{
	fl_event(FL_EV_LOCK, lock, sizeof(*lock), FL_LOCK_WRITE, lock->name);
	if (!mutex_spin(lock))
		mutex_lock_slowpath(lock);
	fl_event(FL_EV_LOCKED, lock, sizeof(*lock), FL_LOCK_WRITE, lock->name);
}

bool mutex_trylock(struct mutex *lock)
{
	const u32 mode = FL_LOCK_WRITE | FL_LOCK_TRY;

	fl_event(FL_EV_LOCK, lock, sizeof(*lock), mode, lock->name);
	if (!mutex_try(lock)) {
		fl_event(FL_EV_LOCK_FAILED, lock, sizeof(*lock), mode,
			 lock->name);
		return false;
	}
	fl_event(FL_EV_LOCKED, lock, sizeof(*lock), mode, lock->name);
	return true;
}

void mutex_unlock(struct mutex *lock)
{
	const char *name = lock->name;
	uintptr_t owner;

	fl_event(FL_EV_UNLOCK, lock, sizeof(*lock), FL_LOCK_WRITE, name);
	owner = owner_word(lock);
	for (;;) {
		if (owner & mutex_handoff)
			break;
		if (owner_exchange(lock, &owner, owner & mutex_flags,
				   __ATOMIC_RELEASE))
			break;
	}
	if (owner & (mutex_waiters | mutex_handoff))
		mutex_unlock_slowpath(lock, owner & mutex_handoff);
	fl_event(FL_EV_UNLOCKED, lock, sizeof(*lock), FL_LOCK_WRITE, name);
}
