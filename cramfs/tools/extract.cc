// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/extract.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cramfs/tools/file_reader.h"
#include "cramfs/tools/tree_walker.h"

namespace faultline::cramfs {
namespace {

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr timespec kTimes[2] = {{0, 0}, {0, 0}};

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(Descriptor&& other) : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) {
    std::swap(fd_, other.fd_);
    return *this;
  }

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }
  // 0, or -1 with errno.
  int Close() { return fd_ < 0 ? 0 : close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

struct Identity {
  dev_t device;
  ino_t inode;
};

// Whether the open directory has no entries.
bool IsEmpty(int fd) {
  DIR* directory = fdopendir(openat(fd, ".", kOpenDirectory));
  if (directory == nullptr) return false;
  bool empty = true;
  while (const dirent* entry = readdir(directory)) {
    const absl::string_view name = entry->d_name;
    empty &= name == "." || name == "..";
  }
  closedir(directory);
  return empty;
}

class Extractor {
 public:
  Extractor(const ImageReader& image, const std::string& target,
            const ExtractOptions& options)
      : image_(image), target_(target), options_(options), file_(image) {}

  ExtractReport Run() {
    privileged_ = geteuid() == 0;
    if (Measure() && OpenTarget()) {
      ExtractTree();
      Progress();
    }
    return std::move(report_);
  }

 private:
  enum class Part { kNone, kAbove, kWanted };

  // Each takes an error and returns whether to go on.
  bool ImageError(absl::Status error);
  bool HostError(const Node& node, absl::string_view what);  // of errno
  bool HostError(const Node& node, absl::string_view what,
                 absl::StatusCode code, absl::string_view why);
  void Skip(const Node& node, uint64_t* count, absl::string_view what);
  bool Progress();
  std::string HostPath(const Node& node) const;

  // Which part of what is asked for a node is.
  Part PartOf(const Node& node) const;
  // Finds all that is asked for and the bytes in it.
  bool Measure();
  bool OpenTarget();
  void ExtractTree();
  // Each makes a node in current_; whether to go on.
  bool Make(const Node& node, bool* made);
  bool EnterDirectory(const Node& node, bool* made);
  bool LeaveDirectory(const Node& node, bool is_target);
  bool MakeFile(const Node& node);
  bool MakeLink(const Node& node);
  bool MakeSpecial(const Node& node);
  bool WriteData(int fd);
  // Owner, mode and times of an open file, which may be open for its path only.
  bool SetAttributes(const Node& node, int fd, bool path_only);

  const ImageReader& image_;
  const std::string& target_;
  const ExtractOptions& options_;
  FileReader file_;
  ExtractReport report_;
  std::vector<std::string> wanted_;  // as Node::path is written
  bool privileged_ = false;
  uint64_t total_ = 0;
  Descriptor current_;            // the directory being filled
  std::vector<Identity> levels_;  // down to it
  std::vector<uint8_t> data_;
};

bool Extractor::ImageError(absl::Status error) {
  ++report_.image_errors;
  if (report_.errors.size() < options_.max_lines) {
    report_.errors.push_back(std::move(error));
  }
  return options_.go_on;
}

bool Extractor::HostError(const Node& node, absl::string_view what,
                          absl::StatusCode code, absl::string_view why) {
  ++report_.host_errors;
  if (report_.errors.size() < options_.max_lines) {
    report_.errors.push_back(absl::Status(
        code, absl::StrCat(HostPath(node), ": ", what, ": ", why)));
  }
  return options_.go_on;
}

bool Extractor::HostError(const Node& node, absl::string_view what) {
  const int error = errno;
  absl::StatusCode code = absl::StatusCode::kInternal;
  if (error == EEXIST) code = absl::StatusCode::kAlreadyExists;
  if (error == EACCES || error == EPERM) {
    code = absl::StatusCode::kPermissionDenied;
  }
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    code = absl::StatusCode::kResourceExhausted;
  }
  return HostError(node, what, code, strerrordesc_np(error));
}

void Extractor::Skip(const Node& node, uint64_t* count,
                     absl::string_view what) {
  ++*count;
  if (report_.skipped.size() < options_.max_lines) {
    report_.skipped.push_back(absl::StrCat(node.path, ": ", what));
  }
}

bool Extractor::Progress() {
  if (options_.progress && !report_.cancelled) {
    report_.cancelled = !options_.progress(report_.bytes, total_);
  }
  return !report_.cancelled;
}

std::string Extractor::HostPath(const Node& node) const {
  return node.path == "/" ? target_ : absl::StrCat(target_, node.path);
}

Extractor::Part Extractor::PartOf(const Node& node) const {
  if (wanted_.empty() || node.path == "/") {
    return wanted_.empty() ? Part::kWanted : Part::kAbove;
  }
  Part part = Part::kNone;
  for (const std::string& path : wanted_) {
    if (node.path == path ||
        (absl::StartsWith(node.path, path) && node.path[path.size()] == '/')) {
      return Part::kWanted;
    }
    if (path.size() > node.path.size() && absl::StartsWith(path, node.path) &&
        path[node.path.size()] == '/') {
      part = Part::kAbove;
    }
  }
  return part;
}

bool Extractor::Measure() {
  bool everything = options_.paths.empty();
  for (const std::string& path : options_.paths) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(path, '/', absl::SkipEmpty());
    everything |= parts.empty();
    wanted_.push_back(absl::StrCat("/", absl::StrJoin(parts, "/")));
  }
  if (everything) wanted_.clear();
  std::vector<bool> found(wanted_.size());
  TreeWalker walker(image_, image_.root());
  for (bool end = false; !end;) {
    switch (walker.Next()) {
      case TreeWalker::Step::kNode: {
        const Node& node = walker.node();
        const Part part = PartOf(node);
        if (part == Part::kNone && node.is_directory()) walker.SkipEntries();
        if (part != Part::kWanted) break;
        if (node.is_regular()) total_ += node.inode.size;
        for (size_t i = 0; i < wanted_.size(); ++i) {
          if (node.path == wanted_[i]) found[i] = true;
        }
        break;
      }
      case TreeWalker::Step::kError:
        // With go_on they come again, and are told then.
        if (!options_.go_on) return ImageError(walker.error());
        break;
      case TreeWalker::Step::kLeave:
        break;
      case TreeWalker::Step::kEnd:
        end = true;
        break;
    }
  }
  for (size_t i = 0; i < wanted_.size(); ++i) {
    if (!found[i] && !ImageError(absl::NotFoundError(
                         absl::StrCat(options_.paths[i], ": no such file")))) {
      return false;
    }
  }
  uint64_t limit = options_.max_bytes;
  if (limit == 0) limit = 1024 * uint64_t{image_.bytes().size()};
  if (total_ > limit) {
    HostError(image_.root(), "cannot extract",
              absl::StatusCode::kResourceExhausted,
              absl::StrCat(total_, " bytes to write, more than the limit of ",
                           limit));
    return false;
  }
  return true;
}

bool Extractor::OpenTarget() {
  const Node root = image_.root();
  int flags = kOpenDirectory;
  const bool created = mkdir(target_.c_str(), 0700) == 0;
  if (created) {
    flags |= O_NOFOLLOW;
  } else if (errno != EEXIST) {
    HostError(root, "cannot make the directory");
    return false;
  }
  current_ = Descriptor(open(target_.c_str(), flags));
  struct stat status;
  if (!current_.valid() || fstat(current_.get(), &status) != 0) {
    HostError(root, "cannot open the directory");
    return false;
  }
  if (!IsEmpty(current_.get())) {
    HostError(root, "cannot extract here", absl::StatusCode::kAlreadyExists,
              "directory is not empty");
    return false;
  }
  levels_.push_back({status.st_dev, status.st_ino});
  return true;
}

void Extractor::ExtractTree() {
  TreeWalker walker(image_, image_.root());
  for (;;) {
    switch (walker.Next()) {
      case TreeWalker::Step::kNode: {
        const Node& node = walker.node();
        if (walker.depth() == 0) break;
        if (PartOf(node) == Part::kNone) {
          if (node.is_directory()) walker.SkipEntries();
          break;
        }
        if (options_.visit) options_.visit(node);
        bool made = false;
        const bool go_on = Make(node, &made);
        if (node.is_directory() && !made) walker.SkipEntries();
        if (!go_on) return;
        break;
      }
      case TreeWalker::Step::kLeave:
        if (!LeaveDirectory(walker.node(), walker.depth() == 0)) return;
        break;
      case TreeWalker::Step::kError:
        if (!ImageError(walker.error())) return;
        break;
      case TreeWalker::Step::kEnd:
        return;
    }
  }
}

bool Extractor::Make(const Node& node, bool* made) {
  if (node.is_directory()) return EnterDirectory(node, made);
  if (node.is_regular()) return MakeFile(node);
  if (node.is_symlink()) return MakeLink(node);
  return MakeSpecial(node);
}

bool Extractor::EnterDirectory(const Node& node, bool* made) {
  const std::string name(node.name());
  if (mkdirat(current_.get(), name.c_str(), 0700) != 0) {
    return HostError(node, "cannot make the directory");
  }
  Descriptor directory(
      openat(current_.get(), name.c_str(), kOpenDirectory | O_NOFOLLOW));
  struct stat status;
  if (!directory.valid() || fstat(directory.get(), &status) != 0) {
    return HostError(node, "cannot open the directory");
  }
  if (status.st_uid != geteuid()) {
    return HostError(node, "cannot fill the directory",
                     absl::StatusCode::kPermissionDenied,
                     "somebody put another one there");
  }
  levels_.push_back({status.st_dev, status.st_ino});
  current_ = std::move(directory);
  ++report_.directories;
  *made = true;
  return true;
}

bool Extractor::LeaveDirectory(const Node& node, bool is_target) {
  Descriptor directory = std::move(current_);
  levels_.pop_back();
  if (!is_target) {
    // Before the mode is set, which may forbid it.
    current_ = Descriptor(openat(directory.get(), "..", kOpenDirectory));
    struct stat status;
    if (!current_.valid() || fstat(current_.get(), &status) != 0) {
      HostError(node, "cannot open the directory above");
      return false;
    }
    const Identity& above = levels_.back();
    if (status.st_dev != above.device || status.st_ino != above.inode) {
      HostError(node, "cannot go on above it",
                absl::StatusCode::kFailedPrecondition,
                "somebody moved the directory");
      return false;
    }
  }
  return SetAttributes(node, directory.get(), /*path_only=*/false);
}

bool Extractor::MakeFile(const Node& node) {
  absl::Status status = file_.Open(node);
  if (status.ok()) {
    if (data_.size() < file_.size()) data_.resize(file_.size());
    status = file_.Read(absl::MakeSpan(data_).first(file_.size()));
  }
  if (!status.ok()) return ImageError(std::move(status));
  const std::string name(node.name());
  Descriptor fd(openat(current_.get(), name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       0600));
  if (!fd.valid()) return HostError(node, "cannot make the file");
  if (!WriteData(fd.get())) {
    const bool go_on = HostError(node, "cannot write the file");
    unlinkat(current_.get(), name.c_str(), 0);
    return go_on;
  }
  bool go_on = SetAttributes(node, fd.get(), /*path_only=*/false);
  if (fd.Close() != 0) go_on = HostError(node, "cannot write the file");
  ++report_.files;
  report_.bytes += node.inode.size;
  return Progress() && go_on;
}

bool Extractor::WriteData(int fd) {
  const std::vector<BlockInfo>& blocks = file_.blocks();
  for (size_t i = 0; i < blocks.size();) {
    if (blocks[i].kind == BlockInfo::Kind::kHole) {
      ++i;
      continue;
    }
    const size_t begin = i * kBlockSize;
    size_t end = begin;
    for (; i < blocks.size() && blocks[i].kind != BlockInfo::Kind::kHole; ++i) {
      end += blocks[i].size;
    }
    for (size_t at = begin; at < end;) {
      const ssize_t written =
          pwrite(fd, &data_[at], end - at, static_cast<off_t>(at));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        if (written == 0) errno = EIO;
        return false;
      }
      at += static_cast<size_t>(written);
    }
  }
  return ftruncate(fd, file_.size()) == 0;
}

bool Extractor::MakeLink(const Node& node) {
  absl::Status status = file_.Open(node);
  if (!status.ok()) return ImageError(std::move(status));
  absl::StatusOr<std::string> link = file_.ReadLink();
  if (!link.ok()) return ImageError(link.status());
  const std::string name(node.name());
  if (symlinkat(link->c_str(), current_.get(), name.c_str()) != 0) {
    return HostError(node, "cannot make the link");
  }
  ++report_.links;
  Descriptor fd(
      openat(current_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return HostError(node, "cannot open the link");
  return SetAttributes(node, fd.get(), /*path_only=*/true);
}

bool Extractor::MakeSpecial(const Node& node) {
  const std::string name(node.name());
  const mode_t type = node.inode.mode & S_IFMT;
  const dev_t device =
      node.is_device() ? makedev(node.device_major(), node.device_minor()) : 0;
  if (mknodat(current_.get(), name.c_str(), type | 0600, device) != 0) {
    if (node.is_device() && errno == EPERM) {
      Skip(node, &report_.devices_skipped, "device not made");
      return true;
    }
    return HostError(node, "cannot make the special file");
  }
  ++report_.specials;
  // Opening for the path neither waits for a fifo nor reaches a device.
  Descriptor fd(
      openat(current_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return HostError(node, "cannot open the special file");
  return SetAttributes(node, fd.get(), /*path_only=*/true);
}

bool Extractor::SetAttributes(const Node& node, int fd, bool path_only) {
  const Inode& inode = node.inode;
  struct stat status;
  if (fstat(fd, &status) != 0) return HostError(node, "cannot look at it");
  if ((status.st_mode & S_IFMT) != (inode.mode & S_IFMT)) {
    return HostError(node, "cannot set its mode",
                     absl::StatusCode::kFailedPrecondition,
                     "somebody put another file there");
  }
  mode_t mode = inode.mode & 07777;
  // The owner first: a change of owner clears set-id bits.
  if (status.st_uid != inode.uid || status.st_gid != inode.gid) {
    bool set = false;
    if (privileged_) {
      set = fchownat(fd, "", inode.uid, inode.gid, AT_EMPTY_PATH) == 0;
      if (!set && errno != EPERM && errno != EINVAL) {
        return HostError(node, "cannot set the owner");
      }
    }
    if (!set) {
      Skip(node, &report_.owners_skipped,
           absl::StrCat("owner ", inode.uid, ":", inode.gid, " not set"));
      mode_t foreign = 0;
      if (status.st_uid != inode.uid) foreign |= S_ISUID;
      if (status.st_gid != inode.gid) foreign |= S_ISGID;
      if ((mode & foreign) != 0) {
        Skip(node, &report_.set_id_bits_skipped,
             "set-user or set-group bit of a foreign owner not set");
        mode &= ~foreign;
      }
    }
  }
  // The kernel has no fchmod for a path-only descriptor; links have no mode.
  // The name under /proc is the open file itself, not what its name means now.
  if (!path_only) {
    if (fchmod(fd, mode) != 0) return HostError(node, "cannot set the mode");
    if (futimens(fd, kTimes) != 0)
      return HostError(node, "cannot set the time");
    return true;
  }
  const std::string self = absl::StrCat("/proc/self/fd/", fd);
  if (!node.is_symlink()) {
    if (chmod(self.c_str(), mode) != 0) {
      return HostError(node, "cannot set the mode");
    }
    if (utimensat(AT_FDCWD, self.c_str(), kTimes, 0) != 0) {
      return HostError(node, "cannot set the time");
    }
    return true;
  }
  const std::string name(node.name());
  if (utimensat(current_.get(), name.c_str(), kTimes, AT_SYMLINK_NOFOLLOW) !=
      0) {
    return HostError(node, "cannot set the time");
  }
  return true;
}

}  // namespace

ExtractReport Extract(const ImageReader& image, const std::string& target,
                      const ExtractOptions& options) {
  return Extractor(image, target, options).Run();
}

}  // namespace faultline::cramfs
