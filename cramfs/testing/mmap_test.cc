// SPDX-License-Identifier: GPL-2.0-only
//
// Mapping files of a cramfs image directly, variant by variant: what is mapped
// from ROM, what is paged, what the kernel says of it, and the known bugs of
// v3.

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cramfs/testing/mounted_image.h"
#include "cramfs/tools/codec.h"
#include "cramfs/tools/writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class MapTest : public ::testing::TestWithParam<std::string> {
 protected:
  const std::string& arch() const { return GetParam(); }
};

TEST_P(MapTest, V3PartialMapIsOneLineBeforeTheTailFaultAndTwoAfter) {
  const std::vector<uint8_t> image = MustBuild(TestTree());
  TestMachine machine(arch(), true, image);
  ASSERT_EQ(machine.MountVariant("v3"), 0);
  machine.AllowReports(V3Damage());
  const uint64_t phys = kRomPhys + Place(image, "/partly").blocks.at(0).offset;
  const uint64_t start = machine.Map(machine.Open("partly"), 0, 6);

  EXPECT_EQ(machine.RomPages(), 4u);
  EXPECT_EQ(machine.Load(start + 3 * kPage).faults, 0u);
  std::vector<Mapping> maps = machine.Maps();
  ASSERT_EQ(maps.size(), 1u);
  EXPECT_EQ(maps[0].start, start);
  EXPECT_EQ(maps[0].end, start + 6 * kPage);
  EXPECT_EQ(maps[0].offset, phys);

  EXPECT_EQ(machine.Load(start + 5 * kPage).sig, 0);
  maps = machine.Maps();
  ASSERT_EQ(maps.size(), 2u);
  EXPECT_EQ(maps[0].end, start + 4 * kPage);
  EXPECT_EQ(maps[0].offset, phys);
  EXPECT_EQ(maps[1].start, start + 4 * kPage);
  EXPECT_EQ(maps[1].end, start + 6 * kPage);
  EXPECT_EQ(maps[1].offset, 4 * kPage);
  EXPECT_EQ(machine.RomPages(), 4u);
}

// The fault handler sets vm_pgoff of a vma that the file's interval tree has
// under the old one.
TEST_P(MapTest, V3SplitLeavesTheTailWhereReverseMappingMissesIt) {
  TestMachine machine(arch(), true, MustBuild(TestTree()));
  ASSERT_EQ(machine.MountVariant("v3"), 0);
  machine.AllowReports(V3Damage());
  const uint64_t start = machine.Map(machine.Open("partly"), 0, 6);
  EXPECT_THAT(machine.CheckMm(), IsEmpty());
  EXPECT_EQ(machine.Load(start + 4 * kPage).sig, 0);
  EXPECT_THAT(machine.CheckMm(), Contains(HasSubstr("rmap misses vma")));
}

TEST_P(MapTest, V3TailWhoseDirectPartIsGoneBecomesAnOrdinaryMapping) {
  const Entry root = TestTree();
  TestMachine machine(arch(), true, MustBuild(root));
  ASSERT_EQ(machine.MountVariant("v3"), 0);
  machine.AllowReports(V3Damage());
  const uint64_t start = machine.Map(machine.Open("partly"), 0, 6);
  machine.Unmap(start, 5);
  EXPECT_EQ(machine.Load(start + 5 * kPage).value,
            root.children[1].data[5 * kPage]);
  const std::vector<Mapping> maps = machine.Maps();
  ASSERT_EQ(maps.size(), 1u);
  EXPECT_EQ(maps[0].offset, 5 * kPage);
}

TEST_P(MapTest, V3TailAtTheTopOfUserSpaceIsFound) {
  const Entry root = TestTree();
  TestMachine machine(arch(), true, MustBuild(root));
  ASSERT_EQ(machine.MountVariant("v3"), 0);
  machine.AllowReports(V3Damage());
  // All 20 bits of a 32-bit page frame number are in use there.
  const uint64_t start =
      machine.Map(machine.Open("partly"), 0, 6, FL_PROT_READ, 0xbe000000);
  EXPECT_EQ(machine.Load(start + 4 * kPage).value,
            root.children[1].data[4 * kPage]);
  EXPECT_EQ(machine.Maps().size(), 2u);
}

TEST_P(MapTest, MainlinePartialMapIsNeverSplit) {
  TestMachine machine(arch(), true, MustBuild(TestTree()));
  ASSERT_EQ(machine.MountVariant("mainline"), 0);
  const uint64_t start = machine.Map(machine.Open("partly"), 0, 6);
  EXPECT_EQ(machine.RomPages(), 4u);
  EXPECT_EQ(machine.Load(start).faults, 0u);
  EXPECT_EQ(machine.Load(start + 5 * kPage).sig, 0);
  const std::vector<Mapping> maps = machine.Maps();
  ASSERT_EQ(maps.size(), 1u);
  EXPECT_EQ(maps[0].offset, 0u);
  EXPECT_EQ(machine.RomPages(), 4u);
}

TEST_P(MapTest, SharedTailIsNotMappedDirectly) {
  for (const char* variant : {"v3", "mainline"}) {
    SCOPED_TRACE(variant);
    TestMachine machine(arch(), true, MustBuild(TestTree()));
    ASSERT_EQ(machine.MountVariant(variant), 0);
    if (variant == std::string("v3")) machine.AllowReports(V3Damage());
    machine.Map(machine.Open("shared_tail"), 0, 3);
    EXPECT_EQ(machine.RomPages(), 2u);
    EXPECT_THAT(machine.log(),
                Contains(HasSubstr("shared_tail: last page is shared")));
    machine.Map(machine.Open("own_tail"), 0, 3);
    EXPECT_EQ(machine.RomPages(), 2u + 3u);
  }
}

TEST_P(MapTest, OneForeignByteAnywhereBehindTheEndIsSeen) {
  const std::vector<uint8_t> image = MustBuild(TestTree());
  const uint32_t tail = Place(image, "/own_tail").blocks.at(2).offset;
  for (const uint32_t at : {100u, 103u, 104u, 111u, 2000u, 4095u}) {
    for (const char* variant : {"v3", "mainline"}) {
      SCOPED_TRACE(absl::StrCat(variant, " at ", at));
      TestMachine machine(arch(), true, image);
      ASSERT_EQ(machine.MountVariant(variant), 0);
      if (variant == std::string("v3")) machine.AllowReports(V3Damage());
      machine.rom()[tail + at] = 1;
      machine.Map(machine.Open("own_tail"), 0, 3);
      EXPECT_EQ(machine.RomPages(), 2u);
    }
  }
}

TEST_P(MapTest, EveryReasonAgainstDirectMappingIsSaid) {
  const struct {
    const char *reason, *name;
    uint32_t first, pages, prot;
  } kCases[] = {
      {"vma is writable", "whole", 0, 5, FL_PROT_READ | FL_PROT_WRITE},
      {"beyond file limit", "whole", 5, 1, FL_PROT_READ},
      {"unsuitable block layout", "compressed", 0, 4, FL_PROT_READ},
      {"unsuitable block layout", "partly", 4, 2, FL_PROT_READ},
      {"data is not page aligned", "odd", 0, 4, FL_PROT_READ},
      {"no suitable block remaining", "tiny_shared", 0, 1, FL_PROT_READ},
  };
  const std::vector<uint8_t> image = MustBuild(TestTree());
  ASSERT_NE(Place(image, "/odd").blocks.at(0).offset % kPage, 0u);
  for (const bool v3 : {true, false}) {
    for (const auto& one : kCases) {
      SCOPED_TRACE(one.reason);
      TestMachine machine(arch(), true, image);
      ASSERT_EQ(machine.MountVariant(v3 ? "v3" : "mainline"), 0);
      machine.Map(machine.Open(one.name), one.first, one.pages, one.prot);
      EXPECT_THAT(machine.log(),
                  Contains(HasSubstr(absl::StrCat(
                      v3 ? "direct mmap failed: " : "direct mmap impossible: ",
                      one.reason))));
      EXPECT_EQ(machine.RomPages(), 0u);
    }
  }
}

TEST_P(MapTest, SuccessIsSaidWithAddressAndPages) {
  const std::vector<uint8_t> image = MustBuild(TestTree());
  TestMachine machine(arch(), true, image);
  ASSERT_EQ(machine.MountVariant("v3"), 0);
  machine.AllowReports(V3Damage());
  machine.Map(machine.Open("partly"), 1, 5);
  const uint64_t phys = kRomPhys + Place(image, "/partly").blocks.at(1).offset;
  EXPECT_THAT(machine.log(),
              Contains(HasSubstr(absl::StrCat("mapped partly at 0x",
                                              absl::Hex(phys, absl::kZeroPad8),
                                              " (3/5 pages) to vma 0x"))));
}

TEST_P(MapTest, NobodyMapsARunThatLeavesItsOrder) {
  Entry root = Entry::Directory("");
  root.Add(FileOf("f", 4 * kPage, "dddd"));
  std::vector<uint8_t> image = MustBuild(root);
  // Blocks 2 and 3 change places.
  uint8_t* table = image.data() + Place(image, "/f").table;
  std::swap_ranges(table + 8, table + 12, table + 12);
  for (const char* variant : {"v3", "mainline"}) {
    SCOPED_TRACE(variant);
    TestMachine machine(arch(), true, image);
    ASSERT_EQ(machine.MountVariant(variant), 0);
    if (variant == std::string("v3")) machine.AllowReports(V3Damage());
    const uint64_t start = machine.Map(machine.Open("f"), 0, 4);
    EXPECT_EQ(machine.RomPages(), 2u);
    EXPECT_EQ(machine.Load(start + 2 * kPage).value,
              root.children[0].data[3 * kPage]);
  }
}

// remap_pfn_range sees a shortened vma, whoever unmaps it the whole one.
TEST_P(MapTest, V3PartialMapThatIsNeverSplitLeaksItsReservation) {
  for (const char* variant : {"v3", "mainline"}) {
    SCOPED_TRACE(variant);
    TestMachine machine(arch(), true, MustBuild(TestTree()));
    ASSERT_EQ(machine.MountVariant(variant), 0);
    if (variant == std::string("v3")) machine.AllowReports(V3Damage());
    machine.Unmap(machine.Map(machine.Open("partly"), 0, 6), 6);
    EXPECT_THAT(machine.TakeReports(), IsEmpty());
    if (variant == std::string("v3") && arch() == "x86-64") {
      EXPECT_THAT(machine.log(),
                  Contains(HasSubstr("test freeing invalid memtype")));
    } else {
      EXPECT_THAT(machine.log(),
                  Not(Contains(HasSubstr("freeing invalid memtype"))));
    }
  }
}

// A file of 4096 pages, all direct, mapped with one page more: the page
// number where the rest begins does not fit its 12 bits.
TEST_P(MapTest, V3PageNumber4096SpillsIntoTheSplitAddress) {
  Entry root = Entry::Directory("");
  root.Add(FileOf("big", kMaxFileSize, std::string(4096, 'd')));
  const std::vector<uint8_t> image = MustBuild(root);
  const uint64_t kEven = 0x20000000, kOdd = 0x20001000;
  for (const char* variant : {"v3", "mainline"}) {
    SCOPED_TRACE(variant);
    TestMachine machine(arch(), true, image);
    ASSERT_EQ(machine.MountVariant(variant), 0);
    if (variant == std::string("v3")) machine.AllowReports(V3Damage());
    file* big = machine.Open("big");
    const bool v3 = variant == std::string("v3");

    machine.Map(big, 0, 4097, FL_PROT_READ, kEven);
    ASSERT_EQ(machine.RomPages(), 4096u);
    EXPECT_EQ(machine.Load(kEven + 4096 * kPage).sig, v3 ? kSigsegv : kSigbus);
    machine.Unmap(kEven, 4097);

    machine.Map(big, 0, 4097, FL_PROT_READ, kOdd);
    const fl_user_result odd = machine.Load(kOdd + 4096 * kPage, 8);
    if (v3) {
      EXPECT_EQ(odd.sig, 0);
      EXPECT_EQ(memcmp(&odd.value, root.children[0].data.data(), 8), 0);
    } else {
      EXPECT_EQ(odd.sig, kSigbus);
    }
  }
}

// The tail test of v3 adds the file's pages to the first *mapped* block: with
// a file offset it looks at something behind the file.
TEST_P(MapTest, V3TailTestLooksBehindTheFileWhenMappedFromTheSecondPage) {
  const uint32_t kSize = 2 * kPage + 100;
  for (const bool foreign : {false, true}) {
    for (const bool v3 : {true, false}) {
      SCOPED_TRACE(absl::StrCat(v3 ? "v3" : "mainline", " ", foreign));
      Entry root = Entry::Directory("");
      root.Add(FileOf("f", kSize, "ddd",
                      foreign ? TailMode::kForeign : TailMode::kOwnPage));
      const std::vector<uint8_t> image = MustBuild(root);
      TestMachine machine(arch(), true, image);
      const uint32_t behind =
          Place(image, "/f").blocks.at(0).offset + 3 * kPage;
      ASSERT_EQ(behind, image.size());
      memset(machine.rom() + behind, foreign ? 0 : 0x77, kPage);
      ASSERT_EQ(machine.MountVariant(v3 ? "v3" : "mainline"), 0);
      if (v3) machine.AllowReports(V3Damage());
      const uint64_t start = machine.Map(machine.Open("f"), 1, 2);
      const fl_user_result end = machine.Load(start + kPage + 100);
      ASSERT_EQ(end.sig, 0);
      if (v3) {
        EXPECT_EQ(machine.RomPages(), foreign ? 2u : 1u);
        EXPECT_EQ(end.value != 0, foreign);
      } else {
        EXPECT_EQ(machine.RomPages(), foreign ? 1u : 2u);
        EXPECT_EQ(end.value, 0u);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Arch, MapTest, ::testing::Values("x86-64", "arm"),
                         [](const ::testing::TestParamInfo<std::string>& info) {
                           return info.param == "arm" ? "Arm" : "X86_64";
                         });

TEST(NoPhysmemTest, EveryVariantPagesEverything) {
  const Entry root = TestTree();
  const std::vector<uint8_t> image = MustBuild(root);
  for (const char* variant : {"v3", "mainline", "paged"}) {
    SCOPED_TRACE(variant);
    TestMachine machine("x86-64", false, image);
    ASSERT_EQ(machine.MountVariant(variant), 0);
    ExpectReadsBack(machine, root);
    machine.Map(machine.Open("whole"), 0, 5);
    EXPECT_EQ(machine.RomPages(), 0u);
    EXPECT_EQ(machine.Maps().at(0).offset, 0u);
  }
}

}  // namespace
}  // namespace faultline::cramfs
