// SPDX-License-Identifier: GPL-2.0-only
//
// The `lifetime` checker: use after free, double free and out of bounds, of
// slab objects and page frames, with where the object was allocated and freed.
//
// One shadow byte stands for 8 bytes of arena: 0 all may be touched, 1..7 only
// the first so many, kRedzone and above none.  Memory that was never an object
// (the machine itself, the memory map, ROM) has 0.  The 16 bytes before an
// object, those after it up to the next multiple of 8, and the 8 after that
// are its redzone: the kernel's slab keeps a header and a gap there.
//
// The test of an access is inline, in the runtime; the checker proper only
// sees events and accesses that failed.

#ifndef FAULTLINE_SIM_LIFETIME_CHECKER_H_
#define FAULTLINE_SIM_LIFETIME_CHECKER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "sim/arena.h"
#include "sim/checker.h"
#include "sim/snapshot.h"

namespace faultline {

class LifetimeChecker : public Checker {
 public:
  enum Shadow : uint8_t {
    kLive = 0,
    kRedzone = 0x80,
    kFreedObject = 0x81,
    kFreedPage = 0x82
  };

  // For an arena of `bytes`.
  absl::Status Init(uint64_t arena_bytes);

  // May [offset, offset + size) be touched?  offset in the arena.
  bool Allowed(uint64_t offset, uint64_t size) const {
    const uint8_t state = shadow_[offset >> 3];
    const uint64_t end = (offset & 7) + size;
    if (end <= 8) return state == 0 || (state < 8 && end <= state);
    return AllowedRange(offset, size);
  }
  void OnBadAccess(uint64_t offset, uint64_t size, uint32_t flags,
                   const void* pc, const TaskView& task, const char* what);

  const char* name() const override { return "lifetime"; }
  void TakeSnapshot() override;
  void Reset() override;
  void OnEvent(const fl_event& event, const TaskView& task) override;

 private:
  static constexpr uint64_t kHeaderBytes = 16;
  struct Life {
    uint64_t offset, size;
    const char* cache;  // null: a page frame
    const void* pc;
    uint64_t step;
    uint8_t task;
    bool freed;
  };

  bool AllowedRange(uint64_t offset, uint64_t size) const;
  void Set(uint64_t offset, uint64_t size, uint8_t state);
  void OnAlloc(const fl_event& event, const TaskView& task, bool page);
  void OnFree(const fl_event& event, const TaskView& task, bool page);
  // Last event of that kind whose object holds `offset`, or the redzone
  // after it; before `before`.
  const Life* Find(uint64_t offset, bool freed, const Life* before) const;
  void AddHistory(uint64_t offset, RawFinding* finding) const;

  Arena shadow_memory_;
  uint8_t* shadow_ = nullptr;
  uint64_t arena_bytes_ = 0;
  Snapshot snapshot_;
  std::vector<Life> lives_;  // in order of time
  size_t lives_at_snapshot_ = 0;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_LIFETIME_CHECKER_H_
