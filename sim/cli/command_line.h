// SPDX-License-Identifier: GPL-2.0-only
//
// What every command does first with what stands after its name.

#ifndef FAULTLINE_SIM_CLI_COMMAND_LINE_H_
#define FAULTLINE_SIM_CLI_COMMAND_LINE_H_

#include <optional>

#include "sim/cli/commands.h"
#include "sim/cli/flags.h"
#include "sim/cli/io.h"

namespace faultline {

// Parses `args`.  An exit code if the command ends here: kExitOk after
// --help, which is answered on io.out; `usage_exit` after a line on io.err
// about what is wrong.
std::optional<int> EndsAtFlags(Io& io, const Args& args, FlagSet* flags,
                               Args* positional, int usage_exit = kExitUsage);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_COMMAND_LINE_H_
