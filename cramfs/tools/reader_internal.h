// SPDX-License-Identifier: GPL-2.0-only
//
// What the parts of the reader share.

#ifndef FAULTLINE_CRAMFS_TOOLS_READER_INTERNAL_H_
#define FAULTLINE_CRAMFS_TOOLS_READER_INTERNAL_H_

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "cramfs/tools/reader.h"

namespace faultline::cramfs::internal {

// The longest stored block that any kernel reads, in bytes.
inline constexpr uint32_t kMaxStoredBlock = 2 * kBlockSize;

inline absl::Status Damaged(const Node& node, absl::string_view what,
                            uint64_t image_offset) {
  return absl::DataLossError(
      absl::StrCat(node.path, ": ", what, ", at image offset ", image_offset));
}

inline uint32_t BlockCount(const Node& node) {
  return (node.inode.size + kBlockSize - 1) / kBlockSize;
}

// Whether [begin, end) meets one of `ranges`, which do not overlap.
inline bool MeetsAny(const std::map<uint32_t, uint32_t>& ranges, uint64_t begin,
                     uint64_t end) {
  auto after = ranges.lower_bound(
      static_cast<uint32_t>(std::min<uint64_t>(end, UINT32_MAX)));
  return after != ranges.begin() && std::prev(after)->second > begin;
}

}  // namespace faultline::cramfs::internal

#endif  // FAULTLINE_CRAMFS_TOOLS_READER_INTERNAL_H_
