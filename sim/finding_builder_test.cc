// SPDX-License-Identifier: GPL-2.0-only

#include "sim/finding_builder.h"

#include "gtest/gtest.h"

namespace faultline {
namespace {

TEST(FindingBuilder, NumbersMakeNoOtherSignature) {
  EXPECT_EQ(WithoutNumbers("kernel BUG in f at mm/rmap.cc:123"),
            WithoutNumbers("kernel BUG in f at mm/rmap.cc:124"));
  EXPECT_EQ(WithoutNumbers("vma 7ffff7ffb000, page 4"), "vma #, page #");
  EXPECT_EQ(WithoutNumbers("at 0xdeadbeef"), "at #");
  // Words are no numbers, even of hexadecimal letters.
  EXPECT_EQ(WithoutNumbers("bad dead face"), "bad dead face");
  EXPECT_EQ(WithoutNumbers("radix_tree_node2"), "radix_tree_node2");
}

TEST(FindingBuilder, TitlesHaveNoAddresses) {
  EXPECT_EQ(WithoutAddresses("vma 7ffff7ffb000, page 4, cache kmalloc-32"),
            "vma ..., page 4, cache kmalloc-32");
}

}  // namespace
}  // namespace faultline
