// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/io.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace faultline {
namespace {

// As Utf8Length, and 0 too for what a terminal obeys instead of showing it:
// C0 and C1 controls, line and paragraph separators, marks of direction.
size_t SafeLength(absl::string_view text) {
  const size_t length = Utf8Length(text);
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (length == 1) return byte(0) < 0x20 || byte(0) == 0x7f ? 0 : 1;
  if (length == 2) {
    const bool c1 = byte(0) == 0xc2 && byte(1) < 0xa0;
    const bool arabic_mark = byte(0) == 0xd8 && byte(1) == 0x9c;
    return c1 || arabic_mark ? 0 : 2;
  }
  if (length == 3 && byte(0) == 0xe2) {
    const bool mark = byte(1) == 0x80 && (byte(2) == 0x8e || byte(2) == 0x8f ||
                                          (byte(2) >= 0xa8 && byte(2) <= 0xae));
    const bool isolate = byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9;
    return mark || isolate ? 0 : 3;
  }
  return length;
}

}  // namespace

int Complain(Io& io, absl::string_view message, int exit_code) {
  io.err << "faultline: " << Printable(message) << "\n";
  return exit_code;
}

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
      return kExitUsage;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitFailed;
  }
}

size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  const auto follows = [&](size_t i, int least = 0x80, int most = 0xbf) {
    return byte(i) >= least && byte(i) <= most;
  };
  const int first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const int least = first == 0xe0 ? 0xa0 : 0x80;
    const int most = first == 0xed ? 0x9f : 0xbf;
    return follows(1, least, most) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const int least = first == 0xf0 ? 0x90 : 0x80;
    const int most = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, least, most) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

std::string Printable(absl::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t length = SafeLength(text);
    const char c = text[0];
    if (length > 0) {
      absl::StrAppend(&result, text.substr(0, length));
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += ' ';
    } else {
      absl::StrAppendFormat(&result, "\\x%02x", static_cast<uint8_t>(c));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return result;
}

std::string EscapedName(absl::string_view name) {
  std::string result;
  while (!name.empty()) {
    const size_t length = SafeLength(name);
    const char c = name[0];
    if (c == '\\') {
      result += "\\\\";
    } else if (length > 0) {
      absl::StrAppend(&result, name.substr(0, length));
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else {
      absl::StrAppendFormat(&result, "\\%03o", static_cast<uint8_t>(c));
    }
    name.remove_prefix(std::max<size_t>(length, 1));
  }
  return result;
}

std::string ShellWord(absl::string_view word) {
  bool plain = !word.empty();
  for (char c : word) {
    plain &= absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
             absl::StrContains("_-./:=+,@%", absl::string_view(&c, 1));
  }
  if (plain) return std::string(word);
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

}  // namespace faultline
