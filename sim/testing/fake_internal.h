/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the instrumented and the plain half of the fake kernel share.
 */
#ifndef FAULTLINE_SIM_TESTING_FAKE_INTERNAL_H_
#define FAULTLINE_SIM_TESTING_FAKE_INTERNAL_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/interface.h"
#include "sim/testing/fake_kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FAKE_TASKS 24
#define FAKE_USER_PAGES 16
#define FAKE_USER_BASE 0x10000000ull
#define FAKE_PAGE 4096ull

struct fake_lock {
	uint32_t writer;  /* 1: held for write */
	uint32_t readers;
	uint32_t waiters; /* bit per task */
	const char *name;
	char pad[40];
};

struct fake_object {
	uint64_t value[4];
};

struct task_struct {
	struct machine *machine;
	struct mm_struct *mm;
	void *host;
	uint32_t index;
	uint32_t used;
	uint32_t killed;
};

struct mm_struct {
	uint32_t bad;
	uint32_t used;
};

struct machine {
	struct fl_machine_config config;
	char *slab_next;
	uint64_t live;
	struct fake_lock locks[FAKE_SLOTS];
	uint64_t counter[FAKE_SLOTS];
	uint32_t flag[FAKE_SLOTS];
	struct fake_object *slot[FAKE_SLOTS];
	uint32_t sleepers[FAKE_SLOTS];
	uint32_t wake_ups[FAKE_SLOTS];
	struct task_struct tasks[FAKE_TASKS];
	struct mm_struct mms[FAKE_TASKS];
	uint32_t mapped; /* bit per user page */
	uint32_t next_page;
	uint8_t user[FAKE_USER_PAGES * 4096];
};

extern __thread struct task_struct *fake_current
	__attribute__((visibility("hidden")));
extern struct fl_runtime fake_runtime __attribute__((visibility("hidden")));

#define FAKE_HIDDEN __attribute__((visibility("hidden")))
FAKE_HIDDEN struct task_struct *fake_task(void);
FAKE_HIDDEN void fake_event(uint32_t kind, const void *obj, uint64_t size,
			    uint32_t arg, const char *name, const void *pc);
FAKE_HIDDEN void fake_lock(struct fake_lock *lock, uint32_t mode);
FAKE_HIDDEN void fake_unlock(struct fake_lock *lock, uint32_t mode);
FAKE_HIDDEN void *fake_alloc(uint64_t size, const char *cache);
FAKE_HIDDEN void fake_free(void *object, uint64_t size, const char *cache);
FAKE_HIDDEN void fake_sleep(uint32_t i);
FAKE_HIDDEN void fake_wake(uint32_t i);
FAKE_HIDDEN void fake_secret_write(void);
FAKE_HIDDEN void fake_hard_fault(void);
FAKE_HIDDEN uint32_t fake_overflow(uint32_t depth);
FAKE_HIDDEN void fake_user_copy(void *to, const void *from, uint32_t size);
FAKE_HIDDEN void fake_report(uint32_t kind, int line, const char *function,
			     const char *text);

#ifdef __cplusplus
}
#endif

#endif /* FAULTLINE_SIM_TESTING_FAKE_INTERNAL_H_ */
