// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding and making mappings, after mm/mmap.c of 4.13: find_vma,
 * find_vma_prev, find_vma_links, __vma_link, vma_link, insert_vm_struct,
 * unlink_file_vma,
 * do_mmap, mmap_region, vm_mmap_pgoff, vm_stat_account, vm_get_page_prot,
 * vma_set_page_prot, vma_wants_writenotify, copy_vma.
 *
 * FL_FIX_MMAP_REGION_UNACCT: 4.13 forgets what it charged for a private
 * writable mapping when the file's ->mmap fails.
 *
 * Left out: VM_DENYWRITE; huge pages; protection keys; personality but for
 * READ_IMPLIES_EXEC; noexec mounts; append-only files; mandatory locks; uprobes
 * and perf.  The huge page flags are refused with -ENOSYS rather than done
 * wrong.
 *
 * Locks: mmap_sem, for reading to find, for writing to change.  i_mmap_rwsem
 * of the file is taken inside it, by vma_link and unlink_file_vma.
 */
#include "mm/gup.h"
#include "mm/internal.h"

/* ---- protection ---- */

/*
 * What the hardware is told for the four bits.  A private writable page is
 * read-only until it has been copied.  Neither architecture can map a page
 * writable, or in a way only for execution, without it being readable.
 */
pgprot_t vm_get_page_prot(kulong vm_flags)
{
	pgprot_t prot = {_PAGE_PROTNONE | _PAGE_ACCESSED};

	if (!(vm_flags & (VM_READ | VM_WRITE | VM_EXEC)))
		return prot;
	prot.pgprot = _PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED;
	if (vm_flags & VM_EXEC)
		prot.pgprot |= _PAGE_EXEC;
	if ((vm_flags & (VM_WRITE | VM_SHARED)) == (VM_WRITE | VM_SHARED))
		prot.pgprot |= _PAGE_RW;
	return prot;
}

/*
 * Must the first write to a page be seen although the vma is writable?  Only
 * if the driver asks: no modelled file system accounts dirty pages.
 */
bool vma_wants_writenotify(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & (VM_WRITE | VM_SHARED)) ==
		   (VM_WRITE | VM_SHARED) &&
	       vma->vm_ops && vma->vm_ops->page_mkwrite;
}

void vma_set_page_prot(struct vm_area_struct *vma)
{
	kulong vm_flags = vma->vm_flags;
	pgprot_t prot = vm_get_page_prot(vm_flags);

	if (vma_wants_writenotify(vma))
		prot = vm_get_page_prot(vm_flags & ~(kulong)VM_SHARED);
	/* rmap walkers read it without mmap_sem */
	WRITE_ONCE(vma->vm_page_prot.pgprot, prot.pgprot);
}

void vm_stat_account(struct mm_struct *mm, kulong flags, klong pages)
{
	mm->total_vm += (kulong)pages;
	if ((flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC)
		mm->exec_vm += (kulong)pages;
	else if (flags & VM_GROWSDOWN)
		mm->stack_vm += (kulong)pages;
	else if ((flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		mm->data_vm += (kulong)pages;
}

/* ---- finding ---- */

struct vm_area_struct *find_vma(struct mm_struct *mm, kulong addr)
{
	struct vm_area_struct *vma = vmacache_find(mm, addr);
	struct rb_node *node;

	if (likely(vma))
		return vma;

	node = mm->mm_rb.rb_node;
	while (node) {
		struct vm_area_struct *at =
		    rb_entry(node, struct vm_area_struct, vm_rb);

		if (at->vm_end > addr) {
			vma = at;
			if (at->vm_start <= addr)
				break;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}

	if (vma)
		vmacache_update(addr, vma);
	return vma;
}

struct vm_area_struct *find_vma_prev(struct mm_struct *mm, kulong addr,
				     struct vm_area_struct **pprev)
{
	struct vm_area_struct *vma = find_vma(mm, addr);
	struct rb_node *node;

	if (vma) {
		*pprev = vma->vm_prev;
		return vma;
	}
	*pprev = NULL;
	for (node = mm->mm_rb.rb_node; node; node = node->rb_right)
		*pprev = rb_entry(node, struct vm_area_struct, vm_rb);
	return NULL;
}

int find_vma_links(struct mm_struct *mm, kulong addr, kulong end,
		   struct vm_area_struct **pprev, struct rb_node ***rb_link,
		   struct rb_node **rb_parent)
{
	struct rb_node **link = &mm->mm_rb.rb_node, *parent = NULL;
	struct rb_node *below = NULL;

	while (*link) {
		struct vm_area_struct *at;

		parent = *link;
		at = rb_entry(parent, struct vm_area_struct, vm_rb);
		if (at->vm_end > addr) {
			if (at->vm_start < end)
				return -ENOMEM;
			link = &parent->rb_left;
		} else {
			below = parent;
			link = &parent->rb_right;
		}
	}

	*pprev = below ? rb_entry(below, struct vm_area_struct, vm_rb) : NULL;
	*rb_link = link;
	*rb_parent = parent;
	return 0;
}

/* ---- linking ---- */

static void __vma_link_list(struct mm_struct *mm, struct vm_area_struct *vma,
			    struct vm_area_struct *prev,
			    struct rb_node *rb_parent)
{
	struct vm_area_struct *next;

	vma->vm_prev = prev;
	if (prev) {
		next = prev->vm_next;
		prev->vm_next = vma;
	} else {
		/* The new lowest: its parent in the tree was the lowest. */
		mm->mmap = vma;
		next = rb_parent
			   ? rb_entry(rb_parent, struct vm_area_struct, vm_rb)
			   : NULL;
	}
	vma->vm_next = next;
	if (next)
		next->vm_prev = vma;
}

void __vma_link_rb(struct mm_struct *mm, struct vm_area_struct *vma,
		   struct rb_node **rb_link, struct rb_node *rb_parent)
{
	if (vma->vm_next)
		vma_gap_update(vma->vm_next);
	else
		mm->highest_vm_end = vma->vm_end;

	/*
	 * The way down did not know the hole below the vma.  It goes in with
	 * none, the true one is spread upwards, and only then is the tree
	 * rebalanced, since rotations rely on right values.
	 */
	rb_link_node(&vma->vm_rb, rb_parent, rb_link);
	vma->rb_subtree_gap = 0;
	vma_gap_update(vma);
	vma_rb_insert(vma, &mm->mm_rb);
}

void __vma_link(struct mm_struct *mm, struct vm_area_struct *vma,
		struct vm_area_struct *prev, struct rb_node **rb_link,
		struct rb_node *rb_parent)
{
	__vma_link_list(mm, vma, prev, rb_parent);
	__vma_link_rb(mm, vma, rb_link, rb_parent);
}

void __vma_link_file(struct vm_area_struct *vma)
{
	struct address_space *mapping;

	if (!vma->vm_file)
		return;
	mapping = vma->vm_file->f_mapping;
	if (vma->vm_flags & VM_SHARED)
		atomic_inc(&mapping->i_mmap_writable);
	flush_dcache_mmap_lock(mapping);
	vma_interval_tree_insert(vma, &mapping->i_mmap);
	flush_dcache_mmap_unlock(mapping);
}

void vma_link(struct mm_struct *mm, struct vm_area_struct *vma,
	      struct vm_area_struct *prev, struct rb_node **rb_link,
	      struct rb_node *rb_parent)
{
	struct address_space *mapping = NULL;

	if (vma->vm_file) {
		mapping = vma->vm_file->f_mapping;
		i_mmap_lock_write(mapping);
	}
	__vma_link(mm, vma, prev, rb_link, rb_parent);
	__vma_link_file(vma);
	if (mapping)
		i_mmap_unlock_write(mapping);
	mm->map_count++;
}

int insert_vm_struct(struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct rb_node **rb_link, *rb_parent;
	struct vm_area_struct *prev;

	if (find_vma_links(mm, vma->vm_start, vma->vm_end, &prev, &rb_link,
			   &rb_parent))
		return -ENOMEM;
	if ((vma->vm_flags & VM_ACCOUNT) &&
	    security_vm_enough_memory(mm, vma_pages(vma)))
		return -ENOMEM;
	/* As if it had always been there, so that parts of it can merge. */
	if (vma_is_anonymous(vma)) {
		BUG_ON(vma->anon_vma);
		vma->vm_pgoff = vma->vm_start >> PAGE_SHIFT;
	}
	vma_link(mm, vma, prev, rb_link, rb_parent);
	return 0;
}

void __remove_shared_vm_struct(struct vm_area_struct *vma,
			       struct address_space *mapping)
{
	if (vma->vm_flags & VM_SHARED)
		atomic_dec(&mapping->i_mmap_writable);
	flush_dcache_mmap_lock(mapping);
	vma_interval_tree_remove(vma, &mapping->i_mmap);
	flush_dcache_mmap_unlock(mapping);
}

/* Hides the vma from rmap before its page tables go. */
void unlink_file_vma(struct vm_area_struct *vma)
{
	struct address_space *mapping;

	if (!vma->vm_file)
		return;
	mapping = vma->vm_file->f_mapping;
	i_mmap_lock_write(mapping);
	__remove_shared_vm_struct(vma, mapping);
	i_mmap_unlock_write(mapping);
}

struct vm_area_struct *copy_vma(struct vm_area_struct **vmap, kulong addr,
				kulong len, pgoff_t pgoff,
				bool *need_rmap_locks)
{
	struct vm_area_struct *vma = *vmap, *new_vma, *prev;
	const kulong vma_start = vma->vm_start;
	struct mm_struct *mm = vma->vm_mm;
	struct rb_node **rb_link, *rb_parent;
	bool faulted_in_anon_vma = true;

	/* Nothing refers to its offsets yet, so they may fit the new place
	 * and its neighbours. */
	if (unlikely(vma_is_anonymous(vma) && !vma->anon_vma)) {
		pgoff = addr >> PAGE_SHIFT;
		faulted_in_anon_vma = false;
	}

	if (find_vma_links(mm, addr, addr + len, &prev, &rb_link, &rb_parent))
		return NULL;
	new_vma = vma_merge(mm, prev, addr, addr + len, vma->vm_flags,
			    vma->anon_vma, vma->vm_file, pgoff);
	if (new_vma) {
		if (unlikely(vma_start >= new_vma->vm_start &&
			     vma_start < new_vma->vm_end)) {
			/* The source itself was swallowed: with pages in it
			 * its offsets would not have fitted. */
			VM_BUG_ON_VMA(faulted_in_anon_vma, new_vma);
			*vmap = vma = new_vma;
		}
		*need_rmap_locks = new_vma->vm_pgoff <= vma->vm_pgoff;
		return new_vma;
	}

	new_vma = (struct vm_area_struct *)kmem_cache_alloc(
	    mm->machine->vm_area_cachep, GFP_KERNEL);
	if (!new_vma)
		return NULL;
	*new_vma = *vma;
	new_vma->vm_start = addr;
	new_vma->vm_end = addr + len;
	new_vma->vm_pgoff = pgoff;
	INIT_LIST_HEAD(&new_vma->anon_vma_chain);
	if (anon_vma_clone(new_vma, vma)) {
		kmem_cache_free(mm->machine->vm_area_cachep, new_vma);
		return NULL;
	}
	if (new_vma->vm_file)
		get_file(new_vma->vm_file);
	if (new_vma->vm_ops && new_vma->vm_ops->open)
		new_vma->vm_ops->open(new_vma);
	vma_link(mm, new_vma, prev, rb_link, rb_parent);
	/* Equal keys go in behind: rmap comes to the new one last. */
	*need_rmap_locks = false;
	return new_vma;
}

/* ---- mmap ---- */

static const struct vm_operations_struct dummy_vm_ops = {};

/*
 * The file's half of a new vma.  ->mmap may set vm_ops, vm_flags, vm_pgoff
 * and vm_private_data and may map pages, before any other task can see the
 * vma.  On error everything is as before but for the pages it mapped.
 */
static int mmap_region_file(struct file *file, struct vm_area_struct *vma,
			    struct vm_area_struct *prev)
{
	struct mm_struct *mm = vma->vm_mm;
	const kulong vm_flags = vma->vm_flags;
	int error;

	/* With the later fix a file's vma is never taken for anonymous only
	 * because its driver has set no operations. */
	if (fl_fixed(mm->machine, FL_FIX_VMA_IS_ANONYMOUS))
		vma->vm_ops = &dummy_vm_ops;
	if (vm_flags & VM_SHARED)
		atomic_inc(&file->f_mapping->i_mmap_writable);

	vma->vm_file = get_file(file);
	error = file->f_op->mmap(file, vma);
	if (!error)
		return 0;

	/*
	 * vm_file goes first: unmap_region would otherwise take the vma out
	 * of an i_mmap where it never was.  The caller's own reference keeps
	 * the file and its mapping.
	 */
	vma->vm_file = NULL;
	fput(file);
	unmap_region(mm, vma, prev, vma->vm_start, vma->vm_end);
	if (vm_flags & VM_SHARED)
		atomic_dec(&file->f_mapping->i_mmap_writable);
	return error;
}

kulong mmap_region(struct file *file, kulong addr, kulong len, kulong vm_flags,
		   kulong pgoff)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma, *prev;
	struct rb_node **rb_link, *rb_parent;
	const kulong npages = len >> PAGE_SHIFT;
	kulong charged = 0;
	int error;

	/* What goes away to make room counts for it. */
	if (!may_expand_vm(mm, vm_flags, npages) &&
	    !may_expand_vm(mm, vm_flags,
			   npages -
			       count_vma_pages_range(mm, addr, addr + len)))
		return (kulong)-ENOMEM;

	while (
	    find_vma_links(mm, addr, addr + len, &prev, &rb_link, &rb_parent)) {
		if (do_munmap(mm, addr, len))
			return (kulong)-ENOMEM;
	}

	if (accountable_mapping(vm_flags)) {
		charged = npages;
		if (security_vm_enough_memory(mm, charged))
			return (kulong)-ENOMEM;
		vm_flags |= VM_ACCOUNT;
	}

	/* Before ->mmap: the file system does not hear of a vma that grows. */
	vma =
	    vma_merge(mm, prev, addr, addr + len, vm_flags, NULL, file, pgoff);
	if (vma)
		goto out;

	vma = (struct vm_area_struct *)kmem_cache_zalloc(
	    mm->machine->vm_area_cachep, GFP_KERNEL);
	if (!vma) {
		vm_unacct_memory(charged);
		return (kulong)-ENOMEM;
	}

	vma->vm_mm = mm;
	vma->vm_start = addr;
	vma->vm_end = addr + len;
	vma->vm_flags = vm_flags;
	vma->vm_page_prot = vm_get_page_prot(vm_flags);
	vma->vm_pgoff = pgoff;
	INIT_LIST_HEAD(&vma->anon_vma_chain);

	if (file) {
		error = mmap_region_file(file, vma, prev);
		if (error) {
			kmem_cache_free(mm->machine->vm_area_cachep, vma);
			/* 4.13 took unmap_region to have done this. */
			if (fl_fixed(mm->machine, FL_FIX_MMAP_REGION_UNACCT))
				vm_unacct_memory(charged);
			return (kulong)(klong)error;
		}
		/* prev and rb_link were found for the old place. */
		WARN_ON_ONCE(addr != vma->vm_start);
		addr = vma->vm_start;
		vm_flags = vma->vm_flags;
	} else if (vm_flags & VM_SHARED) {
		error = shmem_zero_setup(vma);
		if (error) {
			kmem_cache_free(mm->machine->vm_area_cachep, vma);
			return (kulong)(klong)error;
		}
	}

	vma_link(mm, vma, prev, rb_link, rb_parent);
	if (file && (vm_flags & VM_SHARED))
		atomic_dec(&file->f_mapping->i_mmap_writable);
out:
	vm_stat_account(mm, vm_flags, (klong)npages);
	if (vm_flags & VM_LOCKED) {
		if (vm_flags & VM_SPECIAL)
			vma->vm_flags &= VM_LOCKED_CLEAR_MASK;
		else
			mm->locked_vm += npages;
	}

	/* New or grown: it counts as dirty as a whole. */
	vma->vm_flags |= VM_SOFTDIRTY;
	vma_set_page_prot(vma);
	return addr;
}

/* A hint below what may be mapped means "as low as possible". */
static kulong round_hint_to_min(kulong hint)
{
	hint &= PAGE_MASK;
	if (hint && hint < MMAP_MIN_ADDR)
		return PAGE_ALIGN(MMAP_MIN_ADDR);
	return hint;
}

/* The checks that depend on the file, and what it adds to vm_flags. */
static int do_mmap_file(struct file *file, kulong prot, kulong flags,
			kulong *vm_flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED:
		if ((prot & PROT_WRITE) && !(file->f_mode & FMODE_WRITE))
			return -EACCES;
		*vm_flags |= VM_SHARED | VM_MAYSHARE;
		/* No write can ever come of it, so it need not count as
		 * shared; maps still says so, by VM_MAYSHARE. */
		if (!(file->f_mode & FMODE_WRITE))
			*vm_flags &= ~(kulong)(VM_MAYWRITE | VM_SHARED);
		break;
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	if (!file->f_op->mmap)
		return -ENODEV;
	if (*vm_flags & VM_GROWSDOWN)
		return -EINVAL;
	return 0;
}

kulong do_mmap(struct file *file, kulong addr, kulong len, kulong prot,
	       kulong flags, kulong pgoff, kulong *populate)
{
	const kulong known = MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS |
			     MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED |
			     MAP_NORESERVE | MAP_STACK | MAP_GROWSDOWN |
			     MAP_32BIT | MAP_POPULATE | MAP_NONBLOCK;
	struct mm_struct *mm = current->mm;
	kulong vm_flags;
	int error;

	*populate = 0;
	if (!len)
		return (kulong)-EINVAL;
	if ((prot & PROT_READ) && mm->read_implies_exec)
		prot |= PROT_EXEC;
	if (flags & ~known)
		return (kulong)-ENOSYS;
	if (!(flags & MAP_FIXED))
		addr = round_hint_to_min(addr);

	len = PAGE_ALIGN(len);
	if (!len)
		return (kulong)-ENOMEM;
	if (pgoff + (len >> PAGE_SHIFT) < pgoff)
		return (kulong)-EOVERFLOW;
	/* One more than the limit may legally exist: split_vma is stricter. */
	if (mm->map_count > (int)mm->machine->sysctl_max_map_count)
		return (kulong)-ENOMEM;

	addr = get_unmapped_area(file, addr, len, pgoff, flags);
	if (offset_in_page(addr))
		return addr;

	vm_flags = calc_vm_prot_bits(prot) |
		   (flags & MAP_LOCKED ? VM_LOCKED : 0) |
		   (flags & MAP_GROWSDOWN ? VM_GROWSDOWN : 0) | mm->def_flags |
		   VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;

	if ((flags & MAP_LOCKED) && !can_do_mlock())
		return (kulong)-EPERM;
	if (mlock_future_check(mm, vm_flags, len))
		return (kulong)-EAGAIN;

	if (file) {
		error = do_mmap_file(file, prot, flags, &vm_flags);
		if (error)
			return (kulong)(klong)error;
	} else {
		switch (flags & MAP_TYPE) {
		case MAP_SHARED:
			if (vm_flags & VM_GROWSDOWN)
				return (kulong)-EINVAL;
			pgoff = 0;
			vm_flags |= VM_SHARED | VM_MAYSHARE;
			break;
		case MAP_PRIVATE:
			/* So that neighbours fit together for anon_vma. */
			pgoff = addr >> PAGE_SHIFT;
			break;
		default:
			return (kulong)-EINVAL;
		}
	}
	/* Honoured where overcommitting is allowed at all. */
	if ((flags & MAP_NORESERVE) &&
	    mm->machine->sysctl_overcommit_memory != OVERCOMMIT_NEVER)
		vm_flags |= VM_NORESERVE;

	addr = mmap_region(file, addr, len, vm_flags, pgoff);
	if (!IS_ERR_VALUE(addr) &&
	    ((vm_flags & VM_LOCKED) ||
	     (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE))
		*populate = len;
	return addr;
}

s64 vm_mmap_pgoff(struct file *file, kulong addr, kulong len, kulong prot,
		  kulong flags, kulong pgoff)
{
	struct mm_struct *mm = current->mm;
	kulong ret, populate;

	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	ret = do_mmap(file, addr, len, prot, flags, pgoff, &populate);
	up_write(&mm->mmap_sem);
	if (populate)
		mm_populate(ret, populate);
	/* An ARM address may have its top bit set: no error unless one. */
	return IS_ERR_VALUE(ret) ? (s64)(klong)ret : (s64)ret;
}
