// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replacing a process's memory by a new program's, after fs/exec.c of 4.13:
 *
 *   bprm_mm_init, __bprm_mm_init        an mm with a stack and nothing else
 *   acct_arg_size, get_arg_page, copy_strings
 *   open_exec, kernel_read, prepare_binprm
 *   de_thread, exec_mmap, flush_old_exec, setup_new_exec
 *   shift_arg_pages, setup_arg_pages
 *   search_binary_handler, do_execveat_common (here sys_execve)
 *
 * The new mm is filled with the arguments while nobody knows it, without its
 * mmap_sem: pages come by get_user_pages_remote.  Only the reverse map can
 * find them already.  The stack's vma has VM_STACK_INCOMPLETE_SETUP for as
 * long as it may be moved, which tells migration to keep off.
 *
 * flush_old_exec is the point of no return: a failure before it leaves the
 * process as it was; one after it is SIGSEGV, as there is nothing to go back
 * to.
 *
 *   old mm's mmap_sem  read     exec_mmap: task->mm changes under it
 *   new mm's mmap_sem  write    __bprm_mm_init, setup_arg_pages
 *
 * READ_IMPLIES_EXEC, a flag of the task in 4.13, belongs to the mm here, as
 * the limits do: both go from the old mm to the new one.
 *
 * Left out: killing the other threads (with any, exec is -EAGAIN); scripts and
 * other formats; credentials, set-id, ptrace, cgroups; deny_write_access (the
 * file systems are read-only); the exe file; names (task->comm), signals,
 * close-on-exec; kernel threads that become processes.
 */
#include "mm/binfmts.h"
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/tlb.h"

/* What arguments may always take, bytes. */
#define ARG_MAX 131072
#define _STK_LIM ((kulong)8 << 20)
/* The first growth of a stack, bytes. */
#define STACK_EXPAND ((kulong)131072)

extern "C" {

static kulong vm_stack_flags(const struct mm_struct *mm)
{
	return VM_GROWSDOWN | vm_data_default_flags(mm) | VM_ACCOUNT;
}

/* ---- files ---- */

int kernel_read(struct file *file, u64 offset, void *addr, kulong count)
{
	loff_t pos = (loff_t)offset;

	if (pos < 0 || !file->f_op->read)
		return -EINVAL;
	return (int)file->f_op->read(file, (char *)addr, count, &pos);
}

/* What root may execute; -EACCES. */
static int may_exec(struct file *file)
{
	const umode_t mode = file_inode(file)->i_mode;

	return S_ISREG(mode) && (mode & 0111) ? 0 : -EACCES;
}

struct file *open_exec(struct super_block *sb, const char *name)
{
	struct file *file;
	int error = filp_open(sb, name, &file);

	if (error)
		return (struct file *)ERR_PTR(error);
	error = may_exec(file);
	if (error) {
		fput(file);
		return (struct file *)ERR_PTR(error);
	}
	return file;
}

static int prepare_binprm(struct linux_binprm *bprm)
{
	memset(bprm->buf, 0, BINPRM_BUF_SIZE);
	return kernel_read(bprm->file, 0, bprm->buf, BINPRM_BUF_SIZE);
}

/* ---- the new mm and what stands on its stack ---- */

/*
 * The old mm is charged for the pages until it goes, so that the OOM killer
 * sees who has them.
 */
static void acct_arg_size(struct linux_binprm *bprm, kulong pages)
{
	const klong diff = (klong)(pages - bprm->vma_pages);

	if (!diff)
		return;
	bprm->vma_pages = pages;
	add_mm_counter(current->mm, MM_ANONPAGES, diff);
}

/* The page of the stack at pos, referenced; NULL: no memory, or too much. */
static struct page *get_arg_page(struct linux_binprm *bprm, kulong pos)
{
	struct page *page;
	kulong size, ptr_size, limit;

	if (get_user_pages_remote(current, bprm->mm, pos, 1,
				  FOLL_FORCE | FOLL_WRITE, &page, NULL,
				  NULL) <= 0)
		return NULL;

	/* Each time all of it: the last call then has seen everything. */
	size = bprm->vma->vm_end - bprm->vma->vm_start;
	ptr_size = (kulong)(bprm->argc + bprm->envc) * sizeof(kulong);
	if (ptr_size > ~(kulong)0 - size)
		goto fail;
	size += ptr_size;
	acct_arg_size(bprm, size / PAGE_SIZE);
	if (size <= ARG_MAX)
		return page;

	limit = fl_min(_STK_LIM / 4 * 3, rlimit(RLIMIT_STACK) / 4);
	if (size > limit)
		goto fail;
	return page;
fail:
	put_page(page);
	return NULL;
}

static int __bprm_mm_init(struct linux_binprm *bprm)
{
	struct mm_struct *mm = bprm->mm;
	struct kmem_cache *cache = mm->machine->vm_area_cachep;
	struct vm_area_struct *vma;
	int err;

	vma = (struct vm_area_struct *)kmem_cache_zalloc(cache, GFP_KERNEL);
	if (!vma)
		return -ENOMEM;
	if (down_write_killable(&mm->mmap_sem)) {
		err = -EINTR;
		goto err_free;
	}
	/* As high as any stack: where it is to be is known only later. */
	vma->vm_mm = mm;
	vma->vm_end = STACK_TOP_MAX;
	vma->vm_start = vma->vm_end - PAGE_SIZE;
	vma->vm_flags = VM_SOFTDIRTY | vm_stack_flags(current->mm) |
			VM_STACK_INCOMPLETE_SETUP;
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	INIT_LIST_HEAD(&vma->anon_vma_chain);
	err = insert_vm_struct(mm, vma);
	if (err)
		goto err;
	mm->stack_vm = 1;
	mm->total_vm = 1;
	up_write(&mm->mmap_sem);
	bprm->vma = vma;
	bprm->p = vma->vm_end - sizeof(kulong);
	return 0;
err:
	up_write(&mm->mmap_sem);
err_free:
	kmem_cache_free(cache, vma);
	return err;
}

static int bprm_mm_init(struct linux_binprm *bprm)
{
	const struct mm_struct *old = current->mm;
	struct mm_struct *mm = mm_alloc(current_machine());
	int err;

	if (!mm)
		return -ENOMEM;
	for (u32 i = 0; i < RLIM_NLIMITS; i++)
		mm->rlim[i] = old->rlim[i];
	mm->read_implies_exec = old->read_implies_exec;
	bprm->mm = mm;
	err = __bprm_mm_init(bprm);
	if (err) {
		bprm->mm = NULL;
		mmdrop(mm);
	}
	return err;
}

/*
 * The strings, the last one first, below what is there: page by page from
 * above.  0, -EFAULT, -E2BIG, -EINTR (killed).
 */
static int copy_strings(int argc, const char *const *argv,
			struct linux_binprm *bprm)
{
	struct page *kmapped_page = NULL;
	char *kaddr = NULL;
	kulong kpos = 0;
	int ret = 0;

	while (argc-- > 0) {
		const char *str = argv[argc];
		kulong len, pos;

		ret = -EFAULT;
		if (!str)
			goto out;
		len = strlen(str) + 1;
		ret = -E2BIG;
		if (len > MAX_ARG_STRLEN)
			goto out;

		pos = bprm->p;
		str += len;
		bprm->p -= len;
		while (len > 0) {
			kulong offset, bytes;

			ret = -EINTR;
			if (fatal_signal_pending(current))
				goto out;
			cond_resched();

			offset = offset_in_page(pos);
			if (!offset)
				offset = PAGE_SIZE;
			bytes = fl_min(offset, len);
			offset -= bytes;
			pos -= bytes;
			str -= bytes;
			len -= bytes;
			if (!kmapped_page || kpos != (pos & PAGE_MASK)) {
				struct page *page = get_arg_page(bprm, pos);

				ret = -E2BIG;
				if (!page)
					goto out;
				if (kmapped_page) {
					kunmap(kmapped_page);
					put_page(kmapped_page);
				}
				kmapped_page = page;
				kaddr = (char *)kmap(page);
				kpos = pos & PAGE_MASK;
			}
			memcpy(kaddr + offset, str, bytes);
		}
	}
	ret = 0;
out:
	if (kmapped_page) {
		kunmap(kmapped_page);
		put_page(kmapped_page);
	}
	return ret;
}

/* ---- the point of no return ---- */

/*
 * 4.13 kills the other threads and waits for them.  Here they end when they
 * are told to by their host, so exec does not begin while there are any.
 */
int de_thread(struct task_struct *tsk)
{
	struct machine *machine = tsk->machine;
	const struct task_struct *task;
	int ret = 0;

	spin_lock(&machine->tasks_lock);
	list_for_each_entry(task, &machine->tasks, struct task_struct, tasks)
	{
		if (task != tsk && READ_ONCE(task->mm) == tsk->mm)
			ret = -EAGAIN;
	}
	spin_unlock(&machine->tasks_lock);
	return ret;
}

static void exec_mmap(struct mm_struct *mm)
{
	struct task_struct *tsk = current;
	struct mm_struct *old_mm = tsk->mm;

	/* As where a core dump of the old mm might be under way. */
	down_read(&old_mm->mmap_sem);
	task_set_mm(mm);
	leave_mm(old_mm); /* activate_mm; the next access loads the new one */
	mm->vmacache_seqnum = 0;
	vmacache_flush(tsk);
	up_read(&old_mm->mmap_sem);
	mmput(old_mm);
}

int flush_old_exec(struct linux_binprm *bprm)
{
	const int retval = de_thread(current);

	if (retval)
		return retval;
	/* The old mm is charged no more: it goes. */
	acct_arg_size(bprm, 0);
	exec_mmap(bprm->mm);
	bprm->mm = NULL;
	return 0;
}

void setup_new_exec(struct linux_binprm *bprm)
{
	struct mm_struct *mm = current->mm;

	(void)bprm;
	mm->mmap_base = mmap_base(TASK_SIZE);
	mm->task_size = TASK_SIZE;
}

/* ---- the stack's final place ---- */

/*
 * sem held for write.
 *  1. the vma covers both places, so that its pages are in it all the time
 *  2. the ptes move down
 *  3. the tables that are empty now go
 *  4. the vma shrinks to the new place
 * What a failure leaves behind goes with the process.
 */
static int shift_arg_pages(struct vm_area_struct *vma, kulong shift)
{
	struct mm_struct *mm = vma->vm_mm;
	const kulong old_start = vma->vm_start, old_end = vma->vm_end;
	const kulong length = old_end - old_start;
	const kulong new_start = old_start - shift, new_end = old_end - shift;
	struct mmu_gather tlb;

	BUG_ON(new_start > new_end);
	if (vma != find_vma(mm, new_start))
		return -EFAULT;
	if (__vma_adjust(vma, new_start, old_end, vma->vm_pgoff, NULL, NULL))
		return -ENOMEM;
	if (move_page_tables(vma, old_start, vma, new_start, length, false) !=
	    length)
		return -ENOMEM;

	tlb_gather_mmu(&tlb, mm, old_start, old_end);
	/* Where the places overlap only what is above the new one. */
	free_pgd_range(&tlb, fl_max(new_end, old_start), old_end, new_end,
		       vma->vm_next ? vma->vm_next->vm_start
				    : USER_PGTABLES_CEILING);
	tlb_finish_mmu(&tlb, old_start, old_end);

	(void)__vma_adjust(vma, new_start, new_end, vma->vm_pgoff, NULL, NULL);
	return 0;
}

/* The stack with room below, as far as the limit goes. */
static int expand_arg_stack(struct vm_area_struct *vma)
{
	const kulong size = vma->vm_end - vma->vm_start;
	const kulong rlim_stack = rlimit(RLIMIT_STACK) & PAGE_MASK;
	const kulong stack_base = size + STACK_EXPAND > rlim_stack
				      ? vma->vm_end - rlim_stack
				      : vma->vm_start - STACK_EXPAND;

	return expand_stack(vma, stack_base) ? -EFAULT : 0;
}

int setup_arg_pages(struct linux_binprm *bprm, kulong stack_top,
		    int executable_stack)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma = bprm->vma, *prev = NULL;
	kulong stack_shift, vm_flags;
	int ret;

	stack_top = PAGE_ALIGN(stack_top);
	if (unlikely(stack_top < MMAP_MIN_ADDR) ||
	    unlikely(vma->vm_end - vma->vm_start >= stack_top - MMAP_MIN_ADDR))
		return -ENOMEM;
	stack_shift = vma->vm_end - stack_top;
	bprm->p -= stack_shift;
	mm->arg_start = bprm->p;
	bprm->exec -= stack_shift;

	if (down_write_killable(&mm->mmap_sem))
		return -EINTR;
	vm_flags = vm_stack_flags(mm);
	if (executable_stack == EXSTACK_ENABLE_X)
		vm_flags |= VM_EXEC;
	else if (executable_stack == EXSTACK_DISABLE_X)
		vm_flags &= ~(kulong)VM_EXEC;
	vm_flags |= mm->def_flags | VM_STACK_INCOMPLETE_SETUP;

	ret = mprotect_fixup(vma, &prev, vma->vm_start, vma->vm_end, vm_flags);
	if (ret)
		goto out_unlock;
	BUG_ON(prev != vma);
	if (stack_shift) {
		ret = shift_arg_pages(vma, stack_shift);
		if (ret)
			goto out_unlock;
	}
	vma->vm_flags &= ~(kulong)VM_STACK_INCOMPLETE_SETUP;
	mm->start_stack = bprm->p;
	ret = expand_arg_stack(vma);
out_unlock:
	up_write(&mm->mmap_sem);
	return ret;
}

/* ---- execve ---- */

/* Strings up to the NULL. */
static int count(const char *const *argv, u32 argc)
{
	return argv && argc <= MAX_ARG_STRINGS ? (int)argc : 0;
}

static int exec_args(struct linux_binprm *bprm, const struct fl_exec *exec)
{
	int retval = copy_strings(1, &bprm->filename, bprm);

	if (retval < 0)
		return retval;
	bprm->exec = bprm->p;
	retval = copy_strings(bprm->envc, exec->envp, bprm);
	return retval < 0 ? retval : copy_strings(bprm->argc, exec->argv, bprm);
}

static int do_execve(struct linux_binprm *bprm, struct fl_exec *exec)
{
	int retval = bprm_mm_init(bprm);

	if (retval)
		return retval;
	bprm->argc = count(exec->argv, exec->argc);
	bprm->envc = count(exec->envp, exec->envc);
	retval = prepare_binprm(bprm);
	if (retval >= 0)
		retval = exec_args(bprm, exec);
	if (retval >= 0)
		retval = load_elf_binary(bprm);
	if (retval >= 0)
		return 0;
	if (bprm->mm) {
		acct_arg_size(bprm, 0);
		mmput(bprm->mm);
	} else {
		/* force_sigsegv: nobody is left to be told. */
		exec->sig = SIGSEGV;
	}
	return retval;
}

s64 sys_execve(struct file *file, struct fl_exec *exec)
{
	struct linux_binprm *bprm;
	int retval;

	exec->sig = 0;
	exec->entry = 0;
	exec->sp = 0;
	if (!current->mm || exec->stack_shift > STACK_RND_MASK)
		return -EINVAL;
	retval = may_exec(file);
	if (retval)
		return retval;
	bprm = (struct linux_binprm *)kmalloc(sizeof(*bprm),
					      GFP_KERNEL | __GFP_ZERO);
	if (!bprm)
		return -ENOMEM;
	bprm->file = get_file(file);
	bprm->filename = exec->filename;
	bprm->stack_shift = exec->stack_shift;
	retval = do_execve(bprm, exec);
	if (!retval) {
		exec->entry = bprm->entry;
		exec->sp = bprm->p;
	}
	fput(bprm->file);
	kfree(bprm);
	return retval;
}

} /* extern "C" */
