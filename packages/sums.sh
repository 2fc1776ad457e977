#!/usr/bin/env bash
# Writes SHA256SUMS into a folder that holds what a release consists of: packages/sums.sh FOLDER. Every file has the name under which it is
# downloaded, from the release, by `npm pack` or by `pip download`. The program of each archive is unpacked beside it and listed as `tar -x`
# makes it: its digest is what the SDK and the plugin print.
set -euo pipefail
cd -- "$1"
for archive in *.tar.gz; do
  tar -xzf "$archive" "${archive%.tar.gz}/openclaw-verify"
done
find . -type f ! -name 'SHA256SUMS*' | sed 's|^\./||' | LC_ALL=C sort | while IFS= read -r file; do sha256sum -- "$file"; done >SHA256SUMS.new
mv -- SHA256SUMS.new SHA256SUMS
