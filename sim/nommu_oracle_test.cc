// SPDX-License-Identifier: GPL-2.0-only
//
// What the oracle of memory without an MMU accepts, and that it says so when
// something is wrong.

#include "sim/nommu_oracle.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace faultline {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kAt = 0x10004000;

class NommuOracleTest : public ::testing::Test {
 protected:
  NommuOracleTest() : oracle_(MakeFiles()) {}

  static const OracleFiles& MakeFiles() {
    static const OracleFileStrings* const kFiles = [] {
      auto* files = new OracleFileStrings;
      std::string text;
      for (uint64_t i = 0; i < 2 * kPage + 100; ++i) {
        text += static_cast<char>('a' + i % 23);
      }
      files->Add("f", text);
      return files;
    }();
    return *kFiles;
  }
  static uint8_t Byte(uint64_t offset) { return MakeFiles().Byte(0, offset); }

  static ResolvedOp Mmap(int file, uint64_t page, uint64_t pages,
                         uint32_t prot) {
    ResolvedOp op;
    op.kind = OpKind::kMmap;
    op.file = file;
    op.file_page = page;
    op.length = pages * kPage;
    op.prot = prot;
    return op;
  }
  static ResolvedOp Range(OpKind kind, uint64_t address, uint64_t pages) {
    ResolvedOp op;
    op.kind = kind;
    op.address = address;
    op.length = pages * kPage;
    return op;
  }
  static ResolvedOp Access(OpKind kind, uint64_t address, uint64_t value = 0) {
    ResolvedOp op;
    op.kind = kind;
    op.address = address;
    op.value = value;
    return op;
  }
  static OpResult Value(int64_t value) {
    OpResult result;
    result.value = value;
    return result;
  }
  static OpResult Loaded(uint64_t bytes) {
    OpResult result;
    result.loaded = bytes;
    return result;
  }
  static OpResult Signal(int sig) {
    OpResult result;
    result.sig = sig;
    return result;
  }
  // The title, or "".
  static std::string Title(const std::optional<std::string>& wrong) {
    return wrong.has_value() ? wrong->substr(0, wrong->find(": ")) : "";
  }
  std::string Do(const ResolvedOp& op, const OpResult& result,
                 int process = 0) {
    return Title(oracle_.End(oracle_.Begin(process, op), result));
  }
  std::string Map(int file, uint64_t page, uint64_t pages, uint32_t prot,
                  uint64_t at, int process = 0) {
    return Do(Mmap(file, page, pages, prot), Value(static_cast<int64_t>(at)),
              process);
  }
  std::string Load(uint64_t address, uint64_t value, int process = 0) {
    return Do(Access(OpKind::kLoad, address), Loaded(value), process);
  }
  std::string Store(uint64_t address, uint64_t value, int process = 0) {
    return Do(Access(OpKind::kStore, address, value), OpResult(), process);
  }

  NommuOracle oracle_;
};

TEST_F(NommuOracleTest, MappedFileHasItsBytesAndZerosBehind) {
  EXPECT_EQ(Map(0, 1, 2, kProtRead, kAt), "");
  EXPECT_EQ(Load(kAt + 5, Byte(kPage + 5)), "");
  EXPECT_EQ(Load(kAt + kPage + 99, Byte(2 * kPage + 99)), "");
  EXPECT_EQ(Load(kAt + kPage + 100, 0), "");
  EXPECT_EQ(Load(kAt + 5, Byte(kPage + 6)), "wrong bytes");
  EXPECT_EQ(Load(kAt + kPage + 100, 'a'), "wrong bytes");
}

TEST_F(NommuOracleTest, MappedMemoryIsNeverRefused) {
  EXPECT_EQ(Map(-1, 0, 1, kProtRead | kProtWrite, kAt), "");
  EXPECT_EQ(Do(Access(OpKind::kLoad, kAt), Signal(7)),
            "access refused where memory is mapped");
  EXPECT_EQ(Do(Access(OpKind::kStore, kAt, 1), Signal(11)),
            "access refused where memory is mapped");
  EXPECT_EQ(Do(Access(OpKind::kFutex, kAt, 1), Value(-14)),
            "access refused where memory is mapped");
  // Beside it anything goes.
  EXPECT_EQ(Do(Access(OpKind::kLoad, kAt + kPage), Signal(7)), "");
  EXPECT_EQ(Load(kAt + kPage, 0x5a), "");
}

TEST_F(NommuOracleTest, StoreHidesWhatWasThere) {
  EXPECT_EQ(Map(-1, 0, 1, kProtRead | kProtWrite, kAt), "");
  EXPECT_EQ(Load(kAt, 0), "");
  EXPECT_EQ(Store(kAt, 1), "");
  EXPECT_EQ(Load(kAt, 1), "");
  EXPECT_EQ(Load(kAt, 0), "wrong bytes");
  EXPECT_EQ(Store(kAt, 2), "");
  EXPECT_EQ(Load(kAt, 1), "wrong bytes");
}

TEST_F(NommuOracleTest, StoreThatRunsMayBeSeenOrNot) {
  EXPECT_EQ(Map(-1, 0, 1, kProtRead | kProtWrite, kAt), "");
  const int store = oracle_.Begin(0, Access(OpKind::kStore, kAt, 1));
  EXPECT_EQ(Load(kAt, 0), "");
  EXPECT_EQ(Load(kAt, 1), "");
  EXPECT_EQ(Load(kAt, 2), "wrong bytes");
  EXPECT_EQ(Title(oracle_.End(store, OpResult())), "");
  EXPECT_EQ(Load(kAt, 0), "wrong bytes");
}

TEST_F(NommuOracleTest, ForeignStoreMayBeSeenAndHidesNothing) {
  EXPECT_EQ(Map(0, 0, 1, kProtRead, kAt), "");
  EXPECT_EQ(Store(kAt, 9, 1), "");
  EXPECT_EQ(Load(kAt, 9), "");
  EXPECT_EQ(Load(kAt, Byte(0)), "");
  EXPECT_EQ(Load(kAt, 8), "wrong bytes");
}

TEST_F(NommuOracleTest, ReadIntoBringsTheFilesBytes) {
  EXPECT_EQ(Map(-1, 0, 1, kProtRead | kProtWrite, kAt), "");
  ResolvedOp read = Access(OpKind::kReadInto, kAt);
  read.file = 0;
  read.file_offset = 40;
  read.size = 2;
  EXPECT_EQ(Do(read, Value(1)), "");
  EXPECT_EQ(Load(kAt, Byte(40)), "");
  EXPECT_EQ(Load(kAt, 0), "wrong bytes");
  // The second byte was not read, or nobody knows.
  EXPECT_EQ(Load(kAt + 1, 0), "");
  EXPECT_EQ(Load(kAt + 1, 9), "wrong bytes");
}

TEST_F(NommuOracleTest, WriteFromTellsTheBytesThatWentThrough) {
  EXPECT_EQ(Map(0, 0, 1, kProtRead, kAt), "");
  ResolvedOp write = Access(OpKind::kWriteFrom, kAt);
  write.size = 2;
  OpResult result = Value(2);
  result.loaded = Byte(0) | Byte(1) << 8;
  EXPECT_EQ(Do(write, result), "");
  result.loaded = Byte(0);
  EXPECT_EQ(Do(write, result), "wrong bytes");
  result.value = 1;
  EXPECT_EQ(Do(write, result), "");
  EXPECT_EQ(Do(write, Value(-14)), "access refused where memory is mapped");
  // More than a word comes as a hash.
  write.size = 9;
  result.value = 9;
  EXPECT_EQ(Do(write, result), "");
}

TEST_F(NommuOracleTest, MmapMustNotReturnMemoryInUse) {
  EXPECT_EQ(Map(-1, 0, 2, kProtRead, kAt), "");
  EXPECT_EQ(Map(-1, 0, 1, kProtRead, kAt + kPage),
            "mmap returned memory that is in use");
  EXPECT_EQ(Map(0, 0, 1, kProtRead, kAt),
            "mmap returned memory that is in use");
}

TEST_F(NommuOracleTest, ReadersOfOneFileShare) {
  EXPECT_EQ(Map(0, 0, 2, kProtRead, kAt), "");
  EXPECT_EQ(Map(0, 1, 1, kProtRead, kAt + kPage), "");
  EXPECT_EQ(Map(0, 1, 1, kProtRead, kAt),
            "mmap returned memory that is in use");
  EXPECT_EQ(Map(0, 0, 1, kProtRead | kProtWrite, kAt),
            "mmap returned memory that is in use");
}

TEST_F(NommuOracleTest, MemoryThatIsUnmappedMayBeUsedAgain) {
  EXPECT_EQ(Map(-1, 0, 3, kProtRead | kProtWrite, kAt), "");
  EXPECT_EQ(Store(kAt + kPage, 1), "");
  EXPECT_EQ(Do(Range(OpKind::kMunmap, kAt + kPage, 1), Value(0)), "");
  EXPECT_EQ(Do(Access(OpKind::kLoad, kAt + kPage), Signal(7)), "");
  EXPECT_EQ(Load(kAt, 1), "wrong bytes");
  EXPECT_EQ(Load(kAt + 2 * kPage, 1), "wrong bytes");
  EXPECT_EQ(Map(0, 0, 1, kProtRead, kAt + kPage), "");
  EXPECT_EQ(Load(kAt + kPage, 1), "wrong bytes");
  EXPECT_EQ(Load(kAt + kPage, Byte(0)), "");
}

TEST_F(NommuOracleTest, UnmappingOneOfTwoSharersLeavesTheOther) {
  EXPECT_EQ(Map(0, 0, 1, kProtRead, kAt), "");
  EXPECT_EQ(Map(0, 0, 1, kProtRead, kAt), "");
  EXPECT_EQ(Do(Range(OpKind::kMunmap, kAt, 1), Value(0)), "");
  EXPECT_EQ(Load(kAt, 1), "wrong bytes");
  EXPECT_EQ(Do(Range(OpKind::kMunmap, kAt, 1), Value(0)), "");
  EXPECT_EQ(Load(kAt, 1), "");
}

TEST_F(NommuOracleTest, AccessBesideAnUnmapIsNotJudged) {
  EXPECT_EQ(Map(0, 0, 1, kProtRead, kAt), "");
  const int load = oracle_.Begin(0, Access(OpKind::kLoad, kAt));
  const int munmap = oracle_.Begin(0, Range(OpKind::kMunmap, kAt, 1));
  EXPECT_EQ(Load(kAt, 1), "");
  EXPECT_EQ(Title(oracle_.End(munmap, Value(-22))), "");
  EXPECT_EQ(Title(oracle_.End(load, Loaded(1))), "");
  // It failed: what begins now is judged again.
  EXPECT_EQ(Load(kAt, 1), "wrong bytes");
}

TEST_F(NommuOracleTest, MremapChangesTheEnd) {
  EXPECT_EQ(Map(-1, 0, 4, kProtRead | kProtWrite, kAt), "");
  ResolvedOp remap = Range(OpKind::kMremap, kAt, 4);
  remap.new_length = 2 * kPage;
  EXPECT_EQ(Do(remap, Value(static_cast<int64_t>(kAt))), "");
  EXPECT_EQ(Load(kAt + 3 * kPage, 1), "");
  EXPECT_EQ(Load(kAt + kPage, 1), "wrong bytes");
}

TEST_F(NommuOracleTest, ACopyKnowsTheSame) {
  EXPECT_EQ(Map(0, 0, 1, kProtRead, kAt), "");
  const NommuOracle before = oracle_;
  EXPECT_EQ(Do(Range(OpKind::kMunmap, kAt, 1), Value(0)), "");
  EXPECT_EQ(Load(kAt, 1), "");
  oracle_ = before;
  EXPECT_EQ(Load(kAt, 1), "wrong bytes");
}

}  // namespace
}  // namespace faultline
