// SPDX-License-Identifier: GPL-2.0-only
//
// percpu_counter_add, percpu_counter_read (lib/percpu_counter.c), as one
// relaxed number.  Left out: the processors' shares and the batch.  No locks.

#include "mm/sync/percpu_counter.h"

#include "mm/sync/internal.h"

void percpu_counter_add(struct percpu_counter *fbc, s64 amount)
{
	fl_dirty(fbc, sizeof(*fbc));
	__atomic_fetch_add(&fbc->count, amount, __ATOMIC_RELAXED);
}

s64 percpu_counter_read(const struct percpu_counter *fbc)
{
	return __atomic_load_n(&fbc->count, __ATOMIC_RELAXED);
}
