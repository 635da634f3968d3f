/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's own accesses to user memory of current->mm
 * (include/linux/uaccess.h, pagemap.h, uio.h).
 *
 * They go through the page tables and fault as user code does, but in kernel
 * mode: no signal comes of it, the copy ends short.  They may sleep and take
 * mmap_sem for reading, so none is to be called with it held, nor under a
 * spinlock, unless page faults are disabled.
 *
 * Functions that return kulong give the bytes that were NOT copied.
 */
#ifndef FAULTLINE_MM_UACCESS_H_
#define FAULTLINE_MM_UACCESS_H_

#include "mm/mm.h"
#include "mm/sync/sched.h"

FL_BEGIN_DECLS

/* Bytes of one read or write at most. */
#define MAX_RW_COUNT ((u64)0x7fffffff & ~(u64)0xfff)

/* Could [addr, addr + size) be user memory at all? */
static inline bool access_ok(u64 addr, u64 size)
{
	return size <= (u64)TASK_SIZE && addr <= (u64)TASK_SIZE - size;
}
/* From here on a fault fails at once instead of being served; nests. */
static inline void pagefault_disable(void)
{
	current->pagefault_disabled++;
}
static inline void pagefault_enable(void)
{
	current->pagefault_disabled--;
}

kulong __copy_to_user(kulong to, const void *from, kulong n);
kulong __copy_from_user(void *to, kulong from, kulong n);
/* With access_ok; copy_from_user clears what it could not fill. */
kulong copy_to_user(kulong to, const void *from, kulong n);
kulong copy_from_user(void *to, kulong from, kulong n);
kulong clear_user(kulong to, kulong n);
/* 0 or -EFAULT; size 1, 2, 4 or 8 bytes within a page. */
int get_user(u64 *value, kulong addr, u32 size);
int put_user(u64 value, kulong addr, u32 size);
/* Length with NUL; 0: fault; above count: longer than that. */
kulong strnlen_user(kulong str, kulong count);
/* Length without NUL (count when there is none), or -EFAULT. */
klong strncpy_from_user(char *to, kulong from, klong count);
/* Touch each page of the range: 0, or -EFAULT. */
int fault_in_pages_readable(kulong addr, kulong size);
int fault_in_pages_writeable(kulong addr, kulong size);

/* ---- lib/iov_iter.c: one segment, of the user or of the kernel ---- */
struct iov_iter {
	kulong user;  /* where to go on, if kernel is NULL */
	char *kernel; /* where to go on */
	u64 count;    /* bytes left */
};
static inline void iov_iter_user(struct iov_iter *i, kulong addr, u64 count)
{
	i->user = addr;
	i->kernel = NULL;
	i->count = count;
}
static inline void iov_iter_kernel(struct iov_iter *i, void *addr, u64 count)
{
	i->user = 0;
	i->kernel = (char *)addr;
	i->count = count;
}
static inline u64 iov_iter_count(const struct iov_iter *i)
{
	return i->count;
}
void iov_iter_advance(struct iov_iter *i, u64 bytes);
/* Bytes copied; less than asked where the iterator ends or faults. */
u64 copy_page_to_iter(struct page *page, u64 offset, u64 bytes,
		      struct iov_iter *i);
u64 copy_page_from_iter(struct page *page, u64 offset, u64 bytes,
			struct iov_iter *i);
/* 0, or -EFAULT: the next bytes cannot all be read. */
int iov_iter_fault_in_readable(struct iov_iter *i, u64 bytes);
/* Never sleeps and does not advance: for use with the page locked. */
u64 iov_iter_copy_from_user_atomic(struct page *page, struct iov_iter *i,
				   u64 offset, u64 bytes);

FL_END_DECLS

#endif /* FAULTLINE_MM_UACCESS_H_ */
