#!/usr/bin/env bash
# Writes SBOMs of the shipped state, and of a real OpenClaw where OPENCLAW_VERIFY_REAL names one, with real verdicts, in every version
# of CycloneDX; has them, and those of the tests' hostile packages, validated by two independent libraries; and compares packages and
# edges of the real ones with npm's hidden lockfile and Node's own resolver.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
OUT=$(mktemp -d)
trap 'rm -rf -- "$OUT"' EXIT
TARGET=${CARGO_TARGET_DIR:-target}
BIN=${OPENCLAW_VERIFY:-$TARGET/release/openclaw-verify}
if [ -z "${OPENCLAW_VERIFY:-}" ]; then
  cargo build --quiet --release -p openclaw-verify
fi
FOLDERS=("$OUT")
SHIPPED=(--state-dir testdata/states/home/.openclaw --relocated-from /home/user/.openclaw --config testdata/states/home/config)
MAKERS=(--author 'Ada Lovelace <ada@example.org>' --manufacturer 'Acme <sbom@example.org> (https://example.org)' --supplier 'Acme')

# The verdicts of the real installation need a lock, made in a folder of its own.
if [ -n "${OPENCLAW_VERIFY_REAL:-}" ]; then
  mkdir "$OUT/config"
  INSTALLED=(--state-dir "$OPENCLAW_VERIFY_REAL/home/.openclaw" --openclaw "$OPENCLAW_VERIFY_REAL/app/node_modules/openclaw"
    --config "$OUT/config")
  # Exit 1: something that a starter policy cannot except. The lock is written anyway.
  "$BIN" lock --init --quiet "${INSTALLED[@]}" >/dev/null || [ $? -eq 1 ]
fi
for version in 1.5 1.6 1.7; do
  sbom() { "$BIN" sbom --spec-version "$version" --quiet "$@" 2>/dev/null; }
  sbom --reproducible -o "$OUT/shipped-$version.cdx.json" "${SHIPPED[@]}"
  sbom "${MAKERS[@]}" -o "$OUT/shipped-dated-$version.cdx.json" "${SHIPPED[@]}"
  sbom --from-lock -o "$OUT/lock-$version.cdx.json" --lock-only --config testdata/states/home/config
  if [ -n "${OPENCLAW_VERIFY_REAL:-}" ]; then
    sbom "${MAKERS[@]}" -o "$OUT/real-$version.cdx.json" "${INSTALLED[@]}"
  fi
done
# The tests write what hostile packages and verdicts give.
if [ -d "$TARGET/tmp/sbom" ]; then FOLDERS+=("$TARGET/tmp/sbom"); else echo 'skipped: the tests have written no hostile SBOMs'; fi

if [ -n "${OPENCLAW_VERIFY_REAL:-}" ]; then
  for version in 1.5 1.6 1.7; do
    node scripts/sbom-peers/installation.mjs "$OUT/real-$version.cdx.json" "$OPENCLAW_VERIFY_REAL/home/.openclaw" \
      "$OPENCLAW_VERIFY_REAL/app"
  done
fi
ci/sbom-validators.sh "${FOLDERS[@]}"
