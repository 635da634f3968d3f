// SPDX-License-Identifier: GPL-2.0-only

#include "tests/fuzz/image_mutator.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "cramfs/tools/codec.h"
#include "cramfs/tools/reader.h"

namespace faultline::fuzz {
namespace {

using cramfs::ByteOrder;
using cramfs::Codec;
using cramfs::ImageReader;
using cramfs::Inode;
using cramfs::kBlockSize;
using cramfs::kInodeSize;
using cramfs::kSuperblockSize;
using cramfs::Node;

// More nodes than this are not looked for.
constexpr size_t kMaxNodes = 64;
// Of the image's start, where directories are.
constexpr size_t kMetadataBytes = 1024;

// Finds the superblock; false if there is none.
bool FindSuper(const uint8_t* data, size_t size, size_t* offset,
               ByteOrder* order) {
  for (const size_t at : {size_t{0}, size_t{CRAMFS_PAD_SIZE}}) {
    if (size < at + kSuperblockSize) continue;
    for (const ByteOrder candidate : {ByteOrder::kLittle, ByteOrder::kBig}) {
      if (Codec(candidate).Get32(data + at) != CRAMFS_MAGIC) continue;
      *offset = at;
      *order = candidate;
      return true;
    }
  }
  return false;
}

class Mutator {
 public:
  Mutator(uint8_t* data, size_t size, size_t super, ByteOrder order,
          unsigned int seed)
      : data_(data), size_(size), super_(super), codec_(order), random_(seed) {
    const auto reader = ImageReader::Open(absl::MakeConstSpan(data, size));
    if (!reader.ok()) return;
    reader
        ->Walk(
            [this](const Node& node) {
              nodes_.push_back(node);
              return nodes_.size() < kMaxNodes ? absl::OkStatus()
                                               : absl::CancelledError("enough");
            },
            [](const absl::Status&) { return true; })
        .IgnoreError();
  }

  void ChangeOne() {
    switch (nodes_.empty() ? 0 : Below(8)) {
      case 0:
        return ChangeSuper();
      case 1:
      case 2:
        return ChangeInode();
      case 3:
        return ChangeName();
      case 4:
      case 5:
        return ChangePointer();
      case 6:
        return ChangeStream();
      default:
        return CopyInode();
    }
  }

 private:
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  template <typename T>
  const T& OneOf(const std::vector<T>& values) {
    return values[Below(static_cast<uint32_t>(values.size()))];
  }
  const Node& AnyNode() { return OneOf(nodes_); }

  // A node with block pointers inside the image, or nullptr.
  const Node* AnyFile() {
    for (int i = 0; i < 16; ++i) {
      const Node& node = AnyNode();
      if ((node.is_regular() || node.is_symlink()) && node.inode.size > 0 &&
          uint64_t{node.inode.offset} + 4 <= size_) {
        return &node;
      }
    }
    return nullptr;
  }

  uint32_t Nearby(uint32_t value) {
    static const std::vector<int32_t> kSteps = {
        -4096, -1024, -513, -8, -4, -2, -1, 0, 1, 2, 4, 8, 76, 512, 1024, 4096};
    return value + static_cast<uint32_t>(OneOf(kSteps));
  }

  uint32_t InterestingOffset() {
    switch (Below(6)) {
      case 0:
        return Nearby(static_cast<uint32_t>(size_));
      case 1:
        return Nearby(0);
      case 2:
        return Below(static_cast<uint32_t>(size_) + 1);
      default:
        return nodes_.empty() ? Below(256) : Nearby(AnyNode().inode.offset);
    }
  }

  uint32_t InterestingSize() {
    static const std::vector<uint32_t> kSizes = {0,
                                                 1,
                                                 12,
                                                 16,
                                                 76,
                                                 255,
                                                 4095,
                                                 4096,
                                                 4097,
                                                 8191,
                                                 8192,
                                                 12288,
                                                 65535,
                                                 65536,
                                                 1 << 20,
                                                 0xfff000,
                                                 cramfs::kMaxFileSize - 1,
                                                 cramfs::kMaxFileSize};
    return Below(3) == 0 && !nodes_.empty() ? Nearby(AnyNode().inode.size)
                                            : OneOf(kSizes);
  }

  void ChangeSuper() {
    uint8_t* at = data_ + super_;
    switch (Below(4)) {
      case 0:
        codec_.Put32(at + 4, Below(2) != 0 ? static_cast<uint32_t>(size_)
                                           : InterestingOffset());
        return;
      case 1:
        codec_.Put32(at + 8, codec_.Get32(at + 8) ^ (1u << Below(13)));
        return;
      case 2:
        codec_.Put32(at + 36 + 4 * Below(3), InterestingSize());
        return;
      default: {
        Inode root = codec_.GetInode(at + 64);
        ChangeFields(&root);
        root.name_length = 0;
        codec_.PutInode(at + 64, root);
      }
    }
  }

  void ChangeFields(Inode* inode) {
    static const std::vector<uint32_t> kTypes = {
        S_IFREG, S_IFREG, S_IFDIR,  S_IFDIR, S_IFLNK, S_IFLNK, S_IFCHR,
        S_IFBLK, S_IFIFO, S_IFSOCK, 0,       0xf000,  0x3000};
    switch (Below(6)) {
      case 0:
        inode->mode = OneOf(kTypes) | (inode->mode & 07777);
        return;
      case 1:
        inode->mode ^= 1u << Below(12);
        return;
      case 2:
        inode->size = InterestingSize() & cramfs::kMaxFileSize;
        return;
      case 3:
        inode->offset =
            InterestingOffset() & (cramfs::kMaxDataOffset - 1) & ~3u;
        return;
      case 4:
        inode->name_length =
            (Below(2) != 0 ? inode->name_length + 4 : 4 * Below(64)) &
            cramfs::kMaxNameLength;
        return;
      default:
        inode->uid ^= Below(4);
        inode->gid ^= Below(4);
    }
  }

  void ChangeInode() {
    const Node& node = AnyNode();
    Inode inode = node.inode;
    ChangeFields(&inode);
    codec_.PutInode(data_ + node.inode_position, inode);
  }

  // Gives one entry what another one has, all or the place of its data.
  void CopyInode() {
    const Node& from = AnyNode();
    const Node& to = AnyNode();
    Inode inode = to.inode;
    inode.offset = from.inode.offset;
    inode.size = from.inode.size;
    if (Below(2) != 0) inode.mode = from.inode.mode;
    codec_.PutInode(data_ + to.inode_position, inode);
  }

  void ChangeName() {
    static const std::vector<std::string> kNames = {
        "",  ".",  "..",  "/", "a/b", "../x", std::string("\0a", 2),
        "a", "zz", "\xff"};
    const Node& node = AnyNode();
    const uint32_t length = node.inode.name_length;
    if (length == 0) return;
    uint8_t* at = data_ + node.inode_position + kInodeSize;
    if (Below(3) == 0) {
      at[Below(length)] = static_cast<uint8_t>(Below(256));
      return;
    }
    const Node& other = AnyNode();
    const std::string name =
        Below(2) != 0 ? OneOf(kNames)
                      : std::string(other.name().data(), other.name().size());
    for (uint32_t i = 0; i < length; ++i) {
      at[i] = i < name.size() ? static_cast<uint8_t>(name[i]) : 0;
    }
  }

  void ChangePointer() {
    const Node* node = AnyFile();
    if (node == nullptr) return;
    const uint32_t count = (node->inode.size + kBlockSize - 1) / kBlockSize;
    const uint64_t at = node->inode.offset + uint64_t{4} * Below(count);
    if (at + 4 > size_) return;
    const uint32_t old = codec_.Get32(data_ + at);
    uint32_t value = old & ~CRAMFS_BLK_FLAGS;
    const bool direct = (old & CRAMFS_BLK_FLAG_DIRECT_PTR) != 0;
    uint32_t flags = old & CRAMFS_BLK_FLAGS;
    switch (Below(5)) {
      case 0:
        flags = Below(4) << 30;
        break;
      case 1:
        value = Nearby(value);
        break;
      case 2:
        value = direct ? InterestingOffset() >> 2 : InterestingOffset();
        break;
      case 3:
        value ^= 1u << Below(30);
        break;
      default:
        value = Below(2) != 0 ? 0 : 0x3fffffff;
    }
    codec_.Put32(data_ + at, (value & ~CRAMFS_BLK_FLAGS) | flags);
    // A direct compressed block has its length in front.
    const uint64_t place = uint64_t{value} << CRAMFS_BLK_DIRECT_PTR_SHIFT;
    if (flags == CRAMFS_BLK_FLAG_DIRECT_PTR && place + 2 <= size_ &&
        Below(4) == 0) {
      static const std::vector<uint16_t> kLengths = {0,    1,    2,    4096,
                                                     8191, 8192, 8193, 65535};
      codec_.Put16(data_ + place, OneOf(kLengths));
    }
  }

  // A well-formed stream of some other length where a block's stream was.
  void ChangeStream() {
    static const std::vector<uint32_t> kPlain = {0,    1,    100,   4095,
                                                 4096, 4097, 65536, 1 << 20};
    const Node* node = AnyFile();
    if (node == nullptr) return;
    const auto reader = ImageReader::Open(absl::MakeConstSpan(data_, size_));
    if (!reader.ok()) return;
    const auto map = reader->BlockMap(*node);
    if (!map.ok()) return;
    const auto& block = OneOf(*map);
    if (block.length == 0) return;
    if (Below(3) == 0) {
      data_[block.offset + Below(block.length)] ^=
          static_cast<uint8_t>(1u << Below(8));
      return;
    }
    const std::vector<uint8_t> plain(Below(2) != 0 ? block.size : OneOf(kPlain),
                                     static_cast<uint8_t>(Below(3)));
    uLongf length = compressBound(plain.size());
    std::vector<uint8_t> stream(length);
    if (compress(stream.data(), &length, plain.data(), plain.size()) != Z_OK) {
      return;
    }
    std::copy_n(stream.begin(), std::min<size_t>(length, block.length),
                data_ + block.offset);
  }

  uint8_t* const data_;
  const size_t size_;
  const size_t super_;
  const Codec codec_;
  std::minstd_rand random_;
  std::vector<Node> nodes_;
};

}  // namespace

void FixCrc(uint8_t* data, size_t size) {
  size_t super = 0;
  ByteOrder order = ByteOrder::kLittle;
  if (!FindSuper(data, size, &super, &order)) return;
  const Codec codec(order);
  const uint32_t claimed = codec.Get32(data + super + 4);
  if (claimed < super + kSuperblockSize || claimed > size) return;
  codec.Put32(data + super + 32, 0);
  codec.Put32(data + super + 32,
              static_cast<uint32_t>(crc32_z(0, data + super, claimed - super)));
}

size_t MutateImage(
    uint8_t* data, size_t size, size_t max_size, unsigned int seed,
    const std::function<size_t(uint8_t*, size_t, size_t)>& blind) {
  std::minstd_rand random(seed + 1);
  random.discard(3);
  size_t super = 0;
  ByteOrder order = ByteOrder::kLittle;
  const uint32_t choice = static_cast<uint32_t>(random() % 8);
  if (choice == 0 || !FindSuper(data, size, &super, &order)) {
    size = blind(data, size, max_size);
  } else if (choice == 1) {
    // Blind, but where it counts, and without moving what follows.
    const size_t begin = super + 4;
    const size_t bytes = std::min(kMetadataBytes, size - begin);
    std::vector<uint8_t> part(data + begin, data + begin + bytes);
    blind(part.data(), part.size(), part.size());
    std::copy(part.begin(), part.end(), data + begin);
  } else {
    const uint32_t changes = 1 + static_cast<uint32_t>(random() % 3);
    for (uint32_t i = 0; i < changes; ++i) {
      if (!FindSuper(data, size, &super, &order)) break;
      Mutator(data, size, super, order, static_cast<unsigned int>(random()))
          .ChangeOne();
    }
  }
  if (random() % 16 != 0) FixCrc(data, size);
  return size;
}

}  // namespace faultline::fuzz

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t max_size, unsigned int seed) {
  return faultline::fuzz::MutateImage(data, size, max_size, seed,
                                      LLVMFuzzerMutate);
}
