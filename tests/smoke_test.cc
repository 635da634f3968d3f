// SPDX-License-Identifier: GPL-2.0-only
//
// One fault in each kernel build: x86-64 and 32-bit ARM, explored and native,
// from the same litmus text.  The tail of a partly mapped file is touched, and
// what the task reads must be the file's bytes; without an MMU too, where no
// access faults.

#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sim/explorer.h"
#include "sim/native_runner.h"
#include "sim/program/litmus_parser.h"

namespace faultline {
namespace {

constexpr const char* kProgram = R"(litmus "one fault"
machine
    arch $ARCH
image
    f: 5 pages + 100 bytes, direct 0-3, compressed 4-5
setup
    m = mmap(f, 0p, 6p, r, private)
task A
    load(m, 8)
    load(m + 4p, 8)
    load(m + 5p + 99)
task B
    load(m + 4p + 8, 8)
legal
    A: ok
    B: ok
)";

struct Build {
  const char* arch;
  const char* variant;
};

void PrintTo(const Build& build, std::ostream* to) {
  *to << build.arch << " " << build.variant;
}

class SmokeTest : public ::testing::TestWithParam<Build> {
 protected:
  Program Parse() {
    std::string text = kProgram;
    text.replace(text.find("$ARCH"), 5, GetParam().arch);
    absl::StatusOr<Program> program = ParseLitmus(text, "smoke");
    EXPECT_TRUE(program.ok()) << program.status();
    return program.ok() ? *program : Program();
  }
  // What v3 leaves behind without any race is not this test's matter.
  static const std::vector<std::string>& Checkers() {
    static const std::vector<std::string> checkers = {
        "lifetime", "kernel-bug", "deadlock", "lock-rules", "data-integrity"};
    return checkers;
  }
};

#if !defined(FAULTLINE_NO_EXPLORED)
TEST_P(SmokeTest, FaultsAreServedOnFibers) {
  ExploreOptions options;
  options.variant = GetParam().variant;
  options.checkers = Checkers();
  options.max_executions = 300;
  options.paranoid = true;
  for (Granularity granularity : {Granularity::kSync, Granularity::kAccess}) {
    options.granularity = granularity;
    absl::StatusOr<ExploreResult> result = Explore(Parse(), options);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->executions, 300u);
    EXPECT_EQ(result->blocked, 0u);
    EXPECT_GT(result->steps, 300u * 100);
    for (const Finding& finding : result->findings) {
      ADD_FAILURE() << finding.checker << ": " << finding.title;
    }
  }
}
#endif

TEST_P(SmokeTest, FaultsAreServedOnThreads) {
  StressOptions options;
  options.variant = GetParam().variant;
  options.checkers = {"kernel-bug", "data-integrity"};
  options.max_rounds = 50;
  absl::StatusOr<StressResult> result = Stress(Parse(), options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rounds, 50u);
  EXPECT_EQ(result->operations, 50u * 5);  // the mmap and four loads
  EXPECT_EQ(result->stuck, 0u);
  for (const Finding& finding : result->findings) {
    ADD_FAILURE() << finding.checker << ": " << finding.title;
  }
}

std::string Name(const ::testing::TestParamInfo<Build>& info) {
  std::string name = absl::StrCat(info.param.arch, "_", info.param.variant);
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, SmokeTest,
                         ::testing::Values(Build{"x86-64", "v3"},
                                           Build{"x86-64", "mainline"},
                                           Build{"x86-64", "paged"},
                                           Build{"arm", "v3"},
                                           Build{"arm", "mainline"},
                                           Build{"arm", "paged"},
                                           Build{"arm-nommu", "v3"},
                                           Build{"arm-nommu", "mainline"},
                                           Build{"arm-nommu", "paged"}),
                         Name);

}  // namespace
}  // namespace faultline
