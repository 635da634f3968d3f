// SPDX-License-Identifier: GPL-2.0-only
//
// BUG and WARN (lib/bug.c, kernel/panic.c), as reports to the runtime.
//
// Left out: the register dump, taint flags, panic_on_warn, and the "once" of
// WARN_ON_ONCE (it would be a static variable; the host counts repeats).

#include "mm/sync/internal.h"

void fl_bug(const char *file, int line, const char *function, const char *text)
{
	fl_runtime.report(FL_REPORT_BUG, file, line, function, text, FL_HERE);
	__builtin_trap();
}

void fl_warn(u32 kind, const char *file, int line, const char *function,
	     const char *text)
{
	fl_runtime.report(kind, file, line, function, text, FL_HERE);
}
