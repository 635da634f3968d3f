/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ELF as the modelled architecture has it (include/uapi/linux/elf.h, auxvec.h,
 * elf-em.h, asm/elf.h): 64 bits on x86-64, 32 bits on ARM, little endian.
 */
#ifndef FAULTLINE_MM_ELF_H_
#define FAULTLINE_MM_ELF_H_

#include "mm/mm.h"

FL_BEGIN_DECLS

#define ELFMAG "\177ELF"
#define SELFMAG 4
#define EI_CLASS 4
#define EI_DATA 5
#define EI_VERSION 6
#define EI_NIDENT 16
#define ELFCLASS32 1
#define ELFCLASS64 2
#define ELFDATA2LSB 1
#define EV_CURRENT 1

#define ET_EXEC 2
#define ET_DYN 3
#define ET_CORE 4
#define EM_ARM 40
#define EM_X86_64 62

#define PT_LOAD 1
#define PT_INTERP 3
#define PT_NOTE 4
#define PT_GNU_STACK 0x6474e551
#define PF_X 1
#define PF_W 2
#define PF_R 4
#define PN_XNUM 0xffff

#define NT_PRSTATUS 1
#define NT_PRPSINFO 3
#define NT_AUXV 6
#define NT_SIGINFO 0x53494749
#define NT_FILE 0x46494c45

#define AT_NULL 0
#define AT_PHDR 3
#define AT_PHENT 4
#define AT_PHNUM 5
#define AT_PAGESZ 6
#define AT_BASE 7
#define AT_FLAGS 8
#define AT_ENTRY 9
#define AT_UID 11
#define AT_EUID 12
#define AT_GID 13
#define AT_EGID 14
#define AT_PLATFORM 15
#define AT_HWCAP 16
#define AT_CLKTCK 17
#define AT_SECURE 23
#define AT_RANDOM 25
#define AT_HWCAP2 26
#define AT_EXECFN 31

/* Elf64_Ehdr, Elf32_Ehdr: the same fields, some of the address's width. */
struct elfhdr {
	u8 e_ident[EI_NIDENT];
	u16 e_type, e_machine;
	u32 e_version;
	kulong e_entry, e_phoff, e_shoff;
	u32 e_flags;
	u16 e_ehsize, e_phentsize, e_phnum;
	u16 e_shentsize, e_shnum, e_shstrndx;
};

#ifdef CONFIG_X86_64
struct elf_phdr {
	u32 p_type, p_flags;
	kulong p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};
struct elf_shdr {
	u32 sh_name, sh_type;
	kulong sh_flags, sh_addr, sh_offset, sh_size;
	u32 sh_link, sh_info;
	kulong sh_addralign, sh_entsize;
};
FL_STATIC_ASSERT(sizeof(struct elfhdr) == 64, "Elf64_Ehdr");
FL_STATIC_ASSERT(sizeof(struct elf_phdr) == 56, "Elf64_Phdr");
FL_STATIC_ASSERT(sizeof(struct elf_shdr) == 64, "Elf64_Shdr");
#define ELF_ARCH EM_X86_64
#define ELF_CLASS ELFCLASS64
#define ELF_CORE_EFLAGS 0
#define ELF_PLATFORM "x86_64"
/* Programs that may lie anywhere and have an interpreter begin here. */
#define ELF_ET_DYN_BASE (TASK_SIZE / 3 * 2)
#else
struct elf_phdr {
	u32 p_type;
	kulong p_offset, p_vaddr, p_paddr, p_filesz, p_memsz;
	u32 p_flags;
	kulong p_align;
};
struct elf_shdr {
	u32 sh_name, sh_type;
	kulong sh_flags, sh_addr, sh_offset, sh_size;
	u32 sh_link, sh_info;
	kulong sh_addralign, sh_entsize;
};
FL_STATIC_ASSERT(sizeof(struct elfhdr) == 52, "Elf32_Ehdr");
FL_STATIC_ASSERT(sizeof(struct elf_phdr) == 32, "Elf32_Phdr");
FL_STATIC_ASSERT(sizeof(struct elf_shdr) == 40, "Elf32_Shdr");
#define ELF_ARCH EM_ARM
#define ELF_CLASS ELFCLASS32
#define EF_ARM_EABI_MASK 0xff000000u
#define EF_ARM_EABI_UNKNOWN 0u
#define EF_ARM_APCS_26 0x08u
#define ELF_CORE_EFLAGS 0
#define ELF_PLATFORM "v7l"
#define ELF_ET_DYN_BASE ((kulong)0x400000)
#endif

#define ELF_EXEC_PAGESIZE PAGE_SIZE
#define ELF_PAGESTART(v) ((v)&PAGE_MASK)
#define ELF_PAGEOFFSET(v) ((v) & (PAGE_SIZE - 1))
#define ELF_PAGEALIGN(v) PAGE_ALIGN(v)

FL_END_DECLS

#endif /* FAULTLINE_MM_ELF_H_ */
