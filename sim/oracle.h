// SPDX-License-Identifier: GPL-2.0-only
//
// Oracle: the data-integrity checker's abstract address space.  It is fed by
// calls and their returns only, never by VMAs or page tables, so it cannot
// share a mistake with the model.
//
// What it holds to be possible
//   A system call is, for each page, a short list of transitions that happen
//   in order at any instants between its begin and its end, each page on its
//   own:
//     mmap, fixed      whatever was -> unmapped -> the new mapping
//     mmap, not fixed  unmapped -> the new mapping, at an address that is
//                      known only when it returns
//     munmap           whatever was -> unmapped
//     mprotect         mapped -> mapped with the new protection
//     madvise dontneed a private mapping loses its own stores; free: it may,
//                      until the next store
//     madvise dontfork a child of a later fork does not have it; dofork: it has
//     uffd_register    mapped -> the same, served by the process: an access may
//                      get SIGBUS (EFAULT) from here on
//     uffd_copy, uffd_zeropage   mapped -> the same with the page's new bytes;
//                      one that failed has done nothing
//     mremap           its pages unmapped (all, or what is cut off), and what
//                      they were at the new place: fixed as an mmap is fixed,
//                      else at an address known only when it returns
//     brk              as munmap or as an mmap where nothing is, between the
//                      old end, which an earlier brk told, and the new one
//   A file that may be written to has one content for all its shared mappings
//   and calls.  What a load may give, byte by byte: what it began as, or what
//   a store, write, truncate, punch or madvise remove put there that had begun
//   before the load ended; but nothing that had ended before something else
//   began that was over before the load began.  The file's size likewise, so
//   that an access that ran beside a truncate may meet either.  Shared
//   anonymous memory is such a file, all zeros, of the size it was mapped with.
//   A fork gives the child each page as the parent has it at some instant
//   between its begin and its end, each page on its own.
//   One that succeeded made all of them; one that failed may have made the
//   first few, but never leaves a new mapping behind.
//   An access happens at one instant between its begin and its end and what
//   it came to must be explained by the page's state at that instant: the
//   bytes, SIGSEGV with MAPERR (unmapped) or ACCERR (not permitted), SIGBUS
//   (a file page wholly beyond the end of file).  Bytes between the end of
//   file and the end of its page are 0.  A store changes the state at its
//   instant; so does futex_op, which gives EFAULT where a store would get a
//   signal.  kvm_pfn may succeed unless the page was unmapped all the time.
//   It may fail with EFAULT always, for it only ever answers for mappings of
//   frames, and which those are is no matter of data; but with EINVAL only if
//   at some instant the page was unmapped, not permitted or beyond the end.
//   pin is like kvm_pfn, for which a frame without a page is EFAULT too.
//   read_into is a store of the file's bytes and write_from a load, which give
//   EFAULT where user code would get a signal.  peek and poke are a load and
//   a store that ask for no protection; they may fail always, as there may be
//   no page to take.
//   A copy of more than 8 bytes, or over the end of a page, is one access for
//   each page, of which the last ones need not happen; mincore stores its
//   answers so.
//   vfio_pin is like pin, and reads a byte where it may read.
//   exec that succeeded leaves the segments of the program, as
//   sim/elf_program.h lays it out, and a stack of which nothing is known.
//   As on x86 and ARM, any of r, w, x lets a page be read.
//
// How: for each page the set of (state, progress of every running operation)
// that is consistent with all returns so far, closed under "any running
// operation goes on".  A return strikes out what contradicts it.
//
// What it accepts although no single history explains it
//   - a load strikes nothing out: two loads by one task during one mmap may
//     see the new page and then the old one (as with a stale TLB);
//   - an access remembers every state that was possible while it ran, also
//     one that a later return shows never to have been;
//   - an access that ends while an mmap without an address runs, on a page
//     that may be its: what it saw is not checked when the mmap returns;
//   - whether a registered page was missing: an access that did not wait for
//     it may see zeros;
//   - errors of system calls: whether they were due is not asked, nor those
//     of read_into and write_from but EFAULT;
//   - the bytes that mincore answers, all bytes of a page of which it, or a
//     read_into of more than kMaxWritten bytes, has stored some, and the bytes
//     of a write_from of more than 8; why a copy was short;
//   - an access to the new place of an mremap that has not returned: anything;
//   - after an mremap whose source others changed while it ran, each of the
//     states that the source was in;
//   - what is not mapped within kStackPages below a mapping that grows down;
//   - everything in a process after an mremap of length 0, and after a brk
//     beside another or before one that asked where
//     the heap ends;
//   - whatever others see of a process while it does exec; everything in it
//     after one that failed too late, that others stored to meanwhile, or
//     whose program is from an existing image;
//   - ENOMEM of anything, and death by SIGKILL of any access;
//   - a child's page may be any of what was possible for the parent's while
//     the fork ran, and all of the child's pages where an mmap without an
//     address ran beside it;
//   - the bytes of an access to a changing file each on its own, and its size
//     apart from its bytes: no order among them;
//   - of a private mapping of a file that somebody has changed: any byte that
//     the process has not stored, and all of a page that a truncate once cut;
//   - everything about the content of changing files once something may have
//     been stored to one of them that nobody can name (by a process or to a
//     page about which everything is accepted), or read_into stored what was
//     read from one; about a file with more than kMaxChanges changes that none
//     has made obsolete;
//   - everything about a page with more than kMaxConfigs possibilities or
//     with more than kMaxWritten different bytes stored, until the next
//     mapping or unmapping of it; everything in a process after an operation
//     on more than kMaxPages pages or with more than kMaxRunning operations
//     at once.
//
// Thread safety: none; the caller serialises, and the order of its calls is
// the order of events.

#ifndef FAULTLINE_SIM_ORACLE_H_
#define FAULTLINE_SIM_ORACLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "sim/program/program.h"

namespace faultline {

// Content of the files, by the ids the caller uses in ResolvedOp.  Must
// outlive every oracle that refers to it and never change.
class OracleFiles {
 public:
  virtual ~OracleFiles() = default;
  virtual uint64_t Size(int file) const = 0;
  // offset < Size(file).
  virtual uint8_t Byte(int file, uint64_t offset) const = 0;
  virtual std::string Name(int file) const = 0;
  // May it be written to?  Then Size and Byte are what it begins as.
  virtual bool Changes(int) const { return false; }
};

// Files given as strings; the id is the index.
class OracleFileStrings : public OracleFiles {
 public:
  void Add(std::string name, std::string content, bool changes = false) {
    names_.push_back(std::move(name));
    contents_.push_back(std::move(content));
    changes_.push_back(changes);
  }
  uint64_t Size(int file) const override {
    return contents_[static_cast<size_t>(file)].size();
  }
  uint8_t Byte(int file, uint64_t offset) const override {
    return static_cast<uint8_t>(contents_[static_cast<size_t>(file)][offset]);
  }
  std::string Name(int file) const override {
    return names_[static_cast<size_t>(file)];
  }
  bool Changes(int file) const override {
    return changes_[static_cast<size_t>(file)];
  }

 private:
  std::vector<std::string> names_, contents_;
  std::vector<bool> changes_;
};

// An operation as it is about to be made.
struct ResolvedOp {
  OpKind kind = OpKind::kLoad;
  uint64_t address = 0;    // mmap: only if fixed
  uint64_t length = 0;     // bytes; mmap, munmap, mprotect, madvise
  uint32_t prot = 0;       // mmap, mprotect
  uint32_t advice = 0;     // madvise: x86 uapi number
  bool fixed = false;      // mmap; mremap: `to` counts
  bool shared = false;     // mmap
  int file = -1;           // mmap: -1 is anonymous memory
  uint64_t file_page = 0;  // mmap: offset in pages
  uint32_t flags = 0;      // mmap: MAP_* beside the above
  uint32_t size = 1;       // accesses: bytes, in one page (futex_op: always 4);
                           // read_into and write_from also in several
  uint64_t value = 0;      // stores
  bool write = false;      // kvm_pfn, pin
  uint64_t file_offset = 0;  // read_into: bytes
  uint64_t new_length = 0;   // mremap: bytes
  uint64_t to = 0;           // mremap; mincore: the vector
  bool may_move = false;     // mremap
  int child = -1;            // fork: the process that it makes
};

// <signal.h> has a macro of the name; the layout must not depend on it.
#pragma push_macro("si_addr")
#undef si_addr
// What it came to.
struct OpResult {
  // System calls, futex_op, kvm_pfn: what it returned, -errno for failure.
  int64_t value = 0;
  // Accesses: 0 or the signal, its si_code and address; 0 for a code or an
  // address that the caller does not know.
  int32_t sig = 0;
  int32_t si_code = 0;
  union {
    uint64_t fault_address = 0;
    uint64_t si_addr;  // not usable where <signal.h> is included
  };
  // Loads without a signal: the bytes, little endian, zero extended.
  uint64_t loaded = 0;
  // False: the caller did not look at the bytes (an instruction fetch).
  bool has_loaded = true;
  // The task was killed before the operation ended in the ordinary way and
  // nobody saw a result: it may have happened or not.  An mmap without an
  // address then makes the process's memory unknown.
  bool abandoned = false;
};
#pragma pop_macro("si_addr")

class Oracle {
 public:
  using OpId = int;

  static constexpr size_t kMaxConfigs = 256;
  static constexpr size_t kMaxWritten = 28;
  static constexpr uint64_t kMaxPages = 65536;
  static constexpr int kMaxRunning = 32;
  static constexpr uint64_t kStackPages = 2048;  // RLIMIT_STACK
  static constexpr size_t kMaxChanges = 512;

  explicit Oracle(const OracleFiles& files);
  // A copy starts with the same knowledge; nothing may be running.
  Oracle(const Oracle& other);
  Oracle& operator=(const Oracle& other);

  // Makes this oracle know what `snapshot` knows; nothing may be running in
  // `snapshot`, what runs here is dropped.  Cheap when the last Reset (or
  // the copy this is) was from the same unchanged snapshot: only the pages
  // touched since are copied back.
  void Reset(const Oracle& snapshot);

  // Process ids count from 0; an address space is empty until mapped into.
  // Kinds that touch no memory (read, kill) are accepted and ignored.
  OpId Begin(int process, const ResolvedOp& given);
  // nullopt: explained.  Else "TITLE: DETAILS"; the title has no numbers and
  // is the same for the same kind of violation.  The execution should end
  // then: knowledge of the page is void.
  std::optional<std::string> End(OpId id, const OpResult& result);

  // "unmapped | private rw of f, page 3": what the page may be now.
  std::string Describe(int process, uint64_t address) const;

 private:
  enum class Kind : uint8_t {
    kUnmapped,
    kUnknown,   // explains everything
    kFloating,  // a mapping by a running mmap that is not fixed; file = slot
    kMapped,
  };
  struct Written {
    uint16_t offset;
    uint8_t value;
    uint8_t unused;
  };
  // What a page may be.  Relative to its page number, so that all pages of a
  // mapping have the same state.
  struct State {
    Kind kind = Kind::kUnmapped;
    uint8_t prot = 0;
    bool shared = false;
    bool no_fork = false;  // MADV_DONTFORK
    bool opaque = false;   // bytes that are not among `written` are unknown
    uint8_t written_count = 0;
    int32_t file = 0;
    int64_t delta = 0;  // page of the file minus page number
    std::array<Written, kMaxWritten> written{};  // by offset

    friend bool operator==(const State& a, const State& b) {
      if (a.kind != b.kind || a.prot != b.prot || a.shared != b.shared ||
          a.no_fork != b.no_fork || a.opaque != b.opaque ||
          a.written_count != b.written_count || a.file != b.file ||
          a.delta != b.delta) {
        return false;
      }
      for (size_t i = 0; i < a.written_count; ++i) {
        if (a.written[i].offset != b.written[i].offset ||
            a.written[i].value != b.written[i].value) {
          return false;
        }
      }
      return true;
    }
    template <typename H>
    friend H AbslHashValue(H h, const State& s) {
      h = H::combine(std::move(h), static_cast<uint8_t>(s.kind), s.prot,
                     s.shared, s.no_fork, s.opaque, s.written_count, s.file,
                     s.delta);
      for (size_t i = 0; i < s.written_count; ++i) {
        h = H::combine(std::move(h), s.written[i].offset, s.written[i].value);
      }
      return h;
    }
  };
  using StateId = uint32_t;
  static constexpr StateId kUnmappedId = 0, kUnknownId = 1;

  // One possibility: the state, and two bits for each running operation of
  // how many of its transitions the page has made.
  struct Config {
    StateId state;
    uint64_t progress;
    friend bool operator==(const Config& a, const Config& b) {
      return a.state == b.state && a.progress == b.progress;
    }
  };
  struct Page {
    uint64_t number = 0;
    uint32_t running = 0;   // bit per slot: operations that may touch it
    bool touched = false;   // since the last Reset
    bool overflow = false;  // configs void, all accepted while anything runs
    bool mixed = false;     // two ran at once since nothing ran
    absl::InlinedVector<Config, 2> configs;
  };
  struct Process {
    absl::flat_hash_map<uint64_t, uint32_t> index;  // page number -> pages
    std::vector<Page> pages;
    std::vector<uint32_t> touched;
    uint32_t running = 0;   // bit per slot
    uint32_t floating = 0;  // those that are mmaps, not fixed
    uint32_t forks = 0;     // those that are forks
    bool blind = false;
    uint64_t brk = 0;        // end of the heap, bytes; 0: nobody has said
    uint64_t brk_calls = 0;  // that may change it, begun so far
    // Pages that a stack may grow over, [first, second): where nothing is
    // mapped there, anything may be by the next access.
    std::vector<std::pair<uint64_t, uint64_t>> stacks;

    StateId Nothing(uint64_t number) const {
      for (const auto& [first, last] : stacks) {
        if (number - first < last - first) return kUnknownId;
      }
      return kUnmappedId;
    }
    bool in_exec = false;  // and blind for so long
    bool missed = false;   // a store, meanwhile
  };
  struct Running {
    bool used = false;
    int process = 0;
    ResolvedOp op;
    StateId mapped = 0;           // mmap, fixed: what it makes
    std::vector<uint32_t> pages;  // it is attached to
    std::vector<StateId> seen;    // accesses: possible before it happened
    // mremap: what each page that it moves may have been, by page number.
    // Wide copies: what each page may have been before.
    absl::flat_hash_map<uint64_t, absl::InlinedVector<StateId, 2>> moved;
    // fork: what each page (by its index) may have been so far.
    absl::flat_hash_map<uint32_t, std::vector<StateId>> seen_of_page;
    bool anywhere = false;   // fork: a mapping may be where nobody looked
    uint64_t brk_calls = 0;  // fork: of the process, when it began
    uint64_t begun = 0;      // by clock_
    bool any_value = false;  // read_into: of bytes that may change
  };
  // A change of a file by one operation: of bytes [offset, offset + length),
  // or of its size.
  struct Change {
    enum class Size : uint8_t { kKept, kSet, kAtLeast };
    uint64_t begin = 0, end = kEndless;  // of the operation, by clock_
    int slot = -1;                       // while it runs
    bool sure = false;                   // it has happened, just so
    bool zero = false;                   // else the bytes of `value`
    Size size_kind = Size::kKept;
    uint64_t offset = 0, length = 0, value = 0, size = 0;

    bool Covers(uint64_t at) const {
      return at >= offset && at - offset < length;
    }
    uint8_t Byte(uint64_t at) const {
      return zero ? 0 : static_cast<uint8_t>(value >> (8 * (at - offset)));
    }
  };
  static constexpr uint64_t kEndless = ~uint64_t{0};
  // Files without a name are counted from here.
  static constexpr int kFirstShared = 1 << 20;
  struct ChangingFile {
    uint64_t size = 0;        // at first
    bool changed = false;     // ever
    uint64_t cut = kEndless;  // pages: the least that a truncate left
    std::vector<Change> changes;
  };
  // An mremap in pages.
  struct Remap {
    uint64_t source, old_pages, new_pages, moved;  // moved: that stay
    uint64_t to;                                   // fixed only
  };
  enum class Outcome { kOk, kMapErr, kAccErr, kBus, kAnything };

  StateId Intern(const State& state);
  StateId MappedState(const ResolvedOp& op, uint64_t first_page);
  Process& ProcessAt(int process);
  uint32_t Touch(Process& process, uint64_t number);
  void Attach(Process& process, uint32_t page, int slot);
  void Close(Page& page);
  // And lets the forks of the process see what came of it.
  void CloseAndShow(Process& process, uint32_t page);
  bool Step(int slot, uint64_t page, Config config, Config* next);
  StateId AfterStore(StateId state, uint64_t page, const ResolvedOp& op);
  bool Prune(Page& page, int slot, absl::FunctionRef<bool(uint64_t)> keep);
  std::optional<std::string> EndCall(int slot, const OpResult& result);
  std::optional<std::string> EndFloating(int slot, const OpResult& result);
  // The fork in `slot` sees what the page may be now.
  void Witness(int slot, const Process& process, uint32_t page);
  void EndFork(int slot, const OpResult& result);
  std::optional<std::string> EndAccess(int slot, const OpResult& result);
  Outcome OutcomeOf(const State& state, uint64_t page,
                    const ResolvedOp& op) const;
  // The bytes that a load gives; *known: a mask of those that are known.
  uint64_t Load(const State& state, uint64_t page, const ResolvedOp& op,
                uint64_t* known = nullptr) const;
  bool Gives(const State& state, uint64_t page, const ResolvedOp& op,
             uint64_t loaded) const;
  std::optional<std::string> EndWide(int slot, const OpResult& result);
  bool Explains(StateId state, uint64_t page, const Running& running,
                const OpResult& result) const;
  bool ExplainsAs(Outcome outcome, const State& state, uint64_t page,
                  const Running& running, const OpResult& result) const;
  std::string StateText(StateId state, uint64_t page) const;
  std::string AccessViolation(const Running& running, const Page& page,
                              const OpResult& result) const;
  void BeginFloating(Process& process, int slot);
  // There is, or may be, a mapping that grows down at these pages.
  void AddStack(Process& process, uint64_t first, uint64_t pages);
  // oracle_remap.cc.  False: the process is blind now.
  static Remap RemapOf(const ResolvedOp& op);
  bool BeginRemap(Process& process, int slot);
  bool StepRemap(int slot, uint64_t page, const Config& config, uint64_t made,
                 Config* next);
  void RecordMoved(int slot, const Page& page);
  std::vector<StateId> MovedStates(int slot, uint64_t first, uint64_t number);
  std::optional<std::string> EndRemap(int slot, const OpResult& result);
  // oracle_exec.cc
  void EndExec(int slot, const OpResult& result);
  bool BeginBrk(Process& process, int slot);
  bool StepBrk(int slot, uint64_t page, const Config& config, Config* next);
  std::optional<std::string> EndBrk(int slot, const OpResult& result);
  template <typename F>
  void ForEachRunning(uint32_t slots, F f) {
    for (; slots != 0; slots &= slots - 1) {
      f(running_[static_cast<size_t>(__builtin_ctz(slots))]);
    }
  }
  void Release(int slot);
  void CopyAll(const Oracle& other);

  // oracle_files.cc
  static bool IsFileChange(OpKind kind);
  // A page of a file that may change.
  bool OfChanging(const State& state) const;
  ChangingFile& FileAt(int file);
  const ChangingFile* FindFile(int file) const;
  uint8_t FirstByte(int file, uint64_t offset) const;
  // Whatever is in any of them from here on explains everything.
  void LoseFiles() { files_lost_ = true; }
  int NewShared(uint64_t bytes);
  Change& AddChange(int slot, int file, uint64_t offset, uint64_t length);
  // The store or the madvise in `slot` may happen to a page in that state.
  void ChangePage(int slot, const State& state, uint64_t page);
  OpId BeginFileChange(const ResolvedOp& op);
  void EndFileChange(int slot, const OpResult& result);
  // Of what AddChange made: they have happened, or may have, or have not.
  enum class Happened { kYes, kPerhaps, kNo };
  void EndChanges(int slot, Happened happened);
  void DropObsolete(ChangingFile& file);
  // Could the byte have been that at an instant after `since`?
  bool MayHold(int file, uint64_t offset, uint8_t byte, uint64_t since) const;
  // Could the page have been within the file, beyond its end?
  std::pair<bool, bool> MayReach(int file, uint64_t page, uint64_t since) const;
  bool MayLoad(const State& state, uint64_t page, const ResolvedOp& op,
               uint64_t loaded, uint64_t since) const;

  const OracleFiles* files_;
  std::vector<State> states_;
  absl::flat_hash_map<State, StateId> state_index_;
  std::vector<Process> processes_;
  std::array<Running, kMaxRunning> running_;
  absl::flat_hash_map<int, ChangingFile> changing_;
  int next_shared_ = kFirstShared;
  bool files_lost_ = false;
  uint64_t clock_ = 0;  // counts begins and ends
  // Which oracle, in which version, this one is a copy of.
  uint64_t identity_, version_ = 0;
  uint64_t base_identity_ = 0, base_version_ = 0;
};

}  // namespace faultline

#endif  // FAULTLINE_SIM_ORACLE_H_
