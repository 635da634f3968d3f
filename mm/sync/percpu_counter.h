/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A counter that nobody waits for (include/linux/percpu_counter.h).
 *
 * No choice point: in an explored build an addition or a look is no step of
 * its own, for nothing is ordered by it.  The value is exact; the error of
 * 4.13's batches is left out.
 */
#ifndef FAULTLINE_MM_SYNC_PERCPU_COUNTER_H_
#define FAULTLINE_MM_SYNC_PERCPU_COUNTER_H_

#include "mm/sync/types.h"

FL_BEGIN_DECLS

struct percpu_counter {
	s64 count;
};

void percpu_counter_add(struct percpu_counter *fbc, s64 amount);
/* At any moment; an other task's addition may be seen or not. */
s64 percpu_counter_read(const struct percpu_counter *fbc);
/* Never below zero. */
static inline s64 percpu_counter_read_positive(const struct percpu_counter *fbc)
{
	s64 count = percpu_counter_read(fbc);

	return count > 0 ? count : 0;
}

FL_END_DECLS

#endif /* FAULTLINE_MM_SYNC_PERCPU_COUNTER_H_ */
