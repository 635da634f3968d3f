// SPDX-License-Identifier: GPL-2.0-only

#include <optional>

#include "absl/strings/str_format.h"
#include "bench/comparison.h"

namespace faultline {

void PrintComparison(const std::string& group,
                     absl::Span<const Subject> subjects,
                     const MedianReporter& results, std::ostream* out) {
  const auto name = [&group](const Subject& subject, const char* side) {
    return absl::StrCat(group, "/", subject.name, "/", side);
  };
  bool headed = false;
  for (const Subject& subject : subjects) {
    const std::optional<double> model =
        results.Median(name(subject, "model"), "per_item");
    const std::optional<double> host =
        results.Median(name(subject, "host"), "per_item");
    if (!model && !host) continue;
    if (!headed) {
      *out << absl::StreamFormat("\n%-38s %10s %10s %11s\n", "medians",
                                 "model ns", "host ns", "model/host");
      headed = true;
    }
    auto ns = [](std::optional<double> seconds) {
      return seconds ? absl::StrFormat("%.0f", *seconds * 1e9) : "-";
    };
    *out << absl::StreamFormat(
        "%-38s %10s %10s %11s\n", subject.title, ns(model), ns(host),
        model && host ? absl::StrFormat("%.2f", *model / *host) : "-");
  }
}

}  // namespace faultline
