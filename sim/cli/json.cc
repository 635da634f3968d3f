// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/json.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/cli/io.h"

namespace faultline {
namespace {

void WriteFinding(const RunRecord::Found& found, JsonWriter* json) {
  const Finding& finding = found.finding;
  json->BeginObject();
  json->Key("checker");
  json->String(finding.checker);
  json->Key("kind");
  json->String(finding.kind);
  json->Key("title");
  json->String(finding.title);
  json->Key("signature");
  json->String(finding.signature);
  json->Key("defects");
  json->BeginArray();
  for (const std::string& id : found.defects) json->String(id);
  json->EndArray();
  json->Key("task");
  json->String(finding.task);
  json->Key("function");
  json->String(finding.function);
  json->Key("location");
  json->String(finding.location);
  json->Key("details");
  json->BeginArray();
  for (const std::string& line : finding.details) json->String(line);
  json->EndArray();
  json->Key("execution");
  json->Number(finding.execution);
  json->Key("count");
  json->Number(finding.count);
  json->Key("steps");
  json->Number(finding.steps);
  json->Key("switches");
  json->Number(finding.switches);
  json->Key("token");
  json->String(finding.token);
  json->EndObject();
}

void WriteRun(const RunRecord& run, JsonWriter* json) {
  json->BeginObject();
  json->Key("variant");
  json->String(run.variant);
  json->Key("scenario");
  json->String(run.scenario);
  json->Key("arch");
  json->String(run.arch);
  json->Key("mode");
  json->String(run.mode);
  json->Key("strategy");
  json->String(run.strategy);
  json->Key("granularity");
  json->String(run.granularity);
  json->Key("seed");
  json->Number(run.seed);
  json->Key("executions");
  json->Number(run.executions);
  json->Key("blocked");
  json->Number(run.blocked);
  json->Key("exhausted");
  json->Bool(run.exhausted);
  json->Key("bound");
  if (run.bound < 0) {
    json->Null();
  } else {
    json->Integer(run.bound);
  }
  json->Key("stopped");
  json->String(run.stopped);
  json->Key("seconds");
  json->Real(run.seconds);
  json->Key("expected");
  if (!run.expected.has_value()) {
    json->Null();
  } else {
    json->BeginArray();
    for (const Expectation& expectation : *run.expected) {
      json->BeginObject();
      json->Key("checker");
      json->String(expectation.checker);
      json->Key("title");
      json->String(expectation.title_part);
      json->EndObject();
    }
    json->EndArray();
  }
  json->Key("findings");
  json->BeginArray();
  for (const RunRecord::Found& found : run.findings) WriteFinding(found, json);
  json->EndArray();
  json->EndObject();
}

void AddFindings(const Program& program, const std::vector<Finding>& findings,
                 RunRecord* run) {
  run->expected = ExpectationsOf(program, run->variant);
  for (const Finding& finding : findings) {
    const bool known =
        run->expected.has_value() && Matches(*run->expected, finding);
    run->findings.push_back(
        {finding, known ? program.defects : std::vector<std::string>()});
  }
}

}  // namespace

std::string JsonString(absl::string_view text) {
  std::string result = "\"";
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const char c = text[0];
    if (length == 0) {
      result += "\xef\xbf\xbd";
    } else if (length > 1) {
      absl::StrAppend(&result, text.substr(0, length));
    } else if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&result, "\\u%04x", static_cast<uint8_t>(c));
    } else {
      result += c;
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  result += '"';
  return result;
}

void JsonWriter::Next() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (empty_.empty()) return;
  if (!empty_.back()) text_ += ',';
  empty_.back() = false;
  text_ += '\n';
  text_.append(2 * empty_.size(), ' ');
}

void JsonWriter::Open(char bracket) {
  Next();
  text_ += bracket;
  empty_.push_back(true);
}

void JsonWriter::Close(char bracket) {
  const bool empty = empty_.back();
  empty_.pop_back();
  if (!empty) {
    text_ += '\n';
    text_.append(2 * empty_.size(), ' ');
  }
  text_ += bracket;
}

void JsonWriter::Key(absl::string_view key) {
  Next();
  absl::StrAppend(&text_, JsonString(key), ": ");
  after_key_ = true;
}

void JsonWriter::String(absl::string_view value) {
  Next();
  text_ += JsonString(value);
}

void JsonWriter::Number(uint64_t value) {
  Next();
  absl::StrAppend(&text_, value);
}

void JsonWriter::Integer(int64_t value) {
  Next();
  absl::StrAppend(&text_, value);
}

void JsonWriter::Real(double value) {
  if (!std::isfinite(value)) return Null();
  Next();
  absl::StrAppendFormat(&text_, "%.6f", value);
}

void JsonWriter::Bool(bool value) {
  Next();
  text_ += value ? "true" : "false";
}

void JsonWriter::Null() {
  Next();
  text_ += "null";
}

std::string JsonWriter::Take() {
  text_ += '\n';
  return std::move(text_);
}

std::optional<std::vector<Expectation>> ExpectationsOf(
    const Program& program, const std::string& variant) {
  for (const std::string& name : {variant, std::string("*")}) {
    std::vector<Expectation> expected;
    bool named = false;
    for (const Expectation& expectation : program.expectations) {
      if (expectation.variant != name) continue;
      named = true;
      if (!expectation.checker.empty()) expected.push_back(expectation);
    }
    if (named) return expected;
  }
  return std::nullopt;
}

bool Matches(const std::vector<Expectation>& expected, const Finding& finding) {
  return std::any_of(
      expected.begin(), expected.end(), [&](const Expectation& expectation) {
        return expectation.checker == finding.checker &&
               absl::StrContains(finding.title, expectation.title_part);
      });
}

RunRecord MakeRunRecord(const Program& program, const ExploreResult& result) {
  RunRecord run;
  run.variant = result.variant;
  run.scenario = result.scenario;
  run.arch = result.arch;
  run.mode = "explored";
  run.strategy = result.strategy;
  run.granularity = GranularityName(result.granularity);
  run.stopped = result.stopped;
  run.seed = result.seed;
  run.executions = result.executions;
  run.blocked = result.blocked;
  run.exhausted = result.exhausted;
  run.bound = result.bound;
  run.seconds = result.seconds;
  AddFindings(program, result.findings, &run);
  return run;
}

RunRecord MakeRunRecord(const Program& program, const StressResult& result,
                        uint64_t seed) {
  RunRecord run;
  run.variant = result.variant;
  run.scenario = result.scenario;
  run.arch = result.arch;
  run.mode = "native";
  run.stopped = result.stopped;
  run.seed = seed;
  run.executions = result.rounds;
  run.blocked = result.stuck;
  run.seconds = result.seconds;
  AddFindings(program, result.findings, &run);
  return run;
}

void WriteRuns(const std::vector<RunRecord>& runs, JsonWriter* json) {
  json->Key("schema");
  json->Number(1);
  json->Key("faultline");
  json->String(kVersion);
  json->Key("runs");
  json->BeginArray();
  for (const RunRecord& run : runs) WriteRun(run, json);
  json->EndArray();
}

std::string RunsToJson(const std::vector<RunRecord>& runs) {
  JsonWriter json;
  json.BeginObject();
  WriteRuns(runs, &json);
  json.EndObject();
  return json.Take();
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status AtomicFile::Open(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const auto fail = [&path] {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": cannot be written: ", strerror(errno)));
  };
  path_ = path;
  struct stat status;
  if (stat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) {
      fd_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
      return fd_ < 0 ? fail() : absl::OkStatus();
    }
    // Renaming must replace the file and not a link to it.
    char resolved[PATH_MAX];
    if (realpath(path.c_str(), resolved) != nullptr) path_ = resolved;
  }
  std::string temporary = absl::StrCat(path_, ".", std::string(6, 'X'));
  fd_ = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd_ < 0) return fail();
  temporary_ = temporary;
  // mkostemp gives 0600; what a new file would get:
  const mode_t mask = umask(0);
  umask(mask);
  if (fchmod(fd_, 0666 & ~mask) != 0) return fail();
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit(absl::string_view text) {
  if (fd_ < 0) return absl::OkStatus();
  const auto fail = [this](const char* what) {
    return absl::DataLossError(
        absl::StrCat(path_, ": ", what, ": ", strerror(errno)));
  };
  while (!text.empty()) {
    const ssize_t written = write(fd_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail("cannot write");
    text.remove_prefix(static_cast<size_t>(written));
  }
  const int fd = std::exchange(fd_, -1);
  if (close(fd) != 0) return fail("cannot write");
  if (temporary_.empty()) return absl::OkStatus();
  if (rename(temporary_.c_str(), path_.c_str()) != 0) {
    return fail("cannot put in place");
  }
  temporary_.clear();
  return absl::OkStatus();
}

}  // namespace faultline
