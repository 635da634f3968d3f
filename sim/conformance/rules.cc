// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/rules.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>

namespace faultline {

namespace {

// Memory that is shared has a place in a file, even if that has no name.
bool HasOffset(const MapLine& line) {
  return line.file >= 0 || line.permissions[3] == 's';
}

// `b` goes on where `a` ends and says the same; whether both are accounted is
// another question.
bool GoesOn(const MapLine& a, const MapLine& b) {
  return a.end == b.start && a.permissions == b.permissions &&
         a.file == b.file && ((a.flags ^ b.flags) & ~kVmAccount) == 0 &&
         (!HasOffset(a) || a.offset + (a.start - a.end) == b.offset);
}

// Where two lines meet that might be one.
struct Seam {
  uint64_t at;      // bytes below the ceiling
  uint64_t within;  // start of the range it would be one with
  bool accounting;  // one side is accounted, the other is not

  friend bool operator<(const Seam& a, const Seam& b) { return a.at < b.at; }
};

// The lines with every seam closed and without kVmAccount; the seams go to
// `seams`.
std::vector<MapLine> Close(const std::vector<MapLine>& lines,
                           std::set<Seam>* seams) {
  std::vector<MapLine> closed;
  uint32_t before = 0;
  for (const MapLine& line : lines) {
    if (!closed.empty() && GoesOn(closed.back(), line)) {
      seams->insert({line.start, closed.back().start,
                     ((before ^ line.flags) & kVmAccount) != 0});
      closed.back().end = line.end;
    } else {
      closed.push_back(line);
      closed.back().flags &= ~kVmAccount;
    }
    before = line.flags;
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

bool Accounting(const Seam& seam) { return seam.accounting; }

// Where the two sides do not agree on what is accounted, it is the host that
// does not account private anonymous memory that cannot be written.
bool AccountedButFor(const std::vector<MapLine>& model,
                     const std::vector<MapLine>& host) {
  for (const MapLine& ours : model) {
    for (const MapLine& theirs : host) {
      if (ours.start <= theirs.end || theirs.start <= ours.end) continue;
      if (((ours.flags ^ theirs.flags) & kVmAccount) == 0) continue;
      if (!(ours.flags & kVmAccount) || theirs.file >= 0 ||
          theirs.permissions[1] == 'w' || theirs.permissions[3] != 'p') {
        return false;
      }
    }
  }
  return true;
}

// Only seams between what is accounted and what is not, on one side.  Later,
// what merged on one side alone has spread an anon_vma of its own.
bool Unaccounted(const RuleContext& context, const SerialStep& model,
                 const SerialStep& host) {
  const Seams seams = SeamsOf(model, host);
  return seams.comparable && AccountedButFor(model.maps, host.maps) &&
         (context.used || (model.op->kind == OpKind::kMprotect &&
                           std::all_of(seams.host_only.begin(),
                                       seams.host_only.end(), Accounting) &&
                           std::all_of(seams.model_only.begin(),
                                       seams.model_only.end(), Accounting)));
}

// The host has closed seams that the model has not.  What it merged may then
// no longer merge with what comes next, as the model did: so a seam that only
// the host has stands in one range with one that it closed, or is explained
// by the other rule.  Later, what was merged may be gone, and only the anon_vma
// that it gave to its neighbour be left.
bool MergedMore(const RuleContext& context, const SerialStep& model,
                const SerialStep& host) {
  const Seams seams = SeamsOf(model, host);
  return seams.comparable && AccountedButFor(model.maps, host.maps) &&
         std::all_of(seams.host_only.begin(), seams.host_only.end(),
                     [&](const Seam& open) {
                       return context.used || Accounting(open) ||
                              std::any_of(seams.model_only.begin(),
                                          seams.model_only.end(),
                                          [&](const Seam& closed) {
                                            return closed.within == open.within;
                                          });
                     });
}

// ---- mremap ----

constexpr int64_t kEagain = 11, kEnomem = 12, kEacces = 13, kEfault = 14;

uint64_t PageAlign(uint64_t bytes) { return (bytes + 4095) & ~uint64_t{4095}; }

// Whole pages, bytes below the ceiling: start >= end.
struct Range {
  uint64_t start, end;
};
Range RangeOf(uint64_t below, uint64_t bytes) {
  return {below, below - std::min(below, PageAlign(bytes))};
}

// What of the lines lies in the range, with seams closed.
std::vector<MapLine> Within(const std::vector<MapLine>& lines, Range range) {
  std::vector<MapLine> within;
  for (MapLine line : lines) {
    if (line.end >= range.start || line.start <= range.end) continue;
    if (line.start > range.start) {
      if (HasOffset(line)) line.offset += line.start - range.start;
      line.start = range.start;
    }
    line.end = std::max(line.end, range.end);
    within.push_back(std::move(line));
  }
  std::set<Seam> seams;
  return Close(within, &seams);
}

// What of the lines lies outside both ranges.
std::vector<MapLine> Without(const std::vector<MapLine>& lines, Range a,
                             Range b) {
  const Range upper = a.start <= b.start ? a : b;
  const Range lower = a.start <= b.start ? b : a;
  std::vector<MapLine> without;
  for (const Range& part : {Range{~uint64_t{0}, lower.start},
                            Range{lower.end, std::min(lower.end, upper.start)},
                            Range{std::min(lower.end, upper.end), 0}}) {
    if (part.start <= part.end) continue;
    for (MapLine& line : Within(lines, part)) without.push_back(line);
  }
  std::set<Seam> seams;
  return Close(without, &seams);
}

// What 4.13 takes away before it looks at what it shall move.
struct TakenFirst {
  Range target = {0, 0}, cut_off = {0, 0};
};
TakenFirst TakenFirstOf(const SerialStep& model) {
  const CompiledOp& op = *model.op;
  TakenFirst taken;
  if (op.fixed) taken.target = RangeOf(model.to_below, op.new_length);
  const uint64_t old_length = PageAlign(op.length);
  const uint64_t new_length = PageAlign(op.new_length);
  if (old_length > new_length) {
    taken.cut_off = RangeOf(model.below - std::min(model.below, new_length),
                            old_length - new_length);
  }
  return taken;
}

bool NothingDone(const std::vector<MapLine>& before, const SerialStep& host) {
  return host.value < 0 && host.maps == before;
}

// What is locked at the target counted against the limit on the host only, as
// the model had unmapped it.
bool NoRoomForLocked(const std::vector<MapLine>& before,
                     const SerialStep& model, const SerialStep& host) {
  static const uint32_t kLocked = ParseVmFlags("lo");
  const std::vector<MapLine> target =
      Within(before, TakenFirstOf(model).target);
  return model.op->fixed && host.value == -kEagain &&
         model.value == static_cast<int64_t>(model.to_below) &&
         NothingDone(before, host) &&
         std::any_of(target.begin(), target.end(), [](const MapLine& line) {
           return (line.flags & kLocked) != 0;
         });
}

bool FailedAfterUnmapping(const RuleContext& context, const SerialStep& model,
                          const SerialStep& host) {
  const std::vector<MapLine>& before = context.host_before;
  if (model.op->kind != OpKind::kMremap) return false;
  if (NoRoomForLocked(before, model, host)) return true;
  const TakenFirst taken = TakenFirstOf(model);
  const Range nothing = {0, 0};
  return model.value == host.value && NothingDone(before, host) &&
         (Without(model.maps, nothing, nothing) ==
              Without(before, taken.target, taken.cut_off) ||
          Without(model.maps, nothing, nothing) ==
              Without(before, taken.target, nothing));
}

bool ShrankNothing(const RuleContext& context, const SerialStep& model,
                   const SerialStep& host) {
  const std::vector<MapLine>& before = context.host_before;
  if (model.op->kind != OpKind::kMremap || model.op->fixed) return false;
  const Range nothing = {0, 0};
  return model.value == static_cast<int64_t>(model.below) &&
         host.value == -kEfault && NothingDone(before, host) &&
         Within(before, RangeOf(model.below, 4096)).empty() &&
         Without(model.maps, nothing, nothing) ==
             Without(before, TakenFirstOf(model).cut_off, nothing);
}

// The host moved what spans several mappings, or holes between them.
bool MovedSeveral(const RuleContext& context, const SerialStep& model,
                  const SerialStep& host) {
  const std::vector<MapLine>& before = context.host_before;
  const CompiledOp& op = *model.op;
  if (op.kind != OpKind::kMremap || !op.fixed) return false;
  const Range source = RangeOf(model.below, op.length);
  const Range target = RangeOf(model.to_below, op.new_length);
  if (PageAlign(op.length) != PageAlign(op.new_length) ||
      model.value != -kEfault ||
      host.value != static_cast<int64_t>(model.to_below)) {
    return false;
  }
  // Each page came with its mapping, or stayed where there was none to come.
  std::vector<MapLine> expected;
  for (uint64_t page = 0; page < source.start - source.end; page += 4096) {
    const Range from = {source.start - page, source.start - page - 4096};
    const Range to = {target.start - page, target.start - page - 4096};
    std::vector<MapLine> one = Within(before, from);
    if (one.empty()) one = Within(before, to);
    for (MapLine& line : one) {
      line.start = to.start;
      line.end = to.end;
      expected.push_back(std::move(line));
    }
  }
  std::set<Seam> seams;
  expected = Close(expected, &seams);
  const Range nothing = {0, 0};
  return Within(host.maps, target) == expected &&
         Without(host.maps, source, target) ==
             Without(before, source, target) &&
         Within(host.maps, source).empty() &&
         Without(model.maps, nothing, nothing) ==
             Without(before, target, nothing);
}

// All lines, seams closed: where they are may differ by an earlier step.
std::vector<MapLine> Closed(const std::vector<MapLine>& lines) {
  std::set<Seam> seams;
  return Close(lines, &seams);
}

// Mappings, in whole or in part, in the range.
int64_t PiecesIn(const std::vector<MapLine>& lines, Range range) {
  return std::count_if(lines.begin(), lines.end(), [&](const MapLine& line) {
    return line.end < range.start && line.start > range.end;
  });
}

// What is several mappings on one side only: an earlier step merged them on the
// other alone.
bool MovedMerged(const RuleContext& context, const SerialStep& model,
                 const SerialStep& host) {
  if (model.op->kind != OpKind::kMremap) return false;
  const Range source = RangeOf(model.below, model.op->length);
  const int64_t ours = PiecesIn(context.model_before, source);
  const int64_t theirs = PiecesIn(context.host_before, source);
  return ((model.value == -kEfault && ours > 1 && theirs == 1) ||
          (host.value == -kEfault && ours == 1 && theirs > 1)) &&
         Within(context.model_before, source) ==
             Within(context.host_before, source);
}

// It answers mapping by mapping and stores each time, so that what it says of
// the pages that its answers go to depends on where the mappings are cut.  Of
// one that failed nothing is compared, but it stored answers before that.
bool AnsweredMerged(const RuleContext& context, const SerialStep& model,
                    const SerialStep& host) {
  if (model.op->kind != OpKind::kMincore || model.value != host.value ||
      !(model.value == 0 ? model.loaded != host.loaded
                         : model.value == -kEnomem)) {
    return false;
  }
  const uint64_t answers = PageAlign(model.op->length) >> 12;
  const Range range = RangeOf(model.below, model.op->length);
  return Closed(model.maps) == Closed(host.maps) &&
         PiecesIn(context.model_before, range) !=
             PiecesIn(context.host_before, range) &&
         model.to_below > range.end && model.to_below - answers < range.start;
}

// fork copies the ptes of a mapping with an anon_vma, and in the child only
// what was copied is in memory.  On the host, memory of the range is one with
// its neighbour, which has an anon_vma, and in the model it is not.
bool CopiedMerged(const RuleContext& context, const SerialStep& model,
                  const SerialStep& host) {
  if (!context.forked || model.op->kind != OpKind::kMincore ||
      model.value != 0 || host.value != 0 || model.loaded == host.loaded ||
      Closed(model.maps) != Closed(host.maps)) {
    return false;
  }
  const Range range = RangeOf(model.below, model.op->length);
  return std::any_of(context.host_before.begin(), context.host_before.end(),
                     [&](const MapLine& line) {
                       const Range merged = {line.start, line.end};
                       return PiecesIn({line}, range) == 1 &&
                              PiecesIn(context.model_before, merged) > 1;
                     });
}

// Pages of a file without a device that were dropped from the page cache in the
// model and not on the host.
bool KeptDropped(const RuleContext& context, const SerialStep& model,
                 const SerialStep& host) {
  if (!context.dropped || model.op->kind != OpKind::kMincore ||
      model.value != 0 || host.value != 0 || model.loaded == host.loaded ||
      Closed(model.maps) != Closed(host.maps)) {
    return false;
  }
  const Range range = RangeOf(model.below, model.op->length);
  return std::any_of(context.model_before.begin(), context.model_before.end(),
                     [&](const MapLine& line) {
                       return line.file >= 0 && PiecesIn({line}, range) == 1;
                     });
}

// ---- locks, brk, msync ----

// Some line of the range, told by `is`.
template <typename F>
bool AnyWithin(const std::vector<MapLine>& lines, Range range, F is) {
  const std::vector<MapLine> within = Within(lines, range);
  return std::any_of(within.begin(), within.end(), is);
}

bool LockedNothing(const RuleContext& context, const SerialStep& model,
                   const SerialStep& host) {
  // It begins with the page that the address is in.
  const uint64_t begin = PageAlign(model.below);
  return model.op->kind == OpKind::kMlock && model.op->onfault &&
         model.value == -kEnomem && host.value == 0 &&
         Closed(model.maps) == Closed(host.maps) &&
         AnyWithin(context.model_before,
                   RangeOf(begin, begin - model.below + model.op->length),
                   [](const MapLine& line) {
                     return line.permissions.compare(0, 3, "---") == 0;
                   });
}

// The heap is longer by what the host did not take away.
bool ShrankNoHeap(const RuleContext& context, const SerialStep& model,
                  const SerialStep& host) {
  if (model.op->kind != OpKind::kBrk || model.value <= host.value) return false;
  // An end within a page has all of it.
  const Range cut_off = {static_cast<uint64_t>(model.value) & ~uint64_t{4095},
                         static_cast<uint64_t>(host.value) & ~uint64_t{4095}};
  return Closed(model.maps) == Closed(host.maps) &&
         host.maps == context.host_before &&
         Within(context.host_before, cut_off).empty();
}

// ---- advice ----

constexpr uint32_t kAdviceRemove = 9;

// The host, too, may say EACCES: of something behind it in the range.
bool RemovedReadOnly(const RuleContext& context, const SerialStep& model,
                     const SerialStep& host) {
  return model.op->kind == OpKind::kMadvise &&
         model.op->advice == kAdviceRemove && model.value == -kEacces &&
         Closed(model.maps) == Closed(host.maps) &&
         AnyWithin(context.host_before, RangeOf(model.below, model.op->length),
                   [](const MapLine& line) {
                     static const uint32_t kMayWrite = ParseVmFlags("sh mw");
                     return (line.flags & kMayWrite) == kMayWrite &&
                            line.permissions[1] != 'w';
                   });
}

// ---- the gap below stacks ----

constexpr uint64_t kStackGap = 256 << 12;

// The host has gone below the whole gap of a stack, where the model took a hole
// above it or in it that something else made.
bool WentBelowTheGap(const RuleContext& context, const SerialStep& model,
                     const SerialStep& host) {
  const OpKind kind = model.op->kind;
  if ((kind != OpKind::kMmap && kind != OpKind::kMremap) || model.op->fixed ||
      model.value <= 0 || host.value <= model.value) {
    return false;
  }
  const uint64_t length = PageAlign(
      kind == OpKind::kMmap ? model.op->length : model.op->new_length);
  const uint64_t our_end = static_cast<uint64_t>(model.value) - length;
  const uint64_t their_end = static_cast<uint64_t>(host.value) - length;
  return std::any_of(context.host_before.begin(), context.host_before.end(),
                     [&](const MapLine& line) {
                       static const uint32_t kGrows = ParseVmFlags("gd");
                       const uint64_t gap_end = line.start + kStackGap;
                       return (line.flags & kGrows) && our_end >= line.start &&
                              our_end < gap_end && their_end >= gap_end;
                     });
}

}  // namespace

const std::vector<ConformanceRule>& ConformanceRules() {
  static const auto* const kRules = new std::vector<ConformanceRule>{
      {"mincore-merged", "6.18 or before", "mincore",
       "what it says of the pages that its own answers go to depends on which "
       "mappings are one, as it stores after each",
       "others are one, by merge-anon-vma", "host-mincore-merged.litmus",
       AnsweredMerged, false},
      {"fadvise-no-device", "4.14", "mincore",
       "POSIX_FADV_DONTNEED drops clean pages of a file of tmpfs",
       "it does nothing with a file that has no device behind it",
       "host-fadvise-no-device.litmus", KeptDropped, false},
      {"mincore-forked", "6.18 or before", "mincore",
       "in a child of fork, pages of a mapping without an anon_vma are not in "
       "memory until they are used: their ptes were not copied",
       "they are where merge-anon-vma has made it one with a mapping that has "
       "an anon_vma",
       "host-mincore-forked.litmus", CopiedMerged, false},
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
      {"mremap-several", "6.17", "mremap",
       "a range that is not within one mapping: EFAULT, and what was at the "
       "target is gone",
       "with a target and the same length, each mapping of the range is moved",
       "host-mremap-several.litmus", MovedSeveral, false},
      {"mremap-looks-first", "6.18 or before", "mremap",
       "what is at the target and what is cut off is unmapped before it is "
       "known whether the rest can be moved",
       "an mremap that fails has changed nothing",
       "host-mremap-looks-first.litmus", FailedAfterUnmapping, false},
      {"mremap-shrink-nothing", "6.18 or before", "mremap",
       "shrinking unmaps what is cut off and succeeds, whether anything is "
       "mapped at the address or not",
       "EFAULT where nothing is mapped", "host-mremap-shrink-nothing.litmus",
       ShrankNothing, false},
      {"mremap-merged", "6.18 or before", "mremap",
       "EFAULT for a range of two neighbours, which stay two by "
       "mprotect-unaccount or merge-anon-vma",
       "they are one; or the other way round", "host-mremap-merged.litmus",
       MovedMerged, false},
      {"mlock-onfault", "5.18", "mlock",
       "mlock2 with MLOCK_ONFAULT of memory that nobody may access: ENOMEM, "
       "but locked",
       "0: nothing is to be brought in, so nobody looks",
       "host-mlock-onfault.litmus", LockedNothing, true},
      {"brk-shrink-nothing", "6.18 or before", "brk",
       "the heap shrinks whether anything of it is still mapped or not",
       "it does not where nothing is mapped", "host-brk-shrink-nothing.litmus",
       ShrankNoHeap, false},
      {"remove-read-only", "6.7", "madvise",
       "MADV_REMOVE of a shared mapping that is read-only now: EACCES",
       "it is done if the mapping may be made writable",
       "host-remove-read-only.litmus", RemovedReadOnly, false},
      {"stack-gap", "6.18 or before", "mmap, mremap",
       "a new mapping goes to the highest hole that is large enough and not in "
       "the gap below a stack, up to the mapping below the stack",
       "when it would end in that gap the next place looked at is below the "
       "whole gap, whatever mappings and holes lie in it",
       "host-stack-gap.litmus", WentBelowTheGap, false},
  };
  return *kRules;
}

}  // namespace faultline
