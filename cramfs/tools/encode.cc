// SPDX-License-Identifier: GPL-2.0-only
//
// The stored bytes of blocks.

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/writer_internal.h"

namespace faultline::cramfs::internal {
namespace {

bool AllZero(Bytes bytes) {
  return !bytes.empty() && bytes[0] == 0 &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

absl::Status ZlibError(int error) {
  return absl::InternalError(absl::StrCat("zlib: ", zError(error)));
}

}  // namespace

struct BlockEncoder::Stream {
  explicit Stream(int level) {
    error = deflateInit(&z, level);
    if (error == Z_OK) bound = deflateBound(&z, kBlockSize);
  }
  ~Stream() { deflateEnd(&z); }

  z_stream z = {};
  int error;
  size_t bound = 0;
};

BlockEncoder::BlockEncoder(Rules rules) : rules_(rules) {}
BlockEncoder::~BlockEncoder() = default;

absl::Status BlockEncoder::Compress(Bytes block, std::vector<uint8_t>* out) {
  if (stream_ == nullptr) {
    stream_ = std::make_unique<Stream>(rules_.level);
  } else if (stream_->error == Z_OK) {
    stream_->error = deflateReset(&stream_->z);
  }
  if (stream_->error != Z_OK) return ZlibError(stream_->error);
  z_stream& z = stream_->z;
  const size_t before = out->size();
  out->resize(before + stream_->bound);
  z.next_in = const_cast<uint8_t*>(block.data());
  z.avail_in = static_cast<uInt>(block.size());
  z.next_out = out->data() + before;
  z.avail_out = static_cast<uInt>(stream_->bound);
  const int error = deflate(&z, Z_FINISH);
  if (error != Z_STREAM_END) {
    return ZlibError(error == Z_OK ? Z_BUF_ERROR : error);
  }
  out->resize(before + z.total_out);
  return absl::OkStatus();
}

absl::Status BlockEncoder::Encode(const Node& node, uint32_t first,
                                  uint32_t count, EncodedBlocks* out,
                                  bool* unreadable) {
  const uint64_t begin = uint64_t{first} * kBlockSize;
  const uint64_t length =
      std::min<uint64_t>(uint64_t{count} * kBlockSize, node.inode.size - begin);
  absl::StatusOr<Bytes> data = ReadData(node, begin, length, &buffer_);
  if (!data.ok()) {
    *unreadable = true;
    return data.status();
  }
  const bool automatic = node.plan.automatic;
  for (uint32_t i = 0; i < count; ++i) {
    const Bytes block = data->subspan(uint64_t{i} * kBlockSize, kBlockSize);
    BlockKind kind = node.plan.kinds[first + i];
    if (automatic && rules_.holes && kind == BlockKind::kCompressed &&
        AllZero(block)) {
      kind = BlockKind::kHole;
    }
    if (kind == BlockKind::kHole && !automatic && !AllZero(block)) {
      return absl::InvalidArgumentError(
          absl::StrCat(node.path, ": block ", first + i,
                       " is not zero, it cannot be a hole"));
    }
    const size_t before = out->bytes.size();
    if (kind == BlockKind::kCompressed ||
        kind == BlockKind::kDirectCompressed) {
      absl::Status status = Compress(block, &out->bytes);
      if (!status.ok()) return status;
      if (automatic && rules_.raw &&
          out->bytes.size() - before >= block.size()) {
        kind = BlockKind::kRaw;
        out->bytes.resize(before);
      }
    }
    if (kind == BlockKind::kRaw || kind == BlockKind::kDirect) {
      out->bytes.insert(out->bytes.end(), block.begin(), block.end());
    }
    out->blocks.push_back(
        {kind, static_cast<uint32_t>(out->bytes.size() - before)});
  }
  return absl::OkStatus();
}

}  // namespace faultline::cramfs::internal
