// SPDX-License-Identifier: GPL-2.0-only
//
// /proc/PID/smaps as the kernel prints it, and the bits of pagemap.

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "mm/testing_pages.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;

std::string Smaps(struct mm_struct* mm) {
  std::string text(proc_pid_smaps(mm, nullptr, 0), '\0');
  proc_pid_smaps(mm, text.data(), text.size() + 1);
  return text;
}

// The number in a line of the nth mapping, kB.
uint64_t Kb(struct mm_struct* mm, int nth, const std::string& name) {
  std::istringstream lines(Smaps(mm));
  std::string line;
  int mapping = -1;
  while (std::getline(lines, line)) {
    if (line.rfind("Size:", 0) == 0) ++mapping;
    if (mapping == nth && line.rfind(name + ":", 0) == 0) {
      return std::stoull(line.substr(name.size() + 1));
    }
  }
  ADD_FAILURE() << "no " << name;
  return 0;
}

std::string VmFlags(struct mm_struct* mm) {
  const std::string text = Smaps(mm);
  const size_t at = text.find("VmFlags: ");
  return text.substr(at, text.find('\n', at) - at);
}

TEST(SmapsTest, LinesAreTheKernels) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 3, kRw), 0);
  ASSERT_EQ(Store(1, 1).sig, 0);
  const std::string expected =
      "10000000-10003000 rw-p 00000000 00:00 0 \n"
      "Size:                 12 kB\n"
      "Rss:                   4 kB\n"
      "Pss:                   4 kB\n"
      "Shared_Clean:          0 kB\n"
      "Shared_Dirty:          0 kB\n"
      "Private_Clean:         0 kB\n"
      "Private_Dirty:         4 kB\n"
      "Referenced:            4 kB\n"
      "Anonymous:             4 kB\n"
      "LazyFree:              0 kB\n"
      "AnonHugePages:         0 kB\n"
      "ShmemPmdMapped:        0 kB\n"
      "Shared_Hugetlb:        0 kB\n"
      "Private_Hugetlb:       0 kB\n"
      "Swap:                  0 kB\n"
      "SwapPss:               0 kB\n"
      "KernelPageSize:        4 kB\n"
      "MMUPageSize:           4 kB\n"
      "Locked:                0 kB\n"
      "VmFlags: rd wr mr mw me ";
  const std::string text = Smaps(machine.mm());
  EXPECT_EQ(text.substr(0, expected.size()), expected);
  EXPECT_EQ(text.substr(expected.size()), "ac sd \n");
}

TEST(SmapsTest, PageOfTwoProcessesIsHalfOfEachs) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 4, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(Store(1, 1).sig, 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  {
    RunAs as(child.get());
    ASSERT_EQ(Store(0, 2).sig, 0);
  }
  EXPECT_EQ(Kb(child.mm(), 0, "Rss"), 8u);
  EXPECT_EQ(Kb(child.mm(), 0, "Pss"), 6u);
  EXPECT_EQ(Kb(child.mm(), 0, "Shared_Dirty"), 4u);
  EXPECT_EQ(Kb(child.mm(), 0, "Private_Dirty"), 4u);
  // Aged at the fork: the page that is still shared was not used since.
  EXPECT_EQ(Kb(child.mm(), 0, "Referenced"), 4u);
  EXPECT_EQ(Kb(machine.mm(), 0, "Referenced"), 8u);
}

TEST(SmapsTest, LockedMemoryCountsWhatIsThere) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 2, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  struct vm_area_struct* vma = find_vma(machine.mm(), PageAddress(0));
  vma->vm_flags |= VM_LOCKED;
  EXPECT_EQ(Kb(machine.mm(), 0, "Locked"), 4u);
  EXPECT_NE(VmFlags(machine.mm()).find(" lo "), std::string::npos);
  vma->vm_flags &= ~kulong{VM_LOCKED};
}

TEST(SmapsTest, DirectMappingHasItsFlagsAndNoPages) {
  TestMachine::Options options;
  options.rom_bytes = 4 << PAGE_SHIFT;
  TestMachine machine(options);
  TestFile rom(&machine, [](struct file*, struct vm_area_struct* vma) {
    return remap_pfn_range(vma, vma->vm_start, 0x40000,
                           vma->vm_end - vma->vm_start, vma->vm_page_prot);
  });
  ASSERT_EQ(MapPages(rom.get(), 0, 4, PROT_READ), 0);
  EXPECT_EQ(Kb(machine.mm(), 0, "Rss"), 0u);
  const std::string flags = VmFlags(machine.mm());
  EXPECT_NE(flags.find(" pf io de "), std::string::npos) << flags;
  EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;
  uint64_t entry = 0;
  ASSERT_EQ(pagemap_read(machine.mm(), PageAddress(1), 1, &entry), 1u);
  EXPECT_EQ(entry & 0xffffffff, 0x40001u);
  EXPECT_EQ(entry >> 63, 1u);
  EXPECT_EQ(entry >> 61 & 1, 0u);  // no page, so no page of a file
  machine.PutMm();
}

TEST(PagemapTest, BitsSayWhoseThePageIs) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  ASSERT_EQ(MapPages(nullptr, 1, 2, kRw), 0);
  ASSERT_EQ(Load(0).sig, 0);
  ASSERT_EQ(Store(1, 1).sig, 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  std::vector<uint64_t> entries(4, ~uint64_t{0});
  ASSERT_EQ(pagemap_read(machine.mm(), PageAddress(0), 4, entries.data()), 4u);
  constexpr uint64_t kSoftDirty = uint64_t{1} << 55;
  constexpr uint64_t kExclusive = uint64_t{1} << 56;
  constexpr uint64_t kFile = uint64_t{1} << 61;
  constexpr uint64_t kPresent = uint64_t{1} << 63;
  EXPECT_EQ(entries[0], kPresent | kFile | kExclusive | kSoftDirty |
                            page_to_pfn(PageAt(machine.mm(), 0)));
  EXPECT_EQ(entries[1],
            kPresent | kSoftDirty | page_to_pfn(PageAt(machine.mm(), 1)));
  EXPECT_EQ(entries[2], kSoftDirty);
  EXPECT_EQ(entries[3], 0u);
  child.Exit();
  machine.PutMm();
}

TEST(PagemapTest, EndsWithUserSpace) {
  TestMachine machine;
  uint64_t entries[4] = {};
  EXPECT_EQ(pagemap_read(machine.mm(), TASK_SIZE - 2 * PAGE_SIZE, 4, entries),
            2u);
}

}  // namespace
}  // namespace faultline
