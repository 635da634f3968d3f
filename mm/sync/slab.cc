// SPDX-License-Identifier: GPL-2.0-only
//
// kmem_cache and kmalloc (mm/slab_common.c, mm/slub.c).
//
// An object stands behind a header that names its cache, says whether it is
// live and links it when it is free, so that nothing is ever written into a
// freed object:
//
//   | header | object | redzone | header | object | redzone | ...
//
// Header and redzone are never handed out: who touches them is out of bounds.
// Fresh objects are carved from the slab region, one after the other; freed
// ones wait on their cache's list.  Which of the two serves an allocation
// depends on the build, see take_object().
//
// Left out: slabs as pages, per-CPU lists, constructors, shrinking, accounting
// by GFP zone.  Locks: cache->lock, inside it machine->slab_lock; both raw.

#include "mm/sync/slab.h"

#include "mm/sync/internal.h"

namespace {

struct SlabHeader {
	struct kmem_cache *cache;
	// The object's own header: live.  Else the next free object or NULL.
	void *next;
};

const u32 slab_align = 16;
FL_STATIC_ASSERT(sizeof(struct SlabHeader) == 16, "keeps objects aligned");
const u32 redzone_bytes = FAULTLINE_EXPLORED || FL_ASAN ? 16 : 0;
// Freed objects that a cache holds back in an ASan build.
const u64 quarantine_objects = 256;
const bool free_list_is_fifo = FAULTLINE_EXPLORED || FL_ASAN;

struct SlabHeader *header_of(void *object)
{
	return (struct SlabHeader *)object - 1;
}

FL_NO_ASAN void set_header(void *object, struct kmem_cache *cache, void *next)
{
	struct SlabHeader *header = header_of(object);

	fl_dirty(header, sizeof(*header));
	header->cache = cache;
	header->next = next;
}

FL_NO_ASAN struct kmem_cache *header_cache(void *object)
{
	return header_of(object)->cache;
}

FL_NO_ASAN void *header_next(void *object)
{
	return header_of(object)->next;
}

bool is_live(void *object)
{
	return header_next(object) == header_of(object);
}

bool in_slab(const struct machine *machine, const void *object)
{
	const char *at = (const char *)object;

	return at >= machine->slab_base + sizeof(struct SlabHeader) &&
	       at < machine->slab_end &&
	       ((uintptr_t)at & (slab_align - 1)) == 0;
}

void *carve(struct kmem_cache *cache)
{
	struct machine *machine = cache->machine;
	char *at = NULL;

	raw_spin_lock(&machine->slab_lock);
	if ((u64)(machine->slab_end - machine->slab_next) >= cache->stride) {
		fl_dirty(&machine->slab_next, sizeof(machine->slab_next));
		at = machine->slab_next;
		machine->slab_next += cache->stride;
	}
	raw_spin_unlock(&machine->slab_lock);
	return at ? at + sizeof(struct SlabHeader) : NULL;
}

// The caller holds cache->lock and has marked the cache dirty.
void *pop_free(struct kmem_cache *cache)
{
	void *object = cache->free_first;

	if (!object)
		return NULL;
	cache->free_first = header_next(object);
	if (!cache->free_first)
		cache->free_last = NULL;
	return object;
}

// Likewise.
void push_free(struct kmem_cache *cache, void *object)
{
	if (free_list_is_fifo) {
		set_header(object, cache, NULL);
		if (cache->free_last)
			set_header(cache->free_last, cache, object);
		else
			cache->free_first = object;
		cache->free_last = object;
		return;
	}
	set_header(object, cache, cache->free_first);
	cache->free_first = object;
	if (!cache->free_last)
		cache->free_last = object;
}

// A plain native build reuses at once, as the kernel does.  An ASan build
// holds objects back for a while, an explored one until the region is used
// up, unless `reuse`.
bool prefers_free(const struct kmem_cache *cache, bool reuse)
{
	if (FAULTLINE_EXPLORED)
		return reuse;
	if (FL_ASAN)
		return cache->ever - cache->live > quarantine_objects;
	return true;
}

void *take_object(struct kmem_cache *cache, bool reuse)
{
	void *object = NULL;

	raw_spin_lock(&cache->lock);
	fl_dirty(cache, sizeof(*cache));
	if (prefers_free(cache, reuse))
		object = pop_free(cache);
	if (!object) {
		object = carve(cache);
		if (object)
			cache->ever++;
		else
			object = pop_free(cache);
	}
	if (object) {
		WRITE_ONCE(cache->live, cache->live + 1);
		set_header(object, cache, header_of(object));
	}
	raw_spin_unlock(&cache->lock);
	return object;
}

void *slab_alloc(struct kmem_cache *cache, gfp_t flags, const void *pc)
{
	const struct fl_machine_config *config = &cache->machine->config;
	bool reuse = false;
	void *object;

	if (config->alloc_may_fail && !(flags & __GFP_NOFAIL) &&
	    fl_choose(2, FL_CHOOSE_ALLOC_FAIL))
		return NULL;
	if (FAULTLINE_EXPLORED && config->reuse_freed && cache->free_first)
		reuse = fl_choose(2, FL_CHOOSE_REUSE) != 0;
	object = take_object(cache, reuse);
	if (!object) {
		BUG_ON(flags & __GFP_NOFAIL);
		return NULL;
	}
	fl_unpoison(object, cache->object_bytes);
	if (flags & __GFP_ZERO) {
		fl_dirty(object, cache->object_bytes);
		fl_fill(object, 0, cache->object_bytes);
	}
	fl_event_at(FL_EV_ALLOC, object, cache->object_bytes, 0, cache->name,
		    pc);
	return object;
}

void slab_free(struct kmem_cache *cache, void *object, const void *pc)
{
	fl_event_at(FL_EV_FREE, object, cache->object_bytes, 0, cache->name,
		    pc);
	raw_spin_lock(&cache->lock);
	if (!is_live(object)) {
		raw_spin_unlock(&cache->lock);
		fl_bug(__FILE__, __LINE__, cache->name, "double free");
	}
	fl_dirty(cache, sizeof(*cache));
	fl_poison(object, cache->object_bytes);
	push_free(cache, object);
	WRITE_ONCE(cache->live, cache->live - 1);
	raw_spin_unlock(&cache->lock);
}

} // namespace

struct kmem_cache *kmem_cache_create(struct machine *machine, const char *name,
				     size_t size)
{
	struct kmem_cache *cache;

	BUG_ON(machine->nr_caches >= FL_MAX_CACHES);
	BUG_ON(size == 0 || size > 16 * PAGE_SIZE);
	fl_dirty(&machine->nr_caches, sizeof(machine->nr_caches));
	cache = &machine->caches[machine->nr_caches++];
	fl_dirty(cache, sizeof(*cache));
	cache->machine = machine;
	cache->name = name;
	cache->object_bytes = (u32)size;
	cache->stride = ALIGN_UP((u32)(sizeof(struct SlabHeader) + size +
				       redzone_bytes),
				 slab_align);
	raw_spin_lock_init(&cache->lock, name);
	cache->free_first = cache->free_last = NULL;
	cache->live = cache->ever = 0;
	return cache;
}

void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags)
{
	return slab_alloc(cache, flags, FL_HERE);
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	BUG_ON(!in_slab(cache->machine, object));
	BUG_ON(header_cache(object) != cache);
	slab_free(cache, object, FL_HERE);
}

u64 kmem_cache_objects(const struct kmem_cache *cache)
{
	return READ_ONCE(cache->live);
}

const char *kmem_cache_name(const struct kmem_cache *cache)
{
	return cache->name;
}

void *kmalloc(size_t size, gfp_t flags)
{
	struct machine *machine = current_machine();

	for (u32 i = 0; i < ARRAY_SIZE(machine->kmalloc_caches); i++) {
		struct kmem_cache *cache = machine->kmalloc_caches[i];

		if (size <= cache->object_bytes)
			return slab_alloc(cache, flags, FL_HERE);
	}
	return NULL;
}

void kfree(void *object)
{
	struct machine *machine = current_machine();

	if (!object)
		return;
	BUG_ON(!in_slab(machine, object));
	for (u32 i = 0; i < ARRAY_SIZE(machine->kmalloc_caches); i++) {
		if (header_cache(object) != machine->kmalloc_caches[i])
			continue;
		slab_free(machine->kmalloc_caches[i], object, FL_HERE);
		return;
	}
	fl_bug(__FILE__, __LINE__, __func__, "object is not from kmalloc");
}
