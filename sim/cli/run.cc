// SPDX-License-Identifier: GPL-2.0-only

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/cli/commands.h"

namespace faultline {
namespace {

struct Command {
  const char* name;
  int (*run)(Io&, const Args&);
  const char* about;
};

constexpr Command kCommands[] = {
    {"demo", DemoCommand,
     "the whole story on real binaries of this machine: image, mount, XIP "
     "map,\n            split, race found, replayed, fixed variant clean"},
    {"explore", ExploreCommand,
     "search the interleavings of litmus programs for what goes wrong"},
    {"replay", ReplayCommand, "the steps of a finding again, from its token"},
    {"stress", StressCommand, "litmus programs on real threads, over and over"},
    {"host", HostCommand,
     "the same programs as system calls of this machine's kernel, and where "
     "they\n            differ from the model"},
    {"maps", MapsCommand,
     "map a file of a cramfs image and show what backs each page"},
    {"mkcramfs", MkcramfsCommand, "make a cramfs image of a directory"},
    {"list", ListCommand,
     "variants, fixes, litmus, checkers, strategies or defects that there are"},
    {"litmus", LitmusCommand, "check litmus files, or print them canonically"},
    {"cramfsck", CramfsckCommand, "check a cramfs image, list it, extract it"},
    {"ls", LsCommand, "list what is in a cramfs image"},
    {"cat", CatCommand, "write files of a cramfs image to standard output"},
    {"info", InfoCommand,
     "what a cramfs image is, and where each block of a file is"},
    {"extract", ExtractCommand, "extract a cramfs image, or a part of it"},
};

std::string Usage() {
  std::string text =
      "usage: faultline COMMAND [ARGUMENTS]\n\n"
      "Finds what can go wrong in memory-management code of Linux 4.13: every\n"
      "interleaving under control, checked and replayable.\n\n";
  for (const Command& command : kCommands) {
    absl::StrAppendFormat(&text, "  %-10s%s\n", command.name, command.about);
  }
  absl::StrAppend(&text,
                  "\n'faultline COMMAND --help' says more of each.\n"
                  "exit: 0 nothing found, 1 findings, 2 wrong use or input, "
                  "3 could not run as asked,\n      130 interrupted\n"
                  "      image tools: as fsck, or-ed: 0, 4 image damaged, 8 "
                  "could not run as asked,\n      16 wrong use\n");
  return text;
}

}  // namespace

int Run(Io& io, const Args& args) {
  if (args.empty()) {
    return Complain(io, "no command (faultline --help)", kExitUsage);
  }
  const std::string& name = args[0];
  int code = kExitUsage;
  bool known = false;
  if (name == "--help" || name == "-h" || name == "help") {
    io.out << Usage();
    known = true;
    code = kExitOk;
  } else if (name == "--version") {
    io.out << "faultline " << kVersion << "\n";
    known = true;
    code = kExitOk;
  }
  for (const Command& command : kCommands) {
    if (name != command.name) continue;
    known = true;
    code = command.run(io, Args(args.begin() + 1, args.end()));
  }
  if (!known) {
    return Complain(
        io,
        absl::StrCat(name[0] == '-' ? "unknown flag " : "unknown command ",
                     name, " (faultline --help)"),
        kExitUsage);
  }
  io.out.flush();
  if (!io.out && code < kExitUsage) {
    return Complain(io, "cannot write to standard output", kExitFailed);
  }
  return code;
}

}  // namespace faultline
