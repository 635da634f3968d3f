// SPDX-License-Identifier: GPL-2.0-only
//
// What the cramfs benchmarks work on: copies of programs and libraries of this
// machine in a directory of their own, and an image of them.  Files of
// /usr/bin and /usr/lib in the order of their names, of at most 4 MiB each,
// until there are 48 MiB, or as many as FAULTLINE_BENCH_TREE_MIB says.

#ifndef FAULTLINE_BENCH_CRAMFS_SAMPLE_H_
#define FAULTLINE_BENCH_CRAMFS_SAMPLE_H_

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/median_reporter.h"
#include "cramfs/tools/writer.h"

namespace faultline {

struct CramfsSample {
  std::string directory;  // the tree
  std::string scratch;    // for outputs
  uint64_t files = 0;
  uint64_t bytes = 0;  // of all files
};

// Made at the first call, removed when the process exits.
const absl::StatusOr<CramfsSample>& TheCramfsSample();

// How all images here are built, as mkfs.cramfs does without options.
cramfs::BuildOptions CramfsSampleOptions();

// The image, in memory and in a file.
struct CramfsSampleImage {
  std::vector<uint8_t> bytes;
  std::string path;
};
const absl::StatusOr<CramfsSampleImage>& TheCramfsSampleImage();

// Where a program of util-linux is; empty if it is nowhere.
std::string UtilLinuxProgram(const std::string& name);
// Runs a program without its output and waits.  kInternal if it fails.
absl::Status RunProgram(const std::vector<std::string>& arguments);

// Registers a benchmark that times `once`, which works on the whole sample.
// Its counters: "seconds" and "cpu_seconds" (of processes it starts too) of one
// call, "tree_bytes".  `prepare` is called before, and is not timed.
void RegisterCramfsBenchmark(const std::string& name,
                             std::function<absl::Status()> prepare,
                             std::function<absl::Status()> once);

// One row of a table: the medians of `name`, and how many times faster than
// `other` it is, by the clock and by the time of CPUs; the latter says more
// where neighbours use them.  Prints `heading` above, once; nothing if `name`
// was not run.
void PrintCramfsRow(const MedianReporter& results, const std::string& title,
                    const std::string& name, const std::string& other,
                    std::string* heading, std::ostream* out);

}  // namespace faultline

#endif  // FAULTLINE_BENCH_CRAMFS_SAMPLE_H_
