// SPDX-License-Identifier: GPL-2.0-only
//
// Every litmus program against every variant: what its `expect` lines say is
// what a search finds, and nothing else.  A finding must replay from its token,
// step by step, to the same finding.  The bugs of 4.13 that were fixed since
// (stock-*) are not found with the fix in place.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/explored_runtime.h"
#include "sim/explorer.h"
#include "sim/kernel_library.h"
#include "sim/program/litmus_parser.h"

namespace faultline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVariants[] = {"v3", "mainline", "paged"};
// Enough for every expected finding with room to spare; what is expected to
// be clean gets the same.
constexpr uint64_t kExecutions = 4000;

struct Case {
  std::string file;
  std::string variant;
};

std::vector<std::string> LitmusFiles() {
  std::vector<std::string> files;
  const fs::path root =
      fs::path(getenv("TEST_SRCDIR")) / "faultline" / "tests" / "litmus";
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.path().extension() == ".litmus") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string FileNamed(const std::string& name) {
  for (const std::string& file : LitmusFiles()) {
    if (fs::path(file).stem() == name) return file;
  }
  return "";
}

Program Parse(const std::string& file) {
  std::ifstream in(file);
  std::string text((std::istreambuf_iterator<char>(in)),
                   std::istreambuf_iterator<char>());
  absl::StatusOr<Program> program = ParseLitmus(text, file);
  if (!program.ok()) {
    ADD_FAILURE() << program.status();
    return Program();
  }
  return *program;
}

// The line of `variant`, or that of all that have none of their own.
const Expectation* ExpectationOf(const Program& program,
                                 const std::string& variant) {
  const Expectation* general = nullptr;
  for (const Expectation& line : program.expectations) {
    if (line.variant == variant) return &line;
    if (line.variant == "*") general = &line;
  }
  return general;
}

std::string Describe(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    absl::StrAppend(&text, "\n  ", finding.checker, ": ", finding.title, " (",
                    finding.count, " times, ", finding.location, ")");
    for (const std::string& line : finding.details) {
      absl::StrAppend(&text, "\n      ", line);
    }
  }
  return text.empty() ? "\n  nothing" : text;
}

class LitmusTest : public ::testing::TestWithParam<Case> {};

TEST_P(LitmusTest, FindsWhatIsExpectedAndNothingElse) {
  const Program program = Parse(GetParam().file);
  const Expectation* expected = ExpectationOf(program, GetParam().variant);
  if (expected == nullptr) GTEST_SKIP() << "the program leaves it open";

  ExploreOptions options;
  options.variant = GetParam().variant;
  options.max_executions = kExecutions;
  if (expected->granularity == "access") {
    options.granularity = Granularity::kAccess;
  }
  absl::StatusOr<ExploreResult> result = Explore(program, options);
  ASSERT_TRUE(result.ok()) << result.status();
  if (expected->checker.empty()) {
    EXPECT_TRUE(result->findings.empty())
        << "found" << Describe(result->findings);
    return;
  }
  const Finding* found = nullptr;
  for (const Finding& finding : result->findings) {
    if (finding.checker == expected->checker &&
        absl::StrContains(finding.title, expected->title_part)) {
      found = &finding;
    }
  }
  ASSERT_NE(found, nullptr)
      << "expected " << expected->checker << " \"" << expected->title_part
      << "\" in " << result->executions << " executions, found"
      << Describe(result->findings);

  absl::StatusOr<ReplayResult> replay = Replay(program, found->token, options);
  ASSERT_TRUE(replay.ok()) << replay.status();
  std::vector<std::string> again;
  for (const Finding& finding : replay->findings) {
    again.push_back(finding.signature);
  }
  EXPECT_THAT(again, ::testing::Contains(found->signature));
  EXPECT_EQ(replay->steps, found->steps);
}

// Fixes that no program can show, and why.
const std::map<std::string, std::string>& WithoutProgram() {
  static const auto* reasons = new std::map<std::string, std::string>{
      {"mmap_region-unacct",
       "no variant refuses a private writable mapping; mm/limits_test.cc"},
      {"cramfs_lookup-short-entry",
       "a file that cannot be opened ends a program before it begins; "
       "cramfs/testing/fixes_test.cc"},
      {"vmacache-wrap",
       "the number comes round after 2^32 unmappings; mm/mmap_test.cc"},
      {"hva_to_pfn_remapped-refcount",
       "no driver of the language maps frames that are counted; "
       "mm/gup_test.cc"},
  };
  return *reasons;
}

// StockTest and LitmusTest run what this asks to be there.
TEST(FixesTest, EachHasAProgramThatFindsWhatItRepairs) {
  std::set<std::string> covered;
  for (const std::string& file : LitmusFiles()) {
    const Program program = Parse(file);
    const bool finds =
        std::any_of(program.expectations.begin(), program.expectations.end(),
                    [](const Expectation& e) { return !e.checker.empty(); });
    if (!finds) continue;
    covered.insert(program.machine.fixes_off.begin(),
                   program.machine.fixes_off.end());
  }
  const absl::StatusOr<std::string> path =
      KernelPath("x86-64", /*explored=*/true, /*physmem=*/true);
  ASSERT_TRUE(path.ok()) << path.status();
  const absl::StatusOr<const KernelLibrary*> library =
      KernelLibrary::Load(*path, ExploredRuntime::Table());
  ASSERT_TRUE(library.ok()) << library.status();
  int fixes = 0;
  for (; const char* name = (*library)->kernel().fix_name(fixes); ++fixes) {
    EXPECT_NE(covered.count(name), WithoutProgram().count(name)) << name;
  }
  EXPECT_GE(fixes, 9);
}

// What a fix of the kernel repairs is there without it and gone with it.
class StockTest : public ::testing::TestWithParam<Case> {};

TEST_P(StockTest, IsNotFoundWithTheFixesOn) {
  Program program = Parse(GetParam().file);
  if (program.machine.fixes_off.empty()) GTEST_SKIP() << "has no fix";
  program.machine.fixes_off.clear();
  ExploreOptions options;
  options.variant = GetParam().variant;
  options.max_executions = kExecutions;
  absl::StatusOr<ExploreResult> result = Explore(program, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->findings.empty())
      << "found" << Describe(result->findings);
}

// ---- the kernel checks its vmas at each step ----

absl::StatusOr<ExploreResult> CheckedAtEachStep(const Program& program,
                                                const std::string& variant,
                                                bool check_steps,
                                                uint64_t executions) {
  ExploreOptions options;
  options.variant = variant;
  options.checkers = {"accounting"};
  options.max_executions = executions;
  options.check_steps = check_steps;
  return Explore(program, options);
}

// v3 changes vm_pgoff of a vma that stands in the file's interval tree.
TEST(CheckStepsTest, ATreeIsFoundBrokenWhereItBreaks) {
  const Program program = Parse(FileNamed("d14-reclaim"));
  const auto late = CheckedAtEachStep(program, "v3", false, kExecutions);
  const auto early = CheckedAtEachStep(program, "v3", true, kExecutions);
  ASSERT_TRUE(late.ok() && early.ok());
  ASSERT_FALSE(late->findings.empty());
  ASSERT_FALSE(early->findings.empty());
  const Finding& found = early->findings[0];
  EXPECT_THAT(found.title, ::testing::HasSubstr("rmap misses"));
  EXPECT_LT(found.step, late->findings[0].step);

  // The token knows that there was checking.
  ExploreOptions options;
  options.checkers = {"accounting"};
  const auto replay = Replay(program, found.token, options);
  ASSERT_TRUE(replay.ok()) << replay.status();
  ASSERT_EQ(replay->findings.size(), 1u);
  EXPECT_EQ(replay->findings[0].signature, found.signature);
  EXPECT_EQ(replay->steps, found.steps);
}

// Nobody without mmap_sem for writing leaves anything half done.
TEST(CheckStepsTest, MainlineIsSoundAtEachStep) {
  for (const std::string& file : LitmusFiles()) {
    const Program program = Parse(file);
    const Expectation* expected = ExpectationOf(program, "mainline");
    if (expected == nullptr || !expected->checker.empty()) continue;
    const auto result = CheckedAtEachStep(program, "mainline", true, 50);
    ASSERT_TRUE(result.ok()) << file << ": " << result.status();
    EXPECT_TRUE(result->findings.empty()) << file << Describe(result->findings);
  }
}

std::vector<Case> Cases(const std::string& prefix) {
  std::vector<Case> cases;
  for (const std::string& file : LitmusFiles()) {
    if (!absl::StartsWith(fs::path(file).stem().string(), prefix)) continue;
    for (const char* variant : kVariants) cases.push_back({file, variant});
  }
  return cases;
}

std::string CaseName(const ::testing::TestParamInfo<Case>& info) {
  std::string name = absl::StrCat(fs::path(info.param.file).stem().string(),
                                  "_", info.param.variant);
  for (char& c : name) {
    if (!isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, LitmusTest, ::testing::ValuesIn(Cases("")),
                         CaseName);
INSTANTIATE_TEST_SUITE_P(All, StockTest, ::testing::ValuesIn(Cases("stock-")),
                         CaseName);

}  // namespace
}  // namespace faultline
