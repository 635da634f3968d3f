// SPDX-License-Identifier: GPL-2.0-only
//
// Mapping a file of an image in a Session as a loader does, and showing what
// came of it.  Shared by `maps` and `demo`.

#ifndef FAULTLINE_SIM_CLI_MAPPED_FILE_H_
#define FAULTLINE_SIM_CLI_MAPPED_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "cramfs/tools/reader.h"
#include "sim/cli/elf_mapping.h"
#include "sim/cli/session.h"

namespace faultline {

// Blocks at the beginning that can be mapped where they are: full, raw, page
// aligned and one after the other.
uint32_t DirectPrefix(const std::vector<cramfs::BlockInfo>& blocks);

struct MappedFile {
  size_t file = 0;       // of the session
  uint64_t address = 0;  // of the first mapping
  FileMapping first;
  std::vector<FileMapping> segments;  // still to come; none if no ELF file
};

// The loader's first mapping: the total mapping of an ELF file, all of any
// other, or if not as_loader.
absl::StatusOr<MappedFile> MapFirst(Session* session, size_t file,
                                    absl::Span<const uint8_t> data,
                                    bool as_loader = true);

// Maps the segments over it.  kFailedPrecondition names the one that failed.
absl::Status MapSegments(Session* session, const MappedFile& mapped);

// The first page of the first mapping whose block cannot be mapped where it
// is, as an address; nothing if there is none.
std::optional<uint64_t> TailAddress(
    const MappedFile& mapped, const std::vector<cramfs::BlockInfo>& blocks);

// Loads the byte there and compares it with the file's.
absl::Status TouchAndCompare(Session* session, const MappedFile& mapped,
                             absl::Span<const uint8_t> data, uint64_t address);

// Pages that follow each other in address and frame and agree in everything
// else are one line.
std::string FormatPages(const std::vector<fl_page_info>& pages,
                        absl::string_view indent);

// Each line of `text` behind `indent`.
std::string Indented(absl::string_view text, absl::string_view indent);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_MAPPED_FILE_H_
