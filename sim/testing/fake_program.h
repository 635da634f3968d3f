// SPDX-License-Identifier: GPL-2.0-only
//
// Programs for the fake kernel, for tests.

#ifndef FAULTLINE_SIM_TESTING_FAKE_PROGRAM_H_
#define FAULTLINE_SIM_TESTING_FAKE_PROGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sim/explorer.h"
#include "sim/program/program.h"
#include "sim/runner.h"
#include "sim/testing/fake_kernel.h"

namespace faultline {

// Where the fake kernel build is; `native`: the one for threads.
std::string FakeKernelPath(bool native = false);

// One command, with its index and number.
Op Command(fake_command command, uint32_t i = 0, uint32_t n = 0);
// Tasks A, B, C, ... of one process.
Program FakeProgram(std::vector<std::vector<Op>> tasks);
// Options that fit the fake kernel; the data-integrity checker is on too.
ExploreOptions FakeOptions(Granularity granularity);
RunnerOptions FakeRunnerOptions(Granularity granularity);

}  // namespace faultline

#endif  // FAULTLINE_SIM_TESTING_FAKE_PROGRAM_H_
