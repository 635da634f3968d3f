// SPDX-License-Identifier: GPL-2.0-only
//
// Arena: the memory that one machine lives in.  Reserved, zeroed, page
// aligned, and given back when the Arena goes.  A 32-bit kernel build needs
// it below 4 GiB, so that a pointer fits the modelled kulong.
//
// Thread safety: none needed; an Arena is constant after Create.

#ifndef FAULTLINE_SIM_ARENA_H_
#define FAULTLINE_SIM_ARENA_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

namespace faultline {

class Arena {
 public:
  static constexpr size_t kPageBytes = 4096;

  // With a MiB on either side that nobody can access.  kResourceExhausted when
  // there is no such room.
  static absl::StatusOr<Arena> Create(uint64_t bytes, bool below_4g);

  Arena() = default;
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  char* data() const { return data_; }
  uint64_t size() const { return size_; }
  bool Contains(const void* address) const {
    return reinterpret_cast<uintptr_t>(address) -
               reinterpret_cast<uintptr_t>(data_) <
           size_;
  }
  // All zero again, the memory given back to the host.
  void Clear();

 private:
  char* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_ARENA_H_
