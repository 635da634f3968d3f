// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap without an MMU, after mm/nommu.c of 4.13.
 *
 *   validate_mmap_request      may it be, and as a copy or in place?
 *   determine_vm_flags
 *   do_mmap_shared_file        in place: ->mmap has the last word
 *   do_mmap_private            in place if ->mmap agrees, else as a copy
 *   do_mmap, vm_mmap_pgoff
 *
 * The address that a program asks for is ignored and MAP_FIXED is refused:
 * memory is where it is.  A file may offer to be mapped in place
 * (NOMMU_MAP_DIRECT) and then says where that is (->get_unmapped_area); else
 * its content is read into pages in a row.  Read-only private mappings of one
 * file share a region, copy or not, as long as the new one is a part of it.
 * A traced task shares nothing, because breakpoints are written into text.
 *
 * Left out: MAP_UNINITIALIZED, READ_IMPLIES_EXEC, noexec mounts, append-only
 * files and file locks, security modules, the list of free areas in the log.
 *
 * Locks: mmap_sem for writing, nommu_region_sem for writing inside it and
 * throughout, ->mmap and reading the file included.
 */
#include "mm/internal.h"
#include "mm/nommu.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"

extern "C" {

/* What the file offers, as far as this file system and open file go. */
static int file_capabilities(struct file *file, kulong *capabilities)
{
	if (file->f_op->mmap_capabilities) {
		*capabilities = file->f_op->mmap_capabilities(file);
	} else {
		switch (file_inode(file)->i_mode & S_IFMT) {
		case S_IFREG:
		case S_IFBLK:
			*capabilities = NOMMU_MAP_COPY;
			break;
		case S_IFCHR:
			*capabilities =
			    NOMMU_MAP_DIRECT | NOMMU_MAP_READ | NOMMU_MAP_WRITE;
			break;
		default:
			return -EINVAL;
		}
	}
	if (!file->f_op->get_unmapped_area)
		*capabilities &= ~(kulong)NOMMU_MAP_DIRECT;
	/* FMODE_CAN_READ */
	if (!file->f_op->read)
		*capabilities &= ~(kulong)NOMMU_MAP_COPY;
	return 0;
}

/* Those of a file: 0 and *capabilities, or -errno. */
static int validate_file_request(struct file *file, kulong prot, kulong flags,
				 kulong *capabilities)
{
	kulong caps;
	int ret;

	if (!file->f_op->mmap)
		return -ENODEV;
	ret = file_capabilities(file, &caps);
	if (ret)
		return ret;
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;

	if (flags & MAP_SHARED) {
		if ((prot & PROT_WRITE) && !(file->f_mode & FMODE_WRITE))
			return -EACCES;
		if (!(caps & NOMMU_MAP_DIRECT))
			return -ENODEV;
		/* A copy would not be shared with anybody. */
		caps &= ~(kulong)NOMMU_MAP_COPY;
	} else {
		if (!(caps & NOMMU_MAP_COPY))
			return -ENODEV;
		/* What is written to a private mapping stays private. */
		if (prot & PROT_WRITE)
			caps &= ~(kulong)NOMMU_MAP_DIRECT;
	}

	if ((caps & NOMMU_MAP_DIRECT) &&
	    (((prot & PROT_READ) && !(caps & NOMMU_MAP_READ)) ||
	     ((prot & PROT_WRITE) && !(caps & NOMMU_MAP_WRITE)) ||
	     ((prot & PROT_EXEC) && !(caps & NOMMU_MAP_EXEC)))) {
		caps &= ~(kulong)NOMMU_MAP_DIRECT;
		if (flags & MAP_SHARED) {
			pr_warn("MAP_SHARED not completely supported on !MMU");
			return -EINVAL;
		}
	}
	/* What the file cannot be executed from, a copy can. */
	if ((prot & PROT_READ) && (prot & PROT_EXEC) &&
	    !(caps & NOMMU_MAP_EXEC))
		caps &= ~(kulong)NOMMU_MAP_DIRECT;
	*capabilities = caps;
	return 0;
}

/* len, bytes; pgoff, pages.  0 and *capabilities (NOMMU_MAP_*), or -errno. */
static int validate_mmap_request(struct file *file, kulong len, kulong prot,
				 kulong flags, kulong pgoff,
				 kulong *capabilities)
{
	kulong rlen;

	if (flags & MAP_FIXED)
		return -EINVAL;
	if ((flags & MAP_TYPE) != MAP_PRIVATE &&
	    (flags & MAP_TYPE) != MAP_SHARED)
		return -EINVAL;
	if (!len)
		return -EINVAL;
	rlen = PAGE_ALIGN(len);
	if (!rlen || rlen > TASK_SIZE)
		return -ENOMEM;
	if (pgoff + (rlen >> PAGE_SHIFT) < pgoff)
		return -EOVERFLOW;

	if (file)
		return validate_file_request(file, prot, flags, capabilities);
	*capabilities = NOMMU_MAP_COPY;
	return 0;
}

static kulong determine_vm_flags(const struct file *file, kulong prot,
				 kulong flags, kulong capabilities)
{
	kulong vm_flags = calc_vm_prot_bits(prot);

	if (flags & MAP_GROWSDOWN)
		vm_flags |= VM_GROWSDOWN;
	if (flags & MAP_LOCKED)
		vm_flags |= VM_LOCKED;

	if (!(capabilities & NOMMU_MAP_DIRECT)) {
		vm_flags |= VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
		/* One copy does for all who only read it. */
		if (file && !(prot & PROT_WRITE))
			vm_flags |= VM_MAYSHARE;
	} else {
		vm_flags |= VM_MAYSHARE | (capabilities & NOMMU_VMFLAGS);
		if (flags & MAP_SHARED)
			vm_flags |= VM_SHARED;
	}
	if ((flags & MAP_PRIVATE) && READ_ONCE(current->ptrace))
		vm_flags &= ~(kulong)VM_MAYSHARE;
	return vm_flags;
}

/* 0, or what ->mmap answers; -ENODEV: it cannot be mapped in place. */
static int do_mmap_shared_file(struct vm_area_struct *vma)
{
	const int ret = vma->vm_file->f_op->mmap(vma->vm_file, vma);

	if (ret == 0) {
		vma->vm_region->vm_top = vma->vm_region->vm_end;
		return 0;
	}
	return ret == -ENOSYS ? -ENODEV : ret;
}

/*
 * The file's bytes from the vma's first page on, into its region; the rest of
 * the pages that were asked for is cleared.  0 or -errno.
 */
static int read_into_region(const struct vm_area_struct *vma, void *base,
			    kulong len)
{
	loff_t fpos = (loff_t)vma->vm_pgoff << PAGE_SHIFT;
	struct file *file = vma->vm_file;
	const s64 ret = file->f_op->read(file, (char *)base, len, &fpos);

	if (ret < 0)
		return (int)ret;
	if ((kulong)ret < len)
		memset((char *)base + ret, 0, len - (kulong)ret);
	return 0;
}

/* len, bytes, page aligned.  0, -ENOMEM, or what ->mmap or reading fails with.
 */
static int do_mmap_private(struct vm_area_struct *vma, struct vm_region *region,
			   kulong len, kulong capabilities)
{
	struct nommu *nommu = current_nommu();
	const kulong point = len >> PAGE_SHIFT;
	kulong total;
	void *base;
	int ret;

	if (capabilities & NOMMU_MAP_DIRECT) {
		ret = vma->vm_file->f_op->mmap(vma->vm_file, vma);
		if (ret == 0) {
			/* Whoever traces this task may write there. */
			BUG_ON(!(vma->vm_flags & VM_MAYSHARE));
			vma->vm_region->vm_top = vma->vm_region->vm_end;
			return 0;
		}
		if (ret != -ENOSYS)
			return ret;
	}

	/* The allocator's blocks are powers of two; all of it, unless the end
	 * is worth giving back. */
	total = (kulong)1 << get_order(len);
	if (nommu->sysctl_nr_trim_pages &&
	    total - point >= (kulong)nommu->sysctl_nr_trim_pages)
		total = point;
	base = alloc_pages_exact((u64)total << PAGE_SHIFT, GFP_KERNEL);
	if (!base) {
		pr_err("Allocation of length %lu from process %s failed",
		       KL(len), current->comm);
		return -ENOMEM;
	}
	atomic_long_add((klong)total, &nommu->mmap_pages_allocated);

	vma->vm_flags |= VM_MAPPED_COPY;
	region->vm_flags = vma->vm_flags;
	region->vm_start = page_to_pfn(virt_to_page(base)) << PAGE_SHIFT;
	region->vm_end = region->vm_start + len;
	region->vm_top = region->vm_start + (total << PAGE_SHIFT);
	vma->vm_start = region->vm_start;
	vma->vm_end = region->vm_start + len;

	ret = vma->vm_file ? read_into_region(vma, base, len) : 0;
	if (ret < 0) {
		free_page_series(region->vm_start, region->vm_top);
		region->vm_start = vma->vm_start = 0;
		region->vm_end = vma->vm_end = 0;
		region->vm_top = 0;
	}
	return ret;
}

/*
 * A region that [pgoff, pgoff + len) of the file can share: 0 and *shared, or
 * 0 and NULL; -EINVAL: one overlaps it without holding all of it, and the file
 * system does not see to sharing itself.
 */
static int find_shareable_region(struct file *file, kulong pgoff, kulong len,
				 kulong capabilities, struct vm_region **shared)
{
	const kulong pglen = (len + PAGE_SIZE - 1) >> PAGE_SHIFT;
	const kulong pgend = pgoff + pglen;
	struct rb_node *rb;

	*shared = NULL;
	for (rb = rb_first(&current_nommu()->nommu_region_tree); rb;
	     rb = rb_next(rb)) {
		struct vm_region *pregion =
		    rb_entry(rb, struct vm_region, vm_rb);
		kulong rpglen, rpgend;

		if (!(pregion->vm_flags & VM_MAYSHARE))
			continue;
		if (file_inode(pregion->vm_file) != file_inode(file))
			continue;
		if (pregion->vm_pgoff >= pgend)
			continue;
		rpglen =
		    (pregion->vm_end - pregion->vm_start + PAGE_SIZE - 1) >>
		    PAGE_SHIFT;
		rpgend = pregion->vm_pgoff + rpglen;
		if (pgoff >= rpgend)
			continue;
		if ((pregion->vm_pgoff != pgoff || rpglen != pglen) &&
		    !(pgoff >= pregion->vm_pgoff && pgend <= rpgend)) {
			if (!(capabilities & NOMMU_MAP_DIRECT)) {
				pr_warn("Attempt to share mismatched mappings");
				return -EINVAL;
			}
			continue;
		}
		*shared = pregion;
		return 0;
	}
	return 0;
}

/* The vma becomes one more user of pregion.  0 or -errno. */
static int share_region(struct vm_area_struct *vma, struct vm_region *pregion,
			kulong pgoff, kulong len)
{
	int ret = 0;

	pregion->vm_usage++;
	vma->vm_region = pregion;
	vma->vm_start =
	    pregion->vm_start + ((pgoff - pregion->vm_pgoff) << PAGE_SHIFT);
	vma->vm_end = vma->vm_start + len;
	if (pregion->vm_flags & VM_MAPPED_COPY)
		vma->vm_flags |= VM_MAPPED_COPY;
	else
		ret = do_mmap_shared_file(vma);
	if (ret < 0) {
		vma->vm_region = NULL;
		vma->vm_start = 0;
		vma->vm_end = 0;
		pregion->vm_usage--;
	}
	return ret;
}

/*
 * Where a mapping in place would lie: 0, and vma and region are there; or 0
 * and *capabilities has lost NOMMU_MAP_DIRECT, as a copy will have to do; or
 * -errno.
 */
static int place_direct(struct file *file, struct vm_area_struct *vma,
			struct vm_region *region, kulong len, kulong pgoff,
			kulong flags, kulong *capabilities)
{
	const kulong addr =
	    file->f_op->get_unmapped_area(file, 0, len, pgoff, flags);

	if (IS_ERR_VALUE(addr)) {
		if ((klong)addr != -ENOSYS)
			return (int)(klong)addr;
		if (!(*capabilities & NOMMU_MAP_COPY))
			return -ENODEV;
		*capabilities &= ~(kulong)NOMMU_MAP_DIRECT;
		return 0;
	}
	vma->vm_start = region->vm_start = addr;
	vma->vm_end = region->vm_end = addr + len;
	return 0;
}

/* Clears what has no file. */
static void clear_region(const struct vm_region *region)
{
	memset(phys_to_virt(region->vm_start), 0,
	       region->vm_end - region->vm_start);
}

/*
 * 1. may it be, and how                 validate_mmap_request
 * 2. a region and a vma, before any lock
 * 3. under nommu_region_sem: an old region that will do, or a place, or pages
 * 4. the region into the tree before its pages are cleared, as 4.13 does
 * 5. the vma into the mm
 *
 * addr is not looked at.  *populate: 0.  The address, bytes, or -errno as a
 * kulong; sem held for write.
 */
kulong do_mmap(struct file *file, kulong addr, kulong len, kulong prot,
	       kulong flags, kulong pgoff, kulong *populate)
{
	struct nommu *nommu = current_nommu();
	struct mm_struct *mm = current->mm;
	struct vm_region *region, *pregion = NULL;
	kulong capabilities, vm_flags, result;
	struct vm_area_struct *vma;
	int ret;

	(void)addr;
	*populate = 0;
	ret =
	    validate_mmap_request(file, len, prot, flags, pgoff, &capabilities);
	if (ret < 0)
		return (kulong)ret;
	len = PAGE_ALIGN(len);
	vm_flags = determine_vm_flags(file, prot, flags, capabilities);

	region = (struct vm_region *)kmem_cache_zalloc(nommu->vm_region_jar,
						       GFP_KERNEL);
	if (!region)
		return (kulong)-ENOMEM;
	vma = (struct vm_area_struct *)kmem_cache_zalloc(
	    mm->machine->vm_area_cachep, GFP_KERNEL);
	if (!vma) {
		kmem_cache_free(nommu->vm_region_jar, region);
		return (kulong)-ENOMEM;
	}
	region->vm_usage = 1;
	region->vm_flags = vm_flags;
	region->vm_pgoff = pgoff;
	INIT_LIST_HEAD(&vma->anon_vma_chain);
	vma->vm_flags = vm_flags;
	vma->vm_pgoff = pgoff;
	if (file) {
		region->vm_file = get_file(file);
		vma->vm_file = get_file(file);
	}

	down_write(&nommu->nommu_region_sem);

	if (vm_flags & VM_MAYSHARE) {
		ret = find_shareable_region(file, pgoff, len, capabilities,
					    &pregion);
		if (ret < 0)
			goto error;
		if (pregion) {
			ret = share_region(vma, pregion, pgoff, len);
			if (ret < 0)
				goto error;
			fput(region->vm_file);
			kmem_cache_free(nommu->vm_region_jar, region);
			region = pregion;
			result = vma->vm_start;
			goto share;
		}
		if (capabilities & NOMMU_MAP_DIRECT) {
			ret = place_direct(file, vma, region, len, pgoff, flags,
					   &capabilities);
			if (ret < 0)
				goto error;
		}
	}

	vma->vm_region = region;
	if (file && vma->vm_flags & VM_SHARED)
		ret = do_mmap_shared_file(vma);
	else
		ret = do_mmap_private(vma, region, len, capabilities);
	if (ret < 0)
		goto error;
	add_nommu_region(region);
	if (!vma->vm_file)
		clear_region(region);
	result = vma->vm_start;
	mm->total_vm += len >> PAGE_SHIFT;

share:
	add_vma_to_mm(mm, vma);
	if (vma->vm_flags & VM_EXEC && !region->vm_icache_flushed)
		region->vm_icache_flushed = true;
	up_write(&nommu->nommu_region_sem);
	return result;

error:
	up_write(&nommu->nommu_region_sem);
	if (region->vm_file)
		fput(region->vm_file);
	kmem_cache_free(nommu->vm_region_jar, region);
	if (vma->vm_file)
		fput(vma->vm_file);
	kmem_cache_free(mm->machine->vm_area_cachep, vma);
	return (kulong)ret;
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
	/* RAM or ROM may lie above the middle: no error unless one. */
	return IS_ERR_VALUE(ret) ? (s64)(klong)ret : (s64)ret;
}

} /* extern "C" */
