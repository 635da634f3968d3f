// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own accesses to user memory.
 *
 *   copy_to_user, copy_from_user, clear_user        arch/x86/lib, arch/arm/lib
 *   get_user, put_user
 *   strncpy_from_user                               lib/strncpy_from_user.c
 *   strnlen_user                                    lib/strnlen_user.c
 *   fault_in_pages_readable, _writeable             include/linux/pagemap.h
 *   copy_page_to_iter, copy_page_from_iter, iov_iter_*   lib/iov_iter.c
 *
 * No lock is held on entry or exit; a fault takes mmap_sem for reading.  What
 * the exception table does in 4.13 is task->fixup_exception here: every access
 * of this file has an entry there.
 *
 * A copy is one step for each page it touches, as the string instruction it
 * stands for is for the TLB flush that waits for the end of an instruction.
 *
 * Left out: SMAP and PAN, machine checks, hardened usercopy, iterators of
 * several segments and of pages.
 */
#include "mm/uaccess.h"
#include "mm/fault.h"
#include "mm/internal.h"
#include "mm/sync/string.h"

extern "C" {

/* A fault of the instruction in kernel mode.  true: it is to go on. */
static bool kernel_fault(kulong addr, int error, u32 error_code)
{
	struct task_struct *task = current;

	/* Nothing answers at that physical address: no fault to be served. */
	if (error == -EIO)
		return false;
	task->fixup_exception = 0;
	do_page_fault(addr, error_code & ~(u32)PF_USER);
	return !task->fixup_exception;
}

/* Bytes not copied. */
static kulong copy_user_generic(u32 kind, kulong addr, char *buf, kulong n)
{
	while (n) {
		const kulong part = fl_min(n, PAGE_SIZE - offset_in_page(addr));
		u32 error_code = 0;
		const int ret =
		    mmu_copy(kind, addr, buf, (u32)part, &error_code);

		if (ret) {
			if (!kernel_fault(addr, ret, error_code))
				break;
			continue;
		}
		addr += part;
		buf += part;
		n -= part;
	}
	return n;
}

kulong __copy_to_user(kulong to, const void *from, kulong n)
{
	return copy_user_generic(FL_STORE, to, (char *)(uintptr_t)from, n);
}

kulong __copy_from_user(void *to, kulong from, kulong n)
{
	return copy_user_generic(FL_LOAD, from, (char *)to, n);
}

kulong copy_to_user(kulong to, const void *from, kulong n)
{
	return access_ok(to, n) ? __copy_to_user(to, from, n) : n;
}

kulong copy_from_user(void *to, kulong from, kulong n)
{
	const kulong left =
	    access_ok(from, n) ? __copy_from_user(to, from, n) : n;

	/* The caller may look at all of it; nothing of the kernel's is there.
	 */
	if (unlikely(left))
		memset((char *)to + (n - left), 0, left);
	return left;
}

kulong clear_user(kulong to, kulong n)
{
	static const char zeroes[64] = {0};

	if (!access_ok(to, n))
		return n;
	while (n) {
		const kulong part = fl_min(n, sizeof(zeroes));
		const kulong left = __copy_to_user(to, zeroes, part);

		to += part - left;
		n -= part - left;
		if (left)
			break;
	}
	return n;
}

static int user_word(u32 kind, kulong addr, u32 size, u64 *value)
{
	for (;;) {
		u32 error_code = 0;
		const int ret =
		    mmu_access(kind, addr, size, value, &error_code);

		if (!ret)
			return 0;
		if (!kernel_fault(addr, ret, error_code))
			return -EFAULT;
	}
}

int get_user(u64 *value, kulong addr, u32 size)
{
	*value = 0;
	return access_ok(addr, size) ? user_word(FL_LOAD, addr, size, value)
				     : -EFAULT;
}

int put_user(u64 value, kulong addr, u32 size)
{
	return access_ok(addr, size) ? user_word(FL_STORE, addr, size, &value)
				     : -EFAULT;
}

klong strncpy_from_user(char *to, kulong from, klong count)
{
	klong done;

	for (done = 0; done < count; done++) {
		u64 byte;

		if (get_user(&byte, from + (kulong)done, 1))
			return -EFAULT;
		to[done] = (char)byte;
		if (!byte)
			return done;
	}
	return count;
}

kulong strnlen_user(kulong str, kulong count)
{
	kulong len;

	for (len = 0; len < count; len++) {
		u64 byte;

		if (get_user(&byte, str + len, 1))
			return 0;
		if (!byte)
			return len + 1;
	}
	return count + 1;
}

/* The first byte of the range, then one in each page that follows. */
static int fault_in_pages(u32 kind, kulong addr, kulong size)
{
	const kulong end = addr + size - 1;
	u64 byte = 0;

	if (!size)
		return 0;
	if (unlikely(addr > end))
		return -EFAULT;
	do {
		if (!access_ok(addr, 1) || user_word(kind, addr, 1, &byte))
			return -EFAULT;
		addr += PAGE_SIZE;
	} while (addr <= end);
	if (((addr ^ end) & PAGE_MASK) == 0)
		return access_ok(end, 1) ? user_word(kind, end, 1, &byte)
					 : -EFAULT;
	return 0;
}

int fault_in_pages_readable(kulong addr, kulong size)
{
	return fault_in_pages(FL_LOAD, addr, size);
}

int fault_in_pages_writeable(kulong addr, kulong size)
{
	return fault_in_pages(FL_STORE, addr, size);
}

/* ---- iterators ---- */

void iov_iter_advance(struct iov_iter *i, u64 bytes)
{
	if (i->kernel)
		i->kernel += bytes;
	else
		i->user += (kulong)bytes;
	i->count -= bytes;
}

u64 copy_page_to_iter(struct page *page, u64 offset, u64 bytes,
		      struct iov_iter *i)
{
	char *from = (char *)kmap(page) + offset;

	if (bytes > i->count)
		bytes = i->count;
	if (i->kernel)
		memcpy(i->kernel, from, (size_t)bytes);
	else
		bytes -= copy_to_user(i->user, from, (kulong)bytes);
	kunmap(page);
	iov_iter_advance(i, bytes);
	return bytes;
}

u64 copy_page_from_iter(struct page *page, u64 offset, u64 bytes,
			struct iov_iter *i)
{
	char *to = (char *)kmap(page) + offset;

	if (bytes > i->count)
		bytes = i->count;
	if (i->kernel)
		memcpy(to, i->kernel, (size_t)bytes);
	else
		bytes -= __copy_from_user(to, i->user, (kulong)bytes);
	kunmap(page);
	iov_iter_advance(i, bytes);
	return bytes;
}

int iov_iter_fault_in_readable(struct iov_iter *i, u64 bytes)
{
	if (bytes > i->count)
		bytes = i->count;
	return i->kernel ? 0 : fault_in_pages_readable(i->user, (kulong)bytes);
}

u64 iov_iter_copy_from_user_atomic(struct page *page, struct iov_iter *i,
				   u64 offset, u64 bytes)
{
	char *to = (char *)kmap(page) + offset;

	if (bytes > i->count)
		bytes = i->count;
	if (i->kernel) {
		memcpy(to, i->kernel, (size_t)bytes);
	} else {
		pagefault_disable();
		bytes -= __copy_from_user(to, i->user, (kulong)bytes);
		pagefault_enable();
	}
	kunmap(page);
	return bytes;
}

} /* extern "C" */
