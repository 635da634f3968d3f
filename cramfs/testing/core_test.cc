// SPDX-License-Identifier: GPL-2.0-only
//
// Core dumps, read back by libelf: which mappings are in them by the rules of
// /proc/PID/coredump_filter, their bytes, and the notes.

#include <gelf.h>
#include <sys/procfs.h>

#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cramfs/testing/exec_process.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

constexpr uint64_t kBase = 0x400000;
// /proc/PID/coredump_filter as it is at first, and two bits more.
constexpr uint32_t kDefaultFilter = 0x33, kMappedPrivate = 4, kAnonPrivate = 1,
                   kElfHeaders = 0x10;

struct Note {
  uint64_t type = 0;
  std::string name;
  std::vector<uint8_t> data;
};

struct Core {
  GElf_Ehdr header = {};
  std::vector<GElf_Phdr> loads;
  std::vector<Note> notes;
  std::vector<uint8_t> bytes;

  const Note* Find(uint64_t type) const {
    for (const Note& note : notes) {
      if (note.type == type) return &note;
    }
    return nullptr;
  }
  uint64_t At(const GElf_Phdr& load, uint64_t address) const {
    return bytes.at(load.p_offset + (address - load.p_vaddr));
  }
};

Core Parse(std::vector<uint8_t> bytes) {
  Core core;
  core.bytes = std::move(bytes);
  elf_version(EV_CURRENT);
  Elf* elf =
      elf_memory(reinterpret_cast<char*>(core.bytes.data()), core.bytes.size());
  if (elf == nullptr || gelf_getehdr(elf, &core.header) == nullptr) {
    ADD_FAILURE() << elf_errmsg(-1);
    return core;
  }
  size_t count = 0;
  EXPECT_EQ(elf_getphdrnum(elf, &count), 0);
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr phdr;
    gelf_getphdr(elf, static_cast<int>(i), &phdr);
    if (phdr.p_type == PT_LOAD) core.loads.push_back(phdr);
    if (phdr.p_type != PT_NOTE) continue;
    Elf_Data* data = elf_getdata_rawchunk(
        elf, static_cast<int64_t>(phdr.p_offset), phdr.p_filesz, ELF_T_NHDR);
    size_t at = 0, name = 0, body = 0;
    GElf_Nhdr head;
    while (data != nullptr &&
           (at = gelf_getnote(data, at, &head, &name, &body)) > 0) {
      const auto* from = static_cast<const uint8_t*>(data->d_buf);
      core.notes.push_back(
          {head.n_type, reinterpret_cast<const char*>(from + name),
           std::vector<uint8_t>(from + body, from + body + head.n_descsz)});
    }
  }
  elf_end(elf);
  return core;
}

uint64_t WordAt(const std::vector<uint8_t>& data, size_t index, size_t word) {
  uint64_t value = 0;
  memcpy(&value, data.data() + index * word, word);
  return value;
}

using ArchAndVariant = std::tuple<const char*, const char*>;

class CoreTest : public testing::TestWithParam<ArchAndVariant> {
 protected:
  CoreTest()
      : elf_(arch(), ET_EXEC), entry_(FileOf("program", 4 * kPage, "dddd")) {
    elf_.header.e_entry = kBase + 0x200;
    elf_.Add(PT_LOAD, PF_R | PF_X, 0, kBase, 2 * kPage, 2 * kPage);
    elf_.Add(PT_LOAD, PF_R | PF_W, 2 * kPage, kBase + 2 * kPage, 100,
             2 * kPage);
    elf_.Add(PT_LOAD, PF_R, 3 * kPage, kBase + 8 * kPage, kPage, kPage);
    elf_.Add(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0);
    entry_.data = elf_.Over(entry_.data);
    entry_.mode |= 0755;
    Entry root = Entry::Directory("");
    root.Add(entry_);
    machine_ = std::make_unique<TestMachine>(arch(), true, MustBuild(root));
    EXPECT_EQ(machine_->MountVariant(variant()), 0);
    if (variant() == "v3") machine_->AllowReports(V3Damage());
    process_ = std::make_unique<ExecProcess>(machine_.get());
    EXPECT_EQ(process_->Exec(machine_->Open("program"), {"program", "-v"},
                             {"A=b"}, &exec_),
              0);
  }
  std::string arch() const { return std::get<0>(GetParam()); }
  std::string variant() const { return std::get<1>(GetParam()); }
  bool direct() const { return variant() != "paged"; }
  size_t word() const { return arch() == "arm" ? 4 : 8; }

  ElfFile elf_;
  Entry entry_;
  std::unique_ptr<TestMachine> machine_;
  fl_exec exec_ = {};
  std::unique_ptr<ExecProcess> process_;
};

INSTANTIATE_TEST_SUITE_P(
    , CoreTest,
    testing::Combine(testing::Values("x86-64", "arm"),
                     testing::Values("mainline", "v3", "paged")),
    [](const testing::TestParamInfo<ArchAndVariant>& info) {
      return absl::StrFormat(
          "%s_%s",
          std::string(std::get<0>(info.param)) == "arm" ? "arm" : "x86",
          std::get<1>(info.param));
    });

TEST_P(CoreTest, HasASegmentForEachMappingWithItsPermissions) {
  std::vector<uint8_t> bytes;
  ASSERT_EQ(process_->Core(kDefaultFilter, &bytes), 0);
  const Core core = Parse(bytes);
  EXPECT_EQ(core.header.e_type, ET_CORE);
  EXPECT_EQ(core.header.e_machine, arch() == "arm" ? EM_ARM : EM_X86_64);
  const std::vector<std::string> ranges = process_->Ranges();
  ASSERT_EQ(core.loads.size(), ranges.size());
  uint64_t end = 0;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const GElf_Phdr& load = core.loads[i];
    const std::string line = absl::StrFormat(
        "%08x-%08x %c%c%cp", load.p_vaddr, load.p_vaddr + load.p_memsz,
        load.p_flags & PF_R ? 'r' : '-', load.p_flags & PF_W ? 'w' : '-',
        load.p_flags & PF_X ? 'x' : '-');
    EXPECT_EQ(ranges[i].substr(0, line.size()), line);
    EXPECT_EQ(load.p_offset % kPage, 0u);
    EXPECT_LE(load.p_filesz, load.p_memsz);
    if (i != 0) {
      EXPECT_EQ(load.p_offset, end);
    }
    end = load.p_offset + load.p_filesz;
  }
  EXPECT_EQ(bytes.size(), end);
}

// Text that v3 and mainline map from the image is a device's memory: it is in
// no core, not even the first page, by which debuggers know a file.
TEST_P(CoreTest, TextMappedInPlaceIsNotInIt) {
  std::vector<uint8_t> bytes;
  ASSERT_EQ(process_->Core(kDefaultFilter | kMappedPrivate, &bytes), 0);
  Core core = Parse(bytes);
  EXPECT_EQ(core.loads[0].p_filesz, direct() ? 0 : 2 * kPage);
  bytes.clear();
  ASSERT_EQ(process_->Core(kDefaultFilter, &bytes), 0);
  core = Parse(bytes);
  ASSERT_EQ(core.loads[0].p_filesz, direct() ? 0 : kPage);
  for (uint64_t at = 0; at < core.loads[0].p_filesz; ++at) {
    ASSERT_EQ(core.At(core.loads[0], kBase + at), entry_.data[at]);
  }
  bytes.clear();
  ASSERT_EQ(process_->Core(kDefaultFilter & ~kElfHeaders, &bytes), 0);
  EXPECT_EQ(Parse(bytes).loads[0].p_filesz, 0u);
}

TEST_P(CoreTest, DataStackAndBssAreInItUnlessTheFilterSaysOtherwise) {
  std::vector<uint8_t> bytes;
  uint64_t holes = 0;
  ASSERT_EQ(process_->Core(kDefaultFilter, &bytes, &holes), 0);
  Core core = Parse(bytes);
  // Text, data, bss, constants of which nothing was touched, stack.
  ASSERT_EQ(core.loads.size(), 5u);
  // The file's bytes up to the bss, which was cleared.
  ASSERT_EQ(core.loads[1].p_filesz, kPage);
  for (uint64_t at = 0; at < kPage; ++at) {
    ASSERT_EQ(core.At(core.loads[1], kBase + 2 * kPage + at),
              at < 100 ? entry_.data[2 * kPage + at] : 0);
  }
  EXPECT_EQ(core.loads[2].p_filesz, 0u);  // nobody has touched the bss
  EXPECT_EQ(core.loads[3].p_filesz, 0u);
  const GElf_Phdr& stack = core.loads[4];
  ASSERT_EQ(stack.p_filesz, stack.p_memsz);
  for (uint64_t at = exec_.sp; at < stack.p_vaddr + stack.p_memsz; ++at) {
    ASSERT_EQ(core.At(stack, at), process_->Load(at, 1));
  }
  // All pages of the stack but the one in use.
  EXPECT_GE(holes, 32 * kPage);
  bytes.clear();
  ASSERT_EQ(process_->Core(kDefaultFilter & ~kAnonPrivate, &bytes), 0);
  core = Parse(bytes);
  EXPECT_EQ(core.loads[1].p_filesz, 0u);
  EXPECT_EQ(core.loads[4].p_filesz, 0u);
}

// Of a position-independent program mainline inserts the pages one by one:
// the first one has a place in the core, but no bytes.
TEST_P(CoreTest, TextInsertedPageByPageIsAHole) {
  elf_.header.e_type = ET_DYN;
  Entry root = Entry::Directory("");
  root.Add(entry_);
  root.children[0].data = elf_.Over(entry_.data);
  process_.reset();
  machine_.reset();
  TestMachine machine(arch(), true, MustBuild(root));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  ExecProcess process(&machine);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  ASSERT_EQ(process.Exec(machine.Open("program")), 0);
  std::vector<uint8_t> bytes;
  ASSERT_EQ(process.Core(kDefaultFilter, &bytes), 0);
  const Core core = Parse(bytes);
  // v3 uses remap_pfn_range here as well.
  ASSERT_EQ(core.loads[0].p_filesz, variant() == "v3" ? 0 : kPage);
  if (variant() == "v3") return;
  EXPECT_EQ(core.At(core.loads[0], core.loads[0].p_vaddr + 1),
            direct() ? 0 : 'E');
}

TEST_P(CoreTest, NotesTellSignalArgumentsVectorAndFiles) {
  std::vector<uint8_t> bytes;
  ASSERT_EQ(process_->Core(kDefaultFilter, &bytes), 0);
  const Core core = Parse(bytes);
  ASSERT_EQ(core.notes.size(), 5u);
  for (const Note& note : core.notes) EXPECT_EQ(note.name, "CORE");

  const Note* status = core.Find(NT_PRSTATUS);
  ASSERT_NE(status, nullptr);
  const bool x86 = word() == 8;
  EXPECT_EQ(status->data.size(), x86 ? sizeof(prstatus_t) : 148);
  EXPECT_EQ(status->data[0], kSigsegv);
  EXPECT_EQ(WordAt(status->data, x86 ? 112 / 8 + 19 : 72 / 4 + 13, word()),
            exec_.sp);

  const Note* info = core.Find(NT_PRPSINFO);
  ASSERT_NE(info, nullptr);
  ASSERT_EQ(info->data.size(), x86 ? sizeof(prpsinfo_t) : 124);
  const size_t arguments = info->data.size() - ELF_PRARGSZ;
  EXPECT_STREQ(reinterpret_cast<const char*>(&info->data[arguments]),
               "program -v ");

  const Note* auxv = core.Find(NT_AUXV);
  ASSERT_NE(auxv, nullptr);
  const ExecProcess::Stack stack = process_->ReadStack(exec_.sp);
  ASSERT_EQ(auxv->data.size(), (stack.auxv_entries + 1) * 2 * word());
  for (uint64_t i = 0; i < stack.auxv_entries; ++i) {
    EXPECT_EQ(stack.auxv.at(WordAt(auxv->data, 2 * i, word())),
              WordAt(auxv->data, 2 * i + 1, word()));
  }

  const Note* files = core.Find(NT_FILE);
  ASSERT_NE(files, nullptr);
  ASSERT_EQ(WordAt(files->data, 0, word()), 3u);
  EXPECT_EQ(WordAt(files->data, 1, word()), kPage);
  EXPECT_EQ(WordAt(files->data, 2, word()), kBase);
  EXPECT_EQ(WordAt(files->data, 3, word()), kBase + 2 * kPage);
  EXPECT_EQ(WordAt(files->data, 5, word()), kBase + 2 * kPage);
  EXPECT_EQ(WordAt(files->data, 7, word()), 2u);
  const std::string names(files->data.begin() + 11 * word(), files->data.end());
  EXPECT_EQ(names, std::string("/program\0/program\0/program\0", 27));
}

TEST_P(CoreTest, FailedAllocationOrWriteEndsItAndLeavesNothing) {
  std::vector<uint8_t> whole;
  machine_->FailAllocations(1000000, 1);
  ASSERT_EQ(process_->Core(kDefaultFilter | kMappedPrivate, &whole), 0);
  const int64_t allocations = machine_->allocations();
  int told = 0;
  for (int64_t after = 0; after < allocations; ++after) {
    std::vector<uint8_t> bytes;
    machine_->FailAllocations(after, 1);
    const int64_t error =
        process_->Core(kDefaultFilter | kMappedPrivate, &bytes);
    // A page that cannot be had is a hole.
    if (error == 0) {
      EXPECT_EQ(bytes.size(), whole.size());
    } else {
      EXPECT_EQ(error, -12);
      ++told;
    }
  }
  EXPECT_GE(told, 2);
  machine_->FailAllocations(0, 0);
}

}  // namespace
}  // namespace faultline::cramfs
