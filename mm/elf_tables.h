/* SPDX-License-Identifier: GPL-2.0-only */
/* What a program finds on its stack. */
#ifndef FAULTLINE_MM_ELF_TABLES_H_
#define FAULTLINE_MM_ELF_TABLES_H_

#include "mm/binfmts.h"
#include "mm/elf.h"

FL_BEGIN_DECLS

/*
 * Below the strings at bprm->p: the platform's name, 16 random bytes, then
 * aligned to 16 bytes and upwards argc, argv, envp and the auxiliary vector.
 * bprm->p becomes the address of argc.  0, -EFAULT, -EINVAL.  No lock held.
 */
int create_elf_tables(struct linux_binprm *bprm, const struct elfhdr *exec,
		      kulong load_addr, kulong interp_load_addr);

FL_END_DECLS

#endif /* FAULTLINE_MM_ELF_TABLES_H_ */
