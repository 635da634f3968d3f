// SPDX-License-Identifier: GPL-2.0-only
//
// The checkers that need little state: kernel-bug, accounting, deadlock and
// lock-rules.

#ifndef FAULTLINE_SIM_BASIC_CHECKERS_H_
#define FAULTLINE_SIM_BASIC_CHECKERS_H_

#include <string>

#include "sim/checker.h"

namespace faultline {

// `kernel-bug`: whatever the kernel itself complains of while it runs: BUG,
// oops, WARN, "Bad page map".
class KernelBugChecker : public Checker {
 public:
  const char* name() const override { return "kernel-bug"; }
  void OnReport(const KernelReport& report, const TaskView& task) override;
};

// `accounting`: what the kernel's self-checks find at the end of an
// execution: structures that do not agree, references and pages left over.
class AccountingChecker : public Checker {
 public:
  const char* name() const override { return "accounting"; }
  void OnReport(const KernelReport& report, const TaskView& task) override;
};

// `deadlock`: no task can run, not all are done.  Says who waits for what and
// who holds it.
class DeadlockChecker : public Checker {
 public:
  const char* name() const override { return "deadlock"; }
  void OnStuck() override;

 private:
  std::string Waiting(const TaskView& task, RawFinding* finding) const;
};

// `lock-rules`: a lock let go that the task does not hold, or holds in the
// other mode; a lock that it holds already taken again so that it must wait
// for itself; a lock still held when the task is done.
class LockRulesChecker : public Checker {
 public:
  const char* name() const override { return "lock-rules"; }
  void OnEvent(const fl_event& event, const TaskView& task) override;
  void OnTaskEnd(const TaskView& task) override;

 private:
  void Report(const char* kind, const std::string& title, const void* pc,
              const TaskView& task, const HeldLock* held);
};

// "read" or "write".
const char* LockModeName(uint32_t mode);

}  // namespace faultline

#endif  // FAULTLINE_SIM_BASIC_CHECKERS_H_
