// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/testing/image_verdict.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cramfs/tools/reader.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

constexpr uint64_t kMaxRead = 16 * kPage;
constexpr uint64_t kMaxMapped = 8;  // pages
constexpr size_t kMaxNames = 1000;

std::string ErrorName(int64_t error) {
  const char* name = strerrorname_np(static_cast<int>(-error));
  return name != nullptr ? name : absl::StrCat("error ", error);
}

// As much as is compared.
std::optional<std::vector<uint8_t>> DataOf(const ImageReader& reader,
                                           const Node& node) {
  const auto map = reader.BlockMap(node);
  if (!map.ok()) return std::nullopt;
  std::vector<uint8_t> data;
  for (const BlockInfo& block : *map) {
    if (data.size() >= kMaxRead) break;
    const auto bytes = reader.ReadBlock(node, block);
    if (!bytes.ok()) return std::nullopt;
    data.insert(data.end(), bytes->begin(), bytes->end());
  }
  return data;
}

std::string DirectoryText(const std::vector<std::string>& names) {
  return absl::StrCat("dir", names.empty() ? "" : " ",
                      absl::StrJoin(names, " "));
}

std::string SeenDirectory(TestMachine* machine, file* opened) {
  const fl_kernel& kernel = machine->kernel();
  std::vector<std::string> names;
  fl_dirent entry;
  int64_t got = 0;
  while (names.size() < kMaxNames &&
         (got = kernel.file_readdir(opened, &entry, 1)) == 1) {
    names.push_back(std::string(entry.name, entry.name_len));
  }
  if (got < 0) names.push_back(ErrorName(got));
  return DirectoryText(names);
}

std::string DeviceText(const char* type, uint32_t device) {
  return absl::StrCat(type, " ", device >> 8 & 0xff, ",", device & 0xff);
}

// What a node of the image would be seen as; not for regular files.
std::string TextOf(const ImageReader& reader, const Node& node) {
  switch (node.inode.mode & S_IFMT) {
    case S_IFDIR: {
      std::vector<std::string> names;
      const auto entries = reader.List(node);
      if (!entries.ok()) return "";
      for (const Node& entry : *entries) {
        names.push_back(std::string(entry.name()));
      }
      return DirectoryText(names);
    }
    case S_IFLNK: {
      const auto target = reader.ReadLink(node);
      return target.ok() ? absl::StrCat("link ", *target) : "";
    }
    case S_IFCHR:
      return DeviceText("char", node.inode.size);
    case S_IFBLK:
      return DeviceText("block", node.inode.size);
    case S_IFIFO:
      return "fifo";
    case S_IFSOCK:
      return "socket";
    default:
      return "";
  }
}

std::string SeenLink(TestMachine* machine, const std::string& path) {
  std::string text(2 * kPage, '\0');
  const int64_t got = machine->kernel().readlink(machine->sb(), path.c_str(),
                                                 &text[0], text.size());
  if (got < 0) return absl::StrCat("link ", ErrorName(got));
  text.resize(static_cast<size_t>(got));
  return absl::StrCat("link ", text);
}

// A character for each page, see SeenFile.
std::string MappedPages(TestMachine* machine, file* opened, uint64_t pages,
                        const std::vector<uint8_t>* expected) {
  if (pages == 0) return "";
  const fl_kernel& kernel = machine->kernel();
  const int64_t start = kernel.sys_mmap(0, pages * kPage, FL_PROT_READ,
                                        FL_MAP_PRIVATE, opened, 0);
  if (start < 0) return ErrorName(start);
  const uint64_t address = static_cast<uint64_t>(start);
  std::string text;
  for (uint64_t page = 0; page < pages; ++page) {
    bool right = expected != nullptr, zeros = true, signal = false;
    for (uint64_t at = page * kPage; at < (page + 1) * kPage; at += 8) {
      const fl_user_result result = machine->Load(address + at, 8);
      if (result.sig != 0) {
        EXPECT_EQ(result.sig, kSigbus);
        signal = true;
        break;
      }
      uint64_t wanted = 0;
      if (expected != nullptr && at < expected->size()) {
        memcpy(&wanted, expected->data() + at,
               std::min<uint64_t>(8, expected->size() - at));
      }
      right = right && result.value == wanted;
      zeros = zeros && result.value == 0;
    }
    text += signal ? 'x' : right ? '=' : zeros ? '0' : '?';
  }
  std::map<uint64_t, bool> rom;
  kernel.page_walk(
      machine->mm(),
      [](const fl_page_info* info, void* cookie) {
        if (!info->present) return;
        (*static_cast<std::map<uint64_t, bool>*>(cookie))[info->address] =
            info->rom != 0;
      },
      &rom);
  for (uint64_t page = 0; page < pages; ++page) {
    if (!rom[address + page * kPage]) continue;
    text[page] = text[page] == '=' ? 'R' : '!';
  }
  machine->Unmap(address, pages);
  return text;
}

}  // namespace

std::string CheckVerdict(const std::vector<uint8_t>& image) {
  const auto reader = ImageReader::Open(image);
  if (!reader.ok()) return reader.status().ToString();
  const CheckReport report = reader->Check();
  if (!report.ok()) return report.errors.front().ToString();
  if (report.warnings.empty()) return "OK";
  return absl::StrCat("warning: ", report.warnings.front());
}

Contents::Contents(std::vector<uint8_t> image) : image_(std::move(image)) {
  const auto reader = ImageReader::Open(image_);
  EXPECT_TRUE(reader.ok()) << reader.status();
  const absl::Status status = reader->Walk([this](const Node& node) {
    paths_.push_back(node.path.substr(1));
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
}

std::string Contents::Seen(TestMachine* machine,
                           const std::string& path) const {
  const fl_kernel& kernel = machine->kernel();
  const auto reader = ImageReader::Open(image_);
  const auto node = reader->Lookup(path);
  fl_stat stat = {};
  int error = kernel.stat(machine->sb(), path.c_str(), /*follow=*/0, &stat);
  if (error != 0) return ErrorName(error);

  std::string text;
  const bool is_file = S_ISREG(stat.mode);
  if (S_ISLNK(stat.mode)) {
    text = SeenLink(machine, path);
  } else if (S_ISFIFO(stat.mode)) {
    text = "fifo";
  } else if (S_ISSOCK(stat.mode)) {
    text = "socket";
  } else if (S_ISCHR(stat.mode) || S_ISBLK(stat.mode)) {
    text = DeviceText(S_ISCHR(stat.mode) ? "char" : "block", stat.rdev);
  } else {
    file* opened = nullptr;
    error = kernel.open(machine->sb(), path.c_str(), &opened);
    if (error != 0) return absl::StrCat("open ", ErrorName(error));
    kernel.close(opened);
  }
  const bool same_type =
      node.ok() && (node->inode.mode & S_IFMT) == (stat.mode & S_IFMT);
  if (is_file) {
    std::optional<std::vector<uint8_t>> expected;
    if (same_type) expected = DataOf(*reader, *node);
    text = SeenFileOf(machine, path, expected ? &*expected : nullptr);
    if (!expected || stat.size != node->inode.size) return text;
    const std::string whole = absl::StrCat("read ", expected->size(), " map ");
    return text.compare(0, whole.size(), whole) == 0 &&
                   text.find_first_not_of("=R", whole.size()) == text.npos
               ? "same"
               : text;
  }
  if (S_ISDIR(stat.mode)) {
    file* opened = nullptr;
    error = kernel.open(machine->sb(), path.c_str(), &opened);
    if (error != 0) return absl::StrCat("open ", ErrorName(error));
    text = SeenDirectory(machine, opened);
    kernel.close(opened);
  }
  return same_type && text == TextOf(*reader, *node) ? "same" : text;
}

std::string Contents::SeenFileOf(TestMachine* machine, const std::string& path,
                                 const std::vector<uint8_t>* expected) const {
  const fl_kernel& kernel = machine->kernel();
  file* opened = nullptr;
  const int error = kernel.open(machine->sb(), path.c_str(), &opened);
  if (error != 0) return absl::StrCat("open ", ErrorName(error));
  const uint64_t size = static_cast<uint64_t>(kernel.file_size(opened));
  std::vector<uint8_t> data(kMaxRead);
  const int64_t got = kernel.file_read(opened, data.data(), data.size(), 0);
  std::string text = "read ";
  if (got < 0) {
    text += ErrorName(got);
  } else {
    absl::StrAppend(&text, got);
    data.resize(static_cast<size_t>(got));
    if (expected == nullptr || data.size() > expected->size() ||
        !std::equal(data.begin(), data.end(), expected->begin())) {
      text += " wrong";
    }
  }
  const uint64_t pages = std::min((size + kPage - 1) / kPage, kMaxMapped);
  absl::StrAppend(&text, " map ",
                  MappedPages(machine, opened, pages, expected));
  kernel.close(opened);
  return text;
}

}  // namespace faultline::cramfs
