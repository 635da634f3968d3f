// SPDX-License-Identifier: GPL-2.0-only
//
// What the commands that search have in common.

#ifndef FAULTLINE_SIM_CLI_EXPLORE_COMMAND_H_
#define FAULTLINE_SIM_CLI_EXPLORE_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/cli/finding_printer.h"
#include "sim/cli/io.h"
#include "sim/explorer.h"
#include "sim/program/program.h"

namespace faultline {

// Names, and names after '-': all but those; "a,b" only those.  Checks them.
absl::StatusOr<std::vector<std::string>> ChooseCheckers(
    const std::vector<std::string>& wanted);

// Names of the variants of a kernel build: those wanted, or all for "all".
absl::StatusOr<std::vector<std::string>> ChooseVariants(
    const std::vector<std::string>& wanted, const std::string& arch);

// The files named, or all that are shipped.
absl::StatusOr<std::vector<Program>> LoadPrograms(
    const Io& io, const std::vector<std::string>& files);

// Replays the finding for its trace and gives the text of it all.  Without a
// replay (it has no token, or does not replay) the text says so.
std::string DescribeFinding(const Io& io, const Program& program,
                            const Finding& finding,
                            const ExploreOptions& options);

// "faultline replay FILE TOKEN" as it has to be typed.
std::string ReplayCommandLine(const Io& io, const Program& program,
                              const std::string& token);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_EXPLORE_COMMAND_H_
