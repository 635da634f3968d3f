// SPDX-License-Identifier: GPL-2.0-only
//
// mlock and its relatives: which vmas and pages are marked, what is counted
// and faulted in, errno, and what is left when memory runs out.

#include <functional>
#include <string>
#include <vector>

#include "mm/testing.h"

// After the C library's headers, some of whose names they define.
#include "mm/fault.h"
#include "mm/gup.h"

namespace faultline {
namespace {

constexpr kulong kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr kulong kRw = PROT_READ | PROT_WRITE;

class MlockTest : public testing::Test {
 protected:
  ~MlockTest() override {
    if (machine_.mm() != nullptr) {
      EXPECT_EQ(validate_mm(mm()), 0u);
    }
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  struct mm_struct* mm() {
    return machine_.mm();
  }
  static int64_t Lock(uint64_t page, uint64_t pages) {
    return sys_mlock(PageAddress(page), pages << PAGE_SHIFT);
  }
  static int64_t Unlock(uint64_t page, uint64_t pages) {
    return sys_munlock(PageAddress(page), pages << PAGE_SHIFT);
  }
  // The page at that address, which must be mapped; no reference.
  struct page* PageAt(uint64_t page) {
    down_read(&mm()->mmap_sem);
    struct vm_area_struct* vma = find_vma(mm(), PageAddress(page));
    struct page* found = follow_page(vma, PageAddress(page), 0);
    up_read(&mm()->mmap_sem);
    return IS_ERR_OR_NULL(found) ? nullptr : found;
  }
  // For each page: '.' not mapped in, '-' no mark, 'M' marked.
  std::string Marks(uint64_t pages) {
    std::string marks;
    for (uint64_t i = 0; i < pages; ++i) {
      struct page* page = PageAt(i);
      marks += page == nullptr ? '.' : PageMlocked(page) ? 'M' : '-';
    }
    return marks;
  }
  // 'L' or 'F' (on fault) where a locked vma lies, '-' another one.
  std::string Locked(uint64_t pages) {
    std::string strip(pages, '.');
    for (struct vm_area_struct* vma = mm()->mmap; vma; vma = vma->vm_next) {
      for (uint64_t i = 0; i < pages; ++i) {
        if (PageAddress(i) < vma->vm_start || PageAddress(i) >= vma->vm_end) {
          continue;
        }
        strip[i] = !(vma->vm_flags & VM_LOCKED)       ? '-'
                   : (vma->vm_flags & VM_LOCKONFAULT) ? 'F'
                                                      : 'L';
      }
    }
    return strip;
  }
  uint8_t Load(uint64_t page) {
    struct fl_user_result result = {};
    user_access(FL_LOAD, PageAddress(page), 1, 0, &result);
    EXPECT_EQ(result.sig, 0);
    return static_cast<uint8_t>(result.value);
  }

  TestMachine machine_;
};

TEST_F(MlockTest, LockedPagesAreThereAndMarked) {
  MapStrip(nullptr, "Wwwwww");
  ASSERT_EQ(Lock(1, 3), 0);
  EXPECT_EQ(Locked(6), "-LLL--");
  EXPECT_EQ(Marks(6), ".MMM..");
  EXPECT_EQ(Strip(mm(), 6), "WWwwWw");
  EXPECT_EQ(mm()->locked_vm, 3u);
}

TEST_F(MlockTest, ByteRangesCoverEveryPageTheyTouch) {
  MapStrip(nullptr, "Wwww");
  ASSERT_EQ(sys_mlock(PageAddress(0) + 4000, 200), 0);
  EXPECT_EQ(Locked(4), "LL--");
  ASSERT_EQ(sys_munlock(PageAddress(1) + 4095, 1), 0);
  EXPECT_EQ(Locked(4), "L---");
  EXPECT_EQ(sys_mlock(PageAddress(3), 0), 0);
  EXPECT_EQ(Locked(4), "L---");
}

TEST_F(MlockTest, UnlockTakesTheMarksAwayAndMergesAgain) {
  MapStrip(nullptr, "Wwwwww");
  ASSERT_EQ(Lock(0, 6), 0);
  ASSERT_EQ(Unlock(2, 2), 0);
  EXPECT_EQ(Strip(mm(), 6), "WwWwWw");
  EXPECT_EQ(Marks(6), "MM--MM");
  EXPECT_EQ(mm()->locked_vm, 4u);
  ASSERT_EQ(Unlock(0, 6), 0);
  EXPECT_EQ(Strip(mm(), 6), "Wwwwww");
  EXPECT_EQ(Marks(6), "------");
  EXPECT_EQ(mm()->locked_vm, 0u);
}

TEST_F(MlockTest, ReadOnlyMemoryIsFaultedInUnwritten) {
  MapStrip(nullptr, "Rr");
  ASSERT_EQ(Lock(0, 2), 0);
  EXPECT_EQ(PageAt(0), machine_.machine()->zero_page);
  EXPECT_FALSE(PageMlocked(machine_.machine()->zero_page));
}

TEST_F(MlockTest, PageStaysMarkedWhileAnotherLockedVmaMapsIt) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(0), 2 * PAGE_SIZE, PROT_READ,
                          MAP_PRIVATE | MAP_FIXED, 0),
            0);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(4), 2 * PAGE_SIZE, PROT_READ,
                          MAP_PRIVATE | MAP_FIXED, 0),
            0);
  ASSERT_EQ(Lock(0, 2), 0);
  ASSERT_EQ(Lock(4, 2), 0);
  ASSERT_EQ(PageAt(0), PageAt(4));
  ASSERT_EQ(Unlock(0, 2), 0);
  EXPECT_TRUE(PageMlocked(file.CachedPage(0)));
  EXPECT_TRUE(PageMlocked(file.CachedPage(1)));
  ASSERT_EQ(vm_munmap(PageAddress(4), PAGE_SIZE), 0);
  EXPECT_FALSE(PageMlocked(file.CachedPage(0)));
  EXPECT_TRUE(PageMlocked(file.CachedPage(1)));
  ASSERT_EQ(Unlock(5, 1), 0);
  EXPECT_FALSE(PageMlocked(file.CachedPage(1)));
}

TEST_F(MlockTest, LockedVmaThatDoesNotMapThePageGivesNoMarkBack) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  for (uint64_t at : {0, 4, 8}) {
    ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(at), PAGE_SIZE, kRw,
                            MAP_PRIVATE | MAP_FIXED, 0),
              0);
    Load(at);
  }
  ASSERT_EQ(Lock(0, 1), 0);  // writable: a private copy is locked
  ASSERT_NE(PageAt(0), file.CachedPage(0));
  struct page* page = file.CachedPage(0);
  lock_page(page);
  mlock_vma_page(page);
  munlock_vma_page(page);
  unlock_page(page);
  EXPECT_FALSE(PageMlocked(page));
}

TEST_F(MlockTest, LastUnmapTakesTheMark) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(0), PAGE_SIZE, PROT_READ,
                          MAP_PRIVATE | MAP_FIXED, 0),
            0);
  ASSERT_EQ(Lock(0, 1), 0);
  struct page* page = file.CachedPage(0);
  ASSERT_TRUE(PageMlocked(page));
  machine_.PutMm();
  EXPECT_FALSE(PageMlocked(page));
  EXPECT_EQ(page_mapcount(page), 0);
}

TEST_F(MlockTest, CopyOfALockedPageIsMarkedAndTheOldOneIsNot) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(0), PAGE_SIZE, PROT_READ,
                          MAP_PRIVATE | MAP_FIXED, 0),
            0);
  ASSERT_EQ(Lock(0, 1), 0);
  struct page* old_page = file.CachedPage(0);
  ASSERT_EQ(PageAt(0), old_page);
  // Copied at once, as the mapping is locked.
  ASSERT_EQ(do_mprotect(PageAddress(0), PAGE_SIZE, kRw), 0);
  EXPECT_NE(PageAt(0), old_page);
  EXPECT_TRUE(PageMlocked(PageAt(0)));
  EXPECT_FALSE(PageMlocked(old_page));
}

TEST_F(MlockTest, SpecialMappingSucceedsWithoutEffect) {
  TestFile special(&machine_, [](struct file*, struct vm_area_struct* vma) {
    vma->vm_flags |= VM_PFNMAP | VM_IO | VM_DONTEXPAND;
    return 0;
  });
  ASSERT_EQ(MapPages(special.get(), 0, 2, PROT_READ), 0);
  EXPECT_EQ(Lock(0, 2), 0);
  EXPECT_EQ(Locked(2), "--");
  EXPECT_EQ(mm()->locked_vm, 0u);
  EXPECT_EQ(Unlock(0, 1), 0);
  EXPECT_EQ(Strip(mm(), 2), "Rr");
  machine_.PutMm();
}

TEST_F(MlockTest, HoleIsToldAfterWhatLiesBeforeIt) {
  MapStrip(nullptr, "Www.Ww");
  EXPECT_EQ(Lock(0, 6), -ENOMEM);
  EXPECT_EQ(Locked(6), "LLL.--");
  // mlock of 4.13 gives up before it populates.
  EXPECT_EQ(Marks(3), "...");
  EXPECT_EQ(Unlock(2, 2), -ENOMEM);
  EXPECT_EQ(Locked(6), "LL-.--");
  EXPECT_EQ(Lock(3, 1), -ENOMEM);
}

TEST_F(MlockTest, WhatCannotBeFaultedInIsEnomemAndLockedAllTheSame) {
  TestDataFile file(&machine_, PAGE_SIZE);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(0), 3 * PAGE_SIZE, PROT_READ,
                          MAP_PRIVATE | MAP_FIXED, 0),
            0);
  EXPECT_EQ(Lock(0, 3), -ENOMEM);
  EXPECT_EQ(Locked(3), "LLL");
  ASSERT_EQ(MapPages(nullptr, 4, 1, PROT_NONE), 0);
  EXPECT_EQ(Lock(4, 1), -ENOMEM);
}

// The default of RLIMIT_MEMLOCK is 64 KiB.
TEST_F(MlockTest, LimitCountsEachPageOnce) {
  ASSERT_EQ(MapPages(nullptr, 0, 32, kRw), 0);
  EXPECT_EQ(Lock(0, 17), -ENOMEM);
  EXPECT_EQ(mm()->locked_vm, 0u);
  ASSERT_EQ(Lock(0, 10), 0);
  EXPECT_EQ(Lock(10, 7), -ENOMEM);
  ASSERT_EQ(Lock(4, 12), 0);
  EXPECT_EQ(mm()->locked_vm, 16u);
  EXPECT_EQ(
      vm_mmap_pgoff(nullptr, 0, PAGE_SIZE, kRw, kAnonymous | MAP_LOCKED, 0),
      -EAGAIN);
  ASSERT_EQ(Unlock(0, 1), 0);
  EXPECT_GT(
      vm_mmap_pgoff(nullptr, 0, PAGE_SIZE, kRw, kAnonymous | MAP_LOCKED, 0), 0);
}

TEST_F(MlockTest, MapLockedIsThereAtOnce) {
  const int64_t address =
      vm_mmap_pgoff(nullptr, PageAddress(0), 3 * PAGE_SIZE, kRw,
                    kAnonymous | MAP_FIXED | MAP_LOCKED, 0);
  ASSERT_GT(address, 0);
  EXPECT_EQ(Marks(3), "MMM");
}

// What a locked mapping grows by is there at once.
TEST_F(MlockTest, GrownMappingAndHeapAreFaultedIn) {
  MapStrip(nullptr, "Ww");
  ASSERT_EQ(Lock(0, 2), 0);
  ASSERT_EQ(do_mremap(PageAddress(0), 2 * PAGE_SIZE, 4 * PAGE_SIZE, 0, 0),
            static_cast<int64_t>(PageAddress(0)));
  EXPECT_EQ(Marks(4), "MMMM");
  const kulong heap = static_cast<kulong>(do_sys_brk(0));
  ASSERT_EQ(sys_mlockall(FL_MCL_FUTURE), 0);
  ASSERT_EQ(do_sys_brk(heap + 2 * PAGE_SIZE),
            static_cast<int64_t>(heap + 2 * PAGE_SIZE));
  struct fl_user_result result = {};
  user_access(FL_STORE, heap + PAGE_SIZE, 1, 1, &result);
  EXPECT_EQ(result.faults, 0u);
}

TEST_F(MlockTest, OnFaultMarksWhatIsThereAndWhatComes) {
  MapStrip(nullptr, "Wwww");
  TouchForWrite(mm(), 1);
  ASSERT_EQ(sys_mlock2(PageAddress(0), 4 * PAGE_SIZE, FL_MLOCK_ONFAULT), 0);
  EXPECT_EQ(Locked(4), "FFFF");
  EXPECT_EQ(Marks(4), ".M..");
  TouchForWrite(mm(), 3);
  EXPECT_EQ(Marks(4), ".M.M");
  ASSERT_EQ(Lock(0, 2), 0);
  EXPECT_EQ(Locked(4), "LLFF");
  EXPECT_EQ(mm()->locked_vm, 4u);
  EXPECT_EQ(sys_mlock2(PageAddress(0), PAGE_SIZE, 2), -EINVAL);
}

TEST_F(MlockTest, AllCurrentMappingsAndTheFutureOnes) {
  MapStrip(nullptr, "Ww.Rr");
  ASSERT_EQ(sys_mlockall(FL_MCL_CURRENT), 0);
  EXPECT_EQ(Locked(5), "LL.LL");
  EXPECT_EQ(Marks(2), "MM");
  ASSERT_EQ(MapPages(nullptr, 6, 1, kRw), 0);
  EXPECT_EQ(Locked(7), "LL.LL.-");

  ASSERT_EQ(sys_mlockall(FL_MCL_FUTURE), 0);
  ASSERT_EQ(MapPages(nullptr, 8, 1, kRw), 0);
  EXPECT_EQ(Locked(9), "LL.LL.-.L");
  EXPECT_TRUE(PageMlocked(PageAt(8)));

  ASSERT_EQ(sys_mlockall(FL_MCL_FUTURE | FL_MCL_ONFAULT), 0);
  ASSERT_EQ(MapPages(nullptr, 10, 1, kRw), 0);
  EXPECT_EQ(Locked(11), "LL.LL.-.L.F");
  EXPECT_EQ(PageAt(10), nullptr);

  ASSERT_EQ(sys_munlockall(), 0);
  EXPECT_EQ(Locked(11), "--.--.-.-.-");
  EXPECT_EQ(mm()->locked_vm, 0u);
  ASSERT_EQ(MapPages(nullptr, 12, 1, kRw), 0);
  EXPECT_EQ(Locked(13).back(), '-');
}

TEST_F(MlockTest, LockAllHasItsLimitAndItsFlags) {
  EXPECT_EQ(sys_mlockall(0), -EINVAL);
  EXPECT_EQ(sys_mlockall(8), -EINVAL);
  ASSERT_EQ(MapPages(nullptr, 0, 17, kRw), 0);
  EXPECT_EQ(sys_mlockall(FL_MCL_CURRENT), -ENOMEM);
  EXPECT_EQ(sys_mlockall(FL_MCL_FUTURE), 0);
}

TEST_F(MlockTest, LockedRangesRefuseToBeDropped) {
  MapStrip(nullptr, "Ww");
  ASSERT_EQ(Lock(0, 1), 0);
  EXPECT_EQ(do_madvise(PageAddress(0), PAGE_SIZE, 4), -EINVAL);
  EXPECT_EQ(do_madvise(PageAddress(0), PAGE_SIZE, 8), -EINVAL);
  EXPECT_EQ(sys_msync(PageAddress(0), PAGE_SIZE, FL_MS_INVALIDATE), -EBUSY);
}

TEST_F(MlockTest, MapLimitStopsTheSplit) {
  TestMachine* machine = &machine_;
  machine->machine()->sysctl_max_map_count = 2;
  MapStrip(nullptr, "Wwww");
  EXPECT_EQ(Lock(1, 2), -ENOMEM);
  EXPECT_EQ(Locked(4), "----");
}

TEST_F(MlockTest, FailedAllocationIsEagainOrEnomemAndLosesNothing) {
  {
    TestDataFile file(&machine_, 8 * PAGE_SIZE);
    const auto setup = [&] {
      MapStrip(nullptr, "Wwwwww");
      ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(6), 4 * PAGE_SIZE, kRw,
                              MAP_PRIVATE | MAP_FIXED, 0),
                0);
    };
    const std::vector<std::function<int64_t()>> operations = {
        [] { return Lock(1, 3); }, [] { return Lock(7, 2); },
        [] { return sys_mlockall(FL_MCL_CURRENT); },
        [] {
          const int64_t address =
              vm_mmap_pgoff(nullptr, PageAddress(20), 3 * PAGE_SIZE, kRw,
                            kAnonymous | MAP_FIXED | MAP_LOCKED, 0);
          return address < 0 ? address : 0;
        }};
    int failures = 0;
    for (const auto& operation : operations) {
      for (int after = 0;; ++after) {
        ASSERT_LT(after, 64);
        setup();
        machine_.FailAllocations(after, 1);
        const int64_t result = operation();
        const bool failed = machine_.AllocationFailed();
        machine_.FailAllocations(0, 0);
        EXPECT_EQ(validate_mm(mm()), 0u);
        ASSERT_EQ(vm_munmap(PageAddress(0), 32 * PAGE_SIZE), 0);
        EXPECT_EQ(mm()->locked_vm, 0u);
        if (!failed) {
          EXPECT_EQ(result, 0);
          break;
        }
        ++failures;
        // Populating on behalf of mmap and mlockall is nobody's error.
        EXPECT_TRUE(result == -ENOMEM || result == -EAGAIN || result == 0)
            << result;
      }
    }
    EXPECT_GT(failures, 20);
  }
  EXPECT_EQ(machine_.machine()->nr_free, machine_.boot_free());
}

}  // namespace
}  // namespace faultline
