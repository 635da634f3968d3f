// SPDX-License-Identifier: GPL-2.0-only
//
// Several searches, on several threads, shown as they come along.

#ifndef FAULTLINE_SIM_CLI_SEARCH_H_
#define FAULTLINE_SIM_CLI_SEARCH_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/cli/io.h"
#include "sim/explorer.h"
#include "sim/program/program.h"

namespace faultline {

struct Search {
  const Program* program;
  std::string label;  // for the progress line
  // `progress` is set by RunSearches.
  ExploreOptions options;
};

// Runs all on `threads` threads.  With more than one, a search that samples
// is split into as many parts with seeds of their own, seed + 0, 1, ..., and
// a part of the executions each; a search that enumerates ("dfs") stays
// whole.  So with one thread results are a function of the options alone.
//
// done(i, result) is called on the calling thread, in order, for each that was
// begun.  It returns false to end the whole: nothing more is begun and what
// runs is stopped.  An interrupt does likewise; what had been begun then comes
// to done() with stopped "interrupted".
void RunSearches(
    Io& io, const std::vector<Search>& searches, size_t threads,
    const std::function<bool(size_t, const absl::StatusOr<ExploreResult>&)>&
        done);

// Parts of one search as one result.
ExploreResult MergeResults(const std::vector<ExploreResult>& parts);

// `found` among `findings` by signature: counted there, or added.
void MergeFinding(const Finding& found, std::vector<Finding>* findings);

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_SEARCH_H_
