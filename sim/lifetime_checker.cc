// SPDX-License-Identifier: GPL-2.0-only

#include "sim/lifetime_checker.h"

#include <cstring>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace faultline {

absl::Status LifetimeChecker::Init(uint64_t arena_bytes) {
  arena_bytes_ = arena_bytes;
  // A word more, so that a redzone at the very end has its byte.
  absl::StatusOr<Arena> memory = Arena::Create(arena_bytes / 8 + 8, false);
  if (!memory.ok()) return memory.status();
  shadow_memory_ = std::move(*memory);
  shadow_ = reinterpret_cast<uint8_t*>(shadow_memory_.data());
  lives_.reserve(4096);
  return snapshot_.Init(shadow_memory_.data(), shadow_memory_.size());
}

void LifetimeChecker::TakeSnapshot() {
  snapshot_.Take();
  lives_at_snapshot_ = lives_.size();
}

void LifetimeChecker::Reset() {
  snapshot_.Restore();
  lives_.resize(lives_at_snapshot_);
}

bool LifetimeChecker::AllowedRange(uint64_t offset, uint64_t size) const {
  while (size != 0) {
    const uint64_t in_granule = 8 - (offset & 7);
    const uint64_t part = size < in_granule ? size : in_granule;
    const uint8_t state = shadow_[offset >> 3];
    if (state != 0 && (state >= 8 || (offset & 7) + part > state)) return false;
    offset += part;
    size -= part;
  }
  return true;
}

void LifetimeChecker::Set(uint64_t offset, uint64_t size, uint8_t state) {
  if (offset >= arena_bytes_ || size > arena_bytes_ - offset) return;
  const uint64_t first = offset >> 3;
  const uint64_t end = (offset + size + 7) >> 3;
  snapshot_.MarkDirty(first, end - first);
  memset(shadow_ + first, state, end - first);
}

void LifetimeChecker::OnAlloc(const fl_event& event, const TaskView& task,
                              bool page) {
  const uint64_t offset = host()->ArenaOffset(event.obj);
  if (offset == ~uint64_t{0}) return;
  Set(offset, event.size, kLive);
  if (!page) {
    if (offset >= kHeaderBytes) {
      Set(offset - kHeaderBytes, kHeaderBytes, kRedzone);
    }
    const uint64_t end = offset + event.size;
    if (end & 7) {
      shadow_[end >> 3] = static_cast<uint8_t>(end & 7);
    }
    Set((end + 7) & ~uint64_t{7}, 8, kRedzone);
  }
  lives_.push_back({offset, event.size, page ? nullptr : event.name, event.pc,
                    host()->step(), task.id, false});
}

void LifetimeChecker::OnFree(const fl_event& event, const TaskView& task,
                             bool page) {
  const uint64_t offset = host()->ArenaOffset(event.obj);
  if (offset == ~uint64_t{0}) return;
  if (shadow_[offset >> 3] >= kFreedObject) {
    RawFinding finding = MakeFinding(task);
    finding.kind = "double-free";
    finding.title = "KASAN: double-free or invalid-free";
    finding.pc = event.pc;
    AddHistory(offset, &finding);
    host()->AddFinding(std::move(finding), true);
    return;
  }
  Set(offset, event.size, page ? kFreedPage : kFreedObject);
  lives_.push_back({offset, event.size, page ? nullptr : event.name, event.pc,
                    host()->step(), task.id, true});
}

void LifetimeChecker::OnEvent(const fl_event& event, const TaskView& task) {
  switch (event.kind) {
    case FL_EV_ALLOC:
    case FL_EV_PAGE_ALLOC:
      OnAlloc(event, task, event.kind == FL_EV_PAGE_ALLOC);
      return;
    case FL_EV_FREE:
    case FL_EV_PAGE_FREE:
      OnFree(event, task, event.kind == FL_EV_PAGE_FREE);
      return;
    default:
      break;
  }
  uint64_t size = event.size;
  uint32_t flags = 0;
  const char* what = "";
  switch (event.kind) {
    case FL_EV_LOCK:
    case FL_EV_LOCKED:
    case FL_EV_UNLOCK:
      size = 1;
      flags = FL_ACCESS_WRITE | FL_ACCESS_ATOMIC;
      what = "lock";
      break;
    case FL_EV_REF_GET:
    case FL_EV_REF_PUT:
      size = 4;
      flags = FL_ACCESS_WRITE | FL_ACCESS_ATOMIC;
      what = "reference count";
      break;
    case FL_EV_RANGE_WRITE:
      flags = FL_ACCESS_WRITE | FL_ACCESS_RANGE;
      break;
    case FL_EV_RANGE_READ:
      flags = FL_ACCESS_RANGE;
      break;
    case FL_EV_USER_WRITE:
      flags = FL_ACCESS_WRITE;
      what = "user access";
      break;
    case FL_EV_USER_READ:
      what = "user access";
      break;
    default:
      return;
  }
  const uint64_t offset = host()->ArenaOffset(event.obj);
  if (offset >= arena_bytes_ || size > arena_bytes_ - offset) return;
  if (size == 0 || Allowed(offset, size)) return;
  OnBadAccess(offset, size, flags, event.pc, task, what);
}

void LifetimeChecker::OnBadAccess(uint64_t offset, uint64_t size,
                                  uint32_t flags, const void* pc,
                                  const TaskView& task, const char* what) {
  // The state of the first byte that may not be touched decides.
  uint64_t at = offset;
  while (at < offset + size && Allowed(at, 1)) ++at;
  const uint8_t state = shadow_[at >> 3];
  RawFinding finding = MakeFinding(task);
  if (state >= kFreedObject) {
    finding.kind = "use-after-free";
  } else {
    finding.kind = "slab-out-of-bounds";
  }
  finding.title = absl::StrCat("KASAN: ", finding.kind);
  finding.pc = pc;
  finding.notes.push_back(
      {absl::StrFormat("%s of size %d by task %s%s%s",
                       flags & FL_ACCESS_WRITE ? "Write" : "Read", size,
                       task.name, *what ? ": " : "", what),
       pc});
  AddHistory(at, &finding);
  host()->AddFinding(std::move(finding), true);
}

const LifetimeChecker::Life* LifetimeChecker::Find(uint64_t offset, bool freed,
                                                   const Life* before) const {
  size_t i = before != nullptr ? before - lives_.data() : lives_.size();
  while (i-- > 0) {
    const Life& life = lives_[i];
    const uint64_t end = life.cache != nullptr
                             ? ((life.offset + life.size + 7) & ~7ull) + 8
                             : life.offset + life.size;
    const uint64_t begin = life.cache != nullptr && life.offset >= kHeaderBytes
                               ? life.offset - kHeaderBytes
                               : life.offset;
    if (life.freed == freed && offset >= begin && offset < end) {
      return &life;
    }
  }
  return nullptr;
}

void LifetimeChecker::AddHistory(uint64_t offset, RawFinding* finding) const {
  auto who = [this](const Life& life) {
    const TaskView* task = host()->task(life.task);
    return absl::StrCat("by task ", task ? task->name : "?", " in step ",
                        life.step);
  };
  const Life* freed = shadow_[offset >> 3] >= kFreedObject
                          ? Find(offset, true, nullptr)
                          : nullptr;
  const Life* allocated = Find(offset, false, freed);
  const Life* life = allocated ? allocated : freed;
  if (life == nullptr) return;
  finding->notes.push_back(
      {life->cache == nullptr
           ? absl::StrFormat("The address is %d bytes inside a page frame",
                             static_cast<int64_t>(offset - life->offset))
           : absl::StrFormat("The address is %d bytes from the start of a "
                             "%d-byte object of cache %s",
                             static_cast<int64_t>(offset - life->offset),
                             life->size, life->cache),
       nullptr});
  if (allocated != nullptr) {
    finding->notes.push_back(
        {absl::StrCat("Allocated ", who(*allocated)), allocated->pc});
  }
  if (freed != nullptr) {
    finding->notes.push_back({absl::StrCat("Freed ", who(*freed)), freed->pc});
  }
}

}  // namespace faultline
