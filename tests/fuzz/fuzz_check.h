// SPDX-License-Identifier: GPL-2.0-only
//
// How a fuzz target says that an invariant is broken: it ends the program, so
// that the fuzzer keeps the input.

#ifndef FAULTLINE_TESTS_FUZZ_FUZZ_CHECK_H_
#define FAULTLINE_TESTS_FUZZ_FUZZ_CHECK_H_

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace faultline::fuzz {

[[noreturn]] inline void Broken(const char* file, int line, const char* what,
                                const std::string& details) {
  fprintf(stderr, "%s:%d: broken: %s: %s\n", file, line, what, details.c_str());
  abort();
}

}  // namespace faultline::fuzz

// The arguments after the condition say more, as absl::StrCat takes them; they
// are evaluated only when it does not hold.
#define FUZZ_CHECK(condition, ...)                              \
  do {                                                          \
    if (!(condition)) {                                         \
      ::faultline::fuzz::Broken(__FILE__, __LINE__, #condition, \
                                ::absl::StrCat(__VA_ARGS__));   \
    }                                                           \
  } while (false)

#endif  // FAULTLINE_TESTS_FUZZ_FUZZ_CHECK_H_
