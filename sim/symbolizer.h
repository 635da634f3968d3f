// SPDX-License-Identifier: GPL-2.0-only
//
// Symbolizer: from an address in a loaded kernel build to function, file and
// line, inlined functions included, by its DWARF (libdw).
//
// Addresses are return addresses: what is looked up is the byte before.
// Results are kept, so asking twice is cheap.  Thread safety: none; one for
// each explorer.

#ifndef FAULTLINE_SIM_SYMBOLIZER_H_
#define FAULTLINE_SIM_SYMBOLIZER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/kernel_library.h"

namespace faultline {

struct CodeFrame {
  std::string function;
  std::string file;  // relative to the source root: "mm/memory.cc"
  int line = 0;
  bool inlined = false;

  std::string location() const;  // "mm/memory.cc:123"
};

class Symbolizer {
 public:
  // kernel: outlives the symbolizer.  Without debug information frames have
  // at best a function name.
  explicit Symbolizer(const KernelLibrary* kernel);
  ~Symbolizer();

  // Innermost first; empty for an address outside the kernel build.
  const std::vector<CodeFrame>& Frames(const void* return_address);
  // The frame to name in a title: the innermost one that is no helper from a
  // header.  Null when nothing is known.
  const CodeFrame* Place(const void* return_address);

 private:
  struct Debug;
  std::vector<CodeFrame> LookUp(uintptr_t address);

  const KernelLibrary* kernel_;
  std::unique_ptr<Debug> debug_;
  std::map<uintptr_t, std::vector<CodeFrame>> cache_;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_SYMBOLIZER_H_
