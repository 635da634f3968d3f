// SPDX-License-Identifier: GPL-2.0-only
//
// Strips on which vmas are merged: every place a range can have beside its
// neighbours, and every call that merges.
//
// A letter a page.  Before: P and N are the vmas below and above the range and
// already are what the range will be, O is the vma that the range is a part
// of, # marks the range.  After: A, B, C are the vmas from the lowest up.

#ifndef FAULTLINE_MM_TESTING_MERGE_H_
#define FAULTLINE_MM_TESTING_MERGE_H_

#include <cstdint>
#include <cstdio>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "mm/testing_pages.h"

namespace faultline {

inline constexpr uint64_t kPages = 12;   // of a strip
inline constexpr uint64_t kSource = 40;  // from where mremap moves

// ---- places ----

struct Place {
  const char* name;
  const char* before;
  const char* range;
  // When the range may join both neighbours, which may join each other; the one
  // below alone; the one above alone; neither.
  const char *both, *below, *above, *neither;
};

// The range is not mapped: mmap, brk, mremap.
inline constexpr Place kGaps[] = {
    {"Case123", "PPPP....NNNN",  //
     "    ####    ",             //
     "AAAAAAAAAAAA",             // 1
     "AAAAAAAABBBB",             // 2
     "AAAABBBBBBBB",             // 3
     "AAAABBBBCCCC"},
    {"NothingAbove", "PPPP........",  //
     "    ####    ",                  //
     "AAAAAAAA....",                  // 2
     "AAAAAAAA....", "AAAABBBB....", "AAAABBBB...."},
    {"NothingBelow", "........NNNN",  //
     "    ####    ",                  //
     "....AAAAAAAA",                  // 3
     "....AAAABBBB", "....AAAAAAAA", "....AAAABBBB"},
    {"HoleBelow", "PPP.....NNNN",  //
     "    ####    ",               //
     "AAA.BBBBBBBB",               // 3
     "AAA.BBBBCCCC", "AAA.BBBBBBBB", "AAA.BBBBCCCC"},
    {"HoleAbove", "PPPP.....NNN",  //
     "    ####    ",               //
     "AAAAAAAA.BBB",               // 2
     "AAAAAAAA.BBB", "AAAABBBB.CCC", "AAAABBBB.CCC"},
};

// The range is mapped and changes: mprotect, madvise, mlock.
inline constexpr Place kParts[] = {
    {"Case4", "OOOOOONNNNNN",  //
     "  ####      ",           //
     "AABBBBBBBBBB",           // 4
     "AABBBBCCCCCC", "AABBBBBBBBBB", "AABBBBCCCCCC"},
    {"Case5", "PPPPPPOOOOOO",  //
     "      ####  ",           //
     "AAAAAAAAAABB",           // 5
     "AAAAAAAAAABB", "AAAAAABBBBCC", "AAAAAABBBBCC"},
    {"Case678", "PPPPOOOONNNN",  //
     "    ####    ",             //
     "AAAAAAAAAAAA",             // 6
     "AAAAAAAABBBB",             // 7
     "AAAABBBBBBBB",             // 8
     "AAAABBBBCCCC"},
    {"LastVma", "PPPPOOOO....",  //
     "    ####    ",             //
     "AAAAAAAA....",             // 7
     "AAAAAAAA....", "AAAABBBB....", "AAAABBBB...."},
    {"FirstVma", "OOOONNNN....",  //
     "####        ",              //
     "AAAAAAAA....",              // 8
     "AAAABBBB....", "AAAAAAAA....", "AAAABBBB...."},
    {"Middle", "OOOOOOOOOOOO",  //
     "    ####    ",            // touches nobody
     "AAAABBBBCCCC", "AAAABBBBCCCC", "AAAABBBBCCCC", "AAAABBBBCCCC"},
    {"MiddleBetween", "PPPOOOOOONNN",  //
     "    ####    ",                   // as above
     "AAABCCCCDEEE", "AAABCCCCDEEE", "AAABCCCCDEEE", "AAABCCCCDEEE"},
};

// ---- differences ----

enum Side : unsigned { kP = 1, kN = 2, kO = 4 };

// What is different about a vma, from the moment the strip stands.
struct Difference {
  kulong flags = 0;  // these bits are flipped
  int file_pages = 0;
  enum File { kSame, kOther, kOpenedAgain, kNoneOrSome } file = kSame;
  const struct vm_operations_struct* ops = nullptr;
  void* data = nullptr;
};

// ---- calls ----

using Change = int64_t (*)(uint64_t page, uint64_t pages);

inline kulong Bytes(uint64_t pages) {
  return static_cast<kulong>(pages) << PAGE_SHIFT;
}

template <int behavior>
int64_t Advise(uint64_t page, uint64_t pages) {
  return do_madvise(PageAddress(page), Bytes(pages), behavior);
}
template <kulong prot>
int64_t Protect(uint64_t page, uint64_t pages) {
  return do_mprotect(PageAddress(page), Bytes(pages), prot);
}
inline int64_t Lock(uint64_t page, uint64_t pages) {
  return sys_mlock(PageAddress(page), Bytes(pages));
}
inline int64_t LockOnFault(uint64_t page, uint64_t pages) {
  return sys_mlock2(PageAddress(page), Bytes(pages), FL_MLOCK_ONFAULT);
}
inline int64_t Unlock(uint64_t page, uint64_t pages) {
  return sys_munlock(PageAddress(page), Bytes(pages));
}
// do_brk_flags as exec calls it: brk(2) itself keeps clear of what is above.
inline int64_t Brk(uint64_t page, uint64_t pages) {
  down_write(&current->mm->mmap_sem);
  const int error = do_brk_flags(PageAddress(page), Bytes(pages), 0);
  up_write(&current->mm->mmap_sem);
  return error;
}
inline int64_t Move(uint64_t page, uint64_t pages) {
  const int64_t to =
      do_mremap(PageAddress(kSource), Bytes(pages), Bytes(pages),
                FL_MREMAP_MAYMOVE | FL_MREMAP_FIXED, PageAddress(page));
  return to < 0 ? to : 0;
}

struct Call {
  const char* name;
  enum Kind { kMmap, kBrk, kMremap, kChange } kind;
  // kChange: makes a fresh mapping what O is, and O what P and N are.
  Change from, to;
};

inline constexpr Call kCalls[] = {
    {"Mmap", Call::kMmap, nullptr, nullptr},
    {"Brk", Call::kBrk, nullptr, Brk},
    {"Mremap", Call::kMremap, nullptr, Move},
    {"Mprotect", Call::kChange, nullptr, Protect<PROT_READ | PROT_EXEC>},
    {"MprotectNone", Call::kChange, nullptr, Protect<PROT_NONE>},
    {"MadviseSequential", Call::kChange, nullptr, Advise<2>},
    {"MadviseRandom", Call::kChange, Advise<2>, Advise<1>},
    {"MadviseNormal", Call::kChange, Advise<1>, Advise<0>},
    {"MadviseDontfork", Call::kChange, nullptr, Advise<10>},
    {"MadviseDofork", Call::kChange, Advise<10>, Advise<11>},
    {"MadviseDontdump", Call::kChange, nullptr, Advise<16>},
    {"MadviseDodump", Call::kChange, Advise<16>, Advise<17>},
    {"Mlock", Call::kChange, nullptr, Lock},
    {"Mlock2", Call::kChange, nullptr, LockOnFault},
    {"Munlock", Call::kChange, Lock, Unlock},
};

enum class Memory { kAnonymous, kFile, kSharedFile };

// ---- the strip ----

class Strips {
 public:
  Strips(const Call& call, Memory memory)
      : call_(call), memory_(memory), file_(&machine_), other_(&machine_) {
    for (PagedFile* file : {&file_, &other_}) {
      file->get()->f_mode |= FMODE_WRITE;
      file->mapping()->host->i_size = int64_t{1} << 40;
    }
    opened_again_ = *file_.get();
    atomic_long_set(&opened_again_.f_count, 1);
    set_rlimit(machine_.mm(), FL_RLIMIT_MEMLOCK, ~uint64_t{0}, ~uint64_t{0});
    EXPECT_GT(vm_mmap_pgoff(file_.get(), PageAddress(0), PAGE_SIZE, PROT_READ,
                            MAP_PRIVATE | MAP_FIXED, 0),
              0);
    file_ops_ = VmaAt(0)->vm_ops;
    EXPECT_EQ(vm_munmap(PageAddress(0), PAGE_SIZE), 0);
  }
  ~Strips() {
    machine_.PutMm();
    EXPECT_EQ(file_.mapping()->i_mmap.rb_node, nullptr);
    EXPECT_EQ(atomic_long_read(&file_.get()->f_count), 1);
    EXPECT_EQ(atomic_long_read(&opened_again_.f_count), 1);
    for (struct kmem_cache* cache :
         {machine()->vm_area_cachep, machine()->anon_vma_cachep,
          machine()->anon_vma_chain_cachep}) {
      EXPECT_EQ(kmem_cache_objects(cache), 0u);
    }
    ExpectNoReports();
  }

  TestMachine* test_machine() { return &machine_; }
  struct machine* machine() {
    return machine_.machine();
  }
  // Of whoever runs: a child has its own.
  struct mm_struct* mm() {
    return current->mm;
  }

  void Build(const Place& place, const Difference& difference, unsigned sides) {
    const std::string before = place.before;
    const std::string range = place.range;
    first_ = range.find('#');
    count_ = range.rfind('#') + 1 - first_;
    for (uint64_t page = 0, end; page < kPages; page = end) {
      end = before.find_first_not_of(before[page], page);
      if (end > kPages) end = kPages;
      Map(before[page], page, page, end - page, difference, sides);
    }
    if (call_.kind == Call::kMremap) {
      Map('O', kSource, first_, count_, difference, sides);
    }
    // All at once at the end, for building merges and splits as well.
    ForEach(before, [&](char role, struct vm_area_struct* vma) {
      if (!(SideOf(role) & sides)) return;
      vma->vm_flags ^= difference.flags;
      if (difference.flags & VM_GROWSDOWN) vma_gap_update(vma);
      if (difference.ops != nullptr) {
        vma->vm_ops = difference.ops;
        // With vm_ops it is not anonymous, so its offset does not follow it.
        if (vma->vm_file == nullptr && vma->vm_start == PageAddress(kSource)) {
          vma->vm_pgoff = PageAddress(first_) >> PAGE_SHIFT;
        }
      }
      if (difference.data != nullptr) vma->vm_private_data = difference.data;
      if (difference.file_pages != 0 && vma->vm_file == nullptr) {
        vma->vm_pgoff += difference.file_pages;  // as if it had been moved
      }
    });
  }

  // The call; its errno.
  int64_t Run() {
    if (call_.kind != Call::kMmap) return call_.to(first_, count_);
    return MapPages(PlainFile(), first_, first_, count_);
  }

  // A letter a vma, from the lowest up.
  std::string After() {
    std::string strip(kPages, '.');
    char letter = 'A';
    for (struct vm_area_struct* vma = mm()->mmap; vma; vma = vma->vm_next) {
      if (vma->vm_start >= PageAddress(kPages)) break;
      for (kulong a = vma->vm_start; a < vma->vm_end; a += PAGE_SIZE) {
        strip[(a - kStripBase) >> PAGE_SHIFT] = letter;
      }
      ++letter;
    }
    return strip;
  }

  // What a page of the strip is mapped as; "-" when it is not.
  std::string PageText(uint64_t page) {
    const kulong address = PageAddress(page);
    struct vm_area_struct* vma = find_vma(mm(), address);
    if (vma == nullptr || vma->vm_start > address) return "-";
    char text[96];
    std::snprintf(
        text, sizeof(text), "%llx %p %llx",
        static_cast<unsigned long long>(vma->vm_flags &
                                        ~static_cast<kulong>(VM_SOFTDIRTY)),
        static_cast<void*>(vma->vm_file),
        static_cast<unsigned long long>(linear_page_index(vma, address)));
    return text;
  }
  std::vector<std::string> PageTexts() {
    std::vector<std::string> texts;
    for (uint64_t page = 0; page < kPages; ++page) {
      texts.push_back(PageText(page));
    }
    return texts;
  }
  bool InRange(uint64_t page) {
    return page >= first_ && page < first_ + count_;
  }

  // The strip goes; the differences first, so that what is counted by flags
  // comes out even.  `before`: what the letters after the call stand for.
  void Clear(const Difference& difference, unsigned sides, const Place& place,
             bool merged) {
    const std::string before = place.before;
    for (struct vm_area_struct* vma = mm()->mmap; vma; vma = vma->vm_next) {
      if (difference.ops != nullptr) {
        vma->vm_ops = vma->vm_file != nullptr ? file_ops_ : nullptr;
      }
      if (merged || difference.flags == 0) continue;
      const uint64_t page = (vma->vm_start - kStripBase) >> PAGE_SHIFT;
      const char role = page < kPages ? before[page] : 'O';
      const bool moved = call_.kind != Call::kChange && InRange(page);
      const bool carried = call_.kind == Call::kMremap && (sides & kO);
      if (moved ? carried : (SideOf(role) & sides) != 0) {
        vma->vm_flags ^= difference.flags;
        if (difference.flags & VM_GROWSDOWN) vma_gap_update(vma);
      }
    }
    EXPECT_EQ(validate_mm(mm()), 0u);
    ExpectNoReports();
    ASSERT_EQ(vm_munmap(kStripBase, Bytes(100)), 0);
    ASSERT_EQ(mm()->map_count, 0);
  }

  void ExpectNoReports() {
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  // The vma of each run of equal letters, and of the source of mremap.
  void ForEach(
      const std::string& strip,
      const std::function<void(char role, struct vm_area_struct* vma)>& visit) {
    for (uint64_t page = 0; page < kPages; ++page) {
      if (strip[page] == '.' || (page > 0 && strip[page] == strip[page - 1])) {
        continue;
      }
      visit(strip[page], VmaAt(page));
    }
    if (call_.kind == Call::kMremap) visit('O', VmaAt(kSource));
  }

  // NULL when nothing is mapped there.
  struct vm_area_struct* VmaAt(uint64_t page) {
    struct vm_area_struct* vma = find_vma(mm(), PageAddress(page));
    return vma != nullptr && vma->vm_start <= PageAddress(page) ? vma : nullptr;
  }

 private:
  static unsigned SideOf(char role) {
    return role == 'P' ? kP : role == 'N' ? kN : kO;
  }
  struct file* PlainFile() {
    return memory_ == Memory::kAnonymous ? nullptr : file_.get();
  }
  // Page `index` of the strip's object at `page`.  A file's page is the one
  // that anonymous memory has at that address.
  int64_t MapPages(struct file* file, uint64_t page, uint64_t index,
                   uint64_t pages) {
    const kulong sharing =
        memory_ == Memory::kSharedFile ? MAP_SHARED : MAP_PRIVATE;
    const kulong flags =
        MAP_FIXED | (file != nullptr ? sharing : MAP_PRIVATE | MAP_ANONYMOUS);
    const kulong prot =
        call_.kind == Call::kBrk ? PROT_READ | PROT_WRITE : PROT_READ;
    const int64_t address =
        vm_mmap_pgoff(file, PageAddress(page), Bytes(pages), prot, flags,
                      file != nullptr ? PageAddress(index) >> PAGE_SHIFT : 0);
    return address < 0 ? address : 0;
  }

  void Map(char role, uint64_t page, uint64_t index, uint64_t pages,
           const Difference& difference, unsigned sides) {
    if (role == '.') return;
    struct file* file = PlainFile();
    if (SideOf(role) & sides) {
      if (file != nullptr) index += difference.file_pages;
      switch (difference.file) {
        case Difference::kSame:
          break;
        case Difference::kOther:
          file = other_.get();
          break;
        case Difference::kOpenedAgain:
          file = &opened_again_;
          break;
        case Difference::kNoneOrSome:
          file = file == nullptr ? file_.get() : nullptr;
          break;
      }
    }
    ASSERT_EQ(MapPages(file, page, index, pages), 0);
    if (call_.kind != Call::kChange) return;
    const Change change = role == 'O' ? call_.from : call_.to;
    if (change != nullptr) {
      ASSERT_EQ(change(page, pages), 0);
    }
  }

  const Call call_;
  const Memory memory_;
  TestMachine machine_;
  PagedFile file_, other_;
  struct file opened_again_ = {};
  const struct vm_operations_struct* file_ops_;
  uint64_t first_ = 0, count_ = 0;  // pages of the range
};

inline std::string Row(const Place& place, const std::string& condition,
                       unsigned sides) {
  return std::string(place.before) + "\n" + place.range + "\n" + condition +
         (sides & kP ? " P" : "") + (sides & kN ? " N" : "") +
         (sides & kO ? " O" : "");
}

inline void PrintTo(const Call& call, std::ostream* out) { *out << call.name; }

}  // namespace faultline

#endif  // FAULTLINE_MM_TESTING_MERGE_H_
