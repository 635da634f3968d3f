// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/elf_mapping.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "cramfs/tools/elf.h"
#include "mm/interface.h"

namespace faultline {
namespace {

constexpr uint64_t kPage = 4096;
// Of an object: far above what cramfs can hold, far below overflow.
constexpr uint64_t kMaxSpan = uint64_t{1} << 32;

uint64_t Down(uint64_t bytes) { return bytes & ~(kPage - 1); }
uint64_t Up(uint64_t bytes) { return Down(bytes + kPage - 1); }

}  // namespace

absl::StatusOr<ElfMapping> PlanElfMapping(absl::Span<const uint8_t> file) {
  absl::StatusOr<std::vector<cramfs::LoadSegment>> segments =
      cramfs::ReadLoadSegments(file);
  if (!segments.ok()) return segments.status();
  uint64_t begin = std::numeric_limits<uint64_t>::max(), end = 0;
  for (const cramfs::LoadSegment& segment : *segments) {
    const bool fits =
        segment.memory_size <= kMaxSpan &&
        segment.address <= std::numeric_limits<uint64_t>::max() - 2 * kMaxSpan;
    if (!fits) {
      return absl::InvalidArgumentError("ELF segment of impossible size");
    }
    begin = std::min(begin, Down(segment.address));
    end = std::max(end, Up(segment.address + segment.memory_size));
  }
  if (segments->empty() || end <= begin) {
    return absl::InvalidArgumentError("ELF file with nothing to load");
  }
  if (end - begin > kMaxSpan) {
    return absl::InvalidArgumentError("ELF segments impossibly far apart");
  }
  ElfMapping mapping;
  mapping.total = {0, end - begin, Down(segments->front().offset),
                   FL_PROT_READ | FL_PROT_EXEC};
  for (const cramfs::LoadSegment& segment : *segments) {
    if (segment.file_size == 0) continue;
    const uint64_t slack = segment.address - Down(segment.address);
    mapping.segments.push_back(
        {Down(segment.address) - begin, Up(segment.file_size + slack),
         Down(segment.offset),
         (segment.read ? uint32_t{FL_PROT_READ} : 0) |
             (segment.write ? uint32_t{FL_PROT_WRITE} : 0) |
             (segment.execute ? uint32_t{FL_PROT_EXEC} : 0)});
  }
  return mapping;
}

std::string ProtText(uint32_t prot) {
  return {prot & FL_PROT_READ ? 'r' : '-', prot & FL_PROT_WRITE ? 'w' : '-',
          prot & FL_PROT_EXEC ? 'x' : '-'};
}

}  // namespace faultline
