// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interval trees of reverse mapping, after mm/interval_tree.c and
 * include/linux/interval_tree_generic.h of 4.13: mapping->i_mmap holds vmas,
 * anon_vma->rb_root holds anon_vma_chains.  A node's interval is what its vma
 * maps, in pages: [vm_pgoff, vm_pgoff + pages - 1].  Trees are ordered by the
 * first page; rb_subtree_last caches the greatest last page of a subtree.
 *
 * Keys are read from the vma at each step and kept nowhere.  Who changes
 * vm_pgoff of a vma that stands in a tree therefore breaks the order of the
 * tree without any function here noticing: searches then miss vmas.  That is
 * how 4.13 behaves and is kept; validate_mm reports it.
 *
 * Left out: the cached bounds of CONFIG_DEBUG_VM_RB.
 * Locks: i_mmap_rwsem, or the rwsem of the anon_vma's root; for writing to
 * insert and remove, for reading to iterate.
 */
#include "mm/internal.h"

/*
 * One interval tree over `type`: the functions carry `name` in front.  Two
 * trees with one text, as node types differ and a template would be a weak
 * symbol.
 */
#define FL_INTERVAL_TREE(name, type, rbfield, lastfield, FIRST, LAST)          \
	static kulong name##_compute_last(type *node)                          \
	{                                                                      \
		struct rb_node *left = node->rbfield.rb_left;                  \
		struct rb_node *right = node->rbfield.rb_right;                \
		kulong last = LAST(node);                                      \
                                                                               \
		if (left)                                                      \
			last = fl_max(                                         \
			    last, rb_entry(left, type, rbfield)->lastfield);   \
		if (right)                                                     \
			last = fl_max(                                         \
			    last, rb_entry(right, type, rbfield)->lastfield);  \
		return last;                                                   \
	}                                                                      \
	FL_RB_CALLBACKS(name##_augment, type, rbfield, lastfield,              \
			name##_compute_last)                                   \
                                                                               \
	static void name##_do_insert(type *node, struct rb_root *root)         \
	{                                                                      \
		struct rb_node **link = &root->rb_node, *above = NULL;         \
		kulong first = FIRST(node), last = LAST(node);                 \
                                                                               \
		while (*link) {                                                \
			type *parent;                                          \
                                                                               \
			above = *link;                                         \
			parent = rb_entry(above, type, rbfield);               \
			if (parent->lastfield < last)                          \
				parent->lastfield = last;                      \
			link = first < FIRST(parent)                           \
				   ? &parent->rbfield.rb_left                  \
				   : &parent->rbfield.rb_right;                \
		}                                                              \
		node->lastfield = last;                                        \
		rb_link_node(&node->rbfield, above, link);                     \
		rb_insert_augmented(&node->rbfield, root, &name##_augment);    \
	}                                                                      \
                                                                               \
	/* The leftmost node of the subtree that meets [first, last]; the      \
	 * caller knows that some node of it ends at first or later. */        \
	static type *name##_search(type *node, kulong first, kulong last)      \
	{                                                                      \
		for (;;) {                                                     \
			struct rb_node *left = node->rbfield.rb_left;          \
			struct rb_node *right = node->rbfield.rb_right;        \
                                                                               \
			if (left &&                                            \
			    first <=                                           \
				rb_entry(left, type, rbfield)->lastfield) {    \
				node = rb_entry(left, type, rbfield);          \
				continue;                                      \
			}                                                      \
			if (FIRST(node) > last)                                \
				return NULL;                                   \
			if (first <= LAST(node))                               \
				return node;                                   \
			if (!right)                                            \
				return NULL;                                   \
			node = rb_entry(right, type, rbfield);                 \
			if (first > node->lastfield)                           \
				return NULL;                                   \
		}                                                              \
	}                                                                      \
                                                                               \
	static type *name##_first(struct rb_root *root, kulong first,          \
				  kulong last)                                 \
	{                                                                      \
		type *node;                                                    \
                                                                               \
		if (!root->rb_node)                                            \
			return NULL;                                           \
		node = rb_entry(root->rb_node, type, rbfield);                 \
		if (node->lastfield < first)                                   \
			return NULL;                                           \
		return name##_search(node, first, last);                       \
	}                                                                      \
                                                                               \
	static type *name##_next(type *node, kulong first, kulong last)        \
	{                                                                      \
		struct rb_node *right = node->rbfield.rb_right, *from;         \
                                                                               \
		for (;;) {                                                     \
			if (right &&                                           \
			    first <=                                           \
				rb_entry(right, type, rbfield)->lastfield)     \
				return name##_search(                          \
				    rb_entry(right, type, rbfield), first,     \
				    last);                                     \
			/* Up, until out of somebody's left subtree. */        \
			do {                                                   \
				struct rb_node *above =                        \
				    rb_parent(&node->rbfield);                 \
				if (!above)                                    \
					return NULL;                           \
				from = &node->rbfield;                         \
				node = rb_entry(above, type, rbfield);         \
				right = node->rbfield.rb_right;                \
			} while (from == right);                               \
			if (last < FIRST(node))                                \
				return NULL;                                   \
			if (first <= LAST(node))                               \
				return node;                                   \
		}                                                              \
	}

FL_INTERVAL_TREE(vma_tree, struct vm_area_struct, shared.rb,
		 shared.rb_subtree_last, vma_start_pgoff, vma_last_pgoff)

static inline kulong avc_start_pgoff(const struct anon_vma_chain *avc)
{
	return vma_start_pgoff(avc->vma);
}
static inline kulong avc_last_pgoff(const struct anon_vma_chain *avc)
{
	return vma_last_pgoff(avc->vma);
}

FL_INTERVAL_TREE(avc_tree, struct anon_vma_chain, rb, rb_subtree_last,
		 avc_start_pgoff, avc_last_pgoff)

void vma_interval_tree_insert(struct vm_area_struct *node, struct rb_root *root)
{
	vma_tree_do_insert(node, root);
}

/*
 * The next place in order after prev: its right child, or the leftmost of its
 * right subtree.  node covers the pages that prev covers (a copy of it), so no
 * search is needed, and prev and what is above it cache a bound that is right.
 */
void vma_interval_tree_insert_after(struct vm_area_struct *node,
				    struct vm_area_struct *prev,
				    struct rb_root *root)
{
	struct vm_area_struct *parent = prev;
	struct rb_node **link = &prev->shared.rb.rb_right;
	kulong last = vma_last_pgoff(node);

	VM_BUG_ON_VMA(vma_start_pgoff(node) != vma_start_pgoff(prev), node);

	while (*link) {
		parent = rb_entry(*link, struct vm_area_struct, shared.rb);
		if (parent->shared.rb_subtree_last < last)
			parent->shared.rb_subtree_last = last;
		link = &parent->shared.rb.rb_left;
	}
	node->shared.rb_subtree_last = last;
	rb_link_node(&node->shared.rb, &parent->shared.rb, link);
	rb_insert_augmented(&node->shared.rb, root, &vma_tree_augment);
}

void vma_interval_tree_remove(struct vm_area_struct *node, struct rb_root *root)
{
	rb_erase_augmented(&node->shared.rb, root, &vma_tree_augment);
}

struct vm_area_struct *vma_interval_tree_iter_first(struct rb_root *root,
						    kulong first, kulong last)
{
	return vma_tree_first(root, first, last);
}

struct vm_area_struct *vma_interval_tree_iter_next(struct vm_area_struct *node,
						   kulong first, kulong last)
{
	return vma_tree_next(node, first, last);
}

void anon_vma_interval_tree_insert(struct anon_vma_chain *node,
				   struct rb_root *root)
{
	avc_tree_do_insert(node, root);
}

void anon_vma_interval_tree_remove(struct anon_vma_chain *node,
				   struct rb_root *root)
{
	rb_erase_augmented(&node->rb, root, &avc_tree_augment);
}

struct anon_vma_chain *anon_vma_interval_tree_iter_first(struct rb_root *root,
							 kulong first,
							 kulong last)
{
	return avc_tree_first(root, first, last);
}

struct anon_vma_chain *
anon_vma_interval_tree_iter_next(struct anon_vma_chain *node, kulong first,
				 kulong last)
{
	return avc_tree_next(node, first, last);
}
