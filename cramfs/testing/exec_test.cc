// SPDX-License-Identifier: GPL-2.0-only
//
// exec of small ELF files whose every mapping is known: where things are, what
// is in them, what stands on the stack, and that a failure leaves either the
// old process or none.

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "cramfs/testing/exec_process.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kBase = 0x400000;
constexpr int kEnomem = 12, kEagain = 11, kEnoexec = 8, kEacces = 13,
              kE2big = 7, kElibbad = 80;
constexpr uint32_t kX = PF_X, kW = PF_W, kR = PF_R;

// "start-end perms offset" of a line of maps.
std::string Range(uint64_t start, uint64_t end, const char* permissions,
                  uint64_t offset) {
  return absl::StrFormat("%08x-%08x %s %08x", start, end, permissions, offset);
}

// Two pages of text, a page and 100 bytes of data, 1.5 pages of bss more; the
// file goes on behind the data as files do.  Links without a place of their
// own have `base` 0.
ElfFile Program(const std::string& arch, uint16_t type, uint64_t base) {
  ElfFile elf(arch, type);
  elf.header.e_entry = base + 0x200;
  elf.Add(PT_LOAD, kR | kX, 0, base, 2 * kPage, 2 * kPage);
  elf.Add(PT_LOAD, kR | kW, 2 * kPage, base + 2 * kPage, kPage + 100,
          2 * kPage + 2048);
  elf.Add(PT_GNU_STACK, kR | kW, 0, 0, 0, 0);
  return elf;
}

// An entry of the image whose blocks are stored as FileOf has it.
Entry Stored(const std::string& name, const ElfFile& elf,
             const std::string& kinds = "dddd") {
  Entry entry = FileOf(name, 3 * kPage + 800, kinds);
  entry.data = elf.Over(entry.data);
  entry.mode |= 0755;
  return entry;
}

Entry InterpretedProgram(const std::string& arch, const std::string& name,
                         uint16_t type, const std::string& interpreter) {
  ElfFile elf = Program(arch, type, type == ET_EXEC ? kBase : 0);
  elf.Add(PT_INTERP, kR, 0x300, 0x300, interpreter.size() + 1,
          interpreter.size() + 1);
  Entry entry = Stored(name, elf);
  std::copy_n(interpreter.c_str(), interpreter.size() + 1,
              entry.data.begin() + 0x300);
  return entry;
}

std::vector<uint8_t> ImageOf(std::vector<Entry> entries) {
  Entry root = Entry::Directory("");
  for (Entry& entry : entries) root.Add(std::move(entry));
  return MustBuild(root);
}

using ArchAndVariant = std::tuple<const char*, const char*>;

class ExecTest : public testing::TestWithParam<ArchAndVariant> {
 protected:
  std::string arch() const { return std::get<0>(GetParam()); }
  std::string variant() const { return std::get<1>(GetParam()); }
  bool x86() const { return arch() == "x86-64"; }
  uint64_t stack_top() const { return x86() ? 0x7ffffffff000 : 0xbf000000; }
  // What maps shows of text that begins with the file: its place in memory
  // where remap_pfn_range put it there, which mainline does only for whole
  // vmas; that of a program without a place of its own is larger at first.
  uint64_t TextOffset(const std::vector<uint8_t>& image,
                      const std::string& path, bool fixed) const {
    if (variant() == "paged" || (variant() == "mainline" && !fixed)) return 0;
    return kRomPhys + Place(image, path).blocks.at(0).offset;
  }
  // Of a stack on which little more than a page is used.
  std::string StackRange(uint64_t shift = 0) const {
    const uint64_t end = stack_top() - shift * kPage;
    return Range(end - 33 * kPage, end, "rw-p", 0);
  }
};

INSTANTIATE_TEST_SUITE_P(
    , ExecTest,
    testing::Combine(testing::Values("x86-64", "arm"),
                     testing::Values("mainline", "v3", "paged")),
    [](const testing::TestParamInfo<ArchAndVariant>& info) {
      return absl::StrFormat(
          "%s_%s",
          std::string(std::get<0>(info.param)) == "arm" ? "arm" : "x86",
          std::get<1>(info.param));
    });

TEST_P(ExecTest, MapsSegmentsBssAndStackAsTheHeadersSay) {
  const Entry entry = Stored("static", Program(arch(), ET_EXEC, kBase));
  const std::vector<uint8_t> image = ImageOf({entry});
  TestMachine machine(arch(), true, image);
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  ExecProcess process(&machine);
  fl_exec exec = {};
  ASSERT_EQ(process.Exec(machine.Open("static"), {}, {}, &exec), 0);
  EXPECT_EQ(exec.sig, 0);
  EXPECT_EQ(exec.entry, kBase + 0x200);
  EXPECT_THAT(
      process.Ranges(),
      ElementsAre(
          Range(kBase, kBase + 2 * kPage, "r-xp",
                TextOffset(image, "static", true)),
          Range(kBase + 2 * kPage, kBase + 4 * kPage, "rw-p", 2 * kPage),
          Range(kBase + 4 * kPage, kBase + 5 * kPage, "rw-p", 0),
          StackRange()));
  const std::vector<std::string> maps = process.Maps();
  EXPECT_THAT(maps[0], testing::EndsWith(" /static"));
  EXPECT_THAT(maps[2], testing::EndsWith(" [heap]"));
  EXPECT_THAT(maps[3], testing::EndsWith(" [stack]"));

  // The file's bytes, and zeros from the end of the data on.
  for (uint64_t at = 0; at < 5 * kPage; ++at) {
    const uint64_t expected =
        at < 3 * kPage + 100 ? entry.data[at] : uint64_t{0};
    ASSERT_EQ(process.Load(kBase + at, 1), expected) << at;
  }
  EXPECT_NE(entry.data[3 * kPage + 100], 0);
  EXPECT_EQ(process.LoadSignal(kBase + 5 * kPage), kSigsegv);
  EXPECT_EQ(process.LoadSignal(kBase - 1), kSigsegv);

  uint32_t rom = 0;
  for (const fl_page_info& page : process.Pages()) rom += page.rom;
  // What may be written to is never mapped from there.
  EXPECT_EQ(rom, variant() == "paged" ? 0u : 2u);
}

TEST_P(ExecTest, ArgumentsEnvironmentAndAuxiliaryVectorAreOnTheStack) {
  TestMachine machine(
      arch(), true,
      ImageOf({Stored("static", Program(arch(), ET_EXEC, kBase))}));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  ExecProcess process(&machine);
  const std::vector<std::string> argv = {"static", "", "-x",
                                         std::string(5000, 'a')};
  const std::vector<std::string> envp = {"PATH=/bin", "A=b"};
  fl_exec exec = {};
  exec.filename = "/bin/static";
  ASSERT_EQ(process.Exec(machine.Open("static"), argv, envp, &exec), 0);
  EXPECT_EQ(exec.sp % 16, 0u);
  const ExecProcess::Stack stack = process.ReadStack(exec.sp);
  EXPECT_EQ(stack.argv, argv);
  EXPECT_EQ(stack.envp, envp);
  EXPECT_EQ(stack.auxv_entries, 18u);
  std::map<uint64_t, uint64_t> auxv = stack.auxv;
  EXPECT_EQ(auxv[AT_PHDR], kBase + (x86() ? 64 : 52));
  EXPECT_EQ(auxv[AT_PHENT], x86() ? 56u : 32u);
  EXPECT_EQ(auxv[AT_PHNUM], 3u);
  EXPECT_EQ(auxv[AT_PAGESZ], kPage);
  EXPECT_EQ(auxv[AT_BASE], 0u);
  EXPECT_EQ(auxv[AT_ENTRY], kBase + 0x200);
  EXPECT_EQ(process.String(auxv[AT_EXECFN]), "/bin/static");
  EXPECT_EQ(process.String(auxv[AT_PLATFORM]), x86() ? "x86_64" : "v7l");
  // The highest string is the file's name, a word below the top.
  EXPECT_EQ(auxv[AT_EXECFN] + sizeof("/bin/static"),
            stack_top() - (x86() ? 8 : 4));
}

TEST_P(ExecTest, MovedStackIsWholeAndItsOldPlaceEmpty) {
  TestMachine machine(
      arch(), true,
      ImageOf({Stored("static", Program(arch(), ET_EXEC, kBase))}));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  const std::vector<std::string> argv = {std::string(2 * kPage, 'b'), "c"};
  // Overlapping the old place, beside it, in another table.
  for (const uint32_t shift : {1u, 2u, 64u, 600u, 2047u}) {
    ExecProcess process(&machine);
    fl_exec exec = {};
    exec.stack_shift = shift;
    ASSERT_EQ(process.Exec(machine.Open("static"), argv, {}, &exec), 0);
    const uint64_t end = stack_top() - shift * kPage;
    EXPECT_EQ(process.Ranges().back(), Range(end - 35 * kPage, end, "rw-p", 0));
    EXPECT_EQ(process.ReadStack(exec.sp).argv, argv);
    EXPECT_EQ(process.LoadSignal(end), kSigsegv);
  }
  ExecProcess process(&machine);
  fl_exec exec = {};
  exec.stack_shift = 2048;
  EXPECT_EQ(process.Exec(machine.Open("static"), argv, {}, &exec), -kEinval);
}

TEST_P(ExecTest, InterpreterIsMappedBesideAProgramWithoutAPlace) {
  ElfFile interpreter = Program(arch(), ET_DYN, 0);
  // A hole between text and data, which belongs to nobody.
  interpreter.segments[1].p_vaddr += 3 * kPage;
  const std::vector<uint8_t> image =
      ImageOf({Stored("ld", interpreter),
               InterpretedProgram(arch(), "pie", ET_DYN, "/ld"),
               InterpretedProgram(arch(), "fixed", ET_EXEC, "/ld")});
  TestMachine machine(arch(), true, image);
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  for (const bool pie : {true, false}) {
    SCOPED_TRACE(pie);
    ExecProcess process(&machine);
    fl_exec exec = {};
    ASSERT_EQ(process.Exec(machine.Open(pie ? "pie" : "fixed"), {}, {}, &exec),
              0);
    const uint64_t base = !pie ? kBase : x86() ? 0x555555554000 : 0x400000;
    std::map<uint64_t, uint64_t> auxv = process.ReadStack(exec.sp).auxv;
    const uint64_t ld = auxv[AT_BASE];
    EXPECT_EQ(exec.entry, ld + 0x200);
    EXPECT_EQ(auxv[AT_ENTRY], base + 0x200);
    EXPECT_EQ(ld % kPage, 0u);
    EXPECT_THAT(
        process.Ranges(),
        ElementsAre(
            Range(base, base + 2 * kPage, "r-xp",
                  TextOffset(image, pie ? "pie" : "fixed", !pie)),
            Range(base + 2 * kPage, base + 4 * kPage, "rw-p", 2 * kPage),
            Range(base + 4 * kPage, base + 5 * kPage, "rw-p", 0),
            Range(ld, ld + 2 * kPage, "r-xp", TextOffset(image, "ld", false)),
            Range(ld + 5 * kPage, ld + 7 * kPage, "rw-p", 2 * kPage),
            Range(ld + 7 * kPage, ld + 8 * kPage, "rw-p", 0), StackRange()));
    EXPECT_EQ(process.Load(ld + 7 * kPage - 1, 1), 0u);
  }
}

TEST_P(ExecTest, LoaderItselfGoesWhereMappingsGo) {
  TestMachine machine(arch(), true,
                      ImageOf({Stored("ld", Program(arch(), ET_DYN, 0))}));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  ExecProcess process(&machine);
  fl_exec exec = {};
  ASSERT_EQ(process.Exec(machine.Open("ld"), {}, {}, &exec), 0);
  // Below the top of the area for mmap, 128 MiB below the stack's end.
  const uint64_t base = exec.entry - 0x200;
  EXPECT_LT(base + 5 * kPage, stack_top());
  EXPECT_GE(base + 5 * kPage, stack_top() - (uint64_t{130} << 20));
  EXPECT_EQ(process.Ranges()[2],
            Range(base + 4 * kPage, base + 5 * kPage, "rw-p", 0));
}

TEST_P(ExecTest, ProgramThatSaysNothingOfTheStackMayExecuteWhatItReads) {
  ElfFile elf = Program(arch(), ET_EXEC, kBase);
  elf.segments.pop_back();
  elf.header.e_phnum = 2;
  TestMachine machine(arch(), true, ImageOf({Stored("old", elf)}));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  ExecProcess process(&machine);
  ASSERT_EQ(process.Exec(machine.Open("old")), 0);
  for (const std::string& range : process.Ranges()) {
    EXPECT_THAT(range, HasSubstr("x")) << range;
  }
}

TEST_P(ExecTest, TaskThatSharesItsMemoryIsTurnedAway) {
  TestMachine machine(
      arch(), true,
      ImageOf({Stored("static", Program(arch(), ET_EXEC, kBase))}));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  ExecProcess process(&machine);
  const fl_kernel& kernel = machine.kernel();
  task_struct* thread = kernel.task_create(kernel.task_machine(process.task()),
                                           process.mm(), "thread", 0, &machine);
  EXPECT_EQ(process.Exec(machine.Open("static")), -kEagain);
  EXPECT_TRUE(process.Maps().empty());
  task_struct** slot = kernel.current_slot();
  task_struct* before = *slot;
  *slot = thread;
  kernel.task_exit();
  *slot = before;
  kernel.task_free(thread);
  EXPECT_EQ(process.Exec(machine.Open("static")), 0);
}

TEST_P(ExecTest, ExecOfExecLeavesNothingOfTheFirst) {
  ElfFile other = Program(arch(), ET_EXEC, kBase + (1 << 24));
  TestMachine machine(
      arch(), true,
      ImageOf({Stored("static", Program(arch(), ET_EXEC, kBase)),
               Stored("other", other)}));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  ExecProcess process(&machine);
  ASSERT_EQ(process.Exec(machine.Open("static")), 0);
  ASSERT_EQ(process.Exec(machine.Open("other")), 0);
  EXPECT_EQ(process.Maps().size(), 4u);
  EXPECT_EQ(process.LoadSignal(kBase), kSigsegv);
  EXPECT_EQ(process.LoadSignal(kBase + (1 << 24)), 0);
}

// What 4.13 says of a file with one thing wrong.  Errors after the point of no
// return end the process, by SIGSEGV.
struct BadElf {
  const char* name;
  int error;  // 0: it runs all the same
  bool fatal;
  void (*spoil)(ElfFile* elf, Entry* entry);
};

const BadElf kBadElves[] = {
    {"Magic", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->header.e_ident[3] = 'f'; }},
    {"Class", 0, false,
     [](ElfFile* e, Entry*) { e->header.e_ident[EI_CLASS] = 0; }},
    {"Data", 0, false,
     [](ElfFile* e, Entry*) { e->header.e_ident[EI_DATA] = 2; }},
    {"Version", 0, false, [](ElfFile* e, Entry*) { e->header.e_version = 9; }},
    {"TypeRel", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->header.e_type = ET_REL; }},
    {"TypeCore", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->header.e_type = ET_CORE; }},
    {"Machine", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->header.e_machine = EM_386; }},
    {"Phentsize", kEnoexec, false,
     [](ElfFile* e, Entry*) { ++e->header.e_phentsize; }},
    {"NoSegments", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->header.e_phnum = 0; }},
    {"HeadersOfMoreThanAPage", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->header.e_phnum = 200; }},
    {"TooManySegments", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->header.e_phnum = 0xffff; }},
    {"HeadersBehindTheEnd", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->header.e_phoff = 3 * kPage + 750; }},
    {"HeadersNowhere", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->header.e_phoff = ~uint64_t{0}; }},
    {"Empty", kEnoexec, false,
     [](ElfFile*, Entry* f) {
       f->data.clear();
       f->layout.reset();
     }},
    {"NotExecutable", kEacces, false,
     [](ElfFile*, Entry* f) { f->mode &= ~0111; }},
    {"MisalignedOffset", kEinval, true,
     [](ElfFile* e, Entry*) { e->segments[1].p_offset += 8; }},
    {"FirstPage", 1 /* EPERM */, true,
     [](ElfFile* e, Entry*) { e->segments[0].p_vaddr = 0; }},
    {"BehindUserSpace", kEnomem, true,
     [](ElfFile* e, Entry*) {
       e->segments[1].p_vaddr = e->is_64 ? uint64_t{1} << 48 : 0xc0000000;
     }},
    {"FileLargerThanMemory", kEinval, true,
     [](ElfFile* e, Entry*) { e->segments[1].p_memsz = kPage; }},
    {"MemoryWraps", kEinval, true,
     [](ElfFile* e, Entry*) {
       e->segments[1].p_memsz = e->is_64 ? ~uint64_t{0} - kPage : 0xfffff000;
     }},
    {"MemoryTooLarge", kEinval, true,
     [](ElfFile* e, Entry*) {
       e->segments[1].p_memsz = e->is_64 ? uint64_t{1} << 47 : 0xbf000000;
     }},
    {"BssOnReadOnlyPage", 14 /* EFAULT */, true,
     [](ElfFile* e, Entry*) { e->segments[1].p_flags = kR; }},
    {"EntryOutsideUserSpace", kEinval, true,
     [](ElfFile* e, Entry*) {
       e->header.e_entry = e->is_64 ? uint64_t{1} << 47 : 0xbf000000;
     }},
    {"EntryUnmapped", 0, false,
     [](ElfFile* e, Entry*) { e->header.e_entry = 0x10000000; }},
    {"NoLoadSegment", 0, false,
     [](ElfFile* e, Entry*) {
       e->segments[0].p_type = e->segments[1].p_type = PT_NOTE;
     }},
    {"SegmentsOverlap", 0, false,
     [](ElfFile* e, Entry*) { e->segments[1].p_vaddr -= kPage; }},
    {"InterpreterNameOfOneByte", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->Add(PT_INTERP, kR, 0, 0, 1, 1); }},
    {"InterpreterNameTooLong", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->Add(PT_INTERP, kR, 0, 0, 4097, 4097); }},
    {"InterpreterNameBehindTheEnd", kEio, false,
     [](ElfFile* e, Entry*) { e->Add(PT_INTERP, kR, 4 * kPage, 0, 8, 8); }},
    {"InterpreterNameWithoutEnd", kEnoexec, false,
     [](ElfFile* e, Entry*) { e->Add(PT_INTERP, kR, 0x400, 0, 8, 8); }},
};

void SetInterpreter(ElfFile* elf, Entry* entry, const char* name) {
  elf->Add(PT_INTERP, kR, 0x300, 0x300, strlen(name) + 1, strlen(name) + 1);
  strcpy(reinterpret_cast<char*>(entry->data.data()) + 0x300, name);
}

// The same with an interpreter that is wrong.
const BadElf kBadInterpreters[] = {
    {"Missing", kEnoent, false,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/none"); }},
    {"Directory", kEacces, false,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/"); }},
    {"NotExecutable", kEacces, false,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/plain"); }},
    {"Short", kEio, false,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/short"); }},
    {"NoElf", kElibbad, false,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/text"); }},
    {"Machine", kElibbad, false,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/machine"); }},
    {"Headers", kElibbad, false,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/headers"); }},
    {"Type", 1 /* of ~0 */, true,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/type"); }},
    {"NoLoadSegment", kEinval, true,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/noload"); }},
    {"MemoryTooLarge", kEnomem, true,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/large"); }},
    {"Good", 0, false,
     [](ElfFile* e, Entry* f) { SetInterpreter(e, f, "/ld"); }},
};

std::vector<Entry> Interpreters(const std::string& arch) {
  const ElfFile good = Program(arch, ET_DYN, 0);
  std::vector<Entry> entries = {Stored("ld", good)};
  entries.push_back(Stored("plain", good));
  entries.back().mode &= ~0111;
  entries.push_back(Entry::File("short", PageText(40, 1), 0755));
  entries.push_back(Entry::File("text", PageText(kPage, 1), 0755));
  ElfFile bad = good;
  bad.header.e_machine = EM_386;
  entries.push_back(Stored("machine", bad));
  bad = good;
  bad.header.e_phnum = 0;
  entries.push_back(Stored("headers", bad));
  bad = good;
  bad.header.e_type = ET_REL;
  entries.push_back(Stored("type", bad));
  bad = good;
  bad.segments[0].p_type = bad.segments[1].p_type = PT_NOTE;
  entries.push_back(Stored("noload", bad));
  bad = good;
  bad.segments[1].p_filesz = bad.segments[1].p_memsz + 1;
  entries.push_back(Stored("large", bad));
  return entries;
}

void CheckBadElf(TestMachine* machine, const BadElf& bad) {
  SCOPED_TRACE(bad.name);
  ExecProcess process(machine);
  // Something that is not to be lost by a failure that is told.
  ASSERT_EQ(process.Exec(machine->Open("good")), 0);
  const std::vector<std::string> before = process.Maps();
  fl_exec exec = {};
  EXPECT_EQ(process.Exec(machine->Open("bad"), {"a"}, {}, &exec), -bad.error);
  EXPECT_EQ(exec.sig, bad.fatal ? kSigsegv : 0);
  EXPECT_EQ(process.Maps() == before, bad.error != 0 && !bad.fatal);
}

TEST_P(ExecTest, EachWrongFieldHasItsError) {
  for (const BadElf& bad : kBadElves) {
    ElfFile elf = Program(arch(), ET_EXEC, kBase + kPage * 64);
    Entry entry = Stored("bad", elf);
    bad.spoil(&elf, &entry);
    entry.data = elf.Over(entry.data);
    TestMachine machine(
        arch(), true,
        ImageOf({std::move(entry),
                 Stored("good", Program(arch(), ET_EXEC, kBase))}));
    ASSERT_EQ(machine.MountVariant(variant()), 0);
    if (variant() == "v3") machine.AllowReports(V3Damage());
    CheckBadElf(&machine, bad);
  }
}

TEST_P(ExecTest, EachWrongInterpreterHasItsError) {
  for (const BadElf& bad : kBadInterpreters) {
    ElfFile elf = Program(arch(), ET_DYN, 0);
    Entry entry = Stored("bad", elf);
    bad.spoil(&elf, &entry);
    entry.data = elf.Over(entry.data);
    std::vector<Entry> entries = Interpreters(arch());
    entries.push_back(std::move(entry));
    entries.push_back(Stored("good", Program(arch(), ET_EXEC, kBase)));
    TestMachine machine(arch(), true, ImageOf(std::move(entries)));
    ASSERT_EQ(machine.MountVariant(variant()), 0);
    if (variant() == "v3") machine.AllowReports(V3Damage());
    CheckBadElf(&machine, bad);
  }
}

TEST_P(ExecTest, ArgumentsMayTakeAQuarterOfTheStack) {
  TestMachine machine(
      arch(), true,
      ImageOf({Stored("static", Program(arch(), ET_EXEC, kBase))}));
  ASSERT_EQ(machine.MountVariant(variant()), 0);
  if (variant() == "v3") machine.AllowReports(V3Damage());
  const std::string longest(32 * kPage - 1, 'a');
  for (const bool fits : {true, false}) {
    ExecProcess process(&machine);
    ASSERT_EQ(machine.kernel().set_rlimit(process.mm(), FL_RLIMIT_STACK,
                                          1 << 20, ~uint64_t{0}),
              0);
    EXPECT_EQ(process.Exec(machine.Open("static"),
                           fits ? std::vector<std::string>{longest}
                                : std::vector<std::string>{longest, longest}),
              fits ? 0 : -kE2big);
    EXPECT_EQ(process.Exec(machine.Open("static"), {longest + "a"}), -kE2big);
  }
}

// What 4.13 leaves of a stack that could not be moved: a vma over both places,
// of which one page was charged but all are given back.
const std::vector<std::string> kHalfMovedStack = {
    "mm->total_vm 1, found ", "mm->stack_vm 1, found ", "rmap finds 0",
    "left over: committed pages"};

struct Sweep {
  std::set<int64_t> told, fatal;
};

// Fails two allocations in a row, from each on.
Sweep FailEachAllocation(const std::string& arch, const std::string& variant,
                         uint32_t stack_shift) {
  std::vector<Entry> entries = Interpreters(arch);
  entries.push_back(InterpretedProgram(arch, "pie", ET_DYN, "/ld"));
  entries.push_back(Stored("good", Program(arch, ET_EXEC, kBase)));
  const std::vector<uint8_t> image = ImageOf(std::move(entries));
  Sweep sweep;
  for (int64_t after = 0; !testing::Test::HasFailure(); ++after) {
    SCOPED_TRACE(after);
    TestMachine machine(arch, true, image);
    EXPECT_EQ(machine.MountVariant(variant), 0);
    if (variant == "v3") machine.AllowReports(V3Damage());
    if (stack_shift != 0) machine.AllowReports(kHalfMovedStack);
    ExecProcess process(&machine);
    EXPECT_EQ(process.Exec(machine.Open("good")), 0);
    const std::vector<std::string> before = process.Maps();
    file* pie = machine.Open("pie");
    machine.FailAllocations(after, 2);
    fl_exec exec = {};
    exec.stack_shift = stack_shift;
    const int64_t error = process.Exec(pie, {"pie"}, {"A=b"}, &exec);
    const bool more = machine.allocations() > after;
    machine.FailAllocations(0, 0);
    EXPECT_LE(error, 0);
    if (exec.sig != 0) {
      sweep.fatal.insert(error);
    } else if (error != 0) {
      sweep.told.insert(error);
      EXPECT_EQ(process.Maps(), before);
    }
    if (!more) {
      EXPECT_EQ(error, 0);
      break;
    }
  }
  return sweep;
}

TEST_P(ExecTest, FailedAllocationIsToldOrEndsTheProcess) {
  for (const uint32_t shift : {0u, 700u}) {
    const Sweep sweep = FailEachAllocation(arch(), variant(), shift);
    // No memory for arguments reads as too many of them, and for the program
    // headers as no program; so it is in 4.13.
    EXPECT_EQ(sweep.told,
              (std::set<int64_t>{-kEnomem, -kE2big, -kEnoexec, -kElibbad}));
    EXPECT_TRUE(sweep.fatal.count(-kEnomem)) << sweep.fatal.size();
  }
}

}  // namespace
}  // namespace faultline::cramfs
