// SPDX-License-Identifier: GPL-2.0-only
/*
 * How an address space looks from outside, after fs/proc/task_mmu.c of 4.13:
 * /proc/PID/maps (show_map_vma), and a walk over every pte in
 * place of /proc/PID/pagemap.
 *
 * Left out: [vdso] and names that ->name gives.  Every
 * file system has the device number 00:0f.
 *
 * Locks: none.  Nobody else runs while the harness looks.
 */
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/seq_file.h"
#include "mm/swapops.h"
#include "mm/sync/string.h"

void show_map_vma(struct seq_file *m, const struct vm_area_struct *vma)
{
	/* Two addresses, flags, offset, device and inode; as the kernel has
	 * it, by the size of the modelled machine's pointer. */
	const u64 width = 25 + sizeof(kulong) * 6 - 1;
	const struct mm_struct *mm = vma->vm_mm;
	const struct file *file = vma->vm_file;
	const kulong flags = vma->vm_flags;
	char line[128];

	m->pad_until = m->count + width;
	fl_snprintf(line, sizeof(line), "%08llx-%08llx %c%c%c%c %08llx ",
		    KL(vma->vm_start), KL(vma->vm_end),
		    flags & VM_READ ? 'r' : '-', flags & VM_WRITE ? 'w' : '-',
		    flags & VM_EXEC ? 'x' : '-',
		    flags & VM_MAYSHARE ? 's' : 'p',
		    file ? (u64)vma->vm_pgoff << PAGE_SHIFT : (u64)0);
	seq_puts(m, line);
	fl_snprintf(line, sizeof(line), "%02x:%02x %llu ",
		    file ? SHOW_DEV_MAJOR : 0u, file ? SHOW_DEV_MINOR : 0u,
		    file ? KL(file_inode(file)->i_ino) : (u64)0);
	seq_puts(m, line);
	if (file) {
		seq_pad(m);
		seq_file_path(m, file);
	} else if (vma->vm_start <= mm->brk && vma->vm_end >= mm->start_brk) {
		seq_pad(m);
		seq_puts(m, "[heap]");
	} else if (vma->vm_start <= mm->start_stack &&
		   vma->vm_end >= mm->start_stack) {
		seq_pad(m);
		seq_puts(m, "[stack]");
	}
	seq_putc(m, '\n');
}

/* Bytes of the text without its NUL; at most `bytes` are written with it. */
u64 proc_pid_maps(struct mm_struct *mm, char *text, u64 bytes)
{
	struct seq_file m = {text, bytes, 0, 0};
	const struct vm_area_struct *vma;

	for (vma = mm->mmap; vma; vma = vma->vm_next)
		show_map_vma(&m, vma);
	return seq_end(&m);
}

/* ---- every pte ---- */

struct pte_visitor {
	struct mm_struct *mm;
	void (*visit)(const struct fl_page_info *info, void *cookie);
	void *cookie;
};

static bool pfn_in_rom(const struct machine *machine, kulong pfn)
{
	u64 phys = (u64)pfn << PAGE_SHIFT;

	return phys >= machine->rom_phys &&
	       phys < machine->rom_phys + machine->rom_bytes;
}

static void show_pte(const struct pte_visitor *v, kulong addr, pte_t pte)
{
	const struct machine *machine = v->mm->machine;
	const kulong pfn = pte_pfn(pte);
	struct fl_page_info info;

	info.address = addr;
	info.pfn = pfn;
	info.present = pte_present(pte);
	info.write = pte_write(pte);
	info.special = pte_special(pte);
	info.rom = pfn_in_rom(machine, pfn);
	info.refcount = -1;
	info.mapcount = -1;
	if (!info.present) {
		info.backing = "in migration";
	} else if (pfn_valid(pfn)) {
		struct page *page = pfn_to_page(pfn);

		info.refcount = page_ref_count(page);
		info.mapcount = page_mapcount(page);
		if (page == machine->zero_page)
			info.backing = "zero page";
		else
			info.backing =
			    PageAnon(page) ? "anonymous" : "page cache";
	} else {
		info.backing = info.rom ? "rom" : "nothing";
	}
	v->visit(&info, v->cookie);
}

static void walk_pte_range(const struct pte_visitor *v, pmd_t *pmd, kulong addr,
			   kulong end)
{
	pte_t *ptep = pte_offset_map(pmd, addr);

	do {
		pte_t pte = fl_read_pte(ptep);

		if (!pte_none(pte))
			show_pte(v, addr, pte);
	} while (ptep++, addr += PAGE_SIZE, addr != end);
}

static void walk_pmd_range(const struct pte_visitor *v, pud_t *pud, kulong addr,
			   kulong end)
{
	pmd_t *pmd = pmd_offset(pud, addr);
	kulong next;

	do {
		next = pmd_addr_end(addr, end);
		if (!pmd_none(pmd))
			walk_pte_range(v, pmd, addr, next);
	} while (pmd++, addr = next, addr != end);
}

static void walk_pud_range(const struct pte_visitor *v, pgd_t *pgd, kulong addr,
			   kulong end)
{
	pud_t *pud = pud_offset(pgd, addr);
	kulong next;

	do {
		next = pud_addr_end(addr, end);
		if (!pud_none(pud))
			walk_pmd_range(v, pud, addr, next);
	} while (pud++, addr = next, addr != end);
}

/* Also where no vma is: an entry that unmapping left behind is shown too. */
void walk_page_info(struct mm_struct *mm,
		    void (*visit)(const struct fl_page_info *, void *),
		    void *cookie)
{
	const struct pte_visitor v = {mm, visit, cookie};
	pgd_t *pgd = pgd_offset(mm, 0);
	kulong addr = 0, next;

	do {
		next = pgd_addr_end(addr, TASK_SIZE);
		if (!pgd_none(pgd))
			walk_pud_range(&v, pgd, addr, next);
	} while (pgd++, addr = next, addr != TASK_SIZE);
}
