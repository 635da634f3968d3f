// SPDX-License-Identifier: GPL-2.0-only
//
// Runs the benchmarks, then prints tables of medians and ratios.  All flags
// are Google Benchmark's.  Where its results are JSON or CSV the tables go to
// stderr.

#include <benchmark/benchmark.h>

#include <iostream>
#include <vector>

#include "bench/median_reporter.h"
#include "bench/subjects.h"

namespace {

// Before what was given on the command line, which therefore wins.  What
// stands in one ratio is run in turns, so that a neighbour who makes the
// machine slow for a while does it to both.
char kRepetitions[] = "--benchmark_repetitions=5";
char kInterleaving[] = "--benchmark_enable_random_interleaving=true";
char kMinTime[] = "--benchmark_min_time=0.1";
char kAggregates[] = "--benchmark_display_aggregates_only=true";

}  // namespace

int main(int argc, char** argv) {
  std::vector<char*> arguments = {argv[0], kRepetitions, kInterleaving,
                                  kMinTime, kAggregates};
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);

  faultline::RegisterFaultBenchmarks();
  faultline::RegisterCallBenchmarks();
  faultline::RegisterScaleBenchmarks();
  faultline::RegisterMappedPagedBenchmarks();
  faultline::RegisterExploreBenchmarks();
  faultline::RegisterCramfsBuildBenchmarks();
  faultline::RegisterCramfsReadBenchmarks();
  faultline::RegisterCramfsCheckBenchmarks();
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;

  faultline::MedianReporter results;
  benchmark::RunSpecifiedBenchmarks(&results);
  std::ostream* out = results.on_console() ? &std::cout : &std::cerr;
  faultline::PrintFaultTable(results, out);
  faultline::PrintCallTable(results, out);
  faultline::PrintScaleTable(results, out);
  faultline::PrintMappedPagedTable(results, out);
  faultline::PrintExploreTable(results, out);
  faultline::PrintCramfsBuildTable(results, out);
  faultline::PrintCramfsReadTable(results, out);
  faultline::PrintCramfsCheckTable(results, out);
  benchmark::Shutdown();
  return results.failed() ? 1 : 0;
}
