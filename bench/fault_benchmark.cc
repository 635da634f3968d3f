// SPDX-License-Identifier: GPL-2.0-only
//
// The same calls, once to the model and once to the kernel that this runs on.
// Each benchmark is one template over two sides:
//
//   fault/NAME/model   the native kernel build, one simulated CPU
//   fault/NAME/host    mmap(2), munmap(2), mprotect(2), mremap(2), accesses
//
// The file is a memfd on the host, and on the model a file of an image of the
// variant that pages everything; on both all of it is in the page cache.

#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/model_machine.h"
#include "bench/section.h"
#include "bench/subjects.h"
#include "cramfs/tools/writer.h"

namespace faultline {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kPages = 512;  // of a region, and of the file
constexpr uint64_t kCalls = 64;   // of system calls measured one by one
constexpr uint64_t kMoved = 16;   // pages of one mremap

// No page of zeros: cramfs has no block for such a one.
std::vector<uint8_t> FileBytes() {
  std::vector<uint8_t> bytes(kPages * kPage);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(1 + i / kPage % 250 + i % 5);
  }
  return bytes;
}

// What both sides have:
//   status()          of the construction and of every call since
//   Do(f)             runs f as whoever may make the calls below
//   Map(at, pages, prot, from)   private; at 0: anywhere; from: page of the
//                     file, kAnonymous for none
//   Unmap, Protect, Load, Store; Move: mremap to where nothing is
//   Faults()          taken so far by this thread or task
constexpr int64_t kAnonymous = -1;

class HostSide {
 public:
  explicit HostSide(uint32_t /*fault_around_bytes*/) {
    const std::vector<uint8_t> bytes = FileBytes();
    file_ = memfd_create("faultline_benchmark", MFD_CLOEXEC);
    if (file_ < 0 || write(file_, bytes.data(), bytes.size()) !=
                         static_cast<ssize_t>(bytes.size())) {
      Fail("memfd");
    }
  }
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
  void Fail(const char* call) {
    status_ = absl::InternalError(absl::StrCat(call, ": ", strerror(errno)));
  }

  absl::Status status_;
  int file_ = -1;
};

class ModelSide {
 public:
  explicit ModelSide(uint32_t fault_around_bytes) {
    cramfs::Entry root = cramfs::Entry::Directory("");
    root.Add(cramfs::Entry::File("f", FileBytes()));
    absl::StatusOr<cramfs::Image> image = cramfs::ImageBuilder().Build(root);
    status_ = image.status();
    if (!status_.ok()) return;
    image_ = std::move(image->bytes);
    ModelMachineOptions options;
    options.variant = "paged";
    options.image = &image_;
    options.paths = {"/f"};
    options.fault_around_bytes = fault_around_bytes;
    absl::StatusOr<std::unique_ptr<ModelMachine>> machine =
        ModelMachine::Create(options);
    status_ = machine.status();
    if (!status_.ok()) return;
    machine_ = *std::move(machine);
    Do([this] {
      std::vector<uint8_t> bytes(kPages * kPage);
      const int64_t read = machine_->kernel().file_read(
          machine_->opened(0), bytes.data(), bytes.size(), 0);
      if (read != static_cast<int64_t>(bytes.size())) Fail("read", read);
    });
  }

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
  void Fail(const char* what, int64_t result) {
    status_ = absl::InternalError(absl::StrCat(what, ": ", result));
  }

  absl::Status status_;
  std::vector<uint8_t> image_;
  std::unique_ptr<ModelMachine> machine_;
  uint64_t faults_ = 0;
};

// ---- what is measured ----

template <typename Side>
using Body = void (*)(Side* side, Section* section);

template <typename Side>
void Run(benchmark::State& state, Body<Side> body, uint64_t items,
         uint32_t fault_around_bytes) {
  Side side(fault_around_bytes);
  if (!side.status().ok()) {
    state.SkipWithError(side.status().ToString().c_str());
    return;
  }
  Section section;
  side.Do([&] {
    for (auto _ : state) {
      body(&side, &section);
      if (!side.status().ok()) break;
      state.SetIterationTime(section.seconds());
    }
  });
  if (!side.status().ok()) {
    state.SkipWithError(side.status().ToString().c_str());
  }
  section.Report(&state, static_cast<double>(items));
}

template <typename Side>
uint64_t MapAnonymous(Side* side, uint64_t pages) {
  const uint64_t at = side->Map(0, pages, PROT_READ | PROT_WRITE, kAnonymous);
  side->KeepPagesSmall(at, pages);
  return at;
}

template <typename Side, bool kStore>
void TouchAll(Side* side, uint64_t at, Section* section) {
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  for (uint64_t i = 0; i < kPages; ++i) {
    kStore ? side->Store(at + i * kPage) : side->Load(at + i * kPage);
  }
  section->Stop(faults);
}

template <typename Side>
void AnonymousWrite(Side* side, Section* section) {
  const uint64_t at = MapAnonymous(side, kPages);
  TouchAll<Side, true>(side, at, section);
  side->Unmap(at, kPages);
}

template <typename Side>
void AnonymousRead(Side* side, Section* section) {
  const uint64_t at = MapAnonymous(side, kPages);
  TouchAll<Side, false>(side, at, section);
  side->Unmap(at, kPages);
}

// A vma for each page, in an order in which they do not merge.  Faulting
// around stops at the ends of a vma, so each page is a fault of its own, on a
// host whose fault_around_bytes cannot be changed too.
template <typename Side>
void FileReadSingle(Side* side, Section* section) {
  const uint64_t at = side->Map(0, kPages, PROT_NONE, kAnonymous);
  for (uint64_t i = 0; i < kPages; ++i) {
    side->Map(at + i * kPage, 1, PROT_READ,
              static_cast<int64_t>(kPages - 1 - i));
  }
  TouchAll<Side, false>(side, at, section);
  side->Unmap(at, kPages);
}

template <typename Side>
void FileReadSequential(Side* side, Section* section) {
  const uint64_t at = side->Map(0, kPages, PROT_READ, 0);
  TouchAll<Side, false>(side, at, section);
  side->Unmap(at, kPages);
}

template <typename Side>
void PrivateFileWrite(Side* side, Section* section) {
  const uint64_t at = side->Map(0, kPages, PROT_READ | PROT_WRITE, 0);
  TouchAll<Side, true>(side, at, section);
  side->Unmap(at, kPages);
}

template <typename Side>
void UnmapPopulated(Side* side, Section* section) {
  const uint64_t at = MapAnonymous(side, kPages);
  for (uint64_t i = 0; i < kPages; ++i) side->Store(at + i * kPage);
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  side->Unmap(at, kPages);
  section->Stop(faults);
}

// With nothing on either side: a neighbour would be extended and cut back.
template <typename Side>
void MapUnmap(Side* side, Section* section) {
  const uint64_t at = side->Map(0, 3, PROT_READ | PROT_WRITE, kAnonymous);
  side->Unmap(at, 3);
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  for (uint64_t i = 0; i < kCalls; ++i) {
    side->Map(at + kPage, 1, PROT_READ | PROT_WRITE, kAnonymous);
    side->Unmap(at + kPage, 1);
  }
  section->Stop(faults);
}

// Areas of three pages with a hole after each; the middle one is protected.
template <typename Side>
void ProtectSplit(Side* side, Section* section) {
  const uint64_t at =
      side->Map(0, 4 * kCalls, PROT_READ | PROT_WRITE, kAnonymous);
  for (uint64_t i = 0; i < kCalls; ++i) {
    side->Unmap(at + (4 * i + 3) * kPage, 1);
  }
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  for (uint64_t i = 0; i < kCalls; ++i) {
    side->Protect(at + (4 * i + 1) * kPage, 1, PROT_READ);
  }
  section->Stop(faults);
  side->Unmap(at, 4 * kCalls);
}

// To and fro between two places with a hole between them.
template <typename Side>
void MovePopulated(Side* side, Section* section) {
  uint64_t from = MapAnonymous(side, 3 * kMoved);
  uint64_t to = from + 2 * kMoved * kPage;
  side->Unmap(from + kMoved * kPage, 2 * kMoved);
  for (uint64_t i = 0; i < kMoved; ++i) side->Store(from + i * kPage);
  auto faults = [side] { return side->Faults(); };
  section->Start(faults());
  for (uint64_t i = 0; i < kCalls; ++i) {
    side->Move(from, to, kMoved);
    std::swap(from, to);
  }
  section->Stop(faults);
  side->Unmap(from, kMoved);
}

struct Subject {
  const char* name;
  const char* title;
  Body<ModelSide> model;
  Body<HostSide> host;  // null: the host cannot be told to
  uint64_t items;
  uint32_t fault_around_bytes = 0;
};

constexpr Subject kSubjects[] = {
    {"anonymous_write", "anonymous write fault", AnonymousWrite<ModelSide>,
     AnonymousWrite<HostSide>, kPages},
    {"anonymous_read", "anonymous read fault (zero page)",
     AnonymousRead<ModelSide>, AnonymousRead<HostSide>, kPages},
    {"file_read_single", "file read fault, nothing around it",
     FileReadSingle<ModelSide>, FileReadSingle<HostSide>, kPages},
    {"file_read_around", "file read in sequence, a page",
     FileReadSequential<ModelSide>, FileReadSequential<HostSide>, kPages},
    {"file_read_around_off", "the same, fault-around off",
     FileReadSequential<ModelSide>, nullptr, kPages, kPage},
    {"private_file_write", "private file write (copy)",
     PrivateFileWrite<ModelSide>, PrivateFileWrite<HostSide>, kPages},
    {"munmap_populated", "munmap of populated memory, a page",
     UnmapPopulated<ModelSide>, UnmapPopulated<HostSide>, kPages},
    {"mmap_munmap", "mmap + munmap of an untouched page", MapUnmap<ModelSide>,
     MapUnmap<HostSide>, kCalls},
    {"mprotect_split", "mprotect that splits in three", ProtectSplit<ModelSide>,
     ProtectSplit<HostSide>, kCalls},
    {"mremap_move", "mremap that moves 16 populated pages",
     MovePopulated<ModelSide>, MovePopulated<HostSide>, kCalls},
};

std::string NameOf(const Subject& subject, const char* side) {
  return absl::StrCat("fault/", subject.name, "/", side);
}

template <typename Side>
void Register(const Subject& subject, const char* side, Body<Side> body) {
  if (body == nullptr) return;
  benchmark::RegisterBenchmark(NameOf(subject, side).c_str(),
                               [subject, body](benchmark::State& state) {
                                 Run<Side>(state, body, subject.items,
                                           subject.fault_around_bytes);
                               })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace

void RegisterFaultBenchmarks() {
  for (const Subject& subject : kSubjects) {
    Register<ModelSide>(subject, "model", subject.model);
    Register<HostSide>(subject, "host", subject.host);
  }
}

void PrintFaultTable(const MedianReporter& results, std::ostream* out) {
  bool headed = false;
  for (const Subject& subject : kSubjects) {
    const std::optional<double> model =
        results.Median(NameOf(subject, "model"), "per_item");
    const std::optional<double> host =
        results.Median(NameOf(subject, "host"), "per_item");
    if (!model && !host) continue;
    if (!headed) {
      *out << absl::StreamFormat("\n%-38s %10s %10s %11s\n", "medians",
                                 "model ns", "host ns", "model/host");
      headed = true;
    }
    auto ns = [](std::optional<double> seconds) {
      return seconds ? absl::StrFormat("%.0f", *seconds * 1e9) : "-";
    };
    *out << absl::StreamFormat(
        "%-38s %10s %10s %11s\n", subject.title, ns(model), ns(host),
        model && host ? absl::StrFormat("%.2f", *model / *host) : "-");
  }
}

}  // namespace faultline
