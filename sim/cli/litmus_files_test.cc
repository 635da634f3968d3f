// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/litmus_files.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sim/cli/io.h"

namespace faultline {
namespace {

std::string TestFile(const char* name, const std::string& text) {
  const std::string path =
      absl::StrCat(testing::TempDir(), "/", getpid(), "-", name);
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

TEST(FillTemplateTest, EveryNameIsReplacedByItsValue) {
  absl::StatusOr<std::string> text = FillTemplate(
      "a ${X}p, ${YY}${X} $ {X} $X", {{"X", "3"}, {"YY", "q"}}, "t.in");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "a 3p, q3 $ {X} $X");
}

TEST(FillTemplateTest, ValuesAreNotLookedAtAgain) {
  absl::StatusOr<std::string> text =
      FillTemplate("${X}", {{"X", "${X}"}}, "t.in");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "${X}");
}

TEST(FillTemplateTest, AnUnknownNameIsSaidWithItsLine) {
  for (const char* text : {"a\nb ${Z}\n", "a\n${Z", "a\n${}"}) {
    const absl::Status status =
        FillTemplate(text, {{"X", "3"}}, "t.in").status();
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_TRUE(absl::StartsWith(status.message(), "t.in:2: ")) << status;
  }
}

TEST(LoadLitmusTest, AnImageThatIsNoCramfsIsNamed) {
  const std::string image = TestFile("x.img", std::string(8192, 'x'));
  const std::string litmus = TestFile(
      "x.litmus", absl::StrCat("litmus \"x\"\nimage \"", LitmusEscape(image),
                               "\"\n    f: path \"/f\"\nsetup\n"
                               "    m = mmap(f, 0p, 1p, r, private)\n"));
  const absl::Status status = LoadLitmus(litmus).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), image)) << status;
}

TEST(LoadLitmusTest, WhatCannotBeReadIsNamed) {
  for (const std::string& path :
       {std::string("/no/such/file.litmus"), testing::TempDir()}) {
    const absl::Status status = LoadLitmus(path).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_TRUE(absl::StartsWith(status.message(), path)) << status;
  }
}

TEST(ReadWholeFileTest, MoreThanAllowedIsRefused) {
  const std::string path = TestFile("big", std::string(100, 'x'));
  EXPECT_TRUE(ReadWholeFile(path, 100).ok());
  EXPECT_FALSE(ReadWholeFile(path, 99).ok());
}

TEST(IoTest, ShellWordsAreQuotedWhereTheyMust) {
  EXPECT_EQ(ShellWord("a/b-1.litmus"), "a/b-1.litmus");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("a b"), "'a b'");
}

TEST(IoTest, AComplaintIsOneLine) {
  std::ostringstream out, err;
  Io io{out, err};
  EXPECT_EQ(Complain(io, "a\nb\x1b", kExitUsage), kExitUsage);
  EXPECT_EQ(err.str(), "faultline: a\\nb\\x1b\n");
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace faultline
