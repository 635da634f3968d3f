// SPDX-License-Identifier: GPL-2.0-only
//
// Who is killed when nothing is left, and what the reaper takes.

#include <cstdint>

#include "mm/testing_pages.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;

TEST(OomTest, BadnessIsPagesAndTablesAndTheAdjustment) {
  TestMachine::Options options;
  options.ram_pages = 2000;
  TestMachine machine(options);
  ASSERT_EQ(MapPages(nullptr, 0, 8, kRw), 0);
  for (int i = 0; i < 8; ++i) ASSERT_EQ(Store(i, 1).sig, 0);
  const struct mm_struct* mm = machine.mm();
  const kulong tables = static_cast<kulong>(atomic_long_read(&mm->nr_ptes) +
                                            atomic_long_read(&mm->nr_pmds));
  EXPECT_EQ(oom_badness(machine.task(), 2000), 8 + tables);
  machine.task()->oom_score_adj = 100;
  EXPECT_EQ(oom_badness(machine.task(), 2000), 8 + tables + 200);
  machine.task()->oom_score_adj = -999;
  EXPECT_EQ(oom_badness(machine.task(), 2000), 1u);
  machine.task()->oom_score_adj = -1000;
  EXPECT_EQ(oom_badness(machine.task(), 2000), 0u);
  TestTask kthread(&machine);
  EXPECT_EQ(oom_badness(kthread.get(), 2000), 0u);
}

TEST(OomTest, BiggestDiesAndWhoSharesItsMemoryWithIt) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 8, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  TestTask small(&machine), big(&machine), thread(&machine);
  ASSERT_EQ(sys_fork(small.get()), 0);
  ASSERT_EQ(sys_fork(big.get()), 0);
  atomic_inc(&big.mm()->mm_users);
  thread.get()->mm = big.mm();
  {
    RunAs as(big.get());
    for (int i = 0; i < 8; ++i) ASSERT_EQ(Store(i, 1).sig, 0);
  }
  EXPECT_EQ(oom_kill(), 0);
  EXPECT_TRUE(fatal_signal_pending(big.get()));
  EXPECT_TRUE(fatal_signal_pending(thread.get()));
  EXPECT_FALSE(fatal_signal_pending(small.get()));
  EXPECT_FALSE(fatal_signal_pending(machine.task()));
  EXPECT_TRUE(big.get()->oom_victim);
}

TEST(OomTest, SecondVictimIsNotChosenBeforeTheFirstIsReaped) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 4, kRw), 0);
  TestTask a(&machine);
  ASSERT_EQ(sys_fork(a.get()), 0);
  {
    RunAs as(a.get());
    ASSERT_EQ(Store(0, 1).sig, 0);
  }
  machine.task()->oom_score_adj = -1;
  mutex_lock(&machine.machine()->oom_lock);
  EXPECT_TRUE(out_of_memory());
  EXPECT_TRUE(out_of_memory());
  mutex_unlock(&machine.machine()->oom_lock);
  EXPECT_TRUE(fatal_signal_pending(a.get()));
  EXPECT_FALSE(fatal_signal_pending(machine.task()));
  EXPECT_EQ(oom_reap(), 1);
  mutex_lock(&machine.machine()->oom_lock);
  EXPECT_TRUE(out_of_memory());
  mutex_unlock(&machine.machine()->oom_lock);
  EXPECT_TRUE(fatal_signal_pending(machine.task()));
}

TEST(OomTest, NobodyToKillIsSaid) {
  TestMachine machine;
  machine.task()->oom_score_adj = -1000;
  EXPECT_EQ(oom_kill(), -EAGAIN);
}

TEST(OomReapTest, TakesPrivateMemoryAndLeavesSharedAndLocked) {
  TestMachine::Options options;
  options.rom_bytes = 4 << PAGE_SHIFT;
  TestMachine machine(options);
  PagedFile file(&machine);
  file.get()->f_mode |= FMODE_WRITE;
  TestFile rom(&machine, [](struct file*, struct vm_area_struct* vma) {
    return remap_pfn_range(vma, vma->vm_start, 0x40000,
                           vma->vm_end - vma->vm_start, vma->vm_page_prot);
  });
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(MapPages(nullptr, 2, 1, kRw), 0);
  ASSERT_EQ(MapPages(file.get(), 4, 1, kRw), 0);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(6), PAGE_SIZE, kRw,
                          MAP_SHARED | MAP_FIXED, 6),
            0);
  ASSERT_EQ(MapPages(rom.get(), 8, 1, PROT_READ), 0);
  for (int page : {0, 2, 4, 6}) ASSERT_EQ(Store(page, 1).sig, 0);
  struct vm_area_struct* locked = find_vma(machine.mm(), PageAddress(2));
  locked->vm_flags |= VM_LOCKED;
  machine.mm()->locked_vm = 1;
  const uint64_t free = machine.machine()->nr_free;
  ASSERT_EQ(oom_kill(), 0);
  {
    TestTask reaper(&machine);
    RunAs as(reaper.get());
    EXPECT_EQ(oom_reap(), 1);
    EXPECT_EQ(oom_reap(), 0);
  }
  EXPECT_TRUE(pte_none(PteAt(machine.mm(), 0)));
  EXPECT_FALSE(pte_none(PteAt(machine.mm(), 2)));
  EXPECT_TRUE(pte_none(PteAt(machine.mm(), 4)));
  EXPECT_FALSE(pte_none(PteAt(machine.mm(), 6)));
  EXPECT_FALSE(pte_none(PteAt(machine.mm(), 8)));
  EXPECT_EQ(machine.machine()->nr_free, free + 2);
  EXPECT_TRUE(test_bit(MMF_UNSTABLE, &machine.mm()->flags));
  EXPECT_TRUE(test_bit(MMF_OOM_SKIP, &machine.mm()->flags));
  EXPECT_EQ(validate_mm(machine.mm()), 0u);

  // What was there must not come back as zeros.
  EXPECT_EQ(TouchForWrite(machine.mm(), 0), VM_FAULT_SIGBUS);
  locked->vm_flags &= ~kulong{VM_LOCKED};
  machine.mm()->locked_vm = 0;
  atomic_inc(&machine.mm()->mm_users);  // the task's own beside the test's
  exit_mm();
  EXPECT_EQ(machine.machine()->oom_victims.counter, 0);
  machine.PutMm();
  EXPECT_EQ(kmem_cache_objects(machine.machine()->mm_cachep), 0u);
  EXPECT_TRUE(machine.TakeReports().empty());
}

TEST(OomReapTest, GivesUpWhenTheLockIsHeldForWriting) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(oom_kill(), 0);
  down_write(&machine.mm()->mmap_sem);
  TestTask reaper(&machine);
  {
    RunAs as(reaper.get());
    EXPECT_EQ(oom_reap(), 1);
  }
  up_write(&machine.mm()->mmap_sem);
  EXPECT_FALSE(test_bit(MMF_UNSTABLE, &machine.mm()->flags));
  EXPECT_TRUE(test_bit(MMF_OOM_SKIP, &machine.mm()->flags));
  EXPECT_FALSE(pte_none(PteAt(machine.mm(), 0)));
}

TEST(OomReapTest, VictimThatExitsFirstIsNotReaped) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  TestTask a(&machine);
  ASSERT_EQ(sys_fork(a.get()), 0);
  {
    RunAs as(a.get());
    ASSERT_EQ(Store(0, 1).sig, 0);
  }
  ASSERT_EQ(oom_kill(), 0);
  ASSERT_TRUE(a.get()->oom_victim);
  a.Exit();
  EXPECT_EQ(oom_reap(), 0);
  EXPECT_EQ(kmem_cache_objects(machine.machine()->mm_cachep), 1u);
}

TEST(OomTest, FaultThatFindsNoFrameKillsAndOneThatFailedOnlyTriesAgain) {
  TestMachine machine;
  // More than there is; no single mapping may be.
  ASSERT_EQ(MapPages(nullptr, 0, 300, kRw), 0);
  ASSERT_EQ(MapPages(nullptr, 300, 300, kRw), 0);
  machine.FailAllocations(0, 1);
  EXPECT_EQ(Store(0, 1).sig, 0);
  machine.FailAllocations(0, 0);
  int page = 1;
  while (page < 600 && Store(page, 1).sig == 0) ++page;
  EXPECT_LT(page, 520);
  EXPECT_TRUE(fatal_signal_pending(machine.task()));
  EXPECT_TRUE(machine.task()->oom_victim);
  atomic_inc(&machine.mm()->mm_users);
  exit_mm();
  machine.PutMm();
}

}  // namespace
}  // namespace faultline
