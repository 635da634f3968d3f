// SPDX-License-Identifier: GPL-2.0-only
//
// Litmus files on the host: reading them, finding those that come with the
// program, filling in templates.
//
// All errors are kInvalidArgument or kNotFound with one line that names the
// file.

#ifndef FAULTLINE_SIM_CLI_LITMUS_FILES_H_
#define FAULTLINE_SIM_CLI_LITMUS_FILES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sim/cli/io.h"
#include "sim/program/program.h"

namespace faultline {

// The bytes of a file; "-" is standard input.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path,
                                          size_t most_bytes);

// A parsed program whose image, when it names an existing one, is there, is
// cramfs and has every path of the program.
absl::StatusOr<Program> LoadLitmus(const std::string& path);

// $FAULTLINE_LITMUS_DIR, tests/litmus of the source tree or of the runfiles.
absl::StatusOr<std::string> LitmusDirectory(const Io& io);

// The *.litmus files of a directory, in order of their names.
absl::StatusOr<std::vector<std::string>> LitmusFilesIn(
    const std::string& directory);
// Of LitmusDirectory().
absl::StatusOr<std::vector<std::string>> ShippedLitmusFiles(const Io& io);

// The shipped program with this hash, as a path; kNotFound if there is none.
absl::StatusOr<std::string> LitmusFileByHash(const Io& io, uint64_t hash);

// Replaces each "${NAME}" by its value.  An unknown name, or a "${" without
// its "}", is an error with its line.
absl::StatusOr<std::string> FillTemplate(
    absl::string_view text, const std::map<std::string, std::string>& values,
    absl::string_view file_name);

// `text` with what a litmus string needs escaped.
std::string LitmusEscape(absl::string_view text);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_LITMUS_FILES_H_
