// SPDX-License-Identifier: GPL-2.0-only
//
// exec of this machine's own programs from images written as mkcramfs would:
// without direct blocks, with -X and with -X -X.  What is expected comes from
// the program headers, read by libelf, and from the files' bytes.

#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cramfs/testing/exec_process.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

constexpr uint64_t kProgramBase = 0x555555554000, kStackTop = 0x7ffffffff000;

uint64_t Down(uint64_t bytes) { return bytes & ~(kPage - 1); }
uint64_t Up(uint64_t bytes) { return Down(bytes + kPage - 1); }

struct HostProgram {
  std::string interpreter;
  uint64_t entry = 0;
  std::vector<GElf_Phdr> loads;
  std::vector<uint8_t> data;
};

HostProgram ReadProgram(const std::string& path) {
  HostProgram program;
  std::ifstream in(path, std::ios::binary);
  program.data.assign(std::istreambuf_iterator<char>(in), {});
  elf_version(EV_CURRENT);
  Elf* elf = elf_memory(reinterpret_cast<char*>(program.data.data()),
                        program.data.size());
  GElf_Ehdr header;
  if (elf == nullptr || gelf_getehdr(elf, &header) == nullptr) return {};
  program.entry = header.e_entry;
  size_t count = 0;
  elf_getphdrnum(elf, &count);
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr phdr;
    gelf_getphdr(elf, static_cast<int>(i), &phdr);
    if (phdr.p_type == PT_LOAD) program.loads.push_back(phdr);
    if (phdr.p_type == PT_INTERP) {
      program.interpreter =
          reinterpret_cast<const char*>(program.data.data() + phdr.p_offset);
    }
  }
  elf_end(elf);
  return program;
}

// "start-end perms offset" of each mapping; memory of no file has offset 0.
void ExpectedRanges(const HostProgram& program, uint64_t base,
                    std::vector<std::string>* ranges) {
  for (const GElf_Phdr& load : program.loads) {
    const char permissions[] = {load.p_flags & PF_R ? 'r' : '-',
                                load.p_flags & PF_W ? 'w' : '-',
                                load.p_flags & PF_X ? 'x' : '-', 'p', 0};
    const uint64_t start = base + load.p_vaddr;
    const uint64_t file_end = Up(start + load.p_filesz);
    ranges->push_back(absl::StrFormat("%08x-%08x %s %08x", Down(start),
                                      file_end, permissions,
                                      Down(load.p_offset)));
    const uint64_t end = Up(start + load.p_memsz);
    if (end > file_end) {
      ranges->push_back(
          absl::StrFormat("%08x-%08x rw-p 00000000", file_end, end));
    }
  }
}

std::string WithoutOffset(const std::string& range) {
  return range.substr(0, range.rfind(' '));
}

// Every byte of every segment; zeros behind what the file has.
void ExpectContent(const ExecProcess& process, const HostProgram& program,
                   uint64_t base) {
  for (const GElf_Phdr& load : program.loads) {
    for (uint64_t at = (load.p_vaddr + 7) & ~uint64_t{7};
         at + 8 <= load.p_vaddr + load.p_memsz; at += 8) {
      const uint64_t within = at - load.p_vaddr;
      uint64_t expected = 0;
      if (within < load.p_filesz) {
        memcpy(&expected, program.data.data() + load.p_offset + within,
               std::min<uint64_t>(8, load.p_filesz - within));
      }
      ASSERT_EQ(process.Load(base + at, 8), expected)
          << absl::StrFormat("%x", at);
    }
  }
}

struct Case {
  const char* name;
  const char* variant;
  XipMode xip;
};

class ExecHostProgramsTest : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    , ExecHostProgramsTest,
    testing::Values(Case{"MainlineCompressed", "mainline", XipMode::kNone},
                    Case{"MainlineX", "mainline", XipMode::kEightByte},
                    Case{"MainlineXX", "mainline", XipMode::kPageAligned},
                    Case{"V3X", "v3", XipMode::kEightByte},
                    Case{"V3XX", "v3", XipMode::kPageAligned},
                    Case{"PagedXX", "paged", XipMode::kPageAligned}),
    [](const testing::TestParamInfo<Case>& info) { return info.param.name; });

TEST_P(ExecHostProgramsTest, MapsAndBytesAreThoseOfTheHeaders) {
  const HostProgram dash = ReadProgram("/bin/dash");
  const HostProgram truth = ReadProgram("/bin/true");
  if (dash.interpreter.empty() || truth.interpreter != dash.interpreter) {
    GTEST_SKIP() << "no /bin/dash and /bin/true with one interpreter";
  }
  const HostProgram loader = ReadProgram(dash.interpreter);
  ASSERT_FALSE(loader.loads.empty());

  BuildOptions options;
  options.xip = GetParam().xip;
  Entry root = Entry::Directory("");
  root.Add(Entry::File("dash", dash.data, 0755));
  root.Add(Entry::File("true", truth.data, 0755));
  const std::vector<std::string> parts =
      absl::StrSplit(dash.interpreter, '/', absl::SkipEmpty());
  Entry* parent = &root;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    parent = &parent->Add(Entry::Directory(parts[i]));
  }
  parent->Add(Entry::File(parts.back(), loader.data, 0755));
  TestMachine machine("x86-64", true, MustBuild(root, options));
  ASSERT_EQ(machine.MountVariant(GetParam().variant), 0);
  const bool direct = GetParam().variant != std::string("paged") &&
                      GetParam().xip != XipMode::kNone;
  if (GetParam().variant == std::string("v3")) {
    machine.AllowReports(V3Damage());
  }

  for (const bool shell : {true, false}) {
    SCOPED_TRACE(shell ? "dash" : "true");
    const HostProgram& program = shell ? dash : truth;
    ExecProcess process(&machine);
    fl_exec exec = {};
    ASSERT_EQ(process.Exec(machine.Open(shell ? "dash" : "true"),
                           {"sh", "-c", "true"}, {"HOME=/"}, &exec),
              0);
    std::map<uint64_t, uint64_t> auxv = process.ReadStack(exec.sp).auxv;
    const uint64_t base = auxv[AT_BASE];
    EXPECT_EQ(auxv[AT_ENTRY], kProgramBase + program.entry);
    EXPECT_EQ(exec.entry, base + loader.entry);

    std::vector<std::string> expected;
    ExpectedRanges(program, kProgramBase, &expected);
    ExpectedRanges(loader, base, &expected);
    expected.push_back(absl::StrFormat("%08x-%08x rw-p 00000000",
                                       kStackTop - 33 * kPage, kStackTop));
    std::vector<std::string> found = process.Ranges();
    // What is mapped by frames shows those for an offset.
    if (direct) {
      std::transform(found.begin(), found.end(), found.begin(), WithoutOffset);
      std::transform(expected.begin(), expected.end(), expected.begin(),
                     WithoutOffset);
    }
    EXPECT_EQ(found, expected);
    ExpectContent(process, program, kProgramBase);
    ExpectContent(process, loader, base);

    uint32_t rom = 0, text = 0;
    for (const fl_page_info& page : process.Pages()) {
      rom += page.rom;
      text += page.rom && (page.address == Down(exec.entry) ||
                           page.address == Down(auxv[AT_ENTRY]));
    }
    // With -X a file may lie on page boundaries by chance.
    if (GetParam().xip == XipMode::kEightByte) continue;
    EXPECT_EQ(text, direct ? 2u : 0u);
    EXPECT_EQ(rom > 0, direct);
  }
}

}  // namespace
}  // namespace faultline::cramfs
