// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/serial.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace faultline {
namespace {

// Of what goes where the kernel likes: many of it fit the window.
constexpr uint64_t kLongest = kWindowBytes / 16;

bool ParseHex(absl::string_view text, uint64_t* value) {
  return absl::SimpleHexAtoi(text, value);
}

// The next blank-separated word of *text.
absl::string_view NextWord(absl::string_view* text) {
  *text = absl::StripLeadingAsciiWhitespace(*text);
  const size_t end = std::min(text->find(' '), text->size());
  const absl::string_view word = text->substr(0, end);
  text->remove_prefix(end);
  return word;
}

bool ParseLine(absl::string_view line, MapsText* out) {
  const absl::string_view range = NextWord(&line);
  const size_t dash = range.find('-');
  if (dash == absl::string_view::npos) return false;
  if (!ParseHex(range.substr(0, dash), &out->start) ||
      !ParseHex(range.substr(dash + 1), &out->end)) {
    return false;
  }
  out->permissions = NextWord(&line);
  if (out->permissions.size() != 4) return false;
  if (!ParseHex(NextWord(&line), &out->offset)) return false;
  NextWord(&line);  // device
  if (!absl::SimpleAtoi(NextWord(&line), &out->inode)) return false;
  out->path = absl::StripLeadingAsciiWhitespace(line);
  return true;
}

}  // namespace

std::string FormatMapLine(const MapLine& line,
                          const std::vector<std::string>& files) {
  std::string text = absl::StrFormat("[-0x%x, -0x%x) %s", line.start, line.end,
                                     line.permissions);
  if (line.file >= 0) {
    absl::StrAppend(&text, " ", files[static_cast<size_t>(line.file)]);
    absl::StrAppendFormat(&text, " + 0x%x", line.offset);
  }
  return text;
}

bool HostHas(OpKind kind) {
  switch (kind) {
    case OpKind::kMmap:
    case OpKind::kMunmap:
    case OpKind::kMprotect:
    case OpKind::kMadvise:
    case OpKind::kMremap:
    case OpKind::kLoad:
    case OpKind::kStore:
    case OpKind::kRead:
      return true;
    default:
      return false;
  }
}

bool InWindow(const CompiledOp& op, const uint64_t* variables,
              uint64_t ceiling) {
  const auto inside = [ceiling](uint64_t address, uint64_t length) {
    return address <= ceiling && ceiling - address <= kWindowBytes &&
           length <= ceiling - address;
  };
  if (op.kind == OpKind::kRead) return true;
  if (op.kind == OpKind::kMmap && !op.fixed) {
    // Longer than an address space: refused.
    return op.length <= kLongest || op.length >= uint64_t{1} << 47;
  }
  const uint64_t address = OpAddress(op, variables);
  if (op.kind == OpKind::kMremap) {
    // It may grow where it is.
    return inside(address, std::max(op.length, op.new_length)) &&
           op.new_length <= kLongest &&
           (!op.fixed || inside(OpTarget(op, variables), op.new_length));
  }
  const bool has_length =
      op.kind == OpKind::kMmap || op.kind == OpKind::kMunmap ||
      op.kind == OpKind::kMprotect || op.kind == OpKind::kMadvise;
  return inside(address, has_length ? op.length : op.size);
}

absl::Status ParseMaps(absl::string_view text, std::vector<MapsText>* lines) {
  lines->clear();
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    MapsText parsed;
    if (!ParseLine(line, &parsed)) {
      return absl::DataLossError(
          absl::StrCat("no line of /proc/PID/maps: ", line));
    }
    lines->push_back(parsed);
  }
  return absl::OkStatus();
}

uint64_t HashBytes(const void* data, uint64_t bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint64_t i = 0; i < bytes; ++i) {
    hash = (hash ^ static_cast<const uint8_t*>(data)[i]) * 0x100000001b3u;
  }
  return hash;
}

}  // namespace faultline
