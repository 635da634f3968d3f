// SPDX-License-Identifier: GPL-2.0-only
/*
 * How an address space without an MMU looks from outside, after
 * fs/proc/task_nommu.c of 4.13: /proc/PID/maps (nommu_vma_show); and every page
 * of its vmas, as if each had an entry somewhere.
 *
 * The fourth letter of the permissions is S for a mapping made with MAP_SHARED
 * and s for a private one that others may share.
 *
 * Left out: [stack]; device numbers, as in task_mmu.cc.
 * Locks: none.  Nobody else runs while the harness looks.
 */
#include "mm/fault.h"
#include "mm/nommu.h"
#include "mm/seq_file.h"

void show_map_vma(struct seq_file *m, const struct vm_area_struct *vma)
{
	const u64 width = 25 + sizeof(kulong) * 6 - 1;
	const struct file *file = vma->vm_file;
	const kulong flags = vma->vm_flags;
	const char shared = flags & VM_SHARED ? 'S' : 's';
	char line[128];

	m->pad_until = m->count + width;
	fl_snprintf(line, sizeof(line), "%08llx-%08llx %c%c%c%c %08llx ",
		    KL(vma->vm_start), KL(vma->vm_end),
		    flags & VM_READ ? 'r' : '-', flags & VM_WRITE ? 'w' : '-',
		    flags & VM_EXEC ? 'x' : '-',
		    flags & VM_MAYSHARE ? shared : 'p',
		    file ? (u64)vma->vm_pgoff << PAGE_SHIFT : (u64)0);
	seq_puts(m, line);
	fl_snprintf(line, sizeof(line), "%02x:%02x %llu ",
		    file ? SHOW_DEV_MAJOR : 0u, file ? SHOW_DEV_MINOR : 0u,
		    file ? KL(file_inode(file)->i_ino) : (u64)0);
	seq_puts(m, line);
	if (file) {
		seq_pad(m);
		seq_file_path(m, file);
	}
	seq_putc(m, '\n');
}

/* Bytes of the text without its NUL; at most `bytes` are written with it. */
u64 proc_pid_maps(struct mm_struct *mm, char *text, u64 bytes)
{
	struct seq_file m = {text, bytes, 0, 0};
	struct rb_node *p;

	for (p = rb_first(&mm->mm_rb); p; p = rb_next(p))
		show_map_vma(&m, rb_entry(p, struct vm_area_struct, vm_rb));
	return seq_end(&m);
}

void walk_page_info(struct mm_struct *mm,
		    void (*visit)(const struct fl_page_info *, void *),
		    void *cookie)
{
	const struct machine *machine = mm->machine;
	const struct vm_area_struct *vma;

	for (vma = mm->mmap; vma; vma = vma->vm_next) {
		kulong addr = vma->vm_start & PAGE_MASK;

		for (; addr < vma->vm_end; addr += PAGE_SIZE) {
			const char *at = (const char *)phys_to_virt(addr);
			struct fl_page_info info = {};

			info.address = addr;
			info.pfn = addr >> PAGE_SHIFT;
			info.present = at != NULL;
			info.write = (vma->vm_flags & VM_WRITE) != 0;
			info.rom = at && in_rom(machine, at);
			info.refcount = -1;
			info.mapcount = -1;
			info.backing = "nothing";
			if (pfn_valid((kulong)info.pfn)) {
				info.refcount = page_ref_count(
				    pfn_to_page((kulong)info.pfn));
				info.mapcount = 0;
				info.backing =
				    vma->vm_file ? "copy" : "anonymous";
			} else if (info.rom) {
				info.backing = "rom";
			}
			visit(&info, cookie);
		}
	}
}
