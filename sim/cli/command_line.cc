// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/command_line.h"

#include <optional>

#include "absl/status/status.h"

namespace faultline {

std::optional<int> EndsAtFlags(Io& io, const Args& args, FlagSet* flags,
                               Args* positional, int usage_exit) {
  const absl::Status status = flags->Parse(args, positional);
  if (!status.ok()) return Complain(io, status.message(), usage_exit);
  if (!flags->help()) return std::nullopt;
  io.out << flags->HelpText();
  return kExitOk;
}

}  // namespace faultline
