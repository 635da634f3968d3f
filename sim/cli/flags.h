// SPDX-License-Identifier: GPL-2.0-only
//
// The flags of one command: a table of what there is, where it goes and what
// it says.
//
//   FlagSet flags("maps", "IMG FILE", "Maps a file of an image ...");
//   flags.AddBool("touch-tail", "touch the ...", &touch_tail);
//   absl::Status status = flags.Parse(args, &positional);
//
// "--name value" and "--name=value" are the same; flags and other arguments
// may come in any order; "--" ends the flags.  "-h" and "--help" are always
// there.  Errors are kInvalidArgument with one line that names the flag as the
// user wrote it.
//
// A flag with a short name, see Short(), may also be written as getopt has it:
// "-v", bundled "-vx", with its value "-e 5" or "-e5".

#ifndef FAULTLINE_SIM_CLI_FLAGS_H_
#define FAULTLINE_SIM_CLI_FLAGS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace faultline {

// How much a search may cost: executions, or time, or neither.
struct Budget {
  uint64_t executions = 0;  // 0: no limit
  double seconds = 0;       // 0: no limit
};

// "5000" executions, "30s", "2m", "1h30m", or "none".
absl::StatusOr<Budget> ParseBudget(absl::string_view text);

class FlagSet {
 public:
  // arguments: what comes beside flags, for the usage line.
  FlagSet(std::string command, std::string arguments, std::string about);

  void AddBool(const std::string& name, const std::string& help, bool* value);
  // Each time it is given adds one.
  void AddCount(const std::string& name, const std::string& help, int* value);
  void AddString(const std::string& name, const std::string& what,
                 const std::string& help, std::string* value);
  // Comma separated, and may be given several times.
  void AddList(const std::string& name, const std::string& what,
               const std::string& help, std::vector<std::string>* value);
  void AddNumber(const std::string& name, const std::string& help,
                 uint64_t least, uint64_t most, uint64_t* value);
  void AddChoice(const std::string& name, const std::string& help,
                 std::vector<std::string> choices, std::string* value);
  void AddBudget(const std::string& name, const std::string& help,
                 Budget* value);
  // Gives a flag that was added before a name of one letter beside its own.
  void Short(char letter, absl::string_view name);

  // `positional` gets the other arguments.  After "--help" parsing goes no
  // further and help() is true.
  absl::Status Parse(const std::vector<std::string>& args,
                     std::vector<std::string>* positional);
  bool help() const { return help_; }
  bool Given(absl::string_view name) const;
  std::string HelpText() const;

 private:
  struct Flag {
    std::string name, what, help;
    bool takes_value;
    bool repeats;
    // The message says only what was expected.
    std::function<absl::Status(absl::string_view)> set;
    bool given = false;
    char letter = 0;  // 0: none
  };

  Flag* Find(absl::string_view name);
  Flag* FindShort(char letter);
  // `written`: the flag with its dashes, as the user wrote it.
  absl::Status Set(Flag* flag, absl::string_view written,
                   absl::string_view value);
  // A bundle of short flags; may take the next argument as a value.
  absl::Status ParseShort(const std::vector<std::string>& args, size_t* i);
  absl::Status Error(absl::string_view what) const;

  const std::string command_, arguments_, about_;
  std::vector<Flag> flags_;
  bool help_ = false;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_CLI_FLAGS_H_
