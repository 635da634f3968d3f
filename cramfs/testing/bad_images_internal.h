// SPDX-License-Identifier: GPL-2.0-only
//
// The parts of the table of bad_images.cc, by what is damaged.

#ifndef FAULTLINE_CRAMFS_TESTING_BAD_IMAGES_INTERNAL_H_
#define FAULTLINE_CRAMFS_TESTING_BAD_IMAGES_INTERNAL_H_

#include <string>
#include <vector>

#include "cramfs/testing/bad_images.h"
#include "cramfs/testing/image_editor.h"

namespace faultline::cramfs::internal {

using Damage = void (*)(ImageEditor*);

enum BadCaseOptions : unsigned {
  kKeepCrc = 1,  // does not put the CRC right after the damage
  kPad = 2,      // an image with a pad of 512 bytes in front
};

struct BadCase {
  const char* name;
  Damage damage;
  unsigned options = 0;
};

const std::vector<BadCase>& SuperblockCases();
const std::vector<BadCase>& DirectoryCases();
const std::vector<BadCase>& InodeCases();
const std::vector<BadCase>& PointerCases();
const std::vector<BadCase>& StreamCases();

// What is expected of the case of that name; in the order of the cases.
//
// In `check`, {inode PATH}, {pointer PATH N}, {block PATH N}, {end PATH N}
// (where a stored block ends), {super N} and {size} stand for places in the
// undamaged image, and may be followed by +N or -N inside the braces.
struct BadVerdict {
  const char* name;
  const char* check;
  int mount = 0;
  std::vector<SeenFile> seen = {};
  const char* check_big_endian = nullptr;  // where garbage reads otherwise
};
const std::vector<BadVerdict>& SuperblockVerdicts();
const std::vector<BadVerdict>& DirectoryVerdicts();
const std::vector<BadVerdict>& InodeVerdicts();
const std::vector<BadVerdict>& PointerVerdicts();
const std::vector<BadVerdict>& StreamVerdicts();

}  // namespace faultline::cramfs::internal

#endif  // FAULTLINE_CRAMFS_TESTING_BAD_IMAGES_INTERNAL_H_
