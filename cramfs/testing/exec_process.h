// SPDX-License-Identifier: GPL-2.0-only
//
// For tests of exec and of core dumps: ELF files of either class, made field
// by field so that each can be wrong, and a process to run them in.

#ifndef FAULTLINE_CRAMFS_TESTING_EXEC_PROCESS_H_
#define FAULTLINE_CRAMFS_TESTING_EXEC_PROCESS_H_

#include <elf.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cramfs/testing/mounted_image.h"

namespace faultline::cramfs {

// An ELF file with the fields of the 64-bit structures, written as the
// architecture has it.  Sizes and addresses are bytes.
struct ElfFile {
  explicit ElfFile(const std::string& arch, uint16_t type);

  Elf64_Phdr& Add(uint32_t type, uint32_t flags, uint64_t offset,
                  uint64_t address, uint64_t file_size, uint64_t memory_size);
  // Header, program headers and what is between them over `content`.
  std::vector<uint8_t> Over(std::vector<uint8_t> content) const;

  bool is_64;
  Elf64_Ehdr header = {};
  std::vector<Elf64_Phdr> segments;
};

// A process of its own in a machine, with one task.
class ExecProcess {
 public:
  explicit ExecProcess(TestMachine* machine);
  ExecProcess(const ExecProcess&) = delete;
  ExecProcess& operator=(const ExecProcess&) = delete;
  // Ends it; what its mm then reports of itself is the machine's to tell.
  ~ExecProcess();

  // argv and envp as given; *exec has the rest.
  int64_t Exec(file* program, const std::vector<std::string>& argv = {},
               const std::vector<std::string>& envp = {},
               fl_exec* exec = nullptr);

  // As printed, a line each.
  std::vector<std::string> Maps() const;
  // "start-end perms offset", a line each.
  std::vector<std::string> Ranges() const;
  std::vector<fl_page_info> Pages() const;
  // Eight, four or fewer bytes by user code; the test fails on a signal.
  uint64_t Load(uint64_t address, uint32_t size) const;
  uint64_t Word(uint64_t address) const;  // of the architecture
  std::string String(uint64_t address) const;
  int LoadSignal(uint64_t address) const;

  struct Stack {
    std::vector<std::string> argv, envp;
    std::map<uint64_t, uint64_t> auxv;
    uint64_t auxv_entries = 0;
  };
  Stack ReadStack(uint64_t sp) const;

  // The core file, holes as zeros.  *holes: bytes of them.
  int64_t Core(uint32_t filter, std::vector<uint8_t>* core,
               uint64_t* holes = nullptr) const;

  mm_struct* mm() const { return kernel_.task_mm(task_); }
  task_struct* task() const { return task_; }

 private:
  // `current` is this process's task while it lives.
  class As;

  TestMachine* machine_;
  const fl_kernel& kernel_;
  uint32_t word_;  // bytes
  task_struct* task_;
};

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TESTING_EXEC_PROCESS_H_
