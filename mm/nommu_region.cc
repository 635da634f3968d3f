// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tree of all memory that is mapped in any process of a machine without an
 * MMU, after mm/nommu.c of 4.13:
 *
 *   add_nommu_region, delete_nommu_region
 *   put_nommu_region           with __put_nommu_region
 *   free_page_series
 *   validate_nommu_regions     as a check that reports, not as one that stops
 *
 * Regions are ordered by vm_start, and no two may begin at one address.  Two
 * that are lent by a file system (no VM_MAPPED_COPY) may overlap otherwise;
 * one that owns its pages overlaps nothing.
 *
 * So 4.13 stops with a BUG, and this model with it, when a file is mapped in
 * place and then, while that mapping lasts, mapped in place from the same page
 * on but further: a longer mapping is no part of the shorter one's region, and
 * the file system names the same address once more.
 *
 * Locks: nommu_region_sem for writing, but as nommu.h notes.
 */
#include "mm/internal.h"
#include "mm/nommu.h"
#include "mm/report_bad.h"

extern "C" {

void add_nommu_region(struct vm_region *region)
{
	struct nommu *nommu = current_nommu();
	struct rb_node **p = &nommu->nommu_region_tree.rb_node;
	struct rb_node *parent = NULL;

	while (*p) {
		struct vm_region *pregion;

		parent = *p;
		pregion = rb_entry(parent, struct vm_region, vm_rb);
		if (region->vm_start < pregion->vm_start)
			p = &(*p)->rb_left;
		else if (region->vm_start > pregion->vm_start)
			p = &(*p)->rb_right;
		else if (pregion == region)
			return;
		else
			BUG();
	}
	rb_link_node(&region->vm_rb, parent, p);
	rb_insert_color(&region->vm_rb, &nommu->nommu_region_tree);
}

void delete_nommu_region(struct vm_region *region)
{
	struct nommu *nommu = current_nommu();

	BUG_ON(!nommu->nommu_region_tree.rb_node);
	rb_erase(&region->vm_rb, &nommu->nommu_region_tree);
}

void free_page_series(kulong from, kulong to)
{
	for (; from < to; from += PAGE_SIZE) {
		atomic_long_dec(&current_nommu()->mmap_pages_allocated);
		put_page(pfn_to_page(from >> PAGE_SHIFT));
	}
}

/*
 * Takes the semaphore, and drops it before the memory goes: the region is in
 * no tree any more, so nobody can come to share it.
 */
void put_nommu_region(struct vm_region *region)
{
	struct nommu *nommu = current_nommu();

	down_write(&nommu->nommu_region_sem);
	BUG_ON(!nommu->nommu_region_tree.rb_node);
	if (--region->vm_usage) {
		up_write(&nommu->nommu_region_sem);
		return;
	}
	/* One that got no further than this was never in the tree. */
	if (region->vm_top > region->vm_start)
		delete_nommu_region(region);
	up_write(&nommu->nommu_region_sem);

	if (region->vm_file)
		fput(region->vm_file);
	/* What is lent goes back to nobody. */
	if (region->vm_flags & VM_MAPPED_COPY)
		free_page_series(region->vm_start, region->vm_top);
	kmem_cache_free(nommu->vm_region_jar, region);
}

/* ---- checks ---- */

u64 count_nommu_regions(struct machine *machine)
{
	const struct nommu *nommu = machine->nommu;
	const u64 bound = kmem_cache_objects(nommu->vm_region_jar) + 16;
	struct rb_node *node;
	u64 n = 0;

	for (node = rb_first(&nommu->nommu_region_tree); node && n < bound;
	     node = rb_next(node))
		n++;
	return n;
}

/* A copy's pages are RAM, and in use. */
static u32 check_region_pages(const struct vm_region *region)
{
	u32 bad = 0;

	for (kulong at = region->vm_start; at < region->vm_top;
	     at += PAGE_SIZE) {
		const kulong pfn = at >> PAGE_SHIFT;

		if (!pfn_valid(pfn)) {
			REPORT_BAD(bad, "region %llx: %llx is no RAM",
				   KL(region->vm_start), KL(at));
			break;
		}
		if (page_ref_count(pfn_to_page(pfn)) < 1)
			REPORT_BAD(bad, "region %llx: the page at %llx is free",
				   KL(region->vm_start), KL(at));
	}
	return bad;
}

u32 validate_nommu_regions(struct machine *machine)
{
	struct nommu *nommu = machine->nommu;
	const u64 bound = kmem_cache_objects(nommu->vm_region_jar) + 16;
	const struct vm_region *last = NULL;
	struct rb_node *node;
	u64 n = 0;
	u32 bad = 0;

	for (node = rb_first(&nommu->nommu_region_tree); node && n < bound;
	     node = rb_next(node), n++) {
		const struct vm_region *region =
		    rb_entry(node, struct vm_region, vm_rb);
		const kulong copy = region->vm_flags & VM_MAPPED_COPY;

		if (region->vm_end <= region->vm_start ||
		    region->vm_top < region->vm_end)
			REPORT_BAD(bad, "region %llx-%llx, top %llx",
				   KL(region->vm_start), KL(region->vm_end),
				   KL(region->vm_top));
		if (region->vm_usage < 1)
			REPORT_BAD(bad, "region %llx: vm_usage %d",
				   KL(region->vm_start), region->vm_usage);
		if (last && region->vm_start <= last->vm_start)
			REPORT_BAD(bad, "region %llx stands after region %llx",
				   KL(region->vm_start), KL(last->vm_start));
		if (last && region->vm_start < last->vm_top &&
		    (copy || last->vm_flags & VM_MAPPED_COPY))
			REPORT_BAD(bad, "region %llx overlaps region %llx-%llx",
				   KL(region->vm_start), KL(last->vm_start),
				   KL(last->vm_top));
		if (copy)
			bad += check_region_pages(region);
		last = region;
	}
	if (n == bound)
		REPORT_BAD(bad, "nommu_region_tree has no end");
	return bad;
}

} /* extern "C" */
