// SPDX-License-Identifier: GPL-2.0-only
//
// Four views of every file: from a block device, by read from memory, through
// a direct mapping, and through paging.  All have to show the bytes that the
// image was made from.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cramfs/testing/mounted_image.h"
#include "cramfs/tools/writer.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

// How an image differs from the ordinary one.
struct Layout {
  const char* name;
  bool pad = false, shifted = false, old = false;
  bool classic = false;  // no file says how it is laid out
  bool holes = false;
};

const Layout kLayouts[] = {
    {.name = "Ordinary"},
    {.name = "Padded", .pad = true},
    {.name = "ShiftedRoot", .shifted = true},
    {.name = "PaddedAndShifted", .pad = true, .shifted = true},
    {.name = "OldWithoutSize", .old = true},
    {.name = "ClassicPointersOnly", .classic = true, .holes = true},
};

// What the views of one image came to.
struct Counts {
  uint64_t files = 0, bytes = 0, spliced = 0;
  uint64_t rom_pages = 0, other_pages = 0;
};

Entry MakeFile(const std::string& name, uint32_t size, const std::string& kinds,
               uint32_t turn) {
  constexpr TailMode kTails[] = {TailMode::kOwnPage, TailMode::kForeign,
                                 TailMode::kPacked};
  return FileOf(
      name, size, kinds, kTails[turn % 3],
      turn % 5 == 4 ? DirectAlignment::kEight : DirectAlignment::kPage);
}

Entry MakeTree() {
  const std::string kKinds = "dDrc-";
  Entry root = Entry::Directory("");
  uint32_t turn = 0;
  // Every kind of pointer behind every other two.
  Entry& orders = root.Add(Entry::Directory("orders"));
  const uint32_t kLast[] = {1, 8, 100, kPage / 2, kPage - 1, kPage};
  for (char a : kKinds) {
    for (char b : kKinds) {
      for (char c : kKinds) {
        const std::string kinds = {a, b, c};
        orders.Add(MakeFile(kinds, 2 * kPage + kLast[turn % 6], kinds, turn));
        ++turn;
      }
    }
  }
  // Sizes around the edges of blocks.
  Entry& sizes = root.Add(Entry::Directory("sizes"));
  for (const uint32_t size :
       {1u, 7u, 4095u, 4096u, 4097u, 8191u, 8192u, 8193u, 16384u}) {
    for (char kind : kKinds) {
      sizes.Add(MakeFile(absl::StrCat(size, std::string(1, kind)), size,
                         std::string((size + kPage - 1) / kPage, kind),
                         turn++));
    }
  }
  sizes.Add(Entry::File("0", {}));
  // Anything.
  std::mt19937 random(20170831);
  Entry* parent = &root.Add(Entry::Directory("random"));
  for (int depth = 0; depth < 4; ++depth) {
    for (int i = 0; i < 40; ++i) {
      const uint32_t size = 1 + random() % (9 * kPage);
      const uint32_t other = 1 + random() % 6;  // one block in so many
      std::string kinds;
      for (uint32_t block = 0; block * kPage < size; ++block) {
        kinds += random() % other ? 'd' : kKinds[random() % kKinds.size()];
      }
      parent->Add(MakeFile(absl::StrCat("f", i), size, kinds, random()));
    }
    parent = &parent->Add(Entry::Directory("deeper"));
  }
  // Stored once.
  root.Add(MakeFile("twin1", 2 * kPage + 5, "dcd", 0));
  Entry twin = root.children.back();
  twin.name = "twin2";
  root.Add(std::move(twin));
  return root;
}

void DropLayouts(Entry* entry) {
  entry->layout.reset();
  for (Entry& child : entry->children) DropLayouts(&child);
}

std::vector<uint8_t> MakeImage(const Entry& tree, const Layout& layout) {
  BuildOptions options;
  options.pad = layout.pad;
  options.explicit_holes = layout.holes;
  if (layout.shifted) options.inserted = "in front of the root";
  std::vector<uint8_t> image = MustBuild(tree, options);
  if (layout.old) {
    image[8] &= ~CRAMFS_FLAG_FSID_VERSION_2;
    Put32(image.data() + 4, 0);
  }
  return image;
}

// From page `first` to the end.
void ExpectMapsExactly(TestMachine& machine, file* from, uint64_t first,
                       const std::vector<uint8_t>& data, Counts* counts) {
  const uint64_t pages = (data.size() + kPage - 1) / kPage - first;
  const uint64_t start = machine.Map(from, first, pages);
  const uint64_t rom = machine.RomPages();
  for (uint64_t at = 0; at < pages * kPage; at += 8) {
    const uint64_t place = first * kPage + at;
    uint64_t expected = 0;
    if (place < data.size()) {
      memcpy(&expected, data.data() + place,
             std::min<uint64_t>(8, data.size() - place));
    }
    const fl_user_result result = machine.Load(start + at, 8);
    ASSERT_EQ(result.sig, 0) << "at " << place;
    ASSERT_EQ(result.value, expected) << "at " << place;
  }
  EXPECT_EQ(machine.RomPages(), rom);
  counts->rom_pages += rom;
  counts->other_pages += pages - rom;
  machine.Unmap(start, pages);
}

// tails: also the second half of each file by itself.
void ExpectHolds(TestMachine& machine, const Entry& entry,
                 const std::string& path, bool tails, Counts* counts) {
  SCOPED_TRACE(path);
  if (!entry.children.empty()) {
    for (const Entry& child : entry.children) {
      ExpectHolds(machine, child, absl::StrCat(path, "/", child.name), tails,
                  counts);
    }
    return;
  }
  if ((entry.mode & 0170000) != 0100000) return;
  file* opened = machine.Open(path);
  ASSERT_NE(opened, nullptr);
  // Mapped first, so that the mapping itself has to bring the pages.
  if (!entry.data.empty()) {
    const uint64_t pages = (entry.data.size() + kPage - 1) / kPage;
    ExpectMapsExactly(machine, opened, 0, entry.data, counts);
    Counts of_tails;
    if (tails && pages > 1) {
      ExpectMapsExactly(machine, opened, pages / 2, entry.data, &of_tails);
    }
  }
  EXPECT_TRUE(machine.Read(opened) == entry.data);
  EXPECT_TRUE(machine.Splice(opened) == entry.data);
  ++counts->files;
  counts->bytes += entry.data.size();
  counts->spliced += entry.data.size();
}

class FourViewsTest
    : public ::testing::TestWithParam<std::tuple<std::string, Layout>> {
 protected:
  const std::string& arch() const { return std::get<0>(GetParam()); }
  const Layout& layout() const { return std::get<1>(GetParam()); }
};

TEST_P(FourViewsTest, AllShowTheSameBytes) {
  Entry tree = MakeTree();
  if (layout().classic) DropLayouts(&tree);
  const std::vector<uint8_t> image = MakeImage(tree, layout());
  uint64_t mapped_by_v3 = 0;
  for (const std::string view : {"device", "v3", "mainline", "paged"}) {
    SCOPED_TRACE(view);
    Counts counts;
    TestMachine machine(arch(), true, image, {}, /*ram_pages=*/8192);
    ASSERT_EQ(
        view == "device" ? machine.MountDevice("") : machine.MountVariant(view),
        0);
    if (view == "v3") machine.AllowReports(V3Damage());
    // v3 looks for a shared tail at the wrong place there.
    ExpectHolds(machine, tree, "", /*tails=*/view != "v3", &counts);
    printf(
        "%-7s %-19s %-8s %4d files %8d bytes, spliced %8d; pages mapped "
        "from ROM %4d, paged %4d\n",
        arch().c_str(), layout().name, view.c_str(),
        static_cast<int>(counts.files), static_cast<int>(counts.bytes),
        static_cast<int>(counts.spliced), static_cast<int>(counts.rom_pages),
        static_cast<int>(counts.other_pages));
    EXPECT_GT(counts.files, 300u);
    if (view == "v3") {
      mapped_by_v3 = counts.rom_pages;
      EXPECT_EQ(counts.rom_pages > 100, !layout().classic);
    } else {
      EXPECT_EQ(counts.rom_pages, view == "mainline" ? mapped_by_v3 : 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FourViewsTest,
    ::testing::Combine(::testing::Values("x86-64", "arm"),
                       ::testing::ValuesIn(kLayouts)),
    [](const ::testing::TestParamInfo<FourViewsTest::ParamType>& info) {
      return absl::StrCat(std::get<0>(info.param) == "arm" ? "Arm" : "X86_64",
                          std::get<1>(info.param).name);
    });

}  // namespace
}  // namespace faultline::cramfs
