#!/usr/bin/env bash
# Type-checks everything for macOS, tests too, on any machine. Nothing is linked and nothing runs, so the C parts of dependencies
# (SQLite, aws-lc) need no compiler for macOS: a stand-in makes empty objects.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
TARGET=aarch64-apple-darwin

if [ ! -d "$(rustc --print target-libdir --target "$TARGET")" ]; then
  echo "skipped: rustup target add $TARGET"
  exit 0
fi
# Always the same place: another compiler would have every dependency checked anew.
mkdir -p "${CARGO_TARGET_DIR:-target}/macos-tools"
TOOLS=$(cd -- "${CARGO_TARGET_DIR:-target}/macos-tools" && pwd)
cat >"$TOOLS/clang" <<'SH'
#!/bin/sh
before=
for argument; do
  [ "$before" = -o ] && : >"$argument"
  before=$argument
done
SH
cat >"$TOOLS/ar" <<'SH'
#!/bin/sh
for argument; do
  case $argument in *.a) : >"$argument" ;; esac
done
SH
chmod +x "$TOOLS/clang" "$TOOLS/ar"
export CC_aarch64_apple_darwin=$TOOLS/clang CXX_aarch64_apple_darwin=$TOOLS/clang AR_aarch64_apple_darwin=$TOOLS/ar
# Only named to the compiler, so that it does not look for Apple's tools.
export SDKROOT=$TOOLS/MacOSX.sdk
cargo check --quiet --workspace --all-targets --target "$TARGET"
echo "everything type-checks for $TARGET; nothing was linked or run"
