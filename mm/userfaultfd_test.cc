// SPDX-License-Identifier: GPL-2.0-only
//
// Faults that the process serves itself: what can be registered, what brings a
// page, and when a fault gives up.  Who sleeps and is woken is shown by
// userfault-*.litmus.

#include "mm/userfaultfd.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "mm/testing_pages.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;
constexpr int kSigUsr1 = 10;
constexpr uint32_t kUserRetry =
    FAULT_FLAG_USER | FAULT_FLAG_KILLABLE | FAULT_FLAG_ALLOW_RETRY;

s64 Register(uint64_t page, uint64_t pages) {
  return uffdio_register(PageAddress(page), pages << PAGE_SHIFT);
}

// A letter a page, a capital where a vma begins: u registered, a not.
std::string Registered(struct mm_struct* mm, uint64_t pages) {
  std::string strip;
  for (uint64_t page = 0; page < pages; ++page) {
    struct vm_area_struct* vma = find_vma(mm, PageAddress(page));
    if (vma == nullptr || vma->vm_start > PageAddress(page)) {
      strip += '.';
      continue;
    }
    const bool first = vma->vm_start == PageAddress(page);
    strip +=
        userfaultfd_missing(vma) ? (first ? 'U' : 'u') : (first ? 'A' : 'a');
  }
  return strip;
}

class UserfaultTest : public testing::Test {
 protected:
  void Boot(uint64_t fixes_off) {
    TestMachine::Options options;
    options.fixes_off = fixes_off;
    machine_.reset();  // there is one at a time
    machine_ = std::make_unique<TestMachine>(options);
    ASSERT_EQ(MapPages(nullptr, 0, 8, kRw), 0);
  }
  void SetUp() override { Boot(0); }
  struct mm_struct* mm() {
    return machine_->mm();
  }

  // One fault with those flags; mmap_sem is taken for it, and let go if it
  // is still held.
  int Fault(uint64_t page, uint32_t flags, bool* held) {
    down_read(&mm()->mmap_sem);
    const int ret = handle_mm_fault(find_vma(mm(), PageAddress(page)),
                                    PageAddress(page), flags);
    *held = rwsem_is_locked(&mm()->mmap_sem);
    if (*held) up_read(&mm()->mmap_sem);
    return ret;
  }

  std::unique_ptr<TestMachine> machine_;
};

TEST_F(UserfaultTest, RegisteringSplitsAndMerges) {
  ASSERT_EQ(Register(2, 2), 0);
  EXPECT_EQ(Registered(mm(), 8), "AaUuAaaa");
  ASSERT_EQ(Register(2, 1), 0);
  EXPECT_EQ(Registered(mm(), 8), "AaUuAaaa");
  ASSERT_EQ(Register(4, 2), 0);
  EXPECT_EQ(Registered(mm(), 8), "AaUuuuAa");
  ASSERT_EQ(vm_munmap(PageAddress(6), PAGE_SIZE), 0);
  ASSERT_EQ(Register(0, 8), 0);
  EXPECT_EQ(Registered(mm(), 8), "Uuuuuu.U");
  EXPECT_EQ(validate_mm(mm()), 0u);
}

TEST_F(UserfaultTest, RegisteredMemoryDoesNotMergeWithOther) {
  ASSERT_EQ(Register(0, 8), 0);
  ASSERT_EQ(MapPages(nullptr, 8, 2, kRw), 0);
  EXPECT_EQ(Registered(mm(), 10), "UuuuuuuuAa");
}

TEST_F(UserfaultTest, OnlyMappedAnonymousMemoryIsRegistered) {
  PagedFile file(machine_.get());
  ASSERT_EQ(MapPages(file.get(), 8, 2, PROT_READ), 0);
  EXPECT_EQ(Register(7, 2), -EINVAL);
  EXPECT_EQ(Register(8, 1), -EINVAL);
  EXPECT_EQ(Register(20, 1), -EINVAL);
  EXPECT_EQ(Register(0, 0), -EINVAL);
  EXPECT_EQ(uffdio_register(PageAddress(0) + 1, PAGE_SIZE), -EINVAL);
  EXPECT_EQ(uffdio_register(PageAddress(0), PAGE_SIZE + 1), -EINVAL);
  EXPECT_EQ(uffdio_register(TASK_SIZE, PAGE_SIZE), -EINVAL);
  EXPECT_EQ(Registered(mm(), 10), "AaaaaaaaAa");
  machine_->PutMm();
}

TEST_F(UserfaultTest, APageIsBroughtOnceAndOnlyWhereItIsExpected) {
  EXPECT_EQ(uffdio_copy(PageAddress(0), 1), -ENOENT);
  ASSERT_EQ(Register(0, 2), 0);
  EXPECT_EQ(uffdio_copy(PageAddress(0), 0x1122), 0);
  EXPECT_EQ(uffdio_copy(PageAddress(0), 0x3344), -EEXIST);
  EXPECT_EQ(uffdio_zeropage(PageAddress(0)), -EEXIST);
  EXPECT_EQ(uffdio_zeropage(PageAddress(1)), 0);
  EXPECT_EQ(uffdio_copy(PageAddress(2), 1), -ENOENT);
  EXPECT_EQ(uffdio_copy(PageAddress(9), 1), -ENOENT);
  EXPECT_EQ(uffdio_copy(PageAddress(0) + 8, 1), -EINVAL);
  EXPECT_EQ(uffdio_wake(PageAddress(0), 1), -EINVAL);
  EXPECT_EQ(uffdio_wake(PageAddress(0), PAGE_SIZE), 0);
  EXPECT_EQ(get_mm_counter(mm(), MM_ANONPAGES), 1u);
  EXPECT_EQ(Load(0).faults, 0u);
  EXPECT_EQ(Load(0).value, 0x22u);
  EXPECT_EQ(Load(1).value, 0u);
  // It is there now, though it may not be written to: an ordinary fault.
  EXPECT_EQ(Store(1, 7).sig, 0);
  EXPECT_EQ(Load(1).value, 7u);
  EXPECT_EQ(validate_mm(mm()), 0u);
}

TEST_F(UserfaultTest, FaultThatMayNotWaitGetsSigbus) {
  ASSERT_EQ(Register(0, 1), 0);
  for (uint32_t flags : {0u, uint32_t{FAULT_FLAG_WRITE}}) {
    bool held = false;
    EXPECT_EQ(Fault(0, flags | FAULT_FLAG_USER, &held), VM_FAULT_SIGBUS);
    EXPECT_TRUE(held);
  }
  bool held = false;
  EXPECT_EQ(Fault(0, kUserRetry | FAULT_FLAG_RETRY_NOWAIT, &held),
            VM_FAULT_RETRY);
  EXPECT_TRUE(held);
  EXPECT_TRUE(pte_none(PteAt(mm(), 0)));
  EXPECT_EQ(get_mm_rss(mm()), 0u);
  EXPECT_TRUE(list_empty(&mm()->userfaultfd_ctx.waiters));
}

TEST_F(UserfaultTest, SignalEndsTheWaitWithoutMmapSem) {
  ASSERT_EQ(Register(0, 1), 0);
  send_sig(kSigUsr1, machine_->task());
  bool held = true;
  EXPECT_EQ(Fault(0, kUserRetry, &held), VM_FAULT_RETRY);
  EXPECT_FALSE(held);
  EXPECT_TRUE(list_empty(&mm()->userfaultfd_ctx.waiters));
  EXPECT_EQ(machine_->task()->state, uint32_t{TASK_RUNNING});
}

TEST_F(UserfaultTest, WithoutTheFixASignalMakesItLookAsIfServed) {
  Boot(uint64_t{1} << FL_FIX_HANDLE_USERFAULT);
  ASSERT_EQ(Register(0, 1), 0);
  send_sig(kSigUsr1, machine_->task());
  bool held = false;
  EXPECT_EQ(Fault(0, kUserRetry, &held), VM_FAULT_NOPAGE);
  EXPECT_TRUE(held);
  EXPECT_TRUE(pte_none(PteAt(mm(), 0)));
  // A fault of the kernel's, or a fatal signal, is not left like this.
  send_sig(SIGKILL, machine_->task());
  EXPECT_EQ(Fault(0, kUserRetry, &held), VM_FAULT_RETRY);
  EXPECT_FALSE(held);
}

TEST_F(UserfaultTest, ChildOfAForkServesItsOwnFaults) {
  ASSERT_EQ(Register(0, 8), 0);
  ASSERT_EQ(uffdio_copy(PageAddress(0), 5), 0);
  TestTask child(machine_.get());
  ASSERT_EQ(sys_fork(child.get()), 0);
  EXPECT_EQ(Registered(child.mm(), 8), "Aaaaaaaa");
  EXPECT_EQ(Registered(mm(), 8), "Uuuuuuuu");
  RunAs as(child.get());
  EXPECT_EQ(Load(0).value, 5u);
  EXPECT_EQ(Load(1).value, 0u);
}

TEST(UserfaultNoMemoryTest, EveryFailedAllocationLeavesASoundMm) {
  const auto prepare = [](TestMachine*) {
    ASSERT_EQ(MapPages(nullptr, 0, 8, kRw), 0);
  };
  const SweepResult registering =
      SweepAllocations(prepare, [] { return Register(2, 2); });
  EXPECT_GT(registering.failed, 0);
  EXPECT_EQ(registering.errors, (std::set<int64_t>{-ENOMEM}));
  const auto prepare_copy = [&](TestMachine* machine) {
    prepare(machine);
    ASSERT_EQ(Register(0, 8), 0);
  };
  const SweepResult copying = SweepAllocations(
      prepare_copy, [] { return uffdio_copy(PageAddress(2), 1); });
  EXPECT_GT(copying.failed, 0);
  EXPECT_EQ(copying.errors, (std::set<int64_t>{-ENOMEM}));
}

}  // namespace
}  // namespace faultline
