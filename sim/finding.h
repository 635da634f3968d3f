// SPDX-License-Identifier: GPL-2.0-only
//
// Finding: one thing that a checker holds against the kernel.  Plain data,
// complete in itself: it may be kept, merged and printed after the machine
// that showed it is gone.

#ifndef FAULTLINE_SIM_FINDING_H_
#define FAULTLINE_SIM_FINDING_H_

#include <cstdint>
#include <string>
#include <vector>

namespace faultline {

struct Finding {
  std::string checker;  // "lifetime", "kernel-bug", "deadlock", ...
  std::string kind;     // "use-after-free", "BUG", "double-free", ...
  // One line in the kernel's own words, without addresses:
  // "KASAN: use-after-free in follow_pfn".
  std::string title;
  // Equal for repeats of one defect: checker, normalised title, function.
  std::string signature;
  // Ready to print, one line each: the object's life, who holds what, ...
  std::vector<std::string> details;
  std::string task;      // name of the task that did it; may be empty
  std::string function;  // kernel function; may be empty
  std::string location;  // "mm/memory.cc:123"; may be empty
  uint64_t step = 0;     // step of the execution at which it was noticed

  // Filled by the explorer.
  std::string token;       // replays it
  uint64_t steps = 0;      // length of that execution
  uint64_t switches = 0;   // task switches of that execution
  uint64_t execution = 0;  // the first execution that showed it, from 0
  uint64_t count = 1;      // executions that showed it
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_FINDING_H_
