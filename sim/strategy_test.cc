// SPDX-License-Identifier: GPL-2.0-only

#include "sim/strategy.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace faultline {
namespace {

constexpr uint8_t kIds[] = {3, 1, 2};

ChoiceContext Sched(bool can_continue = true) {
  return {FL_CHOOSE_SCHED, 3, kPointOp, can_continue, kIds, 0};
}

// A toy execution: `length` scheduling choices of three, as text.
std::string Execute(Strategy* strategy, uint64_t execution, int length) {
  std::string text;
  if (!strategy->Begin(execution)) return "end";
  for (int i = 0; i < length; ++i) {
    text += static_cast<char>('0' + strategy->Choose(Sched()));
  }
  strategy->End(length);
  return text;
}

TEST(BoundedDfs, MakesEveryExecutionOnce) {
  BoundedDfs dfs(-1);
  std::set<std::string> seen;
  uint64_t i = 0;
  for (;; ++i) {
    const std::string text = Execute(&dfs, i, 5);
    if (text == "end") break;
    EXPECT_TRUE(seen.insert(text).second) << text;
  }
  EXPECT_EQ(i, 243u);
  EXPECT_TRUE(dfs.exhausted());
}

TEST(BoundedDfs, CountsPreemptionsOnly) {
  BoundedDfs dfs(1);
  uint64_t i = 0;
  while (Execute(&dfs, i, 4) != "end") ++i;
  EXPECT_EQ(i, 1u + 4 * 2);
  // Where the task cannot go on, a switch costs nothing.
  BoundedDfs free(0);
  for (i = 0; free.Begin(i); ++i) {
    free.Choose(Sched(false));
    free.Choose(Sched(false));
  }
  EXPECT_EQ(i, 9u);
}

TEST(RandomWalk, IsAFunctionOfSeedAndExecution) {
  RandomWalk one(5), other(5), different(6);
  std::set<std::string> seen;
  for (uint64_t i = 0; i < 30; ++i) {
    const std::string text = Execute(&one, i, 40);
    EXPECT_EQ(text, Execute(&other, i, 40));
    seen.insert(text);
    seen.insert(Execute(&different, i, 40));
  }
  EXPECT_GT(seen.size(), 40u);
  EXPECT_EQ(Execute(&one, 3, 40), Execute(&other, 3, 40));
}

TEST(RandomWalk, StaysTheSameBetweenReleases) {
  RandomWalk walk(1);
  EXPECT_EQ(Execute(&walk, 0, 20), "01020220122000001001");
  EXPECT_EQ(Execute(&walk, 2, 20), "00002000000000000000");
}

TEST(RandomWalk, SwitchesAsOftenAsItSays) {
  RandomWalk walk(2);
  std::map<uint64_t, int> switches;
  for (uint64_t i = 0; i < 300; ++i) {
    for (char c : Execute(&walk, i, 100)) switches[i % 3] += c != '0';
  }
  EXPECT_NEAR(switches[0], 6667, 300);
  EXPECT_NEAR(switches[1], 3000, 300);
  EXPECT_NEAR(switches[2], 1000, 200);
}

TEST(Pct, SwitchesAtMostDepthMinusOneTimes) {
  for (int depth : {1, 2, 3, 5}) {
    Pct pct(9, depth);
    int most = 0;
    for (uint64_t i = 0; i < 500; ++i) {
      ASSERT_TRUE(pct.Begin(i));
      // Option 0 is the task that runs.
      uint8_t ids[] = {0, 1, 2};
      int switches = -1;  // the first pick is none
      for (int step = 0; step < 50; ++step) {
        const uint32_t choice =
            pct.Choose({FL_CHOOSE_SCHED, 3, kPointOp, step != 0, ids, 0});
        ASSERT_LT(choice, 3u);
        if (step == 0 || choice != 0) ++switches;
        std::swap(ids[0], ids[choice]);
      }
      pct.End(50);
      most = std::max(most, switches);
    }
    EXPECT_LE(most, depth - 1);
    EXPECT_GE(most, depth > 1 ? 1 : 0);
  }
}

TEST(MakeStrategy, KnowsItsNames) {
  for (const char* name : {"portfolio", "random", "pct", "dfs"}) {
    absl::StatusOr<std::unique_ptr<Strategy>> strategy =
        MakeStrategy(name, 1, -1);
    ASSERT_TRUE(strategy.ok()) << name;
    EXPECT_TRUE((*strategy)->Begin(0));
    EXPECT_LT((*strategy)->Choose(Sched()), 3u);
  }
  EXPECT_FALSE(MakeStrategy("", 1, -1).ok());
}

}  // namespace
}  // namespace faultline
