// SPDX-License-Identifier: GPL-2.0-only

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/cli/command_line.h"
#include "sim/cli/commands.h"
#include "sim/cli/flags.h"
#include "sim/cli/image_input.h"

namespace faultline {
namespace {

class Lister {
 public:
  Lister(Io& io, const ImageInput& image, bool long_format)
      : io_(io), image_(image), long_format_(long_format) {}

  // What is in a directory, or the node itself if it is none.  `whole_paths`:
  // entries by their path, not by their name.
  void List(const cramfs::Node& node, bool whole_paths) {
    if (!node.is_directory()) {
      Print(node, node.path);
      return;
    }
    // What it returns has been given to Fail.
    image_.reader()
        .ForEachEntry(
            node,
            [&](const cramfs::Node& entry) {
              Print(entry, whole_paths ? entry.path : entry.name());
              return absl::OkStatus();
            },
            [this](const absl::Status& error) {
              Fail(error);
              return true;
            })
        .IgnoreError();
  }

  // The node and all below it, as far as it can be read.  The walk is the
  // whole image's, which alone knows a directory that it has seen before.
  void ListAll(const cramfs::Node& top) {
    const std::string prefix =
        top.path == "/" ? top.path : absl::StrCat(top.path, "/");
    absl::Status status = image_.reader().Walk(
        [&](const cramfs::Node& node) {
          if (node.path == top.path || absl::StartsWith(node.path, prefix)) {
            Print(node, node.path);
          }
          return io_.Interrupted() ? absl::CancelledError("interrupted")
                                   : absl::OkStatus();
        },
        [&](const absl::Status& error) {
          Fail(error);
          return true;
        });
    if (!status.ok()) code_ = kExitInterrupted;
  }

  int code() const { return code_; }

 private:
  void Fail(const absl::Status& status) {
    io_.out.flush();
    code_ |= ComplainOfImage(io_, image_.Named(status));
  }

  void Print(const cramfs::Node& node, absl::string_view name) {
    if (!long_format_) {
      io_.out << EscapedName(name) << '\n';
      return;
    }
    const std::string size =
        node.is_device()
            ? absl::StrCat(node.device_major(), ",", node.device_minor())
            : absl::StrCat(node.inode.size);
    io_.out << absl::StreamFormat(
        "%s %5d %3d %8s %9d %s", ModeString(node.inode.mode), node.inode.uid,
        node.inode.gid, size, InodeNumber(node), EscapedName(name));
    if (node.is_symlink()) {
      absl::StatusOr<std::string> target = image_.reader().ReadLink(node);
      io_.out << " -> " << (target.ok() ? EscapedName(*target) : "?") << '\n';
      if (!target.ok()) Fail(target.status());
    } else {
      io_.out << '\n';
    }
  }

  Io& io_;
  const ImageInput& image_;
  const bool long_format_;
  int code_ = kExitOk;
};

}  // namespace

int LsCommand(Io& io, const Args& args) {
  bool long_format = false, recursive = false;
  FlagSet flags(
      "ls", "IMG [PATH...]",
      "Lists what is in a cramfs image: the entries of directories, in the "
      "order stored.\nSymbolic links on the way to PATH are followed, as if "
      "the image were the root.");
  flags.AddBool("long",
                "also mode, uid, gid, size (a device's numbers), inode number "
                "and a link's target",
                &long_format);
  flags.Short('l', "long");
  flags.AddBool("recursive",
                "directories and all that is below them, a whole path a line",
                &recursive);
  flags.Short('R', "recursive");
  Args positional;
  const std::optional<int> ended =
      EndsAtFlags(io, args, &flags, &positional, kExitImageUsage);
  if (ended) return *ended;
  if (positional.empty()) {
    return Complain(io, "ls: expected an image (ls --help)", kExitImageUsage);
  }
  absl::StatusOr<std::unique_ptr<ImageInput>> image =
      ImageInput::Open(positional[0]);
  if (!image.ok()) return ComplainOfImage(io, image.status());
  if (positional.size() == 1) positional.push_back("/");

  Lister lister(io, **image, long_format);
  int code = kExitOk;
  for (size_t i = 1; i < positional.size(); ++i) {
    absl::StatusOr<cramfs::Node> node = (*image)->Find(positional[i], false);
    if (!node.ok()) {
      io.out.flush();
      code |= ComplainOfImage(io, node.status());
    } else if (recursive) {
      lister.ListAll(*node);
    } else {
      lister.List(*node, positional.size() > 2);
    }
    if (io.Interrupted()) return kExitInterrupted;
  }
  return FinishImageOutput(io, code | lister.code());
}

}  // namespace faultline
