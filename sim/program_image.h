// SPDX-License-Identifier: GPL-2.0-only
//
// ProgramImage: the cramfs image that a Program's `image` section describes,
// and what its files contain.

#ifndef FAULTLINE_SIM_PROGRAM_IMAGE_H_
#define FAULTLINE_SIM_PROGRAM_IMAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/memory_file.h"
#include "sim/oracle.h"
#include "sim/program/program.h"

namespace faultline {

struct ProgramImage {
  std::vector<uint8_t> bytes;      // empty: the program has no file
  std::vector<std::string> paths;  // of each FileSpec, in the image
  OracleFileStrings files;         // contents, by index of FileSpec
  // The program's own files, which follow those of the image in `files`.
  std::vector<MemoryFile> memory_files;
};

// Builds the image, or reads the existing one (a path relative to the
// program's source file, or to the working directory).  kNotFound: no such
// image, or no such file in it; else the image tools' errors.  Programs in it
// are for `arch`; empty: the program's own.
absl::StatusOr<ProgramImage> MakeProgramImage(const Program& program,
                                              const std::string& arch = "");

}  // namespace faultline

#endif  // FAULTLINE_SIM_PROGRAM_IMAGE_H_
