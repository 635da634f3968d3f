// SPDX-License-Identifier: GPL-2.0-only
//
// Every checker fires on the bug planted for it, alone, and is silent when it
// is turned off.

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sim/checker_set.h"
#include "sim/explorer.h"
#include "sim/testing/fake_program.h"

namespace faultline {
namespace {

struct Planted {
  const char* name;
  const char* checker;
  const char* kind;
  const char* title;  // a part of it
  std::vector<std::vector<Op>> tasks;
};

void PrintTo(const Planted& planted, std::ostream* to) { *to << planted.name; }

const Op kAlloc = Command(FAKE_ALLOC, 0), kFree = Command(FAKE_FREE, 0),
         kUse = Command(FAKE_USE, 0);

std::vector<Planted> AllPlanted() {
  return {
      {"UseAfterFree",
       "lifetime",
       "use-after-free",
       "KASAN: use-after-free in fake_use",
       {{kAlloc, kFree, kUse}}},
      {"DoubleFree",
       "lifetime",
       "double-free",
       "KASAN: double-free or invalid-free in sys_madvise",
       {{Command(FAKE_ALLOC, 1), kAlloc, kFree, kFree}}},
      {"OutOfBounds",
       "lifetime",
       "slab-out-of-bounds",
       "KASAN: slab-out-of-bounds in fake_out_of_bounds",
       {{kAlloc, Command(FAKE_OUT_OF_BOUNDS, 0), kFree}}},
      {"NullDereference",
       "kernel-bug",
       "oops",
       "unable to handle kernel NULL pointer dereference in fake_null",
       {{Command(FAKE_NULL)}}},
      {"WildPointer",
       "kernel-bug",
       "oops",
       "unable to handle kernel paging request in fake_wild",
       {{Command(FAKE_WILD)}}},
      {"FaultInPlainCode",
       "kernel-bug",
       "oops",
       "unable to handle kernel paging request in fake_hard_fault",
       {{Command(FAKE_HARD_FAULT)}}},
      {"StackOverflow",
       "kernel-bug",
       "oops",
       "kernel stack overflow",
       {{Command(FAKE_OVERFLOW)}}},
      {"Bug",
       "kernel-bug",
       "BUG",
       "kernel BUG in fake_expect at sim/testing/fake_kernel.cc:",
       {{Command(FAKE_EXPECT, 0, 1)}}},
      {"Warning",
       "kernel-bug",
       "WARN",
       "WARNING in sys_madvise",
       {{Command(FAKE_WARN)}}},
      {"Deadlock",
       "deadlock",
       "deadlock",
       "possible deadlock on lock_0, lock_1",
       {{Command(FAKE_LOCK_BOTH, 0, 1)}, {Command(FAKE_LOCK_BOTH, 1, 0)}}},
      {"LostWakeUp",
       "deadlock",
       "deadlock",
       "possible deadlock on a wake-up",
       {{Command(FAKE_SLEEP, 0)}}},
      {"UnlockNotHeld",
       "lock-rules",
       "not-held",
       "bad unlock balance: lock_0",
       {{Command(FAKE_UNLOCK, 0)}}},
      {"WrongMode",
       "lock-rules",
       "wrong-mode",
       "released for read",
       {{Command(FAKE_WRONG_MODE, 0)}}},
      {"Recursion",
       "lock-rules",
       "recursion",
       "possible recursive locking of lock_0",
       {{Command(FAKE_RECURSION, 0)}}},
      {"HeldAtExit",
       "lock-rules",
       "held-at-exit",
       "lock_0 still held",
       {{Command(FAKE_LEAVE_LOCKED, 0)}}},
      {"Leak",
       "accounting",
       "leftover",
       "Objects remaining in fake cache",
       {{kAlloc}}},
      {"BadProcess",
       "accounting",
       "leftover",
       "Bad fake mm",
       {{Command(FAKE_LEAVE_BAD)}}},
  };
}

class PlantedBug : public testing::TestWithParam<Planted> {};

ExploreResult Search(const Program& program,
                     const std::vector<std::string>& checkers) {
  ExploreOptions options = FakeOptions(Granularity::kSync);
  options.max_executions = 50;
  options.checkers = checkers;
  absl::StatusOr<ExploreResult> result = Explore(program, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : ExploreResult();
}

TEST_P(PlantedBug, IsFoundByItsCheckerAlone) {
  const Planted& planted = GetParam();
  const ExploreResult result = Search(FakeProgram(planted.tasks), {});
  ASSERT_EQ(result.findings.size(), 1u)
      << (result.findings.size() > 1
              ? result.findings[0].title + ", " + result.findings[1].title
              : "");
  const Finding& finding = result.findings[0];
  EXPECT_EQ(finding.checker, planted.checker);
  EXPECT_EQ(finding.kind, planted.kind);
  EXPECT_NE(finding.title.find(planted.title), std::string::npos)
      << finding.title;
  EXPECT_EQ(finding.signature.find(planted.checker), 0u);
}

TEST_P(PlantedBug, IsNotFoundWithoutItsChecker) {
  const Planted& planted = GetParam();
  std::vector<std::string> others = CheckerNames();
  others.erase(std::find(others.begin(), others.end(), planted.checker));
  const ExploreResult result = Search(FakeProgram(planted.tasks), others);
  for (const Finding& finding : result.findings) {
    // A task that waits for itself is a deadlock as well.
    EXPECT_EQ(std::string(planted.name), "Recursion") << finding.title;
    EXPECT_EQ(finding.checker, "deadlock");
  }
}

INSTANTIATE_TEST_SUITE_P(, PlantedBug, testing::ValuesIn(AllPlanted()),
                         [](const testing::TestParamInfo<Planted>& info) {
                           return std::string(info.param.name);
                         });

TEST(Lifetime, TellsTheLifeOfTheObject) {
  const ExploreResult result =
      Search(FakeProgram({{kAlloc, kFree, kUse}}), {"lifetime"});
  ASSERT_EQ(result.findings.size(), 1u);
  const std::vector<std::string>& details = result.findings[0].details;
  ASSERT_EQ(details.size(), 4u);
  EXPECT_EQ(details[0].find("Write of size 8 by task A, at fake_use (sim/"), 0u)
      << details[0];
  EXPECT_EQ(details[1],
            "The address is 8 bytes from the start of a 32-byte object of "
            "cache fake_object");
  EXPECT_EQ(details[2].find("Allocated by task A in step "), 0u);
  EXPECT_EQ(details[3].find("Freed by task A in step "), 0u);
}

TEST(Lifetime, ForgetsBetweenExecutions) {
  // Each execution allocates the object anew, from the same memory.
  ExploreOptions options = FakeOptions(Granularity::kSync);
  options.max_executions = 100;
  absl::StatusOr<ExploreResult> result = Explore(
      FakeProgram({{kAlloc, kUse, kFree}, {Command(FAKE_LOCK_UNLOCK, 1)}}),
      options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->executions, 100u);
  EXPECT_TRUE(result->findings.empty()) << result->findings[0].title;
}

TEST(Deadlock, SaysWhoWaitsAndWhoHolds) {
  const ExploreResult result =
      Search(FakeProgram({{Command(FAKE_LOCK_BOTH, 0, 1)},
                          {Command(FAKE_LOCK_BOTH, 1, 0)}}),
             {"deadlock"});
  ASSERT_EQ(result.findings.size(), 1u);
  const std::vector<std::string>& details = result.findings[0].details;
  ASSERT_EQ(details.size(), 4u);
  EXPECT_EQ(details[0].find("task A waits for lock_1 (write), at sys_madvise"),
            0u)
      << details[0];
  EXPECT_EQ(details[1].find("  held by task B for write since step "), 0u);
  EXPECT_EQ(details[2].find("task B waits for lock_0 (write)"), 0u);
  EXPECT_EQ(details[3].find("  held by task A for write since step "), 0u);
}

Op Mmap(uint64_t pages) {
  Op op;
  op.kind = OpKind::kMmap;
  op.result = "m";
  op.length.pages = static_cast<int64_t>(pages);
  op.prot = kProtRead | kProtWrite;
  return op;
}

Op Access(OpKind kind, uint64_t value) {
  Op op;
  op.kind = kind;
  op.address.variable = "m";
  op.value = value;
  return op;
}

TEST(DataIntegrity, NoticesAByteThatNobodyStored) {
  Program program =
      FakeProgram({{Access(OpKind::kStore, 5), Access(OpKind::kLoad, 0)}});
  program.setup = {Mmap(1)};
  EXPECT_TRUE(Search(program, {}).findings.empty());
  program.tasks[0].ops.insert(program.tasks[0].ops.begin() + 1,
                              Command(FAKE_CORRUPT, 0));
  const ExploreResult result = Search(program, {});
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].checker, "data-integrity");
  std::vector<std::string> others = CheckerNames();
  others.erase(std::find(others.begin(), others.end(), "data-integrity"));
  EXPECT_TRUE(Search(program, others).findings.empty());
}

TEST(DataIntegrity, LegalRulesAddToTheOracle) {
  Program program =
      FakeProgram({{Access(OpKind::kStore, 5)}, {Access(OpKind::kLoad, 0)}});
  program.setup = {Mmap(1)};
  LegalRule rule;
  rule.task = "B";
  rule.any_of = {{OutcomeKind::kValue, 0, 0}, {OutcomeKind::kValue, 0, 5}};
  program.legal = {rule};
  EXPECT_TRUE(Search(program, {}).findings.empty());
  program.legal[0].any_of.pop_back();
  const ExploreResult result = Search(program, {});
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].checker, "data-integrity");
  EXPECT_EQ(result.findings[0].title, "illegal outcome of task B");
}

TEST(DataIntegrity, ATaskThatGotASignalIsOver) {
  Program program =
      FakeProgram({{Access(OpKind::kLoad, 0), Command(FAKE_EXPECT, 0, 1)}});
  Op absolute = Access(OpKind::kLoad, 0);
  absolute.address = Address();
  program.tasks[0].ops[0] = absolute;
  LegalRule rule;
  rule.task = "A";
  rule.any_of = {{OutcomeKind::kSigsegv, 0, 0}};
  program.legal = {rule};
  EXPECT_TRUE(Search(program, {}).findings.empty());
}

}  // namespace
}  // namespace faultline
