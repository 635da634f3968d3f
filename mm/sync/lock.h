/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The locks of the model: spinlock_t, struct mutex, struct rw_semaphore
 * (include/linux/{spinlock,mutex,rwsem}.h, kernel/locking/rwsem-xadd.c),
 * wait queues on pages, and RCU.
 *
 * One implementation each, over atomics and the runtime's park and unpark:
 * threads really contend, fibers are scheduled.  Every operation announces
 * itself (FL_EV_LOCK before it tries, FL_EV_LOCKED after it has it,
 * FL_EV_UNLOCK before it lets go, FL_EV_UNLOCKED after).
 *
 * rw_semaphore keeps 4.13's rules: a read-held lock counts readers; any
 * queued waiter makes new readers queue; waiters are FIFO; a woken writer
 * competes (no hand-off), a run of readers at the front is granted together;
 * on x86 down_write overtakes queued waiters when nobody is active, in an ARM
 * build it needs the count to be exactly 0; a killable waiter looks at signals
 * only before it sleeps.
 */
#ifndef FAULTLINE_MM_SYNC_LOCK_H_
#define FAULTLINE_MM_SYNC_LOCK_H_

#include "mm/sync/atomic.h"
#include "mm/sync/list.h"
#include "mm/sync/types.h"

FL_BEGIN_DECLS

struct task_struct;

typedef struct spinlock {
	u32 locked;
	const char *name;
} spinlock_t;

void spin_lock_init_named(spinlock_t *lock, const char *name);
#define spin_lock_init(lock) spin_lock_init_named(lock, #lock)
void spin_lock(spinlock_t *lock);
bool spin_trylock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);
/*
 * The second lock of its class, in an order that the caller vouches for: to
 * lockdep a hint, to everybody else the lock itself.
 */
#define SINGLE_DEPTH_NESTING 1
#define spin_lock_nested(lock, subclass) ((void)(subclass), spin_lock(lock))
#define down_write_nested(sem, subclass) ((void)(subclass), down_write(sem))
static inline bool spin_is_locked(const spinlock_t *lock)
{
	return __atomic_load_n(&lock->locked, __ATOMIC_RELAXED) != 0;
}

struct mutex {
	struct task_struct *owner; /* atomic; low bits: 4.13's flags */
	spinlock_t wait_lock;
	struct list_head wait_list;
	const char *name;
};

void mutex_init_named(struct mutex *lock, const char *name);
#define mutex_init(lock) mutex_init_named(lock, #lock)
void mutex_lock(struct mutex *lock);
bool mutex_trylock(struct mutex *lock);
void mutex_unlock(struct mutex *lock);

struct rw_semaphore {
	atomic_long_t count;
	struct list_head wait_list; /* wait_lock */
	spinlock_t wait_lock;
	struct task_struct *owner; /* the writer, or 1: readers; atomic */
	const char *name;
};

void init_rwsem_named(struct rw_semaphore *sem, const char *name);
#define init_rwsem(sem) init_rwsem_named(sem, #sem)
void down_read(struct rw_semaphore *sem);
bool down_read_trylock(struct rw_semaphore *sem);
void down_write(struct rw_semaphore *sem);
/* 0, or -EINTR when a fatal signal is pending and it would have slept. */
int down_write_killable(struct rw_semaphore *sem)
	__attribute__((warn_unused_result));
bool down_write_trylock(struct rw_semaphore *sem);
void up_read(struct rw_semaphore *sem);
void up_write(struct rw_semaphore *sem);
/* Held for write on entry, for read on exit. */
void downgrade_write(struct rw_semaphore *sem);
/* Held by anybody, in any mode. */
bool rwsem_is_locked(struct rw_semaphore *sem);
/* For checks: held for writing.  Announces nothing. */
static inline bool rwsem_has_writer(const struct rw_semaphore *sem)
{
	return (uintptr_t)__atomic_load_n(&sem->owner, __ATOMIC_RELAXED) > 1;
}

/*
 * A bit in *word used as a sleeping lock (the page lock is one).  Waiters are
 * kept in the machine, hashed by the word's address, in FIFO order.
 */
void bit_lock(int nr, kulong *word, const char *name);
/* 0, or -EINTR when a fatal signal is pending. */
int bit_lock_killable(int nr, kulong *word, const char *name);
bool bit_trylock(int nr, kulong *word, const char *name);
void bit_unlock(int nr, kulong *word, const char *name);
/* Sleeps while the bit is set; killable: -EINTR on a fatal signal. */
int wait_on_bit(int nr, kulong *word, const char *name, bool killable);

/* RCU read sides are markers: nothing in the model waits for a grace period. */
void rcu_read_lock(void);
void rcu_read_unlock(void);
/*
 * The one RCU read side that delays something: what kmem_cache_free_typesafe
 * (slab.h) is given stays what it was until the last of these has ended.
 */
void rcu_read_lock_typesafe(void);
void rcu_read_unlock_typesafe(void);

FL_END_DECLS

#endif /* FAULTLINE_MM_SYNC_LOCK_H_ */
