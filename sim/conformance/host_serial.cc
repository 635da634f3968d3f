// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/host_serial.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "sim/conformance/host_agent.h"
#include "sim/program/litmus_format.h"

namespace faultline {
namespace {

using host_agent::Shared;

constexpr int kPatienceMs = 60000;  // for one program

absl::Status HostError(absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat("host: ", what, ": ", strerror(errno)));
}

// The content in a file that has no name any more, open for reading only: a
// file that could be written would be mapped with other rights.
absl::StatusOr<int> MakeFile(const OracleFileStrings& files, int index) {
  const char* directory = getenv("TMPDIR");
  std::string path =
      absl::StrCat(directory != nullptr && *directory ? directory : "/tmp",
                   "/faultline-XXXXXX");
  const int writer = mkostemp(path.data(), O_CLOEXEC);
  if (writer < 0) return HostError(path);
  const int reader = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int open_error = errno;
  unlink(path.c_str());
  std::string content(files.Size(index), '\0');
  for (uint64_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(files.Byte(index, i));
  }
  size_t done = 0;
  while (reader >= 0 && done < content.size()) {
    const ssize_t wrote =
        write(writer, content.data() + done, content.size() - done);
    if (wrote <= 0) break;
    done += static_cast<size_t>(wrote);
  }
  const int write_error = errno;
  close(writer);
  if (reader < 0) {
    errno = open_error;
    return HostError(path);
  }
  if (done < content.size()) {
    close(reader);
    errno = write_error;
    return HostError(path);
  }
  return reader;
}

}  // namespace

struct SerialHost::Channel : Shared {};

absl::StatusOr<std::unique_ptr<SerialHost>> SerialHost::Create(
    const ProgramImage& image) {
  std::unique_ptr<SerialHost> host(new SerialHost);
  if (image.paths.size() + image.memory_files.size() > host_agent::kMaxFiles) {
    return absl::InvalidArgumentError("host: too many files");
  }
  for (size_t i = 0; i < image.paths.size(); ++i) {
    absl::StatusOr<int> file = MakeFile(image.files, static_cast<int>(i));
    if (!file.ok()) return file.status();
    absl::Status status = host->AddFile(*file);
    if (!status.ok()) return status;
  }
  host->memory_files_ = image.memory_files;
  for (const MemoryFile& file : image.memory_files) {
    const int made = memfd_create(file.path.c_str() + 1, MFD_CLOEXEC);
    if (made < 0) return HostError("memfd_create");
    absl::Status status = host->AddFile(made);
    if (!status.ok()) return status;
  }
  void* const shared = mmap(nullptr, sizeof(Channel), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return HostError("memory");
  host->channel_ = static_cast<Channel*>(shared);
  absl::Status status = host->Start();
  if (!status.ok()) return status;
  return host;
}

absl::Status SerialHost::AddFile(int file) {
  files_.push_back(file);
  struct stat info = {};
  if (fstat(file, &info) != 0) return HostError("fstat");
  inodes_.push_back(info.st_ino);
  return absl::OkStatus();
}

absl::Status SerialHost::RestoreMemoryFiles() {
  const size_t first = files_.size() - memory_files_.size();
  for (size_t i = 0; i < memory_files_.size(); ++i) {
    const MemoryFile& file = memory_files_[i];
    if (ftruncate(files_[first + i], 0) != 0 ||
        ftruncate(files_[first + i], static_cast<off_t>(file.bytes)) != 0) {
      return HostError("ftruncate");
    }
    for (const auto& [offset, bytes] : file.data) {
      const ssize_t wrote = pwrite(files_[first + i], bytes.data(),
                                   bytes.size(), static_cast<off_t>(offset));
      if (wrote != static_cast<ssize_t>(bytes.size())) {
        return HostError("pwrite");
      }
    }
  }
  return absl::OkStatus();
}

SerialHost::~SerialHost() {
  Stop();
  if (channel_ != nullptr) munmap(channel_, sizeof(Channel));
  for (const int file : files_) close(file);
}

absl::Status SerialHost::Start() {
  int commands[2], answers[2];
  if (pipe2(commands, O_CLOEXEC) != 0) return HostError("pipe");
  if (pipe2(answers, O_CLOEXEC) != 0) {
    close(commands[0]);
    close(commands[1]);
    return HostError("pipe");
  }
  child_ = fork();
  if (child_ == 0) {
    close(commands[1]);
    close(answers[0]);
    host_agent::Main(channel_, files_.data(), commands[0], answers[1]);
  }
  close(commands[0]);
  close(answers[1]);
  to_child_ = commands[1];
  from_child_ = answers[0];
  if (child_ < 0) return HostError("fork");
  char byte;
  if (read(from_child_, &byte, 1) != 1) {
    Stop();
    return absl::FailedPreconditionError("host: the process did not start");
  }
  if (channel_->failed) {
    Stop();
    return absl::FailedPreconditionError(
        absl::StrCat("host: ", channel_->complaint));
  }
  return absl::OkStatus();
}

void SerialHost::Stop() {
  if (to_child_ >= 0) close(to_child_);
  if (from_child_ >= 0) close(from_child_);
  to_child_ = from_child_ = -1;
  if (child_ > 0) {
    kill(child_, SIGKILL);
    while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  child_ = -1;
}

absl::Status SerialHost::ParseStep(uint32_t index, SerialStep* step) const {
  const host_agent::StepRecord& record = channel_->steps[index];
  const Windows& windows = channel_->windows;
  step->skipped = record.skipped != 0;
  step->value = record.value;
  if (ReturnsAddress(step->op->kind) && record.value > 0) {
    step->value = static_cast<int64_t>(
        windows.Below(static_cast<uint64_t>(record.value)));
  }
  step->sig = record.sig;
  step->si_code = record.si_code;
  step->loaded = record.loaded;
  if (record.sig != 0) step->fault_below = windows.Below(record.fault_address);
  std::vector<MapsText> lines;
  absl::Status status =
      ParseMaps(absl::string_view(channel_->maps + record.maps_begin,
                                  record.maps_end - record.maps_begin),
                &lines);
  for (const MapsText& line : lines) {
    MapLine out;
    out.start = windows.Below(line.start);
    out.end = windows.Below(line.end);
    out.permissions = std::string(line.permissions);
    out.offset = line.offset;
    out.flags = line.flags;
    for (size_t i = 0; i < inodes_.size() && line.inode != 0; ++i) {
      if (line.inode == inodes_[i]) out.file = static_cast<int>(i);
    }
    step->maps.push_back(std::move(out));
  }
  return status;
}

absl::Status SerialHost::DoBatches(const CompiledProgram& program,
                                   const SerialBatch* first,
                                   const SerialBatch* last, SerialRun* run) {
  std::vector<int> process_of;
  for (const SerialBatch* batch = first; batch != last; ++batch) {
    for (size_t i = 0; i < batch->ops.size(); ++i) {
      process_of.push_back(batch->process);
    }
  }
  if (process_of.size() > kMaxOps ||
      program.variables.size() > host_agent::kMaxVariables) {
    return absl::InvalidArgumentError(
        absl::StrCat("host: more than ", kMaxOps, " operations"));
  }
  if (child_ < 0) {
    absl::Status status = Start();
    if (!status.ok()) return status;
  }
  channel_->variable_count = static_cast<uint32_t>(program.variables.size());
  channel_->process = first->process;
  channel_->sample_count = channel_->steps_done = 0;
  uint32_t count = 0;
  std::vector<const CompiledOp*> ops;
  for (const SerialBatch* batch = first; batch != last; ++batch) {
    Shared::Range& range = channel_->ops_of[batch->process];
    range.begin = count;
    for (const CompiledOp* op : batch->ops) {
      CompiledOp& out = channel_->ops[count++] = *op;
      ops.push_back(op);
      if (op->kind == OpKind::kFork) {
        out.target = ChildOf(program, *op);
      }
    }
    range.end = count;
  }
  channel_->op_count = count;
  char byte = 1;
  pollfd answer = {from_child_, POLLIN, 0};
  const bool answered = write(to_child_, &byte, 1) == 1 &&
                        poll(&answer, 1, kPatienceMs) == 1 &&
                        read(from_child_, &byte, 1) == 1;
  if (!answered) {
    run->died = "the process died or hung";
    Stop();
  } else if (channel_->failed) {
    run->died = channel_->complaint;
  }
  const uint32_t done = std::min<uint32_t>(channel_->steps_done, count);
  for (uint32_t i = 0; i < done; ++i) {
    SerialStep step;
    step.op = ops[i];
    step.process = process_of[i];
    if (step.op->kind == OpKind::kFork &&
        channel_->ops[i].target != step.process) {
      step.child = channel_->ops[i].target;
    }
    absl::Status status = ParseStep(i, &step);
    if (!status.ok()) return status;
    run->steps.push_back(std::move(step));
  }
  if (!answered) return absl::OkStatus();
  for (uint32_t i = 0;
       i < channel_->sample_count && run->pages.size() < SerialRun::kMaxSamples;
       ++i) {
    const host_agent::SampleRecord& record = channel_->samples[i];
    PageSample sample;
    sample.process = record.process;
    sample.below = channel_->windows.Below(record.address);
    sample.sig = record.sig;
    memcpy(sample.words, record.words, sizeof(sample.words));
    run->pages.push_back(sample);
  }
  return absl::OkStatus();
}

absl::StatusOr<SerialRun> SerialHost::Run(const CompiledProgram& program) {
  const std::vector<SerialBatch> batches = SerialOrder(program);
  if (program.processes.size() > host_agent::kMaxProcesses) {
    return absl::InvalidArgumentError("host: too many processes");
  }
  for (const SerialBatch& batch : batches) {
    for (const CompiledOp* op : batch.ops) {
      if (!HostHas(*op)) {
        return absl::InvalidArgumentError(
            absl::StrCat("no host has ", FormatOp(*op->source)));
      }
    }
  }
  for (const MemoryFile& file : memory_files_) {
    if (file.filesystem != "tmpfs") {
      return absl::InvalidArgumentError(
          absl::StrCat("no host has ", file.filesystem));
    }
  }
  absl::Status restored = RestoreMemoryFiles();
  if (!restored.ok()) return restored;
  SerialRun run;
  const auto own = [&](const SerialBatch& batch) {
    return static_cast<size_t>(batch.process) < program.own_processes;
  };
  for (size_t first = 0; first < batches.size() && run.died.empty();) {
    size_t last = first + 1;
    while (last < batches.size() && !own(batches[last])) ++last;
    absl::Status status =
        DoBatches(program, batches.data() + first, batches.data() + last, &run);
    if (!status.ok()) return status;
    first = last;
  }
  return run;
}

}  // namespace faultline
