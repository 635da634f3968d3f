// SPDX-License-Identifier: GPL-2.0-only

#include "sim/kernel_library.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "sim/random.h"

namespace faultline {
namespace {

std::string BuildIdOfNotes(const char* notes, size_t bytes) {
  size_t at = 0;
  while (at + sizeof(ElfW(Nhdr)) <= bytes) {
    ElfW(Nhdr) note;
    memcpy(&note, notes + at, sizeof note);
    const size_t name = at + sizeof note;
    const size_t text = name + ((note.n_namesz + 3) & ~size_t{3});
    const size_t next = text + ((note.n_descsz + 3) & ~size_t{3});
    if (next > bytes) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        memcmp(notes + name, "GNU", 4) == 0) {
      return absl::BytesToHexString(
          absl::string_view(notes + text, note.n_descsz));
    }
    at = next;
  }
  return "";
}

// A kernel build under ASan has red zones among its constants.
__attribute__((no_sanitize("address")))
std::string HashOfCode(const char* code, size_t bytes) {
  uint64_t hash = 0;
  for (size_t i = 0; i + 8 <= bytes; i += 8) {
    uint64_t word;
    memcpy(&word, code + i, sizeof word);
    hash = MixHash(hash, word);
  }
  return absl::StrCat("h", absl::Hex(hash, absl::kZeroPad16));
}

struct SearchForBase {
  uintptr_t base;
  const char* path;
  std::vector<KernelLibrary::Segment> segments;
  std::string build_id;
  const char* code = nullptr;
  size_t code_bytes = 0;
};

int VisitObject(dl_phdr_info* info, size_t, void* cookie) {
  SearchForBase* search = static_cast<SearchForBase*>(cookie);
  if (info->dlpi_addr != search->base) return 0;
  if (strcmp(info->dlpi_name, search->path) != 0) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const uintptr_t at = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD) {
      search->segments.push_back(
          {at, at + header.p_memsz, (header.p_flags & PF_W) != 0});
      if (header.p_flags & PF_X) {
        search->code = reinterpret_cast<const char*>(at);
        search->code_bytes = header.p_memsz;
      }
    } else if (header.p_type == PT_NOTE && search->build_id.empty()) {
      search->build_id =
          BuildIdOfNotes(reinterpret_cast<const char*>(at), header.p_memsz);
    }
  }
  return 1;
}

bool Readable(const std::string& path) {
  return access(path.c_str(), R_OK) == 0;
}

}  // namespace

absl::Status KernelLibrary::Inspect(void* handle) {
  link_map* map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) {
    return absl::InternalError(absl::StrCat(path_, ": ", dlerror()));
  }
  SearchForBase search{map->l_addr, map->l_name, {}, ""};
  dl_iterate_phdr(VisitObject, &search);
  if (search.segments.empty()) {
    return absl::InternalError(absl::StrCat(path_, ": no mapped segments"));
  }
  load_base_ = map->l_addr;
  segments_ = std::move(search.segments);
  build_id_ = search.build_id.empty()
                  ? HashOfCode(search.code, search.code_bytes)
                  : search.build_id;
  return absl::OkStatus();
}

absl::StatusOr<const KernelLibrary*> KernelLibrary::Load(
    const std::string& path, const fl_runtime* runtime) {
  static absl::Mutex* mutex = new absl::Mutex;
  static auto* loaded =
      new std::map<std::string, std::unique_ptr<KernelLibrary>>;
  absl::MutexLock lock(mutex);

  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) == nullptr) {
    return absl::NotFoundError(
        absl::StrCat(path, ": no such kernel build: ", strerror(errno)));
  }
  auto found = loaded->find(resolved);
  if (found != loaded->end()) {
    if (found->second->runtime_ != runtime) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": loaded before for another runtime"));
    }
    return found->second.get();
  }

  void* handle = dlopen(resolved, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot load kernel build: ", dlerror()));
  }
  auto* kernel =
      static_cast<const fl_kernel*>(dlsym(handle, "faultline_kernel"));
  absl::Status wrong;
  if (kernel == nullptr) {
    wrong = absl::InvalidArgumentError(
        absl::StrCat(path, ": no kernel build: no symbol faultline_kernel"));
  } else if (kernel->abi != FL_KERNEL_ABI) {
    wrong = absl::InvalidArgumentError(absl::StrCat(
        path, ": kernel ABI ", kernel->abi, ", expected ", FL_KERNEL_ABI));
  } else if (kernel->struct_bytes != sizeof(fl_kernel)) {
    wrong = absl::InvalidArgumentError(
        absl::StrCat(path, ": struct fl_kernel has ", kernel->struct_bytes,
                     " bytes, expected ", sizeof(fl_kernel)));
  }
  if (!wrong.ok()) {
    dlclose(handle);
    return wrong;
  }

  std::unique_ptr<KernelLibrary> library(new KernelLibrary);
  library->path_ = resolved;
  library->kernel_ = kernel;
  library->runtime_ = runtime;
  absl::Status inspected = library->Inspect(handle);
  if (!inspected.ok()) {
    dlclose(handle);
    return inspected;
  }
  kernel->attach(runtime);
  return (*loaded)[resolved] = std::move(library), (*loaded)[resolved].get();
}

absl::StatusOr<std::string> KernelPath(absl::string_view arch, bool explored,
                                       bool physmem) {
  if (arch != "x86-64" && arch != "arm" && arch != "arm-nommu") {
    return absl::InvalidArgumentError(
        absl::StrCat("no architecture \"", arch,
                     "\": there are x86-64, arm and arm-nommu"));
  }
  std::string name(arch);
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  const std::string file =
      absl::StrCat("kernel_", name, explored ? "_explored" : "_native",
                   physmem ? "" : "_nophysmem", ".so");
  char exe[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
  const std::string self(exe, length < 0 ? 0 : length);

  std::vector<std::string> tried;
  if (const char* dir = getenv("FAULTLINE_KERNEL_DIR")) {
    tried.push_back(absl::StrCat(dir, "/", file));
  }
  tried.push_back(
      absl::StrCat(self.substr(0, self.rfind('/')), "/kernels/", file));
  for (const char* variable : {"RUNFILES_DIR", "TEST_SRCDIR"}) {
    if (const char* dir = getenv(variable)) {
      tried.push_back(absl::StrCat(dir, "/faultline/sim/kernels/", file));
    }
  }
  tried.push_back(absl::StrCat(self, ".runfiles/faultline/sim/kernels/", file));
  for (const std::string& path : tried) {
    if (Readable(path)) return path;
  }
  return absl::NotFoundError(absl::StrCat(
      "no kernel build ", file, "; looked for ", absl::StrJoin(tried, ", ")));
}

}  // namespace faultline
