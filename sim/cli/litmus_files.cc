// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/litmus_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sim/program/litmus_parser.h"
#include "sim/program_image.h"

namespace faultline {
namespace {

bool IsDirectory(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

absl::Status CheckImage(const Program& program) {
  const std::string& path = program.image.existing;
  absl::StatusOr<ProgramImage> image = MakeProgramImage(program);
  if (image.ok()) return absl::OkStatus();
  const absl::string_view message = image.status().message();
  return absl::InvalidArgumentError(absl::StrContains(message, path)
                                        ? std::string(message)
                                        : absl::StrCat(path, ": ", message));
}

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const std::string& path,
                                          size_t most_bytes) {
  const auto fail = [&path](const char* why) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": cannot be read: ", why));
  };
  const bool standard_input = path == "-";
  const int fd =
      standard_input ? 0 : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return fail(strerror(errno));
  absl::Cleanup closer = [fd, standard_input] {
    if (!standard_input) close(fd);
  };
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(strerror(errno));
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > most_bytes) {
      return fail(absl::StrCat("more than ", most_bytes, " bytes").c_str());
    }
  }
}

absl::StatusOr<Program> LoadLitmus(const std::string& path) {
  absl::StatusOr<std::string> text = ReadWholeFile(path, kMaxLitmusBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<Program> program = ParseLitmus(*text, path);
  if (!program.ok()) return program.status();
  if (!program->image.existing.empty()) {
    absl::Status image = CheckImage(*program);
    if (!image.ok()) return image;
  }
  return program;
}

absl::StatusOr<std::string> LitmusDirectory(const Io& io) {
  std::vector<std::string> candidates;
  if (const char* named = getenv("FAULTLINE_LITMUS_DIR")) {
    // Named by the user: nothing else will do.
    if (IsDirectory(named)) return std::string(named);
    return absl::NotFoundError(
        absl::StrCat("FAULTLINE_LITMUS_DIR: ", named, ": no such directory"));
  }
  if (!io.root.empty()) candidates.push_back(io.root + "/tests/litmus");
  for (const char* variable : {"RUNFILES_DIR", "TEST_SRCDIR"}) {
    if (const char* runfiles = getenv(variable)) {
      candidates.push_back(absl::StrCat(runfiles, "/faultline/tests/litmus"));
    }
  }
  candidates.push_back("tests/litmus");
  for (const std::string& candidate : candidates) {
    if (IsDirectory(candidate)) return candidate;
  }
  return absl::NotFoundError(
      "no tests/litmus here: name files, or set FAULTLINE_LITMUS_DIR");
}

absl::StatusOr<std::vector<std::string>> LitmusFilesIn(
    const std::string& directory) {
  std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()),
                                             closedir);
  if (stream == nullptr) {
    return absl::NotFoundError(
        absl::StrCat(directory, ": cannot be read: ", strerror(errno)));
  }
  std::vector<std::string> files;
  while (const dirent* entry = readdir(stream.get())) {
    if (absl::EndsWith(entry->d_name, ".litmus")) {
      files.push_back(absl::StrCat(directory, "/", entry->d_name));
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

absl::StatusOr<std::vector<std::string>> ShippedLitmusFiles(const Io& io) {
  absl::StatusOr<std::string> directory = LitmusDirectory(io);
  if (!directory.ok()) return directory.status();
  return LitmusFilesIn(*directory);
}

absl::StatusOr<std::string> LitmusFileByHash(const Io& io, uint64_t hash) {
  absl::StatusOr<std::vector<std::string>> files = ShippedLitmusFiles(io);
  if (!files.ok()) return files.status();
  for (const std::string& file : *files) {
    absl::StatusOr<std::string> text = ReadWholeFile(file, kMaxLitmusBytes);
    if (!text.ok()) continue;
    absl::StatusOr<Program> program = ParseLitmus(*text, file);
    if (program.ok() && program->Hash() == hash) return file;
  }
  return absl::NotFoundError(
      "no program of tests/litmus belongs to this token: name its file");
}

absl::StatusOr<std::string> FillTemplate(
    absl::string_view text, const std::map<std::string, std::string>& values,
    absl::string_view file_name) {
  std::string result;
  int line = 1;
  while (!text.empty()) {
    const size_t at = std::min(text.find("${"), text.size());
    line += static_cast<int>(std::count(
        text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n'));
    absl::StrAppend(&result, text.substr(0, at));
    text.remove_prefix(at);
    if (text.empty()) break;
    const size_t end = text.find('}');
    const absl::string_view name =
        end == absl::string_view::npos ? "" : text.substr(2, end - 2);
    auto value = values.find(std::string(name));
    if (value == values.end()) {
      std::string list;
      for (const auto& [key, unused] : values) {
        absl::StrAppend(&list, list.empty() ? "" : ", ", key);
      }
      return absl::InvalidArgumentError(
          absl::StrCat(file_name, ":", line, ": expected one of ", list,
                       " in ${}, found '", name, "'"));
    }
    result += value->second;
    text.remove_prefix(end + 1);
  }
  return result;
}

std::string LitmusEscape(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}});
}

}  // namespace faultline
