// SPDX-License-Identifier: GPL-2.0-only
//
// cramfs files mapped without an MMU: which are used where they are and which
// are copied, by their layout and by what is asked for; and the two mistakes
// that v3 and mainline share there (D34).

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cramfs/testing/mounted_image.h"
#include "cramfs/tools/writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

constexpr int kEnodev = 19, kEacces = 13, kEnosys = 38;

class NommuTest : public ::testing::TestWithParam<std::string> {
 protected:
  bool direct_variant() const { return GetParam() != "paged"; }
};

// The address, or -errno.
int64_t Mmap(TestMachine& machine, file* from, uint64_t first_page,
             uint64_t pages, uint32_t prot = FL_PROT_READ,
             uint32_t flags = FL_MAP_PRIVATE) {
  return machine.kernel().sys_mmap(0, pages * kPage, prot, flags, from,
                                   first_page * kPage);
}

bool InRom(int64_t address) {
  return address >= static_cast<int64_t>(kRomPhys) &&
         address < static_cast<int64_t>(kRomPhys) + (int64_t{64} << 20);
}

// Every byte of [first_page, first_page + pages) of the file, zeros behind it.
void ExpectBytes(TestMachine& machine, int64_t address,
                 const std::vector<uint8_t>& data, uint64_t first_page,
                 uint64_t pages) {
  ASSERT_GT(address, 0);
  for (uint64_t i = 0; i < pages * kPage; i += 37) {
    const uint64_t offset = first_page * kPage + i;
    const fl_user_result result =
        machine.Load(static_cast<uint64_t>(address) + i);
    ASSERT_EQ(result.sig, 0) << i;
    ASSERT_EQ(result.faults, 0u) << i;
    ASSERT_EQ(result.value, offset < data.size() ? data[offset] : 0) << i;
  }
}

Entry Tree(std::vector<Entry> files) {
  Entry root;
  root.mode = 0040755;
  root.children = std::move(files);
  return root;
}

TEST_P(NommuTest, FileInOnePieceIsUsedWhereItIs) {
  const std::vector<uint8_t> image = MustBuild(
      Tree({FileOf("direct", 6 * kPage, "dddddd"), FileOf("z", 9, "c")}));
  TestMachine machine("arm-nommu", true, image);
  ASSERT_EQ(machine.MountVariant(GetParam()), 0);
  file* f = machine.Open("direct");
  const std::vector<uint8_t> data = machine.Read(f);
  const uint64_t phys = kRomPhys + Place(image, "/direct").blocks.at(0).offset;

  const int64_t whole = Mmap(machine, f, 0, 6);
  const int64_t part = Mmap(machine, f, 2, 3, FL_PROT_READ | FL_PROT_EXEC);
  ExpectBytes(machine, whole, data, 0, 6);
  ExpectBytes(machine, part, data, 2, 3);
  if (direct_variant()) {
    EXPECT_EQ(whole, static_cast<int64_t>(phys));
    EXPECT_EQ(machine.RomPages(), 9u);
  } else {
    EXPECT_FALSE(InRom(whole));
    EXPECT_EQ(machine.RomPages(), 0u);
  }
  // One region for both, copy or not.
  EXPECT_EQ(part, whole + 2 * static_cast<int64_t>(kPage));
  EXPECT_THAT(machine.CheckMm(), ::testing::IsEmpty());
  EXPECT_EQ(machine.Maps().at(0).permissions, "r--s");
}

TEST_P(NommuTest, FileInPiecesIsCopiedButForItsDirectPart) {
  const std::vector<uint8_t> image =
      MustBuild(Tree({FileOf("partly", 6 * kPage, "ddddcc")}));
  TestMachine machine("arm-nommu", true, image);
  ASSERT_EQ(machine.MountVariant(GetParam()), 0);
  file* f = machine.Open("partly");
  const std::vector<uint8_t> data = machine.Read(f);
  const int64_t whole = Mmap(machine, f, 0, 6);
  EXPECT_FALSE(InRom(whole));
  ExpectBytes(machine, whole, data, 0, 6);
  machine.Unmap(static_cast<uint64_t>(whole), 6);

  const int64_t head = Mmap(machine, f, 1, 3);
  EXPECT_EQ(InRom(head), direct_variant());
  ExpectBytes(machine, head, data, 1, 3);
  const int64_t tail = Mmap(machine, f, 4, 2);
  EXPECT_FALSE(InRom(tail));
  ExpectBytes(machine, tail, data, 4, 2);
  EXPECT_THAT(machine.CheckMm(), ::testing::IsEmpty());
}

TEST_P(NommuTest, WhoWritesOrIsTracedGetsACopy) {
  const std::vector<uint8_t> image =
      MustBuild(Tree({FileOf("direct", 4 * kPage, "dddd")}));
  TestMachine machine("arm-nommu", true, image);
  ASSERT_EQ(machine.MountVariant(GetParam()), 0);
  file* f = machine.Open("direct");
  const std::vector<uint8_t> data = machine.Read(f);
  const int64_t mine =
      Mmap(machine, f, 0, 4, FL_PROT_READ | FL_PROT_WRITE, FL_MAP_PRIVATE);
  EXPECT_FALSE(InRom(mine));
  ExpectBytes(machine, mine, data, 0, 4);
  EXPECT_EQ(machine.Store(static_cast<uint64_t>(mine), 0x5a).sig, 0);
  EXPECT_EQ(machine.Load(static_cast<uint64_t>(mine)).value, 0x5au);

  machine.kernel().set_ptrace(machine.task(), 1);
  const int64_t traced = Mmap(machine, f, 0, 4);
  EXPECT_FALSE(InRom(traced));
  EXPECT_NE(traced, mine);
  ExpectBytes(machine, traced, data, 0, 4);
  machine.kernel().set_ptrace(machine.task(), 0);
  EXPECT_EQ(InRom(Mmap(machine, f, 0, 4)), direct_variant());
  EXPECT_THAT(machine.CheckMm(), ::testing::IsEmpty());
}

TEST_P(NommuTest, SharedMappingsAreInPlaceOrNotAtAll) {
  const std::vector<uint8_t> image = MustBuild(Tree(
      {FileOf("direct", 4 * kPage, "dddd"), FileOf("packed", 8192, "cc")}));
  TestMachine machine("arm-nommu", true, image);
  ASSERT_EQ(machine.MountVariant(GetParam()), 0);
  file* direct = machine.Open("direct");
  file* packed = machine.Open("packed");
  const int64_t at = Mmap(machine, direct, 0, 4, FL_PROT_READ, FL_MAP_SHARED);
  if (direct_variant()) {
    EXPECT_TRUE(InRom(at));
    EXPECT_EQ(machine.Maps().at(0).permissions, "r--S");
  } else {
    EXPECT_EQ(at, -kEnodev);
  }
  EXPECT_EQ(Mmap(machine, packed, 0, 2, FL_PROT_READ, FL_MAP_SHARED), -kEnodev);
  EXPECT_EQ(Mmap(machine, direct, 0, 4, FL_PROT_WRITE, FL_MAP_SHARED),
            -kEacces);
}

TEST_P(NommuTest, AlignmentDoesNotMatter) {
  const std::vector<uint8_t> image =
      MustBuild(Tree({FileOf("odd", 3 * kPage, "ddd", TailMode::kOwnPage,
                             DirectAlignment::kEight),
                      FileOf("z", 2 * kPage, "dd")}));
  TestMachine machine("arm-nommu", true, image);
  ASSERT_EQ(machine.MountVariant(GetParam()), 0);
  file* f = machine.Open("odd");
  const std::vector<uint8_t> data = machine.Read(f);
  const uint64_t offset = Place(image, "/odd").blocks.at(0).offset;
  ASSERT_NE(offset % kPage, 0u);
  const int64_t at = Mmap(machine, f, 0, 3);
  ExpectBytes(machine, at, data, 0, 3);
  if (direct_variant()) {
    EXPECT_EQ(at, static_cast<int64_t>(kRomPhys + offset));
  }
  EXPECT_THAT(machine.CheckMm(), ::testing::IsEmpty());
}

// The last page of a file that is not aligned reaches behind the image.
TEST_P(NommuTest, NothingBehindTheImageIsMapped) {
  const std::vector<uint8_t> image =
      MustBuild(Tree({FileOf("odd", 2 * kPage + 100, "ddd", TailMode::kPacked,
                             DirectAlignment::kEight)}));
  const uint64_t last = Place(image, "/odd").blocks.at(2).offset;
  ASSERT_GT(last + kPage, image.size());
  for (const bool fixed : {true, false}) {
    SCOPED_TRACE(fixed);
    std::vector<std::string> off;
    if (!fixed) off.push_back("cramfs_get_block_range-bounds");
    TestMachine machine("arm-nommu", true, image, off);
    ASSERT_EQ(machine.MountVariant(GetParam()), 0);
    const int64_t at = Mmap(machine, machine.Open("odd"), 0, 3);
    EXPECT_EQ(InRom(at), direct_variant() && !fixed);
  }
}

// D34: what reaches beyond the file could be copied, as paged does; the error
// is one that do_mmap takes for final.
TEST_P(NommuTest, D34MappingBeyondTheEndIsRefusedInsteadOfCopied) {
  const std::vector<uint8_t> image = MustBuild(Tree(
      {FileOf("direct", 4 * kPage, "dddd"), FileOf("packed", 8192, "cc")}));
  TestMachine machine("arm-nommu", true, image);
  ASSERT_EQ(machine.MountVariant(GetParam()), 0);
  for (const char* name : {"direct", "packed"}) {
    file* f = machine.Open(name);
    const std::vector<uint8_t> data = machine.Read(f);
    const uint64_t pages = data.size() / kPage;
    const int64_t at = Mmap(machine, f, 0, pages + 1);
    const int64_t writable =
        Mmap(machine, f, 0, pages + 1, FL_PROT_READ | FL_PROT_WRITE);
    // For who writes the file system is not asked.
    ExpectBytes(machine, writable, data, 0, pages + 1);
    if (direct_variant()) {
      EXPECT_EQ(at, -kEinval);
      EXPECT_EQ(Mmap(machine, f, pages, 1), -kEinval);
    } else {
      ExpectBytes(machine, at, data, 0, pages + 1);
    }
  }
}

// D34: behind the end of the file there is whatever comes next in the image.
TEST_P(NommuTest, D34LastPageShowsForeignBytes) {
  const std::vector<uint8_t> image =
      MustBuild(Tree({FileOf("tail", kPage + 100, "dd", TailMode::kForeign),
                      FileOf("z", 2 * kPage, "dd")}));
  TestMachine machine("arm-nommu", true, image);
  ASSERT_EQ(machine.MountVariant(GetParam()), 0);
  const int64_t at = Mmap(machine, machine.Open("tail"), 0, 2);
  ASSERT_GT(at, 0);
  const uint64_t behind =
      machine.Load(static_cast<uint64_t>(at) + kPage + 100).value;
  if (direct_variant()) {
    EXPECT_NE(behind, 0u);
  } else {
    EXPECT_EQ(behind, 0u);
  }
}

// add_nommu_region of 4.13 stops there: seen by whoever maps a file in place
// and then more of it.
TEST_P(NommuTest, LongerMappingFromTheSamePageIsABugWhereFilesAreInPlace) {
  const std::vector<uint8_t> image =
      MustBuild(Tree({FileOf("direct", 4 * kPage, "dddd")}));
  TestMachine machine("arm-nommu", true, image);
  ASSERT_EQ(machine.MountVariant(GetParam()), 0);
  file* f = machine.Open("direct");
  ASSERT_GT(Mmap(machine, f, 1, 1), 0);
  if (direct_variant()) {
    EXPECT_DEATH(Mmap(machine, f, 1, 2), "add_nommu_region.*kernel BUG");
  } else {
    EXPECT_EQ(Mmap(machine, f, 1, 2), -kEinval);
  }
}

TEST_P(NommuTest, EveryFileOfTheTreeReadsAsItsMappingDoes) {
  const Entry root = TestTree();
  const std::vector<uint8_t> image = MustBuild(root);
  TestMachine machine("arm-nommu", true, image);
  ASSERT_EQ(machine.MountVariant(GetParam()), 0);
  uint32_t in_place = 0;
  for (const Entry& entry : root.children) {
    SCOPED_TRACE(entry.name);
    if ((entry.mode & 0170000) != 0100000) continue;
    file* f = machine.Open(entry.name);
    const std::vector<uint8_t> data = machine.Read(f);
    const uint64_t pages = data.size() / kPage;
    if (pages == 0) continue;
    const int64_t at = Mmap(machine, f, 0, pages);
    ExpectBytes(machine, at, data, 0, pages);
    in_place += InRom(at);
    machine.Unmap(static_cast<uint64_t>(at), pages);
  }
  EXPECT_EQ(in_place > 0, direct_variant());
}

TEST_P(NommuTest, CallsThatAreNotThereSayItAndBreakNothing) {
  const std::vector<uint8_t> image =
      MustBuild(Tree({FileOf("direct", 4 * kPage, "dddd")}));
  TestMachine machine("arm-nommu", true, image);
  ASSERT_EQ(machine.MountVariant(GetParam()), 0);
  const int64_t at = Mmap(machine, machine.Open("direct"), 0, 4);
  ASSERT_GT(at, 0);
  const uint64_t address = static_cast<uint64_t>(at);
  const fl_kernel& kernel = machine.kernel();
  EXPECT_EQ(kernel.sys_mprotect(address, kPage, FL_PROT_READ), -kEnosys);
  EXPECT_EQ(kernel.sys_madvise(address, kPage, 4), -kEnosys);
  EXPECT_EQ(kernel.sys_mlock(address, kPage), -kEnosys);
  EXPECT_EQ(kernel.sys_munmap(address, kPage), -kEinval);
  EXPECT_EQ(kernel.sys_mremap(address, 4 * kPage, kPage, 0, 0), -1);
  EXPECT_THAT(machine.CheckMm(), ::testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Variant, NommuTest,
                         ::testing::Values("v3", "mainline", "paged"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace faultline::cramfs
