// SPDX-License-Identifier: GPL-2.0-only
//
// Oracle's accesses: what a state of a page lets a load, a store or a copy come
// to, and what is said of one that no state explains.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sim/oracle.h"
#include "sim/oracle_internal.h"
#include "sim/program/litmus_format.h"

namespace faultline {

using namespace oracle_internal;  // NOLINT

Oracle::StateId Oracle::AfterStore(StateId id, uint64_t page,
                                   const ResolvedOp& op) {
  const State& before = states_[id];
  if (before.kind != Kind::kMapped) return kUnknownId;
  State state = before;
  const bool wide = IsWide(op);
  const uint64_t begin_at = std::max(op.address, page * kPageSize);
  const uint64_t end_at = std::min(op.address + (wide ? op.length : op.size),
                                   (page + 1) * kPageSize);
  if (op.kind == OpKind::kMincore || end_at - begin_at > kMaxWritten) {
    state.opaque = true;
    state.written_count = 0;
    state.written = {};
    return Intern(state);
  }
  for (uint64_t address = begin_at; address < end_at; ++address) {
    const uint64_t i = address - op.address;
    uint16_t at = static_cast<uint16_t>(address - page * kPageSize);
    uint8_t value = wide ? files_->Byte(op.file, op.file_offset + i)
                         : static_cast<uint8_t>(op.value >> (8 * i));
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
  // The size of one that changes is asked when the access is over.
  if (state.file >= 0 && !OfChanging(state)) {
    uint64_t file_page = page + static_cast<uint64_t>(state.delta);
    if (file_page >= PagesOf(files_->Size(state.file))) return Outcome::kBus;
  }
  return Outcome::kOk;
}

uint64_t Oracle::Load(const State& state, uint64_t page, const ResolvedOp& op,
                      uint64_t* known) const {
  uint64_t loaded = 0;
  if (known != nullptr) *known = 0;
  uint64_t offset = op.address - page * kPageSize;
  uint64_t size = state.file >= 0 ? files_->Size(state.file) : 0;
  uint64_t begin = (page + static_cast<uint64_t>(state.delta)) * kPageSize;
  for (uint32_t i = 0; i < op.size; ++i) {
    uint64_t at = offset + i;
    uint64_t byte = 0;
    bool sure = !state.opaque;
    if (begin + at < size) byte = files_->Byte(state.file, begin + at);
    for (size_t w = 0; w < state.written_count; ++w) {
      if (state.written[w].offset == at) {
        byte = state.written[w].value;
        sure = true;
      }
    }
    loaded |= byte << (8 * i);
    if (known != nullptr && sure) *known |= uint64_t{0xff} << (8 * i);
  }
  return loaded;
}

bool Oracle::Gives(const State& state, uint64_t page, const ResolvedOp& op,
                   uint64_t loaded) const {
  uint64_t known = 0;
  const uint64_t bytes = Load(state, page, op, &known);
  if (op.size < 8 && (loaded >> (8 * op.size)) != 0) return false;
  return ((bytes ^ loaded) & known) == 0;
}

bool Oracle::Explains(StateId id, uint64_t page, const Running& running,
                      const OpResult& result) const {
  const State& state = states_[id];
  const Outcome outcome = OutcomeOf(state, page, running.op);
  if (outcome == Outcome::kAnything) return true;
  if ((state.prot & kUffdRegistered) != 0 &&
      (ReturnsErrno(running.op.kind) ? result.value < 0 : result.sig == kSigbus)) {
    return true;
  }
  if (outcome != Outcome::kOk || !OfChanging(state)) {
    return ExplainsAs(outcome, state, page, running, result);
  }
  const auto [within, beyond] = MayReach(
      state.file, page + static_cast<uint64_t>(state.delta), running.begun);
  return (within && ExplainsAs(Outcome::kOk, state, page, running, result)) ||
         (beyond && ExplainsAs(Outcome::kBus, state, page, running, result));
}

bool Oracle::ExplainsAs(Outcome outcome, const State& state, uint64_t page,
                        const Running& running, const OpResult& result) const {
  const ResolvedOp& op = running.op;
  auto gives = [&] {
    return OfChanging(state)
               ? MayLoad(state, page, op, result.loaded, running.begun)
               : Gives(state, page, op, result.loaded);
  };
  if (IsLookup(op.kind)) {
    if (result.value >= 0) {
      return outcome != Outcome::kMapErr &&
             (op.kind != OpKind::kVfioPin || !result.has_loaded ||
              outcome != Outcome::kOk ||
              Load(state, page, op) == result.loaded);
    }
    return result.value == -kEfault ||
           (result.value == -kEinval && outcome != Outcome::kOk);
  }
  if (IsForced(op.kind) || op.kind == OpKind::kWriteFrom ||
      op.kind == OpKind::kReadInto) {
    if (result.value >= 0) {
      return outcome == Outcome::kOk && (IsStore(op.kind) || gives());
    }
    return IsForced(op.kind) || result.value != -kEfault ||
           outcome != Outcome::kOk;
  }
  if (op.kind == OpKind::kFutex) {
    return result.value >= 0
               ? outcome == Outcome::kOk
               : result.value == -kEfault && outcome != Outcome::kOk;
  }
  bool code_known = result.si_code != 0;
  switch (outcome) {
    case Outcome::kOk:
      return result.sig == 0 &&
             (IsStore(op.kind) || !result.has_loaded || gives());
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
    EndChanges(slot, Happened::kPerhaps);
    return std::nullopt;
  }
  bool success = errno_kind ? result.value >= 0 : result.sig == 0;
  if (success && IsStore(op.kind)) {
    bool possible = Prune(page, slot, [](uint64_t made) { return made == 1; });
    // It may have gone to one page of one file only.
    const bool sure =
        !overflow && possible && running.seen.size() == 1 && !IsForced(op.kind);
    if (overflow) LoseFiles();
    EndChanges(slot, sure ? Happened::kYes : Happened::kPerhaps);
    if (overflow) return std::nullopt;
    bool reached = false;
    for (StateId id : running.seen) {
      reached |= !OfChanging(states_[id]) ||
                 Explains(id, page.number, running, result);
    }
    if (possible && (reached || running.seen.empty())) return std::nullopt;
    return AccessViolation(running, page, result);
  }
  EndChanges(slot, Happened::kNo);
  Prune(page, slot, [](uint64_t made) { return made == 0; });
  if (overflow || (errno_kind && result.value == -kEnomem)) {
    return std::nullopt;
  }
  for (StateId id : running.seen) {
    if (!Explains(id, page.number, running, result)) continue;
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

// A copy over several pages, or of more bytes than a number holds.
std::optional<std::string> Oracle::EndWide(int slot, const OpResult& result) {
  Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp& op = running.op;
  Process& process = processes_[static_cast<size_t>(running.process)];
  const bool success = result.value >= 0 && !result.abandoned;
  const uint64_t copied = !success ? 0
                          : op.kind == OpKind::kMincore
                              ? op.length
                              : static_cast<uint64_t>(result.value);
  std::optional<std::string> violation;
  if (copied > op.length) {
    violation = absl::StrFormat("%s gave more than was asked for: %d bytes",
                                OpKindName(op.kind), copied);
  }
  bool always = true;
  for (uint32_t index : running.pages) {
    Page& page = process.pages[index];
    const uint64_t begin = std::max(page.number * kPageSize, op.address);
    const bool done = begin - op.address < copied;
    bool possible = Prune(page, slot, [&](uint64_t made) {
      return !done || !IsStore(op.kind) || made == 1;
    });
    bool may = false, may_not = false;
    for (StateId id : running.moved[page.number]) {
      const Outcome outcome = OutcomeOf(states_[id], page.number, op);
      may |= outcome == Outcome::kOk || outcome == Outcome::kAnything;
      may_not |= outcome != Outcome::kOk || OfChanging(states_[id]);
    }
    if (!violation && done && (!possible || !may)) {
      violation = absl::StrFormat(
          "%s succeeded where it never could: page %#x of %d bytes at %#x",
          OpKindName(op.kind), page.number * kPageSize,
          static_cast<int>(op.length), op.address);
    }
    always &= !may_not;
  }
  // Where it began to fail is the kernel's choice.
  if (!violation && always && !result.abandoned && result.value == -kEfault) {
    violation = absl::StrFormat(
        "%s failed where it never could: EFAULT of %d bytes at %#x",
        OpKindName(op.kind), static_cast<int>(op.length), op.address);
  }
  return violation;
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
                                  FormatProt(state.prot & ~kUffdRegistered));
  if (state.file < 0) {
    text += " anonymous";
  } else if (state.file >= kFirstShared) {
    absl::StrAppend(&text, " memory, page ",
                    page + static_cast<uint64_t>(state.delta));
  } else {
    absl::StrAppend(&text, " of ", files_->Name(state.file), ", page ",
                    page + static_cast<uint64_t>(state.delta));
  }
  if (state.opaque) text += ", unknown bytes";
  if (state.no_fork) text += ", not for children";
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
  const bool bytes = IsLoad(op.kind) || op.kind == OpKind::kVfioPin;
  if (success && may && bytes) {
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
        if (OfChanging(states_[id])) {
          const uint64_t at =
              page.number + static_cast<uint64_t>(states_[id].delta);
          const auto [within, beyond] =
              MayReach(states_[id].file, at, running.begun);
          legal.push_back(
              absl::StrCat(within ? "what the file may hold (" : "no success (",
                           why, beyond ? "), SIGBUS" : ")"));
          break;
        }
        legal.push_back(
            bytes ? absl::StrFormat("%#x (%s)",
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

}  // namespace faultline
