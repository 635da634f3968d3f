// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/image_report.h"

#include <sys/stat.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "sim/cli/image_input.h"
#include "sim/cli/progress.h"

namespace faultline {
namespace {

char TypeLetter(const cramfs::Node& node) {
  switch (node.inode.mode & S_IFMT) {
    case S_IFDIR:
      return 'd';
    case S_IFLNK:
      return 'l';
    case S_IFCHR:
      return 'c';
    case S_IFBLK:
      return 'b';
    case S_IFIFO:
      return 'p';
    case S_IFSOCK:
      return 's';
    default:
      return 'f';
  }
}

}  // namespace

std::string NodeLine(const cramfs::ImageReader& image,
                     const cramfs::Node& node) {
  std::string size =
      node.is_device()
          ? absl::StrFormat("%4d,%4d", node.device_major(), node.device_minor())
          : absl::StrFormat("%9d", node.inode.size);
  std::string path = Printable(node.path);
  if (node.is_symlink()) {
    absl::StatusOr<std::string> target = image.ReadLink(node);
    if (target.ok()) absl::StrAppend(&path, " -> ", Printable(*target));
  }
  return absl::StrFormat("%c %04o %s %5d:%-3d %s\n", TypeLetter(node),
                         node.inode.mode & 07777, size, node.inode.uid,
                         node.inode.gid, path);
}

int TellExtraction(Io& io, const std::string& image_path,
                   const cramfs::ExtractReport& report, bool image_errors,
                   bool verbose) {
  for (const absl::Status& error : report.errors) {
    const bool of_image = absl::IsDataLoss(error) || absl::IsNotFound(error) ||
                          absl::IsInvalidArgument(error);
    if (!of_image) {
      Complain(io, error.message(), kExitImageOperational);
    } else if (image_errors) {
      Complain(io, absl::StrCat(image_path, ": ", error.message()),
               kExitImageDamaged);
    }
  }
  const uint64_t told = report.errors.size();
  const uint64_t all = report.image_errors + report.host_errors;
  if (all > told) {
    Complain(io, absl::StrCat(all - told, " more errors"),
             kExitImageOperational);
  }
  if (verbose) {
    for (const std::string& line : report.skipped) {
      Complain(io, absl::StrCat("skipped: ", line), kExitOk);
    }
  }
  std::vector<std::string> counts;
  const auto count = [&counts](uint64_t number, absl::string_view one,
                               absl::string_view many) {
    if (number > 0) counts.push_back(Count(number, one, many));
  };
  count(report.owners_skipped, "owner", "owners");
  count(report.set_id_bits_skipped, "set-user or set-group bit",
        "set-user or set-group bits");
  count(report.devices_skipped, "device", "devices");
  if (!counts.empty()) {
    Complain(
        io,
        absl::StrCat("skipped what needs root: ", absl::StrJoin(counts, ", "),
                     verbose ? "" : " (-v lists them)"),
        kExitOk);
  }
  if (report.cancelled) return kExitInterrupted;
  return (report.image_errors > 0 ? kExitImageDamaged : 0) |
         (report.host_errors > 0 ? kExitImageOperational : 0);
}

std::function<bool(uint64_t, uint64_t)> ShowProgress(Io& io,
                                                     absl::string_view what) {
  struct State {
    Progress line;
    uint64_t percent = ~uint64_t{0};
    explicit State(Io& io) : line(io) {}
  };
  auto state = std::make_shared<State>(io);
  return [&io, state, what = std::string(what)](uint64_t done, uint64_t total) {
    const uint64_t percent = total == 0 ? 100 : done * 100 / total;
    if (!what.empty() && percent != state->percent) {
      state->percent = percent;
      state->line.Show(absl::StrCat(what, ": ", percent, " %"));
    }
    return !io.Interrupted();
  };
}

}  // namespace faultline
