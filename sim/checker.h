// SPDX-License-Identifier: GPL-2.0-only
//
// Checker: a plug-in that watches one execution through its events and holds
// things against the kernel.
//
// Checkers are called on the stack of the task that did the thing, before the
// runtime call returns to it, so before a bad access happens.  They must not
// switch, and after reporting something fatal they return: the runtime
// abandons the execution as soon as every checker has returned.
//
// A RawFinding holds addresses of code; the explorer turns it into a Finding
// (with names and lines) after the execution, off the fiber's small stack.

#ifndef FAULTLINE_SIM_CHECKER_H_
#define FAULTLINE_SIM_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "mm/sync/runtime.h"

namespace faultline {

struct HeldLock {
  const void* lock = nullptr;
  uint32_t mode = 0;  // enum fl_lock_mode
  const char* name = nullptr;
  const void* pc = nullptr;  // where it was taken
  uint64_t step = 0;
};

// What is known of a task beside the kernel's own task_struct.
struct TaskView {
  static constexpr uint32_t kMaxHeld = 24;

  uint8_t id = 0;
  std::string name;
  bool done = false;
  HeldLock held[kMaxHeld];
  uint32_t held_count = 0;
  HeldLock wanted;  // between FL_EV_LOCK and the answer; lock null: none
  const void* wait_obj = nullptr;  // of park or relax
  const char* wait_why = nullptr;

  const HeldLock* FindHeld(const void* lock) const {
    for (uint32_t i = held_count; i-- > 0;) {
      if (held[i].lock == lock) return &held[i];
    }
    return nullptr;
  }
};

enum class Phase {
  kSetup,     // boot, mount, setup operations: before the snapshot
  kTasks,     // the tasks of the program run
  kExit,      // they exit, one after the other; unmount
  kSelfCheck  // the kernel's own checks of what is left
};

struct KernelReport {
  uint32_t kind;  // enum fl_report_kind
  const char* file;
  int line;
  const char* function;
  const char* text;
  const void* pc;
};

struct RawFinding {
  const char* checker = "";
  std::string kind;
  // With `pc` and no `function`: " in FUNCTION" is appended.
  std::string title;
  const void* pc = nullptr;
  std::string function, location;  // when known without symbols
  int task = -1;                   // TaskView::id
  uint64_t step = 0;
  struct Note {
    std::string text;  // " at FUNCTION (FILE:LINE)" is appended with a pc
    const void* pc = nullptr;
  };
  std::vector<Note> notes;
};

// What a checker may ask of the execution it watches.
class CheckerHost {
 public:
  virtual ~CheckerHost() = default;
  // fatal: the execution ends here.
  virtual void AddFinding(RawFinding finding, bool fatal) = 0;
  virtual uint64_t step() const = 0;
  virtual Phase phase() const = 0;
  // All tasks of the execution, by id; null where there is none.
  virtual const TaskView* task(int id) const = 0;
  virtual int task_count() const = 0;
  // Offset in the arena, or ~0 when it is not there.
  virtual uint64_t ArenaOffset(const void* address) const = 0;
};

class Checker {
 public:
  virtual ~Checker() = default;
  virtual const char* name() const = 0;

  void Attach(CheckerHost* host) { host_ = host; }
  // The state now is the one that Reset comes back to.
  virtual void TakeSnapshot() {}
  virtual void Reset() {}

  virtual void OnEvent(const fl_event& event, const TaskView& task) {}
  virtual bool wants_accesses() const { return false; }
  virtual void OnAccess(const void* address, uint32_t size, uint32_t flags,
                        const void* pc, const TaskView& task) {}
  virtual void OnReport(const KernelReport& report, const TaskView& task) {}
  // A task came to the end of its operations.
  virtual void OnTaskEnd(const TaskView& task) {}
  // No task can run and not all are done.
  virtual void OnStuck() {}

 protected:
  CheckerHost* host() const { return host_; }
  RawFinding MakeFinding(const TaskView& task) const {
    RawFinding finding;
    finding.checker = name();
    finding.task = task.id;
    finding.step = host_->step();
    return finding;
  }

 private:
  CheckerHost* host_ = nullptr;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_CHECKER_H_
