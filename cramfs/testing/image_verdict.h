// SPDX-License-Identifier: GPL-2.0-only
//
// What the image check and the mounted file system say of an image, in the
// words of bad_images.h.

#ifndef FAULTLINE_CRAMFS_TESTING_IMAGE_VERDICT_H_
#define FAULTLINE_CRAMFS_TESTING_IMAGE_VERDICT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cramfs/testing/mounted_image.h"

namespace faultline::cramfs {

// BadImage::check.
std::string CheckVerdict(const std::vector<uint8_t>& image);

// Every node of an image that passes Check or nearly does, and what is in it.
class Contents {
 public:
  explicit Contents(std::vector<uint8_t> image);

  // Without a slash in front; the root, "", first.
  const std::vector<std::string>& paths() const { return paths_; }

  // What the mounted file system shows at a path, see SeenFile; "same" if it
  // is what these contents have there.
  std::string Seen(TestMachine* machine, const std::string& path) const;

 private:
  std::string SeenFileOf(TestMachine* machine, const std::string& path,
                         const std::vector<uint8_t>* expected) const;

  std::vector<uint8_t> image_;
  std::vector<std::string> paths_;
};

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TESTING_IMAGE_VERDICT_H_
