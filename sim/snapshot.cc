// SPDX-License-Identifier: GPL-2.0-only

#include "sim/snapshot.h"

#include <cstring>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace faultline {

absl::Status Snapshot::Init(char* data, uint64_t bytes) {
  data_ = data;
  bytes_ = bytes;
  taken_ = false;
  const size_t pages = (bytes + kPageBytes - 1) / kPageBytes;
  state_.assign(pages, 0);
  dirty_.clear();
  dirty_.reserve(pages);
  absl::StatusOr<Arena> originals = Arena::Create(pages * kPageBytes, false);
  if (!originals.ok()) return originals.status();
  originals_ = std::move(*originals);
  return absl::OkStatus();
}

void Snapshot::Exclude(uint64_t offset, uint64_t bytes) {
  const uint64_t first = (offset + kPageBytes - 1) >> kPageShift;
  const uint64_t end = (offset + bytes) >> kPageShift;
  for (uint64_t page = first; page < end && page < state_.size(); ++page) {
    // Dirty for good: MarkDirty never saves it, Restore never sees it.
    state_[page] = kDirty | kExcluded;
  }
}

void Snapshot::Take() {
  static const char kZeros[kPageBytes] = {};
  dirty_.clear();
  originals_.Clear();
  for (uint64_t page = 0; page < state_.size(); ++page) {
    if (state_[page] & kExcluded) continue;
    state_[page] = 0;
    const char* from = data_ + (page << kPageShift);
    if (memcmp(from, kZeros, kPageBytes) == 0) continue;
    memcpy(originals_.data() + (page << kPageShift), from, kPageBytes);
  }
  taken_ = true;
}

void Snapshot::DirtySlow(uint64_t page) {
  if (!taken_) return;
  state_[page] |= kDirty;
  dirty_.push_back(static_cast<uint32_t>(page));
}

void Snapshot::Restore() {
  for (uint32_t page : dirty_) {
    const uint64_t offset = uint64_t{page} << kPageShift;
    memcpy(data_ + offset, originals_.data() + offset, kPageBytes);
    state_[page] &= ~kDirty;
  }
  dirty_.clear();
}

absl::Status Snapshot::Verify() const {
  if (!taken_) return absl::FailedPreconditionError("no snapshot was taken");
  for (uint64_t page = 0; page < state_.size(); ++page) {
    if (state_[page] & kExcluded) continue;
    const uint64_t offset = page << kPageShift;
    if (memcmp(data_ + offset, originals_.data() + offset, kPageBytes) == 0) {
      continue;
    }
    for (uint64_t i = offset;; ++i) {
      if (data_[i] == originals_.data()[i]) continue;
      return absl::DataLossError(absl::StrFormat(
          "arena offset 0x%x holds 0x%02x after the restore, 0x%02x at the "
          "snapshot: a write that no event announced",
          i, static_cast<uint8_t>(data_[i]),
          static_cast<uint8_t>(originals_.data()[i])));
    }
  }
  return absl::OkStatus();
}

}  // namespace faultline
