// SPDX-License-Identifier: GPL-2.0-only
//
// Against images of cramfs-tools' mkcramfs.

#include <unistd.h>
#include <zlib.h>

#include <climits>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cramfs/tools/generated_tree.h"
#include "cramfs/tools/reader.h"
#include "cramfs/tools/test_util.h"
#include "cramfs/tools/writer.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

// Images written by mkcramfs, with a manifest, lie beside the checkout of
// those who have them; FAULTLINE_CRAMFS_IMAGES names the directory otherwise.
std::string ImageDirectory() {
  std::vector<std::string> places;
  if (const char* given = std::getenv("FAULTLINE_CRAMFS_IMAGES")) {
    places.push_back(given);
  }
  // Bazel's copy of this file is a link into the checkout.
  char source[PATH_MAX];
  if (realpath("cramfs/tools/interop_test.cc", source) != nullptr) {
    const std::string file = source;
    places.push_back(absl::StrCat(file.substr(0, file.rfind('/')),
                                  "/../../../shared/images"));
  }
  for (const std::string& place : places) {
    if (access((place + "/xip-manifest.jsonl").c_str(), R_OK) == 0) {
      return place;
    }
  }
  return "";
}

std::vector<uint8_t> Gunzip(const std::string& path) {
  std::vector<uint8_t> data;
  gzFile file = gzopen(path.c_str(), "rb");
  EXPECT_NE(file, nullptr) << path;
  if (file == nullptr) return data;
  uint8_t buffer[4096];
  for (int count; (count = gzread(file, buffer, sizeof(buffer))) > 0;) {
    data.insert(data.end(), buffer, buffer + count);
  }
  gzclose(file);
  return data;
}

// The string after `"key": "`, or the number after `"key": `; "" if absent.
std::string Field(const std::string& line, const std::string& key) {
  const std::string label = absl::StrCat("\"", key, "\": ");
  size_t at = line.find(label);
  if (at == line.npos) return "";
  at += label.size();
  if (line[at] == '"')
    return line.substr(at + 1, line.find('"', at + 1) - at - 1);
  return line.substr(at, line.find_first_of(",}", at) - at);
}

struct XipImage {
  const char* name;
  XipMode xip;
  bool holes;
  bool pad;
};
constexpr XipImage kXipImages[] = {
    {"mkcramfs-xip-page-aligned.img.gz", XipMode::kPageAligned, true, false},
    {"mkcramfs-xip-8byte.img.gz", XipMode::kEightByte, false, false},
    {"mkcramfs-xip-padded.img.gz", XipMode::kPageAligned, true, true},
};

TEST(InteropTest, ReadsXipImagesOfMkcramfs) {
  const std::string place = ImageDirectory();
  if (place.empty()) GTEST_SKIP() << "no mkcramfs images";
  const std::vector<uint8_t> manifest_bytes =
      ReadHostFile(place + "/xip-manifest.jsonl");
  const std::string manifest(manifest_bytes.begin(), manifest_bytes.end());
  const std::string scratch = MakeTempDirectory() + "/file";
  for (const XipImage& image : kXipImages) {
    SCOPED_TRACE(image.name);
    const std::vector<uint8_t> bytes =
        Gunzip(absl::StrCat(place, "/", image.name));
    const auto reader = ImageReader::Open(bytes);
    ASSERT_TRUE(reader.ok()) << reader.status();
    const CheckReport report = reader->Check(100);
    for (const absl::Status& error : report.errors) ADD_FAILURE() << error;
    // mkcramfs leaves a few bytes of what it tried first before aligned blocks.
    for (const std::string& text : report.warnings) {
      EXPECT_TRUE(absl::StrContains(text, "belong to nothing")) << text;
    }
    uint32_t files = 0;
    for (absl::string_view text :
         absl::StrSplit(manifest, '\n', absl::SkipEmpty())) {
      const std::string line(text);
      const auto node = reader->Lookup(Field(line, "path"));
      ASSERT_TRUE(node.ok()) << node.status();
      ++files;
      if (node->is_symlink()) {
        EXPECT_EQ(*reader->ReadLink(*node), Field(line, "link"));
        continue;
      }
      EXPECT_EQ(absl::StrCat(node->inode.size), Field(line, "size"));
      EXPECT_EQ(node->inode.mode,
                std::strtoul(Field(line, "mode").c_str(), nullptr, 8));
      const auto data = reader->ReadFile(*node);
      ASSERT_TRUE(data.ok()) << data.status();
      WriteHostFile(scratch, *data);
      std::string sum;
      RunShell("sha256sum < " + scratch, &sum);
      EXPECT_EQ(sum.substr(0, 64), Field(line, "sha256")) << node->path;
    }
    EXPECT_EQ(files, report.files - report.directories);
    EXPECT_GT(files, 10u);
  }
}

// Not the bytes, which depend on the zlib that compressed them, but every
// decision: which block is stored how.
TEST(InteropTest, LaysOutXipFilesAsMkcramfsDoes) {
  const std::string place = ImageDirectory();
  if (place.empty()) GTEST_SKIP() << "no mkcramfs images";
  for (const XipImage& image : kXipImages) {
    SCOPED_TRACE(image.name);
    const std::vector<uint8_t> bytes =
        Gunzip(absl::StrCat(place, "/", image.name));
    const auto reader = ImageReader::Open(bytes);
    ASSERT_TRUE(reader.ok()) << reader.status();
    BuildOptions options;
    options.xip = image.xip;
    options.explicit_holes = image.holes;
    options.pad = image.pad;
    options.name = reader->superblock().name;
    const auto tree = ReadTree(*reader);
    ASSERT_TRUE(tree.ok()) << tree.status();
    const Image built = MustBuild(*tree, options);
    EXPECT_EQ(built.flags, reader->superblock().flags);
    EXPECT_EQ(built.files, reader->superblock().files);
    EXPECT_EQ(built.blocks, reader->superblock().blocks);
    const absl::Status walked = reader->Walk([&](const Node& node) {
      if (node.is_regular() || node.is_symlink()) {
        EXPECT_EQ(LayoutOf(built.bytes, node.path), LayoutOf(bytes, node.path))
            << node.path;
      }
      return absl::OkStatus();
    });
    EXPECT_TRUE(walked.ok()) << walked;
  }
}

}  // namespace
}  // namespace faultline::cramfs
