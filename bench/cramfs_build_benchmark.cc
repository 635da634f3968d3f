// SPDX-License-Identifier: GPL-2.0-only
//
// Building an image of a directory, on one core and on all, beside
// mkfs.cramfs; from the files of the directory to the file of the image.  Both
// compress as hard as zlib can.  That the image is the same on one core and on
// all is looked at before anything is timed.

#include <benchmark/benchmark.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/cramfs_sample.h"
#include "bench/subjects.h"
#include "cramfs/tools/writer.h"

namespace faultline {
namespace {

constexpr char kAll[] = "cramfs/build/all_cores";
constexpr char kOne[] = "cramfs/build/one_core";
constexpr char kMkfs[] = "cramfs/build/mkfs";

absl::StatusOr<cramfs::Image> Build(int jobs) {
  cramfs::BuildOptions options = CramfsSampleOptions();
  options.jobs = jobs;
  return cramfs::BuildFromDirectory(TheCramfsSample()->directory, options);
}

absl::Status BuildToFile(int jobs) {
  absl::StatusOr<cramfs::Image> image = Build(jobs);
  if (!image.ok()) return image.status();
  const std::string path = TheCramfsSample()->scratch + "/ours";
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(image->bytes.data()),
             static_cast<std::streamsize>(image->bytes.size()));
  file.close();
  return file ? absl::OkStatus()
              : absl::UnavailableError(path + ": cannot write");
}

absl::Status SameOnAnyNumberOfCores() {
  static const auto* status = new absl::Status([]() -> absl::Status {
    const absl::StatusOr<cramfs::Image> one = Build(1);
    if (!one.ok()) return one.status();
    for (int jobs : {0, 3}) {
      const absl::StatusOr<cramfs::Image> several = Build(jobs);
      if (!several.ok()) return several.status();
      if (several->bytes != one->bytes) {
        return absl::InternalError(
            absl::StrCat("jobs = ", jobs, " gives another image"));
      }
    }
    return absl::OkStatus();
  }());
  return *status;
}

}  // namespace

void RegisterCramfsBuildBenchmarks() {
  RegisterCramfsBenchmark(kAll, SameOnAnyNumberOfCores,
                          [] { return BuildToFile(0); });
  RegisterCramfsBenchmark(kOne, SameOnAnyNumberOfCores,
                          [] { return BuildToFile(1); });
  const std::string mkfs = UtilLinuxProgram("mkfs.cramfs");
  if (mkfs.empty()) return;
  RegisterCramfsBenchmark(
      kMkfs, [] { return absl::OkStatus(); },
      [mkfs] {
        const CramfsSample& sample = *TheCramfsSample();
        return RunProgram({mkfs, sample.directory, sample.scratch + "/theirs"});
      });
}

void PrintCramfsBuildTable(const MedianReporter& results, std::ostream* out) {
  std::string heading = "building an image";
  PrintCramfsRow(results, "mkcramfs, all cores", kAll, kMkfs, &heading, out);
  PrintCramfsRow(results, "mkcramfs, one core", kOne, kMkfs, &heading, out);
  PrintCramfsRow(results, "mkfs.cramfs", kMkfs, kMkfs, &heading, out);
}

}  // namespace faultline
