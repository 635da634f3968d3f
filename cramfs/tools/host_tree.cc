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
#include <map>
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
  Descriptor(Descriptor&& other) : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::Status ErrnoStatus(const char* what) {
  return absl::ErrnoToStatus(errno, what);
}

absl::Status At(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ", status.message()));
}

absl::Status Changed() {
  return absl::AbortedError("changed while being read");
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
         (a.st_mode & S_IFMT) == (b.st_mode & S_IFMT);
}

bool Untouched(const struct stat& a, const struct stat& b) {
  return SameFile(a, b) && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// A directory's place in the tree.  It is found again from the root, name by
// name and without following links: descriptors of all would be too many.
struct Place {
  std::shared_ptr<const Place> parent;  // null: the root
  std::string name;
  Descriptor root{-1};  // of the root only

  // A new descriptor to look up names in.
  absl::StatusOr<int> Open() const {
    if (parent == nullptr) {
      const int fd = fcntl(root.get(), F_DUPFD_CLOEXEC, 0);
      if (fd < 0) return ErrnoStatus("cannot open");
      return fd;
    }
    absl::StatusOr<int> above = parent->Open();
    if (!above.ok()) return above.status();
    Descriptor owned(*above);
    const int fd = openat(owned.get(), name.c_str(),
                          O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return ErrnoStatus("cannot open");
    return fd;
  }
};

class HostFile : public FileSource {
 public:
  HostFile(std::shared_ptr<const Place> place, std::string name,
           const struct stat& found)
      : place_(std::move(place)), name_(std::move(name)), found_(found) {}

  uint64_t size() const override {
    return static_cast<uint64_t>(found_.st_size);
  }
  absl::Status Read(uint64_t offset, absl::Span<uint8_t> buffer) const override;

  // Opens `name`, which must be what `found` describes.
  static absl::StatusOr<int> Open(int directory, const std::string& name,
                                  const struct stat& found);

 private:
  const std::shared_ptr<const Place> place_;
  const std::string name_;
  const struct stat found_;
};

absl::StatusOr<int> HostFile::Open(int directory, const std::string& name,
                                   const struct stat& found) {
  // O_NONBLOCK: should a fifo have taken the file's place, do not wait.
  Descriptor fd(openat(directory, name.c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (fd.get() < 0) {
    return errno == ENOENT || errno == ELOOP ? Changed()
                                             : ErrnoStatus("cannot open");
  }
  struct stat opened;
  if (fstat(fd.get(), &opened) != 0) return ErrnoStatus("cannot stat");
  const bool same = S_ISDIR(found.st_mode) ? SameFile(found, opened)
                                           : Untouched(found, opened);
  if (!same) return Changed();
  return fd.release();
}

absl::Status HostFile::Read(uint64_t offset, absl::Span<uint8_t> buffer) const {
  absl::StatusOr<int> directory = place_->Open();
  if (!directory.ok()) return Changed();
  Descriptor owned_directory(*directory);
  absl::StatusOr<int> opened = Open(owned_directory.get(), name_, found_);
  if (!opened.ok()) return opened.status();
  Descriptor fd(*opened);
  while (!buffer.empty()) {
    const ssize_t count = pread(fd.get(), buffer.data(), buffer.size(),
                                static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus("cannot read");
    if (count == 0) return Changed();
    buffer.remove_prefix(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  struct stat after;
  if (fstat(fd.get(), &after) != 0) return ErrnoStatus("cannot stat");
  return Untouched(found_, after) ? absl::OkStatus() : Changed();
}

class TreeReader {
 public:
  TreeReader(const BuildOptions& options, BuildWarnings* warnings);

  // Reads the children of the directory open as `fd`, which it closes.
  absl::Status ReadDirectory(int fd, std::shared_ptr<const Place> place,
                             const std::string& path, int depth, Entry* entry);
  void SetOwner(const struct stat& status, Entry* entry) const;

 private:
  absl::Status ReadEntry(int directory, std::shared_ptr<const Place> place,
                         const std::string& path, int depth, Entry* entry);
  bool IsLeftOut(const struct stat& status) const {
    return has_left_out_ && SameFile(status, left_out_);
  }

  const BuildOptions& options_;
  BuildWarnings* const warnings_;
  bool has_left_out_ = false;
  struct stat left_out_ = {};
  // Files of several names, by device and inode.
  std::map<std::pair<dev_t, ino_t>, std::shared_ptr<const FileSource>> linked_;
};

TreeReader::TreeReader(const BuildOptions& options, BuildWarnings* warnings)
    : options_(options), warnings_(warnings) {
  has_left_out_ = !options.left_out.empty() &&
                  stat(options.left_out.c_str(), &left_out_) == 0 &&
                  S_ISREG(left_out_.st_mode);
}

void TreeReader::SetOwner(const struct stat& status, Entry* entry) const {
  entry->mode = status.st_mode;
  entry->uid = options_.squash_owner ? 0 : status.st_uid;
  entry->gid = options_.squash_owner ? 0 : status.st_gid;
}

absl::Status TreeReader::ReadDirectory(int fd,
                                       std::shared_ptr<const Place> place,
                                       const std::string& path, int depth,
                                       Entry* entry) {
  Descriptor owned(fd);
  if (depth > kMaxDepth) {
    return absl::OutOfRangeError(absl::StrCat(path, ": more than ", kMaxDepth,
                                              " levels of directories"));
  }
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(fd), closedir);
  if (stream == nullptr) return At(path, ErrnoStatus("cannot read"));
  owned.release();

  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* next = readdir(stream.get());
    if (next == nullptr) break;
    const std::string name = next->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return At(path, ErrnoStatus("cannot read"));
  // The host's order is arbitrary; warnings and errors shall not be.
  std::sort(names.begin(), names.end());

  for (std::string& name : names) {
    const std::string child_path =
        absl::StrCat(path == "/" ? "" : path, "/", name);
    Entry child;
    child.name = std::move(name);
    absl::Status status =
        ReadEntry(dirfd(stream.get()), place, child_path, depth + 1, &child);
    if (status.ok()) {
      if (child.mode != 0) entry->Add(std::move(child));
    } else if (options_.lenient && !absl::IsOutOfRange(status)) {
      if (warnings_ != nullptr) {
        warnings_->Add(&BuildWarnings::skipped,
                       absl::StrCat(status.message(), "; left out"));
      }
    } else {
      return status;
    }
  }
  return absl::OkStatus();
}

// Leaves mode 0 in an entry that shall not be in the image.
absl::Status TreeReader::ReadEntry(int directory,
                                   std::shared_ptr<const Place> place,
                                   const std::string& path, int depth,
                                   Entry* entry) {
  struct stat before;
  if (fstatat(directory, entry->name.c_str(), &before, AT_SYMLINK_NOFOLLOW) !=
      0) {
    return At(path, ErrnoStatus("cannot stat"));
  }
  if (IsLeftOut(before)) {
    if (warnings_ != nullptr) ++warnings_->left_out;
    return absl::OkStatus();
  }
  SetOwner(before, entry);
  switch (before.st_mode & S_IFMT) {
    case S_IFLNK: {
      std::vector<char> target(kBlockSize + 1);
      const ssize_t length = readlinkat(directory, entry->name.c_str(),
                                        target.data(), target.size());
      if (length < 0) return At(path, ErrnoStatus("cannot read link"));
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

  absl::StatusOr<int> opened = HostFile::Open(directory, entry->name, before);
  if (!opened.ok()) return At(path, opened.status());
  Descriptor fd(*opened);
  if (S_ISDIR(before.st_mode)) {
    auto below = std::make_shared<Place>();
    below->parent = std::move(place);
    below->name = entry->name;
    return ReadDirectory(fd.release(), std::move(below), path, depth, entry);
  }
  std::shared_ptr<const FileSource>* known = nullptr;
  if (before.st_nlink > 1) {
    known = &linked_[{before.st_dev, before.st_ino}];
    if (*known != nullptr) {
      entry->source = *known;
      return absl::OkStatus();
    }
  }
  entry->source =
      std::make_shared<HostFile>(std::move(place), entry->name, before);
  if (known != nullptr) *known = entry->source;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Entry> ReadHostTree(const std::string& path,
                                   const BuildOptions& options,
                                   BuildWarnings* warnings) {
  auto place = std::make_shared<Place>();
  place->root =
      Descriptor(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (place->root.get() < 0) {
    return At(path, ErrnoStatus("cannot open directory"));
  }
  struct stat status;
  // Reading moves the position of a description, which a duplicate shares.
  Descriptor fd(
      openat(place->root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || fstat(fd.get(), &status) != 0) {
    return At(path, ErrnoStatus("cannot open directory"));
  }
  TreeReader reader(options, warnings);
  Entry root;
  reader.SetOwner(status, &root);
  absl::Status read =
      reader.ReadDirectory(fd.release(), std::move(place), "/", 0, &root);
  if (!read.ok()) return read;
  return root;
}

absl::StatusOr<Image> BuildFromDirectory(const std::string& path,
                                         const BuildOptions& options,
                                         BuildWarnings* warnings) {
  BuildWarnings own;
  if (warnings == nullptr) warnings = &own;
  absl::StatusOr<Entry> root = ReadHostTree(path, options, warnings);
  if (!root.ok()) return root.status();
  return ImageBuilder(options).Build(*root, warnings);
}

}  // namespace faultline::cramfs
