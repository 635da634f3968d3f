// SPDX-License-Identifier: GPL-2.0-only

#include "sim/arena.h"

#include <sys/mman.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#if defined(__SANITIZE_ADDRESS__)
#define FAULTLINE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAULTLINE_ASAN 1
#endif
#endif
#ifdef FAULTLINE_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace faultline {
namespace {

constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
// On either side nothing can be accessed: code that runs over the end of
// physical memory must not meet what the host happens to have there.
constexpr uint64_t kGuardBytes = uint64_t{1} << 20;
constexpr uint64_t k4G = uint64_t{1} << 32;

// MAP_32BIT only tries the first 2 GiB and fails when those are full; then
// hints walk the rest.  A hint that is taken gives another address, which is
// returned to the kernel.
void* MapBelow4G(uint64_t bytes) {
  void* at =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kFlags | MAP_32BIT, -1, 0);
  if (at != MAP_FAILED) return at;
  for (uint64_t hint = 0x10000000; hint + bytes <= k4G; hint += 0x1000000) {
    at = mmap(reinterpret_cast<void*>(hint), bytes, PROT_READ | PROT_WRITE,
              kFlags, -1, 0);
    if (at == MAP_FAILED) continue;
    if (reinterpret_cast<uintptr_t>(at) + bytes <= k4G) return at;
    munmap(at, bytes);
  }
  return MAP_FAILED;
}

// What a native kernel build under ASan poisoned outlives the memory.
void Unpoison([[maybe_unused]] void* at, [[maybe_unused]] uint64_t bytes) {
#ifdef FAULTLINE_ASAN
  __asan_unpoison_memory_region(at, bytes);
#endif
}

}  // namespace

absl::StatusOr<Arena> Arena::Create(uint64_t bytes, bool below_4g) {
  bytes = (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
  if (bytes == 0) return absl::InvalidArgumentError("arena of 0 bytes");
  const uint64_t all = bytes + 2 * kGuardBytes;
  void* at = below_4g
                 ? MapBelow4G(all)
                 : mmap(nullptr, all, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  if (at == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no room for an arena of ", bytes, " bytes",
                     below_4g ? " below 4 GiB" : ""));
  }
  Arena arena;
  arena.data_ = static_cast<char*>(at) + kGuardBytes;
  arena.size_ = bytes;
  if (mprotect(at, kGuardBytes, PROT_NONE) != 0 ||
      mprotect(arena.data_ + bytes, kGuardBytes, PROT_NONE) != 0) {
    return absl::ResourceExhaustedError("no guards around an arena");
  }
  return arena;
}

Arena::Arena(Arena&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Arena::~Arena() {
  if (data_ == nullptr) return;
  Unpoison(data_, size_);
  munmap(data_ - kGuardBytes, size_ + 2 * kGuardBytes);
}

void Arena::Clear() {
  Unpoison(data_, size_);
  madvise(data_, size_, MADV_DONTNEED);
}

}  // namespace faultline
