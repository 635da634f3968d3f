// SPDX-License-Identifier: GPL-2.0-only
//
// The commands in-process: what they print, and their exit codes.

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/cli/commands.h"
#include "sim/cli/io.h"
#include "sim/cli/litmus_files.h"

namespace faultline {
namespace {

struct Outcome {
  int code;
  std::string out, err;
};

Outcome Execute(const Args& args,
                const std::atomic<bool>* interrupt = nullptr) {
  std::ostringstream out, err;
  Io io{out, err};
  io.interrupt = interrupt;
  const int code = Run(io, args);
  return {code, out.str(), err.str()};
}

std::string TestFile(const std::string& name) {
  return absl::StrCat(testing::TempDir(), "/", getpid(), "-", name);
}
std::string Write(const std::string& name, const std::string& text) {
  const std::string path = TestFile(name);
  std::ofstream(path, std::ios::binary) << text;
  return path;
}
std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// One line on err that says `what`, nothing on out.
void ExpectComplaint(const Args& args, int code, const std::string& what) {
  const Outcome outcome = Execute(args);
  EXPECT_EQ(outcome.code, code) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(absl::StartsWith(outcome.err, "faultline: ")) << outcome.err;
  EXPECT_TRUE(absl::EndsWith(outcome.err, "\n")) << outcome.err;
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.err, what))
      << outcome.err << " without " << what;
}

// Two tasks of one process with anonymous memory: no variant matters, nothing
// can go wrong.
constexpr char kHarmless[] =
    "litmus \"harmless\"\nsetup\n"
    "    m = mmap(anon, 0p, 2p, rw, private)\n"
    "task A\n    store(m, 1)\ntask B\n    store(m + 1p, 2)\n";

// Forbids what must happen: a finding in every execution, whatever the kernel.
constexpr char kForbidden[] =
    "litmus \"forbidden\"\nsetup\n"
    "    m = mmap(anon, 0p, 1p, rw, private)\n"
    "task A\n    store(m, 1)\ntask B\n    load(m)\nlegal\n    A: SIGBUS\n";

TEST(RunTest, HelpGoesToStdout) {
  for (const Args& args : {Args{"--help"}, Args{"help"}, Args{"demo", "--help"},
                           Args{"explore", "-h"}, Args{"replay", "--help"},
                           Args{"stress", "--help"}, Args{"maps", "--help"},
                           Args{"list", "--help"}, Args{"litmus", "--help"}}) {
    const Outcome outcome = Execute(args);
    EXPECT_EQ(outcome.code, kExitOk);
    EXPECT_TRUE(absl::StartsWith(outcome.out, "usage: faultline "))
        << outcome.out;
    EXPECT_EQ(outcome.err, "");
  }
}

TEST(RunTest, UnknownCommandsAndFlagsAreNamed) {
  ExpectComplaint({}, kExitUsage, "no command");
  ExpectComplaint({"exploer"}, kExitUsage, "unknown command exploer");
  ExpectComplaint({"--exploer"}, kExitUsage, "unknown flag --exploer");
  for (const char* command :
       {"demo", "explore", "replay", "stress", "maps", "list", "litmus"}) {
    ExpectComplaint({command, "--no-such"}, kExitUsage,
                    "unknown flag --no-such");
  }
}

TEST(RunTest, WrongValuesAreNamed) {
  const std::string file = Write("h.litmus", kHarmless);
  ExpectComplaint({"explore", file, "--variant", "v9"}, kExitUsage, "\"v9\"");
  ExpectComplaint({"explore", file, "--checkers", "lifetime,x"}, kExitUsage,
                  "\"x\"");
  ExpectComplaint({"explore", file, "--strategy", "x"}, kExitUsage, "'x'");
  ExpectComplaint({"explore", file, "--granularity", "x"}, kExitUsage, "'x'");
  ExpectComplaint({"explore", file, "--arch", "mips"}, kExitUsage, "'mips'");
  ExpectComplaint({"explore", file, "--budget", "0"}, kExitUsage, "'0'");
  ExpectComplaint({"explore", file, "--json", TestFile("none/x")}, kExitUsage,
                  "none/x");
  ExpectComplaint({"stress", file, "--variant", "v9"}, kExitUsage, "\"v9\"");
  ExpectComplaint({"list", "nothing"}, kExitUsage, "'nothing'");
  ExpectComplaint({"litmus", file}, kExitUsage, "--check or --format");
  ExpectComplaint({"demo", "x"}, kExitUsage, "'x'");
}

TEST(RunTest, WrongLitmusFilesAreNamedWithLineAndColumn) {
  const std::string wrong =
      Write("w.litmus", "litmus \"w\"\nsetup\n    m = mmmap(1)\n");
  for (const Args& args :
       {Args{"explore", wrong}, Args{"stress", wrong},
        Args{"litmus", "--check", wrong}, Args{"litmus", "--format", wrong}}) {
    ExpectComplaint(args, kExitUsage, absl::StrCat(wrong, ":3:9: expected "));
  }
  ExpectComplaint({"explore", TestFile("no.litmus")}, kExitUsage, "no.litmus");
}

TEST(RunTest, WhatIsNoImageIsNamed) {
  const std::string image = Write("no.img", std::string(9000, 'x'));
  ExpectComplaint({"maps", image, "/f"}, kExitUsage, image);
  ExpectComplaint({"maps", TestFile("none.img"), "/f"}, kExitUsage, "none.img");
  ExpectComplaint({"maps", image}, kExitUsage, "an image and a file");
  const std::string litmus = Write(
      "i.litmus", absl::StrCat("litmus \"i\"\nimage \"", LitmusEscape(image),
                               "\"\n    f: path \"/f\"\nsetup\n"
                               "    m = mmap(f, 0p, 1p, r, private)\n"));
  ExpectComplaint({"explore", litmus}, kExitUsage, image);
}

TEST(RunTest, WrongTokensAreRefused) {
  const std::string file = Write("h2.litmus", kHarmless);
  ExpectComplaint({"replay", "fl1:AAAA", file}, kExitUsage, "token");
  ExpectComplaint({"replay", file}, kExitUsage, "no token");
  ExpectComplaint({"replay", Write("t.txt", "no such thing")}, kExitUsage,
                  "no token");
}

TEST(RunTest, NothingFoundIsExitZero) {
  const std::string file = Write("h3.litmus", kHarmless);
  const Outcome outcome =
      Execute({"explore", file, "--variant", "paged", "--budget", "50"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.out << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "nothing found in 50 executions"))
      << outcome.out;
  EXPECT_EQ(outcome.err, "");
}

TEST(RunTest, AFindingIsExitOneAndItsTokenReplays) {
  const std::string file = Write("f.litmus", kForbidden);
  const std::string json = TestFile("f.json");
  const Outcome found = Execute({"explore", file, "--variant", "paged",
                                 "--budget", "50", "--json", json});
  EXPECT_EQ(found.code, kExitFound) << found.out << found.err;
  EXPECT_TRUE(absl::StrContains(found.out, "task A")) << found.out;
  const size_t at = found.out.find("token:  fl1:");
  ASSERT_NE(at, std::string::npos) << found.out;
  const size_t begin = at + 8;
  const std::string token =
      found.out.substr(begin, found.out.find('\n', begin) - begin);
  EXPECT_TRUE(absl::StrContains(
      found.out, absl::StrCat("replay: faultline replay ", file, " ", token)));
  EXPECT_TRUE(absl::StrContains(Read(json), token)) << Read(json);
  EXPECT_TRUE(absl::StrContains(Read(json), "\"schema\": 1"));

  // In either order, and from a file with what explore printed.
  const std::string printed = Write("f.txt", found.out);
  const Outcome replay = Execute({"replay", token, file});
  EXPECT_EQ(replay.code, kExitFound) << replay.out << replay.err;
  for (const Args& args :
       {Args{"replay", file, token}, Args{"replay", printed, file},
        Args{"replay", "--litmus", file, token}}) {
    const Outcome other = Execute(args);
    EXPECT_EQ(other.code, kExitFound) << other.err;
    EXPECT_EQ(other.out, replay.out);
  }

  // Another program: said, and not taken for the same.
  const Outcome other =
      Execute({"replay", token, Write("h4.litmus", kHarmless)});
  EXPECT_EQ(other.code, kExitFailed);
  EXPECT_TRUE(absl::StrContains(other.err, "diverged")) << other.err;
}

TEST(RunTest, AnErrorLeavesTheOldJsonFileAlone) {
  const std::string json = Write("old.json", "old");
  EXPECT_EQ(Execute({"explore", TestFile("no.litmus"), "--json", json}).code,
            kExitUsage);
  EXPECT_EQ(Read(json), "old");
}

TEST(RunTest, TheSameSeedGivesTheSameOutput) {
  const std::string file = Write("s.litmus", kForbidden);
  const std::string a = TestFile("a.json"), b = TestFile("b.json");
  for (const std::string& json : {a, b}) {
    Execute({"explore", file, "--all", "--variant", "paged", "--budget", "100",
             "--seed", "5", "--json", json});
  }
  const auto without_time = [](const std::string& path) {
    std::string text;
    for (absl::string_view line : absl::StrSplit(Read(path), '\n')) {
      if (!absl::StrContains(line, "\"seconds\"")) absl::StrAppend(&text, line);
    }
    return text;
  };
  EXPECT_EQ(without_time(a), without_time(b));
}

TEST(RunTest, AnInterruptIsExit130) {
  std::atomic<bool> interrupt{true};
  const std::string file = Write("h5.litmus", kHarmless);
  const Outcome outcome =
      Execute({"explore", file, "--budget", "none"}, &interrupt);
  EXPECT_EQ(outcome.code, kExitInterrupted) << outcome.err;
}

TEST(RunTest, StressRunsTheSameProgramOnThreads) {
  const std::string file = Write("h6.litmus", kHarmless);
  const Outcome outcome =
      Execute({"stress", file, "--variant", "paged", "--budget", "20"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.out << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "native, 2 threads"))
      << outcome.out;
}

TEST(RunTest, EveryListHasLines) {
  for (const char* what :
       {"variants", "fixes", "litmus", "checkers", "strategies", "defects"}) {
    const Outcome outcome = Execute({"list", what});
    EXPECT_EQ(outcome.code, kExitOk) << what << outcome.err;
    EXPECT_TRUE(absl::StrContains(outcome.out, "\n")) << what;
  }
  EXPECT_TRUE(absl::StrContains(Execute({"list", "variants"}).out, "mainline"));
  EXPECT_TRUE(absl::StrContains(Execute({"list", "checkers"}).out, "lifetime"));
  // What a litmus file may name after `fix`.
  EXPECT_TRUE(
      absl::StrContains(Execute({"list", "fixes"}).out, "do_fault-prealloc  "));
}

TEST(RunTest, FormattingIsStable) {
  const Outcome once =
      Execute({"litmus", "--format", Write("fmt.litmus", kForbidden)});
  EXPECT_EQ(once.code, kExitOk);
  const Outcome twice =
      Execute({"litmus", "--format", Write("fmt2.litmus", once.out)});
  EXPECT_EQ(twice.out, once.out);
}

// The whole story, on this machine's binaries; and what it leaves behind.
TEST(DemoTest, AllStepsComeOutAndMapsShowsTheImageItKept) {
  const std::string directory = TestFile("demo");
  const std::string json = TestFile("demo.json");
  const Outcome demo = Execute({"demo", "--keep", directory, "--json", json});
  EXPECT_EQ(demo.code, kExitOk) << demo.out << demo.err;
  EXPECT_TRUE(absl::StrContains(demo.out, "all 5 steps")) << demo.out;
  EXPECT_EQ(demo.err, "");
  EXPECT_TRUE(absl::StrContains(Read(json), "\"steps\": [")) << Read(json);

  // The file of the program it filled in has direct blocks and a tail.
  const std::string litmus = Read(directory + "/demo.litmus");
  const size_t at = litmus.find("path \"");
  ASSERT_NE(at, std::string::npos) << litmus;
  const std::string path =
      litmus.substr(at + 6, litmus.find('"', at + 6) - at - 6);
  const Outcome maps = Execute({"maps", directory + "/demo.cramfs", path,
                                "--variant", "v3", "--touch-tail"});
  EXPECT_EQ(maps.code, kExitOk) << maps.err;
  EXPECT_TRUE(absl::StrContains(maps.out, "r-xp")) << maps.out;
  EXPECT_TRUE(absl::StrContains(maps.out, "rom")) << maps.out;
  EXPECT_TRUE(absl::StrContains(maps.out, "page cache")) << maps.out;
  ExpectComplaint({"maps", directory + "/demo.cramfs", "/no/such"}, kExitUsage,
                  "/no/such");
}

TEST(RunTest, HostAgreesOrShowsBothSides) {
  const std::string fine = Write("fine.litmus", R"(litmus "fine"
image
    f: 2 pages, direct 0-1
task A
    m = mmap(f, 0p, 3p, r, private)
    load(m + 2p)
)");
  Outcome outcome = Execute({"host", fine});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_TRUE(absl::EndsWith(outcome.out, ": agrees, 2 operations\n"))
      << outcome.out;
  // A direct mapping shows a physical address as its offset.
  const std::string json = TestFile("host.json");
  outcome = Execute({"host", fine, "--variant", "v3", "--json", json});
  EXPECT_EQ(outcome.code, kExitFound) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "differs, 2 operations"))
      << outcome.out;
  EXPECT_TRUE(absl::StrContains(outcome.out, "model: ")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(Read(json), "\"mode\": \"host\""));
  const std::string uml = Write("uml.litmus", R"(litmus "uml"
task A
    m = mmap(anon, 0p, 1p, rw, private)
    uml_load(m)
)");
  outcome = Execute({"host", uml});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_TRUE(absl::StrContains(outcome.out, "skipped, no host has uml_load"))
      << outcome.out;
}

TEST(RunTest, HostGeneratesPrograms) {
  const Outcome outcome =
      Execute({"host", "--generate", "20", "--operations", "10", "--check"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.out;
  // A fork brings operations of the child's with it.
  EXPECT_THAT(outcome.out,
              ::testing::MatchesRegex("20 programs from seed 1, 2[0-9][0-9] "
                                      "operations(.|\n)*"));
  ExpectComplaint({"host", "--generate", "5", "x.litmus"}, kExitUsage,
                  "files, or --generate");
  ExpectComplaint({"host", "--seed", "5"}, kExitUsage, "are for --generate");
}

}  // namespace
}  // namespace faultline
