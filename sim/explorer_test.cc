// SPDX-License-Identifier: GPL-2.0-only

#include "sim/explorer.h"

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "sim/random.h"
#include "sim/runner.h"
#include "sim/strategy.h"
#include "sim/testing/fake_program.h"
#include "sim/token.h"

namespace faultline {
namespace {

using Tasks = std::vector<std::vector<Op>>;

ExploreResult MustExplore(const Program& program, ExploreOptions options) {
  absl::StatusOr<ExploreResult> result = Explore(program, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : ExploreResult();
}

ExploreOptions Exhaustive(Granularity granularity, int max_preemptions = -1) {
  ExploreOptions options = FakeOptions(granularity);
  options.strategy = "dfs";
  options.max_preemptions = max_preemptions;
  options.max_executions = 0;
  options.minimize = false;
  return options;
}

uint64_t Binomial(uint64_t n, uint64_t k) {
  uint64_t result = 1;
  for (uint64_t i = 1; i <= k; ++i) result = result * (n - k + i) / i;
  return result;
}

// An independent account of the fake kernel's locks at sync granularity:
// counts the executions, and those that end with everybody blocked, by trying
// everything.  Instructions: 'p' a scheduling point, 'l' lock, 'u' unlock.
struct LockModel {
  struct Instruction {
    char what;
    uint32_t lock;
  };
  std::vector<std::vector<Instruction>> tasks;
  int max_preemptions = -1;
  uint64_t executions = 0, deadlocks = 0;

  struct State {
    std::vector<size_t> at;
    std::vector<bool> blocked;
    uint32_t held = 0;
    std::vector<uint32_t> waiting;  // lock each blocked task waits for
    int preemptions = 0;
  };

  explicit LockModel(const Tasks& programs) {
    for (const std::vector<Op>& ops : programs) {
      std::vector<Instruction> code;
      for (const Op& op : ops) {
        const uint32_t i = static_cast<uint32_t>(op.address.offset.pages);
        const uint32_t n = static_cast<uint32_t>(op.length.pages);
        if (!code.empty()) code.push_back({'p', 0});
        code.push_back({'p', 0});
        code.push_back({'l', i});
        if (op.advice == FAKE_LOCK_BOTH) {
          code.push_back({'p', 0});
          code.push_back({'l', n});
          code.push_back({'u', n});
          code.push_back({'p', 0});
        }
        code.push_back({'u', i});
        code.push_back({'p', 0});
      }
      tasks.push_back(code);
    }
  }

  void Count() {
    State state;
    state.at.assign(tasks.size(), 0);
    state.blocked.assign(tasks.size(), false);
    state.waiting.assign(tasks.size(), 0);
    for (size_t i = 0; i < tasks.size(); ++i) Run(state, i);
  }

  bool Ready(const State& state, size_t i) const {
    return state.at[i] < tasks[i].size() + 1 && !state.blocked[i];
  }

  // Task i goes on until its next point.  at == size + 1: done.
  void Run(State state, size_t i) {
    while (state.at[i] < tasks[i].size()) {
      const Instruction instruction = tasks[i][state.at[i]];
      if (instruction.what == 'l') {
        if (state.held >> instruction.lock & 1) {
          state.blocked[i] = true;
          state.waiting[i] = instruction.lock;
          Branch(state, i, false);
          return;
        }
        state.held |= 1u << instruction.lock;
      } else if (instruction.what == 'u') {
        state.held &= ~(1u << instruction.lock);
        for (size_t j = 0; j < tasks.size(); ++j) {
          if (state.blocked[j] && state.waiting[j] == instruction.lock) {
            state.blocked[j] = false;
          }
        }
      }
      ++state.at[i];
      if (instruction.what == 'p') {
        Branch(state, i, true);
        return;
      }
    }
    state.at[i] = tasks[i].size() + 1;
    Branch(state, i, false);
  }

  void Branch(const State& state, size_t current, bool can_continue) {
    bool any = false;
    for (size_t j = 0; j < tasks.size(); ++j) {
      if (!Ready(state, j) || (j == current && !can_continue)) continue;
      any = true;
      State next = state;
      if (can_continue && j != current) {
        if (max_preemptions >= 0 && state.preemptions == max_preemptions) {
          continue;
        }
        ++next.preemptions;
      }
      Run(next, j);
    }
    if (any) return;
    ++executions;
    for (size_t j = 0; j < tasks.size(); ++j) {
      if (state.blocked[j]) {
        ++deadlocks;
        return;
      }
    }
  }
};

TEST(Dfs, CountsTheInterleavingsOfIndependentSegments) {
  // Each lock;unlock is three segments: up to the lock, the critical section,
  // the way out.
  for (int rounds = 1; rounds <= 2; ++rounds) {
    const std::vector<Op> ops(rounds, Command(FAKE_LOCK_UNLOCK, 0));
    ExploreResult result =
        MustExplore(FakeProgram({ops, ops}), Exhaustive(Granularity::kSync));
    EXPECT_TRUE(result.exhausted);
    EXPECT_EQ(result.stopped, "exhausted");
    EXPECT_EQ(result.executions, Binomial(6 * rounds, 3 * rounds));
    EXPECT_TRUE(result.findings.empty());
  }
}

TEST(Dfs, CountsThreeTasks) {
  const std::vector<Op> ops = {Command(FAKE_LOCK_UNLOCK, 0)};
  ExploreResult result =
      MustExplore(FakeProgram({ops, ops, ops}), Exhaustive(Granularity::kSync));
  EXPECT_EQ(result.executions, 1680u);  // 9! / (3!)^3
}

TEST(Dfs, CountsAccessInterleavings) {
  const std::vector<Op> ops = {Command(FAKE_INCREMENT, 0)};
  // Alone a task makes as many steps as it has scheduling points.
  ExploreResult alone =
      MustExplore(FakeProgram({ops}), Exhaustive(Granularity::kAccess));
  ASSERT_EQ(alone.executions, 1u);
  absl::StatusOr<std::unique_ptr<Runner>> runner = Runner::Create(
      FakeProgram({ops}), FakeRunnerOptions(Granularity::kAccess));
  ASSERT_TRUE(runner.ok()) << runner.status();
  const uint64_t setup = (*runner)->runtime().step();
  const uint64_t points = alone.steps - setup;
  ASSERT_GE(points, 2u);
  ExploreResult two =
      MustExplore(FakeProgram({ops, ops}), Exhaustive(Granularity::kAccess));
  EXPECT_EQ(two.executions, Binomial(2 * (points + 1), points + 1));
  EXPECT_TRUE(two.exhausted);
}

TEST(Dfs, AgreesWithBruteForceOnRandomLockPrograms) {
  Random random(7);
  uint64_t deadlocks = 0;
  for (int round = 0; round < 25; ++round) {
    Tasks tasks(2 + random.Below(2));
    for (std::vector<Op>& ops : tasks) {
      for (uint32_t n = tasks.size() == 2 ? 1 + random.Below(2) : 1; n > 0;
           --n) {
        const uint32_t first = random.Below(3);
        if (random.Below(2) == 0) {
          ops.push_back(Command(FAKE_LOCK_UNLOCK, first));
        } else {
          ops.push_back(Command(FAKE_LOCK_BOTH, first,
                                (first + 1 + random.Below(2)) % 3));
        }
      }
    }
    for (int bound : {-1, 0, 1, 2}) {
      LockModel model(tasks);
      model.max_preemptions = bound;
      model.Count();
      ExploreResult result = MustExplore(FakeProgram(tasks),
                                         Exhaustive(Granularity::kSync, bound));
      EXPECT_TRUE(result.exhausted);
      ASSERT_EQ(result.executions, model.executions)
          << "round " << round << ", bound " << bound;
      uint64_t found = 0;
      for (const Finding& finding : result.findings) {
        EXPECT_EQ(finding.checker, "deadlock") << finding.title;
        found += finding.count;
      }
      ASSERT_EQ(found, model.deadlocks);
      deadlocks += found;
    }
  }
  EXPECT_GT(deadlocks, 0u);
}

TEST(Dfs, BranchesOnEveryChoiceOfTheKernel) {
  ExploreResult result = MustExplore(
      FakeProgram({{Command(FAKE_CHOOSE, 0, 5), Command(FAKE_CHOOSE, 1, 3)}}),
      Exhaustive(Granularity::kSync));
  EXPECT_EQ(result.executions, 15u);
}

TEST(Explore, FindsTheLostUpdateAtAccessGranularityOnly) {
  // C runs last in no schedule in particular: it joins by sleeping twice.
  const Program program =
      FakeProgram({{Command(FAKE_INCREMENT, 0), Command(FAKE_WAKE, 0)},
                   {Command(FAKE_INCREMENT, 0), Command(FAKE_WAKE, 1)},
                   {Command(FAKE_SLEEP, 0), Command(FAKE_SLEEP, 1),
                    Command(FAKE_EXPECT, 0, 2)}});
  ExploreOptions options = FakeOptions(Granularity::kAccess);
  options.max_executions = 5000;
  options.stop_at_first = true;
  ExploreResult result = MustExplore(program, options);
  ASSERT_EQ(result.findings.size(), 1u);
  const Finding& finding = result.findings[0];
  EXPECT_EQ(finding.checker, "kernel-bug");
  EXPECT_EQ(finding.title.find("kernel BUG in fake_expect at "
                               "sim/testing/fake_kernel.cc:"),
            0u)
      << finding.title;
  EXPECT_EQ(finding.task, "C");
  EXPECT_EQ(finding.token.find("fl1:"), 0u);

  options = Exhaustive(Granularity::kSync);
  result = MustExplore(program, options);
  EXPECT_TRUE(result.exhausted);
  EXPECT_TRUE(result.findings.empty());
}

TEST(Explore, LockedUpdatesAreNeverLost) {
  const Program program =
      FakeProgram({{Command(FAKE_LOCKED_INCREMENT, 0), Command(FAKE_WAKE, 0)},
                   {Command(FAKE_LOCKED_INCREMENT, 0), Command(FAKE_WAKE, 1)},
                   {Command(FAKE_SLEEP, 0), Command(FAKE_SLEEP, 1),
                    Command(FAKE_EXPECT, 0, 2)}});
  ExploreOptions options = FakeOptions(Granularity::kAccess);
  options.max_executions = 20000;
  ExploreResult result = MustExplore(program, options);
  EXPECT_TRUE(result.findings.empty()) << result.findings[0].title;
  EXPECT_EQ(result.executions, 20000u);
}

TEST(Explore, MinimisedScheduleHasNoNeedlessPreemption) {
  // One preemption is enough: between A's read and write.
  const Program program =
      FakeProgram({{Command(FAKE_INCREMENT, 0), Command(FAKE_INCREMENT, 1),
                    Command(FAKE_INCREMENT, 2), Command(FAKE_WAKE, 0)},
                   {Command(FAKE_INCREMENT, 0), Command(FAKE_INCREMENT, 1),
                    Command(FAKE_WAKE, 1)},
                   {Command(FAKE_SLEEP, 0), Command(FAKE_SLEEP, 1),
                    Command(FAKE_EXPECT, 0, 2)}});
  ExploreOptions options = FakeOptions(Granularity::kAccess);
  options.stop_at_first = true;
  options.strategy = "random";
  ExploreResult result = MustExplore(program, options);
  ASSERT_EQ(result.findings.size(), 1u);
  absl::StatusOr<ReplayToken> token =
      ReplayToken::Decode(result.findings[0].token);
  ASSERT_TRUE(token.ok());
  const std::vector<uint32_t> choices = token->schedule.Expand();
  EXPECT_LE(choices.size() - std::count(choices.begin(), choices.end(), 0u),
            1u);
}

TEST(Explore, SameSeedSameSearch) {
  const Program program =
      FakeProgram({{Command(FAKE_INCREMENT, 0), Command(FAKE_INCREMENT, 0)},
                   {Command(FAKE_INCREMENT, 0), Command(FAKE_INCREMENT, 0)}});
  ExploreOptions options = FakeOptions(Granularity::kAccess);
  options.max_executions = 500;
  ExploreResult first = MustExplore(program, options);
  ExploreResult second = MustExplore(program, options);
  EXPECT_EQ(first.steps, second.steps);
  EXPECT_EQ(first.choices, second.choices);
  options.seed = 2;
  EXPECT_NE(MustExplore(program, options).choices, 0u);
}

TEST(Explore, SpinningWaitsForTheWatchedWord) {
  ExploreResult result = MustExplore(
      FakeProgram({{Command(FAKE_SPIN, 0, 1)}, {Command(FAKE_SET_FLAG, 0, 1)}}),
      Exhaustive(Granularity::kAccess));
  EXPECT_TRUE(result.exhausted);
  EXPECT_TRUE(result.findings.empty());
  EXPECT_EQ(result.blocked, 0u);
}

TEST(Explore, SpinningForEverIsADeadlock) {
  ExploreResult result = MustExplore(
      FakeProgram({{Command(FAKE_SPIN, 0, 1)}, {Command(FAKE_SPIN, 0, 1)}}),
      Exhaustive(Granularity::kSync));
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].checker, "deadlock");
}

TEST(Explore, EndlessExecutionsAreCountedApart) {
  ExploreOptions options = FakeOptions(Granularity::kSync);
  options.max_executions = 10;
  ExploreResult result = MustExplore(
      FakeProgram({{Command(FAKE_LOOP)}, {Command(FAKE_LOOP)}}), options);
  EXPECT_EQ(result.blocked, 10u);
  EXPECT_TRUE(result.findings.empty());
}

TEST(Explore, OneExecutionIsEnoughWhereThereIsNoChoice) {
  ExploreResult result = MustExplore(
      FakeProgram({{Command(FAKE_INCREMENT), Command(FAKE_INCREMENT)}}),
      FakeOptions(Granularity::kAccess));
  EXPECT_EQ(result.executions, 1u);
  EXPECT_EQ(result.stopped, "exhausted");
  EXPECT_TRUE(result.exhausted);
}

TEST(Explore, SaysWhatIsWrongWithItsInput) {
  ExploreOptions options = FakeOptions(Granularity::kSync);
  const Program program = FakeProgram({{Command(FAKE_WARN)}});
  options.variant = "none";
  EXPECT_EQ(Explore(program, options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options = FakeOptions(Granularity::kSync);
  options.strategy = "none";
  EXPECT_EQ(Explore(program, options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options = FakeOptions(Granularity::kSync);
  options.checkers = {"none"};
  EXPECT_EQ(Explore(program, options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options = FakeOptions(Granularity::kSync);
  options.kernel_path = "/nowhere.so";
  EXPECT_EQ(Explore(program, options).status().code(),
            absl::StatusCode::kNotFound);
}

// ---- replay ----

Program LostUpdate() {
  return FakeProgram({{Command(FAKE_INCREMENT, 0), Command(FAKE_WAKE, 0)},
                      {Command(FAKE_INCREMENT, 0), Command(FAKE_WAKE, 1)},
                      {Command(FAKE_SLEEP, 0), Command(FAKE_SLEEP, 1),
                       Command(FAKE_EXPECT, 0, 2)}});
}

std::string TokenOfLostUpdate() {
  ExploreOptions options = FakeOptions(Granularity::kAccess);
  options.stop_at_first = true;
  ExploreResult result = MustExplore(LostUpdate(), options);
  return result.findings.empty() ? "" : result.findings[0].token;
}

TEST(Replay, AThousandReplaysAreOne) {
  const std::string text = TokenOfLostUpdate();
  const Program program = LostUpdate();
  absl::StatusOr<ReplayToken> token = ReplayToken::Decode(text);
  ASSERT_TRUE(token.ok()) << token.status();
  absl::StatusOr<std::unique_ptr<Runner>> runner =
      Runner::Create(program, FakeRunnerOptions(Granularity::kAccess));
  ASSERT_TRUE(runner.ok());
  Execution first;
  for (int i = 0; i < 1000; ++i) {
    Replayer replayer(&token->schedule);
    replayer.Begin(0);
    Execution execution;
    ASSERT_TRUE((*runner)->Run(&replayer, &execution).ok());
    replayer.End(0);
    ASSERT_TRUE(replayer.status().ok()) << replayer.status();
    ASSERT_EQ(execution.findings.size(), 1u);
    if (i == 0) first = execution;
    EXPECT_EQ(execution.steps, first.steps);
    EXPECT_EQ(execution.findings[0].title, first.findings[0].title);
    EXPECT_EQ(execution.findings[0].step, first.findings[0].step);
    EXPECT_TRUE((*runner)->schedule() == token->schedule ||
                (*runner)->schedule().runs() == token->schedule.runs());
  }
}

TEST(Replay, TracesTheInterleaving) {
  absl::StatusOr<ReplayResult> replay = Replay(
      LostUpdate(), TokenOfLostUpdate(), FakeOptions(Granularity::kSync));
  ASSERT_TRUE(replay.ok()) << replay.status();
  ASSERT_EQ(replay->findings.size(), 1u);
  EXPECT_EQ(replay->granularity, Granularity::kAccess);
  ASSERT_GE(replay->trace.tasks.size(), 3u);
  EXPECT_EQ(replay->trace.tasks[2], "C");
  int writes = 0, operations = 0;
  for (const TraceEvent& event : replay->trace.events) {
    if (event.kind == TraceKind::kOpBegin) ++operations;
    if (event.kind == TraceKind::kAccess && (event.arg & FL_ACCESS_WRITE) &&
        event.function == "fake_increment") {
      ++writes;
      EXPECT_EQ(event.location.find("sim/testing/fake_kernel.cc:"), 0u);
    }
  }
  EXPECT_EQ(writes, 2);
  EXPECT_EQ(operations, 7);
}

TEST(Replay, TraceSaysWhatIsHeld) {
  ExploreOptions options = FakeOptions(Granularity::kSync);
  const Program program = FakeProgram(
      {{Command(FAKE_LOCK_BOTH, 0, 1)}, {Command(FAKE_LOCK_BOTH, 1, 0)}});
  ExploreResult result = MustExplore(program, options);
  ASSERT_EQ(result.findings.size(), 1u);
  absl::StatusOr<ReplayResult> replay =
      Replay(program, result.findings[0].token, options);
  ASSERT_TRUE(replay.ok()) << replay.status();
  bool held = false;
  for (const TraceEvent& event : replay->trace.events) {
    held |= event.held == "lock_0:W";
  }
  EXPECT_TRUE(held);
}

TEST(Replay, RefusesAnotherProgram) {
  const Program other = FakeProgram({{Command(FAKE_WARN)}});
  EXPECT_EQ(Replay(other, TokenOfLostUpdate(), FakeOptions(Granularity::kSync))
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Replay, SaysWhereItDiverged) {
  // The schedule of one program under the name of another.
  absl::StatusOr<ReplayToken> token = ReplayToken::Decode(TokenOfLostUpdate());
  ASSERT_TRUE(token.ok());
  const Program other =
      FakeProgram({{Command(FAKE_LOCK_UNLOCK)}, {Command(FAKE_LOCK_UNLOCK)}});
  token->program_hash = other.Hash();
  absl::Status status =
      Replay(other, token->Encode(), FakeOptions(Granularity::kSync)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(std::string(status.message()).find("diverged"), 0u) << status;
}

TEST(Replay, RefusesAnotherBuildAtAccessGranularity) {
  absl::StatusOr<ReplayToken> token = ReplayToken::Decode(TokenOfLostUpdate());
  ASSERT_TRUE(token.ok());
  token->build_hash ^= 1;
  EXPECT_EQ(
      Replay(LostUpdate(), token->Encode(), FakeOptions(Granularity::kSync))
          .status()
          .code(),
      absl::StatusCode::kAborted);
}

// ---- isolation, restoring, leaks ----

TEST(Runner, TwoMachinesInTwoThreadsDoNotDisturbEachOther) {
  const Program program =
      FakeProgram({{Command(FAKE_LOCK_BOTH, 0, 1), Command(FAKE_INCREMENT)},
                   {Command(FAKE_LOCK_BOTH, 1, 0), Command(FAKE_INCREMENT)}});
  ExploreOptions options = FakeOptions(Granularity::kAccess);
  options.max_executions = 3000;
  options.minimize = false;
  const ExploreResult alone = MustExplore(program, options);
  std::vector<ExploreResult> results(2);
  std::vector<std::thread> threads;
  for (ExploreResult& result : results) {
    threads.emplace_back([&] { result = MustExplore(program, options); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const ExploreResult& result : results) {
    EXPECT_EQ(result.steps, alone.steps);
    ASSERT_EQ(result.findings.size(), alone.findings.size());
    EXPECT_EQ(result.findings[0].count, alone.findings[0].count);
  }
}

TEST(Runner, RestoresEveryByte) {
  ExploreOptions options = FakeOptions(Granularity::kAccess);
  options.paranoid = true;
  options.max_executions = 300;
  MustExplore(FakeProgram({{Command(FAKE_ALLOC, 0), Command(FAKE_USE, 0),
                            Command(FAKE_LOCK_BOTH, 0, 1)},
                           {Command(FAKE_INCREMENT, 1), Command(FAKE_USE, 0),
                            Command(FAKE_LOCK_BOTH, 1, 0)}}),
              options);
}

TEST(Runner, NoticesAWriteThatNoEventAnnounced) {
  ExploreOptions options = FakeOptions(Granularity::kSync);
  options.paranoid = true;
  absl::StatusOr<ExploreResult> result =
      Explore(FakeProgram({{Command(FAKE_SECRET)}}), options);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss)
      << result.status();
}

TEST(Runner, AbandonedExecutionsLeakNothing) {
  const Program program = FakeProgram(
      {{Command(FAKE_LOCK_BOTH, 0, 1)},
       {Command(FAKE_LOCK_BOTH, 1, 0)},
       {Command(FAKE_ALLOC), Command(FAKE_FREE), Command(FAKE_USE)}});
  absl::StatusOr<std::unique_ptr<Runner>> runner =
      Runner::Create(program, FakeRunnerOptions(Granularity::kSync));
  ASSERT_TRUE(runner.ok());
  RandomWalk walk(3);
  Execution execution;
  uint64_t abandoned = 0, at_start = 0;
  for (uint64_t i = 0; i < 100000; ++i) {
    if (i == 5000) at_start = mallinfo2().uordblks;
    walk.Begin(i);
    ASSERT_TRUE((*runner)->Run(&walk, &execution).ok());
    abandoned += execution.end != ExploredRuntime::End::kCompleted;
  }
  EXPECT_EQ(abandoned, 100000u);
  EXPECT_LT(mallinfo2().uordblks, at_start + 65536);
}

TEST(Runner, DeathInTheSetupIsAFinding) {
  Program program = FakeProgram({{Command(FAKE_INCREMENT)}});
  program.setup = {Command(FAKE_NULL)};
  ExploreOptions options = FakeOptions(Granularity::kSync);
  ExploreResult result = MustExplore(program, options);
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].checker, "kernel-bug");
  EXPECT_EQ(result.executions, 1u);
  absl::StatusOr<ReplayResult> replay =
      Replay(program, result.findings[0].token, options);
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_EQ(replay->findings.size(), 1u);
}

}  // namespace
}  // namespace faultline
