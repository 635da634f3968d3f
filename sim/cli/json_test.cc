// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/json.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace faultline {
namespace {

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string TestFile(const char* name) {
  return absl::StrCat(testing::TempDir(), "/", getpid(), "-", name);
}

TEST(JsonStringTest, WhatJsonForbidsIsEscaped) {
  EXPECT_EQ(JsonString("a\"b\\c\n\t"), "\"a\\\"b\\\\c\\n\\t\"");
  EXPECT_EQ(JsonString(absl::string_view("\0\x1f\x7f", 3)),
            "\"\\u0000\\u001f\\u007f\"");
}

TEST(JsonStringTest, Utf8IsKept) {
  EXPECT_EQ(JsonString("\u00fc \u2713 \U0001f600"),
            "\"\u00fc \u2713 \U0001f600\"");
}

TEST(JsonStringTest, WhatIsNoUtf8IsReplacedByteByByte) {
  const std::string replacement = "\xef\xbf\xbd";
  EXPECT_EQ(JsonString("\xff"), "\"" + replacement + "\"");
  // Overlong, surrogate, beyond U+10FFFF, cut.
  EXPECT_EQ(JsonString("\xc0\xaf"), "\"" + replacement + replacement + "\"");
  EXPECT_EQ(JsonString("\xed\xa0\x80"),
            "\"" + replacement + replacement + replacement + "\"");
  EXPECT_EQ(
      JsonString("\xf4\x90\x80\x80"),
      "\"" + replacement + replacement + replacement + replacement + "\"");
  EXPECT_EQ(JsonString("\xe2\x9c"), "\"" + replacement + replacement + "\"");
}

TEST(JsonWriterTest, NestedValuesAreSeparatedByOneComma) {
  JsonWriter json;
  json.BeginObject();
  json.Key("a");
  json.BeginArray();
  json.Number(1);
  json.BeginObject();
  json.EndObject();
  json.BeginArray();
  json.EndArray();
  json.EndArray();
  json.Key("b");
  json.Bool(true);
  json.Key("c");
  json.Real(std::numeric_limits<double>::infinity());
  json.Key("d");
  json.Integer(-3);
  json.EndObject();
  EXPECT_EQ(json.Take(),
            "{\n  \"a\": [\n    1,\n    {},\n    []\n  ],\n  \"b\": true,\n"
            "  \"c\": null,\n  \"d\": -3\n}\n");
}

Program TestProgram() {
  Program program;
  program.name = "two tasks";
  program.defects = {"D99"};
  Expectation found;
  found.variant = "bad";
  found.checker = "lifetime";
  found.title_part = "use-after-free";
  Expectation nothing;
  nothing.variant = "*";
  program.expectations = {found, nothing};
  return program;
}

ExploreResult TestResult(const std::string& variant) {
  ExploreResult result;
  result.variant = variant;
  result.scenario = "two tasks";
  result.arch = "x86-64";
  result.strategy = "dfs";
  result.granularity = Granularity::kAccess;
  result.seed = 7;
  result.executions = 41;
  result.blocked = 1;
  result.exhausted = true;
  result.bound = 2;
  result.stopped = "exhausted";
  result.seconds = 0.25;
  return result;
}

TEST(RunRecordTest, AnExpectedFindingCarriesTheDefectsOfItsProgram) {
  ExploreResult result = TestResult("bad");
  Finding expected;
  expected.checker = "lifetime";
  expected.title = "KASAN: use-after-free in f";
  Finding other;
  other.checker = "deadlock";
  other.title = "KASAN: use-after-free in f";
  result.findings = {expected, other};
  const RunRecord run = MakeRunRecord(TestProgram(), result);
  ASSERT_EQ(run.findings.size(), 2u);
  EXPECT_EQ(run.findings[0].defects, std::vector<std::string>{"D99"});
  EXPECT_TRUE(run.findings[1].defects.empty());
}

TEST(RunRecordTest, AVariantWithoutALineHasThoseOfTheStar) {
  const Program program = TestProgram();
  ASSERT_TRUE(ExpectationsOf(program, "good").has_value());
  EXPECT_TRUE(ExpectationsOf(program, "good")->empty());
  ASSERT_TRUE(ExpectationsOf(program, "bad").has_value());
  EXPECT_EQ(ExpectationsOf(program, "bad")->size(), 1u);
  EXPECT_FALSE(ExpectationsOf(Program(), "good").has_value());
}

TEST(RunsToJsonTest, EveryMemberOfTheSchemaIsThere) {
  ExploreResult result = TestResult("bad");
  Finding finding;
  finding.checker = "lifetime";
  finding.kind = "use-after-free";
  finding.title = "KASAN: use-after-free in \"f\"";
  finding.signature = "s";
  finding.steps = 12;
  finding.switches = 3;
  finding.token = "fl1:AAAA";
  result.findings = {finding};
  const std::string text = RunsToJson({MakeRunRecord(TestProgram(), result)});
  for (const char* member :
       {"\"schema\": 1,",
        "\"faultline\": \"",
        "\"runs\": [",
        "\"variant\": \"bad\"",
        "\"scenario\": \"two tasks\"",
        "\"arch\": \"x86-64\"",
        "\"mode\": \"explored\"",
        "\"strategy\": \"dfs\"",
        "\"granularity\": \"access\"",
        "\"seed\": 7",
        "\"executions\": 41",
        "\"blocked\": 1",
        "\"exhausted\": true",
        "\"bound\": 2",
        "\"stopped\": \"exhausted\"",
        "\"seconds\": 0.250000",
        "\"expected\": [",
        "\"findings\": [",
        "\"checker\": \"lifetime\"",
        "\"kind\": \"use-after-free\"",
        "\"title\": \"KASAN: use-after-free in \\\"f\\\"\"",
        "\"signature\": \"s\"",
        "\"defects\": [",
        "\"D99\"",
        "\"steps\": 12",
        "\"switches\": 3",
        "\"token\": \"fl1:AAAA\""}) {
    EXPECT_TRUE(absl::StrContains(text, member)) << member << "\n" << text;
  }
}

TEST(RunsToJsonTest, NoBoundAndNoExpectationAreNull) {
  ExploreResult result = TestResult("bad");
  result.bound = -1;
  const std::string text = RunsToJson({MakeRunRecord(Program(), result)});
  EXPECT_TRUE(absl::StrContains(text, "\"bound\": null")) << text;
  EXPECT_TRUE(absl::StrContains(text, "\"expected\": null")) << text;
}

TEST(AtomicFileTest, WithoutCommitNothingIsLeft) {
  const std::string path = TestFile("none");
  {
    AtomicFile file;
    ASSERT_TRUE(file.Open(path).ok());
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(AtomicFileTest, TheOldFileStaysUntilCommit) {
  const std::string path = TestFile("old");
  std::ofstream(path) << "old";
  AtomicFile file;
  ASSERT_TRUE(file.Open(path).ok());
  EXPECT_EQ(Read(path), "old");
  ASSERT_TRUE(file.Commit("new").ok());
  EXPECT_EQ(Read(path), "new");
}

TEST(AtomicFileTest, ALinkIsFollowedAndStays) {
  const std::string path = TestFile("target"), link = TestFile("link");
  std::ofstream(path) << "old";
  ASSERT_EQ(symlink(path.c_str(), link.c_str()), 0);
  AtomicFile file;
  ASSERT_TRUE(file.Open(link).ok());
  ASSERT_TRUE(file.Commit("new").ok());
  struct stat status;
  ASSERT_EQ(lstat(link.c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
  EXPECT_EQ(Read(path), "new");
}

TEST(AtomicFileTest, ADeviceIsWrittenAndNotReplaced) {
  AtomicFile file;
  ASSERT_TRUE(file.Open("/dev/null").ok());
  ASSERT_TRUE(file.Commit("text").ok());
  struct stat status;
  ASSERT_EQ(stat("/dev/null", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
}

TEST(AtomicFileTest, WhatCannotBeWrittenIsSaidAtOpen) {
  for (const std::string& path :
       {TestFile("no-such-directory/x"), testing::TempDir()}) {
    AtomicFile file;
    const absl::Status status = file.Open(path);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), path)) << status;
  }
}

}  // namespace
}  // namespace faultline
