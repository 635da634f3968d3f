// SPDX-License-Identifier: GPL-2.0-only
//
// Schedule: the decisions of one execution.  ReplayToken: a schedule with what
// it belongs to, as one word of text that can be pasted: "fl1:...".
//
// Only decisions with two or more options count.  Runs of zeros are kept as a
// length; after each run and its choice stands one byte of a rolling hash
// over (why, n, kind of point) of every decision so far.  So a replay that
// leaves the recorded path is noticed at the first wrong step, or at the
// latest when the run it is in ends.
//
// Text: "fl1:" and base64url of: program hash, flags, variant, architecture,
// build hash, schedule, and a checksum that catches a token cut or mistyped.

#ifndef FAULTLINE_SIM_TOKEN_H_
#define FAULTLINE_SIM_TOKEN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/granularity.h"
#include "sim/random.h"
#include "sim/strategy.h"

namespace faultline {

class Schedule {
 public:
  static constexpr uint32_t kMaxZeros = 255;

  struct Run {
    uint32_t zeros;   // zeros before `choice`
    uint32_t choice;  // 0 only when `zeros` is kMaxZeros
    uint8_t check;    // low byte of the hash after `choice`
    bool operator==(const Run& other) const = default;
  };

  void Clear() {
    runs_.clear();
    zeros_ = 0;
    count_ = 0;
    hash_ = 0;
  }
  void Add(const ChoiceContext& context, uint32_t choice) {
    hash_ = NextHash(hash_, context);
    ++count_;
    if (choice == 0 && zeros_ < kMaxZeros) {
      ++zeros_;
      return;
    }
    runs_.push_back({zeros_, choice, static_cast<uint8_t>(hash_)});
    zeros_ = 0;
  }
  static uint64_t NextHash(uint64_t hash, const ChoiceContext& context) {
    return MixHash(
        hash, context.why | context.n << 8 | uint64_t{context.point} << 40);
  }

  const std::vector<Run>& runs() const { return runs_; }
  uint32_t trailing_zeros() const { return zeros_; }
  uint64_t choices() const { return count_; }
  uint64_t hash() const { return hash_; }
  bool operator==(const Schedule& other) const = default;

  // All choices, one by one, and back: for the minimiser.
  std::vector<uint32_t> Expand() const;

 private:
  friend struct ReplayToken;
  std::vector<Run> runs_;
  uint32_t zeros_ = 0;
  uint64_t count_ = 0;
  uint64_t hash_ = 0;
};

struct ReplayToken {
  uint64_t program_hash = 0;
  std::string variant, arch;
  Granularity granularity = Granularity::kSync;
  bool physmem = true, alloc_may_fail = false, reuse_freed = false;
  bool check_steps = false;
  // At access granularity: hash of the kernel's build-id.
  uint32_t build_hash = 0;
  Schedule schedule;

  std::string Encode() const;
  // kInvalidArgument says what is wrong with the text.
  static absl::StatusOr<ReplayToken> Decode(const std::string& text);
};

// The hash of a build-id that a token carries.
uint32_t BuildHash(const std::string& build_id);

// Follows a schedule to the letter.  After the execution status() says
// whether it did; kAborted: "diverged at step N: ...".
class Replayer : public Strategy {
 public:
  // `schedule` must outlive the replayer.
  explicit Replayer(const Schedule* schedule) : schedule_(schedule) {}
  bool Begin(uint64_t execution) override;
  uint32_t Choose(const ChoiceContext& context) override;
  void End(uint64_t choices) override;
  const absl::Status& status() const { return status_; }

 private:
  void Diverge(const ChoiceContext& context, const std::string& why);

  const Schedule* schedule_;
  size_t run_ = 0;
  uint32_t zeros_ = 0;  // of the present run, already taken
  uint64_t hash_ = 0;
  uint64_t count_ = 0;
  absl::Status status_;
};

// Follows a list of choices as far as they make sense, then option 0.
class Follower : public Strategy {
 public:
  explicit Follower(const std::vector<uint32_t>* choices) : choices_(choices) {}
  bool Begin(uint64_t) override {
    next_ = 0;
    return true;
  }
  uint32_t Choose(const ChoiceContext& context) override {
    if (next_ >= choices_->size()) return 0;
    const uint32_t choice = (*choices_)[next_++];
    return choice < context.n ? choice : 0;
  }

 private:
  const std::vector<uint32_t>* choices_;
  size_t next_ = 0;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_TOKEN_H_
