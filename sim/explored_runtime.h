// SPDX-License-Identifier: GPL-2.0-only
//
// ExploredRuntime: the runtime of an explored kernel build.  Tasks are fibers
// of one thread; at each scheduling point (granularity.h) a Strategy says who
// goes on, and the switch goes from task to task directly.
//
// Order inside one callback, which everything rests on: 1. switch, if it is a
// scheduling point; 2. check, in the state the task finds when it is back;
// 3. save the page that is about to be written; 4. record; 5. return, and
// only now the kernel does what it announced.  An execution that is abandoned
// in 1 to 4 leaves a switch to the host's stack and nothing else.
//
// A spinning task is one that waits for the watched word to change.  When
// nobody else can run and the word has not changed it is tried again a few
// times, for a loop that looks at more than this word.
//
// Thread safety: one thread each, the one that called Init.  Several threads
// may each have one, also on one kernel build.

#ifndef FAULTLINE_SIM_EXPLORED_RUNTIME_H_
#define FAULTLINE_SIM_EXPLORED_RUNTIME_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "mm/interface.h"
#include "sim/arena.h"
#include "sim/checker.h"
#include "sim/fault_handler.h"
#include "sim/fiber.h"
#include "sim/granularity.h"
#include "sim/kernel_library.h"
#include "sim/lifetime_checker.h"
#include "sim/recorder.h"
#include "sim/snapshot.h"
#include "sim/strategy.h"
#include "sim/token.h"

namespace faultline {

// One task of the machine; its address is the `host` cookie.
struct SimTask {
  enum class State : uint8_t { kDone, kRunnable, kParked, kSpinning };

  State state = State::kDone;
  bool unparked = false;  // the one token of unpark
  const uint32_t* watched = nullptr;
  uint32_t watched_value = 0;
  uint64_t relaxed_at = 0;  // switches_ when it began to spin
  task_struct* task = nullptr;
  void (*body)(void* argument) = nullptr;
  void* argument = nullptr;
  Fiber fiber;
  TaskView view;
};

class ExploredRuntime final : public CheckerHost, private FaultTarget {
 public:
  static constexpr int kMaxTasks = 32;
  static constexpr size_t kStackBytes = 256 * 1024;

  enum class End {
    kCompleted,  // every task came to its end
    kFatal,      // a finding or a kernel BUG ended it
    kStepLimit,  // longer than the limit
    kStuck       // nobody could run
  };

  // The table for KernelLibrary::Load; one for the whole process.
  static const fl_runtime* Table();

  ExploredRuntime() = default;
  ~ExploredRuntime() override;

  // kernel, arena: outlive the runtime.
  absl::Status Init(const KernelLibrary* kernel, const Arena* arena,
                    Granularity granularity, uint64_t max_steps);
  // Not owned.  `lifetime` is one of them or null.
  void SetCheckers(std::vector<Checker*> checkers, LifetimeChecker* lifetime);
  void SetRecorder(Recorder* recorder);
  // Called between steps of the tasks, before each point where another one
  // could run; what the kernel does in it is no event, and what it reports is
  // of the self-check.  Ends the execution at the first finding.
  void SetStepCheck(std::function<void()> check) {
    step_check_ = std::move(check);
  }
  // Host memory that kernel code may touch beside its own stacks.
  void AllowHostMemory(const void* begin, uint64_t bytes);

  // At most kMaxTasks, kNotFound otherwise.
  absl::StatusOr<SimTask*> AddTask(const std::string& name);

  // Runs the tasks until the execution ends.  Each has task, body and
  // argument set.  explore: `strategy` decides and the schedule is kept; else
  // every choice is 0 and nothing is recorded.
  End Run(absl::Span<SimTask* const> tasks, Strategy* strategy, bool explore);
  // One task alone, not explored; f() is called on its fiber.
  template <typename F>
  End RunAlone(SimTask* task, F&& f) {
    task->body = [](void* argument) {
      (*static_cast<std::remove_reference_t<F>*>(argument))();
    };
    task->argument = &f;
    return Run({&task, 1}, nullptr, false);
  }

  // Called on a task's fiber, by the code that drives it.
  void OpPoint();  // scheduling point between two operations
  // Ends the execution when a checker reported something fatal.
  void AbandonIfFatal() {
    if (fatal_) Abandon(End::kFatal);
  }
  // With a recorder: a line of the trace.
  void RecordText(TraceKind kind, std::string text) {
    Record(kind, std::move(text));
  }
  SimTask* current_task() { return cur_; }
  // Ends the execution; a finding was added, or none is to be.
  [[noreturn]] void Abandon(End end);

  // Back to the snapshot: memory, checkers, tasks, counters.
  void TakeSnapshot();
  void RestoreSnapshot();
  Snapshot* snapshot() { return &snapshot_; }

  void set_phase(Phase phase) { phase_ = phase; }
  const Schedule& schedule() const { return schedule_; }
  uint64_t switches() const { return switches_; }
  std::vector<RawFinding>* findings() { return &findings_; }
  Recorder* recorder() { return recorder_; }

  // CheckerHost
  void AddFinding(RawFinding finding, bool fatal) override;
  uint64_t step() const override { return step_; }
  Phase phase() const override { return phase_; }
  const TaskView* task(int id) const override;
  int task_count() const override { return static_cast<int>(tasks_.size()); }
  uint64_t ArenaOffset(const void* address) const override;

 private:
  friend struct RuntimeTable;

  // FaultTarget.  Lands on the top of the fiber's own stack: the fiber is
  // abandoned anyway, and may have overflowed.
  bool Claims(const void* pc, const void* address) const override;
  void* LandingStack() const override { return cur_->fiber.stack_top(); }
  [[noreturn]] void Land(const void* pc, const void* address) override;

  static void FiberMain(void* argument);

  void Park(SimTask* task, const void* obj, const char* why);
  void Unpark(SimTask* task);
  uint32_t ChooseFor(uint32_t n, uint32_t why);
  void Relax(SimTask* task, const void* watched);
  void Event(const fl_event* event);
  void Access(const void* address, uint32_t size, uint32_t flags,
              const void* pc);
  void OutsideAccess(const void* address, uint32_t size, uint32_t flags,
                     const void* pc);
  void ObservedAccess(const void* address, uint32_t size, uint32_t flags,
                      const void* pc);
  void Report(const KernelReport& report);
  void Print(int level, const char* text);

  bool MayTouch(const void* address) const;
  [[noreturn]] void Oops(const void* address, const void* pc);
  void TrackLock(const fl_event& event);
  void DirtyFor(const fl_event& event);
  void CountStep() {
    if (++step_ >= step_limit_) Abandon(End::kStepLimit);
  }
  void StepCheck();
  // Other tasks could run here.
  bool Contended() const { return runnable_ + spinning_ > 1; }
  bool Enabled(const SimTask& task) const;
  void SchedulePoint(uint8_t point);
  // The current task cannot go on: gives the CPU away.
  void Block(uint8_t point);
  SimTask* PickOther(uint8_t point);
  void SwitchTo(SimTask* task);
  uint32_t Decide(const ChoiceContext& context);
  void Record(TraceKind kind, std::string text, const void* pc = nullptr,
              const void* address = nullptr, uint64_t size = 0,
              uint32_t event = 0, uint32_t arg = 0, const char* name = nullptr);

  static thread_local ExploredRuntime* current_;
  // While it checks itself between two steps; current_ is null then.
  static thread_local ExploredRuntime* checking_;

  // Hot, together.
  uintptr_t base_ = 0;
  uint64_t size_ = 0;
  uint64_t step_ = 0;
  uint64_t step_limit_ = 0;
  LifetimeChecker* lifetime_ = nullptr;
  bool access_points_ = false;  // granularity access, and exploring
  bool observed_ = false;       // recorder, or checkers that want accesses
  bool fatal_ = false;
  uint32_t runnable_ = 0, spinning_ = 0;
  SimTask* cur_ = nullptr;
  task_struct** slot_ = nullptr;  // the kernel's `current`
  Snapshot snapshot_;

  const KernelLibrary* kernel_ = nullptr;
  Granularity granularity_ = Granularity::kSync;
  uint64_t max_steps_ = 0;
  bool explore_ = false;
  uint32_t idle_spins_ = 0;
  uint64_t switches_ = 0;
  Strategy* strategy_ = nullptr;
  Schedule schedule_;
  Recorder* recorder_ = nullptr;
  std::vector<Checker*> checkers_;
  std::vector<Checker*> access_checkers_;
  std::vector<RawFinding> findings_;
  std::function<void()> step_check_;
  Phase phase_ = Phase::kSetup;
  End end_ = End::kCompleted;
  FiberContext host_context_;
  std::deque<SimTask> tasks_;  // never moves: addresses are cookies
  absl::Span<SimTask* const> running_;
  struct HostRange {
    uintptr_t begin;
    uint64_t bytes;
  };
  std::vector<HostRange> host_ranges_;
  uint64_t setup_steps_ = 0;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_EXPLORED_RUNTIME_H_
