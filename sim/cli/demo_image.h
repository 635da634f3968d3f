// SPDX-License-Identifier: GPL-2.0-only
//
// The image of the demo: real binaries of the machine it runs on.

#ifndef FAULTLINE_SIM_CLI_DEMO_IMAGE_H_
#define FAULTLINE_SIM_CLI_DEMO_IMAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cramfs/tools/reader.h"

namespace faultline {

struct DemoFile {
  std::string path;  // on the host and in the image, no links in it
  std::vector<uint8_t> data;
  std::vector<cramfs::BlockInfo> blocks;  // in the image
};

struct DemoImage {
  std::vector<uint8_t> bytes;
  std::vector<DemoFile> files;
  uint64_t file_bytes = 0;
  uint64_t blocks = 0, direct_blocks = 0;
  // Pages of the image in which the tail of one file stands beside what
  // belongs to another.
  uint64_t shared_pages = 0;
};

// 64-bit ELF files among: the shell, coreutils, the C library this process
// uses.  kNotFound unless there is one of each.
absl::StatusOr<DemoImage> BuildDemoImage();

// Reads every file back with the independent reader and compares; and checks
// the image as a whole.
absl::Status VerifyDemoImage(const DemoImage& image);

// Fills in `blocks` and the figures from the image's bytes.
absl::Status MeasureDemoImage(DemoImage* image);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_DEMO_IMAGE_H_
