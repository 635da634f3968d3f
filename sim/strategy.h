// SPDX-License-Identifier: GPL-2.0-only
//
// Strategy: takes every decision of an execution.
//
// Of a scheduling choice option 0 is always "the task that runs goes on" when
// it can, the others follow in the order of task ids; so a schedule without
// preemption is a list of zeros.  Of every other choice option 0 is the dull
// one: the allocation works, no signal comes.
//
// Thread safety: one explorer each.

#ifndef FAULTLINE_SIM_STRATEGY_H_
#define FAULTLINE_SIM_STRATEGY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mm/sync/runtime.h"
#include "sim/random.h"

namespace faultline {

// What kind of point a choice comes from: an fl_event_kind, or one of these.
enum ChoicePoint : uint8_t {
  kPointStart = 64,  // no task has run yet, or the one that ran is done
  kPointOp,          // a task is about to begin its next operation
  kPointPark,        // the task that ran blocked
  kPointRelax,       // the task that ran spins
  kPointAccess,      // a task is about to touch memory
  kPointChoose,      // the kernel asked: no scheduling
};

struct ChoiceContext {
  uint32_t why;        // enum fl_choose_why
  uint32_t n;          // options, 2 or more
  uint8_t point;       // fl_event_kind or ChoicePoint
  bool can_continue;   // scheduling: option 0 is the task that runs now
  const uint8_t* ids;  // scheduling: task ids of the options
  uint64_t step;       // of the execution
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  // False: there is nothing left to try.
  virtual bool Begin(uint64_t execution) = 0;
  // Below context.n.
  virtual uint32_t Choose(const ChoiceContext& context) = 0;
  // After the execution, whatever came of it.  `choices`: how many it had.
  virtual void End(uint64_t choices) {}
  // Begin() said false because all within the bound was tried.
  virtual bool exhausted() const { return false; }
};

// Always 0: every task runs until it blocks.
class FirstOption : public Strategy {
 public:
  bool Begin(uint64_t) override { return true; }
  uint32_t Choose(const ChoiceContext&) override { return 0; }
};

// A switch to another task with a probability that goes round with the
// executions: 1 (any task, uniformly), 0.3, 0.1.
class RandomWalk : public Strategy {
 public:
  explicit RandomWalk(uint64_t seed) : seed_(seed), random_(seed) {}
  bool Begin(uint64_t execution) override;
  uint32_t Choose(const ChoiceContext& context) override;

 private:
  const uint64_t seed_;
  Random random_;
  uint32_t switch_chance_ = 65536;  // in 65536
};

// Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): the
// task of highest random priority runs; at depth - 1 random steps the one
// that runs drops to the bottom.  The number of steps is the running maximum.
class Pct : public Strategy {
 public:
  Pct(uint64_t seed, int depth) : seed_(seed), depth_(depth), random_(seed) {}
  bool Begin(uint64_t execution) override;
  uint32_t Choose(const ChoiceContext& context) override;
  void End(uint64_t choices) override;

 private:
  static constexpr int kMaxTasks = 64;
  static constexpr int kMaxDepth = 8;
  const uint64_t seed_;
  const int depth_;
  Random random_;
  uint64_t length_ = 64;
  uint64_t step_ = 0;
  uint32_t priority_[kMaxTasks] = {};
  uint64_t change_at_[kMaxDepth] = {};
};

// Goes through others in turn, one execution each.
class Portfolio : public Strategy {
 public:
  explicit Portfolio(uint64_t seed);
  bool Begin(uint64_t execution) override;
  uint32_t Choose(const ChoiceContext& context) override {
    return current_->Choose(context);
  }
  void End(uint64_t choices) override;

 private:
  std::vector<std::unique_ptr<Strategy>> members_;
  Strategy* current_ = nullptr;
};

// Depth first over all executions with at most `max_preemptions` preemptions
// (negative: any number).  A preemption is a switch away from a task that
// could have gone on.  Choices that are no scheduling branch fully and cost
// nothing.  Every execution is made exactly once.
class BoundedDfs : public Strategy {
 public:
  explicit BoundedDfs(int max_preemptions)
      : max_preemptions_(max_preemptions) {}
  bool Begin(uint64_t execution) override;
  uint32_t Choose(const ChoiceContext& context) override;
  bool exhausted() const override { return exhausted_; }

 private:
  struct Node {
    uint32_t n;
    uint32_t chosen;
    int preemptions;  // before this choice
    bool preempts;    // options above 0 cost one
  };
  const int max_preemptions_;
  std::vector<Node> path_;
  size_t depth_ = 0;
  int preemptions_ = 0;
  bool exhausted_ = false;
};

// "portfolio", "random", "pct", "dfs".
absl::StatusOr<std::unique_ptr<Strategy>> MakeStrategy(const std::string& name,
                                                       uint64_t seed,
                                                       int max_preemptions);

}  // namespace faultline

#endif  // FAULTLINE_SIM_STRATEGY_H_
