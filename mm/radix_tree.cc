// SPDX-License-Identifier: GPL-2.0-only
/*
 * A radix tree of pointers, for the page cache (lib/radix-tree.c).
 *
 *   radix_tree_lookup_slot, radix_tree_next_slot     rcu_read_lock
 *   radix_tree_insert, radix_tree_delete             tree_lock
 *   radix_tree_destroy                               nobody else left
 *
 * The root pointer names a node whose shift tells how many levels are below
 * it, so a lockless reader needs no second field that could disagree.  The
 * tree grows at the root: the old root becomes slot 0 of the new one.
 *
 * Left out: tags, exceptional entries, shrinking (an emptied node stays until
 * the inode is evicted, which is when pages leave the cache), preloading per
 * CPU (the caller passes a spare node instead).
 */
#include "mm/radix_tree.h"
#include "mm/sync/machine.h"
#include "mm/sync/string.h"

extern "C" {

static struct radix_node *root_node(struct address_space *mapping)
{
	return __atomic_load_n(&mapping->page_tree, __ATOMIC_ACQUIRE);
}

static bool node_covers(const struct radix_node *root, pgoff_t index)
{
	const u32 bits = root->shift + RADIX_TREE_MAP_SHIFT;

	return bits >= BITS_PER_KULONG || index >> bits == 0;
}

static u32 node_offset(const struct radix_node *node, pgoff_t index)
{
	return (u32)((index >> node->shift) & RADIX_TREE_MAP_MASK);
}

void **radix_tree_lookup_slot(struct address_space *mapping, pgoff_t index)
{
	struct radix_node *node = root_node(mapping);

	if (!node || !node_covers(node, index))
		return NULL;
	while (node->shift) {
		node = (struct radix_node *)radix_tree_deref_slot(
		    &node->slots[node_offset(node, index)]);
		if (!node)
			return NULL;
	}
	return &node->slots[node_offset(node, index)];
}

void **radix_tree_next_slot(struct address_space *mapping, pgoff_t index,
			    pgoff_t last, pgoff_t *found)
{
	while (index <= last) {
		struct radix_node *node = root_node(mapping);
		pgoff_t step, next;

		if (!node || !node_covers(node, index))
			return NULL;
		for (;;) {
			void **slot = &node->slots[node_offset(node, index)];
			void *item = radix_tree_deref_slot(slot);

			if (!item)
				break;
			if (!node->shift) {
				*found = index;
				return slot;
			}
			node = (struct radix_node *)item;
		}
		/* Nothing below this slot: on to the next of its size. */
		step = (pgoff_t)1 << node->shift;
		next = (index & ~(step - 1)) + step;
		if (next < index)
			return NULL;
		index = next;
	}
	return NULL;
}

static struct radix_node *take_spare(struct radix_node **spare, u32 shift)
{
	struct radix_node *node = *spare;

	if (node) {
		*spare = NULL;
		node->shift = shift;
	}
	return node;
}

int radix_tree_insert(struct address_space *mapping, pgoff_t index, void *item,
		      struct radix_node **spare)
{
	struct radix_node *node = mapping->page_tree;
	struct radix_node *child;
	void **slot;

	while (!node || !node_covers(node, index)) {
		child = take_spare(
		    spare, node ? node->shift + RADIX_TREE_MAP_SHIFT : 0);
		if (!child)
			return -EAGAIN;
		if (node) {
			child->slots[0] = node;
			child->count = 1;
		}
		mapping->tree_height++;
		smp_store_release(&mapping->page_tree, child);
		node = child;
	}
	while (node->shift) {
		slot = &node->slots[node_offset(node, index)];
		child = (struct radix_node *)READ_ONCE(*slot);
		if (!child) {
			child = take_spare(spare,
					   node->shift - RADIX_TREE_MAP_SHIFT);
			if (!child)
				return -EAGAIN;
			node->count++;
			smp_store_release(slot, (void *)child);
		}
		node = child;
	}
	slot = &node->slots[node_offset(node, index)];
	if (READ_ONCE(*slot))
		return -EEXIST;
	node->count++;
	smp_store_release(slot, item);
	return 0;
}

void *radix_tree_delete(struct address_space *mapping, pgoff_t index)
{
	struct radix_node *node = mapping->page_tree;
	void **slot;
	void *item;

	if (!node || !node_covers(node, index))
		return NULL;
	while (node->shift) {
		node = (struct radix_node *)READ_ONCE(
		    node->slots[node_offset(node, index)]);
		if (!node)
			return NULL;
	}
	slot = &node->slots[node_offset(node, index)];
	item = READ_ONCE(*slot);
	if (item) {
		smp_store_release(slot, (void *)NULL);
		node->count--;
	}
	return item;
}

/* At most BITS_PER_KULONG / RADIX_TREE_MAP_SHIFT + 1 levels of recursion. */
static void free_nodes(struct kmem_cache *cache, struct radix_node *node)
{
	u32 i;

	if (node->shift) {
		for (i = 0; i < RADIX_TREE_MAP_SIZE; i++)
			if (node->slots[i])
				free_nodes(cache,
					   (struct radix_node *)node->slots[i]);
	} else {
		BUG_ON(node->count);
	}
	kmem_cache_free(cache, node);
}

void radix_tree_destroy(struct address_space *mapping)
{
	struct machine *machine = mapping->host->i_sb->s_machine;

	if (mapping->page_tree)
		free_nodes(machine->radix_cachep, mapping->page_tree);
	mapping->page_tree = NULL;
	mapping->tree_height = 0;
}

} /* extern "C" */
