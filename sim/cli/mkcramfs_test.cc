// SPDX-License-Identifier: GPL-2.0-only
//
// "faultline mkcramfs" in-process: every option, exit codes, what is left
// behind.

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cramfs/tools/reader.h"
#include "gtest/gtest.h"
#include "sim/cli/commands.h"

namespace faultline {
namespace {

using cramfs::ImageReader;

constexpr int kError = 8;
constexpr int kWrongUse = 16;

struct Outcome {
  int code;
  std::string out, err;
};

void Write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  ASSERT_TRUE(file.good()) << path;
}

// Each test has a folder with the tree "t" in it, and makes "img" beside it.
class MkcramfsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(testing::TempDir(), "/mkcramfs_XXXXXX");
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    ASSERT_EQ(mkdir(At("t").c_str(), 0755), 0);
    ASSERT_EQ(mkdir(At("t/bin").c_str(), 0755), 0);
    Write(At("t/bin/tool"), Elf());
    Write(At("t/text"), std::string(9000, 'x'));
    Write(At("t/zeros"), std::string(8192, '\0'));
    ASSERT_EQ(symlink("bin", At("t/link").c_str()), 0);
  }

  std::string At(const std::string& name) const {
    return absl::StrCat(folder_, "/", name);
  }

  Outcome Mkcramfs(const Args& flags,
                   const std::atomic<bool>* interrupt = nullptr) {
    return Execute(flags, {At("t"), At("img")}, interrupt);
  }

  static Outcome Execute(const Args& flags, const Args& positional,
                         const std::atomic<bool>* interrupt = nullptr) {
    Args args = {"mkcramfs"};
    args.insert(args.end(), flags.begin(), flags.end());
    args.insert(args.end(), positional.begin(), positional.end());
    std::ostringstream out, err;
    Io io{out, err};
    io.interrupt = interrupt;
    const int code = faultline::Run(io, args);
    return {code, out.str(), err.str()};
  }

  // Builds without a word, and returns the image.
  std::vector<uint8_t> Make(const Args& flags) {
    const Outcome outcome = Mkcramfs(flags);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "");
    return Image();
  }

  std::vector<uint8_t> Image() const {
    std::ifstream in(At("img"), std::ios::binary);
    return std::vector<uint8_t>(std::istreambuf_iterator<char>(in), {});
  }

  // One line on err with `what`, `code`, and nothing written.
  void ExpectRefused(const Args& flags, int code, const std::string& what) {
    const Outcome outcome = Mkcramfs(flags);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(absl::StartsWith(outcome.err, "faultline: mkcramfs: "))
        << outcome.err;
    EXPECT_TRUE(absl::StrContains(outcome.err, what))
        << outcome.err << " without " << what;
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
    ExpectNothingWritten();
  }

  void ExpectNothingWritten() {
    std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(folder_.c_str()),
                                               closedir);
    while (const dirent* entry = readdir(stream.get())) {
      EXPECT_FALSE(absl::StartsWith(entry->d_name, "img")) << entry->d_name;
    }
  }

  // Little-endian 32-bit: blocks 0 and 1 are loaded read-only, 2 is writable,
  // 3 nothing.
  static std::string Elf() {
    std::string file(4 * 4096 + 100, 'e');
    const auto put = [&file](size_t at, int width, uint32_t value) {
      for (int i = 0; i < width; ++i) {
        file[at + i] = static_cast<char>(value >> 8 * i);
      }
    };
    for (size_t i = 0; i < 52 + 2 * 32; ++i) file[i] = 0;
    file.replace(0, 7, "\177ELF\1\1\1");
    put(28, 4, 52);
    put(42, 2, 32);
    put(44, 2, 2);
    const uint32_t segments[2][3] = {{0, 2 * 4096, 5}, {2 * 4096, 4096, 6}};
    for (int i = 0; i < 2; ++i) {
      const size_t at = 52 + 32 * i;
      put(at, 4, 1);
      put(at + 4, 4, segments[i][0]);
      put(at + 16, 4, segments[i][1]);
      put(at + 20, 4, segments[i][1]);
      put(at + 24, 4, segments[i][2]);
    }
    return file;
  }

  std::string folder_;
};

// A letter for each block: 'd' direct raw, 'r' raw, 'c' compressed, '-' hole.
std::string Layout(const std::vector<uint8_t>& image, const std::string& path) {
  const auto reader = ImageReader::Open(image);
  const auto node = reader.ok() ? reader->Lookup(path) : reader.status();
  const auto map = node.ok() ? reader->BlockMap(*node) : node.status();
  if (!map.ok()) return map.status().ToString();
  std::string text;
  for (const cramfs::BlockInfo& block : *map) {
    text += block.kind == cramfs::BlockInfo::Kind::kHole         ? '-'
            : block.kind == cramfs::BlockInfo::Kind::kCompressed ? 'c'
            : block.direct                                       ? 'd'
                                                                 : 'r';
  }
  return text;
}

uint32_t OffsetOfTool(const std::vector<uint8_t>& image) {
  const auto reader = ImageReader::Open(image);
  const auto node = reader.ok() ? reader->Lookup("/bin/tool") : reader.status();
  const auto map = node.ok() ? reader->BlockMap(*node) : node.status();
  return map.ok() ? map->front().offset : 0;
}

TEST_F(MkcramfsTest, HelpNamesEveryOption) {
  const Outcome outcome = Mkcramfs({"-h"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* flag :
       {"-E,", "-e,", "-i,", "-n,",         "-p,",     "-s,",    "-v,",
        "-z,", "-x,", "-X,", "-q,",         "-D,",     "-N,",    "-B,",
        "-L,", "-b,", "-j,", "--xip-files", "--tails", "--level"}) {
    EXPECT_TRUE(absl::StrContains(outcome.out, flag)) << flag;
  }
  ExpectNothingWritten();
}

TEST_F(MkcramfsTest, PlainImageIsSoundAndSilent) {
  const std::vector<uint8_t> image = Make({});
  const auto reader = ImageReader::Open(image);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(reader->Check().ok());
  EXPECT_EQ(reader->superblock().name, "Compressed");
  EXPECT_EQ(reader->superblock().edition, 0u);
  EXPECT_EQ(reader->superblock().offset, 0u);
  EXPECT_EQ(Layout(image, "/bin/tool"), "ccccc");
  EXPECT_EQ(Layout(image, "/zeros"), "cc");
  EXPECT_TRUE(reader->Lookup("/link")->is_symlink());
  EXPECT_EQ(reader->superblock().files, 6u);
}

TEST_F(MkcramfsTest, EachOptionDoesWhatItSays) {
  const auto super = [](const std::vector<uint8_t>& image) {
    const auto reader = ImageReader::Open(image);
    return reader.ok() ? reader->superblock() : cramfs::Superblock();
  };
  EXPECT_EQ(super(Make({"-e", "4294967295"})).edition, 4294967295u);
  EXPECT_EQ(super(Make({"-n", "sixteen bytes 16"})).name, "sixteen bytes 16");
  EXPECT_EQ(super(Make({"-p"})).offset, 512u);
  EXPECT_EQ(Layout(Make({"-z"}), "/zeros"), "--");
  EXPECT_EQ(Layout(Make({"-x"}), "/text"), "ccc");
  Write(At("ins"), "inserted");
  const std::vector<uint8_t> inserted = Make({"-i", At("ins")});
  EXPECT_EQ(std::string(inserted.begin() + 76, inserted.begin() + 84),
            "inserted");
  EXPECT_EQ(super(inserted).root.offset, 84u);
  for (const Args& flags : {Args{"-B"}, Args{"-N", "big"}, Args{"-Nbig"}}) {
    EXPECT_EQ(super(Make(flags)).byte_order, cramfs::ByteOrder::kBig);
  }
  for (const Args& flags : {Args{"-L"}, Args{"-N", "little"}}) {
    EXPECT_EQ(super(Make(flags)).byte_order, cramfs::ByteOrder::kLittle);
  }
  const std::vector<uint8_t> plain = Make({});
  for (const Args& flags :
       {Args{"-s"}, Args{"-b", "4096"}, Args{"--blocksize=4096"},
        Args{"-N", "host"}, Args{"--level", "6"}, Args{"-E"}}) {
    EXPECT_TRUE(Make(flags) == plain) << flags[0];
  }
  EXPECT_FALSE(Make({"--level", "1"}) == plain);
}

TEST_F(MkcramfsTest, XipOptions) {
  const std::vector<uint8_t> eight = Make({"-X"});
  EXPECT_EQ(Layout(eight, "/bin/tool"), "ddccc");
  EXPECT_EQ(OffsetOfTool(eight) % 8, 0u);
  for (const Args& flags : {Args{"-X", "-X"}, Args{"-XX"}, Args{"-pXX"}}) {
    const std::vector<uint8_t> image = Make(flags);
    EXPECT_EQ(Layout(image, "/bin/tool"), "ddccc");
    EXPECT_EQ(OffsetOfTool(image) % 4096, 0u);
  }
  Write(At("list"), "bin/tool\ntext\n");
  const std::vector<uint8_t> listed = Make({"--xip-files", At("list")});
  EXPECT_EQ(Layout(listed, "/bin/tool"), "ddddd");
  EXPECT_EQ(Layout(listed, "/text"), "ddd");
  EXPECT_EQ(OffsetOfTool(listed) % 4096, 0u);
  const std::vector<uint8_t> own =
      Make({"--xip-files", At("list"), "--tails", "own-page"});
  EXPECT_EQ(Layout(own, "/text"), "ddd");
  EXPECT_GT(own.size(), listed.size());
}

TEST_F(MkcramfsTest, OwnersSquashedButThoseOfTheTable) {
  Write(At("table"),
        "/text f 4711 7 8 - - - - -\n/null c 666 9 0 1 3 0 0 -\n"
        "/tty c 600 0 5 4 0 0 1 3\n");
  // Where that is not allowed the file is the test's user's.
  const bool changed = chown(At("t/zeros").c_str(), 1000, 100) == 0;
  const std::vector<uint8_t> image = Make({"-q", "-D", At("table")});
  const auto reader = ImageReader::Open(image);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->Lookup("/zeros")->inode.uid, 0u) << changed;
  EXPECT_EQ(reader->Lookup("/zeros")->inode.gid, 0u);
  const auto text = reader->Lookup("/text");
  EXPECT_EQ(text->inode.mode, S_IFREG | 04711u);
  EXPECT_EQ(text->inode.uid, 7u);
  EXPECT_EQ(text->inode.gid, 8u);
  EXPECT_EQ(reader->Lookup("/null")->inode.uid, 9u);
  EXPECT_EQ(reader->Lookup("/tty2")->device_minor(), 2u);
  EXPECT_FALSE(reader->Lookup("/tty3").ok());
  EXPECT_FALSE(reader->Lookup("/tty").ok());
}

TEST_F(MkcramfsTest, SameImageOnAnyNumberOfThreads) {
  for (int i = 0; i < 50; ++i) {
    Write(At(absl::StrCat("t/f", i)), std::string(i * 1000, 'a' + i % 26));
  }
  for (const Args& flags : {Args{}, Args{"-zxXXp", "-B"}}) {
    std::vector<Args> all;
    for (const char* jobs : {"1", "2", "3", "8"}) {
      all.push_back(flags);
      all.back().insert(all.back().end(), {"-j", jobs});
    }
    const std::vector<uint8_t> one = Make(all[0]);
    for (const Args& args : all) EXPECT_TRUE(Make(args) == one) << args.back();
  }
}

TEST_F(MkcramfsTest, VerboseSaysWhatIsStored) {
  const Outcome once = Mkcramfs({"-v", "-XX", "-z"});
  EXPECT_EQ(once.code, 0);
  EXPECT_EQ(once.err, "");
  EXPECT_TRUE(absl::StrContains(once.out, " /bin/tool\n")) << once.out;
  EXPECT_TRUE(absl::StrContains(once.out, "l 0777")) << once.out;
  EXPECT_TRUE(absl::StrContains(once.out, "files: 6\n")) << once.out;
  EXPECT_FALSE(absl::StrContains(once.out, "2 direct"));
  const Outcome twice = Mkcramfs({"-vv", "-XX", "-z"});
  EXPECT_TRUE(absl::StrContains(twice.out, "2 direct 3 compressed"))
      << twice.out;
  EXPECT_TRUE(absl::StrContains(twice.out, "2 holes")) << twice.out;
}

TEST_F(MkcramfsTest, WrongUseIsNamedWith16) {
  ExpectRefused({"--no-such"}, kWrongUse, "unknown flag --no-such");
  ExpectRefused({"-b", "8192"}, kWrongUse, "no block size but 4096");
  ExpectRefused({"-e", "4294967296"}, kWrongUse, "-e");
  ExpectRefused({"-e", "x"}, kWrongUse, "'x'");
  ExpectRefused({"-N", "middle"}, kWrongUse, "'middle'");
  ExpectRefused({"-n", "seventeen bytes.."}, kWrongUse, "at most 16");
  ExpectRefused({"-B", "-L"}, kWrongUse, "only one of -B, -L and -N");
  ExpectRefused({"-j", "0"}, kWrongUse, "'0'");
  ExpectRefused({"--level", "10"}, kWrongUse, "'10'");
  ExpectRefused({"--tails", "none"}, kWrongUse, "'none'");
  ExpectRefused({"third"}, kWrongUse, "found 3 arguments");
  EXPECT_EQ(Execute({}, {At("t")}).code, kWrongUse);
  EXPECT_EQ(Execute({}, {}).code, kWrongUse);
}

TEST_F(MkcramfsTest, WhatCannotBeReadOrWrittenIsNamedWith8) {
  for (const char* flag : {"-i", "-D", "--xip-files"}) {
    ExpectRefused({flag, At("none")}, kError, At("none"));
  }
  Write(At("table"), "/text f 644\n/text d 755\n");
  ExpectRefused({"-D", At("table")}, kError,
                absl::StrCat(At("table"), ":2: /text is a regular file"));
  Write(At("list"), "text\nlink\n");
  ExpectRefused({"--xip-files", At("list")}, kError,
                absl::StrCat(At("list"), ":2: link: not a regular file"));
  EXPECT_EQ(Execute({}, {At("none"), At("img")}).code, kError);
  EXPECT_EQ(Execute({}, {At("t/text"), At("img")}).code, kError);
  EXPECT_EQ(Execute({}, {At("t"), At("none/img")}).code, kError);
  EXPECT_EQ(Execute({}, {At("t"), At("t")}).code, kError);
  ExpectNothingWritten();
}

// Each limit: counted and summed up, an error with -E.
TEST_F(MkcramfsTest, LimitsAreWarnedOfAndErrorsWhenAsked) {
  const struct {
    std::string name, table, summary;
    int64_t size = 0;
  } cases[] = {
      {std::string(253, 'n'), "", "1 entry left out: names of more than 252"},
      {"big", "", "1 file cut to 16777215 bytes", 1 << 24},
      {"uid", "/uid f 4755 65536 0\n", "1 uid cut to 16 bits"},
      {"gid", "/gid f 2755 0 256\n", "1 gid cut to 8 bits"},
      {"dev", "/d c 600 0 0 256 0\n/e b 600 0 0 0 256\n",
       "2 device numbers cut"},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.summary);
    const std::string path = At(absl::StrCat("t/", test.name));
    Write(path, "");
    ASSERT_EQ(truncate(path.c_str(), test.size), 0);
    Write(At("table"), test.table);
    const Outcome strict = Mkcramfs({"-z", "-E", "-D", At("table")});
    EXPECT_EQ(strict.code, kError);
    EXPECT_TRUE(absl::StrContains(strict.err, test.summary)) << strict.err;
    EXPECT_TRUE(absl::StrContains(strict.err, "nothing written"));
    ExpectNothingWritten();

    const Outcome lenient = Mkcramfs({"-z", "-D", At("table")});
    EXPECT_EQ(lenient.code, 0);
    EXPECT_EQ(lenient.out, "");
    EXPECT_TRUE(absl::StrContains(lenient.err, test.summary)) << lenient.err;
    EXPECT_TRUE(absl::StrContains(
        lenient.err, absl::StrCat("warning: /", test.name.substr(0, 1))))
        << lenient.err;
    const std::vector<uint8_t> image = Image();
    const auto reader = ImageReader::Open(image);
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE(reader->Check().ok());
    unlink(path.c_str());
    unlink(At("img").c_str());
  }
}

TEST_F(MkcramfsTest, UnreadableFileIsLeftOutAndCounted) {
  ASSERT_EQ(chmod(At("t/text").c_str(), 0), 0);
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  const bool root = geteuid() == 0;
  if (root && seteuid(65534) != 0) {
    GTEST_SKIP() << "root may read everything, and stays root here";
  }
  const Outcome strict = Mkcramfs({"-q", "-E"});
  const Outcome lenient = Mkcramfs({"-q"});
  ASSERT_TRUE(!root || seteuid(0) == 0);
  if (!absl::StrContains(strict.err, "/text")) {
    GTEST_SKIP() << "temporary directory is root's alone";
  }
  EXPECT_EQ(strict.code, kError);
  EXPECT_EQ(lenient.code, 0);
  EXPECT_TRUE(absl::StrContains(lenient.err, "1 entry left out: unreadable"))
      << lenient.err;
  const std::vector<uint8_t> image = Image();
  const auto reader = ImageReader::Open(image);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_FALSE(reader->Lookup("/text").ok());
  EXPECT_TRUE(reader->Lookup("/bin/tool").ok());
}

TEST_F(MkcramfsTest, FailureKeepsTheImageOfBefore) {
  Make({});
  const std::vector<uint8_t> before = Image();
  Write(At("t/" + std::string(253, 'n')), "");
  EXPECT_EQ(Mkcramfs({"-E"}).code, kError);
  EXPECT_TRUE(Image() == before);
}

TEST_F(MkcramfsTest, ImageInItsOwnTreeIsNoPartOfItself) {
  const Args positional = {At("t"), At("t/img")};
  const auto read = [this] {
    std::ifstream in(At("t/img"), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const Outcome first = Execute({"-E"}, positional);
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.err, "");
  const std::string image = read();
  const Outcome second = Execute({"-E"}, positional);
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_TRUE(absl::StrContains(second.err, "is not part of itself"));
  EXPECT_TRUE(read() == image);
}

TEST_F(MkcramfsTest, InterruptLeavesNothing) {
  const std::atomic<bool> interrupt{true};
  const Outcome outcome = Mkcramfs({}, &interrupt);
  EXPECT_EQ(outcome.code, kExitInterrupted);
  ExpectNothingWritten();
}

}  // namespace
}  // namespace faultline
