// SPDX-License-Identifier: GPL-2.0-only
//
// Lists of files of a tree, one path a line.

#ifndef FAULTLINE_CRAMFS_TOOLS_FILE_LIST_H_
#define FAULTLINE_CRAMFS_TOOLS_FILE_LIST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cramfs/tools/writer.h"

namespace faultline::cramfs {

// The paths of `text` in the form of BuildOptions::xip_files.  Each is from
// the root of the tree, "bin/x", "/bin/x" or "./bin/x", and must be a regular
// file there; empty lines count for nothing.  kInvalidArgument, "FILE:LINE:
// what", for the first that is none.
absl::StatusOr<std::vector<std::string>> ParseFileList(absl::string_view text,
                                                       const std::string& file,
                                                       const Entry& root);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_FILE_LIST_H_
