/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What exec and the loaders share (include/linux/binfmts.h, coredump.h).
 */
#ifndef FAULTLINE_MM_BINFMTS_H_
#define FAULTLINE_MM_BINFMTS_H_

#include "mm/interface.h"
#include "mm/mm.h"

FL_BEGIN_DECLS

#define BINPRM_BUF_SIZE 128
/* One argument at most, its NUL included, bytes. */
#define MAX_ARG_STRLEN (PAGE_SIZE * 32)
#define MAX_ARG_STRINGS 0x7fffffff

#define EXSTACK_DEFAULT 0 /* as the architecture has it */
#define EXSTACK_DISABLE_X 1
#define EXSTACK_ENABLE_X 2

/* A program that is being loaded. */
struct linux_binprm {
	char buf[BINPRM_BUF_SIZE];  /* the file's beginning, zero padded */
	struct vm_area_struct *vma; /* the stack */
	kulong vma_pages;	    /* that current's old mm is charged for */
	struct mm_struct *mm; /* one mm_users; NULL: current has it already */
	kulong p;	      /* lowest byte of the stack in use */
	struct file *file;    /* reference held */
	int argc, envc;
	const char *filename;
	kulong exec;	 /* where filename stands on the stack */
	u32 stack_shift; /* pages between STACK_TOP and the stack's end */
	kulong entry;	 /* what start_thread was told */
};

/* The highest address of a stack, bytes: before it is moved, and after. */
#define STACK_TOP_MAX TASK_SIZE
#define STACK_TOP TASK_SIZE
/* Of what 4.13 may subtract from it at random, in pages; the part that leaves
 * the area for mmap alone. */
#define STACK_RND_MASK 0x7ff

/* ---- exec.cc ---- */
/* Bytes read into the kernel's addr, fewer at the end of the file; -errno. */
int kernel_read(struct file *file, u64 offset, void *addr, kulong count);
/* A regular file with an x bit, or ERR_PTR: -EACCES, or as filp_open.  Begins
 * at the root of sb. */
struct file *open_exec(struct super_block *sb, const char *name);
/*
 * current becomes the user of bprm->mm and lets go of its old one.  From here
 * on there is no way back.  0; -EAGAIN: other tasks use the old one.
 */
int flush_old_exec(struct linux_binprm *bprm);
/* -EAGAIN: other tasks have tsk's mm too; else 0. */
int de_thread(struct task_struct *tsk);
void setup_new_exec(struct linux_binprm *bprm);
/*
 * The stack with its final permission, in its final place, and with room to
 * grow into.  0, -ENOMEM, -EFAULT, -EINTR.
 */
int setup_arg_pages(struct linux_binprm *bprm, kulong stack_top,
		    int executable_stack);

/* ---- binfmt_elf.cc ---- */
/* 0, or -errno; with bprm->mm NULL it came after the point of no return. */
int load_elf_binary(struct linux_binprm *bprm);

/* ---- interface.h's calls ---- */
s64 sys_execve(struct file *file, struct fl_exec *exec);
s64 core_dump(u32 filter, s32 signr,
	      s32 (*emit)(const void *data, u64 bytes, void *cookie),
	      void *cookie);

FL_END_DECLS

#endif /* FAULTLINE_MM_BINFMTS_H_ */
