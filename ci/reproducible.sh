#!/usr/bin/env bash
# Builds the program twice, in two folders with two folders of output, and fails when one byte differs:
#     ci/reproducible.sh [--auditable] [--target RUST-TARGET] [--profile NAME] [--out FOLDER]
# Anybody who has the commit and the same Rust gets the published program so.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
ROOT=$PWD
PROFILE=release TARGET=$(rustc -vV | sed -n 's/^host: //p') OUT= CARGO=(cargo)
while [ $# -gt 0 ]; do
  case $1 in
    --auditable) CARGO=(cargo auditable) ;;
    --target) TARGET=$2; shift ;;
    --profile) PROFILE=$2; shift ;;
    --out) OUT=$2; shift ;;
    *) echo "unknown: $1" >&2; exit 2 ;;
  esac
  shift
done
FOLDER=$PROFILE
if [ "$PROFILE" = dev ]; then FOLDER=debug; fi
sha() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }

WORK=$(mktemp -d)
trap 'rm -rf -- "$WORK"' EXIT
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
HOME_OF_CARGO=${CARGO_HOME:-$HOME/.cargo}

# Another length and another depth, so that a path that slips in is seen.
for copy in "$WORK/a" "$WORK/a-longer-name/deeper/b"; do
  mkdir -p "$copy/source"
  git archive HEAD | tar -x -C "$copy/source"
  remap="--remap-path-prefix=$copy/source=/openclaw-verify --remap-path-prefix=$HOME_OF_CARGO=/cargo --remap-path-prefix=$copy/target=/target"
  # The C parts (SQLite, aws-lc) would name their files too.
  maps="-ffile-prefix-map=$HOME_OF_CARGO=/cargo -ffile-prefix-map=$copy/target=/target"
  (cd "$copy/source" && RUSTFLAGS=$remap CFLAGS=$maps CXXFLAGS=$maps "${CARGO[@]}" build --quiet --locked --profile "$PROFILE" -p openclaw-verify \
    --target "$TARGET" --target-dir "$copy/target")
  mv "$copy/target/$TARGET/$FOLDER/openclaw-verify" "$copy/openclaw-verify"
  rm -rf -- "$copy/target"
  echo "$(sha <"$copy/openclaw-verify")  $(wc -c <"$copy/openclaw-verify" | tr -d ' ') bytes"
  BUILT+=("$copy/openclaw-verify")
done
cmp "${BUILT[0]}" "${BUILT[1]}" || { echo 'two builds differ' >&2; exit 1; }
if grep -aqF -e "$WORK" -e "$HOME_OF_CARGO" "${BUILT[0]}"; then echo 'the program names folders of this machine' >&2; exit 1; fi
if [ -n "$OUT" ]; then mkdir -p -- "$ROOT/$OUT" && cp -- "${BUILT[0]}" "$ROOT/$OUT/openclaw-verify"; fi
echo 'two builds, the same bytes'
