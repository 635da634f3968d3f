// SPDX-License-Identifier: GPL-2.0-only

#include "sim/program/litmus_format.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace faultline {
namespace {

struct NamedNumber {
  absl::string_view name;
  int number;
};

// Numbers of Linux's generic errno headers: the model's, whatever the host.
constexpr NamedNumber kErrnos[] = {
    {"EPERM", 1},      {"ENOENT", 2},   {"EINTR", 4},       {"EIO", 5},
    {"E2BIG", 7},      {"ENOEXEC", 8},  {"EBADF", 9},       {"EAGAIN", 11},
    {"ENOMEM", 12},    {"EACCES", 13},  {"EFAULT", 14},     {"EBUSY", 16},
    {"EEXIST", 17},    {"ENODEV", 19},  {"EINVAL", 22},     {"ETXTBSY", 26},
    {"EFBIG", 27},     {"ENOSPC", 28},  {"ERANGE", 34},     {"ENOSYS", 38},
    {"EOVERFLOW", 75}, {"ELIBBAD", 80}, {"EOPNOTSUPP", 95},
};

constexpr NamedNumber kAdvice[] = {
    {"normal", 0},   {"random", 1},    {"sequential", 2}, {"willneed", 3},
    {"dontneed", 4}, {"free", 8},      {"remove", 9},     {"dontfork", 10},
    {"dofork", 11},  {"dontdump", 16}, {"dodump", 17},
};

struct NamedFlag {
  OpKind kind;
  absl::string_view name;
  uint32_t flag;
};

constexpr NamedFlag kFlags[] = {
    {OpKind::kMmap, "locked", kMapLocked},
    {OpKind::kMmap, "populate", kMapPopulate},
    {OpKind::kMmap, "noreserve", kMapNoreserve},
    {OpKind::kMmap, "growsdown", kMapGrowsdown},
    {OpKind::kMsync, "async", kMsAsync},
    {OpKind::kMsync, "invalidate", kMsInvalidate},
    {OpKind::kMsync, "sync", kMsSync},
    {OpKind::kMlockAll, "current", kMclCurrent},
    {OpKind::kMlockAll, "future", kMclFuture},
    {OpKind::kMlockAll, "onfault", kMclOnfault},
};

std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string Number(uint64_t number) {
  if (number < 10) return absl::StrCat(number);
  return absl::StrCat("0x", absl::Hex(number));
}

// " + 5p", " - 1": one signed term behind something.
void AppendTerm(std::string& text, int64_t number, bool pages) {
  uint64_t magnitude = number < 0 ? -static_cast<uint64_t>(number)
                                  : static_cast<uint64_t>(number);
  std::string digits =
      pages || magnitude < 4096 ? absl::StrCat(magnitude) : Number(magnitude);
  if (text.empty()) {
    if (number < 0) text += "-";
  } else {
    text += number < 0 ? " - " : " + ";
  }
  absl::StrAppend(&text, digits, pages ? "p" : "");
}

std::string FormatAmount(const Amount& amount, std::string text = "") {
  if (amount.pages != 0) AppendTerm(text, amount.pages, true);
  if (amount.bytes != 0) AppendTerm(text, amount.bytes, false);
  return text.empty() ? "0p" : text;
}

std::string FormatAddress(const Address& address) {
  return FormatAmount(address.offset, address.variable);
}

std::string FormatSize(uint32_t bytes) {
  return FormatAmount({bytes / kPageBytes, bytes % kPageBytes});
}

std::string FormatFileSize(const Amount& size) {
  std::string pages =
      absl::StrCat(size.pages, size.pages == 1 ? " page" : " pages");
  std::string bytes =
      absl::StrCat(size.bytes, size.bytes == 1 ? " byte" : " bytes");
  if (size.bytes == 0) return pages;
  if (size.pages == 0) return bytes;
  return absl::StrCat(pages, " + ", bytes);
}

const char* LayoutName(BlockLayout layout) {
  switch (layout) {
    case BlockLayout::kDirect:
      return "direct";
    case BlockLayout::kCompressed:
      return "compressed";
    case BlockLayout::kHole:
      return "hole";
    case BlockLayout::kRaw:
      return "raw";
  }
  return "?";
}

std::string FormatFile(const FileSpec& file) {
  if (!file.path.empty()) {
    return absl::StrCat(file.name, ": path ", Quoted(file.path));
  }
  std::string line = absl::StrCat(file.name, ": ", FormatFileSize(file.size));
  if (!file.filesystem.empty()) absl::StrAppend(&line, ", ", file.filesystem);
  for (const BlockRun& run : file.runs) {
    absl::StrAppend(&line, ", ", LayoutName(run.layout), " ", run.first);
    if (run.last != run.first) absl::StrAppend(&line, "-", run.last);
  }
  if (file.text_pages != 0) {
    absl::StrAppend(&line, ", program ", file.text_pages);
  }
  if (file.shared_tail) line += ", shared tail";
  if (file.unaligned) line += ", unaligned";
  if (file.outside) line += ", outside";
  if (!file.shares.empty()) absl::StrAppend(&line, ", shares ", file.shares);
  return line;
}

void AppendLine(std::string& text, absl::string_view line) {
  absl::StrAppend(&text, "    ", line, "\n");
}

void AppendOps(std::string& text, const std::vector<Op>& ops) {
  for (const Op& op : ops) AppendLine(text, FormatOp(op));
}

std::string FormatMachine(const MachineSpec& machine) {
  std::string body;
  if (machine.arch != MachineSpec().arch) {
    AppendLine(body, absl::StrCat("arch ", machine.arch));
  }
  if (machine.ram_pages != 0) {
    AppendLine(body, absl::StrCat("ram ", machine.ram_pages, " pages"));
  }
  if (machine.max_map_count != 0) {
    AppendLine(body, absl::StrCat("max_map_count ", machine.max_map_count));
  }
  if (machine.fault_around_bytes != 0) {
    AppendLine(body, absl::StrCat("fault_around ", machine.fault_around_bytes));
  }
  for (const std::string& fix : machine.fixes_off) {
    AppendLine(body, absl::StrCat("fix ", fix, " off"));
  }
  for (const std::string& fix : machine.fixes_on) {
    AppendLine(body, absl::StrCat("fix ", fix, " on"));
  }
  if (!machine.physmem) AppendLine(body, "physmem off");
  if (!machine.pat) AppendLine(body, "pat off");
  return body.empty() ? "" : absl::StrCat("machine\n", body);
}

std::string FormatExpectation(const Expectation& expectation) {
  std::string line = absl::StrCat(expectation.variant, ": ");
  if (expectation.checker.empty()) return line + "nothing";
  line += expectation.checker;
  if (!expectation.title_part.empty()) {
    absl::StrAppend(&line, " ", Quoted(expectation.title_part));
  }
  if (!expectation.granularity.empty()) {
    absl::StrAppend(&line, " at ", expectation.granularity);
  }
  return line;
}

}  // namespace

absl::string_view ErrnoName(int error) {
  for (const NamedNumber& entry : kErrnos) {
    if (entry.number == error) return entry.name;
  }
  return "";
}

int ErrnoByName(absl::string_view name) {
  for (const NamedNumber& entry : kErrnos) {
    if (entry.name == name) return entry.number;
  }
  return 0;
}

absl::string_view AdviceName(uint32_t advice) {
  for (const NamedNumber& entry : kAdvice) {
    if (static_cast<uint32_t>(entry.number) == advice) return entry.name;
  }
  return "";
}

int AdviceByName(absl::string_view name) {
  for (const NamedNumber& entry : kAdvice) {
    if (entry.name == name) return entry.number;
  }
  return -1;
}

uint32_t FlagByName(OpKind kind, absl::string_view name) {
  for (const NamedFlag& entry : kFlags) {
    if (entry.kind == kind && entry.name == name) return entry.flag;
  }
  return 0;
}

std::string FlagNames(OpKind kind, uint32_t flags) {
  std::vector<absl::string_view> names;
  for (const NamedFlag& entry : kFlags) {
    if (entry.kind == kind && (flags & entry.flag)) names.push_back(entry.name);
  }
  return absl::StrJoin(names, ", ");
}

std::string FormatProt(uint32_t prot) {
  std::string text;
  if (prot & kProtRead) text += 'r';
  if (prot & kProtWrite) text += 'w';
  if (prot & kProtExec) text += 'x';
  return text.empty() ? "none" : text;
}

std::string FormatOutcome(const Outcome& outcome) {
  switch (outcome.kind) {
    case OutcomeKind::kOk:
      return "ok";
    case OutcomeKind::kSigsegv:
      return "SIGSEGV";
    case OutcomeKind::kSigbus:
      return "SIGBUS";
    case OutcomeKind::kSigkill:
      return "SIGKILL";
    case OutcomeKind::kErrno: {
      absl::string_view name = ErrnoName(outcome.error);
      if (name.empty()) return absl::StrCat("errno ", outcome.error);
      return std::string(name);
    }
    case OutcomeKind::kValue:
      return absl::StrCat("value ", Number(outcome.value));
  }
  return "?";
}

std::string FormatOp(const Op& op) {
  std::vector<std::string> arguments;
  std::string address = FormatAddress(op.address);
  const std::string flags = FlagNames(op.kind, op.flags);
  switch (op.kind) {
    case OpKind::kMmap:
      arguments = {op.file.empty() ? "anon" : op.file, FormatAmount(op.offset),
                   FormatAmount(op.length), FormatProt(op.prot),
                   op.shared ? "shared" : "private"};
      if (op.fixed) arguments.push_back(absl::StrCat("at = ", address));
      if (!flags.empty()) arguments.push_back(flags);
      break;
    case OpKind::kMunmap:
      arguments = {address, FormatAmount(op.length)};
      break;
    case OpKind::kMprotect:
      arguments = {address, FormatAmount(op.length), FormatProt(op.prot)};
      break;
    case OpKind::kMadvise:
      arguments = {address, FormatAmount(op.length),
                   std::string(AdviceName(op.advice))};
      break;
    case OpKind::kMremap:
      arguments = {address, FormatAmount(op.length),
                   FormatAmount(op.new_length)};
      if (op.fixed) {
        arguments.push_back(absl::StrCat("to = ", FormatAddress(op.to)));
      } else if (op.may_move) {
        arguments.push_back("maymove");
      }
      break;
    case OpKind::kBrk:
      arguments = {address};
      break;
    case OpKind::kLoad:
      arguments = {address};
      if (op.size != 1) arguments.push_back(absl::StrCat(op.size));
      break;
    case OpKind::kStore:
      arguments = {address, Number(op.value)};
      if (op.size != 1) arguments.push_back(absl::StrCat(op.size));
      break;
    case OpKind::kExec:
    case OpKind::kUmlLoad:
    case OpKind::kSparcLoad:
      arguments = {address};
      break;
    case OpKind::kUmlStore:
    case OpKind::kSparcStore:
    case OpKind::kFutex:
      arguments = {address, Number(op.value)};
      break;
    case OpKind::kKvm:
      arguments = {address, op.write ? "w" : "r"};
      break;
    case OpKind::kRead:
      arguments = {op.file, FormatAmount(op.offset), FormatAmount(op.length)};
      break;
    case OpKind::kUffdRegister:
    case OpKind::kUffdWake:
      arguments = {address, FormatAmount(op.length)};
      break;
    case OpKind::kUffdCopy:
      arguments = {address, Number(op.value)};
      break;
    case OpKind::kUffdZeropage:
      arguments = {address};
      break;
    case OpKind::kSignal:
    case OpKind::kKill:
    case OpKind::kFork:
      arguments = {op.target};
      break;
    case OpKind::kReclaim:
    case OpKind::kMigrate:
    case OpKind::kRmapWalk:
      arguments = {absl::StrCat(op.value)};
      break;
    case OpKind::kOomKill:
    case OpKind::kOomReap:
      break;
    case OpKind::kMlock:
      arguments = {address, FormatAmount(op.length)};
      if (op.onfault) arguments.push_back("onfault");
      break;
    case OpKind::kMunlock:
      arguments = {address, FormatAmount(op.length)};
      break;
    case OpKind::kMlockAll:
      if (!flags.empty()) arguments = {flags};
      break;
    case OpKind::kMunlockAll:
      break;
    case OpKind::kMsync:
      arguments = {address, FormatAmount(op.length)};
      if (!flags.empty()) arguments.push_back(flags);
      break;
    case OpKind::kMincore:
      arguments = {address, FormatAmount(op.length), FormatAddress(op.to)};
      break;
    case OpKind::kReadInto:
      arguments = {address, op.file, FormatAmount(op.offset)};
      if (op.size != 1) arguments.push_back(FormatSize(op.size));
      break;
    case OpKind::kWriteFrom:
      arguments = {address};
      if (op.size != 1) arguments.push_back(FormatSize(op.size));
      break;
    case OpKind::kPeek:
      arguments = {address};
      if (op.size != 1) arguments.push_back(absl::StrCat(op.size));
      break;
    case OpKind::kPoke:
      arguments = {address, Number(op.value)};
      if (op.size != 1) arguments.push_back(absl::StrCat(op.size));
      break;
    case OpKind::kUprobe:
      arguments = {op.file, FormatAmount(op.offset)};
      break;
    case OpKind::kExecve:
      arguments = {op.file};
      if (TotalBytes(op.length) != 0) {
        arguments.push_back(FormatAmount(op.length));
      }
      break;
    case OpKind::kCoreDump:
      break;
    case OpKind::kVfioPin:
    case OpKind::kPin:
      arguments = {address, op.write ? "w" : "r"};
      break;
    case OpKind::kUnpin:
      break;
    case OpKind::kWrite:
      arguments = {op.file, FormatAmount(op.offset), Number(op.value)};
      if (op.size != 1) arguments.push_back(absl::StrCat(op.size));
      break;
    case OpKind::kTruncate:
      arguments = {op.file, FormatAmount(op.length)};
      break;
    case OpKind::kPunch:
      arguments = {op.file, FormatAmount(op.offset), FormatAmount(op.length)};
      break;
    case OpKind::kDrop:
      arguments = {op.file};
      break;
  }
  if ((op.kind == OpKind::kPeek || op.kind == OpKind::kPoke) &&
      !op.target.empty()) {
    arguments.push_back(absl::StrCat("of = ", op.target));
  }
  return absl::StrCat(
      op.repeat != 1 ? absl::StrCat("repeat ", op.repeat, " ") : "",
      op.result.empty() ? "" : absl::StrCat(op.result, " = "),
      OpKindName(op.kind), "(", absl::StrJoin(arguments, ", "), ")");
}

std::string FormatLitmus(const Program& program) {
  std::string text = absl::StrCat("litmus ", Quoted(program.name), "\n");
  if (!program.about.empty()) {
    text += "about\n";
    for (absl::string_view line : absl::StrSplit(program.about, '\n')) {
      if (line.empty()) {
        text += "\n";
      } else {
        AppendLine(text, line);
      }
    }
  }
  if (!program.defects.empty()) {
    absl::StrAppend(&text, "defects ", absl::StrJoin(program.defects, " "),
                    "\n");
  }
  text += FormatMachine(program.machine);
  if (!program.image.existing.empty() || !program.image.files.empty()) {
    text += "image";
    if (!program.image.existing.empty()) {
      absl::StrAppend(&text, " ", Quoted(program.image.existing));
    }
    text += "\n";
    for (const FileSpec& file : program.image.files) {
      AppendLine(text, FormatFile(file));
    }
  }
  if (!program.memory_files.empty()) {
    text += "files\n";
    for (const FileSpec& file : program.memory_files) {
      AppendLine(text, FormatFile(file));
    }
  }
  if (!program.setup.empty()) {
    text += "setup\n";
    AppendOps(text, program.setup);
  }
  for (const TaskSpec& task : program.tasks) {
    absl::StrAppend(&text, "task ", task.name);
    if (task.forked) {
      text += " forked";
    } else if (task.process != TaskSpec().process) {
      absl::StrAppend(&text, " in ", task.process);
    }
    text += "\n";
    AppendOps(text, task.ops);
  }
  if (!program.legal.empty()) {
    text += "legal\n";
    for (const LegalRule& rule : program.legal) {
      AppendLine(
          text, absl::StrCat(
                    rule.task, ": ",
                    absl::StrJoin(rule.any_of, " | ",
                                  [](std::string* out, const Outcome& outcome) {
                                    *out += FormatOutcome(outcome);
                                  })));
    }
  }
  if (!program.expectations.empty()) {
    text += "expect\n";
    for (const Expectation& expectation : program.expectations) {
      AppendLine(text, FormatExpectation(expectation));
    }
  }
  return text;
}

}  // namespace faultline
