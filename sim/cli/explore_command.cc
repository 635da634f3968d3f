// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/explore_command.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/flags.h"
#include "sim/cli/json.h"
#include "sim/cli/litmus_files.h"
#include "sim/cli/progress.h"
#include "sim/cli/search.h"
#include "sim/explored_runtime.h"
#include "sim/kernel_library.h"

namespace faultline {
namespace {

// Findings of one run that are shown with their interleaving.
constexpr size_t kMaxShown = 5;
// What JSON readers that have only doubles keep exactly.
constexpr uint64_t kMaxSeed = (uint64_t{1} << 53) - 1;

struct ExploreFlags {
  std::vector<std::string> variants, checkers;
  std::string arch, strategy = "portfolio", granularity = "sync", json;
  Budget budget{10000, 0};
  uint64_t jobs = 1, seed = 1, max_preemptions = 0, max_steps = 200000;
  bool all = false, alloc_may_fail = false, reuse_freed = false,
       check_steps = false;
};

void PrintRun(Io& io, const Program& program, const Search& search,
              const ExploreResult& result) {
  io.out << Printable(program.source) << " on " << result.variant << " ("
         << result.arch << ", " << GranularityName(result.granularity) << ", "
         << result.strategy << ", seed " << result.seed << ")\n";
  std::string line = result.findings.empty()
                         ? "nothing found"
                         : Count(result.findings.size(), "finding", "findings");
  absl::StrAppend(&line, " in ",
                  Count(result.executions, "execution", "executions"), ", ",
                  Seconds(result.seconds));
  if (result.blocked != 0) {
    absl::StrAppend(&line, ", ", WithCommas(result.blocked), " cut short");
  }
  absl::StrAppend(&line, result.exhausted ? "; exhausted" : "; stopped: ",
                  result.exhausted ? "" : result.stopped);
  if (result.exhausted && result.bound >= 0) {
    absl::StrAppend(&line, " within ",
                    Count(static_cast<uint64_t>(result.bound), "preemption",
                          "preemptions"));
  }
  io.out << "  " << line << "\n";
  // Several findings of one execution have one token and one interleaving.
  std::set<std::string> shown;
  for (const Finding& finding : result.findings) {
    io.out << "\n";
    if (shown.size() < kMaxShown && shown.insert(finding.token).second) {
      io.out << DescribeFinding(io, program, finding, search.options);
      continue;
    }
    Finding brief = finding;
    if (shown.count(brief.token) != 0) brief.token.clear();
    PrintOptions print;
    print.width = io.width;
    io.out << FormatFinding(brief, nullptr, print);
    if (brief.token.empty()) io.out << "  in the execution shown above\n";
  }
  io.out << (result.findings.empty() ? "" : "\n") << std::flush;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ChooseCheckers(
    const std::vector<std::string>& wanted) {
  const std::vector<std::string> all = CheckerNames();
  std::vector<std::string> with, without;
  for (const std::string& name : wanted) {
    const bool minus = name[0] == '-';
    const std::string checker = name.substr(minus ? 1 : 0);
    if (std::find(all.begin(), all.end(), checker) == all.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--checkers: no checker \"", checker, "\": there are ",
                       absl::StrJoin(all, ", ")));
    }
    (minus ? without : with).push_back(checker);
  }
  if (with.empty()) with = all;
  std::vector<std::string> chosen;
  for (const std::string& name : all) {
    if (std::find(with.begin(), with.end(), name) != with.end() &&
        std::find(without.begin(), without.end(), name) == without.end()) {
      chosen.push_back(name);
    }
  }
  if (chosen.empty()) {
    return absl::InvalidArgumentError("--checkers: none is left");
  }
  return chosen;
}

absl::StatusOr<std::vector<std::string>> ChooseVariants(
    const std::vector<std::string>& wanted, const std::string& arch) {
  absl::StatusOr<std::string> path = KernelPath(arch, true, true);
  // A build that is missing is no wrong use.
  if (!path.ok()) return absl::UnavailableError(path.status().message());
  absl::StatusOr<const KernelLibrary*> library =
      KernelLibrary::Load(*path, ExploredRuntime::Table());
  if (!library.ok()) return absl::UnavailableError(library.status().message());
  std::vector<std::string> all;
  for (uint32_t i = 0;; ++i) {
    const char* name = (*library)->kernel().variant_name(i);
    if (name == nullptr) break;
    all.push_back(name);
  }
  if (std::find(wanted.begin(), wanted.end(), "all") != wanted.end()) {
    return all;
  }
  std::vector<std::string> chosen;
  for (const std::string& name : wanted) {
    if (std::find(all.begin(), all.end(), name) == all.end()) {
      return absl::InvalidArgumentError(absl::StrCat("--variant: no variant \"",
                                                     name, "\": there are ",
                                                     absl::StrJoin(all, ", ")));
    }
    if (std::find(chosen.begin(), chosen.end(), name) == chosen.end()) {
      chosen.push_back(name);
    }
  }
  return chosen;
}

absl::StatusOr<std::vector<Program>> LoadPrograms(
    const Io& io, const std::vector<std::string>& files) {
  std::vector<std::string> names = files;
  if (names.empty()) {
    absl::StatusOr<std::vector<std::string>> shipped = ShippedLitmusFiles(io);
    if (!shipped.ok()) return shipped.status();
    names = *std::move(shipped);
  }
  std::vector<Program> programs;
  for (const std::string& name : names) {
    absl::StatusOr<Program> program = LoadLitmus(name);
    if (!program.ok()) return program.status();
    programs.push_back(*std::move(program));
  }
  return programs;
}

std::string ReplayCommandLine(const Io& io, const Program& program,
                              const std::string& token) {
  return absl::StrCat(io.launcher, " replay ", ShellWord(program.source), " ",
                      ShellWord(token));
}

std::string DescribeFinding(const Io& io, const Program& program,
                            const Finding& finding,
                            const ExploreOptions& options) {
  PrintOptions print;
  print.width = io.width;
  if (finding.token.empty()) return FormatFinding(finding, nullptr, print);
  print.replay_command = ReplayCommandLine(io, program, finding.token);
  absl::StatusOr<ReplayResult> replay = Replay(program, finding.token, options);
  if (!replay.ok()) {
    Finding without = finding;
    without.details.push_back(
        absl::StrCat("(no interleaving: ", replay.status().message(), ")"));
    return FormatFinding(without, nullptr, print);
  }
  print.accesses = replay->granularity == Granularity::kAccess;
  return FormatFinding(finding, &replay->trace, print);
}

int ExploreCommand(Io& io, const Args& args) {
  ExploreFlags given;
  FlagSet flags("explore", "[FILE.litmus...]",
                "Searches the interleavings of each program on each variant.  "
                "Without files:\nall of tests/litmus.");
  flags.AddList("variant", "V,...", "variants (all of them by default)",
                &given.variants);
  flags.AddChoice("arch", "instead of the one in the file", {"x86-64", "arm", "arm-nommu"},
                  &given.arch);
  flags.AddChoice("strategy", "how schedules are chosen (portfolio)",
                  StrategyNames(), &given.strategy);
  flags.AddChoice("granularity", "where tasks may be switched (sync)",
                  {"sync", "access"}, &given.granularity);
  flags.AddList("checkers", "C,...|-C,...",
                "only these, or all but those (all)", &given.checkers);
  flags.AddBudget("budget", "for each program and variant (10000)",
                  &given.budget);
  flags.AddNumber("jobs", "threads (1)", 1, 1024, &given.jobs);
  flags.AddNumber("seed", "of the random choices (1)", 0, kMaxSeed,
                  &given.seed);
  flags.AddNumber("max-preemptions", "of one execution, for dfs (no limit)", 0,
                  1000000, &given.max_preemptions);
  flags.AddNumber("max-steps", "of one execution (200000)", 1, 1000000000,
                  &given.max_steps);
  flags.AddBool("all", "do not stop at the first finding", &given.all);
  flags.AddBool("alloc-may-fail", "each allocation may fail",
                &given.alloc_may_fail);
  flags.AddBool("reuse-freed", "freed memory may be handed out again at once",
                &given.reuse_freed);
  flags.AddBool("check-steps",
                "the kernel checks its vmas wherever another task could run",
                &given.check_steps);
  flags.AddString("json", "FILE", "results as JSON too (docs/json.md)",
                  &given.json);
  Args files;
  const std::optional<int> ended = EndsAtFlags(io, args, &flags, &files);
  if (ended) return *ended;

  if (given.variants.empty()) given.variants = {"all"};
  absl::StatusOr<std::vector<std::string>> checkers =
      ChooseCheckers(given.checkers);
  if (!checkers.ok()) return Complain(io, checkers.status());
  absl::StatusOr<std::vector<Program>> programs = LoadPrograms(io, files);
  if (!programs.ok()) return Complain(io, programs.status());

  std::vector<Search> searches;
  for (const Program& program : *programs) {
    const std::string arch =
        given.arch.empty() ? program.machine.arch : given.arch;
    absl::StatusOr<std::vector<std::string>> variants =
        ChooseVariants(given.variants, arch);
    if (!variants.ok()) return Complain(io, variants.status());
    for (const std::string& variant : *variants) {
      Search search;
      search.program = &program;
      search.label = absl::StrCat(
          Printable(program.source.substr(program.source.rfind('/') + 1)),
          " on ", variant);
      ExploreOptions& options = search.options;
      options.variant = variant;
      options.arch = given.arch;
      options.granularity = given.granularity == "access" ? Granularity::kAccess
                                                          : Granularity::kSync;
      options.strategy = given.strategy;
      if (flags.Given("max-preemptions")) {
        options.max_preemptions = static_cast<int>(given.max_preemptions);
      }
      options.max_executions = given.budget.executions;
      options.max_seconds = given.budget.seconds;
      options.seed = given.seed;
      options.checkers = *checkers;
      options.stop_at_first = !given.all;
      options.max_steps = given.max_steps;
      options.alloc_may_fail = given.alloc_may_fail;
      options.reuse_freed = given.reuse_freed;
      options.check_steps = given.check_steps;
      searches.push_back(std::move(search));
    }
  }
  AtomicFile json;
  absl::Status status = json.Open(given.json);
  if (!status.ok()) return Complain(io, status);

  std::vector<RunRecord> runs;
  uint64_t findings = 0, executions = 0;
  absl::Status failed;
  RunSearches(
      io, searches, given.jobs,
      [&](size_t i, const absl::StatusOr<ExploreResult>& result) {
        const Program& program = *searches[i].program;
        if (!result.ok()) {
          failed = absl::Status(
              result.status().code(),
              absl::StrCat(program.source, " on ", searches[i].options.variant,
                           ": ", result.status().message()));
          return false;
        }
        PrintRun(io, program, searches[i], *result);
        findings += result->findings.size();
        executions += result->executions;
        runs.push_back(MakeRunRecord(program, *result));
        return true;
      });
  if (searches.size() > 1) {
    io.out << Count(runs.size(), "run", "runs") << " of "
           << WithCommas(searches.size()) << ": "
           << Count(findings, "finding", "findings") << " in "
           << Count(executions, "execution", "executions") << "\n";
  }
  if (!failed.ok()) return Complain(io, failed);
  status = json.Commit(RunsToJson(runs));
  if (!status.ok()) return Complain(io, status);
  if (io.Interrupted()) {
    return Complain(io, "interrupted", kExitInterrupted);
  }
  return findings == 0 ? kExitOk : kExitFound;
}

}  // namespace faultline
