// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/file_list.h"

#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace faultline::cramfs {
namespace {

// Null if there is none.
const Entry* Find(const Entry& root, const std::vector<std::string>& names) {
  const Entry* entry = &root;
  for (const std::string& name : names) {
    const auto child =
        std::find_if(entry->children.begin(), entry->children.end(),
                     [&name](const Entry& each) { return each.name == name; });
    if (child == entry->children.end()) return nullptr;
    entry = &*child;
  }
  return entry;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseFileList(absl::string_view text,
                                                       const std::string& file,
                                                       const Entry& root) {
  std::vector<std::string> paths;
  uint64_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (line.empty()) continue;
    std::vector<std::string> names =
        absl::StrSplit(line, '/', absl::SkipEmpty());
    names.erase(std::remove(names.begin(), names.end(), "."), names.end());
    const Entry* entry = Find(root, names);
    if (entry == nullptr || !S_ISREG(entry->mode)) {
      return absl::InvalidArgumentError(absl::StrCat(
          file, ":", number, ": ", line, ": ",
          entry == nullptr ? "not in the tree" : "not a regular file"));
    }
    paths.push_back(absl::StrCat("/", absl::StrJoin(names, "/")));
  }
  return paths;
}

}  // namespace faultline::cramfs
