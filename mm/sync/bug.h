/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BUG, WARN and the kernel log (include/asm-generic/bug.h, printk.h).
 * BUG does not return: the execution is over, on any runtime.
 */
#ifndef FAULTLINE_MM_SYNC_BUG_H_
#define FAULTLINE_MM_SYNC_BUG_H_

#include "mm/sync/runtime.h"
#include "mm/sync/types.h"

FL_BEGIN_DECLS

void fl_bug(const char *file, int line, const char *function,
	    const char *text) __attribute__((noreturn));
/* FL_REPORT_WARN or FL_REPORT_BAD; returns. */
void fl_warn(u32 kind, const char *file, int line, const char *function,
	     const char *text);

/* A BUG does not come back, so that the compiler knows the rest is dead. */
#define BUG() fl_bug(__FILE__, __LINE__, __func__, "kernel BUG")
#define BUG_ON(cond)                                                     \
	do {                                                             \
		if (unlikely(cond))                                      \
			fl_bug(__FILE__, __LINE__, __func__, #cond);     \
	} while (0)
#define VM_BUG_ON(cond) BUG_ON(cond)
#define VM_BUG_ON_PAGE(cond, page) BUG_ON(cond)
#define VM_BUG_ON_VMA(cond, vma) BUG_ON(cond)
#define WARN_ON(cond)                                                    \
	({                                                               \
		bool fl_warned_ = !!(cond);                              \
		if (unlikely(fl_warned_))                                \
			fl_warn(FL_REPORT_WARN, __FILE__, __LINE__,      \
				__func__, #cond);                        \
		fl_warned_;                                              \
	})
#define WARN_ON_ONCE(cond) WARN_ON(cond)

/*
 * The kernel log.  Format: %s %c %d %i %u %x %p %%, with flags # and 0, a
 * width, and the length l or z for a kulong-sized, ll for a 64-bit argument.
 * Because kulong is 32 bits wide in an ARM build while `l` is not, arguments
 * for %l are cast: use the KL() macro.
 */
#define KL(x) ((u64)(x))
int fl_printk(int level, const char *format, ...);
int fl_snprintf(char *to, size_t bytes, const char *format, ...);
#define pr_err(...) fl_printk(3, __VA_ARGS__)
#define pr_warn(...) fl_printk(4, __VA_ARGS__)
#define pr_info(...) fl_printk(6, __VA_ARGS__)
#define pr_debug(...) fl_printk(7, __VA_ARGS__)

FL_END_DECLS

#endif /* FAULTLINE_MM_SYNC_BUG_H_ */
