// SPDX-License-Identifier: GPL-2.0-only
//
// Directories, symbolic links and special files of a mounted image, and what
// stat, statfs, lseek and remount say, on memory and on a device.

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cramfs/testing/mounted_image.h"
#include "cramfs/tools/writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

using ::testing::ElementsAre;

constexpr uint32_t kFifo = 0010000, kCharacter = 0020000, kBlock = 0060000,
                   kLink = 0120000, kSocket = 0140000, kRegular = 0100000,
                   kDirectory = 0040000;
constexpr int kEnxio = 6, kEnodev = 19, kEnotdir = 20, kEisdir = 21,
              kEnametoolong = 36, kEloop = 40, kEbusy = 16;

Entry Links() {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("file", PageText(5000, 1), 0640));
  Entry& dir = root.Add(Entry::Directory("dir", 0700));
  dir.Add(Entry::File("inner", PageText(100, 2)));
  dir.Add(Entry::Symlink("up", "../file"));
  dir.Add(Entry::Symlink("absolute", "/dir/inner"));
  Entry& sub = dir.Add(Entry::Directory("sub"));
  sub.Add(Entry::Symlink("far", "../../dir/./sub/../inner"));
  sub.Add(Entry::Symlink("top", "../../../../file"));
  root.Add(Entry::Symlink("todir", "dir/"));
  root.Add(Entry::Symlink("tofile_slash", "file/"));
  root.Add(Entry::Symlink("nowhere", "dir/none"));
  root.Add(Entry::Symlink("self", "self"));
  root.Add(Entry::Symlink("ping", "pong"));
  root.Add(Entry::Symlink("pong", "ping"));
  root.Add(Entry::Symlink("chain0", "file"));
  for (int i = 1; i <= 40; ++i) {
    root.Add(
        Entry::Symlink(absl::StrCat("chain", i), absl::StrCat("chain", i - 1)));
  }
  root.Add(Entry::Symlink("root", "/"));
  root.Add(Entry::File("long", std::vector<uint8_t>(4500, 'x')));
  return root;
}

// "long" is a link too, of more than a page, which no tool would write.
std::vector<uint8_t> LinksImage() {
  std::vector<uint8_t> image = MustBuild(Links());
  const std::string name = "long";
  auto at = std::search(image.begin(), image.end(), name.begin(), name.end());
  EXPECT_NE(at, image.end());
  at[-12] = (kLink | 0777) & 0xff;
  at[-11] = (kLink | 0777) >> 8;
  return image;
}

// On memory, and on a device.
class DirectoryTest : public ::testing::TestWithParam<bool> {
 protected:
  void Mount(TestMachine& machine) {
    ASSERT_EQ(
        GetParam() ? machine.MountDevice("") : machine.MountVariant("mainline"),
        0);
  }
};

TEST_P(DirectoryTest, EveryEntryIsListedOnceWithItsTypeAndStatsInodeNumber) {
  Entry root = Entry::Directory("");
  std::vector<std::string> names = {"a",    "ab",       "abc",
                                    "abcd", "\xc3\xa9", std::string(252, 'n')};
  for (const std::string& name : names)
    root.Add(Entry::File(name, PageText(9, 1)));
  root.Add(Entry::Directory("dir"));
  root.Add(Entry::Symlink("link", "a"));
  root.Add(Entry::Device("null", kCharacter | 0666, 1, 3));
  names.insert(names.end(), {"dir", "link", "null"});
  std::sort(names.begin(), names.end());
  TestMachine machine("x86-64", true, MustBuild(root));
  Mount(machine);

  int64_t end = -1;
  const std::vector<fl_dirent> list = machine.List(machine.Open("/"), &end);
  EXPECT_EQ(end, 0);
  std::vector<std::string> found;
  std::set<uint64_t> numbers;
  for (const fl_dirent& entry : list) {
    EXPECT_EQ(strlen(entry.name), entry.name_len);
    found.push_back(entry.name);
    const fl_stat stat = machine.Stat(entry.name, /*follow=*/false);
    EXPECT_EQ(entry.ino, stat.ino) << entry.name;
    EXPECT_EQ(entry.type, stat.mode >> 12) << entry.name;
    numbers.insert(entry.ino);
  }
  EXPECT_EQ(found, names);
  EXPECT_EQ(numbers.size(), names.size());
}

TEST_P(DirectoryTest, ListingGoesOnWhereLseekSaysAndRefusesOddPlaces) {
  Entry root = Entry::Directory("");
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) {
    root.Add(Entry::File(name, {}));
  }
  TestMachine machine("arm", true, MustBuild(root));
  Mount(machine);
  const fl_kernel& kernel = machine.kernel();
  file* open = machine.Open("");
  const std::vector<fl_dirent> list = machine.List(open);
  ASSERT_EQ(list.size(), 7u);
  for (size_t i = 0; i < list.size(); ++i) {
    ASSERT_EQ(kernel.file_lseek(open, list[i].position, FL_SEEK_SET),
              static_cast<int64_t>(list[i].position));
    const std::vector<fl_dirent> rest = machine.List(open);
    ASSERT_EQ(rest.size(), list.size() - i - 1);
    if (!rest.empty()) {
      EXPECT_STREQ(rest[0].name, list[i + 1].name);
    }
  }
  for (int64_t odd : {1, 2, 3, 5}) {
    ASSERT_EQ(kernel.file_lseek(open, odd, FL_SEEK_SET), odd);
    int64_t result = 0;
    EXPECT_TRUE(machine.List(open, &result).empty());
    EXPECT_EQ(result, -kEinval);
  }
  // At the end and behind it there is nothing, odd or not.
  ASSERT_EQ(kernel.file_lseek(open, 7 * 16 + 1, FL_SEEK_SET), 7 * 16 + 1);
  int64_t result = -1;
  EXPECT_TRUE(machine.List(open, &result).empty());
  EXPECT_EQ(result, 0);
}

TEST_P(DirectoryTest, EntriesBeforeADamagedOneAreListed) {
  for (const bool no_length : {false, true}) {
    Entry root = Entry::Directory("");
    for (const char* name : {"a", "b", "c"}) root.Add(Entry::File(name, {}));
    std::vector<uint8_t> image = MustBuild(root);
    uint8_t* second = image.data() + kSuperblockSize + 16;
    if (no_length) {
      second[8] &= ~0x3f;
    } else {
      second[12] = 0;
    }
    TestMachine machine("x86-64", true, image);
    Mount(machine);
    int64_t result = 0;
    EXPECT_EQ(machine.List(machine.Open(""), &result).size(), 1u);
    EXPECT_EQ(result, -kEio);
    EXPECT_EQ(machine.StatError("a"), 0);
    // An entry whose name has another length is not looked at.
    EXPECT_EQ(machine.StatError("b"), -kEio);
  }
}

TEST_P(DirectoryTest, DirectoryIsNoFile) {
  TestMachine machine("x86-64", true, LinksImage());
  Mount(machine);
  const fl_kernel& kernel = machine.kernel();
  file* dir = machine.Open("dir");
  char byte;
  EXPECT_EQ(kernel.file_read(dir, &byte, 1, 0), -kEisdir);
  EXPECT_EQ(kernel.sys_mmap(0, kPage, FL_PROT_READ, FL_MAP_PRIVATE, dir, 0),
            -kEnodev);
  pipe_inode_info* pipe = kernel.pipe_create();
  uint64_t position = 0;
  EXPECT_EQ(kernel.file_splice_read(dir, &position, pipe, 1), -kEinval);
  kernel.pipe_release(pipe);
  fl_dirent entry;
  EXPECT_EQ(kernel.file_readdir(machine.Open("file"), &entry, 1), -kEnotdir);
}

TEST_P(DirectoryTest, LinksAreFollowedWhereverTheyStand) {
  TestMachine machine("x86-64", true, LinksImage());
  Mount(machine);
  const struct {
    const char *path, *same_as;
  } kCases[] = {
      {"dir/up", "file"},
      {"dir/absolute", "dir/inner"},
      {"dir/sub/far", "dir/inner"},
      {"dir/sub/top", "file"},
      {"todir", "dir"},
      {"todir/", "dir"},
      {"todir/inner", "dir/inner"},
      {"todir/up", "file"},
      {"todir/sub/../../file", "file"},
      {"root/dir/absolute", "dir/inner"},
      {"root", "/"},
      {"root/root/root/todir/sub/..", "dir"},
      {"chain39", "file"},
      {"..", "/"},
      {"dir/..", "/"},
      {"dir/../../../dir/sub/../up", "file"},
      {"./dir/./inner", "dir/inner"},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(machine.Stat(one.path).ino, machine.Stat(one.same_as).ino)
        << one.path;
  }
  EXPECT_EQ(machine.Read(machine.Open("dir/sub/top")), PageText(5000, 1));
}

TEST_P(DirectoryTest, PathsThatLeadNowhereSayWhy) {
  TestMachine machine("arm", true, LinksImage());
  Mount(machine);
  const struct {
    std::string path;
    int error;
  } kCases[] = {
      {"none", kEnoent},
      {"nowhere", kEnoent},
      {"dir/none/x", kEnoent},
      {"file/x", kEnotdir},
      {"file/", kEnotdir},
      {"file/.", kEnotdir},
      {"file/..", kEnotdir},
      {"dir/up/", kEnotdir},
      {"tofile_slash", kEnotdir},
      {"self", kEloop},
      {"self/x", kEloop},
      {"ping", kEloop},
      {"chain40", kEloop},
      {"long", kEnametoolong},
      {std::string(256, 'x'), kEnametoolong},
      {std::string(5000, '/'), kEnametoolong},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(machine.StatError(one.path), -one.error) << one.path;
    EXPECT_EQ(machine.OpenError(one.path), -one.error) << one.path;
  }
}

TEST_P(DirectoryTest, LastLinkIsLeftAloneWhenAskedTo) {
  TestMachine machine("x86-64", true, LinksImage());
  Mount(machine);
  const fl_kernel& kernel = machine.kernel();
  EXPECT_EQ(machine.Stat("self", false).mode, kLink | 0777);
  EXPECT_EQ(machine.Stat("self", false).size, 4);
  EXPECT_EQ(machine.Stat("todir", false).mode >> 12, kLink >> 12);
  EXPECT_EQ(machine.Stat("todir/", false).mode, kDirectory | 0700);
  EXPECT_EQ(machine.Stat("root/self", false).size, 4);

  char text[5000];
  EXPECT_EQ(kernel.readlink(machine.sb(), "dir/up", text, sizeof text), 7);
  EXPECT_EQ(std::string(text, 7), "../file");
  EXPECT_EQ(kernel.readlink(machine.sb(), "dir/up", text, 3), 3);
  EXPECT_EQ(kernel.readlink(machine.sb(), "dir/up", text, 0), -kEinval);
  EXPECT_EQ(kernel.readlink(machine.sb(), "file", text, 5), -kEinval);
  EXPECT_EQ(kernel.readlink(machine.sb(), "dir", text, 5), -kEinval);
  EXPECT_EQ(kernel.readlink(machine.sb(), "none", text, 5), -kEnoent);
  // A link's text is one page with its NUL.
  EXPECT_EQ(kernel.readlink(machine.sb(), "long", text, sizeof text), 4095);
}

TEST_P(DirectoryTest, LinkWhoseTextCannotBeReadIsEio) {
  std::vector<uint8_t> image = MustBuild(Links());
  const Placed placed = Place(image, "/nowhere");
  memset(image.data() + placed.blocks.at(0).offset, 0xee,
         placed.blocks.at(0).length);
  TestMachine machine("x86-64", true, image);
  Mount(machine);
  char text[10];
  EXPECT_EQ(machine.kernel().readlink(machine.sb(), "nowhere", text, 10),
            -kEio);
  EXPECT_EQ(machine.StatError("nowhere"), -kEio);
  EXPECT_EQ(machine.StatError("nowhere", false), 0);
}

TEST_P(DirectoryTest, EmptyLinkIsTheDirectoryItStandsIn) {
  Entry root = Entry::Directory("");
  root.Add(Entry::Directory("d")).Add(Entry::Symlink("e", "xxxx"));
  std::vector<uint8_t> image = MustBuild(root);
  // "d" is the only entry of the root; the link the only one of "d".
  uint8_t* link = image.data() + kSuperblockSize + 16;
  ASSERT_EQ(link[12], 'e');
  link[4] = 0;
  TestMachine machine("x86-64", true, image);
  Mount(machine);
  EXPECT_EQ(machine.Stat("d/e", false).size, 0);
  EXPECT_EQ(machine.Stat("d/e").ino, machine.Stat("d").ino);
  EXPECT_EQ(machine.StatError("d/e/e/e/x"), -kEnoent);
}

TEST_P(DirectoryTest, DirectoryThatHoldsItselfIsWalkedAsFarAsThePathGoes) {
  Entry root = Entry::Directory("");
  root.Add(Entry::Directory("d"))
      .Add(Entry::Directory("d"))
      .Add(Entry::File("f", PageText(3, 1)));
  std::vector<uint8_t> image = MustBuild(root);
  // The root's only entry, and the only one of "/d": the same bytes now.
  memcpy(image.data() + kSuperblockSize + 16, image.data() + kSuperblockSize,
         16);
  TestMachine machine("x86-64", true, image);
  Mount(machine);
  std::string path;
  for (int i = 0; i < 2000; ++i) path += "d/";
  EXPECT_EQ(machine.StatError(path), 0);
  EXPECT_EQ(machine.StatError(path + "x"), -kEnoent);
  std::string up = path.substr(0, 1000);
  for (int i = 0; i < 600; ++i) up += "../";
  EXPECT_EQ(machine.Stat(up).ino, machine.Stat("/").ino);
}

TEST_P(DirectoryTest, SpecialFilesHaveNumbersAndNoData) {
  Entry root = Entry::Directory("");
  root.Add(Entry::Device("c", kCharacter | 0600, 4, 64));
  root.Add(Entry::Device("b", kBlock | 0660, 8, 255));
  root.Add(Entry::Device("p", kFifo | 0644, 0, 0));
  root.Add(Entry::Device("s", kSocket | 0755, 0, 0));
  TestMachine machine("x86-64", true, MustBuild(root));
  Mount(machine);
  EXPECT_EQ(machine.Stat("c").rdev, 4u << 8 | 64);
  EXPECT_EQ(machine.Stat("c").mode, kCharacter | 0600);
  EXPECT_EQ(machine.Stat("b").rdev, 8u << 8 | 255);
  EXPECT_EQ(machine.Stat("p").mode, kFifo | 0644);
  for (const char* name : {"c", "b", "p", "s"}) {
    EXPECT_EQ(machine.Stat(name).size, 0);
    EXPECT_EQ(machine.Stat(name).blocks, 0u);
    EXPECT_EQ(machine.OpenError(name), -kEnxio);
  }
}

TEST_P(DirectoryTest, StatTellsModeOwnerSizeAndBlocks) {
  Entry root = Entry::Directory("");
  Entry file = Entry::File("f", PageText(5000, 1), 04751);
  file.uid = 65535;
  file.gid = 200;
  root.Add(std::move(file));
  root.Add(Entry::File("empty", {}));
  TestMachine machine("arm", true, MustBuild(root));
  Mount(machine);
  const fl_stat stat = machine.Stat("f");
  EXPECT_EQ(stat.mode, kRegular | 04751);
  EXPECT_EQ(stat.uid, 65535u);
  EXPECT_EQ(stat.gid, 200u);
  EXPECT_EQ(stat.size, 5000);
  EXPECT_EQ(stat.blocks, 10u);
  EXPECT_EQ(stat.nlink, 1u);
  EXPECT_EQ(stat.blksize, 4096u);
  fl_stat open = {};
  machine.kernel().file_stat(machine.Open("f"), &open);
  EXPECT_EQ(open.ino, stat.ino);
  EXPECT_EQ(machine.Stat("empty").size, 0);
  EXPECT_EQ(machine.Stat("empty").blocks, 0u);
}

TEST_P(DirectoryTest, StatfsTellsWhatTheSuperblockSays) {
  const Image image = *ImageBuilder(BuildOptions()).Build(Links());
  for (const bool old : {false, true}) {
    std::vector<uint8_t> bytes = image.bytes;
    if (old) bytes[8] &= ~CRAMFS_FLAG_FSID_VERSION_2;
    TestMachine machine("x86-64", true, bytes);
    Mount(machine);
    fl_statfs statfs = {};
    ASSERT_EQ(machine.kernel().statfs(machine.sb(), &statfs), 0);
    EXPECT_EQ(statfs.type, CRAMFS_MAGIC);
    EXPECT_EQ(statfs.bsize, 4096u);
    EXPECT_EQ(statfs.blocks, old ? 0 : image.blocks);
    EXPECT_EQ(statfs.files, old ? 0 : image.files);
    EXPECT_EQ(statfs.bfree + statfs.bavail + statfs.ffree, 0u);
    EXPECT_EQ(statfs.namelen, 252u);
  }
}

TEST_P(DirectoryTest, RemountStaysReadOnly) {
  TestMachine machine("x86-64", true, LinksImage());
  Mount(machine);
  uint32_t flags = 0;
  EXPECT_EQ(machine.kernel().remount(machine.sb(), &flags), 0);
  EXPECT_EQ(flags, uint32_t{FL_MS_RDONLY});
  EXPECT_EQ(machine.kernel().sys_mmap(0, kPage, FL_PROT_READ | FL_PROT_WRITE,
                                      FL_MAP_SHARED, machine.Open("file"), 0),
            -13);
}

TEST_P(DirectoryTest, LseekAllowsWhatTheFileSystemAllows) {
  TestMachine machine("x86-64", true, LinksImage());
  Mount(machine);
  const fl_kernel& kernel = machine.kernel();
  file* file = machine.Open("file");
  const auto seek = [&](int64_t offset, int32_t whence) {
    return kernel.file_lseek(file, offset, whence);
  };
  EXPECT_EQ(seek(100, FL_SEEK_SET), 100);
  EXPECT_EQ(seek(-30, FL_SEEK_CUR), 70);
  EXPECT_EQ(seek(-71, FL_SEEK_CUR), -kEinval);
  EXPECT_EQ(seek(0, FL_SEEK_CUR), 70);
  EXPECT_EQ(seek(-1, FL_SEEK_END), 4999);
  EXPECT_EQ(seek(10, FL_SEEK_END), 5010);
  EXPECT_EQ(seek(0x7fffffff, FL_SEEK_SET), 0x7fffffff);
  EXPECT_EQ(seek(1, FL_SEEK_CUR), -kEinval);
  EXPECT_EQ(seek(int64_t{1} << 31, FL_SEEK_SET), -kEinval);
  EXPECT_EQ(seek(INT64_MAX, FL_SEEK_CUR), -kEinval);
  EXPECT_EQ(seek(INT64_MAX, FL_SEEK_END), -kEinval);
  EXPECT_EQ(seek(INT64_MIN, FL_SEEK_END), -kEinval);
  EXPECT_EQ(seek(4999, FL_SEEK_DATA), 4999);
  EXPECT_EQ(seek(5000, FL_SEEK_DATA), -kEnxio);
  EXPECT_EQ(seek(-1, FL_SEEK_DATA), -kEnxio);
  EXPECT_EQ(seek(3, FL_SEEK_HOLE), 5000);
  EXPECT_EQ(seek(5000, FL_SEEK_HOLE), -kEnxio);
  EXPECT_EQ(seek(0, 5), -kEinval);
  EXPECT_EQ(seek(0, -1), -kEinval);
}

TEST_P(DirectoryTest, ReadsStartAndEndAnywhere) {
  const std::vector<uint8_t> data = PageText(3 * kPage + 7, 5);
  Entry root = Entry::Directory("");
  root.Add(Entry::File("f", data));
  TestMachine machine("x86-64", true, MustBuild(root));
  Mount(machine);
  file* file = machine.Open("f");
  for (const uint64_t start :
       {uint64_t{0}, kPage - 1, kPage, 2 * kPage + 5, data.size() - 1,
        data.size(), data.size() + 1, uint64_t{1} << 40}) {
    for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, kPage, 4 * kPage}) {
      std::vector<uint8_t> to(bytes + 1, 0xaa);
      const uint64_t expected =
          std::min(bytes, data.size() - std::min<uint64_t>(start, data.size()));
      ASSERT_EQ(machine.kernel().file_read(file, to.data(), bytes, start),
                static_cast<int64_t>(expected));
      EXPECT_EQ(to[expected], 0xaa);
      if (expected != 0) {
        EXPECT_EQ(memcmp(to.data(), data.data() + start, expected), 0);
      }
    }
  }
}

TEST_P(DirectoryTest, PipeOfSixteenPagesFillsAndOutlivesTheFileSystem) {
  const std::vector<uint8_t> data = PageText(20 * kPage, 5);
  Entry root = Entry::Directory("");
  root.Add(Entry::File("f", data));
  TestMachine machine("x86-64", true, MustBuild(root));
  Mount(machine);
  const fl_kernel& kernel = machine.kernel();
  file* file = machine.Open("f");
  pipe_inode_info* pipe = kernel.pipe_create();
  uint64_t position = 100;
  EXPECT_EQ(kernel.file_splice_read(file, &position, pipe, 30 * kPage),
            static_cast<int64_t>(16 * kPage - 100));
  EXPECT_EQ(position, 16 * kPage);
  EXPECT_EQ(kernel.file_splice_read(file, &position, pipe, 1), -11);
  EXPECT_EQ(kernel.umount(machine.sb()), -kEbusy);
  ASSERT_EQ(machine.Umount(), 0);
  std::vector<uint8_t> out(16 * kPage);
  EXPECT_EQ(kernel.pipe_read(pipe, out.data(), 150), 150);
  EXPECT_EQ(kernel.pipe_read(pipe, out.data() + 150, out.size()),
            static_cast<int64_t>(16 * kPage - 250));
  EXPECT_EQ(memcmp(out.data(), data.data() + 100, 16 * kPage - 100), 0);
  EXPECT_EQ(kernel.pipe_read(pipe, out.data(), 1), 0);
  kernel.pipe_release(pipe);
}

INSTANTIATE_TEST_SUITE_P(On, DirectoryTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "Device" : "Memory";
                         });

}  // namespace
}  // namespace faultline::cramfs
