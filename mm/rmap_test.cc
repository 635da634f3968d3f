// SPDX-License-Identifier: GPL-2.0-only
//
// The walk from a page to its ptes over several address spaces, and what is
// done on it: who used a page, who may write to it, unmapping it everywhere.
// Also that the check of pages against their reverse maps fires.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "mm/testing_pages.h"

namespace faultline {
namespace {

constexpr kulong kRw = PROT_READ | PROT_WRITE;

struct Place {
  struct mm_struct* mm;
  kulong address;
  friend bool operator==(const Place&, const Place&) = default;
};

bool Visit(struct page*, struct vm_area_struct* vma, kulong address,
           void* arg) {
  static_cast<std::vector<Place>*>(arg)->push_back({vma->vm_mm, address});
  return true;
}

std::vector<Place> Places(struct page* page) {
  std::vector<Place> places;
  struct rmap_walk_control control = {&places, Visit, nullptr, nullptr,
                                      nullptr};
  lock_page(page);
  rmap_walk(page, &control);
  unlock_page(page);
  return places;
}

// The one report has the text in it.
void ExpectReport(TestMachine* machine, const std::string& text) {
  const std::vector<TestReport> reports = machine->TakeReports();
  ASSERT_FALSE(reports.empty());
  EXPECT_NE(reports[0].text.find(text), std::string::npos) << reports[0].text;
}

TEST(RmapTest, SharedAnonymousPageIsFoundInParentAndChild) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 2, kRw), 0);
  ASSERT_EQ(Store(1, 1).sig, 0);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  const std::vector<Place> both = {{machine.mm(), PageAddress(1)},
                                   {child.mm(), PageAddress(1)}};
  EXPECT_EQ(Places(PageAt(machine.mm(), 1)), both);

  // What the child copies for itself is looked for in the child alone.
  RunAs as(child.get());
  ASSERT_EQ(Store(1, 2).sig, 0);
  EXPECT_EQ(Places(PageAt(child.mm(), 1)),
            (std::vector<Place>{{child.mm(), PageAddress(1)}}));
}

TEST(RmapTest, ChildsFileMappingStandsBehindTheParentsInTheTree) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 3, 4, PROT_READ), 0);
  ASSERT_EQ(Load(4).value, 5u);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  EXPECT_EQ(Places(PageAt(machine.mm(), 4)),
            (std::vector<Place>{{machine.mm(), PageAddress(4)},
                                {child.mm(), PageAddress(4)}}));
  child.Exit();
  machine.PutMm();
}

TEST(RmapTest, ReferencedCountsEachUserOnceAndForgetsIt) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  ASSERT_EQ(Load(0).value, 1u);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  {
    RunAs as(child.get());
    ASSERT_EQ(Load(0).value, 1u);
  }
  kulong flags = 0;
  struct page* page = PageAt(machine.mm(), 0);
  EXPECT_EQ(page_referenced(page, false, &flags), 2);
  EXPECT_TRUE(flags & VM_READ);
  EXPECT_EQ(page_referenced(page, false, &flags), 0);
  ASSERT_EQ(Load(0).value, 1u);
  EXPECT_EQ(page_referenced(page, false, &flags), 1);
  // A file's page cannot be asked about while somebody has it locked.
  lock_page(page);
  EXPECT_EQ(page_referenced(page, false, &flags), 1);
  unlock_page(page);
  child.Exit();
  machine.PutMm();
}

TEST(RmapTest, ReferencedStopsAtLockedMemory) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  find_vma(machine.mm(), PageAddress(0))->vm_flags |= VM_LOCKED;
  kulong flags = 0;
  EXPECT_EQ(page_referenced(PageAt(machine.mm(), 0), false, &flags), 0);
  EXPECT_EQ(flags & VM_LOCKED, kulong{VM_LOCKED});
  find_vma(machine.mm(), PageAddress(0))->vm_flags &= ~kulong{VM_LOCKED};
}

TEST(RmapTest, MkcleanProtectsSharedMappingsOnly) {
  TestMachine machine;
  PagedFile file(&machine);
  file.get()->f_mode |= FMODE_WRITE;
  const kulong flags = MAP_SHARED | MAP_FIXED;
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(0), PAGE_SIZE, kRw, flags, 0),
            0);
  ASSERT_EQ(MapPages(file.get(), 2, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(Store(2, 1).sig, 0);
  struct page* page = PageAt(machine.mm(), 0);
  EXPECT_TRUE(pte_write(PteAt(machine.mm(), 0)));
  lock_page(page);
  EXPECT_EQ(page_mkclean(page), 1);
  EXPECT_EQ(page_mkclean(page), 0);
  unlock_page(page);
  EXPECT_FALSE(pte_write(PteAt(machine.mm(), 0)));
  EXPECT_FALSE(pte_dirty(PteAt(machine.mm(), 0)));
  EXPECT_TRUE(pte_write(PteAt(machine.mm(), 2)));
  ASSERT_EQ(Store(0, 2).sig, 0);
  EXPECT_TRUE(pte_write(PteAt(machine.mm(), 0)));
  machine.PutMm();
}

TEST(RmapTest, UnmapTakesEveryPteOfAFilePage) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  ASSERT_EQ(Load(0).value, 1u);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  {
    RunAs as(child.get());
    ASSERT_EQ(Load(0).value, 1u);
  }
  struct page* page = PageAt(machine.mm(), 0);
  get_page(page);
  lock_page(page);
  // Used a moment ago: refused, and the mark is gone.
  EXPECT_FALSE(try_to_unmap(page, 0));
  EXPECT_EQ(page_mapcount(page), 2);
  EXPECT_FALSE(try_to_unmap(page, 0));
  EXPECT_TRUE(try_to_unmap(page, 0));
  unlock_page(page);
  EXPECT_TRUE(pte_none(PteAt(machine.mm(), 0)));
  EXPECT_TRUE(pte_none(PteAt(child.mm(), 0)));
  EXPECT_EQ(page_ref_count(page), 2);  // the cache's and ours
  EXPECT_EQ(get_mm_rss(machine.mm()) + get_mm_rss(child.mm()), 0u);
  put_page(page);
  EXPECT_EQ(Load(0).value, 1u);
  child.Exit();
  machine.PutMm();
}

TEST(RmapTest, LockedMappingIsNotUnmapped) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  ASSERT_EQ(Load(0).value, 1u);
  find_vma(machine.mm(), PageAddress(0))->vm_flags |= VM_LOCKED;
  struct page* page = PageAt(machine.mm(), 0);
  lock_page(page);
  EXPECT_FALSE(try_to_unmap(page, TTU_IGNORE_ACCESS));
  EXPECT_EQ(page_mapcount(page), 1);
  unlock_page(page);
  find_vma(machine.mm(), PageAddress(0))->vm_flags &= ~kulong{VM_LOCKED};
  machine.PutMm();
}

TEST(RmapTest, AnonVmaOfAnUnmappedPageIsNotFound) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  struct page* page = PageAt(machine.mm(), 0);
  get_page(page);
  struct anon_vma* held = page_lock_anon_vma_read(page);
  ASSERT_NE(held, nullptr);
  anon_vma_unlock_read(held);
  ASSERT_EQ(vm_munmap(PageAddress(0), PAGE_SIZE), 0);
  EXPECT_TRUE(PageAnon(page));
  EXPECT_EQ(page_lock_anon_vma_read(page), nullptr);
  EXPECT_EQ(page_get_anon_vma(page), nullptr);
  put_page(page);
}

TEST(RmapTest, FreedAnonVmaWaitsForItsReaders) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  const struct kmem_cache* cache = machine.machine()->anon_vma_cachep;
  rcu_read_lock_typesafe();
  ASSERT_EQ(vm_munmap(PageAddress(0), PAGE_SIZE), 0);
  EXPECT_EQ(kmem_cache_objects(cache), 1u);
  rcu_read_unlock_typesafe();
  EXPECT_EQ(kmem_cache_objects(cache), 0u);
}

// ---- the checks fire ----

TEST(RmapCheckTest, MapcountThatIsWrongIsReported) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
  struct page* page = PageAt(machine.mm(), 0);
  atomic_inc(&page->_mapcount);
  EXPECT_GT(validate_mm(machine.mm()), 0u);
  ExpectReport(&machine, "mapcount 2, rmap finds 1");
  atomic_dec(&page->_mapcount);
}

TEST(RmapCheckTest, ReferenceThatIsMissingIsReported) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  ASSERT_EQ(Load(0).value, 1u);
  struct page* page = PageAt(machine.mm(), 0);
  atomic_dec(&page->_refcount);
  EXPECT_EQ(validate_mm(machine.mm()), 1u);
  ExpectReport(&machine, "refcount 1, mapcount 1");
  atomic_inc(&page->_refcount);
  machine.PutMm();
}

TEST(RmapCheckTest, PinIsNoMistake) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  struct page* page = PageAt(machine.mm(), 0);
  get_page(page);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
  put_page(page);
}

TEST(RmapCheckTest, ChildThatRmapCannotFindIsReported) {
  TestMachine machine;
  PagedFile file(&machine);
  ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
  ASSERT_EQ(Load(0).value, 1u);
  TestTask child(&machine);
  ASSERT_EQ(sys_fork(child.get()), 0);
  {
    RunAs as(child.get());
    ASSERT_EQ(Load(0).value, 1u);
  }
  struct vm_area_struct* vma = find_vma(child.mm(), PageAddress(0));
  vma_interval_tree_remove(vma, &file.mapping()->i_mmap);
  EXPECT_GT(validate_mm(machine.mm()), 0u);
  ExpectReport(&machine, "mapcount 2, rmap finds 1");
  vma_interval_tree_insert(vma, &file.mapping()->i_mmap);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
  child.Exit();
  machine.PutMm();
}

TEST(RmapCheckTest, MigrationEntryThatIsLeftIsReported) {
  TestMachine machine;
  ASSERT_EQ(MapPages(nullptr, 0, 1, kRw), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  struct page* page = PageAt(machine.mm(), 0);
  spinlock_t* ptl;
  pte_t* ptep = get_locked_pte(machine.mm(), PageAddress(0), &ptl);
  const pte_t old = *ptep;
  lock_page(page);
  set_pte(ptep, swp_entry_to_pte(make_migration_entry(page, true)));
  pte_unmap_unlock(ptep, ptl);
  EXPECT_EQ(validate_mm(machine.mm()), 1u);
  ExpectReport(&machine, "is not a pte");
  set_pte(ptep, old);
  unlock_page(page);
}

}  // namespace
}  // namespace faultline
