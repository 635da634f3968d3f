// SPDX-License-Identifier: GPL-2.0-only
//
// The model against the kernel that this runs on.

#include "sim/conformance/differential.h"

#include <sys/utsname.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sim/conformance/generator.h"
#include "sim/conformance/rules.h"
#include "sim/program/litmus_format.h"
#include "sim/program/litmus_parser.h"

namespace faultline {
namespace {

constexpr int kOperations = 30;

Program MustParse(const std::string& text) {
  absl::StatusOr<Program> program = ParseLitmus(text, "test.litmus");
  EXPECT_TRUE(program.ok()) << program.status();
  return program.ok() ? *program : Program();
}

absl::StatusOr<Comparison> RunOnce(const std::string& text) {
  const Program program = MustParse(text);
  absl::StatusOr<std::unique_ptr<Differential>> both =
      Differential::Create(program, "paged");
  if (!both.ok()) return both.status();
  return (*both)->Run(program, /*check=*/true);
}

// Every program agrees, apart from the rules.  A program that does not is
// printed at its smallest.
void ExpectAgreement(uint64_t first_seed, int programs) {
  absl::StatusOr<std::unique_ptr<Differential>> both =
      Differential::Create(GeneratorBase(), "paged");
  ASSERT_TRUE(both.ok()) << both.status();
  std::map<std::string, int> rules;
  uint64_t operations = 0;
  for (int i = 0; i < programs; ++i) {
    const Program program = GenerateProgram(first_seed + i, kOperations);
    absl::StatusOr<Comparison> comparison = (*both)->Run(program, i % 8 == 0);
    ASSERT_TRUE(comparison.ok()) << comparison.status();
    operations += (*both)->operations();
    for (const std::string& rule : comparison->rules) ++rules[rule];
    if (!comparison->difference.has_value()) continue;
    const Program smallest = Shrink(program, [&](const Program& fewer) {
      absl::StatusOr<Comparison> again = (*both)->Run(fewer, true);
      return again.ok() && again->difference.has_value() &&
             again->difference->kind == comparison->difference->kind;
    });
    absl::StatusOr<Comparison> last = (*both)->Run(smallest, true);
    FAIL() << FormatLitmus(smallest)
           << (last.ok() && last->difference.has_value()
                   ? last->difference->text
                   : comparison->difference->text);
  }
  std::cout << programs << " programs, " << operations << " operations";
  for (const auto& [rule, count] : rules) {
    std::cout << ", rule " << rule << " in " << count;
  }
  std::cout << "\n";
}

TEST(Differential, FixedProgramsAgreeWithTheHost) { ExpectAgreement(1, 2000); }

TEST(Differential, FreshProgramsAgreeWithTheHost) {
  const uint64_t seed = (uint64_t{std::random_device()()} << 20) + 1000000;
  std::cout << "seeds from " << seed << "\n";
  ExpectAgreement(seed, 1000);
}

// The comparison is no formality: a model that is told to have a bug is told
// apart from the host.
TEST(Differential, APlantedBugIsADifference) {
  absl::StatusOr<Comparison> comparison = RunOnce(R"(
litmus "zeros-for-sigbus"
machine
    fix vma_is_anonymous off
image
    f: 1 page
task A
    m = mmap(f, 0p, 2p, r, private)
    load(m + 1p)
)");
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_FALSE(comparison->difference.has_value())
      << "paged mappings have vm_ops: " << comparison->difference->text;
  // The direct mapping of v3 shows a physical address as offset.
  const Program program = MustParse(R"(
litmus "direct"
image
    f: 2 pages, direct 0-1
task A
    mmap(f, 0p, 2p, r, private)
)");
  absl::StatusOr<std::unique_ptr<Differential>> both =
      Differential::Create(program, "v3");
  ASSERT_TRUE(both.ok()) << both.status();
  comparison = (*both)->Run(program, true);
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  ASSERT_TRUE(comparison->difference.has_value());
  EXPECT_EQ(comparison->difference->kind, DifferenceKind::kMaps);
}

TEST(Differential, SignalsErrorsAndBytesAreLookedAt) {
  const Program program = MustParse(R"(
litmus "all"
image
    f: 1 page + 10 bytes
task A
    m = mmap(f, 0p, 4p, r, private)
    load(m + 2p + 5)
    store(m + 1, 7)
    munmap(m, 0p)
    v = load(m + 8, 8)
    read(f, 1p, 2p)
)");
  absl::StatusOr<ProgramImage> image = MakeProgramImage(program);
  ASSERT_TRUE(image.ok());
  absl::StatusOr<CompiledProgram> compiled = CompileProgram(program);
  ASSERT_TRUE(compiled.ok());
  absl::StatusOr<std::unique_ptr<SerialHost>> host = SerialHost::Create(*image);
  ASSERT_TRUE(host.ok()) << host.status();
  absl::StatusOr<SerialRun> run = (*host)->Run(*compiled);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->steps.size(), 6u);
  EXPECT_EQ(run->steps[0].value, 0x4000);
  ASSERT_EQ(run->steps[0].maps.size(), 1u);
  EXPECT_EQ(run->steps[0].maps[0].permissions, "r--p");
  EXPECT_EQ(run->steps[0].maps[0].file, 0);
  EXPECT_EQ(run->steps[1].sig, 7);
  EXPECT_EQ(run->steps[1].si_code, 2);
  EXPECT_EQ(run->steps[1].fault_below, 0x4000u - 0x2005u);
  EXPECT_EQ(run->steps[2].sig, 11);
  EXPECT_EQ(run->steps[2].si_code, 2);
  EXPECT_EQ(run->steps[3].value, -22);
  EXPECT_EQ(run->steps[4].loaded & 0xff, FileByte("f", 8));
  EXPECT_EQ(run->steps[5].value, 10);
  // Each of these facts is one that Compare would miss at its peril.
  const auto differs = [&](auto change) {
    SerialRun other = *run;
    change(&other);
    Comparison comparison = Compare(other, *run, {"f"});
    return comparison.difference.has_value()
               ? std::string(DifferenceKindName(comparison.difference->kind))
               : "nothing";
  };
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[0].value = 0x5000; }),
            "result");
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[1].sig = 11; }), "signal");
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[1].fault_below++; }), "signal");
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[2].si_code = 1; }), "signal");
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[3].value = -12; }), "result");
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[4].loaded++; }), "bytes");
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[5].maps.clear(); }), "maps");
  EXPECT_EQ(differs([](SerialRun* r) {
              r->steps[5].maps[0].flags ^= ParseVmFlags("dc");
            }),
            "maps");
  EXPECT_EQ(differs([](SerialRun* r) { r->pages[0].words[3]++; }), "bytes");
  EXPECT_EQ(differs([](SerialRun* r) { r->died = "BUG"; }), "died");
  EXPECT_EQ(differs([](SerialRun*) {}), "nothing");
}

// A heap, locks, copies and a child, as the host has them, and each of them
// missed by the comparison if it were not so.
TEST(Differential, HeapLocksCopiesAndChildrenAreLookedAt) {
  const Program program = MustParse(R"(
litmus "more"
image
    f: 1 page + 10 bytes
setup
    m = mmap(anon, 0p, 20p, rw, private)
    h = brk(0p)
task A
    x = brk(h + 2p + 5)
    store(h + 1p, 7)
    mlock(m, 17p)
    read_into(m + 4000, f, 100, 5000)
    write_from(m + 4000, 200)
    mincore(m, 3p, m + 3p)
    msync(m - 1p, 2p)
    fork(B)
    store(m, 1)
    mprotect(m + 8, 1p, r)
task B forked
    store(m, 2)
    load(h + 1p)
)");
  absl::StatusOr<ProgramImage> image = MakeProgramImage(program);
  ASSERT_TRUE(image.ok());
  absl::StatusOr<CompiledProgram> compiled = CompileProgram(program);
  ASSERT_TRUE(compiled.ok());
  absl::StatusOr<std::unique_ptr<SerialHost>> host = SerialHost::Create(*image);
  ASSERT_TRUE(host.ok()) << host.status();
  // Twice: the first run leaves nothing behind for the second.
  ASSERT_TRUE((*host)->Run(*compiled).ok());
  absl::StatusOr<SerialRun> run = (*host)->Run(*compiled);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->died, "");
  ASSERT_EQ(run->steps.size(), 15u);
  const int64_t heap = run->steps[1].value;
  EXPECT_EQ(heap, static_cast<int64_t>(kHeapBelow));
  EXPECT_EQ(run->steps[2].value, heap - 0x2005);
  ASSERT_EQ(run->steps[2].maps.size(), 2u);
  EXPECT_EQ(run->steps[2].maps[0].start, kHeapBelow);
  EXPECT_EQ(run->steps[2].maps[0].end, kHeapBelow - 0x3000);
  EXPECT_EQ(run->steps[4].value, -12) << "one page more than may be locked";
  EXPECT_EQ(run->steps[5].value, 4006);
  EXPECT_EQ(run->steps[6].value, 200);
  const std::string contents = FileContents(program.image.files[0]);
  EXPECT_EQ(run->steps[6].loaded, HashBytes(contents.data() + 100, 200));
  EXPECT_EQ(run->steps[7].loaded, HashBytes("\x1\x1\0", 3));
  EXPECT_EQ(run->steps[8].value, -12);
  EXPECT_EQ(run->steps[9].child, 1);
  EXPECT_EQ(run->steps[11].value, -22);
  EXPECT_EQ(run->steps[12].process, 1);
  EXPECT_EQ(run->steps[12].maps.size(), 2u) << "as it was made";
  EXPECT_EQ(run->steps[14].loaded, 7u);
  std::map<int, uint64_t> first_words;
  for (const PageSample& page : run->pages) {
    if (page.below == 0x14000) first_words[page.process] = page.words[0];
  }
  EXPECT_EQ(first_words, (std::map<int, uint64_t>{{0, 1}, {1, 2}}));
  const auto differs = [&](auto change) {
    SerialRun other = *run;
    change(&other);
    Comparison comparison = Compare(other, *run, {"f"});
    return comparison.difference.has_value()
               ? std::string(DifferenceKindName(comparison.difference->kind))
               : "nothing";
  };
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[2].value++; }), "result");
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[4].value = 0; }), "result");
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[6].loaded++; }), "bytes");
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[7].loaded++; }), "bytes");
  EXPECT_EQ(differs([](SerialRun* r) { r->steps[12].maps.pop_back(); }),
            "maps");
  EXPECT_EQ(differs([](SerialRun* r) { r->pages[0].words[0]++; }), "bytes");
  EXPECT_EQ(differs([](SerialRun*) {}), "nothing");
}

// A file that can be written is as it was before each run, and what the run
// does to it is seen.
TEST(Differential, FilesOfTmpfsAreWrittenAndMadeAnew) {
  const Program program = MustParse(R"(
litmus "memory files"
files
    t: 2 pages + 100 bytes, tmpfs, hole 0
setup
    m = mmap(t, 0p, 3p, rw, shared)
task A
    load(m, 8)
    store(m, 0x1122334455667788, 8)
    read(t, 0p, 8)
    write(t, 1p, 0x42)
    load(m + 1p)
    punch(t, 0p, 1p)
    load(m, 8)
    truncate(t, 1p)
    load(m + 1p)
    truncate(t, 2p)
    load(m + 1p, 8)
)");
  absl::StatusOr<ProgramImage> image = MakeProgramImage(program);
  ASSERT_TRUE(image.ok());
  absl::StatusOr<CompiledProgram> compiled = CompileProgram(program);
  ASSERT_TRUE(compiled.ok());
  absl::StatusOr<std::unique_ptr<SerialHost>> host = SerialHost::Create(*image);
  ASSERT_TRUE(host.ok()) << host.status();
  for (int i = 0; i < 2; ++i) {
    absl::StatusOr<SerialRun> run = (*host)->Run(*compiled);
    ASSERT_TRUE(run.ok()) << run.status();
    ASSERT_EQ(run->steps.size(), 12u);
    EXPECT_EQ(run->steps[0].maps[0].file, 0);
    EXPECT_EQ(run->steps[1].loaded, 0u);
    EXPECT_EQ(run->steps[3].value, 8);
    EXPECT_EQ(run->steps[5].loaded, 0x42u);
    EXPECT_EQ(run->steps[7].loaded, 0u);
    EXPECT_EQ(run->steps[9].sig, 7);
    EXPECT_EQ(run->steps[11].sig, 0);
    EXPECT_EQ(run->steps[11].loaded, 0u);
  }
  absl::StatusOr<std::unique_ptr<Differential>> both =
      Differential::Create(program, "paged");
  ASSERT_TRUE(both.ok()) << both.status();
  absl::StatusOr<Comparison> comparison = (*both)->Run(program, true);
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_FALSE(comparison->difference.has_value())
      << comparison->difference->text;
}

TEST(Differential, WhatLiesOutsideTheWindowIsLeftAlone) {
  absl::StatusOr<Comparison> comparison = RunOnce(R"(
litmus "outside"
task A
    m = mmap(anon, 0p, 4p, rw, private)
    munmap(m, 400p)
    mmap(anon, 0p, 1p, rw, private, at = m + 9p)
    store(m + 5p, 1)
    mprotect(m - 9000000p, 1p, r)
    store(m, 5)
)");
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_FALSE(comparison->difference.has_value())
      << comparison->difference->text;
}

TEST(Differential, WhatNoHostHasIsRefused) {
  absl::StatusOr<Comparison> comparison = RunOnce(R"(
litmus "uml"
task A
    m = mmap(anon, 0p, 1p, rw, private)
    uml_load(m)
)");
  ASSERT_FALSE(comparison.ok());
  EXPECT_NE(comparison.status().message().find("no host has uml_load(m)"),
            absl::string_view::npos)
      << comparison.status();
}

// A program that kills the process that makes its calls is an error of that
// run alone.
TEST(Differential, AHostThatDiesIsReplaced) {
  const Program program = MustParse(R"(
litmus "fine"
task A
    m = mmap(anon, 0p, 1p, rw, private)
    store(m, 5)
)");
  absl::StatusOr<std::unique_ptr<SerialHost>> host =
      SerialHost::Create(ProgramImage());
  ASSERT_TRUE(host.ok()) << host.status();
  absl::StatusOr<CompiledProgram> compiled = CompileProgram(program);
  ASSERT_TRUE(compiled.ok());
  CompiledProgram deadly = *compiled;
  // Reads from a file that there is none of.
  deadly.tasks[0].ops[1].kind = OpKind::kRead;
  deadly.tasks[0].ops[1].file = 1 << 28;
  deadly.tasks[0].ops[1].length = 1;
  absl::StatusOr<SerialRun> run = (*host)->Run(deadly);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_FALSE(run->died.empty());
  run = (*host)->Run(*compiled);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(run->died.empty()) << run->died;
  EXPECT_EQ(run->steps.size(), 2u);
}

TEST(Generator, TheSameSeedGivesTheSameProgram) {
  EXPECT_TRUE(SameProgram(GenerateProgram(7, 30), GenerateProgram(7, 30)));
  EXPECT_FALSE(SameProgram(GenerateProgram(7, 30), GenerateProgram(8, 30)));
  const Program program = GenerateProgram(7, 30);
  size_t operations = program.setup.size();
  for (const TaskSpec& task : program.tasks) operations += task.ops.size();
  EXPECT_EQ(operations, 30u);
}

TEST(Generator, ProgramsAreLitmusText) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Program program = GenerateProgram(seed, 30);
    absl::StatusOr<Program> parsed =
        ParseLitmus(FormatLitmus(program), "generated.litmus");
    ASSERT_TRUE(parsed.ok()) << parsed.status() << FormatLitmus(program);
    ASSERT_TRUE(SameProgram(*parsed, program)) << FormatLitmus(program);
  }
}

TEST(Generator, ShrinkingLeavesOnlyWhatIsNeeded) {
  const Program program = GenerateProgram(3, 60);
  const auto stores = [](const Program& fewer) {
    int count = 0;
    for (const Op& op : fewer.tasks[0].ops) count += op.kind == OpKind::kStore;
    return count;
  };
  ASSERT_GT(stores(program), 2);
  const Program smallest =
      Shrink(program, [&](const Program& fewer) { return stores(fewer) >= 2; });
  EXPECT_EQ(smallest.tasks[0].ops.size(), 2u);
  EXPECT_EQ(smallest.setup.size(), 1u);
}

TEST(Serial, ChildrenComeAfterTheirProcessEachWithItsOwn) {
  const Program program = MustParse(R"(
litmus "order"
setup
    m = mmap(anon, 0p, 1p, rw, private)
task C forked
    load(m)
task A
    fork(B)
    fork(D)
task B forked
    fork(C)
task D forked
    load(m)
task E in other
    load(m)
)");
  absl::StatusOr<CompiledProgram> compiled = CompileProgram(program);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  std::vector<std::string> order;
  for (const SerialBatch& batch : SerialOrder(*compiled)) {
    order.push_back(
        absl::StrCat(compiled->processes[static_cast<size_t>(batch.process)],
                     " ", batch.ops.size(), " ", batch.children.size()));
  }
  // A child begins with the fork that made it.
  EXPECT_EQ(order, (std::vector<std::string>{"main 3 2", "fork of B 2 1",
                                             "fork of C 2 0", "fork of D 2 0",
                                             "other 2 0"}));
}

TEST(Serial, FlagsThatSayNothingHereAreLeftOut) {
  EXPECT_EQ(ParseVmFlags(" rd ac sd nh um xx "), ParseVmFlags("ac rd"));
  EXPECT_EQ(ParseVmFlags("ac"), kVmAccount);
  EXPECT_NE(ParseVmFlags("lo"), 0u);
}

// mprotect-unaccount explains what the host does not account, where it may,
// and nothing else about VM_ACCOUNT.
TEST(Rules, AccountingDiffersOneWayAndWhereNothingCanBeWritten) {
  const Program program = MustParse(R"(
litmus "accounting"
task A
    m = mmap(anon, 0p, 1p, rw, private)
    mprotect(m, 1p, r)
    munmap(m, 1p)
)");
  absl::StatusOr<CompiledProgram> compiled = CompileProgram(program);
  ASSERT_TRUE(compiled.ok());
  absl::StatusOr<std::unique_ptr<SerialHost>> host =
      SerialHost::Create(ProgramImage());
  ASSERT_TRUE(host.ok()) << host.status();
  absl::StatusOr<SerialRun> run = (*host)->Run(*compiled);
  ASSERT_TRUE(run.ok()) << run.status();
  const auto explained = [&](size_t step, uint32_t model, uint32_t host) {
    SerialRun ours = *run, theirs = *run;
    uint32_t& our_flags = ours.steps[step].maps.at(0).flags;
    our_flags = (our_flags & ~kVmAccount) | model;
    theirs.steps[step].maps[0].flags = (our_flags & ~kVmAccount) | host;
    return !Compare(ours, theirs, {}).difference.has_value();
  };
  EXPECT_TRUE(explained(1, kVmAccount, 0));
  EXPECT_TRUE(explained(1, kVmAccount, kVmAccount));
  EXPECT_FALSE(explained(1, 0, kVmAccount));
  EXPECT_FALSE(explained(0, kVmAccount, 0)) << "it can be written";
}

// Both answers of every rule, in the litmus file that shows it: this host gives
// the later one, the model that of 4.13, and there is no other difference.  A
// host older than the rule may agree with the model.
TEST(Rules, EachIsShownByItsLitmusFile) {
  utsname host = {};
  ASSERT_EQ(uname(&host), 0);
  int major = 0, minor = 0;
  ASSERT_EQ(sscanf(host.release, "%d.%d", &major, &minor), 2) << host.release;
  const bool later = major > 6 || (major == 6 && minor >= 18);
  for (const ConformanceRule& rule : ConformanceRules()) {
    SCOPED_TRACE(rule.id);
    std::ifstream in(absl::StrCat(getenv("TEST_SRCDIR"),
                                  "/faultline/tests/litmus/", rule.litmus));
    std::stringstream text;
    text << in.rdbuf();
    ASSERT_FALSE(text.str().empty()) << rule.litmus;
    absl::StatusOr<Comparison> comparison = RunOnce(text.str());
    ASSERT_TRUE(comparison.ok()) << comparison.status();
    EXPECT_FALSE(comparison->difference.has_value())
        << comparison->difference->text;
    if (later || !comparison->rules.empty()) {
      // The last: a rule may need another one before it.
      ASSERT_FALSE(comparison->rules.empty());
      EXPECT_EQ(comparison->rules.back(), rule.id);
    }
  }
}

}  // namespace
}  // namespace faultline
