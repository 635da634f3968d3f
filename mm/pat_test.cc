// SPDX-License-Identifier: GPL-2.0-only
//
// Reservations of physical ranges: one for each vma that maps device frames as
// a whole, none left when all is unmapped, and what a vma of changed size
// does to them.

#include <string>
#include <vector>

#include "mm/testing.h"

namespace faultline {
namespace {

constexpr uint64_t kRomPhys = 0x40000000;
constexpr bool kTracked =
#ifdef CONFIG_X86_64
    true;
#else
    false;
#endif

TestMachine::Options WithRom() {
  TestMachine::Options options;
  options.rom_bytes = 64 << PAGE_SHIFT;
  options.rom_phys = kRomPhys;
  return options;
}

// Maps the ROM's frames from vm_pgoff on over `pages` pages of the vma.
int RemapPages(struct vm_area_struct* vma, kulong pages) {
  return remap_pfn_range(vma, vma->vm_start,
                         (kRomPhys >> PAGE_SHIFT) + vma->vm_pgoff,
                         pages << PAGE_SHIFT, vma->vm_page_prot);
}

class PatTest : public testing::Test {
 protected:
  uint64_t Ranges() { return machine_.machine()->nr_pat_ranges; }
  std::string Reports() {
    std::string all;
    for (const TestReport& report : machine_.TakeReports()) {
      EXPECT_EQ(report.kind, uint32_t{FL_REPORT_WARN});
      all += report.text;
    }
    return all;
  }

  TestMachine machine_{WithRom()};
};

TEST_F(PatTest, WholeMappingIsReservedUntilUnmapped) {
  TestFile file(&machine_, [](struct file*, struct vm_area_struct* vma) {
    return RemapPages(vma, vma_pages(vma));
  });
  ASSERT_EQ(MapPages(file.get(), 0, 4, PROT_READ), 0);
  ASSERT_EQ(MapPages(file.get(), 8, 4, PROT_READ), 0);
  EXPECT_EQ(Ranges(), kTracked ? 2u : 0u);
  EXPECT_EQ((machine_.mm()->mmap->vm_flags & VM_PAT) != 0, kTracked);
  ASSERT_EQ(vm_munmap(PageAddress(0), 4 << PAGE_SHIFT), 0);
  EXPECT_EQ(Ranges(), kTracked ? 1u : 0u);
  machine_.PutMm();
  EXPECT_EQ(Ranges(), 0u);
  EXPECT_EQ(Reports(), "");
}

// A kernel without CONFIG_X86_PAT tracks nothing.
TEST_F(PatTest, NothingIsTrackedWhenOff) {
  machine_.machine()->config.pat_off = 1;
  TestFile file(&machine_, [](struct file*, struct vm_area_struct* vma) {
    return RemapPages(vma, vma_pages(vma));
  });
  ASSERT_EQ(MapPages(file.get(), 0, 4, PROT_READ), 0);
  EXPECT_EQ(Ranges(), 0u);
  EXPECT_EQ(machine_.mm()->mmap->vm_flags & VM_PAT, 0u);
  machine_.PutMm();
  EXPECT_EQ(Reports(), "");
}

TEST_F(PatTest, OverlappingMappingsEachHaveTheirRange) {
  TestFile file(&machine_, [](struct file*, struct vm_area_struct* vma) {
    vma->vm_pgoff = 0;
    return RemapPages(vma, vma_pages(vma));
  });
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_EQ(MapPages(file.get(), 8 * i, 2 + i, PROT_READ), 0);
  }
  EXPECT_EQ(Ranges(), kTracked ? 3u : 0u);
  ASSERT_EQ(vm_munmap(PageAddress(8), 3 << PAGE_SHIFT), 0);
  EXPECT_EQ(Ranges(), kTracked ? 2u : 0u);
  machine_.PutMm();
  EXPECT_EQ(Ranges(), 0u);
  EXPECT_EQ(Reports(), "");
}

// A driver that shortens the vma for the time of the call has the short range
// reserved; the long one is freed, which nobody reserved.
TEST_F(PatTest, VmaShortenedForTheCallLeaksItsRange) {
  TestFile file(&machine_, [](struct file*, struct vm_area_struct* vma) {
    const kulong end = vma->vm_end;
    vma->vm_end -= 2 * PAGE_SIZE;
    const int error = RemapPages(vma, vma_pages(vma));
    vma->vm_end = end;
    return error;
  });
  ASSERT_EQ(MapPages(file.get(), 0, 6, PROT_READ), 0);
  EXPECT_EQ(Ranges(), kTracked ? 1u : 0u);
  ASSERT_EQ(vm_munmap(PageAddress(0), 6 << PAGE_SHIFT), 0);
  EXPECT_EQ(Ranges(), kTracked ? 1u : 0u);
  EXPECT_EQ(Reports(), "");  // the kernel only logs it
  machine_.PutMm();
}

TEST_F(PatTest, NoRangeForRamAndNoneForAPart) {
  if (!kTracked) GTEST_SKIP() << "tracked on x86 only";
  struct vm_area_struct vma = {};
  vma.vm_mm = machine_.mm();
  vma.vm_start = PageAddress(0);
  vma.vm_end = PageAddress(4);
  const kulong rom = kRomPhys >> PAGE_SHIFT;
  EXPECT_EQ(track_pfn_remap(&vma, rom, vma.vm_start, 3 * PAGE_SIZE), 0);
  EXPECT_EQ(vma.vm_flags & VM_PAT, 0u);
  EXPECT_EQ(Ranges(), 0u);
  EXPECT_EQ(track_pfn_remap(&vma, machine_.machine()->ram_pfn, vma.vm_start,
                            4 * PAGE_SIZE),
            0);
  EXPECT_NE(vma.vm_flags & VM_PAT, 0u);
  EXPECT_EQ(Ranges(), 0u);
}

// Shrinking by mremap frees the end of a range by its own bounds.
TEST_F(PatTest, EndOfARangeCanBeFreedAlone) {
  if (!kTracked) GTEST_SKIP() << "tracked on x86 only";
  struct vm_area_struct vma = {};
  vma.vm_mm = machine_.mm();
  vma.vm_start = PageAddress(0);
  vma.vm_end = PageAddress(4);
  const kulong rom = kRomPhys >> PAGE_SHIFT;
  ASSERT_EQ(track_pfn_remap(&vma, rom, vma.vm_start, 4 * PAGE_SIZE), 0);
  untrack_pfn(&vma, rom + 3, PAGE_SIZE);
  EXPECT_EQ(Ranges(), 1u);
  EXPECT_EQ(vma.vm_flags & VM_PAT, 0u);
  vma.vm_flags |= VM_PAT;
  untrack_pfn(&vma, rom, 3 * PAGE_SIZE);
  EXPECT_EQ(Ranges(), 0u);
  EXPECT_EQ(Reports(), "");
}

}  // namespace
}  // namespace faultline
