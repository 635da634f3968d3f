// SPDX-License-Identifier: GPL-2.0-only
//
// How many executions a second an exploration makes:
//
//   explore/PROGRAM/VARIANT/SEARCH/all     all checkers, as a search has them
//   explore/PROGRAM/VARIANT/SEARCH/off     only `deadlock`, which looks at
//                                          nothing until no task can run; a
//                                          search without any is no option
//
// SEARCH: sync and access are random walks of that granularity; dfs2 is the
// depth-first search with up to two preemptions at sync granularity.  Setting
// up the machine is not counted, restoring it after each execution is.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/subjects.h"
#include "sim/explorer.h"
#include "sim/finding.h"
#include "sim/granularity.h"
#include "sim/program/litmus_parser.h"
#include "sim/program/program.h"

namespace faultline {
namespace {

struct Scenario {
  const char* name;
  const char* litmus;
  const char* variant;
};
constexpr Scenario kScenarios[] = {
    {"d01", "d01-cow-into-fresh-vma", "v3"},
    {"two-tails", "two-tails", "mainline"},
};

struct SearchKind {
  const char* name;
  const char* strategy;
  Granularity granularity;
  int max_preemptions;
};
constexpr SearchKind kSearches[] = {
    {"sync", "random", Granularity::kSync, -1},
    {"access", "random", Granularity::kAccess, -1},
    {"dfs2", "dfs", Granularity::kSync, 2},
};

constexpr const char* kCheckers[] = {"all", "off"};

// Of one search: long enough that its beginning does not count.
constexpr uint64_t kExecutions = 2000;

std::string NameOf(const Scenario& scenario, const SearchKind& search,
                   const char* checkers) {
  return absl::StrCat("explore/", scenario.name, "/", scenario.variant, "/",
                      search.name, "/", checkers);
}

absl::StatusOr<Program> Load(const std::string& name) {
  const std::string file = absl::StrCat("tests/litmus/", name, ".litmus");
  std::vector<std::string> places = {file};
  for (const char* variable : {"RUNFILES_DIR", "TEST_SRCDIR"}) {
    if (const char* folder = getenv(variable)) {
      places.push_back(absl::StrCat(folder, "/faultline/", file));
    }
  }
  char self[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  if (length > 0) {
    places.push_back(
        absl::StrCat(std::string(self, length), ".runfiles/faultline/", file));
  }
  for (const std::string& place : places) {
    std::ifstream stream(place);
    if (!stream) continue;
    const std::string text((std::istreambuf_iterator<char>(stream)),
                           std::istreambuf_iterator<char>());
    return ParseLitmus(text, file);
  }
  return absl::NotFoundError(absl::StrCat("no ", file));
}

absl::Status Measure(benchmark::State& state, const Scenario& scenario,
                     const SearchKind& search, bool all) {
  absl::StatusOr<Program> program = Load(scenario.litmus);
  if (!program.ok()) return program.status();
  ExploreOptions options;
  options.variant = scenario.variant;
  options.granularity = search.granularity;
  options.strategy = search.strategy;
  options.max_preemptions = search.max_preemptions;
  options.max_executions = kExecutions;
  options.minimize = false;  // executions that would not be counted
  if (!all) options.checkers = {"deadlock"};

  uint64_t executions = 0, choices = 0, findings = 0;
  absl::Status status;
  for (auto _ : state) {
    ++options.seed;
    absl::StatusOr<ExploreResult> result = Explore(*program, options);
    if (!result.ok()) {
      status = result.status();
      break;
    }
    state.SetIterationTime(result->seconds);
    executions += result->executions;
    choices += result->choices;
    for (const Finding& found : result->findings) findings += found.count;
  }
  if (!status.ok()) return status;
  state.SetItemsProcessed(static_cast<int64_t>(executions));
  using benchmark::Counter;
  state.counters["executions/s"] =
      Counter(static_cast<double>(executions), Counter::kIsRate);
  // For each execution.  A finding ends its execution early, and describing
  // it is in the time.
  auto each = [executions](uint64_t count) {
    return static_cast<double>(count) / static_cast<double>(executions);
  };
  state.counters["choices"] = each(choices);
  state.counters["findings"] = each(findings);
  return absl::OkStatus();
}

}  // namespace

void RegisterExploreBenchmarks() {
  for (const Scenario& scenario : kScenarios) {
    for (const SearchKind& search : kSearches) {
      for (const char* checkers : kCheckers) {
        const bool all = checkers == kCheckers[0];
        benchmark::RegisterBenchmark(
            NameOf(scenario, search, checkers).c_str(),
            [scenario, search, all](benchmark::State& state) {
              absl::Status status = Measure(state, scenario, search, all);
              if (!status.ok()) state.SkipWithError(status.ToString().c_str());
            })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
}

void PrintExploreTable(const MedianReporter& results, std::ostream* out) {
  bool headed = false;
  for (const Scenario& scenario : kScenarios) {
    for (const SearchKind& search : kSearches) {
      const std::string with = NameOf(scenario, search, kCheckers[0]);
      const std::string without = NameOf(scenario, search, kCheckers[1]);
      const std::optional<double> all = results.Median(with, "executions/s");
      const std::optional<double> off = results.Median(without, "executions/s");
      if (!all && !off) continue;
      if (!headed) {
        *out << absl::StreamFormat(
            "\n%-30s %12s %12s %8s %8s %9s\n", "executions a second",
            "all checkers", "checkers off", "off/all", "choices", "findings");
        headed = true;
      }
      auto rate = [](std::optional<double> value) {
        return value ? absl::StrFormat("%.0f", *value) : "-";
      };
      *out << absl::StreamFormat(
          "%-30s %12s %12s %8s %8.1f %9.2f\n",
          absl::StrCat(scenario.name, " ", scenario.variant, ", ", search.name),
          rate(all), rate(off),
          all && off ? absl::StrFormat("%.2f", *off / *all) : "-",
          results.Median(all ? with : without, "choices").value_or(0),
          results.Median(all ? with : without, "findings").value_or(0));
    }
  }
}

}  // namespace faultline
