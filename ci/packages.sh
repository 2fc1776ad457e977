#!/usr/bin/env bash
# npm packages and OpenClaw's plugin: the types are those of the schemas and compile, the packed tarballs work from a clean folder, and
# the plugin works in a real OpenClaw where OPENCLAW_VERIFY_REAL names one. OPENCLAW_VERIFY names a program that is built already.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
OUT=$(mktemp -d)
trap 'rm -rf -- "$OUT"' EXIT
if [ -z "${OPENCLAW_VERIFY:-}" ]; then
  cargo build --quiet --release -p openclaw-verify
  OPENCLAW_VERIFY=$(cd -- "${CARGO_TARGET_DIR:-target}/release" && pwd)/openclaw-verify
fi
export OPENCLAW_VERIFY OPENCLAW_VERIFY_PACKS=$OUT

case $(uname -sm) in
  'Linux x86_64') TARGET=linux-x64 ;;
  'Linux aarch64') TARGET=linux-arm64 ;;
  'Darwin arm64') TARGET=darwin-arm64 ;;
  'Darwin x86_64') TARGET=darwin-x64 ;;
  *) echo "not run: no package for $(uname -sm)"; exit 0 ;;
esac

cd packages/npm
if ! cmp -s package-lock.json node_modules/.lock-of-ci; then
  npm ci --ignore-scripts --no-audit --no-fund --silent || { echo 'not run: npm does not reach its registry'; exit 0; }
  cp package-lock.json node_modules/.lock-of-ci
fi
node scripts/types.js --check
rm -rf dist
node node_modules/typescript/bin/tsc -p .
node scripts/pack.js --out "$OUT" --binary "$TARGET=$OPENCLAW_VERIFY"
tests=(test/sdk.test.js test/packed.test.js)
if [ -n "${OPENCLAW_VERIFY_REAL:-}" ]; then
  tests+=(../openclaw-plugin/test/real.test.js)
else
  echo 'the plugin was not run: no real OpenClaw here'
fi
node --test "${tests[@]}" >"$OUT/log" 2>&1 || { cat "$OUT/log"; exit 1; }
grep -E '^(ok|# tests|# pass|ℹ tests|ℹ pass|✔)' "$OUT/log"
