// SPDX-License-Identifier: GPL-2.0-only
//
// What cramfsck and extract both say: lists, progress, what an extraction did.

#ifndef FAULTLINE_SIM_CLI_IMAGE_REPORT_H_
#define FAULTLINE_SIM_CLI_IMAGE_REPORT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "cramfs/tools/extract.h"
#include "cramfs/tools/reader.h"
#include "sim/cli/io.h"

namespace faultline {

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

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_IMAGE_REPORT_H_
