// SPDX-License-Identifier: GPL-2.0-only
//
// What -fsanitize=thread makes instrumented code call, for GCC 12 and clang
// 14: each function forwards the access to the runtime before it happens.
// Hidden, so that a process which also holds the real runtime of that
// sanitizer keeps the two apart.
//
// All tasks of an explored machine are fibers of one thread and a switch
// happens only inside the runtime, so an atomic operation is announced and
// then done plainly: nothing comes between its read and its write.

#include "mm/sync/internal.h"

#if FAULTLINE_EXPLORED

#define FL_TSAN extern "C" __attribute__((visibility("hidden")))

namespace {

inline __attribute__((always_inline)) void announce(const volatile void *addr,
						    u32 bytes, u32 flags,
						    const void *pc)
{
	if (likely(fl_runtime.access != NULL))
		fl_runtime.access((const void *)addr, bytes, flags, pc);
}

} // namespace

FL_TSAN void __tsan_init(void)
{
}
FL_TSAN void __tsan_func_entry(void *)
{
}
FL_TSAN void __tsan_func_exit(void)
{
}

#define FL_ACCESS_FUNCTION(name, bytes, flags)              \
	FL_TSAN void __tsan_##name(void *addr)              \
	{                                                   \
		announce(addr, bytes, flags, FL_HERE);      \
	}
#define FL_VOLATILE (FL_ACCESS_ATOMIC | FL_ACCESS_VOLATILE)
#define FL_ACCESS_FUNCTIONS(bytes)                                           \
	FL_ACCESS_FUNCTION(read##bytes, bytes, 0)                            \
	FL_ACCESS_FUNCTION(write##bytes, bytes, FL_ACCESS_WRITE)             \
	FL_ACCESS_FUNCTION(unaligned_read##bytes, bytes, 0)                  \
	FL_ACCESS_FUNCTION(unaligned_write##bytes, bytes, FL_ACCESS_WRITE)   \
	FL_ACCESS_FUNCTION(volatile_read##bytes, bytes, FL_VOLATILE)         \
	FL_ACCESS_FUNCTION(volatile_write##bytes, bytes,                     \
			   FL_VOLATILE | FL_ACCESS_WRITE)                    \
	FL_ACCESS_FUNCTION(unaligned_volatile_read##bytes, bytes,            \
			   FL_VOLATILE)                                      \
	FL_ACCESS_FUNCTION(unaligned_volatile_write##bytes, bytes,           \
			   FL_VOLATILE | FL_ACCESS_WRITE)
FL_ACCESS_FUNCTIONS(1)
FL_ACCESS_FUNCTIONS(2)
FL_ACCESS_FUNCTIONS(4)
FL_ACCESS_FUNCTIONS(8)
FL_ACCESS_FUNCTIONS(16)

FL_TSAN void __tsan_read_range(void *addr, size_t bytes)
{
	announce(addr, (u32)bytes, FL_ACCESS_RANGE, FL_HERE);
}
FL_TSAN void __tsan_write_range(void *addr, size_t bytes)
{
	announce(addr, (u32)bytes, FL_ACCESS_RANGE | FL_ACCESS_WRITE, FL_HERE);
}
FL_TSAN void __tsan_vptr_read(void **addr)
{
	announce(addr, sizeof(*addr), 0, FL_HERE);
}
FL_TSAN void __tsan_vptr_update(void **addr, void *)
{
	announce(addr, sizeof(*addr), FL_ACCESS_WRITE, FL_HERE);
}

#define FL_STORE_FLAGS (FL_ACCESS_ATOMIC | FL_ACCESS_WRITE)
#define FL_RMW_FLAGS (FL_STORE_FLAGS | FL_ACCESS_RMW)

#define FL_ATOMIC_FETCH(bits, type, name, expression)                       \
	FL_TSAN type __tsan_atomic##bits##_##name(volatile type *addr,      \
						  type value, int)          \
	{                                                                   \
		announce(addr, sizeof(type), FL_RMW_FLAGS, FL_HERE);        \
		const type old = *addr;                                     \
		*addr = (type)(expression);                                 \
		return old;                                                 \
	}
#define FL_ATOMIC_COMPARE(bits, type, name)                                 \
	FL_TSAN int __tsan_atomic##bits##_##name(volatile type *addr,       \
						 type *expected, type value, \
						 int, int)                  \
	{                                                                   \
		announce(addr, sizeof(type), FL_RMW_FLAGS, FL_HERE);        \
		const type old = *addr;                                     \
		if (old != *expected) {                                     \
			*expected = old;                                    \
			return 0;                                           \
		}                                                           \
		*addr = value;                                              \
		return 1;                                                   \
	}
#define FL_ATOMICS(bits, type)                                              \
	FL_TSAN type __tsan_atomic##bits##_load(const volatile type *addr,  \
						int)                        \
	{                                                                   \
		announce(addr, sizeof(type), FL_ACCESS_ATOMIC, FL_HERE);    \
		return *addr;                                               \
	}                                                                   \
	FL_TSAN void __tsan_atomic##bits##_store(volatile type *addr,       \
						 type value, int)           \
	{                                                                   \
		announce(addr, sizeof(type), FL_STORE_FLAGS, FL_HERE);      \
		*addr = value;                                              \
	}                                                                   \
	FL_TSAN type __tsan_atomic##bits##_compare_exchange_val(            \
		volatile type *addr, type expected, type value, int, int)   \
	{                                                                   \
		announce(addr, sizeof(type), FL_RMW_FLAGS, FL_HERE);        \
		const type old = *addr;                                     \
		if (old == expected)                                        \
			*addr = value;                                      \
		return old;                                                 \
	}                                                                   \
	FL_ATOMIC_COMPARE(bits, type, compare_exchange_strong)              \
	FL_ATOMIC_COMPARE(bits, type, compare_exchange_weak)                \
	FL_ATOMIC_FETCH(bits, type, exchange, value)                        \
	FL_ATOMIC_FETCH(bits, type, fetch_add, old + value)                 \
	FL_ATOMIC_FETCH(bits, type, fetch_sub, old - value)                 \
	FL_ATOMIC_FETCH(bits, type, fetch_and, old & value)                 \
	FL_ATOMIC_FETCH(bits, type, fetch_or, old | value)                  \
	FL_ATOMIC_FETCH(bits, type, fetch_xor, old ^ value)                 \
	FL_ATOMIC_FETCH(bits, type, fetch_nand, ~(old & value))

FL_ATOMICS(8, u8)
FL_ATOMICS(16, u16)
FL_ATOMICS(32, u32)
FL_ATOMICS(64, u64)
__extension__ typedef unsigned __int128 fl_u128;
FL_ATOMICS(128, fl_u128)

// Executions are sequentially consistent: a fence orders nothing further.
FL_TSAN void __tsan_atomic_thread_fence(int)
{
	barrier();
}
FL_TSAN void __tsan_atomic_signal_fence(int)
{
	barrier();
}

#endif // FAULTLINE_EXPLORED
