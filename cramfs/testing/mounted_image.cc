// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/testing/mounted_image.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sim/kernel_library.h"

namespace faultline::cramfs {
namespace {

constexpr uint64_t kSlack = 4 * kPage;

// What the kernel said since the last machine was made.
struct Console {
  std::vector<std::string> lines;
  std::vector<std::string> reports;
  int allocations = 0, failed = 0;
  int fail_from = 0, fail_end = 0;
};

Console& TheConsole() {
  static Console* console = new Console;
  return *console;
}

[[noreturn]] void Die(const std::string& what) {
  fprintf(stderr, "%s\n", what.c_str());
  abort();
}

uint32_t Choose(uint32_t n, uint32_t why) {
  if (n == 1 || why != FL_CHOOSE_ALLOC_FAIL) return 0;
  Console& console = TheConsole();
  const int number = console.allocations++;
  const bool fail = number >= console.fail_from && number < console.fail_end;
  console.failed += fail;
  return fail;
}

void Report(uint32_t kind, const char* file, int line, const char* function,
            const char* text, const void*) {
  const std::string report =
      absl::StrCat(file, ":", line, ": ", function, ": ", text);
  if (kind == FL_REPORT_BUG || kind == FL_REPORT_OOPS) Die(report);
  TheConsole().reports.push_back(report);
}

const fl_runtime* SingleTaskRuntime() {
  static const fl_runtime* const kRuntime = [] {
    auto* runtime = new fl_runtime();
    runtime->struct_bytes = sizeof(fl_runtime);
    runtime->park = [](void*, const void*, const char* why) {
      Die(absl::StrCat("the only task would sleep for ever: ", why));
    };
    runtime->unpark = [](void*) {};
    runtime->choose = Choose;
    runtime->relax = [](void*, const void*) { Die("the only task spins"); };
    runtime->report = Report;
    runtime->print = [](int, const char* text) {
      TheConsole().lines.push_back(text);
    };
    runtime->now = []() -> uint64_t {
      static uint64_t now = 0;
      return ++now;
    };
    return runtime;
  }();
  return kRuntime;
}

const fl_kernel* LoadKernel(const std::string& arch, bool physmem) {
  const auto path = KernelPath(arch, /*explored=*/false, physmem);
  if (!path.ok()) Die(path.status().ToString());
  const auto library = KernelLibrary::Load(*path, SingleTaskRuntime());
  if (!library.ok()) Die(library.status().ToString());
  return &(*library)->kernel();
}

uint32_t FixNumber(const fl_kernel& kernel, const std::string& name) {
  for (uint32_t i = 0; const char* known = kernel.fix_name(i); ++i) {
    if (name == known) return i;
  }
  Die(absl::StrCat("no fix ", name));
}

Mapping ParseMapping(absl::string_view line) {
  const std::vector<std::string> words =
      absl::StrSplit(line, ' ', absl::SkipEmpty());
  const std::vector<std::string> range = absl::StrSplit(words.at(0), '-');
  Mapping mapping;
  mapping.start = std::strtoull(range.at(0).c_str(), nullptr, 16);
  mapping.end = std::strtoull(range.at(1).c_str(), nullptr, 16);
  mapping.permissions = words.at(1);
  mapping.offset = std::strtoull(words.at(2).c_str(), nullptr, 16);
  return mapping;
}

}  // namespace

TestMachine::TestMachine(const std::string& arch, bool physmem,
                         const std::vector<uint8_t>& image,
                         const std::vector<std::string>& fixes_off,
                         uint64_t ram_pages)
    : kernel_(LoadKernel(arch, physmem)) {
  TheConsole() = Console();
  fl_machine_config config = {};
  config.struct_bytes = sizeof(config);
  config.cpus = 1;
  config.ram_pages = ram_pages;
  config.slab_bytes = 4 << 20;
  config.rom_bytes = image.size() + kSlack;
  config.rom_phys = kRomPhys;
  config.alloc_may_fail = 1;
  for (const std::string& name : fixes_off) {
    config.fixes_off |= uint64_t{1} << FixNumber(*kernel_, name);
  }
  const uint64_t bytes = kernel_->machine_bytes(&config);
  auto arena = Arena::Create(bytes, /*below_4g=*/kernel_->kulong_bits == 32);
  if (!arena.ok()) Die(arena.status().ToString());
  arena_ = *std::move(arena);
  const char* error = nullptr;
  machine_ = kernel_->machine_boot(arena_.data(), bytes, &config, &error);
  if (machine_ == nullptr) Die(error);
  uint64_t rom_bytes = 0;
  rom_ = static_cast<uint8_t*>(kernel_->machine_rom(machine_, &rom_bytes));
  std::copy(image.begin(), image.end(), rom_);
  mm_ = kernel_->mm_create(machine_);
  task_ = kernel_->task_create(machine_, mm_, "test", 0, this);
  *kernel_->current_slot() = task_;
}

TestMachine::~TestMachine() {
  kernel_->check_mm(mm_);
  kernel_->mm_put(mm_);
  for (file* open : files_) kernel_->close(open);
  kernel_->task_exit();
  if (sb_ != nullptr) {
    EXPECT_EQ(kernel_->umount(sb_), 0);
  }
  kernel_->check_machine(machine_);
  *kernel_->current_slot() = nullptr;
  kernel_->task_free(task_);
  for (const std::string& report : TakeReports()) {
    EXPECT_TRUE(std::any_of(allowed_.begin(), allowed_.end(),
                            [&](const std::string& text) {
                              return absl::StrContains(report, text);
                            }))
        << report;
  }
}

std::vector<std::string> TestMachine::CheckMm() {
  std::vector<std::string> before = TakeReports();
  const uint32_t count = kernel_->check_mm(mm_);
  before.swap(TheConsole().reports);
  EXPECT_EQ(count, before.size());
  return before;
}

std::vector<std::string> TestMachine::TakeReports() {
  return std::exchange(TheConsole().reports, {});
}

void TestMachine::AllowReports(const std::vector<std::string>& texts) {
  allowed_.insert(allowed_.end(), texts.begin(), texts.end());
}

void TestMachine::FailAllocations(int after, int count) {
  Console& console = TheConsole();
  console.allocations = console.failed = 0;
  console.fail_from = after;
  console.fail_end = after + count;
}

int TestMachine::allocations() const { return TheConsole().allocations; }
int TestMachine::failed_allocations() const { return TheConsole().failed; }

int TestMachine::Mount(const std::string& options) {
  return kernel_->mount("cramfs_physmem", options.c_str(), &sb_);
}

int TestMachine::MountDevice(const std::string& options) {
  return kernel_->mount("cramfs", options.c_str(), &sb_);
}

int TestMachine::Umount() {
  for (file* open : files_) kernel_->close(open);
  files_.clear();
  return kernel_->umount(std::exchange(sb_, nullptr));
}

int TestMachine::MountVariant(const std::string& variant) {
  if (!kernel_->physmem) return MountDevice("variant=" + variant);
  return Mount(
      absl::StrCat("physaddr=0x", absl::Hex(kRomPhys), ",variant=", variant));
}

file* TestMachine::Open(const std::string& path) {
  file* result = nullptr;
  const int error = kernel_->open(sb_, path.c_str(), &result);
  EXPECT_EQ(error, 0) << path;
  if (error != 0) return nullptr;
  files_.push_back(result);
  return result;
}

int TestMachine::OpenError(const std::string& path) {
  file* result = nullptr;
  const int error = kernel_->open(sb_, path.c_str(), &result);
  if (error == 0) kernel_->close(result);
  return error;
}

std::vector<uint8_t> TestMachine::Read(file* from, int64_t* result) {
  std::vector<uint8_t> data(kernel_->file_size(from) + 100);
  const int64_t read = kernel_->file_read(from, data.data(), data.size(), 0);
  if (result != nullptr) *result = read;
  data.resize(std::max<int64_t>(read, 0));
  return data;
}

std::vector<uint8_t> TestMachine::Splice(file* from, int64_t* result) {
  std::vector<uint8_t> data(kernel_->file_size(from) + 100);
  pipe_inode_info* pipe = kernel_->pipe_create();
  uint64_t position = 0, done = 0;
  int64_t moved;
  while ((moved = kernel_->file_splice_read(from, &position, pipe,
                                            data.size() - done)) > 0) {
    EXPECT_EQ(kernel_->pipe_read(pipe, data.data() + done, moved), moved);
    done += moved;
    EXPECT_EQ(position, done);
  }
  kernel_->pipe_release(pipe);
  if (result != nullptr) *result = moved;
  data.resize(done);
  return data;
}

std::vector<fl_dirent> TestMachine::List(file* directory, int64_t* result) {
  std::vector<fl_dirent> all;
  fl_dirent some[3];
  int64_t count;
  while ((count = kernel_->file_readdir(directory, some, 3)) > 0) {
    all.insert(all.end(), some, some + count);
  }
  if (result != nullptr) *result = count;
  return all;
}

fl_stat TestMachine::Stat(const std::string& path, bool follow) {
  fl_stat stat = {};
  EXPECT_EQ(kernel_->stat(sb_, path.c_str(), follow, &stat), 0) << path;
  return stat;
}

int TestMachine::StatError(const std::string& path, bool follow) {
  fl_stat stat = {};
  return kernel_->stat(sb_, path.c_str(), follow, &stat);
}

uint64_t TestMachine::Map(file* from, uint64_t first_page, uint64_t pages,
                          uint32_t prot, uint64_t at) {
  const int64_t address = kernel_->sys_mmap(
      at, pages * kPage, prot, FL_MAP_PRIVATE | (at != 0 ? FL_MAP_FIXED : 0),
      from, first_page * kPage);
  EXPECT_GT(address, 0);
  return static_cast<uint64_t>(address);
}

void TestMachine::Unmap(uint64_t address, uint64_t pages) {
  EXPECT_EQ(kernel_->sys_munmap(address, pages * kPage), 0);
}

fl_user_result TestMachine::Load(uint64_t address, uint32_t size) {
  fl_user_result result = {};
  kernel_->user_access(FL_LOAD, address, size, 0, &result);
  return result;
}

fl_user_result TestMachine::Store(uint64_t address, uint8_t value) {
  fl_user_result result = {};
  kernel_->user_access(FL_STORE, address, 1, value, &result);
  return result;
}

std::string TestMachine::MapsText() {
  std::string text(kernel_->proc_maps(mm_, nullptr, 0) + 1, '\0');
  text.resize(kernel_->proc_maps(mm_, &text[0], text.size()));
  return text;
}

std::vector<Mapping> TestMachine::Maps() {
  const std::string text = MapsText();
  std::vector<Mapping> result;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    result.push_back(ParseMapping(line));
  }
  return result;
}

uint32_t TestMachine::RomPages() {
  uint32_t count = 0;
  kernel_->page_walk(
      mm_,
      [](const fl_page_info* info, void* cookie) {
        *static_cast<uint32_t*>(cookie) += info->present && info->rom;
      },
      &count);
  return count;
}

const std::vector<std::string>& TestMachine::log() const {
  return TheConsole().lines;
}

Entry FileOf(const std::string& name, uint32_t size, const std::string& kinds,
             TailMode tail, DirectAlignment alignment) {
  std::vector<uint8_t> data = PageText(size, name.size() + 7 * name[0]);
  return FileOfKinds(name, std::move(data), kinds, alignment, tail);
}

Entry TestTree() {
  Entry root = Entry::Directory("");
  root.Add(FileOf("whole", 5 * kPage, "ddddd"));
  root.Add(FileOf("partly", 5 * kPage + 300, "ddddcc"));
  root.Add(FileOf("own_tail", 2 * kPage + 100, "ddd"));
  root.Add(FileOf("shared_tail", 2 * kPage + 100, "ddd", TailMode::kForeign));
  root.Add(FileOf("tiny_shared", 100, "d", TailMode::kForeign));
  root.Add(FileOf("compressed", 3 * kPage + 17, "cccc"));
  root.Add(FileOf("every_kind", 9 * kPage + 5, "dDrc-dcDrd"));
  root.Add(FileOf("classic_after_direct", 6 * kPage, "dcDcrc"));
  root.Add(FileOf("holes", 4 * kPage, "-d--"));
  root.Add(FileOf("odd", 3 * kPage + 8, "dddd", TailMode::kPacked,
                  DirectAlignment::kEight));
  root.Add(Entry::File("empty", {}));
  root.Add(Entry::File("plain", PageText(10000, 3)));
  return root;
}

std::vector<uint8_t> MustBuild(const Entry& root, const BuildOptions& options) {
  absl::StatusOr<Image> image = ImageBuilder(options).Build(root);
  if (!image.ok()) Die(image.status().ToString());
  return std::move(image->bytes);
}

Placed Place(const std::vector<uint8_t>& image, const std::string& path) {
  Placed placed;
  const auto reader = ImageReader::Open(image);
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return placed;
  const auto node = reader->Lookup(path);
  EXPECT_TRUE(node.ok()) << node.status();
  if (!node.ok()) return placed;
  placed.table = node->inode.offset;
  const auto blocks = reader->BlockMap(*node);
  EXPECT_TRUE(blocks.ok()) << blocks.status();
  if (blocks.ok()) placed.blocks = *blocks;
  return placed;
}

void Put32(uint8_t* at, uint32_t value) {
  Codec(ByteOrder::kLittle).Put32(at, value);
}

void ExpectMapsLike(TestMachine& machine, file* from,
                    const std::vector<uint8_t>& data) {
  const uint64_t pages = (data.size() + kPage - 1) / kPage;
  const uint64_t start = machine.Map(from, 0, pages + 1);
  for (uint64_t at = 0; at < pages * kPage; at += 8) {
    uint64_t expected = 0;
    if (at < data.size()) {
      memcpy(&expected, data.data() + at,
             std::min<uint64_t>(8, data.size() - at));
    }
    const fl_user_result result = machine.Load(start + at, 8);
    ASSERT_EQ(result.sig, 0) << "at " << at;
    ASSERT_EQ(result.value, expected) << "at " << at;
  }
  const uint64_t beyond = start + pages * kPage + 123;
  const fl_user_result result = machine.Load(beyond);
  EXPECT_EQ(result.sig, kSigbus);
  EXPECT_EQ(result.si_code, 2);
  EXPECT_EQ(result.fault_address, beyond);
  machine.Unmap(start, pages + 1);
}

void ExpectReadsBack(TestMachine& machine, const Entry& root) {
  for (const Entry& entry : root.children) {
    SCOPED_TRACE(entry.name);
    file* opened = machine.Open(entry.name);
    ASSERT_NE(opened, nullptr);
    ExpectMapsLike(machine, opened, entry.data);
    EXPECT_TRUE(machine.Read(opened) == entry.data);
  }
}

}  // namespace faultline::cramfs
