// SPDX-License-Identifier: GPL-2.0-only

#include "sim/oracle.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "sim/testing/oracle_fixture.h"

namespace faultline {
namespace {

TEST_F(OracleTest, UnmappedMemoryGivesMapErrAndNothingElse) {
  EXPECT_EQ(Run(LoadAt(kBase), MapErr()), "");
  EXPECT_EQ(Run(LoadAt(kBase), AccErr()), "load got SIGSEGV wrongly");
  EXPECT_EQ(Run(LoadAt(kBase), BusErr()), "load got SIGBUS wrongly");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0)),
            "load succeeded where it never could");
  EXPECT_EQ(Run(StoreAt(kBase, 1), MapErr()), "");
}

TEST_F(OracleTest, AFileMappingHoldsTheFilesBytes) {
  RunMmap(Mmap(kBase, 4, kR, 0, 1));
  EXPECT_EQ(Run(LoadAt(kBase + 5), Loaded(F(kPage + 5))), "");
  EXPECT_EQ(Run(LoadAt(kBase + 5), Loaded(F(5))), "load gave wrong bytes");
  EXPECT_EQ(Run(LoadAt(kBase + 5), Loaded(0)), "load gave wrong bytes");
  EXPECT_EQ(Run(LoadAt(kBase + kPage + 98, 4),
                Loaded(F(2 * kPage + 98) | F(2 * kPage + 99) << 8)),
            "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage + 200), Loaded(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage + 200), Loaded(1)),
            "load gave wrong bytes");
  EXPECT_EQ(Run(LoadAt(kBase + kPage + 200), BusErr()),
            "load got SIGBUS wrongly");
  EXPECT_EQ(Run(LoadAt(kBase + 2 * kPage), BusErr()), "");
  EXPECT_EQ(Run(LoadAt(kBase + 2 * kPage), Loaded(0)),
            "load succeeded where it never could");
  EXPECT_EQ(Run(LoadAt(kBase + 4 * kPage), MapErr()), "");
}

TEST_F(OracleTest, ProtectionDecidesBeforeTheEndOfFile) {
  RunMmap(Mmap(kBase, 4, kR));
  EXPECT_EQ(Run(StoreAt(kBase, 1), AccErr()), "");
  EXPECT_EQ(Run(StoreAt(kBase, 1), MapErr()), "store got SIGSEGV wrongly");
  EXPECT_EQ(Run(StoreAt(kBase + 3 * kPage, 1), AccErr()), "");
  EXPECT_EQ(Run(StoreAt(kBase + 3 * kPage, 1), BusErr()),
            "store got SIGBUS wrongly");
  EXPECT_EQ(Run(Access(OpKind::kExec, kBase), AccErr()), "");
  EXPECT_EQ(Run(Mprotect(kBase, 4, kW), Returned(0)), "");
  EXPECT_EQ(Run(StoreAt(kBase + 3 * kPage, 1), BusErr()), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(F(0))), "") << "w lets a page be read";
  EXPECT_EQ(Run(Mprotect(kBase, 4, 0), Returned(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase), AccErr()), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(F(0))),
            "load succeeded where it never could");
  EXPECT_EQ(Run(Mprotect(kBase, 4, kX), Returned(0)), "");
  EXPECT_EQ(Run(Access(OpKind::kExec, kBase), Loaded(F(0))), "");
  EXPECT_EQ(Run(Access(OpKind::kExec, kBase), Loaded(0)),
            "exec_fetch gave wrong bytes");
  OpResult fetched = Loaded(0);
  fetched.has_loaded = false;
  EXPECT_EQ(Run(Access(OpKind::kExec, kBase), fetched), "");
}

TEST_F(OracleTest, StoresStayUntilDontneedOrANewMapping) {
  RunMmap(Mmap(kBase, 2, kR | kW));
  EXPECT_EQ(Run(StoreAt(kBase + 6, 0x1234, 2), OpResult()), "");
  EXPECT_EQ(Run(LoadAt(kBase + 4, 4),
                Loaded(F(4) | F(5) << 8 | 0x34 << 16 | 0x12u << 24)),
            "");
  EXPECT_EQ(Run(LoadAt(kBase + 6), Loaded(F(6))), "load gave wrong bytes");
  EXPECT_EQ(Run(LoadAt(kBase + kPage + 6), Loaded(F(kPage + 6))), "");
  Run(Mprotect(kBase, 2, kR), Returned(0));
  EXPECT_EQ(Run(LoadAt(kBase + 6), Loaded(0x34)), "");
  Run(Dontneed(kBase, 1), Returned(0));
  EXPECT_EQ(Run(LoadAt(kBase + 6), Loaded(F(6))), "");
  EXPECT_EQ(Run(LoadAt(kBase + 6), Loaded(0x34)), "load gave wrong bytes");
  RunMmap(Mmap(kBase, 1, kR | kW, -1));
  EXPECT_EQ(Run(LoadAt(kBase + 6), Loaded(0)), "");
  EXPECT_EQ(Run(StoreAt(kBase + 6, 9), OpResult()), "");
  RunMmap(Mmap(kBase, 1, kR, 1));
  EXPECT_EQ(Run(LoadAt(kBase + 6), Loaded(G(6))), "");
  EXPECT_EQ(Run(LoadAt(kBase + 6), Loaded(9)), "load gave wrong bytes");
  EXPECT_EQ(Run(Munmap(kBase, 2), Returned(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase + 6), MapErr()), "");
}

TEST_F(OracleTest, SharedMemoryKeepsItsStoresOverDontneed) {
  ResolvedOp map = Mmap(kBase, 1, kR | kW, -1);
  map.shared = true;
  RunMmap(map);
  Run(StoreAt(kBase, 5), OpResult());
  Run(Dontneed(kBase, 1), Returned(0));
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(5)), "");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0)), "load gave wrong bytes");
}

TEST_F(OracleTest, OtherAdviceChangesNothing) {
  RunMmap(Mmap(kBase, 1, kR | kW, -1));
  Run(StoreAt(kBase, 5), OpResult());
  ResolvedOp willneed = Dontneed(kBase, 1);
  willneed.advice = 3;
  Run(willneed, Returned(0));
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(5)), "");
}

TEST_F(OracleTest, ProcessesHaveAddressSpacesOfTheirOwn) {
  RunMmap(Mmap(kBase, 1, kR));
  EXPECT_TRUE(oracle_.End(oracle_.Begin(1, LoadAt(kBase)), Loaded(F(0))));
  EXPECT_FALSE(oracle_.End(oracle_.Begin(1, LoadAt(kBase)), MapErr()));
}

TEST_F(OracleTest, ALoadDuringAFixedMmapSeesOldNothingOrNew) {
  RunMmap(Mmap(kBase, 1, kR, 0));
  const std::pair<OpResult, bool> kOutcomes[] = {
      {Loaded(F(0)), true}, {Loaded(G(0)), true}, {MapErr(), true},
      {AccErr(), false},    {BusErr(), false},    {Loaded(0), false}};
  for (const auto& [outcome, legal] : kOutcomes) {
    Oracle copy = oracle_;
    Oracle::OpId load = copy.Begin(0, LoadAt(kBase));
    Oracle::OpId map = copy.Begin(0, Mmap(kBase, 1, kR, 1));
    EXPECT_FALSE(copy.End(map, Returned(kBase)));
    EXPECT_EQ(!copy.End(load, outcome), legal);
  }
  RunMmap(Mmap(kBase, 1, kR, 1));
  EXPECT_FALSE(May(kBase, Loaded(F(0)))) << "after its return";
  EXPECT_TRUE(May(kBase, Loaded(G(0))));
}

TEST_F(OracleTest, EachPageOfACallChangesOnItsOwn) {
  RunMmap(Mmap(kBase, 2, kR));
  Oracle::OpId unmap = oracle_.Begin(0, Munmap(kBase, 2));
  EXPECT_TRUE(May(kBase, MapErr()));
  EXPECT_TRUE(May(kBase, Loaded(F(0))));
  EXPECT_TRUE(May(kBase + kPage, MapErr()));
  EXPECT_TRUE(May(kBase + kPage, Loaded(F(kPage))));
  EXPECT_FALSE(oracle_.End(unmap, Returned(0)));
  EXPECT_FALSE(May(kBase + kPage, Loaded(F(kPage))));
}

TEST_F(OracleTest, AFailedCallMayLeaveAPrefixButNoNewMapping) {
  RunMmap(Mmap(kBase, 2, kR));
  EXPECT_EQ(Run(Mmap(kBase, 1, kR, 1), Returned(-12)), "");
  EXPECT_EQ(oracle_.Describe(0, kBase), "private r of f, page 0 | unmapped");
  EXPECT_EQ(Run(Mprotect(kBase + kPage, 1, kR | kW), Returned(-12)), "");
  EXPECT_EQ(oracle_.Describe(0, kBase + kPage),
            "private r of f, page 1 | private rw of f, page 1");
  EXPECT_EQ(Run(Munmap(kBase + kPage, 1), Returned(-12)), "");
  EXPECT_TRUE(May(kBase + kPage, MapErr()));
  EXPECT_TRUE(May(kBase + kPage, Loaded(F(kPage))));
}

TEST_F(OracleTest, APageThatIsBroughtHasItsBytesAndNoOthers) {
  RunMmap(Mmap(kBase, 2, kR | kW, -1));
  EXPECT_EQ(Run(UffdRegister(kBase, 2), Returned(0)), "");
  Oracle::OpId load = oracle_.Begin(0, LoadAt(kBase, 2));
  EXPECT_EQ(Run(UffdCopy(kBase, 0x1122), Returned(0)), "");
  EXPECT_FALSE(oracle_.End(load, Loaded(0x1122)));
  EXPECT_EQ(Run(LoadAt(kBase, 2), Loaded(0)), "load gave wrong bytes");
  EXPECT_EQ(Run(UffdCopy(kBase, 0x3344), Returned(-17)), "");
  EXPECT_EQ(Run(LoadAt(kBase, 2), Loaded(0x3344)), "load gave wrong bytes");
  EXPECT_EQ(Run(UffdZeropage(kBase + kPage), Returned(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), Loaded(1)), "load gave wrong bytes");
  EXPECT_EQ(Run(UffdCopy(kBase + 4 * kPage, 1), Returned(0)),
            "uffd_copy succeeded on an unmapped page");
}

TEST_F(OracleTest, OnlyARegisteredPageMayGetSigbusForNothing) {
  RunMmap(Mmap(kBase, 2, kR | kW, -1));
  EXPECT_FALSE(May(kBase, BusErr()));
  EXPECT_EQ(Run(UffdRegister(kBase, 1), Returned(0)), "");
  EXPECT_TRUE(May(kBase, BusErr()));
  EXPECT_FALSE(May(kBase, MapErr()));
  EXPECT_FALSE(May(kBase + kPage, BusErr()));
  Run(Mprotect(kBase, 1, kR), Returned(0));
  EXPECT_TRUE(May(kBase, BusErr()));
  EXPECT_EQ(Run(StoreAt(kBase, 1), OpResult()),
            "store succeeded where it never could");
  RunMmap(Mmap(kBase, 1, kR, -1));
  EXPECT_FALSE(May(kBase, BusErr()));
  // Holes in the range are passed over.
  EXPECT_EQ(Run(UffdRegister(kBase, 4), Returned(0)), "");
  EXPECT_TRUE(May(kBase + 3 * kPage, MapErr()));
}

TEST_F(OracleTest, MprotectOfUnmappedMemoryCannotSucceed) {
  EXPECT_EQ(Run(Mprotect(kBase, 1, kR), Returned(0)),
            "mprotect succeeded on an unmapped page");
  EXPECT_EQ(Run(Mprotect(kBase + kPage, 1, kR), Returned(-12)), "");
}

TEST_F(OracleTest, ASuccessfulStoreStrikesOutWhatForbadeIt) {
  RunMmap(Mmap(kBase, 1, kR | kW));
  Oracle::OpId protect = oracle_.Begin(0, Mprotect(kBase, 1, kR));
  EXPECT_EQ(Run(StoreAt(kBase, 0x42), OpResult()), "")
      << "before the protection changed";
  EXPECT_FALSE(May(kBase, Loaded(F(0)))) << "the store is done";
  EXPECT_TRUE(May(kBase, Loaded(0x42)));
  EXPECT_FALSE(oracle_.End(protect, Returned(0)));
  EXPECT_EQ(Run(StoreAt(kBase, 0x43), AccErr()), "");
  EXPECT_EQ(Run(StoreAt(kBase, 0x43), OpResult()),
            "store succeeded where it never could");
}

TEST_F(OracleTest, AStoreThatGotASignalHasStoredNothing) {
  RunMmap(Mmap(kBase, 1, kR | kW));
  Oracle::OpId store = oracle_.Begin(0, StoreAt(kBase, 0x42));
  Run(Mprotect(kBase, 1, kR), Returned(0));
  EXPECT_TRUE(May(kBase, Loaded(0x42)));
  EXPECT_FALSE(oracle_.End(store, AccErr()));
  EXPECT_FALSE(May(kBase, Loaded(0x42)));
  EXPECT_TRUE(May(kBase, Loaded(F(0))));
}

TEST_F(OracleTest, RacingStoresLeaveEitherOrder) {
  RunMmap(Mmap(kBase, 1, kR | kW, -1));
  Oracle::OpId a = oracle_.Begin(0, StoreAt(kBase, 1));
  Oracle::OpId b = oracle_.Begin(0, StoreAt(kBase, 2));
  EXPECT_FALSE(oracle_.End(a, OpResult()));
  EXPECT_TRUE(May(kBase, Loaded(1)));
  EXPECT_TRUE(May(kBase, Loaded(2)));
  EXPECT_FALSE(May(kBase, Loaded(0)));
  EXPECT_FALSE(oracle_.End(b, OpResult()));
  EXPECT_TRUE(May(kBase, Loaded(1)));
  EXPECT_TRUE(May(kBase, Loaded(2)));
}

TEST_F(OracleTest, AKilledTaskMayHaveStoredOrNot) {
  RunMmap(Mmap(kBase, 1, kR | kW, -1));
  OpResult abandoned;
  abandoned.abandoned = true;
  EXPECT_EQ(Run(StoreAt(kBase, 1), abandoned), "");
  EXPECT_EQ(Run(StoreAt(kBase + 1, 1), Signal(kKill, 0)), "");
  for (uint64_t at : {kBase, kBase + 1}) {
    EXPECT_TRUE(May(at, Loaded(0)));
    EXPECT_TRUE(May(at, Loaded(1)));
    EXPECT_FALSE(May(at, Loaded(2)));
  }
  EXPECT_EQ(Run(LoadAt(kBase + kPage), abandoned), "");
}

TEST_F(OracleTest, SignalsCarryTheExactAddressOrNone) {
  OpResult result = MapErr();
  result.fault_address = kBase + 8;
  EXPECT_EQ(Run(LoadAt(kBase + 8), result), "");
  EXPECT_EQ(Run(LoadAt(kBase + 9), result), "signal with a wrong address");
  result.fault_address = 0;
  result.si_code = 0;
  EXPECT_EQ(Run(LoadAt(kBase + 9), result), "");
}

TEST_F(OracleTest, FutexOpIsAStoreThatFailsWithEfault) {
  RunMmap(Mmap(kBase, 4, kR | kW));
  ResolvedOp op = Access(OpKind::kFutex, kBase + 4, 0x42);
  EXPECT_EQ(Run(op, Returned(-14)), "futex_op failed where it never could");
  EXPECT_EQ(Run(op, Returned(-12)), "") << "memory may run out";
  EXPECT_EQ(Run(op, Returned(0)), "");
  EXPECT_EQ(Run(LoadAt(kBase + 4, 4), Loaded(0x42)), "");
  op.address = kBase + 3 * kPage;
  EXPECT_EQ(Run(op, Returned(-14)), "") << "beyond the end";
  EXPECT_EQ(Run(op, Returned(0)), "futex_op succeeded where it never could");
  op.address = kBase;
  Run(Mprotect(kBase, 1, kR), Returned(0));
  EXPECT_EQ(Run(op, Returned(-14)), "");
  EXPECT_EQ(Run(op, Returned(-22)), "futex_op failed where it never could");
}

TEST_F(OracleTest, KvmGivesEinvalOnlyWhereThePageWasNotToBeHad) {
  RunMmap(Mmap(kBase, 4, kR));
  ResolvedOp op = Access(OpKind::kKvm, kBase);
  EXPECT_EQ(Run(op, Returned(7)), "");
  EXPECT_EQ(Run(op, Returned(-22)), "kvm_pfn failed where it never could");
  EXPECT_EQ(Run(op, Returned(-14)), "") << "not a mapping of frames";
  op.address = kBase + 3 * kPage;
  EXPECT_EQ(Run(op, Returned(-22)), "") << "beyond the end";
  op.address = kBase + 5 * kPage;
  EXPECT_EQ(Run(op, Returned(-14)), "");
  EXPECT_EQ(Run(op, Returned(7)), "kvm_pfn succeeded where it never could");
  op.address = kBase;
  op.write = true;
  EXPECT_EQ(Run(op, Returned(-22)), "") << "not permitted";
  op.write = false;
  Oracle::OpId kvm = oracle_.Begin(0, op);
  Run(Munmap(kBase, 1), Returned(0));
  EXPECT_FALSE(oracle_.End(kvm, Returned(-22)));
}

TEST_F(OracleTest, ReadIntoStoresTheFilesBytesUpToItsEnd) {
  RunMmap(Mmap(kBase, 2, kR | kW, /*file=*/-1));
  ResolvedOp op = Access(OpKind::kReadInto, kBase + 8, 0, 4);
  op.file = 1;
  op.file_offset = 2 * kPage + 98;  // two bytes before the end
  EXPECT_EQ(Run(op, Returned(2)), "");
  const uint64_t bytes =
      Files().Byte(1, 2 * kPage + 98) | Files().Byte(1, 2 * kPage + 99) << 8;
  EXPECT_EQ(Run(LoadAt(kBase + 8, 4), Loaded(bytes)), "");
  EXPECT_EQ(Run(LoadAt(kBase + 8, 4), Loaded(0)), "load gave wrong bytes");
  EXPECT_EQ(Run(op, Returned(-14)), "read_into failed where it never could");
  op.file_offset = 2 * kPage + 100;
  EXPECT_EQ(Run(op, Returned(0)), "") << "beyond the end";
  EXPECT_EQ(Run(LoadAt(kBase + 8, 4), Loaded(bytes)), "");
  op.file_offset = 0;
  Run(Mprotect(kBase, 1, kR), Returned(0));
  EXPECT_EQ(Run(op, Returned(-14)), "");
  EXPECT_EQ(Run(op, Returned(4)), "read_into succeeded where it never could");
}

TEST_F(OracleTest, WriteFromIsALoadWithAnErrno) {
  RunMmap(Mmap(kBase, 4, kR));
  ResolvedOp op = Access(OpKind::kWriteFrom, kBase + 5, 0, 1);
  OpResult result = Loaded(Files().Byte(0, 5));
  result.value = 1;
  EXPECT_EQ(Run(op, result), "");
  result.loaded ^= 1;
  EXPECT_EQ(Run(op, result), "write_from gave wrong bytes");
  EXPECT_EQ(Run(op, Returned(-14)), "write_from failed where it never could");
  op.address = kBase + 3 * kPage;
  EXPECT_EQ(Run(op, Returned(-14)), "") << "beyond the end";
  op.address = kBase + 9 * kPage;
  EXPECT_EQ(Run(op, Returned(-14)), "") << "unmapped";
  EXPECT_EQ(Run(op, result), "write_from succeeded where it never could");
}

TEST_F(OracleTest, DebuggerPassesTheProtectionAndMayFail) {
  RunMmap(Mmap(kBase, 1, 0));
  OpResult one = Returned(1);
  EXPECT_EQ(Run(Access(OpKind::kPoke, kBase, 0x41), one), "");
  OpResult peeked = Loaded(0x41);
  peeked.value = 1;
  EXPECT_EQ(Run(Access(OpKind::kPeek, kBase), peeked), "");
  EXPECT_EQ(Run(Access(OpKind::kPoke, kBase, 0x42), Returned(-5)), "");
  EXPECT_EQ(Run(Access(OpKind::kPeek, kBase), peeked), "");
  EXPECT_EQ(Run(Access(OpKind::kPeek, kBase), Returned(-5)), "");
  peeked.loaded = 0x42;
  EXPECT_EQ(Run(Access(OpKind::kPeek, kBase), peeked), "peek gave wrong bytes");
  EXPECT_EQ(Run(Access(OpKind::kPoke, kBase + 4 * kPage, 1), one),
            "poke succeeded where it never could");
}

TEST_F(OracleTest, PinNeedsAPage) {
  RunMmap(Mmap(kBase, 1, kR));
  ResolvedOp op = Access(OpKind::kPin, kBase);
  EXPECT_EQ(Run(op, Returned(0)), "");
  EXPECT_EQ(Run(op, Returned(-14)), "") << "a frame without a page";
  op.address = kBase + 4 * kPage;
  EXPECT_EQ(Run(op, Returned(0)), "pin succeeded where it never could");
}

TEST_F(OracleTest, MmapFixedMustGoWhereItWasTold) {
  EXPECT_EQ(Run(Mmap(kBase, 1, kR), Returned(kBase + kPage)),
            "mmap MAP_FIXED went elsewhere");
}

TEST_F(OracleTest, MmapWithoutAddressMapsWhatItReturns) {
  EXPECT_EQ(Run(MmapAnywhere(2, kR), Returned(kBase)), "");
  EXPECT_EQ(Run(LoadAt(kBase + kPage), Loaded(F(kPage))), "");
  EXPECT_EQ(Run(LoadAt(kBase + 2 * kPage), MapErr()), "");
  EXPECT_EQ(Run(MmapAnywhere(1, kR), Returned(kBase + kPage)),
            "mmap gave an address in use");
}

TEST_F(OracleTest, MmapWithoutAddressMayReuseWhatIsBeingUnmapped) {
  RunMmap(Mmap(kBase, 1, kR, 0));
  Oracle::OpId unmap = oracle_.Begin(0, Munmap(kBase, 1));
  Oracle::OpId map = oracle_.Begin(0, MmapAnywhere(1, kR, 1));
  // The new mapping may be used before either call has returned.
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(G(0))), "");
  EXPECT_FALSE(oracle_.End(unmap, Returned(0)));
  EXPECT_TRUE(May(kBase, MapErr()));
  EXPECT_FALSE(May(kBase, Loaded(F(0))) && !May(kBase, Loaded(0x99)))
      << "unknown until it returns";
  EXPECT_FALSE(oracle_.End(map, Returned(kBase)));
  EXPECT_EQ(oracle_.Describe(0, kBase), "private r of g, page 0");
}

TEST_F(OracleTest, MmapThatWentElsewhereLeavesNoTrace) {
  RunMmap(Mmap(kBase, 1, kR, 0));
  Oracle::OpId unmap = oracle_.Begin(0, Munmap(kBase, 1));
  Oracle::OpId map = oracle_.Begin(0, MmapAnywhere(1, kR, 1));
  Oracle::OpId load = oracle_.Begin(0, LoadAt(kBase));
  EXPECT_FALSE(oracle_.End(unmap, Returned(0)));
  EXPECT_FALSE(oracle_.End(map, Returned(kBase + 8 * kPage)));
  EXPECT_EQ(oracle_.Describe(0, kBase), "unmapped");
  EXPECT_EQ(Title(oracle_.End(load, Loaded(G(0)))), "load gave wrong bytes");
}

TEST_F(OracleTest, TooManyPossibilitiesAreAcceptedUntilTheNextMapping) {
  RunMmap(Mmap(kBase, 1, kR | kW, -1));
  std::vector<Oracle::OpId> stores;
  for (int i = 1; i <= 8; ++i) {
    stores.push_back(
        oracle_.Begin(0, StoreAt(kBase, static_cast<uint64_t>(i))));
  }
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0x77)), "");
  for (Oracle::OpId id : stores) EXPECT_FALSE(oracle_.End(id, OpResult()));
  EXPECT_EQ(oracle_.Describe(0, kBase), "anything");
  RunMmap(Mmap(kBase, 1, kR, 0));
  EXPECT_EQ(oracle_.Describe(0, kBase), "private r of f, page 0");
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0x77)), "load gave wrong bytes");
}

TEST_F(OracleTest, TooManyStoredBytesAreAcceptedUntilTheNextMapping) {
  RunMmap(Mmap(kBase, 1, kR | kW, -1));
  for (uint64_t i = 0; i < Oracle::kMaxWritten; ++i) {
    EXPECT_EQ(
        Run(StoreAt(kBase + 2 * (Oracle::kMaxWritten - i), i + 1), OpResult()),
        "");
  }
  EXPECT_EQ(Run(LoadAt(kBase + 2), Loaded(Oracle::kMaxWritten)), "");
  EXPECT_EQ(Run(LoadAt(kBase + 2), Loaded(1)), "load gave wrong bytes");
  Run(StoreAt(kBase, 1), OpResult());
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0x77)), "");
  Run(Munmap(kBase, 1), Returned(0));
  EXPECT_EQ(oracle_.Describe(0, kBase), "unmapped");
}

TEST_F(OracleTest, HugeCallsBlindTheProcessAndNoOther) {
  Run(Munmap(kBase, Oracle::kMaxPages + 1), Returned(0));
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0x77)), "");
  EXPECT_TRUE(oracle_.End(oracle_.Begin(1, LoadAt(kBase)), Loaded(0x77)));
}

TEST_F(OracleTest, ResetGoesBackToTheSnapshot) {
  RunMmap(Mmap(kBase, 3, kR | kW));
  Run(StoreAt(kBase, 1), OpResult());
  const Oracle snapshot = oracle_;
  Oracle fresh(Files());
  for (int round = 0; round < 3; ++round) {
    fresh.Reset(snapshot);
    EXPECT_EQ(fresh.Describe(0, kBase),
              "private rw of f, page 0, 1 bytes stored");
    EXPECT_EQ(fresh.Describe(0, kBase + 8 * kPage), "unmapped");
    EXPECT_EQ(fresh.Describe(1, kBase), "unmapped");
    fresh.End(fresh.Begin(0, Munmap(kBase, 2)), Returned(0));
    fresh.End(fresh.Begin(0, Mmap(kBase + 8 * kPage, 2, kR)),
              Returned(kBase + 8 * kPage));
    fresh.End(fresh.Begin(1, Mmap(kBase, 1, kR)), Returned(kBase));
    fresh.Begin(0, StoreAt(kBase + 2 * kPage, 9));  // still running
    EXPECT_EQ(fresh.Describe(0, kBase), "unmapped");
  }
  fresh.Reset(snapshot);
  EXPECT_FALSE(fresh.End(fresh.Begin(0, LoadAt(kBase + 2 * kPage)),
                         Loaded(F(2 * kPage))));
  EXPECT_TRUE(fresh.End(fresh.Begin(0, LoadAt(kBase + 2 * kPage)), Loaded(9)))
      << "what ran before the reset is forgotten";
}

TEST_F(OracleTest, ResetNoticesThatTheSnapshotWentOn) {
  Oracle snapshot = oracle_;
  Oracle copy(Files());
  copy.Reset(snapshot);
  snapshot.End(snapshot.Begin(0, Mmap(kBase, 1, kR)), Returned(kBase));
  copy.Reset(snapshot);
  EXPECT_EQ(copy.Describe(0, kBase), "private r of f, page 0");
}

TEST_F(OracleTest, ViolationsSayWhatWasPossible) {
  RunMmap(Mmap(kBase, 1, kR));
  Oracle::OpId load = oracle_.Begin(0, LoadAt(kBase));
  Run(Munmap(kBase, 1), Returned(0));
  EXPECT_EQ(*oracle_.End(load, Loaded(0)),
            absl::StrCat("load gave wrong bytes: 1 bytes at 0x7f0000000000 "
                         "came to 0; possible: 0x",
                         absl::Hex(F(0)),
                         " (private r of f, page 0) | SIGSEGV MAPERR "
                         "(unmapped)"));
}

}  // namespace
}  // namespace faultline
