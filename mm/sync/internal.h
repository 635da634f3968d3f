/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the sources of mm/sync share and nobody else sees.
 *
 * This code is never instrumented: the compiler announces none of its
 * accesses.  So it announces itself, by lock and allocation events, and calls
 * fl_dirty() before it writes model memory that no such event covers.  Nothing
 * switches tasks between two of these announcements, hence a raw lock is never
 * contended in an explored build.
 */
#ifndef FAULTLINE_MM_SYNC_INTERNAL_H_
#define FAULTLINE_MM_SYNC_INTERNAL_H_

#include "mm/sync/bug.h"
#include "mm/sync/lock.h"
#include "mm/sync/machine.h"
#include "mm/sync/runtime.h"
#include "mm/sync/sched.h"
#include "mm/sync/types.h"

#if defined(__SANITIZE_ADDRESS__)
#define FL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FL_ASAN 1
#endif
#endif
#ifndef FL_ASAN
#define FL_ASAN 0
#endif

FL_BEGIN_DECLS

#if FL_ASAN
void __asan_poison_memory_region(void const volatile *addr, size_t size);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
#define fl_poison(addr, bytes) __asan_poison_memory_region(addr, bytes)
#define fl_unpoison(addr, bytes) __asan_unpoison_memory_region(addr, bytes)
/* For a function that reads what is poisoned for everybody else. */
#define FL_NO_ASAN __attribute__((no_sanitize("address"), noinline))
#else
#define fl_poison(addr, bytes) ((void)(addr), (void)(bytes))
#define fl_unpoison(addr, bytes) ((void)(addr), (void)(bytes))
#define FL_NO_ASAN
#endif

static inline void fl_dirty(const void *obj, u64 bytes)
{
	if (unlikely(fl_runtime.event != NULL))
		fl_event_at(FL_EV_DIRTY, obj, bytes, 0, NULL, NULL);
}

/* A marked access of the model, made by code that is not instrumented. */
static inline void fl_marked_access(const void *addr, u32 bytes, u32 flags,
				    const void *pc)
{
	if (unlikely(fl_runtime.access != NULL))
		fl_runtime.access(addr, bytes, flags | FL_ACCESS_ATOMIC, pc);
}

static inline void fl_pause(void)
{
#if defined(__x86_64__)
	__asm__ __volatile__("pause" ::: "memory");
#else
	barrier();
#endif
}

/*
 * Fill and copy in a shape that no compiler turns into a call to memset or
 * memcpy, which in an explored build would announce the access.
 */
static inline void fl_fill(void *to, int byte, size_t bytes)
{
#if defined(__x86_64__)
	__asm__ __volatile__("rep stosb"
			     : "+D"(to), "+c"(bytes)
			     : "a"(byte)
			     : "memory");
#else
	char *at = (char *)to;

	for (; bytes; bytes--) {
		*at++ = (char)byte;
		barrier();
	}
#endif
}
static inline void fl_copy(void *to, const void *from, size_t bytes)
{
#if defined(__x86_64__)
	__asm__ __volatile__("rep movsb"
			     : "+D"(to), "+S"(from), "+c"(bytes)
			     :
			     : "memory");
#else
	char *at = (char *)to;
	const char *source = (const char *)from;

	for (; bytes; bytes--) {
		*at++ = *source++;
		barrier();
	}
#endif
}

/* For a look that a lock or a full barrier elsewhere makes harmless. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define FL_NO_TSAN __attribute__((no_sanitize_thread, noinline))
#elif defined(__clang__)
#define FL_NO_TSAN __attribute__((no_sanitize("thread"), noinline))
#else
#define FL_NO_TSAN
#endif

#define FL_SPINS 64 /* of a waiting thread, before it gives up its CPU */

/* Locks inside the primitives: no events, never held across one. */
static inline void raw_spin_lock(spinlock_t *lock)
{
	u32 spins = 0;

	while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED)) {
			if (++spins % FL_SPINS)
				fl_pause();
			else
				fl_runtime.relax(current ? current->host : NULL,
						 lock);
		}
	}
}
static inline void raw_spin_unlock(spinlock_t *lock)
{
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}
static inline void raw_spin_lock_init(spinlock_t *lock, const char *name)
{
	lock->locked = 0;
	lock->name = name;
}

/* ---- sched.cc ---- */
/* A signal that ends a sleep in this state is pending on current. */
bool signal_pending_state(u32 state);

/* ---- swap.cc ---- */
/* Pages that nobody refers to any more: off the list, those that are on it. */
void release_lru_pages(struct machine *machine, struct page **pages, u32 nr);

/* ---- page_alloc.cc ---- */
/* Sets up mem_map and puts every frame on the free list. */
void page_alloc_init(struct machine *machine);

FL_END_DECLS

#endif /* FAULTLINE_MM_SYNC_INTERNAL_H_ */
