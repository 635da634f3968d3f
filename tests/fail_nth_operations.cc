// SPDX-License-Identifier: GPL-2.0-only

#include <cstring>

#include "gtest/gtest.h"
#include "tests/fail_nth_operations.h"

namespace faultline {
namespace {

constexpr uint32_t kR = FL_PROT_READ, kW = FL_PROT_WRITE, kX = FL_PROT_EXEC;
constexpr uint32_t kPrivate = FL_MAP_PRIVATE,
                   kAnonymous = FL_MAP_PRIVATE | FL_MAP_ANONYMOUS,
                   kFixed = FL_MAP_FIXED;
constexpr uint64_t kPage = World::kPage;
constexpr int64_t kEagain = -11, kEnomem = -12, kEfault = -14, kEio = -5,
                  kEinval = -22;
// A signal, as Access gives it.
constexpr int64_t Signal(int number) { return -1000 - number; }

uint64_t Anon(uint64_t page) { return World::kAnon + page * kPage; }
uint64_t Paged(uint64_t page) { return World::kPaged + page * kPage; }
uint64_t Between(uint64_t page) { return World::kBetween + page * kPage; }

int64_t Result(const fl_user_result& result) {
  return result.sig == 0 ? 0 : Signal(result.sig);
}

// What was asked for, or an error for less.
int64_t Whole(int64_t got, int64_t asked, int64_t shorter = kEnomem) {
  return got < 0 ? got : got == asked ? 0 : shorter;
}

std::vector<Operation> MakeOperations() {
  std::vector<Operation> all;
  const auto add = [&all](Operation operation) {
    all.push_back(std::move(operation));
  };

  // ---- mmap ----
  add({"mmap anonymous",
       [](World* w) { return w->Map(World::kFar, 4, kR | kW, kAnonymous); },
       {kEnomem}});
  add({"mmap anonymous, anywhere",
       [](World* w) { return w->Map(0, 4, kR, kAnonymous); },
       {kEnomem}});
  add({"mmap that joins both neighbours",
       [](World* w) { return w->Map(Anon(16), 2, kR | kW, kAnonymous); },
       {kEnomem},
       Operation::kAsBefore,
       0,
       [](World* w) {
         ASSERT_GT(w->Map(Anon(18), 2, kR | kW, kAnonymous), 0);
         ASSERT_EQ(w->Access(FL_STORE, Anon(18)), 0);
         ASSERT_EQ(w->k().sys_munmap(Anon(8), 8 * kPage), 0);
         ASSERT_GT(w->Map(Anon(8), 8, kR | kW, kAnonymous), 0);
       }});
  add({"mmap over parts of others",
       [](World* w) { return w->Map(Between(1), 5, kR | kX, kAnonymous); },
       {kEnomem},
       Operation::kPartly});
  add({"mmap inside another",
       [](World* w) { return w->Map(Anon(4), 4, kR, kAnonymous); },
       {kEnomem},
       Operation::kPartly});
  add({"mmap populated",
       [](World* w) {
         return w->Map(World::kFar, 4, kR | kW, kAnonymous | FL_MAP_POPULATE);
       },
       {kEnomem}});
  add({"mmap locked",
       [](World* w) {
         return w->Map(World::kFar, 4, kR | kW, kAnonymous | FL_MAP_LOCKED);
       },
       {kEnomem}});
  add({"mmap of a stack",
       [](World* w) {
         return w->Map(World::kFar, 4, kR | kW, kAnonymous | FL_MAP_GROWSDOWN);
       },
       {kEnomem}});
  add({"mmap file, private",
       [](World* w) {
         return w->Map(World::kFar, 4, kR | kW, kPrivate, w->fresh);
       },
       {kEnomem}});
  add({"mmap file, shared",
       [](World* w) {
         return w->Map(World::kFar, 4, kR, FL_MAP_SHARED, w->fresh);
       },
       {kEnomem}});
  add({"mmap file, populated",
       [](World* w) {
         return w->Map(World::kFar, 4, kR, kPrivate | FL_MAP_POPULATE,
                       w->fresh);
       },
       {kEnomem}});
  // remap_pfn_range says EINVAL whatever went wrong with the memory type.
  add({"mmap file, direct",
       [](World* w) { return w->Map(World::kFar, 5, kR, kPrivate, w->direct); },
       {kEnomem, kEinval},
       Operation::kAsBefore,
       2});
  add({"mmap file, partly direct",
       [](World* w) { return w->Map(World::kFar, 6, kR, kPrivate, w->code); },
       {kEnomem}});

  // ---- munmap ----
  add({"munmap of a whole mapping",
       [](World* w) -> int64_t {
         return w->k().sys_munmap(World::kZeros, 8 * kPage);
       },
       {},
       Operation::kAsBefore,
       0});
  add({"munmap in the middle",
       [](World* w) -> int64_t {
         return w->k().sys_munmap(Anon(4), 4 * kPage);
       },
       {kEnomem},
       Operation::kSplit});
  add({"munmap in the middle of a file",
       [](World* w) -> int64_t { return w->k().sys_munmap(Paged(1), kPage); },
       {kEnomem},
       Operation::kSplit});
  add({"munmap of several, cut at both ends",
       [](World* w) -> int64_t {
         return w->k().sys_munmap(Anon(12), World::kZeros + kPage - Anon(12));
       },
       {kEnomem},
       Operation::kSplit});

  // ---- mprotect ----
  add({"mprotect of a whole mapping",
       [](World* w) -> int64_t {
         return w->k().sys_mprotect(World::kAnon, 16 * kPage, kR);
       },
       {},
       Operation::kAsBefore,
       0});
  add({"mprotect in the middle",
       [](World* w) -> int64_t {
         return w->k().sys_mprotect(Anon(4), 4 * kPage, kR);
       },
       {kEnomem},
       Operation::kSplit});
  add({"mprotect that joins two",
       [](World* w) -> int64_t {
         return w->k().sys_mprotect(Between(1), kPage, kR | kW);
       },
       {},
       Operation::kAsBefore,
       0});
  add({"mprotect of a direct mapping, writable",
       [](World* w) -> int64_t {
         return w->k().sys_mprotect(World::kDirect, 5 * kPage, kR | kW);
       },
       {},
       Operation::kAsBefore,
       0});

  // ---- mremap ----
  add({"mremap grows in place",
       [](World* w) {
         return w->k().sys_mremap(World::kAnon, 16 * kPage, 20 * kPage, 0, 0);
       },
       {kEnomem},
       Operation::kAsBefore,
       0});
  add({"mremap shrinks",
       [](World* w) {
         return w->k().sys_mremap(World::kAnon, 16 * kPage, 6 * kPage, 0, 0);
       },
       {kEnomem},
       Operation::kAsBefore,
       0});
  add({"mremap cuts a piece off",
       [](World* w) {
         return w->k().sys_mremap(Anon(2), 6 * kPage, 2 * kPage, 0, 0);
       },
       {kEnomem},
       Operation::kSplit});
  add({"mremap moves",
       [](World* w) {
         return w->k().sys_mremap(World::kAnon, 16 * kPage, 16 * kPage,
                                  FL_MREMAP_MAYMOVE | FL_MREMAP_FIXED,
                                  World::kFar);
       },
       {kEnomem}});
  add({"mremap moves a part and grows it",
       [](World* w) {
         return w->k().sys_mremap(Anon(4), 4 * kPage, 40 * kPage,
                                  FL_MREMAP_MAYMOVE, 0);
       },
       {kEnomem}});
  add({"mremap moves onto another",
       [](World* w) {
         return w->k().sys_mremap(Anon(2), 2 * kPage, 2 * kPage,
                                  FL_MREMAP_MAYMOVE | FL_MREMAP_FIXED,
                                  Between(3));
       },
       {kEnomem},
       Operation::kPartly});
  add({"mremap moves a file",
       [](World* w) {
         return w->k().sys_mremap(World::kPaged, 4 * kPage, 4 * kPage,
                                  FL_MREMAP_MAYMOVE | FL_MREMAP_FIXED,
                                  World::kFar);
       },
       {kEnomem}});
  add({"mremap moves a direct mapping",
       [](World* w) {
         return w->k().sys_mremap(World::kDirect, 5 * kPage, 5 * kPage,
                                  FL_MREMAP_MAYMOVE | FL_MREMAP_FIXED,
                                  World::kFar);
       },
       {kEnomem}});

  // ---- madvise ----
  add({"madvise DONTNEED",
       [](World* w) -> int64_t {
         return w->k().sys_madvise(Anon(2), 10 * kPage, 4);
       },
       {},
       Operation::kAsBefore,
       0});
  add({"madvise FREE",
       [](World* w) -> int64_t {
         return w->k().sys_madvise(Anon(2), 10 * kPage, 8);
       },
       {},
       Operation::kAsBefore,
       0});
  add({"madvise WILLNEED of a file",
       [](World* w) -> int64_t {
         return w->k().sys_madvise(World::kPaged, 4 * kPage, 3);
       },
       {},
       Operation::kAsBefore,
       0});
  add({"madvise RANDOM in the middle",
       [](World* w) -> int64_t {
         return w->k().sys_madvise(Anon(4), 4 * kPage, 1);
       },
       {kEagain},
       Operation::kSplit});
  add({"madvise SEQUENTIAL at an end",
       [](World* w) -> int64_t {
         return w->k().sys_madvise(Paged(2), 2 * kPage, 2);
       },
       {kEagain}});
  add({"madvise DONTFORK in the middle",
       [](World* w) -> int64_t {
         return w->k().sys_madvise(Anon(4), 4 * kPage, 10);
       },
       {kEagain},
       Operation::kSplit});
  add({"madvise DONTDUMP in the middle",
       [](World* w) -> int64_t {
         return w->k().sys_madvise(Anon(4), 4 * kPage, 16);
       },
       {kEagain},
       Operation::kSplit});

  // ---- mlock ----
  add({"mlock in the middle",
       [](World* w) -> int64_t { return w->k().sys_mlock(Anon(6), 4 * kPage); },
       {kEagain, kEnomem},
       Operation::kSplit});
  add({"mlock of a file",
       [](World* w) -> int64_t {
         return w->k().sys_mlock(World::kPaged, 4 * kPage);
       },
       {kEagain},
       Operation::kSplit});
  add({"mlock2 ONFAULT in the middle",
       [](World* w) -> int64_t {
         return w->k().sys_mlock2(Anon(6), 4 * kPage, FL_MLOCK_ONFAULT);
       },
       {kEnomem},
       Operation::kSplit});
  add({"munlock in the middle",
       [](World* w) -> int64_t {
         return w->k().sys_munlock(Anon(6), 4 * kPage);
       },
       {kEnomem},
       Operation::kSplit,
       1,
       [](World* w) {
         ASSERT_EQ(w->k().sys_mlock(World::kAnon, 16 * kPage), 0);
       }});
  add({"mlockall and munlockall",
       [](World* w) -> int64_t {
         const int64_t result =
             w->k().sys_mlockall(FL_MCL_CURRENT | FL_MCL_FUTURE);
         const int64_t unlocked = w->k().sys_munlockall();
         return result != 0 ? result : unlocked;
       },
       {},
       Operation::kPartly});

  // ---- brk, msync, mincore ----
  add({"brk grows the heap",
       [](World* w) {
         const uint64_t end = World::kHeap + 6 * kPage;
         return w->k().sys_brk(end) == static_cast<int64_t>(end) ? 0 : kEnomem;
       },
       {kEnomem},
       Operation::kAsBefore,
       0});
  add({"brk makes the heap",
       [](World* w) {
         const uint64_t end = World::kHeap + 2 * kPage;
         return w->k().sys_brk(end) == static_cast<int64_t>(end) ? 0 : kEnomem;
       },
       {kEnomem},
       Operation::kAsBefore,
       1,
       [](World* w) {
         ASSERT_EQ(w->k().sys_brk(World::kHeap), int64_t{World::kHeap});
       }});
  add({"brk shrinks the heap",
       [](World* w) {
         const uint64_t end = World::kHeap + kPage;
         return w->k().sys_brk(end) == static_cast<int64_t>(end) ? 0 : kEnomem;
       },
       {kEnomem},
       Operation::kAsBefore,
       0});
  add({"msync",
       [](World* w) -> int64_t {
         return w->k().sys_msync(World::kPaged, 4 * kPage, FL_MS_SYNC);
       },
       {},
       Operation::kAsBefore,
       0});
  add({"mincore",
       [](World* w) -> int64_t {
         return w->k().sys_mincore(World::kPaged, 4 * kPage, Anon(9));
       },
       {kEagain, kEfault}});

  // ---- fork ----
  add({"fork and the child's exit",
       [](World* w) { return w->ForkAndExit(); },
       {kEnomem},
       Operation::kAsBefore,
       20});
  add({"fork of a process that has a child",
       [](World* w) { return w->ForkAndExit(); },
       {kEnomem},
       Operation::kAsBefore,
       20,
       [](World* w) { w->ForkChild(); }});

  add({"a new process and its exit",
       [](World* w) { return w->NewProcess(); },
       {kEnomem},
       Operation::kAsBefore,
       3});

  // ---- faults.  Without memory they are taken again; sparc32's handler
  // sends a signal instead ----
  add({"fault, anonymous write",
       [](World* w) { return w->Access(FL_STORE, Anon(12)); },
       {}});
  add({"fault, anonymous write, no tables",
       [](World* w) { return w->Access(FL_STORE, World::kFar); },
       {},
       Operation::kAsBefore,
       3,
       [](World* w) {
         ASSERT_GT(w->Map(World::kFar, 1, kR | kW, kAnonymous), 0);
       }});
  add({"fault, page of zeros",
       [](World* w) { return w->Access(FL_LOAD, World::kFar); },
       {},
       Operation::kAsBefore,
       1,
       [](World* w) {
         ASSERT_GT(w->Map(World::kFar, 1, kR | kW, kAnonymous), 0);
       }});
  add({"fault, write to the page of zeros",
       [](World* w) { return w->Access(FL_STORE, World::kZeros + kPage); },
       {}});
  add({"fault, file read",
       [](World* w) { return w->Access(FL_LOAD, World::kFar); },
       {},
       Operation::kAsBefore,
       3,
       [](World* w) {
         ASSERT_GT(w->Map(World::kFar, 4, kR, kPrivate, w->fresh), 0);
       }});
  add({"fault, file read, around",
       [](World* w) { return w->Access(FL_LOAD, World::kNear); },
       {},
       Operation::kAsBefore,
       1,
       [](World* w) {
         ASSERT_GT(w->Map(World::kNear, 4, kR, kPrivate, w->paged), 0);
       }});
  add({"fault, file write",
       [](World* w) { return w->Access(FL_STORE, World::kFar); },
       {},
       Operation::kAsBefore,
       4,
       [](World* w) {
         ASSERT_GT(w->Map(World::kFar, 4, kR | kW, kPrivate, w->fresh), 0);
       }});
  add({"fault, write to a page of a file that was read",
       [](World* w) { return w->Access(FL_STORE, Paged(1)); },
       {}});
  add({"fault, execute",
       [](World* w) { return w->Access(FL_EXEC, World::kFar); },
       {},
       Operation::kAsBefore,
       3,
       [](World* w) {
         ASSERT_GT(w->Map(World::kFar, 3, kR | kX, kPrivate, w->fresh), 0);
       }});
  add({"fault, write to a direct mapping",
       [](World* w) { return w->Access(FL_STORE, World::kDirect + 2 * kPage); },
       {},
       Operation::kAsBefore,
       1,
       [](World* w) {
         ASSERT_EQ(w->k().sys_mprotect(World::kDirect, 5 * kPage, kR | kW), 0);
       }});
  add({"fault, write after a fork",
       [](World* w) { return w->Access(FL_STORE, Anon(2)); },
       {},
       Operation::kAsBefore,
       1,
       [](World* w) { w->ForkChild(); }});
  add({"fault, the stack grows",
       [](World* w) { return w->Access(FL_STORE, World::kStack - 3 * kPage); },
       {}});
  add({"fault in the style of UML",
       [](World* w) { return w->UmlAccess(FL_STORE, Anon(12)); },
       {}});
  add({"fault in the style of sparc32",
       [](World* w) { return w->Sparc32Access(FL_STORE, Anon(12)); },
       {Signal(7)}});

  // ---- other users of the fault path ----
  add({"futex",
       [](World* w) { return w->k().sys_futex_op(Anon(12), 1); },
       {kEnomem}});
  add({"KVM's look-up, for writing",
       [](World* w) {
         uint64_t pfn;
         return w->k().kvm_hva_to_pfn(Anon(12), 1, &pfn);
       },
       {kEfault}});
  add({"KVM's look-up of a direct mapping",
       [](World* w) {
         uint64_t pfn;
         return w->k().kvm_hva_to_pfn(World::kDirect, 0, &pfn);
       },
       {},
       Operation::kAsBefore,
       0});
  add({"get_user_pages, anonymous",
       [](World* w) -> int64_t {
         uint64_t pfns[4];
         const int64_t got = w->k().gup_pin(Anon(7), 4, 1, pfns);
         for (int64_t i = 0; i < got; ++i) w->k().gup_unpin(pfns[i], 0);
         return Whole(got, 4);
       },
       {kEnomem}});
  add({"get_user_pages, a file",
       [](World* w) -> int64_t {
         uint64_t pfns[4];
         const int64_t got = w->k().gup_pin(World::kPaged, 4, 1, pfns);
         for (int64_t i = 0; i < got; ++i) w->k().gup_unpin(pfns[i], 1);
         return Whole(got, 4);
       },
       {kEnomem}});
  add({"a pin that lasts",
       [](World* w) {
         const int64_t pinned = w->k().task_pin(Anon(12), 1);
         w->k().task_unpin_all();
         return pinned;
       },
       {kEnomem}});
  add({"vfio, anonymous",
       [](World* w) {
         uint64_t pfn;
         const int64_t pinned = w->k().vfio_pin(Anon(12), 1, &pfn);
         if (pinned == 0) w->k().vfio_unpin(pfn, 0);
         return pinned;
       },
       {kEnomem}});
  add({"vfio, a direct mapping",
       [](World* w) {
         uint64_t pfn;
         const int64_t pinned = w->k().vfio_pin(World::kDirect, 0, &pfn);
         if (pinned == 0) w->k().vfio_unpin(pfn, 0);
         return pinned;
       },
       {},
       Operation::kAsBefore,
       0});
  add({"uprobe",
       [](World* w) {
         return w->k().uprobe_register(w->paged, 5, nullptr, nullptr);
       },
       {kEnomem},
       Operation::kAsBefore,
       1,
       [](World* w) {
         ASSERT_GT(w->Map(World::kFar, 3, kR | kX, kPrivate, w->paged), 0);
       }});

  // ---- copies from and to user memory ----
  add({"read into memory",
       [](World* w) {
         return Whole(w->k().sys_pread64(w->paged, Anon(8), 3 * kPage, 0),
                      3 * kPage, kEfault);
       },
       {kEfault}});
  add({"write from memory to a pipe",
       [](World* w) {
         char bytes[3 * kPage];
         return Whole(w->k().sys_write_pipe(Paged(1), 3 * kPage, bytes),
                      3 * kPage, kEfault);
       },
       {kEfault, kEnomem}});
  add({"vmsplice",
       [](World* w) {
         char bytes[3 * kPage];
         return Whole(w->k().sys_vmsplice(Paged(1), 3 * kPage, bytes),
                      3 * kPage, kEfault);
       },
       {kEfault}});
  add({"process_vm_readv",
       [](World* w) {
         return Whole(w->k().process_vm_rw(w->machine.task(), Anon(8), Paged(1),
                                           3 * kPage, 0),
                      3 * kPage, kEfault);
       },
       {kEfault}});
  add({"process_vm_writev",
       [](World* w) {
         return Whole(w->k().process_vm_rw(w->machine.task(), Anon(0), Paged(1),
                                           3 * kPage, 1),
                      3 * kPage, kEfault);
       },
       {kEfault}});
  add({"ptrace peeks and pokes",
       [](World* w) {
         uint64_t word = 7;
         const int64_t poked =
             w->k().ptrace_access(w->machine.task(), Paged(2), &word, 8, 1);
         const int64_t peeked =
             w->k().ptrace_access(w->machine.task(), Anon(12), &word, 8, 0);
         return poked != 8 ? kEio : peeked != 8 ? kEio : 0;
       },
       {kEio}});

  // ---- files ----
  add({"mount",
       [](World* w) -> int64_t {
         super_block* sb = nullptr;
         const int error = w->k().mount(
             "cramfs_physmem", "physaddr=0x8000000,variant=mainline", &sb);
         return error != 0 ? error : w->k().umount(sb);
       },
       {kEnomem}});
  add({"mount of a disk",
       [](World* w) -> int64_t {
         super_block* sb = nullptr;
         const int error = w->k().mount("cramfs", "dev=0", &sb);
         return error != 0 ? error : w->k().umount(sb);
       },
       {kEnomem, kEinval}});
  add({"remount",
       [](World* w) -> int64_t {
         uint32_t flags = 0;
         return w->k().remount(w->machine.sb(), &flags);
       },
       {},
       Operation::kAsBefore,
       0});
  add({"statfs",
       [](World* w) -> int64_t {
         fl_statfs stat;
         return w->k().statfs(w->machine.sb(), &stat);
       },
       {},
       Operation::kAsBefore,
       0});
  add({"stat",
       [](World* w) -> int64_t {
         fl_stat stat;
         return w->k().stat(w->machine.sb(), "/unseen", 1, &stat);
       },
       {kEnomem}});
  add({"readlink",
       [](World* w) {
         char text[64];
         return w->k().readlink(w->machine.sb(), "/link", text, 64);
       },
       {kEnomem}});
  add({"open through a link",
       [](World* w) -> int64_t {
         file* opened = nullptr;
         const int error = w->k().open(w->machine.sb(), "/link", &opened);
         if (error == 0) w->k().close(opened);
         return error;
       },
       {kEnomem}});
  add({"readdir",
       [](World* w) -> int64_t {
         fl_dirent entries[8];
         const int64_t got = w->k().file_readdir(w->root, entries, 8);
         w->k().file_lseek(w->root, 0, FL_SEEK_SET);
         return Whole(got, 8, kEio);
       },
       {kEnomem}});
  add({"read",
       [](World* w) {
         char bytes[3 * kPage];
         return Whole(w->k().file_read(w->fresh, bytes, 3 * kPage, 0),
                      3 * kPage, kEio);
       },
       {kEnomem, kEio}});
  add({"splice through a pipe",
       [](World* w) -> int64_t {
         pipe_inode_info* pipe = w->k().pipe_create();
         if (pipe == nullptr) return kEnomem;
         uint64_t position = 0;
         const int64_t moved =
             w->k().file_splice_read(w->fresh, &position, pipe, 3 * kPage);
         w->k().pipe_release(pipe);
         return Whole(moved, 3 * kPage, kEio);
       },
       {kEnomem, kEio}});

  // ---- what kernel threads do ----
  add({"reclaim",
       [](World* w) { return w->k().reclaim(8); },
       {},
       Operation::kAsBefore,
       0});
  add({"migration",
       [](World* w) { return w->k().migrate(4) > 0 ? int64_t{0} : kEnomem; },
       {}});
  add({"reverse map walk",
       [](World* w) { return w->k().rmap_walk(8); },
       {},
       Operation::kAsBefore,
       0});
  add({"OOM killer and reaper",
       [](World* w) {
         const int64_t killed = w->k().oom_kill();
         return killed != 0 ? killed : w->k().oom_reap();
       },
       {},
       Operation::kAsBefore,
       0,
       [](World* w) {
         w->ForkChild();
         w->k().set_oom_score_adj(w->machine.task(), -1000);
         w->k().set_oom_score_adj(w->child, 1000);
       }});
  return all;
}

}  // namespace

World::World(const std::string& arch, const std::vector<uint8_t>& image,
             const std::vector<std::string>& fixes_off)
    : machine(arch, /*physmem=*/true, image, fixes_off, 1024) {
  EXPECT_EQ(machine.MountVariant("mainline"), 0);
  paged = machine.Open("/packed");
  direct = machine.Open("/direct");
  code = machine.Open("/code");
  fresh = machine.Open("/fresh");
  root = machine.Open("/");
  EXPECT_GT(Map(kAnon, 16, kR | kW, kAnonymous), 0);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(Access(FL_STORE, Anon(i)), 0);
  EXPECT_GT(Map(kZeros, 8, kR | kW, kAnonymous), 0);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Access(FL_LOAD, kZeros + i * kPage), 0);
  }
  EXPECT_GT(Map(kPaged, 4, kR | kW, kPrivate, paged), 0);
  EXPECT_EQ(Access(FL_STORE, Paged(0)), 0);
  EXPECT_EQ(Access(FL_LOAD, Paged(1)), 0);
  EXPECT_GT(Map(kDirect, 5, kR, kPrivate, direct), 0);
  EXPECT_EQ(machine.RomPages(), 5u);
  EXPECT_GT(Map(kCode, 3, kR | kX, kPrivate, code), 0);
  EXPECT_GT(Map(kStack, 4, kR | kW, kAnonymous | FL_MAP_GROWSDOWN), 0);
  EXPECT_EQ(Access(FL_STORE, kStack), 0);
  EXPECT_EQ(k().set_start_brk(machine.mm(), kHeap, kHeap, kHeap), 0);
  EXPECT_EQ(k().sys_brk(kHeap + 3 * kPage), int64_t{kHeap + 3 * kPage});
  EXPECT_EQ(Access(FL_STORE, kHeap), 0);
  EXPECT_GT(Map(kBetween, 8, kR | kW, kAnonymous), 0);
  for (int i = 1; i < 8; i += 2) {
    EXPECT_EQ(k().sys_mprotect(Between(i), kPage, kR), 0);
  }
  EXPECT_EQ(k().set_rlimit(machine.mm(), FL_RLIMIT_MEMLOCK, ~uint64_t{0},
                           ~uint64_t{0}),
            0);
}

World::~World() {
  machine.FailAllocations(0, 0);
  if (child != nullptr) EndChild(child);
}

int64_t World::Map(uint64_t at, uint64_t pages, uint32_t prot, uint32_t flags,
                   file* from, uint64_t page) {
  return k().sys_mmap(at, pages * kPage, prot, flags | (at != 0 ? kFixed : 0),
                      from, page * kPage);
}

int64_t World::Access(uint32_t kind, uint64_t at) {
  fl_user_result result = {};
  k().user_access(kind, at, 1, 1, &result);
  return Result(result);
}

int64_t World::UmlAccess(uint32_t kind, uint64_t at) {
  fl_user_result result = {};
  k().uml_access(kind, at, 1, 1, &result);
  return Result(result);
}

int64_t World::Sparc32Access(uint32_t kind, uint64_t at) {
  fl_user_result result = {};
  k().sparc32_access(kind, at, 1, 1, &result);
  return Result(result);
}

task_struct* World::NewChild() {
  return k().task_create(k().task_machine(machine.task()), nullptr, "child", 0,
                         this);
}

void World::EndChild(task_struct* ended) {
  *k().current_slot() = ended;
  k().task_exit();
  *k().current_slot() = machine.task();
  k().task_free(ended);
}

int64_t World::ForkAndExit() {
  task_struct* forked = NewChild();
  if (forked == nullptr) return kEnomem;
  const int64_t result = k().sys_fork(forked);
  EndChild(forked);
  return result;
}

int64_t World::NewProcess() {
  struct machine* raw = k().task_machine(machine.task());
  mm_struct* mm = k().mm_create(raw);
  if (mm == nullptr) return kEnomem;
  task_struct* task = k().task_create(raw, mm, "new", 0, this);
  k().mm_put(mm);
  if (task == nullptr) return kEnomem;
  EndChild(task);
  return 0;
}

void World::ForkChild() {
  child = NewChild();
  ASSERT_NE(child, nullptr);
  ASSERT_EQ(k().sys_fork(child), 0);
}

cramfs::Entry WorldTree() {
  using cramfs::Entry;
  using cramfs::FileOf;
  Entry root = Entry::Directory("");
  root.Add(FileOf("code", 5 * kPage + 300, "ddddcc"));
  root.Add(FileOf("direct", 5 * kPage, "ddddd"));
  root.Add(FileOf("fresh", 4 * kPage, "cccc"));
  root.Add(Entry::Symlink("link", "packed"));
  root.Add(FileOf("packed", 4 * kPage, "cccc"));
  for (const char* name : {"unseen", "unused", "unwanted"}) {
    root.Add(FileOf(name, 100, "c"));
  }
  return root;
}

const std::vector<Operation>& AllOperations() {
  static const auto* all = new std::vector<Operation>(MakeOperations());
  return *all;
}

}  // namespace faultline
