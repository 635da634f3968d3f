// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/elf.h"

#include <tuple>

#include "cramfs/tools/test_util.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

// Every class and byte order.
class ElfFormTest : public ::testing::TestWithParam<std::tuple<int, bool>> {
 protected:
  std::vector<uint8_t> Make(const std::vector<ElfSegment>& segments) {
    return MakeElf(std::get<0>(GetParam()), std::get<1>(GetParam()), 9000,
                   segments);
  }
};

TEST_P(ElfFormTest, ReadsLoadSegmentsAndNoOthers) {
  const auto file = Make({{.type = 6, .flags = 4, .offset = 52, .size = 64},
                          {.flags = 5, .offset = 0, .size = 5000},
                          {.flags = 6, .offset = 5000, .size = 4000}});
  const auto segments = ReadLoadSegments(file);
  ASSERT_TRUE(segments.ok()) << segments.status();
  ASSERT_EQ(segments->size(), 2u);
  const LoadSegment& text = (*segments)[0];
  EXPECT_EQ(text.offset, 0u);
  EXPECT_EQ(text.file_size, 5000u);
  EXPECT_EQ(text.memory_size, 5000u);
  EXPECT_TRUE(text.read && text.execute && !text.write);
  const LoadSegment& data = (*segments)[1];
  EXPECT_EQ(data.offset, 5000u);
  EXPECT_TRUE(data.read && data.write && !data.execute);
}

TEST_P(ElfFormTest, RefusesEveryTruncationThatCutsHeaderOrTable) {
  const auto file = Make({{.offset = 0, .size = 100}});
  const bool wide = std::get<0>(GetParam()) == 64;
  const size_t needed = wide ? 64 + 56 : 52 + 32;
  for (size_t size = 0; size < needed; ++size) {
    EXPECT_FALSE(ReadLoadSegments(absl::MakeSpan(file).first(size)).ok())
        << size;
  }
  EXPECT_TRUE(ReadLoadSegments(absl::MakeSpan(file).first(needed)).ok());
}

TEST_P(ElfFormTest, RefusesTableBeyondFile) {
  auto file = Make({{.offset = 0, .size = 100}});
  const bool wide = std::get<0>(GetParam()) == 64;
  const bool big = std::get<1>(GetParam());
  const size_t field = wide ? 32 : 28;
  const size_t width = wide ? 8 : 4;
  // The highest byte: near the end of the address range.
  file[field + (big ? 0 : width - 1)] = 0xff;
  EXPECT_EQ(ReadLoadSegments(file).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST_P(ElfFormTest, RefusesProgramHeadersSmallerThanTheirStructure) {
  auto file = Make({{.offset = 0, .size = 100}});
  const size_t field = std::get<0>(GetParam()) == 64 ? 54 : 42;
  file[field] = file[field + 1] = 0;
  EXPECT_EQ(ReadLoadSegments(file).status().code(),
            absl::StatusCode::kOutOfRange);
}

INSTANTIATE_TEST_SUITE_P(Forms, ElfFormTest,
                         ::testing::Combine(::testing::Values(32, 64),
                                            ::testing::Bool()));

TEST(ElfTest, RefusesSegmentWhoseEndOverflows) {
  const auto file =
      MakeElf(64, false, 9000, {{.offset = ~uint64_t{0} - 10, .size = 100}});
  EXPECT_EQ(ReadLoadSegments(file).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST(ElfTest, RefusesUnknownClassByteOrderAndVersion) {
  for (size_t field : {4, 5, 6}) {
    auto file = MakeElf(32, false, 9000, {});
    file[field] = 3;
    EXPECT_EQ(ReadLoadSegments(file).status().code(),
              absl::StatusCode::kInvalidArgument)
        << field;
  }
}

TEST(ElfTest, OverlapIsOfHalfOpenRanges) {
  const LoadSegment segment{.offset = 4096, .file_size = 4096};
  EXPECT_FALSE(segment.Overlaps(0, 4096));
  EXPECT_TRUE(segment.Overlaps(0, 4097));
  EXPECT_TRUE(segment.Overlaps(8191, 1));
  EXPECT_FALSE(segment.Overlaps(8192, 4096));
  const LoadSegment empty{.offset = 4096};
  EXPECT_FALSE(empty.Overlaps(0, 8192));
}

}  // namespace
}  // namespace faultline::cramfs
