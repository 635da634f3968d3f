// SPDX-License-Identifier: GPL-2.0-only
//
// Minimizer: makes a schedule simpler while it still shows the same finding.
// Simpler means fewer choices other than option 0: fewer preemptions, less
// that is unusual.  Delta debugging over these choices; a try counts when the
// execution has a finding of the same signature.

#ifndef FAULTLINE_SIM_MINIMIZER_H_
#define FAULTLINE_SIM_MINIMIZER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"

namespace faultline {

// Runs an execution that follows `choices` as far as they make sense.
// Whether it has the finding; *recorded gets the choices it really made.
using TrySchedule = absl::FunctionRef<bool(const std::vector<uint32_t>& choices,
                                           std::vector<uint32_t>* recorded)>;

// Choices other than option 0.
int CountUnusual(const std::vector<uint32_t>& choices);

// Starts from a schedule that has the finding.  At most `max_tries` tries.
std::vector<uint32_t> MinimizeSchedule(std::vector<uint32_t> choices,
                                       int max_tries, TrySchedule attempt);

}  // namespace faultline

#endif  // FAULTLINE_SIM_MINIMIZER_H_
