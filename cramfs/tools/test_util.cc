// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/test_util.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {

std::vector<uint8_t> Text(uint32_t size, uint32_t seed) {
  std::vector<uint8_t> data(size);
  for (uint32_t i = 0; i < size; ++i) {
    data[i] = static_cast<uint8_t>(1 + (i / 16 + seed * 31) % 255);
  }
  return data;
}

std::vector<uint8_t> Noise(uint32_t size, uint32_t seed) {
  std::vector<uint8_t> data(size);
  uint32_t state = seed * 2654435761u + 1;
  for (uint8_t& byte : data) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(1 + (state >> 16) % 255);
  }
  return data;
}

std::vector<uint8_t> MakeElf(int bits, bool big_endian, uint32_t size,
                             const std::vector<ElfSegment>& segments) {
  std::vector<uint8_t> file = Text(size, 7);
  const bool wide = bits == 64;
  const auto put = [&](size_t at, int width, uint64_t value) {
    for (int i = 0; i < width; ++i) {
      const int shift = 8 * (big_endian ? width - 1 - i : i);
      file.at(at + i) = static_cast<uint8_t>(value >> shift);
    }
  };
  const int word = wide ? 8 : 4;
  const size_t header = wide ? 64 : 52;
  const size_t stride = wide ? 56 : 32;
  const uint8_t ident[] = {0x7f,
                           'E',
                           'L',
                           'F',
                           static_cast<uint8_t>(wide + 1),
                           static_cast<uint8_t>(big_endian + 1),
                           1};
  std::fill(file.begin(), file.begin() + header, 0);
  std::copy(std::begin(ident), std::end(ident), file.begin());
  put(16, 2, 2);
  put(20, 4, 1);
  put(24 + word, word, header);
  put(wide ? 52 : 40, 2, header);
  put(wide ? 54 : 42, 2, stride);
  put(wide ? 56 : 44, 2, segments.size());
  for (size_t i = 0; i < segments.size(); ++i) {
    const size_t at = header + i * stride;
    put(at, 4, segments[i].type);
    put(at + (wide ? 4 : 24), 4, segments[i].flags);
    put(at + (wide ? 8 : 4), word, segments[i].offset);
    put(at + (wide ? 32 : 16), word, segments[i].size);
    put(at + (wide ? 40 : 20), word, segments[i].size);
  }
  return file;
}

std::vector<uint8_t> DataOf(const Entry& entry) {
  if (entry.source == nullptr) return entry.data;
  std::vector<uint8_t> data(entry.source->size());
  EXPECT_TRUE(entry.source->Read(0, absl::MakeSpan(data)).ok()) << entry.name;
  return data;
}

namespace {

void ExpectSame(const ImageReader& reader, const Entry& entry,
                const std::string& path) {
  SCOPED_TRACE(path);
  const absl::StatusOr<Node> node = reader.Lookup(path);
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->inode.mode, entry.mode);
  EXPECT_EQ(node->inode.uid, entry.uid);
  EXPECT_EQ(node->inode.gid, entry.gid);
  if (node->is_regular()) {
    const auto data = reader.ReadFile(*node);
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_TRUE(*data == DataOf(entry)) << "contents differ";
  } else if (node->is_symlink()) {
    const auto target = reader.ReadLink(*node);
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(*target, entry.target);
  } else if (node->is_device()) {
    EXPECT_EQ(node->device_major(), entry.device_major);
    EXPECT_EQ(node->device_minor(), entry.device_minor);
  } else if (node->is_directory()) {
    const auto list = reader.List(*node);
    ASSERT_TRUE(list.ok()) << list.status();
    EXPECT_EQ(list->size(), entry.children.size());
    for (const Entry& child : entry.children) {
      ExpectSame(reader, child,
                 absl::StrCat(path == "/" ? "" : path, "/", child.name));
    }
  }
}

}  // namespace

void ExpectHolds(const std::vector<uint8_t>& image, const Entry& root) {
  const absl::StatusOr<ImageReader> reader = ImageReader::Open(image);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ExpectSame(*reader, root, "/");
  const CheckReport report = reader->Check(100);
  for (const absl::Status& error : report.errors) ADD_FAILURE() << error;
  for (const std::string& warning : report.warnings) ADD_FAILURE() << warning;
}

Image MustBuild(const Entry& root, const BuildOptions& options) {
  absl::StatusOr<Image> image = ImageBuilder(options).Build(root);
  if (!image.ok()) {
    ADD_FAILURE() << image.status();
    return Image();
  }
  return *std::move(image);
}

std::string LayoutOf(const std::vector<uint8_t>& image,
                     const std::string& path) {
  const absl::StatusOr<ImageReader> reader = ImageReader::Open(image);
  if (!reader.ok()) return "!";
  const absl::StatusOr<Node> node = reader->Lookup(path);
  if (!node.ok()) return "!";
  const auto map = reader->BlockMap(*node);
  if (!map.ok()) return "!";
  std::string layout;
  for (const BlockInfo& block : *map) {
    switch (block.kind) {
      case BlockInfo::Kind::kHole:
        layout += '-';
        break;
      case BlockInfo::Kind::kRaw:
        layout += block.direct ? 'd' : 'r';
        break;
      case BlockInfo::Kind::kCompressed:
        layout += block.direct ? 'D' : 'c';
        break;
    }
  }
  return layout;
}

void FixCrc(std::vector<uint8_t>* image) {
  const Codec little(ByteOrder::kLittle);
  const Codec big(ByteOrder::kBig);
  for (uint32_t start : {0u, CRAMFS_PAD_SIZE}) {
    for (const Codec& codec : {little, big}) {
      if (image->size() < start + kSuperblockSize) continue;
      uint8_t* at = image->data() + start;
      if (codec.Get32(at) != CRAMFS_MAGIC) continue;
      const uint32_t size = codec.Get32(at + 4);
      if (size < start + kSuperblockSize || size > image->size()) return;
      codec.Put32(at + 32, 0);
      codec.Put32(at + 32, static_cast<uint32_t>(crc32_z(0, at, size - start)));
      return;
    }
  }
}

std::string MakeTempDirectory() {
  std::string path = absl::StrCat(::testing::TempDir(), "/cramfs_XXXXXX");
  if (mkdtemp(path.data()) == nullptr) ADD_FAILURE() << path;
  return path;
}

void WriteHostFile(const std::string& path, absl::Span<const uint8_t> data) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(data.data()),
             static_cast<std::streamsize>(data.size()));
  EXPECT_TRUE(file.good()) << path;
}

std::vector<uint8_t> ReadHostFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
}

bool HaveProgram(const std::string& name) {
  return RunShell(absl::StrCat("command -v ", name)) == 0;
}

int RunShell(const std::string& command, std::string* output) {
  const std::string line =
      absl::StrCat("PATH=$PATH:/usr/sbin:/sbin; { ", command, "; } 2>&1");
  FILE* pipe = popen(line.c_str(), "r");
  if (pipe == nullptr) return -1;
  char buffer[4096];
  for (size_t count; (count = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    if (output != nullptr) output->append(buffer, count);
  }
  const int status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace faultline::cramfs
