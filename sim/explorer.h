// SPDX-License-Identifier: GPL-2.0-only
//
// Explore: search the interleavings of a Program on one explored kernel
// build.  Replay: one of them again, step by step, with a trace.
//
// Each call makes a machine of its own on the calling thread and drops it
// before it returns.  Calls on different threads do not disturb each other.
//
// Errors (absl::Status): kNotFound no such kernel build, image or file in it;
// kInvalidArgument the program, variant, strategy or token makes no sense;
// kFailedPrecondition the machine could not be set up (mount failed, ...);
// kAborted a replay diverged: "diverged at step N: ...".

#ifndef FAULTLINE_SIM_EXPLORER_H_
#define FAULTLINE_SIM_EXPLORER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/checker_set.h"
#include "sim/finding.h"
#include "sim/granularity.h"
#include "sim/program/program.h"
#include "sim/trace.h"

namespace faultline {

struct ExploreProgress {
  uint64_t executions = 0;
  uint64_t blocked = 0;
  uint64_t findings = 0;  // different ones
  double seconds = 0;
};

struct ExploreOptions {
  std::string variant = "mainline";
  // Empty: found by KernelPath() from the program's machine section.
  std::string kernel_path;
  // Overrides program.machine.arch when not empty.
  std::string arch;
  Granularity granularity = Granularity::kSync;
  // One of StrategyNames(): "portfolio", "random", "pct", "dfs".
  std::string strategy = "portfolio";
  // "dfs": preemptions allowed in one execution; negative: any number.
  int max_preemptions = -1;
  uint64_t max_executions = 10000;  // 0: no limit
  double max_seconds = 0;           // 0: no limit
  uint64_t seed = 1;
  // Names of CheckerNames(); empty: all of them.
  std::vector<std::string> checkers;
  bool stop_at_first = false;   // else findings are collected by signature
  uint64_t max_steps = 200000;  // of one execution; beyond: "blocked"
  bool alloc_may_fail = false;  // every allocation is a choice
  bool reuse_freed = false;     // freed memory may come back at once
  // The kernel checks its vmas wherever another task could run.
  bool check_steps = false;
  // After each execution compare all restored memory with a full copy.
  bool paranoid = false;
  // Shorten the schedule of each finding before it is returned.
  bool minimize = true;
  // Called about four times a second; false stops the search.
  std::function<bool(const ExploreProgress&)> progress;
};

struct ExploreResult {
  std::string variant, scenario, arch, strategy;
  Granularity granularity = Granularity::kSync;
  uint64_t seed = 0;
  uint64_t executions = 0;
  uint64_t blocked = 0;    // executions cut at max_steps
  uint64_t steps = 0;      // of all executions
  uint64_t choices = 0;    // of all executions
  bool exhausted = false;  // every execution within the bound was made
  int bound = -1;          // preemption bound of "dfs"; -1 none
  // "exhausted", "executions", "time", "finding", "interrupted".
  std::string stopped;
  double seconds = 0;
  std::vector<Finding> findings;  // one for each signature
};

absl::StatusOr<ExploreResult> Explore(const Program& program,
                                      const ExploreOptions& options);

struct ReplayResult {
  std::string variant, arch;
  Granularity granularity = Granularity::kSync;
  std::vector<Finding> findings;
  Trace trace;
  uint64_t steps = 0;
  uint64_t switches = 0;
};

// Variant, architecture, granularity and machine switches are the token's;
// of `options` only kernel_path, checkers, max_steps and paranoid are used.
absl::StatusOr<ReplayResult> Replay(const Program& program,
                                    const std::string& token,
                                    const ExploreOptions& options);

// What there is to choose from, for `list` and for messages; the checkers are
// in checker_set.h.
std::vector<std::string> StrategyNames();
std::string StrategySummary(const std::string& name);

}  // namespace faultline

#endif  // FAULTLINE_SIM_EXPLORER_H_
