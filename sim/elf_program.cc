// SPDX-License-Identifier: GPL-2.0-only

#include "sim/elf_program.h"

#include <elf.h>

#include <cstring>

#include "sim/program/program.h"

namespace faultline {
namespace {

template <typename Ehdr, typename Phdr>
void Write(uint16_t machine, unsigned char elf_class, uint32_t flags,
           uint32_t text_pages, std::string* content) {
  const uint64_t text = uint64_t{text_pages} * kPageBytes;
  const uint64_t data = content->size() - text;
  const uint64_t data_pages = (data + kPageBytes - 1) / kPageBytes;
  struct {
    Ehdr header;
    Phdr segments[3];
  } head = {};
  memcpy(head.header.e_ident, ELFMAG, SELFMAG);
  head.header.e_ident[EI_CLASS] = elf_class;
  head.header.e_ident[EI_DATA] = ELFDATA2LSB;
  head.header.e_ident[EI_VERSION] = EV_CURRENT;
  head.header.e_type = ET_EXEC;
  head.header.e_machine = machine;
  head.header.e_version = EV_CURRENT;
  head.header.e_entry = kProgramBase;
  head.header.e_phoff = sizeof(Ehdr);
  head.header.e_flags = flags;
  head.header.e_ehsize = sizeof(Ehdr);
  head.header.e_phentsize = sizeof(Phdr);
  head.header.e_phnum = 3;
  Phdr& code = head.segments[0];
  code.p_type = PT_LOAD;
  code.p_flags = PF_R | PF_X;
  code.p_vaddr = kProgramBase;
  code.p_filesz = code.p_memsz = text;
  code.p_align = kPageBytes;
  Phdr& rest = head.segments[1];
  rest.p_type = PT_LOAD;
  rest.p_flags = PF_R | PF_W;
  rest.p_offset = text;
  rest.p_vaddr = kProgramBase + text;
  rest.p_filesz = data;
  rest.p_memsz = (data_pages + kProgramBssPages) * kPageBytes;
  rest.p_align = kPageBytes;
  // Else all that can be read could be executed.
  head.segments[2].p_type = PT_GNU_STACK;
  head.segments[2].p_flags = PF_R | PF_W;
  memcpy(content->data(), &head, sizeof(head));
}

}  // namespace

void MakeProgram(const std::string& arch, uint32_t text_pages,
                 std::string* content) {
  if (arch == "arm") {
    Write<Elf32_Ehdr, Elf32_Phdr>(EM_ARM, ELFCLASS32, EF_ARM_EABI_VER5,
                                  text_pages, content);
  } else {
    Write<Elf64_Ehdr, Elf64_Phdr>(EM_X86_64, ELFCLASS64, 0, text_pages,
                                  content);
  }
}

}  // namespace faultline
