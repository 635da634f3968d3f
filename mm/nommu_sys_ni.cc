// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system calls and services that a kernel without an MMU does not have,
 * as kernel/sys_ni.c of 4.13 and the Kconfig files see to it.
 *
 *   -ENOSYS   mprotect, madvise, mlock, mlock2, munlock, mlockall, munlockall,
 *             msync, mincore, process_vm_readv and process_vm_writev; KVM,
 *             uprobes and userfaultfd are not built
 *   -ENOEXEC  execve: binfmt_elf needs an MMU, and the model has no other
 *             loader; so there is no core dump either (-ENOSYS)
 *   -EINVAL   fork; vfork is a task that shares the mm
 *   nothing   compaction; /proc/PID/smaps and pagemap, which do not exist
 *
 * No locks.
 */
#include "mm/binfmts.h"
#include "mm/fault.h"
#include "mm/nommu.h"
#include "mm/rmap.h"
#include "mm/userfaultfd.h"

extern "C" {

s64 do_mprotect(kulong start, size_t len, kulong prot)
{
	(void)start;
	(void)len;
	(void)prot;
	return -ENOSYS;
}

s64 do_madvise(kulong start, size_t len, int behavior)
{
	(void)start;
	(void)len;
	(void)behavior;
	return -ENOSYS;
}

s64 sys_mlock(u64 start, u64 len)
{
	(void)start;
	(void)len;
	return -ENOSYS;
}

s64 sys_mlock2(u64 start, u64 len, u32 flags)
{
	(void)start;
	(void)len;
	(void)flags;
	return -ENOSYS;
}

s64 sys_munlock(u64 start, u64 len)
{
	(void)start;
	(void)len;
	return -ENOSYS;
}

s64 sys_mlockall(u32 flags)
{
	(void)flags;
	return -ENOSYS;
}

s64 sys_munlockall(void)
{
	return -ENOSYS;
}

s64 sys_msync(u64 start, u64 len, u32 flags)
{
	(void)start;
	(void)len;
	(void)flags;
	return -ENOSYS;
}

s64 sys_mincore(u64 start, u64 len, u64 vec)
{
	(void)start;
	(void)len;
	(void)vec;
	return -ENOSYS;
}

s64 process_vm_rw(struct task_struct *task, u64 local, u64 remote, u64 bytes,
		  u32 vm_write)
{
	(void)task;
	(void)local;
	(void)remote;
	(void)bytes;
	(void)vm_write;
	return -ENOSYS;
}

s64 kvm_hva_to_pfn(u64 addr, u32 write, u64 *pfn)
{
	(void)addr;
	(void)write;
	(void)pfn;
	return -ENOSYS;
}

s64 uprobe_register(struct file *file, u64 offset,
		    void (*visit)(u64 addr, u32 opcode, void *cookie),
		    void *cookie)
{
	(void)file;
	(void)offset;
	(void)visit;
	(void)cookie;
	return -ENOSYS;
}

s64 sys_fork(struct task_struct *child)
{
	(void)child;
	return -EINVAL;
}

s64 sys_execve(struct file *file, struct fl_exec *exec)
{
	(void)file;
	(void)exec;
	return -ENOEXEC;
}

s64 core_dump(u32 filter, s32 signr,
	      s32 (*emit)(const void *data, u64 bytes, void *cookie),
	      void *cookie)
{
	(void)filter;
	(void)signr;
	(void)emit;
	(void)cookie;
	return -ENOSYS;
}

int migrate_page(struct address_space *mapping, struct page *newpage,
		 struct page *page)
{
	(void)mapping;
	(void)newpage;
	(void)page;
	return -ENOSYS;
}

s64 compact_pages(u64 nr)
{
	(void)nr;
	return 0;
}

u64 proc_pid_smaps(struct mm_struct *mm, char *text, u64 bytes)
{
	(void)mm;
	if (bytes)
		*text = '\0';
	return 0;
}

u64 pagemap_read(struct mm_struct *mm, u64 addr, u64 pages, u64 *entries)
{
	(void)mm;
	(void)addr;
	(void)pages;
	(void)entries;
	return 0;
}

s64 uffdio_register(u64 start, u64 len)
{
	(void)start;
	(void)len;
	return -ENOSYS;
}

s64 uffdio_copy(u64 dst, u64 value)
{
	(void)dst;
	(void)value;
	return -ENOSYS;
}

s64 uffdio_zeropage(u64 dst)
{
	(void)dst;
	return -ENOSYS;
}

s64 uffdio_wake(u64 start, u64 len)
{
	(void)start;
	(void)len;
	return -ENOSYS;
}

} /* extern "C" */
