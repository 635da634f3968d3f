// SPDX-License-Identifier: GPL-2.0-only

#include "sim/token.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace faultline {
namespace {

ChoiceContext Context(uint32_t n, uint8_t point = kPointOp, uint64_t step = 0) {
  return {FL_CHOOSE_SCHED, n, point, true, nullptr, step};
}

const std::vector<uint32_t> kChoices = {0, 0, 1, 2, 0, 0, 0, 1, 0, 0};

ReplayToken SomeToken() {
  ReplayToken token;
  token.program_hash = 0x123456789abcdef0;
  token.variant = "v3";
  token.arch = "x86-64";
  token.granularity = Granularity::kAccess;
  token.alloc_may_fail = true;
  token.check_steps = true;
  token.build_hash = 77;
  for (uint32_t choice : kChoices) token.schedule.Add(Context(3), choice);
  return token;
}

TEST(Token, ComesBackAsItWas) {
  const ReplayToken token = SomeToken();
  absl::StatusOr<ReplayToken> back = ReplayToken::Decode(token.Encode());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->program_hash, token.program_hash);
  EXPECT_EQ(back->variant, "v3");
  EXPECT_EQ(back->arch, "x86-64");
  EXPECT_EQ(back->granularity, Granularity::kAccess);
  EXPECT_TRUE(back->alloc_may_fail);
  EXPECT_FALSE(back->reuse_freed);
  EXPECT_TRUE(back->check_steps);
  EXPECT_TRUE(back->physmem);
  EXPECT_EQ(back->build_hash, 77u);
  EXPECT_EQ(back->schedule.Expand(), kChoices);
  EXPECT_EQ(back->schedule.runs(), token.schedule.runs());
  EXPECT_EQ(back->Encode(), token.Encode());
}

TEST(Token, LongRunsOfZerosAreShort) {
  ReplayToken token;
  for (int i = 0; i < 10000; ++i) token.schedule.Add(Context(2), 0);
  EXPECT_EQ(token.schedule.choices(), 10000u);
  EXPECT_LT(token.Encode().size(), 300u);
  absl::StatusOr<ReplayToken> back = ReplayToken::Decode(token.Encode());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->schedule.choices(), 10000u);
  EXPECT_EQ(back->schedule.Expand(), std::vector<uint32_t>(10000, 0));
}

TEST(Token, SaysWhatIsWrong) {
  const std::string good = SomeToken().Encode();
  EXPECT_NE(ReplayToken::Decode("").status().message().find("fl1:"),
            std::string::npos);
  EXPECT_NE(ReplayToken::Decode("fl1:***").status().message().find("base64"),
            std::string::npos);
  for (size_t length = 4; length < good.size(); ++length) {
    EXPECT_FALSE(ReplayToken::Decode(good.substr(0, length)).ok()) << length;
  }
  for (size_t i = 4; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    absl::StatusOr<ReplayToken> token = ReplayToken::Decode(bad);
    // Unused bits of the last character may differ without harm.
    EXPECT_TRUE(!token.ok() || i + 1 == good.size()) << i;
  }
}

// Replays kChoices, with `n` options and of `point` at choice `at`.
absl::Status ReplayWith(size_t at, uint32_t n, uint8_t point, size_t count) {
  const ReplayToken token = SomeToken();
  Replayer replayer(&token.schedule);
  replayer.Begin(0);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t choice = replayer.Choose(i == at ? Context(n, point, i)
                                                    : Context(3, kPointOp, i));
    if (!replayer.status().ok()) return replayer.status();
    EXPECT_EQ(choice, i < kChoices.size() ? kChoices[i] : 0);
  }
  replayer.End(count);
  return replayer.status();
}

TEST(Replayer, FollowsToTheLetter) {
  EXPECT_TRUE(ReplayWith(99, 0, 0, kChoices.size()).ok());
}

TEST(Replayer, NoticesEveryDivergence) {
  // Fewer or more decisions.
  EXPECT_FALSE(ReplayWith(99, 0, 0, kChoices.size() - 1).ok());
  EXPECT_FALSE(ReplayWith(99, 0, 0, kChoices.size() + 1).ok());
  // Another number of options, another kind of point: by the end of the run
  // it is in.
  for (size_t at = 0; at < kChoices.size(); ++at) {
    EXPECT_FALSE(ReplayWith(at, 5, kPointOp, kChoices.size()).ok()) << at;
    EXPECT_FALSE(ReplayWith(at, 3, kPointPark, kChoices.size()).ok()) << at;
  }
}

TEST(Replayer, SaysAtWhichStep) {
  // Choice 3 is 2; with two options it is wrong at once.
  const absl::Status status = ReplayWith(3, 2, kPointOp, kChoices.size());
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message().find("diverged at step 3 "), 0u) << status;
}

}  // namespace
}  // namespace faultline
