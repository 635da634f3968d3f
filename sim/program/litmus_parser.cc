// SPDX-License-Identifier: GPL-2.0-only

#include "sim/program/litmus_parser.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "sim/program/litmus_format.h"
#include "sim/program/litmus_lexer.h"

namespace faultline {
namespace {

enum class VariableKind { kMapping, kLoaded };

// Recursive descent, one function a rule.  A function that returns false has
// set error_ and its callers only pass the false on.
class Parser {
 public:
  Parser(absl::string_view text, absl::string_view file_name)
      : file_name_(file_name), lexer_(text) {}

  absl::StatusOr<Program> Run();

 private:
  // ---- tokens
  void Advance() { token_ = lexer_.Next(); }
  // True while statements of the current section follow: a section ends at
  // the first one that is not indented.
  bool InSection() const {
    return token_.kind != TokenKind::kEnd && token_.place.column > 1;
  }
  bool Fail(SourcePlace place, absl::string_view expected,
            absl::string_view found);
  bool Expected(absl::string_view what) {
    return Fail(token_.place, what, token_.Spelling());
  }
  bool Mark(absl::string_view mark);
  bool Comma() { return Mark(","); }
  bool Name(absl::string_view what, std::string* name);
  bool Word(absl::string_view what, std::string* word);
  bool String(absl::string_view what, std::string* text);
  bool Number(absl::string_view what, uint64_t least, uint64_t most,
              uint64_t* number);
  bool OnOrOff(bool* on);

  // ---- amounts and addresses
  bool Terms(absl::string_view what, bool need_one, Amount* amount);
  bool ParseAmount(absl::string_view what, int64_t most_bytes, Amount* amount);
  bool ParseAddress(bool page_aligned, Address* address);
  bool Aligned(SourcePlace place, absl::string_view what, const Amount& amount);

  // ---- sections
  bool ParseProgram();
  bool Section();
  bool Once(absl::string_view section);
  bool Defects();
  bool Machine();
  bool Image();
  bool File();
  bool FileSize(FileSpec* file);
  bool Run(FileSpec* file, BlockLayout layout);
  bool CheckFile(const FileSpec& file, SourcePlace tail, SourcePlace unaligned);
  bool Task();
  bool Legal();
  bool ParseOutcome(Outcome* outcome);
  bool Expect();
  bool CheckKills();

  // ---- operations
  bool Statement(std::vector<Op>* ops);
  bool Operation(Op* op);
  bool Mmap(Op* op);
  bool Access(Op* op);
  bool Prot(uint32_t* prot);
  bool Value(uint32_t size, uint64_t* value);
  bool AccessSize(uint32_t* size);
  bool WithinPage(const Op& op);
  bool OneOf(absl::string_view what, absl::string_view a, absl::string_view b,
             bool* second);
  bool FileName(bool anonymous, std::string* file);
  bool Length(Amount* length) {
    return ParseAmount("a length", kMaxAddressBytes, length);
  }
  // Offset and then length in a file.
  bool FileRange(Op* op, int64_t most_length);

  std::string file_name_;
  LitmusLexer lexer_;
  Token token_;
  absl::Status error_;
  Program program_;
  size_t ops_ = 0;
  std::set<std::string, std::less<>> seen_;
  std::set<std::string, std::less<>> files_;
  // Of setup, and of the task that is being read.
  std::map<std::string, VariableKind, std::less<>> setup_variables_;
  std::map<std::string, VariableKind, std::less<>> task_variables_;
  bool in_task_ = false;
  std::vector<std::pair<std::string, SourcePlace>> kills_;
};

bool Parser::Fail(SourcePlace place, absl::string_view expected,
                  absl::string_view found) {
  error_ = absl::InvalidArgumentError(
      absl::StrCat(file_name_, ":", place.line, ":", place.column,
                   ": expected ", expected, ", found ", found));
  return false;
}

bool Parser::Mark(absl::string_view mark) {
  if (!token_.IsMark(mark)) return Expected(absl::StrCat("'", mark, "'"));
  Advance();
  return true;
}

bool Parser::Name(absl::string_view what, std::string* name) {
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

bool Parser::Word(absl::string_view what, std::string* word) {
  token_ = lexer_.AgainAsWord(token_);
  return Name(what, word);
}

bool Parser::String(absl::string_view what, std::string* text) {
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

bool Parser::Number(absl::string_view what, uint64_t least, uint64_t most,
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

bool Parser::OneOf(absl::string_view what, absl::string_view a,
                   absl::string_view b, bool* second) {
  if (!token_.IsName(a) && !token_.IsName(b)) return Expected(what);
  *second = token_.IsName(b);
  Advance();
  return true;
}

bool Parser::OnOrOff(bool* on) {
  return OneOf("'on' or 'off'", "off", "on", on);
}

// [-] N [p] { (+|-) N [p] }, with `need_one` false also nothing at all and
// a sign before the first.
bool Parser::Terms(absl::string_view what, bool need_one, Amount* amount) {
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

bool Parser::ParseAmount(absl::string_view what, int64_t most_bytes,
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

bool Parser::Aligned(SourcePlace place, absl::string_view what,
                     const Amount& amount) {
  if (TotalBytes(amount) % kPageBytes == 0) return true;
  return Fail(place, absl::StrCat(what, " at a page boundary"),
              absl::StrCat(TotalBytes(amount) % kPageBytes, " bytes past one"));
}

bool Parser::ParseAddress(bool page_aligned, Address* address) {
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
  return !page_aligned || Aligned(place, "an address", address->offset);
}

absl::StatusOr<Program> Parser::Run() {
  program_.source = file_name_;
  Advance();
  if (!ParseProgram()) return error_;
  return std::move(program_);
}

bool Parser::ParseProgram() {
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
  return CheckKills();
}

bool Parser::Once(absl::string_view section) {
  // Later sections use names that earlier ones declare.
  static constexpr absl::string_view kOrder[] = {"image", "setup", "task",
                                                 "legal"};
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

bool Parser::Section() {
  if (token_.kind != TokenKind::kName || token_.place.column != 1) {
    return Expected(
        "about, defects, machine, image, setup, task, legal or expect at "
        "the beginning of a line");
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
  bool (Parser::*rule)() = nullptr;
  if (section == "defects") rule = &Parser::Defects;
  if (section == "machine") rule = &Parser::Machine;
  if (section == "image") rule = &Parser::Image;
  if (section == "task") rule = &Parser::Task;
  if (section == "legal") rule = &Parser::Legal;
  if (section == "expect") rule = &Parser::Expect;
  if (rule == nullptr && section != "setup") {
    return Expected(
        "about, defects, machine, image, setup, task, legal or expect");
  }
  if (!Once(section)) return false;
  Advance();
  if (rule != nullptr) return (this->*rule)();
  while (InSection()) {
    if (!Statement(&program_.setup)) return false;
  }
  return true;
}

bool Parser::Defects() {
  while (InSection()) {
    std::string id;
    if (!Word("the id of a defect", &id)) return false;
    if (program_.defects.size() == kMaxLines) {
      return Expected(absl::StrCat("at most ", kMaxLines, " defects"));
    }
    program_.defects.push_back(id);
  }
  return true;
}

bool Parser::Machine() {
  MachineSpec& machine = program_.machine;
  std::set<std::string> settings;
  while (InSection()) {
    SourcePlace place = token_.place;
    std::string setting;
    uint64_t number = 0;
    constexpr absl::string_view kSettings =
        "arch, ram, max_map_count, fault_around, fix, physmem or pat";
    if (token_.kind != TokenKind::kName) return Expected(kSettings);
    setting = token_.text;
    if (setting != "fix" && !settings.insert(setting).second) {
      return Fail(place, absl::StrCat("one '", setting, "'"), "a second");
    }
    if (setting == "arch") {
      Advance();
      SourcePlace where = token_.place;
      if (!Word("an architecture (x86-64 or arm)", &machine.arch)) {
        return false;
      }
      if (machine.arch != "x86-64" && machine.arch != "arm") {
        return Fail(where, "an architecture (x86-64 or arm)",
                    absl::StrCat("'", machine.arch, "'"));
      }
    } else if (setting == "ram") {
      Advance();
      if (!Number("the pages of RAM", 16, 1 << 20, &machine.ram_pages)) {
        return false;
      }
      if (!token_.IsName("pages")) return Expected("'pages'");
      Advance();
    } else if (setting == "max_map_count") {
      Advance();
      if (!Number("the mappings of a process", 1, 1 << 20, &number)) {
        return false;
      }
      machine.max_map_count = static_cast<uint32_t>(number);
    } else if (setting == "fault_around") {
      Advance();
      Token bytes = token_;
      if (!Number("the bytes of a fault-around", 4096, 1 << 20, &number)) {
        return false;
      }
      if ((number & (number - 1)) != 0) {
        return Fail(bytes.place, "a power of two", bytes.Spelling());
      }
      machine.fault_around_bytes = static_cast<uint32_t>(number);
    } else if (setting == "fix") {
      Advance();
      std::string name;
      SourcePlace where = token_.place;
      bool on = false;
      if (!Word("the name of a fix", &name)) return false;
      if (!settings.insert("fix " + name).second ||
          settings.size() > kMaxLines) {
        return Fail(where, "each fix once", absl::StrCat("'", name, "'"));
      }
      if (!OnOrOff(&on)) return false;
      (on ? machine.fixes_on : machine.fixes_off).push_back(name);
    } else if (setting == "physmem") {
      Advance();
      if (!OnOrOff(&machine.physmem)) return false;
    } else if (setting == "pat") {
      Advance();
      if (!OnOrOff(&machine.pat)) return false;
    } else {
      return Expected(kSettings);
    }
  }
  return true;
}

bool Parser::Image() {
  program_.image.place = token_.place;
  if (token_.kind == TokenKind::kString &&
      !String("the path of an image", &program_.image.existing)) {
    return false;
  }
  while (InSection()) {
    if (!File()) return false;
  }
  if (program_.image.files.empty()) return Expected("a file ('f: 6 pages')");
  return true;
}

bool Parser::File() {
  FileSpec file;
  file.place = token_.place;
  if (program_.image.files.size() == kMaxFiles) {
    return Expected(absl::StrCat("at most ", kMaxFiles, " files"));
  }
  if (token_.IsName("anon")) {
    return Fail(token_.place, "the name of a file",
                "'anon', which means anonymous memory");
  }
  if (!Name("the name of a file", &file.name)) return false;
  if (!files_.insert(file.name).second) {
    return Fail(file.place, "a name that no other file has",
                absl::StrCat("'", file.name, "'"));
  }
  if (!Mark(":")) return false;
  if (!program_.image.existing.empty()) {
    if (!token_.IsName("path")) {
      return Expected("'path \"PATH\"', the image being an existing one");
    }
    Advance();
    if (!String("the file's path in the image", &file.path)) return false;
    program_.image.files.push_back(std::move(file));
    return true;
  }
  if (!FileSize(&file)) return false;
  SourcePlace tail, unaligned;
  while (token_.IsMark(",")) {
    Advance();
    if (token_.IsName("direct")) {
      if (!Run(&file, BlockLayout::kDirect)) return false;
    } else if (token_.IsName("compressed")) {
      if (!Run(&file, BlockLayout::kCompressed)) return false;
    } else if (token_.IsName("hole")) {
      if (!Run(&file, BlockLayout::kHole)) return false;
    } else if (token_.IsName("raw")) {
      if (!Run(&file, BlockLayout::kRaw)) return false;
    } else if (token_.IsName("shared")) {
      tail = token_.place;
      Advance();
      if (!token_.IsName("tail")) return Expected("'tail'");
      Advance();
      file.shared_tail = true;
    } else if (token_.IsName("unaligned")) {
      unaligned = token_.place;
      Advance();
      file.unaligned = true;
    } else {
      return Expected(
          "direct, compressed, hole, raw, 'shared tail' or unaligned");
    }
  }
  if (!CheckFile(file, tail, unaligned)) return false;
  program_.image.files.push_back(std::move(file));
  return true;
}

// "6 pages", "100 bytes", "5 pages + 100 bytes", or an amount.
bool Parser::FileSize(FileSpec* file) {
  SourcePlace place = token_.place;
  constexpr absl::string_view kWhat = "a size (6 pages, 5 pages + 100 bytes)";
  for (bool more = true; more;) {
    if (token_.kind != TokenKind::kNumber ||
        token_.number > static_cast<uint64_t>(kMaxFileBytes)) {
      return Expected(kWhat);
    }
    bool pages = token_.pages;
    int64_t number = static_cast<int64_t>(token_.number);
    Advance();
    if (!pages && (token_.IsName("pages") || token_.IsName("page"))) {
      pages = true;
      Advance();
    } else if (!pages) {
      if (token_.IsName("bytes") || token_.IsName("byte")) Advance();
    }
    (pages ? file->size.pages : file->size.bytes) += number;
    more = token_.IsMark("+");
    if (more) Advance();
    if (TotalBytes(file->size) > kMaxFileBytes) {
      return Fail(
          place,
          absl::StrCat("at most ", kMaxFileBytes, " bytes, the format's limit"),
          absl::StrCat(TotalBytes(file->size)));
    }
  }
  if (TotalBytes(file->size) == 0) {
    return Fail(place, "a size of at least one byte", "0");
  }
  return true;
}

bool Parser::Run(FileSpec* file, BlockLayout layout) {
  Advance();
  SourcePlace place = token_.place;
  uint64_t blocks = static_cast<uint64_t>(
      (TotalBytes(file->size) + kPageBytes - 1) / kPageBytes);
  uint64_t first = 0, last = 0;
  if (!Number("a block", 0, blocks - 1, &first)) return false;
  last = first;
  if (token_.IsMark("-")) {
    Advance();
    if (!Number("the last block", first, blocks - 1, &last)) return false;
  }
  for (const BlockRun& other : file->runs) {
    if (first <= other.last && other.first <= last) {
      return Fail(
          place, "blocks that have no layout yet",
          absl::StrCat("block ", std::max<uint64_t>(first, other.first)));
    }
  }
  if (file->runs.size() == kMaxRuns) {
    return Fail(place, absl::StrCat("at most ", kMaxRuns, " runs"), "more");
  }
  file->runs.push_back(
      {static_cast<uint32_t>(first), static_cast<uint32_t>(last), layout});
  return true;
}

bool Parser::CheckFile(const FileSpec& file, SourcePlace tail,
                       SourcePlace unaligned) {
  int64_t bytes = TotalBytes(file.size);
  uint32_t last_block = static_cast<uint32_t>((bytes - 1) / kPageBytes);
  bool direct = false, raw_end = false;
  for (const BlockRun& run : file.runs) {
    if (run.layout == BlockLayout::kDirect) direct = true;
    if (run.last == last_block && (run.layout == BlockLayout::kDirect ||
                                   run.layout == BlockLayout::kRaw)) {
      raw_end = true;
    }
  }
  if (file.shared_tail && (!raw_end || bytes % kPageBytes == 0)) {
    return Fail(tail,
                "'shared tail' only where the last block is direct or raw and "
                "not full",
                raw_end ? "a full block" : "another layout");
  }
  if (file.unaligned && !direct) {
    return Fail(unaligned, "'unaligned' only with a direct block", "none");
  }
  return true;
}

bool Parser::Task() {
  TaskSpec task;
  task.place = token_.place;
  if (program_.tasks.size() == kMaxTasks) {
    return Expected(absl::StrCat("at most ", kMaxTasks, " tasks"));
  }
  if (!Name("the name of a task", &task.name)) return false;
  for (const TaskSpec& other : program_.tasks) {
    if (other.name == task.name) {
      return Fail(task.place, "a name that no other task has",
                  absl::StrCat("'", task.name, "'"));
    }
  }
  if (token_.IsName("in")) {
    Advance();
    if (!Name("the name of a process", &task.process)) return false;
  }
  in_task_ = true;
  task_variables_.clear();
  while (InSection()) {
    if (!Statement(&task.ops)) return false;
  }
  if (task.ops.empty()) return Expected("an operation of the task");
  program_.tasks.push_back(std::move(task));
  return true;
}

bool Parser::CheckKills() {
  for (const auto& [name, place] : kills_) {
    bool found = false;
    for (const TaskSpec& task : program_.tasks) found |= task.name == name;
    if (!found) {
      return Fail(place, "the name of a task",
                  absl::StrCat("'", name, "', which is none"));
    }
  }
  return true;
}

bool Parser::ParseOutcome(Outcome* outcome) {
  constexpr absl::string_view kWhat =
      "an outcome (ok, SIGSEGV, SIGBUS, SIGKILL, an errno name, errno N or "
      "value N)";
  if (token_.kind != TokenKind::kName) return Expected(kWhat);
  uint64_t number = 0;
  if (token_.text == "ok") {
    outcome->kind = OutcomeKind::kOk;
  } else if (token_.text == "SIGSEGV") {
    outcome->kind = OutcomeKind::kSigsegv;
  } else if (token_.text == "SIGBUS") {
    outcome->kind = OutcomeKind::kSigbus;
  } else if (token_.text == "SIGKILL") {
    outcome->kind = OutcomeKind::kSigkill;
  } else if (token_.text == "value") {
    outcome->kind = OutcomeKind::kValue;
    Advance();
    return Number("the value of the last load", 0, ~uint64_t{0},
                  &outcome->value);
  } else if (token_.text == "errno") {
    outcome->kind = OutcomeKind::kErrno;
    Advance();
    if (!Number("an error number", 1, 4095, &number)) return false;
    outcome->error = static_cast<int>(number);
    return true;
  } else {
    outcome->kind = OutcomeKind::kErrno;
    outcome->error = ErrnoByName(token_.text);
    if (outcome->error == 0) return Expected(kWhat);
  }
  Advance();
  return true;
}

bool Parser::Legal() {
  while (InSection()) {
    LegalRule rule;
    rule.place = token_.place;
    if (!Name("the name of a task", &rule.task)) return false;
    bool known = false;
    for (const TaskSpec& task : program_.tasks) {
      known |= task.name == rule.task;
    }
    if (!known) {
      return Fail(rule.place, "the name of a task",
                  absl::StrCat("'", rule.task, "', which is none"));
    }
    for (const LegalRule& other : program_.legal) {
      if (other.task == rule.task) {
        return Fail(rule.place, "one rule for each task",
                    absl::StrCat("a second for '", rule.task, "'"));
      }
    }
    if (!Mark(":")) return false;
    for (bool more = true; more;) {
      Outcome outcome;
      if (rule.any_of.size() == kMaxLines) {
        return Expected(absl::StrCat("at most ", kMaxLines, " outcomes"));
      }
      if (!ParseOutcome(&outcome)) return false;
      rule.any_of.push_back(outcome);
      more = token_.IsMark("|");
      if (more) Advance();
    }
    program_.legal.push_back(std::move(rule));
  }
  return true;
}

bool Parser::Expect() {
  while (InSection()) {
    std::vector<Expectation> line;
    for (bool more = true; more;) {
      Expectation expectation;
      expectation.place = token_.place;
      if (token_.IsMark("*")) {
        expectation.variant = "*";
        Advance();
      } else if (!Word("a variant or '*'", &expectation.variant)) {
        return false;
      }
      line.push_back(std::move(expectation));
      more = token_.IsMark(",");
      if (more) Advance();
      if (program_.expectations.size() + line.size() > kMaxLines) {
        return Expected(absl::StrCat("at most ", kMaxLines, " expectations"));
      }
    }
    if (!Mark(":")) return false;
    std::string checker, title, granularity;
    SourcePlace place = token_.place;
    if (!Word("a checker or 'nothing'", &checker)) return false;
    if (checker == "nothing") {
      checker.clear();
    } else {
      if (token_.kind == TokenKind::kString &&
          !String("a part of the title", &title)) {
        return false;
      }
      if (token_.IsName("at")) {
        Advance();
        bool access = false;
        if (!OneOf("'sync' or 'access'", "sync", "access", &access)) {
          return false;
        }
        granularity = access ? "access" : "sync";
      }
    }
    for (Expectation& expectation : line) {
      for (const Expectation& other : program_.expectations) {
        if (other.variant == expectation.variant &&
            (other.checker.empty() || checker.empty())) {
          return Fail(place, "'nothing' or a checker for one variant", "both");
        }
      }
      expectation.checker = checker;
      expectation.title_part = title;
      expectation.granularity = granularity;
      program_.expectations.push_back(std::move(expectation));
    }
  }
  return true;
}

bool Parser::Statement(std::vector<Op>* ops) {
  Op op{};
  op.place = token_.place;
  if (ops_++ == kMaxOps) {
    return Expected(absl::StrCat("at most ", kMaxOps, " operations"));
  }
  std::string name;
  if (token_.IsName("repeat")) {
    Advance();
    uint64_t times = 0;
    if (!Number("how often", 1, kMaxRepeat, &times)) return false;
    op.repeat = static_cast<int>(times);
  }
  SourcePlace place = token_.place;
  if (!Name("an operation (mmap, load, store, ...)", &name)) return false;
  bool assigned = token_.IsMark("=");
  if (assigned) {
    if (op.repeat != 1) {
      return Fail(place, "an operation without a result after 'repeat'",
                  absl::StrCat("'", name, " ='"));
    }
    auto& variables = in_task_ ? task_variables_ : setup_variables_;
    if (variables.count(name) != 0 || setup_variables_.count(name) != 0) {
      return Fail(place, "a variable that was not assigned before",
                  absl::StrCat("'", name, "'"));
    }
    op.result = name;
    Advance();
    place = token_.place;
    if (!Name("mmap or load", &name)) return false;
    if (name != "mmap" && name != "load") {
      return Fail(place, "mmap or load", absl::StrCat("'", name, "'"));
    }
  }
  static constexpr OpKind kKinds[] = {
      OpKind::kMmap,      OpKind::kMunmap,     OpKind::kMprotect,
      OpKind::kMadvise,   OpKind::kLoad,       OpKind::kStore,
      OpKind::kExec,      OpKind::kUmlLoad,    OpKind::kUmlStore,
      OpKind::kSparcLoad, OpKind::kSparcStore, OpKind::kFutex,
      OpKind::kKvm,       OpKind::kRead,       OpKind::kKill};
  bool known = false;
  for (OpKind kind : kKinds) {
    if (name == OpKindName(kind)) {
      op.kind = kind;
      known = true;
    }
  }
  if (!known) {
    return Fail(place, "an operation (mmap, load, store, ...)",
                absl::StrCat("'", name, "'"));
  }
  if (op.kind == OpKind::kKill && !in_task_) {
    return Fail(place, "'kill' in a task", "it in setup");
  }
  if (!Mark("(") || !Operation(&op) || !Mark(")")) return false;
  // Known only from here on: an operation cannot use its own result.
  if (assigned) {
    (in_task_ ? task_variables_ : setup_variables_)[op.result] =
        op.kind == OpKind::kMmap ? VariableKind::kMapping
                                 : VariableKind::kLoaded;
  }
  ops->push_back(std::move(op));
  return true;
}

bool Parser::Operation(Op* op) {
  switch (op->kind) {
    case OpKind::kMmap:
      return Mmap(op);
    case OpKind::kMunmap:
      return ParseAddress(true, &op->address) && Comma() && Length(&op->length);
    case OpKind::kMprotect:
      return ParseAddress(true, &op->address) && Comma() &&
             Length(&op->length) && Comma() && Prot(&op->prot);
    case OpKind::kMadvise: {
      if (!ParseAddress(true, &op->address) || !Comma() ||
          !Length(&op->length) || !Comma()) {
        return false;
      }
      int advice =
          token_.kind == TokenKind::kName ? AdviceByName(token_.text) : -1;
      if (advice < 0) {
        return Expected(
            "advice (normal, random, sequential, willneed or dontneed)");
      }
      op->advice = static_cast<uint32_t>(advice);
      Advance();
      return true;
    }
    case OpKind::kRead:
      return FileName(false, &op->file) && Comma() &&
             FileRange(op, kMaxReadBytes);
    case OpKind::kKill: {
      SourcePlace place = token_.place;
      if (!Name("the name of a task", &op->target)) return false;
      kills_.emplace_back(op->target, place);
      return true;
    }
    default:
      return Access(op);
  }
}

bool Parser::FileName(bool anonymous, std::string* file) {
  absl::string_view what =
      anonymous ? "a file of the image or 'anon'" : "a file of the image";
  if (token_.kind != TokenKind::kName) return Expected(what);
  if (anonymous && token_.text == "anon") {
    Advance();
    return true;
  }
  if (files_.count(token_.text) == 0) return Expected(what);
  *file = token_.text;
  Advance();
  return true;
}

bool Parser::FileRange(Op* op, int64_t most_length) {
  return ParseAmount("an offset in the file", kMaxAddressBytes, &op->offset) &&
         Comma() && ParseAmount("a length", most_length, &op->length);
}

bool Parser::Mmap(Op* op) {
  if (!FileName(true, &op->file) || !Comma()) return false;
  SourcePlace place = token_.place;
  if (!FileRange(op, kMaxAddressBytes)) return false;
  if (!Aligned(place, "an offset", op->offset)) return false;
  if (op->file.empty() && TotalBytes(op->offset) != 0) {
    return Fail(place, "offset 0p for anonymous memory",
                absl::StrCat(TotalBytes(op->offset)));
  }
  if (!Comma() || !Prot(&op->prot) || !Comma() ||
      !OneOf("'private' or 'shared'", "private", "shared", &op->shared)) {
    return false;
  }
  if (!token_.IsMark(",")) return true;
  Advance();
  if (!token_.IsName("at")) return Expected("'at = ADDRESS'");
  Advance();
  op->fixed = true;
  return Mark("=") && ParseAddress(true, &op->address);
}

bool Parser::Prot(uint32_t* prot) {
  constexpr absl::string_view kWhat =
      "a protection (r, w, x, rw, rx, wx, rwx or none)";
  if (token_.kind != TokenKind::kName) return Expected(kWhat);
  for (uint32_t p = 0; p <= (kProtRead | kProtWrite | kProtExec); ++p) {
    if (token_.text == FormatProt(p)) {
      *prot = p;
      Advance();
      return true;
    }
  }
  return Expected(kWhat);
}

bool Parser::Value(uint32_t size, uint64_t* value) {
  uint64_t most = size == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * size)) - 1;
  return Number(
      absl::StrCat("a value of ", size, size == 1 ? " byte" : " bytes"), 0,
      most, value);
}

bool Parser::AccessSize(uint32_t* size) {
  if (!token_.IsMark(",")) return true;
  Advance();
  if (token_.kind != TokenKind::kNumber || token_.pages ||
      (token_.number != 1 && token_.number != 2 && token_.number != 4 &&
       token_.number != 8)) {
    return Expected("a size of 1, 2, 4 or 8 bytes");
  }
  *size = static_cast<uint32_t>(token_.number);
  Advance();
  return true;
}

// Mappings begin at page boundaries, so the place in the page is known here.
bool Parser::WithinPage(const Op& op) {
  int64_t bytes = TotalBytes(op.address.offset);
  int64_t within = ((bytes % kPageBytes) + kPageBytes) % kPageBytes;
  if (within + op.size <= kPageBytes) return true;
  return Fail(op.address.place, "an access within one page",
              absl::StrCat(op.size, " bytes at byte ", within, " of a page"));
}

bool Parser::Access(Op* op) {
  if (!ParseAddress(false, &op->address)) return false;
  switch (op->kind) {
    case OpKind::kLoad:
      return AccessSize(&op->size) && WithinPage(*op);
    case OpKind::kStore: {
      // The size comes after the value that it bounds.
      if (!Comma()) return false;
      Token value = token_;
      if (!Value(8, &op->value) || !AccessSize(&op->size)) return false;
      if (op->size < 8 && (op->value >> (8 * op->size)) != 0) {
        return Fail(value.place,
                    absl::StrCat("a value of ", op->size,
                                 op->size == 1 ? " byte" : " bytes"),
                    value.Spelling());
      }
      return WithinPage(*op);
    }
    case OpKind::kUmlStore:
    case OpKind::kSparcStore:
      return Comma() && Value(1, &op->value);
    case OpKind::kFutex: {
      if (TotalBytes(op->address.offset) % 4 != 0) {
        return Fail(op->address.place, "an address that 4 divides",
                    absl::StrCat(TotalBytes(op->address.offset) % 4,
                                 " bytes past one"));
      }
      return Comma() && Value(4, &op->value);
    }
    case OpKind::kKvm:
      return Comma() && OneOf("'r' or 'w'", "r", "w", &op->write);
    default:
      return true;
  }
}

}  // namespace

absl::StatusOr<Program> ParseLitmus(absl::string_view text,
                                    absl::string_view file_name) {
  if (text.size() > kMaxLitmusBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ":1:1: expected at most ", kMaxLitmusBytes,
                     " bytes, found ", text.size()));
  }
  return Parser(text, file_name).Run();
}

}  // namespace faultline
