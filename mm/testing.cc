// SPDX-License-Identifier: GPL-2.0-only

#include "mm/testing.h"

#include <sys/mman.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "mm/fault.h"
#ifndef CONFIG_MMU
#include "mm/nommu.h"
#endif

namespace faultline {
namespace {

void Park(void*, const void*, const char* why) {
  std::fprintf(stderr, "the only task sleeps for ever: %s\n", why);
  std::abort();
}

void Unpark(void*) {}

void Relax(void*, const void*) {
  std::fprintf(stderr, "the only task spins for ever\n");
  std::abort();
}

void Print(int, const char*) {}

uint64_t Now() {
  static uint64_t ticks = 0;
  return ++ticks;
}

// An ARM machine lies below 4 GiB, for its pointers have 32 bits.
void* MapArena(uint64_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef CONFIG_ARM
  flags |= MAP_32BIT;
#endif
  void* arena = ::mmap(nullptr, bytes, 1 | 2, flags, -1, 0);
  if (arena == MAP_FAILED) {
    std::perror("mmap of an arena");
    std::abort();
  }
  return arena;
}

int MapNothing(struct file*, struct vm_area_struct* vma) {
  static const struct vm_operations_struct kOps = {};
  vma->vm_ops = &kOps;
  return 0;
}

}  // namespace

TestMachine* TestMachine::active_ = nullptr;

TestMachine::TestMachine(const Options& options) {
  if (active_ != nullptr) std::abort();
  active_ = this;

  struct fl_runtime runtime = {};
  runtime.struct_bytes = sizeof(runtime);
  runtime.park = Park;
  runtime.unpark = Unpark;
  runtime.choose = Choose;
  runtime.relax = Relax;
  runtime.report = Report;
  runtime.print = Print;
  runtime.now = Now;
  fl_attach_runtime(&runtime);

  struct fl_machine_config config = {};
  config.struct_bytes = sizeof(config);
  config.cpus = options.cpus;
  config.ram_pages = options.ram_pages;
  config.slab_bytes = options.slab_bytes;
  config.rom_bytes = options.rom_bytes;
  config.rom_phys = options.rom_phys;
  config.max_map_count = options.max_map_count;
  config.fixes_off = options.fixes_off;
  config.alloc_may_fail = 1;
  config.overcommit_memory = options.overcommit_memory;
  config.overcommit_kbytes = options.overcommit_kbytes;

  arena_bytes_ = machine_layout_bytes(&config);
  arena_ = MapArena(arena_bytes_);
  const char* error = nullptr;
  machine_ = machine_init(arena_, arena_bytes_, &config, &error);
  if (machine_ == nullptr) {
    std::fprintf(stderr, "%s\n", error);
    std::abort();
  }

  struct task_struct* before = machine_enter(machine_);
  mm_caches_init(machine_);
#ifdef CONFIG_MMU
  pgtable_cache_init(machine_);
#else
  mmap_init(machine_);
#endif
  vfs_caches_init(machine_);
  shmem_init(machine_);
  overcommit_init(machine_);
  boot_free_ = machine_->nr_free;
  mm_ = mm_alloc(machine_);
  machine_leave(before);
  if (mm_ == nullptr) std::abort();

  task_.machine = machine_;
  task_.mm = mm_;
  std::strcpy(task_.comm, "test");
  list_add_tail(&task_.tasks, &machine_->tasks);
  fl_current = &task_;
}

TestMachine::~TestMachine() {
  PutMm();
  fl_current = nullptr;
  ::munmap(arena_, arena_bytes_);
  active_ = nullptr;
}

void TestMachine::PutMm() {
  if (mm_ == nullptr) return;
  vmacache_flush(&task_);
  task_.mm = nullptr;
  mmput(std::exchange(mm_, nullptr));
}

std::vector<TestReport> TestMachine::TakeReports() {
  return std::exchange(reports_, {});
}

void TestMachine::Report(uint32_t kind, const char* file, int line,
                         const char* function, const char* text,
                         const void* /*pc*/) {
  if (kind == FL_REPORT_BUG || kind == FL_REPORT_OOPS) {
    std::fprintf(stderr, "%s:%d: %s: %s\n", file, line, function, text);
    std::abort();
  }
  active_->reports_.push_back({kind, text});
}

uint32_t TestMachine::Choose(uint32_t n, uint32_t why) {
  if (n == 1 || why != FL_CHOOSE_ALLOC_FAIL) return 0;
  const int number = active_->allocations_++;
  const bool fail =
      number >= active_->fail_from_ && number < active_->fail_end_;
  active_->failed_ += fail;
  return fail;
}

TestFile::TestFile(TestMachine* machine, Mmap mmap, uint32_t mode) {
  sb_.s_machine = machine->machine();
  inode_.i_mode = S_IFREG | 0444;
  inode_.i_ino = 7;
  inode_.i_nlink = 1;
  sb_.s_maxbytes = MAX_LFS_FILESIZE;
  sb_.s_bdi = &noop_backing_dev_info;
  inode_.i_size = 1 << 20;
  inode_.i_sb = &sb_;
  inode_.i_mapping = &inode_.i_data;
  static const struct address_space_operations kEmptyOps = {};
  inode_.i_data.a_ops = &kEmptyOps;
  inode_.i_data.host = &inode_;
  init_rwsem(&inode_.i_data.i_mmap_rwsem);
  spin_lock_init(&inode_.i_data.tree_lock);
  std::strcpy(dentry_.d_iname, "/bin/file");
  dentry_.d_name.name = dentry_.d_iname;
  dentry_.d_name.len = std::strlen(dentry_.d_iname);
  dentry_.d_inode = &inode_;
  ops_.mmap = mmap != nullptr ? mmap : MapNothing;
  file_.f_inode = &inode_;
  file_.f_dentry = &dentry_;
  file_.f_op = &ops_;
  file_.f_mapping = &inode_.i_data;
  file_.f_mode = mode;
  file_ra_state_init(&file_.f_ra, file_.f_mapping);
  atomic_long_set(&file_.f_count, 1);
}

TestDataFile::TestDataFile(TestMachine* machine, uint64_t bytes, Mmap mmap,
                           uint32_t mode)
    : machine_(machine) {
  sb_.s_machine = machine->machine();
  inode_.i_mode = S_IFREG | 0644;
  inode_.i_ino = 8;
  inode_.i_nlink = 1;
  sb_.s_maxbytes = MAX_LFS_FILESIZE;
  sb_.s_bdi = &noop_backing_dev_info;
  inode_.i_size = static_cast<int64_t>(bytes);
  inode_.i_sb = &sb_;
  inode_.i_mapping = &inode_.i_data;
  inode_.i_private = this;
  address_space_init_once(&inode_.i_data);
  inode_.i_data.host = &inode_;
  aops_.readpage = Readpage;
  inode_.i_data.a_ops = &aops_;
  std::strcpy(dentry_.d_iname, "data");
  dentry_.d_name.name = dentry_.d_iname;
  dentry_.d_name.len = 4;
  dentry_.d_inode = &inode_;
  ops_.mmap = mmap != nullptr ? mmap : generic_file_mmap;
  ops_.read = generic_file_read;
  ops_.read_iter = generic_file_read_iter;
  ops_.fsync = Fsync;
  ops_.fallocate = Fallocate;
  file_.f_inode = &inode_;
  file_.f_dentry = &dentry_;
  file_.f_op = &ops_;
  file_.f_mapping = &inode_.i_data;
  file_.f_mode = mode;
  file_ra_state_init(&file_.f_ra, file_.f_mapping);
  atomic_long_set(&file_.f_count, 1);
}

TestDataFile::~TestDataFile() {
  machine_->PutMm();
  truncate_inode_pages_final(&inode_.i_data);
}

struct page* TestDataFile::CachedPage(uint64_t index) {
  struct page* page =
      find_get_page(&inode_.i_data, static_cast<pgoff_t>(index));
  if (page != nullptr) put_page(page);
  return page;
}

int TestDataFile::Readpage(struct file*, struct page* page) {
  const struct inode* inode = page->mapping->host;
  char* bytes = static_cast<char*>(page_address(page));
  for (uint64_t i = 0; i < PAGE_SIZE; ++i) {
    const uint64_t offset =
        (static_cast<uint64_t>(page->index) << PAGE_SHIFT) + i;
    bytes[i] = offset < static_cast<uint64_t>(inode->i_size)
                   ? static_cast<char>(Byte(offset))
                   : 0;
  }
  SetPageUptodate(page);
  unlock_page(page);
  return 0;
}

int TestDataFile::Fsync(struct file* file, int64_t start, int64_t end, int) {
  auto* self = static_cast<TestDataFile*>(file->f_inode->i_private);
  ++self->fsyncs;
  self->last_start = start;
  self->last_end = end;
  return self->answer;
}

int TestDataFile::Fallocate(struct file* file, int, int64_t offset,
                            int64_t bytes) {
  auto* self = static_cast<TestDataFile*>(file->f_inode->i_private);
  ++self->fallocates;
  self->last_start = offset;
  self->last_end = offset + bytes;
  return self->answer;
}

kulong LetterProt(char letter) {
  switch (std::tolower(letter)) {
    case 'n':
      return PROT_NONE;
    case 'r':
      return PROT_READ;
    case 'x':
      return PROT_READ | PROT_EXEC;
    case 'o':
      return PROT_WRITE;
    case 'w':
      return PROT_READ | PROT_WRITE;
    case 'e':
      return PROT_READ | PROT_WRITE | PROT_EXEC;
  }
  std::fprintf(stderr, "no letter of a strip: %c\n", letter);
  std::abort();
}

int64_t MapPages(struct file* file, uint64_t page, uint64_t pages,
                 kulong prot) {
  const kulong flags =
      MAP_PRIVATE | MAP_FIXED | (file == nullptr ? MAP_ANONYMOUS : 0);
  const int64_t address =
      vm_mmap_pgoff(file, PageAddress(page), pages << PAGE_SHIFT, prot, flags,
                    file == nullptr ? 0 : page);
  return address < 0 ? address : 0;
}

void MapStrip(struct file* file, const std::string& strip) {
  size_t page = 0;
  while (page < strip.size()) {
    size_t end = page + 1;
    if (strip[page] != '.') {
      while (end < strip.size() && std::islower(strip[end])) ++end;
      if (MapPages(file, page, end - page, LetterProt(strip[page])) != 0) {
        std::abort();
      }
    }
    page = end;
  }
}

std::string Strip(struct mm_struct* mm, uint64_t pages) {
  // By the three lowest bits of vm_flags: read, write, execute.
  static constexpr char kLetters[] = "nrow?x?e";
  std::string strip(pages, '.');
  for (struct vm_area_struct* vma = mm->mmap; vma; vma = vma->vm_next) {
    for (uint64_t page = 0; page < pages; ++page) {
      const kulong address = PageAddress(page);
      if (address < vma->vm_start || address >= vma->vm_end) continue;
      const char letter = kLetters[vma->vm_flags & 7];
      strip[page] = static_cast<char>(
          address == vma->vm_start ? std::toupper(letter) : letter);
    }
  }
  return strip;
}

#ifdef CONFIG_MMU
int TouchForWrite(struct mm_struct* mm, uint64_t page) {
  down_read(&mm->mmap_sem);
  struct vm_area_struct* vma = find_vma(mm, PageAddress(page));
  const int result = handle_mm_fault(vma, PageAddress(page), FAULT_FLAG_WRITE);
  up_read(&mm->mmap_sem);
  return result;
}
#endif

uint64_t UserLoad(kulong address) {
  struct fl_user_result result;
  user_access(FL_LOAD, address, 1, 0, &result);
  EXPECT_EQ(result.sig, 0) << std::hex << address;
  return result.sig == 0 ? result.value : ~uint64_t{0};
}

int StoreSignal(kulong address) {
  struct fl_user_result result;
  user_access(FL_STORE, address, 1, 1, &result);
  return result.sig;
}

void UserStore(kulong address, uint64_t byte) {
  struct fl_user_result result;
  user_access(FL_STORE, address, 1, byte, &result);
  EXPECT_EQ(result.sig, 0) << std::hex << address;
}

uint64_t AccountedPages(struct mm_struct* mm) {
  uint64_t pages = 0;
  for (struct vm_area_struct* vma = mm->mmap; vma; vma = vma->vm_next) {
    if (vma->vm_flags & VM_ACCOUNT) pages += vma_pages(vma);
  }
  return pages;
}

namespace {

// One step of the sweep; false when no allocation was left to fail.
bool SweepOnce(int after, int count,
               const std::function<void(TestMachine*)>& prepare,
               const std::function<int64_t()>& operation, SweepResult* sweep) {
  SCOPED_TRACE(after);
  TestMachine machine;
  struct machine* left = machine.machine();
  prepare(&machine);
  machine.FailAllocations(after, count);
  const int64_t error = operation();
  const bool more = machine.allocations() > after;
  machine.FailAllocations(0, 0);
  EXPECT_LE(error, 0);
  if (error < 0) {
    ++sweep->failed;
    sweep->errors.insert(error);
  }
  EXPECT_TRUE(more || error == 0) << error;
  EXPECT_EQ(validate_mm(machine.mm()), 0u);
  EXPECT_EQ(machine.Committed(),
            static_cast<int64_t>(AccountedPages(machine.mm())));
  machine.PutMm();
  EXPECT_EQ(machine.Committed(), 0);
  EXPECT_EQ(kmem_cache_objects(left->vm_area_cachep), 0u);
  EXPECT_EQ(kmem_cache_objects(left->anon_vma_cachep), 0u);
  EXPECT_EQ(kmem_cache_objects(left->anon_vma_chain_cachep), 0u);
  // All but the page of zeros, and the page cache, which no test here has.
  EXPECT_EQ(left->nr_free, left->ram_pages - 1);
  for (const TestReport& report : machine.TakeReports()) {
    ADD_FAILURE() << report.text;
  }
  return more;
}

}  // namespace

SweepResult SweepAllocations(const std::function<void(TestMachine*)>& prepare,
                             const std::function<int64_t()>& operation) {
  SweepResult sweep;
  for (const int count : {1, 2}) {
    int after = 0;
    while (!testing::Test::HasFailure() &&
           SweepOnce(after, count, prepare, operation, &sweep)) {
      ++after;
    }
  }
  return sweep;
}

}  // namespace faultline
