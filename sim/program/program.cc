// SPDX-License-Identifier: GPL-2.0-only

#include "sim/program/program.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace faultline {
namespace {

// FNV-1a, 64 bits.  Fixed by its definition, so a token written by one build
// is understood by every other; library hashes are seeded per process.
class Fnv {
 public:
  void Byte(uint8_t byte) {
    hash_ ^= byte;
    hash_ *= 0x100000001b3u;
  }
  // Every number takes eight bytes and every string its length first, so that
  // no two programs feed the same bytes.
  void Number(uint64_t number) {
    for (int i = 0; i < 8; ++i) Byte(static_cast<uint8_t>(number >> (8 * i)));
  }
  void Text(const std::string& text) {
    Number(text.size());
    for (char c : text) Byte(static_cast<uint8_t>(c));
  }
  void Texts(const std::vector<std::string>& texts) {
    Number(texts.size());
    for (const std::string& text : texts) Text(text);
  }
  void Size(const Amount& amount) {
    Number(static_cast<uint64_t>(amount.pages));
    Number(static_cast<uint64_t>(amount.bytes));
  }
  uint64_t hash() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325u;
};

void Feed(Fnv& fnv, const Op& op) {
  // The name, not the enumerator: inserting a kind must not change hashes.
  fnv.Text(OpKindName(op.kind));
  fnv.Text(op.result);
  fnv.Text(op.file);
  fnv.Text(op.address.variable);
  fnv.Size(op.address.offset);
  fnv.Number(op.fixed);
  fnv.Number(op.shared);
  fnv.Size(op.offset);
  fnv.Size(op.length);
  fnv.Number(op.prot);
  fnv.Number(op.advice);
  fnv.Number(op.size);
  fnv.Number(op.value);
  fnv.Number(op.write);
  // Only where it says something, so that older tokens stay good.
  if (op.onfault) fnv.Number(1);
  fnv.Text(op.target);
  fnv.Number(static_cast<uint64_t>(op.repeat));
  if (op.flags != 0) fnv.Number(op.flags);
  if (op.kind == OpKind::kMincore) {
    fnv.Text(op.to.variable);
    fnv.Size(op.to.offset);
  }
  if (op.kind == OpKind::kMremap) {
    fnv.Number(op.may_move);
    fnv.Text(op.to.variable);
    fnv.Size(op.to.offset);
    fnv.Size(op.new_length);
  }
}

void Feed(Fnv& fnv, const std::vector<Op>& ops) {
  fnv.Number(ops.size());
  for (const Op& op : ops) Feed(fnv, op);
}

void Feed(Fnv& fnv, const FileSpec& file) {
  fnv.Text(file.name);
  fnv.Size(file.size);
  fnv.Number(file.runs.size());
  for (const BlockRun& run : file.runs) {
    fnv.Number(run.first);
    fnv.Number(run.last);
    fnv.Number(static_cast<uint64_t>(run.layout));
  }
  fnv.Number(file.shared_tail);
  fnv.Number(file.unaligned);
  // Only where it says something, so that older tokens stay good.
  if (file.outside) fnv.Number(1);
  if (!file.shares.empty()) fnv.Text(file.shares);
  if (file.text_pages != 0) fnv.Number(file.text_pages);
  fnv.Text(file.path);
}

uint64_t Mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t NameSeed(const std::string& name) {
  Fnv fnv;
  fnv.Text(name);
  return fnv.hash();
}

// Within a page the pattern has period 13 in groups of 64 bytes: it deflates
// well, and a shift by 8, the alignment of unaligned direct blocks, shows.
// The step from page to page has no common divisor with 255, so pages less
// than 255 apart differ in every byte.
uint8_t SeededByte(uint64_t seed, uint64_t offset) {
  uint64_t page = offset / kPageBytes;
  uint64_t within = offset % kPageBytes;
  uint64_t pattern = Mix(seed + (within / 64) * 64 + (within % 64) % 13);
  return static_cast<uint8_t>(1 + (pattern % 255 + page * 101) % 255);
}

bool Same(const Amount& a, const Amount& b) {
  return a.pages == b.pages && a.bytes == b.bytes;
}

bool Same(const Op& a, const Op& b) {
  return a.kind == b.kind && a.result == b.result && a.file == b.file &&
         a.address.variable == b.address.variable &&
         Same(a.address.offset, b.address.offset) && a.fixed == b.fixed &&
         a.shared == b.shared && Same(a.offset, b.offset) &&
         Same(a.length, b.length) && a.prot == b.prot && a.advice == b.advice &&
         a.size == b.size && a.value == b.value && a.write == b.write &&
         a.may_move == b.may_move && a.to.variable == b.to.variable &&
         Same(a.to.offset, b.to.offset) && Same(a.new_length, b.new_length) &&
         a.onfault == b.onfault && a.flags == b.flags && a.target == b.target &&
         a.repeat == b.repeat;
}

bool Same(const BlockRun& a, const BlockRun& b) {
  return a.first == b.first && a.last == b.last && a.layout == b.layout;
}

bool Same(const Outcome& a, const Outcome& b) {
  return a.kind == b.kind && a.error == b.error && a.value == b.value;
}

bool Same(const Expectation& a, const Expectation& b) {
  return a.variant == b.variant && a.checker == b.checker &&
         a.title_part == b.title_part && a.granularity == b.granularity;
}

// These hold lists, so the list comparison has to know them first.
bool Same(const TaskSpec& a, const TaskSpec& b);
bool Same(const FileSpec& a, const FileSpec& b);
bool Same(const LegalRule& a, const LegalRule& b);

template <typename T>
bool Same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const T& x, const T& y) { return Same(x, y); });
}

bool Same(const TaskSpec& a, const TaskSpec& b) {
  return a.name == b.name && a.process == b.process && a.forked == b.forked &&
         Same(a.ops, b.ops);
}

bool Same(const FileSpec& a, const FileSpec& b) {
  return a.name == b.name && Same(a.size, b.size) && Same(a.runs, b.runs) &&
         a.shared_tail == b.shared_tail && a.unaligned == b.unaligned &&
         a.text_pages == b.text_pages && a.outside == b.outside &&
         a.shares == b.shares && a.path == b.path &&
         a.filesystem == b.filesystem;
}

bool Same(const LegalRule& a, const LegalRule& b) {
  return a.task == b.task && Same(a.any_of, b.any_of);
}

bool Same(const MachineSpec& a, const MachineSpec& b) {
  return a.arch == b.arch && a.ram_pages == b.ram_pages &&
         a.max_map_count == b.max_map_count &&
         a.fault_around_bytes == b.fault_around_bytes &&
         a.fixes_off == b.fixes_off && a.fixes_on == b.fixes_on &&
         a.physmem == b.physmem && a.pat == b.pat;
}

}  // namespace

uint64_t Program::Hash() const {
  Fnv fnv;
  fnv.Text(machine.arch);
  fnv.Number(machine.ram_pages);
  fnv.Number(machine.max_map_count);
  fnv.Number(machine.fault_around_bytes);
  fnv.Texts(machine.fixes_off);
  fnv.Texts(machine.fixes_on);
  fnv.Number(machine.physmem);
  fnv.Number(machine.pat);
  fnv.Text(image.existing);
  fnv.Number(image.files.size());
  for (const FileSpec& file : image.files) Feed(fnv, file);
  for (const FileSpec& file : memory_files) {
    Feed(fnv, file);
    fnv.Text(file.filesystem);
  }
  Feed(fnv, setup);
  fnv.Number(tasks.size());
  for (const TaskSpec& task : tasks) {
    fnv.Text(task.name);
    fnv.Text(task.process);
    // Tokens of programs without it stay what they were.
    if (task.forked) fnv.Text("forked");
    Feed(fnv, task.ops);
  }
  return fnv.hash();
}

uint8_t FileByte(const std::string& name, uint64_t offset) {
  return SeededByte(NameSeed(name), offset);
}

std::string FileContents(const FileSpec& file) {
  std::string contents(static_cast<size_t>(TotalBytes(file.size)), '\0');
  if (file.outside) return contents;
  uint64_t seed = NameSeed(file.shares.empty() ? file.name : file.shares);
  for (size_t i = 0; i < contents.size(); ++i) {
    contents[i] = static_cast<char>(SeededByte(seed, i));
  }
  for (const BlockRun& run : file.runs) {
    if (run.layout != BlockLayout::kHole) continue;
    size_t begin =
        std::min<size_t>(size_t{run.first} * kPageBytes, contents.size());
    size_t end =
        std::min<size_t>((size_t{run.last} + 1) * kPageBytes, contents.size());
    std::fill(contents.begin() + static_cast<ptrdiff_t>(begin),
              contents.begin() + static_cast<ptrdiff_t>(end), '\0');
  }
  return contents;
}

const char* OpKindName(OpKind kind) {
  switch (kind) {
    case OpKind::kMmap:
      return "mmap";
    case OpKind::kMunmap:
      return "munmap";
    case OpKind::kMprotect:
      return "mprotect";
    case OpKind::kMadvise:
      return "madvise";
    case OpKind::kMremap:
      return "mremap";
    case OpKind::kBrk:
      return "brk";
    case OpKind::kLoad:
      return "load";
    case OpKind::kStore:
      return "store";
    case OpKind::kExec:
      return "exec_fetch";
    case OpKind::kUmlLoad:
      return "uml_load";
    case OpKind::kUmlStore:
      return "uml_store";
    case OpKind::kSparcLoad:
      return "sparc32_load";
    case OpKind::kSparcStore:
      return "sparc32_store";
    case OpKind::kFutex:
      return "futex_op";
    case OpKind::kKvm:
      return "kvm_pfn";
    case OpKind::kRead:
      return "read";
    case OpKind::kKill:
      return "kill";
    case OpKind::kSignal:
      return "signal";
    case OpKind::kUffdRegister:
      return "uffd_register";
    case OpKind::kUffdCopy:
      return "uffd_copy";
    case OpKind::kUffdZeropage:
      return "uffd_zeropage";
    case OpKind::kUffdWake:
      return "uffd_wake";
    case OpKind::kFork:
      return "fork";
    case OpKind::kReclaim:
      return "reclaim";
    case OpKind::kMigrate:
      return "migrate";
    case OpKind::kRmapWalk:
      return "rmap_walk";
    case OpKind::kOomKill:
      return "oom_kill";
    case OpKind::kOomReap:
      return "oom_reap";
    case OpKind::kMlock:
      return "mlock";
    case OpKind::kMunlock:
      return "munlock";
    case OpKind::kMlockAll:
      return "mlockall";
    case OpKind::kMunlockAll:
      return "munlockall";
    case OpKind::kMsync:
      return "msync";
    case OpKind::kMincore:
      return "mincore";
    case OpKind::kReadInto:
      return "read_into";
    case OpKind::kWriteFrom:
      return "write_from";
    case OpKind::kPeek:
      return "peek";
    case OpKind::kPoke:
      return "poke";
    case OpKind::kPin:
      return "pin";
    case OpKind::kUnpin:
      return "unpin";
    case OpKind::kWrite:
      return "write";
    case OpKind::kTruncate:
      return "truncate";
    case OpKind::kPunch:
      return "punch";
    case OpKind::kDrop:
      return "drop";
    case OpKind::kVfioPin:
      return "vfio_pin";
    case OpKind::kUprobe:
      return "uprobe";
    case OpKind::kExecve:
      return "exec";
    case OpKind::kCoreDump:
      return "core_dump";
  }
  return "?";
}

bool SameProgram(const Program& a, const Program& b) {
  return a.name == b.name && a.about == b.about && a.defects == b.defects &&
         Same(a.machine, b.machine) && a.image.existing == b.image.existing &&
         Same(a.image.files, b.image.files) &&
         Same(a.memory_files, b.memory_files) && Same(a.setup, b.setup) &&
         Same(a.tasks, b.tasks) && Same(a.legal, b.legal) &&
         Same(a.expectations, b.expectations);
}

}  // namespace faultline
