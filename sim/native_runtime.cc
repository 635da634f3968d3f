// SPDX-License-Identifier: GPL-2.0-only

#include "sim/native_runtime.h"

#include <sched.h>
#include <time.h>

#include <utility>

namespace faultline {
namespace {

// longjmp passes over frames of the kernel and of this function only; neither
// has anything to destroy.
__attribute__((noinline)) bool CallUnlessItLeaves(std::jmp_buf* leave,
                                                  absl::FunctionRef<void()> f) {
  if (setjmp(*leave) != 0) return false;
  f();
  return true;
}

}  // namespace

thread_local NativeTask* NativeRuntime::current_ = nullptr;

struct NativeTable {
  static void Park(void* host, const void*, const char*) {
    NativeTask* task = static_cast<NativeTask*>(host);
    task->runtime->Park(task);
  }
  static void Unpark(void* host) {
    NativeTask* task = static_cast<NativeTask*>(host);
    task->unparked.store(1, std::memory_order_release);
    task->unparked.notify_one();
  }
  static uint32_t Choose(uint32_t, uint32_t) { return 0; }
  static void Relax(void*, const void*) {
    if (NativeTask* task = NativeRuntime::current_) task->runtime->Relax();
  }
  static void Report(uint32_t kind, const char* file, int line,
                     const char* function, const char* text, const void* pc) {
    if (NativeTask* task = NativeRuntime::current_) {
      task->runtime->Report({kind, file, line, function, text, pc});
    }
  }
  static void Print(int, const char*) {}
  static uint64_t Now() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return uint64_t{1000000000} * now.tv_sec + now.tv_nsec;
  }
};

const fl_runtime* NativeRuntime::Table() {
  static const fl_runtime table = {
      sizeof(fl_runtime),
      NativeTable::Park,
      NativeTable::Unpark,
      NativeTable::Choose,
      NativeTable::Relax,
      nullptr,
      nullptr,
      NativeTable::Report,
      NativeTable::Print,
      NativeTable::Now,
  };
  return &table;
}

void NativeRuntime::SetCheckers(std::vector<Checker*> checkers) {
  checkers_ = std::move(checkers);
  for (Checker* checker : checkers_) checker->Attach(this);
}

NativeTask* NativeRuntime::AddTask(const std::string& name) {
  NativeTask& task = tasks_.emplace_back();
  task.runtime = this;
  task.view.id = static_cast<uint8_t>(tasks_.size() - 1);
  task.view.name = name;
  return &task;
}

bool NativeRuntime::RunAs(void* host, task_struct* task,
                          absl::FunctionRef<void()> f) {
  if (dead()) return false;
  NativeTask* native = static_cast<NativeTask*>(host);
  current_ = native;
  *library_->kernel().current_slot() = task;
  FaultHandler::InstallOnThisThread();
  FaultHandler::SetTarget(this);
  const bool returned = CallUnlessItLeaves(&native->leave, f);
  FaultHandler::SetTarget(nullptr);
  *library_->kernel().current_slot() = nullptr;
  current_ = nullptr;
  return returned;
}

void NativeRuntime::Leave() { std::longjmp(current_->leave, 1); }

bool NativeRuntime::Claims(const void* pc, const void*) const {
  return current_ != nullptr && library_->Contains(pc);
}

void NativeRuntime::Land(const void* pc, const void* address) {
  Report({FL_REPORT_OOPS, nullptr, 0, nullptr,
          reinterpret_cast<uintptr_t>(address) < 65536
              ? "BUG: unable to handle kernel NULL pointer dereference"
              : "BUG: unable to handle kernel paging request",
          pc});
  Leave();
}

void NativeRuntime::Park(NativeTask* task) {
  task->parked.store(true, std::memory_order_release);
  while (task->unparked.exchange(0, std::memory_order_acquire) == 0) {
    if (dead()) break;
    task->unparked.wait(0, std::memory_order_acquire);
  }
  task->parked.store(false, std::memory_order_release);
  if (dead()) Leave();
}

void NativeRuntime::Relax() {
  if (dead()) Leave();
  sched_yield();
}

void NativeRuntime::Report(const KernelReport& report) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (Checker* checker : checkers_) {
      checker->OnReport(report, current_->view);
    }
  }
  if (report.kind == FL_REPORT_BUG || report.kind == FL_REPORT_OOPS) Kill();
  if (dead()) Leave();
}

void NativeRuntime::Restart() {
  dead_.store(false, std::memory_order_release);
  for (NativeTask& task : tasks_) {
    task.unparked.store(0, std::memory_order_relaxed);
    task.parked.store(false, std::memory_order_relaxed);
    task.done.store(false, std::memory_order_relaxed);
  }
  std::lock_guard<std::mutex> lock(mutex_);
  findings_.clear();
}

void NativeRuntime::Kill() {
  dead_.store(true, std::memory_order_release);
  for (NativeTask& task : tasks_) {
    task.unparked.store(1, std::memory_order_release);
    task.unparked.notify_all();
  }
}

bool NativeRuntime::AllAsleep(size_t first, size_t count) const {
  for (size_t i = first; i < first + count; ++i) {
    const NativeTask& task = tasks_[i];
    if (task.done.load(std::memory_order_acquire)) continue;
    if (!task.parked.load(std::memory_order_acquire) ||
        task.unparked.load(std::memory_order_acquire) != 0) {
      return false;
    }
  }
  return true;
}

std::vector<RawFinding> NativeRuntime::TakeFindings() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(findings_, {});
}

void NativeRuntime::AddFinding(RawFinding finding, bool fatal) {
  static constexpr size_t kMaxFindings = 64;  // of one round
  if (findings_.size() < kMaxFindings) findings_.push_back(std::move(finding));
  if (fatal) Kill();
}

const TaskView* NativeRuntime::task(int id) const {
  if (id < 0 || id >= static_cast<int>(tasks_.size())) return nullptr;
  return &tasks_[id].view;
}

}  // namespace faultline
