// SPDX-License-Identifier: GPL-2.0-only
//
// Block pointers of every kind that lead where they must not.

#include "cramfs/testing/bad_images_internal.h"

namespace faultline::cramfs::internal {
namespace {

constexpr uint32_t kUncompressed = CRAMFS_BLK_FLAG_UNCOMPRESSED;
constexpr uint32_t kDirectPtr = CRAMFS_BLK_FLAG_DIRECT_PTR;
constexpr uint32_t kBoth = CRAMFS_BLK_FLAGS;

uint32_t DirectRaw(uint32_t offset) { return kBoth | offset >> 2; }
uint32_t DirectStream(uint32_t offset) { return kDirectPtr | offset >> 2; }

}  // namespace

const std::vector<BadCase>& PointerCases() {
  static const auto* const kCases = new std::vector<BadCase>{
      // ---- classic ----
      {"PointerZero", [](ImageEditor* e) { e->SetPointer("/c", 1, 0); }},
      {"FirstPointerZero", [](ImageEditor* e) { e->SetPointer("/c", 0, 0); }},
      {"PointerGoesBackByOne",
       [](ImageEditor* e) {
         e->SetPointer("/c", 1, e->GetPointer("/c", 0) - 1);
       }},
      {"PointerIntoItsOwnTable",
       [](ImageEditor* e) {
         e->SetPointer("/c", 0, e->PointerPlace("/c", 1));
       }},
      {"PointerAtTheEndPlusOne",
       [](ImageEditor* e) { e->SetPointer("/c", 1, e->size() + 1); }},
      {"PointerAtTheEnd",
       [](ImageEditor* e) { e->SetPointer("/c", 1, e->size()); }},
      {"PointerFarOut",
       [](ImageEditor* e) { e->SetPointer("/c", 1, 0x3fffffff); }},
      {"PointerWithBit29",
       [](ImageEditor* e) {
         e->SetPointer("/c", 1, e->GetPointer("/c", 1) | 1u << 29);
       }},
      {"PointersSwapped",
       [](ImageEditor* e) {
         const uint32_t first = e->GetPointer("/c", 0);
         e->SetPointer("/c", 0, e->GetPointer("/c", 1));
         e->SetPointer("/c", 1, first);
       }},
      {"BlockLongerByOne",
       [](ImageEditor* e) {
         e->SetPointer("/c", 2, e->GetPointer("/c", 2) + 1);
       }},
      {"BlockShorterByOne",
       [](ImageEditor* e) {
         e->SetPointer("/c", 2, e->GetPointer("/c", 2) - 1);
       }},
      {"BlockOfTwoPagesAndOneByte",
       [](ImageEditor* e) {
         e->SetPointer("/c", 2, e->block("/c", 2).offset + 8193);
       }},
      {"BlockOfTwoPages",
       [](ImageEditor* e) {
         e->SetPointer("/c", 2, e->block("/c", 2).offset + 8192);
       }},
      {"BlockMadeAHole",
       [](ImageEditor* e) { e->SetPointer("/c", 2, e->GetPointer("/c", 1)); }},
      {"BlockOfTwoStreams",
       [](ImageEditor* e) { e->SetPointer("/c", 0, e->GetPointer("/c", 1)); }},
      {"RawBlockOfAPageAndOneByte",
       [](ImageEditor* e) {
         e->SetPointer("/r", 0,
                       kUncompressed | (e->block("/r", 0).offset + 4097));
       }},
      {"RawBlockShorterByOne",
       [](ImageEditor* e) {
         e->SetPointer("/r", 0, e->GetPointer("/r", 0) - 1);
       }},
      {"RawTailLongerByOne",
       [](ImageEditor* e) {
         e->SetPointer("/r", 2, e->GetPointer("/r", 2) + 1);
       }},
      {"RawBlockGoesBack",
       [](ImageEditor* e) {
         e->SetPointer("/r", 1, e->GetPointer("/r", 0) - 1);
       }},
      {"RawFlagOnStream",
       [](ImageEditor* e) {
         e->SetPointer("/c", 1, e->GetPointer("/c", 1) | kUncompressed);
       }},
      {"RawFlagMissing",
       [](ImageEditor* e) {
         e->SetPointer("/r", 1, e->GetPointer("/r", 1) & ~kUncompressed);
       }},
      {"ClassicBehindDirectGoesBack",
       [](ImageEditor* e) {
         e->SetPointer("/m", 1, kUncompressed | e->block("/m", 0).offset);
       }},
      {"ClassicBehindDirectAtTheEnd",
       [](ImageEditor* e) {
         e->SetPointer("/r", 0, DirectRaw(e->size() - 4096));
         e->SetPointer("/r", 1, kUncompressed | e->size());
       }},
      // ---- direct, raw ----
      {"DirectAtZero", [](ImageEditor* e) { e->SetPointer("/d", 1, kBoth); }},
      {"FirstDirectAtZero",
       [](ImageEditor* e) { e->SetPointer("/d", 0, kBoth); }},
      {"DirectInSuperblock",
       [](ImageEditor* e) { e->SetPointer("/d", 1, DirectRaw(72)); }},
      {"DirectInDirectory",
       [](ImageEditor* e) {
         e->SetPointer("/d", 1, DirectRaw(e->inode("/a").offset));
       }},
      {"DirectInItsOwnTable",
       [](ImageEditor* e) {
         e->SetPointer("/d", 1, DirectRaw(e->inode("/d").offset));
       }},
      {"DirectInAnotherTable",
       [](ImageEditor* e) {
         e->SetPointer("/d", 1, DirectRaw(e->inode("/r").offset));
       }},
      {"DirectInAStream",
       [](ImageEditor* e) {
         e->SetPointer("/d", 1,
                       DirectRaw((e->block("/n", 0).offset + 3) & ~3u));
       }},
      {"DirectInAnotherBlock",
       [](ImageEditor* e) {
         e->SetPointer("/d", 1, DirectRaw(e->block("/w", 0).offset + 2048));
       }},
      {"DirectOnAnotherBlock",
       [](ImageEditor* e) {
         e->SetPointer("/d", 1, DirectRaw(e->block("/w", 1).offset));
       }},
      {"DirectTwiceOnOneBlock",
       [](ImageEditor* e) { e->SetPointer("/d", 1, e->GetPointer("/d", 0)); }},
      {"DirectAtTheEnd",
       [](ImageEditor* e) { e->SetPointer("/d", 1, DirectRaw(e->size())); }},
      {"FirstDirectAtTheEnd",
       [](ImageEditor* e) { e->SetPointer("/d", 0, DirectRaw(e->size())); }},
      {"DirectAcrossTheEnd",
       [](ImageEditor* e) {
         e->SetPointer("/d", 1, DirectRaw(e->size() - 4092));
       }},
      {"DirectRunBeyondTheEnd",
       [](ImageEditor* e) {
         for (uint32_t i = 0; i < 3; ++i) {
           e->SetPointer("/w", i, DirectRaw(e->size() + 4096 * i));
         }
       }},
      {"DirectRunAcrossTheEnd",
       [](ImageEditor* e) {
         for (uint32_t i = 0; i < 3; ++i) {
           e->SetPointer("/w", i, DirectRaw(e->size() - 4096 + 4096 * i));
         }
       }},
      {"DirectTailBeyondTheEnd",
       [](ImageEditor* e) { e->SetPointer("/d", 2, DirectRaw(e->size())); }},
      {"DirectBeyondTheRom",
       [](ImageEditor* e) {
         for (uint32_t i = 0; i < 3; ++i) {
           e->SetPointer("/w", i, DirectRaw((64u << 20) + 4096 * i));
         }
       }},
      {"DirectAtHighestOffset",
       [](ImageEditor* e) { e->SetPointer("/d", 1, 0xffffffff); }},
      {"FirstDirectAtHighestOffset",
       [](ImageEditor* e) { e->SetPointer("/d", 0, 0xffffffff); }},
      {"DirectWithBit29",
       [](ImageEditor* e) {
         e->SetPointer("/d", 1, e->GetPointer("/d", 1) | 1u << 29);
       }},
      {"DirectNotOnAPage",
       [](ImageEditor* e) {
         e->SetPointer("/d", 0, DirectRaw(e->block("/d", 0).offset + 8));
       }},
      {"DirectTailOfAnotherFile",
       [](ImageEditor* e) {
         e->SetPointer("/d", 2, DirectRaw(e->block("/w", 2).offset));
       }},
      // ---- direct, compressed ----
      {"DirectStreamAtZero",
       [](ImageEditor* e) { e->SetPointer("/m", 0, kDirectPtr); }},
      {"DirectStreamAtTheEnd",
       [](ImageEditor* e) { e->SetPointer("/x", 1, DirectStream(e->size())); }},
      {"DirectStreamAtHighestOffset",
       [](ImageEditor* e) { e->SetPointer("/x", 1, 0x7fffffff); }},
      {"DirectStreamInDirectory",
       [](ImageEditor* e) {
         e->SetPointer("/x", 1, DirectStream(e->inode("/a").offset));
       }},
      {"DirectStreamOfLengthZero",
       [](ImageEditor* e) { e->SetDirectLength("/x", 1, 0); }},
      {"DirectStreamOfLengthZeroBeforeClassic",
       [](ImageEditor* e) { e->SetDirectLength("/m", 0, 0); }},
      {"DirectStreamOfLengthOne",
       [](ImageEditor* e) { e->SetDirectLength("/x", 1, 1); }},
      {"DirectStreamShorterByOne",
       [](ImageEditor* e) {
         e->SetDirectLength(
             "/x", 1, static_cast<uint16_t>(e->block("/x", 1).length - 1));
       }},
      {"DirectStreamOfTwoPagesAndOneByte",
       [](ImageEditor* e) { e->SetDirectLength("/m", 0, 8193); }},
      {"DirectStreamOfTwoPages",
       [](ImageEditor* e) { e->SetDirectLength("/m", 0, 8192); }},
      {"DirectStreamOfLength65535",
       [](ImageEditor* e) { e->SetDirectLength("/x", 1, 65535); }},
      {"DirectStreamIsOneOfClassicBlocks",
       [](ImageEditor* e) {
         e->SetPointer("/x", 1,
                       DirectStream((e->block("/c", 0).offset - 2) & ~3u));
       }},
      {"DirectStreamFlagOnRaw",
       [](ImageEditor* e) {
         e->SetPointer("/d", 1, e->GetPointer("/d", 1) & ~kUncompressed);
       }},
      {"DirectRawFlagOnStream",
       [](ImageEditor* e) {
         e->SetPointer("/x", 1, e->GetPointer("/x", 1) | kUncompressed);
       }},
  };
  return *kCases;
}

}  // namespace faultline::cramfs::internal
