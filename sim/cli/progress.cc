// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace faultline {

void Progress::Show(absl::string_view text) {
  if (!io_.err_is_terminal) return;
  const size_t room = static_cast<size_t>(std::max(io_.width - 1, 10));
  // Erase to the end of the line: the line before may have been longer.
  io_.err << "\r" << text.substr(0, room) << "\x1b[K" << std::flush;
  shown_ = true;
}

void Progress::Clear() {
  if (!shown_) return;
  io_.err << "\r\x1b[K" << std::flush;
  shown_ = false;
}

std::string WithCommas(uint64_t number) {
  const std::string digits = absl::StrCat(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string Seconds(double seconds) {
  if (seconds < 9.995) return absl::StrFormat("%.2f s", seconds);
  const uint64_t whole = static_cast<uint64_t>(seconds + 0.5);
  if (whole < 120) return absl::StrCat(whole, " s");
  return absl::StrCat(whole / 60, " min ", whole % 60, " s");
}

std::string Count(uint64_t number, absl::string_view one,
                  absl::string_view many) {
  return absl::StrCat(WithCommas(number), " ", number == 1 ? one : many);
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 10240) return absl::StrCat(WithCommas(bytes), " bytes");
  if (bytes < uint64_t{10} << 20) return absl::StrFormat("%.0f KiB", bytes / 1024.0);
  return absl::StrFormat("%.1f MiB", bytes / 1048576.0);
}

}  // namespace faultline
