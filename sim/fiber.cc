// SPDX-License-Identifier: GPL-2.0-only

#include "sim/fiber.h"

#include <sys/mman.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#ifndef FAULTLINE_FIBER_UCONTEXT
// void faultline_switch_stack(void** save_sp, void* to_sp)
//
// Callee-saved registers go to the stack that is left, come from the one that
// is entered; everything else is the caller's to lose.  The x87 and SSE control
// words are left alone: nothing here changes them.
asm(R"(
	.text
	.p2align 4
	.globl	faultline_switch_stack
	.hidden	faultline_switch_stack
	.type	faultline_switch_stack, @function
faultline_switch_stack:
	.cfi_startproc
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	popq	%rcx
	jmp	*%rcx
	.cfi_endproc
	.size	faultline_switch_stack, .-faultline_switch_stack

	.p2align 4
	.type	faultline_fiber_start, @function
	.hidden	faultline_fiber_start
	.globl	faultline_fiber_start
faultline_fiber_start:
	.cfi_startproc
	.cfi_undefined rip
	movq	%r13, %rdi
	callq	*%r12
	ud2
	.cfi_endproc
	.size	faultline_fiber_start, .-faultline_fiber_start
)");
extern "C" void faultline_fiber_start();
#endif

namespace faultline {
namespace {
constexpr size_t kPage = 4096;
}  // namespace

absl::StatusOr<Fiber> Fiber::Create(size_t bytes) {
  bytes = (bytes + kPage - 1) & ~(kPage - 1);
  void* at =
      mmap(nullptr, bytes + kPage, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (at == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no room for a fiber stack of ", bytes, " bytes"));
  }
  if (mprotect(at, kPage, PROT_NONE) != 0) {
    munmap(at, bytes + kPage);
    return absl::InternalError("no guard page below a fiber stack");
  }
  Fiber fiber;
  fiber.stack_ = static_cast<char*>(at) + kPage;
  fiber.bytes_ = bytes;
  return fiber;
}

Fiber::Fiber(Fiber&& other) noexcept { *this = std::move(other); }

Fiber& Fiber::operator=(Fiber&& other) noexcept {
  std::swap(stack_, other.stack_);
  std::swap(bytes_, other.bytes_);
  std::swap(entry_, other.entry_);
  std::swap(argument_, other.argument_);
  context_ = other.context_;
  return *this;
}

Fiber::~Fiber() {
  if (stack_ != nullptr) munmap(stack_ - kPage, bytes_ + kPage);
}

bool Fiber::InGuard(const void* address) const {
  return reinterpret_cast<uintptr_t>(address) -
             reinterpret_cast<uintptr_t>(stack_ - kPage) <
         kPage;
}

#ifdef FAULTLINE_FIBER_UCONTEXT

namespace {
// makecontext passes ints only.
void StartFromHalves(unsigned entry_high, unsigned entry_low,
                     unsigned argument_high, unsigned argument_low) {
  auto join = [](unsigned high, unsigned low) {
    return static_cast<uintptr_t>(uint64_t{high} << 32 | low);
  };
  reinterpret_cast<Fiber::Entry>(join(entry_high, entry_low))(
      reinterpret_cast<void*>(join(argument_high, argument_low)));
}
}  // namespace

void Fiber::Reset(Entry entry, void* argument) {
  entry_ = entry;
  argument_ = argument;
  getcontext(&context_.context);
  context_.context.uc_stack.ss_sp = stack_;
  context_.context.uc_stack.ss_size = bytes_;
  context_.context.uc_link = nullptr;
  const uint64_t e = reinterpret_cast<uintptr_t>(entry);
  const uint64_t a = reinterpret_cast<uintptr_t>(argument);
  makecontext(&context_.context, reinterpret_cast<void (*)()>(StartFromHalves),
              4, static_cast<unsigned>(e >> 32), static_cast<unsigned>(e),
              static_cast<unsigned>(a >> 32), static_cast<unsigned>(a));
}

#else

void Fiber::Reset(Entry entry, void* argument) {
  entry_ = entry;
  argument_ = argument;
  // What faultline_switch_stack pops: r15 r14 r13 r12 rbx rbp, then the place
  // to go.  After that rsp is a multiple of 16, as before a call.
  uint64_t* sp = reinterpret_cast<uint64_t*>(stack_ + bytes_ - 64);
  *--sp = reinterpret_cast<uintptr_t>(&faultline_fiber_start);
  *--sp = 0;                                      // rbp: end of frames
  *--sp = 0;                                      // rbx
  *--sp = reinterpret_cast<uintptr_t>(entry);     // r12
  *--sp = reinterpret_cast<uintptr_t>(argument);  // r13
  *--sp = 0;                                      // r14
  *--sp = 0;                                      // r15
  context_.sp = sp;
}

#endif

}  // namespace faultline
