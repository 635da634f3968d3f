// SPDX-License-Identifier: GPL-2.0-only
//
// What the commands that read cramfs images have in common: the exit codes of
// fsck, opening an image, and what is said of an extraction.

#ifndef FAULTLINE_SIM_CLI_CRAMFS_IMAGE_H_
#define FAULTLINE_SIM_CLI_CRAMFS_IMAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cramfs/tools/extract.h"
#include "cramfs/tools/reader.h"
#include "sim/cli/io.h"

namespace faultline {

// Bits, as fsck(8) has them.
inline constexpr int kFsckUncorrected = 4;  // the image has errors
inline constexpr int kFsckFailed = 8;       // could not read, could not write
inline constexpr int kFsckUsage = 16;       // wrong use

// An image and the bytes it reads; stays where it is.
struct CramfsImage {
  std::string path;
  std::string bytes;
  std::vector<cramfs::ImageReader> reader;  // one

  const cramfs::ImageReader& image() const { return reader.front(); }
};

// Null after an error, which has been told on io.err; then `code` is the exit
// code: kFsckUncorrected if it is no image, kFsckFailed if there is no such
// file or it uses features unknown here.
std::unique_ptr<CramfsImage> OpenCramfsImage(Io& io, const std::string& path,
                                             int* code);

// A node as cramfsck -v lists it: type, mode, size or device, owner, path, and
// of a link where it leads, as far as it can be read.  With a newline.
std::string NodeLine(const cramfs::ImageReader& image,
                     const cramfs::Node& node);

// Tells on io.err, behind `image_path`, what Extract reported: errors (those
// of the image only with `image_errors`), and what was skipped: counts, with
// `verbose` each.  Returns the exit code.
int TellExtraction(Io& io, const std::string& image_path,
                   const cramfs::ExtractReport& report, bool image_errors,
                   bool verbose);

// For CheckOptions and ExtractOptions: shows "WHAT: 42 %" while it lasts (or
// nothing, if `what` is empty: where a list scrolls by), and ends it when the
// user interrupts.  `io` must outlive it.
std::function<bool(uint64_t done, uint64_t total)> ShowProgress(
    Io& io, absl::string_view what);

// `code`, or what to return because io.out could not be written.
int FsckCode(Io& io, int code);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_CRAMFS_IMAGE_H_
