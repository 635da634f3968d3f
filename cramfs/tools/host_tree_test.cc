// SPDX-License-Identifier: GPL-2.0-only
//
// Reading trees of the host.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cramfs/tools/test_util.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

TEST(HostTreeTest, TakesTreeAsItIsAndFollowsNoLink) {
  const std::string directory = MakeTempDirectory();
  ASSERT_EQ(mkdir((directory + "/sub").c_str(), 0755), 0);
  WriteHostFile(directory + "/sub/file", Text(10000, 1));
  ASSERT_EQ(chmod((directory + "/sub/file").c_str(), 04711), 0);
  ASSERT_EQ(symlink("/etc", (directory + "/out").c_str()), 0);
  ASSERT_EQ(symlink("sub", (directory + "/in").c_str()), 0);
  ASSERT_EQ(mkfifo((directory + "/fifo").c_str(), 0600), 0);
  BuildOptions options;
  options.squash_owner = true;
  const auto image = BuildFromDirectory(directory, options);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->warnings.total(), 0u);
  const auto reader = ImageReader::Open(image->bytes);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(reader->Check().ok());
  const auto file = reader->Lookup("/sub/file");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->inode.mode, S_IFREG | 04711u);
  EXPECT_TRUE(*reader->ReadFile(*file) == Text(10000, 1));
  EXPECT_EQ(*reader->ReadLink(*reader->Lookup("/out")), "/etc");
  EXPECT_EQ(*reader->ReadLink(*reader->Lookup("/in")), "sub");
  EXPECT_TRUE(S_ISFIFO(reader->Lookup("/fifo")->inode.mode));
  EXPECT_EQ(reader->List(reader->root())->size(), 4u);
  const auto again = BuildFromDirectory(directory, options);
  EXPECT_TRUE(again.ok() && again->bytes == image->bytes);
}

TEST(HostTreeTest, NamesWhatItCannotRead) {
  EXPECT_EQ(BuildFromDirectory("/nonexistent", {}).status().code(),
            absl::StatusCode::kNotFound);
  const std::string directory = MakeTempDirectory();
  WriteHostFile(directory + "/secret", Text(10, 1));
  ASSERT_EQ(chmod(directory.c_str(), 0755), 0);
  ASSERT_EQ(chmod((directory + "/secret").c_str(), 0), 0);
  const bool root = geteuid() == 0;
  if (root && seteuid(65534) != 0) {
    GTEST_SKIP() << "root may read everything, and stays root here";
  }
  BuildOptions options;
  options.squash_owner = true;
  const auto strict = BuildFromDirectory(directory, options);
  options.lenient = true;
  const auto lenient = BuildFromDirectory(directory, options);
  const bool reachable =
      strict.status().code() != absl::StatusCode::kPermissionDenied ||
      absl::StrContains(strict.status().message(), "/secret");
  ASSERT_TRUE(!root || seteuid(0) == 0);
  if (!reachable) GTEST_SKIP() << "temporary directory is root's alone";
  EXPECT_EQ(strict.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(absl::StrContains(strict.status().message(), "/secret"));
  ASSERT_TRUE(lenient.ok()) << lenient.status();
  EXPECT_EQ(lenient->warnings.skipped, 1u);
  EXPECT_EQ(lenient->files, 1u);
}

// The names of a directory of an image, each followed by a blank.
std::string NamesIn(const Image& image, const std::string& path) {
  const auto reader = ImageReader::Open(image.bytes);
  const auto node = reader.ok() ? reader->Lookup(path) : reader.status();
  const auto list = node.ok() ? reader->List(*node) : node.status();
  if (!list.ok()) return list.status().ToString();
  std::string names;
  for (const Node& entry : *list) absl::StrAppend(&names, entry.name(), " ");
  return names;
}

uint32_t OffsetOf(const Image& image, const std::string& path) {
  const auto reader = ImageReader::Open(image.bytes);
  const auto node = reader.ok() ? reader->Lookup(path) : reader.status();
  return node.ok() ? node->inode.offset : 0;
}

TEST(HostTreeTest, NamesOfOneFileShareItsDataWhateverIsMerged) {
  const std::string directory = MakeTempDirectory();
  WriteHostFile(directory + "/a", Text(9000, 1));
  ASSERT_EQ(link((directory + "/a").c_str(), (directory + "/b").c_str()), 0);
  WriteHostFile(directory + "/c", Text(9000, 1));
  BuildOptions options;
  options.squash_owner = true;
  auto image = BuildFromDirectory(directory, options);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->blocks, 3u);
  EXPECT_EQ(OffsetOf(*image, "/a"), OffsetOf(*image, "/b"));
  EXPECT_EQ(OffsetOf(*image, "/a"), OffsetOf(*image, "/c"));
  options.merge_identical = false;
  image = BuildFromDirectory(directory, options);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->blocks, 6u);
  EXPECT_EQ(OffsetOf(*image, "/a"), OffsetOf(*image, "/b"));
  EXPECT_NE(OffsetOf(*image, "/a"), OffsetOf(*image, "/c"));
}

TEST(HostTreeTest, LinkToDirectoryIsALinkAndNothingBelowItIsRead) {
  const std::string directory = MakeTempDirectory();
  const std::string outside = MakeTempDirectory();
  WriteHostFile(outside + "/secret", Text(10, 1));
  ASSERT_EQ(symlink(outside.c_str(), (directory + "/out").c_str()), 0);
  ASSERT_EQ(symlink(".", (directory + "/loop").c_str()), 0);
  const auto image = BuildFromDirectory(directory, {});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->files, 3u);
  const auto reader = ImageReader::Open(image->bytes);
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE(reader->Lookup("/out")->is_symlink());
  EXPECT_EQ(*reader->ReadLink(*reader->Lookup("/loop")), ".");
}

TEST(HostTreeTest, KeepsSocketsAndDevices) {
  const std::string directory = MakeTempDirectory();
  ASSERT_EQ(mknod((directory + "/s").c_str(), S_IFSOCK | 0600, 0), 0);
  const bool may_make =
      mknod((directory + "/null").c_str(), S_IFCHR | 0600, 0x103) == 0;
  const auto image = BuildFromDirectory(directory, {});
  ASSERT_TRUE(image.ok()) << image.status();
  const auto reader = ImageReader::Open(image->bytes);
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE(S_ISSOCK(reader->Lookup("/s")->inode.mode));
  if (may_make) {
    const auto null = reader->Lookup("/null");
    ASSERT_TRUE(null.ok());
    EXPECT_TRUE(S_ISCHR(null->inode.mode));
    EXPECT_EQ(null->device_major(), 1u);
    EXPECT_EQ(null->device_minor(), 3u);
  }
}

// What is there when the tree is read, and gone or other when it is built.
class ChangeTest : public ::testing::TestWithParam<int> {};

TEST_P(ChangeTest, IsNoticedAndTheFileLeftOut) {
  const std::string directory = MakeTempDirectory();
  const std::string file = directory + "/sub/file";
  ASSERT_EQ(mkdir((directory + "/sub").c_str(), 0755), 0);
  WriteHostFile(file, Text(10000, 1));
  WriteHostFile(directory + "/other", Text(10000, 2));
  BuildOptions options;
  options.lenient = options.squash_owner = true;
  BuildWarnings warnings;
  const auto root = ReadHostTree(directory, options, &warnings);
  ASSERT_TRUE(root.ok()) << root.status();
  switch (GetParam()) {
    case 0:
      ASSERT_EQ(truncate(file.c_str(), 100), 0);
      break;
    case 1:
      ASSERT_EQ(unlink(file.c_str()), 0);
      break;
    case 2:  // same size, other bytes, another time
    {
      WriteHostFile(file, Text(10000, 3));
      const timespec times[2] = {{1000, 0}, {1000, 0}};
      ASSERT_EQ(utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
      break;
    }
    case 3:  // a link in its place, to the very same bytes
      ASSERT_EQ(rename(file.c_str(), (directory + "/moved").c_str()), 0);
      ASSERT_EQ(symlink("../moved", file.c_str()), 0);
      break;
    case 4:  // a link in the place of its directory
      ASSERT_EQ(
          rename((directory + "/sub").c_str(), (directory + "/moved").c_str()),
          0);
      ASSERT_EQ(symlink("moved", (directory + "/sub").c_str()), 0);
      break;
    case 5:  // a fifo, which must not be waited for
      ASSERT_EQ(unlink(file.c_str()), 0);
      ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
      break;
  }
  const auto image = ImageBuilder(options).Build(*root, &warnings);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(warnings.skipped, 1u);
  ASSERT_EQ(warnings.messages.size(), 1u);
  EXPECT_TRUE(absl::StrContains(warnings.messages[0], "/sub/file: "))
      << warnings.messages[0];
  EXPECT_EQ(NamesIn(*image, "/"), "other sub ");
  EXPECT_EQ(NamesIn(*image, "/sub"), "");
  options.lenient = false;
  EXPECT_EQ(ImageBuilder(options).Build(*root).status().code(),
            absl::StatusCode::kAborted);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ChangeTest, ::testing::Range(0, 6));

TEST(HostTreeTest, SizesAreCutAfterALimitAndNotReadBeyond) {
  const std::string directory = MakeTempDirectory();
  WriteHostFile(directory + "/sparse", {});
  // 4 GiB and a byte: the low 32 bits of the size are 1.
  ASSERT_EQ(truncate((directory + "/sparse").c_str(), (off_t{1} << 32) + 1), 0);
  BuildOptions options;
  options.squash_owner = options.explicit_holes = true;
  EXPECT_EQ(BuildFromDirectory(directory, options).status().code(),
            absl::StatusCode::kOutOfRange);
  options.lenient = true;
  const auto image = BuildFromDirectory(directory, options);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->warnings.sizes_cut, 1u);
  EXPECT_EQ(image->blocks, 4096u);
  const auto reader = ImageReader::Open(image->bytes);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->Lookup("/sparse")->inode.size, kMaxFileSize);
}

TEST(HostTreeTest, TheImageItselfIsLeftOutByEveryName) {
  const std::string directory = MakeTempDirectory();
  const std::string image_path = directory + "/image";
  WriteHostFile(directory + "/file", Text(10, 1));
  BuildOptions options;
  options.left_out = image_path;
  const auto before = BuildFromDirectory(directory, options);
  ASSERT_TRUE(before.ok()) << before.status();
  WriteHostFile(image_path, before->bytes);
  ASSERT_EQ(link(image_path.c_str(), (directory + "/again").c_str()), 0);
  const auto after = BuildFromDirectory(directory, options);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_TRUE(after->bytes == before->bytes);
  EXPECT_EQ(before->warnings.left_out, 0u);
  EXPECT_EQ(after->warnings.left_out, 2u);
  EXPECT_EQ(after->warnings.total(), 0u);
}

TEST(HostTreeTest, DeepDirectoriesNeedNoDescriptorEach) {
  const std::string directory = MakeTempDirectory();
  std::string path = directory;
  for (int i = 0; i < 60; ++i) {
    path += "/d";
    ASSERT_EQ(mkdir(path.c_str(), 0755), 0);
    WriteHostFile(path + "/f", Text(100 + i, i));
  }
  BuildOptions options;
  options.squash_owner = true;
  const auto root = ReadHostTree(directory, options, nullptr);
  ASSERT_TRUE(root.ok()) << root.status();
  ExpectHolds(MustBuild(*root, options).bytes, *root);
}

}  // namespace
}  // namespace faultline::cramfs
