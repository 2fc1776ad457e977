#!/usr/bin/env bash
# Runs the recipes of fleet/ as far as this machine can: DuckDB and SQLite on a made-up fleet, promtool on the alerts, the dashboard's
# expressions and gauges of the real program, Kubernetes' schemas on the manifests, the units by their service manager. Prints what was
# not run. With `scan`: the scan by Ray, with a worker that is killed (minutes).
#
#     ci/fleet.sh [HOSTS]        (2000)
#     ci/fleet.sh scan [COUNT]   (2000)
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
tools=$(realpath -m -- "${CARGO_TARGET_DIR:-target}/fleet-tools")
verifier=${VERIFIER:-${CARGO_TARGET_DIR:-target}/debug/openclaw-verify}
[ -x "$verifier" ] || cargo build --quiet --workspace --tests
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

not_run() { printf 'not run: %s\n' "$*"; }

# python NAME REQUIREMENT...: the interpreter of an environment with these packages.
python() {
  local name=$1
  shift
  mkdir -p -- "$tools"
  if [ ! -x "$tools/$name/bin/python" ]; then
    python3 -m venv "$tools/$name" && "$tools/$name/bin/pip" install --quiet --disable-pip-version-check "$@" || {
      rm -rf -- "${tools:?}/$name"
      return 1
    }
  fi
  printf '%s\n' "$tools/$name/bin/python"
}

# What Debian's package prometheus brings; it is taken out of the package, so that no service is installed.
tool_of_prometheus() {
  type -P promtool && return
  if [ ! -x "$tools/prometheus/usr/bin/promtool" ]; then
    mkdir -p -- "$tools/prometheus"
    (cd -- "$tools/prometheus" && apt-get download -qq prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb) >/dev/null 2>&1 || return 1
  fi
  printf '%s\n' "$tools/prometheus/usr/bin/promtool"
}

if [ "${1-}" = scan ]; then
  interpreter=$(python scan -r fleet/requirements-scan.txt) || { not_run 'the scan: no Ray'; exit 0; }
  "$interpreter" fleet/scan_check.py "$verifier" "${2:-2000}"
  exit
fi

# Rows and gauges of the real program, from the state in testdata.
cp -a testdata/states/home/.openclaw "$work/state"
mkdir "$work/config"
call=(--state-dir "$work/state" --relocated-from /home/user/.openclaw --config "$work/config")
"$verifier" lock --init "${call[@]}" >/dev/null
"$verifier" check "${call[@]}" -q --report "jsonl=$work/rows.jsonl" --report "prometheus=$work/gauges.prom" >/dev/null

# Rows that are signed: what holds passes, and nothing else.
ssh-keygen -q -t ed25519 -N '' -C gw-1 -f "$work/key"
printf 'gw-1 namespaces="openclaw-verify-event" %s\n' "$(cat "$work/key.pub")" >"$work/allowed_signers"
"$verifier" check "${call[@]}" --format jsonl --host-label gw-1 --sign-ssh "$work/key" >"$work/signed.jsonl"
fleet/verify-rows.py "$work/allowed_signers" "$work/signed.jsonl" | cmp - <(head -n -1 "$work/signed.jsonl")
for change in '1d' '1p' 's/gw-1/gw-2/' 's/"verified"/"violated"/' '$d'; do
  if [ -n "$(sed "$change" "$work/signed.jsonl" | fleet/verify-rows.py "$work/allowed_signers" - 2>/dev/null | sed -n 1p)" ] && [ "$change" != 1p ]; then
    printf 'rows passed after %s\n' "$change"
    exit 1
  fi
  if sed "$change" "$work/signed.jsonl" | fleet/verify-rows.py "$work/allowed_signers" - >/dev/null 2>&1; then
    printf 'no word of %s\n' "$change"
    exit 1
  fi
done
# A row with a key twice does not pass, though its own machine signed it.
head -n 1 "$work/signed.jsonl" | sed 's/"host":"gw-1"/"host":"gw-2",&/' >"$work/twice.jsonl"
ssh-keygen -q -Y sign -f "$work/key" -n openclaw-verify-event "$work/twice.jsonl"
python3 - "$work/twice.jsonl.sig" >>"$work/twice.jsonl" <<'END'
import json, sys
print(json.dumps({"event": "signature", "host": "gw-1", "signature": {"rows": 1, "armor": open(sys.argv[1]).read()}}))
END
if fleet/verify-rows.py "$work/allowed_signers" "$work/twice.jsonl" >"$work/passed.jsonl" 2>/dev/null || [ -s "$work/passed.jsonl" ]; then
  echo 'a row with two hosts passed'
  exit 1
fi
# What anyone can write between them stops no row behind it.
for odd in '{"event":"signature"}' '{"event":"subject"}' '[]' '7' '{"event":[]}' '{"event":"signature","host":7,"signature":{"rows":true}}' '{'; do
  (fleet/verify-rows.py "$work/allowed_signers" <(printf '%s\n' "$odd" | cat - "$work/signed.jsonl") 2>/dev/null || [ $? = 1 ]) \
    | cmp - <(head -n -1 "$work/signed.jsonl")
done
echo 'ssh-keygen: signed rows, five changes of them, one with two hosts, and what is no row before them'
# A run that fails says so in its gauges, and when the last verdict was.
mv "$work/config/openclaw-verify.lock" "$work/lock"
cp "$work/gauges.prom" "$work/failed.prom"
code=0
"$verifier" check "${call[@]}" -q --report "prometheus=$work/failed.prom" >/dev/null 2>&1 || code=$?
mv "$work/lock" "$work/config/openclaw-verify.lock"
[ "$code" = 2 ] && grep -qx 'openclaw_verify_exit_code 2' "$work/failed.prom"
cmp <(grep ^openclaw_verify_last_success "$work/gauges.prom") <(grep ^openclaw_verify_last_success "$work/failed.prom")

if interpreter=$(python recipes -r fleet/requirements.txt); then
  "$interpreter" fleet/check.py --hosts "${1:-2000}" --work "$work/fleet" --real "$work/rows.jsonl"
else
  not_run 'DuckDB and SQLite: no duckdb'
fi
fleet/grafana/make.py --check --rules >"$work/panels.yml"
if tool=$(tool_of_prometheus); then
  "$tool" check metrics <"$work/gauges.prom" >/dev/null
  "$tool" check metrics <"$work/failed.prom" >/dev/null
  "$tool" check rules fleet/prometheus/rules.yml "$work/panels.yml" >/dev/null
  (cd fleet/prometheus && "$tool" test rules tests.yml >/dev/null)
  echo 'promtool: gauges, alerts with their tests, expressions of the dashboard'
else
  not_run 'Prometheus: no promtool'
fi
if interpreter=$(python kubernetes kubernetes-validate==1.37.0); then
  "$interpreter" fleet/kubernetes/check.py
else
  not_run 'the manifests: no kubernetes-validate'
fi
if interpreter=$(python rego regopy==1.5.2); then
  "$verifier" check "${call[@]}" --format json >"$work/report.json"
  # A plugin that OpenClaw has no record of, and a run that reaches no verdict.
  cp -a "$work/state" "$work/other"
  mkdir -p "$work/other/extensions/evil"
  printf '{"id":"evil","configSchema":{"type":"object"}}' >"$work/other/extensions/evil/openclaw.plugin.json"
  printf '{"name":"evil","version":"1.0.0","openclaw":{"extensions":["./index.js"]}}' >"$work/other/extensions/evil/package.json"
  : >"$work/other/extensions/evil/index.js"
  code=0
  "$verifier" check --state-dir "$work/other" "${call[@]:2}" --format json >"$work/denied.json" || code=$?
  [ "$code" = 1 ]
  code=0
  "$verifier" check --state-dir "$work/none" "${call[@]:2}" --format json >"$work/error.json" 2>/dev/null || code=$?
  [ "$code" = 2 ]
  "$interpreter" fleet/rego/check.py "$work/report.json" "$work/denied.json" "$work/error.json"
else
  not_run 'Rego: no regopy'
fi
if command -v opa >/dev/null; then opa check --strict fleet/rego; else not_run 'OPA and Conftest: they are not here'; fi
if command -v systemd-analyze >/dev/null; then
  # It has no program at /usr/bin here, and says so; anything else is a mistake of the unit.
  wrong=$(systemd-analyze verify profiles/openclaw-verify-watch.service 2>&1 | grep -v 'openclaw-verify is not executable' || true)
  [ -z "$wrong" ] || { printf '%s\n' "$wrong"; exit 1; }
  echo 'systemd-analyze: the unit of watch'
else
  not_run 'the unit of watch: no systemd-analyze'
fi
python3 -c 'import plistlib, sys; plistlib.load(open(sys.argv[1], "rb"))' profiles/org.openclaw-verify.watch.plist
not_run 'Grafana, osquery, a cluster, Dependency-Track, GUAC, service managers: they are not here'
