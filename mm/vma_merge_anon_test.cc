// SPDX-License-Identifier: GPL-2.0-only
//
// Merging against the anon_vmas of 4.13: none, one of its own, a forked one,
// the same or another, for the range and both neighbours (the notation of
// strips is mm/testing_merge.h's).

#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mm/testing_merge.h"

namespace faultline {
namespace {

// Of P, the range and N, in that order: '.' none, and an empty chain; a, b, c
// one of its own, a chain of one; A, B, C one that was forked, a chain of two.
// Equal letters: the same anon_vma.
struct AnonRow {
  const char* anon_vmas;
  const char* after;
};

constexpr AnonRow kGapRows[] = {
    {"...", "AAAAAAAAAAAA"},  // 1
    {"a..", "AAAAAAAAAAAA"}, {"..a", "AAAAAAAAAAAA"}, {"a.a", "AAAAAAAAAAAA"},
    {"a.b", "AAAAAAAABBBB"},  // 2: each fits, the two do not
    {"A..", "AAAABBBBBBBB"},  // 3
    {"..A", "AAAAAAAABBBB"}, {"A.a", "AAAABBBBBBBB"}, {"a.A", "AAAAAAAABBBB"},
    {"A.A", "AAAABBBBCCCC"}, {"A.B", "AAAABBBBCCCC"},
};

// With pages of its own: mremap back to where they were.
constexpr AnonRow kMoveRows[] = {
    {".a.", "AAAABBBBCCCC"},  // an empty chain is no chain of one
    {"aa.", "AAAAAAAABBBB"},
    {".aa", "AAAABBBBBBBB"},
    {"aaa", "AAAAAAAAAAAA"},
    {"aab", "AAAAAAAABBBB"},
    {"baa", "AAAABBBBBBBB"},
    {"aba", "AAAABBBBCCCC"},
    {"bac", "AAAABBBBCCCC"},
    {"AAA", "AAAAAAAAAAAA"},  // the same one needs no
                              // chain of one
    {"AA.", "AAAAAAAABBBB"},
    {"AAB", "AAAAAAAABBBB"},
    {"aAA", "AAAABBBBBBBB"},
    {"ABA", "AAAABBBBCCCC"},
};

constexpr AnonRow kCase4Rows[] = {
    {" ..", "AABBBBBBBBBB"}, {" .a", "AABBBBBBBBBB"}, {" .A", "AABBBBCCCCCC"},
    {" a.", "AABBBBCCCCCC"}, {" aa", "AABBBBBBBBBB"}, {" ab", "AABBBBCCCCCC"},
    {" aA", "AABBBBCCCCCC"}, {" A.", "AABBBBCCCCCC"}, {" AA", "AABBBBBBBBBB"},
    {" AB", "AABBBBCCCCCC"}, {" Aa", "AABBBBCCCCCC"},
};

constexpr AnonRow kCase5Rows[] = {
    {".. ", "AAAAAAAAAABB"}, {"a. ", "AAAAAAAAAABB"}, {"A. ", "AAAAAABBBBCC"},
    {".a ", "AAAAAABBBBCC"}, {"aa ", "AAAAAAAAAABB"}, {"ba ", "AAAAAABBBBCC"},
    {"Aa ", "AAAAAABBBBCC"}, {".A ", "AAAAAABBBBCC"}, {"AA ", "AAAAAAAAAABB"},
    {"BA ", "AAAAAABBBBCC"}, {"aA ", "AAAAAABBBBCC"},
};

constexpr AnonRow kCase678Rows[] = {
    {"...", "AAAAAAAAAAAA"},  // 6
    {"a..", "AAAAAAAAAAAA"}, {"..a", "AAAAAAAAAAAA"},
    {"a.a", "AAAAAAAAAAAA"}, {"aaa", "AAAAAAAAAAAA"},
    {"AAA", "AAAAAAAAAAAA"}, {"a.b", "AAAAAAAABBBB"},  // 7
    {"..A", "AAAAAAAABBBB"}, {"a.A", "AAAAAAAABBBB"},
    {"aa.", "AAAAAAAABBBB"}, {"aab", "AAAAAAAABBBB"},
    {"AA.", "AAAAAAAABBBB"}, {"AAB", "AAAAAAAABBBB"},
    {"A..", "AAAABBBBBBBB"},  // 8
    {"A.a", "AAAABBBBBBBB"}, {".aa", "AAAABBBBBBBB"},
    {"baa", "AAAABBBBBBBB"}, {".AA", "AAAABBBBBBBB"},
    {"BAA", "AAAABBBBBBBB"}, {".a.", "AAAABBBBCCCC"},  // none
    {"aba", "AAAABBBBCCCC"}, {"bac", "AAAABBBBCCCC"},
    {"A.A", "AAAABBBBCCCC"}, {"A.B", "AAAABBBBCCCC"},
    {".A.", "AAAABBBBCCCC"}, {"BAC", "AAAABBBBCCCC"},
    {"aAb", "AAAABBBBCCCC"},
};

struct AnonTable {
  Place place;
  const AnonRow* rows;
  size_t count;
};

// Gives the vmas of the strip their anon_vmas.  Forked ones come of a fork, in
// whose child the test then goes on.
class AnonVmas {
 public:
  AnonVmas(Strips* strips, const Place& place, const std::string& letters)
      : child_(strips->test_machine()) {
    bool forked = false;
    for (const char letter : letters) forked |= letter >= 'A' && letter <= 'C';
    const auto each = [&](bool upper) {
      strips->ForEach(place.before, [&](char role, struct vm_area_struct* vma) {
        const char letter = letters[role == 'P' ? 0 : role == 'O' ? 1 : 2];
        if (letter == '.' || upper != (letter < 'a')) return;
        Give(letter, vma);
      });
    };
    each(/*upper=*/true);
    if (!forked) {
      each(/*upper=*/false);
      return;
    }
    EXPECT_EQ(sys_fork(child_.get()), 0);
    as_child_ = std::make_unique<RunAs>(child_.get());
    of_.clear();
    // The same letter went through the fork as one anon_vma, and came out as
    // one for each vma: the child has those of a vma that was then split.
    strips->ForEach(place.before, [&](char role, struct vm_area_struct* vma) {
      const char letter = letters[role == 'P' ? 0 : role == 'O' ? 1 : 2];
      if (letter < 'A' || letter > 'C') return;
      EXPECT_FALSE(list_is_singular(&vma->anon_vma_chain));
      if (struct vm_area_struct* first = of_[letter]) {
        unlink_anon_vmas(vma);
        vma->anon_vma = first->anon_vma;
        EXPECT_EQ(anon_vma_clone(vma, first), 0);
      }
      of_[letter] = vma;
    });
    each(/*upper=*/false);
  }

 private:
  // What a fault does, without looking at the neighbours for one to share.
  void Give(char letter, struct vm_area_struct* vma) {
    if (struct vm_area_struct* first = of_[letter]) {
      vma->anon_vma = first->anon_vma;
      EXPECT_EQ(anon_vma_clone(vma, first), 0);
      return;
    }
    vma->vm_flags ^= VM_SEQ_READ;
    vma->vm_pgoff ^= 1;
    EXPECT_EQ(anon_vma_prepare(vma), 0);
    vma->vm_flags ^= VM_SEQ_READ;
    anon_vma_interval_tree_pre_update_vma(vma);
    vma->vm_pgoff ^= 1;
    anon_vma_interval_tree_post_update_vma(vma);
    EXPECT_TRUE(list_is_singular(&vma->anon_vma_chain));
    of_[letter] = vma;
  }

  TestTask child_;
  std::unique_ptr<RunAs> as_child_;
  std::map<char, struct vm_area_struct*> of_;
};

class VmaMergeAnonTest : public testing::TestWithParam<Call> {};

TEST_P(VmaMergeAnonTest, EveryAnonVmaBesideEveryOther) {
  const Call call = GetParam();
  std::vector<AnonTable> tables;
  if (call.kind == Call::kChange) {
    tables = {{kParts[0], kCase4Rows, std::size(kCase4Rows)},
              {kParts[1], kCase5Rows, std::size(kCase5Rows)},
              {kParts[2], kCase678Rows, std::size(kCase678Rows)}};
  } else {
    tables = {{kGaps[0], kGapRows, std::size(kGapRows)}};
    if (call.kind == Call::kMremap) {
      tables.push_back({kGaps[0], kMoveRows, std::size(kMoveRows)});
    }
  }
  Strips strips(call, Memory::kAnonymous);
  for (const AnonTable& table : tables) {
    for (size_t i = 0; i < table.count; ++i) {
      const AnonRow& row = table.rows[i];
      SCOPED_TRACE(Row(table.place, row.anon_vmas, 0));
      strips.Build(table.place, {}, 0);
      if (call.kind == Call::kMremap) {
        // As a range has it that has pages and was moved away: the offset of
        // where it came from.
        const uint64_t first = std::string(table.place.range).find('#');
        strips.VmaAt(kSource)->vm_pgoff = PageAddress(first) >> PAGE_SHIFT;
      }
      {
        const AnonVmas anon_vmas(&strips, table.place, row.anon_vmas);
        struct mm_struct* mm = strips.mm();
        std::vector<struct anon_vma*> before(kPages);
        for (uint64_t page = 0; page < kPages; ++page) {
          struct vm_area_struct* vma = strips.VmaAt(page);
          before[page] = vma != nullptr ? vma->anon_vma : nullptr;
        }
        ASSERT_EQ(strips.Run(), 0);
        ASSERT_EQ(strips.After(), row.after);
        // Who had one still has it, in whatever vma.
        for (uint64_t page = 0; page < kPages; ++page) {
          if (before[page] == nullptr) continue;
          ASSERT_EQ(strips.VmaAt(page)->anon_vma, before[page]) << page;
        }
        EXPECT_EQ(validate_mm(mm), 0u);
      }
      strips.Clear({}, 0, table.place, true);
      if (HasFailure()) return;
    }
  }
}

// DONTFORK and mlock do not come through the fork.
INSTANTIATE_TEST_SUITE_P(AllCalls, VmaMergeAnonTest,
                         testing::Values(kCalls[0], kCalls[1], kCalls[2],
                                         kCalls[3], kCalls[5], kCalls[6],
                                         kCalls[7], kCalls[10], kCalls[11]),
                         [](const testing::TestParamInfo<Call>& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace faultline
