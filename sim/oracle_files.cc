// SPDX-License-Identifier: GPL-2.0-only
//
// Oracle's files that change: what their bytes and their size may be, by the
// begin and the end of each operation that changed them.

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/oracle.h"
#include "sim/oracle_internal.h"

namespace faultline {
using namespace oracle_internal;  // NOLINT

bool Oracle::IsFileChange(OpKind kind) {
  return kind == OpKind::kWrite || kind == OpKind::kTruncate ||
         kind == OpKind::kPunch;
}

bool Oracle::OfChanging(const State& state) const {
  return state.kind == Kind::kMapped &&
         (state.file >= kFirstShared ||
          (state.file >= 0 && files_->Changes(state.file)));
}

Oracle::ChangingFile& Oracle::FileAt(int file) {
  auto [entry, added] = changing_.try_emplace(file);
  if (added && file < kFirstShared) entry->second.size = files_->Size(file);
  return entry->second;
}

// Null: nobody has changed it.
const Oracle::ChangingFile* Oracle::FindFile(int file) const {
  auto found = changing_.find(file);
  return found == changing_.end() ? nullptr : &found->second;
}

uint8_t Oracle::FirstByte(int file, uint64_t offset) const {
  if (file >= kFirstShared || offset >= files_->Size(file)) return 0;
  return files_->Byte(file, offset);
}

int Oracle::NewShared(uint64_t bytes) {
  FileAt(next_shared_).size = bytes;
  return next_shared_++;
}

Oracle::Change& Oracle::AddChange(int slot, int file, uint64_t offset,
                                  uint64_t length) {
  ChangingFile& changing = FileAt(file);
  changing.changed = true;
  if (changing.changes.size() == kMaxChanges) {
    DropObsolete(changing);
    if (changing.changes.size() == kMaxChanges) {
      LoseFiles();
      changing.changes.clear();
    }
  }
  Change& change = changing.changes.emplace_back();
  change.begin = running_[static_cast<size_t>(slot)].begun;
  change.slot = slot;
  change.offset = offset;
  change.length = length;
  return change;
}

void Oracle::ChangePage(int slot, const State& state, uint64_t page) {
  const Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp& op = running.op;
  if (state.kind == Kind::kUnknown) return LoseFiles();
  if (state.kind == Kind::kFloating) {
    const ResolvedOp& mapping = running_[static_cast<size_t>(state.file)].op;
    // An mremap may carry anything.
    if (mapping.kind != OpKind::kMmap ||
        (mapping.shared &&
         (mapping.file < 0 || files_->Changes(mapping.file)))) {
      LoseFiles();
    }
    return;
  }
  if (!OfChanging(state) || !state.shared) return;
  if (running.any_value || IsWide(op)) return LoseFiles();
  const bool remove = op.kind == OpKind::kMadvise;
  const uint64_t first =
      (page + static_cast<uint64_t>(state.delta)) * kPageSize;
  const uint64_t offset = remove ? first : first + op.address % kPageSize;
  const uint64_t length = remove ? kPageSize : op.size;
  for (const Change& known : FileAt(state.file).changes) {
    if (known.slot == slot && known.offset == offset) return;
  }
  Change& change = AddChange(slot, state.file, offset, length);
  change.zero = remove;
  change.value = op.value;
}

Oracle::OpId Oracle::BeginFileChange(const ResolvedOp& op) {
  int slot = 0;
  while (slot < kMaxRunning && running_[static_cast<size_t>(slot)].used) {
    ++slot;
  }
  ++version_;
  if (slot == kMaxRunning) {
    LoseFiles();
    return -1;
  }
  Running& running = running_[static_cast<size_t>(slot)];
  running.used = true;
  running.op = op;
  running.begun = ++clock_;
  running.pages.clear();
  running.seen.clear();
  if (op.kind == OpKind::kWrite) {
    Change& change = AddChange(slot, op.file, op.file_offset, op.size);
    change.value = op.value;
    change.size_kind = Change::Size::kAtLeast;
    change.size = op.file_offset + op.size;
  } else if (op.kind == OpKind::kPunch) {
    AddChange(slot, op.file, op.file_offset, op.length).zero = true;
  } else {
    AddChange(slot, op.file, op.length, kEndless - op.length).zero = true;
    Change& size = AddChange(slot, op.file, 0, 0);
    size.size_kind = Change::Size::kSet;
    size.size = op.length;
    ChangingFile& file = FileAt(op.file);
    file.cut = std::min(file.cut, PagesOf(op.length));
  }
  return slot;
}

void Oracle::EndFileChange(int slot, const OpResult& result) {
  const Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp& op = running.op;
  if (result.value < 0) {
    // Killed on the way it may have done a part.
    EndChanges(slot, result.abandoned ? Happened::kPerhaps : Happened::kNo);
    return;
  }
  ChangingFile& file = FileAt(op.file);
  for (Change& change : file.changes) {
    if (change.slot != slot) continue;
    if (op.kind == OpKind::kWrite) {
      change.length = static_cast<uint64_t>(result.value);
      change.size = op.file_offset + change.length;
    }
  }
  // What lies behind a new end that is not before the old one, in its last
  // page, may be zeroed or not.
  bool grows = false;
  if (op.kind == OpKind::kTruncate) {
    grows = op.length >= file.size;
    for (const Change& change : file.changes) {
      grows |= change.slot != slot && change.size_kind != Change::Size::kKept &&
               op.length >= change.size;
    }
  }
  EndChanges(slot, Happened::kYes);
  if (!grows) return;
  for (Change& change : file.changes) {
    if (change.end == clock_ && change.zero) change.sure = false;
  }
}

void Oracle::EndChanges(int slot, Happened happened) {
  for (auto& [id, file] : changing_) {
    std::vector<Change>& changes = file.changes;
    if (happened == Happened::kNo) {
      changes.erase(std::remove_if(changes.begin(), changes.end(),
                                   [&](const Change& change) {
                                     return change.slot == slot;
                                   }),
                    changes.end());
      continue;
    }
    bool ended = false;
    for (Change& change : changes) {
      if (change.slot != slot) continue;
      change.slot = -1;
      change.end = clock_;
      change.sure = happened == Happened::kYes;
      ended = true;
    }
    if (ended && changes.size() > kMaxChanges / 8) DropObsolete(file);
  }
}

// What no operation that runs, or that is still to come, can meet.
void Oracle::DropObsolete(ChangingFile& file) {
  uint64_t since = clock_;
  for (const Running& running : running_) {
    if (running.used) since = std::min(since, running.begun);
  }
  auto obsolete = [&](const Change& old) {
    if (old.end == kEndless) return false;
    for (const Change& change : file.changes) {
      if (!change.sure || change.end >= since || change.begin <= old.end ||
          change.size_kind != old.size_kind || change.size != old.size) {
        continue;
      }
      if (change.offset <= old.offset &&
          change.offset + change.length >= old.offset + old.length) {
        return true;
      }
    }
    return false;
  };
  std::vector<Change> kept;
  for (const Change& change : file.changes) {
    if (!obsolete(change)) kept.push_back(change);
  }
  file.changes = std::move(kept);
}

bool Oracle::MayHold(int id, uint64_t offset, uint8_t byte,
                     uint64_t since) const {
  const ChangingFile* file = FindFile(id);
  if (file == nullptr) return FirstByte(id, offset) == byte;
  auto overwritten = [&](uint64_t end) {
    for (const Change& change : file->changes) {
      if (change.sure && change.end < since && change.begin > end &&
          change.Covers(offset)) {
        return true;
      }
    }
    return false;
  };
  if (FirstByte(id, offset) == byte && !overwritten(0)) return true;
  for (const Change& change : file->changes) {
    if (change.Covers(offset) && change.Byte(offset) == byte &&
        !overwritten(change.end)) {
      return true;
    }
  }
  return false;
}

std::pair<bool, bool> Oracle::MayReach(int id, uint64_t page,
                                       uint64_t since) const {
  const ChangingFile* file = FindFile(id);
  if (files_lost_) return {true, true};
  if (file == nullptr) {
    const bool within = page < PagesOf(files_->Size(id));
    return {within, !within};
  }
  using Size = Change::Size;
  // A size is gone when a later one was set, or when the file became larger.
  auto gone = [&](uint64_t end, uint64_t size) {
    for (const Change& change : file->changes) {
      if (!change.sure || change.end >= since || change.begin <= end) continue;
      if (change.size_kind == Size::kSet ||
          (change.size_kind == Size::kAtLeast && change.size > size)) {
        return true;
      }
    }
    return false;
  };
  std::vector<uint64_t> sizes;
  if (!gone(0, file->size)) sizes.push_back(file->size);
  for (const Change& change : file->changes) {
    if (change.size_kind == Size::kSet && !gone(change.end, change.size)) {
      sizes.push_back(change.size);
    }
  }
  for (const Change& change : file->changes) {
    if (change.size_kind != Size::kAtLeast || gone(change.end, change.size)) {
      continue;
    }
    // Where the file is larger already it says nothing.
    if (sizes.empty() ||
        *std::min_element(sizes.begin(), sizes.end()) < change.size) {
      sizes.push_back(change.size);
    }
  }
  std::pair<bool, bool> may = {false, false};
  for (const uint64_t size : sizes) {
    (page < PagesOf(size) ? may.first : may.second) = true;
  }
  return may;
}

bool Oracle::MayLoad(const State& state, uint64_t page, const ResolvedOp& op,
                     uint64_t loaded, uint64_t since) const {
  if (files_lost_) return true;
  const uint64_t file_page = page + static_cast<uint64_t>(state.delta);
  const ChangingFile* file = FindFile(state.file);
  if (!state.shared && file != nullptr && file->cut <= file_page) return true;
  const uint64_t within = op.address - page * kPageSize;
  for (uint32_t i = 0; i < op.size; ++i) {
    const uint8_t byte = static_cast<uint8_t>(loaded >> (8 * i));
    bool stored = false, good = false;
    for (size_t w = 0; w < state.written_count; ++w) {
      if (state.written[w].offset != within + i) continue;
      stored = true;
      good = state.written[w].value == byte;
    }
    // Copied at some time, if it was: nobody knows when.
    if (!stored && !state.shared && file != nullptr && file->changed) continue;
    if (!stored) {
      good =
          MayHold(state.file, file_page * kPageSize + within + i, byte, since);
    }
    if (!good) return false;
  }
  return true;
}

}  // namespace faultline
