// SPDX-License-Identifier: GPL-2.0-only
//
// ModelMachine: a machine of the native kernel build with one process and one
// task, on the calling thread, made to be measured.  Its arena is resident
// before the kernel boots, so that no fault of the host is taken for a cost of
// the model; and what the kernel complains of is an error, so that nothing
// that went wrong is measured.

#ifndef FAULTLINE_BENCH_MODEL_MACHINE_H_
#define FAULTLINE_BENCH_MODEL_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mm/interface.h"
#include "sim/machine.h"

namespace faultline {

struct ModelMachineOptions {
  std::string variant = "mainline";
  const std::vector<uint8_t>* image = nullptr;  // outlives the machine
  std::vector<std::string> paths;               // opened once, at the start
  uint64_t ram_pages = 4096;
  uint32_t fault_around_bytes = 0;  // 0: the kernel's own
  uint32_t max_map_count = 0;       // 0: the kernel's own
  uint64_t slab_bytes = 0;          // 0: a machine's usual
};

class ModelMachine {
 public:
  static absl::StatusOr<std::unique_ptr<ModelMachine>> Create(
      const ModelMachineOptions& options);
  ~ModelMachine();
  ModelMachine(const ModelMachine&) = delete;
  ModelMachine& operator=(const ModelMachine&) = delete;

  // `f` as the task: kernel calls marked [task] belong in here.  kInternal:
  // the kernel died, and `f` did not return, or it complained.
  absl::Status Run(absl::FunctionRef<void()> f);

  // Within Run: a child of the task, with a copy of its memory, that ends at
  // once.  0 or -errno.
  int64_t ForkAndExit();

  const fl_kernel& kernel() const { return machine_->kernel(); }
  mm_struct* mm() const { return machine_->process(0); }
  file* opened(size_t i) const { return machine_->files()[i]; }
  // What to mount the image with once more.
  const std::string& mount_options() const { return mount_options_; }
  uint64_t FreePages() const;

 private:
  struct Host;

  ModelMachine();

  std::unique_ptr<Host> host_;
  std::unique_ptr<Machine> machine_;
  std::string mount_options_;
  task_struct* task_ = nullptr;
};

}  // namespace faultline

#endif  // FAULTLINE_BENCH_MODEL_MACHINE_H_
