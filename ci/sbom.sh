#!/usr/bin/env bash
# Writes SBOMs of the shipped state, and of a real OpenClaw where OPENCLAW_VERIFY_REAL names one, in every version of CycloneDX, and
# has them validated by two independent libraries.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
OUT=$(mktemp -d)
trap 'rm -rf -- "$OUT"' EXIT
cargo build --quiet --release -p openclaw-verify
BIN=${CARGO_TARGET_DIR:-target}/release/openclaw-verify

for version in 1.5 1.6 1.7; do
  "$BIN" sbom --spec-version "$version" --reproducible -o "$OUT/shipped-$version.cdx.json" --quiet \
    --state-dir testdata/states/home/.openclaw --relocated-from /home/user/.openclaw --config testdata/states/home/config
  "$BIN" sbom --spec-version "$version" --from-lock -o "$OUT/lock-$version.cdx.json" --quiet \
    --lock-only --config testdata/states/home/config
  if [ -n "${OPENCLAW_VERIFY_REAL:-}" ]; then
    "$BIN" sbom --spec-version "$version" --no-verify -o "$OUT/real-$version.cdx.json" --quiet --config "$OUT" \
      --state-dir "$OPENCLAW_VERIFY_REAL/home/.openclaw" --openclaw "$OPENCLAW_VERIFY_REAL/app/node_modules/openclaw"
  fi
done
ci/sbom-validators.sh "$OUT"
