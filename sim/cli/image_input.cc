// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/image_input.h"

#include <sys/stat.h>

#include <deque>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "sim/cli/litmus_files.h"

namespace faultline {
namespace {

// More than any cramfs image can be: data starts below 2^28.
constexpr size_t kMaxImageBytes = size_t{1} << 29;
constexpr int kMaxLinks = 40;

// Puts the components of `path` before what is still to be walked.
void Prepend(absl::string_view path, std::deque<std::string>* todo) {
  const std::vector<std::string> parts =
      absl::StrSplit(path, '/', absl::SkipEmpty());
  todo->insert(todo->begin(), parts.begin(), parts.end());
}

std::string Parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

int ImageExitCode(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  return absl::IsDataLoss(status) ? kExitImageDamaged : kExitImageOperational;
}

int ComplainOfImage(Io& io, const absl::Status& status) {
  return Complain(io, status.message(), ImageExitCode(status));
}

int FinishImageOutput(Io& io, int exit_code) {
  io.out.flush();
  if (io.out) return exit_code;
  return Complain(io, "cannot write to standard output",
                  exit_code | kExitImageOperational);
}

absl::StatusOr<std::unique_ptr<ImageInput>> ImageInput::Open(
    const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadWholeFile(path, kMaxImageBytes);
  if (!bytes.ok()) return absl::UnavailableError(bytes.status().message());
  std::unique_ptr<ImageInput> input(new ImageInput(path));
  input->bytes_ = *std::move(bytes);
  absl::StatusOr<cramfs::ImageReader> reader =
      cramfs::ImageReader::Open(absl::MakeConstSpan(
          reinterpret_cast<const uint8_t*>(input->bytes_.data()),
          input->bytes_.size()));
  if (absl::IsInvalidArgument(reader.status())) {
    return input->Named(absl::DataLossError(reader.status().message()));
  }
  if (!reader.ok()) return input->Named(reader.status());
  input->reader_ = std::make_unique<cramfs::ImageReader>(*std::move(reader));
  return input;
}

absl::Status ImageInput::Named(const absl::Status& status) const {
  return absl::Status(status.code(),
                      absl::StrCat(path_, ": ", status.message()));
}

absl::StatusOr<cramfs::Node> ImageInput::Find(absl::string_view path,
                                              bool follow_last) const {
  std::deque<std::string> todo;
  Prepend(path, &todo);
  cramfs::Node node = reader_->root();
  int links = 0;
  while (!todo.empty()) {
    const std::string name = todo.front();
    todo.pop_front();
    if (!node.is_directory()) {
      return Named(absl::FailedPreconditionError(
          absl::StrCat(path, ": ", node.path, " is no directory")));
    }
    if (name == ".") continue;
    // Beyond the root is the root.
    const std::string next = name == ".." ? Parent(node.path)
                             : node.path == "/"
                                 ? absl::StrCat("/", name)
                                 : absl::StrCat(node.path, "/", name);
    absl::StatusOr<cramfs::Node> found = reader_->Lookup(next);
    if (absl::IsNotFound(found.status())) {
      return Named(absl::NotFoundError(absl::StrCat(path, ": no such file")));
    }
    if (!found.ok()) return Named(found.status());
    if (!found->is_symlink() || (todo.empty() && !follow_last)) {
      node = *std::move(found);
      continue;
    }
    if (++links > kMaxLinks) {
      return Named(absl::FailedPreconditionError(
          absl::StrCat(path, ": too many symbolic links")));
    }
    absl::StatusOr<std::string> target = reader_->ReadLink(*found);
    if (!target.ok()) return Named(target.status());
    Prepend(*target, &todo);
    if ((*target)[0] == '/') node = reader_->root();
  }
  return node;
}

std::string ModeString(uint32_t mode) {
  std::string text(1, '?');
  constexpr std::pair<mode_t, char> kTypes[] = {
      {S_IFREG, '-'}, {S_IFDIR, 'd'},  {S_IFLNK, 'l'}, {S_IFIFO, 'p'},
      {S_IFCHR, 'c'}, {S_IFSOCK, 's'}, {S_IFBLK, 'b'}};
  for (const auto& [type, letter] : kTypes) {
    if ((mode & S_IFMT) == type) text[0] = letter;
  }
  for (int shift : {6, 3, 0}) {
    text += (mode >> shift & 4) != 0 ? 'r' : '-';
    text += (mode >> shift & 2) != 0 ? 'w' : '-';
    text += (mode >> shift & 1) != 0 ? 'x' : '-';
  }
  // In the place of an 'x'; a capital where there is none.
  const auto special = [&](mode_t bit, size_t at, char letter) {
    if ((mode & bit) == 0) return;
    text[at] = text[at] == 'x' ? letter : absl::ascii_toupper(letter);
  };
  special(S_ISUID, 3, 's');
  special(S_ISGID, 6, 's');
  special(S_ISVTX, 9, 't');
  return text;
}

uint32_t InodeNumber(const cramfs::Node& node) {
  const bool data =
      node.is_directory() || node.is_regular() || node.is_symlink();
  return data && node.inode.offset != 0 && node.inode.size != 0
             ? node.inode.offset
             : node.inode_position + 1;
}

}  // namespace faultline
