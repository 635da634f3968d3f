// SPDX-License-Identifier: GPL-2.0-only
//
// How a source file of a kernel build is named in reports.

#ifndef FAULTLINE_SIM_SOURCE_PATH_H_
#define FAULTLINE_SIM_SOURCE_PATH_H_

#include <string>

namespace faultline {

// `path` without what comes before the source tree's own folders (mm/,
// cramfs/, sim/), nor "./".
std::string RelativeSourcePath(const std::string& path);

}  // namespace faultline

#endif  // FAULTLINE_SIM_SOURCE_PATH_H_
