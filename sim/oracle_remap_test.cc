// SPDX-License-Identifier: GPL-2.0-only
//
// The oracle's mremap and brk.

#include <string>

#include "gtest/gtest.h"
#include "sim/oracle.h"
#include "sim/testing/oracle_fixture.h"

namespace faultline {
namespace {

constexpr uint64_t kThere = kBase + 0x100000;

TEST_F(OracleTest, MremapMovesStoredBytesAndFilePages) {
  RunMmap(Mmap(kBase, 2, kR | kW));
  Run(StoreAt(kBase + 5, 0x42), OpResult());
  EXPECT_EQ(Run(MremapTo(kBase, 2, 2, kThere), Returned(kThere)), "");
  EXPECT_EQ(Run(LoadAt(kThere + 5), Loaded(0x42)), "");
  EXPECT_EQ(Run(LoadAt(kThere + kPage + 7), Loaded(F(kPage + 7))), "");
  EXPECT_EQ(Run(LoadAt(kBase + 5), MapErr()), "");
}

TEST_F(OracleTest, MremapThatLosesBytesIsSeen) {
  RunMmap(Mmap(kBase, 2, kR | kW));
  Run(StoreAt(kBase + 5, 0x42), OpResult());
  Run(MremapTo(kBase, 2, 2, kThere), Returned(kThere));
  EXPECT_EQ(Run(LoadAt(kThere + 5), Loaded(F(5))), "load gave wrong bytes");
}

TEST_F(OracleTest, MremapThatLeavesTheOldPlaceIsSeen) {
  RunMmap(Mmap(kBase, 2, kR | kW));
  Run(Mremap(kBase, 2, 3, true), Returned(kThere));
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(F(0))),
            "load succeeded where it never could");
}

TEST_F(OracleTest, MremapGrowsByMoreOfTheMapping) {
  RunMmap(Mmap(kBase, 1, kR | kW));
  Run(StoreAt(kBase, 9), OpResult());
  EXPECT_EQ(Run(Mremap(kBase, 1, 2), Returned(kBase)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(9)), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), Loaded(F(kPage))), "");
  EXPECT_EQ(Run(Mremap(kBase, 2, 4, true), Returned(kThere)), "");
  EXPECT_EQ(Run(LoadAt(kThere), Loaded(9)), "");
  EXPECT_EQ(Run(LoadAt(kThere + 2 * kPage), Loaded(F(2 * kPage))), "");
  EXPECT_EQ(Run(LoadAt(kThere + 3 * kPage), BusErr()), "");
}

TEST_F(OracleTest, MremapShrinksInPlaceAndOnTheWay) {
  RunMmap(Mmap(kBase, 3, kR));
  EXPECT_EQ(Run(Mremap(kBase, 3, 2), Returned(kBase)), "");
  EXPECT_EQ(Run(LoadAt(kBase + 2 * kPage), MapErr()), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), Loaded(F(kPage))), "");
  EXPECT_EQ(Run(MremapTo(kBase, 2, 1, kThere), Returned(kThere)), "");
  EXPECT_EQ(Run(LoadAt(kThere), Loaded(F(0))), "");
  EXPECT_EQ(Run(LoadAt(kThere + kPage), MapErr()), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), MapErr()), "");
}

TEST_F(OracleTest, FailedMremapLeavesTheSourceButMayClearTheTarget) {
  RunMmap(Mmap(kBase, 1, kR));
  RunMmap(Mmap(kThere, 1, kR, 1));
  EXPECT_EQ(Run(MremapTo(kBase, 1, 2, kThere), Returned(-12)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(F(0))), "");
  EXPECT_EQ(Run(LoadAt(kThere), MapErr()), "");
  EXPECT_EQ(Run(LoadAt(kThere), Loaded(F(0))), "load gave wrong bytes");
}

TEST_F(OracleTest, MremapOntoAMappingOrFromNowhereIsSeen) {
  RunMmap(Mmap(kBase, 1, kR));
  RunMmap(Mmap(kThere, 1, kR, 1));
  EXPECT_EQ(Run(Mremap(kBase, 1, 2, true), Returned(kThere)),
            "mremap gave an address in use");
  EXPECT_EQ(Run(MremapTo(kBase + 8 * kPage, 1, 1, kBase + 16 * kPage),
                Returned(kBase + 16 * kPage)),
            "mremap moved an unmapped page");
  RunMmap(Mmap(kBase, 1, kR));
  EXPECT_EQ(Run(Mremap(kBase, 1, 2), Returned(kThere + kPage * 8)),
            "mremap went elsewhere");
}

// A load during the move sees the page or nothing; a store that was done is
// at the new place.
TEST_F(OracleTest, AccessesDuringAMoveAreOrderedWithIt) {
  RunMmap(Mmap(kBase, 1, kR | kW));
  Oracle::OpId move = oracle_.Begin(0, Mremap(kBase, 1, 2, true));
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(F(0))), "");
  EXPECT_EQ(Run(StoreAt(kBase, 5), OpResult()), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(7)), "load gave wrong bytes");
  EXPECT_EQ(Run(LoadAt(kBase), MapErr()), "");
  EXPECT_EQ(Title(oracle_.End(move, Returned(kThere))), "");
  EXPECT_EQ(Run(LoadAt(kThere), Loaded(5)), "");
  EXPECT_EQ(Run(LoadAt(kThere), Loaded(8)), "load gave wrong bytes");
  EXPECT_EQ(Run(LoadAt(kBase), MapErr()), "");
}

// Who gets to the new place before mremap has returned knows more than the
// oracle, which takes what he says.
TEST_F(OracleTest, AccessToTheNewPlaceBeforeItIsKnownIsAccepted) {
  RunMmap(Mmap(kBase, 1, kR | kW));
  Oracle::OpId move = oracle_.Begin(0, Mremap(kBase, 1, 2, true));
  EXPECT_EQ(Run(LoadAt(kThere), Loaded(F(0))), "");
  EXPECT_EQ(Title(oracle_.End(move, Returned(kThere))), "");
  move = oracle_.Begin(0, Mremap(kThere, 1, 2, true));
  EXPECT_EQ(Run(StoreAt(kBase, 3), OpResult()), "");
  EXPECT_EQ(Title(oracle_.End(move, Returned(kThere))),
            "access to an unmapped page succeeded");
}

// ---- brk ----

TEST_F(OracleTest, BrkMakesAndTakesFreshMemory) {
  EXPECT_EQ(Run(Brk(0), Returned(kBase)), "");
  EXPECT_EQ(Run(Brk(kBase + 10), Returned(kBase + 10)), "");
  EXPECT_EQ(Run(StoreAt(kBase, 4), OpResult()), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), MapErr()), "");
  EXPECT_EQ(Run(Brk(kBase + kPage + 1), Returned(kBase + kPage + 1)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(4)), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), Loaded(0)), "");
  EXPECT_EQ(Run(Brk(kBase), Returned(kBase)), "");
  EXPECT_EQ(Run(LoadAt(kBase), MapErr()), "");
  EXPECT_EQ(Run(Brk(kBase + 1), Returned(kBase + 1)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(4)), "load gave wrong bytes");
}

TEST_F(OracleTest, RefusedBrkChangesNothing) {
  Run(Brk(0), Returned(kBase));
  RunMmap(Mmap(kBase + kPage, 1, kR));
  EXPECT_EQ(Run(Brk(kBase + 2 * kPage), Returned(kBase)), "");
  EXPECT_EQ(Run(LoadAt(kBase), MapErr()), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), Loaded(F(0))), "");
  EXPECT_EQ(Run(Brk(kBase + 2 * kPage), Returned(kBase + 2 * kPage)),
            "brk grew over a mapping");
}

TEST_F(OracleTest, BrkThatAnswersSomethingElseIsSeen) {
  Run(Brk(0), Returned(kBase));
  EXPECT_EQ(Run(Brk(kBase + 2 * kPage), Returned(kBase + kPage)),
            "brk answered with neither end");
}

TEST_F(OracleTest, TwoBrksAtOnceOrOneUnaskedMakeItBlind) {
  EXPECT_EQ(Run(Brk(kBase + 1), Returned(kBase + 1)), "");
  EXPECT_EQ(oracle_.Describe(0, kBase), "anything");
  oracle_ = Oracle(Files());
  Run(Brk(0), Returned(kBase));
  Oracle::OpId first = oracle_.Begin(0, Brk(kBase + kPage));
  Oracle::OpId second = oracle_.Begin(0, Brk(kBase + 2 * kPage));
  EXPECT_EQ(Title(oracle_.End(first, Returned(kBase + kPage))), "");
  EXPECT_EQ(Title(oracle_.End(second, Returned(kBase + kPage))), "");
  EXPECT_EQ(oracle_.Describe(0, kBase), "anything");
}

TEST_F(OracleTest, SnapshotKnowsWhereTheHeapEnds) {
  Run(Brk(0), Returned(kBase));
  Run(Brk(kBase + kPage), Returned(kBase + kPage));
  Oracle snapshot = oracle_;
  oracle_.Reset(snapshot);
  Run(Brk(kBase + 3 * kPage), Returned(kBase + 3 * kPage));
  oracle_.Reset(snapshot);
  EXPECT_EQ(Run(LoadAt(kBase + kPage), MapErr()), "");
  EXPECT_EQ(Run(Brk(kBase + 2 * kPage), Returned(kBase + 2 * kPage)), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), Loaded(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase + 2 * kPage), MapErr()), "");
}

}  // namespace
}  // namespace faultline
