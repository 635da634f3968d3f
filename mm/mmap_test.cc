// SPDX-License-Identifier: GPL-2.0-only
//
// mmap, munmap, mprotect and madvise: errno, limits, splits, where new
// mappings go, and what is left when memory runs out.

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <random>
#include <string>

#include "mm/testing.h"

namespace faultline {
namespace {

constexpr kulong kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;

class MmapTest : public testing::Test {
 protected:
  struct mm_struct* mm() {
    return machine_.mm();
  }

  void ExpectStrip(const std::string& strip) {
    EXPECT_EQ(Strip(mm(), strip.size()), strip);
    EXPECT_EQ(validate_mm(mm()), 0u);
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }
  int Unmap(uint64_t page, uint64_t pages) {
    return vm_munmap(PageAddress(page), pages << PAGE_SHIFT);
  }
  int64_t Protect(uint64_t page, uint64_t pages, char letter) {
    return do_mprotect(PageAddress(page), pages << PAGE_SHIFT,
                       LetterProt(letter));
  }

  TestMachine machine_;
};

// ---- errno of mmap ----

TEST_F(MmapTest, BadRequestsGetTheKernelsErrno) {
  TestFile read_only(&machine_);
  TestFile write_only(&machine_, nullptr, FMODE_WRITE);
  TestFile no_mmap(&machine_);
  struct file_operations ops = {};
  no_mmap.get()->f_op = &ops;
  const kulong r = PROT_READ, rw = PROT_READ | PROT_WRITE;
  struct file* file = read_only.get();
  const kulong page = PAGE_SIZE;

  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0, 0, r, kAnonymous, 0), -EINVAL);
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0, ~kulong{0}, r, kAnonymous, 0), -ENOMEM);
  EXPECT_EQ(vm_mmap_pgoff(file, 0, 2 * page, r, MAP_PRIVATE, ~kulong{0}),
            -EOVERFLOW);
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0, TASK_SIZE + page, r, kAnonymous, 0),
            -ENOMEM);
  EXPECT_EQ(vm_mmap_pgoff(file, 0, page, rw, MAP_SHARED, 0), -EACCES);
  EXPECT_EQ(vm_mmap_pgoff(write_only.get(), 0, page, r, MAP_PRIVATE, 0),
            -EACCES);
  EXPECT_EQ(vm_mmap_pgoff(no_mmap.get(), 0, page, r, MAP_PRIVATE, 0), -ENODEV);
  EXPECT_EQ(vm_mmap_pgoff(file, 0, page, r, 0, 0), -EINVAL);
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 0, page, r, MAP_ANONYMOUS, 0), -EINVAL);
  EXPECT_EQ(vm_mmap_pgoff(file, PageAddress(0) + 1, page, r,
                          MAP_PRIVATE | MAP_FIXED, 0),
            -EINVAL);
  EXPECT_EQ(vm_mmap_pgoff(file, TASK_SIZE, page, r, MAP_PRIVATE | MAP_FIXED, 0),
            -ENOMEM);
  EXPECT_EQ(vm_mmap_pgoff(file, page, page, r, MAP_PRIVATE | MAP_FIXED, 0),
            -EPERM);
  EXPECT_EQ(mm()->map_count, 0);
  EXPECT_EQ(read_only.references(), 0);
}

TEST_F(MmapTest, SharedMappingOfReadOnlyFileIsNoSharedVma) {
  TestFile file(&machine_);
  const int64_t address =
      vm_mmap_pgoff(file.get(), 0, PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
  ASSERT_GT(address, 0);
  const kulong flags = mm()->mmap->vm_flags;
  EXPECT_EQ(flags & (VM_SHARED | VM_MAYWRITE), 0u);
  EXPECT_NE(flags & VM_MAYSHARE, 0u);
  EXPECT_EQ(do_mprotect(address, PAGE_SIZE, PROT_READ | PROT_WRITE), -EACCES);
  machine_.PutMm();
}

TEST_F(MmapTest, SharedWritableMappingIsCountedInTheMapping) {
  TestFile file(&machine_, nullptr, FMODE_READ | FMODE_WRITE);
  ASSERT_GT(vm_mmap_pgoff(file.get(), PageAddress(0), 4 * PAGE_SIZE,
                          PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 0),
            0);
  EXPECT_EQ(atomic_read(&file.mapping()->i_mmap_writable), 1);
  ASSERT_EQ(Unmap(1, 1), 0);
  EXPECT_EQ(atomic_read(&file.mapping()->i_mmap_writable), 2);
  machine_.PutMm();
  EXPECT_EQ(atomic_read(&file.mapping()->i_mmap_writable), 0);
}

// Also when the file is mapped elsewhere: the vma that failed never stood in
// its i_mmap and must not be taken out of it.
TEST_F(MmapTest, RefusedByTheFileLeavesNothingButTheHole) {
  TestFile old(&machine_);
  TestFile file(&machine_, [](struct file*, struct vm_area_struct* vma) {
    return vma->vm_pgoff == 2 ? -EIO : 0;
  });
  MapStrip(old.get(), "Rrrrrr");
  ASSERT_EQ(MapPages(file.get(), 6, 1, PROT_READ), 0);
  EXPECT_EQ(MapPages(file.get(), 2, 2, PROT_READ), -EIO);
  ExpectStrip("Rr..RrR");
  EXPECT_EQ(file.references(), 1);
  EXPECT_EQ(old.references(), 2);
  machine_.PutMm();
  EXPECT_EQ(file.mapping()->i_mmap.rb_node, nullptr);
}

TEST_F(MmapTest, LockedIsDroppedForSpecialMappingsOnly) {
  TestFile special(&machine_, [](struct file*, struct vm_area_struct* vma) {
    vma->vm_flags |= VM_MIXEDMAP;
    return 0;
  });
  TestFile plain(&machine_);
  const kulong flags = MAP_PRIVATE | MAP_FIXED | MAP_LOCKED;
  ASSERT_GT(vm_mmap_pgoff(special.get(), PageAddress(0), PAGE_SIZE, PROT_READ,
                          flags, 0),
            0);
  ASSERT_GT(vm_mmap_pgoff(plain.get(), PageAddress(1), 2 * PAGE_SIZE, PROT_READ,
                          flags, 0),
            0);
  EXPECT_EQ(find_vma(mm(), PageAddress(0))->vm_flags & VM_LOCKED, 0u);
  EXPECT_NE(find_vma(mm(), PageAddress(1))->vm_flags & VM_LOCKED, 0u);
  EXPECT_EQ(mm()->locked_vm, 2u);
  EXPECT_EQ(do_madvise(PageAddress(1), PAGE_SIZE, 4), -EINVAL);
  ASSERT_EQ(Unmap(0, 3), 0);
  EXPECT_EQ(mm()->locked_vm, 0u);
}

// With the later fix a file's vma without operations is not anonymous.
TEST(MmapFixTest, VmaIsAnonymousFixGivesFilesOperations) {
  auto map = [](struct file*, struct vm_area_struct*) { return 0; };
  for (const bool fixed : {true, false}) {
    TestMachine::Options options;
    options.fixes_off = fixed ? 0 : uint64_t{1} << FL_FIX_VMA_IS_ANONYMOUS;
    TestMachine machine(options);
    TestFile file(&machine, map);
    ASSERT_EQ(MapPages(file.get(), 0, 1, PROT_READ), 0);
    EXPECT_EQ(vma_is_anonymous(machine.mm()->mmap), !fixed);
    machine.PutMm();
  }
}

// ---- protection ----

TEST(PageProtTest, PrivateWritableIsReadOnlyAndWriteImpliesRead) {
  const auto bits = [](kulong flags) {
    return vm_get_page_prot(flags).pgprot & ~kulong{_PAGE_ACCESSED};
  };
  const kulong user = _PAGE_PRESENT | _PAGE_USER;
  EXPECT_EQ(bits(0), kulong{_PAGE_PROTNONE});
  EXPECT_EQ(bits(VM_SHARED), kulong{_PAGE_PROTNONE});
  EXPECT_EQ(bits(VM_READ), user);
  EXPECT_EQ(bits(VM_WRITE), user);
  EXPECT_EQ(bits(VM_READ | VM_WRITE), user);
  EXPECT_EQ(bits(VM_READ | VM_WRITE | VM_EXEC), user | _PAGE_EXEC);
  EXPECT_EQ(bits(VM_WRITE | VM_SHARED), user | _PAGE_RW);
  EXPECT_EQ(bits(VM_READ | VM_SHARED), user);
  EXPECT_EQ(bits(VM_EXEC), user | _PAGE_EXEC);
}

// ---- munmap ----

TEST_F(MmapTest, UnmapCutsStripsAsAsked) {
  const struct {
    const char *before, *after;
    uint64_t page, pages;
  } cases[] = {
      {"Rrrrrr", "Rr..Rr", 2, 2}, {"Rrrrrr", "..Rrrr", 0, 2},
      {"Rrrrrr", "Rrrr..", 4, 2}, {"Rrrrrr", "......", 0, 6},
      {"RrrXxx", "Rr..Xx", 2, 2}, {"RrXxRr", "R....r", 1, 4},
      {"Rr..Xx", "R....x", 1, 4}, {"..Rr..", "......", 0, 6},
      {"Rr..Rr", "Rr..Rr", 2, 2}, {".RrXx.", ".R..X.", 2, 2},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.before);
    TestFile file(&machine_);
    MapStrip(file.get(), test.before);
    ASSERT_EQ(Unmap(test.page, test.pages), 0);
    // Where a vma was cut, what is left of it begins anew.
    std::string after = Strip(mm(), 6);
    std::string expected = test.after;
    for (size_t i = 0; i < after.size(); ++i) {
      EXPECT_EQ(std::tolower(after[i]), std::tolower(expected[i])) << after;
    }
    EXPECT_EQ(validate_mm(mm()), 0u);
    EXPECT_EQ(file.references(), mm()->map_count);
    ASSERT_EQ(Unmap(0, 6), 0);
    EXPECT_EQ(file.references(), 0);
    EXPECT_EQ(mm()->map_count, 0);
    EXPECT_EQ(mm()->highest_vm_end, 0u);
    EXPECT_EQ(mm()->total_vm, 0u);
  }
}

TEST_F(MmapTest, UnmapTellsBadRangesFromEmptyOnes) {
  EXPECT_EQ(vm_munmap(PageAddress(0) + 1, PAGE_SIZE), -EINVAL);
  EXPECT_EQ(vm_munmap(PageAddress(0), 0), -EINVAL);
  EXPECT_EQ(vm_munmap(TASK_SIZE + PAGE_SIZE, PAGE_SIZE), -EINVAL);
  EXPECT_EQ(vm_munmap(PageAddress(0), TASK_SIZE), -EINVAL);
  EXPECT_EQ(vm_munmap(PageAddress(0), PAGE_SIZE), 0);
}

TEST_F(MmapTest, UnmappedPagesAndTablesAreFree) {
  const uint64_t free_before = machine_.machine()->nr_free;
  MapStrip(nullptr, "Wwwwww");
  for (uint64_t page = 0; page < 6; ++page) {
    ASSERT_EQ(TouchForWrite(mm(), page) & VM_FAULT_ERROR, 0);
  }
  EXPECT_EQ(atomic_long_read(&mm()->rss_stat[MM_ANONPAGES]), 6);
  ASSERT_EQ(Unmap(2, 2), 0);
  EXPECT_EQ(atomic_long_read(&mm()->rss_stat[MM_ANONPAGES]), 4);
  EXPECT_EQ(atomic_long_read(&mm()->nr_ptes), 1);
  ASSERT_EQ(Unmap(0, 6), 0);
  EXPECT_EQ(atomic_long_read(&mm()->rss_stat[MM_ANONPAGES]), 0);
  EXPECT_EQ(atomic_long_read(&mm()->nr_ptes), 0);
  EXPECT_EQ(machine_.machine()->nr_free, free_before);
}

// ---- map_count ----

TEST(MapCountTest, OneMoreThanTheLimitCanBeMappedButNotSplit) {
  TestMachine::Options options;
  options.max_map_count = 4;
  TestMachine machine(options);
  for (uint64_t i = 0; i < 5; ++i) {
    ASSERT_EQ(MapPages(nullptr, 4 * i, 3, PROT_READ), 0) << i;
  }
  EXPECT_EQ(machine.mm()->map_count, 5);
  EXPECT_EQ(MapPages(nullptr, 40, 1, PROT_READ), -ENOMEM);
  EXPECT_EQ(do_mprotect(PageAddress(1), PAGE_SIZE, PROT_NONE), -ENOMEM);
  EXPECT_EQ(do_madvise(PageAddress(1), PAGE_SIZE, 1), -ENOMEM);
  EXPECT_EQ(vm_munmap(PageAddress(1), PAGE_SIZE), -ENOMEM);
  EXPECT_EQ(Strip(machine.mm(), 8), "Rrr.Rrr.");
  // Cutting off an end makes no hole, so it is allowed at any count.
  EXPECT_EQ(vm_munmap(PageAddress(2), PAGE_SIZE), 0);
  EXPECT_EQ(vm_munmap(PageAddress(4), PAGE_SIZE), 0);
  EXPECT_EQ(Strip(machine.mm(), 8), "Rr...Rr.");
  // Two ends of two vmas pass the limit for a moment.
  EXPECT_EQ(vm_munmap(PageAddress(1), 5 * PAGE_SIZE), 0);
  EXPECT_EQ(Strip(machine.mm(), 8), "R.....R.");
  EXPECT_EQ(machine.mm()->map_count, 5);
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
}

TEST(MapCountTest, SplitNeedsRoomBelowTheLimit) {
  TestMachine::Options options;
  options.max_map_count = 3;
  TestMachine machine(options);
  MapStrip(nullptr, "Rrrrrr");
  EXPECT_EQ(do_mprotect(PageAddress(2), 2 * PAGE_SIZE, PROT_NONE), 0);
  EXPECT_EQ(machine.mm()->map_count, 3);
  EXPECT_EQ(do_mprotect(PageAddress(2), PAGE_SIZE, PROT_READ | PROT_EXEC),
            -ENOMEM);
  // Merging needs none.
  EXPECT_EQ(do_mprotect(PageAddress(2), 2 * PAGE_SIZE, PROT_READ), 0);
  EXPECT_EQ(Strip(machine.mm(), 6), "Rrrrrr");
}

// ---- mprotect ----

TEST_F(MmapTest, MprotectStopsAtTheFirstHoleAndKeepsWhatWasDone) {
  MapStrip(nullptr, "Rr.Rr");
  EXPECT_EQ(Protect(0, 5, 'x'), -ENOMEM);
  ExpectStrip("Xx.Rr");
  EXPECT_EQ(Protect(2, 2, 'x'), -ENOMEM);
  EXPECT_EQ(Protect(5, 1, 'x'), -ENOMEM);
  ExpectStrip("Xx.Rr");
}

TEST_F(MmapTest, MprotectTellsBadArguments) {
  MapStrip(nullptr, "Rr");
  EXPECT_EQ(do_mprotect(PageAddress(0) + 1, PAGE_SIZE, PROT_READ), -EINVAL);
  EXPECT_EQ(do_mprotect(PageAddress(0), 0, PROT_READ), 0);
  EXPECT_EQ(do_mprotect(PageAddress(0), ~kulong{0} - PAGE_SIZE, PROT_READ),
            -ENOMEM);
  EXPECT_EQ(do_mprotect(PageAddress(0), PAGE_SIZE, 0x40), -EINVAL);
  EXPECT_EQ(
      do_mprotect(PageAddress(0), PAGE_SIZE, PROT_GROWSDOWN | PROT_GROWSUP),
      -EINVAL);
  EXPECT_EQ(do_mprotect(PageAddress(0), PAGE_SIZE, PROT_GROWSDOWN), -EINVAL);
}

TEST_F(MmapTest, MprotectChangesPtesThatExist) {
  MapStrip(nullptr, "Wwww");
  ASSERT_EQ(TouchForWrite(mm(), 1) & VM_FAULT_ERROR, 0);
  struct Seen {
    int pages = 0;
    uint64_t address = 0;
    uint32_t write = 0, present = 0;
  };
  const auto look = [this] {
    Seen seen;
    walk_page_info(
        mm(),
        [](const struct fl_page_info* info, void* cookie) {
          Seen* seen = static_cast<Seen*>(cookie);
          ++seen->pages;
          seen->address = info->address;
          seen->write = info->write;
          seen->present = info->present;
        },
        &seen);
    return seen;
  };
  EXPECT_EQ(look().pages, 1);
  EXPECT_EQ(look().address, PageAddress(1));
  EXPECT_EQ(look().write, 1u);
  ASSERT_EQ(Protect(0, 4, 'r'), 0);
  EXPECT_EQ(look().write, 0u);
  ASSERT_EQ(Protect(0, 4, 'n'), 0);
  EXPECT_EQ(look().present, 1u);  // there, though out of reach
  // Back to writable: the page is written to only after another fault.
  ASSERT_EQ(Protect(0, 4, 'w'), 0);
  EXPECT_EQ(look().write, 0u);
}

// ---- madvise ----

TEST_F(MmapTest, MadviseSplitsForReadingAdviceAndSkipsHoles) {
  MapStrip(nullptr, "Rrrr..Rr");
  EXPECT_EQ(do_madvise(PageAddress(1), 2 * PAGE_SIZE, 1 /* RANDOM */), 0);
  ExpectStrip("RRrR..Rr");
  EXPECT_EQ(do_madvise(PageAddress(0), 8 * PAGE_SIZE, 0 /* NORMAL */), -ENOMEM);
  ExpectStrip("Rrrr..Rr");
  EXPECT_EQ(do_madvise(PageAddress(0), PAGE_SIZE, 12 /* MERGEABLE */), -EINVAL);
  EXPECT_EQ(do_madvise(PageAddress(0) + 1, PAGE_SIZE, 0), -EINVAL);
  EXPECT_EQ(do_madvise(PageAddress(0), 0, 0), 0);
  EXPECT_EQ(do_madvise(PageAddress(0), 2 * PAGE_SIZE, 3 /* WILLNEED */), 0);
}

TEST_F(MmapTest, DontneedDropsAnonymousPagesOnly) {
  MapStrip(nullptr, "Wwww");
  for (uint64_t page = 0; page < 4; ++page) {
    ASSERT_EQ(TouchForWrite(mm(), page) & VM_FAULT_ERROR, 0);
  }
  EXPECT_EQ(do_madvise(PageAddress(1), 2 * PAGE_SIZE, 4 /* DONTNEED */), 0);
  EXPECT_EQ(atomic_long_read(&mm()->rss_stat[MM_ANONPAGES]), 2);
  ExpectStrip("Wwww");
  mm()->mmap->vm_flags |= VM_PFNMAP;
  EXPECT_EQ(do_madvise(PageAddress(1), PAGE_SIZE, 4), -EINVAL);
  mm()->mmap->vm_flags &= ~kulong{VM_PFNMAP};
}

// ---- where mappings go ----

// The highest hole below the limit that is large enough, by looking at all.
kulong HighestHole(struct mm_struct* mm, kulong length, kulong limit) {
  kulong best = 0, below = PAGE_SIZE;
  for (struct vm_area_struct* vma = mm->mmap;; vma = vma->vm_next) {
    const kulong end = vma != nullptr ? std::min(vma->vm_start, limit) : limit;
    if (end > below && end - below >= length) best = end - length;
    if (vma == nullptr || vma->vm_end >= limit) return best;
    below = std::max(below, vma->vm_end);
  }
}

TEST_F(MmapTest, FirstMappingEndsAtMmapBase) {
  const int64_t address =
      vm_mmap_pgoff(nullptr, 0, 3 * PAGE_SIZE, PROT_READ, kAnonymous, 0);
  EXPECT_EQ(static_cast<kulong>(address) + 3 * PAGE_SIZE, mm()->mmap_base);
  EXPECT_EQ(mm()->mmap_base, PAGE_ALIGN(TASK_SIZE - (kulong{128} << 20)));
}

TEST_F(MmapTest, HintIsTakenWhenFreeAndElseNot) {
  EXPECT_EQ(vm_mmap_pgoff(nullptr, PageAddress(3) + 5, PAGE_SIZE, PROT_READ,
                          kAnonymous, 0),
            static_cast<int64_t>(PageAddress(3)));
  const int64_t other = vm_mmap_pgoff(nullptr, PageAddress(2), 2 * PAGE_SIZE,
                                      PROT_NONE, kAnonymous, 0);
  EXPECT_EQ(static_cast<kulong>(other) + 2 * PAGE_SIZE, mm()->mmap_base);
  EXPECT_EQ(vm_mmap_pgoff(nullptr, 1, PAGE_SIZE, PROT_EXEC, kAnonymous, 0) %
                PAGE_SIZE,
            0u);
}

TEST(UnmappedAreaTest, HighestHoleIsFoundInRandomLayouts) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    TestMachine machine;
    struct mm_struct* mm = machine.mm();
    const kulong top = mm->mmap_base;
    for (int step = 0; step < 120; ++step) {
      const kulong pages = 1 + random() % 8;
      const kulong page = random() % 256;
      const kulong address = top - ((page + pages) << PAGE_SHIFT);
      if (random() % 3 == 0) {
        ASSERT_EQ(vm_munmap(address, pages << PAGE_SHIFT), 0);
      } else {
        // Three protections, so that some neighbours merge and some do not.
        const kulong prot = "\0\1\5"[random() % 3];
        ASSERT_GT(vm_mmap_pgoff(nullptr, address, pages << PAGE_SHIFT, prot,
                                kAnonymous | MAP_FIXED, 0),
                  0);
      }
      ASSERT_EQ(validate_mm(mm), 0u);
      for (const kulong wanted : {1, 2, 5, 9, 40}) {
        const kulong length = wanted << PAGE_SHIFT;
        EXPECT_EQ(get_unmapped_area(nullptr, 0, length, 0, kAnonymous),
                  HighestHole(mm, length, top))
            << wanted << " pages after step " << step;
      }
      if (HasFailure()) return;
    }
  }
}

TEST_F(MmapTest, RoomAboveIsUsedWhenAllBelowIsTaken) {
  const kulong top = mm()->mmap_base;
  ASSERT_GT(vm_mmap_pgoff(nullptr, MMAP_MIN_ADDR, top - MMAP_MIN_ADDR,
                          PROT_NONE, kAnonymous | MAP_FIXED, 0),
            0);
  const kulong length = 64 << PAGE_SHIFT;
  EXPECT_EQ(get_unmapped_area(nullptr, 0, length, 0, kAnonymous), top);
  EXPECT_EQ(get_unmapped_area(nullptr, 0, TASK_SIZE / 2, 0, kAnonymous),
            static_cast<kulong>(-ENOMEM));
}

// ---- finding ----

TEST_F(MmapTest, FindVmaGivesTheLowestThatEndsAbove) {
  MapStrip(nullptr, "Rr..Xx");
  const auto start = [this](uint64_t page) -> kulong {
    struct vm_area_struct* vma = find_vma(mm(), PageAddress(page));
    return vma != nullptr ? vma->vm_start : 0;
  };
  for (int round = 0; round < 2; ++round) {  // the second from the cache
    EXPECT_EQ(start(0), PageAddress(0));
    EXPECT_EQ(start(1), PageAddress(0));
    EXPECT_EQ(start(2), PageAddress(4));
    EXPECT_EQ(start(5), PageAddress(4));
    EXPECT_EQ(start(6), 0u);
  }
  struct vm_area_struct* prev = nullptr;
  EXPECT_EQ(find_vma_prev(mm(), PageAddress(6), &prev), nullptr);
  ASSERT_NE(prev, nullptr);
  EXPECT_EQ(prev->vm_start, PageAddress(4));
  EXPECT_NE(find_vma_prev(mm(), PageAddress(3), &prev), nullptr);
  EXPECT_EQ(prev->vm_start, PageAddress(0));
}

TEST_F(MmapTest, CacheDoesNotOutliveTheVma) {
  MapStrip(nullptr, "RrXx");
  ASSERT_NE(find_vma(mm(), PageAddress(2)), nullptr);
  ASSERT_EQ(Unmap(2, 2), 0);
  EXPECT_EQ(find_vma(mm(), PageAddress(2)), nullptr);
  // The same when the sequence number wraps, or would have.
  MapStrip(nullptr, "RrXx");
  mm()->vmacache_seqnum = ~uint32_t{0};
  ASSERT_NE(find_vma(mm(), PageAddress(2)), nullptr);
  ASSERT_EQ(Unmap(2, 2), 0);
  EXPECT_EQ(find_vma(mm(), PageAddress(2)), nullptr);
}

// CVE-2018-17182.  Whether the task would believe in the vma that is freed:
// four billion unmappings by a thread that is made after the number has come
// round, none of which looks anything up for this task.
bool CacheOutlivesTheVma(uint64_t fixes_off, bool alone) {
  TestMachine::Options options;
  options.fixes_off = fixes_off;
  TestMachine machine(options);
  struct mm_struct* mm = machine.mm();
  struct task_struct* task = machine.task();
  if (!alone) atomic_inc(&mm->mm_users);
  MapStrip(nullptr, "RrXx");
  mm->vmacache_seqnum = ~uint32_t{0};
  const struct vm_area_struct* vma = find_vma(mm, PageAddress(2));
  EXPECT_EQ(vm_munmap(PageAddress(2), 2 * PAGE_SIZE), 0);
  EXPECT_NE(mm->vmacache_seqnum, task->vmacache.seqnum);
  mm->vmacache_seqnum += ~uint32_t{0};
  bool believes = false;
  for (const struct vm_area_struct* cached : task->vmacache.vmas) {
    believes |=
        cached == vma && mm->vmacache_seqnum == task->vmacache.seqnum;
  }
  vmacache_flush(task);
  if (!alone) atomic_dec(&mm->mm_users);
  return believes;
}

TEST(VmacacheTest, NumberThatComesRoundIsTakenForTheOldOneWithoutTheFix) {
  constexpr uint64_t kOff = uint64_t{1} << FL_FIX_VMACACHE_WRAP;
  EXPECT_TRUE(CacheOutlivesTheVma(kOff, true));
  EXPECT_FALSE(CacheOutlivesTheVma(kOff, false));  // emptied at the wrap
  EXPECT_FALSE(CacheOutlivesTheVma(0, true));
}

// ---- out of memory ----

// Fails the allocations of an operation one after the other: it returns an
// error or succeeds, and either way the mm is sound and nothing leaks.
TEST(MmapNoMemoryTest, EveryFailedAllocationLeavesASoundMm) {
  const std::function<int64_t()> operations[] = {
      [] { return do_mprotect(PageAddress(2), 2 << PAGE_SHIFT, PROT_READ); },
      [] { return int64_t{vm_munmap(PageAddress(2), 2 << PAGE_SHIFT)}; },
      [] { return do_madvise(PageAddress(2), 2 << PAGE_SHIFT, 1); },
      [] { return MapPages(nullptr, 3, 2, PROT_NONE); },
  };
  for (const auto& operation : operations) {
    int succeeded = 0, failed = 0;
    for (int after = 0; after < 12; ++after) {
      SCOPED_TRACE(after);
      TestMachine machine;
      MapStrip(nullptr, "Wwwwwwww");
      ASSERT_EQ(TouchForWrite(machine.mm(), 3) & VM_FAULT_ERROR, 0);
      machine.FailAllocations(after, 2);
      const int64_t error = operation();
      EXPECT_TRUE(error == 0 || error == -ENOMEM || error == -EAGAIN) << error;
      ++(error == 0 ? succeeded : failed);
      EXPECT_EQ(validate_mm(machine.mm()), 0u);
      struct machine* left = machine.machine();
      machine.PutMm();
      EXPECT_EQ(kmem_cache_objects(left->vm_area_cachep), 0u);
      EXPECT_EQ(kmem_cache_objects(left->anon_vma_cachep), 0u);
      EXPECT_EQ(kmem_cache_objects(left->anon_vma_chain_cachep), 0u);
      for (const TestReport& report : machine.TakeReports()) {
        ADD_FAILURE() << report.text;
      }
    }
    EXPECT_GT(succeeded, 0);
    EXPECT_GT(failed, 0);
  }
}

}  // namespace
}  // namespace faultline
