// SPDX-License-Identifier: GPL-2.0-only

#include "sim/nommu_oracle.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace faultline {
namespace {

constexpr int kSigkill = 9;
constexpr uint64_t kNever = ~uint64_t{0};
constexpr uint64_t kPageSize = static_cast<uint64_t>(kPageBytes);

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

bool ReturnsErrno(OpKind kind) {
  return kind == OpKind::kFutex || kind == OpKind::kReadInto ||
         kind == OpKind::kWriteFrom || kind == OpKind::kPeek ||
         kind == OpKind::kPoke;
}

bool Cuts(OpKind kind) {
  return kind == OpKind::kMunmap || kind == OpKind::kMremap;
}

uint64_t PageAlign(uint64_t bytes) {
  return (bytes + kPageSize - 1) & ~(kPageSize - 1);
}

bool Overlap(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end) {
  return a < b_end && b < a_end;
}

}  // namespace

const NommuOracle::Area* NommuOracle::Certain(int process, uint64_t address,
                                              uint64_t begin) const {
  for (const Area& area : areas_) {
    if (area.process == process && address >= area.start &&
        address < area.end && area.since < begin && area.touched == 0 &&
        area.touched_at < begin) {
      return &area;
    }
  }
  return nullptr;
}

uint8_t NommuOracle::Base(const Area& area, uint64_t address) const {
  const uint64_t offset = area.file_offset + (address - area.start);
  if (area.file < 0 || offset >= files_->Size(area.file)) return 0;
  return files_->Byte(area.file, offset);
}

bool NommuOracle::Possible(const Area& area, uint64_t address, uint8_t value,
                           uint64_t begin) const {
  const auto at = stored_.find(address);
  if (at == stored_.end()) return value == Base(area, address);
  uint64_t hidden = 0;  // what ended before this was overwritten
  for (const Stored& s : at->second) {
    if (s.sure && s.end < begin) hidden = std::max(hidden, s.begin);
  }
  if (hidden == 0 && value == Base(area, address)) return true;
  return std::any_of(
      at->second.begin(), at->second.end(),
      [&](const Stored& s) { return s.value == value && s.end >= hidden; });
}

// From the begin on they may be seen.
void NommuOracle::AddStores(const Running& running, uint64_t begin) {
  const ResolvedOp& op = running.op;
  for (uint64_t i = 0; i < op.size; ++i) {
    Stored stored;
    stored.begin = begin;
    stored.end = kNever;
    if (op.kind == OpKind::kReadInto) {
      const uint64_t offset = op.file_offset + i;
      if (op.file < 0 || offset >= files_->Size(op.file)) break;
      stored.value = files_->Byte(op.file, offset);
    } else {
      stored.value = static_cast<uint8_t>(op.value >> (8 * i));
    }
    stored_[op.address + i].push_back(stored);
  }
}

// Of the stores that began with this operation the first `bytes` are sure.
void NommuOracle::EndStores(const Running& running, uint64_t bytes) {
  const ResolvedOp& op = running.op;
  for (uint64_t i = 0; i < op.size; ++i) {
    const auto at = stored_.find(op.address + i);
    if (at == stored_.end()) continue;
    const Area* area = Certain(running.process, op.address + i, running.begin);
    for (Stored& stored : at->second) {
      if (stored.begin != running.begin) continue;
      stored.end = now_;
      stored.sure = i < bytes && area != nullptr && area->writable;
    }
  }
}

NommuOracle::OpId NommuOracle::Begin(int process, const ResolvedOp& op) {
  size_t slot = 0;
  while (slot < running_.size() && running_[slot].used) ++slot;
  if (slot == running_.size()) running_.emplace_back();
  Running& running = running_[slot];
  running.used = true;
  running.process = process;
  running.op = op;
  running.begin = ++now_;
  if (IsStore(op.kind)) AddStores(running, running.begin);
  if (Cuts(op.kind)) {
    for (Area& area : areas_) {
      area.touched +=
          area.process == process &&
          Overlap(area.start, area.end, op.address,
                  op.address + std::max(PageAlign(op.length), kPageSize));
    }
  }
  return static_cast<OpId>(slot);
}

std::optional<std::string> NommuOracle::EndMmap(const Running& running,
                                                const OpResult& result) {
  const ResolvedOp& op = running.op;
  if (result.value <= 0) return std::nullopt;
  Area fresh;
  fresh.process = running.process;
  fresh.start = static_cast<uint64_t>(result.value);
  fresh.end = fresh.start + PageAlign(op.length);
  fresh.file = op.file;
  fresh.file_offset = op.file_page * kPageSize;
  fresh.writable = (op.prot & kProtWrite) != 0;
  fresh.since = now_;
  bool shared = false;
  std::optional<std::string> wrong;
  for (const Area& area : areas_) {
    if (!Overlap(area.start, area.end, fresh.start, fresh.end)) continue;
    shared = true;
    const bool same =
        area.file >= 0 && area.file == fresh.file && !area.writable &&
        !fresh.writable &&
        area.file_offset - area.start == fresh.file_offset - fresh.start;
    if (same || area.process != running.process ||
        area.since >= running.begin || area.touched != 0 ||
        area.touched_at >= running.begin) {
      continue;
    }
    wrong = absl::StrFormat(
        "mmap returned memory that is in use: 0x%x-0x%x lies in the mapping at "
        "0x%x-0x%x",
        fresh.start, fresh.end, area.start, area.end);
  }
  // Fresh memory: what was stored there before is gone.
  if (!shared) {
    for (uint64_t at = fresh.start; at < fresh.end; ++at) {
      if (stored_.empty()) break;
      const auto found = stored_.find(at);
      if (found == stored_.end()) continue;
      auto& list = found->second;
      list.erase(std::remove_if(
                     list.begin(), list.end(),
                     [&](const Stored& s) { return s.end < running.begin; }),
                 list.end());
      if (list.empty()) stored_.erase(found);
    }
  }
  for (const Running& other : running_) {
    fresh.touched +=
        other.used && Cuts(other.op.kind) && other.process == fresh.process &&
        Overlap(
            fresh.start, fresh.end, other.op.address,
            other.op.address + std::max(PageAlign(other.op.length), kPageSize));
  }
  areas_.push_back(fresh);
  return wrong;
}

void NommuOracle::EndCut(const Running& running, const OpResult& result) {
  const ResolvedOp& op = running.op;
  const uint64_t start = op.address;
  const uint64_t end = start + std::max(PageAlign(op.length), kPageSize);
  size_t exact = areas_.size(), around = areas_.size();
  for (size_t i = 0; i < areas_.size(); ++i) {
    Area& area = areas_[i];
    if (area.process != running.process ||
        !Overlap(area.start, area.end, start, end)) {
      continue;
    }
    --area.touched;
    area.touched_at = now_;
    if (area.start == start && area.end == end) exact = i;
    if (area.file < 0 && area.start <= start && area.end >= end) around = i;
  }
  if (result.value < 0 && !result.abandoned) return;
  const size_t found = exact < areas_.size() ? exact : around;
  if (result.abandoned || found == areas_.size()) {
    areas_.erase(std::remove_if(areas_.begin(), areas_.end(),
                                [&](const Area& area) {
                                  return area.process == running.process &&
                                         Overlap(area.start, area.end, start,
                                                 end);
                                }),
                 areas_.end());
    return;
  }
  Area area = areas_[found];
  areas_.erase(areas_.begin() + static_cast<std::ptrdiff_t>(found));
  if (op.kind == OpKind::kMremap) {
    area.end = area.start + PageAlign(op.new_length);
    areas_.push_back(area);
    return;
  }
  Area above = area;
  above.start = end;
  above.file_offset += end - area.start;
  if (above.start < above.end) areas_.push_back(above);
  area.end = start;
  if (area.start < area.end) areas_.push_back(area);
}

std::optional<std::string> NommuOracle::EndAccess(const Running& running,
                                                  const OpResult& result) {
  const ResolvedOp& op = running.op;
  const bool failed =
      ReturnsErrno(op.kind) ? result.value < 0 : result.sig != 0;
  if (result.abandoned || result.sig == kSigkill) return std::nullopt;
  if (failed) {
    if (op.kind == OpKind::kPeek || op.kind == OpKind::kPoke) {
      return std::nullopt;
    }
    for (uint64_t i = 0; i < op.size; ++i) {
      if (Certain(running.process, op.address + i, running.begin) == nullptr) {
        return std::nullopt;
      }
    }
    return absl::StrFormat("access refused where memory is mapped: 0x%x",
                           op.address);
  }
  if (!IsLoad(op.kind) || !result.has_loaded || op.kind == OpKind::kExec) {
    return std::nullopt;
  }
  // Of a longer copy there is a hash only.
  if (op.size > sizeof(result.loaded)) return std::nullopt;
  uint64_t bytes = op.size;
  if (op.kind == OpKind::kWriteFrom) {
    bytes = std::min(bytes, static_cast<uint64_t>(result.value));
  }
  for (uint64_t i = 0; i < bytes; ++i) {
    const uint64_t address = op.address + i;
    const Area* area = Certain(running.process, address, running.begin);
    const auto value = static_cast<uint8_t>(result.loaded >> (8 * i));
    if (area == nullptr || Possible(*area, address, value, running.begin)) {
      continue;
    }
    return absl::StrFormat(
        "wrong bytes: 0x%02x at 0x%x, where %s has 0x%02x", value, address,
        area->file < 0
            ? std::string("anonymous memory")
            : absl::StrCat(
                  "page ",
                  (area->file_offset + address - area->start) / kPageSize,
                  " of ", files_->Name(area->file)),
        Base(*area, address));
  }
  return std::nullopt;
}

std::optional<std::string> NommuOracle::End(OpId id, const OpResult& result) {
  Running running = running_[static_cast<size_t>(id)];
  ++now_;
  std::optional<std::string> wrong;
  const OpKind kind = running.op.kind;
  if (Cuts(kind)) EndCut(running, result);
  running_[static_cast<size_t>(id)].used = false;
  if (kind == OpKind::kMmap) {
    wrong = EndMmap(running, result);
  } else if (IsStore(kind)) {
    const bool done = !result.abandoned && result.sig == 0 &&
                      (!ReturnsErrno(kind) || result.value >= 0);
    const uint64_t bytes = kind == OpKind::kReadInto && result.value >= 0
                               ? static_cast<uint64_t>(result.value)
                               : running.op.size;
    EndStores(running, done ? bytes : 0);
    wrong = EndAccess(running, result);
  } else if (IsLoad(kind)) {
    wrong = EndAccess(running, result);
  }
  return wrong;
}

}  // namespace faultline
