// SPDX-License-Identifier: GPL-2.0-only
//
// The child of SerialHost: what it shares with its parent, and its main
// function.  Between the first command and its end the child calls nothing
// but system calls: the C library might map memory.

#ifndef FAULTLINE_SIM_CONFORMANCE_HOST_AGENT_H_
#define FAULTLINE_SIM_CONFORMANCE_HOST_AGENT_H_

#include <cstdint>

#include "sim/compiled_program.h"
#include "sim/conformance/serial.h"

namespace faultline::host_agent {

inline constexpr uint32_t kMaxOps = 4096, kMaxFiles = 64, kMaxVariables = 4096;
inline constexpr uint32_t kMaxProcesses = 64;
inline constexpr uint32_t kMapsBytes = 8 << 20, kReadBytes = 16 << 20;

struct StepRecord {
  int64_t value;
  int32_t sig, si_code;
  uint64_t fault_address, loaded;
  uint32_t skipped;
  uint32_t maps_begin, maps_end;  // in Shared::maps
};

struct SampleRecord {
  int32_t process;
  uint64_t address;
  uint64_t words[4];
  int32_t sig;
};

// Written by the parent before a command, by the child until its answer.
struct Shared {
  // The operations of a process and then of those that it forks, as in
  // SerialOrder; of a fork, `target` is the process that it makes.
  uint32_t op_count, variable_count;
  CompiledOp ops[kMaxOps];
  struct Range {
    uint32_t begin, end;
  } ops_of[kMaxProcesses];
  int32_t process;  // the first
  Windows windows;
  uint32_t steps_done;
  uint32_t failed;  // not 0: `complaint` says why
  char complaint[128];
  StepRecord steps[kMaxOps];
  uint32_t sample_count;
  SampleRecord samples[SerialRun::kMaxSamples];
  uint32_t maps_used;
  char maps[kMapsBytes];
  char read_buffer[kReadBytes];
};

// Makes the window, answers on `answers`; then for each byte on `commands` does
// shared->ops and answers.  Ends the process when `commands` ends.
[[noreturn]] void Main(Shared* shared, const int* files, int commands,
                       int answers);

}  // namespace faultline::host_agent

#endif  // FAULTLINE_SIM_CONFORMANCE_HOST_AGENT_H_
