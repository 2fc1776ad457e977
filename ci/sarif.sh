#!/usr/bin/env bash
# Has the SARIF of every verb that writes it validated by Microsoft's Sarif.Multitool, by the rules of the format and by those that
# GitHub's code scanning has. A report whose rules lack a text must fail: that shows that the validator speaks.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
HERE=$PWD/ci/sarif-validator
TOOLS=${SARIF_VALIDATOR_DIR:-$PWD/target/sarif-validator}
BIN=${OPENCLAW_VERIFY:-${CARGO_TARGET_DIR:-target}/release/openclaw-verify}
if [ -z "${OPENCLAW_VERIFY:-}" ]; then cargo build --quiet --release -p openclaw-verify; fi
OUT=$(mktemp -d)
trap 'rm -rf -- "$OUT"' EXIT

case $(uname -sm) in
  'Linux x86_64') TOOL=$TOOLS/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool ;;
  *) echo "not run: the validator has no program for $(uname -sm)"; exit 0 ;;
esac
mkdir -p "$TOOLS"
if ! cmp -s "$HERE/package-lock.json" "$TOOLS/package-lock.json"; then
  cp "$HERE/package.json" "$HERE/package-lock.json" "$TOOLS/"
  # Its only script makes the program executable.
  (cd "$TOOLS" && npm ci --ignore-scripts --no-audit --no-fund --silent) \
    || { rm -f "$TOOLS/package-lock.json"; echo 'not run: npm does not reach its registry'; exit 0; }
  chmod u+x "$TOOL"
fi
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

# report NAME EXITCODE ARGUMENTS...
report() {
  local name=$1 expected=$2 code=0
  shift 2
  "$BIN" "$@" --format sarif --quiet >"$OUT/$name.sarif" 2>/dev/null || code=$?
  [ "$code" = "$expected" ] || { echo "$name: exit $code, not $expected"; exit 1; }
}
mkdir "$OUT/config" "$OUT/empty" "$OUT/state" "$OUT/odd config"
SHIPPED=(--state-dir testdata/states/home/.openclaw --relocated-from /home/user/.openclaw)
report init 0 lock --init "${SHIPPED[@]}" --config "$OUT/config"
report check 0 check "${SHIPPED[@]}" --config "$OUT/config"
report denied 1 check "${SHIPPED[@]}" --config "$OUT/config" --fail-on note
report lock-only 0 check --lock-only --config "$OUT/config"
cp "$OUT/config/"* "$OUT/odd config/"
report spaces 0 check "${SHIPPED[@]}" --config "$OUT/odd config"
report nothing 3 lock --init --state-dir "$OUT/state" --config "$OUT/empty"
report failed 2 check --state-dir "$OUT/absent" --config "$OUT/config"
if [ -n "${OPENCLAW_VERIFY_REAL:-}" ]; then
  mkdir "$OUT/real"
  REAL=(--state-dir "$OPENCLAW_VERIFY_REAL/home/.openclaw" --openclaw "$OPENCLAW_VERIFY_REAL/app/node_modules/openclaw" --config "$OUT/real")
  report real-init 0 lock --init "${REAL[@]}"
  report real 0 check "${REAL[@]}"
fi

# Its exit code says only whether it could run, so what counts is what it prints.
validate() { "$TOOL" validate "$@" --rule-kind 'Sarif;Ghas' --level 'Error;Warning'; }
validate "$OUT"/*.sarif >"$OUT/said" || { cat "$OUT/said"; exit 1; }
grep -q "^Done. $(find "$OUT" -name '*.sarif' | wc -l) files scanned" "$OUT/said" || { cat "$OUT/said"; exit 1; }
if grep -E ': (error|warning) ' "$OUT/said"; then exit 1; fi
find "$OUT" -name '*.sarif' -printf '%f is valid\n' | sort

mkdir "$OUT/broken"
sed 's/"fullDescription"/"descriptionFull"/' "$OUT/check.sarif" >"$OUT/broken/check.sarif"
validate "$OUT/broken/check.sarif" | grep -q ': error GH2012' || { echo 'the validator missed a missing fullDescription'; exit 1; }
