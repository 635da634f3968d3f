// SPDX-License-Identifier: GPL-2.0-only

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/extract.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/flags.h"
#include "sim/cli/image_input.h"
#include "sim/cli/image_report.h"

namespace faultline {

int ExtractCommand(Io& io, const Args& args) {
  FlagSet flags(
      "extract", "IMG DIR [PATH...]",
      "Extracts a cramfs image, or the PATHs in it with what is below, into\n"
      "DIR, which must be new or empty.  Nothing is written outside DIR and "
      "no\n"
      "link is followed; a file appears only if all its data can be read.\n"
      "Without root, devices and foreign owners are skipped and counted.\n\n"
      "exit, added up: 0 done, 4 errors in the image or no such PATH, 8 could\n"
      "not run as asked, 16 wrong use; 130 interrupted");
  bool verbose = false, go_on = false;
  uint64_t limit = 0;
  flags.AddBool("verbose", "list each entry; say what was skipped", &verbose);
  flags.Short('v', "verbose");
  flags.AddBool("continue", "go on after errors with what is whole", &go_on);
  flags.Short('c', "continue");
  flags.AddNumber("limit",
                  "most bytes to extract (default: 1024 times the image)", 1,
                  UINT64_MAX, &limit);
  std::vector<std::string> words;
  const std::optional<int> ended =
      EndsAtFlags(io, args, &flags, &words, kExitImageUsage);
  if (ended) return *ended;
  if (words.size() < 2) {
    return Complain(
        io, "extract: expected an image and a directory (extract --help)",
        kExitImageUsage);
  }
  int code = kExitOk;
  const auto input = ImageInput::Open(words[0]);
  if (!input.ok()) return ComplainOfImage(io, input.status());
  const cramfs::ImageReader& image = (*input)->reader();
  cramfs::ExtractOptions options;
  options.paths.assign(words.begin() + 2, words.end());
  options.go_on = go_on;
  options.max_bytes = limit;
  options.progress =
      ShowProgress(io, verbose ? "" : absl::StrCat("extracting ", words[0]));
  if (verbose) {
    options.visit = [&](const cramfs::Node& node) {
      io.out << NodeLine(image, node);
    };
  }
  const cramfs::ExtractReport report =
      cramfs::Extract(image, words[1], options);
  options.progress = nullptr;
  code = TellExtraction(io, words[0], report, /*image_errors=*/true, verbose);
  return code == kExitInterrupted ? code : FinishImageOutput(io, code);
}

}  // namespace faultline
