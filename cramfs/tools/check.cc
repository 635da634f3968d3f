// SPDX-License-Identifier: GPL-2.0-only
//
// ImageReader::Check: everything in an image, and how it fits together.

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/reader.h"
#include "cramfs/tools/reader_internal.h"

namespace faultline::cramfs {

using internal::BlockCount;
using internal::Damaged;
using internal::MeetsAny;

namespace {

constexpr size_t kMaxWarnings = 100;

bool HasData(const Node& node) {
  return (node.is_regular() || node.is_symlink()) && node.inode.size > 0;
}

}  // namespace

CheckReport ImageReader::Check(size_t max_errors) const {
  CheckReport report;
  const auto add = [&](const absl::Status& error) {
    report.errors.push_back(error);
    return report.errors.size() < max_errors;
  };
  const auto warn = [&](const Node& node, absl::string_view text) {
    if (report.warnings.size() >= kMaxWarnings) return;
    report.warnings.push_back(absl::StrCat(node.path, ": ", text));
  };
  if (!superblock_.signature_ok) {
    report.warnings.push_back("superblock: unusual signature");
  }
  absl::Status status = CheckCrc();
  if (!status.ok() && !add(status)) return report;

  // First the tree, then the data: only then is it known where directories
  // are that data must not meet.
  std::map<uint32_t, uint32_t> directories;
  std::map<uint32_t, Node> files;  // by offset of the data
  bool full = false;
  status = Walk(
      [&](const Node& node) {
        ++report.files;
        if (node.is_directory()) {
          ++report.directories;
          if (node.inode.size > 0) {
            directories.emplace(node.inode.offset,
                                node.inode.offset + node.inode.size);
          }
        }
        if (node.is_device() && node.inode.size > 0xffff) {
          warn(node, "device number of more than 16 bits");
        }
        if (!HasData(node)) return absl::OkStatus();
        const auto [at, added] = files.emplace(node.inode.offset, node);
        if (added) return absl::OkStatus();
        const Node& first = at->second;
        if (first.inode.size != node.inode.size ||
            first.is_symlink() != node.is_symlink()) {
          full = !add(Damaged(
              node,
              absl::StrCat("data of ", first.path, " under other size or type"),
              node.inode_position));
          return full ? absl::CancelledError("") : absl::OkStatus();
        }
        if (first.inode.mode != node.inode.mode ||
            first.inode.uid != node.inode.uid ||
            first.inode.gid != node.inode.gid) {
          warn(node, absl::StrCat("one inode number with ", first.path,
                                  ", whose mode or owner differs"));
        }
        return absl::OkStatus();
      },
      [&](const absl::Status& error) {
        full = !add(error);
        return !full;
      });
  if (full) return report;
  if (superblock_.has_fsid() && report.ok() &&
      superblock_.files != report.files) {
    report.warnings.push_back(absl::StrCat("superblock: counts ",
                                           superblock_.files,
                                           " files, there are ", report.files));
  }

  const bool holes_announced = (superblock_.flags & CRAMFS_FLAG_HOLES) != 0;
  uint64_t tables_end = 0;
  for (const auto& [offset, node] : files) {
    const uint64_t table_end = offset + uint64_t{4} * BlockCount(node);
    // No data is read twice through overlapping pointer tables, which bounds
    // the work by the image's size.
    if (offset < tables_end || MeetsAny(directories, offset, table_end)) {
      if (!add(Damaged(node, "block pointers inside another structure",
                       offset))) {
        return report;
      }
      continue;
    }
    tables_end = table_end;
    absl::StatusOr<std::vector<BlockInfo>> map = BlockMap(node);
    if (!map.ok()) {
      if (!add(map.status())) return report;
      continue;
    }
    bool hole = false;
    status = absl::OkStatus();
    for (const BlockInfo& block : *map) {
      hole = hole || block.kind == BlockInfo::Kind::kHole;
      if (block.length > 0 && MeetsAny(directories, block.offset,
                                       uint64_t{block.offset} + block.length)) {
        status = Damaged(node, "block inside a directory", block.offset);
        break;
      }
      if (block.kind == BlockInfo::Kind::kCompressed) {
        uint32_t used = 0;
        status = Inflate(node, block, &used).status();
        if (!status.ok()) break;
        if (used < block.length) {
          warn(node, absl::StrCat(block.length - used,
                                  " bytes after a stream, at image offset ",
                                  block.offset + used));
        }
      }
      report.data_bytes += block.size;
    }
    if (status.ok() && node.is_symlink()) status = ReadLink(node).status();
    if (!status.ok() && !add(status)) return report;
    if (hole && !holes_announced) {
      warn(node, "holes, which the superblock does not announce");
    }
  }
  return report;
}

}  // namespace faultline::cramfs
