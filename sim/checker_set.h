// SPDX-License-Identifier: GPL-2.0-only
//
// The checkers there are, by name.

#ifndef FAULTLINE_SIM_CHECKER_SET_H_
#define FAULTLINE_SIM_CHECKER_SET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "sim/checker.h"

namespace faultline {

std::vector<std::string> CheckerNames();
// One line; empty for an unknown name.
std::string CheckerSummary(const std::string& name);
// kInvalidArgument, with the names there are.
absl::Status NoSuchChecker(const std::string& name);
// A checker that needs nothing but events; null for the others (lifetime,
// data-integrity) and for unknown names.
std::unique_ptr<Checker> MakeSimpleChecker(const std::string& name);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CHECKER_SET_H_
