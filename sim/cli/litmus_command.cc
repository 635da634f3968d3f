// SPDX-License-Identifier: GPL-2.0-only

#include <optional>
#include <string>
#include <vector>

#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/flags.h"
#include "sim/cli/litmus_files.h"
#include "sim/cli/progress.h"
#include "sim/program/litmus_format.h"
#include "sim/program/litmus_parser.h"

namespace faultline {

int LitmusCommand(Io& io, const Args& args) {
  bool check = false, format = false;
  FlagSet flags("litmus", "FILE.litmus...",
                "Reads litmus files: to see whether they are right, or to "
                "print them in their\ncanonical form.  '-' is standard input.");
  flags.AddBool("check", "parse only; one line for each file that is wrong",
                &check);
  flags.AddBool("format", "print canonically (comments are lost)", &format);
  Args files;
  const std::optional<int> ended = EndsAtFlags(io, args, &flags, &files);
  if (ended) return *ended;
  if (check == format) {
    return Complain(io, "litmus: expected either --check or --format",
                    kExitUsage);
  }
  if (files.empty()) {
    return Complain(io, "litmus: no file", kExitUsage);
  }
  int code = kExitOk;
  std::string text;
  for (const std::string& file : files) {
    absl::StatusOr<std::string> source = ReadWholeFile(file, kMaxLitmusBytes);
    absl::StatusOr<Program> program =
        source.ok() ? ParseLitmus(*source, file)
                    : absl::StatusOr<Program>(source.status());
    if (!program.ok()) {
      code = Complain(io, program.status());
      continue;
    }
    if (format) text += FormatLitmus(*program);
  }
  if (code != kExitOk) return code;
  if (check) {
    text = Count(files.size(), "file is", "files are") + " right\n";
  }
  io.out << text;
  return kExitOk;
}

}  // namespace faultline
