// SPDX-License-Identifier: GPL-2.0-only
//
// Where the kernel's cramfs is wrong: what the model does by default, and what
// the kernel does, with the switch of that name off.

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cramfs/testing/mounted_image.h"
#include "cramfs/tools/writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> Off(bool fixed, const std::string& name) {
  return fixed ? std::vector<std::string>{} : std::vector<std::string>{name};
}

class FixesTest : public ::testing::TestWithParam<std::string> {
 protected:
  const std::string& arch() const { return GetParam(); }
};

// ---- cramfs_readpage-last-block ----

TEST_P(FixesTest, LastDirectRawBlockOfWholePagesIsNoHole) {
  Entry root = Entry::Directory("");
  root.Add(FileOf("whole", 3 * kPage, "ddd"));
  root.Add(FileOf("classic", 3 * kPage, "ddr"));
  root.Add(FileOf("tail", 3 * kPage - 1, "ddd"));
  for (const bool fixed : {true, false}) {
    for (const bool device : {false, true}) {
      SCOPED_TRACE(absl::StrCat(fixed, device));
      TestMachine machine(arch(), true, MustBuild(root),
                          Off(fixed, "cramfs_readpage-last-block"));
      ASSERT_EQ(device ? machine.MountDevice("") : machine.MountVariant("v3"),
                0);
      std::vector<uint8_t> expected = root.children[0].data;
      if (!fixed) std::fill(expected.end() - kPage, expected.end(), 0);
      EXPECT_TRUE(machine.Read(machine.Open("whole")) == expected);
      EXPECT_TRUE(machine.Read(machine.Open("classic")) ==
                  root.children[1].data);
      EXPECT_TRUE(machine.Read(machine.Open("tail")) == root.children[2].data);
      if (device) continue;
      // The mapping shows the data either way.
      const uint64_t start = machine.Map(machine.Open("whole"), 0, 3);
      EXPECT_EQ(machine.Load(start + 2 * kPage).value,
                root.children[0].data[2 * kPage]);
    }
  }
}

// ---- cramfs_lookup-short-entry ----

// An image that ends with its directory, of 26 empty files.
std::vector<uint8_t> ImageThatEndsWithItsDirectory(bool sorted) {
  Entry root = Entry::Directory("");
  for (char c = 'a'; c <= 'z'; ++c) {
    root.Add(Entry::File(std::string(1, c), {}));
  }
  std::vector<uint8_t> image = MustBuild(root);
  if (!sorted) image[8] &= ~CRAMFS_FLAG_SORTED_DIRS;
  Put32(image.data() + 4, kSuperblockSize + 26 * 16);
  // Nothing of what stands behind may be taken for an entry's.
  memset(image.data() + kSuperblockSize + 26 * 16, 0x41,
         image.size() - kSuperblockSize - 26 * 16);
  return image;
}

TEST_P(FixesTest, EntriesWithinTheLongestOnesLengthOfTheEndAreFound) {
  // The entry at 76 + 16 n is read as if it went on to 76 + 16 n + 264.
  constexpr size_t kFound = (26 * 16 - 264) / 16 + 1;
  for (const bool sorted : {true, false}) {
    for (const bool fixed : {true, false}) {
      SCOPED_TRACE(absl::StrCat(sorted, fixed));
      TestMachine machine(arch(), true, ImageThatEndsWithItsDirectory(sorted),
                          Off(fixed, "cramfs_lookup-short-entry"));
      ASSERT_EQ(machine.MountVariant("v3"), 0);
      int64_t result = 1;
      const size_t listed = machine.List(machine.Open(""), &result).size();
      EXPECT_EQ(listed, fixed ? 26 : kFound);
      EXPECT_EQ(result, fixed ? 0 : -kEio);
      for (char c = 'a'; c <= 'z'; ++c) {
        const bool found = fixed || c < 'a' + static_cast<int>(kFound);
        EXPECT_EQ(machine.StatError(std::string(1, c)), found ? 0 : -kEnoent)
            << c;
      }
    }
  }
}

TEST_P(FixesTest, DeviceReadsTheLongestEntryWhereverTheImageEnds) {
  TestMachine machine(arch(), true, ImageThatEndsWithItsDirectory(true),
                      {"cramfs_lookup-short-entry"});
  ASSERT_EQ(machine.MountDevice(""), 0);
  int64_t result = 1;
  EXPECT_EQ(machine.List(machine.Open(""), &result).size(), 26u);
  EXPECT_EQ(result, 0);
  EXPECT_EQ(machine.StatError("z"), 0);
}

TEST_P(FixesTest, NamelessEntryEndsASearchOnlyWithTheFix) {
  Entry root = Entry::Directory("");
  for (const char* name : {"a", "b", "c"}) root.Add(Entry::File(name, {}));
  std::vector<uint8_t> image = MustBuild(root);
  // Entry b: without name, and its four bytes of name the next entry's start;
  // 12 bytes on, what follows is four bytes off.
  image[kSuperblockSize + 16 + 8] &= ~0x3f;
  for (const bool fixed : {true, false}) {
    TestMachine machine(arch(), true, image,
                        Off(fixed, "cramfs_lookup-short-entry"));
    ASSERT_EQ(machine.MountVariant("v3"), 0);
    EXPECT_EQ(machine.StatError("a"), 0);
    EXPECT_EQ(machine.StatError("c"), fixed ? -kEio : -kEnoent);
  }
}

// ---- get_cramfs_inode-alias ----

TEST_P(FixesTest, EntriesThatShareDataKeepTheirOwnModeAndOwner) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("a", PageText(5000, 1), 0600));
  root.Add(Entry::File("b", PageText(5000, 1), 0600));
  std::vector<uint8_t> image = MustBuild(root);
  ASSERT_EQ(Place(image, "/a").table, Place(image, "/b").table);
  // b: -rwsr-xr-x of user 7.
  uint8_t* b = image.data() + kSuperblockSize + 16;
  const uint32_t mode = 0104755;
  b[0] = mode & 0xff;
  b[1] = mode >> 8;
  b[2] = 7;
  for (const bool fixed : {true, false}) {
    for (const bool b_first : {true, false}) {
      SCOPED_TRACE(absl::StrCat(fixed, b_first));
      TestMachine machine(arch(), true, image,
                          Off(fixed, "get_cramfs_inode-alias"));
      ASSERT_EQ(machine.MountVariant("mainline"), 0);
      if (b_first) machine.Stat("b");
      const fl_stat stat_a = machine.Stat("a");
      const fl_stat stat_b = machine.Stat("b");
      EXPECT_EQ(stat_a.mode, fixed || !b_first ? 0100600u : mode);
      EXPECT_EQ(stat_a.uid, fixed || !b_first ? 0u : 7u);
      EXPECT_EQ(stat_b.mode, fixed || b_first ? mode : 0100600u);
      EXPECT_EQ(stat_b.uid, fixed || b_first ? 7u : 0u);
      EXPECT_EQ(stat_a.ino != stat_b.ino, fixed);
      const std::vector<fl_dirent> list = machine.List(machine.Open(""));
      ASSERT_EQ(list.size(), 2u);
      EXPECT_EQ(list[0].ino, stat_a.ino);
      EXPECT_EQ(list[1].ino, stat_b.ino);
      EXPECT_EQ(machine.Read(machine.Open("a")), PageText(5000, 1));
      EXPECT_EQ(machine.Read(machine.Open("b")), PageText(5000, 1));
    }
  }
}

TEST_P(FixesTest, FileAndDirectoryOnOneOffsetStayWhatTheyAre) {
  Entry root = Entry::Directory("");
  root.Add(Entry::Directory("d")).Add(Entry::File("x", {}));
  root.Add(Entry::File("f", PageText(16, 1)));
  std::vector<uint8_t> image = MustBuild(root);
  // Offset, size and name's length of d, for f.
  memcpy(image.data() + kSuperblockSize + 16 + 4,
         image.data() + kSuperblockSize + 4, 8);
  for (const bool fixed : {true, false}) {
    TestMachine machine(arch(), true, image,
                        Off(fixed, "get_cramfs_inode-alias"));
    ASSERT_EQ(machine.MountVariant("mainline"), 0);
    EXPECT_EQ(machine.Stat("d").mode >> 12, 04u);
    EXPECT_EQ(machine.Stat("f").mode >> 12, fixed ? 010u : 04u);
  }
}

// ---- cramfs_get_block_range-bounds ----

class BoundsTest
    : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  std::string arch() const { return std::get<0>(GetParam()); }
  std::string variant() const { return std::get<1>(GetParam()); }
  std::vector<std::string> Switch(bool fixed) const {
    return Off(fixed, "cramfs_get_block_range-bounds");
  }
};

TEST_P(BoundsTest, BlockOutsideTheImageIsNeverMapped) {
  Entry root = Entry::Directory("");
  root.Add(FileOf("f", 3 * kPage, "ddd"));
  std::vector<uint8_t> image = MustBuild(root);
  uint8_t* table = image.data() + Place(image, "/f").table;
  for (uint32_t i = 0; i < 3; ++i) {
    Put32(table + 4 * i, (image.size() + i * kPage) >> 2 | CRAMFS_BLK_FLAGS);
  }
  for (const bool fixed : {true, false}) {
    SCOPED_TRACE(fixed);
    TestMachine machine(arch(), true, image, Switch(fixed));
    memset(machine.rom() + image.size(), 0x77, 3 * kPage);
    ASSERT_EQ(machine.MountVariant(variant()), 0);
    file* file = machine.Open("f");
    const uint64_t start = machine.Map(file, 0, 3);
    EXPECT_EQ(machine.RomPages(), fixed ? 0u : 3u);
    const fl_user_result first = machine.Load(start);
    EXPECT_EQ(first.sig, 0);
    EXPECT_EQ(first.value, fixed ? 0u : 0x77u);
    EXPECT_TRUE(machine.Read(file) == std::vector<uint8_t>(3 * kPage, 0));
    if (fixed) {
      EXPECT_THAT(machine.log(),
                  Contains(HasSubstr("leads outside the image")));
    }
  }
}

TEST_P(BoundsTest, LastPageInsideTheImageIsStillMapped) {
  Entry root = Entry::Directory("");
  root.Add(FileOf("f", 3 * kPage, "ddd"));
  const std::vector<uint8_t> image = MustBuild(root);
  ASSERT_EQ(Place(image, "/f").blocks.at(2).offset + kPage, image.size());
  for (const uint32_t less : {0u, 1u, 4u}) {
    std::vector<uint8_t> cut = image;
    Put32(cut.data() + 4, image.size() - less);
    TestMachine machine(arch(), true, cut);
    ASSERT_EQ(machine.MountVariant(variant()), 0);
    machine.Map(machine.Open("f"), 0, 3);
    EXPECT_EQ(machine.RomPages(), less == 0 ? 3u : 0u);
  }
}

// The table itself may lie behind the image, where the kernel reads it all
// the same, or behind all memory, where nothing can.
TEST_P(BoundsTest, TableOutsideTheImageIsNeverFollowed) {
  Entry root = Entry::Directory("");
  root.Add(FileOf("f", 3 * kPage, "ddd"));
  const std::vector<uint8_t> good = MustBuild(root);
  const uint32_t data = Place(good, "/f").blocks.at(0).offset;
  const uint32_t behind_rom = good.size() + 4 * kPage;
  for (const uint32_t at : {static_cast<uint32_t>(good.size()) - 4,
                            static_cast<uint32_t>(good.size()), behind_rom - 12,
                            behind_rom - 8, behind_rom, (1u << 28) - 4}) {
    for (const bool fixed : {true, false}) {
      SCOPED_TRACE(absl::StrCat(at, fixed));
      std::vector<uint8_t> image = good;
      Put32(image.data() + kSuperblockSize + 8, at / 4 << 6 | 1);
      TestMachine machine(arch(), true, image, Switch(fixed));
      if (at <= behind_rom - 12) {
        for (uint32_t i = 0; i < 3; ++i) {
          Put32(machine.rom() + at + 4 * i,
                (data + i * kPage) >> 2 | CRAMFS_BLK_FLAGS);
        }
      }
      ASSERT_EQ(machine.MountVariant(variant()), 0);
      machine.Map(machine.Open("f"), 0, 3);
      EXPECT_EQ(machine.RomPages(), !fixed && at <= behind_rom - 12 ? 3u : 0u);
    }
  }
}

// Adding the pages before it to a block number can wrap into its flags.
TEST_P(BoundsTest, RunThatWrapsPastFourGigabytesIsNotMapped) {
  Entry root = Entry::Directory("");
  root.Add(FileOf("f", 2 * kPage, "dd"));
  std::vector<uint8_t> image = MustBuild(root);
  uint8_t* table = image.data() + Place(image, "/f").table;
  Put32(table, 0x3ffffc00 | CRAMFS_BLK_FLAGS);
  Put32(table + 4, 0 | CRAMFS_BLK_FLAGS);
  TestMachine machine(arch(), true, image);
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  machine.Map(machine.Open("f"), 0, 2);
  EXPECT_EQ(machine.RomPages(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Arch, FixesTest, ::testing::Values("x86-64", "arm"),
                         [](const ::testing::TestParamInfo<std::string>& info) {
                           return info.param == "arm" ? "Arm" : "X86_64";
                         });
INSTANTIATE_TEST_SUITE_P(
    All, BoundsTest,
    ::testing::Combine(::testing::Values("x86-64", "arm"),
                       ::testing::Values("v3", "mainline")),
    [](const ::testing::TestParamInfo<BoundsTest::ParamType>& info) {
      return absl::StrCat(std::get<0>(info.param) == "arm" ? "Arm" : "X86_",
                          "_", std::get<1>(info.param));
    });

}  // namespace
}  // namespace faultline::cramfs
