// SPDX-License-Identifier: GPL-2.0-only
//
// Session: one machine of a native kernel build with an image mounted, and
// one process with one task in it, driven call by call.  A kernel that dies in
// a call makes the call fail with kInternal; nothing can be done with the
// session then.

#ifndef FAULTLINE_SIM_CLI_SESSION_H_
#define FAULTLINE_SIM_CLI_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mm/interface.h"
#include "sim/machine.h"

namespace faultline {

class Session {
 public:
  // Mounts `image`, which outlives the session, and opens `paths`.
  // ram_pages: 0 is the machine's default.  kUnavailable: no kernel build;
  // kInvalidArgument: no such variant; kFailedPrecondition: the kernel does
  // not mount or open.
  static absl::StatusOr<std::unique_ptr<Session>> Open(
      const std::string& arch, const std::string& variant,
      const std::vector<uint8_t>* image, const std::vector<std::string>& paths,
      uint64_t ram_pages);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The whole file, read through the page cache.
  absl::StatusOr<std::vector<uint8_t>> ReadFile(size_t file);
  // Private mapping; at 0: the kernel chooses.  The address.
  absl::StatusOr<uint64_t> Map(size_t file, uint64_t at, uint64_t length,
                               uint32_t prot, uint64_t offset);
  // One byte; kind enum fl_access_kind.
  absl::StatusOr<fl_user_result> Touch(uint32_t kind, uint64_t address);
  // /proc/PID/maps.
  std::string Maps() const;
  // By address.
  std::vector<fl_page_info> Pages() const;
  // Ends the task and unmounts, with the kernel's self-checks.
  absl::Status Close();

  // What the kernel said of itself in all calls so far and lived on: WARN,
  // what its self-checks found.  One line each.
  const std::vector<std::string>& complaints() const;

 private:
  struct Kernel;

  Session();
  absl::Status Do(absl::FunctionRef<void()> call);
  absl::Status Death() const;

  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<Machine> machine_;
  task_struct* task_ = nullptr;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_SESSION_H_
