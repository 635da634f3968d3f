// SPDX-License-Identifier: GPL-2.0-only
//
// Prints programs as litmus text, in one canonical form: whatever is printed
// parses to the same program (SameProgram), and printing that again gives the
// same text.  Comments of a parsed file are not part of a Program and are
// not printed.

#ifndef FAULTLINE_SIM_PROGRAM_LITMUS_FORMAT_H_
#define FAULTLINE_SIM_PROGRAM_LITMUS_FORMAT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "sim/program/program.h"

namespace faultline {

std::string FormatLitmus(const Program& program);

// One operation on one line, as in litmus text: "m = mmap(f, 0p, 6p, r,
// private)".  For reports.
std::string FormatOp(const Op& op);

// "ok", "SIGSEGV", "EFAULT", "value 0x42".
std::string FormatOutcome(const Outcome& outcome);

// "r", "rw", "none".
std::string FormatProt(uint32_t prot);

// Symbol of a positive error number ("EFAULT"), or empty if litmus text has
// no name for it; and back, 0 if there is none.
absl::string_view ErrnoName(int error);
int ErrnoByName(absl::string_view name);

// Word of an advice number of the x86 uapi ("dontneed"), or empty; and back,
// -1 if there is none.
absl::string_view AdviceName(uint32_t advice);
// The flag of Op::flags that `name` is in such an operation; 0: none.
uint32_t FlagByName(OpKind kind, absl::string_view name);
// "locked, populate, noreserve, growsdown".
std::string FlagNames(OpKind kind, uint32_t flags = ~uint32_t{0});
int AdviceByName(absl::string_view name);

}  // namespace faultline

#endif  // FAULTLINE_SIM_PROGRAM_LITMUS_FORMAT_H_
