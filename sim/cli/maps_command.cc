// SPDX-License-Identifier: GPL-2.0-only

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cramfs/tools/reader.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/explore_command.h"
#include "sim/cli/flags.h"
#include "sim/cli/litmus_files.h"
#include "sim/cli/mapped_file.h"
#include "sim/cli/progress.h"
#include "sim/cli/session.h"

namespace faultline {
namespace {

constexpr size_t kMaxImageBytes = size_t{1} << 29;

struct ImageFile {
  std::vector<uint8_t> image;
  std::string path;
  std::vector<uint8_t> data;
  std::vector<cramfs::BlockInfo> blocks;
};

// The file, links followed as far as the image has them.
absl::StatusOr<ImageFile> ReadImageFile(const std::string& image,
                                        const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadWholeFile(image, kMaxImageBytes);
  if (!bytes.ok()) return bytes.status();
  ImageFile file;
  file.image.assign(bytes->begin(), bytes->end());
  const auto wrong = [&image](const absl::Status& status) {
    return absl::InvalidArgumentError(
        absl::StrCat(image, ": ", status.message()));
  };
  absl::StatusOr<cramfs::ImageReader> reader =
      cramfs::ImageReader::Open(file.image);
  if (!reader.ok()) return wrong(reader.status());
  absl::StatusOr<cramfs::Node> node = reader->Lookup(path);
  for (int links = 0; node.ok() && node->is_symlink() && links < 8; ++links) {
    absl::StatusOr<std::string> target = reader->ReadLink(*node);
    if (!target.ok()) return wrong(target.status());
    node = reader->Lookup(
        (*target)[0] == '/'
            ? *target
            : absl::StrCat(node->path.substr(0, node->path.rfind('/') + 1),
                           *target));
  }
  if (!node.ok()) return wrong(node.status());
  if (!node->is_regular()) {
    return wrong(
        absl::InvalidArgumentError(absl::StrCat(path, ": no regular file")));
  }
  if (node->inode.size == 0) {
    return wrong(absl::InvalidArgumentError(
        absl::StrCat(path, ": empty, nothing to map")));
  }
  file.path = node->path;
  absl::StatusOr<std::vector<uint8_t>> data = reader->ReadFile(*node);
  if (!data.ok()) return wrong(data.status());
  file.data = *std::move(data);
  absl::StatusOr<std::vector<cramfs::BlockInfo>> blocks =
      reader->BlockMap(*node);
  if (!blocks.ok()) return wrong(blocks.status());
  file.blocks = *std::move(blocks);
  return file;
}

void PrintState(Io& io, const Session& session, const char* when) {
  io.out << "\n/proc/PID/maps " << when << "\n"
         << Indented(session.Maps(), "  ") << "page table\n"
         << FormatPages(session.Pages(), "  ");
}

absl::Status ShowMaps(Io& io, const ImageFile& file, const std::string& arch,
                      const std::string& variant, bool touch_tail) {
  absl::StatusOr<std::unique_ptr<Session>> session = Session::Open(
      arch, variant, &file.image, {file.path}, file.data.size() / 4096 + 1024);
  if (!session.ok()) return session.status();
  const uint32_t direct = DirectPrefix(file.blocks);
  io.out << Printable(file.path) << ": " << WithCommas(file.data.size())
         << " bytes, " << Count(file.blocks.size(), "block", "blocks")
         << ", the first " << WithCommas(direct) << " direct; variant "
         << variant << ", " << arch << "\n";
  // Without an MMU nothing can be mapped over a mapping.
  absl::StatusOr<MappedFile> mapped = MapFirst(
      session->get(), 0, file.data, /*as_loader=*/arch != "arm-nommu");
  if (!mapped.ok()) return mapped.status();
  PrintState(io, **session,
             mapped->segments.empty() ? "after mmap of the whole file"
                                      : "after the loader's total mapping");
  const std::optional<uint64_t> tail = TailAddress(*mapped, file.blocks);
  if (touch_tail && tail.has_value()) {
    absl::Status touched =
        TouchAndCompare(session->get(), *mapped, file.data, *tail);
    if (!touched.ok()) return touched;
    PrintState(
        io, **session,
        absl::StrFormat("after a load at %x, in the tail", *tail).c_str());
  } else if (touch_tail) {
    io.out << "\nno tail to touch: no block that is not direct is mapped\n";
  }
  if (!mapped->segments.empty()) {
    absl::Status segments = MapSegments(session->get(), *mapped);
    if (!segments.ok()) return segments;
    PrintState(io, **session, "after the segments were mapped over it");
  }
  absl::Status closed = (*session)->Close();
  for (const std::string& line : (*session)->complaints()) {
    io.out << "\nkernel: " << Printable(line) << "\n";
  }
  return closed;
}

}  // namespace

int MapsCommand(Io& io, const Args& args) {
  std::string variant = "mainline", arch = "x86-64";
  bool touch_tail = false;
  FlagSet flags("maps", "IMG FILE",
                "Mounts a cramfs image in a simulated machine, maps a file of "
                "it as an ELF loader\ndoes (other files whole), and prints "
                "/proc/PID/maps and who backs each page.");
  flags.AddString("variant", "V", "whose mmap (mainline)", &variant);
  flags.AddChoice("arch", "(x86-64)", {"x86-64", "arm", "arm-nommu"}, &arch);
  flags.AddBool("touch-tail",
                "load from the first page that is not direct, and print again",
                &touch_tail);
  Args positional;
  const std::optional<int> ended = EndsAtFlags(io, args, &flags, &positional);
  if (ended) return *ended;
  if (positional.size() != 2) {
    return Complain(io,
                    "maps: expected an image and a file in it (maps --help)",
                    kExitUsage);
  }
  absl::StatusOr<ImageFile> file = ReadImageFile(positional[0], positional[1]);
  if (!file.ok()) return Complain(io, file.status());
  absl::StatusOr<std::vector<std::string>> variants =
      ChooseVariants({variant}, arch);
  if (!variants.ok()) return Complain(io, variants.status());
  if (variants->size() != 1) {
    return Complain(io, "maps: --variant: expected one", kExitUsage);
  }
  absl::Status status =
      ShowMaps(io, *file, arch, variants->front(), touch_tail);
  if (!status.ok()) return Complain(io, status);
  return kExitOk;
}

}  // namespace faultline
