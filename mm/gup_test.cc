// SPDX-License-Identifier: GPL-2.0-only
//
// Getting hold of user pages: which mappings allow it, what is held, how often
// a fault is retried, and what the callers behind it (KVM, vfio, uprobes,
// drivers, ptrace) make of it.

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "mm/testing.h"

// After the C library's headers, some of whose names they define.
#include "mm/fault.h"
#include "mm/gup.h"
#include "mm/pgtable.h"

namespace faultline {
namespace {

constexpr kulong kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr uint64_t kRomPages = 8;
constexpr kulong kRomPfn = 0x40000;
const bool kHasFastGup = __HAVE_ARCH_PTE_SPECIAL;

TestMachine::Options WithRom() {
  TestMachine::Options options;
  options.rom_bytes = kRomPages << PAGE_SHIFT;
  options.rom_phys = static_cast<uint64_t>(kRomPfn) << PAGE_SHIFT;
  return options;
}

// What the handlers below have seen and are to do.
std::vector<uint32_t> g_fault_flags;
int g_retries = 0;
int g_kill_at_fault = -1;

int CountingFault(struct vm_fault* vmf) {
  g_fault_flags.push_back(vmf->flags);
  if (static_cast<int>(g_fault_flags.size()) == g_kill_at_fault) {
    send_sig(SIGKILL, current);
  }
  if (g_retries > 0 && (vmf->flags & FAULT_FLAG_ALLOW_RETRY)) {
    --g_retries;
    up_read(&vmf->vma->vm_mm->mmap_sem);
    return VM_FAULT_RETRY;
  }
  return filemap_fault(vmf);
}

int CountingMmap(struct file*, struct vm_area_struct* vma) {
  static const struct vm_operations_struct kOps = [] {
    struct vm_operations_struct ops = {};
    ops.fault = CountingFault;
    return ops;
  }();
  vma->vm_ops = &kOps;
  return 0;
}

int RomMmap(struct file* file, struct vm_area_struct* vma) {
  const int error = CountingMmap(file, vma);
  return error != 0
             ? error
             : remap_pfn_range(vma, vma->vm_start, kRomPfn,
                               vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

// A driver that maps a frame of RAM as it is.
struct page* g_driver_page = nullptr;

int DriverMmap(struct file*, struct vm_area_struct* vma) {
  static const struct vm_operations_struct kOps = {};
  vma->vm_ops = &kOps;
  return remap_pfn_range(vma, vma->vm_start, page_to_pfn(g_driver_page),
                         PAGE_SIZE, vma->vm_page_prot);
}

class GupTest : public testing::Test {
 protected:
  GupTest() : machine_(WithRom()) {
    g_fault_flags.clear();
    g_retries = 0;
    g_kill_at_fault = -1;
    std::memset(machine_.machine()->rom, 0x5a, kRomPages << PAGE_SHIFT);
  }
  ~GupTest() override {
    if (machine_.mm() != nullptr) {
      EXPECT_FALSE(rwsem_is_locked(&mm()->mmap_sem));
      EXPECT_EQ(validate_mm(mm()), 0u);
    }
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  struct mm_struct* mm() {
    return machine_.mm();
  }
  uint64_t Free() { return machine_.machine()->nr_free; }

  kulong Map(uint64_t pages, kulong prot, struct file* file = nullptr,
             kulong flags = 0, uint64_t page = 0) {
    const int64_t address =
        vm_mmap_pgoff(file, 0, pages << PAGE_SHIFT, prot,
                      flags | (file == nullptr        ? kAnonymous
                               : (flags & MAP_SHARED) ? 0
                                                      : MAP_PRIVATE),
                      file == nullptr ? 0 : page);
    EXPECT_GT(address, 0);
    return static_cast<kulong>(address);
  }
  void Store(kulong address, uint8_t value) {
    struct fl_user_result result = {};
    user_access(FL_STORE, address, 1, value, &result);
    EXPECT_EQ(result.sig, 0);
  }
  uint8_t Load(kulong address) {
    struct fl_user_result result = {};
    user_access(FL_LOAD, address, 1, 0, &result);
    EXPECT_EQ(result.sig, 0);
    return static_cast<uint8_t>(result.value);
  }
  klong Get(kulong address, uint64_t pages, uint32_t flags, struct page** out) {
    down_read(&mm()->mmap_sem);
    const klong got = get_user_pages(address, static_cast<kulong>(pages), flags,
                                     out, nullptr);
    EXPECT_TRUE(rwsem_is_locked(&mm()->mmap_sem));
    up_read(&mm()->mmap_sem);
    return got;
  }
  static void Put(struct page** pages, klong got) {
    while (got > 0) put_page(pages[--got]);
  }
  static uint8_t ByteOf(struct page* page, uint64_t offset = 0) {
    return static_cast<uint8_t*>(page_address(page))[offset];
  }

  TestMachine machine_;
  struct page* pages_[16] = {};
};

// ---- what may be got ----

TEST_F(GupTest, PagesStayAfterTheMappingHasGone) {
  const uint64_t free = Free();
  const kulong m = Map(3, PROT_READ | PROT_WRITE);
  Store(m + PAGE_SIZE, 0x77);
  ASSERT_EQ(get_user_pages_fast(m, 3, 1, pages_), 3);
  ASSERT_EQ(vm_munmap(m, 3 * PAGE_SIZE), 0);
  EXPECT_EQ(ByteOf(pages_[1]), 0x77);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(page_ref_count(pages_[i]), 1);
  EXPECT_LE(Free() + 3, free);
  Put(pages_, 3);
  EXPECT_EQ(Free(), free);
}

TEST_F(GupTest, DeviceMappingIsRefusedBeforeAnyFault) {
  TestDataFile file(&machine_, kRomPages << PAGE_SHIFT, RomMmap);
  const kulong m = Map(2, PROT_READ, file.get());
  EXPECT_EQ(Get(m, 1, 0, pages_), -EFAULT);
  EXPECT_EQ(Get(m, 1, FOLL_FORCE, pages_), -EFAULT);
  EXPECT_EQ(get_user_pages_fast(m, 1, 0, pages_), -EFAULT);
  EXPECT_TRUE(g_fault_flags.empty());
}

TEST_F(GupTest, PermissionsCountUnlessForced) {
  const kulong none = Map(1, PROT_NONE);
  const kulong readable = Map(1, PROT_READ);
  EXPECT_EQ(Get(none, 1, 0, pages_), -EFAULT);
  EXPECT_EQ(Get(readable, 1, FOLL_WRITE, pages_), -EFAULT);
  ASSERT_EQ(Get(none, 1, FOLL_FORCE, pages_), 1);
  Put(pages_, 1);
  ASSERT_EQ(Get(readable, 1, FOLL_WRITE | FOLL_FORCE, pages_), 1);
  EXPECT_TRUE(PageAnon(pages_[0]));
  Put(pages_, 1);
}

TEST_F(GupTest, ForcedWriteIsMadeInAPrivateCopyThatStaysReadOnly) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  const kulong m = Map(2, PROT_READ, file.get());
  EXPECT_EQ(Load(m), TestDataFile::Byte(0));
  const uint8_t poked = 0xcc;
  EXPECT_EQ(
      ptrace_access(machine_.task(), m, const_cast<uint8_t*>(&poked), 1, 1), 1);
  EXPECT_EQ(Load(m), 0xcc);
  EXPECT_EQ(ByteOf(file.CachedPage(0)), TestDataFile::Byte(0));
  struct fl_user_result result = {};
  user_access(FL_STORE, m, 1, 1, &result);
  EXPECT_EQ(result.sig, SIGSEGV);
}

TEST_F(GupTest, ForcedWriteOfASharedMappingIsRefused) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE, nullptr,
                    FMODE_READ | FMODE_WRITE);
  const kulong m = Map(1, PROT_READ, file.get(), MAP_SHARED);
  uint8_t byte = 1;
  EXPECT_EQ(ptrace_access(machine_.task(), m, &byte, 1, 1), 0);
  EXPECT_EQ(ptrace_access(machine_.task(), m, &byte, 1, 0), 1);
  EXPECT_EQ(byte, TestDataFile::Byte(0));
}

TEST_F(GupTest, WhatLiesBeforeAHoleIsGot) {
  const kulong m = Map(4, PROT_READ | PROT_WRITE);
  ASSERT_EQ(vm_munmap(m + 2 * PAGE_SIZE, PAGE_SIZE), 0);
  ASSERT_EQ(Get(m, 4, FOLL_WRITE, pages_), 2);
  Put(pages_, 2);
  EXPECT_EQ(Get(m + 2 * PAGE_SIZE, 1, 0, pages_), -EFAULT);
}

TEST_F(GupTest, EndOfTheFileEndsTheRun) {
  TestDataFile file(&machine_, PAGE_SIZE + 10);
  const kulong m = Map(4, PROT_READ, file.get());
  ASSERT_EQ(Get(m, 4, 0, pages_), 2);
  EXPECT_EQ(ByteOf(pages_[1], 9), TestDataFile::Byte(PAGE_SIZE + 9));
  EXPECT_EQ(ByteOf(pages_[1], 10), 0);
  Put(pages_, 2);
  EXPECT_EQ(Get(m + 2 * PAGE_SIZE, 1, 0, pages_), -EFAULT);
}

TEST_F(GupTest, ReadOfUntouchedMemoryGetsTheZeroPage) {
  const kulong m = Map(1, PROT_READ | PROT_WRITE);
  ASSERT_EQ(Get(m, 1, 0, pages_), 1);
  EXPECT_EQ(pages_[0], machine_.machine()->zero_page);
  Put(pages_, 1);
  ASSERT_EQ(Get(m, 1, FOLL_WRITE, pages_), 1);
  EXPECT_NE(pages_[0], machine_.machine()->zero_page);
  Put(pages_, 1);
}

TEST_F(GupTest, DumpLeavesHolesWhereNothingWasWritten) {
  TestDataFile file(&machine_, 2 * PAGE_SIZE);
  const kulong m = Map(3, PROT_READ | PROT_WRITE);
  const kulong f = Map(1, PROT_READ, file.get());
  Store(m, 5);
  Load(m + PAGE_SIZE);
  down_read(&mm()->mmap_sem);
  struct page* written = get_dump_page(m);
  EXPECT_EQ(get_dump_page(m + PAGE_SIZE), nullptr);
  EXPECT_EQ(get_dump_page(m + 2 * PAGE_SIZE), nullptr);
  struct page* of_file = get_dump_page(f);
  up_read(&mm()->mmap_sem);
  ASSERT_NE(written, nullptr);
  EXPECT_EQ(ByteOf(written), 5);
  ASSERT_NE(of_file, nullptr);
  EXPECT_EQ(of_file, file.CachedPage(0));
  put_page(written);
  put_page(of_file);
}

// ---- without a lock ----

TEST_F(GupTest, FastWalkFindsOnlyWhatIsMappedAsAsked) {
  const kulong m = Map(4, PROT_READ | PROT_WRITE);
  EXPECT_EQ(__get_user_pages_fast(m, 4, 1, pages_), 0);
  Store(m, 1);
  Store(m + PAGE_SIZE, 2);
  Load(m + 2 * PAGE_SIZE);  // the zero page: special
  const int got = __get_user_pages_fast(m, 4, 0, pages_);
  EXPECT_EQ(got, kHasFastGup ? 2 : 0);
  Put(pages_, got);
  ASSERT_EQ(do_mprotect(m, PAGE_SIZE, PROT_READ), 0);
  const int writable = __get_user_pages_fast(m, 2, 1, pages_);
  EXPECT_EQ(writable, 0);
  EXPECT_FALSE(user_walk_active(machine_.task()));
}

TEST_F(GupTest, FastWalkCrossesPageTables) {
  const kulong at = 4 * PMD_SIZE - PAGE_SIZE;
  ASSERT_GT(vm_mmap_pgoff(nullptr, at, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
                          kAnonymous | MAP_FIXED, 0),
            0);
  Store(at, 1);
  Store(at + PAGE_SIZE, 2);
  const int got = __get_user_pages_fast(at, 2, 1, pages_);
  ASSERT_EQ(got, kHasFastGup ? 2 : 0);
  if (got == 2) {
    EXPECT_EQ(ByteOf(pages_[1]), 2);
  }
  Put(pages_, got);
}

TEST_F(GupTest, FastGetsTheRestTheSlowWay) {
  const kulong m = Map(4, PROT_READ | PROT_WRITE);
  Store(m, 1);
  ASSERT_EQ(get_user_pages_fast(m + 5, 4, 1, pages_), 4);
  EXPECT_EQ(ByteOf(pages_[0]), 1);
  Put(pages_, 4);
  ASSERT_EQ(vm_munmap(m + PAGE_SIZE, PAGE_SIZE), 0);
  ASSERT_EQ(get_user_pages_fast(m, 4, 1, pages_), 1);
  Put(pages_, 1);
  EXPECT_EQ(get_user_pages_fast(m + PAGE_SIZE, 4, 1, pages_), -EFAULT);
}

TEST_F(GupTest, FastWalkStaysBelowTheKernel) {
  EXPECT_EQ(__get_user_pages_fast(TASK_SIZE - PAGE_SIZE, 2, 0, pages_), 0);
  EXPECT_EQ(__get_user_pages_fast(TASK_SIZE, 1, 0, pages_), 0);
}

// ---- retries ----

TEST_F(GupTest, PageThatAskedForARetryIsTriedOnceMoreWithoutOne) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE, CountingMmap);
  const kulong m = Map(3, PROT_READ, file.get());
  g_retries = 2;
  ASSERT_EQ(get_user_pages_unlocked(m, 3, pages_, 0), 3);
  ASSERT_EQ(g_fault_flags.size(), 5u);
  EXPECT_TRUE(g_fault_flags[0] & FAULT_FLAG_ALLOW_RETRY);
  EXPECT_TRUE(g_fault_flags[1] & FAULT_FLAG_TRIED);
  EXPECT_FALSE(g_fault_flags[1] & FAULT_FLAG_ALLOW_RETRY);
  EXPECT_TRUE(g_fault_flags[2] & FAULT_FLAG_ALLOW_RETRY);
  EXPECT_FALSE(g_fault_flags[2] & FAULT_FLAG_TRIED);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pages_[i], file.CachedPage(i));
  Put(pages_, 3);
}

TEST_F(GupTest, CallerThatKeepsTheLockIsNeverAskedToRetry) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE, CountingMmap);
  const kulong m = Map(1, PROT_READ, file.get());
  g_retries = 1;
  ASSERT_EQ(Get(m, 1, 0, pages_), 1);
  EXPECT_EQ(g_retries, 1);
  Put(pages_, 1);
}

TEST_F(GupTest, DroppedLockIsToldEvenWhenItWasTakenAgain) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE, CountingMmap);
  const kulong m = Map(2, PROT_READ, file.get());
  int locked = 1;
  g_retries = 1;
  down_read(&mm()->mmap_sem);
  ASSERT_EQ(get_user_pages_locked(m, 2, 0, pages_, &locked), 2);
  EXPECT_EQ(locked, 0);
  EXPECT_FALSE(rwsem_is_locked(&mm()->mmap_sem));
  Put(pages_, 2);

  locked = 1;
  down_read(&mm()->mmap_sem);
  ASSERT_EQ(get_user_pages_locked(m, 2, 0, pages_, &locked), 2);
  EXPECT_EQ(locked, 1);
  up_read(&mm()->mmap_sem);
  Put(pages_, 2);
}

TEST_F(GupTest, NoWaitComesBackAtOnceWithTheLock) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE);
  const kulong m = Map(1, PROT_READ, file.get());
  ASSERT_EQ(Get(m, 1, 0, pages_), 1);
  Put(pages_, 1);
  ASSERT_EQ(do_madvise(m, PAGE_SIZE, 4), 0);
  struct page* page = file.CachedPage(0);
  lock_page(page);
  EXPECT_EQ(Get(m, 1, FOLL_NOWAIT, pages_), 0);
  unlock_page(page);
  EXPECT_EQ(Get(m, 1, FOLL_NOWAIT, pages_), 1);
  Put(pages_, 1);
}

TEST_F(GupTest, DyingTaskFaultsNothingMoreIn) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE, CountingMmap);
  const kulong m = Map(4, PROT_READ, file.get());
  g_kill_at_fault = 2;
  EXPECT_EQ(Get(m, 4, 0, pages_), 1);
  Put(pages_, 1);
  EXPECT_EQ(Get(m + 2 * PAGE_SIZE, 1, 0, pages_), -ERESTARTSYS);
  EXPECT_EQ(g_fault_flags.size(), 2u);
}

// ---- populate ----

TEST_F(GupTest, PopulateMapsAllOfIt) {
  const uint64_t free = Free();
  const kulong m = Map(4, PROT_READ | PROT_WRITE, nullptr, MAP_POPULATE);
  EXPECT_LE(Free() + 4, free);
  struct fl_user_result result = {};
  user_access(FL_STORE, m + 3 * PAGE_SIZE, 1, 1, &result);
  EXPECT_EQ(result.faults, 0u);
}

TEST_F(GupTest, PopulateGoesOnAfterARetry) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE, CountingMmap);
  g_retries = 3;
  const kulong m = Map(4, PROT_READ, file.get(), MAP_POPULATE);
  EXPECT_EQ(g_retries, 0);
  struct fl_user_result result = {};
  user_access(FL_LOAD, m + 3 * PAGE_SIZE, 1, 0, &result);
  EXPECT_EQ(result.faults, 0u);
}

TEST_F(GupTest, PopulatePassesOverWhatItCannotHave) {
  TestDataFile rom(&machine_, kRomPages << PAGE_SHIFT, RomMmap);
  TestDataFile file(&machine_, PAGE_SIZE);
  Map(2, PROT_READ, rom.get(), MAP_POPULATE);
  Map(4, PROT_READ, file.get(), MAP_POPULATE);
  EXPECT_TRUE(g_fault_flags.empty());
  EXPECT_NE(file.CachedPage(0), nullptr);
}

// ---- vfio, KVM, uprobes ----

TEST_F(GupTest, VfioTakesADeviceFrameByItsPlaceInTheVma) {
  TestDataFile file(&machine_, kRomPages << PAGE_SHIFT, RomMmap);
  const kulong m = Map(3, PROT_READ | PROT_WRITE, file.get());
  uint64_t pfn = 0;
  ASSERT_EQ(vfio_pin(m + 2 * PAGE_SIZE, 0, &pfn), 0);
  EXPECT_EQ(pfn, kRomPfn + 2);
  vfio_unpin(pfn, 0);
  // A copy lies there now: only the fast walk, which asks no vma, sees it.
  Store(m + 2 * PAGE_SIZE, 9);
  ASSERT_EQ(vfio_pin(m + 2 * PAGE_SIZE, 0, &pfn), 0);
  EXPECT_EQ(pfn == kRomPfn + 2, !kHasFastGup);
  vfio_unpin(pfn, 0);
}

TEST_F(GupTest, VfioHoldsOrdinaryPages) {
  const uint64_t free = Free();
  const kulong m = Map(1, PROT_READ | PROT_WRITE);
  uint64_t pfn = 0;
  ASSERT_EQ(vfio_pin(m, 1, &pfn), 0);
  ASSERT_EQ(vm_munmap(m, PAGE_SIZE), 0);
  EXPECT_EQ(page_ref_count(pfn_to_page(static_cast<kulong>(pfn))), 1);
  vfio_unpin(pfn, 1);
  EXPECT_EQ(Free(), free);
  EXPECT_EQ(vfio_pin(m, 0, &pfn), -EFAULT);
}

TEST_F(GupTest, KvmGetsTheFrameBehindOrdinaryMemory) {
  TestDataFile file(&machine_, 2 * PAGE_SIZE);
  const kulong m = Map(1, PROT_READ | PROT_WRITE);
  const kulong f = Map(1, PROT_READ | PROT_WRITE, file.get());
  uint64_t pfn = 0;
  ASSERT_EQ(kvm_hva_to_pfn(m, 1, &pfn), 0);
  Store(m, 0x31);
  EXPECT_EQ(ByteOf(pfn_to_page(static_cast<kulong>(pfn))), 0x31);
  ASSERT_EQ(kvm_hva_to_pfn(f, 0, &pfn), 0);
  EXPECT_EQ(pfn_to_page(static_cast<kulong>(pfn)), file.CachedPage(0));
  ASSERT_EQ(kvm_hva_to_pfn(f, 1, &pfn), 0);
  EXPECT_NE(pfn_to_page(static_cast<kulong>(pfn)), file.CachedPage(0));
  const kulong hole = Map(1, PROT_READ);
  ASSERT_EQ(vm_munmap(hole, PAGE_SIZE), 0);
  EXPECT_EQ(kvm_hva_to_pfn(hole, 0, &pfn), -EFAULT);
  ASSERT_EQ(do_mprotect(m, PAGE_SIZE, PROT_NONE), 0);
  EXPECT_EQ(kvm_hva_to_pfn(m, 0, &pfn), -EFAULT);
}

TEST_F(GupTest, KvmReadsADeviceFrameFromThePte) {
  TestDataFile file(&machine_, kRomPages << PAGE_SHIFT, RomMmap);
  const kulong m = Map(3, PROT_READ, file.get());
  uint64_t pfn = 0;
  ASSERT_EQ(kvm_hva_to_pfn(m + PAGE_SIZE, 0, &pfn), 0);
  EXPECT_EQ(pfn, kRomPfn + 1);
}

// CVE-2021-22543.
TEST(KvmTest, FrameThatItsDriverDoesNotCountIsRefused) {
  for (bool fixed : {true, false}) {
    TestMachine::Options options;
    if (!fixed) options.fixes_off = uint64_t{1} << FL_FIX_KVM_REFCOUNT;
    TestMachine machine(options);
    g_driver_page = alloc_page(GFP_KERNEL);
    TestDataFile file(&machine, PAGE_SIZE, DriverMmap);
    const int64_t m = vm_mmap_pgoff(file.get(), 0, PAGE_SIZE, PROT_READ,
                                    MAP_SHARED, 0);
    ASSERT_GT(m, 0);
    uint64_t pfn = 0;
    // One that it does count is lent, and given back.
    ASSERT_EQ(kvm_hva_to_pfn(m, 0, &pfn), 0);
    EXPECT_EQ(pfn, page_to_pfn(g_driver_page));
    EXPECT_EQ(page_ref_count(g_driver_page), 1);
    // As the later pages of an allocation of several have it.
    atomic_set(&g_driver_page->_refcount, 0);
    if (fixed) {
      EXPECT_EQ(kvm_hva_to_pfn(m, 0, &pfn), -EFAULT);
    } else {
      EXPECT_DEATH((void)kvm_hva_to_pfn(m, 0, &pfn), "get_page|ref");
    }
    atomic_set(&g_driver_page->_refcount, 1);
    machine.PutMm();
    put_page(g_driver_page);
  }
}

TEST_F(GupTest, UprobeFindsEveryPrivateMappingOfItsByte) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE);
  const kulong whole = Map(8, PROT_READ | PROT_EXEC, file.get());
  const kulong part = Map(2, PROT_READ, file.get(), 0, 3);
  Map(8, PROT_READ, file.get(), MAP_SHARED);
  Map(2, PROT_READ, file.get(), 0, 5);
  Map(8, PROT_READ | PROT_WRITE, file.get());
  std::vector<std::pair<uint64_t, uint32_t>> seen;
  const uint64_t offset = 4 * PAGE_SIZE + 33;
  EXPECT_EQ(
      uprobe_register(
          file.get(), offset,
          [](u64 address, u32 opcode, void* cookie) {
            static_cast<std::vector<std::pair<uint64_t, uint32_t>>*>(cookie)
                ->emplace_back(address, opcode);
          },
          &seen),
      2);
  ASSERT_EQ(seen.size(), 2u);
  std::sort(seen.begin(), seen.end());
  std::vector<uint64_t> expected = {whole + offset, part + PAGE_SIZE + 33};
  std::sort(expected.begin(), expected.end());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(seen[i].first, expected[i]);
    EXPECT_EQ(seen[i].second, TestDataFile::Byte(offset));
  }
  EXPECT_EQ(atomic_read(&mm()->mm_users), 1);
}

TEST_F(GupTest, UprobeBeyondTheFileIsRefused) {
  TestDataFile file(&machine_, 100);
  EXPECT_EQ(uprobe_register(file.get(), 101, nullptr, nullptr), -EINVAL);
  EXPECT_EQ(uprobe_register(file.get(), 0, nullptr, nullptr), 0);
}

// ---- a driver's pins ----

TEST_F(GupTest, DeviceWritesWhatTheProcessReads) {
  const kulong m = Map(2, PROT_READ | PROT_WRITE);
  uint64_t pfns[2] = {};
  ASSERT_EQ(gup_pin(m, 2, 1, pfns), 2);
  uint8_t byte = 0x42;
  EXPECT_EQ(gup_pin_access(pfns[1], 1, 7, &byte, 1), 0);
  EXPECT_EQ(Load(m + PAGE_SIZE + 7), 0x42);
  EXPECT_EQ(gup_pin_access(pfns[1], 0, PAGE_SIZE, &byte, 1), -EINVAL);
  gup_unpin(pfns[0], 1);
  gup_unpin(pfns[1], 1);
  EXPECT_EQ(gup_pin(m, 17, 0, pfns), -EINVAL);
  EXPECT_EQ(gup_pin(TASK_SIZE, 1, 0, pfns), -EFAULT);
}

// ---- memory runs out ----

TEST_F(GupTest, FailedAllocationIsReportedAndLosesNothing) {
  uint64_t free;
  {
    TestDataFile file(&machine_, 8 * PAGE_SIZE);
    const kulong m = Map(3, PROT_READ | PROT_WRITE);
    const kulong f = Map(3, PROT_READ | PROT_WRITE, file.get());
    const kulong x = Map(8, PROT_READ | PROT_EXEC, file.get());
    const std::vector<std::function<int64_t()>> operations = {
        [&]() -> int64_t {
          const int got = get_user_pages_fast(m, 3, 1, pages_);
          Put(pages_, got);
          return got == 3 ? 0 : got < 0 ? got : -ENOMEM;
        },
        [&]() -> int64_t {
          const int got = get_user_pages_fast(f, 3, 1, pages_);
          Put(pages_, got);
          return got == 3 ? 0 : got < 0 ? got : -ENOMEM;
        },
        [&]() -> int64_t {
          const int64_t found =
              uprobe_register(file.get(), 5, nullptr, nullptr);
          EXPECT_EQ(atomic_read(&mm()->mm_users), 1);
          return found == 1 ? 0 : found;
        },
        [&]() -> int64_t {
          uint8_t byte = 1;
          return ptrace_access(machine_.task(), x, &byte, 1, 1) == 1 ? 0
                                                                     : -ENOMEM;
        }};
    int failures = 0;
    for (const auto& operation : operations) {
      for (int after = 0;; ++after) {
        ASSERT_LT(after, 64);
        ASSERT_EQ(do_madvise(m, 3 * PAGE_SIZE, 4), 0);
        ASSERT_EQ(do_madvise(f, 3 * PAGE_SIZE, 4), 0);
        ASSERT_EQ(do_madvise(x, 8 * PAGE_SIZE, 4), 0);
        machine_.FailAllocations(after, 1);
        const int64_t result = operation();
        const bool failed = machine_.AllocationFailed();
        machine_.FailAllocations(0, 0);
        EXPECT_EQ(validate_mm(mm()), 0u);
        if (!failed) {
          EXPECT_EQ(result, 0);
          break;
        }
        ++failures;
        // A failure may also be got round: build_map_info tries again.
        EXPECT_TRUE(result == -ENOMEM || result == 0) << result;
      }
    }
    EXPECT_GT(failures, 8);
    free = Free();
  }
  EXPECT_GT(Free(), free);
  // Also the pgd, which the mm took before the test began.
  EXPECT_EQ(Free(), machine_.boot_free());
}

}  // namespace
}  // namespace faultline
