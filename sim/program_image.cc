// SPDX-License-Identifier: GPL-2.0-only

#include "sim/program_image.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "cramfs/cramfs_fs.h"
#include "cramfs/tools/codec.h"
#include "cramfs/tools/reader.h"
#include "cramfs/tools/writer.h"
#include "sim/elf_program.h"

namespace faultline {
namespace {

cramfs::BlockKind KindOf(BlockLayout layout) {
  switch (layout) {
    case BlockLayout::kDirect:
      return cramfs::BlockKind::kDirect;
    case BlockLayout::kHole:
      return cramfs::BlockKind::kHole;
    case BlockLayout::kRaw:
      return cramfs::BlockKind::kRaw;
    case BlockLayout::kCompressed:
      break;
  }
  return cramfs::BlockKind::kCompressed;
}

// What lies in memory behind an image that has files which lead there.
constexpr uint8_t kBehind = 0x77;

// What no writer of images would write.  Built images are little endian.
absl::Status Damage(const Program& program, std::vector<uint8_t>* bytes) {
  const cramfs::Codec codec(cramfs::ByteOrder::kLittle);
  const size_t size = bytes->size();
  const size_t behind = (size + kPageBytes - 1) / kPageBytes * kPageBytes;
  for (const FileSpec& file : program.image.files) {
    if (!file.outside && file.shares.empty()) continue;
    const auto reader =
        cramfs::ImageReader::Open(absl::MakeConstSpan(bytes->data(), size));
    if (!reader.ok()) return reader.status();
    const auto node = reader->Lookup(file.name);
    if (!node.ok()) return node.status();
    if (file.outside) {
      bytes->resize(behind);
      bytes->resize(std::max<size_t>(bytes->size(),
                                     behind + file.size.pages * kPageBytes),
                    kBehind);
      for (int64_t page = 0; page < file.size.pages; ++page) {
        codec.Put32(bytes->data() + node->inode.offset + 4 * page,
                    static_cast<uint32_t>(behind + page * kPageBytes) >> 2 |
                        CRAMFS_BLK_FLAGS);
      }
      continue;
    }
    const auto other = reader->Lookup(file.shares);
    if (!other.ok()) return other.status();
    // The third word: 6 bits of the name's length, 26 of the offset.
    memcpy(bytes->data() + node->inode_position + 8,
           bytes->data() + other->inode_position + 8, 4);
    (*bytes)[node->inode_position + 8] =
        static_cast<uint8_t>(((*bytes)[node->inode_position + 8] & ~0x3f) |
                             (file.name.size() + 3) / 4);
  }
  return absl::OkStatus();
}

absl::StatusOr<ProgramImage> Build(const Program& program,
                                   const std::string& arch) {
  ProgramImage image;
  cramfs::Entry root = cramfs::Entry::Directory("");
  for (const FileSpec& file : program.image.files) {
    std::string content = FileContents(file);
    if (file.text_pages != 0) MakeProgram(arch, file.text_pages, &content);
    cramfs::Entry entry = cramfs::Entry::File(
        file.name, std::vector<uint8_t>(content.begin(), content.end()), 0755);
    cramfs::FileLayout layout;
    for (const BlockRun& run : file.runs) {
      layout.runs.push_back({run.first, run.last, KindOf(run.layout)});
    }
    layout.alignment = file.unaligned ? cramfs::DirectAlignment::kEight
                                      : cramfs::DirectAlignment::kPage;
    layout.tail = file.shared_tail ? cramfs::TailMode::kForeign
                                   : cramfs::TailMode::kOwnPage;
    entry.layout = std::move(layout);
    root.Add(std::move(entry));
    image.paths.push_back(absl::StrCat("/", file.name));
    image.files.Add(file.name, std::move(content));
  }
  cramfs::BuildOptions options;
  // A variant is only asked for files of images with extended pointers.
  options.extended_pointers = true;
  absl::StatusOr<cramfs::Image> built =
      cramfs::ImageBuilder(options).Build(root);
  if (!built.ok()) return built.status();
  image.bytes = std::move(built->bytes);
  absl::Status damaged = Damage(program, &image.bytes);
  if (!damaged.ok()) return damaged;
  return image;
}

absl::StatusOr<ProgramImage> ReadExisting(const Program& program) {
  const std::string& name = program.image.existing;
  std::string path = name;
  const size_t slash = program.source.rfind('/');
  if (name[0] != '/' && slash != std::string::npos) {
    const std::string beside =
        absl::StrCat(program.source.substr(0, slash + 1), name);
    if (std::ifstream(beside).good()) path = beside;
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat("no image ", path));
  ProgramImage image;
  image.bytes.assign(std::istreambuf_iterator<char>(in), {});
  absl::StatusOr<cramfs::ImageReader> reader =
      cramfs::ImageReader::Open(image.bytes);
  if (!reader.ok()) return reader.status();
  for (const FileSpec& file : program.image.files) {
    const std::string inside = file.path.empty() ? file.name : file.path;
    absl::StatusOr<cramfs::Node> node = reader->Lookup(inside);
    if (!node.ok()) return node.status();
    absl::StatusOr<std::vector<uint8_t>> data = reader->ReadFile(*node);
    if (!data.ok()) return data.status();
    image.paths.push_back(inside[0] == '/' ? inside
                                           : absl::StrCat("/", inside));
    image.files.Add(file.name, std::string(data->begin(), data->end()));
  }
  return image;
}

MemoryFile MakeMemoryFile(const FileSpec& file) {
  MemoryFile made;
  made.path = absl::StrCat("/", file.name);
  made.filesystem = file.filesystem;
  const std::string content = FileContents(file);
  made.bytes = content.size();
  for (uint64_t begin = 0; begin < content.size(); begin += kPageBytes) {
    bool hole = false;
    for (const BlockRun& run : file.runs) {
      const uint64_t page = begin / kPageBytes;
      hole |= page >= run.first && page <= run.last;
    }
    if (!hole) made.data.emplace_back(begin, content.substr(begin, kPageBytes));
  }
  return made;
}

}  // namespace

absl::StatusOr<ProgramImage> MakeProgramImage(const Program& program,
                                              const std::string& arch) {
  absl::StatusOr<ProgramImage> image = ProgramImage();
  if (!program.image.existing.empty()) {
    image = ReadExisting(program);
  } else if (!program.image.files.empty()) {
    image = Build(program, arch.empty() ? program.machine.arch : arch);
  }
  if (!image.ok()) return image;
  for (const FileSpec& file : program.memory_files) {
    image->memory_files.push_back(MakeMemoryFile(file));
    image->files.Add(file.name, FileContents(file), /*changes=*/true);
  }
  return image;
}

}  // namespace faultline
