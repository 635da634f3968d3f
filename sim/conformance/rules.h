// SPDX-License-Identifier: GPL-2.0-only
//
// Where kernels later than 4.13 answer otherwise, on purpose.  A rule says
// what 4.13 answers and what later kernels do; where one applies both are
// asserted, the first of the model and the second of the host.  The answers
// of 4.13 are read from its source; no such kernel was run.

#ifndef FAULTLINE_SIM_CONFORMANCE_RULES_H_
#define FAULTLINE_SIM_CONFORMANCE_RULES_H_

#include <vector>

#include "sim/conformance/serial.h"

namespace faultline {

// What went before a step.
struct RuleContext {
  // The address spaces, as each side had it.
  const std::vector<MapLine>& model_before;
  const std::vector<MapLine>& host_before;
  // The rule explained an earlier step of this run, so that the two came to
  // this step from different states.
  bool used = false;
  bool forked = false;   // the step's process began by fork
  bool dropped = false;  // a file was dropped from the page cache before
};

struct ConformanceRule {
  const char* id;
  const char* since;  // the first kernel with the later answer
  const char* operation;
  const char* answer_4_13;
  const char* answer_later;
  const char* litmus;  // the file that shows it, in tests/litmus
  // Whether these two differ by this rule and by nothing else.
  bool (*explains)(const RuleContext& context, const SerialStep& model,
                   const SerialStep& host);
  // The run can go on being compared after it.
  bool harmless;
};

// In the order in which they are tried: the narrower ones first.
const std::vector<ConformanceRule>& ConformanceRules();

}  // namespace faultline

#endif  // FAULTLINE_SIM_CONFORMANCE_RULES_H_
