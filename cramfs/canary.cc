/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Canaries: small pieces of model code whose every store must be an event in
 * an explored build.  They are compiled into each kernel build by the same
 * rule and the same flags as the rest, so that the shipped object itself can
 * be asked whether it is instrumented: a tool that reports green on code it
 * never watched is worse than none.
 *
 * Each canary writes only inside [to, to + FL_CANARY_BYTES).  The caller
 * compares what changed with what was announced.  No locks; zlib's needs a
 * current task, for the machine's workspace.
 */
#include "cramfs/canary.h"

#include "cramfs/cramfs.h"
#include "mm/sync/atomic.h"
#include "mm/sync/machine.h"
#include "mm/sync/string.h"

struct canary_block {
	u64 word[6];
};

static void canary_plain(void *to, const void *from, u32 bytes)
{
	*(u32 *)to = *(const u32 *)from + 1;
}

static void canary_increment(void *to, const void *from, u32 bytes)
{
	(*(u64 *)to)++;
}

static void canary_bit_field(void *to, const void *from, u32 bytes)
{
	struct fields {
		u32 low : 6, high : 26;
	} *fields = (struct fields *)to;

	fields->high = *(const u32 *)from | 1;
}

static void canary_volatile(void *to, const void *from, u32 bytes)
{
	*(volatile u32 *)to = *(const u32 *)from + 2;
}

static void canary_write_once(void *to, const void *from, u32 bytes)
{
	u64 *word = (u64 *)to;

	WRITE_ONCE(*word, READ_ONCE(*(const u64 *)from) + 3);
}

static void canary_atomic_store(void *to, const void *from, u32 bytes)
{
	smp_store_release((u32 *)to, *(const u32 *)from + 4);
}

static void canary_atomic_add(void *to, const void *from, u32 bytes)
{
	atomic_add(5, (atomic_t *)to);
}

static void canary_atomic_exchange(void *to, const void *from, u32 bytes)
{
	cmpxchg((u64 *)to, *(u64 *)to, *(const u64 *)from + 6);
}

static void canary_set_bit(void *to, const void *from, u32 bytes)
{
	set_bit(0, (kulong *)to);
	set_bit(7, (kulong *)to);
}

static void canary_struct_copy(void *to, const void *from, u32 bytes)
{
	*(struct canary_block *)to = *(const struct canary_block *)from;
}

static void canary_struct_zero(void *to, const void *from, u32 bytes)
{
	*(struct canary_block *)to = (struct canary_block){};
}

static void canary_memset(void *to, const void *from, u32 bytes)
{
	memset(to, 0x5a, 200);
}

static void canary_memcpy(void *to, const void *from, u32 bytes)
{
	memcpy(to, from, 200);
}

/* A size that compilers like to expand into a single move. */
static void canary_memcpy_word(void *to, const void *from, u32 bytes)
{
	memcpy(to, from, sizeof(u64));
}

static void canary_memset_word(void *to, const void *from, u32 bytes)
{
	memset(to, 0x33, sizeof(u64));
}

static void canary_memmove(void *to, const void *from, u32 bytes)
{
	memmove((char *)to + 3, to, 120);
}

/* A loop that compilers like to turn into memset or vector stores. */
static void canary_loop(void *to, const void *from, u32 bytes)
{
	u8 *byte = (u8 *)to;

	for (u32 i = 0; i < 96; i++)
		byte[i] = 0x77;
}

/* from: a zlib stream of `bytes` bytes, of at most FL_CANARY_BYTES. */
static void canary_zlib(void *to, const void *from, u32 bytes)
{
	mutex_lock(&current_machine()->cramfs_read_mutex);
	cramfs_uncompress_block(to, FL_CANARY_BYTES, from, (int)bytes);
	mutex_unlock(&current_machine()->cramfs_read_mutex);
}

const struct fl_canary faultline_canaries[] = {
	{ "plain", canary_plain },
	{ "increment", canary_increment },
	{ "bit-field", canary_bit_field },
	{ "volatile", canary_volatile },
	{ "write-once", canary_write_once },
	{ "atomic-store", canary_atomic_store },
	{ "atomic-add", canary_atomic_add },
	{ "atomic-exchange", canary_atomic_exchange },
	{ "set-bit", canary_set_bit },
	{ "struct-copy", canary_struct_copy },
	{ "struct-zero", canary_struct_zero },
	{ "memset", canary_memset },
	{ "memcpy", canary_memcpy },
	{ "memcpy-word", canary_memcpy_word },
	{ "memset-word", canary_memset_word },
	{ "memmove", canary_memmove },
	{ "loop", canary_loop },
	{ "zlib", canary_zlib },
	{ NULL, NULL },
};
