// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/search.h"

#include <atomic>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sim/cli/io.h"
#include "sim/program/litmus_parser.h"

namespace faultline {
namespace {

class SearchTest : public testing::Test {
 protected:
  SearchTest() : io_{out_, err_} {
    absl::StatusOr<Program> program = ParseLitmus(
        "litmus \"two loads\"\nimage\n    f: 2 pages\nsetup\n"
        "    m = mmap(f, 0p, 2p, r, private)\n"
        "task A\n    load(m)\ntask B\n    load(m + 1p)\n",
        "two.litmus");
    EXPECT_TRUE(program.ok()) << program.status();
    program_ = *program;
  }
  Search Make(uint64_t executions) const {
    Search search;
    search.program = &program_;
    search.label = "two";
    search.options.variant = "paged";
    search.options.strategy = "random";
    search.options.max_executions = executions;
    search.options.stop_at_first = true;
    return search;
  }

  std::ostringstream out_, err_;
  Io io_;
  Program program_;
};

TEST_F(SearchTest, PartsOfASearchMakeAllItsExecutions) {
  for (size_t threads : {1, 3}) {
    std::vector<uint64_t> executions;
    RunSearches(io_, {Make(100), Make(7)}, threads,
                [&](size_t, const absl::StatusOr<ExploreResult>& result) {
                  EXPECT_TRUE(result.ok()) << result.status();
                  if (!result.ok()) return false;
                  EXPECT_TRUE(result->findings.empty());
                  executions.push_back(result->executions);
                  return true;
                });
    EXPECT_EQ(executions, (std::vector<uint64_t>{100, 7}));
  }
}

TEST_F(SearchTest, AnErrorIsHandedOnAndFalseEndsTheRest) {
  Search wrong = Make(10);
  wrong.options.variant = "no-such-variant";
  int calls = 0;
  RunSearches(io_, {wrong, Make(10)}, 1,
              [&](size_t, const absl::StatusOr<ExploreResult>& result) {
                EXPECT_TRUE(absl::IsInvalidArgument(result.status()));
                ++calls;
                return false;
              });
  EXPECT_EQ(calls, 1);
}

TEST_F(SearchTest, AnInterruptStopsASearchWithoutEnd) {
  std::atomic<bool> interrupt{true};
  io_.interrupt = &interrupt;
  RunSearches(io_, {Make(0), Make(0)}, 2,
              [&](size_t, const absl::StatusOr<ExploreResult>& result) {
                EXPECT_TRUE(result.ok());
                if (!result.ok()) return false;
                EXPECT_EQ(result->stopped, "interrupted");
                return true;
              });
}

TEST_F(SearchTest, NothingIsWrittenToWhatIsNoTerminal) {
  RunSearches(
      io_, {Make(50)}, 1,
      [](size_t, const absl::StatusOr<ExploreResult>&) { return true; });
  EXPECT_EQ(err_.str(), "");
  EXPECT_EQ(out_.str(), "");
}

TEST(MergeFindingTest, EqualSignaturesAreCountedAsOne) {
  Finding a, b, c;
  a.signature = b.signature = "s";
  a.count = 2;
  b.count = 3;
  c.signature = "t";
  std::vector<Finding> findings;
  MergeFinding(a, &findings);
  MergeFinding(b, &findings);
  MergeFinding(c, &findings);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].count, 5u);
}

}  // namespace
}  // namespace faultline
