// SPDX-License-Identifier: GPL-2.0-only
//
// The oracle against enumeration.
//
// One page and a few operations whose begins and ends lie in a random order.
// The reference walks every history: between two events any running operation
// may make its next step, an access takes its one step and notes what it came
// to.  Each history gives one outcome for each access.

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sim/oracle.h"
#include "sim/testing/oracle_fixture.h"

namespace faultline {
namespace {

struct RefState {
  bool mapped = false;
  uint32_t prot = 0;
  int file = -1;
  std::map<uint64_t, uint8_t> stored;
};

struct RefOp {
  ResolvedOp op;
  size_t begin, end;  // positions in the order of events
};

// sig, si_code, value.
using RefOutcome = std::tuple<int, int, uint64_t>;
using RefOutcomes = std::vector<RefOutcome>;  // one for each access, in order

class Reference {
 public:
  // lenient: mprotect and madvise do nothing to an unmapped page, where
  // otherwise they cannot succeed.
  explicit Reference(std::vector<RefOp> ops, bool lenient = false)
      : ops_(std::move(ops)), lenient_(lenient) {}

  const std::set<RefOutcomes>& All(const RefState& start) {
    Walk(start, std::vector<int>(ops_.size(), 0),
         std::vector<RefOutcome>(ops_.size()), 0);
    return all_;
  }

 private:
  static bool IsCall(const ResolvedOp& op) {
    return op.kind != OpKind::kLoad && op.kind != OpKind::kStore;
  }
  static int StepsOf(const ResolvedOp& op) {
    return op.kind == OpKind::kMmap ? 2 : 1;
  }

  void Walk(const RefState& state, const std::vector<int>& made,
            const std::vector<RefOutcome>& outcomes, size_t event) {
    if (!visited_.insert(Key(state, made, outcomes, event)).second) return;
    if (event == 2 * ops_.size()) {
      RefOutcomes accesses;
      for (size_t i = 0; i < ops_.size(); ++i) {
        if (!IsCall(ops_[i].op)) accesses.push_back(outcomes[i]);
      }
      all_.insert(accesses);
      return;
    }
    // The next event, unless it is the end of something unfinished.
    bool blocked = false;
    for (size_t i = 0; i < ops_.size(); ++i) {
      if (ops_[i].end == event && made[i] < StepsOf(ops_[i].op)) {
        blocked = true;
      }
    }
    if (!blocked) Walk(state, made, outcomes, event + 1);
    for (size_t i = 0; i < ops_.size(); ++i) {
      bool running = ops_[i].begin < event && ops_[i].end >= event;
      if (!running || made[i] == StepsOf(ops_[i].op)) continue;
      RefState next = state;
      std::vector<RefOutcome> after = outcomes;
      if (!Apply(ops_[i].op, made[i], &next, &after[i])) continue;
      std::vector<int> more = made;
      ++more[i];
      Walk(next, more, after, event);
    }
  }

  bool Apply(const ResolvedOp& op, int step, RefState* state,
             RefOutcome* outcome) const {
    uint64_t at = op.address % kPage;
    switch (op.kind) {
      case OpKind::kMmap:
        *state = RefState();
        if (step == 1) *state = {true, op.prot, op.file, {}};
        return true;
      case OpKind::kMunmap:
        *state = RefState();
        return true;
      case OpKind::kMprotect:
        if (!state->mapped) return lenient_;
        state->prot = op.prot;
        return true;
      case OpKind::kMadvise:
        if (!state->mapped) return lenient_;
        state->stored.clear();
        return true;
      default:
        break;
    }
    if (!state->mapped) {
      *outcome = {kSegv, 1, 0};
    } else if (op.kind == OpKind::kStore ? !(state->prot & kW)
                                         : state->prot == 0) {
      *outcome = {kSegv, 2, 0};
    } else if (op.kind == OpKind::kStore) {
      state->stored[at] = static_cast<uint8_t>(op.value);
      *outcome = {0, 0, 0};
    } else {
      uint64_t value = state->file < 0 ? 0 : FileByte("f", at);
      if (state->stored.count(at)) value = state->stored[at];
      *outcome = {0, 0, value};
    }
    return true;
  }

  static std::string Key(const RefState& state, const std::vector<int>& made,
                         const std::vector<RefOutcome>& outcomes,
                         size_t event) {
    std::string key = absl::StrCat(event, ";", state.mapped, ";", state.prot,
                                   ";", state.file);
    for (auto [at, value] : state.stored) {
      absl::StrAppend(&key, ",", at, "=", value);
    }
    for (int m : made) absl::StrAppend(&key, ";", m);
    for (const auto& [sig, code, value] : outcomes) {
      absl::StrAppend(&key, ";", sig, ",", code, ",", value);
    }
    return key;
  }

  std::vector<RefOp> ops_;
  bool lenient_;
  std::set<std::string> visited_;
  std::set<RefOutcomes> all_;
};

class OracleEnumerationTest : public OracleTest {
 protected:
  ResolvedOp RandomCall() {
    static constexpr uint32_t kProts[] = {0, kR, kR | kW};
    uint32_t prot = kProts[random_() % 3];
    switch (random_() % 4) {
      case 0:
        return Mmap(kBase, 1, prot, random_() % 2 ? 0 : -1);
      case 1:
        return Munmap(kBase, 1);
      case 2:
        return Mprotect(kBase, 1, prot);
      default:
        return Dontneed(kBase, 1);
    }
  }
  ResolvedOp RandomAccess() {
    return random_() % 2 ? LoadAt(kBase + 1)
                         : StoreAt(kBase + 1, 1 + random_() % 2);
  }

  // Random begins and ends: `calls` calls and then `accesses` accesses.
  std::vector<RefOp> RandomOps(int calls, int accesses) {
    std::vector<RefOp> ops;
    for (int i = 0; i < calls; ++i) ops.push_back({RandomCall(), 0, 0});
    for (int i = 0; i < accesses; ++i) ops.push_back({RandomAccess(), 0, 0});
    std::vector<size_t> events;
    for (size_t i = 0; i < ops.size(); ++i) events.insert(events.end(), 2, i);
    std::shuffle(events.begin(), events.end(), random_);
    std::vector<bool> begun(ops.size());
    for (size_t e = 0; e < events.size(); ++e) {
      RefOp& op = ops[events[e]];
      (begun[events[e]] ? op.end : op.begin) = e;
      begun[events[e]] = true;
    }
    return ops;
  }

  // Whether the oracle takes these outcomes of the accesses.
  bool Accepts(const std::vector<RefOp>& ops, const RefOutcomes& outcomes) {
    Oracle oracle = start_;
    std::vector<Oracle::OpId> ids(ops.size());
    for (size_t event = 0; event < 2 * ops.size(); ++event) {
      size_t access = 0;
      for (size_t i = 0; i < ops.size(); ++i) {
        const ResolvedOp& op = ops[i].op;
        bool call = op.kind != OpKind::kLoad && op.kind != OpKind::kStore;
        if (ops[i].begin == event) ids[i] = oracle.Begin(0, op);
        if (ops[i].end == event) {
          OpResult result;
          if (call) {
            result.value =
                op.kind == OpKind::kMmap ? static_cast<int64_t>(kBase) : 0;
          } else {
            std::tie(result.sig, result.si_code, result.loaded) =
                outcomes[access];
          }
          if (oracle.End(ids[i], result)) return false;
        }
        if (!call) ++access;
      }
    }
    return true;
  }

  static std::string Text(const std::vector<RefOp>& ops) {
    std::string text;
    for (const RefOp& op : ops) {
      absl::StrAppend(&text, OpKindName(op.op.kind), " prot ", op.op.prot,
                      " file ", op.op.file, " value ", op.op.value, " in [",
                      op.begin, ", ", op.end, "]\n");
    }
    return text;
  }

  // A page that has already been stored to.
  void Start() {
    RunMmap(Mmap(kBase, 1, kR | kW));
    Run(StoreAt(kBase + 1, 7), OpResult());
    start_ = oracle_;
    start_state_ = {true, kR | kW, 0, {{1, 7}}};
  }

  std::mt19937 random_{20170831};
  Oracle start_{Files()};
  RefState start_state_;
};

TEST_F(OracleEnumerationTest, EveryHistoryIsAccepted) {
  Start();
  int histories = 0;
  for (int round = 0; round < 1500; ++round) {
    std::vector<RefOp> ops = RandomOps(1 + round % 3, 1 + round % 2);
    Reference reference(ops);
    for (const RefOutcomes& outcomes : reference.All(start_state_)) {
      ++histories;
      ASSERT_TRUE(Accepts(ops, outcomes)) << Text(ops);
    }
  }
  EXPECT_GT(histories, 3000);
}

// With one access the oracle takes what some instant explains and nothing
// else, but that it does not conclude from a later mprotect's success that an
// earlier unmapping has not happened yet.
TEST_F(OracleEnumerationTest, WhatNoInstantExplainsIsRefused) {
  Start();
  const RefOutcome kAll[] = {
      {0, 0, 0},     {0, 0, 1},     {0, 0, 7},   {0, 0, FileByte("f", 1)},
      {kSegv, 1, 0}, {kSegv, 2, 0}, {kBus, 2, 0}};
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::vector<RefOp> ops = RandomOps(1 + round % 3, 1);
    Reference strict(ops), lenient(ops, true);
    const std::set<RefOutcomes>& sure = strict.All(start_state_);
    if (sure.empty()) continue;  // a call that cannot succeed
    const std::set<RefOutcomes>& possible = lenient.All(start_state_);
    bool store = ops.back().op.kind == OpKind::kStore;
    for (const RefOutcome& outcome : kAll) {
      if (store && std::get<2>(outcome) != 0) continue;
      bool legal = possible.count({outcome}) != 0;
      bool accepted = Accepts(ops, {outcome});
      refused += !accepted;
      ASSERT_TRUE(sure.count({outcome}) == 0 || accepted);
      ASSERT_TRUE(legal || !accepted)
          << Text(ops) << std::get<0>(outcome) << " " << std::get<1>(outcome)
          << " " << std::get<2>(outcome);
    }
  }
  EXPECT_GT(refused, 1000);
}

// Calls that no history lets succeed are refused too, whatever the accesses.
TEST_F(OracleEnumerationTest, CallsThatCannotSucceedAreRefused) {
  Start();
  int impossible = 0;
  for (int round = 0; round < 1500; ++round) {
    std::vector<RefOp> ops = RandomOps(3, 0);
    Reference reference(ops);
    bool possible = !reference.All(start_state_).empty();
    impossible += !possible;
    ASSERT_EQ(Accepts(ops, {}), possible) << Text(ops);
  }
  EXPECT_GT(impossible, 20);
}

}  // namespace
}  // namespace faultline
