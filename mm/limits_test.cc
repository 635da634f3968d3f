// SPDX-License-Identifier: GPL-2.0-only
//
// What a process may map, lock and promise to use, and what its counters say.

#include <string>

#include "mm/testing.h"

namespace faultline {
namespace {

constexpr kulong kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr kulong kRw = PROT_READ | PROT_WRITE;

int64_t Map(uint64_t pages, kulong prot, kulong flags = kAnonymous) {
  return vm_mmap_pgoff(nullptr, 0, pages << PAGE_SHIFT, prot, flags, 0);
}

int64_t MapAt(uint64_t page, uint64_t pages, kulong prot) {
  return MapPages(nullptr, page, pages, prot);
}

void Limit(TestMachine* machine, uint32_t resource, uint64_t bytes) {
  ASSERT_EQ(set_rlimit(machine->mm(), resource, bytes, ~uint64_t{0}), 0);
}

TEST(RlimitTest, SoftAboveHardOrUnknownIsRefused) {
  TestMachine machine;
  EXPECT_EQ(set_rlimit(machine.mm(), RLIMIT_AS, 2, 1), -EINVAL);
  EXPECT_EQ(set_rlimit(machine.mm(), RLIM_NLIMITS, 1, 1), -EINVAL);
  EXPECT_EQ(rlimit(RLIMIT_AS), RLIM_INFINITY);
  EXPECT_EQ(rlimit(RLIMIT_STACK), kulong{8} << 20);
  EXPECT_EQ(rlimit(RLIMIT_MEMLOCK), kulong{64} << 10);
}

TEST(RlimitTest, AddressSpaceCountsWhatAFixedMappingReplaces) {
  TestMachine machine;
  Limit(&machine, RLIMIT_AS, 8 << PAGE_SHIFT);
  ASSERT_EQ(MapAt(0, 6, PROT_READ), 0);
  EXPECT_EQ(Map(3, PROT_READ), -ENOMEM);
  EXPECT_EQ(MapAt(5, 4, PROT_READ), -ENOMEM);  // one replaced, three more
  EXPECT_EQ(Strip(machine.mm(), 9), "Rrrrrr...");
  EXPECT_EQ(MapAt(4, 4, PROT_NONE), 0);
  EXPECT_EQ(Strip(machine.mm(), 9), "RrrrNnnn.");
  EXPECT_EQ(machine.mm()->total_vm, 8u);
}

TEST(RlimitTest, DataIsPrivateWritableMemory) {
  TestMachine machine;
  Limit(&machine, RLIMIT_DATA, 4 << PAGE_SHIFT);
  ASSERT_EQ(MapAt(0, 3, kRw), 0);
  EXPECT_EQ(Map(2, kRw), -ENOMEM);
  EXPECT_GT(Map(2, PROT_READ), 0);
  EXPECT_EQ(machine.mm()->data_vm, 3u);
}

TEST(RlimitTest, MprotectIntoDataRunsIntoTheLimit) {
  TestMachine machine;
  Limit(&machine, RLIMIT_DATA, 4 << PAGE_SHIFT);
  MapStrip(nullptr, "WwwRr");
  EXPECT_EQ(do_mprotect(PageAddress(3), 2 << PAGE_SHIFT, kRw), -ENOMEM);
  EXPECT_EQ(Strip(machine.mm(), 5), "WwwRr");
  EXPECT_EQ(do_mprotect(PageAddress(3), 1 << PAGE_SHIFT, kRw), 0);
  EXPECT_EQ(Strip(machine.mm(), 5), "WwwwR");
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
}

TEST(RlimitTest, MprotectBeyondTheAddressSpaceLimitIsNotItsFault) {
  TestMachine machine;
  MapStrip(nullptr, "Rrrr");
  Limit(&machine, RLIMIT_AS, 2 << PAGE_SHIFT);
  EXPECT_EQ(do_mprotect(PageAddress(0), 4 << PAGE_SHIFT, kRw), 0);
}

TEST(RlimitTest, DataLimitOfZeroUnderAHighHardLimitStopsOnlyTheHeap) {
  TestMachine machine;
  Limit(&machine, RLIMIT_DATA, 0);
  EXPECT_GT(Map(4, kRw), 0);
  const int64_t brk = do_sys_brk(0);
  EXPECT_EQ(do_sys_brk(static_cast<kulong>(brk) + PAGE_SIZE), brk);
}

TEST(RlimitTest, LockedMappingsHaveTheirLimitAndNeedTheRight) {
  TestMachine machine;
  EXPECT_EQ(Map(17, PROT_READ, kAnonymous | MAP_LOCKED), -EAGAIN);
  EXPECT_GT(Map(16, PROT_READ, kAnonymous | MAP_LOCKED), 0);
  EXPECT_EQ(machine.mm()->locked_vm, 16u);
  ASSERT_EQ(set_rlimit(machine.mm(), RLIMIT_MEMLOCK, 0, 0), 0);
  EXPECT_EQ(Map(1, PROT_READ, kAnonymous | MAP_LOCKED), -EPERM);
}

TEST(CountersTest, EachKindOfMappingIsCountedWhereItBelongs) {
  TestMachine machine;
  MapStrip(nullptr, "RrXxxWwwwEeeee");
  ASSERT_GT(Map(6, kRw, kAnonymous | MAP_GROWSDOWN), 0);
  const struct mm_struct* mm = machine.mm();
  EXPECT_EQ(mm->total_vm, 20u);
  EXPECT_EQ(mm->exec_vm, 3u);
  EXPECT_EQ(mm->data_vm, 9u);
  EXPECT_EQ(mm->stack_vm, 6u);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
}

// ---- committed memory ----

TEST(CommitTest, FollowsPrivateWritableMappings) {
  TestMachine machine;
  MapStrip(nullptr, "RrrWwwww");
  EXPECT_EQ(machine.Committed(), 5);
  EXPECT_EQ(do_mprotect(PageAddress(1), 1 << PAGE_SHIFT, kRw), 0);
  EXPECT_EQ(machine.Committed(), 6);
  // Once counted it stays so.
  EXPECT_EQ(do_mprotect(PageAddress(1), 1 << PAGE_SHIFT, PROT_READ), 0);
  EXPECT_EQ(do_mprotect(PageAddress(1), 1 << PAGE_SHIFT, kRw), 0);
  EXPECT_EQ(machine.Committed(), 6);
  EXPECT_EQ(vm_munmap(PageAddress(2), 3 << PAGE_SHIFT), 0);
  EXPECT_EQ(machine.Committed(), 4);
  ASSERT_GT(Map(7, kRw, kAnonymous | MAP_NORESERVE), 0);
  EXPECT_EQ(machine.Committed(), 4);
  EXPECT_EQ(machine.Committed(),
            static_cast<int64_t>(AccountedPages(machine.mm())));
  machine.PutMm();
  EXPECT_EQ(machine.Committed(), 0);
}

TEST(CommitTest, GuessingRefusesOnlyWhatCouldNeverBeHad) {
  TestMachine machine;  // 512 pages, a 32nd of them for root
  EXPECT_EQ(Map(500, kRw), -ENOMEM);
  EXPECT_GT(Map(480, kRw), 0);
  // What is promised already does not count.
  EXPECT_GT(Map(480, kRw), 0);
  EXPECT_GT(Map(5000, PROT_READ), 0);
  EXPECT_EQ(machine.Committed(), 960);
}

TEST(CommitTest, AlwaysNeverRefuses) {
  TestMachine::Options options;
  options.overcommit_memory = OVERCOMMIT_ALWAYS;
  TestMachine machine(options);
  EXPECT_GT(Map(100000, kRw), 0);
  EXPECT_EQ(machine.Committed(), 100000);
}

TEST(CommitTest, NeverKeepsTheSumBelowTheLimit) {
  TestMachine::Options options;
  options.overcommit_memory = OVERCOMMIT_NEVER;
  TestMachine machine(options);
  // Half of 512 pages, less a 32nd of the free memory for root.
  EXPECT_EQ(Map(241, kRw), -ENOMEM);
  EXPECT_EQ(machine.Committed(), 0);
  ASSERT_EQ(MapAt(0, 200, kRw), 0);
  EXPECT_EQ(MapAt(300, 40, kRw), -ENOMEM);
  ASSERT_EQ(MapAt(300, 20, PROT_READ), 0);
  EXPECT_EQ(MapAt(400, 100, PROT_READ), 0);
  EXPECT_EQ(do_mprotect(PageAddress(400), 100 << PAGE_SHIFT, kRw), -ENOMEM);
  EXPECT_EQ(machine.Committed(), 200);
  // MAP_NORESERVE is no way around it.
  EXPECT_EQ(Map(100, kRw, kAnonymous | MAP_NORESERVE), -ENOMEM);
  ASSERT_EQ(vm_munmap(PageAddress(0), 100 << PAGE_SHIFT), 0);
  EXPECT_EQ(do_mprotect(PageAddress(400), 100 << PAGE_SHIFT, kRw), 0);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
}

TEST(CommitTest, KilobytesOverrideTheRatio) {
  TestMachine::Options options;
  options.overcommit_memory = OVERCOMMIT_NEVER;
  options.overcommit_kbytes = 400;  // 100 pages
  TestMachine machine(options);
  EXPECT_EQ(Map(90, kRw), -ENOMEM);
  EXPECT_GT(Map(80, kRw), 0);
}

TEST(CommitTest, RefusedByTheFileGivesBackWhenFixed) {
  for (bool fixed : {true, false}) {
    TestMachine::Options options;
    if (!fixed) options.fixes_off = 1 << FL_FIX_MMAP_REGION_UNACCT;
    TestMachine machine(options);
    TestFile file(&machine,
                  [](struct file*, struct vm_area_struct*) { return -EIO; });
    EXPECT_EQ(MapPages(file.get(), 0, 3, kRw), -EIO);
    EXPECT_EQ(machine.Committed(), fixed ? 0 : 3);
  }
}

TEST(CommitTest, FailedSplitOfMprotectGivesBack) {
  TestMachine::Options options;
  options.max_map_count = 3;
  TestMachine machine(options);
  MapStrip(nullptr, "RrrNX");
  EXPECT_EQ(do_mprotect(PageAddress(1), 1 << PAGE_SHIFT, kRw), -ENOMEM);
  EXPECT_EQ(machine.Committed(), 0);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
}

TEST(CommitSweepTest, MmapAndMprotectLoseNothing) {
  const SweepResult map = SweepAllocations(
      [](TestMachine*) { MapStrip(nullptr, "Wwwwwwww"); },
      [] {
        return MapPages(nullptr, 2, 3, PROT_READ | PROT_WRITE | PROT_EXEC);
      });
  EXPECT_GT(map.failed, 0);
  EXPECT_EQ(map.errors, std::set<int64_t>({-ENOMEM}));
  const SweepResult protect = SweepAllocations(
      [](TestMachine*) { MapStrip(nullptr, "Rrrrrrrr"); },
      [] { return do_mprotect(PageAddress(2), 3 << PAGE_SHIFT, kRw); });
  EXPECT_EQ(protect.failed, 4);  // two splits, twice
  EXPECT_EQ(protect.errors, std::set<int64_t>({-ENOMEM}));
}

}  // namespace
}  // namespace faultline
