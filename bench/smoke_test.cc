// SPDX-License-Identifier: GPL-2.0-only
//
// Runs faultline_benchmark for as short as can be and looks at its JSON: that
// every benchmark is there and did what its name says.  No speeds.

#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace {

struct Output {
  int exit_code = -1;
  std::string text;  // stdout
};

Output RunBenchmark(const std::string& flags) {
  const std::string command =
      absl::StrCat("FAULTLINE_BENCH_TREE_MIB=2 ", getenv("TEST_SRCDIR"), "/",
                   getenv("TEST_WORKSPACE"),
                   "/bench/faultline_benchmark --benchmark_min_time=0.001 "
                   "--benchmark_repetitions=1 ",
                   flags);
  Output output;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char buffer[4096];
  while (size_t bytes = fread(buffer, 1, sizeof buffer, pipe)) {
    output.text.append(buffer, bytes);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) output.exit_code = WEXITSTATUS(status);
  return output;
}

using Fields = std::map<std::string, std::string>;

// The benchmarks of Google Benchmark's JSON by the name they were registered
// under; it puts each field on a line of its own.
std::map<std::string, Fields> ParseResults(absl::string_view json) {
  std::map<std::string, Fields> results;
  Fields* fields = nullptr;
  for (absl::string_view line : absl::StrSplit(json, '\n')) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    auto bare = [](absl::string_view text) {
      text = absl::StripSuffix(absl::StripAsciiWhitespace(text), ",");
      return std::string(
          absl::StripSuffix(absl::StripPrefix(text, "\""), "\""));
    };
    const std::string key = bare(field.first);
    if (key == "name") {
      fields = &results[std::string(
          absl::StripSuffix(bare(field.second), "/manual_time"))];
    } else if (fields != nullptr && !field.second.empty()) {
      (*fields)[key] = bare(field.second);
    }
  }
  return results;
}

class SmokeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    output_ = new Output(RunBenchmark("--benchmark_format=json 2>/dev/null"));
    results_ = new std::map<std::string, Fields>(ParseResults(output_->text));
  }

  static bool Has(const std::string& name) {
    auto found = results_->find(name);
    return found != results_->end() &&
           found->second.count("error_occurred") == 0 &&
           Value(name, "items_per_second") > 0;
  }
  static double Value(const std::string& name, const std::string& field) {
    auto found = results_->find(name);
    double value = -1;
    if (found == results_->end() || found->second.count(field) == 0 ||
        !absl::SimpleAtod(found->second.at(field), &value)) {
      return -1;
    }
    return value;
  }

  static Output* output_;
  static std::map<std::string, Fields>* results_;
};

Output* SmokeTest::output_ = nullptr;
std::map<std::string, Fields>* SmokeTest::results_ = nullptr;

TEST_F(SmokeTest, NothingButJsonIsOnStdout) {
  EXPECT_EQ(output_->exit_code, 0);
  EXPECT_TRUE(absl::StartsWith(output_->text, "{"));
  EXPECT_TRUE(
      absl::EndsWith(absl::StripTrailingAsciiWhitespace(output_->text), "}"));
}

TEST_F(SmokeTest, EachFaultStandsBesideTheHosts) {
  for (const char* name :
       {"anonymous_write", "anonymous_read", "file_read_single",
        "file_read_around", "private_file_write", "munmap_populated",
        "mmap_munmap", "mprotect_split", "mremap_move"}) {
    for (const char* side : {"model", "host"}) {
      EXPECT_TRUE(Has(absl::StrCat("fault/", name, "/", side)))
          << name << " " << side;
    }
  }
}

TEST_F(SmokeTest, EachCallStandsBesideTheHosts) {
  for (const char* name :
       {"fork_empty", "fork_written", "brk", "mlock_munlock",
        "dontneed_written", "dontneed_nothing", "mincore", "msync"}) {
    for (const char* side : {"model", "host"}) {
      EXPECT_TRUE(Has(absl::StrCat("call/", name, "/", side)))
          << name << " " << side;
    }
    EXPECT_EQ(Value(absl::StrCat("call/", name, "/model"), "faults"), 0)
        << name;
  }
}

TEST_F(SmokeTest, CallsAreMadeAmongAMillionVmas) {
  for (const char* call : {"find", "mmap", "place", "munmap"}) {
    for (const char* vmas : {"1000", "10000", "100000", "1000000"}) {
      const std::string name = absl::StrCat("scale/", call, "/", vmas);
      ASSERT_TRUE(Has(name + "/model")) << name;
      EXPECT_EQ(Value(name + "/model", "vmas"), std::stod(vmas));
    }
    EXPECT_TRUE(Has(absl::StrCat("scale/", call, "/1000/host"))) << call;
  }
  // The struct, and what a slab object carries.
  EXPECT_GT(Value("scale/memory/model", "bytes_per_vma"), 150);
  EXPECT_LT(Value("scale/memory/model", "bytes_per_vma"), 300);
}

TEST_F(SmokeTest, WhatIsCalledAFaultIsOne) {
  for (const char* name : {"anonymous_write", "anonymous_read",
                           "file_read_single", "private_file_write"}) {
    const std::string pair = absl::StrCat("fault/", name);
    EXPECT_EQ(Value(pair + "/model", "faults"), 1) << name;
    // The host may take a few more for memory of its own.
    EXPECT_NEAR(Value(pair + "/host", "faults"), 1, 0.1) << name;
  }
  // Sixteen pages at a time; one fault more where the region is not aligned.
  EXPECT_NEAR(Value("fault/file_read_around/model", "faults"), 1.0 / 16, 0.01);
  EXPECT_LT(Value("fault/file_read_around/host", "faults"), 0.5);
  EXPECT_EQ(Value("fault/file_read_around_off/model", "faults"), 1);
  EXPECT_EQ(Value("fault/munmap_populated/model", "faults"), 0);
}

TEST_F(SmokeTest, DirectMappingSavesRamAndFaults) {
  for (const char* phase : {"first_touch", "second_touch", "warm_mapping"}) {
    const std::string prefix = absl::StrCat("mapped/", phase, "/");
    for (const char* way : {"v3", "mainline", "paged", "paged_zlib"}) {
      EXPECT_TRUE(Has(prefix + way)) << phase << " " << way;
    }
    const double pages = Value(prefix + "paged", "file_pages");
    EXPECT_EQ(Value(prefix + "paged", "cache_pages"), pages);
    EXPECT_EQ(Value(prefix + "paged_zlib", "cache_pages"), pages);
    for (const char* way : {"v3", "mainline"}) {
      EXPECT_LT(Value(prefix + way, "cache_pages"), pages / 2) << way;
      EXPECT_LT(Value(prefix + way, "ram_pages"), pages / 2) << way;
    }
  }
  EXPECT_LT(Value("mapped/first_touch/v3", "faults"),
            Value("mapped/first_touch/paged", "faults") / 2);
  EXPECT_EQ(Value("mapped/second_touch/v3", "faults"), 0);
  EXPECT_EQ(Value("mapped/second_touch/paged", "faults"), 0);
}

TEST_F(SmokeTest, EachSearchRunsWithCheckersAndWithout) {
  for (const char* program : {"d01/v3", "two-tails/mainline"}) {
    for (const char* search : {"sync", "access", "dfs2"}) {
      for (const char* checkers : {"all", "off"}) {
        const std::string name =
            absl::StrCat("explore/", program, "/", search, "/", checkers);
        EXPECT_TRUE(Has(name)) << name;
        EXPECT_GT(Value(name, "choices"), 1) << name;
        // v3 has the bug and the kernel BUGs; without the checker nobody says.
        EXPECT_EQ(
            Value(name, "findings") > 0,
            absl::StrContains(name, "/v3/") && absl::EndsWith(name, "/all"))
            << name;
      }
    }
  }
}

TEST_F(SmokeTest, CramfsBenchmarksWorkOnTheWholeTree) {
  std::vector<std::string> names = {"build/all_cores", "build/one_core",
                                    "read/faultline",  "read/zlib",
                                    "check/faultline", "check_crc/faultline"};
  if (access("/usr/sbin/mkfs.cramfs", X_OK) == 0) names.push_back("build/mkfs");
  if (access("/usr/sbin/fsck.cramfs", X_OK) == 0) {
    names.push_back("check/fsck");
    names.push_back("check_crc/fsck");
  }
  for (const std::string& name : names) {
    const std::string full = absl::StrCat("cramfs/", name);
    ASSERT_TRUE(Has(full)) << name;
    EXPECT_GT(Value(full, "seconds"), 0) << name;
    EXPECT_GT(Value(full, "tree_bytes"), 1 << 20) << name;
    EXPECT_LE(Value(full, "tree_bytes"), 2 << 20) << name;
  }
}

TEST(TableTest, RatiosStandUnderTheConsoleOutput) {
  const Output output =
      RunBenchmark("--benchmark_filter=fault/anonymous_write 2>/dev/null");
  EXPECT_EQ(output.exit_code, 0);
  const size_t table = output.text.find("model/host");
  ASSERT_NE(table, std::string::npos) << output.text;
  EXPECT_NE(output.text.find("anonymous write fault", table),
            std::string::npos);
  EXPECT_EQ(output.text.find("executions a second"), std::string::npos)
      << "a table of what was not run";
}

TEST(FlagTest, UnknownFlagIsRefused) {
  EXPECT_EQ(RunBenchmark("--no_such_flag >/dev/null 2>&1").exit_code, 2);
}

}  // namespace
