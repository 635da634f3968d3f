// SPDX-License-Identifier: GPL-2.0-only
//
// Tokens of litmus text, taken on demand so that the parser can say when a
// word or free text comes instead.  Private to the parser.

#ifndef FAULTLINE_SIM_PROGRAM_LITMUS_LEXER_H_
#define FAULTLINE_SIM_PROGRAM_LITMUS_LEXER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "sim/program/program.h"

namespace faultline {

enum class TokenKind {
  kEnd,
  kName,    // letters, digits, _, and '-' before a letter
  kNumber,  // 12, 0x10; 6p when `pages`
  kString,  // "..." with \" and \\; `text` has it unescaped
  kMark,    // one of ( ) , : = + - | *
  kBad,     // anything else; `text` says what
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  SourcePlace place;
  size_t begin = 0;  // byte offset
  std::string text;
  uint64_t number = 0;
  bool pages = false;

  bool Is(TokenKind k, absl::string_view t) const {
    return kind == k && text == t;
  }
  bool IsMark(absl::string_view t) const { return Is(TokenKind::kMark, t); }
  bool IsName(absl::string_view t) const { return Is(TokenKind::kName, t); }
  // How messages name it: "'private'", "the end of the text".
  std::string Spelling() const;
};

class LitmusLexer {
 public:
  explicit LitmusLexer(absl::string_view text) : text_(text) {}

  // The next token, blanks and comments skipped.
  Token Next();
  // Reads `token` again as a word: letters, digits, and . _ - in any order
  // ("x86-64", "CVE-2018-17182").  A token that begins no word stays as it
  // is.
  Token AgainAsWord(const Token& token);
  // The indented and blank lines from here on, with the blanks at both ends of
  // each line and blank lines at both ends dropped.  Stops at a character
  // that text may not have and returns false with its place.
  bool IndentedText(std::string* lines, Token* bad);

 private:
  bool AtEnd() const { return pos_ >= text_.size(); }
  char Here() const { return AtEnd() ? '\0' : text_[pos_]; }
  char Ahead() const {
    return pos_ + 1 < text_.size() ? text_[pos_ + 1] : '\0';
  }
  void Step();
  void SkipBlanks();
  void Name(Token* token);
  void Number(Token* token);
  void String(Token* token);

  absl::string_view text_;
  size_t pos_ = 0;
  int line_ = 1;
  int column_ = 1;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_PROGRAM_LITMUS_LEXER_H_
