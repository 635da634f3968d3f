// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel can check about itself, after CONFIG_DEBUG_VM_RB in
 * mm/mmap.c and check_mm of kernel/fork.c of 4.13: validate_mm, browse_rb,
 * anon_vma_interval_tree_verify, check_mm; and, beyond 4.13, the order of
 * i_mmap, the cached bounds of both kinds of interval trees, whether a search
 * with a vma's own key finds it, and stale vmacache slots.  What pages say is
 * in debug_page.cc.
 *
 * Nothing is called by the model's own operations: they run as a kernel
 * without CONFIG_DEBUG_VM_RB does.  Walks are bounded, so that a broken list
 * or tree ends in reports and not in a loop.
 *
 * Locks: none are taken.  mmap_sem is held for writing, or nobody else runs;
 * and nobody changes the files' i_mmap trees meanwhile.
 */
#include "mm/internal.h"
#include "mm/report_bad.h"

/* A red-black tree of 2^64 nodes is no higher. */
#define MAX_RB_HEIGHT 128

static bool rb_red(const struct rb_node *node)
{
	return node && !(node->__rb_parent_color & 1);
}

static const struct rb_node *rb_topmost(const struct rb_node *node)
{
	for (u32 i = 0; i < MAX_RB_HEIGHT && rb_parent(node); i++)
		node = rb_parent(node);
	return node;
}

/* Black nodes from here down along the left edge. */
static u32 rb_black_height(const struct rb_node *node)
{
	u32 height = 0;

	for (u32 i = 0; i < MAX_RB_HEIGHT && node; i++, node = node->rb_left)
		height += !rb_red(node);
	return height;
}

/* Parent links, no red child of a red node, equal black heights. */
static u32 check_rb_node(const struct rb_node *node, const char *tree)
{
	const struct rb_node *children[] = {node->rb_left, node->rb_right};
	u32 bad = 0;

	for (u32 i = 0; i < ARRAY_SIZE(children); i++) {
		const struct rb_node *child = children[i];

		if (child && rb_parent(child) != node)
			REPORT_BAD(bad, "%s: node %p: wrong parent of child %p",
				   tree, (const void *)node,
				   (const void *)child);
		if (rb_red(node) && rb_red(child))
			REPORT_BAD(bad, "%s: red node %p under red node %p",
				   tree, (const void *)child,
				   (const void *)node);
	}
	if (rb_black_height(node->rb_left) != rb_black_height(node->rb_right))
		REPORT_BAD(bad, "%s: node %p is out of balance", tree,
			   (const void *)node);
	return bad;
}

static u32 check_rb_root(const struct rb_root *root, const char *tree)
{
	u32 bad = 0;

	if (root->rb_node && rb_parent(root->rb_node))
		REPORT_BAD(bad, "%s: the root has a parent", tree);
	if (rb_red(root->rb_node))
		REPORT_BAD(bad, "%s: the root is red", tree);
	return bad;
}

/* ---- list, tree, counts ---- */

static u32 check_vma_alone(const struct mm_struct *mm,
			   const struct vm_area_struct *vma)
{
	u32 bad = 0;

	if (vma->vm_mm != mm)
		REPORT_BAD(bad, "vma %llx: vm_mm is another mm",
			   KL(vma->vm_start));
	if (vma->vm_start >= vma->vm_end || offset_in_page(vma->vm_start) ||
	    offset_in_page(vma->vm_end))
		REPORT_BAD(bad, "vm_start %llx, vm_end %llx", KL(vma->vm_start),
			   KL(vma->vm_end));
	return bad;
}

static u32 compare_pages(const char *name, kulong counted, kulong found)
{
	u32 bad = 0;

	if (counted != found)
		REPORT_BAD(bad, "mm->%s %llu, found %llu", name, KL(counted),
			   KL(found));
	return bad;
}

/* The counts of the mm are those of its vmas. */
static u32 check_vm_counts(const struct mm_struct *mm)
{
	struct mm_struct sum = {};
	const struct vm_area_struct *vma = mm->mmap;
	u32 bad = 0;

	for (int i = 0; vma && i < mm->map_count + 16; i++) {
		vm_stat_account(&sum, vma->vm_flags, (klong)vma_pages(vma));
		if (vma->vm_flags & VM_LOCKED)
			sum.locked_vm += vma_pages(vma);
		vma = vma->vm_next;
	}
	bad += compare_pages("total_vm", mm->total_vm, sum.total_vm);
	bad += compare_pages("data_vm", mm->data_vm, sum.data_vm);
	bad += compare_pages("exec_vm", mm->exec_vm, sum.exec_vm);
	bad += compare_pages("stack_vm", mm->stack_vm, sum.stack_vm);
	bad += compare_pages("locked_vm", mm->locked_vm, sum.locked_vm);
	return bad;
}

static u32 browse_list(const struct mm_struct *mm)
{
	const struct vm_area_struct *vma, *prev = NULL;
	int bound = mm->map_count + 16, count = 0;
	u32 bad = 0;

	for (vma = mm->mmap; vma && count < bound; vma = vma->vm_next) {
		bad += check_vma_alone(mm, vma);
		if (vma->vm_prev != prev)
			REPORT_BAD(bad,
				   "vma %llx: vm_prev is not the vma before",
				   KL(vma->vm_start));
		if (prev && vma->vm_start < prev->vm_end)
			REPORT_BAD(bad, "vm_start %llx < pend %llx",
				   KL(vma->vm_start), KL(prev->vm_end));
		prev = vma;
		count++;
	}
	if (count != mm->map_count)
		REPORT_BAD(bad, "map_count %d vm_next %d", mm->map_count,
			   count);
	if (mm->highest_vm_end != (prev ? prev->vm_end : 0))
		REPORT_BAD(bad, "mm->highest_vm_end %llx, found %llx",
			   KL(mm->highest_vm_end), KL(prev ? prev->vm_end : 0));
	return bad + check_vm_counts(mm);
}

/* The tree in order is the list, and every cached hole is right. */
static u32 browse_rb(const struct mm_struct *mm)
{
	const struct vm_area_struct *listed = mm->mmap;
	int bound = mm->map_count + 16, count = 0;
	struct rb_node *node;
	u32 bad = check_rb_root(&mm->mm_rb, "mm_rb");

	for (node = rb_first(&mm->mm_rb); node && count < bound;
	     node = rb_next(node)) {
		struct vm_area_struct *vma =
		    rb_entry(node, struct vm_area_struct, vm_rb);

		bad += check_rb_node(node, "mm_rb");
		if (vma != listed)
			REPORT_BAD(bad,
				   "vma %llx of mm_rb is not at its place "
				   "in the list",
				   KL(vma->vm_start));
		if (vma->rb_subtree_gap != vma_compute_subtree_gap(vma))
			REPORT_BAD(bad, "free gap %llx, correct %llx",
				   KL(vma->rb_subtree_gap),
				   KL(vma_compute_subtree_gap(vma)));
		listed = listed ? listed->vm_next : NULL;
		count++;
	}
	if (count != mm->map_count)
		REPORT_BAD(bad, "map_count %d rb %d", mm->map_count, count);
	return bad;
}

/* ---- i_mmap ---- */

static kulong vma_subtree_last(const struct vm_area_struct *vma)
{
	kulong last = vma_last_pgoff(vma);
	const struct rb_node *children[] = {vma->shared.rb.rb_left,
					    vma->shared.rb.rb_right};

	for (u32 i = 0; i < ARRAY_SIZE(children); i++) {
		if (children[i])
			last = fl_max(last,
				      rb_entry(children[i],
					       struct vm_area_struct, shared.rb)
					  ->shared.rb_subtree_last);
	}
	return last;
}

static u32 check_i_mmap(const struct machine *machine,
			const struct address_space *mapping)
{
	u64 bound = kmem_cache_objects(machine->vm_area_cachep) + 16, n = 0;
	const struct vm_area_struct *prev = NULL;
	struct rb_node *node;
	u32 bad = check_rb_root(&mapping->i_mmap, "i_mmap");

	for (node = rb_first(&mapping->i_mmap); node && n < bound;
	     node = rb_next(node), n++) {
		const struct vm_area_struct *vma =
		    rb_entry(node, struct vm_area_struct, shared.rb);

		bad += check_rb_node(node, "i_mmap");
		if (!vma->vm_file || vma->vm_file->f_mapping != mapping)
			REPORT_BAD(bad, "i_mmap: vma %llx maps another file",
				   KL(vma->vm_start));
		if (prev && vma_start_pgoff(vma) < vma_start_pgoff(prev))
			REPORT_BAD(bad,
				   "i_mmap: vma %llx, page %llx, stands "
				   "after vma %llx, page %llx",
				   KL(vma->vm_start), KL(vma_start_pgoff(vma)),
				   KL(prev->vm_start),
				   KL(vma_start_pgoff(prev)));
		if (vma->shared.rb_subtree_last != vma_subtree_last(vma))
			REPORT_BAD(bad,
				   "i_mmap: vma %llx: rb_subtree_last "
				   "%llx, correct %llx",
				   KL(vma->vm_start),
				   KL(vma->shared.rb_subtree_last),
				   KL(vma_subtree_last(vma)));
		prev = vma;
	}
	return bad;
}

/* What a reverse map walk would do to find a page of the vma. */
static bool i_mmap_finds(const struct machine *machine, struct rb_root *root,
			 const struct vm_area_struct *wanted, kulong pgoff)
{
	u64 bound = kmem_cache_objects(machine->vm_area_cachep) + 16;
	struct vm_area_struct *vma;

	vma_interval_tree_foreach(vma, root, pgoff, pgoff)
	{
		if (vma == wanted)
			return true;
		if (!bound--)
			break;
	}
	return false;
}

static u32 check_vma_in_i_mmap(const struct mm_struct *mm,
			       const struct vm_area_struct *vma)
{
	struct address_space *mapping = vma->vm_file->f_mapping;
	u32 bad = 0;

	if (rb_topmost(&vma->shared.rb) != mapping->i_mmap.rb_node) {
		REPORT_BAD(bad, "vma %llx is not in i_mmap of its file",
			   KL(vma->vm_start));
		return bad;
	}
	if (!i_mmap_finds(mm->machine, &mapping->i_mmap, vma,
			  vma_start_pgoff(vma)) ||
	    !i_mmap_finds(mm->machine, &mapping->i_mmap, vma,
			  vma_last_pgoff(vma)))
		REPORT_BAD(bad, "rmap misses vma %llx-%llx, pages %llx-%llx",
			   KL(vma->vm_start), KL(vma->vm_end),
			   KL(vma_start_pgoff(vma)), KL(vma_last_pgoff(vma)));
	return bad;
}

/* ---- anon_vma chains ---- */

static kulong avc_subtree_last(const struct anon_vma_chain *avc)
{
	kulong last = vma_last_pgoff(avc->vma);
	const struct rb_node *children[] = {avc->rb.rb_left, avc->rb.rb_right};

	for (u32 i = 0; i < ARRAY_SIZE(children); i++) {
		if (children[i])
			last = fl_max(last, rb_entry(children[i],
						     struct anon_vma_chain, rb)
						->rb_subtree_last);
	}
	return last;
}

static u32 check_anon_chain(const struct vm_area_struct *vma)
{
	const struct list_head *head = &vma->anon_vma_chain;
	struct anon_vma_chain *avc, *at;
	bool own = false;
	u32 bad = 0;

	list_for_each_entry(avc, head, struct anon_vma_chain, same_vma)
	{
		struct anon_vma *anon_vma = avc->anon_vma;
		kulong pgoff = vma_start_pgoff(vma);

		own = own || anon_vma == vma->anon_vma;
		if (avc->vma != vma)
			REPORT_BAD(bad, "vma %llx: a chain of another vma",
				   KL(vma->vm_start));
		if (rb_topmost(&avc->rb) != anon_vma->rb_root.rb_node) {
			REPORT_BAD(bad,
				   "vma %llx is not in its anon_vma's tree",
				   KL(vma->vm_start));
			continue;
		}
		bad += check_rb_node(&avc->rb, "anon_vma");
		if (avc->rb_subtree_last != avc_subtree_last(avc))
			REPORT_BAD(bad,
				   "anon_vma: vma %llx: rb_subtree_last "
				   "%llx, correct %llx",
				   KL(vma->vm_start), KL(avc->rb_subtree_last),
				   KL(avc_subtree_last(avc)));
		at = anon_vma_interval_tree_iter_first(&anon_vma->rb_root,
						       pgoff, pgoff);
		while (at && at != avc)
			at = anon_vma_interval_tree_iter_next(at, pgoff, pgoff);
		if (!at)
			REPORT_BAD(bad, "anon rmap misses vma %llx-%llx",
				   KL(vma->vm_start), KL(vma->vm_end));
	}
	if (vma->anon_vma && !own)
		REPORT_BAD(bad, "vma %llx: anon_vma is not in its chain",
			   KL(vma->vm_start));
	return bad;
}

u32 validate_mm(struct mm_struct *mm)
{
	const struct address_space *checked = NULL;
	const struct vm_area_struct *vma = mm->mmap;
	u32 bad = 0;

	bad += browse_list(mm);
	bad += browse_rb(mm);
	bad += check_vmacaches(mm);
	for (int i = 0; vma && i < mm->map_count + 16; i++) {
		if (vma->vm_file) {
			bad += check_vma_in_i_mmap(mm, vma);
			/* One walk does for neighbours of the same file. */
			if (vma->vm_file->f_mapping != checked) {
				checked = vma->vm_file->f_mapping;
				bad += check_i_mmap(mm->machine, checked);
			}
		}
		bad += check_anon_chain(vma);
		vma = vma->vm_next;
	}
	bad += validate_pages(mm);
	return bad;
}

/* Somebody is changing a tree that the vma's chain leads to. */
static bool chain_is_changing(const struct vm_area_struct *vma)
{
	const struct list_head *head = &vma->anon_vma_chain;
	struct anon_vma_chain *avc;

	list_for_each_entry(avc, head, struct anon_vma_chain, same_vma)
	{
		if (rwsem_has_writer(&avc->anon_vma->root->rwsem))
			return true;
	}
	return false;
}

u32 validate_mm_running(struct mm_struct *mm)
{
	const struct vm_area_struct *vma = mm->mmap;
	u32 bad = 0;

	/* exit_mmap takes no lock, and nobody looks any more. */
	if (!atomic_read(&mm->mm_users) || rwsem_has_writer(&mm->mmap_sem) ||
	    spin_is_locked(&mm->page_table_lock))
		return 0;
	bad += browse_list(mm);
	bad += browse_rb(mm);
	bad += check_vmacaches(mm);
	for (int i = 0; vma && i < mm->map_count + 16; i++) {
		if (vma->vm_file &&
		    !rwsem_has_writer(&vma->vm_file->f_mapping->i_mmap_rwsem))
			bad += check_vma_in_i_mmap(mm, vma);
		if (!chain_is_changing(vma))
			bad += check_anon_chain(vma);
		vma = vma->vm_next;
	}
	return bad;
}

/* At the very end of an mm: all that was ever counted is gone. */
void check_mm(struct mm_struct *mm)
{
	u32 bad = 0;

	for (int i = 0; i < NR_MM_COUNTERS; i++) {
		klong left = atomic_long_read(&mm->rss_stat[i]);

		if (left)
			REPORT_BAD(bad,
				   "Bad rss-counter state mm:%p idx:%d "
				   "val:%d",
				   (void *)mm, i, (int)left);
	}
	if (atomic_long_read(&mm->nr_ptes))
		REPORT_BAD(bad, "non-zero nr_ptes on freeing mm: %d",
			   (int)atomic_long_read(&mm->nr_ptes));
	if (atomic_long_read(&mm->nr_pmds))
		REPORT_BAD(bad, "non-zero nr_pmds on freeing mm: %d",
			   (int)atomic_long_read(&mm->nr_pmds));
	if (atomic_long_read(&mm->nr_puds))
		REPORT_BAD(bad, "non-zero nr_puds on freeing mm: %d",
			   (int)atomic_long_read(&mm->nr_puds));
}
