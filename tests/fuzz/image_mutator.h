// SPDX-License-Identifier: GPL-2.0-only
//
// Changes to cramfs images that blind changes of bytes hardly ever make: an
// inode that points at another one's data, a pointer moved by a page, a stream
// put in place of another, a name copied from its neighbour.  The CRC is put
// right afterwards, nearly always.

#ifndef FAULTLINE_TESTS_FUZZ_IMAGE_MUTATOR_H_
#define FAULTLINE_TESTS_FUZZ_IMAGE_MUTATOR_H_

#include <cstddef>
#include <cstdint>
#include <functional>

namespace faultline::fuzz {

// Changes data[0, size) a little, in room for max_size bytes; returns the new
// size.  `blind` is a change of bytes that knows nothing, with the same
// contract.  The same arguments give the same result if `blind` does.
size_t MutateImage(
    uint8_t* data, size_t size, size_t max_size, unsigned int seed,
    const std::function<size_t(uint8_t*, size_t, size_t)>& blind);

// Puts the CRC right if there is a superblock whose size fits.
void FixCrc(uint8_t* data, size_t size);

}  // namespace faultline::fuzz

#endif  // FAULTLINE_TESTS_FUZZ_IMAGE_MUTATOR_H_
