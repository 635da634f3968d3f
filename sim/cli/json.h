// SPDX-License-Identifier: GPL-2.0-only
//
// JSON output.  docs/json.md describes the schema.

#ifndef FAULTLINE_SIM_CLI_JSON_H_
#define FAULTLINE_SIM_CLI_JSON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sim/explorer.h"
#include "sim/finding.h"
#include "sim/native_runner.h"
#include "sim/program/program.h"

namespace faultline {

// Writes one JSON value, indented.  Keys and values must come in an order that
// makes sense; nothing checks it.
class JsonWriter {
 public:
  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }
  void Key(absl::string_view key);
  void String(absl::string_view value);
  void Number(uint64_t value);
  void Integer(int64_t value);
  // Not a finite number: null.
  void Real(double value);
  void Bool(bool value);
  void Null();

  // With a newline at the end.
  std::string Take();

 private:
  void Open(char bracket);
  void Close(char bracket);
  void Next();

  std::string text_;
  std::vector<bool> empty_;  // of each open object or array
  bool after_key_ = false;
};

// With quotes.  What is no UTF-8 becomes U+FFFD, byte by byte.
std::string JsonString(absl::string_view text);

// One run of one program on one variant.
struct RunRecord {
  std::string variant, scenario, arch;
  std::string mode;  // "explored", "native", "replay"
  std::string strategy, granularity;
  std::string stopped;
  uint64_t seed = 0;
  uint64_t executions = 0, blocked = 0;
  bool exhausted = false;
  int bound = -1;
  double seconds = 0;
  // What the program's file says of this variant; absent: nothing.
  std::optional<std::vector<Expectation>> expected;
  struct Found {
    Finding finding;
    std::vector<std::string> defects;
  };
  std::vector<Found> findings;
};

RunRecord MakeRunRecord(const Program& program, const ExploreResult& result);
RunRecord MakeRunRecord(const Program& program, const StressResult& result,
                        uint64_t seed);

// What the file says of `variant`: its own lines, or those of "*"; absent
// when it has neither.
std::optional<std::vector<Expectation>> ExpectationsOf(
    const Program& program, const std::string& variant);
// Whether one of the expectations is this finding.
bool Matches(const std::vector<Expectation>& expected, const Finding& finding);

// The members "schema", "faultline" and "runs"; `json` is in an object.
void WriteRuns(const std::vector<RunRecord>& runs, JsonWriter* json);
std::string RunsToJson(const std::vector<RunRecord>& runs);

// A file that comes into being whole or not at all.  Open() makes sure that
// it can be written, before a long search and not after it; Commit() puts it
// in place by renaming.  Without Commit() nothing is left behind.  What exists
// and is no regular file (a pipe, /dev/stdout) is written directly.
class AtomicFile {
 public:
  AtomicFile() = default;
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // kInvalidArgument: cannot be written.  An empty path: Commit() does
  // nothing.
  absl::Status Open(const std::string& path);
  absl::Status Commit(absl::string_view text);

 private:
  std::string path_, temporary_;
  int fd_ = -1;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_JSON_H_
