/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page faults that a task of the process serves itself (userfaultfd,
 * include/linux/userfaultfd_k.h): anonymous memory, missing pages.
 */
#ifndef FAULTLINE_MM_USERFAULTFD_H_
#define FAULTLINE_MM_USERFAULTFD_H_

#include "mm/mm_types.h"

FL_BEGIN_DECLS

static inline bool userfaultfd_missing(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_UFFD_MISSING) != 0;
}

/*
 * The page is missing in a registered vma: sleeps until somebody brings it, or
 * wakes the sleepers.  sem held for read on entry, no pte lock.
 *
 * VM_FAULT_RETRY (perhaps with MAJOR), sem not held: look again.
 * VM_FAULT_NOPAGE, sem held again, whatever has become of the vma: only without
 * FL_FIX_HANDLE_USERFAULT, a user mode fault with a signal that is not fatal.
 * VM_FAULT_SIGBUS, sem held: the caller does not allow a retry.
 */
int handle_userfault(struct vm_fault *vmf);

/* ---- ioctls of the one userfaultfd of current's mm; bytes ---- */
/* UFFDIO_REGISTER for missing pages: 0; -EINVAL: not page aligned, empty,
 * nothing mapped there, or not anonymous; -ENOMEM. */
s64 uffdio_register(u64 start, u64 len);
/* UFFDIO_COPY of one page whose first 8 bytes are value, the others 0: 0;
 * -EEXIST: there is one; -ENOENT: not registered; -EINVAL, -ENOMEM.  Wakes who
 * waits for the page, if it was brought. */
s64 uffdio_copy(u64 dst, u64 value);
/* UFFDIO_ZEROPAGE of one page; likewise. */
s64 uffdio_zeropage(u64 dst);
/* UFFDIO_WAKE: who waits for a page of the range looks again.  -EINVAL. */
s64 uffdio_wake(u64 start, u64 len);

FL_END_DECLS

#endif /* FAULTLINE_MM_USERFAULTFD_H_ */
