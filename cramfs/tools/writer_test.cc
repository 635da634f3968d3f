// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/writer.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cramfs/tools/test_util.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

constexpr uint32_t kPage = kBlockSize;

std::vector<BlockInfo> MapOf(const std::vector<uint8_t>& image,
                             const std::string& path) {
  const auto reader = ImageReader::Open(image);
  const auto node = reader.ok() ? reader->Lookup(path) : reader.status();
  if (!node.ok()) {
    ADD_FAILURE() << node.status();
    return {};
  }
  const auto map = reader->BlockMap(*node);
  if (!map.ok()) {
    ADD_FAILURE() << map.status();
    return {};
  }
  return *map;
}

uint32_t FlagsOf(const Image& image) {
  const auto reader = ImageReader::Open(image.bytes);
  return reader.ok() ? reader->superblock().flags : ~0u;
}

Entry FileWithLayout(std::string name, std::vector<uint8_t> data,
                     FileLayout layout) {
  Entry file = Entry::File(std::move(name), std::move(data));
  file.layout = std::move(layout);
  return file;
}

Entry AllTypes() {
  Entry root = Entry::Directory("");
  Entry& bin = root.Add(Entry::Directory("bin", 0711));
  bin.uid = 65535;
  bin.gid = 255;
  bin.Add(Entry::File("tool", Text(9999, 1), 04755));
  bin.Add(Entry::Symlink("alias", "tool"));
  root.Add(Entry::Directory("empty"));
  root.Add(Entry::File("nothing", {}));
  root.Add(Entry::File("page", Text(kPage, 2)));
  root.Add(Entry::File("noise", Noise(3 * kPage, 3)));
  root.Add(Entry::File("zeros", std::vector<uint8_t>(2 * kPage)));
  root.Add(Entry::Device("tty", S_IFCHR | 0620, 4, 255));
  root.Add(Entry::Device("disk", S_IFBLK | 0660, 255, 1));
  root.Add(Entry::Device("pipe", S_IFIFO | 0600, 0, 0));
  root.Add(Entry::Device("socket", S_IFSOCK | 0600, 0, 0));
  root.Add(Entry::File(std::string(kMaxNameLength, 'n'), Text(10, 4)));
  return root;
}

// Every combination of the options that change the layout of the image.
TEST(WriterTest, RoundTripsUnderEveryOption) {
  const Entry root = AllTypes();
  for (int bits = 0; bits < 32; ++bits) {
    BuildOptions options;
    options.byte_order = bits & 1 ? ByteOrder::kBig : ByteOrder::kLittle;
    options.pad = bits & 2;
    options.explicit_holes = bits & 4;
    options.extended_pointers = bits & 8;
    options.inserted = bits & 16 ? "boot" : "";
    SCOPED_TRACE(bits);
    const Image image = MustBuild(root, options);
    ExpectHolds(image.bytes, root);
    EXPECT_EQ(image.bytes.size() % kPage, 0u);
    EXPECT_EQ(image.files, 14u);
    EXPECT_EQ((FlagsOf(image) & CRAMFS_FLAG_HOLES) != 0,
              options.explicit_holes);
    EXPECT_EQ((FlagsOf(image) & CRAMFS_FLAG_EXT_BLOCK_POINTERS) != 0,
              options.extended_pointers);
    EXPECT_EQ(LayoutOf(image.bytes, "/zeros"),
              options.explicit_holes ? "--" : "cc");
    EXPECT_EQ(LayoutOf(image.bytes, "/noise"),
              options.extended_pointers ? "rrr" : "ccc");
  }
}

TEST(WriterTest, SameTreeInAnyOrderGivesSameBytes) {
  Entry root = AllTypes();
  const Image first = MustBuild(root);
  std::reverse(root.children.begin(), root.children.end());
  EXPECT_TRUE(MustBuild(root).bytes == first.bytes);
}

TEST(WriterTest, BigEndianInodeIsNoWordSwap) {
  Entry root = Entry::Directory("");
  Entry& file = root.Add(Entry::File("abcd", Text(0x123, 1), 0644));
  file.uid = 0x0102;
  file.gid = 0x03;
  BuildOptions options;
  options.byte_order = ByteOrder::kBig;
  const Image image = MustBuild(root, options);
  const std::vector<uint8_t> inode(image.bytes.begin() + 76,
                                   image.bytes.begin() + 88);
  // Data at 76 + 12 + 4 = 92 = 23 words; one word of name.
  const std::vector<uint8_t> expected = {0x81, 0xa4, 0x01, 0x02, 0, 0x01,
                                         0x23, 0x03, 0x04, 0,    0, 23};
  EXPECT_EQ(inode, expected);
}

TEST(WriterTest, EachKindIsStoredAsAskedAndReadsBack) {
  Entry root = Entry::Directory("");
  std::vector<uint8_t> data = Text(7 * kPage + 100, 5);
  std::fill(data.begin() + 3 * kPage, data.begin() + 4 * kPage, 0);
  root.Add(FileWithLayout("f", data,
                          {.runs = {{0, 1, BlockKind::kDirect},
                                    {2, 2, BlockKind::kDirectCompressed},
                                    {3, 3, BlockKind::kHole},
                                    {4, 4, BlockKind::kRaw},
                                    {6, 7, BlockKind::kDirect}}}));
  for (ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    BuildOptions options;
    options.byte_order = order;
    const Image image = MustBuild(root, options);
    ExpectHolds(image.bytes, root);
    EXPECT_EQ(LayoutOf(image.bytes, "/f"), "ddD-rcdd");
    const auto map = MapOf(image.bytes, "/f");
    EXPECT_TRUE(map[0].mappable() && map[1].mappable());
    EXPECT_EQ(map[1].offset, map[0].offset + kPage);
    EXPECT_EQ(map[1].pointer, map[0].pointer + (kPage >> 2));
    EXPECT_EQ(map[7].length, 100u);
  }
}

// A classic block's start is implied by the block before it; every pair of
// neighbours has its own rule.
TEST(WriterTest, EveryKindAfterEveryKindReadsBack) {
  const std::string letters = "drcD-";
  const BlockKind kinds[] = {BlockKind::kDirect, BlockKind::kRaw,
                             BlockKind::kCompressed,
                             BlockKind::kDirectCompressed, BlockKind::kHole};
  for (DirectAlignment alignment :
       {DirectAlignment::kEight, DirectAlignment::kPage}) {
    Entry root = Entry::Directory("");
    for (uint32_t a = 0; a < 5; ++a) {
      for (uint32_t b = 0; b < 5; ++b) {
        for (uint32_t c = 0; c < 5; ++c) {
          std::vector<uint8_t> data = Noise(2 * kPage + 77, a + 5 * b + 25 * c);
          const uint32_t picked[] = {a, b, c};
          FileLayout layout{.runs = {}, .alignment = alignment};
          for (uint32_t i = 0; i < 3; ++i) {
            layout.runs.push_back({i, i, kinds[picked[i]]});
            if (kinds[picked[i]] != BlockKind::kHole) continue;
            std::fill(
                data.begin() + i * kPage,
                data.begin() + std::min<size_t>((i + 1) * kPage, data.size()),
                0);
          }
          root.Add(FileWithLayout({letters[a], letters[b], letters[c]}, data,
                                  layout));
        }
      }
    }
    const Image image = MustBuild(root);
    ExpectHolds(image.bytes, root);
    for (const Entry& file : root.children) {
      EXPECT_EQ(LayoutOf(image.bytes, "/" + file.name), file.name);
    }
  }
}

TEST(WriterTest, DirectLastBlockOfWholePagesIsWhole) {
  Entry root = Entry::Directory("");
  root.Add(FileWithLayout("f", Text(2 * kPage, 6),
                          {.runs = {{0, 1, BlockKind::kDirect}}}));
  const Image image = MustBuild(root);
  ExpectHolds(image.bytes, root);
  EXPECT_EQ(MapOf(image.bytes, "/f")[1].length, kPage);
}

TEST(WriterTest, PackedTailIsFollowedByNextFile) {
  Entry root = Entry::Directory("");
  root.Add(FileWithLayout("a", Text(kPage + 500, 1),
                          {.runs = {{0, 1, BlockKind::kDirect}}}));
  root.Add(Entry::File("b", Text(100, 2)));
  const Image image = MustBuild(root);
  ExpectHolds(image.bytes, root);
  const BlockInfo tail = MapOf(image.bytes, "/a").back();
  const BlockInfo next = MapOf(image.bytes, "/b").front();
  EXPECT_GE(next.offset, tail.offset + tail.length);
  EXPECT_LT(next.offset, tail.offset + kPage) << "not in the tail's page";
}

TEST(WriterTest, OwnPageTailIsFollowedByZeros) {
  Entry root = Entry::Directory("");
  root.Add(FileWithLayout(
      "a", Text(kPage + 500, 1),
      {.runs = {{0, 1, BlockKind::kDirect}}, .tail = TailMode::kOwnPage}));
  root.Add(Entry::File("b", Text(100, 2)));
  const Image image = MustBuild(root);
  ExpectHolds(image.bytes, root);
  const BlockInfo tail = MapOf(image.bytes, "/a").back();
  for (uint32_t at = tail.offset + 500; at < tail.offset + kPage; ++at) {
    ASSERT_EQ(image.bytes[at], 0) << at;
  }
}

TEST(WriterTest, ForeignTailHasNoZeroEvenInLastFile) {
  for (DirectAlignment alignment :
       {DirectAlignment::kEight, DirectAlignment::kPage}) {
    Entry root = Entry::Directory("");
    root.Add(FileWithLayout("a", Text(kPage + 501, 1),
                            {.runs = {{0, 1, BlockKind::kDirect}},
                             .alignment = alignment,
                             .tail = TailMode::kForeign}));
    const Image image = MustBuild(root);
    ExpectHolds(image.bytes, root);
    const BlockInfo tail = MapOf(image.bytes, "/a").back();
    for (uint32_t at = tail.offset + 501; at < tail.offset + kPage; ++at) {
      ASSERT_NE(image.bytes[at], 0) << at;
    }
  }
}

TEST(WriterTest, EightByteAlignmentKeepsDirectBlocksOffPages) {
  Entry root = Entry::Directory("");
  root.Add(FileWithLayout("a", Text(2 * kPage, 1),
                          {.runs = {{0, 1, BlockKind::kDirect}},
                           .alignment = DirectAlignment::kEight}));
  // The second puts the end of the file's pointers on a page boundary.
  const size_t end = kSuperblockSize + kInodeSize + 4 + 2 * 4;
  for (size_t inserted : {size_t{0}, kPage - end}) {
    BuildOptions options;
    options.inserted = std::string(inserted, 'x');
    const Image image = MustBuild(root, options);
    ExpectHolds(image.bytes, root);
    for (const BlockInfo& block : MapOf(image.bytes, "/a")) {
      EXPECT_EQ(block.offset % 8, 0u);
      EXPECT_FALSE(block.mappable());
    }
  }
}

TEST(WriterTest, RefusesLayoutsThatCannotBe) {
  const std::vector<FileLayout> layouts = {
      {.runs = {{0, 3, BlockKind::kDirect}}},
      {.runs = {{2, 1, BlockKind::kDirect}}},
      {.runs = {{0, 1, BlockKind::kDirect}, {1, 2, BlockKind::kRaw}}},
      {.runs = {{1, 1, BlockKind::kHole}}},
  };
  for (size_t i = 0; i < layouts.size(); ++i) {
    Entry root = Entry::Directory("");
    root.Add(FileWithLayout("f", Text(3 * kPage, 1), layouts[i]));
    EXPECT_EQ(ImageBuilder().Build(root).status().code(),
              absl::StatusCode::kInvalidArgument)
        << i;
  }
}

// Blocks of the file:      0: rx    1: rx,rw  2: rw    3: r     4: nothing
const std::vector<ElfSegment> kSegments = {
    {.flags = 5, .offset = 0, .size = kPage + 100},
    {.flags = 6, .offset = kPage + 100, .size = 2 * kPage - 100},
    {.flags = 4, .offset = 3 * kPage, .size = 10},
    {.type = 2, .flags = 4, .offset = 4 * kPage, .size = kPage}};

TEST(WriterTest, XipStoresReadOnlySegmentsOfAnyElfDirect) {
  for (int bits : {32, 64}) {
    for (bool big : {false, true}) {
      Entry root = Entry::Directory("");
      root.Add(Entry::File("elf", MakeElf(bits, big, 5 * kPage, kSegments)));
      root.Add(Entry::File("text", Text(5 * kPage, 2)));
      BuildOptions options;
      EXPECT_EQ(LayoutOf(MustBuild(root, options).bytes, "/elf"), "ccccc");
      options.xip = XipMode::kPageAligned;
      const Image image = MustBuild(root, options);
      ExpectHolds(image.bytes, root);
      EXPECT_EQ(LayoutOf(image.bytes, "/elf"), "ddcdc") << bits << big;
      EXPECT_EQ(LayoutOf(image.bytes, "/text"), "ccccc");
      EXPECT_TRUE(MapOf(image.bytes, "/elf")[1].mappable());
      options.xip = XipMode::kEightByte;
      const Image eight = MustBuild(root, options);
      ExpectHolds(eight.bytes, root);
      EXPECT_EQ(LayoutOf(eight.bytes, "/elf"), "ddcdc") << bits << big;
      EXPECT_FALSE(MapOf(eight.bytes, "/elf")[0].mappable());
    }
  }
}

TEST(WriterTest, XipCountsPagesFromImageStartWithPad) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("elf", MakeElf(32, false, 5 * kPage, kSegments)));
  BuildOptions options;
  options.xip = XipMode::kPageAligned;
  options.pad = true;
  options.boot_code = "boot";
  const Image image = MustBuild(root, options);
  ExpectHolds(image.bytes, root);
  EXPECT_EQ(image.bytes[0], 'b');
  EXPECT_EQ(MapOf(image.bytes, "/elf")[0].offset % kPage, 0u);
}

TEST(WriterTest, MergesOnlyWhatMayHaveOneInode) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("a", Text(5000, 1), 0644));
  root.Add(Entry::File("b", Text(5000, 1), 0644));
  root.Add(Entry::File("mode", Text(5000, 1), 04755));
  root.Add(Entry::File("owner", Text(5000, 1), 0644)).uid = 1;
  root.Add(Entry::File("group", Text(5000, 1), 0644)).gid = 1;
  root.Add(FileWithLayout("layout", Text(5000, 1), FileLayout()));
  root.Add(Entry::Symlink("link", "target"));
  root.Add(Entry::File("like_link", {'t', 'a', 'r', 'g', 'e', 't'}, 0777));
  const Image image = MustBuild(root);
  ExpectHolds(image.bytes, root);
  const auto reader = ImageReader::Open(image.bytes);
  ASSERT_TRUE(reader.ok());
  const auto offset = [&](const char* path) {
    return reader->Lookup(path)->inode.offset;
  };
  EXPECT_EQ(offset("/a"), offset("/b"));
  std::vector<uint32_t> others;
  for (const char* path :
       {"/a", "/mode", "/owner", "/group", "/layout", "/link", "/like_link"}) {
    others.push_back(offset(path));
  }
  std::sort(others.begin(), others.end());
  EXPECT_EQ(std::unique(others.begin(), others.end()), others.end());
  EXPECT_EQ(image.blocks, 5 * 2 + 2u);

  BuildOptions options;
  options.merge_identical = false;
  EXPECT_EQ(MustBuild(root, options).blocks, 6 * 2 + 2u);
}

TEST(WriterTest, LimitsAreErrorsAndCountedWhenLenient) {
  struct Case {
    Entry entry;
    uint32_t BuildWarnings::*counter;
  };
  Entry wide_uid = Entry::File("uid", Text(1, 1), 06755);
  wide_uid.uid = 65536;
  Entry wide_gid = Entry::File("gid", Text(1, 1), 06755);
  wide_gid.gid = 256;
  const Case cases[] = {
      {Entry::File(std::string(253, 'x'), {}), &BuildWarnings::names_too_long},
      {Entry::File("big", std::vector<uint8_t>(1 << 24)),
       &BuildWarnings::sizes_cut},
      {wide_uid, &BuildWarnings::uids_cut},
      {wide_gid, &BuildWarnings::gids_cut},
      {Entry::Device("dev", S_IFCHR | 0600, 1, 256),
       &BuildWarnings::devices_cut},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.entry.name.substr(0, 10));
    Entry root = Entry::Directory("");
    root.Add(test.entry);
    EXPECT_EQ(ImageBuilder().Build(root).status().code(),
              absl::StatusCode::kOutOfRange);
    BuildOptions options;
    options.lenient = true;
    options.explicit_holes = true;
    const Image image = MustBuild(root, options);
    EXPECT_EQ(image.warnings.*test.counter, 1u);
    EXPECT_EQ(image.warnings.total(), 1u);
    ASSERT_EQ(image.warnings.messages.size(), 1u);
    const auto reader = ImageReader::Open(image.bytes);
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE(reader->Check().ok());
    const auto list = reader->List(reader->root());
    ASSERT_TRUE(list.ok()) << list.status();
    for (const Node& node : *list) {
      EXPECT_EQ(node.inode.mode & S_ISUID, node.name() == "gid" ? S_ISUID : 0u);
      EXPECT_EQ(node.inode.mode & S_ISGID, node.name() == "uid" ? S_ISGID : 0u);
    }
  }
}

TEST(WriterTest, LargestFileRoundTrips) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("big", Text(kMaxFileSize, 1)));
  const Image image = MustBuild(root);
  ExpectHolds(image.bytes, root);
}

TEST(WriterTest, RefusesWhatNoImageCanHold) {
  Entry typeless = Entry::File("x", {});
  typeless.mode = 0644;
  Entry misplaced = Entry::Symlink("x", "y");
  misplaced.layout = FileLayout();
  const Entry bad[] = {
      Entry::File("", {}),
      Entry::File(".", {}),
      Entry::File("..", {}),
      Entry::File("a/b", {}),
      Entry::File({'a', '\0'}, {}),
      Entry::Symlink("x", ""),
      typeless,
      Entry::Symlink("x", std::string(4096, 'x')),
      misplaced,
      Entry::File("twin", {}),
  };
  for (const Entry& entry : bad) {
    Entry root = Entry::Directory("");
    root.Add(Entry::File("twin", {}));
    root.Add(entry);
    EXPECT_EQ(ImageBuilder().Build(root).status().code(),
              absl::StatusCode::kInvalidArgument)
        << entry.name << " " << entry.mode;
  }
  EXPECT_FALSE(ImageBuilder().Build(Entry::File("", {})).ok());
  BuildOptions options;
  options.name = std::string(17, 'v');
  EXPECT_FALSE(ImageBuilder(options).Build(Entry::Directory("")).ok());
  options.name.pop_back();
  const Image full = MustBuild(Entry::Directory(""), options);
  EXPECT_EQ(ImageReader::Open(full.bytes)->superblock().name, options.name);
}

TEST(WriterTest, RefusesTreesDeeperThanTheReaderGoes) {
  for (int levels : {kMaxDepth, kMaxDepth + 1}) {
    Entry tree = Entry::Directory("d");
    for (int i = 1; i < levels; ++i) {
      Entry parent = Entry::Directory("d");
      parent.Add(std::move(tree));
      tree = std::move(parent);
    }
    Entry root = Entry::Directory("");
    root.Add(std::move(tree));
    const auto image = ImageBuilder().Build(root);
    ASSERT_EQ(image.ok(), levels == kMaxDepth);
    if (image.ok()) ExpectHolds(image->bytes, root);
  }
}

TEST(WriterTest, ListedFilesAreDirectThroughout) {
  Entry root = Entry::Directory("");
  Entry& bin = root.Add(Entry::Directory("bin"));
  bin.Add(Entry::File("flat", Text(2 * kPage + 10, 1)));
  bin.Add(Entry::File("twin", Text(2 * kPage + 10, 1)));
  root.Add(Entry::File("elf", MakeElf(64, false, 5 * kPage, kSegments)));
  BuildOptions options;
  options.xip_files = {"bin/flat"};
  const Image image = MustBuild(root, options);
  ExpectHolds(image.bytes, root);
  EXPECT_EQ(LayoutOf(image.bytes, "/bin/flat"), "ddd");
  EXPECT_TRUE(MapOf(image.bytes, "/bin/flat")[1].mappable());
  EXPECT_EQ(LayoutOf(image.bytes, "/bin/twin"), "ccr") << "shared the layout";
  EXPECT_EQ(LayoutOf(image.bytes, "/elf"), "ccccc");

  options.xip = XipMode::kEightByte;
  options.xip_files = {"/bin/flat", "/elf"};
  const Image eight = MustBuild(root, options);
  ExpectHolds(eight.bytes, root);
  EXPECT_EQ(MapOf(eight.bytes, "/bin/flat")[0].offset % 8, 0u);
  EXPECT_EQ(LayoutOf(eight.bytes, "/elf"), "ddddd");

  for (const char* path : {"bin/none", "bin", ""}) {
    options.xip_files = {"bin/flat", path};
    EXPECT_EQ(ImageBuilder(options).Build(root).status().code(),
              absl::StatusCode::kNotFound)
        << path;
  }
}

TEST(WriterTest, TailOptionHoldsForElfFiles) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("a", MakeElf(32, false, kPage + 500,
                                    {{.flags = 5, .size = kPage + 500}})));
  root.Add(Entry::File("b", Text(100, 2)));
  BuildOptions options;
  options.xip = XipMode::kPageAligned;
  for (TailMode tail : {TailMode::kPacked, TailMode::kOwnPage}) {
    options.tail = tail;
    const Image image = MustBuild(root, options);
    ExpectHolds(image.bytes, root);
    const BlockInfo last = MapOf(image.bytes, "/a").back();
    const BlockInfo next = MapOf(image.bytes, "/b").front();
    ASSERT_TRUE(last.mappable());
    EXPECT_EQ(next.offset < last.offset + kPage, tail == TailMode::kPacked);
  }
}

// Everything a build can do at once, on a tree whose files need many batches.
TEST(WriterTest, SameBytesOnAnyNumberOfThreads) {
  Entry root = AllTypes();
  Entry& more = root.Add(Entry::Directory("more"));
  for (uint32_t i = 0; i < 40; ++i) {
    const std::string name = "f" + std::to_string(i);
    more.Add(Entry::File(name, Text(i * 977 % 30000, i % 40)));
    more.Add(Entry::File(name + "e", MakeElf(i % 2 ? 32 : 64, i % 3 == 0,
                                             5 * kPage + i, kSegments)));
  }
  more.Add(Entry::File("large", Noise(150 * kPage + 1, 9)));
  more.Add(Entry::File("holes", std::vector<uint8_t>(150 * kPage)));
  for (int bits = 0; bits < 4; ++bits) {
    BuildOptions options;
    options.byte_order = bits & 1 ? ByteOrder::kBig : ByteOrder::kLittle;
    options.explicit_holes = bits & 1;
    options.xip = bits & 2 ? XipMode::kPageAligned : XipMode::kNone;
    options.tail = bits & 2 ? TailMode::kOwnPage : TailMode::kPacked;
    options.jobs = 1;
    SCOPED_TRACE(bits);
    const Image one = MustBuild(root, options);
    if (bits == 3) ExpectHolds(one.bytes, root);
    for (int jobs : {2, 3, 8, 0}) {
      options.jobs = jobs;
      EXPECT_TRUE(MustBuild(root, options).bytes == one.bytes) << jobs;
    }
  }
}

TEST(WriterTest, StreamsAreThoseOfCompress2AtEveryLevel) {
  const std::vector<uint8_t> data = Text(3 * kPage + 99, 3);
  Entry root = Entry::Directory("");
  root.Add(Entry::File("f", data));
  BuildOptions options;
  for (options.level = 1; options.level <= 9; ++options.level) {
    const Image image = MustBuild(root, options);
    EXPECT_EQ(LayoutOf(image.bytes, "/f"), "cccc");
    const auto map = MapOf(image.bytes, "/f");
    ASSERT_EQ(map.size(), 4u);
    for (size_t i = 0; i < map.size(); ++i) {
      const size_t size = std::min<size_t>(kPage, data.size() - i * kPage);
      uLongf length = compressBound(size);
      std::vector<uint8_t> expected(length);
      ASSERT_EQ(compress2(expected.data(), &length, &data[i * kPage], size,
                          options.level),
                Z_OK);
      expected.resize(length);
      const std::vector<uint8_t> stored(
          image.bytes.begin() + map[i].offset,
          image.bytes.begin() + map[i].offset + map[i].length);
      EXPECT_TRUE(stored == expected) << options.level << " " << i;
    }
  }
  EXPECT_EQ(ImageBuilder(options).Build(root).status().code(),
            absl::StatusCode::kInvalidArgument)
      << "level 10";
}

TEST(WriterTest, WarningsAreErrorsBeforeAnyWorkWhenAsked) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("f", Text(5000, 1))).uid = 70000;
  root.Add(Entry::Device("d", S_IFCHR | 0600, 1, 300));
  BuildOptions options;
  options.lenient = options.fail_on_warnings = true;
  int calls = 0;
  options.progress = [&](uint64_t, uint64_t) { return ++calls > 0; };
  BuildWarnings warnings;
  EXPECT_EQ(ImageBuilder(options).Build(root, &warnings).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(warnings.uids_cut, 1u);
  EXPECT_EQ(warnings.devices_cut, 1u);
  EXPECT_EQ(warnings.messages.size(), 2u);
  options.fail_on_warnings = false;
  EXPECT_TRUE(ImageBuilder(options).Build(root).ok());
  EXPECT_GT(calls, 0);
}

TEST(WriterTest, ProgressCoversAllBytesAndCanStop) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("a", Text(300 * kPage + 7, 1)));
  root.Add(Entry::File("b", Text(10, 2)));
  for (int jobs : {1, 4}) {
    BuildOptions options;
    options.jobs = jobs;
    uint64_t last = 0;
    options.progress = [&](uint64_t done, uint64_t total) {
      EXPECT_GT(done, last);
      EXPECT_EQ(total, 300 * kPage + 17);
      last = done;
      return true;
    };
    MustBuild(root, options);
    EXPECT_EQ(last, 300 * kPage + 17);
    options.progress = [](uint64_t, uint64_t) { return false; };
    EXPECT_EQ(ImageBuilder(options).Build(root).status().code(),
              absl::StatusCode::kCancelled);
  }
}

// Fails from its n-th reading on.
class FailingSource : public FileSource {
 public:
  FailingSource(uint64_t size, int good) : size_(size), good_(good) {}
  uint64_t size() const override { return size_; }
  absl::Status Read(uint64_t, absl::Span<uint8_t> buffer) const override {
    if (reads_++ >= good_) return absl::AbortedError("changed");
    std::fill(buffer.begin(), buffer.end(), 7);
    return absl::OkStatus();
  }

 private:
  const uint64_t size_;
  const int good_;
  mutable std::atomic<int> reads_{0};
};

TEST(WriterTest, SourcesThatFailLateAreLeftOutAndCounted) {
  for (int good : {0, 1, 3}) {
    for (int jobs : {1, 4}) {
      SCOPED_TRACE(good);
      const auto make = [&] {
        Entry root = Entry::Directory("");
        root.Add(Entry::File("a", Text(400 * kPage, 1)));
        Entry bad = Entry::File("bad", {});
        bad.source = std::make_shared<FailingSource>(400 * kPage, good);
        root.Add(bad);
        bad.name = "bad too";  // another name of the same file
        root.Add(bad);
        root.Add(Entry::File("z", Text(3 * kPage, 2)));
        return root;
      };
      BuildOptions options;
      options.jobs = jobs;
      const auto strict = ImageBuilder(options).Build(make());
      EXPECT_EQ(strict.status().code(), absl::StatusCode::kAborted);
      EXPECT_TRUE(absl::StrContains(strict.status().message(), "/bad: changed"))
          << strict.status();
      options.lenient = true;
      const auto image = ImageBuilder(options).Build(make());
      ASSERT_TRUE(image.ok()) << image.status();
      EXPECT_EQ(image->warnings.skipped, 2u);
      EXPECT_EQ(image->warnings.total(), 2u);
      Entry rest = make();
      rest.children.erase(rest.children.begin() + 1, rest.children.begin() + 3);
      ExpectHolds(image->bytes, rest);
      options.fail_on_warnings = true;
      EXPECT_EQ(ImageBuilder(options).Build(make()).status().code(),
                absl::StatusCode::kFailedPrecondition);
    }
  }
}

TEST(WriterTest, DataThatWouldBeginBeyondTheLimitIsRefused) {
  Entry root = Entry::Directory("");
  root.Add(Entry::File("first", Text(5000, 1)));
  BuildOptions options;
  options.inserted = std::string(kMaxDataOffset - 4096, 'x');
  root.Add(Entry::File("second", Noise(2 * kPage, 2)));
  root.Add(Entry::File("third", Text(5001, 3)));
  const auto image = ImageBuilder(options).Build(root);
  EXPECT_EQ(image.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(absl::StrContains(image.status().message(), "/third"))
      << image.status();
}

}  // namespace
}  // namespace faultline::cramfs
