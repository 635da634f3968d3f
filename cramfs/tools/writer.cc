// SPDX-License-Identifier: GPL-2.0-only
//
// The last stage of a build: everything in its place.

#include "cramfs/tools/writer.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/parallel.h"
#include "cramfs/tools/writer_internal.h"

namespace faultline::cramfs {
namespace {

using internal::AsBytes;
using internal::BadSources;
using internal::BlockEncoder;
using internal::Bytes;
using internal::EncodedBlocks;
using internal::Failure;
using internal::Node;
using internal::RoundUp;

// Filler after a TailMode::kForeign tail; any byte but 0 would do.
constexpr uint8_t kForeignByte = 0xa5;
// What one thread compresses before it looks for the next: many small files,
// or a part of a large one.
constexpr uint32_t kBlocksInBatch = 64;
// Batches compressed, for each thread, before the first of them is placed.
constexpr size_t kBatchesAhead = 4;
// How often a build begins again because files were found changed.
constexpr int kMostAttempts = 10;

// One run of Build().
class Writer {
 public:
  // `bad` is left out of the tree.
  Writer(const BuildOptions& options, const BadSources& bad,
         BuildWarnings* warnings)
      : options_(options),
        codec_(options.byte_order),
        bad_(bad),
        warnings_(warnings) {}

  // With sources that cannot be read, these are in failures() and the result
  // means nothing.
  absl::StatusOr<Image> Write(const Entry& root);

  // Each node that an unreadable source touches, and why.
  std::vector<Failure> failures() const;

 private:
  // Blocks of one file that one thread encodes in one go.
  struct Piece {
    Node* node;
    uint32_t first, count;
  };
  using Batch = std::vector<Piece>;
  struct Encoded {
    absl::Status status;
    const Node* failed = nullptr;
    bool unreadable = false;
    EncodedBlocks data;
  };

  absl::Status CheckOptions() const;
  absl::Status PlaceDirectories(Node* root);
  void Reserve();
  std::vector<Batch> MakeBatches() const;
  static void EncodeBatch(const Batch& batch, BlockEncoder* encoder,
                          Encoded* encoded);
  absl::Status WriteFiles();
  absl::Status PlaceBatch(const Batch& batch, const EncodedBlocks& data);
  absl::Status BeginFile(Node* node);
  void EndFile(const Node& node);
  // Appends one block and returns its pointer.
  uint32_t PlaceBlock(Bytes block, BlockKind kind, const internal::Plan& plan);
  void WriteInodes(const Node& node);
  void WriteSuperblock(const Node& root);

  void Append(Bytes bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  void AlignTo(uint64_t unit) { out_.resize(RoundUp(out_.size(), unit)); }
  uint64_t start() const { return options_.pad ? CRAMFS_PAD_SIZE : 0; }

  const BuildOptions& options_;
  const Codec codec_;
  const BadSources& bad_;
  BuildWarnings* const warnings_;
  Node root_;
  std::vector<Node*> files_;  // with data, in the order it is written
  std::vector<Failure> failures_;
  std::vector<uint8_t> out_;
  Image image_;
};

absl::Status Writer::CheckOptions() const {
  if (options_.name.size() > sizeof(cramfs_super::name)) {
    return absl::OutOfRangeError(absl::StrCat(
        "volume name of ", options_.name.size(), " bytes, at most 16"));
  }
  if (options_.boot_code.size() > start()) {
    return absl::OutOfRangeError(absl::StrCat("boot code of ",
                                              options_.boot_code.size(),
                                              " bytes, at most ", start()));
  }
  if (options_.inserted.size() >= kMaxDataOffset) {
    return absl::OutOfRangeError("inserted file leaves no room for data");
  }
  if (options_.level < 1 || options_.level > 9) {
    return absl::InvalidArgumentError(
        absl::StrCat("compression level ", options_.level, ", not 1 to 9"));
  }
  return absl::OkStatus();
}

absl::Status Writer::PlaceDirectories(Node* root) {
  // A directory's entries together, then its subdirectories in order: the
  // order of mkcramfs.
  std::vector<Node*> stack = {root};
  while (!stack.empty()) {
    Node* directory = stack.back();
    stack.pop_back();
    // The root has its offset even when empty: mount checks it.
    if (directory->inode.size == 0 && directory != root) continue;
    if (out_.size() >= kMaxDataOffset) {
      return absl::OutOfRangeError(
          absl::StrCat(directory->path, ": beyond the largest image"));
    }
    directory->inode.offset = static_cast<uint32_t>(out_.size());
    for (const std::unique_ptr<Node>& child : directory->children) {
      child->inode_position = out_.size();
      out_.resize(out_.size() + kInodeSize);
      Append(AsBytes(child->entry->name));
      AlignTo(4);
    }
    for (auto child = directory->children.rbegin();
         child != directory->children.rend(); ++child) {
      if (S_ISDIR((*child)->inode.mode)) stack.push_back(child->get());
    }
  }
  return absl::OkStatus();
}

// Address space for the largest image that may come of it, so that growing
// never copies; what is not written takes no memory.
void Writer::Reserve() {
  uint64_t most = out_.size() + kBlockSize;
  for (const Node* node : files_) {
    if (node->same != nullptr) continue;
    const uint64_t blocks = node->plan.kinds.size();
    most += 8 + blocks * (4 + compressBound(kBlockSize) - kBlockSize) +
            node->inode.size;
    for (BlockKind kind : node->plan.kinds) {
      if (kind == BlockKind::kDirect) most += node->plan.alignment;
    }
    most += node->plan.tail == TailMode::kPacked ? 0 : kBlockSize;
  }
  // The last file that still may begin adds its bytes and a table.
  out_.reserve(std::min<uint64_t>(most, uint64_t{kMaxDataOffset} * 5 / 4));
}

std::vector<Writer::Batch> Writer::MakeBatches() const {
  std::vector<Batch> batches;
  uint32_t room = 0;
  for (Node* node : files_) {
    if (node->same != nullptr) continue;
    const uint32_t count = static_cast<uint32_t>(node->plan.kinds.size());
    for (uint32_t first = 0; first < count;) {
      if (room == 0) {
        batches.emplace_back();
        room = kBlocksInBatch;
      }
      const uint32_t piece = std::min(room, count - first);
      batches.back().push_back({node, first, piece});
      first += piece;
      room -= piece;
    }
  }
  return batches;
}

void Writer::EncodeBatch(const Batch& batch, BlockEncoder* encoder,
                         Encoded* encoded) {
  encoded->data.blocks.clear();
  encoded->data.bytes.clear();
  for (const Piece& piece : batch) {
    encoded->status = encoder->Encode(*piece.node, piece.first, piece.count,
                                      &encoded->data, &encoded->unreadable);
    if (!encoded->status.ok()) {
      encoded->failed = piece.node;
      return;
    }
  }
}

uint32_t Writer::PlaceBlock(Bytes block, BlockKind kind,
                            const internal::Plan& plan) {
  // Blocks are placed in file order, so the start that a classic pointer
  // implies is always where the previous block ended: a direct raw block
  // before another one is never short.
  switch (kind) {
    case BlockKind::kHole:
      image_.flags |= CRAMFS_FLAG_HOLES;
      return static_cast<uint32_t>(out_.size());
    case BlockKind::kDirect: {
      AlignTo(plan.alignment);
      if (!plan.automatic && plan.alignment < kBlockSize &&
          out_.size() % kBlockSize == 0) {
        out_.resize(out_.size() + plan.alignment);
      }
      const uint32_t at = static_cast<uint32_t>(out_.size());
      Append(block);
      return at >> CRAMFS_BLK_DIRECT_PTR_SHIFT | CRAMFS_BLK_FLAGS;
    }
    case BlockKind::kDirectCompressed: {
      AlignTo(1u << CRAMFS_BLK_DIRECT_PTR_SHIFT);
      const uint32_t at = static_cast<uint32_t>(out_.size());
      out_.resize(at + 2);
      codec_.Put16(&out_[at], static_cast<uint16_t>(block.size()));
      Append(block);
      return at >> CRAMFS_BLK_DIRECT_PTR_SHIFT | CRAMFS_BLK_FLAG_DIRECT_PTR;
    }
    case BlockKind::kRaw:
      Append(block);
      return static_cast<uint32_t>(out_.size()) | CRAMFS_BLK_FLAG_UNCOMPRESSED;
    case BlockKind::kCompressed:
      break;
  }
  Append(block);
  return static_cast<uint32_t>(out_.size());
}

absl::Status Writer::BeginFile(Node* node) {
  if (out_.size() >= kMaxDataOffset) {
    return absl::OutOfRangeError(
        absl::StrCat(node->path, ": beyond the largest image"));
  }
  node->inode.offset = static_cast<uint32_t>(out_.size());
  out_.resize(out_.size() + 4 * node->plan.kinds.size());
  return absl::OkStatus();
}

void Writer::EndFile(const Node& node) {
  const uint64_t partial = node.inode.size % kBlockSize;
  if (node.plan.kinds.back() == BlockKind::kDirect && partial != 0 &&
      node.plan.tail != TailMode::kPacked) {
    out_.resize(out_.size() + kBlockSize - partial,
                node.plan.tail == TailMode::kForeign ? kForeignByte : 0);
  }
  AlignTo(4);
}

absl::Status Writer::PlaceBatch(const Batch& batch, const EncodedBlocks& data) {
  Bytes bytes = data.bytes;
  auto block = data.blocks.begin();
  for (const Piece& piece : batch) {
    Node* node = piece.node;
    if (piece.first == 0) {
      absl::Status status = BeginFile(node);
      if (!status.ok()) return status;
    }
    const uint32_t end = piece.first + piece.count;
    for (uint32_t i = piece.first; i < end; ++i, ++block) {
      const uint32_t pointer =
          PlaceBlock(bytes.first(block->length), block->kind, node->plan);
      bytes.remove_prefix(block->length);
      codec_.Put32(&out_[node->inode.offset + 4 * i], pointer);
      if ((pointer & CRAMFS_BLK_FLAGS) != 0) {
        image_.flags |= CRAMFS_FLAG_EXT_BLOCK_POINTERS;
      }
      ++image_.blocks;
    }
    if (end == node->plan.kinds.size()) EndFile(*node);
  }
  return absl::OkStatus();
}

absl::Status Writer::WriteFiles() {
  const std::vector<Batch> batches = MakeBatches();
  uint64_t done = 0, total = 0;
  for (const Node* node : files_) {
    if (node->same == nullptr) total += node->inode.size;
  }
  BlockEncoder::Rules rules;
  rules.holes = options_.explicit_holes;
  rules.raw = options_.extended_pointers || options_.xip != XipMode::kNone ||
              !options_.xip_files.empty();
  rules.level = options_.level;
  const int jobs = ThreadsFor(options_.jobs);
  std::vector<std::unique_ptr<BlockEncoder>> encoders;
  for (int i = 0; i < jobs; ++i) {
    encoders.push_back(std::make_unique<BlockEncoder>(rules));
  }
  const size_t window = kBatchesAhead * static_cast<size_t>(jobs);
  std::vector<Encoded> results(window);
  absl::Status status;
  ParallelInOrder(
      jobs, batches.size(), window,
      [&](int worker, size_t i) {
        EncodeBatch(batches[i], encoders[worker].get(), &results[i % window]);
      },
      [&](size_t i) {
        const Encoded& result = results[i % window];
        status = result.status;
        if (!status.ok()) {
          if (result.unreadable) failures_.push_back({result.failed, status});
          return false;
        }
        status = PlaceBatch(batches[i], result.data);
        if (!status.ok()) return false;
        for (const Piece& piece : batches[i]) {
          done += std::min(
              uint64_t{piece.count} * kBlockSize,
              piece.node->inode.size - uint64_t{piece.first} * kBlockSize);
        }
        if (options_.progress != nullptr && !options_.progress(done, total)) {
          status = absl::CancelledError("interrupted");
        }
        return status.ok();
      });
  if (!status.ok()) return status;
  for (Node* node : files_) {
    // A file shared by its source may share with another by its bytes.
    const Node* owner = node;
    while (owner->same != nullptr) owner = owner->same;
    node->inode.offset = owner->inode.offset;
  }
  return absl::OkStatus();
}

void Writer::WriteInodes(const Node& node) {
  codec_.PutInode(&out_[node.inode_position], node.inode);
  for (const std::unique_ptr<Node>& child : node.children) WriteInodes(*child);
}

void Writer::WriteSuperblock(const Node& root) {
  uint8_t* at = &out_[start()];
  codec_.Put32(at + offsetof(cramfs_super, magic), CRAMFS_MAGIC);
  codec_.Put32(at + offsetof(cramfs_super, size),
               static_cast<uint32_t>(out_.size()));
  codec_.Put32(at + offsetof(cramfs_super, flags), image_.flags);
  std::memcpy(at + offsetof(cramfs_super, signature), CRAMFS_SIGNATURE,
              sizeof(cramfs_super::signature));
  uint8_t* fsid = at + offsetof(cramfs_super, fsid);
  codec_.Put32(fsid + offsetof(cramfs_info, edition), options_.edition);
  codec_.Put32(fsid + offsetof(cramfs_info, blocks), image_.blocks);
  codec_.Put32(fsid + offsetof(cramfs_info, files), image_.files);
  if (!options_.name.empty()) {
    std::memcpy(at + offsetof(cramfs_super, name), options_.name.data(),
                options_.name.size());
  }
  WriteInodes(root);
  // The checksum covers the superblock with this field still 0.
  const uint32_t crc =
      static_cast<uint32_t>(crc32_z(0, at, out_.size() - start()));
  codec_.Put32(fsid + offsetof(cramfs_info, crc), crc);
}

absl::StatusOr<Image> Writer::Write(const Entry& root_entry) {
  absl::Status status = CheckOptions();
  if (!status.ok()) return status;
  image_.flags = CRAMFS_FLAG_FSID_VERSION_2 | CRAMFS_FLAG_SORTED_DIRS;
  status = internal::CollectTree(root_entry, options_, bad_, warnings_, &root_,
                                 &image_.files);
  if (!status.ok()) return status;
  if (options_.fail_on_warnings && warnings_->total() > 0) {
    return absl::FailedPreconditionError("warnings are errors");
  }

  if (!options_.boot_code.empty()) Append(AsBytes(options_.boot_code));
  out_.resize(start() + kSuperblockSize);
  root_.inode_position = start() + offsetof(cramfs_super, root);
  if (!options_.inserted.empty()) {
    image_.flags |= CRAMFS_FLAG_SHIFTED_ROOT_OFFSET;
    Append(AsBytes(options_.inserted));
    AlignTo(4);
  }
  status = PlaceDirectories(&root_);
  if (!status.ok()) return status;

  files_ = internal::DataOrder(&root_);
  // Once a file has changed, look at all of them before compressing again.
  status = internal::PlanFiles(files_, options_, !bad_.empty(), &failures_);
  if (!status.ok()) return status;
  if (!failures_.empty()) return failures_.front().status;
  Reserve();
  status = WriteFiles();
  if (!status.ok()) return status;
  AlignTo(kBlockSize);
  WriteSuperblock(root_);
  image_.bytes = std::move(out_);
  return std::move(image_);
}

std::vector<Failure> Writer::failures() const {
  std::vector<Failure> all;
  if (failures_.empty()) return all;
  for (const Node* node : files_) {
    const auto found = std::find_if(
        failures_.begin(), failures_.end(), [node](const Failure& failure) {
          return failure.node->source() == node->source();
        });
    if (found != failures_.end()) all.push_back({node, found->status});
  }
  return all;
}

}  // namespace

Entry Entry::Directory(std::string name, uint32_t permissions) {
  Entry entry;
  entry.name = std::move(name);
  entry.mode = S_IFDIR | permissions;
  return entry;
}

Entry Entry::File(std::string name, std::vector<uint8_t> data,
                  uint32_t permissions) {
  Entry entry;
  entry.name = std::move(name);
  entry.mode = S_IFREG | permissions;
  entry.data = std::move(data);
  return entry;
}

Entry Entry::Symlink(std::string name, std::string target) {
  Entry entry;
  entry.name = std::move(name);
  entry.mode = S_IFLNK | 0777;
  entry.target = std::move(target);
  return entry;
}

Entry Entry::Device(std::string name, uint32_t mode, uint32_t device_major,
                    uint32_t device_minor) {
  Entry entry;
  entry.name = std::move(name);
  entry.mode = mode;
  entry.device_major = device_major;
  entry.device_minor = device_minor;
  return entry;
}

Entry& Entry::Add(Entry child) {
  children.push_back(std::move(child));
  return children.back();
}

ImageBuilder::ImageBuilder(BuildOptions options)
    : options_(std::move(options)) {}

absl::StatusOr<Image> ImageBuilder::Build(const Entry& root,
                                          BuildWarnings* warnings) const {
  // What was known before, and files found changed on the way.
  BuildWarnings base;
  if (warnings != nullptr) base = *warnings;
  BadSources bad;
  for (int attempt = 0;; ++attempt) {
    BuildWarnings all = base;
    Writer writer(options_, bad, &all);
    absl::StatusOr<Image> image = writer.Write(root);
    if (warnings != nullptr) *warnings = all;
    const std::vector<Failure> failures = writer.failures();
    if (failures.empty()) {
      if (image.ok()) image->warnings = all;
      return image;
    }
    const Failure& first = failures.front();
    if (!options_.lenient || attempt == kMostAttempts) {
      return absl::Status(
          first.status.code(),
          absl::StrCat(first.node->path, ": ", first.status.message()));
    }
    for (const Failure& failure : failures) {
      bad.insert(failure.node->source());
      base.Add(&BuildWarnings::skipped,
               absl::StrCat(failure.node->path, ": ", failure.status.message(),
                            "; left out"));
    }
  }
}

}  // namespace faultline::cramfs
