// SPDX-License-Identifier: GPL-2.0-only
//
// madvise: pages given up lazily, and holes in files.

#include "mm/testing.h"

// After the C library's headers, some of whose names they define.
#include "mm/fault.h"
#include "mm/gup.h"
#include "mm/pgtable.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;
constexpr int kFree = 8;
constexpr int kRemove = 9;

class MadviseTest : public testing::Test {
 protected:
  ~MadviseTest() override {
    if (machine_.mm() != nullptr) {
      EXPECT_FALSE(rwsem_is_locked(&machine_.mm()->mmap_sem));
      EXPECT_EQ(validate_mm(machine_.mm()), 0u);
    }
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  static int64_t Advise(uint64_t page, uint64_t pages, int behavior) {
    return do_madvise(PageAddress(page), pages << PAGE_SHIFT, behavior);
  }
  void Store(uint64_t page) {
    struct fl_user_result result = {};
    user_access(FL_STORE, PageAddress(page), 1, 0x33, &result);
    EXPECT_EQ(result.sig, 0);
  }
  pte_t PteAt(uint64_t page) {
    pgd_t* pgd = pgd_offset(machine_.mm(), PageAddress(page));
    pud_t* pud = pud_offset(pgd, PageAddress(page));
    pmd_t* pmd = pmd_offset(pud, PageAddress(page));
    return fl_read_pte(pte_offset_map(pmd, PageAddress(page)));
  }

  TestMachine machine_;
};

TEST_F(MadviseTest, FreedPageIsCleanUntilItIsWrittenAgain) {
  MapStrip(nullptr, "Wwww");
  Store(1);
  Store(2);
  struct page* page = pfn_to_page(pte_pfn(PteAt(1)));
  ASSERT_TRUE(pte_dirty(PteAt(1)));
  ASSERT_TRUE(PageSwapBacked(page));
  ASSERT_EQ(Advise(0, 2, kFree), 0);
  EXPECT_FALSE(pte_dirty(PteAt(1)));
  EXPECT_FALSE(pte_young(PteAt(1)));
  EXPECT_TRUE(pte_present(PteAt(1)));
  EXPECT_FALSE(PageSwapBacked(page));
  EXPECT_TRUE(pte_dirty(PteAt(2)));
  struct fl_user_result result = {};
  user_access(FL_LOAD, PageAddress(1), 1, 0, &result);
  EXPECT_EQ(result.value, 0x33u);
  EXPECT_FALSE(pte_dirty(PteAt(1)));
  Store(1);
  EXPECT_TRUE(pte_dirty(PteAt(1)));
}

TEST_F(MadviseTest, DirtyPageThatIsLockedStays) {
  MapStrip(nullptr, "W");
  Store(0);
  struct page* page = pfn_to_page(pte_pfn(PteAt(0)));
  SetPageDirty(page);
  lock_page(page);
  ASSERT_EQ(Advise(0, 1, kFree), 0);
  unlock_page(page);
  EXPECT_TRUE(pte_dirty(PteAt(0)));
  ASSERT_EQ(Advise(0, 1, kFree), 0);
  EXPECT_FALSE(pte_dirty(PteAt(0)));
  EXPECT_FALSE(PageDirty(page));
}

TEST_F(MadviseTest, OnlyAnonymousMemoryIsFreed) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  ASSERT_EQ(MapPages(file.get(), 0, 2, kRw), 0);
  EXPECT_EQ(Advise(0, 2, kFree), -EINVAL);
}

TEST_F(MadviseTest, RemovePunchesAHoleInAWritableSharedFileOnly) {
  TestDataFile file(&machine_, 16 * PAGE_SIZE, nullptr,
                    FMODE_READ | FMODE_WRITE);
  MapStrip(nullptr, "W");
  EXPECT_EQ(Advise(0, 1, kRemove), -EINVAL);
  ASSERT_EQ(MapPages(file.get(), 2, 2, kRw), 0);
  EXPECT_EQ(Advise(2, 2, kRemove), -EACCES);
  for (uint64_t at : {8, 12}) {
    ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(at), 4 * PAGE_SIZE, kRw,
                            MAP_SHARED | MAP_FIXED, static_cast<kulong>(at)),
              0);
  }
  ASSERT_EQ(Advise(9, 2, kRemove), 0);
  EXPECT_EQ(file.fallocates, 1);
  EXPECT_EQ(file.last_start, static_cast<int64_t>(9 * PAGE_SIZE));
  EXPECT_EQ(file.last_end, static_cast<int64_t>(11 * PAGE_SIZE));
  file.answer = -EIO;
  EXPECT_EQ(Advise(9, 2, kRemove), -EIO);
  ASSERT_EQ(sys_mlock(PageAddress(8), PAGE_SIZE), 0);
  EXPECT_EQ(Advise(8, 1, kRemove), -EINVAL);
}

TEST_F(MadviseTest, RemoveFindsTheNextMappingAnew) {
  TestDataFile file(&machine_, 16 * PAGE_SIZE, nullptr,
                    FMODE_READ | FMODE_WRITE);
  static int calls;
  calls = 0;
  struct file_operations ops = *file.get()->f_op;
  ops.fallocate = [](struct file*, int, loff_t, loff_t) {
    ++calls;
    return vm_munmap(PageAddress(0), 8 * PAGE_SIZE);
  };
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(0), 2 * PAGE_SIZE, kRw,
                          MAP_SHARED | MAP_FIXED, 0),
            0);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(2), 2 * PAGE_SIZE, kRw,
                          MAP_SHARED | MAP_FIXED, 9),
            0);
  file.get()->f_op = &ops;
  EXPECT_EQ(Advise(0, 4, kRemove), -ENOMEM);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace faultline
