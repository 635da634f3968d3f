// SPDX-License-Identifier: GPL-2.0-only
/*
 * An atomic operation by the kernel on a word of user memory, as the futex
 * system call makes it (kernel/futex.c of 4.13).
 *
 *   futex_op                   futex_wake_op, its part that touches memory
 *   futex_atomic_op_inuser     with page faults disabled: -EFAULT at once
 *   fault_in_user_writeable    mmap_sem, fixup_user_fault without `unlocked`
 *
 * Left out: hash buckets, waiters and keys: nothing is waited for here.
 */
#include "mm/fault.h"
#include "mm/mm.h"
#include "mm/sync/sched.h"

extern "C" {

static int futex_atomic_op_inuser(kulong uaddr, u32 value)
{
	u64 wide = value;
	u32 error_code;

	return mmu_access(FL_STORE, uaddr, sizeof(value), &wide, &error_code);
}

static int fault_in_user_writeable(kulong uaddr)
{
	struct mm_struct *mm = current->mm;
	int ret;

	down_read(&mm->mmap_sem);
	ret = fixup_user_fault(current, mm, uaddr, FAULT_FLAG_WRITE, NULL);
	up_read(&mm->mmap_sem);
	return ret < 0 ? ret : 0;
}

s64 futex_op(u64 addr, u32 value)
{
	int ret;

	if (addr % sizeof(value))
		return -EINVAL;
	if (addr > (u64)TASK_SIZE - sizeof(value))
		return -EFAULT;
	for (;;) {
		ret = futex_atomic_op_inuser((kulong)addr, value);
		if (ret != -EFAULT)
			return ret;
		ret = fault_in_user_writeable((kulong)addr);
		if (ret)
			return ret;
	}
}

} /* extern "C" */
