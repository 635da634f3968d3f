// SPDX-License-Identifier: GPL-2.0-only
//
// Writes the seed corpus:
//
//   bazel run //tests/fuzz:make_seeds -- "$PWD/tests/fuzz/corpus"
//
// With --bad also the damaged images of cramfs/testing/bad_images.h, which are
// not committed: a good start for a long run.

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "cramfs/testing/bad_images.h"
#include "tests/fuzz/seeds.h"

namespace {

bool Write(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (file) return true;
  fprintf(stderr, "%s: cannot be written\n", path.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  bool bad = false;
  std::string folder;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--bad") == 0) {
      bad = true;
    } else if (argv[i][0] != '-' && folder.empty()) {
      folder = argv[i];
    } else {
      folder.clear();
      break;
    }
  }
  if (!std::filesystem::is_directory(folder)) {
    fprintf(stderr, "usage: make_seeds [--bad] FOLDER\n");
    return 2;
  }
  for (const auto& seed : faultline::fuzz::MakeSeeds()) {
    if (!Write(folder + "/" + seed.file_name, seed.bytes)) return 1;
  }
  if (!bad) return 0;
  for (const auto& image : faultline::cramfs::BadImages()) {
    if (!Write(folder + "/bad-" + image.name + ".img", image.bytes)) return 1;
  }
  return 0;
}
