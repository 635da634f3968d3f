// SPDX-License-Identifier: GPL-2.0-only

#include "sim/recorder.h"

#include "absl/strings/str_cat.h"
#include "sim/basic_checkers.h"

namespace faultline {

void Recorder::Add(TraceEvent event, const TaskView& task) {
  if (trace_.events.size() >= max_events_) {
    trace_.truncated = true;
    return;
  }
  event.task = task.id;
  for (uint32_t i = 0; i < task.held_count; ++i) {
    const HeldLock& held = task.held[i];
    absl::StrAppend(&event.held, i ? " " : "", held.name ? held.name : "lock",
                    (held.mode & FL_LOCK_MODE) == FL_LOCK_READ ? ":R" : ":W");
  }
  trace_.events.push_back(std::move(event));
}

std::string DescribeEvent(const fl_event& event) {
  const char* name = event.name ? event.name : "";
  switch (event.kind) {
    case FL_EV_LOCK:
      return absl::StrCat(event.arg & FL_LOCK_TRY ? "try lock " : "lock ", name,
                          " for ", LockModeName(event.arg));
    case FL_EV_LOCKED:
      return absl::StrCat("got ", name, " for ", LockModeName(event.arg));
    case FL_EV_LOCK_FAILED:
      return absl::StrCat("did not get ", name);
    case FL_EV_UNLOCK:
      return absl::StrCat("unlock ", name);
    case FL_EV_UNLOCKED:
      return absl::StrCat("unlocked ", name);
    case FL_EV_DOWNGRADED:
      return absl::StrCat("downgraded ", name, " to read");
    case FL_EV_LOCK_INIT:
      return absl::StrCat("init ", name);
    case FL_EV_ALLOC:
      return absl::StrCat("allocate ", name);
    case FL_EV_FREE:
      return absl::StrCat("free ", name);
    case FL_EV_PAGE_ALLOC:
      return "allocate page frame";
    case FL_EV_PAGE_FREE:
      return "free page frame";
    case FL_EV_REF_GET:
      return absl::StrCat("get ", name, " -> ", static_cast<int>(event.arg));
    case FL_EV_REF_PUT:
      return absl::StrCat("put ", name, " -> ", static_cast<int>(event.arg));
    case FL_EV_RANGE_READ:
      return absl::StrCat("read range of ", event.size, " bytes");
    case FL_EV_RANGE_WRITE:
      return absl::StrCat("write range of ", event.size, " bytes");
    case FL_EV_USER_READ:
      return absl::StrCat("user reads ", event.size, " bytes");
    case FL_EV_USER_WRITE:
      return absl::StrCat("user writes ", event.size, " bytes");
    case FL_EV_MARK:
      return absl::StrCat(name, " ", event.arg);
    case FL_EV_SIGNAL:
      return absl::StrCat("signal ", event.arg);
    default:
      return absl::StrCat("event ", event.kind);
  }
}

std::string DescribeAccess(uint32_t size, uint32_t flags) {
  return absl::StrCat(flags & FL_ACCESS_RMW     ? "update "
                      : flags & FL_ACCESS_WRITE ? "write "
                                                : "read ",
                      size, size == 1 ? " byte" : " bytes",
                      flags & FL_ACCESS_ATOMIC ? " (marked)" : "");
}

}  // namespace faultline
