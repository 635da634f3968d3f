// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/elf_mapping.h"

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "mm/interface.h"

namespace faultline {
namespace {

Elf64_Phdr Load(uint64_t offset, uint64_t address, uint64_t file_size,
                uint64_t memory_size, uint32_t flags) {
  Elf64_Phdr header = {};
  header.p_type = PT_LOAD;
  header.p_offset = offset;
  header.p_vaddr = address;
  header.p_filesz = file_size;
  header.p_memsz = memory_size;
  header.p_flags = flags;
  return header;
}

std::vector<uint8_t> File(const std::vector<Elf64_Phdr>& headers) {
  std::vector<uint8_t> file(sizeof(Elf64_Ehdr) +
                            headers.size() * sizeof(Elf64_Phdr));
  Elf64_Ehdr elf = {};
  memcpy(elf.e_ident, ELFMAG, SELFMAG);
  elf.e_ident[EI_CLASS] = ELFCLASS64;
  elf.e_ident[EI_DATA] = ELFDATA2LSB;
  elf.e_ident[EI_VERSION] = EV_CURRENT;
  elf.e_phoff = sizeof elf;
  elf.e_phnum = static_cast<uint16_t>(headers.size());
  elf.e_phentsize = sizeof(Elf64_Phdr);
  memcpy(file.data(), &elf, sizeof elf);
  if (!headers.empty()) {
    memcpy(file.data() + sizeof elf, headers.data(),
           headers.size() * sizeof(Elf64_Phdr));
  }
  return file;
}

TEST(ElfMappingTest, TheTotalMappingReachesToTheEndOfTheLastSegmentsMemory) {
  absl::StatusOr<ElfMapping> mapping = PlanElfMapping(
      File({Load(0, 0x400000, 0x1800, 0x1800, PF_R | PF_X),
            Load(0x1e10, 0x402e10, 0x200, 0x5000, PF_R | PF_W)}));
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  EXPECT_EQ(mapping->total.length, 0x8000u);
  EXPECT_EQ(mapping->total.offset, 0u);
  EXPECT_EQ(mapping->total.prot, uint32_t{FL_PROT_READ | FL_PROT_EXEC});
  ASSERT_EQ(mapping->segments.size(), 2u);
  EXPECT_EQ(mapping->segments[0].at, 0u);
  EXPECT_EQ(mapping->segments[0].length, 0x2000u);
  // Begins in the middle of a page: the page's beginning is mapped with it.
  EXPECT_EQ(mapping->segments[1].at, 0x2000u);
  EXPECT_EQ(mapping->segments[1].offset, 0x1000u);
  EXPECT_EQ(mapping->segments[1].length, 0x2000u);
  EXPECT_EQ(mapping->segments[1].prot, uint32_t{FL_PROT_READ | FL_PROT_WRITE});
}

TEST(ElfMappingTest, WhatCannotBeLoadedIsRefused) {
  EXPECT_FALSE(PlanElfMapping(std::vector<uint8_t>(4096, 'x')).ok());
  EXPECT_FALSE(PlanElfMapping(File({})).ok());
  EXPECT_FALSE(
      PlanElfMapping(File({Load(0, ~uint64_t{0} - 4096, 16, 16, PF_R)})).ok());
  EXPECT_FALSE(PlanElfMapping(File({Load(0, 0, 16, ~uint64_t{0}, PF_R)})).ok());
  EXPECT_FALSE(PlanElfMapping(File({Load(0, 0, 16, 16, PF_R),
                                    Load(0, uint64_t{1} << 40, 16, 16, PF_R)}))
                   .ok());
}

TEST(ElfMappingTest, ASegmentWithoutFileBytesIsNotMappedFromTheFile) {
  absl::StatusOr<ElfMapping> mapping = PlanElfMapping(
      File({Load(0, 0, 0x1000, 0x1000, PF_R), Load(0, 0x4000, 0, 64, PF_W)}));
  ASSERT_TRUE(mapping.ok());
  EXPECT_EQ(mapping->segments.size(), 1u);
  EXPECT_EQ(mapping->total.length, 0x5000u);
}

}  // namespace
}  // namespace faultline
