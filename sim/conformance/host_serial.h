// SPDX-License-Identifier: GPL-2.0-only
//
// SerialHost: serial runs as real system calls of the kernel this runs on
// (serial.h), on ordinary files of the same content as the program's; files of
// tmpfs are memfds, made anew for each run.
//
// The calls are made by a child process whose address space has nothing in
// the window below its ceiling; a child that dies of what a program did is an
// error of that run, and the next run has a new one.
//
// Thread safety: one thread at a time.

#ifndef FAULTLINE_SIM_CONFORMANCE_HOST_SERIAL_H_
#define FAULTLINE_SIM_CONFORMANCE_HOST_SERIAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/conformance/serial.h"
#include "sim/program_image.h"

namespace faultline {

class SerialHost {
 public:
  // Writes the files below $TMPDIR (/tmp), already unlinked.
  // kFailedPrecondition: this host has no room or no rights for it.
  static absl::StatusOr<std::unique_ptr<SerialHost>> Create(
      const ProgramImage& image);
  ~SerialHost();
  SerialHost(const SerialHost&) = delete;
  SerialHost& operator=(const SerialHost&) = delete;

  // kInvalidArgument: an operation that no host has (HostHas), or a file of
  // ramfs, which takes a mount; or more than
  // kMaxOps for one process.
  absl::StatusOr<SerialRun> Run(const CompiledProgram& program);

  static constexpr size_t kMaxOps = 4096;

 private:
  struct Channel;  // memory shared with the child

  SerialHost() = default;
  absl::Status Start();
  void Stop();
  // The batches from `first` to `last`: a process and what comes of it.
  absl::Status DoBatches(const CompiledProgram& program,
                         const SerialBatch* first, const SerialBatch* last,
                         SerialRun* run);
  absl::Status ParseStep(uint32_t index, SerialStep* step) const;

  absl::Status AddFile(int file);
  // What a run has left of the files that can be written goes.
  absl::Status RestoreMemoryFiles();

  // Those of the image, open for reading; then those of tmpfs, for writing too.
  std::vector<int> files_;
  std::vector<MemoryFile> memory_files_;
  std::vector<uint64_t> inodes_;  // of them
  Channel* channel_ = nullptr;
  int child_ = -1;
  int to_child_ = -1, from_child_ = -1;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_CONFORMANCE_HOST_SERIAL_H_
