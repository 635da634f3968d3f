// SPDX-License-Identifier: GPL-2.0-only
//
// Every operation of the model once, for the sweep that makes allocations
// fail.

#ifndef FAULTLINE_TESTS_FAIL_NTH_OPERATIONS_H_
#define FAULTLINE_TESTS_FAIL_NTH_OPERATIONS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cramfs/testing/mounted_image.h"
#include "mm/interface.h"

namespace faultline {

// A process with one mapping of each kind, in which operations are done.
//
//   kAnon    16 pages rw, the first 8 written
//   kZeros    8 pages rw, the first 4 read: page of zeros
//   kPaged    4 pages of a compressed file, private rw, the first written, the
//             second read; the rest of the file is not in memory
//   kDirect   5 pages of a file in ROM, r, mapped directly
//   kCode     3 pages of another file in ROM, r-x
//   kStack    4 pages that grow downwards
//   kHeap     3 pages
//   kBetween  8 pages, of which each second one is ro: 8 vmas
class World {
 public:
  static constexpr uint64_t kPage = 4096;
  static constexpr uint64_t kAnon = 0x10000000, kZeros = 0x14000000,
                            kPaged = 0x18000000, kDirect = 0x1c000000,
                            kCode = 0x20000000, kStack = 0x28000000,
                            kHeap = 0x2c000000, kBetween = 0x30000000;
  // Nothing within 1 GiB (x86-64: no pmd page), nor within 2 MiB.
  static constexpr uint64_t kFar = 0x48000000, kNear = 0x14200000;

  World(const std::string& arch, const std::vector<uint8_t>& image,
        const std::vector<std::string>& fixes_off);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  const fl_kernel& k() const { return machine.kernel(); }
  int64_t Map(uint64_t at, uint64_t pages, uint32_t prot, uint32_t flags,
              file* from = nullptr, uint64_t page = 0);
  // 0, or -1000 less the signal.
  int64_t Access(uint32_t kind, uint64_t at);
  int64_t UmlAccess(uint32_t kind, uint64_t at);
  int64_t Sparc32Access(uint32_t kind, uint64_t at);
  // Forks; the child ends at once.
  int64_t ForkAndExit();
  // A process that does nothing and ends.
  int64_t NewProcess();
  // Has a child, which ends with the World.
  void ForkChild();

  cramfs::TestMachine machine;
  file *paged = nullptr, *direct = nullptr, *code = nullptr;
  file* fresh = nullptr;  // nothing of it is in memory
  file* root = nullptr;
  task_struct* child = nullptr;

 private:
  task_struct* NewChild();
  void EndChild(task_struct* child);
};

// The files that a World needs.
cramfs::Entry WorldTree();

struct Operation {
  const char* name;
  // At least 0: done.  Otherwise -errno, or what World::Access gives.
  int64_t (*run)(World* world);
  // What it may come to when an allocation failed, beside success.
  std::set<int64_t> errors;
  // What it promises of the address space after an error.
  enum After {
    kAsBefore,  // what maps says is what it said
    kSplit,     // the same, but for borders where flags nearly changed
    kPartly     // 4.13 leaves what it had done by then
  } after = kAsBefore;
  // Allocations that must be there to fail.
  int at_least = 1;
  // Makes ready, without failures.
  void (*prepare)(World* world) = nullptr;
};

const std::vector<Operation>& AllOperations();

}  // namespace faultline

#endif  // FAULTLINE_TESTS_FAIL_NTH_OPERATIONS_H_
