// SPDX-License-Identifier: GPL-2.0-only
//
// Further system calls, once on the model and once on the kernel that this
// runs on: call/NAME/model, call/NAME/host.
//
// The host's fork makes a process, which is scheduled and waited for; the
// model's copies an address space and tears it down.  So beside the fork of a
// process with nothing of its own stands that of one with kForked pages, to be
// read by the page.

#include <sys/mman.h>

#include <cstdint>

#include "bench/comparison.h"
#include "bench/subjects.h"

namespace faultline {
namespace {

constexpr uint64_t kForked = 1024;

template <typename Side, typename Call>
void Measure(Side* side, Section* section, Call call) {
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  call();
  section->Stop(faults);
}

// `pages` written pages of anonymous memory.
template <typename Side>
uint64_t MapWritten(Side* side, uint64_t pages) {
  const uint64_t at = MapAnonymous(side, pages);
  for (uint64_t i = 0; i < pages; ++i) side->Store(at + i * kPage);
  return at;
}

template <typename Side>
void ForkEmpty(Side* side, Section* section) {
  Measure(side, section, [side] { side->ForkAndExit(); });
}

template <typename Side>
void ForkWritten(Side* side, Section* section) {
  const uint64_t at = MapWritten(side, kForked);
  Measure(side, section, [side] { side->ForkAndExit(); });
  side->Unmap(at, kForked);
}

template <typename Side>
void HeapUpAndDown(Side* side, Section* section) {
  Measure(side, section, [side] {
    for (uint64_t i = 0; i < kCalls; ++i) {
      side->GrowHeap(1);
      side->ShrinkHeap(1);
    }
  });
}

// All of a mapping, so that nothing is split; the pages are there.
template <typename Side>
void LockUnlock(Side* side, Section* section) {
  const uint64_t at = MapWritten(side, kMoved);
  Measure(side, section, [side, at] {
    for (uint64_t i = 0; i < kCalls; ++i) {
      side->Lock(at, kMoved);
      side->Unlock(at, kMoved);
    }
  });
  side->Unmap(at, kMoved);
}

template <typename Side>
void DropWritten(Side* side, Section* section) {
  const uint64_t at = MapWritten(side, kPages);
  Measure(side, section, [side, at] { side->DontNeed(at, kPages); });
  side->Unmap(at, kPages);
}

template <typename Side>
void DropNothing(Side* side, Section* section) {
  const uint64_t at = MapWritten(side, 1);
  side->DontNeed(at, 1);
  Measure(side, section, [side, at] {
    for (uint64_t i = 0; i < kCalls; ++i) side->DontNeed(at, 1);
  });
  side->Unmap(at, 1);
}

template <typename Side>
void AskResident(Side* side, Section* section) {
  const uint64_t at = MapWritten(side, kPages);
  side->Resident(at, kPages);
  Measure(side, section, [side, at] {
    for (uint64_t i = 0; i < kCalls; ++i) side->Resident(at, kPages);
  });
  side->Unmap(at, kPages);
}

template <typename Side>
void SyncClean(Side* side, Section* section) {
  const uint64_t at = side->Map(0, kMoved, PROT_READ, 0);
  Measure(side, section, [side, at] {
    for (uint64_t i = 0; i < kCalls; ++i) side->Sync(at, kMoved);
  });
  side->Unmap(at, kMoved);
}

constexpr Subject kSubjects[] = {
    {"fork_empty", "fork + exit", ForkEmpty<ModelSide>, ForkEmpty<HostSide>, 1},
    {"fork_written", "fork + exit of 1024 pages, a page",
     ForkWritten<ModelSide>, ForkWritten<HostSide>, kForked},
    {"brk", "brk a page up and down", HeapUpAndDown<ModelSide>,
     HeapUpAndDown<HostSide>, kCalls},
    {"mlock_munlock", "mlock + munlock of 16 pages", LockUnlock<ModelSide>,
     LockUnlock<HostSide>, kCalls},
    {"dontneed_written", "madvise DONTNEED, a written page",
     DropWritten<ModelSide>, DropWritten<HostSide>, kPages},
    {"dontneed_nothing", "madvise DONTNEED, nothing there",
     DropNothing<ModelSide>, DropNothing<HostSide>, kCalls},
    {"mincore", "mincore, a page of 512", AskResident<ModelSide>,
     AskResident<HostSide>, kPages * kCalls},
    {"msync", "msync ASYNC", SyncClean<ModelSide>, SyncClean<HostSide>, kCalls},
};

}  // namespace

void RegisterCallBenchmarks() { RegisterComparison("call", kSubjects); }

void PrintCallTable(const MedianReporter& results, std::ostream* out) {
  PrintComparison("call", kSubjects, results, out);
}

}  // namespace faultline
