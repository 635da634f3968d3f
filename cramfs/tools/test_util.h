// SPDX-License-Identifier: GPL-2.0-only
//
// What the tests of this package share: made-up files, and the comparison of
// a tree with the image built from it.

#ifndef FAULTLINE_CRAMFS_TOOLS_TEST_UTIL_H_
#define FAULTLINE_CRAMFS_TOOLS_TEST_UTIL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cramfs/tools/reader.h"
#include "cramfs/tools/writer.h"

namespace faultline::cramfs {

// `size` bytes without a zero; different seeds give different bytes.  Of the
// two, noise does not compress.
std::vector<uint8_t> Text(uint32_t size, uint32_t seed);
std::vector<uint8_t> Noise(uint32_t size, uint32_t seed);

struct ElfSegment {
  uint32_t type = 1;   // PT_LOAD
  uint32_t flags = 4;  // 1 execute, 2 write, 4 read
  uint64_t offset = 0;
  uint64_t size = 0;
};

// An ELF file of `size` bytes: header, program headers, then text.
std::vector<uint8_t> MakeElf(int bits, bool big_endian, uint32_t size,
                             const std::vector<ElfSegment>& segments);

// The bytes of a regular file, from wherever they are.
std::vector<uint8_t> DataOf(const Entry& entry);

// Fails the test unless the image holds exactly the tree, and passes Check.
void ExpectHolds(const std::vector<uint8_t>& image, const Entry& root);

// Builds, fails the test on an error.
Image MustBuild(const Entry& root, const BuildOptions& options = {});

// The layout of the blocks of one file, a character each: 'd' direct raw,
// 'D' direct compressed, 'r' raw, 'c' compressed, '-' hole; '!' on error.
std::string LayoutOf(const std::vector<uint8_t>& image,
                     const std::string& path);

// Makes the CRC right again after a change.
void FixCrc(std::vector<uint8_t>* image);

// An empty directory of the test's own.
std::string MakeTempDirectory();
void WriteHostFile(const std::string& path, absl::Span<const uint8_t> data);
std::vector<uint8_t> ReadHostFile(const std::string& path);

// Whether there is a program of this name in /sbin, /usr/sbin or $PATH.
bool HaveProgram(const std::string& name);
// Runs a shell command; its exit code, output to `output` when given.
int RunShell(const std::string& command, std::string* output = nullptr);

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TOOLS_TEST_UTIL_H_
