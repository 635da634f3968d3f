// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/reader.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <functional>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cramfs/tools/file_reader.h"
#include "cramfs/tools/test_util.h"
#include "cramfs/tools/writer.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

constexpr uint32_t kPage = kBlockSize;

std::vector<uint8_t> Deflate(const std::vector<uint8_t>& data) {
  uLongf length = compressBound(data.size());
  std::vector<uint8_t> stream(length);
  EXPECT_EQ(compress(stream.data(), &length, data.data(), data.size()), Z_OK);
  stream.resize(length);
  return stream;
}

// A good image with one of everything, to be damaged.
class Victim {
 public:
  explicit Victim(ByteOrder order) : codec_(order) {
    Entry root = Entry::Directory("");
    Entry& dir = root.Add(Entry::Directory("a"));
    dir.Add(Entry::Directory("b")).Add(Entry::File("deep", Text(10, 9)));
    dir.Add(Entry::File("file", Text(2 * kPage + 100, 1)));
    Entry& direct = root.Add(Entry::File("d", Text(2 * kPage + 100, 2)));
    direct.layout = FileLayout{.runs = {{0, 2, BlockKind::kDirect}}};
    root.Add(Entry::Symlink("l", "a/file"));
    Entry& mixed = root.Add(Entry::File("m", Text(3 * kPage, 3)));
    mixed.layout = FileLayout{.runs = {{0, 0, BlockKind::kDirectCompressed},
                                       {1, 1, BlockKind::kRaw}}};
    // Incompressible: streams longer than what replaces them below.
    root.Add(Entry::File("n", Noise(2 * kPage, 4)));
    root.Add(Entry::Device("p", S_IFIFO | 0600, 0, 0));
    root.Add(Entry::File("small", Noise(kPage / 2, 5)));
    root.Add(Entry::Device("t", S_IFCHR | 0600, 4, 1));
    BuildOptions options;
    options.byte_order = order;
    bytes = MustBuild(root, options).bytes;
    original_ = bytes;
  }

  Node node(const std::string& path) const {
    return ImageReader::Open(original_)->Lookup(path).value();
  }
  BlockInfo block(const std::string& path, uint32_t index) const {
    const auto reader = ImageReader::Open(original_);
    return reader->BlockMap(reader->Lookup(path).value()).value().at(index);
  }

  void ChangeInode(const std::string& path,
                   const std::function<void(Inode*)>& change) {
    const Node old = node(path);
    Inode inode = old.inode;
    change(&inode);
    codec_.PutInode(&bytes[old.inode_position], inode);
  }
  // Replaces the name's bytes, padding included.
  void SetName(const std::string& path, const std::string& name) {
    const Node old = node(path);
    for (uint32_t i = 0; i < old.inode.name_length; ++i) {
      bytes[old.inode_position + kInodeSize + i] =
          i < name.size() ? static_cast<uint8_t>(name[i]) : 0;
    }
  }
  void SetSuper(size_t offset, uint32_t value) {
    codec_.Put32(&bytes[offset], value);
  }
  uint32_t GetSuper(size_t offset) const {
    return codec_.Get32(&bytes[offset]);
  }
  void SetPointer(const std::string& path, uint32_t index, uint32_t value) {
    codec_.Put32(&bytes[node(path).inode.offset + 4 * index], value);
  }
  // Overwrites the start of a stored block.
  void SetStream(const std::string& path, uint32_t index,
                 const std::vector<uint8_t>& stream) {
    const BlockInfo at = block(path, index);
    ASSERT_LE(stream.size(), at.length);
    std::copy(stream.begin(), stream.end(), bytes.begin() + at.offset);
  }
  void SetDirectLength(const std::string& path, uint32_t index,
                       uint16_t value) {
    codec_.Put16(&bytes[block(path, index).offset - 2], value);
  }

  std::vector<uint8_t> bytes;

 private:
  Codec codec_;
  std::vector<uint8_t> original_;
};

absl::Status FirstError(const std::vector<uint8_t>& image) {
  const auto reader = ImageReader::Open(image);
  if (!reader.ok()) return reader.status();
  const CheckReport report = reader->Check();
  return report.ok() ? absl::OkStatus() : report.errors.front();
}

struct Corruption {
  const char* name;
  std::function<void(Victim*)> damage;
  const char* message;  // part of the first error
};

constexpr uint32_t kDirectRaw = CRAMFS_BLK_FLAGS;
constexpr uint32_t kDirectZ = CRAMFS_BLK_FLAG_DIRECT_PTR;

const Corruption kCorruptions[] = {
    // Superblock.
    {"Magic", [](Victim* v) { v->bytes[0] ^= 1; }, "no cramfs superblock"},
    {"SizeSmallerThanSuperblock", [](Victim* v) { v->SetSuper(4, 75); },
     "size of 75, at image offset 4"},
    {"SizeBeyondFile", [](Victim* v) { v->SetSuper(4, v->GetSuper(4) + 1); },
     "image cut"},
    {"UnknownFlag", [](Victim* v) { v->SetSuper(8, 0x1003); },
     "flags 0x1000 unknown, at image offset 8"},
    {"RootNoDirectory",
     [](Victim* v) {
       v->ChangeInode("/", [](Inode* i) { i->mode = 0100644; });
     },
     "/: not a directory, at image offset 64"},
    {"RootElsewhere",
     [](Victim* v) { v->ChangeInode("/", [](Inode* i) { i->offset = 80; }); },
     "/: directory expected after the superblock"},
    {"RootNowhere",
     [](Victim* v) { v->ChangeInode("/", [](Inode* i) { i->offset = 0; }); },
     "/: directory inside the superblock"},
    {"RootTooLong",
     [](Victim* v) {
       v->ChangeInode("/", [](Inode* i) { i->size = kMaxFileSize; });
     },
     "/: directory beyond the end"},
    // Directories.
    {"DirectoryOfItself",
     [](Victim* v) {
       const Inode a = v->node("/a").inode;
       v->ChangeInode("/a/b", [&](Inode* i) {
         i->offset = a.offset;
         i->size = a.size;
       });
     },
     "/a/b: directory inside another or given twice"},
    {"DirectoryOfRoot",
     [](Victim* v) {
       const Inode root = v->node("/").inode;
       v->ChangeInode("/a/b", [&](Inode* i) {
         i->offset = root.offset;
         i->size = root.size;
       });
     },
     "/a/b: directory inside another or given twice"},
    {"DirectoriesOverlap",
     [](Victim* v) {
       v->ChangeInode("/a", [](Inode* i) {
         i->offset -= 16;
         i->size += 16;
       });
     },
     "/a: directory inside another or given twice"},
    {"DirectoryInSuperblock",
     [](Victim* v) { v->ChangeInode("/a", [](Inode* i) { i->offset = 64; }); },
     "/a: directory inside the superblock"},
    {"LastEntryCut",
     [](Victim* v) { v->ChangeInode("/a/b", [](Inode* i) { i->size += 4; }); },
     "/a/b: last entry cut"},
    {"NameCut",
     [](Victim* v) { v->ChangeInode("/a/b", [](Inode* i) { i->size -= 4; }); },
     "/a/b: name beyond the directory's end"},
    {"NameLengthTooLarge",
     [](Victim* v) {
       v->ChangeInode("/a/b/deep",
                      [](Inode* i) { i->name_length = kMaxNameLength; });
     },
     "/a/b: name beyond the directory's end"},
    {"NameOfNuls", [](Victim* v) { v->SetName("/d", ""); }, "/: an empty name"},
    {"NulInsideName",
     [](Victim* v) { v->SetName("/small", std::string("s\0all", 5)); },
     "/: a NUL inside a name"},
    {"SlashInName", [](Victim* v) { v->SetName("/small", "../x"); },
     "/: a '/' in a name"},
    {"NameDot", [](Victim* v) { v->SetName("/a", "."); },
     "/: a name that stands for a directory"},
    {"NameDotDot", [](Victim* v) { v->SetName("/a", ".."); },
     "/: a name that stands for a directory"},
    {"NamePaddedTwice", [](Victim* v) { v->SetName("/small", "s"); },
     "/s: name padded with more NULs"},
    {"NameTwice", [](Victim* v) { v->SetName("/d", "a"); },
     "/: a name given twice"},
    {"OrderBroken", [](Victim* v) { v->SetName("/d", "zz"); },
     "/: a name out of the order"},
    // Inodes.
    {"TypeZero",
     [](Victim* v) { v->ChangeInode("/t", [](Inode* i) { i->mode = 0600; }); },
     "/t: mode 0x180 has no type"},
    {"TypeAllOnes",
     [](Victim* v) {
       v->ChangeInode("/t", [](Inode* i) { i->mode = 0xf000; });
     },
     "/t: mode 0xf000 has no type"},
    {"DeviceWithData",
     [](Victim* v) { v->ChangeInode("/t", [](Inode* i) { i->offset = 400; }); },
     "/t: device with data"},
    {"FifoWithSize",
     [](Victim* v) { v->ChangeInode("/p", [](Inode* i) { i->size = 1; }); },
     "/p: fifo or socket with data"},
    {"LinkToNothing",
     [](Victim* v) { v->ChangeInode("/l", [](Inode* i) { i->size = 0; }); },
     "/l: symbolic link to nothing"},
    {"LinkOfTwoPages",
     [](Victim* v) { v->ChangeInode("/l", [](Inode* i) { i->size = 8192; }); },
     "/l: symbolic link of a page or more"},
    {"LinkWithNul",
     [](Victim* v) {
       v->ChangeInode("/small", [](Inode* i) {
         i->mode = S_IFLNK | 0777;
         i->size = 3;
       });
       v->SetStream("/small", 0, Deflate({'a', 0, 'b'}));
     },
     "/small: NUL inside a symbolic link"},
    {"EmptyFileWithData",
     [](Victim* v) { v->ChangeInode("/d", [](Inode* i) { i->size = 0; }); },
     "/d: empty file with data"},
    {"FileWithoutOffset",
     [](Victim* v) { v->ChangeInode("/d", [](Inode* i) { i->offset = 0; }); },
     "/d: data inside the superblock"},
    {"PointersBeyondEnd",
     [](Victim* v) {
       v->ChangeInode("/d", [](Inode* i) { i->offset = kMaxDataOffset - 4; });
     },
     "/d: block pointers beyond the end"},
    {"DataInDirectory",
     [](Victim* v) {
       const uint32_t directory = v->node("/a").inode.offset;
       v->ChangeInode("/n", [&](Inode* i) { i->offset = directory; });
     },
     "/n: block pointers inside another structure"},
    {"SameDataOtherSize",
     [](Victim* v) {
       const uint32_t data = v->node("/d").inode.offset;
       v->ChangeInode("/n", [&](Inode* i) { i->offset = data; });
     },
     "/n: data of /d under other size or type"},
    {"TablesOverlap",
     [](Victim* v) {
       const uint32_t data = v->node("/d").inode.offset;
       v->ChangeInode("/n", [&](Inode* i) { i->offset = data + 4; });
     },
     "/n: block pointers inside another structure"},
    // Classic pointers.
    {"PointerZero", [](Victim* v) { v->SetPointer("/a/file", 0, 0); },
     "/a/file: block ends before it starts"},
    {"PointerBack",
     [](Victim* v) {
       v->SetPointer("/a/file", 1, v->block("/a/file", 0).pointer - 1);
     },
     "/a/file: block ends before it starts"},
    {"PointerPastEnd",
     [](Victim* v) { v->SetPointer("/a/file", 1, v->GetSuper(4) + 1); },
     "/a/file: block beyond the end"},
    {"PointerBit29", [](Victim* v) { v->SetPointer("/n", 0, 1u << 29); },
     "/n: block beyond the end"},
    {"BlockOfTooManyBytes",
     [](Victim* v) {
       v->SetPointer("/a/file", 0, v->block("/a/file", 0).offset + 8193);
     },
     "/a/file: block of 8193 stored bytes"},
    {"RawBlockTooLong",
     [](Victim* v) {
       v->SetPointer("/a/file", 0,
                     (v->block("/a/file", 0).offset + 4097) |
                         CRAMFS_BLK_FLAG_UNCOMPRESSED);
     },
     "/a/file: block of 4097 stored bytes"},
    {"RawBlockTooShort",
     [](Victim* v) {
       v->SetPointer("/a/file", 0,
                     (v->block("/a/file", 0).offset + 4095) |
                         CRAMFS_BLK_FLAG_UNCOMPRESSED);
     },
     "/a/file: raw block of 4095 bytes where the file has 4096"},
    {"PointerFlagsWithoutSuperblockFlag", [](Victim* v) { v->SetSuper(8, 3); },
     "/d: extended pointer in an image without them"},
    // Direct pointers.
    {"DirectInSuperblock",
     [](Victim* v) { v->SetPointer("/d", 0, kDirectRaw); },
     "/d: direct block inside the superblock, at image offset 0"},
    {"DirectPastEnd",
     [](Victim* v) {
       v->SetPointer("/d", 0, kDirectRaw | (v->GetSuper(4) >> 2));
     },
     "/d: direct block beyond the end"},
    {"DirectAcrossEnd",
     [](Victim* v) {
       v->SetPointer("/d", 0, kDirectRaw | ((v->GetSuper(4) - 4092) >> 2));
     },
     "/d: direct block beyond the end"},
    {"DirectAtHighestOffset",
     [](Victim* v) { v->SetPointer("/d", 0, 0xffffffffu); },
     "/d: direct block beyond the end, at image offset 4294967292"},
    {"DirectCompressedPastEnd",
     [](Victim* v) {
       v->SetPointer("/m", 0, kDirectZ | (v->GetSuper(4) >> 2));
     },
     "/m: direct block beyond the end"},
    {"DirectCompressedLength65535",
     [](Victim* v) { v->SetDirectLength("/m", 0, 65535); },
     "/m: stream of 65535 bytes"},
    {"DirectInOwnTable",
     [](Victim* v) {
       v->SetPointer("/d", 0, kDirectRaw | (v->node("/d").inode.offset >> 2));
     },
     "/d: block inside the file's own pointers"},
    {"DirectInDirectory",
     [](Victim* v) {
       v->SetPointer("/d", 2, kDirectRaw | (v->node("/a").inode.offset >> 2));
     },
     "/d: block inside a directory"},
    // Overlaps.
    {"BlockInsideOthersStream",
     [](Victim* v) {
       const uint32_t at = (v->block("/n", 0).offset + 100) & ~3u;
       v->SetPointer("/d", 0, kDirectRaw | (at >> 2));
     },
     "/d: block shares bytes with a block of /n"},
    {"BlockInsideOthersPointers",
     [](Victim* v) {
       v->SetPointer("/d", 2, kDirectRaw | (v->node("/n").inode.offset >> 2));
     },
     "/d: block inside the pointers of /n"},
    {"BlocksOfOneFileShareBytes",
     [](Victim* v) { v->SetPointer("/d", 1, v->block("/d", 0).pointer + 1); },
     "/d: block shares bytes with a block of /d"},
    {"SameBlockForOtherSize",
     [](Victim* v) { v->SetPointer("/d", 2, v->block("/d", 0).pointer); },
     "/d: block shares bytes with a block of /d"},
    {"StreamAlsoTakenAsRaw",
     [](Victim* v) {
       v->SetPointer("/d", 0,
                     kDirectRaw | ((v->block("/m", 0).offset - 2) >> 2));
     },
     "block shares bytes with a block of"},
    {"LinkIsHole",
     [](Victim* v) { v->SetPointer("/l", 0, v->block("/l", 0).offset); },
     "/l: NUL inside a symbolic link"},
    {"RawLinkWithNul",
     [](Victim* v) {
       v->ChangeInode("/small", [](Inode* i) {
         i->mode = S_IFLNK | 0777;
         i->size = 3;
       });
       const BlockInfo block = v->block("/small", 0);
       v->SetPointer("/small", 0,
                     (block.offset + 3) | CRAMFS_BLK_FLAG_UNCOMPRESSED);
       v->bytes[block.offset + 1] = 0;
     },
     "/small: NUL inside a symbolic link"},
    // A link may share a block with a file, which may have NULs.
    {"LinkSharesBlockWithNul",
     [](Victim* v) {
       const uint32_t at = v->block("/d", 2).offset;
       v->ChangeInode("/l", [](Inode* i) { i->size = 100; });
       v->SetPointer("/l", 0, kDirectRaw | (at >> 2));
       v->bytes[at + 50] = 0;
     },
     "/l: NUL inside a symbolic link"},
    // Streams.
    {"StreamGarbage",
     [](Victim* v) { v->bytes[v->block("/n", 0).offset] ^= 0xff; },
     "/n: not a zlib stream"},
    {"StreamBitFlip",
     [](Victim* v) {
       const BlockInfo block = v->block("/n", 0);
       v->bytes[block.offset + block.length - 1] ^= 1;
     },
     "/n: not a zlib stream: incorrect data check"},
    {"StreamCut",
     [](Victim* v) {
       v->SetPointer("/small", 0, v->block("/small", 0).pointer - 1);
     },
     "/small: stream is cut"},
    {"StreamShort",
     [](Victim* v) { v->SetStream("/small", 0, Deflate(Text(2047, 1))); },
     "/small: stream inflates to 2047 bytes of 2048"},
    {"StreamOneByteTooLong",
     [](Victim* v) { v->SetStream("/n", 0, Deflate(Text(4097, 1))); },
     "/n: stream inflates to more than its block"},
    {"StreamBomb",
     [](Victim* v) {
       v->SetStream("/n", 0, Deflate(std::vector<uint8_t>(1 << 20)));
     },
     "/n: stream inflates to more than its block"},
};

class CorruptionTest
    : public ::testing::TestWithParam<std::tuple<size_t, ByteOrder>> {};

TEST_P(CorruptionTest, IsFoundAndNamed) {
  const Corruption& corruption = kCorruptions[std::get<0>(GetParam())];
  Victim victim(std::get<1>(GetParam()));
  ASSERT_EQ(FirstError(victim.bytes), absl::OkStatus());
  corruption.damage(&victim);
  FixCrc(&victim.bytes);
  const absl::Status error = FirstError(victim.bytes);
  EXPECT_TRUE(absl::StrContains(error.message(), corruption.message))
      << error << "\nexpected: " << corruption.message;
}

INSTANTIATE_TEST_SUITE_P(
    All, CorruptionTest,
    ::testing::Combine(::testing::Range<size_t>(0, std::size(kCorruptions)),
                       ::testing::Values(ByteOrder::kLittle, ByteOrder::kBig)),
    [](const auto& info) {
      return absl::StrCat(
          kCorruptions[std::get<0>(info.param)].name,
          std::get<1>(info.param) == ByteOrder::kBig ? "Big" : "Little");
    });

TEST(ReaderTest, EveryChangedByteBreaksTheCrc) {
  Victim victim(ByteOrder::kLittle);
  for (size_t at = 12; at < victim.bytes.size(); at += 97) {
    victim.bytes[at] ^= 0x10;
    const auto reader = ImageReader::Open(victim.bytes);
    EXPECT_FALSE(reader.ok() && reader->CheckCrc().ok()) << at;
    victim.bytes[at] ^= 0x10;
  }
}

TEST(ReaderTest, RefusesEveryTruncation) {
  const Victim victim(ByteOrder::kLittle);
  for (size_t size = 0; size < victim.bytes.size();
       size += size < 600 ? 1 : 101) {
    EXPECT_FALSE(
        ImageReader::Open(absl::MakeSpan(victim.bytes).first(size)).ok())
        << size;
  }
}

TEST(ReaderTest, NeverReadsBeyondSizeOfSuperblock) {
  const Victim whole(ByteOrder::kLittle);
  for (uint32_t size = 76; size < whole.bytes.size(); size += 52) {
    std::vector<uint8_t> image = whole.bytes;
    Codec(ByteOrder::kLittle).Put32(&image[4], size);
    FixCrc(&image);
    // What lies beyond must not matter.
    std::fill(image.begin() + size, image.end(), 0xee);
    const absl::Status first = FirstError(image);
    std::fill(image.begin() + size, image.end(), 0x11);
    EXPECT_EQ(FirstError(image), first) << size;
  }
}

TEST(ReaderTest, DirectCompressedOfLengthZeroIsHole) {
  Victim victim(ByteOrder::kLittle);
  victim.SetDirectLength("/m", 0, 0);
  // Block 1 is classic and now starts earlier, so it must end earlier too.
  victim.SetPointer(
      "/m", 1,
      (victim.block("/m", 0).offset + kPage) | CRAMFS_BLK_FLAG_UNCOMPRESSED);
  const auto reader = ImageReader::Open(victim.bytes);
  const Node node = victim.node("/m");
  const auto map = reader->BlockMap(node);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ((*map)[0].kind, BlockInfo::Kind::kHole);
  EXPECT_EQ(*reader->ReadBlock(node, (*map)[0]), std::vector<uint8_t>(kPage));
  EXPECT_EQ((*map)[1].offset, (*map)[0].offset);
}

TEST(ReaderTest, JunkAfterStreamIsWarning) {
  Victim victim(ByteOrder::kLittle);
  victim.SetStream("/n", 0, Deflate(Text(kPage, 1)));
  FixCrc(&victim.bytes);
  const auto reader = ImageReader::Open(victim.bytes);
  const CheckReport report = reader->Check(10);
  EXPECT_TRUE(report.ok());
  ASSERT_EQ(report.warnings.size(), 1u);
  EXPECT_TRUE(absl::StrContains(report.warnings[0], "bytes after a stream"));
}

struct Oddity {
  const char* name;
  std::function<void(Victim*)> change;
  const char* warning;  // part of the first warning
};

const Oddity kOddities[] = {
    {"OldFormat", [](Victim* v) { v->SetSuper(8, v->GetSuper(8) & ~1u); },
     "superblock: old format"},
    {"Signature", [](Victim* v) { v->bytes[16] ^= 1; },
     "superblock: unusual signature"},
    {"Future", [](Victim* v) { v->SetSuper(12, 7); },
     "superblock: future field is 7"},
    {"CompatibleFlag", [](Victim* v) { v->SetSuper(8, v->GetSuper(8) | 0x84); },
     "superblock: compatible flags 0x84 are unknown"},
    {"ReservedFlag", [](Victim* v) { v->SetSuper(8, v->GetSuper(8) | 0x200); },
     "superblock: reserved flag 0x200"},
    {"BytesAfterName", [](Victim* v) { v->bytes[48 + 15] = 'x'; },
     "superblock: bytes after the name"},
    {"NameLengthOfRoot",
     [](Victim* v) {
       v->ChangeInode("/", [](Inode* i) { i->name_length = 4; });
     },
     "superblock: the root inode has a name length"},
    {"BytesAfterImage", [](Victim* v) { v->bytes.resize(v->bytes.size() + 5); },
     "image: 5 bytes after its end"},
    {"FilesCounted", [](Victim* v) { v->SetSuper(44, v->GetSuper(44) + 1); },
     "superblock: counts 13 files, there are 12"},
    {"TooManyBlocksCounted",
     [](Victim* v) { v->SetSuper(40, v->GetSuper(40) + 1); },
     "superblock: counts 15 blocks, there are 14"},
    {"TooFewBlocksCounted", [](Victim* v) { v->SetSuper(40, 0); },
     "superblock: counts 0 blocks"},
    {"BytesOfNobody",
     [](Victim* v) {
       v->SetSuper(4, static_cast<uint32_t>(v->bytes.size() + 100));
       v->bytes.resize(v->bytes.size() + 100);
       v->bytes[v->bytes.size() - 10] = 1;
       v->bytes[v->bytes.size() - 1] = 1;
     },
     "image: 10 bytes in 1 places belong to nothing"},
    {"EmptyDirectoryWithOffset",
     [](Victim* v) { v->ChangeInode("/a/b", [](Inode* i) { i->size = 0; }); },
     "/a/b: empty directory with an offset"},
    {"DeviceNumberOf17Bits",
     [](Victim* v) {
       v->ChangeInode("/t", [](Inode* i) { i->size = 0x10401; });
     },
     "/t: device number of more than 16 bits"},
    {"HolesNotAnnounced",
     [](Victim* v) {
       v->SetPointer("/small", 0, v->block("/small", 0).offset);
     },
     "/small: holes"},
};

class OddityTest
    : public ::testing::TestWithParam<std::tuple<size_t, ByteOrder>> {};

TEST_P(OddityTest, IsWarningAndNoError) {
  const Oddity& oddity = kOddities[std::get<0>(GetParam())];
  Victim victim(std::get<1>(GetParam()));
  EXPECT_EQ(ImageReader::Open(victim.bytes)->Check(10).warnings,
            std::vector<std::string>());
  oddity.change(&victim);
  FixCrc(&victim.bytes);
  const CheckReport report = ImageReader::Open(victim.bytes)->Check(10);
  EXPECT_TRUE(report.ok()) << report.errors.front();
  ASSERT_FALSE(report.warnings.empty());
  EXPECT_TRUE(absl::StrContains(report.warnings[0], oddity.warning))
      << report.warnings[0] << "\nexpected: " << oddity.warning;
}

INSTANTIATE_TEST_SUITE_P(
    All, OddityTest,
    ::testing::Combine(::testing::Range<size_t>(0, std::size(kOddities)),
                       ::testing::Values(ByteOrder::kLittle, ByteOrder::kBig)),
    [](const auto& info) {
      return absl::StrCat(
          kOddities[std::get<0>(info.param)].name,
          std::get<1>(info.param) == ByteOrder::kBig ? "Big" : "Little");
    });

TEST(ReaderTest, WrongCrcIsError) {
  Victim victim(ByteOrder::kLittle);
  victim.bytes[12] = 7;
  const absl::Status error = FirstError(victim.bytes);
  EXPECT_TRUE(absl::StartsWith(error.message(), "CRC is ")) << error;
}

// Two pointers to one stored block, as tools write them that merge blocks.
TEST(ReaderTest, SharedDirectBlocksAreSound) {
  Victim victim(ByteOrder::kLittle);
  victim.SetPointer("/d", 1, victim.block("/d", 0).pointer);
  victim.SetPointer("/m", 2, victim.block("/d", 0).pointer);
  FixCrc(&victim.bytes);
  const auto reader = ImageReader::Open(victim.bytes);
  const CheckReport report = reader->Check(10);
  EXPECT_TRUE(report.ok()) << report.errors.front();
  for (const std::string& warning : report.warnings) {
    EXPECT_TRUE(absl::StrContains(warning, "belong to nothing")) << warning;
  }
  const auto d = reader->ReadFile(victim.node("/d")).value();
  const auto m = reader->ReadFile(victim.node("/m")).value();
  EXPECT_TRUE(std::equal(d.begin(), d.begin() + kPage, m.begin() + 2 * kPage));
}

// Files whose every pointer leads to the same stream, and entries whose
// pointers overlap: what is inflated and decoded is still bounded by the
// image's size.
TEST(ReaderTest, SharingMultipliesNoWork) {
  const Codec codec(ByteOrder::kLittle);
  constexpr uint32_t kFiles = 500;
  constexpr uint32_t kSize = 4096 * kPage - kPage;
  const std::vector<uint8_t> stream = Deflate(std::vector<uint8_t>(kPage, 1));
  for (const bool overlapping : {false, true}) {
    const uint32_t tables = kSuperblockSize + kFiles * (kInodeSize + 4);
    const uint32_t step = overlapping ? 4 : kSize / kPage * 4;
    const uint32_t data = tables + kSize / kPage * 4 + (kFiles - 1) * step;
    const uint32_t end = data + 2 + static_cast<uint32_t>(stream.size());
    std::vector<uint8_t> image = MustBuild(Entry::Directory("")).bytes;
    image.resize(end);
    Inode root;
    root.mode = S_IFDIR | 0755;
    root.offset = kSuperblockSize;
    root.size = tables - kSuperblockSize;
    codec.PutInode(&image[64], root);
    for (uint32_t i = 0; i < kFiles; ++i) {
      Inode file;
      file.mode = S_IFREG | 0644;
      file.size = kSize;
      file.offset = tables + i * step;
      file.name_length = 4;
      const uint32_t at = kSuperblockSize + i * (kInodeSize + 4);
      codec.PutInode(&image[at], file);
      const std::string name = absl::StrCat(1000 + i);
      std::copy(name.begin(), name.end(), image.begin() + at + kInodeSize);
    }
    ASSERT_EQ(data % 4, 0u);
    for (uint32_t at = tables; at < data; at += 4) {
      codec.Put32(&image[at], CRAMFS_BLK_FLAG_DIRECT_PTR | data >> 2);
    }
    codec.Put16(&image[data], static_cast<uint16_t>(stream.size()));
    std::copy(stream.begin(), stream.end(), image.begin() + data + 2);
    codec.Put32(&image[4], end);
    codec.Put32(&image[8],
                codec.Get32(&image[8]) | CRAMFS_FLAG_EXT_BLOCK_POINTERS);
    codec.Put32(&image[40], 1);
    codec.Put32(&image[44], kFiles + 1);
    FixCrc(&image);
    const CheckReport report = ImageReader::Open(image)->Check(kFiles);
    EXPECT_EQ(report.errors.size(), overlapping ? kFiles - 1 : 0u);
    EXPECT_EQ(report.blocks, 1u);
    EXPECT_EQ(report.data_bytes, uint64_t{kSize} * (overlapping ? 1 : kFiles));
    EXPECT_EQ(report.warnings, std::vector<std::string>());
  }
}

TEST(ReaderTest, CheckReportsProgressAndCancels) {
  const Victim victim(ByteOrder::kLittle);
  const auto reader = ImageReader::Open(victim.bytes);
  CheckOptions options;
  std::vector<uint64_t> seen;
  std::vector<std::string> paths;
  options.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_EQ(total, victim.bytes.size());
    seen.push_back(done);
    return true;
  };
  options.visit = [&](const Node& node) { paths.push_back(node.path); };
  EXPECT_TRUE(reader->Check(options).ok());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), victim.bytes.size());
  EXPECT_EQ(paths.size(), 12u);
  options.progress = [](uint64_t, uint64_t) { return false; };
  const CheckReport report = reader->Check(options);
  EXPECT_TRUE(report.cancelled);
  EXPECT_FALSE(report.ok());
}

TEST(FileReaderTest, ReadsFilesOneAfterAnotherEvenAfterErrors) {
  Victim victim(ByteOrder::kLittle);
  victim.bytes[victim.block("/n", 1).offset + 500] ^= 0xff;
  const auto reader = ImageReader::Open(victim.bytes);
  FileReader file(*reader);
  EXPECT_FALSE(file.Open(reader->root()).ok());
  EXPECT_EQ(file.size(), 0u);
  for (int round = 0; round < 2; ++round) {
    for (const char* path : {"/a/file", "/n", "/small", "/d", "/m"}) {
      const Node node = victim.node(path);
      ASSERT_TRUE(file.Open(node).ok());
      std::vector<uint8_t> data(file.size());
      const absl::Status status = file.Read(absl::MakeSpan(data));
      ASSERT_EQ(status.ok(), std::string(path) != "/n") << status;
      if (status.ok()) {
        EXPECT_EQ(data, reader->ReadFile(node).value());
      }
      EXPECT_FALSE(file.Read(absl::MakeSpan(data).subspan(1)).ok());
    }
  }
}

TEST(FileReaderTest, ReadBlockWritesNothingBehindTheBlock) {
  const Victim victim(ByteOrder::kLittle);
  const auto reader = ImageReader::Open(victim.bytes);
  FileReader file(*reader);
  ASSERT_TRUE(file.Open(victim.node("/a/file")).ok());
  const auto whole = reader->ReadFile(victim.node("/a/file")).value();
  for (size_t i = 0; i < file.blocks().size(); ++i) {
    std::vector<uint8_t> data(3 * kPage, 0xee);
    ASSERT_TRUE(file.ReadBlock(i, absl::MakeSpan(data)).ok());
    const uint32_t size = file.blocks()[i].size;
    EXPECT_TRUE(std::equal(data.begin(), data.begin() + size,
                           whole.begin() + i * kPage));
    EXPECT_EQ(std::count(data.begin() + size, data.end(), 0xee),
              static_cast<ptrdiff_t>(data.size() - size));
    EXPECT_FALSE(file.ReadBlock(i, absl::MakeSpan(data).first(size - 1)).ok());
  }
  EXPECT_FALSE(file.ReadBlock(3, {}).ok());
}

TEST(ReaderTest, OneInodeNumberForTwoModesIsWarning) {
  Victim victim(ByteOrder::kLittle);
  const Inode n = victim.node("/n").inode;
  victim.ChangeInode("/small", [&](Inode* inode) {
    inode->offset = n.offset;
    inode->size = n.size;
    inode->mode = S_IFREG | 04755;
  });
  FixCrc(&victim.bytes);
  const CheckReport report = ImageReader::Open(victim.bytes)->Check(10);
  EXPECT_TRUE(report.ok());
  // What /small had is nobody's now.
  ASSERT_EQ(report.warnings.size(), 2u);
  EXPECT_TRUE(absl::StrContains(report.warnings[0], "one inode number"));
  EXPECT_TRUE(absl::StrContains(report.warnings[1], "belong to nothing"));
}

TEST(ReaderTest, GoesOnAfterErrorsAndReportsAll) {
  Victim victim(ByteOrder::kLittle);
  victim.ChangeInode("/t", [](Inode* inode) { inode->mode = 0; });
  victim.SetName("/d", "a");
  victim.bytes[victim.block("/n", 0).offset] ^= 0xff;
  FixCrc(&victim.bytes);
  const auto reader = ImageReader::Open(victim.bytes);
  const CheckReport report = reader->Check(100);
  ASSERT_EQ(report.errors.size(), 3u);
  EXPECT_TRUE(absl::StrContains(report.errors[0].message(), "twice"));
  EXPECT_TRUE(absl::StrContains(report.errors[1].message(), "/t: mode"));
  EXPECT_TRUE(absl::StrContains(report.errors[2].message(), "/n: not a zlib"));
  EXPECT_EQ(reader->Check(1).errors.size(), 1u);
  // What is whole is still found and read.
  std::vector<std::string> paths;
  const absl::Status status = reader->Walk(
      [&](const Node& node) {
        paths.push_back(node.path);
        return absl::OkStatus();
      },
      [](const absl::Status&) { return true; });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(paths,
            std::vector<std::string>({"/", "/a", "/a/b", "/a/b/deep", "/a/file",
                                      "/l", "/m", "/n", "/p", "/small"}));
}

TEST(ReaderTest, LookupTellsAbsentFromWrongType) {
  const Victim victim(ByteOrder::kBig);
  const auto reader = ImageReader::Open(victim.bytes);
  EXPECT_TRUE(reader->Lookup("").value().is_directory());
  EXPECT_EQ(reader->Lookup("a//b/").value().path, "/a/b");
  EXPECT_EQ(reader->Lookup("/a/x").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(reader->Lookup("/a/..").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(reader->Lookup("/d/x").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(reader->ReadFile(reader->root()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(reader->List(victim.node("/d")).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(reader->ReadLink(victim.node("/d")).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ReaderTest, ReadBlockRefusesBlocksThatAreNotTheImages) {
  const Victim victim(ByteOrder::kLittle);
  const auto reader = ImageReader::Open(victim.bytes);
  const Node node = victim.node("/d");
  BlockInfo block = victim.block("/d", 0);
  EXPECT_TRUE(reader->ReadBlock(node, block).ok());
  block.offset = static_cast<uint32_t>(victim.bytes.size()) - 10;
  EXPECT_FALSE(reader->ReadBlock(node, block).ok());
  block = victim.block("/d", 0);
  block.length = kPage - 1;
  EXPECT_FALSE(reader->ReadBlock(node, block).ok());
}

// Random damage to metadata.  The sanitizers watch the reads; here: whatever
// passes the check can be read, whole.
TEST(ReaderTest, WhatPassesTheCheckCanBeRead) {
  const Victim victim(ByteOrder::kLittle);
  std::mt19937 random(1);
  int passed = 0, refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint8_t> image = victim.bytes;
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) {
      // Superblock, directories and the first pointers.
      const size_t at = 4 + random() % 400;
      image[at] = random() % 2
                      ? static_cast<uint8_t>(random())
                      : image[at] ^ static_cast<uint8_t>(1u << random() % 8);
    }
    FixCrc(&image);
    const auto reader = ImageReader::Open(image);
    if (!reader.ok() || !reader->Check().ok()) {
      ++refused;
      continue;
    }
    ++passed;
    const absl::Status status = reader->Walk([&](const Node& node) {
      if (node.is_symlink()) return reader->ReadLink(node).status();
      if (!node.is_regular()) return absl::OkStatus();
      const auto data = reader->ReadFile(node);
      if (data.ok()) {
        EXPECT_EQ(data->size(), node.inode.size);
      }
      return data.status();
    });
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(passed, 100);
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace faultline::cramfs
