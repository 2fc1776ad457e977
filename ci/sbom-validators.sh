#!/bin/sh
# Validates every *.cdx.json file in the given folders with two independent libraries, in strict mode and without network:
#   ci/sbom-validators.sh FOLDER...
# The libraries are installed once, at the versions pinned beside this script, into target/sbom-validators.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tools=${SBOM_VALIDATORS_DIR:-$here/../target/sbom-validators}

[ $# -gt 0 ] || { echo "usage: $0 FOLDER..." >&2; exit 2; }

mkdir -p "$tools"
if ! cmp -s "$here/sbom-validators/requirements.txt" "$tools/requirements.txt"; then
  python3 -m venv "$tools/venv"
  "$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/sbom-validators/requirements.txt"
  cp "$here/sbom-validators/requirements.txt" "$tools/requirements.txt"
fi
if ! cmp -s "$here/sbom-validators/package-lock.json" "$tools/package-lock.json"; then
  cp "$here/sbom-validators/package.json" "$here/sbom-validators/package-lock.json" "$tools/"
  (cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund --silent) || { rm -f "$tools/package-lock.json"; exit 2; }
fi
cp "$here/sbom-validators/validate.py" "$here/sbom-validators/validate.mjs" "$tools/"

list=$(mktemp)
trap 'rm -f "$list"' EXIT
find "$@" -name '*.cdx.json' -type f -print0 | sort -z > "$list"
[ -s "$list" ] || { echo "no *.cdx.json file in: $*" >&2; exit 2; }

status=0
xargs -0 -n 500 "$tools/venv/bin/python" "$tools/validate.py" < "$list" || status=1
xargs -0 -n 500 node "$tools/validate.mjs" < "$list" || status=1
exit $status
