// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/demo_image.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>

#include <climits>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cramfs/tools/elf.h"
#include "cramfs/tools/writer.h"
#include "sim/cli/litmus_files.h"

namespace faultline {
namespace {

// Of what every Debian has; those that are not there are left out.
constexpr const char* kShell[] = {"/bin/sh", "/bin/bash"};
constexpr const char* kCoreutils[] = {
    "/bin/true",   "/bin/cat",      "/bin/ls",       "/bin/cp",
    "/bin/mv",     "/bin/mkdir",    "/bin/date",     "/usr/bin/sort",
    "/usr/bin/wc", "/usr/bin/stat", "/usr/bin/head", "/usr/bin/env"};

std::string RealPath(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) != nullptr ? resolved : "";
}

std::string LibcPath() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&puts), &info) == 0 ||
      info.dli_fname == nullptr) {
    return "";
  }
  return info.dli_fname;
}

class Collector {
 public:
  explicit Collector(DemoImage* image)
      : image_(image), root_(cramfs::Entry::Directory("")) {}

  // False: nothing usable there.
  bool Add(const std::string& path) {
    const std::string real = RealPath(path);
    if (real.empty()) return false;
    if (taken_.count(real) == 0) {
      absl::StatusOr<std::string> bytes =
          ReadWholeFile(real, cramfs::kMaxFileSize);
      if (!bytes.ok()) return false;
      std::vector<uint8_t> data(bytes->begin(), bytes->end());
      if (!cramfs::IsElf(data) || data.size() <= EI_CLASS ||
          data[EI_CLASS] != ELFCLASS64) {
        return false;
      }
      DemoFile file;
      file.path = real;
      file.data = std::move(data);
      cramfs::Entry* folder = Folder(real);
      folder->Add(cramfs::Entry::File(real.substr(real.rfind('/') + 1),
                                      file.data, 0755));
      image_->file_bytes += file.data.size();
      image_->files.push_back(std::move(file));
      taken_.insert(real);
    }
    AddLink(path, real);
    return true;
  }
  const cramfs::Entry& root() const { return root_; }

 private:
  // The name the file was asked for under, if it is another.
  void AddLink(const std::string& path, const std::string& real) {
    const size_t slash = path.rfind('/');
    const std::string at =
        absl::StrCat(RealPath(path.substr(0, slash + 1)), path.substr(slash));
    if (!taken_.insert(at).second) return;
    Folder(at)->Add(cramfs::Entry::Symlink(at.substr(at.rfind('/') + 1), real));
  }

  // The directory of an absolute path, made as needed.
  cramfs::Entry* Folder(const std::string& path) {
    cramfs::Entry* folder = &root_;
    const std::string above = path.substr(0, path.rfind('/'));
    for (absl::string_view name :
         absl::StrSplit(above, '/', absl::SkipEmpty())) {
      cramfs::Entry* next = nullptr;
      for (cramfs::Entry& child : folder->children) {
        if (child.name == name) next = &child;
      }
      folder = next != nullptr
                   ? next
                   : &folder->Add(cramfs::Entry::Directory(std::string(name)));
    }
    return folder;
  }

  DemoImage* image_;
  cramfs::Entry root_;
  std::set<std::string> taken_;
};

}  // namespace

absl::StatusOr<DemoImage> BuildDemoImage() {
  DemoImage image;
  Collector collector(&image);
  bool shell = false, coreutils = false;
  for (const char* path : kShell) shell |= collector.Add(path);
  for (const char* path : kCoreutils) coreutils |= collector.Add(path);
  const bool libc = collector.Add(LibcPath());
  if (!shell || !coreutils || !libc) {
    return absl::NotFoundError(absl::StrCat("no 64-bit ELF file for ",
                                            !shell       ? "the shell"
                                            : !coreutils ? "coreutils"
                                                         : "the C library"));
  }
  cramfs::BuildOptions options;
  options.name = "faultline demo";
  options.extended_pointers = true;
  options.xip = cramfs::XipMode::kPageAligned;
  options.tail = cramfs::TailMode::kPacked;
  options.squash_owner = true;
  absl::StatusOr<cramfs::Image> built =
      cramfs::ImageBuilder(options).Build(collector.root());
  if (!built.ok()) return built.status();
  image.bytes = std::move(built->bytes);
  absl::Status measured = MeasureDemoImage(&image);
  if (!measured.ok()) return measured;
  return image;
}

absl::Status MeasureDemoImage(DemoImage* image) {
  absl::StatusOr<cramfs::ImageReader> reader =
      cramfs::ImageReader::Open(image->bytes);
  if (!reader.ok()) return reader.status();
  image->blocks = image->direct_blocks = image->shared_pages = 0;
  std::map<uint32_t, std::set<size_t>> pages;  // who has data in each
  for (size_t i = 0; i < image->files.size(); ++i) {
    DemoFile& file = image->files[i];
    absl::StatusOr<cramfs::Node> node = reader->Lookup(file.path);
    if (!node.ok()) return node.status();
    absl::StatusOr<std::vector<cramfs::BlockInfo>> blocks =
        reader->BlockMap(*node);
    if (!blocks.ok()) return blocks.status();
    file.blocks = *std::move(blocks);
    image->blocks += file.blocks.size();
    // A file's data begins with its block pointers.
    const uint32_t table = node->inode.offset;
    for (uint32_t page = table / 4096;
         page <= (table + 4 * file.blocks.size() - 1) / 4096; ++page) {
      pages[page].insert(i);
    }
    for (const cramfs::BlockInfo& block : file.blocks) {
      image->direct_blocks += block.mappable();
      if (block.length == 0) continue;
      const uint32_t last = (block.offset + block.length - 1) / 4096;
      for (uint32_t page = block.offset / 4096; page <= last; ++page) {
        pages[page].insert(i);
      }
    }
  }
  for (const auto& [page, owners] : pages) {
    image->shared_pages += owners.size() > 1;
  }
  return absl::OkStatus();
}

absl::Status VerifyDemoImage(const DemoImage& image) {
  absl::StatusOr<cramfs::ImageReader> reader =
      cramfs::ImageReader::Open(image.bytes);
  if (!reader.ok()) return reader.status();
  const cramfs::CheckReport report = reader->Check();
  if (!report.ok()) return report.errors.front();
  for (const DemoFile& file : image.files) {
    absl::StatusOr<cramfs::Node> node = reader->Lookup(file.path);
    if (!node.ok()) return node.status();
    absl::StatusOr<std::vector<uint8_t>> data = reader->ReadFile(*node);
    if (!data.ok()) return data.status();
    if (*data != file.data) {
      return absl::DataLossError(
          absl::StrCat(file.path, ": other bytes than on the host"));
    }
  }
  return absl::OkStatus();
}

}  // namespace faultline
