// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/generator.h"

#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/conformance/serial.h"
#include "sim/random.h"

namespace faultline {
namespace {

constexpr char kAnchor[] = "m";
constexpr int kAnchorPages = 32;
// Pages below the anchor that addresses reach.
constexpr int kBelow = 12;

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  std::vector<Op> Make(int operations) {
    std::vector<Op> ops;
    Op anchor = New(OpKind::kMmap);
    anchor.result = kAnchor;
    anchor.length.pages = kAnchorPages;
    anchor.prot = Prot();
    ops.push_back(anchor);
    while (static_cast<int>(ops.size()) < operations) ops.push_back(Any());
    return ops;
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
    return kNames[Below(std::size(kNames))];
  }

  Op Mmap() {
    Op op = New(OpKind::kMmap);
    op.length = Length();
    if (OneIn(128)) op.length = {int64_t{1} << 35, 0};
    op.prot = Prot();
    if (!OneIn(3)) {
      op.fixed = true;
      op.address = Page();
    }
    if (OneIn(2)) {
      op.file = File();
      op.offset.pages = Below(8);
      op.shared = OneIn(4);
    }
    return op;
  }
  Op Any() {
    const uint32_t kind = Below(100);
    Op op;
    if (kind < 25) {
      op = Mmap();
    } else if (kind < 37) {
      op = New(OpKind::kMunmap);
      op.address = Page();
      op.length = Length();
    } else if (kind < 55) {
      op = New(OpKind::kMprotect);
      op.address = Page();
      op.length = Length();
      op.prot = Prot();
    } else if (kind < 65) {
      static constexpr uint32_t kAdvice[] = {0, 1, 2, 3, 4, 4, 4};
      op = New(OpKind::kMadvise);
      op.address = Page();
      op.length = Length();
      op.advice = kAdvice[Below(std::size(kAdvice))];
    } else if (kind < 69) {
      op = New(OpKind::kMremap);
      op.address = Page();
      op.length.pages = 1 + Below(3);
      op.new_length = OneIn(3) ? op.length : Length();
      op.fixed = OneIn(4);
      if (op.fixed) op.to = Page();
      op.may_move = op.fixed || !OneIn(3);
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
  return program;
}

Program GenerateProgram(uint64_t seed, int operations) {
  Program program = GeneratorBase();
  program.name = absl::StrCat("generated-", seed);
  TaskSpec task;
  task.name = "A";
  task.ops = Generator(seed).Make(operations);
  program.tasks.push_back(std::move(task));
  return program;
}

Program Shrink(const Program& program,
               const std::function<bool(const Program&)>& still) {
  Program smallest = program;
  // Runs of operations first, then shorter ones, as long as any can go.
  for (size_t run = smallest.tasks[0].ops.size() / 2; run >= 1; run /= 2) {
    bool shrunk = true;
    while (shrunk) {
      shrunk = false;
      std::vector<Op>& ops = smallest.tasks[0].ops;
      for (size_t first = ops.size(); first-- > 0;) {
        if (first + run > ops.size()) continue;
        Program candidate = smallest;
        std::vector<Op>& fewer = candidate.tasks[0].ops;
        bool sets = false;
        for (size_t i = first; i < first + run; ++i) {
          sets = sets || !fewer[i].result.empty();
        }
        if (sets) continue;
        fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(first),
                    fewer.begin() + static_cast<ptrdiff_t>(first + run));
        if (!still(candidate)) continue;
        smallest = std::move(candidate);
        shrunk = true;
        break;
      }
    }
  }
  return smallest;
}

}  // namespace faultline
