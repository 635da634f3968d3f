// SPDX-License-Identifier: GPL-2.0-only
//
// That the tree is what it says, and that a comparison with it sees what
// differs.

#include "cramfs/tools/generated_tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "cramfs/tools/test_util.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Entry& Child(Entry& directory, const std::string& name) {
  for (Entry& child : directory.children) {
    if (child.name == name) return child;
  }
  ADD_FAILURE() << "no " << name;
  return directory;
}

void ForEach(const Entry& entry,
             const std::function<void(const Entry&)>& call) {
  call(entry);
  for (const Entry& child : entry.children) ForEach(child, call);
}

TEST(GeneratedTreeTest, HasAThousandEntriesOfEveryTypeSixtyDeep) {
  for (bool privileged : {false, true}) {
    TreeOptions options;
    options.privileged = privileged;
    const Entry tree = GenerateTree(options);
    EXPECT_EQ(CountEntries(tree), kGeneratedEntries);
    EXPECT_EQ(DepthOf(tree), kGeneratedDepth);
    std::map<uint32_t, int> types;
    std::map<size_t, int> sizes;
    size_t longest = 0;
    ForEach(tree, [&](const Entry& entry) {
      ++types[entry.mode & S_IFMT];
      if (S_ISREG(entry.mode)) ++sizes[entry.data.size()];
      longest = std::max(longest, entry.name.size());
    });
    EXPECT_EQ(longest, kMaxNameLength);
    for (size_t size : {0u, 1u, 4095u, 4096u, 4097u, 8191u, kMaxFileSize}) {
      EXPECT_GT(sizes[size], 0) << size;
    }
    for (uint32_t type : {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK}) {
      EXPECT_GT(types[type], 0) << type;
    }
    EXPECT_EQ(types[S_IFCHR] > 0, privileged);
    EXPECT_EQ(types[S_IFBLK] > 0, privileged);
  }
}

TEST(GeneratedTreeTest, FilesOfOtherModeOrOwnerHaveOtherBytes) {
  TreeOptions options;
  options.privileged = true;
  std::map<std::vector<uint8_t>, std::tuple<uint32_t, uint32_t, uint32_t>> seen;
  ForEach(GenerateTree(options), [&](const Entry& entry) {
    std::vector<uint8_t> bytes = entry.data;
    bytes.insert(bytes.end(), entry.target.begin(), entry.target.end());
    if (bytes.empty()) return;
    const auto attributes = std::make_tuple(entry.mode, entry.uid, entry.gid);
    const auto [at, added] = seen.emplace(std::move(bytes), attributes);
    if (!added) {
      EXPECT_EQ(at->second, attributes) << entry.name;
    }
  });
}

TEST(GeneratedTreeTest, EachKindOfDifferenceIsSeen) {
  TreeOptions options;
  options.privileged = true;
  options.largest_file = false;
  const Entry want = GenerateTree(options);
  EXPECT_THAT(Differences(want, want), IsEmpty());
  const struct {
    const char* says;
    std::function<void(Entry*)> change;
  } kChanges[] = {
      {"/sizes/4097-1: first byte that differs",
       [](Entry* root) {
         Child(Child(*root, "sizes"), "4097-1").data[4000] ^= 1;
       }},
      {"/sizes/4097-1: size is 4096, not 4097",
       [](Entry* root) {
         Child(Child(*root, "sizes"), "4097-1").data.pop_back();
       }},
      {"/types/c8,1: minor is 2, not 1",
       [](Entry* root) {
         Child(Child(*root, "types"), "c8,1").device_minor = 2;
       }},
      {"/types/b8,1: major is 9, not 8",
       [](Entry* root) {
         Child(Child(*root, "types"), "b8,1").device_major = 9;
       }},
      {"/types/loop: target is ./pool, not ./loop",
       [](Entry* root) {
         Child(Child(*root, "types"), "loop").target = "./pool";
       }},
      {"/types/loop: type is",
       [](Entry* root) {
         Child(Child(*root, "types"), "loop").mode = S_IFREG;
       }},
      {"/d1/d2: mode is",
       [](Entry* root) { Child(Child(*root, "d1"), "d2").mode ^= 1; }},
      {"/d1/d2: uid is",
       [](Entry* root) { Child(Child(*root, "d1"), "d2").uid ^= 1; }},
      {"/d1/d2: gid is",
       [](Entry* root) { Child(Child(*root, "d1"), "d2").gid ^= 1; }},
      {"/d1/d2: entry is missing",
       [](Entry* root) { Child(*root, "d1").children.pop_back(); }},
      {"/d1/new: entry is there, not missing",
       [](Entry* root) { Child(*root, "d1").Add(Entry::File("new", {})); }},
  };
  for (const auto& change : kChanges) {
    Entry got = want;
    change.change(&got);
    EXPECT_THAT(Differences(want, got), ElementsAre(HasSubstr(change.says)));
  }
}

TEST(GeneratedTreeTest, WhatIsCreatedOnTheHostReadsTheSame) {
  TreeOptions options;
  options.privileged = CanCreatePrivileged();
  const Entry tree = GenerateTree(options);
  const std::string directory = MakeTempDirectory();
  const absl::Status created =
      CreateOnHost(tree, directory, options.privileged);
  ASSERT_TRUE(created.ok()) << created;
  const auto read = ReadFromHost(directory);
  ASSERT_TRUE(read.ok()) << read.status();
  CompareOptions compare;
  compare.owners = options.privileged;
  EXPECT_THAT(Differences(tree, *read, compare), IsEmpty());
}

}  // namespace
}  // namespace faultline::cramfs
