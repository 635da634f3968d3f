// SPDX-License-Identifier: GPL-2.0-only
//
// A progress line: on a terminal one line that is written over and over; in a
// pipe nothing.
//
// Thread safety: Show and Clear from one thread at a time.

#ifndef FAULTLINE_SIM_CLI_PROGRESS_H_
#define FAULTLINE_SIM_CLI_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "sim/cli/io.h"

namespace faultline {

class Progress {
 public:
  explicit Progress(Io& io) : io_(io) {}
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Replaces the line; cut to the width of the terminal.
  void Show(absl::string_view text);
  // Leaves an empty line, so that something else can be printed.
  void Clear();

 private:
  Io& io_;
  bool shown_ = false;
};

// "12,345".
std::string WithCommas(uint64_t number);
// "0.42 s", "12 s", "3 min 4 s".
std::string Seconds(double seconds);
// "1 finding", "3 findings".
std::string Count(uint64_t number, absl::string_view one,
                  absl::string_view many);
// "512 bytes", "3.9 MiB".
std::string Bytes(uint64_t bytes);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_PROGRESS_H_
