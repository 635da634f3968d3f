// SPDX-License-Identifier: GPL-2.0-only
//
// What each file's blocks shall be, and which files share their data.

#include <sys/stat.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "cramfs/tools/elf.h"
#include "cramfs/tools/parallel.h"
#include "cramfs/tools/writer_internal.h"

namespace faultline::cramfs::internal {
namespace {

constexpr uint64_t kComparedAtOnce = 64 * kBlockSize;

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

// What must be equal, beside bytes and layout, for data to be shared: mode,
// uid, gid, size, flat.
using Likeness = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t, bool>;

Likeness LikenessOf(const Node& node) {
  const Inode& inode = node.inode;
  return {inode.mode, inode.uid, inode.gid, inode.size, node.flat};
}

// On an error, `failed` is the one that could not be read.
absl::StatusOr<bool> SameBytes(const Node& a, const Node& b,
                               const Node** failed) {
  std::vector<uint8_t> buffer_a, buffer_b;
  for (uint64_t at = 0; at < a.inode.size; at += kComparedAtOnce) {
    const uint64_t length =
        std::min<uint64_t>(kComparedAtOnce, a.inode.size - at);
    *failed = &a;
    absl::StatusOr<Bytes> bytes_a = ReadData(a, at, length, &buffer_a);
    if (!bytes_a.ok()) return bytes_a.status();
    *failed = &b;
    absl::StatusOr<Bytes> bytes_b = ReadData(b, at, length, &buffer_b);
    if (!bytes_b.ok()) return bytes_b.status();
    if (*bytes_a != *bytes_b) return false;
  }
  return true;
}

absl::Status PlanExplicit(Node* node) {
  const FileLayout& layout = *node->entry->layout;
  Plan& plan = node->plan;
  plan.automatic = false;
  plan.alignment = static_cast<uint32_t>(layout.alignment);
  plan.tail = layout.tail;
  std::vector<bool> taken(plan.kinds.size(), false);
  for (const BlockRun& run : layout.runs) {
    if (run.first > run.last || run.last >= plan.kinds.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(node->path, ": no blocks ", run.first, "-", run.last,
                       " in a file of ", plan.kinds.size()));
    }
    for (uint32_t i = run.first; i <= run.last; ++i) {
      if (taken[i]) {
        return absl::InvalidArgumentError(
            absl::StrCat(node->path, ": two layouts for block ", i));
      }
      taken[i] = true;
      plan.kinds[i] = run.kind;
    }
  }
  return absl::OkStatus();
}

// Blocks of what a loader maps and never writes are direct.
void PlanSegments(const std::vector<LoadSegment>& segments, Node* node) {
  const uint64_t size = node->inode.size;
  for (const LoadSegment& segment : segments) {
    if ((!segment.read && !segment.execute) || segment.write) continue;
    if (segment.file_size == 0 || segment.offset >= size) continue;
    const uint64_t end = std::min(segment.offset + segment.file_size, size);
    for (uint64_t i = segment.offset / kBlockSize; i * kBlockSize < end; ++i) {
      node->plan.kinds[i] = BlockKind::kDirect;
    }
  }
}

class Planner {
 public:
  Planner(const BuildOptions& options, bool try_all,
          std::vector<Failure>* failures)
      : options_(options),
        try_all_(try_all),
        jobs_(ThreadsFor(options.jobs)),
        failures_(failures) {}

  absl::Status Plan(const std::vector<Node*>& files);

 private:
  // What is known of a file that has its data to itself so far.
  struct Scan {
    Node* node;
    bool candidate;  // others are like it
    bool elf;        // to be looked into
    size_t hash = 0;
    absl::Status status = absl::OkStatus();
  };
  // Files that may have the same bytes, in order.
  using Group = std::vector<Node*>;

  absl::Status PlanKinds(Node* node) const;
  void ShareSources(const std::vector<Node*>& files);
  void ChooseScans(const std::vector<Node*>& files);
  void DoScan(Scan* scan) const;
  void ShareEqual();
  static absl::Status ShareWithin(const Group& group, const Node** failed);

  const BuildOptions& options_;
  const bool try_all_;
  const int jobs_;
  std::vector<Failure>* const failures_;
  std::vector<Scan> scans_;
};

absl::Status Planner::PlanKinds(Node* node) const {
  node->plan.kinds.assign(
      BlockCount(node->inode.size),
      node->flat ? BlockKind::kDirect : BlockKind::kCompressed);
  if (node->entry->layout.has_value()) return PlanExplicit(node);
  node->plan.alignment = options_.xip == XipMode::kEightByte ? 8 : kBlockSize;
  node->plan.tail = options_.tail;
  return absl::OkStatus();
}

// Several names of one file of the host: one source.
void Planner::ShareSources(const std::vector<Node*>& files) {
  absl::flat_hash_map<std::pair<const FileSource*, Likeness>, Group> first;
  for (Node* node : files) {
    if (node->source() == nullptr) continue;
    Group& others = first[{node->source(), LikenessOf(*node)}];
    for (Node* other : others) {
      if (SameLayout(node->entry->layout, other->entry->layout)) {
        node->same = other;
      }
    }
    if (node->same == nullptr) others.push_back(node);
  }
}

void Planner::ChooseScans(const std::vector<Node*>& files) {
  absl::flat_hash_map<Likeness, uint32_t> alike;
  for (Node* node : files) {
    if (node->same == nullptr) ++alike[LikenessOf(*node)];
  }
  for (Node* node : files) {
    if (node->same != nullptr) continue;
    const bool candidate =
        options_.merge_identical && alike[LikenessOf(*node)] > 1;
    const bool elf = options_.xip != XipMode::kNone && !node->flat &&
                     S_ISREG(node->inode.mode) &&
                     !node->entry->layout.has_value();
    if (candidate || elf || (try_all_ && node->source() != nullptr)) {
      scans_.push_back({.node = node, .candidate = candidate, .elf = elf});
    }
  }
}

void Planner::DoScan(Scan* scan) const {
  Node* node = scan->node;
  std::vector<uint8_t> buffer;
  uint64_t wanted = scan->candidate ? node->inode.size : 0;
  if (scan->elf && !scan->candidate) {
    absl::StatusOr<Bytes> head =
        ReadData(*node, 0, std::min(node->inode.size, 4u), &buffer);
    if (!head.ok()) {
      scan->status = head.status();
      return;
    }
    scan->elf = IsElf(*head);
    if (scan->elf) wanted = node->inode.size;
  }
  absl::StatusOr<Bytes> data = ReadData(*node, 0, wanted, &buffer);
  if (!data.ok()) {
    scan->status = data.status();
    return;
  }
  if (scan->candidate) scan->hash = absl::Hash<Bytes>{}(*data);
  if (scan->elf && IsElf(*data)) {
    // An ELF file that cannot be executed is stored like any other.
    absl::StatusOr<std::vector<LoadSegment>> read = ReadLoadSegments(*data);
    if (read.ok()) PlanSegments(*read, node);
  }
}

absl::Status Planner::ShareWithin(const Group& group, const Node** failed) {
  // Almost always one: others have the hash by chance, or another layout.
  Group different;
  for (Node* node : group) {
    for (Node* other : different) {
      if (!SameLayout(node->entry->layout, other->entry->layout)) continue;
      absl::StatusOr<bool> same = SameBytes(*node, *other, failed);
      if (!same.ok()) return same.status();
      if (*same) {
        node->same = other;
        break;
      }
    }
    if (node->same == nullptr) different.push_back(node);
  }
  return absl::OkStatus();
}

void Planner::ShareEqual() {
  absl::flat_hash_map<std::pair<Likeness, size_t>, size_t> index;
  std::vector<Group> groups;
  for (const Scan& scan : scans_) {
    if (!scan.candidate) continue;
    const auto [place, added] =
        index.try_emplace({LikenessOf(*scan.node), scan.hash}, groups.size());
    if (added) groups.emplace_back();
    groups[place->second].push_back(scan.node);
  }
  groups.erase(
      std::remove_if(groups.begin(), groups.end(),
                     [](const Group& group) { return group.size() < 2; }),
      groups.end());
  std::vector<Failure> failed(groups.size());
  ParallelInOrder(
      jobs_, groups.size(), groups.size(),
      [&](int, size_t i) {
        failed[i].status = ShareWithin(groups[i], &failed[i].node);
      },
      [&](size_t i) {
        if (!failed[i].status.ok()) failures_->push_back(failed[i]);
        return true;
      });
}

absl::Status Planner::Plan(const std::vector<Node*>& files) {
  for (Node* node : files) {
    absl::Status status = PlanKinds(node);
    if (!status.ok()) return status;
  }
  ShareSources(files);
  ChooseScans(files);
  ParallelInOrder(
      jobs_, scans_.size(), scans_.size(),
      [&](int, size_t i) { DoScan(&scans_[i]); },
      [&](size_t i) {
        const Scan& scan = scans_[i];
        if (!scan.status.ok()) failures_->push_back({scan.node, scan.status});
        return true;
      });
  if (failures_->empty()) ShareEqual();
  return absl::OkStatus();
}

}  // namespace

absl::Status PlanFiles(const std::vector<Node*>& files,
                       const BuildOptions& options, bool try_all,
                       std::vector<Failure>* failures) {
  return Planner(options, try_all, failures).Plan(files);
}

}  // namespace faultline::cramfs::internal
