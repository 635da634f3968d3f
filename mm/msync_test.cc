// SPDX-License-Identifier: GPL-2.0-only
//
// msync: which files are synced over which bytes, and errno.

#include "mm/testing.h"

// After the C library's headers, some of whose names they define.
#include "mm/fault.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;

class MsyncTest : public testing::Test {
 protected:
  ~MsyncTest() override {
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }
  static int64_t Sync(uint64_t page, uint64_t pages, uint32_t flags) {
    return sys_msync(PageAddress(page), pages << PAGE_SHIFT, flags);
  }
  static void MapShared(TestDataFile* file, uint64_t at, uint64_t pages,
                        uint64_t page) {
    ASSERT_GT(
        vm_mmap_pgoff(file->get(), PageAddress(at), pages << PAGE_SHIFT, kRw,
                      MAP_SHARED | MAP_FIXED, static_cast<kulong>(page)),
        0);
  }

  TestMachine machine_;
};

TEST_F(MsyncTest, SharedFileIsSyncedOverTheBytesMapped) {
  TestDataFile file(&machine_, 16 * PAGE_SIZE, nullptr,
                    FMODE_READ | FMODE_WRITE);
  MapShared(&file, 0, 4, 6);
  ASSERT_EQ(Sync(1, 2, FL_MS_SYNC), 0);
  EXPECT_EQ(file.fsyncs, 1);
  EXPECT_EQ(file.last_start, static_cast<int64_t>(7 * PAGE_SIZE));
  EXPECT_EQ(file.last_end, static_cast<int64_t>(9 * PAGE_SIZE - 1));
  EXPECT_EQ(Sync(0, 4, FL_MS_ASYNC), 0);
  EXPECT_EQ(Sync(0, 4, FL_MS_INVALIDATE), 0);
  EXPECT_EQ(file.fsyncs, 1);
}

TEST_F(MsyncTest, PrivateAndAnonymousMemoryHasNothingToSync) {
  TestDataFile file(&machine_, 16 * PAGE_SIZE, nullptr,
                    FMODE_READ | FMODE_WRITE);
  ASSERT_EQ(MapPages(file.get(), 0, 2, kRw), 0);
  ASSERT_EQ(MapPages(nullptr, 2, 2, kRw), 0);
  EXPECT_EQ(Sync(0, 4, FL_MS_SYNC), 0);
  EXPECT_EQ(file.fsyncs, 0);
}

TEST_F(MsyncTest, HolesAreToldAtTheEnd) {
  TestDataFile file(&machine_, 16 * PAGE_SIZE, nullptr,
                    FMODE_READ | FMODE_WRITE);
  MapShared(&file, 0, 1, 0);
  MapShared(&file, 2, 1, 2);
  EXPECT_EQ(Sync(0, 3, FL_MS_SYNC), -ENOMEM);
  EXPECT_EQ(file.fsyncs, 2);
  EXPECT_EQ(Sync(0, 4, FL_MS_SYNC), -ENOMEM);
  EXPECT_EQ(Sync(1, 1, FL_MS_ASYNC), -ENOMEM);
}

TEST_F(MsyncTest, FailureOfTheFileEndsIt) {
  TestDataFile file(&machine_, 16 * PAGE_SIZE, nullptr,
                    FMODE_READ | FMODE_WRITE);
  MapShared(&file, 0, 1, 0);
  MapShared(&file, 2, 1, 2);
  file.answer = -EIO;
  EXPECT_EQ(Sync(0, 3, FL_MS_SYNC), -EIO);
  EXPECT_EQ(file.fsyncs, 1);
}

// The lock is dropped meanwhile: the file may even unmap what follows.
TEST_F(MsyncTest, NextMappingIsLookedUpAnew) {
  static bool held;
  held = false;
  TestDataFile file(&machine_, 16 * PAGE_SIZE, nullptr,
                    FMODE_READ | FMODE_WRITE);
  struct file_operations ops = *file.get()->f_op;
  ops.fsync = [](struct file*, loff_t, loff_t, int) {
    held = rwsem_is_locked(&current->mm->mmap_sem);
    return vm_munmap(PageAddress(0), 4 * PAGE_SIZE);
  };
  MapShared(&file, 0, 1, 0);
  MapShared(&file, 2, 1, 2);
  file.get()->f_op = &ops;
  EXPECT_EQ(Sync(0, 3, FL_MS_SYNC), -ENOMEM);
  EXPECT_FALSE(held);
  EXPECT_EQ(machine_.mm()->map_count, 0);
}

TEST_F(MsyncTest, BadArgumentsAreTold) {
  MapStrip(nullptr, "Ww");
  EXPECT_EQ(Sync(0, 1, 8), -EINVAL);
  EXPECT_EQ(Sync(0, 1, FL_MS_SYNC | FL_MS_ASYNC), -EINVAL);
  EXPECT_EQ(sys_msync(PageAddress(0) + 1, 1, FL_MS_SYNC), -EINVAL);
  EXPECT_EQ(sys_msync(PageAddress(0), ~static_cast<kulong>(0) - PAGE_SIZE, 0),
            -ENOMEM);
  EXPECT_EQ(Sync(0, 0, FL_MS_SYNC), 0);
  EXPECT_EQ(Sync(1, 2, 0), -ENOMEM);
}

}  // namespace
}  // namespace faultline
