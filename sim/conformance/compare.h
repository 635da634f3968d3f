// SPDX-License-Identifier: GPL-2.0-only
//
// Holding a serial run of the model against one of the host.

#ifndef FAULTLINE_SIM_CONFORMANCE_COMPARE_H_
#define FAULTLINE_SIM_CONFORMANCE_COMPARE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sim/conformance/serial.h"

namespace faultline {

enum class DifferenceKind { kDied, kResult, kSignal, kBytes, kMaps };
// "died", "result", "signal", "bytes", "maps".
const char* DifferenceKindName(DifferenceKind kind);

struct Difference {
  DifferenceKind kind;
  size_t step = 0;   // of the run; pages at the end: the number of steps
  std::string text;  // lines: what, "  model: ...", "  host:  ..."
};

struct Comparison {
  // The first one: what comes after it follows from it.
  std::optional<Difference> difference;
  // Ids of the rules that explained something (rules.h), each once.
  std::vector<std::string> rules;
};

// `files`: names, by index.
Comparison Compare(const SerialRun& model, const SerialRun& host,
                   const std::vector<std::string>& files);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CONFORMANCE_COMPARE_H_
