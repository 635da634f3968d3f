// SPDX-License-Identifier: GPL-2.0-only
//
// KernelLibrary: a kernel build, loaded.
//
// A kernel build keeps the runtime table it was attached to for as long as
// the process lives, so a library is loaded once, cached by path and never
// unloaded.  Thread safety: Load may be called from any thread; a
// KernelLibrary is constant.

#ifndef FAULTLINE_SIM_KERNEL_LIBRARY_H_
#define FAULTLINE_SIM_KERNEL_LIBRARY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mm/interface.h"

namespace faultline {

class KernelLibrary {
 public:
  struct Segment {
    uintptr_t begin, end;
    bool writable;
  };

  // Attaches `runtime`, a table that lives for ever.  kNotFound: no such
  // file; kInvalidArgument: no kernel build, or of another ABI;
  // kFailedPrecondition: loaded before with another runtime.
  static absl::StatusOr<const KernelLibrary*> Load(const std::string& path,
                                                   const fl_runtime* runtime);

  const fl_kernel& kernel() const { return *kernel_; }
  const std::string& path() const { return path_; }
  // The ELF build-id; without one a hash of the code.  Never empty.
  const std::string& build_id() const { return build_id_; }
  // What has to be added to an address in the file.
  uintptr_t load_base() const { return load_base_; }
  const std::vector<Segment>& segments() const { return segments_; }
  bool Contains(const void* address) const {
    const uintptr_t at = reinterpret_cast<uintptr_t>(address);
    for (const Segment& segment : segments_) {
      if (at >= segment.begin && at < segment.end) return true;
    }
    return false;
  }

 private:
  KernelLibrary() = default;
  absl::Status Inspect(void* handle);

  const fl_kernel* kernel_ = nullptr;
  const fl_runtime* runtime_ = nullptr;
  std::string path_;
  std::string build_id_;
  uintptr_t load_base_ = 0;
  std::vector<Segment> segments_;
};

// Where the build for `arch` ("x86-64", "arm" or "arm-nommu"), explored or native, with or
// without CONFIG_CRAMFS_PHYSMEM is: $FAULTLINE_KERNEL_DIR, `kernels` beside
// the executable, then the runfiles.  kNotFound lists the places tried.
absl::StatusOr<std::string> KernelPath(absl::string_view arch, bool explored,
                                       bool physmem);

}  // namespace faultline

#endif  // FAULTLINE_SIM_KERNEL_LIBRARY_H_
