// SPDX-License-Identifier: GPL-2.0-only
//
// Checking an image, beside fsck.cramfs.  What compares is:
//
//   full   everything, each stream inflated.  fsck.cramfs does that with
//          --extract and no directory: nothing is written; it knows less of
//          what can be wrong
//   crc    superblock and CRC, which is all that fsck.cramfs does otherwise
//
// Both read the image from its file.  fsck.cramfs is a process that is
// started, a millisecond or so.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "bench/cramfs_sample.h"
#include "bench/subjects.h"
#include "cramfs/tools/reader.h"

namespace faultline {
namespace {

constexpr char kFull[] = "cramfs/check/faultline";
constexpr char kFullFsck[] = "cramfs/check/fsck";
constexpr char kCrc[] = "cramfs/check_crc/faultline";
constexpr char kCrcFsck[] = "cramfs/check_crc/fsck";

struct ImageBytes {
  std::unique_ptr<uint8_t[]> data;
  size_t size = 0;

  absl::Span<const uint8_t> span() const { return {data.get(), size}; }
};

absl::StatusOr<ImageBytes> ReadImage() {
  const CramfsSampleImage& image = *TheCramfsSampleImage();
  ImageBytes bytes;
  bytes.size = image.bytes.size();
  bytes.data.reset(new uint8_t[bytes.size]);  // not zeroed
  std::ifstream file(image.path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data.get()),
            static_cast<std::streamsize>(bytes.size));
  if (!file) return absl::UnavailableError(image.path + ": cannot read");
  return bytes;
}

absl::Status CheckAll() {
  const absl::StatusOr<ImageBytes> bytes = ReadImage();
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<cramfs::ImageReader> reader =
      cramfs::ImageReader::Open(bytes->span());
  if (!reader.ok()) return reader.status();
  const cramfs::CheckReport report = reader->Check();
  if (!report.ok()) return report.errors.front();
  if (report.files <= TheCramfsSample()->files) {
    return absl::InternalError("did not see every file");
  }
  return absl::OkStatus();
}

absl::Status CheckCrc() {
  const absl::StatusOr<ImageBytes> bytes = ReadImage();
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<cramfs::ImageReader> reader =
      cramfs::ImageReader::Open(bytes->span());
  return reader.ok() ? reader->CheckCrc() : reader.status();
}

}  // namespace

void RegisterCramfsCheckBenchmarks() {
  const auto prepare = [] { return TheCramfsSampleImage().status(); };
  const std::string fsck = UtilLinuxProgram("fsck.cramfs");
  const auto run = [fsck](std::vector<std::string> options) {
    return [fsck, options]() {
      std::vector<std::string> arguments = {fsck};
      arguments.insert(arguments.end(), options.begin(), options.end());
      arguments.push_back(TheCramfsSampleImage()->path);
      return RunProgram(arguments);
    };
  };
  RegisterCramfsBenchmark(kFull, prepare, CheckAll);
  if (!fsck.empty()) {
    RegisterCramfsBenchmark(kFullFsck, prepare, run({"--extract"}));
  }
  RegisterCramfsBenchmark(kCrc, prepare, CheckCrc);
  if (!fsck.empty()) RegisterCramfsBenchmark(kCrcFsck, prepare, run({}));
}

void PrintCramfsCheckTable(const MedianReporter& results, std::ostream* out) {
  std::string heading = "checking an image";
  PrintCramfsRow(results, "everything, cramfsck", kFull, kFullFsck, &heading,
                 out);
  PrintCramfsRow(results, "everything, fsck.cramfs --extract", kFullFsck, kFull,
                 &heading, out);
  PrintCramfsRow(results, "superblock and CRC", kCrc, kCrcFsck, &heading, out);
  PrintCramfsRow(results, "superblock and CRC, fsck.cramfs", kCrcFsck, kCrc,
                 &heading, out);
}

}  // namespace faultline
