// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading ELF programs, after fs/binfmt_elf.c of 4.13: load_elf_binary,
 * load_elf_phdrs, total_mapping_size, elf_map, load_elf_interp, set_brk,
 * padzero; and elf_check_arch of x86 and ARM.  The core dump is in
 * elf_core.cc, the tables on the stack are in elf_tables.cc.
 *
 * Up to flush_old_exec nothing of the process has changed and the error is
 * told; after it every error ends the process.
 *
 *   1. header, program headers, interpreter's name, its header and headers
 *   2. flush_old_exec: another mm
 *   3. the stack where it is to be
 *   4. the segments; the first one of a program without a fixed place is
 *      mapped over the whole range, so that the range is free for all
 *   5. bss and heap, before the interpreter might take their place
 *   6. the rest of the last page of data is cleared: a write fault by the
 *      kernel on a file mapping
 *   7. the interpreter, the same way
 *   8. the tables on the stack
 *
 * No lock is held on entry or exit, nor across a step: each mapping takes
 * mmap_sem for writing, each access to user memory may take it for reading.
 *
 * Left out: randomisation (addresses are those of a system without it), vDSO,
 * sigpage and the gate page; other personalities and compat programs; shared
 * libraries by uselib; MAP_DENYWRITE has no effect on a read-only file system.
 */
#include "mm/binfmts.h"
#include "mm/elf.h"
#include "mm/elf_tables.h"
#include "mm/internal.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/uaccess.h"

#define BAD_ADDR(x) ((x) >= TASK_SIZE)

extern "C" {

/* In one object, as it is too large for a kernel stack. */
struct elf_loc {
	struct elfhdr elf_ex, interp_elf_ex;
};

/* What load_elf_binary works on, beside bprm. */
struct elf_load {
	struct linux_binprm *bprm;
	struct elf_loc *loc;
	struct elf_phdr *elf_phdata, *interp_elf_phdata;
	char *elf_interpreter;
	struct file *interpreter;
	int executable_stack;
	/* Of the program, before load_bias is added, bytes. */
	kulong elf_bss, elf_brk, start_code, end_code, start_data, end_data;
	int bss_prot;
	kulong load_addr, load_bias, interp_load_addr, elf_entry;
};

#ifdef CONFIG_X86_64
static bool elf_check_arch(const struct elfhdr *x)
{
	return x->e_machine == EM_X86_64;
}
static bool elf_read_implies_exec(int executable_stack)
{
	return executable_stack != EXSTACK_DISABLE_X;
}
#else
/* A processor with Thumb and VFP, and without 26-bit modes. */
static bool elf_check_arch(const struct elfhdr *x)
{
	if (x->e_machine != EM_ARM)
		return false;
	/* Thumb, or a whole instruction. */
	if (!(x->e_entry & 1) && (x->e_entry & 3))
		return false;
	return (x->e_flags & EF_ARM_EABI_MASK) != EF_ARM_EABI_UNKNOWN ||
	       !(x->e_flags & EF_ARM_APCS_26);
}
static bool elf_read_implies_exec(int executable_stack)
{
	return executable_stack != EXSTACK_DISABLE_X;
}
#endif

static kulong elf_prot(const struct elf_phdr *phdr)
{
	return (phdr->p_flags & PF_R ? PROT_READ : 0) |
	       (phdr->p_flags & PF_W ? PROT_WRITE : 0) |
	       (phdr->p_flags & PF_X ? PROT_EXEC : 0);
}

/* ---- step 1 ---- */

/* The program headers, or NULL whatever is wrong with them. */
static struct elf_phdr *load_elf_phdrs(const struct elfhdr *elf_ex,
				       struct file *elf_file)
{
	struct elf_phdr *elf_phdata;
	u32 size;

	if (elf_ex->e_phentsize != sizeof(struct elf_phdr))
		return NULL;
	if (elf_ex->e_phnum < 1 ||
	    elf_ex->e_phnum > 65536u / sizeof(struct elf_phdr))
		return NULL;
	size = (u32)sizeof(struct elf_phdr) * elf_ex->e_phnum;
	if (size > PAGE_SIZE)
		return NULL;
	elf_phdata = (struct elf_phdr *)kmalloc(size, GFP_KERNEL);
	if (!elf_phdata)
		return NULL;
	if (kernel_read(elf_file, elf_ex->e_phoff, elf_phdata, size) !=
	    (int)size) {
		kfree(elf_phdata);
		return NULL;
	}
	return elf_phdata;
}

/* Opens the interpreter that phdr names and reads its header. */
static int open_interpreter(struct elf_load *l, const struct elf_phdr *phdr)
{
	struct elfhdr *interp_elf_ex = &l->loc->interp_elf_ex;
	struct file *file = l->bprm->file;
	int retval;

	if (phdr->p_filesz > PATH_MAX || phdr->p_filesz < 2)
		return -ENOEXEC;
	l->elf_interpreter = (char *)kmalloc(phdr->p_filesz, GFP_KERNEL);
	if (!l->elf_interpreter)
		return -ENOMEM;
	retval = kernel_read(file, phdr->p_offset, l->elf_interpreter,
			     phdr->p_filesz);
	if (retval != (int)phdr->p_filesz)
		return retval < 0 ? retval : -EIO;
	if (l->elf_interpreter[phdr->p_filesz - 1] != '\0')
		return -ENOEXEC;

	/* The one file system there is holds both. */
	l->interpreter = open_exec(file_inode(file)->i_sb, l->elf_interpreter);
	if (IS_ERR(l->interpreter)) {
		retval = (int)PTR_ERR(l->interpreter);
		l->interpreter = NULL;
		return retval;
	}
	retval = kernel_read(l->interpreter, 0, interp_elf_ex,
			     sizeof(*interp_elf_ex));
	if (retval != (int)sizeof(*interp_elf_ex))
		return retval < 0 ? retval : -EIO;
	return 0;
}

static int read_headers(struct elf_load *l)
{
	struct elfhdr *elf_ex = &l->loc->elf_ex;
	struct elfhdr *interp_elf_ex = &l->loc->interp_elf_ex;
	struct file *file = l->bprm->file;
	int i, retval;

	memcpy(elf_ex, l->bprm->buf, sizeof(*elf_ex));
	if (memcmp(elf_ex->e_ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	if (elf_ex->e_type != ET_EXEC && elf_ex->e_type != ET_DYN)
		return -ENOEXEC;
	if (!elf_check_arch(elf_ex) || !file->f_op->mmap)
		return -ENOEXEC;
	l->elf_phdata = load_elf_phdrs(elf_ex, file);
	if (!l->elf_phdata)
		return -ENOEXEC;

	/* The first name counts, the last word about the stack. */
	for (i = 0; i < elf_ex->e_phnum; i++) {
		if (l->elf_phdata[i].p_type != PT_INTERP)
			continue;
		retval = open_interpreter(l, &l->elf_phdata[i]);
		if (retval)
			return retval;
		break;
	}
	for (i = 0; i < elf_ex->e_phnum; i++) {
		if (l->elf_phdata[i].p_type == PT_GNU_STACK)
			l->executable_stack = l->elf_phdata[i].p_flags & PF_X
						  ? EXSTACK_ENABLE_X
						  : EXSTACK_DISABLE_X;
	}
	if (!l->interpreter)
		return 0;
	if (memcmp(interp_elf_ex->e_ident, ELFMAG, SELFMAG) != 0 ||
	    !elf_check_arch(interp_elf_ex))
		return -ELIBBAD;
	l->interp_elf_phdata = load_elf_phdrs(interp_elf_ex, l->interpreter);
	return l->interp_elf_phdata ? 0 : -ELIBBAD;
}

/* ---- mapping ---- */

static kulong vm_mmap(struct file *file, kulong addr, kulong len, kulong prot,
		      kulong flag, kulong offset)
{
	if (offset + PAGE_ALIGN(len) < offset || offset_in_page(offset))
		return (kulong)-EINVAL;
	return (kulong)vm_mmap_pgoff(file, addr, len, prot, flag,
				     offset >> PAGE_SHIFT);
}

/*
 * Maps one segment's part of the file.  total_size, bytes: of the whole image,
 * when addr is still to be found; 0 when it is known.
 */
static kulong elf_map(struct file *filep, kulong addr,
		      const struct elf_phdr *eppnt, kulong prot, kulong type,
		      kulong total_size)
{
	kulong size = eppnt->p_filesz + ELF_PAGEOFFSET(eppnt->p_vaddr);
	const kulong off = eppnt->p_offset - ELF_PAGEOFFSET(eppnt->p_vaddr);
	kulong map_addr;

	addr = ELF_PAGESTART(addr);
	size = ELF_PAGEALIGN(size);
	/* A segment may be all bss. */
	if (!size)
		return addr;
	if (!total_size)
		return vm_mmap(filep, addr, size, prot, type, off);

	total_size = ELF_PAGEALIGN(total_size);
	map_addr = vm_mmap(filep, addr, total_size, prot, type, off);
	if (!BAD_ADDR(map_addr))
		(void)vm_munmap(map_addr + size, total_size - size);
	return map_addr;
}

/* Bytes from the first segment's page to the last one's end; 0: none. */
static kulong total_mapping_size(const struct elf_phdr *cmds, int nr)
{
	int i, first_idx = -1, last_idx = -1;

	for (i = 0; i < nr; i++) {
		if (cmds[i].p_type != PT_LOAD)
			continue;
		last_idx = i;
		if (first_idx == -1)
			first_idx = i;
	}
	if (first_idx == -1)
		return 0;
	return cmds[last_idx].p_vaddr + cmds[last_idx].p_memsz -
	       ELF_PAGESTART(cmds[first_idx].p_vaddr);
}

/* Would [k, k + p_memsz) not be user space? */
static bool segment_overflows(const struct elf_phdr *eppnt, kulong k)
{
	return BAD_ADDR(k) || eppnt->p_filesz > eppnt->p_memsz ||
	       eppnt->p_memsz > TASK_SIZE || TASK_SIZE - eppnt->p_memsz < k;
}

/* ---- bss ---- */

static int set_brk(kulong start, kulong end, int prot)
{
	start = ELF_PAGEALIGN(start);
	end = ELF_PAGEALIGN(end);
	if (end > start) {
		const int error = vm_brk_flags(start, end - start,
					       prot & PROT_EXEC ? VM_EXEC : 0);

		if (error)
			return error;
	}
	current->mm->start_brk = end;
	current->mm->brk = end;
	return 0;
}

/* The rest of the page holds the file's next bytes, or another file's. */
static int padzero(kulong elf_bss)
{
	const kulong nbyte = ELF_PAGEOFFSET(elf_bss);

	if (nbyte && clear_user(elf_bss, PAGE_SIZE - nbyte))
		return -EFAULT;
	return 0;
}

/* ---- step 4 ---- */

/*
 * The bss of a segment that is not the last one.  That the clearing may fail
 * is let pass: an odd program may have made its bss read-only.
 */
static int middle_bss(const struct elf_load *l)
{
	kulong nbyte = ELF_PAGEOFFSET(l->elf_bss);
	const int retval = set_brk(l->elf_bss + l->load_bias,
				   l->elf_brk + l->load_bias, l->bss_prot);

	if (retval)
		return retval;
	if (nbyte)
		(void)clear_user(
		    l->elf_bss + l->load_bias,
		    fl_min(PAGE_SIZE - nbyte, l->elf_brk - l->elf_bss));
	return 0;
}

/* What the segment adds to the bounds of the program. */
static void note_bounds(struct elf_load *l, const struct elf_phdr *elf_ppnt)
{
	kulong k = elf_ppnt->p_vaddr + elf_ppnt->p_filesz;

	if (k > l->elf_bss)
		l->elf_bss = k;
	if ((elf_ppnt->p_flags & PF_X) && l->end_code < k)
		l->end_code = k;
	if (l->end_data < k)
		l->end_data = k;
	k = elf_ppnt->p_vaddr + elf_ppnt->p_memsz;
	if (k > l->elf_brk) {
		l->bss_prot = (int)elf_prot(elf_ppnt);
		l->elf_brk = k;
	}
}

static int map_segment(struct elf_load *l, const struct elf_phdr *elf_ppnt,
		       bool *load_addr_set)
{
	const struct elfhdr *elf_ex = &l->loc->elf_ex;
	const kulong vaddr = elf_ppnt->p_vaddr;
	kulong elf_flags = MAP_PRIVATE | MAP_DENYWRITE | MAP_EXECUTABLE;
	kulong total_size = 0, error;

	if (elf_ex->e_type == ET_EXEC || *load_addr_set) {
		elf_flags |= MAP_FIXED;
	} else {
		/*
		 * A program goes to a place of its own; what has no
		 * interpreter may be one itself, and goes where mappings go,
		 * out of the way of the program that it is to load.
		 */
		if (l->elf_interpreter) {
			l->load_bias = ELF_ET_DYN_BASE;
			elf_flags |= MAP_FIXED;
		}
		l->load_bias = ELF_PAGESTART(l->load_bias - vaddr);
		total_size = total_mapping_size(l->elf_phdata, elf_ex->e_phnum);
		if (!total_size)
			return -EINVAL;
	}

	error = elf_map(l->bprm->file, l->load_bias + vaddr, elf_ppnt,
			elf_prot(elf_ppnt), elf_flags, total_size);
	if (BAD_ADDR(error))
		return IS_ERR_VALUE(error) ? (int)(klong)error : -EINVAL;

	if (!*load_addr_set) {
		*load_addr_set = true;
		l->load_addr = vaddr - elf_ppnt->p_offset;
		if (elf_ex->e_type == ET_DYN) {
			l->load_bias +=
			    error - ELF_PAGESTART(l->load_bias + vaddr);
			l->load_addr += l->load_bias;
		}
	}
	if (vaddr < l->start_code)
		l->start_code = vaddr;
	if (l->start_data < vaddr)
		l->start_data = vaddr;
	/* Only now, with the segment mapped, but before a sum may wrap. */
	if (segment_overflows(elf_ppnt, vaddr))
		return -EINVAL;
	note_bounds(l, elf_ppnt);
	return 0;
}

static int map_program(struct elf_load *l)
{
	const struct elfhdr *elf_ex = &l->loc->elf_ex;
	bool load_addr_set = false;
	int i, retval;

	l->start_code = ~(kulong)0;
	for (i = 0; i < elf_ex->e_phnum; i++) {
		if (l->elf_phdata[i].p_type != PT_LOAD)
			continue;
		if (l->elf_brk > l->elf_bss) {
			retval = middle_bss(l);
			if (retval)
				return retval;
		}
		retval = map_segment(l, &l->elf_phdata[i], &load_addr_set);
		if (retval)
			return retval;
	}
	l->loc->elf_ex.e_entry += l->load_bias;
	l->elf_bss += l->load_bias;
	l->elf_brk += l->load_bias;
	l->start_code += l->load_bias;
	l->end_code += l->load_bias;
	l->start_data += l->load_bias;
	l->end_data += l->load_bias;
	return 0;
}

/* ---- step 7 ---- */

/* What its addresses were moved by, or -errno as a kulong. */
static kulong load_elf_interp(struct elf_load *l)
{
	const struct elfhdr *ex = &l->loc->interp_elf_ex;
	kulong load_addr = 0, last_bss = 0, elf_bss = 0, total_size;
	bool load_addr_set = false;
	int bss_prot = 0, error, i;

	if (ex->e_type != ET_EXEC && ex->e_type != ET_DYN)
		return ~(kulong)0;
	if (!l->interpreter->f_op->mmap)
		return ~(kulong)0;
	total_size = total_mapping_size(l->interp_elf_phdata, ex->e_phnum);
	if (!total_size)
		return (kulong)-EINVAL;

	for (i = 0; i < ex->e_phnum; i++) {
		const struct elf_phdr *eppnt = &l->interp_elf_phdata[i];
		kulong elf_type = MAP_PRIVATE | MAP_DENYWRITE;
		const kulong vaddr = eppnt->p_vaddr;
		kulong k, map_addr;

		if (eppnt->p_type != PT_LOAD)
			continue;
		if (ex->e_type == ET_EXEC || load_addr_set)
			elf_type |= MAP_FIXED;
		else if (l->load_bias)
			load_addr = (kulong)0 - vaddr;

		map_addr = elf_map(l->interpreter, load_addr + vaddr, eppnt,
				   elf_prot(eppnt), elf_type, total_size);
		total_size = 0;
		if (BAD_ADDR(map_addr))
			return map_addr;
		if (!load_addr_set && ex->e_type == ET_DYN) {
			load_addr = map_addr - ELF_PAGESTART(vaddr);
			load_addr_set = true;
		}

		k = load_addr + vaddr;
		if (segment_overflows(eppnt, k))
			return (kulong)-ENOMEM;
		k += eppnt->p_filesz;
		if (k > elf_bss)
			elf_bss = k;
		k = load_addr + vaddr + eppnt->p_memsz;
		if (k > last_bss) {
			last_bss = k;
			bss_prot = (int)elf_prot(eppnt);
		}
	}

	if (padzero(elf_bss))
		return (kulong)-EFAULT;
	elf_bss = ELF_PAGEALIGN(elf_bss);
	last_bss = ELF_PAGEALIGN(last_bss);
	if (last_bss > elf_bss) {
		error = vm_brk_flags(elf_bss, last_bss - elf_bss,
				     bss_prot & PROT_EXEC ? VM_EXEC : 0);
		if (error)
			return (kulong)(klong)error;
	}
	return load_addr;
}

static int find_entry(struct elf_load *l)
{
	l->elf_entry = l->loc->elf_ex.e_entry;
	if (l->interpreter) {
		l->elf_entry = load_elf_interp(l);
		if (!IS_ERR_VALUE(l->elf_entry)) {
			l->interp_load_addr = l->elf_entry;
			l->elf_entry += l->loc->interp_elf_ex.e_entry;
		}
	}
	if (BAD_ADDR(l->elf_entry))
		return IS_ERR_VALUE(l->elf_entry) ? (int)(klong)l->elf_entry
						  : -EINVAL;
	return 0;
}

/* ---- all of it ---- */

/* Steps 3 to 8; every error ends the process. */
static int start_program(struct elf_load *l)
{
	struct linux_binprm *bprm = l->bprm;
	struct mm_struct *mm = current->mm;
	int retval;

#ifdef CONFIG_X86_64
	mm->read_implies_exec = false; /* SET_PERSONALITY; not so on ARM */
#endif
	if (elf_read_implies_exec(l->executable_stack))
		mm->read_implies_exec = true;
	setup_new_exec(bprm);
	retval = setup_arg_pages(
	    bprm, STACK_TOP - ((kulong)bprm->stack_shift << PAGE_SHIFT),
	    l->executable_stack);
	if (retval < 0)
		return retval;
	mm->start_stack = bprm->p;

	retval = map_program(l);
	if (retval)
		return retval;
	retval = set_brk(l->elf_bss, l->elf_brk, l->bss_prot);
	if (retval)
		return retval;
	if (l->elf_bss != l->elf_brk && padzero(l->elf_bss))
		return -EFAULT;
	retval = find_entry(l);
	if (retval)
		return retval;

	retval = create_elf_tables(bprm, &l->loc->elf_ex, l->load_addr,
				   l->interp_load_addr);
	if (retval < 0)
		return retval;
	mm->end_code = l->end_code;
	mm->start_code = l->start_code;
	mm->start_data = l->start_data;
	mm->end_data = l->end_data;
	mm->start_stack = bprm->p;

	/* start_thread */
	bprm->entry = l->elf_entry;
	current->sp = bprm->p;
	return 0;
}

int load_elf_binary(struct linux_binprm *bprm)
{
	struct elf_load l = {};
	int retval;

	l.bprm = bprm;
	l.executable_stack = EXSTACK_DEFAULT;
	l.loc = (struct elf_loc *)kmalloc(sizeof(*l.loc), GFP_KERNEL);
	if (!l.loc)
		return -ENOMEM;
	retval = read_headers(&l);
	if (!retval)
		retval = flush_old_exec(bprm);
	if (!retval)
		retval = start_program(&l);

	kfree(l.interp_elf_phdata);
	if (l.interpreter)
		fput(l.interpreter);
	kfree(l.elf_interpreter);
	kfree(l.elf_phdata);
	kfree(l.loc);
	return retval;
}

} /* extern "C" */
