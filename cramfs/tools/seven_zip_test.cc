// SPDX-License-Identifier: GPL-2.0-only
//
// Our images of a tree of 1,000 entries, listed and extracted by 7-Zip, which
// knows cramfs from its own reading of the format.  It takes both byte orders,
// but no holes, extended pointers or pad.  It shows control characters in
// names as '_', and extracts devices, fifos and sockets as empty files.

#include <algorithm>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cramfs/tools/generated_tree.h"
#include "cramfs/tools/test_util.h"
#include "cramfs/tools/writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

// Path, size and mode of an entry, as 7-Zip's listing gives them.
struct Listed {
  std::string path, size, mode;

  bool operator==(const Listed& other) const {
    return path == other.path && size == other.size && mode == other.mode;
  }
};
void PrintTo(const Listed& listed, std::ostream* out) {
  *out << listed.mode << " " << listed.size << " " << listed.path;
}

// Names of 7-Zip's listing are text: what is none comes out as something
// else, so that such entries are compared by what else they have.
std::string Shown(const std::string& name) {
  std::string shown;
  for (char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) return "(not ASCII)";
    shown += absl::ascii_iscntrl(byte) ? '_' : c;
  }
  return shown;
}

std::string ModeString(uint32_t mode) {
  std::string text = "?";
  constexpr std::pair<uint32_t, char> kTypes[] = {
      {0100000, '-'}, {0040000, 'd'}, {0120000, 'l'}, {0010000, 'p'},
      {0140000, 's'}, {0020000, 'c'}, {0060000, 'b'}};
  for (const auto& [type, letter] : kTypes) {
    if ((mode & 0170000) == type) text[0] = letter;
  }
  for (int shift : {6, 3, 0}) {
    text += (mode >> shift & 4) != 0 ? 'r' : '-';
    text += (mode >> shift & 2) != 0 ? 'w' : '-';
    text += (mode >> shift & 1) != 0 ? 'x' : '-';
  }
  const auto special = [&](uint32_t bit, size_t at, char letter) {
    if ((mode & bit) == 0) return;
    text[at] = text[at] == 'x' ? letter : absl::ascii_toupper(letter);
  };
  special(04000, 3, 's');
  special(02000, 6, 's');
  special(01000, 9, 't');
  return text;
}

void AddExpected(const Entry& directory, const std::string& prefix,
                 std::vector<Listed>* listed) {
  for (const Entry& child : directory.children) {
    const std::string path = absl::StrCat(prefix, Shown(child.name));
    const uint32_t type = child.mode & 0170000;
    uint64_t size = child.data.size() + child.target.size();
    if (type == 0020000 || type == 0060000) {
      size = child.device_major << 8 | child.device_minor;
    }
    listed->push_back({path, type == 0040000 ? "" : absl::StrCat(size),
                       ModeString(child.mode)});
    AddExpected(child, path + "/", listed);
  }
}

// Components that are not ASCII become what AddExpected makes of them.
std::string Normal(absl::string_view path) {
  std::vector<std::string> parts = absl::StrSplit(path, '/');
  for (std::string& part : parts) part = Shown(part);
  return absl::StrJoin(parts, "/");
}

// The blocks of `7z l -slt`, after the line that ends the archive's own.
std::vector<Listed> ParseListing(absl::string_view text) {
  std::vector<Listed> listed;
  const size_t begin = text.find("\n----------\n");
  if (begin == text.npos) return listed;
  for (absl::string_view line : absl::StrSplit(text.substr(begin), '\n')) {
    if (absl::ConsumePrefix(&line, "Path = ")) {
      listed.push_back({Normal(line), "", ""});
    } else if (listed.empty()) {
      continue;
    } else if (absl::ConsumePrefix(&line, "Size = ")) {
      listed.back().size = std::string(line);
    } else if (absl::ConsumePrefix(&line, "Mode = ")) {
      listed.back().mode = std::string(line);
    }
  }
  return listed;
}

// 7-Zip refuses to extract links that lead out of their directory.
void RemoveLinksUp(Entry* directory) {
  auto& children = directory->children;
  children.erase(std::remove_if(children.begin(), children.end(),
                                [](const Entry& child) {
                                  return absl::StartsWith(child.target, "/") ||
                                         absl::StartsWith(child.target, "..");
                                }),
                 children.end());
  for (Entry& child : children) RemoveLinksUp(&child);
}

std::string NameOf(ByteOrder order) {
  return order == ByteOrder::kBig ? "Big" : "Little";
}

class SevenZipTest : public testing::TestWithParam<ByteOrder> {};

TEST_P(SevenZipTest, ListsAndExtractsOurImage) {
  if (!HaveProgram("7z")) GTEST_SKIP() << "no 7z (p7zip-full)";
  TreeOptions tree_options;
  tree_options.privileged = true;  // only the image has it
  Entry tree = GenerateTree(tree_options);
  RemoveLinksUp(&tree);
  ASSERT_GT(CountEntries(tree), kGeneratedEntries - 10);
  BuildOptions options;
  options.byte_order = GetParam();
  const Image image = MustBuild(tree, options);
  const std::string scratch = MakeTempDirectory();
  WriteHostFile(scratch + "/image", image.bytes);
  // A byte that is no character keeps its value in this locale.
  const std::string command = "LC_ALL=C.UTF-8 7z ";

  std::string output;
  ASSERT_EQ(RunShell(absl::StrCat(command, "t ", scratch, "/image"), &output),
            0)
      << output;
  output.clear();
  ASSERT_EQ(
      RunShell(absl::StrCat(command, "l -slt ", scratch, "/image"), &output), 0)
      << output;
  std::vector<Listed> expected;
  AddExpected(tree, "", &expected);
  EXPECT_EQ(expected.size(), CountEntries(tree) - 1);
  EXPECT_THAT(ParseListing(output), UnorderedElementsAreArray(expected));

  output.clear();
  ASSERT_EQ(RunShell(absl::StrCat(command, "x -o", scratch, "/out ", scratch,
                                  "/image"),
                     &output),
            0)
      << output.substr(0, 3000);
  const auto extracted = ReadFromHost(scratch + "/out");
  ASSERT_TRUE(extracted.ok()) << extracted.status();
  CompareOptions compare;
  compare.modes = false;
  compare.owners = false;
  compare.special_as_empty = true;
  EXPECT_THAT(Differences(tree, *extracted, compare), IsEmpty());
  RunShell("rm -rf " + scratch);
}

INSTANTIATE_TEST_SUITE_P(ByteOrders, SevenZipTest,
                         testing::Values(ByteOrder::kLittle, ByteOrder::kBig),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace faultline::cramfs
