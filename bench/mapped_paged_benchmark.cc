// SPDX-License-Identifier: GPL-2.0-only
//
// A shell of this machine in a cramfs image, all of it mapped privately and
// read a byte a page, by the ways there are to serve that:
//
//   v3, mainline   direct blocks are mapped where they are in flash
//   paged          the same image, every page read into the page cache
//   paged_zlib     every block compressed, as cramfs was before
//
// and at three times: the first touch after mount, the second, and a second
// mapping when the first is gone and the page cache is warm.  Flash is host
// memory here and as fast as that: what NOR costs is not in the figures.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/model_machine.h"
#include "bench/section.h"
#include "bench/subjects.h"
#include "cramfs/tools/elf.h"
#include "cramfs/tools/writer.h"

namespace faultline {
namespace {

constexpr uint64_t kPage = 4096;

struct Shell {
  std::vector<uint8_t> direct_image, zlib_image;
  uint64_t pages = 0;
};

absl::StatusOr<std::vector<uint8_t>> ImageOf(const std::vector<uint8_t>& data,
                                             cramfs::XipMode xip) {
  cramfs::Entry root = cramfs::Entry::Directory("");
  root.Add(cramfs::Entry::File("sh", data, 0755));
  cramfs::BuildOptions options;
  options.xip = xip;
  absl::StatusOr<cramfs::Image> image =
      cramfs::ImageBuilder(options).Build(root);
  if (!image.ok()) return image.status();
  return std::move(image->bytes);
}

absl::StatusOr<Shell> MakeShell() {
  for (const char* path : {"/bin/bash", "/bin/dash", "/bin/sh"}) {
    std::ifstream stream(path, std::ios::binary);
    const std::vector<uint8_t> data((std::istreambuf_iterator<char>(stream)),
                                    std::istreambuf_iterator<char>());
    if (!cramfs::IsElf(data)) continue;
    absl::StatusOr<std::vector<uint8_t>> direct =
        ImageOf(data, cramfs::XipMode::kPageAligned);
    if (!direct.ok()) return direct.status();
    absl::StatusOr<std::vector<uint8_t>> zlib =
        ImageOf(data, cramfs::XipMode::kNone);
    if (!zlib.ok()) return zlib.status();
    return Shell{*std::move(direct), *std::move(zlib),
                 (data.size() + kPage - 1) / kPage};
  }
  return absl::NotFoundError("no shell that is an ELF file");
}

const absl::StatusOr<Shell>& TheShell() {
  static const auto* shell = new absl::StatusOr<Shell>(MakeShell());
  return *shell;
}

struct Way {
  const char* name;
  const char* variant;
  bool zlib;
};
constexpr Way kWays[] = {{"v3", "v3", false},
                         {"mainline", "mainline", false},
                         {"paged", "paged", false},
                         {"paged_zlib", "paged", true}};

enum class Phase { kFirstTouch, kSecondTouch, kWarmMapping };
struct PhaseName {
  Phase phase;
  const char* name;
  const char* title;
};
constexpr PhaseName kPhases[] = {
    {Phase::kFirstTouch, "first_touch", "mmap and first touch"},
    {Phase::kSecondTouch, "second_touch", "second touch"},
    {Phase::kWarmMapping, "warm_mapping", "mmap and touch, cache warm"}};

std::string NameOf(const PhaseName& phase, const Way& way) {
  return absl::StrCat("mapped/", phase.name, "/", way.name);
}

// The image mounted, its file open and mapped, and what that took.
class Round {
 public:
  Round(ModelMachine* machine, uint64_t pages)
      : machine_(machine), kernel_(machine->kernel()), pages_(pages) {}

  // Everything below is called as the machine's task.
  void Open() {
    Expect(kernel_.mount("cramfs_physmem", machine_->mount_options().c_str(),
                         &sb_));
    if (failed_) return;
    Expect(kernel_.open(sb_, "/sh", &file_));
    free_before_ = machine_->FreePages();
  }
  void Map() {
    const int64_t at = kernel_.sys_mmap(0, pages_ * kPage, FL_PROT_READ,
                                        FL_MAP_PRIVATE, file_, 0);
    Expect(at < 0 ? at : 0);
    address_ = static_cast<uint64_t>(at);
  }
  void Touch() {
    for (uint64_t i = 0; i < pages_; ++i) {
      fl_user_result result;
      kernel_.user_access(FL_LOAD, address_ + i * kPage, 1, 0, &result);
      faults_ += result.faults;
      failed_ |= result.sig != 0;
    }
  }
  void Unmap() { Expect(kernel_.sys_munmap(address_, pages_ * kPage)); }
  // What the touched mapping costs in RAM.
  void CountRam() {
    ram_pages_ = free_before_ - machine_->FreePages();
    cache_pages_ = 0;
    kernel_.page_walk(
        machine_->mm(),
        [](const fl_page_info* info, void* cookie) {
          *static_cast<uint64_t*>(cookie) +=
              strcmp(info->backing, "page cache") == 0;
        },
        &cache_pages_);
  }
  void Close() {
    kernel_.close(file_);
    Expect(kernel_.umount(sb_));
  }

  bool failed() const { return failed_; }
  uint64_t faults() const { return faults_; }
  uint64_t ram_pages() const { return ram_pages_; }
  uint64_t cache_pages() const { return cache_pages_; }

 private:
  void Expect(int64_t result) { failed_ |= result != 0; }

  ModelMachine* const machine_;
  const fl_kernel& kernel_;
  const uint64_t pages_;
  super_block* sb_ = nullptr;
  file* file_ = nullptr;
  uint64_t address_ = 0, free_before_ = 0, faults_ = 0;
  uint64_t ram_pages_ = 0, cache_pages_ = 0;
  bool failed_ = false;
};

// One iteration.  Only the first touch needs a mount of its own; what is
// quick would else be lost in mounting.
void RunPhase(Phase phase, Round* round, Section* section) {
  auto faults = [round] { return round->faults(); };
  if (phase == Phase::kFirstTouch) round->Open();
  if (round->failed()) return;
  section->Start(faults());
  if (phase != Phase::kSecondTouch) round->Map();
  round->Touch();
  section->Stop(faults);
  if (phase == Phase::kFirstTouch) round->CountRam();
  if (phase != Phase::kSecondTouch) round->Unmap();
  if (phase == Phase::kFirstTouch) round->Close();
}

// What the iterations of the later phases have in common.
void Begin(Phase phase, Round* round) {
  if (phase == Phase::kFirstTouch) return;
  round->Open();
  if (round->failed()) return;
  round->Map();
  round->Touch();
  round->CountRam();
  if (phase == Phase::kWarmMapping) round->Unmap();
}

absl::Status Measure(benchmark::State& state, Phase phase, const Way& way) {
  const absl::StatusOr<Shell>& shell = TheShell();
  if (!shell.ok()) return shell.status();
  ModelMachineOptions options;
  options.variant = way.variant;
  options.image = way.zlib ? &shell->zlib_image : &shell->direct_image;
  absl::StatusOr<std::unique_ptr<ModelMachine>> machine =
      ModelMachine::Create(options);
  if (!machine.ok()) return machine.status();

  Section section;
  Round round(machine->get(), shell->pages);
  absl::Status ran = (*machine)->Run([&] {
    Begin(phase, &round);
    if (round.failed()) return;
    for (auto _ : state) {
      RunPhase(phase, &round, &section);
      if (round.failed()) break;
      state.SetIterationTime(section.seconds());
    }
  });
  if (!ran.ok()) return ran;
  if (round.failed()) return absl::InternalError("a call to the kernel failed");
  section.Report(&state, static_cast<double>(shell->pages));
  state.counters["ram_pages"] = static_cast<double>(round.ram_pages());
  state.counters["cache_pages"] = static_cast<double>(round.cache_pages());
  state.counters["faults"] =
      benchmark::Counter(static_cast<double>(section.faults()),
                         benchmark::Counter::kAvgIterations);
  state.counters["file_pages"] = static_cast<double>(shell->pages);
  return absl::OkStatus();
}

void Print(const MedianReporter& results, const PhaseName& phase,
           std::ostream* out) {
  const std::optional<double> paged =
      results.Median(NameOf(phase, kWays[2]), "per_item");
  bool headed = false;
  for (const Way& way : kWays) {
    const std::string name = NameOf(phase, way);
    const std::optional<double> seconds = results.Median(name, "per_item");
    if (!seconds) continue;
    if (!headed) {
      *out << absl::StreamFormat(
          "\n%-33s %9s %9s %7s %9s %7s %8s\n",
          absl::StrFormat("%s, %.0f pages", phase.title,
                          results.Median(name, "file_pages").value_or(0)),
          "ns/page", "to paged", "faults", "RAM pages", "cached", "RAM KiB");
      headed = true;
    }
    const double ram = results.Median(name, "ram_pages").value_or(0);
    *out << absl::StreamFormat(
        "  %-31s %9.0f %9s %7.0f %9.0f %7.0f %8.0f\n", way.name, *seconds * 1e9,
        paged ? absl::StrFormat("%.2f", *seconds / *paged) : "-",
        results.Median(name, "faults").value_or(0), ram,
        results.Median(name, "cache_pages").value_or(0), ram * kPage / 1024);
  }
}

}  // namespace

void RegisterMappedPagedBenchmarks() {
  for (const PhaseName& phase : kPhases) {
    for (const Way& way : kWays) {
      benchmark::RegisterBenchmark(
          NameOf(phase, way).c_str(),
          [phase, way](benchmark::State& state) {
            absl::Status status = Measure(state, phase.phase, way);
            if (!status.ok()) state.SkipWithError(status.ToString().c_str());
          })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

void PrintMappedPagedTable(const MedianReporter& results, std::ostream* out) {
  for (const PhaseName& phase : kPhases) Print(results, phase, out);
}

}  // namespace faultline
