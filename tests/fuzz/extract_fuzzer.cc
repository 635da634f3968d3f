// SPDX-License-Identifier: GPL-2.0-only
//
// Any bytes whatever, checked and extracted as cramfsck -x does, with and
// without going on after errors.  What must hold:
//
//   nothing outside the target appears, vanishes or changes
//   what Check passes is extracted without an error of the image
//   then every file, link and directory is there, with the bytes of the image
//   no file holds other bytes than the image's, however damaged that is
//   what is written stays below ExtractOptions::max_bytes
//
// Not with the rights of root where there is another user to be: an escape must
// not reach what matters.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "cramfs/tools/extract.h"
#include "cramfs/tools/reader.h"
#include "tests/fuzz/fuzz_check.h"

namespace faultline::fuzz {
namespace {

using cramfs::ExtractOptions;
using cramfs::ExtractReport;
using cramfs::ImageReader;
using cramfs::kBlockSize;
using cramfs::Node;

constexpr uid_t kNobody = 65534;
constexpr uint64_t kMaxBytes = 256 << 10;
constexpr size_t kMaxNodes = 100;

bool HaveNobody() {
  static const bool have = setegid(kNobody) == 0 && setegid(0) == 0;
  return have;
}

// The rights of nobody for as long as it lives, if we were root.  A sandbox
// that knows no other user than root is left at that.
class Unprivileged {
 public:
  Unprivileged() : root_(getuid() == 0 && HaveNobody()) {
    if (!root_) return;
    FUZZ_CHECK(setegid(kNobody) == 0 && seteuid(kNobody) == 0, "still root");
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;
  ~Unprivileged() {
    if (!root_) return;
    FUZZ_CHECK(seteuid(0) == 0 && setegid(0) == 0, "not root again");
  }

 private:
  const bool root_;
};

// A folder with a canary, beside which the target is made.
//
//   canary/file      a file that must stay as it is
//   target/          made anew for each extraction
class Cage {
 public:
  Cage() {
    const char* parent = getenv("TEST_TMPDIR");
    path_ = absl::StrCat(parent != nullptr ? parent : "/tmp", "/fuzz_XXXXXX");
    FUZZ_CHECK(mkdtemp(path_.data()) != nullptr, path_);
    std::filesystem::create_directory(path_ + "/canary");
    const int canary =
        open((path_ + "/canary/file").c_str(), O_CREAT | O_WRONLY, 0666);
    FUZZ_CHECK(canary >= 0 && write(canary, "canary", 6) == 6, path_);
    close(canary);
    if (getuid() == 0 && HaveNobody()) {
      for (const char* what : {"", "/canary", "/canary/file"}) {
        FUZZ_CHECK(lchown((path_ + what).c_str(), kNobody, kNobody) == 0,
                   path_);
      }
    }
    before_ = Outside();
  }
  ~Cage() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string target() const { return path_ + "/target"; }

  void ExpectUntouched() const {
    FUZZ_CHECK(Outside() == before_, Outside(), " was ", before_);
  }
  void Empty() const {
    Unlock(target());
    std::error_code error;
    std::filesystem::remove_all(target(), error);
    FUZZ_CHECK(!error, error.message());
  }

 private:
  // Directories that the image made unreadable can be removed again.
  static void Unlock(const std::string& folder) {
    struct stat info;
    if (lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return;
    if ((info.st_mode & 0700) != 0700) chmod(folder.c_str(), 0700);
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      Unlock(entry.path().string());
    }
  }

  // All that is not the target, with what would tell a change.
  std::string Outside() const {
    std::set<std::string> seen;
    for (const std::string& folder : {path_, path_ + "/canary"}) {
      for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().string();
        if (name == target()) continue;
        struct stat info;
        FUZZ_CHECK(lstat(name.c_str(), &info) == 0, name);
        // Of a folder only that it is one: the time of this one changes.
        seen.insert(
            absl::StrCat(name, " ", info.st_mode, " ", info.st_ino, " ",
                         S_ISDIR(info.st_mode) ? 0 : info.st_size, " ",
                         S_ISDIR(info.st_mode) ? 0 : info.st_mtim.tv_nsec, " ",
                         S_ISDIR(info.st_mode) ? 0 : info.st_ctim.tv_nsec));
      }
    }
    std::string all;
    for (const std::string& line : seen) absl::StrAppend(&all, line, "; ");
    return all;
  }

  std::string path_;
  std::string before_;
};

const Cage& TheCage() {
  // Removed when the program ends in an orderly way.
  static const Cage cage;
  return cage;
}

std::vector<uint8_t> FileBytes(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  FUZZ_CHECK(file >= 0, path);
  std::vector<uint8_t> bytes;
  uint8_t buffer[kBlockSize];
  for (ssize_t got; (got = read(file, buffer, sizeof(buffer))) > 0;) {
    bytes.insert(bytes.end(), buffer, buffer + got);
  }
  close(file);
  return bytes;
}

// What was extracted from `node`; `complete`: it has to be there.
void Compare(const ImageReader& reader, const Node& node, bool complete) {
  const std::string path =
      TheCage().target() + (node.path == "/" ? "" : node.path);
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    FUZZ_CHECK(!complete || node.is_device(), path);
    return;
  }
  FUZZ_CHECK((info.st_mode & S_IFMT) == (node.inode.mode & S_IFMT), path);
  if (node.is_regular()) {
    const auto data = reader.ReadFile(node);
    FUZZ_CHECK(data.ok(), path, " ", data.status().ToString());
    FUZZ_CHECK(FileBytes(path) == *data, path);
  } else if (node.is_symlink()) {
    const auto link = reader.ReadLink(node);
    FUZZ_CHECK(link.ok(), path, " ", link.status().ToString());
    std::error_code error;
    const auto target = std::filesystem::read_symlink(path, error);
    FUZZ_CHECK(!error && target.string() == *link, path);
  }
}

void ExtractOnce(const ImageReader& reader, const std::vector<Node>& nodes,
                 bool go_on, bool sound) {
  ExtractOptions options;
  options.go_on = go_on;
  options.max_bytes = kMaxBytes;
  ExtractReport report;
  {
    Unprivileged nobody;
    report = cramfs::Extract(reader, TheCage().target(), options);
  }
  TheCage().ExpectUntouched();
  FUZZ_CHECK(report.bytes <= kMaxBytes, report.bytes);
  FUZZ_CHECK(report.ok() == report.errors.empty(), report.errors.size());
  uint64_t total = 0;
  for (const Node& node : nodes) {
    if (node.is_regular()) total += node.inode.size;
  }
  if (sound && total <= kMaxBytes) {
    FUZZ_CHECK(report.image_errors == 0, report.errors[0].ToString());
  }
  for (const Node& node : nodes) {
    Compare(reader, node, report.ok());
  }
  TheCage().Empty();
}

}  // namespace
}  // namespace faultline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace faultline::fuzz;  // NOLINT: the one function outside
  const auto reader = ImageReader::Open(absl::MakeConstSpan(data, size));
  if (!reader.ok()) return 0;
  std::vector<Node> nodes;
  bool errors = false;
  const absl::Status walked = reader->Walk(
      [&](const Node& node) {
        nodes.push_back(node);
        return nodes.size() <= kMaxNodes && node.path.size() < 2000
                   ? absl::OkStatus()
                   : absl::CancelledError("enough");
      },
      [&errors](const absl::Status&) { return errors = true; });
  // Making thousands of files each time finds nothing new.
  if (!walked.ok()) return 0;
  const bool sound = reader->Check().ok();
  FUZZ_CHECK(!sound || !errors, "Check passes what Walk does not");
  ExtractOnce(*reader, nodes, /*go_on=*/false, sound);
  if (!sound) ExtractOnce(*reader, nodes, /*go_on=*/true, sound);
  return 0;
}
