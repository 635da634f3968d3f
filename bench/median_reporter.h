// SPDX-License-Identifier: GPL-2.0-only
//
// MedianReporter: passes everything on to the reporter that
// --benchmark_format asks for, and keeps what the tables at the end need: the
// median of each counter over a benchmark's repetitions.  Benchmarks that run
// interleaved end in any order; they are passed on in the order in which they
// were registered, when all have ended.

#ifndef FAULTLINE_BENCH_MEDIAN_REPORTER_H_
#define FAULTLINE_BENCH_MEDIAN_REPORTER_H_

#include <benchmark/benchmark.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace faultline {

class MedianReporter : public benchmark::BenchmarkReporter {
 public:
  // After benchmark::Initialize.
  MedianReporter();

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& report) override;
  void Finalize() override;

  // `benchmark` as it was registered.  Nothing: it was not run, or failed.
  std::optional<double> Median(const std::string& benchmark,
                               const std::string& counter) const;
  // A benchmark said that it could not do what it was to measure.
  bool failed() const { return failed_; }
  // Results are for people: tables may stand on the same stream.
  bool on_console() const;

 private:
  using Key = std::pair<std::string, std::string>;  // benchmark, counter

  const std::unique_ptr<benchmark::BenchmarkReporter> display_;
  std::map<std::pair<int64_t, int64_t>, std::vector<Run>> reports_;
  std::map<Key, std::vector<double>> values_;
  // Where only aggregates are displayed, nothing else is reported.
  std::map<Key, double> medians_;
  bool failed_ = false;
};

}  // namespace faultline

#endif  // FAULTLINE_BENCH_MEDIAN_REPORTER_H_
