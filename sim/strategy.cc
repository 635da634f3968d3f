// SPDX-License-Identifier: GPL-2.0-only

#include "sim/strategy.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace faultline {
namespace {

// Chance in 65536 that a choice which is no scheduling leaves option 0.
uint32_t UnusualChance(uint32_t why) {
  switch (why) {
    case FL_CHOOSE_ALLOC_FAIL:
      return 65536 / 20;
    case FL_CHOOSE_SIGNAL:
    case FL_CHOOSE_SPURIOUS:
      return 65536 / 10;
    default:
      return 65536 / 2;
  }
}

uint32_t ChooseOther(Random* random, const ChoiceContext& context) {
  if (!random->Chance(UnusualChance(context.why))) return 0;
  return 1 + random->Below(context.n - 1);
}

}  // namespace

bool RandomWalk::Begin(uint64_t execution) {
  static constexpr uint32_t kChances[] = {65536, 19661, 6554};
  random_ = Random(MixHash(seed_, execution));
  switch_chance_ = kChances[execution % 3];
  return true;
}

uint32_t RandomWalk::Choose(const ChoiceContext& context) {
  if (context.why != FL_CHOOSE_SCHED) return ChooseOther(&random_, context);
  if (!context.can_continue || switch_chance_ == 65536) {
    return random_.Below(context.n);
  }
  if (!random_.Chance(switch_chance_)) return 0;
  return 1 + random_.Below(context.n - 1);
}

bool Pct::Begin(uint64_t execution) {
  random_ = Random(MixHash(seed_, execution));
  step_ = 0;
  for (uint32_t& priority : priority_) {
    priority = 0x10000 + (random_.Next() & 0xffffff);
  }
  for (int i = 0; i < depth_ - 1 && i < kMaxDepth; ++i) {
    change_at_[i] = 1 + random_.Next() % length_;
  }
  return true;
}

uint32_t Pct::Choose(const ChoiceContext& context) {
  if (context.why != FL_CHOOSE_SCHED) return ChooseOther(&random_, context);
  ++step_;
  if (context.can_continue) {
    for (int i = 0; i < depth_ - 1 && i < kMaxDepth; ++i) {
      // Lower than all initial priorities, and lower the later it comes.
      if (change_at_[i] == step_) {
        priority_[context.ids[0] % kMaxTasks] = kMaxDepth - i;
      }
    }
  }
  uint32_t best = 0;
  for (uint32_t i = 1; i < context.n; ++i) {
    if (priority_[context.ids[i] % kMaxTasks] >
        priority_[context.ids[best] % kMaxTasks]) {
      best = i;
    }
  }
  return best;
}

void Pct::End(uint64_t) { length_ = std::max(length_, step_); }

Portfolio::Portfolio(uint64_t seed) {
  // Three in six are random walks, so that each of their three probabilities
  // comes up once in six executions.
  for (int i = 0; i < 3; ++i) {
    members_.push_back(std::make_unique<RandomWalk>(MixHash(seed, i)));
  }
  for (int depth : {2, 3, 5}) {
    members_.push_back(std::make_unique<Pct>(MixHash(seed, 16 + depth), depth));
  }
}

bool Portfolio::Begin(uint64_t execution) {
  current_ = members_[execution % members_.size()].get();
  // Walk i gets i, i + 3, ...: it keeps one chance, and they differ.
  const uint64_t round = execution / members_.size();
  return current_->Begin(round * 3 + execution % 3);
}

void Portfolio::End(uint64_t choices) { current_->End(choices); }

bool BoundedDfs::Begin(uint64_t execution) {
  depth_ = 0;
  preemptions_ = 0;
  if (exhausted_) return false;
  if (execution == 0 && path_.empty()) return true;
  while (!path_.empty()) {
    Node& last = path_.back();
    const bool affordable = !last.preempts || max_preemptions_ < 0 ||
                            last.preemptions < max_preemptions_;
    if (last.chosen + 1 < last.n && affordable) {
      ++last.chosen;
      return true;
    }
    path_.pop_back();
  }
  exhausted_ = true;
  return false;
}

uint32_t BoundedDfs::Choose(const ChoiceContext& context) {
  if (depth_ == path_.size()) {
    path_.push_back({context.n, 0, preemptions_,
                     context.why == FL_CHOOSE_SCHED && context.can_continue});
  }
  const Node& node = path_[depth_++];
  if (node.preempts && node.chosen != 0) ++preemptions_;
  // A kernel that is not deterministic could offer fewer options the second
  // time; the explorer notices by the hash of the schedule.
  return std::min(node.chosen, context.n - 1);
}

absl::StatusOr<std::unique_ptr<Strategy>> MakeStrategy(const std::string& name,
                                                       uint64_t seed,
                                                       int max_preemptions) {
  if (name == "portfolio") return std::make_unique<Portfolio>(seed);
  if (name == "random") return std::make_unique<RandomWalk>(seed);
  if (name == "pct") return std::make_unique<Pct>(seed, 3);
  if (name == "dfs") return std::make_unique<BoundedDfs>(max_preemptions);
  return absl::InvalidArgumentError(absl::StrCat(
      "no strategy \"", name, "\": there are portfolio, random, pct, dfs"));
}

}  // namespace faultline
