// SPDX-License-Identifier: GPL-2.0-only
/*
 * What memory a process uses, the larger half of fs/proc/task_mmu.c of 4.13:
 * /proc/PID/smaps (show_smap, smaps_pte_range, smaps_pte_entry, smaps_account,
 * show_smap_vma_flags) and /proc/PID/pagemap (pagemap_read,
 * pte_to_pagemap_entry).
 *
 * Left out: huge pages, swap, shared memory's swapped pages, protection keys;
 * their lines are there and say 0 where 4.13 prints them always.  pagemap
 * has page frame numbers, as for a reader with CAP_SYS_ADMIN.  "Soft dirty" is
 * never cleared, so it is the vma's mark; ARM, which has no such thing, shows
 * it too.
 *
 * Locks: none.  Nobody else runs while the harness looks.
 */
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/seq_file.h"
#include "mm/swapops.h"
#include "mm/sync/string.h"

#define PSS_SHIFT 12

struct mem_size_stats {
	u64 resident, shared_clean, shared_dirty, private_clean, private_dirty;
	u64 referenced, anonymous, lazyfree, swap, swap_pss;
	u64 pss; /* bytes, shifted by PSS_SHIFT */
};

static void smaps_account(struct mem_size_stats *mss, struct page *page,
			  bool young, bool dirty)
{
	const int mapcount = page_mapcount(page);
	const u64 size = PAGE_SIZE;

	if (PageAnon(page)) {
		mss->anonymous += size;
		if (!PageSwapBacked(page) && !dirty && !PageDirty(page))
			mss->lazyfree += size;
	}
	mss->resident += size;
	if (young || PageReferenced(page))
		mss->referenced += size;

	dirty = dirty || PageDirty(page);
	/* One reference is one mapping, without looking further. */
	if (page_ref_count(page) == 1 || mapcount < 2) {
		*(dirty ? &mss->private_dirty : &mss->private_clean) += size;
		mss->pss += size << PSS_SHIFT;
	} else {
		*(dirty ? &mss->shared_dirty : &mss->shared_clean) += size;
		mss->pss += (size << PSS_SHIFT) / (u64)mapcount;
	}
}

static void smaps_pte_entry(struct mem_size_stats *mss,
			    struct vm_area_struct *vma, kulong addr, pte_t pte)
{
	struct page *page = NULL;

	if (pte_present(pte))
		page = vm_normal_page(vma, addr, pte);
	else if (is_swap_pte(pte) && is_migration_entry(pte_to_swp_entry(pte)))
		page = migration_entry_to_page(pte_to_swp_entry(pte));
	if (page)
		smaps_account(mss, page, pte_young(pte), pte_dirty(pte));
}

static void show_smap_vma_flags(struct seq_file *m, kulong flags)
{
	/* By number of the bit; "??" is a flag that has no name. */
	static const char mnemonics[32][3] = {
	    "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "gd", "um", "pf",
	    "dw", "uw", "lo", "io", "sr", "rr", "dc", "de", "??", "ac", "nr",
	    "ht", "??", "ar", "??", "dd", "sd", "mm", "hg", "nh", "mg"};
	u32 i;

	seq_puts(m, "VmFlags: ");
	for (i = 0; i < BITS_PER_KULONG; i++) {
		if (!((flags >> i) & 1))
			continue;
		seq_puts(m, i < ARRAY_SIZE(mnemonics) ? mnemonics[i] : "??");
		seq_putc(m, ' ');
	}
	seq_putc(m, '\n');
}

/* The number right-aligned below the others, in kB. */
static void show_kb(struct seq_file *m, const char *name, u64 bytes)
{
	char number[24];
	u64 width = 0;

	seq_puts(m, name);
	fl_snprintf(number, sizeof(number), "%llu", KL(bytes >> 10));
	while (number[width])
		width++;
	width += strlen(name);
	for (; width < 24; width++)
		seq_putc(m, ' ');
	seq_puts(m, number);
	seq_puts(m, " kB\n");
}

static void show_smap(struct seq_file *m, struct vm_area_struct *vma)
{
	struct mem_size_stats mss;
	kulong addr = vma->vm_start;
	pte_t pte;

	memset(&mss, 0, sizeof(mss));
	while ((addr = next_pte(vma->vm_mm, addr, vma->vm_end, &pte)) <
	       vma->vm_end) {
		smaps_pte_entry(&mss, vma, addr, pte);
		addr += PAGE_SIZE;
	}

	show_map_vma(m, vma);
	show_kb(m, "Size:", vma->vm_end - vma->vm_start);
	show_kb(m, "Rss:", mss.resident);
	show_kb(m, "Pss:", mss.pss >> PSS_SHIFT);
	show_kb(m, "Shared_Clean:", mss.shared_clean);
	show_kb(m, "Shared_Dirty:", mss.shared_dirty);
	show_kb(m, "Private_Clean:", mss.private_clean);
	show_kb(m, "Private_Dirty:", mss.private_dirty);
	show_kb(m, "Referenced:", mss.referenced);
	show_kb(m, "Anonymous:", mss.anonymous);
	show_kb(m, "LazyFree:", mss.lazyfree);
	show_kb(m, "AnonHugePages:", 0);
	show_kb(m, "ShmemPmdMapped:", 0);
	show_kb(m, "Shared_Hugetlb:", 0);
	show_kb(m, "Private_Hugetlb:", 0);
	show_kb(m, "Swap:", mss.swap);
	show_kb(m, "SwapPss:", mss.swap_pss);
	show_kb(m, "KernelPageSize:", PAGE_SIZE);
	show_kb(m, "MMUPageSize:", PAGE_SIZE);
	show_kb(m, "Locked:",
		vma->vm_flags & VM_LOCKED ? mss.pss >> PSS_SHIFT : 0);
	show_smap_vma_flags(m, vma->vm_flags);
}

/* Bytes of the text without its NUL; at most `bytes` are written with it. */
u64 proc_pid_smaps(struct mm_struct *mm, char *text, u64 bytes)
{
	struct seq_file m = {text, bytes, 0, 0};
	struct vm_area_struct *vma;

	for (vma = mm->mmap; vma; vma = vma->vm_next)
		show_smap(&m, vma);
	return seq_end(&m);
}

/* ---- pagemap ---- */

#define PM_PFRAME_BITS 55
#define PM_SOFT_DIRTY ((u64)1 << 55)
#define PM_MMAP_EXCLUSIVE ((u64)1 << 56)
#define PM_FILE ((u64)1 << 61)
#define PM_SWAP ((u64)1 << 62)
#define PM_PRESENT ((u64)1 << 63)
/* Behind the five bits of the swap type that migration has on x86. */
#define MAX_SWAPFILES_SHIFT 5
#define SWP_MIGRATION_READ 30
#define SWP_MIGRATION_WRITE 31

static u64 pte_to_pagemap_entry(struct vm_area_struct *vma, kulong addr,
				pte_t pte)
{
	struct page *page = NULL;
	u64 frame = 0, flags = 0;

	if (pte_present(pte)) {
		frame = pte_pfn(pte);
		flags = PM_PRESENT;
		page = vm_normal_page(vma, addr, pte);
	} else if (is_swap_pte(pte)) {
		const swp_entry_t entry = pte_to_swp_entry(pte);

		flags = PM_SWAP;
		frame = (is_write_migration_entry(entry) ? SWP_MIGRATION_WRITE
							 : SWP_MIGRATION_READ) |
			(u64)pte_pfn(pte) << MAX_SWAPFILES_SHIFT;
		if (is_migration_entry(entry))
			page = migration_entry_to_page(entry);
	}
	if (page && !PageAnon(page))
		flags |= PM_FILE;
	if (page && page_mapcount(page) == 1)
		flags |= PM_MMAP_EXCLUSIVE;
	return (frame & (((u64)1 << PM_PFRAME_BITS) - 1)) | flags;
}

/* Outside of every vma an entry is 0, whatever the tables hold there. */
u64 pagemap_read(struct mm_struct *mm, u64 addr, u64 pages, u64 *entries)
{
	pte_t pte;
	u64 i;

	for (i = 0; i < pages && addr + (i << PAGE_SHIFT) < (u64)TASK_SIZE;
	     i++) {
		const kulong at = (kulong)(addr + (i << PAGE_SHIFT));
		struct vm_area_struct *vma = find_vma(mm, at);

		entries[i] = 0;
		if (!vma || vma->vm_start > at)
			continue;
		if (vma->vm_flags & VM_SOFTDIRTY)
			entries[i] = PM_SOFT_DIRTY;
		if (next_pte(mm, at, at + PAGE_SIZE, &pte) == at)
			entries[i] |= pte_to_pagemap_entry(vma, at, pte);
	}
	return i;
}
