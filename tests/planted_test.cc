// SPDX-License-Identifier: GPL-2.0-only
//
// Bugs planted in the model itself (cramfs/variants/planted.cc), each to be
// caught by one checker and by no other; with that checker off, nothing is
// found at all.

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sim/explorer.h"
#include "sim/program/litmus_parser.h"

namespace faultline {
namespace {

struct Planted {
  const char* variant;
  const char* checker;  // nullptr: a correct variant, nothing is found
  const char* title_part;
  Granularity granularity = Granularity::kSync;
  // A second line of defence that sees what the first let pass: the slab's own
  // check behind a double free, the deadlock that a recursive lock ends in.
  const char* behind = nullptr;
};

void PrintTo(const Planted& planted, std::ostream* to) {
  *to << planted.variant;
}

// Two tasks fault on two pages of one file, as far apart as one lock's order.
constexpr const char* kProgram = R"(litmus "two faults"
image
    f: 4 pages, direct 0, compressed 1-3
setup
    m = mmap(f, 0p, 4p, r, private)
task A
    load(m)
task B
    load(m + 1p)
)";

class PlantedTest : public ::testing::TestWithParam<Planted> {
 protected:
  ExploreResult Search(const std::vector<std::string>& checkers) {
    absl::StatusOr<Program> program = ParseLitmus(kProgram, "planted");
    EXPECT_TRUE(program.ok()) << program.status();
    ExploreOptions options;
    options.kernel_path =
        std::string(getenv("TEST_SRCDIR")) +
        "/faultline/sim/kernels/kernel_x86_64_explored_planted.so";
    options.variant = GetParam().variant;
    options.granularity = GetParam().granularity;
    options.checkers = checkers;
    options.max_executions = 2000;
    absl::StatusOr<ExploreResult> result = Explore(*program, options);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : ExploreResult();
  }
};

TEST_P(PlantedTest, IsCaughtByItsCheckerAndByNoOther) {
  const Planted& planted = GetParam();
  const ExploreResult result = Search({});
  if (planted.checker == nullptr) {
    for (const Finding& finding : result.findings) {
      ADD_FAILURE() << finding.checker << ": " << finding.title;
    }
    return;
  }
  ASSERT_FALSE(result.findings.empty()) << result.executions << " executions";
  for (const Finding& finding : result.findings) {
    EXPECT_EQ(finding.checker, planted.checker) << finding.title;
    EXPECT_NE(finding.title.find(planted.title_part), std::string::npos)
        << finding.title;
  }
}

TEST_P(PlantedTest, GoesUnseenWhenItsCheckerIsOff) {
  const Planted& planted = GetParam();
  if (planted.checker == nullptr) GTEST_SKIP() << "has no bug";
  std::vector<std::string> others = CheckerNames();
  others.erase(std::find(others.begin(), others.end(), planted.checker));
  ASSERT_EQ(others.size() + 1, CheckerNames().size());
  if (planted.behind != nullptr) {
    const ExploreResult second = Search(others);
    ASSERT_FALSE(second.findings.empty());
    for (const Finding& finding : second.findings) {
      EXPECT_EQ(finding.checker, planted.behind) << finding.title;
    }
    others.erase(std::find(others.begin(), others.end(), planted.behind));
  }
  for (const Finding& finding : Search(others).findings) {
    ADD_FAILURE() << finding.checker << ": " << finding.title;
  }
}

std::string Name(const ::testing::TestParamInfo<Planted>& info) {
  std::string name = info.param.variant;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    All, PlantedTest,
    ::testing::Values(
        Planted{"planted-use-after-free", "lifetime", "use-after-free"},
        Planted{"planted-double-free", "lifetime", "double-free",
                Granularity::kSync, "kernel-bug"},
        Planted{"planted-out-of-bounds", "lifetime", "out-of-bounds"},
        Planted{"planted-wrong-data", "data-integrity", ""},
        Planted{"planted-bug", "kernel-bug", "BUG in bug_fault"},
        Planted{"planted-deadlock", "lock-rules", "recursive locking",
                Granularity::kSync, "deadlock"},
        Planted{"planted-abba", "deadlock", ""},
        Planted{"planted-lock-leak", "lock-rules", ""},
        Planted{"planted-wrong-release", "lock-rules", ""},
        Planted{"planted-leak", "accounting", "kmalloc-32"},
        // x++ by two tasks: seen only where every access is a step.
        Planted{"planted-race", "kernel-bug", "BUG in race_close",
                Granularity::kAccess},
        Planted{"paged", nullptr, ""}),
    Name);

// The other half of the canary: at sync granularity the increment is atomic.
TEST(PlantedRaceTest, NeedsAccessGranularity) {
  absl::StatusOr<Program> program = ParseLitmus(kProgram, "planted");
  ASSERT_TRUE(program.ok());
  ExploreOptions options;
  options.kernel_path =
      std::string(getenv("TEST_SRCDIR")) +
      "/faultline/sim/kernels/kernel_x86_64_explored_planted.so";
  options.variant = "planted-race";
  options.max_executions = 2000;
  absl::StatusOr<ExploreResult> result = Explore(*program, options);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->findings.empty());
}

// ---- bugs in the model's own flushes, switches of a planted build ----

// A task stores to, or reads, a page that the other one takes away.
struct PlantedFlush {
  const char* fix;
  const char* program;
  const char* checker;
  Granularity granularity;
};

void PrintTo(const PlantedFlush& planted, std::ostream* to) {
  *to << planted.fix;
}

class PlantedFlushTest : public ::testing::TestWithParam<PlantedFlush> {
 protected:
  ExploreResult Search(bool planted, uint64_t executions) {
    absl::StatusOr<Program> program =
        ParseLitmus(GetParam().program, "planted");
    EXPECT_TRUE(program.ok()) << program.status();
    if (!program.ok()) return ExploreResult();
    if (planted) program->machine.fixes_off.push_back(GetParam().fix);
    ExploreOptions options;
    options.kernel_path =
        std::string(getenv("TEST_SRCDIR")) +
        "/faultline/sim/kernels/kernel_x86_64_explored_planted.so";
    options.variant = "paged";
    options.granularity = GetParam().granularity;
    options.max_executions = executions;
    absl::StatusOr<ExploreResult> result = Explore(*program, options);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : ExploreResult();
  }
};

TEST_P(PlantedFlushTest, StaleEntryIsCaught) {
  const ExploreResult result = Search(true, 20000);
  ASSERT_FALSE(result.findings.empty()) << result.executions << " executions";
  for (const Finding& finding : result.findings) {
    EXPECT_EQ(finding.checker, GetParam().checker) << finding.title;
  }
}

TEST_P(PlantedFlushTest, NothingIsFoundWithTheFlushInItsPlace) {
  for (const Finding& finding : Search(false, 2000).findings) {
    ADD_FAILURE() << finding.checker << ": " << finding.title;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, PlantedFlushTest,
    ::testing::Values(
        // B's mprotect has returned, and A still stores.
        PlantedFlush{"planted-mprotect-flush", R"(litmus "mprotect"
setup
    m = mmap(anon, 0p, 1p, rw, private)
    store(m, 1)
task A
    store(m, 2)
    store(m, 3)
task B
    mprotect(m, 1p, r)
    load(m)
    load(m)
)",
                     "data-integrity", Granularity::kSync},
        // The page is free before A's processor has forgotten it.
        PlantedFlush{"planted-free-after-flush", R"(litmus "munmap"
setup
    m = mmap(anon, 0p, 1p, rw, private)
    store(m, 1)
task A
    load(m)
    load(m)
task B
    munmap(m, 1p)
)",
                     "lifetime", Granularity::kAccess}),
    [](const ::testing::TestParamInfo<PlantedFlush>& info) {
      std::string name = info.param.fix;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace faultline
