// SPDX-License-Identifier: GPL-2.0-only

#include "sim/minimizer.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace faultline {
namespace {

std::vector<size_t> Unusual(const std::vector<uint32_t>& choices) {
  std::vector<size_t> at;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] != 0) at.push_back(i);
  }
  return at;
}

}  // namespace

int CountUnusual(const std::vector<uint32_t>& choices) {
  return static_cast<int>(Unusual(choices).size());
}

std::vector<uint32_t> MinimizeSchedule(std::vector<uint32_t> choices,
                                       int max_tries, TrySchedule attempt) {
  size_t chunks = 2;
  int tries = 0;
  std::vector<uint32_t> recorded;
  while (tries < max_tries) {
    const std::vector<size_t> unusual = Unusual(choices);
    if (unusual.empty()) break;
    chunks = std::min(chunks, unusual.size());
    bool simpler = false;
    for (size_t i = 0; i < chunks && tries < max_tries; ++i) {
      std::vector<uint32_t> candidate = choices;
      const size_t begin = unusual.size() * i / chunks;
      const size_t end = unusual.size() * (i + 1) / chunks;
      for (size_t j = begin; j < end; ++j) candidate[unusual[j]] = 0;
      ++tries;
      if (!attempt(candidate, &recorded)) continue;
      // What it really did: choices shift when one before them changes, and
      // only fewer unusual ones is progress.
      if (Unusual(recorded).size() >= unusual.size()) continue;
      choices = std::move(recorded);
      simpler = true;
      break;
    }
    if (simpler) {
      chunks = std::max<size_t>(2, chunks - 1);
    } else if (chunks >= unusual.size()) {
      break;
    } else {
      chunks *= 2;
    }
  }
  return choices;
}

}  // namespace faultline
