// SPDX-License-Identifier: GPL-2.0-only
//
// ImageReader::Check: everything in an image, and how it fits together.
//
// Four passes.  The tree first, then the pointers of each file, then overlaps,
// then the streams: only when all structures are known can it be said what
// meets what; and a stream is inflated only where it is disjoint from all
// others, each once, which bounds the work by the image's size however many
// entries or pointers lead to it.

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/file_reader.h"
#include "cramfs/tools/reader.h"
#include "cramfs/tools/reader_internal.h"
#include "cramfs/tools/tree_walker.h"

namespace faultline::cramfs {

using internal::BlockCount;
using internal::Damaged;
using internal::MeetsAny;

class Checker {
 public:
  Checker(const ImageReader& image, const CheckOptions& options)
      : image_(image), options_(options) {}

  CheckReport Run() {
    CheckSuperblock();
    if (!Full(image_.CheckCrc()) && Progress(0) && CheckTree() &&
        CheckPointers() && CheckOverlaps() && CheckStreams()) {
      CheckCounts();
      Progress(image_.bytes().size());
    }
    return std::move(report_);
  }

 private:
  // Nodes without their paths, which may be far longer than what the node
  // takes in the image.  `parent` counts in directories_.
  struct Directory {
    uint32_t parent, position;
  };
  struct File {
    uint32_t offset, size, parent, position;
    uint16_t mode, uid;
    uint8_t gid;
  };
  enum class Kind : uint8_t { kSuperblock, kDirectory, kTable, kRaw, kStream };
  // Bytes of the image and whose they are: `owner` counts in directories_ or
  // files_.
  struct Extent {
    uint32_t begin, end;
    uint32_t owner;
    uint16_t size;  // kRaw, kStream: bytes of the file
    Kind kind;
    bool direct;

    bool is_block() const { return kind >= Kind::kRaw; }
    auto Key() const { return std::tie(begin, end, kind, size, direct, owner); }
    // Streams must be direct both or neither: only direct ones have a length
    // in front.
    bool SameBlock(const Extent& other) const {
      return is_block() && begin == other.begin && end == other.end &&
             kind == other.kind && size == other.size &&
             (kind == Kind::kRaw || direct == other.direct);
    }
    // Up to where somebody may see bytes: a mapping of a direct block shows
    // its whole page.
    uint64_t Reach() const {
      return kind == Kind::kRaw && direct ? uint64_t{begin} + kBlockSize : end;
    }
  };

  // Takes an error, or none; whether there have been enough.
  bool Full(const absl::Status& status) {
    if (status.ok()) return false;
    report_.errors.push_back(status);
    return report_.errors.size() >= std::max<size_t>(options_.max_errors, 1);
  }
  void Warn(absl::string_view where, absl::string_view what) {
    if (report_.warnings.size() >= options_.max_warnings) return;
    report_.warnings.push_back(absl::StrCat(where, ": ", what));
  }
  bool Progress(uint64_t done) {
    report_.cancelled =
        options_.progress && !options_.progress(done, image_.bytes().size());
    return !report_.cancelled;
  }

  std::string PathOf(uint32_t parent, uint32_t position) const;
  Node NodeOf(const File& file) const;
  // Without its path: where nothing is said of it, in loops over all files.
  Node NamelessNodeOf(const File& file) const;

  void CheckSuperblock();
  // Each returns whether to go on.
  bool CheckTree();
  bool CheckNode(const Node& node);
  void AddFile(const Node& node, uint32_t parent);
  bool CheckPointers();
  bool CheckOverlaps();
  bool ReportOverlap(const Extent& first, const Extent& second);
  void CountGap(uint64_t begin, uint64_t end);
  bool CheckStreams();
  void CheckCounts();

  const ImageReader& image_;
  const CheckOptions& options_;
  CheckReport report_;
  std::vector<Directory> directories_;
  std::vector<File> files_;
  std::map<uint32_t, uint32_t> directory_ranges_;
  std::vector<Extent> extents_;
  uint64_t most_blocks_ = 0;  // what the superblock may count
  uint64_t gaps_ = 0, first_gap_ = 0;
};

std::string Checker::PathOf(uint32_t parent, uint32_t position) const {
  // Names from the last to the first.
  std::vector<absl::string_view> names;
  for (;;) {
    if (position == image_.root().inode_position) break;
    const uint8_t* at = &image_.bytes()[position];
    absl::string_view name(reinterpret_cast<const char*>(at + kInodeSize),
                           image_.codec_.GetInode(at).name_length);
    names.push_back(name.substr(0, name.find_last_not_of('\0') + 1));
    position = directories_[parent].position;
    parent = directories_[parent].parent;
  }
  if (names.empty()) return "/";
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    absl::StrAppend(&path, "/", *name);
  }
  return path;
}

Node Checker::NodeOf(const File& file) const {
  Node node = NamelessNodeOf(file);
  node.path = PathOf(file.parent, file.position);
  return node;
}

Node Checker::NamelessNodeOf(const File& file) const {
  Node node;
  node.inode = image_.codec_.GetInode(&image_.bytes()[file.position]);
  node.inode_position = file.position;
  return node;
}

void Checker::CheckSuperblock() {
  const Superblock& super = image_.superblock();
  const absl::string_view where = "superblock";
  if (!super.has_fsid()) Warn(where, "old format, without CRC and counts");
  if (!super.signature_ok) Warn(where, "unusual signature");
  if (super.future != 0) {
    Warn(where, absl::StrCat("future field is ", super.future));
  }
  const uint32_t unknown =
      super.flags & 0xff &
      ~(CRAMFS_FLAG_FSID_VERSION_2 | CRAMFS_FLAG_SORTED_DIRS);
  if (unknown != 0) {
    Warn(where, absl::StrCat("compatible flags 0x", absl::Hex(unknown),
                             " are unknown"));
  }
  if ((super.flags & CRAMFS_FLAG_WRONG_SIGNATURE) != 0) {
    Warn(where, "reserved flag 0x200 is set");
  }
  if (!super.name_clean) Warn(where, "bytes after the name");
  if (super.root.name_length != 0) {
    Warn(where, "the root inode has a name length");
  }
  if (image_.trailing_bytes() > 0) {
    Warn("image", absl::StrCat(image_.trailing_bytes(),
                               " bytes after its end, at image "
                               "offset ",
                               image_.bytes().size()));
  }
  const uint32_t begin = super.offset;
  extents_.push_back(
      {begin, begin + kSuperblockSize, 0, 0, Kind::kSuperblock, false});
}

bool Checker::CheckTree() {
  TreeWalker walker(image_, image_.root());
  std::vector<uint32_t> way;  // to the directory being read, in directories_
  uint32_t steps = 0;
  for (;;) {
    if (++steps % 65536 == 0 && !Progress(0)) return false;
    switch (walker.Next()) {
      case TreeWalker::Step::kNode: {
        const Node& node = walker.node();
        const uint32_t parent = way.empty() ? 0 : way.back();
        if (!CheckNode(node)) return false;
        if (node.is_directory()) {
          way.push_back(static_cast<uint32_t>(directories_.size()));
          directories_.push_back({parent, node.inode_position});
        } else {
          AddFile(node, parent);
        }
        if (options_.visit) options_.visit(node);
        break;
      }
      case TreeWalker::Step::kLeave:
        way.pop_back();
        break;
      case TreeWalker::Step::kError:
        if (Full(walker.error())) return false;
        break;
      case TreeWalker::Step::kEnd:
        directory_ranges_ = walker.visited();
        for (const auto& [begin, end] : directory_ranges_) {
          extents_.push_back({begin, end, 0, 0, Kind::kDirectory, false});
        }
        return true;
    }
  }
}

bool Checker::CheckNode(const Node& node) {
  ++report_.files;
  const Inode& inode = node.inode;
  if (node.is_directory()) {
    ++report_.directories;
    if (inode.size == 0 && inode.offset != 0 && node.path != "/") {
      Warn(node.path, "empty directory with an offset");
    }
  }
  if (node.is_device() && inode.size > 0xffff) {
    Warn(node.path, "device number of more than 16 bits");
  }
  if (node.path != "/" && inode.name_length >= node.name().size() + 4) {
    // The kernel lists it and does not find it: it compares padded lengths.
    return !Full(Damaged(node, "name padded with more NULs than needed",
                         node.inode_position));
  }
  return true;
}

void Checker::AddFile(const Node& node, uint32_t parent) {
  const Inode& inode = node.inode;
  if ((!node.is_regular() && !node.is_symlink()) || inode.size == 0) return;
  most_blocks_ += BlockCount(node);
  files_.push_back({inode.offset, inode.size, parent, node.inode_position,
                    static_cast<uint16_t>(inode.mode),
                    static_cast<uint16_t>(inode.uid),
                    static_cast<uint8_t>(inode.gid)});
}

bool Checker::CheckPointers() {
  std::stable_sort(
      files_.begin(), files_.end(),
      [](const File& a, const File& b) { return a.offset < b.offset; });
  const bool holes_announced =
      (image_.superblock().flags & CRAMFS_FLAG_HOLES) != 0;
  std::vector<BlockInfo> map;
  uint64_t tables_end = 0;
  const File* first = nullptr;  // of those with one offset
  for (size_t i = 0; i < files_.size(); ++i) {
    const File& file = files_[i];
    if (i % 65536 == 65535 && !Progress(0)) return false;
    if (first != nullptr && first->offset == file.offset) {
      if (first->size != file.size ||
          (first->mode & S_IFMT) != (file.mode & S_IFMT)) {
        const Node node = NodeOf(file);
        if (Full(Damaged(
                node,
                absl::StrCat("data of ", PathOf(first->parent, first->position),
                             " under other size or type"),
                node.inode_position))) {
          return false;
        }
      } else if (report_.warnings.size() < options_.max_warnings &&
                 std::tie(first->mode, first->uid, first->gid) !=
                     std::tie(file.mode, file.uid, file.gid)) {
        Warn(PathOf(file.parent, file.position),
             absl::StrCat("one inode number with ",
                          PathOf(first->parent, first->position),
                          ", whose mode or owner differs"));
      }
      continue;
    }
    first = &file;
    const Node node = NamelessNodeOf(file);
    const uint64_t table_end = file.offset + uint64_t{4} * BlockCount(node);
    // No pointer is decoded twice through overlapping tables.
    if (file.offset < tables_end ||
        MeetsAny(directory_ranges_, file.offset, table_end)) {
      if (Full(Damaged(NodeOf(file), "block pointers inside another structure",
                       file.offset))) {
        return false;
      }
      continue;
    }
    tables_end = table_end;
    const uint32_t owner = static_cast<uint32_t>(i);
    extents_.push_back({file.offset, static_cast<uint32_t>(table_end), owner, 0,
                        Kind::kTable, false});
    if (!image_.BlockMap(node, &map).ok()) {
      if (Full(image_.BlockMap(NodeOf(file), &map))) return false;
      continue;
    }
    report_.data_bytes += file.size;
    uint64_t holes = 0;
    for (const BlockInfo& block : map) {
      const bool direct_stream =
          block.direct && block.kind != BlockInfo::Kind::kRaw;
      // A direct stream has its length in front, a hole of that kind too.
      const uint32_t begin = block.offset - (direct_stream ? 2 : 0);
      const uint32_t end = block.offset + block.length;
      if (block.kind == BlockInfo::Kind::kHole) ++holes;
      if (begin == end) continue;
      extents_.push_back(
          {begin, end, owner, static_cast<uint16_t>(block.size),
           block.kind == BlockInfo::Kind::kRaw ? Kind::kRaw : Kind::kStream,
           block.direct});
    }
    report_.holes += holes;
    if (holes > 0 && node.is_symlink()) {
      if (Full(Damaged(NodeOf(file), "NUL inside a symbolic link",
                       file.offset))) {
        return false;
      }
    } else if (holes > 0 && !holes_announced &&
               report_.warnings.size() < options_.max_warnings) {
      Warn(PathOf(file.parent, file.position),
           "holes, which the superblock does not announce");
    }
  }
  return true;
}

// Two extents that meet, at least one of them a block: the tree and the tables
// were disjoint before they came here.
bool Checker::ReportOverlap(const Extent& first, const Extent& second) {
  const bool name_first = !second.is_block();
  const Extent& block = name_first ? first : second;
  const Extent& other = name_first ? second : first;
  const Node node = NodeOf(files_[block.owner]);
  if (other.kind == Kind::kDirectory) {
    return Full(Damaged(node, "block inside a directory", block.begin));
  }
  const File& owner = files_[other.owner];
  return Full(Damaged(
      node,
      absl::StrCat(other.is_block() ? "block shares bytes with a block of "
                                    : "block inside the pointers of ",
                   PathOf(owner.parent, owner.position)),
      block.begin));
}

bool Checker::CheckOverlaps() {
  std::sort(extents_.begin(), extents_.end(),
            [](const Extent& a, const Extent& b) { return a.Key() < b.Key(); });
  // What is left in extents_ are the streams to inflate and the raw blocks of
  // links, which have to be looked at too.  Of a shared block that is of a link
  // the owner kept is the link.
  size_t kept = 0;
  Extent furthest = extents_[0];
  Extent previous = extents_[0];
  bool alone = true;  // `previous` meets nothing before it
  uint64_t reach = extents_[0].end;
  const Superblock& super = image_.superblock();
  if ((super.flags & CRAMFS_FLAG_SHIFTED_ROOT_OFFSET) != 0) {
    // mkcramfs -i puts a file of the user's there.
    reach = std::max<uint64_t>(reach, super.root.offset);
  }
  for (size_t i = 1; i < extents_.size(); ++i) {
    const Extent extent = extents_[i];
    CountGap(reach, extent.begin);
    reach = std::max(reach, extent.Reach());
    const bool link = extent.is_block() && S_ISLNK(files_[extent.owner].mode);
    if (extent.SameBlock(previous)) {
      if (link && kept > 0 && extents_[kept - 1].SameBlock(extent)) {
        extents_[kept - 1].owner = extent.owner;
      } else if (link && extent.kind == Kind::kRaw && alone) {
        extents_[kept++] = extent;
      }
      continue;
    }
    previous = extent;
    alone = extent.begin >= furthest.end;
    if (!alone) {
      if (ReportOverlap(furthest, extent)) return false;
    } else {
      if (extent.is_block()) ++report_.blocks;
      if (extent.kind == Kind::kStream || link) extents_[kept++] = extent;
    }
    if (extent.end > furthest.end) furthest = extent;
  }
  CountGap(reach, image_.bytes().size());
  extents_.resize(kept);
  return true;
}

void Checker::CountGap(uint64_t begin, uint64_t end) {
  if (begin >= end) return;
  const auto gap = image_.bytes().subspan(begin, end - begin);
  const auto used = [](uint8_t byte) { return byte != 0; };
  const auto from = std::find_if(gap.begin(), gap.end(), used);
  if (from == gap.end()) return;
  const auto to = std::find_if(gap.rbegin(), gap.rend(), used).base();
  report_.unreachable_bytes += static_cast<uint64_t>(to - from);
  if (gaps_++ == 0) {
    first_gap_ = begin + static_cast<uint64_t>(from - gap.begin());
  }
}

bool Checker::CheckStreams() {
  constexpr uint64_t kProgressBytes = 1 << 20;

  FileReader reader(image_);
  const Node nameless;
  uint8_t page[kBlockSize];
  uint64_t next_progress = 0;
  for (const Extent& extent : extents_) {
    if (extent.begin >= next_progress) {
      if (!Progress(extent.begin)) return false;
      next_progress = extent.begin + kProgressBytes;
    }
    BlockInfo block;
    block.direct = extent.direct;
    block.kind = extent.kind == Kind::kRaw ? BlockInfo::Kind::kRaw
                                           : BlockInfo::Kind::kCompressed;
    const bool prefixed = extent.direct && extent.kind == Kind::kStream;
    block.offset = extent.begin + (prefixed ? 2 : 0);
    block.length = extent.end - block.offset;
    block.size = extent.size;
    if (block.length == 0) continue;
    uint32_t used = 0;
    const File& file = files_[extent.owner];
    absl::Status status =
        reader.ReadBlock(nameless, block, absl::MakeSpan(page), &used);
    if (!status.ok()) {
      status = reader.ReadBlock(NodeOf(file), block, absl::MakeSpan(page));
    } else if (S_ISLNK(file.mode) &&
               std::memchr(page, 0, block.size) != nullptr) {
      status = Damaged(NodeOf(file), "NUL inside a symbolic link", file.offset);
    }
    if (Full(status)) return false;
    if (status.ok() && used < block.length &&
        report_.warnings.size() < options_.max_warnings) {
      Warn(PathOf(file.parent, file.position),
           absl::StrCat(block.length - used,
                        " bytes after a stream, at image offset ",
                        block.offset + used));
    }
  }
  return true;
}

void Checker::CheckCounts() {
  if (!report_.ok()) return;
  const Superblock& super = image_.superblock();
  if (super.has_fsid() && super.files != report_.files) {
    Warn("superblock", absl::StrCat("counts ", super.files,
                                    " files, there are ", report_.files));
  }
  // Tools count holes or not, and shared data once or more often.
  if (super.has_fsid() &&
      (super.blocks < report_.blocks || super.blocks > most_blocks_)) {
    Warn("superblock", absl::StrCat("counts ", super.blocks,
                                    " blocks, there are ", report_.blocks));
  }
  if (report_.unreachable_bytes > 0) {
    Warn("image", absl::StrCat(report_.unreachable_bytes, " bytes in ", gaps_,
                               " places belong to nothing, the first at image "
                               "offset ",
                               first_gap_));
  }
}

CheckReport ImageReader::Check(const CheckOptions& options) const {
  return Checker(*this, options).Run();
}

CheckReport ImageReader::Check(size_t max_errors) const {
  CheckOptions options;
  options.max_errors = max_errors;
  return Check(options);
}

}  // namespace faultline::cramfs
