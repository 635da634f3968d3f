// SPDX-License-Identifier: GPL-2.0-only
//
// The commands of the program.  Each takes what stands after its name and
// returns the exit code of the process (io.h).

#ifndef FAULTLINE_SIM_CLI_COMMANDS_H_
#define FAULTLINE_SIM_CLI_COMMANDS_H_

#include <string>
#include <vector>

#include "sim/cli/io.h"

namespace faultline {

using Args = std::vector<std::string>;

int DemoCommand(Io& io, const Args& args);
int ExploreCommand(Io& io, const Args& args);
int ReplayCommand(Io& io, const Args& args);
int StressCommand(Io& io, const Args& args);
int HostCommand(Io& io, const Args& args);
int MapsCommand(Io& io, const Args& args);
int MkcramfsCommand(Io& io, const Args& args);
int ListCommand(Io& io, const Args& args);
int LitmusCommand(Io& io, const Args& args);

// Tools for cramfs images: exit codes as fsck's (image_input.h).
int CramfsckCommand(Io& io, const Args& args);
int LsCommand(Io& io, const Args& args);
int CatCommand(Io& io, const Args& args);
int InfoCommand(Io& io, const Args& args);
int ExtractCommand(Io& io, const Args& args);

// All of it: args[0] is the command.  Never throws, never exits.
int Run(Io& io, const Args& args);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_COMMANDS_H_
