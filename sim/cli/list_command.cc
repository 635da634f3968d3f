// SPDX-License-Identifier: GPL-2.0-only

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/explore_command.h"
#include "sim/cli/flags.h"
#include "sim/cli/litmus_files.h"
#include "sim/explored_runtime.h"
#include "sim/explorer.h"
#include "sim/kernel_library.h"

namespace faultline {
namespace {

// What a kernel build has a table of: a name and a summary a line.
int ListOfKernel(Io& io, int width, const char* (*fl_kernel::*name)(uint32_t),
                 const char* (*fl_kernel::*summary)(uint32_t)) {
  absl::StatusOr<std::string> path = KernelPath("x86-64", true, true);
  if (!path.ok()) return Complain(io, path.status().message(), kExitFailed);
  absl::StatusOr<const KernelLibrary*> library =
      KernelLibrary::Load(*path, ExploredRuntime::Table());
  if (!library.ok()) {
    return Complain(io, library.status().message(), kExitFailed);
  }
  const fl_kernel& kernel = (*library)->kernel();
  for (uint32_t i = 0; (kernel.*name)(i) != nullptr; ++i) {
    io.out << absl::StrFormat("%-*s  %s\n", width, (kernel.*name)(i),
                              (kernel.*summary)(i));
  }
  return kExitOk;
}

std::string FileName(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// "D3" before "D10".
bool ByNumber(const std::string& a, const std::string& b) {
  const auto key = [](const std::string& id) {
    std::string number;
    for (char c : id) {
      if (absl::ascii_isdigit(static_cast<unsigned char>(c))) number += c;
    }
    return std::make_pair(number.size(), id);
  };
  return key(a) < key(b);
}

int ListLitmus(Io& io, const std::vector<Program>& programs) {
  for (const Program& program : programs) {
    std::string line =
        absl::StrFormat("%-36s  %s", Printable(FileName(program.source)),
                        Printable(program.name));
    if (!program.defects.empty()) {
      line += " [" + absl::StrJoin(program.defects, " ") + "]";
    }
    io.out << line << "\n";
  }
  return kExitOk;
}

int ListDefects(Io& io, const std::vector<Program>& programs) {
  std::vector<std::string> ids;
  std::map<std::string, std::vector<std::string>> shown_by;
  for (const Program& program : programs) {
    for (const std::string& id : program.defects) {
      if (shown_by[id].empty()) ids.push_back(id);
      shown_by[id].push_back(Printable(FileName(program.source)));
    }
  }
  std::sort(ids.begin(), ids.end(), ByNumber);
  for (const std::string& id : ids) {
    io.out << absl::StrFormat("%-8s  %s\n", id,
                              absl::StrJoin(shown_by[id], ", "));
  }
  return kExitOk;
}

}  // namespace

int ListCommand(Io& io, const Args& args) {
  FlagSet flags("list", "variants|fixes|litmus|checkers|strategies|defects",
                "Lists what there is.");
  Args positional;
  const std::optional<int> ended = EndsAtFlags(io, args, &flags, &positional);
  if (ended) return *ended;
  const std::string what = positional.size() == 1 ? positional[0] : "";
  if (what == "variants") {
    return ListOfKernel(io, 16, &fl_kernel::variant_name,
                        &fl_kernel::variant_summary);
  }
  if (what == "fixes") {
    return ListOfKernel(io, 29, &fl_kernel::fix_name, &fl_kernel::fix_summary);
  }
  if (what == "checkers") {
    for (const std::string& name : CheckerNames()) {
      io.out << absl::StrFormat("%-16s  %s\n", name, CheckerSummary(name));
    }
    return kExitOk;
  }
  if (what == "strategies") {
    for (const std::string& name : StrategyNames()) io.out << name << "\n";
    return kExitOk;
  }
  if (what == "litmus" || what == "defects") {
    absl::StatusOr<std::vector<Program>> programs = LoadPrograms(io, {});
    if (!programs.ok()) return Complain(io, programs.status());
    return what == "litmus" ? ListLitmus(io, *programs)
                            : ListDefects(io, *programs);
  }
  return Complain(io,
                  "list: expected variants, fixes, litmus, checkers, "
                  "strategies or defects, found '" +
                      absl::StrJoin(positional, " ") + "'",
                  kExitUsage);
}

}  // namespace faultline
