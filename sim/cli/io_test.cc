// SPDX-License-Identifier: GPL-2.0-only
//
// What text of unknown origin may do to a terminal: nothing.

#include "sim/cli/io.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace faultline {
namespace {

TEST(IoTest, NothingThatATerminalObeysPassesUnescaped) {
  const struct {
    const char* text;
    const char* name;
    const char* printable;
  } kCases[] = {
      {"plain \xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x90\xa7", nullptr, nullptr},
      {"\033[2J", "\\033[2J", "\\x1b[2J"},
      {"a\nb\tc", "a\\nb\\tc", "a\\nb c"},
      {"\x7f", "\\177", "\\x7f"},
      {"\xc2\x9b"
       "2J",
       "\\302\\2332J", "\\xc2\\x9b2J"},
      {"\xe2\x80\xae"
       "cod.exe",
       "\\342\\200\\256cod.exe", "\\xe2\\x80\\xaecod.exe"},
      {"\xe2\x80\x8f", "\\342\\200\\217", "\\xe2\\x80\\x8f"},
      {"\xe2\x80\xa8", "\\342\\200\\250", "\\xe2\\x80\\xa8"},
      {"\xe2\x81\xa6", "\\342\\201\\246", "\\xe2\\x81\\xa6"},
      {"\xd8\x9c", "\\330\\234", "\\xd8\\x9c"},
      {"\xff\xfe", "\\377\\376", "\\xff\\xfe"},
      {"cut \xe2\x82", "cut \\342\\202", "cut \\xe2\\x82"},
      {"overlong \xc0\xaf", "overlong \\300\\257", "overlong \\xc0\\xaf"},
      {"surrogate \xed\xa0\x80", "surrogate \\355\\240\\200",
       "surrogate \\xed\\xa0\\x80"},
      {"back\\slash", "back\\\\slash", "back\\slash"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(EscapedName(c.text), c.name == nullptr ? c.text : c.name);
    EXPECT_EQ(Printable(c.text), c.printable == nullptr ? c.text : c.printable);
  }
  EXPECT_EQ(EscapedName(absl::string_view("a\0b", 3)), "a\\000b");
}

TEST(IoTest, EscapedNamesCanBeTurnedBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  all += "\\n\\t\\101 \xc3\xa9\xe2\x80\xae";
  std::string back, error;
  ASSERT_TRUE(absl::CUnescape(EscapedName(all), &back, &error)) << error;
  EXPECT_EQ(back, all);
}

}  // namespace
}  // namespace faultline
