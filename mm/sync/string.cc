// SPDX-License-Identifier: GPL-2.0-only
//
// lib/string.c for an explored build: each function announces the ranges it
// touches, then touches them.  Compilers call memcpy, memmove and memset for
// struct assignments and initialisers too; these definitions are hidden, so
// that such a call in the kernel build ends here and one in the host does not.
//
// A native build takes all of these from libc.

#include "mm/sync/string.h"

#include "mm/sync/internal.h"

#if FAULTLINE_EXPLORED

#define FL_STRING extern "C" __attribute__((visibility("hidden")))

namespace {

inline void announce(const void *from, size_t bytes, u32 flags, const void *pc)
{
	if (fl_runtime.access && bytes)
		fl_runtime.access(from, (u32)bytes, flags | FL_ACCESS_RANGE,
				  pc);
}

// Bytes up to and including the NUL, or `most` when there is none before.
inline size_t extent(const char *text, size_t most)
{
	size_t bytes = 0;

	while (bytes < most) {
		barrier();
		if (!text[bytes++])
			break;
	}
	return bytes;
}

int compare(const unsigned char *a, const unsigned char *b, size_t bytes,
	    bool text)
{
	for (; bytes; bytes--, a++, b++) {
		barrier();
		if (*a != *b)
			return *a < *b ? -1 : 1;
		if (text && !*a)
			break;
	}
	return 0;
}

} // namespace

FL_STRING void *memcpy(void *to, const void *from, size_t bytes)
{
	announce(from, bytes, 0, FL_HERE);
	announce(to, bytes, FL_ACCESS_WRITE, FL_HERE);
	fl_copy(to, from, bytes);
	return to;
}

FL_STRING void *memmove(void *to, const void *from, size_t bytes)
{
	announce(from, bytes, 0, FL_HERE);
	announce(to, bytes, FL_ACCESS_WRITE, FL_HERE);
	if ((uintptr_t)to - (uintptr_t)from >= bytes) {
		fl_copy(to, from, bytes);
		return to;
	}
	// The destination begins inside the source: from the end.
	char *at = (char *)to;
	const char *source = (const char *)from;
	while (bytes--) {
		at[bytes] = source[bytes];
		barrier();
	}
	return to;
}

FL_STRING void *memset(void *to, int byte, size_t bytes)
{
	announce(to, bytes, FL_ACCESS_WRITE, FL_HERE);
	fl_fill(to, byte, bytes);
	return to;
}

FL_STRING int memcmp(const void *a, const void *b, size_t bytes)
{
	announce(a, bytes, 0, FL_HERE);
	announce(b, bytes, 0, FL_HERE);
	return compare((const unsigned char *)a, (const unsigned char *)b,
		       bytes, false);
}

FL_STRING void *memchr(const void *from, int byte, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)from;

	announce(from, bytes, 0, FL_HERE);
	for (; bytes; bytes--, at++) {
		barrier();
		if (*at == (unsigned char)byte)
			return (void *)at;
	}
	return NULL;
}

// The functions on text look for the end before they announce, and again
// after: another task may have run in between.

FL_STRING size_t strlen(const char *text)
{
	announce(text, extent(text, SIZE_MAX), 0, FL_HERE);
	return extent(text, SIZE_MAX) - 1;
}

FL_STRING int strcmp(const char *a, const char *b)
{
	announce(a, extent(a, SIZE_MAX), 0, FL_HERE);
	announce(b, extent(b, SIZE_MAX), 0, FL_HERE);
	return compare((const unsigned char *)a, (const unsigned char *)b,
		       SIZE_MAX, true);
}

FL_STRING int strncmp(const char *a, const char *b, size_t bytes)
{
	announce(a, extent(a, bytes), 0, FL_HERE);
	announce(b, extent(b, bytes), 0, FL_HERE);
	return compare((const unsigned char *)a, (const unsigned char *)b,
		       bytes, true);
}

FL_STRING char *strchr(const char *text, int c)
{
	announce(text, extent(text, SIZE_MAX), 0, FL_HERE);
	for (;; text++) {
		barrier();
		if (*text == (char)c)
			return (char *)text;
		if (!*text)
			return NULL;
	}
}

#endif // FAULTLINE_EXPLORED
