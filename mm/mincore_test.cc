// SPDX-License-Identifier: GPL-2.0-only
//
// mincore: what counts as being in memory, and where the answer goes.

#include <string>

#include "mm/testing.h"

// After the C library's headers, some of whose names they define.
#include "mm/fault.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;

class MincoreTest : public testing::Test {
 protected:
  // Answers are stored here.
  static constexpr uint64_t kVec = 1000;

  MincoreTest() { EXPECT_EQ(MapPages(nullptr, kVec, 2, kRw), 0); }
  ~MincoreTest() override {
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  // '0' and '1' as answered, or the errno.
  std::string Ask(uint64_t page, uint64_t pages) {
    const int64_t error =
        sys_mincore(PageAddress(page), pages << PAGE_SHIFT, PageAddress(kVec));
    if (error != 0) return std::to_string(error);
    std::string answer;
    for (uint64_t i = 0; i < pages; ++i) {
      struct fl_user_result result = {};
      user_access(FL_LOAD, PageAddress(kVec) + static_cast<kulong>(i), 1, 0,
                  &result);
      EXPECT_EQ(result.sig, 0);
      answer += static_cast<char>('0' + result.value);
    }
    return answer;
  }
  void Touch(uint64_t page) {
    struct fl_user_result result = {};
    user_access(FL_LOAD, PageAddress(page), 1, 0, &result);
    EXPECT_EQ(result.sig, 0);
  }

  TestMachine machine_;
};

TEST_F(MincoreTest, AnonymousMemoryIsThereOnceTouched) {
  MapStrip(nullptr, "WwwwW");
  EXPECT_EQ(Ask(0, 5), "00000");
  TouchForWrite(machine_.mm(), 1);
  Touch(4);
  EXPECT_EQ(Ask(0, 5), "01001");
  EXPECT_EQ(Ask(1, 1), "1");
}

TEST_F(MincoreTest, FilePagesAreThereWhenTheCacheHasThem) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(0), 4 * PAGE_SIZE, PROT_READ,
                          MAP_PRIVATE | MAP_FIXED, 2),
            0);
  EXPECT_EQ(Ask(0, 4), "0000");
  char byte;
  loff_t position = 3 * PAGE_SIZE;
  ASSERT_EQ(generic_file_read(file.get(), &byte, 1, &position), 1);
  EXPECT_EQ(Ask(0, 4), "0100");
  Touch(3);
  ASSERT_EQ(do_madvise(PageAddress(3), PAGE_SIZE, 4), 0);
  EXPECT_EQ(Ask(0, 4), "0101");
  ClearPageUptodate(file.CachedPage(5));
  EXPECT_EQ(Ask(0, 4), "0100");
  SetPageUptodate(file.CachedPage(5));
}

// Whatever the page tables hold: such a range is not walked.
TEST_F(MincoreTest, DeviceMappingIsNeverInCore) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(0), 2 * PAGE_SIZE, PROT_READ,
                          MAP_PRIVATE | MAP_FIXED, 4),
            0);
  Touch(0);
  ASSERT_EQ(Ask(0, 2), "10");
  struct vm_area_struct* vma = find_vma(machine_.mm(), PageAddress(0));
  vma->vm_flags |= VM_PFNMAP;
  const kulong pgoff = vma->vm_pgoff;
  unlink_file_vma(vma);
  vma->vm_pgoff = 0x40000;
  EXPECT_EQ(Ask(0, 2), "00");
  vma->vm_pgoff = pgoff;
  vma->vm_flags &= ~static_cast<kulong>(VM_PFNMAP);
  i_mmap_lock_write(&file.inode()->i_data);
  vma_interval_tree_insert(vma, &file.inode()->i_data.i_mmap);
  i_mmap_unlock_write(&file.inode()->i_data);
}

TEST_F(MincoreTest, HoleIsEnomemAndBadArgumentsAreTold) {
  MapStrip(nullptr, "Ww.W");
  EXPECT_EQ(Ask(0, 4), std::to_string(-ENOMEM));
  EXPECT_EQ(Ask(2, 1), std::to_string(-ENOMEM));
  EXPECT_EQ(sys_mincore(PageAddress(0) + 1, PAGE_SIZE, PageAddress(kVec)),
            -EINVAL);
  EXPECT_EQ(sys_mincore(PageAddress(0), TASK_SIZE, PageAddress(kVec)), -ENOMEM);
  EXPECT_EQ(sys_mincore(PageAddress(0), PAGE_SIZE, TASK_SIZE), -EFAULT);
  EXPECT_EQ(sys_mincore(PageAddress(0), PAGE_SIZE, PageAddress(2)), -EFAULT);
  EXPECT_EQ(sys_mincore(PageAddress(0), 0, PageAddress(2)), 0);
}

TEST_F(MincoreTest, LengthIsRoundedUpAndAnswersCrossPageTables) {
  const kulong at = 4 * PMD_SIZE - PAGE_SIZE;
  ASSERT_GT(vm_mmap_pgoff(nullptr, at, 3 * PAGE_SIZE, kRw,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0),
            0);
  struct fl_user_result result = {};
  user_access(FL_STORE, at + PAGE_SIZE, 1, 1, &result);
  ASSERT_EQ(sys_mincore(at, 2 * PAGE_SIZE + 1, PageAddress(kVec)), 0);
  user_access(FL_LOAD, PageAddress(kVec), 4, 0, &result);
  EXPECT_EQ(result.value, 0x00000100u);
}

TEST_F(MincoreTest, NoMemoryForTheAnswersIsEagain) {
  MapStrip(nullptr, "W");
  machine_.FailAllocations(0, 1);
  EXPECT_EQ(sys_mincore(PageAddress(0), PAGE_SIZE, PageAddress(kVec)), -EAGAIN);
  machine_.FailAllocations(0, 0);
  EXPECT_EQ(Ask(0, 1), "0");
}

}  // namespace
}  // namespace faultline
