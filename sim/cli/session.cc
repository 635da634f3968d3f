// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/kernel_library.h"
#include "sim/kernel_log.h"
#include "sim/native_runtime.h"
#include "sim/program/litmus_format.h"
#include "sim/source_path.h"

namespace faultline {
namespace {

std::string ErrorText(int64_t error) {
  const absl::string_view name = ErrnoName(static_cast<int>(-error));
  return name.empty() ? absl::StrCat("error ", -error) : std::string(name);
}

}  // namespace

struct Session::Kernel {
  explicit Kernel(const KernelLibrary* library) : runtime(library) {
    runtime.SetCheckers({&log});
    system = runtime.AddTask("system");
    main = runtime.AddTask("main");
  }

  KernelLog log;
  NativeRuntime runtime;
  NativeTask *system, *main;
};

Session::Session() = default;
Session::~Session() = default;

absl::StatusOr<std::unique_ptr<Session>> Session::Open(
    const std::string& arch, const std::string& variant,
    const std::vector<uint8_t>* image, const std::vector<std::string>& paths,
    uint64_t ram_pages) {
  absl::StatusOr<std::string> path = KernelPath(arch, false, true);
  if (!path.ok()) return absl::UnavailableError(path.status().message());
  absl::StatusOr<const KernelLibrary*> library =
      KernelLibrary::Load(*path, NativeRuntime::Table());
  if (!library.ok()) return absl::UnavailableError(library.status().message());
  std::unique_ptr<Session> session(new Session);
  session->kernel_ = std::make_unique<Kernel>(*library);
  MachineOptions options;
  options.variant = variant;
  options.ram_pages = ram_pages;
  absl::StatusOr<std::unique_ptr<Machine>> machine =
      Machine::Create(*library, options, image);
  if (!machine.ok()) return machine.status();
  session->machine_ = *std::move(machine);
  Kernel& kernel = *session->kernel_;
  absl::Status status = session->machine_->Boot(&kernel.runtime, kernel.system);
  if (status.ok()) {
    status =
        session->machine_->Populate(&kernel.runtime, kernel.system, paths, 1);
  }
  if (!status.ok()) {
    return kernel.log.death().empty()
               ? status
               : absl::FailedPreconditionError(
                     absl::StrCat(status.message(), ": ", kernel.log.death()));
  }
  absl::StatusOr<task_struct*> task =
      session->machine_->AddTask("main", 0, 0, kernel.main);
  if (!task.ok()) return task.status();
  session->task_ = *task;
  return session;
}

absl::Status Session::Do(absl::FunctionRef<void()> call) {
  if (kernel_->runtime.RunAs(kernel_->main, task_, call)) {
    return absl::OkStatus();
  }
  return Death();
}

absl::Status Session::Death() const {
  return absl::InternalError(
      absl::StrCat("the kernel died: ", kernel_->log.death()));
}

const std::vector<std::string>& Session::complaints() const {
  return kernel_->log.complaints();
}

absl::StatusOr<std::vector<uint8_t>> Session::ReadFile(size_t file) {
  struct file* opened = machine_->files()[file];
  std::vector<uint8_t> data(
      static_cast<size_t>(machine_->kernel().file_size(opened)));
  int64_t result = 0;
  absl::Status status = Do([&] {
    result = machine_->kernel().file_read(opened, data.data(), data.size(), 0);
  });
  if (!status.ok()) return status;
  if (result < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("read failed: ", ErrorText(result)));
  }
  data.resize(static_cast<size_t>(result));
  return data;
}

absl::StatusOr<uint64_t> Session::Map(size_t file, uint64_t at, uint64_t length,
                                      uint32_t prot, uint64_t offset) {
  int64_t result = 0;
  absl::Status status = Do([&] {
    result = machine_->kernel().sys_mmap(
        at, length, prot, FL_MAP_PRIVATE | (at != 0 ? FL_MAP_FIXED : 0),
        machine_->files()[file], offset);
  });
  if (!status.ok()) return status;
  if (result < 0) {
    return absl::FailedPreconditionError(
        absl::StrFormat("mmap of 0x%x bytes at offset 0x%x failed: %s", length,
                        offset, ErrorText(result)));
  }
  return static_cast<uint64_t>(result);
}

absl::StatusOr<fl_user_result> Session::Touch(uint32_t kind, uint64_t address) {
  fl_user_result result = {};
  absl::Status status =
      Do([&] { machine_->kernel().user_access(kind, address, 1, 0, &result); });
  if (!status.ok()) return status;
  return result;
}

std::string Session::Maps() const {
  mm_struct* mm = machine_->process(0);
  const uint64_t bytes = machine_->kernel().proc_maps(mm, nullptr, 0);
  std::string text(bytes + 1, '\0');
  machine_->kernel().proc_maps(mm, text.data(), text.size());
  text.resize(bytes);
  return text;
}

std::vector<fl_page_info> Session::Pages() const {
  std::vector<fl_page_info> pages;
  machine_->kernel().page_walk(
      machine_->process(0),
      [](const fl_page_info* info, void* cookie) {
        static_cast<std::vector<fl_page_info>*>(cookie)->push_back(*info);
      },
      &pages);
  std::sort(pages.begin(), pages.end(),
            [](const fl_page_info& a, const fl_page_info& b) {
              return a.address < b.address;
            });
  return pages;
}

absl::Status Session::Close() {
  absl::Status status = Do([this] {
    machine_->CheckProcesses();
    machine_->kernel().task_exit();
  });
  if (!status.ok()) return status;
  machine_->kernel().task_free(task_);
  task_ = nullptr;
  if (!machine_->TearDown(&kernel_->runtime, kernel_->system)) return Death();
  return Do([this] { machine_->CheckMachine(); });
}

}  // namespace faultline
