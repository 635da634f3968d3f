// SPDX-License-Identifier: GPL-2.0-only
//
// Fiber: a stack and a place to go on.  The smallest thing that can be
// switched to; it knows no scheduler.
//
// A fiber never unwinds: it may be abandoned wherever it is and started again
// from the top of its stack.  So nothing that runs on one may hold an object
// with a destructor that matters while it switches.
//
// On x86-64 a switch is thirteen instructions that end in an indirect jump (a
// `ret` would be mispredicted every time: the return stack of the CPU knows
// the other fiber's callers).  Elsewhere, or with FAULTLINE_FIBER_UCONTEXT,
// it is swapcontext(3).
//
// Thread safety: a fiber belongs to the thread that created it.

#ifndef FAULTLINE_SIM_FIBER_H_
#define FAULTLINE_SIM_FIBER_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

#if !defined(__x86_64__) && !defined(FAULTLINE_FIBER_UCONTEXT)
#define FAULTLINE_FIBER_UCONTEXT 1
#endif

#ifdef FAULTLINE_FIBER_UCONTEXT
#include <ucontext.h>
#endif

namespace faultline {

// Where something that was switched away from goes on: a fiber, or the
// thread's own stack.
struct FiberContext {
#ifdef FAULTLINE_FIBER_UCONTEXT
  ucontext_t context = {};
#else
  void* sp = nullptr;
#endif
};

class Fiber {
 public:
  using Entry = void (*)(void* argument);

  // A stack of `bytes` with an inaccessible page below it.
  static absl::StatusOr<Fiber> Create(size_t bytes);

  Fiber() = default;
  Fiber(Fiber&& other) noexcept;
  Fiber& operator=(Fiber&& other) noexcept;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  // The next switch here calls entry(argument), which must not return.  What
  // ran here before is forgotten.
  void Reset(Entry entry, void* argument);

  FiberContext* context() { return &context_; }
  char* stack_low() const { return stack_; }
  char* stack_top() const { return stack_ + bytes_; }
  bool OnStack(const void* address) const {
    return reinterpret_cast<uintptr_t>(address) -
               reinterpret_cast<uintptr_t>(stack_) <
           bytes_;
  }
  // The inaccessible page: an overflow faults there.
  bool InGuard(const void* address) const;

 private:
  char* stack_ = nullptr;  // above the guard page
  size_t bytes_ = 0;
  FiberContext context_;
  Entry entry_ = nullptr;
  void* argument_ = nullptr;
};

// Saves where the caller is in *from and goes on at *to.
#ifdef FAULTLINE_FIBER_UCONTEXT
inline void SwitchFiber(FiberContext* from, FiberContext* to) {
  swapcontext(&from->context, &to->context);
}
#else
extern "C" void faultline_switch_stack(void** save_sp, void* to_sp);
inline void SwitchFiber(FiberContext* from, FiberContext* to) {
  faultline_switch_stack(&from->sp, to->sp);
}
#endif

}  // namespace faultline

#endif  // FAULTLINE_SIM_FIBER_H_
