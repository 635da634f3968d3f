// SPDX-License-Identifier: GPL-2.0-only
//
// Prints a finding as text: title, checker, the interleaving in one column for
// each task as kernel commit messages draw it, the object's life, the token.
//
// The interleaving begins where the operations began that ran into each
// other, and leaves out what neither side of the race can notice: see
// SelectSteps.

#ifndef FAULTLINE_SIM_CLI_FINDING_PRINTER_H_
#define FAULTLINE_SIM_CLI_FINDING_PRINTER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "sim/finding.h"
#include "sim/trace.h"

namespace faultline {

struct PrintOptions {
  int width = 100;
  // Steps shown at most, those left out not counted.
  size_t max_steps = 32;
  // Tasks were switched between accesses too, so that accesses tell something.
  bool accesses = false;
  std::string indent = "  ";
  // The whole command that replays it; empty: not printed.
  std::string replay_command;
};

// Indices into trace.events, ascending, of the steps worth showing:
//   - of the operations that overlap the one in which the finding came up,
//     from the earliest beginning of one of them to the finding, and of all
//     tasks that are in such an operation.  A finding that comes up in none,
//     such as what is left over at the end: the last operations that
//     overlapped, and the last steps before the finding;
//   - always: where operations begin and end, what the kernel reported, who
//     sleeps and who wakes, each task's last step before the CPU goes to
//     another and first one after, the last steps before the finding,
//     allocation and release of the object it is about;
//   - then, as far as max_steps reaches and nearest to the finding first:
//     locks that somebody waits for or that are the outermost a task holds;
//     locks that two of the tasks take and
//     allocation and release of objects that two of them touch; other locks;
//     other objects; with `accesses`, accesses of the objects involved.
std::vector<size_t> SelectSteps(const Trace& trace, const Finding& finding,
                                size_t max_steps, bool accesses);

// The chosen steps in columns; every run of steps that is left out is one
// line "... N steps left out".  Without room for columns of 26 characters:
// one column, each step with the name of its task.
std::string FormatSteps(const Trace& trace, const std::vector<size_t>& chosen,
                        int width, absl::string_view indent);

// Everything, with a newline at the end.  `trace` may be null: then there is
// no interleaving.
std::string FormatFinding(const Finding& finding, const Trace* trace,
                          const PrintOptions& options);

// `text` in lines of at most `width` characters, broken at blanks where there
// are some.  Never empty.
std::vector<std::string> WrapText(absl::string_view text, size_t width);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_FINDING_PRINTER_H_
