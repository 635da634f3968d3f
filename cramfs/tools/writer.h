// SPDX-License-Identifier: GPL-2.0-only
//
// Builds cramfs images.
//
//   Entry root = Entry::Directory("");
//   root.Add(Entry::File("hello", {'h', 'i'}, 0644));
//   absl::StatusOr<Image> image = ImageBuilder(BuildOptions()).Build(root);
//
// or, from a directory of the host, BuildFromDirectory().
//
// Same tree and same options give the same bytes, on any number of threads.
// What the format cannot hold is an error, or, with BuildOptions::lenient,
// truncated or skipped and counted in BuildWarnings; never silently changed.
//
// Memory: files of the host are read a piece at a time while they are
// compressed, so a build takes little more than the image itself.
//
// Thread safety: plain values; a const ImageBuilder may be used by several
// threads.

#ifndef FAULTLINE_CRAMFS_TOOLS_WRITER_H_
#define FAULTLINE_CRAMFS_TOOLS_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "cramfs/tools/codec.h"

namespace faultline::cramfs {

// How one block of a file is stored.
enum class BlockKind : uint8_t {
  kDirect,            // raw, DIRECT_PTR: what can be mapped when page aligned
  kRaw,               // raw, classic pointer
  kCompressed,        // zlib, classic pointer
  kDirectCompressed,  // zlib, DIRECT_PTR, length in front
  kHole,              // nothing stored: the bytes must all be zero
};

// What follows the last byte of a file's last block, when that block is
// direct and the file's size is not a multiple of the block size.
enum class TailMode {
  kPacked,   // the next file's data at once, as mkcramfs does.  Zeros if this
             // is the last file of the image.
  kOwnPage,  // zeros up to a block after the block's start
  kForeign,  // other data, up to a block after the block's start: no byte of
             // it is zero, whatever comes next in the image
};

// On what boundary a direct raw block starts.
enum class DirectAlignment : uint32_t {
  kEight = 8,  // and, in an explicit layout, never by chance on a page's
  kPage = 4096,
};

// Blocks first..last (inclusive, counted from 0) are stored as `kind`.
struct BlockRun {
  uint32_t first = 0;
  uint32_t last = 0;
  BlockKind kind = BlockKind::kCompressed;
};

// Explicit layout of one file.  Blocks in no run are kCompressed.  Runs that
// overlap or end beyond the file are an error, as is a kHole of nonzero bytes.
// With an explicit layout a compressed block stays so even if that makes it
// longer.
struct FileLayout {
  std::vector<BlockRun> runs;
  DirectAlignment alignment = DirectAlignment::kPage;
  TailMode tail = TailMode::kPacked;
};

// The bytes of a regular file that stay where they are until they are needed.
// Thread safety: const methods may be called by several threads.
class FileSource {
 public:
  virtual ~FileSource() = default;
  // Bytes; never changes.
  virtual uint64_t size() const = 0;
  // Fills `buffer` with what stands at `offset`: all of it or an error.
  // kAborted: the file is no longer the one whose size was told.  The message
  // does not name the file.
  virtual absl::Status Read(uint64_t offset,
                            absl::Span<uint8_t> buffer) const = 0;
};

// A node of the tree to write.  Which members count depends on the type in
// `mode`.
struct Entry {
  std::string name;   // empty for the root
  uint32_t mode = 0;  // type and permissions, the values of <sys/stat.h>
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint8_t> data;                    // regular file
  std::shared_ptr<const FileSource> source;     // or this, when there is one
  std::string target;                           // symbolic link
  uint32_t device_major = 0, device_minor = 0;  // block, character device
  std::vector<Entry> children;                  // directory; any order
  std::optional<FileLayout> layout;  // regular file; absent: BuildOptions say

  static Entry Directory(std::string name, uint32_t permissions = 0755);
  static Entry File(std::string name, std::vector<uint8_t> data,
                    uint32_t permissions = 0644);
  static Entry Symlink(std::string name, std::string target);
  static Entry Device(std::string name, uint32_t mode, uint32_t device_major,
                      uint32_t device_minor);

  // Appends to children and returns the new child; valid until the next Add.
  Entry& Add(Entry child);
};

// Which blocks of files without explicit layout are direct.
enum class XipMode {
  kNone,
  kEightByte,    // mkcramfs -X: those of executables, on 8-byte boundaries
  kPageAligned,  // mkcramfs -X -X: on page boundaries
};

struct BuildOptions {
  std::string name = "Compressed";  // volume; at most 16 bytes
  uint32_t edition = 0;
  ByteOrder byte_order = ByteOrder::kLittle;
  bool pad = false;                // 512 bytes in front
  std::string boot_code;           // content of the pad; at most 512 bytes
  std::string inserted;            // after the superblock (mkcramfs -i)
  bool explicit_holes = false;     // all-zero blocks are holes
  bool extended_pointers = false;  // raw where compression does not pay;
                                   // implied by `xip`
  // In an ELF file, blocks that overlap a PT_LOAD segment with R or X and
  // without W are direct; all others as the flags above say.
  XipMode xip = XipMode::kNone;
  // Regular files all of whose blocks are direct, whatever is in them: paths
  // from the root, "bin/x" or "/bin/x".  Aligned as `xip` says, on pages when
  // it is kNone.
  std::vector<std::string> xip_files;
  // kPacked, or one of the others for every file without explicit layout.
  TailMode tail = TailMode::kPacked;
  // Entries of equal type, mode, owner, bytes and layout share their data.
  // They then have one inode number too, which is why mode and owner count.
  // Entries with one FileSource share it anyway, if type, mode, owner and
  // layout are equal.
  bool merge_identical = true;
  bool lenient = false;  // limits: count and go on
  // With lenient: any warning is an error, said when all the tree has been
  // seen and before its data is read.
  bool fail_on_warnings = false;
  bool squash_owner = false;  // uid and gid 0 everywhere
  // zlib's, 1 to 9.  6 is what mkfs.cramfs of util-linux uses, 9 what mkcramfs
  // does: half a percent smaller in twice the time.
  int level = 6;
  // Threads that compress; 0: one for each core.  The image is the same.
  int jobs = 0;
  // Of a directory of the host: the file at this path, or where a link there
  // leads, is left out by whatever name it is met.  For the image itself.
  std::string left_out;
  // Called now and then on the building thread with bytes of files done and
  // in all; false ends the build with kCancelled.
  std::function<bool(uint64_t done, uint64_t total)> progress;
};

// What lenient building changed, by kind.
struct BuildWarnings {
  static constexpr size_t kMaxMessages = 100;

  uint32_t names_too_long = 0;  // entries left out
  uint32_t skipped = 0;         // entries left out: unreadable, or changed
                                // while being read
  uint32_t sizes_cut = 0;       // files cut to 2^24 - 1 bytes
  // Ids cut to the width of their fields.  The set-id bit goes with the id,
  // or a file of user 65536 would become one of root.
  uint32_t uids_cut = 0;
  uint32_t gids_cut = 0;
  uint32_t devices_cut = 0;  // device numbers beyond 255, cut to 8 bits
  // No warning, but worth a word: met BuildOptions::left_out this often.
  uint32_t left_out = 0;
  // One line each, path first; the first kMaxMessages.
  std::vector<std::string> messages;

  void Add(uint32_t BuildWarnings::*counter, std::string message) {
    ++(this->*counter);
    if (messages.size() < kMaxMessages) messages.push_back(std::move(message));
  }
  uint32_t total() const {
    return names_too_long + skipped + sizes_cut + uids_cut + gids_cut +
           devices_cut;
  }
};

struct Image {
  std::vector<uint8_t> bytes;  // a multiple of 4096
  uint32_t files = 0;          // nodes, the root included
  uint32_t blocks = 0;         // data blocks, shared ones once
  uint32_t flags = 0;          // of the superblock
  BuildWarnings warnings;
};

class ImageBuilder {
 public:
  explicit ImageBuilder(BuildOptions options = {});

  // `root` is a directory, its name is not used.  Errors name the path:
  // kInvalidArgument: what no image can hold (a name with '/', an impossible
  //     type, a wrong layout);
  // kNotFound: an entry of BuildOptions::xip_files that is not in the tree;
  // kOutOfRange: a limit of the format, see BuildOptions::lenient;
  // kFailedPrecondition: BuildOptions::fail_on_warnings;
  // kCancelled: BuildOptions::progress said so;
  // others: a FileSource's, unless lenient: then its entries are left out.
  //
  // With `warnings`, what it holds counts too; it then has all there are, also
  // after an error.  Image::warnings is the same.
  absl::StatusOr<Image> Build(const Entry& root,
                              BuildWarnings* warnings = nullptr) const;

 private:
  BuildOptions options_;
};

// Reads a tree of the host without following any link below `path`; `path`
// itself may be one.  Device nodes, fifos and sockets are taken as such;
// several names of one file share its data.  Of options, lenient, squash_owner
// and left_out count here.  `warnings` counts what was left out because of
// options.lenient; without it an unreadable entry is an error.
//
// Files are opened, to see that they can be, but not read: that is done, again
// without following links, when the tree is built, and an error then if the
// file has changed.
absl::StatusOr<Entry> ReadHostTree(const std::string& path,
                                   const BuildOptions& options,
                                   BuildWarnings* warnings);

// ReadHostTree and Build.
absl::StatusOr<Image> BuildFromDirectory(const std::string& path,
                                         const BuildOptions& options,
                                         BuildWarnings* warnings = nullptr);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_WRITER_H_
