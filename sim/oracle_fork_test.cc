// SPDX-License-Identifier: GPL-2.0-only
//
// The oracle's fork.

#include "gtest/gtest.h"
#include "sim/oracle.h"
#include "sim/testing/oracle_fixture.h"

namespace faultline {
namespace {

class OracleForkTest : public OracleTest {
 protected:
  static ResolvedOp Fork(int child) {
    ResolvedOp op;
    op.kind = OpKind::kFork;
    op.child = child;
    return op;
  }
  std::string RunIn(int process, const ResolvedOp& op, const OpResult& result) {
    return Title(oracle_.End(oracle_.Begin(process, op), result));
  }
};

TEST_F(OracleForkTest, ChildHasWhatTheParentStoredAndEachGoesItsWay) {
  RunMmap(Mmap(kBase, 2, kR | kW));
  Run(StoreAt(kBase, 0xaa), Returned(0));
  EXPECT_EQ(Run(Fork(1), Returned(0)), "");
  EXPECT_EQ(RunIn(1, LoadAt(kBase), Loaded(0xaa)), "");
  EXPECT_EQ(RunIn(1, LoadAt(kBase + 1), Loaded(F(1))), "");
  RunIn(1, StoreAt(kBase, 0xbb), Returned(0));
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0xaa)), "");
  EXPECT_EQ(RunIn(1, LoadAt(kBase), Loaded(0xbb)), "");
  Run(Munmap(kBase, 2), Returned(0));
  EXPECT_EQ(RunIn(1, LoadAt(kBase + kPage), Loaded(F(kPage))), "");
}

TEST_F(OracleForkTest, WrongBytesInTheChildAreSeen) {
  RunMmap(Mmap(kBase, 1, kR | kW));
  Run(StoreAt(kBase, 0xaa), Returned(0));
  Run(Fork(1), Returned(0));
  EXPECT_EQ(RunIn(1, LoadAt(kBase), Loaded(F(0))), "load gave wrong bytes");
}

TEST_F(OracleForkTest, WhatIsNotMappedInTheParentIsNotInTheChild) {
  RunMmap(Mmap(kBase, 1, kR));
  Run(Munmap(kBase, 1), Returned(0));
  Run(Fork(1), Returned(0));
  EXPECT_EQ(RunIn(1, LoadAt(kBase), MapErr()), "");
  Run(Fork(2), Returned(0));
  EXPECT_NE(RunIn(2, LoadAt(kBase), Loaded(F(0))), "");
}

TEST_F(OracleForkTest, StoreBesideTheForkIsThereOrNot) {
  for (uint8_t seen : {uint8_t{0xaa}, F(0)}) {
    Oracle fresh(Files());
    oracle_ = fresh;
    RunMmap(Mmap(kBase, 1, kR | kW));
    const Oracle::OpId fork = oracle_.Begin(0, Fork(1));
    EXPECT_EQ(Run(StoreAt(kBase, 0xaa), Returned(0)), "");
    EXPECT_EQ(Title(oracle_.End(fork, Returned(0))), "");
    EXPECT_EQ(RunIn(1, LoadAt(kBase), Loaded(seen)), "");
    EXPECT_NE(RunIn(1, LoadAt(kBase), Loaded(0x77 ^ F(0))), "");
  }
}

TEST_F(OracleForkTest, StoreThatWasOverBeforeTheForkIsThere) {
  RunMmap(Mmap(kBase, 1, kR | kW));
  const Oracle::OpId store = oracle_.Begin(0, StoreAt(kBase, 0xaa));
  oracle_.End(store, Returned(0));
  Run(Fork(1), Returned(0));
  EXPECT_NE(RunIn(1, LoadAt(kBase), Loaded(F(0))), "");
}

TEST_F(OracleForkTest, FailedForkTellsNothing) {
  RunMmap(Mmap(kBase, 1, kR));
  EXPECT_EQ(Run(Fork(1), Returned(-12)), "");
  EXPECT_EQ(oracle_.Describe(1, kBase), "unmapped");
}

TEST_F(OracleForkTest, MmapAnywhereBesideTheForkMakesTheChildUnknown) {
  RunMmap(Mmap(kBase, 1, kR));
  const Oracle::OpId mmap = oracle_.Begin(0, MmapAnywhere(1, kR));
  EXPECT_EQ(Run(Fork(1), Returned(0)), "");
  oracle_.End(mmap, Returned(static_cast<int64_t>(kBase + 4 * kPage)));
  EXPECT_EQ(oracle_.Describe(1, kBase), "anything");
  EXPECT_NE(oracle_.Describe(0, kBase), "anything");
}

TEST_F(OracleForkTest, SharedAnonymousMemoryIsOneForBoth) {
  ResolvedOp shared = Mmap(kBase, 1, kR | kW, -1);
  shared.shared = true;
  RunMmap(shared);
  Run(Fork(1), Returned(0));
  RunIn(1, StoreAt(kBase, 0xaa), Returned(0));
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0xaa)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0)), "load gave wrong bytes");
}

TEST_F(OracleForkTest, ChildKnowsWhereItsHeapEnds) {
  Run(Brk(0), Returned(kBase));
  Run(Brk(kBase + kPage), Returned(kBase + kPage));
  Run(Fork(1), Returned(0));
  EXPECT_EQ(Run(Brk(kBase + 2 * kPage), Returned(kBase + 2 * kPage), 1), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), Loaded(0), 1), "");
  EXPECT_EQ(Run(LoadAt(kBase + 2 * kPage), Loaded(0), 1),
            "load succeeded where it never could");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), MapErr()), "");
}

TEST_F(OracleForkTest, HeapThatChangedBesideTheForkIsUnknown) {
  Run(Brk(0), Returned(kBase));
  Oracle::OpId fork = oracle_.Begin(0, Fork(1));
  Run(Brk(kBase + kPage), Returned(kBase + kPage));
  oracle_.End(fork, Returned(0));
  Run(Brk(kBase + 2 * kPage), Returned(kBase + 2 * kPage), 1);
  EXPECT_EQ(oracle_.Describe(1, kBase), "anything");

  Oracle::OpId brk = oracle_.Begin(0, Brk(kBase + 2 * kPage));
  fork = oracle_.Begin(0, Fork(2));
  oracle_.End(brk, Returned(kBase + 2 * kPage));
  oracle_.End(fork, Returned(0));
  Run(Brk(kBase + 2 * kPage), Returned(kBase + 2 * kPage), 2);
  EXPECT_EQ(oracle_.Describe(2, kBase), "anything");
}

TEST_F(OracleForkTest, ResetForgetsTheChild) {
  RunMmap(Mmap(kBase, 1, kR));
  const Oracle snapshot = oracle_;
  oracle_.Reset(snapshot);
  Run(Fork(1), Returned(0));
  EXPECT_NE(oracle_.Describe(1, kBase), "unmapped");
  oracle_.Reset(snapshot);
  EXPECT_EQ(oracle_.Describe(1, kBase), "unmapped");
  EXPECT_NE(oracle_.Describe(0, kBase), "unmapped");
}

}  // namespace
}  // namespace faultline
