// SPDX-License-Identifier: GPL-2.0-only
//
// Opens every explored kernel build as it is shipped, runs its canaries and
// holds what changed in memory against what was announced.  A build that
// stores one byte without an event fails here, whatever made it so: a lost
// compiler flag, a merged inline function, a builtin, a symbol bound to
// somebody else's runtime.

#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "cramfs/canary.h"
#include "gtest/gtest.h"
#include "mm/interface.h"

namespace faultline {
namespace {

struct Write {
  uintptr_t start;
  uint64_t bytes;
  uint32_t flags;
};

struct Recorder {
  std::vector<Write> writes;
  // Copy of the watched memory, refreshed at each event: a byte that differs
  // from it at an event was stored without being announced first.
  uint8_t* watched = nullptr;
  uint8_t before[FL_CANARY_BYTES];
  std::set<size_t> announced;
  std::set<size_t> unannounced;

  void Look() {
    for (size_t i = 0; i < FL_CANARY_BYTES; i++) {
      if (watched[i] != before[i] && !announced.count(i)) unannounced.insert(i);
      before[i] = watched[i];
    }
  }
  void Announce(const void* address, uint64_t bytes, uint32_t flags) {
    Look();
    uintptr_t start = reinterpret_cast<uintptr_t>(address);
    uintptr_t base = reinterpret_cast<uintptr_t>(watched);
    if (start + bytes <= base || start >= base + FL_CANARY_BYTES) return;
    writes.push_back({start, bytes, flags});
    for (uint64_t i = 0; i < bytes; i++) announced.insert(start + i - base);
  }
};

Recorder* recorder = nullptr;

void OnAccess(const void* address, uint32_t size, uint32_t flags,
              const void*) {
  if (recorder && (flags & FL_ACCESS_WRITE)) {
    recorder->Announce(address, size, flags);
  }
}
void OnEvent(const fl_event* event) {
  if (recorder && event->kind == FL_EV_RANGE_WRITE) {
    recorder->Announce(event->obj, event->size, FL_ACCESS_WRITE);
  }
}
void Park(void*, const void*, const char*) { abort(); }
void Unpark(void*) {}
uint32_t Choose(uint32_t, uint32_t) { return 0; }
void Relax(void*, const void*) { abort(); }
void Report(uint32_t, const char* file, int line, const char* function,
            const char* text, const void*) {
  fprintf(stderr, "%s:%d %s: %s\n", file, line, function, text);
  abort();
}
void Print(int, const char*) {}
uint64_t Now() { return 0; }

fl_runtime MakeRuntime() {
  fl_runtime runtime = {};
  runtime.struct_bytes = sizeof(runtime);
  runtime.park = Park;
  runtime.unpark = Unpark;
  runtime.choose = Choose;
  runtime.relax = Relax;
  runtime.event = OnEvent;
  runtime.access = OnAccess;
  runtime.report = Report;
  runtime.print = Print;
  runtime.now = Now;
  return runtime;
}

std::string KernelPath(const std::string& name) {
  return std::string(getenv("TEST_SRCDIR")) + "/faultline/sim/kernels/" +
         name + ".so";
}

class CanaryTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    handle_ = dlopen(KernelPath(GetParam()).c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle_, nullptr) << dlerror();
    kernel_ = static_cast<const fl_kernel*>(dlsym(handle_, "faultline_kernel"));
    canaries_ =
        static_cast<const fl_canary*>(dlsym(handle_, "faultline_canaries"));
    ASSERT_NE(kernel_, nullptr);
    ASSERT_NE(canaries_, nullptr);
    fl_runtime runtime = MakeRuntime();
    recorder = nullptr;
    kernel_->attach(&runtime);
    fl_machine_config config = {};
    config.struct_bytes = sizeof(config);
    config.cpus = 1;
    config.ram_pages = 64;
    config.slab_bytes = 256 << 10;
    uint64_t bytes = kernel_->machine_bytes(&config);
    void* arena = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    ASSERT_NE(arena, MAP_FAILED);
    const char* error = nullptr;
    machine_ = kernel_->machine_boot(arena, bytes, &config, &error);
    ASSERT_NE(machine_, nullptr) << error;
    task_ = kernel_->task_create(machine_, nullptr, "canary", 0, this);
    *kernel_->current_slot() = task_;
  }
  void TearDown() override { recorder = nullptr; }

  // Runs one canary; what it stored and announced is in *result.
  void Run(const fl_canary& canary, Recorder* result) {
    alignas(16) static uint8_t to[FL_CANARY_BYTES];
    alignas(16) static uint8_t from[2 * FL_CANARY_BYTES];
    for (size_t i = 0; i < sizeof(from); i++) from[i] = uint8_t(i * 7 + 1);
    for (size_t i = 0; i < sizeof(to); i++) to[i] = uint8_t(0xc0 ^ (i & 0x15));
    uint32_t bytes = sizeof(from);
    if (std::string(canary.name) == "zlib") {
      std::vector<uint8_t> text(FL_CANARY_BYTES, 0x11);
      uLongf length = sizeof(from);
      ASSERT_EQ(compress(from, &length, text.data(), text.size()), Z_OK);
      bytes = length;
    }
    memcpy(start_, to, sizeof(to));
    result->watched = to;
    memcpy(result->before, to, sizeof(to));
    recorder = result;
    canary.run(to, from, bytes);
    recorder = nullptr;
    result->Look();
    changed_ = 0;
    for (size_t i = 0; i < sizeof(to); i++) changed_ += to[i] != start_[i];
  }

  void* handle_ = nullptr;
  const fl_kernel* kernel_ = nullptr;
  const fl_canary* canaries_ = nullptr;
  machine* machine_ = nullptr;
  task_struct* task_ = nullptr;
  uint8_t start_[FL_CANARY_BYTES];
  size_t changed_ = 0;
};

using ExploredCanaryTest = CanaryTest;
using NativeCanaryTest = CanaryTest;

// No store of guest code goes unannounced in an explored build.
TEST_P(ExploredCanaryTest, EveryStoreIsAnEventBeforeItHappens) {
  ASSERT_EQ(kernel_->explored, 1u);
  int count = 0;
  for (const fl_canary* canary = canaries_; canary->name; canary++) {
    Recorder result;
    Run(*canary, &result);
    EXPECT_GT(changed_, 0u) << canary->name << " stored nothing";
    EXPECT_FALSE(result.writes.empty()) << canary->name << " made no event";
    EXPECT_TRUE(result.unannounced.empty())
        << canary->name << ": " << result.unannounced.size()
        << " bytes stored without an event, the first at offset "
        << *result.unannounced.begin();
    count++;
  }
  EXPECT_GE(count, 18);
}

// Marked accesses are told apart from plain ones: a race detector depends on
// it.
TEST_P(ExploredCanaryTest, MarkedStoresAreMarked) {
  for (const fl_canary* canary = canaries_; canary->name; canary++) {
    std::string name = canary->name;
    bool marked = name == "volatile" || name == "write-once" ||
                  name.rfind("atomic", 0) == 0 || name == "set-bit";
    bool plain = name == "plain" || name == "increment";
    if (!marked && !plain) continue;
    Recorder result;
    Run(*canary, &result);
    for (const Write& write : result.writes) {
      EXPECT_EQ((write.flags & FL_ACCESS_ATOMIC) != 0, marked) << name;
    }
  }
}

// A weak symbol could be merged with one of the host or of a library, and
// with it the instrumented code be replaced by code that is not.
TEST_P(CanaryTest, SharesNoSymbolWithItsHost) {
  std::ifstream file(KernelPath(GetParam()), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)),
                    std::istreambuf_iterator<char>());
  ASSERT_GT(bytes.size(), sizeof(Elf64_Ehdr));
  const char* data = bytes.data();
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(data);
  const auto* sections =
      reinterpret_cast<const Elf64_Shdr*>(data + header->e_shoff);
  std::set<std::string> exported;
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_DYNSYM) continue;
    const auto* symbols =
        reinterpret_cast<const Elf64_Sym*>(data + sections[i].sh_offset);
    const char* names = data + sections[sections[i].sh_link].sh_offset;
    for (size_t k = 0; k < sections[i].sh_size / sizeof(Elf64_Sym); k++) {
      const Elf64_Sym& symbol = symbols[k];
      std::string name = names + symbol.st_name;
      // Section marks of the linker (_end, ...) have no type.
      if (symbol.st_shndx != SHN_UNDEF &&
          ELF64_ST_BIND(symbol.st_info) != STB_LOCAL &&
          ELF64_ST_TYPE(symbol.st_info) != STT_NOTYPE) {
        exported.insert(name);
      }
      if (kernel_->explored && symbol.st_shndx == SHN_UNDEF) {
        EXPECT_NE(name.rfind("__tsan_", 0), 0u) << name << " is imported";
        for (const char* hooked : {"memcpy", "memmove", "memset"}) {
          EXPECT_NE(name, hooked) << "imported, so not an event";
        }
      }
    }
  }
  EXPECT_EQ(exported, (std::set<std::string>{"faultline_canaries",
                                             "faultline_kernel"}));
}

// A native build pays nothing: its code makes no event at all.
TEST_P(NativeCanaryTest, MakesNoAccessEvent) {
  ASSERT_EQ(kernel_->explored, 0u);
  for (const fl_canary* canary = canaries_; canary->name; canary++) {
    if (std::string(canary->name) == "zlib") continue;  // announces itself
    Recorder result;
    Run(*canary, &result);
    EXPECT_GT(changed_, 0u) << canary->name;
    EXPECT_TRUE(result.writes.empty()) << canary->name;
    // The check that explored builds pass does fail on code that is silent.
    EXPECT_FALSE(result.unannounced.empty()) << canary->name;
  }
}

std::string TestName(const ::testing::TestParamInfo<const char*>& info) {
  return info.param;
}

constexpr const char* kExplored[] = {
    "kernel_x86_64_explored", "kernel_arm_explored",
    "kernel_arm_nommu_explored",
    "kernel_x86_64_explored_nophysmem", "kernel_x86_64_explored_planted"};
constexpr const char* kNative[] = {"kernel_x86_64_native", "kernel_arm_native",
                                   "kernel_arm_nommu_native",
                                   "kernel_x86_64_native_nophysmem"};

INSTANTIATE_TEST_SUITE_P(Explored, ExploredCanaryTest,
                         ::testing::ValuesIn(kExplored), TestName);
INSTANTIATE_TEST_SUITE_P(Native, NativeCanaryTest,
                         ::testing::ValuesIn(kNative), TestName);
INSTANTIATE_TEST_SUITE_P(Explored, CanaryTest, ::testing::ValuesIn(kExplored),
                         TestName);
INSTANTIATE_TEST_SUITE_P(Native, CanaryTest, ::testing::ValuesIn(kNative),
                         TestName);

}  // namespace
}  // namespace faultline
