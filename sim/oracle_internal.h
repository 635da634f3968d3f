// SPDX-License-Identifier: GPL-2.0-only
//
// What the rooms of Oracle share, and nobody else needs:
//   oracle.cc         begin and end of calls, the possibilities of a page
//   oracle_access.cc  accesses: what a state lets them come to
//   oracle_files.cc   files that change, and who changes them
//   oracle_fork.cc    fork
//   oracle_exec.cc    exec
//   oracle_remap.cc   mremap and brk

#ifndef FAULTLINE_SIM_ORACLE_INTERNAL_H_
#define FAULTLINE_SIM_ORACLE_INTERNAL_H_

#include <cstdint>

#include "sim/oracle.h"

namespace faultline::oracle_internal {

inline constexpr int kSigbus = 7, kSigkill = 9, kSigsegv = 11;
inline constexpr int kSegvMaperr = 1, kSegvAccerr = 2, kBusAdrerr = 2;
inline constexpr int64_t kEnomem = 12, kEfault = 14, kEinval = 22;
inline constexpr uint64_t kPageSize = static_cast<uint64_t>(kPageBytes);

inline bool IsStore(OpKind kind) {
  return kind == OpKind::kStore || kind == OpKind::kUmlStore ||
         kind == OpKind::kSparcStore || kind == OpKind::kFutex ||
         kind == OpKind::kReadInto || kind == OpKind::kPoke ||
         kind == OpKind::kMincore;
}

inline bool IsLoad(OpKind kind) {
  return kind == OpKind::kLoad || kind == OpKind::kUmlLoad ||
         kind == OpKind::kSparcLoad || kind == OpKind::kExec ||
         kind == OpKind::kWriteFrom || kind == OpKind::kPeek;
}

// Looks a frame up and does nothing to it.
inline bool IsLookup(OpKind kind) {
  return kind == OpKind::kKvm || kind == OpKind::kPin ||
         kind == OpKind::kVfioPin;
}

// Past the protection, and never sure to succeed.
inline bool IsForced(OpKind kind) {
  return kind == OpKind::kPeek || kind == OpKind::kPoke;
}

// May put bytes into a shared mapping.
inline bool MayStore(const ResolvedOp& op) {
  return IsStore(op.kind) ||
         (op.kind == OpKind::kMadvise && op.advice == kAdviceRemove);
}

inline bool IsAccess(OpKind kind) {
  return IsStore(kind) || IsLoad(kind) || IsLookup(kind);
}

inline bool ReturnsErrno(OpKind kind) {
  return kind == OpKind::kFutex || IsLookup(kind) ||
         kind == OpKind::kReadInto || kind == OpKind::kWriteFrom ||
         kind == OpKind::kMincore || IsForced(kind);
}

// A copy that is looked at page by page: it may end at any of them.
inline bool IsWide(const ResolvedOp& op) {
  return op.kind == OpKind::kMincore ||
         ((op.kind == OpKind::kReadInto || op.kind == OpKind::kWriteFrom) &&
          (op.size > 8 || op.address % kPageSize + op.size > kPageSize));
}

// A page that was missing is there, with known bytes.
inline bool IsUffdFill(OpKind kind) {
  return kind == OpKind::kUffdCopy || kind == OpKind::kUffdZeropage;
}

// In a state's prot: the process serves the page's faults, so an access may
// come to nothing (SIGBUS, EFAULT) when it was woken too often or not at all.
inline constexpr uint8_t kUffdRegistered = 0x80;

inline bool ChangesPages(const ResolvedOp& op) {
  return op.kind == OpKind::kMmap || op.kind == OpKind::kMunmap ||
         op.kind == OpKind::kMprotect || op.kind == OpKind::kMremap ||
         op.kind == OpKind::kBrk || op.kind == OpKind::kUffdRegister ||
         IsUffdFill(op.kind) ||
         (op.kind == OpKind::kMadvise &&
          (op.advice == kAdviceDontneed || op.advice == kAdviceFree ||
           op.advice == kAdviceRemove || op.advice == kAdviceDontfork ||
           op.advice == kAdviceDofork));
}

// Transitions that a page makes in all.
inline uint64_t Steps(const ResolvedOp& op) {
  return (op.kind == OpKind::kMmap || op.kind == OpKind::kMremap) && op.fixed
             ? 2
             : 1;
}

inline uint64_t ProgressOf(uint64_t progress, int slot) {
  return (progress >> (2 * slot)) & 3;
}

inline uint64_t WithProgress(uint64_t progress, int slot, uint64_t made) {
  return (progress & ~(uint64_t{3} << (2 * slot))) | (made << (2 * slot));
}

inline uint64_t PagesOf(uint64_t bytes) {
  return bytes / kPageSize + (bytes % kPageSize != 0);
}

// Calls f(slot) for every bit.
template <typename F>
void ForEachSlot(uint32_t bits, F f) {
  for (; bits != 0; bits &= bits - 1) f(__builtin_ctz(bits));
}

}  // namespace faultline::oracle_internal

#endif  // FAULTLINE_SIM_ORACLE_INTERNAL_H_
