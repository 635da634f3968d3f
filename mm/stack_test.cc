// SPDX-License-Identifier: GPL-2.0-only
//
// Stacks grow by being touched: how far, past whom, and what is counted.

#include "mm/testing.h"

namespace faultline {
namespace {

constexpr int kSegv = SIGSEGV;
constexpr uint64_t kTop = 3000;  // page of the strip where the stack ends

class StackTest : public testing::Test {
 protected:
  struct mm_struct* mm() {
    return machine_.mm();
  }
  // A stack of so many pages below page kTop.
  void MapStack(uint64_t pages, kulong prot = PROT_READ | PROT_WRITE,
                kulong flags = 0) {
    ASSERT_GT(
        vm_mmap_pgoff(
            nullptr, PageAddress(kTop - pages), pages << PAGE_SHIFT, prot,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN | flags, 0),
        0);
  }
  int Touch(uint64_t page) { return StoreSignal(PageAddress(page)); }
  struct vm_area_struct* Stack() {
    return find_vma(mm(), PageAddress(kTop - 1));
  }
  uint64_t Pages() { return vma_pages(Stack()); }
  void TearDown() override {
    EXPECT_EQ(validate_mm(mm()), 0u);
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  TestMachine machine_;
};

TEST_F(StackTest, GrowsToThePageThatIsTouched) {
  MapStack(2);
  const kulong offset = Stack()->vm_pgoff;
  EXPECT_EQ(Touch(kTop - 9), 0);
  EXPECT_EQ(Pages(), 9u);
  EXPECT_EQ(Stack()->vm_pgoff, offset - 7);
  EXPECT_EQ(mm()->stack_vm, 9u);
  EXPECT_EQ(mm()->total_vm, 9u);
  EXPECT_EQ(machine_.Committed(), 9);
  EXPECT_EQ(Touch(kTop - 8), 0);
  EXPECT_EQ(Pages(), 9u);
  ASSERT_EQ(vm_munmap(PageAddress(kTop - 9), 9 << PAGE_SHIFT), 0);
  EXPECT_EQ(machine_.Committed(), 0);
}

TEST_F(StackTest, OtherMappingsDoNotGrow) {
  ASSERT_EQ(MapPages(nullptr, 5, 1, PROT_READ | PROT_WRITE), 0);
  EXPECT_EQ(Touch(4), kSegv);
}

TEST_F(StackTest, ReadOnlyStackGrowsAndThenRefusesTheStore) {
  MapStack(1, PROT_READ);
  EXPECT_EQ(Touch(kTop - 3), kSegv);
  EXPECT_EQ(Pages(), 3u);
  EXPECT_EQ(UserLoad(PageAddress(kTop - 3)), 0u);
  // Charged although it is not accounted: 4.13 never gives this back.
  EXPECT_EQ(machine_.Committed(), 2);
}

TEST_F(StackTest, GuardGapKeepsOtherMappingsAway) {
  MapStack(1);
  ASSERT_EQ(MapPages(nullptr, kTop - 300, 1, PROT_READ), 0);
  EXPECT_EQ(Touch(kTop - 300 + 1 + 255), kSegv);
  EXPECT_EQ(Pages(), 1u);
  EXPECT_EQ(Touch(kTop - 300 + 1 + 256), 0);
  EXPECT_EQ(Pages(), 43u);
}

TEST_F(StackTest, GuardAndStackBelowMayBeClose) {
  MapStack(1);
  ASSERT_EQ(MapPages(nullptr, kTop - 300, 1, PROT_NONE), 0);
  EXPECT_EQ(Touch(kTop - 299), 0);
  // Both grow; they stop where the other is.
  ASSERT_GT(
      vm_mmap_pgoff(nullptr, PageAddress(kTop - 400), PAGE_SIZE,
                    PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, 0),
      0);
  ASSERT_EQ(vm_munmap(PageAddress(kTop - 300), PAGE_SIZE), 0);
  EXPECT_EQ(Touch(kTop - 399), 0);
  EXPECT_EQ(Pages(), 399u);
}

TEST_F(StackTest, StackLimitStopsIt) {
  MapStack(2);
  ASSERT_EQ(set_rlimit(mm(), RLIMIT_STACK, 5 << PAGE_SHIFT, ~uint64_t{0}), 0);
  EXPECT_EQ(Touch(kTop - 6), kSegv);
  EXPECT_EQ(Pages(), 2u);
  EXPECT_EQ(Touch(kTop - 5), 0);
}

TEST_F(StackTest, AddressSpaceLockedAndCommitLimitsStopIt) {
  MapStack(2, PROT_READ | PROT_WRITE, MAP_LOCKED);
  EXPECT_EQ(mm()->locked_vm, 2u);
  EXPECT_EQ(Touch(kTop - 17), kSegv);
  EXPECT_EQ(Touch(kTop - 16), 0);
  EXPECT_EQ(mm()->locked_vm, 16u);
  ASSERT_EQ(set_rlimit(mm(), RLIMIT_MEMLOCK, ~uint64_t{0}, ~uint64_t{0}), 0);
  EXPECT_EQ(Touch(kTop - 800), kSegv);  // more than there is
  EXPECT_EQ(machine_.Committed(), 16);
  ASSERT_EQ(set_rlimit(mm(), RLIMIT_AS, 20 << PAGE_SHIFT, ~uint64_t{0}), 0);
  EXPECT_EQ(Touch(kTop - 21), kSegv);
  EXPECT_EQ(Touch(kTop - 20), 0);
}

TEST_F(StackTest, LowestAddressesAreNotForIt) {
  ASSERT_GT(
      vm_mmap_pgoff(nullptr, MMAP_MIN_ADDR, PAGE_SIZE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, 0),
      0);
  EXPECT_EQ(StoreSignal(MMAP_MIN_ADDR - 1), kSegv);
}

#ifdef CONFIG_X86_64
TEST_F(StackTest, FarBelowTheStackPointerIsNoStackAccess) {
  MapStack(2);
  machine_.task()->sp = PageAddress(kTop - 1);
  EXPECT_EQ(StoreSignal(PageAddress(kTop - 1) - 65536 - 32 * 8 - 1), kSegv);
  EXPECT_EQ(Pages(), 2u);
  EXPECT_EQ(StoreSignal(PageAddress(kTop - 1) - 65536 - 32 * 8), 0);
}
#endif

TEST_F(StackTest, NewMappingsStayOutOfTheGuardGap) {
  const kulong base = mm()->mmap_base;
  const kulong stack = base - (400 << PAGE_SHIFT);
  ASSERT_GT(
      vm_mmap_pgoff(nullptr, stack, PAGE_SIZE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, 0),
      0);
  // Fill what is above, so that the next goes below the stack.
  ASSERT_GT(
      vm_mmap_pgoff(nullptr, stack + PAGE_SIZE, 399 << PAGE_SHIFT, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0),
      0);
  EXPECT_EQ(get_unmapped_area(nullptr, 0, PAGE_SIZE, 0, MAP_PRIVATE),
            stack - (257 << PAGE_SHIFT));
  EXPECT_EQ(get_unmapped_area(nullptr, stack - (200 << PAGE_SHIFT), PAGE_SIZE,
                              0, MAP_PRIVATE),
            stack - (257 << PAGE_SHIFT));
  // As it grows the gap moves with it.
  ASSERT_EQ(StoreSignal(stack - (10 << PAGE_SHIFT)), 0);
  EXPECT_EQ(get_unmapped_area(nullptr, 0, PAGE_SIZE, 0, MAP_PRIVATE),
            stack - (267 << PAGE_SHIFT));
}

TEST_F(StackTest, MprotectGrowsdownReachesDownToItsStart) {
  MapStack(4);
  const kulong grows = PROT_READ | PROT_GROWSDOWN;
  EXPECT_EQ(do_mprotect(PageAddress(kTop - 1), PAGE_SIZE, grows), 0);
  EXPECT_EQ(Stack()->vm_flags & (VM_READ | VM_WRITE), kulong{VM_READ});
  EXPECT_EQ(Pages(), 4u);
  ASSERT_EQ(MapPages(nullptr, 5, 1, PROT_READ), 0);
  EXPECT_EQ(do_mprotect(PageAddress(5), PAGE_SIZE, grows), -EINVAL);
  EXPECT_EQ(do_mprotect(PageAddress(2), PAGE_SIZE, grows), -ENOMEM);
}

TEST_F(StackTest, FilesDoNotGrow) {
  TestFile file(&machine_);
  EXPECT_EQ(vm_mmap_pgoff(file.get(), 0, PAGE_SIZE, PROT_READ,
                          MAP_PRIVATE | MAP_GROWSDOWN, 0),
            -EINVAL);
}

TEST_F(StackTest, FindExtendVmaGrowsAsAFaultDoes) {
  MapStack(1);
  EXPECT_EQ(find_extend_vma(mm(), PageAddress(kTop - 4)), Stack());
  EXPECT_EQ(Pages(), 4u);
  EXPECT_EQ(find_extend_vma(mm(), PageAddress(kTop)), nullptr);
  ASSERT_EQ(MapPages(nullptr, 5, 1, PROT_READ), 0);
  EXPECT_EQ(find_extend_vma(mm(), PageAddress(4)), nullptr);
}

TEST(StackSweepTest, FailedAllocationsLeaveTheStackAsItWas) {
  const SweepResult sweep = SweepAllocations(
      [](TestMachine*) {
        ASSERT_GT(
            vm_mmap_pgoff(
                nullptr, PageAddress(kTop), PAGE_SIZE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, 0),
            0);
      },
      [] {
        struct vm_area_struct* vma = find_vma(current->mm, PageAddress(kTop));
        const int error = expand_stack(vma, PageAddress(kTop - 3));
        EXPECT_EQ(vma_pages(vma), error ? 1u : 4u);
        return int64_t{error};
      });
  EXPECT_EQ(sweep.failed, 4);  // the chain and the anon_vma, twice
  EXPECT_EQ(sweep.errors, std::set<int64_t>({-ENOMEM}));
}

#ifdef CONFIG_X86_64
TEST(Map32BitTest, GoesBetweenOneAndTwoGibLowestFirst) {
  TestMachine machine;
  const kulong flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT;
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0, PAGE_SIZE, PROT_READ, flags, 0),
            0x40000000);
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0, PAGE_SIZE, PROT_NONE, flags, 0),
            0x40001000);
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0x50000000, PAGE_SIZE, PROT_NONE, flags, 0),
            0x50000000);
  // A hint above is no hint.
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0x90000000, PAGE_SIZE, PROT_EXEC, flags, 0),
            0x40002000);
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0, kulong{0x40001000}, PROT_READ, flags, 0),
            -ENOMEM);
}
#endif

}  // namespace
}  // namespace faultline
