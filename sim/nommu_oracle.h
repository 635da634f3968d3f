// SPDX-License-Identifier: GPL-2.0-only
//
// NommuOracle: the data-integrity checker's knowledge of memory without an
// MMU.  As Oracle, it is fed by calls and their returns only.
//
// What it holds to be possible
//   Addresses are physical: one address is one byte, whoever uses it.
//   - A mapping that returned before an access began, and that no munmap or
//     mremap of its process touched before the access ended, serves it: no
//     signal, and bytes that are the file's (0 behind its end, 0 for anonymous
//     memory) or that a store to that address brought.  A store that ended
//     before the access began hides what was there before it, if it was to a
//     mapping of its own process that may be written.
//   - mmap never returns memory that a mapping of the same process has, but
//     for read-only mappings of the same bytes of one file, which share it.
//   - read_into is a store of the file's bytes; poke a store that may fail;
//     write_from and peek are loads, of which peek may fail.
//
// What it accepts
//   - any access where no such mapping is: memory answers, or the bus does not;
//   - any store to what must not be written: it may have changed the memory or
//     not (ROM), and is told by the lifetime checker only if the frame is free;
//   - errors of system calls; the bytes of a write_from of more than 8;
//   - a mapping of another process: only its own process's loads look at it;
//   - everything about mappings that a munmap touched which is neither one of
//     them nor a part of an anonymous one.
//
// Thread safety: none; the order of calls is the order of events.

#ifndef FAULTLINE_SIM_NOMMU_ORACLE_H_
#define FAULTLINE_SIM_NOMMU_ORACLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "sim/oracle.h"

namespace faultline {

// Copyable; a copy knows the same.
class NommuOracle {
 public:
  using OpId = int;

  explicit NommuOracle(const OracleFiles& files) : files_(&files) {}

  // Process ids count from 0.  Kinds that touch no memory are ignored.
  OpId Begin(int process, const ResolvedOp& op);
  // nullopt: explained.  Else "TITLE: DETAILS".
  std::optional<std::string> End(OpId id, const OpResult& result);

 private:
  // A mapping; addresses and offsets in bytes.
  struct Area {
    int process = 0;
    uint64_t start = 0, end = 0;
    int file = -1;
    uint64_t file_offset = 0;
    bool writable = false;
    uint64_t since = 0;       // when mmap returned
    int touched = 0;          // calls running that may unmap or cut it
    uint64_t touched_at = 0;  // when the last of these returned
  };
  struct Stored {
    uint8_t value = 0;
    uint64_t begin = 0, end = 0;
    bool sure = false;  // it hides what was there before
  };
  struct Running {
    bool used = false;
    int process = 0;
    ResolvedOp op;
    uint64_t begin = 0;
  };

  // Mapped throughout an access of the process that began then; or null.
  const Area* Certain(int process, uint64_t address, uint64_t begin) const;
  uint8_t Base(const Area& area, uint64_t address) const;
  bool Possible(const Area& area, uint64_t address, uint8_t value,
                uint64_t begin) const;
  void AddStores(const Running& running, uint64_t begin);
  void EndStores(const Running& running, uint64_t bytes);
  std::optional<std::string> EndMmap(const Running& running,
                                     const OpResult& result);
  void EndCut(const Running& running, const OpResult& result);
  std::optional<std::string> EndAccess(const Running& running,
                                       const OpResult& result);

  const OracleFiles* files_;
  uint64_t now_ = 0;
  std::vector<Area> areas_;
  absl::flat_hash_map<uint64_t, std::vector<Stored>> stored_;
  std::vector<Running> running_;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_NOMMU_ORACLE_H_
