// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/rules.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>

namespace faultline {

namespace {

// `b` goes on where `a` ends and says the same.
bool GoesOn(const MapLine& a, const MapLine& b) {
  return a.end == b.start && a.permissions == b.permissions &&
         a.file == b.file &&
         (a.file < 0 || a.offset + (a.start - a.end) == b.offset);
}

// Where two lines meet that might be one.
struct Seam {
  uint64_t at;      // bytes below the ceiling
  uint64_t within;  // start of the range it would be one with
  bool anonymous, writable;

  friend bool operator<(const Seam& a, const Seam& b) { return a.at < b.at; }
};

// The lines with every seam closed; the seams go to `seams`.
std::vector<MapLine> Close(const std::vector<MapLine>& lines,
                           std::set<Seam>* seams) {
  std::vector<MapLine> closed;
  for (const MapLine& line : lines) {
    if (!closed.empty() && GoesOn(closed.back(), line)) {
      seams->insert({line.start, closed.back().start, line.file < 0,
                     line.permissions[1] == 'w'});
      closed.back().end = line.end;
    } else {
      closed.push_back(line);
    }
  }
  return closed;
}

struct Seams {
  bool comparable = false;  // results equal, and maps but for seams
  std::vector<Seam> model_only, host_only;
};

Seams SeamsOf(const SerialStep& model, const SerialStep& host) {
  Seams out;
  std::set<Seam> ours, theirs;
  out.comparable = SerialStep::SameResult(model, host) &&
                   Close(model.maps, &ours) == Close(host.maps, &theirs);
  std::set_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                      std::back_inserter(out.model_only));
  std::set_difference(theirs.begin(), theirs.end(), ours.begin(), ours.end(),
                      std::back_inserter(out.host_only));
  return out;
}

bool Unaccountable(const Seam& seam) {
  return seam.anonymous && !seam.writable;
}

// Only seams at which one side may have lost VM_ACCOUNT.
bool Unaccounted(bool, const SerialStep& model, const SerialStep& host) {
  const Seams seams = SeamsOf(model, host);
  return seams.comparable &&
         std::all_of(seams.host_only.begin(), seams.host_only.end(),
                     Unaccountable) &&
         std::all_of(seams.model_only.begin(), seams.model_only.end(),
                     Unaccountable);
}

// The host has closed seams that the model has not.  What it merged may then
// no longer merge with what comes next, as the model did: so a seam that only
// the host has stands in one range with one that it closed, or is explained
// by the other rule.  Later, what was merged may be gone, and only the anon_vma
// that it gave to its neighbour be left.
bool MergedMore(bool used, const SerialStep& model, const SerialStep& host) {
  const Seams seams = SeamsOf(model, host);
  return seams.comparable &&
         std::all_of(seams.host_only.begin(), seams.host_only.end(),
                     [&](const Seam& open) {
                       return used || Unaccountable(open) ||
                              std::any_of(seams.model_only.begin(),
                                          seams.model_only.end(),
                                          [&](const Seam& closed) {
                                            return closed.within == open.within;
                                          });
                     });
}

}  // namespace

const std::vector<ConformanceRule>& ConformanceRules() {
  static const auto* const kRules = new std::vector<ConformanceRule>{
      {"mprotect-unaccount", "6.18 or before", "mprotect",
       "a private mapping that was made writable once stays accounted "
       "(VM_ACCOUNT) and merges only with accounted ones",
       "anonymous memory without a page is accounted no more once mprotect "
       "takes writing away, and merges with what never was",
       "host-mprotect-unaccount.litmus", Unaccounted, true},
      {"merge-anon-vma", "6.18 or before", "mprotect, mmap, madvise",
       "a mapping with pages of its own (anon_vma) does not merge into a "
       "neighbour without: the chain of that one is not singular",
       "it does", "host-merge-anon-vma.litmus", MergedMore, true},
  };
  return *kRules;
}

}  // namespace faultline
