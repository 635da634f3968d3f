// SPDX-License-Identifier: GPL-2.0-only
//
// Write faults on shared file mappings: ->page_mkwrite and its answers, a page
// that truncation takes meanwhile, protections that keep the notice coming.

#include <cstdint>
#include <string>

#include "mm/testing_files.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;

class SharedFaultTest : public testing::Test {
 protected:
  SharedFaultTest() {
    file_.WritePages(0, "ab");
    for (uint64_t page = 0; page < 2; ++page) {
      ClearPageDirty(file_.Cached(page));
    }
    machine_.machine()->fault_around_bytes = PAGE_SIZE;
    EXPECT_EQ(MapFile(file_.get(), 0, 2, MAP_SHARED), 0);
    ops_ = generic_file_vm_ops;
    ops_.page_mkwrite = Mkwrite;
    machine_.mm()->mmap->vm_ops = &ops_;
    self_ = this;
  }
  ~SharedFaultTest() override { self_ = nullptr; }

  // As the test says, the first time that it is asked.
  static int Mkwrite(struct vm_fault* vmf) {
    SharedFaultTest* self = self_;
    ++self->calls_;
    EXPECT_EQ(vmf->flags,
              static_cast<uint32_t>(FAULT_FLAG_WRITE | FAULT_FLAG_MKWRITE));
    EXPECT_FALSE(PageLocked(vmf->page));
    if (self->truncate_ && self->calls_ == 1) {
      EXPECT_EQ(self->file_.Truncate(0), 0);
    }
    if (self->calls_ == 1 && self->answer_ != VM_FAULT_LOCKED) {
      return self->answer_;
    }
    return filemap_page_mkwrite(vmf);
  }

  static SharedFaultTest* self_;
  TestMachine machine_;
  MemoryFile file_{&machine_, &ramfs_fs_type};
  struct vm_operations_struct ops_;
  int calls_ = 0;
  int answer_ = VM_FAULT_LOCKED;
  bool truncate_ = false;
};

SharedFaultTest* SharedFaultTest::self_ = nullptr;

TEST_F(SharedFaultTest, FirstWriteAsksOnceAndDirties) {
  ASSERT_EQ(Store(0, 'x').sig, 0);
  ASSERT_EQ(Store(0, 'y').sig, 0);
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(PageDirty(file_.Cached(0)));
  EXPECT_FALSE(PageLocked(file_.Cached(0)));
  EXPECT_EQ(file_.Read(0, 2), "ya");
}

TEST_F(SharedFaultTest, ReadMapsReadOnlyAndTheWriteAsks) {
  EXPECT_EQ(Load(0).value, 'a');
  EXPECT_FALSE(pte_write(PteAt(machine_.mm(), 0)));
  EXPECT_EQ(calls_, 0);
  ASSERT_EQ(Store(0, 'x').sig, 0);
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(pte_write(PteAt(machine_.mm(), 0)));
  EXPECT_EQ(page_ref_count(file_.Cached(0)), 2);
  EXPECT_EQ(file_.Read(0, 1), "x");
}

// The page is gone when page_mkwrite looks: the access starts over, and now
// lies beyond the end.
TEST_F(SharedFaultTest, TruncationBeforeTheLockMeansSigbus) {
  truncate_ = true;
  EXPECT_EQ(Store(0, 'x').sig, SIGBUS);
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(file_.mapping()->nrpages, 0u);
}

TEST_F(SharedFaultTest, TruncationBeforeTheLockOfAMappedPage) {
  Load(1);
  truncate_ = true;
  EXPECT_EQ(Store(1, 'x').sig, SIGBUS);
  EXPECT_EQ(PteAt(machine_.mm(), 1).pte, 0u);
}

// A driver that locks nothing leaves it to the fault to look at the mapping.
TEST_F(SharedFaultTest, UnlockedAnswerIsChecked) {
  answer_ = 0;
  ASSERT_EQ(Store(0, 'x').sig, 0);
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(PageDirty(file_.Cached(0)));
  answer_ = 0;
  calls_ = 0;
  truncate_ = true;
  EXPECT_EQ(Store(1, 'x').sig, SIGBUS);
}

TEST_F(SharedFaultTest, RefusalIsASignalAndLeavesNothing) {
  answer_ = VM_FAULT_SIGBUS;
  EXPECT_EQ(Store(0, 'x').sig, SIGBUS);
  EXPECT_EQ(page_ref_count(file_.Cached(0)), 1);
  EXPECT_FALSE(PageDirty(file_.Cached(0)));
  EXPECT_FALSE(PageLocked(file_.Cached(0)));
  calls_ = 0;
  Load(0);
  EXPECT_EQ(Store(0, 'x').sig, SIGBUS);
  EXPECT_FALSE(pte_write(PteAt(machine_.mm(), 0)));
  EXPECT_EQ(page_ref_count(file_.Cached(0)), 2);
}

TEST_F(SharedFaultTest, MprotectGivesWritingBackToDirtyPagesOnly) {
  ASSERT_EQ(Store(0, 'x').sig, 0);
  Load(1);
  ASSERT_EQ(do_mprotect(PageAddress(0), 2 * PAGE_SIZE, PROT_READ), 0);
  EXPECT_FALSE(pte_write(PteAt(machine_.mm(), 0)));
  EXPECT_EQ(Store(0, 'y').sig, SIGSEGV);
  ASSERT_EQ(do_mprotect(PageAddress(0), 2 * PAGE_SIZE, kRw), 0);
  EXPECT_TRUE(pte_write(PteAt(machine_.mm(), 0)));
  EXPECT_FALSE(pte_write(PteAt(machine_.mm(), 1)));
  ASSERT_EQ(Store(0, 'y').sig, 0);
  EXPECT_EQ(calls_, 1);
  ASSERT_EQ(Store(1, 'y').sig, 0);
  EXPECT_EQ(calls_, 2);
}

TEST_F(SharedFaultTest, CleanedPageAsksAgain) {
  ASSERT_EQ(Store(0, 'x').sig, 0);
  struct page* page = file_.Cached(0);
  lock_page(page);
  EXPECT_EQ(page_mkclean(page), 1);
  unlock_page(page);
  EXPECT_FALSE(pte_write(PteAt(machine_.mm(), 0)));
  ASSERT_EQ(Store(0, 'y').sig, 0);
  EXPECT_EQ(calls_, 2);
  EXPECT_EQ(file_.Read(0, 1), "y");
}

TEST_F(SharedFaultTest, ChildWritesThroughAndItsEntryStartsClean) {
  ASSERT_EQ(Store(0, 'x').sig, 0);
  TestTask child(&machine_);
  // Not populated by fork: the child faults for itself.
  ASSERT_EQ(sys_fork(child.get()), 0);
  EXPECT_EQ(PteAt(child.mm(), 0).pte, 0u);
  {
    RunAs as(child.get());
    EXPECT_EQ(Load(0).value, 'x');
    EXPECT_FALSE(pte_write(PteAt(child.mm(), 0)));
    ASSERT_EQ(Store(0, 'y').sig, 0);
  }
  EXPECT_EQ(Load(0).value, 'y');
  EXPECT_EQ(page_mapcount(file_.Cached(0)), 2);
  child.Exit();
}

TEST_F(SharedFaultTest, DirtyPageWithoutWritebackCannotMove) {
  ASSERT_EQ(Store(0, 'x').sig, 0);
  Load(1);
  struct page* dirty = file_.Cached(0);
  struct page* clean = file_.Cached(1);
  ASSERT_FALSE(PageDirty(clean));
  EXPECT_EQ(compact_pages(2), 1);
  EXPECT_EQ(file_.Cached(0), dirty);
  EXPECT_NE(file_.Cached(1), clean);
  EXPECT_EQ(Load(0).value, 'x');
  EXPECT_EQ(Load(1).value, 'b');
  EXPECT_TRUE(PageLRU(dirty));
}

TEST_F(SharedFaultTest, SyncHasNothingToDo) {
  ASSERT_EQ(Store(0, 'x').sig, 0);
  EXPECT_EQ(sys_msync(PageAddress(0), 2 * PAGE_SIZE, 4), 0);
  EXPECT_TRUE(PageDirty(file_.Cached(0)));
}

}  // namespace
}  // namespace faultline
