// SPDX-License-Identifier: GPL-2.0-only
//
// Trace: what the recorder kept of one execution, step by step, symbolised
// and ready to print.  Plain data.

#ifndef FAULTLINE_SIM_TRACE_H_
#define FAULTLINE_SIM_TRACE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace faultline {

enum class TraceKind {
  kSwitch,   // the scheduler gave the CPU to `task`
  kOpBegin,  // text: the operation as litmus text spells it
  kOpEnd,    // text: what it came to ("= 0x7f..", "SIGSEGV", "-EINVAL")
  kEvent,    // event: enum fl_event_kind
  kAccess,   // arg: enum fl_access_flags
  kPark,     // name: why; address: what is waited for
  kUnpark,   // text: the task that was woken
  kRelax,    // one round of a spin loop
  kChoice,   // arg: the choice; size: among how many; not for scheduling
  kReport,   // text: what the kernel reported
  kLog,      // text: a line of the kernel log
  kFinding,  // text: title of a finding
};

struct TraceEvent {
  uint64_t step = 0;
  int task = -1;  // index into Trace::tasks
  TraceKind kind = TraceKind::kEvent;
  uint32_t event = 0;
  uint32_t arg = 0;
  uint64_t pc = 0;
  uint64_t address = 0;  // offset in the arena, so equal in every replay
  uint64_t size = 0;
  const char* name = nullptr;  // static string, or null
  std::string text;            // one readable phrase: "lock mmap_sem for write"
  std::string held;      // locks held after it: "mmap_sem:R i_mmap_rwsem:W"
  std::string function;  // kernel function of pc, inlined frames resolved
  std::string location;  // "mm/memory.cc:123"
};

struct Trace {
  std::vector<std::string> tasks;  // names; "setup" and "teardown" included
  std::vector<TraceEvent> events;
  bool truncated = false;  // more happened than the recorder was to keep
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_TRACE_H_
