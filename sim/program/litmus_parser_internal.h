// SPDX-License-Identifier: GPL-2.0-only
//
// The parser behind ParseLitmus, private to its three rooms:
//   litmus_parser.cc      tokens, amounts, addresses; the order of sections
//   litmus_sections.cc    what stands in each section but the operations
//   litmus_operations.cc  operations and their arguments

#ifndef FAULTLINE_SIM_PROGRAM_LITMUS_PARSER_INTERNAL_H_
#define FAULTLINE_SIM_PROGRAM_LITMUS_PARSER_INTERNAL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sim/program/litmus_lexer.h"
#include "sim/program/litmus_parser.h"
#include "sim/program/program.h"

namespace faultline {

// Recursive descent, one function a rule.  A function that returns false has
// set error_ and its callers only pass the false on.
class LitmusParser {
 public:
  LitmusParser(absl::string_view text, absl::string_view file_name)
      : file_name_(file_name), lexer_(text) {}

  absl::StatusOr<Program> Run();

 private:
  enum class VariableKind { kMapping, kLoaded };

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
  bool ParseAddress(Address* address);

  // ---- sections
  bool ParseProgram();
  bool Section();
  bool Once(absl::string_view section);
  bool Defects();
  bool Machine();
  bool Image();
  bool File();
  bool Files();
  // "NAME:" of a file that is none yet.
  bool FileHead(FileSpec* file);
  bool FileSize(int64_t least, int64_t most, FileSpec* file);
  bool Run(FileSpec* file, BlockLayout layout);
  bool CheckFile(const FileSpec& file, SourcePlace tail, SourcePlace unaligned);
  bool CheckDamage(const FileSpec& file, SourcePlace damage);
  bool Task();
  bool Legal();
  bool ParseOutcome(Outcome* outcome);
  bool Expect();
  bool CheckKills();
  // Each forked task is forked once, by another task that has an mm.
  bool CheckForks();
  // A kernel thread has no memory of its own.
  bool CheckKernelTask(const TaskSpec& task);

  // ---- operations
  bool Statement(std::vector<Op>* ops);
  bool Operation(Op* op);
  bool Mmap(Op* op);
  bool Mremap(Op* op);
  bool Access(Op* op);
  bool Prot(uint32_t* prot);
  // { word of the operation, "," }, after a comma unless it comes first.
  bool Flags(bool first, Op* op);
  bool Value(uint32_t size, uint64_t* value);
  bool AccessSize(Op* op);
  bool CopySize(uint32_t* size);
  bool TargetTask(Op* op);
  bool WithinPage(const Op& op);
  bool OneOf(absl::string_view what, absl::string_view a, absl::string_view b,
             bool* second);
  bool FileName(bool anonymous, std::string* file);
  bool Length(Amount* length) {
    return ParseAmount("a length", kMaxAddressBytes, length);
  }
  // A file of the `files` section.
  bool MemoryFileName(std::string* file);
  bool FileChange(Op* op);
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
  std::vector<std::pair<std::string, SourcePlace>> kills_, forks_;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_PROGRAM_LITMUS_PARSER_INTERNAL_H_
