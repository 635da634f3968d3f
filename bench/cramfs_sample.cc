// SPDX-License-Identifier: GPL-2.0-only

#include "bench/cramfs_sample.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace faultline {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMaxFile = 4 * kMiB;

// Copies files below `from` in the order of their names until `budget` bytes
// are there.  What cannot be read is left out.
void CopyTree(const fs::path& from, const fs::path& to, uint64_t budget,
              int depth, CramfsSample* sample) {
  std::error_code error;
  std::vector<fs::path> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(from, error)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  fs::create_directory(to, error);
  for (const fs::path& name : names) {
    if (sample->bytes + kMiB / 16 > budget) return;
    const fs::path source = from / name;
    const fs::file_status status = fs::symlink_status(source, error);
    if (fs::is_directory(status) && depth < 8) {
      CopyTree(source, to / name, budget, depth + 1, sample);
    }
    if (!fs::is_regular_file(status)) continue;
    const uint64_t size = fs::file_size(source, error);
    if (error || size > kMaxFile || sample->bytes + size > budget) continue;
    if (!fs::copy_file(source, to / name, error)) continue;
    sample->bytes += size;
    ++sample->files;
  }
}

uint64_t Budget() {
  uint64_t mib = 48;
  const char* text = getenv("FAULTLINE_BENCH_TREE_MIB");
  if (text != nullptr && absl::SimpleAtoi(text, &mib)) {
    mib = std::clamp<uint64_t>(mib, 1, 200);
  }
  return mib * kMiB;
}

absl::StatusOr<CramfsSample> MakeSample() {
  std::error_code error;
  std::string directory =
      (fs::temp_directory_path(error) / "faultline-bench-XXXXXX").string();
  if (error || mkdtemp(directory.data()) == nullptr) {
    return absl::UnavailableError(
        absl::StrCat(directory, ": cannot be created"));
  }
  static auto* created = new std::string;
  *created = directory;
  atexit([] {
    std::error_code ignored;
    fs::remove_all(*created, ignored);
  });
  CramfsSample sample;
  sample.scratch = directory + "/scratch";
  sample.directory = directory + "/tree";
  fs::create_directory(sample.scratch, error);
  fs::create_directory(sample.directory, error);
  const uint64_t budget = Budget();
  CopyTree("/usr/bin", sample.directory + "/bin", budget / 2, 0, &sample);
  CopyTree("/usr/lib", sample.directory + "/lib", budget, 0, &sample);
  if (sample.bytes < budget / 2) {
    return absl::NotFoundError("too few files in /usr/bin and /usr/lib");
  }
  return sample;
}

absl::StatusOr<CramfsSampleImage> MakeImage() {
  const absl::StatusOr<CramfsSample>& sample = TheCramfsSample();
  if (!sample.ok()) return sample.status();
  absl::StatusOr<cramfs::Image> image =
      cramfs::BuildFromDirectory(sample->directory, CramfsSampleOptions());
  if (!image.ok()) return image.status();
  CramfsSampleImage result;
  result.path = sample->scratch + "/image";
  result.bytes = std::move(image->bytes);
  std::ofstream file(result.path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(result.bytes.data()),
             static_cast<std::streamsize>(result.bytes.size()));
  file.close();
  if (!file) return absl::UnavailableError(result.path + ": cannot write");
  return result;
}

// Of this process, and of children that have ended.
double CpuSeconds() {
  double seconds = 0;
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage;
    getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
      seconds += static_cast<double>(time.tv_sec) +
                 static_cast<double>(time.tv_usec) * 1e-6;
    }
  }
  return seconds;
}

}  // namespace

const absl::StatusOr<CramfsSample>& TheCramfsSample() {
  static const auto* sample = new absl::StatusOr<CramfsSample>(MakeSample());
  return *sample;
}

cramfs::BuildOptions CramfsSampleOptions() {
  cramfs::BuildOptions options;
  options.lenient = true;  // ids of whoever runs this
  return options;
}

const absl::StatusOr<CramfsSampleImage>& TheCramfsSampleImage() {
  static const auto* image = new absl::StatusOr<CramfsSampleImage>(MakeImage());
  return *image;
}

std::string UtilLinuxProgram(const std::string& name) {
  for (const char* place : {"/usr/sbin/", "/sbin/", "/usr/bin/"}) {
    const std::string path = place + name;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

absl::Status RunProgram(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
  }
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (error != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
      WEXITSTATUS(status) != 0) {
    return absl::InternalError(
        absl::StrCat(absl::StrJoin(arguments, " "), " failed"));
  }
  return absl::OkStatus();
}

void RegisterCramfsBenchmark(const std::string& name,
                             std::function<absl::Status()> prepare,
                             std::function<absl::Status()> once) {
  benchmark::RegisterBenchmark(
      name.c_str(),
      [prepare = std::move(prepare),
       once = std::move(once)](benchmark::State& state) {
        absl::Status status = TheCramfsSample().status();
        if (status.ok()) status = prepare();
        if (!status.ok()) {
          state.SkipWithError(status.ToString().c_str());
          return;
        }
        double seconds = 0, cpu_seconds = 0;
        for (auto _ : state) {
          const double cpu_start = CpuSeconds();
          const auto start = std::chrono::steady_clock::now();
          status = once();
          const std::chrono::duration<double> took =
              std::chrono::steady_clock::now() - start;
          if (!status.ok()) {
            state.SkipWithError(status.ToString().c_str());
            return;
          }
          state.SetIterationTime(took.count());
          seconds += took.count();
          cpu_seconds += CpuSeconds() - cpu_start;
        }
        const auto bytes = static_cast<double>(TheCramfsSample()->bytes);
        using benchmark::Counter;
        state.counters["seconds"] = Counter(seconds, Counter::kAvgIterations);
        state.counters["cpu_seconds"] =
            Counter(cpu_seconds, Counter::kAvgIterations);
        state.counters["tree_bytes"] = bytes;
        state.SetItemsProcessed(state.iterations() *
                                static_cast<int64_t>(TheCramfsSample()->files));
      })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

void PrintCramfsRow(const MedianReporter& results, const std::string& title,
                    const std::string& name, const std::string& other,
                    std::string* heading, std::ostream* out) {
  const auto median = [&results](const std::string& of, const char* counter) {
    return results.Median(of, counter).value_or(0);
  };
  const double seconds = median(name, "seconds");
  const double cpu_seconds = median(name, "cpu_seconds");
  const double mib = median(name, "tree_bytes") / kMiB;
  if (seconds == 0) return;
  if (!heading->empty()) {
    *out << absl::StreamFormat(
        "\n%-42s%9s%9s%9s%9s%9s\n",
        absl::StrFormat("%s, %.0f MiB of files", *heading, mib), "ms", "MiB/s",
        "faster", "CPU ms", "faster");
    heading->clear();
  }
  const auto faster = [&](const char* counter, double mine) {
    const double others = median(other, counter);
    return others == 0 || mine == 0 ? "-"
                                    : absl::StrFormat("%.2f", others / mine);
  };
  *out << absl::StreamFormat("  %-40s%9.1f%9.0f%9s%9.1f%9s\n", title,
                             seconds * 1e3, mib / seconds,
                             faster("seconds", seconds), cpu_seconds * 1e3,
                             faster("cpu_seconds", cpu_seconds));
}

}  // namespace faultline
