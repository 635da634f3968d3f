// SPDX-License-Identifier: GPL-2.0-only
//
// The stages of ImageBuilder::Build and what they hand on:
//
//   CollectTree   entries become nodes, sorted, with their inodes; limits
//   PlanFiles     what each file's blocks shall be, and which files share data
//   BlockEncoder  the stored bytes of some blocks of a file
//   Writer        (writer.cc) puts everything in its place

#ifndef FAULTLINE_CRAMFS_TOOLS_WRITER_INTERNAL_H_
#define FAULTLINE_CRAMFS_TOOLS_WRITER_INTERNAL_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "cramfs/tools/writer.h"

namespace faultline::cramfs::internal {

using Bytes = absl::Span<const uint8_t>;

inline Bytes AsBytes(absl::string_view text) {
  return Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

inline uint32_t BlockCount(uint64_t size) {
  return static_cast<uint32_t>((size + kBlockSize - 1) / kBlockSize);
}

inline uint64_t RoundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// How a file's blocks are stored.
struct Plan {
  std::vector<BlockKind> kinds;  // one for each block
  // The kinds are not the caller's wish: compressed blocks may become holes
  // or raw as BuildOptions allow.
  bool automatic = true;
  uint32_t alignment = kBlockSize;  // of direct raw blocks
  TailMode tail = TailMode::kPacked;
};

// An entry that made it into the image.
struct Node {
  const Entry* entry = nullptr;
  std::string path;
  Inode inode;
  bool flat = false;            // of BuildOptions::xip_files
  uint64_t inode_position = 0;  // where the inode stands in the image
  std::vector<std::unique_ptr<Node>> children;  // sorted by name

  // Regular files and symbolic links of inode.size > 0 bytes.
  Plan plan;
  const Node* same = nullptr;  // earlier in the image; has this one's data too

  bool has_data() const;
  // Null: the bytes are in memory().
  const FileSource* source() const;
  Bytes memory() const;
};

// Bytes [offset, offset + length) of a node's data, which must be there.  They
// are in memory, or read into `buffer`.
absl::StatusOr<Bytes> ReadData(const Node& node, uint64_t offset,
                               uint64_t length, std::vector<uint8_t>* buffer);

// Sources that could not be read: entries with them are left out.
using BadSources = std::set<const FileSource*>;

// Fills `root` from `entry`, children included; counts nodes in `files`.
absl::Status CollectTree(const Entry& entry, const BuildOptions& options,
                         const BadSources& bad, BuildWarnings* warnings,
                         Node* root, uint32_t* files);

// The nodes with data below `root`, in the order in which data is written.
std::vector<Node*> DataOrder(Node* root);

// A node whose source could not be read, and why, without the path.
struct Failure {
  const Node* node;
  absl::Status status;
};

// Sets plan and same of each of `files`, which is DataOrder().  Reads what it
// must: candidates for sharing, and ELF files for execution in place; with
// `try_all` it opens all the others too.  Sources that cannot be read are
// added to `failures`, in order, and are no error of the function.
absl::Status PlanFiles(const std::vector<Node*>& files,
                       const BuildOptions& options, bool try_all,
                       std::vector<Failure>* failures);

// Blocks as they will stand in the image, one after another without what
// alignment puts between them.
struct EncodedBlocks {
  struct Block {
    BlockKind kind;
    uint32_t length;
  };
  std::vector<Block> blocks;
  std::vector<uint8_t> bytes;
};

// One thread's compressor: what compress2() gives, without setting up zlib
// for each block.
class BlockEncoder {
 public:
  // Where the plan is automatic, blocks may be holes, or raw where zlib gains
  // nothing.
  struct Rules {
    bool holes = false;
    bool raw = false;
    int level = 6;
  };

  explicit BlockEncoder(Rules rules);
  ~BlockEncoder();
  BlockEncoder(const BlockEncoder&) = delete;
  BlockEncoder& operator=(const BlockEncoder&) = delete;

  // Appends blocks [first, first + count) of a node to `out`.  An error of the
  // node's source sets `unreadable`.
  absl::Status Encode(const Node& node, uint32_t first, uint32_t count,
                      EncodedBlocks* out, bool* unreadable);

 private:
  struct Stream;
  absl::Status Compress(Bytes block, std::vector<uint8_t>* out);

  const Rules rules_;
  std::unique_ptr<Stream> stream_;
  std::vector<uint8_t> buffer_;
};

}  // namespace faultline::cramfs::internal

#endif  // FAULTLINE_CRAMFS_TOOLS_WRITER_INTERNAL_H_
