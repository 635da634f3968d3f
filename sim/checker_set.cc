// SPDX-License-Identifier: GPL-2.0-only

#include "sim/checker_set.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sim/basic_checkers.h"

namespace faultline {
namespace {

struct Known {
  const char* name;
  const char* summary;
};

constexpr Known kKnown[] = {
    {"lifetime",
     "use after free, double free, out of bounds of slab objects and pages"},
    {"kernel-bug", "BUG, oops, WARN and what else the kernel complains of"},
    {"deadlock", "no task can run and not all are done"},
    {"lock-rules",
     "unlock of what is not held or held otherwise, recursion, held at exit"},
    {"data-integrity",
     "an operation came to what no order of the operations explains"},
    {"accounting",
     "structures that disagree, references and pages left over at the end"},
};

}  // namespace

std::vector<std::string> CheckerNames() {
  std::vector<std::string> names;
  for (const Known& known : kKnown) names.push_back(known.name);
  return names;
}

std::string CheckerSummary(const std::string& name) {
  for (const Known& known : kKnown) {
    if (name == known.name) return known.summary;
  }
  return "";
}

absl::Status NoSuchChecker(const std::string& name) {
  return absl::InvalidArgumentError(
      absl::StrCat("no checker \"", name, "\": there are ",
                   absl::StrJoin(CheckerNames(), ", ")));
}

std::unique_ptr<Checker> MakeSimpleChecker(const std::string& name) {
  if (name == "kernel-bug") return std::make_unique<KernelBugChecker>();
  if (name == "deadlock") return std::make_unique<DeadlockChecker>();
  if (name == "lock-rules") return std::make_unique<LockRulesChecker>();
  if (name == "accounting") return std::make_unique<AccountingChecker>();
  return nullptr;
}

}  // namespace faultline
