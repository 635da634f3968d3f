// SPDX-License-Identifier: GPL-2.0-only

#include "sim/token.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace faultline {
namespace {

constexpr char kPrefix[] = "fl1:";
enum Flags : uint8_t {
  kAccessGranularity = 1,
  kNoPhysmem = 2,
  kAllocMayFail = 4,
  kReuseFreed = 8,
  kCheckSteps = 16,
  kKnownFlags = 31,
};

void PutVarint(std::string* to, uint64_t value) {
  while (value >= 0x80) {
    to->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  to->push_back(static_cast<char>(value));
}

void PutFixed(std::string* to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    to->push_back(static_cast<char>(value >> (8 * i)));
  }
}

void PutText(std::string* to, const std::string& text) {
  PutVarint(to, text.size());
  to->append(text);
}

uint64_t HashOfBytes(absl::string_view bytes) {
  uint64_t hash = bytes.size();
  for (char c : bytes) hash = MixHash(hash, static_cast<uint8_t>(c));
  return hash;
}

// Reads what Put... wrote.  After a failure everything reads as 0.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : bytes_(bytes) {}
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = Byte();
      value |= uint64_t{byte & 0x7fu} << shift;
      if (!(byte & 0x80)) return value;
    }
    failed_ = true;
    return 0;
  }
  uint64_t Fixed(int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= uint64_t{Byte()} << (8 * i);
    return value;
  }
  std::string Text() {
    const uint64_t size = Varint();
    if (size > bytes_.size()) {
      failed_ = true;
      return "";
    }
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  uint8_t Byte() {
    if (bytes_.empty()) {
      failed_ = true;
      return 0;
    }
    const uint8_t byte = bytes_[0];
    bytes_.remove_prefix(1);
    return byte;
  }
  size_t left() const { return bytes_.size(); }
  bool failed() const { return failed_; }

 private:
  absl::string_view bytes_;
  bool failed_ = false;
};

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("replay token: ", what));
}

}  // namespace

uint32_t BuildHash(const std::string& build_id) {
  return static_cast<uint32_t>(HashOfBytes(build_id));
}

std::vector<uint32_t> Schedule::Expand() const {
  std::vector<uint32_t> choices;
  choices.reserve(count_);
  for (const Run& run : runs_) {
    choices.insert(choices.end(), run.zeros, 0);
    choices.push_back(run.choice);
  }
  choices.insert(choices.end(), zeros_, 0);
  return choices;
}

std::string ReplayToken::Encode() const {
  std::string bytes;
  PutFixed(&bytes, program_hash, 8);
  bytes.push_back(static_cast<char>(
      (granularity == Granularity::kAccess ? kAccessGranularity : 0) |
      (physmem ? 0 : kNoPhysmem) | (alloc_may_fail ? kAllocMayFail : 0) |
      (reuse_freed ? kReuseFreed : 0) | (check_steps ? kCheckSteps : 0)));
  PutText(&bytes, variant);
  PutText(&bytes, arch);
  if (granularity == Granularity::kAccess) PutFixed(&bytes, build_hash, 4);
  PutVarint(&bytes, schedule.runs_.size());
  for (const Schedule::Run& run : schedule.runs_) {
    PutVarint(&bytes, run.zeros);
    PutVarint(&bytes, run.choice);
    bytes.push_back(static_cast<char>(run.check));
  }
  PutVarint(&bytes, schedule.zeros_);
  PutFixed(&bytes, schedule.hash_, 4);
  PutFixed(&bytes, HashOfBytes(bytes), 3);
  return absl::StrCat(kPrefix, absl::WebSafeBase64Escape(bytes));
}

absl::StatusOr<ReplayToken> ReplayToken::Decode(const std::string& text) {
  if (!absl::StartsWith(text, kPrefix)) {
    return Wrong(absl::StrCat("does not begin with \"", kPrefix, "\""));
  }
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text.substr(sizeof kPrefix - 1), &bytes)) {
    return Wrong("not base64url after the prefix");
  }
  if (bytes.size() < 3) return Wrong("cut short");
  const absl::string_view body =
      absl::string_view(bytes).substr(0, bytes.size() - 3);
  if (Reader(absl::string_view(bytes).substr(body.size())).Fixed(3) !=
      (HashOfBytes(body) & 0xffffff)) {
    return Wrong("wrong checksum: cut short or mistyped");
  }
  Reader reader(body);
  ReplayToken token;
  token.program_hash = reader.Fixed(8);
  const uint8_t flags = reader.Byte();
  if (flags & ~kKnownFlags) return Wrong("made by a later version");
  token.granularity =
      flags & kAccessGranularity ? Granularity::kAccess : Granularity::kSync;
  token.physmem = !(flags & kNoPhysmem);
  token.alloc_may_fail = flags & kAllocMayFail;
  token.reuse_freed = flags & kReuseFreed;
  token.check_steps = flags & kCheckSteps;
  token.variant = reader.Text();
  token.arch = reader.Text();
  if (flags & kAccessGranularity) {
    token.build_hash = static_cast<uint32_t>(reader.Fixed(4));
  }
  Schedule& schedule = token.schedule;
  const uint64_t runs = reader.Varint();
  if (runs > reader.left()) return Wrong("its schedule is cut short");
  for (uint64_t i = 0; i < runs; ++i) {
    Schedule::Run run;
    run.zeros = static_cast<uint32_t>(reader.Varint());
    run.choice = static_cast<uint32_t>(reader.Varint());
    run.check = reader.Byte();
    if (run.zeros > Schedule::kMaxZeros ||
        (run.choice == 0) !=
            (run.zeros == Schedule::kMaxZeros && run.choice == 0)) {
      return Wrong("its schedule makes no sense");
    }
    schedule.runs_.push_back(run);
    schedule.count_ += run.zeros + 1;
  }
  schedule.zeros_ = static_cast<uint32_t>(reader.Varint());
  schedule.count_ += schedule.zeros_;
  schedule.hash_ = reader.Fixed(4);
  if (reader.failed()) return Wrong("its schedule is cut short");
  if (reader.left() != 0) return Wrong("bytes after its end");
  return token;
}

bool Replayer::Begin(uint64_t) {
  run_ = 0;
  zeros_ = 0;
  hash_ = 0;
  count_ = 0;
  status_ = absl::OkStatus();
  return true;
}

void Replayer::Diverge(const ChoiceContext& context, const std::string& why) {
  if (!status_.ok()) return;
  status_ = absl::AbortedError(absl::StrCat("diverged at step ", context.step,
                                            " (choice ", count_, "): ", why));
}

uint32_t Replayer::Choose(const ChoiceContext& context) {
  hash_ = Schedule::NextHash(hash_, context);
  ++count_;
  if (!status_.ok()) return 0;
  const std::vector<Schedule::Run>& runs = schedule_->runs();
  if (run_ == runs.size()) {
    if (++zeros_ > schedule_->trailing_zeros()) {
      Diverge(context, "the recorded execution had ended");
    }
    return 0;
  }
  const Schedule::Run& run = runs[run_];
  if (zeros_ < run.zeros) {
    ++zeros_;
    return 0;
  }
  zeros_ = 0;
  ++run_;
  if (run.choice >= context.n) {
    Diverge(context, absl::StrCat("choice ", run.choice, " of ", context.n,
                                  " was recorded"));
    return 0;
  }
  if (run.check != static_cast<uint8_t>(hash_)) {
    Diverge(context, "another kind of decision than was recorded");
    return 0;
  }
  return run.choice;
}

void Replayer::End(uint64_t) {
  if (!status_.ok()) return;
  if (count_ != schedule_->choices()) {
    status_ = absl::AbortedError(
        absl::StrCat("diverged after choice ", count_, ": it ended, ",
                     schedule_->choices(), " choices were recorded"));
  } else if (static_cast<uint32_t>(hash_) !=
             static_cast<uint32_t>(schedule_->hash())) {
    status_ = absl::AbortedError(
        absl::StrCat("diverged in the last ", zeros_,
                     " choices: other kinds of decisions than were recorded"));
  }
}

}  // namespace faultline
