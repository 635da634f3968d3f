// SPDX-License-Identifier: GPL-2.0-only
//
// Any bytes whatever, read by ImageReader.  What must hold:
//
//   every error has one of the documented codes and says what and where
//   a walk ends, and visits no more nodes than the image has room for
//   a node that the walk shows is what a lookup finds, and what List lists
//   the block map covers the file; blocks lie inside the image
//   a file is read whole or not at all, and is its blocks one after the other
//   Check says the same each time; what it passes can be read, all of it

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "cramfs/tools/reader.h"
#include "tests/fuzz/fuzz_check.h"

namespace faultline::fuzz {
namespace {

using cramfs::BlockInfo;
using cramfs::CheckReport;
using cramfs::ImageReader;
using cramfs::kBlockSize;
using cramfs::kInodeSize;
using cramfs::Node;

// Bounds on what is read of one input: a hole costs the image four bytes.
constexpr uint64_t kMaxBytesRead = 1 << 20;
constexpr size_t kMaxLookups = 64;

void ExpectDocumented(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kDataLoss:
      FUZZ_CHECK(absl::StrContains(error.message(), "at image offset"),
                 error.ToString());
      return;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented:
      FUZZ_CHECK(!error.message().empty(), error.ToString());
      return;
    default:
      FUZZ_CHECK(false, error.ToString());
  }
}

bool SameInode(const Node& a, const Node& b) {
  return a.path == b.path && a.inode_position == b.inode_position &&
         a.inode.mode == b.inode.mode && a.inode.uid == b.inode.uid &&
         a.inode.gid == b.inode.gid && a.inode.size == b.inode.size &&
         a.inode.name_length == b.inode.name_length &&
         a.inode.offset == b.inode.offset;
}

// Whether all of it can be read; `budget` is what may still be read.
bool ReadsWhole(const ImageReader& reader, const Node& node, uint64_t* budget) {
  const auto map = reader.BlockMap(node);
  if (!map.ok()) {
    ExpectDocumented(map.status());
    const auto data = reader.ReadFile(node);
    FUZZ_CHECK(data.status() == map.status(), data.status().ToString());
    return false;
  }
  uint64_t total = 0;
  for (const BlockInfo& block : *map) {
    FUZZ_CHECK(block.size >= 1 && block.size <= kBlockSize, node.path);
    FUZZ_CHECK(uint64_t{block.offset} + block.length <= reader.bytes().size(),
               node.path);
    FUZZ_CHECK((block.kind == BlockInfo::Kind::kHole) == (block.length == 0),
               node.path);
    total += block.size;
  }
  FUZZ_CHECK(total == node.inode.size, node.path, " ", total);
  if (total > *budget) return true;
  *budget -= total;

  std::vector<uint8_t> joined;
  absl::Status status;
  for (const BlockInfo& block : *map) {
    const auto bytes = reader.ReadBlock(node, block);
    if (!bytes.ok()) {
      status = bytes.status();
      break;
    }
    FUZZ_CHECK(bytes->size() == block.size, node.path);
    joined.insert(joined.end(), bytes->begin(), bytes->end());
  }
  const auto data = reader.ReadFile(node);
  FUZZ_CHECK(data.status() == status, node.path, " ", data.status().ToString(),
             " ", status.ToString());
  if (!status.ok()) {
    ExpectDocumented(status);
    return false;
  }
  FUZZ_CHECK(*data == joined, node.path);
  if (node.is_symlink()) {
    const auto target = reader.ReadLink(node);
    if (!target.ok()) {
      ExpectDocumented(target.status());
      return false;
    }
    FUZZ_CHECK(target->size() == node.inode.size, node.path);
  }
  return true;
}

void ExpectLookupFinds(const ImageReader& reader, const Node& node) {
  const auto found = reader.Lookup(node.path);
  FUZZ_CHECK(found.ok(), node.path, " ", found.status().ToString());
  FUZZ_CHECK(SameInode(*found, node), node.path);
}

// A walk that goes on after errors; true if there were none, and every file
// reads.
bool WalkAll(const ImageReader& reader) {
  const size_t room = reader.bytes().size() / kInodeSize + 1;
  std::vector<Node> nodes;
  size_t visits = 0, errors = 0;
  absl::Status status = reader.Walk(
      [&](const Node& node) {
        ++visits;
        if (nodes.size() < 4 * kMaxLookups) nodes.push_back(node);
        return absl::OkStatus();
      },
      [&](const absl::Status& error) {
        ExpectDocumented(error);
        ++errors;
        return true;
      });
  FUZZ_CHECK(status.ok(), status.ToString());
  FUZZ_CHECK(visits <= room, visits, " nodes in ", reader.bytes().size());
  FUZZ_CHECK(errors <= 3 * room, errors, " errors");

  const absl::Status first =
      reader.Walk([](const Node&) { return absl::OkStatus(); });
  FUZZ_CHECK(first.ok() == (errors == 0), first.ToString());

  bool whole = errors == 0;
  uint64_t budget = kMaxBytesRead;
  size_t lookups = 0;
  for (const Node& node : nodes) {
    if (errors == 0 && lookups++ < kMaxLookups) {
      ExpectLookupFinds(reader, node);
    }
    if (node.is_directory()) {
      const auto list = reader.List(node);
      if (errors == 0) FUZZ_CHECK(list.ok(), list.status().ToString());
    } else if (node.is_regular() || node.is_symlink()) {
      whole = ReadsWhole(reader, node, &budget) && whole;
    } else {
      FUZZ_CHECK(!reader.BlockMap(node).ok(), node.path);
    }
  }
  return whole;
}

}  // namespace
}  // namespace faultline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace faultline::fuzz;  // NOLINT: the one function outside
  const auto reader = ImageReader::Open(absl::MakeConstSpan(data, size));
  if (!reader.ok()) {
    ExpectDocumented(reader.status());
    return 0;
  }
  const bool whole = WalkAll(*reader);
  const CheckReport one = reader->Check(1);
  const CheckReport many = reader->Check(50);
  FUZZ_CHECK(one.ok() == many.ok(), "Check(1) and Check(50) differ");
  FUZZ_CHECK(one.errors.size() <= 1 && many.errors.size() <= 50, "too many");
  if (!one.ok()) {
    FUZZ_CHECK(one.errors[0] == many.errors[0], one.errors[0].ToString(), " ",
               many.errors[0].ToString());
    for (const absl::Status& error : many.errors) ExpectDocumented(error);
    return 0;
  }
  FUZZ_CHECK(whole, "passed by Check, not readable");
  FUZZ_CHECK(reader->CheckCrc().ok(), "passed by Check, wrong CRC");
  return 0;
}
