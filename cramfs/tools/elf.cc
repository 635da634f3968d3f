// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/elf.h"

#include <elf.h>

#include <cstddef>
#include <cstring>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace faultline::cramfs {
namespace {

// Reads an integer member of a structure of <elf.h>, whose size and place are
// the file's too; only the byte order differs.
template <typename Struct, typename Field>
uint64_t Read(absl::Span<const uint8_t> file, uint64_t base,
              Field Struct::*member, bool big) {
  static const Struct kProbe{};
  const auto* start = reinterpret_cast<const char*>(&kProbe);
  const auto* field = reinterpret_cast<const char*>(&(kProbe.*member));
  const uint8_t* at = file.data() + base + (field - start);
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(Field); ++i) {
    value |= static_cast<uint64_t>(at[i])
             << 8 * (big ? sizeof(Field) - 1 - i : i);
  }
  return value;
}

template <typename Ehdr, typename Phdr>
absl::StatusOr<std::vector<LoadSegment>> ReadSegments(
    absl::Span<const uint8_t> file, bool big) {
  if (file.size() < sizeof(Ehdr)) {
    return absl::OutOfRangeError("ELF header is cut");
  }
  const uint64_t table = Read(file, 0, &Ehdr::e_phoff, big);
  const uint64_t count = Read(file, 0, &Ehdr::e_phnum, big);
  const uint64_t stride = Read(file, 0, &Ehdr::e_phentsize, big);
  std::vector<LoadSegment> segments;
  if (table == 0 || count == 0) return segments;
  if (stride < sizeof(Phdr)) {
    return absl::OutOfRangeError(
        absl::StrCat("ELF program header entries of ", stride, " bytes"));
  }
  // count and stride have 16 bits each, so the product cannot overflow.
  if (table > file.size() || count * stride > file.size() - table) {
    return absl::OutOfRangeError(absl::StrCat("ELF program header table at ",
                                              table, " is beyond the file"));
  }
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t header = table + i * stride;
    if (Read(file, header, &Phdr::p_type, big) != PT_LOAD) continue;
    LoadSegment segment;
    segment.offset = Read(file, header, &Phdr::p_offset, big);
    segment.file_size = Read(file, header, &Phdr::p_filesz, big);
    segment.address = Read(file, header, &Phdr::p_vaddr, big);
    segment.memory_size = Read(file, header, &Phdr::p_memsz, big);
    const uint64_t flags = Read(file, header, &Phdr::p_flags, big);
    segment.read = flags & PF_R;
    segment.write = flags & PF_W;
    segment.execute = flags & PF_X;
    if (segment.file_size >
        std::numeric_limits<uint64_t>::max() - segment.offset) {
      return absl::OutOfRangeError(
          absl::StrCat("ELF program header ", i, " overflows"));
    }
    segments.push_back(segment);
  }
  return segments;
}

}  // namespace

bool IsElf(absl::Span<const uint8_t> file) {
  return file.size() >= SELFMAG &&
         std::memcmp(file.data(), ELFMAG, SELFMAG) == 0;
}

absl::StatusOr<std::vector<LoadSegment>> ReadLoadSegments(
    absl::Span<const uint8_t> file) {
  if (!IsElf(file)) return absl::InvalidArgumentError("not an ELF file");
  if (file.size() < EI_NIDENT) {
    return absl::OutOfRangeError("ELF identification is cut");
  }
  if (file[EI_DATA] != ELFDATA2LSB && file[EI_DATA] != ELFDATA2MSB) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ELF byte order ", static_cast<int>(file[EI_DATA]), " unknown"));
  }
  if (file[EI_VERSION] != EV_CURRENT) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ELF version ", static_cast<int>(file[EI_VERSION]), " unknown"));
  }
  const bool big = file[EI_DATA] == ELFDATA2MSB;
  switch (file[EI_CLASS]) {
    case ELFCLASS32:
      return ReadSegments<Elf32_Ehdr, Elf32_Phdr>(file, big);
    case ELFCLASS64:
      return ReadSegments<Elf64_Ehdr, Elf64_Phdr>(file, big);
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "ELF class ", static_cast<int>(file[EI_CLASS]), " unknown"));
  }
}

}  // namespace faultline::cramfs
