// SPDX-License-Identifier: GPL-2.0-only
//
// What stands where a zlib stream should: garbage, too little, too much.

#include <algorithm>
#include <cstdint>

#include "cramfs/testing/bad_images_internal.h"

namespace faultline::cramfs::internal {
namespace {

std::vector<uint8_t> Bytes(uint32_t size, uint8_t value = 7) {
  return std::vector<uint8_t>(size, value);
}

// Streams of /n are longer than any that replaces them here.
void SetStream(ImageEditor* e, const std::vector<uint8_t>& stream) {
  e->SetStored("/n", 1, stream);
}

}  // namespace

const std::vector<BadCase>& StreamCases() {
  static const auto* const kCases = new std::vector<BadCase>{
      {"StreamOfGarbage",
       [](ImageEditor* e) { SetStream(e, Bytes(64, 0xee)); }},
      {"StreamOfZeros", [](ImageEditor* e) { SetStream(e, Bytes(64, 0)); }},
      {"StreamWithWrongMethod",
       [](ImageEditor* e) { e->bytes()[e->block("/n", 1).offset] = 0x77; }},
      {"StreamWithWrongHeaderCheck",
       [](ImageEditor* e) { e->bytes()[e->block("/n", 1).offset + 1] ^= 1; }},
      {"StreamWithTooLargeAWindow",
       [](ImageEditor* e) {
         SetStream(e, {0x88, 0x1c, 3, 0, 0, 0, 0, 1});
       }},
      {"StreamWithDictionary",
       [](ImageEditor* e) {
         SetStream(e, {0x78, 0xf9, 1, 2, 3, 4, 3, 0, 0, 0, 0, 1});
       }},
      {"StreamOfGzip",
       [](ImageEditor* e) {
         SetStream(e, {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0});
       }},
      {"StreamWithoutZlibHeader",
       [](ImageEditor* e) {
         std::vector<uint8_t> stream = Deflate(Bytes(4096));
         stream.erase(stream.begin(), stream.begin() + 2);
         SetStream(e, stream);
       }},
      {"StreamWithReservedBlockType",
       [](ImageEditor* e) {
         SetStream(e, {0x78, 0xda, 7, 0, 0, 0, 0, 1});
       }},
      {"StreamDamagedInTheMiddle",
       [](ImageEditor* e) {
         const BlockInfo block = e->block("/c", 1);
         e->bytes()[block.offset + block.length / 2] ^= 0x40;
       }},
      {"StreamWithWrongChecksum",
       [](ImageEditor* e) {
         const BlockInfo block = e->block("/c", 1);
         e->bytes()[block.offset + block.length - 1] ^= 1;
       }},
      {"StreamWithoutChecksum",
       [](ImageEditor* e) {
         // In a block that ends where the checksum should begin.
         const BlockInfo block = e->block("/c", 2);
         e->SetPointer("/c", 2, block.offset + block.length - 4);
         std::fill_n(e->bytes().begin() + block.offset + block.length - 4, 4,
                     uint8_t{0});
       }},
      {"StreamOfNothing", [](ImageEditor* e) { SetStream(e, Deflate({})); }},
      {"StreamOfOneByte",
       [](ImageEditor* e) { SetStream(e, Deflate(Bytes(1))); }},
      {"StreamShorterByOne",
       [](ImageEditor* e) { SetStream(e, Deflate(Bytes(4095))); }},
      {"StreamLongerByOne",
       [](ImageEditor* e) { SetStream(e, Deflate(Bytes(4097))); }},
      {"StreamOfTwoPages",
       [](ImageEditor* e) { SetStream(e, Deflate(Bytes(8192))); }},
      {"StreamBombOfAMegabyte",
       [](ImageEditor* e) { SetStream(e, Deflate(Bytes(1 << 20))); }},
      {"StreamBombOfAllThatFits",
       [](ImageEditor* e) { SetStream(e, Deflate(Bytes(4000000, 0))); }},
      {"StreamBombBehindDirectPointer",
       [](ImageEditor* e) { e->SetStored("/x", 1, Deflate(Bytes(1 << 20))); }},
      {"StreamFollowedByJunk",
       [](ImageEditor* e) { SetStream(e, Deflate(Bytes(4096))); }},
      {"StreamOfOtherBytes",
       [](ImageEditor* e) {
         std::vector<uint8_t> stream = Deflate(Bytes(4096));
         stream.resize(e->block("/n", 1).length);
         SetStream(e, stream);
       }},
      {"LastStreamOfAWholePage",
       [](ImageEditor* e) { e->SetStored("/s", 0, Deflate(Bytes(4096))); }},
      {"LastStreamShorterByOne",
       [](ImageEditor* e) { e->SetStored("/s", 0, Deflate(Bytes(2047))); }},
      {"LastStreamLongerByOne",
       [](ImageEditor* e) { e->SetStored("/s", 0, Deflate(Bytes(2049))); }},
      {"DirectStreamOfGarbage",
       [](ImageEditor* e) { e->SetStored("/x", 1, Bytes(64, 0xee)); }},
      {"DirectStreamShorterThanItsBlock",
       [](ImageEditor* e) { e->SetStored("/x", 1, Deflate(Bytes(4095))); }},
      {"DirectStreamFollowedByJunk",
       [](ImageEditor* e) { e->SetStored("/x", 1, Deflate(Bytes(4096))); }},
  };
  return *kCases;
}

}  // namespace faultline::cramfs::internal
