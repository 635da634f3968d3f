// SPDX-License-Identifier: GPL-2.0-only

#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "sim/cli/commands.h"

namespace faultline {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

std::atomic<int64_t> first_interrupt{0};  // milliseconds
static_assert(std::atomic<int64_t>::is_always_lock_free);

// The first one asks for an orderly end; a later one ends the process.  One
// key press may come as two signals, to the process and to its group.
void OnInterrupt(int) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t at = int64_t{1000} * now.tv_sec + now.tv_nsec / 1000000;
  int64_t first = 0;
  if (first_interrupt.compare_exchange_strong(first, at)) {
    interrupted = true;
  } else if (at - first > 300) {
    _exit(kExitInterrupted);
  }
}

int Width(bool terminal) {
  int columns = 0;
  if (const char* text = getenv("COLUMNS")) {
    if (absl::SimpleAtoi(text, &columns) && columns >= 40 && columns <= 1000) {
      return columns;
    }
  }
  winsize size;
  if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
      size.ws_col >= 40) {
    return size.ws_col;
  }
  return 100;
}

// How the launcher was called, as well as can be known: it says where it is.
std::string Launcher(const std::string& root) {
  if (root.empty()) return "faultline";
  char here[PATH_MAX];
  if (getcwd(here, sizeof here) != nullptr && root == here) {
    return "./faultline";
  }
  return ShellWord(absl::StrCat(root, "/faultline"));
}

int Main(int argc, char** argv) {
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  std::ios::sync_with_stdio(false);

  Io io{std::cout, std::cerr};
  io.err_is_terminal = isatty(STDERR_FILENO);
  io.width = Width(isatty(STDOUT_FILENO));
  if (const char* root = getenv("FAULTLINE_ROOT")) io.root = root;
  io.launcher = Launcher(io.root);
  io.interrupt = &interrupted;
  return Run(io, Args(argv + 1, argv + argc));
}

}  // namespace
}  // namespace faultline

int main(int argc, char** argv) { return faultline::Main(argc, argv); }
