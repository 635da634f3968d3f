// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/testing/image_editor.h"

#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/status/statusor.h"

namespace faultline::cramfs {
namespace {

template <typename T>
T Must(absl::StatusOr<T> value, const std::string& what) {
  if (!value.ok()) {
    fprintf(stderr, "%s: %s\n", what.c_str(),
            value.status().ToString().c_str());
    abort();
  }
  return *std::move(value);
}

ImageReader Open(const std::vector<uint8_t>& image) {
  return Must(ImageReader::Open(image), "good image");
}

}  // namespace

ImageEditor::ImageEditor(std::vector<uint8_t> good)
    : good_(std::move(good)),
      bytes_(good_),
      super_(Open(good_).superblock().offset),
      codec_(Open(good_).superblock().byte_order) {
  const CheckReport report = Open(good_).Check();
  if (!report.ok()) Must(absl::StatusOr<int>(report.errors[0]), "good image");
}

Node ImageEditor::node(const std::string& path) const {
  return Must(Open(good_).Lookup(path), path);
}

BlockInfo ImageEditor::block(const std::string& path, uint32_t index) const {
  const ImageReader reader = Open(good_);
  const auto map = Must(reader.BlockMap(node(path)), path);
  if (index >= map.size()) {
    fprintf(stderr, "%s: no block %u\n", path.c_str(), index);
    abort();
  }
  return map[index];
}

uint32_t ImageEditor::PointerPlace(const std::string& path,
                                   uint32_t index) const {
  return inode(path).offset + 4 * index;
}

void ImageEditor::SetSuper(uint32_t offset, uint32_t value) {
  codec_.Put32(&bytes_[super_ + offset], value);
}

uint32_t ImageEditor::GetSuper(uint32_t offset) const {
  return codec_.Get32(&bytes_[super_ + offset]);
}

void ImageEditor::ChangeInode(const std::string& path,
                              const std::function<void(Inode*)>& change) {
  const Node old = node(path);
  Inode changed = codec_.GetInode(&bytes_[old.inode_position]);
  change(&changed);
  codec_.PutInode(&bytes_[old.inode_position], changed);
}

void ImageEditor::SetName(const std::string& path, const std::string& name) {
  const Node old = node(path);
  uint8_t* at = &bytes_[old.inode_position + kInodeSize];
  std::fill(at, at + old.inode.name_length, uint8_t{0});
  std::copy_n(name.begin(),
              std::min<size_t>(name.size(), old.inode.name_length), at);
}

void ImageEditor::SetPointer(const std::string& path, uint32_t index,
                             uint32_t value) {
  codec_.Put32(&bytes_[PointerPlace(path, index)], value);
}

uint32_t ImageEditor::GetPointer(const std::string& path,
                                 uint32_t index) const {
  return codec_.Get32(&bytes_[PointerPlace(path, index)]);
}

void ImageEditor::SetStored(const std::string& path, uint32_t index,
                            const std::vector<uint8_t>& stored) {
  const BlockInfo place = block(path, index);
  if (stored.size() > place.length) {
    fprintf(stderr, "%s: %zu bytes do not fit into block %u\n", path.c_str(),
            stored.size(), index);
    abort();
  }
  std::copy(stored.begin(), stored.end(), bytes_.begin() + place.offset);
}

void ImageEditor::SetDirectLength(const std::string& path, uint32_t index,
                                  uint16_t length) {
  codec_.Put16(&bytes_[block(path, index).offset - 2], length);
}

void ImageEditor::FixCrc() {
  if (bytes_.size() < super_ + kSuperblockSize) return;
  const uint32_t size = GetSuper(4);
  if (size < super_ + kSuperblockSize || size > bytes_.size()) return;
  SetSuper(32, 0);
  SetSuper(32,
           static_cast<uint32_t>(crc32_z(0, &bytes_[super_], size - super_)));
}

std::vector<uint8_t> Deflate(const std::vector<uint8_t>& data, int level) {
  uLongf length = compressBound(data.size());
  std::vector<uint8_t> stream(length);
  if (compress2(stream.data(), &length, data.data(), data.size(), level) !=
      Z_OK) {
    abort();
  }
  stream.resize(length);
  return stream;
}

}  // namespace faultline::cramfs
