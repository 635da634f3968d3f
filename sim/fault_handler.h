// SPDX-License-Identifier: GPL-2.0-only
//
// FaultHandler: a SIGSEGV or SIGBUS of kernel code that no callback foresaw
// (uninstrumented code given a wild pointer, a stack that overflowed, a native
// kernel build) becomes an oops of the task, not the end of the process.
//
// The handler makes the interrupted thread go on in FaultTarget::Land, on a
// stack that the target chooses, so outside any signal handler.  A fault that
// no target claims is left to the default action.  x86-64 only; elsewhere,
// and under the sanitizers, which report better, nothing is installed.

#ifndef FAULTLINE_SIM_FAULT_HANDLER_H_
#define FAULTLINE_SIM_FAULT_HANDLER_H_

namespace faultline {

class FaultTarget {
 public:
  virtual ~FaultTarget() = default;
  // In the signal handler: is this fault the kernel's?
  virtual bool Claims(const void* pc, const void* address) const = 0;
  // In the signal handler: top of the stack to go on with; null: go on below
  // what the interrupted code uses.
  virtual void* LandingStack() const = 0;
  // pc: like a return address, one byte further.  address: all ones when the
  // CPU does not say.
  [[noreturn]] virtual void Land(const void* pc, const void* address) = 0;
};

struct FaultHandler {
  // Idempotent.  Gives the calling thread a stack for signals.
  static void InstallOnThisThread();
  // Who gets the faults of this thread; null: nobody.
  static void SetTarget(FaultTarget* target);
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_FAULT_HANDLER_H_
