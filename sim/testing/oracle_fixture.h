// SPDX-License-Identifier: GPL-2.0-only
//
// OracleTest: operations and their results as the tests of the oracle feed
// them, on two files of two pages and 100 bytes, 0 and 1.

#ifndef FAULTLINE_SIM_TESTING_ORACLE_FIXTURE_H_
#define FAULTLINE_SIM_TESTING_ORACLE_FIXTURE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "sim/oracle.h"
#include "sim/program/program.h"

namespace faultline {

inline constexpr uint64_t kBase = 0x7f0000000000;
inline constexpr uint64_t kPage = kPageBytes;
inline constexpr int kSegv = 11, kBus = 7, kKill = 9;
inline constexpr uint32_t kR = kProtRead, kW = kProtWrite, kX = kProtExec;

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
  static ResolvedOp UffdRegister(uint64_t address, uint64_t pages) {
    return Range(OpKind::kUffdRegister, address, pages);
  }
  static ResolvedOp UffdCopy(uint64_t address, uint64_t value) {
    ResolvedOp op = Range(OpKind::kUffdCopy, address, 1);
    op.value = value;
    op.size = 8;
    return op;
  }
  static ResolvedOp UffdZeropage(uint64_t address) {
    return Range(OpKind::kUffdZeropage, address, 1);
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
  std::string Run(const ResolvedOp& op, const OpResult& result,
                  int process = 0) {
    return Title(oracle_.End(oracle_.Begin(process, op), result));
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

}  // namespace faultline

#endif  // FAULTLINE_SIM_TESTING_ORACLE_FIXTURE_H_
