#!/usr/bin/env bash
# Makes testdata/states/home: the state dir that a real OpenClaw leaves behind after installing the plugins, bundle, hook pack, skill
# and MCP server in testdata/sources. Run it again when OpenClaw's layout changes; the result is committed.
#
#   testdata/make-state.sh NODE OPENCLAW_PACKAGE
#
# NODE: the node binary; OPENCLAW_PACKAGE: the folder of an installed `openclaw` package. Needs npm, tar, python3.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,/^set -euo/p' "$0" | sed -e '$d' -e 's/^# \{0,1\}//'; exit 2; }
NODE=$(realpath "$1") PACKAGE=$(realpath "$2")
HERE=$(cd -- "$(dirname -- "$0")" && pwd -P)
WORK=$(mktemp -d)
trap 'rm -rf -- "$WORK"' EXIT

mkdir -p "$WORK/home/bin" "$WORK/home/src"
ln -s "$NODE" "$WORK/home/bin/node"
cp -R "$HERE/sources/." "$WORK/home/src/"
export HOME=$WORK/home OPENCLAW_STATE_DIR=$WORK/home/.openclaw PATH=$WORK/home/bin:$PATH
export npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
oc() { "$NODE" "$PACKAGE/openclaw.mjs" "$@"; }
third_party() { oc plugins install "$@" --force --accept-capabilities; }

cd "$HOME/src"
npm pack --silent --ignore-scripts ./plugin-packed
tar --transform 's,^plugin-archived,package,' -czf archived.tgz plugin-archived
third_party ./plugin-notes
third_party -l ./plugin-linked
third_party npm-pack:./acme-packed-1.2.0.tgz
third_party ./archived.tgz
third_party ./bundle
third_party ./hook-pack
oc skills install ./skill-weather
oc mcp set files '{"command":"npx","args":["-y","@acme/files@1.2.3"],"env":{"TOKEN":"not-a-secret"}}'

python3 "$HERE/clean-state.py" "$WORK/home" "$PACKAGE" "$HERE/states/home"
