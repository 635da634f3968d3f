// SPDX-License-Identifier: GPL-2.0-only
//
// A fuzz target as an ordinary test, in builds without libFuzzer: runs its
// entry function over the committed corpus, over every image of
// cramfs/testing/bad_images.h, and over a fixed sequence of mutations of both.
//
//   TARGET_replay_test [--mutations=N] [FILE OR FOLDER]...

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "cramfs/testing/bad_images.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t max_size, unsigned int seed);

// What libFuzzer provides elsewhere: a small change somewhere.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size,
                                   size_t max_size) {
  static std::minstd_rand* random = new std::minstd_rand(1);
  if (size == 0) return 0;
  uint8_t& byte = data[(*random)() % size];
  byte = (*random)() % 2 != 0
             ? static_cast<uint8_t>((*random)())
             : byte ^ static_cast<uint8_t>(1 << (*random)() % 8);
  return size;
}

namespace {

struct Input {
  std::string name;
  std::vector<uint8_t> bytes;
};

void AddFile(const std::filesystem::path& path, std::vector<Input>* inputs) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    fprintf(stderr, "%s: cannot be read\n", path.c_str());
    exit(2);
  }
  inputs->push_back(
      {path.string(),
       std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {})});
}

void Run(const std::string& name, std::vector<uint8_t> bytes) {
  // The last line of a test that crashed says which input it was.
  printf("%s (%zu bytes)\n", name.c_str(), bytes.size());
  fflush(stdout);
  // Nothing behind the end, so that a sanitizer sees a read there.
  bytes.shrink_to_fit();
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  int mutations = 4;
  std::vector<Input> inputs;
  for (int i = 1; i < argc; ++i) {
    if (strncmp(argv[i], "--mutations=", 12) == 0) {
      mutations = atoi(argv[i] + 12);
    } else if (std::filesystem::is_directory(argv[i])) {
      std::vector<std::filesystem::path> paths;
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
        paths.push_back(entry.path());
      }
      std::sort(paths.begin(), paths.end());
      for (const auto& path : paths) AddFile(path, &inputs);
    } else {
      AddFile(argv[i], &inputs);
    }
  }
  if (inputs.size() < 10) {
    fprintf(stderr, "only %zu inputs: where is the corpus?\n", inputs.size());
    return 2;
  }
  for (const auto& bad : faultline::cramfs::BadImages()) {
    inputs.push_back({bad.name, bad.bytes});
  }
  unsigned int seed = 0;
  for (const Input& input : inputs) {
    Run(input.name, input.bytes);
    for (int i = 0; i < mutations; ++i) {
      std::vector<uint8_t> bytes = input.bytes;
      const size_t size = bytes.size();
      bytes.resize(size + 4096);
      const size_t changed =
          LLVMFuzzerCustomMutator(bytes.data(), size, bytes.size(), ++seed);
      bytes.resize(changed);
      Run(input.name + ", mutation " + std::to_string(seed), std::move(bytes));
    }
  }
  printf("%zu inputs, %u mutations\n", inputs.size(), seed);
  return 0;
}
