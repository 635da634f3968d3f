// SPDX-License-Identifier: GPL-2.0-only
//
// Device tables, as mkcramfs -D and genext2fs -D read them: nodes that the
// builder need not be root to make, and other modes and owners for those there
// are.  One entry a line, fields apart by blanks, '#' begins a comment:
//
//   PATH  TYPE  MODE  UID  GID  MAJOR  MINOR  START  INC  COUNT
//
// PATH begins with '/'.  TYPE is f (file), d (directory), c or b (device) or p
// (fifo).  MODE is octal, 0755 if not given; other numbers are decimal and 0 if
// not given, INC 1.  "-" is a field that is not given, as are those left off at
// the end.
//
// What exists must be of that type; it gets mode, owner and device number.
// What does not is made, in a directory that exists by then; a file must exist.
// COUNT above 0: instead of PATH itself, PATH with the numbers START, START + 1
// ... appended, minor numbers MINOR, MINOR + INC ...

#ifndef FAULTLINE_CRAMFS_TOOLS_DEVICE_TABLE_H_
#define FAULTLINE_CRAMFS_TOOLS_DEVICE_TABLE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cramfs/tools/writer.h"

namespace faultline::cramfs {

// Applies the lines of `text` in order.  kInvalidArgument, "FILE:LINE: what",
// for the first that is wrong; the tree then holds what was before it.
absl::Status ApplyDeviceTable(absl::string_view text, const std::string& file,
                              Entry* root);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_DEVICE_TABLE_H_
