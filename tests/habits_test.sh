#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Habits of guest code that no compiler checks: kulong instead of long, no
# library, arrows between folders one way, a licence line in each file, and no
# header that the C11 test forgets.

set -u
cd "${TEST_SRCDIR:-.}/${TEST_WORKSPACE:-.}" || exit 1

mapfile -t guest < <(find -L mm cramfs -type f \( -name '*.cc' -o -name '*.h' \) |
  grep -v '^cramfs/tools/' | grep -vE '_test\.cc$|/testing' | sort)
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
complain "guest code includes a library" \
  '#include (<(vector|string|map|memory|functional|iostream|algorithm|utility|cstdint|cstring|stdio\.h|stdlib\.h|string\.h|errno\.h)>|"(absl|sim|bench|tests)/)' \
  $(printf '%s\n' "${guest[@]}")
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
