// SPDX-License-Identifier: GPL-2.0-only

#include "sim/machine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sim/program/litmus_format.h"

namespace faultline {
namespace {

std::string ErrorText(int64_t error) {
  const absl::string_view name = ErrnoName(static_cast<int>(-error));
  return name.empty() ? absl::StrCat("error ", -error) : std::string(name);
}

absl::Status CheckVariant(const fl_kernel& kernel, const std::string& variant) {
  std::vector<std::string> names;
  for (uint32_t i = 0; const char* name = kernel.variant_name(i); ++i) {
    if (variant == name) return absl::OkStatus();
    names.push_back(name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "no variant \"", variant, "\": there are ", absl::StrJoin(names, ", ")));
}

absl::Status SetFixes(const fl_kernel& kernel,
                      const std::vector<std::string>& wanted, bool off,
                      uint64_t* mask) {
  for (const std::string& want : wanted) {
    bool found = false;
    std::vector<std::string> names;
    for (uint32_t i = 0; const char* name = kernel.fix_name(i); ++i) {
      names.push_back(name);
      if (want != name) continue;
      found = true;
      *mask = off ? *mask | uint64_t{1} << i : *mask & ~(uint64_t{1} << i);
    }
    if (found) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "no fix \"", want, "\": there are ", absl::StrJoin(names, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace

MachineOptions OptionsOf(const Program& program) {
  MachineOptions options;
  options.ram_pages = program.machine.ram_pages;
  options.max_map_count = program.machine.max_map_count;
  options.pat = program.machine.pat;
  options.fault_around_bytes = program.machine.fault_around_bytes;
  options.fixes_off = program.machine.fixes_off;
  options.fixes_on = program.machine.fixes_on;
  return options;
}

absl::StatusOr<std::unique_ptr<Machine>> Machine::Create(
    const KernelLibrary* library, const MachineOptions& options,
    const std::vector<uint8_t>* image) {
  const fl_kernel& kernel = library->kernel();
  absl::Status status = CheckVariant(kernel, options.variant);
  if (!status.ok()) return status;
  std::unique_ptr<Machine> machine(new Machine);
  machine->library_ = library;
  machine->image_ = image;
  machine->mount_options_ =
      kernel.physmem
          ? absl::StrFormat("physaddr=0x%x,variant=%s",
                            MachineOptions::kRomPhys, options.variant)
          : absl::StrFormat("dev=0,variant=%s", options.variant);
  fl_machine_config& config = machine->config_;
  config.struct_bytes = sizeof config;
  config.cpus = options.cpus;
  config.ram_pages =
      options.ram_pages ? options.ram_pages : MachineOptions::kDefaultRamPages;
  config.slab_bytes =
      options.slab_bytes ? options.slab_bytes : MachineOptions::kSlabBytes;
  config.rom_bytes = (image->size() + 4095) & ~uint64_t{4095};
  config.rom_phys = image->empty() ? 0 : MachineOptions::kRomPhys;
  config.max_map_count = options.max_map_count;
  config.pat_off = !options.pat;
  config.fault_around_bytes = options.fault_around_bytes;
  config.alloc_may_fail = options.alloc_may_fail;
  config.reuse_freed = options.reuse_freed;
  status = SetFixes(kernel, options.fixes_off, true, &config.fixes_off);
  if (status.ok()) {
    status = SetFixes(kernel, options.fixes_on, false, &config.fixes_off);
  }
  if (!status.ok()) return status;
  absl::StatusOr<Arena> arena =
      Arena::Create(kernel.machine_bytes(&config), kernel.kulong_bits == 32);
  if (!arena.ok()) return arena.status();
  machine->arena_ = std::move(*arena);
  return machine;
}

absl::Status Machine::Boot(TaskRunner* runner, void* system_host) {
  const char* error = nullptr;
  machine_ = nullptr;
  files_.clear();
  processes_.clear();
  sb_ = nullptr;
  memory_sbs_.clear();
  const bool returned = runner->RunAs(system_host, nullptr, [&] {
    machine_ =
        kernel().machine_boot(arena_.data(), arena_.size(), &config_, &error);
    if (machine_ == nullptr) return;
    system_task_ =
        kernel().task_create(machine_, nullptr, "system", 0, system_host);
  });
  if (!returned) {
    return absl::FailedPreconditionError("the kernel died while it booted");
  }
  if (machine_ == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the machine does not boot: ", error ? error : "?"));
  }
  if (system_task_ == nullptr) {
    return absl::FailedPreconditionError("no memory for the first task");
  }
  if (!image_->empty()) {
    uint64_t bytes = 0;
    void* rom = kernel().machine_rom(machine_, &bytes);
    if (rom == nullptr || bytes < image_->size()) {
      return absl::FailedPreconditionError("the ROM window is too small");
    }
    memcpy(rom, image_->data(), image_->size());
  }
  return absl::OkStatus();
}

absl::Status Machine::Populate(TaskRunner* runner, void* system_host,
                               const std::vector<std::string>& paths,
                               size_t processes,
                               const std::vector<MemoryFile>& memory_files) {
  files_.assign(paths.size(), nullptr);
  processes_.assign(processes, nullptr);
  int error = 0;
  std::string what;
  const bool returned = runner->RunAs(system_host, system_task_, [&] {
    for (mm_struct*& mm : processes_) mm = kernel().mm_create(machine_);
    if (!memory_files.empty()) {
      files_.resize(paths.size() + memory_files.size(), nullptr);
      error = MakeMemoryFiles(memory_files, &what);
      if (error != 0) return;
    }
    if (image_->empty()) return;
    error = kernel().mount(kernel().physmem ? "cramfs_physmem" : "cramfs",
                           mount_options_.c_str(), &sb_);
    if (error != 0) {
      what = "mount";
      return;
    }
    for (size_t i = 0; i < paths.size(); ++i) {
      error = kernel().open(sb_, paths[i].c_str(), &files_[i]);
      if (error != 0) {
        what = absl::StrCat("open ", paths[i]);
        return;
      }
    }
  });
  if (!returned) {
    return absl::FailedPreconditionError(
        "the kernel died while the machine was set up");
  }
  if (error != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(what, " failed: ", ErrorText(error)));
  }
  if (std::count(processes_.begin(), processes_.end(), nullptr) != 0) {
    return absl::FailedPreconditionError("no memory for a process");
  }
  return absl::OkStatus();
}

int Machine::MakeMemoryFiles(const std::vector<MemoryFile>& files,
                             std::string* what) {
  size_t at = files_.size() - files.size();
  for (const MemoryFile& spec : files) {
    super_block* sb = nullptr;
    for (const auto& [type, mounted] : memory_sbs_) {
      if (type == spec.filesystem) sb = mounted;
    }
    if (sb == nullptr) {
      *what = absl::StrCat("mount of ", spec.filesystem);
      const int error = kernel().mount(spec.filesystem.c_str(), "", &sb);
      if (error != 0) return error;
      memory_sbs_.emplace_back(spec.filesystem, sb);
    }
    *what = absl::StrCat("making ", spec.path);
    file*& made = files_[at++];
    const int error = kernel().open_flags(sb, spec.path.c_str(),
                                          FL_O_CREAT | FL_O_RDWR, &made);
    if (error != 0) return error;
    int64_t result = kernel().file_truncate(made, spec.bytes);
    for (const auto& [offset, bytes] : spec.data) {
      if (result < 0) break;
      result = kernel().file_write(made, bytes.data(), bytes.size(), offset);
    }
    if (result < 0) return static_cast<int>(result);
  }
  return 0;
}

absl::StatusOr<task_struct*> Machine::AddTask(const std::string& name,
                                              int process, uint32_t cpu,
                                              void* host) {
  task_struct* task = kernel().task_create(
      machine_, process < 0 ? nullptr : processes_[process], name.c_str(),
      cpu % config_.cpus, host);
  if (task == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("no memory for task ", name));
  }
  return task;
}

bool Machine::TearDown(TaskRunner* runner, void* system_host) {
  return runner->RunAs(system_host, system_task_, [this] {
    for (mm_struct* mm : processes_) kernel().mm_put(mm);
    for (file* open : files_) kernel().close(open);
    if (sb_ != nullptr) kernel().umount(sb_);
    for (const auto& [type, sb] : memory_sbs_) kernel().umount(sb);
  });
}

void Machine::CheckProcesses() const {
  for (mm_struct* mm : processes_) kernel().check_mm(mm);
}

void Machine::CheckMachine() const { kernel().check_machine(machine_); }

std::pair<uint64_t, uint64_t> Machine::scratch() const {
  uint64_t bytes = 0;
  void* at = kernel().machine_scratch(machine_, &bytes);
  if (at == nullptr) return {0, 0};
  return {static_cast<char*>(at) - arena_.data(), bytes};
}

}  // namespace faultline
