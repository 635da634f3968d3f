// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an access by user code consists of whether or not there is an MMU: the
 * bytes, and the signal it may end with.
 *
 * Nothing of 4.13: the processor, and exit_to_usermode_loop as far as a signal
 * ends the program.  Left out: everything a signal handler could do.  No locks.
 *
 * load_bytes, store_bytes and copy_bytes are not instrumented: user programs
 * race as they like.
 */
#include "mm/fault.h"
#include "mm/mm.h"
#include "mm/sync/sched.h"

#define FL_UNINSTRUMENTED __attribute__((noinline, no_sanitize("thread")))

extern "C" {

FL_UNINSTRUMENTED u64 load_bytes(const char *from, u32 size)
{
	u64 value = 0;
	u32 i;

	if ((uintptr_t)from % size == 0) {
		switch (size) {
		case 8:
			return __atomic_load_n((const u64 *)(const void *)from,
					       __ATOMIC_RELAXED);
		case 4:
			return __atomic_load_n((const u32 *)(const void *)from,
					       __ATOMIC_RELAXED);
		case 2:
			return __atomic_load_n((const u16 *)(const void *)from,
					       __ATOMIC_RELAXED);
		}
	}
	for (i = 0; i < size; i++)
		value |=
		    (u64)__atomic_load_n((const u8 *)from + i, __ATOMIC_RELAXED)
		    << (8 * i);
	return value;
}

FL_UNINSTRUMENTED void store_bytes(char *to, u32 size, u64 value)
{
	u32 i;

	if ((uintptr_t)to % size == 0) {
		switch (size) {
		case 8:
			__atomic_store_n((u64 *)(void *)to, value,
					 __ATOMIC_RELAXED);
			return;
		case 4:
			__atomic_store_n((u32 *)(void *)to, (u32)value,
					 __ATOMIC_RELAXED);
			return;
		case 2:
			__atomic_store_n((u16 *)(void *)to, (u16)value,
					 __ATOMIC_RELAXED);
			return;
		}
	}
	for (i = 0; i < size; i++)
		__atomic_store_n((u8 *)to + i, (u8)(value >> (8 * i)),
				 __ATOMIC_RELAXED);
}

bool in_rom(const struct machine *machine, const char *bytes)
{
	return machine->rom && bytes >= machine->rom &&
	       bytes < machine->rom + machine->rom_bytes;
}

/* Word by word where both sides allow it; either may be written meanwhile. */
FL_UNINSTRUMENTED void copy_bytes(char *to, const char *from, u32 size)
{
	if (((uintptr_t)to | (uintptr_t)from) % 8 == 0) {
		for (; size >= 8; size -= 8, to += 8, from += 8)
			__atomic_store_n(
			    (u64 *)(void *)to,
			    __atomic_load_n((const u64 *)(const void *)from,
					    __ATOMIC_RELAXED),
			    __ATOMIC_RELAXED);
	}
	for (; size; size--, to++, from++)
		__atomic_store_n(to, __atomic_load_n(from, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

void user_access_begin(struct task_struct *task, struct fl_user_result *result)
{
	result->sig = 0;
	result->si_code = 0;
	result->si_addr = 0;
	result->value = 0;
	result->faults = 0;
	task->fault_sig = 0;
}

/*
 * As on the way back to user mode: a fatal signal ends the program, any other
 * that was sent has a handler that returns.
 */
bool user_signal(struct task_struct *task, struct fl_user_result *result)
{
	if (fatal_signal_pending(task)) {
		result->sig = SIGKILL;
		return true;
	}
	if (unlikely(READ_ONCE(task->pending)))
		clear_signals(task);
	if (task->fault_sig) {
		result->sig = task->fault_sig;
		result->si_code = task->fault_code;
		result->si_addr = task->fault_addr;
		return true;
	}
	return false;
}

} /* extern "C" */
