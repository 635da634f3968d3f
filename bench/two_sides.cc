// SPDX-License-Identifier: GPL-2.0-only

#include <utility>

#include "absl/status/statusor.h"
#include "bench/two_sides.h"
#include "cramfs/tools/writer.h"

namespace faultline {
namespace {

// No page of zeros: cramfs has no block for such a one.
std::vector<uint8_t> FileBytes() {
  std::vector<uint8_t> bytes(kPages * kPage);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(1 + i / kPage % 250 + i % 5);
  }
  return bytes;
}

}  // namespace

HostSide::HostSide(uint32_t /*fault_around_bytes*/) {
  const std::vector<uint8_t> bytes = FileBytes();
  file_ = memfd_create("faultline_benchmark", MFD_CLOEXEC);
  if (file_ < 0 || write(file_, bytes.data(), bytes.size()) !=
                       static_cast<ssize_t>(bytes.size())) {
    Fail("memfd");
  }
}

ModelSide::ModelSide(uint32_t fault_around_bytes) {
  cramfs::Entry root = cramfs::Entry::Directory("");
  root.Add(cramfs::Entry::File("f", FileBytes()));
  absl::StatusOr<cramfs::Image> image = cramfs::ImageBuilder().Build(root);
  status_ = image.status();
  if (!status_.ok()) return;
  image_ = std::move(image->bytes);
  ModelMachineOptions options;
  options.variant = "paged";
  options.image = &image_;
  options.paths = {"/f"};
  options.fault_around_bytes = fault_around_bytes;
  absl::StatusOr<std::unique_ptr<ModelMachine>> machine =
      ModelMachine::Create(options);
  status_ = machine.status();
  if (!status_.ok()) return;
  machine_ = *std::move(machine);
  Do([this] {
    std::vector<uint8_t> bytes(kPages * kPage);
    const int64_t read = machine_->kernel().file_read(
        machine_->opened(0), bytes.data(), bytes.size(), 0);
    if (read != static_cast<int64_t>(bytes.size())) Fail("read", read);
  });
}

}  // namespace faultline
