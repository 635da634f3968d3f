// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/host_agent.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace faultline::host_agent {
namespace {

constexpr uint64_t kPage = 4096;
constexpr int kPipeBytes = 1 << 16;
constexpr rlim_t kLockedBytes = 64 << 10;

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

bool Hex(const char** at, const char* end, uint64_t* number) {
  const char* p = *at;
  *number = 0;
  for (; p < end; ++p) {
    const char c = *p;
    if (c >= '0' && c <= '9') {
      *number = *number * 16 + static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      *number = *number * 16 + static_cast<uint64_t>(c - 'a') + 10;
    } else {
      break;
    }
  }
  const bool any = p > *at;
  *at = p;
  return any;
}

// A line of maps or smaps, with its newline.
struct Line {
  const char *begin, *end;
  bool range;  // it is a mapping's first
  uint64_t first, last;

  bool StartsWith(const char* text) const {
    const size_t length = strlen(text);
    return static_cast<size_t>(end - begin) >= length &&
           memcmp(begin, text, length) == 0;
  }
};

// False at the end of the text.
bool NextLine(const char** at, const char* end, Line* line) {
  if (*at == end) return false;
  const char* p = line->begin = *at;
  while (*at < end && **at != '\n') ++*at;
  if (*at < end) ++*at;
  line->end = *at;
  line->range = Hex(&p, line->end, &line->first) && p < line->end &&
                *p++ == '-' && Hex(&p, line->end, &line->last);
  return true;
}

// Likewise of the next mapping.
bool NextRange(const char** at, const char* end, Line* line) {
  while (NextLine(at, end, line)) {
    if (line->range) return true;
  }
  return false;
}

class Agent {
 public:
  Agent(Shared* shared, const int* files) : shared_(shared), files_(files) {}

  bool Prepare();
  void DoProgram();
  // Ops, the children, samples.
  void DoProcess(int32_t process);

 private:
  bool Fail(const char* what) {
    shared_->failed = 1;
    strncpy(shared_->complaint, what, sizeof(shared_->complaint) - 1);
    return false;
  }
  // /proc/self/smaps, at the end of the used part of shared_->maps, all of it
  // or at least as far as the ceiling; its length, 0 if there is no room.
  uint32_t ReadMaps();
  bool OpenMaps();
  bool MakeWindow();
  bool MakeHeap();
  bool DropLocking();
  int64_t Fork(int32_t process);
  int64_t WriteToPipe(uint64_t address, uint32_t bytes, uint64_t* hash);
  uint64_t HashUser(uint64_t address, uint64_t bytes);
  bool KeepWindowLines(StepRecord* step);
  void DoOp(const CompiledOp& op, StepRecord* step);
  void SamplePages(int32_t process, const StepRecord& last);

  Shared* const shared_;
  const int* const files_;
  int32_t process_ = 0;
  int maps_fd_ = -1;
  int pipe_[2] = {-1, -1};
  bool locked_all_ = false;
  // Those that wait to be told to begin.
  struct Child {
    int32_t process;
    int pid, go;
  } children_[kMaxProcesses] = {};
  uint32_t child_count_ = 0;
  // Not shared, so that a child has its own copy.
  uint64_t variables_[kMaxVariables] = {};
};

uint32_t Agent::ReadMaps() {
  char* const text = shared_->maps + shared_->maps_used;
  uint32_t length = 0;
  if (lseek(maps_fd_, 0, SEEK_SET) != 0) return 0;
  for (;;) {
    const uint32_t room = kMapsBytes - shared_->maps_used - length;
    if (room < 2 * kPage) return 0;
    const ssize_t got = read(maps_fd_, text + length, room);
    if (got < 0) return 0;
    // The kernel gives whole lines.  All libraries lie above the ceiling.
    const char* at = text + length;
    length += static_cast<uint32_t>(got);
    Line line;
    if (got == 0 || (shared_->windows.ceiling != 0 &&
                     NextRange(&at, text + length, &line) &&
                     line.first > shared_->windows.ceiling)) {
      return length;
    }
  }
}

// Fills the holes that the kernel would prefer to the large one, and puts a
// page over that one with which no mapping of a program can merge.
bool Agent::MakeWindow() {
  shared_->windows = Windows();
  for (int tries = 0; tries < 1000; ++tries) {
    void* const probe =
        mmap(nullptr, kPage, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe == MAP_FAILED) return Fail("cannot map a page");
    const uint64_t at = reinterpret_cast<uint64_t>(probe);
    munmap(probe, kPage);
    const uint32_t length = ReadMaps();
    if (length == 0) return Fail("cannot read /proc/self/smaps");
    const char* text = shared_->maps;
    uint64_t hole = 0, first = 0;
    Line line;
    while (NextRange(&text, shared_->maps + length, &line) &&
           (first = line.first) < at) {
      hole = line.last;
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
      shared_->windows.ceiling = begin;
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
  if (pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0 ||
      fcntl(pipe_[1], F_GETPIPE_SZ) < kPipeBytes) {
    return Fail("no pipe");
  }
  return DropLocking() && OpenMaps() && MakeWindow() && MakeHeap();
}

bool Agent::OpenMaps() {
  maps_fd_ = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
  return maps_fd_ >= 0 || Fail("no /proc/self/smaps");
}

// As the model's processes are: no capability, and the limit of 4.13.
bool Agent::DropLocking() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return Fail("no RLIMIT_MEMLOCK");
  if (limit.rlim_max < kLockedBytes) return Fail("RLIMIT_MEMLOCK is too small");
  limit.rlim_cur = kLockedBytes;
  if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return Fail("no RLIMIT_MEMLOCK");
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return Fail("no capget");
  data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
  return syscall(SYS_capset, &header, data) == 0 || Fail("no capset");
}

// Above the heap that there is, and apart from it by a page with which nothing
// merges.
bool Agent::MakeHeap() {
  const uint64_t end = static_cast<uint64_t>(syscall(SYS_brk, 0));
  const uint64_t guard = (end + kPage - 1) & ~(kPage - 1);
  void* const page = reinterpret_cast<void*>(guard);
  if (static_cast<uint64_t>(syscall(SYS_brk, guard + kPage)) != guard + kPage ||
      mprotect(page, kPage, PROT_NONE) != 0 ||
      madvise(page, kPage, MADV_WIPEONFORK) != 0) {
    return Fail("no heap");
  }
  shared_->windows.heap = guard + kPage;
  return true;
}

// The child waits in here until it is told to begin, and ends in here.
int64_t Agent::Fork(int32_t process) {
  int go[2];
  if (pipe2(go, O_CLOEXEC) != 0) return -errno;
  const int64_t pid = Result(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (pid != 0) {
    close(go[0]);
    if (pid < 0) {
      close(go[1]);
      return pid;
    }
    children_[child_count_++] = {process, static_cast<int>(pid), go[1]};
    return 0;
  }
  close(go[1]);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (uint32_t i = 0; i < child_count_; ++i) close(children_[i].go);
  child_count_ = 0;
  char byte;
  if (read(go[0], &byte, 1) != 1) _exit(0);
  close(maps_fd_);
  if (OpenMaps()) DoProcess(process);
  _exit(shared_->failed ? 1 : 0);
}

int64_t Agent::WriteToPipe(uint64_t address, uint32_t bytes, uint64_t* hash) {
  const int64_t wrote = Result(syscall(SYS_write, pipe_[1], address, bytes));
  if (wrote <= 0) return wrote;
  const int64_t got =
      Result(read(pipe_[0], shared_->read_buffer, static_cast<size_t>(wrote)));
  if (got != wrote) Fail("a pipe gave less than it took");
  if (bytes > 8) {
    *hash = HashBytes(shared_->read_buffer, static_cast<uint64_t>(wrote));
  } else {
    *hash = 0;
    memcpy(hash, shared_->read_buffer, static_cast<size_t>(wrote));
  }
  return wrote;
}

uint64_t Agent::HashUser(uint64_t address, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; ++i) {
    uint64_t byte = 0;
    Access(false, address + i, 1, &byte);
    shared_->read_buffer[i] = static_cast<char>(byte);
  }
  return HashBytes(shared_->read_buffer, bytes);
}

// Of the text that was just read, only what the program mapped stays, and of
// that the line of maps and the flags.
bool Agent::KeepWindowLines(StepRecord* step) {
  const uint32_t length = ReadMaps();
  if (length == 0) return Fail("/proc/self/smaps does not fit");
  const char* const begin = shared_->maps + shared_->maps_used;
  const char* const end = begin + length;
  const char* text = begin;
  uint32_t kept = 0;
  bool inside = false;
  for (Line line; NextLine(&text, end, &line);) {
    if (line.range) {
      inside = shared_->windows.Inside(line.first, line.last - line.first);
    }
    if (!inside || !(line.range || line.StartsWith("VmFlags:"))) continue;
    const size_t bytes = static_cast<size_t>(line.end - line.begin);
    memmove(shared_->maps + shared_->maps_used + kept, line.begin, bytes);
    kept += static_cast<uint32_t>(bytes);
  }
  step->maps_begin = shared_->maps_used;
  shared_->maps_used += kept;
  step->maps_end = shared_->maps_used;
  return true;
}

void Agent::DoOp(const CompiledOp& op, StepRecord* step) {
  uint64_t* const variables = variables_;
  *step = StepRecord();
  if (!InWindow(op, variables, shared_->windows)) {
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
      const int flags =
          (op.shared ? MAP_SHARED : MAP_PRIVATE) | (op.fixed ? MAP_FIXED : 0) |
          (op.file < 0 ? MAP_ANONYMOUS : 0) | static_cast<int>(op.flags);
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
    case OpKind::kWrite:
      step->value = Result(syscall(SYS_pwrite64, files_[op.file], &op.value,
                                   op.size, op.offset));
      break;
    case OpKind::kTruncate:
      step->value = Result(syscall(SYS_ftruncate, files_[op.file], op.length));
      break;
    case OpKind::kPunch:
      step->value = Result(syscall(SYS_fallocate, files_[op.file],
                                   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                   op.offset, op.length));
      break;
    case OpKind::kDrop:
      step->value = Result(
          syscall(SYS_fadvise64, files_[op.file], 0, 0, POSIX_FADV_DONTNEED));
      break;
    case OpKind::kBrk:
      step->value = Result(syscall(SYS_brk, address));
      break;
    case OpKind::kMlock:
      step->value =
          Result(op.onfault ? syscall(SYS_mlock2, at, op.length, MLOCK_ONFAULT)
                            : syscall(SYS_mlock, at, op.length));
      break;
    case OpKind::kMunlock:
      step->value = Result(syscall(SYS_munlock, at, op.length));
      break;
    case OpKind::kMlockAll:
      locked_all_ = true;
      step->value = Result(syscall(SYS_mlockall, op.flags));
      break;
    case OpKind::kMunlockAll:
      step->value = Result(syscall(SYS_munlockall));
      break;
    case OpKind::kMsync:
      step->value = Result(syscall(SYS_msync, at, op.length, op.flags));
      break;
    case OpKind::kMincore: {
      const uint64_t vector = OpTarget(op, variables);
      step->value = Result(syscall(SYS_mincore, at, op.length, vector));
      if (step->value == 0) {
        step->loaded = HashUser(vector, (op.length + kPage - 1) / kPage);
      }
      break;
    }
    case OpKind::kReadInto:
      step->value =
          Result(syscall(SYS_pread64, files_[op.file], at, op.size, op.offset));
      break;
    case OpKind::kWriteFrom:
      step->value = WriteToPipe(address, op.size, &step->loaded);
      break;
    case OpKind::kFork:
      if (op.target == process_) break;  // it is the one that was made
      step->value = Fork(op.target);
      if (step->value < 0) Fail("a fork failed");
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

void Agent::SamplePages(int32_t process, const StepRecord& last) {
  const char* text = shared_->maps + last.maps_begin;
  const char* const end = shared_->maps + last.maps_end;
  for (Line line; NextRange(&text, end, &line);) {
    const char* flags = line.begin;
    while (*flags != ' ') ++flags;
    if (flags[1] != 'r') continue;
    for (uint64_t at = line.first; at < line.last; at += kPage) {
      if (shared_->sample_count == SerialRun::kMaxSamples) return;
      SampleRecord& sample = shared_->samples[shared_->sample_count++];
      sample = SampleRecord();
      sample.process = process;
      sample.address = at;
      for (size_t i = 0; i < 4 && sample.sig == 0; ++i) {
        uint64_t word = 0;
        sample.sig = Access(false, at + kSampleOffsets[i], 8, &word).number;
        if (sample.sig == 0) sample.words[i] = word;
      }
    }
  }
}

void Agent::DoProcess(int32_t process) {
  process_ = process;
  const Shared::Range range = shared_->ops_of[process];
  const uint32_t begin = range.begin, end = range.end;
  for (uint32_t i = begin; i < end; ++i) {
    StepRecord* const step = &shared_->steps[i];
    DoOp(shared_->ops[i], step);
    if (shared_->failed || !KeepWindowLines(step)) return;
    shared_->steps_done = i + 1;
  }
  for (uint32_t i = 0; i < child_count_; ++i) {
    const Child& child = children_[i];
    int status = 0;
    char byte = 1;
    const bool ended = write(child.go, &byte, 1) == 1 &&
                       syscall(SYS_wait4, child.pid, &status, 0, 0) > 0;
    close(child.go);
    if (!shared_->failed && (!ended || status != 0)) Fail("a child died");
  }
  child_count_ = 0;
  if (!shared_->failed && end > begin) {
    SamplePages(process, shared_->steps[end - 1]);
  }
}

void Agent::DoProgram() {
  shared_->steps_done = 0;
  shared_->sample_count = 0;
  shared_->failed = 0;
  memset(shared_->complaint, 0, sizeof(shared_->complaint));
  memset(variables_, 0, shared_->variable_count * sizeof(variables_[0]));
  shared_->maps_used = 0;
  DoProcess(shared_->process);
  const Windows& windows = shared_->windows;
  if (locked_all_) syscall(SYS_munlockall);
  locked_all_ = false;
  munmap(reinterpret_cast<void*>(windows.ceiling - kWindowBytes), kWindowBytes);
  munmap(reinterpret_cast<void*>(windows.heap), kHeapBytes);
  const uint64_t brk = static_cast<uint64_t>(syscall(SYS_brk, 0));
  if (brk == windows.heap) return;
  // A heap that is not mapped does not shrink.
  mmap(reinterpret_cast<void*>(windows.heap), brk - windows.heap,
       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (static_cast<uint64_t>(syscall(SYS_brk, windows.heap)) != windows.heap) {
    Fail("the heap does not shrink");
  }
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
