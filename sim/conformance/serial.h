// SPDX-License-Identifier: GPL-2.0-only
//
// A Program done one operation after the other, on the model or on the kernel
// of this machine, in a form in which the two can be compared.
//
// Order (SerialOrder): one process after the other; in each the setup, then its
// tasks in the order of the program, each to its end; then the processes that
// it forked, in the order in which it did.  A signal is caught and the task
// goes on with its next operation: a program is not over where the first
// access went wrong.
//
// Addresses mean nothing across kernels, distances do.  Both sides give out
// addresses from the top down, from an empty address space; the `ceiling` is
// the end of the first mapping they would make.  An address is told as how
// many bytes below the ceiling it lies.  So that the heap, which lies where the
// kernel likes, has such addresses too, it is told as if it began kHeapBelow
// bytes below the ceiling.  An operation that would reach outside the
// kWindowBytes below the ceiling and the kHeapBytes above the beginning of the
// heap is skipped on both sides: on the host it could hit what the process
// itself lives in.

#ifndef FAULTLINE_SIM_CONFORMANCE_SERIAL_H_
#define FAULTLINE_SIM_CONFORMANCE_SERIAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sim/compiled_program.h"

namespace faultline {

inline constexpr uint64_t kWindowBytes = uint64_t{1} << 30;
inline constexpr uint64_t kHeapBytes = uint64_t{64} << 20;
inline constexpr uint64_t kHeapBelow = uint64_t{1} << 40;

// Where the two parts of an address space are, bytes, page aligned.
struct Windows {
  uint64_t ceiling = 0, heap = 0;

  bool InHeap(uint64_t address, uint64_t length) const {
    return address >= heap && address - heap <= kHeapBytes &&
           length <= kHeapBytes - (address - heap);
  }
  bool Inside(uint64_t address, uint64_t length) const {
    return InHeap(address, length) ||
           (address <= ceiling && ceiling - address <= kWindowBytes &&
            length <= ceiling - address);
  }
  // Bytes below the ceiling.
  uint64_t Below(uint64_t address) const {
    return InHeap(address, 0) ? kHeapBelow - (address - heap)
                              : ceiling - address;
  }
  uint64_t AddressOf(uint64_t below) const {
    return below > kWindowBytes ? heap + (kHeapBelow - below) : ceiling - below;
  }
};

// What VmFlags of smaps says, as far as 4.13 and later kernels mean the same by
// it and a call can cause it: a bit for each.
inline constexpr absl::string_view kVmFlagNames[] = {
    "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "gd", "pf",
    "lo", "io", "sr", "rr", "dc", "de", "ac", "nr", "dd", "mm"};
inline constexpr uint32_t kVmAccount = 1u << 16;
// The names of the flags, each followed by a blank; others are left out.
uint32_t ParseVmFlags(absl::string_view names);

// One line of /proc/PID/maps inside the windows, and its VmFlags.
struct MapLine {
  // Bytes below the ceiling: start > end.
  uint64_t start = 0, end = 0;
  std::string permissions;  // "rw-p"
  int file = -1;            // index of the program's file, or anonymous
  uint64_t offset = 0;      // in the file, bytes
  uint32_t flags = 0;

  friend bool operator==(const MapLine& a, const MapLine& b) {
    return a.start == b.start && a.end == b.end &&
           a.permissions == b.permissions && a.file == b.file &&
           a.offset == b.offset && a.flags == b.flags;
  }
};

// "[-0x6000, -0x4000) rw-p f + 0x2000 ac lo": what of the flags the permissions
// do not say stands last.
std::string FormatMapLine(const MapLine& line,
                          const std::vector<std::string>& files);

struct SerialStep {
  const CompiledOp* op = nullptr;
  int process = 0;
  int child = -1;  // of a fork: the process it made
  bool skipped = false;
  // As OpResult has it, but addresses are bytes below the ceiling: what mmap
  // returned, where an access faulted (0 where it did not).
  int64_t value = 0;
  int32_t sig = 0, si_code = 0;
  uint64_t fault_below = 0;
  // Of a load; of a read, mincore or write_from the hash of its bytes.
  uint64_t loaded = 0;
  // Of the model's steps: where the operation works, and where an mremap is
  // told to go, bytes below the ceiling.
  uint64_t below = 0, to_below = 0;
  std::vector<MapLine> maps;  // of the process, after it

  friend bool operator==(const SerialStep& a, const SerialStep& b) {
    return SameResult(a, b) && a.maps == b.maps;
  }
  static bool SameResult(const SerialStep& a, const SerialStep& b) {
    return a.skipped == b.skipped && a.value == b.value && a.sig == b.sig &&
           a.si_code == b.si_code && a.fault_below == b.fault_below &&
           a.loaded == b.loaded;
  }
};

// What a page of the window held at the end: 8 bytes at each of
// kSampleOffsets, or the signal that reading them gave.
inline constexpr uint32_t kSampleOffsets[] = {0, 8, 2048, 4088};
struct PageSample {
  int process = 0;
  uint64_t below = 0;  // of the page's first byte
  uint64_t words[4] = {};
  int32_t sig = 0;

  friend bool operator==(const PageSample& a, const PageSample& b) {
    return a.process == b.process && a.below == b.below && a.sig == b.sig &&
           a.words[0] == b.words[0] && a.words[1] == b.words[1] &&
           a.words[2] == b.words[2] && a.words[3] == b.words[3];
  }
};

struct SerialRun {
  std::vector<SerialStep> steps;
  std::vector<PageSample> pages;  // readable ones, the first kMaxSamples
  // Not empty: it ended early with the last of `steps`; why.
  std::string died;

  static constexpr size_t kMaxSamples = 1024;
};

// Of `kind`, what a host has: a system call or an access by user code.
// The others are of the model alone (uml_load, kvm_pfn, ...), or cannot be
// done to a process from within (kill), without running foreign bytes
// (exec_fetch), or without doing it to the process's own memory (mlockall of
// what is there).
bool HostHas(const CompiledOp& op);

// Whether what it returns is an address.
inline bool ReturnsAddress(OpKind kind) {
  return kind == OpKind::kMmap || kind == OpKind::kMremap ||
         kind == OpKind::kBrk;
}

// True iff everything `op` may touch lies in the windows, or it cannot succeed.
// `variables` of the process.
bool InWindow(const CompiledOp& op, const uint64_t* variables,
              const Windows& windows);

// What one process does, in order.  Of one that was forked the first operation
// is the fork that made it: nothing is done, but what it has is looked at.
struct SerialBatch {
  int process = 0;
  std::vector<const CompiledOp*> ops;
  // Processes that it forks, in order; their batches come after it, each
  // followed by those of its own children.
  std::vector<int> children;
};
std::vector<SerialBatch> SerialOrder(const CompiledProgram& program);

// The process that a fork makes.
inline int ChildOf(const CompiledProgram& program, const CompiledOp& fork) {
  return program.tasks[static_cast<size_t>(fork.target)].process;
}

// The lines of /proc/PID/maps in the text of /proc/PID/smaps; kDataLoss: no
// such text.
struct MapsText {
  uint64_t start, end, offset, inode;
  absl::string_view permissions, path;
  uint32_t flags = 0;
};
absl::Status ParseMaps(absl::string_view text, std::vector<MapsText>* lines);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CONFORMANCE_SERIAL_H_
