// SPDX-License-Identifier: GPL-2.0-only
//
// Recorder: keeps every step of one execution for a trace.  Off while
// searching; a finding's schedule is run again with the recorder on.

#ifndef FAULTLINE_SIM_RECORDER_H_
#define FAULTLINE_SIM_RECORDER_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "sim/checker.h"
#include "sim/trace.h"

namespace faultline {

class Recorder {
 public:
  explicit Recorder(size_t max_events) : max_events_(max_events) {}

  // The event is kept with the locks that `task` holds now.
  void Add(TraceEvent event, const TaskView& task);
  // Events so far, names of functions and places still missing.
  Trace* trace() { return &trace_; }

 private:
  const size_t max_events_;
  Trace trace_;
};

// "lock mmap_sem for write", "free vm_area_struct", ...
std::string DescribeEvent(const fl_event& event);
// "write 8 bytes", ...
std::string DescribeAccess(uint32_t size, uint32_t flags);

}  // namespace faultline

#endif  // FAULTLINE_SIM_RECORDER_H_
