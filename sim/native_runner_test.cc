// SPDX-License-Identifier: GPL-2.0-only

#include "sim/native_runner.h"

#include <string>

#include "gtest/gtest.h"
#include "sim/testing/fake_program.h"

namespace faultline {
namespace {

StressOptions Options() {
  StressOptions options;
  options.variant = "fake";
  options.kernel_path = FakeKernelPath(/*native=*/true);
  options.max_rounds = 50;
  return options;
}

StressResult MustStress(const Program& program, const StressOptions& options) {
  absl::StatusOr<StressResult> result = Stress(program, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : StressResult();
}

// Refused by the fake kernel: an operation that touches nothing.
const Op kNothing = Command(static_cast<fake_command>(1));

TEST(Stress, RunsEveryOperationOfEveryThread) {
  StressOptions options = Options();
  options.threads = 4;
  const StressResult result =
      MustStress(FakeProgram({{kNothing}, {kNothing, kNothing}}), options);
  EXPECT_EQ(result.threads, 4);
  EXPECT_EQ(result.rounds, 50u);
  EXPECT_EQ(result.operations, 50u * 6);
  EXPECT_EQ(result.stopped, "executions");
  EXPECT_TRUE(result.findings.empty());
}

TEST(Stress, ABugEndsTheRoundForEverybody) {
  // B would sleep for ever.
  const StressResult result = MustStress(
      FakeProgram({{Command(FAKE_EXPECT, 0, 1)}, {Command(FAKE_SLEEP, 0)}}),
      Options());
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].checker, "kernel-bug");
  EXPECT_EQ(result.findings[0].task, "A");
  EXPECT_EQ(result.findings[0].count, result.rounds);
  EXPECT_EQ(result.stuck, 0u);
}

TEST(Stress, ForeverAsleepIsFound) {
  StressOptions options = Options();
  options.max_rounds = 2;
  const StressResult result =
      MustStress(FakeProgram({{Command(FAKE_SLEEP, 0)}}), options);
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].checker, "deadlock");
  EXPECT_EQ(result.stuck, 2u);
  options.checkers = {"kernel-bug"};
  EXPECT_TRUE(MustStress(FakeProgram({{Command(FAKE_SLEEP, 0)}}), options)
                  .findings.empty());
}

TEST(Stress, SpinningForEverIsStuckAndEnds) {
  StressOptions options = Options();
  options.max_rounds = 1;
  const StressResult result =
      MustStress(FakeProgram({{Command(FAKE_SPIN, 0, 1)}}), options);
  EXPECT_EQ(result.stuck, 1u);
}

TEST(Stress, LeftoversAreFound) {
  const StressResult result =
      MustStress(FakeProgram({{Command(FAKE_ALLOC, 0)}}), Options());
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].checker, "accounting");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Stress, AFaultIsAnOops) {
  const StressResult result =
      MustStress(FakeProgram({{Command(FAKE_WILD)}}), Options());
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].title,
            "BUG: unable to handle kernel paging request in fake_wild");
}
#endif

TEST(Stress, StopsAtTheFirstFinding) {
  StressOptions options = Options();
  options.stop_at_first = true;
  const StressResult result =
      MustStress(FakeProgram({{Command(FAKE_WARN)}}), options);
  EXPECT_EQ(result.stopped, "finding");
  EXPECT_EQ(result.rounds, 1u);
}

TEST(Stress, RefusesAnExploredBuild) {
  StressOptions options = Options();
  options.kernel_path = "/nowhere.so";
  EXPECT_EQ(
      Stress(FakeProgram({{Command(FAKE_WARN)}}), options).status().code(),
      absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace faultline
