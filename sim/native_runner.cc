// SPDX-License-Identifier: GPL-2.0-only

#include "sim/native_runner.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sim/checker_set.h"
#include "sim/compiled_program.h"
#include "sim/data_integrity_checker.h"
#include "sim/finding_builder.h"
#include "sim/kernel_library.h"
#include "sim/machine.h"
#include "sim/native_runtime.h"
#include "sim/program/litmus_format.h"
#include "sim/program_image.h"
#include "sim/random.h"
#include "sim/symbolizer.h"

namespace faultline {
namespace {

// Nobody makes progress for so long: the round is stuck.
constexpr absl::Duration kPatience = absl::Seconds(5);
constexpr absl::Duration kLook = absl::Milliseconds(20);
constexpr absl::Duration kNap = absl::Microseconds(200);

class StressRun {
 public:
  StressRun(const Program& program, const StressOptions& options)
      : program_(program), options_(options) {}

  absl::Status Init();
  absl::Status Run(StressResult* result);

 private:
  enum class ForkState { kWaiting, kForked, kNever };
  struct Thread {
    size_t index;  // of its NativeTask and outcome
    size_t task;   // of the program
    int process;   // -1: a kernel thread
    NativeTask* native;
    task_struct* kernel_task = nullptr;
    TaskOutcome outcome;
    std::vector<char> buffer;
    uint64_t delay = 0;  // turns of a loop before it starts
    std::atomic<ForkState> fork{ForkState::kWaiting};
  };

  absl::Status MakeCheckers();
  absl::Status SetUp();
  absl::Status SetUpProcess(size_t process);
  // False: some thread did not come back; the machine must be left alone.
  bool RunThreads();
  void RunThread(Thread* thread);
  void RunOps(Thread* thread);
  // A forked task's first wait.  False: nobody forks it any more.
  bool WaitForFork(Thread* thread);
  // The task of `parent` has forked task `target` of its group, or never will.
  void Forked(size_t target, bool really, const Thread& parent);
  // group: which of the threads that run one task each of the program.
  bool RunOp(const CompiledOp& op, int process, size_t group,
             NativeTask* native, task_struct* task, char* buffer,
             TaskOutcome* outcome);
  void CheckProcesses();
  void Finish();
  void TakeFindings(StressResult* result);

  // Copies: a thread that cannot be stopped outlives the caller's.
  const Program program_;
  const StressOptions options_;
  CompiledProgram compiled_;
  ProgramImage image_;
  const KernelLibrary* library_ = nullptr;
  std::unique_ptr<Symbolizer> symbolizer_;
  std::unique_ptr<NativeRuntime> runtime_;
  std::unique_ptr<Machine> machine_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  DataIntegrityChecker* integrity_ = nullptr;  // one of them, or null
  bool deadlock_ = false;
  NativeTask* system_ = nullptr;
  NativeTask* setup_ = nullptr;
  std::deque<Thread> threads_;
  bool has_forks_ = false;
  size_t processes_ = 0;
  std::vector<task_struct*> task_of_program_, task_of_thread_;
  std::vector<std::atomic<uint64_t>> variables_;
  std::vector<char> setup_buffer_;
  std::atomic<uint64_t> operations_{0};
  std::atomic<size_t> started_{0};
  std::atomic<size_t> done_{0};
  bool hung_ = false;  // the round was ended by force
  absl::flat_hash_map<std::string, size_t> by_signature_;
};

absl::Status StressRun::Init() {
  absl::StatusOr<CompiledProgram> compiled = CompileProgram(program_);
  if (!compiled.ok()) return compiled.status();
  compiled_ = std::move(*compiled);
  std::string path = options_.kernel_path;
  if (path.empty()) {
    absl::StatusOr<std::string> found = KernelPath(
        options_.arch.empty() ? program_.machine.arch : options_.arch,
        /*explored=*/false, program_.machine.physmem);
    if (!found.ok()) return found.status();
    path = *std::move(found);
  }
  absl::StatusOr<const KernelLibrary*> library =
      KernelLibrary::Load(path, NativeRuntime::Table());
  if (!library.ok()) return library.status();
  library_ = *library;
  if (library_->kernel().explored) {
    return absl::InvalidArgumentError(
        absl::StrCat(library_->path(), " is no native kernel build"));
  }
  symbolizer_ = std::make_unique<Symbolizer>(library_);
  absl::StatusOr<ProgramImage> image =
      MakeProgramImage(program_, library_->kernel().arch);
  if (!image.ok()) return image.status();
  image_ = std::move(*image);
  runtime_ = std::make_unique<NativeRuntime>(library_);

  const size_t tasks = compiled_.tasks.size();
  size_t count = options_.threads > 0 ? options_.threads : tasks;
  count = std::max(count, tasks);
  static constexpr size_t kMaxThreads = 200;
  if (count > kMaxThreads) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", kMaxThreads, " threads"));
  }
  for (const CompiledTask& task : compiled_.tasks) has_forks_ |= task.forked;
  // Each forked task is forked by one of its own group.
  if (has_forks_) count = count / tasks * tasks;
  const size_t forks = compiled_.processes.size() - compiled_.own_processes;
  processes_ = compiled_.processes.size();
  for (size_t i = 0; i < count; ++i) {
    threads_.emplace_back();
    std::string name = compiled_.tasks[i % tasks].name;
    if (i >= tasks) absl::StrAppend(&name, "-", i / tasks + 1);
    threads_[i].index = i;
    threads_[i].task = i % tasks;
    const CompiledTask& task = compiled_.tasks[i % tasks];
    threads_[i].process = task.process;
    if (task.forked) {
      threads_[i].process += static_cast<int>(i / tasks * forks);
      processes_ =
          std::max(processes_, static_cast<size_t>(threads_[i].process) + 1);
    }
    threads_[i].native = runtime_->AddTask(name);
    threads_[i].buffer.resize(compiled_.read_bytes);
  }
  setup_ = runtime_->AddTask("setup");
  system_ = runtime_->AddTask("system");
  setup_buffer_.resize(compiled_.read_bytes);
  variables_ = std::vector<std::atomic<uint64_t>>(processes_ *
                                                  compiled_.variables.size());
  MachineOptions machine = OptionsOf(program_);
  machine.variant = options_.variant;
  machine.cpus = count + 1;  // and one for the setup
  if (machine.ram_pages == 0) {
    machine.ram_pages =
        std::max<uint64_t>(MachineOptions::kDefaultRamPages, 64 * count);
  }
  absl::StatusOr<std::unique_ptr<Machine>> created =
      Machine::Create(library_, machine, &image_.bytes);
  if (!created.ok()) return created.status();
  machine_ = std::move(*created);
  return MakeCheckers();
}

absl::Status StressRun::MakeCheckers() {
  std::vector<std::string> wanted =
      options_.checkers.empty() ? CheckerNames() : options_.checkers;
  std::vector<Checker*> all;
  for (const std::string& name : wanted) {
    if (CheckerSummary(name).empty()) return NoSuchChecker(name);
    deadlock_ |= name == "deadlock";
    // These live on events, which a native build does not send.
    if (name == "lifetime" || name == "lock-rules" || name == "deadlock") {
      continue;
    }
    std::unique_ptr<Checker> checker;
    if (name == "data-integrity") {
      auto integrity = std::make_unique<DataIntegrityChecker>(
          &image_.files, &program_, library_->kernel().pgtable_levels != 0);
      integrity_ = integrity.get();
      checker = std::move(integrity);
    } else {
      checker = MakeSimpleChecker(name);
    }
    all.push_back(checker.get());
    checkers_.push_back(std::move(checker));
  }
  runtime_->SetCheckers(std::move(all));
  if (integrity_ != nullptr) integrity_->TakeSnapshot();  // nothing mapped
  return absl::OkStatus();
}

absl::Status StressRun::SetUp() {
  machine_->arena().Clear();
  runtime_->Restart();
  runtime_->set_phase(Phase::kSetup);
  if (integrity_ != nullptr) integrity_->Reset();
  for (std::atomic<uint64_t>& variable : variables_) variable = 0;
  absl::Status status = machine_->Boot(runtime_.get(), system_);
  if (!status.ok()) return status;
  status = machine_->Populate(runtime_.get(), system_, image_.paths,
                              compiled_.own_processes, image_.memory_files);
  if (!status.ok()) return status;
  task_of_program_.assign(compiled_.tasks.size(), nullptr);
  task_of_thread_.clear();
  for (Thread& thread : threads_) {
    thread.outcome = TaskOutcome();
    thread.kernel_task = nullptr;
    thread.fork = ForkState::kWaiting;
    const CompiledTask& task = compiled_.tasks[thread.task];
    runtime_->RunAs(system_, machine_->system_task(), [&] {
      absl::StatusOr<task_struct*> made =
          machine_->AddTask(task.name, task.forked ? -1 : task.process,
                            thread.index, thread.native);
      if (made.ok()) thread.kernel_task = *made;
    });
    if (thread.kernel_task == nullptr) {
      return absl::FailedPreconditionError("no memory for a task");
    }
    task_of_thread_.push_back(thread.kernel_task);
    if (thread.index == thread.task) {
      task_of_program_[thread.task] = thread.kernel_task;
    }
  }
  for (size_t i = 0; i < compiled_.own_processes; ++i) {
    status = SetUpProcess(i);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status StressRun::SetUpProcess(size_t process) {
  if (compiled_.setup.empty()) return absl::OkStatus();
  task_struct* task = nullptr;
  runtime_->RunAs(system_, machine_->system_task(), [&] {
    absl::StatusOr<task_struct*> made = machine_->AddTask(
        "setup", static_cast<int>(process), threads_.size(), setup_);
    if (made.ok()) task = *made;
  });
  if (task == nullptr) {
    return absl::FailedPreconditionError("no memory for the setup's task");
  }
  for (const CompiledOp& op : compiled_.setup) {
    TaskOutcome outcome;
    if (!RunOp(op, static_cast<int>(process), 0, setup_, task,
               setup_buffer_.data(), &outcome) ||
        (op.result >= 0 && outcome.result.value < 0)) {
      return absl::FailedPreconditionError(
          absl::StrCat("setup: ", FormatOp(*op.source), ": ",
                       runtime_->dead() ? "the kernel died"
                                        : DescribeResult(op, outcome.result)));
    }
  }
  runtime_->RunAs(setup_, task, [&] { machine_->kernel().task_exit(); });
  runtime_->RunAs(system_, machine_->system_task(),
                  [&] { machine_->kernel().task_free(task); });
  return absl::OkStatus();
}

bool StressRun::RunOp(const CompiledOp& op, int process, size_t group,
                      NativeTask* native, task_struct* task, char* buffer,
                      TaskOutcome* outcome) {
  // A private copy: threads of a process share their variables.  A kernel
  // thread uses none.
  std::atomic<uint64_t>* shared =
      variables_.data() +
      (process < 0 ? 0 : process * compiled_.variables.size());
  task_struct* const* tasks = task_of_program_.data();
  int child_process = -1;
  if (op.kind == OpKind::kFork) {
    const size_t at = group * compiled_.tasks.size();
    tasks = task_of_thread_.data() + at;
    child_process = threads_[at + op.target].process;
  }
  std::vector<uint64_t> variables(compiled_.variables.size());
  for (size_t i = 0; i < variables.size(); ++i) variables[i] = shared[i];

  // Of a forked task it is not known here when its fork was over.
  const int subject = !IsOfAnother(op) ? process
                      : compiled_.tasks[op.target].forked
                          ? -1
                          : compiled_.tasks[op.target].process;
  Oracle::OpId id = -1;
  if (integrity_ != nullptr) {
    std::lock_guard<std::mutex> lock(*runtime_->mutex());
    id = integrity_->BeginOp(subject, op, variables.data(), child_process);
  }
  const OpContext context = {&machine_->kernel(), machine_->files(), tasks,
                             variables.data(), buffer};
  OpResult result;
  bool killed = false;
  const bool returned = runtime_->RunAs(native, task, [&] {
    DoOp(op, context, &result);
    killed = machine_->kernel().task_killed(task);
  });
  if (!returned) return false;
  operations_.fetch_add(1, std::memory_order_relaxed);
  if (op.result >= 0) shared[op.result] = variables[op.result];
  result.abandoned = killed && (result.sig != 0 || result.value < 0);
  outcome->op = &op;
  outcome->killed = killed;
  outcome->result = result;
  if (IsLoad(op.kind) && result.sig == 0) {
    outcome->has_load = true;
    outcome->last_load = result.loaded;
  }
  if (integrity_ != nullptr) {
    std::lock_guard<std::mutex> lock(*runtime_->mutex());
    integrity_->EndOp(id, op, result, native->view);
  }
  return result.sig == 0 && !killed && !runtime_->dead();
}

bool StressRun::WaitForFork(Thread* thread) {
  const bool returned =
      runtime_->RunAs(thread->native, thread->kernel_task, [&] {
        while (thread->fork.load() == ForkState::kWaiting) {
          NativeRuntime::Table()->park(thread->native, thread, "fork");
        }
      });
  return returned && thread->fork.load() == ForkState::kForked;
}

void StressRun::Forked(size_t target, bool really, const Thread& parent) {
  const size_t tasks = compiled_.tasks.size();
  Thread& child = threads_[parent.index / tasks * tasks + target];
  if (child.fork.load() != ForkState::kWaiting) return;
  if (really) {
    const size_t count = compiled_.variables.size();
    for (size_t i = 0; i < count; ++i) {
      variables_[child.process * count + i] =
          variables_[parent.process * count + i].load();
    }
  }
  child.fork = really ? ForkState::kForked : ForkState::kNever;
  NativeRuntime::Table()->unpark(child.native);
}

void StressRun::RunOps(Thread* thread) {
  const CompiledTask& task = compiled_.tasks[thread->task];
  if (task.forked && !WaitForFork(thread)) return;
  for (const CompiledOp& op : task.ops) {
    const bool goes_on =
        RunOp(op, thread->process, thread->index / compiled_.tasks.size(),
              thread->native, thread->kernel_task, thread->buffer.data(),
              &thread->outcome);
    if (op.kind == OpKind::kFork && thread->outcome.op == &op) {
      Forked(op.target, thread->outcome.result.value == 0, *thread);
    }
    if (!goes_on) return;
  }
}

void StressRun::RunThread(Thread* thread) {
  started_.fetch_add(1);
  while (started_.load() < threads_.size()) std::this_thread::yield();
  for (uint64_t i = 0; i < thread->delay; ++i) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  RunOps(thread);
  // Whoever still waits for this one waits in vain.
  for (const CompiledOp& op : compiled_.tasks[thread->task].ops) {
    if (op.kind == OpKind::kFork) Forked(op.target, false, *thread);
  }
  thread->native->done.store(true, std::memory_order_release);
  done_.fetch_add(1, std::memory_order_release);
}

bool StressRun::RunThreads() {
  started_ = 0;
  hung_ = false;
  done_ = 0;
  std::vector<std::thread> threads;
  for (Thread& thread : threads_) {
    threads.emplace_back([this, &thread] { RunThread(&thread); });
  }
  uint64_t last = ~uint64_t{0};
  int asleep = 0;
  absl::Time last_moved = absl::Now();
  for (;;) {
    // Most rounds are over before a sleep would be.
    for (int i = 0; i < 2000 && done_.load() != threads_.size(); ++i) {
      std::this_thread::yield();
    }
    for (absl::Duration slept; slept < kLook; slept += kNap) {
      if (done_.load(std::memory_order_acquire) == threads_.size()) break;
      absl::SleepFor(kNap);
    }
    if (done_.load(std::memory_order_acquire) == threads_.size()) break;
    const uint64_t now = operations_.load();
    if (now != last) {
      last = now;
      last_moved = absl::Now();
      asleep = 0;
      continue;
    }
    // Twice in a row, so that nobody was just on its way.
    asleep = runtime_->AllAsleep(0, threads_.size()) ? asleep + 1 : 0;
    if (asleep >= 3 && !runtime_->dead()) {
      if (deadlock_) {
        RawFinding finding;
        finding.checker = "deadlock";
        finding.kind = "hung";
        finding.title = "INFO: tasks are blocked for ever";
        for (Thread& thread : threads_) {
          if (thread.native->done.load()) continue;
          finding.notes.push_back(
              {absl::StrCat("task ", thread.native->view.name, ", last: ",
                            thread.outcome.op != nullptr
                                ? FormatOp(*thread.outcome.op->source)
                                : "its first operation"),
               nullptr});
        }
        std::lock_guard<std::mutex> lock(*runtime_->mutex());
        runtime_->AddFinding(std::move(finding), false);
      }
      hung_ = true;
      runtime_->Kill();
    } else if (absl::Now() - last_moved > kPatience) {
      if (runtime_->dead()) {
        // It spins where it asks nobody; it cannot be stopped.
        for (std::thread& thread : threads) thread.detach();
        return false;
      }
      hung_ = true;
      runtime_->Kill();
      last_moved = absl::Now();
    }
  }
  for (std::thread& thread : threads) thread.join();
  return true;
}

void StressRun::CheckProcesses() {
  machine_->CheckProcesses();
  for (const Thread& thread : threads_) {
    if (!compiled_.tasks[thread.task].forked) continue;
    mm_struct* mm = machine_->kernel().task_mm(thread.kernel_task);
    if (mm != nullptr) machine_->kernel().check_mm(mm);
  }
}

void StressRun::Finish() {
  const fl_kernel& kernel = machine_->kernel();
  if (integrity_ != nullptr) {
    std::lock_guard<std::mutex> lock(*runtime_->mutex());
    const size_t tasks = compiled_.tasks.size();
    for (size_t first = 0; first + tasks <= threads_.size(); first += tasks) {
      std::vector<TaskOutcome> outcomes;
      for (size_t i = 0; i < tasks; ++i) {
        outcomes.push_back(threads_[first + i].outcome);
      }
      integrity_->CheckLegal(outcomes);
    }
  }
  runtime_->set_phase(Phase::kSelfCheck);
  bool alive = runtime_->RunAs(system_, machine_->system_task(),
                               [&] { CheckProcesses(); });
  runtime_->set_phase(Phase::kExit);
  for (Thread& thread : threads_) {
    alive = alive && runtime_->RunAs(thread.native, thread.kernel_task,
                                     [&] { kernel.task_exit(); });
  }
  alive = alive && runtime_->RunAs(system_, machine_->system_task(), [&] {
    for (Thread& thread : threads_) kernel.task_free(thread.kernel_task);
  });
  if (!alive || !machine_->TearDown(runtime_.get(), system_)) return;
  runtime_->set_phase(Phase::kSelfCheck);
  runtime_->RunAs(system_, machine_->system_task(),
                  [&] { machine_->CheckMachine(); });
}

void StressRun::TakeFindings(StressResult* result) {
  for (const RawFinding& raw : runtime_->TakeFindings()) {
    const TaskView* task = runtime_->task(raw.task);
    Finding finding =
        BuildFinding(raw, task != nullptr ? task->name : "", symbolizer_.get());
    auto [at, is_new] =
        by_signature_.emplace(finding.signature, result->findings.size());
    if (!is_new) {
      ++result->findings[at->second].count;
      continue;
    }
    finding.execution = result->rounds;
    result->findings.push_back(std::move(finding));
  }
}

absl::Status StressRun::Run(StressResult* result) {
  const absl::Time start = absl::Now();
  absl::Time last_progress = start;
  Random random(options_.seed);
  result->threads = static_cast<int>(threads_.size());
  for (;;) {
    const absl::Time now = absl::Now();
    if (options_.max_rounds != 0 && result->rounds >= options_.max_rounds) {
      result->stopped = "executions";
    } else if (options_.max_seconds > 0 &&
               now - start > absl::Seconds(options_.max_seconds)) {
      result->stopped = "time";
    } else if (options_.progress &&
               now - last_progress > absl::Milliseconds(250)) {
      last_progress = now;
      if (!options_.progress({result->rounds, result->stuck,
                              result->findings.size(),
                              absl::ToDoubleSeconds(now - start)})) {
        result->stopped = "interrupted";
      }
    }
    if (!result->stopped.empty()) break;

    absl::Status status = SetUp();
    if (!status.ok()) {
      TakeFindings(result);
      if (result->findings.empty()) return status;
      result->stopped = "finding";
      ++result->rounds;
      break;
    }
    runtime_->set_phase(Phase::kTasks);
    for (Thread& thread : threads_) thread.delay = random.Below(2000);
    if (!RunThreads()) {
      TakeFindings(result);
      ++result->stuck;
      ++result->rounds;
      result->stopped = "stuck";
      // Threads are still in the machine: neither it nor this may go.
      break;
    }
    if (hung_) ++result->stuck;
    if (!runtime_->dead()) Finish();
    TakeFindings(result);
    ++result->rounds;
    if (!result->findings.empty() && options_.stop_at_first) {
      result->stopped = "finding";
      break;
    }
  }
  result->operations = operations_.load();
  result->seconds = absl::ToDoubleSeconds(absl::Now() - start);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StressResult> Stress(const Program& program,
                                    const StressOptions& options) {
  auto run = std::make_unique<StressRun>(program, options);
  absl::Status status = run->Init();
  if (!status.ok()) return status;
  StressResult result;
  result.variant = options.variant;
  result.scenario = program.name;
  result.arch = options.arch.empty() ? program.machine.arch : options.arch;
  status = run->Run(&result);
  // Threads that cannot be stopped keep what they use for ever.
  if (result.stopped == "stuck") run.release();
  if (!status.ok()) return status;
  return result;
}

}  // namespace faultline
