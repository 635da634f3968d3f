// SPDX-License-Identifier: GPL-2.0-only

#include "sim/minimizer.h"

#include <vector>

#include "gtest/gtest.h"

namespace faultline {
namespace {

TEST(Minimizer, KeepsExactlyWhatIsNeeded) {
  std::vector<uint32_t> start(100, 1);
  const std::vector<uint32_t> least =
      MinimizeSchedule(start, 1000,
                       [](const std::vector<uint32_t>& choices,
                          std::vector<uint32_t>* recorded) {
                         *recorded = choices;
                         return choices[17] == 1 && choices[80] == 1;
                       });
  EXPECT_EQ(CountUnusual(least), 2);
  EXPECT_EQ(least[17], 1u);
  EXPECT_EQ(least[80], 1u);
}

TEST(Minimizer, KeepsToItsBudget) {
  int tries = 0;
  std::vector<uint32_t> start(100, 1);
  MinimizeSchedule(
      start, 10,
      [&tries](const std::vector<uint32_t>&, std::vector<uint32_t>*) {
        ++tries;
        return false;
      });
  EXPECT_EQ(tries, 10);
}

TEST(Minimizer, DoesNotTakeAnExecutionThatIsNoSimpler) {
  std::vector<uint32_t> start = {1, 1, 0, 0};
  const std::vector<uint32_t> least = MinimizeSchedule(
      start, 100,
      [](const std::vector<uint32_t>&, std::vector<uint32_t>* recorded) {
        *recorded = {2, 2, 2, 2};
        return true;
      });
  EXPECT_EQ(least, start);
}

}  // namespace
}  // namespace faultline
