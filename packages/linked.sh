#!/usr/bin/env bash
# Prints a page of the tree as it is packed: packages/linked.sh FILE. A link within the repository leads to the tag of this version there,
# because a package does not hold what it leads to.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
sed -E "s|\]\(([^):#][^):]*)\)|](https://github.com/openclaw/openclaw-verify/blob/v$VERSION/\1)|g" -- "$1"
