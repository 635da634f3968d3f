// SPDX-License-Identifier: GPL-2.0-only
//
// fork: what the child has, what both share and stop sharing at the first
// write, what is left when any allocation on the way fails.

#include <algorithm>
#include <cstdint>
#include <string>

#include "mm/testing_pages.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;

uint32_t Wrong(struct mm_struct* mm) { return validate_mm(mm); }

int MapRom(struct file*, struct vm_area_struct* vma) {
  return remap_pfn_range(vma, vma->vm_start, 0x40000 + vma->vm_pgoff,
                         vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

TestMachine::Options WithRom() {
  TestMachine::Options options;
  options.rom_bytes = 16 << PAGE_SHIFT;
  return options;
}

TEST(ForkTest, ChildHasTheParentsVmasAndCounts) {
  TestMachine machine;
  PagedFile file(&machine);
  MapStrip(file.get(), "RrrXx..Ww");
  MapStrip(nullptr, std::string(12, '.') + "Wwww");
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  EXPECT_EQ(Strip(child.mm(), 20), Strip(machine.mm(), 20));
  EXPECT_EQ(child.mm()->map_count, machine.mm()->map_count);
  EXPECT_EQ(child.mm()->total_vm, machine.mm()->total_vm);
  EXPECT_EQ(child.mm()->highest_vm_end, machine.mm()->highest_vm_end);
  EXPECT_EQ(Wrong(child.mm()), 0u);
  EXPECT_EQ(Wrong(machine.mm()), 0u);
  child.Exit();
  EXPECT_EQ(Wrong(machine.mm()), 0u);
  machine.PutMm();
}

TEST(ForkTest, PagesAreSharedUntilOneSideWrites) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 2, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  struct page* shared = PageAt(machine.mm(), 0);
  EXPECT_EQ(PageAt(child.mm(), 0), shared);
  EXPECT_EQ(page_mapcount(shared), 2);
  EXPECT_FALSE(pte_write(PteAt(machine.mm(), 0)));
  EXPECT_FALSE(pte_write(PteAt(child.mm(), 0)));
  EXPECT_FALSE(pte_young(PteAt(child.mm(), 0)));
  EXPECT_EQ(Wrong(machine.mm()) + Wrong(child.mm()), 0u);

  {
    RunAs as(child.get());
    ASSERT_EQ(Store(0, 2).sig, 0);
    EXPECT_EQ(Load(0).value, 2u);
  }
  EXPECT_EQ(Load(0).value, 1u);
  EXPECT_NE(PageAt(child.mm(), 0), shared);
  EXPECT_EQ(page_mapcount(shared), 1);
  EXPECT_EQ(Wrong(machine.mm()) + Wrong(child.mm()), 0u);

  // Alone again, the parent writes to the page it has.
  ASSERT_EQ(Store(0, 3).sig, 0);
  EXPECT_EQ(PageAt(machine.mm(), 0), shared);
  EXPECT_EQ(page_mapcount(shared), 1);
}

TEST(ForkTest, LastOwnerWritesInPlaceWhicheverSideItIs) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  struct page* shared = PageAt(machine.mm(), 0);
  ASSERT_EQ(Store(0, 2).sig, 0);
  EXPECT_NE(PageAt(machine.mm(), 0), shared);
  RunAs as(child.get());
  ASSERT_EQ(Store(0, 3).sig, 0);
  EXPECT_EQ(PageAt(child.mm(), 0), shared);
  // Moved to the child's own anon_vma, so that rmap finds it there only.
  EXPECT_EQ(page_anon_vma(shared),
            find_vma(child.mm(), PageAddress(0))->anon_vma);
  EXPECT_EQ(Wrong(machine.mm()) + Wrong(child.mm()), 0u);
}

TEST(ForkTest, FileMappingWithoutCopiesIsLeftToFaults) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 2, kRw), 0);
  ASSERT_EQ(MapPages(file.get(), 4, 2, kRw), 0);
  ASSERT_EQ(Load(0).value, 1u);
  ASSERT_EQ(Load(4).value, 5u);
  ASSERT_EQ(Store(5, 9).sig, 0);  // this vma has an anon_vma now
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  EXPECT_TRUE(pte_none(PteAt(child.mm(), 0)));
  EXPECT_FALSE(pte_none(PteAt(child.mm(), 4)));
  EXPECT_EQ(get_mm_counter(child.mm(), MM_FILEPAGES), 1u);
  EXPECT_EQ(get_mm_counter(child.mm(), MM_ANONPAGES), 1u);
  {
    RunAs as(child.get());
    EXPECT_EQ(Load(0).value, 1u);
    EXPECT_EQ(Load(5).value, 9u);
    EXPECT_EQ(Wrong(child.mm()), 0u);
  }
  child.Exit();
  machine.PutMm();
}

TEST(ForkTest, DontcopyIsSkippedAndNotCounted) {
  TestMachine machine;
  MapStrip(nullptr, "Ww.Rrr.Xx");
  constexpr int kMadvDontfork = 10;
  ASSERT_EQ(do_madvise(PageAddress(3), 3 * PAGE_SIZE, kMadvDontfork), 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  EXPECT_EQ(Strip(child.mm(), 9), "Ww.....Xx");
  EXPECT_EQ(child.mm()->total_vm, 4u);
  EXPECT_EQ(Wrong(child.mm()), 0u);
}

// The mark of MLOCK_ONFAULT goes with the lock: what is left of it would be
// "unlocked", and counted, by the child's first munlock.
TEST(ForkTest, LockOnFaultIsNotInTheChildEither) {
  TestMachine machine;
  MapStrip(nullptr, "Ww");
  ASSERT_EQ(sys_mlock2(PageAddress(0), 2 * PAGE_SIZE, 1), 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  EXPECT_FALSE(find_vma(child.mm(), PageAddress(0))->vm_flags &
               (VM_LOCKED | VM_LOCKONFAULT));
  {
    RunAs as(child.get());
    EXPECT_EQ(sys_munlock(PageAddress(0), PAGE_SIZE), 0);
  }
  EXPECT_EQ(child.mm()->locked_vm, 0u);
  EXPECT_EQ(Strip(child.mm(), 2), "Ww");
  EXPECT_EQ(Wrong(child.mm()), 0u);
}

TEST(ForkTest, LockedMemoryIsNotLockedInTheChild) {
  TestMachine machine;
  MapStrip(nullptr, "Ww");
  find_vma(machine.mm(), PageAddress(0))->vm_flags |= VM_LOCKED;
  machine.mm()->locked_vm = 2;
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  EXPECT_FALSE(find_vma(child.mm(), PageAddress(0))->vm_flags & VM_LOCKED);
  EXPECT_EQ(child.mm()->locked_vm, 0u);
}

TEST(ForkTest, ChildOfADirectMappingHasItsFramesAndNoPages) {
  TestMachine machine(WithRom());
  TestFile rom(&machine, MapRom);
  ASSERT_EQ(MapPages(rom.get(), 0, 4, kRw), 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  EXPECT_EQ(pte_pfn(PteAt(child.mm(), 3)), 0x40003u);
  EXPECT_EQ(get_mm_rss(child.mm()), 0u);
  EXPECT_EQ(Wrong(child.mm()), 0u);
#ifdef CONFIG_X86_64
  EXPECT_EQ(machine.machine()->nr_pat_ranges, 2u);
#endif
  child.Exit();
  machine.PutMm();
  EXPECT_EQ(machine.machine()->nr_pat_ranges, 0u);
  EXPECT_TRUE(machine.TakeReports().empty());
}

// Copied frames of a private device mapping are pages, on ARM too, where only
// vm_pgoff tells them from the device's.
TEST(ForkTest, CopiedFrameOfADirectMappingIsShared) {
  TestMachine machine(WithRom());
  TestFile rom(&machine, MapRom);
  ASSERT_EQ(MapPages(rom.get(), 0, 4, kRw), 0);
  ASSERT_EQ(Store(2, 7).sig, 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  EXPECT_EQ(PageAt(child.mm(), 2), PageAt(machine.mm(), 2));
  EXPECT_EQ(page_mapcount(PageAt(child.mm(), 2)), 2);
  EXPECT_EQ(get_mm_counter(child.mm(), MM_ANONPAGES), 1u);
  {
    RunAs as(child.get());
    ASSERT_EQ(Store(2, 8).sig, 0);
  }
  EXPECT_EQ(Load(2).value, 7u);
  EXPECT_EQ(Wrong(machine.mm()) + Wrong(child.mm()), 0u);
}

#ifdef CONFIG_X86_64
// The first page was unmapped behind PAT's back: no frame to reserve by.
TEST(ForkTest, LostMemoryTypeFailsTheForkWithAWarning) {
  TestMachine machine(WithRom());
  TestFile rom(&machine, MapRom);
  ASSERT_EQ(MapPages(rom.get(), 0, 4, PROT_READ), 0);
  struct vm_area_struct* vma = find_vma(machine.mm(), PageAddress(0));
  down_write(&machine.mm()->mmap_sem);
  ASSERT_EQ(split_vma(machine.mm(), vma, PageAddress(1), 1), 0);
  struct mmu_gather tlb;
  tlb_gather_mmu(&tlb, machine.mm(), PageAddress(1), PageAddress(2));
  unmap_page_range(&tlb, vma, PageAddress(1), PageAddress(2), NULL);
  tlb_finish_mmu(&tlb, PageAddress(1), PageAddress(2));
  up_write(&machine.mm()->mmap_sem);
  TestTask child(&machine);
  EXPECT_EQ(sys_fork(child.get()), -ENOMEM);
  EXPECT_EQ(child.mm(), nullptr);
  EXPECT_EQ(machine.TakeReports().size(), 1u);
}

// As the kernel was until fix "pat-fork": the child's copy is taken down by
// its first pte, which it does not have.
TEST(ForkTest, WithoutTheFixAFailedForkLeaksTheMemoryType) {
  TestMachine::Options options = WithRom();
  options.fixes_off = uint64_t{1} << FL_FIX_PAT_FORK;
  TestMachine machine(options);
  TestFile rom(&machine, MapRom);
  ASSERT_EQ(MapPages(rom.get(), 0, 4, PROT_READ), 0);
  int warned = 0;
  for (int n = 0; n < 20; ++n) {
    TestTask child(&machine);
    machine.FailAllocations(n, 1);
    (void)sys_fork(child.get());
    machine.FailAllocations(0, 0);
    warned += machine.TakeReports().empty() ? 0 : 1;
  }
  EXPECT_EQ(warned, 4);  // the range itself, and three tables after it
  EXPECT_EQ(machine.machine()->nr_pat_ranges, 4u);  // the parent's, and three
}
#endif

TEST(ForkTest, KilledParentGetsNoChild) {
  TestMachine machine;
  MapStrip(nullptr, "Ww");
  const InUse before(machine.machine());
  send_sig(SIGKILL, machine.task());
  TestTask child(&machine);
  EXPECT_EQ(sys_fork(child.get()), -EINTR);
  EXPECT_EQ(child.mm(), nullptr);
  EXPECT_EQ(InUse(machine.machine()), before);
}

// Every allocation of a fork in turn.
TEST(ForkTest, FailedAllocationLeavesNothingBehind) {
  TestMachine machine(WithRom());
  PagedFile file(&machine);
  TestFile rom(&machine, MapRom);
  ASSERT_EQ(MapPages(nullptr, 0, 4, kRw), 0);
  ASSERT_EQ(MapPages(file.get(), 8, 4, kRw), 0);
  ASSERT_EQ(MapPages(rom.get(), 14, 2, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(Store(9, 2).sig, 0);
  ASSERT_EQ(Store(15, 3).sig, 0);
  // A parent that is a child itself has longer chains.
  TestTask middle(&machine);
  ASSERT_EQ(sys_fork(middle.get()), 0);
  RunAs as(middle.get());
  ASSERT_EQ(Store(1, 4).sig, 0);
  const InUse before(machine.machine());

  int failed = 0;
  for (int n = 0; n < 200; ++n) {
    TestTask child(&machine);
    machine.FailAllocations(n, 1);
    const int64_t result = sys_fork(child.get());
    machine.FailAllocations(0, 0);
    EXPECT_EQ(Wrong(middle.mm()), 0u) << n;
    EXPECT_EQ(Wrong(machine.mm()), 0u) << n;
    if (result == 0 && child.mm() != nullptr) {
      EXPECT_EQ(Wrong(child.mm()), 0u) << n;
      child.Exit();
    } else {
      EXPECT_EQ(result, -ENOMEM) << n;
      ++failed;
    }
    ASSERT_EQ(InUse(machine.machine()), before) << n;
    ASSERT_TRUE(machine.TakeReports().empty()) << n;
  }
  EXPECT_GT(failed, 10);
  EXPECT_LT(failed, 100);
  EXPECT_EQ(Load(0).value, 1u);
  EXPECT_EQ(Load(1).value, 4u);
  EXPECT_EQ(Load(9).value, 2u);
  EXPECT_EQ(Load(15).value, 3u);
}

TEST(ForkTest, ThousandGenerationsDoNotGrowAnonVmasForEver) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  const struct kmem_cache* cache = machine.machine()->anon_vma_cachep;
  TestTask tasks[2] = {TestTask(&machine), TestTask(&machine)};
  ASSERT_EQ(sys_fork(tasks[0].get()), 0);
  machine.PutMm();
  uint64_t most = 0;
  for (int i = 0; i < 1000; ++i) {
    TestTask& parent = tasks[i % 2];
    TestTask& child = tasks[(i + 1) % 2];
    RunAs as(parent.get());
    ASSERT_EQ(Store(0, static_cast<uint8_t>(i)).sig, 0);
    ASSERT_EQ(sys_fork(child.get()), 0);
    parent.Exit();
    most = std::max(most, kmem_cache_objects(cache));
  }
  // The reuse of an anon_vma without vmas: bounded by two a living mapping.
  EXPECT_LE(most, 4u);
  tasks[0].Exit();
  tasks[1].Exit();
  EXPECT_EQ(kmem_cache_objects(cache), 0u);
}

}  // namespace
}  // namespace faultline
