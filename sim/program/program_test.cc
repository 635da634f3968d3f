// SPDX-License-Identifier: GPL-2.0-only

#include "sim/program/program.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace faultline {
namespace {

Program Small() {
  Program p;
  p.name = "small";
  FileSpec file;
  file.name = "f";
  file.size.pages = 2;
  file.runs = {{0, 0, BlockLayout::kDirect}};
  p.image.files = {file};
  Op map{};
  map.kind = OpKind::kMmap;
  map.result = "m";
  map.file = "f";
  map.length.pages = 2;
  map.prot = kProtRead;
  p.setup = {map};
  Op load{};
  load.kind = OpKind::kLoad;
  load.address.variable = "m";
  p.tasks = {{"A", "main", {load}, {}}};
  return p;
}

// A token is only good for the program it was made with, in any build.
TEST(ProgramHash, IsTheSameInEveryBuild) {
  EXPECT_EQ(Program().Hash(), 16371572882540512724u);
  EXPECT_EQ(Small().Hash(), 716434137274881996u);
}

TEST(OpKindTest, AllAreCountedAndNamedApart) {
  std::set<std::string> names;
  for (int i = 0; i < kOpKinds; ++i) {
    names.insert(OpKindName(static_cast<OpKind>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kOpKinds));
  EXPECT_EQ(names.count("?"), 0u);
  EXPECT_STREQ(OpKindName(static_cast<OpKind>(kOpKinds)), "?");
}

TEST(ProgramHash, DiffersInAllThatDecidesAnExecution) {
  const std::vector<std::function<void(Program&)>> kChanges = {
      [](Program& p) { p.machine.arch = "arm"; },
      [](Program& p) { p.machine.ram_pages = 1; },
      [](Program& p) { p.machine.max_map_count = 1; },
      [](Program& p) { p.machine.fault_around_bytes = 4096; },
      [](Program& p) { p.machine.fixes_off = {"a"}; },
      [](Program& p) { p.machine.fixes_on = {"a"}; },
      [](Program& p) { p.machine.physmem = false; },
      [](Program& p) { p.machine.pat = false; },
      [](Program& p) { p.image.existing = "a"; },
      [](Program& p) { p.image.files[0].name = "g"; },
      [](Program& p) { p.image.files[0].size.bytes = 1; },
      [](Program& p) { p.image.files[0].runs[0].last = 1; },
      [](Program& p) { p.image.files[0].runs.clear(); },
      [](Program& p) { p.image.files[0].shared_tail = true; },
      [](Program& p) { p.image.files[0].unaligned = true; },
      [](Program& p) { p.image.files[0].path = "/x"; },
      [](Program& p) { p.setup[0].fixed = true; },
      [](Program& p) { p.setup[0].shared = true; },
      [](Program& p) { p.setup[0].prot = 3; },
      [](Program& p) { p.setup[0].offset.pages = 1; },
      [](Program& p) { p.setup[0].length.pages = 1; },
      [](Program& p) { p.setup[0].result = "n"; },
      [](Program& p) { p.setup[0].flags = kMapLocked; },
      [](Program& p) { p.setup[0].flags = kMapNoreserve; },
      [](Program& p) { p.setup.clear(); },
      [](Program& p) { p.tasks[0].name = "B"; },
      [](Program& p) { p.tasks[0].process = "other"; },
      [](Program& p) { p.tasks[0].ops[0].kind = OpKind::kStore; },
      [](Program& p) { p.tasks[0].ops[0].address.variable = ""; },
      [](Program& p) { p.tasks[0].ops[0].address.offset.bytes = 1; },
      [](Program& p) { p.tasks[0].ops[0].address.offset.pages = 1; },
      [](Program& p) { p.tasks[0].ops[0].size = 2; },
      [](Program& p) { p.tasks[0].ops[0].value = 2; },
      [](Program& p) { p.tasks[0].ops[0].advice = 2; },
      [](Program& p) { p.tasks[0].ops[0].write = true; },
      [](Program& p) { p.tasks[0].ops[0].target = "A"; },
      [](Program& p) { p.tasks[0].ops[0].repeat = 2; },
      [](Program& p) { p.tasks.push_back(p.tasks[0]); },
  };
  std::set<uint64_t> hashes = {Small().Hash()};
  for (size_t i = 0; i < kChanges.size(); ++i) {
    Program p = Small();
    kChanges[i](p);
    EXPECT_TRUE(hashes.insert(p.Hash()).second) << "change " << i;
    EXPECT_FALSE(SameProgram(p, Small())) << "change " << i;
  }
}

TEST(ProgramHash, IgnoresWhatDecidesNothing) {
  Program p = Small();
  p.name = "other";
  p.source = "file";
  p.about = "text";
  p.defects = {"D1"};
  p.legal = {{"A", {{}}, {}}};
  p.expectations = {{"*", "", "", "", {}}};
  p.setup[0].place = {3, 4};
  EXPECT_EQ(p.Hash(), Small().Hash());
}

TEST(FileByte, IsNeverZeroAndTellsPagesFilesAndShiftsApart) {
  int same_file = 0, shifted = 0;
  for (uint64_t i = 0; i < 8 * kPageBytes; ++i) {
    uint8_t byte = FileByte("f", i);
    ASSERT_NE(byte, 0);
    for (uint64_t page = 1; page < 8; ++page) {
      ASSERT_NE(byte, FileByte("f", i + page * kPageBytes));
    }
    same_file += byte == FileByte("g", i);
    shifted += byte == FileByte("f", i + 8);
  }
  EXPECT_LT(same_file, 8 * kPageBytes / 50);
  EXPECT_LT(shifted, 8 * kPageBytes / 50);
}

TEST(FileContents, HolesAreZerosAndTheRestIsFileByte) {
  FileSpec file;
  file.name = "f";
  file.size = {2, 100};
  file.runs = {{1, 1, BlockLayout::kHole}};
  std::string contents = FileContents(file);
  ASSERT_EQ(contents.size(), 2u * kPageBytes + 100);
  for (size_t i = 0; i < contents.size(); ++i) {
    uint8_t expected = i / kPageBytes == 1 ? 0 : FileByte("f", i);
    ASSERT_EQ(static_cast<uint8_t>(contents[i]), expected) << i;
  }
  file.runs = {{2, 2, BlockLayout::kHole}};
  EXPECT_EQ(FileContents(file).back(), '\0');
  EXPECT_NE(FileContents(file).front(), '\0');
}

}  // namespace
}  // namespace faultline
