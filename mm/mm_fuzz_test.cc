// SPDX-License-Identifier: GPL-2.0-only
//
// Random mmap, munmap, mprotect, madvise, mremap and write faults, against an
// array that remembers for each page what it should be.  After each operation
// the vmas say the same as the array, the self-checks are silent, and at the
// end nothing is left over.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "mm/testing.h"

namespace faultline {
namespace {

constexpr uint64_t kPages = 48;

struct PageState {
  bool mapped = false;
  kulong prot = 0;
  int file = -1;       // -1: anonymous
  uint64_t pgoff = 0;  // in the file
  bool present = false;
};

class Fuzz {
 public:
  Fuzz(uint32_t seed, uint32_t max_map_count)
      : random_(seed), machine_(Limit(max_map_count)) {
    for (auto& file : files_) file = std::make_unique<TestFile>(&machine_);
  }

  void Run(int steps) {
    for (int step = 0; step < steps; ++step) {
      const uint64_t page = Below(kPages);
      const uint64_t pages = 1 + Below(std::min<uint64_t>(8, kPages - page));
      const std::string what = Step(page, pages);
      SCOPED_TRACE(testing::Message()
                   << "step " << step << ": " << what << " " << page << "+"
                   << pages << " " << Strip(machine_.mm(), kPages));
      Check();
      if (testing::Test::HasFailure()) return;
    }
    Finish();
  }

 private:
  static TestMachine::Options Limit(uint32_t max_map_count) {
    TestMachine::Options options;
    options.max_map_count = max_map_count;
    return options;
  }

  uint64_t Below(uint64_t n) { return random_() % n; }
  kulong AnyProt() {
    static constexpr char kLetters[] = "nrxowe";
    return LetterProt(kLetters[Below(6)]);
  }

  std::string Step(uint64_t page, uint64_t pages) {
    switch (Below(9)) {
      case 0:
        return Mmap(page, pages, -1);
      case 1:
        return Mmap(page, pages, static_cast<int>(Below(files_.size())));
      case 2:
        return Munmap(page, pages);
      case 3:
      case 4:
        return Mprotect(page, pages);
      case 5:
        return Madvise(page, pages);
      case 6:
        return MremapTo(page, pages);
      case 7:
        return MremapInPlace(page, pages);
      default:
        return Write(page);
    }
  }

  // At the limit of mappings MAP_FIXED may have unmapped before it failed.
  std::string Mmap(uint64_t page, uint64_t pages, int file) {
    const kulong prot = AnyProt();
    // Offsets that fit a neighbour half of the time.
    const uint64_t pgoff = page + (Below(2) ? 0 : Below(3));
    const int count = machine_.mm()->map_count;
    const int64_t address =
        vm_mmap_pgoff(file < 0 ? nullptr : files_[file]->get(),
                      PageAddress(page), pages << PAGE_SHIFT, prot,
                      MAP_PRIVATE | MAP_FIXED | (file < 0 ? MAP_ANONYMOUS : 0),
                      file < 0 ? 0 : pgoff);
    if (address < 0) {
      EXPECT_EQ(address, -ENOMEM);
      EXPECT_GE(count, MaxMapCount());
      return "mmap failed";
    }
    for (uint64_t i = 0; i < pages; ++i) {
      pages_[page + i] = {true, prot, file, pgoff + i, false};
    }
    return "mmap";
  }

  std::string Munmap(uint64_t page, uint64_t pages) {
    const int count = machine_.mm()->map_count;
    const int error = vm_munmap(PageAddress(page), pages << PAGE_SHIFT);
    if (error != 0) {
      EXPECT_EQ(error, -ENOMEM);
      EXPECT_GE(count, MaxMapCount());
      return "munmap failed";
    }
    for (uint64_t i = 0; i < pages; ++i) pages_[page + i] = {};
    return "munmap";
  }

  // Stops at the first hole; at the limit it stops anywhere, so that the
  // array is then told by the vmas how far it came.
  std::string Mprotect(uint64_t page, uint64_t pages) {
    const kulong prot = AnyProt();
    const int64_t error =
        do_mprotect(PageAddress(page), pages << PAGE_SHIFT, prot);
    uint64_t done = 0;
    while (done < pages && pages_[page + done].mapped) ++done;
    const bool hole = done < pages;
    if (error == 0) {
      EXPECT_FALSE(hole);
    } else {
      EXPECT_EQ(error, -ENOMEM);
      EXPECT_TRUE(hole || machine_.mm()->map_count >= MaxMapCount());
    }
    bool stopped = false;
    for (uint64_t i = 0; i < done; ++i) {
      PageState& state = pages_[page + i];
      const kulong actual = ActualProt(page + i);
      if (actual == prot && !stopped) {
        state.prot = prot;
      } else {
        EXPECT_NE(error, 0) << "not all of it was done";
        EXPECT_GE(machine_.mm()->map_count, MaxMapCount());
        stopped = true;  // from here on all is as before
      }
    }
    return "mprotect";
  }

  std::string Madvise(uint64_t page, uint64_t pages) {
    const int advice = static_cast<int>(Below(5));
    const int64_t error =
        do_madvise(PageAddress(page), pages << PAGE_SHIFT, advice);
    bool hole = false;
    for (uint64_t i = 0; i < pages; ++i) {
      hole = hole || !pages_[page + i].mapped;
      if (advice == 4) pages_[page + i].present = false;
    }
    if (error != 0) {
      EXPECT_EQ(error, -ENOMEM);
      EXPECT_TRUE(hole || machine_.mm()->map_count >= MaxMapCount());
    }
    return "madvise";
  }

  // All of these pages belong to one vma; *ends: exactly at its end.
  bool OneVma(uint64_t page, uint64_t pages, bool* ends) {
    struct vm_area_struct* vma = VmaOf(page);
    if (vma == nullptr || vma->vm_end < PageAddress(page + pages)) return false;
    *ends = vma->vm_end == PageAddress(page + pages);
    return true;
  }

  // What mremap makes of page `from` + i, when it was `pages` long.
  PageState MovedState(const std::array<PageState, kPages>& before,
                       uint64_t from, uint64_t pages, uint64_t i) {
    PageState state = before[from + std::min(i, pages - 1)];
    if (i >= pages) {
      state.pgoff += i - (pages - 1);
      state.present = false;
    }
    return state;
  }

  std::string MremapTo(uint64_t page, uint64_t pages) {
    const uint64_t to = Below(kPages);
    const uint64_t wanted = 1 + Below(std::min<uint64_t>(8, kPages - to));
    const std::array<PageState, kPages> before = pages_;
    const uint64_t kept = std::min(pages, wanted);
    bool ends = false;
    const bool one = OneVma(page, kept, &ends);
    const int64_t address =
        do_mremap(PageAddress(page), pages << PAGE_SHIFT, wanted << PAGE_SHIFT,
                  1 | 2, PageAddress(to));
    if (page < to + wanted && to < page + pages) {
      EXPECT_EQ(address, -EINVAL);
      return "mremap onto itself";
    }
    // What is in the way or cut off goes first, whatever comes of the rest.
    auto clear = [&](uint64_t first, uint64_t count) {
      for (uint64_t i = first; i < first + count; ++i) {
        if (address != -ENOMEM || VmaOf(i) == nullptr) pages_[i] = {};
      }
    };
    clear(to, wanted);
    clear(page + kept, pages - kept);
    if (address < 0) {
      EXPECT_EQ(address, one || MaxMapCount() < 10 ? address : -EFAULT);
      EXPECT_TRUE(address == -EFAULT ? !one
                                     : address == -ENOMEM && MaxMapCount() < 10)
          << address;
      return "mremap failed";
    }
    EXPECT_TRUE(one);
    EXPECT_EQ(static_cast<kulong>(address), PageAddress(to));
    for (uint64_t i = 0; i < wanted; ++i) {
      pages_[to + i] = MovedState(before, page, kept, i);
    }
    for (uint64_t i = 0; i < kept; ++i) pages_[page + i] = {};
    return "mremap";
  }

  std::string MremapInPlace(uint64_t page, uint64_t pages) {
    const uint64_t wanted = 1 + Below(std::min<uint64_t>(10, kPages - page));
    const std::array<PageState, kPages> before = pages_;
    bool ends = false, room = true;
    const bool one = OneVma(page, pages, &ends);
    for (uint64_t i = pages; i < wanted; ++i) {
      room = room && !pages_[page + i].mapped;
    }
    const int64_t address = do_mremap(PageAddress(page), pages << PAGE_SHIFT,
                                      wanted << PAGE_SHIFT, 0, 0);
    if (address < 0) {
      if (wanted > pages) {
        EXPECT_EQ(address, one ? -ENOMEM : -EFAULT);
        EXPECT_FALSE(one && ends && room);
      } else {
        EXPECT_EQ(address, -ENOMEM);
        EXPECT_GE(machine_.mm()->map_count, MaxMapCount());
      }
      return "mremap in place failed";
    }
    EXPECT_EQ(static_cast<kulong>(address), PageAddress(page));
    EXPECT_TRUE(wanted <= pages || (one && ends && room));
    for (uint64_t i = wanted; i < pages; ++i) pages_[page + i] = {};
    for (uint64_t i = pages; i < wanted; ++i) {
      pages_[page + i] = MovedState(before, page, pages, i);
    }
    return "mremap in place";
  }

  std::string Write(uint64_t page) {
    PageState& state = pages_[page];
    if (!state.mapped || state.file >= 0 || !(state.prot & PROT_WRITE)) {
      return "nothing";
    }
    EXPECT_EQ(TouchForWrite(machine_.mm(), page) & VM_FAULT_ERROR, 0);
    state.present = true;
    return "write";
  }

  int MaxMapCount() {
    return static_cast<int>(machine_.machine()->sysctl_max_map_count);
  }

  struct vm_area_struct* VmaOf(uint64_t page) {
    for (struct vm_area_struct* vma = machine_.mm()->mmap; vma != nullptr;
         vma = vma->vm_next) {
      if (PageAddress(page) >= vma->vm_start &&
          PageAddress(page) < vma->vm_end) {
        return vma;
      }
    }
    return nullptr;
  }

  kulong ActualProt(uint64_t page) {
    struct vm_area_struct* vma = VmaOf(page);
    return vma == nullptr ? ~kulong{0}
                          : vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC);
  }

  void CheckPage(uint64_t page) {
    const PageState& state = pages_[page];
    const struct vm_area_struct* vma = VmaOf(page);
    ASSERT_EQ(vma != nullptr, state.mapped) << "page " << page;
    if (vma == nullptr) return;
    EXPECT_EQ(ActualProt(page), state.prot) << "page " << page;
    EXPECT_EQ(vma->vm_file,
              state.file < 0 ? nullptr : files_[state.file]->get());
    EXPECT_EQ(vma->vm_page_prot.pgprot, vm_get_page_prot(vma->vm_flags).pgprot);
    if (state.file >= 0) {
      EXPECT_EQ(linear_page_index(vma, PageAddress(page)), state.pgoff);
    }
  }

  void Check() {
    EXPECT_EQ(validate_mm(machine_.mm()), 0u);
    EXPECT_EQ(machine_.Committed(),
              static_cast<int64_t>(AccountedPages(machine_.mm())));
    int64_t present = 0;
    for (uint64_t page = 0; page < kPages; ++page) {
      CheckPage(page);
      present += pages_[page].present;
    }
    EXPECT_EQ(atomic_long_read(&machine_.mm()->rss_stat[MM_ANONPAGES]),
              present);
    std::array<uint64_t, kPages> seen = {};
    walk_page_info(
        machine_.mm(),
        [](const struct fl_page_info* info, void* cookie) {
          const uint64_t page = (info->address - kStripBase) >> PAGE_SHIFT;
          if (page < kPages) (*static_cast<decltype(&seen)>(cookie))[page]++;
        },
        &seen);
    for (uint64_t page = 0; page < kPages; ++page) {
      EXPECT_EQ(seen[page], pages_[page].present ? 1u : 0u) << page;
    }
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  void Finish() {
    struct machine* machine = machine_.machine();
    machine_.PutMm();
    for (const auto& file : files_) EXPECT_EQ(file->references(), 0);
    EXPECT_EQ(kmem_cache_objects(machine->vm_area_cachep), 0u);
    EXPECT_EQ(kmem_cache_objects(machine->mm_cachep), 0u);
    EXPECT_EQ(kmem_cache_objects(machine->anon_vma_cachep), 0u);
    EXPECT_EQ(kmem_cache_objects(machine->anon_vma_chain_cachep), 0u);
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  std::mt19937 random_;
  TestMachine machine_;
  std::array<std::unique_ptr<TestFile>, 2> files_;
  std::array<PageState, kPages> pages_ = {};
};

TEST(MmFuzzTest, VmasSayWhatWasAskedFor) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Fuzz(seed, 0).Run(300);
    if (HasFailure()) return;
  }
}

TEST(MmFuzzTest, AtTheLimitOfMappings) {
  for (uint32_t seed = 100; seed < 140; ++seed) {
    SCOPED_TRACE(seed);
    Fuzz(seed, 6).Run(300);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace faultline
