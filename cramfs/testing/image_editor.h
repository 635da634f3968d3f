// SPDX-License-Identifier: GPL-2.0-only
//
// Changes to a good image, by what they mean: a node's inode, a file's n-th
// pointer.  Places are those of the good image, however much was changed.

#ifndef FAULTLINE_CRAMFS_TESTING_IMAGE_EDITOR_H_
#define FAULTLINE_CRAMFS_TESTING_IMAGE_EDITOR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cramfs/tools/codec.h"
#include "cramfs/tools/reader.h"

namespace faultline::cramfs {

class ImageEditor {
 public:
  // `good` must pass Check.  Ends the program on a path or a block that it
  // does not have: a mistake in a table of cases.
  explicit ImageEditor(std::vector<uint8_t> good);

  std::vector<uint8_t>& bytes() { return bytes_; }
  const Codec& codec() const { return codec_; }
  // Bytes of the good image.
  uint32_t size() const { return static_cast<uint32_t>(good_.size()); }

  // ---- places in the good image ----
  Node node(const std::string& path) const;
  Inode inode(const std::string& path) const { return node(path).inode; }
  BlockInfo block(const std::string& path, uint32_t index) const;
  // Of a pointer in a file's table.
  uint32_t PointerPlace(const std::string& path, uint32_t index) const;
  // Of the superblock's field at `offset` in it.
  uint32_t SuperPlace(uint32_t offset) const { return super_ + offset; }

  // ---- changes ----
  void SetSuper(uint32_t offset, uint32_t value);
  uint32_t GetSuper(uint32_t offset) const;
  void ChangeInode(const std::string& path,
                   const std::function<void(Inode*)>& change);
  // The name's bytes, padding included; its length stays.
  void SetName(const std::string& path, const std::string& name);
  void SetPointer(const std::string& path, uint32_t index, uint32_t value);
  uint32_t GetPointer(const std::string& path, uint32_t index) const;
  // Over the first bytes of a stored block, which must have room.
  void SetStored(const std::string& path, uint32_t index,
                 const std::vector<uint8_t>& stored);
  // In front of a direct compressed block.
  void SetDirectLength(const std::string& path, uint32_t index,
                       uint16_t length);
  // As of now; nothing if the superblock or its size make no sense.
  void FixCrc();

 private:
  std::vector<uint8_t> good_;
  std::vector<uint8_t> bytes_;
  uint32_t super_;
  Codec codec_;
};

// A zlib stream of `data`.
std::vector<uint8_t> Deflate(const std::vector<uint8_t>& data, int level = 9);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TESTING_IMAGE_EDITOR_H_
