/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory and string functions kernel code uses.  In an explored build
 * memcpy, memmove and memset are range events (they are defined, hidden, in
 * the kernel build itself, which also catches the calls that a compiler makes
 * for a struct assignment).
 */
#ifndef FAULTLINE_MM_SYNC_STRING_H_
#define FAULTLINE_MM_SYNC_STRING_H_

#include "mm/sync/types.h"

FL_BEGIN_DECLS

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
void *memchr(const void *from, int byte, size_t bytes);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t bytes);
char *strchr(const char *text, int c);

FL_END_DECLS

#endif /* FAULTLINE_MM_SYNC_STRING_H_ */
