// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much a process may map, lock and promise to use: may_expand_vm,
 * accountable_mapping, count_vma_pages_range, mlock_future_check of
 * mm/mmap.c, can_do_mlock of mm/mlock.c, __vm_enough_memory, vm_commit_limit
 * of mm/util.c, check_data_rlimit of include/linux/mm.h, init_user_reserve,
 * init_admin_reserve, setrlimit as far as it stores two numbers (4.13).
 *
 * Committed memory is what private writable mappings may come to need: each
 * page of a vma with VM_ACCOUNT was charged once, by security_vm_enough_memory,
 * and is given back by vm_unacct_memory when it is unmapped.
 *
 * A process has neither CAP_SYS_ADMIN nor CAP_IPC_LOCK.  The limits belong to
 * the mm, where 4.13 has them in the signal_struct: here all tasks of an mm
 * are threads of one process.
 *
 * Left out: swap, huge pages, shmem and reclaimable slab in what counts as
 * free; totalreserve_pages (there are no watermarks); ignore_rlimit_data;
 * the message about RLIMIT_DATA.
 *
 * Locks: mmap_sem, for writing or (growing stacks) for reading; none for the
 * committed memory, which is one counter of the machine.
 */
#include "mm/internal.h"

void rlimits_init(struct mm_struct *mm)
{
	for (u32 i = 0; i < RLIM_NLIMITS; i++) {
		mm->rlim[i].rlim_cur = RLIM_INFINITY;
		mm->rlim[i].rlim_max = RLIM_INFINITY;
	}
	mm->rlim[RLIMIT_STACK].rlim_cur = STACK_LIMIT;
	mm->rlim[RLIMIT_MEMLOCK].rlim_cur = MLOCK_LIMIT;
	mm->rlim[RLIMIT_MEMLOCK].rlim_max = MLOCK_LIMIT;
}

static kulong to_rlim(u64 value)
{
	return value > RLIM_INFINITY ? RLIM_INFINITY : (kulong)value;
}

int set_rlimit(struct mm_struct *mm, u32 resource, u64 soft, u64 hard)
{
	if (resource >= RLIM_NLIMITS || soft > hard)
		return -EINVAL;
	/* Read without a lock by whoever maps. */
	WRITE_ONCE(mm->rlim[resource].rlim_max, to_rlim(hard));
	WRITE_ONCE(mm->rlim[resource].rlim_cur, to_rlim(soft));
	return 0;
}

kulong rlimit(u32 resource)
{
	return READ_ONCE(current->mm->rlim[resource].rlim_cur);
}

static kulong rlimit_max(u32 resource)
{
	return READ_ONCE(current->mm->rlim[resource].rlim_max);
}

static bool is_data_mapping(kulong vm_flags)
{
	return (vm_flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE;
}

bool may_expand_vm(struct mm_struct *mm, kulong vm_flags, kulong npages)
{
	if (mm->total_vm + npages > rlimit(RLIMIT_AS) >> PAGE_SHIFT)
		return false;

	if (is_data_mapping(vm_flags) &&
	    mm->data_vm + npages > rlimit(RLIMIT_DATA) >> PAGE_SHIFT) {
		/* A limit of 0 with room in the hard one stands for "not
		 * limited yet": a tool once set it so to keep brk from working
		 * while mmap still did. */
		return rlimit(RLIMIT_DATA) == 0 &&
		       mm->data_vm + npages <= rlimit_max(RLIMIT_DATA) >>
			   PAGE_SHIFT;
	}
	return true;
}

kulong count_vma_pages_range(struct mm_struct *mm, kulong addr, kulong end)
{
	struct vm_area_struct *vma = find_vma_intersection(mm, addr, end);
	kulong nr_pages = 0;

	for (; vma && vma->vm_start < end; vma = vma->vm_next)
		nr_pages +=
		    (fl_min(end, vma->vm_end) - fl_max(addr, vma->vm_start)) >>
		    PAGE_SHIFT;
	return nr_pages;
}

int check_data_rlimit(kulong rlim, kulong brk, kulong start, kulong end_data,
		      kulong start_data)
{
	if (rlim < RLIM_INFINITY &&
	    (brk - start) + (end_data - start_data) > rlim)
		return -ENOSPC;
	return 0;
}

/* ---- locked memory ---- */

bool can_do_mlock(void)
{
	return rlimit(RLIMIT_MEMLOCK) != 0;
}

int mlock_future_check(struct mm_struct *mm, kulong vm_flags, kulong len)
{
	if ((vm_flags & VM_LOCKED) && (len >> PAGE_SHIFT) + mm->locked_vm >
					  rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		return -EAGAIN;
	return 0;
}

/* ---- committed memory ---- */

void overcommit_init(struct machine *machine)
{
	const struct fl_machine_config *config = &machine->config;
	const u64 free_kbytes = machine->nr_free << (PAGE_SHIFT - 10);
	const u64 user =
	    free_kbytes / 32 < (1u << 17) ? free_kbytes / 32 : 1u << 17;
	const u64 admin =
	    free_kbytes / 32 < (1u << 13) ? free_kbytes / 32 : 1u << 13;

	machine->sysctl_overcommit_memory = config->overcommit_memory;
	machine->sysctl_overcommit_ratio =
	    config->overcommit_ratio ? config->overcommit_ratio : 50;
	machine->sysctl_overcommit_kbytes = (kulong)config->overcommit_kbytes;
	machine->sysctl_user_reserve_kbytes = (kulong)user;
	machine->sysctl_admin_reserve_kbytes = (kulong)admin;
}

bool accountable_mapping(kulong vm_flags)
{
	return (vm_flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) == VM_WRITE;
}

static void vm_acct_memory(struct machine *machine, klong pages)
{
	percpu_counter_add(&machine->vm_committed_as, pages);
}

void vm_unacct_memory(kulong pages)
{
	if (pages)
		vm_acct_memory(current_machine(), -(klong)pages);
}

static klong vm_commit_limit(const struct machine *machine)
{
	if (machine->sysctl_overcommit_kbytes)
		return (klong)(machine->sysctl_overcommit_kbytes >>
			       (PAGE_SHIFT - 10));
	return (klong)((u64)machine->ram_pages *
		       machine->sysctl_overcommit_ratio / 100);
}

/* What could be had at once, page cache included as it can be dropped. */
static bool enough_free(const struct machine *machine, klong pages)
{
	klong free = (klong)READ_ONCE(machine->nr_free);

	free += (klong)percpu_counter_read_positive(&machine->nr_file_pages);
	/* Shared memory is in the page cache but cannot be dropped. */
	free -= (klong)percpu_counter_read(&machine->nr_shmem);
	if (free <= 0)
		return false;
	free -=
	    (klong)(machine->sysctl_admin_reserve_kbytes >> (PAGE_SHIFT - 10));
	return free > pages;
}

int security_vm_enough_memory(struct mm_struct *mm, kulong npages)
{
	struct machine *machine = current_machine();
	const klong pages = (klong)npages;
	klong allowed;

	/* First, so that two that ask at once see each other. */
	vm_acct_memory(machine, pages);

	if (machine->sysctl_overcommit_memory == OVERCOMMIT_ALWAYS)
		return 0;
	if (machine->sysctl_overcommit_memory == OVERCOMMIT_GUESS) {
		if (enough_free(machine, pages))
			return 0;
		goto error;
	}

	allowed = vm_commit_limit(machine);
	allowed -=
	    (klong)(machine->sysctl_admin_reserve_kbytes >> (PAGE_SHIFT - 10));
	/* One process alone must not take what its user needs to kill it. */
	if (mm)
		allowed -= (klong)fl_min(
		    mm->total_vm / 32,
		    machine->sysctl_user_reserve_kbytes >> (PAGE_SHIFT - 10));
	if (percpu_counter_read_positive(&machine->vm_committed_as) < allowed)
		return 0;
error:
	vm_unacct_memory((kulong)pages);
	return -ENOMEM;
}
