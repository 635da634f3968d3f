// SPDX-License-Identifier: GPL-2.0-only

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/extract.h"
#include "cramfs/tools/reader.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/flags.h"
#include "sim/cli/image_input.h"
#include "sim/cli/image_report.h"
#include "sim/cli/progress.h"

namespace faultline {
namespace {

constexpr size_t kMostErrors = 10000;

// Lists the tree alone; damage in it is told.
int ListImage(Io& io, const ImageInput& input, bool go_on) {
  int code = kExitOk;
  const absl::Status status = input.reader().Walk(
      [&](const cramfs::Node& node) {
        io.out << NodeLine(input.reader(), node);
        return io.Interrupted() ? absl::CancelledError("") : absl::OkStatus();
      },
      [&](const absl::Status& error) {
        code = ComplainOfImage(io, input.Named(error));
        return go_on;
      });
  if (absl::IsCancelled(status)) return kExitInterrupted;
  return FinishImageOutput(io, code);
}

}  // namespace

int CramfsckCommand(Io& io, const Args& args) {
  FlagSet flags(
      "cramfsck", "IMG",
      "Checks a cramfs image: superblock, checksum, tree, pointers, overlaps\n"
      "and every block of data.  Says nothing of a good one but warnings: "
      "what\n"
      "is odd though nothing reads wrong.\n\n"
      "exit, added up: 0 good, 4 errors (none is ever corrected), 8 could not\n"
      "run as asked, 16 wrong use; 130 interrupted");
  bool verbose = false, go_on = false, list = false;
  std::string directory;
  uint64_t limit = 0;
  flags.AddBool("verbose", "list each entry; then what there was in all",
                &verbose);
  flags.Short('v', "verbose");
  flags.AddBool("continue",
                "go on after errors: report all, extract what is whole",
                &go_on);
  flags.Short('c', "continue");
  flags.AddString("extract", "DIR",
                  "extract into DIR, which must be new or empty, if the image "
                  "is good or with -c",
                  &directory);
  flags.Short('x', "extract");
  flags.AddBool("list", "only list each entry; the data is not read", &list);
  flags.Short('l', "list");
  flags.AddNumber("limit",
                  "most bytes to extract (default: 1024 times the image)", 1,
                  UINT64_MAX, &limit);
  std::vector<std::string> files;
  const std::optional<int> ended =
      EndsAtFlags(io, args, &flags, &files, kExitImageUsage);
  if (ended) return *ended;
  if (files.size() != 1) {
    return Complain(io, "cramfsck: expected one image (cramfsck --help)",
                    kExitImageUsage);
  }
  if (list && !directory.empty()) {
    return Complain(io, "cramfsck: --list does not go with --extract",
                    kExitImageUsage);
  }
  int code = kExitOk;
  const auto input = ImageInput::Open(files[0]);
  if (!input.ok()) return ComplainOfImage(io, input.status());
  const cramfs::ImageReader& image = (*input)->reader();
  if (list) return ListImage(io, **input, go_on);

  cramfs::CheckOptions options;
  options.max_errors = go_on ? kMostErrors : 1;
  options.progress =
      ShowProgress(io, verbose ? "" : absl::StrCat("checking ", files[0]));
  if (verbose) {
    options.visit = [&](const cramfs::Node& node) {
      io.out << NodeLine(image, node);
    };
  }
  const cramfs::CheckReport report = image.Check(options);
  options.progress = nullptr;
  for (const absl::Status& error : report.errors) {
    code = Complain(io, absl::StrCat(files[0], ": ", error.message()),
                    kExitImageDamaged);
  }
  if (go_on && report.errors.size() == kMostErrors) {
    Complain(io, absl::StrCat(files[0], ": too many errors, stopped"), code);
  }
  for (const std::string& warning : report.warnings) {
    Complain(io, absl::StrCat("warning: ", files[0], ": ", warning), code);
  }
  if (report.cancelled) return kExitInterrupted;
  if (verbose && report.ok()) {
    Complain(io,
             absl::StrCat(files[0],
                          ": good: ", Count(report.files, "entry", "entries"),
                          ", ", Count(report.blocks, "block", "blocks"), ", ",
                          Count(report.holes, "hole", "holes"), ", ",
                          Bytes(report.data_bytes), " of data"),
             kExitOk);
  }
  if (!directory.empty() && (go_on || report.ok())) {
    cramfs::ExtractOptions extract;
    extract.go_on = go_on;
    extract.max_bytes = limit;
    extract.progress =
        ShowProgress(io, verbose ? "" : absl::StrCat("extracting ", files[0]));
    const cramfs::ExtractReport extracted =
        cramfs::Extract(image, directory, extract);
    extract.progress = nullptr;
    // Of the image everything has been said.
    const int extract_code = TellExtraction(io, files[0], extracted,
                                            /*image_errors=*/false, verbose);
    if (extract_code == kExitInterrupted) return kExitInterrupted;
    code |= extract_code;
  }
  return FinishImageOutput(io, code);
}

}  // namespace faultline
