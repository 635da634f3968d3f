// SPDX-License-Identifier: GPL-2.0-only

#include "sim/program/litmus_format.h"

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sim/program/litmus_parser.h"

namespace faultline {
namespace {

// Programs that use every rule of the grammar, from one seed.
class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  Program Next() {
    Program p;
    variables_ = 0;
    p.name = absl::StrCat("random ", Below(1000), Chance() ? " \"\\" : "");
    if (Chance()) p.about = "A line.\n\nAfter a blank one: \"quoted\" # \\.";
    if (Chance()) p.defects = {"D1", absl::StrCat("D", Below(40), "ii")};
    if (Chance()) p.machine.arch = "arm";
    if (Chance()) p.machine.ram_pages = 16 + Below(10000);
    if (Chance()) p.machine.max_map_count = 1 + Below(70000);
    if (Chance()) p.machine.fault_around_bytes = 4096u << Below(8);
    if (Chance()) p.machine.fixes_off = {"a.b-1", "CVE-2018-1"};
    if (Chance()) p.machine.fixes_on = {"x_y"};
    p.machine.physmem = Chance();
    p.machine.pat = Chance();
    bool existing = Chance();
    if (existing) p.image.existing = "dir/an \"image\"";
    files_.clear();
    uint32_t files = existing ? 1 + Below(3) : Below(4);
    for (uint32_t i = 0; i < files; ++i) {
      p.image.files.push_back(File(existing));
    }
    mappings_.clear();
    uint32_t setup = Below(4);
    for (uint32_t i = 0; i < setup; ++i) p.setup.push_back(NextOp(false));
    std::vector<std::string> shared = mappings_;
    uint32_t tasks = 1 + Below(3);
    for (uint32_t i = 0; i < tasks; ++i) {
      TaskSpec task;
      task.name = absl::StrCat("T", i);
      if (Chance()) task.process = absl::StrCat("p", Below(2));
      mappings_ = shared;
      uint32_t ops = 1 + Below(6);
      for (uint32_t j = 0; j < ops; ++j) task.ops.push_back(NextOp(true));
      p.tasks.push_back(task);
    }
    if (Chance()) p.legal.push_back({"T0", Outcomes(), {}});
    if (Chance()) {
      p.expectations.push_back({"v3", "lifetime", "a \"part\"", "sync", {}});
      p.expectations.push_back({"v3", "kernel-bug", "", "access", {}});
      p.expectations.push_back({"split-at-mmap", "", "", "", {}});
      p.expectations.push_back({"*", "data-integrity", "", "", {}});
    }
    return p;
  }

 private:
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool Chance() { return Below(2) == 0; }
  bool OneIn(uint32_t n) { return Below(n) == 0; }
  uint32_t Flags(std::initializer_list<uint32_t> of) {
    uint32_t flags = 0;
    for (uint32_t flag : of) flags |= Chance() ? flag : 0;
    return flags;
  }

  FileSpec File(bool existing) {
    FileSpec file;
    file.name = absl::StrCat("f", files_.size());
    files_.push_back(file.name);
    if (existing) {
      file.path = "/bin/a \"b\"\\c";
      return file;
    }
    file.size.pages = Below(6);
    file.size.bytes = file.size.pages == 0 || Chance() ? 1 + Below(4095) : 0;
    uint32_t blocks = static_cast<uint32_t>(
        (TotalBytes(file.size) + kPageBytes - 1) / kPageBytes);
    bool direct = false;
    for (uint32_t b = 0; b < blocks;) {
      uint32_t last = b + Below(blocks - b);
      auto layout = static_cast<BlockLayout>(Below(4));
      direct |= layout == BlockLayout::kDirect;
      file.runs.push_back({b, last, layout});
      b = last + 1 + Below(2);
    }
    if (!file.runs.empty() && file.runs.back().last == blocks - 1 &&
        file.size.bytes != 0 &&
        (file.runs.back().layout == BlockLayout::kDirect ||
         file.runs.back().layout == BlockLayout::kRaw)) {
      file.shared_tail = Chance();
    }
    file.unaligned = direct && Chance();
    const bool all_direct =
        file.size.bytes == 0 && !file.unaligned && file.runs.size() == 1 &&
        direct && file.runs[0].first == 0 && file.runs[0].last == blocks - 1;
    file.outside = all_direct && Chance();
    return file;
  }

  Amount Length() { return {Below(9), Chance() ? Below(9000) : 0}; }

  Address Where(uint32_t step) {
    Address address;
    if (!mappings_.empty() && Chance()) {
      address.variable = mappings_[Below(mappings_.size())];
      address.offset.pages = static_cast<int64_t>(Below(9)) - 4;
    } else {
      address.offset.pages = Below(1000);
      address.offset.bytes = Chance() ? int64_t{0x40000000} : 0;
    }
    if (step < kPageBytes) {
      address.offset.bytes += Below(kPageBytes / step) * step;
    }
    return address;
  }

  Op NextOp(bool in_task) {
    Op op{};
    static constexpr OpKind kMore[] = {OpKind::kMlockAll, OpKind::kMunlockAll,
                                       OpKind::kMsync,    OpKind::kMincore,
                                       OpKind::kReadInto, OpKind::kWriteFrom};
    op.kind = OneIn(4) ? kMore[Below(std::size(kMore))]
                       : static_cast<OpKind>(Below(in_task ? 17 : 16));
    if (op.kind == OpKind::kReadInto && files_.empty()) {
      op.kind = OpKind::kWriteFrom;
    }
    if (op.kind == OpKind::kRead && files_.empty()) op.kind = OpKind::kLoad;
    switch (op.kind) {
      case OpKind::kMmap:
        if (!files_.empty() && Chance()) {
          op.file = files_[Below(files_.size())];
          op.offset.pages = Below(8);
        }
        op.length = Length();
        op.prot = Below(8);
        op.shared = Chance();
        op.fixed = Chance();
        if (op.fixed) op.address = Where(1);
        if (Chance()) op.flags = Flags({0x100, 0x2000, 0x4000, 0x8000});
        break;
      case OpKind::kMlockAll:
        op.flags = Flags({1, 2, 4});
        break;
      case OpKind::kMunlockAll:
        break;
      case OpKind::kMsync:
        op.address = Where(1);
        op.length = Length();
        op.flags = Flags({1, 2, 4});
        break;
      case OpKind::kMincore:
        op.address = Where(1);
        op.length = Length();
        op.to = Where(1);
        break;
      case OpKind::kReadInto:
        op.address = Where(1);
        op.file = files_[Below(files_.size())];
        op.offset = Length();
        op.size = 1 + Below(65536);
        break;
      case OpKind::kWriteFrom:
        op.address = Where(1);
        op.size = 1 + Below(65536);
        break;
      case OpKind::kMunmap:
        op.address = Where(1);
        op.length = Length();
        break;
      case OpKind::kMprotect:
        op.address = Where(kPageBytes);
        op.length = Length();
        op.prot = Below(8);
        break;
      case OpKind::kMadvise:
        op.address = Where(kPageBytes);
        op.length = Length();
        op.advice = OneIn(2) ? Below(5) : 8 + Below(4);
        break;
      case OpKind::kMremap:
        op.address = Where(kPageBytes);
        op.length = Length();
        op.new_length = Length();
        op.may_move = Chance();
        op.fixed = op.may_move && Chance();
        if (op.fixed) op.to = Where(kPageBytes);
        break;
      case OpKind::kLoad:
        op.size = 1u << Below(4);
        op.address = Where(op.size);
        break;
      case OpKind::kStore:
        op.size = 1u << Below(4);
        op.address = Where(op.size);
        op.value = random_();
        if (op.size < 8) op.value &= (uint64_t{1} << (8 * op.size)) - 1;
        break;
      case OpKind::kUmlStore:
      case OpKind::kSparcStore:
        op.address = Where(1);
        op.value = Below(256);
        break;
      case OpKind::kFutex:
        op.address = Where(4);
        op.value = random_() & 0xffffffff;
        break;
      case OpKind::kKvm:
        op.address = Where(1);
        op.write = Chance();
        break;
      case OpKind::kRead:
        op.file = files_[Below(files_.size())];
        op.offset = Length();
        op.length = Length();
        break;
      case OpKind::kUffdRegister:
      case OpKind::kUffdWake:
        op.address = Where(kPageBytes);
        op.length = Length();
        break;
      case OpKind::kUffdCopy:
        op.address = Where(kPageBytes);
        op.value = random_();
        break;
      case OpKind::kUffdZeropage:
        op.address = Where(kPageBytes);
        break;
      case OpKind::kSignal:
      case OpKind::kKill:
        op.target = "T0";
        break;
      default:
        op.address = Where(1);
    }
    if ((op.kind == OpKind::kMmap || op.kind == OpKind::kLoad ||
         op.kind == OpKind::kMremap || op.kind == OpKind::kBrk) &&
        Chance()) {
      op.result = absl::StrCat("v", variables_++);
      if (op.kind != OpKind::kLoad) mappings_.push_back(op.result);
    } else if (Chance()) {
      op.repeat = 1 + static_cast<int>(Below(kMaxRepeat));
    }
    return op;
  }

  std::vector<Outcome> Outcomes() {
    std::vector<Outcome> outcomes;
    for (int kind = 0; kind <= 5; ++kind) {
      Outcome outcome;
      outcome.kind = static_cast<OutcomeKind>(kind);
      if (outcome.kind == OutcomeKind::kErrno) outcome.error = 1 + Below(100);
      if (outcome.kind == OutcomeKind::kValue) outcome.value = random_();
      outcomes.push_back(outcome);
    }
    return outcomes;
  }

  std::mt19937_64 random_;
  int variables_ = 0;
  std::vector<std::string> files_, mappings_;
};

TEST(LitmusFormat, WhatIsPrintedParsesToTheSameProgram) {
  Generator generator(1);
  for (int i = 0; i < 3000; ++i) {
    Program program = generator.Next();
    std::string text = FormatLitmus(program);
    absl::StatusOr<Program> again = ParseLitmus(text, "printed");
    ASSERT_TRUE(again.ok()) << again.status() << "\n" << text;
    ASSERT_TRUE(SameProgram(program, *again)) << text;
    ASSERT_EQ(program.Hash(), again->Hash()) << text;
    ASSERT_EQ(FormatLitmus(*again), text);
  }
}

TEST(LitmusFormat, FilesOfTheRepositorySurviveARoundTrip) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("tests/litmus")) {
    if (entry.path().extension() != ".litmus") continue;
    ++files;
    std::ifstream in(entry.path());
    std::stringstream text;
    text << in.rdbuf();
    absl::StatusOr<Program> program =
        ParseLitmus(text.str(), entry.path().string());
    ASSERT_TRUE(program.ok()) << program.status();
    absl::StatusOr<Program> again =
        ParseLitmus(FormatLitmus(*program), "printed");
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(SameProgram(*program, *again)) << entry.path();
    EXPECT_EQ(program->name, entry.path().stem().string())
        << "a program is named as its file";
    EXPECT_FALSE(program->about.empty()) << entry.path();
    EXPECT_FALSE(program->expectations.empty()) << entry.path();
  }
  EXPECT_GT(files, 0);
}

TEST(LitmusFormat, ForkedTasksAndKernelThreadsReadAsTheyAreWritten) {
  const std::string text =
      "litmus \"t\"\ntask A\n    fork(C)\ntask C forked\n    load(0x10000)\n"
      "task K in kernel\n    reclaim(1)\n";
  absl::StatusOr<Program> program = ParseLitmus(text, "t");
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_TRUE(program->tasks[1].forked);
  EXPECT_EQ(program->tasks[2].process, kKernelProcess);
  EXPECT_EQ(FormatLitmus(*program), text);
  Program other = *program;
  other.tasks[1].forked = false;
  EXPECT_FALSE(SameProgram(*program, other));
  EXPECT_NE(program->Hash(), other.Hash());
}

TEST(LitmusFormat, OperationsReadAsTheyAreWritten) {
  for (const std::string op :
       {"m = mmap(f, 0p, 6p, r, private)",
        "mmap(anon, 0p, 1p + 1, rw, shared, at = 0x40000000)",
        "munmap(m + 1p, 2p)",
        "mprotect(m - 1p + 0x2000, 6p, none)",
        "madvise(m, 1p, dontneed)",
        "x = load(m + 5p - 8, 8)",
        "store(m + 5p, 0x42)",
        "store(m, 7, 2)",
        "exec_fetch(m)",
        "uml_load(m)",
        "uml_store(m, 1)",
        "sparc32_load(m)",
        "sparc32_store(m, 1)",
        "futex_op(m, 1)",
        "kvm_pfn(m, r)",
        "read(f, 0p, 0x1234)",
        "kill(A)",
        "signal(A)",
        "uffd_register(m, 1p)",
        "uffd_copy(m, 0x42)",
        "uffd_zeropage(m)",
        "uffd_wake(m, 1p)",
        "reclaim(3)",
        "migrate(1)",
        "rmap_walk(20)",
        "oom_kill()",
        "oom_reap()",
        "mlock(m, 2p)",
        "mlock(m + 7, 1p, onfault)",
        "munlock(m, 2p)",
        "read_into(m + 8, f, 1p + 5, 4)",
        "write_from(m + 5p)",
        "peek(m, 8)",
        "poke(m, 7, 2)",
        "pin(m, w)",
        "unpin()",
        "repeat 4 load(m)"}) {
    std::string text = absl::StrCat(
        "litmus \"t\"\nimage\n f: 6 pages\nsetup\n ",
        op[0] == 'm' && op[2] == '=' ? ""
                                     : "m = mmap(anon, 0p, 1p, r, private)",
        "\ntask A\n ", op, "\n");
    absl::StatusOr<Program> program = ParseLitmus(text, "t");
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_EQ(FormatOp(program->tasks[0].ops[0]), op);
  }
}

}  // namespace
}  // namespace faultline
