// SPDX-License-Identifier: GPL-2.0-only
//
// For tests of the cramfs file system: a machine on a native kernel build
// with an image in its ROM window and one process, and files to put into
// images.
//
//   TestMachine machine("arm", /*physmem=*/true, MustBuild(TestTree()));
//   ASSERT_EQ(machine.MountVariant("v3"), 0);
//   uint64_t address = machine.Map(machine.Open("whole"), 0, 5);
//
// There is one task, so whatever would block it, and any kernel BUG, ends the
// program.  One TestMachine at a time.

#ifndef FAULTLINE_CRAMFS_TESTING_MOUNTED_IMAGE_H_
#define FAULTLINE_CRAMFS_TESTING_MOUNTED_IMAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cramfs/testing/test_files.h"
#include "cramfs/testing/v3_damage.h"
#include "cramfs/tools/codec.h"
#include "cramfs/tools/reader.h"
#include "cramfs/tools/writer.h"
#include "mm/interface.h"
#include "sim/arena.h"

namespace faultline::cramfs {

inline constexpr uint64_t kPage = kBlockSize;
// Where the image is.
inline constexpr uint64_t kRomPhys = 0x08000000;
inline constexpr int kEio = 5, kEnoent = 2, kEinval = 22;
inline constexpr int kSigbus = 7, kSigsegv = 11;

// A line of /proc/PID/maps.
struct Mapping {
  uint64_t start = 0, end = 0, offset = 0;  // bytes
  std::string permissions;
};

class TestMachine {
 public:
  // `arch` as KernelPath takes it.  Behind the image there are four pages of
  // ROM more.  `fixes_off`: names of fixes that the kernel lacks.
  TestMachine(const std::string& arch, bool physmem,
              const std::vector<uint8_t>& image,
              const std::vector<std::string>& fixes_off = {},
              uint64_t ram_pages = 2048);
  TestMachine(const TestMachine&) = delete;
  TestMachine& operator=(const TestMachine&) = delete;

  // Ends the process and unmounts.  The test fails if anything is left over,
  // or the kernel complained on the way.
  ~TestMachine();

  // What the kernel's self-checks of the address space say, a line each.
  std::vector<std::string> CheckMm();
  // WARNs and the like since the last call.
  std::vector<std::string> TakeReports();
  // Reports that contain one of these are no failure at the end.
  void AllowReports(const std::vector<std::string>& texts);

  // The next `after` allocations succeed, the `count` after them fail, and all
  // later ones succeed again.
  void FailAllocations(int after, int count);
  // Allocations since then, and how many of them failed.
  int allocations() const;
  int failed_allocations() const;

  // 0 or -errno, as the kernel gives it.
  int Mount(const std::string& options);
  // On memory; on a block device where the kernel knows only that.
  int MountVariant(const std::string& variant);
  // On a block device, see mount of struct fl_kernel.
  int MountDevice(const std::string& options);
  int Umount();

  // Fails the test and returns nullptr on an error.
  file* Open(const std::string& path);
  // -errno; 0 if it could be opened after all.
  int OpenError(const std::string& path);

  // From the start as far as it goes.  *result: what the read returned.
  std::vector<uint8_t> Read(file* from, int64_t* result = nullptr);

  // The same through a pipe, filled and emptied as often as it takes.
  std::vector<uint8_t> Splice(file* from, int64_t* result = nullptr);

  // All entries from the file's position on.  *result: what the last call of
  // readdir returned; 0 when there were no more.
  std::vector<fl_dirent> List(file* directory, int64_t* result = nullptr);
  fl_stat Stat(const std::string& path, bool follow = true);
  int StatError(const std::string& path, bool follow = true);

  // A private mapping; with `at` exactly there.
  uint64_t Map(file* from, uint64_t first_page, uint64_t pages,
               uint32_t prot = FL_PROT_READ, uint64_t at = 0);
  void Unmap(uint64_t address, uint64_t pages);

  // Accesses of user code.
  fl_user_result Load(uint64_t address, uint32_t size = 1);
  fl_user_result Store(uint64_t address, uint8_t value);

  std::string MapsText();
  std::vector<Mapping> Maps();
  // How many pages are mapped straight from the ROM.
  uint32_t RomPages();

  const fl_kernel& kernel() const { return *kernel_; }
  super_block* sb() const { return sb_; }
  mm_struct* mm() const { return mm_; }
  task_struct* task() const { return task_; }
  // The ROM window's bytes, the image at its start.
  uint8_t* rom() const { return rom_; }
  // The kernel log.
  const std::vector<std::string>& log() const;

 private:
  const fl_kernel* kernel_ = nullptr;
  Arena arena_;
  machine* machine_ = nullptr;
  mm_struct* mm_ = nullptr;
  task_struct* task_ = nullptr;
  super_block* sb_ = nullptr;
  uint8_t* rom_ = nullptr;
  std::vector<std::string> allowed_;
  std::vector<file*> files_;
};

// A file of PageText, stored as FileOfKinds() has it.
Entry FileOf(const std::string& name, uint32_t size, const std::string& kinds,
             TailMode tail = TailMode::kOwnPage,
             DirectAlignment alignment = DirectAlignment::kPage);

// A directory of files that have every kind of block, alignment and tail.
Entry TestTree();

// The image's bytes; ends the program on an error.
std::vector<uint8_t> MustBuild(const Entry& root,
                               const BuildOptions& options = {});

// Where the tools find a file of an image; fails the test if they do not.
struct Placed {
  uint32_t table = 0;  // offset of its block pointers
  std::vector<BlockInfo> blocks;
};
Placed Place(const std::vector<uint8_t>& image, const std::string& path);

// Little endian.
void Put32(uint8_t* at, uint32_t value);

// Maps the whole file and a page more; every byte has to be the file's, zeros
// up to the page's end, then SIGBUS with the exact address.
void ExpectMapsLike(TestMachine& machine, file* from,
                    const std::vector<uint8_t>& data);
// ExpectMapsLike, and the same by read, for all files of a directory.
void ExpectReadsBack(TestMachine& machine, const Entry& root);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TESTING_MOUNTED_IMAGE_H_
