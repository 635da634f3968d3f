// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/file_reader.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/reader_internal.h"

namespace faultline::cramfs {

using internal::Damaged;
using internal::kMaxStoredBlock;

// zlib keeps a pointer to its stream, so that it must not move.
struct FileReader::Stream {
  z_stream z = {};
  bool made = false;

  ~Stream() {
    if (made) inflateEnd(&z);
  }
};

FileReader::FileReader(const ImageReader& image) : image_(image) {}
FileReader::~FileReader() = default;

absl::Status FileReader::Open(const Node& node) {
  size_ = 0;
  absl::Status status = image_.BlockMap(node, &blocks_);
  if (!status.ok()) return status;
  node_ = node;
  size_ = node.inode.size;
  return absl::OkStatus();
}

absl::Status FileReader::Read(absl::Span<uint8_t> destination) {
  if (destination.size() != size_) {
    return absl::InvalidArgumentError(
        absl::StrCat(node_.path, ": ", size_, " bytes, not the ",
                     destination.size(), " asked for"));
  }
  for (const BlockInfo& block : blocks_) {
    // All that is left, not a block of it: zlib is fastest where it need not
    // watch the end, and what it writes too much the next block overwrites.
    absl::Status status = ReadInto(node_, block, destination, nullptr);
    if (!status.ok()) return status;
    destination.remove_prefix(block.size);
  }
  return absl::OkStatus();
}

absl::Status FileReader::ReadBlock(size_t index,
                                   absl::Span<uint8_t> destination) {
  if (index >= blocks_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(node_.path, ": no block ", index));
  }
  return ReadBlock(node_, blocks_[index], destination);
}

absl::StatusOr<std::string> FileReader::ReadLink() {
  if (!node_.is_symlink() || size_ == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(node_.path, ": not a symbolic link"));
  }
  std::string target(size_, '\0');
  absl::Status status = Read(
      absl::MakeSpan(reinterpret_cast<uint8_t*>(target.data()), target.size()));
  if (!status.ok()) return status;
  if (target.find('\0') != target.npos) {
    return Damaged(node_, "NUL inside a symbolic link", node_.inode.offset);
  }
  return target;
}

absl::Status FileReader::ReadBlock(const Node& node, const BlockInfo& block,
                                   absl::Span<uint8_t> destination,
                                   uint32_t* used) {
  return ReadInto(node, block, destination.subspan(0, block.size), used);
}

absl::Status FileReader::ReadInto(const Node& node, const BlockInfo& block,
                                  absl::Span<uint8_t> destination,
                                  uint32_t* used) {
  const absl::Span<const uint8_t> image = image_.bytes();
  // A BlockInfo is plain data of the caller's.
  if (block.size > kBlockSize || block.length > kMaxStoredBlock ||
      uint64_t{block.offset} + block.length > image.size() ||
      (block.kind == BlockInfo::Kind::kRaw && block.length != block.size) ||
      (block.kind == BlockInfo::Kind::kCompressed && block.length == 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat(node.path, ": not a block of this image"));
  }
  if (destination.size() < block.size) {
    return absl::InvalidArgumentError(absl::StrCat(
        node.path, ": no room for a block of ", block.size, " bytes"));
  }
  if (used != nullptr) *used = block.length;
  switch (block.kind) {
    case BlockInfo::Kind::kHole:
      std::memset(destination.data(), 0, block.size);
      return absl::OkStatus();
    case BlockInfo::Kind::kRaw:
      std::memcpy(destination.data(), &image[block.offset], block.length);
      return absl::OkStatus();
    case BlockInfo::Kind::kCompressed:
      return Inflate(node, block, destination, used);
  }
  return absl::InternalError("impossible block kind");
}

absl::Status FileReader::Inflate(const Node& node, const BlockInfo& block,
                                 absl::Span<uint8_t> destination,
                                 uint32_t* used) {
  // As much slack as zlib's fast loop keeps from the end of its output.
  constexpr size_t kSlack = 320;

  if (stream_ == nullptr) stream_ = std::make_unique<Stream>();
  z_stream& z = stream_->z;
  if (!stream_->made) {
    if (inflateInit(&z) != Z_OK) {
      return absl::ResourceExhaustedError(
          absl::StrCat(node.path, ": no memory to inflate"));
    }
    stream_->made = true;
  } else {
    inflateReset(&z);
  }
  // zlib's interface is older than const.
  z.next_in = const_cast<Bytef*>(&image_.bytes()[block.offset]);
  z.avail_in = block.length;
  const size_t room = std::min(destination.size(), block.size + kSlack);
  z.next_out = destination.data();
  z.avail_out = static_cast<uInt>(room);
  z.msg = nullptr;
  int result = inflate(&z, Z_FINISH);
  uint64_t produced = room - z.avail_out;
  if (result == Z_BUF_ERROR && z.avail_out == 0) {
    // Full: one byte more tells a stream that is too long from one that is
    // cut.
    Bytef more;
    z.next_out = &more;
    z.avail_out = 1;
    result = inflate(&z, Z_FINISH);
    produced += 1 - z.avail_out;
  }
  if (used != nullptr) *used = block.length - z.avail_in;
  if (produced > block.size) {
    return Damaged(node, "stream inflates to more than its block",
                   block.offset);
  }
  if (result == Z_BUF_ERROR || result == Z_OK) {
    return Damaged(node, "stream is cut", block.offset);
  }
  if (result != Z_STREAM_END) {
    return Damaged(node,
                   absl::StrCat("not a zlib stream: ",
                                z.msg != nullptr        ? z.msg
                                : result == Z_NEED_DICT ? "wants a dictionary"
                                                        : "out of memory"),
                   block.offset);
  }
  if (produced < block.size) {
    return Damaged(
        node,
        absl::StrCat("stream inflates to ", produced, " bytes of ", block.size),
        block.offset);
  }
  return absl::OkStatus();
}

}  // namespace faultline::cramfs
