// SPDX-License-Identifier: GPL-2.0-only
//
// cramfsck and extract in-process: output, exit codes, what is written.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cramfs/tools/reader.h"
#include "cramfs/tools/test_util.h"
#include "cramfs/tools/writer.h"
#include "gtest/gtest.h"
#include "sim/cli/commands.h"
#include "sim/cli/image_input.h"

namespace faultline {
namespace {

using cramfs::Entry;
using cramfs::ImageReader;

struct Outcome {
  int code;
  std::string out, err;
};

class CramfsckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = cramfs::MakeTempDirectory();
    out_ = directory_ + "/out";
    Entry root = Entry::Directory("");
    Entry& dir = root.Add(Entry::Directory("dir", 0555));
    dir.Add(Entry::File("file", cramfs::Noise(5000, 1), 0640));
    root.Add(Entry::Device("null", S_IFCHR | 0666, 1, 3));
    root.Add(Entry::File("other", cramfs::Noise(3000, 2)));
    root.Add(Entry::Symlink("to", "dir/file"));
    bytes_ = cramfs::MustBuild(root).bytes;
  }
  void TearDown() override {
    cramfs::RunShell(absl::StrCat("rm -rf ", directory_));
  }

  Outcome Execute(const Args& args,
                  const std::atomic<bool>* interrupt = nullptr) {
    std::ostringstream out, err;
    Io io{out, err};
    io.interrupt = interrupt;
    const int code = faultline::Run(io, args);
    return {code, out.str(), err.str()};
  }

  std::string Write() {
    const std::string path = directory_ + "/img";
    cramfs::FixCrc(&bytes_);
    cramfs::WriteHostFile(path, bytes_);
    return path;
  }

  void BreakData(const std::string& path) {
    const auto reader = ImageReader::Open(bytes_);
    const auto blocks = reader->BlockMap(reader->Lookup(path).value()).value();
    bytes_[blocks[0].offset] ^= 0xff;
  }

  bool Exists(const std::string& path) {
    struct stat status;
    return lstat((out_ + path).c_str(), &status) == 0;
  }

  std::string directory_, out_;
  std::vector<uint8_t> bytes_;
};

size_t Lines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_F(CramfsckTest, GoodImageSaysNothing) {
  const Outcome outcome = Execute({"cramfsck", Write()});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(CramfsckTest, ListsAsCramfsckDoes) {
  const std::string image = Write();
  const std::string list =
      "d 0755        68     0:0   /\n"
      "d 0555        16     0:0   /dir\n"
      "f 0640      5000     0:0   /dir/file\n"
      "c 0666    1,   3     0:0   /null\n"
      "f 0644      3000     0:0   /other\n"
      "l 0777         8     0:0   /to -> dir/file\n";
  Outcome outcome = Execute({"cramfsck", "-v", image});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, list);
  EXPECT_TRUE(absl::StrContains(outcome.err, "good: 6 entries, 4 blocks"))
      << outcome.err;
  outcome = Execute({"cramfsck", "-l", image});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, list);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(CramfsckTest, FirstErrorIsOneLineAndAllWithContinue) {
  BreakData("/dir/file");
  BreakData("/other");
  const std::string image = Write();
  Outcome outcome = Execute({"cramfsck", image});
  EXPECT_EQ(outcome.code, kExitImageDamaged);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(Lines(outcome.err), 1u) << outcome.err;
  EXPECT_TRUE(absl::StartsWith(
      outcome.err,
      absl::StrCat("faultline: ", image, ": /dir/file: not a zlib stream")))
      << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err, ", at image offset "));
  outcome = Execute({"cramfsck", "-c", image});
  EXPECT_EQ(outcome.code, kExitImageDamaged);
  EXPECT_EQ(Lines(outcome.err), 2u) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err, "/other: not a zlib stream"));
}

TEST_F(CramfsckTest, WarningsDoNotChangeTheExitCode) {
  bytes_[16] ^= 1;
  const Outcome outcome = Execute({"cramfsck", Write()});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(absl::StrContains(outcome.err, "warning: "));
  EXPECT_TRUE(absl::StrContains(outcome.err, "unusual signature"));
}

TEST_F(CramfsckTest, ExitCodesTellUseFromFilesFromImages) {
  const std::string image = Write();
  for (const Args& args :
       {Args{"cramfsck"}, Args{"cramfsck", image, image},
        Args{"cramfsck", "-q", image}, Args{"cramfsck", image, "-x"},
        Args{"cramfsck", "-l", "-x", out_, image}, Args{"extract", image},
        Args{"extract", "--limit", "0", image, out_}}) {
    const Outcome outcome = Execute(args);
    EXPECT_EQ(outcome.code, kExitImageUsage) << outcome.err;
    EXPECT_EQ(Lines(outcome.err), 1u) << outcome.err;
  }
  for (const Args& args : {Args{"cramfsck", directory_ + "/none"},
                           Args{"extract", directory_ + "/none", out_}}) {
    const Outcome outcome = Execute(args);
    EXPECT_EQ(outcome.code, kExitImageOperational) << outcome.err;
    EXPECT_TRUE(absl::StrContains(outcome.err, "/none"));
  }
  bytes_[9] |= 0x10;
  EXPECT_EQ(Execute({"cramfsck", Write()}).code, kExitImageOperational);
  bytes_[0] ^= 1;
  const Outcome outcome = Execute({"cramfsck", Write()});
  EXPECT_EQ(outcome.code, kExitImageDamaged);
  EXPECT_TRUE(absl::StrContains(outcome.err, "no cramfs superblock"));
}

TEST_F(CramfsckTest, HelpIsThere) {
  for (const char* command : {"cramfsck", "extract"}) {
    for (const char* flag : {"-h", "--help"}) {
      const Outcome outcome = Execute({command, flag});
      EXPECT_EQ(outcome.code, 0);
      EXPECT_TRUE(absl::StartsWith(outcome.out, "usage: faultline "));
    }
  }
}

TEST_F(CramfsckTest, ExtractsGoodImages) {
  const std::string image = Write();
  for (const Args& args :
       {Args{"cramfsck", "-x", out_, image}, Args{"extract", image, out_}}) {
    const Outcome outcome = Execute(args);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(cramfs::ReadHostFile(out_ + "/dir/file"), cramfs::Noise(5000, 1));
    EXPECT_TRUE(Exists("/to"));
    // A second time: it is not empty.
    const Outcome again = Execute(args);
    EXPECT_EQ(again.code, kExitImageOperational);
    EXPECT_TRUE(absl::StrContains(again.err, "not empty")) << again.err;
    cramfs::RunShell(absl::StrCat("rm -rf ", out_));
  }
}

TEST_F(CramfsckTest, BundledShortFlagsExtractAndList) {
  const std::string image = Write();
  const Outcome outcome = Execute({"cramfsck", "-vcx", out_, image});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(Lines(outcome.out), 6u);
  EXPECT_TRUE(Exists("/dir/file"));
}

TEST_F(CramfsckTest, DamagedImageIsExtractedOnlyWithContinue) {
  BreakData("/dir/file");
  const std::string image = Write();
  Outcome outcome = Execute({"cramfsck", "-x", out_, image});
  EXPECT_EQ(outcome.code, kExitImageDamaged);
  EXPECT_FALSE(Exists(""));
  outcome = Execute({"cramfsck", "-c", "-x", out_, image});
  EXPECT_EQ(outcome.code, kExitImageDamaged) << outcome.err;
  EXPECT_FALSE(Exists("/dir/file"));
  EXPECT_EQ(cramfs::ReadHostFile(out_ + "/other"), cramfs::Noise(3000, 2));
  // Said once.
  const std::vector<std::string> parts =
      absl::StrSplit(outcome.err, "not a zlib");
  EXPECT_EQ(parts.size(), 2u) << outcome.err;
  cramfs::RunShell(absl::StrCat("rm -rf ", out_));
  outcome = Execute({"extract", "-c", image, out_});
  EXPECT_EQ(outcome.code, kExitImageDamaged);
  EXPECT_TRUE(absl::StrContains(outcome.err, "/dir/file: not a zlib"));
  EXPECT_TRUE(Exists("/other"));
}

TEST_F(CramfsckTest, ExtractsPartsAndNamesThoseThatAreNot) {
  const std::string image = Write();
  Outcome outcome = Execute({"extract", "-v", image, out_, "dir/file"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(Lines(outcome.out), 2u) << outcome.out;
  EXPECT_TRUE(Exists("/dir/file"));
  EXPECT_FALSE(Exists("/other"));
  cramfs::RunShell(absl::StrCat("rm -rf ", out_));
  outcome = Execute({"extract", image, out_, "dir/none"});
  EXPECT_EQ(outcome.code, kExitImageDamaged);
  EXPECT_TRUE(absl::StrContains(outcome.err, "dir/none: no such file"));
  EXPECT_FALSE(Exists(""));
}

TEST_F(CramfsckTest, LimitIsKept) {
  const std::string image = Write();
  const Outcome outcome = Execute({"extract", "--limit", "7999", image, out_});
  EXPECT_EQ(outcome.code, kExitImageOperational);
  EXPECT_TRUE(absl::StrContains(
      outcome.err, "8000 bytes to write, more than the limit of 7999"))
      << outcome.err;
  EXPECT_FALSE(Exists(""));
  EXPECT_EQ(Execute({"extract", "--limit", "8000", image, out_}).code, 0);
}

TEST_F(CramfsckTest, InterruptEnds) {
  const std::string image = Write();
  const std::atomic<bool> interrupt{true};
  EXPECT_EQ(Execute({"cramfsck", image}, &interrupt).code, kExitInterrupted);
  EXPECT_EQ(Execute({"cramfsck", "-l", image}, &interrupt).code,
            kExitInterrupted);
  EXPECT_EQ(Execute({"extract", image, out_}, &interrupt).code,
            kExitInterrupted);
}

TEST_F(CramfsckTest, OutputThatCannotBeWrittenIsAnError) {
  std::ostringstream out, err;
  out.setstate(std::ios::badbit);
  Io io{out, err};
  EXPECT_EQ(faultline::Run(io, {"cramfsck", "-v", Write()}),
            kExitImageOperational);
}

}  // namespace
}  // namespace faultline
