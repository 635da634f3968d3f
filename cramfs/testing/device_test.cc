// SPDX-License-Identifier: GPL-2.0-only
//
// Images on a simulated block device: where it lies, what it cannot read, and
// the buffers that stand between it and the file system.

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

constexpr int kEnodev = 19, kEbusy = 16;
constexpr uint64_t kSector = 512;

class DeviceTest : public ::testing::TestWithParam<bool> {
 protected:
  bool physmem() const { return GetParam(); }
};

TEST_P(DeviceTest, EveryKindOfBlockReadsBack) {
  const Entry root = TestTree();
  for (const char* arch : {"x86-64", "arm"}) {
    if (!physmem() && arch == std::string("arm")) continue;
    TestMachine machine(arch, physmem(), MustBuild(root));
    ASSERT_EQ(machine.MountDevice(""), 0);
    ExpectReadsBack(machine, root);
    machine.Map(machine.Open("whole"), 0, 5);
    EXPECT_EQ(machine.RomPages(), 0u);
  }
}

TEST_P(DeviceTest, DeviceMayBeginAtAnySectorOfTheRom) {
  const Entry root = TestTree();
  const std::vector<uint8_t> image = MustBuild(root);
  for (const uint64_t sector : {1, 7, 8, 31}) {
    TestMachine machine("x86-64", physmem(), image);
    memmove(machine.rom() + sector * kSector, machine.rom(), image.size());
    memset(machine.rom(), 0xee, sector * kSector);
    ASSERT_EQ(machine.MountDevice(absl::StrCat("dev=", sector * kSector)), 0);
    ExpectReadsBack(machine, root);
  }
}

TEST_P(DeviceTest, WrongOptionsAreEinvalAndSaidSo) {
  const struct {
    const char *options, *said;
  } kCases[] = {
      {"dev=1", "start of a sector"},
      {"dev=x", "start of a sector"},
      {"size=0", "number of bytes"},
      {"size=", "number of bytes"},
      {"bad=3", "range of sectors"},
      {"bad=4-3", "range of sectors"},
      {"bad=-3", "range of sectors"},
      {"bad=3-", "range of sectors"},
      {"variant=v2", "unknown variant"},
      {"physaddr=0x8000000", "unknown mount option"},
      {"dev=1G", "no ROM for a device"},
      {"size=1G", "no ROM for a device"},
      {"dev=4K,size=17179869183G", "no ROM for a device"},
  };
  const std::vector<uint8_t> image = MustBuild(TestTree());
  for (const auto& one : kCases) {
    SCOPED_TRACE(one.options);
    TestMachine machine("x86-64", physmem(), image);
    EXPECT_EQ(machine.MountDevice(one.options), -kEinval);
    EXPECT_THAT(machine.log(), Contains(HasSubstr(one.said)));
  }
}

TEST_P(DeviceTest, SuperblockThatCannotBeReadIsNoFileSystem) {
  TestMachine machine("x86-64", physmem(), MustBuild(TestTree()));
  EXPECT_EQ(machine.MountDevice("bad=0-0"), -kEinval);
  EXPECT_THAT(machine.log(), Contains(HasSubstr("I/O error")));
  EXPECT_THAT(machine.log(), Contains(HasSubstr("wrong magic")));
}

// Raw bytes become zeros and nobody says so; a stream no longer ends.
TEST_P(DeviceTest, PageThatCannotBeReadIsZerosAsInTheKernel) {
  Entry root = Entry::Directory("");
  root.Add(FileOf("raw", 4 * kPage, "dddd"));
  root.Add(Entry::File("zipped", PageText(20, 3)));
  const std::vector<uint8_t> image = MustBuild(root);
  const uint64_t raw = Place(image, "/raw").blocks.at(1).offset;
  const uint64_t zipped = Place(image, "/zipped").blocks.at(0).offset;
  ASSERT_NE(raw / kPage, zipped / kPage);
  const auto bad = [](uint64_t at) {
    return absl::StrCat("bad=", at / kSector, "-", at / kSector);
  };
  {
    TestMachine machine("x86-64", physmem(), image);
    ASSERT_EQ(machine.MountDevice(bad(raw + 5 * kSector)), 0);
    std::vector<uint8_t> expected = root.children[0].data;
    std::fill_n(expected.begin() + kPage, kPage, 0);
    EXPECT_TRUE(machine.Read(machine.Open("raw")) == expected);
    EXPECT_TRUE(machine.Read(machine.Open("zipped")) == PageText(20, 3));
  }
  {
    TestMachine machine("x86-64", physmem(), image);
    ASSERT_EQ(machine.MountDevice(bad(zipped)), 0);
    int64_t result = 0;
    EXPECT_TRUE(machine.Read(machine.Open("raw")) == root.children[0].data);
    file* file = machine.Open("zipped");
    machine.Read(file, &result);
    EXPECT_EQ(result, -kEio);
    machine.Splice(file, &result);
    EXPECT_EQ(result, -kEio);
    EXPECT_EQ(machine.Load(machine.Map(file, 0, 1)).sig, kSigbus);
  }
}

TEST_P(DeviceTest, WhatLiesBehindTheDeviceIsZeros) {
  Entry root = Entry::Directory("");
  root.Add(FileOf("raw", 4 * kPage, "dddd"));
  const std::vector<uint8_t> image = MustBuild(root);
  const uint64_t third = Place(image, "/raw").blocks.at(2).offset;
  // The last page counts only when it is whole.
  for (const uint64_t size : {third + kPage - 1, third}) {
    TestMachine machine("x86-64", physmem(), image);
    ASSERT_EQ(machine.MountDevice(absl::StrCat("size=", size)), 0);
    std::vector<uint8_t> expected = root.children[0].data;
    std::fill(expected.begin() + 2 * kPage, expected.end(), 0);
    EXPECT_TRUE(machine.Read(machine.Open("raw")) == expected);
  }
  TestMachine machine("x86-64", physmem(), image);
  EXPECT_EQ(machine.MountDevice("size=4095"), -kEinval);
}

TEST_P(DeviceTest, RangeThatWrapsIsNotFoundInABuffer) {
  Entry root = Entry::Directory("");
  root.Add(FileOf("f", 2 * kPage, "dd"));
  std::vector<uint8_t> image = MustBuild(root);
  uint8_t* table = image.data() + Place(image, "/f").table;
  for (const uint32_t pointer : {0x3fffffffu, 0x3ffffc00u, 0x3ffff000u}) {
    Put32(table, pointer | CRAMFS_BLK_FLAGS);
    Put32(table + 4, pointer | CRAMFS_BLK_FLAG_DIRECT_PTR);
    TestMachine machine("x86-64", physmem(), image);
    ASSERT_EQ(machine.MountDevice(""), 0);
    EXPECT_TRUE(machine.Read(machine.Open("f")) ==
                std::vector<uint8_t>(2 * kPage, 0));
  }
}

TEST_P(DeviceTest, MountsShareTheBuffersAndSeeTheirOwnDevice) {
  Entry first = Entry::Directory(""), second = Entry::Directory("");
  first.Add(Entry::File("f", PageText(100, 1)));
  second.Add(Entry::File("f", PageText(100, 2)));
  const std::vector<uint8_t> image = MustBuild(first);
  const std::vector<uint8_t> other = MustBuild(second);
  ASSERT_EQ(other.size(), kPage);
  TestMachine machine("x86-64", physmem(), image);
  memcpy(machine.rom() + image.size(), other.data(), other.size());
  ASSERT_EQ(machine.MountDevice(""), 0);
  const fl_kernel& kernel = machine.kernel();
  super_block* sb = nullptr;
  const auto read = [&kernel](super_block* from) {
    file* open = nullptr;
    EXPECT_EQ(kernel.open(from, "f", &open), 0);
    std::vector<uint8_t> data(100);
    EXPECT_EQ(kernel.file_read(open, data.data(), 100, 0), 100);
    kernel.close(open);
    return data;
  };
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(
        kernel.mount("cramfs", absl::StrCat("dev=", image.size()).c_str(), &sb),
        0);
    EXPECT_EQ(machine.StatError("none"), -kEnoent);
    EXPECT_EQ(read(sb), PageText(100, 2));
    EXPECT_EQ(read(machine.sb()), PageText(100, 1));
    file* open = nullptr;
    ASSERT_EQ(kernel.open(sb, "f", &open), 0);
    EXPECT_EQ(kernel.umount(sb), -kEbusy);
    kernel.close(open);
    EXPECT_EQ(kernel.umount(sb), 0);
  }
}

TEST_P(DeviceTest, ImageInMemoryIsAFileSystemOnlyWherePhysmemIsBuiltIn) {
  TestMachine machine("x86-64", physmem(), MustBuild(TestTree()));
  EXPECT_EQ(machine.Mount("physaddr=0x8000000"), physmem() ? 0 : -kEnodev);
}

INSTANTIATE_TEST_SUITE_P(Build, DeviceTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "WithPhysmem" : "DeviceOnly";
                         });

}  // namespace
}  // namespace faultline::cramfs
