// SPDX-License-Identifier: GPL-2.0-only
//
// Reads the files of an image at the speed of zlib.
//
//   FileReader file(image);
//   absl::Status status = file.Open(node);
//   if (status.ok()) status = file.Read(absl::MakeSpan(buffer, file.size()));
//
// One FileReader serves any number of files, one after another.  It keeps its
// zlib stream, reset for each block, and its block table, decoded once for
// each file: blocks and, once the table has grown, files allocate nothing, and
// Read inflates straight into the caller's memory.
//
// Thread safety: none; several FileReaders may read one image at once.  The
// image must outlive them.

#ifndef FAULTLINE_CRAMFS_TOOLS_FILE_READER_H_
#define FAULTLINE_CRAMFS_TOOLS_FILE_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cramfs/tools/reader.h"

namespace faultline::cramfs {

class FileReader {
 public:
  explicit FileReader(const ImageReader& image);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  // A regular file or a symbolic link; errors as BlockMap's.  After an error
  // no file is open: size() is 0.
  absl::Status Open(const Node& node);

  uint32_t size() const { return size_; }  // bytes
  const std::vector<BlockInfo>& blocks() const { return blocks_; }

  // The whole file into exactly size() bytes.  After an error the contents of
  // `destination` mean nothing.
  absl::Status Read(absl::Span<uint8_t> destination);
  // One block into the first blocks()[index].size bytes, which there must be.
  absl::Status ReadBlock(size_t index, absl::Span<uint8_t> destination);
  // The target of a symbolic link; a NUL in it is an error.
  absl::StatusOr<std::string> ReadLink();

  // A block of any file of the image, which need not be open; `node` is named
  // in errors.  `used`, when given, takes how many stored bytes the block
  // needed: fewer than block.length if something follows a stream.
  absl::Status ReadBlock(const Node& node, const BlockInfo& block,
                         absl::Span<uint8_t> destination,
                         uint32_t* used = nullptr);

 private:
  struct Stream;

  // These may write to the whole destination beyond the block.
  absl::Status ReadInto(const Node& node, const BlockInfo& block,
                        absl::Span<uint8_t> destination, uint32_t* used);
  absl::Status Inflate(const Node& node, const BlockInfo& block,
                       absl::Span<uint8_t> destination, uint32_t* used);

  const ImageReader& image_;
  std::unique_ptr<Stream> stream_;  // made when first needed
  Node node_;
  uint32_t size_ = 0;
  std::vector<BlockInfo> blocks_;
};

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_FILE_READER_H_
