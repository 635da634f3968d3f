// SPDX-License-Identifier: GPL-2.0-only
//
// The demo: five steps on real binaries of this machine, from building an
// image to a race found, replayed, and looked for in vain where it is fixed.
//
// It knows no defect.  What is looked for is a litmus program, filled in for a
// file of the image; a finding is whatever the checkers say.

#ifndef FAULTLINE_SIM_CLI_DEMO_H_
#define FAULTLINE_SIM_CLI_DEMO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sim/cli/demo_image.h"
#include "sim/cli/io.h"
#include "sim/cli/json.h"
#include "sim/explorer.h"
#include "sim/program/program.h"
#include "sim/trace.h"

namespace faultline {

struct DemoOptions {
  std::string suspect = "v3";        // the variant in which a race is to show
  std::string control = "mainline";  // and the one in which none may
  std::string directory;             // for image and program; exists
  bool keep = false;                 // the directory outlives the demo
  uint64_t seed = 1;
  double max_seconds = 300;  // of the search in the suspect
};

struct DemoStep {
  std::string name;
  bool ok = false;
  std::string result;  // one line: what came out, or why it failed
  double seconds = 0;
};

class Demo {
 public:
  Demo(Io& io, const DemoOptions& options) : io_(io), options_(options) {}

  // All steps; ends with the first that fails.  The exit code.
  int Run();
  const std::vector<DemoStep>& steps() const { return steps_; }
  const std::vector<RunRecord>& runs() const { return runs_; }

  static constexpr size_t kSteps = 5;

 private:
  // Each gives what it found out as one line, or why it is no success.
  absl::StatusOr<std::string> MakeImage();
  absl::StatusOr<std::string> MapBinary();
  absl::StatusOr<std::string> FindRace();
  absl::StatusOr<std::string> ReplayRace();
  absl::StatusOr<std::string> SearchControl();

  absl::Status MakeProgram();
  absl::StatusOr<ExploreResult> Search(const ExploreOptions& options);
  ExploreOptions BaseOptions(const std::string& variant) const;
  void Say(absl::string_view line);

  Io& io_;
  const DemoOptions options_;
  DemoImage image_;
  Program program_;
  Finding finding_;
  uint64_t needed_ = 0;  // executions until it was found
  std::vector<DemoStep> steps_;
  std::vector<RunRecord> runs_;
};

// Of everything in a trace that must be the same in every replay.
uint64_t TraceHash(const Trace& trace);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_DEMO_H_
