// SPDX-License-Identifier: GPL-2.0-only

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/flags.h"
#include "sim/cli/image_input.h"
#include "sim/cli/progress.h"

namespace faultline {
namespace {

using cramfs::BlockInfo;
using cramfs::ImageReader;
using cramfs::Node;

enum Kind { kDirect, kRaw, kDirectCompressed, kCompressed, kHole, kKinds };
constexpr const char* kKindNames[kKinds] = {
    "direct", "raw", "direct compressed", "compressed", "hole"};

Kind KindOf(const BlockInfo& block) {
  switch (block.kind) {
    case BlockInfo::Kind::kRaw:
      return block.direct ? kDirect : kRaw;
    case BlockInfo::Kind::kCompressed:
      return block.direct ? kDirectCompressed : kCompressed;
    case BlockInfo::Kind::kHole:
      break;
  }
  return kHole;
}

std::string FlagNames(uint32_t flags) {
  constexpr std::pair<uint32_t, const char*> kNames[] = {
      {CRAMFS_FLAG_FSID_VERSION_2, "FSID_VERSION_2"},
      {CRAMFS_FLAG_SORTED_DIRS, "SORTED_DIRS"},
      {CRAMFS_FLAG_HOLES, "HOLES"},
      {CRAMFS_FLAG_WRONG_SIGNATURE, "WRONG_SIGNATURE"},
      {CRAMFS_FLAG_SHIFTED_ROOT_OFFSET, "SHIFTED_ROOT_OFFSET"},
      {CRAMFS_FLAG_EXT_BLOCK_POINTERS, "EXT_BLOCK_POINTERS"}};
  std::string text = absl::StrFormat("0x%x", flags);
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) != 0) absl::StrAppend(&text, " ", name);
    flags &= ~flag;
  }
  if (flags != 0) absl::StrAppendFormat(&text, " (0x%x unknown)", flags);
  return text;
}

std::string Percent(uint64_t part, uint64_t whole) {
  return whole == 0
             ? "-"
             : absl::StrFormat("%.1f %%", 100.0 * static_cast<double>(part) /
                                              static_cast<double>(whole));
}

struct Totals {
  struct Sum {
    uint64_t blocks = 0;
    uint64_t file_bytes = 0;    // of the file in the blocks
    uint64_t stored_bytes = 0;  // in the image
  };
  Sum kinds[kKinds];
  Sum all, mappable;

  void Add(const BlockInfo& block) {
    for (Sum* sum : {&kinds[KindOf(block)], &all,
                     block.mappable() ? &mappable : nullptr}) {
      if (sum == nullptr) continue;
      ++sum->blocks;
      sum->file_bytes += block.size;
      sum->stored_bytes += block.length;
    }
  }
};

class ImageInfo {
 public:
  ImageInfo(Io& io, const ImageInput& image)
      : io_(io), image_(image), reader_(image.reader()) {}

  int Print() {
    PrintSuperblock();
    Walk();
    if (io_.Interrupted()) return kExitInterrupted;
    SumUp();
    Line("nodes",
         absl::StrFormat(
             "%s: %s, %s, %s, %s, %s", WithCommas(nodes_),
             Count(directories_, "directory", "directories"),
             Count(regular_, "file", "files"),
             Count(links_, "symbolic link", "symbolic links"),
             Count(devices_, "device", "devices"),
             Count(nodes_ - directories_ - regular_ - links_ - devices_,
                   "fifo or socket", "fifos and sockets")));
    PrintTotals();
    if (damaged_) ComplainOfDamage();
    return code_;
  }

 private:
  // What of an entry leads to its data, kept small: a hostile image has very
  // many of them, with very long paths.
  struct Data {
    uint32_t offset, size, mode, position;
  };

  void Line(absl::string_view name, absl::string_view value) {
    io_.out << absl::StreamFormat("%-12s%s\n", name, value);
  }

  void Fail(const absl::Status& status) {
    code_ |= ImageExitCode(status);
    if (complained_++ < kMaxComplaints) {
      io_.out.flush();
      ComplainOfImage(io_, image_.Named(status));
    }
  }

  void PrintSuperblock() {
    const cramfs::Superblock& super = reader_.superblock();
    Line("superblock",
         absl::StrCat("at offset ", super.offset, ", ",
                      super.byte_order == cramfs::ByteOrder::kBig
                          ? "big-endian"
                          : "little-endian",
                      super.signature_ok ? "" : ", unusual signature"));
    Line("size", absl::StrCat(WithCommas(reader_.bytes().size()), " bytes"));
    Line("flags", FlagNames(super.flags));
    if (super.has_fsid()) {
      const absl::Status crc = reader_.CheckCrc();
      Line("crc", absl::StrFormat("0x%08x, %s", super.crc,
                                  crc.ok() ? "right" : "wrong"));
      if (!crc.ok()) Fail(crc);
      Line("edition", absl::StrCat(super.edition));
      Line("blocks", WithCommas(super.blocks));
      Line("files", WithCommas(super.files));
    } else {
      Line("crc", "none, nor edition or counts: an image without FSID");
    }
    Line("name", absl::StrCat("\"", EscapedName(super.name), "\""));
    Line("root",
         absl::StrFormat("%s %d:%d, at offset %d", ModeString(super.root.mode),
                         super.root.uid, super.root.gid, super.root.offset));
  }

  void Walk() {
    // What the walk returns has been given to Fail.
    reader_
        .Walk(
            [this](const Node& node) {
              ++nodes_;
              directories_ += node.is_directory();
              regular_ += node.is_regular();
              links_ += node.is_symlink();
              devices_ += node.is_device();
              if ((node.is_regular() || node.is_symlink()) &&
                  node.inode.size > 0) {
                data_.push_back({node.inode.offset, node.inode.size,
                                 node.inode.mode, node.inode_position});
              }
              return io_.Interrupted() ? absl::CancelledError("interrupted")
                                       : absl::OkStatus();
            },
            [this](const absl::Status& error) {
              Fail(error);
              return true;
            })
        .IgnoreError();
  }

  // Data of several entries counts once; that of entries whose pointers
  // overlap is damage, which also bounds the work by the image's size.
  void SumUp() {
    std::sort(data_.begin(), data_.end(), [](const Data& a, const Data& b) {
      return a.offset != b.offset ? a.offset < b.offset
                                  : a.position < b.position;
    });
    uint64_t tables_end = 0;
    uint32_t last = 0;
    for (const Data& data : data_) {
      if (data.offset == last) continue;
      last = data.offset;
      Node node;
      node.inode.offset = data.offset;
      node.inode.size = data.size;
      node.inode.mode = data.mode;
      node.inode_position = data.position;
      const uint64_t blocks =
          (uint64_t{data.size} + cramfs::kBlockSize - 1) / cramfs::kBlockSize;
      absl::StatusOr<std::vector<BlockInfo>> map =
          absl::DataLossError("block pointers inside those of another file");
      if (data.offset >= tables_end) map = reader_.BlockMap(node);
      tables_end = std::max(tables_end, data.offset + 4 * blocks);
      if (!map.ok()) {
        if (damaged_++ == 0) {
          damage_ = map.status();
          damage_position_ = data.position;
        }
        continue;
      }
      for (const BlockInfo& block : *map) totals_.Add(block);
    }
  }

  // Names the file only now: paths were not kept.
  void ComplainOfDamage() {
    absl::Status named = damage_;
    reader_
        .Walk(
            [&](const Node& node) {
              if (node.inode_position != damage_position_)
                return absl::OkStatus();
              absl::Status again = reader_.BlockMap(node).status();
              named = again.ok() ? absl::DataLossError(absl::StrCat(
                                       node.path, ": ", damage_.message()))
                                 : again;
              return absl::CancelledError("found");
            },
            [](const absl::Status&) { return true; })
        .IgnoreError();
    Fail(named);
    if (damaged_ > 1) {
      Fail(absl::DataLossError(absl::StrCat(Count(damaged_, "file", "files"),
                                            " in all cannot be mapped out")));
    }
  }

  void PrintTotals() {
    io_.out << absl::StreamFormat("\n%-18s%12s%16s%16s\n", "kind", "blocks",
                                  "bytes of files", "bytes stored");
    const auto row = [this](absl::string_view name, const Totals::Sum& sum) {
      io_.out << absl::StreamFormat(
          "%-18s%12s%16s%16s\n", name, WithCommas(sum.blocks),
          WithCommas(sum.file_bytes), WithCommas(sum.stored_bytes));
    };
    for (int kind = 0; kind < kKinds; ++kind) {
      row(kKindNames[kind], totals_.kinds[kind]);
    }
    row("all", totals_.all);
    row("mappable", totals_.mappable);
    io_.out << "\nmappable: "
            << Percent(totals_.mappable.blocks, totals_.all.blocks)
            << " of the blocks, "
            << Percent(totals_.mappable.file_bytes, totals_.all.file_bytes)
            << " of the bytes\n";
  }

  static constexpr int kMaxComplaints = 20;

  Io& io_;
  const ImageInput& image_;
  const ImageReader& reader_;
  std::vector<Data> data_;
  Totals totals_;
  uint64_t nodes_ = 0, directories_ = 0, regular_ = 0, links_ = 0;
  uint64_t devices_ = 0;
  int code_ = kExitOk, complained_ = 0;
  uint64_t damaged_ = 0;
  absl::Status damage_;
  uint32_t damage_position_ = 0;
};

// Whether `next` continues a run that ends with `last`.
bool Continues(const BlockInfo& last, const BlockInfo& next) {
  if (KindOf(last) != KindOf(next) || last.mappable() != next.mappable()) {
    return false;
  }
  // A direct compressed block has its length, two bytes, in front.
  const uint32_t gap = KindOf(next) == kDirectCompressed ? 2 : 0;
  return KindOf(next) == kHole ||
         next.offset == last.offset + last.length + gap;
}

// The block map: a line for each run of blocks of one kind that follow each
// other in the image.
void PrintBlocks(Io& io, const std::vector<BlockInfo>& blocks) {
  io.out << absl::StreamFormat("  %-13s%-19s%-23s%12s  %s\n", "blocks", "kind",
                               "where in the image", "bytes", "mappable");
  for (size_t first = 0; first < blocks.size();) {
    size_t last = first;
    uint64_t stored = blocks[first].length;
    while (last + 1 < blocks.size() &&
           Continues(blocks[last], blocks[last + 1])) {
      stored += blocks[++last].length;
    }
    const BlockInfo& block = blocks[first];
    const bool hole = KindOf(block) == kHole;
    io.out << absl::StreamFormat(
        "  %-13s%-19s%-23s%12s  %s\n",
        last == first ? absl::StrCat(first) : absl::StrCat(first, "-", last),
        kKindNames[KindOf(block)],
        hole ? "-"
             : absl::StrFormat("0x%x-0x%x", block.offset,
                               blocks[last].offset + blocks[last].length),
        WithCommas(stored), block.mappable() ? "yes" : "-");
    first = last + 1;
  }
}

int PrintPath(Io& io, const ImageInput& image, const std::string& path) {
  absl::StatusOr<Node> node = image.Find(path, /*follow_last=*/false);
  if (!node.ok()) {
    io.out.flush();
    return ComplainOfImage(io, node.status());
  }
  io.out << absl::StreamFormat(
      "%s: %s %d:%d, inode %d at offset %d, ", EscapedName(node->path),
      ModeString(node->inode.mode), node->inode.uid, node->inode.gid,
      InodeNumber(*node), node->inode_position);
  if (node->is_device()) {
    io.out << "device " << node->device_major() << "," << node->device_minor()
           << "\n";
    return kExitOk;
  }
  io.out << WithCommas(node->inode.size) << " bytes";
  if (!node->is_regular() && !node->is_symlink()) {
    io.out << (node->inode.offset == 0
                   ? "\n"
                   : absl::StrCat(" at offset ", node->inode.offset, "\n"));
    return kExitOk;
  }
  absl::StatusOr<std::vector<BlockInfo>> map = image.reader().BlockMap(*node);
  if (!map.ok()) {
    io.out << "\n";
    io.out.flush();
    return ComplainOfImage(io, image.Named(map.status()));
  }
  Totals totals;
  for (const BlockInfo& block : *map) totals.Add(block);
  io.out << absl::StreamFormat(
      " in %s, %s mappable%s\n", Count(map->size(), "block", "blocks"),
      WithCommas(totals.mappable.blocks),
      map->empty() ? ""
                   : absl::StrFormat(", pointers at 0x%x", node->inode.offset));
  if (!map->empty()) PrintBlocks(io, *map);
  return kExitOk;
}

}  // namespace

int InfoCommand(Io& io, const Args& args) {
  FlagSet flags("info", "IMG [PATH...]",
                "Says what a cramfs image is: its superblock, and how many of "
                "its blocks are stored\nhow.  With PATH: where in the image "
                "each block of the file is.  A block is mappable\nif it is "
                "raw, direct, and on a page boundary of the image.");
  Args positional;
  const std::optional<int> ended =
      EndsAtFlags(io, args, &flags, &positional, kExitImageUsage);
  if (ended) return *ended;
  if (positional.empty()) {
    return Complain(io, "info: expected an image (info --help)",
                    kExitImageUsage);
  }
  absl::StatusOr<std::unique_ptr<ImageInput>> image =
      ImageInput::Open(positional[0]);
  if (!image.ok()) return ComplainOfImage(io, image.status());
  if (positional.size() == 1) {
    const int code = ImageInfo(io, **image).Print();
    return code == kExitInterrupted ? code : FinishImageOutput(io, code);
  }
  int code = kExitOk;
  for (size_t i = 1; i < positional.size(); ++i) {
    if (i > 1) io.out << "\n";
    code |= PrintPath(io, **image, positional[i]);
    if (io.Interrupted()) return kExitInterrupted;
  }
  return FinishImageOutput(io, code);
}

}  // namespace faultline
