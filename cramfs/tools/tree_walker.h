// SPDX-License-Identifier: GPL-2.0-only
//
// The tree of an image, a step at a time.
//
//   TreeWalker walker(image, image.root());
//   for (;;) {
//     switch (walker.Next()) {
//       case TreeWalker::Step::kNode:   ... walker.node() ...
//       case TreeWalker::Step::kLeave:  ... walker.node(), a directory ...
//       case TreeWalker::Step::kError:  ... walker.error() ...
//       case TreeWalker::Step::kEnd:    return;
//     }
//   }
//
// Endless on no image: a directory that overlaps one visited before is an
// error and is not entered, and depth and path length are bounded (reader.h).
// No recursion; the path is kept in one buffer, so that a step costs no more
// deep down than at the top.
//
// Thread safety: none; the image must outlive the walker.

#ifndef FAULTLINE_CRAMFS_TOOLS_TREE_WALKER_H_
#define FAULTLINE_CRAMFS_TOOLS_TREE_WALKER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cramfs/tools/reader.h"

namespace faultline::cramfs {

class TreeWalker {
 public:
  enum class Step {
    kNode,   // `top` first, then each entry; a directory before its entries
    kLeave,  // the entries of the directory node() have all been given
    kError,  // of the image; the next step goes on behind it
    kEnd,
  };

  // `top` is a node of the image, of any type.
  TreeWalker(const ImageReader& image, const Node& top);

  Step Next();
  // Valid until the next step.
  const Node& node() const { return node_; }
  // Levels of node() below the top.
  size_t depth() const { return depth_; }
  const absl::Status& error() const { return error_; }

  // After a kNode that is a directory: does not enter it, and gives no kLeave
  // of it.  Every other directory given is left, wrong ones too.
  void SkipEntries() { enter_ = false; }

  // The directories with entries that were entered, begin to end in the image.
  const std::map<uint32_t, uint32_t>& visited() const { return visited_; }

 private:
  struct Level {
    Inode inode;
    uint32_t inode_position = 0;
    size_t path_size = 0;  // without the slash behind
    uint64_t at = 0, end = 0;
    // The usable name before, and all of them once they are not in order:
    // names that rise cannot be equal.
    absl::string_view previous, greatest;
    std::unique_ptr<std::set<absl::string_view>> names;
  };

  Step Enter();
  Step NextEntry();
  Step Fail(absl::Status error);
  // Back to the path of the directory on top, with the slash behind it.
  void ResetPath();
  // Whether `name` was not yet in the directory; puts it there.
  bool IsNew(Level* level, absl::string_view name, uint64_t entry_at);
  // Decodes the name of the entry at `at`, without its padding.
  absl::string_view NameAt(uint64_t at) const;

  const ImageReader& image_;
  std::vector<Level> levels_;
  std::map<uint32_t, uint32_t> visited_;
  Node node_;
  size_t depth_ = 0;
  absl::Status error_;
  bool started_ = false;
  bool enter_ = false;    // node_ is a directory not entered yet
  bool pending_ = false;  // node_ was decoded and follows an error of its own
};

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_TREE_WALKER_H_
