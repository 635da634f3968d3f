// SPDX-License-Identifier: GPL-2.0-only
//
// Any bytes whatever, mounted in the model: on memory with every
// implementation of direct mapping, and on a block device.  Directories are
// listed, files looked up, read, and mapped and loaded from.  What must hold:
//
//   no BUG, no WARN, nothing left over, nothing waits for ever
//   what ImageReader opens, mounts
//   a directory that it lists is listed with the same entries
//   a file that it reads is read with the same bytes, by read() and through a
//   mapping, with zeros behind the end and SIGBUS beyond
//   no page from outside the image is ever mapped
//
// But for names with more padding than they need, which the kernel lists and
// does not find.

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "cramfs/testing/v3_damage.h"
#include "cramfs/tools/reader.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_machine.h"

namespace faultline::fuzz {
namespace {

using cramfs::BlockInfo;
using cramfs::ImageReader;
using cramfs::Node;

constexpr uint64_t kPage = cramfs::kBlockSize;
constexpr uint64_t kMaxNodes = 40;        // looked at in an image
constexpr uint64_t kMaxPagesOfFile = 8;   // read and mapped
constexpr uint64_t kMaxPagesInAll = 120;  // likewise, of one mount
constexpr size_t kMaxPath = 1000;
constexpr uint64_t kMaxEntries = 200;  // listed of a directory
constexpr size_t kMaxOwnFinds = 24;  // looked at, of what only the kernel lists
constexpr int kEnomem = 12, kSigbus = 7, kSigsegv = 11;

// What there is to look at, and what has to be seen.
struct Target {
  Node node;
  // Set where the reader and the kernel have to agree.
  bool agreed = false;
  // The first pages of a file that reads; a link's target.
  std::optional<std::vector<uint8_t>> data;
  // The entries of a directory that lists.
  std::optional<std::vector<Node>> entries;

  uint64_t pages() const {
    return (uint64_t{node.inode.size} + kPage - 1) / kPage;
  }
};

std::optional<std::vector<uint8_t>> FirstPages(const ImageReader& reader,
                                               const Node& node) {
  const auto map = reader.BlockMap(node);
  if (!map.ok()) return std::nullopt;
  std::vector<uint8_t> data;
  for (const BlockInfo& block : *map) {
    if (data.size() >= kMaxPagesOfFile * kPage) break;
    const auto bytes = reader.ReadBlock(node, block);
    if (!bytes.ok()) return std::nullopt;
    data.insert(data.end(), bytes->begin(), bytes->end());
  }
  return data;
}

// Nodes of the image in the order of a walk.
std::vector<Target> FindTargets(const ImageReader& reader) {
  std::vector<Target> targets;
  reader
      .Walk(
          [&](const Node& node) {
            if (node.path.size() > kMaxPath) return absl::OkStatus();
            Target target;
            target.node = node;
            targets.push_back(std::move(target));
            return targets.size() < kMaxNodes ? absl::OkStatus()
                                              : absl::CancelledError("enough");
          },
          [](const absl::Status&) { return true; })
      .IgnoreError();

  std::map<std::string, bool> agreed_directories;
  for (Target& target : targets) {
    const Node& node = target.node;
    const std::string parent = node.path.substr(0, node.path.rfind('/'));
    const bool root = node.path == "/";
    // The kernel looks a name up by its length with padding.
    const bool findable =
        root || node.inode.name_length < node.name().size() + 4;
    target.agreed = (root || agreed_directories[parent]) && findable;
    if (node.is_directory()) {
      auto entries = reader.List(node);
      agreed_directories[root ? "" : node.path] = target.agreed && entries.ok();
      if (entries.ok()) target.entries = *std::move(entries);
    } else if (node.is_regular() && target.agreed) {
      target.data = FirstPages(reader, node);
    } else if (node.is_symlink() && target.agreed) {
      const auto link = reader.ReadLink(node);
      if (link.ok()) target.data.emplace(link->begin(), link->end());
    }
  }
  return targets;
}

// One mount of the image, and what is seen there.
class Visit {
 public:
  Visit(FuzzMachine* machine, const ImageReader* reader, std::string variant)
      : machine_(*machine),
        kernel_(machine->kernel()),
        reader_(reader),
        variant_(std::move(variant)) {}

  void Run(const std::vector<Target>& targets) {
    machine_.StartProcess();
    const bool on_device = variant_ == "device";
    super_block* sb = nullptr;
    const int error =
        on_device ? kernel_.mount("cramfs", "", &sb)
                  : kernel_.mount("cramfs_physmem",
                                  absl::StrCat("physaddr=0x",
                                               absl::Hex(FuzzMachine::kRomPhys),
                                               ",variant=", variant_)
                                      .c_str(),
                                  &sb);
    const bool must_mount =
        reader_ != nullptr &&
        reader_->superblock().byte_order == cramfs::ByteOrder::kLittle;
    FUZZ_CHECK(error == 0 || !must_mount, variant_, " ", error);
    FUZZ_CHECK(error != -kEnomem, variant_);
    if (error == 0) {
      sb_ = sb;
      for (const Target& target : targets) known_.insert(target.node.path);
      if (targets.empty()) Find("/");
      for (const Target& target : targets) Look(target);
      // Looking at one may find more.
      for (size_t i = 0; i < found_.size(); ++i) Look(Target(found_[i]));
    }
    machine_.ExitMm();
    if (error == 0) {
      const int left = kernel_.umount(sb);
      FUZZ_CHECK(left == 0, variant_, " ", left);
    }
    machine_.EndProcess();
    machine_.ExpectNoReports(variant_ == "v3" ? cramfs::V3Damage()
                                              : std::vector<std::string>());
  }

 private:
  std::string Where(const Target& target) const {
    return absl::StrCat(variant_, ": ", target.node.path);
  }

  void Look(const Target& target) {
    const Node& node = target.node;
    const char* path = node.path.c_str() + 1;
    fl_stat stat = {};
    const int error = kernel_.stat(sb_, path, /*follow=*/0, &stat);
    FUZZ_CHECK(error != -kEnomem, Where(target));
    FUZZ_CHECK(error == 0 || !target.agreed, Where(target), " ", error);
    if (error != 0) return;
    if (target.agreed && node.path != "/") {
      FUZZ_CHECK((stat.mode & S_IFMT) == (node.inode.mode & S_IFMT),
                 Where(target), " ", stat.mode);
      if (node.is_regular() || node.is_symlink()) {
        FUZZ_CHECK(stat.size == node.inode.size, Where(target), " ", stat.size);
      }
    }
    if (S_ISLNK(stat.mode)) return LookAtLink(target);
    file* opened = nullptr;
    const int open_error = kernel_.open(sb_, path, &opened);
    FUZZ_CHECK(open_error != -kEnomem, Where(target));
    const bool must_open = S_ISREG(stat.mode) || S_ISDIR(stat.mode);
    FUZZ_CHECK((open_error == 0) == must_open, Where(target), " ", open_error);
    if (open_error != 0) return;
    if (S_ISDIR(stat.mode)) {
      LookAtDirectory(target, opened);
    } else {
      LookAtFile(target, opened);
    }
    kernel_.close(opened);
  }

  // Something that the reader does not show, or not yet.
  void Find(const std::string& path) {
    if (found_.size() >= kMaxOwnFinds || path.size() > kMaxPath ||
        !known_.insert(path).second) {
      return;
    }
    Target target;
    target.node.path = path;
    found_.push_back(std::move(target));
  }

  void LookAtLink(const Target& target) {
    std::vector<char> text(2 * kPage);
    const char* path = target.node.path.c_str() + 1;
    const int64_t bytes = kernel_.readlink(sb_, path, text.data(), text.size());
    if (target.agreed && target.data) {
      FUZZ_CHECK(bytes == static_cast<int64_t>(target.data->size()),
                 Where(target), " ", bytes);
      FUZZ_CHECK(std::equal(target.data->begin(), target.data->end(),
                            reinterpret_cast<uint8_t*>(text.data())),
                 Where(target));
    }
    // Where it leads to is the image's choice; that it ends is not.
    fl_stat stat = {};
    kernel_.stat(sb_, path, /*follow=*/1, &stat);
  }

  void LookAtDirectory(const Target& target, file* opened) {
    fl_dirent entries[8];
    uint64_t seen = 0;
    int64_t got = 0;
    while (seen < kMaxEntries &&
           (got = kernel_.file_readdir(opened, entries, 8)) > 0) {
      for (int64_t i = 0; i < got; ++i, ++seen) {
        const fl_dirent& entry = entries[i];
        FUZZ_CHECK(
            entry.name_len >= 1 && entry.name_len <= cramfs::kMaxNameLength,
            Where(target), " ", entry.name_len);
        const absl::string_view name(entry.name, entry.name_len);
        if (!absl::StrContains(name, '\0') && !absl::StrContains(name, '/')) {
          const std::string& folder = target.node.path;
          Find(absl::StrCat(folder == "/" ? "" : folder, "/", name));
        }
        if (!target.agreed || !target.entries) continue;
        FUZZ_CHECK(seen < target.entries->size(), Where(target), " ", seen);
        const Node& expected = (*target.entries)[seen];
        FUZZ_CHECK(
            expected.name() == absl::string_view(entry.name, entry.name_len),
            Where(target), " entry ", seen);
        FUZZ_CHECK(entry.type == expected.inode.mode >> 12, Where(target),
                   " entry ", seen);
      }
    }
    FUZZ_CHECK(got != -kEnomem, Where(target));
    if (target.agreed && target.entries && seen < kMaxEntries) {
      FUZZ_CHECK(got == 0 && seen == target.entries->size(), Where(target), " ",
                 got, " after ", seen);
    }
  }

  void LookAtFile(const Target& target, file* opened) {
    const int64_t size = kernel_.file_size(opened);
    const uint64_t pages = std::min(
        (static_cast<uint64_t>(size) + kPage - 1) / kPage, kMaxPagesOfFile);
    pages_used_ += 2 * pages;
    if (pages_used_ > kMaxPagesInAll) return;
    const bool compare = target.agreed && target.data.has_value();
    ReadIt(target, opened, pages, compare);
    Map(target, opened, 0, pages, size, compare);
    if (pages > 2) Map(target, opened, 1, pages - 1, size, compare);
    if (!wrote_) WriteIt(target, opened, pages, compare);
  }

  void ReadIt(const Target& target, file* opened, uint64_t pages,
              bool compare) {
    std::vector<uint8_t> data(pages * kPage + 1);
    const uint64_t wanted =
        pages == kMaxPagesOfFile ? pages * kPage : data.size();
    const int64_t got = kernel_.file_read(opened, data.data(), wanted, 0);
    FUZZ_CHECK(got != -kEnomem, Where(target));
    FUZZ_CHECK(got <= static_cast<int64_t>(wanted), Where(target), " ", got);
    if (!compare) return;
    FUZZ_CHECK(got == static_cast<int64_t>(target.data->size()), Where(target),
               " ", got, " of ", target.data->size());
    FUZZ_CHECK(
        std::equal(target.data->begin(), target.data->end(), data.begin()),
        Where(target));
  }

  fl_user_result Load(uint64_t address) {
    fl_user_result result = {};
    kernel_.user_access(FL_LOAD, address, 8, 0, &result);
    return result;
  }

  // Maps pages [first, first + count), and the one behind them when that is
  // beyond the file.
  void Map(const Target& target, file* opened, uint64_t first, uint64_t count,
           int64_t size, bool compare) {
    const uint64_t in_all = (static_cast<uint64_t>(size) + kPage - 1) / kPage;
    const bool with_beyond = first + count == in_all;
    const uint64_t length = (count + with_beyond) * kPage;
    if (length == 0) return;
    const int64_t start = kernel_.sys_mmap(
        0, length, FL_PROT_READ, FL_MAP_PRIVATE, opened, first * kPage);
    FUZZ_CHECK(start > 0, Where(target), " ", start);
    for (uint64_t page = 0; page < count; ++page) {
      const uint64_t tail = static_cast<uint64_t>(size) % kPage & ~7ull;
      for (const uint64_t at :
           {uint64_t{0}, uint64_t{2040}, tail, uint64_t{4088}}) {
        const fl_user_result result = Load(start + page * kPage + at);
        FUZZ_CHECK(result.sig == 0 || result.sig == kSigbus, Where(target),
                   " signal ", result.sig);
        if (!compare) continue;
        FUZZ_CHECK(result.sig == 0, Where(target), " page ", first + page);
        const uint64_t offset = (first + page) * kPage + at;
        uint64_t expected = 0;
        if (offset < target.data->size()) {
          memcpy(&expected, target.data->data() + offset,
                 std::min<uint64_t>(8, target.data->size() - offset));
        }
        // v3 looks for the tail in the wrong place when a mapping does not
        // start with the file, so what shows there may be anybody's.
        if (variant_ == "v3" && first > 0 &&
            offset + 8 > static_cast<uint64_t>(size)) {
          continue;
        }
        FUZZ_CHECK(result.value == expected, Where(target), " at ", offset);
      }
    }
    if (with_beyond && !(variant_ == "v3" && first > 0)) {
      const fl_user_result result = Load(start + count * kPage);
      FUZZ_CHECK(result.sig == kSigbus, Where(target), " signal ", result.sig);
    }
    // Whoever's data was compared shows pages of the image.
    if (!compare && (variant_ == "v3" || variant_ == "mainline")) {
      ExpectImagePagesOnly(target);
    }
    if (count > 1) {
      kernel_.sys_munmap(start + kPage, kPage);
      FUZZ_CHECK(Load(start + kPage).sig == kSigsegv, Where(target));
    }
    const int64_t gone = kernel_.sys_munmap(start, length);
    FUZZ_CHECK(gone == 0, Where(target), " ", gone);
  }

  void WriteIt(const Target& target, file* opened, uint64_t pages,
               bool compare) {
    if (pages == 0 || !compare) return;
    wrote_ = true;
    const int64_t start = kernel_.sys_mmap(
        0, kPage, FL_PROT_READ | FL_PROT_WRITE, FL_MAP_PRIVATE, opened, 0);
    FUZZ_CHECK(start > 0, Where(target), " ", start);
    fl_user_result result = {};
    kernel_.user_access(FL_STORE, start, 8, 0x1122334455667788, &result);
    FUZZ_CHECK(result.sig == 0, Where(target), " signal ", result.sig);
    FUZZ_CHECK(Load(start).value == 0x1122334455667788, Where(target));
    const int64_t gone = kernel_.sys_munmap(start, kPage);
    FUZZ_CHECK(gone == 0, Where(target), " ", gone);
    ReadIt(target, opened, pages, compare);
  }

  void ExpectImagePagesOnly(const Target& target) {
    struct Outside {
      uint64_t end;
      uint64_t pfn = 0;
    } outside;
    uint64_t bytes = machine_.rom_bytes();
    if (reader_ != nullptr && reader_->superblock().has_fsid()) {
      bytes = reader_->bytes().size();
    }
    outside.end = FuzzMachine::kRomPhys + bytes;
    kernel_.page_walk(
        machine_.mm(),
        [](const fl_page_info* info, void* cookie) {
          auto* found = static_cast<Outside*>(cookie);
          const uint64_t physical = info->pfn * kPage;
          if (info->present && info->special && info->rom &&
              (physical < FuzzMachine::kRomPhys || physical >= found->end)) {
            found->pfn = info->pfn;
          }
        },
        &outside);
    FUZZ_CHECK(outside.pfn == 0, Where(target), " maps pfn ", outside.pfn);
  }

  FuzzMachine& machine_;
  const fl_kernel& kernel_;
  const ImageReader* const reader_;
  const std::string variant_;
  super_block* sb_ = nullptr;
  std::set<std::string> known_;  // paths
  std::vector<Target> found_;
  uint64_t pages_used_ = 0;
  bool wrote_ = false;
};

}  // namespace
}  // namespace faultline::fuzz

// Before the fuzzer looks at what there is to cover.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  faultline::fuzz::FuzzMachine machine({});
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace faultline::fuzz;  // NOLINT: the one function outside
  if (size > FuzzMachine::kMaxImage) return 0;
  const auto image = absl::MakeConstSpan(data, size);
  const auto reader = faultline::cramfs::ImageReader::Open(image);
  // What the reader refuses may still mount; then the kernel's own lists lead.
  const std::vector<Target> targets =
      reader.ok() ? FindTargets(*reader) : std::vector<Target>();
  FuzzMachine machine(image);
  // v3 last: what it leaves behind is known and would hide the others'.
  for (const char* variant : {"paged", "mainline", "device", "v3"}) {
    Visit(&machine, reader.ok() ? &*reader : nullptr, variant).Run(targets);
  }
  return 0;
}
