// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/writer.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "cramfs/tools/elf.h"

namespace faultline::cramfs {
namespace {

using Bytes = absl::Span<const uint8_t>;

constexpr uint32_t kMaxLinkLength = kBlockSize - 1;  // PATH_MAX with its NUL
constexpr uint32_t kMaxDeviceNumber = 0xff;
constexpr size_t kMaxMessages = 100;
// Filler after a TailMode::kForeign tail; any byte but 0 would do.
constexpr uint8_t kForeignByte = 0xa5;

uint32_t BlockCount(uint64_t size) {
  return static_cast<uint32_t>((size + kBlockSize - 1) / kBlockSize);
}

uint64_t RoundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

bool AllZero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](uint8_t byte) { return byte == 0; });
}

Bytes AsBytes(const std::string& text) {
  return Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

// An entry that made it into the image.
struct Node {
  const Entry* entry = nullptr;
  std::string path;
  Inode inode;
  Bytes data;                   // regular file, symbolic link
  uint64_t inode_position = 0;  // where the inode stands in the image
  std::vector<std::unique_ptr<Node>> children;  // sorted by name
};

bool SameLayout(const std::optional<FileLayout>& a,
                const std::optional<FileLayout>& b) {
  if (a.has_value() != b.has_value()) return false;
  if (!a.has_value()) return true;
  return a->alignment == b->alignment && a->tail == b->tail &&
         std::equal(a->runs.begin(), a->runs.end(), b->runs.begin(),
                    b->runs.end(), [](const BlockRun& x, const BlockRun& y) {
                      return x.first == y.first && x.last == y.last &&
                             x.kind == y.kind;
                    });
}

bool MayShareData(const Node& a, const Node& b) {
  return a.inode.mode == b.inode.mode && a.inode.uid == b.inode.uid &&
         a.inode.gid == b.inode.gid && a.data == b.data &&
         SameLayout(a.entry->layout, b.entry->layout);
}

// One run of Build().
class Writer {
 public:
  explicit Writer(const BuildOptions& options)
      : options_(options), codec_(options.byte_order) {}

  absl::StatusOr<Image> Write(const Entry& root);

 private:
  absl::Status CheckOptions() const;

  // Over a limit: an error, or a warning when lenient.
  absl::Status Limit(uint32_t BuildWarnings::*counter, const std::string& path,
                     absl::string_view text);

  // Fills `node` from `entry`, children included.
  absl::Status Collect(const Entry& entry, const std::string& path, int depth,
                       Node* node);
  absl::Status CollectChildren(const Entry& entry, int depth, Node* node);
  // Clears `keep` when lenience leaves the entry out.
  absl::Status CheckName(const std::string& name, const std::string& path,
                         bool* keep);

  absl::Status PlaceDirectories(Node* root);
  absl::Status WriteData(Node* node);
  absl::Status WriteFile(Node* node);
  void WriteInodes(const Node& node);
  void WriteSuperblock(const Node& root);

  // One kind for each block; `automatic` ones may become raw if compression
  // does not pay.
  struct Plan {
    std::vector<BlockKind> kinds;
    bool automatic = true;
    uint32_t alignment = kBlockSize;
    TailMode tail = TailMode::kPacked;
  };
  absl::StatusOr<Plan> PlanBlocks(const Node& node) const;
  absl::Status PlanExplicit(const Node& node, Plan* plan) const;
  // Appends one block and returns its pointer.
  absl::StatusOr<uint32_t> WriteBlock(Bytes block, BlockKind kind,
                                      const Plan& plan);

  void Append(Bytes bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  void AlignTo(uint64_t unit) { out_.resize(RoundUp(out_.size(), unit)); }
  uint64_t start() const { return options_.pad ? CRAMFS_PAD_SIZE : 0; }

  const BuildOptions& options_;
  const Codec codec_;
  std::vector<uint8_t> out_;
  Image image_;
  // Written data by checksum and size, for merge_identical.
  std::map<std::pair<uint32_t, size_t>, std::vector<const Node*>> written_;
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
  return absl::OkStatus();
}

absl::Status Writer::Limit(uint32_t BuildWarnings::*counter,
                           const std::string& path, absl::string_view text) {
  if (!options_.lenient) {
    return absl::OutOfRangeError(absl::StrCat(path, ": ", text));
  }
  BuildWarnings& warnings = image_.warnings;
  ++(warnings.*counter);
  if (warnings.messages.size() < kMaxMessages) {
    warnings.messages.push_back(absl::StrCat(path, ": ", text));
  }
  return absl::OkStatus();
}

absl::Status Writer::CheckName(const std::string& name, const std::string& path,
                               bool* keep) {
  if (name.empty() || name == "." || name == ".." ||
      absl::StrContains(name, '/') || name.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a possible file name"));
  }
  if (name.size() > kMaxNameLength) {
    *keep = false;
    return Limit(&BuildWarnings::names_too_long, path,
                 absl::StrCat("name of ", name.size(), " bytes, at most ",
                              kMaxNameLength));
  }
  if (path.size() > kMaxPathLength) {
    return absl::OutOfRangeError(absl::StrCat(
        path, ": path of ", path.size(), " bytes, at most ", kMaxPathLength));
  }
  return absl::OkStatus();
}

absl::Status Writer::Collect(const Entry& entry, const std::string& path,
                             int depth, Node* node) {
  ++image_.files;
  node->entry = &entry;
  node->path = path;
  Inode& inode = node->inode;
  inode.mode = entry.mode;
  if (inode.mode >> CRAMFS_MODE_WIDTH != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": mode ", absl::Hex(inode.mode), " too wide"));
  }
  inode.uid = options_.squash_owner ? 0 : entry.uid;
  inode.gid = options_.squash_owner ? 0 : entry.gid;
  if (inode.uid >> CRAMFS_UID_WIDTH != 0) {
    absl::Status status = Limit(&BuildWarnings::uids_cut, path,
                                absl::StrCat("uid ", inode.uid, " too large"));
    if (!status.ok()) return status;
    inode.uid &= (1u << CRAMFS_UID_WIDTH) - 1;
    inode.mode &= ~static_cast<uint32_t>(S_ISUID);
  }
  if (inode.gid >> CRAMFS_GID_WIDTH != 0) {
    absl::Status status = Limit(&BuildWarnings::gids_cut, path,
                                absl::StrCat("gid ", inode.gid, " too large"));
    if (!status.ok()) return status;
    inode.gid &= (1u << CRAMFS_GID_WIDTH) - 1;
    inode.mode &= ~static_cast<uint32_t>(S_ISGID);
  }
  if (entry.layout.has_value() && !S_ISREG(inode.mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": only regular files have a layout"));
  }

  switch (inode.mode & S_IFMT) {
    case S_IFDIR:
      return CollectChildren(entry, depth, node);
    case S_IFREG:
      node->data = entry.data;
      if (node->data.size() > kMaxFileSize) {
        absl::Status status = Limit(
            &BuildWarnings::sizes_cut, path,
            absl::StrCat(node->data.size(), " bytes, at most ", kMaxFileSize));
        if (!status.ok()) return status;
        node->data = node->data.first(kMaxFileSize);
      }
      inode.size = static_cast<uint32_t>(node->data.size());
      break;
    case S_IFLNK:
      if (entry.target.empty() ||
          entry.target.find('\0') != std::string::npos ||
          entry.target.size() > kMaxLinkLength) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ": not a possible symbolic link target"));
      }
      node->data = AsBytes(entry.target);
      inode.size = static_cast<uint32_t>(node->data.size());
      break;
    case S_IFCHR:
    case S_IFBLK:
      if (std::max(entry.device_major, entry.device_minor) > kMaxDeviceNumber) {
        absl::Status status =
            Limit(&BuildWarnings::devices_cut, path,
                  absl::StrCat("device ", entry.device_major, ":",
                               entry.device_minor, " too large"));
        if (!status.ok()) return status;
      }
      inode.size = (entry.device_major & kMaxDeviceNumber) << 8 |
                   (entry.device_minor & kMaxDeviceNumber);
      break;
    case S_IFIFO:
    case S_IFSOCK:
      break;
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": no file type has mode ", absl::Hex(inode.mode)));
  }
  return absl::OkStatus();
}

absl::Status Writer::CollectChildren(const Entry& entry, int depth,
                                     Node* node) {
  if (depth > kMaxDepth) {
    return absl::OutOfRangeError(absl::StrCat(
        node->path, ": more than ", kMaxDepth, " levels of directories"));
  }
  std::vector<const Entry*> sorted;
  sorted.reserve(entry.children.size());
  for (const Entry& child : entry.children) sorted.push_back(&child);
  // std::string compares as unsigned char, which is the order SORTED_DIRS
  // promises.
  std::sort(sorted.begin(), sorted.end(),
            [](const Entry* a, const Entry* b) { return a->name < b->name; });
  uint64_t size = 0;
  const Entry* previous = nullptr;
  for (const Entry* child : sorted) {
    const std::string path =
        absl::StrCat(node->path == "/" ? "" : node->path, "/", child->name);
    bool keep = true;
    absl::Status status = CheckName(child->name, path, &keep);
    if (!status.ok()) return status;
    if (!keep) continue;
    if (previous != nullptr && previous->name == child->name) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": given twice"));
    }
    previous = child;
    auto child_node = std::make_unique<Node>();
    status = Collect(*child, path, depth + 1, child_node.get());
    if (!status.ok()) return status;
    child_node->inode.name_length =
        static_cast<uint32_t>(RoundUp(child->name.size(), 4));
    size += kInodeSize + child_node->inode.name_length;
    node->children.push_back(std::move(child_node));
  }
  if (size > kMaxFileSize) {
    return absl::OutOfRangeError(
        absl::StrCat(node->path, ": directory of ", size, " bytes"));
  }
  node->inode.size = static_cast<uint32_t>(size);
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

absl::Status Writer::PlanExplicit(const Node& node, Plan* plan) const {
  const FileLayout& layout = *node.entry->layout;
  plan->automatic = false;
  plan->alignment = static_cast<uint32_t>(layout.alignment);
  plan->tail = layout.tail;
  std::vector<bool> taken(plan->kinds.size(), false);
  for (const BlockRun& run : layout.runs) {
    if (run.first > run.last || run.last >= plan->kinds.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(node.path, ": no blocks ", run.first, "-", run.last,
                       " in a file of ", plan->kinds.size()));
    }
    for (uint32_t i = run.first; i <= run.last; ++i) {
      if (taken[i]) {
        return absl::InvalidArgumentError(
            absl::StrCat(node.path, ": two layouts for block ", i));
      }
      taken[i] = true;
      plan->kinds[i] = run.kind;
      if (run.kind == BlockKind::kHole &&
          !AllZero(node.data.subspan(uint64_t{i} * kBlockSize, kBlockSize))) {
        return absl::InvalidArgumentError(absl::StrCat(
            node.path, ": block ", i, " is not zero, it cannot be a hole"));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Writer::Plan> Writer::PlanBlocks(const Node& node) const {
  Plan plan;
  plan.kinds.assign(BlockCount(node.data.size()), BlockKind::kCompressed);
  if (node.entry->layout.has_value()) {
    absl::Status status = PlanExplicit(node, &plan);
    if (!status.ok()) return status;
    return plan;
  }
  plan.alignment = options_.xip == XipMode::kEightByte ? 8 : kBlockSize;
  plan.tail = options_.tail;
  std::vector<LoadSegment> segments;
  if (options_.xip != XipMode::kNone && S_ISREG(node.inode.mode) &&
      IsElf(node.data)) {
    // An ELF file that cannot be executed is stored like any other.
    absl::StatusOr<std::vector<LoadSegment>> read = ReadLoadSegments(node.data);
    if (read.ok()) segments = *std::move(read);
  }
  for (uint32_t i = 0; i < plan.kinds.size(); ++i) {
    const uint64_t first = uint64_t{i} * kBlockSize;
    const Bytes block = node.data.subspan(first, kBlockSize);
    const bool direct = std::any_of(
        segments.begin(), segments.end(), [&](const LoadSegment& segment) {
          return (segment.read || segment.execute) && !segment.write &&
                 segment.Overlaps(first, block.size());
        });
    if (direct) {
      plan.kinds[i] = BlockKind::kDirect;
    } else if (options_.explicit_holes && AllZero(block)) {
      plan.kinds[i] = BlockKind::kHole;
    }
  }
  return plan;
}

absl::StatusOr<uint32_t> Writer::WriteBlock(Bytes block, BlockKind kind,
                                            const Plan& plan) {
  // Blocks are written in file order, so the start that a classic pointer
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
    case BlockKind::kRaw:
      Append(block);
      return static_cast<uint32_t>(out_.size()) | CRAMFS_BLK_FLAG_UNCOMPRESSED;
    case BlockKind::kCompressed:
    case BlockKind::kDirectCompressed:
      break;
  }
  uLongf length = compressBound(block.size());
  std::vector<uint8_t> stream(length);
  const int error = compress2(stream.data(), &length, block.data(),
                              block.size(), Z_BEST_COMPRESSION);
  if (error != Z_OK) {
    return absl::InternalError(absl::StrCat("zlib: ", zError(error)));
  }
  stream.resize(length);
  if (kind == BlockKind::kDirectCompressed) {
    AlignTo(1u << CRAMFS_BLK_DIRECT_PTR_SHIFT);
    const uint32_t at = static_cast<uint32_t>(out_.size());
    out_.resize(at + 2);
    codec_.Put16(&out_[at], static_cast<uint16_t>(length));
    Append(stream);
    return at >> CRAMFS_BLK_DIRECT_PTR_SHIFT | CRAMFS_BLK_FLAG_DIRECT_PTR;
  }
  const bool may_be_raw = plan.automatic && (options_.extended_pointers ||
                                             options_.xip != XipMode::kNone);
  if (may_be_raw && length >= block.size()) {
    return WriteBlock(block, BlockKind::kRaw, plan);
  }
  Append(stream);
  return static_cast<uint32_t>(out_.size());
}

absl::Status Writer::WriteFile(Node* node) {
  std::vector<const Node*>* same = nullptr;
  if (options_.merge_identical) {
    const uint32_t sum =
        static_cast<uint32_t>(crc32_z(0, node->data.data(), node->data.size()));
    same = &written_[{sum, node->data.size()}];
    for (const Node* other : *same) {
      if (!MayShareData(*node, *other)) continue;
      node->inode.offset = other->inode.offset;
      return absl::OkStatus();
    }
  }
  if (out_.size() >= kMaxDataOffset) {
    return absl::OutOfRangeError(
        absl::StrCat(node->path, ": beyond the largest image"));
  }
  absl::StatusOr<Plan> plan = PlanBlocks(*node);
  if (!plan.ok()) return plan.status();

  const uint64_t table = out_.size();
  node->inode.offset = static_cast<uint32_t>(table);
  out_.resize(table + 4 * plan->kinds.size());
  uint32_t pointer = 0;
  for (uint32_t i = 0; i < plan->kinds.size(); ++i) {
    const Bytes block =
        node->data.subspan(uint64_t{i} * kBlockSize, kBlockSize);
    absl::StatusOr<uint32_t> written = WriteBlock(block, plan->kinds[i], *plan);
    if (!written.ok()) return written.status();
    pointer = *written;
    codec_.Put32(&out_[table + 4 * i], pointer);
    if ((pointer & CRAMFS_BLK_FLAGS) != 0) {
      image_.flags |= CRAMFS_FLAG_EXT_BLOCK_POINTERS;
    }
    ++image_.blocks;
  }
  const uint64_t partial = node->data.size() % kBlockSize;
  if (plan->kinds.back() == BlockKind::kDirect && partial != 0 &&
      plan->tail != TailMode::kPacked) {
    out_.resize(out_.size() + kBlockSize - partial,
                plan->tail == TailMode::kForeign ? kForeignByte : 0);
  }
  AlignTo(4);
  if (same != nullptr) same->push_back(node);
  return absl::OkStatus();
}

absl::Status Writer::WriteData(Node* node) {
  if (!node->data.empty()) return WriteFile(node);
  for (const std::unique_ptr<Node>& child : node->children) {
    absl::Status status = WriteData(child.get());
    if (!status.ok()) return status;
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
  if (!S_ISDIR(root_entry.mode)) {
    return absl::InvalidArgumentError("/: not a directory");
  }
  image_.flags = CRAMFS_FLAG_FSID_VERSION_2 | CRAMFS_FLAG_SORTED_DIRS;
  Node root;
  status = Collect(root_entry, "/", 0, &root);
  if (!status.ok()) return status;

  if (!options_.boot_code.empty()) Append(AsBytes(options_.boot_code));
  out_.resize(start() + kSuperblockSize);
  root.inode_position = start() + offsetof(cramfs_super, root);
  if (!options_.inserted.empty()) {
    image_.flags |= CRAMFS_FLAG_SHIFTED_ROOT_OFFSET;
    Append(AsBytes(options_.inserted));
    AlignTo(4);
  }
  status = PlaceDirectories(&root);
  if (!status.ok()) return status;
  status = WriteData(&root);
  if (!status.ok()) return status;
  AlignTo(kBlockSize);
  WriteSuperblock(root);
  image_.bytes = std::move(out_);
  return std::move(image_);
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

absl::StatusOr<Image> ImageBuilder::Build(const Entry& root) const {
  return Writer(options_).Write(root);
}

}  // namespace faultline::cramfs
