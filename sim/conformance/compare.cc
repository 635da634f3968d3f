// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/compare.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/conformance/rules.h"
#include "sim/program/litmus_format.h"

namespace faultline {
namespace {

std::string ResultText(const SerialStep& step) {
  if (step.skipped) return "skipped: outside the window";
  if (step.sig != 0) {
    return absl::StrFormat("%s, si_code %d, at -0x%x",
                           step.sig == 11  ? "SIGSEGV"
                           : step.sig == 7 ? "SIGBUS"
                                           : absl::StrCat("signal ", step.sig),
                           step.si_code, step.fault_below);
  }
  if (step.value < 0) {
    const int error = static_cast<int>(-step.value);
    const absl::string_view name = ErrnoName(error);
    return name.empty() ? absl::StrCat("-", error) : absl::StrCat("-", name);
  }
  if (ReturnsAddress(step.op->kind)) {
    return absl::StrFormat("at -0x%x", step.value);
  }
  if (IsLoad(step.op->kind)) return absl::StrFormat("= 0x%x", step.loaded);
  if (step.op->kind == OpKind::kRead || step.op->kind == OpKind::kMincore ||
      step.op->kind == OpKind::kWriteFrom) {
    return absl::StrFormat("%d bytes, hash %x", step.value, step.loaded);
  }
  return absl::StrFormat("= %d", step.value);
}

DifferenceKind KindOf(const SerialStep& model, const SerialStep& host) {
  if (model.sig != host.sig || model.si_code != host.si_code ||
      model.fault_below != host.fault_below) {
    return DifferenceKind::kSignal;
  }
  if (model.value != host.value || model.skipped != host.skipped) {
    return DifferenceKind::kResult;
  }
  return model.loaded != host.loaded ? DifferenceKind::kBytes
                                     : DifferenceKind::kMaps;
}

// Only the lines that the other side does not have.
std::string MapsText(const std::vector<MapLine>& own,
                     const std::vector<MapLine>& other,
                     const std::vector<std::string>& files) {
  std::string text;
  for (const MapLine& line : own) {
    if (std::find(other.begin(), other.end(), line) != other.end()) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ",
                    FormatMapLine(line, files));
  }
  return text.empty() ? "no line more" : text;
}

std::string Sides(const std::string& model, const std::string& host) {
  return absl::StrCat("\n  model: ", model, "\n  host:  ", host);
}

bool Contains(const std::vector<std::string>& names, const char* name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string SampleText(const PageSample& page) {
  if (page.sig != 0) return absl::StrCat("signal ", page.sig);
  return absl::StrFormat("%x %x %x %x", page.words[0], page.words[1],
                         page.words[2], page.words[3]);
}

Difference Describe(size_t index, const SerialStep& model,
                    const SerialStep& host,
                    const std::vector<std::string>& files) {
  Difference difference;
  difference.kind = KindOf(model, host);
  difference.step = index;
  difference.text =
      absl::StrCat("operation ", index + 1, ", ", FormatOp(*model.op->source));
  if (difference.kind == DifferenceKind::kMaps) {
    absl::StrAppend(&difference.text, ": ", ResultText(model),
                    "; /proc/self/maps after it",
                    Sides(MapsText(model.maps, host.maps, files),
                          MapsText(host.maps, model.maps, files)));
  } else {
    absl::StrAppend(&difference.text,
                    Sides(ResultText(model), ResultText(host)));
  }
  return difference;
}

std::optional<Difference> ComparePages(const SerialRun& model,
                                       const SerialRun& host) {
  for (size_t i = 0; i < std::max(model.pages.size(), host.pages.size()); ++i) {
    const PageSample* a = i < model.pages.size() ? &model.pages[i] : nullptr;
    const PageSample* b = i < host.pages.size() ? &host.pages[i] : nullptr;
    if (a != nullptr && b != nullptr && *a == *b) continue;
    Difference difference;
    difference.kind = DifferenceKind::kBytes;
    difference.step = model.steps.size();
    difference.text = absl::StrCat(
        absl::StrFormat("bytes 0, 8, 2048 and 4088 of the page at -0x%x, at "
                        "the end",
                        (a != nullptr ? a : b)->below),
        Sides(a != nullptr ? SampleText(*a) : "not read",
              b != nullptr ? SampleText(*b) : "not read"));
    return difference;
  }
  return std::nullopt;
}

}  // namespace

const char* DifferenceKindName(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::kDied:
      return "died";
    case DifferenceKind::kResult:
      return "result";
    case DifferenceKind::kSignal:
      return "signal";
    case DifferenceKind::kBytes:
      return "bytes";
    case DifferenceKind::kMaps:
      break;
  }
  return "maps";
}

Comparison Compare(const SerialRun& model, const SerialRun& host,
                   const std::vector<std::string>& files) {
  Comparison comparison;
  const size_t steps = std::min(model.steps.size(), host.steps.size());
  for (size_t i = 0; i < steps; ++i) {
    const SerialStep& ours = model.steps[i];
    const SerialStep& theirs = host.steps[i];
    // A step in which one side died has no more to say than that.
    if (!model.died.empty() && i + 1 == model.steps.size()) break;
    const bool same = ours == theirs;
    // A range that was refused in the end may have been done in part.
    if (same && !(ours.op->kind == OpKind::kMadvise && ours.value < 0)) {
      continue;
    }
    static const std::vector<MapLine> kNothing;
    // What the process did before this, or the fork that made it.
    size_t before = i;
    while (before > 0 && host.steps[before - 1].process != ours.process &&
           host.steps[before - 1].child != ours.process) {
      --before;
    }
    RuleContext context = {before > 0 ? model.steps[before - 1].maps : kNothing,
                           before > 0 ? host.steps[before - 1].maps : kNothing};
    context.forked = std::any_of(
        host.steps.begin(), host.steps.end(),
        [&](const SerialStep& step) { return step.child == ours.process; });
    context.dropped = std::any_of(
        host.steps.begin(), host.steps.begin() + static_cast<ptrdiff_t>(i),
        [](const SerialStep& step) { return step.op->kind == OpKind::kDrop; });
    const ConformanceRule* explained = nullptr;
    for (const ConformanceRule& rule : ConformanceRules()) {
      context.used = Contains(comparison.rules, rule.id);
      if (same && rule.harmless) continue;
      if (!rule.explains(context, ours, theirs)) continue;
      explained = &rule;
      break;
    }
    if (explained == nullptr && same) continue;
    if (explained == nullptr) {
      comparison.difference = Describe(i, ours, theirs, files);
      return comparison;
    }
    if (!Contains(comparison.rules, explained->id)) {
      comparison.rules.push_back(explained->id);
    }
    if (!explained->harmless) return comparison;
  }
  if (!model.died.empty() || !host.died.empty() ||
      model.steps.size() != host.steps.size()) {
    Difference difference;
    difference.kind = DifferenceKind::kDied;
    difference.step = steps == 0 ? 0 : steps - 1;
    difference.text = absl::StrCat(
        "a run ended early", Sides(model.died.empty() ? "went on" : model.died,
                                   host.died.empty() ? "went on" : host.died));
    comparison.difference = std::move(difference);
    return comparison;
  }
  comparison.difference = ComparePages(model, host);
  return comparison;
}

}  // namespace faultline
