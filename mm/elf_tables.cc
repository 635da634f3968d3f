// SPDX-License-Identifier: GPL-2.0-only
/*
 * create_elf_tables of fs/binfmt_elf.c, 4.13.
 *
 * The random bytes are always the same, the hardware has no capability that a
 * program could ask for, and everybody is root.
 *
 * Left out: AT_SYSINFO_EHDR (there is no vDSO), AT_EXECFD, AT_BASE_PLATFORM.
 * No lock is held; mmap_sem is not taken for find_extend_vma, as nobody else
 * uses the mm yet (4.13 does not take it either).
 */
#include "mm/elf_tables.h"
#include "mm/internal.h"
#include "mm/sync/sched.h"
#include "mm/sync/string.h"
#include "mm/uaccess.h"

#define CLOCKS_PER_SEC 100
#define ELF_HWCAP 0
#define ELF_HWCAP2 0

extern "C" {

struct elf_info {
	kulong *at;
	u32 index;
};

static void new_aux_ent(struct elf_info *info, kulong id, kulong val)
{
	info->at[info->index++] = id;
	info->at[info->index++] = val;
}

/* Copies to below *p, which moves down. */
static int push_bytes(kulong *p, const void *from, kulong len)
{
	*p -= len;
	return __copy_to_user(*p, from, len) ? -EFAULT : 0;
}

static int put_word(kulong *sp, kulong value)
{
	const int error = put_user(value, *sp, sizeof(kulong));

	*sp += sizeof(kulong);
	return error;
}

/* n pointers to the strings from *p on, and NULL; *p moves behind them. */
static int put_strings(kulong *sp, kulong *p, int n)
{
	while (n-- > 0) {
		kulong len;

		if (put_word(sp, *p))
			return -EFAULT;
		len = strnlen_user(*p, MAX_ARG_STRLEN);
		if (!len || len > MAX_ARG_STRLEN)
			return -EINVAL;
		*p += len;
	}
	return put_word(sp, 0) ? -EFAULT : 0;
}

/* Fills mm->saved_auxv; how many entries, AT_NULL with them. */
static u32 fill_auxv(const struct linux_binprm *bprm, const struct elfhdr *exec,
		     kulong load_addr, kulong interp_load_addr,
		     kulong u_platform, kulong u_rand_bytes)
{
	struct elf_info info = {current->mm->saved_auxv, 0};

	new_aux_ent(&info, AT_HWCAP, ELF_HWCAP);
	new_aux_ent(&info, AT_PAGESZ, ELF_EXEC_PAGESIZE);
	new_aux_ent(&info, AT_CLKTCK, CLOCKS_PER_SEC);
	new_aux_ent(&info, AT_PHDR, load_addr + exec->e_phoff);
	new_aux_ent(&info, AT_PHENT, sizeof(struct elf_phdr));
	new_aux_ent(&info, AT_PHNUM, exec->e_phnum);
	new_aux_ent(&info, AT_BASE, interp_load_addr);
	new_aux_ent(&info, AT_FLAGS, 0);
	new_aux_ent(&info, AT_ENTRY, exec->e_entry);
	new_aux_ent(&info, AT_UID, 0);
	new_aux_ent(&info, AT_EUID, 0);
	new_aux_ent(&info, AT_GID, 0);
	new_aux_ent(&info, AT_EGID, 0);
	new_aux_ent(&info, AT_SECURE, 0);
	new_aux_ent(&info, AT_RANDOM, u_rand_bytes);
	new_aux_ent(&info, AT_HWCAP2, ELF_HWCAP2);
	new_aux_ent(&info, AT_EXECFN, bprm->exec);
	new_aux_ent(&info, AT_PLATFORM, u_platform);
	memset(&info.at[info.index], 0,
	       sizeof(current->mm->saved_auxv) -
		   info.index * sizeof(info.at[0]));
	return info.index + 2;
}

int create_elf_tables(struct linux_binprm *bprm, const struct elfhdr *exec,
		      kulong load_addr, kulong interp_load_addr)
{
	static const u8 rand_bytes[16] = {0x46, 0x61, 0x75, 0x6c, 0x74, 0x6c,
					  0x69, 0x6e, 0x65, 0x20, 0x34, 0x2e,
					  0x31, 0x33, 0x2e, 0x34};
	static const char k_platform[] = ELF_PLATFORM;
	struct mm_struct *mm = current->mm;
	kulong p = bprm->p, u_platform, sp;
	u32 entries;

#ifdef CONFIG_X86_64
	p &= ~(kulong)0xf; /* arch_align_stack */
#endif
	if (push_bytes(&p, k_platform, sizeof(k_platform)))
		return -EFAULT;
	u_platform = p;
	if (push_bytes(&p, rand_bytes, sizeof(rand_bytes)))
		return -EFAULT;
	entries =
	    fill_auxv(bprm, exec, load_addr, interp_load_addr, u_platform, p);

	/* Words: the vector, both lists with their NULL, argc. */
	sp = p - (entries + (kulong)bprm->argc + (kulong)bprm->envc + 3) *
		     sizeof(kulong);
	bprm->p = sp & ~(kulong)15;
	sp = bprm->p;
	if (!find_extend_vma(mm, bprm->p))
		return -EFAULT;

	if (put_word(&sp, (kulong)bprm->argc))
		return -EFAULT;
	p = mm->arg_start;
	mm->arg_end = p;
	if (put_strings(&sp, &p, bprm->argc))
		return -EFAULT;
	mm->arg_end = p;
	mm->env_start = p;
	mm->env_end = p;
	if (put_strings(&sp, &p, bprm->envc))
		return -EFAULT;
	mm->env_end = p;
	if (copy_to_user(sp, mm->saved_auxv, entries * sizeof(kulong)))
		return -EFAULT;
	return 0;
}

} /* extern "C" */
