// SPDX-License-Identifier: GPL-2.0-only
//
// Section: the part of an iteration that is measured.  An iteration prepares,
// does something to a number of items (pages, calls), and cleans up; only the
// middle counts.  Google Benchmark's own PauseTiming costs more than a fault.

#ifndef FAULTLINE_BENCH_SECTION_H_
#define FAULTLINE_BENCH_SECTION_H_

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>

namespace faultline {

class Section {
 public:
  void Start(uint64_t faults) {
    faults_before_ = faults;
    start_ = Clock::now();
  }
  // The clock is read before the faults are counted.
  template <typename FaultCount>
  void Stop(FaultCount faults) {
    seconds_ = std::chrono::duration<double>(Clock::now() - start_).count();
    faults_ += faults() - faults_before_;
  }

  double seconds() const { return seconds_; }  // of the last iteration
  uint64_t faults() const { return faults_; }  // of all iterations

  // Counters: seconds and faults for each of the `items` of an iteration.
  void Report(benchmark::State* state, double items) const {
    using benchmark::Counter;
    state->counters["per_item"] =
        Counter(items, Counter::kIsIterationInvariantRate | Counter::kInvert);
    state->counters["faults"] =
        Counter(static_cast<double>(faults_) / items, Counter::kAvgIterations);
    state->SetItemsProcessed(
        static_cast<int64_t>(items * static_cast<double>(state->iterations())));
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_;
  double seconds_ = 0;
  uint64_t faults_before_ = 0, faults_ = 0;
};

}  // namespace faultline

#endif  // FAULTLINE_BENCH_SECTION_H_
