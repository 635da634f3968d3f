// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/testing/bad_images.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cramfs/testing/bad_images_internal.h"
#include "cramfs/testing/image_editor.h"
#include "cramfs/testing/test_files.h"
#include "cramfs/tools/writer.h"

namespace faultline::cramfs {
namespace {

constexpr uint32_t kPage = kBlockSize;

// Does not compress.
std::vector<uint8_t> Noise(uint32_t size, uint32_t seed) {
  std::vector<uint8_t> data(size);
  uint32_t state = seed * 2654435761u + 1;
  for (uint8_t& byte : data) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(1 + (state >> 16) % 255);
  }
  return data;
}

Entry FileOf(const char* name, std::vector<uint8_t> data,
             const std::string& kinds) {
  return FileOfKinds(name, std::move(data), kinds, DirectAlignment::kPage,
                     TailMode::kOwnPage);
}

// One of everything.  The entries of the root stand in the image in this
// order; data does too.
std::vector<uint8_t> Undamaged(ByteOrder order, bool pad) {
  Entry root = Entry::Directory("");
  Entry& a = root.Add(Entry::Directory("a"));
  a.Add(Entry::Directory("b")).Add(Entry::File("deep", PageText(10, 1)));
  a.Add(Entry::File("f", PageText(2 * kPage + 100, 2)));
  root.Add(FileOf("c", PageText(3 * kPage, 3), "ccc"));
  root.Add(FileOf("d", PageText(2 * kPage + 100, 4), "ddd"));
  root.Add(Entry::File("e", {}));
  root.Add(FileOf("h", PageText(3 * kPage, 5), "c-c"));
  root.Add(Entry::Symlink("l", "a/f"));
  root.Add(FileOf("m", PageText(3 * kPage, 6), "Drc"));
  root.Add(FileOf("n", Noise(2 * kPage, 7), "cc"));
  root.Add(Entry::Device("p", S_IFIFO | 0600, 0, 0));
  root.Add(Entry::Device("q", S_IFSOCK | 0600, 0, 0));
  root.Add(FileOf("r", PageText(2 * kPage + 50, 8), "rrr"));
  root.Add(FileOf("s", Noise(kPage / 2, 9), "c"));
  root.Add(Entry::File("sixsix", PageText(6, 10)));
  root.Add(Entry::Device("t", S_IFCHR | 0600, 4, 1));
  root.Add(Entry::Device("u", S_IFBLK | 0600, 8, 2));
  root.Add(FileOf("w", PageText(3 * kPage, 11), "ddd"));
  root.Add(FileOf("x", Noise(2 * kPage, 12), "cD"));
  BuildOptions options;
  options.byte_order = order;
  options.pad = pad;
  const auto image = ImageBuilder(options).Build(root);
  if (!image.ok()) {
    fprintf(stderr, "%s\n", image.status().ToString().c_str());
    abort();
  }
  return image->bytes;
}

[[noreturn]] void Wrong(const std::string& text) {
  fprintf(stderr, "table of bad images: %s\n", text.c_str());
  abort();
}

uint32_t Place(const ImageEditor& editor, const std::string& text) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  uint32_t number = 0;
  if (words[0] == "size") return editor.size();
  if (words.size() < 2) Wrong(text);
  if (words[0] == "inode") return editor.node(words[1]).inode_position;
  if (!absl::SimpleAtoi(words.back(), &number)) Wrong(text);
  if (words[0] == "super") return editor.SuperPlace(number);
  if (words[0] == "pointer") return editor.PointerPlace(words[1], number);
  const BlockInfo block = editor.block(words[1], number);
  if (words[0] == "block") return block.offset;
  if (words[0] == "end") return block.offset + block.length;
  Wrong(text);
}

// The text with numbers for the places it names.
std::string Filled(const ImageEditor& editor, const std::string& text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t open = text.find('{', at);
    result.append(text, at, open - at);
    if (open == text.npos) break;
    const size_t close = text.find('}', open);
    if (close == text.npos) Wrong(text);
    std::string place = text.substr(open + 1, close - open - 1);
    int64_t step = 0;
    const size_t sign = place.find_first_of("+-");
    if (sign != place.npos) {
      if (!absl::SimpleAtoi(place.substr(sign), &step)) Wrong(text);
      place.resize(sign);
    }
    absl::StrAppend(&result, Place(editor, place) + step);
    at = close + 1;
  }
  return result;
}

struct Part {
  const std::vector<internal::BadCase>& cases;
  const std::vector<internal::BadVerdict>& verdicts;
};

void AddImages(ByteOrder order, const Part& part,
               std::vector<BadImage>* images) {
  const std::vector<uint8_t> plain = Undamaged(order, /*pad=*/false);
  const std::vector<uint8_t> padded = Undamaged(order, /*pad=*/true);
  if (part.cases.size() != part.verdicts.size()) Wrong("cases and verdicts");
  for (size_t i = 0; i < part.cases.size(); ++i) {
    const internal::BadCase& one = part.cases[i];
    const internal::BadVerdict& verdict = part.verdicts[i];
    if (std::string(one.name) != verdict.name) Wrong(one.name);
    ImageEditor editor((one.options & internal::kPad) != 0 ? padded : plain);
    BadImage image;
    image.name = one.name;
    image.undamaged = editor.bytes();
    const char* check = verdict.check;
    if (order == ByteOrder::kLittle) {
      image.mount = verdict.mount;
      image.seen = verdict.seen;
    } else {
      image.name += "BigEndian";
      image.mount = -22;
      if (verdict.check_big_endian != nullptr) check = verdict.check_big_endian;
    }
    image.check = Filled(editor, check);
    one.damage(&editor);
    if ((one.options & internal::kKeepCrc) == 0) editor.FixCrc();
    image.bytes = editor.bytes();
    images->push_back(std::move(image));
  }
}

}  // namespace

const std::vector<BadImage>& BadImages() {
  static const auto* const kImages = [] {
    auto* images = new std::vector<BadImage>;
    const Part parts[] = {
        {internal::SuperblockCases(), internal::SuperblockVerdicts()},
        {internal::DirectoryCases(), internal::DirectoryVerdicts()},
        {internal::InodeCases(), internal::InodeVerdicts()},
        {internal::PointerCases(), internal::PointerVerdicts()},
        {internal::StreamCases(), internal::StreamVerdicts()},
    };
    for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
      for (const Part& part : parts) AddImages(order, part, images);
    }
    return images;
  }();
  return *kImages;
}

}  // namespace faultline::cramfs
