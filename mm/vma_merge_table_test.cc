// SPDX-License-Identifier: GPL-2.0-only
//
// Merging against the conditions of 4.13: what may tell a range from its
// neighbours, at every place and by every call (the notation of strips is
// mm/testing_merge.h's).  The model has neither memory policies nor
// userfaultfd contexts, so two conditions of 4.13 are not here.

#include <cstdint>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include "mm/testing_merge.h"

namespace faultline {
namespace {

struct Condition {
  std::string name;
  Difference difference;
  bool merges;  // all the same
  // Each combination of sides to put it on.
  std::vector<unsigned> sides;
};

void Close(struct vm_area_struct*) {}
// A page that belongs to no file, so that mlock finds something to lock.
int FaultInAnyPage(struct vm_fault* vmf) {
  vmf->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
  if (vmf->page == nullptr) return VM_FAULT_OOM;
  SetPageUptodate(vmf->page);
  return 0;
}

const struct vm_operations_struct kOpsWithClose = {
    nullptr, Close, nullptr, FaultInAnyPage, nullptr, nullptr, nullptr};

const struct vm_operations_struct kOtherOps = {
    nullptr, nullptr, nullptr, FaultInAnyPage, nullptr, nullptr, nullptr};

std::vector<Condition> MakeConditions() {
  const std::vector<unsigned> neighbours = {kP, kN, kP | kN};
  std::vector<Condition> all;
  all.push_back({"nothing", {}, true, {0}});
  for (unsigned bit = 0; bit < 32; ++bit) {
    const kulong flag = kulong{1} << bit;
    if (flag == VM_SOFTDIRTY) continue;
    all.push_back({"vm_flags bit " + std::to_string(bit),
                   {.flags = flag},
                   false,
                   neighbours});
  }
  all.push_back({"VM_SOFTDIRTY", {.flags = VM_SOFTDIRTY}, true, neighbours});
  // Alike on all three, and yet never merged.
  for (const kulong flag : {VM_IO, VM_DONTEXPAND, VM_PFNMAP, VM_MIXEDMAP}) {
    all.push_back({"all special " + std::to_string(flag),
                   {.flags = flag},
                   false,
                   {kP | kN | kO}});
  }
  all.push_back({"pgoff one lower", {.file_pages = -1}, false, neighbours});
  all.push_back({"pgoff one higher", {.file_pages = 1}, false, neighbours});
  all.push_back(
      {"another file", {.file = Difference::kOther}, false, neighbours});
  all.push_back({"the same inode, opened again",
                 {.file = Difference::kOpenedAgain},
                 false,
                 neighbours});
  all.push_back({"a file beside none",
                 {.file = Difference::kNoneOrSome},
                 false,
                 neighbours});
  all.push_back({"vm_ops->close", {.ops = &kOpsWithClose}, false, neighbours});
  // Of the range's own vma nobody asks.
  all.push_back(
      {"vm_ops->close of the range", {.ops = &kOpsWithClose}, true, {kO}});
  all.push_back({"vm_ops", {.ops = &kOtherOps}, true, neighbours});
  all.push_back({"vm_ops of the range", {.ops = &kOtherOps}, true, {kO}});
  static int data;
  all.push_back({"vm_private_data", {.data = &data}, true, neighbours});
  all.push_back({"vm_private_data of the range", {.data = &data}, true, {kO}});
  return all;
}

// A special vma is left alone by some calls, which then change nothing.
bool RefusesSpecial(const Call& call) {
  const std::string name = call.name;
  return name == "MadviseDofork" || name == "MadviseDodump" ||
         name.starts_with("Ml") || name.starts_with("Mu");
}

// ---- conditions, at every place, by every call ----

using Param = std::tuple<Call, Memory>;

class VmaMergeTableTest : public testing::TestWithParam<Param> {};

TEST_P(VmaMergeTableTest, EveryConditionAtEveryPlace) {
  const auto& [call, memory] = GetParam();
  if (call.kind == Call::kBrk && memory != Memory::kAnonymous) {
    GTEST_SKIP() << "a heap is anonymous";
  }
  const std::vector<Condition> conditions = MakeConditions();
  Strips strips(call, memory);
  std::vector<Place> places;
  if (call.kind == Call::kChange) {
    places.assign(std::begin(kParts), std::end(kParts));
  } else {
    places.assign(std::begin(kGaps), std::end(kGaps));
  }
  int rows = 0;
  for (const Place& place : places) {
    for (const Condition& condition : conditions) {
      for (const unsigned sides : condition.sides) {
        const auto file = condition.difference.file;
        if ((file == Difference::kOther || file == Difference::kOpenedAgain) &&
            memory == Memory::kAnonymous) {
          continue;
        }
        const bool range_too = (sides & kO) != 0;
        // A new range has no vma to differ in.
        if (range_too &&
            (call.kind == Call::kMmap || call.kind == Call::kBrk)) {
          continue;
        }
        if (range_too && condition.difference.flags && RefusesSpecial(call)) {
          continue;
        }
        SCOPED_TRACE(Row(place, condition.name, sides));
        ++rows;
        strips.Build(place, condition.difference, sides);
        const std::vector<std::string> before = strips.PageTexts();
        ASSERT_EQ(strips.Run(), 0);

        const bool fits_below = condition.merges || !(sides & kP);
        const bool fits_above = condition.merges || !(sides & kN);
        const char* after = fits_below   ? fits_above ? place.both : place.below
                            : fits_above ? place.above
                                         : place.neither;
        ASSERT_EQ(strips.After(), after);
        // Who is beside the range stays what he was.
        for (uint64_t page = 0; page < kPages; ++page) {
          if (strips.InRange(page)) continue;
          ASSERT_EQ(strips.PageText(page), before[page]) << page;
        }
        strips.Clear(condition.difference, sides, place, condition.merges);
        if (HasFailure()) return;
      }
    }
  }
  RecordProperty("rows", rows);
  EXPECT_GT(rows, 400);
}

std::string TableName(const testing::TestParamInfo<Param>& info) {
  static constexpr const char* kMemory[] = {"Anonymous", "File", "SharedFile"};
  return std::string(std::get<0>(info.param).name) +
         kMemory[static_cast<int>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(AllCalls, VmaMergeTableTest,
                         testing::Combine(testing::ValuesIn(kCalls),
                                          testing::Values(Memory::kAnonymous,
                                                          Memory::kFile,
                                                          Memory::kSharedFile)),
                         TableName);

}  // namespace
}  // namespace faultline
