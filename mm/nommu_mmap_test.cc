// SPDX-License-Identifier: GPL-2.0-only
//
// mmap without an MMU: what is refused, what is copied and what is mapped
// where it is, who shares what, and that nothing is left over.

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "mm/nommu_testing.h"

namespace faultline {
namespace {

class NommuMmapTest : public NommuTest {};

TEST_F(NommuMmapTest, AddressIsIgnoredAndFixedRefused) {
  const int64_t at = vm_mmap_pgoff(nullptr, 0x20000000, PAGE_SIZE, PROT_READ,
                                   MAP_PRIVATE | MAP_ANONYMOUS, 0);
  EXPECT_GT(at, 0);
  EXPECT_NE(at, 0x20000000);
  EXPECT_TRUE(pfn_valid(static_cast<kulong>(at) >> PAGE_SHIFT));
  EXPECT_EQ(
      vm_mmap_pgoff(nullptr, static_cast<kulong>(at), PAGE_SIZE, PROT_READ,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0),
      -EINVAL);
  ExpectSound();
}

TEST_F(NommuMmapTest, LengthsAndKindsThatMakeNoSense) {
  const kulong anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0, 0, PROT_READ, anonymous, 0), -EINVAL);
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0, ~kulong{0}, PROT_READ, anonymous, 0),
            -ENOMEM);
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0, PAGE_SIZE, PROT_READ, MAP_ANONYMOUS, 0),
            -EINVAL);
  EXPECT_EQ(
      vm_mmap_pgoff(nullptr, 0, PAGE_SIZE, PROT_READ, anonymous, ~kulong{0}),
      -EOVERFLOW);
}

TEST_F(NommuMmapTest, AnonymousMemoryIsClearedAndInOnePiece) {
  // Dirty every frame first.
  const int64_t before = Anonymous(256);
  ASSERT_GT(before, 0);
  memset(phys_to_virt(before), 0x5a, 256 * PAGE_SIZE);
  ASSERT_EQ(Unmap(before, 256), 0);

  const int64_t at = Anonymous(5);
  ASSERT_GT(at, 0);
  const char* bytes = static_cast<const char*>(phys_to_virt(at));
  for (kulong i = 0; i < 5 * PAGE_SIZE; ++i) ASSERT_EQ(bytes[i], 0) << i;
  // As a block of 8 pages is aligned.
  EXPECT_EQ(at % (8 * kPageBytes), 0);
  UserStore(static_cast<kulong>(at) + 4 * PAGE_SIZE + 9, 0x42);
  EXPECT_EQ(UserLoad(static_cast<kulong>(at) + 4 * PAGE_SIZE + 9), 0x42u);
  ExpectSound();
}

TEST_F(NommuMmapTest, TrimmingGivesBackWhatIsWorthIt) {
  struct Case {
    int trim;
    uint64_t pages, taken;
  };
  for (const Case& c : {Case{1, 3, 3}, Case{1, 4, 4}, Case{1, 5, 5},
                        Case{0, 3, 4}, Case{0, 5, 8}, Case{2, 3, 4},
                        Case{2, 5, 5}, Case{3, 5, 5}, Case{4, 5, 8}}) {
    SCOPED_TRACE(testing::Message() << c.trim << " " << c.pages);
    nommu()->sysctl_nr_trim_pages = c.trim;
    const int64_t before = Free();
    const int64_t at = Anonymous(c.pages);
    ASSERT_GT(at, 0);
    EXPECT_EQ(before - Free(), static_cast<int64_t>(c.taken));
    EXPECT_EQ(atomic_long_read(&nommu()->mmap_pages_allocated),
              static_cast<klong>(c.taken));
    const struct vm_region* region = VmaAt(at)->vm_region;
    EXPECT_EQ(region->vm_top - region->vm_start, c.taken * PAGE_SIZE);
    EXPECT_EQ(region->vm_end - region->vm_start, c.pages * PAGE_SIZE);
    ExpectSound();
    EXPECT_EQ(Unmap(at, c.pages), 0);
    EXPECT_EQ(Free(), before);
  }
}

TEST_F(NommuMmapTest, MemoryInPiecesCannotBeMapped) {
  std::vector<int64_t> odd, even;
  for (int64_t at = Anonymous(1); at > 0; at = Anonymous(1)) {
    ((at >> PAGE_SHIFT) & 1 ? odd : even).push_back(at);
  }
  ASSERT_GT(odd.size(), 100u);
  for (int64_t at : odd) ASSERT_EQ(Unmap(at, 1), 0);
  // Half of all memory is free, and no two frames of it meet.
  EXPECT_EQ(Free(), static_cast<int64_t>(odd.size()));
  EXPECT_EQ(Anonymous(2), -ENOMEM);
  EXPECT_GT(Anonymous(1), 0);
  ASSERT_EQ(Unmap(even[4], 1), 0);
  EXPECT_GT(Anonymous(2), 0);
  ExpectSound();
}

TEST_F(NommuMmapTest, AllocatorServesNoMoreThanItsLargestBlock) {
  EXPECT_EQ(Anonymous(1024 + 1), -ENOMEM);
}

TEST_F(NommuMmapTest, CopyHoldsTheFileAndZerosBehindIt) {
  TestDataFile file(&machine_, 2 * PAGE_SIZE + 100);
  const int64_t at = Map(file.get(), 1, 3, PROT_READ | PROT_WRITE);
  ASSERT_GT(at, 0);
  for (const uint64_t offset :
       {uint64_t{0}, PAGE_SIZE - uint64_t{1}, uint64_t{PAGE_SIZE},
        PAGE_SIZE + uint64_t{99}}) {
    EXPECT_EQ(UserLoad(static_cast<kulong>(at + offset)),
              TestDataFile::Byte(PAGE_SIZE + offset));
  }
  EXPECT_EQ(UserLoad(static_cast<kulong>(at) + PAGE_SIZE + 100), 0u);
  EXPECT_EQ(UserLoad(static_cast<kulong>(at) + 3 * PAGE_SIZE - 1), 0u);
  // The copy is not the page of the cache.
  UserStore(static_cast<kulong>(at), 0xee);
  char byte;
  loff_t pos = PAGE_SIZE;
  EXPECT_EQ(generic_file_read(file.get(), &byte, 1, &pos), 1);
  EXPECT_EQ(static_cast<uint8_t>(byte), TestDataFile::Byte(PAGE_SIZE));
  ExpectSound();
}

TEST_F(NommuMmapTest, ReadOnlyCopiesOfAPartShareOneRegion) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE);
  const int64_t whole = Map(file.get(), 2, 4);
  ASSERT_GT(whole, 0);
  const int64_t free = Free();
  const struct vm_region* region = VmaAt(whole)->vm_region;
  EXPECT_EQ(region->vm_usage, 1);

  EXPECT_EQ(Map(file.get(), 2, 4), whole);
  EXPECT_EQ(Map(file.get(), 3, 2), whole + kPageBytes);
  EXPECT_EQ(region->vm_usage, 3);
  EXPECT_EQ(Regions(), 1u);
  EXPECT_EQ(Free(), free);
  ExpectSound();

  // Who wants to write gets pages of his own, and nobody shares those.
  const int64_t mine = Map(file.get(), 2, 4, PROT_READ | PROT_WRITE);
  EXPECT_GT(mine, 0);
  EXPECT_NE(mine, whole);
  EXPECT_EQ(region->vm_usage, 3);
  EXPECT_EQ(Regions(), 2u);

  // The memory stays while anybody maps it.
  EXPECT_EQ(Unmap(whole, 4), 0);
  EXPECT_EQ(Unmap(whole, 4), 0);
  EXPECT_EQ(region->vm_usage, 1);
  EXPECT_EQ(UserLoad(static_cast<kulong>(whole) + PAGE_SIZE),
            TestDataFile::Byte(3 * PAGE_SIZE));
  ExpectSound();
  const int64_t still = Free();
  EXPECT_EQ(Unmap(whole + kPageBytes, 2), 0);
  EXPECT_EQ(Free(), still + 4);
  ExpectSound();
}

TEST_F(NommuMmapTest, CopiesThatOverlapInexactlyAreRefused) {
  TestDataFile file(&machine_, 8 * PAGE_SIZE);
  ASSERT_GT(Map(file.get(), 2, 3), 0);
  const int64_t free = Free();
  EXPECT_EQ(Map(file.get(), 1, 2), -EINVAL);  // begins before
  EXPECT_EQ(Map(file.get(), 4, 2), -EINVAL);  // ends behind
  EXPECT_EQ(Map(file.get(), 2, 4), -EINVAL);  // the same and more
  EXPECT_EQ(Map(file.get(), 1, 6), -EINVAL);  // around it
  EXPECT_EQ(Free(), free);
  EXPECT_EQ(kmem_cache_objects(nommu()->vm_region_jar), 1u);
  // Beside it there is nothing to share.
  EXPECT_GT(Map(file.get(), 0, 2), 0);
  EXPECT_GT(Map(file.get(), 5, 2), 0);
  EXPECT_EQ(Regions(), 3u);
  // Nor for who writes.
  EXPECT_GT(Map(file.get(), 1, 6, PROT_WRITE), 0);
  ExpectSound();
}

TEST_F(NommuMmapTest, FileThatCanOnlyBeCopiedIsNeverShared) {
  TestDataFile file(&machine_, PAGE_SIZE, nullptr, FMODE_READ | FMODE_WRITE);
  EXPECT_EQ(Map(file.get(), 0, 1, PROT_READ, MAP_SHARED), -ENODEV);
  EXPECT_EQ(Map(file.get(), 0, 1, PROT_WRITE, MAP_SHARED), -ENODEV);
  TestDataFile unwritable(&machine_, PAGE_SIZE);
  EXPECT_EQ(Map(unwritable.get(), 0, 1, PROT_WRITE, MAP_SHARED), -EACCES);
}

TEST_F(NommuMmapTest, FileThatCannotBeMappedOrRead) {
  TestDataFile file(&machine_, PAGE_SIZE, nullptr, FMODE_WRITE);
  EXPECT_EQ(Map(file.get(), 0, 1), -EACCES);
  TestDataFile other(&machine_, PAGE_SIZE);
  struct file_operations ops = *other.get()->f_op;
  ops.mmap = nullptr;
  other.get()->f_op = &ops;
  EXPECT_EQ(Map(other.get(), 0, 1), -ENODEV);
  ops.mmap = generic_file_mmap;
  ops.read = nullptr;
  EXPECT_EQ(Map(other.get(), 0, 1), -ENODEV);
  other.get()->f_inode->i_mode = S_IFDIR;
  EXPECT_EQ(Map(other.get(), 0, 1), -EINVAL);
}

TEST_F(NommuMmapTest, DirectMappingIsWhereTheFileIs) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  const int64_t free = Free();
  EXPECT_EQ(Map(file.get(), 2, 3), kRom + 2 * kPageBytes);
  EXPECT_EQ(Map(file.get(), 5, 1, PROT_READ | PROT_EXEC, MAP_SHARED),
            kRom + 5 * kPageBytes);
  EXPECT_EQ(Free(), free);
  EXPECT_EQ(atomic_long_read(&nommu()->mmap_pages_allocated), 0);
  const struct vm_area_struct* vma = VmaAt(kRom + 2 * kPageBytes);
  ASSERT_NE(vma, nullptr);
  EXPECT_EQ(vma->vm_flags & VM_MAPPED_COPY, 0u);
  EXPECT_EQ(vma->vm_region->vm_top, vma->vm_end);
  ExpectSound();
  // A part shares, by asking the file again.
  EXPECT_EQ(Map(file.get(), 3, 1), kRom + 3 * kPageBytes);
  EXPECT_EQ(vma->vm_region->vm_usage, 2);
  ExpectSound();
}

TEST_F(NommuMmapTest, DirectMappingsMayOverlapInexactly) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  ASSERT_EQ(Map(file.get(), 2, 3), kRom + 2 * kPageBytes);
  EXPECT_EQ(Map(file.get(), 4, 2), kRom + 4 * kPageBytes);
  EXPECT_EQ(Map(file.get(), 1, 3), kRom + 1 * kPageBytes);
  EXPECT_EQ(Regions(), 3u);
  ExpectSound();
}

TEST_F(NommuMmapTest, LongerDirectMappingFromTheSamePageIsABug) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  ASSERT_EQ(Map(file.get(), 2, 3), kRom + 2 * kPageBytes);
  EXPECT_DEATH(Map(file.get(), 2, 4), "add_nommu_region.*kernel BUG");
}

TEST_F(NommuMmapTest, FileThatRefusesToBePlacedIsCopied) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  RomFile::place_error = -ENOSYS;
  const int64_t at = Map(file.get(), 0, 2);
  ASSERT_GT(at, 0);
  EXPECT_TRUE(pfn_valid(static_cast<kulong>(at) >> PAGE_SHIFT));
  EXPECT_EQ(UserLoad(static_cast<kulong>(at) + 7), TestDataFile::Byte(7));
  // Others share the copy.
  EXPECT_EQ(Map(file.get(), 1, 1), at + kPageBytes);
  // A shared mapping cannot be a copy, an error of another kind is final.
  EXPECT_EQ(Map(file.get(), 4, 2, PROT_READ, MAP_SHARED), -ENODEV);
  RomFile::place_error = -EIO;
  EXPECT_EQ(Map(file.get(), 4, 2), -EIO);
  RomFile::place_error = 0;
  RomFile::mmap_error = -EBUSY;
  EXPECT_EQ(Map(file.get(), 4, 2), -EBUSY);
  EXPECT_EQ(Map(file.get(), 4, 2, PROT_READ, MAP_SHARED), -EBUSY);
  RomFile::mmap_error = -ENOSYS;
  EXPECT_EQ(Map(file.get(), 4, 2, PROT_READ, MAP_SHARED), -ENODEV);
  EXPECT_GT(Map(file.get(), 4, 2), 0);
  ExpectSound();
}

TEST_F(NommuMmapTest, SharerThatTheFileRefusesLeavesTheRegionAlone) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  ASSERT_EQ(Map(file.get(), 0, 4), kRom);
  RomFile::mmap_error = -EBUSY;
  EXPECT_EQ(Map(file.get(), 1, 1), -EBUSY);
  RomFile::mmap_error = -ENOSYS;
  EXPECT_EQ(Map(file.get(), 1, 1), -ENODEV);
  EXPECT_EQ(VmaAt(kRom)->vm_region->vm_usage, 1);
  ExpectSound();
}

TEST_F(NommuMmapTest, PrivateAndWritableIsACopyWhateverTheFileOffers) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  const int64_t at = Map(file.get(), 0, 2, PROT_READ | PROT_WRITE);
  ASSERT_GT(at, 0);
  EXPECT_TRUE(pfn_valid(static_cast<kulong>(at) >> PAGE_SHIFT));
  EXPECT_EQ(VmaAt(at)->vm_flags & VM_MAYSHARE, 0u);
  ExpectSound();
}

TEST_F(NommuMmapTest, WhatCannotBeExecutedInPlaceIsCopied) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  RomFile::capabilities &= ~static_cast<unsigned>(NOMMU_MAP_EXEC);
  const int64_t at = Map(file.get(), 0, 2, PROT_READ | PROT_EXEC);
  ASSERT_GT(at, 0);
  EXPECT_TRUE(pfn_valid(static_cast<kulong>(at) >> PAGE_SHIFT));
  EXPECT_EQ(Map(file.get(), 4, 2, PROT_READ | PROT_EXEC, MAP_SHARED), -EINVAL);
  EXPECT_EQ(Map(file.get(), 4, 2, PROT_READ), kRom + 4 * kPageBytes);
}

TEST_F(NommuMmapTest, TracedTaskSharesNothing) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  TestDataFile copied(&machine_, 4 * PAGE_SIZE);
  const int64_t shared = Map(copied.get(), 0, 2);
  ASSERT_GT(shared, 0);
  machine_.task()->ptrace = 1;
  // get_unmapped_area is not asked, ->mmap says ENOSYS, so it is copied.
  RomFile::place_error = -EIO;
  const int64_t at = Map(file.get(), 0, 2);
  ASSERT_GT(at, 0);
  EXPECT_TRUE(pfn_valid(static_cast<kulong>(at) >> PAGE_SHIFT));
  EXPECT_NE(Map(copied.get(), 0, 2), shared);
  // MAP_SHARED was asked for: that it gets.
  RomFile::place_error = 0;
  EXPECT_EQ(Map(file.get(), 0, 2, PROT_READ, MAP_SHARED), kRom);
  machine_.task()->ptrace = 0;
  EXPECT_EQ(Map(copied.get(), 0, 2), shared);
  ExpectSound();
}

TEST_F(NommuMmapTest, CopyThatCannotBeReadLeavesNothing) {
  TestDataFile file(&machine_, 4 * PAGE_SIZE);
  struct file_operations ops = *file.get()->f_op;
  ops.read = [](struct file*, char*, size_t, loff_t*) -> s64 { return -EIO; };
  file.get()->f_op = &ops;
  const int64_t free = Free();
  EXPECT_EQ(Map(file.get(), 0, 3), -EIO);
  EXPECT_EQ(Free(), free);
  EXPECT_EQ(Regions(), 0u);
}

TEST_F(NommuMmapTest, KernelCopiesAndPtraceReachWhatIsMapped) {
  RomFile file(&machine_, 4 * PAGE_SIZE);
  const int64_t at = Anonymous(1);
  ASSERT_GT(at, 0);
  EXPECT_EQ(sys_pread64(file.get(), static_cast<uint64_t>(at), 8, 100), 8);
  EXPECT_EQ(UserLoad(static_cast<kulong>(at) + 3), TestDataFile::Byte(103));
  EXPECT_EQ(sys_pread64(file.get(), 0x1000, 8, 100), -EFAULT);

  const uint32_t poke = 0x44332211;
  uint32_t value = poke;
  EXPECT_EQ(
      ptrace_access(machine_.task(), static_cast<uint64_t>(at), &value, 4, 1),
      4);
  EXPECT_EQ(UserLoad(static_cast<kulong>(at)), 0x11u);
  // Not beyond the mapping, nor where there is none.
  EXPECT_EQ(
      ptrace_access(machine_.task(), static_cast<uint64_t>(at) + PAGE_SIZE - 2,
                    &value, 4, 0),
      2);
  EXPECT_EQ(ptrace_access(machine_.task(), 0x1000, &value, 4, 0), 0);
  // A direct mapping has no VM_MAYWRITE: ptrace cannot force its way.
  ASSERT_EQ(Map(file.get(), 0, 1), kRom);
  EXPECT_EQ(ptrace_access(machine_.task(), kRom, &value, 4, 1), 0);
  EXPECT_EQ(ptrace_access(machine_.task(), kRom, &value, 4, 0), 4);
}

TEST_F(NommuMmapTest, ADriversPinOutlivesTheMapping) {
  const int64_t at = Anonymous(2);
  ASSERT_GT(at, 0);
  const int64_t free = Free();
  uint64_t pfn = 0;
  ASSERT_EQ(gup_pin(static_cast<uint64_t>(at), 1, 1, &pfn), 1);
  EXPECT_EQ(pfn, static_cast<uint64_t>(at) >> PAGE_SHIFT);
  ASSERT_EQ(Unmap(at, 2), 0);
  EXPECT_EQ(Free(), free + 1);
  gup_unpin(pfn, 0);
  EXPECT_EQ(Free(), free + 2);
  EXPECT_EQ(gup_pin(static_cast<uint64_t>(at), 1, 1, &pfn), -EFAULT);
}

TEST_F(NommuMmapTest, PinOfAMappingInRomIsABug) {
  RomFile file(&machine_, 4 * PAGE_SIZE);
  ASSERT_EQ(Map(file.get(), 0, 1), kRom);
  uint64_t pfn = 0;
  EXPECT_DEATH(gup_pin(kRom, 1, 0, &pfn), "pfn_to_page");
}

TEST_F(NommuMmapTest, TheBusAnswersOrTheSignalDoes) {
  const int64_t at = Anonymous(1);
  ASSERT_GT(at, 0);
  EXPECT_EQ(StoreSignal(0x1000), SIGBUS);
  EXPECT_EQ(StoreSignal(0xfffff000), SIGBUS);
  // Memory that is nobody's answers as well as one's own, unless somebody
  // looks.
  const kulong nobodys = static_cast<kulong>(at) + PAGE_SIZE;
#if defined(__SANITIZE_ADDRESS__)
  EXPECT_DEATH(StoreSignal(nobodys), "use-after-poison");
#else
  EXPECT_EQ(StoreSignal(nobodys), 0);
#endif
  // Stores to ROM do nothing.
  EXPECT_EQ(StoreSignal(kRom + 5), 0);
  EXPECT_EQ(UserLoad(kRom + 5), 0u);
  struct fl_user_result result;
  user_access(FL_LOAD, kRom + 16 * PAGE_SIZE - 4, 8, 0, &result);
  EXPECT_EQ(result.sig, SIGBUS);
  EXPECT_EQ(result.fault_address, kRom + 16 * PAGE_SIZE - 4);
}

TEST_F(NommuMmapTest, MapsTellsSharedFromShareable) {
  RomFile file(&machine_, 8 * PAGE_SIZE);
  ASSERT_EQ(Map(file.get(), 0, 1), kRom);
  ASSERT_EQ(Map(file.get(), 1, 1, PROT_READ, MAP_SHARED), kRom + kPageBytes);
  ASSERT_GT(Map(file.get(), 2, 1, PROT_READ | PROT_WRITE), 0);
  char text[1024];
  proc_pid_maps(mm(), text, sizeof(text));
  const std::string maps = text;
  EXPECT_NE(maps.find("40000000-40001000 r--s 00000000 00:0f 8"),
            std::string::npos)
      << maps;
  EXPECT_NE(maps.find("40001000-40002000 r--S 00001000"), std::string::npos)
      << maps;
  EXPECT_NE(maps.find(" rw-p 00002000"), std::string::npos) << maps;
}

TEST(NommuMmapSweep, AnyAllocationOfMmapMayFail) {
  SweepResult sweep = SweepAllocations(
      [](TestMachine*) {},
      [] {
        return std::min<int64_t>(
            0, vm_mmap_pgoff(nullptr, 0, 3 * PAGE_SIZE, PROT_READ,
                             MAP_PRIVATE | MAP_ANONYMOUS, 0));
      });
  EXPECT_EQ(sweep.errors, std::set<int64_t>{-ENOMEM});
  EXPECT_GE(sweep.failed, 6);
}

TEST(NommuMmapSweep, AnyAllocationOfACopyMayFail) {
  for (int after = 0; after < 20; ++after) {
    TestMachine machine(WithRom());
    TestDataFile file(&machine, 3 * PAGE_SIZE);
    machine.FailAllocations(after, 1);
    const int64_t at =
        vm_mmap_pgoff(file.get(), 0, 3 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, 0);
    const bool failed = machine.AllocationFailed();
    machine.FailAllocations(0, 0);
    EXPECT_EQ(validate_mm(machine.mm()), 0u);
    if (at < 0) {
      EXPECT_TRUE(failed);
      EXPECT_EQ(at, -ENOMEM);
      EXPECT_EQ(
          atomic_long_read(&machine.machine()->nommu->mmap_pages_allocated), 0);
    } else {
      // A read may come out short; a page that is missing reads as zero.
      EXPECT_EQ(
          atomic_long_read(&machine.machine()->nommu->mmap_pages_allocated), 3);
    }
    machine.PutMm();
    EXPECT_EQ(kmem_cache_objects(machine.machine()->nommu->vm_region_jar), 0u);
    EXPECT_EQ(kmem_cache_objects(machine.machine()->vm_area_cachep), 0u);
    if (!failed) {
      EXPECT_GT(at, 0);
      EXPECT_GT(after, 4);
      return;
    }
  }
  FAIL() << "still failing after 20 allocations";
}

}  // namespace
}  // namespace faultline
