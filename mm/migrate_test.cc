// SPDX-License-Identifier: GPL-2.0-only
//
// Pages that move to other frames under the processes that use them.

#include <cstdint>

#include "mm/testing_pages.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;

TEST(MigrateTest, AnonymousPageMovesInEveryProcess) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 2, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(Store(1, 2).sig, 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  struct page* before = PageAt(machine.mm(), 0);
  const uint64_t free = machine.machine()->nr_free;
  EXPECT_EQ(compact_pages(8), 2);
  EXPECT_NE(PageAt(machine.mm(), 0), before);
  EXPECT_EQ(PageAt(machine.mm(), 0), PageAt(child.mm(), 0));
  EXPECT_EQ(page_mapcount(PageAt(machine.mm(), 0)), 2);
  EXPECT_EQ(page_ref_count(PageAt(machine.mm(), 0)), 2);
  EXPECT_EQ(machine.machine()->nr_free, free);
  EXPECT_EQ(machine.machine()->nr_lru, 2u);
  EXPECT_EQ(Load(0).value, 1u);
  EXPECT_EQ(Load(1).value, 2u);
  EXPECT_EQ(validate_mm(machine.mm()) + validate_mm(child.mm()), 0u);
  EXPECT_TRUE(machine.TakeReports().empty());
}

TEST(MigrateTest, WritablePteIsWritableAgainAndASharedOneIsNot) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(compact_pages(1), 1);
  EXPECT_TRUE(pte_write(PteAt(machine.mm(), 0)));
  EXPECT_FALSE(pte_young(PteAt(machine.mm(), 0)));
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  ASSERT_EQ(compact_pages(1), 1);
  EXPECT_FALSE(pte_write(PteAt(machine.mm(), 0)));
  EXPECT_FALSE(pte_write(PteAt(child.mm(), 0)));
}

TEST(MigrateTest, PageOfLockedMemoryIsMarkedAtItsNewPlace) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 2, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(Store(1, 1).sig, 0);
  ASSERT_EQ(sys_mlock(PageAddress(0), PAGE_SIZE), 0);
  ASSERT_TRUE(PageMlocked(PageAt(machine.mm(), 0)));
  struct page* before = PageAt(machine.mm(), 0);
  ASSERT_EQ(compact_pages(2), 2);
  EXPECT_NE(PageAt(machine.mm(), 0), before);
  EXPECT_TRUE(PageMlocked(PageAt(machine.mm(), 0)));
  EXPECT_FALSE(PageMlocked(PageAt(machine.mm(), 1)));
  machine.PutMm();
  EXPECT_TRUE(machine.TakeReports().empty());
}

TEST(MigrateTest, FilePageKeepsItsPlaceInTheCache) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 2, PROT_READ), 0);
  ASSERT_EQ(Load(1).value, 2u);
  struct page* before = PageAt(machine.mm(), 1);
  EXPECT_EQ(compact_pages(4), 1);
  struct page* after = PageAt(machine.mm(), 1);
  EXPECT_NE(after, before);
  struct page* cached = find_get_page(file.mapping(), 1);
  EXPECT_EQ(cached, after);
  EXPECT_TRUE(PageUptodate(after));
  EXPECT_EQ(page_ref_count(after), 3);
  put_page(cached);
  EXPECT_EQ(Load(1).value, 2u);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
  machine.PutMm();
}

TEST(MigrateTest, DirtyFilePageIsDirtyAfterwards) {
  TestMachine machine;
  PagedFile file(&machine);
  file.get()->f_mode |= FMODE_WRITE;
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(0), PAGE_SIZE, kRw,
                          MAP_SHARED | MAP_FIXED, 0),
            0);
  ASSERT_EQ(Store(0, 9).sig, 0);
  ClearPageDirty(PageAt(machine.mm(), 0));  // the pte alone knows
  EXPECT_EQ(compact_pages(4), 1);
  EXPECT_TRUE(PageDirty(PageAt(machine.mm(), 0)));
  EXPECT_EQ(Load(0).value, 9u);
  machine.PutMm();
}

TEST(MigrateTest, PinnedPageStaysWhereItIs) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(MapPages(file.get(), 2, 1, PROT_READ), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(Load(2).sig, 0);
  struct page* anon = PageAt(machine.mm(), 0);
  struct page* cached = PageAt(machine.mm(), 2);
  get_page(anon);
  get_page(cached);
  EXPECT_EQ(compact_pages(4), 0);
  EXPECT_EQ(PageAt(machine.mm(), 0), anon);
  EXPECT_EQ(PageAt(machine.mm(), 2), cached);
  EXPECT_TRUE(PageLRU(anon));
  EXPECT_TRUE(PageLRU(cached));
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
  put_page(anon);
  put_page(cached);
  machine.PutMm();
}

TEST(MigrateTest, WithoutAFreeFrameNothingChanges) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 2, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(Store(1, 2).sig, 0);
  struct page* before = PageAt(machine.mm(), 0);
  machine.FailAllocations(0, 1);
  EXPECT_EQ(compact_pages(4), 0);
  machine.FailAllocations(0, 0);
  EXPECT_EQ(PageAt(machine.mm(), 0), before);
  EXPECT_EQ(machine.machine()->nr_lru, 2u);
  EXPECT_EQ(page_ref_count(before), 1);
}

// ---- somebody else while the page is on its way ----

class InMigrationTest : public testing::Test {
 protected:
  // Page 0 holds a migration entry, as between steps 2 and 4.
  void Begin() {
    ASSERT_EQ(MapPages(nullptr, 0, 2, kRw), 0);
    ASSERT_EQ(Store(0, 1).sig, 0);
    page_ = PageAt(machine_.mm(), 0);
    ASSERT_TRUE(isolate_lru_page(page_));
    lock_page(page_);
    anon_vma_ = page_get_anon_vma(page_);
    ASSERT_TRUE(try_to_unmap(
        page_, TTU_MIGRATION | TTU_IGNORE_MLOCK | TTU_IGNORE_ACCESS));
    ASSERT_TRUE(is_swap_pte(PteAt(machine_.mm(), 0)));
  }
  void DropPage() {
    put_anon_vma(anon_vma_);
    unlock_page(page_);
    putback_lru_page(page_);
  }

  TestMachine machine_;
  struct page* page_ = nullptr;
  struct anon_vma* anon_vma_ = nullptr;
};

TEST_F(InMigrationTest, UnmapTakesTheEntryAndItsCount) {
  Begin();
  EXPECT_EQ(get_mm_rss(machine_.mm()), 1u);
  ASSERT_EQ(vm_munmap(PageAddress(0), 2 * PAGE_SIZE), 0);
  EXPECT_EQ(get_mm_rss(machine_.mm()), 0u);
  EXPECT_EQ(page_ref_count(page_), 1);
  DropPage();
  EXPECT_EQ(machine_.machine()->nr_lru, 0u);
  EXPECT_TRUE(machine_.TakeReports().empty());
}

TEST_F(InMigrationTest, ForkCopiesTheEntryReadOnly) {
  Begin();
  TestTask child(&machine_);
  ASSERT_EQ(sys_fork(child.get()), 0);
  for (struct mm_struct* mm : {machine_.mm(), child.mm()}) {
    const swp_entry_t entry = pte_to_swp_entry(PteAt(mm, 0));
    EXPECT_TRUE(is_migration_entry(entry));
    EXPECT_FALSE(is_write_migration_entry(entry));
    EXPECT_EQ(migration_entry_to_page(entry), page_);
  }
  EXPECT_EQ(get_mm_counter(child.mm(), MM_ANONPAGES), 1u);
  child.Exit();
  ASSERT_EQ(vm_munmap(PageAddress(0), 2 * PAGE_SIZE), 0);
  DropPage();
}

TEST_F(InMigrationTest, MprotectTakesTheRightToWrite) {
  Begin();
  EXPECT_TRUE(
      is_write_migration_entry(pte_to_swp_entry(PteAt(machine_.mm(), 0))));
  ASSERT_EQ(do_mprotect(PageAddress(0), PAGE_SIZE, PROT_READ), 0);
  EXPECT_FALSE(
      is_write_migration_entry(pte_to_swp_entry(PteAt(machine_.mm(), 0))));
  ASSERT_EQ(vm_munmap(PageAddress(0), 2 * PAGE_SIZE), 0);
  DropPage();
}

TEST_F(InMigrationTest, PagemapAndSmapsKnowThePage) {
  Begin();
  uint64_t entry = 0;
  EXPECT_EQ(pagemap_read(machine_.mm(), PageAddress(0), 1, &entry), 1u);
  EXPECT_EQ(entry >> 62, 1u);  // swapped, not present
  ASSERT_EQ(vm_munmap(PageAddress(0), 2 * PAGE_SIZE), 0);
  DropPage();
}

}  // namespace
}  // namespace faultline
