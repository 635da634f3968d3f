// SPDX-License-Identifier: GPL-2.0-only

#include "sim/explored_runtime.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace faultline {

thread_local ExploredRuntime* ExploredRuntime::current_ = nullptr;
thread_local ExploredRuntime* ExploredRuntime::checking_ = nullptr;

// What the kernel build calls.  Outside Run nobody listens.
struct RuntimeTable {
  static ExploredRuntime* current() { return ExploredRuntime::current_; }

  static void Park(void* host, const void* obj, const char* why) {
    if (ExploredRuntime* runtime = current()) {
      runtime->Park(static_cast<SimTask*>(host), obj, why);
    }
  }
  static void Unpark(void* host) {
    if (ExploredRuntime* runtime = current()) {
      runtime->Unpark(static_cast<SimTask*>(host));
    }
  }
  static uint32_t Choose(uint32_t n, uint32_t why) {
    ExploredRuntime* runtime = current();
    return runtime ? runtime->ChooseFor(n, why) : 0;
  }
  static void Relax(void* host, const void* watched) {
    if (ExploredRuntime* runtime = current()) {
      runtime->Relax(static_cast<SimTask*>(host), watched);
    }
  }
  static void Event(const fl_event* event) {
    if (ExploredRuntime* runtime = current()) runtime->Event(event);
  }
  static void Access(const void* address, uint32_t size, uint32_t flags,
                     const void* pc) {
    if (ExploredRuntime* runtime = current()) {
      runtime->Access(address, size, flags, pc);
    }
  }
  static void Report(uint32_t kind, const char* file, int line,
                     const char* function, const char* text, const void* pc) {
    ExploredRuntime* runtime = current();
    if (runtime == nullptr) runtime = ExploredRuntime::checking_;
    if (runtime != nullptr) {
      runtime->Report({kind, file, line, function, text, pc});
    }
  }
  static void Print(int level, const char* text) {
    if (ExploredRuntime* runtime = current()) runtime->Print(level, text);
  }
  static uint64_t Now() {
    ExploredRuntime* runtime = current();
    return runtime ? runtime->step() : 0;
  }
};

const fl_runtime* ExploredRuntime::Table() {
  static const fl_runtime table = {
      sizeof(fl_runtime),   RuntimeTable::Park,   RuntimeTable::Unpark,
      RuntimeTable::Choose, RuntimeTable::Relax,  RuntimeTable::Event,
      RuntimeTable::Access, RuntimeTable::Report, RuntimeTable::Print,
      RuntimeTable::Now,
  };
  return &table;
}

ExploredRuntime::~ExploredRuntime() {
  if (current_ == this) current_ = nullptr;
}

absl::Status ExploredRuntime::Init(const KernelLibrary* kernel,
                                   const Arena* arena, Granularity granularity,
                                   uint64_t max_steps) {
  kernel_ = kernel;
  base_ = reinterpret_cast<uintptr_t>(arena->data());
  size_ = arena->size();
  granularity_ = granularity;
  max_steps_ = max_steps;
  slot_ = kernel->kernel().current_slot();
  findings_.reserve(16);
  FaultHandler::InstallOnThisThread();
  return snapshot_.Init(arena->data(), arena->size());
}

void ExploredRuntime::SetCheckers(std::vector<Checker*> checkers,
                                  LifetimeChecker* lifetime) {
  checkers_ = std::move(checkers);
  lifetime_ = lifetime;
  access_checkers_.clear();
  for (Checker* checker : checkers_) {
    checker->Attach(this);
    if (checker->wants_accesses()) access_checkers_.push_back(checker);
  }
  observed_ = recorder_ != nullptr || !access_checkers_.empty();
}

void ExploredRuntime::SetRecorder(Recorder* recorder) {
  recorder_ = recorder;
  observed_ = recorder_ != nullptr || !access_checkers_.empty();
  if (recorder == nullptr) return;
  std::vector<std::string>& names = recorder->trace()->tasks;
  names.clear();
  for (const SimTask& task : tasks_) names.push_back(task.view.name);
}

void ExploredRuntime::AllowHostMemory(const void* begin, uint64_t bytes) {
  host_ranges_.push_back({reinterpret_cast<uintptr_t>(begin), bytes});
}

absl::StatusOr<SimTask*> ExploredRuntime::AddTask(const std::string& name) {
  if (tasks_.size() == kMaxTasks) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", kMaxTasks, " tasks"));
  }
  absl::StatusOr<Fiber> fiber = Fiber::Create(kStackBytes);
  if (!fiber.ok()) return fiber.status();
  SimTask& task = tasks_.emplace_back();
  task.fiber = std::move(*fiber);
  task.view.id = static_cast<uint8_t>(tasks_.size() - 1);
  task.view.name = name;
  task.view.done = true;
  return &task;
}

// ---- one execution ----

void ExploredRuntime::FiberMain(void* argument) {
  SimTask* task = static_cast<SimTask*>(argument);
  task->body(task->argument);
  ExploredRuntime* runtime = current_;
  task->state = SimTask::State::kDone;
  task->view.done = true;
  --runtime->runnable_;
  if (runtime->phase_ == Phase::kTasks) {
    for (Checker* checker : runtime->checkers_) checker->OnTaskEnd(task->view);
    if (runtime->fatal_) runtime->Abandon(End::kFatal);
  }
  runtime->Block(kPointStart);
  __builtin_unreachable();
}

ExploredRuntime::End ExploredRuntime::Run(absl::Span<SimTask* const> tasks,
                                          Strategy* strategy, bool explore) {
  running_ = tasks;
  strategy_ = strategy;
  explore_ = explore;
  access_points_ = explore && granularity_ == Granularity::kAccess;
  fatal_ = false;
  end_ = End::kCompleted;
  step_limit_ = step_ + max_steps_;
  idle_spins_ = 0;
  runnable_ = 0;
  spinning_ = 0;
  for (SimTask* task : tasks) {
    task->fiber.Reset(FiberMain, task);
    task->state = SimTask::State::kRunnable;
    task->unparked = false;
    task->view.done = false;
    task->view.wanted.lock = nullptr;
    task->view.wait_obj = nullptr;
    task->view.wait_why = nullptr;
    ++runnable_;
  }
  if (tasks.empty()) return End::kCompleted;
  if (explore) schedule_.Clear();

  current_ = this;
  cur_ = nullptr;
  SimTask* first = PickOther(kPointStart);
  cur_ = first;
  *slot_ = first->task;
  if (recorder_) Record(TraceKind::kSwitch, "runs");
  FaultHandler::SetTarget(this);
  SwitchFiber(&host_context_, first->fiber.context());
  FaultHandler::SetTarget(nullptr);
  *slot_ = nullptr;
  cur_ = nullptr;
  current_ = nullptr;
  return end_;
}

void ExploredRuntime::Abandon(End end) {
  end_ = end;
  SwitchFiber(cur_->fiber.context(), &host_context_);
  __builtin_unreachable();
}

void ExploredRuntime::SwitchTo(SimTask* task) {
  SimTask* from = cur_;
  cur_ = task;
  *slot_ = task->task;
  ++switches_;
  if (task->state == SimTask::State::kSpinning) {
    task->state = SimTask::State::kRunnable;
    --spinning_;
    ++runnable_;
  }
  if (recorder_) Record(TraceKind::kSwitch, "runs");
  SwitchFiber(from->fiber.context(), task->fiber.context());
}

bool ExploredRuntime::Enabled(const SimTask& task) const {
  if (task.state == SimTask::State::kRunnable) return true;
  if (task.state != SimTask::State::kSpinning) return false;
  if (task.watched == nullptr) return switches_ > task.relaxed_at + 1;
  return __atomic_load_n(task.watched, __ATOMIC_RELAXED) != task.watched_value;
}

uint32_t ExploredRuntime::Decide(const ChoiceContext& context) {
  const uint32_t choice = strategy_->Choose(context);
  schedule_.Add(context, choice);
  return choice;
}

void ExploredRuntime::SchedulePoint(uint8_t point) {
  uint8_t ids[kMaxTasks];
  SimTask* options[kMaxTasks];
  uint32_t n = 0;
  options[n] = cur_;
  ids[n++] = cur_->view.id;
  for (SimTask* task : running_) {
    if (task == cur_ || !Enabled(*task)) continue;
    options[n] = task;
    ids[n++] = task->view.id;
  }
  if (n == 1) return;
  const uint32_t choice = Decide({FL_CHOOSE_SCHED, n, point, true, ids, step_});
  if (choice != 0) SwitchTo(options[choice]);
}

SimTask* ExploredRuntime::PickOther(uint8_t point) {
  uint8_t ids[kMaxTasks];
  SimTask* options[kMaxTasks];
  uint32_t n = 0;
  for (SimTask* task : running_) {
    if (!Enabled(*task)) continue;
    options[n] = task;
    ids[n++] = task->view.id;
  }
  if (n != 0) {
    idle_spins_ = 0;
  } else if (spinning_ != 0 && idle_spins_ < 4 * running_.size()) {
    ++idle_spins_;
    for (SimTask* task : running_) {
      if (task->state != SimTask::State::kSpinning) continue;
      options[n] = task;
      ids[n++] = task->view.id;
    }
    // Round by round, no choice: only who is stuck is to be found out.
    return options[idle_spins_ % n];
  }
  if (n == 0) return nullptr;
  if (n == 1 || !explore_) return options[0];
  return options[Decide({FL_CHOOSE_SCHED, n, point, false, ids, step_})];
}

void ExploredRuntime::Block(uint8_t point) {
  SimTask* next = PickOther(point);
  if (next == cur_) {  // it spun, and nobody else is there
    cur_->state = SimTask::State::kRunnable;
    --spinning_;
    ++runnable_;
    return;
  }
  if (next != nullptr) {
    SwitchTo(next);
    return;
  }
  for (SimTask* task : running_) {
    if (task->state == SimTask::State::kDone) continue;
    for (Checker* checker : checkers_) checker->OnStuck();
    Abandon(End::kStuck);
  }
  Abandon(End::kCompleted);
}

void ExploredRuntime::StepCheck() {
  if (step_check_ == nullptr || phase_ != Phase::kTasks || !explore_) return;
  const size_t before = findings_.size();
  phase_ = Phase::kSelfCheck;
  current_ = nullptr;
  checking_ = this;
  step_check_();
  checking_ = nullptr;
  current_ = this;
  phase_ = Phase::kTasks;
  if (findings_.size() != before) Abandon(End::kFatal);
}

void ExploredRuntime::OpPoint() {
  CountStep();
  StepCheck();
  if (Contended()) SchedulePoint(kPointOp);
}

// ---- what the kernel calls ----

void ExploredRuntime::Park(SimTask* task, const void* obj, const char* why) {
  CountStep();
  if (task->unparked) {
    task->unparked = false;
    return;
  }
  if (recorder_) {
    Record(TraceKind::kPark, absl::StrCat("sleeps: ", why ? why : ""), nullptr,
           obj, 0, 0, 0, why);
  }
  task->view.wait_obj = obj;
  task->view.wait_why = why;
  task->state = SimTask::State::kParked;
  --runnable_;
  Block(kPointPark);
  task->view.wait_obj = nullptr;
  task->view.wait_why = nullptr;
}

void ExploredRuntime::Unpark(SimTask* task) {
  if (task->state != SimTask::State::kParked) {
    if (task->state != SimTask::State::kDone) task->unparked = true;
    return;
  }
  task->state = SimTask::State::kRunnable;
  ++runnable_;
  if (recorder_) {
    Record(TraceKind::kUnpark, absl::StrCat("wakes ", task->view.name));
  }
}

uint32_t ExploredRuntime::ChooseFor(uint32_t n, uint32_t why) {
  if (n <= 1 || !explore_) return 0;
  const uint32_t choice = Decide({why, n, kPointChoose, false, nullptr, step_});
  if (recorder_) {
    Record(TraceKind::kChoice, absl::StrCat("chooses ", choice, " of ", n),
           nullptr, nullptr, n, why, choice);
  }
  return choice;
}

void ExploredRuntime::Relax(SimTask* task, const void* watched) {
  CountStep();
  if (recorder_) Record(TraceKind::kRelax, "spins", nullptr, watched);
  task->watched = reinterpret_cast<const uint32_t*>(
      reinterpret_cast<uintptr_t>(watched) & ~uintptr_t{3});
  if (task->watched != nullptr) {
    task->watched_value = __atomic_load_n(task->watched, __ATOMIC_RELAXED);
  }
  task->relaxed_at = switches_;
  task->view.wait_obj = watched;
  task->state = SimTask::State::kSpinning;
  --runnable_;
  ++spinning_;
  Block(kPointRelax);
  task->view.wait_obj = nullptr;
}

void ExploredRuntime::TrackLock(const fl_event& event) {
  TaskView& view = cur_->view;
  switch (event.kind) {
    case FL_EV_LOCKED:
      view.wanted.lock = nullptr;
      if (view.held_count < TaskView::kMaxHeld) {
        view.held[view.held_count++] = {event.obj, event.arg, event.name,
                                        event.pc, step_};
      }
      return;
    case FL_EV_LOCK_FAILED:
      view.wanted.lock = nullptr;
      return;
    case FL_EV_DOWNGRADED:
      for (uint32_t i = 0; i < view.held_count; ++i) {
        if (view.held[i].lock == event.obj) {
          view.held[i].mode =
              (view.held[i].mode & ~FL_LOCK_MODE) | FL_LOCK_READ;
        }
      }
      return;
    case FL_EV_UNLOCKED: {
      TaskView* holder = &view;
      if (view.FindHeld(event.obj) == nullptr) {
        for (SimTask& task : tasks_) {
          if (task.view.FindHeld(event.obj) != nullptr) holder = &task.view;
        }
      }
      for (uint32_t i = holder->held_count; i-- > 0;) {
        if (holder->held[i].lock != event.obj) continue;
        for (uint32_t j = i + 1; j < holder->held_count; ++j) {
          holder->held[j - 1] = holder->held[j];
        }
        --holder->held_count;
        return;
      }
      return;
    }
    default:
      return;
  }
}

void ExploredRuntime::DirtyFor(const fl_event& event) {
  const uint64_t offset = reinterpret_cast<uintptr_t>(event.obj) - base_;
  if (offset >= size_) return;
  switch (event.kind) {
    case FL_EV_RANGE_WRITE:
    case FL_EV_USER_WRITE:
    case FL_EV_ALLOC:
    case FL_EV_FREE:
    case FL_EV_PAGE_FREE:
    case FL_EV_LOCK_INIT:
      snapshot_.MarkDirty(offset, std::max<uint64_t>(event.size, 64));
      return;
    case FL_EV_RANGE_READ:
    case FL_EV_USER_READ:
    case FL_EV_MARK:
    case FL_EV_PAGE_ALLOC:
      return;
    default:
      snapshot_.MarkDirty(offset, 64);
      return;
  }
}

void ExploredRuntime::Event(const fl_event* event) {
  if (event->kind == FL_EV_DIRTY) {
    snapshot_.MarkDirty(reinterpret_cast<uintptr_t>(event->obj) - base_,
                        event->size);
    return;
  }
  CountStep();
  if (event->kind == FL_EV_LOCK) {
    StepCheck();
    cur_->view.wanted = {event->obj, event->arg, event->name, event->pc, step_};
    if (Contended()) SchedulePoint(FL_EV_LOCK);
    if (!MayTouch(event->obj)) Oops(event->obj, event->pc);
  }
  DirtyFor(*event);
  for (Checker* checker : checkers_) checker->OnEvent(*event, cur_->view);
  TrackLock(*event);
  if (recorder_) {
    Record(TraceKind::kEvent, DescribeEvent(*event), event->pc, event->obj,
           event->size, event->kind, event->arg, event->name);
  }
  if (fatal_) Abandon(End::kFatal);
  if (event->kind == FL_EV_UNLOCKED) {
    StepCheck();
    if (Contended()) SchedulePoint(FL_EV_UNLOCKED);
  }
}

void ExploredRuntime::Access(const void* address, uint32_t size, uint32_t flags,
                             const void* pc) {
  const uint64_t offset = reinterpret_cast<uintptr_t>(address) - base_;
  if (offset >= size_) {
    OutsideAccess(address, size, flags, pc);
    return;
  }
  CountStep();
  if (access_points_) {
    StepCheck();
    if (Contended()) SchedulePoint(kPointAccess);
  }
  if (lifetime_ != nullptr && !lifetime_->Allowed(offset, size)) {
    lifetime_->OnBadAccess(offset, size, flags, pc, cur_->view, "");
    if (recorder_) ObservedAccess(address, size, flags, pc);
    Abandon(End::kFatal);
  }
  if (flags & FL_ACCESS_WRITE) snapshot_.MarkDirty(offset, size);
  if (observed_) ObservedAccess(address, size, flags, pc);
}

void ExploredRuntime::ObservedAccess(const void* address, uint32_t size,
                                     uint32_t flags, const void* pc) {
  for (Checker* checker : access_checkers_) {
    checker->OnAccess(address, size, flags, pc, cur_->view);
  }
  if (recorder_) {
    Record(TraceKind::kAccess, DescribeAccess(size, flags), pc, address, size,
           0, flags);
  }
  if (fatal_) Abandon(End::kFatal);
}

bool ExploredRuntime::MayTouch(const void* address) const {
  const uintptr_t at = reinterpret_cast<uintptr_t>(address);
  if (at - base_ < size_) return true;
  if (at < 65536) return false;
  if (cur_->fiber.OnStack(address)) return true;
  for (const SimTask& task : tasks_) {
    if (task.fiber.OnStack(address)) return true;
  }
  if (kernel_->Contains(address)) return true;
  for (const HostRange& range : host_ranges_) {
    if (at - range.begin < range.bytes) return true;
  }
  return false;
}

void ExploredRuntime::OutsideAccess(const void* address, uint32_t, uint32_t,
                                    const void* pc) {
  // Fibers' stacks are by far the most frequent.
  if (cur_->fiber.OnStack(address)) return;
  if (phase_ == Phase::kSetup || MayTouch(address)) return;
  Oops(address, pc);
}

void ExploredRuntime::Oops(const void* address, const void* pc) {
  Report({FL_REPORT_OOPS, nullptr, 0, nullptr,
          reinterpret_cast<uintptr_t>(address) < 65536
              ? "BUG: unable to handle kernel NULL pointer dereference"
              : "BUG: unable to handle kernel paging request",
          pc});
  Abandon(End::kFatal);
}

bool ExploredRuntime::Claims(const void* pc, const void* address) const {
  return cur_ != nullptr &&
         (kernel_->Contains(pc) || cur_->fiber.InGuard(address));
}

void ExploredRuntime::Land(const void* pc, const void* address) {
  if (cur_->fiber.InGuard(address)) {
    Report({FL_REPORT_OOPS, nullptr, 0, nullptr, "BUG: kernel stack overflow",
            pc});
    Abandon(End::kFatal);
  }
  Oops(address, pc);
}

void ExploredRuntime::Report(const KernelReport& report) {
  for (Checker* checker : checkers_) checker->OnReport(report, cur_->view);
  if (recorder_) {
    Record(TraceKind::kReport, report.text ? report.text : "", report.pc,
           nullptr, 0, report.kind);
  }
  if (fatal_ || report.kind == FL_REPORT_BUG || report.kind == FL_REPORT_OOPS) {
    Abandon(End::kFatal);
  }
}

void ExploredRuntime::Print(int level, const char* text) {
  if (recorder_) {
    Record(TraceKind::kLog, text, nullptr, nullptr, 0, 0,
           static_cast<uint32_t>(level));
  }
}

// ---- findings, traces, snapshot ----

void ExploredRuntime::AddFinding(RawFinding finding, bool fatal) {
  static constexpr size_t kMaxFindings = 16;  // of one execution
  fatal_ |= fatal;
  if (findings_.size() == kMaxFindings) return;
  if (recorder_ && cur_) {
    Record(TraceKind::kFinding, finding.title, finding.pc);
  }
  findings_.push_back(std::move(finding));
}

const TaskView* ExploredRuntime::task(int id) const {
  if (id < 0 || id >= static_cast<int>(tasks_.size())) return nullptr;
  return &tasks_[id].view;
}

uint64_t ExploredRuntime::ArenaOffset(const void* address) const {
  const uint64_t offset = reinterpret_cast<uintptr_t>(address) - base_;
  return offset < size_ ? offset : ~uint64_t{0};
}

void ExploredRuntime::Record(TraceKind kind, std::string text, const void* pc,
                             const void* address, uint64_t size, uint32_t event,
                             uint32_t arg, const char* name) {
  if (recorder_ == nullptr || cur_ == nullptr) return;
  // Nobody races with the setup: its operations and locks are enough.
  if (phase_ == Phase::kSetup && kind == TraceKind::kAccess) return;
  TraceEvent trace;
  trace.step = step_;
  trace.kind = kind;
  trace.event = event;
  trace.arg = arg;
  trace.pc = reinterpret_cast<uintptr_t>(pc);
  const uint64_t offset = ArenaOffset(address);
  trace.address = offset == ~uint64_t{0} ? 0 : offset;
  trace.size = size;
  trace.name = name;
  trace.text = std::move(text);
  recorder_->Add(std::move(trace), cur_->view);
}

void ExploredRuntime::TakeSnapshot() {
  snapshot_.Take();
  for (Checker* checker : checkers_) checker->TakeSnapshot();
  setup_steps_ = step_;
  switches_ = 0;
  findings_.clear();
}

void ExploredRuntime::RestoreSnapshot() {
  snapshot_.Restore();
  for (Checker* checker : checkers_) checker->Reset();
  step_ = setup_steps_;
  switches_ = 0;
  findings_.clear();
  for (SimTask& task : tasks_) {
    task.state = SimTask::State::kDone;
    task.unparked = false;
    task.view.done = true;
    task.view.held_count = 0;
    task.view.wanted.lock = nullptr;
  }
}

}  // namespace faultline
