// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/flags.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace faultline {
namespace {

class FlagsTest : public testing::Test {
 protected:
  FlagsTest() : flags_("cmd", "FILE", "Does something.") {
    flags_.AddBool("all", "everything", &all_);
    flags_.AddString("json", "FILE", "also as JSON", &json_);
    flags_.AddList("variant", "V,...", "variants", &variants_);
    flags_.AddNumber("seed", "seed", 1, 100, &seed_);
    flags_.AddChoice("arch", "architecture", {"x86-64", "arm"}, &arch_);
    flags_.AddBudget("budget", "budget", &budget_);
  }
  absl::Status Parse(const std::vector<std::string>& args) {
    return flags_.Parse(args, &positional_);
  }
  // The message, which has to be one line that names the command.
  std::string Wrong(const std::vector<std::string>& args) {
    const absl::Status status = Parse(args);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    const std::string message(status.message());
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_TRUE(absl::StartsWith(message, "cmd: ")) << message;
    return message;
  }

  FlagSet flags_;
  bool all_ = false;
  std::string json_, arch_;
  std::vector<std::string> variants_, positional_;
  uint64_t seed_ = 7;
  Budget budget_;
};

TEST_F(FlagsTest, ValuesAreTakenAfterEqualsAndAsTheNextArgument) {
  ASSERT_TRUE(Parse({"a", "--seed=5", "--json", "x.json", "b", "--all"}).ok());
  EXPECT_EQ(seed_, 5u);
  EXPECT_EQ(json_, "x.json");
  EXPECT_TRUE(all_);
  EXPECT_EQ(positional_, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(flags_.Given("seed"));
  EXPECT_FALSE(flags_.Given("arch"));
}

TEST_F(FlagsTest, ShortNamesAreBundledAndTakeValuesAsGetoptHasIt) {
  int level = 0;
  flags_.AddCount("direct", "more direct", &level);
  flags_.Short('X', "direct");
  flags_.Short('a', "all");
  flags_.Short('s', "seed");
  flags_.Short('j', "json");
  ASSERT_TRUE(Parse({"-XaX", "-s5", "f", "-j", "-", "--direct"}).ok());
  EXPECT_EQ(level, 3);
  EXPECT_TRUE(all_);
  EXPECT_EQ(seed_, 5u);
  EXPECT_EQ(json_, "-");
  EXPECT_EQ(positional_, (std::vector<std::string>{"f"}));
  ASSERT_TRUE(Parse({"-as", "9"}).ok());
  EXPECT_EQ(seed_, 9u);
  EXPECT_NE(flags_.HelpText().find("-X, --direct"), std::string::npos);

  EXPECT_NE(Wrong({"-aq"}).find("unknown flag -q in -aq"), std::string::npos);
  EXPECT_NE(Wrong({"-as"}).find("-s wants a value: N"), std::string::npos);
  EXPECT_NE(Wrong({"-s0"}).find("-s: expected a number from 1 to 100"),
            std::string::npos);
  EXPECT_NE(Wrong({"-s1", "--seed=2"}).find("--seed was given twice"),
            std::string::npos);
}

TEST_F(FlagsTest, ABundleWithHAsksForHelp) {
  flags_.Short('a', "all");
  ASSERT_TRUE(Parse({"-ah", "--seed=no"}).ok());
  EXPECT_TRUE(flags_.help());
}

TEST_F(FlagsTest, ListsAreSplitAndAddUp) {
  ASSERT_TRUE(Parse({"--variant", "v3,-paged", "--variant=mainline"}).ok());
  EXPECT_EQ(variants_, (std::vector<std::string>{"v3", "-paged", "mainline"}));
}

TEST_F(FlagsTest, AValueMayBeginWithOneDash) {
  ASSERT_TRUE(Parse({"--variant", "-v3"}).ok());
  EXPECT_EQ(variants_, std::vector<std::string>{"-v3"});
}

TEST_F(FlagsTest, TwoDashesEndTheFlags) {
  ASSERT_TRUE(Parse({"--", "--all", "-"}).ok());
  EXPECT_FALSE(all_);
  EXPECT_EQ(positional_, (std::vector<std::string>{"--all", "-"}));
}

TEST_F(FlagsTest, AnUnknownFlagIsNamed) {
  EXPECT_TRUE(absl::StrContains(Wrong({"--sead=5"}), "unknown flag --sead"));
  EXPECT_TRUE(absl::StrContains(Wrong({"-s"}), "unknown flag -s"));
}

TEST_F(FlagsTest, AMissingValueIsNamed) {
  EXPECT_TRUE(absl::StrContains(Wrong({"--json"}), "--json wants a value"));
  EXPECT_TRUE(
      absl::StrContains(Wrong({"--json", "--all"}), "--json wants a value"));
  EXPECT_TRUE(absl::StrContains(Wrong({"--all=yes"}), "--all takes no value"));
}

TEST_F(FlagsTest, AFlagGivenTwiceIsAnErrorUnlessItRepeats) {
  EXPECT_TRUE(absl::StrContains(Wrong({"--seed=1", "--seed=2"}), "twice"));
}

TEST_F(FlagsTest, NumbersOutOfBoundsAreRefused) {
  for (const char* value :
       {"0", "101", "-1", "1x", "", "0x10", "99999999999999999999999"}) {
    FlagSet flags("cmd", "", "");
    uint64_t number = 3;
    flags.AddNumber("seed", "", 1, 100, &number);
    std::vector<std::string> rest;
    EXPECT_FALSE(flags.Parse({std::string("--seed=") + value}, &rest).ok())
        << value;
    EXPECT_EQ(number, 3u);
  }
}

TEST_F(FlagsTest, AChoiceOutsideTheListSaysTheList) {
  EXPECT_TRUE(absl::StrContains(Wrong({"--arch=mips"}),
                                "expected x86-64 or arm, found 'mips'"));
}

TEST_F(FlagsTest, BudgetsAreTimesOrExecutions) {
  ASSERT_TRUE(ParseBudget("30s").ok());
  EXPECT_EQ(ParseBudget("30s")->seconds, 30);
  EXPECT_EQ(ParseBudget("30s")->executions, 0u);
  EXPECT_EQ(ParseBudget("1m30s")->seconds, 90);
  EXPECT_EQ(ParseBudget("5000")->executions, 5000u);
  EXPECT_EQ(ParseBudget("5000")->seconds, 0);
  EXPECT_EQ(ParseBudget("none")->executions, 0u);
  for (const char* wrong :
       {"", "0", "0s", "-5s", "-5", "s", "30 s", "inf", "1e9"}) {
    EXPECT_FALSE(ParseBudget(wrong).ok()) << wrong;
  }
}

TEST_F(FlagsTest, HelpNamesEveryFlag) {
  ASSERT_TRUE(Parse({"--seed=5", "--help", "--no-such-flag"}).ok());
  EXPECT_TRUE(flags_.help());
  for (const char* flag : {"--all", "--json FILE", "--variant V,...",
                           "--seed N", "--arch x86-64|arm", "--budget"}) {
    EXPECT_TRUE(absl::StrContains(flags_.HelpText(), flag)) << flag;
  }
}

}  // namespace
}  // namespace faultline
