// SPDX-License-Identifier: GPL-2.0-only
//
// Random: splitmix64.  Stable between builds and libraries, unlike
// absl::BitGen: a seed printed in a report means the same search for ever.

#ifndef FAULTLINE_SIM_RANDOM_H_
#define FAULTLINE_SIM_RANDOM_H_

#include <cstdint>

namespace faultline {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // Below n; n >= 1.  The bias for n far below 2^32 is of no account here.
  uint32_t Below(uint32_t n) {
    return static_cast<uint32_t>(((Next() >> 32) * n) >> 32);
  }
  // True with probability `in_65536` / 65536.
  bool Chance(uint32_t in_65536) { return (Next() & 0xffff) < in_65536; }

 private:
  uint64_t state_;
};

// Mixes `value` into `hash`; order matters.
inline uint64_t MixHash(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9fb21c651e98df25ull;
  return hash ^ (hash >> 32);
}

}  // namespace faultline

#endif  // FAULTLINE_SIM_RANDOM_H_
