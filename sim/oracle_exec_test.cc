// SPDX-License-Identifier: GPL-2.0-only
//
// The oracle's view of exec, of accesses to another process's memory, and of
// what a device reads by vfio.

#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "sim/elf_program.h"
#include "sim/oracle.h"

namespace faultline {
namespace {

constexpr uint64_t kPage = 4096, kOld = 0x10000000, kSp = 0x7fffffffe000;

// A page of text, and data that ends 100 bytes into its second page.
class OracleExecTest : public testing::Test {
 protected:
  OracleExecTest() : oracle_(files_) {
    files_.Add("f", std::string(2 * kPage + 100, 'f'));
    ResolvedOp mmap;
    mmap.kind = OpKind::kMmap;
    mmap.fixed = true;
    mmap.address = kOld;
    mmap.length = kPage;
    mmap.prot = kProtRead | kProtWrite;
    OpResult result;
    result.value = kOld;
    EXPECT_FALSE(oracle_.End(oracle_.Begin(0, mmap), result).has_value());
  }

  static ResolvedOp Op(OpKind kind, uint64_t address = 0, uint64_t value = 0) {
    ResolvedOp op;
    op.kind = kind;
    op.address = address;
    op.value = value;
    if (kind == OpKind::kExecve) {
      op.file = 0;
      op.length = kPage;
    }
    return op;
  }
  static OpResult Loaded(uint64_t bytes) {
    OpResult result;
    result.loaded = bytes;
    return result;
  }
  static OpResult Value(int64_t value) {
    OpResult result;
    result.value = value;
    result.has_loaded = false;
    return result;
  }
  static OpResult MapErr() {
    OpResult result;
    result.sig = 11;
    result.si_code = 1;
    return result;
  }
  static OpResult Entered() {
    OpResult result;
    result.value = kProgramBase;
    result.loaded = kSp;
    return result;
  }
  bool Good(const ResolvedOp& op, const OpResult& result) {
    return !oracle_.End(oracle_.Begin(0, op), result).has_value();
  }

  OracleFileStrings files_;
  Oracle oracle_;
};

TEST_F(OracleExecTest, KnowsTheSegmentsAndNothingElse) {
  EXPECT_TRUE(Good(Op(OpKind::kExecve), Entered()));
  EXPECT_TRUE(Good(Op(OpKind::kLoad, kProgramBase), Loaded('f')));
  EXPECT_FALSE(Good(Op(OpKind::kLoad, kProgramBase), Loaded(0)));
  EXPECT_TRUE(
      Good(Op(OpKind::kLoad, kProgramBase + 2 * kPage + 99), Loaded('f')));
  // The end of the data's page, and the bss.
  for (const uint64_t at : {2 * kPage + 100, 3 * kPage}) {
    EXPECT_TRUE(Good(Op(OpKind::kLoad, kProgramBase + at), Loaded(0)));
    EXPECT_FALSE(Good(Op(OpKind::kLoad, kProgramBase + at), Loaded('f')));
  }
  EXPECT_FALSE(Good(Op(OpKind::kStore, kProgramBase, 1), Value(0)));
  EXPECT_TRUE(Good(Op(OpKind::kStore, kProgramBase + kPage, 1), Value(0)));
  for (const uint64_t at : {kOld, kProgramBase - 1, kProgramBase + 4 * kPage}) {
    EXPECT_TRUE(Good(Op(OpKind::kLoad, at), MapErr()));
    EXPECT_FALSE(Good(Op(OpKind::kLoad, at), Loaded(0)));
  }
  EXPECT_TRUE(Good(Op(OpKind::kLoad, kSp), Loaded(7)));
  EXPECT_EQ(oracle_.Describe(0, kSp), "anything");
}

TEST_F(OracleExecTest, FailureThatIsToldChangesNothing) {
  EXPECT_TRUE(Good(Op(OpKind::kExecve), Value(-8)));
  EXPECT_TRUE(Good(Op(OpKind::kLoad, kOld), Loaded(0)));
  EXPECT_FALSE(Good(Op(OpKind::kLoad, kOld), MapErr()));
}

TEST_F(OracleExecTest, AccessOfAnotherBelongsToEitherMemory) {
  const Oracle::OpId early = oracle_.Begin(0, Op(OpKind::kPeek, kOld));
  const Oracle::OpId exec = oracle_.Begin(0, Op(OpKind::kExecve));
  const Oracle::OpId late = oracle_.Begin(0, Op(OpKind::kPeek, kOld));
  EXPECT_FALSE(oracle_.End(exec, Entered()).has_value());
  EXPECT_FALSE(oracle_.End(early, Loaded(0)).has_value());
  EXPECT_FALSE(oracle_.End(late, Loaded(0)).has_value());
  // Neither is the next one's business.
  EXPECT_FALSE(Good(Op(OpKind::kLoad, kProgramBase), Loaded(0)));
}

TEST_F(OracleExecTest, StoreByAnotherMeanwhileLeavesNothingKnown) {
  const Oracle::OpId exec = oracle_.Begin(0, Op(OpKind::kExecve));
  EXPECT_TRUE(Good(Op(OpKind::kPoke, kProgramBase, 1), Value(0)));
  EXPECT_FALSE(oracle_.End(exec, Entered()).has_value());
  EXPECT_TRUE(Good(Op(OpKind::kLoad, kProgramBase), Loaded(1)));
}

TEST_F(OracleExecTest, SnapshotBringsTheOldMemoryBack) {
  const Oracle before(oracle_);
  oracle_.Reset(before);
  EXPECT_TRUE(Good(Op(OpKind::kExecve), Entered()));
  oracle_.Reset(before);
  EXPECT_TRUE(Good(Op(OpKind::kLoad, kOld), Loaded(0)));
  EXPECT_FALSE(Good(Op(OpKind::kLoad, kProgramBase), Loaded('f')));
  EXPECT_FALSE(Good(Op(OpKind::kLoad, kSp), Loaded(7)));
}

TEST_F(OracleExecTest, DeviceReadsThePagesBytes) {
  EXPECT_TRUE(Good(Op(OpKind::kStore, kOld, 5), Value(0)));
  OpResult read = Loaded(5);
  EXPECT_TRUE(Good(Op(OpKind::kVfioPin, kOld), read));
  read.loaded = 6;
  EXPECT_FALSE(Good(Op(OpKind::kVfioPin, kOld), read));
  EXPECT_TRUE(Good(Op(OpKind::kVfioPin, kOld), Value(-14)));
  EXPECT_FALSE(Good(Op(OpKind::kVfioPin, kOld + kPage), Value(0)));
}

}  // namespace
}  // namespace faultline
