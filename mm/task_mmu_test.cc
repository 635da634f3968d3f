// SPDX-License-Identifier: GPL-2.0-only
//
// /proc/PID/maps as the kernel prints it, byte for byte, and the pte walk.

#include <string>
#include <vector>

#include "mm/testing.h"

namespace faultline {
namespace {

std::string Maps(struct mm_struct* mm) {
  std::string text(proc_pid_maps(mm, nullptr, 0), '\0');
  proc_pid_maps(mm, text.data(), text.size() + 1);
  return text;
}

// A path begins where the kernel has it for this size of a pointer.
std::string WithPath(std::string line, const std::string& path) {
  line.resize(25 + sizeof(kulong) * 6 - 1, ' ');
  return line + " " + path + "\n";
}

TEST(ProcMapsTest, LinesAreTheKernels) {
  TestMachine machine;
  TestFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 1, 2, PROT_READ | PROT_EXEC), 0);
  ASSERT_EQ(MapPages(nullptr, 4, 1, PROT_READ | PROT_WRITE), 0);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(6), 3 * PAGE_SIZE, PROT_READ,
                          MAP_SHARED | MAP_FIXED, 0x40000),
            0);
  ASSERT_EQ(MapPages(nullptr, 12, 1, PROT_NONE), 0);
  EXPECT_EQ(
      Maps(machine.mm()),
      WithPath("10001000-10003000 r-xp 00001000 00:0f 7 ", "/bin/file") +
          "10004000-10005000 rw-p 00000000 00:00 0 \n" +
          WithPath("10006000-10009000 r--s 40000000 00:0f 7 ", "/bin/file") +
          "1000c000-1000d000 ---p 00000000 00:00 0 \n");
  machine.PutMm();
}

TEST(ProcMapsTest, NewlineInAPathDoesNotEndTheLine) {
  TestMachine machine;
  TestFile file(&machine);
  file.get()->f_dentry->d_name.name = "a\nb";
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  EXPECT_EQ(Maps(machine.mm()),
            WithPath("10000000-10001000 r--p 00000000 00:0f 7 ", "/a\\012b"));
  machine.PutMm();
}

TEST(ProcMapsTest, ShortRoomIsFilledAndTheLengthTold) {
  TestMachine machine;
  MapStrip(nullptr, "Rr");
  const std::string all = Maps(machine.mm());
  std::string part(11, '#');
  EXPECT_EQ(proc_pid_maps(machine.mm(), part.data(), 10), all.size());
  EXPECT_EQ(part, all.substr(0, 9) + '\0' + "#");
}

TEST(PageWalkTest, EachPteOnceWithWhatIsBehindIt) {
  TestMachine::Options options;
  options.rom_bytes = 4 << PAGE_SHIFT;
  options.rom_phys = 0x40000000;
  TestMachine machine(options);
  TestFile rom(&machine, [](struct file*, struct vm_area_struct* vma) {
    return remap_pfn_range(vma, vma->vm_start, 0x40000, PAGE_SIZE,
                           vma->vm_page_prot);
  });
  ASSERT_EQ(MapPages(nullptr, 0, 3, PROT_READ | PROT_WRITE), 0);
  ASSERT_EQ(TouchForWrite(machine.mm(), 2) & VM_FAULT_ERROR, 0);
  down_read(&machine.mm()->mmap_sem);
  ASSERT_EQ(handle_mm_fault(find_vma(machine.mm(), PageAddress(0)),
                            PageAddress(0), 0) &
                VM_FAULT_ERROR,
            0);
  up_read(&machine.mm()->mmap_sem);
  ASSERT_EQ(MapPages(rom.get(), 5, 1, PROT_READ), 0);

  std::vector<struct fl_page_info> seen;
  walk_page_info(
      machine.mm(),
      [](const struct fl_page_info* info, void* cookie) {
        static_cast<std::vector<struct fl_page_info>*>(cookie)->push_back(
            *info);
      },
      &seen);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].address, PageAddress(0));
  EXPECT_STREQ(seen[0].backing, "zero page");
  EXPECT_EQ(seen[0].write, 0u);
  EXPECT_EQ(seen[1].address, PageAddress(2));
  EXPECT_STREQ(seen[1].backing, "anonymous");
  EXPECT_EQ(seen[1].write, 1u);
  EXPECT_EQ(seen[1].refcount, 1);
  EXPECT_EQ(seen[1].mapcount, 1);
  EXPECT_EQ(seen[2].address, PageAddress(5));
  EXPECT_STREQ(seen[2].backing, "rom");
  EXPECT_EQ(seen[2].pfn, 0x40000u);
  EXPECT_EQ(seen[2].refcount, -1);
  EXPECT_EQ(seen[2].special, uint32_t{__HAVE_ARCH_PTE_SPECIAL});
  machine.PutMm();
}

}  // namespace
}  // namespace faultline
