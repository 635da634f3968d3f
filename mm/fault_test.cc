// SPDX-License-Identifier: GPL-2.0-only
//
// The fault path, the page cache and the callers of handle_mm_fault, driven
// through the C interface as a host drives them, on an in-memory file system.
// Linked with the native objects of mm and mm/sync and no other file system.

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

// The host's headers define names that the guest's headers define too, and
// `current` of the guest must not meet them: so the guest's come last.
#undef BUS_ADRERR
#undef SEGV_ACCERR
#undef SEGV_MAPERR
#undef S_IFBLK
#undef S_IFCHR
#undef S_IFDIR
#undef S_IFIFO
#undef S_IFLNK
#undef S_IFMT
#undef S_IFREG
#undef S_IFSOCK
#undef S_ISDIR
#undef S_ISLNK
#undef S_ISREG
#undef si_addr
#undef si_code
#include "mm/fault.h"
#include "mm/fs.h"
#include "mm/interface.h"
#include "mm/mm.h"
#include "mm/pgtable.h"
#include "mm/radix_tree.h"
#include "mm/rmap.h"
#include "mm/sync/sched.h"

namespace faultline {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kRomPhys = 0x40000000;
constexpr uint64_t kRomPages = 16;
constexpr uint32_t kRw = FL_PROT_READ | FL_PROT_WRITE;
constexpr uint32_t kAnonymous = FL_MAP_PRIVATE | FL_MAP_ANONYMOUS;

// ---- a runtime of threads ----

struct HostTask {
  std::mutex mutex;
  std::condition_variable wakeup;
  bool token = false;
};

std::mutex g_reports_mutex;
std::vector<std::string> g_reports;
// Counts down at each allocation; the one that makes it 0 fails.
std::atomic<int> g_fail_countdown{-1};
std::atomic<int> g_allocations{0};

void Park(void* host, const void*, const char*) {
  auto* task = static_cast<HostTask*>(host);
  std::unique_lock<std::mutex> lock(task->mutex);
  task->wakeup.wait(lock, [task] { return task->token; });
  task->token = false;
}

void Unpark(void* host) {
  auto* task = static_cast<HostTask*>(host);
  std::lock_guard<std::mutex> lock(task->mutex);
  task->token = true;
  task->wakeup.notify_one();
}

uint32_t Choose(uint32_t n, uint32_t why) {
  if (n == 1 || why != FL_CHOOSE_ALLOC_FAIL) return 0;
  ++g_allocations;
  int left = g_fail_countdown.load();
  if (left < 0) return 0;
  g_fail_countdown = left - 1;
  return left == 0 ? 1 : 0;
}

std::atomic<int> g_relaxes{0};

void Relax(void*, const void*) {
  ++g_relaxes;
  std::this_thread::yield();
}

void Report(uint32_t kind, const char* file, int line, const char* function,
            const char* text, const void*) {
  if (kind == FL_REPORT_BUG || kind == FL_REPORT_OOPS) {
    std::fprintf(stderr, "%s:%d: %s: %s\n", file, line, function, text);
    std::abort();
  }
  std::lock_guard<std::mutex> lock(g_reports_mutex);
  g_reports.push_back(text);
}

void Print(int, const char*) {}

uint64_t Now() { return 0; }

void AttachRuntime() {
  static const struct fl_runtime runtime = [] {
    struct fl_runtime r = {};
    r.struct_bytes = sizeof(r);
    r.park = Park;
    r.unpark = Unpark;
    r.choose = Choose;
    r.relax = Relax;
    r.report = Report;
    r.print = Print;
    r.now = Now;
    return r;
  }();
  faultline_kernel.attach(&runtime);
}

// ---- the file system: every file is a directory entry of the root ----

// What the next readpage calls answer; by index, as often as the count says.
std::map<uint64_t, int> g_read_errors;
std::atomic<int> g_readpages{0};
// How often the handler of "retry" drops mmap_sem before it serves a fault.
int g_retries = 0;
bool g_kill_on_retry = false;

enum FileKind : uint64_t {
  kRoot = 1,
  kFile,      // 20 pages and 100 bytes
  kSubdir,    // holds kFile again, as "sub/file"
  kDevice,    // mmap: remap_pfn_range of the ROM from its first page on
  kNoOps,     // mmap leaves vm_ops alone
  kMixed,     // faults enter ROM pages one by one, at twice their index
  kRetry,     // the handler may drop mmap_sem though not allowed to
  kOtherVma,  // the handler finishes the fault in another vma
};
constexpr uint64_t kFileSize = 20 * kPage + 100;

uint8_t FileByte(uint64_t offset) {
  return static_cast<uint8_t>(offset * 7 + offset / kPage * 13 + 1);
}

extern "C" {

int TestReadpage(file*, page* page) {
  char* bytes = static_cast<char*>(page_address(page));
  ++g_readpages;
  auto error = g_read_errors.find(page->index);
  if (error != g_read_errors.end() && error->second > 0) {
    --error->second;
    SetPageError(page);
    unlock_page(page);
    return -EIO;
  }
  for (uint64_t i = 0; i < kPage; ++i) {
    const uint64_t offset = page->index * kPage + i;
    bytes[i] = offset < kFileSize ? static_cast<char>(FileByte(offset)) : 0;
  }
  SetPageUptodate(page);
  unlock_page(page);
  return 0;
}

int DeviceMmap(file*, vm_area_struct* vma) {
  return remap_pfn_range(vma, vma->vm_start, kRomPhys >> PAGE_SHIFT,
                         vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

int NoOpsMmap(file*, vm_area_struct*) { return 0; }

int MixedFault(vm_fault* vmf) {
  const kulong pfn = (kRomPhys >> PAGE_SHIFT) + vmf->pgoff;
  const int error = vm_insert_mixed(vmf->vma, vmf->address, pfn);
  return error == 0 || error == -EBUSY ? VM_FAULT_NOPAGE
         : error == -ENOMEM            ? VM_FAULT_OOM
                                       : VM_FAULT_SIGBUS;
}
const vm_operations_struct kMixedOps = {nullptr, nullptr, nullptr, MixedFault,
                                        nullptr, nullptr, nullptr};
int MixedMmap(file*, vm_area_struct* vma) {
  vma->vm_flags |= VM_MIXEDMAP;
  vma->vm_ops = &kMixedOps;
  return 0;
}

int RetryFault(vm_fault* vmf) {
  if (g_retries == 0) return filemap_fault(vmf);
  --g_retries;
  if (g_kill_on_retry) send_sig(SIGKILL, current);
  up_read(&vmf->vma->vm_mm->mmap_sem);
  return VM_FAULT_RETRY;
}
const vm_operations_struct kRetryOps = {nullptr, nullptr, nullptr, RetryFault,
                                        nullptr, nullptr, nullptr};
int RetryMmap(file*, vm_area_struct* vma) {
  vma->vm_ops = &kRetryOps;
  return 0;
}

int OtherVmaFault(vm_fault* vmf) {
  vmf->vma = vmf->vma->vm_next;
  vmf->address = vmf->vma->vm_start;
  return filemap_fault(vmf);
}
const vm_operations_struct kOtherVmaOps = {
    nullptr, nullptr, nullptr, OtherVmaFault, nullptr, nullptr, nullptr};
int OtherVmaMmap(file*, vm_area_struct* vma) {
  vma->vm_ops = &kOtherVmaOps;
  return 0;
}

int TestLookup(inode* dir, const qstr* name, inode** result);

}  // extern "C"

const address_space_operations kAops = {TestReadpage, nullptr, nullptr,
                                        nullptr};
const inode_operations kDirOps = {TestLookup, nullptr, nullptr, nullptr};

const file_operations* FopsOf(uint64_t kind) {
  static const auto make = [](int (*mmap)(file*, vm_area_struct*)) {
    file_operations ops = {};
    ops.llseek = generic_file_llseek;
    ops.read = generic_file_read;
    ops.mmap = mmap;
    return ops;
  };
  static const std::map<uint64_t, file_operations> table = {
      {kFile, make(generic_file_mmap)}, {kDevice, make(DeviceMmap)},
      {kNoOps, make(NoOpsMmap)},        {kMixed, make(MixedMmap)},
      {kRetry, make(RetryMmap)},        {kOtherVma, make(OtherVmaMmap)}};
  auto it = table.find(kind);
  return it == table.end() ? nullptr : &it->second;
}

inode* GetInode(super_block* sb, uint64_t kind) {
  bool fresh = false;
  inode* inode = iget_locked(sb, kind, &fresh);
  if (inode == nullptr || !fresh) return inode;
  const bool dir = kind == kRoot || kind == kSubdir;
  inode->i_mode = dir ? S_IFDIR | 0555 : S_IFREG | 0444;
  inode->i_size = dir ? 0 : kFileSize;
  inode->i_op = dir ? &kDirOps : nullptr;
  inode->i_fop = FopsOf(kind);
  inode->i_data.a_ops = &kAops;
  return inode;
}

extern "C" int TestLookup(inode* dir, const qstr* name, inode** result) {
  static const std::map<std::string, uint64_t> names = {
      {"file", kFile},        {"sub", kSubdir},  {"device", kDevice},
      {"noops", kNoOps},      {"mixed", kMixed}, {"retry", kRetry},
      {"othervma", kOtherVma}};
  auto it = names.find(std::string(name->name, name->len));
  if (it == names.end()) return -ENOENT;
  *result = GetInode(dir->i_sb, it->second);
  return *result == nullptr ? -ENOMEM : 0;
}

extern "C" int TestMount(machine* machine, const char* options,
                         super_block** result) {
  super_block* sb = sget(machine);
  if (sb == nullptr) return -ENOMEM;
  sb->s_readonly = std::strcmp(options, "ro") == 0;
  sb->s_root = GetInode(sb, kRoot);
  if (sb->s_root == nullptr) {
    deactivate_super(sb);
    return -ENOMEM;
  }
  *result = sb;
  return 0;
}

const file_system_type kTestFs = {"testfs", TestMount};

}  // namespace
}  // namespace faultline

extern "C" {
const file_system_type* const fl_file_systems[] = {&faultline::kTestFs,
                                                   nullptr};
const fl_variant_name fl_variant_names[] = {{nullptr, nullptr}};
void fl_file_systems_init(machine*) {}
}

namespace faultline {
namespace {

const fl_kernel& K = faultline_kernel;

struct Result : fl_user_result {};

class FaultTest : public testing::Test {
 protected:
  void SetUp() override { Boot(512, 0); }

  void Boot(uint64_t ram_pages, uint64_t fixes_off, uint32_t alloc_may_fail = 0,
            const char* options = "") {
    if (machine_ != nullptr) Shutdown();
    AttachRuntime();
    g_reports.clear();
    g_read_errors.clear();
    g_fail_countdown = -1;
    g_readpages = 0;
    g_retries = 0;
    g_kill_on_retry = false;
    fl_machine_config config = {};
    config.struct_bytes = sizeof(config);
    config.cpus = 2;
    config.ram_pages = ram_pages;
    config.slab_bytes = 4 << 20;
    config.rom_bytes = kRomPages * kPage;
    config.rom_phys = kRomPhys;
    config.fixes_off = fixes_off;
    config.alloc_may_fail = alloc_may_fail;
    arena_bytes_ = K.machine_bytes(&config);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef CONFIG_ARM
    flags |= MAP_32BIT;
#endif
    arena_ =
        ::mmap(nullptr, arena_bytes_, PROT_READ | PROT_WRITE, flags, -1, 0);
    ASSERT_NE(arena_, MAP_FAILED);
    const char* error = nullptr;
    machine_ = K.machine_boot(arena_, arena_bytes_, &config, &error);
    ASSERT_NE(machine_, nullptr) << error;
    uint64_t bytes = 0;
    rom_ = static_cast<uint8_t*>(K.machine_rom(machine_, &bytes));
    ASSERT_EQ(bytes, kRomPages * kPage);
    for (uint64_t i = 0; i < bytes; ++i) rom_[i] = RomByte(i);
    mm_ = K.mm_create(machine_);
    ASSERT_NE(mm_, nullptr);
    task_ = NewTask(&host_);
    *K.current_slot() = task_;
    ASSERT_EQ(K.mount("testfs", options, &sb_), 0);
  }

  // Everything goes, in the order a host does it; nothing may be left.
  void Shutdown() {
    for (file* file : files_) K.close(file);
    files_.clear();
    EXPECT_EQ(K.check_mm(mm_), 0u);
    K.task_exit();
    K.mm_put(mm_);
    EXPECT_EQ(K.umount(sb_), 0);
    *K.current_slot() = nullptr;
    K.task_free(task_);
    EXPECT_EQ(K.check_machine(machine_), 0u);
    for (const std::string& report : g_reports) ADD_FAILURE() << report;
    ::munmap(arena_, arena_bytes_);
    machine_ = nullptr;
  }

  void TearDown() override {
    if (machine_ != nullptr) Shutdown();
  }

  static uint8_t RomByte(uint64_t offset) {
    return static_cast<uint8_t>(offset * 11 + offset / kPage * 3 + 5);
  }

  task_struct* NewTask(HostTask* host) {
    return K.task_create(machine_, mm_, "test", 0, host);
  }

  file* Open(const char* path) {
    file* file = nullptr;
    EXPECT_EQ(K.open(sb_, path, &file), 0) << path;
    if (file != nullptr) files_.push_back(file);
    return file;
  }

  uint64_t Map(uint64_t pages, uint32_t prot, uint32_t flags = kAnonymous,
               file* file = nullptr, uint64_t page = 0, uint64_t at = 0) {
    const int64_t address =
        K.sys_mmap(at, pages * kPage, prot,
                   flags | (at != 0 ? FL_MAP_FIXED : 0), file, page * kPage);
    EXPECT_GT(address, 0);
    return static_cast<uint64_t>(address);
  }

  static Result Load(uint64_t address, uint32_t size = 1) {
    Result result = {};
    K.user_access(FL_LOAD, address, size, 0, &result);
    return result;
  }
  static Result Store(uint64_t address, uint64_t value, uint32_t size = 1) {
    Result result = {};
    K.user_access(FL_STORE, address, size, value, &result);
    return result;
  }

  std::map<uint64_t, fl_page_info> Walk() {
    std::map<uint64_t, fl_page_info> pages;
    K.page_walk(
        mm_,
        [](const fl_page_info* info, void* cookie) {
          (*static_cast<std::map<uint64_t, fl_page_info>*>(
              cookie))[info->address] = *info;
        },
        &pages);
    return pages;
  }

  uint64_t FreePages() {
    fl_machine_stats stats = {};
    K.machine_stats(machine_, &stats);
    return stats.free_pages;
  }

  int64_t Counter(int which) { return atomic_long_read(&mm_->rss_stat[which]); }

  void* arena_ = nullptr;
  uint64_t arena_bytes_ = 0;
  machine* machine_ = nullptr;
  uint8_t* rom_ = nullptr;
  mm_struct* mm_ = nullptr;
  HostTask host_;
  task_struct* task_ = nullptr;
  super_block* sb_ = nullptr;
  std::vector<file*> files_;
};

#define EXPECT_OK(result) EXPECT_EQ((result).sig, 0)
#define EXPECT_SIGNAL(result, signal, code, address) \
  do {                                               \
    const Result r_ = (result);                      \
    EXPECT_EQ(r_.sig, signal);                       \
    EXPECT_EQ(r_.si_code, code);                     \
    EXPECT_EQ(r_.si_addr, address);                  \
  } while (0)

// ---- anonymous memory ----

TEST_F(FaultTest, AnonymousReadTakesNoFrameOfItsOwn) {
  const uint64_t m = Map(3, kRw);
  EXPECT_OK(Load(m));
  const uint64_t free = FreePages();
  const Result result = Load(m + kPage + 5);
  EXPECT_OK(result);
  EXPECT_EQ(result.value, 0u);
  EXPECT_EQ(result.faults, 1u);
  EXPECT_EQ(FreePages(), free);
  EXPECT_STREQ(Walk()[m + kPage].backing, "zero page");
  EXPECT_EQ(Counter(MM_ANONPAGES), 0);
}

TEST_F(FaultTest, WriteAfterReadLeavesTheZeroPageZero) {
  const uint64_t m = Map(2, kRw);
  EXPECT_OK(Load(m));
  EXPECT_OK(Load(m + kPage));
  EXPECT_OK(Store(m, 0x1122334455667788, 8));
  EXPECT_EQ(Load(m, 8).value, 0x1122334455667788u);
  EXPECT_EQ(Load(m + 3, 2).value, 0x4455u);
  EXPECT_EQ(Load(m + kPage, 8).value, 0u);
  EXPECT_STREQ(Walk()[m].backing, "anonymous");
  EXPECT_EQ(Counter(MM_ANONPAGES), 1);
}

TEST_F(FaultTest, SecondAccessFaultsNotAgain) {
  const uint64_t m = Map(1, kRw);
  EXPECT_EQ(Store(m, 1).faults, 1u);
  EXPECT_EQ(Store(m + 8, 1).faults, 0u);
  EXPECT_EQ(Load(m).faults, 0u);
}

TEST_F(FaultTest, SignalsSayWhichAccessWasWrong) {
  const uint64_t m = Map(2, FL_PROT_READ);
  EXPECT_SIGNAL(Store(m + 9, 1), SIGSEGV, SEGV_ACCERR, m + 9);
  EXPECT_SIGNAL(Load(m + 2 * kPage + 1), SIGSEGV, SEGV_MAPERR,
                m + 2 * kPage + 1);
  EXPECT_SIGNAL(Load(K.task_size + kPage), SIGSEGV, SEGV_MAPERR,
                K.task_size + kPage);
  ASSERT_EQ(K.sys_mprotect(m, kPage, 0), 0);
  EXPECT_SIGNAL(Load(m), SIGSEGV, SEGV_ACCERR, m);
  Result exec = {};
  K.user_access(FL_EXEC, m + kPage, 1, 0, &exec);
  EXPECT_SIGNAL(exec, SIGSEGV, SEGV_ACCERR, m + kPage);
}

TEST_F(FaultTest, PageThatIsOursAloneIsNotCopiedAgain) {
  const uint64_t m = Map(1, kRw);
  EXPECT_OK(Store(m, 7));
  const uint64_t pfn = Walk()[m].pfn;
  ASSERT_EQ(K.sys_mprotect(m, kPage, FL_PROT_READ), 0);
  EXPECT_SIGNAL(Store(m, 8), SIGSEGV, SEGV_ACCERR, m);
  ASSERT_EQ(K.sys_mprotect(m, kPage, kRw), 0);
  EXPECT_EQ(Store(m + 1, 9).faults, 1u);
  EXPECT_EQ(Walk()[m].pfn, pfn);
  EXPECT_EQ(Load(m, 2).value, 0x0907u);
}

TEST_F(FaultTest, CommittedPagesThatNobodyOwesAreLeftOver) {
  const uint32_t others = K.check_machine(machine_);  // the mm is alive
  g_reports.clear();
  percpu_counter_add(&machine_->vm_committed_as, 3);
  EXPECT_EQ(K.check_machine(machine_), others + 1);
  EXPECT_EQ(std::count(g_reports.begin(), g_reports.end(),
                       "left over: committed pages: 3, expected 0"),
            1);
  percpu_counter_add(&machine_->vm_committed_as, -3);
  g_reports.clear();
}

TEST_F(FaultTest, OutOfMemoryKillsTheTaskThatAsked) {
  Boot(40, 0);
  const uint64_t m = Map(64, kRw, kAnonymous | FL_MAP_NORESERVE);
  int sig = 0;
  for (int i = 0; i < 64 && sig == 0; ++i) sig = Store(m + i * kPage, 1).sig;
  EXPECT_EQ(sig, SIGKILL);
  EXPECT_EQ(K.task_killed(task_), 1u);
}

// ---- files ----

TEST_F(FaultTest, ColdReadIsMajorAndReadsOnePage) {
  const uint64_t m = Map(20, FL_PROT_READ, FL_MAP_PRIVATE, Open("/file"));
  const Result result = Load(m + 3 * kPage + 17);
  EXPECT_OK(result);
  EXPECT_EQ(result.value, FileByte(3 * kPage + 17));
  EXPECT_EQ(g_readpages, 1);
  EXPECT_EQ(task_->maj_flt, 1u);
  EXPECT_EQ(Walk().size(), 1u);
  EXPECT_EQ(Counter(MM_FILEPAGES), 1);
}

TEST_F(FaultTest, WarmReadMapsTheAlignedWindowAroundIt) {
  file* file = Open("sub/file");
  std::vector<char> bytes(kFileSize);
  ASSERT_EQ(K.file_read(file, bytes.data(), bytes.size(), 0),
            static_cast<int64_t>(kFileSize));
  for (uint64_t i = 0; i < kFileSize; ++i)
    ASSERT_EQ(static_cast<uint8_t>(bytes[i]), FileByte(i)) << i;

  const uint64_t base = 0x40000000;
  const uint64_t m = Map(21, FL_PROT_READ, FL_MAP_PRIVATE, file, 0, base);
  EXPECT_OK(Load(m + 5 * kPage));
  EXPECT_EQ(task_->maj_flt, 0u);
  const auto pages = Walk();
  EXPECT_EQ(pages.size(), 16u);
  EXPECT_EQ(pages.begin()->first, m);
  for (const auto& [address, info] : pages) {
    EXPECT_STREQ(info.backing, "page cache");
    EXPECT_EQ(info.mapcount, 1);
    EXPECT_EQ(info.refcount, 2);
  }
  // The window after it ends with the vma.
  EXPECT_OK(Load(m + 20 * kPage));
  EXPECT_EQ(Walk().size(), 21u);
  EXPECT_EQ(Load(m + 20 * kPage + 99).value, FileByte(20 * kPage + 99));
  EXPECT_EQ(Load(m + 20 * kPage + 100).value, 0u);
}

TEST_F(FaultTest, FaultAroundDoesNotReachBelowTheVma) {
  file* file = Open("/file");
  std::vector<char> bytes(kFileSize);
  ASSERT_GT(K.file_read(file, bytes.data(), bytes.size(), 0), 0);
  const uint64_t m =
      Map(4, FL_PROT_READ, FL_MAP_PRIVATE, file, 2, 0x40000000 + 6 * kPage);
  EXPECT_EQ(Load(m + kPage).value, FileByte(3 * kPage));
  const auto pages = Walk();
  EXPECT_EQ(pages.size(), 4u);
  EXPECT_EQ(pages.begin()->first, m);
}

TEST_F(FaultTest, BeyondTheLastPageIsSigbusAtTheAddress) {
  const uint64_t m = Map(24, FL_PROT_READ, FL_MAP_PRIVATE, Open("/file"));
  EXPECT_OK(Load(m + 20 * kPage));
  EXPECT_SIGNAL(Load(m + 21 * kPage + 8), SIGBUS, BUS_ADRERR,
                m + 21 * kPage + 8);
}

TEST_F(FaultTest, PrivateWriteStaysPrivate) {
  file* file = Open("/file");
  const uint64_t a = Map(2, kRw, FL_MAP_PRIVATE, file);
  const uint64_t b = Map(2, FL_PROT_READ, FL_MAP_PRIVATE, file);
  EXPECT_OK(Store(a + 1, 0xee));
  EXPECT_OK(Load(a + kPage));
  EXPECT_OK(Store(a + kPage, 0xdd));
  EXPECT_EQ(Load(a, 2).value, 0xee00u | FileByte(0));
  EXPECT_EQ(Load(b + 1).value, FileByte(1));
  EXPECT_EQ(Load(b + kPage).value, FileByte(kPage));
  char byte = 0;
  ASSERT_EQ(K.file_read(file, &byte, 1, 1), 1);
  EXPECT_EQ(static_cast<uint8_t>(byte), FileByte(1));
  EXPECT_STREQ(Walk()[a].backing, "anonymous");
  EXPECT_STREQ(Walk()[a + kPage].backing, "anonymous");
  EXPECT_EQ(Counter(MM_ANONPAGES), 2);
}

TEST_F(FaultTest, SharedWriteReachesEveryMappingAndTheFile) {
  file* file = Open("/file");
  const uint64_t a = Map(2, kRw, FL_MAP_SHARED, file);
  const uint64_t b = Map(2, FL_PROT_READ, FL_MAP_SHARED, file);
  EXPECT_EQ(Load(b + 4).value, FileByte(4));
  EXPECT_OK(Store(a + 4, 0x5a));
  EXPECT_EQ(Load(b + 4).value, 0x5au);
  char byte = 0;
  ASSERT_EQ(K.file_read(file, &byte, 1, 4), 1);
  EXPECT_EQ(byte, 0x5a);
  EXPECT_EQ(Counter(MM_ANONPAGES), 0);
}

TEST_F(FaultTest, ReadOnlyFileIsNeverMappedSharedAndWritable) {
  Boot(512, 0, 0, "ro");
  file* file = Open("/file");
  EXPECT_EQ(K.sys_mmap(0, kPage, kRw, FL_MAP_SHARED, file, 0), -EACCES);
  const uint64_t m = Map(1, FL_PROT_READ, FL_MAP_SHARED, file);
  EXPECT_EQ(K.sys_mprotect(m, kPage, kRw), -EACCES);
  EXPECT_EQ(Load(m).value, FileByte(0));
}

TEST_F(FaultTest, ReadErrorIsSigbusUntilTheDiskRecovers) {
  const uint64_t m = Map(4, FL_PROT_READ, FL_MAP_PRIVATE, Open("/file"));
  g_read_errors[2] = 2;
  EXPECT_SIGNAL(Load(m + 2 * kPage), SIGBUS, BUS_ADRERR, m + 2 * kPage);
  // The page is in the cache, not up to date: read once more, and fail.
  EXPECT_SIGNAL(Load(m + 2 * kPage), SIGBUS, BUS_ADRERR, m + 2 * kPage);
  EXPECT_EQ(g_readpages, 2);
  EXPECT_EQ(Load(m + 2 * kPage).value, FileByte(2 * kPage));
}

TEST_F(FaultTest, ReadOfAFileReportsErrorsAndEnds) {
  file* file = Open("/file");
  char byte = 0;
  g_read_errors[0] = 1;
  EXPECT_EQ(K.file_read(file, &byte, 1, 0), -EIO);
  EXPECT_EQ(K.file_read(file, &byte, 1, 0), 1);
  EXPECT_EQ(K.file_read(file, &byte, 1, kFileSize), 0);
  EXPECT_EQ(K.file_read(file, &byte, 1, ~0ull), -EINVAL);
}

TEST_F(FaultTest, OpenSaysWhatIsWrongWithAPath) {
  file* file = nullptr;
  EXPECT_EQ(K.open(sb_, "/none", &file), -ENOENT);
  // This file system's directories have no file operations.
  EXPECT_EQ(K.open(sb_, "/sub", &file), -ENODEV);
  EXPECT_EQ(K.open(sb_, "/file/x", &file), -ENOTDIR);
  EXPECT_EQ(K.open(sb_, std::string(300, 'x').c_str(), &file), -ENAMETOOLONG);
  file = Open("//sub/./file");
  EXPECT_STREQ(file_dentry(file)->d_name.name, "file");
  EXPECT_EQ(K.umount(sb_), -EBUSY);
  EXPECT_EQ(K.file_size(file), static_cast<int64_t>(kFileSize));
}

// ---- device frames ----

TEST_F(FaultTest, RemappedRomIsReadWithoutAFault) {
  const uint64_t free = FreePages();
  const uint64_t m = Map(4, FL_PROT_READ, FL_MAP_PRIVATE, Open("/device"));
  const Result result = Load(m + kPage + 3);
  EXPECT_EQ(result.faults, 0u);
  EXPECT_EQ(result.value, RomByte(kPage + 3));
  const auto pages = Walk();
  ASSERT_EQ(pages.size(), 4u);
  EXPECT_EQ(pages.at(m).rom, 1u);
  EXPECT_EQ(pages.at(m).pfn, kRomPhys / kPage);
  EXPECT_EQ(find_vma(mm_, m)->vm_pgoff, kRomPhys / kPage);
  EXPECT_EQ(Counter(MM_FILEPAGES), 0);
  EXPECT_LT(FreePages(), free);
  ASSERT_EQ(K.sys_munmap(m, 4 * kPage), 0);
  EXPECT_EQ(FreePages(), free);
}

TEST_F(FaultTest, PrivateWriteToRomCopiesTheFrame) {
  const uint64_t m = Map(2, FL_PROT_READ, FL_MAP_PRIVATE, Open("/device"));
  ASSERT_EQ(K.sys_mprotect(m, 2 * kPage, kRw), 0);
  EXPECT_OK(Store(m + kPage + 1, 0x77));
  EXPECT_EQ(Load(m + kPage + 1).value, 0x77u);
  EXPECT_EQ(Load(m + kPage + 2).value, RomByte(kPage + 2));
  EXPECT_EQ(rom_[kPage + 1], RomByte(kPage + 1));
  EXPECT_STREQ(Walk()[m + kPage].backing, "anonymous");
  EXPECT_EQ(Walk()[m].rom, 1u);
  EXPECT_EQ(Counter(MM_ANONPAGES), 1);
}

TEST_F(FaultTest, FollowPfnKnowsOnlyDeviceMappings) {
  const uint64_t m = Map(2, FL_PROT_READ, FL_MAP_PRIVATE, Open("/device"));
  const uint64_t f = Map(1, FL_PROT_READ, FL_MAP_PRIVATE, Open("/file"));
  kulong pfn = 0;
  EXPECT_EQ(follow_pfn(find_vma(mm_, m), m + kPage, &pfn), 0);
  EXPECT_EQ(pfn, kRomPhys / kPage + 1);
  EXPECT_EQ(follow_pfn(find_vma(mm_, f), f, &pfn), -EINVAL);
  uint64_t frame = 0;
  EXPECT_EQ(K.kvm_hva_to_pfn(m, 0, &frame), 0);
  EXPECT_EQ(frame, kRomPhys / kPage);
  EXPECT_EQ(K.kvm_hva_to_pfn(f, 0, &frame), 0);
  EXPECT_EQ(frame, Walk()[f].pfn);
  EXPECT_EQ(K.kvm_hva_to_pfn(kPage, 0, &frame), -EFAULT);
}

TEST_F(FaultTest, CowMappingMustBeRemappedWhole) {
  const uint64_t m = Map(2, FL_PROT_READ, FL_MAP_PRIVATE, Open("/noops"));
  vm_area_struct* vma = find_vma(mm_, m);
  const kulong pgoff = vma->vm_pgoff;
  EXPECT_EQ(
      remap_pfn_range(vma, m, kRomPhys >> PAGE_SHIFT, kPage, vma->vm_page_prot),
      -EINVAL);
  EXPECT_EQ(vma->vm_pgoff, pgoff);
  EXPECT_EQ(vma->vm_flags & VM_PFNMAP, 0u);
}

TEST_F(FaultTest, MixedMapEntersAFrameOnce) {
  const uint64_t m = Map(4, FL_PROT_READ, FL_MAP_PRIVATE, Open("/mixed"));
  EXPECT_EQ(Load(m + 2 * kPage).value, RomByte(2 * kPage));
  vm_area_struct* vma = find_vma(mm_, m);
  EXPECT_EQ(vm_insert_mixed(vma, m + 2 * kPage, kRomPhys >> PAGE_SHIFT),
            -EBUSY);
  EXPECT_EQ(vm_insert_mixed(vma, m + 4 * kPage, kRomPhys >> PAGE_SHIFT),
            -EFAULT);
  ASSERT_EQ(K.sys_mprotect(m, 4 * kPage, kRw), 0);
  EXPECT_OK(Store(m + 2 * kPage, 1));
  EXPECT_EQ(Load(m + 2 * kPage + 1).value, RomByte(2 * kPage + 1));
  EXPECT_EQ(rom_[2 * kPage], RomByte(2 * kPage));
}

// A mapping of a file whose driver gave it no vm_ops.
TEST_F(FaultTest, FileWithoutOpsIsSigbusWhenFixed) {
  const uint64_t m = Map(1, FL_PROT_READ, FL_MAP_PRIVATE, Open("/noops"));
  EXPECT_SIGNAL(Load(m), SIGBUS, BUS_ADRERR, m);
}

TEST_F(FaultTest, FileWithoutOpsIsZeroesInStock413) {
  Boot(512, 1ull << FL_FIX_VMA_IS_ANONYMOUS);
  const uint64_t m = Map(1, FL_PROT_READ, FL_MAP_PRIVATE, Open("/noops"));
  const Result result = Load(m);
  EXPECT_OK(result);
  EXPECT_EQ(result.value, 0u);
}

// ---- tables, unmapping ----

TEST_F(FaultTest, MunmapFreesTheTablesNoNeighbourNeeds) {
  const uint64_t free = FreePages();
  const uint64_t base = 0x40000000;
  Map(1, kRw, kAnonymous, nullptr, 0, base);
  Map(1, kRw, kAnonymous, nullptr, 0, base + PMD_SIZE - kPage);
  Map(1, kRw, kAnonymous, nullptr, 0, base + PMD_SIZE);
  EXPECT_OK(Store(base, 1));
  EXPECT_OK(Store(base + PMD_SIZE - kPage, 2));
  EXPECT_EQ(atomic_long_read(&mm_->nr_ptes), 1);
  EXPECT_OK(Store(base + PMD_SIZE, 3));
  EXPECT_EQ(atomic_long_read(&mm_->nr_ptes), 2);

  ASSERT_EQ(K.sys_munmap(base, kPage), 0);
  EXPECT_EQ(atomic_long_read(&mm_->nr_ptes), 2);
  EXPECT_EQ(Load(base + PMD_SIZE - kPage).value, 2u);
  ASSERT_EQ(K.sys_munmap(base + PMD_SIZE - kPage, kPage), 0);
  EXPECT_EQ(atomic_long_read(&mm_->nr_ptes), 1);
  EXPECT_EQ(Load(base + PMD_SIZE).value, 3u);
  ASSERT_EQ(K.sys_munmap(base + PMD_SIZE, kPage), 0);
  EXPECT_EQ(atomic_long_read(&mm_->nr_ptes), 0);
  EXPECT_EQ(atomic_long_read(&mm_->nr_pmds), 0);
  EXPECT_EQ(atomic_long_read(&mm_->nr_puds), 0);
  EXPECT_EQ(FreePages(), free);
}

TEST_F(FaultTest, MunmapOfMoreThanOneBatchFreesAll) {
  const uint64_t free = FreePages();
  const uint64_t m = Map(200, kRw);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(Store(m + i * kPage, i).sig, 0);
  EXPECT_EQ(Counter(MM_ANONPAGES), 200);
  ASSERT_EQ(K.sys_munmap(m + 3 * kPage, 190 * kPage), 0);
  EXPECT_EQ(Counter(MM_ANONPAGES), 10);
  EXPECT_EQ(Load(m + 2 * kPage).value, 2u);
  EXPECT_EQ(Load(m + 193 * kPage).value, 193u);
  ASSERT_EQ(K.sys_munmap(m, 200 * kPage), 0);
  EXPECT_EQ(Counter(MM_ANONPAGES), 0);
  EXPECT_EQ(FreePages(), free);
}

TEST_F(FaultTest, DontneedGivesBackWhatTheFileHas) {
  const uint64_t m = Map(2, kRw, FL_MAP_PRIVATE, Open("/file"));
  EXPECT_OK(Store(m, 0xaa));
  ASSERT_EQ(K.sys_madvise(m, kPage, 4), 0);
  EXPECT_EQ(Load(m).value, FileByte(0));
}

// Each allocation of a sequence fails in turn; nothing may be lost for it.
TEST_F(FaultTest, FailedAllocationLosesNothing) {
  Boot(512, 0, 1);
  fl_machine_stats before = {};
  K.machine_stats(machine_, &before);
  bool failed = true;
  int fail = 0;
  for (; failed; ++fail) {
    g_fail_countdown = fail;
    file* file = nullptr;
    int64_t m = -ENOMEM;
    if (K.open(sb_, "/file", &file) == 0) {
      m = K.sys_mmap(0, 2 * kPage, kRw, FL_MAP_PRIVATE, file, 0);
      K.close(file);
    }
    if (m > 0) {
      EXPECT_OK(Load(m));
      EXPECT_OK(Store(m + kPage, 1));
      EXPECT_OK(Store(m, 1));
      EXPECT_EQ(Load(m + 1).value, FileByte(1));
    }
    failed = g_fail_countdown < 0;
    g_fail_countdown = -1;
    if (m > 0) {
      ASSERT_EQ(K.sys_munmap(m, 2 * kPage), 0);
    }
    // Start over with a cold cache.
    ASSERT_EQ(K.umount(sb_), 0);
    ASSERT_EQ(K.mount("testfs", "", &sb_), 0);
    fl_machine_stats after = {};
    K.machine_stats(machine_, &after);
    ASSERT_EQ(after.free_pages, before.free_pages) << fail;
    ASSERT_EQ(after.slab_objects, before.slab_objects) << fail;
    ASSERT_LT(fail, 100);
  }
  EXPECT_GT(fail, 10);
}

// ---- reverse maps ----

struct Visits {
  std::vector<uint64_t> addresses;
};

bool Visit(page*, vm_area_struct*, kulong address, void* arg) {
  static_cast<Visits*>(arg)->addresses.push_back(address);
  return true;
}

Visits WalkOf(page* page) {
  Visits visits;
  rmap_walk_control control = {&visits, Visit, nullptr, nullptr, nullptr};
  rmap_walk(page, &control);
  return visits;
}

TEST_F(FaultTest, RmapWalkFindsEveryMappingOfAFilePage) {
  file* file = Open("/file");
  const uint64_t a = Map(4, FL_PROT_READ, FL_MAP_PRIVATE, file, 1);
  const uint64_t b = Map(4, FL_PROT_READ, FL_MAP_SHARED, file, 3);
  Map(1, FL_PROT_READ, FL_MAP_PRIVATE, file, 9);
  EXPECT_OK(Load(a + 2 * kPage));
  EXPECT_OK(Load(b));
  page* page = find_get_page(file->f_mapping, 3);
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page_mapcount(page), 2);
  lock_page(page);
  Visits visits = WalkOf(page);
  std::sort(visits.addresses.begin(), visits.addresses.end());
  std::vector<uint64_t> expected = {a + 2 * kPage, b};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(visits.addresses, expected);
  unlock_page(page);
  put_page(page);
}

TEST_F(FaultTest, RmapWalkFindsAnonymousPageAfterASplit) {
  const uint64_t m = Map(4, kRw);
  EXPECT_OK(Store(m + 3 * kPage, 1));
  ASSERT_EQ(K.sys_mprotect(m, 2 * kPage, FL_PROT_READ), 0);
  page* page = pfn_to_page(Walk()[m + 3 * kPage].pfn);
  lock_page(page);
  const Visits visits = WalkOf(page);
  unlock_page(page);
  EXPECT_EQ(visits.addresses, std::vector<uint64_t>{m + 3 * kPage});
}

using FaultDeathTest = FaultTest;

TEST_F(FaultDeathTest, CopyIntoAVmaWithoutAnonVmaIsABug) {
  const uint64_t base = 0x40000000;
  Map(1, kRw, FL_MAP_PRIVATE, Open("/othervma"), 0, base);
  Map(1, kRw, FL_MAP_PRIVATE, Open("/file"), 0, base + kPage);
  EXPECT_DEATH(Store(base, 1), "__page_set_anon_rmap");
}

TEST_F(FaultDeathTest, RetryThatWasNotAllowedWritesThroughNull) {
  const uint64_t m = Map(1, kRw, FL_MAP_PRIVATE, Open("/retry"));
  g_retries = 1;
  EXPECT_DEATH(K.sys_futex_op(m, 1), "fixup_user_fault");
}

// The handler drops mmap_sem because it was killed, the caller drops it again.
TEST_F(FaultTest, RetryThatWasNotAllowedUnbalancesSparcsLock) {
  const uint64_t m = Map(1, FL_PROT_READ, FL_MAP_PRIVATE, Open("/retry"));
  g_retries = 1;
  g_kill_on_retry = true;
  Result result = {};
  K.sparc32_access(FL_LOAD, m, 1, 0, &result);
  EXPECT_EQ(result.sig, SIGKILL);
  EXPECT_EQ(atomic_long_read(&mm_->mmap_sem.count), -1);
  atomic_long_inc(&mm_->mmap_sem.count);
}

TEST_F(FaultTest, KilledRetryReturnsToUserModeWithTheLockDropped) {
  const uint64_t m = Map(1, FL_PROT_READ, FL_MAP_PRIVATE, Open("/retry"));
  g_retries = 1;
  g_kill_on_retry = true;
  EXPECT_EQ(Load(m).sig, SIGKILL);
  EXPECT_EQ(atomic_long_read(&mm_->mmap_sem.count), 0);
  EXPECT_TRUE(Walk().empty()) << "the fault was taken again";
}

TEST_F(FaultTest, RetryIsTakenOnceAndThenServed) {
  const uint64_t m = Map(1, FL_PROT_READ, FL_MAP_PRIVATE, Open("/retry"));
  g_retries = 1;
  const Result result = Load(m + 1);
  EXPECT_OK(result);
  EXPECT_EQ(result.value, FileByte(1));
  EXPECT_EQ(result.faults, 1u);
}

// ---- other callers ----

TEST_F(FaultTest, FutexOpFaultsItsWordInAndStores) {
  const uint64_t m = Map(1, kRw);
  EXPECT_EQ(K.sys_futex_op(m + 8, 0xabcd), 0);
  EXPECT_EQ(Load(m + 8, 4).value, 0xabcdu);
  EXPECT_EQ(K.sys_futex_op(m + 2, 1), -EINVAL);
  EXPECT_EQ(K.sys_futex_op(m + kPage, 1), -EFAULT);
  EXPECT_EQ(K.sys_futex_op(~3ull, 1), -EFAULT);
  ASSERT_EQ(K.sys_mprotect(m, kPage, FL_PROT_READ), 0);
  EXPECT_EQ(K.sys_futex_op(m, 1), -EFAULT);
}

TEST_F(FaultTest, OtherArchitecturesCallersAgreeWithX86) {
  file* file = Open("/file");
  const uint64_t m = Map(24, kRw, FL_MAP_PRIVATE, file);
  for (auto access : {K.uml_access, K.sparc32_access}) {
    Result result = {};
    access(FL_LOAD, m + 5, 1, 0, &result);
    EXPECT_OK(result);
    EXPECT_EQ(result.value, FileByte(5));
    access(FL_STORE, m + 6, 1, 0x42, &result);
    EXPECT_OK(result);
    EXPECT_EQ(Load(m + 6).value, 0x42u);
    access(FL_LOAD, m + 22 * kPage, 1, 0, &result);
    EXPECT_SIGNAL(result, SIGBUS, BUS_ADRERR, m + 22 * kPage);
    access(FL_LOAD, kPage, 1, 0, &result);
    EXPECT_SIGNAL(result, SIGSEGV, SEGV_MAPERR, kPage);
    ASSERT_EQ(K.sys_madvise(m, kPage, 4), 0);
  }
}

// ---- several tasks ----

class Threads {
 public:
  Threads(machine* machine, mm_struct* mm) : machine_(machine), mm_(mm) {}

  // Tasks are made before any of them runs: task_create is a host call.
  void Add(std::function<void(task_struct*)> body) {
    hosts_.push_back(std::make_unique<HostTask>());
    tasks_.push_back(
        K.task_create(machine_, mm_, "thread", 0, hosts_.back().get()));
    bodies_.push_back(std::move(body));
  }
  task_struct* task(size_t i) { return tasks_[i]; }
  void Start() {
    for (size_t i = 0; i < bodies_.size(); ++i)
      threads_.emplace_back([this, i] {
        *K.current_slot() = tasks_[i];
        bodies_[i](tasks_[i]);
        K.task_exit();
        *K.current_slot() = nullptr;
      });
  }
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    for (task_struct* task : tasks_) K.task_free(task);
    threads_.clear();
  }

 private:
  machine* const machine_;
  mm_struct* const mm_;
  std::vector<std::unique_ptr<HostTask>> hosts_;
  std::vector<task_struct*> tasks_;
  std::vector<std::function<void(task_struct*)>> bodies_;
  std::vector<std::thread> threads_;
};

// While a fault waits for a locked page it holds no mmap_sem.
TEST_F(FaultTest, WaiterForALockedPageLetsWritersIn) {
  file* file = Open("/file");
  const uint64_t m = Map(1, FL_PROT_READ, FL_MAP_PRIVATE, file);
  char byte = 0;
  ASSERT_EQ(K.file_read(file, &byte, 1, 0), 1);
  page* page = find_get_page(file->f_mapping, 0);
  lock_page(page);
  std::atomic<bool> done{false};
  Threads threads(machine_, mm_);
  threads.Add([&](task_struct*) {
    const Result result = Load(m);
    EXPECT_OK(result);
    EXPECT_EQ(result.value, FileByte(0));
    EXPECT_EQ(result.faults, 1u);
    done = true;
  });
  threads.Start();
  while (__atomic_load_n(&threads.task(0)->state, __ATOMIC_SEQ_CST) ==
         TASK_RUNNING)
    std::this_thread::yield();
  EXPECT_FALSE(done);
  down_write(&mm_->mmap_sem);
  up_write(&mm_->mmap_sem);
  unlock_page(page);
  threads.Join();
  put_page(page);
  EXPECT_TRUE(done);
}

TEST_F(FaultTest, KilledWaiterForALockedPageGivesUp) {
  file* file = Open("/file");
  const uint64_t m = Map(1, FL_PROT_READ, FL_MAP_PRIVATE, file);
  char byte = 0;
  ASSERT_EQ(K.file_read(file, &byte, 1, 0), 1);
  page* page = find_get_page(file->f_mapping, 0);
  lock_page(page);
  Threads threads(machine_, mm_);
  threads.Add([&](task_struct*) { EXPECT_EQ(Load(m).sig, SIGKILL); });
  threads.Start();
  while (__atomic_load_n(&threads.task(0)->state, __ATOMIC_SEQ_CST) ==
         TASK_RUNNING)
    std::this_thread::yield();
  K.sys_kill(threads.task(0), SIGKILL);
  threads.Join();
  unlock_page(page);
  put_page(page);
}

TEST_F(FaultTest, FixupSaysWhenItDroppedTheLock) {
  file* file = Open("/file");
  const uint64_t m = Map(1, FL_PROT_READ, FL_MAP_PRIVATE, file);
  char byte = 0;
  ASSERT_EQ(K.file_read(file, &byte, 1, 0), 1);
  bool unlocked = false;
  down_read(&mm_->mmap_sem);
  EXPECT_EQ(fixup_user_fault(task_, mm_, m, 0, &unlocked), 0);
  up_read(&mm_->mmap_sem);
  EXPECT_FALSE(unlocked);
  ASSERT_EQ(K.sys_madvise(m, kPage, 4), 0);

  page* page = find_get_page(file->f_mapping, 0);
  lock_page(page);
  Threads threads(machine_, mm_);
  threads.Add([&](task_struct* task) {
    down_read(&mm_->mmap_sem);
    EXPECT_EQ(fixup_user_fault(task, mm_, m, 0, &unlocked), 0);
    up_read(&mm_->mmap_sem);
  });
  threads.Start();
  while (__atomic_load_n(&threads.task(0)->state, __ATOMIC_SEQ_CST) ==
         TASK_RUNNING)
    std::this_thread::yield();
  unlock_page(page);
  threads.Join();
  put_page(page);
  EXPECT_TRUE(unlocked);
}

TEST_F(FaultTest, ThreadsThatFaultOnOnePageShareIt) {
  const int kPages = 100;
  file* file = Open("/file");
  const uint64_t a = Map(kPages, kRw);
  const uint64_t f = Map(20, FL_PROT_READ, FL_MAP_PRIVATE, file);
  Threads threads(machine_, mm_);
  for (int t = 0; t < 4; ++t) {
    threads.Add([&, t](task_struct*) {
      for (int i = 0; i < kPages; ++i) {
        ASSERT_EQ(Store(a + i * kPage + t * 8, t + i, 8).sig, 0);
        ASSERT_EQ(Load(f + i % 20 * kPage + t).value,
                  FileByte(i % 20 * kPage + t));
      }
    });
  }
  threads.Start();
  threads.Join();
  for (int i = 0; i < kPages; ++i)
    for (int t = 0; t < 4; ++t)
      EXPECT_EQ(Load(a + i * kPage + t * 8, 8).value,
                static_cast<uint64_t>(t + i));
  EXPECT_EQ(Counter(MM_ANONPAGES), kPages);
  EXPECT_EQ(Counter(MM_FILEPAGES), 20);
  for (const auto& [address, info] : Walk()) EXPECT_EQ(info.mapcount, 1);
}

// The frame of a page is not free while an access that found it goes on.
TEST_F(FaultTest, MunmapWaitsForTheAccessThatIsUnderWay) {
  const uint64_t m = Map(1, kRw);
  EXPECT_OK(Store(m, 1));
  const uint64_t free = FreePages();
  std::atomic<bool> done{false};
  Threads threads(machine_, mm_);
  threads.Add([&](task_struct*) {
    EXPECT_EQ(K.sys_munmap(m, kPage), 0);
    done = true;
  });
  user_walk_begin(task_);
  g_relaxes = 0;
  threads.Start();
  while (!done && g_relaxes == 0) std::this_thread::yield();
  EXPECT_FALSE(done);
  EXPECT_EQ(FreePages(), free);
  user_walk_end(task_);
  threads.Join();
  EXPECT_GT(FreePages(), free);
}

// A store never lands in a frame that munmap has given to somebody else.
TEST_F(FaultTest, StoreAndMunmapOfOnePageNeverMixFrames) {
  const uint64_t base = 0x40000000;
  const uint64_t other = Map(8, kRw);
  std::atomic<bool> stop{false};
  Threads threads(machine_, mm_);
  threads.Add([&](task_struct*) {
    while (!stop) {
      const Result result = Store(base, 0x5555555555555555, 8);
      ASSERT_TRUE(result.sig == 0 || result.sig == SIGSEGV);
    }
  });
  threads.Add([&](task_struct*) {
    for (int i = 0; i < 3000; ++i) {
      ASSERT_EQ(
          K.sys_mmap(base, kPage, kRw, kAnonymous | FL_MAP_FIXED, nullptr, 0),
          static_cast<int64_t>(base));
      ASSERT_EQ(K.sys_munmap(base, kPage), 0);
      for (int j = 0; j < 8; ++j) {
        ASSERT_EQ(Load(other + j * kPage, 8).value, 0u);
        ASSERT_EQ(Store(other + j * kPage, 0, 8).sig, 0);
      }
      ASSERT_EQ(K.sys_madvise(other, 8 * kPage, 4), 0);
    }
    stop = true;
  });
  threads.Start();
  threads.Join();
}

// ---- the radix tree ----

TEST_F(FaultTest, RadixTreeAgreesWithAMap) {
  file* file = Open("/file");
  address_space* mapping = file->f_mapping;
  kmem_cache* cache = machine_->radix_cachep;
  std::mt19937_64 random(20171009);
  std::map<pgoff_t, void*> reference;
  const int kBits[] = {4, 7, 13, 20, BITS_PER_KULONG};
  for (int step = 0; step < 20000; ++step) {
    const int bits = kBits[random() % (step < 200 ? 2 : 5)];
    const pgoff_t index = bits == BITS_PER_KULONG
                              ? static_cast<pgoff_t>(random())
                              : random() & ((1ull << bits) - 1);
    void* item = reinterpret_cast<void*>((random() | 1) << 4);
    switch (random() % 4) {
      case 0:
      case 1: {
        radix_node* spare = nullptr;
        int error;
        while ((error = radix_tree_insert(mapping, index, item, &spare)) ==
               -EAGAIN) {
          ASSERT_EQ(spare, nullptr);
          spare = static_cast<radix_node*>(kmem_cache_zalloc(cache, 0));
          if (spare == nullptr) break;
        }
        if (error == -EAGAIN) goto full;
        ASSERT_EQ(error, reference.count(index) ? -EEXIST : 0);
        reference.emplace(index, item);
        if (spare != nullptr) kmem_cache_free(cache, spare);
        break;
      }
      case 2: {
        auto it = reference.find(index);
        ASSERT_EQ(radix_tree_delete(mapping, index),
                  it == reference.end() ? nullptr : it->second);
        if (it != reference.end()) reference.erase(it);
        break;
      }
      case 3: {
        void** slot = radix_tree_lookup_slot(mapping, index);
        auto it = reference.find(index);
        ASSERT_EQ(slot == nullptr ? nullptr : *slot,
                  it == reference.end() ? nullptr : it->second);
        const pgoff_t last = index + (random() & 0xfff) < index
                                 ? ~(pgoff_t)0
                                 : index + (random() & 0xfff);
        pgoff_t found = 0;
        slot = radix_tree_next_slot(mapping, index, last, &found);
        it = reference.lower_bound(index);
        if (it == reference.end() || it->first > last) {
          ASSERT_EQ(slot, nullptr);
        } else {
          ASSERT_NE(slot, nullptr);
          ASSERT_EQ(found, it->first);
          ASSERT_EQ(*slot, it->second);
        }
      }
    }
  }
full:
  EXPECT_GT(reference.size(), 100u);
  for (const auto& [index, item] : reference)
    ASSERT_EQ(radix_tree_delete(mapping, index), item);
}

}  // namespace
}  // namespace faultline
