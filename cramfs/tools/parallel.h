// SPDX-License-Identifier: GPL-2.0-only
//
// Work on all cores whose results come out in one core's order.

#ifndef FAULTLINE_CRAMFS_TOOLS_PARALLEL_H_
#define FAULTLINE_CRAMFS_TOOLS_PARALLEL_H_

#include <cstddef>

#include "absl/functional/function_ref.h"

namespace faultline::cramfs {

// Threads for a wish of `jobs`: 0 means one for each core.  At least 1, at
// most 256.
int ThreadsFor(int jobs);

// Calls work(worker, i) once for every i in [0, count) on up to `jobs` threads
// (worker counts them, 0 .. jobs - 1; i rises within each), and consume(i) on
// the calling thread, in order of i, each after its work(i).  Never begins
// work(i) before consume(i - window) is done, which bounds what results take.
//
// consume may return false: no further work is begun, and what is running is
// waited for.  Returns whether all was consumed.  With one job, or a count of
// 1, everything happens on the calling thread.
//
// `jobs` and `window` are at least 1.  Neither function may throw.
bool ParallelInOrder(int jobs, size_t count, size_t window,
                     absl::FunctionRef<void(int worker, size_t i)> work,
                     absl::FunctionRef<bool(size_t i)> consume);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_PARALLEL_H_
