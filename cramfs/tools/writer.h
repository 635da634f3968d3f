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
// Same tree and same options give the same bytes.  What the format cannot
// hold is an error, or, with BuildOptions::lenient, truncated or skipped and
// counted in Image::warnings; never silently changed.
//
// Thread safety: plain values; a const ImageBuilder may be used by several
// threads.

#ifndef FAULTLINE_CRAMFS_TOOLS_WRITER_H_
#define FAULTLINE_CRAMFS_TOOLS_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cramfs/tools/codec.h"

namespace faultline::cramfs {

// How one block of a file is stored.
enum class BlockKind {
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

// A node of the tree to write.  Which members count depends on the type in
// `mode`.
struct Entry {
  std::string name;   // empty for the root
  uint32_t mode = 0;  // type and permissions, the values of <sys/stat.h>
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint8_t> data;                    // regular file
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
  // kPacked, or one of the others for every file without explicit layout.
  TailMode tail = TailMode::kPacked;
  // Entries of equal type, mode, owner, bytes and layout share their data.
  // They then have one inode number too, which is why mode and owner count.
  bool merge_identical = true;
  bool lenient = false;       // limits: count and go on
  bool squash_owner = false;  // uid and gid 0 everywhere
};

// What lenient building changed, by kind.
struct BuildWarnings {
  uint32_t names_too_long = 0;  // entries left out
  uint32_t skipped = 0;         // entries left out: unreadable, or changed
                                // while being read
  uint32_t sizes_cut = 0;       // files cut to 2^24 - 1 bytes
  // Ids cut to the width of their fields.  The set-id bit goes with the id,
  // or a file of user 65536 would become one of root.
  uint32_t uids_cut = 0;
  uint32_t gids_cut = 0;
  uint32_t devices_cut = 0;  // device numbers beyond 255, cut to 8 bits
  // One line each, path first; the first 100.
  std::vector<std::string> messages;

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
  // kOutOfRange: a limit of the format, see BuildOptions::lenient.
  absl::StatusOr<Image> Build(const Entry& root) const;

 private:
  BuildOptions options_;
};

// Reads a tree of the host without following any link below `path`; `path`
// itself may be one.  Device nodes, fifos and sockets are taken as such.
// `warnings` counts what was left out because of options.lenient; without
// it an unreadable entry is an error.
absl::StatusOr<Entry> ReadHostTree(const std::string& path,
                                   const BuildOptions& options,
                                   BuildWarnings* warnings);

// ReadHostTree and Build.
absl::StatusOr<Image> BuildFromDirectory(const std::string& path,
                                         const BuildOptions& options);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_WRITER_H_
