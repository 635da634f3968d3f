// SPDX-License-Identifier: GPL-2.0-only

#include "tests/fuzz/seeds.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cramfs/testing/test_files.h"
#include "cramfs/tools/codec.h"
#include "cramfs/tools/writer.h"

namespace faultline::fuzz {
namespace {

using cramfs::BuildOptions;
using cramfs::ByteOrder;
using cramfs::DirectAlignment;
using cramfs::Entry;
using cramfs::kBlockSize;
using cramfs::TailMode;

// Compresses well, so that a seed stays small.
std::vector<uint8_t> Plain(uint32_t size, uint8_t first) {
  std::vector<uint8_t> data(size);
  for (uint32_t i = 0; i < size; ++i) {
    data[i] = static_cast<uint8_t>(first + i / 512 % 16);
  }
  return data;
}

// Stored as FileOfKinds() has it.
Entry FileOf(const std::string& name, uint32_t size, const std::string& kinds,
             DirectAlignment alignment = DirectAlignment::kEight,
             TailMode tail = TailMode::kPacked) {
  std::vector<uint8_t> data = Plain(size, static_cast<uint8_t>(name[0]));
  return cramfs::FileOfKinds(name, std::move(data), kinds, alignment, tail);
}

Entry Tree() {
  Entry root = Entry::Directory("");
  Entry& a = root.Add(Entry::Directory("a"));
  a.Add(Entry::Directory("b")).Add(Entry::File("deep", Plain(10, 'd')));
  a.Add(Entry::File("file", Plain(2 * kBlockSize + 100, 'f'), 04755));
  root.Add(Entry::File("empty", {}));
  root.Add(Entry::Directory("none"));
  root.Add(Entry::Device("fifo", S_IFIFO | 0600, 0, 0));
  root.Add(Entry::Symlink("link", "a/file"));
  root.Add(Entry::Device("null", S_IFCHR | 0666, 1, 3));
  root.Add(Entry::Device("socket", S_IFSOCK | 0600, 0, 0));
  return root;
}

Entry Direct() {
  Entry root = Entry::Directory("");
  root.Add(FileOf("direct", 2 * kBlockSize, "dd", DirectAlignment::kPage));
  root.Add(FileOf("tail", kBlockSize + 40, "dd", DirectAlignment::kPage));
  root.Add(Entry::File("z", Plain(60, 'z')));
  return root;
}

Entry EveryKind() {
  Entry root = Entry::Directory("");
  root.Add(FileOf("k", 7 * kBlockSize + 9, "dcDr-D-c"));
  return root;
}

Entry Holes() {
  Entry root = Entry::Directory("");
  root.Add(FileOf("h", 4 * kBlockSize, "-c--"));
  root.Add(Entry::File("zeros", std::vector<uint8_t>(3 * kBlockSize)));
  return root;
}

Entry Names() {
  Entry root = Entry::Directory("");
  for (const uint32_t length : {1u, 3u, 4u, 5u, 251u, 252u}) {
    root.Add(Entry::File(std::string(length, 'n'), Plain(length, 'n')));
  }
  root.Add(Entry::File("\xc3\xa9", {}));
  return root;
}

Entry Deep() {
  Entry root = Entry::Directory("");
  Entry* at = &root;
  for (int i = 0; i < 20; ++i) at = &at->Add(Entry::Directory("d"));
  at->Add(Entry::File("f", Plain(100, 'f')));
  return root;
}

Entry Merged() {
  Entry root = Entry::Directory("");
  for (const char* name : {"one", "two", "three"}) {
    root.Add(Entry::File(name, Plain(kBlockSize + 1, 'm')));
  }
  root.Add(Entry::File("other", Plain(kBlockSize + 1, 'm'), 0600));
  return root;
}

Entry SharedTail() {
  Entry root = Entry::Directory("");
  root.Add(FileOf("a", kBlockSize + 3, "dd", DirectAlignment::kPage,
                  TailMode::kOwnPage));
  root.Add(FileOf("b", 100, "d", DirectAlignment::kPage, TailMode::kForeign));
  return root;
}

}  // namespace

std::vector<Seed> MakeSeeds() {
  std::vector<Seed> seeds;
  const auto add = [&seeds](const std::string& name, const Entry& root,
                            const BuildOptions& options) {
    auto image = cramfs::ImageBuilder(options).Build(root);
    if (!image.ok()) {
      fprintf(stderr, "%s: %s\n", name.c_str(),
              image.status().ToString().c_str());
      abort();
    }
    seeds.push_back({absl::StrCat(name, ".img"), std::move(image->bytes)});
  };
  BuildOptions plain, big, pad, holes, shifted;
  big.byte_order = ByteOrder::kBig;
  pad.pad = true;
  pad.boot_code = "boot";
  holes.explicit_holes = true;
  shifted.inserted = "twelve bytes";
  BuildOptions big_pad = big;
  big_pad.pad = true;

  add("empty", Entry::Directory(""), plain);
  add("tree", Tree(), plain);
  add("tree-big-endian", Tree(), big);
  add("tree-pad", Tree(), pad);
  add("tree-pad-big-endian", Tree(), big_pad);
  add("tree-shifted-root", Tree(), shifted);
  add("direct", Direct(), plain);
  add("direct-pad", Direct(), pad);
  add("shared-tail", SharedTail(), plain);
  add("every-kind", EveryKind(), plain);
  add("every-kind-big-endian", EveryKind(), big);
  add("holes", Holes(), holes);
  add("names", Names(), plain);
  add("deep", Deep(), plain);
  add("merged", Merged(), plain);

  // What tools made before FSID_VERSION_2: no size, no counts, no CRC.
  add("old-format", Tree(), plain);
  std::vector<uint8_t>& old = seeds.back().bytes;
  const cramfs::Codec codec(ByteOrder::kLittle);
  codec.Put32(&old[4], 0);
  codec.Put32(&old[8], CRAMFS_FLAG_SORTED_DIRS);
  std::fill(old.begin() + 32, old.begin() + 48, uint8_t{0});
  return seeds;
}

}  // namespace faultline::fuzz
