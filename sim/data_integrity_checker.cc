// SPDX-License-Identifier: GPL-2.0-only

#include "sim/data_integrity_checker.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sim/program/litmus_format.h"

namespace faultline {
namespace {

bool Matches(const Outcome& outcome, const TaskOutcome& task) {
  const int sig = task.killed ? 9 : task.result.sig;
  const bool access = task.op != nullptr && IsUserAccess(task.op->kind);
  switch (outcome.kind) {
    case OutcomeKind::kOk:
      return sig == 0 && (access || task.result.value >= 0);
    case OutcomeKind::kSigsegv:
      return sig == 11;
    case OutcomeKind::kSigbus:
      return sig == 7;
    case OutcomeKind::kSigkill:
      return sig == 9;
    case OutcomeKind::kErrno:
      return !access && task.result.value == -outcome.error;
    case OutcomeKind::kValue:
      return sig == 0 && task.has_load && task.last_load == outcome.value;
  }
  return false;
}

}  // namespace

void DataIntegrityChecker::TakeSnapshot() {
  at_snapshot_ = std::make_unique<Oracle>(oracle_);
  oracle_.Reset(*at_snapshot_);
  nommu_at_snapshot_ = std::make_unique<NommuOracle>(nommu_);
}

void DataIntegrityChecker::Reset() {
  if (at_snapshot_ != nullptr) oracle_.Reset(*at_snapshot_);
  if (nommu_at_snapshot_ != nullptr) nommu_ = *nommu_at_snapshot_;
}

void DataIntegrityChecker::EndOp(Oracle::OpId id, const CompiledOp& op,
                                 const OpResult& result, const TaskView& task) {
  if (id < 0) return;
  std::optional<std::string> wrong =
      mmu_ ? oracle_.End(id, result) : nommu_.End(id, result);
  if (!wrong.has_value()) return;
  const size_t colon = wrong->find(": ");
  RawFinding finding = MakeFinding(task);
  finding.kind = "unexplained";
  finding.title = absl::StrCat("data integrity: ", wrong->substr(0, colon));
  finding.function = OpKindName(op.kind);
  if (colon != std::string::npos) {
    finding.notes.push_back({wrong->substr(colon + 2), nullptr});
  }
  if (op.source != nullptr) {
    finding.notes.push_back({absl::StrCat("operation: ", FormatOp(*op.source),
                                          " ", DescribeResult(op, result)),
                             nullptr});
  }
  host()->AddFinding(std::move(finding), true);
}

void DataIntegrityChecker::CheckLegal(
    const std::vector<TaskOutcome>& outcomes) {
  for (const LegalRule& rule : program_->legal) {
    for (size_t i = 0; i < program_->tasks.size(); ++i) {
      if (program_->tasks[i].name != rule.task) continue;
      const TaskOutcome& outcome = outcomes[i];
      bool legal = false;
      std::vector<std::string> allowed;
      for (const Outcome& any : rule.any_of) {
        legal |= Matches(any, outcome);
        allowed.push_back(FormatOutcome(any));
      }
      if (legal) continue;
      RawFinding finding;
      finding.checker = name();
      finding.kind = "illegal";
      finding.task = static_cast<int>(i);
      finding.step = host()->step();
      const std::string what =
          outcome.op == nullptr ? "nothing"
          : outcome.killed      ? "SIGKILL"
                                : DescribeResult(*outcome.op, outcome.result);
      // Numbers are for the notes: the title is part of the signature.
      finding.title = absl::StrCat("illegal outcome of task ", rule.task);
      finding.notes.push_back({absl::StrCat("it came to ", what, ", legal is ",
                                            absl::StrJoin(allowed, " | ")),
                               nullptr});
      host()->AddFinding(std::move(finding), false);
    }
  }
}

}  // namespace faultline
