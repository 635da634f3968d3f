// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/mapped_file.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cramfs/tools/elf.h"

namespace faultline {
namespace {

constexpr uint64_t kPage = cramfs::kBlockSize;

bool SameRun(const fl_page_info& first, const fl_page_info& next,
             uint64_t count) {
  return next.address == first.address + count * kPage &&
         next.pfn == first.pfn + count && next.present == first.present &&
         next.write == first.write && next.special == first.special &&
         next.rom == first.rom && next.refcount == first.refcount &&
         next.mapcount == first.mapcount &&
         strcmp(next.backing, first.backing) == 0;
}

}  // namespace

uint32_t DirectPrefix(const std::vector<cramfs::BlockInfo>& blocks) {
  uint32_t count = 0;
  while (count < blocks.size() && blocks[count].mappable() &&
         blocks[count].size == kPage &&
         blocks[count].offset == blocks[0].offset + count * kPage) {
    ++count;
  }
  return count;
}

absl::StatusOr<MappedFile> MapFirst(Session* session, size_t file,
                                    absl::Span<const uint8_t> data,
                                    bool as_loader) {
  MappedFile mapped;
  mapped.file = file;
  mapped.first = {0, (data.size() + kPage - 1) / kPage * kPage, 0,
                  FL_PROT_READ};
  if (as_loader && cramfs::IsElf(data)) {
    absl::StatusOr<ElfMapping> plan = PlanElfMapping(data);
    if (plan.ok()) {
      mapped.first = plan->total;
      mapped.segments = plan->segments;
    }
  }
  absl::StatusOr<uint64_t> address = session->Map(
      file, 0, mapped.first.length, mapped.first.prot, mapped.first.offset);
  if (!address.ok()) return address.status();
  mapped.address = *address;
  return mapped;
}

absl::Status MapSegments(Session* session, const MappedFile& mapped) {
  for (const FileMapping& segment : mapped.segments) {
    absl::StatusOr<uint64_t> address =
        session->Map(mapped.file, mapped.address + segment.at, segment.length,
                     segment.prot, segment.offset);
    if (!address.ok()) return address.status();
  }
  return absl::OkStatus();
}

std::optional<uint64_t> TailAddress(
    const MappedFile& mapped, const std::vector<cramfs::BlockInfo>& blocks) {
  const uint32_t prefix = DirectPrefix(blocks);
  const uint64_t first = mapped.first.offset / kPage;
  const uint64_t page = prefix > first ? prefix : first;
  if (page >= blocks.size() || blocks[page].mappable()) return std::nullopt;
  const uint64_t at = (page - first) * kPage;
  if (at >= mapped.first.length) return std::nullopt;
  return mapped.address + at;
}

absl::Status TouchAndCompare(Session* session, const MappedFile& mapped,
                             absl::Span<const uint8_t> data, uint64_t address) {
  absl::StatusOr<fl_user_result> result = session->Touch(FL_LOAD, address);
  if (!result.ok()) return result.status();
  if (result->sig != 0) {
    return absl::FailedPreconditionError(
        absl::StrFormat("signal %d at 0x%x", result->sig, result->si_addr));
  }
  const uint64_t offset = address - mapped.address + mapped.first.offset;
  const uint64_t expected = offset < data.size() ? data[offset] : 0;
  if (result->value != expected) {
    return absl::DataLossError(
        absl::StrFormat("0x%x holds 0x%02x, the file has 0x%02x", address,
                        result->value, expected));
  }
  return absl::OkStatus();
}

std::string FormatPages(const std::vector<fl_page_info>& pages,
                        absl::string_view indent) {
  std::string text;
  for (size_t i = 0; i < pages.size();) {
    const fl_page_info& first = pages[i];
    uint64_t count = 1;
    while (i + count < pages.size() &&
           SameRun(first, pages[i + count], count)) {
      ++count;
    }
    absl::StrAppendFormat(&text, "%s%012x  %4d %-5s  pfn %05x", indent,
                          first.address, count, count == 1 ? "page" : "pages",
                          first.pfn);
    if (count > 1) {
      absl::StrAppendFormat(&text, "-%05x", first.pfn + count - 1);
    } else {
      text += std::string(6, ' ');
    }
    absl::StrAppendFormat(&text, "  %-10s  %s", first.backing,
                          first.write ? "rw" : "ro");
    if (first.special) text += " special";
    if (first.refcount >= 0) {
      absl::StrAppendFormat(&text, "  refcount %d, mapcount %d", first.refcount,
                            first.mapcount);
    }
    text += "\n";
    i += count;
  }
  return text;
}

std::string Indented(absl::string_view text, absl::string_view indent) {
  std::string result;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&result, indent, line, "\n");
  }
  return result;
}

}  // namespace faultline
