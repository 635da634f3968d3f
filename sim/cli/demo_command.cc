// SPDX-License-Identifier: GPL-2.0-only

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/demo.h"
#include "sim/cli/flags.h"
#include "sim/cli/json.h"

namespace faultline {
namespace {

// The files the demo makes, and the directory if it is empty then.
void RemoveWork(const std::string& directory) {
  for (const char* name : {"/demo.cramfs", "/demo.litmus"}) {
    unlink((directory + name).c_str());
  }
  rmdir(directory.c_str());
}

absl::StatusOr<std::string> TemporaryDirectory() {
  const char* base = getenv("TMPDIR");
  std::string name = absl::StrCat(base && *base ? base : "/tmp",
                                  "/faultline-demo.", std::string(6, 'X'));
  if (mkdtemp(name.data()) == nullptr) {
    return absl::UnavailableError(
        absl::StrCat(name, ": cannot be made: ", strerror(errno)));
  }
  return name;
}

std::string DemoJson(const Demo& demo) {
  JsonWriter json;
  json.BeginObject();
  WriteRuns(demo.runs(), &json);
  json.Key("steps");
  json.BeginArray();
  for (const DemoStep& step : demo.steps()) {
    json.BeginObject();
    json.Key("name");
    json.String(step.name);
    json.Key("ok");
    json.Bool(step.ok);
    json.Key("result");
    json.String(step.result);
    json.Key("seconds");
    json.Real(step.seconds);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

}  // namespace

int DemoCommand(Io& io, const Args& args) {
  std::string keep, json_path;
  DemoOptions options;
  FlagSet flags(
      "demo", "",
      "Builds a cramfs image of binaries of this machine, maps one in a "
      "simulated machine,\nfinds a race in the v3 patch, replays it, and looks "
      "for it in mainline.");
  flags.AddString("keep", "DIR", "leave image and program there", &keep);
  flags.AddNumber("seed", "of the search (1)", 0, (uint64_t{1} << 53) - 1,
                  &options.seed);
  flags.AddString("json", "FILE", "results as JSON too (docs/json.md)",
                  &json_path);
  Args positional;
  const std::optional<int> ended = EndsAtFlags(io, args, &flags, &positional);
  if (ended) return *ended;
  if (!positional.empty()) {
    return Complain(io, absl::StrCat("demo: unexpected '", positional[0], "'"),
                    kExitUsage);
  }
  AtomicFile json;
  absl::Status status = json.Open(json_path);
  if (!status.ok()) return Complain(io, status);

  options.keep = !keep.empty();
  if (options.keep) {
    if (mkdir(keep.c_str(), 0777) != 0 && errno != EEXIST) {
      return Complain(io,
                      absl::StrCat(keep, ": cannot be made: ", strerror(errno)),
                      kExitUsage);
    }
    options.directory = keep;
  } else {
    absl::StatusOr<std::string> directory = TemporaryDirectory();
    if (!directory.ok()) return Complain(io, directory.status());
    options.directory = *directory;
  }
  absl::Cleanup remove = [&options] {
    if (!options.keep) RemoveWork(options.directory);
  };

  Demo demo(io, options);
  const int code = demo.Run();
  if (code == kExitInterrupted) return code;
  status = json.Commit(DemoJson(demo));
  if (!status.ok()) return Complain(io, status);
  return code;
}

}  // namespace faultline
