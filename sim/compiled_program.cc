// SPDX-License-Identifier: GPL-2.0-only

#include "sim/compiled_program.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/program/litmus_format.h"

namespace faultline {
namespace {

constexpr int64_t kPage = 4096;
constexpr int kSigKill = 9, kSigUsr1 = 10, kSigSegv = 11;
// /proc/PID/coredump_filter of a new process.
constexpr uint32_t kCoreFilter = 0x33;
constexpr int64_t kEio = 5;

int IndexOf(const std::vector<std::string>& names, const std::string& name) {
  auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

int IndexOrAdd(std::vector<std::string>* names, const std::string& name) {
  const int index = IndexOf(*names, name);
  if (index >= 0) return index;
  names->push_back(name);
  return static_cast<int>(names->size()) - 1;
}

uint64_t Bytes(const Amount& amount) {
  return static_cast<uint64_t>(amount.pages * kPage + amount.bytes);
}

absl::Status Wrong(const Op& op, const std::string& what) {
  return absl::InvalidArgumentError(
      op.place.line > 0
          ? absl::StrCat(op.place.line, ":", op.place.column, ": ", what)
          : absl::StrCat(OpKindName(op.kind), ": ", what));
}

absl::Status CompileOps(const Program& program, const std::vector<Op>& ops,
                        const std::vector<std::string>& files,
                        CompiledProgram* compiled,
                        std::vector<CompiledOp>* to) {
  for (const Op& op : ops) {
    CompiledOp out;
    out.kind = op.kind;
    out.source = &op;
    if (!op.file.empty()) {
      out.file = IndexOf(files, op.file);
      if (out.file < 0) {
        return Wrong(op, absl::StrCat("no file \"", op.file, "\""));
      }
    }
    if (!op.address.variable.empty()) {
      out.base = IndexOf(compiled->variables, op.address.variable);
      if (out.base < 0) {
        return Wrong(op, absl::StrCat("no variable \"", op.address.variable,
                                      "\" has a value before this"));
      }
    }
    if (!op.to.variable.empty()) {
      out.to_base = IndexOf(compiled->variables, op.to.variable);
      if (out.to_base < 0) {
        return Wrong(op, absl::StrCat("no variable \"", op.to.variable,
                                      "\" has a value before this"));
      }
    }
    out.to = Bytes(op.to.offset);
    out.new_length = Bytes(op.new_length);
    out.may_move = op.may_move;
    out.address = Bytes(op.address.offset);
    if (!op.result.empty()) {
      out.result = IndexOrAdd(&compiled->variables, op.result);
    }
    out.fixed = op.fixed;
    out.shared = op.shared;
    out.write = op.write;
    out.onfault = op.onfault;
    out.offset = Bytes(op.offset);
    out.length = Bytes(op.length);
    out.prot = op.prot;
    out.advice = op.advice;
    out.flags = op.flags;
    out.size = op.size;
    out.value = op.value;
    if (op.kind == OpKind::kRead) {
      compiled->read_bytes = std::max(compiled->read_bytes, out.length);
    } else if (op.kind == OpKind::kWriteFrom) {
      compiled->read_bytes = std::max(compiled->read_bytes, uint64_t{out.size});
    }
    if (op.kind == OpKind::kExecve && out.file >= 0) {
      out.text = uint64_t{program.image.files[out.file].text_pages} * kPage;
    }
    if (op.kind == OpKind::kKill || op.kind == OpKind::kFork ||
        !op.target.empty()) {
      for (size_t i = 0; i < program.tasks.size(); ++i) {
        if (program.tasks[i].name == op.target) out.target = i;
      }
      if (out.target < 0) {
        return Wrong(op, absl::StrCat("no task \"", op.target, "\""));
      }
      // A store that comes with the fork could be in the copy or not.
      if (op.kind == OpKind::kPoke && program.tasks[out.target].forked) {
        return Wrong(op, "poke of a forked task");
      }
    }
    if (op.repeat < 0 || to->size() + op.repeat > CompiledProgram::kMaxOps) {
      return Wrong(op, absl::StrCat("more than ", CompiledProgram::kMaxOps,
                                    " operations in one task"));
    }
    for (int i = 0; i < op.repeat; ++i) to->push_back(out);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CompiledProgram> CompileProgram(const Program& program) {
  CompiledProgram compiled;
  std::vector<std::string> files;
  for (const FileSpec& file : program.image.files) files.push_back(file.name);
  for (const FileSpec& file : program.memory_files) files.push_back(file.name);
  absl::Status status =
      CompileOps(program, program.setup, files, &compiled, &compiled.setup);
  if (!status.ok()) return status;
  if (program.tasks.empty()) {
    return absl::InvalidArgumentError("the program has no task");
  }
  // A task may use what another one sets: all names first.
  for (const TaskSpec& task : program.tasks) {
    for (const Op& op : task.ops) {
      if (!op.result.empty()) IndexOrAdd(&compiled.variables, op.result);
    }
  }
  for (const TaskSpec& task : program.tasks) {
    if (!task.forked && task.process != kKernelProcess) {
      IndexOrAdd(&compiled.processes, task.process);
    }
  }
  compiled.own_processes = compiled.processes.size();
  for (const TaskSpec& task : program.tasks) {
    CompiledTask out;
    out.name = task.name;
    out.forked = task.forked;
    if (task.forked) {
      out.process = static_cast<int>(compiled.processes.size());
      compiled.processes.push_back(absl::StrCat("fork of ", task.name));
    } else if (task.process == kKernelProcess) {
      out.process = -1;
    } else {
      out.process = IndexOf(compiled.processes, task.process);
    }
    status = CompileOps(program, task.ops, files, &compiled, &out.ops);
    if (!status.ok()) return status;
    compiled.tasks.push_back(std::move(out));
  }
  return compiled;
}

bool DoesExec(const CompiledTask& task) {
  return std::any_of(
      task.ops.begin(), task.ops.end(),
      [](const CompiledOp& op) { return op.kind == OpKind::kExecve; });
}

bool IsUserAccess(OpKind kind) {
  switch (kind) {
    case OpKind::kLoad:
    case OpKind::kStore:
    case OpKind::kExec:
    case OpKind::kUmlLoad:
    case OpKind::kUmlStore:
    case OpKind::kSparcLoad:
    case OpKind::kSparcStore:
      return true;
    default:
      return false;
  }
}

bool IsLoad(OpKind kind) {
  return kind == OpKind::kLoad || kind == OpKind::kUmlLoad ||
         kind == OpKind::kSparcLoad;
}

ResolvedOp ResolveOp(const CompiledOp& op, const uint64_t* variables,
                     int child) {
  ResolvedOp resolved;
  resolved.child = child;
  resolved.kind = op.kind;
  resolved.address = OpAddress(op, variables);
  resolved.length = op.kind == OpKind::kExecve ? op.text : op.length;
  resolved.prot = op.prot;
  resolved.advice = op.advice;
  resolved.fixed = op.fixed;
  resolved.shared = op.shared;
  resolved.file = op.file;
  resolved.file_page = op.offset / kPage;
  resolved.file_offset = op.offset;
  resolved.size = op.kind == OpKind::kFutex ? 4 : op.size;
  resolved.value = op.value;
  if (op.kind == OpKind::kUffdCopy || op.kind == OpKind::kUffdZeropage) {
    resolved.length = kPage;
    resolved.size = 8;
  }
  resolved.write = op.write;
  resolved.new_length = op.new_length;
  resolved.may_move = op.may_move;
  resolved.flags = op.flags;
  if (op.fixed || op.kind == OpKind::kMincore) {
    resolved.to = OpTarget(op, variables);
  }
  return resolved;
}

uint64_t HashBytes(const void* data, uint64_t bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint64_t i = 0; i < bytes; ++i) {
    hash = (hash ^ static_cast<const uint8_t*>(data)[i]) * 0x100000001b3u;
  }
  return hash;
}

// The kernel's own accesses to user memory.  A task that is being killed may
// be turned away anywhere, which is no result.
static void CopyOp(const CompiledOp& op, const OpContext& context,
                   uint64_t address, OpResult* result) {
  const fl_kernel& kernel = *context.kernel;
  task_struct* const current = *kernel.current_slot();
  uint64_t bytes = op.kind == OpKind::kPoke ? op.value : 0;
  switch (op.kind) {
    case OpKind::kReadInto:
      result->value =
          kernel.sys_pread64(context.files[op.file], address, op.size,
                             static_cast<int64_t>(op.offset));
      break;
    case OpKind::kWriteFrom:
      if (op.size <= sizeof(bytes)) {
        result->value = kernel.sys_write_pipe(address, op.size, &bytes);
        break;
      }
      result->value = kernel.sys_write_pipe(address, op.size, context.buffer);
      if (result->value > 0) {
        bytes = HashBytes(context.buffer, static_cast<uint64_t>(result->value));
      }
      break;
    default: {
      const int64_t moved = kernel.ptrace_access(
          op.target >= 0 ? context.tasks[op.target] : current, address, &bytes,
          op.size, op.kind == OpKind::kPoke);
      result->value = moved == op.size ? moved : -kEio;
      break;
    }
  }
  result->loaded = bytes;
  result->has_loaded =
      op.kind == OpKind::kWriteFrom || op.kind == OpKind::kPeek;
  result->abandoned = result->value < 0 && kernel.task_killed(current);
}

static int64_t ChangeFile(const CompiledOp& op, const fl_kernel& kernel,
                          struct file* file) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; ++i)
    bytes[i] = static_cast<uint8_t>(op.value >> 8 * i);
  switch (op.kind) {
    case OpKind::kWrite:
      return kernel.file_write(file, bytes, op.size, op.offset);
    case OpKind::kTruncate:
      return kernel.file_truncate(file, op.length);
    case OpKind::kPunch:
      return kernel.file_fallocate(file,
                                   FL_FALLOC_PUNCH_HOLE | FL_FALLOC_KEEP_SIZE,
                                   op.offset, op.length);
    default:
      return kernel.file_fadvise(file, 0, 0, FL_FADV_DONTNEED);
  }
}

// With an argument and nothing else.
static void ExecOp(const CompiledOp& op, const OpContext& context,
                   OpResult* result) {
  // On this task's stack, which the kernel build may read.
  const char name[] = "program";
  const char* const argv[] = {name};
  fl_exec exec = {};
  exec.filename = name;
  exec.argv = argv;
  exec.argc = 1;
  exec.stack_shift = static_cast<uint32_t>(op.length / kPage);
  result->value = context.kernel->sys_execve(context.files[op.file], &exec);
  result->sig = exec.sig;
  if (result->value < 0) return;
  result->value = static_cast<int64_t>(exec.entry);
  result->loaded = exec.sp;
}

// The device reads a byte of what it got hold of.
static void VfioOp(const CompiledOp& op, const OpContext& context,
                   uint64_t address, OpResult* result) {
  const fl_kernel& kernel = *context.kernel;
  uint64_t pfn = 0;
  uint8_t byte = 0;
  result->value = kernel.task_vfio_pin(address, op.write, &pfn);
  result->has_loaded =
      result->value == 0 &&
      kernel.gup_pin_access(pfn, 0, address % kPage, &byte, 1) == 0;
  result->loaded = byte;
}

void DoOp(const CompiledOp& op, const OpContext& context, OpResult* result) {
  const fl_kernel& kernel = *context.kernel;
  const uint64_t address = OpAddress(op, context.variables);
  fl_user_result user = {};
  void (*access)(uint32_t, uint64_t, uint32_t, uint64_t, fl_user_result*) =
      nullptr;
  uint32_t access_kind = FL_LOAD;
  *result = OpResult();
  switch (op.kind) {
    case OpKind::kMmap:
      result->value = kernel.sys_mmap(
          op.fixed ? address : 0, op.length, op.prot,
          (op.shared ? FL_MAP_SHARED : FL_MAP_PRIVATE) |
              (op.fixed ? FL_MAP_FIXED : 0) |
              (op.file < 0 ? FL_MAP_ANONYMOUS : 0) | op.flags,
          op.file < 0 ? nullptr : context.files[op.file], op.offset);
      break;
    case OpKind::kMunmap:
      result->value = kernel.sys_munmap(address, op.length);
      break;
    case OpKind::kMprotect:
      result->value = kernel.sys_mprotect(address, op.length, op.prot);
      break;
    case OpKind::kMadvise:
      result->value = kernel.sys_madvise(address, op.length, op.advice);
      break;
    case OpKind::kMremap:
      result->value =
          kernel.sys_mremap(address, op.length, op.new_length,
                            (op.may_move ? FL_MREMAP_MAYMOVE : 0) |
                                (op.fixed ? FL_MREMAP_FIXED : 0),
                            op.fixed ? OpTarget(op, context.variables) : 0);
      break;
    case OpKind::kBrk:
      result->value = kernel.sys_brk(address);
      break;
    case OpKind::kFutex:
      result->value =
          kernel.sys_futex_op(address, static_cast<uint32_t>(op.value));
      break;
    case OpKind::kKvm: {
      uint64_t pfn = 0;
      result->value = kernel.kvm_hva_to_pfn(address, op.write, &pfn);
      break;
    }
    case OpKind::kRead:
      result->value = kernel.file_read(context.files[op.file], context.buffer,
                                       op.length, op.offset);
      break;
    case OpKind::kKill:
      result->value = kernel.sys_kill(context.tasks[op.target], kSigKill);
      break;
    case OpKind::kSignal:
      result->value = kernel.sys_kill(context.tasks[op.target], kSigUsr1);
      break;
    case OpKind::kUffdRegister:
      result->value = kernel.uffd_register(address, op.length);
      break;
    case OpKind::kUffdCopy:
      result->value = kernel.uffd_copy(address, op.value);
      break;
    case OpKind::kUffdZeropage:
      result->value = kernel.uffd_zeropage(address);
      break;
    case OpKind::kUffdWake:
      result->value = kernel.uffd_wake(address, op.length);
      break;
    case OpKind::kFork:
      result->value = kernel.sys_fork(context.tasks[op.target]);
      break;
    case OpKind::kReclaim:
      result->value = kernel.reclaim(op.value);
      break;
    case OpKind::kMigrate:
      result->value = kernel.migrate(op.value);
      break;
    case OpKind::kRmapWalk:
      result->value = kernel.rmap_walk(op.value);
      break;
    case OpKind::kOomKill:
      result->value = kernel.oom_kill();
      break;
    case OpKind::kOomReap:
      result->value = kernel.oom_reap();
      break;
    case OpKind::kMlock:
      result->value = kernel.sys_mlock2(address, op.length,
                                        op.onfault ? FL_MLOCK_ONFAULT : 0);
      break;
    case OpKind::kMunlock:
      result->value = kernel.sys_munlock(address, op.length);
      break;
    case OpKind::kMlockAll:
      result->value = kernel.sys_mlockall(op.flags);
      break;
    case OpKind::kMunlockAll:
      result->value = kernel.sys_munlockall();
      break;
    case OpKind::kMsync:
      result->value = kernel.sys_msync(address, op.length, op.flags);
      break;
    case OpKind::kMincore:
      result->value = kernel.sys_mincore(address, op.length,
                                         OpTarget(op, context.variables));
      break;
    case OpKind::kReadInto:
    case OpKind::kWriteFrom:
    case OpKind::kPeek:
    case OpKind::kPoke:
      CopyOp(op, context, address, result);
      break;
    case OpKind::kWrite:
    case OpKind::kTruncate:
    case OpKind::kPunch:
    case OpKind::kDrop:
      result->value = ChangeFile(op, kernel, context.files[op.file]);
      break;
    case OpKind::kPin:
      result->value = kernel.task_pin(address, op.write);
      break;
    case OpKind::kUnpin:
      kernel.task_unpin_all();
      break;
    case OpKind::kVfioPin:
      VfioOp(op, context, address, result);
      break;
    case OpKind::kUprobe:
      result->value = kernel.uprobe_register(context.files[op.file], op.offset,
                                             nullptr, nullptr);
      break;
    case OpKind::kExecve:
      ExecOp(op, context, result);
      break;
    case OpKind::kCoreDump:
      result->value = kernel.core_dump(
          kCoreFilter, kSigSegv,
          [](const void*, uint64_t, void*) -> int32_t { return 0; }, nullptr);
      break;
    case OpKind::kLoad:
    case OpKind::kStore:
    case OpKind::kExec:
      access = kernel.user_access;
      break;
    case OpKind::kUmlLoad:
    case OpKind::kUmlStore:
      access = kernel.uml_access;
      break;
    case OpKind::kSparcLoad:
    case OpKind::kSparcStore:
      access = kernel.sparc32_access;
      break;
  }
  if (access != nullptr) {
    if (op.kind == OpKind::kStore || op.kind == OpKind::kUmlStore ||
        op.kind == OpKind::kSparcStore) {
      access_kind = FL_STORE;
    } else if (op.kind == OpKind::kExec) {
      access_kind = FL_EXEC;
    }
    access(access_kind, address, op.size, op.value, &user);
    result->loaded = user.value;
    result->has_loaded = op.kind != OpKind::kExec;
    result->sig = user.sig;
    result->si_code = user.si_code;
    result->si_addr = user.si_addr;
  }
  if (op.result < 0) return;
  if (access != nullptr) {
    if (result->sig == 0) context.variables[op.result] = result->loaded;
  } else if (result->value >= 0) {
    context.variables[op.result] = static_cast<uint64_t>(result->value);
  }
}

std::string DescribeResult(const CompiledOp& op, const OpResult& result) {
  if (IsUserAccess(op.kind)) {
    if (result.sig == 0) {
      const bool store = op.kind == OpKind::kStore ||
                         op.kind == OpKind::kUmlStore ||
                         op.kind == OpKind::kSparcStore;
      return store ? "done" : absl::StrFormat("= 0x%x", result.loaded);
    }
    const char* name = result.sig == 11         ? "SIGSEGV"
                       : result.sig == 7        ? "SIGBUS"
                       : result.sig == kSigKill ? "SIGKILL"
                                                : "a signal";
    return absl::StrFormat("%s at 0x%x", name, result.si_addr);
  }
  if (result.value < 0) {
    const int error = static_cast<int>(-result.value);
    const absl::string_view name = ErrnoName(error);
    if (result.sig != 0) return absl::StrCat("SIGSEGV, -", name);
    return name.empty() ? absl::StrCat("-", error) : absl::StrCat("-", name);
  }
  if (op.kind == OpKind::kWriteFrom || op.kind == OpKind::kPeek) {
    return absl::StrFormat("= 0x%x", result.loaded);
  }
  return absl::StrFormat("= 0x%x", result.value);
}

}  // namespace faultline
