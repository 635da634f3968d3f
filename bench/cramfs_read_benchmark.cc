// SPDX-License-Identifier: GPL-2.0-only
//
// Reading every file of an image, beside zlib alone: one stream, reset for
// each block, inflating the same blocks in the same order to the same place.

#include <benchmark/benchmark.h>
#include <zlib.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "bench/cramfs_sample.h"
#include "bench/subjects.h"
#include "cramfs/tools/file_reader.h"
#include "cramfs/tools/reader.h"

namespace faultline {
namespace {

constexpr char kReader[] = "cramfs/read/faultline";
constexpr char kZlib[] = "cramfs/read/zlib";

struct Stored {
  uint32_t offset, length;  // in the image
  uint32_t at, size;        // in the file
};

// The image and, for zlib, where its blocks are.
struct Subject {
  const std::vector<uint8_t>* image = nullptr;
  std::unique_ptr<cramfs::ImageReader> reader;
  std::vector<Stored> blocks;
};

absl::StatusOr<Subject> MakeSubject() {
  const absl::StatusOr<CramfsSampleImage>& image = TheCramfsSampleImage();
  if (!image.ok()) return image.status();
  Subject subject;
  subject.image = &image->bytes;
  absl::StatusOr<cramfs::ImageReader> reader =
      cramfs::ImageReader::Open(image->bytes);
  if (!reader.ok()) return reader.status();
  subject.reader = std::make_unique<cramfs::ImageReader>(*std::move(reader));
  absl::Status walked = subject.reader->Walk([&](const cramfs::Node& node) {
    if (!node.is_regular()) return absl::OkStatus();
    absl::StatusOr<std::vector<cramfs::BlockInfo>> map =
        subject.reader->BlockMap(node);
    if (!map.ok()) return map.status();
    uint32_t at = 0;
    for (const cramfs::BlockInfo& block : *map) {
      if (block.kind != cramfs::BlockInfo::Kind::kCompressed) {
        return absl::InternalError("a block that is not compressed");
      }
      subject.blocks.push_back({block.offset, block.length, at, block.size});
      at += block.size;
    }
    return absl::OkStatus();
  });
  if (!walked.ok()) return walked;
  return subject;
}

const absl::StatusOr<Subject>& TheSubject() {
  static const auto* subject = new absl::StatusOr<Subject>(MakeSubject());
  return *subject;
}

// Where both put the files, one over the other; large enough for any.
uint8_t* Destination() {
  static auto* buffer = new std::vector<uint8_t>(cramfs::kMaxFileSize + 1);
  return buffer->data();
}

absl::Status ReadAll() {
  const cramfs::ImageReader& reader = *TheSubject()->reader;
  cramfs::FileReader file(reader);
  uint64_t bytes = 0;
  absl::Status walked = reader.Walk([&](const cramfs::Node& node) {
    if (!node.is_regular()) return absl::OkStatus();
    absl::Status status = file.Open(node);
    if (status.ok()) {
      status = file.Read(absl::MakeSpan(Destination(), file.size()));
    }
    bytes += file.size();
    return status;
  });
  benchmark::ClobberMemory();
  if (walked.ok() && bytes != TheCramfsSample()->bytes) {
    return absl::InternalError("did not read every byte");
  }
  return walked;
}

absl::Status InflateAll() {
  const Subject& subject = *TheSubject();
  uint8_t* const destination = Destination();
  z_stream stream = {};
  if (inflateInit(&stream) != Z_OK) return absl::InternalError("inflateInit");
  int result = Z_STREAM_END;
  for (const Stored& block : subject.blocks) {
    inflateReset(&stream);
    stream.next_in = const_cast<Bytef*>(&(*subject.image)[block.offset]);
    stream.avail_in = block.length;
    stream.next_out = destination + block.at;
    stream.avail_out = block.size;
    result = inflate(&stream, Z_FINISH);
    if (result != Z_STREAM_END || stream.avail_out != 0) break;
  }
  benchmark::ClobberMemory();
  inflateEnd(&stream);
  return result == Z_STREAM_END ? absl::OkStatus()
                                : absl::InternalError("inflate");
}

}  // namespace

void RegisterCramfsReadBenchmarks() {
  const auto prepare = [] { return TheSubject().status(); };
  RegisterCramfsBenchmark(kReader, prepare, ReadAll);
  RegisterCramfsBenchmark(kZlib, prepare, InflateAll);
}

void PrintCramfsReadTable(const MedianReporter& results, std::ostream* out) {
  std::string heading = "reading all";
  PrintCramfsRow(results, "FileReader", kReader, kZlib, &heading, out);
  PrintCramfsRow(results, "zlib alone", kZlib, kReader, &heading, out);
}

}  // namespace faultline
