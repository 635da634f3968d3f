// SPDX-License-Identifier: GPL-2.0-only

#include "bench/model_machine.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/kernel_library.h"
#include "sim/kernel_log.h"
#include "sim/native_runtime.h"

namespace faultline {
struct ModelMachine::Host {
  explicit Host(const KernelLibrary* library) : runtime(library) {
    runtime.SetCheckers({&log});
    system = runtime.AddTask("system");
    main = runtime.AddTask("main");
  }

  KernelLog log;
  NativeRuntime runtime;
  NativeTask *system, *main;
};

ModelMachine::ModelMachine() = default;
ModelMachine::~ModelMachine() = default;

absl::StatusOr<std::unique_ptr<ModelMachine>> ModelMachine::Create(
    const ModelMachineOptions& options) {
  absl::StatusOr<std::string> path =
      KernelPath("x86-64", /*explored=*/false, /*physmem=*/true);
  if (!path.ok()) return path.status();
  absl::StatusOr<const KernelLibrary*> library =
      KernelLibrary::Load(*path, NativeRuntime::Table());
  if (!library.ok()) return library.status();

  std::unique_ptr<ModelMachine> model(new ModelMachine);
  model->host_ = std::make_unique<Host>(*library);
  MachineOptions machine_options;
  machine_options.variant = options.variant;
  machine_options.cpus = 1;
  machine_options.ram_pages = options.ram_pages;
  machine_options.fault_around_bytes = options.fault_around_bytes;
  machine_options.max_map_count = options.max_map_count;
  machine_options.slab_bytes = options.slab_bytes;
  absl::StatusOr<std::unique_ptr<Machine>> machine =
      Machine::Create(*library, machine_options, options.image);
  if (!machine.ok()) return machine.status();
  model->machine_ = *std::move(machine);
  model->mount_options_ = absl::StrFormat(
      "physaddr=0x%x,variant=%s", MachineOptions::kRomPhys, options.variant);

  const Arena& arena = model->machine_->arena();
  for (uint64_t at = 0; at < arena.size(); at += Arena::kPageBytes) {
    *static_cast<volatile char*>(arena.data() + at) = 0;
  }
  Host& host = *model->host_;
  absl::Status status = model->machine_->Boot(&host.runtime, host.system);
  if (status.ok()) {
    status =
        model->machine_->Populate(&host.runtime, host.system, options.paths, 1);
  }
  if (!status.ok()) return status;
  absl::StatusOr<task_struct*> task =
      model->machine_->AddTask("main", 0, 0, host.main);
  if (!task.ok()) return task.status();
  model->task_ = *task;
  return model;
}

absl::Status ModelMachine::Run(absl::FunctionRef<void()> f) {
  const bool returned = host_->runtime.RunAs(host_->main, task_, f);
  if (returned && host_->log.first().empty()) return absl::OkStatus();
  return absl::InternalError(host_->log.first());
}

int64_t ModelMachine::ForkAndExit() {
  task_struct** current = kernel().current_slot();
  task_struct* child =
      kernel().task_create(machine_->raw(), nullptr, "child", 0, host_->main);
  if (child == nullptr) return -ENOMEM;
  const int64_t result = kernel().sys_fork(child);
  *current = child;
  kernel().task_exit();
  *current = task_;
  kernel().task_free(child);
  return result;
}

uint64_t ModelMachine::FreePages() const {
  fl_machine_stats stats = {};
  kernel().machine_stats(machine_->raw(), &stats);
  return stats.free_pages;
}

}  // namespace faultline
