// SPDX-License-Identifier: GPL-2.0-only
//
// The self-checks fire: one planted fault each, and silence before and after.

#include <functional>
#include <string>
#include <vector>

#include "mm/testing.h"

namespace faultline {
namespace {

class ValidateMmTest : public testing::Test {
 protected:
  struct mm_struct* mm() {
    return machine_.mm();
  }
  struct vm_area_struct* VmaAt(uint64_t page) {
    return find_vma(mm(), PageAddress(page));
  }

  // Plants a fault, expects a report with this text, and takes it out again.
  void ExpectReported(const std::string& text,
                      const std::function<void()>& plant,
                      const std::function<void()>& repair) {
    SCOPED_TRACE(text);
    ASSERT_EQ(validate_mm(mm()), 0u) << "unsound before";
    plant();
    const uint32_t bad = validate_mm(mm());
    const std::vector<TestReport> reports = machine_.TakeReports();
    EXPECT_GT(bad, 0u);
    EXPECT_EQ(bad, reports.size());
    bool found = false;
    std::string all;
    for (const TestReport& report : reports) {
      EXPECT_EQ(report.kind, uint32_t{FL_REPORT_BAD});
      found = found || report.text.find(text) != std::string::npos;
      all += report.text + "\n";
    }
    EXPECT_TRUE(found) << all;
    repair();
    EXPECT_EQ(validate_mm(mm()), 0u) << "unsound after";
  }

  // Sets a field to a value while the check looks.
  template <typename Field>
  void ExpectFieldChecked(const std::string& text, Field* field, Field value) {
    const Field good = *field;
    ExpectReported(
        text, [&] { *field = value; }, [&] { *field = good; });
  }

  TestMachine machine_;
};

TEST_F(ValidateMmTest, CountsAreCompared) {
  MapStrip(nullptr, "Rr.Xx");
  ExpectFieldChecked("map_count 3 vm_next 2", &mm()->map_count, 3);
  ExpectFieldChecked("highest_vm_end", &mm()->highest_vm_end, PageAddress(4));
  ExpectFieldChecked("total_vm 9, found 4", &mm()->total_vm, kulong{9});
}

TEST_F(ValidateMmTest, EachCounterIsComparedWithTheVmas) {
  MapStrip(nullptr, "RrXxxWwww");
  ExpectFieldChecked("data_vm 5, found 4", &mm()->data_vm, kulong{5});
  ExpectFieldChecked("exec_vm 2, found 3", &mm()->exec_vm, kulong{2});
  ExpectFieldChecked("stack_vm 1, found 0", &mm()->stack_vm, kulong{1});
  ExpectFieldChecked("locked_vm 7, found 0", &mm()->locked_vm, kulong{7});
  const kulong flags = VmaAt(0)->vm_flags;
  ExpectFieldChecked("locked_vm 0, found 2", &VmaAt(0)->vm_flags,
                     flags | VM_LOCKED);
}

TEST_F(ValidateMmTest, VmaDroppedFromTheListIsMissed) {
  MapStrip(nullptr, "RrXxNn");
  struct vm_area_struct* first = VmaAt(0);
  struct vm_area_struct* middle = VmaAt(2);
  struct vm_area_struct* last = VmaAt(4);
  ExpectReported(
      "is not at its place in the list",
      [&] {
        first->vm_next = last;
        last->vm_prev = first;
      },
      [&] {
        first->vm_next = middle;
        last->vm_prev = middle;
      });
  ExpectFieldChecked<struct vm_area_struct*>("vm_prev", &last->vm_prev, first);
}

TEST_F(ValidateMmTest, LoopInTheListEnds) {
  MapStrip(nullptr, "RrXx");
  ExpectFieldChecked<struct vm_area_struct*>("vm_next", &VmaAt(2)->vm_next,
                                             VmaAt(0));
}

TEST_F(ValidateMmTest, VmaDroppedFromTheTreeIsMissed) {
  MapStrip(nullptr, "RrXxNn");
  struct rb_node* root = mm()->mm_rb.rb_node;
  ASSERT_NE(root->rb_left, nullptr);
  ExpectFieldChecked<struct rb_node*>("map_count 3 rb 2", &root->rb_left,
                                      nullptr);
}

TEST_F(ValidateMmTest, BordersAreCompared) {
  MapStrip(nullptr, "RrXx");
  ExpectFieldChecked("< pend", &VmaAt(2)->vm_start, PageAddress(1));
  ExpectFieldChecked("vm_start", &VmaAt(2)->vm_end, PageAddress(2));
  ExpectFieldChecked("vm_mm is another mm", &VmaAt(2)->vm_mm,
                     static_cast<struct mm_struct*>(nullptr));
}

TEST_F(ValidateMmTest, StaleGapIsSeen) {
  MapStrip(nullptr, "Rr.Xx");
  ExpectFieldChecked("free gap", &VmaAt(3)->rb_subtree_gap, kulong{0x5000});
}

TEST_F(ValidateMmTest, ColorsAreChecked) {
  MapStrip(nullptr, "RrXxNn");
  struct rb_node* root = mm()->mm_rb.rb_node;
  ExpectFieldChecked("the root is red", &root->__rb_parent_color, kulong{0});
  ExpectFieldChecked("out of balance", &root->rb_left->__rb_parent_color,
                     root->rb_left->__rb_parent_color | 1);
}

TEST_F(ValidateMmTest, StaleVmacacheSlotIsSeen) {
  MapStrip(nullptr, "RrXx");
  ASSERT_NE(VmaAt(0), nullptr);
  struct vm_area_struct gone = *VmaAt(0);
  ExpectFieldChecked("is stale", &machine_.task()->vmacache.vmas[3], &gone);
  // With another number the same slot means nothing.
  machine_.task()->vmacache.vmas[3] = &gone;
  machine_.task()->vmacache.seqnum--;
  EXPECT_EQ(validate_mm(mm()), 0u);
}

TEST_F(ValidateMmTest, OffsetRewrittenInPlaceIsSeen) {
  TestFile file(&machine_);
  MapStrip(file.get(), "RrXxNnRrXxNn");
  // Alone in its subtree or not, the neighbours' order tells.
  ExpectFieldChecked("stands after", &VmaAt(4)->vm_pgoff, pgoff_t{0});
  ExpectFieldChecked("rb_subtree_last", &VmaAt(10)->vm_pgoff, pgoff_t{400});
  machine_.PutMm();
}

// The surgery of a fault handler that gives the upper half of a split its
// file offset back: keyed by page frame it stood above its lower half, by
// page it belongs below it, and a walk for the page goes the wrong way.
TEST_F(ValidateMmTest, OffsetLoweredBelowItsChildIsMissedByRmap) {
  TestFile file(&machine_, [](struct file*, struct vm_area_struct* vma) {
    vma->vm_pgoff = 0x10000;  // a page frame number
    return 0;
  });
  ASSERT_EQ(MapPages(file.get(), 0, 8, PROT_READ), 0);
  ASSERT_EQ(split_vma(mm(), VmaAt(0), PageAddress(5), 0), 0);
  ASSERT_EQ(file.mapping()->i_mmap.rb_node, &VmaAt(5)->shared.rb);
  ExpectFieldChecked("rmap misses vma", &VmaAt(5)->vm_pgoff, pgoff_t{5});
  machine_.PutMm();
}

TEST_F(ValidateMmTest, FileVmaOutsideIMmapIsSeen) {
  TestFile file(&machine_);
  MapStrip(file.get(), "RrXx");
  struct vm_area_struct* vma = VmaAt(2);
  ExpectReported(
      "is not in i_mmap",
      [&] {
        unlink_file_vma(vma);
        rb_link_node(&vma->shared.rb, nullptr, &vma->shared.rb.rb_left);
        vma->shared.rb.rb_left = nullptr;
      },
      [&] { vma_interval_tree_insert(vma, &file.mapping()->i_mmap); });
  machine_.PutMm();
}

TEST_F(ValidateMmTest, AnonChainsAreChecked) {
  MapStrip(nullptr, "Wwww");
  ASSERT_EQ(TouchForWrite(mm(), 1) & VM_FAULT_ERROR, 0);
  struct vm_area_struct* vma = VmaAt(0);
  struct anon_vma_chain* avc =
      list_first_entry(&vma->anon_vma_chain, struct anon_vma_chain, same_vma);
  ExpectFieldChecked("anon_vma: vma", &avc->rb_subtree_last, kulong{0});
  ExpectFieldChecked("is not in its anon_vma's tree",
                     &avc->anon_vma->rb_root.rb_node,
                     static_cast<struct rb_node*>(nullptr));
  struct anon_vma other = *vma->anon_vma;
  ExpectFieldChecked("anon_vma is not in its chain", &vma->anon_vma, &other);
}

TEST_F(ValidateMmTest, CountersLeftAtTheEndAreReported) {
  struct mm_struct* mm = machine_.mm();
  atomic_long_set(&mm->rss_stat[MM_ANONPAGES], 2);
  atomic_long_inc(&mm->nr_ptes);
  atomic_long_inc(&mm->nr_pmds);
  machine_.PutMm();
  std::string all;
  for (const TestReport& report : machine_.TakeReports()) {
    all += report.text + "\n";
  }
  EXPECT_NE(all.find("idx:1 val:2"), std::string::npos) << all;
  EXPECT_NE(all.find("non-zero nr_ptes on freeing mm: 1"), std::string::npos);
  EXPECT_NE(all.find("non-zero nr_pmds on freeing mm: 1"), std::string::npos);
}

}  // namespace
}  // namespace faultline
