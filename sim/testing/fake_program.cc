// SPDX-License-Identifier: GPL-2.0-only

#include "sim/testing/fake_program.h"

#include <cstdlib>
#include <utility>

namespace faultline {

std::string FakeKernelPath(bool native) {
  const char* name = native ? "/fake_kernel_native.so" : "/fake_kernel.so";
  if (const char* dir = getenv("FAULTLINE_FAKE_KERNEL_DIR")) {
    return std::string(dir) + name;
  }
  const char* runfiles = getenv("TEST_SRCDIR");
  return std::string(runfiles ? runfiles : ".") + "/faultline/sim/testing" +
         name;
}

Op Command(fake_command command, uint32_t i, uint32_t n) {
  Op op;
  op.kind = OpKind::kMadvise;
  op.address.offset.pages = i;
  op.length.pages = n;
  op.advice = command;
  return op;
}

Program FakeProgram(std::vector<std::vector<Op>> tasks) {
  Program program;
  program.name = "fake";
  for (size_t i = 0; i < tasks.size(); ++i) {
    TaskSpec task;
    task.name = std::string(1, static_cast<char>('A' + i));
    task.ops = std::move(tasks[i]);
    program.tasks.push_back(std::move(task));
  }
  return program;
}

ExploreOptions FakeOptions(Granularity granularity) {
  ExploreOptions options;
  options.variant = "fake";
  options.kernel_path = FakeKernelPath();
  options.granularity = granularity;
  options.max_steps = 20000;
  return options;
}

RunnerOptions FakeRunnerOptions(Granularity granularity) {
  RunnerOptions options;
  options.variant = "fake";
  options.kernel_path = FakeKernelPath();
  options.granularity = granularity;
  options.max_steps = 20000;
  return options;
}

}  // namespace faultline
