// SPDX-License-Identifier: GPL-2.0-only

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/explore_command.h"
#include "sim/cli/finding_printer.h"
#include "sim/cli/flags.h"
#include "sim/cli/json.h"
#include "sim/cli/litmus_files.h"
#include "sim/cli/progress.h"
#include "sim/token.h"

namespace faultline {
namespace {

constexpr char kTokenMark[] = "fl1:";
constexpr size_t kMaxTokenFileBytes = 64 << 20;

bool IsTokenByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
         c == '_';
}

// The first token in a text, such as what `explore` printed.
std::string TokenIn(absl::string_view text) {
  const size_t at = text.find(kTokenMark);
  if (at == absl::string_view::npos) return "";
  size_t end = at + sizeof kTokenMark - 1;
  while (end < text.size() && IsTokenByte(text[end])) ++end;
  return std::string(text.substr(at, end - at));
}

struct ReplayInput {
  std::string token, litmus;
};

// Sorts out what stands on the command line.
absl::Status ReadArguments(const Args& args, ReplayInput* input) {
  for (const std::string& arg : args) {
    if (absl::StartsWith(arg, kTokenMark)) {
      if (!input->token.empty()) {
        return absl::InvalidArgumentError("replay: two tokens");
      }
      input->token = arg;
      continue;
    }
    if (absl::EndsWith(arg, ".litmus")) {
      if (!input->litmus.empty()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "replay: two programs: ", input->litmus, " and ", arg));
      }
      input->litmus = arg;
      continue;
    }
    absl::StatusOr<std::string> text = ReadWholeFile(arg, kMaxTokenFileBytes);
    if (!text.ok()) return text.status();
    const std::string token = TokenIn(*text);
    if (token.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(arg, ": no token (", kTokenMark, "...) in it"));
    }
    if (!input->token.empty()) {
      return absl::InvalidArgumentError("replay: two tokens");
    }
    input->token = token;
  }
  if (input->token.empty()) {
    return absl::InvalidArgumentError(
        "replay: no token (replay TOKEN [FILE.litmus])");
  }
  return absl::OkStatus();
}

RunRecord MakeRecord(const Program& program, const ReplayResult& result,
                     const std::vector<Finding>& findings) {
  ExploreResult explored;
  explored.variant = result.variant;
  explored.scenario = program.name;
  explored.arch = result.arch;
  explored.granularity = result.granularity;
  explored.executions = 1;
  explored.steps = result.steps;
  explored.stopped = findings.empty() ? "end" : "finding";
  explored.findings = findings;
  RunRecord record = MakeRunRecord(program, explored);
  record.mode = "replay";
  return record;
}

}  // namespace

int ReplayCommand(Io& io, const Args& args) {
  std::string litmus, json_path;
  std::vector<std::string> checker_names;
  uint64_t max_steps = 200;
  bool full = false;
  FlagSet flags("replay", "TOKEN|FILE [FILE.litmus]",
                "Makes the steps of a finding again and shows them.  FILE: "
                "text with a token in it,\nsuch as the output of explore.  "
                "Without a litmus file: the program of tests/litmus\nthat the "
                "token belongs to.");
  flags.AddString("litmus", "FILE", "the program", &litmus);
  flags.AddList("checkers", "C,...|-C,...",
                "only these, or all but those (all)", &checker_names);
  flags.AddNumber("steps", "steps shown at most (200)", 1, 1000000, &max_steps);
  flags.AddBool("full", "show every step of all tasks, accesses too", &full);
  flags.AddString("json", "FILE", "results as JSON too (docs/json.md)",
                  &json_path);
  Args positional;
  const std::optional<int> ended = EndsAtFlags(io, args, &flags, &positional);
  if (ended) return *ended;
  ReplayInput input;
  input.litmus = litmus;
  absl::Status status = ReadArguments(positional, &input);
  if (!status.ok()) return Complain(io, status);
  absl::StatusOr<std::vector<std::string>> checkers =
      ChooseCheckers(checker_names);
  if (!checkers.ok()) return Complain(io, checkers.status());
  absl::StatusOr<ReplayToken> token = ReplayToken::Decode(input.token);
  if (!token.ok()) return Complain(io, token.status());
  if (input.litmus.empty()) {
    absl::StatusOr<std::string> found =
        LitmusFileByHash(io, token->program_hash);
    if (!found.ok()) return Complain(io, found.status());
    input.litmus = *found;
  }
  absl::StatusOr<Program> program = LoadLitmus(input.litmus);
  if (!program.ok()) return Complain(io, program.status());
  // Another program is not a wrong word on the command line but a replay that
  // cannot be.
  if (program->Hash() != token->program_hash) {
    return Complain(io,
                    absl::StrCat(input.litmus,
                                 ": diverged at step 0: the token belongs to "
                                 "another program, or to this one before it "
                                 "was changed"),
                    kExitFailed);
  }
  absl::StatusOr<std::vector<std::string>> variants =
      ChooseVariants({token->variant}, token->arch);
  if (!variants.ok()) {
    return Complain(io, variants.status().message(), kExitFailed);
  }
  AtomicFile json;
  status = json.Open(json_path);
  if (!status.ok()) return Complain(io, status);

  ExploreOptions options;
  options.checkers = *checkers;
  absl::StatusOr<ReplayResult> result = Replay(*program, input.token, options);
  if (!result.ok()) {
    return Complain(io,
                    absl::StrCat(input.litmus, ": ", result.status().message()),
                    kExitFailed);
  }

  io.out << Printable(program->source) << " on " << result->variant << " ("
         << result->arch << ", " << GranularityName(result->granularity)
         << ", replay)\n  "
         << (result->findings.empty()
                 ? "nothing found"
                 : Count(result->findings.size(), "finding", "findings"))
         << " in " << Count(result->steps, "step", "steps") << ", "
         << Count(result->switches, "switch", "switches") << "\n\n";
  PrintOptions print;
  print.width = io.width;
  print.max_steps = static_cast<size_t>(max_steps);
  print.accesses = result->granularity == Granularity::kAccess;
  std::vector<Finding> findings = result->findings;
  for (Finding& finding : findings) {
    finding.token = input.token;
    finding.steps = result->steps;
    finding.switches = result->switches;
  }
  if (full || findings.empty()) {
    std::vector<size_t> chosen;
    for (size_t i = 0; i < result->trace.events.size(); ++i) {
      const TraceEvent& event = result->trace.events[i];
      if (event.kind == TraceKind::kSwitch) continue;
      if (!full && event.kind == TraceKind::kAccess) continue;
      chosen.push_back(i);
    }
    if (!full && chosen.size() > max_steps) {
      chosen.erase(chosen.begin(),
                   chosen.end() - static_cast<ptrdiff_t>(max_steps));
    }
    io.out << FormatSteps(result->trace, chosen, io.width, print.indent)
           << "\n";
  }
  for (const Finding& finding : findings) {
    io.out << FormatFinding(finding, full ? nullptr : &result->trace, print)
           << "\n";
  }
  status = json.Commit(RunsToJson({MakeRecord(*program, *result, findings)}));
  if (!status.ok()) return Complain(io, status);
  return findings.empty() ? kExitOk : kExitFound;
}

}  // namespace faultline
