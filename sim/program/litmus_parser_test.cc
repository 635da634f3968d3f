// SPDX-License-Identifier: GPL-2.0-only

#include "sim/program/litmus_parser.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sim/program/litmus_format.h"
#include "sim/program/program.h"

namespace faultline {
namespace {

Program MustParse(const std::string& text) {
  absl::StatusOr<Program> program = ParseLitmus(text, "t.litmus");
  EXPECT_TRUE(program.ok()) << program.status();
  return program.ok() ? *program : Program();
}

std::string ErrorOf(const std::string& text) {
  absl::StatusOr<Program> program = ParseLitmus(text, "t");
  if (program.ok()) return "parsed";
  EXPECT_EQ(program.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(program.status().message());
}

// The program that most tests vary by one line.
std::string With(const std::string& image, const std::string& setup,
                 const std::string& task) {
  return absl::StrCat("litmus \"t\"\nimage\n f: ", image, "\nsetup\n ", setup,
                      "\ntask A\n ", task, "\n");
}
std::string WithTask(const std::string& task) {
  return With("6 pages", "m = mmap(f, 0p, 6p, r, private)", task);
}

TEST(LitmusParser, MremapAndBrkGiveAddresses) {
  const Program p = MustParse(R"(litmus "remap"
task A
    m = mmap(anon, 0p, 4p, rw, private)
    n = mremap(m, 4p, 6p, maymove)
    o = mremap(n + 1p, 2p, 1p, to = m - 2p)
    mremap(o, 1p, 3p)
    b = brk(0p)
    brk(b + 5)
)");
  const std::vector<Op>& ops = p.tasks[0].ops;
  ASSERT_EQ(ops.size(), 6u);
  EXPECT_TRUE(ops[1].may_move && !ops[1].fixed);
  EXPECT_EQ(TotalBytes(ops[1].length), 4 * kPageBytes);
  EXPECT_EQ(TotalBytes(ops[1].new_length), 6 * kPageBytes);
  EXPECT_TRUE(ops[2].may_move && ops[2].fixed);
  EXPECT_EQ(ops[2].to.variable, "m");
  EXPECT_EQ(TotalBytes(ops[2].to.offset), -2 * kPageBytes);
  EXPECT_FALSE(ops[3].may_move || ops[3].fixed);
  EXPECT_EQ(ops[4].kind, OpKind::kBrk);
  EXPECT_EQ(TotalBytes(ops[5].address.offset), 5);
}

TEST(LitmusParser, ReadsEveryPartOfAProgram) {
  Program p = MustParse(R"(# a comment
litmus "a \"quoted\" name"
about
    Two lines,   # not a comment here

      the second after a blank one.
# at the margin: a comment
defects D1 D5i
machine
    arch arm  ram 512 pages
    max_map_count 40
    fault_around 4096
    fix CVE-2018-17182 off
    fix do_fault_prealloc on
    physmem off
    pat off
image
    f: 6 pages, direct 0-3, compressed 4-5
    g: 1p + 100, hole 0, direct 1, shared tail, unaligned
    h: 7 bytes, raw 0
setup
    m = mmap(f, 0p, 6p, r, private)
    mprotect(m, 6p, rw)  madvise(m + 1p, 2p, dontneed)
task A
    v = load(m + 5p - 8, 8)
    repeat 3 store(m + 5p, 0x42)
    store(m, 0xffff, 2)
    exec_fetch(m)  uml_load(m)  uml_store(m, 1)
    sparc32_load(m)  sparc32_store(m, 255)
    futex_op(m + 4, 0xffffffff)
    kvm_pfn(m, w)
    read(g, 1, 3p)
    mlock(m, 100, onfault)  munlock(m + 5, 1p)
    read_into(m, g, 7, 2)  write_from(m, 4)  peek(m)  poke(m, 1)
    pin(m, r)  unpin()
    msync(m + 1, 2p + 3, async, invalidate)  msync(m, 1p)
    mlockall(current, future)  mlockall()  munlockall()
    mincore(m, 3p, m + 5p + 1)  madvise(m, 1p, dodump)
    read_into(m, g, 7, 2p)  write_from(m + 4095, 2)
task B in other
    n = mmap(anon, 0p, 1p, none, shared)
    mmap(f, 2p, 1p + 1, rwx, private, at = n - 1p, locked, noreserve)
    munmap(0x40000000, 6p)
    kill(A)
legal
    A: ok | SIGSEGV | SIGBUS | SIGKILL | EFAULT | errno 99
    B: value 0x42
expect
    v3: kernel-bug "page_add" at access
    v3: lifetime
    mainline, paged: nothing
    *: data-integrity at sync
)");
  EXPECT_EQ(p.name, "a \"quoted\" name");
  EXPECT_EQ(p.source, "t.litmus");
  EXPECT_EQ(p.about,
            "Two lines,   # not a comment here\n\nthe second after a blank "
            "one.");
  EXPECT_EQ(p.defects, (std::vector<std::string>{"D1", "D5i"}));
  EXPECT_EQ(p.machine.arch, "arm");
  EXPECT_EQ(p.machine.ram_pages, 512u);
  EXPECT_EQ(p.machine.max_map_count, 40u);
  EXPECT_EQ(p.machine.fault_around_bytes, 4096u);
  EXPECT_EQ(p.machine.fixes_off, std::vector<std::string>{"CVE-2018-17182"});
  EXPECT_EQ(p.machine.fixes_on, std::vector<std::string>{"do_fault_prealloc"});
  EXPECT_FALSE(p.machine.physmem);
  EXPECT_FALSE(p.machine.pat);
  ASSERT_EQ(p.image.files.size(), 3u);
  ASSERT_EQ(p.image.files[0].runs.size(), 2u);
  EXPECT_EQ(p.image.files[0].runs[1].first, 4u);
  EXPECT_EQ(p.image.files[0].runs[1].last, 5u);
  EXPECT_EQ(p.image.files[0].runs[1].layout, BlockLayout::kCompressed);
  EXPECT_EQ(TotalBytes(p.image.files[1].size), 4196);
  EXPECT_TRUE(p.image.files[1].shared_tail);
  EXPECT_TRUE(p.image.files[1].unaligned);
  EXPECT_EQ(p.image.files[2].runs[0].layout, BlockLayout::kRaw);
  ASSERT_EQ(p.setup.size(), 3u);
  EXPECT_EQ(p.setup[0].result, "m");
  EXPECT_EQ(p.setup[1].prot, kProtRead | kProtWrite);
  EXPECT_EQ(p.setup[2].advice, 4u);
  ASSERT_EQ(p.tasks.size(), 2u);
  const TaskSpec& a = p.tasks[0];
  ASSERT_EQ(a.ops.size(), 28u);
  EXPECT_EQ(a.process, "main");
  EXPECT_EQ(a.ops[0].size, 8u);
  EXPECT_EQ(TotalBytes(a.ops[0].address.offset), 5 * kPageBytes - 8);
  EXPECT_EQ(a.ops[1].repeat, 3);
  EXPECT_EQ(a.ops[1].value, 0x42u);
  EXPECT_EQ(a.ops[1].place.line, 26);
  EXPECT_EQ(a.ops[1].place.column, 5);
  EXPECT_TRUE(a.ops[9].write);
  EXPECT_EQ(a.ops[10].file, "g");
  EXPECT_EQ(a.ops[10].offset.bytes, 1);
  EXPECT_TRUE(a.ops[11].onfault);
  EXPECT_FALSE(a.ops[12].onfault);
  EXPECT_EQ(a.ops[13].file, "g");
  EXPECT_EQ(TotalBytes(a.ops[13].offset), 7);
  EXPECT_EQ(a.ops[13].size, 2u);
  EXPECT_EQ(a.ops[18].kind, OpKind::kUnpin);
  EXPECT_EQ(a.ops[19].flags, kMsAsync | kMsInvalidate);
  EXPECT_EQ(TotalBytes(a.ops[19].address.offset), 1);
  EXPECT_EQ(a.ops[20].flags, 0u);
  EXPECT_EQ(a.ops[21].flags, kMclCurrent | kMclFuture);
  EXPECT_EQ(a.ops[22].flags, 0u);
  EXPECT_EQ(a.ops[23].kind, OpKind::kMunlockAll);
  EXPECT_EQ(TotalBytes(a.ops[24].to.offset), 5 * kPageBytes + 1);
  EXPECT_EQ(a.ops[25].advice, 17u);
  EXPECT_EQ(a.ops[26].size, 8192u);
  EXPECT_EQ(a.ops[27].size, 2u);
  const TaskSpec& b = p.tasks[1];
  EXPECT_EQ(b.process, "other");
  EXPECT_TRUE(b.ops[0].shared);
  EXPECT_TRUE(b.ops[0].file.empty());
  EXPECT_FALSE(b.ops[0].fixed);
  EXPECT_TRUE(b.ops[1].fixed);
  EXPECT_EQ(b.ops[1].address.offset.pages, -1);
  EXPECT_EQ(b.ops[1].flags, kMapLocked | kMapNoreserve);
  EXPECT_EQ(b.ops[1].prot, kProtRead | kProtWrite | kProtExec);
  EXPECT_EQ(TotalBytes(b.ops[2].address.offset), 0x40000000);
  EXPECT_EQ(b.ops[3].target, "A");
  ASSERT_EQ(p.legal.size(), 2u);
  EXPECT_EQ(p.legal[0].any_of[4].error, 14);
  EXPECT_EQ(p.legal[0].any_of[5].error, 99);
  EXPECT_EQ(p.legal[1].any_of[0].value, 0x42u);
  ASSERT_EQ(p.expectations.size(), 5u);
  EXPECT_EQ(p.expectations[0].checker, "kernel-bug");
  EXPECT_EQ(p.expectations[0].title_part, "page_add");
  EXPECT_EQ(p.expectations[0].granularity, "access");
  EXPECT_EQ(p.expectations[3].variant, "paged");
  EXPECT_EQ(p.expectations[3].checker, "");
  EXPECT_EQ(p.expectations[4].variant, "*");
}

TEST(LitmusParser, ReadsAnExistingImage) {
  Program p = MustParse(
      "litmus \"dash\"\nimage \"a.img\"\n d: path \"/bin/dash\"\n"
      "task A\n m = mmap(d, 0p, 1p, rx, private)\n exec_fetch(m)\n");
  EXPECT_EQ(p.image.existing, "a.img");
  ASSERT_EQ(p.image.files.size(), 1u);
  EXPECT_EQ(p.image.files[0].path, "/bin/dash");
}

TEST(LitmusParser, WindowsLineEndsAndTabsChangeNothing) {
  Program p = MustParse(
      "litmus \"t\"\r\nabout\r\n\ttext\r\ntask A\r\n\tm = mmap(anon,\r\n"
      "\t0p, 1p, r, private)\r\n");
  EXPECT_EQ(p.about, "text");
  EXPECT_EQ(p.tasks[0].ops.size(), 1u);
}

struct ErrorCase {
  const char* text;
  const char* error;
};

// Each text is wrong in one thing.
TEST(LitmusParser, ErrorsOfAnOperationNameThePlace) {
  const ErrorCase kCases[] = {
      {"load(q)",
       "t:7:7: expected a variable that setup or this task assigned before, "
       "found 'q'"},
      {"load(m, 3)",
       "t:7:10: expected a size of 1, 2, 4 or 8 bytes, found '3'"},
      {"load(m + 4095, 2)",
       "t:7:7: expected an access within one page, found 2 bytes at byte 4095 "
       "of a page"},
      {"load(m - 1, 2)",
       "t:7:7: expected an access within one page, found 2 bytes at byte 4095 "
       "of a page"},
      {"store(m)", "t:7:9: expected ',', found ')'"},
      {"store(m, 0x100)", "t:7:11: expected a value of 1 byte, found '0x100'"},
      {"store(m, 0x10000, 2)",
       "t:7:11: expected a value of 2 bytes, found '0x10000'"},
      {"uml_store(m, 256)",
       "t:7:15: expected a value of 1 byte (a number from 0 to 255), found "
       "'256'"},
      {"futex_op(m + 2, 1)",
       "t:7:11: expected an address that 4 divides, found 2 bytes past one"},
      {"kvm_pfn(m, x)", "t:7:13: expected 'r' or 'w', found 'x'"},
      {"pin(m, rw)", "t:7:9: expected 'r' or 'w', found 'rw'"},
      {"mlock(m, 1p, now)", "t:7:15: expected 'onfault', found 'now'"},
      {"read_into(m, anon, 0)", "t:7:15: expected a file, found 'anon'"},
      {"poke(m, 0x100)", "t:7:10: expected a value of 1 byte, found '0x100'"},
      {"write_from(m, 65537)",
       "t:7:16: expected a size of 0 to 65536 bytes, found 65537"},
      {"write_from(m, 0p)", "t:7:16: expected a size above 0, found 0"},
      {"peek(m + 4095, 2)",
       "t:7:7: expected an access within one page, found 2 bytes at byte "
       "4095 of a page"},
      {"msync(m, 1p, now)",
       "t:7:15: expected async, invalidate, sync, each once, found 'now'"},
      {"msync(m, 1p, sync, sync)",
       "t:7:21: expected async, invalidate, sync, each once, found 'sync'"},
      {"mlockall(sync)",
       "t:7:11: expected current, future, onfault, each once, found 'sync'"},
      {"munlockall(current)", "t:7:13: expected ')', found 'current'"},
      {"mincore(m, 1p)", "t:7:15: expected ',', found ')'"},
      {"mmap(f, 0p, 6p, r, private, always)",
       "t:7:30: expected 'at = ADDRESS' or locked, populate, noreserve, "
       "growsdown, each once, found 'always'"},
      {"mmap(f, 0p, 6p, r, private, locked, at = m)",
       "t:7:38: expected locked, populate, noreserve, growsdown, each once, "
       "found 'at'"},
      {"mmap(f, 0p, 6p, private)",
       "t:7:18: expected a protection (r, w, x, rw, rx, wx, rwx or none), "
       "found 'private'"},
      {"mmap(f, 0p, 6p, r)", "t:7:19: expected ',', found ')'"},
      {"mmap(g, 0p, 6p, r, private)",
       "t:7:7: expected a file or 'anon', found 'g'"},
      {"mmap(anon, 1p, 6p, r, private)",
       "t:7:13: expected offset 0p for anonymous memory, found 4096"},
      {"mmap(f, 0p, 6p, r, private, at m)", "t:7:33: expected '=', found 'm'"},
      {"munmap(m)", "t:7:10: expected ',', found ')'"},
      {"munmap(m, 1p - 2p)",
       "t:7:12: expected a length of 0 to 140737488355328 bytes, found -4096"},
      {"munmap(-5p, 1p)",
       "t:7:9: expected an address in user space, found -20480"},
      {"madvise(m, 1p, poison)",
       "t:7:17: expected advice (normal, random, sequential, willneed, "
       "dontneed, free, remove, dontfork, dofork, dontdump or dodump), found "
       "'poison'"},
      {"read(anon, 0, 1)", "t:7:7: expected a file, found 'anon'"},
      {"kill(Z)",
       "t:7:7: expected the name of a task, found 'Z', which is none"},
      {"m = mmap(f, 0p, 1p, r, private)",
       "t:7:2: expected a variable that was not assigned before, found 'm'"},
      {"x = load(m) x = load(m)",
       "t:7:14: expected a variable that was not assigned before, found 'x'"},
      {"x = load(m) load(x)",
       "t:7:19: expected a variable with the address of a mapping, found 'x', "
       "which a load gave"},
      {"x = mmap(f, 0p, 1p, r, private, at = x)",
       "t:7:39: expected a variable that setup or this task assigned before, "
       "found 'x'"},
      {"mremap(m, 1p, 2p, to)", "t:7:22: expected '=', found ')'"},
      {"mremap(m, 1p, 2p, fixed)",
       "t:7:20: expected 'maymove' or 'to = ADDRESS', found 'fixed'"},
      {"mremap(m, 1p)", "t:7:14: expected ',', found ')'"},
      {"brk()",
       "t:7:6: expected an address (a variable or a number), found ')'"},
      {"x = store(m, 1)",
       "t:7:6: expected mmap, mremap, brk, load or exec, found 'store'"},
      {"repeat 0 load(m)",
       "t:7:9: expected how often (a number from 1 to 100000), found '0'"},
      {"repeat 100001 load(m)",
       "t:7:9: expected how often (a number from 1 to 100000), found "
       "'100001'"},
      {"repeat 2 x = load(m)",
       "t:7:11: expected an operation without a result after 'repeat', found "
       "'x ='"},
      {"jump(m)",
       "t:7:2: expected an operation (mmap, load, store, ...), found 'jump'"},
      {"load(m", "t:8:1: expected ')', found the end of the text"},
      {"load(99999999999999999999)",
       "t:7:7: expected an address (a variable or a number), found "
       "'99999999999999999999', which is no 64-bit number"},
      {"load(12q)",
       "t:7:7: expected an address (a variable or a number), found '12q', "
       "which is no 64-bit number"},
      {"load(0x900000000000)",
       "t:7:7: expected at most 140737488355328 bytes, found "
       "'0x900000000000'"},
      {"load(m) ;",
       "t:7:10: expected an operation (mmap, load, store, ...), found ';'"},
      {"load(m) \x01",
       "t:7:10: expected an operation (mmap, load, store, ...), found byte "
       "0x01"},
  };
  for (const ErrorCase& c : kCases) {
    EXPECT_EQ(ErrorOf(WithTask(c.text)), c.error) << c.text;
  }
}

TEST(LitmusParser, FilesInMemoryHaveATypeAndHoles) {
  absl::StatusOr<Program> program = ParseLitmus(
      "litmus \"t\"\n"
      "image\n    f: 1 page\n"
      "files\n    g: 2 pages + 5 bytes, tmpfs, hole 0-1\n    h: 0, ramfs\n"
      "task A\n    truncate(g, 1p + 7)\n    punch(h, 3, 2p)\n"
      "    write(g, 1p, 0x1234, 2)\n    drop(h)\n"
      "    m = mmap(g, 0p, 1p, rw, shared)\n    madvise(m, 1p, remove)\n",
      "t");
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_EQ(program->memory_files.size(), 2u);
  EXPECT_EQ(program->image.files.size(), 1u);
  EXPECT_EQ(program->memory_files[0].filesystem, "tmpfs");
  EXPECT_EQ(program->memory_files[0].runs.size(), 1u);
  EXPECT_EQ(TotalBytes(program->memory_files[1].size), 0);
  const std::vector<Op>& ops = program->tasks[0].ops;
  ASSERT_EQ(ops.size(), 6u);
  EXPECT_EQ(ops[0].kind, OpKind::kTruncate);
  EXPECT_EQ(TotalBytes(ops[0].length), kPageBytes + 7);
  EXPECT_EQ(TotalBytes(ops[1].offset), 3);
  EXPECT_EQ(ops[2].value, 0x1234u);
  EXPECT_EQ(ops[2].size, 2u);
  EXPECT_EQ(ops[3].file, "h");
  EXPECT_EQ(ops[5].advice, 9u);
  // What is printed says the same.
  absl::StatusOr<Program> again = ParseLitmus(FormatLitmus(*program), "t");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(SameProgram(*program, *again)) << FormatLitmus(*program);
  EXPECT_EQ(program->Hash(), again->Hash());
  again->memory_files[0].filesystem = "ramfs";
  EXPECT_FALSE(SameProgram(*program, *again));
  EXPECT_NE(program->Hash(), again->Hash());
}

TEST(LitmusParser, ErrorsAboutFilesInMemoryNameThePlace) {
  const struct {
    const char *file, *op, *error;
  } kCases[] = {
      {"g: 2 pages", "drop(g)", "t:4:1: expected ',', found 'task'"},
      {"g: 2 pages, ext4", "drop(g)",
       "t:3:14: expected 'tmpfs' or 'ramfs', found 'ext4'"},
      {"g: 2 pages, tmpfs, direct 0", "drop(g)",
       "t:3:21: expected 'hole' and the pages that are one, found 'direct'"},
      {"g: 257 pages, tmpfs", "drop(g)",
       "t:3:5: expected at most 1048576 bytes, the format's limit, found "
       "1052672"},
      {"g: 1 page, tmpfs", "drop(h)",
       "t:5:7: expected a file of the section 'files', found 'h'"},
      {"g: 1 page, tmpfs", "punch(g, 0p, 0)",
       "t:5:11: expected a length of at least one byte, found 0"},
      {"g: 1 page, tmpfs", "write(g, 0, 256)",
       "t:5:14: expected a value of 1 byte, found '256'"},
      {"g: 1 page, tmpfs", "truncate(g)", "t:5:12: expected ',', found ')'"},
  };
  for (const auto& test : kCases) {
    const std::string text = absl::StrCat("litmus \"t\"\nfiles\n ", test.file,
                                          "\ntask A\n ", test.op, "\n");
    absl::StatusOr<Program> program = ParseLitmus(text, "t");
    ASSERT_FALSE(program.ok()) << text;
    EXPECT_EQ(program.status().message(), test.error) << text;
  }
}

TEST(LitmusParser, ErrorsOfAFileNameThePlace){
    const ErrorCase kCases[] = {
        {"0 pages", "t:3:5: expected a size of at least one byte, found 0"},
        {"pages",
         "t:3:5: expected a size (6 pages, 5 pages + 100 bytes), found "
         "'pages'"},
        {"4096 pages",
         "t:3:5: expected at most 16777215 bytes, the format's limit, found "
         "16777216"},
        {"6 pages, direct 0-6",
         "t:3:23: expected the last block (a number from 0 to 5), found '6'"},
        {"6 pages, direct 6",
         "t:3:21: expected a block (a number from 0 to 5), found '6'"},
        {"6 pages, direct 3-2",
         "t:3:23: expected the last block (a number from 3 to 5), found '2'"},
        {"6 pages, direct 0-3, raw 3-4",
         "t:3:30: expected blocks that have no layout yet, found block 3"},
        {"6 pages, direct 0-5, shared tail",
         "t:3:26: expected 'shared tail' only where the last block is direct "
         "or "
         "raw and not full, found a full block"},
        {"9 bytes, compressed 0, shared tail",
         "t:3:28: expected 'shared tail' only where the last block is direct "
         "or "
         "raw and not full, found another layout"},
        {"6 pages, unaligned",
         "t:3:14: expected 'unaligned' only with a direct block, found none"},
        {"6 pages, zipped 0",
         "t:3:14: expected direct, compressed, hole, raw, program, 'shared "
         "tail', unaligned, outside or shares, found 'zipped'"},
        {"6 pages, outside",
         "t:3:14: expected one of 'outside' and 'shares', with all of the "
         "pages "
         "direct, found another layout"},
        {"6 pages, direct 0-5\n g: 7 pages, direct 0-6, shares f",
         "t:4:26: expected an earlier file to share with, direct too and no "
         "shorter, found 'f'"},
        {"6 pages, direct 0-5, shares f",
         "t:3:26: expected an earlier file to share with, direct too and no "
         "shorter, found 'f'"},
        {"6 pages\n f: 1 page",
         "t:4:2: expected a name that no other file has, found 'f'"},
        {"6 pages\n anon: 1 page",
         "t:4:2: expected the name of a file, found 'anon', which means "
         "anonymous memory"},
        {"path \"/x\"",
         "t:3:5: expected a size (6 pages, 5 pages + 100 bytes), found 'path'"},
    };
for (const ErrorCase& c : kCases) {
  EXPECT_EQ(
      ErrorOf(With(c.text, "m = mmap(anon, 0p, 1p, r, private)", "load(m)")),
      c.error)
      << c.text;
}
}  // namespace

TEST(LitmusParser, ErrorsOfSectionsNameThePlace) {
  constexpr char kTask[] = "task A\n load(0)\n";
  const ErrorCase kCases[] = {
      {"",
       "t:1:1: expected 'litmus \"NAME\"' at the beginning of a line, "
       "found the end of the text"},
      {"litmus t", "t:1:8: expected the program's name in quotes, found 't'"},
      {"litmus \"t\n",
       "t:1:8: expected the program's name in quotes, found "
       "a string without its closing '\"'"},
      {"litmus \"t\"\n",
       "t:2:1: expected a 'setup' or 'task' section, found the end of the "
       "text"},
      {"litmus \"t\"\n load(0)\n",
       "t:2:2: expected about, defects, machine, image, files, setup, task, "
       "legal or expect at the beginning of a line, found 'load'"},
      {"litmus \"t\"\nthread A\n load(0)\n",
       "t:2:1: expected about, defects, machine, image, files, setup, task, "
       "legal or expect, found 'thread'"},
      {"litmus \"t\"\ntask A\ntask B\n load(0)\n",
       "t:3:1: expected an operation of the task, found 'task'"},
      {"litmus \"t\"\ntask A\n load(0)\ntask A\n load(0)\n",
       "t:4:6: expected a name that no other task has, found 'A'"},
      {"litmus \"t\"\ntask A\n load(0)\nsetup\n load(0)\n",
       "t:4:1: expected 'setup' before 'task', found it after"},
      {"litmus \"t\"\nsetup\n load(0)\nsetup\n load(0)\n",
       "t:4:1: expected one 'setup' section, found a second"},
      {"litmus \"t\"\nsetup\n kill(A)\n",
       "t:3:2: expected 'kill' in a task, found it in setup"},
      {"litmus \"t\"\ntask A\n fork(C)\ntask B\n load(0)\n",
       "t:3:7: expected the name of a forked task, found 'C', which is none"},
      {"litmus \"t\"\ntask A\n fork(B)\ntask B\n load(0)\n",
       "t:3:7: expected the name of a forked task, found 'B', which is none"},
      {"litmus \"t\"\ntask A\n fork(B) fork(B)\ntask B forked\n load(0)\n",
       "t:3:15: expected a task that was not forked before, found 'B' again"},
      {"litmus \"t\"\ntask A\n repeat 2 fork(B)\ntask B forked\n load(0)\n",
       "t:3:11: expected an operation that can be repeated, found 'fork'"},
      {"litmus \"t\"\ntask A\n load(0)\ntask B forked\n load(0)\n",
       "t:4:6: expected a task that does fork(B), found none"},
      {"litmus \"t\"\ntask A forked\n fork(B)\ntask B forked\n fork(A)\n",
       "t:3:7: expected a task that another one can begin, found 'B', which "
       "waits for itself"},
      {"litmus \"t\"\ntask K in kernel\n load(0)\n",
       "t:3:2: expected an operation that needs no memory of the task's own, "
       "found 'load' in a kernel thread"},
      {"litmus \"t\"\ntask K in kernel\n reclaim(0)\n",
       "t:3:10: expected a number of pages (a number from 1 to 1048576), found "
       "'0'"},
      {"litmus \"t\"\nmachine\n arch mips\n",
       "t:3:7: expected an architecture (x86-64, arm or arm-nommu), found "
       "'mips'"},
      {"litmus \"t\"\nmachine\n ram 4 pages\n",
       "t:3:6: expected the pages of RAM (a number from 16 to 1048576), found "
       "'4'"},
      {"litmus \"t\"\nmachine\n fault_around 5000\n",
       "t:3:15: expected a power of two, found '5000'"},
      {"litmus \"t\"\nmachine\n fix a off fix a on\n",
       "t:3:16: expected each fix once, found 'a'"},
      {"litmus \"t\"\nmachine\n fix a maybe\n",
       "t:3:8: expected 'on' or 'off', found 'maybe'"},
      {"litmus \"t\"\nimage \"x\"\n f: 6 pages\n",
       "t:3:5: expected 'path \"PATH\"', the image being an existing one, "
       "found '6'"},
      {"litmus \"t\"\nimage\ntask A\n load(0)\n",
       "t:3:1: expected a file ('f: 6 pages'), found 'task'"},
      {"litmus \"t\"\nabout\n a\x02\n",
       "t:3:3: expected text, found byte 0x02"},
  };
  for (const ErrorCase& c : kCases) {
    EXPECT_EQ(ErrorOf(c.text), c.error) << c.text;
  }
  const ErrorCase kAfterTask[] = {
      {"legal\n Z: ok\n",
       "t:5:2: expected the name of a task, found 'Z', which is none"},
      {"legal\n A: ok A: ok\n",
       "t:5:8: expected one rule for each task, found a second for 'A'"},
      {"legal\n A: fine\n",
       "t:5:5: expected an outcome (ok, SIGSEGV, SIGBUS, SIGKILL, an errno "
       "name, errno N or value N), found 'fine'"},
      {"expect\n v3 nothing\n", "t:5:5: expected ':', found 'nothing'"},
      {"expect\n v3: lifetime v3: nothing\n",
       "t:5:19: expected 'nothing' or a checker for one variant, found both"},
      {"expect\n v3: lifetime at page\n",
       "t:5:18: expected 'sync' or 'access', found 'page'"},
  };
  for (const ErrorCase& c : kAfterTask) {
    EXPECT_EQ(ErrorOf(absl::StrCat("litmus \"t\"\n", kTask, c.text)), c.error)
        << c.text;
  }
}

TEST(LitmusParser, BoundsWhatATextMayAskFor) {
  std::string ops;
  for (size_t i = 0; i <= kMaxOps; ++i) ops += "load(0)\n ";
  EXPECT_EQ(ErrorOf(absl::StrCat("litmus \"t\"\ntask A\n ", ops)),
            "t:4099:2: expected at most 4096 operations, found 'load'");
  EXPECT_EQ(ErrorOf(std::string(kMaxLitmusBytes + 1, ' ')),
            "t:1:1: expected at most 262144 bytes, found 262145");
  std::string tasks;
  for (size_t i = 0; i <= kMaxTasks; ++i) {
    absl::StrAppend(&tasks, "task T", i, "\n load(0)\n");
  }
  EXPECT_EQ(ErrorOf("litmus \"t\"\n" + tasks),
            "t:66:6: expected at most 32 tasks, found 'T32'");
  EXPECT_EQ(ErrorOf("litmus \"t\"\ntask " + std::string(65, 'x') + "\n"),
            "t:2:6: expected the name of a task of at most 64 bytes, found "
            "one of 65");
}

// Any cut or changed byte gives a program or an error, never a crash.
TEST(LitmusParser, SurvivesDamagedText) {
  const std::string text =
      "litmus \"t\"\nabout\n x\nmachine\n ram 64 pages\nimage\n f: 6 pages, "
      "direct 0-3\nsetup\n m = mmap(f, 0p, 6p, r, private)\ntask A\n store(m "
      "+ 5p, 0x42)\n kill(A)\nlegal\n A: ok | EFAULT\nexpect\n *: nothing\n";
  ASSERT_TRUE(ParseLitmus(text, "t").ok());
  int good = 0, bad = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    for (char c : {'\0', '\n', ' ', '"', '#', ')', '-', '9', 'p', '\xff'}) {
      std::string damaged = text;
      damaged[i] = c;
      (ParseLitmus(damaged, "t").ok() ? good : bad)++;
    }
    (ParseLitmus(text.substr(0, i), "t").ok() ? good : bad)++;
  }
  EXPECT_GT(good, 0);
  EXPECT_GT(bad, good);
}

// Program, exec and the words that look at another process.
TEST(LitmusParserTest, ExecAndItsNeighbours) {
  constexpr char kText[] =
      "litmus \"x\"\n"
      "image\n"
      "    f: 3 pages, direct 0-1, program 2\n"
      "task A in a\n"
      "    e = exec(f, 3p)\n"
      "    exec(f)\n"
      "    core_dump()\n"
      "    vfio_pin(e + 1p, w)\n"
      "    uprobe(f, 1p + 4)\n"
      "task B in b\n"
      "    peek(0x400000, of = A)\n"
      "    peek(0x400000, 8, of = A)\n"
      "    poke(0x400000, 0x11, of = A)\n";
  absl::StatusOr<Program> program = ParseLitmus(kText, "x.litmus");
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ(program->image.files[0].text_pages, 2u);
  const std::vector<Op>& a = program->tasks[0].ops;
  EXPECT_EQ(a[0].kind, OpKind::kExecve);
  EXPECT_EQ(a[0].result, "e");
  EXPECT_EQ(TotalBytes(a[0].length), 3 * kPageBytes);
  EXPECT_EQ(TotalBytes(a[1].length), 0);
  EXPECT_TRUE(a[3].write);
  EXPECT_EQ(TotalBytes(a[4].offset), kPageBytes + 4);
  const std::vector<Op>& b = program->tasks[1].ops;
  EXPECT_EQ(b[0].target, "A");
  EXPECT_EQ(b[0].size, 1u);
  EXPECT_EQ(b[1].size, 8u);
  EXPECT_EQ(b[2].target, "A");
  EXPECT_EQ(FormatOp(b[1]), "peek(0x400000, 8, of = A)");
  absl::StatusOr<Program> again = ParseLitmus(FormatLitmus(*program), "");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(SameProgram(*program, *again));
  EXPECT_EQ(program->Hash(), again->Hash());
  again->image.files[0].text_pages = 1;
  EXPECT_FALSE(SameProgram(*program, *again));
  EXPECT_NE(program->Hash(), again->Hash());
}

TEST(LitmusParserTest, WrongExecAndItsNeighboursHaveTheirPlaces) {
  const struct {
    const char* image;
    const char* setup;
    const char* task;
    const char* place;  // and a part of the message
  } kWrong[] = {
      {"f: 2 pages, program 2", "", "exec(f)", "3:25: expected fewer pages"},
      {"f: 2 pages, program 1, hole 1", "", "exec(f)",
       "3:5: expected a program"},
      {"f: 2 pages", "exec(f)", "munmap(1p, 1p)", "5:5: expected 'exec' in a"},
      {"f: 2 pages", "", "exec(f, 1)", "5:13: expected a distance"},
      {"f: 2 pages", "", "exec(f, 2048p)", "5:13: expected how far"},
      {"f: 2 pages", "", "exec(g)", "5:10: expected a file"},
      {"f: 2 pages", "", "peek(1p, of = Z)", "5:19: expected the name of"},
      {"f: 2 pages", "", "peek(1p, 1, A)", "5:17: expected 'of = TASK'"},
      {"f: 2 pages", "", "load(1p, of = A)", "5:14: expected a size"},
      {"f: 2 pages", "peek(1p, of = A)", "munmap(1p, 1p)",
       "5:19: expected 'of' in a task"},
  };
  for (const auto& wrong : kWrong) {
    std::string text = "litmus \"x\"\nimage\n    ";
    text += wrong.image;
    if (*wrong.setup != 0) text += std::string("\nsetup\n    ") + wrong.setup;
    text += std::string("\ntask A\n    ") + wrong.task + "\n";
    absl::StatusOr<Program> program = ParseLitmus(text, "x");
    ASSERT_FALSE(program.ok()) << text;
    EXPECT_EQ(std::string(program.status().message())
                  .find(std::string("x:") + wrong.place),
              0u)
        << program.status();
  }
}

}  // namespace faultline
}  // namespace faultline
