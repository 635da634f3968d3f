// SPDX-License-Identifier: GPL-2.0-only

#include "sim/runner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/checker_set.h"
#include "sim/finding_builder.h"
#include "sim/program/litmus_format.h"

namespace faultline {
absl::StatusOr<std::unique_ptr<Runner>> Runner::Create(
    const Program& program, const RunnerOptions& options) {
  std::unique_ptr<Runner> runner(new Runner(&program));
  absl::Status status = runner->Init(options);
  if (!status.ok()) return status;
  return runner;
}

absl::Status Runner::Init(const RunnerOptions& options) {
  paranoid_ = options.paranoid;
  recorder_ = options.recorder;
  absl::StatusOr<CompiledProgram> compiled = CompileProgram(*program_);
  if (!compiled.ok()) return compiled.status();
  compiled_ = std::move(*compiled);
  absl::StatusOr<const KernelLibrary*> library =
      KernelLibrary::Load(options.kernel_path, ExploredRuntime::Table());
  if (!library.ok()) return library.status();
  library_ = *library;
  if (!library_->kernel().explored) {
    return absl::InvalidArgumentError(
        absl::StrCat(library_->path(), " is no explored kernel build"));
  }
  symbolizer_ = std::make_unique<Symbolizer>(library_);
  absl::StatusOr<ProgramImage> image =
      MakeProgramImage(*program_, library_->kernel().arch);
  if (!image.ok()) return image.status();
  image_ = std::move(*image);

  MachineOptions machine = OptionsOf(*program_);
  machine.variant = options.variant;
  // One for each task, so that what one of them remembers of the page tables
  // is not the others', and one for the setup.
  machine.cpus = static_cast<uint32_t>(compiled_.tasks.size()) + 1;
  machine.alloc_may_fail = options.alloc_may_fail;
  machine.reuse_freed = options.reuse_freed;
  absl::StatusOr<std::unique_ptr<Machine>> created =
      Machine::Create(library_, machine, &image_.bytes);
  if (!created.ok()) return created.status();
  machine_ = std::move(*created);

  absl::Status status = runtime_.Init(library_, &machine_->arena(),
                                      options.granularity, options.max_steps);
  if (status.ok()) status = MakeCheckers(options.checkers);
  if (status.ok()) status = MakeTasks();
  if (options.check_steps) runtime_.SetStepCheck([this] { CheckStep(); });
  if (status.ok()) status = SetUp();
  if (!status.ok() && runtime_.findings()->empty()) return status;
  if (!status.ok() || !runtime_.findings()->empty()) {
    died_in_setup_ = true;
    for (const RawFinding& raw : *runtime_.findings()) {
      setup_findings_.push_back(Describe(raw));
    }
    return absl::OkStatus();
  }
  TakeSnapshot();
  return absl::OkStatus();
}

absl::Status Runner::MakeCheckers(const std::vector<std::string>& names) {
  std::vector<std::string> wanted = names.empty() ? CheckerNames() : names;
  std::vector<Checker*> all;
  for (const std::string& name : wanted) {
    std::unique_ptr<Checker> checker;
    if (name == "lifetime") {
      auto lifetime = std::make_unique<LifetimeChecker>();
      absl::Status status = lifetime->Init(machine_->arena().size());
      if (!status.ok()) return status;
      lifetime_ = lifetime.get();
      checker = std::move(lifetime);
    } else if (name == "data-integrity") {
      auto integrity = std::make_unique<DataIntegrityChecker>(
          &image_.files, program_, machine_->kernel().pgtable_levels != 0);
      integrity_ = integrity.get();
      checker = std::move(integrity);
    } else {
      checker = MakeSimpleChecker(name);
    }
    if (checker == nullptr) return NoSuchChecker(name);
    all.push_back(checker.get());
    checkers_.push_back(std::move(checker));
  }
  runtime_.SetCheckers(std::move(all), lifetime_);
  return absl::OkStatus();
}

absl::Status Runner::MakeTasks() {
  const size_t count = compiled_.tasks.size();
  for (const CompiledTask& task : compiled_.tasks) {
    absl::StatusOr<SimTask*> added = runtime_.AddTask(task.name);
    if (!added.ok()) return added.status();
    tasks_.push_back(*added);
  }
  for (SimTask** task : {&setup_, &system_}) {
    absl::StatusOr<SimTask*> added =
        runtime_.AddTask(task == &setup_ ? "setup" : "system");
    if (!added.ok()) return added.status();
    *task = *added;
  }
  static constexpr uint64_t kMaxReadBytes = 16 << 20;
  if (compiled_.read_bytes > kMaxReadBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("read of more than ", kMaxReadBytes, " bytes"));
  }
  buffers_.resize(compiled_.read_bytes * (count + 1));
  runtime_.AllowHostMemory(buffers_.data(), buffers_.size());
  variables_.assign(compiled_.processes.size() * compiled_.variables.size(), 0);
  outcomes_.resize(count);
  forks_.resize(count);
  for (size_t i = 0; i < count; ++i) task_runs_.push_back({this, i});
  return absl::OkStatus();
}

bool Runner::RunAs(void* host, task_struct* task, absl::FunctionRef<void()> f) {
  SimTask* sim = static_cast<SimTask*>(host);
  sim->task = task;
  return runtime_.RunAlone(sim, f) == ExploredRuntime::End::kCompleted;
}

absl::Status Runner::SetUp() {
  runtime_.set_phase(Phase::kSetup);
  absl::Status status = machine_->Boot(this, system_);
  if (!status.ok()) return status;
  status = machine_->Populate(this, system_, image_.paths,
                              compiled_.own_processes, image_.memory_files);
  if (!status.ok()) return status;
  // The program's tasks first: with them the processes outlive the task that
  // does the setup.
  RunAs(system_, machine_->system_task(), [&] {
    for (size_t i = 0; i < tasks_.size() && status.ok(); ++i) {
      absl::StatusOr<task_struct*> task = machine_->AddTask(
          compiled_.tasks[i].name,
          compiled_.tasks[i].forked ? -1 : compiled_.tasks[i].process, i,
          tasks_[i]);
      if (task.ok()) {
        tasks_[i]->task = *task;
        kernel_tasks_.push_back(*task);
      } else {
        status = task.status();
      }
    }
  });
  if (!status.ok()) return status;
  if (recorder_ != nullptr) runtime_.SetRecorder(recorder_);
  for (size_t i = 0; i < compiled_.own_processes; ++i) {
    status = SetUpProcess(i);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Runner::SetUpProcess(size_t process) {
  if (compiled_.setup.empty()) return absl::OkStatus();
  task_struct* task = nullptr;
  RunAs(system_, machine_->system_task(), [&] {
    absl::StatusOr<task_struct*> made = machine_->AddTask(
        "setup", static_cast<int>(process), tasks_.size(), setup_);
    if (made.ok()) task = *made;
  });
  if (task == nullptr) {
    return absl::FailedPreconditionError("no memory for the setup's task");
  }
  char* buffer = buffers_.data() + compiled_.read_bytes * tasks_.size();
  for (const CompiledOp& op : compiled_.setup) {
    TaskOutcome outcome;
    const bool returned = RunAs(setup_, task, [&] {
      RunOp(op, static_cast<int>(process), setup_, buffer, &outcome);
    });
    if (!returned) {
      return absl::FailedPreconditionError(
          absl::StrCat("setup: ", FormatOp(*op.source), " did not return"));
    }
    if (outcome.result.sig != 0 ||
        (op.result >= 0 && outcome.result.value < 0)) {
      return absl::FailedPreconditionError(
          absl::StrCat("setup: ", FormatOp(*op.source), ": ",
                       DescribeResult(op, outcome.result)));
    }
  }
  RunAs(setup_, task, [&] { machine_->kernel().task_exit(); });
  RunAs(system_, machine_->system_task(),
        [&] { machine_->kernel().task_free(task); });
  return absl::OkStatus();
}

void Runner::TakeSnapshot() {
  const std::pair<uint64_t, uint64_t> scratch = machine_->scratch();
  runtime_.snapshot()->Exclude(scratch.first, scratch.second);
  variables_at_snapshot_ = variables_;
  runtime_.TakeSnapshot();
}

bool Runner::RunOp(const CompiledOp& op, int process, SimTask* task,
                   void* buffer, TaskOutcome* outcome) {
  // A kernel thread uses none.
  const size_t first = process < 0 ? 0 : process * compiled_.variables.size();
  const OpContext context = {&machine_->kernel(), machine_->files(),
                             kernel_tasks_.data(), variables_.data() + first,
                             buffer};
  if (recorder_ != nullptr) {
    runtime_.RecordText(TraceKind::kOpBegin, FormatOp(*op.source));
  }
  Oracle::OpId id = -1;
  if (integrity_ != nullptr) {
    id = integrity_->BeginOp(
        Subject(op, process), op, context.variables,
        op.kind == OpKind::kFork ? compiled_.tasks[op.target].process : -1);
  }
  OpResult result;
  DoOp(op, context, &result);
  outcome->op = &op;
  outcome->killed = machine_->kernel().task_killed(task->task);
  result.abandoned = outcome->killed && (result.sig != 0 || result.value < 0);
  outcome->result = result;
  if (IsLoad(op.kind) && result.sig == 0) {
    outcome->has_load = true;
    outcome->last_load = result.loaded;
  }
  if (integrity_ != nullptr) integrity_->EndOp(id, op, result, task->view);
  // Only now: the child's operations begin with what the fork has ended with.
  if (op.kind == OpKind::kFork) Forked(op.target, result.value == 0, process);
  if (recorder_ != nullptr) {
    runtime_.RecordText(TraceKind::kOpEnd, DescribeResult(op, result));
  }
  runtime_.AbandonIfFatal();
  return result.sig == 0 && !outcome->killed;
}

int Runner::Subject(const CompiledOp& op, int process) const {
  if (!IsOfAnother(op)) return process;
  const CompiledTask& task = compiled_.tasks[op.target];
  // What it has is known once the fork that makes it is over.
  if (task.forked && forks_[op.target] != ForkState::kForked) return -1;
  return task.process;
}

bool Runner::WaitForFork(size_t index) {
  while (forks_[index] == ForkState::kWaiting) {
    ExploredRuntime::Table()->park(tasks_[index], tasks_[index], "fork");
  }
  return forks_[index] == ForkState::kForked;
}

void Runner::Forked(size_t index, bool really, int parent) {
  if (forks_[index] != ForkState::kWaiting) return;
  forks_[index] = really ? ForkState::kForked : ForkState::kNever;
  if (really) {
    const size_t count = compiled_.variables.size();
    std::copy_n(variables_.begin() + parent * count, count,
                variables_.begin() + compiled_.tasks[index].process * count);
  }
  ExploredRuntime::Table()->unpark(tasks_[index]);
}

void Runner::RunTask(size_t index) {
  const CompiledTask& compiled = compiled_.tasks[index];
  if (!compiled.forked || WaitForFork(index)) RunOps(index);
  // Whoever still waits for this one waits in vain.
  for (const CompiledOp& op : compiled.ops) {
    if (op.kind == OpKind::kFork) Forked(op.target, false, -1);
  }
}

void Runner::RunOps(size_t index) {
  const CompiledTask& compiled = compiled_.tasks[index];
  TaskOutcome* outcome = &outcomes_[index];
  char* buffer = buffers_.data() + compiled_.read_bytes * index;
  bool first = true;
  for (const CompiledOp& op : compiled.ops) {
    if (!first) runtime_.OpPoint();
    first = false;
    if (machine_->kernel().task_killed(tasks_[index]->task)) {
      outcome->killed = true;
      return;
    }
    if (!RunOp(op, compiled.process, tasks_[index], buffer, outcome)) return;
  }
}

absl::Status Runner::Run(Strategy* strategy, Execution* execution) {
  if (died_in_setup_) {
    *execution = {ExploredRuntime::End::kFatal, runtime_.step(), 0,
                  setup_findings_};
    return absl::OkStatus();
  }
  for (size_t i = 0; i < tasks_.size(); ++i) {
    outcomes_[i] = TaskOutcome();
    forks_[i] = ForkState::kWaiting;
    tasks_[i]->task = kernel_tasks_[i];
    tasks_[i]->argument = &task_runs_[i];
    tasks_[i]->body = [](void* argument) {
      TaskRun* run = static_cast<TaskRun*>(argument);
      run->runner->RunTask(run->index);
    };
  }
  runtime_.set_phase(Phase::kTasks);
  execution->end = runtime_.Run(tasks_, strategy, true);
  execution->steps = runtime_.step();
  execution->switches = runtime_.switches();
  if (execution->end == ExploredRuntime::End::kCompleted) Finish();
  execution->findings.clear();
  for (const RawFinding& raw : *runtime_.findings()) {
    execution->findings.push_back(Describe(raw));
  }
  runtime_.RestoreSnapshot();
  std::copy(variables_at_snapshot_.begin(), variables_at_snapshot_.end(),
            variables_.begin());
  return paranoid_ ? runtime_.snapshot()->Verify() : absl::OkStatus();
}

void Runner::CheckStep() {
  const mm_struct* checked = nullptr;
  for (task_struct* task : kernel_tasks_) {
    mm_struct* mm = machine_->kernel().task_mm(task);
    if (mm == nullptr || mm == checked) continue;
    checked = mm;
    machine_->kernel().check_mm_step(mm);
  }
}

void Runner::CheckProcesses() {
  machine_->CheckProcesses();
  for (size_t i = 0; i < tasks_.size(); ++i) {
    // Another than its process had at first.
    if (!compiled_.tasks[i].forked && !DoesExec(compiled_.tasks[i])) continue;
    mm_struct* mm = machine_->kernel().task_mm(kernel_tasks_[i]);
    if (mm != nullptr) machine_->kernel().check_mm(mm);
  }
}

void Runner::Finish() {
  const fl_kernel& kernel = machine_->kernel();
  if (integrity_ != nullptr) integrity_->CheckLegal(outcomes_);
  runtime_.set_phase(Phase::kSelfCheck);
  if (!RunAs(system_, machine_->system_task(), [&] { CheckProcesses(); })) {
    return;
  }
  runtime_.set_phase(Phase::kExit);
  for (size_t i = 0; i < tasks_.size(); ++i) {
    if (!RunAs(tasks_[i], kernel_tasks_[i], [&] { kernel.task_exit(); })) {
      return;
    }
  }
  const bool freed = RunAs(system_, machine_->system_task(), [&] {
    for (task_struct* task : kernel_tasks_) kernel.task_free(task);
  });
  if (!freed || !machine_->TearDown(this, system_)) return;
  runtime_.set_phase(Phase::kSelfCheck);
  RunAs(system_, machine_->system_task(), [&] { machine_->CheckMachine(); });
}

Finding Runner::Describe(const RawFinding& raw) {
  const TaskView* task = runtime_.task(raw.task);
  return BuildFinding(raw, task != nullptr ? task->name : "",
                      symbolizer_.get());
}

void Runner::SymbolizeTrace(Trace* trace) {
  for (TraceEvent& event : trace->events) {
    if (event.pc == 0) continue;
    if (const CodeFrame* place =
            symbolizer_->Place(reinterpret_cast<void*>(event.pc))) {
      event.function = place->function;
      event.location = place->location();
    }
  }
}

}  // namespace faultline
