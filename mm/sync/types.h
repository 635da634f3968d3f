/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Base types and compiler helpers of model code.  Compiles as C11 and C++20.
 *
 * `kulong` is what the kernel spells `unsigned long`: 64 bits in an x86-64
 * build, 32 in an ARM build.  Bare `long` is not used under mm/ and cramfs/.
 * A pointer always fits a kulong: ARM machines live below 4 GiB.
 */
#ifndef FAULTLINE_MM_SYNC_TYPES_H_
#define FAULTLINE_MM_SYNC_TYPES_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(CONFIG_X86_64) == defined(CONFIG_ARM)
#error "a kernel build defines exactly one of CONFIG_X86_64 and CONFIG_ARM"
#endif

#ifdef __cplusplus
#define FL_BEGIN_DECLS extern "C" {
#define FL_END_DECLS }
#define FL_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define FL_BEGIN_DECLS
#define FL_END_DECLS
#define FL_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#ifdef CONFIG_ARM
typedef u32 kulong;
typedef s32 klong;
#define BITS_PER_KULONG 32
#else
typedef u64 kulong;
typedef s64 klong;
#define BITS_PER_KULONG 64
#endif

typedef u32 gfp_t;
typedef kulong pgoff_t; /* pages */
typedef u16 umode_t;
typedef s64 loff_t; /* bytes */
typedef u64 phys_addr_t; /* bytes */

#define PAGE_SHIFT 12
#define PAGE_SIZE ((kulong)1 << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define ALIGN_UP(x, a) (((x) + ((a)-1)) & ~((__typeof__(x))(a)-1))
#define PAGE_ALIGN(x) (((x) + PAGE_SIZE - 1) & PAGE_MASK)
#define PAGE_ALIGNED(x) (((x) & (PAGE_SIZE - 1)) == 0)
#define offset_in_page(p) ((kulong)(uintptr_t)(p) & (PAGE_SIZE - 1))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))
/* Integer <-> pointer, in the width of the modelled machine's long. */
#define KPTR(v) ((void *)(uintptr_t)(v))
#define KULONG(p) ((kulong)(uintptr_t)(p))

/*
 * READ_ONCE and WRITE_ONCE are marked accesses, never a data race.  An
 * explored build sees them as volatile accesses (the compiler reports those
 * apart); a native build uses relaxed atomics so that TSan stays quiet.
 */
#if FAULTLINE_EXPLORED
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) ((void)(*(volatile __typeof__(x) *)&(x) = (v)))
#else
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#endif
#define barrier() __asm__ __volatile__("" ::: "memory")

/* errno values, as in the kernel's uapi headers. */
#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EINTR 4
#define EIO 5
#define ENXIO 6
#define E2BIG 7
#define ENOEXEC 8
#define EBADF 9
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define ENODEV 19
#define ENOTDIR 20
#define EISDIR 21
#define EINVAL 22
#define ETXTBSY 26
#define EFBIG 27
#define ENOSPC 28
#define EROFS 30
#define ENAMETOOLONG 36
#define ENOSYS 38
#define ELOOP 40
#define EOVERFLOW 75
#define ELIBBAD 80
#define EOPNOTSUPP 95
#define EHWPOISON 133
/* Never seen by a program: a signal is due first. */
#define ERESTARTSYS 512

#define MAX_ERRNO 4095
static inline void *ERR_PTR(klong error)
{
	return (void *)(intptr_t)error;
}
static inline klong PTR_ERR(const void *ptr)
{
	return (klong)(intptr_t)ptr;
}
static inline bool IS_ERR(const void *ptr)
{
	return (uintptr_t)ptr >= (uintptr_t)-MAX_ERRNO;
}
static inline bool IS_ERR_OR_NULL(const void *ptr)
{
	return !ptr || IS_ERR(ptr);
}
/* The same test on an address held in a kulong (IS_ERR_VALUE). */
#define IS_ERR_VALUE(x) ((kulong)(x) >= (kulong)-MAX_ERRNO)

#endif /* FAULTLINE_MM_SYNC_TYPES_H_ */
