// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/codec.h"

#include <cassert>

namespace faultline::cramfs {

uint16_t Codec::Get16(const uint8_t* at) const {
  return big_ ? static_cast<uint16_t>(at[0] << 8 | at[1])
              : static_cast<uint16_t>(at[1] << 8 | at[0]);
}

uint32_t Codec::Get32(const uint8_t* at) const {
  const uint32_t first = Get16(at);
  const uint32_t second = Get16(at + 2);
  return big_ ? first << 16 | second : second << 16 | first;
}

Inode Codec::GetInode(const uint8_t* at) const {
  Inode inode;
  const uint32_t word1 = Get32(at + 4);
  const uint32_t word2 = Get32(at + 8);
  inode.mode = Get16(at);
  inode.uid = Get16(at + 2);
  if (big_) {
    inode.size = word1 >> CRAMFS_GID_WIDTH;
    inode.gid = word1 & 0xff;
    inode.name_length = (word2 >> CRAMFS_OFFSET_WIDTH) << 2;
    inode.offset = (word2 & ((1u << CRAMFS_OFFSET_WIDTH) - 1)) << 2;
  } else {
    inode.size = word1 & kMaxFileSize;
    inode.gid = word1 >> CRAMFS_SIZE_WIDTH;
    inode.name_length = (word2 & ((1u << CRAMFS_NAMELEN_WIDTH) - 1)) << 2;
    inode.offset = (word2 >> CRAMFS_NAMELEN_WIDTH) << 2;
  }
  return inode;
}

void Codec::Put16(uint8_t* at, uint16_t value) const {
  at[big_ ? 0 : 1] = static_cast<uint8_t>(value >> 8);
  at[big_ ? 1 : 0] = static_cast<uint8_t>(value);
}

void Codec::Put32(uint8_t* at, uint32_t value) const {
  Put16(at + (big_ ? 0 : 2), static_cast<uint16_t>(value >> 16));
  Put16(at + (big_ ? 2 : 0), static_cast<uint16_t>(value));
}

void Codec::PutInode(uint8_t* at, const Inode& inode) const {
  assert(inode.mode >> CRAMFS_MODE_WIDTH == 0);
  assert(inode.uid >> CRAMFS_UID_WIDTH == 0);
  assert(inode.gid >> CRAMFS_GID_WIDTH == 0);
  assert(inode.size <= kMaxFileSize);
  assert(inode.name_length <= kMaxNameLength && inode.name_length % 4 == 0);
  assert(inode.offset < kMaxDataOffset && inode.offset % 4 == 0);
  Put16(at, static_cast<uint16_t>(inode.mode));
  Put16(at + 2, static_cast<uint16_t>(inode.uid));
  const uint32_t words = inode.name_length >> 2;
  const uint32_t offset = inode.offset >> 2;
  if (big_) {
    Put32(at + 4, inode.size << CRAMFS_GID_WIDTH | inode.gid);
    Put32(at + 8, words << CRAMFS_OFFSET_WIDTH | offset);
  } else {
    Put32(at + 4, inode.gid << CRAMFS_SIZE_WIDTH | inode.size);
    Put32(at + 8, offset << CRAMFS_NAMELEN_WIDTH | words);
  }
}

}  // namespace faultline::cramfs
