// SPDX-License-Identifier: GPL-2.0-only
//
// From entries to nodes: order, inodes, and the limits of the format.

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cramfs/tools/writer_internal.h"

namespace faultline::cramfs::internal {
namespace {

constexpr uint32_t kMaxLinkLength = kBlockSize - 1;  // PATH_MAX with its NUL
constexpr uint32_t kMaxDeviceNumber = 0xff;

class Collector {
 public:
  Collector(const BuildOptions& options, const BadSources& bad,
            BuildWarnings* warnings, uint32_t* files)
      : options_(options), bad_(bad), warnings_(warnings), files_(files) {
    for (const std::string& path : options.xip_files) {
      flat_.emplace(absl::StrCat("/", absl::StripPrefix(path, "/")), false);
    }
  }

  // Fills `node` from `entry`, children included.
  absl::Status Collect(const Entry& entry, const std::string& path, int depth,
                       Node* node);
  // That there was each of BuildOptions::xip_files.
  absl::Status CheckFlat() const;

 private:
  // Over a limit: an error, or a warning when lenient.
  absl::Status Limit(uint32_t BuildWarnings::*counter, const std::string& path,
                     absl::string_view text);
  // Clears `keep` when lenience leaves the entry out.
  absl::Status CheckName(const std::string& name, const std::string& path,
                         bool* keep);
  absl::Status CollectOwner(const Entry& entry, const std::string& path,
                            Inode* inode);
  absl::Status CollectFile(const Entry& entry, Node* node);
  absl::Status CollectChildren(const Entry& entry, int depth, Node* node);

  const BuildOptions& options_;
  const BadSources& bad_;
  BuildWarnings* const warnings_;
  uint32_t* const files_;
  absl::flat_hash_map<std::string, bool> flat_;  // path; whether it was met
};

absl::Status Collector::Limit(uint32_t BuildWarnings::*counter,
                              const std::string& path, absl::string_view text) {
  std::string message = absl::StrCat(path, ": ", text);
  if (!options_.lenient) return absl::OutOfRangeError(message);
  warnings_->Add(counter, std::move(message));
  return absl::OkStatus();
}

absl::Status Collector::CheckName(const std::string& name,
                                  const std::string& path, bool* keep) {
  if (name.empty() || name == "." || name == ".." ||
      absl::StrContains(name, '/') || name.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a possible file name"));
  }
  if (name.size() > kMaxNameLength) {
    *keep = false;
    return Limit(&BuildWarnings::names_too_long, path,
                 absl::StrCat("name of ", name.size(), " bytes, at most ",
                              kMaxNameLength, "; left out"));
  }
  if (path.size() > kMaxPathLength) {
    return absl::OutOfRangeError(absl::StrCat(
        path, ": path of ", path.size(), " bytes, at most ", kMaxPathLength));
  }
  return absl::OkStatus();
}

absl::Status Collector::CollectOwner(const Entry& entry,
                                     const std::string& path, Inode* inode) {
  inode->uid = options_.squash_owner ? 0 : entry.uid;
  inode->gid = options_.squash_owner ? 0 : entry.gid;
  if (inode->uid >> CRAMFS_UID_WIDTH != 0) {
    const uint32_t cut = inode->uid & ((1u << CRAMFS_UID_WIDTH) - 1);
    absl::Status status =
        Limit(&BuildWarnings::uids_cut, path,
              absl::StrCat("uid ", inode->uid, " too large; cut to ", cut));
    if (!status.ok()) return status;
    inode->uid = cut;
    inode->mode &= ~static_cast<uint32_t>(S_ISUID);
  }
  if (inode->gid >> CRAMFS_GID_WIDTH != 0) {
    const uint32_t cut = inode->gid & ((1u << CRAMFS_GID_WIDTH) - 1);
    absl::Status status =
        Limit(&BuildWarnings::gids_cut, path,
              absl::StrCat("gid ", inode->gid, " too large; cut to ", cut));
    if (!status.ok()) return status;
    inode->gid = cut;
    inode->mode &= ~static_cast<uint32_t>(S_ISGID);
  }
  return absl::OkStatus();
}

absl::Status Collector::CollectFile(const Entry& entry, Node* node) {
  const uint64_t size =
      entry.source != nullptr ? entry.source->size() : entry.data.size();
  if (size > kMaxFileSize) {
    absl::Status status =
        Limit(&BuildWarnings::sizes_cut, node->path,
              absl::StrCat(size, " bytes, at most ", kMaxFileSize, "; cut"));
    if (!status.ok()) return status;
  }
  node->inode.size =
      static_cast<uint32_t>(std::min<uint64_t>(size, kMaxFileSize));
  const auto flat = flat_.find(node->path);
  if (flat != flat_.end()) flat->second = node->flat = true;
  return absl::OkStatus();
}

absl::Status Collector::Collect(const Entry& entry, const std::string& path,
                                int depth, Node* node) {
  ++*files_;
  node->entry = &entry;
  node->path = path;
  Inode& inode = node->inode;
  inode.mode = entry.mode;
  if (inode.mode >> CRAMFS_MODE_WIDTH != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": mode ", absl::Hex(inode.mode), " too wide"));
  }
  absl::Status status = CollectOwner(entry, path, &inode);
  if (!status.ok()) return status;
  if (entry.layout.has_value() && !S_ISREG(inode.mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": only regular files have a layout"));
  }

  switch (inode.mode & S_IFMT) {
    case S_IFDIR:
      return CollectChildren(entry, depth, node);
    case S_IFREG:
      return CollectFile(entry, node);
    case S_IFLNK:
      if (entry.target.empty() ||
          entry.target.find('\0') != std::string::npos ||
          entry.target.size() > kMaxLinkLength) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ": not a possible symbolic link target"));
      }
      inode.size = static_cast<uint32_t>(entry.target.size());
      break;
    case S_IFCHR:
    case S_IFBLK:
      inode.size = (entry.device_major & kMaxDeviceNumber) << 8 |
                   (entry.device_minor & kMaxDeviceNumber);
      if (std::max(entry.device_major, entry.device_minor) > kMaxDeviceNumber) {
        return Limit(&BuildWarnings::devices_cut, path,
                     absl::StrCat("device ", entry.device_major, ":",
                                  entry.device_minor, " too large; cut to ",
                                  inode.size >> 8, ":", inode.size & 0xff));
      }
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

absl::Status Collector::CollectChildren(const Entry& entry, int depth,
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
    if (child->source != nullptr && bad_.count(child->source.get()) > 0) {
      continue;
    }
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

absl::Status Collector::CheckFlat() const {
  // In the order given, so that the same mistake is always the one named.
  for (const std::string& path : options_.xip_files) {
    const auto found =
        flat_.find(absl::StrCat("/", absl::StripPrefix(path, "/")));
    if (!found->second) {
      return absl::NotFoundError(
          absl::StrCat(path, ": no regular file of the tree"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool Node::has_data() const {
  return inode.size > 0 && (S_ISREG(inode.mode) || S_ISLNK(inode.mode));
}

const FileSource* Node::source() const {
  return S_ISREG(inode.mode) ? entry->source.get() : nullptr;
}

Bytes Node::memory() const {
  return S_ISLNK(inode.mode) ? AsBytes(entry->target)
                             : Bytes(entry->data).first(inode.size);
}

absl::StatusOr<Bytes> ReadData(const Node& node, uint64_t offset,
                               uint64_t length, std::vector<uint8_t>* buffer) {
  const FileSource* source = node.source();
  if (source == nullptr) return node.memory().subspan(offset, length);
  buffer->resize(length);
  absl::Status status = source->Read(offset, absl::MakeSpan(*buffer));
  if (!status.ok()) return status;
  return Bytes(*buffer);
}

absl::Status CollectTree(const Entry& entry, const BuildOptions& options,
                         const BadSources& bad, BuildWarnings* warnings,
                         Node* root, uint32_t* files) {
  if (!S_ISDIR(entry.mode)) {
    return absl::InvalidArgumentError("/: not a directory");
  }
  Collector collector(options, bad, warnings, files);
  absl::Status status = collector.Collect(entry, "/", 0, root);
  // A file on the list that could not be read has been warned of.
  if (!status.ok() || !bad.empty()) return status;
  return collector.CheckFlat();
}

std::vector<Node*> DataOrder(Node* root) {
  std::vector<Node*> files;
  std::vector<Node*> stack = {root};
  while (!stack.empty()) {
    Node* node = stack.back();
    stack.pop_back();
    if (node->has_data()) files.push_back(node);
    for (auto child = node->children.rbegin(); child != node->children.rend();
         ++child) {
      stack.push_back(child->get());
    }
  }
  return files;
}

}  // namespace faultline::cramfs::internal
