// SPDX-License-Identifier: GPL-2.0-only
//
// Litmus text to Program.  docs/litmus.md teaches the language and has its
// grammar.
//
// The parser stops at the first thing that is wrong, grammar or meaning, and
// says where and what would have been right:
//
//   d01.litmus:9:22: expected a protection (r, w, x, rw, ... or none), found
//   'private'
//
// Whatever it returns can be run: every name is declared, every number is in
// bounds, block layouts fit their files.

#ifndef FAULTLINE_SIM_PROGRAM_LITMUS_PARSER_H_
#define FAULTLINE_SIM_PROGRAM_LITMUS_PARSER_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sim/program/program.h"

namespace faultline {

// What litmus text may ask for at most.
inline constexpr size_t kMaxLitmusBytes = 256 * 1024;
inline constexpr size_t kMaxOps = 4096;  // of all tasks and setup, as written
inline constexpr int kMaxRepeat = 100000;
inline constexpr size_t kMaxTasks = 32;
inline constexpr size_t kMaxFiles = 64;
inline constexpr size_t kMaxRuns = 4096;  // of one file
inline constexpr size_t kMaxLines = 256;  // of defects, fixes, legal, expect
inline constexpr size_t kMaxNameBytes = 64;
inline constexpr size_t kMaxStringBytes = 1024;
inline constexpr int64_t kMaxFileBytes = (int64_t{1} << 24) - 1;  // cramfs
inline constexpr int64_t kMaxMemoryFileBytes = int64_t{1} << 20;
inline constexpr int64_t kMaxAddressBytes = int64_t{1} << 47;
// reclaim, migrate, rmap_walk: pages.
inline constexpr uint64_t kMaxLruPages = 1 << 20;
inline constexpr uint64_t kMaxTextPages = 4096;
// exec: how far a stack may be moved down.
inline constexpr int64_t kMaxStackShift = 2047 * kPageBytes;
inline constexpr int64_t kMaxReadBytes = int64_t{1} << 24;
// read_into, write_from: what a pipe holds.
inline constexpr int64_t kMaxCopyBytes = int64_t{1} << 16;

// InvalidArgument with one "FILE:LINE:COLUMN: expected X, found Y".  Lines
// and columns count from 1, columns in bytes.
absl::StatusOr<Program> ParseLitmus(absl::string_view text,
                                    absl::string_view file_name);

}  // namespace faultline

#endif  // FAULTLINE_SIM_PROGRAM_LITMUS_PARSER_H_
