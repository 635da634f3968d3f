// SPDX-License-Identifier: GPL-2.0-only

#include "sim/symbolizer.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sim/source_path.h"

namespace faultline {
namespace {

std::string FunctionName(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  const char* name =
      dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
  return name != nullptr ? name : "";
}

bool IsHeader(const std::string& file) { return absl::EndsWith(file, ".h"); }

}  // namespace

std::string CodeFrame::location() const {
  if (file.empty()) return "";
  return absl::StrCat(file, ":", line);
}

struct Symbolizer::Debug {
  Dwfl_Callbacks callbacks = {};
  Dwfl* dwfl = nullptr;
  Dwfl_Module* module = nullptr;
  Dwarf_Addr bias = 0;  // module address of file address 0
  ~Debug() {
    if (dwfl != nullptr) dwfl_end(dwfl);
  }
};

Symbolizer::Symbolizer(const KernelLibrary* kernel)
    : kernel_(kernel), debug_(new Debug) {
  debug_->callbacks.find_elf = dwfl_build_id_find_elf;
  debug_->callbacks.find_debuginfo = dwfl_standard_find_debuginfo;
  debug_->dwfl = dwfl_begin(&debug_->callbacks);
  if (debug_->dwfl == nullptr) return;
  dwfl_report_begin(debug_->dwfl);
  debug_->module =
      dwfl_report_elf(debug_->dwfl, "kernel", kernel->path().c_str(), -1,
                      kernel->load_base(), /*add_p_vaddr=*/true);
  dwfl_report_end(debug_->dwfl, nullptr, nullptr);
}

Symbolizer::~Symbolizer() = default;

std::vector<CodeFrame> Symbolizer::LookUp(uintptr_t address) {
  std::vector<CodeFrame> frames;
  Dwfl_Module* module = debug_->module;
  if (module == nullptr) return frames;

  CodeFrame here;
  if (const char* symbol = dwfl_module_addrname(module, address)) {
    here.function = symbol;
  }
  if (Dwfl_Line* line = dwfl_module_getsrc(module, address)) {
    const char* file =
        dwfl_lineinfo(line, nullptr, &here.line, nullptr, nullptr, nullptr);
    if (file != nullptr) here.file = RelativeSourcePath(file);
  }

  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = dwfl_module_addrdie(module, address, &bias);
  Dwarf_Die* scopes = nullptr;
  int count =
      unit != nullptr ? dwarf_getscopes(unit, address - bias, &scopes) : 0;
  // Beyond an inlined function these scopes are those of its definition; what
  // it was inlined into are the scopes around its entry.
  for (int i = 0; i < count; ++i) {
    if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine) continue;
    Dwarf_Die* around = nullptr;
    const int depth = dwarf_getscopes_die(&scopes[i], &around);
    if (depth > 0) {
      free(scopes);
      scopes = around;
      count = depth;
    }
    break;
  }
  Dwarf_Files* files = nullptr;
  if (unit != nullptr) dwarf_getsrcfiles(unit, &files, nullptr);
  for (int i = 0; i < count; ++i) {
    Dwarf_Die* die = &scopes[i];
    const int tag = dwarf_tag(die);
    if (tag == DW_TAG_subprogram) {
      here.function = FunctionName(die);
      frames.push_back(here);
      break;
    }
    if (tag != DW_TAG_inlined_subroutine) continue;
    CodeFrame inlined = here;
    inlined.function = FunctionName(die);
    inlined.inlined = true;
    frames.push_back(inlined);
    // The next frame out is where this one was called.
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    if (dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &value) ==
        0) {
      here.line = static_cast<int>(value);
    }
    if (files != nullptr &&
        dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &value) ==
            0) {
      const char* file = dwarf_filesrc(files, value, nullptr, nullptr);
      if (file != nullptr) here.file = RelativeSourcePath(file);
    }
  }
  free(scopes);
  if (frames.empty() && !here.function.empty()) frames.push_back(here);
  return frames;
}

const std::vector<CodeFrame>& Symbolizer::Frames(const void* return_address) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(return_address) - 1;
  auto found = cache_.find(address);
  if (found != cache_.end()) return found->second;
  std::vector<CodeFrame> frames;
  if (kernel_->Contains(reinterpret_cast<void*>(address))) {
    frames = LookUp(address);
  }
  return cache_.emplace(address, std::move(frames)).first->second;
}

const CodeFrame* Symbolizer::Place(const void* return_address) {
  const std::vector<CodeFrame>& frames = Frames(return_address);
  for (const CodeFrame& frame : frames) {
    if (!frame.file.empty() && !IsHeader(frame.file)) return &frame;
  }
  return frames.empty() ? nullptr : &frames[0];
}

}  // namespace faultline
