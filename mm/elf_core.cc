// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core dump of a process, after fs/binfmt_elf.c and fs/coredump.c of 4.13:
 * elf_core_dump, vma_dump_size, fill_note_info, fill_prstatus, fill_psinfo,
 * fill_auxv_note, fill_files_note, write_note_info, fill_extnum_info;
 * dump_emit, dump_skip, dump_align.
 *
 * The list of vmas is walked without mmap_sem, as 4.13 does: all other threads
 * are gone, and whoever else has the mm is believed not to change it (later
 * found to be untrue, 04f5866e41fb).  Faults that a page needs are taken by
 * get_dump_page, without mmap_sem as well.
 *
 * Two passes: the sizes and with them the offsets first, then the bytes.  The
 * sizes are kept, since what they depend on is user memory.
 *
 * The file goes to the host piece by piece.  The note about files is made
 * while it is written, where 4.13 makes it in memory from vmalloc.
 *
 * Left out: registers but for the stack pointer, and notes of other register
 * sets; times, ids, states; RLIMIT_CORE, core_pattern, dumpable; the vDSO and
 * the gate page; DAX, huge pages, deleted files.
 */
#include "mm/binfmts.h"
#include "mm/elf.h"
#include "mm/gup.h"
#include "mm/internal.h"
#include "mm/seq_file.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/uaccess.h"

/* Bits of /proc/PID/coredump_filter. */
#define MMF_DUMP_ANON_PRIVATE 0
#define MMF_DUMP_ANON_SHARED 1
#define MMF_DUMP_MAPPED_PRIVATE 2
#define MMF_DUMP_MAPPED_SHARED 3
#define MMF_DUMP_ELF_HEADERS 4
#define FILTER(filter, type) ((filter) & (1u << MMF_DUMP_##type))

/* Bytes that the note about files must stay below. */
#define MAX_FILE_NOTE_SIZE (4u << 20)
#define ELF_PRARGSZ 80

#ifdef CONFIG_X86_64
#define ELF_NGREG 27
#define ELF_REG_SP 19
typedef u32 elf_uid_t;
#else
#define ELF_NGREG 18
#define ELF_REG_SP 13
typedef u16 elf_uid_t;
#endif

extern "C" {

struct elf_timeval {
	kulong tv_sec, tv_usec;
};
struct elf_prstatus {
	struct {
		s32 si_signo, si_code, si_errno;
	} pr_info;
	s16 pr_cursig;
	kulong pr_sigpend, pr_sighold;
	s32 pr_pid, pr_ppid, pr_pgrp, pr_sid;
	struct elf_timeval pr_utime, pr_stime, pr_cutime, pr_cstime;
	kulong pr_reg[ELF_NGREG];
	s32 pr_fpvalid;
};
struct elf_prpsinfo {
	char pr_state, pr_sname, pr_zomb, pr_nice;
	kulong pr_flag;
	elf_uid_t pr_uid, pr_gid;
	s32 pr_pid, pr_ppid, pr_pgrp, pr_sid;
	char pr_fname[16];
	char pr_psargs[ELF_PRARGSZ];
};
struct elf_siginfo {
	s32 si_signo, si_errno, si_code;
	s32 rest[29];
};
FL_STATIC_ASSERT(sizeof(struct elf_siginfo) == 128, "siginfo_t");
#ifdef CONFIG_X86_64
FL_STATIC_ASSERT(sizeof(struct elf_prstatus) == 336, "elf_prstatus");
FL_STATIC_ASSERT(sizeof(struct elf_prpsinfo) == 136, "elf_prpsinfo");
#else
FL_STATIC_ASSERT(sizeof(struct elf_prstatus) == 148, "elf_prstatus");
FL_STATIC_ASSERT(sizeof(struct elf_prpsinfo) == 124, "elf_prpsinfo");
#endif

/* ---- where it goes ---- */

struct coredump_params {
	u32 filter;
	s32 signr;
	u64 pos; /* bytes so far */
	s32 (*emit)(const void *data, u64 bytes, void *cookie);
	void *cookie;
};

static bool dump_emit(struct coredump_params *cprm, const void *addr, kulong nr)
{
	if (nr && cprm->emit(addr, nr, cprm->cookie))
		return false;
	cprm->pos += nr;
	return true;
}

static bool dump_skip(struct coredump_params *cprm, kulong nr)
{
	return dump_emit(cprm, NULL, nr);
}

/* Zeros up to the next multiple of 4. */
static bool dump_align(struct coredump_params *cprm)
{
	static const char zeros[4] = {0};

	return dump_emit(cprm, zeros, (kulong)(-cprm->pos & 3));
}

/* ---- what is dumped ---- */

/* Bytes of the vma, from its start on.  May fault. */
static kulong vma_dump_size(struct vm_area_struct *vma, u32 filter)
{
	const kulong whole = vma->vm_end - vma->vm_start;

	if (vma->vm_flags & VM_DONTDUMP)
		return 0;
	/* Reading a device may have effects. */
	if (vma->vm_flags & VM_IO)
		return 0;
	if (vma->vm_flags & VM_SHARED)
		return FILTER(filter, MAPPED_SHARED) ? whole : 0;
	/* Written to, or at least prepared for it. */
	if (vma->anon_vma && FILTER(filter, ANON_PRIVATE))
		return whole;
	if (!vma->vm_file)
		return 0;
	if (FILTER(filter, MAPPED_PRIVATE))
		return whole;
	/* So that a reader finds out which program or library it was. */
	if (FILTER(filter, ELF_HEADERS) && vma->vm_pgoff == 0 &&
	    (vma->vm_flags & VM_READ)) {
		u64 word;

		if (!get_user(&word, vma->vm_start, SELFMAG) &&
		    word == (0x7f | 'E' << 8 | 'L' << 16 | (u32)'F' << 24))
			return PAGE_SIZE;
	}
	return 0;
}

/* Sizes of the vmas in their order. */
struct filesz_chunk {
	struct filesz_chunk *next;
	kulong filesz[256];
};

static void free_filesz(struct filesz_chunk *chunk)
{
	while (chunk) {
		struct filesz_chunk *next = chunk->next;

		kfree(chunk);
		chunk = next;
	}
}

/* Sets *first to the list and *total to the sum; false: no memory. */
static bool vma_dump_sizes(u32 filter, struct filesz_chunk **first, u64 *total)
{
	struct filesz_chunk **link = first, *chunk = NULL;
	struct vm_area_struct *vma;
	u32 i = ARRAY_SIZE(chunk->filesz);

	*total = 0;
	for (vma = current->mm->mmap; vma; vma = vma->vm_next) {
		if (i == ARRAY_SIZE(chunk->filesz)) {
			chunk = (struct filesz_chunk *)kmalloc(
			    sizeof(*chunk), GFP_KERNEL | __GFP_ZERO);
			if (!chunk)
				return false;
			*link = chunk;
			link = &chunk->next;
			i = 0;
		}
		chunk->filesz[i] = vma_dump_size(vma, filter);
		*total += chunk->filesz[i++];
	}
	return true;
}

/* Goes through such a list once. */
struct filesz_iter {
	const struct filesz_chunk *chunk;
	u32 i;
};

static kulong next_filesz(struct filesz_iter *iter)
{
	if (iter->i == ARRAY_SIZE(iter->chunk->filesz)) {
		iter->chunk = iter->chunk->next;
		iter->i = 0;
	}
	return iter->chunk->filesz[iter->i++];
}

/* ---- notes ---- */

struct elf_note {
	u32 n_namesz, n_descsz, n_type;
};

/* In one object, as it is too large for a kernel stack. */
struct elf_note_info {
	struct elf_prstatus prstatus;
	struct elf_prpsinfo psinfo;
	struct elf_siginfo siginfo;
	u32 auxv_bytes, files, files_bytes; /* files_bytes 0: no such note */
};

static u32 notesize(u32 datasz)
{
	return (u32)sizeof(struct elf_note) + 8 + ((datasz + 3) & ~3u);
}

static bool write_note_head(struct coredump_params *cprm, u32 type, u32 datasz)
{
	const struct elf_note en = {5, datasz, type};

	return dump_emit(cprm, &en, sizeof(en)) && dump_emit(cprm, "CORE", 5) &&
	       dump_align(cprm);
}

static bool writenote(struct coredump_params *cprm, u32 type, const void *data,
		      u32 datasz)
{
	return write_note_head(cprm, type, datasz) &&
	       dump_emit(cprm, data, datasz) && dump_align(cprm);
}

static void fill_psinfo(struct elf_prpsinfo *psinfo)
{
	const struct mm_struct *mm = current->mm;
	kulong len = mm->arg_end - mm->arg_start, i;

	psinfo->pr_sname = 'R';
	len = fl_min(len, ELF_PRARGSZ - 1);
	/* A process that never did exec has no arguments. */
	if (len && copy_from_user(psinfo->pr_psargs, mm->arg_start, len))
		len = 0;
	for (i = 0; i < len; i++)
		if (!psinfo->pr_psargs[i])
			psinfo->pr_psargs[i] = ' ';
	psinfo->pr_psargs[len] = '\0';
	memcpy(psinfo->pr_fname, current->comm, sizeof(psinfo->pr_fname));
}

/* Bytes of a file's path with its NUL. */
static u32 path_bytes(const struct file *file)
{
	const char *name;
	const bool slash = file_path_lacks_slash(file, &name);

	return (u32)strlen(name) + (slash ? 2 : 1);
}

/*
 * The note about files: how many, the page size, for each start, end and
 * offset in pages, then all paths.  Only counted here.
 */
static void fill_files_note(struct elf_note_info *info)
{
	const struct vm_area_struct *vma;
	u32 paths = 0;

	for (vma = current->mm->mmap; vma; vma = vma->vm_next) {
		if (!vma->vm_file)
			continue;
		info->files++;
		paths += path_bytes(vma->vm_file);
	}
	info->files_bytes = (2 + 3 * info->files) * (u32)sizeof(kulong) + paths;
	if (info->files_bytes >= MAX_FILE_NOTE_SIZE)
		info->files_bytes = 0;
}

static bool write_files_note(struct coredump_params *cprm,
			     const struct elf_note_info *info)
{
	const kulong head[2] = {info->files, PAGE_SIZE};
	const struct vm_area_struct *vma;

	if (!write_note_head(cprm, NT_FILE, info->files_bytes) ||
	    !dump_emit(cprm, head, sizeof(head)))
		return false;
	for (vma = current->mm->mmap; vma; vma = vma->vm_next) {
		const kulong range[3] = {vma->vm_start, vma->vm_end,
					 vma->vm_pgoff};

		if (vma->vm_file && !dump_emit(cprm, range, sizeof(range)))
			return false;
	}
	for (vma = current->mm->mmap; vma; vma = vma->vm_next) {
		const char *name;

		if (!vma->vm_file)
			continue;
		if (file_path_lacks_slash(vma->vm_file, &name) &&
		    !dump_emit(cprm, "/", 1))
			return false;
		if (!dump_emit(cprm, name, strlen(name) + 1))
			return false;
	}
	return dump_align(cprm);
}

/* Bytes of all notes. */
static u32 fill_note_info(struct elf_note_info *info, s32 signr)
{
	const kulong *auxv = current->mm->saved_auxv;
	u32 i = 0;

	info->prstatus.pr_info.si_signo = signr;
	info->prstatus.pr_cursig = (s16)signr;
	info->prstatus.pr_reg[ELF_REG_SP] = current->sp;
	fill_psinfo(&info->psinfo);
	info->siginfo.si_signo = signr;
	do
		i += 2;
	while (auxv[i - 2] != AT_NULL);
	info->auxv_bytes = i * (u32)sizeof(kulong);
	fill_files_note(info);
	return notesize(sizeof(info->prstatus)) +
	       notesize(sizeof(info->psinfo)) +
	       notesize(sizeof(info->siginfo)) + notesize(info->auxv_bytes) +
	       (info->files_bytes ? notesize(info->files_bytes) : 0);
}

static bool write_note_info(struct coredump_params *cprm,
			    const struct elf_note_info *info)
{
	return writenote(cprm, NT_PRSTATUS, &info->prstatus,
			 sizeof(info->prstatus)) &&
	       writenote(cprm, NT_PRPSINFO, &info->psinfo,
			 sizeof(info->psinfo)) &&
	       writenote(cprm, NT_SIGINFO, &info->siginfo,
			 sizeof(info->siginfo)) &&
	       writenote(cprm, NT_AUXV, current->mm->saved_auxv,
			 info->auxv_bytes) &&
	       (!info->files_bytes || write_files_note(cprm, info));
}

/* ---- the file ---- */

static void fill_elf_header(struct elfhdr *elf, u32 segs)
{
	memset(elf, 0, sizeof(*elf));
	memcpy(elf->e_ident, ELFMAG, SELFMAG);
	elf->e_ident[EI_CLASS] = ELF_CLASS;
	elf->e_ident[EI_DATA] = ELFDATA2LSB;
	elf->e_ident[EI_VERSION] = EV_CURRENT;
	elf->e_type = ET_CORE;
	elf->e_machine = ELF_ARCH;
	elf->e_version = EV_CURRENT;
	elf->e_phoff = sizeof(struct elfhdr);
	elf->e_flags = ELF_CORE_EFLAGS;
	elf->e_ehsize = sizeof(struct elfhdr);
	elf->e_phentsize = sizeof(struct elf_phdr);
	elf->e_phnum = (u16)(segs > PN_XNUM ? PN_XNUM : segs);
}

/* More segments than the header can say: a section header says it. */
static void fill_extnum_info(struct elfhdr *elf, struct elf_shdr *shdr,
			     u64 e_shoff, u32 segs)
{
	elf->e_shoff = (kulong)e_shoff;
	elf->e_shentsize = sizeof(*shdr);
	elf->e_shnum = 1;
	memset(shdr, 0, sizeof(*shdr));
	shdr->sh_size = elf->e_shnum;
	shdr->sh_info = segs;
}

static bool write_load_phdrs(struct coredump_params *cprm,
			     struct filesz_iter sizes, u64 offset)
{
	const struct vm_area_struct *vma;

	for (vma = current->mm->mmap; vma; vma = vma->vm_next) {
		struct elf_phdr phdr = {};

		phdr.p_type = PT_LOAD;
		phdr.p_offset = (kulong)offset;
		phdr.p_vaddr = vma->vm_start;
		phdr.p_filesz = next_filesz(&sizes);
		phdr.p_memsz = vma->vm_end - vma->vm_start;
		offset += phdr.p_filesz;
		phdr.p_flags = (vma->vm_flags & VM_READ ? PF_R : 0) |
			       (vma->vm_flags & VM_WRITE ? PF_W : 0) |
			       (vma->vm_flags & VM_EXEC ? PF_X : 0);
		phdr.p_align = ELF_EXEC_PAGESIZE;
		if (!dump_emit(cprm, &phdr, sizeof(phdr)))
			return false;
	}
	return true;
}

static bool write_memory(struct coredump_params *cprm, struct filesz_iter sizes)
{
	const struct vm_area_struct *vma;

	for (vma = current->mm->mmap; vma; vma = vma->vm_next) {
		const kulong end = vma->vm_start + next_filesz(&sizes);
		kulong addr;

		for (addr = vma->vm_start; addr < end; addr += PAGE_SIZE) {
			struct page *page = get_dump_page(addr);
			bool done;

			if (page) {
				done = dump_emit(cprm, kmap(page), PAGE_SIZE);
				kunmap(page);
				put_page(page);
			} else {
				done = dump_skip(cprm, PAGE_SIZE);
			}
			if (!done)
				return false;
		}
	}
	return true;
}

/* 0, -ENOMEM, -EIO. */
static int elf_core_dump(struct coredump_params *cprm,
			 struct elf_note_info *info,
			 struct filesz_chunk **vma_filesz)
{
	const u32 segs = (u32)current->mm->map_count + 1;
	struct elf_phdr phdr4note = {};
	struct elf_shdr shdr4extnum;
	struct filesz_iter sizes = {};
	u64 offset, vma_data_size;
	struct elfhdr elf;

	fill_elf_header(&elf, segs);
	phdr4note.p_type = PT_NOTE;
	phdr4note.p_offset =
	    (kulong)(sizeof(elf) + segs * sizeof(struct elf_phdr));
	phdr4note.p_filesz = fill_note_info(info, cprm->signr);
	offset = (u64)phdr4note.p_offset + phdr4note.p_filesz;
	offset = (offset + ELF_EXEC_PAGESIZE - 1) & ~(u64)(PAGE_SIZE - 1);

	if (!vma_dump_sizes(cprm->filter, vma_filesz, &vma_data_size))
		return -ENOMEM;
	sizes.chunk = *vma_filesz;
	if (elf.e_phnum == PN_XNUM)
		fill_extnum_info(&elf, &shdr4extnum, offset + vma_data_size,
				 segs);

	if (!dump_emit(cprm, &elf, sizeof(elf)) ||
	    !dump_emit(cprm, &phdr4note, sizeof(phdr4note)) ||
	    !write_load_phdrs(cprm, sizes, offset) ||
	    !write_note_info(cprm, info) ||
	    !dump_skip(cprm, (kulong)(offset - cprm->pos)) ||
	    !write_memory(cprm, sizes))
		return -EIO;
	if (elf.e_phnum == PN_XNUM &&
	    !dump_emit(cprm, &shdr4extnum, sizeof(shdr4extnum)))
		return -EIO;
	return 0;
}

s64 core_dump(u32 filter, s32 signr,
	      s32 (*emit)(const void *data, u64 bytes, void *cookie),
	      void *cookie)
{
	struct coredump_params cprm = {filter, signr, 0, emit, cookie};
	struct filesz_chunk *vma_filesz = NULL;
	struct elf_note_info *info;
	int retval;

	if (!current->mm)
		return -EINVAL;
	/* zap_threads: they would be gone. */
	retval = de_thread(current);
	if (retval)
		return retval;
	info = (struct elf_note_info *)kmalloc(sizeof(*info),
					       GFP_KERNEL | __GFP_ZERO);
	if (!info)
		return -ENOMEM;
	retval = elf_core_dump(&cprm, info, &vma_filesz);
	free_filesz(vma_filesz);
	kfree(info);
	return retval;
}

} /* extern "C" */
