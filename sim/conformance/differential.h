// SPDX-License-Identifier: GPL-2.0-only
//
// Differential: a program on the model and on this host, one after the other,
// and what they do not agree on.
//
// Thread safety: one thread at a time.

#ifndef FAULTLINE_SIM_CONFORMANCE_DIFFERENTIAL_H_
#define FAULTLINE_SIM_CONFORMANCE_DIFFERENTIAL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/conformance/compare.h"
#include "sim/conformance/host_serial.h"
#include "sim/conformance/model_serial.h"
#include "sim/program/program.h"
#include "sim/program_image.h"

namespace faultline {

class Differential {
 public:
  // For programs with the image and the machine of `base`.  `variant`: paged
  // maps files as an ordinary file system does, so it is what a host has.
  static absl::StatusOr<std::unique_ptr<Differential>> Create(
      const Program& base, const std::string& variant);

  // With `check`, the model's self-checks run after every operation.
  // kInvalidArgument: the program does what no host can.
  absl::StatusOr<Comparison> Run(const Program& program, bool check);

  // Of the last run.
  size_t operations() const { return operations_; }

 private:
  Differential() = default;

  ProgramImage image_;
  std::vector<std::string> files_;
  std::unique_ptr<SerialModel> model_;
  std::unique_ptr<SerialHost> host_;
  size_t operations_ = 0;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_CONFORMANCE_DIFFERENTIAL_H_
