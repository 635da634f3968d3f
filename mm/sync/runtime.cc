// SPDX-License-Identifier: GPL-2.0-only
//
// The attached runtime and `current`: the only two variables of a kernel
// build that are not part of a machine.  The table is written once, before
// the first machine is booted, and is constant from then on.

#include "mm/sync/internal.h"

struct fl_runtime fl_runtime;
__thread struct task_struct *fl_current
	__attribute__((tls_model("initial-exec")));

void fl_attach_runtime(const struct fl_runtime *runtime)
{
	if (runtime->struct_bytes != sizeof(fl_runtime))
		__builtin_trap();
	fl_copy(&fl_runtime, runtime, sizeof(fl_runtime));
}

void fl_event_at(u32 kind, const void *obj, u64 size, u32 arg,
		 const char *name, const void *pc)
{
	struct fl_event event;

	if (!fl_runtime.event)
		return;
	event.kind = kind;
	event.arg = arg;
	event.obj = obj;
	event.size = size;
	event.name = name;
	event.pc = pc;
	fl_runtime.event(&event);
}

struct task_struct *get_current(void)
{
	return fl_current;
}
