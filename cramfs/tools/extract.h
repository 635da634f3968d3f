// SPDX-License-Identifier: GPL-2.0-only
//
// Extracts an image, or parts of it, into a directory of this machine.
//
// Nothing is written outside the directory, whatever the image holds and
// whoever changes the directory meanwhile:
//   - names that are no file names do not come out of the reader;
//   - every file is made with O_EXCL (or mkdir, symlink, mknod, which fail
//     likewise) under the open directory it belongs to: nothing that exists is
//     opened, followed or overwritten, and a second entry of one name is an
//     error;
//   - a directory is opened without following links right after it was made,
//     and must be the caller's own; the way back up must lead to the very
//     directory that was left;
//   - modes and owners are set through the open file.
// At most two directories are open at a time, at any depth, and paths are
// taken one component at a time: neither descriptors nor PATH_MAX bound depth.
//
// A file appears only when its data could be read whole.  Holes stay holes.
// All times are 0, as in a mounted cramfs.  Modes of directories are set when
// their entries are there.
//
// Without root, or where the kernel refuses (EPERM): owners that are not the
// caller's own are not set, and then no set-user or set-group bit that would
// give other rights than the image's; devices are not made.  All of it is
// counted and told.  Fifos and sockets are made by anyone.
//
// How much is written is bounded: see ExtractOptions::max_bytes.

#ifndef FAULTLINE_CRAMFS_TOOLS_EXTRACT_H_
#define FAULTLINE_CRAMFS_TOOLS_EXTRACT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cramfs/tools/reader.h"

namespace faultline::cramfs {

struct ExtractOptions {
  // What to extract, with what is below: paths as Lookup takes them.  Each goes
  // to its own place under the target, the directories above it are made, with
  // their own modes.  Empty: everything.
  std::vector<std::string> paths;
  // Goes on after errors, with what is not in their way.
  bool go_on = false;
  // Largest sum of sizes of the files; more is refused before anything is
  // written.  0: what an image of this size can hold if no two entries share
  // data, 1024 times its size (four bytes of pointer stand for a page).  An
  // image beyond that lives on many names for the same data.
  uint64_t max_bytes = 0;
  // How many errors and skipped things are kept in the report; all are counted.
  size_t max_lines = 1000;
  // Before each node is made.
  std::function<void(const Node&)> visit;
  // Bytes of files done and to do; false ends the extraction, with `cancelled`.
  std::function<bool(uint64_t done, uint64_t total)> progress;
};

struct ExtractReport {
  // kDataLoss, kInvalidArgument, kNotFound: of the image or the paths, as
  // ImageReader's.  All others are of this machine: "FILE: what: why".
  std::vector<absl::Status> errors;
  uint64_t image_errors = 0;
  uint64_t host_errors = 0;
  // What was made, the target itself not counted.
  uint64_t files = 0, directories = 0, links = 0, specials = 0;
  uint64_t bytes = 0;
  // What was not possible, and why it is no error.
  uint64_t owners_skipped = 0, devices_skipped = 0, set_id_bits_skipped = 0;
  std::vector<std::string> skipped;  // "PATH: what"
  bool cancelled = false;

  bool ok() const {
    return image_errors == 0 && host_errors == 0 && !cancelled;
  }
};

// Into `target`, which is made; one that exists must be empty.  Its mode and
// owner become the root directory's.  Without go_on nothing is written if the
// tree (not the data) has an error; what was extracted before an error stays.
ExtractReport Extract(const ImageReader& image, const std::string& target,
                      const ExtractOptions& options = {});

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_EXTRACT_H_
