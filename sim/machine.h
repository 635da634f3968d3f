// SPDX-License-Identifier: GPL-2.0-only
//
// Machine: the C `struct machine` of a kernel build, in an arena of its own,
// with what a run of a program needs in it: a mounted image, open files, a
// process (mm) for each process of the program and a kernel task for each of
// its tasks.
//
// Kernel calls marked [task] must be made by somebody: the caller gives a
// TaskRunner, which knows whether tasks are fibers or threads.
//
// Thread safety: one thread at a time, except that a native runner's threads
// may read what Boot and Populate made.

#ifndef FAULTLINE_SIM_MACHINE_H_
#define FAULTLINE_SIM_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "mm/interface.h"
#include "sim/arena.h"
#include "sim/compiled_program.h"
#include "sim/kernel_library.h"
#include "sim/memory_file.h"
#include "sim/program/program.h"

namespace faultline {

// Makes `f` run as the task of `host`.  False: it did not come back, the
// kernel died or blocked for ever.
class TaskRunner {
 public:
  virtual ~TaskRunner() = default;
  virtual bool RunAs(void* host, task_struct* task,
                     absl::FunctionRef<void()> f) = 0;
};

struct MachineOptions {
  std::string variant;
  uint32_t cpus = 2;
  uint64_t ram_pages = 0;   // 0: kDefaultRamPages
  uint64_t slab_bytes = 0;  // 0: kSlabBytes
  uint32_t max_map_count = 0, fault_around_bytes = 0;
  std::vector<std::string> fixes_off, fixes_on;
  bool pat = true;  // x86: CONFIG_X86_PAT
  bool alloc_may_fail = false, reuse_freed = false;

  static constexpr uint64_t kDefaultRamPages = 512;
  static constexpr uint64_t kSlabBytes = 1 << 20;
  static constexpr uint64_t kRomPhys = 0x08000000;
};

class Machine {
 public:
  // The arena that the machine needs, and its configuration.
  // kInvalidArgument: no such variant or fix.
  static absl::StatusOr<std::unique_ptr<Machine>> Create(
      const KernelLibrary* library, const MachineOptions& options,
      const std::vector<uint8_t>* image);

  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Boots in the arena, which must be zero, and copies the image into ROM.
  absl::Status Boot(TaskRunner* runner, void* system_host);
  // Mounts the image, opens `paths`, makes `memory_files` in a tmpfs and a
  // ramfs and opens them too, makes a process for each of `processes`.
  // `system_host`: cookie of a task that does no operations of the program.
  absl::Status Populate(TaskRunner* runner, void* system_host,
                        const std::vector<std::string>& paths, size_t processes,
                        const std::vector<MemoryFile>& memory_files = {});
  // A kernel task for the task of `host`; `process` -1: a kernel thread.
  absl::StatusOr<task_struct*> AddTask(const std::string& name, int process,
                                       uint32_t cpu, void* host);

  // All that Populate made, undone: after the tasks' exits.  False: the
  // kernel did not come back from it.
  bool TearDown(TaskRunner* runner, void* system_host);
  // The kernel's self-checks; reports go to the runtime.
  void CheckProcesses() const;
  void CheckMachine() const;

  const fl_kernel& kernel() const { return library_->kernel(); }
  const KernelLibrary& library() const { return *library_; }
  Arena& arena() { return arena_; }
  machine* raw() const { return machine_; }
  task_struct* system_task() const { return system_task_; }
  mm_struct* process(size_t i) const { return processes_[i]; }
  file* const* files() const { return files_.data(); }
  size_t file_count() const { return files_.size(); }
  // Offset and size of what a snapshot leaves out.
  std::pair<uint64_t, uint64_t> scratch() const;

 private:
  Machine() = default;

  const KernelLibrary* library_ = nullptr;
  const std::vector<uint8_t>* image_ = nullptr;
  std::string mount_options_;
  fl_machine_config config_ = {};
  Arena arena_;
  machine* machine_ = nullptr;
  task_struct* system_task_ = nullptr;
  // 0 or -errno, as the system task; *what failed.
  int MakeMemoryFiles(const std::vector<MemoryFile>& files, std::string* what);

  super_block* sb_ = nullptr;
  std::vector<std::pair<std::string, super_block*>> memory_sbs_;  // by type
  std::vector<file*> files_;
  std::vector<mm_struct*> processes_;
};

// Machine options as a program's `machine` section has them.
MachineOptions OptionsOf(const Program& program);

}  // namespace faultline

#endif  // FAULTLINE_SIM_MACHINE_H_
