// SPDX-License-Identifier: GPL-2.0-only

#include "sim/symbolizer.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "sim/explored_runtime.h"
#include "sim/kernel_library.h"
#include "sim/source_path.h"
#include "sim/testing/fake_program.h"

namespace faultline {
namespace {

const KernelLibrary* Fake() {
  absl::StatusOr<const KernelLibrary*> library =
      KernelLibrary::Load(FakeKernelPath(), ExploredRuntime::Table());
  EXPECT_TRUE(library.ok()) << library.status();
  return library.ok() ? *library : nullptr;
}

const void* After(const void* address) {
  return static_cast<const char*>(address) + 1;
}

TEST(Symbolizer, FindsFunctionFileAndLine) {
  const KernelLibrary* library = Fake();
  ASSERT_NE(library, nullptr);
  Symbolizer symbolizer(library);
  const CodeFrame* place = symbolizer.Place(
      After(reinterpret_cast<const void*>(library->kernel().sys_madvise)));
  ASSERT_NE(place, nullptr);
  EXPECT_EQ(place->function, "sys_madvise");
  EXPECT_EQ(place->file, "sim/testing/fake_kernel.cc");
  EXPECT_GT(place->line, 1);
  EXPECT_EQ(place->location(),
            "sim/testing/fake_kernel.cc:" + std::to_string(place->line));
}

TEST(Symbolizer, ShowsInlinedFunctionsInsideOut) {
  const KernelLibrary* library = Fake();
  ASSERT_NE(library, nullptr);
  Symbolizer symbolizer(library);
  // machine_boot calls machine_bytes, inlined.
  const char* boot =
      reinterpret_cast<const char*>(library->kernel().machine_boot);
  bool found = false;
  for (int i = 1; i < 400 && !found; ++i) {
    const std::vector<CodeFrame>& frames = symbolizer.Frames(boot + i);
    if (frames.size() < 2) continue;
    found = true;
    EXPECT_EQ(frames[0].function, "machine_bytes");
    EXPECT_TRUE(frames[0].inlined);
    EXPECT_EQ(frames[1].function, "machine_boot");
    EXPECT_FALSE(frames[1].inlined);
    EXPECT_GT(frames[1].line, frames[0].line);
  }
  EXPECT_TRUE(found);
}

TEST(Symbolizer, KnowsNothingOfOtherCode) {
  const KernelLibrary* library = Fake();
  ASSERT_NE(library, nullptr);
  Symbolizer symbolizer(library);
  EXPECT_EQ(symbolizer.Place(reinterpret_cast<const void*>(&Fake)), nullptr);
  EXPECT_EQ(symbolizer.Place(nullptr), nullptr);
}

TEST(SourcePath, IsRelativeToTheTree) {
  EXPECT_EQ(RelativeSourcePath("mm/memory.cc"), "mm/memory.cc");
  EXPECT_EQ(RelativeSourcePath("./mm/memory.cc"), "mm/memory.cc");
  EXPECT_EQ(RelativeSourcePath("/home/x/tree/mm/sync/lock.cc"),
            "mm/sync/lock.cc");
  EXPECT_EQ(RelativeSourcePath("/a/cramfs/variants/v3.cc"),
            "cramfs/variants/v3.cc");
  EXPECT_EQ(RelativeSourcePath("elsewhere.c"), "elsewhere.c");
}

TEST(KernelLibrary, IsLoadedOnce) {
  const KernelLibrary* library = Fake();
  EXPECT_EQ(library, Fake());
  EXPECT_FALSE(library->build_id().empty());
  EXPECT_TRUE(library->Contains(
      reinterpret_cast<const void*>(library->kernel().sys_mmap)));
  EXPECT_FALSE(library->Contains(&library));
  // A kernel build keeps the table it was attached to.
  static const fl_runtime other = {};
  EXPECT_EQ(KernelLibrary::Load(FakeKernelPath(), &other).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(KernelLibrary, SaysWhatIsWrong) {
  EXPECT_EQ(KernelLibrary::Load("/nowhere.so", ExploredRuntime::Table())
                .status()
                .code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(KernelLibrary::Load("/proc/self/exe", ExploredRuntime::Table())
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(KernelPath("mips", true, true).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace faultline
