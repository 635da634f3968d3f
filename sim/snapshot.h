// SPDX-License-Identifier: GPL-2.0-only
//
// Snapshot: a region of memory as it was, and which pages may differ by now.
// Take() declares the present content to be the state to come back to;
// MarkDirty() must be called before a page is written to after that;
// Restore() copies the dirty pages back.
//
// The originals are copied at Take(), all of them, not when a page is first
// dirtied: code that writes a word and announces only the next one in the
// same page (a lock around an announced update, say) would leave the first
// write in the original for ever.  Pages of zeros cost nothing.  A Restore
// costs one page copy for each page written, and nothing is allocated there.
//
// Invariant: a page not dirty holds its original content, except in the
// excluded range.
//
// Thread safety: one thread at a time.

#ifndef FAULTLINE_SIM_SNAPSHOT_H_
#define FAULTLINE_SIM_SNAPSHOT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "sim/arena.h"

namespace faultline {

class Snapshot {
 public:
  static constexpr int kPageShift = 12;
  static constexpr size_t kPageBytes = size_t{1} << kPageShift;

  Snapshot() = default;
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // [data, data + bytes) must outlive the snapshot; page aligned.
  absl::Status Init(char* data, uint64_t bytes);
  // Whole pages inside [offset, offset + bytes) are neither restored nor
  // verified.
  void Exclude(uint64_t offset, uint64_t bytes);

  void Take();

  // offset, bytes: in the region; parts outside are ignored.
  void MarkDirty(uint64_t offset, uint64_t bytes) {
    if (bytes == 0 || offset >= bytes_) return;
    uint64_t last = offset + bytes - 1;
    if (last >= bytes_ || last < offset) last = bytes_ - 1;
    for (uint64_t page = offset >> kPageShift; page <= last >> kPageShift;
         ++page) {
      if (!(state_[page] & kDirty)) DirtySlow(page);
    }
  }

  void Restore();
  // Pages that Restore() would copy now.
  size_t dirty_pages() const { return dirty_.size(); }
  uint64_t dirty_page_offset(size_t i) const {
    return uint64_t{dirty_[i]} << kPageShift;
  }
  // Compares everything outside the excluded range with the originals.
  // kDataLoss names the first byte that differs.
  absl::Status Verify() const;

 private:
  enum : uint8_t { kDirty = 1, kExcluded = 2 };

  void DirtySlow(uint64_t page);

  char* data_ = nullptr;
  uint64_t bytes_ = 0;
  bool taken_ = false;
  std::vector<uint8_t> state_;   // one for each page
  std::vector<uint32_t> dirty_;  // pages; capacity for all of them
  Arena originals_;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_SNAPSHOT_H_
