// SPDX-License-Identifier: GPL-2.0-only
//
// Types, sizes and offsets of nodes that are not directories, and two nodes
// on one offset.

#include <sys/stat.h>

#include "cramfs/testing/bad_images_internal.h"

namespace faultline::cramfs::internal {
namespace {

void SetMode(ImageEditor* e, const char* path, uint32_t mode) {
  e->ChangeInode(path, [mode](Inode* i) { i->mode = mode; });
}
void SetSize(ImageEditor* e, const char* path, uint32_t size) {
  e->ChangeInode(path, [size](Inode* i) { i->size = size; });
}
void SetOffset(ImageEditor* e, const char* path, uint32_t offset) {
  e->ChangeInode(path, [offset](Inode* i) { i->offset = offset; });
}
void SetData(ImageEditor* e, const char* path, const char* from,
             uint32_t size) {
  SetOffset(e, path, e->inode(from).offset);
  SetSize(e, path, size);
}

}  // namespace

const std::vector<BadCase>& InodeCases() {
  static const auto* const kCases = new std::vector<BadCase>{
      // ---- types ----
      {"TypeZero", [](ImageEditor* e) { SetMode(e, "/s", 0600); }},
      {"TypeAllOnes", [](ImageEditor* e) { SetMode(e, "/s", 0xf000); }},
      {"TypeBetween", [](ImageEditor* e) { SetMode(e, "/s", 0x3180); }},
      {"TypeOfFileSaysDirectory",
       [](ImageEditor* e) { SetMode(e, "/c", S_IFDIR | 0755); }},
      {"TypeOfDirectorySaysFile",
       [](ImageEditor* e) { SetMode(e, "/a/b", S_IFREG | 0644); }},
      {"TypeOfFileSaysLink",
       [](ImageEditor* e) { SetMode(e, "/c", S_IFLNK | 0777); }},
      {"TypeOfFileSaysDevice",
       [](ImageEditor* e) { SetMode(e, "/s", S_IFCHR | 0600); }},
      {"TypeOfLinkSaysFile",
       [](ImageEditor* e) { SetMode(e, "/l", S_IFREG | 0644); }},
      // ---- devices, fifos, sockets ----
      {"CharacterDeviceWithData",
       [](ImageEditor* e) { SetOffset(e, "/t", e->inode("/c").offset); }},
      {"BlockDeviceWithData",
       [](ImageEditor* e) { SetOffset(e, "/u", e->inode("/c").offset); }},
      {"DeviceNumberOfMoreThan16Bits",
       [](ImageEditor* e) { SetSize(e, "/t", 0x10401); }},
      {"FifoWithSize", [](ImageEditor* e) { SetSize(e, "/p", 1); }},
      {"FifoWithOffset",
       [](ImageEditor* e) { SetOffset(e, "/p", e->inode("/c").offset); }},
      {"SocketWithData", [](ImageEditor* e) { SetData(e, "/q", "/c", 4096); }},
      // ---- links ----
      {"LinkToNothing", [](ImageEditor* e) { SetSize(e, "/l", 0); }},
      {"LinkOfAPage", [](ImageEditor* e) { SetData(e, "/l", "/c", 4096); }},
      {"LinkOfTwoPages", [](ImageEditor* e) { SetData(e, "/l", "/n", 8192); }},
      {"LinkLongerThanItsStream", [](ImageEditor* e) { SetSize(e, "/l", 5); }},
      {"LinkShorterThanItsStream", [](ImageEditor* e) { SetSize(e, "/l", 1); }},
      {"LinkWithNul",
       [](ImageEditor* e) {
         e->SetStored("/l", 0, Deflate({'a', 0, 'f'}, 1));
       }},
      {"LinkOfAHole",
       [](ImageEditor* e) {
         e->SetPointer("/l", 0, e->PointerPlace("/l", 1));
       }},
      {"LinkOutsideTheImage",
       [](ImageEditor* e) { SetOffset(e, "/l", e->size()); }},
      // ---- offsets and sizes of files ----
      {"EmptyFileWithOffset", [](ImageEditor* e) { SetSize(e, "/c", 0); }},
      {"FileWithoutOffset", [](ImageEditor* e) { SetOffset(e, "/c", 0); }},
      {"FileInSuperblock", [](ImageEditor* e) { SetOffset(e, "/c", 64); }},
      {"FileInDirectory",
       [](ImageEditor* e) { SetOffset(e, "/c", e->inode("/a").offset); }},
      {"FileInTheRoot", [](ImageEditor* e) { SetOffset(e, "/c", 76); }},
      {"FileAtTheEnd", [](ImageEditor* e) { SetOffset(e, "/c", e->size()); }},
      {"FileAcrossTheEnd",
       [](ImageEditor* e) { SetOffset(e, "/c", e->size() - 8); }},
      {"FileAtHighestOffset",
       [](ImageEditor* e) { SetOffset(e, "/c", kMaxDataOffset - 4); }},
      {"FileInPointersOfAnother",
       [](ImageEditor* e) { SetOffset(e, "/n", e->PointerPlace("/c", 1)); }},
      {"FileInStreamOfAnother",
       [](ImageEditor* e) {
         SetOffset(e, "/c", (e->block("/n", 0).offset + 3) & ~3u);
       }},
      {"FileInDirectBlock",
       [](ImageEditor* e) { SetOffset(e, "/c", e->block("/d", 0).offset); }},
      {"FileOfHighestSize",
       [](ImageEditor* e) { SetSize(e, "/c", kMaxFileSize); }},
      {"FileLongerByABlock",
       [](ImageEditor* e) { SetSize(e, "/c", 4 * 4096); }},
      {"FileShorterByABlock",
       [](ImageEditor* e) { SetSize(e, "/c", 2 * 4096); }},
      {"FileLongerThanItsLastStream",
       [](ImageEditor* e) { SetSize(e, "/s", 2049); }},
      {"FileShorterThanItsLastStream",
       [](ImageEditor* e) { SetSize(e, "/s", 2047); }},
      {"DirectFileLongerByAByte",
       [](ImageEditor* e) { SetSize(e, "/d", 2 * 4096 + 101); }},
      {"DirectFileLongerByABlock",
       [](ImageEditor* e) { SetSize(e, "/w", 4 * 4096); }},
      // ---- two nodes on one offset ----
      {"SharedUnderAnotherSize",
       [](ImageEditor* e) { SetData(e, "/n", "/c", 2 * 4096); }},
      {"SharedUnderAnotherType",
       [](ImageEditor* e) { SetData(e, "/l", "/sixsix", 6); }},
      {"SharedUnderAnotherMode",
       [](ImageEditor* e) {
         SetData(e, "/n", "/c", 3 * 4096);
         SetMode(e, "/n", S_IFREG | 04755);
       }},
      {"SharedUnderAnotherOwner",
       [](ImageEditor* e) {
         SetData(e, "/n", "/c", 3 * 4096);
         e->ChangeInode("/n", [](Inode* i) { i->uid = 1000; });
       }},
      {"SharedAltogether",
       [](ImageEditor* e) { SetData(e, "/n", "/c", 3 * 4096); }},
  };
  return *kCases;
}

}  // namespace faultline::cramfs::internal
