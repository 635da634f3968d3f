// SPDX-License-Identifier: GPL-2.0-only

#include "tests/fuzz/seeds.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/reader.h"
#include "gtest/gtest.h"
#include "tests/fuzz/image_mutator.h"

namespace faultline::fuzz {
namespace {

const char kFolder[] = "tests/fuzz/corpus";

TEST(SeedsTest, AreSoundImages) {
  for (const Seed& seed : MakeSeeds()) {
    SCOPED_TRACE(seed.file_name);
    const auto reader = cramfs::ImageReader::Open(seed.bytes);
    ASSERT_TRUE(reader.ok()) << reader.status();
    const cramfs::CheckReport report = reader->Check(10);
    for (const auto& error : report.errors) ADD_FAILURE() << error;
  }
}

// Else a change of the writer or of the seeds did not reach the corpus; the
// head of make_seeds.cc says how to write it.
TEST(SeedsTest, CommittedCorpusIsWhatTheGeneratorMakes) {
  std::set<std::string> expected;
  uint64_t total = 0;
  for (const Seed& seed : MakeSeeds()) {
    const std::string path = absl::StrCat(kFolder, "/", seed.file_name);
    expected.insert(seed.file_name);
    std::ifstream file(path, std::ios::binary);
    ASSERT_TRUE(file.good()) << path;
    const std::vector<uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
    EXPECT_TRUE(bytes == seed.bytes) << path;
    total += bytes.size();
  }
  EXPECT_LT(total, 300u << 10);
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    EXPECT_EQ(expected.count(entry.path().filename().string()), 1u)
        << entry.path();
  }
}

size_t FlipOneBit(uint8_t* data, size_t size, size_t) {
  if (size > 0) data[size / 2] ^= 1;
  return size;
}

// A mutator that always breaks the CRC, or changes nothing, finds nothing.
TEST(ImageMutatorTest, MakesOtherImagesMostOfThemWithAGoodCrc) {
  int changed = 0, opened = 0, crc_ok = 0, rounds = 0;
  for (const Seed& seed : MakeSeeds()) {
    for (unsigned int i = 0; i < 100; ++i, ++rounds) {
      std::vector<uint8_t> bytes = seed.bytes;
      ASSERT_LE(
          MutateImage(bytes.data(), bytes.size(), bytes.size(), i, FlipOneBit),
          bytes.size());
      changed += bytes != seed.bytes;
      std::vector<uint8_t> again = seed.bytes;
      MutateImage(again.data(), again.size(), again.size(), i, FlipOneBit);
      ASSERT_TRUE(bytes == again) << seed.file_name << " " << i;
      const auto reader = cramfs::ImageReader::Open(bytes);
      if (!reader.ok()) continue;
      ++opened;
      crc_ok += reader->CheckCrc().ok();
    }
  }
  EXPECT_GT(changed, rounds * 3 / 4);
  EXPECT_GT(opened, rounds / 2);
  EXPECT_GT(crc_ok, opened * 3 / 4);
}

}  // namespace
}  // namespace faultline::fuzz
