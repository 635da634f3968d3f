// SPDX-License-Identifier: GPL-2.0-only

#include "sim/source_path.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace faultline {

std::string RelativeSourcePath(const std::string& path) {
  const absl::string_view view(path);
  for (absl::string_view folder : {"mm/", "cramfs/", "sim/"}) {
    if (absl::StartsWith(view, folder)) return path;
  }
  // The innermost folder of that name whose path leads no further into the
  // tree: sim/testing/x.cc, not testing/x.cc.
  size_t best = std::string::npos;
  for (absl::string_view folder : {"/mm/", "/cramfs/", "/sim/"}) {
    size_t at = view.rfind(folder);
    if (at == absl::string_view::npos) continue;
    if (best == std::string::npos || at > best) best = at;
  }
  if (best != std::string::npos) return path.substr(best + 1);
  return absl::StartsWith(view, "./") ? path.substr(2) : path;
}

}  // namespace faultline
