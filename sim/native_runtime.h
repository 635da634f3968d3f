// SPDX-License-Identifier: GPL-2.0-only
//
// NativeRuntime: the runtime of a native kernel build.  Tasks are threads;
// park waits on a futex; nobody listens to events.
//
// A machine that died (BUG, or nobody moves any more) cannot be repaired: it
// is marked dead, and every thread inside it leaves by a long jump the next
// time it parks, spins or reports, to where it entered the kernel.  What it
// held stays held; the machine's memory is given up as a whole.
//
// Thread safety: all of it, except that one machine is set up and torn down
// by one thread while no other is in it.

#ifndef FAULTLINE_SIM_NATIVE_RUNTIME_H_
#define FAULTLINE_SIM_NATIVE_RUNTIME_H_

#include <atomic>
#include <csetjmp>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "mm/interface.h"
#include "sim/checker.h"
#include "sim/fault_handler.h"
#include "sim/kernel_library.h"
#include "sim/machine.h"

namespace faultline {

class NativeRuntime;

// The `host` cookie of a task.
struct NativeTask {
  NativeRuntime* runtime = nullptr;
  TaskView view;
  std::atomic<int> unparked{0};
  std::atomic<bool> parked{false};
  std::atomic<bool> done{false};  // its operations are over
  std::jmp_buf leave;
};

class NativeRuntime final : public TaskRunner,
                            public CheckerHost,
                            private FaultTarget {
 public:
  // The table for KernelLibrary::Load.
  static const fl_runtime* Table();

  explicit NativeRuntime(const KernelLibrary* library) : library_(library) {}

  // Not owned.  Before the first RunAs.
  void SetCheckers(std::vector<Checker*> checkers);
  // The address is the cookie; valid as long as the runtime.
  NativeTask* AddTask(const std::string& name);

  // TaskRunner: on the calling thread.
  bool RunAs(void* host, task_struct* task,
             absl::FunctionRef<void()> f) override;

  // A new machine: alive, without findings.
  void Restart();
  bool dead() const { return dead_.load(std::memory_order_acquire); }
  // Everybody leaves the machine.
  void Kill();
  // Every task in [first, first + count) that is not done is asleep, and was
  // a moment ago.
  bool AllAsleep(size_t first, size_t count) const;
  void set_phase(Phase phase) {
    phase_.store(phase, std::memory_order_relaxed);
  }
  // Guards checkers and findings.  Not absl::Mutex: the system's Abseil is not
  // built for ThreadSanitizer, which would then see no order in it.
  std::mutex* mutex() { return &mutex_; }
  std::vector<RawFinding> TakeFindings();

  // CheckerHost; AddFinding with the mutex held.
  void AddFinding(RawFinding finding, bool fatal) override;
  uint64_t step() const override { return 0; }
  Phase phase() const override {
    return phase_.load(std::memory_order_relaxed);
  }
  const TaskView* task(int id) const override;
  int task_count() const override { return static_cast<int>(tasks_.size()); }
  uint64_t ArenaOffset(const void*) const override { return ~uint64_t{0}; }

 private:
  friend struct NativeTable;

  // FaultTarget, for the thread that faulted.
  bool Claims(const void* pc, const void* address) const override;
  void* LandingStack() const override { return nullptr; }
  [[noreturn]] void Land(const void* pc, const void* address) override;

  void Park(NativeTask* task);
  void Relax();
  void Report(const KernelReport& report);
  [[noreturn]] static void Leave();

  static thread_local NativeTask* current_;

  const KernelLibrary* const library_;
  std::deque<NativeTask> tasks_;
  std::vector<Checker*> checkers_;
  std::atomic<bool> dead_{false};
  std::atomic<Phase> phase_{Phase::kSetup};
  std::mutex mutex_;
  std::vector<RawFinding> findings_;  // mutex_
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_NATIVE_RUNTIME_H_
