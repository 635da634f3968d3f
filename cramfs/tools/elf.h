// SPDX-License-Identifier: GPL-2.0-only
//
// The loadable segments of an ELF file: 32 or 64 bits, either byte order.

#ifndef FAULTLINE_CRAMFS_TOOLS_ELF_H_
#define FAULTLINE_CRAMFS_TOOLS_ELF_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace faultline::cramfs {

// One PT_LOAD program header.  Offsets and sizes are in bytes.
struct LoadSegment {
  uint64_t offset = 0;     // in the file
  uint64_t file_size = 0;  // offset + file_size does not overflow, but may lie
                           // beyond the file
  uint64_t address = 0;
  uint64_t memory_size = 0;
  bool read = false, write = false, execute = false;

  // Whether file bytes [first, first + length) and the segment's overlap.
  bool Overlaps(uint64_t first, uint64_t length) const {
    return file_size > 0 && first < offset + file_size &&
           offset < first + length;
  }
};

// Starts with the ELF magic; says nothing about the rest.
bool IsElf(absl::Span<const uint8_t> file);

// PT_LOAD segments in the order of the program header table; none if there is
// no table.  kInvalidArgument: not ELF, or a class, byte order or version that
// does not exist; kOutOfRange: a header or the table is cut, or overflows.
absl::StatusOr<std::vector<LoadSegment>> ReadLoadSegments(
    absl::Span<const uint8_t> file);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_ELF_H_
