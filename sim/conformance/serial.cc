// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/serial.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace faultline {
namespace {

// Of what goes where the kernel likes: many of it fit the window.
constexpr uint64_t kLongest = kWindowBytes / 16;

bool ParseHex(absl::string_view text, uint64_t* value) {
  return absl::SimpleHexAtoi(text, value);
}

// The next blank-separated word of *text.
absl::string_view NextWord(absl::string_view* text) {
  *text = absl::StripLeadingAsciiWhitespace(*text);
  const size_t end = std::min(text->find(' '), text->size());
  const absl::string_view word = text->substr(0, end);
  text->remove_prefix(end);
  return word;
}

bool ParseLine(absl::string_view line, MapsText* out) {
  const absl::string_view range = NextWord(&line);
  const size_t dash = range.find('-');
  if (dash == absl::string_view::npos) return false;
  if (!ParseHex(range.substr(0, dash), &out->start) ||
      !ParseHex(range.substr(dash + 1), &out->end)) {
    return false;
  }
  out->permissions = NextWord(&line);
  if (out->permissions.size() != 4) return false;
  if (!ParseHex(NextWord(&line), &out->offset)) return false;
  NextWord(&line);  // device
  if (!absl::SimpleAtoi(NextWord(&line), &out->inode)) return false;
  out->path = absl::StripLeadingAsciiWhitespace(line);
  return true;
}

}  // namespace

uint32_t ParseVmFlags(absl::string_view names) {
  uint32_t flags = 0;
  for (absl::string_view name : absl::StrSplit(names, ' ', absl::SkipEmpty())) {
    for (size_t i = 0; i < std::size(kVmFlagNames); ++i) {
      if (name == kVmFlagNames[i]) flags |= 1u << i;
    }
  }
  return flags;
}

std::string FormatMapLine(const MapLine& line,
                          const std::vector<std::string>& files) {
  std::string text = absl::StrFormat("[-0x%x, -0x%x) %s", line.start, line.end,
                                     line.permissions);
  if (line.file >= 0) {
    absl::StrAppend(&text, " ", files[static_cast<size_t>(line.file)]);
    absl::StrAppendFormat(&text, " + 0x%x", line.offset);
  }
  static const uint32_t kSaid = ParseVmFlags("rd wr ex mr me");
  for (size_t i = 0; i < std::size(kVmFlagNames); ++i) {
    if ((line.flags & ~kSaid) >> i & 1) {
      absl::StrAppend(&text, " ", kVmFlagNames[i]);
    }
  }
  return text;
}

bool HostHas(const CompiledOp& op) {
  switch (op.kind) {
    case OpKind::kMlockAll:
      return (op.flags & kMclCurrent) == 0;
    case OpKind::kBrk:
    case OpKind::kMlock:
    case OpKind::kMunlock:
    case OpKind::kMunlockAll:
    case OpKind::kMsync:
    case OpKind::kMincore:
    case OpKind::kReadInto:
    case OpKind::kWriteFrom:
    case OpKind::kFork:
    case OpKind::kMmap:
    case OpKind::kMunmap:
    case OpKind::kMprotect:
    case OpKind::kMadvise:
    case OpKind::kMremap:
    case OpKind::kLoad:
    case OpKind::kStore:
    case OpKind::kRead:
    case OpKind::kWrite:
    case OpKind::kTruncate:
    case OpKind::kPunch:
    case OpKind::kDrop:
      return true;
    default:
      return false;
  }
}

bool InWindow(const CompiledOp& op, const uint64_t* variables,
              const Windows& windows) {
  const auto inside = [&windows](uint64_t address, uint64_t length) {
    return windows.Inside(address, length);
  };
  bool has_length = true;
  switch (op.kind) {
    case OpKind::kRead:
    case OpKind::kWrite:
    case OpKind::kTruncate:
    case OpKind::kPunch:
    case OpKind::kDrop:
    case OpKind::kFork:
    case OpKind::kMlockAll:
    case OpKind::kMunlockAll:
      return true;
    case OpKind::kMmap:
    case OpKind::kMunmap:
    case OpKind::kMprotect:
    case OpKind::kMadvise:
    case OpKind::kMremap:
    case OpKind::kMlock:
    case OpKind::kMunlock:
    case OpKind::kMsync:
      break;
    case OpKind::kBrk:
      return OpAddress(op, variables) == 0 ||
             windows.InHeap(OpAddress(op, variables), 0);
    case OpKind::kMincore:
      if (!inside(OpTarget(op, variables), (op.length >> 12) + 1)) return false;
      break;
    default:
      has_length = false;
  }
  if (op.kind == OpKind::kMmap && !op.fixed) {
    // Longer than an address space: refused.
    return op.length <= kLongest || op.length >= uint64_t{1} << 47;
  }
  const uint64_t address = OpAddress(op, variables);
  if (op.kind == OpKind::kMremap) {
    // It may grow where it is.
    return inside(address, std::max(op.length, op.new_length)) &&
           op.new_length <= kLongest &&
           (!op.fixed || inside(OpTarget(op, variables), op.new_length));
  }
  return inside(address, has_length ? op.length : op.size);
}

static void AppendProcess(const CompiledProgram& program, int process,
                          const CompiledOp* fork,
                          std::vector<SerialBatch>* batches) {
  const size_t index = batches->size();
  batches->emplace_back().process = process;
  if (fork != nullptr) batches->back().ops.push_back(fork);
  const auto append = [&](const std::vector<CompiledOp>& ops) {
    for (const CompiledOp& op : ops) (*batches)[index].ops.push_back(&op);
  };
  if (static_cast<size_t>(process) < program.own_processes) {
    append(program.setup);
  }
  for (const CompiledTask& task : program.tasks) {
    if (task.process == process) append(task.ops);
  }
  // Not as long as the vector may move.
  std::vector<const CompiledOp*> forks;
  for (const CompiledOp* op : (*batches)[index].ops) {
    if (op->kind == OpKind::kFork && op != fork) forks.push_back(op);
  }
  for (const CompiledOp* op : forks) {
    const int child = ChildOf(program, *op);
    (*batches)[index].children.push_back(child);
    AppendProcess(program, child, op, batches);
  }
}

std::vector<SerialBatch> SerialOrder(const CompiledProgram& program) {
  std::vector<SerialBatch> batches;
  for (size_t i = 0; i < program.own_processes; ++i) {
    AppendProcess(program, static_cast<int>(i), nullptr, &batches);
  }
  return batches;
}

absl::Status ParseMaps(absl::string_view text, std::vector<MapsText>* lines) {
  lines->clear();
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (absl::ConsumePrefix(&line, "VmFlags:")) {
      if (lines->empty()) return absl::DataLossError("VmFlags of nothing");
      lines->back().flags = ParseVmFlags(line);
      continue;
    }
    // Headers begin with an address, what is told of them with a name.
    if (absl::ascii_isupper(line[0])) continue;
    MapsText parsed;
    if (!ParseLine(line, &parsed)) {
      return absl::DataLossError(
          absl::StrCat("no line of /proc/PID/smaps: ", line));
    }
    lines->push_back(parsed);
  }
  return absl::OkStatus();
}

}  // namespace faultline
