/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Getting hold of user pages (the GUP half of include/linux/mm.h).
 *
 * Functions that return klong give pages done, possibly fewer than asked, or
 * -errno when there are none: -EFAULT (no mapping, no permission, or VM_IO or
 * VM_PFNMAP), -ENOMEM, -EHWPOISON, -ERESTARTSYS (a fatal signal is pending).
 * Every page given out carries a reference of its own; give it back with
 * put_page.  "sem" is the mm's mmap_sem.
 */
#ifndef FAULTLINE_MM_GUP_H_
#define FAULTLINE_MM_GUP_H_

#include "mm/mm.h"

FL_BEGIN_DECLS

#define FOLL_WRITE 0x01      /* the pte has to be writable */
#define FOLL_TOUCH 0x02      /* mark the page accessed */
#define FOLL_GET 0x04        /* take a reference */
#define FOLL_DUMP 0x08       /* -EFAULT for what would read as zeroes */
#define FOLL_FORCE 0x10      /* whatever the vma's present permission */
#define FOLL_NOWAIT 0x20     /* do not wait for a locked page */
#define FOLL_POPULATE 0x40   /* fault pages in */
#define FOLL_HWPOISON 0x100  /* tell poisoned pages from others */
#define FOLL_NUMA 0x200      /* a prot-none pte is no page */
#define FOLL_TRIED 0x800     /* a retry: may not be asked to retry again */
#define FOLL_MLOCK 0x1000    /* mark pages of a locked vma */
#define FOLL_REMOTE 0x2000   /* perhaps another process's mm */
#define FOLL_COW 0x4000      /* internal: the copy has been made */

/*
 * The page that vma maps at address, NULL when there is none yet (fault it
 * in), ERR_PTR(-EEXIST) for a frame without a page, ERR_PTR(-EFAULT) for one
 * that must not be followed.  sem held.
 */
struct page *follow_page_mask(struct vm_area_struct *vma, kulong address,
			      u32 flags);
static inline struct page *follow_page(struct vm_area_struct *vma,
				       kulong address, u32 foll_flags)
{
	return follow_page_mask(vma, address, foll_flags);
}

/*
 * sem held for read.  pages: NULL or room for nr_pages; vmas likewise.
 * nonblocking: NULL, or set to 0 when sem was dropped on the way.
 */
klong __get_user_pages(struct task_struct *task, struct mm_struct *mm,
		       kulong start, kulong nr_pages, u32 gup_flags,
		       struct page **pages, struct vm_area_struct **vmas,
		       int *nonblocking);
/* Of current->mm; sem held for read on entry and exit. */
klong get_user_pages(kulong start, kulong nr_pages, u32 gup_flags,
		     struct page **pages, struct vm_area_struct **vmas);
/* sem held for read on entry, and on exit unless *locked became 0. */
klong get_user_pages_locked(kulong start, kulong nr_pages, u32 gup_flags,
			    struct page **pages, int *locked);
/* sem not held. */
klong get_user_pages_unlocked(kulong start, kulong nr_pages,
			      struct page **pages, u32 gup_flags);
/* task may be NULL; locked NULL: sem is never dropped. */
klong get_user_pages_remote(struct task_struct *task, struct mm_struct *mm,
			    kulong start, kulong nr_pages, u32 gup_flags,
			    struct page **pages, struct vm_area_struct **vmas,
			    int *locked);
/* For a core dump: NULL where a hole in the file will do.  sem held. */
struct page *get_dump_page(kulong addr);

/* Of current->mm, without sem or page-table lock; never faults: what is not
 * there is missing.  Pages, 0 or more. */
int __get_user_pages_fast(kulong start, int nr_pages, int write,
			  struct page **pages);
/* The same, then get_user_pages_unlocked for the rest. */
int get_user_pages_fast(kulong start, int nr_pages, int write,
			struct page **pages);

/* [start, end), bytes, within vma: fault in and, if VM_LOCKED, mark. */
klong populate_vma_page_range(struct vm_area_struct *vma, kulong start,
			      kulong end, int *nonblocking);
/* Page aligned.  0 or -errno (mlock(2) has its own); sem not held. */
int __mm_populate(kulong start, kulong len, int ignore_errors);
static inline void mm_populate(kulong start, kulong len)
{
	(void)__mm_populate(start, len, 1);
}

FL_END_DECLS

#endif /* FAULTLINE_MM_GUP_H_ */
