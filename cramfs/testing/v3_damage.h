// SPDX-License-Identifier: GPL-2.0-only

#ifndef FAULTLINE_CRAMFS_TESTING_V3_DAMAGE_H_
#define FAULTLINE_CRAMFS_TESTING_V3_DAMAGE_H_

#include <string>
#include <vector>

namespace faultline::cramfs {

// Parts of the reports of known damage that v3 does.  A split leaves the new
// vma where reverse mapping may miss it; a partial mapping that goes unsplit
// leaks what it reserved (x86).
inline const std::vector<std::string>& V3Damage() {
  static const auto* const kDamage =
      new std::vector<std::string>{"i_mmap: vma ",
                                   "rmap misses vma",
                                   "mapcount 1, rmap finds 0",
                                   "test freeing invalid memtype",
                                   "left over: kmalloc-32: ",
                                   "left over: reserved PAT ranges"};
  return *kDamage;
}

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TESTING_V3_DAMAGE_H_
