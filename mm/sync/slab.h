/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kmem_cache and kmalloc of one machine (include/linux/slab.h).
 *
 * Objects come from the machine's slab region.  Explored builds do not hand
 * freed memory out again while the region lasts (machine->config.reuse_freed
 * makes that a choice), so that a use after free is seen for what it is; every
 * object has a redzone.  Native builds reuse last-in first-out, or keep a
 * quarantine under ASan.  Any allocation may fail when the machine is set to
 * (FL_CHOOSE_ALLOC_FAIL): NULL.
 */
#ifndef FAULTLINE_MM_SYNC_SLAB_H_
#define FAULTLINE_MM_SYNC_SLAB_H_

#include "mm/sync/types.h"

FL_BEGIN_DECLS

#define GFP_KERNEL 0x1u
#define GFP_ATOMIC 0x2u
#define GFP_HIGHUSER_MOVABLE 0x4u
#define __GFP_ZERO 0x100u
#define __GFP_NOFAIL 0x200u

struct machine;
struct kmem_cache;

/* name: static string.  The cache lives as long as the machine. */
struct kmem_cache *kmem_cache_create(struct machine *machine,
				     const char *name, size_t size);
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags);
static inline void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t flags)
{
	return kmem_cache_alloc(cache, flags | __GFP_ZERO);
}
void kmem_cache_free(struct kmem_cache *cache, void *object);
/* Part of an object that is freed by kmem_cache_free_typesafe. */
struct rcu_deferred {
	struct rcu_deferred *next;
	struct kmem_cache *cache;
	void *object;
};
/*
 * For SLAB_TYPESAFE_BY_RCU: frees the object now, or, when somebody is inside
 * rcu_read_lock_typesafe, once nobody is.  deferred lies in the object, where
 * no reader looks.
 */
void kmem_cache_free_typesafe(struct kmem_cache *cache, void *object,
			      struct rcu_deferred *deferred);
/* Live objects. */
u64 kmem_cache_objects(const struct kmem_cache *cache);
const char *kmem_cache_name(const struct kmem_cache *cache);
/* Any size below a page; from size-class caches named kmalloc-N. */
void *kmalloc(size_t size, gfp_t flags);
void kfree(void *object);

FL_END_DECLS

#endif /* FAULTLINE_MM_SYNC_SLAB_H_ */
