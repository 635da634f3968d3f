// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/tools/generated_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cramfs/tools/test_util.h"

namespace faultline::cramfs {
namespace {

constexpr size_t kMaxDifferences = 20;

class Generator {
 public:
  explicit Generator(const TreeOptions& options) : options_(options) {}

  Entry Generate() {
    Entry root = Directory("", 0755);
    AddSizes(&root);
    AddNames(&root);
    AddDeep(&root);
    AddTypes(&root);
    AddModes(&root);
    Fill(&root);
    return root;
  }

 private:
  uint32_t Draw(uint32_t below) { return random_() % below; }

  Entry Owned(Entry entry) const {
    entry.uid = getuid() & 0xffff;
    entry.gid = getgid() & 0xff;
    return entry;
  }
  Entry Directory(std::string name, uint32_t permissions) const {
    return Owned(Entry::Directory(std::move(name), permissions));
  }

  // Text, noise and zeros by turns, or one of them; never what another file
  // of four bytes or more has.
  std::vector<uint8_t> Bytes(uint32_t size, uint32_t kind) {
    ++serial_;
    std::vector<uint8_t> data;
    if (kind == 0) {
      data = Text(size, serial_);
    } else if (kind == 1) {
      data = Noise(size, serial_);
    } else {
      data.resize(size);
      if (kind == 3) {
        for (uint32_t at = 0; at < size; at += kBlockSize) {
          const uint32_t length = std::min(kBlockSize, size - at);
          const uint32_t what = Draw(16);
          if (what < 6) continue;
          const std::vector<uint8_t> block = what < 15
                                                 ? Text(length, serial_ + at)
                                                 : Noise(length, serial_ + at);
          std::copy(block.begin(), block.end(), data.begin() + at);
        }
      }
    }
    for (uint32_t i = 0; size >= 4 && i < 4; ++i) {
      data[i] = static_cast<uint8_t>(serial_ >> (8 * i));
    }
    return data;
  }
  Entry File(std::string name, uint32_t size, uint32_t kind,
             uint32_t permissions = 0644) {
    return Owned(Entry::File(std::move(name), Bytes(size, kind), permissions));
  }
  // Small files all differ too: what tells them apart is their name.
  Entry Named(std::string name) {
    std::vector<uint8_t> data(name.begin(), name.end());
    return Owned(Entry::File(std::move(name), std::move(data)));
  }

  void AddSizes(Entry* root) {
    Entry& sizes = root->Add(Directory("sizes", 0755));
    sizes.Add(File("empty", 0, 0));
    for (uint32_t size : {4u, 5u, 7u, 4095u, 4096u, 4097u, 8191u, 8192u, 8193u,
                          65535u, 65536u, 65537u, 262144u}) {
      for (uint32_t kind : {0u, 1u, 2u, 3u}) {
        sizes.Add(File(absl::StrCat(size, "-", kind), size, kind));
      }
    }
    sizes.Add(File("MiB-less-one", (1u << 20) - 1, 3));
    sizes.Add(File("MiB", 1u << 20, 3));
    sizes.Add(File("MiB-and-one", (1u << 20) + 1, 3));
    if (options_.largest_file) sizes.Add(File("largest", kMaxFileSize, 3));
    // Equal in everything: data may be shared.
    sizes.Add(Owned(Entry::File("same-1", Text(9000, 77))));
    sizes.Add(Owned(Entry::File("same-2", Text(9000, 77))));
  }

  void AddNames(Entry* root) {
    Entry& bytes = root->Add(Directory("a name of one byte", 0755));
    for (int byte = 1; byte < 256; ++byte) {
      if (byte == '/' || byte == '.') continue;
      bytes.Add(Named(std::string(1, static_cast<char>(byte))));
    }
    Entry& lengths = root->Add(Directory("lengths", 0755));
    for (uint32_t length = 2; length <= kMaxNameLength; ++length) {
      std::string name(length, 'x');
      for (char& c : name) c = static_cast<char>('a' + Draw(26));
      lengths.Add(Named(std::move(name)));
    }
    Entry& odd = root->Add(Directory("odd \"names'\n", 0755));
    for (const char* name : {"-rf",
                             "--help",
                             "...",
                             "..a",
                             "a ",
                             " a",
                             "$(id)",
                             "`id`",
                             "*?[a]",
                             "new\nline",
                             "\033[31mred",
                             "back\\slash",
                             "\\",
                             "\xc3\xa9",
                             "\xff\xfe",
                             "\xe2\x80\xae"
                             "cod.exe",
                             "nul:",
                             "a:b",
                             "~",
                             "#",
                             "%s%n",
                             "\x7f",
                             "CON",
                             "trailing.",
                             "\"",
                             "''"}) {
      odd.Add(Named(name));
    }
  }

  void AddDeep(Entry* root) {
    Entry* at = root;
    for (int depth = 1; depth <= kGeneratedDepth; ++depth) {
      at = &at->Add(Directory(absl::StrCat("d", depth), 0755));
      at->Add(File("f", 5 + Draw(100), 0));
    }
  }

  void AddTypes(Entry* root) {
    Entry& types = root->Add(Directory("types", 0755));
    int links = 0;
    for (const std::string& target :
         {std::string("?!"), std::string("../sizes/4096-1"),
          std::string("/absolute/nowhere"), std::string("loop"),
          std::string("a\nb \xff"), std::string("../../../outside"),
          std::string(4095, 'y'), std::string(1000, 'z')}) {
      types.Add(Owned(Entry::Symlink(absl::StrCat("link-", links++), target)));
    }
    types.Add(Owned(Entry::Symlink("loop", "./loop")));
    for (uint32_t permissions : {0600u, 0622u, 0777u}) {
      for (uint32_t type : {S_IFIFO, S_IFSOCK}) {
        Entry entry;
        entry.name = absl::StrFormat(
            "%s-%o", type == S_IFIFO ? "fifo" : "socket", permissions);
        entry.mode = type | permissions;
        types.Add(Owned(std::move(entry)));
      }
    }
    types.Add(Directory("empty", 0700));
    if (!options_.privileged) return;
    for (uint32_t type : {S_IFCHR, S_IFBLK}) {
      for (uint32_t major : {0u, 1u, 8u, 255u}) {
        for (uint32_t minor : {0u, 1u, 128u, 255u}) {
          types.Add(Owned(Entry::Device(
              absl::StrCat(type == S_IFCHR ? "c" : "b", major, ",", minor),
              type | 0640, major, minor)));
        }
      }
    }
  }

  void AddModes(Entry* root) {
    Entry& modes = root->Add(Directory("modes", 0755));
    for (uint32_t mode = 0; mode <= 07777; mode += 0111 + mode % 7) {
      const uint32_t permissions = options_.privileged ? mode : mode | 0400;
      modes.Add(
          File(absl::StrFormat("%04o", mode), 10 + Draw(50), 0, permissions));
    }
    for (uint32_t mode : {01777u, 02755u, 0711u, 0500u}) {
      Entry& entry = modes.Add(Directory(absl::StrFormat("d%04o", mode), mode));
      entry.Add(File("f", 20, 0));
    }
    if (!options_.privileged) return;
    constexpr std::pair<uint32_t, uint32_t> kOwners[] = {
        {0, 255}, {1, 0}, {255, 1}, {256, 128}, {32768, 100}, {65534, 254}};
    for (const auto& [uid, gid] : kOwners) {
      for (uint32_t mode : {0644u, 04755u, 02755u}) {
        Entry entry =
            File(absl::StrFormat("%u:%u-%o", uid, gid, mode), 40, 0, mode);
        entry.uid = uid;
        entry.gid = gid;
        modes.Add(std::move(entry));
      }
      Entry link = Entry::Symlink(absl::StrFormat("%u:%u-l", uid, gid),
                                  absl::StrCat("of ", uid));
      link.uid = uid;
      link.gid = gid;
      modes.Add(std::move(link));
    }
  }

  // Files of a few bytes to a few blocks, until there are enough.
  void Fill(Entry* root) {
    Entry& wide = root->Add(Directory("wide", 0755));
    const size_t there = CountEntries(*root);
    for (size_t i = there; i < kGeneratedEntries; ++i) {
      wide.Add(File(absl::StrCat("f", i), 4 + Draw(1u << (4 + i % 11)), i % 4));
    }
  }

  const TreeOptions options_;
  std::mt19937 random_{20170904};
  uint32_t serial_ = 0;
};

absl::Status Errno(const std::string& path, const char* what) {
  const int error = errno;
  return absl::ErrnoToStatus(error,
                             absl::StrCat(absl::CEscape(path), ": ", what));
}

absl::Status CreateNode(const Entry& entry, const std::string& path) {
  const mode_t type = entry.mode & S_IFMT;
  if (S_ISDIR(type)) {
    if (mkdir(path.c_str(), 0700) != 0) return Errno(path, "mkdir");
  } else if (S_ISLNK(type)) {
    if (symlink(entry.target.c_str(), path.c_str()) != 0) {
      return Errno(path, "symlink");
    }
  } else if (S_ISREG(type)) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0) return Errno(path, "open");
    const ssize_t count = write(fd, entry.data.data(), entry.data.size());
    close(fd);
    if (count != static_cast<ssize_t>(entry.data.size())) {
      return Errno(path, "write");
    }
  } else if (mknod(path.c_str(), type | 0600,
                   makedev(entry.device_major, entry.device_minor)) != 0) {
    return Errno(path, "mknod");
  }
  return absl::OkStatus();
}

// Owner before mode: a change of owner drops the set-id bits.
absl::Status Finish(const Entry& entry, const std::string& path, bool owners) {
  if (owners && lchown(path.c_str(), entry.uid, entry.gid) != 0) {
    return Errno(path, "lchown");
  }
  if (!S_ISLNK(entry.mode) && chmod(path.c_str(), entry.mode & 07777) != 0) {
    return Errno(path, "chmod");
  }
  return absl::OkStatus();
}

absl::Status CreateChildren(const Entry& directory, const std::string& path,
                            bool owners) {
  for (const Entry& child : directory.children) {
    const std::string child_path = absl::StrCat(path, "/", child.name);
    absl::Status status = CreateNode(child, child_path);
    if (status.ok() && S_ISDIR(child.mode)) {
      status = CreateChildren(child, child_path, owners);
    }
    if (status.ok()) status = Finish(child, child_path, owners);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Entry> ReadHostNode(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) return Errno(path, "lstat");
  Entry entry;
  entry.name = path.substr(path.rfind('/') + 1);
  entry.mode = status.st_mode;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  if (S_ISREG(status.st_mode)) {
    entry.data = ReadHostFile(path);
  } else if (S_ISLNK(status.st_mode)) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = readlink(path.c_str(), target.data(), target.size());
    if (size < 0) return Errno(path, "readlink");
    entry.target = target.substr(0, static_cast<size_t>(size));
  } else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
    entry.device_major = major(status.st_rdev);
    entry.device_minor = minor(status.st_rdev);
  } else if (S_ISDIR(status.st_mode)) {
    std::error_code error;
    for (const auto& child : std::filesystem::directory_iterator(path, error)) {
      absl::StatusOr<Entry> read = ReadHostNode(child.path().string());
      if (!read.ok()) return read.status();
      entry.Add(*std::move(read));
    }
    if (error) return absl::UnavailableError(path + ": cannot be read");
  }
  return entry;
}

absl::StatusOr<Entry> ReadNode(const ImageReader& reader, const Node& node) {
  Entry entry;
  entry.name = std::string(node.name());
  entry.mode = node.inode.mode;
  entry.uid = node.inode.uid;
  entry.gid = node.inode.gid;
  if (node.is_regular()) {
    absl::StatusOr<std::vector<uint8_t>> data = reader.ReadFile(node);
    if (!data.ok()) return data.status();
    entry.data = *std::move(data);
  } else if (node.is_symlink()) {
    absl::StatusOr<std::string> target = reader.ReadLink(node);
    if (!target.ok()) return target.status();
    entry.target = *std::move(target);
  } else if (node.is_device()) {
    entry.device_major = node.device_major();
    entry.device_minor = node.device_minor();
  } else if (node.is_directory()) {
    absl::StatusOr<std::vector<Node>> children = reader.List(node);
    if (!children.ok()) return children.status();
    for (const Node& child : *children) {
      absl::StatusOr<Entry> read = ReadNode(reader, child);
      if (!read.ok()) return read.status();
      entry.Add(*std::move(read));
    }
  }
  return entry;
}

class Comparison {
 public:
  explicit Comparison(const CompareOptions& options) : options_(options) {}

  void Compare(const Entry& want, const Entry& got, const std::string& path) {
    uint32_t type = want.mode & S_IFMT;
    if (options_.special_as_empty && !S_ISDIR(type) && !S_ISLNK(type)) {
      type = S_IFREG;
    }
    if ((got.mode & S_IFMT) != type) {
      Add(path, "type", got.mode & S_IFMT, type);
      return;
    }
    // Links have no permissions of their own.
    if (options_.modes && !S_ISLNK(type) && want.mode != got.mode) {
      Add(path, "mode", got.mode, want.mode);
    }
    if (options_.owners && want.uid != got.uid) {
      Add(path, "uid", got.uid, want.uid);
    }
    if (options_.owners && want.gid != got.gid) {
      Add(path, "gid", got.gid, want.gid);
    }
    if (want.data.size() != got.data.size()) {
      Add(path, "size", got.data.size(), want.data.size());
    } else if (want.data != got.data) {
      const auto at =
          std::mismatch(want.data.begin(), want.data.end(), got.data.begin());
      Add(path, "first byte that differs", *at.second, *at.first);
    }
    if (want.target != got.target) {
      Add(path, "target", absl::CEscape(got.target),
          absl::CEscape(want.target));
    }
    if (S_ISCHR(type) || S_ISBLK(type)) {
      Add(path, "major", got.device_major, want.device_major);
      Add(path, "minor", got.device_minor, want.device_minor);
    }
    CompareChildren(want, got, path);
  }

  std::vector<std::string> lines;

 private:
  template <typename Value>
  void Add(const std::string& path, const char* what, const Value& got,
           const Value& want) {
    if (got == want || lines.size() >= kMaxDifferences) return;
    lines.push_back(absl::StrCat(absl::CEscape(path), ": ", what, " is ", got,
                                 ", not ", want));
  }

  static std::vector<const Entry*> Sorted(const Entry& directory) {
    std::vector<const Entry*> sorted;
    for (const Entry& child : directory.children) sorted.push_back(&child);
    std::sort(sorted.begin(), sorted.end(),
              [](const Entry* a, const Entry* b) { return a->name < b->name; });
    return sorted;
  }

  void CompareChildren(const Entry& want, const Entry& got,
                       const std::string& path) {
    const std::vector<const Entry*> wanted = Sorted(want), there = Sorted(got);
    size_t w = 0, g = 0;
    while (w < wanted.size() || g < there.size()) {
      const int order = w == wanted.size() ? 1
                        : g == there.size()
                            ? -1
                            : wanted[w]->name.compare(there[g]->name);
      if (order < 0) {
        Add(absl::StrCat(path, "/", wanted[w++]->name), "entry",
            std::string("missing"), std::string("there"));
      } else if (order > 0) {
        Add(absl::StrCat(path, "/", there[g++]->name), "entry",
            std::string("there"), std::string("missing"));
      } else {
        Compare(*wanted[w], *there[g],
                absl::StrCat(path, "/", wanted[w]->name));
        ++w;
        ++g;
      }
    }
  }

  const CompareOptions options_;
};

}  // namespace

Entry GenerateTree(const TreeOptions& options) {
  return Generator(options).Generate();
}

bool CanCreatePrivileged() {
  const std::string path = MakeTempDirectory() + "/probe";
  return geteuid() == 0 &&
         mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0 &&
         lchown(path.c_str(), 1, 1) == 0;
}

absl::Status CreateOnHost(const Entry& root, const std::string& directory,
                          bool owners) {
  absl::Status status = CreateChildren(root, directory, owners);
  return status.ok() ? Finish(root, directory, owners) : status;
}

absl::StatusOr<Entry> ReadFromHost(const std::string& directory) {
  return ReadHostNode(directory);
}

absl::StatusOr<Entry> ReadTree(const ImageReader& reader) {
  return ReadNode(reader, reader.root());
}

std::vector<std::string> Differences(const Entry& want, const Entry& got,
                                     const CompareOptions& options) {
  Comparison comparison(options);
  comparison.Compare(want, got, "");
  return comparison.lines;
}

size_t CountEntries(const Entry& root) {
  size_t count = 1;
  for (const Entry& child : root.children) count += CountEntries(child);
  return count;
}

int DepthOf(const Entry& root) {
  int depth = 0;
  for (const Entry& child : root.children) {
    if (S_ISDIR(child.mode)) depth = std::max(depth, 1 + DepthOf(child));
  }
  return depth;
}

}  // namespace faultline::cramfs
