// SPDX-License-Identifier: GPL-2.0-only
//
// The program as a user meets it: started as a process, with pipes, exit codes
// and signals.  What the commands do is tested in sim/cli.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace faultline {
namespace {

std::string Program() {
  if (const char* named = getenv("FAULTLINE_BINARY")) return named;
  const char* runfiles = getenv("TEST_SRCDIR");
  return absl::StrCat(runfiles ? runfiles : ".",
                      "/faultline/sim/cli/faultline");
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

struct Process {
  pid_t pid;
  std::string out, err;  // files
};

Process Start(const std::vector<std::string>& args) {
  static int serial = 0;
  ++serial;
  Process process{0, TestFile(absl::StrCat(serial, ".out")),
                  TestFile(absl::StrCat(serial, ".err"))};
  std::vector<std::string> words = {Program()};
  words.insert(words.end(), args.begin(), args.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  process.pid = fork();
  if (process.pid == 0) {
    const int in = open("/dev/null", O_RDONLY);
    const int out =
        open(process.out.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    const int err =
        open(process.err.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    execv(argv[0], argv.data());
    _exit(127);
  }
  return process;
}

struct Outcome {
  int code;  // or -signal
  std::string out, err;
};

Outcome Finish(const Process& process) {
  int status = 0;
  waitpid(process.pid, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
          Read(process.out), Read(process.err)};
}

Outcome Execute(const std::vector<std::string>& args) {
  return Finish(Start(args));
}

constexpr char kHarmless[] =
    "litmus \"harmless\"\nsetup\n"
    "    m = mmap(anon, 0p, 2p, rw, private)\n"
    "task A\n    store(m, 1)\ntask B\n    store(m + 1p, 2)\n";

struct BadInput {
  std::vector<std::string> args;
  int code;
  std::string named;  // in the one line
};

TEST(CliTest, BadInputIsOneLineThatNamesItAndNothingElse) {
  const std::string litmus = Write("ok.litmus", kHarmless);
  const std::string wrong =
      Write("wrong.litmus", "litmus \"w\"\nsetup\n    munmap(m, 1p)\n");
  const std::string binary =
      Write("binary.litmus", std::string("\0\x01\xff litmus", 10));
  const std::string empty = Write("empty.litmus", "");
  const std::string no_image = Write("no.img", std::string(5000, 'x'));
  const std::string none = TestFile("none");
  const std::vector<BadInput> inputs = {
      {{}, 2, "no command"},
      {{""}, 2, "unknown command"},
      {{"no-such-command"}, 2, "no-such-command"},
      {{"--no-such-flag"}, 2, "--no-such-flag"},
      {{"explore", "--no-such-flag", litmus}, 2, "--no-such-flag"},
      {{"explore", litmus, "--budget"}, 2, "--budget"},
      {{"explore", litmus, "--jobs", "0"}, 2, "--jobs"},
      {{"explore", litmus, "--seed", "-1"}, 2, "--seed"},
      {{"explore", litmus, "--variant", "no-such"}, 2, "no-such"},
      {{"explore", none}, 2, none},
      {{"explore", wrong}, 2, wrong + ":3:"},
      {{"explore", binary}, 2, binary + ":1:"},
      {{"explore", empty}, 2, empty + ":1:"},
      {{"explore", testing::TempDir()}, 2, testing::TempDir()},
      {{"explore", litmus, "--json", none + "/x"}, 2, none},
      {{"stress", wrong}, 2, wrong + ":3:"},
      {{"litmus", "--check", wrong}, 2, wrong + ":3:"},
      {{"replay"}, 2, "no token"},
      {{"replay", "fl1:", litmus}, 2, "token"},
      {{"replay", "fl1:!!!!", litmus}, 2, "token"},
      {{"replay", none, litmus}, 2, none},
      {{"maps", no_image, "/f"}, 2, no_image},
      {{"maps", none, "/f"}, 2, none},
      {{"maps", "/dev/null", "/f"}, 2, "/dev/null"},
      {{"list"}, 2, "expected variants"},
      {{"list", "no-such"}, 2, "no-such"},
      {{"demo", "--keep", none + "/a/b"}, 2, none},
  };
  for (const BadInput& input : inputs) {
    const Outcome outcome = Execute(input.args);
    std::string command;
    for (const std::string& arg : input.args) {
      absl::StrAppend(&command, " ", arg);
    }
    EXPECT_EQ(outcome.code, input.code) << command << "\n" << outcome.err;
    EXPECT_EQ(outcome.out, "") << command;
    EXPECT_EQ(outcome.err.find('\n') + 1, outcome.err.size()) << command << "\n"
                                                              << outcome.err;
    EXPECT_TRUE(absl::StrContains(outcome.err, input.named)) << command << "\n"
                                                             << outcome.err;
  }
}

TEST(CliTest, NoProgressInAPipe) {
  const Outcome outcome = Execute({"explore", Write("p.litmus", kHarmless),
                                   "--variant", "paged", "--budget", "1s"});
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_EQ(outcome.err, "");
}

TEST(CliTest, SigintEndsASearchWithWhatItHas) {
  const std::string json = TestFile("i.json");
  const Process process =
      Start({"explore", Write("i.litmus", kHarmless), "--variant", "paged",
             "--strategy", "random", "--budget", "none", "--json", json});
  sleep(2);
  ASSERT_EQ(kill(process.pid, SIGINT), 0);
  const Outcome outcome = Finish(process);
  EXPECT_EQ(outcome.code, 130) << outcome.err;
  EXPECT_TRUE(absl::StrContains(outcome.out, "interrupted")) << outcome.out;
  EXPECT_TRUE(absl::StrContains(Read(json), "\"stopped\": \"interrupted\""))
      << Read(json);
}

TEST(CliTest, AFullDeviceIsAnError) {
  const std::string command =
      absl::StrCat(Program(), " list checkers >/dev/full 2>/dev/null");
  const int status = system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
}

TEST(CliTest, WidthFollowsColumns) {
  const std::string help = Execute({"--help"}).out;
  EXPECT_TRUE(absl::StrContains(help, "usage: faultline")) << help;
  const std::string file = Write(
      "c.litmus",
      "litmus \"c\"\nsetup\n    m = mmap(anon, 0p, 1p, rw, private)\n"
      "task A\n    store(m, 1)\ntask B\n    load(m)\nlegal\n    A: SIGBUS\n");
  setenv("COLUMNS", "60", 1);
  const Outcome narrow = Execute({"explore", file, "--variant", "paged"});
  setenv("COLUMNS", "160", 1);
  const Outcome wide = Execute({"explore", file, "--variant", "paged"});
  unsetenv("COLUMNS");
  EXPECT_EQ(narrow.code, 1);
  EXPECT_NE(narrow.out, wide.out);
}

}  // namespace
}  // namespace faultline
