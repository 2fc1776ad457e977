#!/usr/bin/env bash
# Plays a month of one person with a real OpenClaw, and says how many commands they typed in each part. Needs no network, no editor.
#
#   scripts/month.sh REAL [PROGRAM]
#
# REAL is a real OpenClaw as CONTRIBUTING.md describes it (REAL/env.sh); it is only read. PROGRAM is the binary; target/debug's by default.
# Everything is written into a temporary folder. Needs git and script(1).
set -euo pipefail

real=${1:?usage: scripts/month.sh REAL [PROGRAM]}
program=$(realpath -- "${2:-$(dirname -- "$0")/../target/debug/openclaw-verify}")
root=$(mktemp -d)
trap 'rm -rf -- "$root"' EXIT
# shellcheck disable=SC1091
source "$real/env.sh"
export HOME=$root/home OPENCLAW_STATE_DIR=$root/home/.openclaw TMPDIR=$root/tmp
export XDG_CACHE_HOME=$root/cache XDG_CONFIG_HOME=$root/config PAGER=cat NO_COLOR=1
host=$OPENCLAW_HOST_PACKAGE
mkdir -p "$HOME" "$TMPDIR" "$root/policy" "$root/src"
cd "$root/policy"
git init -q -b main
git config user.name Ada
git config user.email ada@example.org
git config commit.gpgsign false

total=0 count=0 part=
begin() { part=$1 count=0; }
end() { printf '%-34s %d\n' "$part" "$count"; total=$((total + count)); }
fail() { printf '%s: %s\n' "$part" "$*" >&2; cat "$root/out" >&2; exit 1; }
# typed EXIT ANSWERS WORD...: one command of a person at a terminal, who gives ANSWERS (y or n, one letter each)
typed() {
  local want=$1 answers=$2 rc=0
  shift 2
  count=$((count + 1))
  local line
  line=$(printf '%q ' "$program" "$@" --openclaw "$host" --no-progress)
  printf '%s' "$answers" | sed 's/./&\n/g' | script -qefc "$line" /dev/null >"$root/out" 2>&1 || rc=$?
  [ "$rc" = "$want" ] || fail "exit $rc in place of $want: $*"
}
says() { grep -q -F -- "$1" "$root/out" || fail "does not say: $1"; }
plugin() {
  mkdir -p "$root/src/$1"
  printf '{"name":"@acme/%s","version":"%s","type":"module","main":"index.js","openclaw":{"extensions":["./index.js"]}}\n' "$1" "$2" >"$root/src/$1/package.json"
  printf '{"id":"%s","name":"%s","description":"x","version":"%s","configSchema":{"type":"object","additionalProperties":false,"properties":{}}}\n' "$1" "$1" "$2" >"$root/src/$1/openclaw.plugin.json"
  printf 'export default { id: "%s", name: "%s", register(_api) {} };\n%s\n' "$1" "$1" "${3:-}" >"$root/src/$1/index.js"
}
openclaw() { oc "$@" </dev/null >"$root/out" 2>&1 || fail "openclaw $*"; }

plugin notes 1.0.0
plugin mail 1.0.0
plugin other 1.0.0
openclaw plugins install "$root/src/notes" --force --accept-capabilities
openclaw plugins install "$root/src/mail" --force --accept-capabilities
openclaw plugins install "$root/src/other" --force --accept-capabilities

begin 'first run'
typed 0 '' lock --init
typed 0 '' check
says 'nothing changed since'
end
git add -A && git commit -qm 'Lock OpenClaw as it is'

begin 'first review'
typed 0 '' review
typed 0 '' review notes --diff
typed 0 yy review path:notes --record --criteria safe-to-run
says 'this makes an exception needless'
typed 0 '' check
end
git add -A && git commit -qm 'Review notes'

begin 'an update by OpenClaw'
plugin notes 1.1.0 '// more'
openclaw plugins install "$root/src/notes" --force --accept-capabilities
typed 0 yy update notes
says '1.0.0 → 1.1.0'
end
"$program" check --openclaw "$host" >"$root/out" 2>&1 || fail 'the update left something open'
git add -A && git commit -qm 'Update notes'

begin "a colleague's branch"
git checkout -q -b colleague HEAD~1
typed 0 '' review path:mail --record --criteria safe-to-run --yes
typed 0 '' policy add rule 'match=npm:@beta/*' pin=digest --yes
# What only the colleague's machine has: a skill whose entry of the lock is beside that of another one here.
skill() {
  mkdir -p "$OPENCLAW_STATE_DIR/workspace/skills/$1"
  printf -- '---\nname: %s\ndescription: x\n---\n\nSay hello.\n' "$1" >"$OPENCLAW_STATE_DIR/workspace/skills/$1/SKILL.md"
}
skill beta
typed 0 '' lock skill:workspace/beta
typed 0 '' review skill:workspace/beta --record --criteria safe-to-run --yes
git add -A && git commit -qm 'Review mail, add beta'
git checkout -q main
rm -r "$OPENCLAW_STATE_DIR/workspace/skills/beta"
skill alpha
typed 0 '' lock skill:workspace/alpha
typed 0 '' review skill:workspace/alpha --record --criteria safe-to-run --yes
typed 0 '' policy add rule 'match=npm:@acme/*' pin=digest --yes
git add -A && git commit -qm 'Pin acme'
if git merge -q --no-edit colleague >"$root/out" 2>&1; then fail 'git could merge two changes of the policy'; fi
typed 2 '' check
says 'policy resolve'
typed 0 y policy resolve
typed 2 '' check
says 'lock --resolve'
typed 0 y lock --resolve
says 'skill:workspace/beta added'
typed 2 '' check
says 'review --resolve'
typed 0 y review --resolve
# The colleague's skill is installed here too.
skill beta
git add -A && git commit -qm 'Merge colleague'
typed 0 '' check
end

begin 'exceptions near their end'
soon=$(date -u -d '+80 days' +%FT%TZ)
typed 0 '' check --now "$soon"
says 'exception-expiring'
says '1 subject left to read'
typed 0 y policy prune --now "$soon"
typed 0 y policy except other unreviewed --until "$(date -u -d '+140 days' +%F)" --reason 'pilot, OPS-12' --now "$soon"
typed 0 '' check --now "$soon"
if grep -q 'exception-expiring' "$root/out"; then fail 'still near its end'; fi
end

begin 'a file is tampered with'
file=$(find "$OPENCLAW_STATE_DIR/extensions/notes" -name index.js | head -n 1)
echo '// evil' >>"$file"
typed 1 '' check
says 'look there first'
typed 0 '' review notes --diff lock
says 'It is not what was locked'
typed 1 '' update notes
says 'that is no update'
end

begin 'recovery'
openclaw plugins install "$root/src/notes" --force --accept-capabilities
typed 0 '' check
end

begin 'a moved state'
cp -a "$OPENCLAW_STATE_DIR" "$root/copy"
typed 0 '' check --state-dir "$root/copy" --relocated-from "$OPENCLAW_STATE_DIR"
end

printf '%-34s %d\n' 'commands in all' "$total"
