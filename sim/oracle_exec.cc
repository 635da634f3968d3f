// SPDX-License-Identifier: GPL-2.0-only
//
// The oracle's part that knows exec.  While one runs the process is blind: it
// may be seen as it was, as it will be, or on the way.

#include <cstdint>

#include "sim/elf_program.h"
#include "sim/oracle.h"

namespace faultline {
namespace {

constexpr uint64_t kPageSize = static_cast<uint64_t>(kPageBytes);
// A stack may grow to 8 MiB in all, and was moved by no more than as much.
constexpr uint64_t kNewStackPages = (16 << 20) / kPageSize;

}  // namespace

void Oracle::EndExec(int slot, const OpResult& result) {
  const Running& running = running_[static_cast<size_t>(slot)];
  const ResolvedOp op = running.op;
  Process& process = processes_[static_cast<size_t>(running.process)];
  const bool missed = process.missed;
  process.in_exec = process.missed = false;
  if (result.abandoned || result.sig != 0 || missed) return;
  if (result.value < 0) {
    process.blind = false;  // nothing has changed
    return;
  }
  if (op.length == 0) return;
  process.blind = false;
  process.brk = 0;
  const uint64_t sp = result.loaded / kPageSize;
  process.stacks.assign(
      1, {sp > kNewStackPages ? sp - kNewStackPages : 0, sp + kNewStackPages});
  auto set = [&](uint32_t index, StateId state) {
    Page& page = process.pages[index];
    // An access that began before this one belongs to either memory.
    page.overflow = page.running != 0;
    page.configs.assign(1, {state, 0});
  };
  const size_t known = process.pages.size();
  for (size_t i = 0; i < known; ++i) {
    const uint64_t number = process.pages[i].number;
    set(Touch(process, number), process.Nothing(number));
  }
  const uint64_t first = kProgramBase / kPageSize;
  const uint64_t text = op.length / kPageSize;
  const uint64_t size = files_->Size(op.file);
  const uint64_t data = (size + kPageSize - 1) / kPageSize;
  for (uint64_t i = 0; i < data + kProgramBssPages; ++i) {
    ResolvedOp mapped;
    mapped.file = i < data ? op.file : -1;
    mapped.prot = i < text ? kProtRead | kProtExec : kProtRead | kProtWrite;
    set(Touch(process, first + i), MappedState(mapped, first));
  }
}

}  // namespace faultline
