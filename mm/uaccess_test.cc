// SPDX-License-Identifier: GPL-2.0-only
//
// The kernel's copies from and to user memory: where they end, what the system
// calls built on them return, and that a fault in kernel mode sends no signal.

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "mm/testing.h"

// After the C library's headers, some of whose names they define.
#include "mm/fault.h"
#include "mm/gup.h"
#include "mm/uaccess.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;
constexpr uint64_t kPage = 4096;
constexpr kulong kRomPfn = 0x40000;

int g_kill = 0;

int RomMmap(struct file*, struct vm_area_struct* vma) {
  static const struct vm_operations_struct kOps = {};
  vma->vm_ops = &kOps;
  return remap_pfn_range(vma, vma->vm_start, kRomPfn,
                         vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

// The first three pages are direct, the rest of the mapping has nothing.
int PartRomMmap(struct file*, struct vm_area_struct* vma) {
  static const struct vm_operations_struct kOps = {};
  vma->vm_ops = &kOps;
  vma->vm_flags |= VM_MIXEDMAP;
  for (kulong i = 0; i < 3; ++i) {
    const int error =
        vm_insert_mixed(vma, vma->vm_start + i * PAGE_SIZE, kRomPfn + i);
    if (error != 0) return error;
  }
  return 0;
}

int KilledRetryFault(struct vm_fault* vmf) {
  if (g_kill != 0) send_sig(SIGKILL, current);
  up_read(&vmf->vma->vm_mm->mmap_sem);
  return VM_FAULT_RETRY;
}

int KilledRetryMmap(struct file*, struct vm_area_struct* vma) {
  static const struct vm_operations_struct kOps = [] {
    struct vm_operations_struct ops = {};
    ops.fault = KilledRetryFault;
    return ops;
  }();
  vma->vm_ops = &kOps;
  return 0;
}

TestMachine::Options WithRom() {
  TestMachine::Options options;
  options.rom_bytes = 8 << PAGE_SHIFT;
  options.rom_phys = static_cast<uint64_t>(kRomPfn) << PAGE_SHIFT;
  return options;
}

class UaccessTest : public testing::Test {
 protected:
  UaccessTest() : machine_(WithRom()) {
    for (uint64_t i = 0; i < 8 * kPage; ++i) {
      machine_.machine()->rom[i] = static_cast<char>(RomByte(i));
    }
  }
  ~UaccessTest() override {
    EXPECT_EQ(machine_.task()->fault_sig, 0);
    EXPECT_EQ(machine_.task()->pagefault_disabled, 0u);
    if (machine_.mm() != nullptr) {
      EXPECT_FALSE(rwsem_is_locked(&machine_.mm()->mmap_sem));
      EXPECT_EQ(validate_mm(machine_.mm()), 0u);
    }
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  static uint8_t RomByte(uint64_t offset) {
    return static_cast<uint8_t>(offset * 11 + offset / kPage * 5 + 3);
  }
  static kulong At(uint64_t page, uint64_t offset = 0) {
    return PageAddress(page) + static_cast<kulong>(offset);
  }
  static std::string Pattern(uint64_t bytes) {
    std::string text;
    for (uint64_t i = 0; i < bytes; ++i) {
      text += static_cast<char>('a' + i % 23);
    }
    return text;
  }
  // What user code finds there.
  std::string Peek(kulong address, uint64_t bytes) {
    std::string text;
    for (uint64_t i = 0; i < bytes; ++i) {
      struct fl_user_result result = {};
      user_access(FL_LOAD, address + static_cast<kulong>(i), 1, 0, &result);
      EXPECT_EQ(result.sig, 0);
      text += static_cast<char>(result.value);
    }
    return text;
  }

  TestMachine machine_;
};

// ---- copies ----

TEST_F(UaccessTest, CopiesFaultPagesInAndCrossThem) {
  MapStrip(nullptr, "Www");
  const std::string text = Pattern(2 * kPage + 100);
  ASSERT_EQ(copy_to_user(At(0, 50), text.data(), text.size()), 0u);
  std::string back(text.size(), '\0');
  ASSERT_EQ(copy_from_user(back.data(), At(0, 50), text.size()), 0u);
  EXPECT_EQ(back, text);
  EXPECT_EQ(Peek(At(1, 10), 20), text.substr(kPage - 50 + 10, 20));
  EXPECT_EQ(Peek(At(0, 0), 50), std::string(50, '\0'));
}

TEST_F(UaccessTest, CopyEndsWhereItCannotGoOn) {
  MapStrip(nullptr, "WwRw.");
  const std::string text = Pattern(3 * kPage);
  EXPECT_EQ(copy_to_user(At(1), text.data(), 2 * kPage), kPage);
  std::string back(3 * kPage, 'x');
  EXPECT_EQ(copy_from_user(back.data(), At(3, kPage - 10), 30), 20u);
  EXPECT_EQ(back.substr(0, 30), std::string(30, '\0'));
  EXPECT_EQ(back[30], 'x');
}

TEST_F(UaccessTest, AddressesOfTheKernelAreRefused) {
  char bytes[2] = {1, 1};
  EXPECT_EQ(copy_to_user(TASK_SIZE, bytes, 1), 1u);
  EXPECT_EQ(copy_from_user(bytes, TASK_SIZE - 1, 2), 2u);
  EXPECT_EQ(put_user(1, TASK_SIZE, 1), -EFAULT);
  uint64_t value = 9;
  EXPECT_EQ(get_user(&value, ~static_cast<kulong>(0), 1), -EFAULT);
  EXPECT_EQ(value, 0u);
}

TEST_F(UaccessTest, WordsAreStoredAndLoaded) {
  MapStrip(nullptr, "WR");
  EXPECT_EQ(put_user(0x1122334455667788, At(0, 16), 8), 0);
  uint64_t value = 0;
  EXPECT_EQ(get_user(&value, At(0, 16), 4), 0);
  EXPECT_EQ(value, 0x55667788u);
  EXPECT_EQ(put_user(1, At(1), 4), -EFAULT);
  EXPECT_EQ(get_user(&value, At(1), 4), 0);
  EXPECT_EQ(get_user(&value, At(2), 4), -EFAULT);
}

TEST_F(UaccessTest, StringEndsAtItsNulAtTheCountOrAtAFault) {
  MapStrip(nullptr, "W.");
  ASSERT_EQ(copy_to_user(At(0, 5), "abc", 4), 0u);
  char text[16];
  EXPECT_EQ(strncpy_from_user(text, At(0, 5), 16), 3);
  EXPECT_STREQ(text, "abc");
  EXPECT_EQ(strncpy_from_user(text, At(0, 5), 2), 2);
  ASSERT_EQ(put_user('z', At(0, kPage - 1), 1), 0);
  EXPECT_EQ(strncpy_from_user(text, At(0, kPage - 1), 16), -EFAULT);
}

TEST_F(UaccessTest, ClearingClearsAndStops) {
  MapStrip(nullptr, "W.");
  const std::string text = Pattern(kPage);
  ASSERT_EQ(copy_to_user(At(0), text.data(), kPage), 0u);
  EXPECT_EQ(clear_user(At(0, kPage - 100), 300), 200u);
  EXPECT_EQ(Peek(At(0, kPage - 101), 101),
            text.substr(kPage - 101, 1) + std::string(100, '\0'));
}

TEST_F(UaccessTest, PrefaultTouchesEveryPageOfTheRange) {
  MapStrip(nullptr, "Www.");
  EXPECT_EQ(fault_in_pages_writeable(At(0, 4000), 4300), 0);
  const uint64_t faults = machine_.task()->min_flt;
  EXPECT_EQ(faults, 3u);
  EXPECT_EQ(fault_in_pages_readable(At(0, 4000), 4300), 0);
  EXPECT_EQ(machine_.task()->min_flt, faults);
  EXPECT_EQ(fault_in_pages_readable(At(2, 4000), 97), -EFAULT);
  EXPECT_EQ(fault_in_pages_readable(At(2, 4000), 96), 0);
  EXPECT_EQ(fault_in_pages_readable(At(3), 0), 0);
}

TEST_F(UaccessTest, DisabledFaultsFailAtOnce) {
  MapStrip(nullptr, "W");
  char byte = 1;
  pagefault_disable();
  EXPECT_EQ(__copy_to_user(At(0), &byte, 1), 1u);
  pagefault_enable();
  EXPECT_EQ(machine_.task()->min_flt, 0u);
  EXPECT_EQ(__copy_to_user(At(0), &byte, 1), 0u);
  pagefault_disable();
  EXPECT_EQ(__copy_to_user(At(0), &byte, 1), 0u);
  pagefault_enable();
}

TEST_F(UaccessTest, KilledWhileFaultingEndsTheCopy) {
  TestDataFile file(&machine_, kPage, KilledRetryMmap);
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  char byte;
  g_kill = 1;
  EXPECT_EQ(copy_from_user(&byte, At(0), 1), 1u);
  g_kill = 0;
}

TEST_F(UaccessTest, NoMemoryEndsTheCopyInsteadOfKilling) {
  MapStrip(nullptr, "W");
  char byte = 1;
  machine_.FailAllocations(0, 1000);
  EXPECT_EQ(copy_to_user(At(0), &byte, 1), 1u);
  machine_.FailAllocations(0, 0);
  EXPECT_FALSE(fatal_signal_pending(machine_.task()));
}

// ---- read(2) ----

TEST_F(UaccessTest, ReadFillsAMappingUpToTheEndOfTheFile) {
  TestDataFile file(&machine_, 2 * kPage + 100);
  MapStrip(nullptr, "Wwww");
  ASSERT_EQ(sys_pread64(file.get(), At(0, 10), 3 * kPage, 50), 2 * kPage + 50);
  const std::string seen = Peek(At(0, 10), 2 * kPage + 50);
  for (uint64_t i = 0; i < seen.size(); ++i) {
    ASSERT_EQ(static_cast<uint8_t>(seen[i]), TestDataFile::Byte(50 + i)) << i;
  }
  EXPECT_EQ(sys_pread64(file.get(), At(0), 10, 2 * kPage + 100), 0);
}

TEST_F(UaccessTest, ReadIsShortWhereTheBufferEnds) {
  TestDataFile file(&machine_, 8 * kPage);
  MapStrip(nullptr, "W.R");
  EXPECT_EQ(sys_pread64(file.get(), At(0, 1000), 2 * kPage, 0), kPage - 1000);
  EXPECT_EQ(sys_pread64(file.get(), At(1), 10, 0), -EFAULT);
  EXPECT_EQ(sys_pread64(file.get(), At(2), 10, 0), -EFAULT);
  EXPECT_EQ(sys_pread64(file.get(), TASK_SIZE, 10, 0), -EFAULT);
  EXPECT_EQ(sys_pread64(file.get(), At(0), 10, -1), -EINVAL);
  TestDataFile write_only(&machine_, kPage, nullptr, FMODE_WRITE);
  EXPECT_EQ(sys_pread64(write_only.get(), At(0), 10, 0), -EBADF);
  EXPECT_EQ(sys_pwrite64(file.get(), At(0), 10, 0), -EBADF);
}

// The page being read may be the one that the fault of the copy wants.
TEST_F(UaccessTest, ReadIntoAMappingOfTheSamePageEnds) {
  TestDataFile file(&machine_, 4 * kPage, nullptr, FMODE_READ | FMODE_WRITE);
  ASSERT_GT(vm_mmap_pgoff(file.get(), At(0), 4 * kPage, kRw,
                          MAP_SHARED | MAP_FIXED, 0),
            0);
  ASSERT_EQ(sys_pread64(file.get(), At(1, 8), 100, 0), 100);
  EXPECT_EQ(static_cast<uint8_t>(Peek(At(1, 8), 1)[0]), TestDataFile::Byte(0));
  EXPECT_TRUE(PageDirty(file.CachedPage(1)));
}

// ---- write(2), vmsplice(2), process_vm_readv(2) ----

TEST_F(UaccessTest, WriteFromAMappingStopsAtTheEndOfTheFile) {
  TestDataFile file(&machine_, kPage + 100);
  ASSERT_EQ(MapPages(file.get(), 0, 4, PROT_READ), 0);
  std::vector<uint8_t> out(4 * kPage);
  EXPECT_EQ(sys_write_pipe(At(0), 4 * kPage, out.data()), 2 * kPage);
  EXPECT_EQ(out[kPage + 99], TestDataFile::Byte(kPage + 99));
  EXPECT_EQ(out[kPage + 100], 0);
  EXPECT_EQ(sys_write_pipe(At(2), 10, out.data()), -EFAULT);
  EXPECT_EQ(sys_write_pipe(At(1, 4090), 6, nullptr), 6);
  // A buffer of the pipe that cannot be filled is given up as a whole.
  EXPECT_EQ(sys_write_pipe(At(0, 100), 3 * kPage, out.data()), kPage);
  EXPECT_EQ(sys_write_pipe(At(1, 100), 3 * kPage, out.data()), -EFAULT);
}

// As seen on a real kernel.
TEST_F(UaccessTest, DirectMappingIsWrittenFromButHasNoPagesToTake) {
  TestDataFile file(&machine_, 8 * kPage, RomMmap);
  MapStrip(nullptr, "W");
  ASSERT_GT(vm_mmap_pgoff(file.get(), At(4), 2 * kPage, PROT_READ,
                          MAP_PRIVATE | MAP_FIXED, 0),
            0);
  std::vector<uint8_t> out(2 * kPage);
  ASSERT_EQ(sys_write_pipe(At(4), 2 * kPage, out.data()), 2 * kPage);
  for (uint64_t i = 0; i < out.size(); ++i) {
    ASSERT_EQ(out[i], RomByte(i)) << i;
  }
  EXPECT_EQ(sys_vmsplice(At(4), kPage, out.data()), -EFAULT);
  EXPECT_EQ(process_vm_rw(machine_.task(), At(0), At(4), 16, 0), -EFAULT);
  uint8_t byte;
  EXPECT_EQ(ptrace_access(machine_.task(), At(4), &byte, 1, 0), 0);
}

TEST_F(UaccessTest, WriteIsShortWhereADirectMappingHasNothingMore) {
  TestDataFile file(&machine_, 8 * kPage, PartRomMmap);
  ASSERT_GT(vm_mmap_pgoff(file.get(), At(0), 5 * kPage, PROT_READ,
                          MAP_PRIVATE | MAP_FIXED, 0),
            0);
  std::vector<uint8_t> out(5 * kPage);
  EXPECT_EQ(sys_write_pipe(At(0), 5 * kPage, out.data()), 3 * kPage);
  EXPECT_EQ(sys_write_pipe(At(3), kPage, out.data()), -EFAULT);
}

TEST_F(UaccessTest, DevicesOwnMethodServesPtrace) {
  TestDataFile file(&machine_, 8 * kPage, RomMmap);
  ASSERT_GT(vm_mmap_pgoff(file.get(), At(0), kPage, PROT_READ,
                          MAP_PRIVATE | MAP_FIXED, 0),
            0);
  static const struct vm_operations_struct kOps = [] {
    struct vm_operations_struct ops = {};
    ops.access = [](struct vm_area_struct*, kulong, void* buf, int len, int) {
      std::memset(buf, 0x6b, static_cast<size_t>(len));
      return len;
    };
    return ops;
  }();
  find_vma(machine_.mm(), At(0))->vm_ops = &kOps;
  uint8_t bytes[4] = {};
#ifdef CONFIG_X86_64
  EXPECT_EQ(ptrace_access(machine_.task(), At(0), bytes, 4, 0), 4);
  EXPECT_EQ(bytes[3], 0x6b);
#else
  EXPECT_EQ(ptrace_access(machine_.task(), At(0), bytes, 4, 0), 0);
#endif
}

TEST_F(UaccessTest, VmspliceTakesPagesInBatches) {
  ASSERT_EQ(MapPages(nullptr, 0, 24, kRw), 0);
  const std::string text = Pattern(20 * kPage);
  ASSERT_EQ(copy_to_user(At(0, 30), text.data(), text.size()), 0u);
  std::string out(text.size(), '\0');
  ASSERT_EQ(sys_vmsplice(At(0, 30), text.size(), out.data()),
            static_cast<int64_t>(text.size()));
  EXPECT_EQ(out, text);
  ASSERT_EQ(vm_munmap(At(2), kPage), 0);
  EXPECT_EQ(sys_vmsplice(At(0, 30), text.size(), nullptr), 2 * kPage - 30);
}

TEST_F(UaccessTest, OtherProcessIsReadAndWrittenPageByPage) {
  ASSERT_EQ(MapPages(nullptr, 0, 24, kRw), 0);
  ASSERT_EQ(MapPages(nullptr, 32, 24, kRw), 0);
  const std::string text = Pattern(20 * kPage);
  ASSERT_EQ(copy_to_user(At(0, 77), text.data(), text.size()), 0u);
  ASSERT_EQ(
      process_vm_rw(machine_.task(), At(32, 5), At(0, 77), text.size(), 0),
      static_cast<int64_t>(text.size()));
  EXPECT_EQ(Peek(At(40), 64), text.substr(8 * kPage - 5, 64));
  ASSERT_EQ(process_vm_rw(machine_.task(), At(32, 5), At(3, 1), 10, 1), 10);
  EXPECT_EQ(Peek(At(3, 1), 10), text.substr(0, 10));

  ASSERT_EQ(do_mprotect(At(1), kPage, PROT_READ), 0);
  EXPECT_EQ(process_vm_rw(machine_.task(), At(32), At(0), 3 * kPage, 1), kPage);
  EXPECT_EQ(process_vm_rw(machine_.task(), At(32), At(1), 10, 1), -EFAULT);
  EXPECT_EQ(process_vm_rw(machine_.task(), At(60), At(0), 10, 0), -EFAULT);
  EXPECT_EQ(process_vm_rw(machine_.task(), At(32), At(60), 10, 0), -EFAULT);
  EXPECT_EQ(process_vm_rw(machine_.task(), TASK_SIZE, At(0), 10, 0), -EFAULT);
  struct task_struct gone = {};
  gone.machine = machine_.machine();
  EXPECT_EQ(process_vm_rw(&gone, At(32), At(0), 10, 0), -ESRCH);
  EXPECT_EQ(ptrace_access(&gone, At(0), &gone, 1, 0), 0);
}

TEST_F(UaccessTest, PtraceGoesAsFarAsItCan) {
  MapStrip(nullptr, "Nw.");
  std::string text = Pattern(100);
  EXPECT_EQ(
      ptrace_access(machine_.task(), At(0, kPage - 50), text.data(), 100, 1),
      100);
  std::string back(100, '\0');
  EXPECT_EQ(
      ptrace_access(machine_.task(), At(0, kPage - 50), back.data(), 100, 0),
      100);
  EXPECT_EQ(back, text);
  EXPECT_EQ(
      ptrace_access(machine_.task(), At(1, kPage - 30), back.data(), 100, 0),
      30);
}

// ---- memory runs out ----

TEST_F(UaccessTest, FailedAllocationIsShortOrToldAndLosesNothing) {
  {
    TestDataFile file(&machine_, 8 * kPage);
    std::vector<char> out(8 * kPage);
    const std::vector<std::function<int64_t()>> operations = {
        [&] { return sys_pread64(file.get(), At(0), 3 * kPage, 0); },
        [&] { return sys_write_pipe(At(4), 3 * kPage, out.data()); },
        [&] { return sys_vmsplice(At(4), 3 * kPage, out.data()); },
        [&] {
          return process_vm_rw(machine_.task(), At(0), At(4), 3 * kPage, 0);
        },
        [&] {
          return ptrace_access(machine_.task(), At(4), out.data(), 3 * kPage,
                               1);
        }};
    int failures = 0;
    for (const auto& operation : operations) {
      for (int after = 0;; ++after) {
        ASSERT_LT(after, 64);
        ASSERT_EQ(MapPages(nullptr, 0, 3, kRw), 0);
        ASSERT_GT(vm_mmap_pgoff(file.get(), At(4), 3 * kPage, kRw,
                                MAP_PRIVATE | MAP_FIXED, 2),
                  0);
        machine_.FailAllocations(after, 1);
        const int64_t result = operation();
        const bool failed = machine_.AllocationFailed();
        machine_.FailAllocations(0, 0);
        EXPECT_EQ(validate_mm(machine_.mm()), 0u);
        ASSERT_EQ(vm_munmap(At(0), 8 * kPage), 0);
        if (!failed) {
          EXPECT_EQ(result, 3 * kPage);
          break;
        }
        ++failures;
        // All of it only where fault-around went without its table.
        EXPECT_TRUE(result == -ENOMEM || result == -EFAULT ||
                    (result >= 0 && result <= static_cast<int64_t>(3 * kPage) &&
                     result % kPage == 0))
            << result;
      }
    }
    EXPECT_GT(failures, 20);
  }
  EXPECT_EQ(machine_.machine()->nr_free, machine_.boot_free());
}

}  // namespace
}  // namespace faultline
