// SPDX-License-Identifier: GPL-2.0-only
//
// Benchmarks that stand beside each other: one template over two sides,
// GROUP/NAME/model and GROUP/NAME/host, and a table of medians and ratios.

#ifndef FAULTLINE_BENCH_COMPARISON_H_
#define FAULTLINE_BENCH_COMPARISON_H_

#include <benchmark/benchmark.h>

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "bench/median_reporter.h"
#include "bench/section.h"
#include "bench/two_sides.h"

namespace faultline {

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

struct Subject {
  const char* name;
  const char* title;
  Body<ModelSide> model;
  Body<HostSide> host;  // null: the host cannot be told to
  uint64_t items;
  uint32_t fault_around_bytes = 0;
};

template <typename Side>
uint64_t MapAnonymous(Side* side, uint64_t pages) {
  const uint64_t at = side->Map(0, pages, PROT_READ | PROT_WRITE, kAnonymous);
  side->KeepPagesSmall(at, pages);
  return at;
}

template <typename Side>
void Register(const std::string& group, const Subject& subject,
              const char* side, Body<Side> body) {
  if (body == nullptr) return;
  benchmark::RegisterBenchmark(
      absl::StrCat(group, "/", subject.name, "/", side).c_str(),
      [subject, body](benchmark::State& state) {
        Run<Side>(state, body, subject.items, subject.fault_around_bytes);
      })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

inline void RegisterComparison(const std::string& group,
                               absl::Span<const Subject> subjects) {
  for (const Subject& subject : subjects) {
    Register<ModelSide>(group, subject, "model", subject.model);
    Register<HostSide>(group, subject, "host", subject.host);
  }
}

// Nothing when none of them was run.
void PrintComparison(const std::string& group,
                     absl::Span<const Subject> subjects,
                     const MedianReporter& results, std::ostream* out);

}  // namespace faultline

#endif  // FAULTLINE_BENCH_COMPARISON_H_
