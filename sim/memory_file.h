// SPDX-License-Identifier: GPL-2.0-only
//
// MemoryFile: a file that a Machine makes in a file system in memory.

#ifndef FAULTLINE_SIM_MEMORY_FILE_H_
#define FAULTLINE_SIM_MEMORY_FILE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace faultline {

struct MemoryFile {
  std::string path;
  std::string filesystem;  // type of the mount: "tmpfs" or "ramfs"
  uint64_t bytes = 0;      // its size
  // What is written, by offset; elsewhere there are holes.
  std::vector<std::pair<uint64_t, std::string>> data;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_MEMORY_FILE_H_
