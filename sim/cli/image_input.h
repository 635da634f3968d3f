// SPDX-License-Identifier: GPL-2.0-only
//
// What the commands that read a cramfs image have in common: the image, paths
// in it, and exit codes.

#ifndef FAULTLINE_SIM_CLI_IMAGE_INPUT_H_
#define FAULTLINE_SIM_CLI_IMAGE_INPUT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cramfs/tools/reader.h"
#include "sim/cli/io.h"

namespace faultline {

// Those of fsck.  Where several hold they are or-ed.
inline constexpr int kExitImageDamaged = 4;
inline constexpr int kExitImageOperational = 8;  // no such file, cannot read
inline constexpr int kExitImageUsage = 16;

// kDataLoss is damage; all else is operational.
int ImageExitCode(const absl::Status& status);
// One line on err; the exit code.
int ComplainOfImage(Io& io, const absl::Status& status);
// Flushes `io.out`.  The exit code with an output error in it.
int FinishImageOutput(Io& io, int exit_code);

class ImageInput {
 public:
  // `path` is a file of the host, "-" standard input.  What is no cramfs
  // image at all is kDataLoss too.
  static absl::StatusOr<std::unique_ptr<ImageInput>> Open(
      const std::string& path);
  ImageInput(const ImageInput&) = delete;
  ImageInput& operator=(const ImageInput&) = delete;

  const cramfs::ImageReader& reader() const { return *reader_; }

  // The node at `path`, symbolic links on the way followed as a kernel that
  // has the image as its root would; the last component's only if
  // `follow_last`.  "." and ".." are what they always are.
  absl::StatusOr<cramfs::Node> Find(absl::string_view path,
                                    bool follow_last) const;

  // `status` with the image's file name in front.
  absl::Status Named(const absl::Status& status) const;

 private:
  explicit ImageInput(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  std::string bytes_;
  std::unique_ptr<cramfs::ImageReader> reader_;
};

// "drwxr-sr-x", as ls writes it; '?' for a type that there is not.
std::string ModeString(uint32_t mode);

// The number that the kernel gives the inode: where its data is, or for what
// has none, one more than where the inode itself is.
uint32_t InodeNumber(const cramfs::Node& node);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_IMAGE_INPUT_H_
