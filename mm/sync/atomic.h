/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * atomic_t, atomic_long_t and bit operations (include/linux/atomic.h,
 * bitops.h), over the compiler's __atomic builtins: the same code is the
 * real thing on threads and one marked event in an explored build.  Value
 * returning operations are fully ordered, the others relaxed, as in 4.13.
 */
#ifndef FAULTLINE_MM_SYNC_ATOMIC_H_
#define FAULTLINE_MM_SYNC_ATOMIC_H_

#include "mm/sync/types.h"

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	klong counter;
} atomic_long_t;

#define ATOMIC_INIT(i) { (i) }
#define atomic_read(v) __atomic_load_n(&(v)->counter, __ATOMIC_RELAXED)
#define atomic_set(v, i) __atomic_store_n(&(v)->counter, (i), __ATOMIC_RELAXED)
#define atomic_inc(v) ((void)__atomic_fetch_add(&(v)->counter, 1, __ATOMIC_RELAXED))
#define atomic_dec(v) ((void)__atomic_fetch_sub(&(v)->counter, 1, __ATOMIC_RELAXED))
#define atomic_add(i, v) ((void)__atomic_fetch_add(&(v)->counter, (i), __ATOMIC_RELAXED))
#define atomic_sub(i, v) ((void)__atomic_fetch_sub(&(v)->counter, (i), __ATOMIC_RELAXED))
#define atomic_inc_return(v) __atomic_add_fetch(&(v)->counter, 1, __ATOMIC_SEQ_CST)
#define atomic_dec_return(v) __atomic_sub_fetch(&(v)->counter, 1, __ATOMIC_SEQ_CST)
#define atomic_add_return(i, v) __atomic_add_fetch(&(v)->counter, (i), __ATOMIC_SEQ_CST)
#define atomic_dec_and_test(v) (atomic_dec_return(v) == 0)
#define atomic_inc_and_test(v) (atomic_inc_return(v) == 0)
#define atomic_add_negative(i, v) (atomic_add_return(i, v) < 0)
/* Adds one unless the value is u; true when it did. */
#define atomic_add_unless(v, a, u)                                          \
	({                                                                  \
		__typeof__((v)->counter) fl_old_ = atomic_read(v);          \
		while (fl_old_ != (u) &&                                    \
		       !__atomic_compare_exchange_n(                        \
			       &(v)->counter, &fl_old_, fl_old_ + (a), false, \
			       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))         \
			;                                                   \
		fl_old_ != (u);                                             \
	})
#define atomic_inc_not_zero(v) atomic_add_unless(v, 1, 0)
#define atomic_long_read atomic_read
#define atomic_long_set atomic_set
#define atomic_long_inc atomic_inc
#define atomic_long_dec atomic_dec
#define atomic_long_add atomic_add
#define atomic_long_sub atomic_sub
#define atomic_long_inc_not_zero atomic_inc_not_zero
#define atomic_long_dec_and_test atomic_dec_and_test

static inline bool test_bit(int nr, const kulong *word)
{
	return (__atomic_load_n(word, __ATOMIC_RELAXED) >> nr) & 1;
}
static inline void set_bit(int nr, kulong *word)
{
	__atomic_fetch_or(word, (kulong)1 << nr, __ATOMIC_RELAXED);
}
static inline void clear_bit(int nr, kulong *word)
{
	__atomic_fetch_and(word, ~((kulong)1 << nr), __ATOMIC_RELAXED);
}
static inline bool test_and_set_bit(int nr, kulong *word)
{
	return (__atomic_fetch_or(word, (kulong)1 << nr, __ATOMIC_SEQ_CST) >> nr) & 1;
}
static inline bool test_and_clear_bit(int nr, kulong *word)
{
	return (__atomic_fetch_and(word, ~((kulong)1 << nr), __ATOMIC_SEQ_CST) >> nr) & 1;
}

#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define cmpxchg(p, old, next)                                               \
	({                                                                  \
		__typeof__(*(p)) fl_old_ = (old);                           \
		__atomic_compare_exchange_n((p), &fl_old_, (next), false,   \
					    __ATOMIC_SEQ_CST,               \
					    __ATOMIC_SEQ_CST);              \
		fl_old_;                                                    \
	})

#endif /* FAULTLINE_MM_SYNC_ATOMIC_H_ */
