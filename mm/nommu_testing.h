// SPDX-License-Identifier: GPL-2.0-only
//
// What the tests of a kernel without an MMU share: a machine with a ROM
// window, and a file that says what it can do.

#ifndef FAULTLINE_MM_NOMMU_TESTING_H_
#define FAULTLINE_MM_NOMMU_TESTING_H_

#include <cstdint>
#include <functional>

#include "mm/testing.h"

// After gtest, which cannot live with the kernel's names.
#include "mm/fault.h"
#include "mm/nommu.h"
#include "mm/rmap.h"

namespace faultline {

inline constexpr int64_t kPageBytes = 4096;
inline constexpr kulong kRom = 0x40000000;

inline TestMachine::Options WithRom(uint64_t rom_pages = 16) {
  TestMachine::Options options;
  options.rom_bytes = rom_pages * kPageBytes;
  options.rom_phys = kRom;
  return options;
}

// A TestDataFile that lies in the ROM window, page by page from kRom on, and
// can be mapped there: what romfs and cramfs do.
class RomFile {
 public:
  RomFile(TestMachine* machine, uint64_t bytes)
      : data_(machine, bytes, MapShared), ops_(*data_.get()->f_op) {
    ops_.mmap_capabilities = Capabilities;
    ops_.get_unmapped_area = Place;
    data_.get()->f_op = &ops_;
    capabilities =
        NOMMU_MAP_COPY | NOMMU_MAP_DIRECT | NOMMU_MAP_READ | NOMMU_MAP_EXEC;
    placed_at = 0;
    place_error = 0;
    mmap_error = 0;
  }
  struct file* get() {
    return data_.get();
  }

  static inline unsigned capabilities = 0;
  static inline kulong placed_at = 0;  // offset in the ROM, bytes
  static inline int place_error = 0;   // of ->get_unmapped_area
  static inline int mmap_error = 0;    // of ->mmap

 private:
  static unsigned Capabilities(struct file*) { return capabilities; }
  static kulong Place(struct file*, kulong, kulong, kulong pgoff, kulong) {
    if (place_error != 0) return static_cast<kulong>(place_error);
    return kRom + placed_at + (pgoff << PAGE_SHIFT);
  }
  static int MapShared(struct file*, struct vm_area_struct* vma) {
    if (mmap_error != 0) return mmap_error;
    return vma->vm_flags & (VM_SHARED | VM_MAYSHARE) ? 0 : -ENOSYS;
  }

  TestDataFile data_;
  struct file_operations ops_;
};

class NommuTest : public testing::Test {
 protected:
  NommuTest() : machine_(WithRom()) {}

  ~NommuTest() override {
    machine_.PutMm();
    EXPECT_EQ(Regions(), 0u);
    EXPECT_EQ(kmem_cache_objects(nommu()->vm_region_jar), 0u);
    EXPECT_EQ(atomic_long_read(&nommu()->mmap_pages_allocated), 0);
    for (const TestReport& report : machine_.TakeReports()) {
      ADD_FAILURE() << report.text;
    }
  }

  struct machine* machine() {
    return machine_.machine();
  }
  struct mm_struct* mm() {
    return machine_.mm();
  }
  struct nommu* nommu() {
    return machine()->nommu;
  }
  uint64_t Regions() { return count_nommu_regions(machine()); }
  int64_t Free() { return static_cast<int64_t>(machine()->nr_free); }

  // Pages of anonymous memory, readable and writable; address or -errno.
  int64_t Anonymous(uint64_t pages) {
    return vm_mmap_pgoff(nullptr, 0, static_cast<kulong>(pages << PAGE_SHIFT),
                         PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                         0);
  }
  int64_t Map(struct file* file, uint64_t page, uint64_t pages,
              kulong prot = PROT_READ, kulong flags = MAP_PRIVATE) {
    return vm_mmap_pgoff(file, 0, static_cast<kulong>(pages << PAGE_SHIFT),
                         prot, flags, static_cast<kulong>(page));
  }
  int Unmap(int64_t address, uint64_t pages) {
    return vm_munmap(static_cast<kulong>(address), pages << PAGE_SHIFT);
  }
  struct vm_area_struct* VmaAt(int64_t address) {
    return find_vma(mm(), static_cast<kulong>(address));
  }
  void ExpectSound() { EXPECT_EQ(validate_mm(mm()), 0u); }

  TestMachine machine_;
};

}  // namespace faultline

#endif  // FAULTLINE_MM_NOMMU_TESTING_H_
