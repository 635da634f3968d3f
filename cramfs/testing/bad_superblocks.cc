// SPDX-License-Identifier: GPL-2.0-only
//
// Images cut short, and every field of the superblock.

#include <sys/stat.h>

#include <algorithm>

#include "cramfs/testing/bad_images_internal.h"

namespace faultline::cramfs::internal {
namespace {

// Keeps the first `bytes`.
void Cut(ImageEditor* e, size_t bytes) { e->bytes().resize(bytes); }

}  // namespace

const std::vector<BadCase>& SuperblockCases() {
  static const auto* const kCases = new std::vector<BadCase>{
      // ---- cut short ----
      {"CutToNothing", [](ImageEditor* e) { Cut(e, 0); }},
      {"CutInMagic", [](ImageEditor* e) { Cut(e, 3); }},
      {"CutBehindMagic", [](ImageEditor* e) { Cut(e, 4); }},
      {"CutInSuperblock", [](ImageEditor* e) { Cut(e, 75); }},
      {"CutBehindSuperblock", [](ImageEditor* e) { Cut(e, 76); }},
      {"CutInRootDirectory",
       [](ImageEditor* e) { Cut(e, e->node("/d").inode_position + 13); }},
      {"CutInSubdirectory",
       [](ImageEditor* e) { Cut(e, e->inode("/a/b").offset + 4); }},
      {"CutInPointers",
       [](ImageEditor* e) { Cut(e, e->PointerPlace("/c", 1) + 2); }},
      {"CutInStream",
       [](ImageEditor* e) { Cut(e, e->block("/c", 1).offset + 5); }},
      {"CutInDirectBlock",
       [](ImageEditor* e) { Cut(e, e->block("/d", 1).offset + 100); }},
      {"CutByOneByte", [](ImageEditor* e) { Cut(e, e->size() - 1); }},
      {"CutInPad", [](ImageEditor* e) { Cut(e, 500); }, kPad},
      {"CutInMagicBehindPad", [](ImageEditor* e) { Cut(e, 514); }, kPad},
      {"CutInSuperblockBehindPad", [](ImageEditor* e) { Cut(e, 512 + 40); },
       kPad},
      {"BytesBehindTheEnd",
       [](ImageEditor* e) { e->bytes().resize(e->size() + 100, 0x55); }},
      // ---- magic ----
      {"MagicWrong", [](ImageEditor* e) { e->bytes()[0] ^= 1; }},
      {"MagicOfTheOtherByteOrder",
       [](ImageEditor* e) { e->SetSuper(0, CRAMFS_MAGIC_WEND); }},
      {"MagicBehindPadWrong", [](ImageEditor* e) { e->bytes()[512] ^= 1; },
       kPad},
      {"SuperblockInPadToo",
       [](ImageEditor* e) {
         std::copy_n(e->bytes().begin() + 512, 76, e->bytes().begin());
       },
       kPad},
      // ---- size ----
      {"SizeZero", [](ImageEditor* e) { e->SetSuper(4, 0); }},
      {"SizeInSuperblock", [](ImageEditor* e) { e->SetSuper(4, 75); }},
      {"SizeOfSuperblockAlone", [](ImageEditor* e) { e->SetSuper(4, 76); }},
      {"SizeEndsInRootDirectory", [](ImageEditor* e) { e->SetSuper(4, 100); }},
      {"SizeEndsInPointers",
       [](ImageEditor* e) { e->SetSuper(4, e->PointerPlace("/w", 1)); }},
      {"SizeEndsInStream",
       [](ImageEditor* e) { e->SetSuper(4, e->block("/x", 1).offset + 10); }},
      {"SizeEndsInDirectBlock",
       [](ImageEditor* e) { e->SetSuper(4, e->block("/w", 2).offset + 10); }},
      {"SizeBeyondFileByOne",
       [](ImageEditor* e) { e->SetSuper(4, e->size() + 1); }},
      {"SizeLargest", [](ImageEditor* e) { e->SetSuper(4, 0xffffffff); }},
      {"SizeWithoutPad", [](ImageEditor* e) { e->SetSuper(4, 512 + 75); },
       kPad},
      // ---- flags ----
      {"FlagUnknown",
       [](ImageEditor* e) { e->SetSuper(8, e->GetSuper(8) | 0x1000); }},
      {"FlagHighestUnknown",
       [](ImageEditor* e) { e->SetSuper(8, e->GetSuper(8) | 0x80000000); }},
      {"FlagCompatibleUnknown",
       [](ImageEditor* e) { e->SetSuper(8, e->GetSuper(8) | 0x80); }},
      {"FlagReserved",
       [](ImageEditor* e) { e->SetSuper(8, e->GetSuper(8) | 0x200); }},
      {"FlagFsidMissing",
       [](ImageEditor* e) { e->SetSuper(8, e->GetSuper(8) & ~0x1u); }},
      {"FlagHolesMissing",
       [](ImageEditor* e) { e->SetSuper(8, e->GetSuper(8) & ~0x100u); }},
      {"FlagExtendedPointersMissing",
       [](ImageEditor* e) { e->SetSuper(8, e->GetSuper(8) & ~0x800u); }},
      // ---- what nobody relies on ----
      {"FutureUsed", [](ImageEditor* e) { e->SetSuper(12, 7); }},
      {"SignatureWrong", [](ImageEditor* e) { e->bytes()[16] ^= 1; }},
      {"NameWithBytesBehindIt", [](ImageEditor* e) { e->bytes()[63] = 'x'; }},
      {"CrcWrong", [](ImageEditor* e) { e->SetSuper(32, 0x12345678); },
       kKeepCrc},
      {"CrcZero", [](ImageEditor* e) { e->SetSuper(32, 0); }, kKeepCrc},
      {"CrcOfAChangedByte",
       [](ImageEditor* e) { e->bytes()[e->block("/d", 1).offset] ^= 1; },
       kKeepCrc},
      {"CrcOfAChangedByteBehindPad",
       [](ImageEditor* e) { e->bytes()[512 + 50] ^= 1; }, kPad | kKeepCrc},
      {"CountsTooManyFiles",
       [](ImageEditor* e) { e->SetSuper(44, e->GetSuper(44) + 1); }},
      {"CountsNoFiles", [](ImageEditor* e) { e->SetSuper(44, 0); }},
      {"CountsTooManyBlocks", [](ImageEditor* e) { e->SetSuper(40, 5000); }},
      {"CountsNoBlocks", [](ImageEditor* e) { e->SetSuper(40, 0); }},
      // ---- root ----
      {"RootIsAFile",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->mode = S_IFREG | 0644; });
       }},
      {"RootHasNoType",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->mode = 0755; });
       }},
      {"RootWithNameLength",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->name_length = 8; });
       }},
      {"RootAtOffsetZero",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->offset = 0; });
       }},
      {"RootElsewhere",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->offset += 4; });
       }},
      {"RootInSuperblockButShifted",
       [](ImageEditor* e) {
         e->SetSuper(8, e->GetSuper(8) | CRAMFS_FLAG_SHIFTED_ROOT_OFFSET);
         e->ChangeInode("/", [](Inode* i) { i->offset = 64; });
       }},
      {"RootBehindTheEndButShifted",
       [](ImageEditor* e) {
         e->SetSuper(8, e->GetSuper(8) | CRAMFS_FLAG_SHIFTED_ROOT_OFFSET);
         e->ChangeInode("/", [e](Inode* i) { i->offset = e->size(); });
       }},
      {"RootAtHighestOffsetButShifted",
       [](ImageEditor* e) {
         e->SetSuper(8, e->GetSuper(8) | CRAMFS_FLAG_SHIFTED_ROOT_OFFSET);
         e->ChangeInode("/", [](Inode* i) { i->offset = kMaxDataOffset - 4; });
       }},
      {"RootBehindPadWithoutPad",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->offset = 512 + 76; });
       }},
      {"RootEmpty",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->size = 0; });
       }},
      {"RootTooLong",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->size = kMaxFileSize; });
       }},
      {"RootOneEntryShort",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->size -= 16; });
       }},
      {"RootEndsInAnEntry",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->size -= 8; });
       }},
      {"RootEndsInAName",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->size -= 2; });
       }},
      {"RootGoesOnIntoSubdirectory",
       [](ImageEditor* e) {
         e->ChangeInode("/", [](Inode* i) { i->size += 16; });
       }},
  };
  return *kCases;
}

}  // namespace faultline::cramfs::internal
