// SPDX-License-Identifier: GPL-2.0-only

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/explore_command.h"
#include "sim/cli/flags.h"
#include "sim/cli/json.h"
#include "sim/cli/progress.h"
#include "sim/conformance/differential.h"
#include "sim/conformance/generator.h"
#include "sim/conformance/rules.h"
#include "sim/program/litmus_format.h"

namespace faultline {
namespace {

struct Options {
  std::string variant = "paged";
  bool check = false;
};

Finding MakeFinding(const Difference& difference) {
  Finding finding;
  finding.checker = "host";
  finding.kind = DifferenceKindName(difference.kind);
  finding.details = absl::StrSplit(difference.text, '\n');
  finding.title = finding.details.front();
  finding.signature =
      absl::StrCat("host ", finding.kind, ": ", difference.text);
  finding.step = difference.step;
  return finding;
}

void PrintRules(Io& io, const std::vector<std::string>& used) {
  for (const ConformanceRule& rule : ConformanceRules()) {
    for (const std::string& id : used) {
      if (id != rule.id) continue;
      io.out << "  later kernels (" << rule.since << ") differ, rule " << id
             << ":\n    4.13:  " << rule.answer_4_13
             << "\n    later: " << rule.answer_later << "\n";
    }
  }
}

RunRecord StartRecord(const std::string& scenario, const std::string& arch,
                      const Options& options) {
  RunRecord record;
  record.scenario = scenario;
  record.variant = options.variant;
  record.arch = arch;
  record.mode = "host";
  record.stopped = "exhausted";
  record.executions = 1;
  return record;
}

// kExitOk, kExitFound, or the exit code of an error, which is said.
int CompareFile(Io& io, const Program& program, const Options& options,
                std::vector<RunRecord>* runs) {
  const absl::Time begun = absl::Now();
  const std::string source = Printable(program.source);
  absl::StatusOr<std::unique_ptr<Differential>> both =
      Differential::Create(program, options.variant);
  if (!both.ok()) {
    return Complain(io,
                    absl::StrCat(program.source, ": ", both.status().message()),
                    ExitCodeOf(both.status()));
  }
  absl::StatusOr<Comparison> comparison = (*both)->Run(program, options.check);
  if (absl::IsInvalidArgument(comparison.status())) {
    io.out << source << ": skipped, "
           << Printable(comparison.status().message()) << "\n";
    return kExitOk;
  }
  if (!comparison.ok()) {
    return Complain(
        io, absl::StrCat(program.source, ": ", comparison.status().message()),
        ExitCodeOf(comparison.status()));
  }
  RunRecord record = StartRecord(program.name, program.machine.arch, options);
  io.out << source << ": "
         << (comparison->difference.has_value() ? "differs" : "agrees") << ", "
         << Count((*both)->operations(), "operation", "operations") << "\n";
  if (comparison->difference.has_value()) {
    for (absl::string_view line :
         absl::StrSplit(comparison->difference->text, '\n')) {
      io.out << "  " << line << "\n";
    }
    record.findings.push_back({MakeFinding(*comparison->difference), {}});
  }
  PrintRules(io, comparison->rules);
  record.seconds = absl::ToDoubleSeconds(absl::Now() - begun);
  runs->push_back(std::move(record));
  return comparison->difference.has_value() ? kExitFound : kExitOk;
}

// The same for `count` random programs.
int CompareGenerated(Io& io, uint64_t count, uint64_t operations, uint64_t seed,
                     const Options& options, std::vector<RunRecord>* runs) {
  const absl::Time begun = absl::Now();
  absl::StatusOr<std::unique_ptr<Differential>> both =
      Differential::Create(GeneratorBase(), options.variant);
  if (!both.ok()) return Complain(io, both.status());
  RunRecord record = StartRecord("generated", "x86-64", options);
  record.seed = seed;
  std::map<std::string, uint64_t> kinds, rules;
  uint64_t done = 0, operations_done = 0, differ = 0;
  Progress progress(io);
  for (; done < count && !io.Interrupted(); ++done) {
    if (done % 64 == 0) {
      progress.Show(absl::StrCat(
          WithCommas(done), " of ", Count(count, "program", "programs"), ", ",
          Count(differ, "differs", "differ"), ", ",
          Seconds(absl::ToDoubleSeconds(absl::Now() - begun))));
    }
    const Program program =
        GenerateProgram(seed + done, static_cast<int>(operations));
    absl::StatusOr<Comparison> comparison =
        (*both)->Run(program, options.check);
    if (!comparison.ok()) return Complain(io, comparison.status());
    operations_done += (*both)->operations();
    for (const std::string& rule : comparison->rules) ++rules[rule];
    if (!comparison->difference.has_value()) continue;
    ++differ;
    const DifferenceKind kind = comparison->difference->kind;
    // The first of each kind is worth a smaller program.
    if (++kinds[DifferenceKindName(kind)] > 1) continue;
    const auto still = [&](const Program& fewer) {
      absl::StatusOr<Comparison> again = (*both)->Run(fewer, options.check);
      return again.ok() && again->difference.has_value() &&
             again->difference->kind == kind;
    };
    const Program smallest = Shrink(program, still);
    absl::StatusOr<Comparison> last = (*both)->Run(smallest, options.check);
    const Difference& shown = last.ok() && last->difference.has_value()
                                  ? *last->difference
                                  : *comparison->difference;
    progress.Clear();
    io.out << "seed " << seed + done << " differs, at its smallest:\n\n"
           << FormatLitmus(smallest) << "\n"
           << shown.text << "\n\n";
    record.findings.push_back({MakeFinding(shown), {}});
  }
  progress.Clear();
  record.executions = done;
  record.seconds = absl::ToDoubleSeconds(absl::Now() - begun);
  if (io.Interrupted()) record.stopped = "interrupted";
  io.out << Count(done, "program", "programs") << " from seed " << seed << ", "
         << Count(operations_done, "operation", "operations") << ", "
         << Seconds(record.seconds) << ": "
         << (differ == 0 ? "no difference" : Count(differ, "differs", "differ"))
         << "\n";
  for (const auto& [kind, times] : kinds) {
    io.out << "  " << kind << ": " << WithCommas(times) << "\n";
  }
  for (const auto& [rule, times] : rules) {
    io.out << "  rule " << rule << ": " << Count(times, "program", "programs")
           << "\n";
  }
  runs->push_back(std::move(record));
  return differ == 0 ? kExitOk : kExitFound;
}

}  // namespace

int HostCommand(Io& io, const Args& args) {
  Options options;
  uint64_t generate = 0, operations = 30, seed = 1;
  std::string json_path;
  FlagSet flags("host", "[FILE.litmus...]",
                "Does the operations of each program one after the other, the "
                "tasks in their order,\nin the model and as system calls of "
                "the kernel of this machine, and says where\nthey differ: "
                "results, signals, bytes, /proc/self/maps. A signal is caught "
                "and the\ntask goes on. Without files: all of tests/litmus.");
  flags.AddString("variant", "V", "of the model (paged)", &options.variant);
  flags.AddBool("check", "the model checks itself after every operation",
                &options.check);
  flags.AddNumber("generate", "random programs instead of files", 1,
                  uint64_t{1} << 32, &generate);
  flags.AddNumber("operations", "in each of them (30)", 1, 1000, &operations);
  flags.AddNumber("seed", "of the first of them (1)", 0,
                  (uint64_t{1} << 53) - 1, &seed);
  flags.AddString("json", "FILE", "results as JSON too (docs/json.md)",
                  &json_path);
  Args files;
  const std::optional<int> ended = EndsAtFlags(io, args, &flags, &files);
  if (ended) return *ended;
  if (generate > 0 && !files.empty()) {
    return Complain(io, "host: files, or --generate (host --help)", kExitUsage);
  }
  if (generate == 0 && (flags.Given("operations") || flags.Given("seed"))) {
    return Complain(io, "host: --operations and --seed are for --generate",
                    kExitUsage);
  }
  absl::StatusOr<std::vector<std::string>> variants =
      ChooseVariants({options.variant}, "x86-64");
  if (!variants.ok()) return Complain(io, variants.status());
  if (variants->size() != 1) {
    return Complain(io, "host: --variant: expected one", kExitUsage);
  }
  std::vector<Program> programs;
  if (generate == 0) {
    absl::StatusOr<std::vector<Program>> loaded = LoadPrograms(io, files);
    if (!loaded.ok()) return Complain(io, loaded.status());
    programs = *std::move(loaded);
  }
  AtomicFile json;
  absl::Status status = json.Open(json_path);
  if (!status.ok()) return Complain(io, status);

  std::vector<RunRecord> runs;
  int code = kExitOk;
  if (generate > 0) {
    code = CompareGenerated(io, generate, operations, seed, options, &runs);
    if (code > kExitFound) return code;
  }
  for (const Program& program : programs) {
    if (io.Interrupted()) break;
    const int one = CompareFile(io, program, options, &runs);
    if (one > kExitFound) return one;
    code = std::max(code, one);
  }
  status = json.Commit(RunsToJson(runs));
  if (!status.ok()) return Complain(io, status);
  if (io.Interrupted()) return Complain(io, "interrupted", kExitInterrupted);
  return code;
}

}  // namespace faultline
