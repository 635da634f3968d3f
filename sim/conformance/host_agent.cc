// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/host_agent.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace faultline::host_agent {
namespace {

constexpr uint64_t kPage = 4096;

// What the signal handler tells the access it interrupted.
sigjmp_buf landing;
volatile sig_atomic_t accessing;
volatile int caught_signal, caught_code;
volatile uint64_t caught_address;

void OnSignal(int number, siginfo_t* info, void*) {
  if (!accessing) _exit(3);
  caught_signal = number;
  caught_code = info->si_code;
  caught_address = reinterpret_cast<uint64_t>(info->si_addr);
  siglongjmp(landing, 1);
}

struct Signal {
  int32_t number, code;
  uint64_t address;
};

// Sanitizers would look at bookkeeping that such addresses do not have.
#if defined(__clang__)
#define FAULTLINE_PLAIN \
  __attribute__((no_sanitize("address", "thread", "undefined")))
#else
#define FAULTLINE_PLAIN                                   \
  __attribute__((no_sanitize_address, no_sanitize_thread, \
                 no_sanitize_undefined))
#endif

FAULTLINE_PLAIN uint64_t PlainLoad(uint64_t address, uint32_t size) {
  switch (size) {
    case 1:
      return *reinterpret_cast<const volatile uint8_t*>(address);
    case 2:
      return *reinterpret_cast<const volatile uint16_t*>(address);
    case 4:
      return *reinterpret_cast<const volatile uint32_t*>(address);
    default:
      return *reinterpret_cast<const volatile uint64_t*>(address);
  }
}

FAULTLINE_PLAIN void PlainStore(uint64_t address, uint32_t size,
                                uint64_t value) {
  switch (size) {
    case 1:
      *reinterpret_cast<volatile uint8_t*>(address) =
          static_cast<uint8_t>(value);
      break;
    case 2:
      *reinterpret_cast<volatile uint16_t*>(address) =
          static_cast<uint16_t>(value);
      break;
    case 4:
      *reinterpret_cast<volatile uint32_t*>(address) =
          static_cast<uint32_t>(value);
      break;
    default:
      *reinterpret_cast<volatile uint64_t*>(address) = value;
      break;
  }
}

// One access; the signal that came of it, number 0 if none.
Signal Access(bool store, uint64_t address, uint32_t size, uint64_t* value) {
  caught_signal = 0;
  if (sigsetjmp(landing, 0) == 0) {
    accessing = 1;
    if (store) {
      PlainStore(address, size, *value);
    } else {
      *value = PlainLoad(address, size);
    }
  }
  accessing = 0;
  return {caught_signal, caught_code, caught_address};
}

int64_t Result(int64_t value) { return value == -1 ? -errno : value; }

// The range of one line of maps; false at the end of the text.
bool NextRange(const char** at, const char* end, uint64_t* first,
               uint64_t* last) {
  const char* p = *at;
  uint64_t numbers[2] = {0, 0};
  for (uint64_t& number : numbers) {
    for (; p < end; ++p) {
      const char c = *p;
      int digit;
      if (c >= '0' && c <= '9') {
        digit = c - '0';
      } else if (c >= 'a' && c <= 'f') {
        digit = c - 'a' + 10;
      } else {
        break;
      }
      number = number * 16 + static_cast<uint64_t>(digit);
    }
    if (p == end) return false;
    ++p;
  }
  while (p < end && *p != '\n') ++p;
  *at = p < end ? p + 1 : end;
  *first = numbers[0];
  *last = numbers[1];
  return true;
}

class Agent {
 public:
  Agent(Shared* shared, const int* files) : shared_(shared), files_(files) {}

  bool Prepare();
  void DoProgram();

 private:
  bool Fail(const char* what) {
    shared_->failed = 1;
    strncpy(shared_->complaint, what, sizeof(shared_->complaint) - 1);
    return false;
  }
  // /proc/self/maps, at the end of the used part of shared_->maps, all of it
  // or at least as far as the ceiling; its length, 0 if there is no room.
  uint32_t ReadMaps();
  bool MakeWindow();
  bool KeepWindowLines(StepRecord* step);
  void DoOp(const CompiledOp& op, StepRecord* step);
  void SamplePages(const StepRecord& last);

  Shared* const shared_;
  const int* const files_;
  int maps_fd_ = -1;
  uint32_t maps_used_ = 0;
};

uint32_t Agent::ReadMaps() {
  char* const text = shared_->maps + maps_used_;
  uint32_t length = 0;
  if (lseek(maps_fd_, 0, SEEK_SET) != 0) return 0;
  for (;;) {
    const uint32_t room = kMapsBytes - maps_used_ - length;
    if (room < 2 * kPage) return 0;
    const ssize_t got = read(maps_fd_, text + length, room);
    if (got < 0) return 0;
    // The kernel gives whole lines.  All libraries lie above the ceiling.
    const char* at = text + length;
    length += static_cast<uint32_t>(got);
    uint64_t first = 0, last = 0;
    if (got == 0 || (shared_->ceiling != 0 &&
                     NextRange(&at, text + length, &first, &last) &&
                     first > shared_->ceiling)) {
      return length;
    }
  }
}

// Fills the holes that the kernel would prefer to the large one, and puts a
// page over that one with which no mapping of a program can merge.
bool Agent::MakeWindow() {
  shared_->ceiling = 0;
  for (int tries = 0; tries < 1000; ++tries) {
    void* const probe =
        mmap(nullptr, kPage, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe == MAP_FAILED) return Fail("cannot map a page");
    const uint64_t at = reinterpret_cast<uint64_t>(probe);
    munmap(probe, kPage);
    const uint32_t length = ReadMaps();
    if (length == 0) return Fail("cannot read /proc/self/maps");
    const char* text = shared_->maps;
    uint64_t hole = 0, first = 0, last = 0;
    while (NextRange(&text, shared_->maps + length, &first, &last) &&
           first < at) {
      hole = last;
    }
    if (first <= at) return Fail("nothing is mapped above the hole");
    const bool large = first - hole > 4 * kWindowBytes;
    const uint64_t begin = large ? first - kPage : hole;
    if (mmap(reinterpret_cast<void*>(begin), first - begin, PROT_NONE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
             0) == MAP_FAILED) {
      return Fail("cannot fill a hole of the address space");
    }
    if (large) {
      shared_->ceiling = begin;
      return true;
    }
  }
  return Fail("too many holes in the address space");
}

bool Agent::Prepare() {
  stack_t stack = {};
  static char signal_stack[64 << 10];
  stack.ss_sp = signal_stack;
  stack.ss_size = sizeof(signal_stack);
  if (sigaltstack(&stack, nullptr) != 0) return Fail("no signal stack");
  struct sigaction action = {};
  action.sa_sigaction = OnSignal;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  if (sigaction(SIGSEGV, &action, nullptr) != 0 ||
      sigaction(SIGBUS, &action, nullptr) != 0) {
    return Fail("no signal handler");
  }
  maps_fd_ = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps_fd_ < 0) return Fail("no /proc/self/maps");
  return MakeWindow();
}

// Of the text that was just read, only what the program mapped stays.
bool Agent::KeepWindowLines(StepRecord* step) {
  const uint32_t length = ReadMaps();
  if (length == 0) return Fail("/proc/self/maps does not fit");
  const char* const begin = shared_->maps + maps_used_;
  const char* const end = begin + length;
  const char* text = begin;
  const char* keep_begin = end;
  const char* keep_end = end;
  uint64_t first = 0, last = 0;
  for (const char* line = text; NextRange(&text, end, &first, &last);
       line = text) {
    if (first >= shared_->ceiling) {
      keep_end = line;
      break;
    }
    if (first >= shared_->ceiling - kWindowBytes && keep_begin == end) {
      keep_begin = line;
    }
  }
  if (keep_begin > keep_end) keep_begin = keep_end;
  const size_t kept = static_cast<size_t>(keep_end - keep_begin);
  memmove(shared_->maps + maps_used_, keep_begin, kept);
  step->maps_begin = maps_used_;
  maps_used_ += static_cast<uint32_t>(kept);
  step->maps_end = maps_used_;
  return true;
}

void Agent::DoOp(const CompiledOp& op, StepRecord* step) {
  uint64_t* const variables = shared_->variables;
  *step = StepRecord();
  if (!InWindow(op, variables, shared_->ceiling)) {
    step->skipped = 1;
    return;
  }
  const uint64_t address = OpAddress(op, variables);
  void* const at = reinterpret_cast<void*>(address);
  const int prot = static_cast<int>(op.prot);
  Signal signal = {};
  bool access = false;
  switch (op.kind) {
    case OpKind::kMmap: {
      const int flags = (op.shared ? MAP_SHARED : MAP_PRIVATE) |
                        (op.fixed ? MAP_FIXED : 0) |
                        (op.file < 0 ? MAP_ANONYMOUS : 0);
      step->value =
          Result(syscall(SYS_mmap, op.fixed ? at : nullptr, op.length, prot,
                         flags, op.file < 0 ? -1 : files_[op.file], op.offset));
      break;
    }
    case OpKind::kMunmap:
      step->value = Result(syscall(SYS_munmap, at, op.length));
      break;
    case OpKind::kMprotect:
      step->value = Result(syscall(SYS_mprotect, at, op.length, prot));
      break;
    case OpKind::kMadvise:
      step->value = Result(
          syscall(SYS_madvise, at, op.length, static_cast<int>(op.advice)));
      break;
    case OpKind::kMremap:
      step->value = Result(
          syscall(SYS_mremap, at, op.length, op.new_length,
                  (op.may_move || op.fixed ? MREMAP_MAYMOVE : 0) |
                      (op.fixed ? MREMAP_FIXED : 0),
                  op.fixed ? reinterpret_cast<void*>(OpTarget(op, variables))
                           : nullptr));
      break;
    case OpKind::kRead:
      step->value = Result(syscall(SYS_pread64, files_[op.file],
                                   shared_->read_buffer, op.length, op.offset));
      if (step->value > 0) {
        step->loaded =
            HashBytes(shared_->read_buffer, static_cast<uint64_t>(step->value));
      }
      break;
    case OpKind::kLoad:
      access = true;
      signal = Access(false, address, op.size, &step->loaded);
      break;
    case OpKind::kStore: {
      access = true;
      uint64_t value = op.value;
      signal = Access(true, address, op.size, &value);
      break;
    }
    default:
      Fail("an operation that no host has");
      return;
  }
  if (access) {
    step->sig = signal.number;
    step->si_code = signal.number != 0 ? signal.code : 0;
    step->fault_address = signal.number != 0 ? signal.address : 0;
    if (signal.number != 0) step->loaded = 0;
    if (op.result >= 0 && signal.number == 0) {
      variables[op.result] = step->loaded;
    }
  } else if (op.result >= 0 && step->value >= 0) {
    variables[op.result] = static_cast<uint64_t>(step->value);
  }
}

void Agent::SamplePages(const StepRecord& last) {
  const char* text = shared_->maps + last.maps_begin;
  const char* const end = shared_->maps + last.maps_end;
  uint64_t first = 0, beyond = 0;
  for (const char* line = text; NextRange(&text, end, &first, &beyond);
       line = text) {
    const char* flags = line;
    while (*flags != ' ') ++flags;
    if (flags[1] != 'r') continue;
    for (uint64_t at = first; at < beyond; at += kPage) {
      if (shared_->sample_count == SerialRun::kMaxSamples) return;
      SampleRecord& sample = shared_->samples[shared_->sample_count++];
      sample = SampleRecord();
      sample.address = at;
      for (size_t i = 0; i < 4 && sample.sig == 0; ++i) {
        uint64_t word = 0;
        sample.sig = Access(false, at + kSampleOffsets[i], 8, &word).number;
        if (sample.sig == 0) sample.words[i] = word;
      }
    }
  }
}

void Agent::DoProgram() {
  shared_->steps_done = 0;
  shared_->sample_count = 0;
  shared_->failed = 0;
  memset(shared_->complaint, 0, sizeof(shared_->complaint));
  memset(shared_->variables, 0,
         shared_->variable_count * sizeof(shared_->variables[0]));
  maps_used_ = 0;
  for (uint32_t i = 0; i < shared_->op_count; ++i) {
    StepRecord* const step = &shared_->steps[i];
    DoOp(shared_->ops[i], step);
    if (shared_->failed || !KeepWindowLines(step)) break;
    shared_->steps_done = i + 1;
  }
  if (!shared_->failed && shared_->op_count > 0) {
    SamplePages(shared_->steps[shared_->op_count - 1]);
  }
  munmap(reinterpret_cast<void*>(shared_->ceiling - kWindowBytes),
         kWindowBytes);
}

}  // namespace

void Main(Shared* shared, const int* files, int commands, int answers) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  static Agent agent(shared, files);
  shared->failed = 0;
  bool go_on = agent.Prepare();
  for (;;) {
    char byte = 0;
    if (write(answers, &byte, 1) != 1 || !go_on) _exit(0);
    ssize_t got;
    do {
      got = read(commands, &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got != 1) _exit(0);
    agent.DoProgram();
  }
}

}  // namespace faultline::host_agent
