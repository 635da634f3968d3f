/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A set of processors (include/linux/cpumask.h).  Words are read and written
 * atomically; who needs an order brings it.
 */
#ifndef FAULTLINE_MM_SYNC_CPUMASK_H_
#define FAULTLINE_MM_SYNC_CPUMASK_H_

#include "mm/sync/types.h"

#define FL_MAX_CPUS 256 /* CONFIG_NR_CPUS */
#define FL_CPUMASK_WORDS (FL_MAX_CPUS / 64)

struct cpumask {
	u64 bits[FL_CPUMASK_WORDS];
};

#endif /* FAULTLINE_MM_SYNC_CPUMASK_H_ */
