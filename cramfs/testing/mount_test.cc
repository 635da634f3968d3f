// SPDX-License-Identifier: GPL-2.0-only
//
// Mounting cramfs images and reading their files, sound and damaged ones, by
// read and by mapping, in every variant.

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>
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
using ::testing::Not;

// ---- every variant, both architectures ----

class VariantTest
    : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  std::string arch() const { return std::get<0>(GetParam()); }
  std::string variant() const { return std::get<1>(GetParam()); }
};

TEST_P(VariantTest, EveryKindOfBlockReadsBackByReadAndByMapping) {
  const Entry root = TestTree();
  TestMachine machine(arch(), true, MustBuild(root));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  ExpectReadsBack(machine, root);
}

TEST_P(VariantTest, PadOf512BytesIsFound) {
  const Entry root = TestTree();
  BuildOptions options;
  options.pad = true;
  TestMachine machine(arch(), true, MustBuild(root, options));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  ExpectReadsBack(machine, root);
}

TEST_P(VariantTest, WrittenPageIsPrivateAndLeavesTheRomAlone) {
  const Entry root = TestTree();
  const std::vector<uint8_t> image = MustBuild(root);
  TestMachine machine(arch(), true, image);
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  file* whole = machine.Open("whole");
  const uint64_t start = machine.Map(whole, 0, 5, FL_PROT_READ | FL_PROT_WRITE);
  EXPECT_EQ(machine.RomPages(), 0u);
  EXPECT_EQ(machine.Store(start + kPage, 0).sig, 0);
  EXPECT_EQ(machine.Load(start + kPage).value, 0u);
  EXPECT_TRUE(machine.Read(whole) == root.children[0].data);
  EXPECT_EQ(memcmp(machine.rom(), image.data(), image.size()), 0);
}

TEST_P(VariantTest, FileWithoutExtendedPointersInTheImageIsPaged) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("f", PageText(3 * kPage, 1)));
  TestMachine machine(arch(), true, MustBuild(root));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  ExpectReadsBack(machine, root);
  EXPECT_THAT(machine.log(), Not(Contains(HasSubstr("direct mmap"))));
}

TEST_P(VariantTest, WholeFileMapsFromRomOnlyWithDirectMapping) {
  const std::vector<uint8_t> image = MustBuild(TestTree());
  TestMachine machine(arch(), true, image);
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  machine.Map(machine.Open("whole"), 0, 5);
  const std::vector<Mapping> maps = machine.Maps();
  ASSERT_EQ(maps.size(), 1u);
  if (variant() == "paged") {
    EXPECT_EQ(machine.RomPages(), 0u);
    EXPECT_EQ(maps[0].offset, 0u);
  } else {
    EXPECT_EQ(machine.RomPages(), 5u);
    EXPECT_EQ(maps[0].offset,
              kRomPhys + Place(image, "/whole").blocks.at(0).offset);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, VariantTest,
    ::testing::Combine(::testing::Values("x86-64", "arm"),
                       ::testing::Values("v3", "mainline", "paged")),
    [](const ::testing::TestParamInfo<VariantTest::ParamType>& info) {
      return absl::StrCat(std::get<0>(info.param) == "arm" ? "Arm" : "X86_",
                          "_", std::get<1>(info.param));
    });

// ---- mounting ----

TEST(MountTest, WrongOptionsAreEinvalAndSaidSo) {
  const struct {
    const char *options, *said;
  } kCases[] = {
      {"", "physaddr= is missing"},
      {"variant=v3", "physaddr= is missing"},
      {"physaddr=0", "no address of an image"},
      {"physaddr=0x8000001", "not page aligned"},
      {"physaddr=", "not a number"},
      {"physaddr=0x", "not a number"},
      {"physaddr=12Q", "not a number"},
      {"physaddr=128MB", "not a number"},
      {"physaddr=0x10000000000000000", "not a number"},
      {"physaddr=18014398509481984K", "not a number"},
      {"physaddr=0x8000000,variant=v2", "unknown variant"},
      {"physaddr=0x8000000,variant=v", "unknown variant"},
      {"physaddr=0x8000000,mtd=1", "unknown mount option"},
      {"physaddr=0x4000000", "no ROM at physaddr 0x4000000"},
      {"physaddr=1G", "no ROM at physaddr 0x40000000"},
  };
  const std::vector<uint8_t> image = MustBuild(TestTree());
  for (const auto& one : kCases) {
    SCOPED_TRACE(one.options);
    TestMachine machine("x86-64", true, image);
    EXPECT_EQ(machine.Mount(one.options), -kEinval);
    EXPECT_THAT(machine.log(), Contains(HasSubstr(one.said)));
  }
}

TEST(MountTest, AddressTakesHexadecimalDecimalOctalAndSuffixes) {
  const std::vector<uint8_t> image = MustBuild(TestTree());
  for (const char* options :
       {"physaddr=0x8000000", "physaddr=0X8000000,variant=mainline",
        "physaddr=134217728", "physaddr=01000000000", "physaddr=128M",
        "physaddr=131072k", "variant=paged,physaddr=0x20000K"}) {
    SCOPED_TRACE(options);
    TestMachine machine("x86-64", true, image);
    EXPECT_EQ(machine.Mount(options), 0);
    EXPECT_NE(machine.Open("whole"), nullptr);
  }
}

TEST(MountTest, AddressBeyondThirtyTwoBitsIsNoAddressOnArm) {
  TestMachine machine("arm", true, MustBuild(TestTree()));
  EXPECT_EQ(machine.Mount("physaddr=0x108000000"), -kEinval);
}

TEST(MountTest, DamagedSuperblockIsEinvalAndSaidSo) {
  const struct {
    uint32_t offset, value;
    const char* said;
  } kCases[] = {
      {0, 0x12345678, "wrong magic"},
      {0, CRAMFS_MAGIC_WEND, "wrong endianness"},
      {8, 0x1003, "unsupported filesystem features"},
      {64, 0100644, "root is not a directory"},
      {72, 100 / 4 << 6, "bad root offset 100"},
      {4, 1u << 30, "exceeds the memory"},
  };
  const std::vector<uint8_t> good = MustBuild(TestTree());
  for (const auto& one : kCases) {
    SCOPED_TRACE(one.said);
    std::vector<uint8_t> image = good;
    Put32(image.data() + one.offset, one.value);
    TestMachine machine("x86-64", true, image);
    EXPECT_EQ(machine.MountVariant("v3"), -kEinval);
    EXPECT_THAT(machine.log(), Contains(HasSubstr(one.said)));
  }
}

TEST(MountTest, BigEndianImageIsRefusedWithAndWithoutPad) {
  for (const bool pad : {false, true}) {
    BuildOptions options;
    options.byte_order = ByteOrder::kBig;
    options.pad = pad;
    TestMachine machine("x86-64", true, MustBuild(TestTree(), options));
    EXPECT_EQ(machine.MountVariant("v3"), -kEinval);
    EXPECT_THAT(machine.log(), Contains(HasSubstr("wrong endianness")));
  }
}

TEST(MountTest, OldImageWithoutSizeIsReadAsFarAsTheRomGoes) {
  const Entry root = TestTree();
  std::vector<uint8_t> image = MustBuild(root);
  image[8] &= ~CRAMFS_FLAG_FSID_VERSION_2;
  Put32(image.data() + 4, 0);
  TestMachine machine("x86-64", true, image);
  ASSERT_EQ(machine.MountVariant("v3"), 0);
  machine.AllowReports(V3Damage());
  ExpectReadsBack(machine, root);
}

TEST(MountTest, ImageThatEndsBeforeItsDirectoryHasNoFiles) {
  std::vector<uint8_t> image = MustBuild(TestTree());
  Put32(image.data() + 4, kSuperblockSize);
  TestMachine machine("x86-64", true, image);
  ASSERT_EQ(machine.MountVariant("v3"), 0);
  EXPECT_EQ(machine.OpenError("whole"), -kEio);
}

// ---- directories ----

TEST(LookupTest, NamesOfEveryLengthAndByteAreFoundAndNoOthers) {
  Entry root = Entry::Directory("");
  const std::vector<std::string> names = {
      "a",     "ab",       "abc", "abcd",
      "abcde", "\xc3\xa9", "Z",   std::string(252, 'n')};
  Entry& deep = root.Add(Entry::Directory("dir")).Add(Entry::Directory("sub"));
  for (uint32_t i = 0; i < names.size(); ++i) {
    deep.Add(Entry::File(names[i], PageText(i + 1, i)));
  }
  for (uint32_t i = 0; i < names.size(); ++i) {
    root.Add(Entry::File(names[i], PageText(i + 100, i)));
  }
  for (const bool sorted : {true, false}) {
    std::vector<uint8_t> image = MustBuild(root);
    if (!sorted) image[8] &= ~CRAMFS_FLAG_SORTED_DIRS;
    TestMachine machine("x86-64", true, image);
    ASSERT_EQ(machine.MountVariant("v3"), 0);
    for (uint32_t i = 0; i < names.size(); ++i) {
      SCOPED_TRACE(names[i]);
      EXPECT_EQ(machine.Read(machine.Open(names[i])), PageText(i + 100, i));
      EXPECT_EQ(machine.Read(machine.Open("dir/sub/" + names[i])),
                PageText(i + 1, i));
    }
    for (const char* missing : {"b", "aa", "abz", "abcdef", "A", "\xff", "zz",
                                "dir/x", "dir/sub/abx"}) {
      EXPECT_EQ(machine.OpenError(missing), -kEnoent) << missing;
    }
  }
}

TEST(LookupTest, EntryWithoutANameIsEio) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("abcd", PageText(5, 1)));
  std::vector<uint8_t> image = MustBuild(root);
  memset(image.data() + kSuperblockSize + kInodeSize, 0, 4);
  TestMachine machine("x86-64", true, image);
  ASSERT_EQ(machine.MountVariant("v3"), 0);
  EXPECT_EQ(machine.OpenError("abcd"), -kEio);
}

// ---- damaged data ----

class DamageTest : public ::testing::Test {
 protected:
  // The file of three blocks of `kind`, with pointer 1 changed to `pointer`.
  DamageTest() : root_(Entry::Directory("")) {
    root_.Add(FileOf("c", 3 * kPage, "ccc"));
    root_.Add(FileOf("d", 3 * kPage, "dDd"));
    image_ = MustBuild(root_);
  }
  void SetPointer(const std::string& name, uint32_t index, uint32_t pointer) {
    Put32(image_.data() + Place(image_, "/" + name).table + 4 * index, pointer);
  }
  // Page 1 of the file cannot be read, nor mapped; page 0 can.
  void ExpectDamaged(const std::string& name) {
    TestMachine machine("x86-64", true, image_);
    ASSERT_EQ(machine.MountVariant("v3"), 0);
    machine.AllowReports(V3Damage());
    file* opened = machine.Open(name);
    const uint64_t start = machine.Map(opened, 0, 3);
    EXPECT_EQ(machine.Load(start).sig, 0);
    EXPECT_EQ(machine.Load(start + kPage).sig, kSigbus);
    int64_t read = 0;
    machine.Read(opened, &read);
    EXPECT_EQ(read, static_cast<int64_t>(kPage));
  }

  Entry root_;
  std::vector<uint8_t> image_;
};

TEST_F(DamageTest, BlockLongerThanTwoPages) {
  const Placed placed = Place(image_, "/c");
  SetPointer("c", 1, placed.blocks[1].offset + 2 * kPage + 1);
  ExpectDamaged("c");
}

TEST_F(DamageTest, RawBlockLongerThanAPage) {
  const Placed placed = Place(image_, "/c");
  SetPointer(
      "c", 1,
      (placed.blocks[1].offset + kPage + 1) | CRAMFS_BLK_FLAG_UNCOMPRESSED);
  ExpectDamaged("c");
}

TEST_F(DamageTest, BlockThatEndsBeforeItStarts) {
  const Placed placed = Place(image_, "/c");
  SetPointer("c", 1, placed.blocks[1].offset - 1);
  ExpectDamaged("c");
}

TEST_F(DamageTest, StreamThatIsGarbage) {
  const Placed placed = Place(image_, "/c");
  memset(image_.data() + placed.blocks[1].offset, 0xee, 16);
  ExpectDamaged("c");
}

TEST_F(DamageTest, StreamThatIsCutShort) {
  const Placed placed = Place(image_, "/c");
  SetPointer("c", 1, placed.blocks[1].offset + placed.blocks[1].length - 1);
  ExpectDamaged("c");
}

TEST_F(DamageTest, StreamThatGivesMoreThanAPage) {
  const Placed placed = Place(image_, "/c");
  const std::vector<uint8_t> zeros(kPage + 1, 0);
  uLongf length = placed.blocks[1].length;
  ASSERT_EQ(compress(image_.data() + placed.blocks[1].offset, &length,
                     zeros.data(), zeros.size()),
            Z_OK);
  ExpectDamaged("c");
}

TEST_F(DamageTest, DirectStreamLongerThanTwoPages) {
  const Placed placed = Place(image_, "/d");
  image_[placed.blocks[1].offset - 2] = 0xff;
  image_[placed.blocks[1].offset - 1] = 0xff;
  ExpectDamaged("d");
}

TEST_F(DamageTest, DirectStreamOutsideTheImage) {
  SetPointer("d", 1, 0x3fffffff | CRAMFS_BLK_FLAG_DIRECT_PTR);
  TestMachine machine("x86-64", true, image_);
  ASSERT_EQ(machine.MountVariant("paged"), 0);
  // Outside the image there are zeros: a length of 0, so a hole.
  const uint64_t start = machine.Map(machine.Open("d"), 0, 3);
  const fl_user_result result = machine.Load(start + kPage, 8);
  EXPECT_EQ(result.sig, 0);
  EXPECT_EQ(result.value, 0u);
}

TEST_F(DamageTest, RawBlockOutsideTheImageReadsAsZeros) {
  SetPointer("d", 1, 0x3fffffff | CRAMFS_BLK_FLAGS);
  TestMachine machine("x86-64", true, image_);
  ASSERT_EQ(machine.MountVariant("paged"), 0);
  const uint64_t start = machine.Map(machine.Open("d"), 0, 3);
  const fl_user_result result = machine.Load(start + kPage, 8);
  EXPECT_EQ(result.sig, 0);
  EXPECT_EQ(result.value, 0u);
}

}  // namespace
}  // namespace faultline::cramfs
