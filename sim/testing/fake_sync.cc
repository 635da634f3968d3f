// SPDX-License-Identifier: GPL-2.0-only
//
// The plain half of the fake kernel: locks, allocator, sleeping, and what
// instrumented code calls.  Announces what it does, as mm/sync does.

#include "sim/testing/fake_internal.h"

__thread struct task_struct *fake_current;
struct fl_runtime fake_runtime;

#define HERE __builtin_return_address(0)

struct task_struct *fake_task(void)
{
	return fake_current;
}

void fake_event(uint32_t kind, const void *obj, uint64_t size, uint32_t arg,
		const char *name, const void *pc)
{
	struct fl_event event = { kind, arg, obj, size, name, pc };

	if (fake_runtime.event)
		fake_runtime.event(&event);
}

static void dirty(const void *obj, uint64_t size)
{
	fake_event(FL_EV_DIRTY, obj, size, 0, NULL, HERE);
}

void fake_lock(struct fake_lock *lock, uint32_t mode)
{
	struct task_struct *task = fake_current;
	const void *pc = HERE;

	fake_event(FL_EV_LOCK, lock, sizeof(*lock), mode, lock->name, pc);
	while (lock->writer || (mode == FL_LOCK_WRITE && lock->readers)) {
		lock->waiters |= 1u << task->index;
		fake_runtime.park(task->host, lock, "lock");
	}
	if (mode == FL_LOCK_WRITE)
		lock->writer = 1;
	else
		lock->readers++;
	fake_event(FL_EV_LOCKED, lock, sizeof(*lock), mode, lock->name, pc);
}

void fake_unlock(struct fake_lock *lock, uint32_t mode)
{
	struct machine *machine = fake_current->machine;
	const void *pc = HERE;
	uint32_t waiters;

	fake_event(FL_EV_UNLOCK, lock, sizeof(*lock), mode, lock->name, pc);
	if (mode == FL_LOCK_WRITE)
		lock->writer = 0;
	else if (lock->readers)
		lock->readers--;
	waiters = lock->waiters;
	lock->waiters = 0;
	for (uint32_t i = 0; i < FAKE_TASKS; i++)
		if (waiters >> i & 1)
			fake_runtime.unpark(machine->tasks[i].host);
	fake_event(FL_EV_UNLOCKED, lock, sizeof(*lock), mode, lock->name, pc);
}

void *fake_alloc(uint64_t size, const char *cache)
{
	struct machine *machine = fake_current->machine;
	char *object = machine->slab_next + 16;

	dirty(&machine->slab_next, 16);
	machine->slab_next += (16 + size + 16 + 15) & ~15ull;
	machine->live++;
	fake_event(FL_EV_ALLOC, object, size, 0, cache, HERE);
	return object;
}

void fake_free(void *object, uint64_t size, const char *cache)
{
	struct machine *machine = fake_current->machine;

	fake_event(FL_EV_FREE, object, size, 0, cache, HERE);
	dirty(&machine->live, 8);
	machine->live--;
}

void fake_sleep(uint32_t i)
{
	struct machine *machine = fake_current->machine;

	dirty(&machine->sleepers[i], 4);
	dirty(&machine->wake_ups[i], 4);
	while (!machine->wake_ups[i]) {
		machine->sleepers[i] |= 1u << fake_current->index;
		fake_runtime.park(fake_current->host, &machine->sleepers[i],
				  "a wake-up");
	}
	machine->wake_ups[i] = 0;
}

void fake_wake(uint32_t i)
{
	struct machine *machine = fake_current->machine;
	const uint32_t sleepers = machine->sleepers[i];

	dirty(&machine->sleepers[i], 4);
	dirty(&machine->wake_ups[i], 4);
	machine->wake_ups[i] = 1;
	machine->sleepers[i] = 0;
	for (uint32_t task = 0; task < FAKE_TASKS; task++)
		if (sleepers >> task & 1)
			fake_runtime.unpark(machine->tasks[task].host);
}

void fake_secret_write(void)
{
	// The last byte of user memory: a page that nothing else dirties.
	fake_current->machine->user[FAKE_USER_PAGES * 4096 - 1]++;
}

void fake_hard_fault(void)
{
	*(volatile uint64_t *)0x7000000000000ull = 1;
}

uint32_t fake_overflow(uint32_t depth)
{
	volatile char frame[512];

	frame[0] = (char)depth;
	if (depth == 0)
		return 0;
	return fake_overflow(depth - 1) + (uint32_t)frame[0];
}

void fake_user_copy(void *to, const void *from, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
}

void fake_report(uint32_t kind, int line, const char *function,
		 const char *text)
{
	fake_runtime.report(kind, "sim/testing/fake_kernel.cc", line, function,
			    text, HERE);
}

// ---- what -fsanitize=thread calls, in the explored build ----

#if FAULTLINE_EXPLORED

#define TSAN extern "C" __attribute__((visibility("hidden")))
#define ACCESS(name, size, flags)                                        \
	TSAN void __tsan_##name(void *addr)                              \
	{                                                                \
		if (fake_runtime.access)                                 \
			fake_runtime.access(addr, size, flags, HERE);    \
	}
#define ACCESSES(size)                                                   \
	ACCESS(read##size, size, 0)                                      \
	ACCESS(write##size, size, FL_ACCESS_WRITE)                       \
	ACCESS(unaligned_read##size, size, 0)                            \
	ACCESS(unaligned_write##size, size, FL_ACCESS_WRITE)             \
	ACCESS(volatile_read##size, size,                                \
	       FL_ACCESS_ATOMIC | FL_ACCESS_VOLATILE)                    \
	ACCESS(volatile_write##size, size,                               \
	       FL_ACCESS_ATOMIC | FL_ACCESS_VOLATILE | FL_ACCESS_WRITE)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

TSAN void __tsan_init(void)
{
}
// The very assignment that attaches the runtime is a range.
TSAN void __tsan_read_range(void *addr, size_t bytes)
{
	if (fake_runtime.access)
		fake_runtime.access(addr, (uint32_t)bytes, FL_ACCESS_RANGE,
				    HERE);
}
TSAN void __tsan_write_range(void *addr, size_t bytes)
{
	if (fake_runtime.access)
		fake_runtime.access(addr, (uint32_t)bytes,
				    FL_ACCESS_RANGE | FL_ACCESS_WRITE, HERE);
}

#endif  // FAULTLINE_EXPLORED
