// SPDX-License-Identifier: GPL-2.0-only
//
// Reading a tree of the host.  Every open is relative to the directory's own
// descriptor and refuses links, so that what somebody renames or replaces
// meanwhile cannot lead out of the tree.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cramfs/tools/writer.h"

namespace faultline::cramfs {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::Status Errno(const std::string& path, const char* what) {
  const int error = errno;
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": ", what));
}

absl::Status Changed(const std::string& path) {
  return absl::AbortedError(absl::StrCat(path, ": changed while being read"));
}

class TreeReader {
 public:
  TreeReader(const BuildOptions& options, BuildWarnings* warnings)
      : options_(options), warnings_(warnings) {}

  // Reads the children of the directory open as `fd`, which it closes.
  absl::Status ReadDirectory(int fd, const std::string& path, int depth,
                             Entry* entry);

 private:
  absl::Status ReadEntry(int directory, const std::string& path, int depth,
                         Entry* entry);
  absl::Status ReadFile(int fd, const std::string& path, Entry* entry);

  const BuildOptions& options_;
  BuildWarnings* const warnings_;
};

absl::Status TreeReader::ReadDirectory(int fd, const std::string& path,
                                       int depth, Entry* entry) {
  Descriptor owned(fd);
  if (depth > kMaxDepth) {
    return absl::OutOfRangeError(absl::StrCat(path, ": more than ", kMaxDepth,
                                              " levels of directories"));
  }
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(fd), closedir);
  if (stream == nullptr) return Errno(path, "cannot read");
  owned.release();

  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* next = readdir(stream.get());
    if (next == nullptr) break;
    const std::string name = next->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return Errno(path, "cannot read");
  // The host's order is arbitrary; warnings and errors shall not be.
  std::sort(names.begin(), names.end());

  for (std::string& name : names) {
    const std::string child_path =
        absl::StrCat(path == "/" ? "" : path, "/", name);
    Entry child;
    child.name = std::move(name);
    absl::Status status =
        ReadEntry(dirfd(stream.get()), child_path, depth + 1, &child);
    if (status.ok()) {
      entry->Add(std::move(child));
    } else if (options_.lenient && warnings_ != nullptr &&
               !absl::IsOutOfRange(status)) {
      ++warnings_->skipped;
      warnings_->messages.push_back(std::string(status.message()));
    } else {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status TreeReader::ReadEntry(int directory, const std::string& path,
                                   int depth, Entry* entry) {
  struct stat before;
  if (fstatat(directory, entry->name.c_str(), &before, AT_SYMLINK_NOFOLLOW) !=
      0) {
    return Errno(path, "cannot stat");
  }
  entry->mode = before.st_mode;
  entry->uid = before.st_uid;
  entry->gid = before.st_gid;
  switch (before.st_mode & S_IFMT) {
    case S_IFLNK: {
      std::vector<char> target(kBlockSize + 1);
      const ssize_t length = readlinkat(directory, entry->name.c_str(),
                                        target.data(), target.size());
      if (length < 0) return Errno(path, "cannot read link");
      entry->target.assign(target.data(), static_cast<size_t>(length));
      return absl::OkStatus();
    }
    case S_IFCHR:
    case S_IFBLK:
      entry->device_major = major(before.st_rdev);
      entry->device_minor = minor(before.st_rdev);
      return absl::OkStatus();
    case S_IFDIR:
    case S_IFREG:
      break;
    default:
      return absl::OkStatus();
  }

  // O_NONBLOCK: should a fifo have taken the file's place, do not wait.
  Descriptor fd(openat(directory, entry->name.c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (fd.get() < 0) return Errno(path, "cannot open");
  struct stat opened;
  if (fstat(fd.get(), &opened) != 0) return Errno(path, "cannot stat");
  if (opened.st_dev != before.st_dev || opened.st_ino != before.st_ino ||
      (opened.st_mode & S_IFMT) != (before.st_mode & S_IFMT)) {
    return Changed(path);
  }
  if (S_ISDIR(opened.st_mode)) {
    return ReadDirectory(fd.release(), path, depth, entry);
  }
  return ReadFile(fd.get(), path, entry);
}

absl::Status TreeReader::ReadFile(int fd, const std::string& path,
                                  Entry* entry) {
  struct stat before;
  if (fstat(fd, &before) != 0) return Errno(path, "cannot stat");
  // One byte more than fits is enough for the builder to see that the file is
  // too large.
  const uint64_t wanted = std::min<uint64_t>(before.st_size, kMaxFileSize + 1);
  entry->data.resize(wanted);
  uint64_t done = 0;
  while (done < wanted) {
    const ssize_t count = read(fd, entry->data.data() + done, wanted - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Errno(path, "cannot read");
    if (count == 0) return Changed(path);
    done += static_cast<uint64_t>(count);
  }
  struct stat after;
  if (fstat(fd, &after) != 0) return Errno(path, "cannot stat");
  if (after.st_size != before.st_size ||
      after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
      after.st_mtim.tv_nsec != before.st_mtim.tv_nsec) {
    return Changed(path);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Entry> ReadHostTree(const std::string& path,
                                   const BuildOptions& options,
                                   BuildWarnings* warnings) {
  Descriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return Errno(path, "cannot open directory");
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return Errno(path, "cannot stat");
  Entry root;
  root.mode = status.st_mode;
  root.uid = status.st_uid;
  root.gid = status.st_gid;
  absl::Status read =
      TreeReader(options, warnings).ReadDirectory(fd.release(), "/", 0, &root);
  if (!read.ok()) return read;
  return root;
}

absl::StatusOr<Image> BuildFromDirectory(const std::string& path,
                                         const BuildOptions& options) {
  BuildWarnings warnings;
  absl::StatusOr<Entry> root = ReadHostTree(path, options, &warnings);
  if (!root.ok()) return root.status();
  absl::StatusOr<Image> image = ImageBuilder(options).Build(*root);
  if (!image.ok()) return image.status();
  // What reading left out stands before what building changed.
  BuildWarnings& built = image->warnings;
  built.skipped += warnings.skipped;
  built.messages.insert(built.messages.begin(), warnings.messages.begin(),
                        warnings.messages.end());
  return image;
}

}  // namespace faultline::cramfs
