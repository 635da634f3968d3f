// SPDX-License-Identifier: GPL-2.0-only
//
// Oracle's mremap and brk: operations that move what a page is to another
// page, and that need to know what earlier calls returned.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "sim/oracle.h"
#include "sim/oracle_internal.h"

namespace faultline {

using namespace oracle_internal;  // NOLINT

Oracle::Remap Oracle::RemapOf(const ResolvedOp& op) {
  Remap remap;
  remap.source = op.address / kPageSize;
  remap.old_pages = PagesOf(op.length);
  remap.new_pages = PagesOf(op.new_length);
  remap.to = op.fixed ? op.to / kPageSize : 0;
  remap.moved = std::min(remap.old_pages, remap.new_pages);
  return remap;
}

bool Oracle::BeginRemap(Process& process, int slot) {
  Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp& op = running.op;
  const Remap remap = RemapOf(op);
  auto attach = [&](uint64_t first, uint64_t count) {
    for (uint64_t number = first; number < first + count; ++number) {
      uint32_t page = Touch(process, number);
      Attach(process, page, slot);
      CloseAndShow(process, page);
    }
  };
  // The kernel refuses these before it does anything.
  if (remap.new_pages == 0 ||
      (op.fixed && (op.to % kPageSize != 0 ||
                    (remap.source < remap.to + remap.new_pages &&
                     remap.to < remap.source + remap.old_pages)))) {
    return false;
  }
  if (remap.old_pages == 0) {
    process.blind = true;
    return false;
  }
  if (op.fixed) {
    attach(remap.source, remap.old_pages);
    attach(remap.to, remap.new_pages);
  } else if (remap.new_pages <= remap.old_pages) {
    attach(remap.source + remap.new_pages, remap.old_pages - remap.new_pages);
  } else {
    attach(remap.source, remap.old_pages);
    BeginFloating(process, slot);
  }
  return true;
}

bool Oracle::StepRemap(int slot, uint64_t page, const Config& config,
                       uint64_t made, Config* next) {
  const Running& running = running_[static_cast<size_t>(slot)];
  const Process& process = processes_[static_cast<size_t>(running.process)];
  const ResolvedOp& op = running.op;
  const Remap remap = RemapOf(op);
  const State& state = states_[config.state];
  if (page - remap.source < remap.old_pages) {
    if (made != 0) return false;
    const bool cut_off = page - remap.source >= remap.new_pages;
    if (!cut_off) {
      // There is nothing to move where nothing is mapped.
      if (!op.may_move || state.kind == Kind::kUnmapped) return false;
    }
    next->state = process.Nothing(page);
    return true;
  }
  if (op.fixed) {
    // What it will be is known at the end.
    next->state = made == 0 ? process.Nothing(page) : kUnknownId;
    return true;
  }
  if (made != 0 ||
      (state.kind != Kind::kUnmapped && state.kind != Kind::kUnknown)) {
    return false;
  }
  State floating;
  floating.kind = Kind::kFloating;
  floating.file = slot;
  next->state = Intern(floating);
  return true;
}

void Oracle::RecordMoved(int slot, const Page& page) {
  Running& running = running_[static_cast<size_t>(slot)];
  const Remap remap = RemapOf(running.op);
  if (page.number - remap.source >= remap.moved) return;
  auto& states = running.moved[page.number];
  auto add = [&](StateId id) {
    if (std::find(states.begin(), states.end(), id) == states.end()) {
      states.push_back(id);
    }
  };
  if (page.overflow) {
    add(kUnknownId);
    return;
  }
  for (const Config& config : page.configs) {
    if (((config.progress >> (2 * slot)) & 3) == 0) add(config.state);
  }
}

std::vector<Oracle::StateId> Oracle::MovedStates(int slot, uint64_t first,
                                                 uint64_t number) {
  const Running& running = running_[static_cast<size_t>(slot)];
  const Remap remap = RemapOf(running.op);
  const uint64_t i = number - first;
  const bool grown = i >= remap.moved;
  // What it grows by is more of the last page's mapping.
  const uint64_t source = remap.source + (grown ? remap.moved - 1 : i);
  std::vector<StateId> states;
  auto found = running.moved.find(source);
  if (found == running.moved.end()) return {kUnknownId};
  for (StateId id : found->second) {
    State state = states_[id];
    StateId after = kUnknownId;
    if (state.kind == Kind::kUnmapped) continue;
    if (state.kind == Kind::kMapped) {
      if (grown) {
        state.written_count = 0;
        state.written = {};
        state.opaque = false;
      }
      if (state.file >= 0) {
        state.delta += static_cast<int64_t>(remap.source + i) -
                       static_cast<int64_t>(number);
      }
      after = Intern(state);
    }
    if (std::find(states.begin(), states.end(), after) == states.end()) {
      states.push_back(after);
    }
  }
  if (states.empty()) states.push_back(kUnknownId);
  return states;
}

std::optional<std::string> Oracle::EndRemap(int slot, const OpResult& result) {
  Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp& op = running.op;
  const Remap remap = RemapOf(op);
  Process& process = processes_[static_cast<size_t>(running.process)];
  const bool floats = (process.floating >> slot) & 1;
  process.floating &= ~(1u << slot);
  const bool success = result.value >= 0 && !result.abandoned;
  const uint64_t address = static_cast<uint64_t>(result.value);
  if (floats && result.abandoned) process.blind = true;
  std::optional<std::string> violation;
  if (success && address != (op.fixed ? op.to : op.address) &&
      (op.fixed || !op.may_move || !floats)) {
    violation =
        absl::StrFormat("mremap went elsewhere: of %#x, to %#x, got %#x",
                        op.address, op.fixed ? op.to : op.address, address);
  }
  const bool moved = success && address != op.address;
  const uint64_t first = success ? address / kPageSize : 0;
  // What has moved may be what grows.
  if (success && !process.stacks.empty()) {
    AddStack(process, first, remap.new_pages);
  }
  auto is_source = [&](uint64_t number) {
    return number - remap.source < remap.old_pages;
  };
  // New by this mremap: where it went, or what it grew by in place.
  auto is_new = [&](uint64_t number) {
    return success && number - first < remap.new_pages && !is_source(number);
  };
  auto is_this = [&](StateId id) {
    return states_[id].kind == Kind::kFloating && states_[id].file == slot;
  };

  for (uint32_t index : running.pages) {
    Page& page = process.pages[index];
    const uint64_t number = page.number;
    const bool fresh = is_new(number);
    const bool alone = !page.mixed;
    const bool possible = Prune(page, slot, [&](uint64_t made) {
      if (result.abandoned) return true;
      if (is_source(number)) {
        const bool cut_off = number - remap.source >= remap.new_pages;
        if (cut_off) return !success || made == 1;
        return made == (moved ? 1u : 0u);
      }
      if (op.fixed) return success ? made == 2 : made < 2;
      return fresh == (made == 1);
    });
    if (!possible && !violation) {
      violation =
          is_source(number)
              ? absl::StrFormat("mremap moved an unmapped page: page %#x",
                                number * kPageSize)
          : fresh ? absl::StrFormat(
                        "mremap gave an address in use: page %#x was mapped "
                        "all the time",
                        number * kPageSize)
                  : absl::StrFormat(
                        "access to an unmapped page succeeded: page %#x, "
                        "where only an mremap could have been that went "
                        "elsewhere",
                        number * kPageSize);
    }
    if (is_source(number)) continue;
    if (fresh && alone && possible) {
      page.configs.clear();
      for (StateId id : MovedStates(slot, first, number)) {
        page.configs.push_back({id, 0});
      }
      continue;
    }
    // Others were there meanwhile: which of the states they met is open.
    for (Config& config : page.configs) {
      if (is_this(config.state)) config.state = kUnknownId;
    }
    ForEachRunning(page.running, [&](Running& other) {
      std::vector<StateId>& seen = other.seen;
      if (fresh) {
        std::replace_if(seen.begin(), seen.end(), is_this, kUnknownId);
      } else {
        seen.erase(std::remove_if(seen.begin(), seen.end(), is_this),
                   seen.end());
      }
    });
  }
  if (!floats || !success) return violation;

  for (uint64_t number = first; number < first + remap.new_pages; ++number) {
    if (is_source(number)) continue;
    auto known = process.index.find(number);
    if (known != process.index.end() &&
        std::find(running.pages.begin(), running.pages.end(), known->second) !=
            running.pages.end()) {
      continue;
    }
    Page& page = process.pages[Touch(process, number)];
    bool free = false;
    for (const Config& config : page.configs) {
      free |= config.state == kUnmappedId || config.state == kUnknownId;
    }
    page.configs.clear();
    for (StateId id : MovedStates(slot, first, number)) {
      page.configs.push_back({id, 0});
    }
    if (!free && !violation) {
      violation = absl::StrFormat(
          "mremap gave an address in use: page %#x was mapped all the time",
          number * kPageSize);
    }
  }
  return violation;
}

// ---- brk ----

bool Oracle::BeginBrk(Process& process, int slot) {
  Running& running = running_[static_cast<size_t>(slot)];
  ResolvedOp& op = running.op;
  op.value = op.address;
  op.length = 0;
  bool other = false;
  ForEachRunning(process.running & ~(1u << slot), [&](Running& running) {
    other |= running.op.kind == OpKind::kBrk;
  });
  if (other || (op.value != 0 && process.brk == 0)) {
    process.blind = true;
    return false;
  }
  // 0 is below every heap: a question.
  if (op.value == 0) return true;
  ++process.brk_calls;
  const uint64_t old_end = PagesOf(process.brk), new_end = PagesOf(op.value);
  const uint64_t begin = std::min(old_end, new_end);
  const uint64_t end = std::max(old_end, new_end);
  op.address = begin * kPageSize;
  op.length = (end - begin) * kPageSize;
  if (end - begin > kMaxPages) {
    process.blind = true;
    return false;
  }
  op.fixed = new_end > old_end;  // a mapping is made
  if (op.fixed) {
    op.prot = kProtRead | kProtWrite;
    op.file = -1;
    op.shared = false;
    running.mapped = MappedState(op, begin);
  }
  for (uint64_t number = begin; number < end; ++number) {
    uint32_t page = Touch(process, number);
    Attach(process, page, slot);
    CloseAndShow(process, page);
  }
  return true;
}

bool Oracle::StepBrk(int slot, uint64_t page, const Config& config,
                     Config* next) {
  const Running& running = running_[static_cast<size_t>(slot)];
  const Process& process = processes_[static_cast<size_t>(running.process)];
  const Kind kind = states_[config.state].kind;
  // It never grows over a mapping.
  if (running.op.fixed && kind != Kind::kUnmapped && kind != Kind::kUnknown) {
    return false;
  }
  next->state = running.op.fixed ? running.mapped : process.Nothing(page);
  return true;
}

std::optional<std::string> Oracle::EndBrk(int slot, const OpResult& result) {
  Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp& op = running.op;
  Process& process = processes_[static_cast<size_t>(running.process)];
  const uint64_t end = static_cast<uint64_t>(result.value);
  const bool success = result.value >= 0 && end == op.value;
  std::optional<std::string> violation;
  if (result.abandoned && op.value != 0) process.blind = true;
  if (!result.abandoned && result.value >= 0) {
    if (!success && op.value != 0 && end != process.brk) {
      violation = absl::StrFormat(
          "brk answered with neither end: asked for %#x, was %#x, got %#x",
          op.value, process.brk, end);
    }
    process.brk = end;
  }
  for (uint32_t index : running.pages) {
    Page& page = process.pages[index];
    const bool possible = Prune(page, slot, [&](uint64_t made) {
      if (result.abandoned) return true;
      // Shrinking that failed may have begun.
      return success ? made == 1 : !op.fixed || made == 0;
    });
    if (!possible && !violation) {
      violation = absl::StrFormat(
          "brk grew over a mapping: page %#x was mapped all the time",
          page.number * kPageSize);
    }
  }
  return violation;
}

}  // namespace faultline
