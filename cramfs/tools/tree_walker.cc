// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/tree_walker.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/reader_internal.h"

namespace faultline::cramfs {

using internal::Damaged;
using internal::MeetsAny;

namespace {

// Why `name` is no file name, or nullptr.
const char* NameProblem(absl::string_view name) {
  if (name.empty()) return "an empty name";
  if (name.find('\0') != name.npos) return "a NUL inside a name";
  if (name.find('/') != name.npos) return "a '/' in a name";
  if (name == "." || name == "..") return "a name that stands for a directory";
  return nullptr;
}

}  // namespace

TreeWalker::TreeWalker(const ImageReader& image, const Node& top)
    : image_(image), node_(top) {}

TreeWalker::Step TreeWalker::Fail(absl::Status error) {
  error_ = std::move(error);
  return Step::kError;
}

TreeWalker::Step TreeWalker::Next() {
  if (!started_) {
    started_ = true;
    absl::Status status = image_.CheckInode(node_);
    if (!status.ok()) return Fail(std::move(status));
    enter_ = node_.is_directory();
    return Step::kNode;
  }
  if (enter_) {
    enter_ = false;
    if (Enter() == Step::kError) return Step::kError;
  }
  if (levels_.empty()) return Step::kEnd;
  return NextEntry();
}

// A directory that cannot be entered becomes a level without entries, so that
// it is left like any other.
TreeWalker::Step TreeWalker::Enter() {
  Level level;
  level.inode = node_.inode;
  level.inode_position = node_.inode_position;
  level.path_size = node_.path == "/" ? 0 : node_.path.size();
  level.at = level.end = node_.inode.offset;
  const uint64_t end = uint64_t{node_.inode.offset} + node_.inode.size;
  const char* problem = nullptr;
  std::string too_deep;
  if (levels_.size() > kMaxReadDepth) {
    too_deep = absl::StrCat("more than ", kMaxReadDepth, " levels");
    problem = too_deep.c_str();
  } else if (node_.inode.size > 0) {
    if (MeetsAny(visited_, node_.inode.offset, end)) {
      problem = "directory inside another or given twice";
    } else {
      visited_.emplace(node_.inode.offset, static_cast<uint32_t>(end));
      level.end = end;
    }
  }
  levels_.push_back(std::move(level));
  if (problem == nullptr) return Step::kNode;
  return Fail(Damaged(node_, problem, node_.inode_position));
}

void TreeWalker::ResetPath() {
  node_.path.resize(levels_.back().path_size);
  node_.path += '/';
}

absl::string_view TreeWalker::NameAt(uint64_t at) const {
  const Inode inode = image_.codec_.GetInode(&image_.image_[at]);
  absl::string_view name(
      reinterpret_cast<const char*>(image_.image_.data() + at + kInodeSize),
      inode.name_length);
  return name.substr(0, name.find_last_not_of('\0') + 1);
}

bool TreeWalker::IsNew(Level* level, absl::string_view name,
                       uint64_t entry_at) {
  if (level->names == nullptr) {
    if (name > level->greatest) {
      level->greatest = name;
      return true;
    }
    level->names = std::make_unique<std::set<absl::string_view>>();
    for (uint64_t at = level->inode.offset; at < entry_at;) {
      level->names->insert(NameAt(at));
      at += kInodeSize + image_.codec_.GetInode(&image_.image_[at]).name_length;
    }
  }
  return level->names->insert(name).second;
}

TreeWalker::Step TreeWalker::NextEntry() {
  Level& level = levels_.back();
  const bool sorted = (image_.superblock_.flags & CRAMFS_FLAG_SORTED_DIRS) != 0;
  while (pending_ || level.at < level.end) {
    const uint64_t at = pending_ ? node_.inode_position : level.at;
    const uint64_t left = level.end - at;
    // Until there is a name, what is wrong is wrong with the directory.
    const auto directory = [&] {
      node_.path.resize(level.path_size);
      if (node_.path.empty()) node_.path.assign(1, '/');
      return node_;
    };
    if (!pending_) {
      if (left < kInodeSize) {
        level.at = level.end;
        return Fail(Damaged(directory(), "last entry cut", at));
      }
      node_.inode = image_.codec_.GetInode(&image_.image_[at]);
      node_.inode_position = static_cast<uint32_t>(at);
      if (left - kInodeSize < node_.inode.name_length) {
        level.at = level.end;
        return Fail(
            Damaged(directory(), "name beyond the directory's end", at));
      }
      level.at += kInodeSize + node_.inode.name_length;
      const absl::string_view name = NameAt(at);
      const char* problem = NameProblem(name);
      if (problem == nullptr &&
          level.path_size + 1 + name.size() > kMaxReadPath) {
        problem = "a path too long";
      }
      if (problem == nullptr && !IsNew(&level, name, at)) {
        problem = "a name given twice";
      }
      if (problem != nullptr) {
        return Fail(Damaged(directory(), problem, at));
      }
      const bool in_order = name >= level.previous;
      level.previous = name;
      // Lookups stop early in a sorted directory, so this entry may be hidden
      // from them; but it can be read.
      if (sorted && !in_order) {
        pending_ = true;
        return Fail(Damaged(directory(),
                            "a name out of the order the superblock promises",
                            at));
      }
    }
    pending_ = false;
    ResetPath();
    absl::StrAppend(&node_.path, NameAt(at));
    absl::Status status = image_.CheckInode(node_);
    if (!status.ok()) return Fail(std::move(status));
    depth_ = levels_.size();
    enter_ = node_.is_directory();
    return Step::kNode;
  }
  node_.inode = level.inode;
  node_.inode_position = level.inode_position;
  node_.path.resize(level.path_size);
  if (node_.path.empty()) node_.path.assign(1, '/');
  levels_.pop_back();
  depth_ = levels_.size();
  return Step::kLeave;
}

}  // namespace faultline::cramfs
