// SPDX-License-Identifier: GPL-2.0-only

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "sim/program/litmus_format.h"
#include "sim/program/litmus_parser_internal.h"

namespace faultline {

bool LitmusParser::Defects() {
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

bool LitmusParser::Machine() {
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
      constexpr absl::string_view kArchitecture =
          "an architecture (x86-64, arm or arm-nommu)";
      if (!Word(kArchitecture, &machine.arch)) return false;
      if (machine.arch != "x86-64" && machine.arch != "arm" &&
          machine.arch != "arm-nommu") {
        return Fail(where, kArchitecture, absl::StrCat("'", machine.arch, "'"));
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

bool LitmusParser::Image() {
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

bool LitmusParser::FileHead(FileSpec* file) {
  file->place = token_.place;
  if (files_.size() == kMaxFiles) {
    return Expected(absl::StrCat("at most ", kMaxFiles, " files"));
  }
  if (token_.IsName("anon")) {
    return Fail(token_.place, "the name of a file",
                "'anon', which means anonymous memory");
  }
  if (!Name("the name of a file", &file->name)) return false;
  if (!files_.insert(file->name).second) {
    return Fail(file->place, "a name that no other file has",
                absl::StrCat("'", file->name, "'"));
  }
  return Mark(":");
}

// "g: 2 pages, tmpfs, hole 1"
bool LitmusParser::Files() {
  while (InSection()) {
    FileSpec file;
    if (!FileHead(&file) || !FileSize(0, kMaxMemoryFileBytes, &file) ||
        !Comma()) {
      return false;
    }
    if (!token_.IsName("tmpfs") && !token_.IsName("ramfs")) {
      return Expected("'tmpfs' or 'ramfs'");
    }
    file.filesystem = token_.text;
    Advance();
    while (token_.IsMark(",")) {
      Advance();
      if (!token_.IsName("hole") || TotalBytes(file.size) == 0) {
        return Expected("'hole' and the pages that are one");
      }
      if (!Run(&file, BlockLayout::kHole)) return false;
    }
    program_.memory_files.push_back(std::move(file));
  }
  if (program_.memory_files.empty()) {
    return Expected("a file ('g: 2 pages, tmpfs')");
  }
  return true;
}

bool LitmusParser::File() {
  FileSpec file;
  if (!FileHead(&file)) return false;
  if (!program_.image.existing.empty()) {
    if (!token_.IsName("path")) {
      return Expected("'path \"PATH\"', the image being an existing one");
    }
    Advance();
    if (!String("the file's path in the image", &file.path)) return false;
    program_.image.files.push_back(std::move(file));
    return true;
  }
  if (!FileSize(1, kMaxFileBytes, &file)) return false;
  SourcePlace tail, unaligned, damage;
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
    } else if (token_.IsName("program")) {
      Advance();
      const SourcePlace place = token_.place;
      uint64_t pages = 0;
      if (!Number("how many pages of text", 1, kMaxTextPages, &pages)) {
        return false;
      }
      file.text_pages = static_cast<uint32_t>(pages);
      if (file.text_pages * kPageBytes >= TotalBytes(file.size)) {
        return Fail(place, "fewer pages of text than the file has",
                    absl::StrCat(pages));
      }
    } else if (token_.IsName("unaligned")) {
      unaligned = token_.place;
      Advance();
      file.unaligned = true;
    } else if (token_.IsName("outside")) {
      damage = token_.place;
      Advance();
      file.outside = true;
    } else if (token_.IsName("shares")) {
      damage = token_.place;
      Advance();
      if (!Name("the name of an earlier file", &file.shares)) return false;
    } else {
      return Expected(
          "direct, compressed, hole, raw, program, 'shared tail', unaligned, "
          "outside or shares");
    }
  }
  if (!CheckFile(file, tail, unaligned) || !CheckDamage(file, damage)) {
    return false;
  }
  program_.image.files.push_back(std::move(file));
  return true;
}

// "6 pages", "100 bytes", "5 pages + 100 bytes", or an amount.
bool LitmusParser::FileSize(int64_t least, int64_t most, FileSpec* file) {
  SourcePlace place = token_.place;
  constexpr absl::string_view kWhat = "a size (6 pages, 5 pages + 100 bytes)";
  for (bool more = true; more;) {
    if (token_.kind != TokenKind::kNumber ||
        token_.number > static_cast<uint64_t>(most)) {
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
    if (TotalBytes(file->size) > most) {
      return Fail(place,
                  absl::StrCat("at most ", most, " bytes, the format's limit"),
                  absl::StrCat(TotalBytes(file->size)));
    }
  }
  if (TotalBytes(file->size) < least) {
    return Fail(place, "a size of at least one byte", "0");
  }
  return true;
}

bool LitmusParser::Run(FileSpec* file, BlockLayout layout) {
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

namespace {

bool IsDirectInWholePages(const FileSpec& file) {
  return file.size.bytes == 0 && file.runs.size() == 1 && !file.unaligned &&
         file.runs[0].layout == BlockLayout::kDirect &&
         file.runs[0].first == 0 &&
         file.runs[0].last + 1 == static_cast<uint32_t>(file.size.pages);
}

}  // namespace

bool LitmusParser::CheckDamage(const FileSpec& file, SourcePlace damage) {
  if (!file.outside && file.shares.empty()) return true;
  if (!IsDirectInWholePages(file) || (file.outside && !file.shares.empty())) {
    return Fail(damage,
                "one of 'outside' and 'shares', with all of the pages "
                "direct",
                "another layout");
  }
  if (file.outside) return true;
  for (const FileSpec& earlier : program_.image.files) {
    if (earlier.name == file.shares && IsDirectInWholePages(earlier) &&
        !earlier.outside && earlier.shares.empty() &&
        earlier.size.pages >= file.size.pages) {
      return true;
    }
  }
  return Fail(damage,
              "an earlier file to share with, direct too and no shorter",
              absl::StrCat("'", file.shares, "'"));
}

bool LitmusParser::CheckFile(const FileSpec& file, SourcePlace tail,
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
  for (const BlockRun& run : file.runs) {
    if (file.text_pages != 0 && run.layout == BlockLayout::kHole) {
      return Fail(file.place, "a program without holes",
                  absl::StrCat("'", file.name, "' with one"));
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

bool LitmusParser::Task() {
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
  } else if (token_.IsName("forked") && token_.place.line == task.place.line) {
    Advance();
    task.forked = true;
  }
  in_task_ = true;
  task_variables_.clear();
  while (InSection()) {
    if (!Statement(&task.ops)) return false;
  }
  if (task.ops.empty()) return Expected("an operation of the task");
  if (!CheckKernelTask(task)) return false;
  program_.tasks.push_back(std::move(task));
  return true;
}

bool LitmusParser::CheckKernelTask(const TaskSpec& task) {
  if (task.process != kKernelProcess) return true;
  for (const Op& op : task.ops) {
    switch (op.kind) {
      case OpKind::kRead:
      case OpKind::kKill:
      case OpKind::kSignal:
      case OpKind::kReclaim:
      case OpKind::kMigrate:
      case OpKind::kRmapWalk:
      case OpKind::kOomKill:
      case OpKind::kOomReap:
      case OpKind::kWrite:
      case OpKind::kTruncate:
      case OpKind::kPunch:
      case OpKind::kDrop:
      case OpKind::kUprobe:
        break;
      default:
        return Fail(
            op.place, "an operation that needs no memory of the task's own",
            absl::StrCat("'", OpKindName(op.kind), "' in a kernel thread"));
    }
  }
  return true;
}

bool LitmusParser::CheckForks() {
  for (const auto& [name, place] : forks_) {
    bool found = false;
    for (const TaskSpec& task : program_.tasks) {
      found |= task.name == name && task.forked;
    }
    if (!found) {
      return Fail(place, "the name of a forked task",
                  absl::StrCat("'", name, "', which is none"));
    }
  }
  for (const TaskSpec& task : program_.tasks) {
    int forked = 0;
    for (const auto& [name, place] : forks_) {
      if (name != task.name) continue;
      if (++forked > 1) {
        return Fail(place, "a task that was not forked before",
                    absl::StrCat("'", name, "' again"));
      }
    }
    if (task.forked && forked == 0) {
      return Fail(task.place,
                  absl::StrCat("a task that does fork(", task.name, ")"),
                  "none");
    }
  }
  // In a circle nobody would begin.
  std::set<std::string> begin;
  for (size_t round = 0; round < program_.tasks.size(); ++round) {
    for (const TaskSpec& task : program_.tasks) {
      if (task.forked && begin.count(task.name) == 0) continue;
      for (const Op& op : task.ops) {
        if (op.kind == OpKind::kFork) begin.insert(op.target);
      }
    }
  }
  for (const auto& [name, place] : forks_) {
    if (begin.count(name) != 0) continue;
    return Fail(place, "a task that another one can begin",
                absl::StrCat("'", name, "', which waits for itself"));
  }
  return true;
}

bool LitmusParser::CheckKills() {
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

bool LitmusParser::ParseOutcome(Outcome* outcome) {
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

bool LitmusParser::Legal() {
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

bool LitmusParser::Expect() {
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

}  // namespace faultline
