/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Red-black trees with augmentation (include/linux/rbtree.h,
 * rbtree_augmented.h, lib/rbtree.c).  No locking of its own.
 */
#ifndef FAULTLINE_MM_RBTREE_H_
#define FAULTLINE_MM_RBTREE_H_

#include "mm/sync/types.h"

FL_BEGIN_DECLS

struct rb_node {
	kulong __rb_parent_color; /* parent's address | 1 when black */
	struct rb_node *rb_right, *rb_left;
};
struct rb_root {
	struct rb_node *rb_node;
};

struct rb_augment_callbacks {
	/* Recompute from node upwards until stop (exclusive). */
	void (*propagate)(struct rb_node *node, struct rb_node *stop);
	/* `next` takes over `old`'s place: copy old's augmented value. */
	void (*copy)(struct rb_node *old, struct rb_node *next);
	/* `next` was rotated above `old`. */
	void (*rotate)(struct rb_node *old, struct rb_node *next);
};

static inline struct rb_node *rb_parent(const struct rb_node *node)
{
	return (struct rb_node *)KPTR(node->__rb_parent_color & ~(kulong)3);
}
#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define RB_EMPTY_NODE(node) ((node)->__rb_parent_color == KULONG(node))
#define RB_CLEAR_NODE(node) ((node)->__rb_parent_color = KULONG(node))

static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	node->__rb_parent_color = KULONG(parent);
	node->rb_left = NULL;
	node->rb_right = NULL;
	*link = node;
}
void rb_insert_color(struct rb_node *node, struct rb_root *root);
void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *augment);
void rb_erase(struct rb_node *node, struct rb_root *root);
void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *augment);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

FL_END_DECLS

#endif /* FAULTLINE_MM_RBTREE_H_ */
