// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/model_serial.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "sim/kernel_library.h"
#include "sim/kernel_log.h"
#include "sim/machine.h"
#include "sim/native_runtime.h"

namespace faultline {
namespace {

constexpr uint64_t kPage = Arena::kPageBytes;

}  // namespace

struct SerialModel::Kernel {
  explicit Kernel(const KernelLibrary* library) : runtime(library) {
    runtime.SetCheckers({&log});
    system = runtime.AddTask("system");
    user = runtime.AddTask("user");
  }

  const fl_kernel& api() const { return machine->kernel(); }
  // As the task `task`, false: the kernel died.
  bool As(task_struct* task, absl::FunctionRef<void()> f) {
    return runtime.RunAs(user, task, f);
  }
  absl::Status Boot(const CompiledProgram& program);
  absl::StatusOr<uint64_t> FindCeiling(task_struct* task);
  absl::Status Maps(int process, std::vector<MapLine>* maps);
  bool DoOps(const std::vector<CompiledOp>& ops, int process, task_struct* task,
             bool check, SerialRun* run);
  void Sample(int process, task_struct* task, SerialRun* run);
  bool TearDown(SerialRun* run);

  KernelLog log;
  NativeRuntime runtime;
  NativeTask *system, *user;
  std::unique_ptr<Machine> machine;
  const ProgramImage* image = nullptr;
  size_t variable_count = 0;
  std::vector<uint64_t> variables;  // of each process
  std::vector<uint64_t> ceilings;   // likewise
  std::vector<task_struct*> tasks;
  std::vector<char> buffer;
};

SerialModel::SerialModel() = default;
SerialModel::~SerialModel() = default;

absl::StatusOr<std::unique_ptr<SerialModel>> SerialModel::Create(
    const Program& program, const ProgramImage* image,
    const std::string& variant) {
  absl::StatusOr<std::string> path = KernelPath(
      program.machine.arch, /*explored=*/false, program.machine.physmem);
  if (!path.ok()) return path.status();
  absl::StatusOr<const KernelLibrary*> library =
      KernelLibrary::Load(*path, NativeRuntime::Table());
  if (!library.ok()) return library.status();
  std::unique_ptr<SerialModel> model(new SerialModel);
  model->kernel_ = std::make_unique<Kernel>(*library);
  MachineOptions options = OptionsOf(program);
  options.variant = variant;
  absl::StatusOr<std::unique_ptr<Machine>> machine =
      Machine::Create(*library, options, &image->bytes);
  if (!machine.ok()) return machine.status();
  model->kernel_->machine = *std::move(machine);
  model->kernel_->image = image;
  return model;
}

absl::Status SerialModel::Kernel::Boot(const CompiledProgram& program) {
  machine->arena().Clear();
  runtime.Restart();
  log.Clear();
  absl::Status status = machine->Boot(&runtime, system);
  if (!status.ok()) return status;
  status = machine->Populate(&runtime, system, image->paths,
                             program.processes.size());
  if (!status.ok()) return status;
  variable_count = program.variables.size();
  variables.assign(program.processes.size() * variable_count, 0);
  ceilings.assign(program.processes.size(), 0);
  buffer.resize(program.read_bytes);
  // One task does the operations of all: only one ever runs.
  tasks.clear();
  for (size_t i = 0; i < program.processes.size(); ++i) {
    absl::StatusOr<task_struct*> task =
        machine->AddTask("user", static_cast<int>(i), 0, user);
    if (!task.ok()) return task.status();
    tasks.push_back(*task);
    absl::StatusOr<uint64_t> ceiling = FindCeiling(*task);
    if (!ceiling.ok()) return ceiling.status();
    ceilings[i] = *ceiling;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> SerialModel::Kernel::FindCeiling(task_struct* task) {
  int64_t at = 0;
  const bool returned = As(task, [&] {
    at = api().sys_mmap(0, kPage, 0, FL_MAP_PRIVATE | FL_MAP_ANONYMOUS, nullptr,
                        0);
    if (at > 0) api().sys_munmap(static_cast<uint64_t>(at), kPage);
  });
  if (!returned || at <= 0) {
    return absl::FailedPreconditionError("the model maps nothing");
  }
  return static_cast<uint64_t>(at) + kPage;
}

absl::Status SerialModel::Kernel::Maps(int process,
                                       std::vector<MapLine>* maps) {
  mm_struct* mm = machine->process(static_cast<size_t>(process));
  const uint64_t bytes = api().proc_maps(mm, nullptr, 0);
  std::string text(bytes + 1, '\0');
  api().proc_maps(mm, text.data(), text.size());
  text.resize(bytes);
  std::vector<MapsText> lines;
  absl::Status status = ParseMaps(text, &lines);
  if (!status.ok()) return status;
  const uint64_t ceiling = ceilings[static_cast<size_t>(process)];
  maps->clear();
  for (const MapsText& line : lines) {
    if (line.start >= ceiling || ceiling - line.start > kWindowBytes) continue;
    MapLine out;
    out.start = ceiling - line.start;
    out.end = ceiling - line.end;
    out.permissions = std::string(line.permissions);
    out.offset = line.offset;
    for (size_t i = 0; i < image->paths.size(); ++i) {
      if (line.path == image->paths[i]) out.file = static_cast<int>(i);
    }
    maps->push_back(std::move(out));
  }
  return absl::OkStatus();
}

bool SerialModel::Kernel::DoOps(const std::vector<CompiledOp>& ops, int process,
                                task_struct* task, bool check, SerialRun* run) {
  uint64_t* const own =
      variables.data() + static_cast<size_t>(process) * variable_count;
  const uint64_t ceiling = ceilings[static_cast<size_t>(process)];
  const OpContext context = {&api(), machine->files(), nullptr, own,
                             buffer.data()};
  for (const CompiledOp& op : ops) {
    SerialStep step;
    step.op = &op;
    step.process = process;
    step.below = ceiling - OpAddress(op, own);
    if (op.fixed && op.kind == OpKind::kMremap) {
      step.to_below = ceiling - OpTarget(op, own);
    }
    step.skipped = !InWindow(op, own, ceiling);
    OpResult result;
    const bool returned =
        step.skipped || As(task, [&] { DoOp(op, context, &result); });
    if (returned && check) api().check_mm(machine->process(process));
    if (!returned || !log.first().empty()) {
      run->died = log.first().empty() ? "the kernel died" : log.first();
      run->steps.push_back(std::move(step));
      return false;
    }
    step.value = result.value;
    if (ReturnsAddress(op.kind) && result.value > 0) {
      step.value = static_cast<int64_t>(ceiling) - result.value;
    }
    if (op.kind == OpKind::kRead && result.value > 0) {
      step.loaded = HashBytes(buffer.data(), result.value);
    }
    step.sig = result.sig;
    step.si_code = result.si_code;
    if (result.sig != 0) {
      step.fault_below = ceiling - result.fault_address;
    } else if (IsLoad(op.kind)) {
      step.loaded = result.loaded;
    }
    absl::Status status = Maps(process, &step.maps);
    run->steps.push_back(std::move(step));
    if (!status.ok()) {
      run->died = std::string(status.message());
      return false;
    }
  }
  return true;
}

void SerialModel::Kernel::Sample(int process, task_struct* task,
                                 SerialRun* run) {
  std::vector<MapLine> maps;
  if (!Maps(process, &maps).ok()) return;
  const uint64_t ceiling = ceilings[static_cast<size_t>(process)];
  for (const MapLine& line : maps) {
    if (line.permissions[0] != 'r') continue;
    for (uint64_t at = line.start; at > line.end; at -= kPage) {
      if (run->pages.size() >= SerialRun::kMaxSamples) return;
      PageSample sample;
      sample.process = process;
      sample.below = at;
      const bool returned = As(task, [&] {
        for (size_t i = 0; i < 4 && sample.sig == 0; ++i) {
          fl_user_result result = {};
          api().user_access(FL_LOAD, ceiling - at + kSampleOffsets[i], 8, 0,
                            &result);
          sample.sig = result.sig;
          if (result.sig == 0) sample.words[i] = result.value;
        }
      });
      if (!returned) {
        run->died = log.first();
        return;
      }
      run->pages.push_back(sample);
    }
  }
}

bool SerialModel::Kernel::TearDown(SerialRun* run) {
  bool fine = true;
  for (size_t i = 0; i < tasks.size() && fine; ++i) {
    fine = As(tasks[i], [&] {
      machine->kernel().check_mm(machine->process(i));
      machine->kernel().task_exit();
    });
    if (fine) machine->kernel().task_free(tasks[i]);
  }
  fine = fine && machine->TearDown(&runtime, system);
  fine = fine && runtime.RunAs(system, machine->system_task(),
                               [&] { machine->CheckMachine(); });
  if (fine && log.first().empty()) return true;
  run->died = absl::StrCat(
      "at the end: ", log.first().empty() ? "the kernel died" : log.first());
  return false;
}

absl::StatusOr<SerialRun> SerialModel::Run(const CompiledProgram& program,
                                           bool check) {
  Kernel& kernel = *kernel_;
  absl::Status status = kernel.Boot(program);
  if (!status.ok()) return status;
  SerialRun run;
  bool fine = true;
  for (size_t i = 0; i < program.processes.size() && fine; ++i) {
    fine = kernel.DoOps(program.setup, static_cast<int>(i), kernel.tasks[i],
                        check, &run);
  }
  for (size_t i = 0; i < program.tasks.size() && fine; ++i) {
    const CompiledTask& task = program.tasks[i];
    fine = kernel.DoOps(task.ops, task.process, kernel.tasks[task.process],
                        check, &run);
  }
  for (size_t i = 0; i < program.processes.size() && run.died.empty(); ++i) {
    kernel.Sample(static_cast<int>(i), kernel.tasks[i], &run);
  }
  if (run.died.empty()) kernel.TearDown(&run);
  return run;
}

}  // namespace faultline
