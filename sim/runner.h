// SPDX-License-Identifier: GPL-2.0-only
//
// Runner: one Program on one explored machine, set up once and run as often
// as wanted, each time from the same state.
//
//   setup (once)  boot, mount, open, one mm for each process, one task for
//                 each task; the setup operations; then the snapshot
//   execution     the tasks as fibers, a Strategy decides; then, if nothing
//                 ended it: legal rules, the kernel's self-checks, exits,
//                 unmount, the last self-check; back to the snapshot
//
// A kernel that dies in the setup makes a runner whose every execution is
// that death: no race is needed for the finding.
//
// Thread safety: used by the thread that created it.

#ifndef FAULTLINE_SIM_RUNNER_H_
#define FAULTLINE_SIM_RUNNER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/checker.h"
#include "sim/compiled_program.h"
#include "sim/data_integrity_checker.h"
#include "sim/explored_runtime.h"
#include "sim/finding.h"
#include "sim/granularity.h"
#include "sim/machine.h"
#include "sim/program/program.h"
#include "sim/program_image.h"
#include "sim/recorder.h"
#include "sim/strategy.h"
#include "sim/symbolizer.h"

namespace faultline {

struct RunnerOptions {
  std::string variant;
  std::string kernel_path;
  Granularity granularity = Granularity::kSync;
  std::vector<std::string> checkers;  // empty: all
  uint64_t max_steps = 200000;
  bool alloc_may_fail = false, reuse_freed = false;
  bool check_steps = false;  // the kernel checks itself between steps
  bool paranoid = false;
  Recorder* recorder = nullptr;  // outlives the runner
};

struct Execution {
  ExploredRuntime::End end = ExploredRuntime::End::kCompleted;
  uint64_t steps = 0;
  uint64_t switches = 0;
  std::vector<Finding> findings;  // without token
};

class Runner : public TaskRunner {
 public:
  // `program` outlives the runner.  Errors as in explorer.h.
  static absl::StatusOr<std::unique_ptr<Runner>> Create(
      const Program& program, const RunnerOptions& options);

  // The strategy has begun; its End is the caller's.  *execution is
  // overwritten.  kDataLoss: with `paranoid`, memory was not restored.
  absl::Status Run(Strategy* strategy, Execution* execution);

  // Of the last execution.
  const Schedule& schedule() const { return runtime_.schedule(); }
  // How each task ended, by its place in the program.
  const std::vector<TaskOutcome>& outcomes() const { return outcomes_; }
  const KernelLibrary& library() const { return *library_; }
  Machine& machine() { return *machine_; }
  const ExploredRuntime& runtime() const { return runtime_; }
  bool died_in_setup() const { return died_in_setup_; }
  // Functions and places for what the recorder kept.
  void SymbolizeTrace(Trace* trace);

  // TaskRunner: alone, on its fiber.
  bool RunAs(void* host, task_struct* task,
             absl::FunctionRef<void()> f) override;

 private:
  // What a fiber needs to run its task; outlives every execution.
  struct TaskRun {
    Runner* runner;
    size_t index;
  };

  explicit Runner(const Program* program) : program_(program) {}
  absl::Status Init(const RunnerOptions& options);
  absl::Status MakeCheckers(const std::vector<std::string>& names);
  absl::Status MakeTasks();
  absl::Status SetUp();
  absl::Status SetUpProcess(size_t process);
  void TakeSnapshot();
  void RunTask(size_t index);
  void RunOps(size_t index);
  // A forked task's first wait.  False: nobody forks it any more.
  // Whose memory the operation is about, as the oracle counts processes; -1:
  // nobody's that it knows.
  int Subject(const CompiledOp& op, int process) const;
  bool WaitForFork(size_t index);
  // The task of `parent` has forked it, or never will.
  void Forked(size_t index, bool really, int parent);
  // False: the operation ended the task.
  bool RunOp(const CompiledOp& op, int process, SimTask* task, void* buffer,
             TaskOutcome* outcome);
  // While tasks run, between two steps.
  void CheckStep();
  void CheckProcesses();
  void Finish();
  Finding Describe(const RawFinding& raw);

  const Program* program_;
  CompiledProgram compiled_;
  ProgramImage image_;
  const KernelLibrary* library_ = nullptr;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<Symbolizer> symbolizer_;
  bool paranoid_ = false;
  bool died_in_setup_ = false;
  Recorder* recorder_ = nullptr;

  std::vector<std::unique_ptr<Checker>> checkers_;
  LifetimeChecker* lifetime_ = nullptr;        // one of them, or null
  DataIntegrityChecker* integrity_ = nullptr;  // likewise
  ExploredRuntime runtime_;

  SimTask* system_ = nullptr;
  SimTask* setup_ = nullptr;
  std::vector<SimTask*> tasks_;
  std::vector<task_struct*> kernel_tasks_;
  std::vector<TaskRun> task_runs_;
  std::vector<TaskOutcome> outcomes_;
  enum class ForkState : uint8_t { kWaiting, kForked, kNever };
  std::vector<ForkState> forks_;  // of each task
  std::vector<char> buffers_;        // read_bytes for each task and the setup
  std::vector<uint64_t> variables_;  // of each process, one after the other
  std::vector<uint64_t> variables_at_snapshot_;
  std::vector<Finding> setup_findings_;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_RUNNER_H_
