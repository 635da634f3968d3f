// SPDX-License-Identifier: GPL-2.0-only
//
// More of a machine for unit tests: further processes, a file with content in
// the page cache, accesses by user code, and what is in use.

#ifndef FAULTLINE_MM_TESTING_PAGES_H_
#define FAULTLINE_MM_TESTING_PAGES_H_

#include <cstdint>
#include <cstring>
#include <vector>

// First, as it undoes what the C library's headers define.
#include "mm/testing.h"
// After it.
#include "mm/fault.h"
#include "mm/rmap.h"
#include "mm/swapops.h"

namespace faultline {

// `current` is another task while this lives.
class RunAs {
 public:
  explicit RunAs(struct task_struct* task) : before_(fl_current) {
    fl_current = task;
  }
  RunAs(const RunAs&) = delete;
  RunAs& operator=(const RunAs&) = delete;
  ~RunAs() { fl_current = before_; }

 private:
  struct task_struct* before_;
};

// A task without an mm, as a kernel thread is, until it was forked or joined.
class TestTask {
 public:
  explicit TestTask(TestMachine* machine, uint32_t cpu = 0) {
    task_.machine = machine->machine();
    task_.cpu = cpu;
    std::strcpy(task_.comm, "child");
    list_add_tail(&task_.tasks, &machine->machine()->tasks);
  }
  TestTask(const TestTask&) = delete;
  TestTask& operator=(const TestTask&) = delete;
  ~TestTask() {
    Exit();
    list_del(&task_.tasks);
  }

  struct task_struct* get() {
    return &task_;
  }
  struct mm_struct* mm() {
    return task_.mm;
  }
  // Becomes a thread of the machine's process.
  void Join(TestMachine* machine) {
    atomic_inc(&machine->mm()->mm_users);
    task_.mm = machine->mm();
  }
  void Exit() {
    RunAs as(&task_);
    exit_mm();
  }

 private:
  struct task_struct task_ = {};
};

// Page n of the file holds bytes of value n + 1.
class PagedFile {
 public:
  explicit PagedFile(TestMachine* machine, TestFile::Mmap mmap = nullptr)
      : file_(machine, mmap != nullptr ? mmap : generic_file_mmap) {
    static const struct address_space_operations kOps = {ReadPage, nullptr,
                                                         nullptr, migrate_page};
    file_.mapping()->a_ops = &kOps;
  }
  PagedFile(const PagedFile&) = delete;
  PagedFile& operator=(const PagedFile&) = delete;
  // Nobody maps it any more.
  ~PagedFile() { truncate_inode_pages_final(file_.mapping()); }

  struct file* get() {
    return file_.get();
  }
  struct address_space* mapping() {
    return file_.mapping();
  }
  uint64_t pages() { return file_.mapping()->nrpages; }

 private:
  static int ReadPage(struct file*, struct page* page) {
    std::memset(page_address(page), static_cast<int>(page->index + 1),
                PAGE_SIZE);
    SetPageUptodate(page);
    unlock_page(page);
    return 0;
  }

  TestFile file_;
};

// One byte by user code of `current`; the result's sig is 0 when it worked.
inline struct fl_user_result Store(uint64_t page, uint8_t value) {
  struct fl_user_result result = {};
  user_access(FL_STORE, PageAddress(page), 1, value, &result);
  return result;
}
inline struct fl_user_result Load(uint64_t page) {
  struct fl_user_result result = {};
  user_access(FL_LOAD, PageAddress(page), 1, 0, &result);
  return result;
}

// The entry there; 0: none.
inline pte_t PteAt(struct mm_struct* mm, uint64_t page) {
  const kulong address = PageAddress(page);
  pte_t pte = {};
  if (next_pte(mm, address, address + PAGE_SIZE, &pte) != address) pte.pte = 0;
  return pte;
}

// The page mapped there, which has to be one.
inline struct page* PageAt(struct mm_struct* mm, uint64_t page) {
  return pfn_to_page(pte_pfn(PteAt(mm, page)));
}

// Frames and objects that are in use.
struct InUse {
  explicit InUse(const struct machine* machine)
      : pages(machine->ram_pages - machine->nr_free),
        pat_ranges(machine->nr_pat_ranges),
        committed(percpu_counter_read(&machine->vm_committed_as)) {
    for (uint32_t i = 0; i < machine->nr_caches; ++i) {
      objects.push_back(kmem_cache_objects(&machine->caches[i]));
    }
  }
  friend bool operator==(const InUse&, const InUse&) = default;

  uint64_t pages;
  uint64_t pat_ranges;
  int64_t committed;  // pages
  std::vector<uint64_t> objects;
};

}  // namespace faultline

#endif  // FAULTLINE_MM_TESTING_PAGES_H_
