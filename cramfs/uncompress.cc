// SPDX-License-Identifier: GPL-2.0-only
//
// Inflating blocks (fs/cramfs/uncompress.c): one stream for all, used under
// the read mutex, here one for each machine.
//
// zlib is host code: to the model, inflating a block is one step.  It is
// announced before it happens, as a read of the input and a write of the
// output, and this file itself is not instrumented.  The stream and all that
// zlib allocates stand in the machine's scratch space, whose content means
// nothing between calls: so each block starts with an inflateInit, where the
// kernel resets a stream that it keeps.

#include "cramfs/cramfs.h"

#include "mm/sync/bug.h"
#include "mm/sync/machine.h"

#include <zlib.h>

// What is at the start of the scratch space; zlib's memory follows.
struct cramfs_stream {
	z_stream z;
	char *next, *end; // free part of the scratch space
};

static voidpf cramfs_zalloc(voidpf opaque, uInt items, uInt size)
{
	struct cramfs_stream *stream = (struct cramfs_stream *)opaque;
	size_t bytes = ALIGN_UP((size_t)items * size, (size_t)16);
	char *result = stream->next;

	if (bytes > (size_t)(stream->end - stream->next))
		return NULL;
	stream->next += bytes;
	return result;
}

// Nothing: the next block starts from an empty space.
static void cramfs_zfree(voidpf opaque, voidpf address)
{
	(void)opaque;
	(void)address;
}

static struct cramfs_stream *cramfs_stream_start(struct machine *machine)
{
	struct cramfs_stream *stream = (struct cramfs_stream *)machine->scratch;

	stream->next =
	    (char *)machine->scratch + ALIGN_UP(sizeof(*stream), (size_t)16);
	stream->end = (char *)machine->scratch + FL_SCRATCH_BYTES;
	stream->z.zalloc = cramfs_zalloc;
	stream->z.zfree = cramfs_zfree;
	stream->z.opaque = stream;
	stream->z.next_in = NULL;
	stream->z.avail_in = 0;
	return inflateInit(&stream->z) == Z_OK ? stream : NULL;
}

int cramfs_uncompress_init(struct machine *machine)
{
	return cramfs_stream_start(machine) ? 0 : -ENOMEM;
}

int cramfs_uncompress_block(void *dst, int dstlen, const void *src, int srclen)
{
	struct cramfs_stream *stream;
	int err;

	fl_event(FL_EV_RANGE_READ, src, (u64)srclen, 0, "inflate");
	fl_event(FL_EV_RANGE_WRITE, dst, (u64)dstlen, 0, "inflate");
	stream = cramfs_stream_start(current_machine());
	if (!stream)
		return -EIO;
	stream->z.next_in = (Bytef *)src;
	stream->z.avail_in = (uInt)srclen;
	stream->z.next_out = (Bytef *)dst;
	stream->z.avail_out = (uInt)dstlen;
	err = inflate(&stream->z, Z_FINISH);
	if (err != Z_STREAM_END) {
		pr_err("cramfs: error %d while decompressing\n", err);
		return -EIO;
	}
	return (int)stream->z.total_out;
}
