// SPDX-License-Identifier: GPL-2.0-only
//
// What an ELF loader maps of a file, and in which order.

#ifndef FAULTLINE_SIM_CLI_ELF_MAPPING_H_
#define FAULTLINE_SIM_CLI_ELF_MAPPING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace faultline {

// One private mapping of the file; all in bytes, multiples of a page.
struct FileMapping {
  uint64_t at = 0;  // from the beginning of the first mapping
  uint64_t length = 0;
  uint64_t offset = 0;  // in the file
  uint32_t prot = 0;    // FL_PROT_*
};

struct ElfMapping {
  // First of all loaders reserve the room of the whole object by one mapping
  // of the file; it goes beyond the segment it is made for, and often beyond
  // the end of the file.  Its protection here is that of text, read and
  // execute, as of an object with one text segment.
  FileMapping total;
  // Then each segment is mapped over it, in order.
  std::vector<FileMapping> segments;
};

// `file`: the bytes.  kInvalidArgument: not ELF, or nothing to load.
absl::StatusOr<ElfMapping> PlanElfMapping(absl::Span<const uint8_t> file);

// "r-x".
std::string ProtText(uint32_t prot);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_ELF_MAPPING_H_
