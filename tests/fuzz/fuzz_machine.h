// SPDX-License-Identifier: GPL-2.0-only
//
// A small machine on the native x86-64 kernel build, booted anew for each
// input, with the input in its ROM.  Nothing of an earlier input is left, so a
// finding is found again from its input alone.
//
// A BUG of the kernel, or a task that would wait for ever, ends the program.
// One FuzzMachine at a time.

#ifndef FAULTLINE_TESTS_FUZZ_FUZZ_MACHINE_H_
#define FAULTLINE_TESTS_FUZZ_FUZZ_MACHINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "mm/interface.h"

namespace faultline::fuzz {

class FuzzMachine {
 public:
  static constexpr uint64_t kRomPhys = 0x08000000;
  // Images beyond this are not run.
  static constexpr size_t kMaxImage = 256 << 10;
  // Room for two buffers of the block device path and every page that a
  // target reads.
  static constexpr uint64_t kRamPages = 640;

  explicit FuzzMachine(absl::Span<const uint8_t> image);
  FuzzMachine(const FuzzMachine&) = delete;
  FuzzMachine& operator=(const FuzzMachine&) = delete;
  // Checks that nothing is left over.
  ~FuzzMachine();

  const fl_kernel& kernel() const { return *kernel_; }
  mm_struct* mm() const { return mm_; }
  // Bytes of the ROM window; the image is at its start, then zeros.
  uint64_t rom_bytes() const { return rom_bytes_; }

  // A process with an empty address space, current from now on.
  void StartProcess();
  // Checks the address space and tears it down; the task goes on without one,
  // so that it can unmount.
  void ExitMm();
  void EndProcess();

  // WARNs and the like since the last call.
  std::vector<std::string> TakeReports();
  // Ends the program if there are reports, but for those that hold one of
  // `allowed`.
  void ExpectNoReports(const std::vector<std::string>& allowed = {});

 private:
  const fl_kernel* kernel_;
  machine* machine_ = nullptr;
  mm_struct* mm_ = nullptr;
  task_struct* task_ = nullptr;
  uint64_t rom_bytes_ = 0;
};

}  // namespace faultline::fuzz

#endif  // FAULTLINE_TESTS_FUZZ_FUZZ_MACHINE_H_
