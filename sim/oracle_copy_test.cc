// SPDX-License-Identifier: GPL-2.0-only
//
// The oracle's copies over several pages, mincore, and advice that changes
// what is in memory or what a child gets.

#include "gtest/gtest.h"
#include "sim/oracle.h"
#include "sim/testing/oracle_fixture.h"

namespace faultline {
namespace {

class OracleCopyTest : public OracleTest {
 protected:
  static ResolvedOp ReadInto(uint64_t address, uint32_t size,
                             uint64_t file_offset = 0) {
    ResolvedOp op = Access(OpKind::kReadInto, address, 0, size);
    op.file = 0;
    op.file_offset = file_offset;
    return op;
  }
  static ResolvedOp WriteFrom(uint64_t address, uint32_t size) {
    return Access(OpKind::kWriteFrom, address, 0, size);
  }
  static ResolvedOp Mincore(uint64_t address, uint64_t pages, uint64_t to) {
    ResolvedOp op = Range(OpKind::kMincore, address, pages);
    op.to = to;
    return op;
  }
  static ResolvedOp Advise(uint64_t address, uint64_t pages, uint32_t advice) {
    ResolvedOp op = Range(OpKind::kMadvise, address, pages);
    op.advice = advice;
    return op;
  }
};

TEST_F(OracleCopyTest, ShortReadIntoOverAPageEndIsFollowedByteByByte) {
  RunMmap(Mmap(kBase, 2, kR | kW, -1));
  EXPECT_EQ(Run(ReadInto(kBase + kPage - 2, 4, 10), Returned(4)), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage - 1), Loaded(F(11))), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), Loaded(F(12))), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage + 2), Loaded(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage + 1), Loaded(0)), "load gave wrong bytes");
}

TEST_F(OracleCopyTest, LongReadIntoLeavesUnknownBytesButNothingElseUnknown) {
  RunMmap(Mmap(kBase, 2, kR | kW, -1));
  EXPECT_EQ(Run(ReadInto(kBase, 5000), Returned(5000)), "");
  EXPECT_EQ(Run(LoadAt(kBase + 7), Loaded(99)), "");
  EXPECT_EQ(Run(StoreAt(kBase + 7, 5), OpResult()), "");
  EXPECT_EQ(Run(LoadAt(kBase + 7), Loaded(5)), "");
  EXPECT_EQ(Run(LoadAt(kBase + 7), Loaded(6)), "load gave wrong bytes");
  EXPECT_EQ(Run(LoadAt(kBase + 9), MapErr()), "load got SIGSEGV wrongly");
  Run(Dontneed(kBase, 2), Returned(0));
  EXPECT_EQ(Run(LoadAt(kBase + 9), Loaded(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase + 9), Loaded(1)), "load gave wrong bytes");
}

TEST_F(OracleCopyTest, ReadIntoMayEndWhereItCannotGoOn) {
  RunMmap(Mmap(kBase, 1, kR | kW, -1));
  EXPECT_EQ(Run(ReadInto(kBase + 100, 5000), Returned(3996)), "");
  EXPECT_EQ(Run(ReadInto(kBase + 100, 5000), Returned(3997)),
            "read_into succeeded where it never could");
  EXPECT_EQ(Run(ReadInto(kBase + kPage, 50), Returned(-14)), "");
}

TEST_F(OracleCopyTest, ReadIntoOfWhatCanBeWrittenCannotFail) {
  RunMmap(Mmap(kBase, 2, kR | kW, -1));
  EXPECT_EQ(Run(ReadInto(kBase, 5000), Returned(-14)),
            "read_into failed where it never could");
  EXPECT_EQ(Run(ReadInto(kBase, 5000), Returned(5001)),
            "read_into gave more than was asked for");
}

TEST_F(OracleCopyTest, WriteFromNeedsEachPageItCopied) {
  RunMmap(Mmap(kBase, 1, kR, -1));
  RunMmap(Mmap(kBase + 2 * kPage, 1, kW, -1));
  EXPECT_EQ(Run(WriteFrom(kBase, 3 * kPage), Returned(kPage)), "");
  EXPECT_EQ(Run(WriteFrom(kBase, 3 * kPage), Returned(kPage + 1)),
            "write_from succeeded where it never could");
  EXPECT_EQ(Run(WriteFrom(kBase, kPage), Returned(-14)),
            "write_from failed where it never could");
  EXPECT_EQ(Run(WriteFrom(kBase, 2 * kPage), Returned(-14)), "")
      << "a pipe takes whole buffers";
}

TEST_F(OracleCopyTest, ACopyBesideAnMunmapMayReachAnyPageOrNone) {
  RunMmap(Mmap(kBase, 2, kR | kW, -1));
  Oracle::OpId munmap = oracle_.Begin(0, Munmap(kBase, 2));
  EXPECT_EQ(Run(ReadInto(kBase, 2 * kPage), Returned(kPage)), "");
  EXPECT_EQ(Run(ReadInto(kBase, 2 * kPage), Returned(-14)), "");
  EXPECT_EQ(Title(oracle_.End(munmap, Returned(0))), "");
  EXPECT_EQ(Run(ReadInto(kBase, 2 * kPage), Returned(kPage)),
            "read_into succeeded where it never could");
}

TEST_F(OracleCopyTest, MincoreStoresItsAnswers) {
  RunMmap(Mmap(kBase, 1, kR | kW, -1));
  RunMmap(Mmap(kBase + kPage, 1, kR, -1));
  EXPECT_EQ(Run(Mincore(kBase, 2, kBase + 8), Returned(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase + 8), Loaded(1)), "");
  EXPECT_EQ(Run(Mincore(kBase, 2, kBase + kPage), Returned(0)),
            "mincore succeeded where it never could");
  EXPECT_EQ(Run(Mincore(kBase, 2, kBase + kPage), Returned(-14)), "");
  EXPECT_EQ(Run(Mincore(kBase, 2, kBase + 8), Returned(-14)),
            "mincore failed where it never could");
  EXPECT_EQ(Run(Mincore(kBase + 1, 2, kBase + 8), Returned(-22)), "");
}

TEST_F(OracleCopyTest, FreeMayLoseWhatWasStoredUntilTheNextStore) {
  RunMmap(Mmap(kBase, 1, kR | kW, -1));
  Run(StoreAt(kBase, 1), OpResult());
  EXPECT_EQ(Run(Advise(kBase, 1, kAdviceFree), Returned(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(1)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(2)), "load gave wrong bytes");
  Run(StoreAt(kBase, 3), OpResult());
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(3)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0)), "load gave wrong bytes");
}

TEST_F(OracleCopyTest, FreeOfAFileLosesNothing) {
  RunMmap(Mmap(kBase, 1, kR | kW));
  Run(StoreAt(kBase, 1), OpResult());
  EXPECT_EQ(Run(Advise(kBase, 1, kAdviceFree), Returned(-22)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(F(0))), "load gave wrong bytes");
}

TEST_F(OracleCopyTest, ChildHasNotWhatIsNotForIt) {
  RunMmap(Mmap(kBase, 2, kR | kW, -1));
  Run(Advise(kBase, 2, kAdviceDontfork), Returned(0));
  Run(Advise(kBase + kPage, 1, kAdviceDofork), Returned(0));
  ResolvedOp fork;
  fork.kind = OpKind::kFork;
  fork.child = 1;
  Run(fork, Returned(0));
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase), MapErr(), 1), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0), 1),
            "load succeeded where it never could");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), Loaded(0), 1), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), MapErr(), 1),
            "load got SIGSEGV wrongly");
}

class OracleStackTest : public OracleTest {
 protected:
  static constexpr uint64_t kStack = kBase + 4096 * kPage;
  static ResolvedOp MmapStack(uint64_t address, uint64_t pages) {
    ResolvedOp op = Mmap(address, pages, kR | kW, -1);
    op.flags = kMapGrowsdown;
    return op;
  }
};

TEST_F(OracleStackTest, WhatLiesBelowAStackMayBeAnythingAndNoMore) {
  EXPECT_EQ(Run(LoadAt(kStack - 1), MapErr()), "");
  RunMmap(MmapStack(kStack, 2));
  for (const OpResult& result : {MapErr(), Loaded(0), Loaded(7)}) {
    EXPECT_EQ(Run(LoadAt(kStack - 1), result), "");
    EXPECT_EQ(Run(LoadAt(kStack - 2048 * kPage), result), "");
  }
  EXPECT_EQ(Run(LoadAt(kStack), Loaded(7)), "load gave wrong bytes");
  EXPECT_EQ(Run(LoadAt(kStack - 2048 * kPage - 1), Loaded(0)),
            "load succeeded where it never could");
  EXPECT_EQ(Run(LoadAt(kStack + 2 * kPage), Loaded(0)),
            "load succeeded where it never could");
}

TEST_F(OracleStackTest, AStackGrowsAgainOverWhatWasUnmapped) {
  RunMmap(MmapStack(kStack, 2));
  Run(Munmap(kStack - kPage, 2), Returned(0));
  EXPECT_EQ(Run(LoadAt(kStack), Loaded(0)), "");
  EXPECT_EQ(Run(LoadAt(kStack), MapErr()), "");
  RunMmap(Mmap(kStack - kPage, 1, kR));
  EXPECT_EQ(Run(LoadAt(kStack - kPage), MapErr()), "load got SIGSEGV wrongly");
}

TEST_F(OracleStackTest, AStackThatMovesGrowsThere) {
  RunMmap(MmapStack(kStack, 2));
  const uint64_t to = kStack + 8192 * kPage;
  Run(MremapTo(kStack, 2, 2, to), Returned(static_cast<int64_t>(to)));
  EXPECT_EQ(Run(LoadAt(to - 1), Loaded(0)), "");
  EXPECT_EQ(Run(LoadAt(to - 2048 * kPage - 1), Loaded(0)),
            "load succeeded where it never could");
}

TEST_F(OracleStackTest, SnapshotKnowsTheStacks) {
  const Oracle snapshot = oracle_;
  oracle_.Reset(snapshot);
  RunMmap(MmapStack(kStack, 2));
  EXPECT_EQ(Run(LoadAt(kStack - 1), Loaded(0)), "");
  oracle_.Reset(snapshot);
  EXPECT_EQ(Run(LoadAt(kStack - 1), Loaded(0)),
            "load succeeded where it never could");
}

TEST_F(OracleCopyTest, MremapThatIsRefusedAtOnceChangesNothing) {
  RunMmap(Mmap(kBase, 4, kR | kW, -1));
  Run(StoreAt(kBase, 7), OpResult());
  EXPECT_EQ(Run(MremapTo(kBase, 2, 2, kBase + kPage), Returned(-22)), "");
  EXPECT_EQ(Run(MremapTo(kBase, 2, 2, kBase + 9), Returned(-22)), "");
  EXPECT_EQ(Run(Mremap(kBase, 2, 0), Returned(-22)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(8)), "load gave wrong bytes");
}

}  // namespace
}  // namespace faultline
