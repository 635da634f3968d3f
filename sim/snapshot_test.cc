// SPDX-License-Identifier: GPL-2.0-only

#include "sim/snapshot.h"

#include <cstring>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "sim/arena.h"
#include "sim/random.h"

namespace faultline {
namespace {

constexpr uint64_t kBytes = 16 * Snapshot::kPageBytes;

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() : arena_(*Arena::Create(kBytes, false)) {
    Random random(1);
    for (uint64_t i = 0; i < kBytes / 2; ++i) {
      arena_.data()[i] = static_cast<char>(random.Next());
    }
    EXPECT_TRUE(snapshot_.Init(arena_.data(), arena_.size()).ok());
  }
  void Write(uint64_t offset, const std::string& text) {
    snapshot_.MarkDirty(offset, text.size());
    memcpy(arena_.data() + offset, text.data(), text.size());
  }

  Arena arena_;
  Snapshot snapshot_;
};

TEST_F(SnapshotTest, RestoresManyTimes) {
  snapshot_.Take();
  for (int i = 0; i < 50; ++i) {
    Write(100 * i, "something else");
    Write(kBytes - 20 - i, "and at the end");
    EXPECT_GT(snapshot_.dirty_pages(), 0u);
    snapshot_.Restore();
    EXPECT_EQ(snapshot_.dirty_pages(), 0u);
    ASSERT_TRUE(snapshot_.Verify().ok()) << snapshot_.Verify();
  }
}

TEST_F(SnapshotTest, MarksEveryPageOfARange) {
  snapshot_.Take();
  Write(Snapshot::kPageBytes - 3, std::string(2 * Snapshot::kPageBytes, 'x'));
  EXPECT_EQ(snapshot_.dirty_pages(), 3u);
  snapshot_.Restore();
  EXPECT_TRUE(snapshot_.Verify().ok());
}

TEST_F(SnapshotTest, UnannouncedWriteInAnAnnouncedPageIsRestoredToo) {
  snapshot_.Take();
  arena_.data()[8] ^= 1;
  Write(16, "announced");
  snapshot_.Restore();
  EXPECT_TRUE(snapshot_.Verify().ok());
}

TEST_F(SnapshotTest, VerifyNamesTheByteThatNobodyAnnounced) {
  snapshot_.Take();
  arena_.data()[5 * Snapshot::kPageBytes + 7] ^= 1;
  snapshot_.Restore();
  const absl::Status status = snapshot_.Verify();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(status.message()).find("offset 0x5007"),
            std::string::npos)
      << status;
}

TEST_F(SnapshotTest, ExcludedPagesAreLeftAlone) {
  snapshot_.Exclude(Snapshot::kPageBytes + 1, 3 * Snapshot::kPageBytes);
  snapshot_.Take();
  // Only pages wholly inside: 2 and 3.
  Write(2 * Snapshot::kPageBytes, "scratch");
  EXPECT_EQ(snapshot_.dirty_pages(), 0u);
  Write(Snapshot::kPageBytes + 5, "kept");
  snapshot_.Restore();
  EXPECT_EQ(memcmp(arena_.data() + 2 * Snapshot::kPageBytes, "scratch", 7), 0);
  EXPECT_TRUE(snapshot_.Verify().ok());
}

TEST_F(SnapshotTest, MarksOutsideTheRegionAreIgnored) {
  snapshot_.Take();
  snapshot_.MarkDirty(kBytes, 8);
  snapshot_.MarkDirty(~uint64_t{0} - 4, 64);
  snapshot_.MarkDirty(kBytes - 4, 64);
  snapshot_.MarkDirty(0, 0);
  EXPECT_EQ(snapshot_.dirty_pages(), 1u);
}

TEST_F(SnapshotTest, TakingAgainMovesTheState) {
  snapshot_.Take();
  Write(0, "first");
  snapshot_.Take();
  Write(0, "other");
  snapshot_.Restore();
  EXPECT_EQ(memcmp(arena_.data(), "first", 5), 0);
}

TEST(Arena, Below4GOnRequest) {
  absl::StatusOr<Arena> arena = Arena::Create(1 << 20, true);
  ASSERT_TRUE(arena.ok());
  EXPECT_LE(reinterpret_cast<uintptr_t>(arena->data()) + arena->size(),
            uint64_t{1} << 32);
  arena->data()[5] = 1;
  arena->Clear();
  EXPECT_EQ(arena->data()[5], 0);
  EXPECT_FALSE(Arena::Create(uint64_t{5} << 30, true).ok());
}

}  // namespace
}  // namespace faultline
