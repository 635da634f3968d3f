// SPDX-License-Identifier: GPL-2.0-only

#include "bench/median_reporter.h"

#include <algorithm>

namespace faultline {

MedianReporter::MedianReporter()
    : display_(benchmark::CreateDefaultDisplayReporter()) {}

bool MedianReporter::ReportContext(const Context& context) {
  return display_->ReportContext(context);
}

void MedianReporter::ReportRuns(const std::vector<Run>& report) {
  for (const Run& run : report) {
    failed_ |= run.error_occurred;
    if (run.error_occurred) continue;
    const bool median =
        run.run_type == Run::RT_Aggregate && run.aggregate_name == "median";
    for (const auto& [counter, value] : run.counters) {
      const Key key(run.run_name.function_name, counter);
      if (median) medians_[key] = value.value;
      if (run.run_type == Run::RT_Iteration) {
        values_[key].push_back(value.value);
      }
    }
  }
  if (report.empty()) return;
  std::vector<Run>& held = reports_[{report.front().family_index,
                                     report.front().per_family_instance_index}];
  held.insert(held.end(), report.begin(), report.end());
}

void MedianReporter::Finalize() {
  for (const auto& [place, report] : reports_) display_->ReportRuns(report);
  display_->Finalize();
}

std::optional<double> MedianReporter::Median(const std::string& benchmark,
                                             const std::string& counter) const {
  const Key key(benchmark, counter);
  if (auto found = values_.find(key); found != values_.end()) {
    std::vector<double> values = found->second;
    std::sort(values.begin(), values.end());
    const size_t half = values.size() / 2;
    return values.size() % 2 != 0 ? values[half]
                                  : (values[half - 1] + values[half]) / 2;
  }
  if (auto found = medians_.find(key); found != medians_.end()) {
    return found->second;
  }
  return std::nullopt;
}

bool MedianReporter::on_console() const {
  return dynamic_cast<benchmark::ConsoleReporter*>(display_.get()) != nullptr;
}

}  // namespace faultline
