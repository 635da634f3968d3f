// SPDX-License-Identifier: GPL-2.0-only
//
// When vmas become one: the eight cases of vma_merge on strips of pages, and
// everything that must keep two vmas apart.

#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>

#include "mm/testing.h"

namespace faultline {
namespace {

enum class Memory { kFile, kAnonymous, kAnonymousWritable };

struct MergeCase {
  const char* name;
  const char* before;
  bool mmap;  // else mprotect
  uint64_t page, pages;
  char letter;
  const char* after;
};

void PrintTo(const MergeCase& merge, std::ostream* out) { *out << merge.name; }

constexpr MergeCase kMergeCases[] = {
    {"Case1FillsTheGap", "Rrrr....Rrrr", true, 4, 4, 'r', "Rrrrrrrrrrrr"},
    {"Case2GrowsPrev", "Rrrr....Xxxx", true, 4, 4, 'r', "RrrrrrrrXxxx"},
    {"Case2NothingAbove", "Rrrr........", true, 4, 4, 'r', "Rrrrrrrr...."},
    {"Case3GrowsNextDown", "Xxxx....Rrrr", true, 4, 4, 'r', "XxxxRrrrrrrr"},
    {"Case3NothingBelow", "....Rrrr....", true, 1, 3, 'r', ".Rrrrrrr...."},
    {"Case4BorderMovesDown", "RrrrrrXxxxxx", false, 2, 4, 'x', "RrXxxxxxxxxx"},
    {"Case5BorderMovesUp", "RrrrrrXxxxxx", false, 6, 4, 'r', "RrrrrrrrrrXx"},
    {"Case6PrevSwallowsTwo", "RrrrXxxxRrrr", false, 4, 4, 'r', "Rrrrrrrrrrrr"},
    {"Case7PrevSwallowsMiddle", "RrrrXxxxNnnn", false, 4, 4, 'r',
     "RrrrrrrrNnnn"},
    {"Case7LastVma", "RrrrXxxx....", false, 4, 4, 'r', "Rrrrrrrr...."},
    {"Case8NextSwallowsMiddle", "NnnnXxxxRrrr", false, 4, 4, 'r',
     "NnnnRrrrrrrr"},
    {"Case8FirstVma", "XxxxRrrr....", false, 0, 4, 'r', "Rrrrrrrr...."},
    {"NoneFitsInTheMiddle", "RrrrrrXxxxxx", false, 2, 2, 'n', "RrNnRrXxxxxx"},
    {"NoneFitsAtTheGap", "Rrrr....Rrrr", true, 4, 4, 'x', "RrrrXxxxRrrr"},
    {"GapNotTouched", "Rrrr....Rrrr", true, 5, 2, 'r', "Rrrr.Rr.Rrrr"},
    {"ReplacedAndMerged", "RrrrXxxxRrrr", true, 4, 4, 'r', "Rrrrrrrrrrrr"},
    {"PartReplacedAndMerged", "RrrrXxxxRrrr", true, 3, 3, 'r', "RrrrrrXxRrrr"},
    {"AcrossSeveral", "RrXxRrXx....", false, 1, 6, 'n', "RNnnnnnX...."},
};

// The same strip in memory that is writable, with three other protections.
std::string Writable(std::string strip) {
  for (char& c : strip) {
    switch (c) {
      case 'r':
        c = 'w';
        break;
      case 'R':
        c = 'W';
        break;
      case 'x':
        c = 'e';
        break;
      case 'X':
        c = 'E';
        break;
      case 'n':
        c = 'o';
        break;
      case 'N':
        c = 'O';
        break;
    }
  }
  return strip;
}

class VmaMergeTest
    : public testing::TestWithParam<std::tuple<MergeCase, Memory>> {};

// Strips fit together; every vma maps the page of its own place.
void ExpectOffsetsRight(struct mm_struct* mm, const struct file* file) {
  for (struct vm_area_struct* vma = mm->mmap; vma; vma = vma->vm_next) {
    EXPECT_EQ(vma->vm_file, file);
    const kulong base = file != nullptr ? kStripBase : 0;
    EXPECT_EQ(vma->vm_pgoff, (vma->vm_start - base) >> PAGE_SHIFT);
  }
}

TEST_P(VmaMergeTest, LayoutAndTreesAreRight) {
  const auto& [merge, memory] = GetParam();
  TestMachine machine;
  auto file =
      memory == Memory::kFile ? std::make_unique<TestFile>(&machine) : nullptr;
  struct file* mapped = file ? file->get() : nullptr;
  std::string before = merge.before, after = merge.after;
  std::string letter(1, merge.letter);
  if (memory == Memory::kAnonymousWritable) {
    before = Writable(before);
    after = Writable(after);
    letter = Writable(letter);
  }
  MapStrip(mapped, before);
  ASSERT_EQ(Strip(machine.mm(), before.size()), before);
  ASSERT_EQ(validate_mm(machine.mm()), 0u);

  const kulong prot = LetterProt(letter[0]);
  if (merge.mmap) {
    ASSERT_EQ(MapPages(mapped, merge.page, merge.pages, prot), 0);
  } else {
    ASSERT_EQ(
        do_mprotect(PageAddress(merge.page), merge.pages << PAGE_SHIFT, prot),
        0);
  }
  EXPECT_EQ(Strip(machine.mm(), before.size()), after);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
  ExpectOffsetsRight(machine.mm(), mapped);
  if (file) {
    EXPECT_EQ(file->references(), machine.mm()->map_count);
  }
  for (const TestReport& report : machine.TakeReports()) {
    ADD_FAILURE() << report.text;
  }

  machine.PutMm();
  if (file) {
    EXPECT_EQ(file->references(), 0);
    EXPECT_EQ(file->mapping()->i_mmap.rb_node, nullptr);
  }
  EXPECT_EQ(kmem_cache_objects(machine.machine()->vm_area_cachep), 0u);
  EXPECT_TRUE(machine.TakeReports().empty());
}

std::string MergeName(
    const testing::TestParamInfo<VmaMergeTest::ParamType>& info) {
  static constexpr const char* kMemory[] = {"File", "Anonymous",
                                            "AnonymousWritable"};
  return std::string(std::get<0>(info.param).name) +
         kMemory[static_cast<int>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(
    AllCases, VmaMergeTest,
    testing::Combine(testing::ValuesIn(kMergeCases),
                     testing::Values(Memory::kFile, Memory::kAnonymous,
                                     Memory::kAnonymousWritable)),
    MergeName);

// ---- with anonymous pages ----

class AnonMergeTest : public testing::Test {
 protected:
  void Touch(std::initializer_list<uint64_t> pages) {
    for (uint64_t page : pages) {
      ASSERT_EQ(TouchForWrite(machine_.mm(), page) & VM_FAULT_ERROR, 0)
          << "page " << page;
    }
  }
  void Protect(uint64_t page, uint64_t pages, char letter) {
    ASSERT_EQ(
        do_mprotect(PageAddress(page), pages << PAGE_SHIFT, LetterProt(letter)),
        0);
  }
  struct vm_area_struct* VmaAt(uint64_t page) {
    return find_vma(machine_.mm(), PageAddress(page));
  }
  void ExpectStrip(const std::string& strip) {
    EXPECT_EQ(Strip(machine_.mm(), strip.size()), strip);
    EXPECT_EQ(validate_mm(machine_.mm()), 0u);
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }
  void ExpectNothingLeft() {
    struct machine* machine = machine_.machine();
    machine_.PutMm();
    EXPECT_EQ(kmem_cache_objects(machine->vm_area_cachep), 0u);
    EXPECT_EQ(kmem_cache_objects(machine->anon_vma_cachep), 0u);
    EXPECT_EQ(kmem_cache_objects(machine->anon_vma_chain_cachep), 0u);
    EXPECT_TRUE(machine_.TakeReports().empty());
  }

  TestMachine machine_;
};

TEST_F(AnonMergeTest, TwoAnonVmasAreNotJoinedOverTheGap) {
  MapStrip(nullptr, "Wwww....Wwww");
  Touch({0, 8});
  ASSERT_NE(VmaAt(0)->anon_vma, VmaAt(8)->anon_vma);
  ASSERT_EQ(MapPages(nullptr, 4, 4, LetterProt('w')), 0);
  ExpectStrip("WwwwwwwwWwww");
  ExpectNothingLeft();
}

TEST_F(AnonMergeTest, NeighboursShareOneAnonVmaAndCanJoinAgain) {
  MapStrip(nullptr, "WwwwEeeeWwww");
  Touch({0, 4, 8});
  EXPECT_EQ(VmaAt(0)->anon_vma, VmaAt(4)->anon_vma);
  EXPECT_EQ(VmaAt(4)->anon_vma, VmaAt(8)->anon_vma);
  Protect(4, 4, 'w');
  ExpectStrip("Wwwwwwwwwwww");
  ExpectNothingLeft();
}

// A vma that never had an anonymous page has an empty chain, which 4.13 does
// not count as a chain of one: it takes in no range that has pages.
TEST_F(AnonMergeTest, VmaWithoutPagesTakesInNone) {
  const struct {
    const char *before, *after;
    uint64_t touched, page;
    char letter;
  } cases[] = {
      {"WwwwwwEeeeee", "WwEeeeEeeeee", 3, 2, 'e'},  // would be case 4
      {"WwwwwwEeeeee", "WwwwwwWwwwEe", 7, 6, 'w'},  // would be case 5
      {"OoooEeeeWwww", "OoooWwwwWwww", 5, 4, 'w'},  // would be case 8
  };
  for (const auto& test : cases) {
    MapStrip(nullptr, test.before);
    Touch({test.touched});
    Protect(test.page, 4, test.letter);
    ExpectStrip(test.after);
    ASSERT_EQ(vm_munmap(PageAddress(0), 12 << PAGE_SHIFT), 0);
  }
  ExpectNothingLeft();
}

TEST_F(AnonMergeTest, RangeWithoutPagesGoesToVmaWithPages) {
  const struct {
    const char *before, *after;
    uint64_t touched, page;
    char letter;
  } cases[] = {
      {"WwwwwwEeeeee", "WwEeeeeeeeee", 8, 2, 'e'},  // case 4
      {"WwwwwwEeeeee", "WwwwwwwwwwEe", 3, 6, 'w'},  // case 5
      {"WwwwEeeeOooo", "WwwwwwwwOooo", 3, 4, 'w'},  // case 7
      {"OoooEeeeWwww", "OoooWwwwwwww", 8, 4, 'w'},  // case 8
  };
  for (const auto& test : cases) {
    MapStrip(nullptr, test.before);
    Touch({test.touched});
    struct anon_vma* anon_vma = VmaAt(test.touched)->anon_vma;
    Protect(test.page, 4, test.letter);
    ExpectStrip(test.after);
    EXPECT_EQ(VmaAt(test.page)->anon_vma, anon_vma);
    ASSERT_EQ(vm_munmap(PageAddress(0), 12 << PAGE_SHIFT), 0);
  }
  ExpectNothingLeft();
}

TEST_F(AnonMergeTest, FillingTheGapImportsFromNext) {
  MapStrip(nullptr, "Wwww....Wwww");
  Touch({8});
  struct anon_vma* anon_vma = VmaAt(8)->anon_vma;
  ASSERT_EQ(MapPages(nullptr, 4, 4, LetterProt('w')), 0);
  ExpectStrip("Wwwwwwwwwwww");
  EXPECT_EQ(VmaAt(0)->anon_vma, anon_vma);
  ExpectNothingLeft();
}

// Case 6 has to look at the third vma too when the middle has no pages.
TEST_F(AnonMergeTest, SwallowingTwoImportsFromTheSecond) {
  MapStrip(nullptr, "WwwwEeeeWwww");
  Touch({9});
  ASSERT_EQ(VmaAt(4)->anon_vma, nullptr);
  struct anon_vma* anon_vma = VmaAt(9)->anon_vma;
  Protect(4, 4, 'w');
  ExpectStrip("Wwwwwwwwwwww");
  EXPECT_EQ(VmaAt(0)->anon_vma, anon_vma);
  ExpectNothingLeft();
}

// The clone of the anon_vma is the only step of a merge that can fail, and it
// comes before all others: mprotect then does without merging.
TEST_F(AnonMergeTest, FailedCloneMergesNothing) {
  MapStrip(nullptr, "WwwwEeeeWwww");
  Touch({9});
  machine_.FailAllocations(0, 2);  // the clone's try and its second try
  Protect(4, 4, 'w');
  ExpectStrip("WwwwWwwwWwww");
  EXPECT_EQ(VmaAt(0)->anon_vma, nullptr);
  ExpectNothingLeft();
}

// ---- what keeps vmas apart ----

TEST(VmaMergeRulesTest, OtherFileKeepsThemApart) {
  TestMachine machine;
  TestFile one(&machine), two(&machine);
  ASSERT_EQ(MapPages(one.get(), 0, 4, PROT_READ), 0);
  ASSERT_EQ(MapPages(two.get(), 4, 4, PROT_READ), 0);
  EXPECT_EQ(Strip(machine.mm(), 8), "RrrrRrrr");
  machine.PutMm();
}

TEST(VmaMergeRulesTest, GapInTheFileKeepsThemApart) {
  TestMachine machine;
  TestFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 4, PROT_READ), 0);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(4), 4 << PAGE_SHIFT,
                          PROT_READ, MAP_PRIVATE | MAP_FIXED, 5),
            0);
  EXPECT_EQ(Strip(machine.mm(), 8), "RrrrRrrr");
  machine.PutMm();
}

TEST(VmaMergeRulesTest, CloseKeepsThemApart) {
  static const struct vm_operations_struct kOps = {
      nullptr, [](struct vm_area_struct*) {},
      nullptr, nullptr,
      nullptr, nullptr,
      nullptr};
  TestMachine machine;
  TestFile file(&machine, [](struct file*, struct vm_area_struct* vma) {
    vma->vm_ops = &kOps;
    return 0;
  });
  ASSERT_EQ(MapPages(file.get(), 0, 4, PROT_READ), 0);
  ASSERT_EQ(MapPages(file.get(), 4, 4, PROT_READ), 0);
  EXPECT_EQ(Strip(machine.mm(), 8), "RrrrRrrr");
  machine.PutMm();
}

TEST(VmaMergeRulesTest, SpecialVmaKeepsThemApart) {
  TestMachine machine;
  TestFile file(&machine, [](struct file*, struct vm_area_struct* vma) {
    vma->vm_flags |= VM_MIXEDMAP;
    return 0;
  });
  ASSERT_EQ(MapPages(file.get(), 0, 4, PROT_READ), 0);
  ASSERT_EQ(MapPages(file.get(), 4, 4, PROT_READ), 0);
  EXPECT_EQ(Strip(machine.mm(), 8), "RrrrRrrr");
  machine.PutMm();
}

// vm_ops and vm_private_data are not compared, and ->mmap is not asked.
TEST(VmaMergeRulesTest, MergedMappingNeverReachesTheFileSystem) {
  static int calls;
  calls = 0;
  TestMachine machine;
  TestFile file(&machine, [](struct file*, struct vm_area_struct* vma) {
    static int private_data[2];
    vma->vm_private_data = &private_data[calls++ % 2];
    return 0;
  });
  ASSERT_EQ(MapPages(file.get(), 0, 4, PROT_READ), 0);
  ASSERT_EQ(MapPages(file.get(), 4, 4, PROT_READ), 0);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(Strip(machine.mm(), 8), "Rrrrrrrr");
  machine.PutMm();
}

// Memory that was writable once stays accounted, and so stays apart from
// memory that never was.
TEST(VmaMergeRulesTest, OnceWritableStaysApart) {
  TestMachine machine;
  MapStrip(nullptr, "RrrrWwww");
  ASSERT_EQ(do_mprotect(PageAddress(4), 4 << PAGE_SHIFT, PROT_READ), 0);
  EXPECT_EQ(Strip(machine.mm(), 8), "RrrrRrrr");
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
}

TEST(VmaMergeRulesTest, BecomingWritableJoinsWhatWasMappedWritable) {
  TestMachine machine;
  MapStrip(nullptr, "RrrrWwww");
  ASSERT_EQ(do_mprotect(PageAddress(0), 4 << PAGE_SHIFT, LetterProt('w')), 0);
  EXPECT_EQ(Strip(machine.mm(), 8), "Wwwwwwww");
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
}

}  // namespace
}  // namespace faultline
