// SPDX-License-Identifier: GPL-2.0-only
//
// What a processor remembers of the page tables, and what makes it forget.
// Entries are taken out of the tables by hand, without a flush: whoever still
// reaches the page has it from a TLB.

#include <cstdint>

// First, as it undoes what the C library's headers define.
#include "mm/testing_pages.h"
// After it.
#include "mm/tlb.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;

pte_t* Entry(struct mm_struct* mm, uint64_t page) {
  const kulong address = PageAddress(page);
  pgd_t* pgd = pgd_offset(mm, address);
  return pte_offset_map(pmd_offset(pud_offset(pgd, address), address), address);
}

// The entry as it is now, and its table's without `page` while this lives.
class TakenOut {
 public:
  TakenOut(struct mm_struct* mm, uint64_t page)
      : entry_(Entry(mm, page)), pte_(ptep_get_and_clear(entry_)) {}
  TakenOut(const TakenOut&) = delete;
  TakenOut& operator=(const TakenOut&) = delete;
  ~TakenOut() { set_pte(entry_, pte_); }

 private:
  pte_t* entry_;
  pte_t pte_;
};

// Whether the processor of `task` has an entry for the page.
bool Remembers(struct task_struct* task, uint64_t page) {
  return !pte_none(tlb_lookup(task, PageAddress(page)));
}

bool RunsOn(struct mm_struct* mm, uint32_t cpu) {
  return mm->cpu_vm_mask.bits[0] >> cpu & 1;
}

class TlbTest : public testing::Test {
 protected:
  static TestMachine::Options FourCpus() {
    TestMachine::Options options;
    options.cpus = 4;
    return options;
  }

  TlbTest() : machine_(FourCpus()) {
    EXPECT_EQ(MapPages(nullptr, 0, 80, kRw), 0);
    vma_ = find_vma(machine_.mm(), PageAddress(0));
  }

  struct mm_struct* mm() {
    return machine_.mm();
  }
  struct task_struct* task() {
    return machine_.task();
  }

  TestMachine machine_;
  struct vm_area_struct* vma_;
};

TEST_F(TlbTest, WhatIsRememberedIsUsedWithoutTheTables) {
  ASSERT_EQ(Store(0, 7).sig, 0);
  ASSERT_TRUE(Remembers(task(), 0));
  TakenOut gone(mm(), 0);
  const struct fl_user_result load = Load(0);
  EXPECT_EQ(load.faults, 0u);
  EXPECT_EQ(load.value, 7u);
  EXPECT_EQ(Store(0, 8).faults, 0u);
}

TEST_F(TlbTest, APageThatFaultedOrWasNotTouchedIsNotRemembered) {
  EXPECT_FALSE(Remembers(task(), 0));
  ASSERT_EQ(sys_mlock2(PageAddress(1), PAGE_SIZE, 0), 0);  // there, not used
  EXPECT_FALSE(pte_none(PteAt(mm(), 1)));
  EXPECT_FALSE(Remembers(task(), 1));
  ASSERT_EQ(do_mprotect(PageAddress(1), PAGE_SIZE, PROT_NONE), 0);
  EXPECT_EQ(Load(1).sig, SIGSEGV);
  EXPECT_FALSE(Remembers(task(), 1));
}

TEST_F(TlbTest, AnotherPageOfTheSlotDisplacesIt) {
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(Store(1, 1).sig, 0);
  ASSERT_EQ(Store(FL_TLB_ENTRIES, 1).sig, 0);
  EXPECT_FALSE(Remembers(task(), 0));
  EXPECT_TRUE(Remembers(task(), 1));
  EXPECT_TRUE(Remembers(task(), FL_TLB_ENTRIES));
}

TEST_F(TlbTest, FirstStoreThroughACleanEntrySetsTheDirtyBit) {
  ASSERT_EQ(Store(0, 1).sig, 0);
  pte_t* entry = Entry(mm(), 0);
  set_pte(entry, pte_mkclean(fl_read_pte(entry)));
  flush_tlb_page(vma_, PageAddress(0));
  ASSERT_EQ(Load(0).faults, 0u);
  EXPECT_FALSE(pte_dirty(fl_read_pte(entry)));
  EXPECT_EQ(Store(0, 2).faults, 0u);
  EXPECT_TRUE(pte_dirty(fl_read_pte(entry)));
  // And only the first: a bit cleared behind its back stays clear.
  set_pte(entry, pte_mkclean(fl_read_pte(entry)));
  EXPECT_EQ(Store(0, 3).faults, 0u);
  EXPECT_FALSE(pte_dirty(fl_read_pte(entry)));
}

TEST_F(TlbTest, StaleEntryServesStoresOnlyIfItIsDirty) {
  for (uint64_t page : {0, 1}) {
    ASSERT_EQ(Store(page, 1).sig, 0);
    pte_t* entry = Entry(mm(), page);
    set_pte(entry, pte_mkclean(fl_read_pte(entry)));
    flush_tlb_page(vma_, PageAddress(page));
  }
  ASSERT_EQ(Store(0, 2).sig, 0);
  ASSERT_EQ(Load(1).sig, 0);
  vma_->vm_flags &= ~kulong{VM_WRITE};
  for (uint64_t page : {0, 1}) {
    pte_t* entry = Entry(mm(), page);
    set_pte(entry, pte_wrprotect(fl_read_pte(entry)));
  }
  EXPECT_EQ(Store(0, 3).sig, 0);
  EXPECT_EQ(Store(1, 3).sig, SIGSEGV);
  EXPECT_EQ(Load(1).value, 1u);
  vma_->vm_flags |= VM_WRITE;
}

TEST_F(TlbTest, FlushOfAPageForgetsThatPage) {
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(Store(1, 1).sig, 0);
  flush_tlb_page(vma_, PageAddress(0) + 5);
  EXPECT_FALSE(Remembers(task(), 0));
  EXPECT_TRUE(Remembers(task(), 1));
}

TEST_F(TlbTest, FlushOfARangeForgetsAllOfItAndBeyondTheCeilingEverything) {
  const auto fill = [&] {
    for (uint64_t page : {0, 1, 32, 33, 34, 40}) {
      ASSERT_EQ(Store(page, 1).sig, 0);
    }
  };
  fill();
  flush_tlb_range(vma_, PageAddress(1), PageAddress(1 + 33));
  EXPECT_TRUE(Remembers(task(), 0));
  for (uint64_t page : {1, 32, 33}) EXPECT_FALSE(Remembers(task(), page));
  for (uint64_t page : {34, 40}) EXPECT_TRUE(Remembers(task(), page));
  fill();
  flush_tlb_range(vma_, PageAddress(1), PageAddress(1 + 34));
  for (uint64_t page : {1, 32, 33, 34}) EXPECT_FALSE(Remembers(task(), page));
#ifdef CONFIG_X86_64
  EXPECT_FALSE(Remembers(task(), 0));
  EXPECT_FALSE(Remembers(task(), 40));
#else
  EXPECT_TRUE(Remembers(task(), 0));
  EXPECT_TRUE(Remembers(task(), 40));
#endif
  fill();
  flush_tlb_range(vma_, PageAddress(1), PageAddress(1 + FL_TLB_ENTRIES));
  EXPECT_FALSE(Remembers(task(), 1));
  EXPECT_FALSE(Remembers(task(), 40));
  fill();
  flush_tlb_mm(mm());
  for (uint64_t page : {0, 1, 32, 33, 34, 40}) {
    EXPECT_FALSE(Remembers(task(), page));
  }
}

TEST_F(TlbTest, FlushReachesEveryProcessorThatRunsTheMmAndNoOther) {
  TestTask thread(&machine_, 1), child(&machine_, 2);
  thread.Join(&machine_);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(sys_fork(child.get()), 0);
  {
    RunAs as(thread.get());
    ASSERT_EQ(Load(0).sig, 0);
  }
  {
    RunAs as(child.get());
    ASSERT_EQ(Load(0).sig, 0);
  }
  ASSERT_EQ(Load(0).sig, 0);
  EXPECT_TRUE(RunsOn(mm(), 0) && RunsOn(mm(), 1));
  EXPECT_FALSE(RunsOn(mm(), 2));
  EXPECT_TRUE(RunsOn(child.mm(), 2));
  flush_tlb_page(vma_, PageAddress(0));
  EXPECT_FALSE(Remembers(task(), 0));
  EXPECT_FALSE(Remembers(thread.get(), 0));
  EXPECT_TRUE(Remembers(child.get(), 0));
  child.Exit();
  thread.Exit();
}

TEST_F(TlbTest, SwitchOfTheMmForgetsEverything) {
  TestTask child(&machine_, 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(sys_fork(child.get()), 0);
  ASSERT_EQ(Load(0).sig, 0);
  {
    RunAs as(child.get());
    ASSERT_EQ(Store(1, 1).sig, 0);
    EXPECT_FALSE(Remembers(child.get(), 0));
  }
  EXPECT_FALSE(RunsOn(mm(), 0));
  EXPECT_TRUE(RunsOn(child.mm(), 0));
  EXPECT_EQ(Load(0).value, 1u);
  EXPECT_FALSE(Remembers(task(), 1));
  EXPECT_TRUE(RunsOn(mm(), 0));
  EXPECT_FALSE(RunsOn(child.mm(), 0));
}

TEST_F(TlbTest, ExitLeavesTheMmAndAKernelThreadDoesNotSwitch) {
  TestTask thread(&machine_, 1), kernel_thread(&machine_, 0);
  thread.Join(&machine_);
  ASSERT_EQ(Store(0, 1).sig, 0);
  {
    RunAs as(thread.get());
    ASSERT_EQ(Load(0).sig, 0);
  }
  thread.Exit();
  EXPECT_FALSE(RunsOn(mm(), 1));
  EXPECT_FALSE(Remembers(thread.get(), 0));
  {
    RunAs as(kernel_thread.get());
    user_walk_begin(kernel_thread.get());
    user_walk_end(kernel_thread.get());
  }
  EXPECT_TRUE(Remembers(task(), 0));
}

TEST_F(TlbTest, AnMmThatIsFreedIsLoadedNowhere) {
  ASSERT_EQ(Store(0, 1).sig, 0);
  struct cpu_tlbstate* cpu = &machine_.machine()->cpu_tlbstate[0];
  EXPECT_EQ(cpu->loaded_mm, mm());
  machine_.PutMm();
  EXPECT_EQ(cpu->loaded_mm, nullptr);
  EXPECT_EQ(cpu->filled, 0u);
}

TEST_F(TlbTest, MprotectReachesTheOtherProcessors) {
  TestTask thread(&machine_, 1);
  thread.Join(&machine_);
  {
    RunAs as(thread.get());
    ASSERT_EQ(Store(0, 1).sig, 0);
  }
  ASSERT_EQ(do_mprotect(PageAddress(0), PAGE_SIZE, PROT_READ), 0);
  EXPECT_EQ(mm()->tlb_flush_pending.counter, 0);
  RunAs as(thread.get());
  EXPECT_EQ(Store(0, 2).sig, SIGSEGV);
  EXPECT_EQ(Load(0).value, 1u);
}

TEST_F(TlbTest, EntryWithTooFewRightsCostsOneFaultAndIsForgotten) {
  TestTask thread(&machine_, 1);
  thread.Join(&machine_);
  ASSERT_EQ(Store(0, 1).sig, 0);
  pte_t* entry = Entry(mm(), 0);
  set_pte(entry, pte_wrprotect(fl_read_pte(entry)));
  flush_tlb_mm(mm());
  ASSERT_EQ(Load(0).sig, 0);
  {
    RunAs as(thread.get());
    ASSERT_EQ(Store(0, 2).sig, 0);  // nobody else has the page: reused
  }
  ASSERT_TRUE(pte_write(fl_read_pte(entry)));
  const struct fl_user_result store = Store(0, 3);
  EXPECT_EQ(store.sig, 0);
#ifdef CONFIG_X86_64
  EXPECT_EQ(store.faults, 1u);  // nobody flushed this processor
#else
  EXPECT_EQ(store.faults, 0u);
#endif
  EXPECT_EQ(Load(0).value, 3u);
}

TEST_F(TlbTest, CopyOnWriteIsSeenByTheOtherProcessors) {
  TestTask thread(&machine_, 1);
  thread.Join(&machine_);
  {
    RunAs as(thread.get());
    ASSERT_EQ(Load(0).value, 0u);  // the zero page
    ASSERT_TRUE(Remembers(thread.get(), 0));
  }
  ASSERT_EQ(Store(0, 5).sig, 0);
  RunAs as(thread.get());
  EXPECT_EQ(Load(0).value, 5u);
}

TEST_F(TlbTest, ZapFlushesWhatSomebodyElseHasClearedAndNotFlushedYet) {
  ASSERT_EQ(Store(0, 1).sig, 0);
  struct mmu_gather other;
  tlb_gather_mmu(&other, mm(), PageAddress(0), PageAddress(1));
  {
    TakenOut gone(mm(), 0);
    zap_page_range(vma_, PageAddress(0), PAGE_SIZE);
    EXPECT_FALSE(Remembers(task(), 0));
  }
  tlb_finish_mmu(&other, PageAddress(0), PageAddress(1));
  EXPECT_EQ(mm()->tlb_flush_pending.counter, 0);
  // Alone, it has nothing to flush.
  ASSERT_EQ(Load(0).sig, 0);
  TakenOut gone(mm(), 0);
  zap_page_range(vma_, PageAddress(0), PAGE_SIZE);
  EXPECT_TRUE(Remembers(task(), 0));
}

TEST(TlbBatchTest, ReclaimFlushesAtTheEndAndMprotectDoesNotWaitForIt) {
  TestMachine::Options options;
  options.cpus = 2;
  TestMachine machine(options);
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 2, PROT_READ), 0);
  TestTask kswapd(&machine, 1);
  for (bool mprotect_first : {false, true}) {
    ASSERT_EQ(Load(0).value, 1u);
    struct page* page = find_get_page(file.mapping(), 0);
    {
      RunAs as(kswapd.get());
      lock_page(page);
      EXPECT_TRUE(try_to_unmap(page, TTU_IGNORE_ACCESS | TTU_BATCH_FLUSH));
      unlock_page(page);
    }
    EXPECT_TRUE(pte_none(PteAt(machine.mm(), 0)));
#ifdef CONFIG_X86_64
    EXPECT_TRUE(Remembers(machine.task(), 0));
    EXPECT_TRUE(machine.mm()->tlb_flush_batched);
    EXPECT_TRUE(kswapd.get()->tlb_flush_required);
#endif
    if (mprotect_first) {
      ASSERT_EQ(do_mprotect(PageAddress(0), PAGE_SIZE, PROT_NONE), 0);
      EXPECT_FALSE(machine.mm()->tlb_flush_batched);
      EXPECT_EQ(Load(0).sig, SIGSEGV);
    }
    {
      RunAs as(kswapd.get());
      try_to_unmap_flush();
      EXPECT_FALSE(kswapd.get()->tlb_flush_required);
      EXPECT_EQ(kswapd.get()->tlb_flush_cpumask.bits[0], 0u);
    }
    EXPECT_FALSE(Remembers(machine.task(), 0));
    put_page(page);
  }
  machine.PutMm();
}

#ifdef CONFIG_X86_64
TEST(TlbBatchTest, OnlyDirtyPagesAreFlushedBeforeTheyAreWritten) {
  TestMachine::Options options;
  options.cpus = 2;
  TestMachine machine(options);
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  TestTask kswapd(&machine, 1);
  ASSERT_EQ(Load(0).value, 1u);
  struct page* page = find_get_page(file.mapping(), 0);
  {
    RunAs as(kswapd.get());
    lock_page(page);
    EXPECT_TRUE(try_to_unmap(page, TTU_IGNORE_ACCESS | TTU_BATCH_FLUSH));
    try_to_unmap_flush_dirty();
    EXPECT_TRUE(Remembers(machine.task(), 0));
    try_to_unmap_flush();
    EXPECT_FALSE(Remembers(machine.task(), 0));
    unlock_page(page);
  }
  put_page(page);
  machine.PutMm();
}

TEST(TlbBatchTest, WhatRunsOnOnesOwnProcessorOnlyIsFlushedAtOnce) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  ASSERT_EQ(Load(0).value, 1u);
  struct page* page = find_get_page(file.mapping(), 0);
  lock_page(page);
  EXPECT_TRUE(try_to_unmap(page, TTU_IGNORE_ACCESS | TTU_BATCH_FLUSH));
  EXPECT_FALSE(Remembers(machine.task(), 0));
  EXPECT_FALSE(machine.task()->tlb_flush_required);
  unlock_page(page);
  put_page(page);
  machine.PutMm();
}
#endif

TEST(TlbConfigTest, AMachineHasAtMost256Processors) {
  fl_machine_config config = {};
  config.struct_bytes = sizeof(config);
  config.cpus = FL_MAX_CPUS + 1;
  config.ram_pages = 64;
  config.slab_bytes = 1 << 20;
  const char* error = nullptr;
  alignas(4096) static char arena[4096];
  EXPECT_EQ(machine_init(arena, sizeof(arena), &config, &error), nullptr);
  EXPECT_STREQ(error, "a machine has at most 256 CPUs");
}

}  // namespace
}  // namespace faultline
