// SPDX-License-Identifier: GPL-2.0-only
//
// The same calls to the model and to the kernel that this runs on.  The file
// is a memfd on the host, and on the model a file of an image of the variant
// that pages everything; on both all of it is in the page cache.

#ifndef FAULTLINE_BENCH_TWO_SIDES_H_
#define FAULTLINE_BENCH_TWO_SIDES_H_

#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bench/model_machine.h"

namespace faultline {

inline constexpr uint64_t kPage = 4096;
inline constexpr uint64_t kPages = 512;  // of a region, and of the file
inline constexpr uint64_t kCalls = 64;   // of system calls measured one by one
inline constexpr uint64_t kMoved = 16;   // pages of one mremap

// What both sides have:
//   status()          of the construction and of every call since
//   Do(f)             runs f as whoever may make the calls below
//   Map(at, pages, prot, from)   private; at 0: anywhere; from: page of the
//                     file, kAnonymous for none
//   Unmap, Protect, Load, Store; Move: mremap to where nothing is
//   ForkAndExit()     a child that ends at once, and is waited for
//   GrowHeap(pages), ShrinkHeap(pages), Lock, Unlock, DontNeed, Sync
//   Resident(at, pages)   mincore of at most kPages pages
//   Faults()          taken so far by this thread or task
inline constexpr int64_t kAnonymous = -1;

class HostSide {
 public:
  explicit HostSide(uint32_t fault_around_bytes);
  ~HostSide() {
    if (file_ >= 0) close(file_);
  }

  absl::Status status() const { return status_; }
  void Do(absl::FunctionRef<void()> f) { f(); }

  uint64_t Map(uint64_t at, uint64_t pages, int prot, int64_t from) {
    const int flags = MAP_PRIVATE | (at != 0 ? MAP_FIXED : 0) |
                      (from == kAnonymous ? MAP_ANONYMOUS : 0);
    void* mapped =
        mmap(reinterpret_cast<void*>(at), pages * kPage, prot, flags,
             from == kAnonymous ? -1 : file_,
             from == kAnonymous ? 0 : static_cast<off_t>(from * kPage));
    if (mapped == MAP_FAILED) Fail("mmap");
    return reinterpret_cast<uint64_t>(mapped);
  }
  // The model has no huge pages.
  void KeepPagesSmall(uint64_t at, uint64_t pages) {
    madvise(reinterpret_cast<void*>(at), pages * kPage, MADV_NOHUGEPAGE);
  }
  void Unmap(uint64_t at, uint64_t pages) {
    if (munmap(reinterpret_cast<void*>(at), pages * kPage) != 0) {
      Fail("munmap");
    }
  }
  void Protect(uint64_t at, uint64_t pages, int prot) {
    if (mprotect(reinterpret_cast<void*>(at), pages * kPage, prot) != 0) {
      Fail("mprotect");
    }
  }
  void Move(uint64_t from, uint64_t to, uint64_t pages) {
    if (mremap(reinterpret_cast<void*>(from), pages * kPage, pages * kPage,
               MREMAP_MAYMOVE | MREMAP_FIXED,
               reinterpret_cast<void*>(to)) == MAP_FAILED) {
      Fail("mremap");
    }
  }
  void ForkAndExit() {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0 || waitpid(child, nullptr, 0) != child) Fail("fork");
  }
  void GrowHeap(uint64_t pages) { MoveBreak(pages * kPage); }
  void ShrinkHeap(uint64_t pages) { MoveBreak(-pages * kPage); }
  void Lock(uint64_t at, uint64_t pages) {
    if (mlock(reinterpret_cast<void*>(at), pages * kPage) != 0) Fail("mlock");
  }
  void Unlock(uint64_t at, uint64_t pages) {
    if (munlock(reinterpret_cast<void*>(at), pages * kPage) != 0) {
      Fail("munlock");
    }
  }
  void DontNeed(uint64_t at, uint64_t pages) {
    if (madvise(reinterpret_cast<void*>(at), pages * kPage, MADV_DONTNEED) !=
        0) {
      Fail("madvise");
    }
  }
  void Sync(uint64_t at, uint64_t pages) {
    if (msync(reinterpret_cast<void*>(at), pages * kPage, MS_ASYNC) != 0) {
      Fail("msync");
    }
  }
  void Resident(uint64_t at, uint64_t pages) {
    if (mincore(reinterpret_cast<void*>(at), pages * kPage, resident_) != 0) {
      Fail("mincore");
    }
  }
  void Load(uint64_t at) {
    // A copy: DoNotOptimize may write back what it is given.
    const char value = *reinterpret_cast<const volatile char*>(at);
    benchmark::DoNotOptimize(value);
  }
  void Store(uint64_t at) { *reinterpret_cast<volatile char*>(at) = 1; }
  uint64_t Faults() const {
    rusage usage = {};
    getrusage(RUSAGE_THREAD, &usage);
    return static_cast<uint64_t>(usage.ru_minflt);
  }

 private:
  // The system call, for sbrk asks once more and knows who else moved it.
  void MoveBreak(int64_t bytes) {
    const int64_t to = syscall(SYS_brk, 0) + bytes;
    if (syscall(SYS_brk, to) != to) Fail("brk");
  }
  void Fail(const char* call) {
    status_ = absl::InternalError(absl::StrCat(call, ": ", strerror(errno)));
  }

  absl::Status status_;
  int file_ = -1;
  unsigned char resident_[kPages];
};

class ModelSide {
 public:
  explicit ModelSide(uint32_t fault_around_bytes);

  absl::Status status() const { return status_; }
  void Do(absl::FunctionRef<void()> f) {
    absl::Status ran = machine_->Run(f);
    if (status_.ok()) status_ = ran;
  }

  uint64_t Map(uint64_t at, uint64_t pages, uint32_t prot, int64_t from) {
    const uint32_t flags = FL_MAP_PRIVATE | (at != 0 ? FL_MAP_FIXED : 0) |
                           (from == kAnonymous ? FL_MAP_ANONYMOUS : 0);
    const int64_t mapped = machine_->kernel().sys_mmap(
        at, pages * kPage, prot, flags,
        from == kAnonymous ? nullptr : machine_->opened(0),
        from == kAnonymous ? 0 : from * kPage);
    if (mapped < 0) Fail("mmap", mapped);
    return static_cast<uint64_t>(mapped);
  }
  void KeepPagesSmall(uint64_t, uint64_t) {}
  void Unmap(uint64_t at, uint64_t pages) {
    const int64_t result = machine_->kernel().sys_munmap(at, pages * kPage);
    if (result != 0) Fail("munmap", result);
  }
  void Protect(uint64_t at, uint64_t pages, uint32_t prot) {
    const int64_t result =
        machine_->kernel().sys_mprotect(at, pages * kPage, prot);
    if (result != 0) Fail("mprotect", result);
  }
  void Move(uint64_t from, uint64_t to, uint64_t pages) {
    const int64_t result =
        machine_->kernel().sys_mremap(from, pages * kPage, pages * kPage,
                                      FL_MREMAP_MAYMOVE | FL_MREMAP_FIXED, to);
    if (result < 0) Fail("mremap", result);
  }
  void ForkAndExit() {
    const int64_t result = machine_->ForkAndExit();
    if (result != 0) Fail("fork", result);
  }
  void GrowHeap(uint64_t pages) { MoveBreak(pages * kPage); }
  void ShrinkHeap(uint64_t pages) { MoveBreak(-pages * kPage); }
  void Lock(uint64_t at, uint64_t pages) {
    const int64_t result = machine_->kernel().sys_mlock(at, pages * kPage);
    if (result != 0) Fail("mlock", result);
  }
  void Unlock(uint64_t at, uint64_t pages) {
    const int64_t result = machine_->kernel().sys_munlock(at, pages * kPage);
    if (result != 0) Fail("munlock", result);
  }
  void DontNeed(uint64_t at, uint64_t pages) {
    const int64_t result = machine_->kernel().sys_madvise(at, pages * kPage, 4);
    if (result != 0) Fail("madvise", result);
  }
  void Sync(uint64_t at, uint64_t pages) {
    const int64_t result =
        machine_->kernel().sys_msync(at, pages * kPage, FL_MS_ASYNC);
    if (result != 0) Fail("msync", result);
  }
  // The answer goes to a page of the process, which is made the first time.
  void Resident(uint64_t at, uint64_t pages) {
    if (resident_ == 0) {
      resident_ = Map(0, 1, FL_PROT_READ | FL_PROT_WRITE, kAnonymous);
      Store(resident_);
    }
    const int64_t result =
        machine_->kernel().sys_mincore(at, pages * kPage, resident_);
    if (result != 0) Fail("mincore", result);
  }
  void Load(uint64_t at) { Access(FL_LOAD, at); }
  void Store(uint64_t at) { Access(FL_STORE, at); }
  uint64_t Faults() const { return faults_; }

 private:
  void Access(uint32_t kind, uint64_t at) {
    fl_user_result result;
    machine_->kernel().user_access(kind, at, 1, 1, &result);
    faults_ += result.faults;
    if (result.sig != 0) Fail("signal", result.sig);
  }
  void MoveBreak(int64_t bytes) {
    const int64_t to = machine_->kernel().sys_brk(0) + bytes;
    const int64_t result = machine_->kernel().sys_brk(to);
    if (result != to) Fail("brk", result);
  }
  void Fail(const char* what, int64_t result) {
    status_ = absl::InternalError(absl::StrCat(what, ": ", result));
  }

  absl::Status status_;
  std::vector<uint8_t> image_;
  std::unique_ptr<ModelMachine> machine_;
  uint64_t faults_ = 0;
  uint64_t resident_ = 0;
};

}  // namespace faultline

#endif  // FAULTLINE_BENCH_TWO_SIDES_H_
