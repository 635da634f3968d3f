// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/search.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "sim/cli/progress.h"

namespace faultline {
namespace {

struct Part {
  size_t search = 0;
  ExploreOptions options;
  bool begun = false, done = false;
  ExploreProgress seen;
  absl::StatusOr<ExploreResult> result = absl::UnknownError("not run");
};

class Pool {
 public:
  Pool(Io& io, const std::vector<Search>& searches, size_t threads)
      : io_(io), searches_(searches), first_part_(searches.size() + 1) {
    for (size_t i = 0; i < searches.size(); ++i) {
      first_part_[i] = parts_.size();
      const ExploreOptions& whole = searches[i].options;
      const uint64_t share =
          whole.strategy == "dfs" || threads <= 1 ||
                  (whole.max_executions != 0 && whole.max_executions < threads)
              ? 1
              : threads;
      for (uint64_t p = 0; p < share; ++p) {
        Part part;
        part.search = i;
        part.options = whole;
        part.options.seed = whole.seed + p;
        part.options.max_executions =
            whole.max_executions / share + (p < whole.max_executions % share);
        parts_.push_back(std::move(part));
      }
    }
    first_part_[searches.size()] = parts_.size();
    for (size_t i = 0; i < std::min(threads, parts_.size()); ++i) {
      threads_.emplace_back([this] { Work(); });
    }
  }

  ~Pool() {
    {
      absl::MutexLock lock(&mutex_);
      stop_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
  }

  // Waits for search `i`.  False: it was never begun.
  bool Wait(size_t i, Progress* progress,
            absl::StatusOr<ExploreResult>* result) {
    const size_t begin = first_part_[i], end = first_part_[i + 1];
    absl::MutexLock lock(&mutex_);
    for (;;) {
      if (io_.Interrupted()) stop_ = true;
      bool waiting = false, begun = false;
      for (size_t p = begin; p < end; ++p) {
        waiting |= parts_[p].begun ? !parts_[p].done : !stop_;
        begun |= parts_[p].begun;
      }
      if (!waiting) {
        if (!begun) return false;
        break;
      }
      progress->Show(Status(i));
      changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(150));
    }
    std::vector<ExploreResult> results;
    for (size_t p = begin; p < end; ++p) {
      if (!parts_[p].begun) continue;
      if (!parts_[p].result.ok()) {
        *result = parts_[p].result.status();
        return true;
      }
      results.push_back(std::move(*parts_[p].result));
    }
    *result = MergeResults(results);
    return true;
  }

 private:
  void Work() {
    for (;;) {
      Part* part;
      {
        absl::MutexLock lock(&mutex_);
        if (stop_ || next_ == parts_.size()) return;
        part = &parts_[next_++];
        part->begun = true;
        part->options.progress = [this, part](const ExploreProgress& seen) {
          return Heard(part, seen);
        };
      }
      absl::StatusOr<ExploreResult> result =
          Explore(*searches_[part->search].program, part->options);
      absl::MutexLock lock(&mutex_);
      part->result = std::move(result);
      part->done = true;
      changed_.SignalAll();
    }
  }

  bool Heard(Part* part, const ExploreProgress& seen) {
    absl::MutexLock lock(&mutex_);
    part->seen = seen;
    if (stop_ || io_.Interrupted()) return false;
    if (!part->options.stop_at_first) return true;
    // Another part of the same search has what was looked for.
    for (size_t p = first_part_[part->search];
         p < first_part_[part->search + 1]; ++p) {
      if (parts_[p].done && parts_[p].result.ok() &&
          !parts_[p].result->findings.empty()) {
        return false;
      }
    }
    return true;
  }

  std::string Status(size_t i) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    uint64_t executions = 0, findings = 0;
    double seconds = 0;
    for (size_t p = first_part_[i]; p < first_part_[i + 1]; ++p) {
      executions += parts_[p].seen.executions;
      findings += parts_[p].seen.findings;
      seconds = std::max(seconds, parts_[p].seen.seconds);
    }
    std::string text = absl::StrCat(
        searches_[i].label, ": ", Count(executions, "execution", "executions"),
        ", ", Count(findings, "finding", "findings"), ", ", Seconds(seconds));
    if (seconds > 0) {
      absl::StrAppend(&text, ", ",
                      WithCommas(static_cast<uint64_t>(
                          static_cast<double>(executions) / seconds)),
                      "/s");
    }
    if (searches_.size() > 1) {
      text = absl::StrCat("[", i + 1, "/", searches_.size(), "] ", text);
    }
    return text;
  }

  Io& io_;
  const std::vector<Search>& searches_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  // Of each search, and one more; constant once built.
  std::vector<size_t> first_part_;
  std::vector<Part> parts_ ABSL_GUARDED_BY(mutex_);  // never grows
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace

void MergeFinding(const Finding& found, std::vector<Finding>* findings) {
  for (Finding& known : *findings) {
    if (known.signature != found.signature) continue;
    known.count += found.count;
    return;
  }
  findings->push_back(found);
}

ExploreResult MergeResults(const std::vector<ExploreResult>& parts) {
  ExploreResult whole = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    const ExploreResult& part = parts[i];
    whole.executions += part.executions;
    whole.blocked += part.blocked;
    whole.steps += part.steps;
    whole.choices += part.choices;
    whole.exhausted &= part.exhausted;
    whole.seconds = std::max(whole.seconds, part.seconds);
    for (const Finding& finding : part.findings) {
      MergeFinding(finding, &whole.findings);
    }
    // A part stopped because another had a finding says "interrupted".
    if (part.stopped == "finding" || whole.stopped == "exhausted") {
      whole.stopped = part.stopped;
    }
  }
  return whole;
}

void RunSearches(
    Io& io, const std::vector<Search>& searches, size_t threads,
    const std::function<bool(size_t, const absl::StatusOr<ExploreResult>&)>&
        done) {
  Progress progress(io);
  Pool pool(io, searches, std::max<size_t>(threads, 1));
  for (size_t i = 0; i < searches.size(); ++i) {
    absl::StatusOr<ExploreResult> result = absl::UnknownError("not run");
    if (!pool.Wait(i, &progress, &result)) return;
    progress.Clear();
    if (!done(i, result)) return;
  }
}

}  // namespace faultline
