// SPDX-License-Identifier: GPL-2.0-only

#include "sim/program/litmus_parser.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "sim/program/litmus_parser_internal.h"

namespace faultline {

bool LitmusParser::Fail(SourcePlace place, absl::string_view expected,
                        absl::string_view found) {
  error_ = absl::InvalidArgumentError(
      absl::StrCat(file_name_, ":", place.line, ":", place.column,
                   ": expected ", expected, ", found ", found));
  return false;
}

bool LitmusParser::Mark(absl::string_view mark) {
  if (!token_.IsMark(mark)) return Expected(absl::StrCat("'", mark, "'"));
  Advance();
  return true;
}

bool LitmusParser::Name(absl::string_view what, std::string* name) {
  if (token_.kind != TokenKind::kName) return Expected(what);
  if (token_.text.size() > kMaxNameBytes) {
    return Fail(token_.place,
                absl::StrCat(what, " of at most ", kMaxNameBytes, " bytes"),
                absl::StrCat("one of ", token_.text.size()));
  }
  *name = token_.text;
  Advance();
  return true;
}

bool LitmusParser::Word(absl::string_view what, std::string* word) {
  token_ = lexer_.AgainAsWord(token_);
  return Name(what, word);
}

bool LitmusParser::String(absl::string_view what, std::string* text) {
  if (token_.kind != TokenKind::kString) return Expected(what);
  if (token_.text.empty() || token_.text.size() > kMaxStringBytes) {
    return Fail(token_.place,
                absl::StrCat(what, " of 1 to ", kMaxStringBytes, " bytes"),
                absl::StrCat("one of ", token_.text.size()));
  }
  *text = token_.text;
  Advance();
  return true;
}

bool LitmusParser::Number(absl::string_view what, uint64_t least, uint64_t most,
                          uint64_t* number) {
  if (token_.kind != TokenKind::kNumber || token_.pages ||
      token_.number < least || token_.number > most) {
    return Expected(
        absl::StrCat(what, " (a number from ", least, " to ", most, ")"));
  }
  *number = token_.number;
  Advance();
  return true;
}

bool LitmusParser::OneOf(absl::string_view what, absl::string_view a,
                         absl::string_view b, bool* second) {
  if (!token_.IsName(a) && !token_.IsName(b)) return Expected(what);
  *second = token_.IsName(b);
  Advance();
  return true;
}

bool LitmusParser::OnOrOff(bool* on) {
  return OneOf("'on' or 'off'", "off", "on", on);
}

// [-] N [p] { (+|-) N [p] }, with `need_one` false also nothing at all and
// a sign before the first.
bool LitmusParser::Terms(absl::string_view what, bool need_one,
                         Amount* amount) {
  bool first = need_one;
  while (first || token_.IsMark("+") || token_.IsMark("-")) {
    bool minus = token_.IsMark("-");
    if (minus || token_.IsMark("+")) {
      if (first && !minus) return Expected(what);
      Advance();
    }
    first = false;
    if (token_.kind != TokenKind::kNumber) return Expected(what);
    uint64_t most = token_.pages
                        ? static_cast<uint64_t>(kMaxAddressBytes / kPageBytes)
                        : static_cast<uint64_t>(kMaxAddressBytes);
    if (token_.number > most) {
      return Expected(
          absl::StrCat("at most ", most, token_.pages ? " pages" : " bytes"));
    }
    int64_t number = static_cast<int64_t>(token_.number);
    int64_t& part = token_.pages ? amount->pages : amount->bytes;
    part += minus ? -number : number;
    if (part > static_cast<int64_t>(most) ||
        part < -static_cast<int64_t>(most)) {
      return Expected("a smaller sum");
    }
    Advance();
  }
  return true;
}

bool LitmusParser::ParseAmount(absl::string_view what, int64_t most_bytes,
                               Amount* amount) {
  SourcePlace place = token_.place;
  if (!Terms(absl::StrCat(what, " (6p is six pages, 0x10 sixteen bytes)"), true,
             amount)) {
    return false;
  }
  int64_t bytes = TotalBytes(*amount);
  if (bytes < 0 || bytes > most_bytes) {
    return Fail(place, absl::StrCat(what, " of 0 to ", most_bytes, " bytes"),
                absl::StrCat(bytes));
  }
  return true;
}

bool LitmusParser::ParseAddress(Address* address) {
  SourcePlace place = token_.place;
  address->place = place;
  if (token_.kind == TokenKind::kName) {
    auto known = task_variables_.find(token_.text);
    if (known == task_variables_.end()) {
      known = setup_variables_.find(token_.text);
      if (known == setup_variables_.end()) {
        return Expected("a variable that setup or this task assigned before");
      }
    }
    if (known->second != VariableKind::kMapping) {
      return Fail(place, "a variable with the address of a mapping",
                  absl::StrCat("'", token_.text, "', which a load gave"));
    }
    address->variable = token_.text;
    Advance();
  }
  if (!Terms(address->variable.empty() ? "an address (a variable or a number)"
                                       : "a number",
             address->variable.empty(), &address->offset)) {
    return false;
  }
  int64_t bytes = TotalBytes(address->offset);
  if (bytes > kMaxAddressBytes || bytes < -kMaxAddressBytes ||
      (address->variable.empty() && bytes < 0)) {
    return Fail(place, "an address in user space", absl::StrCat(bytes));
  }
  return true;
}

absl::StatusOr<Program> LitmusParser::Run() {
  program_.source = file_name_;
  Advance();
  if (!ParseProgram()) return error_;
  return std::move(program_);
}

bool LitmusParser::ParseProgram() {
  if (!token_.IsName("litmus") || token_.place.column != 1) {
    return Expected("'litmus \"NAME\"' at the beginning of a line");
  }
  Advance();
  if (!String("the program's name in quotes", &program_.name)) return false;
  while (token_.kind != TokenKind::kEnd) {
    if (!Section()) return false;
  }
  if (program_.tasks.empty() && program_.setup.empty()) {
    return Expected("a 'setup' or 'task' section");
  }
  return CheckKills() && CheckForks();
}

bool LitmusParser::Once(absl::string_view section) {
  // Later sections use names that earlier ones declare.
  static constexpr absl::string_view kOrder[] = {"image", "files", "setup",
                                                 "task", "legal"};
  bool after = false;
  for (absl::string_view other : kOrder) {
    if (after && seen_.count(other) != 0) {
      return Fail(token_.place,
                  absl::StrCat("'", section, "' before '", other, "'"),
                  "it after");
    }
    if (other == section) after = true;
  }
  if (!seen_.emplace(section).second && section != "task") {
    return Fail(token_.place, absl::StrCat("one '", section, "' section"),
                "a second");
  }
  return true;
}

bool LitmusParser::Section() {
  if (token_.kind != TokenKind::kName || token_.place.column != 1) {
    return Expected(
        "about, defects, machine, image, files, setup, task, legal or expect "
        "at the beginning of a line");
  }
  std::string section = token_.text;
  if (section == "about") {
    if (!Once(section)) return false;
    Token bad;
    if (!lexer_.IndentedText(&program_.about, &bad)) {
      return Fail(bad.place, "text", bad.Spelling());
    }
    Advance();
    return true;
  }
  bool (LitmusParser::*rule)() = nullptr;
  if (section == "defects") rule = &LitmusParser::Defects;
  if (section == "machine") rule = &LitmusParser::Machine;
  if (section == "image") rule = &LitmusParser::Image;
  if (section == "files") rule = &LitmusParser::Files;
  if (section == "task") rule = &LitmusParser::Task;
  if (section == "legal") rule = &LitmusParser::Legal;
  if (section == "expect") rule = &LitmusParser::Expect;
  if (rule == nullptr && section != "setup") {
    return Expected(
        "about, defects, machine, image, files, setup, task, legal or "
        "expect");
  }
  if (!Once(section)) return false;
  Advance();
  if (rule != nullptr) return (this->*rule)();
  while (InSection()) {
    if (!Statement(&program_.setup)) return false;
  }
  return true;
}

absl::StatusOr<Program> ParseLitmus(absl::string_view text,
                                    absl::string_view file_name) {
  if (text.size() > kMaxLitmusBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ":1:1: expected at most ", kMaxLitmusBytes,
                     " bytes, found ", text.size()));
  }
  return LitmusParser(text, file_name).Run();
}

}  // namespace faultline
