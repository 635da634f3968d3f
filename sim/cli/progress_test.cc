// SPDX-License-Identifier: GPL-2.0-only

#include "sim/cli/progress.h"

#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "sim/cli/io.h"

namespace faultline {
namespace {

TEST(ProgressTest, SilentWhereErrIsNoTerminal) {
  std::ostringstream out, err;
  Io io{out, err};
  {
    Progress progress(io);
    progress.Show("text");
  }
  EXPECT_EQ(err.str(), "");
}

TEST(ProgressTest, OneLineCutToTheWidthAndClearedAtTheEnd) {
  std::ostringstream out, err;
  Io io{out, err};
  io.err_is_terminal = true;
  io.width = 20;
  {
    Progress progress(io);
    progress.Show(std::string(50, 'x'));
    progress.Show("short");
  }
  EXPECT_EQ(err.str(),
            "\r" + std::string(19, 'x') + "\x1b[K\rshort\x1b[K\r\x1b[K");
  EXPECT_EQ(out.str(), "");
}

TEST(ProgressTest, FiguresAreReadable) {
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(1000), "1,000");
  EXPECT_EQ(WithCommas(1234567), "1,234,567");
  EXPECT_EQ(Count(1, "finding", "findings"), "1 finding");
  EXPECT_EQ(Count(1200, "finding", "findings"), "1,200 findings");
  EXPECT_EQ(Seconds(0.123), "0.12 s");
  EXPECT_EQ(Seconds(9.999), "10 s");
  EXPECT_EQ(Seconds(184.2), "3 min 4 s");
  EXPECT_EQ(Bytes(512), "512 bytes");
  EXPECT_EQ(Bytes(20480), "20 KiB");
  EXPECT_EQ(Bytes(uint64_t{12} << 20), "12.0 MiB");
}

}  // namespace
}  // namespace faultline
