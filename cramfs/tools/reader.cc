// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/reader.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cramfs/tools/file_reader.h"
#include "cramfs/tools/reader_internal.h"
#include "cramfs/tools/tree_walker.h"

namespace faultline::cramfs {

using internal::BlockCount;
using internal::Damaged;
using internal::kMaxStoredBlock;

namespace {

// What a kernel takes when the superblock has no valid size.
constexpr uint32_t kSizeWithoutFsid = 1u << 28;

bool Overlap(uint64_t begin1, uint64_t end1, uint64_t begin2, uint64_t end2) {
  return begin1 < end2 && begin2 < end1;
}

// As ImageReader::Walk, from where `walker` is.
absl::Status VisitNodes(
    TreeWalker& walker, const std::function<absl::Status(const Node&)>& visit,
    const std::function<bool(const absl::Status&)>& on_error) {
  for (;;) {
    switch (walker.Next()) {
      case TreeWalker::Step::kNode: {
        absl::Status status = visit(walker.node());
        if (!status.ok()) return status;
        break;
      }
      case TreeWalker::Step::kError:
        if (!on_error || !on_error(walker.error())) return walker.error();
        break;
      case TreeWalker::Step::kLeave:
        break;
      case TreeWalker::Step::kEnd:
        return absl::OkStatus();
    }
  }
}

}  // namespace

absl::string_view Node::name() const {
  return absl::string_view(path).substr(path.rfind('/') + 1);
}
bool Node::is_directory() const { return S_ISDIR(inode.mode); }
bool Node::is_regular() const { return S_ISREG(inode.mode); }
bool Node::is_symlink() const { return S_ISLNK(inode.mode); }
bool Node::is_device() const {
  return S_ISCHR(inode.mode) || S_ISBLK(inode.mode);
}

absl::StatusOr<ImageReader> ImageReader::Open(absl::Span<const uint8_t> image) {
  Superblock super;
  bool found = false;
  for (uint32_t offset : {0u, CRAMFS_PAD_SIZE}) {
    for (ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
      if (found || image.size() < offset + sizeof(uint32_t)) continue;
      if (Codec(order).Get32(&image[offset]) != CRAMFS_MAGIC) continue;
      super.offset = offset;
      super.byte_order = order;
      found = true;
    }
  }
  if (!found) {
    return absl::InvalidArgumentError(
        "no cramfs superblock at image offset 0 or 512");
  }
  const uint32_t end = super.offset + kSuperblockSize;
  if (image.size() < end) {
    return absl::DataLossError(
        absl::StrCat("superblock cut, at image offset ", image.size()));
  }
  const Codec codec(super.byte_order);
  const uint8_t* at = &image[super.offset];
  const uint8_t* fsid = at + offsetof(cramfs_super, fsid);
  super.size = codec.Get32(at + offsetof(cramfs_super, size));
  super.flags = codec.Get32(at + offsetof(cramfs_super, flags));
  super.crc = codec.Get32(fsid + offsetof(cramfs_info, crc));
  super.edition = codec.Get32(fsid + offsetof(cramfs_info, edition));
  super.blocks = codec.Get32(fsid + offsetof(cramfs_info, blocks));
  super.files = codec.Get32(fsid + offsetof(cramfs_info, files));
  super.signature_ok =
      std::memcmp(at + offsetof(cramfs_super, signature), CRAMFS_SIGNATURE,
                  sizeof(cramfs_super::signature)) == 0;
  const char* name =
      reinterpret_cast<const char*>(at + offsetof(cramfs_super, name));
  const absl::string_view field(name, sizeof(cramfs_super::name));
  super.name = std::string(field.substr(0, field.find('\0')));
  super.name_clean = field.find_last_not_of('\0') + 1 == super.name.size();
  super.future = codec.Get32(at + offsetof(cramfs_super, future));
  super.root = codec.GetInode(at + offsetof(cramfs_super, root));

  const uint32_t unknown = super.flags & ~CRAMFS_SUPPORTED_FLAGS;
  if (unknown != 0) {
    return absl::UnimplementedError(absl::StrCat(
        "superblock flags 0x", absl::Hex(unknown), " unknown, at image offset ",
        super.offset + offsetof(cramfs_super, flags)));
  }
  uint64_t size = std::min<uint64_t>(image.size(), kSizeWithoutFsid);
  if (super.has_fsid()) {
    size = super.size;
    if (size < end) {
      return absl::DataLossError(absl::StrCat(
          "superblock gives a size of ", size, ", at image offset ",
          super.offset + offsetof(cramfs_super, size)));
    }
    if (size > image.size()) {
      return absl::DataLossError(
          absl::StrCat("image cut: superblock gives a size of ", size,
                       ", at image offset ", image.size()));
    }
  }
  const uint32_t root_at = super.offset + offsetof(cramfs_super, root);
  if (!S_ISDIR(super.root.mode)) {
    return absl::DataLossError(
        absl::StrCat("/: not a directory, at image offset ", root_at));
  }
  const uint32_t root_offset = super.root.offset;
  const bool shifted = (super.flags & CRAMFS_FLAG_SHIFTED_ROOT_OFFSET) != 0;
  if (root_offset != 0 && !shifted && root_offset != kSuperblockSize &&
      root_offset != CRAMFS_PAD_SIZE + kSuperblockSize) {
    return absl::DataLossError(
        absl::StrCat("/: directory expected after the superblock, not at ",
                     root_offset, ", at image offset ", root_at));
  }
  ImageReader reader(image.first(size), image.size() - size, std::move(super));
  absl::Status status = reader.CheckInode(reader.root());
  if (!status.ok()) return status;
  return reader;
}

Node ImageReader::root() const {
  Node node;
  node.path.assign(1, '/');
  node.inode = superblock_.root;
  node.inode_position =
      superblock_.offset + static_cast<uint32_t>(offsetof(cramfs_super, root));
  return node;
}

absl::Status ImageReader::CheckCrc() const {
  if (!superblock_.has_fsid()) return absl::OkStatus();
  const absl::Span<const uint8_t> covered = image_.subspan(superblock_.offset);
  constexpr size_t kField =
      offsetof(cramfs_super, fsid) + offsetof(cramfs_info, crc);
  const uint8_t zeros[4] = {};
  uLong crc = crc32_z(0, covered.data(), kField);
  crc = crc32_z(crc, zeros, sizeof(zeros));
  crc = crc32_z(crc, covered.data() + kField + 4, covered.size() - kField - 4);
  if (crc == superblock_.crc) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "CRC is ", absl::Hex(crc, absl::kZeroPad8), ", superblock says ",
      absl::Hex(superblock_.crc, absl::kZeroPad8), ", at image offset ",
      superblock_.offset + kField));
}

absl::Status ImageReader::CheckInode(const Node& node) const {
  const Inode& inode = node.inode;
  const uint32_t at = node.inode_position;
  switch (inode.mode & S_IFMT) {
    case S_IFDIR:
      if (inode.size == 0) return absl::OkStatus();
      if (inode.offset < data_begin()) {
        return Damaged(node, "directory inside the superblock", at);
      }
      if (uint64_t{inode.offset} + inode.size > image_.size()) {
        return Damaged(node, "directory beyond the end", at);
      }
      return absl::OkStatus();
    case S_IFREG:
    case S_IFLNK:
      if (inode.size == 0) {
        if (node.is_symlink()) {
          return Damaged(node, "symbolic link to nothing", at);
        }
        if (inode.offset != 0) {
          return Damaged(node, "empty file with data", at);
        }
        return absl::OkStatus();
      }
      if (node.is_symlink() && inode.size >= kBlockSize) {
        return Damaged(node, "symbolic link of a page or more", at);
      }
      if (inode.offset < data_begin()) {
        return Damaged(node, "data inside the superblock", at);
      }
      if (inode.offset + uint64_t{4} * BlockCount(node) > image_.size()) {
        return Damaged(node, "block pointers beyond the end", at);
      }
      return absl::OkStatus();
    case S_IFCHR:
    case S_IFBLK:
      if (inode.offset != 0) return Damaged(node, "device with data", at);
      return absl::OkStatus();
    case S_IFIFO:
    case S_IFSOCK:
      if (inode.offset != 0 || inode.size != 0) {
        return Damaged(node, "fifo or socket with data", at);
      }
      return absl::OkStatus();
    default:
      return Damaged(
          node, absl::StrCat("mode 0x", absl::Hex(inode.mode), " has no type"),
          at);
  }
}

absl::Status ImageReader::ForEachEntry(
    const Node& directory,
    const std::function<absl::Status(const Node&)>& visit,
    const std::function<bool(const absl::Status&)>& on_error) const {
  if (!directory.is_directory()) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory.path, ": not a directory"));
  }
  TreeWalker walker(*this, directory);
  return VisitNodes(
      walker,
      [&](const Node& node) {
        if (walker.depth() == 0) return absl::OkStatus();
        if (node.is_directory()) walker.SkipEntries();
        return visit(node);
      },
      on_error);
}

absl::StatusOr<std::vector<Node>> ImageReader::List(
    const Node& directory) const {
  std::vector<Node> entries;
  absl::Status status = ForEachEntry(directory, [&entries](const Node& node) {
    entries.push_back(node);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return entries;
}

absl::StatusOr<Node> ImageReader::Lookup(absl::string_view path) const {
  Node node = root();
  for (absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (!node.is_directory()) {
      return absl::FailedPreconditionError(
          absl::StrCat(node.path, ": not a directory"));
    }
    Node found;
    bool match = false;
    absl::Status status = ForEachEntry(node, [&](const Node& entry) {
      if (match || entry.name() != part) return absl::OkStatus();
      found = entry;
      match = true;
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    if (!match) {
      return absl::NotFoundError(absl::StrCat(path, ": no such file"));
    }
    node = std::move(found);
  }
  return node;
}

absl::StatusOr<BlockInfo> ImageReader::DirectBlock(const Node& node,
                                                   uint32_t pointer,
                                                   uint32_t size) const {
  BlockInfo block;
  block.direct = true;
  block.pointer = pointer;
  block.size = size;
  const uint64_t at = uint64_t{pointer & ~CRAMFS_BLK_FLAGS}
                      << CRAMFS_BLK_DIRECT_PTR_SHIFT;
  if (at < data_begin()) {
    return Damaged(node, "direct block inside the superblock", at);
  }
  if ((pointer & CRAMFS_BLK_FLAG_UNCOMPRESSED) != 0) {
    if (at + size > image_.size()) {
      return Damaged(node, "direct block beyond the end", at);
    }
    block.kind = BlockInfo::Kind::kRaw;
    block.offset = static_cast<uint32_t>(at);
    block.length = size;
    return block;
  }
  if (at + 2 > image_.size()) {
    return Damaged(node, "direct block beyond the end", at);
  }
  block.offset = static_cast<uint32_t>(at + 2);
  block.length = codec_.Get16(&image_[at]);
  block.kind =
      block.length == 0 ? BlockInfo::Kind::kHole : BlockInfo::Kind::kCompressed;
  if (block.length > kMaxStoredBlock) {
    return Damaged(node, absl::StrCat("stream of ", block.length, " bytes"),
                   at);
  }
  if (uint64_t{block.offset} + block.length > image_.size()) {
    return Damaged(node, "direct block beyond the end", at);
  }
  return block;
}

absl::StatusOr<std::vector<BlockInfo>> ImageReader::BlockMap(
    const Node& node) const {
  std::vector<BlockInfo> map;
  absl::Status status = BlockMap(node, &map);
  if (!status.ok()) return status;
  return map;
}

absl::Status ImageReader::BlockMap(const Node& node,
                                   std::vector<BlockInfo>* map) const {
  map->clear();
  absl::Status status = DecodeBlocks(node, map);
  if (!status.ok()) map->clear();
  return status;
}

absl::Status ImageReader::DecodeBlocks(const Node& node,
                                       std::vector<BlockInfo>* map) const {
  if (!node.is_regular() && !node.is_symlink()) {
    return absl::FailedPreconditionError(
        absl::StrCat(node.path, ": neither a file nor a symbolic link"));
  }
  absl::Status status = CheckInode(node);
  if (!status.ok()) return status;
  const uint32_t count = BlockCount(node);
  const uint64_t table = node.inode.offset;
  const uint64_t table_end = table + uint64_t{4} * count;
  const bool extended =
      (superblock_.flags & CRAMFS_FLAG_EXT_BLOCK_POINTERS) != 0;
  map->reserve(count);
  uint64_t start = table_end;  // of a classic block
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t at = table + uint64_t{4} * i;
    const uint32_t pointer = codec_.Get32(&image_[at]);
    const uint32_t size =
        std::min(kBlockSize, node.inode.size - i * kBlockSize);
    if ((pointer & CRAMFS_BLK_FLAGS) != 0 && !extended) {
      return Damaged(node, "extended pointer in an image without them", at);
    }
    BlockInfo block;
    if ((pointer & CRAMFS_BLK_FLAG_DIRECT_PTR) != 0) {
      absl::StatusOr<BlockInfo> direct = DirectBlock(node, pointer, size);
      if (!direct.ok()) return direct.status();
      block = *direct;
      start = block.kind == BlockInfo::Kind::kRaw
                  ? uint64_t{block.offset} + kBlockSize
                  : uint64_t{block.offset} + block.length;
    } else {
      const uint64_t end = pointer & ~CRAMFS_BLK_FLAGS;
      const bool raw = (pointer & CRAMFS_BLK_FLAG_UNCOMPRESSED) != 0;
      if (end > image_.size()) {
        return Damaged(node, "block beyond the end", at);
      }
      if (end < start) {
        return Damaged(node, "block ends before it starts", at);
      }
      if (end - start > (raw ? kBlockSize : kMaxStoredBlock)) {
        return Damaged(
            node, absl::StrCat("block of ", end - start, " stored bytes"), at);
      }
      block.pointer = pointer;
      block.size = size;
      block.offset = static_cast<uint32_t>(start);
      block.length = static_cast<uint32_t>(end - start);
      block.kind = block.length == 0 ? BlockInfo::Kind::kHole
                   : raw             ? BlockInfo::Kind::kRaw
                                     : BlockInfo::Kind::kCompressed;
      if (block.kind == BlockInfo::Kind::kRaw && block.length != size) {
        return Damaged(node,
                       absl::StrCat("raw block of ", block.length,
                                    " bytes where the file has ", size),
                       at);
      }
      start = end;
    }
    if (Overlap(block.offset, uint64_t{block.offset} + block.length, table,
                table_end)) {
      return Damaged(node, "block inside the file's own pointers", at);
    }
    map->push_back(block);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint8_t>> ImageReader::ReadBlock(
    const Node& node, const BlockInfo& block) const {
  std::vector<uint8_t> data(std::min(block.size, kBlockSize));
  absl::Status status =
      FileReader(*this).ReadBlock(node, block, absl::MakeSpan(data));
  if (!status.ok()) return status;
  return data;
}

absl::StatusOr<std::vector<uint8_t>> ImageReader::ReadFile(
    const Node& node) const {
  FileReader file(*this);
  absl::Status status = file.Open(node);
  if (!status.ok()) return status;
  std::vector<uint8_t> data(file.size());
  status = file.Read(absl::MakeSpan(data));
  if (!status.ok()) return status;
  return data;
}

absl::StatusOr<std::string> ImageReader::ReadLink(const Node& node) const {
  if (!node.is_symlink()) {
    return absl::FailedPreconditionError(
        absl::StrCat(node.path, ": not a symbolic link"));
  }
  FileReader file(*this);
  absl::Status status = file.Open(node);
  if (!status.ok()) return status;
  return file.ReadLink();
}

absl::Status ImageReader::Walk(
    const std::function<absl::Status(const Node&)>& visit,
    const std::function<bool(const absl::Status&)>& on_error) const {
  TreeWalker walker(*this, root());
  return VisitNodes(walker, visit, on_error);
}

}  // namespace faultline::cramfs
