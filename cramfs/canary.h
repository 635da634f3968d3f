/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The canaries of a kernel build, its second exported symbol beside
 * `faultline_kernel`.  Included by the host's test, so no kulong here.
 */
#ifndef FAULTLINE_CRAMFS_CANARY_H_
#define FAULTLINE_CRAMFS_CANARY_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FL_CANARY_BYTES 256

struct fl_canary {
	const char *name; /* NULL ends the list */
	/*
	 * Writes inside [to, to + FL_CANARY_BYTES), reads from [from, from +
	 * bytes), bytes >= FL_CANARY_BYTES but for "zlib", whose `from` is a
	 * stream.  Both 16-byte aligned.  Runs as a current task.
	 */
	void (*run)(void *to, const void *from, uint32_t bytes);
};

extern const struct fl_canary faultline_canaries[]
	__attribute__((visibility("default")));

#ifdef __cplusplus
}
#endif

#endif /* FAULTLINE_CRAMFS_CANARY_H_ */
