// SPDX-License-Identifier: GPL-2.0-only

#include "sim/conformance/differential.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace faultline {

absl::StatusOr<std::unique_ptr<Differential>> Differential::Create(
    const Program& base, const std::string& variant) {
  std::unique_ptr<Differential> made(new Differential);
  absl::StatusOr<ProgramImage> image = MakeProgramImage(base);
  if (!image.ok()) return image.status();
  made->image_ = *std::move(image);
  for (const FileSpec& file : base.image.files) {
    made->files_.push_back(file.name);
  }
  absl::StatusOr<std::unique_ptr<SerialModel>> model =
      SerialModel::Create(base, &made->image_, variant);
  if (!model.ok()) return model.status();
  made->model_ = *std::move(model);
  absl::StatusOr<std::unique_ptr<SerialHost>> host =
      SerialHost::Create(made->image_);
  if (!host.ok()) return host.status();
  made->host_ = *std::move(host);
  return made;
}

absl::StatusOr<Comparison> Differential::Run(const Program& program,
                                             bool check) {
  absl::StatusOr<CompiledProgram> compiled = CompileProgram(program);
  if (!compiled.ok()) return compiled.status();
  absl::StatusOr<SerialRun> host = host_->Run(*compiled);
  if (!host.ok()) return host.status();
  absl::StatusOr<SerialRun> model = model_->Run(*compiled, check);
  if (!model.ok()) return model.status();
  operations_ = model->steps.size();
  return Compare(*model, *host, files_);
}

}  // namespace faultline
