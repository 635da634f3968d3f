// SPDX-License-Identifier: GPL-2.0-only
//
// Stress: a Program on a native kernel build, its tasks real threads, over
// and over.  Each round boots a fresh machine, so that what one round broke
// is not held against the next.
//
// Errors as in explorer.h.

#ifndef FAULTLINE_SIM_NATIVE_RUNNER_H_
#define FAULTLINE_SIM_NATIVE_RUNNER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/explorer.h"
#include "sim/finding.h"
#include "sim/program/program.h"

namespace faultline {

struct StressOptions {
  std::string variant = "mainline";
  std::string kernel_path;  // empty: found by KernelPath()
  std::string arch;         // overrides program.machine.arch
  // Threads in all; each task of the program is run by threads / tasks of
  // them, at least one.  0: one for each task.
  int threads = 0;
  uint64_t max_rounds = 1000;         // 0: no limit
  double max_seconds = 0;             // 0: no limit
  uint64_t seed = 1;                  // of the start delays
  std::vector<std::string> checkers;  // as in ExploreOptions
  bool stop_at_first = false;
  std::function<bool(const ExploreProgress&)> progress;
};

struct StressResult {
  std::string variant, scenario, arch;
  int threads = 0;
  uint64_t rounds = 0;
  uint64_t operations = 0;
  uint64_t stuck = 0;  // rounds in which nobody moved any more
  std::string stopped;
  double seconds = 0;
  std::vector<Finding> findings;
};

absl::StatusOr<StressResult> Stress(const Program& program,
                                    const StressOptions& options);

}  // namespace faultline

#endif  // FAULTLINE_SIM_NATIVE_RUNNER_H_
