// SPDX-License-Identifier: GPL-2.0-only
//
// Granularity: where the explored scheduler may switch tasks.

#ifndef FAULTLINE_SIM_GRANULARITY_H_
#define FAULTLINE_SIM_GRANULARITY_H_

namespace faultline {

enum class Granularity {
  // Before a lock is tried, after one was released, when a task blocks or
  // spins, and at the start of each operation of a program.  Enough for every
  // bug whose racing steps are all inside critical sections; tokens survive a
  // rebuild of the kernel.
  kSync,
  // Also before each load and store of kernel memory.
  kAccess,
};

inline const char* GranularityName(Granularity granularity) {
  return granularity == Granularity::kSync ? "sync" : "access";
}

}  // namespace faultline

#endif  // FAULTLINE_SIM_GRANULARITY_H_
