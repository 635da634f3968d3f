// SPDX-License-Identifier: GPL-2.0-only

#include "sim/basic_checkers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sim/source_path.h"

namespace faultline {
namespace {

const char* NameOf(const char* name) { return name ? name : "a lock"; }

const char* ReportKindName(uint32_t kind) {
  switch (kind) {
    case FL_REPORT_BUG:
      return "BUG";
    case FL_REPORT_OOPS:
      return "oops";
    case FL_REPORT_WARN:
      return "WARN";
    default:
      return "bad-state";
  }
}

}  // namespace

const char* LockModeName(uint32_t mode) {
  return (mode & FL_LOCK_MODE) == FL_LOCK_READ ? "read" : "write";
}

void KernelBugChecker::OnReport(const KernelReport& report,
                                const TaskView& task) {
  if (report.kind == FL_REPORT_BAD && host()->phase() == Phase::kSelfCheck) {
    return;
  }
  RawFinding finding = MakeFinding(task);
  finding.kind = ReportKindName(report.kind);
  finding.pc = report.pc;
  if (report.function != nullptr) {
    finding.function = report.function;
    finding.location =
        absl::StrCat(RelativeSourcePath(report.file), ":", report.line);
  }
  switch (report.kind) {
    case FL_REPORT_BUG:
      finding.title = absl::StrCat("kernel BUG in ", finding.function, " at ",
                                   finding.location);
      break;
    case FL_REPORT_WARN:
      finding.title = absl::StrCat("WARNING in ", finding.function, " at ",
                                   finding.location);
      break;
    default:  // oops: the function comes from pc
      finding.title = report.text;
      break;
  }
  if (report.text != nullptr && report.kind != FL_REPORT_OOPS) {
    finding.notes.push_back({report.text, nullptr});
  }
  host()->AddFinding(std::move(finding), false);
}

void AccountingChecker::OnReport(const KernelReport& report,
                                 const TaskView& task) {
  if (report.kind != FL_REPORT_BAD || host()->phase() != Phase::kSelfCheck) {
    return;
  }
  RawFinding finding = MakeFinding(task);
  finding.kind = "leftover";
  finding.title = report.text;
  finding.function = report.function ? report.function : "";
  finding.location = absl::StrCat(
      RelativeSourcePath(report.file ? report.file : ""), ":", report.line);
  finding.task = -1;
  host()->AddFinding(std::move(finding), false);
}

std::string DeadlockChecker::Waiting(const TaskView& task,
                                     RawFinding* finding) const {
  if (task.wanted.lock == nullptr) {
    const char* why = task.wait_why ? task.wait_why : "something";
    finding->notes.push_back({absl::StrCat("task ", task.name, " waits (", why,
                                           ") and nobody is left to wake it"),
                              nullptr});
    return why;
  }
  finding->notes.push_back(
      {absl::StrCat("task ", task.name, " waits for ", NameOf(task.wanted.name),
                    " (", LockModeName(task.wanted.mode), ")"),
       task.wanted.pc});
  for (int i = 0; i < host()->task_count(); ++i) {
    const TaskView* other = host()->task(i);
    if (other == nullptr) continue;
    const HeldLock* held = other->FindHeld(task.wanted.lock);
    if (held == nullptr) continue;
    finding->notes.push_back(
        {absl::StrCat("  held by task ", other->name, " for ",
                      LockModeName(held->mode), " since step ", held->step),
         held->pc});
  }
  return NameOf(task.wanted.name);
}

void DeadlockChecker::OnStuck() {
  RawFinding finding;
  finding.checker = name();
  finding.kind = "deadlock";
  finding.step = host()->step();
  std::vector<std::string> what;
  for (int i = 0; i < host()->task_count(); ++i) {
    const TaskView* task = host()->task(i);
    if (task == nullptr || task->done) continue;
    if (finding.task < 0) finding.task = i;
    what.push_back(Waiting(*task, &finding));
  }
  std::sort(what.begin(), what.end());
  what.erase(std::unique(what.begin(), what.end()), what.end());
  finding.title =
      absl::StrCat("possible deadlock on ", absl::StrJoin(what, ", "));
  host()->AddFinding(std::move(finding), true);
}

void LockRulesChecker::Report(const char* kind, const std::string& title,
                              const void* pc, const TaskView& task,
                              const HeldLock* held) {
  RawFinding finding = MakeFinding(task);
  finding.kind = kind;
  finding.title = title;
  finding.pc = pc;
  if (held != nullptr) {
    finding.notes.push_back({absl::StrCat(NameOf(held->name), " was taken for ",
                                          LockModeName(held->mode), " by task ",
                                          task.name, " in step ", held->step),
                             held->pc});
  }
  host()->AddFinding(std::move(finding), true);
}

void LockRulesChecker::OnEvent(const fl_event& event, const TaskView& task) {
  const HeldLock* held;
  switch (event.kind) {
    case FL_EV_LOCK:
      if (event.arg & FL_LOCK_TRY) return;
      held = task.FindHeld(event.obj);
      // A reader that reads again waits for itself only when a writer queues
      // in between: a rule of its own, and 4.13 breaks it nowhere silently,
      // so both modes are held against it.
      if (held == nullptr) return;
      Report("recursion",
             absl::StrCat("possible recursive locking of ", NameOf(event.name)),
             event.pc, task, held);
      return;
    case FL_EV_UNLOCK:
    case FL_EV_DOWNGRADED:
      held = task.FindHeld(event.obj);
      if (held == nullptr) {
        // A page may be unlocked by another task than the one that locked it.
        for (int i = 0; i < host()->task_count(); ++i) {
          const TaskView* other = host()->task(i);
          const HeldLock* lent =
              other != nullptr ? other->FindHeld(event.obj) : nullptr;
          if (lent != nullptr && (lent->mode & event.arg & FL_LOCK_WRITE) &&
              event.name != nullptr &&
              std::string(event.name).find("page") != std::string::npos) {
            return;
          }
        }
        Report("not-held",
               absl::StrCat("bad unlock balance: ", NameOf(event.name),
                            " is not held"),
               event.pc, task, nullptr);
      } else if (event.kind == FL_EV_UNLOCK &&
                 (held->mode & FL_LOCK_MODE) != (event.arg & FL_LOCK_MODE)) {
        Report("wrong-mode",
               absl::StrCat("bad unlock: ", NameOf(event.name),
                            " is released for ", LockModeName(event.arg),
                            " but held for ", LockModeName(held->mode)),
               event.pc, task, held);
      }
      return;
    default:
      return;
  }
}

void LockRulesChecker::OnTaskEnd(const TaskView& task) {
  if (task.held_count == 0) return;
  const HeldLock& held = task.held[0];
  Report("held-at-exit",
         absl::StrCat("task ends with lock ", NameOf(held.name), " still held"),
         held.pc, task, &held);
}

}  // namespace faultline
