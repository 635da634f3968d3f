// SPDX-License-Identifier: GPL-2.0-only
//
// ls, cat and info in-process, on images made here.

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cramfs/tools/reader.h"
#include "cramfs/tools/writer.h"
#include "gtest/gtest.h"
#include "sim/cli/commands.h"
#include "sim/cli/image_input.h"
#include "sim/cli/io.h"

namespace faultline {
namespace {

using cramfs::BlockKind;
using cramfs::Entry;

struct Outcome {
  int code;
  std::string out, err;
};

Outcome Execute(const Args& args) {
  std::ostringstream out, err;
  Io io{out, err};
  const int code = Run(io, args);
  return {code, out.str(), err.str()};
}

std::string WriteImage(const std::string& name,
                       const std::vector<uint8_t>& bytes) {
  const std::string path =
      absl::StrCat(testing::TempDir(), "/", getpid(), "-", name);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return path;
}

std::vector<uint8_t> Bytes(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * i >> 7);
  return bytes;
}

std::string AsText(const std::vector<uint8_t>& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

Entry Tree() {
  Entry root = Entry::Directory("", 0750);
  root.uid = 7;
  Entry& bin = root.Add(Entry::Directory("bin", 01777));
  Entry program = Entry::File("program", Bytes(7 * 4096 + 100), 04755);
  program.uid = 1000;
  program.gid = 100;
  program.layout.emplace();
  program.layout->runs = {{0, 2, BlockKind::kDirect},
                          {4, 4, BlockKind::kRaw},
                          {5, 5, BlockKind::kDirectCompressed}};
  bin.Add(std::move(program));
  bin.Add(Entry::Symlink("sh", "/bin/program"));
  bin.Add(Entry::Symlink("up", "../../text"));
  Entry& dev = root.Add(Entry::Directory("dev"));
  dev.Add(Entry::Device("tty", S_IFCHR | 0620, 5, 1));
  dev.Add(Entry::Device("\033[31mred\n", S_IFIFO | 0600, 0, 0));
  root.Add(Entry::File("empty", {}));
  root.Add(Entry::File("text", {'h', 'i', 0, 0xff}));
  root.Add(Entry::Symlink("loop", "loop"));
  root.Add(Entry::Symlink("lib", "bin"));
  Entry hollow = Entry::File("hollow", std::vector<uint8_t>(5 * 4096));
  hollow.layout.emplace();
  hollow.layout->runs = {{0, 4, BlockKind::kHole}};
  root.Add(std::move(hollow));
  return root;
}

std::vector<uint8_t> TreeBytes() {
  absl::StatusOr<cramfs::Image> image =
      cramfs::ImageBuilder(cramfs::BuildOptions()).Build(Tree());
  EXPECT_TRUE(image.ok()) << image.status();
  return image->bytes;
}

std::string TreeImage() {
  static const auto* path = new std::string(WriteImage("tree", TreeBytes()));
  return *path;
}

// The image with the stream of /text, or the entries of /dev, made wrong.
std::string DamagedImage(const std::string& path) {
  std::vector<uint8_t> bytes = TreeBytes();
  const auto reader = cramfs::ImageReader::Open(bytes);
  const auto node = reader->Lookup(path);
  const uint32_t at = node->is_directory()
                          ? node->inode.offset + 12 + 2  // in the first name
                          : reader->BlockMap(*node)->front().offset;
  bytes[at] = node->is_directory() ? '/' : bytes[at] ^ 0xff;
  return WriteImage("damaged", bytes);
}

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

// Exit code, one line on err that says `what`.
void ExpectComplaint(const Args& args, int code, const std::string& what) {
  const Outcome outcome = Execute(args);
  EXPECT_EQ(outcome.code, code) << outcome.err;
  EXPECT_TRUE(absl::StartsWith(outcome.err, "faultline: ")) << outcome.err;
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err, what))
      << outcome.err << " without " << what;
}

TEST(LsTest, NamesInTheOrderStored) {
  const Outcome outcome = Execute({"ls", TreeImage()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "bin\ndev\nempty\nhollow\nlib\nloop\ntext\n");
  EXPECT_EQ(outcome.err, "");
}

TEST(LsTest, SeveralPathsAndFilesAreListedByWholePath) {
  EXPECT_EQ(Execute({"ls", TreeImage(), "bin", "text"}).out,
            "/bin/program\n/bin/sh\n/bin/up\n/text\n");
  EXPECT_EQ(Execute({"ls", TreeImage(), "/bin"}).out, "program\nsh\nup\n");
  EXPECT_EQ(Execute({"ls", TreeImage(), "lib/sh"}).out, "/bin/sh\n")
      << "a link on the way is followed, the last one not";
}

TEST(LsTest, RecursiveIsTheSubtreeAndNoMore) {
  EXPECT_EQ(Execute({"ls", "-R", TreeImage(), "bin"}).out,
            "/bin\n/bin/program\n/bin/sh\n/bin/up\n");
  EXPECT_EQ(Lines(Execute({"ls", "-R", TreeImage()}).out).size(), 13u);
}

TEST(LsTest, LongShowsEveryFieldOfTheInode) {
  const auto reader_bytes = TreeBytes();
  const auto reader = cramfs::ImageReader::Open(reader_bytes);
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line :
       Lines(Execute({"ls", "-lR", TreeImage()}).out)) {
    rows.push_back(absl::StrSplit(line, ' ', absl::SkipEmpty()));
  }
  const auto row = [&](const std::string& path) {
    for (const auto& fields : rows) {
      if (fields.size() > 5 && fields[5] == path) return fields;
    }
    return std::vector<std::string>(6);
  };
  const auto expect = [&](const std::string& path, const std::string& mode,
                          const std::string& uid, const std::string& gid,
                          const std::string& size) {
    const auto node = reader->Lookup(path);
    ASSERT_TRUE(node.ok()) << node.status();
    const std::vector<std::string> fields = row(path);
    EXPECT_EQ(fields[0], mode) << path;
    EXPECT_EQ(fields[1], uid) << path;
    EXPECT_EQ(fields[2], gid) << path;
    EXPECT_EQ(fields[3], size) << path;
    EXPECT_EQ(fields[4], absl::StrCat(InodeNumber(*node))) << path;
  };
  expect("/", "drwxr-x---", "7", "0", absl::StrCat(reader->root().inode.size));
  expect("/bin/program", "-rwsr-xr-x", "1000", "100", "28772");
  expect("/bin/sh", "lrwxrwxrwx", "0", "0", "12");
  expect("/dev/tty", "crw--w----", "0", "0", "5,1");
  EXPECT_EQ(row("/bin")[0], "drwxrwxrwt");
  EXPECT_EQ(row("/bin/sh").back(), "/bin/program");
}

TEST(LsTest, InodeNumbersAreTheKernels) {
  const auto bytes = TreeBytes();
  const auto reader = cramfs::ImageReader::Open(bytes);
  for (const char* path : {"/bin", "/bin/program", "/bin/sh"}) {
    EXPECT_EQ(InodeNumber(*reader->Lookup(path)),
              reader->Lookup(path)->inode.offset);
  }
  for (const char* path : {"/empty", "/dev/tty"}) {
    EXPECT_EQ(InodeNumber(*reader->Lookup(path)),
              reader->Lookup(path)->inode_position + 1);
  }
}

TEST(LsTest, NamesCannotWriteToTheTerminal) {
  EXPECT_EQ(Execute({"ls", TreeImage(), "/dev"}).out, "\\033[31mred\\n\ntty\n");
}

TEST(LsTest, ErrorsHaveTheExitCodesOfFsck) {
  ExpectComplaint({"ls"}, 16, "expected an image");
  ExpectComplaint({"ls", "--nonsense", TreeImage()}, 16, "--nonsense");
  ExpectComplaint({"ls", TreeImage() + "-no"}, 8, "cannot be read");
  ExpectComplaint({"ls", TreeImage(), "nowhere"}, 8, "nowhere: no such file");
  ExpectComplaint({"ls", TreeImage(), "text/x"}, 8, "/text is no directory");
  ExpectComplaint({"ls", TreeImage(), "loop/x"}, 8, "too many symbolic links");
  ExpectComplaint({"ls", WriteImage("none", Bytes(5000))}, 4, "no cramfs");
  std::vector<uint8_t> cut = TreeBytes();
  cut.resize(cut.size() - 4096);
  ExpectComplaint({"ls", WriteImage("cut", cut)}, 4, "cut");
  ExpectComplaint({"ls", DamagedImage("/dev"), "/dev"}, 4, "/dev: ");
}

TEST(LsTest, WhatCanBeReadOfADamagedImageIsListed) {
  const Outcome outcome = Execute({"ls", "-R", DamagedImage("/dev")});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_TRUE(absl::StrContains(outcome.err, "/dev: ")) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "/dev/tty\n")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "/text\n")) << outcome.out;
}

TEST(CatTest, BytesExactlyOneFileAfterTheOther) {
  const Outcome outcome =
      Execute({"cat", TreeImage(), "text", "/bin/program", "empty"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            std::string("hi\0\xff", 4) + AsText(Bytes(7 * 4096 + 100)));
}

TEST(CatTest, LinksAreFollowedInsideTheImage) {
  EXPECT_EQ(Execute({"cat", TreeImage(), "lib/sh"}).out,
            AsText(Bytes(7 * 4096 + 100)));
  EXPECT_EQ(Execute({"cat", TreeImage(), "bin/up"}).out,
            std::string("hi\0\xff", 4))
      << "beyond the root is the root";
  ExpectComplaint({"cat", TreeImage(), "loop"}, 8, "too many symbolic links");
}

TEST(CatTest, ADamagedFileGivesNoBytesAndTheNextAll) {
  const std::string damaged = DamagedImage("/text");
  ExpectComplaint({"cat", damaged, "text"}, 4, "/text: ");
  const Outcome both = Execute({"cat", damaged, "text", "bin/program", "no"});
  EXPECT_EQ(both.code, 12) << "damage and no such file";
  EXPECT_EQ(both.out, AsText(Bytes(7 * 4096 + 100)));
}

TEST(CatTest, ErrorsHaveTheExitCodesOfFsck) {
  ExpectComplaint({"cat", TreeImage()}, 16, "expected an image and files");
  ExpectComplaint({"cat", TreeImage(), "bin"}, 8, "bin: not a regular file");
  ExpectComplaint({"cat", TreeImage(), "dev/tty"}, 8, "not a regular file");
  ExpectComplaint({"cat", TreeImage(), "nowhere"}, 8, "no such file");
}

// The fields of the line that begins with `name`.
std::vector<std::string> Row(const std::string& text, const std::string& name) {
  for (const std::string& line : Lines(text)) {
    if (!absl::StartsWith(line, name + " ")) continue;
    return absl::StrSplit(line.substr(name.size()), ' ', absl::SkipEmpty());
  }
  return {};
}

TEST(InfoTest, SuperblockAndTotals) {
  const Outcome outcome = Execute({"info", TreeImage()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  using Fields = std::vector<std::string>;
  const std::string& out = outcome.out;
  EXPECT_EQ(Row(out, "superblock"),
            (Fields{"at", "offset", "0,", "little-endian"}));
  EXPECT_EQ(Row(out, "flags"), (Fields{"0x903", "FSID_VERSION_2", "SORTED_DIRS",
                                       "HOLES", "EXT_BLOCK_POINTERS"}));
  EXPECT_EQ(Row(out, "crc").back(), "right");
  EXPECT_EQ(Row(out, "files").front(), "13");
  EXPECT_EQ(Row(out, "nodes").front(), "13:");
  EXPECT_EQ(Row(out, "direct"), (Fields{"3", "12,288", "12,288"}));
  EXPECT_EQ(Row(out, "raw"), (Fields{"1", "4,096", "4,096"}));
  EXPECT_EQ(Row(out, "direct compressed").front(), "1");
  EXPECT_EQ(Row(out, "hole"), (Fields{"5", "20,480", "0"}));
  // /bin/program has three, /text and the links one each.
  EXPECT_EQ(Row(out, "compressed").front(), "8");
  EXPECT_EQ(Row(out, "all").front(), "18");
  EXPECT_EQ(Row(out, "mappable"), (Fields{"3", "12,288", "12,288"}));
}

TEST(InfoTest, BigEndianPaddedImageSaysSo) {
  cramfs::BuildOptions options;
  options.byte_order = cramfs::ByteOrder::kBig;
  options.pad = true;
  options.name = "vol\033[2J";
  Entry root = Entry::Directory("");
  const auto image = cramfs::ImageBuilder(options).Build(root);
  ASSERT_TRUE(image.ok()) << image.status();
  const Outcome outcome = Execute({"info", WriteImage("big", image->bytes)});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "at offset 512, big-endian\n"));
  EXPECT_TRUE(absl::StrContains(outcome.out, "\"vol\\033[2J\""));
}

TEST(InfoTest, DataOfTwoEntriesCountsOnce) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("a", Bytes(9000)));
  root.Add(Entry::File("b", Bytes(9000)));
  const auto image = cramfs::ImageBuilder(cramfs::BuildOptions()).Build(root);
  ASSERT_TRUE(image.ok()) << image.status();
  const Outcome outcome = Execute({"info", WriteImage("two", image->bytes)});
  EXPECT_EQ(Row(outcome.out, "all").front(), "3");
  EXPECT_EQ(Row(outcome.out, "blocks").front(), "3");
}

TEST(InfoTest, BlockMapInRuns) {
  const Outcome outcome = Execute({"info", TreeImage(), "bin/program"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto bytes = TreeBytes();
  const auto reader = cramfs::ImageReader::Open(bytes);
  const auto map = *reader->BlockMap(*reader->Lookup("/bin/program"));
  const std::vector<std::string> lines = Lines(outcome.out);
  ASSERT_EQ(lines.size(), 7u) << outcome.out;
  EXPECT_TRUE(absl::StrContains(lines[0], "28,772 bytes in 8 blocks, 3 mapp"));
  const auto fields = [&](size_t i) {
    std::vector<std::string> split =
        absl::StrSplit(lines[i], ' ', absl::SkipEmpty());
    return split;
  };
  EXPECT_EQ(fields(2), (std::vector<std::string>{
                           "0-2", "direct",
                           absl::StrCat("0x", absl::Hex(map[0].offset), "-0x",
                                        absl::Hex(map[0].offset + 3 * 4096)),
                           "12,288", "yes"}));
  EXPECT_EQ(fields(3)[0], "3");
  EXPECT_EQ(fields(3)[1], "compressed");
  EXPECT_EQ(fields(4)[1], "raw");
  EXPECT_EQ(fields(5)[0], "5");
  EXPECT_EQ(fields(5)[2], "compressed");
  EXPECT_EQ(fields(6)[0], "6-7");
  EXPECT_EQ(Row(Execute({"info", TreeImage(), "hollow"}).out, "  0-4"),
            (std::vector<std::string>{"hole", "-", "0", "-"}));
}

TEST(InfoTest, PathsWithoutBlocksSayWhatTheyAre) {
  const Outcome outcome =
      Execute({"info", TreeImage(), "dev/tty", "empty", "/", "lib"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "device 5,1\n"));
  EXPECT_TRUE(absl::StrContains(outcome.out, "0 bytes in 0 blocks"));
  EXPECT_TRUE(absl::StrContains(outcome.out, "/lib: lrwxrwxrwx"));
}

TEST(InfoTest, DamageIsNamedAndTheRestCounted) {
  std::vector<uint8_t> bytes = TreeBytes();
  {
    const auto reader = cramfs::ImageReader::Open(bytes);
    // Beyond the end.
    const uint32_t at = reader->Lookup("/text")->inode.offset;
    bytes[at + 3] = 0x0f;
  }
  const std::string image = WriteImage("pointer", bytes);
  const Outcome outcome = Execute({"info", image});
  EXPECT_EQ(outcome.code, 4);
  const std::vector<std::string> complaints = Lines(outcome.err);
  ASSERT_EQ(complaints.size(), 2u) << outcome.err;
  EXPECT_TRUE(absl::StrContains(complaints[0], "CRC is"));
  EXPECT_TRUE(absl::StrContains(complaints[1], "/text: block beyond the end"));
  EXPECT_EQ(Row(outcome.out, "crc").back(), "wrong");
  EXPECT_EQ(Row(outcome.out, "all").front(), "17");
  ExpectComplaint({"info", image, "text"}, 4, "/text: block beyond the end");
  ExpectComplaint({"info", image, "nowhere"}, 8, "nowhere: no such file");
  ExpectComplaint({"info"}, 16, "expected an image");
}

}  // namespace
}  // namespace faultline
