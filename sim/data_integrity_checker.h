// SPDX-License-Identifier: GPL-2.0-only
//
// The `data-integrity` checker: what every operation of a program came to is
// put before the Oracle, and what the tasks came to at the end before the
// `legal` rules of the program.

#ifndef FAULTLINE_SIM_DATA_INTEGRITY_CHECKER_H_
#define FAULTLINE_SIM_DATA_INTEGRITY_CHECKER_H_

#include <memory>
#include <string>
#include <vector>

#include "sim/checker.h"
#include "sim/compiled_program.h"
#include "sim/nommu_oracle.h"
#include "sim/oracle.h"
#include "sim/program/program.h"

namespace faultline {

// How a task ended: its last operation.  Plain, so that it may be written by
// a task that is abandoned.
struct TaskOutcome {
  const CompiledOp* op = nullptr;  // null: it has done none
  OpResult result;
  bool killed = false;
  bool has_load = false;
  uint64_t last_load = 0;
};

class DataIntegrityChecker : public Checker {
 public:
  // files, program: outlive the checker.  mmu: the kernel build has one.
  DataIntegrityChecker(const OracleFiles* files, const Program* program,
                       bool mmu)
      : program_(program), mmu_(mmu), oracle_(*files), nommu_(*files) {}

  const char* name() const override { return "data-integrity"; }
  void TakeSnapshot() override;
  void Reset() override;

  // child: the process that a fork makes; processes count from 0, and a
  // kernel thread has -1.
  Oracle::OpId BeginOp(int process, const CompiledOp& op,
                       const uint64_t* variables, int child = -1) {
    if (process < 0) return -1;
    const ResolvedOp resolved = ResolveOp(op, variables, child);
    return mmu_ ? oracle_.Begin(process, resolved)
                : nommu_.Begin(process, resolved);
  }
  void EndOp(Oracle::OpId id, const CompiledOp& op, const OpResult& result,
             const TaskView& task);
  // After all tasks came to their ends.
  void CheckLegal(const std::vector<TaskOutcome>& outcomes);

 private:
  const Program* program_;
  const bool mmu_;
  Oracle oracle_;      // one of these two
  NommuOracle nommu_;
  std::unique_ptr<Oracle> at_snapshot_;
  std::unique_ptr<NommuOracle> nommu_at_snapshot_;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_DATA_INTEGRITY_CHECKER_H_
