// SPDX-License-Identifier: GPL-2.0-only
//
// Memory runs out at every point of every operation.  For each operation of
// the model, for each n, in a machine of its own: the n-th allocation fails,
// then the n-th and the one after it (the second try of what must not sleep).
// Each time
//   - the operation succeeds, or says one of the errors that it may;
//   - the kernel's self-checks find the address space sound, and /proc/PID/maps
//     is what it was wherever 4.13 promises so after an error;
//   - the same operation, with memory, then succeeds;
//   - after the end of the process and umount nothing is left over.
// A line for each operation says at how many points allocations failed.

#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cramfs/testing/mounted_image.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "tests/fail_nth_operations.h"

namespace faultline {

void PrintTo(const Operation& operation, std::ostream* out) {
  *out << operation.name;
}

namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::vector<uint8_t>& Image() {
  static const auto* image =
      new std::vector<uint8_t>(cramfs::MustBuild(WorldTree()));
  return *image;
}

struct Figures {
  int points = 0;  // allocations of the operation when none fails
  std::map<int64_t, int> outcomes;
};

// The lines of maps, neighbours that differ in nothing made one.
std::string WithoutSplits(const std::vector<cramfs::Mapping>& maps) {
  std::string text;
  cramfs::Mapping last;
  for (const cramfs::Mapping& mapping : maps) {
    const bool joins = mapping.start == last.end &&
                       mapping.permissions == last.permissions &&
                       (mapping.offset == 0 ||
                        mapping.offset == last.offset + last.end - last.start);
    if (!joins) {
      absl::StrAppendFormat(&text, "%x-%x %s %x\n", last.start, last.end,
                            last.permissions, last.offset);
      last = mapping;
    }
    last.end = mapping.end;
  }
  absl::StrAppendFormat(&text, "%x-%x %s %x\n", last.start, last.end,
                        last.permissions, last.offset);
  return text;
}

// One machine.  False: there was no allocation left to fail.
bool FailOnce(const std::string& arch, const Operation& operation, int after,
              int count, Figures* figures,
              const std::vector<std::string>& fixes_off = {}) {
  World world(arch, Image(), fixes_off);
  if (operation.prepare != nullptr) operation.prepare(&world);
  EXPECT_THAT(world.machine.CheckMm(), IsEmpty());
  const std::string before = world.machine.MapsText();
  const std::string joined = WithoutSplits(world.machine.Maps());

  world.machine.FailAllocations(after, count);
  const int64_t result = operation.run(&world);
  const int points = world.machine.allocations();
  const bool failed = world.machine.failed_allocations() > 0;
  world.machine.FailAllocations(0, 0);

  EXPECT_THAT(world.machine.CheckMm(), IsEmpty());
  EXPECT_THAT(world.machine.TakeReports(), IsEmpty());
  if (!failed) {
    EXPECT_GE(result, 0);
    figures->points = points;
    return false;
  }
  ++figures->outcomes[result < 0 ? result : 0];
  if (result >= 0) return true;
  EXPECT_TRUE(operation.errors.count(result) > 0) << result;
  if (operation.after == Operation::kAsBefore) {
    EXPECT_EQ(world.machine.MapsText(), before);
  } else if (operation.after == Operation::kSplit) {
    EXPECT_EQ(WithoutSplits(world.machine.Maps()), joined);
  } else {
    return true;
  }
  EXPECT_GE(operation.run(&world), 0) << "once more, with memory";
  EXPECT_THAT(world.machine.CheckMm(), IsEmpty());
  return true;
}

std::string Line(const std::string& arch, const Operation& operation,
                 const Figures& figures) {
  std::vector<std::string> outcomes;
  int failed = 0;
  for (const auto& [result, times] : figures.outcomes) {
    failed += times;
    outcomes.push_back(result == 0 ? absl::StrCat(times, " done all the same")
                       : result <= -1000
                           ? absl::StrCat(times, " signal ", -1000 - result)
                           : absl::StrCat(times, " errno ", -result));
  }
  return absl::StrFormat("%-7s %-46s %3d allocations, %3d failed: %s", arch,
                         operation.name, figures.points, failed,
                         absl::StrJoin(outcomes, ", "));
}

using Param = std::tuple<std::string, size_t>;

class FailNthTest : public testing::TestWithParam<Param> {
 protected:
  static void TearDownTestSuite() {
    std::cout << operations_ << " operations, " << points_ << " allocations, "
              << failed_ << " times one or two of them failed" << std::endl;
  }
  static int operations_, points_, failed_;
};

int FailNthTest::operations_ = 0;
int FailNthTest::points_ = 0;
int FailNthTest::failed_ = 0;

TEST_P(FailNthTest, LeavesASoundAddressSpaceAndNothingBehind) {
  const auto& [arch, index] = GetParam();
  const Operation& operation = AllOperations()[index];
  Figures figures;
  for (const int count : {1, 2}) {
    for (int after = 0; !HasFailure(); ++after) {
      SCOPED_TRACE(absl::StrCat(operation.name, ", allocation ", after));
      if (!FailOnce(arch, operation, after, count, &figures)) break;
      ASSERT_LT(after, 1000);
    }
  }
  std::cout << Line(arch, operation, figures) << std::endl;
  ++operations_;
  points_ += figures.points;
  for (const auto& [result, times] : figures.outcomes) failed_ += times;
  EXPECT_GE(figures.points, operation.at_least);
}

INSTANTIATE_TEST_SUITE_P(
    EveryOperation, FailNthTest,
    testing::Combine(testing::Values("x86-64", "arm"),
                     testing::Range(size_t{0}, AllOperations().size())),
    [](const testing::TestParamInfo<Param>& info) {
      std::string name =
          absl::StrCat(std::get<0>(info.param) == "arm" ? "arm_" : "x86_64_",
                       AllOperations()[std::get<1>(info.param)].name);
      for (char& c : name) {
        if (!absl::ascii_isalnum(c)) c = '_';
      }
      return name;
    });

// ---- that the sweep sees what it looks for ----

const Operation& Named(const std::string& name) {
  for (const Operation& operation : AllOperations()) {
    if (operation.name == name) return operation;
  }
  ADD_FAILURE() << "no operation " << name;
  return AllOperations()[0];
}

// What a whole sweep of x86-64 complains of, a line each.
std::vector<std::string> Complaints(const Operation& operation,
                                    const std::vector<std::string>& fixes_off) {
  testing::TestPartResultArray results;
  {
    const testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::
            INTERCEPT_ONLY_CURRENT_THREAD,
        &results);
    Figures figures;
    for (int after = 0;
         FailOnce("x86-64", operation, after, 1, &figures, fixes_off);) {
      ++after;
    }
  }
  std::vector<std::string> complaints;
  for (int i = 0; i < results.size(); ++i) {
    if (results.GetTestPartResult(i).failed()) {
      complaints.push_back(results.GetTestPartResult(i).message());
    }
  }
  return complaints;
}

TEST(FailNthSeesTest, WhatAForkOf413LeavesBehind) {
  const Operation& fork = Named("fork and the child's exit");
  EXPECT_THAT(Complaints(fork, {}), IsEmpty());
  EXPECT_THAT(Complaints(fork, {"pat-fork"}), Contains(HasSubstr("untrack_pfn")));
}

TEST(FailNthSeesTest, AnErrnoThatIsNotPermitted) {
  Operation mmap = Named("mmap anonymous");
  mmap.errors = {-11};
  EXPECT_THAT(Complaints(mmap, {}), Contains(HasSubstr("-12")));
}

TEST(FailNthSeesTest, AnAddressSpaceThatIsNotAsBefore) {
  Operation munmap = Named("munmap in the middle");
  munmap.after = Operation::kAsBefore;
  EXPECT_THAT(Complaints(munmap, {}), Contains(HasSubstr("MapsText")));
  Operation mmap = Named("mmap over parts of others");
  mmap.after = Operation::kSplit;
  EXPECT_THAT(Complaints(mmap, {}), Contains(HasSubstr("WithoutSplits")));
}

TEST(FailNthSeesTest, AnOperationThatLeaksAPage) {
  Operation leak = Named("get_user_pages, anonymous");
  leak.run = [](World* w) {
    uint64_t pfn;
    return w->k().gup_pin(World::kAnon, 1, 1, &pfn) - 1;
  };
  EXPECT_THAT(Complaints(leak, {}), Not(IsEmpty()));
}

}  // namespace
}  // namespace faultline
