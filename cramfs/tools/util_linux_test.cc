// SPDX-License-Identifier: GPL-2.0-only
//
// Against util-linux: its images read by us, ours checked and extracted by
// its fsck.cramfs, both of a tree of 1,000 entries.

#include <algorithm>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/generated_tree.h"
#include "cramfs/tools/reader.h"
#include "cramfs/tools/test_util.h"
#include "cramfs/tools/writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

using ::testing::IsEmpty;

// The tree, in memory and on the host, once for all tests.
struct HostTree {
  bool privileged = CanCreatePrivileged();
  Entry tree = GenerateTree({privileged});
  std::string directory = MakeTempDirectory();
  absl::Status created = CreateOnHost(tree, directory, privileged);
};
const HostTree& TheTree() {
  static const HostTree* tree = new HostTree;
  return *tree;
}

class UtilLinuxTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* tool : {"mkfs.cramfs", "fsck.cramfs"}) {
      if (!HaveProgram(tool)) GTEST_SKIP() << "no " << tool;
    }
    ASSERT_TRUE(TheTree().created.ok()) << TheTree().created;
    scratch_ = MakeTempDirectory();
  }
  // They take megabytes.
  void TearDown() override {
    if (!scratch_.empty()) RunShell("rm -rf " + scratch_);
  }

  std::string Scratch(const char* name) const {
    return absl::StrCat(scratch_, "/", name);
  }
  // Fails the test unless the command succeeds.
  static std::string MustRun(const std::string& command) {
    std::string output;
    EXPECT_EQ(RunShell(command, &output), 0) << command << "\n" << output;
    return output;
  }

 private:
  std::string scratch_;
};

// What the other tests leave out without privilege is said here.
TEST_F(UtilLinuxTest, DevicesAndOwnersAreInTheTree) {
  if (!TheTree().privileged) {
    GTEST_SKIP() << "may not create devices or files of others";
  }
  bool device = false, owner = false;
  for (const Entry& directory : TheTree().tree.children) {
    for (const Entry& entry : directory.children) {
      device = device || entry.device_major == 255;
      owner = owner || (entry.uid == 65534 && entry.gid == 254);
    }
  }
  EXPECT_TRUE(device && owner);
}

struct MkfsCase {
  const char* flags;
  ByteOrder order = ByteOrder::kLittle;
  bool pad = false;
  bool holes = false;
  bool inserted = false;
  uint32_t edition = 0;
  const char* name = "Compressed";
};
void PrintTo(const MkfsCase& c, std::ostream* out) { *out << c.flags; }

class MkfsTest : public UtilLinuxTest,
                 public testing::WithParamInterface<MkfsCase> {};

TEST_P(MkfsTest, EveryByteModeOwnerTargetAndDeviceIsRead) {
  const MkfsCase& param = GetParam();
  const std::vector<uint8_t> inserted = Noise(5000, 3);
  std::string flags = param.flags;
  if (param.inserted) {
    WriteHostFile(Scratch("inserted"), inserted);
    absl::StrAppend(&flags, " -i ", Scratch("inserted"));
  }
  MustRun(absl::StrCat("mkfs.cramfs ", flags, " ", TheTree().directory, " ",
                       Scratch("image")));
  const std::vector<uint8_t> image = ReadHostFile(Scratch("image"));
  const auto reader = ImageReader::Open(image);
  ASSERT_TRUE(reader.ok()) << reader.status();

  const Superblock& super = reader->superblock();
  EXPECT_EQ(super.byte_order, param.order);
  EXPECT_EQ(super.offset, param.pad ? CRAMFS_PAD_SIZE : 0);
  EXPECT_EQ((super.flags & CRAMFS_FLAG_HOLES) != 0, param.holes);
  EXPECT_EQ((super.flags & CRAMFS_FLAG_SHIFTED_ROOT_OFFSET) != 0,
            param.inserted);
  EXPECT_EQ(super.edition, param.edition);
  EXPECT_EQ(super.name, param.name);
  EXPECT_EQ(super.files, kGeneratedEntries);
  if (param.inserted) {
    const size_t at = super.offset + kSuperblockSize;
    ASSERT_GT(image.size(), at + inserted.size());
    EXPECT_TRUE(std::equal(inserted.begin(), inserted.end(),
                           image.begin() + static_cast<ptrdiff_t>(at)));
  }

  const auto read = ReadTree(*reader);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(Differences(TheTree().tree, *read), IsEmpty());
  const CheckReport report = reader->Check(100);
  EXPECT_THAT(report.errors, IsEmpty());
  EXPECT_THAT(report.warnings, IsEmpty());
  EXPECT_EQ(report.files, kGeneratedEntries);

  // A file of zeros but for its beginning.
  const std::string layout = LayoutOf(image, "/sizes/65536-2");
  EXPECT_EQ(layout,
            absl::StrCat("c", std::string(15, param.holes ? '-' : 'c')));
}

INSTANTIATE_TEST_SUITE_P(
    Flags, MkfsTest,
    testing::Values(MkfsCase{.flags = "-N little"},
                    MkfsCase{.flags = "-N big", .order = ByteOrder::kBig},
                    MkfsCase{.flags = "-N little -z", .holes = true},
                    MkfsCase{.flags = "-N big -z -p",
                             .order = ByteOrder::kBig,
                             .pad = true,
                             .holes = true},
                    MkfsCase{.flags = "-N little -p -e 7 -n volume",
                             .pad = true,
                             .inserted = true,
                             .edition = 7,
                             .name = "volume"},
                    MkfsCase{
                        .flags = "-N big -z -e 4294967295 -n 0123456789abcdef",
                        .order = ByteOrder::kBig,
                        .holes = true,
                        .inserted = true,
                        .edition = 4294967295,
                        .name = "0123456789abcdef"}),
    [](const auto& info) { return absl::StrCat("Case", info.index); });

class FsckTest
    : public UtilLinuxTest,
      public testing::WithParamInterface<std::pair<ByteOrder, bool>> {};

TEST_P(FsckTest, OurImagesPassAndExtractTheSame) {
  const auto [order, pad] = GetParam();
  BuildOptions options;
  options.byte_order = order;
  options.pad = pad;
  options.lenient = true;  // ids of whoever runs the test
  options.name = "ours";
  options.edition = 3;
  const auto image = BuildFromDirectory(TheTree().directory, options);
  ASSERT_TRUE(image.ok()) << image.status();
  const auto reader = ImageReader::Open(image->bytes);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto read = ReadTree(*reader);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(Differences(TheTree().tree, *read), IsEmpty());
  WriteHostFile(Scratch("image"), image->bytes);
  MustRun("fsck.cramfs " + Scratch("image"));
  MustRun("fsck.cramfs -v " + Scratch("image"));
  // util-linux inflates only images of the host's own byte order.
  if (order == ByteOrder::kBig) return;
  MustRun("fsck.cramfs --extract " + Scratch("image"));
  MustRun(absl::StrCat("fsck.cramfs --extract=", Scratch("out"), " ",
                       Scratch("image")));
  const auto extracted = ReadFromHost(Scratch("out"));
  ASSERT_TRUE(extracted.ok()) << extracted.status();
  CompareOptions compare;
  compare.owners = TheTree().privileged;
  EXPECT_THAT(Differences(TheTree().tree, *extracted, compare), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Layouts, FsckTest,
                         testing::Values(std::pair(ByteOrder::kLittle, false),
                                         std::pair(ByteOrder::kLittle, true),
                                         std::pair(ByteOrder::kBig, false),
                                         std::pair(ByteOrder::kBig, true)),
                         [](const auto& info) {
                           return absl::StrCat(
                               info.param.first == ByteOrder::kBig ? "Big"
                                                                   : "Little",
                               info.param.second ? "Padded" : "");
                         });

TEST_F(UtilLinuxTest, FsckRefusesOurImageWithOneBitChanged) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("f", Text(5000, 1)));
  Image image = MustBuild(root);
  WriteHostFile(Scratch("good"), image.bytes);
  MustRun("fsck.cramfs " + Scratch("good"));
  image.bytes[200] ^= 1;
  WriteHostFile(Scratch("bad"), image.bytes);
  EXPECT_NE(RunShell("fsck.cramfs " + Scratch("bad")), 0);
}

// Where neither tool has a choice: same tree, same superblock counts.
TEST_F(UtilLinuxTest, CountsOfBothBuildersAgree) {
  for (const bool holes : {false, true}) {
    BuildOptions options;
    options.lenient = true;
    options.explicit_holes = holes;
    const auto ours = BuildFromDirectory(TheTree().directory, options);
    ASSERT_TRUE(ours.ok()) << ours.status();
    MustRun(absl::StrCat("mkfs.cramfs ", holes ? "-z " : "",
                         TheTree().directory, " ", Scratch("image")));
    const auto theirs = ReadHostFile(Scratch("image"));
    const auto a = ImageReader::Open(ours->bytes);
    const auto b = ImageReader::Open(theirs);
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(a->superblock().files, b->superblock().files);
    EXPECT_EQ(a->superblock().blocks, b->superblock().blocks);
    EXPECT_EQ(a->superblock().flags, b->superblock().flags);
  }
}

}  // namespace
}  // namespace faultline::cramfs
