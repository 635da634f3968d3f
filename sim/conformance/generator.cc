// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/generator.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/conformance/serial.h"
#include "sim/random.h"

namespace faultline {
namespace {

constexpr char kAnchor[] = "m", kHeap[] = "heap", kChild[] = "B";
// The one that can be written.
constexpr char kMemoryFile[] = "t";
constexpr int kMemoryFilePages = 6;
constexpr int kAnchorPages = 32;
// Pages below the anchor that addresses reach.
constexpr int kBelow = 12;
// Pages of the heap that are used.
constexpr int kHeapPages = 12;

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  // The setup, and one task or two of which the first forks the second.
  void Make(int operations, Program* program) {
    std::vector<Op>& setup = program->setup;
    Op anchor = New(OpKind::kMmap);
    anchor.result = kAnchor;
    anchor.length.pages = kAnchorPages;
    anchor.prot = Prot();
    setup.push_back(anchor);
    if (operations > 2 && OneIn(2)) {
      heap_ = true;
      Op brk = New(OpKind::kBrk);
      brk.result = kHeap;
      setup.push_back(brk);
    }
    const uint32_t left = static_cast<uint32_t>(
        std::max<int>(operations - static_cast<int>(setup.size()), 1));
    const uint32_t forked = left > 8 && OneIn(6) ? Below(4) + 2 : 0;
    const uint32_t fork_at = forked > 0 ? Below(left - forked) : left;
    TaskSpec parent, child;
    parent.name = "A";
    child.name = kChild;
    child.forked = true;
    for (uint32_t i = 0; i < left - forked; ++i) {
      parent.ops.push_back(i == fork_at ? New(OpKind::kFork) : Any());
      if (i == fork_at) parent.ops.back().target = kChild;
    }
    for (uint32_t i = 0; i < forked; ++i) child.ops.push_back(Any());
    program->tasks.push_back(std::move(parent));
    if (forked > 0) program->tasks.push_back(std::move(child));
  }

 private:
  static Op New(OpKind kind) {
    Op op;
    op.kind = kind;
    return op;
  }
  uint32_t Below(uint32_t n) { return random_.Below(n); }
  bool OneIn(uint32_t n) { return random_.Below(n) == 0; }

  // An instruction fetch is never made, and whether a mapping that can only
  // be executed can be read depends on the processor.
  uint32_t Prot() {
    static constexpr uint32_t kProts[] = {kProtRead,
                                          kProtRead,
                                          kProtRead | kProtWrite,
                                          kProtRead | kProtWrite,
                                          kProtRead | kProtWrite,
                                          0,
                                          kProtRead | kProtExec,
                                          kProtRead | kProtWrite | kProtExec,
                                          kProtWrite};
    return kProts[Below(std::size(kProts))];
  }
  Amount Length() {
    Amount length;
    length.pages = 1 + Below(OneIn(3) ? 16 : 4);
    if (OneIn(8)) {
      --length.pages;
      length.bytes = 1 + Below(4095);
    }
    if (OneIn(64)) length = Amount();
    return length;
  }
  Address Page() {
    Address address;
    address.variable = kAnchor;
    address.offset.pages =
        static_cast<int64_t>(Below(kAnchorPages + kBelow)) - kBelow;
    if (heap_ && OneIn(6)) {
      address.variable = kHeap;
      address.offset.pages = Below(kHeapPages);
    }
    return address;
  }
  // Of a system call: now and then not one of a page.
  Address Range() {
    Address address = Page();
    if (OneIn(40)) address.offset.bytes = 1 + Below(4095);
    return address;
  }
  Address AccessAddress(uint32_t size) {
    Address address = Page();
    const uint32_t offset = kSampleOffsets[Below(std::size(kSampleOffsets))];
    address.offset.bytes = offset + Below(8 / size) * size;
    return address;
  }
  std::string File() {
    static constexpr const char* kNames[] = {"f", "g", "h"};
    return OneIn(3) ? kMemoryFile : kNames[Below(std::size(kNames))];
  }

  Op Mmap() {
    Op op = New(OpKind::kMmap);
    op.length = Length();
    if (OneIn(128)) op.length = {int64_t{1} << 35, 0};
    op.prot = Prot();
    if (!OneIn(3)) {
      op.fixed = true;
      op.address = Range();
    }
    if (OneIn(2)) {
      op.file = File();
      op.offset.pages = Below(8);
      op.shared = OneIn(op.file == kMemoryFile ? 2 : 4);
      if (OneIn(40)) op.offset.bytes = 1 + Below(4095);
    }
    if (op.file.empty()) {
      op.shared = OneIn(8);
      // 4.13 charges for pages that such a mapping grows by, and does not
      // give back what it does not account.
      if (OneIn(12) && (op.prot & kProtWrite)) op.flags |= kMapGrowsdown;
    }
    if (OneIn(10)) op.flags |= kMapPopulate;
    if (OneIn(10) && !(op.flags & kMapGrowsdown)) op.flags |= kMapNoreserve;
    if (OneIn(12)) op.flags |= kMapLocked;
    return op;
  }
  Op Advice() {
    static constexpr uint32_t kAdvice[] = {0, 1, 2, 3,  4,  4,  4,
                                           8, 8, 9, 10, 11, 16, 17};
    Op op = New(OpKind::kMadvise);
    op.address = Range();
    op.length = Length();
    op.advice = kAdvice[Below(std::size(kAdvice))];
    return op;
  }
  Op FileChange() {
    static constexpr OpKind kKinds[] = {OpKind::kWrite, OpKind::kWrite,
                                        OpKind::kTruncate, OpKind::kPunch,
                                        OpKind::kDrop};
    Op op = New(kKinds[Below(std::size(kKinds))]);
    op.file = kMemoryFile;
    op.offset.pages = Below(kMemoryFilePages);
    op.offset.bytes = OneIn(2) ? 0 : Below(4096);
    if (op.kind == OpKind::kWrite) {
      op.size = 1u << Below(4);
      op.value = random_.Next() >> (64 - 8 * op.size);
    } else if (op.kind == OpKind::kTruncate) {
      op.length = op.offset;
      op.offset = Amount();
    } else if (op.kind == OpKind::kPunch) {
      op.length.pages = Below(3);
      op.length.bytes = 1 + Below(4096);
    } else {
      op.offset = Amount();
    }
    return op;
  }
  // What locks, tells and copies.
  Op Other() {
    Op op;
    switch (Below(10)) {
      case 0:
      case 1:
        op = New(OpKind::kMlock);
        op.address = Range();
        op.length = Length();
        op.onfault = OneIn(3);
        break;
      case 2:
        op = New(OpKind::kMunlock);
        op.address = Range();
        op.length = Length();
        break;
      case 3:
        op = New(OneIn(2) ? OpKind::kMlockAll : OpKind::kMunlockAll);
        if (op.kind == OpKind::kMlockAll) {
          op.flags = OneIn(8) ? 0 : kMclFuture | (OneIn(3) ? kMclOnfault : 0);
        }
        break;
      case 4:
        op = New(OpKind::kMsync);
        op.address = Range();
        op.length = Length();
        op.flags = Below(8);
        break;
      case 5:
      case 6:
        op = New(OpKind::kMincore);
        op.address = Range();
        op.length = Length();
        op.to = AccessAddress(1);
        break;
      case 7:
      case 8:
        op = New(OpKind::kReadInto);
        op.address = AccessAddress(1);
        // A page read into itself comes out as the copy's loop has it.
        do {
          op.file = File();
        } while (op.file == kMemoryFile);
        op.offset.pages = Below(7);
        op.offset.bytes = OneIn(2) ? 0 : Below(4096);
        op.size = 1 + Below(OneIn(2) ? 16 : 3 * kPageBytes);
        break;
      default:
        op = New(OpKind::kWriteFrom);
        op.address = AccessAddress(1);
        op.size = 1 + Below(OneIn(2) ? 16 : 3 * kPageBytes);
        break;
    }
    return op;
  }
  Op Any() {
    const uint32_t kind = Below(100);
    Op op;
    if (kind < 20) {
      op = Mmap();
    } else if (kind < 29) {
      op = New(OpKind::kMunmap);
      op.address = Range();
      op.length = Length();
    } else if (kind < 42) {
      op = New(OpKind::kMprotect);
      op.address = Range();
      op.length = Length();
      op.prot = Prot();
    } else if (kind < 53) {
      op = Advice();
    } else if (kind < 66) {
      op = Other();
      if (heap_ && OneIn(4)) {
        op = New(OpKind::kBrk);
        op.address.variable = kHeap;
        op.address.offset.pages = Below(kHeapPages);
        if (OneIn(4)) op.address.offset.bytes = Below(4096);
      }
    } else if (kind < 70) {
      op = New(OpKind::kMremap);
      op.address = Range();
      op.length.pages = 1 + Below(3);
      op.new_length = OneIn(3) ? op.length : Length();
      op.fixed = OneIn(4);
      if (op.fixed) op.to = Range();
      op.may_move = op.fixed || !OneIn(3);
    } else if (kind < 73) {
      op = FileChange();
    } else if (kind < 88) {
      op = New(OpKind::kStore);
      op.size = 1u << Below(4);
      op.address = AccessAddress(op.size);
      op.value = random_.Next() >> (64 - 8 * op.size);
    } else if (kind < 98) {
      op = New(OpKind::kLoad);
      op.size = 1u << Below(4);
      op.address = AccessAddress(op.size);
    } else {
      op = New(OpKind::kRead);
      op.file = File();
      op.offset.pages = Below(8);
      op.offset.bytes = Below(4096);
      op.length.bytes = 1 + Below(8192);
    }
    return op;
  }

  Random random_;
  bool heap_ = false;
};

FileSpec File(const std::string& name, int64_t pages, int64_t bytes,
              std::vector<BlockRun> runs) {
  FileSpec file;
  file.name = name;
  file.size = {pages, bytes};
  file.runs = std::move(runs);
  return file;
}

}  // namespace

Program GeneratorBase() {
  Program program;
  program.name = "generated";
  program.image.files = {
      File("f", 6, 0, {{0, 3, BlockLayout::kDirect}}),
      File("g", 3, 100, {{1, 1, BlockLayout::kHole}}),
      File("h", 0, 1, {}),
  };
  FileSpec memory = File(kMemoryFile, kMemoryFilePages - 2, 100,
                         {{1, 1, BlockLayout::kHole}});
  memory.filesystem = "tmpfs";
  program.memory_files = {memory};
  return program;
}

Program GenerateProgram(uint64_t seed, int operations) {
  Program program = GeneratorBase();
  program.name = absl::StrCat("generated-", seed);
  Generator(seed).Make(operations, &program);
  return program;
}

namespace {

// Without the second task and what forks it.
Program WithoutChild(const Program& program) {
  Program alone = program;
  alone.tasks.resize(1);
  std::vector<Op>& ops = alone.tasks[0].ops;
  ops.erase(
      std::remove_if(ops.begin(), ops.end(),
                     [](const Op& op) { return op.kind == OpKind::kFork; }),
      ops.end());
  return alone;
}

// The operations of the setup, for -1, or of a task.
std::vector<Op>& OpsOf(Program& program, int task) {
  return task < 0 ? program.setup
                  : program.tasks[static_cast<size_t>(task)].ops;
}

bool Uses(const std::vector<Op>& ops, const std::string& variable) {
  return std::any_of(ops.begin(), ops.end(), [&](const Op& op) {
    return op.address.variable == variable || op.to.variable == variable;
  });
}

// Leaves out one run of operations of those that can go; false: there is none.
bool ShrinkOnce(Program* smallest, int task, size_t run,
                const std::function<bool(const Program&)>& still) {
  const std::vector<Op>& ops = OpsOf(*smallest, task);
  for (size_t first = ops.size(); first-- > 0;) {
    if (first + run > ops.size()) continue;
    // A task does something.
    if (run == ops.size() && task >= 0) continue;
    bool needed = false;
    for (size_t i = first; i < first + run; ++i) {
      needed |= ops[i].kind == OpKind::kFork;
      if (ops[i].result.empty()) continue;
      needed |= Uses(smallest->setup, ops[i].result);
      for (const TaskSpec& user : smallest->tasks) {
        needed |= Uses(user.ops, ops[i].result);
      }
    }
    if (needed) continue;
    Program candidate = *smallest;
    std::vector<Op>& fewer = OpsOf(candidate, task);
    fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(first),
                fewer.begin() + static_cast<ptrdiff_t>(first + run));
    if (!still(candidate)) continue;
    *smallest = std::move(candidate);
    return true;
  }
  return false;
}

}  // namespace

Program Shrink(const Program& program,
               const std::function<bool(const Program&)>& still) {
  Program smallest = program;
  if (smallest.tasks.size() > 1) {
    Program alone = WithoutChild(smallest);
    if (!alone.tasks[0].ops.empty() && still(alone))
      smallest = std::move(alone);
  }
  // Runs of operations first, then shorter ones, as long as any can go.
  for (size_t run = smallest.tasks[0].ops.size() / 2; run >= 1; run /= 2) {
    bool shrunk = true;
    while (shrunk) {
      shrunk = false;
      for (int task = -1; task < static_cast<int>(smallest.tasks.size());
           ++task) {
        shrunk |= ShrinkOnce(&smallest, task, run, still);
      }
    }
  }
  return smallest;
}

}  // namespace faultline
