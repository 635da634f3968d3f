// SPDX-License-Identifier: GPL-2.0-only
//
// Reads cramfs images of either byte order, trusted or not.
//
//   absl::StatusOr<ImageReader> reader = ImageReader::Open(bytes);
//   absl::StatusOr<Node> node = reader->Lookup("/bin/busybox");
//   absl::StatusOr<std::vector<uint8_t>> data = reader->ReadFile(*node);
//
// On any bytes whatever: nothing outside the image is read, no walk is
// endless, no stream inflates beyond its block, and a block that cannot be
// given whole is an error, not a part of it.  An error's message is
// "PATH: what, at image offset N"; codes:
//
//   kInvalidArgument     not a cramfs image, or a path that cannot be one
//   kUnimplemented       a superblock flag nobody here knows
//   kDataLoss            the image is cut or damaged
//   kNotFound, kFailedPrecondition   of the call: no such path, wrong type
//
// Three rules are stricter or wider than the kernel's, deliberately: a stream
// must give exactly the bytes its block has; a direct raw last block of a file
// of whole blocks has 4096 bytes (kernels compute 0 and give zeros); names
// that no directory can have are errors.
//
// Thread safety: const methods may be called by several threads; the bytes
// must outlive the reader.

#ifndef FAULTLINE_CRAMFS_TOOLS_READER_H_
#define FAULTLINE_CRAMFS_TOOLS_READER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "cramfs/tools/codec.h"

namespace faultline::cramfs {

struct Superblock {
  uint32_t offset = 0;  // 0 or 512
  ByteOrder byte_order = ByteOrder::kLittle;
  // As stored; without FSID_VERSION_2 they mean nothing.
  uint32_t size = 0;
  uint32_t crc = 0, edition = 0, blocks = 0, files = 0;
  uint32_t flags = 0;
  bool signature_ok = false;  // nobody refuses an image for it
  std::string name;
  Inode root;

  bool has_fsid() const { return (flags & CRAMFS_FLAG_FSID_VERSION_2) != 0; }
};

struct Node {
  std::string path;  // "/" is the root
  Inode inode;
  uint32_t inode_position = 0;  // where in the image the inode stands

  // The last component of path.
  absl::string_view name() const;
  bool is_directory() const;
  bool is_regular() const;
  bool is_symlink() const;
  bool is_device() const;  // block or character
  uint32_t device_major() const { return inode.size >> 8; }
  uint32_t device_minor() const { return inode.size & 0xff; }
};

// One block of a file, where it is and how.
struct BlockInfo {
  enum class Kind { kHole, kRaw, kCompressed };
  Kind kind = Kind::kHole;
  bool direct = false;   // DIRECT_PTR
  uint32_t pointer = 0;  // as stored
  // Stored bytes in the image: the raw bytes, or the zlib stream without the
  // length in front of a direct one.
  uint32_t offset = 0;
  uint32_t length = 0;
  uint32_t size = 0;  // bytes of the file in it: 4096, or less in the last

  // Could be mapped, if the image itself starts on a page boundary.
  bool mappable() const {
    return kind == Kind::kRaw && direct && offset % kBlockSize == 0;
  }
};

struct CheckReport {
  std::vector<absl::Status> errors;   // in the order found
  std::vector<std::string> warnings;  // odd, but nothing reads wrong;
                                      // the first 100
  uint32_t files = 0;                 // nodes seen, the root included
  uint32_t directories = 0;
  uint64_t data_bytes = 0;  // contents read, shared ones once

  bool ok() const { return errors.empty(); }
};

class ImageReader {
 public:
  // Checks the superblock, not its CRC: see CheckCrc.  Bytes beyond the size
  // in the superblock are not part of the image.
  static absl::StatusOr<ImageReader> Open(absl::Span<const uint8_t> image);

  const Superblock& superblock() const { return superblock_; }
  // The bytes of the image that may be read.
  absl::Span<const uint8_t> bytes() const { return image_; }
  Node root() const;

  // kDataLoss if the CRC is wrong; OK also when the image has none.
  absl::Status CheckCrc() const;

  // The entries of a directory in the order stored.  All or an error.
  absl::StatusOr<std::vector<Node>> List(const Node& directory) const;

  // Follows no symbolic links; "." and ".." are not special, so not found.
  absl::StatusOr<Node> Lookup(absl::string_view path) const;

  // Regular file or symbolic link.
  absl::StatusOr<std::vector<BlockInfo>> BlockMap(const Node& node) const;
  absl::StatusOr<std::vector<uint8_t>> ReadFile(const Node& node) const;
  // The bytes of one block, as many as BlockInfo::size.
  absl::StatusOr<std::vector<uint8_t>> ReadBlock(const Node& node,
                                                 const BlockInfo& block) const;
  absl::StatusOr<std::string> ReadLink(const Node& node) const;

  // Calls `visit` for every node, a directory before its entries, entries in
  // order.  An error of the image goes to `on_error`, which says whether to go
  // on with what can still be reached; without it the first one ends the walk.
  // Returns the error that ended the walk, `visit`'s own included.  A
  // directory met twice, or overlapping one met before, is an error.
  absl::Status Walk(
      const std::function<absl::Status(const Node&)>& visit,
      const std::function<bool(const absl::Status&)>& on_error = nullptr) const;

  // Everything: CRC, every node, every block of data, and that structures do
  // not overlap.  Stops after `max_errors`.
  CheckReport Check(size_t max_errors = 1) const;

 private:
  ImageReader(absl::Span<const uint8_t> image, Superblock superblock)
      : image_(image),
        superblock_(std::move(superblock)),
        codec_(superblock_.byte_order) {}

  uint32_t data_begin() const { return superblock_.offset + kSuperblockSize; }

  using NodeFunction = std::function<absl::Status(const Node&)>;
  // Says what to do about an error of the image: OK goes on.
  using ErrorFunction = std::function<absl::Status(const absl::Status&)>;

  // Calls `visit` for each entry of a directory as it is decoded, so that a
  // hostile directory costs time but no memory.  A wrong entry is reported and
  // left out; an error that hides what follows is reported and ends the scan.
  absl::Status Scan(const Node& directory, const NodeFunction& visit,
                    const ErrorFunction& report) const;
  absl::Status CheckInode(const Node& node) const;
  // `visited`: the directories walked so far, begin to end in the image.
  absl::Status WalkDirectory(const Node& directory, int depth,
                             const NodeFunction& visit,
                             const ErrorFunction& report,
                             std::map<uint32_t, uint32_t>* visited) const;
  absl::StatusOr<BlockInfo> DirectBlock(const Node& node, uint32_t pointer,
                                        uint32_t size) const;
  // `used`, when given, takes how many bytes the stream really has.
  absl::StatusOr<std::vector<uint8_t>> Inflate(const Node& node,
                                               const BlockInfo& block,
                                               uint32_t* used) const;

  absl::Span<const uint8_t> image_;
  Superblock superblock_;
  Codec codec_;
};

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_READER_H_
