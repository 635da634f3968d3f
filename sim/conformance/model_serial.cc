// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/model_serial.h"

#include <algorithm>
#include <cstddef>
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
  absl::StatusOr<Windows> FindWindows(task_struct* task);
  mm_struct* MmOf(int process) const {
    return api().task_mm(tasks[static_cast<size_t>(process)]);
  }
  absl::Status Maps(int process, std::vector<MapLine>* maps);
  // The batch at *next, those of its children, and what is left in memory.
  bool DoBatch(const CompiledProgram& program,
               const std::vector<SerialBatch>& batches, size_t* next,
               bool check, SerialRun* run);
  bool DoOps(const CompiledProgram& program, const SerialBatch& batch,
             bool check, SerialRun* run);
  uint64_t HashUser(task_struct* task, uint64_t address, uint64_t bytes);
  void Sample(int process, task_struct* task, SerialRun* run);
  bool TearDown(SerialRun* run);

  KernelLog log;
  NativeRuntime runtime;
  NativeTask *system, *user;
  std::unique_ptr<Machine> machine;
  const ProgramImage* image = nullptr;
  size_t variable_count = 0;
  std::vector<uint64_t> variables;            // of each process
  std::vector<Windows> windows;               // likewise
  std::vector<task_struct*> tasks;            // likewise
  std::vector<task_struct*> task_of_program;  // those that are forked
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
                             program.processes.size(), image->memory_files);
  if (!status.ok()) return status;
  variable_count = program.variables.size();
  variables.assign(program.processes.size() * variable_count, 0);
  windows.assign(program.processes.size(), Windows());
  buffer.resize(program.read_bytes);
  // One task does the operations of all: only one ever runs.
  tasks.clear();
  for (size_t i = 0; i < program.processes.size(); ++i) {
    const bool own = i < program.own_processes;
    absl::StatusOr<task_struct*> task =
        machine->AddTask("user", own ? static_cast<int>(i) : -1, 0, user);
    if (!task.ok()) return task.status();
    tasks.push_back(*task);
    if (!own) continue;
    absl::StatusOr<Windows> found = FindWindows(*task);
    if (!found.ok()) return found.status();
    windows[i] = *found;
  }
  task_of_program.assign(program.tasks.size(), nullptr);
  for (size_t i = 0; i < program.tasks.size(); ++i) {
    if (!program.tasks[i].forked) continue;
    task_of_program[i] = tasks[static_cast<size_t>(program.tasks[i].process)];
  }
  // The host has just written its files: they are in its page cache.
  std::string whole;
  const bool read = runtime.RunAs(system, machine->system_task(), [&] {
    for (size_t i = 0; i < image->paths.size(); ++i) {
      whole.resize(image->files.Size(static_cast<int>(i)) + 1);
      api().file_read(machine->files()[i], whole.data(), whole.size(), 0);
    }
  });
  return read ? absl::OkStatus()
              : absl::FailedPreconditionError("the model reads no files");
}

absl::StatusOr<Windows> SerialModel::Kernel::FindWindows(task_struct* task) {
  int64_t at = 0, heap = 0;
  const bool returned = As(task, [&] {
    at = api().sys_mmap(0, kPage, 0, FL_MAP_PRIVATE | FL_MAP_ANONYMOUS, nullptr,
                        0);
    if (at > 0) api().sys_munmap(static_cast<uint64_t>(at), kPage);
    heap = api().sys_brk(0);
  });
  if (!returned || at <= 0 || heap <= 0) {
    return absl::FailedPreconditionError("the model maps nothing");
  }
  return Windows{static_cast<uint64_t>(at) + kPage,
                 static_cast<uint64_t>(heap)};
}

absl::Status SerialModel::Kernel::Maps(int process,
                                       std::vector<MapLine>* maps) {
  mm_struct* const mm = MmOf(process);
  const uint64_t bytes = api().proc_smaps(mm, nullptr, 0);
  std::string text(bytes + 1, '\0');
  api().proc_smaps(mm, text.data(), text.size());
  text.resize(bytes);
  std::vector<MapsText> lines;
  absl::Status status = ParseMaps(text, &lines);
  if (!status.ok()) return status;
  const Windows& own = windows[static_cast<size_t>(process)];
  maps->clear();
  for (const MapsText& line : lines) {
    if (!own.Inside(line.start, line.end - line.start)) continue;
    MapLine out;
    out.start = own.Below(line.start);
    out.end = own.Below(line.end);
    out.permissions = std::string(line.permissions);
    out.offset = line.offset;
    out.flags = line.flags;
    for (size_t i = 0; i < image->paths.size(); ++i) {
      if (line.path == image->paths[i]) out.file = static_cast<int>(i);
    }
    for (size_t i = 0; i < image->memory_files.size(); ++i) {
      if (line.path == image->memory_files[i].path) {
        out.file = static_cast<int>(image->paths.size() + i);
      }
    }
    maps->push_back(std::move(out));
  }
  return absl::OkStatus();
}

bool SerialModel::Kernel::DoBatch(const CompiledProgram& program,
                                  const std::vector<SerialBatch>& batches,
                                  size_t* next, bool check, SerialRun* run) {
  const SerialBatch& batch = batches[(*next)++];
  if (!DoOps(program, batch, check, run)) return false;
  for (size_t i = 0; i < batch.children.size(); ++i) {
    if (!DoBatch(program, batches, next, check, run)) return false;
  }
  Sample(batch.process, tasks[static_cast<size_t>(batch.process)], run);
  return run->died.empty();
}

// As a debugger would read them, so that nothing changes by it.
uint64_t SerialModel::Kernel::HashUser(task_struct* task, uint64_t address,
                                       uint64_t bytes) {
  std::string copy(bytes, '\0');
  As(task, [&] {
    for (uint64_t i = 0; i < bytes; ++i) {
      api().ptrace_access(task, address + i, copy.data() + i, 1, 0);
    }
  });
  return HashBytes(copy.data(), bytes);
}

bool SerialModel::Kernel::DoOps(const CompiledProgram& program,
                                const SerialBatch& batch, bool check,
                                SerialRun* run) {
  const size_t process = static_cast<size_t>(batch.process);
  task_struct* const task = tasks[process];
  uint64_t* const own = variables.data() + process * variable_count;
  const Windows& window = windows[process];
  const OpContext context = {&api(), machine->files(), task_of_program.data(),
                             own, buffer.data()};
  for (const CompiledOp* op : batch.ops) {
    SerialStep step;
    step.op = op;
    step.process = batch.process;
    step.below = window.Below(OpAddress(*op, own));
    if ((op->fixed && op->kind == OpKind::kMremap) ||
        op->kind == OpKind::kMincore) {
      step.to_below = window.Below(OpTarget(*op, own));
    }
    step.skipped = !InWindow(*op, own, window);
    const bool birth =
        op->kind == OpKind::kFork && ChildOf(program, *op) == batch.process;
    const uint64_t vector = OpTarget(*op, own);
    OpResult result;
    const bool returned =
        step.skipped || birth || As(task, [&] { DoOp(*op, context, &result); });
    if (returned && check) api().check_mm(MmOf(batch.process));
    if (!returned || !log.first().empty()) {
      run->died = log.first().empty() ? "the kernel died" : log.first();
      run->steps.push_back(std::move(step));
      return false;
    }
    step.value = result.value;
    if (ReturnsAddress(op->kind) && result.value > 0) {
      step.value = static_cast<int64_t>(
          window.Below(static_cast<uint64_t>(result.value)));
    }
    if (op->kind == OpKind::kFork && !birth) {
      step.child = ChildOf(program, *op);
      if (result.value != 0) {
        run->died = "the fork failed";
        run->steps.push_back(std::move(step));
        return false;
      }
      const size_t child = static_cast<size_t>(step.child);
      windows[child] = window;
      std::copy_n(
          own, variable_count,
          variables.begin() + static_cast<ptrdiff_t>(child * variable_count));
    }
    if (op->kind == OpKind::kRead && result.value > 0) {
      step.loaded = HashBytes(buffer.data(), result.value);
    } else if (op->kind == OpKind::kMincore && result.value == 0 &&
               !step.skipped) {
      step.loaded = HashUser(task, vector, (op->length + kPage - 1) / kPage);
    } else if (op->kind == OpKind::kWriteFrom) {
      step.loaded = result.loaded;
    }
    step.sig = result.sig;
    step.si_code = result.si_code;
    if (result.sig != 0) {
      step.fault_below = window.Below(result.fault_address);
    } else if (IsLoad(op->kind)) {
      step.loaded = result.loaded;
    }
    absl::Status status = Maps(batch.process, &step.maps);
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
  const Windows& own = windows[static_cast<size_t>(process)];
  for (const MapLine& line : maps) {
    if (line.permissions[0] != 'r') continue;
    for (uint64_t at = line.start; at > line.end; at -= kPage) {
      const uint64_t address = own.AddressOf(at);
      if (run->pages.size() >= SerialRun::kMaxSamples) return;
      PageSample sample;
      sample.process = process;
      sample.below = at;
      const bool returned = As(task, [&] {
        for (size_t i = 0; i < 4 && sample.sig == 0; ++i) {
          fl_user_result result = {};
          api().user_access(FL_LOAD, address + kSampleOffsets[i], 8, 0,
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
      mm_struct* const mm = MmOf(static_cast<int>(i));
      if (mm != nullptr) machine->kernel().check_mm(mm);
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
  const std::vector<SerialBatch> batches = SerialOrder(program);
  for (size_t next = 0; next < batches.size();) {
    if (!kernel.DoBatch(program, batches, &next, check, &run)) break;
  }
  if (run.died.empty()) kernel.TearDown(&run);
  return run;
}

}  // namespace faultline
