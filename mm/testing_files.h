// SPDX-License-Identifier: GPL-2.0-only
//
// Files that can be written, for unit tests: a mount of tmpfs or ramfs with one
// file in it.

#ifndef FAULTLINE_MM_TESTING_FILES_H_
#define FAULTLINE_MM_TESTING_FILES_H_

#include <cstdint>
#include <string>

// First, as it undoes what the C library's headers define.
#include "mm/testing_pages.h"
// After it.
#include "mm/uaccess.h"

namespace faultline {

// Its end ends the machine's process too, mappings and all, and finds every
// frame and object back that the mount and the process had.
class MemoryFile {
 public:
  MemoryFile(TestMachine* machine, const struct file_system_type* type)
      : machine_(machine) {
    EXPECT_EQ(type->mount(machine->machine(), "", &sb_), 0);
    EXPECT_EQ(filp_open_flags(sb_, "/f", O_CREAT | O_RDWR, &file_), 0);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    const struct machine* machine = machine_->machine();
    machine_->FailAllocations(0, 0);
    machine_->PutMm();
    fput(file_);
    EXPECT_EQ(atomic_read(&sb_->s_files), 0);
    deactivate_super(sb_);
    EXPECT_EQ(machine->nr_free, machine_->boot_free());
    EXPECT_EQ(machine_->Committed(), 0);
    EXPECT_EQ(percpu_counter_read(&machine->nr_shmem), 0);
    EXPECT_EQ(percpu_counter_read(&machine->nr_file_pages), 0);
    EXPECT_EQ(kmem_cache_objects(machine->filp_cachep), 0u);
    EXPECT_EQ(kmem_cache_objects(machine->dentry_cachep), 0u);
    EXPECT_EQ(kmem_cache_objects(machine->inode_cachep), 0u);
    EXPECT_EQ(kmem_cache_objects(machine->radix_cachep), 0u);
    // The root of the machine's own mount.
    EXPECT_EQ(kmem_cache_objects(machine->shmem_inode_cachep), 1u);
    for (const TestReport& report : machine_->TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  struct file* get() {
    return file_;
  }
  struct inode* inode() {
    return file_->f_inode;
  }
  struct address_space* mapping() {
    return file_->f_mapping;
  }
  struct super_block* sb() {
    return sb_;
  }
  int64_t size() { return i_size_read(inode()); }

  int64_t Write(uint64_t offset, std::string bytes) {
    struct iov_iter from;
    loff_t pos = static_cast<loff_t>(offset);
    iov_iter_kernel(&from, bytes.data(), bytes.size());
    return file_->f_op->write_iter(file_, &pos, &from);
  }
  // Whole pages, each of one letter.
  void WritePages(uint64_t first, const std::string& letters) {
    for (const char letter : letters) {
      ASSERT_EQ(Write(first++ << PAGE_SHIFT, std::string(PAGE_SIZE, letter)),
                static_cast<int64_t>(PAGE_SIZE));
    }
  }
  // What read(2) gives.
  std::string Read(uint64_t offset, uint64_t bytes) {
    std::string text(bytes, '?');
    struct iov_iter to;
    loff_t pos = static_cast<loff_t>(offset);
    iov_iter_kernel(&to, text.data(), bytes);
    const int64_t got = file_->f_op->read_iter(file_, &pos, &to);
    EXPECT_GE(got, 0);
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return text;
  }
  int64_t Truncate(uint64_t bytes) {
    return do_truncate(file_, static_cast<loff_t>(bytes));
  }
  int64_t Punch(uint64_t offset, uint64_t bytes) {
    return vfs_fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                         static_cast<loff_t>(offset),
                         static_cast<loff_t>(bytes));
  }
  // The page of the cache, or NULL; without a reference.
  struct page* Cached(uint64_t index) {
    struct page* page = find_get_page(mapping(), static_cast<pgoff_t>(index));
    if (page != nullptr) put_page(page);
    return page;
  }

 private:
  TestMachine* machine_;
  struct super_block* sb_ = nullptr;
  struct file* file_ = nullptr;
};

// Maps pages of the file from `first` on at page `at` of the strip.
inline int64_t MapFile(struct file* file, uint64_t at, uint64_t pages,
                       kulong flags, uint64_t first = 0,
                       kulong prot = PROT_READ | PROT_WRITE) {
  const int64_t address =
      vm_mmap_pgoff(file, PageAddress(at), pages << PAGE_SHIFT, prot,
                    flags | MAP_FIXED, static_cast<kulong>(first));
  return address < 0 ? address : 0;
}

}  // namespace faultline

#endif  // FAULTLINE_MM_TESTING_FILES_H_
