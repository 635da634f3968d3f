// SPDX-License-Identifier: GPL-2.0-only
//
// A tree of 1,000 entries to hold image tools against each other with: sizes
// from nothing to the largest, every byte and every length that a name can
// have, 60 directories deep, every type, many modes and owners.  The same on
// every run.
//
//   Entry tree = GenerateTree({});
//   CreateOnHost(tree, directory);        // ... mkfs.cramfs makes an image
//   absl::StatusOr<Entry> got = ReadTree(reader);
//   EXPECT_THAT(Differences(tree, *got), IsEmpty());

#ifndef FAULTLINE_CRAMFS_TOOLS_GENERATED_TREE_H_
#define FAULTLINE_CRAMFS_TOOLS_GENERATED_TREE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cramfs/tools/reader.h"
#include "cramfs/tools/writer.h"

namespace faultline::cramfs {

inline constexpr size_t kGeneratedEntries = 1000;  // the root included
inline constexpr int kGeneratedDepth = 60;

struct TreeOptions {
  // Device nodes, owners other than whoever runs this, files that their owner
  // may not read: what takes root to create and to read.
  bool privileged = false;
  bool largest_file = true;  // one of 16,777,215 bytes
};

// No two files that differ in mode or owner have the same bytes: other tools
// would store them as one.
Entry GenerateTree(const TreeOptions& options);

// Whether this process may create what TreeOptions::privileged asks for.
bool CanCreatePrivileged();

// Creates the tree below `directory`, which exists and takes the root's mode;
// owners only if `owners`.
absl::Status CreateOnHost(const Entry& root, const std::string& directory,
                          bool owners);

// Everything below a directory of the host, by means other than those of the
// image writer.
absl::StatusOr<Entry> ReadFromHost(const std::string& directory);

// Everything that an image holds.
absl::StatusOr<Entry> ReadTree(const ImageReader& reader);

struct CompareOptions {
  bool modes = true;  // permissions; the type always counts
  bool owners = true;
  // Other types than directory, file and link are there as empty files.
  bool special_as_empty = false;
};

// One line for each difference, path first; the first 20.
std::vector<std::string> Differences(const Entry& want, const Entry& got,
                                     const CompareOptions& options = {});

// Entries with the root; how many directories lie on the longest path.
size_t CountEntries(const Entry& root);
int DepthOf(const Entry& root);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_GENERATED_TREE_H_
