// SPDX-License-Identifier: GPL-2.0-only
//
// mremap: errno, in place, away and onto others; that pages, offsets, reverse
// maps and accounts come along, and come back when it fails.

#include <string>

#include "mm/testing.h"
// After it.
#include "mm/rmap.h"

namespace faultline {
namespace {

constexpr kulong kMayMove = 1, kFixed = 2;
constexpr int64_t kPage = 4096;

int64_t Remap(uint64_t page, uint64_t old_pages, uint64_t new_pages,
              kulong flags = 0, uint64_t to = 0) {
  return do_mremap(PageAddress(page), old_pages << PAGE_SHIFT,
                   new_pages << PAGE_SHIFT, flags, PageAddress(to));
}

int64_t At(uint64_t page) { return static_cast<int64_t>(PageAddress(page)); }

class MremapTest : public testing::Test {
 protected:
  struct mm_struct* mm() {
    return machine_.mm();
  }
  void ExpectStrip(const std::string& strip) {
    EXPECT_EQ(Strip(mm(), strip.size()), strip);
    ExpectSound();
  }
  void ExpectSound() {
    EXPECT_EQ(validate_mm(mm()), 0u);
    EXPECT_EQ(machine_.Committed(), static_cast<int64_t>(AccountedPages(mm())));
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }
  struct vm_area_struct* VmaAt(uint64_t page) {
    return find_vma(mm(), PageAddress(page));
  }
  int64_t AnonPages() {
    return atomic_long_read(&mm()->rss_stat[MM_ANONPAGES]);
  }

  TestMachine machine_;
};

// ---- errno ----

TEST_F(MremapTest, BadRequestsGetTheKernelsErrno) {
  MapStrip(nullptr, "WwwwRr..W");
  EXPECT_EQ(Remap(0, 1, 1, 4), -EINVAL);
  EXPECT_EQ(Remap(0, 1, 1, kFixed), -EINVAL);
  EXPECT_EQ(do_mremap(PageAddress(0) + 1, kPage, kPage, 0, 0), -EINVAL);
  EXPECT_EQ(Remap(0, 1, 0), -EINVAL);
  EXPECT_EQ(do_mremap(PageAddress(0), kPage, ~kulong{0}, 0, 0), -EINVAL);
  EXPECT_EQ(Remap(6, 1, 2), -EFAULT);
  EXPECT_EQ(Remap(3, 2, 3, kMayMove), -EFAULT);  // two vmas
  EXPECT_EQ(do_mremap(PageAddress(0), kPage, kPage, kMayMove | kFixed,
                      PageAddress(20) + 1),
            -EINVAL);
  EXPECT_EQ(
      do_mremap(PageAddress(0), kPage, kPage, kMayMove | kFixed, TASK_SIZE),
      -EINVAL);
  EXPECT_EQ(Remap(0, 4, 4, kMayMove | kFixed, 3), -EINVAL);
  EXPECT_EQ(Remap(0, 2, 4, kMayMove | kFixed, 0), -EINVAL);
  EXPECT_EQ(Remap(2, 1, 1, kMayMove | kFixed, 0), At(0));
  EXPECT_EQ(do_mremap(PageAddress(4), 2 * kPage, 2 * kPage, kMayMove | kFixed,
                      PAGE_SIZE),
            -EPERM);
}

TEST_F(MremapTest, RoomBehindIsUsedUpToTheNext) {
  MapStrip(nullptr, "Ww..R");
  EXPECT_EQ(Remap(0, 2, 4), At(0));
  ExpectStrip("WwwwR");
  EXPECT_EQ(Remap(0, 4, 5), -ENOMEM);
  ExpectStrip("WwwwR");
}

TEST_F(MremapTest, GrowingFromTheMiddleNeedsAMove) {
  MapStrip(nullptr, "Www...");
  EXPECT_EQ(Remap(0, 2, 3), -ENOMEM);
  const int64_t address = Remap(0, 2, 3, kMayMove);
  EXPECT_EQ(static_cast<kulong>(address) + 3 * PAGE_SIZE, mm()->mmap_base);
  ExpectStrip("..W...");
}

TEST_F(MremapTest, SameSizeDoesNothingAndShrinkingUnmapsOverVmas) {
  MapStrip(nullptr, "WwRrXx");
  EXPECT_EQ(Remap(0, 2, 2), At(0));
  ExpectStrip("WwRrXx");
  EXPECT_EQ(Remap(0, 6, 3), At(0));
  ExpectStrip("WwR...");
}

TEST_F(MremapTest, DeviceFramesMoveAndShrinkButDoNotGrow) {
  for (const kulong flag : {VM_DONTEXPAND, VM_PFNMAP}) {
    TestFile file(&machine_);
    ASSERT_EQ(MapPages(file.get(), 0, 4, PROT_READ), 0);
    VmaAt(0)->vm_flags |= flag;
    EXPECT_EQ(Remap(0, 4, 5, kMayMove), -EFAULT);
    EXPECT_EQ(Remap(0, 4, 4, kMayMove | kFixed, 10), At(10));
    EXPECT_EQ(Remap(10, 4, 2, kMayMove | kFixed, 20), At(20));
    ExpectStrip("....................Rr..");
    EXPECT_EQ(VmaAt(20)->vm_pgoff, 0u);
    EXPECT_EQ(file.references(), 1);
    ASSERT_EQ(vm_munmap(PageAddress(20), 2 << PAGE_SHIFT), 0);
    EXPECT_EQ(file.references(), 0);
  }
}

TEST_F(MremapTest, OffsetBeyondTheLastPageIsInvalid) {
  TestFile file(&machine_);
  const int64_t address = vm_mmap_pgoff(file.get(), 0, PAGE_SIZE, PROT_READ,
                                        MAP_PRIVATE, ~kulong{0} - 2);
  ASSERT_GT(address, 0);
  EXPECT_EQ(do_mremap(address, kPage, 8 * kPage, kMayMove, 0), -EINVAL);
  machine_.PutMm();
}

// ---- limits ----

TEST_F(MremapTest, LimitsHoldForWhatItGrowsBy) {
  MapStrip(nullptr, "Wwww");
  ASSERT_EQ(set_rlimit(mm(), RLIMIT_AS, 6 * kPage, ~uint64_t{0}), 0);
  EXPECT_EQ(Remap(0, 4, 7), -ENOMEM);
  EXPECT_EQ(Remap(0, 4, 6), At(0));
  ASSERT_EQ(set_rlimit(mm(), RLIMIT_AS, ~uint64_t{0}, ~uint64_t{0}), 0);
  EXPECT_EQ(Remap(0, 6, 800), -ENOMEM);  // more than there is
  ExpectStrip("Wwwwww.");
}

TEST_F(MremapTest, LockedMappingStaysLockedAndCounted) {
  ASSERT_GT(
      vm_mmap_pgoff(nullptr, PageAddress(0), 8 << PAGE_SHIFT, PROT_READ,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_LOCKED, 0),
      0);
  EXPECT_EQ(Remap(0, 8, 17), -EAGAIN);
  EXPECT_EQ(Remap(0, 8, 10), At(0));
  EXPECT_EQ(mm()->locked_vm, 10u);
  EXPECT_EQ(Remap(2, 4, 6, kMayMove | kFixed, 20), At(20));
  EXPECT_EQ(mm()->locked_vm, 12u);
  ExpectStrip("Rr....Rrrr..........Rrrrrr");
  EXPECT_NE(VmaAt(20)->vm_flags & VM_LOCKED, 0u);
}

// ---- moving ----

TEST_F(MremapTest, PagesMoveWithTheirBytes) {
  MapStrip(nullptr, "Wwwwww");
  for (uint64_t i = 0; i < 6; ++i) UserStore(PageAddress(i), 10 + i);
  EXPECT_EQ(Remap(1, 3, 5, kMayMove | kFixed, 20), At(20));
  ExpectStrip("W...Ww..............Wwwww");
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(UserLoad(PageAddress(20 + i)), 11 + i);
  }
  EXPECT_EQ(UserLoad(PageAddress(23)), 0u);
  EXPECT_EQ(StoreSignal(PageAddress(2)), SIGSEGV);
  EXPECT_EQ(AnonPages(), 6);
  // Their offsets are those of the old place, where rmap looks.
  EXPECT_EQ(VmaAt(20)->vm_pgoff, PageAddress(1) >> PAGE_SHIFT);
  EXPECT_EQ(machine_.Committed(), 8);
}

TEST_F(MremapTest, EveryMovedPageIsFoundByItsReverseMap) {
  MapStrip(nullptr, "Wwww");
  for (uint64_t i = 0; i < 4; ++i) UserStore(PageAddress(i), 1);
  ASSERT_EQ(Remap(0, 4, 4, kMayMove | kFixed, 100), At(100));
  int seen = 0;
  walk_page_info(
      mm(),
      [](const struct fl_page_info* info, void* cookie) {
        struct page* page = pfn_to_page(static_cast<kulong>(info->pfn));
        kulong found = 0;
        struct rmap_walk_control control = {};
        control.arg = &found;
        control.rmap_one = [](struct page*, struct vm_area_struct*,
                              kulong address, void* arg) {
          *static_cast<kulong*>(arg) = address;
          return true;
        };
        lock_page(page);
        rmap_walk(page, &control);
        unlock_page(page);
        EXPECT_EQ(found, info->address);
        ++*static_cast<int*>(cookie);
      },
      &seen);
  EXPECT_EQ(seen, 4);
}

TEST_F(MremapTest, UntouchedMemoryTakesTheOffsetsOfItsNewPlaceAndMerges) {
  MapStrip(nullptr, "Ww..Ww");
  EXPECT_EQ(Remap(4, 2, 2, kMayMove | kFixed, 2), At(2));
  ExpectStrip("Wwww..");
}

TEST_F(MremapTest, TouchedMemoryKeepsItsOffsetsAndDoesNotMerge) {
  MapStrip(nullptr, "Ww..Ww");
  UserStore(PageAddress(4), 7);
  EXPECT_EQ(Remap(4, 2, 2, kMayMove | kFixed, 2), At(2));
  ExpectStrip("WwWw..");
  EXPECT_EQ(UserLoad(PageAddress(2)), 7u);
}

// The source ends where the destination begins: the two become one vma, which
// is then cut where the source was.
TEST_F(MremapTest, SourceSwallowedByItsOwnCopy) {
  MapStrip(nullptr, "Wwww....");
  EXPECT_EQ(Remap(0, 4, 4, kMayMove | kFixed, 4), At(4));
  ExpectStrip("....Wwww");
  EXPECT_EQ(Remap(4, 4, 4, kMayMove | kFixed, 0), At(0));
  ExpectStrip("Wwww....");
}

TEST_F(MremapTest, MoveBackIntoTheHoleMergesBothSidesAgain) {
  MapStrip(nullptr, "Wwwwww");
  for (uint64_t i = 0; i < 6; ++i) UserStore(PageAddress(i), 10 + i);
  ASSERT_EQ(Remap(2, 2, 2, kMayMove | kFixed, 50), At(50));
  ExpectStrip("Ww..Ww");
  ASSERT_EQ(Remap(50, 2, 2, kMayMove | kFixed, 2), At(2));
  ExpectStrip("Wwwwww");
  for (uint64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(UserLoad(PageAddress(i)), 10 + i);
  }
  EXPECT_EQ(machine_.Committed(), 6);
}

TEST_F(MremapTest, WhatIsAtTheNewPlaceGoes) {
  MapStrip(nullptr, "WwwwXxRr");
  UserStore(PageAddress(1), 3);
  EXPECT_EQ(Remap(1, 1, 2, kMayMove | kFixed, 5), At(5));
  ExpectStrip("W.WwXWwR");
  EXPECT_EQ(UserLoad(PageAddress(5)), 3u);
}

TEST_F(MremapTest, DestinationGoesEvenWhenTheRestFails) {
  MapStrip(nullptr, "WwRrXx");
  EXPECT_EQ(Remap(1, 2, 3, kMayMove | kFixed, 4), -EFAULT);
  ExpectStrip("WwRr..");
}

TEST_F(MremapTest, FixedMoveShrinksTheSourceFirst) {
  MapStrip(nullptr, "Wwww........");
  UserStore(PageAddress(0), 5);
  EXPECT_EQ(Remap(0, 4, 2, kMayMove | kFixed, 8), At(8));
  ExpectStrip("........Ww..");
  EXPECT_EQ(UserLoad(PageAddress(8)), 5u);
}

TEST_F(MremapTest, OldLengthZeroMapsAFileTwice) {
  TestFile file(&machine_);
  ASSERT_EQ(MapPages(file.get(), 2, 4, PROT_READ), 0);
  EXPECT_EQ(Remap(3, 0, 2, kMayMove | kFixed, 10), At(10));
  ExpectStrip("..Rrrr....Rr");
  EXPECT_EQ(VmaAt(10)->vm_pgoff, 3u);
  EXPECT_EQ(file.references(), 2);
  machine_.PutMm();
}

// Private memory is "duplicated" too in 4.13: the pages stay behind, and the
// old mapping is charged no longer.
TEST_F(MremapTest, OldLengthZeroOfPrivateMemoryKeepsTheAccounts) {
  MapStrip(nullptr, "Wwww");
  UserStore(PageAddress(0), 5);
  EXPECT_EQ(Remap(0, 0, 2, kMayMove | kFixed, 10), At(10));
  ExpectStrip("Wwww......Ww");
  EXPECT_EQ(UserLoad(PageAddress(0)), 5u);
  EXPECT_EQ(machine_.Committed(), 2);
}

TEST_F(MremapTest, MoveAcrossManyTablesAtAnotherOffset) {
  ASSERT_EQ(MapPages(nullptr, 0, 400, PROT_READ | PROT_WRITE), 0);
  for (uint64_t i = 0; i < 400; i += 7) UserStore(PageAddress(i), i & 0xff);
  ASSERT_EQ(Remap(0, 400, 400, kMayMove | kFixed, 2048 - 131), At(2048 - 131));
  for (uint64_t i = 0; i < 400; i += 7) {
    EXPECT_EQ(UserLoad(PageAddress(2048 - 131 + i)), i & 0xff) << i;
  }
  ExpectSound();
}

TEST_F(MremapTest, EmptyTablesAreSkipped) {
  ASSERT_EQ(MapPages(nullptr, 0, 2000, PROT_READ), 0);
  EXPECT_EQ(UserLoad(PageAddress(1999)), 0u);
  const int64_t tables = atomic_long_read(&mm()->nr_ptes);
  ASSERT_EQ(Remap(0, 2000, 2000, kMayMove | kFixed, 4096), At(4096));
  EXPECT_EQ(atomic_long_read(&mm()->nr_ptes), tables);
  EXPECT_EQ(UserLoad(PageAddress(4096 + 1999)), 0u);
  ExpectSound();
}

// ---- accounts of what is left ----

TEST_F(MremapTest, PiecesThatStayAreAccountedAgain) {
  MapStrip(nullptr, "Wwwwwwww");
  UserStore(PageAddress(0), 1);
  ASSERT_EQ(Remap(2, 2, 2, kMayMove | kFixed, 20), At(20));  // both sides
  ExpectStrip("Ww..Wwww");
  ASSERT_EQ(Remap(0, 1, 1, kMayMove | kFixed, 30), At(30));  // one side
  ASSERT_EQ(Remap(4, 4, 6, kMayMove | kFixed, 40), At(40));  // nothing left
  ExpectSound();
  EXPECT_EQ(machine_.Committed(), 10);
  machine_.PutMm();
  EXPECT_EQ(machine_.Committed(), 0);
}

int g_refusals = 0;
int RefuseMremap(struct vm_area_struct*) {
  ++g_refusals;
  return -EINVAL;
}

TEST_F(MremapTest, RefusedByTheDriverComesBack) {
  static struct vm_operations_struct ops = {};
  ops.mremap = RefuseMremap;
  MapStrip(nullptr, "Wwwwww");
  for (uint64_t i = 0; i < 6; ++i) UserStore(PageAddress(i), 10 + i);
  VmaAt(0)->vm_ops = &ops;
  g_refusals = 0;
  EXPECT_EQ(Remap(1, 3, 4, kMayMove | kFixed, 20), -EINVAL);
  EXPECT_EQ(g_refusals, 1);
  VmaAt(0)->vm_ops = nullptr;
  ExpectStrip("Wwwwww..............");
  for (uint64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(UserLoad(PageAddress(i)), 10 + i);
  }
  EXPECT_EQ(machine_.Committed(), 6);
}

TEST_F(MremapTest, OpenAndCloseSeeCopyAndOriginal) {
  static int opened, closed;
  opened = closed = 0;
  static struct vm_operations_struct ops = {};
  ops.open = [](struct vm_area_struct*) { ++opened; };
  ops.close = [](struct vm_area_struct*) { ++closed; };
  TestFile file(&machine_, [](struct file*, struct vm_area_struct* vma) {
    vma->vm_ops = &ops;
    return 0;
  });
  ASSERT_EQ(MapPages(file.get(), 0, 4, PROT_READ), 0);
  ASSERT_EQ(Remap(0, 4, 4, kMayMove | kFixed, 10), At(10));
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(file.references(), 1);
  machine_.PutMm();
  EXPECT_EQ(closed, 2);
}

TEST(MremapMapCountTest, MoveWantsRoomForThreeMoreMappings) {
  TestMachine::Options options;
  options.max_map_count = 6;
  TestMachine machine(options);
  MapStrip(nullptr, "WRX");
  EXPECT_EQ(Remap(0, 1, 1, kMayMove | kFixed, 10), -ENOMEM);
  EXPECT_EQ(Strip(machine.mm(), 3), "WRX");
  ASSERT_EQ(vm_munmap(PageAddress(2), PAGE_SIZE), 0);
  EXPECT_EQ(Remap(0, 1, 1, kMayMove | kFixed, 10), At(10));
}

// ---- out of memory ----

TEST(MremapSweepTest, MoveOutOfTheMiddle) {
  const SweepResult sweep = SweepAllocations(
      [](TestMachine*) {
        MapStrip(nullptr, "Wwwwwwww");
        for (uint64_t i = 0; i < 8; ++i) UserStore(PageAddress(i), 10 + i);
      },
      [] {
        const int64_t address =
            Remap(2, 3, 4, kMayMove | kFixed, 600 << 9);  // fresh tables
        for (uint64_t i = 0; i < 8; ++i) {
          const bool moved = address > 0 && i >= 2 && i < 5;
          // Behind a move whose source could not be cut out it is fresh.
          if (address < 0 || i < 2 || i > 4) {
            EXPECT_EQ(UserLoad(PageAddress(i)), 10 + i);
          }
          if (moved) {
            EXPECT_EQ(UserLoad(PageAddress((600 << 9) + i - 2)), 10 + i);
          }
        }
        return address > 0 ? int64_t{0} : address;
      });
  EXPECT_GT(sweep.failed, 4);
  EXPECT_EQ(sweep.errors, std::set<int64_t>({-ENOMEM}));
}

// A vma, its chain (tried twice) and each level of tables; cutting the source
// out fails silently.
#ifdef CONFIG_X86_64
constexpr int kMoveFailures = 9;
#else
constexpr int kMoveFailures = 5;
#endif

TEST(MremapSweepTest, GrowInPlaceShrinkAndMoveToFreeRoom) {
  const struct {
    uint64_t old_pages, new_pages;
    kulong flags;
    int failed;
  } kCases[] = {
      {8, 10, 0, 0},
      {8, 5, 0, 3},  // a vma; its chain, which is tried twice
      {4, 6, kMayMove, kMoveFailures},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.new_pages);
    const SweepResult sweep = SweepAllocations(
        [](TestMachine*) {
          MapStrip(nullptr, "Wwwwwwww");
          UserStore(PageAddress(1), 1);
        },
        [&c] {
          const int64_t address = Remap(0, c.old_pages, c.new_pages, c.flags);
          return address > 0 ? int64_t{0} : address;
        });
    EXPECT_EQ(sweep.failed, c.failed);
  }
}

}  // namespace
}  // namespace faultline
