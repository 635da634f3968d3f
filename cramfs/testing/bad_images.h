// SPDX-License-Identifier: GPL-2.0-only
//
// Images that are damaged, each in one way, and a few that only look it; and
// for each what the image check and the mounted file system have to say.
//
// Where the two differ, both are right: the check refuses whatever a reader
// could trip over; the kernel looks only at what it is asked for.

#ifndef FAULTLINE_CRAMFS_TESTING_BAD_IMAGES_H_
#define FAULTLINE_CRAMFS_TESTING_BAD_IMAGES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace faultline::cramfs {

// What the mounted file system shows of one node that is not as in the
// undamaged image.  In `seen`:
//
//   ENOENT, EIO, ...     what lstat says
//   read N map PPP       a regular file: bytes that a read of all of it gives,
//   read N wrong map PPP then whether they are not those of the undamaged
//                        image, or the error; and a character for each page of
//                        a mapping, at most eight: 'R' the right bytes,
//                        straight from the ROM, '=' the right bytes from the
//                        page cache, '!' and '?' likewise but other bytes, '0'
//                        zeros from the page cache, 'x' SIGBUS
//   link TEXT            where it leads to, or the error of readlink
//   dir A B C            the names it lists, then the error, if it ends in one
//   fifo, socket, char M,N, block M,N, open EXXX
//
// One '*' stands for any text.
struct SeenFile {
  // Without a slash in front; "" is the root, "*" every node but the root that
  // is not named.
  std::string path;
  // By v3 and mainline; by paged too, with 'R' as '=' and '!' as '?'.
  std::string seen;
  std::string paged = "";  // when it is not that
};

struct BadImage {
  std::string name;
  std::vector<uint8_t> bytes;
  // Of ImageReader::Open, or else of Check(): "OK", or the first warning as
  // "warning: TEXT", or the first error as "CODE: TEXT", whole, but for one '*'
  // that stands for any text.
  std::string check;
  int mount = 0;               // 0 or -errno
  std::vector<SeenFile> seen;  // all others are as in `undamaged`
  std::vector<uint8_t> undamaged;
};

// The table, twice: the images in little endian, then, with "BigEndian"
// behind their names, in big endian, which do not mount here.
const std::vector<BadImage>& BadImages();

// Sound images of unusual shape: the check is happy (a warning at most), and
// the mounted file system shows everything.
struct GoodImage {
  std::string name;
  std::vector<uint8_t> bytes;
  std::string check;  // "OK" or "warning: TEXT"
};
const std::vector<GoodImage>& GoodImages();

}  // namespace faultline::cramfs

#endif  // FAULTLINE_CRAMFS_TESTING_BAD_IMAGES_H_
