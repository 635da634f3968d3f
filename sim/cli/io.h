// SPDX-License-Identifier: GPL-2.0-only
//
// What a command of the program is given beside its arguments, and what it
// gives back.  Commands touch no stream, signal or environment of the process
// directly, so that tests run them in-process.

#ifndef FAULTLINE_SIM_CLI_IO_H_
#define FAULTLINE_SIM_CLI_IO_H_

#include <atomic>
#include <cstddef>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace faultline {

inline constexpr char kVersion[] = "0.1";

inline constexpr int kExitOk = 0;
inline constexpr int kExitFound = 1;          // findings
inline constexpr int kExitUsage = 2;          // wrong use or wrong input
inline constexpr int kExitFailed = 3;         // could not run as asked
inline constexpr int kExitInterrupted = 130;  // SIGINT

struct Io {
  std::ostream& out;  // results
  std::ostream& err;  // messages, progress
  bool err_is_terminal = false;
  int width = 100;  // columns of `out`
  // How the user starts the program: part of commands that are printed.
  std::string launcher = "faultline";
  // Source tree, or empty: where tests/litmus is looked for.
  std::string root = "";
  // Set by a signal; null: never.
  const std::atomic<bool>* interrupt = nullptr;

  bool Interrupted() const { return interrupt != nullptr && *interrupt; }
};

// One line on err, "faultline: MESSAGE"; control characters in it are shown
// as escapes.  Returns `exit_code`.
int Complain(Io& io, absl::string_view message, int exit_code);

// The exit code of an error: input that makes no sense is wrong use, all
// else could not run.
int ExitCodeOf(const absl::Status& status);

inline int Complain(Io& io, const absl::Status& status) {
  return Complain(io, status.message(), ExitCodeOf(status));
}

// Bytes of the UTF-8 character that `text` begins with, 0 if it begins with
// none (Unicode 15, table 3-7).
size_t Utf8Length(absl::string_view text);

// Control characters, those that change the direction of writing, and bytes
// that are no UTF-8 as escapes, so that text of unknown origin can be put on
// one line of a terminal.
std::string Printable(absl::string_view text);

// The same as `ls -b` does it: "\n", "\t", "\\" and "\ooo" in octal; what it
// gives can be turned back.
std::string EscapedName(absl::string_view name);

// A word as a shell takes it, quoted only where it must be.
std::string ShellWord(absl::string_view word);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_IO_H_
