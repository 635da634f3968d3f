// SPDX-License-Identifier: GPL-2.0-only
//
// Random programs, to hold the model against a host: one task, which in some
// of them forks a second one.
//
// They are made to collide: all addresses lie in a few dozen pages around one
// mapping, lengths are a few pages, offsets in a page are those that a serial
// run samples; now and then a call has no length, or one beyond every address
// space, or an address between pages.  Half of them use the heap too.
//
// The same seed gives the same program on every machine and in every build.

#ifndef FAULTLINE_SIM_CONFORMANCE_GENERATOR_H_
#define FAULTLINE_SIM_CONFORMANCE_GENERATOR_H_

#include <cstdint>
#include <functional>

#include "sim/program/program.h"

namespace faultline {

// The files that generated programs use, in a program without a task.
Program GeneratorBase();

// GeneratorBase() with `operations` operations, the first of them the mapping
// around which all happens.
Program GenerateProgram(uint64_t seed, int operations);

// The smallest program that can be had from `program` by leaving operations
// out and of which `still` holds; it holds of `program`.  A result variable
// that is still used is never left out.
Program Shrink(const Program& program,
               const std::function<bool(const Program&)>& still);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CONFORMANCE_GENERATOR_H_
