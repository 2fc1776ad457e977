#!/usr/bin/env bash
# The action, the GitLab template and the pre-commit hook, by running their steps as the runners do; and our own workflows, read by zizmor.
# OPENCLAW_VERIFY names a program that is built already.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
ROOT=$PWD
if [ -z "${OPENCLAW_VERIFY:-}" ]; then
  cargo build --quiet --release -p openclaw-verify
  OPENCLAW_VERIFY=$(cd -- "${CARGO_TARGET_DIR:-target}/release" && pwd)/openclaw-verify
fi
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
TOOLS=$(mkdir -p "${CARGO_TARGET_DIR:-target}/ci-tools" && cd -- "${CARGO_TARGET_DIR:-target}/ci-tools" && pwd)
OUT=$(mktemp -d)
trap 'rm -rf -- "$OUT"' EXIT
PASSED=0
fail() { echo "failed: $*" >&2; exit 1; }
passed() { PASSED=$((PASSED + 1)); echo "ok: $*"; }

if ! cmp -s ci/zizmor.txt "$TOOLS/zizmor/requirements.txt"; then
  python3 -m venv "$TOOLS/zizmor"
  "$TOOLS/zizmor/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r ci/zizmor.txt
  cp ci/zizmor.txt "$TOOLS/zizmor/requirements.txt"
fi
"$TOOLS/zizmor/bin/zizmor" --offline --no-config --no-progress --quiet --collect=all --persona=pedantic --strict-collection \
  .github action.yml .pre-commit-hooks.yaml || fail zizmor
# It can fail: a step that pastes a title into a shell is found.
mkdir -p "$OUT/bad/.github/workflows"
sed 's|- run: .ci/run|- run: echo ${{ github.event.pull_request.title }}|' .github/workflows/ci.yml >"$OUT/bad/.github/workflows/ci.yml"
if "$TOOLS/zizmor/bin/zizmor" --offline --no-config --quiet "$OUT/bad" >/dev/null 2>&1; then fail 'zizmor finds nothing in a workflow with a hole'; fi
passed 'zizmor: nothing in our workflows, action and hook, not even pedantic'

# A repository of an operator: what testdata/ has, under a name with a space and marks of the shell.
HERE="$OUT/policy \$(touch pwned) \`x\`"
cp -R testdata/states/home/config "$HERE"
# step NAME VARIABLE=VALUE...: the step of action.yml with these inputs and the defaults of the others; sets CODE.
step() {
  local name=$1
  shift
  mkdir -p "$OUT/$name"
  : >"$OUT/$name/output"
  : >"$OUT/$name/summary"
  CODE=0
  python3 - "$@" >"$OUT/$name/environment" <<'PYTHON'
# The defaults of the inputs and the lines of the step, out of action.yml; it is ours and has one form, so no parser is needed.
import re
import sys

text = open("action.yml", encoding="utf-8").read()
inputs = dict.fromkeys(re.findall(r"^  ([a-z0-9-]+):$", text.split("\noutputs:")[0].split("\ninputs:")[1], re.M), "")
for name, default in re.findall(r"^  ([a-z0-9-]+):\n(?:    .*\n)*?    default: (.*)$", text, re.M):
    inputs[name] = default.strip('"')
given = dict(argument.split("=", 1) for argument in sys.argv[1:])
assert given.keys() <= inputs.keys(), given.keys() - inputs.keys()
inputs.update(given)
lines = re.findall(r"^        (INPUT_[A-Z0-9_]+): \$\{\{ inputs\.([a-z0-9-]+) \}\}$", text, re.M)
assert {name for _, name in lines} == inputs.keys()
sys.stdout.write("".join(f"{variable}={inputs[name]}\0" for variable, name in lines))
PYTHON
  local environment=()
  mapfile -d '' -t environment <"$OUT/$name/environment"
  (cd "$OUT/$name" && env -i PATH="$PATH" HOME="$OUT" RUNNER_TEMP="$OUT/$name" GITHUB_ACTION_PATH="$ROOT" GITHUB_OUTPUT="$OUT/$name/output" \
    GITHUB_STEP_SUMMARY="$OUT/$name/summary" "${environment[@]}" bash --noprofile --norc -eo pipefail -c "$RUN") >"$OUT/$name/log" 2>&1 || CODE=$?
}
RUN=$(sed -n "s/^      run: '\(.*\)'$/\1/p" action.yml)
[ -n "$RUN" ] || fail 'action.yml has no step'
said() { sed -n "s/^$2=//p" "$OUT/$1/output"; }

step given "binary=$OPENCLAW_VERIFY" "config=$HERE"
[ "$CODE" = 0 ] || fail "given: exit $CODE: $(cat "$OUT/given/log")"
[ "$(said given exit-code)" = 0 ] || fail 'given: no exit code'
grep -q '^::warning file=.*openclaw-verify.lock,line=[0-9]*,title=openclaw-verify/' "$OUT/given/log" || fail 'no annotations'
python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["runs"][0]["results"]; assert json.load(open(sys.argv[2]))["findings"]' "$(said given sarif)" "$(said given json)"
grep -q '^## openclaw-verify: passed$' "$OUT/given/summary" && grep -q '^#### warn: unreviewed' "$OUT/given/summary" && grep -q 'locked packages' "$OUT/given/summary" || fail 'no summary'
step strict "binary=$OPENCLAW_VERIFY" "config=$HERE" fail-on=warn
[ "$CODE" = 1 ] && [ "$(said strict exit-code)" = 1 ] && grep -q '^## openclaw-verify: findings$' "$OUT/strict/summary" || fail "strict: exit $CODE"
step installed "binary=$OPENCLAW_VERIFY" "config=$HERE" lock-only=false "state-dir=$ROOT/testdata/states/home/.openclaw" relocated-from=/home/user/.openclaw
[ "$CODE" = 0 ] && grep -q '11 subjects' "$OUT/installed/summary" || fail "installed: exit $CODE: $(cat "$OUT/installed/log")"
step nowhere "binary=$OPENCLAW_VERIFY" "config=$OUT/nowhere"
[ "$CODE" = 2 ] && grep -q 'could not be completed (exit 2)' "$OUT/nowhere/summary" || fail "nowhere: exit $CODE"
grep -q '^Next: .*--config' "$OUT/nowhere/summary" || fail "nowhere: no way out in the summary: $(cat "$OUT/nowhere/summary")"
step bogus "binary=$OPENCLAW_VERIFY" "config=$HERE" fail-on=bogus
[ "$CODE" = 2 ] && grep -q 'bogus' "$OUT/bogus/summary" || fail "bogus: no reason in the summary: $(cat "$OUT/bogus/summary")"
cp -R -- "$HERE" "$OUT/unmerged"
printf '<<<<<<< a\n=======\n>>>>>>> b\n' >>"$OUT/unmerged/openclaw-verify.lock"
step unmerged "binary=$OPENCLAW_VERIFY" "config=$OUT/unmerged"
[ "$CODE" = 2 ] && grep -q 'openclaw-verify.lock:[0-9]*: ' "$OUT/unmerged/summary" && grep -q 'openclaw-verify lock --resolve' "$OUT/unmerged/summary" ||
  fail "unmerged: no place and no command in the summary: $(cat "$OUT/unmerged/summary")"
for wrong in 'config=.' 'version=1.2.3' "version=1.2.3;id" 'binary=/nowhere' $'binary=/nowhere\n::notice::passed' lock-only=True; do
  step wrong "$wrong" sha256=
  [ "$CODE" = 2 ] && [ "$(said wrong exit-code)" = 2 ] && ! grep -q '^::notice' "$OUT/wrong/log" && grep -q '^::error title=openclaw-verify::' "$OUT/wrong/log" && grep -q '^```text$' "$OUT/wrong/summary" || fail "$wrong: exit $CODE"
done
passed 'action: given program, annotations, SARIF, JSON, summary, exit codes 0, 1 and 2'

case $(uname -sm) in
  'Linux x86_64') TARGET=x86_64-unknown-linux-musl ;;
  'Linux aarch64') TARGET=aarch64-unknown-linux-musl ;;
  *) TARGET= ;;
esac
if [ -n "$TARGET" ]; then
  archive=$(packages/archive/build.sh "$OPENCLAW_VERIFY" "$TARGET" "$OUT/mirror")
  digest=$(sha256sum <"$archive" | cut -d' ' -f1)
  step mirror "version=$VERSION" "sha256=$digest" "mirror=$OUT/mirror" "config=$HERE"
  [ "$CODE" = 0 ] || fail "mirror: exit $CODE: $(cat "$OUT/mirror/log")"
  printf 'x' >>"$archive"
  step tampered "version=$VERSION" "sha256=$digest" "mirror=$OUT/mirror" "config=$HERE"
  [ "$CODE" = 2 ] && grep -q 'has another SHA-256' "$OUT/tampered/log" || fail "tampered: exit $CODE"
  [ -z "$(find "$OUT/tampered" -name openclaw-verify -type f)" ] || fail 'an archive with another digest was unpacked'
  passed 'action: the archive of a release by its digest; another digest is not unpacked'
fi

# What a program says that wrote no report could end the fence, and the rest be read as markdown.
printf '#!/bin/sh\nprintf "%%s\\n" "\`\`\`\`" "<img src=x>" >&2\nexit 2\n' >"$OUT/hostile"
chmod 755 "$OUT/hostile"
step fence "binary=$OUT/hostile"
[ "$(grep -nE '^`{5}(text)?$' "$OUT/fence/summary" | cut -d: -f2 | tr '\n' ' ')" = '`````text ````` ' ] || fail "the fence can be left: $(cat "$OUT/fence/summary")"
# A shell would take an empty program for a script that ends well.
: >"$OUT/nothing"
chmod 755 "$OUT/nothing"
step empty "binary=$OUT/nothing" "config=$HERE"
[ "$CODE" = 2 ] && [ "$(said empty exit-code)" = 2 ] || fail "an empty program passes: exit $CODE"
# Nor is a report that no runner would show taken for one.
printf '#!/bin/sh\nfor a; do case $a in markdown=*) head -c 1100000 /dev/zero | tr "\\0" x >"${a#markdown=}" ;; json=*) echo {} >"${a#json=}" ;; esac; done\n' >"$OUT/hostile"
step long "binary=$OUT/hostile"
grep -q 'too long for this page' "$OUT/long/summary" && [ "$(wc -c <"$OUT/long/summary")" -lt 1000 ] || fail 'a summary above 1 MiB'
[ ! -e "$OUT/pwned" ] && [ -z "$(find "$OUT" -name pwned)" ] || fail 'an input was run'

# GitLab's runner gives the script to a shell, line by line; there is one.
sed -n '/^    - |$/,/^  artifacts:$/p' packages/ci/gitlab.yml | sed '1d;$d; s/^      //' >"$OUT/gitlab.sh"
mkdir "$OUT/gitlab"
cp -R "$HERE/." "$OUT/gitlab/"
(cd "$OUT/gitlab" && OPENCLAW_VERIFY_BINARY=$OPENCLAW_VERIFY sh "$OUT/gitlab.sh") >"$OUT/gitlab.log" 2>&1 || fail "GitLab: $(cat "$OUT/gitlab.log")"
python3 -c 'import sys, xml.etree.ElementTree as t; assert t.parse(sys.argv[1]).getroot().tag == "testsuites"' "$OUT/gitlab/openclaw-verify.xml"
# A merge request that brings a green report, and a link where the archive could go: there is no archive, so there is no report.
mkdir "$OUT/no-curl" "$OUT/merge"
printf '#!/bin/sh\nexit 22\n' >"$OUT/no-curl/curl"
chmod 755 "$OUT/no-curl/curl"
cp -R "$HERE/." "$OUT/merge/"
printf '<testsuites tests="1" failures="0"/>\n' >"$OUT/merge/openclaw-verify.xml"
ln -s ../outside "$OUT/merge/openclaw-verify.tar.gz"
if (cd "$OUT/merge" && PATH=$OUT/no-curl:$PATH OPENCLAW_VERIFY_VERSION=1.2.3 OPENCLAW_VERIFY_SHA256=0 sh "$OUT/gitlab.sh") >"$OUT/merge.log" 2>&1; then
  fail 'GitLab: green without a program'
fi
[ ! -e "$OUT/merge/openclaw-verify.xml" ] && [ ! -e "$OUT/outside" ] || fail 'GitLab: what the merge request brings is the report of the job'
passed 'GitLab template: JUnit and JSON, its own only'

# The hook, as pre-commit runs it: its entry, in a repository, with the program on PATH.
entry=$(sed -n 's/^  entry: //p' .pre-commit-hooks.yaml)
mkdir "$OUT/bin"
ln -s "$OPENCLAW_VERIFY" "$OUT/bin/openclaw-verify"
# shellcheck disable=SC2086 # it splits at spaces, as pre-commit does
(cd "$OUT/gitlab" && PATH=$OUT/bin:$PATH $entry) >"$OUT/hook.log" 2>&1 || fail "hook: $(cat "$OUT/hook.log")"
sed -i.bak 's/sha256:[0-9a-f]\{8\}/sha256:nothexno/' "$OUT/gitlab/openclaw-verify.lock"
if (cd "$OUT/gitlab" && PATH=$OUT/bin:$PATH $entry) >/dev/null 2>&1; then fail 'the hook is content with a broken lock'; fi
passed 'pre-commit hook: passes the shipped lock, refuses a broken one'
echo "$PASSED passed, 0 failed"
