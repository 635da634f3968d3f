// SPDX-License-Identifier: GPL-2.0-only

#include "tests/fuzz/fuzz_machine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sim/arena.h"
#include "sim/kernel_library.h"
#include "tests/fuzz/fuzz_check.h"

#if defined(__SANITIZE_ADDRESS__)
#define FUZZ_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN 1
#endif
#endif
#ifdef FUZZ_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

namespace faultline::fuzz {
namespace {

// Behind the image, as much as a block can be long, and a page.
constexpr uint64_t kSlack = 4 * 4096;

std::vector<std::string>& Reports() {
  static auto* reports = new std::vector<std::string>;
  return *reports;
}

void Report(uint32_t kind, const char* file, int line, const char* function,
            const char* text, const void*) {
  std::string report =
      absl::StrCat(file, ":", line, ": ", function, ": ", text);
  FUZZ_CHECK(kind != FL_REPORT_BUG && kind != FL_REPORT_OOPS, report);
  Reports().push_back(std::move(report));
}

const fl_runtime* Runtime() {
  static const fl_runtime* const kRuntime = [] {
    auto* runtime = new fl_runtime();
    runtime->struct_bytes = sizeof(fl_runtime);
    runtime->park = [](void*, const void*, const char* why) {
      FUZZ_CHECK(false, "the only task would sleep for ever: ", why);
    };
    runtime->unpark = [](void*) {};
    runtime->choose = [](uint32_t, uint32_t) -> uint32_t { return 0; };
    runtime->relax = [](void*, const void*) {
      FUZZ_CHECK(false, "the only task spins");
    };
    runtime->report = Report;
    runtime->print = [](int, const char*) {};
    runtime->now = []() -> uint64_t { return 1; };
    return runtime;
  }();
  return kRuntime;
}

const fl_kernel* Kernel() {
  static const fl_kernel* const kKernel = [] {
    const auto path = KernelPath("x86-64", /*explored=*/false,
                                 /*physmem=*/true);
    FUZZ_CHECK(path.ok(), path.status().ToString());
    const auto library = KernelLibrary::Load(*path, Runtime());
    FUZZ_CHECK(library.ok(), library.status().ToString());
    return &(*library)->kernel();
  }();
  return kKernel;
}

// Memory for machines, one after the other; all zero.
char* ArenaOf(uint64_t bytes) {
  static Arena* const arena = [] {
    fl_machine_config largest = {};
    largest.struct_bytes = sizeof(largest);
    largest.cpus = 1;
    largest.ram_pages = FuzzMachine::kRamPages;
    largest.slab_bytes = 1 << 20;
    largest.rom_bytes = FuzzMachine::kMaxImage + kSlack;
    largest.rom_phys = FuzzMachine::kRomPhys;
    auto created =
        Arena::Create(Kernel()->machine_bytes(&largest), /*below_4g=*/false);
    FUZZ_CHECK(created.ok(), created.status().ToString());
    return new Arena(*std::move(created));
  }();
  FUZZ_CHECK(bytes <= arena->size(), bytes);
  ASAN_UNPOISON_MEMORY_REGION(arena->data(), arena->size());
  arena->Clear();
  return arena->data();
}

}  // namespace

FuzzMachine::FuzzMachine(absl::Span<const uint8_t> image) : kernel_(Kernel()) {
  Reports().clear();
  fl_machine_config config = {};
  config.struct_bytes = sizeof(config);
  config.cpus = 1;
  config.ram_pages = kRamPages;
  config.slab_bytes = 1 << 20;
  config.rom_bytes = image.size() + kSlack;
  config.rom_phys = kRomPhys;
  // 4.13 itself warns and leaks when a direct mapping is unmapped in parts; see
  // tests/litmus/stock-pat-*.
  config.pat_off = 1;
  const uint64_t bytes = kernel_->machine_bytes(&config);
  const char* error = nullptr;
  machine_ = kernel_->machine_boot(ArenaOf(bytes), bytes, &config, &error);
  FUZZ_CHECK(machine_ != nullptr, error);
  void* rom = kernel_->machine_rom(machine_, &rom_bytes_);
  std::copy(image.begin(), image.end(), static_cast<uint8_t*>(rom));
}

FuzzMachine::~FuzzMachine() {
  FUZZ_CHECK(task_ == nullptr, "a process is left over");
  kernel_->check_machine(machine_);
}

void FuzzMachine::StartProcess() {
  mm_ = kernel_->mm_create(machine_);
  task_ = kernel_->task_create(machine_, mm_, "fuzz", 0, this);
  FUZZ_CHECK(mm_ != nullptr && task_ != nullptr, "no memory for a process");
  *kernel_->current_slot() = task_;
}

void FuzzMachine::ExitMm() {
  kernel_->check_mm(mm_);
  kernel_->mm_put(mm_);
  kernel_->task_exit();
  mm_ = nullptr;
}

void FuzzMachine::EndProcess() {
  *kernel_->current_slot() = nullptr;
  kernel_->task_free(task_);
  task_ = nullptr;
}

std::vector<std::string> FuzzMachine::TakeReports() {
  return std::exchange(Reports(), {});
}

void FuzzMachine::ExpectNoReports(const std::vector<std::string>& allowed) {
  for (const std::string& report : TakeReports()) {
    FUZZ_CHECK(std::any_of(allowed.begin(), allowed.end(),
                           [&](const std::string& text) {
                             return absl::StrContains(report, text);
                           }),
               report);
  }
}

}  // namespace faultline::fuzz
