#!/usr/bin/env bash
# What action.yml runs. Everything comes by INPUT_… variables; nothing of them is ever a command. The program is the given one, or the one
# in the release archive whose SHA-256 the workflow names: it is compared before anything is unpacked.
set -euo pipefail

stop() {
  local said=${1//'%'/%25}
  said=${said//$'\r'/%0D}
  printf '::error title=openclaw-verify::%s\n' "${said//$'\n'/%0A}"
  printf 'exit-code=2\n' >>"${GITHUB_OUTPUT:-/dev/null}"
  printf '%s\n' "$1" >"$WORK/stopped"
  { printf '## openclaw-verify: could not be completed (exit 2)\n\n'; fenced "$WORK/stopped"; } >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
  exit 2
}

# What is printed may quote hostile names. The program escapes control characters; the fence is longer than every run of backticks.
fenced() {
  local longest fence
  longest=$({ grep -o '``*' -- "$1" || true; } | awk '{ if (length > most) most = length } END { print (most > 2 ? most : 2) + 1 }')
  fence=$(printf '%*s' "$longest" '' | tr ' ' '`')
  printf '%stext\n' "$fence"
  cat -- "$1"
  printf '%s\n' "$fence"
}

WORK=$(mktemp -d "${RUNNER_TEMP:-/tmp}/openclaw-verify-XXXXXX")
if [ -n "${INPUT_BINARY:-}" ]; then
  [ -x "$INPUT_BINARY" ] || stop "binary: $INPUT_BINARY is no program"
  PROGRAM=$(cd -- "$(dirname -- "$INPUT_BINARY")" && pwd)/$(basename -- "$INPUT_BINARY")
else
  [[ ${INPUT_VERSION:-} =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z.]+)?$ ]] || stop 'version: one exact version is needed, such as 1.2.3'
  [[ ${INPUT_SHA256:-} =~ ^[0-9a-f]{64}$ ]] || stop 'sha256: the SHA-256 of the archive is needed; it stands in SHA256SUMS of the release'
  case $(uname -sm) in
    'Linux x86_64') TARGET=x86_64-unknown-linux-musl ;;
    'Linux aarch64') TARGET=aarch64-unknown-linux-musl ;;
    'Darwin arm64') TARGET=aarch64-apple-darwin ;;
    'Darwin x86_64') TARGET=x86_64-apple-darwin ;;
    *) stop "no program for $(uname -sm)" ;;
  esac
  NAME=openclaw-verify-$INPUT_VERSION-$TARGET
  case ${INPUT_MIRROR:-} in
    '') curl --fail --silent --show-error --location --proto '=https' --retry 3 --max-filesize 100000000 --output "$WORK/archive" \
      "https://github.com/openclaw/openclaw-verify/releases/download/v$INPUT_VERSION/$NAME.tar.gz" || stop "$NAME.tar.gz cannot be downloaded" ;;
    /*) cp -- "$INPUT_MIRROR/$NAME.tar.gz" "$WORK/archive" || stop "$INPUT_MIRROR has no $NAME.tar.gz" ;;
    *) stop 'mirror: the whole path of a folder is needed' ;;
  esac
  if command -v sha256sum >/dev/null; then
    GOT=$(sha256sum <"$WORK/archive")
  else
    GOT=$(shasum -a 256 <"$WORK/archive") || stop 'neither sha256sum nor shasum is here to compare the archive with'
  fi
  [ "${GOT%% *}" = "$INPUT_SHA256" ] || stop "$NAME.tar.gz has another SHA-256: ${GOT%% *}"
  tar -xzf "$WORK/archive" -C "$WORK" "$NAME/openclaw-verify" || stop "$NAME.tar.gz holds no program that can be unpacked"
  PROGRAM=$WORK/$NAME/openclaw-verify
fi

ARGUMENTS=(check --config "${INPUT_CONFIG:-.}")
# Who names an installation has said what to judge.
for NAMED in state-dir:"${INPUT_STATE_DIR:-}" relocated-from:"${INPUT_RELOCATED_FROM:-}" openclaw:"${INPUT_OPENCLAW:-}"; do
  if [ -n "${NAMED#*:}" ] && [ "${INPUT_LOCK_ONLY:-true}" = true ]; then
    stop "${NAMED%%:*}: an installation is named, and lock-only is true; set lock-only to false to judge it"
  fi
done
case ${INPUT_LOCK_ONLY:-true} in
  true) ARGUMENTS+=(--lock-only) ;;
  false) ;;
  *) stop 'lock-only: true or false is needed' ;;
esac
if [ -n "${INPUT_STATE_DIR:-}" ]; then ARGUMENTS+=(--state-dir "$INPUT_STATE_DIR"); fi
if [ -n "${INPUT_RELOCATED_FROM:-}" ]; then ARGUMENTS+=(--relocated-from "$INPUT_RELOCATED_FROM"); fi
if [ -n "${INPUT_OPENCLAW:-}" ]; then ARGUMENTS+=(--openclaw "$INPUT_OPENCLAW"); fi
if [ -n "${INPUT_FAIL_ON:-}" ]; then ARGUMENTS+=(--fail-on "$INPUT_FAIL_ON"); fi

CODE=0
"$PROGRAM" "${ARGUMENTS[@]}" --format github --report "sarif=$WORK/openclaw-verify.sarif" --report "json=$WORK/openclaw-verify.json" \
  --report "markdown=$WORK/openclaw-verify.md" 2>"$WORK/errors" || CODE=$?
cat -- "$WORK/errors" >&2
# The shell takes an empty or cut-off program for a script, which ends well.
if [ "$CODE" -le 1 ] && [ ! -s "$WORK/openclaw-verify.json" ]; then stop "$PROGRAM wrote no report"; fi
{
  case $CODE in
    0) printf '## openclaw-verify: passed\n\n' ;;
    1) printf '## openclaw-verify: findings\n\n' ;;
    *) printf '## openclaw-verify: could not be completed (exit %s)\n\n' "$CODE" ;;
  esac
  # A call that was not understood writes no report: why is among the errors alone.
  if [ ! -s "$WORK/openclaw-verify.md" ]; then
    fenced "$WORK/errors"
  # A runner shows no summary above 1 MiB, and does not say so.
  elif [ "$(wc -c <"$WORK/openclaw-verify.md")" -gt 1000000 ]; then
    printf 'The report is too long for this page; the log of this step and the JSON and SARIF reports have it.\n'
  else
    cat -- "$WORK/openclaw-verify.md"
  fi
} >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
{
  printf 'exit-code=%s\n' "$CODE"
  if [ -s "$WORK/openclaw-verify.sarif" ]; then printf 'sarif=%s\n' "$WORK/openclaw-verify.sarif"; fi
  if [ -s "$WORK/openclaw-verify.json" ]; then printf 'json=%s\n' "$WORK/openclaw-verify.json"; fi
} >>"${GITHUB_OUTPUT:-/dev/null}"
exit "$CODE"
