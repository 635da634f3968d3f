// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/flags.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

namespace faultline {
namespace {

absl::Status Expected(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

}  // namespace

absl::StatusOr<Budget> ParseBudget(absl::string_view text) {
  Budget budget;
  if (text == "none") return budget;
  if (absl::SimpleAtoi(text, &budget.executions)) {
    if (budget.executions > 0) return budget;
  } else {
    absl::Duration duration;
    if (absl::ParseDuration(text, &duration)) {
      budget.seconds = absl::ToDoubleSeconds(duration);
      if (budget.seconds > 0 && std::isfinite(budget.seconds)) {
        budget.executions = 0;
        return budget;
      }
    }
  }
  return Expected("a number of executions, a time (30s, 5m) or none");
}

FlagSet::FlagSet(std::string command, std::string arguments, std::string about)
    : command_(std::move(command)),
      arguments_(std::move(arguments)),
      about_(std::move(about)) {}

void FlagSet::AddBool(const std::string& name, const std::string& help,
                      bool* value) {
  flags_.push_back({name, "", help, false, true, [value](absl::string_view) {
                      *value = true;
                      return absl::OkStatus();
                    }});
}

void FlagSet::AddCount(const std::string& name, const std::string& help,
                       int* value) {
  flags_.push_back({name, "", help, false, true, [value](absl::string_view) {
                      ++*value;
                      return absl::OkStatus();
                    }});
}

void FlagSet::AddString(const std::string& name, const std::string& what,
                        const std::string& help, std::string* value) {
  flags_.push_back(
      {name, what, help, true, false, [value](absl::string_view text) {
         if (text.empty()) return Expected("a value that is not empty");
         *value = std::string(text);
         return absl::OkStatus();
       }});
}

void FlagSet::AddList(const std::string& name, const std::string& what,
                      const std::string& help,
                      std::vector<std::string>* value) {
  flags_.push_back(
      {name, what, help, true, true, [value](absl::string_view text) {
         for (absl::string_view part : absl::StrSplit(text, ',')) {
           if (part.empty()) return Expected("names between commas");
           value->push_back(std::string(part));
         }
         return absl::OkStatus();
       }});
}

void FlagSet::AddNumber(const std::string& name, const std::string& help,
                        uint64_t least, uint64_t most, uint64_t* value) {
  flags_.push_back(
      {name, "N", help, true, false,
       [least, most, value](absl::string_view text) {
         uint64_t number = 0;
         if (!absl::SimpleAtoi(text, &number) || number < least ||
             number > most) {
           return Expected(absl::StrCat("a number from ", least, " to ", most));
         }
         *value = number;
         return absl::OkStatus();
       }});
}

void FlagSet::AddChoice(const std::string& name, const std::string& help,
                        std::vector<std::string> choices, std::string* value) {
  const std::string what = absl::StrJoin(choices, "|");
  flags_.push_back(
      {name, what, help, true, false,
       [choices = std::move(choices), value](absl::string_view text) {
         if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
           return Expected(absl::StrJoin(choices, " or "));
         }
         *value = std::string(text);
         return absl::OkStatus();
       }});
}

void FlagSet::AddBudget(const std::string& name, const std::string& help,
                        Budget* value) {
  flags_.push_back(
      {name, "30s|N", help, true, false, [value](absl::string_view text) {
         absl::StatusOr<Budget> budget = ParseBudget(text);
         if (budget.ok()) *value = *budget;
         return budget.status();
       }});
}

void FlagSet::Short(char letter, absl::string_view name) {
  Flag* flag = Find(name);
  assert(flag != nullptr && FindShort(letter) == nullptr);
  flag->letter = letter;
}

FlagSet::Flag* FlagSet::FindShort(char letter) {
  for (Flag& flag : flags_) {
    if (flag.letter == letter) return &flag;
  }
  return nullptr;
}

FlagSet::Flag* FlagSet::Find(absl::string_view name) {
  for (Flag& flag : flags_) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

bool FlagSet::Given(absl::string_view name) const {
  for (const Flag& flag : flags_) {
    if (flag.name == name) return flag.given;
  }
  return false;
}

absl::Status FlagSet::Error(absl::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat(command_, ": ", what, " (", command_, " --help)"));
}

absl::Status FlagSet::Set(Flag* flag, absl::string_view written,
                          absl::string_view value) {
  if (flag->given && !flag->repeats) {
    return Error(absl::StrCat(written, " was given twice"));
  }
  flag->given = true;
  const absl::Status status = flag->set(value);
  if (status.ok()) return status;
  return Error(absl::StrCat(written, ": expected ", status.message(),
                            ", found '", value, "'"));
}

absl::Status FlagSet::ParseShort(const std::vector<std::string>& args,
                                 size_t* i) {
  const absl::string_view bundle = args[*i];
  for (size_t at = 1; at < bundle.size(); ++at) {
    if (bundle[at] == 'h') {
      help_ = true;
      return absl::OkStatus();
    }
    Flag* flag = FindShort(bundle[at]);
    if (flag == nullptr) {
      return Error(absl::StrCat(
          "unknown flag ",
          at == 1 ? bundle
                  : absl::StrCat("-", bundle.substr(at, 1), " in ", bundle)));
    }
    const std::string written = absl::StrCat("-", bundle.substr(at, 1));
    absl::string_view value;
    if (flag->takes_value) {
      value = bundle.substr(at + 1);
      at = bundle.size();
      if (value.empty()) {
        if (*i + 1 == args.size() || absl::StartsWith(args[*i + 1], "--")) {
          return Error(absl::StrCat(written, " wants a value: ", flag->what));
        }
        value = args[++*i];
      }
    }
    const absl::Status status = Set(flag, written, value);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FlagSet::Parse(const std::vector<std::string>& args,
                            std::vector<std::string>* positional) {
  bool flags_ended = false;
  help_ = false;
  for (Flag& flag : flags_) flag.given = false;
  for (size_t i = 0; i < args.size() && !help_; ++i) {
    const absl::string_view arg = args[i];
    if (flags_ended || arg.size() < 2 || arg[0] != '-') {
      positional->push_back(args[i]);
      continue;
    }
    if (arg == "--") {
      flags_ended = true;
      continue;
    }
    if (arg == "--help") {
      help_ = true;
      continue;
    }
    if (arg[1] != '-') {
      const absl::Status status = ParseShort(args, &i);
      if (!status.ok()) return status;
      continue;
    }
    const absl::string_view written = arg.substr(0, arg.find('='));
    const bool has_value = written.size() < arg.size();
    absl::string_view value;
    if (has_value) value = arg.substr(written.size() + 1);
    Flag* flag = Find(written.substr(2));
    if (flag == nullptr) {
      return Error(absl::StrCat("unknown flag ", written));
    }
    if (!flag->takes_value && has_value) {
      return Error(absl::StrCat(written, " takes no value"));
    }
    if (flag->takes_value && !has_value) {
      // A value may begin with one dash ("--checkers -deadlock"); what begins
      // with two is the next flag.
      if (i + 1 == args.size() || absl::StartsWith(args[i + 1], "--")) {
        return Error(absl::StrCat(written, " wants a value: ", flag->what));
      }
      value = args[++i];
    }
    const absl::Status status = Set(flag, written, value);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string FlagSet::HelpText() const {
  std::string text = absl::StrCat(
      "usage: faultline ", command_, flags_.empty() ? "" : " [flags]",
      arguments_.empty() ? "" : " ", arguments_, "\n\n", about_, "\n");
  if (flags_.empty()) return text;
  absl::StrAppend(&text, "\n");
  for (const Flag& flag : flags_) {
    const std::string head = absl::StrCat(
        "  ",
        flag.letter ? absl::StrCat("-", std::string(1, flag.letter), ", ") : "",
        "--", flag.name, flag.takes_value ? " " : "", flag.what);
    if (head.size() > 28) {
      absl::StrAppend(&text, head, "\n", std::string(30, ' '), flag.help, "\n");
    } else {
      absl::StrAppendFormat(&text, "%-30s%s\n", head, flag.help);
    }
  }
  return text;
}

}  // namespace faultline
