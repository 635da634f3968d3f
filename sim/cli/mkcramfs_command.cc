// SPDX-License-Identifier: GPL-2.0-only

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "cramfs/tools/device_table.h"
#include "cramfs/tools/file_list.h"
#include "cramfs/tools/reader.h"
#include "cramfs/tools/writer.h"
#include "sim/cli/commands.h"
#include "sim/cli/flags.h"
#include "sim/cli/json.h"
#include "sim/cli/litmus_files.h"
#include "sim/cli/progress.h"

namespace faultline {
namespace {

using cramfs::BuildOptions;
using cramfs::BuildWarnings;

// Those of mkfs programs.
constexpr int kExitError = 8;
constexpr int kExitWrongUse = 16;

constexpr size_t kMaxListBytes = size_t{16} << 20;

struct Request {
  BuildOptions build;
  bool errors = false;
  int verbose = 0;
  std::string insert, device_table, xip_files;
  std::string directory, image;
};

int ErrorCode(const absl::Status& status) {
  return absl::IsCancelled(status) ? kExitInterrupted : kExitError;
}

int Fail(Io& io, const absl::Status& status) {
  return Complain(io, absl::StrCat("mkcramfs: ", status.message()),
                  ErrorCode(status));
}

// What the command line asks for.  OK with help() of `flags` set: only help.
absl::Status ParseRequest(const Args& args, FlagSet* flags, Request* request) {
  BuildOptions& build = request->build;
  bool sort = false, big = false, little = false;
  int xip = 0;
  uint64_t edition = 0, jobs = 0, level = 6, block_size = cramfs::kBlockSize;
  std::string endian = "host", tails = "packed";

  flags->AddBool("errors",
                 "warnings are errors: exit 8, and nothing is written",
                 &request->errors);
  flags->Short('E', "errors");
  flags->AddNumber("edition", "edition number, part of the fsid", 0, UINT32_MAX,
                   &edition);
  flags->Short('e', "edition");
  flags->AddString("insert", "FILE",
                   "put this file between superblock and root directory",
                   &request->insert);
  flags->Short('i', "insert");
  flags->AddString("name", "NAME",
                   "name of the file system, at most 16 bytes (Compressed)",
                   &build.name);
  flags->Short('n', "name");
  flags->AddBool("pad", "512 bytes in front, for boot code", &build.pad);
  flags->Short('p', "pad");
  flags->AddBool("sort", "accepted: directories are always sorted", &sort);
  flags->Short('s', "sort");
  flags->AddCount("verbose",
                  "say what is stored; twice: how each file's blocks are",
                  &request->verbose);
  flags->Short('v', "verbose");
  flags->AddBool("holes", "store blocks of zeros as holes",
                 &build.explicit_holes);
  flags->Short('z', "holes");
  flags->AddBool("extended",
                 "extended block pointers: blocks that do not compress are raw",
                 &build.extended_pointers);
  flags->Short('x', "extended");
  flags->AddCount("xip",
                  "execute in place, implies -x: what ELF files have loaded "
                  "and not\n" +
                      std::string(30, ' ') +
                      "writable is stored as it is, 8-byte aligned; twice: "
                      "page aligned",
                  &xip);
  flags->Short('X', "xip");
  flags->AddString("xip-files", "FILE",
                   "lists more files to store so, whole, one path from DIR "
                   "a line;\n" +
                       std::string(30, ' ') + "page aligned if there is no -X",
                   &request->xip_files);
  flags->AddChoice("tails",
                   "what follows the end of an executed-in-place file in its "
                   "page:\n" +
                       std::string(30, ' ') +
                       "the next file's data, or nothing (packed)",
                   {"packed", "own-page"}, &tails);
  flags->AddBool("squash", "everything belongs to root, but see -D",
                 &build.squash_owner);
  flags->Short('q', "squash");
  flags->AddString("device-table", "FILE",
                   "nodes to add, and modes and owners to change",
                   &request->device_table);
  flags->Short('D', "device-table");
  flags->AddChoice("endian", "byte order of the image (host)",
                   {"big", "little", "host"}, &endian);
  flags->Short('N', "endian");
  flags->AddBool("big-endian", "the same as -N big", &big);
  flags->Short('B', "big-endian");
  flags->AddBool("little-endian", "the same as -N little", &little);
  flags->Short('L', "little-endian");
  flags->AddNumber("blocksize",
                   "accepted if 4096, the only block size there is", 0,
                   UINT32_MAX, &block_size);
  flags->Short('b', "blocksize");
  flags->AddNumber("level",
                   "compression: 6, as mkfs.cramfs, to 9, as mkcramfs (6)", 1,
                   9, &level);
  flags->AddNumber("jobs", "threads that compress (one for each core)", 1, 256,
                   &jobs);
  flags->Short('j', "jobs");

  Args positional;
  absl::Status status = flags->Parse(args, &positional);
  if (!status.ok() || flags->help()) return status;
  const auto wrong = [](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("mkcramfs: ", what, " (mkcramfs --help)"));
  };
  if (positional.size() != 2) {
    return wrong(absl::StrCat("expected DIR and IMG, found ", positional.size(),
                              " arguments"));
  }
  if (block_size != cramfs::kBlockSize) {
    return wrong(absl::StrCat("no block size but ", cramfs::kBlockSize,
                              " is possible, found ", block_size));
  }
  if (build.name.size() > sizeof(cramfs_super::name)) {
    return wrong(absl::StrCat("the name '", build.name, "' has ",
                              build.name.size(), " bytes, at most 16"));
  }
  if (big + little + flags->Given("endian") > 1) {
    return wrong("only one of -B, -L and -N can be given");
  }
  big |=
      endian == "big" ||
      (endian == "host" && std::endian::native == std::endian::big && !little);
  build.byte_order = big ? cramfs::ByteOrder::kBig : cramfs::ByteOrder::kLittle;
  build.edition = static_cast<uint32_t>(edition);
  build.level = static_cast<int>(level);
  build.jobs = static_cast<int>(jobs);
  build.xip = xip == 0   ? cramfs::XipMode::kNone
              : xip == 1 ? cramfs::XipMode::kEightByte
                         : cramfs::XipMode::kPageAligned;
  build.tail = tails == "packed" ? cramfs::TailMode::kPacked
                                 : cramfs::TailMode::kOwnPage;
  build.lenient = true;
  build.fail_on_warnings = request->errors;
  request->directory = positional[0];
  request->image = positional[1];
  build.left_out = request->image;
  return absl::OkStatus();
}

// The tree with everything that other files say about it.  Afterwards
// `request` has the options of building it.
absl::StatusOr<cramfs::Entry> ReadTree(Request* request,
                                       BuildWarnings* warnings) {
  BuildOptions& build = request->build;
  if (!request->insert.empty()) {
    absl::StatusOr<std::string> text =
        ReadWholeFile(request->insert, cramfs::kMaxDataOffset);
    if (!text.ok()) return text.status();
    build.inserted = *std::move(text);
  }
  absl::StatusOr<cramfs::Entry> root =
      cramfs::ReadHostTree(request->directory, build, warnings);
  if (!root.ok()) return root.status();
  // Done in reading; owners of the table are meant as they are.
  build.squash_owner = false;
  if (!request->device_table.empty()) {
    absl::StatusOr<std::string> text =
        ReadWholeFile(request->device_table, kMaxListBytes);
    if (!text.ok()) return text.status();
    absl::Status status =
        cramfs::ApplyDeviceTable(*text, request->device_table, &*root);
    if (!status.ok()) return status;
  }
  if (!request->xip_files.empty()) {
    absl::StatusOr<std::string> text =
        ReadWholeFile(request->xip_files, kMaxListBytes);
    if (!text.ok()) return text.status();
    absl::StatusOr<std::vector<std::string>> files =
        cramfs::ParseFileList(*text, request->xip_files, *root);
    if (!files.ok()) return files.status();
    build.xip_files = *std::move(files);
  }
  return root;
}

void Warn(Io& io, absl::string_view text) {
  io.err << "faultline: mkcramfs: warning: " << Printable(text) << "\n";
}

// Each entry, then each kind once: single lines scroll away.
void PrintWarnings(Io& io, const BuildWarnings& warnings) {
  for (const std::string& message : warnings.messages) Warn(io, message);
  if (warnings.total() > warnings.messages.size()) {
    Warn(io, absl::StrCat("and ", warnings.total() - warnings.messages.size(),
                          " more"));
  }
  const auto sum = [&io](uint32_t count, absl::string_view one,
                         absl::string_view many, absl::string_view what) {
    if (count > 0) Warn(io, absl::StrCat(Count(count, one, many), what));
  };
  sum(warnings.names_too_long, "entry", "entries",
      absl::StrCat(" left out: names of more than ", cramfs::kMaxNameLength,
                   " bytes"));
  sum(warnings.skipped, "entry", "entries",
      " left out: unreadable, or changed while being read");
  sum(warnings.sizes_cut, "file", "files",
      absl::StrCat(" cut to ", cramfs::kMaxFileSize, " bytes"));
  sum(warnings.uids_cut, "uid", "uids",
      " cut to 16 bits: other users may own what is not theirs");
  sum(warnings.gids_cut, "gid", "gids",
      " cut to 8 bits: other groups may own what is not theirs");
  sum(warnings.devices_cut, "device number", "device numbers",
      " cut to 8 and 8 bits: these nodes are not the devices they were");
}

char TypeLetter(const cramfs::Node& node) {
  if (node.is_directory()) return 'd';
  if (node.is_regular()) return 'f';
  if (node.is_symlink()) return 'l';
  if (!node.is_device()) return (node.inode.mode >> 12) == 1 ? 'p' : 's';
  return (node.inode.mode >> 12) == 2 ? 'c' : 'b';
}

std::string BlockSummary(const std::vector<cramfs::BlockInfo>& blocks,
                         uint64_t size) {
  uint64_t direct = 0, raw = 0, compressed = 0, holes = 0, bytes = 0;
  for (const cramfs::BlockInfo& block : blocks) {
    bytes += 4 + block.length;
    switch (block.kind) {
      case cramfs::BlockInfo::Kind::kHole:
        ++holes;
        break;
      case cramfs::BlockInfo::Kind::kRaw:
        ++(block.direct ? direct : raw);
        break;
      case cramfs::BlockInfo::Kind::kCompressed:
        ++compressed;
        break;
    }
  }
  std::string text = absl::StrFormat("  %5.1f%%", 100.0 * bytes / size);
  const auto add = [&text](uint64_t count, absl::string_view what) {
    if (count > 0) absl::StrAppend(&text, " ", count, " ", what);
  };
  add(direct, "direct");
  add(raw, "raw");
  add(compressed, "compressed");
  add(holes, "holes");
  return text;
}

// What is in the image, as a reader finds it.
absl::StatusOr<std::string> Describe(const cramfs::Image& image,
                                     const Request& request) {
  absl::StatusOr<cramfs::ImageReader> reader =
      cramfs::ImageReader::Open(image.bytes);
  if (!reader.ok()) return reader.status();
  std::string text;
  uint64_t directories = 0;
  absl::Status status = reader->Walk([&](const cramfs::Node& node) {
    const cramfs::Inode& inode = node.inode;
    if (node.is_directory()) directories += inode.size;
    const std::string size =
        node.is_device() ? absl::StrFormat("%4d,%4d", node.device_major(),
                                           node.device_minor())
                         : absl::StrFormat("%9d", inode.size);
    absl::StrAppendFormat(&text, "%c %04o %9s %5d:%-3d %s\n", TypeLetter(node),
                          inode.mode & 07777, size, inode.uid, inode.gid,
                          Printable(node.path));
    if (request.verbose > 1 && inode.size > 0 &&
        (node.is_regular() || node.is_symlink())) {
      absl::StatusOr<std::vector<cramfs::BlockInfo>> blocks =
          reader->BlockMap(node);
      if (!blocks.ok()) return blocks.status();
      absl::StrAppend(&text, BlockSummary(*blocks, inode.size), "\n");
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  absl::StrAppend(
      &text, "superblock: ", cramfs::kSuperblockSize, " bytes\n",
      request.build.inserted.empty()
          ? ""
          : absl::StrCat("inserted: ", request.build.inserted.size(),
                         " bytes\n"),
      "directories: ", directories, " bytes\n", "files: ", image.files,
      "\nblocks: ", image.blocks, "\nimage: ", image.bytes.size() / 1024,
      " KiB, ",
      request.build.byte_order == cramfs::ByteOrder::kBig ? "big" : "little",
      " endian\ncrc: ", absl::Hex(reader->superblock().crc, absl::kZeroPad8),
      "\n");
  return text;
}

}  // namespace

int MkcramfsCommand(Io& io, const Args& args) {
  FlagSet flags(
      "mkcramfs", "DIR IMG",
      "Makes a cramfs image of a directory.  Options are those of mkcramfs and "
      "of\nmkfs.cramfs.  Links are not followed.  What the format cannot hold "
      "is cut or left\nout with a warning, unless -E is given.  The same tree "
      "gives the same image.\n\nexit: 0 done, 8 error (with -E also "
      "warnings), 16 wrong use, 130 interrupted");
  Request request;
  absl::Status status = ParseRequest(args, &flags, &request);
  if (!status.ok()) return Complain(io, status.message(), kExitWrongUse);
  if (flags.help()) {
    io.out << flags.HelpText();
    return kExitOk;
  }

  BuildWarnings warnings;
  absl::StatusOr<cramfs::Entry> root = ReadTree(&request, &warnings);
  if (!root.ok()) return Fail(io, root.status());
  // After the tree has been read, which may have the image's own directory in
  // it; before work that would be in vain.
  AtomicFile file;
  status = file.Open(request.image);
  if (!status.ok()) return Fail(io, status);

  Progress progress(io);
  absl::Time next = absl::Now() + absl::Milliseconds(200);
  request.build.progress = [&](uint64_t done, uint64_t total) {
    if (absl::Now() >= next) {
      progress.Show(absl::StrCat("mkcramfs: ", 100 * done / total, "% of ",
                                 Bytes(total)));
      next = absl::Now() + absl::Milliseconds(100);
    }
    return !io.Interrupted();
  };
  absl::StatusOr<cramfs::Image> image =
      cramfs::ImageBuilder(request.build).Build(*root, &warnings);
  progress.Clear();
  PrintWarnings(io, warnings);
  if (!image.ok()) {
    if (absl::IsFailedPrecondition(image.status())) {
      return Complain(io, "mkcramfs: warnings are errors (-E), nothing written",
                      kExitError);
    }
    return Fail(io, image.status());
  }
  if (warnings.left_out > 0) {
    io.err << "faultline: mkcramfs: " << Printable(request.image) << " lies in "
           << Printable(request.directory) << " and is not part of itself\n";
  }
  std::string description;
  if (request.verbose > 0) {
    absl::StatusOr<std::string> text = Describe(*image, request);
    if (!text.ok()) return Fail(io, text.status());
    description = *std::move(text);
  }
  status = file.Commit(absl::string_view(
      reinterpret_cast<const char*>(image->bytes.data()), image->bytes.size()));
  if (!status.ok()) return Fail(io, status);
  io.out << description;
  return kExitOk;
}

}  // namespace faultline
