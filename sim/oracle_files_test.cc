// SPDX-License-Identifier: GPL-2.0-only
//
// The oracle and files that change: what a load may give beside and after
// stores, writes, truncations and holes, and that anything else is refused.

#include <cstdint>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "sim/oracle.h"

namespace faultline {
namespace {

constexpr uint64_t kBase = 0x7f0000000000, kOther = kBase + 0x100000;
constexpr uint64_t kPage = kPageBytes;
constexpr int kFile = 1;

// File 0 never changes; file 1, of two pages, does.
class OracleFilesTest : public testing::Test {
 protected:
  OracleFilesTest() : oracle_(Files()) {
    Map(0, kBase, true);
    Map(1, kOther, true);
  }

  static const OracleFileStrings& Files() {
    static const OracleFileStrings* files = [] {
      auto* strings = new OracleFileStrings;
      strings->Add("f", std::string(2 * kPage, 'f'));
      strings->Add("g", std::string(2 * kPage, 'g'), /*changes=*/true);
      return strings;
    }();
    return *files;
  }

  static ResolvedOp Make(OpKind kind, uint64_t address, uint64_t value = 0) {
    ResolvedOp op;
    op.kind = kind;
    op.address = address;
    op.value = value;
    return op;
  }
  static ResolvedOp Store(uint64_t address, uint64_t value) {
    return Make(OpKind::kStore, address, value);
  }
  static ResolvedOp Change(OpKind kind, uint64_t offset, uint64_t length,
                           uint64_t value = 0) {
    ResolvedOp op;
    op.kind = kind;
    op.file = kFile;
    op.file_offset = offset;
    op.length = length;
    op.value = value;
    return op;
  }
  static ResolvedOp Truncate(uint64_t bytes) {
    return Change(OpKind::kTruncate, 0, bytes);
  }
  static ResolvedOp Punch(uint64_t offset, uint64_t length) {
    return Change(OpKind::kPunch, offset, length);
  }
  static ResolvedOp Write(uint64_t offset, uint8_t value) {
    return Change(OpKind::kWrite, offset, 0, value);
  }

  void Map(int process, uint64_t address, bool shared, int file = kFile) {
    ResolvedOp op = Make(OpKind::kMmap, address);
    op.fixed = true;
    op.length = 4 * kPage;
    op.prot = kProtRead | kProtWrite;
    op.shared = shared;
    op.file = file;
    OpResult result;
    result.value = static_cast<int64_t>(address);
    ASSERT_EQ(oracle_.End(oracle_.Begin(process, op), result), std::nullopt);
  }
  // The violation's title, or "".
  std::string Run(int process, const ResolvedOp& op, int64_t value = 0) {
    OpResult result;
    result.value = value;
    return End(oracle_.Begin(process, op), result);
  }
  std::string End(Oracle::OpId id, const OpResult& result = OpResult()) {
    const std::optional<std::string> violation = oracle_.End(id, result);
    return violation ? violation->substr(0, violation->find(": ")) : "";
  }
  static OpResult Sigbus() {
    OpResult result;
    result.sig = 7;
    result.si_code = 2;
    return result;
  }
  static OpResult Loaded(uint64_t value) {
    OpResult result;
    result.loaded = value;
    return result;
  }
  // Could a load that begins and ends now give this?
  bool May(int process, uint64_t address, const OpResult& result) {
    Oracle copy = oracle_;
    return !copy.End(copy.Begin(process, Make(OpKind::kLoad, address)), result);
  }
  bool MayLoad(int process, uint64_t address, uint64_t value) {
    return May(process, address, Loaded(value));
  }

  Oracle oracle_;
};

TEST_F(OracleFilesTest, StoreIsSeenThroughEveryMapping) {
  EXPECT_TRUE(MayLoad(1, kOther + 3, 'g'));
  EXPECT_EQ(Run(0, Store(kBase + 3, 'x')), "");
  EXPECT_TRUE(MayLoad(1, kOther + 3, 'x'));
  EXPECT_FALSE(MayLoad(1, kOther + 3, 'g'));
  EXPECT_FALSE(MayLoad(0, kBase + 3, 'g'));
  EXPECT_TRUE(MayLoad(1, kOther + 4, 'g'));
  EXPECT_FALSE(MayLoad(1, kOther + 4, 'x'));
  EXPECT_EQ(Run(1, Store(kOther + 3, 'y')), "");
  EXPECT_TRUE(MayLoad(0, kBase + 3, 'y'));
  EXPECT_FALSE(MayLoad(0, kBase + 3, 'x'));
}

TEST_F(OracleFilesTest, LoadBesideAStoreGivesEitherByte) {
  const Oracle::OpId store = oracle_.Begin(0, Store(kBase, 'x'));
  EXPECT_TRUE(MayLoad(1, kOther, 'x'));
  EXPECT_TRUE(MayLoad(1, kOther, 'g'));
  EXPECT_FALSE(MayLoad(1, kOther, 'z'));
  const Oracle::OpId load = oracle_.Begin(1, Make(OpKind::kLoad, kOther));
  EXPECT_EQ(End(store), "");
  // It began before the store was over.
  Oracle copy = oracle_;
  EXPECT_EQ(copy.End(load, Loaded('g')), std::nullopt);
  EXPECT_EQ(End(load, Loaded('q')), "load gave wrong bytes");
  EXPECT_FALSE(MayLoad(1, kOther, 'g'));
}

TEST_F(OracleFilesTest, StoreThatFailedNeverHappened) {
  Run(0, Truncate(kPage));
  const Oracle::OpId store = oracle_.Begin(0, Store(kBase + kPage, 'x'));
  EXPECT_EQ(End(store, Sigbus()), "");
  Run(0, Truncate(2 * kPage));
  EXPECT_TRUE(MayLoad(0, kBase + kPage, 0));
  EXPECT_FALSE(MayLoad(0, kBase + kPage, 'x'));
}

TEST_F(OracleFilesTest, TruncationCutsAndExtensionIsZero) {
  EXPECT_FALSE(May(0, kBase + kPage, Sigbus()));
  EXPECT_TRUE(May(0, kBase + 2 * kPage, Sigbus()));
  EXPECT_EQ(Run(0, Truncate(10)), "");
  EXPECT_TRUE(MayLoad(0, kBase + 9, 'g'));
  EXPECT_TRUE(MayLoad(0, kBase + 10, 0));
  EXPECT_FALSE(MayLoad(0, kBase + 10, 'g'));
  EXPECT_TRUE(May(0, kBase + kPage, Sigbus()));
  EXPECT_FALSE(MayLoad(0, kBase + kPage, 'g'));
  EXPECT_FALSE(MayLoad(0, kBase + kPage, 0));
  EXPECT_EQ(Run(0, Truncate(2 * kPage)), "");
  EXPECT_TRUE(MayLoad(0, kBase + kPage, 0));
  EXPECT_FALSE(MayLoad(0, kBase + kPage, 'g'));
  EXPECT_FALSE(May(0, kBase + kPage, Sigbus()));
}

TEST_F(OracleFilesTest, AccessBesideATruncationMeetsEitherSize) {
  const Oracle::OpId cut = oracle_.Begin(0, Truncate(kPage));
  EXPECT_TRUE(May(1, kOther + kPage, Sigbus()));
  EXPECT_TRUE(MayLoad(1, kOther + kPage, 'g'));
  EXPECT_TRUE(MayLoad(1, kOther + kPage, 0));
  EXPECT_FALSE(May(1, kOther, Sigbus()));
  EXPECT_EQ(End(cut), "");
  EXPECT_FALSE(MayLoad(1, kOther + kPage, 'g'));
}

TEST_F(OracleFilesTest, StoreBeyondTheEndIsRefused) {
  Run(0, Truncate(kPage));
  EXPECT_EQ(Run(0, Store(kBase + kPage, 1)),
            "store succeeded where it never could");
}

TEST_F(OracleFilesTest, RefusedTruncationChangesNothing) {
  EXPECT_EQ(Run(0, Truncate(0), -22), "");
  EXPECT_TRUE(MayLoad(0, kBase, 'g'));
  EXPECT_FALSE(May(0, kBase, Sigbus()));
}

TEST_F(OracleFilesTest, LostStoreIsSeen) {
  Run(0, Store(kBase, 'x'));
  Run(0, Truncate(kPage));
  // What lies before the new end stays.
  EXPECT_TRUE(MayLoad(1, kOther, 'x'));
  EXPECT_FALSE(MayLoad(1, kOther, 0));
  EXPECT_FALSE(MayLoad(1, kOther, 'g'));
}

TEST_F(OracleFilesTest, HoleIsZeroAndKeepsTheSize) {
  EXPECT_EQ(Run(0, Punch(10, kPage)), "");
  EXPECT_TRUE(MayLoad(0, kBase + 9, 'g'));
  EXPECT_TRUE(MayLoad(0, kBase + 10, 0));
  EXPECT_FALSE(MayLoad(0, kBase + 10, 'g'));
  EXPECT_TRUE(MayLoad(0, kBase + kPage + 9, 0));
  EXPECT_TRUE(MayLoad(0, kBase + kPage + 10, 'g'));
  EXPECT_FALSE(May(0, kBase + kPage, Sigbus()));
  EXPECT_EQ(Run(0, Store(kBase + 10, 'x')), "");
  EXPECT_FALSE(MayLoad(0, kBase + 10, 0));
}

TEST_F(OracleFilesTest, WriteMovesTheEnd) {
  EXPECT_EQ(Run(0, Write(3 * kPage, 'w'), 1), "");
  EXPECT_TRUE(MayLoad(0, kBase + 3 * kPage, 'w'));
  EXPECT_TRUE(MayLoad(0, kBase + 2 * kPage, 0));
  EXPECT_FALSE(May(0, kBase + 3 * kPage, Sigbus()));
  // One that ends before the end moves nothing.
  EXPECT_EQ(Run(0, Write(5, 'w'), 1), "");
  EXPECT_FALSE(May(0, kBase + kPage, Sigbus()));
  EXPECT_TRUE(MayLoad(1, kOther + 5, 'w'));
  EXPECT_FALSE(MayLoad(1, kOther + 5, 'g'));
  EXPECT_EQ(Run(0, Write(6, 'w'), -28), "");
  EXPECT_FALSE(MayLoad(1, kOther + 6, 'w'));
}

TEST_F(OracleFilesTest, PrivateCopyIsItsOwnUntilItIsCutOff) {
  const uint64_t copy = kBase + 0x200000;
  Map(0, copy, false);
  EXPECT_TRUE(MayLoad(0, copy + 1, 'g'));
  EXPECT_FALSE(MayLoad(0, copy + 1, 'x'));
  Run(0, Store(copy, 'p'));
  EXPECT_FALSE(MayLoad(1, kOther, 'p'));
  Run(0, Store(kBase, 's'));
  Run(0, Punch(0, kPage));
  EXPECT_TRUE(MayLoad(0, copy, 'p'));
  EXPECT_FALSE(MayLoad(0, copy, 's'));
  Run(0, Truncate(0));
  EXPECT_TRUE(May(0, copy, Sigbus()));
  EXPECT_FALSE(MayLoad(0, copy, 'p'));
}

TEST_F(OracleFilesTest, FileThatDoesNotChangeIsAsEver) {
  const uint64_t at = kBase + 0x200000;
  Map(0, at, true, 0);
  Run(0, Store(kBase, 's'));
  EXPECT_TRUE(MayLoad(0, at, 'f'));
  EXPECT_FALSE(MayLoad(0, at, 's'));
}

TEST_F(OracleFilesTest, SharedMemoryWithoutAFileEndsWhereItWasMapped) {
  const uint64_t at = kBase + 0x200000;
  Map(0, at, true, -1);
  EXPECT_TRUE(MayLoad(0, at, 0));
  Run(0, Store(at, 's'));
  ResolvedOp move = Make(OpKind::kMremap, at);
  move.length = 4 * kPage;
  move.new_length = 5 * kPage;
  move.may_move = true;
  EXPECT_EQ(Run(0, move, static_cast<int64_t>(at)), "");
  EXPECT_TRUE(MayLoad(0, at, 's'));
  EXPECT_FALSE(MayLoad(0, at, 0));
  EXPECT_TRUE(May(0, at + 4 * kPage, Sigbus()));
  EXPECT_FALSE(MayLoad(0, at + 4 * kPage, 0));
  ResolvedOp remove = Make(OpKind::kMadvise, at);
  remove.length = kPage;
  remove.advice = 9;
  EXPECT_EQ(Run(0, remove), "");
  EXPECT_TRUE(MayLoad(0, at, 0));
  EXPECT_FALSE(MayLoad(0, at, 's'));
}

TEST_F(OracleFilesTest, ResetForgetsChanges) {
  const Oracle snapshot = oracle_;
  oracle_.Reset(snapshot);
  Run(0, Store(kBase, 'x'));
  Run(0, Truncate(kPage));
  oracle_.Reset(snapshot);
  EXPECT_TRUE(MayLoad(0, kBase, 'g'));
  EXPECT_FALSE(MayLoad(0, kBase, 'x'));
  EXPECT_FALSE(May(0, kBase + kPage, Sigbus()));
}

TEST_F(OracleFilesTest, ManyChangesAreFollowed) {
  for (int i = 0; i < 4000; ++i) {
    ASSERT_EQ(Run(0, Store(kBase + i % 8, static_cast<uint64_t>(i % 7 + 1))),
              "");
    if (i % 100 == 0) {
      ASSERT_EQ(Run(0, Punch(kPage, kPage)), "");
    }
  }
  EXPECT_FALSE(MayLoad(1, kOther, 'z'));
  EXPECT_TRUE(MayLoad(1, kOther + 7, 3999 % 7 + 1));
}

// A store that nobody can place makes the content anything, not the rest.
TEST_F(OracleFilesTest, StoreOfABlindProcessIsNotHeldAgainstOthers) {
  ResolvedOp huge = Make(OpKind::kMunmap, kBase + 0x10000000);
  huge.length = (Oracle::kMaxPages + 1) * kPage;
  Run(0, huge);
  Run(0, Store(kBase, 'x'));
  EXPECT_TRUE(MayLoad(1, kOther, 'x'));
  EXPECT_FALSE(MayLoad(1, kOther + 0x200000, 'x'));
}

}  // namespace
}  // namespace faultline
