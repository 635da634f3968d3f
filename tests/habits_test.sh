#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Habits of guest code that no compiler checks: kulong instead of long, no
# library, arrows between folders one way, a licence line in each file, and no
# header that the C11 test forgets.

set -u
cd "${TEST_SRCDIR:-.}/${TEST_WORKSPACE:-.}" || exit 1

mapfile -t guest < <(find -L mm cramfs -type f \( -name '*.cc' -o -name '*.h' \) |
  grep -v '^cramfs/tools/' | grep -vE '_test\.cc$|/testing|_testing\.h$' | sort)
[ "${#guest[@]}" -gt 40 ] || {
  echo "only ${#guest[@]} files of guest code found"
  exit 1
}

# Copies without comments, line by line as before.
bare="$(mktemp -d)"
trap 'rm -rf "$bare"' EXIT
for file in "${guest[@]}"; do
  mkdir -p "$bare/$(dirname "$file")"
  g++ -x c++ -fpreprocessed -dD -E "$file" 2>/dev/null |
    grep -v '^# [0-9]' >"$bare/$file"
done

failed=0
# complain TEXT PATTERN [FILE...]: no line may match, comments apart.
complain() {
  local text="$1" pattern="$2" found
  shift 2
  found="$(for file in "$@"; do
    grep -nE "$pattern" "$bare/$file" | sed "s@^@$file:@"
  done)"
  [ -z "$found" ] && return
  printf '%s:\n%s\n' "$text" "$found"
  failed=1
}

complain "bare long in guest code" '\blong\b' \
  $(printf '%s\n' "${guest[@]}")
# The only headers that guest code may include, beside its own.
allowed='#include (<(stdint|stddef|stdbool|zlib)\.h>|"(mm|cramfs)/[a-z0-9_/]+\.h")'
# foreign_includes FILE...: the lines that include anything else.
foreign_includes() {
  grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null "$@" |
    grep -vE ":$allowed\$"
}
# Seen to fire: on each line of a file but the first five.
cat >"$bare/planted.cc" <<'END'
#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>
#include <zlib.h>
#include "mm/mm.h"
#include <vector>
#include <string.h>
#include "absl/strings/str_cat.h"
# include <cstdint>
#include "sim/machine.h"
END
[ "$(foreign_includes "$bare/planted.cc" | wc -l)" -eq 5 ] || {
  echo "the check of includes does not see what was planted"
  failed=1
}
if (cd "$bare" && foreign_includes "${guest[@]}"); then
  echo "guest code includes a header of somebody else"
  failed=1
fi
complain "mm knows no file system" '#include "cramfs/' \
  $(printf '%s\n' "${guest[@]}" | grep '^mm/')
complain "mm/sync knows nothing of mm" '#include "mm/[a-z_]+\.h"' \
  $(printf '%s\n' "${guest[@]}" | grep '^mm/sync/' |
    grep -v 'mm/sync/machine\.h')
complain "inline functions in headers are static (no weak symbols)" \
  '^(inline|template)\b' \
  $(printf '%s\n' "${guest[@]}" | grep '\.h$')

for file in "${guest[@]}"; do
  head -n 2 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only' || {
    echo "$file: no licence line"
    failed=1
  }
  case "$file" in
  *.h)
    grep -q "\"$file\"" tests/BUILD.bazel || {
      echo "$file is not in MODEL_HEADERS of tests/BUILD.bazel"
      failed=1
    }
    ;;
  esac
done
exit "$failed"
