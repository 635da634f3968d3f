// SPDX-License-Identifier: GPL-2.0-only
//
// The seed corpus: small sound images that between them have every structure
// of the format.

#ifndef FAULTLINE_TESTS_FUZZ_SEEDS_H_
#define FAULTLINE_TESTS_FUZZ_SEEDS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace faultline::fuzz {

struct Seed {
  std::string file_name;
  std::vector<uint8_t> bytes;
};

// Always the same; ends the program if an image cannot be built.
std::vector<Seed> MakeSeeds();

}  // namespace faultline::fuzz

#endif  // FAULTLINE_TESTS_FUZZ_SEEDS_H_
