// SPDX-License-Identifier: GPL-2.0-only

#include "sim/kernel_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/source_path.h"

namespace faultline {

void KernelLog::OnReport(const KernelReport& report, const TaskView&) {
  std::string text = absl::StrCat(report.function ? report.function : "kernel",
                                  ": ", report.text ? report.text : "");
  if (report.file != nullptr) {
    absl::StrAppend(&text, " (", RelativeSourcePath(report.file), ":",
                    report.line, ")");
  }
  if (first_.empty()) first_ = text;
  if (report.kind == FL_REPORT_BUG || report.kind == FL_REPORT_OOPS) {
    death_ = std::move(text);
  } else {
    complaints_.push_back(std::move(text));
  }
}

void KernelLog::Clear() {
  death_.clear();
  first_.clear();
  complaints_.clear();
}

}  // namespace faultline
