/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tree that holds the pages of one address_space by their index
 * (include/linux/radix-tree.h, reduced to pointers without tags).
 *
 * Readers hold rcu_read_lock and no other lock: nodes are published complete,
 * know their own height, and are freed only when the inode goes away.
 * Writers hold mapping->tree_lock.
 */
#ifndef FAULTLINE_MM_RADIX_TREE_H_
#define FAULTLINE_MM_RADIX_TREE_H_

#include "mm/fs.h"

FL_BEGIN_DECLS

#define RADIX_TREE_MAP_SHIFT 6
#define RADIX_TREE_MAP_SIZE (1u << RADIX_TREE_MAP_SHIFT)
#define RADIX_TREE_MAP_MASK ((pgoff_t)RADIX_TREE_MAP_SIZE - 1)

struct radix_node {
	u32 shift; /* bits of the index below this node; constant */
	u32 count; /* slots in use; tree_lock */
	void *slots[RADIX_TREE_MAP_SIZE]; /* RCU; tree_lock for writing */
};

/* The slot of index, or NULL when no node covers it.  *slot may be NULL. */
void **radix_tree_lookup_slot(struct address_space *mapping, pgoff_t index);
/*
 * The first used slot at index or above, up to and including last; *found is
 * where.  NULL: there is none.
 */
void **radix_tree_next_slot(struct address_space *mapping, pgoff_t index,
			    pgoff_t last, pgoff_t *found);
static inline void *radix_tree_deref_slot(void **slot)
{
	return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}
/*
 * 0, -EEXIST, or -EAGAIN when the tree has to grow: nothing has changed, or a
 * part of the way was built; the caller then drops the lock, gets a zeroed
 * node from the cache, puts it into *spare and tries again.  *spare is NULL
 * once it was used.
 */
int radix_tree_insert(struct address_space *mapping, pgoff_t index, void *item,
		      struct radix_node **spare);
/* What was there, or NULL. */
void *radix_tree_delete(struct address_space *mapping, pgoff_t index);
/* Frees all nodes; the tree is empty of items and nobody reads it. */
void radix_tree_destroy(struct address_space *mapping);

FL_END_DECLS

#endif /* FAULTLINE_MM_RADIX_TREE_H_ */
