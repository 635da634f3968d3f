// SPDX-License-Identifier: GPL-2.0-only
//
// From what a checker noted to what is reported: names for addresses of code,
// one title, one signature.

#ifndef FAULTLINE_SIM_FINDING_BUILDER_H_
#define FAULTLINE_SIM_FINDING_BUILDER_H_

#include <string>

#include "sim/checker.h"
#include "sim/finding.h"
#include "sim/symbolizer.h"

namespace faultline {

// `task_name`: of raw.task, or empty.
Finding BuildFinding(const RawFinding& raw, const std::string& task_name,
                     Symbolizer* symbolizer);

// `text` with every number, decimal or hexadecimal, replaced by '#': places
// and addresses must not make two findings of one.
std::string WithoutNumbers(const std::string& text);
// Only numbers that look like addresses replaced, by "...".
std::string WithoutAddresses(const std::string& text);

}  // namespace faultline

#endif  // FAULTLINE_SIM_FINDING_BUILDER_H_
