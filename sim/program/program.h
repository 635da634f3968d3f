// SPDX-License-Identifier: GPL-2.0-only
//
// Program: the one representation of "tasks doing mm operations".  It is
// built by C++, parsed from litmus text (litmus_parser.h), printed back
// (litmus_format.h) and run anywhere: explored, native, replayed.  A Program
// is plain data; it knows no machine and no kernel build.
//
// Addresses are symbolic until run time: an Address is a variable (the result
// of an earlier mmap) plus pages and bytes, or an absolute number.

#ifndef FAULTLINE_SIM_PROGRAM_PROGRAM_H_
#define FAULTLINE_SIM_PROGRAM_PROGRAM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace faultline {

// Where something stands in litmus text; line 0 for programs built in C++.
struct SourcePlace {
  int line = 0;
  int column = 0;
};

// An amount of memory: `6p` is six pages, `0x10` sixteen bytes, `5p + 1`
// both.  Bytes may be negative in an Address ("m - 1p").
struct Amount {
  int64_t pages = 0;
  int64_t bytes = 0;
};

struct Address {
  std::string variable;  // empty: absolute
  Amount offset;
  SourcePlace place;
};

enum class OpKind {
  kMmap,        // [var =] mmap(FILE|anon, OFFSET, LENGTH, PROT, private|shared
                //              [, at = ADDRESS] {, FLAG})  at = MAP_FIXED
  kMunmap,      // munmap(ADDRESS, LENGTH)
  kMprotect,    // mprotect(ADDRESS, LENGTH, PROT)
  kMadvise,     // madvise(ADDRESS, LENGTH, ADVICE)
  kMremap,      // [var =] mremap(ADDRESS, OLD, NEW [, maymove]
                //                [, to = ADDRESS])    to = both flags
  kBrk,         // [var =] brk(ADDRESS)     0p asks
  kLoad,        // [var =] load(ADDRESS [, SIZE])        SIZE 1 by default
  kStore,       // store(ADDRESS, VALUE [, SIZE])
  kExec,        // exec_fetch(ADDRESS)
  kUmlLoad,     // uml_load(ADDRESS)        caller in the style of UML
  kUmlStore,    // uml_store(ADDRESS, VALUE)
  kSparcLoad,   // sparc32_load(ADDRESS)
  kSparcStore,  // sparc32_store(ADDRESS, VALUE)
  kFutex,       // futex_op(ADDRESS, VALUE)  fault_in_user_writeable user
  kKvm,         // kvm_pfn(ADDRESS, r|w)    hva_to_pfn_remapped user
  kRead,        // read(FILE, OFFSET, LENGTH)   pread into a host buffer
  kKill,        // kill(TASK)               SIGKILL
  kSignal,      // signal(TASK)             SIGUSR1, with a handler
  kUffdRegister,  // uffd_register(ADDRESS, LENGTH)  UFFDIO_REGISTER, missing
  kUffdCopy,      // uffd_copy(ADDRESS, VALUE)       UFFDIO_COPY of a page
  kUffdZeropage,  // uffd_zeropage(ADDRESS)          UFFDIO_ZEROPAGE of a page
  kUffdWake,      // uffd_wake(ADDRESS, LENGTH)      UFFDIO_WAKE
  kFork,          // fork(TASK)               TASK is `forked`: it begins now
  kReclaim,       // reclaim(N)               what kswapd does, N pages
  kMigrate,       // migrate(N)               what kcompactd does
  kRmapWalk,      // rmap_walk(N)             kswapd's aging
  kOomKill,       // oom_kill()               the OOM killer, by hand
  kOomReap,       // oom_reap()               what oom_reaper does
  kMlock,         // mlock(ADDRESS, LENGTH [, onfault])
  kMunlock,       // munlock(ADDRESS, LENGTH)
  kMlockAll,      // mlockall([current] [, future] [, onfault])
  kMunlockAll,    // munlockall()
  kMsync,         // msync(ADDRESS, LENGTH {, async|invalidate|sync})
  kMincore,       // mincore(ADDRESS, LENGTH, VECTOR)
  kReadInto,      // read_into(ADDRESS, FILE, OFFSET [, SIZE])  pread to memory
  kWriteFrom,     // write_from(ADDRESS [, SIZE])   write to a pipe from memory
  kPeek,          // peek(ADDRESS [, SIZE] [, of = TASK])  ptrace's access
  kPoke,          // poke(ADDRESS, VALUE [, SIZE] [, of = TASK])
  kPin,           // pin(ADDRESS, r|w)        get_user_pages, held
  kUnpin,         // unpin()                  all that the task holds
  // Of a file of the `files` section:
  kWrite,     // write(FILE, OFFSET, VALUE [, SIZE])  pwrite from the host
  kTruncate,  // truncate(FILE, SIZE)               ftruncate to SIZE bytes
  kPunch,     // punch(FILE, OFFSET, LENGTH)        fallocate: a hole
  kDrop,      // drop(FILE)               posix_fadvise(DONTNEED) of all of it
  kVfioPin,   // vfio_pin(ADDRESS, r|w)   and the device reads a byte of it
  kUprobe,    // uprobe(FILE, OFFSET)     every mapping of that place
  kExecve,    // [var =] exec(FILE [, SHIFT])   var: where the program starts
  kCoreDump,  // core_dump()
};
// From 0 on; of the last one above.
inline constexpr int kOpKinds = static_cast<int>(OpKind::kCoreDump) + 1;

inline constexpr uint32_t kProtRead = 1, kProtWrite = 2, kProtExec = 4;

struct Op {
  OpKind kind;
  SourcePlace place;
  std::string result;  // variable that takes the result, or empty
  std::string file;    // mmap, read; empty for anonymous memory
  Address address;     // kMmap: the `at` address when fixed
  bool fixed = false;  // mremap: `to` is given
  bool shared = false;
  bool may_move = false;  // mremap
  Address to;             // mremap; mincore: the vector
  Amount new_length;      // mremap
  Amount offset;          // mmap, read: in the file
  Amount length;
  uint32_t prot = 0;
  uint32_t advice = 0;  // x86 uapi number
  uint32_t flags = 0;   // uapi: mmap beside the above, msync, mlockall
  uint32_t size = 1;    // accesses and copies: bytes
  // reclaim, migrate, rmap_walk: pages
  uint64_t value = 0;
  bool write = false;    // kvm_pfn, pin
  bool onfault = false;  // mlock
  // kill, signal, fork, peek, poke (empty: own): task name
  std::string target;
  int repeat = 1;  // `repeat N` prefix: the op is done N times
};

// uapi numbers of Op::flags that are words of the language.
inline constexpr uint32_t kMapGrowsdown = 0x100, kMapLocked = 0x2000,
                          kMapNoreserve = 0x4000, kMapPopulate = 0x8000;
inline constexpr uint32_t kMsAsync = 1, kMsInvalidate = 2, kMsSync = 4;
inline constexpr uint32_t kMclCurrent = 1, kMclFuture = 2, kMclOnfault = 4;
// uapi numbers of advice that says more than a hint.
inline constexpr uint32_t kAdviceDontneed = 4, kAdviceFree = 8,
                          kAdviceRemove = 9, kAdviceDontfork = 10,
                          kAdviceDofork = 11;

inline constexpr char kKernelProcess[] = "kernel";

struct TaskSpec {
  std::string name;
  // Tasks of one process share an mm; by default all are threads of one.  A
  // task of kKernelProcess is a kernel thread: it has no mm.
  std::string process = "main";
  std::vector<Op> ops;
  SourcePlace place;
  // It begins when another task forks it, in a process of its own.
  bool forked = false;
};

// How a run of a file's blocks is stored.
enum class BlockLayout { kDirect, kCompressed, kHole, kRaw };

struct BlockRun {
  uint32_t first = 0, last = 0;  // block numbers, inclusive
  BlockLayout layout = BlockLayout::kCompressed;
};

struct FileSpec {
  std::string name;
  // Generated file: size and layout.  The bytes are a fixed function of name
  // and offset (FileByte), never zero, so that data that is not the file's
  // shows; a hole's are zeros.
  Amount size;
  std::vector<BlockRun> runs;
  bool shared_tail = false;  // other data directly after the last raw byte
  bool unaligned = false;    // direct blocks on 8-byte, not page, boundaries
  // A damaged image.  All of it is direct and of whole pages.
  bool outside = false;  // the block pointers lead behind the image: zeros
  std::string shares;    // its data is the beginning of that earlier file's
  // Not 0: an ELF program, so many pages of text in front; see
  // elf_program.h.
  uint32_t text_pages = 0;
  // Existing image: the path in it.
  std::string path;
  // Of `files`: tmpfs or ramfs.  Runs are holes then, and the rest is written.
  std::string filesystem;
  SourcePlace place;
};

struct ImageSpec {
  std::string existing;  // `image "PATH"`: a cramfs image on the host
  std::vector<FileSpec> files;
  SourcePlace place;
};

struct MachineSpec {
  std::string arch = "x86-64";      // x86-64 | arm | arm-nommu
  uint64_t ram_pages = 0;           // 0: the default of the runner
  uint32_t max_map_count = 0;       // 0: the kernel's
  uint32_t fault_around_bytes = 0;  // 0: the kernel's
  std::vector<std::string> fixes_off, fixes_on;
  bool physmem = true;  // CONFIG_CRAMFS_PHYSMEM
  bool pat = true;      // CONFIG_X86_PAT
};

// What an operation may come to, beside what the data-integrity oracle
// explains by itself.
enum class OutcomeKind { kOk, kSigsegv, kSigbus, kSigkill, kErrno, kValue };
struct Outcome {
  OutcomeKind kind = OutcomeKind::kOk;
  int error = 0;       // kErrno: the positive number
  uint64_t value = 0;  // kValue: what the task's last load must give
};
struct LegalRule {
  std::string task;
  std::vector<Outcome> any_of;  // outcome of the task's last operation
  SourcePlace place;
};

// expect VARIANT: CHECKER ["part of the title"] | nothing
struct Expectation {
  std::string variant;  // or "*" for all that have no line of their own
  std::string checker;  // empty: nothing may be found
  std::string title_part;
  std::string granularity;  // "", "sync" or "access": where it shows first
  SourcePlace place;
};

struct Program {
  std::string name;
  std::string source;  // file it came from, for messages; may be empty
  std::string about;   // free text of the `about` section
  std::vector<std::string> defects;  // ids: "D1"
  MachineSpec machine;
  ImageSpec image;
  // Files that can be written; their numbers follow those of the image.
  std::vector<FileSpec> memory_files;
  std::vector<Op> setup;
  std::vector<TaskSpec> tasks;
  std::vector<LegalRule> legal;
  std::vector<Expectation> expectations;

  // Hash of everything that decides what an execution does (not the name,
  // about, defects, legal or expectations): a replay token carries it.
  uint64_t Hash() const;
};

// Byte `offset` of the generated file `name`: 1..255.
uint8_t FileByte(const std::string& name, uint64_t offset);

// All bytes of a generated file: FileByte, and zeros in its holes.
std::string FileContents(const FileSpec& file);

// "store", "mmap", ... as litmus text spells it.
const char* OpKindName(OpKind kind);

// True iff the two say the same: everything is compared but the places and
// `source`.
bool SameProgram(const Program& a, const Program& b);

// Bytes in a page of every modelled architecture.
inline constexpr int64_t kPageBytes = 4096;

// The amount in bytes.  The parser's bounds keep it far from overflow.
inline int64_t TotalBytes(const Amount& amount) {
  return amount.pages * kPageBytes + amount.bytes;
}

}  // namespace faultline

#endif  // FAULTLINE_SIM_PROGRAM_PROGRAM_H_
