// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space without an MMU, after mm/nommu.c of 4.13: its vmas, and
 * what is not mapping, unmapping or access.
 *
 *   mmap_init
 *   add_vma_to_mm, delete_vma_from_mm, delete_vma
 *   find_vma, find_vma_exact, find_extend_vma, expand_stack
 *   sys_brk, exit_mmap
 *   remap_pfn_range, unmap_mapping_range, filemap_fault, filemap_map_pages, generic_file_vm_ops
 *
 * A vma says what a process may use; the memory is the region's (vm_region),
 * which several vmas of several processes may share.  The vmas of an mm may
 * overlap and even be equal: the tree and the list are ordered by start, end
 * and the address of the vma itself.
 *
 * delete_vma_from_mm empties the cache of find_vma only when the task that
 * deletes finds the vma in its own, as 4.13 does.
 *
 * Left out: memory protection units (protect_vma does nothing), vmalloc, which
 * here is kmalloc, ioremap; cache maintenance for new code.
 *
 * Locks: mmap_sem, for writing where a vma is linked or unlinked; i_mmap_rwsem
 * inside it.
 */
#include "mm/nommu.h"
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/sync/sched.h"

extern "C" {

/* The cache of regions, and what nommu.h names. */
void mmap_init(struct machine *machine)
{
	struct kmem_cache *cache =
	    kmem_cache_create(machine, "nommu", sizeof(struct nommu));
	struct nommu *nommu =
	    (struct nommu *)kmem_cache_zalloc(cache, GFP_KERNEL | __GFP_NOFAIL);

	nommu->vm_region_jar =
	    kmem_cache_create(machine, "vm_region", sizeof(struct vm_region));
	init_rwsem_named(&nommu->nommu_region_sem, "nommu_region_sem");
	nommu->sysctl_nr_trim_pages = NOMMU_TRIM_EXCESS;
	machine->nommu = nommu;
}

/* ---- list and tree ---- */

static void __vma_link_list(struct mm_struct *mm, struct vm_area_struct *vma,
			    struct vm_area_struct *prev,
			    struct rb_node *rb_parent)
{
	struct vm_area_struct *next = NULL;

	vma->vm_prev = prev;
	if (prev) {
		next = prev->vm_next;
		prev->vm_next = vma;
	} else {
		mm->mmap = vma;
		if (rb_parent)
			next =
			    rb_entry(rb_parent, struct vm_area_struct, vm_rb);
	}
	vma->vm_next = next;
	if (next)
		next->vm_prev = vma;
}

/* By start, end and, as two may be equal, where the vma itself lies. */
static bool vma_before(const struct vm_area_struct *a,
		       const struct vm_area_struct *b)
{
	if (a->vm_start != b->vm_start)
		return a->vm_start < b->vm_start;
	if (a->vm_end != b->vm_end)
		return a->vm_end < b->vm_end;
	BUG_ON(a == b);
	return a < b;
}

void add_vma_to_mm(struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct rb_node **p = &mm->mm_rb.rb_node, *parent = NULL;
	struct vm_area_struct *prev = NULL;

	BUG_ON(!vma->vm_region);
	mm->map_count++;
	vma->vm_mm = mm;

	if (vma->vm_file) {
		struct address_space *mapping = vma->vm_file->f_mapping;

		i_mmap_lock_write(mapping);
		flush_dcache_mmap_lock(mapping);
		vma_interval_tree_insert(vma, &mapping->i_mmap);
		flush_dcache_mmap_unlock(mapping);
		i_mmap_unlock_write(mapping);
	}

	while (*p) {
		struct vm_area_struct *pvma;

		parent = *p;
		pvma = rb_entry(parent, struct vm_area_struct, vm_rb);
		if (vma_before(vma, pvma)) {
			p = &(*p)->rb_left;
		} else {
			prev = pvma;
			p = &(*p)->rb_right;
		}
	}
	rb_link_node(&vma->vm_rb, parent, p);
	rb_insert_color(&vma->vm_rb, &mm->mm_rb);
	__vma_link_list(mm, vma, prev, parent);
}

void delete_vma_from_mm(struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	struct task_struct *curr = current;

	mm->map_count--;
	for (u32 i = 0; i < VMACACHE_SIZE; i++) {
		if (curr->vmacache.vmas[i] == vma) {
			vmacache_invalidate(mm);
			break;
		}
	}

	if (vma->vm_file) {
		struct address_space *mapping = vma->vm_file->f_mapping;

		i_mmap_lock_write(mapping);
		flush_dcache_mmap_lock(mapping);
		vma_interval_tree_remove(vma, &mapping->i_mmap);
		flush_dcache_mmap_unlock(mapping);
		i_mmap_unlock_write(mapping);
	}

	rb_erase(&vma->vm_rb, &mm->mm_rb);
	if (vma->vm_prev)
		vma->vm_prev->vm_next = vma->vm_next;
	else
		mm->mmap = vma->vm_next;
	if (vma->vm_next)
		vma->vm_next->vm_prev = vma->vm_prev;
}

void delete_vma(struct mm_struct *mm, struct vm_area_struct *vma)
{
	if (vma->vm_ops && vma->vm_ops->close)
		vma->vm_ops->close(vma);
	if (vma->vm_file)
		fput(vma->vm_file);
	put_nommu_region(vma->vm_region);
	kmem_cache_free(mm->machine->vm_area_cachep, vma);
}

/* ---- lookups ---- */

/* The first vma that addr lies in, or NULL: not the next one above. */
struct vm_area_struct *find_vma(struct mm_struct *mm, kulong addr)
{
	struct vm_area_struct *vma = vmacache_find(mm, addr);

	if (likely(vma))
		return vma;
	/* By the list: several may hold addr. */
	for (vma = mm->mmap; vma; vma = vma->vm_next) {
		if (vma->vm_start > addr)
			return NULL;
		if (vma->vm_end > addr) {
			vmacache_update(addr, vma);
			return vma;
		}
	}
	return NULL;
}

/* [addr, addr + len), bytes; sem held. */
struct vm_area_struct *find_vma_exact(struct mm_struct *mm, kulong addr,
				      kulong len)
{
	const kulong end = addr + len;
	struct vm_area_struct *vma = vmacache_find_exact(mm, addr, end);

	if (vma)
		return vma;
	for (vma = mm->mmap; vma; vma = vma->vm_next) {
		if (vma->vm_start < addr)
			continue;
		if (vma->vm_start > addr)
			return NULL;
		if (vma->vm_end == end) {
			vmacache_update(addr, vma);
			return vma;
		}
	}
	return NULL;
}

/* Stacks do not grow. */
struct vm_area_struct *find_extend_vma(struct mm_struct *mm, kulong addr)
{
	return find_vma(mm, addr);
}

int expand_stack(struct vm_area_struct *vma, kulong address)
{
	(void)vma;
	(void)address;
	return -ENOMEM;
}

/* ---- the heap: a fixed area, which the loader of a program mapped ---- */

/*
 * binfmt_elf_fdpic and binfmt_flat: the heap may grow to the end of the
 * mapping that start_brk lies in.  -EINVAL: there is none, or the addresses
 * are not in order.
 */
int set_start_brk(struct mm_struct *mm, u64 start_data, u64 end_data,
		  u64 start_brk)
{
	const struct vm_area_struct *vma;

	if (start_data > end_data || end_data > start_brk ||
	    start_brk >= TASK_SIZE)
		return -EINVAL;
	for (vma = mm->mmap; vma; vma = vma->vm_next) {
		if (vma->vm_start <= start_brk && vma->vm_end > start_brk)
			break;
	}
	if (!vma)
		return -EINVAL;
	mm->start_data = (kulong)start_data;
	mm->end_data = (kulong)end_data;
	mm->start_brk = (kulong)start_brk;
	mm->brk = (kulong)start_brk;
	mm->end_brk = vma->vm_end;
	return 0;
}

/* No lock, as in 4.13: threads that share a heap see to it themselves. */
s64 do_sys_brk(kulong brk)
{
	struct mm_struct *mm = current->mm;

	if (brk < mm->start_brk || brk > mm->end_brk)
		return (s64)mm->brk;
	if (mm->brk == brk)
		return (s64)mm->brk;
	mm->brk = brk;
	return (s64)brk;
}

void exit_mmap(struct mm_struct *mm)
{
	struct vm_area_struct *vma;

	mm->total_vm = 0;
	while ((vma = mm->mmap)) {
		mm->mmap = vma->vm_next;
		delete_vma_from_mm(vma);
		delete_vma(mm, vma);
		cond_resched();
	}
}

/* ---- what drivers and file systems call ---- */

/* Nothing can be moved: a frame is where it is, or it is refused. */
int remap_pfn_range(struct vm_area_struct *vma, kulong addr, kulong pfn,
		    kulong size, pgprot_t prot)
{
	(void)size;
	(void)prot;
	if (addr != pfn << PAGE_SHIFT)
		return -EINVAL;
	vma->vm_flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
	return 0;
}

const struct vm_operations_struct generic_file_vm_ops = {
    NULL, /* open */
    NULL, /* close */
    NULL, /* mremap */
    NULL, /* fault */
    NULL, /* map_pages */
    NULL, /* page_mkwrite */
    NULL, /* access */
};

int filemap_fault(struct vm_fault *vmf)
{
	(void)vmf;
	BUG();
}

void filemap_map_pages(struct vm_fault *vmf, pgoff_t start_pgoff,
		       pgoff_t end_pgoff)
{
	(void)vmf;
	(void)start_pgoff;
	(void)end_pgoff;
	BUG();
}

void unmap_mapping_range(struct address_space *mapping, loff_t holebegin,
			 loff_t holelen, int even_cows)
{
	(void)mapping;
	(void)holebegin;
	(void)holelen;
	(void)even_cows;
}

/* Nothing marks a page as anonymous; the question is still asked. */
bool PageAnon(struct page *page)
{
	return (KULONG(READ_ONCE(page->mapping)) & PAGE_MAPPING_ANON) != 0;
}

} /* extern "C" */
