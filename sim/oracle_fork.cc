// SPDX-License-Identifier: GPL-2.0-only
//
// Oracle's fork: each page of the child is what the parent's was at some
// instant while the fork ran.

#include <algorithm>
#include <utility>
#include <vector>

#include "sim/oracle.h"
#include "sim/oracle_internal.h"

namespace faultline {

using namespace oracle_internal;  // NOLINT

void Oracle::CloseAndShow(Process& process, uint32_t index) {
  Close(process.pages[index]);
  ForEachSlot(process.forks, [&](int slot) { Witness(slot, process, index); });
}

void Oracle::Witness(int slot, const Process& process, uint32_t index) {
  const Page& page = process.pages[index];
  std::vector<StateId>& seen =
      running_[static_cast<size_t>(slot)].seen_of_page[index];
  auto add = [&](StateId state) {
    if (std::find(seen.begin(), seen.end(), state) == seen.end()) {
      seen.push_back(state);
    }
  };
  if (page.overflow) return add(kUnknownId);
  for (const Config& config : page.configs) {
    // Where it is will be known when its mmap is over, and not here.
    const bool floating = states_[config.state].kind == Kind::kFloating;
    add(floating ? kUnknownId : config.state);
  }
}

// A fork that failed has changed nothing, and nobody will ask for the child.
void Oracle::EndFork(int slot, const OpResult& result) {
  if (result.value < 0 || result.abandoned) return;
  Running& running = running_[static_cast<size_t>(slot)];
  Process& parent = processes_[static_cast<size_t>(running.process)];
  Process& child = processes_[static_cast<size_t>(running.op.child)];
  if (parent.blind || running.anywhere) {
    child.blind = true;
    return;
  }
  child.stacks = parent.stacks;
  const bool heap_known = running.brk_calls == parent.brk_calls;
  child.brk = heap_known ? parent.brk : 0;
  for (auto& [index, seen] : running.seen_of_page) {
    const Page& from = parent.pages[index];
    for (StateId& id : seen) {
      if (states_[id].no_fork) id = child.Nothing(from.number);
    }
    Page& to = child.pages[Touch(child, from.number)];
    to.configs.clear();
    for (StateId id : seen) to.configs.push_back({id, 0});
  }
}

}  // namespace faultline
