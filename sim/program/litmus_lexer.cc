// SPDX-License-Identifier: GPL-2.0-only

#include "sim/program/litmus_lexer.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace faultline {
namespace {

bool NameStart(char c) { return absl::ascii_isalpha(c) || c == '_'; }
bool NameByte(char c) { return absl::ascii_isalnum(c) || c == '_'; }
bool WordByte(char c) { return NameByte(c) || c == '.' || c == '-'; }
// UTF-8 passes in strings, comments and free text.
bool TextByte(char c) {
  return c == '\t' || !absl::ascii_iscntrl(static_cast<unsigned char>(c));
}

std::string BadByte(char c) {
  if (absl::ascii_isprint(c)) return absl::StrFormat("'%c'", c);
  return absl::StrFormat("byte 0x%02x", static_cast<unsigned char>(c));
}

}  // namespace

std::string Token::Spelling() const {
  switch (kind) {
    case TokenKind::kEnd:
      return "the end of the text";
    case TokenKind::kBad:
      return text;
    case TokenKind::kString:
      return absl::StrCat("\"", text.substr(0, 40), "\"");
    default:
      return absl::StrCat("'", text.substr(0, 40), "'");
  }
}

void LitmusLexer::Step() {
  if (text_[pos_] == '\n') {
    ++line_;
    column_ = 1;
  } else {
    ++column_;
  }
  ++pos_;
}

void LitmusLexer::SkipBlanks() {
  while (!AtEnd()) {
    if (Here() == '#') {
      while (!AtEnd() && Here() != '\n') Step();
    } else if (Here() == ' ' || Here() == '\t' || Here() == '\r' ||
               Here() == '\n') {
      Step();
    } else {
      return;
    }
  }
}

void LitmusLexer::Name(Token* token) {
  token->kind = TokenKind::kName;
  while (NameByte(Here()) || (Here() == '-' && absl::ascii_isalpha(Ahead()))) {
    token->text += Here();
    Step();
  }
}

void LitmusLexer::Number(Token* token) {
  while (NameByte(Here())) {
    token->text += Here();
    Step();
  }
  absl::string_view digits = token->text;
  if (digits.back() == 'p') {
    token->pages = true;
    digits.remove_suffix(1);
  }
  bool hex = digits.size() > 2 && digits[0] == '0' &&
             (digits[1] == 'x' || digits[1] == 'X');
  bool good =
      digits.size() <= 20 && (hex ? absl::SimpleHexAtoi(digits, &token->number)
                                  : absl::SimpleAtoi(digits, &token->number));
  token->kind = good ? TokenKind::kNumber : TokenKind::kBad;
  if (!good) {
    token->text = absl::StrCat("'", token->text.substr(0, 40),
                               "', which is no 64-bit number");
  }
}

void LitmusLexer::String(Token* token) {
  Step();
  while (Here() != '"') {
    if (AtEnd() || Here() == '\n' || !TextByte(Here())) {
      token->kind = TokenKind::kBad;
      token->text = "a string without its closing '\"'";
      return;
    }
    if (Here() == '\\') {
      Step();
      if (Here() != '"' && Here() != '\\') {
        token->kind = TokenKind::kBad;
        token->text = "a '\\' in a string before neither '\"' nor '\\'";
        return;
      }
    }
    token->text += Here();
    Step();
  }
  Step();
  token->kind = TokenKind::kString;
}

Token LitmusLexer::Next() {
  SkipBlanks();
  Token token;
  token.place = {line_, column_};
  token.begin = pos_;
  if (AtEnd()) return token;
  if (NameStart(Here())) {
    Name(&token);
  } else if (absl::ascii_isdigit(Here())) {
    Number(&token);
  } else if (Here() == '"') {
    String(&token);
  } else if (absl::string_view("(),:=+-|*").find(Here()) !=
             absl::string_view::npos) {
    token.kind = TokenKind::kMark;
    token.text = Here();
    Step();
  } else {
    token.kind = TokenKind::kBad;
    token.text = BadByte(Here());
    Step();
  }
  return token;
}

Token LitmusLexer::AgainAsWord(const Token& token) {
  if (token.begin >= text_.size() || !NameByte(text_[token.begin])) {
    return token;
  }
  pos_ = token.begin;
  line_ = token.place.line;
  column_ = token.place.column;
  Token word;
  word.kind = TokenKind::kName;
  word.place = token.place;
  word.begin = token.begin;
  while (WordByte(Here())) {
    word.text += Here();
    Step();
  }
  return word;
}

bool LitmusLexer::IndentedText(std::string* lines, Token* bad) {
  std::vector<std::string> kept;
  while (!AtEnd()) {
    // A comment at the margin ends nothing, as everywhere else.
    bool margin = column_ == 1;
    bool comment = margin && Here() == '#';
    if (margin && !comment && Here() != ' ' && Here() != '\t' &&
        Here() != '\n' && Here() != '\r') {
      break;
    }
    std::string line;
    while (!AtEnd() && Here() != '\n') {
      if (!TextByte(Here()) && Here() != '\r') {
        bad->kind = TokenKind::kBad;
        bad->place = {line_, column_};
        bad->text = BadByte(Here());
        return false;
      }
      line += Here();
      Step();
    }
    if (!AtEnd()) Step();
    if (!comment) {
      kept.emplace_back(absl::StripAsciiWhitespace(line));
    }
  }
  while (!kept.empty() && kept.back().empty()) kept.pop_back();
  while (!kept.empty() && kept.front().empty()) kept.erase(kept.begin());
  *lines = absl::StrJoin(kept, "\n");
  return true;
}

}  // namespace faultline
