// SPDX-License-Identifier: GPL-2.0-only

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/explore_command.h"
#include "sim/cli/finding_printer.h"
#include "sim/cli/flags.h"
#include "sim/cli/json.h"
#include "sim/cli/progress.h"
#include "sim/native_runner.h"

namespace faultline {
namespace {

void PrintRun(Io& io, const Program& program, const StressResult& result) {
  io.out << Printable(program.source) << " on " << result.variant << " ("
         << result.arch << ", native, "
         << Count(static_cast<uint64_t>(result.threads), "thread", "threads")
         << ")\n  "
         << (result.findings.empty()
                 ? "nothing found"
                 : Count(result.findings.size(), "finding", "findings"))
         << " in " << Count(result.rounds, "round", "rounds") << ", "
         << Count(result.operations, "operation", "operations") << ", "
         << Seconds(result.seconds);
  if (result.stuck != 0) {
    io.out << ", stuck in " << WithCommas(result.stuck);
  }
  io.out << "; stopped: " << result.stopped << "\n";
  PrintOptions print;
  print.width = io.width;
  for (const Finding& finding : result.findings) {
    io.out << "\n" << FormatFinding(finding, nullptr, print);
  }
  io.out << std::flush;
}

}  // namespace

int StressCommand(Io& io, const Args& args) {
  std::vector<std::string> variants = {}, checker_names;
  std::string arch, json_path;
  Budget budget{0, 10};
  uint64_t threads = 0, seed = 1;
  bool all = false;
  FlagSet flags("stress", "[FILE.litmus...]",
                "Runs each program with its tasks as real threads, over and "
                "over, each round on a\nfresh machine.  Without files: all of "
                "tests/litmus.");
  flags.AddList("variant", "V,...", "variants (all of them by default)",
                &variants);
  flags.AddChoice("arch", "instead of the one in the file", {"x86-64", "arm", "arm-nommu"},
                  &arch);
  flags.AddNumber("threads", "in all (one for each task)", 1, 1024, &threads);
  flags.AddBudget("budget", "rounds or time for each program and variant (10s)",
                  &budget);
  flags.AddNumber("seed", "of the start delays (1)", 0, (uint64_t{1} << 53) - 1,
                  &seed);
  flags.AddList("checkers", "C,...|-C,...",
                "only these, or all but those (all)", &checker_names);
  flags.AddBool("all", "do not stop at the first finding", &all);
  flags.AddString("json", "FILE", "results as JSON too (docs/json.md)",
                  &json_path);
  Args files;
  const std::optional<int> ended = EndsAtFlags(io, args, &flags, &files);
  if (ended) return *ended;
  if (variants.empty()) variants = {"all"};
  absl::StatusOr<std::vector<std::string>> checkers =
      ChooseCheckers(checker_names);
  if (!checkers.ok()) return Complain(io, checkers.status());
  absl::StatusOr<std::vector<Program>> programs = LoadPrograms(io, files);
  if (!programs.ok()) return Complain(io, programs.status());
  std::vector<std::pair<const Program*, std::string>> jobs;
  for (const Program& program : *programs) {
    absl::StatusOr<std::vector<std::string>> chosen =
        ChooseVariants(variants, arch.empty() ? program.machine.arch : arch);
    if (!chosen.ok()) return Complain(io, chosen.status());
    for (const std::string& variant : *chosen) {
      jobs.emplace_back(&program, variant);
    }
  }
  AtomicFile json;
  absl::Status status = json.Open(json_path);
  if (!status.ok()) return Complain(io, status);

  std::vector<RunRecord> runs;
  uint64_t findings = 0;
  Progress progress(io);
  for (const auto& [program, variant] : jobs) {
    if (io.Interrupted()) break;
    StressOptions options;
    options.variant = variant;
    options.arch = arch;
    options.threads = static_cast<int>(threads);
    options.max_rounds = budget.executions;
    options.max_seconds = budget.seconds;
    options.seed = seed;
    options.checkers = *checkers;
    options.stop_at_first = !all;
    options.progress = [&io, &progress, &program = program,
                        &variant = variant](const ExploreProgress& seen) {
      progress.Show(absl::StrCat(Printable(program->source), " on ", variant,
                                 ": ",
                                 Count(seen.executions, "round", "rounds"),
                                 ", ", Seconds(seen.seconds)));
      return !io.Interrupted();
    };
    absl::StatusOr<StressResult> result = Stress(*program, options);
    progress.Clear();
    if (!result.ok()) {
      return Complain(io,
                      absl::StrCat(program->source, " on ", variant, ": ",
                                   result.status().message()),
                      ExitCodeOf(result.status()));
    }
    PrintRun(io, *program, *result);
    findings += result->findings.size();
    runs.push_back(MakeRunRecord(*program, *result, seed));
  }
  status = json.Commit(RunsToJson(runs));
  if (!status.ok()) return Complain(io, status);
  if (io.Interrupted()) return Complain(io, "interrupted", kExitInterrupted);
  return findings == 0 ? kExitOk : kExitFound;
}

}  // namespace faultline
