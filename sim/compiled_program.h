// SPDX-License-Identifier: GPL-2.0-only
//
// CompiledProgram: a Program with every name resolved, as the runners need it
// in their loops: no strings, no allocation, and nothing with a destructor, so
// that an operation may be abandoned in its midst.

#ifndef FAULTLINE_SIM_COMPILED_PROGRAM_H_
#define FAULTLINE_SIM_COMPILED_PROGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mm/interface.h"
#include "sim/oracle.h"
#include "sim/program/program.h"

namespace faultline {

struct CompiledOp {
  OpKind kind;
  int result = -1;       // variable, or -1
  int file = -1;         // or -1: anonymous
  int base = -1;         // variable of the address, or -1: absolute
  uint64_t address = 0;  // bytes, added to the variable
  bool fixed = false, shared = false, write = false, onfault = false;
  uint64_t offset = 0, length = 0;  // bytes
  bool may_move = false;            // mremap
  int to_base = -1;                 // of `to`, as base
  uint64_t to = 0, new_length = 0;  // mremap, mincore: bytes
  uint32_t prot = 0, advice = 0, flags = 0, size = 1;
  uint64_t value = 0;
  int target = -1;    // task; peek, poke: -1 is the own one
  uint64_t text = 0;  // exec: of the program, bytes; 0: laid out otherwise
  const Op* source = nullptr;
};

struct CompiledTask {
  std::string name;
  int process = 0;              // -1: a kernel thread
  bool forked = false;          // begins when an operation forks it
  std::vector<CompiledOp> ops;  // `repeat` unrolled
};

struct CompiledProgram {
  // First those that are there from the beginning, own_processes of them,
  // then one for each forked task.
  std::vector<std::string> processes;
  size_t own_processes = 0;
  std::vector<std::string> variables;
  std::vector<CompiledOp> setup;  // done once in each own process
  std::vector<CompiledTask> tasks;
  uint64_t read_bytes = 1;  // longest read(2), or write from memory

  static constexpr size_t kMaxOps = 100000;
};

// kInvalidArgument: an unknown name, or too many operations.  `program` must
// outlive the result.
absl::StatusOr<CompiledProgram> CompileProgram(const Program& program);

// What an operation works on.
struct OpContext {
  const fl_kernel* kernel;
  struct file* const* files;
  task_struct* const* tasks;  // kill, fork
  uint64_t* variables;        // of the process
  void* buffer;               // read_bytes of host memory
};

// The address the operation works on.
inline uint64_t OpAddress(const CompiledOp& op, const uint64_t* variables) {
  return op.address + (op.base >= 0 ? variables[op.base] : 0);
}

// Where an mremap shall go, if it says so; mincore's vector.
inline uint64_t OpTarget(const CompiledOp& op, const uint64_t* variables) {
  return op.to + (op.to_base >= 0 ? variables[op.to_base] : 0);
}

// The same for the oracle.  child: fork's process, as the oracle counts them.
ResolvedOp ResolveOp(const CompiledOp& op, const uint64_t* variables,
                     int child = -1);

// Does it work on the memory of another task's process?
inline bool IsOfAnother(const CompiledOp& op) {
  return (op.kind == OpKind::kPeek || op.kind == OpKind::kPoke) &&
         op.target >= 0;
}
// May its memory be another one in the end?
bool DoesExec(const CompiledTask& task);

// Load, store, exec and the like: what a signal can be the answer to.
bool IsUserAccess(OpKind kind);
// Of these the ones that bring bytes.
bool IsLoad(OpKind kind);

// Does it, as `current`.  The result variable is set.
void DoOp(const CompiledOp& op, const OpContext& context, OpResult* result);

// A hash of bytes: what `loaded` is of a copy of more than 8 bytes.
uint64_t HashBytes(const void* data, uint64_t bytes);

// "= 0x7f0000000000", "SIGSEGV at 0x1000", "-EINVAL".
std::string DescribeResult(const CompiledOp& op, const OpResult& result);

}  // namespace faultline

#endif  // FAULTLINE_SIM_COMPILED_PROGRAM_H_
