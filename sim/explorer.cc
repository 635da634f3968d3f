// SPDX-License-Identifier: GPL-2.0-only

#include "sim/explorer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sim/kernel_library.h"
#include "sim/minimizer.h"
#include "sim/recorder.h"
#include "sim/runner.h"
#include "sim/strategy.h"
#include "sim/token.h"

namespace faultline {
namespace {

constexpr size_t kMaxTraceEvents = 200000;
constexpr int kMaxMinimizeTries = 400;
// Executions of the depth-first search for something simpler still.
constexpr uint64_t kMaxSimplerTries = 2000;
constexpr int kMaxSimplerPreemptions = 2;

struct Setting {
  RunnerOptions runner;
  std::string arch;
  bool physmem;
};

absl::StatusOr<Setting> MakeSetting(const Program& program,
                                    const ExploreOptions& options) {
  Setting setting;
  setting.arch = options.arch.empty() ? program.machine.arch : options.arch;
  setting.physmem = program.machine.physmem;
  RunnerOptions& runner = setting.runner;
  runner.variant = options.variant;
  runner.kernel_path = options.kernel_path;
  if (runner.kernel_path.empty()) {
    absl::StatusOr<std::string> path =
        KernelPath(setting.arch, /*explored=*/true, setting.physmem);
    if (!path.ok()) return path.status();
    runner.kernel_path = *std::move(path);
  }
  runner.granularity = options.granularity;
  runner.checkers = options.checkers;
  runner.max_steps = options.max_steps;
  runner.alloc_may_fail = options.alloc_may_fail;
  runner.reuse_freed = options.reuse_freed;
  runner.check_steps = options.check_steps;
  runner.paranoid = options.paranoid;
  return setting;
}

ReplayToken TokenFor(const Program& program, const Setting& setting,
                     const Runner& runner) {
  ReplayToken token;
  token.program_hash = program.Hash();
  token.variant = setting.runner.variant;
  token.arch = setting.arch;
  token.granularity = setting.runner.granularity;
  token.physmem = setting.physmem;
  token.alloc_may_fail = setting.runner.alloc_may_fail;
  token.reuse_freed = setting.runner.reuse_freed;
  token.check_steps = setting.runner.check_steps;
  if (token.granularity == Granularity::kAccess) {
    token.build_hash = BuildHash(runner.library().build_id());
  }
  token.schedule = runner.schedule();
  return token;
}

// The search proper: one object for one call of Explore.
class Search {
 public:
  Search(const Program& program, const ExploreOptions& options, Setting setting,
         Runner* runner, Strategy* strategy, ExploreResult* result)
      : program_(program),
        options_(options),
        setting_(std::move(setting)),
        runner_(runner),
        strategy_(strategy),
        result_(result),
        start_(absl::Now()),
        last_progress_(start_) {}

  absl::Status Run();

 private:
  // Empty: go on.
  std::string WhyStop();
  double Seconds() const { return absl::ToDoubleSeconds(absl::Now() - start_); }
  absl::Status TakeFindings(Execution* execution);
  absl::Status Minimize(Finding* finding);

  const Program& program_;
  const ExploreOptions& options_;
  const Setting setting_;
  Runner* const runner_;
  Strategy* const strategy_;
  ExploreResult* const result_;
  const absl::Time start_;
  absl::Time last_progress_;
  absl::flat_hash_map<std::string, size_t> by_signature_;
};

std::string Search::WhyStop() {
  if (options_.max_executions != 0 &&
      result_->executions >= options_.max_executions) {
    return "executions";
  }
  // Looking at the clock costs as much as a short execution.
  if (result_->executions % 16 != 0 && result_->steps < 1000000) return "";
  const absl::Time now = absl::Now();
  if (options_.max_seconds > 0 &&
      now - start_ > absl::Seconds(options_.max_seconds)) {
    return "time";
  }
  if (options_.progress && now - last_progress_ > absl::Milliseconds(250)) {
    last_progress_ = now;
    const ExploreProgress progress = {result_->executions, result_->blocked,
                                      result_->findings.size(), Seconds()};
    if (!options_.progress(progress)) return "interrupted";
  }
  return "";
}

absl::Status Search::Minimize(Finding* finding) {
  absl::Status status;
  Execution execution;
  const Finding* same = nullptr;
  auto attempt_with = [&](Strategy* strategy, std::vector<uint32_t>* recorded) {
    absl::Status ran = runner_->Run(strategy, &execution);
    if (!ran.ok()) status = ran;
    same = nullptr;
    for (const Finding& found : execution.findings) {
      if (found.signature == finding->signature) same = &found;
    }
    *recorded = runner_->schedule().Expand();
    return same != nullptr && ran.ok();
  };
  auto attempt = [&](const std::vector<uint32_t>& choices,
                     std::vector<uint32_t>* recorded) {
    Follower follower(&choices);
    follower.Begin(0);
    return attempt_with(&follower, recorded);
  };
  std::vector<uint32_t> least = MinimizeSchedule(runner_->schedule().Expand(),
                                                 kMaxMinimizeTries, attempt);
  std::vector<uint32_t> recorded;
  // Leaving choices out cannot move a preemption to a better place; where few
  // preemptions are enough, trying them all in order can.
  for (int bound = 0; bound <= kMaxSimplerPreemptions &&
                      bound < CountUnusual(least) && status.ok();
       ++bound) {
    BoundedDfs dfs(bound);
    bool simpler = false;
    for (uint64_t i = 0; i < kMaxSimplerTries && !simpler; ++i) {
      if (!dfs.Begin(i)) break;
      simpler = attempt_with(&dfs, &recorded) &&
                CountUnusual(recorded) < CountUnusual(least);
      if (!status.ok()) break;
    }
    if (!simpler) continue;
    least = std::move(recorded);
    break;
  }
  if (!attempt(least, &recorded)) return status;
  Finding minimal = *same;
  minimal.token = TokenFor(program_, setting_, *runner_).Encode();
  minimal.steps = execution.steps;
  minimal.switches = execution.switches;
  minimal.execution = finding->execution;
  *finding = std::move(minimal);
  return status;
}

absl::Status Search::TakeFindings(Execution* execution) {
  // Minimising runs other executions: what this one was is kept first.
  std::vector<Finding> found = std::move(execution->findings);
  const Schedule schedule = runner_->schedule();
  std::string token;
  for (Finding& finding : found) {
    auto [at, is_new] =
        by_signature_.emplace(finding.signature, result_->findings.size());
    if (!is_new) {
      ++result_->findings[at->second].count;
      continue;
    }
    finding.execution = result_->executions - 1;
    finding.steps = execution->steps;
    finding.switches = execution->switches;
    if (token.empty()) {
      token = TokenFor(program_, setting_, *runner_).Encode();
    }
    finding.token = token;
    if (options_.minimize) {
      if (!(runner_->schedule() == schedule)) {
        // An earlier finding of the same execution was minimised.
        const std::vector<uint32_t> choices = schedule.Expand();
        Follower follower(&choices);
        follower.Begin(0);
        Execution again;
        absl::Status ran = runner_->Run(&follower, &again);
        if (!ran.ok()) return ran;
      }
      absl::Status minimized = Minimize(&finding);
      if (!minimized.ok()) return minimized;
    }
    result_->findings.push_back(std::move(finding));
  }
  return absl::OkStatus();
}

absl::Status Search::Run() {
  Execution execution;
  bool without_choice = false;
  for (;;) {
    result_->stopped = WhyStop();
    if (!result_->stopped.empty()) break;
    if (!strategy_->Begin(result_->executions)) {
      result_->stopped = "exhausted";
      break;
    }
    absl::Status ran = runner_->Run(strategy_, &execution);
    if (!ran.ok()) return ran;
    strategy_->End(runner_->schedule().choices());
    ++result_->executions;
    result_->steps += execution.steps;
    // Minimising a finding overwrites the schedule.
    const uint64_t choices = runner_->schedule().choices();
    result_->choices += choices;
    if (execution.end == ExploredRuntime::End::kStepLimit) ++result_->blocked;
    if (!execution.findings.empty()) {
      absl::Status taken = TakeFindings(&execution);
      if (!taken.ok()) return taken;
      if (options_.stop_at_first || runner_->died_in_setup()) {
        result_->stopped = "finding";
        break;
      }
    }
    if (choices == 0) {
      // Nobody was asked anything: every further execution is the same.
      without_choice = true;
      result_->stopped = "exhausted";
      break;
    }
  }
  result_->exhausted = strategy_->exhausted() || without_choice;
  result_->seconds = Seconds();
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> StrategyNames() {
  return {"portfolio", "random", "pct", "dfs"};
}

std::string StrategySummary(const std::string& name) {
  if (name == "portfolio") {
    return "random walks and priority schedules in turn (the default)";
  }
  if (name == "random") {
    return "random walk; switches with probability 1, 0.3 and 0.1 in turn";
  }
  if (name == "pct") {
    return "random priorities with two random drops: races of few steps";
  }
  if (name == "dfs") {
    return "every schedule, or every one up to a number of preemptions";
  }
  return "";
}

absl::StatusOr<ExploreResult> Explore(const Program& program,
                                      const ExploreOptions& options) {
  absl::StatusOr<std::unique_ptr<Strategy>> strategy =
      MakeStrategy(options.strategy, options.seed, options.max_preemptions);
  if (!strategy.ok()) return strategy.status();
  absl::StatusOr<Setting> setting = MakeSetting(program, options);
  if (!setting.ok()) return setting.status();
  absl::StatusOr<std::unique_ptr<Runner>> runner =
      Runner::Create(program, setting->runner);
  if (!runner.ok()) return runner.status();

  ExploreResult result;
  result.variant = options.variant;
  result.scenario = program.name;
  result.arch = setting->arch;
  result.strategy = options.strategy;
  result.granularity = options.granularity;
  result.seed = options.seed;
  result.bound = options.strategy == "dfs" ? options.max_preemptions : -1;
  Search search(program, options, *std::move(setting), runner->get(),
                strategy->get(), &result);
  absl::Status searched = search.Run();
  if (!searched.ok()) return searched;
  return result;
}

absl::StatusOr<ReplayResult> Replay(const Program& program,
                                    const std::string& text,
                                    const ExploreOptions& options) {
  absl::StatusOr<ReplayToken> token = ReplayToken::Decode(text);
  if (!token.ok()) return token.status();
  if (token->program_hash != program.Hash()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "replay token: made for another program (",
        absl::Hex(token->program_hash, absl::kZeroPad16), ", this one is ",
        absl::Hex(program.Hash(), absl::kZeroPad16), ")"));
  }
  ExploreOptions as_recorded = options;
  as_recorded.variant = token->variant;
  as_recorded.arch = token->arch;
  as_recorded.granularity = token->granularity;
  as_recorded.alloc_may_fail = token->alloc_may_fail;
  as_recorded.reuse_freed = token->reuse_freed;
  as_recorded.check_steps = token->check_steps;
  absl::StatusOr<Setting> setting = MakeSetting(program, as_recorded);
  if (!setting.ok()) return setting.status();
  if (setting->physmem != token->physmem) {
    return absl::InvalidArgumentError(
        "replay token: made with another setting of physmem");
  }
  Recorder recorder(kMaxTraceEvents);
  setting->runner.recorder = &recorder;
  absl::StatusOr<std::unique_ptr<Runner>> runner =
      Runner::Create(program, setting->runner);
  if (!runner.ok()) return runner.status();
  if (token->granularity == Granularity::kAccess &&
      token->build_hash != BuildHash((*runner)->library().build_id())) {
    return absl::AbortedError(
        "diverged at step 0: the token was made by another build of the "
        "kernel, and at access granularity every instruction counts");
  }
  Replayer replayer(&token->schedule);
  replayer.Begin(0);
  Execution execution;
  absl::Status ran = (*runner)->Run(&replayer, &execution);
  if (!ran.ok()) return ran;
  replayer.End((*runner)->schedule().choices());
  if (!(*runner)->died_in_setup() && !replayer.status().ok()) {
    return replayer.status();
  }

  ReplayResult result;
  result.variant = token->variant;
  result.arch = token->arch;
  result.granularity = token->granularity;
  result.steps = execution.steps;
  result.switches = execution.switches;
  result.findings = std::move(execution.findings);
  for (Finding& finding : result.findings) {
    finding.token = text;
    finding.steps = execution.steps;
    finding.switches = execution.switches;
  }
  result.trace = std::move(*recorder.trace());
  (*runner)->SymbolizeTrace(&result.trace);
  return result;
}

}  // namespace faultline
