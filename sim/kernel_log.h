// SPDX-License-Identifier: GPL-2.0-only
//
// Keeps what a kernel says of itself, for a native machine that nobody
// searches: the last words of a dying kernel, and its complaints before.

#ifndef FAULTLINE_SIM_KERNEL_LOG_H_
#define FAULTLINE_SIM_KERNEL_LOG_H_

#include <string>
#include <vector>

#include "sim/checker.h"

namespace faultline {

// Installed with NativeRuntime::SetCheckers.
class KernelLog : public Checker {
 public:
  const char* name() const override { return "kernel-log"; }
  void OnReport(const KernelReport& report, const TaskView&) override;

  void Clear();
  // Of a BUG or an oops, "" while the kernel lives.
  const std::string& death() const { return death_; }
  // Of all else: "function: text (file:line)" each.
  const std::vector<std::string>& complaints() const { return complaints_; }
  // Whatever came first, "" if nothing did.
  const std::string& first() const { return first_; }

 private:
  std::string death_, first_;
  std::vector<std::string> complaints_;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_KERNEL_LOG_H_
