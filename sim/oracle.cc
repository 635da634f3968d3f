// SPDX-License-Identifier: GPL-2.0-only

#include "sim/oracle.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sim/program/litmus_format.h"

namespace faultline {
namespace {

constexpr int kSigbus = 7, kSigkill = 9, kSigsegv = 11;
constexpr int kSegvMaperr = 1, kSegvAccerr = 2, kBusAdrerr = 2;
constexpr int64_t kEnomem = 12, kEfault = 14, kEinval = 22;
constexpr uint32_t kAdviceDontneed = 4;
constexpr size_t kMaxStates = 65536;
constexpr uint64_t kPageSize = static_cast<uint64_t>(kPageBytes);

uint64_t NewIdentity() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

bool IsStore(OpKind kind) {
  return kind == OpKind::kStore || kind == OpKind::kUmlStore ||
         kind == OpKind::kSparcStore || kind == OpKind::kFutex ||
         kind == OpKind::kReadInto || kind == OpKind::kPoke;
}

bool IsLoad(OpKind kind) {
  return kind == OpKind::kLoad || kind == OpKind::kUmlLoad ||
         kind == OpKind::kSparcLoad || kind == OpKind::kExec ||
         kind == OpKind::kWriteFrom || kind == OpKind::kPeek;
}

// Looks a frame up and does nothing to it.
bool IsLookup(OpKind kind) {
  return kind == OpKind::kKvm || kind == OpKind::kPin;
}

// Past the protection, and never sure to succeed.
bool IsForced(OpKind kind) {
  return kind == OpKind::kPeek || kind == OpKind::kPoke;
}

bool IsAccess(OpKind kind) {
  return IsStore(kind) || IsLoad(kind) || IsLookup(kind);
}

bool ReturnsErrno(OpKind kind) {
  return kind == OpKind::kFutex || IsLookup(kind) ||
         kind == OpKind::kReadInto || kind == OpKind::kWriteFrom ||
         IsForced(kind);
}

bool ChangesPages(const ResolvedOp& op) {
  return op.kind == OpKind::kMmap || op.kind == OpKind::kMunmap ||
         op.kind == OpKind::kMprotect || op.kind == OpKind::kMremap ||
         op.kind == OpKind::kBrk ||
         (op.kind == OpKind::kMadvise && op.advice == kAdviceDontneed);
}

// Transitions that a page makes in all.
uint64_t Steps(const ResolvedOp& op) {
  return (op.kind == OpKind::kMmap || op.kind == OpKind::kMremap) && op.fixed
             ? 2
             : 1;
}

uint64_t ProgressOf(uint64_t progress, int slot) {
  return (progress >> (2 * slot)) & 3;
}

uint64_t WithProgress(uint64_t progress, int slot, uint64_t made) {
  return (progress & ~(uint64_t{3} << (2 * slot))) | (made << (2 * slot));
}

uint64_t PagesOf(uint64_t bytes) {
  return bytes / kPageSize + (bytes % kPageSize != 0);
}

// Calls f(slot) for every bit.
template <typename F>
void ForEachSlot(uint32_t bits, F f) {
  for (; bits != 0; bits &= bits - 1) f(__builtin_ctz(bits));
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
  if (op.file >= 0) {
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
    page.configs.push_back({kUnmappedId, 0});
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

Oracle::StateId Oracle::AfterStore(StateId id, uint64_t page,
                                   const ResolvedOp& op) {
  const State& before = states_[id];
  if (before.kind != Kind::kMapped) return kUnknownId;
  State state = before;
  uint64_t offset = op.address - page * kPageSize;
  for (uint32_t i = 0; i < op.size; ++i) {
    uint16_t at = static_cast<uint16_t>(offset + i);
    uint8_t value = static_cast<uint8_t>(op.value >> (8 * i));
    auto begin = state.written.begin();
    auto end = begin + state.written_count;
    auto place = std::lower_bound(
        begin, end, at,
        [](const Written& w, uint16_t o) { return w.offset < o; });
    if (place != end && place->offset == at) {
      place->value = value;
      continue;
    }
    if (state.written_count == kMaxWritten) return kUnknownId;
    std::move_backward(place, end, end + 1);
    *place = {at, value, 0};
    ++state.written_count;
  }
  return Intern(state);
}

// The operation in `slot` makes its next transition on the page, if it has
// one that is possible in this state.
bool Oracle::Step(int slot, uint64_t page, Config config, Config* next) {
  const Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp& op = running.op;
  uint64_t made = ProgressOf(config.progress, slot);
  if (made >= Steps(op)) return false;
  const State& state = states_[config.state];
  next->progress = WithProgress(config.progress, slot, made + 1);
  if (op.kind == OpKind::kMmap) {
    if (op.fixed) {
      next->state = made == 0 ? kUnmappedId : running.mapped;
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
  if (op.kind == OpKind::kBrk) return StepBrk(slot, config, next);
  if (op.kind == OpKind::kMunmap) {
    next->state = kUnmappedId;
    return true;
  }
  if (state.kind == Kind::kUnmapped) return false;
  if (IsStore(op.kind)) {
    Outcome outcome = OutcomeOf(state, page, op);
    if (outcome != Outcome::kOk && outcome != Outcome::kAnything) return false;
    next->state = AfterStore(config.state, page, op);
    return true;
  }
  if (state.kind != Kind::kMapped) {
    next->state = kUnknownId;
    return true;
  }
  State after = state;
  if (op.kind == OpKind::kMprotect) {
    after.prot = static_cast<uint8_t>(op.prot);
  } else if (!state.shared) {
    after.written_count = 0;
    after.written = {};
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
  if (page.overflow) return;
  ForEachSlot(accesses, [&](int slot) {
    std::vector<StateId>& seen = running_[static_cast<size_t>(slot)].seen;
    for (const Config& config : page.configs) {
      if (ProgressOf(config.progress, slot) == 0 &&
          std::find(seen.begin(), seen.end(), config.state) == seen.end()) {
        seen.push_back(config.state);
      }
    }
  });
}

void Oracle::CloseAndShow(Process& process, uint32_t index) {
  Close(process.pages[index]);
  ForEachSlot(process.forks, [&](int slot) { Witness(slot, process, index); });
}

void Oracle::Witness(int slot, const Process& process, uint32_t index) {
  const Page& page = process.pages[index];
  std::vector<StateId>& seen =
      running_[static_cast<size_t>(slot)].seen_of_page[index];
  auto add = [&](StateId state) {
    if (std::find(seen.begin(), seen.end(), state) == seen.end()) {
      seen.push_back(state);
    }
  };
  if (page.overflow) return add(kUnknownId);
  for (const Config& config : page.configs) {
    // Where it is will be known when its mmap is over, and not here.
    const bool floating = states_[config.state].kind == Kind::kFloating;
    add(floating ? kUnknownId : config.state);
  }
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
  if (op.kind == OpKind::kReadInto) {
    const uint64_t size = files_->Size(op.file);
    // Nothing is stored of what lies beyond the end.
    if (op.file_offset >= size) return -1;
    if (op.size > size - op.file_offset) {
      op.size = static_cast<uint32_t>(size - op.file_offset);
    }
    op.value = 0;
    for (uint32_t i = 0; i < op.size; ++i) {
      op.value |= uint64_t{files_->Byte(op.file, op.file_offset + i)}
                  << (8 * i);
    }
  }
  bool access = IsAccess(op.kind);
  const bool fork = op.kind == OpKind::kFork;
  if (!access && !fork && !ChangesPages(op)) return -1;
  ++version_;
  if (fork) ProcessAt(op.child);  // before the reference, which it may move
  Process& process = ProcessAt(process_id);
  if (process.blind) {
    if (fork) ProcessAt(op.child).blind = true;
    return -1;
  }
  bool floating = op.kind == OpKind::kMmap && !op.fixed;
  // The kernel refuses calls on addresses between pages.
  if (!access && !fork && !floating && op.kind != OpKind::kBrk &&
      op.address % kPageSize != 0) {
    return -1;
  }
  uint64_t pages = access ? 1
                   : fork
                       ? 0
                       : std::max(PagesOf(op.length), PagesOf(op.new_length));
  int slot = 0;
  while (slot < kMaxRunning && running_[static_cast<size_t>(slot)].used) {
    ++slot;
  }
  if (pages > kMaxPages || slot == kMaxRunning ||
      (access && op.address % kPageSize + op.size > kPageSize)) {
    process.blind = true;
    if (fork) ProcessAt(op.child).blind = true;
    return -1;
  }
  Running& running = running_[static_cast<size_t>(slot)];
  running.used = true;
  running.process = process_id;
  running.op = op;
  running.pages.clear();
  running.seen.clear();
  running.moved.clear();
  running.seen_of_page.clear();
  process.running |= 1u << slot;
  if (fork) {
    process.forks |= 1u << slot;
    running.anywhere = process.floating != 0;
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
  if (op.kind == OpKind::kMmap) running.mapped = MappedState(op, first);
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
  const Running& running = running_[static_cast<size_t>(id)];
  std::optional<std::string> violation;
  if (running.op.kind == OpKind::kFork) {
    EndFork(id, result);
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
  for (uint32_t index : running.pages) {
    Page& page = process.pages[index];
    bool possible = Prune(page, slot, [&](uint64_t made) {
      if (result.abandoned) return true;
      if (success) return made == steps;
      // An mmap that failed has at most unmapped what was there.
      return op.kind != OpKind::kMmap || made < steps;
    });
    if (!possible && !violation) {
      violation = absl::StrFormat(
          "%s succeeded on an unmapped page: page %#x of %d pages at %#x",
          OpKindName(op.kind), page.number * kPageSize,
          static_cast<int>(running.pages.size()), op.address);
    }
  }
  return violation;
}

// A fork that failed has changed nothing, and nobody will ask for the child.
void Oracle::EndFork(int slot, const OpResult& result) {
  if (result.value < 0 || result.abandoned) return;
  Running& running = running_[static_cast<size_t>(slot)];
  Process& parent = processes_[static_cast<size_t>(running.process)];
  Process& child = processes_[static_cast<size_t>(running.op.child)];
  if (parent.blind || running.anywhere) {
    child.blind = true;
    return;
  }
  for (auto& [index, seen] : running.seen_of_page) {
    Page& from = parent.pages[index];
    // What both may write to is followed for neither from here on.
    auto common = [&](StateId id) {
      return states_[id].kind == Kind::kMapped && states_[id].shared &&
             states_[id].file < 0;
    };
    if (std::any_of(seen.begin(), seen.end(), common)) {
      seen.assign(1, kUnknownId);
      from.configs.push_back({kUnknownId, 0});
      ForEachSlot(from.running, [&](int other) {
        running_[static_cast<size_t>(other)].seen.push_back(kUnknownId);
      });
    }
    Page& to = child.pages[Touch(child, from.number)];
    to.configs.clear();
    for (StateId id : seen) to.configs.push_back({id, 0});
  }
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

Oracle::Outcome Oracle::OutcomeOf(const State& state, uint64_t page,
                                  const ResolvedOp& op) const {
  if (state.kind == Kind::kUnmapped) return Outcome::kMapErr;
  if (state.kind != Kind::kMapped) return Outcome::kAnything;
  uint32_t need = kProtRead | kProtWrite | kProtExec;
  if (IsStore(op.kind) || (IsLookup(op.kind) && op.write)) {
    need = kProtWrite;
  } else if (op.kind == OpKind::kExec) {
    need = kProtExec;
  }
  if (!IsForced(op.kind) && (state.prot & need) == 0) return Outcome::kAccErr;
  if (state.file >= 0) {
    uint64_t file_page = page + static_cast<uint64_t>(state.delta);
    if (file_page >= PagesOf(files_->Size(state.file))) return Outcome::kBus;
  }
  return Outcome::kOk;
}

uint64_t Oracle::Load(const State& state, uint64_t page,
                      const ResolvedOp& op) const {
  uint64_t loaded = 0;
  uint64_t offset = op.address - page * kPageSize;
  uint64_t size = state.file >= 0 ? files_->Size(state.file) : 0;
  uint64_t begin = (page + static_cast<uint64_t>(state.delta)) * kPageSize;
  for (uint32_t i = 0; i < op.size; ++i) {
    uint64_t at = offset + i;
    uint64_t byte = 0;
    if (begin + at < size) byte = files_->Byte(state.file, begin + at);
    for (size_t w = 0; w < state.written_count; ++w) {
      if (state.written[w].offset == at) byte = state.written[w].value;
    }
    loaded |= byte << (8 * i);
  }
  return loaded;
}

bool Oracle::Explains(StateId id, uint64_t page, const ResolvedOp& op,
                      const OpResult& result) const {
  const State& state = states_[id];
  Outcome outcome = OutcomeOf(state, page, op);
  if (outcome == Outcome::kAnything) return true;
  if (IsLookup(op.kind)) {
    if (result.value >= 0) return outcome != Outcome::kMapErr;
    return result.value == -kEfault ||
           (result.value == -kEinval && outcome != Outcome::kOk);
  }
  if (IsForced(op.kind) || op.kind == OpKind::kWriteFrom ||
      op.kind == OpKind::kReadInto) {
    if (result.value >= 0) {
      return outcome == Outcome::kOk &&
             (IsStore(op.kind) || Load(state, page, op) == result.loaded);
    }
    return IsForced(op.kind) || result.value != -kEfault ||
           outcome != Outcome::kOk;
  }
  if (op.kind == OpKind::kFutex) {
    return result.value == -kEfault && outcome != Outcome::kOk;
  }
  bool code_known = result.si_code != 0;
  switch (outcome) {
    case Outcome::kOk:
      return result.sig == 0 && (IsStore(op.kind) || !result.has_loaded ||
                                 Load(state, page, op) == result.loaded);
    case Outcome::kMapErr:
      return result.sig == kSigsegv &&
             (!code_known || result.si_code == kSegvMaperr);
    case Outcome::kAccErr:
      return result.sig == kSigsegv &&
             (!code_known || result.si_code == kSegvAccerr);
    case Outcome::kBus:
      return result.sig == kSigbus &&
             (!code_known || result.si_code == kBusAdrerr);
    case Outcome::kAnything:
      break;
  }
  return true;
}

std::optional<std::string> Oracle::EndAccess(int slot, const OpResult& result) {
  Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp& op = running.op;
  Process& process = processes_[static_cast<size_t>(running.process)];
  Page& page = process.pages[running.pages.front()];
  bool overflow = page.overflow;
  bool errno_kind = ReturnsErrno(op.kind);
  if (result.abandoned || (!errno_kind && result.sig == kSigkill)) {
    Prune(page, slot, [](uint64_t) { return true; });
    return std::nullopt;
  }
  bool success = errno_kind ? result.value >= 0 : result.sig == 0;
  if (success && IsStore(op.kind)) {
    bool possible = Prune(page, slot, [](uint64_t made) { return made == 1; });
    if (possible) return std::nullopt;
    return AccessViolation(running, page, result);
  }
  Prune(page, slot, [](uint64_t made) { return made == 0; });
  if (overflow || (errno_kind && result.value == -kEnomem)) {
    return std::nullopt;
  }
  for (StateId id : running.seen) {
    if (!Explains(id, page.number, op, result)) continue;
    if (!errno_kind && result.sig != 0 && result.fault_address != 0 &&
        result.fault_address != op.address) {
      return absl::StrFormat(
          "signal with a wrong address: %s at %#x got si_addr %#x",
          OpKindName(op.kind), op.address, result.fault_address);
    }
    return std::nullopt;
  }
  return AccessViolation(running, page, result);
}

std::string Oracle::StateText(StateId id, uint64_t page) const {
  const State& state = states_[id];
  switch (state.kind) {
    case Kind::kUnmapped:
      return "unmapped";
    case Kind::kUnknown:
      return "anything";
    case Kind::kFloating:
      return "a mapping that is being made";
    case Kind::kMapped:
      break;
  }
  std::string text = absl::StrCat(state.shared ? "shared " : "private ",
                                  FormatProt(state.prot));
  if (state.file < 0) {
    text += " anonymous";
  } else {
    absl::StrAppend(&text, " of ", files_->Name(state.file), ", page ",
                    page + static_cast<uint64_t>(state.delta));
  }
  if (state.written_count != 0) {
    absl::StrAppend(&text, ", ", static_cast<int>(state.written_count),
                    " bytes stored");
  }
  return text;
}

std::string Oracle::AccessViolation(const Running& running, const Page& page,
                                    const OpResult& result) const {
  const ResolvedOp& op = running.op;
  const char* name = OpKindName(op.kind);
  bool errno_kind = ReturnsErrno(op.kind);
  bool success = errno_kind ? result.value >= 0 : result.sig == 0;
  // A load that some state lets happen was let happen with wrong bytes.
  bool may = false;
  for (StateId id : running.seen) {
    may |= OutcomeOf(states_[id], page.number, op) == Outcome::kOk;
  }
  std::string title, came_to;
  if (success && may && IsLoad(op.kind)) {
    title = absl::StrCat(name, " gave wrong bytes");
    came_to = absl::StrFormat("%#x", result.loaded);
  } else if (success) {
    title = absl::StrCat(name, " succeeded where it never could");
    came_to = "success";
  } else if (errno_kind) {
    title = absl::StrCat(name, " failed where it never could");
    absl::string_view error = ErrnoName(static_cast<int>(-result.value));
    came_to = error.empty() ? absl::StrCat("error ", -result.value)
                            : std::string(error);
  } else {
    const char* signal = result.sig == kSigsegv  ? "SIGSEGV"
                         : result.sig == kSigbus ? "SIGBUS"
                                                 : "a signal";
    title = absl::StrCat(name, " got ", signal, " wrongly");
    came_to = absl::StrCat(signal, ", si_code ", result.si_code);
  }
  std::vector<std::string> legal;
  for (StateId id : running.seen) {
    std::string why = StateText(id, page.number);
    switch (OutcomeOf(states_[id], page.number, op)) {
      case Outcome::kOk:
        legal.push_back(
            IsLoad(op.kind)
                ? absl::StrFormat("%#x (%s)",
                                  Load(states_[id], page.number, op), why)
                : absl::StrCat("success (", why, ")"));
        break;
      case Outcome::kMapErr:
        legal.push_back(absl::StrCat(
            errno_kind ? "EFAULT (" : "SIGSEGV MAPERR (", why, ")"));
        break;
      case Outcome::kAccErr:
        legal.push_back(absl::StrCat(
            errno_kind ? "EFAULT (" : "SIGSEGV ACCERR (", why, ")"));
        break;
      case Outcome::kBus:
        legal.push_back(absl::StrCat(errno_kind ? "EFAULT (" : "SIGBUS (", why,
                                     ", beyond the end)"));
        break;
      case Outcome::kAnything:
        legal.push_back(why);
        break;
    }
  }
  return absl::StrFormat("%s: %d bytes at %#x came to %s; possible: %s", title,
                         op.size, op.address, came_to,
                         absl::StrJoin(legal, " | "));
}

std::string Oracle::Describe(int process_id, uint64_t address) const {
  size_t index = static_cast<size_t>(process_id);
  if (index >= processes_.size()) return "unmapped";
  const Process& process = processes_[index];
  if (process.blind) return "anything";
  uint64_t number = address / kPageSize;
  auto known = process.index.find(number);
  if (known == process.index.end()) return "unmapped";
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
