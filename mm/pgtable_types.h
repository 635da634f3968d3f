/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table entries of the architecture this build models.  Tables are
 * frames of the page allocator, so that each has a struct page, a lock and an
 * identity; an entry holds the physical address of what it points to.
 *
 * x86-64: four levels of 512 eight-byte entries.  ARM (classic 32-bit): two
 * levels; pgd of 2048 entries of 2 MiB (two hardware entries seen as one, as
 * Linux does), pte pages of 512 four-byte entries; pud and pmd are folded.
 * Without an MMU there are no tables, only the types.
 */
#ifndef FAULTLINE_MM_PGTABLE_TYPES_H_
#define FAULTLINE_MM_PGTABLE_TYPES_H_

#include "mm/sync/types.h"

struct page;

typedef kulong pteval_t;
typedef struct {
	pteval_t pte;
} pte_t;
typedef struct {
	kulong pmd;
} pmd_t;
typedef struct {
	kulong pud;
} pud_t;
typedef struct {
	kulong pgd;
} pgd_t;
typedef struct {
	pteval_t pgprot;
} pgprot_t;
typedef struct page *pgtable_t;
#define pgprot_val(x) ((x).pgprot)
#define pte_val(x) ((x).pte)

#ifdef CONFIG_X86_64
#define CONFIG_PGTABLE_LEVELS 4
#define PGDIR_SHIFT 39
#define PUD_SHIFT 30
#define PMD_SHIFT 21
#define PTRS_PER_PGD 512
#define PTRS_PER_PUD 512
#define PTRS_PER_PMD 512
#define PTRS_PER_PTE 512
#define TASK_SIZE (((kulong)1 << 47) - PAGE_SIZE)
/* A pte can say "no struct page behind this" by itself. */
#define __HAVE_ARCH_PTE_SPECIAL 1
#elif !defined(CONFIG_MMU)
#define CONFIG_PGTABLE_LEVELS 0
/* There is no border between user and kernel. */
#define TASK_SIZE ((kulong)0xffffffff)
#define __HAVE_ARCH_PTE_SPECIAL 0
#else
#define CONFIG_PGTABLE_LEVELS 2
#define PGDIR_SHIFT 21
#define PUD_SHIFT 21
#define PMD_SHIFT 21
#define PTRS_PER_PGD 2048
#define PTRS_PER_PUD 1
#define PTRS_PER_PMD 1
#define PTRS_PER_PTE 512
#define TASK_SIZE ((kulong)0xbf000000)
#define __HAVE_ARCH_PTE_SPECIAL 0
#endif

#ifdef CONFIG_MMU
#define PGDIR_SIZE ((kulong)1 << PGDIR_SHIFT)
#define PUD_SIZE ((kulong)1 << PUD_SHIFT)
#define PMD_SIZE ((kulong)1 << PMD_SHIFT)
#define PGDIR_MASK (~(PGDIR_SIZE - 1))
#define PUD_MASK (~(PUD_SIZE - 1))
#define PMD_MASK (~(PMD_SIZE - 1))
#endif
#define FIRST_USER_ADDRESS ((kulong)0)

/* Bits of a pte, in the model's own layout (below PAGE_SHIFT). */
#define _PAGE_PRESENT 0x001
#define _PAGE_RW 0x002
#define _PAGE_USER 0x004
#define _PAGE_EXEC 0x008
#define _PAGE_ACCESSED 0x020
#define _PAGE_DIRTY 0x040
#define _PAGE_SPECIAL 0x200 /* only where __HAVE_ARCH_PTE_SPECIAL */
#define _PAGE_PROTNONE 0x100

#endif /* FAULTLINE_MM_PGTABLE_TYPES_H_ */
