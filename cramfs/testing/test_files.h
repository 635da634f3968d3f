// SPDX-License-Identifier: GPL-2.0-only
//
// Files for images of tests, with a say in how each block is stored.

#ifndef FAULTLINE_CRAMFS_TESTING_TEST_FILES_H_
#define FAULTLINE_CRAMFS_TESTING_TEST_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cramfs/tools/writer.h"

namespace faultline::cramfs {

// `size` bytes that compress well; no two pages in a row are equal, and none
// is zero.
std::vector<uint8_t> PageText(uint32_t size, uint32_t seed);

// A file whose block i is stored as kinds[i] says: 'd' direct and raw, 'D'
// direct and compressed, 'r' raw, '-' a hole, whose data is made zero, and
// anything else compressed.
Entry FileOfKinds(const std::string& name, std::vector<uint8_t> data,
                  absl::string_view kinds, DirectAlignment alignment,
                  TailMode tail);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TESTING_TEST_FILES_H_
