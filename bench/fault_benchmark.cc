// SPDX-License-Identifier: GPL-2.0-only
//
// Faults and what is mapped, once on the model and once on the kernel that
// this runs on:
//
//   fault/NAME/model   the native kernel build, one simulated CPU
//   fault/NAME/host    mmap(2), munmap(2), mprotect(2), mremap(2), accesses

#include <sys/mman.h>

#include <cstdint>
#include <utility>

#include "bench/comparison.h"
#include "bench/subjects.h"

namespace faultline {
namespace {

template <typename Side, bool kStore>
void TouchAll(Side* side, uint64_t at, Section* section) {
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  for (uint64_t i = 0; i < kPages; ++i) {
    kStore ? side->Store(at + i * kPage) : side->Load(at + i * kPage);
  }
  section->Stop(faults);
}

template <typename Side>
void AnonymousWrite(Side* side, Section* section) {
  const uint64_t at = MapAnonymous(side, kPages);
  TouchAll<Side, true>(side, at, section);
  side->Unmap(at, kPages);
}

template <typename Side>
void AnonymousRead(Side* side, Section* section) {
  const uint64_t at = MapAnonymous(side, kPages);
  TouchAll<Side, false>(side, at, section);
  side->Unmap(at, kPages);
}

// A vma for each page, in an order in which they do not merge.  Faulting
// around stops at the ends of a vma, so each page is a fault of its own, on a
// host whose fault_around_bytes cannot be changed too.
template <typename Side>
void FileReadSingle(Side* side, Section* section) {
  const uint64_t at = side->Map(0, kPages, PROT_NONE, kAnonymous);
  for (uint64_t i = 0; i < kPages; ++i) {
    side->Map(at + i * kPage, 1, PROT_READ,
              static_cast<int64_t>(kPages - 1 - i));
  }
  TouchAll<Side, false>(side, at, section);
  side->Unmap(at, kPages);
}

template <typename Side>
void FileReadSequential(Side* side, Section* section) {
  const uint64_t at = side->Map(0, kPages, PROT_READ, 0);
  TouchAll<Side, false>(side, at, section);
  side->Unmap(at, kPages);
}

template <typename Side>
void PrivateFileWrite(Side* side, Section* section) {
  const uint64_t at = side->Map(0, kPages, PROT_READ | PROT_WRITE, 0);
  TouchAll<Side, true>(side, at, section);
  side->Unmap(at, kPages);
}

template <typename Side>
void UnmapPopulated(Side* side, Section* section) {
  const uint64_t at = MapAnonymous(side, kPages);
  for (uint64_t i = 0; i < kPages; ++i) side->Store(at + i * kPage);
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  side->Unmap(at, kPages);
  section->Stop(faults);
}

// With nothing on either side: a neighbour would be extended and cut back.
template <typename Side>
void MapUnmap(Side* side, Section* section) {
  const uint64_t at = side->Map(0, 3, PROT_READ | PROT_WRITE, kAnonymous);
  side->Unmap(at, 3);
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  for (uint64_t i = 0; i < kCalls; ++i) {
    side->Map(at + kPage, 1, PROT_READ | PROT_WRITE, kAnonymous);
    side->Unmap(at + kPage, 1);
  }
  section->Stop(faults);
}

// Areas of three pages with a hole after each; the middle one is protected.
template <typename Side>
void ProtectSplit(Side* side, Section* section) {
  const uint64_t at =
      side->Map(0, 4 * kCalls, PROT_READ | PROT_WRITE, kAnonymous);
  for (uint64_t i = 0; i < kCalls; ++i) {
    side->Unmap(at + (4 * i + 3) * kPage, 1);
  }
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  for (uint64_t i = 0; i < kCalls; ++i) {
    side->Protect(at + (4 * i + 1) * kPage, 1, PROT_READ);
  }
  section->Stop(faults);
  side->Unmap(at, 4 * kCalls);
}

// To and fro between two places with a hole between them.
template <typename Side>
void MovePopulated(Side* side, Section* section) {
  uint64_t from = MapAnonymous(side, 3 * kMoved);
  uint64_t to = from + 2 * kMoved * kPage;
  side->Unmap(from + kMoved * kPage, 2 * kMoved);
  for (uint64_t i = 0; i < kMoved; ++i) side->Store(from + i * kPage);
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  for (uint64_t i = 0; i < kCalls; ++i) {
    side->Move(from, to, kMoved);
    std::swap(from, to);
  }
  section->Stop(faults);
  side->Unmap(from, kMoved);
}

constexpr Subject kSubjects[] = {
    {"anonymous_write", "anonymous write fault", AnonymousWrite<ModelSide>,
     AnonymousWrite<HostSide>, kPages},
    {"anonymous_read", "anonymous read fault (zero page)",
     AnonymousRead<ModelSide>, AnonymousRead<HostSide>, kPages},
    {"file_read_single", "file read fault, nothing around it",
     FileReadSingle<ModelSide>, FileReadSingle<HostSide>, kPages},
    {"file_read_around", "file read in sequence, a page",
     FileReadSequential<ModelSide>, FileReadSequential<HostSide>, kPages},
    {"file_read_around_off", "the same, fault-around off",
     FileReadSequential<ModelSide>, nullptr, kPages, kPage},
    {"private_file_write", "private file write (copy)",
     PrivateFileWrite<ModelSide>, PrivateFileWrite<HostSide>, kPages},
    {"munmap_populated", "munmap of populated memory, a page",
     UnmapPopulated<ModelSide>, UnmapPopulated<HostSide>, kPages},
    {"mmap_munmap", "mmap + munmap of an untouched page", MapUnmap<ModelSide>,
     MapUnmap<HostSide>, kCalls},
    {"mprotect_split", "mprotect that splits in three", ProtectSplit<ModelSide>,
     ProtectSplit<HostSide>, kCalls},
    {"mremap_move", "mremap that moves 16 populated pages",
     MovePopulated<ModelSide>, MovePopulated<HostSide>, kCalls},
};

}  // namespace

void RegisterFaultBenchmarks() { RegisterComparison("fault", kSubjects); }

void PrintFaultTable(const MedianReporter& results, std::ostream* out) {
  PrintComparison("fault", kSubjects, results, out);
}

}  // namespace faultline
