// SPDX-License-Identifier: GPL-2.0-only

#include "sim/finding_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace faultline {
namespace {

bool IsNumber(absl::string_view word) {
  const bool prefixed = word.size() > 2 && word[0] == '0' && word[1] == 'x';
  if (prefixed) word.remove_prefix(2);
  const auto is_hex = [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  };
  const auto is_digit = [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  };
  return std::all_of(word.begin(), word.end(), is_hex) &&
         (prefixed || std::any_of(word.begin(), word.end(), is_digit));
}

// Replaces each number of `min_length` characters or more.
std::string ReplaceNumbers(const std::string& text, size_t min_length,
                           absl::string_view by) {
  std::string out;
  size_t i = 0;
  while (i < text.size()) {
    size_t end = i;
    while (end < text.size() &&
           (absl::ascii_isalnum(static_cast<unsigned char>(text[end])) ||
            text[end] == '_')) {
      ++end;
    }
    if (end == i) {
      out.push_back(text[i++]);
      continue;
    }
    const absl::string_view word = absl::string_view(text).substr(i, end - i);
    if (word.size() >= min_length && IsNumber(word)) {
      absl::StrAppend(&out, by);
    } else {
      absl::StrAppend(&out, word);
    }
    i = end;
  }
  return out;
}

}  // namespace

std::string WithoutNumbers(const std::string& text) {
  return ReplaceNumbers(text, 1, "#");
}

std::string WithoutAddresses(const std::string& text) {
  return ReplaceNumbers(text, 6, "...");
}

Finding BuildFinding(const RawFinding& raw, const std::string& task_name,
                     Symbolizer* symbolizer) {
  Finding finding;
  finding.checker = raw.checker;
  finding.kind = raw.kind;
  finding.title = WithoutAddresses(raw.title);
  finding.function = raw.function;
  finding.location = raw.location;
  finding.step = raw.step;
  finding.task = task_name;
  if (finding.title != raw.title) finding.details.push_back(raw.title);
  if (raw.function.empty() && raw.pc != nullptr) {
    if (const CodeFrame* place = symbolizer->Place(raw.pc)) {
      finding.function = place->function;
      finding.location = place->location();
      absl::StrAppend(&finding.title, " in ", place->function);
    }
  }
  for (const RawFinding::Note& note : raw.notes) {
    std::string line = note.text;
    if (note.pc != nullptr) {
      if (const CodeFrame* place = symbolizer->Place(note.pc)) {
        absl::StrAppend(&line, ", at ", place->function, " (",
                        place->location(), ")");
      }
    }
    finding.details.push_back(std::move(line));
  }
  finding.signature =
      absl::StrCat(finding.checker, "|", WithoutNumbers(finding.title), "|",
                   finding.function);
  return finding;
}

}  // namespace faultline
