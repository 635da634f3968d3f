// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/testing/test_files.h"

#include <algorithm>
#include <utility>

namespace faultline::cramfs {
namespace {

BlockKind KindOf(char c) {
  switch (c) {
    case 'd':
      return BlockKind::kDirect;
    case 'D':
      return BlockKind::kDirectCompressed;
    case 'r':
      return BlockKind::kRaw;
    case '-':
      return BlockKind::kHole;
    default:
      return BlockKind::kCompressed;
  }
}

}  // namespace

std::vector<uint8_t> PageText(uint32_t size, uint32_t seed) {
  std::vector<uint8_t> data(size);
  for (uint32_t i = 0; i < size; ++i) {
    data[i] =
        static_cast<uint8_t>(1 + (i / 16 + i / kBlockSize + seed * 31) % 255);
  }
  return data;
}

Entry FileOfKinds(const std::string& name, std::vector<uint8_t> data,
                  absl::string_view kinds, DirectAlignment alignment,
                  TailMode tail) {
  FileLayout layout;
  layout.alignment = alignment;
  layout.tail = tail;
  for (uint32_t i = 0; i < kinds.size(); ++i) {
    layout.runs.push_back({i, i, KindOf(kinds[i])});
    if (kinds[i] != '-') continue;
    const size_t end = std::min<size_t>(data.size(), (i + 1) * kBlockSize);
    std::fill(data.begin() + i * kBlockSize, data.begin() + end, uint8_t{0});
  }
  Entry entry = Entry::File(name, std::move(data));
  entry.layout = layout;
  return entry;
}

}  // namespace faultline::cramfs
