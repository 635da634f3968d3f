// SPDX-License-Identifier: GPL-2.0-only
//
// tmpfs and shared anonymous memory: what is read back, what truncation and
// holes take away, what is counted and charged, what is left when memory is
// short.

#include <cstdint>
#include <string>
#include <vector>

#include "mm/testing_files.h"

namespace faultline {
namespace {

std::string Page(char letter) { return std::string(PAGE_SIZE, letter); }

class ShmemTest : public testing::Test {
 protected:
  TestMachine machine_;
  MemoryFile file_{&machine_, &shmem_fs_type};
};

TEST_F(ShmemTest, WrittenBytesAreReadBack) {
  EXPECT_EQ(file_.Write(10, "hello"), 5);
  EXPECT_EQ(file_.size(), 15);
  EXPECT_EQ(file_.Read(0, 100), std::string(10, '\0') + "hello");
  // Across a page boundary, over a part of what was there.
  EXPECT_EQ(file_.Write(PAGE_SIZE - 2, "abcd"), 4);
  EXPECT_EQ(file_.Write(12, "L"), 1);
  EXPECT_EQ(file_.Read(10, 5), "heLlo");
  EXPECT_EQ(file_.Read(PAGE_SIZE - 3, 10), std::string(1, '\0') + "abcd");
  EXPECT_EQ(file_.inode()->i_blocks, 2 * PAGE_SIZE / 512);
}

TEST_F(ShmemTest, ReadingAHoleMakesNoPage) {
  ASSERT_EQ(file_.Truncate(5 * PAGE_SIZE + 7), 0);
  ASSERT_EQ(file_.Write(2 * PAGE_SIZE, "x"), 1);
  EXPECT_EQ(file_.Read(0, 100 * PAGE_SIZE).size(), 5 * PAGE_SIZE + 7);
  EXPECT_EQ(file_.mapping()->nrpages, 1u);
  EXPECT_EQ(file_.Cached(0), nullptr);
}

TEST_F(ShmemTest, FarOffsetsHold) {
  const uint64_t far = uint64_t{1} << 40;
  EXPECT_EQ(file_.Write(far, "far"), 3);
  EXPECT_EQ(file_.Read(far, 10), "far");
  EXPECT_EQ(file_.mapping()->nrpages, 1u);
  EXPECT_EQ(file_.Truncate(far), 0);
  EXPECT_EQ(file_.mapping()->nrpages, 0u);
  EXPECT_EQ(file_.Write(static_cast<uint64_t>(MAX_LFS_FILESIZE), "x"), -EFBIG);
}

TEST_F(ShmemTest, CutOffTailIsZeroAfterTheFileGrowsAgain) {
  file_.WritePages(0, "abc");
  ASSERT_EQ(file_.Truncate(PAGE_SIZE + 5), 0);
  EXPECT_EQ(file_.Cached(2), nullptr);
  ASSERT_EQ(file_.Truncate(3 * PAGE_SIZE), 0);
  EXPECT_EQ(file_.Read(PAGE_SIZE, 2 * PAGE_SIZE),
            "bbbbb" + std::string(2 * PAGE_SIZE - 5, '\0'));
}

TEST_F(ShmemTest, StoresAreSeenByReadAndByOtherMappings) {
  file_.WritePages(0, "ab");
  ASSERT_EQ(MapFile(file_.get(), 0, 2, MAP_SHARED), 0);
  ASSERT_EQ(MapFile(file_.get(), 8, 2, MAP_SHARED, 0, PROT_READ), 0);
  EXPECT_EQ(Load(9).value, 'b');
  ASSERT_EQ(Store(1, 'B').sig, 0);
  EXPECT_EQ(Load(9).value, 'B');
  EXPECT_EQ(file_.Read(PAGE_SIZE, 3), "Bbb");
  ASSERT_EQ(file_.Write(PAGE_SIZE, "w"), 1);
  EXPECT_EQ(Load(1).value, 'w');
  EXPECT_EQ(Store(9, 1).sig, SIGSEGV);
  EXPECT_EQ(atomic_read(&file_.mapping()->i_mmap_writable), 2);
  EXPECT_EQ(validate_mm(machine_.mm()), 0u);
}

TEST_F(ShmemTest, MappedPagesCountAsShared) {
  file_.WritePages(0, "a");
  ASSERT_EQ(MapFile(file_.get(), 0, 1, MAP_SHARED), 0);
  ASSERT_EQ(MapFile(file_.get(), 4, 1, MAP_PRIVATE), 0);
  Load(0);
  Load(4);
  EXPECT_EQ(get_mm_counter(machine_.mm(), MM_SHMEMPAGES), 2u);
  EXPECT_EQ(get_mm_counter(machine_.mm(), MM_FILEPAGES), 0u);
  Store(4, 1);
  EXPECT_EQ(get_mm_counter(machine_.mm(), MM_SHMEMPAGES), 1u);
  EXPECT_EQ(get_mm_counter(machine_.mm(), MM_ANONPAGES), 1u);
  EXPECT_EQ(percpu_counter_read(&machine_.machine()->nr_shmem), 1);
  EXPECT_EQ(validate_mm(machine_.mm()), 0u);
}

TEST_F(ShmemTest, TruncationUnmapsSharedAndPrivatePages) {
  file_.WritePages(0, "abc");
  ASSERT_EQ(MapFile(file_.get(), 0, 3, MAP_SHARED), 0);
  ASSERT_EQ(MapFile(file_.get(), 8, 3, MAP_PRIVATE), 0);
  for (int page = 0; page < 3; ++page) {
    ASSERT_EQ(Store(page, 'S').sig, 0);
    ASSERT_EQ(Store(8 + page, 'P').sig, 0);
  }
  ASSERT_EQ(file_.Truncate(PAGE_SIZE + 1), 0);
  EXPECT_EQ(Load(1).value, 'S');
  EXPECT_EQ(Load(9).value, 'P');
  EXPECT_EQ(Load(2).sig, SIGBUS);
  EXPECT_EQ(Store(2, 1).sig, SIGBUS);
  EXPECT_EQ(Load(10).sig, SIGBUS);
  ASSERT_EQ(file_.Truncate(3 * PAGE_SIZE), 0);
  EXPECT_EQ(Load(2).value, 0u);
  EXPECT_EQ(Load(10).value, 0u);
  EXPECT_EQ(validate_mm(machine_.mm()), 0u);
}

TEST_F(ShmemTest, HoleLeavesPrivateCopies) {
  file_.WritePages(0, "abc");
  ASSERT_EQ(MapFile(file_.get(), 0, 3, MAP_SHARED), 0);
  ASSERT_EQ(MapFile(file_.get(), 8, 3, MAP_PRIVATE), 0);
  Load(1);
  Load(8);
  ASSERT_EQ(Store(9, 'P').sig, 0);
  // The first and the last page in part.
  ASSERT_EQ(file_.Punch(PAGE_SIZE - 1, PAGE_SIZE + 2), 0);
  EXPECT_EQ(file_.mapping()->nrpages, 2u);
  EXPECT_EQ(Load(9).value, 'P');
  EXPECT_EQ(Load(1).value, 0u);
  EXPECT_EQ(file_.Read(PAGE_SIZE - 2, 2), std::string("a\0", 2));
  EXPECT_EQ(file_.Read(2 * PAGE_SIZE, 2), std::string("\0c", 2));
  EXPECT_EQ(file_.size(), static_cast<int64_t>(3 * PAGE_SIZE));
  // Within one page.
  ASSERT_EQ(file_.Punch(5, 2), 0);
  EXPECT_EQ(file_.Read(4, 4), std::string("a\0\0a", 4));
}

TEST_F(ShmemTest, MadviseRemovePunchesTheFile) {
  file_.WritePages(0, "abcd");
  ASSERT_EQ(MapFile(file_.get(), 0, 3, MAP_SHARED, 1), 0);
  Load(1);
  EXPECT_EQ(do_madvise(PageAddress(1), PAGE_SIZE, 9), 0);
  EXPECT_EQ(Load(1).value, 0u);
  EXPECT_EQ(file_.Read(PAGE_SIZE, 1), "b");
  EXPECT_EQ(file_.Read(2 * PAGE_SIZE, PAGE_SIZE), Page('\0'));
  EXPECT_EQ(file_.Read(3 * PAGE_SIZE, 1), "d");
}

TEST_F(ShmemTest, FallocateMakesPagesThatReadAsZeros) {
  EXPECT_EQ(vfs_fallocate(file_.get(), 0, 100, 2 * PAGE_SIZE), 0);
  EXPECT_EQ(file_.size(), static_cast<int64_t>(2 * PAGE_SIZE + 100));
  EXPECT_EQ(file_.mapping()->nrpages, 3u);
  EXPECT_FALSE(PageUptodate(file_.Cached(1)));
  EXPECT_EQ(file_.Read(0, PAGE_SIZE), Page('\0'));
  ASSERT_EQ(MapFile(file_.get(), 0, 3, MAP_SHARED), 0);
  EXPECT_EQ(Load(1).value, 0u);
  EXPECT_EQ(file_.Write(2 * PAGE_SIZE + 1, "z"), 1);
  EXPECT_EQ(file_.Read(2 * PAGE_SIZE, 3), std::string("\0z\0", 3));
  EXPECT_EQ(vfs_fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, 8 * PAGE_SIZE, 1),
            0);
  EXPECT_EQ(file_.size(), static_cast<int64_t>(2 * PAGE_SIZE + 100));
  EXPECT_EQ(vfs_fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE, 0, 1),
            -EOPNOTSUPP);
  EXPECT_EQ(vfs_fallocate(file_.get(), 0, 0, 0), -EINVAL);
}

TEST_F(ShmemTest, FallocateThatFailsTakesBackOnlyItsOwnPages) {
  file_.WritePages(1, "b");
  machine_.FailAllocations(2, 1);
  EXPECT_EQ(vfs_fallocate(file_.get(), 0, 0, 8 * PAGE_SIZE), -ENOMEM);
  machine_.FailAllocations(0, 0);
  EXPECT_EQ(file_.mapping()->nrpages, 1u);
  EXPECT_EQ(file_.Read(PAGE_SIZE, 1), "b");
  EXPECT_EQ(machine_.Committed(), 1);
}

TEST_F(ShmemTest, HalfOfTheMemoryIsAllAMountMayHave) {
  const uint64_t half = machine_.machine()->ram_pages / 2;
  ASSERT_EQ(file_.Write((half - 1) << PAGE_SHIFT, "x"), 1);
  for (uint64_t page = 0; page + 1 < half; ++page) {
    ASSERT_EQ(file_.Write(page << PAGE_SHIFT, "x"), 1);
  }
  EXPECT_EQ(file_.Write(half << PAGE_SHIFT, "x"), -ENOSPC);
  ASSERT_EQ(file_.Truncate((half + 1) << PAGE_SHIFT), 0);
  ASSERT_EQ(MapFile(file_.get(), 0, 1, MAP_SHARED, half), 0);
  EXPECT_EQ(Load(0).sig, SIGBUS);
  ASSERT_EQ(file_.Punch(0, PAGE_SIZE), 0);
  EXPECT_EQ(Load(0).sig, 0);
}

TEST_F(ShmemTest, FilesOfAMountAreChargedPageByPage) {
  ASSERT_EQ(file_.Truncate(10 * PAGE_SIZE), 0);
  EXPECT_EQ(machine_.Committed(), 0);
  file_.WritePages(0, "abc");
  EXPECT_EQ(machine_.Committed(), 3);
  ASSERT_EQ(file_.Punch(PAGE_SIZE, PAGE_SIZE), 0);
  EXPECT_EQ(machine_.Committed(), 2);
  ASSERT_EQ(file_.Truncate(0), 0);
  EXPECT_EQ(machine_.Committed(), 0);
}

TEST_F(ShmemTest, DirtyPagesAreNotReclaimed) {
  file_.WritePages(0, "ab");
  ASSERT_EQ(file_.Truncate(3 * PAGE_SIZE), 0);
  ASSERT_EQ(MapFile(file_.get(), 0, 3, MAP_SHARED), 0);
  // Mapped writable at once: only the entry knows of the store.
  EXPECT_EQ(Load(2).value, 0u);
  ASSERT_FALSE(PageDirty(file_.Cached(2)));
  ASSERT_EQ(Store(2, 'c').sig, 0);
  ASSERT_FALSE(PageDirty(file_.Cached(2)));
  reclaim_pages(100);
  EXPECT_EQ(file_.Read(0, 1) + file_.Read(PAGE_SIZE, 1) +
                file_.Read(2 * PAGE_SIZE, 1),
            "abc");
  EXPECT_EQ(Load(2).value, 'c');
  EXPECT_TRUE(PageDirty(file_.Cached(2)));
}

TEST_F(ShmemTest, SmapsAndMincoreKnowThePages) {
  file_.WritePages(0, "a");
  ASSERT_EQ(file_.Truncate(3 * PAGE_SIZE), 0);
  ASSERT_EQ(MapFile(file_.get(), 0, 3, MAP_SHARED), 0);
  ASSERT_EQ(MapFile(file_.get(), 8, 3, MAP_SHARED), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  Load(8);
  Load(1);
  std::vector<char> text(8192);
  proc_pid_smaps(machine_.mm(), text.data(), text.size());
  const std::string smaps(text.data());
  EXPECT_NE(smaps.find("Shared_Dirty:          4 kB"), std::string::npos)
      << smaps;
  ASSERT_EQ(MapPages(nullptr, 20, 1, PROT_READ | PROT_WRITE), 0);
  ASSERT_EQ(sys_mincore(PageAddress(0), 3 * PAGE_SIZE, PageAddress(20)), 0);
  EXPECT_EQ(UserLoad(PageAddress(20)), 1u);
  EXPECT_EQ(UserLoad(PageAddress(20) + 1), 1u);
  // A hole that nobody has touched.
  EXPECT_EQ(UserLoad(PageAddress(20) + 2), 0u);
}

TEST_F(ShmemTest, UnmappingKeepsWhatWasStored) {
  ASSERT_EQ(file_.Truncate(PAGE_SIZE), 0);
  ASSERT_EQ(MapFile(file_.get(), 0, 1, MAP_SHARED), 0);
  Load(0);
  ASSERT_EQ(Store(0, 'x').sig, 0);
  ASSERT_EQ(vm_munmap(PageAddress(0), PAGE_SIZE), 0);
  EXPECT_TRUE(PageDirty(file_.Cached(0)));
  reclaim_pages(100);
  EXPECT_EQ(file_.Read(0, 1), "x");
}

TEST_F(ShmemTest, PagesMoveWithTheirContent) {
  file_.WritePages(0, "abc");
  ASSERT_EQ(MapFile(file_.get(), 0, 3, MAP_SHARED), 0);
  ASSERT_EQ(Store(1, 'B').sig, 0);
  struct page* before = file_.Cached(1);
  EXPECT_EQ(compact_pages(3), 3);
  EXPECT_NE(file_.Cached(1), before);
  EXPECT_TRUE(PageDirty(file_.Cached(1)));
  EXPECT_TRUE(PageSwapBacked(file_.Cached(1)));
  EXPECT_EQ(Load(1).value, 'B');
  EXPECT_EQ(file_.Read(2 * PAGE_SIZE, 1), "c");
  EXPECT_EQ(validate_mm(machine_.mm()), 0u);
}

TEST_F(ShmemTest, ForkSharesTheMapping) {
  ASSERT_EQ(file_.Truncate(2 * PAGE_SIZE), 0);
  ASSERT_EQ(MapFile(file_.get(), 0, 2, MAP_SHARED), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  TestTask child(&machine_);
  ASSERT_EQ(sys_fork(child.get()), 0);
  {
    RunAs as(child.get());
    EXPECT_EQ(Load(0).value, 1u);
    ASSERT_EQ(Store(0, 2).sig, 0);
    ASSERT_EQ(Store(1, 3).sig, 0);
  }
  EXPECT_EQ(Load(0).value, 2u);
  EXPECT_EQ(Load(1).value, 3u);
  EXPECT_EQ(atomic_read(&file_.mapping()->i_mmap_writable), 2);
  EXPECT_EQ(validate_mm(machine_.mm()) + validate_mm(child.mm()), 0u);
  child.Exit();
}

TEST_F(ShmemTest, KernelsOwnAccessesAreShared) {
  file_.WritePages(0, "a");
  ASSERT_EQ(MapFile(file_.get(), 0, 1, MAP_SHARED), 0);
  uint64_t pfn = 0;
  ASSERT_EQ(gup_pin(PageAddress(0), 1, 1, &pfn), 1);
  uint8_t byte = 'g';
  ASSERT_EQ(gup_pin_access(pfn, 1, 0, &byte, 1), 0);
  EXPECT_EQ(file_.Read(0, 1), "g");
  // A device still writes to the page that the file has no more.
  ASSERT_EQ(file_.Truncate(0), 0);
  ASSERT_EQ(gup_pin_access(pfn, 1, 0, &byte, 1), 0);
  gup_unpin(pfn, 1);
  EXPECT_EQ(file_.Read(0, 1), "");
}

// The copy's source is the page that is written to: it is faulted in before
// the lock is taken.
TEST_F(ShmemTest, WriteFromAMappingOfTheSamePage) {
  file_.WritePages(0, "a");
  ASSERT_EQ(MapFile(file_.get(), 0, 1, MAP_SHARED), 0);
  EXPECT_EQ(sys_pwrite64(file_.get(), PageAddress(0), 4, PAGE_SIZE - 2), 4);
  EXPECT_EQ(file_.Read(PAGE_SIZE - 3, 10), "aaaaa");
  EXPECT_EQ(sys_pwrite64(file_.get(), PageAddress(4), 4, 0), -EFAULT);
}

TEST_F(ShmemTest, OpenFlagsAreKept) {
  struct file* other = nullptr;
  EXPECT_EQ(filp_open_flags(file_.sb(), "/g", O_RDWR, &other), -ENOENT);
  EXPECT_EQ(
      filp_open_flags(file_.sb(), "/f", O_CREAT | O_EXCL | O_RDWR, &other),
      -EEXIST);
  EXPECT_EQ(filp_open_flags(file_.sb(), "/", O_RDWR, &other), -EISDIR);
  EXPECT_EQ(filp_open_flags(file_.sb(), "/f", 3, &other), -EINVAL);
  ASSERT_EQ(filp_open_flags(file_.sb(), "/f", O_RDONLY, &other), 0);
  EXPECT_EQ(do_truncate(other, 0), -EINVAL);
  EXPECT_EQ(vfs_fallocate(other, 0, 0, 1), -EBADF);
  EXPECT_EQ(MapFile(other, 0, 1, MAP_SHARED), -EACCES);
  EXPECT_EQ(MapFile(other, 0, 1, MAP_SHARED, 0, PROT_READ), 0);
  EXPECT_EQ(atomic_read(&file_.mapping()->i_mmap_writable), 0);
  EXPECT_EQ(do_mprotect(PageAddress(0), PAGE_SIZE, PROT_READ | PROT_WRITE),
            -EACCES);
  EXPECT_EQ(vm_munmap(PageAddress(0), PAGE_SIZE), 0);
  fput(other);
  file_.WritePages(0, "a");
  ASSERT_EQ(filp_open_flags(file_.sb(), "/f", O_RDWR | O_TRUNC, &other), 0);
  EXPECT_EQ(file_.size(), 0);
  fput(other);
}

// ---- memory without a file ----

class SharedAnonymousTest : public ShmemTest {
 protected:
  static int64_t Map(uint64_t at, uint64_t pages, kulong flags = 0) {
    return MapFile(nullptr, at, pages, MAP_SHARED | MAP_ANONYMOUS | flags);
  }
};

TEST_F(SharedAnonymousTest, ChildAndParentSeeEachOther) {
  ASSERT_EQ(Map(0, 4), 0);
  EXPECT_EQ(Load(1).value, 0u);
  TestTask child(&machine_);
  ASSERT_EQ(sys_fork(child.get()), 0);
  {
    RunAs as(child.get());
    ASSERT_EQ(Store(3, 9).sig, 0);
    ASSERT_EQ(Store(1, 8).sig, 0);
  }
  EXPECT_EQ(Load(3).value, 9u);
  EXPECT_EQ(Load(1).value, 8u);
  EXPECT_EQ(get_mm_counter(machine_.mm(), MM_SHMEMPAGES), 2u);
  EXPECT_EQ(validate_mm(machine_.mm()) + validate_mm(child.mm()), 0u);
  ASSERT_EQ(vm_munmap(PageAddress(0), 4 * PAGE_SIZE), 0);
  EXPECT_EQ(percpu_counter_read(&machine_.machine()->nr_shmem), 2);
  child.Exit();
  EXPECT_EQ(percpu_counter_read(&machine_.machine()->nr_shmem), 0);
}

TEST_F(SharedAnonymousTest, HasANameInMapsAndIsNotMerged) {
  ASSERT_EQ(Map(0, 1), 0);
  ASSERT_EQ(Map(1, 1), 0);
  EXPECT_EQ(Strip(machine_.mm(), 3), "WW.");
  std::vector<char> text(4096);
  proc_pid_maps(machine_.mm(), text.data(), text.size());
  EXPECT_NE(std::string(text.data()).find(" /dev/zero (deleted)\n"),
            std::string::npos)
      << text.data();
  EXPECT_NE(std::string(text.data()).find("rw-s 00000000"), std::string::npos);
}

TEST_F(SharedAnonymousTest, IsChargedAsAWholeUnlessNotReserved) {
  ASSERT_EQ(Map(0, 4), 0);
  EXPECT_EQ(machine_.Committed(), 4);
  // Splitting and unmapping a part gives nothing back: the file stays.
  ASSERT_EQ(vm_munmap(PageAddress(1), PAGE_SIZE), 0);
  EXPECT_EQ(machine_.Committed(), 4);
  ASSERT_EQ(vm_munmap(PageAddress(0), 4 * PAGE_SIZE), 0);
  EXPECT_EQ(machine_.Committed(), 0);
  ASSERT_EQ(Map(0, 4, MAP_NORESERVE), 0);
  EXPECT_EQ(machine_.Committed(), 0);
  Load(0);
  EXPECT_EQ(machine_.Committed(), 1);
  ASSERT_EQ(vm_munmap(PageAddress(0), 4 * PAGE_SIZE), 0);
  EXPECT_EQ(machine_.Committed(), 0);
}

TEST_F(SharedAnonymousTest, GrownMappingEndsWithItsFile) {
  ASSERT_EQ(Map(0, 2), 0);
  ASSERT_GT(do_mremap(PageAddress(0), 2 * PAGE_SIZE, 4 * PAGE_SIZE, 0, 0), 0);
  EXPECT_EQ(Store(1, 1).sig, 0);
  EXPECT_EQ(Store(2, 1).sig, SIGBUS);
}

TEST_F(SharedAnonymousTest, HoleMakesZerosAgain) {
  ASSERT_EQ(Map(0, 2), 0);
  ASSERT_EQ(Store(0, 1).sig, 0);
  ASSERT_EQ(do_madvise(PageAddress(0), 2 * PAGE_SIZE, 4), 0);  // DONTNEED
  EXPECT_EQ(Load(0).value, 1u);
  ASSERT_EQ(do_madvise(PageAddress(0), 2 * PAGE_SIZE, 9), 0);  // REMOVE
  EXPECT_EQ(Load(0).value, 0u);
}

// ---- when memory is short ----

// Fails the n-th allocation of `operation` for every n.  Each time the file
// must be sound, and MemoryFile finds everything given back.
void Sweep(const struct file_system_type* type,
           const std::function<void(MemoryFile*)>& prepare,
           const std::function<int64_t(MemoryFile*)>& operation) {
  int failed = 0;
  for (int after = 0; !testing::Test::HasFailure(); ++after) {
    SCOPED_TRACE(after);
    TestMachine machine;
    MemoryFile file(&machine, type);
    prepare(&file);
    machine.FailAllocations(after, 1);
    const int64_t result = operation(&file);
    const bool more = machine.allocations() > after;
    machine.FailAllocations(0, 0);
    EXPECT_TRUE(result >= 0 || result == -ENOMEM || result == -ENOSPC)
        << result;
    EXPECT_EQ(validate_mm(machine.mm()), 0u);
    failed += result < 0;
    if (!more) {
      EXPECT_GE(result, 0);
      break;
    }
  }
  EXPECT_GT(failed, 0);
}

void ThreePages(MemoryFile* file) {
  file->WritePages(0, "abc");
  ASSERT_EQ(MapFile(file->get(), 0, 4, MAP_SHARED), 0);
  Load(1);
}

class MemoryFileSweep
    : public testing::TestWithParam<const struct file_system_type*> {};

TEST_P(MemoryFileSweep, WriteGivesBackWhatItMade) {
  Sweep(
      GetParam(), [](MemoryFile*) {},
      [](MemoryFile* file) -> int64_t {
        const int64_t done = file->Write(PAGE_SIZE - 2, "abcd");
        // What was written stays, at the end there is nothing else.
        EXPECT_EQ(file->size(),
                  done < 0 ? 0 : static_cast<int64_t>(PAGE_SIZE) - 2 + done);
        return done == 4 ? 0 : done < 0 ? done : -ENOMEM;
      });
}

TEST_P(MemoryFileSweep, SharedFaultGivesBackWhatItMade) {
  Sweep(
      GetParam(),
      [](MemoryFile* file) {
        ASSERT_EQ(file->Truncate(4 * PAGE_SIZE), 0);
        ASSERT_EQ(MapFile(file->get(), 0, 4, MAP_SHARED), 0);
      },
      [](MemoryFile*) -> int64_t {
        const int result = TouchForWrite(fl_current->mm, 2);
        if (result & VM_FAULT_OOM) return -ENOMEM;
        return result & VM_FAULT_ERROR ? -EIO : 0;
      });
}

// It allocates nothing, so nothing can make it fail.
TEST_P(MemoryFileSweep, TruncationNeedsNoMemory) {
  TestMachine machine;
  MemoryFile file(&machine, GetParam());
  ThreePages(&file);
  machine.FailAllocations(0, 1000);
  EXPECT_EQ(file.Truncate(PAGE_SIZE + 1), 0);
  EXPECT_EQ(machine.allocations(), 0);
  EXPECT_EQ(file.mapping()->nrpages, 2u);
}

TEST_P(MemoryFileSweep, CreationGivesBackWhatItMade) {
  Sweep(GetParam(), ThreePages, [](MemoryFile* file) -> int64_t {
    struct file* other = nullptr;
    const int error =
        filp_open_flags(file->sb(), "/g", O_CREAT | O_RDWR, &other);
    if (error == 0) fput(other);
    return error;
  });
}

TEST_P(MemoryFileSweep, MountGivesBackWhatItMade) {
  Sweep(
      GetParam(), [](MemoryFile*) {},
      [](MemoryFile*) -> int64_t {
        struct super_block* sb = nullptr;
        const int error = GetParam()->mount(fl_current->machine, "", &sb);
        if (error == 0) deactivate_super(sb);
        return error;
      });
}

INSTANTIATE_TEST_SUITE_P(BothTypes, MemoryFileSweep,
                         testing::Values(&shmem_fs_type, &ramfs_fs_type),
                         [](const auto& info) {
                           return std::string(info.param->name);
                         });

TEST(ShmemSweep, FallocateGivesBackWhatItMade) {
  Sweep(&shmem_fs_type, ThreePages, [](MemoryFile* file) -> int64_t {
    const uint64_t before = file->mapping()->nrpages;
    const int error = vfs_fallocate(file->get(), 0, PAGE_SIZE, 80 * PAGE_SIZE);
    if (error != 0) {
      EXPECT_EQ(file->mapping()->nrpages, before);
    }
    return error;
  });
}

TEST(ShmemSweep, SharedAnonymousMemoryGivesBackWhatItMade) {
  Sweep(&shmem_fs_type, ThreePages, [](MemoryFile*) -> int64_t {
    return MapFile(nullptr, 8, 4, MAP_SHARED | MAP_ANONYMOUS);
  });
}

}  // namespace
}  // namespace faultline
