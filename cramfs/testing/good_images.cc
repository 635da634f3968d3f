// SPDX-License-Identifier: GPL-2.0-only

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cramfs/testing/bad_images.h"
#include "cramfs/testing/image_editor.h"
#include "cramfs/testing/test_files.h"
#include "cramfs/tools/writer.h"

namespace faultline::cramfs {
namespace {

constexpr uint32_t kPage = kBlockSize;

std::vector<uint8_t> MustBuild(const Entry& root,
                               const BuildOptions& options = {}) {
  const auto image = ImageBuilder(options).Build(root);
  if (!image.ok()) {
    fprintf(stderr, "%s\n", image.status().ToString().c_str());
    abort();
  }
  return image->bytes;
}

Entry FileOf(const std::string& name, uint32_t size, const std::string& kinds,
             DirectAlignment alignment = DirectAlignment::kPage,
             TailMode tail = TailMode::kPacked) {
  std::vector<uint8_t> data =
      PageText(size, static_cast<uint32_t>(name.back()) + size);
  return FileOfKinds(name, std::move(data), kinds, alignment, tail);
}

Entry SmallTree() {
  Entry root = Entry::Directory("");
  Entry& a = root.Add(Entry::Directory("a"));
  a.Add(Entry::Directory("b")).Add(Entry::File("deep", PageText(10, 1)));
  a.Add(Entry::File("f", PageText(2 * kPage + 100, 2)));
  root.Add(FileOf("d", 2 * kPage + 100, "ddd"));
  root.Add(Entry::File("empty", {}));
  root.Add(Entry::Symlink("l", "a/f"));
  root.Add(Entry::Device("t", S_IFCHR | 0600, 4, 1));
  return root;
}

// Every two kinds one after the other, with a whole and with a short last
// block.
Entry EveryPairOfKinds() {
  const std::string kinds = "dDrc-";
  Entry root = Entry::Directory("");
  for (const uint32_t cut : {0u, 77u}) {
    for (const char first : kinds) {
      for (const char second : kinds) {
        const std::string name =
            absl::StrCat(cut != 0 ? "cut" : "whole", std::string(1, first),
                         std::string(1, second));
        root.Add(FileOf(name, 2 * kPage - cut, std::string{first, second},
                        DirectAlignment::kEight));
      }
    }
  }
  return root;
}

Entry EveryTripleOfKinds() {
  const std::string kinds = "Drc-";
  Entry root = Entry::Directory("");
  for (const char first : kinds) {
    for (const char second : kinds) {
      for (const char third : kinds) {
        const std::string triple = {first, second, third};
        root.Add(
            FileOf(triple, 2 * kPage + 30, triple, DirectAlignment::kEight));
      }
    }
  }
  return root;
}

Entry DeepTree(int levels) {
  Entry root = Entry::Directory("");
  Entry* at = &root;
  for (int i = 0; i < levels; ++i) at = &at->Add(Entry::Directory("d"));
  at->Add(Entry::File("f", PageText(100, 1)));
  return root;
}

Entry LongNames() {
  Entry root = Entry::Directory("");
  for (uint32_t length = 1; length <= 252; ++length) {
    root.Add(Entry::File(std::string(length, 'n'), PageText(length, length)));
  }
  return root;
}

Entry NamesOfEveryByte() {
  Entry root = Entry::Directory("");
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/' || byte == '.') continue;
    root.Add(Entry::File(std::string(1, static_cast<char>(byte)),
                         PageText(10, static_cast<uint32_t>(byte))));
  }
  return root;
}

Entry Merged() {
  Entry root = Entry::Directory("");
  for (const char* name : {"one", "two", "three"}) {
    root.Add(Entry::File(name, PageText(kPage + 1, 1)));
  }
  root.Add(Entry::File("other-mode", PageText(kPage + 1, 1), 04755));
  Entry& owner = root.Add(Entry::File("other-owner", PageText(kPage + 1, 1)));
  owner.uid = 1000;
  return root;
}

Entry Extremes() {
  Entry root = Entry::Directory("", 07777);
  Entry& file = root.Add(Entry::File("file", PageText(1, 1), 07777));
  file.uid = 65535;
  file.gid = 255;
  root.Add(Entry::File("nothing", PageText(2, 1), 0));
  root.Add(Entry::Symlink("link", std::string(4095, 'x')));
  root.Add(Entry::Device("block", S_IFBLK | 0600, 255, 255));
  root.Add(Entry::Device("char", S_IFCHR | 0600, 0, 0));
  root.Add(Entry::Device("fifo", S_IFIFO, 0, 0));
  root.Add(Entry::Device("socket", S_IFSOCK | 07777, 0, 0));
  return root;
}

Entry Tails() {
  Entry root = Entry::Directory("");
  root.Add(FileOf("packed", kPage + 40, "dd"));
  root.Add(FileOf("packed-too", kPage + 40, "dd"));
  root.Add(FileOf("own", kPage + 40, "dd", DirectAlignment::kPage,
                  TailMode::kOwnPage));
  root.Add(FileOf("foreign", kPage + 40, "dd", DirectAlignment::kPage,
                  TailMode::kForeign));
  root.Add(FileOf("tiny", 1, "d", DirectAlignment::kPage, TailMode::kForeign));
  root.Add(FileOf("eight", 2 * kPage, "dd", DirectAlignment::kEight));
  return root;
}

// Where the directory ends, nothing follows.
std::vector<uint8_t> EndsWithItsDirectory() {
  Entry root = Entry::Directory("");
  for (const char* name : {"a", "b", "c"}) root.Add(Entry::File(name, {}));
  ImageEditor editor(MustBuild(root));
  editor.SetSuper(4, kSuperblockSize + 3 * (kInodeSize + 4));
  editor.bytes().resize(kSuperblockSize + 3 * (kInodeSize + 4));
  editor.FixCrc();
  return editor.bytes();
}

// Where the last stream ends, nothing follows.
std::vector<uint8_t> EndsWithItsData() {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("f", PageText(100, 1)));
  ImageEditor editor(MustBuild(root));
  const BlockInfo last = editor.block("/f", 0);
  editor.SetSuper(4, last.offset + last.length);
  editor.bytes().resize(last.offset + last.length);
  editor.FixCrc();
  return editor.bytes();
}

std::vector<uint8_t> WithFlags(std::vector<uint8_t> image, uint32_t set,
                               uint32_t clear) {
  ImageEditor editor(std::move(image));
  editor.SetSuper(8, (editor.GetSuper(8) | set) & ~clear);
  editor.FixCrc();
  return editor.bytes();
}

// Before FSID_VERSION_2 there was no size, no counts and no CRC.
std::vector<uint8_t> OldFormat(const Entry& root) {
  ImageEditor editor(MustBuild(root));
  editor.SetSuper(4, 0);
  editor.SetSuper(8, CRAMFS_FLAG_SORTED_DIRS | CRAMFS_FLAG_EXT_BLOCK_POINTERS);
  for (const uint32_t field : {32, 36, 40, 44}) editor.SetSuper(field, 0);
  return editor.bytes();
}

std::vector<uint8_t> RootOfNothing(uint32_t offset) {
  ImageEditor editor(MustBuild(Entry::Directory("")));
  editor.ChangeInode("/", [offset](Inode* inode) {
    inode->offset = offset;
    inode->size = 0;
  });
  editor.FixCrc();
  return editor.bytes();
}

}  // namespace

const std::vector<GoodImage>& GoodImages() {
  static const auto* const kImages = [] {
    const Entry empty = Entry::Directory("");
    Entry largest = Entry::Directory("");
    largest.Add(Entry::File("hole", std::vector<uint8_t>(kMaxFileSize, 0)));
    Entry scattered = Entry::Directory("");
    scattered.Add(FileOf("first", 3 * kPage, "-cc"));
    scattered.Add(FileOf("last", 2 * kPage + 1, "cc-"));
    scattered.Add(FileOf("middle", 3 * kPage, "d-d"));
    scattered.Add(FileOf("only", 5, "-"));
    BuildOptions pad, boot, inserted, both, name, holes, unmerged;
    pad.pad = true;
    boot.pad = true;
    boot.boot_code = std::string(512, '\x90');
    inserted.inserted = std::string(1000, 'i');
    both.pad = true;
    both.inserted = "x";
    name.name = "sixteen bytes ok";
    holes.explicit_holes = true;
    unmerged.merge_identical = false;
    const char kOld[] =
        "warning: superblock: old format, without CRC and counts";
    auto* images = new std::vector<GoodImage>{
        {"EmptyRoot", MustBuild(empty), "OK"},
        {"EmptyRootAtOffsetZero", RootOfNothing(0), "OK"},
        {"EmptyRootBehindTheSuperblock", RootOfNothing(76), "OK"},
        {"EmptyRootOfTheOldFormat", OldFormat(empty), kOld},
        {"OldFormat", OldFormat(SmallTree()), kOld},
        {"ShiftedRoot", MustBuild(SmallTree(), inserted), "OK"},
        {"ShiftedRootBehindPad", MustBuild(SmallTree(), both), "OK"},
        {"ShiftedFlagWithoutShift",
         WithFlags(MustBuild(SmallTree()), CRAMFS_FLAG_SHIFTED_ROOT_OFFSET, 0),
         "OK"},
        {"Pad", MustBuild(SmallTree(), pad), "OK"},
        {"PadOfBootCode", MustBuild(SmallTree(), boot), "OK"},
        {"NameOfSixteenBytes", MustBuild(SmallTree(), name), "OK"},
        {"NotSorted",
         WithFlags(MustBuild(SmallTree()), 0, CRAMFS_FLAG_SORTED_DIRS), "OK"},
        {"HolesEverywhere", MustBuild(scattered), "OK"},
        {"LargestFileIsAHole", MustBuild(largest, holes), "OK"},
        {"EveryPairOfKinds", MustBuild(EveryPairOfKinds()), "OK"},
        {"EveryTripleOfKinds", MustBuild(EveryTripleOfKinds()), "OK"},
        {"Deep", MustBuild(DeepTree(250)), "OK"},
        {"NamesOfEveryLength", MustBuild(LongNames()), "OK"},
        {"NamesOfEveryByte", MustBuild(NamesOfEveryByte()), "OK"},
        {"Merged", MustBuild(Merged()), "OK"},
        {"NotMerged", MustBuild(Merged(), unmerged), "OK"},
        {"FieldsAtTheirLimits", MustBuild(Extremes()), "OK"},
        {"Tails", MustBuild(Tails()), "OK"},
        {"EndsWithItsDirectory", EndsWithItsDirectory(), "OK"},
        {"EndsWithItsData", EndsWithItsData(), "OK"},
    };
    return images;
  }();
  return *kImages;
}

}  // namespace faultline::cramfs
