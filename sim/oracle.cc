// SPDX-License-Identifier: GPL-2.0-only

#include "sim/oracle.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sim/oracle_internal.h"

namespace faultline {

using namespace oracle_internal;  // NOLINT

namespace {

constexpr size_t kMaxStates = 65536;

uint64_t NewIdentity() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

Oracle::Oracle(const OracleFiles& files)
    : files_(&files), identity_(NewIdentity()) {
  Intern(State());
  State unknown;
  unknown.kind = Kind::kUnknown;
  Intern(unknown);
}

Oracle::Oracle(const Oracle& other) : identity_(NewIdentity()) {
  CopyAll(other);
}

Oracle& Oracle::operator=(const Oracle& other) {
  if (this != &other) CopyAll(other);
  return *this;
}

void Oracle::CopyAll(const Oracle& other) {
  files_ = other.files_;
  states_ = other.states_;
  state_index_ = other.state_index_;
  processes_ = other.processes_;
  for (Process& process : processes_) {
    process.touched.clear();
    for (Page& page : process.pages) page.touched = false;
  }
  running_ = other.running_;
  changing_ = other.changing_;
  next_shared_ = other.next_shared_;
  files_lost_ = other.files_lost_;
  clock_ = other.clock_;
  base_identity_ = other.identity_;
  base_version_ = other.version_;
  ++version_;
}

void Oracle::Reset(const Oracle& snapshot) {
  if (base_identity_ != snapshot.identity_ ||
      base_version_ != snapshot.version_) {
    CopyAll(snapshot);
    return;
  }
  ++version_;
  for (Running& running : running_) {
    running.used = false;
    running.pages.clear();
    running.seen.clear();
    running.moved.clear();
    running.seen_of_page.clear();
  }
  changing_ = snapshot.changing_;
  next_shared_ = snapshot.next_shared_;
  files_lost_ = snapshot.files_lost_;
  clock_ = snapshot.clock_;
  // States stay: what a state is does not depend on who interned it, and the
  // snapshot's are the first of ours.
  processes_.resize(snapshot.processes_.size());
  for (size_t i = 0; i < processes_.size(); ++i) {
    Process& mine = processes_[i];
    const Process& base = snapshot.processes_[i];
    for (uint32_t page : mine.touched) {
      if (page < base.pages.size()) {
        mine.pages[page] = base.pages[page];
        mine.pages[page].touched = false;
      } else {
        mine.index.erase(mine.pages[page].number);
      }
    }
    mine.touched.clear();
    mine.pages.resize(base.pages.size());
    mine.running = mine.floating = mine.forks = 0;
    mine.blind = base.blind;
    mine.brk = base.brk;
    mine.stacks = base.stacks;
    mine.in_exec = mine.missed = false;
  }
}

Oracle::StateId Oracle::Intern(const State& state) {
  auto known = state_index_.find(state);
  if (known != state_index_.end()) return known->second;
  if (states_.size() == kMaxStates) return kUnknownId;
  StateId id = static_cast<StateId>(states_.size());
  states_.push_back(state);
  state_index_.emplace(state, id);
  return id;
}

Oracle::StateId Oracle::MappedState(const ResolvedOp& op, uint64_t first_page) {
  State state;
  state.kind = Kind::kMapped;
  state.prot = static_cast<uint8_t>(op.prot);
  state.shared = op.shared;
  state.file = op.file;
  if (op.file < 0 && op.shared) {
    state.file = NewShared(PagesOf(op.length) * kPageSize);
  }
  if (state.file >= 0) {
    state.delta =
        static_cast<int64_t>(op.file_page) - static_cast<int64_t>(first_page);
  }
  return Intern(state);
}

Oracle::Process& Oracle::ProcessAt(int process) {
  size_t index = static_cast<size_t>(process);
  if (index >= processes_.size()) processes_.resize(index + 1);
  return processes_[index];
}

void Oracle::Attach(Process& process, uint32_t page, int slot) {
  if (process.pages[page].running != 0) process.pages[page].mixed = true;
  process.pages[page].running |= 1u << slot;
  running_[static_cast<size_t>(slot)].pages.push_back(page);
}

// The page's index; every running mmap that is not fixed is attached, for
// it may turn out to have been here.
uint32_t Oracle::Touch(Process& process, uint64_t number) {
  auto [entry, added] = process.index.try_emplace(
      number, static_cast<uint32_t>(process.pages.size()));
  uint32_t index = entry->second;
  if (added) {
    Page& page = process.pages.emplace_back();
    page.number = number;
    page.configs.push_back({process.Nothing(number), 0});
  }
  Page& page = process.pages[index];
  if (!page.touched) {
    page.touched = true;
    process.touched.push_back(index);
  }
  ForEachSlot(process.floating & ~page.running,
              [&](int slot) { Attach(process, index, slot); });
  return index;
}

// The operation in `slot` makes its next transition on the page, if it has
// one that is possible in this state.
bool Oracle::Step(int slot, uint64_t page, Config config, Config* next) {
  const Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp& op = running.op;
  const Process& process = processes_[static_cast<size_t>(running.process)];
  uint64_t made = ProgressOf(config.progress, slot);
  if (made >= Steps(op)) return false;
  const State& state = states_[config.state];
  next->progress = WithProgress(config.progress, slot, made + 1);
  if (op.kind == OpKind::kMmap) {
    if (op.fixed) {
      next->state = made == 0 ? process.Nothing(page) : running.mapped;
      return true;
    }
    if (state.kind != Kind::kUnmapped && state.kind != Kind::kUnknown) {
      return false;
    }
    State floating;
    floating.kind = Kind::kFloating;
    floating.file = slot;
    next->state = Intern(floating);
    return true;
  }
  if (op.kind == OpKind::kMremap) {
    return StepRemap(slot, page, config, made, next);
  }
  if (op.kind == OpKind::kBrk) return StepBrk(slot, page, config, next);
  if (op.kind == OpKind::kMunmap) {
    next->state = process.Nothing(page);
    return true;
  }
  if (op.kind == OpKind::kUffdRegister && state.kind == Kind::kUnmapped) {
    next->state = config.state;  // holes are passed over
    return true;
  }
  if (state.kind == Kind::kUnmapped) return false;
  if (IsStore(op.kind)) {
    Outcome outcome = OutcomeOf(state, page, op);
    if (outcome != Outcome::kOk && outcome != Outcome::kAnything) return false;
    ChangePage(slot, state, page);
    if (OfChanging(state) && state.shared) {
      next->state = config.state;
      return true;
    }
    if (running.any_value) {
      next->state = kUnknownId;
      return true;
    }
    next->state = AfterStore(config.state, page, op);
    return true;
  }
  if (op.kind == OpKind::kMadvise && op.advice == kAdviceRemove) {
    ChangePage(slot, state, page);
    next->state = config.state;
    return true;
  }
  if (state.kind != Kind::kMapped) {
    next->state = kUnknownId;
    return true;
  }
  State after = state;
  if (op.kind == OpKind::kMprotect) {
    after.prot = static_cast<uint8_t>(op.prot | (state.prot & kUffdRegistered));
  } else if (op.kind == OpKind::kMadvise &&
             (op.advice == kAdviceDontfork || op.advice == kAdviceDofork)) {
    after.no_fork = op.advice == kAdviceDontfork;
  } else if (op.kind == OpKind::kUffdRegister) {
    after.prot |= kUffdRegistered;
  } else if (IsUffdFill(op.kind)) {
    after.written_count = 0;
    after.written = {};
    after.opaque = false;
    next->state = Intern(after);
    if (op.kind == OpKind::kUffdCopy) {
      next->state = AfterStore(next->state, page, op);
    }
    return true;
  } else if (!state.shared) {
    // Of a file it is never free.
    if (op.advice == kAdviceFree && state.file >= 0) return false;
    after.written_count = 0;
    after.written = {};
    after.opaque = false;
  }
  next->state = Intern(after);
  return true;
}

// Adds every possibility that the running operations can reach, and shows
// them to the accesses among them.
void Oracle::Close(Page& page) {
  uint32_t changing = 0, accesses = 0, moving = 0;
  ForEachSlot(page.running, [&](int slot) {
    OpKind kind = running_[static_cast<size_t>(slot)].op.kind;
    if (kind == OpKind::kMremap) moving |= 1u << slot;
    if (IsAccess(kind)) accesses |= 1u << slot;
    if (!IsLoad(kind) && !IsLookup(kind)) changing |= 1u << slot;
  });
  for (size_t i = 0; changing != 0 && !page.overflow && i < page.configs.size();
       ++i) {
    ForEachSlot(changing, [&](int slot) {
      Config next;
      if (page.overflow || !Step(slot, page.number, page.configs[i], &next) ||
          std::find(page.configs.begin(), page.configs.end(), next) !=
              page.configs.end()) {
        return;
      }
      if (page.configs.size() == kMaxConfigs) {
        page.overflow = true;
        return;
      }
      page.configs.push_back(next);
    });
  }
  ForEachSlot(moving, [&](int slot) { RecordMoved(slot, page); });
  ForEachSlot(accesses, [&](int slot) {
    Running& running = running_[static_cast<size_t>(slot)];
    const auto add = [&](auto& seen) {
      if (page.overflow) seen.push_back(kUnknownId);
      for (const Config& config : page.configs) {
        if (ProgressOf(config.progress, slot) == 0 &&
            std::find(seen.begin(), seen.end(), config.state) == seen.end()) {
          seen.push_back(config.state);
        }
      }
    };
    if (IsWide(running.op)) {
      add(running.moved[page.number]);
    } else if (!page.overflow) {
      add(running.seen);
    }
  });
}

// Detaches `slot` from the page, keeping the possibilities whose progress of
// it `keep` accepts.  False: there is none.
bool Oracle::Prune(Page& page, int slot,
                   absl::FunctionRef<bool(uint64_t)> keep) {
  page.running &= ~(1u << slot);
  if (page.running == 0) page.mixed = false;
  if (page.overflow) {
    if (page.running == 0) {
      page.overflow = false;
      page.configs.assign(1, {kUnknownId, 0});
    }
    return true;
  }
  size_t kept = 0;
  for (size_t i = 0; i < page.configs.size(); ++i) {
    Config config = page.configs[i];
    if (!keep(ProgressOf(config.progress, slot))) continue;
    config.progress = WithProgress(config.progress, slot, 0);
    auto end = page.configs.begin() + static_cast<ptrdiff_t>(kept);
    if (std::find(page.configs.begin(), end, config) == end) {
      page.configs[kept++] = config;
    }
  }
  page.configs.resize(kept, {kUnknownId, 0});
  if (kept != 0) return true;
  page.configs.push_back({kUnknownId, 0});
  return false;
}

Oracle::OpId Oracle::Begin(int process_id, const ResolvedOp& given) {
  ResolvedOp op = given;
  if (op.kind == OpKind::kFutex) op.size = 4;  // whatever the caller says
  if (IsFileChange(op.kind)) return BeginFileChange(op);
  const bool any_value =
      op.kind == OpKind::kReadInto && files_->Changes(op.file);
  if (op.kind == OpKind::kMincore) {
    if (op.address % kPageSize != 0 || op.length == 0) return -1;
    op.length = PagesOf(op.length);
    op.address = op.to;
  } else if (op.kind == OpKind::kReadInto && !any_value) {
    const uint64_t size = files_->Size(op.file);
    // Nothing is stored of what lies beyond the end.
    if (op.file_offset >= size) return -1;
    if (op.size > size - op.file_offset) {
      op.size = static_cast<uint32_t>(size - op.file_offset);
    }
    op.value = 0;
    for (uint32_t i = 0; i < std::min(op.size, 8u); ++i) {
      op.value |= uint64_t{files_->Byte(op.file, op.file_offset + i)}
                  << (8 * i);
    }
  }
  const bool wide = IsWide(op);
  const bool access = IsAccess(op.kind) && !wide;
  if (wide && op.kind != OpKind::kMincore) op.length = op.size;
  const bool fork = op.kind == OpKind::kFork;
  const bool exec = op.kind == OpKind::kExecve;
  if (!access && !wide && !fork && !exec && !ChangesPages(op)) return -1;
  ++version_;
  if (fork) ProcessAt(op.child);  // before the reference, which it may move
  Process& process = ProcessAt(process_id);
  if (process.blind) {
    if (process.in_exec && IsStore(op.kind)) process.missed = true;
    if (fork) ProcessAt(op.child).blind = true;
    if (MayStore(op)) LoseFiles();
    return -1;
  }
  bool floating = op.kind == OpKind::kMmap && !op.fixed;
  // The kernel refuses calls on addresses between pages.
  if (!access && !wide && !fork && !exec && !floating &&
      op.kind != OpKind::kBrk && op.address % kPageSize != 0) {
    return -1;
  }
  uint64_t pages = access         ? 1
                   : fork || exec ? 0
                   : wide
                       ? PagesOf(op.address % kPageSize + op.length)
                       : std::max(PagesOf(op.length), PagesOf(op.new_length));
  int slot = 0;
  while (slot < kMaxRunning && running_[static_cast<size_t>(slot)].used) {
    ++slot;
  }
  if (pages > kMaxPages || slot == kMaxRunning ||
      (access && op.address % kPageSize + op.size > kPageSize)) {
    process.blind = true;
    if (fork) ProcessAt(op.child).blind = true;
    if (MayStore(op)) LoseFiles();
    return -1;
  }
  Running& running = running_[static_cast<size_t>(slot)];
  running.used = true;
  running.begun = ++clock_;
  running.any_value = any_value;
  running.process = process_id;
  running.op = op;
  running.pages.clear();
  running.seen.clear();
  running.moved.clear();
  running.seen_of_page.clear();
  process.running |= 1u << slot;
  if (exec) {
    process.blind = process.in_exec = true;
    return slot;
  }
  if (fork) {
    process.forks |= 1u << slot;
    running.anywhere = process.floating != 0;
    running.brk_calls = process.brk_calls;
    ForEachRunning(process.running, [&](Running& other) {
      // It may end before the fork, which then knows nothing.
      if (other.op.kind == OpKind::kBrk) running.brk_calls = ~uint64_t{0};
    });
    for (uint32_t page = 0; page < process.pages.size(); ++page) {
      Witness(slot, process, page);
    }
    return slot;
  }
  if (floating) {
    BeginFloating(process, slot);
    return slot;
  }
  if (op.kind == OpKind::kMremap || op.kind == OpKind::kBrk) {
    if (op.kind == OpKind::kMremap ? BeginRemap(process, slot)
                                   : BeginBrk(process, slot)) {
      return slot;
    }
    Release(slot);
    return -1;
  }
  uint64_t first = op.address / kPageSize;
  if (op.kind == OpKind::kMmap) {
    running.mapped = MappedState(op, first);
    if (op.flags & kMapGrowsdown) AddStack(process, first, pages);
  }
  for (uint64_t number = first; number < first + pages; ++number) {
    uint32_t page = Touch(process, number);
    Attach(process, page, slot);
    CloseAndShow(process, page);
  }
  return slot;
}

// Where something runs it may matter from now on; elsewhere Touch attaches it
// when something begins to.
void Oracle::BeginFloating(Process& process, int slot) {
  process.floating |= 1u << slot;
  ForEachSlot(process.forks, [&](int other) {
    running_[static_cast<size_t>(other)].anywhere = true;
  });
  // Where something runs it may matter from now on; elsewhere Touch attaches
  // it when it begins to.
  uint32_t others = process.running & ~(1u << slot);
  ForEachSlot(others, [&](int other) {
    for (uint32_t page : running_[static_cast<size_t>(other)].pages) {
      if ((process.pages[page].running >> slot) & 1) continue;
      Attach(process, page, slot);
      CloseAndShow(process, page);
    }
  });
}

void Oracle::AddStack(Process& process, uint64_t first, uint64_t pages) {
  const uint64_t begin = first - std::min(first, kStackPages);
  process.stacks.emplace_back(begin, first + pages);
  for (Page& page : process.pages) {
    if (page.number - begin >= first + pages - begin) continue;
    if (!page.touched) {
      page.touched = true;
      process.touched.push_back(
          static_cast<uint32_t>(&page - process.pages.data()));
    }
    for (Config& config : page.configs) {
      if (config.state == kUnmappedId) config.state = kUnknownId;
    }
    ForEachRunning(page.running, [&](Running& other) {
      other.seen.push_back(kUnknownId);
      other.moved[page.number].push_back(kUnknownId);
    });
  }
}

void Oracle::Release(int slot) {
  Running& running = running_[static_cast<size_t>(slot)];
  Process& process = processes_[static_cast<size_t>(running.process)];
  process.running &= ~(1u << slot);
  process.floating &= ~(1u << slot);
  process.forks &= ~(1u << slot);
  running.used = false;
}

std::optional<std::string> Oracle::End(OpId id, const OpResult& result) {
  if (id < 0) return std::nullopt;
  ++version_;
  ++clock_;
  const Running& running = running_[static_cast<size_t>(id)];
  std::optional<std::string> violation;
  if (IsFileChange(running.op.kind)) {
    EndFileChange(id, result);
    running_[static_cast<size_t>(id)].used = false;
    return std::nullopt;
  }
  if (running.op.kind == OpKind::kExecve) {
    EndExec(id, result);
  } else if (running.op.kind == OpKind::kFork) {
    EndFork(id, result);
  } else if (IsWide(running.op)) {
    violation = EndWide(id, result);
  } else if (IsAccess(running.op.kind)) {
    violation = EndAccess(id, result);
  } else if (running.op.kind == OpKind::kMmap && !running.op.fixed) {
    violation = EndFloating(id, result);
  } else if (running.op.kind == OpKind::kMremap) {
    violation = EndRemap(id, result);
  } else if (running.op.kind == OpKind::kBrk) {
    violation = EndBrk(id, result);
  } else {
    violation = EndCall(id, result);
  }
  bool blind = processes_[static_cast<size_t>(running.process)].blind;
  Release(id);
  return blind ? std::nullopt : violation;
}

std::optional<std::string> Oracle::EndCall(int slot, const OpResult& result) {
  Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp& op = running.op;
  Process& process = processes_[static_cast<size_t>(running.process)];
  bool success = result.value >= 0 && !result.abandoned;
  std::optional<std::string> violation;
  if (success && op.kind == OpKind::kMmap &&
      static_cast<uint64_t>(result.value) != op.address) {
    violation =
        absl::StrFormat("mmap MAP_FIXED went elsewhere: asked for %#x, got %#x",
                        op.address, static_cast<uint64_t>(result.value));
  }
  uint64_t steps = Steps(op);
  bool certain = true;
  for (uint32_t index : running.pages) {
    Page& page = process.pages[index];
    bool possible = Prune(page, slot, [&](uint64_t made) {
      if (result.abandoned) return true;
      // What may be lost may be kept.
      if (op.kind == OpKind::kMadvise && op.advice == kAdviceFree) return true;
      if (success) return made == steps;
      if (IsUffdFill(op.kind)) return made == 0;
      // An mmap that failed has at most unmapped what was there.
      return op.kind != OpKind::kMmap || made < steps;
    });
    if (!possible && !violation) {
      violation = absl::StrFormat(
          "%s succeeded on an unmapped page: page %#x of %d pages at %#x",
          OpKindName(op.kind), page.number * kPageSize,
          static_cast<int>(running.pages.size()), op.address);
    }
    // Which page of which file it took must be beyond doubt.
    certain &= !page.overflow && page.configs.size() == 1 &&
               states_[page.configs[0].state].kind == Kind::kMapped;
  }
  if (op.kind == OpKind::kMadvise && op.advice == kAdviceRemove) {
    EndChanges(slot, success && certain ? Happened::kYes : Happened::kPerhaps);
  }
  return violation;
}

std::optional<std::string> Oracle::EndFloating(int slot,
                                               const OpResult& result) {
  Running& running = running_[static_cast<size_t>(slot)];
  Process& process = processes_[static_cast<size_t>(running.process)];
  process.floating &= ~(1u << slot);
  // Nobody knows where it is, if it is.
  if (result.abandoned) process.blind = true;
  bool success = result.value >= 0 && !result.abandoned;
  uint64_t address = static_cast<uint64_t>(result.value);
  uint64_t first = success ? address / kPageSize : 0;
  uint64_t count = success ? PagesOf(running.op.length) : 0;
  std::optional<std::string> violation;
  StateId mapped = success ? MappedState(running.op, first) : kUnmappedId;
  if (success && (running.op.flags & kMapGrowsdown)) {
    AddStack(process, first, count);
  }
  for (uint32_t index : running.pages) {
    Page& page = process.pages[index];
    bool here = page.number - first < count;
    bool possible =
        Prune(page, slot, [&](uint64_t made) { return here == (made == 1); });
    // Where it is, its bytes are known at last; elsewhere it never was.
    auto is_this = [&](StateId id) {
      const State& state = states_[id];
      return state.kind == Kind::kFloating && state.file == slot;
    };
    for (Config& config : page.configs) {
      if (is_this(config.state)) config.state = mapped;
    }
    ForEachSlot(page.running, [&](int other) {
      std::vector<StateId>& seen = running_[static_cast<size_t>(other)].seen;
      if (here) {
        std::replace_if(seen.begin(), seen.end(), is_this, mapped);
      } else {
        seen.erase(std::remove_if(seen.begin(), seen.end(), is_this),
                   seen.end());
      }
    });
    if (!possible && !violation) {
      violation =
          here ? absl::StrFormat(
                     "mmap gave an address in use: page %#x was mapped all "
                     "the time",
                     page.number * kPageSize)
               : absl::StrFormat(
                     "access to an unmapped page succeeded: page %#x, where "
                     "only an mmap could have been that went elsewhere",
                     page.number * kPageSize);
    }
  }
  for (uint64_t number = first; number < first + count; ++number) {
    auto known = process.index.find(number);
    if (known != process.index.end() &&
        std::find(running.pages.begin(), running.pages.end(), known->second) !=
            running.pages.end()) {
      continue;
    }
    // Nothing else ran on the page since this mmap began.
    Page& page = process.pages[Touch(process, number)];
    bool free = false;
    for (const Config& config : page.configs) {
      free |= config.state == kUnmappedId || config.state == kUnknownId;
    }
    page.configs.assign(1, {mapped, 0});
    if (!free && !violation) {
      violation = absl::StrFormat(
          "mmap gave an address in use: page %#x was mapped all the time",
          number * kPageSize);
    }
  }
  return violation;
}

std::string Oracle::Describe(int process_id, uint64_t address) const {
  size_t index = static_cast<size_t>(process_id);
  if (index >= processes_.size()) return "unmapped";
  const Process& process = processes_[index];
  if (process.blind) return "anything";
  uint64_t number = address / kPageSize;
  auto known = process.index.find(number);
  if (known == process.index.end()) {
    return StateText(process.Nothing(number), number);
  }
  const Page& page = process.pages[known->second];
  if (page.overflow) return "anything";
  std::vector<std::string> texts;
  for (const Config& config : page.configs) {
    std::string text = StateText(config.state, number);
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) {
      texts.push_back(std::move(text));
    }
  }
  return absl::StrJoin(texts, " | ");
}

}  // namespace faultline
