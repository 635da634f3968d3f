// SPDX-License-Identifier: GPL-2.0-only
//
// Every image of bad_images.h: what the image check says, and what the mounted
// file system shows, in each variant and on a block device.

#include "cramfs/testing/bad_images.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cramfs/testing/image_verdict.h"
#include "cramfs/testing/mounted_image.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

const std::vector<std::string>& Variants() {
  static const auto* const kVariants =
      new std::vector<std::string>{"v3", "mainline", "paged"};
  return *kVariants;
}

// `pattern` may have one '*', for any text.
bool Matches(absl::string_view text, const std::string& pattern) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(pattern, absl::MaxSplits('*', 1));
  if (!absl::StrContains(pattern, "*")) return text == pattern;
  return absl::ConsumePrefix(&text, parts.first) &&
         absl::EndsWith(text, parts.second);
}

std::string WithoutDirectMapping(std::string seen) {
  const size_t map = seen.find(" map ");
  if (map == seen.npos) return seen;
  return seen.substr(0, map) +
         absl::StrReplaceAll(seen.substr(map), {{"R", "="}, {"!", "?"}});
}

class BadImageTest : public ::testing::TestWithParam<size_t> {
 protected:
  const BadImage& image() const { return BadImages()[GetParam()]; }

  // What is expected of `path`.
  std::string Expected(const std::string& variant,
                       const std::string& path) const {
    const SeenFile* found = nullptr;
    for (const SeenFile& file : image().seen) {
      if (file.path == path) found = &file;
      if (file.path == "*" && path != "" && found == nullptr) found = &file;
    }
    if (found == nullptr) return "same";
    if (variant != "paged") return found->seen;
    return found->paged.empty() ? WithoutDirectMapping(found->seen)
                                : found->paged;
  }
};

TEST_P(BadImageTest, CheckSaysWhatAndWhere) {
  const std::string said = CheckVerdict(image().bytes);
  EXPECT_TRUE(Matches(said, image().check))
      << said << "\nexpected: " << image().check;
}

TEST_P(BadImageTest, MountedShowsOnlyWhatIsThere) {
  if (image().mount != 0) {
    TestMachine machine("x86-64", true, image().bytes);
    for (const std::string& variant : Variants()) {
      EXPECT_EQ(machine.MountVariant(variant), image().mount) << variant;
    }
    return;
  }
  const Contents undamaged(image().undamaged);
  std::set<std::string> paths(undamaged.paths().begin(),
                              undamaged.paths().end());
  for (const SeenFile& file : image().seen) {
    if (file.path != "*") paths.insert(file.path);
  }
  for (const std::string& variant : Variants()) {
    SCOPED_TRACE(variant);
    TestMachine machine("x86-64", true, image().bytes);
    ASSERT_EQ(machine.MountVariant(variant), 0);
    if (variant == "v3") machine.AllowReports(V3Damage());
    for (const std::string& path : paths) {
      const std::string seen = undamaged.Seen(&machine, path);
      const std::string expected = Expected(variant, path);
      EXPECT_TRUE(Matches(seen, expected))
          << "/" << path << ": " << seen << "\nexpected: " << expected;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, BadImageTest,
                         ::testing::Range<size_t>(0, BadImages().size()),
                         [](const ::testing::TestParamInfo<size_t>& info) {
                           return BadImages()[info.param].name;
                         });

class GoodImageTest : public ::testing::TestWithParam<size_t> {
 protected:
  const GoodImage& image() const { return GoodImages()[GetParam()]; }
};

TEST_P(GoodImageTest, CheckIsHappy) {
  EXPECT_EQ(CheckVerdict(image().bytes), image().check);
}

TEST_P(GoodImageTest, MountedShowsEverything) {
  const Contents contents(image().bytes);
  for (const std::string& variant : Variants()) {
    SCOPED_TRACE(variant);
    TestMachine machine("x86-64", true, image().bytes);
    ASSERT_EQ(machine.MountVariant(variant), 0);
    if (variant == "v3") machine.AllowReports(V3Damage());
    for (const std::string& path : contents.paths()) {
      EXPECT_EQ(contents.Seen(&machine, path), "same") << path;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoodImageTest,
                         ::testing::Range<size_t>(0, GoodImages().size()),
                         [](const ::testing::TestParamInfo<size_t>& info) {
                           return GoodImages()[info.param].name;
                         });

// The comparison above must be able to tell a difference.
TEST(ContentsTest, TellsWhatDiffers) {
  const BadImage& some = BadImages()[0];
  const Contents contents(some.undamaged);
  std::vector<uint8_t> other = some.undamaged;
  // The last byte of the image that is not 0: of the stream of /x.
  const auto last = std::find_if(other.rbegin(), other.rend(),
                                 [](uint8_t byte) { return byte != 0; });
  ASSERT_NE(last, other.rend());
  *last ^= 1;
  TestMachine machine("x86-64", true, other);
  ASSERT_EQ(machine.MountVariant("paged"), 0);
  int different = 0;
  for (const std::string& path : contents.paths()) {
    different += contents.Seen(&machine, path) != "same";
  }
  EXPECT_EQ(different, 1);
}

TEST(BadImagesTest, AreManyAndHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  size_t big = 0, accepted = 0;
  for (const BadImage& image : BadImages()) {
    EXPECT_TRUE(names.insert(image.name).second) << image.name;
    big += absl::EndsWith(image.name, "BigEndian");
    accepted += image.mount == 0;
  }
  EXPECT_GE(names.size() - big, 160u);
  EXPECT_EQ(names.size(), 2 * big);
  EXPECT_GE(accepted, 100u);
  EXPECT_GE(GoodImages().size(), 20u);
}

}  // namespace
}  // namespace faultline::cramfs
