// SPDX-License-Identifier: GPL-2.0-only
//
// The list of pages, and reclaim of clean pages of the page cache from
// whoever maps them.

#include <cstdint>

#include "mm/testing_pages.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;

TEST(LruTest, HoldsTheCachesAndProcessesPagesAndNoTables) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 4, kRw), 0);
  ASSERT_EQ(MapPages(nullptr, 8, 4, kRw), 0);
  ASSERT_EQ(Load(0).value, 1u);
  ASSERT_EQ(Store(1, 1).sig, 0);
  ASSERT_EQ(Load(8).value, 0u);  // the zero page is nobody's
  ASSERT_EQ(Store(9, 1).sig, 0);
  EXPECT_EQ(machine.machine()->nr_lru, 4u);  // pages 0 and 1, a copy, one anon
  machine.PutMm();
  EXPECT_EQ(machine.machine()->nr_lru, file.pages());
}

TEST(LruTest, IsolatedPageIsOffTheListWithAReference) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 2, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(Store(1, 1).sig, 0);
  struct page* oldest = PageAt(machine.mm(), 0);
  EXPECT_EQ(isolate_oldest_lru_page(), oldest);
  EXPECT_FALSE(PageLRU(oldest));
  EXPECT_EQ(page_ref_count(oldest), 2);
  EXPECT_FALSE(isolate_lru_page(oldest));
  putback_lru_page(oldest);
  EXPECT_EQ(page_ref_count(oldest), 1);
  // Now the youngest.
  struct page* second = isolate_oldest_lru_page();
  EXPECT_EQ(second, PageAt(machine.mm(), 1));
  putback_lru_page(second);
}

TEST(ReclaimTest, UnmappedCleanPageGoesAtOnce) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 2, PROT_READ), 0);
  ASSERT_EQ(Load(0).value, 1u);
  ASSERT_EQ(vm_munmap(PageAddress(0), 2 * PAGE_SIZE), 0);
  const uint64_t free = machine.machine()->nr_free;
  EXPECT_EQ(reclaim_pages(8), 1);
  EXPECT_EQ(file.pages(), 0u);
  EXPECT_EQ(machine.machine()->nr_free, free + 1);
  EXPECT_EQ(machine.machine()->nr_lru, 0u);
  EXPECT_TRUE(machine.TakeReports().empty());
}

TEST(ReclaimTest, MappedPageLeavesEveryProcessAndComesBackByAFault) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 4, PROT_READ), 0);
  for (int i = 0; i < 4; ++i) ASSERT_EQ(Load(i).sig, 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  {
    RunAs as(child.get());
    ASSERT_EQ(Load(2).value, 3u);
  }
  TestTask kswapd(&machine);
  {
    RunAs as(kswapd.get());
    EXPECT_EQ(reclaim_pages(3), 3);
    EXPECT_EQ(reclaim_pages(3), 1);
    EXPECT_EQ(reclaim_pages(3), 0);
  }
  EXPECT_EQ(file.pages(), 0u);
  EXPECT_EQ(get_mm_rss(machine.mm()), 0u);
  EXPECT_EQ(get_mm_rss(child.mm()), 0u);
  EXPECT_EQ(Load(2).value, 3u);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
  EXPECT_TRUE(machine.TakeReports().empty());
  child.Exit();
  machine.PutMm();
}

TEST(ReclaimTest, WhatCannotBeReadAgainStays) {
  TestMachine machine;
  PagedFile file(&machine);
  file.get()->f_mode |= FMODE_WRITE;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(MapPages(file.get(), 2, 1, kRw), 0);
  ASSERT_EQ(Store(2, 1).sig, 0);  // a private copy, and the page it is of
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(4), PAGE_SIZE, kRw,
                          MAP_SHARED | MAP_FIXED, 4),
            0);
  ASSERT_EQ(Store(4, 9).sig, 0);  // dirty
  EXPECT_EQ(reclaim_pages(16), 1);
  EXPECT_EQ(Load(0).value, 1u);
  EXPECT_EQ(Load(2).value, 1u);
  EXPECT_EQ(Load(4).value, 9u);
  EXPECT_EQ(file.pages(), 1u);
  EXPECT_EQ(machine.machine()->nr_lru, 3u);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
  machine.PutMm();
}

TEST(ReclaimTest, PageThatSomebodyHoldsOrLocksStaysInTheCache) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 2, PROT_READ), 0);
  ASSERT_EQ(Load(0).value, 1u);
  struct page* page = find_get_page(file.mapping(), 0);
  EXPECT_EQ(reclaim_pages(4), 0);
  // The ptes are gone all the same; the count was looked at after that.
  EXPECT_TRUE(pte_none(PteAt(machine.mm(), 0)));
  EXPECT_EQ(file.pages(), 1u);
  EXPECT_EQ(page_ref_count(page), 2);
  put_page(page);
  ASSERT_EQ(Load(0).value, 1u);
  lock_page(page);
  EXPECT_EQ(reclaim_pages(4), 0);
  unlock_page(page);
  EXPECT_FALSE(pte_none(PteAt(machine.mm(), 0)));
  EXPECT_EQ(reclaim_pages(4), 1);
  machine.PutMm();
}

TEST(ReclaimTest, LockedMemoryStaysMapped) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  ASSERT_EQ(Load(0).value, 1u);
  find_vma(machine.mm(), PageAddress(0))->vm_flags |= VM_LOCKED;
  EXPECT_FALSE(PageMlocked(PageAt(machine.mm(), 0)));
  EXPECT_EQ(reclaim_pages(4), 0);
  EXPECT_FALSE(pte_none(PteAt(machine.mm(), 0)));
  // The walk that met the locked mapping has left its mark.
  EXPECT_TRUE(PageMlocked(PageAt(machine.mm(), 0)));
  find_vma(machine.mm(), PageAddress(0))->vm_flags &= ~kulong{VM_LOCKED};
  machine.PutMm();
}

TEST(ReclaimTest, AgingTellsWhoUsedPagesAndUnmapsNothing) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 2, PROT_READ), 0);
  ASSERT_EQ(MapPages(nullptr, 4, 1, kRw), 0);
  ASSERT_EQ(Load(0).sig, 0);
  ASSERT_EQ(Load(1).sig, 0);
  ASSERT_EQ(Store(4, 1).sig, 0);
  EXPECT_EQ(age_pages(8), 3);
  EXPECT_EQ(age_pages(8), 0);
  ASSERT_EQ(Load(1).sig, 0);
#ifdef CONFIG_X86_64
  // The accessed bit that a TLB remembers as set is not set again.
  EXPECT_EQ(age_pages(8), 0);
  flush_tlb_mm(machine.mm());
  ASSERT_EQ(Load(1).sig, 0);
#endif
  EXPECT_EQ(age_pages(8), 1);
  EXPECT_EQ(machine.machine()->nr_lru, 3u);
  EXPECT_EQ(get_mm_rss(machine.mm()), 3u);
  machine.PutMm();
}

}  // namespace
}  // namespace faultline
