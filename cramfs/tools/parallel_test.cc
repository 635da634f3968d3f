// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/parallel.h"

#include <atomic>
#include <vector>

#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

TEST(ParallelTest, EveryItemOnceAndConsumedInOrder) {
  for (int jobs : {1, 2, 3, 8}) {
    for (size_t count : {0, 1, 2, 7, 1000}) {
      for (size_t window : {1, 2, 5, 4000}) {
        std::vector<std::atomic<int>> worked(count);
        std::vector<size_t> consumed;
        EXPECT_TRUE(ParallelInOrder(
            jobs, count, window,
            [&](int worker, size_t i) {
              EXPECT_TRUE(worker >= 0 && worker < jobs);
              ++worked[i];
            },
            [&](size_t i) {
              EXPECT_EQ(worked[i], 1) << "consumed before it was done";
              consumed.push_back(i);
              return true;
            }));
        ASSERT_EQ(consumed.size(), count);
        for (size_t i = 0; i < count; ++i) {
          EXPECT_EQ(consumed[i], i);
          EXPECT_EQ(worked[i], 1);
        }
      }
    }
  }
}

TEST(ParallelTest, NothingBeginsBeyondTheWindow) {
  constexpr size_t kWindow = 3;
  std::atomic<size_t> consumed{0};
  ParallelInOrder(
      4, 500, kWindow,
      [&](int, size_t i) { EXPECT_LT(i, consumed + kWindow); },
      [&](size_t i) {
        consumed = i + 1;
        return true;
      });
  EXPECT_EQ(consumed, 500u);
}

TEST(ParallelTest, StopsWhenAskedAndWaitsForWhatRuns) {
  for (int jobs : {1, 4}) {
    std::atomic<int> begun{0}, ended{0};
    EXPECT_FALSE(ParallelInOrder(
        jobs, 1000, 8,
        [&](int, size_t) {
          ++begun;
          ++ended;
        },
        [&](size_t i) { return i < 10; }));
    EXPECT_EQ(begun, ended);
    // 0..10 were consumed; no more than a window beyond was begun.
    EXPECT_GE(begun, 11);
    EXPECT_LE(begun, 11 + 8);
  }
}

TEST(ParallelTest, ThreadsForIsNeverLessThanOne) {
  EXPECT_GE(ThreadsFor(0), 1);
  EXPECT_EQ(ThreadsFor(3), 3);
  EXPECT_EQ(ThreadsFor(1 << 20), 256);
}

}  // namespace
}  // namespace faultline::cramfs
