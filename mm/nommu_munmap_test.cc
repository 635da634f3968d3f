// SPDX-License-Identifier: GPL-2.0-only
//
// Giving memory back without an MMU, the heap, what mremap may do, what there
// is no system call for; and that the self-checks see what is wrong.

#include "mm/nommu_testing.h"

// The kernel's table of calls wants the file systems of the build: none.
extern "C" {
const struct file_system_type* const fl_file_systems[] = {nullptr};
const struct fl_variant_name fl_variant_names[] = {{nullptr, nullptr}};
void fl_file_systems_init(struct machine*) {}
}

namespace faultline {
namespace {

class NommuMunmapTest : public NommuTest {
 protected:
  // Pages the mm's vmas have, by the list.
  uint64_t Mapped() {
    uint64_t pages = 0;
    for (struct vm_area_struct* vma = mm()->mmap; vma; vma = vma->vm_next) {
      pages += vma_pages(vma);
    }
    return pages;
  }
};

TEST_F(NommuMunmapTest, AnonymousMemoryGoesInAnyWholePages) {
  const int64_t free = Free();
  const int64_t at = Anonymous(8);
  ASSERT_GT(at, 0);
  UserStore(static_cast<kulong>(at) + 5 * PAGE_SIZE, 0x42);

  EXPECT_EQ(Unmap(at, 1), 0);  // the beginning
  EXPECT_EQ(Free(), free - 7);
  ExpectSound();
  EXPECT_EQ(Unmap(at + 7 * kPageBytes, 1), 0);  // the end
  EXPECT_EQ(Free(), free - 6);
  ExpectSound();
  EXPECT_EQ(Unmap(at + 3 * kPageBytes, 2), 0);  // the middle
  EXPECT_EQ(Free(), free - 4);
  EXPECT_EQ(mm()->map_count, 2);
  EXPECT_EQ(Regions(), 2u);
  EXPECT_EQ(Mapped(), 4u);
  ExpectSound();
  EXPECT_EQ(UserLoad(static_cast<kulong>(at) + 5 * PAGE_SIZE), 0x42u);
  EXPECT_EQ(Unmap(at + 1 * kPageBytes, 2), 0);
  EXPECT_EQ(Unmap(at + 5 * kPageBytes, 2), 0);
  EXPECT_EQ(Free(), free);
  EXPECT_EQ(mm()->map_count, 0);
  ExpectSound();
}

TEST_F(NommuMunmapTest, WhatWasAllocatedBehindTheEndGoesWithIt) {
  nommu()->sysctl_nr_trim_pages = 0;
  const int64_t free = Free();
  const int64_t at = Anonymous(5);
  ASSERT_GT(at, 0);
  ASSERT_EQ(Free(), free - 8);
  EXPECT_EQ(Unmap(at + 4 * kPageBytes, 1), 0);
  EXPECT_EQ(Free(), free - 4);
  ExpectSound();
  EXPECT_EQ(Unmap(at, 4), 0);
  EXPECT_EQ(Free(), free);
}

TEST_F(NommuMunmapTest, RangesThatAreNoPartOfOneMapping) {
  const int64_t at = Anonymous(4);
  ASSERT_GT(at, 0);
  EXPECT_EQ(vm_munmap(static_cast<kulong>(at), 0), -EINVAL);
  EXPECT_EQ(Unmap(at, 5), -EINVAL);
  EXPECT_EQ(Unmap(at - kPageBytes, 2), -EINVAL);
  EXPECT_EQ(vm_munmap(static_cast<kulong>(at) + 1, PAGE_SIZE), -EINVAL);
  EXPECT_EQ(Unmap(at + 4 * kPageBytes, 1), -EINVAL);
  EXPECT_EQ(Unmap(0x1000, 1), -EINVAL);
  EXPECT_EQ(Mapped(), 4u);
  ExpectSound();
}

TEST_F(NommuMunmapTest, FileMappingGoesWholeOrNotAtAll) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE);
  const int64_t at = Map(file.get(), 0, 4, PROT_READ | PROT_WRITE);
  ASSERT_GT(at, 0);
  EXPECT_EQ(Unmap(at, 2), -EINVAL);
  EXPECT_EQ(Unmap(at + 2 * kPageBytes, 2), -EINVAL);
  EXPECT_EQ(Unmap(at + kPageBytes, 1), -EINVAL);
  EXPECT_EQ(Mapped(), 4u);
  EXPECT_EQ(Unmap(at, 4), 0);
  EXPECT_EQ(Mapped(), 0u);
  ExpectSound();
}

TEST_F(NommuMunmapTest, FileMappingIsFoundByItsEnd) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  ASSERT_EQ(Map(file.get(), 0, 2), kRom);
  ASSERT_EQ(Map(file.get(), 4, 2), kRom + 4 * kPageBytes);
  // Begins in the first mapping, ends with the second: the second goes.
  EXPECT_EQ(Unmap(kRom, 6), 0);
  EXPECT_NE(VmaAt(kRom), nullptr);
  EXPECT_EQ(VmaAt(kRom + 4 * kPageBytes), nullptr);
  ExpectSound();
}

TEST_F(NommuMunmapTest, MiddleCannotGoAtTheMapLimit) {
  const int64_t at = Anonymous(3);
  ASSERT_GT(at, 0);
  machine()->sysctl_max_map_count = 1;
  EXPECT_EQ(Unmap(at + kPageBytes, 1), -ENOMEM);
  EXPECT_EQ(Unmap(at, 1), 0);
  ExpectSound();
}

TEST_F(NommuMunmapTest, AllocationsOfASplitMayFail) {
  const int64_t at = Anonymous(3);
  ASSERT_GT(at, 0);
  for (int after = 0; after < 2; ++after) {
    machine_.FailAllocations(after, 1);
    EXPECT_EQ(Unmap(at + kPageBytes, 1), -ENOMEM);
    machine_.FailAllocations(0, 0);
    EXPECT_EQ(Mapped(), 3u);
    ExpectSound();
  }
  EXPECT_EQ(Unmap(at + kPageBytes, 1), 0);
}

TEST_F(NommuMunmapTest, FindVmaKnowsNothingAbove) {
  const int64_t at = Anonymous(1);
  ASSERT_GT(at, 0);
  EXPECT_EQ(VmaAt(at - 1), nullptr);
  EXPECT_NE(VmaAt(at), nullptr);
  EXPECT_EQ(VmaAt(at + kPageBytes), nullptr);
}

TEST_F(NommuMunmapTest, MremapChangesTheSizeInPlaceAndNothingElse) {
  const int64_t at = Anonymous(4);
  ASSERT_GT(at, 0);
  const auto remap = [at](uint64_t from, uint64_t to, kulong flags = 0,
                          kulong new_addr = 0) {
    return do_mremap(static_cast<kulong>(at), from * PAGE_SIZE, to * PAGE_SIZE,
                     flags, new_addr);
  };
  EXPECT_EQ(remap(4, 5), -ENOMEM);  // beyond what was allocated
  EXPECT_EQ(remap(4, 5, FL_MREMAP_MAYMOVE), -ENOMEM);
  EXPECT_EQ(remap(4, 2), at);
  EXPECT_EQ(vma_pages(VmaAt(at)), 2u);
  EXPECT_EQ(remap(2, 4), at);
  EXPECT_EQ(remap(3, 4), -EINVAL);  // no mapping of that size
  EXPECT_EQ(remap(0, 4), -EINVAL);
  EXPECT_EQ(remap(4, 0), -EINVAL);
  EXPECT_EQ(remap(4, 2, FL_MREMAP_MAYMOVE | FL_MREMAP_FIXED, 0x20000000),
            -EINVAL);
  EXPECT_EQ(do_mremap(static_cast<kulong>(at) + 1, PAGE_SIZE, PAGE_SIZE, 0, 0),
            -EINVAL);
  ExpectSound();

  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  const int64_t shared = Map(file.get(), 0, 2);
  ASSERT_GT(shared, 0);
  EXPECT_EQ(
      do_mremap(static_cast<kulong>(shared), 2 * PAGE_SIZE, PAGE_SIZE, 0, 0),
      -EPERM);
}

TEST_F(NommuMunmapTest, HeapIsAFixedArea) {
  EXPECT_EQ(do_sys_brk(0), 0);
  EXPECT_EQ(set_start_brk(mm(), 0, 0, 0x1000), -EINVAL);
  const int64_t at = Anonymous(4);
  ASSERT_GT(at, 0);
  const uint64_t data = static_cast<uint64_t>(at);
  EXPECT_EQ(set_start_brk(mm(), data + 1, data, data), -EINVAL);
  ASSERT_EQ(set_start_brk(mm(), data, data + 100, data + 100), 0);
  EXPECT_EQ(do_sys_brk(static_cast<kulong>(data) + 200), at + 200);
  EXPECT_EQ(do_sys_brk(static_cast<kulong>(data) + 150), at + 150);
  EXPECT_EQ(do_sys_brk(static_cast<kulong>(data) + 99), at + 150);
  EXPECT_EQ(do_sys_brk(static_cast<kulong>(data) + 4 * PAGE_SIZE),
            at + 4 * kPageBytes);
  EXPECT_EQ(do_sys_brk(static_cast<kulong>(data) + 4 * PAGE_SIZE + 1),
            at + 4 * kPageBytes);
  EXPECT_EQ(Mapped(), 4u);
}

TEST_F(NommuMunmapTest, SystemCallsThatAreNotThere) {
  const int64_t at = Anonymous(1);
  ASSERT_GT(at, 0);
  const kulong addr = static_cast<kulong>(at);
  EXPECT_EQ(do_mprotect(addr, PAGE_SIZE, PROT_READ), -ENOSYS);
  EXPECT_EQ(do_madvise(addr, PAGE_SIZE, 4), -ENOSYS);
  EXPECT_EQ(sys_mlock(addr, PAGE_SIZE), -ENOSYS);
  EXPECT_EQ(sys_mlockall(1), -ENOSYS);
  EXPECT_EQ(sys_msync(addr, PAGE_SIZE, 4), -ENOSYS);
  EXPECT_EQ(sys_mincore(addr, PAGE_SIZE, addr), -ENOSYS);
  EXPECT_EQ(process_vm_rw(machine_.task(), addr, addr, 8, 0), -ENOSYS);
  EXPECT_EQ(sys_fork(nullptr), -EINVAL);
  EXPECT_STREQ(faultline_kernel.arch, "arm-nommu");
  EXPECT_EQ(faultline_kernel.pgtable_levels, 0u);
  EXPECT_EQ(faultline_kernel.kulong_bits, 32u);
}

TEST_F(NommuMunmapTest, CleanPagesOfTheCacheAreReclaimedUnderACopy) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  const int64_t at = Map(file.get(), 0, 4);
  ASSERT_GT(at, 0);
  ASSERT_NE(file.CachedPage(2), nullptr);
  EXPECT_EQ(reclaim_pages(4), 4);
  EXPECT_EQ(file.CachedPage(2), nullptr);
  EXPECT_EQ(UserLoad(static_cast<kulong>(at) + 2 * PAGE_SIZE),
            TestDataFile::Byte(2 * PAGE_SIZE));
  ExpectSound();
}

TEST_F(NommuMunmapTest, ShrinkingAFileCutsRegionsAndSparesMappings) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  struct inode* inode = file.get()->f_inode;
  ASSERT_EQ(Map(file.get(), 0, 4, PROT_READ, MAP_SHARED), kRom);
  ASSERT_EQ(Map(file.get(), 1, 1, PROT_READ, MAP_SHARED), kRom + kPageBytes);
  struct vm_region* region = VmaAt(kRom)->vm_region;
  EXPECT_EQ(nommu_shrink_inode_mappings(inode, 8 * PAGE_SIZE, 3 * PAGE_SIZE),
            -ETXTBSY);
  EXPECT_EQ(region->vm_top, kRom + 4 * PAGE_SIZE);
  EXPECT_EQ(nommu_shrink_inode_mappings(inode, 8 * PAGE_SIZE, 5 * PAGE_SIZE),
            0);
  EXPECT_EQ(region->vm_top, kRom + 4 * PAGE_SIZE);
  // The wide mapping goes, its region stays for the narrow one.
  ASSERT_EQ(Unmap(kRom, 4), 0);
  EXPECT_EQ(nommu_shrink_inode_mappings(inode, 8 * PAGE_SIZE, 3 * PAGE_SIZE),
            0);
  EXPECT_EQ(region->vm_top, kRom + 3 * PAGE_SIZE);
  EXPECT_EQ(region->vm_end, kRom + 3 * PAGE_SIZE);
  ExpectSound();
}

// ---- the checks fire ----

class NommuCheckTest : public NommuTest {
 protected:
  void SetUp() override {
    at_ = Anonymous(2);
    ASSERT_GT(at_, 0);
    vma_ = VmaAt(at_);
  }
  // What the checks say now, and nothing of it is left for the end.
  void ExpectReport(const std::string& text) {
    EXPECT_GT(validate_mm(mm()), 0u);
    bool found = false;
    std::string all;
    for (const TestReport& report : machine_.TakeReports()) {
      found = found || report.text.find(text) != std::string::npos;
      all += report.text + "\n";
    }
    EXPECT_TRUE(found) << text << "\nnot in\n" << all;
  }
  int64_t at_ = 0;
  struct vm_area_struct* vma_ = nullptr;
};

TEST_F(NommuCheckTest, MapCountAndOrder) {
  mm()->map_count++;
  ExpectReport("map_count 2 vm_next 1");
  mm()->map_count--;
  ASSERT_GT(Anonymous(1), 0);
  struct vm_area_struct* first = mm()->mmap;
  struct vm_area_struct* second = first->vm_next;
  second->vm_prev = nullptr;
  ExpectReport("vm_prev is not the vma before");
  second->vm_prev = first;
  ExpectSound();
}

TEST_F(NommuCheckTest, RegionThatIsNotInTheTree) {
  delete_nommu_region(vma_->vm_region);
  ExpectReport("its region is not in the tree");
  add_nommu_region(vma_->vm_region);
  ExpectSound();
}

TEST_F(NommuCheckTest, RegionWithTooFewUsers) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  const int64_t a = Map(file.get(), 0, 2);
  ASSERT_EQ(Map(file.get(), 0, 2), a);
  VmaAt(a)->vm_region->vm_usage--;
  ExpectReport("vm_usage 1, found 2");
  VmaAt(a)->vm_region->vm_usage++;
  ExpectSound();
  ASSERT_EQ(Unmap(a, 2), 0);
  ASSERT_EQ(Unmap(a, 2), 0);
}

TEST_F(NommuCheckTest, VmaOutsideOfItsRegion) {
  vma_->vm_end += PAGE_SIZE;
  ExpectReport("is outside of region");
  vma_->vm_end -= PAGE_SIZE;
  vma_->vm_region->vm_top -= PAGE_SIZE;
  ExpectReport(", top ");
  vma_->vm_region->vm_top += PAGE_SIZE;
  ExpectSound();
}

TEST_F(NommuCheckTest, RegionsThatOverlap) {
  ASSERT_EQ(Anonymous(2), at_ + 2 * kPageBytes);
  vma_->vm_region->vm_top += PAGE_SIZE;
  ExpectReport("overlaps region");
  vma_->vm_region->vm_top -= PAGE_SIZE;
  ExpectSound();
}

TEST_F(NommuCheckTest, PageOfARegionThatIsFree) {
  struct page* page = pfn_to_page(static_cast<kulong>(at_) >> PAGE_SHIFT);
  put_page(page);
  ExpectReport("the page at");
  ASSERT_NE(alloc_page(GFP_KERNEL), nullptr);
  while (page_ref_count(page) == 0) ASSERT_NE(alloc_page(GFP_KERNEL), nullptr);
  ExpectSound();
}

TEST_F(NommuCheckTest, FileMappingThatIMmapMisses) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  const int64_t at = Map(file.get(), 0, 4, PROT_READ | PROT_WRITE);
  ASSERT_GT(at, 0);
  struct vm_area_struct* vma = VmaAt(at);
  vma_interval_tree_remove(vma, &file.inode()->i_data.i_mmap);
  ExpectReport("i_mmap misses vma");
  vma_interval_tree_insert(vma, &file.inode()->i_data.i_mmap);
  ExpectSound();
  ASSERT_EQ(Unmap(at, 4), 0);
}

TEST_F(NommuCheckTest, LeakedRegionIsLeftOver) {
  struct machine* m = machine();
  const auto check = [this, m] {
    std::string all;
    faultline_kernel.check_machine(m);
    for (const TestReport& report : machine_.TakeReports()) {
      all += report.text + "\n";
    }
    return all;
  };
  ASSERT_EQ(Unmap(at_, 2), 0);
  m->boot_free_pages = m->nr_free;
  for (u32 i = 0; i < m->nr_caches; ++i) {
    m->boot_objects[i] = kmem_cache_objects(&m->caches[i]);
  }
  m->task_cachep = nullptr;
  EXPECT_EQ(check(), "");

  const int64_t at = Anonymous(2);
  ASSERT_GT(at, 0);
  struct vm_area_struct* vma = VmaAt(at);
  vma->vm_region->vm_usage++;  // one user too many
  ASSERT_EQ(Unmap(at, 2), 0);
  const std::string said = check();
  EXPECT_NE(said.find("left over: vm_region: 1, expected 0"), std::string::npos)
      << said;
  EXPECT_NE(said.find("left over: regions: 1, expected 0"), std::string::npos)
      << said;
  EXPECT_NE(said.find("left over: pages of mappings: 2, expected 0"),
            std::string::npos)
      << said;
  struct vm_region* region =
      rb_entry(nommu()->nommu_region_tree.rb_node, struct vm_region, vm_rb);
  put_nommu_region(region);
  EXPECT_EQ(check(), "");
}

}  // namespace
}  // namespace faultline
