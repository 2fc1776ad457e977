#!/usr/bin/env bash
# Writes Homebrew's formula to stdout: packages/homebrew/render.sh SHA256SUMS. Fails when an archive that it names is not in the sums.
set -euo pipefail
SUMS=$(cat -- "$1")
cd -- "$(dirname -- "$0")"
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' ../../Cargo.toml | head -n 1)
FORMULA=$(sed "s/@VERSION@/$VERSION/g" openclaw-verify.rb.in)
for target in $(grep -oE '@SHA256:[a-z0-9_-]+@' openclaw-verify.rb.in | sed 's/@SHA256:\(.*\)@/\1/'); do
  digest=$(awk -v name="openclaw-verify-$VERSION-$target.tar.gz" '$2 == name { print $1 }' <<<"$SUMS")
  if ! [[ $digest =~ ^[0-9a-f]{64}$ ]]; then
    echo "$1 has no openclaw-verify-$VERSION-$target.tar.gz" >&2
    exit 1
  fi
  FORMULA=${FORMULA//@SHA256:$target@/$digest}
done
printf '%s\n' "$FORMULA"
