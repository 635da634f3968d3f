// SPDX-License-Identifier: GPL-2.0-only
//
// The ELF programs of litmus files ("program N"): a fixed place, N pages of
// text, then the rest of the file as data and a page of bss.

#ifndef FAULTLINE_SIM_ELF_PROGRAM_H_
#define FAULTLINE_SIM_ELF_PROGRAM_H_

#include <cstdint>
#include <string>

namespace faultline {

// Where the first byte of such a file is mapped, and where it is entered.
inline constexpr uint64_t kProgramBase = 0x400000;
inline constexpr uint64_t kProgramBssPages = 1;

// Writes header and program headers over the first bytes of `content`, which
// is longer than text_pages pages.  arch: as in a litmus file.
void MakeProgram(const std::string& arch, uint32_t text_pages,
                 std::string* content);

}  // namespace faultline

#endif  // FAULTLINE_SIM_ELF_PROGRAM_H_
