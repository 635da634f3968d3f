// SPDX-License-Identifier: GPL-2.0-only
//
// Pages that leave a file's cache: which go, which stay, and what becomes of
// those who map them or hold a reference.

#include <cstdint>
#include <string>

#include "mm/testing_files.h"

namespace faultline {
namespace {

class TruncateTest : public testing::Test {
 protected:
  TestMachine machine_;
  MemoryFile file_{&machine_, &ramfs_fs_type};
};

TEST_F(TruncateTest, RangeTakesWholePagesAndZeroesParts) {
  file_.WritePages(0, "abcde");
  truncate_inode_pages_range(file_.mapping(), PAGE_SIZE - 1, 3 * PAGE_SIZE);
  EXPECT_NE(file_.Cached(0), nullptr);
  EXPECT_EQ(file_.Cached(1), nullptr);
  EXPECT_EQ(file_.Cached(2), nullptr);
  EXPECT_EQ(file_.Read(PAGE_SIZE - 2, 2), std::string("a\0", 2));
  EXPECT_EQ(file_.Read(3 * PAGE_SIZE, 2), std::string("\0d", 2));
  EXPECT_EQ(file_.Read(4 * PAGE_SIZE, 1), "e");
  // Within one page.
  truncate_inode_pages_range(file_.mapping(), 4 * PAGE_SIZE + 1,
                             4 * PAGE_SIZE + 2);
  EXPECT_EQ(file_.Read(4 * PAGE_SIZE, 4), std::string("e\0\0e", 4));
}

TEST_F(TruncateTest, SizeChangesAndMappingsGo) {
  file_.WritePages(0, "abc");
  ASSERT_EQ(MapFile(file_.get(), 0, 3, MAP_SHARED), 0);
  ASSERT_EQ(MapFile(file_.get(), 8, 3, MAP_PRIVATE), 0);
  ASSERT_EQ(Store(1, 'S').sig, 0);
  ASSERT_EQ(Store(9, 'P').sig, 0);
  ASSERT_EQ(Load(2).value, 'c');
  ASSERT_EQ(file_.Truncate(PAGE_SIZE), 0);
  for (const uint64_t page : {1, 2, 9}) EXPECT_EQ(Load(page).sig, SIGBUS);
  EXPECT_EQ(file_.mapping()->nrpages, 1u);
  ASSERT_EQ(file_.Truncate(2 * PAGE_SIZE), 0);
  for (const uint64_t page : {1, 9}) EXPECT_EQ(Load(page).value, 0u);
  EXPECT_EQ(validate_mm(machine_.mm()), 0u);
}

TEST_F(TruncateTest, PageThatSomebodyHoldsLeavesTheCache) {
  file_.WritePages(0, "ab");
  struct page* held = find_get_page(file_.mapping(), 1);
  ASSERT_EQ(file_.Truncate(PAGE_SIZE), 0);
  EXPECT_EQ(held->mapping, nullptr);
  EXPECT_FALSE(PageDirty(held));
  lock_page(held);
  EXPECT_EQ(truncate_inode_page(file_.mapping(), held), -EIO);
  unlock_page(held);
  put_page(held);
}

// ---- invalidation ----

TEST_F(TruncateTest, InvalidationTakesCleanPagesThatNobodyUses) {
  ASSERT_EQ(file_.Truncate(6 * PAGE_SIZE), 0);
  // 0 dirty, 1 mapped, 2 locked, 3 held, 4 and 5 clean and free.
  file_.WritePages(0, "a");
  EXPECT_EQ(file_.Read(PAGE_SIZE, 5 * PAGE_SIZE).size(), 5 * PAGE_SIZE);
  ASSERT_EQ(file_.mapping()->nrpages, 6u);
  machine_.machine()->fault_around_bytes = PAGE_SIZE;
  ASSERT_EQ(MapFile(file_.get(), 0, 1, MAP_SHARED, 1), 0);
  Load(0);
  struct page* locked = file_.Cached(2);
  lock_page(locked);
  struct page* held = find_get_page(file_.mapping(), 3);
  EXPECT_EQ(invalidate_mapping_pages(file_.mapping(), 0, 4), 1u);
  EXPECT_EQ(file_.Cached(4), nullptr);
  EXPECT_NE(file_.Cached(5), nullptr);
  unlock_page(locked);
  put_page(held);
  EXPECT_EQ(vfs_fadvise(file_.get(), 0, 0, 4), 0);
  EXPECT_NE(file_.Cached(0), nullptr);
  EXPECT_NE(file_.Cached(1), nullptr);
  EXPECT_EQ(file_.mapping()->nrpages, 2u);
}

TEST_F(TruncateTest, AdviceCountsWholePagesOnly) {
  ASSERT_EQ(file_.Truncate(4 * PAGE_SIZE), 0);
  file_.Read(0, 4 * PAGE_SIZE);
  EXPECT_EQ(vfs_fadvise(file_.get(), 1, 3 * PAGE_SIZE - 2, 4), 0);
  EXPECT_NE(file_.Cached(0), nullptr);
  EXPECT_EQ(file_.Cached(1), nullptr);
  EXPECT_NE(file_.Cached(2), nullptr);
  EXPECT_EQ(vfs_fadvise(file_.get(), 0, 10, 4), 0);
  EXPECT_NE(file_.Cached(0), nullptr);
  EXPECT_EQ(vfs_fadvise(file_.get(), 0, 0, 3), 0);
  EXPECT_NE(file_.Cached(0), nullptr);
  EXPECT_EQ(vfs_fadvise(file_.get(), 0, 0, 17), -EINVAL);
  EXPECT_EQ(vfs_fadvise(file_.get(), 0, -1, 4), -EINVAL);
}

TEST_F(TruncateTest, SecondKindUnmapsButKeepsCopiesAndDirtyPages) {
  ASSERT_EQ(file_.Truncate(4 * PAGE_SIZE), 0);
  ASSERT_EQ(MapFile(file_.get(), 0, 4, MAP_SHARED), 0);
  ASSERT_EQ(MapFile(file_.get(), 8, 4, MAP_PRIVATE), 0);
  for (uint64_t page = 0; page < 4; ++page) Load(page);
  ASSERT_EQ(Store(10, 'P').sig, 0);
  EXPECT_EQ(invalidate_inode_pages2_range(file_.mapping(), 1, 3), 0);
  EXPECT_EQ(file_.mapping()->nrpages, 1u);
  EXPECT_EQ(PteAt(machine_.mm(), 1).pte, 0u);
  EXPECT_NE(PteAt(machine_.mm(), 0).pte, 0u);
  EXPECT_EQ(Load(10).value, 'P');
  ASSERT_EQ(Store(2, 'S').sig, 0);
  Load(3);
  EXPECT_EQ(invalidate_inode_pages2_range(file_.mapping(), 0, ~pgoff_t{0}),
            -EBUSY);
  EXPECT_EQ(file_.mapping()->nrpages, 1u);
  EXPECT_EQ(Load(2).value, 'S');
  EXPECT_EQ(validate_mm(machine_.mm()), 0u);
}

// ---- unmap_mapping_range ----

TEST_F(TruncateTest, UnmappingRoundsOutwardsAndMayReachTheEnd) {
  file_.WritePages(0, "abcd");
  machine_.machine()->fault_around_bytes = PAGE_SIZE;
  ASSERT_EQ(MapFile(file_.get(), 0, 3, MAP_SHARED, 1), 0);
  for (uint64_t page = 0; page < 3; ++page) Load(page);
  unmap_mapping_range(file_.mapping(), 2 * PAGE_SIZE + 5, 1, 0);
  EXPECT_NE(PteAt(machine_.mm(), 0).pte, 0u);
  EXPECT_EQ(PteAt(machine_.mm(), 1).pte, 0u);
  EXPECT_NE(PteAt(machine_.mm(), 2).pte, 0u);
  unmap_mapping_range(file_.mapping(), 0, 0, 0);
  EXPECT_EQ(PteAt(machine_.mm(), 0).pte, 0u);
  EXPECT_EQ(PteAt(machine_.mm(), 2).pte, 0u);
  EXPECT_EQ(get_mm_rss(machine_.mm()), 0u);
}

TEST_F(TruncateTest, UnmappingKeepsDirtyMarks) {
  ASSERT_EQ(file_.Truncate(PAGE_SIZE), 0);
  ASSERT_EQ(MapFile(file_.get(), 0, 1, MAP_SHARED), 0);
  ASSERT_EQ(Store(0, 'x').sig, 0);
  ClearPageDirty(file_.Cached(0));
  unmap_mapping_range(file_.mapping(), 0, 0, 0);
  EXPECT_TRUE(PageDirty(file_.Cached(0)));
}

}  // namespace
}  // namespace faultline
