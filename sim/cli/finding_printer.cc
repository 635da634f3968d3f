// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/finding_printer.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mm/sync/runtime.h"
#include "sim/cli/io.h"

namespace faultline {
namespace {

constexpr size_t kMinColumn = 26;
constexpr size_t kLastSteps = 6;  // before the finding, always shown

// Operation of a task: events [begin, end] of the trace.
struct Span {
  int task;
  size_t begin, end;
};

// The event at which the finding stands, with the access that is its cause
// behind it.
size_t FindingIndex(const Trace& trace, const Finding& finding) {
  const std::vector<TraceEvent>& events = trace.events;
  size_t found = events.empty() ? 0 : events.size() - 1;
  for (size_t i = events.size(); i-- > 0;) {
    // The finding's title may have " in FUNCTION" after the event's text.
    if (events[i].kind == TraceKind::kFinding &&
        absl::StartsWith(finding.title, events[i].text)) {
      found = i;
      break;
    }
  }
  while (found + 1 < events.size() &&
         events[found + 1].step == events[found].step &&
         events[found + 1].task == events[found].task) {
    ++found;
  }
  return found;
}

std::vector<Span> Operations(const Trace& trace, size_t last) {
  std::vector<Span> spans;
  std::map<int, size_t> open;  // task -> index in spans
  for (size_t i = 0; i <= last && i < trace.events.size(); ++i) {
    const TraceEvent& event = trace.events[i];
    if (event.kind == TraceKind::kOpBegin) {
      open[event.task] = spans.size();
      spans.push_back({event.task, i, last});
    } else if (event.kind == TraceKind::kOpEnd) {
      auto it = open.find(event.task);
      if (it != open.end()) {
        spans[it->second].end = i;
        open.erase(it);
      }
    }
  }
  return spans;
}

bool Overlap(const Span& a, const Span& b) {
  return a.task != b.task && a.begin <= b.end && b.begin <= a.end;
}

// The operations that ran into each other: those that overlap the one in
// which the finding came up, or, when it came up in none that was disturbed,
// the last pair that overlapped at all.
std::vector<Span> RacingOperations(const Trace& trace, size_t last) {
  const std::vector<Span> spans = Operations(trace, last);
  const auto with_overlapping = [&spans](const Span& span) {
    std::vector<Span> racing = {span};
    for (const Span& other : spans) {
      if (Overlap(span, other)) racing.push_back(other);
    }
    return racing;
  };
  const int task = trace.events[last].task;
  for (size_t i = spans.size(); i-- > 0;) {
    if (spans[i].task != task) continue;
    std::vector<Span> racing = with_overlapping(spans[i]);
    if (racing.size() > 1) return racing;
    break;
  }
  for (size_t i = spans.size(); i-- > 0;) {
    std::vector<Span> racing = with_overlapping(spans[i]);
    if (racing.size() > 1) return racing;
  }
  return spans.empty() ? spans : std::vector<Span>{spans.back()};
}

bool IsLock(const TraceEvent& event) {
  if (event.kind != TraceKind::kEvent) return false;
  switch (event.event) {
    case FL_EV_LOCKED:
    case FL_EV_LOCK_FAILED:
    case FL_EV_UNLOCKED:
    case FL_EV_DOWNGRADED:
      return true;
    default:
      return false;
  }
}

// Taken when the task holds nothing, or the last to be let go; or held on in
// another mode.  These bound what one task does undisturbed.
bool IsOutermost(const TraceEvent& event) {
  switch (event.event) {
    case FL_EV_LOCKED:
      return !absl::StrContains(event.held, ' ');
    case FL_EV_UNLOCKED:
      return event.held.empty();
    case FL_EV_DOWNGRADED:
      return true;
    default:
      return false;
  }
}

bool IsObject(const TraceEvent& event) {
  if (event.kind != TraceKind::kEvent) return false;
  return event.event == FL_EV_ALLOC || event.event == FL_EV_FREE ||
         event.event == FL_EV_PAGE_ALLOC || event.event == FL_EV_PAGE_FREE;
}

// What a reader can place: neither the bookkeeping of the scheduler nor what
// another step says as well.
bool IsStep(const TraceEvent& event, bool accesses) {
  switch (event.kind) {
    case TraceKind::kSwitch:
    case TraceKind::kRelax:
      return false;
    case TraceKind::kAccess:
      return accesses;
    case TraceKind::kEvent:
      switch (event.event) {
        case FL_EV_LOCK:
        case FL_EV_UNLOCK:
        case FL_EV_LOCK_INIT:
          return false;
        case FL_EV_RANGE_READ:
        case FL_EV_RANGE_WRITE:
        case FL_EV_USER_READ:
        case FL_EV_USER_WRITE:
          return accesses;
        default:
          return true;
      }
    default:
      return true;
  }
}

// Objects that matter: by where they begin.
class Involved {
 public:
  Involved(const Trace& trace, size_t begin, size_t last) {
    // Every object that was handed out or given back in view.
    std::map<uint64_t, std::pair<uint64_t, std::set<int>>> objects;
    for (size_t i = 0; i <= last; ++i) {
      const TraceEvent& event = trace.events[i];
      if (!IsObject(event)) continue;
      auto& object = objects[event.address];
      object.first = std::max(object.first, event.size);
      if (i >= begin) object.second.insert(event.task);
    }
    const auto holder = [&objects](uint64_t address) {
      auto it = objects.upper_bound(address);
      if (it == objects.begin()) return objects.end();
      --it;
      return address - it->first < it->second.first ? it : objects.end();
    };
    for (size_t i = begin; i <= last; ++i) {
      const TraceEvent& event = trace.events[i];
      if (event.kind != TraceKind::kAccess) continue;
      auto it = holder(event.address);
      if (it == objects.end()) continue;
      it->second.second.insert(event.task);
    }
    for (const auto& [address, object] : objects) {
      if (object.second.size() > 1) ranges_[address] = object.first;
    }
    // And the one that the last access was about.
    for (size_t i = last + 1; i-- > begin;) {
      if (trace.events[i].kind != TraceKind::kAccess) continue;
      auto it = holder(trace.events[i].address);
      if (it != objects.end()) {
        ranges_[it->first] = it->second.first;
        cause_ = it->first;
      }
      break;
    }
  }

  // The object that the last access before the finding was about.
  bool IsCause(uint64_t address) const { return address == cause_; }
  bool Has(uint64_t address) const {
    auto it = ranges_.upper_bound(address);
    if (it == ranges_.begin()) return false;
    --it;
    return address - it->first < std::max<uint64_t>(it->second, 1);
  }

 private:
  std::map<uint64_t, uint64_t> ranges_;
  uint64_t cause_ = ~uint64_t{0};
};

std::string StepText(const TraceEvent& event) {
  switch (event.kind) {
    case TraceKind::kOpEnd:
      return absl::StartsWith(event.text, "=") ? event.text
                                               : absl::StrCat("= ", event.text);
    case TraceKind::kFinding:
      return absl::StrCat("*** ", event.text);
    case TraceKind::kReport:
      switch (event.event) {
        case FL_REPORT_BUG:
          return absl::StrCat("! BUG: ", event.text);
        case FL_REPORT_WARN:
          return absl::StrCat("! WARN: ", event.text);
        default:
          return absl::StrCat("! ", event.text);
      }
    case TraceKind::kLog:
      return absl::StrCat("log: ", event.text);
    default:
      return event.text;
  }
}

std::vector<std::string> StepLines(const TraceEvent& event, size_t width) {
  const bool is_op =
      event.kind == TraceKind::kOpBegin || event.kind == TraceKind::kOpEnd;
  const std::string lead = is_op ? "" : "  ";
  std::vector<std::string> lines;
  const auto add = [&](absl::string_view text, const std::string& indent) {
    for (std::string& line : WrapText(text, width - indent.size())) {
      lines.push_back(indent + line);
    }
  };
  add(Printable(StepText(event)), lead);
  std::string where;
  if (!event.function.empty()) where = event.function;
  if (!event.location.empty()) {
    absl::StrAppend(&where, where.empty() ? "" : " ", event.location);
  }
  if (!event.held.empty()) {
    absl::StrAppend(&where, where.empty() ? "" : " ", "[", event.held, "]");
  }
  if (!where.empty()) add(where, lead + "  ");
  return lines;
}

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

void AppendLine(absl::string_view indent, std::string line, std::string* text) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
  absl::StrAppend(text, line.empty() ? "" : indent, line, "\n");
}

}  // namespace

std::vector<std::string> WrapText(absl::string_view text, size_t width) {
  width = std::max<size_t>(width, 8);
  std::vector<std::string> lines;
  while (text.size() > width) {
    size_t cut = text.rfind(' ', width);
    // A word longer than the line, or nearly: cut it.
    if (cut == absl::string_view::npos || cut < width / 3) {
      lines.push_back(std::string(text.substr(0, width)));
      text.remove_prefix(width);
    } else {
      lines.push_back(std::string(text.substr(0, cut)));
      text.remove_prefix(cut + 1);
    }
  }
  if (!text.empty() || lines.empty()) lines.push_back(std::string(text));
  return lines;
}

std::vector<size_t> SelectSteps(const Trace& trace, const Finding& finding,
                                size_t max_steps, bool accesses) {
  const std::vector<TraceEvent>& events = trace.events;
  if (events.empty()) return {};
  const size_t last = FindingIndex(trace, finding);
  const std::vector<Span> racing = RacingOperations(trace, last);
  size_t begin = racing.empty() ? 0 : last;
  size_t end = racing.empty() ? last : 0;  // of the operations
  std::set<int> tasks;
  for (const Span& span : racing) {
    begin = std::min(begin, span.begin);
    end = std::max(end, span.end);
    tasks.insert(span.task);
  }
  if (racing.empty()) tasks.insert(events[last].task);
  const Involved involved(trace, begin, last);
  const auto shown = [&](size_t i) {
    return i <= end && tasks.count(events[i].task) != 0;
  };

  std::map<uint64_t, std::set<int>> lockers;
  std::set<uint64_t> waited_for;
  for (size_t i = begin; i <= end; ++i) {
    if (IsLock(events[i])) lockers[events[i].address].insert(events[i].task);
    if (events[i].kind == TraceKind::kPark)
      waited_for.insert(events[i].address);
  }

  // What must be shown has rank 0; the higher, the sooner left out.
  constexpr int kRanks = 6;
  constexpr int kNever = kRanks;
  std::vector<int> rank(last + 1 - begin, kNever);
  for (size_t i = begin; i <= end; ++i) {
    const TraceEvent& event = events[i];
    int& r = rank[i - begin];
    if (!shown(i) || !IsStep(event, accesses)) continue;
    switch (event.kind) {
      case TraceKind::kOpBegin:
      case TraceKind::kOpEnd:
      case TraceKind::kReport:
      case TraceKind::kFinding:
      case TraceKind::kPark:
      case TraceKind::kUnpark:
      case TraceKind::kChoice:
        r = 0;
        break;
      case TraceKind::kLog:
        r = 2;
        break;
      case TraceKind::kAccess:
        if (involved.Has(event.address)) r = 5;
        break;
      case TraceKind::kSwitch:
      case TraceKind::kRelax:
        break;
      case TraceKind::kEvent:
        if (IsLock(event)) {
          r = IsOutermost(event) || waited_for.count(event.address) != 0 ? 1
              : lockers[event.address].size() > 1                        ? 2
                                                                         : 3;
        } else if (IsObject(event)) {
          r = involved.IsCause(event.address) ? 0
              : involved.Has(event.address)   ? 2
                                              : 4;
        } else if (event.event == FL_EV_SIGNAL) {
          r = 0;
        } else if (event.event == FL_EV_MARK) {
          r = 4;
        }
        break;
    }
  }
  // A lock that is waited for: the attempt tells more than the sleep.
  for (size_t i = begin; i <= end; ++i) {
    if (events[i].kind != TraceKind::kPark || !shown(i)) continue;
    for (size_t j = i; j-- > begin;) {
      if (events[j].task != events[i].task) continue;
      if (events[j].kind == TraceKind::kEvent &&
          events[j].event == FL_EV_LOCK) {
        rank[j - begin] = 0;
        break;
      }
      if (IsStep(events[j], accesses)) break;
    }
  }
  // Both sides of each switch between the tasks.
  size_t before = begin;
  for (size_t i = begin + 1; i <= end; ++i) {
    if (!shown(i) || (!IsStep(events[i], accesses) && rank[i - begin] != 0)) {
      continue;
    }
    if (events[i].task != events[before].task) {
      rank[before - begin] = 0;
      rank[i - begin] = 0;
    }
    before = i;
  }
  // What led to the finding, and what it was: the access itself may stand
  // behind it.
  size_t lead = 0;
  bool is_access = true;
  for (size_t i = last + 1; i-- > begin && lead < kLastSteps;) {
    if (events[i].task != events[last].task) continue;
    const bool cause = is_access && events[i].kind == TraceKind::kAccess;
    if (!cause && !IsStep(events[i], accesses)) continue;
    // Outside the operations nothing was ranked.
    if (i <= end && !cause && rank[i - begin] >= 4) continue;
    if (events[i].kind != TraceKind::kFinding) is_access = false;
    rank[i - begin] = 0;
    ++lead;
  }

  std::vector<size_t> chosen;
  for (int r = 0; r < kRanks; ++r) {
    std::vector<size_t> more;
    for (size_t i = last + 1; i-- > begin;) {
      if (rank[i - begin] == r) more.push_back(i);
    }
    // Nearest to the finding first.
    const size_t room = max_steps - std::min(max_steps, chosen.size());
    if (more.size() > room) more.resize(room);
    chosen.insert(chosen.end(), more.begin(), more.end());
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

std::string FormatSteps(const Trace& trace, const std::vector<size_t>& chosen,
                        int width, absl::string_view indent) {
  if (chosen.empty()) return "";
  std::vector<int> columns;  // tasks, by index
  for (size_t i : chosen) {
    const int task = trace.events[i].task;
    if (std::find(columns.begin(), columns.end(), task) == columns.end()) {
      columns.push_back(task);
    }
  }
  std::sort(columns.begin(), columns.end());
  const auto name = [&trace](int task) {
    return task >= 0 && task < static_cast<int>(trace.tasks.size())
               ? trace.tasks[static_cast<size_t>(task)]
               : std::string("?");
  };

  const std::string last_step = absl::StrCat(trace.events[chosen.back()].step);
  const size_t number = std::max<size_t>(last_step.size(), 4);
  const size_t all = static_cast<size_t>(
      std::max<int>(width - static_cast<int>(indent.size()), 30));
  const size_t room = all - number - 2;
  size_t column = (room + 2) / columns.size() - 2;
  const bool wide = column >= kMinColumn && column <= room;
  size_t names = 0;
  if (!wide) {
    for (int task : columns) names = std::max(names, name(task).size());
    names = std::min<size_t>(std::max<size_t>(names, 4), 12);
    column = room - names - 2;
  }

  std::string text;
  std::string head = Padded("step", number) + "  ";
  std::string rule = std::string(number, '-') + "  ";
  if (wide) {
    for (int task : columns) {
      head += Padded(absl::StrCat("task ", name(task)), column + 2);
      rule += std::string(column, '-') + "  ";
    }
  } else {
    head += Padded("task", names + 2);
    rule += std::string(names, '-') + "  " + std::string(column, '-');
  }
  AppendLine(indent, head, &text);
  AppendLine(indent, rule, &text);

  const auto left_out = [&](size_t from, size_t to, int like) {
    size_t count = 0;
    for (size_t i = from; i < to; ++i) {
      count += trace.events[i].kind != TraceKind::kSwitch;
    }
    if (count == 0) return;
    size_t at = number + 2;
    if (wide) {
      at += (column + 2) * static_cast<size_t>(
                               std::find(columns.begin(), columns.end(), like) -
                               columns.begin());
    } else {
      at += names + 2;
    }
    AppendLine(indent,
               absl::StrCat(std::string(at + 2, ' '), "... ", count,
                            count == 1 ? " step" : " steps", " left out"),
               &text);
  };

  size_t next = chosen.front();
  int task_before = -2;
  for (size_t i : chosen) {
    const TraceEvent& event = trace.events[i];
    left_out(next, i, event.task);
    next = i + 1;
    const size_t at = static_cast<size_t>(
        std::find(columns.begin(), columns.end(), event.task) -
        columns.begin());
    bool first = true;
    for (const std::string& line : StepLines(event, column)) {
      std::string row =
          first
              ? std::string(
                    number - std::min(number, absl::StrCat(event.step).size()),
                    ' ') +
                    absl::StrCat(event.step)
              : std::string(number, ' ');
      row += "  ";
      if (wide) {
        row += std::string(at * (column + 2), ' ');
      } else {
        const bool say = first && event.task != task_before;
        row += Padded(say ? name(event.task).substr(0, names) : "", names + 2);
      }
      row += line;
      AppendLine(indent, row, &text);
      first = false;
    }
    task_before = event.task;
  }
  return text;
}

std::string FormatFinding(const Finding& finding, const Trace* trace,
                          const PrintOptions& options) {
  const std::string& indent = options.indent;
  const size_t width = static_cast<size_t>(
      std::max(options.width - static_cast<int>(indent.size()), 30));
  std::string text;
  const auto add = [&](absl::string_view line, absl::string_view lead) {
    for (const std::string& part :
         WrapText(Printable(line), width - lead.size())) {
      AppendLine(indent, absl::StrCat(lead, part), &text);
    }
  };
  add(finding.title, "");
  std::string who = absl::StrCat("checker ", finding.checker);
  if (!finding.task.empty()) absl::StrAppend(&who, ", task ", finding.task);
  if (!finding.location.empty()) {
    absl::StrAppend(&who, ", at ",
                    finding.function.empty() ? "" : finding.function + " ", "(",
                    finding.location, ")");
  }
  absl::StrAppend(&who, ", step ", finding.step, ", ", finding.switches,
                  finding.switches == 1 ? " switch" : " switches");
  if (finding.count > 1) {
    absl::StrAppend(&who, ", seen in ", finding.count, " executions");
  }
  add(who, "");

  if (trace != nullptr && !trace->events.empty()) {
    text += "\n";
    text += FormatSteps(
        *trace,
        SelectSteps(*trace, finding, options.max_steps, options.accesses),
        options.width, indent);
    if (trace->truncated) {
      add("(the recorder was full: later steps are missing)", "");
    }
  }
  if (!finding.details.empty()) {
    text += "\n";
    for (const std::string& line : finding.details) add(line, "");
  }
  // Tokens and commands are to be copied: never wrapped.
  if (!finding.token.empty()) {
    absl::StrAppend(&text, "\n", indent, "token:  ", finding.token, "\n");
  }
  if (!options.replay_command.empty()) {
    absl::StrAppend(&text, finding.token.empty() ? "\n" : "", indent,
                    "replay: ", options.replay_command, "\n");
  }
  return text;
}

}  // namespace faultline
