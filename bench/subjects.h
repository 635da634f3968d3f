// SPDX-License-Identifier: GPL-2.0-only
//
// What is measured: each subject is a file, which registers its benchmarks
// and afterwards sums them up in a table.  Nothing is printed for a subject
// of which nothing was run.

#ifndef FAULTLINE_BENCH_SUBJECTS_H_
#define FAULTLINE_BENCH_SUBJECTS_H_

#include <ostream>

#include "bench/median_reporter.h"

namespace faultline {

// fault_benchmark.cc: a fault of the model beside one of the host.
void RegisterFaultBenchmarks();
void PrintFaultTable(const MedianReporter& results, std::ostream* out);

// calls_benchmark.cc: further system calls, likewise.
void RegisterCallBenchmarks();
void PrintCallTable(const MedianReporter& results, std::ostream* out);

// scale_benchmark.cc: what calls and memory cost with up to a million vmas.
void RegisterScaleBenchmarks();
void PrintScaleTable(const MedianReporter& results, std::ostream* out);

// mapped_paged_benchmark.cc: a file of an image, mapped where it is or paged.
void RegisterMappedPagedBenchmarks();
void PrintMappedPagedTable(const MedianReporter& results, std::ostream* out);

// explore_benchmark.cc: executions per second, with checkers and without.
void RegisterExploreBenchmarks();
void PrintExploreTable(const MedianReporter& results, std::ostream* out);

// cramfs_build_benchmark.cc: an image of a directory, beside mkfs.cramfs.
void RegisterCramfsBuildBenchmarks();
void PrintCramfsBuildTable(const MedianReporter& results, std::ostream* out);

// cramfs_read_benchmark.cc: all files of an image, beside zlib alone.
void RegisterCramfsReadBenchmarks();
void PrintCramfsReadTable(const MedianReporter& results, std::ostream* out);

// cramfs_check_benchmark.cc: an image checked, beside fsck.cramfs.
void RegisterCramfsCheckBenchmarks();
void PrintCramfsCheckTable(const MedianReporter& results, std::ostream* out);

}  // namespace faultline

#endif  // FAULTLINE_BENCH_SUBJECTS_H_
