// SPDX-License-Identifier: GPL-2.0-only
//
// One process with a thousand to a million vmas.
//
//   scale/find/N/model    msync of a mapped page, which finds the vma and has
//                         nothing to do; at random places, so that the task's
//                         cache of vmas does not help
//   scale/mmap/N/model    mmap of a page at a given place between two vmas
//   scale/place/N/model   mmap of a page wherever there is room
//   scale/munmap/N/model  munmap of that page
//   scale/.../host        the same on the kernel that this runs on, as far as
//                         its limit of mappings lets it
//   scale/memory/model    bytes of slab for each vma
//
// The vmas are a page each, with a page free behind it.

#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/model_machine.h"
#include "bench/section.h"
#include "bench/subjects.h"

namespace faultline {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kCalls = 256;
constexpr uint64_t kSizes[] = {1000, 10000, 100000, 1000000};
constexpr uint64_t kHostSizes[] = {1000, 10000};

class HostProcess {
 public:
  explicit HostProcess(uint64_t vmas) : vmas_(vmas) {
    void* room = mmap(nullptr, 2 * vmas * kPage, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || munmap(room, 2 * vmas * kPage) != 0) {
      status_ = absl::ResourceExhaustedError("no room");
      return;
    }
    base_ = reinterpret_cast<uint64_t>(room);
  }
  ~HostProcess() {
    if (base_ != 0) munmap(reinterpret_cast<void*>(base_), 2 * vmas_ * kPage);
  }
  void Do(absl::FunctionRef<void()> f) { f(); }
  uint64_t base() const { return base_; }
  uint64_t vmas() const { return vmas_; }
  absl::Status status() const { return status_; }

  // The address; at 0: anywhere.
  uint64_t Map(uint64_t at, uint32_t prot) {
    void* mapped =
        mmap(reinterpret_cast<void*>(at), kPage, static_cast<int>(prot),
             MAP_PRIVATE | MAP_ANONYMOUS | (at != 0 ? MAP_FIXED : 0), -1, 0);
    if (mapped == MAP_FAILED) status_ = absl::InternalError("mmap");
    return reinterpret_cast<uint64_t>(mapped);
  }
  void Unmap(uint64_t at) {
    if (munmap(reinterpret_cast<void*>(at), kPage) != 0) {
      status_ = absl::InternalError("munmap");
    }
  }
  void Find(uint64_t at) {
    if (msync(reinterpret_cast<void*>(at), kPage, MS_ASYNC) != 0) {
      status_ = absl::InternalError("msync");
    }
  }

 private:
  const uint64_t vmas_;
  uint64_t base_ = 0;
  absl::Status status_;
};

class ModelProcess {
 public:
  explicit ModelProcess(uint64_t vmas) : vmas_(vmas) {
    ModelMachineOptions options;
    options.image = &image_;
    options.ram_pages = 256;
    options.max_map_count = static_cast<uint32_t>(vmas + 1000);
    options.slab_bytes = (vmas + 8000) * 256;
    absl::StatusOr<std::unique_ptr<ModelMachine>> machine =
        ModelMachine::Create(options);
    status_ = machine.status();
    if (status_.ok()) machine_ = *std::move(machine);
  }
  void Do(absl::FunctionRef<void()> f) {
    absl::Status ran = machine_->Run(f);
    if (status_.ok()) status_ = ran;
  }
  uint64_t base() const { return 0x10000000; }
  uint64_t vmas() const { return vmas_; }
  absl::Status status() const { return status_; }

  uint64_t Map(uint64_t at, uint32_t prot) {
    const int64_t mapped = machine_->kernel().sys_mmap(
        at, kPage, prot,
        FL_MAP_PRIVATE | FL_MAP_ANONYMOUS | (at != 0 ? FL_MAP_FIXED : 0),
        nullptr, 0);
    if (mapped < 0) Fail("mmap", mapped);
    return static_cast<uint64_t>(mapped);
  }
  void Unmap(uint64_t at) {
    const int64_t result = machine_->kernel().sys_munmap(at, kPage);
    if (result != 0) Fail("munmap", result);
  }
  void Find(uint64_t at) {
    const int64_t result = machine_->kernel().sys_msync(at, kPage, FL_MS_ASYNC);
    if (result != 0) Fail("msync", result);
  }

 private:
  void Fail(const char* what, int64_t result) {
    status_ = absl::InternalError(absl::StrCat(what, ": ", result));
  }

  const uint64_t vmas_;
  std::vector<uint8_t> image_;
  absl::Status status_;
  std::unique_ptr<ModelMachine> machine_;
};

// Processes are slow to make: each is made once, and kept for all benchmarks.
template <typename Process>
std::map<uint64_t, std::unique_ptr<Process>>& Processes() {
  static auto* processes = new std::map<uint64_t, std::unique_ptr<Process>>;
  return *processes;
}

template <typename Process>
Process* ProcessOf(uint64_t vmas) {
  std::unique_ptr<Process>& process = Processes<Process>()[vmas];
  if (process == nullptr) {
    process = std::make_unique<Process>(vmas);
    if (!process->status().ok()) return process.get();
    process->Do([&] {
      for (uint64_t i = 0; i < vmas && process->status().ok(); ++i) {
        process->Map(process->base() + 2 * i * kPage, PROT_READ);
      }
    });
  }
  return process.get();
}

// ---- what is measured ----

enum Call { kFind, kMmap, kPlace, kMunmap };
constexpr const char* kCallNames[] = {"find", "mmap", "place", "munmap"};
constexpr const char* kCallTitles[] = {
    "find_vma (msync that does nothing)", "mmap of a page between two",
    "mmap of a page anywhere", "munmap of a page"};

template <typename Process>
void Run(benchmark::State& state, Call call, uint64_t vmas) {
  Process* process = ProcessOf<Process>(vmas);
  Section section;
  uint64_t random = 1;
  process->Do([&] {
    uint64_t at[kCalls];
    for (auto _ : state) {
      if (!process->status().ok()) break;
      for (uint64_t& address : at) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        address = process->base() + (random >> 33) % vmas * 2 * kPage;
        if (call == kMmap || call == kMunmap) address += kPage;
        if (call == kPlace) address = 0;
      }
      // A place comes up twice at times: what was mapped is mapped again.
      const auto map = [&] {
        for (uint64_t& address : at) {
          address = process->Map(address, PROT_READ | PROT_WRITE);
        }
      };
      const auto none = [] { return uint64_t{0}; };
      if (call == kMunmap) map();
      section.Start(0);
      switch (call) {
        case kFind:
          for (const uint64_t address : at) process->Find(address);
          break;
        case kMmap:
        case kPlace:
          map();
          break;
        case kMunmap:
          for (const uint64_t address : at) process->Unmap(address);
          break;
      }
      section.Stop(none);
      state.SetIterationTime(section.seconds());
      if (call == kMmap || call == kPlace) {
        for (const uint64_t address : at) process->Unmap(address);
      }
    }
  });
  if (!process->status().ok()) {
    state.SkipWithError(process->status().ToString().c_str());
  }
  state.counters["vmas"] = static_cast<double>(vmas);
  section.Report(&state, kCalls);
}

// Vmas until the slabs are used up.
void MemoryOfVmas(benchmark::State& state) {
  constexpr uint64_t kSlabBytes = 16 << 20;
  double vmas = 0;
  for (auto _ : state) {
    const std::vector<uint8_t> image;
    ModelMachineOptions options;
    options.image = &image;
    options.ram_pages = 256;
    options.max_map_count = 1 << 20;
    options.slab_bytes = kSlabBytes;
    absl::StatusOr<std::unique_ptr<ModelMachine>> machine =
        ModelMachine::Create(options);
    if (!machine.ok()) {
      state.SkipWithError(machine.status().ToString().c_str());
      break;
    }
    vmas = 0;
    const absl::Status ran = (*machine)->Run([&] {
      while ((*machine)->kernel().sys_mmap(
                 0x10000000 + static_cast<uint64_t>(vmas) * 2 * kPage, kPage,
                 FL_PROT_READ, FL_MAP_PRIVATE | FL_MAP_ANONYMOUS | FL_MAP_FIXED,
                 nullptr, 0) > 0) {
        ++vmas;
      }
    });
    if (!ran.ok()) state.SkipWithError(ran.ToString().c_str());
  }
  state.counters["bytes_per_vma"] = kSlabBytes / vmas;
  state.SetItemsProcessed(
      static_cast<int64_t>(vmas * static_cast<double>(state.iterations())));
}

std::string NameOf(Call call, uint64_t vmas, const char* side) {
  return absl::StrCat("scale/", kCallNames[call], "/", vmas, "/", side);
}

template <typename Process>
void Register(Call call, uint64_t vmas, const char* side) {
  benchmark::RegisterBenchmark(NameOf(call, vmas, side).c_str(),
                               [call, vmas](benchmark::State& state) {
                                 Run<Process>(state, call, vmas);
                               })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace

void RegisterScaleBenchmarks() {
  for (const Call call : {kFind, kMmap, kPlace, kMunmap}) {
    for (const uint64_t vmas : kSizes) {
      Register<ModelProcess>(call, vmas, "model");
    }
    for (const uint64_t vmas : kHostSizes) {
      Register<HostProcess>(call, vmas, "host");
    }
  }
  benchmark::RegisterBenchmark("scale/memory/model", MemoryOfVmas)
      ->Unit(benchmark::kMillisecond);
}

void PrintScaleTable(const MedianReporter& results, std::ostream* out) {
  bool headed = false;
  for (const Call call : {kFind, kMmap, kPlace, kMunmap}) {
    const auto cells = [&](uint64_t vmas, const char* side) {
      const std::optional<double> least =
          results.Median(NameOf(call, kSizes[0], side), "per_item");
      const std::optional<double> time =
          results.Median(NameOf(call, vmas, side), "per_item");
      if (!time) return absl::StrFormat(" %9s %8s", "-", "-");
      return absl::StrFormat(
          " %9.0f %8s", *time * 1e9,
          least ? absl::StrFormat("%.2f", *time / *least) : "-");
    };
    for (const uint64_t vmas : kSizes) {
      if (!results.Median(NameOf(call, vmas, "model"), "per_item") &&
          !results.Median(NameOf(call, vmas, "host"), "per_item")) {
        continue;
      }
      if (!headed) {
        *out << absl::StreamFormat("\n%-36s %8s %9s %8s %9s %8s\n", "medians",
                                   "vmas", "model ns", "to 1000", "host ns",
                                   "to 1000");
        headed = true;
      }
      *out << absl::StreamFormat("%-36s %8d%s%s\n", kCallTitles[call], vmas,
                                 cells(vmas, "model"), cells(vmas, "host"));
    }
  }
  const std::optional<double> bytes =
      results.Median("scale/memory/model", "bytes_per_vma");
  if (bytes) {
    *out << absl::StreamFormat("slab bytes for each vma: %.1f\n", *bytes);
  }
  Processes<ModelProcess>().clear();
  Processes<HostProcess>().clear();
}

}  // namespace faultline
