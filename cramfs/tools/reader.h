// SPDX-License-Identifier: GPL-2.0-only
//
// Reads cramfs images of either byte order, trusted or not.
//
//   absl::StatusOr<ImageReader> reader = ImageReader::Open(bytes);
//   absl::StatusOr<Node> node = reader->Lookup("/bin/busybox");
//   absl::StatusOr<std::vector<uint8_t>> data = reader->ReadFile(*node);
//
// To read many files fast, one FileReader (file_reader.h) for all of them: it
// keeps its zlib stream and its block table and reads into the caller's
// memory.  ReadFile, ReadBlock and ReadLink here make a new one each time.
//
// On any bytes whatever: nothing outside the image is read, no walk is
// endless, no stream inflates beyond its block, and a block that cannot be
// given whole is an error, not a part of it.  Work and memory are bounded by
// the image's size: Walk's memory is that of the directories on the way down;
// Check's at most some eight times the image and its work one inflation of
// each byte stored.  List and Lookup copy paths, up to kMaxReadPath bytes for
// each entry: use ForEachEntry or Walk where the image is a stranger's.
//
// An error's message is "PATH: what, at image offset N"; codes:
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
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "cramfs/tools/codec.h"

namespace faultline::cramfs {

// Deeper trees and longer paths (in bytes) are errors: more than any tool
// makes or any kernel takes in one call, few enough to bound a hostile image.
inline constexpr uint32_t kMaxReadDepth = 4096;
inline constexpr uint32_t kMaxReadPath = 16383;

struct Superblock {
  uint32_t offset = 0;  // 0 or 512
  ByteOrder byte_order = ByteOrder::kLittle;
  // As stored; without FSID_VERSION_2 they mean nothing.
  uint32_t size = 0;
  uint32_t crc = 0, edition = 0, blocks = 0, files = 0;
  uint32_t flags = 0;
  uint32_t future = 0;        // 0 until somebody uses it
  bool signature_ok = false;  // nobody refuses an image for it
  std::string name;           // up to the first NUL
  bool name_clean = true;     // nothing but NULs after the name
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
  // As the kernel reads them: of 16 bits.
  uint32_t device_major() const { return inode.size >> 8 & 0xff; }
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

struct CheckOptions {
  size_t max_errors = 1;  // stops there; at least 1
  size_t max_warnings = 100;
  // Called for each node the walk finds, a directory before its entries,
  // before any data is read.
  std::function<void(const Node&)> visit;
  // Called now and then with bytes of the image done and to do; false ends
  // the check, with `cancelled` set.
  std::function<bool(uint64_t done, uint64_t total)> progress;
};

// What Check finds.  An error: something cannot be read, or reads as what it
// is certainly not.  A warning: odd, but every reader gives the same bytes.
//
// Errors
//   superblock  CRC (magic, size, flags, root: Open refuses the image)
//   tree        entries cut, names empty, with NUL or '/', or padded with more
//               NULs than needed (listed, and not found), ".", "..", twice
//               in one directory, out of the order that SORTED_DIRS promises;
//               directories that contain themselves, overlap, or lie in the
//               superblock or beyond the end; more than kMaxReadDepth levels,
//               paths of more than kMaxReadPath bytes
//   inodes      no type; devices, fifos, sockets and empty files with data;
//               links of no bytes, of a page or more, or with a NUL
//   pointers    past the end, going back, too long, extended ones without the
//               superblock's flag, direct streams of more than two pages
//   overlaps    pointers or blocks in the superblock, in a directory or in
//               pointers, one's own included; two blocks that share bytes
//               without being the same block; one offset with two sizes or
//               types
//   streams     no zlib, cut, wrong checksum, shorter or longer than the block
// Warnings
//   superblock  no FSID (so no CRC), signature, future, unknown compatible or
//               reserved flags, bytes after the name, a name length in the
//               root inode, counts of files and blocks that do not fit
//   image       bytes after its end; bytes not 0 that belong to nothing:
//               neither pad nor what mkcramfs -i inserts before a shifted
//               root, nor shown by a mapping, behind a direct tail in its page
//   tree        empty directories with an offset, device numbers of more than
//               16 bits
//   data        bytes after a stream, holes the superblock does not announce,
//               one inode number (the same data) under two modes or owners
//
// Sharing is sound, and no warning, between entries of equal offset, size,
// type, mode and owner, and of single blocks that are the same stored bytes,
// stored the same way, for as many bytes of file: tools that merge equal
// blocks point to one copy directly.
struct CheckReport {
  std::vector<absl::Status> errors;   // the tree's, then the pointers', then
                                      // overlaps, then streams
  std::vector<std::string> warnings;  // the first max_warnings
  uint32_t files = 0;                 // nodes seen, the root included
  uint32_t directories = 0;
  uint64_t data_bytes = 0;  // contents whose pointers are right, data of
                            // several entries once
  uint64_t blocks = 0;      // stored, shared ones once
  uint64_t holes = 0;
  uint64_t unreachable_bytes = 0;  // from first to last that is not 0 in what
                                   // belongs to nothing; known without errors
  bool cancelled = false;

  bool ok() const { return errors.empty() && !cancelled; }
};

class ImageReader {
 public:
  // Checks the superblock, not its CRC: see CheckCrc.  Bytes beyond the size
  // in the superblock are not part of the image.
  static absl::StatusOr<ImageReader> Open(absl::Span<const uint8_t> image);

  const Superblock& superblock() const { return superblock_; }
  // The bytes of the image that may be read.
  absl::Span<const uint8_t> bytes() const { return image_; }
  // How many came after them.
  uint64_t trailing_bytes() const { return trailing_bytes_; }
  Node root() const;

  // kDataLoss if the CRC is wrong; OK also when the image has none.
  absl::Status CheckCrc() const;

  // The entries of a directory in the order stored.  All or an error.
  absl::StatusOr<std::vector<Node>> List(const Node& directory) const;
  // The same one by one, in constant memory.  `on_error` as in Walk.
  absl::Status ForEachEntry(
      const Node& directory,
      const std::function<absl::Status(const Node&)>& visit,
      const std::function<bool(const absl::Status&)>& on_error = nullptr) const;

  // Follows no symbolic links; "." and ".." are not special, so not found.
  absl::StatusOr<Node> Lookup(absl::string_view path) const;

  // Regular file or symbolic link.
  absl::StatusOr<std::vector<BlockInfo>> BlockMap(const Node& node) const;
  // The same into a vector that is used again; empty after an error.
  absl::Status BlockMap(const Node& node, std::vector<BlockInfo>* map) const;
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
  // not overlap; see CheckReport.
  CheckReport Check(const CheckOptions& options) const;
  CheckReport Check(size_t max_errors = 1) const;

 private:
  friend class TreeWalker;
  friend class FileReader;
  friend class Checker;

  ImageReader(absl::Span<const uint8_t> image, uint64_t trailing_bytes,
              Superblock superblock)
      : image_(image),
        trailing_bytes_(trailing_bytes),
        superblock_(std::move(superblock)),
        codec_(superblock_.byte_order) {}

  uint32_t data_begin() const { return superblock_.offset + kSuperblockSize; }
  absl::Status CheckInode(const Node& node) const;
  // `map` as far as decoded after an error.
  absl::Status DecodeBlocks(const Node& node,
                            std::vector<BlockInfo>* map) const;
  absl::StatusOr<BlockInfo> DirectBlock(const Node& node, uint32_t pointer,
                                        uint32_t size) const;

  absl::Span<const uint8_t> image_;
  uint64_t trailing_bytes_;
  Superblock superblock_;
  Codec codec_;
};

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_READER_H_
