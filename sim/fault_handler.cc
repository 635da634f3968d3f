// SPDX-License-Identifier: GPL-2.0-only

#include "sim/fault_handler.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <mutex>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAULTLINE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAULTLINE_SANITIZED 1
#endif

namespace faultline {
namespace {

struct Pending {
  FaultTarget* target = nullptr;
  const void* pc = nullptr;
  const void* address = nullptr;
};
thread_local Pending pending;

}  // namespace

void FaultHandler::SetTarget(FaultTarget* target) { pending.target = target; }

#if defined(__x86_64__) && !defined(FAULTLINE_SANITIZED)

namespace {

constexpr uintptr_t kRedZone = 128;

void Land() { pending.target->Land(pending.pc, pending.address); }

void OnSignal(int signal, siginfo_t* info, void* context) {
  auto* machine = &static_cast<ucontext_t*>(context)->uc_mcontext;
  const void* pc = reinterpret_cast<void*>(machine->gregs[REG_RIP]);
  if (pending.target == nullptr || !pending.target->Claims(pc, info->si_addr)) {
    ::signal(signal, SIG_DFL);  // comes again when the handler returns
    return;
  }
  pending.pc = static_cast<const char*>(pc) + 1;
  // Of an address that is not canonical the CPU does not say which.
  pending.address = info->si_code == SI_KERNEL
                        ? reinterpret_cast<void*>(~uintptr_t{0})
                        : info->si_addr;
  uintptr_t sp = reinterpret_cast<uintptr_t>(pending.target->LandingStack());
  if (sp == 0) {
    sp = static_cast<uintptr_t>(machine->gregs[REG_RSP]) - kRedZone;
  }
  machine->gregs[REG_RSP] = static_cast<greg_t>((sp & ~uintptr_t{15}) - 8);
  machine->gregs[REG_RIP] =
      static_cast<greg_t>(reinterpret_cast<uintptr_t>(&Land));
}

// A signal stack for as long as the thread lives.
struct SignalStack {
  static constexpr size_t kBytes = 64 * 1024;
  void* memory = nullptr;
  ~SignalStack() {
    if (memory == nullptr) return;
    stack_t off = {};
    off.ss_flags = SS_DISABLE;
    sigaltstack(&off, nullptr);
    munmap(memory, kBytes);
  }
  void Install() {
    if (memory != nullptr) return;
    void* at = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    memory = at;
    stack_t stack = {};
    stack.ss_sp = at;
    stack.ss_size = kBytes;
    sigaltstack(&stack, nullptr);
  }
};

thread_local SignalStack signal_stack;

}  // namespace

void FaultHandler::InstallOnThisThread() {
  static std::once_flag once;
  signal_stack.Install();
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = OnSignal;
    // NODEFER: the handler is left by a jump of the interrupted code, which
    // must find the signal unblocked the next time.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
  });
}

#else

void FaultHandler::InstallOnThisThread() {}

#endif

}  // namespace faultline
