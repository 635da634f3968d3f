// SPDX-License-Identifier: GPL-2.0-only
//
// Directories that contain themselves, overlap, are cut or lie where they
// cannot; names that no directory can have; orders and depths.

#include <sys/stat.h>

#include <algorithm>
#include <string>

#include "cramfs/testing/bad_images_internal.h"

namespace faultline::cramfs::internal {
namespace {

// Gives `path` the entries of `from`.
void SetEntries(ImageEditor* e, const char* path, const char* from) {
  const Inode other = e->inode(from);
  e->ChangeInode(path, [&other](Inode* i) {
    i->mode = S_IFDIR | 0755;
    i->offset = other.offset;
    i->size = other.size;
  });
}

void SetPlace(ImageEditor* e, const char* path, uint32_t offset,
              uint32_t size) {
  e->ChangeInode(path, [=](Inode* i) {
    i->mode = S_IFDIR | 0755;
    i->offset = offset;
    i->size = size;
  });
}

// Entries behind the end of the good image, which grows by `bytes`; returns
// where they stand.
uint32_t Grow(ImageEditor* e, uint32_t bytes) {
  const uint32_t at = e->size();
  const uint32_t rounded = (bytes + 4095) / 4096 * 4096;
  e->bytes().resize(at + rounded);
  e->SetSuper(4, at + rounded);
  return at;
}

void PutEntry(ImageEditor* e, uint32_t at, uint32_t mode, uint32_t offset,
              uint32_t size, const std::string& name) {
  Inode inode;
  inode.mode = mode;
  inode.offset = offset;
  inode.size = size;
  inode.name_length = static_cast<uint32_t>(name.size() + 3) / 4 * 4;
  e->codec().PutInode(&e->bytes()[at], inode);
  std::copy(name.begin(), name.end(), e->bytes().begin() + at + kInodeSize);
}

// Below /a/b, `levels` directories of one entry each, named `name`.
void Nest(ImageEditor* e, uint32_t levels, const std::string& name) {
  const uint32_t bytes =
      kInodeSize + static_cast<uint32_t>(name.size() + 3) / 4 * 4;
  const uint32_t begin = Grow(e, levels * bytes);
  SetPlace(e, "/a/b", begin, bytes);
  for (uint32_t i = 0; i < levels; ++i) {
    const bool last = i + 1 == levels;
    PutEntry(e, begin + i * bytes, S_IFDIR | 0755,
             last ? 0 : begin + (i + 1) * bytes, last ? 0 : bytes, name);
  }
}

}  // namespace

const std::vector<BadCase>& DirectoryCases() {
  static const auto* const kCases = new std::vector<BadCase>{
      // ---- of directories ----
      {"DirectoryContainsItself",
       [](ImageEditor* e) {
         SetEntries(e, "/a/b/deep", "/a/b");
         e->SetName("/a/b/deep", "b");
       }},
      {"DirectoryContainsItsParent",
       [](ImageEditor* e) { SetEntries(e, "/a/b", "/a"); }},
      {"DirectoryContainsTheRoot",
       [](ImageEditor* e) { SetEntries(e, "/a/b", "/"); }},
      {"DirectoryGivenTwice",
       [](ImageEditor* e) { SetEntries(e, "/p", "/a/b"); }},
      {"DirectoryBeginsInAnother",
       [](ImageEditor* e) {
         e->ChangeInode("/a", [](Inode* i) {
           i->offset -= 16;
           i->size += 16;
         });
       }},
      {"DirectoryEndsInAnother",
       [](ImageEditor* e) {
         e->ChangeInode("/a", [](Inode* i) { i->size += 16; });
       }},
      {"DirectoryInsideTheRoot",
       [](ImageEditor* e) {
         SetPlace(e, "/a", e->node("/c").inode_position, 32);
       }},
      {"DirectoryInSuperblock",
       [](ImageEditor* e) {
         e->ChangeInode("/a", [](Inode* i) { i->offset = 64; });
       }},
      {"DirectoryAtOffsetZero",
       [](ImageEditor* e) {
         e->ChangeInode("/a", [](Inode* i) { i->offset = 0; });
       }},
      {"DirectoryAtTheEnd",
       [](ImageEditor* e) {
         e->ChangeInode("/a", [e](Inode* i) { i->offset = e->size(); });
       }},
      {"DirectoryAcrossTheEnd",
       [](ImageEditor* e) {
         e->ChangeInode("/a", [e](Inode* i) { i->offset = e->size() - 16; });
       }},
      {"DirectoryAtHighestOffset",
       [](ImageEditor* e) {
         e->ChangeInode("/a", [](Inode* i) { i->offset = kMaxDataOffset - 4; });
       }},
      {"DirectoryOfHighestSize",
       [](ImageEditor* e) {
         e->ChangeInode("/a/b", [](Inode* i) { i->size = kMaxFileSize; });
       }},
      {"DirectoryInPointers",
       [](ImageEditor* e) { SetPlace(e, "/a", e->inode("/c").offset, 12); }},
      {"DirectoryInDirectBlock",
       [](ImageEditor* e) {
         SetPlace(e, "/a", e->block("/d", 0).offset, 256);
       }},
      {"DirectoryOfZeros",
       [](ImageEditor* e) {
         const uint32_t at = Grow(e, 4096);
         SetPlace(e, "/a", at, 48);
       }},
      {"DirectoryWithHalfAnEntryBehind",
       [](ImageEditor* e) {
         e->ChangeInode("/a/b", [](Inode* i) { i->size += 4; });
       }},
      {"DirectoryEndsInAName",
       [](ImageEditor* e) {
         e->ChangeInode("/a/b", [](Inode* i) { i->size -= 4; });
       }},
      {"DirectoryEndsInAnInode",
       [](ImageEditor* e) {
         e->ChangeInode("/a/b", [](Inode* i) { i->size = 11; });
       }},
      {"DirectoryOfOneByte",
       [](ImageEditor* e) {
         e->ChangeInode("/a/b", [](Inode* i) { i->size = 1; });
       }},
      {"DirectoryEmptyButAtAnOffset",
       [](ImageEditor* e) {
         e->ChangeInode("/a/b", [](Inode* i) { i->size = 0; });
       }},
      {"DirectoriesTooDeep", [](ImageEditor* e) { Nest(e, 4100, "d"); }},
      {"DirectoriesOfTooLongAPath",
       [](ImageEditor* e) { Nest(e, 70, std::string(252, 'd')); }},
      // ---- of names ----
      {"NameOfNuls", [](ImageEditor* e) { e->SetName("/d", ""); }},
      {"NameOfLengthZero",
       [](ImageEditor* e) {
         e->ChangeInode("/d", [](Inode* i) { i->name_length = 0; });
       }},
      {"NameOfHighestLength",
       [](ImageEditor* e) {
         e->ChangeInode("/x",
                        [](Inode* i) { i->name_length = kMaxNameLength; });
       }},
      {"NameReachesIntoNextEntry",
       [](ImageEditor* e) {
         e->ChangeInode("/d", [](Inode* i) { i->name_length = 8; });
       }},
      {"NameWithNulInside",
       [](ImageEditor* e) {
         e->SetName("/sixsix", std::string("six\0ix", 6));
       }},
      {"NameWithNulInFront",
       [](ImageEditor* e) {
         e->SetName("/sixsix", std::string("\0ixsix", 6));
       }},
      {"NameWithSlash",
       [](ImageEditor* e) { e->SetName("/sixsix", "six/ix"); }},
      {"NameThatIsASlash", [](ImageEditor* e) { e->SetName("/sixsix", "/"); }},
      {"NameThatClimbs",
       [](ImageEditor* e) { e->SetName("/sixsix", "../six"); }},
      {"NameThatIsAbsolute",
       [](ImageEditor* e) { e->SetName("/sixsix", "/etc/x"); }},
      {"NameDot", [](ImageEditor* e) { e->SetName("/a", "."); }},
      {"NameDotDot", [](ImageEditor* e) { e->SetName("/a", ".."); }},
      {"NameGivenTwice", [](ImageEditor* e) { e->SetName("/d", "c"); }},
      {"NameGivenTwiceFarApart", [](ImageEditor* e) { e->SetName("/x", "c"); }},
      {"NamePaddedTooMuch",
       [](ImageEditor* e) { e->SetName("/sixsix", "six"); }},
      {"NameOfControlCharacters",
       [](ImageEditor* e) { e->SetName("/sixsix", "s\n\t\x1b[m"); }},
      {"NamesOutOfOrder", [](ImageEditor* e) { e->SetName("/d", "zz"); }},
      {"LastNameOutOfOrder", [](ImageEditor* e) { e->SetName("/x", "0"); }},
      {"NamesOutOfOrderThatPromiseNothing",
       [](ImageEditor* e) {
         e->SetName("/d", "zz");
         e->SetSuper(8, e->GetSuper(8) & ~CRAMFS_FLAG_SORTED_DIRS);
       }},
  };
  return *kCases;
}

}  // namespace faultline::cramfs::internal
