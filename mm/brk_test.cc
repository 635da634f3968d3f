// SPDX-License-Identifier: GPL-2.0-only
//
// The heap: where it begins, how far it gets, and that a refused brk answers
// with the old end.

#include "mm/testing.h"

namespace faultline {
namespace {

class BrkTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(
        set_start_brk(mm(), PageAddress(0), PageAddress(2), PageAddress(2)), 0);
  }
  struct mm_struct* mm() {
    return machine_.mm();
  }
  // brk to so many bytes above the start of the heap; the new size.
  int64_t Grow(uint64_t bytes) {
    const int64_t end = do_sys_brk(PageAddress(2) + static_cast<kulong>(bytes));
    return end - static_cast<int64_t>(PageAddress(2));
  }
  void ExpectStrip(const std::string& strip) {
    EXPECT_EQ(Strip(mm(), strip.size()), strip);
    EXPECT_EQ(validate_mm(mm()), 0u);
    EXPECT_EQ(machine_.Committed(), static_cast<int64_t>(AccountedPages(mm())));
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  TestMachine machine_;
};

constexpr int64_t kPage = 4096;

TEST_F(BrkTest, ZeroAsksWhereItEnds) {
  EXPECT_EQ(do_sys_brk(0), static_cast<int64_t>(PageAddress(2)));
  EXPECT_EQ(Grow(-1), 0);
}

TEST_F(BrkTest, GrowsAndShrinksByPagesAndRemembersBytes) {
  EXPECT_EQ(Grow(1), 1);
  ExpectStrip("..W..");
  EXPECT_EQ(Grow(kPage), kPage);
  ExpectStrip("..W..");
  UserStore(PageAddress(2) + 5, 9);
  EXPECT_EQ(Grow(2 * kPage + 1), 2 * kPage + 1);
  ExpectStrip("..Www..");
  EXPECT_EQ(UserLoad(PageAddress(2) + 5), 9u);
  EXPECT_EQ(mm()->data_vm, 3u);
  EXPECT_EQ(Grow(kPage - 1), kPage - 1);
  ExpectStrip("..W....");
  EXPECT_EQ(Grow(0), 0);
  ExpectStrip(".......");
  // Fresh memory, not what was there.
  EXPECT_EQ(Grow(kPage), kPage);
  EXPECT_EQ(UserLoad(PageAddress(2) + 5), 0u);
}

TEST_F(BrkTest, StopsAPageBeforeTheNextMapping) {
  ASSERT_EQ(MapPages(nullptr, 6, 1, PROT_READ), 0);
  EXPECT_EQ(Grow(3 * kPage), 3 * kPage);
  EXPECT_EQ(Grow(4 * kPage), 3 * kPage);
  ExpectStrip("..Www.R");
}

TEST_F(BrkTest, StopsBeforeTheGuardGapOfAStack) {
  ASSERT_GT(
      vm_mmap_pgoff(nullptr, PageAddress(300), PAGE_SIZE, PROT_READ,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, 0),
      0);
  const int64_t room = 300 - 256 - 2 - 1;
  EXPECT_EQ(Grow((room + 1) * kPage), 0);
  EXPECT_EQ(Grow(room * kPage), room * kPage);
}

TEST_F(BrkTest, DataLimitCountsTheDataSegmentAndBytes) {
  ASSERT_EQ(set_rlimit(mm(), RLIMIT_DATA, 4 * kPage + 10, ~uint64_t{0}), 0);
  EXPECT_EQ(Grow(2 * kPage + 11), 0);
  EXPECT_EQ(Grow(2 * kPage), 2 * kPage);
  // In the same page already mapped, and yet too much.
  EXPECT_EQ(Grow(2 * kPage - 5), 2 * kPage - 5);
  ASSERT_EQ(set_rlimit(mm(), RLIMIT_DATA, 3 * kPage, ~uint64_t{0}), 0);
  EXPECT_EQ(Grow(2 * kPage - 1), 2 * kPage - 5);
}

TEST_F(BrkTest, OtherLimitsAnswerWithTheOldEndToo) {
  ASSERT_EQ(Grow(kPage), kPage);
  ASSERT_EQ(set_rlimit(mm(), RLIMIT_AS, 2 * kPage, ~uint64_t{0}), 0);
  EXPECT_EQ(Grow(3 * kPage), kPage);
  EXPECT_EQ(Grow(2 * kPage), 2 * kPage);
  ASSERT_EQ(set_rlimit(mm(), RLIMIT_AS, ~uint64_t{0}, ~uint64_t{0}), 0);
  mm()->def_flags = VM_LOCKED;
  EXPECT_EQ(Grow(20 * kPage), 2 * kPage);
  EXPECT_EQ(Grow(18 * kPage), 18 * kPage);
  EXPECT_EQ(mm()->locked_vm, 16u);
  mm()->def_flags = 0;
  EXPECT_EQ(Grow(800 * kPage), 18 * kPage);  // more than there is
  EXPECT_EQ(do_sys_brk(TASK_SIZE), static_cast<int64_t>(PageAddress(20)));
  ExpectStrip("..WwWwwwwwwwwwwwwwww..");
}

TEST_F(BrkTest, HeapWithAHoleIsFilledAgain) {
  ASSERT_EQ(Grow(4 * kPage), 4 * kPage);
  ASSERT_EQ(vm_munmap(PageAddress(3), 2 * PAGE_SIZE), 0);
  ExpectStrip("..W..W");
  EXPECT_EQ(Grow(kPage), kPage);
  ExpectStrip("..W...");
  EXPECT_EQ(Grow(3 * kPage), 3 * kPage);
  ExpectStrip("..Www.");
}

TEST_F(BrkTest, StartHasToBeInOrderAndAligned) {
  EXPECT_EQ(set_start_brk(mm(), PAGE_SIZE, 0, PAGE_SIZE), -EINVAL);
  EXPECT_EQ(set_start_brk(mm(), 0, 2 * PAGE_SIZE, PAGE_SIZE), -EINVAL);
  EXPECT_EQ(set_start_brk(mm(), 0, 0, PAGE_SIZE + 1), -EINVAL);
  EXPECT_EQ(set_start_brk(mm(), 0, 0, TASK_SIZE), -EINVAL);
}

TEST(DefaultBrkTest, NewProcessHasRoomForAHeap) {
  TestMachine machine;
  const kulong start = static_cast<kulong>(do_sys_brk(0));
  EXPECT_EQ(offset_in_page(start), 0u);
  EXPECT_EQ(static_cast<kulong>(do_sys_brk(start + 3 * PAGE_SIZE)),
            start + 3 * PAGE_SIZE);
  UserStore(start + 2 * PAGE_SIZE, 1);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
}

TEST(BrkSweepTest, FailedAllocationsKeepTheOldEnd) {
  for (const bool shrink : {false, true}) {
    const SweepResult sweep = SweepAllocations(
        [shrink](TestMachine* machine) {
          ASSERT_EQ(set_start_brk(machine->mm(), PageAddress(0), PageAddress(0),
                                  PageAddress(0)),
                    0);
          if (shrink) {
            do_sys_brk(PageAddress(8));
            UserStore(PageAddress(1), 1);
          }
        },
        [shrink] {
          const kulong wanted = PageAddress(4);
          const kulong before = PageAddress(shrink ? 8 : 0);
          const kulong end = static_cast<kulong>(do_sys_brk(wanted));
          if (end == wanted) return int64_t{0};
          EXPECT_EQ(end, before);
          return int64_t{-ENOMEM};
        });
    // Grown by a vma; split by a vma and a chain, which is tried twice.
    EXPECT_EQ(sweep.failed, shrink ? 3 : 2);
  }
}

}  // namespace
}  // namespace faultline
