/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the kernel's checks of itself say that something is wrong; nothing of
 * 4.13, whose checks print or are a BUG.
 */
#ifndef FAULTLINE_MM_REPORT_BAD_H_
#define FAULTLINE_MM_REPORT_BAD_H_

#include "mm/sync/bug.h"
#include "mm/sync/string.h"

/* Counts one thing wrong in `bad` and reports it as FL_REPORT_BAD. */
#define REPORT_BAD(bad, ...)                                                   \
	do {                                                                   \
		char text_[160];                                               \
		fl_snprintf(text_, sizeof(text_), __VA_ARGS__);                \
		fl_warn(FL_REPORT_BAD, __FILE__, __LINE__, __func__, text_);   \
		(bad)++;                                                       \
	} while (0)

#endif /* FAULTLINE_MM_REPORT_BAD_H_ */
