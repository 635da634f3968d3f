// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/extract.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cramfs/tools/test_util.h"
#include "cramfs/tools/writer.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

constexpr uint32_t kPage = kBlockSize;

// A fresh directory with an "out" not made yet, and files beside it that must
// stay as they are.
class ExtractTest : public ::testing::Test {
 protected:
  void SetUp() override {
    parent_ = MakeTempDirectory();
    ASSERT_EQ(chmod(parent_.c_str(), 0777), 0);
    out_ = parent_ + "/out";
    WriteHostFile(parent_ + "/victim", Text(10, 1));
    ASSERT_EQ(mkdir((parent_ + "/outside").c_str(), 0755), 0);
  }
  void TearDown() override {
    EXPECT_EQ(Names(parent_ + "/outside"), std::vector<std::string>());
    EXPECT_EQ(ReadHostFile(parent_ + "/victim"), Text(10, 1));
    for (const std::string& name : Names(parent_)) {
      EXPECT_TRUE(name == "out" || name == "victim" || name == "outside" ||
                  name == "moved")
          << name;
    }
    RunShell(absl::StrCat("rm -rf ", parent_));
  }

  static std::vector<std::string> Names(const std::string& path) {
    std::vector<std::string> names;
    DIR* directory = opendir(path.c_str());
    if (directory == nullptr) return {"cannot open " + path};
    while (const dirent* entry = readdir(directory)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    closedir(directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  static struct stat Stat(const std::string& path) {
    struct stat status = {};
    EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
    return status;
  }

  ExtractReport ExtractAll(const std::vector<uint8_t>& image,
                           const ExtractOptions& options = {}) {
    const auto reader = ImageReader::Open(image);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return Extract(*reader, out_, options);
  }

  std::string parent_, out_;
};

// Owned by who runs the test, so that nothing has to be skipped.
Entry Own(Entry entry) {
  entry.uid = geteuid();
  entry.gid = getegid();
  return entry;
}

Entry OwnDirectory(const std::string& name, uint32_t mode) {
  Entry entry = Own(Entry::Directory(name));
  entry.mode = S_IFDIR | mode;
  return entry;
}

bool Owns(const Entry& entry) {
  // A gid of the format has 8 bits only.
  return entry.gid == getegid() && entry.gid <= 0xff && entry.uid <= 0xffff;
}

void Rename(std::vector<uint8_t>* image, const std::string& path,
            const std::string& name) {
  const Node node = ImageReader::Open(*image)->Lookup(path).value();
  ASSERT_LE(name.size(), node.inode.name_length);
  for (uint32_t i = 0; i < node.inode.name_length; ++i) {
    (*image)[node.inode_position + kInodeSize + i] =
        i < name.size() ? static_cast<uint8_t>(name[i]) : 0;
  }
  FixCrc(image);
}

void BreakData(std::vector<uint8_t>* image, const std::string& path) {
  const auto reader = ImageReader::Open(*image);
  const Node node = reader->Lookup(path).value();
  const auto blocks = reader->BlockMap(node).value();
  (*image)[blocks[0].offset] ^= 0xff;
  FixCrc(image);
}

TEST_F(ExtractTest, EveryTypeComesBackAsItWas) {
  Entry root = OwnDirectory("", 0755);
  Entry& closed = root.Add(OwnDirectory("closed", 0555));
  Entry& file = closed.Add(Own(Entry::File("file", Text(3 * kPage + 5, 1))));
  file.mode = S_IFREG | 0444;
  std::vector<uint8_t> holes(5 * kPage);
  holes[3 * kPage + 7] = 1;
  root.Add(Own(Entry::File("holes", holes)));
  root.Add(Own(Entry::File("empty", {})));
  root.Add(Own(Entry::Symlink("link", "../outside/x")));
  root.Add(Own(Entry::Device("pipe", S_IFIFO | 0620, 0, 0)));
  root.Add(Own(Entry::Device("socket", S_IFSOCK | 0604, 0, 0)));
  const mode_t mask = umask(077);
  const ExtractReport report = ExtractAll(MustBuild(root).bytes);
  umask(mask);
  ASSERT_TRUE(report.ok()) << report.errors.front();
  if (!Owns(root)) GTEST_SKIP() << "the format cannot hold this user's ids";
  EXPECT_EQ(report.skipped, std::vector<std::string>());
  EXPECT_EQ(report.files, 3u);
  EXPECT_EQ(report.directories, 1u);
  EXPECT_EQ(report.links, 1u);
  EXPECT_EQ(report.specials, 2u);
  EXPECT_EQ(report.bytes, 8 * kPage + 5);
  EXPECT_EQ(Stat(out_).st_mode, S_IFDIR | 0755u);
  EXPECT_EQ(Stat(out_ + "/closed").st_mode, S_IFDIR | 0555u);
  EXPECT_EQ(Stat(out_ + "/closed/file").st_mode, S_IFREG | 0444u);
  EXPECT_EQ(Stat(out_ + "/pipe").st_mode, S_IFIFO | 0620u);
  EXPECT_EQ(Stat(out_ + "/socket").st_mode, S_IFSOCK | 0604u);
  EXPECT_EQ(ReadHostFile(out_ + "/closed/file"), Text(3 * kPage + 5, 1));
  EXPECT_EQ(ReadHostFile(out_ + "/holes"), holes);
  EXPECT_EQ(Stat(out_ + "/empty").st_size, 0);
  char target[64] = {};
  EXPECT_EQ(readlink((out_ + "/link").c_str(), target, sizeof target), 12);
  EXPECT_STREQ(target, "../outside/x");
  for (const char* path :
       {"", "/closed", "/closed/file", "/link", "/pipe", "/socket"}) {
    EXPECT_EQ(Stat(out_ + path).st_mtime, 0) << path;
  }
}

TEST_F(ExtractTest, HolesTakeNoSpace) {
  Entry root = OwnDirectory("", 0755);
  std::vector<uint8_t> data(1 << 20);
  data[0] = 1;
  root.Add(Own(Entry::File("f", data)));
  BuildOptions options;
  options.explicit_holes = true;
  const Image image = MustBuild(root, options);
  ASSERT_EQ(LayoutOf(image.bytes, "/f")[1], '-');
  ASSERT_TRUE(ExtractAll(image.bytes).ok());
  EXPECT_EQ(Stat(out_ + "/f").st_size, 1 << 20);
  EXPECT_LT(Stat(out_ + "/f").st_blocks, 64);
}

TEST_F(ExtractTest, RootGetsOwnersModesAndDevices) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Entry root = Entry::Directory("");
  Entry& directory = root.Add(Entry::Directory("d"));
  directory.mode = S_IFDIR | 02711;
  directory.uid = 11;
  directory.gid = 12;
  Entry& file = directory.Add(Entry::File("suid", Text(10, 1)));
  file.mode = S_IFREG | 06755;
  file.uid = 1;
  file.gid = 2;
  Entry& link = root.Add(Entry::Symlink("l", "d"));
  link.uid = 3;
  Entry& device = root.Add(Entry::Device("null", S_IFCHR | 0666, 1, 3));
  device.gid = 5;
  const ExtractReport report = ExtractAll(MustBuild(root).bytes);
  ASSERT_TRUE(report.ok()) << report.errors.front();
  if (report.owners_skipped > 0) GTEST_SKIP() << "this root may not chown";
  EXPECT_EQ(report.set_id_bits_skipped, 0u);
  EXPECT_EQ(Stat(out_ + "/d").st_mode, S_IFDIR | 02711u);
  EXPECT_EQ(Stat(out_ + "/d").st_gid, 12u);
  EXPECT_EQ(Stat(out_ + "/d/suid").st_mode, S_IFREG | 06755u);
  EXPECT_EQ(Stat(out_ + "/d/suid").st_uid, 1u);
  EXPECT_EQ(Stat(out_ + "/d/suid").st_gid, 2u);
  EXPECT_EQ(Stat(out_ + "/l").st_uid, 3u);
  if (report.devices_skipped == 0) {
    EXPECT_EQ(Stat(out_ + "/null").st_mode, S_IFCHR | 0666u);
    EXPECT_EQ(Stat(out_ + "/null").st_rdev, makedev(1, 3));
    EXPECT_EQ(Stat(out_ + "/null").st_gid, 5u);
  } else {
    EXPECT_EQ(report.skipped,
              std::vector<std::string>({"/null: device not made"}));
  }
}

// Runs `body` as nobody; whether that was possible.
bool AsNobody(const std::function<void()>& body) {
  if (geteuid() != 0) {
    body();
    return true;
  }
  const pid_t child = fork();
  if (child == 0) {
    if (setegid(65534) != 0 || seteuid(65534) != 0) _exit(77);
    body();
    _exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return false;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  return true;
}

TEST_F(ExtractTest, WithoutRootSkipsWhatNeedsItAndSaysSo) {
  Entry root = Entry::Directory("");
  Entry& file = root.Add(Entry::File("suid", Text(10, 1)));
  file.mode = S_IFREG | 06755;
  file.uid = 1;
  file.gid = 2;
  root.Add(Entry::Device("null", S_IFCHR | 0666, 1, 3));
  root.Add(Entry::Device("pipe", S_IFIFO | 0600, 0, 0)).uid = 1;
  const std::vector<uint8_t> image = MustBuild(root).bytes;
  const bool ran = AsNobody([&] {
    const ExtractReport report = ExtractAll(image);
    ASSERT_TRUE(report.ok()) << report.errors.front();
    EXPECT_EQ(report.devices_skipped, 1u);
    EXPECT_EQ(report.owners_skipped, 3u);
    EXPECT_EQ(report.set_id_bits_skipped, 1u);
    ASSERT_EQ(report.skipped.size(), 5u);
    EXPECT_EQ(report.skipped[0], "/null: device not made");
    EXPECT_EQ(report.skipped[2], "/suid: owner 1:2 not set");
    EXPECT_TRUE(absl::StrContains(report.skipped[3], "/suid: set-user"));
    EXPECT_EQ(Stat(out_ + "/suid").st_mode, S_IFREG | 0755u);
    EXPECT_EQ(Stat(out_ + "/suid").st_uid, geteuid());
    EXPECT_EQ(Stat(out_ + "/pipe").st_mode, S_IFIFO | 0600u);
    EXPECT_EQ(Names(out_), std::vector<std::string>({"pipe", "suid"}));
  });
  if (!ran) GTEST_SKIP() << "cannot become nobody here";
}

TEST_F(ExtractTest, NamesCannotLeaveTheDirectory) {
  for (const char* name : {"..", ".", "../x", "/x", "a/b", ""}) {
    SCOPED_TRACE(name);
    Entry root = OwnDirectory("", 0755);
    root.Add(OwnDirectory("dddd", 0755))
        .Add(Own(Entry::File("passwd", Text(10, 2))));
    root.Add(Own(Entry::File("good", Text(10, 3))));
    std::vector<uint8_t> image = MustBuild(root).bytes;
    Rename(&image, "/dddd", name);
    ExtractReport report = ExtractAll(image);
    EXPECT_EQ(report.image_errors, 1u);
    EXPECT_NE(access(out_.c_str(), F_OK), 0) << "written before the error";
    ExtractOptions options;
    options.go_on = true;
    report = ExtractAll(image, options);
    EXPECT_EQ(report.image_errors, 1u);
    EXPECT_EQ(report.errors.front().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Names(out_), std::vector<std::string>({"good"}));
    RunShell(absl::StrCat("rm -rf ", out_));
  }
}

TEST_F(ExtractTest, SecondEntryOfOneNameIsNoWayOut) {
  // A link first, then a directory of its name with a file in it; and the
  // other way round.
  for (const bool link_first : {true, false}) {
    Entry root = OwnDirectory("", 0755);
    root.Add(Own(Entry::Symlink(link_first ? "xa" : "xb", "../outside")));
    root.Add(OwnDirectory(link_first ? "xb" : "xa", 0755))
        .Add(Own(Entry::File("f", Text(10, 2))));
    std::vector<uint8_t> image = MustBuild(root).bytes;
    Rename(&image, "/xb", "xa");
    ExtractOptions options;
    options.go_on = true;
    const ExtractReport report = ExtractAll(image, options);
    EXPECT_EQ(report.image_errors, 1u);
    EXPECT_EQ(report.host_errors, 0u);
    EXPECT_TRUE(absl::StrContains(report.errors[0].message(), "given twice"));
    EXPECT_EQ(Names(out_), std::vector<std::string>({"xa"}));
    EXPECT_EQ(S_ISLNK(Stat(out_ + "/xa").st_mode), link_first);
    RunShell(absl::StrCat("rm -rf ", out_));
  }
}

TEST_F(ExtractTest, FollowsNoLinkPlantedMeanwhile) {
  Entry root = OwnDirectory("", 0755);
  Entry& a = root.Add(OwnDirectory("a", 0755));
  a.Add(Own(Entry::File("f", Text(10, 2))));
  a.Add(OwnDirectory("g", 0755)).Add(Own(Entry::File("h", Text(10, 3))));
  root.Add(Own(Entry::File("z", Text(10, 4))));
  // Somebody puts a link where the directory was just made, and another where
  // a file, a directory or a link is to come.
  ExtractOptions options;
  options.go_on = true;
  options.visit = [this](const Node& node) {
    if (node.path == "/a/f") {
      ASSERT_EQ(rename((out_ + "/a").c_str(), (out_ + "/moved").c_str()), 0);
      ASSERT_EQ(symlink("../outside", (out_ + "/a").c_str()), 0);
    }
    if (node.path == "/z") {
      ASSERT_EQ(symlink("../victim", (out_ + "/z").c_str()), 0);
    }
  };
  const ExtractReport report = ExtractAll(MustBuild(root).bytes, options);
  EXPECT_EQ(report.image_errors, 0u);
  EXPECT_EQ(report.host_errors, 1u);
  EXPECT_EQ(report.errors[0].message(),
            absl::StrCat(out_, "/z: cannot make the file: File exists"));
  // What came after went to the directory that was made.
  EXPECT_EQ(ReadHostFile(out_ + "/moved/f"), Text(10, 2));
  EXPECT_EQ(ReadHostFile(out_ + "/moved/g/h"), Text(10, 3));
}

TEST_F(ExtractTest, GoesBackOnlyToTheDirectoryItCameFrom) {
  Entry root = OwnDirectory("", 0755);
  root.Add(OwnDirectory("a", 0755)).Add(Own(Entry::File("f", Text(10, 2))));
  root.Add(Own(Entry::File("z", Text(10, 4))));
  ExtractOptions options;
  options.go_on = true;
  options.visit = [this](const Node& node) {
    if (node.path != "/a/f") return;
    ASSERT_EQ(rename((out_ + "/a").c_str(), (parent_ + "/moved").c_str()), 0);
  };
  const ExtractReport report = ExtractAll(MustBuild(root).bytes, options);
  ASSERT_EQ(report.host_errors, 1u);
  EXPECT_TRUE(absl::StrContains(report.errors[0].message(), "moved"));
  EXPECT_EQ(Names(out_), std::vector<std::string>());
  EXPECT_EQ(Names(parent_),
            std::vector<std::string>({"moved", "out", "outside", "victim"}));
}

TEST_F(ExtractTest, TargetMustBeNewOrEmpty) {
  Entry root = OwnDirectory("", 0755);
  root.Add(Own(Entry::File("f", Text(10, 2))));
  const std::vector<uint8_t> image = MustBuild(root).bytes;
  ASSERT_EQ(mkdir(out_.c_str(), 0700), 0);
  ASSERT_TRUE(ExtractAll(image).ok());
  ExtractReport report = ExtractAll(image);
  ASSERT_EQ(report.host_errors, 1u);
  EXPECT_EQ(
      report.errors[0].message(),
      absl::StrCat(out_, ": cannot extract here: directory is not empty"));
  EXPECT_EQ(report.files, 0u);
  report = Extract(*ImageReader::Open(image), parent_ + "/victim");
  EXPECT_EQ(report.host_errors, 1u);
  report = Extract(*ImageReader::Open(image), parent_ + "/none/out");
  EXPECT_EQ(report.host_errors, 1u);
}

TEST_F(ExtractTest, DamagedFileNeverAppears) {
  Entry root = OwnDirectory("", 0755);
  root.Add(Own(Entry::File("a", Text(10, 2))));
  root.Add(Own(Entry::File("b", Noise(5000, 3))));
  root.Add(Own(Entry::File("c", Text(10, 4))));
  std::vector<uint8_t> image = MustBuild(root).bytes;
  BreakData(&image, "/b");
  ExtractReport report = ExtractAll(image);
  EXPECT_EQ(report.image_errors, 1u);
  EXPECT_TRUE(absl::StartsWith(report.errors[0].message(), "/b: "));
  EXPECT_EQ(Names(out_), std::vector<std::string>({"a"}));
  RunShell(absl::StrCat("rm -rf ", out_));
  ExtractOptions options;
  options.go_on = true;
  report = ExtractAll(image, options);
  EXPECT_EQ(report.image_errors, 1u);
  EXPECT_EQ(report.files, 2u);
  EXPECT_EQ(Names(out_), std::vector<std::string>({"a", "c"}));
}

TEST_F(ExtractTest, OnlyWhatIsAskedFor) {
  Entry root = OwnDirectory("", 0755);
  Entry& usr = root.Add(OwnDirectory("usr", 0711));
  usr.Add(OwnDirectory("bin", 0755)).Add(Own(Entry::File("a", Text(9, 1))));
  usr.Add(OwnDirectory("bing", 0755));
  usr.Add(Own(Entry::File("bi", Text(9, 2))));
  root.Add(Own(Entry::File("z", Noise(5000, 3))));
  std::vector<uint8_t> image = MustBuild(root).bytes;
  BreakData(&image, "/z");
  ExtractOptions options;
  options.paths = {"usr//bin/"};
  ASSERT_TRUE(ExtractAll(image, options).ok());
  EXPECT_EQ(Names(out_), std::vector<std::string>({"usr"}));
  EXPECT_EQ(Names(out_ + "/usr"), std::vector<std::string>({"bin"}));
  EXPECT_EQ(Names(out_ + "/usr/bin"), std::vector<std::string>({"a"}));
  EXPECT_EQ(Stat(out_ + "/usr").st_mode, S_IFDIR | 0711u);
  RunShell(absl::StrCat("rm -rf ", out_));
  options.paths = {"/usr/bin/a", "/nothing"};
  const ExtractReport report = ExtractAll(image, options);
  ASSERT_EQ(report.image_errors, 1u);
  EXPECT_EQ(report.errors[0].message(), "/nothing: no such file");
  EXPECT_NE(access(out_.c_str(), F_OK), 0);
}

// An image of `levels` directories in one another, made by hand: deeper than
// the writer goes.
std::vector<uint8_t> DeepImage(uint32_t levels) {
  const Codec codec(ByteOrder::kLittle);
  Entry root = OwnDirectory("", 0755);
  std::vector<uint8_t> image = MustBuild(root).bytes;
  image.resize(kSuperblockSize + levels * (kInodeSize + 4));
  Inode inode;
  inode.mode = S_IFDIR | 0755;
  inode.uid = geteuid();
  inode.gid = getegid() & 0xff;
  for (uint32_t i = 0; i <= levels; ++i) {
    const uint32_t at = i == 0 ? kSuperblockSize - kInodeSize
                               : kSuperblockSize + (i - 1) * (kInodeSize + 4);
    inode.name_length = i == 0 ? 0 : 4;
    inode.size = i == levels ? 0 : kInodeSize + 4;
    inode.offset = i == levels ? 0 : kSuperblockSize + i * (kInodeSize + 4);
    codec.PutInode(&image[at], inode);
    if (i > 0) image[at + kInodeSize] = 'd';
  }
  codec.Put32(&image[offsetof(cramfs_super, size)],
              static_cast<uint32_t>(image.size()));
  codec.Put32(&image[offsetof(cramfs_super, fsid) + 12], levels + 1);
  FixCrc(&image);
  return image;
}

TEST_F(ExtractTest, DepthTakesNoDescriptorsAndNoLongPaths) {
  rlimit saved;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &saved), 0);
  for (const uint32_t levels : {60u, 4000u}) {
    const std::vector<uint8_t> image = DeepImage(levels);
    const CheckReport check = ImageReader::Open(image)->Check(10);
    ASSERT_TRUE(check.ok()) << check.errors.front();
    EXPECT_EQ(check.warnings, std::vector<std::string>());
    rlimit few = saved;
    few.rlim_cur = 32;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    const ExtractReport report = ExtractAll(image);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &saved), 0);
    ASSERT_TRUE(report.ok()) << report.errors.front();
    EXPECT_EQ(report.directories, levels);
    std::string found;
    EXPECT_EQ(RunShell(absl::StrCat("find ", out_, " -name d | wc -l"), &found),
              0);
    EXPECT_EQ(found, absl::StrCat(levels, "\n"));
    RunShell(absl::StrCat("rm -rf ", out_));
  }
}

TEST_F(ExtractTest, DeeperThanTheReaderGoesIsAnErrorNotAnEnd) {
  const std::vector<uint8_t> image = DeepImage(kMaxReadDepth + 10);
  const auto reader = ImageReader::Open(image);
  const CheckReport check = reader->Check(10);
  ASSERT_EQ(check.errors.size(), 1u);
  EXPECT_TRUE(absl::StrContains(check.errors[0].message(), "levels"));
  const ExtractReport report = ExtractAll(image);
  EXPECT_EQ(report.image_errors, 1u);
  EXPECT_NE(access(out_.c_str(), F_OK), 0);
}

TEST_F(ExtractTest, ManyNamesForOneFileAreBounded) {
  Entry root = OwnDirectory("", 0755);
  const std::vector<uint8_t> zeros(1 << 20);
  for (int i = 0; i < 20; ++i) {
    root.Add(Own(Entry::File(absl::StrCat("f", i), zeros)));
  }
  BuildOptions build;
  build.explicit_holes = true;
  const std::vector<uint8_t> image = MustBuild(root, build).bytes;
  ASSERT_LT(1024 * image.size(), 20u << 20);
  ExtractReport report = ExtractAll(image);
  ASSERT_EQ(report.host_errors, 1u);
  EXPECT_TRUE(absl::StrContains(report.errors[0].message(), "the limit of"));
  EXPECT_NE(access(out_.c_str(), F_OK), 0);
  ExtractOptions options;
  options.max_bytes = (20 << 20) - 1;
  EXPECT_EQ(ExtractAll(image, options).host_errors, 1u);
  options.max_bytes = 20 << 20;
  report = ExtractAll(image, options);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.bytes, 20u << 20);
}

TEST_F(ExtractTest, ProgressReachesTheEndAndCancels) {
  Entry root = OwnDirectory("", 0755);
  root.Add(Own(Entry::File("a", Text(1000, 1))));
  root.Add(Own(Entry::File("b", Text(500, 2))));
  const std::vector<uint8_t> image = MustBuild(root).bytes;
  std::vector<uint64_t> seen;
  ExtractOptions options;
  options.progress = [&seen](uint64_t done, uint64_t total) {
    EXPECT_EQ(total, 1500u);
    seen.push_back(done);
    return true;
  };
  ASSERT_TRUE(ExtractAll(image, options).ok());
  EXPECT_EQ(seen, std::vector<uint64_t>({1000, 1500, 1500}));
  RunShell(absl::StrCat("rm -rf ", out_));
  options.progress = [](uint64_t, uint64_t) { return false; };
  const ExtractReport report = ExtractAll(image, options);
  EXPECT_TRUE(report.cancelled);
  EXPECT_FALSE(report.ok());
  EXPECT_EQ(Names(out_), std::vector<std::string>({"a"}));
}

}  // namespace
}  // namespace faultline::cramfs
