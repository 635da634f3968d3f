// SPDX-License-Identifier: GPL-2.0-only
//
// Field encoding of cramfs images in either byte order, and the limits that
// reader and writer share.  The layout is described in cramfs/cramfs_fs.h.

#ifndef FAULTLINE_CRAMFS_TOOLS_CODEC_H_
#define FAULTLINE_CRAMFS_TOOLS_CODEC_H_

#include <cstdint>

#include "cramfs/cramfs_fs.h"

namespace faultline::cramfs {

inline constexpr uint32_t kBlockSize = CRAMFS_BLOCK_SIZE;
inline constexpr uint32_t kInodeSize = sizeof(cramfs_inode);
inline constexpr uint32_t kSuperblockSize = sizeof(cramfs_super);

// Largest file, and first offset at which data can no longer start.
inline constexpr uint32_t kMaxFileSize = (1u << CRAMFS_SIZE_WIDTH) - 1;
inline constexpr uint32_t kMaxDataOffset = 1u << (CRAMFS_OFFSET_WIDTH + 2);
inline constexpr uint32_t kMaxNameLength = CRAMFS_MAXPATHLEN;

// Deeper trees are not written; kMaxReadDepth (reader.h) is what is read.
inline constexpr int kMaxDepth = 256;
// Nor are longer paths, in bytes from the image's root.
inline constexpr uint32_t kMaxPathLength = 4095;

enum class ByteOrder { kLittle, kBig };

// An inode's fields in units people use: bytes.
struct Inode {
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t size = 0;         // device: major << 8 | minor
  uint32_t name_length = 0;  // with the padding; a multiple of 4
  uint32_t offset = 0;       // a multiple of 4
};

// Reads and writes fields at a pointer; the caller has checked the bounds.
class Codec {
 public:
  explicit Codec(ByteOrder order) : big_(order == ByteOrder::kBig) {}

  ByteOrder order() const {
    return big_ ? ByteOrder::kBig : ByteOrder::kLittle;
  }

  uint16_t Get16(const uint8_t* at) const;
  uint32_t Get32(const uint8_t* at) const;
  Inode GetInode(const uint8_t* at) const;

  void Put16(uint8_t* at, uint16_t value) const;
  void Put32(uint8_t* at, uint32_t value) const;
  // Fields wider than the format's are a bug of the caller.
  void PutInode(uint8_t* at, const Inode& inode) const;

 private:
  bool big_;
};

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_CODEC_H_
