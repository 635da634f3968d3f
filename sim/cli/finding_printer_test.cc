// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/finding_printer.h"

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "mm/sync/runtime.h"

namespace faultline {
namespace {

// A trace by hand.  Tasks: setup, A, B, teardown.
class TraceMaker {
 public:
  TraceMaker() { trace_.tasks = {"setup", "A", "B", "teardown"}; }

  TraceEvent& Add(int task, TraceKind kind, const std::string& text) {
    TraceEvent event;
    event.step = ++step_;
    event.task = task;
    event.kind = kind;
    event.text = text;
    trace_.events.push_back(event);
    return trace_.events.back();
  }
  void Event(int task, uint32_t kind, const std::string& text, uint64_t address,
             const std::string& held = "", uint64_t size = 8) {
    TraceEvent& event = Add(task, TraceKind::kEvent, text);
    event.event = kind;
    event.address = address;
    event.size = size;
    event.held = held;
    event.function = "f_" + std::to_string(task);
    event.location = "mm/f.cc:" + std::to_string(step_);
  }
  void Access(int task, uint64_t address) {
    TraceEvent& event = Add(task, TraceKind::kAccess, "read 8 bytes");
    event.address = address;
    event.size = 8;
    event.function = "reader";
    event.location = "mm/r.cc:1";
  }
  Trace& trace() { return trace_; }
  uint64_t step() const { return step_; }

 private:
  Trace trace_;
  uint64_t step_ = 0;
};

constexpr uint64_t kSem = 0x100, kOther = 0x200, kObject = 0x1000;

// A faults and lets the lock go; B frees the object; A touches it.
TraceMaker Race(int noise) {
  TraceMaker t;
  t.Event(0, FL_EV_ALLOC, "allocate vma", kObject, "", 64);
  t.Add(1, TraceKind::kOpBegin, "load(x)");
  t.Add(1, TraceKind::kOpEnd, "= 1");
  t.Add(1, TraceKind::kOpBegin, "store(m, 1)");
  t.Event(1, FL_EV_LOCK, "lock sem for read", kSem);
  t.Event(1, FL_EV_LOCKED, "got sem for read", kSem, "sem:R");
  for (int i = 0; i < noise; ++i) {
    t.Event(1, FL_EV_LOCKED, "got ptl for write", kOther, "sem:R ptl:W");
    t.Access(1, 0x9000);
    t.Event(1, FL_EV_UNLOCKED, "unlocked ptl", kOther, "sem:R");
  }
  t.Event(1, FL_EV_UNLOCK, "unlock sem", kSem, "sem:R");
  t.Event(1, FL_EV_UNLOCKED, "unlocked sem", kSem);
  t.Add(2, TraceKind::kSwitch, "runs");
  t.Add(2, TraceKind::kOpBegin, "munmap(m)");
  t.Event(2, FL_EV_LOCK, "lock sem for write", kSem);
  t.Event(2, FL_EV_LOCKED, "got sem for write", kSem, "sem:W");
  t.Event(2, FL_EV_FREE, "free vma", kObject, "sem:W", 64);
  t.Event(2, FL_EV_UNLOCKED, "unlocked sem", kSem);
  t.Add(2, TraceKind::kOpEnd, "= 0");
  t.Add(1, TraceKind::kSwitch, "runs");
  t.Event(1, FL_EV_LOCKED, "got sem for read", kSem, "sem:R");
  TraceEvent& found = t.Add(1, TraceKind::kFinding, "KASAN: use-after-free");
  found.step = t.step() + 1;
  t.Access(1, kObject + 16);
  return t;
}

Finding RaceFinding(const TraceMaker& t) {
  Finding finding;
  finding.checker = "lifetime";
  finding.title = "KASAN: use-after-free in reader";
  finding.task = "A";
  finding.function = "reader";
  finding.location = "mm/r.cc:1";
  finding.step = t.step();
  finding.switches = 2;
  finding.details = {"Freed by task B, at f_2 (mm/f.cc:12)"};
  finding.token = "fl1:AAAA";
  return finding;
}

std::vector<std::string> Texts(const Trace& trace,
                               const std::vector<size_t>& chosen) {
  std::vector<std::string> texts;
  for (size_t i : chosen) {
    texts.push_back(
        absl::StrCat(trace.tasks[static_cast<size_t>(trace.events[i].task)],
                     ": ", trace.events[i].text));
  }
  return texts;
}

TEST(SelectStepsTest, ARaceIsShownFromItsOperationToTheBadAccess) {
  TraceMaker t = Race(0);
  EXPECT_EQ(Texts(t.trace(), SelectSteps(t.trace(), RaceFinding(t), 40, false)),
            (std::vector<std::string>{
                "A: store(m, 1)", "A: got sem for read", "A: unlocked sem",
                "B: munmap(m)", "B: got sem for write", "B: free vma",
                "B: unlocked sem", "B: = 0", "A: got sem for read",
                "A: KASAN: use-after-free", "A: read 8 bytes"}));
}

TEST(SelectStepsTest, NoiseGivesWayToTheLocksBothTake) {
  TraceMaker t = Race(500);
  const std::vector<std::string> texts =
      Texts(t.trace(), SelectSteps(t.trace(), RaceFinding(t), 14, false));
  EXPECT_LE(texts.size(), 14u);
  for (const char* step : {"A: store(m, 1)", "A: got sem for read",
                           "A: unlocked sem", "B: munmap(m)", "B: free vma",
                           "A: KASAN: use-after-free", "A: read 8 bytes"}) {
    EXPECT_NE(std::find(texts.begin(), texts.end(), step), texts.end()) << step;
  }
}

TEST(SelectStepsTest, AWaitIsShownWithTheLockItIsFor) {
  TraceMaker t;
  t.Add(1, TraceKind::kOpBegin, "op of A");
  t.Add(2, TraceKind::kOpBegin, "op of B");
  t.Event(2, FL_EV_LOCKED, "got sem for write", kSem, "sem:W");
  t.Event(1, FL_EV_LOCK, "lock sem for read", kSem);
  TraceEvent& park = t.Add(1, TraceKind::kPark, "sleeps: down_read");
  park.address = kSem;
  t.Add(2, TraceKind::kFinding, "deadlock");
  Finding finding;
  finding.title = "deadlock";
  const std::vector<std::string> texts =
      Texts(t.trace(), SelectSteps(t.trace(), finding, 40, false));
  EXPECT_NE(std::find(texts.begin(), texts.end(), "A: lock sem for read"),
            texts.end());
  EXPECT_NE(std::find(texts.begin(), texts.end(), "A: sleeps: down_read"),
            texts.end());
}

TEST(SelectStepsTest, AFindingAfterTheTasksShowsTheirLastOverlap) {
  TraceMaker t = Race(0);
  t.trace().events.pop_back();
  t.trace().events.pop_back();
  t.Add(1, TraceKind::kOpEnd, "= 0");
  for (int i = 0; i < 100; ++i) {
    t.Event(3, FL_EV_FREE, "free page", 0x5000 + 64 * i);
  }
  t.Add(3, TraceKind::kFinding, "left over: 1");
  Finding finding;
  finding.title = "left over: 1";
  const std::vector<std::string> texts =
      Texts(t.trace(), SelectSteps(t.trace(), finding, 40, false));
  EXPECT_EQ(texts.front(), "A: store(m, 1)");
  EXPECT_EQ(texts.back(), "teardown: left over: 1");
  EXPECT_LT(std::count(texts.begin(), texts.end(), "teardown: free page"), 10);
}

TEST(SelectStepsTest, AccessesAreShownWhereTasksWereSwitchedBetweenThem) {
  TraceMaker t;
  t.Event(0, FL_EV_ALLOC, "allocate", kObject, "", 64);
  t.Add(1, TraceKind::kOpBegin, "op of A");
  t.Access(1, kObject);
  t.Add(2, TraceKind::kOpBegin, "op of B");
  t.Access(2, kObject);
  t.Access(1, kObject);
  for (int i = 0; i < 20; ++i) t.Event(1, FL_EV_MARK, "mark", 0);
  t.Add(1, TraceKind::kFinding, "wrong");
  Finding finding;
  finding.title = "wrong";
  const auto accesses = [&](bool wanted) {
    const std::vector<std::string> texts =
        Texts(t.trace(), SelectSteps(t.trace(), finding, 40, wanted));
    return std::count(texts.begin(), texts.end(), "B: read 8 bytes");
  };
  EXPECT_EQ(accesses(true), 1);
  EXPECT_EQ(accesses(false), 0);
}

TEST(SelectStepsTest, AnEmptyTraceHasNoSteps) {
  EXPECT_TRUE(SelectSteps(Trace(), Finding(), 40, false).empty());
}

TEST(FormatStepsTest, EachTaskHasItsColumn) {
  TraceMaker t = Race(0);
  const std::string text = FormatSteps(
      t.trace(), SelectSteps(t.trace(), RaceFinding(t), 40, false), 100, "  ");
  EXPECT_EQ(text,
            R"(  step  task A                                         task B
  ----  ---------------------------------------------  ---------------------------------------------
     4  store(m, 1)
          ... 1 step left out
     6    got sem for read
            f_1 mm/f.cc:6 [sem:R]
          ... 1 step left out
     8    unlocked sem
            f_1 mm/f.cc:8
    10                                                 munmap(m)
                                                         ... 1 step left out
    12                                                   got sem for write
                                                           f_2 mm/f.cc:12 [sem:W]
    13                                                   free vma
                                                           f_2 mm/f.cc:13 [sem:W]
    14                                                   unlocked sem
                                                           f_2 mm/f.cc:14
    15                                                 = 0
    17    got sem for read
            f_1 mm/f.cc:17 [sem:R]
    19    *** KASAN: use-after-free
    19    read 8 bytes
            reader mm/r.cc:1
)");
}

TEST(FormatStepsTest, NoLineIsWiderThanAsked) {
  TraceMaker t = Race(3);
  t.trace().events[5].text = std::string(300, 'x');
  t.trace().events[6].held = "a_long_lock_name:R another_long_lock_name:W";
  const std::vector<size_t> chosen =
      SelectSteps(t.trace(), RaceFinding(t), 40, false);
  for (int width : {40, 60, 80, 100, 200}) {
    std::istringstream lines(FormatSteps(t.trace(), chosen, width, "  "));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), static_cast<size_t>(width)) << line;
    }
  }
}

TEST(FormatStepsTest, WithoutRoomForColumnsEachStepNamesItsTask) {
  TraceMaker t = Race(0);
  const std::string text = FormatSteps(
      t.trace(), SelectSteps(t.trace(), RaceFinding(t), 40, false), 50, "");
  EXPECT_TRUE(absl::StrContains(text, "   4  A     store(m, 1)\n")) << text;
  EXPECT_TRUE(absl::StrContains(text, "  10  B     munmap(m)\n")) << text;
}

TEST(FormatFindingTest, TitleObjectTokenAndCommandAreThere) {
  TraceMaker t = Race(0);
  PrintOptions options;
  options.replay_command = "faultline replay x.litmus fl1:AAAA";
  const std::string text = FormatFinding(RaceFinding(t), &t.trace(), options);
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  EXPECT_EQ(lines[0], "  KASAN: use-after-free in reader");
  EXPECT_EQ(lines[1],
            "  checker lifetime, task A, at reader (mm/r.cc:1), step 19, "
            "2 switches");
  for (const char* line :
       {"  Freed by task B, at f_2 (mm/f.cc:12)", "  token:  fl1:AAAA",
        "  replay: faultline replay x.litmus fl1:AAAA"}) {
    EXPECT_NE(std::find(lines.begin(), lines.end(), line), lines.end()) << line;
  }
}

TEST(FormatFindingTest, ControlCharactersOfATitleDoNotReachTheTerminal) {
  Finding finding;
  finding.title = "evil \x1b[2J\nline";
  EXPECT_EQ(FormatFinding(finding, nullptr, PrintOptions()).find('\x1b'),
            std::string::npos);
}

TEST(WrapTextTest, LinesBreakAtBlanksAndLongWordsAreCut) {
  EXPECT_EQ(WrapText("one two three", 8),
            (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(WrapText("abcdefghijkl", 8),
            (std::vector<std::string>{"abcdefgh", "ijkl"}));
  EXPECT_EQ(WrapText("", 8), std::vector<std::string>{""});
}

}  // namespace
}  // namespace faultline
