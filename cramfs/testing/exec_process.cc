// SPDX-License-Identifier: GPL-2.0-only

#include "cramfs/testing/exec_process.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace faultline::cramfs {
namespace {

template <typename T>
void Append(std::vector<uint8_t>* to, const T& value) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  to->insert(to->end(), bytes, bytes + sizeof(value));
}

Elf32_Ehdr Narrow(const Elf64_Ehdr& wide) {
  Elf32_Ehdr header = {};
  std::copy(std::begin(wide.e_ident), std::end(wide.e_ident), header.e_ident);
  header.e_type = wide.e_type;
  header.e_machine = wide.e_machine;
  header.e_version = wide.e_version;
  header.e_entry = static_cast<uint32_t>(wide.e_entry);
  header.e_phoff = static_cast<uint32_t>(wide.e_phoff);
  header.e_flags = wide.e_flags;
  header.e_ehsize = wide.e_ehsize;
  header.e_phentsize = wide.e_phentsize;
  header.e_phnum = wide.e_phnum;
  return header;
}

Elf32_Phdr Narrow(const Elf64_Phdr& wide) {
  return {wide.p_type,
          static_cast<uint32_t>(wide.p_offset),
          static_cast<uint32_t>(wide.p_vaddr),
          static_cast<uint32_t>(wide.p_paddr),
          static_cast<uint32_t>(wide.p_filesz),
          static_cast<uint32_t>(wide.p_memsz),
          wide.p_flags,
          static_cast<uint32_t>(wide.p_align)};
}

std::vector<const char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<const char*> pointers;
  for (const std::string& string : strings) pointers.push_back(string.c_str());
  return pointers;
}

}  // namespace

ElfFile::ElfFile(const std::string& arch, uint16_t type)
    : is_64(arch == "x86-64") {
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = is_64 ? ELFCLASS64 : ELFCLASS32;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = type;
  header.e_machine = is_64 ? EM_X86_64 : EM_ARM;
  header.e_version = EV_CURRENT;
  header.e_flags = is_64 ? 0 : EF_ARM_EABI_VER5;
  header.e_ehsize = is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
  header.e_phoff = header.e_ehsize;
  header.e_phentsize = is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}

Elf64_Phdr& ElfFile::Add(uint32_t type, uint32_t flags, uint64_t offset,
                         uint64_t address, uint64_t file_size,
                         uint64_t memory_size) {
  segments.push_back(
      {type, flags, offset, address, address, file_size, memory_size, kPage});
  header.e_phnum = static_cast<uint16_t>(segments.size());
  return segments.back();
}

std::vector<uint8_t> ElfFile::Over(std::vector<uint8_t> content) const {
  std::vector<uint8_t> head;
  if (is_64) {
    Append(&head, header);
    for (const Elf64_Phdr& segment : segments) Append(&head, segment);
  } else {
    Append(&head, Narrow(header));
    for (const Elf64_Phdr& segment : segments) Append(&head, Narrow(segment));
  }
  std::copy_n(head.begin(), std::min(head.size(), content.size()),
              content.begin());
  return content;
}

class ExecProcess::As {
 public:
  explicit As(const ExecProcess* process)
      : slot_(process->kernel_.current_slot()), before_(*slot_) {
    *slot_ = process->task_;
  }
  ~As() { *slot_ = before_; }

 private:
  task_struct** slot_;
  task_struct* before_;
};

ExecProcess::ExecProcess(TestMachine* machine)
    : machine_(machine),
      kernel_(machine->kernel()),
      word_(kernel_.kulong_bits / 8) {
  struct machine* in = kernel_.task_machine(machine->task());
  mm_struct* mm = kernel_.mm_create(in);
  task_ = kernel_.task_create(in, mm, "process", 0, machine);
  kernel_.mm_put(mm);
}

ExecProcess::~ExecProcess() {
  kernel_.check_mm(mm());
  {
    As as(this);
    kernel_.task_exit();
  }
  kernel_.task_free(task_);
}

int64_t ExecProcess::Exec(file* program, const std::vector<std::string>& argv,
                          const std::vector<std::string>& envp, fl_exec* exec) {
  As as(this);
  fl_exec own = {};
  if (exec == nullptr) exec = &own;
  const std::vector<const char*> arguments = Pointers(argv);
  const std::vector<const char*> environment = Pointers(envp);
  if (exec->filename == nullptr) exec->filename = "/program";
  exec->argv = arguments.data();
  exec->argc = static_cast<uint32_t>(arguments.size());
  exec->envp = environment.data();
  exec->envc = static_cast<uint32_t>(environment.size());
  return kernel_.sys_execve(program, exec);
}

std::vector<std::string> ExecProcess::Maps() const {
  std::string text(kernel_.proc_maps(mm(), nullptr, 0) + 1, '\0');
  text.resize(kernel_.proc_maps(mm(), &text[0], text.size()));
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

std::vector<std::string> ExecProcess::Ranges() const {
  std::vector<std::string> ranges;
  for (const std::string& line : Maps()) {
    const std::vector<std::string> words =
        absl::StrSplit(line, ' ', absl::SkipEmpty());
    ranges.push_back(words[0] + " " + words[1] + " " + words[2]);
  }
  return ranges;
}

std::vector<fl_page_info> ExecProcess::Pages() const {
  std::vector<fl_page_info> pages;
  kernel_.page_walk(
      mm(),
      [](const fl_page_info* info, void* cookie) {
        static_cast<std::vector<fl_page_info>*>(cookie)->push_back(*info);
      },
      &pages);
  return pages;
}

uint64_t ExecProcess::Load(uint64_t address, uint32_t size) const {
  As as(this);
  fl_user_result result = {};
  kernel_.user_access(FL_LOAD, address, size, 0, &result);
  EXPECT_EQ(result.sig, 0) << absl::StrFormat("%x", address);
  return result.sig == 0 ? result.value : ~uint64_t{0};
}

uint64_t ExecProcess::Word(uint64_t address) const {
  return Load(address, word_);
}

std::string ExecProcess::String(uint64_t address) const {
  std::string text;
  while (const char c = static_cast<char>(Load(address++, 1))) {
    text += c;
    if (text.size() > 1 << 20) break;
  }
  return text;
}

int ExecProcess::LoadSignal(uint64_t address) const {
  As as(this);
  fl_user_result result = {};
  kernel_.user_access(FL_LOAD, address, 1, 0, &result);
  return result.sig;
}

ExecProcess::Stack ExecProcess::ReadStack(uint64_t sp) const {
  Stack stack;
  const uint64_t argc = Word(sp);
  for (uint64_t i = 0; i < argc; ++i) {
    sp += word_;
    stack.argv.push_back(String(Word(sp)));
  }
  sp += word_;
  EXPECT_EQ(Word(sp), 0u);
  for (sp += word_; Word(sp) != 0; sp += word_) {
    stack.envp.push_back(String(Word(sp)));
  }
  for (sp += word_; Word(sp) != AT_NULL; sp += 2 * word_) {
    stack.auxv[Word(sp)] = Word(sp + word_);
    ++stack.auxv_entries;
  }
  return stack;
}

int64_t ExecProcess::Core(uint32_t filter, std::vector<uint8_t>* core,
                          uint64_t* holes) const {
  As as(this);
  struct Sink {
    std::vector<uint8_t>* core;
    uint64_t holes;
  } sink = {core, 0};
  const int64_t result = kernel_.core_dump(
      filter, kSigsegv,
      [](const void* data, uint64_t bytes, void* cookie) -> int32_t {
        Sink* to = static_cast<Sink*>(cookie);
        const auto* from = static_cast<const uint8_t*>(data);
        if (from != nullptr) {
          to->core->insert(to->core->end(), from, from + bytes);
        } else {
          to->core->resize(to->core->size() + bytes);
          to->holes += bytes;
        }
        return 0;
      },
      &sink);
  if (holes != nullptr) *holes = sink.holes;
  return result;
}

}  // namespace faultline::cramfs
