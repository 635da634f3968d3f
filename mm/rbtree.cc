// SPDX-License-Identifier: GPL-2.0-only
/*
 * Red-black trees with augmentation, after lib/rbtree.c of 4.13:
 * rb_insert_color, rb_insert_augmented, rb_erase, rb_erase_augmented,
 * rb_first, rb_next, rb_prev.
 *
 * A tree gets the shape it has in the kernel, for the same order of calls:
 * which node is whose child decides what a search with a stale key can still
 * find.  The kernel's mirrored halves are one half here, told its side.
 *
 * Left out: rb_replace_node, postorder walks, the latched and RCU variants.
 * Locks: the tree's owner has its lock for writing.  Child pointers are
 * written with WRITE_ONCE as in 4.13, so that a lockless walk sees no torn
 * pointer.
 */
#include "mm/rbtree.h"

#define RB_RED 0
#define RB_BLACK 1

static inline bool rb_is_black(const struct rb_node *node)
{
	return (node->__rb_parent_color & RB_BLACK) != 0;
}

/* Leaves count as black. */
static inline bool rb_is_red(const struct rb_node *node)
{
	return node && !rb_is_black(node);
}

static inline void rb_set_parent_color(struct rb_node *node,
				       struct rb_node *parent, kulong color)
{
	node->__rb_parent_color = KULONG(parent) | color;
}

static inline void rb_set_parent(struct rb_node *node, struct rb_node *parent)
{
	rb_set_parent_color(node, parent, node->__rb_parent_color & RB_BLACK);
}

static inline struct rb_node *rb_side(const struct rb_node *node, bool left)
{
	return left ? node->rb_left : node->rb_right;
}

static inline void rb_set_side(struct rb_node *node, bool left,
			       struct rb_node *child)
{
	if (left)
		WRITE_ONCE(node->rb_left, child);
	else
		WRITE_ONCE(node->rb_right, child);
}

static void rb_change_child(struct rb_node *old, struct rb_node *next,
			    struct rb_node *parent, struct rb_root *root)
{
	if (!parent)
		WRITE_ONCE(root->rb_node, next);
	else
		rb_set_side(parent, parent->rb_left == old, next);
}

/*
 * Lifts top's child of that side above top.  What hung between the two goes
 * over to top.  Parents and colors above are rb_rotate_set_parents' matter.
 */
static struct rb_node *rb_lift(struct rb_node *top, bool left)
{
	struct rb_node *child = rb_side(top, left);
	struct rb_node *between = rb_side(child, !left);

	rb_set_side(top, left, between);
	rb_set_side(child, !left, top);
	return between;
}

/* next takes old's parent and color; old becomes next's child. */
static void rb_rotate_set_parents(struct rb_node *old, struct rb_node *next,
				  struct rb_root *root, kulong color)
{
	struct rb_node *parent = rb_parent(old);

	next->__rb_parent_color = old->__rb_parent_color;
	rb_set_parent_color(old, next, color);
	rb_change_child(old, next, parent, root);
}

static void rb_insert_fixup(struct rb_node *node, struct rb_root *root,
			    const struct rb_augment_callbacks *augment)
{
	struct rb_node *parent = rb_parent(node);

	for (;;) {
		struct rb_node *gparent, *uncle, *between;
		bool left;

		if (!parent) {
			rb_set_parent_color(node, NULL, RB_BLACK);
			return;
		}
		if (rb_is_black(parent))
			return;

		gparent = rb_parent(parent);
		left = parent == gparent->rb_left;
		uncle = rb_side(gparent, !left);
		if (rb_is_red(uncle)) {
			/* Case 1: push the blackness down, go on above. */
			rb_set_parent_color(uncle, gparent, RB_BLACK);
			rb_set_parent_color(parent, gparent, RB_BLACK);
			node = gparent;
			parent = rb_parent(node);
			rb_set_parent_color(node, parent, RB_RED);
			continue;
		}

		if (node == rb_side(parent, !left)) {
			/* Case 2: make the inner grandchild an outer one. */
			between = rb_lift(parent, !left);
			rb_set_side(gparent, left, node);
			if (between)
				rb_set_parent_color(between, parent, RB_BLACK);
			rb_set_parent_color(parent, node, RB_RED);
			augment->rotate(parent, node);
			parent = node;
		}

		/* Case 3: the parent goes above the grandparent. */
		between = rb_lift(gparent, left);
		if (between)
			rb_set_parent_color(between, gparent, RB_BLACK);
		rb_rotate_set_parents(gparent, parent, root, RB_RED);
		augment->rotate(gparent, parent);
		return;
	}
}

/* One side of `parent` has one black node too few: `node`, NULL at first. */
static void rb_erase_fixup(struct rb_node *parent, struct rb_root *root,
			   const struct rb_augment_callbacks *augment)
{
	struct rb_node *node = NULL;

	for (;;) {
		bool left = node != parent->rb_right; /* the short side */
		struct rb_node *sibling = rb_side(parent, !left);
		struct rb_node *inner, *outer;

		if (rb_is_red(sibling)) {
			/* Case 1: get a black sibling. */
			inner = rb_lift(parent, !left);
			rb_set_parent_color(inner, parent, RB_BLACK);
			rb_rotate_set_parents(parent, sibling, root, RB_RED);
			augment->rotate(parent, sibling);
			sibling = inner;
		}

		outer = rb_side(sibling, !left);
		if (!rb_is_red(outer)) {
			inner = rb_side(sibling, left);
			if (!rb_is_red(inner)) {
				/* Case 2: shorten the other side too. */
				rb_set_parent_color(sibling, parent, RB_RED);
				if (!rb_is_black(parent)) {
					rb_set_parent_color(parent,
							    rb_parent(parent),
							    RB_BLACK);
					return;
				}
				node = parent;
				parent = rb_parent(node);
				if (!parent)
					return;
				continue;
			}
			/* Case 3: give the sibling a red outer child. */
			outer = rb_lift(sibling, left);
			rb_set_side(parent, !left, inner);
			if (outer)
				rb_set_parent_color(outer, sibling, RB_BLACK);
			augment->rotate(sibling, inner);
			outer = sibling;
			sibling = inner;
		}

		/* Case 4: the sibling goes above the parent. */
		inner = rb_lift(parent, !left);
		rb_set_parent_color(outer, sibling, RB_BLACK);
		if (inner)
			rb_set_parent(inner, parent);
		rb_rotate_set_parents(parent, sibling, root, RB_BLACK);
		augment->rotate(parent, sibling);
		return;
	}
}

/*
 * Puts the in-order successor, which has no left child, where node was.
 * Returns the parent of the place that lost a black node, or NULL.
 */
static struct rb_node *
rb_replace_by_successor(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *augment,
			struct rb_node **successorp)
{
	struct rb_node *right = node->rb_right, *successor = right;
	struct rb_node *parent = right, *child, *rebalance = NULL;
	bool was_black;

	if (!right->rb_left) {
		parent = successor;
		child = successor->rb_right;
		augment->copy(node, successor);
	} else {
		while (successor->rb_left) {
			parent = successor;
			successor = successor->rb_left;
		}
		child = successor->rb_right;
		rb_set_side(parent, true, child);
		rb_set_side(successor, false, right);
		rb_set_parent(right, successor);
		augment->copy(node, successor);
		augment->propagate(parent, successor);
	}

	rb_set_side(successor, true, node->rb_left);
	rb_set_parent(node->rb_left, successor);
	rb_change_child(node, successor, rb_parent(node), root);

	was_black = rb_is_black(successor);
	successor->__rb_parent_color = node->__rb_parent_color;
	if (child)
		rb_set_parent_color(child, parent, RB_BLACK);
	else if (was_black)
		rebalance = parent;
	*successorp = successor;
	return rebalance;
}

void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *augment)
{
	rb_insert_fixup(node, root, augment);
}

void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *augment)
{
	struct rb_node *changed, *rebalance = NULL;

	if (node->rb_left && node->rb_right) {
		rebalance =
		    rb_replace_by_successor(node, root, augment, &changed);
	} else {
		struct rb_node *child =
		    node->rb_left ? node->rb_left : node->rb_right;
		struct rb_node *parent = rb_parent(node);

		/* A single child is red, so it takes over node's color. */
		rb_change_child(node, child, parent, root);
		if (child)
			child->__rb_parent_color = node->__rb_parent_color;
		else if (rb_is_black(node))
			rebalance = parent;
		changed = parent;
	}

	augment->propagate(changed, NULL);
	if (rebalance)
		rb_erase_fixup(rebalance, root, augment);
}

static void no_propagate(struct rb_node *node, struct rb_node *stop)
{
}
static void no_copy(struct rb_node *old, struct rb_node *next)
{
}
static void no_rotate(struct rb_node *old, struct rb_node *next)
{
}
static const struct rb_augment_callbacks no_augment = {no_propagate, no_copy,
						       no_rotate};

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	rb_insert_augmented(node, root, &no_augment);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	rb_erase_augmented(node, root, &no_augment);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *node = root->rb_node;

	while (node && node->rb_left)
		node = node->rb_left;
	return node;
}

/* The next node towards the side that is not `back`. */
static struct rb_node *rb_step(const struct rb_node *node, bool back)
{
	struct rb_node *at = rb_side(node, back), *parent;

	if (RB_EMPTY_NODE(node))
		return NULL;
	if (at) {
		while (rb_side(at, !back))
			at = rb_side(at, !back);
		return at;
	}
	parent = rb_parent(node);
	while (parent && node == rb_side(parent, back)) {
		node = parent;
		parent = rb_parent(node);
	}
	return parent;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	return rb_step(node, false);
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	return rb_step(node, true);
}
