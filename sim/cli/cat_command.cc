// SPDX-License-Identifier: GPL-2.0-only

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/flags.h"
#include "sim/cli/image_input.h"

namespace faultline {
namespace {

absl::StatusOr<std::vector<uint8_t>> ReadPath(const ImageInput& image,
                                              const std::string& path) {
  absl::StatusOr<cramfs::Node> node = image.Find(path, /*follow_last=*/true);
  if (!node.ok()) return node.status();
  if (!node->is_regular()) {
    return image.Named(absl::FailedPreconditionError(
        absl::StrCat(path, ": not a regular file")));
  }
  absl::StatusOr<std::vector<uint8_t>> data = image.reader().ReadFile(*node);
  if (!data.ok()) return image.Named(data.status());
  return data;
}

}  // namespace

int CatCommand(Io& io, const Args& args) {
  FlagSet flags("cat", "IMG PATH...",
                "Writes files of a cramfs image to standard output, byte by "
                "byte.  Of a file that\ncannot be read whole nothing is "
                "written; the others are.");
  Args positional;
  const std::optional<int> ended =
      EndsAtFlags(io, args, &flags, &positional, kExitImageUsage);
  if (ended) return *ended;
  if (positional.size() < 2) {
    return Complain(io, "cat: expected an image and files in it (cat --help)",
                    kExitImageUsage);
  }
  absl::StatusOr<std::unique_ptr<ImageInput>> image =
      ImageInput::Open(positional[0]);
  if (!image.ok()) return ComplainOfImage(io, image.status());
  int code = kExitOk;
  for (size_t i = 1; i < positional.size() && io.out; ++i) {
    absl::StatusOr<std::vector<uint8_t>> data =
        ReadPath(**image, positional[i]);
    if (data.ok()) {
      io.out.write(reinterpret_cast<const char*>(data->data()),
                   static_cast<std::streamsize>(data->size()));
    } else {
      code |= ComplainOfImage(io, data.status());
    }
    if (io.Interrupted()) return kExitInterrupted;
  }
  return FinishImageOutput(io, code);
}

}  // namespace faultline
