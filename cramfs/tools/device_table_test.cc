// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/device_table.h"

#include <sys/stat.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cramfs/tools/file_list.h"
#include "cramfs/tools/test_util.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

Entry Tree() {
  Entry root = Entry::Directory("");
  Entry& dev = root.Add(Entry::Directory("dev"));
  dev.Add(Entry::Device("null", S_IFCHR | 0600, 9, 9));
  Entry& bin = root.Add(Entry::Directory("bin"));
  bin.Add(Entry::File("su", Text(10, 1), 0644)).uid = 1000;
  bin.Add(Entry::Symlink("sh", "su"));
  return root;
}

const Entry* Find(const Entry& root, const std::string& directory,
                  const std::string& name) {
  for (const Entry& entry : root.children) {
    if (entry.name != directory) continue;
    for (const Entry& child : entry.children) {
      if (child.name == name) return &child;
    }
  }
  return nullptr;
}

TEST(DeviceTableTest, MakesAndChangesNodes) {
  Entry root = Tree();
  const absl::Status status = ApplyDeviceTable(
      "# comment\n"
      "\n"
      "  / d 711 5 6 - - - - -\n"
      "/dev/null\tc 666 0 0 1 3 0 0 -   # what it should be\n"
      "/dev/hda  b 640 0 6 3 0 0 0 -\n"
      "/dev/hda  b 640 0 6 3 1 1 2 3\r\n"
      "/dev/tty  c 666 1 2 4 0 0 1 2\n"
      "/dev/pts  d 755 0 0 - - - - -\n"
      "/dev/pts/ptmx c 666 0 0 5 2\n"
      "/dev/fifo p\n"
      "//bin//su f 4755 0 0 - - - - -",
      "table", &root);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(root.mode, S_IFDIR | 0711u);
  EXPECT_EQ(root.uid, 5u);
  EXPECT_EQ(root.gid, 6u);
  const Entry* null = Find(root, "dev", "null");
  EXPECT_EQ(null->mode, S_IFCHR | 0666u);
  EXPECT_EQ(null->device_major, 1u);
  EXPECT_EQ(null->device_minor, 3u);
  EXPECT_EQ(Find(root, "dev", "hda")->device_minor, 0u);
  EXPECT_EQ(Find(root, "dev", "hda0"), nullptr);
  for (uint32_t i = 1; i <= 3; ++i) {
    const Entry* part = Find(root, "dev", absl::StrCat("hda", i));
    ASSERT_NE(part, nullptr) << i;
    EXPECT_EQ(part->mode, S_IFBLK | 0640u);
    EXPECT_EQ(part->gid, 6u);
    EXPECT_EQ(part->device_major, 3u);
    EXPECT_EQ(part->device_minor, 1 + (i - 1) * 2);
  }
  EXPECT_EQ(Find(root, "dev", "hda4"), nullptr);
  EXPECT_EQ(Find(root, "dev", "tty0")->device_minor, 0u);
  EXPECT_EQ(Find(root, "dev", "tty1")->device_minor, 1u);
  ASSERT_EQ(Find(root, "dev", "pts")->children.size(), 1u);
  EXPECT_EQ(Find(root, "dev", "pts")->children[0].device_minor, 2u);
  EXPECT_EQ(Find(root, "dev", "fifo")->mode, S_IFIFO | 0755u);
  EXPECT_EQ(Find(root, "bin", "su")->mode, S_IFREG | 04755u);
  EXPECT_EQ(Find(root, "bin", "su")->uid, 0u);
  ExpectHolds(MustBuild(root).bytes, root);
}

TEST(DeviceTableTest, NamesFileAndLineOfTheFirstMistake) {
  const struct {
    const char* line;
    const char* what;
  } cases[] = {
      {"dev/x c 600 0 0 1 1", "expected a path from the root, found 'dev/x'"},
      {"/dev/x", "expected a type after the path"},
      {"/dev/x l 777", "expected a type (f, d, c, b or p), found 'l'"},
      {"/dev/x cc 777", "found 'cc'"},
      {"/dev/x c 8", "expected mode as an octal number, found '8'"},
      {"/dev/x c 20644", "expected a mode up to 7777, found '20644'"},
      {"/dev/x c 644 root", "expected uid as a number, found 'root'"},
      {"/dev/x c 644 0 -1", "expected gid as a number, found '-1'"},
      {"/dev/x c 644 0 0 0x1", "expected major as a number"},
      {"/dev/x c 644 0 0 1 4294967296", "expected minor as a number"},
      {"/dev/x c 644 0 0 1 1 0 1 1 1", "expected at most 10 fields"},
      {"/dev/x d 755 0 0 0 0 0 1 2", "only devices come in ranges"},
      {"/dev/x c 644 0 0 1 1 0 1 65537", "a range of 65537, at most 65536"},
      {"/dev/x c 644 0 0 1 1 0 4294967295 2", "minor number of the range"},
      {"/none/x c 644", "/none/x: there is no directory /none"},
      {"/bin/none f 644", "/bin/none: there is no such file"},
      {"/bin/su d 755", "/bin/su is a regular file, not a directory"},
      {"/bin/sh f 755", "/bin/sh is a symbolic link, not a regular file"},
      {"/bin/su/x c 644", "/bin/su is a regular file, not a directory"},
      {"/dev/../bin/su f 644", "'..' in a path"},
      {"/ f 644", "/ is a directory, not a regular file"},
  };
  for (const auto& test : cases) {
    Entry root = Tree();
    const absl::Status status = ApplyDeviceTable(
        absl::StrCat("# one\n/dev/ok p\n", test.line, "\n/dev/late p\n"),
        "my.table", &root);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << test.line;
    EXPECT_TRUE(absl::StartsWith(status.message(), "my.table:3: ")) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), test.what)) << status;
    EXPECT_NE(Find(root, "dev", "ok"), nullptr);
    EXPECT_EQ(Find(root, "dev", "late"), nullptr);
  }
}

TEST(FileListTest, FindsFilesAndNamesTheLineOfWhatIsNone) {
  const Entry root = Tree();
  const auto paths = ParseFileList("bin/su\n\n./bin//su\n/bin/su", "l", root);
  ASSERT_TRUE(paths.ok()) << paths.status();
  EXPECT_EQ(*paths, std::vector<std::string>(3, "/bin/su"));
  for (const char* wrong : {"bin", "bin/sh", "bin/none", "../bin/su", "/"}) {
    const auto status =
        ParseFileList(absl::StrCat("bin/su\n", wrong, "\n"), "list", root)
            .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << wrong;
    EXPECT_TRUE(
        absl::StartsWith(status.message(), absl::StrCat("list:2: ", wrong)))
        << status;
  }
}

}  // namespace
}  // namespace faultline::cramfs
