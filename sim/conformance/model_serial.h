// SPDX-License-Identifier: GPL-2.0-only
//
// SerialModel: serial runs on a native kernel build (serial.h).
//
// Thread safety: one thread at a time.

#ifndef FAULTLINE_SIM_CONFORMANCE_MODEL_SERIAL_H_
#define FAULTLINE_SIM_CONFORMANCE_MODEL_SERIAL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "sim/compiled_program.h"
#include "sim/conformance/serial.h"
#include "sim/program_image.h"

namespace faultline {

class SerialModel {
 public:
  // For programs with the image and machine of `program`, which outlives it.
  // Errors as in explorer.h.
  static absl::StatusOr<std::unique_ptr<SerialModel>> Create(
      const Program& program, const ProgramImage* image,
      const std::string& variant);
  ~SerialModel();

  // Boots a machine anew.  With `check`, the kernel's own self-checks run
  // after every operation and what they find ends the run.
  absl::StatusOr<SerialRun> Run(const CompiledProgram& program, bool check);

 private:
  struct Kernel;
  SerialModel();

  std::unique_ptr<Kernel> kernel_;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_CONFORMANCE_MODEL_SERIAL_H_
