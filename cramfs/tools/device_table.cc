// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/device_table.h"

#include <sys/stat.h>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace faultline::cramfs {
namespace {

constexpr uint32_t kMaxRange = 65536;  // entries made by one line
constexpr uint32_t kMaxPermissions = 07777;

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

struct Line {
  std::string path;
  char type = 0;
  uint32_t mode = 0;  // with the type
  uint32_t uid = 0, gid = 0, device_major = 0, device_minor = 0;
  uint32_t start = 0, increment = 1, count = 0;
};

// Digits of `base` only: no sign, no blanks.
bool ParseNumber(absl::string_view text, uint32_t base, uint32_t* value) {
  uint64_t number = 0;
  if (text.empty()) return false;
  for (const char c : text) {
    if (c < '0' || c >= static_cast<char>('0' + base)) return false;
    number = number * base + static_cast<uint64_t>(c - '0');
    if (number > std::numeric_limits<uint32_t>::max()) return false;
  }
  *value = static_cast<uint32_t>(number);
  return true;
}

absl::StatusOr<uint32_t> TypeOf(absl::string_view text) {
  if (text == "f") return S_IFREG;
  if (text == "d") return S_IFDIR;
  if (text == "c") return S_IFCHR;
  if (text == "b") return S_IFBLK;
  if (text == "p") return S_IFIFO;
  return Wrong(
      absl::StrCat("expected a type (f, d, c, b or p), found '", text, "'"));
}

const char* TypeName(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "a regular file";
    case S_IFDIR:
      return "a directory";
    case S_IFCHR:
      return "a character device";
    case S_IFBLK:
      return "a block device";
    case S_IFIFO:
      return "a fifo";
    case S_IFLNK:
      return "a symbolic link";
    default:
      return "a socket";
  }
}

absl::StatusOr<Line> ParseLine(const std::vector<absl::string_view>& fields) {
  Line line;
  line.path = std::string(fields[0]);
  if (line.path[0] != '/') {
    return Wrong(
        absl::StrCat("expected a path from the root, found '", line.path, "'"));
  }
  if (fields.size() < 2) return Wrong("expected a type after the path");
  absl::StatusOr<uint32_t> type = TypeOf(fields[1]);
  if (!type.ok()) return type.status();
  line.type = fields[1][0];

  line.mode = 0755;
  const struct {
    const char* name;
    uint32_t* value;
  } numbers[] = {{"mode", &line.mode},
                 {"uid", &line.uid},
                 {"gid", &line.gid},
                 {"major", &line.device_major},
                 {"minor", &line.device_minor},
                 {"start", &line.start},
                 {"inc", &line.increment},
                 {"count", &line.count}};
  if (fields.size() > 2 + std::size(numbers)) {
    return Wrong(absl::StrCat("expected at most ", 2 + std::size(numbers),
                              " fields, found '",
                              fields[2 + std::size(numbers)], "' too"));
  }
  for (size_t i = 2; i < fields.size(); ++i) {
    const auto& number = numbers[i - 2];
    const bool octal = number.value == &line.mode;
    if (fields[i] == "-") continue;
    if (!ParseNumber(fields[i], octal ? 8 : 10, number.value)) {
      return Wrong(absl::StrCat("expected ", number.name,
                                octal ? " as an octal number" : " as a number",
                                ", found '", fields[i], "'"));
    }
  }
  if (line.mode > kMaxPermissions) {
    return Wrong(
        absl::StrCat("expected a mode up to 7777, found '", fields[2], "'"));
  }
  line.mode |= *type;
  if (line.count > 0 && line.type != 'c' && line.type != 'b') {
    return Wrong("only devices come in ranges");
  }
  if (line.count > kMaxRange) {
    return Wrong(
        absl::StrCat("a range of ", line.count, ", at most ", kMaxRange));
  }
  const uint64_t last = line.count > 0 ? line.count - 1 : 0;
  if (line.device_minor + last * line.increment >
      std::numeric_limits<uint32_t>::max()) {
    return Wrong("the last minor number of the range is too large");
  }
  return line;
}

class Table {
 public:
  explicit Table(Entry* root) : root_(root) {}

  absl::Status Apply(const Line& line);

 private:
  // One entry: `path` of the line's type, mode and owner.
  absl::Status ApplyOne(const std::string& path, const Line& line,
                        uint32_t device_minor);
  // Children of a directory by name, as indices: the vector may move.
  using Index = absl::flat_hash_map<std::string, size_t>;
  Index* IndexOf(const std::string& path, const Entry& directory);

  Entry* const root_;
  absl::flat_hash_map<std::string, Index> indices_;  // by the path written
};

Table::Index* Table::IndexOf(const std::string& path, const Entry& directory) {
  const auto [place, added] = indices_.try_emplace(path);
  if (added) {
    for (size_t i = 0; i < directory.children.size(); ++i) {
      place->second.emplace(directory.children[i].name, i);
    }
  }
  return &place->second;
}

absl::Status Table::ApplyOne(const std::string& path, const Line& line,
                             uint32_t device_minor) {
  const std::vector<std::string> names =
      absl::StrSplit(path, '/', absl::SkipEmpty());
  Entry* entry = root_;
  std::string above;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    if (name == "." || name == "..") {
      return Wrong(absl::StrCat(path, ": '", name, "' in a path"));
    }
    if (!S_ISDIR(entry->mode)) {
      return Wrong(absl::StrCat(path, ": ", above, " is ",
                                TypeName(entry->mode), ", not a directory"));
    }
    Index* index = IndexOf(above, *entry);
    const auto found = index->find(name);
    absl::StrAppend(&above, "/", name);
    if (found != index->end()) {
      entry = &entry->children[found->second];
      continue;
    }
    if (i + 1 < names.size()) {
      return Wrong(absl::StrCat(path, ": there is no directory ", above));
    }
    if (line.type == 'f') {
      return Wrong(absl::StrCat(path,
                                ": there is no such file; a table "
                                "makes no regular files"));
    }
    index->emplace(name, entry->children.size());
    Entry made;
    made.name = name;
    made.mode = line.mode;
    entry = &entry->Add(std::move(made));
  }
  if ((entry->mode & S_IFMT) != (line.mode & S_IFMT)) {
    return Wrong(absl::StrCat(path, " is ", TypeName(entry->mode), ", not ",
                              TypeName(line.mode)));
  }
  entry->mode = line.mode;
  entry->uid = line.uid;
  entry->gid = line.gid;
  if (line.type == 'c' || line.type == 'b') {
    entry->device_major = line.device_major;
    entry->device_minor = device_minor;
  }
  return absl::OkStatus();
}

absl::Status Table::Apply(const Line& line) {
  if (line.count == 0) return ApplyOne(line.path, line, line.device_minor);
  for (uint32_t i = 0; i < line.count; ++i) {
    absl::Status status =
        ApplyOne(absl::StrCat(line.path, uint64_t{line.start} + i), line,
                 line.device_minor + i * line.increment);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyDeviceTable(absl::string_view text, const std::string& file,
                              Entry* root) {
  Table table(root);
  uint64_t number = 0;
  for (absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    std::vector<absl::string_view> fields =
        absl::StrSplit(raw, absl::ByAnyChar(" \t\r\v\f"), absl::SkipEmpty());
    for (size_t i = 0; i < fields.size(); ++i) {
      if (absl::StartsWith(fields[i], "#")) fields.resize(i);
    }
    if (fields.empty()) continue;
    absl::StatusOr<Line> line = ParseLine(fields);
    absl::Status status = line.ok() ? table.Apply(*line) : line.status();
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ":", number, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace faultline::cramfs
