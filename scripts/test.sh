#!/usr/bin/env bash
# All tests; ends with how many were ignored, and why.
#
#     scripts/test.sh [--with NEED]... [OPTION OF CARGO TEST]...
#
# A test that needs more than the toolchain says so in one place, its attribute: #[ignore = "needs NEED, NEED"].
# `--with NEED` says that a need is met: tests all of whose needs are met run too, and fail where that is not true.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."

met=,
while [ "${1-}" = --with ]; do
  met+="$2,"
  shift 2
done
output=$(mktemp)
trap 'rm -f -- "$output"' EXIT
code=0
cargo test --workspace "$@" 2>&1 | tee -- "$output" || code=$?

# One line a test that was ignored: its name, whether it is to run now, and the reason.
ignored() {
  sed -n 's/^test \(.*\) \.\.\. ignored, \(.*\)$/\1|\2/p' "$output" | awk -F '|' -v met="$met" '{
    run = sub(/^needs /, "", $2)
    if (run) {
      count = split($2, needs, ", ")
      for (i = 1; i <= count; i++) if (!index(met, "," needs[i] ",")) run = 0
      $2 = "needs " $2
    }
    print $1 "|" run "|" $2
  }'
}
names=$(ignored | awk -F '|' '$2 { sub(/ - should panic$/, "", $1); print $1 }')
if [ "$code" = 0 ] && [ -n "$names" ]; then
  # One line a name, none with a space: the shell splits them.
  # shellcheck disable=SC2086
  cargo test --workspace "$@" -- --ignored --exact $names || code=$?
fi

printf '\n'
ignored | awk -F '|' '
  $2 { ran++; next }
  { left++; why[$3]++ }
  END {
    if (ran) printf "run because what they need is here: %d\n", ran
    printf "ignored: %d\n", left
    for (reason in why) printf "  %3d %s\n", why[reason], reason | "sort -k 2"
  }'
exit "$code"
