// SPDX-License-Identifier: GPL-2.0-only
//
// A machine with one process and one task, for unit tests that call the
// functions of mm/ directly.  Host code, but compiled with a kernel build's
// defines and linked with its native objects.
//
// The runtime underneath has one thread: a task that would have to wait
// aborts the test, since nobody could ever wake it.

#ifndef FAULTLINE_MM_TESTING_H_
#define FAULTLINE_MM_TESTING_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

// The C library's own, which come in by way of gtest.
#undef SEGV_MAPERR
#undef SEGV_ACCERR
#undef BUS_ADRERR
#undef S_IFMT
#undef S_IFSOCK
#undef S_IFLNK
#undef S_IFREG
#undef S_IFBLK
#undef S_IFDIR
#undef S_IFCHR
#undef S_IFIFO
#undef S_ISDIR
#undef S_ISLNK
#undef S_ISREG

#include "mm/internal.h"

namespace faultline {

// One report of the model: a WARN, or a failed self-check.  A BUG ends the
// process with its text on stderr.
struct TestReport {
  uint32_t kind;  // enum fl_report_kind
  std::string text;
};

// Boots on construction.  Destruction puts the mm, unless the test did, and
// drops all memory.  One at a time.
class TestMachine {
 public:
  struct Options {
    uint64_t ram_pages = 512;
    uint64_t slab_bytes = 4 << 20;
    uint64_t rom_bytes = 0;
    uint64_t rom_phys = 0x40000000;
    uint32_t max_map_count = 0;  // 0: the kernel's default
    uint64_t fixes_off = 0;
    uint32_t overcommit_memory = 0;
    uint64_t overcommit_kbytes = 0;
    uint32_t cpus = 1;  // the machine's task runs on the first
  };

  TestMachine() : TestMachine(Options()) {}
  explicit TestMachine(const Options& options);
  TestMachine(const TestMachine&) = delete;
  TestMachine& operator=(const TestMachine&) = delete;
  ~TestMachine();

  struct machine* machine() {
    return machine_;
  }
  struct mm_struct* mm() {
    return mm_;
  }
  struct task_struct* task() {
    return &task_;
  }

  // The task leaves its mm and the mm goes, as at exit.
  void PutMm();

  // The next `after` allocations succeed, the `count` after them fail, and all
  // later ones succeed again.
  void FailAllocations(int after, int count) {
    allocations_ = 0;
    fail_from_ = after;
    fail_end_ = after + count;
    failed_ = 0;
  }
  // Allocations since then.
  int allocations() const { return allocations_; }

  // Committed memory of the machine, pages.
  int64_t Committed() {
    return percpu_counter_read(&machine_->vm_committed_as);
  }

  // Has one of those failed since?
  bool AllocationFailed() const { return failed_ > 0; }
  // Free frames before the process was made.
  uint64_t boot_free() const { return boot_free_; }

  // Reports since the last call.
  std::vector<TestReport> TakeReports();

 private:
  static void Report(uint32_t kind, const char* file, int line,
                     const char* function, const char* text, const void* pc);
  static uint32_t Choose(uint32_t n, uint32_t why);

  static TestMachine* active_;

  void* arena_ = nullptr;
  uint64_t arena_bytes_ = 0;
  struct machine* machine_ = nullptr;
  struct mm_struct* mm_ = nullptr;
  struct task_struct task_ = {};
  int allocations_ = 0;
  int fail_from_ = 0;
  int fail_end_ = 0;
  int failed_ = 0;
  uint64_t boot_free_ = 0;
  std::vector<TestReport> reports_;
};

// An open file that maps as `mmap` says and holds no data.  Outlives every
// mapping of it.
class TestFile {
 public:
  using Mmap = int (*)(struct file* file, struct vm_area_struct* vma);

  explicit TestFile(TestMachine* machine, Mmap mmap = nullptr,
                    uint32_t mode = FMODE_READ);
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;

  struct file* get() {
    return &file_;
  }
  struct address_space* mapping() {
    return &inode_.i_data;
  }
  // Mappings that hold the file, beside the test itself.
  int64_t references() { return atomic_long_read(&file_.f_count) - 1; }

 private:
  struct super_block sb_ = {};
  struct inode inode_ = {};
  struct dentry dentry_ = {};
  struct file_operations ops_ = {};
  struct file file_ = {};
};

// A file of `bytes` bytes, each as Byte() says, that are read into the page
// cache when somebody wants them.  Maps as generic_file_mmap does, or as
// `mmap` says.  Its end ends the machine's process too, mappings and all.
class TestDataFile {
 public:
  using Mmap = TestFile::Mmap;

  TestDataFile(TestMachine* machine, uint64_t bytes, Mmap mmap = nullptr,
               uint32_t mode = FMODE_READ);
  TestDataFile(const TestDataFile&) = delete;
  TestDataFile& operator=(const TestDataFile&) = delete;
  ~TestDataFile();

  static uint8_t Byte(uint64_t offset) {
    return static_cast<uint8_t>(offset * 7 + (offset >> PAGE_SHIFT) * 13 + 1);
  }

  struct file* get() {
    return &file_;
  }
  struct inode* inode() {
    return &inode_;
  }
  // The page of the cache, or NULL; without a reference.
  struct page* CachedPage(uint64_t index);
  // Calls of fsync and fallocate so far, and what the next ones answer.
  int fsyncs = 0;
  int fallocates = 0;
  int answer = 0;
  int64_t last_start = 0, last_end = 0;  // bytes, of the last such call

 private:
  static int Readpage(struct file* file, struct page* page);
  static int Fsync(struct file* file, int64_t start, int64_t end, int datasync);
  static int Fallocate(struct file* file, int mode, int64_t offset,
                       int64_t bytes);

  TestMachine* machine_;
  struct super_block sb_ = {};
  struct inode inode_ = {};
  struct dentry dentry_ = {};
  struct address_space_operations aops_ = {};
  struct file_operations ops_ = {};
  struct file file_ = {};
};

// ---- strips: one letter a page, a capital where a vma begins ----
//
//   "RrrXx..Rr"   three pages r--, two r-x, a hole of two, two r--
//
// n ---, r r--, x r-x, o -w-, w rw-, e rwx; a dot is not mapped.

// Where page 0 of a strip lies.
inline constexpr kulong kStripBase = 0x10000000;

inline kulong PageAddress(uint64_t page) {
  return kStripBase + static_cast<kulong>(page << PAGE_SHIFT);
}

// The protection a letter stands for.
kulong LetterProt(char letter);

// Maps `pages` pages of private memory there (of file page `page`, when given
// a file, so that neighbours fit together).  0 or -errno.
int64_t MapPages(struct file* file, uint64_t page, uint64_t pages, kulong prot);

// Makes all mappings of a strip, each capital a call of mmap of its own.
void MapStrip(struct file* file, const std::string& strip);

// The strip of the first `pages` pages.
std::string Strip(struct mm_struct* mm, uint64_t pages);

// A write fault; VM_FAULT bits.  Only with an MMU.
int TouchForWrite(struct mm_struct* mm, uint64_t page);

// What user code loads and stores there, through faults; a signal fails the
// test, and a load then gives ~0.
uint64_t UserLoad(kulong address);
void UserStore(kulong address, uint64_t byte);
// The signal that a store gets, or 0.
int StoreSignal(kulong address);

// Fails the n-th allocation of `operation` for every n, and then each two in a
// row (the second try of what must not sleep), each time in a machine of its
// own that `prepare` has set up.  The operation gives 0 or -errno.  Each time:
// nothing reported, a sound mm, the committed pages those of its vmas, and
// after its end no object and no page left.
struct SweepResult {
  int failed = 0;  // operations
  std::set<int64_t> errors;
};
SweepResult SweepAllocations(const std::function<void(TestMachine*)>& prepare,
                             const std::function<int64_t()>& operation);

// Pages of an mm's vmas that are accounted.
uint64_t AccountedPages(struct mm_struct* mm);

}  // namespace faultline

#endif  // FAULTLINE_MM_TESTING_H_
