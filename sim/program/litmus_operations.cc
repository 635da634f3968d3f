// SPDX-License-Identifier: GPL-2.0-only

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "sim/program/litmus_format.h"
#include "sim/program/litmus_parser_internal.h"

namespace faultline {

bool LitmusParser::Statement(std::vector<Op>* ops) {
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
    constexpr absl::string_view kWhat = "mmap, mremap, brk, load or exec";
    if (!Name(kWhat, &name)) return false;
    if (name != "mmap" && name != "mremap" && name != "brk" && name != "load" &&
        name != "exec") {
      return Fail(place, kWhat, absl::StrCat("'", name, "'"));
    }
  }
  bool known = false;
  for (int i = 0; i < kOpKinds; ++i) {
    const OpKind kind = static_cast<OpKind>(i);
    if (name == OpKindName(kind)) {
      op.kind = kind;
      known = true;
    }
  }
  if (!known) {
    return Fail(place, "an operation (mmap, load, store, ...)",
                absl::StrCat("'", name, "'"));
  }
  if ((op.kind == OpKind::kKill || op.kind == OpKind::kSignal ||
       op.kind == OpKind::kFork || op.kind == OpKind::kExecve) &&
      !in_task_) {
    return Fail(place, absl::StrCat("'", name, "' in a task"), "it in setup");
  }
  if (op.kind == OpKind::kFork && op.repeat != 1) {
    return Fail(place, "an operation that can be repeated", "'fork'");
  }
  if (!Mark("(") || !Operation(&op) || !Mark(")")) return false;
  // Known only from here on: an operation cannot use its own result.
  if (assigned) {
    (in_task_ ? task_variables_ : setup_variables_)[op.result] =
        op.kind == OpKind::kLoad ? VariableKind::kLoaded
                                 : VariableKind::kMapping;
  }
  ops->push_back(std::move(op));
  return true;
}

bool LitmusParser::Operation(Op* op) {
  switch (op->kind) {
    case OpKind::kMmap:
      return Mmap(op);
    case OpKind::kMunmap:
      return ParseAddress(&op->address) && Comma() && Length(&op->length);
    case OpKind::kMprotect:
      return ParseAddress(&op->address) && Comma() && Length(&op->length) &&
             Comma() && Prot(&op->prot);
    case OpKind::kMadvise: {
      if (!ParseAddress(&op->address) || !Comma() || !Length(&op->length) ||
          !Comma()) {
        return false;
      }
      int advice =
          token_.kind == TokenKind::kName ? AdviceByName(token_.text) : -1;
      if (advice < 0) {
        return Expected(
            "advice (normal, random, sequential, willneed, dontneed, free, "
            "remove, dontfork, dofork, dontdump or dodump)");
      }
      op->advice = static_cast<uint32_t>(advice);
      Advance();
      return true;
    }
    case OpKind::kMremap:
      return Mremap(op);
    case OpKind::kBrk:
      return ParseAddress(&op->address);
    case OpKind::kRead:
      return FileName(false, &op->file) && Comma() &&
             FileRange(op, kMaxReadBytes);
    case OpKind::kUffdRegister:
    case OpKind::kUffdWake:
      return ParseAddress(&op->address) && Comma() && Length(&op->length);
    case OpKind::kUffdCopy:
      return ParseAddress(&op->address) && Comma() && Value(8, &op->value);
    case OpKind::kUffdZeropage:
      return ParseAddress(&op->address);
    case OpKind::kSignal:
    case OpKind::kKill: {
      SourcePlace place = token_.place;
      if (!Name("the name of a task", &op->target)) return false;
      kills_.emplace_back(op->target, place);
      return true;
    }
    case OpKind::kFork: {
      SourcePlace place = token_.place;
      if (!Name("the name of a forked task", &op->target)) return false;
      forks_.emplace_back(op->target, place);
      return true;
    }
    case OpKind::kReclaim:
    case OpKind::kMigrate:
    case OpKind::kRmapWalk:
      return Number("a number of pages", 1, kMaxLruPages, &op->value);
    case OpKind::kOomKill:
    case OpKind::kOomReap:
    case OpKind::kMunlockAll:
      return true;
    case OpKind::kMlockAll:
      return token_.IsMark(")") || Flags(true, op);
    case OpKind::kMsync:
      return ParseAddress(&op->address) && Comma() && Length(&op->length) &&
             Flags(false, op);
    case OpKind::kMincore:
      return ParseAddress(&op->address) && Comma() && Length(&op->length) &&
             Comma() && ParseAddress(&op->to);
    case OpKind::kMlock:
      if (!ParseAddress(&op->address) || !Comma() || !Length(&op->length)) {
        return false;
      }
      if (!token_.IsMark(",")) return true;
      Advance();
      if (!token_.IsName("onfault")) return Expected("'onfault'");
      op->onfault = true;
      Advance();
      return true;
    case OpKind::kMunlock:
      return ParseAddress(&op->address) && Comma() && Length(&op->length);
    case OpKind::kUprobe:
      return FileName(false, &op->file) && Comma() &&
             ParseAmount("an offset in the file", kMaxAddressBytes,
                         &op->offset);
    case OpKind::kExecve: {
      if (!FileName(false, &op->file)) return false;
      if (!token_.IsMark(",")) return true;
      Advance();
      SourcePlace place = token_.place;
      if (!ParseAmount("how far to move the stack", kMaxStackShift,
                       &op->length)) {
        return false;
      }
      if (TotalBytes(op->length) % kPageBytes == 0) return true;
      return Fail(place, "a distance of whole pages",
                  absl::StrCat(TotalBytes(op->length)));
    }
    case OpKind::kCoreDump:
    case OpKind::kUnpin:
      return true;
    case OpKind::kWrite:
    case OpKind::kTruncate:
    case OpKind::kPunch:
    case OpKind::kDrop:
      return FileChange(op);
    default:
      return Access(op);
  }
}

bool LitmusParser::FileName(bool anonymous, std::string* file) {
  absl::string_view what = anonymous ? "a file or 'anon'" : "a file";
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

bool LitmusParser::MemoryFileName(std::string* file) {
  for (const FileSpec& known : program_.memory_files) {
    if (!token_.IsName(known.name)) continue;
    *file = known.name;
    Advance();
    return true;
  }
  return Expected("a file of the section 'files'");
}

bool LitmusParser::FileChange(Op* op) {
  if (!MemoryFileName(&op->file)) return false;
  switch (op->kind) {
    case OpKind::kTruncate:
      return Comma() && ParseAmount("a size", kMaxMemoryFileBytes, &op->length);
    case OpKind::kPunch: {
      if (!Comma()) return false;
      SourcePlace place = token_.place;
      if (!FileRange(op, kMaxMemoryFileBytes)) return false;
      return TotalBytes(op->length) > 0 ||
             Fail(place, "a length of at least one byte", "0");
    }
    case OpKind::kWrite: {
      if (!Comma() ||
          !ParseAmount("an offset in the file", kMaxMemoryFileBytes,
                       &op->offset) ||
          !Comma()) {
        return false;
      }
      Token value = token_;
      if (!Value(8, &op->value) || !AccessSize(op)) return false;
      if (op->size == 8 || (op->value >> (8 * op->size)) == 0) return true;
      return Fail(value.place,
                  absl::StrCat("a value of ", op->size,
                               op->size == 1 ? " byte" : " bytes"),
                  value.Spelling());
    }
    default:
      return true;
  }
}

bool LitmusParser::FileRange(Op* op, int64_t most_length) {
  return ParseAmount("an offset in the file", kMaxAddressBytes, &op->offset) &&
         Comma() && ParseAmount("a length", most_length, &op->length);
}

bool LitmusParser::Mmap(Op* op) {
  if (!FileName(true, &op->file) || !Comma()) return false;
  SourcePlace place = token_.place;
  if (!FileRange(op, kMaxAddressBytes)) return false;
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
  if (!token_.IsName("at")) return Flags(true, op);
  Advance();
  op->fixed = true;
  return Mark("=") && ParseAddress(&op->address) && Flags(false, op);
}

bool LitmusParser::Flags(bool first, Op* op) {
  while (first || token_.IsMark(",")) {
    if (!first) Advance();
    const uint32_t flag =
        token_.kind == TokenKind::kName ? FlagByName(op->kind, token_.text) : 0;
    if (flag == 0 || (op->flags & flag) != 0) {
      const bool at = first && op->kind == OpKind::kMmap;
      return Expected(absl::StrCat(at ? "'at = ADDRESS' or " : "",
                                   FlagNames(op->kind), ", each once"));
    }
    op->flags |= flag;
    first = false;
    Advance();
  }
  return true;
}

bool LitmusParser::Mremap(Op* op) {
  if (!ParseAddress(&op->address) || !Comma() || !Length(&op->length) ||
      !Comma() || !Length(&op->new_length)) {
    return false;
  }
  if (!token_.IsMark(",")) return true;
  Advance();
  if (!OneOf("'maymove' or 'to = ADDRESS'", "maymove", "to", &op->fixed)) {
    return false;
  }
  op->may_move = true;
  return !op->fixed || (Mark("=") && ParseAddress(&op->to));
}

bool LitmusParser::Prot(uint32_t* prot) {
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

bool LitmusParser::Value(uint32_t size, uint64_t* value) {
  uint64_t most = size == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * size)) - 1;
  return Number(
      absl::StrCat("a value of ", size, size == 1 ? " byte" : " bytes"), 0,
      most, value);
}

// [, SIZE] [, of = TASK], the latter for peek and poke.
bool LitmusParser::AccessSize(Op* op) {
  const bool other = op->kind == OpKind::kPeek || op->kind == OpKind::kPoke;
  uint32_t* size = &op->size;
  if (!token_.IsMark(",")) return true;
  Advance();
  if (other && token_.IsName("of")) return TargetTask(op);
  if (token_.kind != TokenKind::kNumber || token_.pages ||
      (token_.number != 1 && token_.number != 2 && token_.number != 4 &&
       token_.number != 8)) {
    return Expected("a size of 1, 2, 4 or 8 bytes");
  }
  *size = static_cast<uint32_t>(token_.number);
  Advance();
  if (!other || !token_.IsMark(",")) return true;
  Advance();
  return token_.IsName("of") ? TargetTask(op) : Expected("'of = TASK'");
}

bool LitmusParser::TargetTask(Op* op) {
  Advance();
  if (!Mark("=")) return false;
  const SourcePlace place = token_.place;
  if (!in_task_) return Fail(place, "'of' in a task", "it in setup");
  if (!Name("the name of a task", &op->target)) return false;
  kills_.emplace_back(op->target, place);
  return true;
}

bool LitmusParser::CopySize(uint32_t* size) {
  if (!token_.IsMark(",")) return true;
  Advance();
  Amount amount;
  const SourcePlace place = token_.place;
  if (!ParseAmount("a size", kMaxCopyBytes, &amount)) return false;
  if (TotalBytes(amount) == 0) return Fail(place, "a size above 0", "0");
  *size = static_cast<uint32_t>(TotalBytes(amount));
  return true;
}

// Mappings begin at page boundaries, so the place in the page is known here.
bool LitmusParser::WithinPage(const Op& op) {
  int64_t bytes = TotalBytes(op.address.offset);
  int64_t within = ((bytes % kPageBytes) + kPageBytes) % kPageBytes;
  if (within + op.size <= kPageBytes) return true;
  return Fail(op.address.place, "an access within one page",
              absl::StrCat(op.size, " bytes at byte ", within, " of a page"));
}

bool LitmusParser::Access(Op* op) {
  if (!ParseAddress(&op->address)) return false;
  switch (op->kind) {
    case OpKind::kLoad:
    case OpKind::kPeek:
      return AccessSize(op) && WithinPage(*op);
    case OpKind::kWriteFrom:
      return CopySize(&op->size);
    case OpKind::kReadInto:
      return Comma() && FileName(false, &op->file) && Comma() &&
             ParseAmount("an offset in the file", kMaxAddressBytes,
                         &op->offset) &&
             CopySize(&op->size);
    case OpKind::kStore:
    case OpKind::kPoke: {
      // The size comes after the value that it bounds.
      if (!Comma()) return false;
      Token value = token_;
      if (!Value(8, &op->value) || !AccessSize(op)) return false;
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
    case OpKind::kPin:
    case OpKind::kVfioPin:
      return Comma() && OneOf("'r' or 'w'", "r", "w", &op->write);
    default:
      return true;
  }
}

}  // namespace faultline
