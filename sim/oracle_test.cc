// SPDX-License-Identifier: GPL-2.0-only

#include "sim/oracle.h"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace faultline {
namespace {

constexpr uint64_t kBase = 0x7f0000000000;
constexpr uint64_t kPage = kPageBytes;
constexpr int kSegv = 11, kBus = 7, kKill = 9;
constexpr uint32_t kR = kProtRead, kW = kProtWrite, kX = kProtExec;

// Two files of two pages and 100 bytes.
class OracleTest : public testing::Test {
 protected:
  OracleTest() : oracle_(Files()) {}

  static const OracleFileStrings& Files() {
    static const OracleFileStrings* files = [] {
      auto* strings = new OracleFileStrings;
      for (const char* name : {"f", "g"}) {
        FileSpec spec;
        spec.name = name;
        spec.size = {2, 100};
        strings->Add(name, FileContents(spec));
      }
      return strings;
    }();
    return *files;
  }

  static ResolvedOp Mmap(uint64_t address, uint64_t pages, uint32_t prot,
                         int file = 0, uint64_t file_page = 0) {
    ResolvedOp op;
    op.kind = OpKind::kMmap;
    op.fixed = true;
    op.address = address;
    op.length = pages * kPage;
    op.prot = prot;
    op.file = file;
    op.file_page = file_page;
    return op;
  }
  static ResolvedOp MmapAnywhere(uint64_t pages, uint32_t prot, int file = 0) {
    ResolvedOp op = Mmap(0, pages, prot, file);
    op.fixed = false;
    return op;
  }
  static ResolvedOp Range(OpKind kind, uint64_t address, uint64_t pages) {
    ResolvedOp op;
    op.kind = kind;
    op.address = address;
    op.length = pages * kPage;
    return op;
  }
  static ResolvedOp Munmap(uint64_t address, uint64_t pages) {
    return Range(OpKind::kMunmap, address, pages);
  }
  static ResolvedOp Mprotect(uint64_t address, uint64_t pages, uint32_t prot) {
    ResolvedOp op = Range(OpKind::kMprotect, address, pages);
    op.prot = prot;
    return op;
  }
  static ResolvedOp Dontneed(uint64_t address, uint64_t pages) {
    ResolvedOp op = Range(OpKind::kMadvise, address, pages);
    op.advice = 4;
    return op;
  }
  static ResolvedOp Mremap(uint64_t address, uint64_t old_pages,
                           uint64_t new_pages, bool may_move = false) {
    ResolvedOp op = Range(OpKind::kMremap, address, old_pages);
    op.new_length = new_pages * kPage;
    op.may_move = may_move;
    return op;
  }
  static ResolvedOp MremapTo(uint64_t address, uint64_t old_pages,
                             uint64_t new_pages, uint64_t to) {
    ResolvedOp op = Mremap(address, old_pages, new_pages, true);
    op.fixed = true;
    op.to = to;
    return op;
  }
  static ResolvedOp Brk(uint64_t address) {
    ResolvedOp op;
    op.kind = OpKind::kBrk;
    op.address = address;
    return op;
  }
  static ResolvedOp Access(OpKind kind, uint64_t address, uint64_t value = 0,
                           uint32_t size = 1) {
    ResolvedOp op;
    op.kind = kind;
    op.address = address;
    op.value = value;
    op.size = size;
    return op;
  }
  static ResolvedOp LoadAt(uint64_t address, uint32_t size = 1) {
    return Access(OpKind::kLoad, address, 0, size);
  }
  static ResolvedOp StoreAt(uint64_t address, uint64_t value,
                            uint32_t size = 1) {
    return Access(OpKind::kStore, address, value, size);
  }

  static OpResult Returned(int64_t value) {
    OpResult result;
    result.value = value;
    return result;
  }
  static OpResult Loaded(uint64_t value) {
    OpResult result;
    result.loaded = value;
    return result;
  }
  static OpResult Signal(int sig, int code) {
    OpResult result;
    result.sig = sig;
    result.si_code = code;
    return result;
  }
  static OpResult MapErr() { return Signal(kSegv, 1); }
  static OpResult AccErr() { return Signal(kSegv, 2); }
  static OpResult BusErr() { return Signal(kBus, 2); }

  // The violation's title, or "" if explained.
  static std::string Title(const std::optional<std::string>& violation) {
    if (!violation) return "";
    return violation->substr(0, violation->find(": "));
  }
  std::string Run(const ResolvedOp& op, const OpResult& result) {
    return Title(oracle_.End(oracle_.Begin(0, op), result));
  }
  std::string RunMmap(const ResolvedOp& op) {
    return Run(op, Returned(static_cast<int64_t>(op.address)));
  }
  static uint8_t F(uint64_t offset) { return FileByte("f", offset); }
  static uint8_t G(uint64_t offset) { return FileByte("g", offset); }
  // Whether a load here could give this, now.
  bool May(uint64_t address, const OpResult& result) {
    Oracle copy = oracle_;
    return !copy.End(copy.Begin(0, LoadAt(address)), result);
  }

  Oracle oracle_;
};

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

// ---- against enumeration
//
// One page and a few operations whose begins and ends lie in a random order.
// The reference walks every history: between two events any running operation
// may make its next step, an access takes its one step and notes what it came
// to.  Each history gives one outcome for each access.

// ---- mremap ----

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

struct RefState {
  bool mapped = false;
  uint32_t prot = 0;
  int file = -1;
  std::map<uint64_t, uint8_t> stored;
};

struct RefOp {
  ResolvedOp op;
  size_t begin, end;  // positions in the order of events
};

// sig, si_code, value.
using RefOutcome = std::tuple<int, int, uint64_t>;
using RefOutcomes = std::vector<RefOutcome>;  // one for each access, in order

class Reference {
 public:
  // lenient: mprotect and madvise do nothing to an unmapped page, where
  // otherwise they cannot succeed.
  explicit Reference(std::vector<RefOp> ops, bool lenient = false)
      : ops_(std::move(ops)), lenient_(lenient) {}

  const std::set<RefOutcomes>& All(const RefState& start) {
    Walk(start, std::vector<int>(ops_.size(), 0),
         std::vector<RefOutcome>(ops_.size()), 0);
    return all_;
  }

 private:
  static bool IsCall(const ResolvedOp& op) {
    return op.kind != OpKind::kLoad && op.kind != OpKind::kStore;
  }
  static int StepsOf(const ResolvedOp& op) {
    return op.kind == OpKind::kMmap ? 2 : 1;
  }

  void Walk(const RefState& state, const std::vector<int>& made,
            const std::vector<RefOutcome>& outcomes, size_t event) {
    if (!visited_.insert(Key(state, made, outcomes, event)).second) return;
    if (event == 2 * ops_.size()) {
      RefOutcomes accesses;
      for (size_t i = 0; i < ops_.size(); ++i) {
        if (!IsCall(ops_[i].op)) accesses.push_back(outcomes[i]);
      }
      all_.insert(accesses);
      return;
    }
    // The next event, unless it is the end of something unfinished.
    bool blocked = false;
    for (size_t i = 0; i < ops_.size(); ++i) {
      if (ops_[i].end == event && made[i] < StepsOf(ops_[i].op)) {
        blocked = true;
      }
    }
    if (!blocked) Walk(state, made, outcomes, event + 1);
    for (size_t i = 0; i < ops_.size(); ++i) {
      bool running = ops_[i].begin < event && ops_[i].end >= event;
      if (!running || made[i] == StepsOf(ops_[i].op)) continue;
      RefState next = state;
      std::vector<RefOutcome> after = outcomes;
      if (!Apply(ops_[i].op, made[i], &next, &after[i])) continue;
      std::vector<int> more = made;
      ++more[i];
      Walk(next, more, after, event);
    }
  }

  bool Apply(const ResolvedOp& op, int step, RefState* state,
             RefOutcome* outcome) const {
    uint64_t at = op.address % kPage;
    switch (op.kind) {
      case OpKind::kMmap:
        *state = RefState();
        if (step == 1) *state = {true, op.prot, op.file, {}};
        return true;
      case OpKind::kMunmap:
        *state = RefState();
        return true;
      case OpKind::kMprotect:
        if (!state->mapped) return lenient_;
        state->prot = op.prot;
        return true;
      case OpKind::kMadvise:
        if (!state->mapped) return lenient_;
        state->stored.clear();
        return true;
      default:
        break;
    }
    if (!state->mapped) {
      *outcome = {kSegv, 1, 0};
    } else if (op.kind == OpKind::kStore ? !(state->prot & kW)
                                         : state->prot == 0) {
      *outcome = {kSegv, 2, 0};
    } else if (op.kind == OpKind::kStore) {
      state->stored[at] = static_cast<uint8_t>(op.value);
      *outcome = {0, 0, 0};
    } else {
      uint64_t value = state->file < 0 ? 0 : FileByte("f", at);
      if (state->stored.count(at)) value = state->stored[at];
      *outcome = {0, 0, value};
    }
    return true;
  }

  static std::string Key(const RefState& state, const std::vector<int>& made,
                         const std::vector<RefOutcome>& outcomes,
                         size_t event) {
    std::string key = absl::StrCat(event, ";", state.mapped, ";", state.prot,
                                   ";", state.file);
    for (auto [at, value] : state.stored) {
      absl::StrAppend(&key, ",", at, "=", value);
    }
    for (int m : made) absl::StrAppend(&key, ";", m);
    for (const auto& [sig, code, value] : outcomes) {
      absl::StrAppend(&key, ";", sig, ",", code, ",", value);
    }
    return key;
  }

  std::vector<RefOp> ops_;
  bool lenient_;
  std::set<std::string> visited_;
  std::set<RefOutcomes> all_;
};

class OracleEnumerationTest : public OracleTest {
 protected:
  ResolvedOp RandomCall() {
    static constexpr uint32_t kProts[] = {0, kR, kR | kW};
    uint32_t prot = kProts[random_() % 3];
    switch (random_() % 4) {
      case 0:
        return Mmap(kBase, 1, prot, random_() % 2 ? 0 : -1);
      case 1:
        return Munmap(kBase, 1);
      case 2:
        return Mprotect(kBase, 1, prot);
      default:
        return Dontneed(kBase, 1);
    }
  }
  ResolvedOp RandomAccess() {
    return random_() % 2 ? LoadAt(kBase + 1)
                         : StoreAt(kBase + 1, 1 + random_() % 2);
  }

  // Random begins and ends: `calls` calls and then `accesses` accesses.
  std::vector<RefOp> RandomOps(int calls, int accesses) {
    std::vector<RefOp> ops;
    for (int i = 0; i < calls; ++i) ops.push_back({RandomCall(), 0, 0});
    for (int i = 0; i < accesses; ++i) ops.push_back({RandomAccess(), 0, 0});
    std::vector<size_t> events;
    for (size_t i = 0; i < ops.size(); ++i) events.insert(events.end(), 2, i);
    std::shuffle(events.begin(), events.end(), random_);
    std::vector<bool> begun(ops.size());
    for (size_t e = 0; e < events.size(); ++e) {
      RefOp& op = ops[events[e]];
      (begun[events[e]] ? op.end : op.begin) = e;
      begun[events[e]] = true;
    }
    return ops;
  }

  // Whether the oracle takes these outcomes of the accesses.
  bool Accepts(const std::vector<RefOp>& ops, const RefOutcomes& outcomes) {
    Oracle oracle = start_;
    std::vector<Oracle::OpId> ids(ops.size());
    for (size_t event = 0; event < 2 * ops.size(); ++event) {
      size_t access = 0;
      for (size_t i = 0; i < ops.size(); ++i) {
        const ResolvedOp& op = ops[i].op;
        bool call = op.kind != OpKind::kLoad && op.kind != OpKind::kStore;
        if (ops[i].begin == event) ids[i] = oracle.Begin(0, op);
        if (ops[i].end == event) {
          OpResult result;
          if (call) {
            result.value =
                op.kind == OpKind::kMmap ? static_cast<int64_t>(kBase) : 0;
          } else {
            std::tie(result.sig, result.si_code, result.loaded) =
                outcomes[access];
          }
          if (oracle.End(ids[i], result)) return false;
        }
        if (!call) ++access;
      }
    }
    return true;
  }

  static std::string Text(const std::vector<RefOp>& ops) {
    std::string text;
    for (const RefOp& op : ops) {
      absl::StrAppend(&text, OpKindName(op.op.kind), " prot ", op.op.prot,
                      " file ", op.op.file, " value ", op.op.value, " in [",
                      op.begin, ", ", op.end, "]\n");
    }
    return text;
  }

  // A page that has already been stored to.
  void Start() {
    RunMmap(Mmap(kBase, 1, kR | kW));
    Run(StoreAt(kBase + 1, 7), OpResult());
    start_ = oracle_;
    start_state_ = {true, kR | kW, 0, {{1, 7}}};
  }

  std::mt19937 random_{20170831};
  Oracle start_{Files()};
  RefState start_state_;
};

TEST_F(OracleEnumerationTest, EveryHistoryIsAccepted) {
  Start();
  int histories = 0;
  for (int round = 0; round < 1500; ++round) {
    std::vector<RefOp> ops = RandomOps(1 + round % 3, 1 + round % 2);
    Reference reference(ops);
    for (const RefOutcomes& outcomes : reference.All(start_state_)) {
      ++histories;
      ASSERT_TRUE(Accepts(ops, outcomes)) << Text(ops);
    }
  }
  EXPECT_GT(histories, 3000);
}

// With one access the oracle takes what some instant explains and nothing
// else, but that it does not conclude from a later mprotect's success that an
// earlier unmapping has not happened yet.
TEST_F(OracleEnumerationTest, WhatNoInstantExplainsIsRefused) {
  Start();
  const RefOutcome kAll[] = {
      {0, 0, 0},     {0, 0, 1},     {0, 0, 7},   {0, 0, FileByte("f", 1)},
      {kSegv, 1, 0}, {kSegv, 2, 0}, {kBus, 2, 0}};
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::vector<RefOp> ops = RandomOps(1 + round % 3, 1);
    Reference strict(ops), lenient(ops, true);
    const std::set<RefOutcomes>& sure = strict.All(start_state_);
    if (sure.empty()) continue;  // a call that cannot succeed
    const std::set<RefOutcomes>& possible = lenient.All(start_state_);
    bool store = ops.back().op.kind == OpKind::kStore;
    for (const RefOutcome& outcome : kAll) {
      if (store && std::get<2>(outcome) != 0) continue;
      bool legal = possible.count({outcome}) != 0;
      bool accepted = Accepts(ops, {outcome});
      refused += !accepted;
      ASSERT_TRUE(sure.count({outcome}) == 0 || accepted);
      ASSERT_TRUE(legal || !accepted)
          << Text(ops) << std::get<0>(outcome) << " " << std::get<1>(outcome)
          << " " << std::get<2>(outcome);
    }
  }
  EXPECT_GT(refused, 1000);
}

// Calls that no history lets succeed are refused too, whatever the accesses.
TEST_F(OracleEnumerationTest, CallsThatCannotSucceedAreRefused) {
  Start();
  int impossible = 0;
  for (int round = 0; round < 1500; ++round) {
    std::vector<RefOp> ops = RandomOps(3, 0);
    Reference reference(ops);
    bool possible = !reference.All(start_state_).empty();
    impossible += !possible;
    ASSERT_EQ(Accepts(ops, {}), possible) << Text(ops);
  }
  EXPECT_GT(impossible, 20);
}

// ---- fork ----

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

TEST_F(OracleForkTest, SharedAnonymousMemoryIsFollowedForNeither) {
  ResolvedOp shared = Mmap(kBase, 1, kR | kW, -1);
  shared.shared = true;
  RunMmap(shared);
  Run(Fork(1), Returned(0));
  RunIn(1, StoreAt(kBase, 0xaa), Returned(0));
  EXPECT_EQ(Run(LoadAt(kBase), Loaded(0xaa)), "");
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
