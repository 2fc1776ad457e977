#!/usr/bin/env bash
# Makes the archive of a release from a program that is built already: packages/archive/build.sh BINARY RUST-TARGET OUT-FOLDER. Prints its
# path. `cargo binstall`, Homebrew and the action take this archive. The same inputs give the same bytes.
set -euo pipefail
BINARY=$(cd -- "$(dirname -- "$1")" && pwd)/$(basename -- "$1")
TARGET=$2
mkdir -p -- "$3"
OUT=$(cd -- "$3" && pwd)
cd -- "$(dirname -- "$0")/../.."
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
NAME=openclaw-verify-$VERSION-$TARGET
STAGE=$(mktemp -d)
trap 'rm -rf -- "$STAGE"' EXIT
umask 022
install -d -m 755 "$STAGE/$NAME"
install -m 755 "$BINARY" "$STAGE/$NAME/openclaw-verify"
install -m 644 LICENSE-APACHE LICENSE-MIT "$STAGE/$NAME/"
for page in README.md SECURITY.md; do packages/linked.sh "$page" >"$STAGE/$NAME/$page"; done
# Manual pages come from the program itself, where it can run here.
if "$BINARY" --version >/dev/null 2>&1; then packages/man/build.py "$BINARY" "$STAGE/$NAME/man" >/dev/null; fi
# Python's tar and gzip are the same on every machine; those of macOS and of GNU differ.
python3 - "$STAGE" "$NAME" "$OUT/$NAME.tar.gz" "$SOURCE_DATE_EPOCH" <<'PYTHON'
import gzip
import os
import sys
import tarfile

stage, name, out, when = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def plain(entry):
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = when, 0, 0, "", ""
    return entry


with open(out, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
    tar.add(os.path.join(stage, name), name, recursive=False, filter=plain)
    for folder, folders, files in os.walk(os.path.join(stage, name)):
        folders.sort()
        inside = os.path.relpath(folder, stage)
        if inside != name:
            tar.add(folder, inside, recursive=False, filter=plain)
        for entry in sorted(files):
            tar.add(os.path.join(folder, entry), f"{inside}/{entry}", filter=plain)
PYTHON
echo "$OUT/$NAME.tar.gz"
